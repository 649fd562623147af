"""Text classifiers as Keras models: every encoder under every attention, from ids to logits.

A model is a functional one whose layers are found by name: ``ids`` (input), ``mask``, ``embedding``,
``encoder``, ``attention`` (``pooling`` where there is none), ``logits``. What comes after ``embedding`` and
``mask`` does not look at the ids again.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops

from emorec.attention import (
    GlobalAttention,
    HierarchicalAttention,
    SelfAttention,
    StructuredSelfAttention,
    UniformAttention,
)
from emorec.attention.hierarchical import RECURRENT
from emorec.checks import choice, fraction, positive_int
from emorec.errors import BadInput
from emorec.text.layers import (
    FixedLengthFlatten,
    MaskedConv1D,
    MaskedLast,
    MaskedMax,
    MaskedMean,
    MultiplicativeLSTMCell,
    PaddingMask,
    RightPaddedRNN,
    SequenceEncoder,
    SharedEmbedding,
)
from emorec.text.transformer import FirstState, TransformerEncoder
from emorec.types import Numbers, Tensor

ENCODERS = (
    "mlp", "mlp-average", "rnn", "birnn", "lstm", "bilstm", "gru", "bigru", "mlstm", "bimlstm",
    "stacked-lstm", "stacked-bilstm", "cnn", "cnn-average", "none",
)  # fmt: skip
ATTENTIONS = ("none", "uniform", "global", "self", "structured", "hierarchical")
TRANSFORMER = "transformer"  # an encoder, too; its depth and widths go together, and come with its weights
POOLINGS = ("mean", "max", "last", "first")

# What `attention_outputs` and `attention_weights` made of models in use: a new one would be traced anew at each call.
_SHOWN, _OPEN = WeakKeyDictionary(), WeakKeyDictionary()


def build_text_model(
    *, vocabulary_size: int, classes: int, encoder: str = "bilstm", attention: str = "global", embedding_dim: int = 100,
    embedding_matrix: np.ndarray | None = None, shared_vectors: bool = False, trainable_embedding: bool = True,
    units: int = 64, attention_units: int = 64, layers: int = 1, dropout: float = 0.0, recurrent_dropout: float = 0.0,
    heads: int = 1, scoring: str = "dot", hops: int = 4, penalty: float = 0.0, filters: int = 100,
    kernel_sizes: Sequence[int] = (3, 4, 5), pooling: str | None = None, max_length: int | None = None,
    transformer: dict[str, Any] | None = None, seed: int | None = None,
) -> keras.Model:  # fmt: skip
    """A text classifier.

    Without attention, a recurrent encoder ends in its last state (of both directions), "cnn" in the maximum,
    "cnn-average", "mlp-average" and "none" in the mean over the real words. "mlp" lays the vectors of the
    first ``max_length`` words end to end below its hidden layers; under an attention there are no fixed
    positions, so its hidden layers work on each word, as those of "mlp-average" do. "self" is followed by the
    mean, or by ``pooling``. "structured" lays its hops end to end. "hierarchical" uses the encoder twice:
    over the words of a sentence and over the sentences. "transformer" is a BERT over word pieces, which ends in the
    state of its first piece without attention; "hierarchical" cannot have it.

    Args:
        vocabulary_size: Number of ids, padding (0) included.
        classes: Number of logits.
        encoder: One of ``ENCODERS``, or "transformer"; "none" leaves the embeddings as they are. The stacked ones
            have at least two layers, the bidirectional ones ``units`` in each direction.
        attention: One of ``ATTENTIONS``.
        embedding_dim: Size of a word vector; a matrix brings its own.
        embedding_matrix: Float array (vocabulary_size, E) to start from; None starts at random.
        shared_vectors: Whether ids from ``vocabulary_size`` on stand for the vectors that come along, see
            `emorec.text.layers.SharedEmbedding`.
        trainable_embedding: Whether word vectors are trained.
        units: Size of the encoder's state.
        attention_units: Width of the attention.
        layers: Number of encoder layers.
        dropout: Rate on the embeddings and before the logits.
        recurrent_dropout: Rate between the steps of a recurrent encoder; it costs the fast cuDNN kernels.
        heads, scoring: Of "self"; `heads` divides ``attention_units``, `scoring` is "dot" or "additive".
        hops, penalty: Of "structured".
        filters, kernel_sizes: Of "cnn" and "cnn-average".
        pooling: "mean", "max", "last" or "first" in the place of the default, for attention "none" and "self".
        max_length: Number of positions of "mlp" without attention, which needs it.
        transformer: Arguments of `emorec.text.transformer.TransformerEncoder`: layers, heads, units, dropout,
            max_length; in their place ``units``, ``layers``, ``heads`` and ``dropout`` above have no meaning for it.
        seed: Of the initial weights and of dropout; None draws one. Global seeds are left as they are.

    Returns:
        ``keras.Model``: int32 ids (B, T), for "hierarchical" (B, S, T), to float32 logits (B, classes), no
        softmax. Padding (0) may be appended at will.

    Raises:
        BadInput: An unknown name; a number out of range; a matrix of another size than the vocabulary.
    """
    choice("encoder", encoder, (*ENCODERS, TRANSFORMER))
    choice("attention", attention, ATTENTIONS)
    if encoder == TRANSFORMER and attention == "hierarchical":
        raise BadInput("A transformer reads a text as one row of pieces: attention='hierarchical' cannot have it.")
    choice("pooling", pooling, (None, *POOLINGS))
    if pooling and attention not in ("none", "self"):
        raise BadInput(f"pooling={pooling!r} has no place under attention={attention!r}, which pools itself.")
    whole = {"vocabulary_size": vocabulary_size, "classes": classes, "layers": layers, "units": units}
    vocabulary_size, classes, layers, units = (positive_int("build_text_model", *item) for item in whole.items())
    dropout = fraction("build_text_model", "dropout", dropout)
    flat = encoder == "mlp" and attention == "none" and not pooling
    if flat and max_length is None:
        raise BadInput("encoder='mlp' looks at fixed positions: give max_length, the number of words it sees.")

    def encode(name="encoder"):
        if encoder == TRANSFORMER:
            return TransformerEncoder(**(transformer or {}), name=name)
        parts = [] if flat else encoder_layers(
            encoder, units, layers=layers, recurrent_dropout=recurrent_dropout,
            filters=filters, kernel_sizes=kernel_sizes,
        )  # fmt: skip
        return SequenceEncoder(parts, name=name)

    with seeded(seed):
        ids = keras.Input((None, None) if attention == "hierarchical" else (None,), dtype="int32", name="ids")
        mask = PaddingMask(name="mask")(ids)
        words = embedding(vocabulary_size, embedding_dim, embedding_matrix, trainable_embedding, shared_vectors)
        states = words(ids)
        if encoder != TRANSFORMER:  # which has its own
            states = keras.layers.Dropout(dropout, name="embedding_dropout")(states)
        if attention == "hierarchical":
            layer = HierarchicalAttention(
                attention_units, encode("word_encoder"), encode("sentence_encoder"), name="attention"
            )
        else:
            states = encode()(states, mask=mask)
            layer = attention_layer(
                attention, attention_units, heads=heads, scoring=scoring, hops=hops, penalty=penalty
            )
        if layer is not None:
            states, *_ = layer(states, mask=mask, return_attention_scores=True)
        if flat:
            states = FixedLengthFlatten(max_length, name="pooling")(states, mask=mask)  # type: ignore[arg-type]
            for number in range(1, layers + 1):
                states = keras.layers.Dense(units, activation="relu", name=f"dense_{number}")(states)
        elif attention in ("none", "self"):
            states = pooling_layer(pooling, encoder, attention)(states, mask=mask)
        elif attention == "structured":
            states = keras.layers.Reshape((layer.hops * states.shape[-1],), name="hops")(states)
        return keras.Model(ids, head(states, classes, dropout), name="text_model")


def build_vector_model(
    dim: int, classes: int, hidden: Numbers = (64,), dropout: float = 0.0, seed: int | None = None
) -> keras.Model:
    """A multi-layer perceptron over fixed vectors such as TF-IDF.

    Args:
        dim: Size of a vector.
        classes: Number of logits.
        hidden: Units of each ReLU layer.
        dropout: Rate after each of them.
        seed: Of the initial weights and of dropout; None draws one.

    Returns:
        ``keras.Model``: float32 (B, dim) to float32 logits (B, classes), no softmax.
    """
    dim, classes = (positive_int("build_vector_model", *item) for item in {"dim": dim, "classes": classes}.items())
    dropout = fraction("build_vector_model", "dropout", dropout)
    with seeded(seed):
        states = vectors = keras.Input((dim,), name="vectors")
        for number, units in enumerate(hidden, 1):
            units = positive_int("build_vector_model", "hidden", units)
            states = keras.layers.Dense(units, activation="relu", name=f"dense_{number}")(states)
            states = keras.layers.Dropout(dropout, name=f"dropout_{number}")(states)
        return keras.Model(vectors, head(states, classes), name="vector_model")


def attention_outputs(model: keras.Model) -> keras.Model:
    """The same model with its attention on show; it shares the weights.

    Args:
        model: From ``build_text_model``, with an attention.

    Returns:
        ``keras.Model`` from ids to [logits (B, C), word weights (B, T)], or, for hierarchical attention, to
        [logits, word weights (B, S, T), sentence weights (B, S)]. One weight a word: of structured attention
        the mean over the hops; of self-attention the share of the word in all new states together, see
        `SelfAttention.contributions`. They sum to 1 (in each sentence, for hierarchical attention); padding has
        exactly 0.

    Raises:
        BadInput: The model has no attention.
    """
    if model in _SHOWN:
        return _SHOWN[model]
    layer = _attention_of(model)
    _, weights, *of_sentences = layer.output
    if isinstance(layer, StructuredSelfAttention):
        weights = ops.mean(weights, axis=1)
    elif isinstance(layer, SelfAttention):
        brought = layer.contributions(keras.tree.flatten(layer.input)[0], weights)
        weights = brought / ops.maximum(ops.sum(brought, axis=1, keepdims=True), keras.config.epsilon())
    shown = keras.Model(model.inputs[0], [*model.outputs, weights, *of_sentences], name="attention_outputs")
    return _SHOWN.setdefault(model, shown)


def attention_weights(model: keras.Model) -> keras.Model:
    """The weights of a model's attention as its layer returns them, nothing averaged; it shares the weights.

    Args:
        model: From ``build_text_model``, with an attention.

    Returns:
        ``keras.Model`` from ids to (B, T), of structured attention (B, hops, T), of self-attention (B, heads, T, T),
        of hierarchical attention (B, S, T), its word weights.

    Raises:
        BadInput: The model has no attention.
    """
    if model not in _OPEN:
        _OPEN[model] = keras.Model(model.inputs[0], _attention_of(model).output[1], name="attention_weights")
    return _OPEN[model]


def _attention_of(model):
    layer = next((layer for layer in model.layers if layer.name == "attention"), None)
    if layer is None:
        raise BadInput("This model has no attention to show: it was built with attention='none'.")
    return layer


def encoder_layers(
    encoder: str, units: int, *, layers: int = 1, recurrent_dropout: float = 0.0, filters: int = 100,
    kernel_sizes: Sequence[int] = (3, 4, 5),
) -> list[keras.Layer]:  # fmt: skip
    """The Keras layers, (B, T, E) to (B, T, D) each, that the name of an encoder stands for."""
    choice("encoder", encoder, ENCODERS)
    if encoder == "none":
        return []
    if encoder in ("mlp", "mlp-average"):
        return [keras.layers.Dense(units, activation="relu") for _ in range(layers)]
    if encoder in ("cnn", "cnn-average"):
        return [MaskedConv1D(filters, kernel_sizes) for _ in range(layers)]
    depth = max(layers, 2) if encoder.startswith("stacked-") else layers
    kind = encoder.removeprefix("stacked-")
    return [recurrent_layer(kind, units, recurrent_dropout) for _ in range(depth)]


def recurrent_layer(kind: str, units: int, recurrent_dropout: float) -> keras.Layer:
    """A recurrent layer that returns all states; "bi" before its kind reads in both directions."""
    arguments = {"recurrent_dropout": fraction("build_text_model", "recurrent_dropout", recurrent_dropout)}
    name = kind.removeprefix("bi")

    def one_way():
        if name == "mlstm":
            return keras.layers.RNN(MultiplicativeLSTMCell(units, **arguments), return_sequences=True)
        return RECURRENT[name](units, return_sequences=True, **arguments)

    return RightPaddedRNN(one_way(), one_way() if kind.startswith("bi") else None)


def attention_layer(
    attention: str, units: int, *, heads: int, scoring: str, hops: int, penalty: float
) -> keras.Layer | None:
    """The layer "attention" over a plain sequence, or None."""
    if attention == "none":
        return None
    return {
        "uniform": lambda: UniformAttention(name="attention"),
        "global": lambda: GlobalAttention(units, name="attention"),
        "self": lambda: SelfAttention(units, heads, scoring, name="attention"),
        "structured": lambda: StructuredSelfAttention(units, hops, penalty, name="attention"),
    }[attention]()


def pooling_layer(pooling: str | None, encoder: str, attention: str) -> keras.Layer:
    """The layer "pooling": the one asked for, or the encoder's own."""
    if pooling is None and encoder == TRANSFORMER and attention == "none":
        pooling = "first"
    if pooling is None:
        averaged = attention == "self" or encoder in ("mlp", "mlp-average", "cnn-average", "none")
        pooling = "mean" if averaged else "max" if encoder == "cnn" else "last"
    if pooling == "last":
        both_ways = attention == "none" and encoder.removeprefix("stacked-").startswith("bi")
        return MaskedLast(bidirectional=both_ways, name="pooling")
    return {"mean": MaskedMean, "max": MaskedMax, "first": FirstState}[pooling](name="pooling")


