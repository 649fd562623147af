"""python -m experiments run NAME | list | verify NAME"""

import argparse
import sys

import experiments
from emorec.__main__ import command_line
from emorec.types import Strings
from experiments import schedule, verify

COMMANDS = ("run", "list", "verify", "-h", "--help")


def add_parsers(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``run``, ``list`` and ``verify`` to the command line."""
    parser = subparsers.add_parser("run", help="run a declared experiment; resumes run by run")
    _add_choice(parser)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--threads", type=int, default=1, help="threads of each run (1: numbers come again anywhere)")
    parser.add_argument("--backend", choices=schedule.BACKENDS, default="local", help="dask: on a cluster")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of Dask, such as tcp://10.0.0.5:8786")
    parser.set_defaults(run=_run_command)
    parser = subparsers.add_parser("list", help="the declared experiments")
    parser.set_defaults(run=_list_command)
    parser = subparsers.add_parser("verify", help="do one recorded run of an experiment anew, and compare")
    _add_choice(parser)
    parser.set_defaults(run=_verify_command)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--dataset")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--folds", type=int, nargs="+")
    parser.add_argument("--models", nargs="+", help="rows of its table, e.g. VGG")


def _chosen(options):
    return experiments.declared(options.name, options.dataset, options.seeds, options.folds, options.models)


def _run_command(options) -> int:
    schedule.perform(
        _chosen(options),
        options.jobs,
        backend=options.backend,
        scheduler=options.scheduler,
        threads=options.threads or None,
    )
    print(experiments.table(options.name))
    return 0


def _list_command(options) -> int:
    for name, about, count in experiments.overview():
        print(f"{name}: {count} runs. {about}")
    return 0


def _verify_command(options) -> int:
    entry = verify.verify(options.name, _chosen(options))
    print(verify.sentence(entry))
    return 0 if entry["equal"] else 1


def main(arguments: Strings | None = None) -> int:
    """``python -m experiments NAME ...`` is short for ``python -m experiments run NAME ...``."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] not in COMMANDS:
        arguments = ["run", *arguments] if arguments else ["list"]
    return command_line("python -m experiments", "Declared runs on real data.", (add_parsers,), arguments)


if __name__ == "__main__":
    sys.exit(main())
