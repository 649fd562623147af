"""A small BERT in `keras.ops`: word pieces' vectors in, one state a piece out.

The encoder of Devlin et al. (2019, arXiv:1810.04805), with the layer normalisation after each sum ("post-norm") as in
Vaswani et al. (2017, arXiv:1706.03762). It stands under the same attention poolings as every other encoder, and takes
the weights of a BERT made elsewhere: see `emorec.text.minilm`.
"""

from typing import Any

import keras
from keras import ops

from emorec.attention.masking import boolean_mask, dot_scores, masked_softmax, zero_padding
from emorec.checks import fraction, positive_int
from emorec.errors import BadInput
from emorec.text.layers import MaskedPooling, Stepwise
from emorec.types import Shape, Tensor

EPSILON = 1e-12  # of BERT's layer normalisation


@keras.saving.register_keras_serializable(package="emorec")
class TransformerBlock(Stepwise):
    """Self-attention and two dense layers, each added to what went in and normalised.

    1. ``q, k, v = x W + b``, in ``heads`` parts of D / heads each
    2. ``a = softmax(q k^T / sqrt(D / heads))`` over the real steps; a padded step gets exactly 0
    3. ``x = norm(x + dropout(concat(a v) W_o + b_o))``
    4. ``x = norm(x + dropout(gelu(x W_1 + b_1) W_2 + b_2))``, GELU exact, by the error function

    Args:
        heads: Parts of the attention; they divide D.
        units: Width of the inner dense layer.
        dropout: Rate on both summands in training, in [0, 1).

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps, or None.
        training: Whether dropout is on.

    Returns:
        States (B, T, D).

    Raises:
        BadInput: D cannot be divided by ``heads``; states not of rank 3; a number out of range.

    Example:
        >>> tuple(TransformerBlock(heads=2, units=16)(ops.ones((2, 5, 8))).shape)
        (2, 5, 8)
    """

    def __init__(self, heads: int = 12, units: int = 1536, dropout: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int("TransformerBlock", "heads", heads)
        self.units = positive_int("TransformerBlock", "units", units)
        self.dropout = fraction("TransformerBlock", "dropout", dropout)

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        size = states_shape[-1]
        if size % self.heads:
            raise BadInput(f"TransformerBlock: heads={self.heads} must divide the width of the states, {size}.")
        self.query_key_value = self._dense("query_key_value", states_shape, 3 * size)
        self.attended = self._dense("attended", states_shape, size)
        self.attended_norm = self._norm("attended_norm", states_shape)
        self.inner = self._dense("inner", states_shape, self.units)
        self.outer = self._dense("outer", (*states_shape[:-1], self.units), size)
        self.outer_norm = self._norm("outer_norm", states_shape)
        self.drop = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)
        self.drop.build(states_shape)

    def _dense(self, name, shape, units):
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        layer = keras.layers.Dense(units, kernel_initializer=start, dtype=self.dtype_policy, name=name)
        layer.build(shape)
        return layer

    def _norm(self, name, shape):
        layer = keras.layers.LayerNormalization(epsilon=EPSILON, dtype=self.dtype_policy, name=name)
        layer.build(shape)
        return layer

    def call(self, states: Tensor, mask: Tensor = None, training: bool | None = None) -> Tensor:
        summand = self.attended(self._attend(states, mask))
        states = self.attended_norm(states + self.drop(summand, training=training))
        summand = self.outer(ops.gelu(self.inner(states), approximate=False))
        return self.outer_norm(states + self.drop(summand, training=training))

    def _attend(self, states, mask):
        (batch, steps), size = ops.shape(states)[:2], states.shape[-1]
        part = size // self.heads
        together = ops.reshape(self.query_key_value(states), (batch, steps, 3, self.heads, part))
        query, key, value = (ops.transpose(together[:, :, i], (0, 2, 1, 3)) for i in range(3))  # (B, heads, T, part)
        scores = dot_scores(query, key) * part**-0.5
        weights = ops.cast(masked_softmax(scores, None if mask is None else mask[:, None, None, :]), value.dtype)
        return ops.reshape(ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3)), (batch, steps, size))

    def get_config(self) -> dict[str, Any]:
        own = {"heads": self.heads, "units": self.units, "dropout": self.dropout}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="emorec")
class TransformerEncoder(Stepwise):
    """BERT above its word vectors: positions added, normalised, then block after block.

    The vector of BERT's segment 0, the only one a single text has, is part of ``positions`` here: their sum is all
    that BERT uses.

    Args:
        layers: Number of blocks.
        heads, units, dropout: Of each block, see `TransformerBlock`; dropout acts on the sum with the positions too.
        max_length: Positions there are: the longest text, in word pieces.

    Call arguments:
        states: Float tensor (B, T, D), vectors of word pieces, T at most ``max_length``.
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.
        training: Whether dropout is on.

    Returns:
        States (B, T, D), 0 on padding; the mask stays. What stands in the padding, NaN included, changes nothing.

    Raises:
        BadInput: More steps than positions; states not of rank 3; a mask that does not fit; a number out of range.

    Example:
        >>> tuple(TransformerEncoder(layers=2, heads=4, units=64)(ops.ones((2, 5, 8))).shape)
        (2, 5, 8)
    """

    def __init__(
        self, layers: int = 6, heads: int = 12, units: int = 1536, dropout: float = 0.1, max_length: int = 512,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.layers = positive_int("TransformerEncoder", "layers", layers)
        self.max_length = positive_int("TransformerEncoder", "max_length", max_length)
        self.heads, self.units, self.dropout = heads, units, dropout
        self.blocks = [
            TransformerBlock(heads, units, dropout, dtype=self.dtype_policy, name=f"block_{number}")
            for number in range(self.layers)
        ]

    def build(self, states_shape: Shape) -> None:
        super().build(states_shape)
        size = states_shape[-1]
        self.positions = self.add_weight((self.max_length, size), keras.initializers.TruncatedNormal(stddev=0.02),
                                         name="positions")  # fmt: skip
        self.norm = keras.layers.LayerNormalization(epsilon=EPSILON, dtype=self.dtype_policy, name="norm")
        self.norm.build(states_shape)
        self.drop = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)
        self.drop.build(states_shape)
        for block in self.blocks:
            block.build(states_shape)

    def call(self, states: Tensor, mask: Tensor = None, training: bool | None = None) -> Tensor:
        self._check_length(states.shape[1])
        mask = boolean_mask("TransformerEncoder", states, mask)
        states = zero_padding(states, mask)
        positions = ops.cast(self.positions, states.dtype)[: ops.shape(states)[1]]
        states = self.drop(self.norm(states + positions), training=training)
        for block in self.blocks:
            states = block(states, mask=mask, training=training)
        return zero_padding(states, mask)

    def _check_length(self, steps):
        if steps is not None and steps > self.max_length:
            raise BadInput(
                f"TransformerEncoder: {steps} steps, but positions for {self.max_length} only; cut the text."
            )

    def compute_output_spec(self, states: Tensor, mask: Tensor = None, training: bool | None = None) -> Tensor:
        self._check_length(states.shape[1])
        return super().compute_output_spec(states, mask, training)

    def get_config(self) -> dict[str, Any]:
        names = ("layers", "heads", "units", "dropout", "max_length")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="emorec")
class FirstState(MaskedPooling):
    """The state at the first step, where BERT keeps what it has to say of the whole text: (B, T, D) to (B, D).

    Example:
        >>> tuple(FirstState()(ops.ones((2, 5, 8))).shape)
        (2, 8)
    """

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        return states[:, 0]
