"""What the face models that come along reach on PrivateTest, against the labels of FER+ and those of FER-2013."""

import functools

import numpy as np

from emorec import datasets, metrics, pretrained
from emorec.datasets import leaks
from emorec.faces import baselines
from emorec.labels import EMOTIONS7
from experiments.runs import Run

SETS = {"ferplus, 7 classes": "ferplus", "fer2013": "fer2013"}


@functools.cache
def split(name: str, part: str) -> tuple:
    """(pictures, names, ids) of the rows of a split that have one of the seven emotions."""
    rows = getattr(datasets.load(SETS[name]), part)
    rows = rows.take(np.isin(rows.labels.astype(str), EMOTIONS7.names))
    return rows.inputs, rows.labels, rows.ids


@functools.cache
def repeated() -> set[str]:
    """Ids of the pictures of PrivateTest that stand in Training too, to the bit."""
    data = datasets.load("fer2013")
    copies = [rows for rows in leaks.duplicates(data) if any(part == "train" for part, _ in rows)]
    return {name for rows in copies for part, name in rows if part == "test"}


def run_model(run: Run) -> dict:
    """A model by name: six views and one view, and apart for pictures that stand in Training too."""
    pictures, truth, ids = split(run.dataset, "test")
    model = pretrained.load(run.options["model"])
    names = {views: model.predict(pictures, views=views, detect="none") for views in ("flips-and-crops", "one")}
    evaluation = metrics.evaluate(truth, names["flips-and-crops"], EMOTIONS7).to_dict()
    known = np.isin(ids, list(repeated()))
    numbers = evaluation["metrics"] | {
        "accuracy_one_view": _accuracy(truth, names["one"]),
        "accuracy_unseen": _accuracy(truth[~known], names["flips-and-crops"][~known]),
        "accuracy_repeated": _accuracy(truth[known], names["flips-and-crops"][known]),
    }
    return {
        "metrics": numbers,
        "per_class": evaluation["per_class"],
        "protocol": "PrivateTest, opened once; PublicTest chose; six views averaged",
        "sizes": {"test": len(truth), "repeated": int(known.sum())},
    }


def _accuracy(truth, answers):
    scored = metrics.evaluate(truth, answers, EMOTIONS7)
    return [scored.accuracy, *scored.accuracy_interval]


def run_baseline(run: Run) -> dict:
    """A baseline trained on the same pictures."""
    pictures, truth, _ = split(run.dataset, "test")
    model = baselines.build(run.options["baseline"]).fit(*split(run.dataset, "train")[:2])
    evaluation = metrics.evaluate(truth, model.predict(pictures), EMOTIONS7).to_dict()
    return {
        "metrics": evaluation["metrics"],
        "per_class": evaluation["per_class"],
        "protocol": "PrivateTest, opened once; PublicTest chose; six views averaged",
        "sizes": {"test": len(truth)},
    }
