"""Attention layers against Keras' own, against the layers that users write, and against no attention at all."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from benchmarks.measure import Row, costs, interleaved, spread, times_as_fast
from emorec import training
from emorec.attention import GlobalAttention, HierarchicalAttention, SelfAttention, StructuredSelfAttention
from emorec.text.buckets import BucketedIds
from emorec.text.models import build_text_model

CLASSES, BATCH, WORDS, VOCABULARY = 2, 64, 40, 5000
CONSTANT = {"learning_rate": 1e-3, "schedule": "constant"}


class NaiveAttention(keras.layers.Layer):
    """Additive attention as it is written in a first notebook: repeated weights, a product, a sum, a large minus."""

    def __init__(self, units):
        super().__init__()
        self.supports_masking = True
        self.hidden, self.score = keras.layers.Dense(units, activation="tanh"), keras.layers.Dense(1)

    def call(self, states, mask=None):
        scores = self.score(self.hidden(states))
        if mask is not None:
            scores += (1.0 - ops.cast(mask, "float32")[..., None]) * -1e9
        weights = ops.softmax(scores, axis=1)
        return ops.sum(states * ops.repeat(weights, states.shape[-1], axis=-1), axis=1)

    def compute_mask(self, states, mask=None):
        return None


class NaiveStructured(keras.layers.Layer):
    """The same for several hops: one sum of products for each."""

    def __init__(self, units, hops):
        super().__init__()
        self.supports_masking = True
        self.hops = [NaiveAttention(units) for _ in range(hops)]

    def call(self, states, mask=None):
        return ops.stack([hop(states, mask=mask) for hop in self.hops], axis=1)

    def compute_mask(self, states, mask=None):
        return None


def _texts(n, words=WORDS, seed=0):
    """Right-padded ids (n, words), of 5 to ``words`` words, and one-hot classes."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(3, VOCABULARY, (n, words)).astype("int32")
    ids[np.arange(words) >= rng.integers(5, words + 1, n)[:, None]] = 0
    return ids, training.one_hot(rng.integers(0, CLASSES, n), CLASSES)


def _model(pooling, units=64):
    """Embedding, BiLSTM, something on top, and the classes."""
    ids = keras.Input((None,), dtype="int32")
    states = keras.layers.Embedding(VOCABULARY, 100, mask_zero=True)(ids)
    states = keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))(states)
    model = keras.Model(ids, keras.layers.Dense(CLASSES)(pooling(states)))
    training.compile_model(model, **CONSTANT)
    return model


def _steps(models, repeats, batches=10):
    """Seconds of some training steps of each model."""
    ids, y = _texts(BATCH)

    def train(model):
        for _ in range(batches):
            model.train_on_batch(ids, y)

    return interleaved({name: lambda model=model: train(model) for name, model in models.items()}, repeats)


def pooling(repeats: int = 21) -> Iterator[Row]:
    """Global attention in a training step of a BiLSTM, against the mean of the states and against the naive layer."""
    keras.utils.set_random_seed(0)
    seconds = _steps(
        {
            "emorec": _model(GlobalAttention(64)),
            "mean pooling": _model(keras.layers.GlobalAveragePooling1D()),
            "naive layer": _model(NaiveAttention(64)),
        },
        repeats,
    )
    extra = 100 * (seconds["emorec"] / seconds["mean pooling"] - 1)
    what = f"a training step of a BiLSTM ({BATCH} texts of up to {WORDS} words)"
    yield Row(
        "global-attention", f"GlobalAttention in {what}: what it adds", "mean pooling", "%", **spread(extra),
        target=8, least=False, costs=costs(seconds, 1 / 10),
    )  # fmt: skip
    del seconds["mean pooling"]
    yield times_as_fast(
        "global-attention-naive", f"GlobalAttention in {what}", "a layer of Dense, softmax and sum", seconds,
        share=1 / 10,
    )  # fmt: skip


def layers(repeats: int = 7) -> Iterator[Row]:
    """SelfAttention against Keras' MultiHeadAttention, StructuredSelfAttention against one hop after the other."""
    keras.utils.set_random_seed(0)
    states = keras.random.normal((32, 64, 128), seed=0)
    flags = np.arange(64) < np.random.default_rng(0).integers(10, 65, 32)[:, None]
    pairs = flags[:, :, None] & flags[:, None, :]

    def step(layer, **arguments):
        import tensorflow as tf

        @tf.function(autograph=False)
        def once():
            with tf.GradientTape() as tape:
                loss = ops.mean(ops.square(layer(**arguments)))
            return tape.gradient(loss, layer.trainable_variables)

        def many():
            for _ in range(10):
                once()

        return many

    own, theirs = SelfAttention(128, heads=4), keras.layers.MultiHeadAttention(4, 32)
    own(states, mask=flags), theirs(states, states, attention_mask=pairs)
    yield times_as_fast(
        "self-attention", "SelfAttention, 4 heads, forward and back (32 texts of 64 words)",
        "keras.layers.MultiHeadAttention",
        interleaved({"emorec": step(own, states=states, mask=flags),
                     "keras": step(theirs, query=states, value=states, attention_mask=pairs)}, repeats),
        share=0.1,
    )  # fmt: skip
    own, theirs = StructuredSelfAttention(64, hops=4), NaiveStructured(64, 4)
    own(states, mask=flags), theirs(states, mask=flags)
    yield times_as_fast(
        "structured-attention", "StructuredSelfAttention, 4 hops, forward and back", "four naive layers, stacked",
        interleaved({"emorec": step(own, states=states, mask=flags),
                     "naive": step(theirs, states=states, mask=flags)}, repeats),
        share=0.1,
    )  # fmt: skip


