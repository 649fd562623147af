"""Fusion by attention between modalities and by a memory over time; a vector is a sequence of one step."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from emorec.checks import fraction, whole_number
from emorec.errors import BadInput
from emorec.multimodal.base import Fusion, positive, presence_weights
from emorec.types import Numbers, Tensor

register = keras.saving.register_keras_serializable(package="emorec")


def sinusoids(steps: int, units: int) -> Tensor:
    """Position codes (Vaswani et al. 2017, section 3.5), float32 (steps, units)."""
    half = (units + 1) // 2
    rates = np.exp(-np.log(10000.0) * np.arange(half) / half).astype("float32")
    angles = ops.cast(ops.arange(steps), "float32")[:, None] * rates
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)[:, :units]


def mean_weights(here: Tensor) -> Tensor:
    """0/1 (..., M) to weights that make a sum over M the mean over the ones; all 0 where there is none."""
    return here / ops.maximum(ops.sum(here, axis=-1, keepdims=True), 1)


@register
class AttentionBlock(keras.layers.Layer):
    """Pre-norm transformer block whose keys may come from elsewhere, with one empty slot among the keys.

    1. ``y = x + MultiHead(LN(x), [LN(s); 0])``
    2. ``y + W_2 gelu(W_1 LN(y))``

    The empty slot (key and value 0) lets a query look at nothing: a source that is missing or fully padded
    adds exactly 0, and attention over a source of one step is still a choice.

    Args:
        units, heads: Size of the block and number of heads.
        dropout: Rate on attention and on both residual branches.

    Call arguments:
        x: (B, T, units) queries. source: (B, S, units), or None for self-attention.
        source_mask: bool (B, S) or None.

    Returns:
        (B, T, units), and with ``return_attention_scores=True`` also (B, heads, T, S + 1), the slot last.

    Example:
        >>> tuple(AttentionBlock(8, heads=2)(ops.ones((2, 5, 8))).shape)
        (2, 5, 8)
    """

    def __init__(self, units: int, heads: int = 4, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        positive(self, units=units, heads=heads)
        if units % heads:
            raise BadInput(f"units must be a multiple of heads, not {units} and {heads}.")
        self.units, self.heads = units, heads
        self.dropout = fraction(type(self).__name__, "dropout", dropout)

    def build(self, input_shape: Any) -> None:
        policy = {"dtype": self.dtype_policy}
        shape = (None, None, self.units)
        self.norm_x = keras.layers.LayerNormalization(name="norm_x", **policy)
        self.norm_y = keras.layers.LayerNormalization(name="norm_y", **policy)
        # Without biases: the empty slot has key 0 and value 0.
        self.attend = keras.layers.MultiHeadAttention(
            self.heads, self.units // self.heads, dropout=self.dropout, use_bias=False, name="attend", **policy
        )
        self.widen = keras.layers.Dense(2 * self.units, "gelu", name="widen", **policy)
        self.narrow = keras.layers.Dense(self.units, name="narrow", **policy)
        self.drop = keras.layers.Dropout(self.dropout, name="drop", **policy)
        for layer in (self.norm_x, self.norm_y, self.widen):
            layer.build(shape)
        self.narrow.build((None, None, 2 * self.units))
        self.attend.build(shape, shape)

    def call(
        self, x: Tensor, source: Tensor = None, source_mask: Tensor = None, training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Tensor:  # fmt: skip
        query = self.norm_x(x)
        keys = query if source is None else self.norm_x(source)
        slot = ops.zeros_like(keys[:, :1])
        if source_mask is None:
            source_mask = ops.ones_like(keys[:, :, 0], dtype="bool")
        allowed = ops.concatenate([source_mask, ops.ones_like(slot[:, :, 0], dtype="bool")], axis=1)
        y, scores = self.attend(
            query,
            ops.concatenate([keys, slot], axis=1),
            attention_mask=allowed[:, None, :],
            return_attention_scores=True,
            training=training,
        )
        y = x + self.drop(y, training=training)
        y = y + self.drop(self.narrow(self.widen(self.norm_y(y))), training=training)
        return (y, scores) if return_attention_scores else y

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "heads": self.heads, "dropout": self.dropout}


class TokenFusion(Fusion):
    """Base of the two fusions below: projects every modality to ``units`` and adds positions to sequences.

    Example:
        >>> issubclass(BottleneckFusion, TokenFusion)
        True
    """

    units: int
    heads: int
    dropout: float

    def block(self, name: str) -> AttentionBlock:
        """A built `AttentionBlock` of this layer's settings."""
        block = AttentionBlock(self.units, self.heads, self.dropout, name=f"block_{name}", dtype=self.dtype_policy)
        block.build((None, None, self.units))
        return block

    def project_all(
        self, inputs: Sequence[Tensor], presence: Tensor, mask: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Tokens (B, T_m, units) of each modality, 0 where missing or padded, and where they are not: bool (B, T_m)."""
        xs, present, masks = self.prepare(inputs, presence, mask)
        sequence = len(xs[0].shape) == 3
        tokens, allowed = [], []
        for m, (dense, x) in enumerate(zip(self.project, xs)):
            z = dense(x)
            if sequence:
                z = z + ops.cast(sinusoids(ops.shape(z)[1], self.units), z.dtype)
            else:
                z = z[:, None, :]
            keep = present[..., m] if sequence else present[:, m, None]
            keep = ops.logical_and(keep, ops.ones_like(z[:, :, 0], dtype="bool"))
            if masks[m] is not None:
                keep = ops.logical_and(keep, masks[m])
            tokens.append(ops.where(keep[:, :, None], z, ops.zeros_like(z)))
            allowed.append(keep)
        return tokens, allowed


@register
class CrossModalAttention(TokenFusion):
    """Each modality's steps look at the other modalities' steps (Tsai et al. 2019, MulT, section 3.2).

    For every ordered pair (target, source), ``layers`` blocks in which the target asks and the source answers
    (`AttentionBlock`). The streams of all pairs are concatenated over features.

    Args:
        units: Size of each stream. heads, layers, dropout: Of the blocks of each pair.
        target: Position of the one modality that asks, or None for all of them, which must then have one length.

    Returns:
        (B, T, pairs * units), or (B, pairs * units) for vectors; pairs is M (M - 1), or M - 1 with a
        ``target``. With ``return_attention_scores=True`` also a list over pairs, ordered by target and
        source, of the first block's (B, heads, T_target, T_source + 1), the empty slot last.

    Example:
        >>> tuple(CrossModalAttention(units=8, heads=2)([ops.ones((2, 5, 3)), ops.ones((2, 5, 4))]).shape)
        (2, 5, 16)
    """

    options = ("units", "heads", "layers", "dropout", "target")

    def __init__(
        self, units: int = 32, heads: int = 4, layers: int = 1, dropout: float = 0.0, target: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        positive(self, units=units, heads=heads, layers=layers)
        self.units, self.heads, self.layers = units, heads, layers
        self.dropout = fraction(type(self).__name__, "dropout", dropout)
        self.target = None if target is None else whole_number("target", target, 0, owner="CrossModalAttention")

    def build(self, input_shape: Any) -> None:
        shapes = self.check_shapes(input_shape)
        everyone = range(len(shapes))
        if self.target is None:
            self.same_steps(shapes)
        elif self.target not in everyone:
            raise BadInput(f"CrossModalAttention: target={self.target} is no position among {len(shapes)}.")
        targets = everyone if self.target is None else [self.target]
        self.pairs = [(t, s) for t in targets for s in everyone if s != t]
        self.project = self.dense_each(self.units, shapes)
        self.blocks = [self.block(f"{t}_{s}_{i}") for t, s in self.pairs for i in range(self.layers)]

    def call(
        self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None, training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> Tensor:  # fmt: skip
        tokens, allowed = self.project_all(inputs, presence, mask)
        streams, scores = [], []
        for p, (t, s) in enumerate(self.pairs):
            stream = tokens[t]
            for i, block in enumerate(self.blocks[p * self.layers : (p + 1) * self.layers]):
                stream, weights = block(stream, tokens[s], allowed[s], training=training, return_attention_scores=True)
                if i == 0:
                    scores.append(weights)
            streams.append(stream)
        fused = ops.concatenate(streams, axis=-1)
        fused = fused[:, 0] if len(inputs[0].shape) == 2 else fused
        return (fused, scores) if return_attention_scores else fused

    def compute_mask(self, inputs: Sequence[Tensor], previous_mask: Tensor = None) -> Tensor:
        if isinstance(previous_mask, (list, tuple)) and self.target is not None:
            return previous_mask[self.target]
        return super().compute_mask(inputs, previous_mask)


@register
class BottleneckFusion(TokenFusion):
    """Modalities exchange through a few shared tokens only (Nagrani et al. 2021, MBT, equations 8 and 9).

    In each layer every modality's own block reads its steps and the bottleneck tokens and rewrites both; the
    rewritten bottlenecks are averaged over the modalities that are present. The output is the mean over
    present modalities of their steps, 0 on padded ones.

    Args:
        units: Size of tokens and output. tokens: Number of bottleneck tokens.
        layers: At least 2: what one modality writes in a layer, the others read in the next.
        heads, dropout: Of each block.

    Returns:
        (B, T, units), or (B, units) for vectors.

    Example:
        >>> tuple(BottleneckFusion(units=8, heads=2)([ops.ones((2, 5, 3)), ops.ones((2, 5, 4))]).shape)
        (2, 5, 8)
    """

    options = ("units", "tokens", "layers", "heads", "dropout")

    def __init__(
        self, units: int = 32, tokens: int = 4, layers: int = 2, heads: int = 4, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        positive(self, units=units, tokens=tokens, layers=layers, heads=heads)
        if layers < 2:
            raise BadInput("BottleneckFusion: with layers=1 nothing passes between modalities; take 2 or more.")
        self.units, self.tokens, self.layers, self.heads = units, tokens, layers, heads
        self.dropout = fraction(type(self).__name__, "dropout", dropout)

    def build(self, input_shape: Any) -> None:
        shapes = self.aligned_shapes(input_shape)
        self.project = self.dense_each(self.units, shapes)
        self.bottleneck = self.add_weight(
            shape=(self.tokens, self.units), initializer=keras.initializers.RandomNormal(stddev=0.02), name="bottleneck"
        )
        self.blocks = [self.block(f"{i}_{m}") for i in range(self.layers) for m in range(len(shapes))]

    def call(
        self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None, training: bool | None = None
    ) -> Tensor:
        tokens, allowed = self.project_all(inputs, presence, mask)
        steps = [ops.shape(z)[1] for z in tokens]
        shared = ops.repeat(self.bottleneck[None], ops.shape(tokens[0])[0], axis=0)  # (B, tokens, units)
        open_slots = ops.ones_like(shared[:, :, 0], dtype="bool")
        here = ops.cast(ops.stack(allowed, axis=-1), shared.dtype)  # (B, T, M)
        share = mean_weights(ops.max(here, axis=1))
        for i in range(self.layers):
            written = 0.0
            for m in range(len(tokens)):
                both = self.blocks[i * len(tokens) + m](
                    ops.concatenate([tokens[m], shared], axis=1),
                    source_mask=ops.concatenate([allowed[m], open_slots], axis=1),
                    training=training,
                )
                tokens[m] = both[:, : steps[m]]
                written = written + both[:, steps[m] :] * share[:, m, None, None]
            shared = written
        share = mean_weights(here)
        fused = sum(z * share[:, :, m, None] for m, z in enumerate(tokens))
        return fused[:, 0] if len(inputs[0].shape) == 2 else fused


@register
class MemoryFusionCell(keras.layers.Layer):
    """One step of `MemoryFusion`; takes the modalities' features and presence, concatenated.

    Example:
        >>> MemoryFusionCell(units=4, memory=3, sizes=[2, 5]).state_size
        [13, 8, 8, 3]
    """

    def __init__(self, units: int, memory: int, sizes: Numbers, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.memory, self.sizes = units, memory, list(sizes)
        wide = units * len(self.sizes)
        self.output_size = wide + memory + len(self.sizes)
        # The output comes first among the states: on JAX a padded step answers with the first state.
        self.state_size = [self.output_size, wide, wide, memory]

    def build(self, input_shape: Any) -> None:
        policy = {"dtype": self.dtype_policy}
        self.cells = [keras.layers.LSTMCell(self.units, name=f"lstm_{m}", **policy) for m in range(len(self.sizes))]
        for cell, size in zip(self.cells, self.sizes):
            cell.build((None, size))
        both = 2 * self.state_size[1]
        # Attention over the memories, the candidate, and the two gates (the paper's D_a, D_u, D_gamma1, D_gamma2).
        self.attend_hidden = keras.layers.Dense(self.units, "tanh", name="attend_hidden", **policy)
        self.attend = keras.layers.Dense(both, name="attend", **policy)
        self.candidate = keras.layers.Dense(self.memory, "tanh", name="candidate", **policy)
        self.retain = keras.layers.Dense(self.memory, "sigmoid", name="retain", **policy)
        self.update = keras.layers.Dense(self.memory, "sigmoid", name="update", **policy)
        for layer in (self.attend_hidden, self.candidate, self.retain, self.update):
            layer.build((None, both))
        self.attend.build((None, self.units))

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool | None = None) -> Tensor:
        count, wide = len(self.sizes), self.state_size[1]
        *xs, present = ops.split(inputs, [int(n) for n in np.cumsum(self.sizes)], axis=-1)
        _, hs_before, cs_before, memory = states
        hs, cs = [], []
        for m, (cell, x) in enumerate(zip(self.cells, xs)):
            part = slice(m * self.units, (m + 1) * self.units)
            _, (h, c) = cell(x, [hs_before[:, part], cs_before[:, part]])
            here = present[:, m : m + 1] > 0.5
            hs.append(ops.where(here, h, hs_before[:, part]))  # a modality that is away keeps its state
            cs.append(ops.where(here, c, cs_before[:, part]))
        h, c = ops.concatenate(hs, axis=-1), ops.concatenate(cs, axis=-1)
        delta = ops.concatenate([cs_before, c], axis=-1)
        allowed = ops.tile(ops.repeat(present > 0.5, self.units, axis=-1), [1, 2])
        weights = presence_weights(self.attend(self.attend_hidden(delta)), allowed)
        # Times their number: even weights leave the memories as they are, whatever their size.
        attended = delta * ops.cast(weights * (2 * wide), delta.dtype)
        memory = self.retain(attended) * memory + self.update(attended) * self.candidate(attended)
        weights = ops.sum(ops.reshape(weights, (-1, 2, count, self.units)), axis=(1, 3))  # (B, M)
        out = ops.concatenate([h, memory, ops.cast(weights, h.dtype)], axis=-1)
        return out, [out, h, c, memory]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "memory": self.memory, "sizes": self.sizes}


@register
class MemoryFusion(Fusion):
    """One LSTM a modality and a memory of what changes in them (Zadeh et al. 2018, MFN, equations 2-7).

    1. ``h_m, c_m = LSTM_m(x_m)`` at every step
    2. ``a = softmax(D_a [c_before; c])`` over all memory cells, ``d = a * [c_before; c]``
    3. ``u = D_1(d) * u_before + D_2(d) * D_u(d)``, the gates ``D_1``, ``D_2`` in (0, 1)

    The returned weights are ``a`` summed over each modality's cells.

    Args:
        units: Cells of each LSTM. memory: Size of ``u``.
        repeats: How often a vector input is read: the memory compares steps, so that it needs two.

    Returns:
        (B, T, M * units + memory): all ``h_m`` and ``u``; padded steps repeat the last real one, so that the
        last step is the state at the end. For vectors (B, M * units + memory).

    Example:
        >>> tuple(MemoryFusion(units=4, memory=3)([ops.ones((2, 5, 3)), ops.ones((2, 5, 4))]).shape)
        (2, 5, 11)
    """

    options = ("units", "memory", "repeats")

    def __init__(self, units: int = 32, memory: int = 32, repeats: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units, memory=memory, repeats=repeats)
        self.units, self.memory, self.repeats = units, memory, repeats

    def build(self, input_shape: Any) -> None:
        shapes = self.aligned_shapes(input_shape)
        sizes = [s[-1] for s in shapes]
        cell = MemoryFusionCell(self.units, self.memory, sizes, name="cell", dtype=self.dtype_policy)
        self.rnn = keras.layers.RNN(cell, return_sequences=True, name="rnn", dtype=self.dtype_policy)
        self.rnn.build((None, None, sum(sizes) + len(sizes)))

    def call(
        self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None,
        return_attention_scores: bool = False,
    ) -> Tensor:  # fmt: skip
        xs, present, masks = self.prepare(inputs, presence, mask)
        vectors = len(xs[0].shape) == 2
        if vectors:
            xs = [ops.repeat(x[:, None, :], self.repeats, axis=1) for x in xs]
            present = present[:, None, :]
        flags = ops.broadcast_to(ops.cast(present, xs[0].dtype), (*ops.shape(xs[0])[:2], len(xs)))
        out = self.rnn(ops.concatenate([*xs, flags], axis=-1), mask=next((m for m in masks if m is not None), None))
        out = out[:, -1] if vectors else out
        fused, weights = ops.split(out, [self.units * len(xs) + self.memory], axis=-1)
        return (fused, ops.cast(weights, "float32")) if return_attention_scores else fused
