"""Scores of predictions, one class an example or several, with intervals and a row for each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.metrics.calibration import expected_calibration_error
from emorec.metrics.checks import check_probabilities, pair
from emorec.metrics.intervals import percentiles, resampled_sums, wilson_interval
from emorec.types import Numbers, Values

if TYPE_CHECKING:
    import pandas as pd

    from emorec.labels import LabelSet


class _Shown:
    """Prints and draws an evaluation as two tables: scores, and a row for each class."""

    def _title(self):
        return f"{self.n} examples, intervals at {self.level:.0%}"

    def __str__(self):
        return "\n\n".join([self._title(), self.summary().to_string(), _per_class_shown(self.per_class).to_string()])

    def _repr_html_(self):
        tables = (self.summary(), _per_class_shown(self.per_class))
        return f"<div><p>{self._title()}</p>{''.join(table.to_html() for table in tables)}</div>"


@dataclass(frozen=True)
class Evaluation(_Shown):
    """Scores of single-label predictions.

    Attributes:
        label_set: Fixes the order of ``per_class`` and ``confusion``.
        n: Number of examples.
        accuracy, accuracy_interval: Share of right predictions and its bootstrap interval (Wilson's where all or none
            are right, and no groups are given).
        macro_f1, macro_f1_interval: Mean F1 of the classes that occur in ``y_true`` or ``y_pred``.
        macro_recall, macro_recall_interval: Mean recall of the classes that occur in ``y_true`` (balanced accuracy).
        weighted_f1, weighted_f1_interval: Mean F1 weighted by the number of true examples.
        per_class: DataFrame indexed by class name: precision, recall, f1, n. NaN where nothing defines the number.
        confusion: int64 (C, C), row = true class, column = predicted class.
        majority: What always naming the commonest class of ``y_true`` scores: label, accuracy, macro_f1, macro_recall.
        log_loss, ece: Of the probabilities, or None where none were given.
        level: Coverage of the intervals.

    Example:
        >>> from emorec.labels import POLARITY
        >>> evaluate(["positive", "negative"], ["positive", "positive"], POLARITY).accuracy
        0.5
    """

    label_set: object
    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    macro_recall: float
    macro_recall_interval: tuple[float, float]
    weighted_f1: float
    weighted_f1_interval: tuple[float, float]
    per_class: object = field(repr=False)
    confusion: np.ndarray = field(repr=False)
    majority: dict = field(repr=False)
    log_loss: float | None = None
    ece: float | None = None
    level: float = 0.95

    def to_dict(self) -> dict:
        """Ready for ``json.dumps``: n, metrics (a float, or [value, low, high]), majority, labels, per_class,
        confusion."""
        metrics: dict[str, Any] = {"accuracy": [self.accuracy, *self.accuracy_interval],
                   "macro_f1": [self.macro_f1, *self.macro_f1_interval],
                   "macro_recall": [self.macro_recall, *self.macro_recall_interval],
                   "weighted_f1": [self.weighted_f1, *self.weighted_f1_interval]}  # fmt: skip
        if self.log_loss is not None:
            metrics |= {"log_loss": self.log_loss, "ece": self.ece}
        return {"n": self.n, "level": self.level, "metrics": metrics, "majority": self.majority,
                "labels": list(self.label_set), "per_class": _per_class_dict(self.per_class),  # type: ignore[call-overload]
                "confusion": self.confusion.tolist()}  # fmt: skip

    def summary(self) -> pd.DataFrame:
        """DataFrame of the scores: rows ``this model`` and ``always LABEL``, an interval where there is one."""
        return _summary({"this model": self.to_dict()["metrics"], f"always {self.majority['label']}": self.majority})


@explained
def evaluate(
    y_true: Values, y_pred: Values, label_set: LabelSet, *, probabilities: np.ndarray | None = None,
    groups: Values | None = None, samples: int = 2000, level: float = 0.95, seed: int = 0,
) -> Evaluation:  # fmt: skip
    """Scores predictions of one class each.

    Args:
        y_true, y_pred: N class names each.
        label_set: `emorec.labels.LabelSet` with every name that occurs.
        probabilities: (N, C) class probabilities in label-set order, rows sum to 1, or None.
        groups: N names of groups whose examples are not independent, or None; the intervals then draw whole groups.
        samples, level, seed: Of the bootstrap.

    Raises:
        LabelMismatch: A name outside of the label set.
        BadInput: Lengths differ, nothing to score, probabilities that are none, or a multi-label set.
    """
    if label_set.multi_label:
        raise BadInput(f"Label set {label_set.name!r} is multi-label: use evaluate_multilabel.")
    y_true, y_pred = pair(y_true, y_pred)
    true, predicted = label_set.encode(y_true), label_set.encode(y_pred)
    classes, n = len(label_set), len(true)
    cells = np.zeros((n, classes * classes), dtype="int64")
    cells[np.arange(n), true * classes + predicted] = 1
    confusion = cells.sum(axis=0).reshape(classes, classes)
    resampled = _resampled_cells(confusion, cells, groups, samples, seed)
    scores, resampled_scores = _confusion_scores(confusion), _confusion_scores(resampled)
    right = int(np.trace(confusion))
    spread = percentiles(np.trace(resampled, axis1=1, axis2=2) / resampled.sum(axis=(1, 2)), level)
    if groups is None and right in (0, n):  # a sample without one exception shows the bootstrap no spread
        spread = wilson_interval(right, n, level)
    log_loss = ece = None
    if probabilities is not None:
        probabilities = check_probabilities(probabilities, n, classes, rows_sum_to_one=True)
        log_loss = float(-np.log(np.clip(probabilities[np.arange(n), true], 1e-12, 1)).mean())
        ece = expected_calibration_error(true, probabilities)
    return Evaluation(
        label_set, n, right / n, spread,
        float(scores["macro_f1"]), percentiles(resampled_scores["macro_f1"], level),
        float(scores["macro_recall"]), percentiles(resampled_scores["macro_recall"], level),
        float(scores["weighted_f1"]), percentiles(resampled_scores["weighted_f1"], level),
        _per_class(scores, label_set), confusion,
        _majority(confusion, label_set), log_loss, ece, level,
    )  # fmt: skip


def _resampled_cells(confusion, cells, groups, samples, seed):
    """Confusion matrices of bootstrap samples: (samples, C, C)."""
    rng = np.random.default_rng(seed)
    if groups is None:  # resampling examples is one multinomial draw over the cells
        resampled = rng.multinomial(confusion.sum(), confusion.ravel() / confusion.sum(), size=samples)
    else:
        resampled = resampled_sums(cells.astype("float64"), groups, samples, rng)
    return resampled.reshape(samples, *confusion.shape)


def _confusion_scores(confusion):
    """Scores of confusion matrices (..., C, C)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    scores = _count_scores(hits, confusion.sum(axis=-2), confusion.sum(axis=-1))
    with np.errstate(invalid="ignore"):
        scores["weighted_f1"] = np.nansum(scores["f1"] * scores["n"], axis=-1) / scores["n"].sum(axis=-1)
    return scores


