"""Does a data set, or a table of results, cheat: features that know labels, repeated strings, swapped arguments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emorec.errors import BadInput


@dataclass(frozen=True)
class FeatureLeak:
    """What `leaked_features` found.

    Attributes:
        inside: Balanced accuracy (0 to 1) in grouped cross-validation inside the training part.
        test: The same on the test part, trained on all of the training part.
        margin: How far ``inside`` may lie above ``test`` without suspicion.
        leaked: Whether it lies farther.
    """

    inside: float
    test: float
    margin: float
    leaked: bool

    def __str__(self):
        verdict = "extracted with the training labels?" if self.leaked else "no sign of a leak"
        return f"{100 * self.inside:.1f} % inside train, {100 * self.test:.1f} % on test: {verdict}"


def leaked_features(train, train_labels, test, test_labels, groups=None, folds=5, seed=0):
    """Whether features were extracted by a model that had seen the labels of the training part.

    Such features separate the training part nearly perfectly, folds of unseen groups included, and much less so the
    test part; a validation part cut from train is then useless for choosing anything. A linear model looks for that.

    Args:
        train, test: Features (N, D) of both parts. train_labels, test_labels: (N,). groups: (N,) of the training
            part: videos, speakers.
        folds, seed: Of the cross-validation.

    Returns:
        `FeatureLeak`; the margin is 10 points, or three standard errors of the test accuracy if that is more.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    groups = np.arange(len(train)) if groups is None else np.asarray(groups)
    cv = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    guessed = cross_val_predict(model, train, np.asarray(train_labels), groups=groups, cv=cv)
    inside = balanced_accuracy_score(train_labels, guessed)
    tested = balanced_accuracy_score(test_labels, model.fit(train, train_labels).predict(test))
    margin = max(0.1, 3 * (tested * (1 - tested) / len(test)) ** 0.5)
    return FeatureLeak(float(inside), float(tested), float(margin), bool(inside - tested > margin))


def shared_strings(train, test, normalise=None):
    """Positions of the test strings that also stand in train.

    Args:
        train, test: Sequences of str. normalise: Function applied before comparing; None compares as they are.
    """
    normalise = normalise or (lambda text: text)
    known = {normalise(text) for text in train}
    return np.flatnonzero([normalise(text) in known for text in test])


def arguments_swapped(metric, value, true, predicted, tolerance=1e-6):
    """Whether a reported value is what ``metric`` gives with labels and predictions in the wrong places.

    Args:
        metric: Function of (true, predicted), one that the order matters to: F1 weighted by class, precision, recall.
        value: The reported value. true, predicted: What it was made from.

    Returns:
        True where only ``metric(predicted, true)`` gives it, False where ``metric(true, predicted)`` does.

    Raises:
        BadInput: Neither order gives it, or both do, so that nothing can be told.
    """
    right, wrong = float(metric(true, predicted)), float(metric(predicted, true))
    if abs(right - wrong) <= tolerance:
        raise BadInput(f"Both orders of the arguments give {right:.6g}: this metric cannot tell on these data.")
    if abs(value - right) <= tolerance:
        return False
    if abs(value - wrong) <= tolerance:
        return True
    raise BadInput(f"Neither order gives {value:.6g}: {right:.6g} in the right one, {wrong:.6g} in the other.")
