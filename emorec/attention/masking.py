"""Exact masks, shared by every layer that looks at a sequence: a padded step weighs 0.0, not nearly 0.0."""

from keras import ops

from emorec.errors import BadInput
from emorec.types import Tensor


def masked_softmax(scores: Tensor, mask: Tensor = None) -> Tensor:
    """Softmax over the last axis in which masked positions get exactly 0.

    Computed in float32 at least, so float16 scores neither overflow nor lose small weights.

    Args:
        scores: Float tensor of any shape.
        mask: Boolean tensor that broadcasts to ``scores``, ``True`` at real positions; ``None``: all real.

    Returns:
        Weights of the shape and dtype of ``scores``; all zeros (not NaN) where every position is masked.
    """
    wide = scores if scores.dtype == "float64" else ops.cast(scores, "float32")
    if mask is None:
        return ops.cast(ops.softmax(wide), scores.dtype)
    keep = ops.cast(mask, "bool")
    # `initial`, so that a batch of no rows has a maximum, too.
    highest = ops.max(ops.where(keep, wide, -1e30), axis=-1, keepdims=True, initial=-1e30)
    # `where` before `exp`: what stands in the padding, infinity and NaN included, reaches no gradient.
    powers = ops.exp(ops.where(keep, wide - ops.stop_gradient(highest), 0.0)) * ops.cast(keep, wide.dtype)
    total = ops.sum(powers, axis=-1, keepdims=True)  # at least 1, or 0 where nobody is real
    return ops.cast(powers / ops.where(total > 0, total, 1.0), scores.dtype)


def dot_scores(queries: Tensor, keys: Tensor) -> Tensor:
    """Dot products of queries (..., T, D) and keys (..., S, D), float32 at least, (..., T, S).

    In float16 they overflow from 65,504 on, which inputs of a few hundred reach.
    """
    if queries.dtype != "float64":
        queries, keys = ops.cast(queries, "float32"), ops.cast(keys, "float32")
    return ops.matmul(queries, ops.swapaxes(keys, -1, -2))


def uniform_weights(states: Tensor, mask: Tensor = None) -> Tensor:
    """Weights (B, T) of 1 / length on the real steps of ``states`` (B, T, D), exactly 0 elsewhere."""
    return masked_softmax(ops.zeros_like(states[..., 0]), mask)


def zero_padding(states: Tensor, mask: Tensor = None) -> Tensor:
    """States (..., T, D) with every masked step set to 0, whatever it held (NaN included)."""
    if mask is None:
        return states
    return ops.where(ops.expand_dims(mask, -1), states, 0.0)


def check_mask(layer: str, states: Tensor, mask: Tensor) -> None:
    """BadInput unless ``mask`` is None or covers the steps of ``states`` (..., D)."""
    if mask is None:
        return
    expected, actual = tuple(states.shape[:-1]), tuple(mask.shape)
    if len(expected) != len(actual) or any(a != b for a, b in zip(expected, actual) if None not in (a, b)):
        raise BadInput(
            f"{layer}: a mask of shape {actual} does not fit states of shape {tuple(states.shape)}; "
            f"it needs the shape {expected}, True at real steps."
        )


def boolean_mask(layer: str, states: Tensor, mask: Tensor) -> Tensor:
    """``mask`` as booleans, after ``check_mask``; ``None`` stays None."""
    if "complex" in str(states.dtype):
        raise BadInput(f"{layer} weighs real numbers; received states of {states.dtype}.")
    check_mask(layer, states, mask)
    return None if mask is None else ops.cast(mask, "bool")
