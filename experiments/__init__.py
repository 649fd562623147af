"""Declared experiments: a grid of runs -> results/NAME.jsonl -> tables."""

from collections.abc import Iterator

from emorec.errors import BadInput
from emorec.reporting import quiet
from emorec.types import Numbers, Strings
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


def _experiments():
    with quiet():
        from experiments import attention, faces, minilm, multimodal, pairs, pooling, text, vectors, voice
        from experiments.pretrained import evaluate, evaluate_faces, tilt

    modules = (
        text,
        attention,
        pooling,
        vectors,
        faces,
        multimodal,
        minilm,
        pairs,
        voice,
        evaluate,
        evaluate_faces,
        tilt,
    )
    return {name: runs for module in modules for name, runs in module.EXPERIMENTS.items()}


def names() -> list[str]:
    """Names of the declared experiments."""
    return sorted(_experiments())


def overview() -> Iterator[tuple[str, str, int]]:
    """Yields the name, the first line of the description and the number of runs of each declared experiment."""
    for name, runs in sorted(_experiments().items()):
        yield name, runs.__doc__.splitlines()[0], len(runs())


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
    experiments = _experiments()
    if name not in experiments:
        raise BadInput(f"There is no experiment {name!r}; declared are {', '.join(sorted(experiments))}.")
    runs = [
        run
        for run in experiments[name]()
        if (dataset is None or run.dataset == dataset)
        and (seeds is None or run.seed in seeds)
        and (folds is None or run.fold is None or run.fold in folds)
        and (models is None or run.model in models)
    ]
    if not runs:
        known = ", ".join(dict.fromkeys(run.model for run in experiments[name]()))
        raise BadInput(
            f"Experiment {name!r} has no run with dataset={dataset!r}, seeds={seeds}, folds={folds}, models={models}; "
            f"its models are {known}."
        )
    return runs
