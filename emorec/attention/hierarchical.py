"""Words make sentences, sentences make the document."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from emorec.attention.base import AttentionLayer, call_with_mask, check_states, output_spec
from emorec.attention.global_attention import GlobalAttention
from emorec.attention.masking import boolean_mask, check_mask, zero_padding
from emorec.checks import positive_int
from emorec.errors import BadInput
from emorec.types import Shape, Tensor

RECURRENT = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def recurrent_encoder(name: str, units: int, layer_name: str, dtype: Any = None) -> keras.Layer:
    """A recurrent Keras layer that returns all states, from "gru", "bilstm" and so on."""
    kind = name.removeprefix("bi") if isinstance(name, str) else None
    if kind not in RECURRENT:
        known = ", ".join([*RECURRENT, *(f"bi{known}" for known in RECURRENT)])
        raise BadInput(f"HierarchicalAttention: {layer_name} must be a Keras layer or one of {known}; got {name!r}.")
    layer = RECURRENT[kind](units, return_sequences=True, name=layer_name, dtype=dtype)
    if name.startswith("bi"):
        return keras.layers.Bidirectional(layer, name=layer_name, dtype=dtype)
    return layer


@keras.saving.register_keras_serializable(package="emorec")
class HierarchicalAttention(AttentionLayer):
    """The hierarchical attention network of Yang et al. (2016, aclanthology.org/N16-1174).

    1. every sentence's words go through the word encoder, all B x S sentences at once (eq. 1-4)
    2. ``GlobalAttention`` over its words makes the sentence's vector (eq. 5-7)
    3. the sentence vectors go through the sentence encoder (eq. 8, 9)
    4. ``GlobalAttention`` over the sentences makes the document's vector (eq. 10-12)

    A sentence is real if any of its words is. Empty sentences, at the end or in between, and padded words
    change nothing; a document without any word gets zeros.

    Args:
        units: Width of both attentions, at least 1.
        word_encoder: "rnn", "gru", "lstm", each also as "bi...", or a Keras layer that maps (N, T, E) and
            ``mask`` (N, T) to states (N, T, D); padding must not change the states of real steps.
        sentence_encoder: The same, for (B, S, D); a layer of its own.
        encoder_units: Units of an encoder given by name, in each direction; ``units`` where not given.

    Call arguments:
        words: Float tensor (B, S, T, E): embedded words.
        mask: Boolean tensor (B, S, T), ``True`` at real words; taken from ``words`` where it travels with
            them. On a GPU, padding belongs to the right of a sentence's words.
        return_attention_scores: Also return the weights.

    Returns:
        Document (B, D), or (document, word weights (B, S, T), sentence weights (B, S)). Word weights sum to 1
        within each real sentence, sentence weights within each document; padding has exactly 0.

    Raises:
        BadInput: ``units``, ``encoder_units`` or an encoder's name out of range; an encoder that does not
            return one state a step; words not of rank 4; a mask that does not fit.

    Example:
        >>> documents = ops.ones((2, 3, 5, 4))  # 2 of 3 sentences of 5 words
        >>> tuple(HierarchicalAttention(units=8)(documents).shape)
        (2, 16)
    """

    def __init__(
        self, units: int = 64, word_encoder: str | keras.Layer = "bigru", sentence_encoder: str | keras.Layer = "bigru",
        encoder_units: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = positive_int("HierarchicalAttention", "units", units)
        if encoder_units is not None:
            encoder_units = positive_int("HierarchicalAttention", "encoder_units", encoder_units)
        self.encoder_units = encoder_units
        if word_encoder is sentence_encoder and isinstance(word_encoder, keras.layers.Layer):
            raise BadInput("HierarchicalAttention: word_encoder and sentence_encoder must be two layers.")
        self._names = {"word_encoder": word_encoder, "sentence_encoder": sentence_encoder}
        for place, encoder in list(self._names.items()):
            if isinstance(encoder, keras.layers.Layer):
                setattr(self, place, encoder)
                del self._names[place]
            else:
                layer = recurrent_encoder(encoder, encoder_units or self.units, place, self.dtype_policy)
                setattr(self, place, layer)
        self.word_attention = GlobalAttention(self.units, dtype=self.dtype_policy, name="word_attention")
        self.sentence_attention = GlobalAttention(self.units, dtype=self.dtype_policy, name="sentence_attention")

    def build(self, words_shape: Shape) -> None:
        check_states("HierarchicalAttention", words_shape, ("batch", "sentences", "words", "features"))
        _, sentences, steps, features = words_shape
        states_shape = (None, steps, features)
        for place in ("word", "sentence"):
            encoder, attention = getattr(self, f"{place}_encoder"), getattr(self, f"{place}_attention")
            if not encoder.built:
                encoder.build(states_shape)
            states_shape = tuple(encoder.compute_output_shape(states_shape))
            if len(states_shape) != 3:
                raise BadInput(
                    f"HierarchicalAttention: {place}_encoder must return one state a step, (N, T, D); "
                    f"it returns {states_shape}. A recurrent layer does so with return_sequences=True."
                )
            attention.build(states_shape)
            states_shape = (None, sentences, states_shape[-1])
        self.document_features = states_shape[-1]

    def call(
        self, words: Tensor, mask: Tensor = None, return_attention_scores: bool = False, training: bool | None = None
    ) -> Tensor:
        mask = boolean_mask("HierarchicalAttention", words, mask)
        _, sentences, steps, features = ops.shape(words)
        flat = ops.reshape(zero_padding(words, mask), (-1, steps, features))  # (B * S, T, E)
        flat_mask = None if mask is None else ops.reshape(mask, (-1, steps))
        states = call_with_mask(self.word_encoder, flat, with_a_step(flat_mask))
        vectors, word_scores = self.word_attention(states, mask=flat_mask, return_attention_scores=True)
        vectors = ops.reshape(vectors, (-1, sentences, vectors.shape[-1]))  # (B, S, D)
        word_scores = ops.reshape(word_scores, (-1, sentences, steps))

        sentence_mask = None if mask is None else ops.any(mask, axis=-1)
        vectors, packed_mask, back = pack(vectors, sentence_mask)
        states = unpack(call_with_mask(self.sentence_encoder, vectors, with_a_step(packed_mask)), back)
        document, sentence_scores = self.sentence_attention(states, mask=sentence_mask, return_attention_scores=True)
        return (document, word_scores, sentence_scores) if return_attention_scores else document

    def compute_mask(self, words: Tensor, mask: Tensor = None) -> Tensor:
        return None  # words and sentences are gone

    def compute_output_shape(self, words_shape: Shape, return_attention_scores: bool = False) -> tuple:
        batch, sentences, steps, _ = words_shape
        if not self.built:
            self.build(words_shape)
        document = (batch, self.document_features)
        return (document, (batch, sentences, steps), (batch, sentences)) if return_attention_scores else document

    def compute_output_spec(
        self, words: Tensor, mask: Tensor = None, return_attention_scores: bool = False, training: bool | None = None
    ) -> Tensor:
        check_mask("HierarchicalAttention", words, mask)
        return output_spec(self, self.compute_output_shape(words.shape, return_attention_scores))

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "encoder_units": self.encoder_units}
        for place in ("word_encoder", "sentence_encoder"):
            layer = keras.saving.serialize_keras_object(getattr(self, place))
            own[place] = self._names.get(place, layer)
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HierarchicalAttention:
        config = dict(config)
        for place in ("word_encoder", "sentence_encoder"):
            if isinstance(config.get(place), dict):
                config[place] = keras.saving.deserialize_keras_object(config[place])
        return super().from_config(config)


def with_a_step(mask: Tensor) -> Tensor:
    """``mask`` (N, T) with the first step of every empty row switched on: cuDNN refuses a row without any."""
    if mask is None:
        return None
    empty = ops.logical_not(ops.any(mask, axis=1, keepdims=True))
    return ops.concatenate([ops.logical_or(mask[:, :1], empty), mask[:, 1:]], axis=1)


def pack(states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """States (N, T, D) with the real steps moved to the left in their order, their mask, and the way back.

    A masked step in between leaves an RNN's state alone, so nothing changes; but cuDNN wants padding on the
    right.
    """
    if mask is None:
        return states, None, None
    steps = ops.arange(ops.shape(mask)[1])
    order = ops.argsort(ops.where(mask, steps, steps + ops.shape(mask)[1]), axis=1)  # distinct keys: stable
    packed = ops.take_along_axis(states, order[..., None], axis=1)
    return packed, ops.take_along_axis(mask, order, axis=1), ops.argsort(order, axis=1)


def unpack(states: Tensor, back: Tensor) -> Tensor:
    """Undo ``pack``."""
    return states if back is None else ops.take_along_axis(states, back[..., None], axis=1)
