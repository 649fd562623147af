"""Linear baselines for faces: no claim for a neural model without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from emorec.errors import BadInput
from emorec.faces.preprocessing import FacePreprocessing, check_inputs

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

NAMES = ("majority", "hog-lr")


def build(name: str, C: float = 1e-2) -> BaseEstimator:
    """An untrained scikit-learn pipeline from pictures, as `FaceClassifier` takes them, to class names.

    Args:
        name: ``majority``, or ``hog-lr``: logistic regression on `oriented_gradients` of the pictures at 48 x 48.
        C: Inverse regularisation; its default was chosen on PublicTest of FER-2013, among 1e-4, 1e-3 and 1e-2.
    """
    if name == "majority":
        return DummyClassifier(strategy="most_frequent")
    if name != "hog-lr":
        raise BadInput(f"There is no baseline {name!r} for faces; choose one of {', '.join(NAMES)}.")
    return make_pipeline(FunctionTransformer(_gradients), StandardScaler(), LogisticRegression(C=C, max_iter=300))


def _gradients(images):
    grey = FacePreprocessing(48, "grey")(check_inputs(images))[..., 0]
    return np.concatenate([oriented_gradients(grey[i : i + 1024]) for i in range(0, len(grey), 1024)])


def oriented_gradients(images: np.ndarray, cell: int = 8, bins: int = 9) -> np.ndarray:
    """Histograms of oriented gradients (Dalal & Triggs 2005): which way edges run, cell by cell.

    Args:
        images: (N, H, W) grey; H and W multiples of ``cell``.
        cell: Edge of a cell in pixels; blocks of 2 x 2 cells are normalised together.
        bins: Directions over half a circle; a gradient is shared between the two nearest.

    Returns:
        float32 (N, (H / cell - 1) (W / cell - 1) 4 bins).
    """
    dy, dx = np.gradient(np.asarray(images, dtype="float32"), axis=(1, 2))
    strength, place = np.hypot(dx, dy), np.arctan2(dy, dx) % np.pi / np.pi * bins
    n, rows, columns = len(strength), strength.shape[1] // cell, strength.shape[2] // cell
    share, low, cells = place % 1, np.floor(place).astype(int) % bins, np.empty((n, rows, columns, bins), "float32")
    for k in range(bins):
        votes = strength * np.where(low == k, 1 - share, np.where((low + 1) % bins == k, share, 0))
        cells[..., k] = votes.reshape(n, rows, cell, columns, cell).sum(axis=(2, 4))
    corners = (cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:])
    blocks = np.concatenate(corners, axis=-1)
    return (blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1)).reshape(n, -1)
