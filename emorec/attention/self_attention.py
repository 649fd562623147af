"""Every word looks at every word."""

import functools
import math
from typing import Any

import keras
from keras import ops

from emorec.attention.base import AttentionLayer, check_states, output_spec
from emorec.attention.masking import boolean_mask, check_mask, dot_scores, masked_softmax, zero_padding
from emorec.checks import choice, fraction, optional_seed, positive_int, whole_number
from emorec.errors import BadInput
from emorec.types import Shape, Tensor

SCORINGS = ("dot", "additive")


@keras.saving.register_keras_serializable(package="emorec")
class SelfAttention(AttentionLayer):
    """Each step becomes a weighted sum over all real steps, in one head or several.

    1. ``q, k, v = W_q h, W_k h, W_v h``, each cut into ``heads`` parts of ``units / heads``
    2. "dot": ``score_ij = q_i . k_j / sqrt(units / heads)`` (Vaswani et al. 2017, arXiv:1706.03762, eq. 1);
       "additive": ``score_ij = w . tanh(q_i + k_j)`` (Bahdanau et al. 2015, arXiv:1409.0473, section A.1.2)
    3. ``a_i = softmax_j(score_ij)`` over the real steps j; a padded step gets exactly 0
    4. ``state_i = W_o [sum_j a_ij v_j of every head] + b``

    ``causal`` lets a step look at itself and at those before it, ``window`` at those no further away than so many
    steps, an ``attention_mask`` at what it names: step 3 then goes over the steps that all of them leave.

    No residual connection and no normalisation: the layer is the attention alone. A padded step looks
    nowhere: its row of weights and its new state are 0. Additive scoring holds B x T x T x units numbers.

    Args:
        units: Width of queries, keys and values over all heads together; a multiple of ``heads``.
        heads: Number of heads, at least 1.
        scoring: "dot" or "additive".
        dropout: Share of the weights dropped in training, in [0, 1).
        seed: Seed of the dropout.
        causal: Whether a step looks at no later one.
        window: The furthest that a step looks to either side, in steps, at least 0; None: everywhere.
        kernel_regularizer: Of all kernels, e.g. ``"l2"``; None adds nothing to the loss.

    Call arguments:
        states: Float tensor (B, T, D).
        mask: Boolean tensor (B, T), ``True`` at real steps; taken from ``states`` where it travels with them.
        attention_mask: Boolean tensor (B, T, T), ``True`` where the step of the row may look at that of the column; or
            None. A step that may look nowhere has a new state of ``b`` alone.
        return_attention_scores: Also return the weights.

    Returns:
        States (B, T, D), or (states, weights) with weights (B, heads, T, T), the looking step before the step
        looked at; each row of a real step sums to 1. The mask stays with the states.

    Raises:
        BadInput: ``units``, ``heads``, ``scoring``, ``dropout`` or ``window`` out of range; states not of rank 3; a
            mask that does not fit.

    Example:
        >>> states, weights = SelfAttention(units=8, heads=2)(ops.ones((2, 5, 3)), return_attention_scores=True)
        >>> tuple(states.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 2, 5, 5))
    """

    def __init__(
        self, units: int = 64, heads: int = 1, scoring: str = "dot", dropout: float = 0.0, seed: int | None = None,
        causal: bool = False, window: int | None = None, kernel_regularizer: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = positive_int("SelfAttention", "units", units)
        self.heads = positive_int("SelfAttention", "heads", heads)
        if self.units % self.heads:
            raise BadInput(f"SelfAttention: units={units} cannot be shared equally between heads={heads}.")
        choice("scoring", scoring, SCORINGS)
        self.scoring = scoring
        self.dropout = fraction("SelfAttention", "dropout", dropout)
        self.seed = optional_seed("SelfAttention", seed)
        choice("causal", causal, (False, True))
        self.causal = bool(causal)
        self.window = None if window is None else whole_number("window", window, 0, owner="SelfAttention")
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.drop = keras.layers.Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, states_shape: Shape) -> None:
        check_states("SelfAttention", states_shape)
        self.drop.build(states_shape)
        # A bias of the keys would move all dot scores of a query alike, and one of the values ends up in the
        # output's; additive scoring needs a single bias inside its tanh, which the queries carry.
        self.query = self._dense(self.units, "query")
        self.key = self._dense(self.units, "key", use_bias=False)
        self.value = self._dense(self.units, "value", use_bias=False)
        self.output_projection = self._dense(states_shape[-1], "output")
        for layer in (self.query, self.key, self.value):
            layer.build(states_shape)
        self.output_projection.build((*states_shape[:-1], self.units))
        if self.scoring == "additive":
            self.score_kernel = self.add_weight(
                shape=(self.heads, self.units // self.heads),
                initializer="glorot_uniform",
                regularizer=self.kernel_regularizer,
                name="score_kernel",
            )

    def call(
        self, states: Tensor, mask: Tensor = None, return_attention_scores: bool = False,
        training: bool | None = None, attention_mask: Tensor = None,
    ) -> Tensor:  # fmt: skip
        mask = boolean_mask("SelfAttention", states, mask)
        states = zero_padding(states, mask)
        queries, keys, values = (self._split(project(states)) for project in (self.query, self.key, self.value))
        pairs = self._pairs(states, mask, attention_mask)
        scores = ops.cast(masked_softmax(self._score(queries, keys), pairs), values.dtype)
        attended = ops.matmul(self.drop(scores, training=training), values)  # (B, heads, T, units / heads)
        merged = ops.reshape(ops.transpose(attended, (0, 2, 1, 3)), (-1, ops.shape(states)[1], self.units))
        outputs = zero_padding(self.output_projection(merged), mask)
        return (outputs, scores) if return_attention_scores else outputs

    def contributions(self, states: Tensor, scores: Tensor) -> Tensor:
        """How much of each step is in the sum of the new states: the norm of its value, weighted and projected.

        A weight alone does not tell: much attention to a value near 0 brings nothing (Kobayashi et al. 2020,
        arXiv:2004.10102).

        Args:
            states: (B, T, D), as the layer was called with.
            scores: (B, heads, T, T), the weights it returned.

        Returns:
            (B, T), at least 0; 0 at padded steps.
        """
        received = ops.transpose(ops.sum(scores, axis=2), (0, 2, 1))  # (B, T, heads)
        brought = ops.repeat(received, self.units // self.heads, axis=-1) * self.value(states)
        brought = ops.matmul(brought, self.output_projection.kernel)
        return ops.sqrt(ops.sum(ops.square(brought), axis=-1))  # ops.norm fails under JAX

    def _pairs(self, states, mask, attention_mask):
        """Which steps look at which, bool (B or 1, 1, T, T); None: all at all."""
        allowed = []
        if mask is not None:
            allowed.append(ops.logical_and(mask[:, None, :, None], mask[:, None, None, :]))
        if attention_mask is not None:
            _check_pairs(states, attention_mask)
            allowed.append(ops.cast(attention_mask, "bool")[:, None])
        if self.causal or self.window is not None:
            steps = ops.arange(ops.shape(states)[1])
            back = (steps[:, None] - steps[None, :])[None, None]  # how far the step looked at lies behind
            if self.causal:
                allowed.append(back >= 0)
            if self.window is not None:
                allowed.append(ops.abs(back) <= self.window)
        return functools.reduce(ops.logical_and, allowed) if allowed else None

    def _split(self, projected):
        """(B, T, units) to (B, heads, T, units / heads)."""
        width = self.units // self.heads
        parts = ops.reshape(projected, (-1, ops.shape(projected)[1], self.heads, width))
        return ops.transpose(parts, (0, 2, 1, 3))

    def _score(self, queries, keys):
        if self.scoring == "dot":
            return dot_scores(queries, keys) / math.sqrt(self.units // self.heads)
        summed = ops.tanh(queries[:, :, :, None, :] + keys[:, :, None, :, :])
        return ops.einsum("bhijd,hd->bhij", summed, ops.cast(self.score_kernel, summed.dtype))

    def compute_output_shape(self, states_shape: Shape, return_attention_scores: bool = False) -> tuple:
        weights = (states_shape[0], self.heads, states_shape[1], states_shape[1])
        return (tuple(states_shape), weights) if return_attention_scores else tuple(states_shape)

    def compute_output_spec(
        self, states: Tensor, mask: Tensor = None, return_attention_scores: bool = False,
        training: bool | None = None, attention_mask: Tensor = None,
    ) -> Tensor:  # fmt: skip
        check_mask("SelfAttention", states, mask)
        if attention_mask is not None:
            _check_pairs(states, attention_mask)
        return output_spec(self, self.compute_output_shape(states.shape, return_attention_scores))

    def get_config(self) -> dict[str, Any]:
        names = ("units", "heads", "scoring", "dropout", "seed", "causal", "window")
        own = {name: getattr(self, name) for name in names}
        own["kernel_regularizer"] = keras.regularizers.serialize(self.kernel_regularizer)
        return {**super().get_config(), **own}


def _check_pairs(states, attention_mask):
    """BadInput unless an attention mask covers each pair of the steps of ``states`` (B, T, D)."""
    batch, steps, _ = states.shape
    actual = tuple(attention_mask.shape)
    expected = (batch, steps, steps)
    if len(actual) != 3 or any(a != b for a, b in zip(expected, actual) if None not in (a, b)):
        raise BadInput(
            f"SelfAttention: an attention_mask of shape {actual} does not fit states of shape {tuple(states.shape)}; "
            f"it needs the shape {expected}, True where the step of the row may look at that of the column."
        )
