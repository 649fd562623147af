"""Is one model better than another? Paired tests, and p values for several questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.metrics.checks import finite, pair
from emorec.types import Numbers, Values

if TYPE_CHECKING:
    import pandas as pd


class Comparison(NamedTuple):
    """A mean difference with its interval, t statistic, degrees of freedom and two-sided p.

    Example:
        >>> corrected_t_test([0.01, 0.02, 0.015], test_fraction_ratio=1 / 9).df
        2
    """

    difference: float
    low: float
    high: float
    t: float
    df: int
    p: float


class McNemar(NamedTuple):
    """Examples that only the first, only the second classifier got right, and the two-sided p.

    Example:
        >>> mcnemar(["a"] * 4, ["a", "a", "a", "b"], ["b", "b", "a", "a"]).only_first
        2
    """

    only_first: int
    only_second: int
    statistic: float
    p: float


@explained
def corrected_t_test(differences: Numbers, test_fraction_ratio: float, level: float = 0.95) -> Comparison:
    """Paired t test of two models over folds whose training splits overlap (Nadeau & Bengio 2003, section 3).

    The plain test takes K folds for independent and finds too much; the variance is ``(1/K + n_test/n_train) s^2``.

    Args:
        differences: K >= 2 differences of a score, one a fold (or a fold and repetition).
        test_fraction_ratio: ``n_test / n_train``, 1/9 for ten folds. 0 gives the plain paired t test.
        level: Coverage of the interval.

    Returns:
        A `Comparison`, in the unit of the differences.
    """
    from scipy import stats

    differences = finite(differences, "differences", at_least=2)
    if not 0 <= test_fraction_ratio < np.inf:
        raise BadInput(f"test_fraction_ratio is n_test / n_train, not {test_fraction_ratio}.")
    mean, df = float(differences.mean()), len(differences) - 1
    error = float(np.sqrt((1 / len(differences) + test_fraction_ratio) * differences.var(ddof=1)))
    if error <= 1e-12 * max(1.0, abs(mean)):  # every fold agrees: no spread to test against
        same = abs(mean) <= 1e-12
        return Comparison(mean, mean, mean, 0.0 if same else np.copysign(np.inf, mean), df, float(same))
    t, half = mean / error, float(stats.t.ppf((1 + level) / 2, df)) * error
    return Comparison(mean, mean - half, mean + half, t, df, float(2 * stats.t.sf(abs(t), df)))


@explained
def holm(p_values: Numbers) -> np.ndarray:
    """p values adjusted for having asked several questions (Holm 1979), same order, float64."""
    from statsmodels.stats.multitest import multipletests

    p_values = np.asarray(p_values, dtype="float64")
    if not (np.isfinite(p_values) & (p_values >= 0) & (p_values <= 1)).all():
        raise BadInput(f"p values lie in [0, 1]: {p_values.tolist()}.")
    return multipletests(p_values, method="holm")[1] if p_values.size else p_values


@explained
def mcnemar(y_true: Values, first: Values, second: Values) -> McNemar:
    """McNemar's test of two classifiers on the same examples; exact below 25 discordant ones, else chi-square.

    Args:
        y_true, first, second: N class names each: the truth and two predictions.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    y_true, first = pair(y_true, first)
    y_true, second = pair(y_true, second)
    a, b = (first == y_true).astype(bool), (second == y_true).astype(bool)
    table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    result = test(table, exact=table[0][1] + table[1][0] < 25, correction=True)
    return McNemar(table[0][1], table[1][0], float(result.statistic), float(result.pvalue))


@explained
def gains(y_true: Values, answers: dict[str, Values], reference: str) -> pd.DataFrame:
    """What each classifier gains over one of them, in accuracy, on the same examples.

    Args:
        y_true: N class names.
        answers: Dict of name to N predicted class names.
        reference: The name in ``answers`` that the others are compared with.

    Returns:
        DataFrame with a row for each other name, ready for `emorec.plots.forest`: label, estimate, low, high
        (percentage points, 95 % interval over the examples, not adjusted) and p (McNemar's, adjusted after Holm for
        the number of rows).

    Raises:
        BadInput: ``answers`` does not hold the reference, or nothing else.

    Example:
        >>> gains(["a", "b"], {"one": ["a", "a"], "two": ["a", "b"]}, "one")["estimate"].tolist()
        [50.0]
    """
    import pandas as pd

    from emorec.metrics.intervals import mean_interval

    others = [name for name in answers if name != reference]
    if reference not in answers or not others:
        raise BadInput(f"Give answers of {reference!r} and of another classifier, not of {list(answers)}.")
    truth = np.asarray(y_true, dtype=str)
    hits = {name: 100.0 * (np.asarray(answer, dtype=str) == truth) for name, answer in answers.items()}
    adjusted = holm([mcnemar(y_true, answers[name], answers[reference]).p for name in others])
    rows = [(name, *mean_interval(hits[name] - hits[reference]), p) for name, p in zip(others, adjusted)]
    return pd.DataFrame(rows, columns=["label", "estimate", "low", "high", "p"])
