"""python -m emorec score | models | data | run"""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from emorec.errors import BadInput, EmorecError
from emorec.types import Strings


def command_line(prog: str, description: str, adders: Sequence[Callable], arguments: Strings | None = None) -> int:
    """Parses and carries out a command; errors of this package and of the system become one line and exit status 2.

    Args:
        prog, description: Of the help text.
        adders: Functions that add commands to the subparsers; each command sets ``run``, which takes the options.
        arguments: List of str; None takes those of the process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stdout is None or sys.stderr is None:  # closed by the shell, or of a service
        nowhere = open(os.devnull, "w")  # noqa: SIM115
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # texts and names that a terminal's encoding lacks are shown as escapes
            stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog=prog, description=description)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in adders:
        add(subparsers)
    options = parser.parse_args(arguments)
    try:
        _refuse_empty(vars(options))
        status = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        _close_output()
        return 0
    except (EmorecError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        _close_output()  # what is left for a full disk would fail once more
        return 2
    except KeyboardInterrupt:
        return _stopped()


def _refuse_empty(options):
    """An empty value is that of a shell's variable that is not set; what is left out has none."""
    if empty := [name for name, value in options.items() if isinstance(value, str) and not value]:
        raise BadInput(f"{empty[0]} is empty: give a value, or leave it out.")


def _stopped():
    print("stopped; run the same command again to go on.", file=sys.stderr)
    return 130


def _close_output():
    with contextlib.suppress(OSError, ValueError):  # a test's output has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _add_run(subparsers):
    """``run`` executes notebooks, which stand in a checkout and not in the wheel."""
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "tools" / "notebooks.py").is_file():
        if str(checkout) not in sys.path:
            sys.path.insert(0, str(checkout))
        # By name, since the package imports nothing that stands above it.
        importlib.import_module("tools.notebooks").add_run_parser(subparsers)
        return
    parser = subparsers.add_parser("run", help="execute a notebook (in a checkout of the project)")
    parser.add_argument("notebook", nargs="*")
    parser.set_defaults(run=_without_checkout)


def _without_checkout(options):
    raise BadInput(
        "`run` executes the project's notebooks, which the installed package does not hold: clone or unzip the "
        "project, and run the command in its folder."
    )


def main(arguments: Strings | None = None) -> int:
    try:
        from emorec import scoring
        from emorec.datasets import commands
    except KeyboardInterrupt:
        return _stopped()

    adders = (scoring.add_parsers, commands.add_parser, _add_run)
    return command_line("python -m emorec", "Emotion recognition: score, models, data, notebooks.", adders, arguments)


if __name__ == "__main__":
    sys.exit(main())
