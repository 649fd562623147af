"""Utterances in their dialogue: batches of dialogues, attention over utterances, and DialogueRNN as a cell."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from emorec.arguments import explained
from emorec.checks import positive_int
from emorec.errors import BadInput
from emorec.multimodal.base import positive, presence_weights
from emorec.training import Batches
from emorec.types import Shape, Strings, Tensor, Values

register = keras.saving.register_keras_serializable(package="emorec")
STEPS = 8  # lengths are rounded up to a multiple: few shapes, few compilations


class Dialogues(Batches):
    """Utterances as padded batches of whole dialogues; padding counts neither in a loss nor in a prediction.

    Args:
        inputs: Dict of modality to float (N, D_m), rows in order of time inside each group.
        groups: (N,) names of dialogues or videos.
        presence: (N, M) of 0/1, or None where every utterance has every modality.
        speakers: (N,) names, or None. Inside each dialogue they are numbered in order of appearance.
        parties: Number of speaker slots; speakers beyond share the last one.

    Example:
        >>> len(Dialogues({"text": np.ones((3, 2), "float32")}, ["a", "a", "b"]))
        3
    """

    @explained
    def __init__(
        self, inputs: dict[str, np.ndarray], groups: Values, presence: np.ndarray | None = None,
        speakers: Strings | None = None, parties: int = 8,
    ) -> None:  # fmt: skip
        self.inputs = {name: np.asarray(x, dtype="float32") for name, x in inputs.items()}
        groups = np.asarray(groups)
        aligned = {"groups": groups, "presence": presence, "speakers": speakers}
        sizes = {name: len(x) for name, x in (self.inputs | aligned).items() if x is not None}
        parties = positive_int("Dialogues", "parties", parties)
        if len(set(sizes.values())) > 1 or groups.ndim != 1:
            raise BadInput(f"Dialogues need one row an utterance everywhere, not {sizes}.")
        self.presence = np.ones((len(groups), len(inputs)), bool) if presence is None else np.asarray(presence, bool)
        _, first, number = np.unique(groups, return_index=True, return_inverse=True)
        self.rows = [np.flatnonzero(number == g) for g in np.argsort(first, kind="stable")]
        self.speakers = None if speakers is None else self._slots(np.asarray(speakers), parties)

    def _slots(self, speakers, parties):
        slots = np.zeros((len(speakers), parties), dtype="float32")
        for rows in self.rows:
            known = {}
            for row in rows:
                slots[row, min(known.setdefault(speakers[row], len(known)), parties - 1)] = 1
        return slots

    def __len__(self):
        return len(self.presence)

    def per_step(self, batch_size: int) -> int:
        """Dialogues a step that hold about ``batch_size`` utterances."""
        return max(1, round(batch_size * len(self.rows) / len(self)))

    def pad(self, dialogues: Values) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Model inputs of these dialogues: the modalities (B, T, D_m), ``presence`` (B, T, M), ``mask`` (B, T), and
        ``speaker`` (B, T, P) where speakers are known."""
        lengths = np.array([len(self.rows[d]) for d in dialogues])
        steps = -(-lengths.max() // STEPS) * STEPS
        mask = np.arange(steps) < lengths[:, None]
        rows = np.concatenate([self.rows[d] for d in dialogues])
        tables = self.inputs | {"presence": self.presence.astype("float32")}
        if self.speakers is not None:
            tables = tables | {"speaker": self.speakers}
        return {name: _spread(table[rows], mask) for name, table in tables.items()} | {"mask": mask}, mask, rows

    def train(
        self, model: keras.Model, y: np.ndarray, weights: np.ndarray | None, batch_size: int, rng: np.random.Generator
    ) -> float:
        """One epoch; returns the mean loss over utterances. ``batch_size`` counts utterances, roughly."""
        total, size, order = 0.0, self.per_step(batch_size), rng.permutation(len(self.rows))
        for start in range(0, len(order), size):
            x, mask, rows = self.pad(order[start : start + size])
            weight = np.ones(len(rows)) if weights is None else weights[rows]
            # Keras divides by all steps, padded ones too: undone here, so that the loss is a mean over utterances.
            weight = _spread((weight * mask.size / len(rows)).astype("float32"), mask)
            model.reset_metrics()
            loss = model.train_on_batch(_asked(model, x), _spread(y[rows], mask), weight, return_dict=True)["loss"]
            total += float(loss) * len(rows)
        return total / len(self)

    def predict(self, model: keras.Model, batch_size: int) -> np.ndarray:
        """Logits, float32 (N, C), in the order of the utterances."""
        size = self.per_step(batch_size)
        logits: Any = None
        for start in range(0, len(self.rows), size):
            x, mask, rows = self.pad(range(start, min(start + size, len(self.rows))))
            out = np.asarray(model.predict_on_batch(_asked(model, x)), dtype="float32")[mask]
            logits = np.empty((len(self), out.shape[1]), "float32") if logits is None else logits
            logits[rows] = out
        return logits


def _asked(model, x):
    """The inputs that a model has: Keras would take one too many, such as speakers, for another."""
    return {name: value for name, value in x.items() if name in model.input}


def _spread(values, mask):
    """Rows (n, ...) laid out on the True places of a mask (B, T), zeros elsewhere."""
    table = np.zeros((*mask.shape, *values.shape[1:]), dtype=values.dtype)
    table[mask] = values
    return table


@register
class UtteranceAttention(keras.layers.Layer):
    """Every utterance looks at all utterances of its dialogue (CAT-LSTM, Poria et al. 2017, ICDM, section III-C).

    1. ``a_ts = softmax over s of v . tanh(W_q h_t + W_k h_s)``
    2. ``r_t = sum_s a_ts h_s``
    3. ``h'_t = tanh(W_p r_t + W_x h_t)``

    The paper's score has one weight matrix for each position; here it depends on both states instead, so that any
    length will do.

    Args:
        units: Size of the score's hidden layer and of the output.

    Call arguments:
        states: (B, T, D). mask: bool (B, T) or None.

    Returns:
        (B, T, units), and with ``return_attention_scores=True`` also float32 (B, T, T), rows that sum to 1.

    Example:
        >>> tuple(UtteranceAttention(units=4)(ops.ones((2, 5, 3))).shape)
        (2, 5, 4)
    """

    def __init__(self, units: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        def dense(name, bias=True, units=self.units, features=input_shape[-1]):
            layer = keras.layers.Dense(units, use_bias=bias, name=name, dtype=self.dtype_policy)
            layer.build((None, features))
            return layer

        self.query = dense("query")
        self.key = dense("key", bias=False)
        self.score = dense("score", bias=False, units=1, features=self.units)
        self.context = dense("context")
        self.state = dense("state", bias=False)

    def call(self, states: Tensor, mask: Tensor = None, return_attention_scores: bool = False) -> Tensor:
        mask = ops.ones_like(states[:, :, 0], dtype="bool") if mask is None else ops.cast(mask, "bool")
        states = ops.where(mask[:, :, None], states, ops.zeros_like(states))
        hidden = ops.tanh(self.query(states)[:, :, None, :] + self.key(states)[:, None, :, :])
        weights = presence_weights(self.score(hidden)[..., 0], mask[:, None, :])
        context = ops.matmul(ops.cast(weights, states.dtype), states)
        out = ops.tanh(self.context(context) + self.state(states))
        return (out, weights) if return_attention_scores else out

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


@register
class DialogueRNNCell(keras.layers.Layer):
    """One utterance of a dialogue between several parties (Majumder et al. 2019, DialogueRNN, equations 1-8).

    1. global state ``g_t = GRU([u_t; q_speaker], g_before)``
    2. context ``c_t``: attention of ``u_t`` over the global states so far
    3. state of the speaker ``q_speaker = GRU([u_t; c_t], q_speaker)``; listeners keep theirs
    4. emotion ``e_t = GRU(q_speaker, e_before)``, the output

    Args:
        units: Size of all states.
        parties: Speaker slots.
        window: How many earlier global states are attended to; as many as the longest dialogue has utterances for
            all of them.

    Call arguments:
        inputs: (B, D + parties): the utterance, and its speaker as one-hot.

    Example:
        >>> DialogueRNNCell(units=4, parties=2).output_size
        4
    """

    def __init__(self, units: int, parties: int, window: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units, parties=parties, window=window)
        self.units, self.parties, self.window = units, parties, window
        self.state_size = [units, parties * units, units, window * units, 1]
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1] - self.parties
        if features < 1:
            raise BadInput(f"DialogueRNNCell: {input_shape[-1]} inputs leave none beside {self.parties} speaker slots.")
        policy = {"dtype": self.dtype_policy}
        self.global_cell = keras.layers.GRUCell(self.units, name="global", **policy)
        self.party = keras.layers.GRUCell(self.units, name="party", **policy)
        self.emotion = keras.layers.GRUCell(self.units, name="emotion", **policy)
        self.ask = keras.layers.Dense(self.units, use_bias=False, name="ask", **policy)
        self.global_cell.build((None, features + self.units))
        self.party.build((None, features + self.units))
        self.emotion.build((None, self.units))
        self.ask.build((None, features))

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool | None = None) -> Tensor:
        overall, parties, emotion, past, count = states
        utterance, speaker = inputs[:, : -self.parties], inputs[:, -self.parties :, None]
        parties = ops.reshape(parties, (-1, self.parties, self.units))
        past = ops.reshape(past, (-1, self.window, self.units))
        own = ops.sum(parties * speaker, axis=1)
        # The newest global state stands last; the first `window - count` places are still empty.
        filled = ops.arange(self.window) >= self.window - ops.cast(count, "int32")
        weights = presence_weights(ops.sum(past * self.ask(utterance)[:, None], axis=-1), filled)
        context = ops.sum(past * ops.cast(weights, past.dtype)[:, :, None], axis=1)
        overall, _ = self.global_cell(ops.concatenate([utterance, own], axis=-1), [overall])
        own, _ = self.party(ops.concatenate([utterance, context], axis=-1), [own])
        emotion, _ = self.emotion(own, [emotion])
        parties = parties * (1 - speaker) + own[:, None] * speaker
        past = ops.concatenate([past[:, 1:], overall[:, None]], axis=1)
        count = ops.minimum(count + 1, float(self.window))
        flat = [ops.reshape(x, (-1, n)) for x, n in ((parties, self.state_size[1]), (past, self.state_size[3]))]
        return emotion, [overall, flat[0], emotion, flat[1], count]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "parties": self.parties, "window": self.window}
