"""Numbers: scores with intervals, calibration, comparisons. Labels are names; a label set fixes their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from emorec.errors import BadInput

# ---------------------------------------------------------------------------------------------- intervals


class Estimate(NamedTuple):
    """A mean with its interval."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """A mean difference with its interval, t statistic, degrees of freedom and two-sided p."""

    difference: float
    low: float
    high: float
    t: float
    df: int
    p: float


class McNemar(NamedTuple):
    """Examples that only the first, only the second classifier got right, and the two-sided p."""

    only_first: int
    only_second: int
    statistic: float
    p: float


def wilson_interval(k, n, level=0.95):
    """Wilson's score interval of a proportion ``k / n`` (Wilson 1927); unlike the bootstrap's it is no point at 0 or 1.

    Returns:
        ``(low, high)`` as floats in [0, 1].
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= k <= n or n < 1:
        raise BadInput(f"A proportion needs 0 <= k <= n and n >= 1, not k = {k}, n = {n}.")
    low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def mean_interval(values, level=0.95):
    """Mean of K >= 2 independent values (one per seed) with Student's t interval.

    Overlapping training folds are not independent: for them the interval is too narrow, see `corrected_t_test`.
    """
    from scipy import stats

    values = _finite(values, "values", at_least=2)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


def bootstrap_interval(metric, y_true, y_pred, *, groups=None, samples=2000, level=0.95, seed=0):
    """Percentile bootstrap interval of a metric; whole groups are drawn where ``groups`` is given.

    Args:
        metric: ``"accuracy"`` (vectorised), or a function of ``(y_true, y_pred)`` that returns a number; draws where it
            is NaN are left out.
        y_true, y_pred: N values each, e.g. class names.
        groups: N group names (subject, video, document) when examples of one group are not independent, or None.
        samples: Number of bootstrap samples.
        level: Coverage, in (0, 1).
        seed: Of the draws; equal seeds give equal intervals.

    Returns:
        ``(low, high)`` as floats.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    rng = np.random.default_rng(seed)
    if isinstance(metric, str):
        if metric != "accuracy":
            raise BadInput(f"metric is 'accuracy' or a function of (y_true, y_pred), not {metric!r}.")
        right = (y_true == y_pred).astype(bool)
        table = np.stack([right, ~right], axis=1).astype("float64")
        sums = _resampled_sums(table, groups, samples, rng)
        return _percentiles(sums[:, 0] / sums.sum(axis=1), level)
    _, codes = np.unique(_groups(groups, len(y_true)), return_inverse=True)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    drawn = np.empty(samples)
    for i in range(samples):
        rows = np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        drawn[i] = metric(y_true[rows], y_pred[rows])
    return _percentiles(drawn, level)


def _resampled_sums(table, groups, samples, rng):
    """Column sums of bootstrap samples of the rows (or groups of rows) of ``table`` (N, K): (samples, K)."""
    if groups is None:
        # Rows with equal contents are exchangeable: draw how many of each kind, which costs nothing in N.
        table, counts = np.unique(table, axis=0, return_counts=True)
        units, chances = counts.sum(), counts / counts.sum()
    else:
        names, codes = np.unique(_groups(groups, len(table)), return_inverse=True)
        per_group = np.zeros((len(names), table.shape[1]))
        np.add.at(per_group, codes, table)
        table, units, chances = per_group, len(names), np.full(len(names), 1 / len(names))
    sums, step = np.empty((samples, table.shape[1])), max(1, 4_000_000 // len(table))
    for start in range(0, samples, step):
        size = min(step, samples - start)
        sums[start : start + size] = rng.multinomial(units, chances, size=size) @ table
    return sums


def _percentiles(values, level):
    if not 0 < level < 1:
        raise BadInput(f"level must lie between 0 and 1, not {level}.")
    low, high = np.nanpercentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


# ------------------------------------------------------------------------------------------- single label


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

    def to_dict(self):
        """Ready for ``json.dumps``: n, metrics (a float, or [value, low, high]), majority, labels, per_class,
        confusion."""
        metrics = {"accuracy": [self.accuracy, *self.accuracy_interval],
                   "macro_f1": [self.macro_f1, *self.macro_f1_interval],
                   "macro_recall": [self.macro_recall, *self.macro_recall_interval],
                   "weighted_f1": [self.weighted_f1, *self.weighted_f1_interval]}  # fmt: skip
        if self.log_loss is not None:
            metrics |= {"log_loss": self.log_loss, "ece": self.ece}
        return {"n": self.n, "level": self.level, "metrics": metrics, "majority": self.majority,
                "labels": list(self.label_set), "per_class": _per_class_dict(self.per_class),
                "confusion": self.confusion.tolist()}  # fmt: skip

    def summary(self):
        """DataFrame of the scores: rows ``this model`` and ``always LABEL``, an interval where there is one."""
        return _summary({"this model": self.to_dict()["metrics"], f"always {self.majority['label']}": self.majority})


def evaluate(y_true, y_pred, label_set, *, probabilities=None, groups=None, samples=2000, level=0.95, seed=0):
    """Scores predictions of one class each.

    Args:
        y_true, y_pred: N class names each.
        label_set: `emorec.labels.LabelSet` with every name that occurs.
        probabilities: (N, C) class probabilities in label-set order, rows sum to 1, or None.
        groups: N names of groups whose examples are not independent, or None; the intervals then draw whole groups.
        samples, level, seed: Of the bootstrap.

    Returns:
        An `Evaluation`.

    Raises:
        LabelMismatch: A name outside of the label set.
        BadInput: Lengths differ, nothing to score, probabilities that are none, or a multi-label set.
    """
    if label_set.multi_label:
        raise BadInput(f"Label set {label_set.name!r} is multi-label: use evaluate_multilabel.")
    y_true, y_pred = _pair(y_true, y_pred)
    true, predicted = label_set.encode(y_true), label_set.encode(y_pred)
    classes, n = len(label_set), len(true)
    cells = np.zeros((n, classes * classes), dtype="int64")
    cells[np.arange(n), true * classes + predicted] = 1
    confusion = cells.sum(axis=0).reshape(classes, classes)
    drawn = _resampled_cells(confusion, cells, groups, samples, seed)
    scores, drawn_scores = _confusion_scores(confusion), _confusion_scores(drawn)
    right = int(np.trace(confusion))
    spread = _percentiles(np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2)), level)
    if groups is None and right in (0, n):  # a sample without one exception shows the bootstrap no spread
        spread = wilson_interval(right, n, level)
    log_loss = ece = None
    if probabilities is not None:
        probabilities = _probabilities(probabilities, n, classes, rows_sum_to_one=True)
        log_loss = float(-np.log(np.clip(probabilities[np.arange(n), true], 1e-12, 1)).mean())
        ece = expected_calibration_error(true, probabilities)
    return Evaluation(
        label_set, n, right / n, spread,
        float(scores["macro_f1"]), _percentiles(drawn_scores["macro_f1"], level),
        float(scores["macro_recall"]), _percentiles(drawn_scores["macro_recall"], level),
        float(scores["weighted_f1"]), _percentiles(drawn_scores["weighted_f1"], level),
        _per_class(scores, label_set), confusion,
        _majority(confusion, label_set), log_loss, ece, level,
    )  # fmt: skip


def _resampled_cells(confusion, cells, groups, samples, seed):
    """Confusion matrices of bootstrap samples: (samples, C, C)."""
    rng = np.random.default_rng(seed)
    if groups is None:  # resampling examples is one multinomial draw over the cells
        drawn = rng.multinomial(confusion.sum(), confusion.ravel() / confusion.sum(), size=samples)
    else:
        drawn = _resampled_sums(cells.astype("float64"), groups, samples, rng)
    return drawn.reshape(samples, *confusion.shape)


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


# -------------------------------------------------------------------------------------------- multi label


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

    def to_dict(self):
        """Ready for ``json.dumps``: n, metrics (a float, or [value, low, high]), thresholds, per_class."""
        metrics = {
            "macro_f1": [self.macro_f1, *self.macro_f1_interval],
            "micro_f1": [self.micro_f1, *self.micro_f1_interval],
            "exact_match": self.exact_match,
        }
        thresholds = dict(zip(self.label_set, self.thresholds.tolist()))
        return {"n": self.n, "level": self.level, "metrics": metrics, "thresholds": thresholds,
                "per_class": _per_class_dict(self.per_class)}  # fmt: skip

    def summary(self):
        """DataFrame with one row of the scores, an interval where there is one."""
        return _summary({"this model": self.to_dict()["metrics"]})


def evaluate_multilabel(y_true, probabilities, thresholds, label_set, *, groups=None, samples=2000, level=0.95, seed=0):
    """Scores predictions of any number of classes each.

    Args:
        y_true: N tuples of class names, possibly empty.
        probabilities: (N, C) in [0, 1], label-set order.
        thresholds: One number, or C of them, tuned on validation data (`tune_thresholds`).
        label_set: A multi-label `emorec.labels.LabelSet`.
        groups, samples, level, seed: As for `evaluate`.

    Returns:
        A `MultilabelEvaluation`.
    """
    if not label_set.multi_label:
        raise BadInput(f"Label set {label_set.name!r} has one class an example: use evaluate.")
    true = label_set.encode(y_true).astype(bool)
    if not len(true):
        raise BadInput("There is nothing to score: y_true is empty.")
    called = _probabilities(probabilities, *true.shape)
    thresholds = np.broadcast_to(np.asarray(thresholds, dtype="float64"), true.shape[1]).copy()
    called = called >= thresholds
    table = np.concatenate([true & called, called, true], axis=1).astype("float64")
    drawn = _resampled_sums(table, groups, samples, np.random.default_rng(seed))
    drawn = _count_scores(*np.split(drawn, 3, axis=1))
    scores = _count_scores(*np.split(table.sum(axis=0), 3))
    return MultilabelEvaluation(
        label_set, len(true), float(scores["macro_f1"]), _percentiles(drawn["macro_f1"], level),
        float(scores["micro_f1"]), _percentiles(drawn["micro_f1"], level),
        float((true == called).all(axis=1).mean()), thresholds, _per_class(scores, label_set), level,
    )  # fmt: skip


def tune_thresholds(y_true01, probabilities):
    """Threshold per class with the best F1 on VALIDATION data, midway between two neighbouring probabilities.

    Args:
        y_true01: (N, C) of 0 and 1, as `LabelSet.encode` gives it.
        probabilities: (N, C) in [0, 1].

    Returns:
        float64 (C,) in [0, 1]; 0.5 for a class without a positive example.
    """
    true = np.asarray(y_true01).astype(bool)
    probabilities = _probabilities(probabilities, *true.shape)
    thresholds = np.full(true.shape[1], 0.5)
    for c in np.flatnonzero(true.any(axis=0)):
        order = np.argsort(-probabilities[:, c], kind="stable")
        p, hits = probabilities[order, c], np.cumsum(true[order, c])
        f1 = 2 * hits / (np.arange(1, len(p) + 1) + hits[-1])
        below = np.append(p[1:], 0.0)
        f1[p == np.append(p[1:], -1.0)] = -1  # no threshold parts equal probabilities
        best = f1.argmax()
        thresholds[c] = (p[best] + below[best]) / 2
    return thresholds


def class_weights(labels, label_set):
    """Weights that make every class count alike, from the data.

    Returns:
        float64 (C,) in label-set order. One class an example: ``N / (classes present * n_c)``, for the loss of the
        examples of class c. Multi-label: ``(N - n_c) / n_c``, for the positive part of the class's binary
        cross-entropy. A class without an example gets 1.
    """
    encoded = label_set.encode(labels)
    if not len(encoded):
        raise BadInput("Class weights need at least one label.")
    if label_set.multi_label:
        counts = encoded.sum(axis=0)
        weights = (len(encoded) - counts) / np.maximum(counts, 1)
    else:
        counts = np.bincount(encoded, minlength=len(label_set))
        weights = len(encoded) / ((counts > 0).sum() * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 1.0).astype("float64")


# -------------------------------------------------------------------------------------------- calibration


def probabilities(logits, multi_label=False, temperature=1.0):
    """Logits (N, C) over the temperature, through softmax, or for a multi-label model sigmoid: float64 (N, C)."""
    from scipy.special import expit, softmax

    logits = np.asarray(logits, dtype="float64") / temperature
    return expit(logits) if multi_label else softmax(logits, axis=-1)


def reliability_table(y_index, probabilities, *, bins=15):
    """How often the model is right among predictions of equal confidence (Guo et al. 2017, equal-width bins).

    Args:
        y_index: (N,) true class indices.
        probabilities: (N, C), rows sum to 1.
        bins: Number of bins of the highest probability; a bin is open on its left and closed on its right.

    Returns:
        DataFrame, one row a bin: low, high, n, confidence and accuracy (NaN in an empty bin).
    """
    import pandas as pd

    y_index = np.asarray(y_index)
    probabilities = _probabilities(probabilities, len(y_index), None, rows_sum_to_one=True)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y_index
    edges = np.linspace(0, 1, bins + 1)
    where = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    n = np.bincount(where, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(where, weights=x, minlength=bins) / n for x in (confidence, right)]
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": n, "confidence": means[0], "accuracy": means[1]})


def expected_calibration_error(y_index, probabilities, *, bins=15):
    """Mean distance of confidence and accuracy over the bins of `reliability_table`, weighted by n, in [0, 1]."""
    table = reliability_table(y_index, probabilities, bins=bins)
    gaps = (table.confidence - table.accuracy).abs().fillna(0.0)
    return float((gaps * table.n).sum() / table.n.sum())


def fit_temperature(logits, y_index):
    """Temperature that minimises the negative log-likelihood of VALIDATION data (Guo et al. 2017, section 4.2).

    Args:
        logits: (N, C).
        y_index: (N,) class indices, or (N, C) of 0 and 1 for a multi-label model (binary cross-entropy).

    Returns:
        A float in [0.05, 20]; divide the logits by it.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, log_softmax

    logits, y = np.asarray(logits, dtype="float64"), np.asarray(y_index)
    if logits.ndim != 2 or len(logits) != len(y) or not len(y) or not np.isfinite(logits).all():
        raise BadInput(f"Temperature needs finite logits (N, C) for N labels, not {logits.shape} for {y.shape}.")

    def nll(log_t):
        scaled = logits / np.exp(log_t)
        if y.ndim == 2:
            return -(y * log_expit(scaled) + (1 - y) * log_expit(-scaled)).mean()
        return -log_softmax(scaled, axis=1)[np.arange(len(y)), y].mean()

    return float(np.exp(minimize_scalar(nll, bounds=np.log([0.05, 20]), method="bounded").x))


