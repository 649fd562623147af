"""Datasets by name: cards, a cache, readers of official formats, and splits that are functions of a seed."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from emorec.arguments import explained
from emorec.datasets.base import Dataset, Split
from emorec.datasets.cards import get as card
from emorec.datasets.cards import names

# Public functions of rooms that are imported only when they are used.
_LAZY = {
    "from_table": "table", "meld_table": "text",
    "from_folder": "folders", "ferplus_distributions": "fer", "ferplus_votes": "fer", "subject_folds": "faces",
}  # fmt: skip

__all__ = ["Dataset", "Split", "card", "load", "names", *_LAZY]


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.readers.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@explained
def load(
    name: str, *, path: str | Path | None = None, root: str | Path | None = None, fold: int = 0, folds: int = 10,
    seed: int = 0, validation: float = 0.1, download: bool = True, **options: Any,
) -> Dataset:  # fmt: skip
    """A dataset by name.

    Args:
        name: One of `names`.
        path: The folder, archive or file that holds it; found below the data roots where None.
        root: The data root; ``$EMOREC_DATA``, then the user cache, where None.
        fold: Which fold is the test set, for datasets without an official split.
        folds: How many folds.
        seed: Seed of the folds, of a validation split taken from train, and of what the rendered samples draw.
        validation: Share of the training rows taken for validation where there is no official split for it.
        download: Fetch it from its official home if it is not here and no form is in the way.
        **options: For its reader, e.g. ``level="document"`` for finegrained-sentiment.

    Returns:
        A `Dataset`; its ``notes`` tell of duplicates, dropped rows and counts other than the published ones.

    Raises:
        BadInput: An unknown name, or a fold that does not apply.
        DataMissing: Not on this machine, and what to do about it.
        DataCorrupt: There, but truncated or not data.
    """
    from emorec.datasets import splits, store, verify
    from emorec.datasets.download import fetch
    from emorec.datasets.readers import sample
    from emorec.errors import DataMissing
    from emorec.notices import notice

    entry = card(name)
    if seed and entry.synthetic:
        options["seed"] = seed
    try:
        place = sample.sample_root() if entry.bundled else store.locate(entry, path, root)
    except DataMissing:
        if not (download and entry.urls and path is None):
            raise
        place = fetch(entry, root)
    rows = entry.read(place, **options)
    if isinstance(rows, Dataset):
        return _with_source(rows, entry)
    problems = verify.count_problems(rows, entry.expected if rows.expected is None else rows.expected)
    if problems:
        problem = f"{name} in {place}: {'; '.join(problems)}. A truncated or altered copy?"
        notice(problem)
        rows.notes = (problem, *rows.notes)
    dataset = splits.assemble(name, rows, card=entry, fold=fold, folds=folds, seed=seed, validation=validation)
    return _with_source(dataset, entry)


def _with_source(dataset, card):
    """The dataset, whose splits know whether their pictures were rendered when it was loaded."""
    if not (card.synthetic and card.modality in ("faces", "multimodal")):
        return dataset
    splits = {name: replace(getattr(dataset, name), source="rendered") for name in ("train", "validation", "test")}
    return replace(dataset, **splits)
