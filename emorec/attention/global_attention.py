"""One weight per word: additive attention as a pooling layer."""

from typing import Any

import keras
from keras import ops

from emorec.attention.base import AttentionPooling
from emorec.attention.masking import masked_softmax
from emorec.checks import positive_int
from emorec.types import Shape, Tensor


@keras.saving.register_keras_serializable(package="emorec")
class GlobalAttention(AttentionPooling):
    """Additive attention that pools a sequence into one vector.

    The scoring of Bahdanau et al. (2015, arXiv:1409.0473, section A.1.2) without the decoder's state, as
    Yang et al. (2016, eq. 5-7) use it to classify:

    1. ``u_t = tanh(W h_t + b)``
    2. ``score_t = v . u_t``
    3. ``a = softmax(score)`` over the real steps; a padded step gets exactly 0
    4. ``context = sum_t a_t h_t``

    A sequence without any real step gets weights 0 and context 0. Padding may hold anything, NaN included.

    Args:
        units: Width of ``u``, at least 1.
        dropout: Share of the weights dropped in training, in [0, 1).
        seed: Seed of the dropout.
        kernel_regularizer: Of both kernels, e.g. ``"l2"``; None adds nothing to the loss.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.
        return_attention_scores: Also return the weights.

    Returns:
        Context (B, D), or (context, weights) with weights (B, T) in [0, 1] that sum to 1; the mask ends here.

    Raises:
        BadInput: ``units`` or ``dropout`` out of range; states not of rank 3; a mask that does not fit.

    Example:
        >>> context, weights = GlobalAttention(units=8)(ops.ones((2, 5, 3)), return_attention_scores=True)
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 3), (2, 5))
    """

    def __init__(
        self, units: int = 64, dropout: float = 0.0, seed: int | None = None, kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(dropout=dropout, seed=seed, **kwargs)
        self.units = positive_int("GlobalAttention", "units", units)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        self.project = self._dense(self.units, "project", activation="tanh")
        self.project.build(states_shape)
        # No bias: it would add the same to every step, which the softmax takes away again.
        self.score = self._dense(1, "score", use_bias=False)
        self.score.build((*states_shape[:-1], self.units))

    def attend(self, states: Tensor, mask: Tensor) -> Tensor:
        return masked_softmax(ops.squeeze(self.score(self.project(states)), -1), mask)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer)}
        return {**super().get_config(), **own}
