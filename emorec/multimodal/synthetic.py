"""Three synthetic tasks with known optimum, which tell fusion methods apart, and EMAP, which removes interactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf
from typing import Any

import numpy as np

from emorec.datasets.base import Dataset, Split, objects
from emorec.errors import BadInput
from emorec.labels import POLARITY
from emorec.types import Values

MODALITIES = ("first", "second")


def _phi(x):
    """Standard normal distribution function."""
    return (1 + erf(x / 2**0.5)) / 2


@dataclass(frozen=True)
class SyntheticTask:
    """Two modalities of Gaussian features, each of which shows a hidden sign along one random direction.

    Modality m is ``x_m = shift_m * s_m * u_m + noise``, with ``s_m`` = -1 or +1 at even odds, ``u_m`` a unit vector and
    standard normal noise in every feature. What the class is depends on the kind:

    - ``label-paired``: both signs are the class. The modalities are independent given it, as pairs made by label are:
      adding up evidence is optimal.
    - ``exclusive-or``: the class is positive where the signs differ. Each modality alone says nothing.
    - ``one-modality``: the sign of the first is the class; the second is noise.

    Args:
        kind: One of the three.
        shifts: Strength of the sign in each modality, in standard deviations.
        features: Features of each modality.
        seed: Of the two directions.

    Example:
        >>> round(SyntheticTask("label-paired", (1.0, 1.0)).bayes, 3)
        0.921
    """

    kind: str
    shifts: tuple[float, float]
    features: int = 8
    seed: int = 0

    @property
    def directions(self) -> np.ndarray:
        """The unit vectors, (2, D)."""
        u = np.random.default_rng([self.seed, 7]).normal(size=(2, self.features))
        return u / np.linalg.norm(u, axis=1, keepdims=True)

    @property
    def bayes(self) -> float:
        """Accuracy of the best possible classifier."""
        a, b = self.shifts
        if self.kind == "exclusive-or":  # right where both signs are read right, or both wrong
            p, q = _phi(a), _phi(b)
            return p * q + (1 - p) * (1 - q)
        return _phi(float(np.hypot(a, b))) if self.kind == "label-paired" else _phi(a)

    @property
    def bayes_alone(self) -> tuple[float, float]:
        """Accuracy of the best possible classifier on each modality alone, (first, second)."""
        if self.kind == "exclusive-or":
            return 0.5, 0.5
        return _phi(self.shifts[0]), _phi(self.shifts[1]) if self.kind == "label-paired" else 0.5

    def draw(self, n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """``n`` examples.

        Returns:
            inputs: Dict of ``first`` and ``second`` to float32 (n, D).
            labels: Object array (n,) of ``negative`` and ``positive``.
        """
        rng = np.random.default_rng([self.seed, seed])
        signs = rng.choice([-1.0, 1.0], size=(2, n))
        if self.kind == "label-paired":
            signs[1] = signs[0]
        positive = signs[0] * signs[1] < 0 if self.kind == "exclusive-or" else signs[0] > 0
        shown = np.array(self.shifts)[:, None] * signs
        x = shown[:, :, None] * self.directions[:, None] + rng.normal(size=(2, n, self.features))
        return dict(zip(MODALITIES, x.astype("float32"))), POLARITY.decode(positive.astype(int))

    def posterior(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Exact probability of ``positive`` given both modalities, (n,): the best possible classifier itself."""
        logits = [2 * a * np.asarray(inputs[m]) @ u for m, a, u in zip(MODALITIES, self.shifts, self.directions)]
        if self.kind == "label-paired":
            return 1 / (1 + np.exp(-logits[0] - logits[1]))
        p, q = (1 / (1 + np.exp(-z)) for z in logits)
        return p * (1 - q) + q * (1 - p) if self.kind == "exclusive-or" else p

    def dataset(self, train: int = 4000, validation: int = 1000, test: int = 4000) -> Dataset:
        """A `Dataset` of independent draws."""
        splits = []
        for seed, (name, n) in enumerate((("train", train), ("validation", validation), ("test", test))):
            inputs, labels = self.draw(n, seed)
            splits.append(Split(name, inputs, labels, objects(f"{name}-{i:05d}" for i in range(n))))
        protocol = f"sampled from a known distribution; best possible accuracy {100 * self.bayes:.1f} %"
        return Dataset(self.kind, *splits, POLARITY, protocol=protocol)  # type: ignore[arg-type, call-arg, misc]


TASKS = {
    "label-paired": SyntheticTask("label-paired", (1.0, 1.0)),
    "exclusive-or": SyntheticTask("exclusive-or", (1.6, 1.6)),
    "one-modality": SyntheticTask("one-modality", (1.0, 0.0)),
}


def synthetic_task(name: str) -> SyntheticTask:
    """The synthetic task of that name, see `TASKS`. Raises BadInput for a name that is none."""
    if name not in TASKS:
        raise BadInput(f"Unknown synthetic task {name!r}; there are {', '.join(TASKS)}.")
    return TASKS[name]


def emap(predict: Callable[..., Any], first: Values, second: Values, batch: int = 4096) -> np.ndarray:
    """Empirical multimodally-additive projection (Hessel & Lee 2020): a model without its interactions.

    ``f(x_i, y_i)`` becomes ``mean_j f(x_i, y_j) + mean_j f(x_j, y_i) - mean_jk f(x_j, y_k)``, the closest function of
    the form ``g(x) + h(y)`` on these data. Where its accuracy is that of the model, the model adds up modalities;
    where it falls to chance, all it knew was in their interaction. The means over j hold the pair i itself, so what is
    left lies above chance where N is small: for a perfect model of ``exclusive-or`` about 54 % at N = 120, 58 % at 40.

    Args:
        predict: Function of (B, ...) and (B, ...) arrays to logits (B, C).
        first, second: N examples of each modality; predict sees all N * N pairs, so a few hundred are enough.
        batch: Pairs at once.

    Returns:
        Projected logits, float64 (N, C), for the pairs as they came.
    """
    first, second = np.asarray(first), np.asarray(second)
    n = len(first)
    if len(second) != n or n < 2:
        raise BadInput(f"EMAP needs the same number of examples of both modalities, not {n} and {len(second)}.")
    i, j = np.divmod(np.arange(n * n), n)
    logits = [np.asarray(predict(first[i[s : s + batch]], second[j[s : s + batch]])) for s in range(0, n * n, batch)]
    table = np.concatenate(logits).astype("float64").reshape(n, n, -1)
    return table.mean(axis=1) + table.mean(axis=0) - table.mean(axis=(0, 1))
