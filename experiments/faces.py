"""Face experiments: the functions that carry out a run, and the declared runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
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

CLASSIFIER = "experiments.faces:run_classifier"
BASELINE = "experiments.faces:run_baseline"
REPEATS = "experiments.faces:run_repeats"
BASELINES = {"majority class": "majority", "HOG + logistic regression": "hog-lr"}
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


def _runs(experiment, networks, seeds=range(3)):
    """Floors and networks on the dataset that an experiment is named after."""
    runs = [Run(experiment, experiment, name, BASELINE, {"baseline": baseline}, baseline=True)
            for name, baseline in BASELINES.items()]  # fmt: skip
    for name, options in networks.items():
        runs += [Run(experiment, experiment, name, CLASSIFIER, options, seed=seed) for seed in seeds]
    return runs


# Settings from the literature and from the cost of an epoch on one core (117 million multiply-adds a picture: 210 s for
# the VGG); nothing was searched on PublicTest, which chooses the epoch alone. The pictures are changed as by the preset
# ``standard``, written out since recorded runs are compared with it, and three in ten are mixed.
AUGMENTED = {
    "rotation": 12,
    "shift": 0.08,
    "scale": 0.15,
    "shear": 6,
    "flip": 0.5,
    "brightness": 0.1,
    "contrast": 0.2,
    "erasing": 0.25,
    "mixup": 0.2,
    "cutmix": 1.0,
    "mix": 0.3,
}
RECIPE = {
    "augment": AUGMENTED,
    "epochs": 30,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "label_smoothing": 0.1,
    "views": "flips-and-crops",
}
# A network with few weights underfits before it overfits: milder pictures, more epochs.
SMALL = RECIPE | {"augment": "light", "epochs": 40, "weight_decay": 0.02}

# For a graphics card: four times the work of a step, more steps, and more against overfitting since they are many.
WIDE = RECIPE | {"width": 64, "dropout": 0.4, "augment": AUGMENTED | {"mix": 0.5}, "epochs": 100, "batch_size": 128}


def fer2013() -> list[Run]:
    """Networks on FER-2013: chosen on PublicTest, PrivateTest opened once, three seeds."""
    return _runs(
        "fer2013",
        {
            "VGG": {"model": "vgg", **RECIPE},
            "VGG, wide": {"model": "vgg", **WIDE},
            "ResNet": {"model": "resnet", **RECIPE},
            "attention-augmented CNN": {"model": "attention-cnn", **RECIPE},
            "Deep-Emotion": {"model": "deep-emotion", "width": 10, **SMALL},
        },
    )


def fer2013_repeats() -> list:
    """What the pictures of PrivateTest that are in Training too add to the numbers of `fer2013`: the same settings."""
    return [
        replace(run, experiment="fer2013-repeats", function=REPEATS)
        for run in fer2013()
        if run.model in ("HOG + logistic regression", "VGG", "VGG, wide")
    ]


def ferplus() -> list[Run]:
    """VGGs on FER+, eight classes by majority: chosen on PublicTest, PrivateTest opened once, three seeds."""
    return _runs(
        "ferplus",
        {
            "VGG": {"model": "vgg", "width": 24, **RECIPE, "epochs": 20},
            "VGG, wide": {"model": "vgg", **WIDE, "epochs": 60},
        },
    )


def sample_faces() -> list[Run]:
    """A small VGG on rendered faces, unseen identities, within five minutes on two cores: three seeds."""
    return _runs("sample-faces", {"VGG": RENDERED})


RENDERED = {"model": "vgg", "width": 16, "augment": "light", "epochs": 16}

EXPERIMENTS = {"fer2013": fer2013, "fer2013-repeats": fer2013_repeats, "ferplus": ferplus, "sample-faces": sample_faces}