# -------------------------------------------------------------------------------------------- comparisons


def corrected_t_test(differences, test_fraction_ratio, level=0.95):
    """Paired t test of two models over folds whose training parts overlap (Nadeau & Bengio 2003, section 3).

    The plain test takes K folds for independent and finds too much; the variance is ``(1/K + n_test/n_train) s^2``.

    Args:
        differences: K >= 2 differences of a score, one a fold (or a fold and repetition).
        test_fraction_ratio: ``n_test / n_train``, 1/9 for ten folds. 0 gives the plain paired t test.
        level: Coverage of the interval.

    Returns:
        A `Comparison`, in the unit of the differences.
    """
    from scipy import stats

    differences = _finite(differences, "differences", at_least=2)
    if not 0 <= test_fraction_ratio < np.inf:
        raise BadInput(f"test_fraction_ratio is n_test / n_train, not {test_fraction_ratio}.")
    mean, df = float(differences.mean()), len(differences) - 1
    error = float(np.sqrt((1 / len(differences) + test_fraction_ratio) * differences.var(ddof=1)))
    if error <= 1e-12 * max(1.0, abs(mean)):  # every fold agrees: no spread to test against
        same = abs(mean) <= 1e-12
        return Comparison(mean, mean, mean, 0.0 if same else np.copysign(np.inf, mean), df, float(same))
    t, half = mean / error, float(stats.t.ppf((1 + level) / 2, df)) * error
    return Comparison(mean, mean - half, mean + half, t, df, float(2 * stats.t.sf(abs(t), df)))


