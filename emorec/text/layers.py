"""What text models need beside attention: masks, exact pooling, and encoders that padding cannot reach."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import keras
from keras import ops

from emorec.attention.base import call_with_mask, check_states, output_spec
from emorec.attention.hierarchical import with_a_step
from emorec.attention.masking import boolean_mask, check_mask, uniform_weights, zero_padding
from emorec.checks import positive_int
from emorec.errors import BadInput
from emorec.text import glove
from emorec.types import Numbers, Shape, Tensor


@keras.saving.register_keras_serializable(package="emorec")
class PaddingMask(keras.layers.Layer):
    """Integer ids (..., T) to booleans of the same shape: ``True`` at words, ``False`` where the id is 0.

    Example:
        >>> keras.ops.convert_to_numpy(PaddingMask()(keras.ops.convert_to_tensor([[5, 3, 0]]))).tolist()
        [[True, True, False]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        self.built = True

    def call(self, ids: Tensor) -> Tensor:
        return ops.not_equal(ids, 0)

    def compute_output_spec(self, ids: Tensor) -> Tensor:
        return keras.KerasTensor(ids.shape, dtype="bool")

    def compute_output_shape(self, ids_shape: Shape) -> tuple:
        return ids_shape


@keras.saving.register_keras_serializable(package="emorec")
class SharedEmbedding(keras.layers.Embedding):
    """Vectors of a model's own words, and above their ids the fixed ones of the vectors that come along.

    Id ``input_dim + row`` is row ``row`` of `emorec.text.glove`, which is neither trained nor saved with the model: it
    lets a model read words that no training text held.

    Args:
        input_dim: Number of own ids.
        output_dim: Size of a vector, that of the shared ones.

    Call arguments:
        ids: int32 tensor of any shape.

    Returns:
        Float tensor (..., output_dim).

    Example:
        >>> layer = SharedEmbedding.from_config(SharedEmbedding(5, 50, name="embedding").get_config())
        >>> layer.output_dim
        50
    """

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        vectors = glove.load().matrix
        if vectors.shape[1] != self.output_dim:
            raise BadInput(f"SharedEmbedding: output_dim must be {vectors.shape[1]}; received {self.output_dim}.")
        # Inside of an object that Keras does not look into: else it would be one of the model's weights.
        self._shared = SimpleNamespace(vectors=keras.Variable(vectors, trainable=False, name="shared"))

    def call(self, ids: Tensor) -> Tensor:
        own = super().call(ops.minimum(ids, self.input_dim - 1))
        rows = ops.maximum(ids - self.input_dim, 0)
        fixed = ops.cast(ops.take(self._shared.vectors, rows, axis=0), own.dtype)
        return ops.where(ops.expand_dims(ids < self.input_dim, -1), own, fixed)


class OnStates(keras.layers.Layer):
    """Base of the layers that take states (B, T, D) and their mask.

    Example:
        >>> issubclass(MaskedPooling, OnStates)
        True
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, states_shape: Shape) -> None:
        check_states(type(self).__name__, states_shape)

    def compute_output_spec(self, states: Tensor, mask: Tensor = None, training: bool | None = None) -> Tensor:
        check_mask(type(self).__name__, states, mask)
        return output_spec(self, self.compute_output_shape(states.shape))


class Stepwise(OnStates):
    """Base of the layers from states (B, T, D) to states of the same steps, whose mask stays.

    Example:
        >>> issubclass(SequenceEncoder, Stepwise)
        True
    """

    def compute_output_shape(self, states_shape: Shape) -> tuple:
        return tuple(states_shape)


class MaskedPooling(OnStates):
    """Base of the layers that pool states (B, T, D) to (B, D); all zeros where no step is real.

    A subclass says how in ``pool(states, mask)``; the states it gets are 0 on padding, the mask may be None.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.

    Raises:
        BadInput: States not of rank 3; a mask that does not fit.

    Example:
        >>> issubclass(MaskedMean, MaskedPooling)
        True
    """

    def call(self, states: Tensor, mask: Tensor = None) -> Tensor:
        mask = boolean_mask(type(self).__name__, states, mask)
        return self.pool(zero_padding(states, mask), mask)

    def compute_mask(self, states: Tensor, mask: Tensor = None) -> Tensor:
        return None  # the steps are gone

    def compute_output_shape(self, states_shape: Shape) -> tuple:
        return (states_shape[0], states_shape[-1])


@keras.saving.register_keras_serializable(package="emorec")
class MaskedMean(MaskedPooling):
    """Mean of the real steps: (B, T, D) to (B, D).

    Example:
        >>> states = ops.convert_to_tensor([[[2.0], [4.0], [9.0]]])
        >>> float(MaskedMean()(states, mask=ops.convert_to_tensor([[True, True, False]]))[0, 0])
        3.0
    """

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        return ops.squeeze(ops.matmul(uniform_weights(states, mask)[:, None, :], states), 1)


@keras.saving.register_keras_serializable(package="emorec")
class MaskedMax(MaskedPooling):
    """Largest value of each feature over the real steps: (B, T, D) to (B, D).

    Example:
        >>> float(MaskedMax()(ops.convert_to_tensor([[[2.0], [4.0]]]))[0, 0])
        4.0
    """

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        if mask is None:
            return ops.max(states, axis=1)
        # The smallest value of float16 fits every float type and is below any state that fits float16.
        highest = ops.max(ops.where(mask[..., None], states, ops.full_like(states, -65504.0)), axis=1)
        return ops.where(ops.any(mask, axis=1, keepdims=True), highest, ops.zeros_like(highest))


@keras.saving.register_keras_serializable(package="emorec")
class MaskedLast(MaskedPooling):
    """The state at the last real step: (B, T, D) to (B, D).

    Args:
        bidirectional: The second half of the features was read backwards, so its last state is at the first
            real step (the states of ``keras.layers.Bidirectional`` with ``return_sequences=True``).

    Example:
        >>> states = ops.convert_to_tensor([[[2.0], [4.0], [9.0]]])
        >>> float(MaskedLast()(states, mask=ops.convert_to_tensor([[True, True, False]]))[0, 0])
        4.0
    """

    def __init__(self, bidirectional: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bidirectional = bool(bidirectional)

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        if mask is None:
            first, last = states[:, 0], states[:, -1]
        else:
            steps = ops.arange(ops.shape(mask)[1])
            last = self._at(states, ops.max(ops.where(mask, steps, 0), axis=1))
            first = self._at(states, ops.argmax(ops.cast(mask, "int32"), axis=1))
        if not self.bidirectional:
            return last
        half = states.shape[-1] // 2
        return ops.concatenate([last[:, :half], first[:, half:]], axis=-1)

    def _at(self, states, step):
        return ops.squeeze(ops.take_along_axis(states, step[:, None, None], axis=1), 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bidirectional": self.bidirectional}


@keras.saving.register_keras_serializable(package="emorec")
class FixedLengthFlatten(MaskedPooling):
    """States cut or zero-padded to ``length`` steps and laid end to end: (B, T, D) to (B, length * D).

    For networks that look at positions: every batch has the same width, however long its longest text is.

    Args:
        length: Number of steps, at least 1.

    Raises:
        BadInput: ``length`` out of range, and as `MaskedPooling`.

    Example:
        >>> tuple(FixedLengthFlatten(4)(ops.ones((2, 3, 5))).shape)
        (2, 20)
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = positive_int("FixedLengthFlatten", "length", length)

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        longer = ops.pad(states[:, : self.length], [[0, 0], [0, self.length], [0, 0]])
        return ops.reshape(longer[:, : self.length], (-1, self.length * states.shape[-1]))

    def compute_output_shape(self, states_shape: Shape) -> tuple:
        return (states_shape[0], self.length * states_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length}


@keras.saving.register_keras_serializable(package="emorec")
class MultiplicativeLSTMCell(keras.layers.LSTMCell):
    """The multiplicative LSTM of Krause et al. (2016, arXiv:1609.07959), for ``keras.layers.RNN``.

    1. ``m_t = (W_mx x_t) * (W_mh h_{t-1})``, elementwise
    2. an LSTM step from ``x_t`` with ``m_t`` in the place of ``h_{t-1}``; its gates are those of ``LSTMCell``

    Every input word thus has its own transition between hidden states. Arguments are those of
    ``keras.layers.LSTMCell``; ``dropout`` falls on ``x_t`` on its way to the gates, ``recurrent_dropout`` on
    ``m_t``.

    Call arguments:
        inputs: Float tensor (B, E).
        states: Hidden state and carry, each (B, units).

    Returns:
        Hidden state (B, units), and the list of the new hidden state and carry.

    Example:
        >>> tuple(keras.layers.RNN(MultiplicativeLSTMCell(4))(ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.factor_kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer=self.kernel_initializer, name="factor_kernel"
        )
        self.recurrent_factor_kernel = self.add_weight(
            shape=(self.units, self.units), initializer=self.recurrent_initializer, name="recurrent_factor_kernel"
        )

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool = False) -> Tensor:
        hidden, carry = states
        factor = ops.matmul(inputs, self.factor_kernel) * ops.matmul(hidden, self.recurrent_factor_kernel)
        return super().call(inputs, [factor, carry], training=training)


@keras.saving.register_keras_serializable(package="emorec")
class MaskedConv1D(Stepwise):
    """Convolutions of one or several widths over the real steps (Kim 2014, aclanthology.org/D14-1181).

    Padded steps are 0 before and after, and the ends of a text are padded with 0 ("same"), so appending
    padding changes nothing. The feature maps of all widths stand side by side.

    Args:
        filters: Feature maps of each width, at least 1.
        kernel_sizes: A width in steps, or several.
        activation: Of the feature maps.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.

    Returns:
        Feature maps (B, T, filters * number of widths); the mask stays.

    Raises:
        BadInput: ``filters`` or a width out of range; states not of rank 3; a mask that does not fit.

    Example:
        >>> tuple(MaskedConv1D(8, (3, 5))(ops.ones((2, 7, 4))).shape)
        (2, 7, 16)
    """

    def __init__(self, filters: int, kernel_sizes: int | Numbers = 3, activation: str = "relu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = positive_int("MaskedConv1D", "filters", filters)
        sizes = kernel_sizes if isinstance(kernel_sizes, (list, tuple)) else [kernel_sizes]
        if not sizes:
            raise BadInput("MaskedConv1D: kernel_sizes must name at least one width, got none.")
        self.kernel_sizes = [positive_int("MaskedConv1D", "kernel_sizes", size) for size in sizes]
        self.activation = keras.activations.get(activation)

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        self.convolutions = [
            keras.layers.Conv1D(self.filters, size, padding="same", activation=self.activation, dtype=self.dtype_policy)
            for size in self.kernel_sizes
        ]
        for convolution in self.convolutions:
            convolution.build(states_shape)

    def call(self, states: Tensor, mask: Tensor = None) -> Tensor:
        mask = boolean_mask("MaskedConv1D", states, mask)
        states = zero_padding(states, mask)
        maps = [convolution(states) for convolution in self.convolutions]
        return zero_padding(ops.concatenate(maps, axis=-1), mask)

    def compute_output_shape(self, states_shape: Shape) -> tuple:
        return (*states_shape[:-1], self.filters * len(self.kernel_sizes))

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        own = {"filters": self.filters, "kernel_sizes": self.kernel_sizes, "activation": activation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="emorec")
class RightPaddedRNN(Stepwise):
    """A recurrent layer, in one or both directions, over sequences padded on the right, run without a mask.

    Padding on the right reaches no state to its left, so the forward direction needs no mask; the backward one
    reads each row from its own last real step. The states are those of the masked layer. Without a mask there is
    no selection at every step, and cuDNN serves all backends: on JAX and torch it takes no mask.

    Args:
        forward: A recurrent layer that returns all states, (B, T, D) to (B, T, U).
        backward: Another one, for the other direction; None reads in one direction.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps, which come first in every row; a row may have none.

    Returns:
        States (B, T, U), or (B, T, 2 U) with both directions; 0 on padding; the mask stays.

    Raises:
        BadInput: A layer that returns its last state alone; states not of rank 3; a mask that does not fit.

    Example:
        >>> tuple(RightPaddedRNN(keras.layers.GRU(4, return_sequences=True))(ops.ones((2, 3, 5))).shape)
        (2, 3, 4)
    """

    def __init__(self, forward: keras.Layer, backward: keras.Layer | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.forward, self.backward = forward, backward
        for layer in filter(None, (forward, backward)):
            if not layer.return_sequences:
                raise BadInput("RightPaddedRNN needs recurrent layers that were made with return_sequences=True.")

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        for layer in filter(None, (self.forward, self.backward)):
            if not layer.built:
                layer.build(states_shape)

    def call(self, states: Tensor, mask: Tensor = None, training: bool | None = None) -> Tensor:
        mask = boolean_mask("RightPaddedRNN", states, mask)
        results = [self.forward(states, training=training)]
        if self.backward is not None:
            back = self.backward(reverse_real_steps(states, mask), training=training)
            results.append(reverse_real_steps(back, mask))
        return zero_padding(results[0] if len(results) == 1 else ops.concatenate(results, axis=-1), mask)

    def compute_output_shape(self, states_shape: Shape) -> tuple:
        layers = [layer for layer in (self.forward, self.backward) if layer is not None]
        return (*states_shape[:-1], sum(layer.compute_output_shape(states_shape)[-1] for layer in layers))

    def get_config(self) -> dict[str, Any]:
        parts = {name: getattr(self, name) for name in ("forward", "backward")}
        return {**super().get_config(), **{n: p and keras.saving.serialize_keras_object(p) for n, p in parts.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RightPaddedRNN:
        parts = {n: config[n] and keras.saving.deserialize_keras_object(config[n]) for n in ("forward", "backward")}
        return cls(**{**config, **parts})


def reverse_real_steps(states: Tensor, mask: Tensor) -> Tensor:
    """States (B, T, D) with the real steps of each row in reverse order; padding stays where it is, on the right."""
    if mask is None:
        return ops.flip(states, axis=1)
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    step = ops.expand_dims(ops.arange(ops.shape(states)[1], dtype="int32"), 0)
    order = ops.where(step < lengths, lengths - 1 - step, step)
    return ops.take_along_axis(states, ops.expand_dims(order, -1), axis=1)


@keras.saving.register_keras_serializable(package="emorec")
class SequenceEncoder(Stepwise):
    """Layers one after the other, each with the mask, padding at 0 before the first and after the last.

    A row without a real step is harmless: recurrent layers, which cuDNN does not let have one, see a single
    step of zeros there, and what they make of it is zeroed.

    Args:
        parts: Keras layers that map (B, T, D) to (B, T, D'), with or without a ``mask`` argument; none at all
            gives the states back.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.

    Returns:
        States (B, T, D'), 0 on padding; the mask stays.

    Raises:
        BadInput: States not of rank 3; a mask that does not fit.

    Example:
        >>> tuple(SequenceEncoder([keras.layers.Dense(4)])(ops.ones((2, 3, 5))).shape)
        (2, 3, 4)
    """

    def __init__(self, parts: Sequence[keras.Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = list(parts)

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        for part in self.parts:
            if not part.built:
                part.build(states_shape)
            states_shape = part.compute_output_shape(states_shape)

    def call(self, states: Tensor, mask: Tensor = None) -> Tensor:
        mask = boolean_mask("SequenceEncoder", states, mask)
        states, safe = zero_padding(states, mask), with_a_step(mask)
        for part in self.parts:
            states = call_with_mask(part, states, safe)
        return zero_padding(states, mask)

    def compute_output_shape(self, states_shape: Shape) -> tuple:
        for part in self.parts:
            states_shape = part.compute_output_shape(states_shape)
        return tuple(states_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "parts": [keras.saving.serialize_keras_object(p) for p in self.parts]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SequenceEncoder:
        parts = [keras.saving.deserialize_keras_object(part) for part in config["parts"]]
        return super().from_config({**config, "parts": parts})
