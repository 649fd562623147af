"""What several models say of the same moment: their classes in common, the product rule, who decided, who disagrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from emorec.errors import BadInput
from emorec.labels import LabelSet, shared
from emorec.multimodal import decisions

if TYPE_CHECKING:
    import pandas as pd

SURE = 0.5  # probability above which a modality counts as having an opinion of its own


def in_common(label_sets: list) -> list[str]:
    """The classes that all label sets have, spellings unified, in the order of the first.

    Raises:
        BadInput: Fewer than two.
    """
    names = [name for name, _, _ in shared(label_sets[0], label_sets[0])]
    for other in label_sets[1:]:
        names = [name for name in names if name in {common for common, _, _ in shared(other, other)}]
    if len(names) < 2:
        raise BadInput(f"The models have fewer than two classes in common: {[list(s) for s in label_sets]}.")
    return names


def restricted(p: np.ndarray, label_set: LabelSet, names: Sequence[str]) -> np.ndarray:
    """Probabilities (N, C) of a label set as those of the classes in ``names``, renewed to a sum of 1."""
    canonical = [common for common, _, _ in shared(label_set, label_set)]
    kept = p[:, [canonical.index(name) for name in names]] + decisions.TINY
    return kept / kept.sum(axis=1, keepdims=True)


def outside(p: np.ndarray, label_set: LabelSet, names: Sequence[str]) -> np.ndarray:
    """Rows of probabilities (N, C) of a label set that give more than one half to a class not in ``names``."""
    others = [k for k, (common, _, _) in enumerate(shared(label_set, label_set)) if common not in names]
    return np.flatnonzero((p[:, others] > SURE).any(axis=1))


def together(answers: dict, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Fuses what the modalities say by the product rule.

    Args:
        answers: Name of a modality to (presence (N,), probabilities (N, C) of the classes in ``names``).
        names: C classes.

    Returns:
        ``probabilities`` (N, C), NaN where nothing is present; ``shares`` (N, M): see `shares`; ``disagree`` (N,):
        see `disagreement`.
    """
    presence = np.stack([there for there, _ in answers.values()], axis=1)
    arrays = [p for _, p in answers.values()]
    some = presence.any(axis=1)
    fused = np.full((len(some), len(names)), np.nan)  # type: ignore[arg-type]
    if some.any():
        fused[some] = decisions.product([p[some] for p in arrays], presence[some])
    winner = np.nan_to_num(fused).argmax(axis=1)
    leads = np.stack([lead(p, winner) for p in arrays], axis=1) * presence
    return {"probabilities": fused, "shares": shares(leads), "disagree": disagreement(arrays, presence)}


def lead(p: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Log probability of one class a row (N,) less the mean over all classes, float64 (N,)."""
    logs = np.log(np.maximum(p, decisions.TINY))
    return logs[np.arange(len(logs)), classes] - logs.mean(axis=1)


def shares(leads: np.ndarray) -> np.ndarray:
    """How much of the lead of the winning class each modality brought, from leads (N, M): at least 0, sum 1.

    Under the product rule the lead of the fused answer is the sum of the modalities' `lead`. Rows are 0 where nobody
    speaks for the winner.
    """
    positive = np.maximum(leads, 0)
    total = positive.sum(axis=1, keepdims=True)
    return np.divide(positive, total, out=np.zeros_like(positive), where=total > 0)


def disagreement(arrays: list, presence: np.ndarray) -> np.ndarray:
    """Whether two modalities are sure (above one half) of different classes, bool (N,).

    Args:
        arrays: M arrays of probabilities (N, C), what each modality says alone.
        presence: bool (N, M).
    """
    sure = [np.where(p.max(axis=1) > SURE, p.argmax(axis=1), -1) for p in arrays]
    sure = np.where(presence, np.stack(sure, axis=1), -1)
    return np.array([len(set(row) - {-1}) > 1 for row in sure.tolist()], dtype=bool)


def table_of_contributions(
    label_set: LabelSet, p: np.ndarray, without: dict[str, np.ndarray], presence: np.ndarray, leads: np.ndarray,
    disagree: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    """The DataFrame of `MultimodalClassifier.contributions`.

    Args:
        label_set: C classes. p: Probabilities (N, C).
        without: Modality to the probabilities (N, C) without it.
        presence: bool (N, M). leads: (N, M), what each brought to the lead of the most probable class.
        disagree: bool (N,).
    """
    import pandas as pd

    rows, best = np.arange(len(p)), p.argmax(axis=1)
    share = shares(leads * presence)
    table = pd.DataFrame({"label": label_set.decode(best), "probability": p[rows, best]})
    for k, (name, rest) in enumerate(without.items()):
        table[name] = np.where(presence[:, k], (p - rest)[rows, best], np.nan)
    for k, name in enumerate(without):
        table[f"{name} share"] = np.where(presence[:, k], share[:, k], np.nan)
    names = [*without]
    deciders = [names[k] if total else None for k, total in zip(share.argmax(axis=1), share.sum(axis=1) > 0)]
    table["decided_by"] = pd.Series(deciders, dtype=object)
    table["disagree"] = disagree
    return table
