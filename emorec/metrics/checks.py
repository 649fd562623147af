"""What scores and probabilities must look like."""

from typing import Any

import numpy as np

from emorec.errors import BadInput
from emorec.types import Values


def pair(y_true: Values, y_pred: Values) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim != 1 or y_true.shape != y_pred.shape:
        raise BadInput(f"y_true and y_pred must be two lists of N values, not {y_true.shape} and {y_pred.shape}.")
    if not len(y_true):
        raise BadInput("There is nothing to score: y_true is empty.")
    return y_true, y_pred


def check_groups(groups: Values | None, n: int) -> Any:
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if groups.shape != (n,):
        raise BadInput(f"groups must hold one name for each of the {n} examples, not shape {groups.shape}.")
    return groups.astype(str) if groups.dtype == object else groups


def check_probabilities(values: Any, n: int, classes: int | None, rows_sum_to_one: bool = False) -> np.ndarray:
    values = np.asarray(values, dtype="float64")
    if values.ndim != 2 or len(values) != n or (classes is not None and values.shape[1] != classes):
        raise BadInput(f"Probabilities must have shape ({n}, {classes or 'C'}), not {values.shape}.")
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise BadInput("Probabilities must lie in [0, 1] and be finite: are these logits?")
    if rows_sum_to_one and not np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise BadInput(f"Rows of probabilities must sum to 1; the first sums to {values[0].sum():.4g}.")
    return values


def finite(values: Any, name: str, at_least: int) -> np.ndarray:
    values = np.asarray(values, dtype="float64").ravel()
    if len(values) < at_least or not np.isfinite(values).all():
        raise BadInput(f"{name} must be at least {at_least} finite numbers, not {values.tolist()}.")
    return values
