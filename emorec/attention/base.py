"""What the attention layers have in common: checks of their arguments, and pooling by weights."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from emorec.arguments import explained
from emorec.attention.masking import boolean_mask, check_mask, zero_padding
from emorec.checks import fraction, optional_seed
from emorec.errors import BadInput
from emorec.types import Shape, Tensor


def check_states(layer: str, shape: Shape, axes: Sequence[str] = ("batch", "steps", "features")) -> None:
    """BadInput unless ``shape`` has one entry for each of ``axes`` and a known last one."""
    wanted = f"({', '.join(axes)})"
    if len(shape) != len(axes):
        raise BadInput(f"{layer} needs an input of shape {wanted}; got {tuple(shape)}, rank {len(shape)}.")
    if shape[-1] is None:
        raise BadInput(f"{layer} needs a known number of {axes[-1]}; got {tuple(shape)}.")


def output_spec(layer: keras.Layer, shapes: tuple) -> Tensor:
    """Symbolic tensors of ``layer``'s compute dtype for one shape or for a tuple of shapes."""
    if isinstance(shapes[0], tuple):
        return tuple(keras.KerasTensor(shape, dtype=layer.compute_dtype) for shape in shapes)
    return keras.KerasTensor(shapes, dtype=layer.compute_dtype)


def call_with_mask(layer: keras.Layer, states: Tensor, mask: Tensor) -> Tensor:
    """``layer(states)``, with the mask for a layer that takes one; Dense and its like have no use for it."""
    takes_mask = "mask" in inspect.signature(layer.call).parameters
    return layer(states, mask=mask) if takes_mask else layer(states)


class AttentionLayer(keras.layers.Layer):
    """Base of all attention layers: what they cannot be called with is `BadInput`.

    Example:
        >>> from emorec.attention import SelfAttention
        >>> isinstance(SelfAttention(), AttentionLayer)
        True
    """

    @explained
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)

    def _dense(self, units, name, **arguments):
        """A dense sublayer under the layer's own regularizer."""
        arguments |= {"kernel_regularizer": self.kernel_regularizer, "dtype": self.dtype_policy}
        return keras.layers.Dense(units, name=name, **arguments)


class AttentionPooling(AttentionLayer):
    """Base of the layers that turn states (B, T, D) into weighted sums of them.

    A subclass says how in ``attend(states, mask) -> weights``: (B, T), or (B, rows, T) for several sums.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.
        return_attention_scores: Also return the weights.
        training: Whether dropout is on.

    Example:
        >>> from emorec.attention import UniformAttention
        >>> isinstance(UniformAttention(), AttentionPooling)
        True
    """

    rows: int | None = None  # sums per sequence; None: a single one, without an axis of its own

    def __init__(self, dropout: float = 0.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dropout = fraction(type(self).__name__, "dropout", dropout)
        self.seed = optional_seed(type(self).__name__, seed)
        self.drop = keras.layers.Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, states_shape: Shape) -> None:
        check_states(type(self).__name__, states_shape)
        self.drop.build(states_shape)

    def attend(self, states: Tensor, mask: Tensor) -> Tensor:
        raise NotImplementedError

    def call(
        self, states: Tensor, mask: Tensor = None, return_attention_scores: bool = False, training: bool | None = None
    ) -> Tensor:
        mask = boolean_mask(type(self).__name__, states, mask)
        states = zero_padding(states, mask)
        scores = self.attend(states, mask)
        # The scores handed out are those before dropout: they sum to 1.
        weights = self.drop(scores, training=training)
        if self.rows is None:
            context = ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), states), 1)
        else:
            context = ops.matmul(weights, states)
        return (context, scores) if return_attention_scores else context

    def compute_mask(self, states: Tensor, mask: Tensor = None) -> Tensor:
        return None  # the steps are gone

    def compute_output_shape(self, states_shape: Shape, return_attention_scores: bool = False) -> tuple:
        batch, steps, features = states_shape
        rows = () if self.rows is None else (self.rows,)
        context = (batch, *rows, features)
        return (context, (batch, *rows, steps)) if return_attention_scores else context

    def compute_output_spec(
        self, states: Tensor, mask: Tensor = None, return_attention_scores: bool = False, training: bool | None = None
    ) -> Tensor:
        check_mask(type(self).__name__, states, mask)
        return output_spec(self, self.compute_output_shape(states.shape, return_attention_scores))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout, "seed": self.seed}
