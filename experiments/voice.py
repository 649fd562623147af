"""Voice experiments: every speaker, or fold of speakers, is the test once; the answers of all are scored together."""

from collections.abc import Callable
from functools import lru_cache

import keras
import numpy as np

from emorec import datasets, metrics
from emorec.datasets.base import Split, objects
from emorec.datasets.splits import k_fold, split_validation
from emorec.errors import BadInput
from emorec.labels import LabelSet
from emorec.voice import VoiceClassifier, baselines
from emorec.voice.models import MACHINES
from emorec.voice.synthesis import best_possible_rate
from emorec.voice.utterances import Utterance
from experiments.runs import Run

CUT = 2.0  # seconds: every file of the altered copy of EMO-DB
SPEAKERS = 100  # of sample-voices: with 40 (seed 1, tried first) accuracy still rose by a point with the last quarter


@lru_cache(maxsize=2)
def load(name: str) -> tuple[Split, LabelSet]:
    """All utterances of a dataset as one `Split`; what is measured of them is kept for the next run."""
    if name == "sample-voices":
        data = datasets.load(name, speakers=SPEAKERS, repeats=6)
    else:
        data = datasets.load("emodb")
    parts = (data.train, data.validation, data.test)
    inputs, labels, ids, groups = (
        np.concatenate([getattr(part, key) for part in parts]) for key in ("inputs", "labels", "ids", "groups")
    )
    order = np.argsort(ids.astype(str))
    utterances = objects(Utterance(source, who) for source, who in zip(inputs[order], groups[order]))
    if name == "emodb-2s" and {round(utterance.sound.seconds, 2) for utterance in utterances} != {CUT}:
        raise BadInput("This is EMO-DB as published, not the copy cut to 2 s: its numbers go by another name.")
    return Split("all", utterances, labels[order], ids[order], groups[order]), data.label_set


def folds(run: Run, data: Split) -> tuple[np.ndarray, str]:
    """Fold numbers (N,) and what the protocol says of them."""
    how = run.options.get("folds", "speaker")
    if how == "speaker":
        people = sorted(set(data.groups))
        return np.array([people.index(who) for who in data.groups]), "leave one speaker out"
    if how == "random":
        number = k_fold(data.ids, data.labels, folds=10, seed=run.seed)
        return number, "10 random folds that share speakers and sentences: no measure of people never heard"
    return k_fold(data.ids, data.labels, folds=how, seed=run.seed, groups=data.groups), f"{how} folds by speaker"


def _outcome(run, predicted, words, probabilities=None, **more):
    data, label_set = load(run.dataset)
    content = metrics.evaluate(
        data.labels, predicted, label_set, probabilities=probabilities, groups=data.groups, seed=run.seed
    ).to_dict()
    by_speaker = {
        who: round(float(np.mean(predicted[data.groups == who] == data.labels[data.groups == who])), 4)
        for who in sorted(set(data.groups))
    }
    return {
        "metrics": content["metrics"],
        "per_class": content["per_class"],
        "confusion": content["confusion"],
        "labels": content["labels"],
        "accuracy_by_speaker": by_speaker,
        "protocol": f"{words}; answers of all folds together, intervals over whole speakers",
        "sizes": {"test": len(data)},
        **more,
    }


def run_classifier(run: Run, progress: Callable[[str], None] | None = None) -> dict:
    """A `VoiceClassifier` for each fold, trained on the others; networks choose the epoch on a speaker of these."""
    data, label_set = load(run.dataset)
    number, words = folds(run, data)
    options = {key: value for key, value in run.options.items() if key != "folds"}
    p, seconds, parameters = np.zeros((len(data), len(label_set))), 0.0, 0
    for fold in np.unique(number):
        keras.utils.clear_session()
        train, test = data.take(number != fold, "train"), data.take(number == fold, "test")
        classifier = VoiceClassifier(**options, seed=run.seed)
        classifier.fit(train, validation=_validation(train, options), label_set=label_set, progress=progress)
        p[number == fold] = classifier.predict_proba(test.inputs, speakers=test.groups)
        seconds += sum(row["seconds"] for row in classifier.history_.epochs)
        parameters = classifier.model_.count_params()
    if options.get("normalise") == "speaker":
        words += "; features normalised by each speaker's own utterances, those of the test speaker too, without labels"
    if run.dataset == "sample-voices":
        rate = best_possible_rate(options.get("normalise") == "speaker")
        words += f"; best possible rate {100 * rate:.1f} %"
    predicted = label_set.decode(p.argmax(axis=1))
    return _outcome(run, predicted, words, p, training_seconds=round(seconds, 1), parameters=int(parameters))


def _validation(train, options):
    """One speaker of the training folds for networks; nothing for machines, which do not stop early."""
    if options.get("encoder", "lda") in MACHINES:
        return None
    parts = split_validation(["train"] * len(train), train.ids, train.labels, share=0.12, seed=0, groups=train.groups)
    return train.take(np.flatnonzero(parts != "train"), "validation")


def run_baseline(run: Run) -> dict:
    """One of `emorec.voice.baselines`, trained for each fold on the others."""
    data, _ = load(run.dataset)
    number, words = folds(run, data)
    predicted = np.empty(len(data), dtype=object)
    for fold in np.unique(number):
        train = data.take(number != fold)
        pipeline = baselines.voice(run.options["baseline"]).fit(train.inputs, train.labels)
        predicted[number == fold] = pipeline.predict(data.inputs[number == fold])
    return _outcome(run, predicted, words)