# Documents of sentences

SENTENCES, SENTENCE, DIM, UNITS = 15, 25, 50, 32


def _bigru():
    return keras.layers.Bidirectional(keras.layers.GRU(UNITS, return_sequences=True))


def _reshaped():
    """The layer of this package."""
    ids = keras.Input((SENTENCES, SENTENCE), dtype="int32")
    words = keras.layers.Embedding(VOCABULARY, DIM)(ids)
    return keras.Model(ids, keras.layers.Dense(CLASSES)(HierarchicalAttention(UNITS, _bigru(), _bigru())(words)))


def _time_distributed():
    """The same network, one sentence after the other, as is customary."""
    sentence = keras.Input((SENTENCE, DIM))
    encoder = keras.Model(sentence, GlobalAttention(UNITS)(_bigru()(sentence)))
    ids = keras.Input((SENTENCES, SENTENCE), dtype="int32")
    words = keras.layers.Embedding(VOCABULARY, DIM)(ids)
    document = GlobalAttention(UNITS)(_bigru()(keras.layers.TimeDistributed(encoder)(words)))
    return keras.Model(ids, keras.layers.Dense(CLASSES)(document))


def _same_weights(ours, theirs, few):
    """Gives both networks equal weights, and makes sure that they compute the same."""
    words, layer, logits = ours.layers[1:]
    parts = [words, layer.word_encoder, layer.word_attention, layer.sentence_encoder, layer.sentence_attention, logits]
    theirs.set_weights([weight for part in parts for weight in part.get_weights()])
    gap = np.abs(np.asarray(ours.predict_on_batch(few)) - np.asarray(theirs.predict_on_batch(few))).max()
    if gap > 1e-4:
        raise AssertionError(f"the networks differ by {gap}")


def hierarchical(repeats: int = 5) -> Iterator[Row]:
    """An epoch of the hierarchical attention network, against the same network through TimeDistributed.

    Of 16 steps: what `model.fit` does once an epoch costs as much as two of them, on both sides.
    """
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    ids = rng.integers(3, VOCABULARY, (512, SENTENCES, SENTENCE)).astype("int32")
    y = training.one_hot(rng.integers(0, CLASSES, len(ids)), CLASSES)
    models = {"emorec": _reshaped(), "TimeDistributed": _time_distributed()}
    _same_weights(*models.values(), ids[:4])
    for model in models.values():
        training.compile_model(model, **CONSTANT)
    ways = {
        name: lambda model=model: model.fit(ids, y, batch_size=32, shuffle=False, verbose=0)
        for name, model in models.items()
    }
    yield times_as_fast(
        "hierarchical", f"an epoch of HierarchicalAttention ({len(ids)} documents of {SENTENCES} x {SENTENCE} words)",
        "the same network through keras.layers.TimeDistributed", interleaved(ways, repeats), target=2.5,
    )  # fmt: skip


def buckets(repeats: int = 5) -> Iterator[Row]:
    """An epoch of texts as long as film reviews in length buckets, against batches padded to the longest."""
    rng, n, limit = np.random.default_rng(0), 512, 400
    lengths = np.clip(rng.lognormal(np.log(180), 0.6, n), 10, limit).astype(int)
    ids = rng.integers(3, VOCABULARY, (n, limit)).astype("int32")
    ids[np.arange(limit) >= lengths[:, None]] = 0
    y = training.one_hot(rng.integers(0, CLASSES, n), CLASSES)
    bucketed, epochs = BucketedIds(ids), iter(range(100))
    models = {}
    for name in ("emorec", "padded"):
        models[name] = build_text_model(
            vocabulary_size=VOCABULARY, classes=CLASSES, encoder="bigru", embedding_dim=50, units=32,
            attention_units=32, seed=0,
        )  # fmt: skip
        training.compile_model(models[name], **CONSTANT)
    ways = {
        "emorec": lambda: bucketed.train(models["emorec"], y, None, 32, np.random.default_rng(next(epochs))),
        "padded": lambda: models["padded"].fit(ids, y, batch_size=32, verbose=0),
    }
    yield times_as_fast(
        "buckets", f"an epoch in length buckets ({n} texts as long as film reviews)", "batches padded to the longest",
        interleaved(ways, repeats), target=1.6,
    )  # fmt: skip


BENCHMARKS = (pooling, layers, hierarchical, buckets)
