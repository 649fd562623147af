"""Scores of sentiment on a scale from -3 to 3, as the field reports them for CMU-MOSI and CMU-MOSEI."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.types import Numbers


@dataclass(frozen=True)
class Intensity:
    """How far predicted scores are from true ones.

    The two kinds of Acc-2 are both in use, and differ by points: say which stands beside a number.

    Attributes:
        mae: Mean absolute error, 0 and up.
        correlation: Pearson's r, -1 to 1; NaN where one side never varies.
        acc7: Share of scores that round to the same whole number from -3 to 3 (halves to the even one).
        acc5: The same from -2 to 2.
        acc2_non_negative, f1_non_negative: Negative against not negative, all examples (Zadeh et al. 2017).
        acc2_positive, f1_positive: Negative against positive, without examples whose true score is 0 (Tsai et al.
            2019). A prediction of exactly 0 counts as negative, as in their code.
        n, n_not_zero: Examples, and those whose true score is not 0.

    Example:
        >>> intensity([-1.0, 2.0], [-0.4, 1.0]).acc2_positive
        1.0
    """

    mae: float
    correlation: float
    acc7: float
    acc5: float
    acc2_non_negative: float
    f1_non_negative: float
    acc2_positive: float
    f1_positive: float
    n: int
    n_not_zero: int

    def to_dict(self) -> dict[str, float]:
        """All of it by name."""
        return asdict(self)


@explained
def intensity(true: Numbers, predicted: Numbers) -> Intensity:
    """MAE, Pearson's r, Acc-7, Acc-5, and Acc-2 with its weighted F1 in both conventions.

    F1 is averaged over the two classes by how frequent they are among the *true* labels. (MMSA hands the arguments over
    in the other order, which weighs by the predictions.)

    Args:
        true: N scores, -3 to 3. predicted: N finite scores.

    Raises:
        BadInput: Other lengths, none at all, or a score that is no number.

    Example:
        >>> intensity([-1.0, 2.0], [-0.4, 1.0]).mae
        0.8
    """
    true, predicted = (np.asarray(x, dtype="float64").ravel() for x in (true, predicted))
    if len(true) != len(predicted) or not len(true):
        raise BadInput(f"{len(true)} true scores, but {len(predicted)} predicted ones: give as many, and one at least.")
    for name, scores in (("true", true), ("predicted", predicted)):
        if not np.isfinite(scores).all():
            raise BadInput(f"The {name} score {np.flatnonzero(~np.isfinite(scores))[0]} is NaN or infinite.")
    signed = true != 0
    varied = min(np.ptp(true), np.ptp(predicted)) > 0 and len(true) > 1
    return Intensity(
        mae=float(np.abs(true - predicted).mean()),
        correlation=float(np.corrcoef(true, predicted)[0, 1]) if varied else float("nan"),
        acc7=_same_whole(true, predicted, 3),
        acc5=_same_whole(true, predicted, 2),
        acc2_non_negative=float(np.mean((true >= 0) == (predicted >= 0))),
        f1_non_negative=_weighted_f1(true >= 0, predicted >= 0),
        acc2_positive=float(np.mean((true > 0) == (predicted > 0), where=signed)) if signed.any() else float("nan"),
        f1_positive=_weighted_f1(true[signed] > 0, predicted[signed] > 0),
        n=len(true),
        n_not_zero=int(signed.sum()),
    )


def _same_whole(true, predicted, most):
    return float(np.mean(np.rint(np.clip(true, -most, most)) == np.rint(np.clip(predicted, -most, most))))


def _weighted_f1(true, predicted):
    """F1 of both classes, weighted by how often they are true; NaN without examples."""
    if not len(true):
        return float("nan")
    total = 0.0
    for value in (False, True):
        hits = np.sum((true == value) & (predicted == value))
        total += np.mean(true == value) * 2 * hits / max(np.sum(true == value) + np.sum(predicted == value), 1)
    return float(total)
