"""Trains `text-emotion-small`: a recurrent network that learns the probabilities of `text-emotion`.

python -m experiments.pretrained.small     # needs GoEmotions, and text-emotion in emorec/pretrained
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

import emorec
from emorec import training
from emorec.classifier import Examples
from emorec.labels import EMOTIONS7
from emorec.pretrained.cards import FOLDER
from emorec.types import Strings
from experiments.pretrained.evaluate import goemotions7, sentences

if TYPE_CHECKING:
    from emorec.text.classifier import TextClassifier

OPTIONS = {
    "encoder": "bigru", "attention": "global", "embedding": "glove", "units": 64, "dropout": 0.4, "min_count": 3,
    "epochs": 5, "batch_size": 64, "learning_rate": 3e-3, "schedule": "cosine", "weight_decay": 0.01, "patience": None,
    "monitor": "accuracy",
}  # fmt: skip
TIMES = 4  # how often the bundled sentences come
SHARE = 0.7  # of the teacher's probabilities in the targets; the rest are the labels


def examples(split: str, times: int) -> tuple[list[str], list]:
    """Texts and labels of GoEmotions and of the bundled sentences."""
    parts = [goemotions7(split), *[sentences(split)] * times]
    return tuple([x for part in parts for x in part[i]] for i in (0, 1))  # type: ignore[return-value]


def main(progress: Callable[[str], None] | None = print) -> None:
    """Trains, calibrates and writes the file."""
    texts, labels = examples("train", TIMES)
    held, held_labels = examples("validation", 3)
    truth = training.one_hot(EMOTIONS7.encode(labels), len(EMOTIONS7))
    unique = list(dict.fromkeys(texts))
    taught = dict(zip(unique, emorec.load("text-emotion").predict_proba(unique)))
    targets = SHARE * np.stack([taught[text] for text in texts]) + (1 - SHARE) * truth
    classifier = emorec.TextClassifier(**OPTIONS, seed=0)
    learn(classifier, texts, targets.astype("float32"), held, held_labels, progress)
    classifier.calibrate((held, held_labels))
    classifier.save(FOLDER / "text-emotion-small.emorec", precision="float16")


def learn(
    classifier: TextClassifier, texts: Strings, targets: np.ndarray, held: Strings, held_labels: Strings,
    progress: Callable[[str], None] | None,
) -> None:  # fmt: skip
    """Fits a classifier to shares of the classes, float32 (N, 7), where `fit` takes one class for each text."""
    classifier.label_set_, classifier.classes_ = EMOTIONS7, np.array(EMOTIONS7.names)
    truth = training.one_hot(EMOTIONS7.encode(held_labels), len(EMOTIONS7))
    with training.seeded(classifier.seed):
        classifier._learn(Examples(texts, targets), Examples(held, truth), progress=progress)
    classifier.temperature_, classifier.thresholds_ = 1.0, None


if __name__ == "__main__":
    main()