def holm(p_values):
    """p values adjusted for having asked several questions (Holm 1979), same order, float64."""
    from statsmodels.stats.multitest import multipletests

    p_values = np.asarray(p_values, dtype="float64")
    if not (np.isfinite(p_values) & (p_values >= 0) & (p_values <= 1)).all():
        raise BadInput(f"p values lie in [0, 1]: {p_values.tolist()}.")
    return multipletests(p_values, method="holm")[1] if p_values.size else p_values


def mcnemar(y_true, first, second):
    """McNemar's test of two classifiers on the same examples; exact below 25 discordant ones, else chi-square.

    Args:
        y_true, first, second: N class names each: the truth and two predictions.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    y_true, first = _pair(y_true, first)
    y_true, second = _pair(y_true, second)
    a, b = (first == y_true).astype(bool), (second == y_true).astype(bool)
    table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    result = test(table, exact=table[0][1] + table[1][0] < 25, correction=True)
    return McNemar(table[0][1], table[1][0], float(result.statistic), float(result.pvalue))


# ------------------------------------------------------------------------------------------------- checks


def _pair(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim != 1 or y_true.shape != y_pred.shape:
        raise BadInput(f"y_true and y_pred must be two lists of N values, not {y_true.shape} and {y_pred.shape}.")
    if not len(y_true):
        raise BadInput("There is nothing to score: y_true is empty.")
    return y_true, y_pred


def _groups(groups, n):
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if groups.shape != (n,):
        raise BadInput(f"groups must hold one name for each of the {n} examples, not shape {groups.shape}.")
    return groups.astype(str) if groups.dtype == object else groups


def _probabilities(values, n, classes, rows_sum_to_one=False):
    values = np.asarray(values, dtype="float64")
    if values.ndim != 2 or len(values) != n or (classes is not None and values.shape[1] != classes):
        raise BadInput(f"Probabilities must have shape ({n}, {classes or 'C'}), not {values.shape}.")
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise BadInput("Probabilities must lie in [0, 1] and be finite: are these logits?")
    if rows_sum_to_one and not np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise BadInput(f"Rows of probabilities must sum to 1; the first sums to {values[0].sum():.4g}.")
    return values


def _finite(values, name, at_least):
    values = np.asarray(values, dtype="float64").ravel()
    if len(values) < at_least or not np.isfinite(values).all():
        raise BadInput(f"{name} must be at least {at_least} finite numbers, not {values.tolist()}.")
    return values


# ------------------------------------------------------------------------------------------------ display


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
