"""Text experiments: the functions that carry out a run, and the declared grids."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emorec import datasets, metrics
from emorec.datasets import store
from emorec.errors import DataMissing
from emorec.text import baselines
from emorec.text.classifier import TextClassifier
from experiments.runs import Run

if TYPE_CHECKING:
    from emorec.datasets.base import Dataset
    from emorec.metrics import Evaluation, MultilabelEvaluation


def load(run: Run) -> Dataset:
    """The dataset of a run, with its fold as the test split where it has folds."""
    options = {} if run.fold is None else {"fold": run.fold, "folds": run.folds}
    return datasets.load(run.dataset, **options)


# Word vectors that experiments name: a folder below the data roots, and the file in it.
VECTORS = {
    "word2vec-googlenews-8k": "GoogleNews-vectors-negative300.8k-subset.bin.gz",
    "word2vec-googlenews": "GoogleNews-vectors-negative300.bin.gz",
}


def vectors(name: str) -> Path:
    """Path of named word vectors, looked for below ``$EMOREC_DATA`` and in the user cache."""
    looked_in = [root / name / VECTORS[name] for root in store.roots()]
    for path in looked_in:
        if path.exists():
            return path
    raise DataMissing(
        f"The word vectors {name!r}",
        looked_in,
        "the full file is at https://code.google.com/archive/p/word2vec/; the subset of its 8,000 commonest words is "
        "the demo data of the R package PsychWordVec, written as a word2vec .bin.gz",
        "embedding='skip-gram' trains vectors on the corpus",
    )


def outcome(data: Dataset, evaluation: Evaluation | MultilabelEvaluation, **more: Any) -> dict:
    """What every run reports: metrics with intervals, the protocol and the sizes of the splits."""
    return {
        "metrics": evaluation.to_dict()["metrics"],
        "per_class": evaluation.to_dict().get("per_class", {}),
        "protocol": data.protocol,
        "sizes": {s.name: len(s) for s in (data.train, data.validation, data.test)},
        **more,
    }


def run_classifier(run: Run) -> dict:
    """Trains a `TextClassifier` with the run's options; chooses on validation, opens the test split once."""
    data, classifier = _trained(run, run.options)
    return outcome(
        data,
        classifier.evaluate(data.test),
        **trained_how(classifier),
        encoding=str(classifier.encoding_.report(data.test.inputs)),
        vectors=str(classifier.coverage_ or "learned"),
    )


def trained_how(classifier: TextClassifier) -> dict:
    """How long a fitted classifier trained, and what it knew of validation data at the epoch that was kept."""
    history = classifier.history_
    return {
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch + 1,
        "validation": {k: v for k, v in history.epochs[history.best_epoch].items() if k != "seconds"},
        "training_seconds": round(history.seconds, 1),
        "parameters": classifier.model_.count_params(),
    }


def _trained(run, options):
    """A run's data, and a `TextClassifier` trained on it; the last is kept, for the ensemble that comes next."""
    key = run.dataset, run.fold, run.folds, run.seed, json.dumps(options)
    if key not in _last:
        _last.clear()
        keras.utils.clear_session()
        data = load(run)
        if options.get("embedding") in VECTORS:
            options = options | {"embedding": vectors(options["embedding"])}
        classifier = TextClassifier(**options, seed=run.seed)
        classifier.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
        if data.label_set.multi_label:
            classifier.calibrate(data.validation)
        _last[key] = data, classifier
    return _last[key]


_last = {}


def run_baseline(run: Run) -> dict:
    """Fits one of `emorec.text.baselines` on training and validation data together; nothing is tuned.

    With several labels to a text it is fitted on training data alone, and the thresholds are tuned on validation.
    """
    data, name = load(run), run.options["baseline"]
    test = data.test
    if data.label_set.multi_label and name == "majority":
        commonest = Counter(data.train.labels).most_common(1)[0][0]
        p = data.label_set.encode([commonest] * len(test))
        return outcome(data, metrics.evaluate_multilabel(test.labels, p, 0.5, data.label_set))
    model = baselines.build(name, data.label_set)
    if data.label_set.multi_label:
        model.fit(data.train.inputs, data.train.labels)
        truth = data.label_set.encode(data.validation.labels)
        cuts = metrics.tune_thresholds(truth, model.predict_proba(data.validation.inputs))
        p = model.predict_proba(test.inputs)
        return outcome(data, metrics.evaluate_multilabel(test.labels, p, cuts, data.label_set))
    model.fit([*data.train.inputs, *data.validation.inputs], [*data.train.labels, *data.validation.labels])
    return outcome(data, metrics.evaluate(test.labels, model.predict(list(test.inputs)), data.label_set))


def run_ensemble(run: Run) -> dict:
    """A `TextClassifier` and a linear baseline, weighed by a logistic regression on their validation scores; with
    several labels to a text by one number, see `_mixture`."""
    data, classifier = _trained(run, run.options["classifier"])
    linear = baselines.build(run.options["baseline"], data.label_set).fit(data.train.inputs, data.train.labels)
    if data.label_set.multi_label:
        return _mixture(data, classifier, linear)

    def scores(texts):
        # log-probabilities but for one class, which the others determine
        p = np.log(np.maximum(classifier.predict_proba(texts), 1e-12))
        return np.column_stack([p[:, 1:] - p[:, :1], linear.decision_function(texts)])

    judge = make_pipeline(StandardScaler(), LogisticRegression())
    judge.fit(scores(data.validation.inputs), data.label_set.encode(data.validation.labels))
    p = judge.predict_proba(scores(data.test.inputs))
    predicted = data.label_set.decode(p.argmax(axis=1))
    evaluation = metrics.evaluate(data.test.labels, predicted, data.label_set, probabilities=p)
    return outcome(data, evaluation, weights=judge[-1].coef_.round(3).tolist())


def _mixture(data, *models):
    """Probabilities of two models averaged by the weight of least log loss on validation, thresholds tuned there."""
    truth = data.label_set.encode(data.validation.labels)
    first, second = (model.predict_proba(data.validation.inputs) for model in models)

    def mixed(weight, first, second):
        return np.clip(weight * first + (1 - weight) * second, 1e-6, 1 - 1e-6)

    def loss(weight):
        p = mixed(weight, first, second)
        return -(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean()

    weight = min(np.linspace(0, 1, 21), key=loss)
    cuts = metrics.tune_thresholds(truth, mixed(weight, first, second))
    p = mixed(weight, *(model.predict_proba(data.test.inputs) for model in models))
    evaluation = metrics.evaluate_multilabel(data.test.labels, p, cuts, data.label_set)
    return outcome(data, evaluation, weights=[round(float(weight), 2), round(1 - float(weight), 2)])