def _count_scores(hits, called, n):
    """Per-class and averaged scores of counts (..., C): right, predicted and true examples of each class."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = {"precision": hits / called, "recall": hits / n, "f1": 2 * hits / (called + n), "n": n}
        for name, of in (("macro_f1", "f1"), ("macro_recall", "recall")):
            defined = np.isfinite(scores[of])
            scores[name] = np.nansum(scores[of], axis=-1) / defined.sum(axis=-1)
        scores["micro_f1"] = 2 * hits.sum(axis=-1) / (called + n).sum(axis=-1)
    return scores


@explained
def macro_f1(true: np.ndarray, chosen: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean F1 of the classes that occur in truth or answers, 0 to 1; 0 where none does.

    Args:
        true, chosen: bool (N, C): the classes of each example, and those that were answered.
        weights: (N,), or None where all examples count alike.

    Example:
        >>> macro_f1([[True, False], [False, True]], [[True, False], [True, False]])
        0.3333333333333333
    """
    true, chosen = np.asarray(true), np.asarray(chosen)
    if true.ndim != 2 or true.shape != chosen.shape or not (_is_binary(true) and _is_binary(chosen)):
        raise BadInput(
            f"true and chosen are two arrays (N, C) of True and False; received {true.dtype} {true.shape} and "
            f"{chosen.dtype} {chosen.shape}."
        )
    true, chosen = true.astype(bool), chosen.astype(bool)
    weights = np.ones(len(true)) if weights is None else np.asarray(weights, dtype="float64")
    with np.errstate(invalid="ignore"):
        score = _count_scores(weights @ (true & chosen), weights @ chosen, weights @ true)["macro_f1"]
    return float(np.nan_to_num(score))


