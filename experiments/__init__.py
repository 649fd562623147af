"""Declared experiments: a grid of runs -> results/NAME.jsonl -> tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emorec.errors import BadInput
from emorec.reporting import quiet
from emorec.types import FilePath, Numbers, Strings
from experiments.runs import Run, execute, load_results, recorded_keys
from experiments.tables import summary, table

if TYPE_CHECKING:
    import argparse

__all__ = [
    "Run",
    "declared",
    "execute",
    "load_results",
    "names",
    "perform",
    "summary",
    "table",
]


def _experiments():
    with quiet():
        from experiments import attention, faces, multimodal, pairs, pooling, text, vectors, voice
        from experiments.pretrained import evaluate, evaluate_faces

    modules = (text, attention, pooling, vectors, faces, multimodal, pairs, voice, evaluate, evaluate_faces)
    return {name: runs for module in modules for name, runs in module.EXPERIMENTS.items()}


def names() -> list[str]:
    """Names of the declared experiments."""
    return sorted(_experiments())


def declared(
    name: str, dataset: str | None = None, seeds: Numbers | None = None, folds: Numbers | None = None,
    models: Strings | None = None,
) -> list[Run]:  # fmt: skip
    """The runs of an experiment.

    Args:
        name: One of `names()`.
        dataset: Only the runs on this dataset.
        seeds, folds, models: Only the runs with these seeds, of these folds, or in these rows of the table.

    Raises:
        BadInput: There is no such experiment, or nothing of it is left.
    """
    found = _experiments()
    if name not in found:
        raise BadInput(f"There is no experiment {name!r}; declared are {', '.join(sorted(found))}.")
    runs = [
        run
        for run in found[name]()
        if (dataset is None or run.dataset == dataset)
        and (seeds is None or run.seed in seeds)
        and (folds is None or run.fold is None or run.fold in folds)
        and (models is None or run.model in models)
    ]
    if not runs:
        known = ", ".join(dict.fromkeys(run.model for run in found[name]()))
        raise BadInput(
            f"Experiment {name!r} has no run with dataset={dataset!r}, seeds={seeds}, folds={folds}, models={models}; "
            f"its models are {known}."
        )
    return runs


def perform(
    runs: list[Run], jobs: int = 1, folder: FilePath | None = None, progress: Callable[[str], None] = print
) -> list[dict]:
    """Executes the runs that are not recorded yet; each is recorded when it is done, so a kill loses one run.

    Args:
        runs: From `declared`.
        jobs: Processes at once; through joblib, so ``joblib.parallel_config(backend="dask")`` spreads them
            over a cluster.
        folder: Where the records go; None takes the checkout's results/.
        progress: Receives a line per run; None is silent.
    """
    import joblib

    there = {key for name in {r.experiment for r in runs} for key in recorded_keys(name, folder)}
    pending = [r for r in runs if (r.experiment, *r.key) not in there]
    if progress is not None:
        progress(f"{len(runs) - len(pending)} of {len(runs)} runs are there already.")
    outcomes = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
        joblib.delayed(execute)(run, folder) for run in pending
    )
    for i, content in enumerate(outcomes):
        if progress is not None:
            run, metrics = content["run"], content["metrics"]
            first = ", ".join(f"{k} {_number(v):.4f}" for k, v in list(metrics.items())[:2])
            fold = "" if run["fold"] is None else f" fold {run['fold']}"
            progress(f"{i + 1}/{len(pending)} {run['dataset']} {run['model']}{fold} seed {run['seed']}: {first}"
                     f" ({content['seconds']} s)")  # fmt: skip
    return [execute(run, folder) for run in runs]


def _number(value):
    return value[0] if isinstance(value, (list, tuple)) else value


# Command line


def add_parsers(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``run`` and ``list`` to the command line."""
    parser = subparsers.add_parser("run", help="run a declared experiment; resumes run by run")
    parser.add_argument("name")
    parser.add_argument("--dataset")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--folds", type=int, nargs="+")
    parser.add_argument("--models", nargs="+", help="rows of its table, e.g. VGG")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.set_defaults(run=_experiment_command)
    parser = subparsers.add_parser("list", help="the declared experiments")
    parser.set_defaults(run=_list_command)


def _list_command(options):
    for name, runs in sorted(_experiments().items()):
        print(f"{name}: {len(runs())} runs. {runs.__doc__.splitlines()[0]}")
    return 0


def _experiment_command(options):
    perform(declared(options.name, options.dataset, options.seeds, options.folds, options.models), options.jobs)
    print(table(options.name))
    return 0
