"""Baselines for voices, as scikit-learn pipelines from sounds to class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from emorec.errors import BadInput
from emorec.voice import statistics
from emorec.voice.utterances import read, spoken

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

NAMES = ("majority", "prosody-lr", "statistics-svm")
PROSODY = ("pitch", "level", "syllables", "voiced", "speech")  # how their names begin


def voice(name: str) -> BaseEstimator:
    """An untrained scikit-learn pipeline from sounds, as `VoiceClassifier` takes them, to class names.

    Args:
        name: ``majority``; ``prosody-lr``, logistic regression on pitch, loudness and rhythm alone; or
            ``statistics-svm``, a support vector machine on all of `emorec.voice.statistics`.

    Raises:
        BadInput: An unknown name.
    """
    if name == "majority":
        return DummyClassifier(strategy="most_frequent")
    if name == "prosody-lr":
        table, machine = _prosody, LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced")
    elif name == "statistics-svm":
        table, machine = _statistics, SVC(C=3, class_weight="balanced")
    else:
        raise BadInput(f"There is no baseline {name!r} for voices; choose one of {', '.join(NAMES)}.")
    return make_pipeline(FunctionTransformer(table), StandardScaler(), machine)


def _statistics(sounds):
    utterances = spoken(sounds)
    read(utterances)
    return np.stack([utterance.statistics() for utterance in utterances])


def _prosody(sounds):
    columns = [i for i, name in enumerate(statistics.names()) if name.startswith(PROSODY)]
    return _statistics(sounds)[:, columns]