def _is_binary(values):
    return values.dtype.kind in "biuf" and bool(((values == 0) | (values == 1)).all())


def telling(right: np.ndarray, sure: np.ndarray, labels: np.ndarray) -> dict[str, int]:
    """Positions of three examples, chosen by rule instead of by hand; their true classes differ where they can.

    Args:
        right: bool (N,), which answers are right.
        sure: (N,), the probability of each answer.
        labels: Object array of N true class names.

    Returns:
        ``"right and sure"``, the right answer of the highest probability, ``"right and unsure"``, that of the lowest,
        ``"wrong and sure"``, the wrong one of the highest; one is missing where there is no such answer.
    """
    chosen: dict[str, int] = {}
    rules = (("right and sure", True, 1), ("right and unsure", True, -1), ("wrong and sure", False, 1))
    for name, wanted, sign in rules:
        taken = list(chosen.values())
        among = (right == wanted) & ~np.isin(np.arange(len(right)), taken)
        fresh = among & ~np.isin(labels.astype(str), labels[taken].astype(str))
        rows = np.flatnonzero(fresh if fresh.any() else among)
        if len(rows):
            chosen[name] = int(rows[(sign * sure[rows]).argmax()])
    return chosen


def _per_class(scores, label_set):
    import pandas as pd

    columns = {name: scores[name] for name in ("precision", "recall", "f1")}
    columns["n"] = scores["n"].astype("int64")
    return pd.DataFrame(columns, index=pd.Index(list(label_set), name="class", dtype=object))


def _majority(confusion, label_set):
    counts = confusion.sum(axis=1)
    always = np.zeros_like(confusion)
    always[:, counts.argmax()] = counts
    scores = _confusion_scores(always)
    return {"label": label_set.names[counts.argmax()], "accuracy": float(counts.max() / counts.sum()),
            "macro_f1": float(scores["macro_f1"]), "macro_recall": float(scores["macro_recall"])}  # fmt: skip


@dataclass(frozen=True)
class MultilabelEvaluation(_Shown):
    """Scores of multi-label predictions.

    Attributes:
        label_set: Fixes the order of ``per_class`` and ``thresholds``.
        n: Number of examples.
        macro_f1, macro_f1_interval: Mean F1 of the classes that occur in the truth or the predictions.
        micro_f1, micro_f1_interval: F1 of all N x C decisions pooled.
        exact_match: Share of examples whose whole set of labels is right.
        thresholds: float64 (C,), a class is predicted where its probability reaches its threshold.
        per_class: DataFrame indexed by class name: precision, recall, f1, n.
        level: Coverage of the intervals.

    Example:
        >>> from emorec.labels import LabelSet
        >>> tags = LabelSet("tags", ("joy", "fear"), multi_label=True)
        >>> evaluate_multilabel([("joy",), ()], np.array([[0.9, 0.1], [0.2, 0.3]]), 0.5, tags).exact_match
        1.0
    """

    label_set: object
    n: int
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    micro_f1: float
    micro_f1_interval: tuple[float, float]
    exact_match: float
    thresholds: np.ndarray = field(repr=False)
    per_class: object = field(repr=False)
    level: float = 0.95

    def to_dict(self) -> dict:
        """Ready for ``json.dumps``: n, metrics (a float, or [value, low, high]; None of an F1 where no label is true or
        called), thresholds, per_class."""
        scores = {"macro_f1": (self.macro_f1, *self.macro_f1_interval),
                  "micro_f1": (self.micro_f1, *self.micro_f1_interval)}  # fmt: skip
        metrics: dict[str, Any] = {name: None if np.isnan(score[0]) else list(score) for name, score in scores.items()}
        metrics["exact_match"] = self.exact_match
        thresholds = dict(zip(self.label_set, self.thresholds.tolist()))  # type: ignore[call-overload]
        return {"n": self.n, "level": self.level, "metrics": metrics, "thresholds": thresholds,
                "per_class": _per_class_dict(self.per_class)}  # fmt: skip

    def summary(self) -> pd.DataFrame:
        """DataFrame with one row of the scores, an interval where there is one."""
        return _summary({"this model": self.to_dict()["metrics"]})


