"""From logits to probabilities that can be trusted: temperature, thresholds, and how far off they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.metrics.checks import check_probabilities

if TYPE_CHECKING:
    import pandas as pd


@explained
def probabilities(logits: np.ndarray, multi_label: bool = False, temperature: float = 1.0) -> np.ndarray:
    """Logits (N, C) over the temperature, through softmax, or for a multi-label model sigmoid: float64 (N, C)."""
    from scipy.special import expit, softmax

    logits = np.asarray(logits, dtype="float64") / temperature
    return expit(logits) if multi_label else softmax(logits, axis=-1)


@explained
def logits(probabilities: np.ndarray, multi_label: bool = False, temperature: float = 1.0) -> np.ndarray:
    """Float64 (N, C) of which `probabilities` makes these probabilities again.

    Example:
        >>> logits(np.array([[0.5, 0.5]])).round(3).tolist()
        [[-0.693, -0.693]]
    """
    tiny = np.finfo("float32").tiny
    odds = probabilities / np.maximum(1 - probabilities, tiny) if multi_label else probabilities
    return temperature * np.log(np.maximum(odds, tiny))


@explained
def reliability_table(y_index: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> pd.DataFrame:
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
    probabilities = check_probabilities(probabilities, len(y_index), None, rows_sum_to_one=True)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y_index
    edges = np.linspace(0, 1, bins + 1)
    where = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    n = np.bincount(where, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(where, weights=x, minlength=bins) / n for x in (confidence, right)]
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": n, "confidence": means[0], "accuracy": means[1]})


@explained
def expected_calibration_error(y_index: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over the bins of `reliability_table`, weighted by n, in [0, 1]."""
    table = reliability_table(y_index, probabilities, bins=bins)
    gaps = (table.confidence - table.accuracy).abs().fillna(0.0)
    return float((gaps * table.n).sum() / table.n.sum())


@explained
def fit_temperature(logits: np.ndarray, y_index: np.ndarray) -> float:
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


@explained
def tune_thresholds(y_true01: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Threshold per class with the best F1 on VALIDATION data, midway between two neighbouring probabilities.

    Args:
        y_true01: (N, C) of 0 and 1, as `LabelSet.encode` gives it.
        probabilities: (N, C) in [0, 1].

    Returns:
        float64 (C,) in [0, 1]; 0.5 for a class without a positive example.
    """
    true = np.asarray(y_true01).astype(bool)
    probabilities = check_probabilities(probabilities, *true.shape)
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
