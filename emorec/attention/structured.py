"""Several looks at one sentence."""

from typing import Any

import keras
from keras import ops

from emorec.attention.base import AttentionPooling
from emorec.attention.masking import masked_softmax
from emorec.checks import positive_int
from emorec.errors import BadInput
from emorec.types import Shape, Tensor


@keras.saving.register_keras_serializable(package="emorec")
class StructuredSelfAttention(AttentionPooling):
    """The structured self-attentive sentence embedding of Lin et al. (2017, arXiv:1703.03130).

    1. ``A = softmax(W_2 tanh(W_1 H^T))`` over the real steps, one row a hop (eq. 5, 6); padding gets 0
    2. ``M = A H`` (eq. 7)
    3. ``penalty * ||A A^T - I||_F^2``, which pushes hops apart and each of them onto few words (eq. 8), is
       added to the loss: its mean over the sequences that have a real step

    Args:
        units: Rows of ``W_1``, at least 1.
        hops: Rows of ``A``, at least 1.
        penalty: Weight of eq. 8, at least 0; 0 adds nothing.
        dropout: Share of the weights dropped in training, in [0, 1).
        seed: Seed of the dropout.
        kernel_regularizer: Of both kernels, e.g. ``"l2"``; None adds nothing to the loss.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.
        return_attention_scores: Also return the weights.

    Returns:
        M (B, hops, D), or (M, A) with A (B, hops, T) in [0, 1], each row summing to 1; the mask ends here.

    Raises:
        BadInput: ``units``, ``hops``, ``penalty`` or ``dropout`` out of range; states not of rank 3; a mask
            that does not fit.

    Example:
        >>> tuple(StructuredSelfAttention(units=8, hops=4)(ops.ones((2, 5, 3))).shape)
        (2, 4, 3)
    """

    def __init__(
        self, units: int = 64, hops: int = 4, penalty: float = 0.0, dropout: float = 0.0, seed: int | None = None,
        kernel_regularizer: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(dropout=dropout, seed=seed, **kwargs)
        self.units = positive_int("StructuredSelfAttention", "units", units)
        self.hops = positive_int("StructuredSelfAttention", "hops", hops)
        if not isinstance(penalty, (int, float)) or not 0 <= penalty < float("inf"):
            raise BadInput(f"StructuredSelfAttention: penalty must be a number of at least 0, got {penalty!r}.")
        self.penalty = float(penalty)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    @property
    def rows(self) -> int:  # type: ignore[override]
        return self.hops

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        self.project = self._dense(self.units, "project", use_bias=False, activation="tanh")
        self.project.build(states_shape)
        self.score = self._dense(self.hops, "score", use_bias=False)
        self.score.build((*states_shape[:-1], self.units))

    def attend(self, states: Tensor, mask: Tensor) -> Tensor:
        scores = ops.transpose(self.score(self.project(states)), (0, 2, 1))  # (B, hops, T)
        weights = masked_softmax(scores, None if mask is None else mask[:, None, :])
        if self.penalty:
            self.add_loss(self.penalty * self.redundancy(weights, mask))
        return weights

    def redundancy(self, weights: Tensor, mask: Tensor = None) -> Tensor:
        """Eq. 8: mean of ``||A A^T - I||_F^2`` over the sequences with a real step; a float32 scalar."""
        weights = ops.cast(weights, "float32")
        overlap = ops.matmul(weights, ops.transpose(weights, (0, 2, 1))) - ops.eye(self.hops)
        norms = ops.sum(ops.square(overlap), axis=(1, 2))
        if mask is None:
            return ops.mean(norms)
        there = ops.cast(ops.any(ops.cast(mask, "bool"), axis=1), "float32")
        return ops.sum(norms * there) / ops.maximum(ops.sum(there), 1.0)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "hops": self.hops, "penalty": self.penalty}
        own["kernel_regularizer"] = keras.regularizers.serialize(self.kernel_regularizer)
        return {**super().get_config(), **own}