@explained
def evaluate_multilabel(
    y_true: Values, probabilities: np.ndarray, thresholds: float | Numbers, label_set: LabelSet, *,
    groups: Values | None = None, samples: int = 2000, level: float = 0.95, seed: int = 0,
) -> MultilabelEvaluation:  # fmt: skip
    """Scores predictions of any number of classes each.

    Args:
        y_true: N tuples of class names, possibly empty.
        probabilities: (N, C) in [0, 1], label-set order.
        thresholds: One number, or C of them, tuned on validation data (`tune_thresholds`).
        label_set: A multi-label `emorec.labels.LabelSet`.
        groups, samples, level, seed: As for `evaluate`.
    """
    if not label_set.multi_label:
        raise BadInput(f"Label set {label_set.name!r} has one class an example: use evaluate.")
    true = label_set.encode(y_true).astype(bool)
    if not len(true):
        raise BadInput("There is nothing to score: y_true is empty.")
    called = check_probabilities(probabilities, *true.shape)
    thresholds = np.broadcast_to(np.asarray(thresholds, dtype="float64"), true.shape[1]).copy()
    called = called >= thresholds
    table = np.concatenate([true & called, called, true], axis=1).astype("float64")
    resampled = resampled_sums(table, groups, samples, np.random.default_rng(seed))
    resampled = _count_scores(*np.split(resampled, 3, axis=1))
    scores = _count_scores(*np.split(table.sum(axis=0), 3))
    return MultilabelEvaluation(
        label_set, len(true), float(scores["macro_f1"]), percentiles(resampled["macro_f1"], level),
        float(scores["micro_f1"]), percentiles(resampled["micro_f1"], level),
        float((true == called).all(axis=1).mean()), thresholds, _per_class(scores, label_set), level,
    )  # fmt: skip


@explained
def class_weights(labels: Values, label_set: LabelSet) -> np.ndarray:
    """Weights that make every class count alike, from the data.

    Returns:
        float64 (C,) in label-set order. One class an example: ``N / (classes present * n_c)``, for the loss of the
        examples of class c. Multi-label: ``(N - n_c) / n_c``, for the positive part of the class's binary
        cross-entropy. A class without an example gets 1.
    """
    encoded = label_set.encode(labels)
    if not len(encoded):
        raise BadInput("Class weights need at least one label.")
    counts = encoded.sum(axis=0) if label_set.multi_label else np.bincount(encoded, minlength=len(label_set))
    return balanced_weights(counts, len(encoded), label_set.multi_label)


@explained
def balanced_weights(counts: np.ndarray, n: int, multi_label: bool = False) -> np.ndarray:
    """`class_weights` of counts (C,), the examples of each class among ``n``."""
    some = np.where(counts > 0, counts, 1)
    weights = (n - some) / some if multi_label else n / ((counts > 0).sum() * some)
    return np.where(counts > 0, weights, 1.0).astype("float64")


def _per_class_dict(per_class):
    """Class name to its row as plain numbers; None for NaN, which is no JSON."""
    return {
        name: {column: None if value != value else value for column, value in row.items()}
        for name, row in per_class.astype(object).to_dict("index").items()
    }


_NAMES = {"macro_f1": "macro-F1", "micro_f1": "micro-F1", "macro_recall": "macro-recall", "log_loss": "log loss",
          "weighted_f1": "weighted F1", "ece": "ECE", "exact_match": "exact match"}  # fmt: skip


def _summary(rows):
    import pandas as pd

    shown = {
        title: {_NAMES.get(k, k): _cell(k, v) for k, v in row.items() if k != "label"} for title, row in rows.items()
    }
    return pd.DataFrame.from_dict(shown, orient="index").fillna("")


def _cell(name, value):
    if value is None:
        return "–"
    if name == "log_loss":
        return f"{value:.3f}"
    if isinstance(value, list):
        return "{:.1f} % [{:.1f}, {:.1f}]".format(*(100 * v for v in value))
    return f"{100 * value:.1f} %"


def _per_class_shown(per_class):
    shown = per_class.astype(object)
    for column in ("precision", "recall", "f1"):
        shown[column] = [f"{100 * v:.1f}" if np.isfinite(v) else "–" for v in per_class[column]]
    return shown.rename(columns={"precision": "precision %", "recall": "recall %", "f1": "F1 %"})
