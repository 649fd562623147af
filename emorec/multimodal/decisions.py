"""Decision-level fusion: rules that combine class probabilities (Kittler et al. 1998), and stacking (Wolpert 1992).

NumPy only. Every rule is called as ``rule(probabilities, presence=None)`` with a list of M arrays (N, C), one
a modality, and ``presence`` (N, M) of bool or 0/1; what a missing modality's rows hold has no influence. All
return float64 (N, C) with rows that sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.metrics import fit_temperature
from emorec.types import Numbers, Strings, Values

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

TINY = 1e-12  # one confident mistake must not veto a class for ever


@explained
def check_presence(presence: np.ndarray, modalities: Strings, rows: int | None = None) -> np.ndarray:
    """Presence as a boolean array, refusing what no fusion can use.

    Args:
        presence: (N, M) of bool or 0/1; True where example i has modality m. None, where ``rows`` is given, says that
            everything is there.
        modalities: M names, for the message.
        rows: N, where it is known.

    Returns:
        bool array (N, M).

    Raises:
        BadInput: Wrong shape, values other than 0 and 1, or an example without any modality.
    """
    presence = np.ones((rows, len(modalities)), bool) if presence is None else np.asarray(presence)
    shape = ("N" if rows is None else rows, len(modalities))
    if presence.ndim != 2 or presence.shape[1] != shape[1] or rows not in (None, len(presence)):
        raise BadInput(f"presence must be ({shape[0]}, {shape[1]}) for {list(modalities)}, not {presence.shape}.")
    if not np.isin(presence, (0, 1)).all():
        raise BadInput(f"presence holds 0 and 1 only, not {presence[~np.isin(presence, (0, 1))][0]!r}.")
    nothing = np.flatnonzero(~presence.astype(bool).any(axis=1))
    if len(nothing):
        raise BadInput(
            f"{len(nothing)} example(s) have no modality at all, the first at position {nothing[0]}: "
            f"give at least one of {', '.join(modalities)}."
        )
    return presence.astype(bool)


def _stack(probabilities, presence):
    """Probabilities as (M, N, C) with missing rows set to 1 / C, and presence as float (M, N, 1)."""
    arrays = [np.asarray(p, dtype="float64") for p in probabilities]
    shapes = [p.shape for p in arrays]
    if not arrays or arrays[0].ndim != 2 or len(set(shapes)) > 1:
        raise BadInput(f"Give a list of M probability arrays of one shape (N, C), not {shapes}.")
    n, classes = shapes[0]
    presence = check_presence(presence, [f"modality {m}" for m in range(len(arrays))], n)
    p = np.where(presence.T[:, :, None], np.stack(arrays), 1 / classes)
    sums = p.sum(axis=-1)
    if not (np.isfinite(p).all() and (p >= 0).all() and np.allclose(sums, 1, atol=1e-3)):
        raise BadInput("Rows of probabilities must be finite, not negative and sum to 1; use softmax first.")
    return p / sums[:, :, None], presence.T[:, :, None].astype("float64")


def mean(probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
    """Sum rule: the average over present modalities. Robust against single bad estimates."""
    return weighted(probabilities, presence)


def weighted(
    probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None, weights: Numbers | None = None
) -> np.ndarray:
    """Average under fixed weights (M,), not negative, renewed over the present modalities; None weighs evenly."""
    p, here = _stack(probabilities, presence)
    weights = np.ones(len(p)) if weights is None else np.asarray(weights, dtype="float64")
    if weights.shape != (len(p),) or not (weights >= 0).all():
        raise BadInput(f"weights must be {len(p)} numbers >= 0, one a modality, not {weights!r}.")
    share = here * weights[:, None, None]
    total = share.sum(axis=0)
    if (total == 0).any():
        raise BadInput(f"weights {weights.tolist()} give 0 to every modality that some example has.")
    return (p * share).sum(axis=0) / total


def product(probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
    """Product rule for even priors: right where modalities are independent given the class."""
    return bayes(probabilities, presence)


def bayes(
    probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None, prior: Numbers | None = None
) -> np.ndarray:
    """Product rule with class priors (Kittler et al., equation 7): ``P(c) ** (1 - m) * prod p_m(c)``.

    Args:
        prior: (C,) class probabilities in the data that the modalities' models were trained on; None for even
            ones. Every model has them in its posterior already, so m modalities would count them m times.
    """
    p, here = _stack(probabilities, presence)
    prior = np.full(p.shape[-1], 1 / p.shape[-1]) if prior is None else np.asarray(prior, dtype="float64")
    if prior.shape != p.shape[-1:] or not (prior > 0).all() or not np.isclose(prior.sum(), 1, atol=1e-3):
        raise BadInput(f"prior must be {p.shape[-1]} numbers above 0 that sum to 1, not {prior!r}.")
    logs = (np.log(np.maximum(p, TINY)) * here).sum(axis=0)
    return softmax(logs + (1 - here.sum(axis=0)) * np.log(prior), axis=-1)


def geometric(probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
    """Geometric mean over present modalities: the product rule, without its growing confidence."""
    p, here = _stack(probabilities, presence)
    return softmax((np.log(np.maximum(p, TINY)) * here).sum(axis=0) / here.sum(axis=0), axis=-1)


def maximum(probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
    """Max rule: for every class the highest probability that a present modality gives it, normalised."""
    p, here = _stack(probabilities, presence)
    best = (p * here).max(axis=0)
    return best / best.sum(axis=-1, keepdims=True)


def vote(probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
    """Majority vote: the share of present modalities that put the class first; a tie goes to the higher mean."""
    p, here = _stack(probabilities, presence)
    first = np.eye(p.shape[-1])[p.argmax(axis=-1)] * here
    votes = first.sum(axis=0) / here.sum(axis=0) + 1e-6 * mean(probabilities, presence)
    return votes / votes.sum(axis=-1, keepdims=True)


RULES = {
    "mean": mean, "weighted": weighted, "product": product, "geometric": geometric, "bayes": bayes, "max": maximum,
    "vote": vote,
}  # fmt: skip


def combine(
    rule: str, probabilities: Sequence[np.ndarray], presence: np.ndarray | None = None, **options: Any
) -> np.ndarray:
    """The rule of that name, see `RULES`. Raises BadInput for a name that is none."""
    if rule not in RULES:
        raise BadInput(f"Unknown decision rule {rule!r}; there are {', '.join(RULES)}.")
    return RULES[rule](probabilities, presence, **options)


def temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The T > 0 that makes ``softmax(log p / T)`` most likely (Guo et al. 2017), between 0.05 and 20.

    Args:
        probabilities: (N, C). targets: (N,) class indices. Give predictions that the model was not fitted on.
    """
    return fit_temperature(np.log(np.maximum(np.asarray(probabilities, dtype="float64"), TINY)), targets)


