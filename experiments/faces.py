"""Face experiments: the functions that carry out a run, and the declared runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from emorec import datasets, metrics
from emorec.datasets import leaks, store
from emorec.faces import baselines
from emorec.faces.classifier import FaceClassifier
from experiments.runs import Run
from experiments.text import outcome, trained_how

if TYPE_CHECKING:
    from emorec.datasets.base import Dataset

SEVERAL = "test pictures seen whole, mirrored and in four crops, logits averaged"


def load(run: Run) -> Dataset:
    """The dataset of a run; grey, as FER-2013 is, where pictures are rendered."""
    return datasets.load(run.dataset, **({"grey": True, "jobs": 2} if run.dataset == "sample-faces" else {}))


def run_classifier(run: Run, progress: Callable[[str], None] | None = print) -> dict:
    """Trains a `FaceClassifier` with the run's options; chooses the epoch on validation, opens the test split once.

    ``accuracy`` and its kin are of the views that the classifier averages over, ``accuracy_one_view`` is of the whole
    picture alone. A killed run goes on after its last epoch. `progress` receives a line an epoch: it takes hours.
    """
    data = load(run)
    classifier = _fitted(run, data, progress)
    groups = data.test.groups  # pictures of one person are resampled together
    content = outcome(data, classifier.evaluate(data.test, groups))
    one = classifier.predict(data.test.inputs, views="one")
    one = metrics.evaluate(data.test.labels, one, data.label_set, groups=groups)
    content["metrics"]["accuracy_one_view"] = [one.accuracy, *one.accuracy_interval]
    content["protocol"] += _views(classifier)
    return content | {"per_class_one_view": one.to_dict()["per_class"]} | trained_how(classifier)


def _views(model):
    """What a protocol says of the views of a test picture."""
    return f"; {SEVERAL}" if getattr(model, "views", "one") == "flips-and-crops" else ""


def _fitted(run, data, progress):
    keras.utils.clear_session()
    return FaceClassifier(**run.options, seed=run.seed).fit(
        data.train, validation=data.validation, label_set=data.label_set, checkpoint=checkpoint(run), progress=progress
    )


def checkpoint(run: Run) -> Path:
    """The folder that a killed run goes on from, below the user cache; another declaration has another."""
    digest = hashlib.sha256(json.dumps(asdict(run), sort_keys=True).encode()).hexdigest()[:12]
    return store.user_cache() / "runs" / f"{run.slug}-{digest}"


def run_baseline(run: Run) -> dict:
    """Fits one of `emorec.faces.baselines` on the training data."""
    data = load(run)
    predicted = _baseline(run, data).predict(data.test.inputs)
    return outcome(data, metrics.evaluate(data.test.labels, predicted, data.label_set, groups=data.test.groups))


def _baseline(run, data):
    return baselines.build(run.options["baseline"]).fit(data.train.inputs, data.train.labels)


def run_repeats(run: Run, progress: Callable[[str], None] | None = print) -> dict:
    """Accuracy on the test pictures that stand among the training pictures too, to the bit, and on all others."""
    data = load(run)
    model = _baseline(run, data) if run.baseline else _fitted(run, data, progress)
    copies = [rows for rows in leaks.duplicates(data) if any(part == "train" for part, _ in rows)]
    known = np.isin(data.test.ids, [name for rows in copies for part, name in rows if part == "test"])
    predicted, labels = np.asarray(model.predict(data.test.inputs)), np.asarray(data.test.labels)
    content = outcome(data, metrics.evaluate(labels, predicted, data.label_set))
    for name, chosen in (("repeated", known), ("unseen", ~known)):
        part = metrics.evaluate(labels[chosen], predicted[chosen], data.label_set)
        content["metrics"][f"accuracy_{name}"] = [part.accuracy, *part.accuracy_interval]
    content["protocol"] += _views(model)
    return content | {"repeated": int(known.sum())}
