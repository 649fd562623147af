"""Declared experiments: settings/NAME.toml -> runs -> results/NAME.jsonl -> tables."""

from collections.abc import Iterator

from emorec.errors import BadInput
from emorec.types import Numbers, Strings
from experiments.declarations import about, names, runs_of
from experiments.runs import Run, execute, load_results
from experiments.schedule import perform
from experiments.tables import summary, table

__all__ = [
    "Run",
    "declared",
    "execute",
    "load_results",
    "names",
    "overview",
    "perform",
    "summary",
    "table",
]


def overview() -> Iterator[tuple[str, str, int]]:
    """Yields the name, the description and the number of runs of each declared experiment."""
    for name in names():
        yield name, about(name), len(runs_of(name))


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
    if name not in names():
        raise BadInput(f"There is no experiment {name!r}; declared are {', '.join(names())}.")
    chosen = [
        run
        for run in runs_of(name)
        if (dataset is None or run.dataset == dataset)
        and (seeds is None or run.seed in seeds)
        and (folds is None or run.fold is None or run.fold in folds)
        and (models is None or run.model in models)
    ]
    if not chosen:
        known = ", ".join(dict.fromkeys(run.model for run in runs_of(name)))
        raise BadInput(
            f"Experiment {name!r} has no run with dataset={dataset!r}, seeds={seeds}, folds={folds}, models={models}; "
            f"its models are {known}."
        )
    return chosen