def embedding(
    vocabulary_size: int, dim: int, matrix: np.ndarray | None, trainable: bool, shared: bool = False
) -> keras.Layer:
    """The layer "embedding", with the rows of ``matrix`` where one is given, ``shared`` vectors above its ids."""
    if matrix is not None:
        matrix = np.asarray(matrix, "float32")
        if matrix.ndim != 2 or len(matrix) != vocabulary_size:
            raise BadInput(
                f"embedding_matrix of shape {matrix.shape} does not fit vocabulary_size={vocabulary_size}: "
                f"it needs one row for each id, ({vocabulary_size}, dimension)."
            )
        dim = matrix.shape[1]
    dim = positive_int("build_text_model", "embedding_dim", dim)
    kind = SharedEmbedding if shared else keras.layers.Embedding
    layer = kind(vocabulary_size, dim, trainable=trainable, name="embedding")
    layer.build((None, None))
    if matrix is not None:
        # Assigned, not an initializer: that would be written out, number by number, into the model's config.
        layer.embeddings.assign(matrix)
    return layer


def head(states: Tensor, classes: int, dropout: float = 0.0) -> Tensor:
    """From a text's vector (B, D) to the layer "logits", float32 under mixed precision too."""
    if dropout:
        states = keras.layers.Dropout(dropout, name="logits_dropout")(states)
    return keras.layers.Dense(classes, dtype="float32", name="logits")(states)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Fix and then restore ``random``, from which Keras seeds initializers and dropout layers."""
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(int(seed))
    try:
        yield
    finally:
        random.setstate(state)
