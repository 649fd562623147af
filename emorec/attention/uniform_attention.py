"""The control: attention that cannot look anywhere."""

import keras

from emorec.attention.base import AttentionPooling
from emorec.attention.masking import uniform_weights
from emorec.types import Tensor


@keras.saving.register_keras_serializable(package="emorec")
class UniformAttention(AttentionPooling):
    """Equal weight on every real step: the mean, in the shape of an attention layer, with nothing to learn.

    What an attention layer gains over this one is the gain of looking (Wiegreffe & Pinter 2019,
    arXiv:1908.04626, section 3.2).

    Arguments, call arguments and errors are those of `GlobalAttention`, but for ``units`` and ``kernel_regularizer``.

    Returns:
        Mean (B, D), or (mean, weights) with weights (B, T): 1 / length on real steps, exactly 0 on padding.

    Example:
        >>> context, weights = UniformAttention()(keras.ops.ones((1, 4, 3)), return_attention_scores=True)
        >>> keras.ops.convert_to_numpy(weights[0]).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """

    def attend(self, states: Tensor, mask: Tensor) -> Tensor:
        return uniform_weights(states, mask)