class Stacking:
    """A model on the predictions of one model a modality, fitted on predictions made out of fold (Wolpert 1992).

    1. For each modality, grouped folds over the training data give every example a prediction of a model that has seen
       neither it nor its group.
    2. These are calibrated by one `temperature` a modality.
    3. Logistic regression on the centred log-probabilities of all modalities; a missing one is a row of 0.
    4. The modalities' models are fitted again on all training data.

    Args:
        models: Dict of modality name to a scikit-learn classifier with ``predict_proba``.
        folds: Number of folds. calibrate: Whether to do step 2. strength: Inverse regularisation of step 3.
        seed: Of the folds.

    After `fit`: ``classes_``, ``temperatures_`` by modality, ``out_of_fold_`` (uncalibrated (N, C) by
    modality, NaN where missing), ``top_``, the logistic regression.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> x, y = {"face": np.arange(20.0)[:, None], "text": np.ones((20, 1))}, ["low"] * 10 + ["up"] * 10
        >>> Stacking({name: LogisticRegression() for name in x}, folds=2).fit(x, y).predict(x)[[0, -1]].tolist()
        ['low', 'up']
    """

    def __init__(
        self, models: dict[str, BaseEstimator], folds: int = 5, calibrate: bool = True, strength: float = 1.0,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.models, self.folds, self.calibrate = dict(models), folds, calibrate
        self.strength, self.seed = strength, seed

    def fit(
        self, inputs: dict[str, np.ndarray], labels: Values, groups: Values | None = None,
        presence: np.ndarray | None = None,
    ) -> Stacking:  # fmt: skip
        """Fits on a dict of modality to (N, D_m), N labels, and N groups (videos, speakers) that are never split.

        Raises:
            BadInput: A modality of ``models`` is not in ``inputs``, an example has no modality, or the examples that
                have one are of fewer groups than folds or of one class only.
        """
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

        labels = np.asarray(labels)
        self.classes_, y = np.unique(labels, return_inverse=True)
        groups = np.arange(len(y)) if groups is None else np.asarray(groups)
        presence = self._presence(inputs, len(y), presence)
        folds = StratifiedGroupKFold(self.folds, shuffle=True, random_state=self.seed)
        self.fitted_, self.out_of_fold_, self.temperatures_ = {}, {}, {}
        for m, (name, model) in enumerate(self.models.items()):
            rows = presence[:, m]
            x, classes, count = np.asarray(inputs[name])[rows], np.unique(y[rows]), len(np.unique(groups[rows]))
            if count < self.folds:
                raise BadInput(f"{count} groups with {name} cannot make {self.folds} folds; take fewer folds.")
            if len(classes) < 2:
                raise BadInput(f"All examples with {name} are of one class: nothing can be learnt from it.")
            options = {"groups": groups[rows], "cv": folds, "method": "predict_proba"}
            held_out = cross_val_predict(clone(model), x, y[rows], **options)
            self.out_of_fold_[name] = self._spread(held_out, rows, classes)
            self.temperatures_[name] = temperature(self.out_of_fold_[name][rows], y[rows]) if self.calibrate else 1.0
            self.fitted_[name] = clone(model).fit(x, y[rows])
        self.top_ = LogisticRegression(C=self.strength, max_iter=1000)
        self.top_.fit(self._features(self.out_of_fold_, presence), y)
        return self

    def predict_proba(self, inputs: dict[str, np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
        """Probabilities (N, C) in the order of ``classes_``. Raises BadInput for an example without any modality."""
        n = len(next(iter(inputs.values())))
        presence = self._presence(inputs, n, presence)
        predictions = {}
        for m, (name, model) in enumerate(self.fitted_.items()):
            rows = presence[:, m]
            p = model.predict_proba(np.asarray(inputs[name])[rows]) if rows.any() else 0
            predictions[name] = self._spread(p, rows, model.classes_)
        return self.top_.predict_proba(self._features(predictions, presence))

    def predict(self, inputs: dict[str, np.ndarray], presence: np.ndarray | None = None) -> np.ndarray:
        """The most probable class names (N,)."""
        return self.classes_[self.predict_proba(inputs, presence).argmax(axis=1)]

    def _presence(self, inputs, n, presence):
        absent = [name for name in self.models if name not in inputs]
        if absent:
            raise BadInput(f"Stacking was made for {list(self.models)}, but inputs have no {absent}.")
        return check_presence(presence, list(self.models), n)

    def _spread(self, p, rows, classes):
        """Predictions of some classes for the ``rows`` that are there as (N, C): 0 for other classes, NaN elsewhere."""
        spread = np.full((len(rows), len(self.classes_)), np.nan)
        spread[rows] = 0
        spread[np.ix_(rows, classes)] = p
        return spread

    def _features(self, predictions, presence):
        columns = []
        for m, name in enumerate(self.models):
            logs = np.log(np.maximum(np.where(presence[:, m, None], predictions[name], 1.0), TINY))
            logs = (logs - logs.mean(axis=1, keepdims=True)) / self.temperatures_[name]
            columns.append(logs[:, 1:] if logs.shape[1] == 2 else logs)  # two classes are one number
        return np.concatenate(columns, axis=1)
