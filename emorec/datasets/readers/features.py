"""What readers of features of several modalities share."""

import numpy as np

MODALITIES = ("text", "audio", "video")


def finite(x: np.ndarray) -> np.ndarray:
    """As float32, 0 in the place of what is no finite number."""
    return np.nan_to_num(np.asarray(x, dtype="float32"), nan=0.0, posinf=0.0, neginf=0.0)


def polarity3(scores: np.ndarray) -> np.ndarray:
    """``negative``, ``neutral`` and ``positive`` for scores below, at and above 0, in their shape."""
    return np.array(("negative", "neutral", "positive"), dtype=object)[np.sign(scores).astype(int) + 1]
