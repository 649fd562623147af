"""The texts that the shared encoder learns from, and their targets for three questions."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emorec import datasets
from emorec.labels import EMOTIONS7, GOEMOTIONS
from emorec.types import Strings

# The Ekman table of the GoEmotions paper (Demszky et al. 2020, arXiv:2005.00547), neutral kept.
EKMAN = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "happiness": ("joy", "amusement", "approval", "excitement", "gratitude", "love", "optimism", "relief", "pride",
                  "admiration", "desire", "caring"),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "realization", "confusion", "curiosity"),
    "neutral": ("neutral",),
}  # fmt: skip
SEVEN_OF = {fine: coarse for coarse, names in EKMAN.items() for fine in names}
NEGATIVE = ("anger", "disgust", "fear", "sadness")
POLARITY_OF = {"happiness": 1} | dict.fromkeys(NEGATIVE, 0)  # surprise and neutral have none


@dataclass
class Row:
    """A text and what is known of it; None where a question has no answer for it.

    Attributes:
        text: The text.
        seven: Index in `EMOTIONS7`.
        fine: float32 (28,), 1 for each of its labels in `GOEMOTIONS`.
        polarity: 0 negative, 1 positive.
        kind: Of the bundled sentences; ``0.1`` for those of that version.
    """

    text: str
    seven: int | None = None
    fine: np.ndarray | None = None
    polarity: int | None = None
    kind: str = ""


def seven_of(labels: Strings) -> str | None:
    """The one coarse emotion of a tuple of fine ones, or None where they have several."""
    coarse = {SEVEN_OF[label] for label in labels}
    return coarse.pop() if len(coarse) == 1 else None


def goemotions(split: str) -> list[Row]:
    """A split of GoEmotions: 28 labels, the coarse emotion of rows that have one, polarity where all labels agree."""
    rows, part = [], getattr(datasets.load("goemotions"), split)
    for text, labels in zip(part.inputs, part.labels):
        coarse = [SEVEN_OF[label] for label in labels]
        signs = {POLARITY_OF[name] for name in coarse if name in POLARITY_OF}
        seven = seven_of(labels)
        fine = np.isin(GOEMOTIONS.names, labels).astype("float32")
        rows.append(Row(text, seven and EMOTIONS7.index(seven), fine, signs.pop() if len(signs) == 1 else None))
    return rows


def sentences(split: str, version: str = "0.2") -> list[Row]:
    """A split of the bundled sentences; of version 0.1 only the older ones."""
    part, kinds = getattr(datasets.load("sample-sentences"), split), _kinds()
    rows = [
        Row(text, EMOTIONS7.index(label), polarity=POLARITY_OF.get(label), kind=kinds[name] or "0.1")
        for text, label, name in zip(part.inputs, part.labels, part.ids)
    ]
    return rows if version == "0.2" else [row for row in rows if row.kind == "0.1"]


@functools.cache
def _kinds():
    from emorec.datasets.readers.sample import sample_root

    with open(Path(sample_root()) / "sentences.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row["kind"] for row in csv.DictReader(file)}


def polarity(name: str, split: str, **options: Any) -> list[Row]:
    """A split of a data set of positive and negative texts."""
    part = getattr(datasets.load(name, **options), split)
    return [Row(text, polarity=int(label == "positive")) for text, label in zip(part.inputs, part.labels)]
