"""Intervals of a share, of a mean, and of any score by drawing examples anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.metrics.checks import check_groups, finite, pair
from emorec.types import Numbers, Values


class Estimate(NamedTuple):
    """A mean with its interval.

    Example:
        >>> mean_interval([0.7, 0.8]).value
        0.75
    """

    value: float
    low: float
    high: float


@explained
def wilson_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion ``k / n`` (Wilson 1927); unlike the bootstrap's it is no point at 0 or 1.

    Returns:
        ``(low, high)`` as floats in [0, 1].
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= k <= n or n < 1:
        raise BadInput(f"A proportion needs 0 <= k <= n and n >= 1, not k = {k}, n = {n}.")
    low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
    return min(float(low), k / n), max(float(high), k / n)  # at 0 and 1 rounding would leave the proportion outside


@explained
def mean_interval(values: Numbers, level: float = 0.95, within: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
    """Mean of K >= 2 independent values (one per seed) with Student's t interval.

    Overlapping training folds are not independent: for them the interval is too narrow, see `corrected_t_test`.

    Args:
        values: K numbers.
        level: Coverage, in (0, 1).
        within: Where the mean can lie, as (0, 1) for accuracies; the interval is cut off there.
    """
    from scipy import stats

    values = finite(values, "values", at_least=2)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    low, high = np.clip(values.mean() + np.array([-half, half]), *within)
    return Estimate(float(values.mean()), float(low), float(high))


@explained
def seeds_interval(values: Numbers, sampling_variance: float, level: float = 0.95) -> Estimate:
    """Mean of K values, one a seed, of one test split: the seeds' spread and the split's sampling error joined.

    The variance is ``s^2 / K + sampling_variance``. Student's t has the degrees of freedom of Satterthwaite (1946),
    who leaves the part that is known, here the sampling error, without doubt: few seeds that differ cost most.

    Args:
        values: K >= 1 numbers.
        sampling_variance: Squared standard error of one value, from the size of the test split.
        level: Coverage, in (0, 1).
    """
    from scipy import stats

    values = finite(values, "values", at_least=1)
    own = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    variance = own + sampling_variance
    df = (len(values) - 1) * (variance / own) ** 2 if own else np.inf
    mean, half = float(values.mean()), float(stats.t.ppf((1 + level) / 2, df) * np.sqrt(variance))
    return Estimate(mean, mean - half, mean + half)


@explained
def bootstrap_interval(
    metric: str | Callable, y_true: Values, y_pred: Values, *, groups: Values | None = None, samples: int = 2000,
    level: float = 0.95, seed: int = 0,
) -> tuple[float, float]:  # fmt: skip
    """Percentile bootstrap interval of a metric; whole groups are resampled where ``groups`` is given.

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
    y_true, y_pred = pair(y_true, y_pred)
    rng = np.random.default_rng(seed)
    if isinstance(metric, str):
        if metric != "accuracy":
            raise BadInput(f"metric is 'accuracy' or a function of (y_true, y_pred), not {metric!r}.")
        right = (y_true == y_pred).astype(bool)
        table = np.stack([right, ~right], axis=1).astype("float64")
        sums = resampled_sums(table, groups, samples, rng)
        return percentiles(sums[:, 0] / sums.sum(axis=1), level)
    _, codes = np.unique(check_groups(groups, len(y_true)), return_inverse=True)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    values = np.empty(samples)
    for i in range(samples):
        rows = np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        values[i] = metric(y_true[rows], y_pred[rows])
    return percentiles(values, level)


def resampled_sums(table: np.ndarray, groups: Values | None, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Column sums of bootstrap samples of the rows (or groups of rows) of ``table`` (N, K): (samples, K)."""
    if groups is None:
        # Rows with equal contents are exchangeable: draw how many of each kind, which costs nothing in N.
        table, counts = np.unique(table, axis=0, return_counts=True)
        units, chances = counts.sum(), counts / counts.sum()
    else:
        names, codes = np.unique(check_groups(groups, len(table)), return_inverse=True)
        per_group = np.zeros((len(names), table.shape[1]))
        np.add.at(per_group, codes, table)
        table, units, chances = per_group, len(names), np.full(len(names), 1 / len(names))
    sums, step = np.empty((samples, table.shape[1])), max(1, 4_000_000 // len(table))
    for start in range(0, samples, step):
        size = min(step, samples - start)
        sums[start : start + size] = rng.multinomial(units, chances, size=size) @ table
    return sums


def percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise BadInput(f"level must lie between 0 and 1, not {level}.")
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)
