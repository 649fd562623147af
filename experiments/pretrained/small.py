"""Trains `text-emotion-small`: a recurrent network that learns the probabilities of `text-emotion`.

    python -m experiments.pretrained.small     # needs GoEmotions, Movie Review, and text-emotion in emorec/pretrained

It learns them on labelled texts, where the labels have a share, and on texts without a label of the seven: comments
with several emotions, sentences about films, and a variant of every text (after Jiao et al. 2020, arXiv:1909.10351).
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
from emorec.text import glove
from emorec.text.tokens import tokenise
from emorec.types import Strings
from experiments.pretrained import data
from experiments.pretrained.evaluate import goemotions7, sentences

if TYPE_CHECKING:
    from emorec.text.classifier import TextClassifier

OPTIONS = {
    "encoder": "bigru", "attention": "global", "embedding": "glove", "units": 64, "dropout": 0.4, "min_count": 3,
    "epochs": 5, "batch_size": 64, "learning_rate": 3e-3, "schedule": "cosine", "weight_decay": 0.01, "patience": None,
    "monitor": "accuracy",
}  # fmt: skip
TIMES = 4  # how often the bundled sentences come
SHARE = 0.7  # of the teacher's probabilities in the targets of labelled texts; the rest are the labels
CUT, LEFT_OUT, REPLACED = 0.3, 0.1, 0.15  # shares of the texts that become a passage, and of their words
NEIGHBOURS, COMMON = 8, 20_000  # a word is replaced by one of its nearest among the commonest


def labelled(split: str, times: int) -> tuple[list[str], list]:
    """Texts and labels of GoEmotions and of the bundled sentences."""
    parts = [goemotions7(split), *[sentences(split)] * times]
    return tuple([x for part in parts for x in part[i]] for i in (0, 1))  # type: ignore[return-value]


def unlabelled() -> list[str]:
    """Distinct texts that only the teacher labels; none of them stands among the labelled ones."""
    comments, own = [row.text for row in data.goemotions("train")], list(sentences("train")[0])
    films = [row.text for row in data.polarity("movie-polarity", "train", fold=0)]
    known = {*goemotions7("train")[0], *own}
    texts = dict.fromkeys([*comments, *variants([*comments, *own, *own], seed=0), *films])
    return [text for text in texts if text not in known]


def variants(texts: Strings, seed: int) -> list[str]:
    """For every text another one: a passage of it at times, words left out, words replaced by a neighbour in GloVe."""
    rng, words = np.random.default_rng(seed), [tokenise(text) for text in texts]
    near = neighbours(sorted({word for own in words for word in own}))

    def vary(own):
        if len(own) > 5 and rng.random() < CUT:
            length = rng.integers(4, min(len(own), 14))
            start = rng.integers(0, len(own) - length + 1)
            own = own[start : start + length]
        kept = []
        for word in own:
            chance = rng.random()
            if chance >= LEFT_OUT:
                replace = chance < LEFT_OUT + REPLACED and word in near
                kept.append(near[word][rng.integers(NEIGHBOURS)] if replace else word)
        return " ".join(kept or own)

    return [vary(own) for own in words]


def neighbours(words: Strings) -> dict[str, list[str]]:
    """The nearest common words of every word that has a vector, by the cosine."""
    vectors, near = glove.load(), {}
    unit = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    words = [word for word in words if vectors.row(word) is not None]
    for start in range(0, len(words), 2_000):
        rows = np.array([vectors.row(word) for word in words[start : start + 2_000]])
        cosine = unit[rows] @ unit[:COMMON].T
        own = np.flatnonzero(rows < COMMON)
        cosine[own, rows[own]] = -1
        best = np.argpartition(-cosine, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        near |= {word: [vectors.words[k] for k in row] for word, row in zip(words[start:], best)}
    return near


def targets(texts: Strings, labels: Strings, more: Strings) -> np.ndarray:
    """Shares of the classes, float32 (N + M, 7): of N labelled texts, then of M others."""
    unique = sorted({*texts, *more}, key=len)
    taught = dict(zip(unique, emorec.load("text-emotion").predict_proba(unique)))
    truth = training.one_hot(EMOTIONS7.encode(labels), len(EMOTIONS7))
    mixed = SHARE * np.stack([taught[text] for text in texts]) + (1 - SHARE) * truth
    return np.concatenate([mixed, np.stack([taught[text] for text in more])]).astype("float32")


def main(progress: Callable[[str], None] | None = print) -> None:
    """Trains, calibrates and writes the file."""
    texts, labels = labelled("train", TIMES)
    more = unlabelled()
    held, held_labels = labelled("validation", 3)
    classifier = emorec.TextClassifier(**OPTIONS, seed=0)
    learn(classifier, [*texts, *more], targets(texts, labels, more), held, held_labels, progress)
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
