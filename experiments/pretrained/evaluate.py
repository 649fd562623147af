"""What the models that come along reach: each on data held back from its training, and on data of other kinds.

A run loads a model by name, as a user does, so that what is measured is the file that is shipped: 8-bit weights,
smaller vocabulary, calibration and all.
"""

import csv
import functools
from collections.abc import Callable

import numpy as np

from emorec import datasets, metrics, pretrained
from emorec.labels import EMOTIONS7, LabelSet
from emorec.text import baselines
from experiments.pretrained import data
from experiments.runs import ROOT, Run


def goemotions7(split: str) -> tuple:
    """(texts, names) of the rows of GoEmotions with one coarse emotion (39,555 / 4,946 / 4,968)."""
    part = getattr(datasets.load("goemotions"), split)
    rows = [(text, data.seven_of(labels)) for text, labels in zip(part.inputs, part.labels)]
    return tuple(zip(*((text, name) for text, name in rows if name is not None)))


def sentences(split: str) -> tuple:
    part = getattr(datasets.load("sample-sentences"), split)
    return tuple(part.inputs), tuple(part.labels)


def sentences_01(split: str) -> tuple:
    """Those of version 0.1 alone, whose test split stands unmoved in the present one."""
    rows = data.sentences(split, "0.1")
    return tuple(row.text for row in rows), tuple(EMOTIONS7.names[row.seven] for row in rows)


def everyday(split: str) -> tuple:
    """203 sentences that nothing was trained or chosen on."""
    with open(ROOT / "tests" / "unit" / "everyday.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(row["text"] for row in rows), tuple(row["label"] for row in rows)


def of_seven(name: str) -> Callable[[str], tuple]:
    """A function of the split for another data set: the rows whose class is one of the seven."""

    def read(split):
        part = getattr(datasets.load(name), split)
        rows = [(t, EMOTIONS7.names[EMOTIONS7.index(y)]) for t, y in zip(part.inputs, part.labels) if _is_seven(y)]
        return tuple(zip(*rows))

    return read


def _is_seven(label):
    from emorec.labels import ALIASES

    return label in EMOTIONS7 or ALIASES.get(label) in EMOTIONS7


SETS = {
    "goemotions, 7 classes": goemotions7,
    "sample-sentences": sentences,
    "sample-sentences of version 0.1": sentences_01,
    "everyday sentences": everyday,
    "emotions": of_seven("emotions"),
    "meld": of_seven("meld"),
}


REVIEWS = 2_500
SENTIMENT = {
    "movie-polarity": "fold 0 of 10 held back",
    "sample-reviews": "test split of the sample",
    "imdb": f"{REVIEWS:,} reviews of the official test split; no model has seen one of its reviews",
}


def run_text(run: Run) -> dict:
    """A model of seven emotions on the test rows of a set, or a baseline trained on GoEmotions and the sentences.

    Only the classes that occur in the set are answered.
    """
    texts, truth = SETS[run.dataset]("test")
    present = LabelSet("present", tuple(name for name in EMOTIONS7 if name in set(truth)))
    columns = [EMOTIONS7.index(name) for name in present]
    probabilities = _model(run.options)(list(texts))[:, columns]
    answers = np.array(present.names, dtype=object)[probabilities.argmax(axis=1)]
    evaluation = metrics.evaluate(truth, answers, present)
    return {
        "metrics": evaluation.to_dict()["metrics"],
        "per_class": evaluation.to_dict()["per_class"],
        "protocol": "official test split, opened once; the classes that occur in it",
        "sizes": {"test": len(truth)},
    }


def _model(options):
    """A function from texts to probabilities (N, 7)."""
    if "model" in options:
        return pretrained.load(options["model"]).predict_proba
    model = _baseline(options["baseline"])
    order = [list(model.classes_).index(name) for name in EMOTIONS7]
    return lambda texts: model.predict_proba(texts)[:, order]


@functools.cache
def _baseline(name):
    parts = [goemotions7("train"), *[sentences("train")] * 3]
    texts, labels = ([x for part in parts for x in part[i]] for i in (0, 1))
    return baselines.build(name, EMOTIONS7).fit(texts, labels)


def run_goemotions(run: Run) -> dict:
    """All 28 labels on the official test split."""
    part = datasets.load("goemotions").test
    evaluation = pretrained.load("goemotions").evaluate(part)
    return {
        "metrics": evaluation.to_dict()["metrics"],
        "per_class": evaluation.to_dict().get("per_class", {}),
        "protocol": "official split; thresholds tuned on dev",
        "sizes": {"test": len(part)},
    }


def run_sentiment(run: Run) -> dict:
    """Negative or positive on the fold that was held back, or on other data."""
    data = datasets.load(run.dataset, **({"fold": 0} if run.dataset == "movie-polarity" else {}))
    part = data.test.sample(REVIEWS) if run.dataset == "imdb" else data.test
    if "baseline" in run.options:
        # Of IMDb, like the model, it has seen nothing.
        train = datasets.load("movie-polarity", fold=0).train if run.dataset == "imdb" else data.train
        model = baselines.build(run.options["baseline"], data.label_set)
        answers = model.fit(list(train.inputs), list(train.labels)).predict(list(part.inputs))
    else:
        answers = pretrained.load("text-sentiment").predict(list(part.inputs))
    evaluation = metrics.evaluate(part.labels, answers, LabelSet("polarity", ("negative", "positive")))
    return {
        "metrics": evaluation.to_dict()["metrics"],
        "per_class": evaluation.to_dict()["per_class"],
        "protocol": SENTIMENT[run.dataset],
        "sizes": {"test": len(part)},
    }
