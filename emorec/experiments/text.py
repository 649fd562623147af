"""Text experiments: the functions that carry out a run, and the declared grids."""

from __future__ import annotations

import keras

from emorec import datasets, metrics
from emorec.classifiers.text import TextClassifier
from emorec.datasets import store
from emorec.errors import DataMissing
from emorec.experiments.runs import Run

CLASSIFIER = "emorec.experiments.text:run_classifier"
BASELINE = "emorec.experiments.text:run_baseline"


def load(run):
    """The dataset of a run, with its fold as the test split where it has folds."""
    options = {} if run.fold is None else {"fold": run.fold, "folds": run.folds}
    return datasets.load(run.dataset, **options)


# Word vectors that experiments name: a folder below the data roots, and the file in it.
VECTORS = {
    "word2vec-googlenews-8k": "GoogleNews-vectors-negative300.8k-subset.bin.gz",
    "word2vec-googlenews": "GoogleNews-vectors-negative300.bin.gz",
}


def vectors(name):
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


def outcome(data, evaluation, **more):
    """What every run reports: metrics with intervals, the protocol and the sizes of the splits."""
    return {
        "metrics": evaluation.to_dict()["metrics"],
        "per_class": evaluation.to_dict().get("per_class", {}),
        "protocol": data.protocol,
        "sizes": {s.name: len(s) for s in (data.train, data.validation, data.test)},
        **more,
    }


def run_classifier(run):
    """Trains a `TextClassifier` with the run's options; chooses on validation, opens the test split once."""
    keras.utils.clear_session()
    data = load(run)
    options = dict(run.options)
    if options.get("embedding") in VECTORS:
        options["embedding"] = vectors(options["embedding"])
    classifier = TextClassifier(**options, seed=run.seed)
    classifier.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    if data.label_set.multi_label:
        classifier.calibrate(data.validation)
    history = classifier.history_
    return outcome(
        data,
        classifier.evaluate(data.test),
        epochs=len(history.epochs),
        best_epoch=history.best_epoch + 1,
        validation={k: v for k, v in history.epochs[history.best_epoch].items() if k != "seconds"},
        training_seconds=round(history.seconds, 1),
        parameters=classifier.model.count_params(),
        encoding=str(classifier.encoding.report(data.test.inputs)),
        vectors=str(classifier.coverage or "learned"),
    )


def run_baseline(run):
    """Fits one of `emorec.baselines` on training and validation data together; nothing is tuned."""
    from emorec import baselines

    data = load(run)
    model = baselines.text(run.options["baseline"], data.label_set)
    texts = [*data.train.inputs, *data.validation.inputs]
    labels = [*data.train.labels, *data.validation.labels]
    model.fit(texts, labels)
    evaluation = metrics.evaluate(data.test.labels, model.predict(list(data.test.inputs)), data.label_set)
    return outcome(data, evaluation)


BASELINES = {
    "majority class": "majority",
    "TF-IDF + logistic regression": "tfidf-lr",
    "NBSVM, bigrams": "nbsvm",
}


def folds(experiment, dataset, model, function, options, n=10, **more):
    return [Run(experiment, dataset, model, function, options, fold=k, folds=n, **more) for k in range(n)]


def polarity():
    """BiLSTM + global attention beside NBSVM and the majority class: 10-fold on the two Movie Review sets."""
    runs = []
    for dataset in ("movie-polarity", "movie-subjectivity"):
        for model, name in BASELINES.items():
            runs += folds("polarity", dataset, model, BASELINE, {"baseline": name}, baseline=True)
        runs += folds("polarity", dataset, "BiLSTM + global attention", CLASSIFIER, BILSTM)
    return runs


# Chosen on the validation parts of folds 0 and 2 of movie-polarity, among six settings.
BILSTM = {
    "encoder": "bilstm",
    "attention": "global",
    "embedding": "word2vec-googlenews-8k",
    "dropout": 0.5,
    "label_smoothing": 0.1,
    "schedule": "cosine",
    "epochs": 5,
    "patience": None,
    "bucketing": True,
}

EXPERIMENTS = {"polarity": polarity}
