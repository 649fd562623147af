"""How much faster an epoch of the hierarchical attention network is than the same network through TimeDistributed.

    python benchmarks/hierarchical.py [number of documents]

Made-up documents of 15 sentences of 25 words. Both ways train the same network from the same weights: BiGRU and
attention over the words of each sentence, BiGRU and attention over the sentences. One reshapes the batch to
(documents x sentences, words), the other walks through the sentences with `keras.layers.TimeDistributed`, as is
customary; it sees no padding, so that the mask that TimeDistributed drops is not missed. Epochs alternate, the first
of each is told apart (it compiles), and the fastest of the others counts.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from emorec import training
from emorec.attention import GlobalAttention, HierarchicalAttention

SENTENCES, WORDS, VOCABULARY, DIM, UNITS = 15, 25, 2000, 50, 32


def bigru():
    return keras.layers.Bidirectional(keras.layers.GRU(UNITS, return_sequences=True))


def reshaped():
    """The layer of this package."""
    ids = keras.Input((SENTENCES, WORDS), dtype="int32")
    words = keras.layers.Embedding(VOCABULARY, DIM)(ids)
    return keras.Model(ids, keras.layers.Dense(2)(HierarchicalAttention(UNITS, bigru(), bigru())(words)))


def time_distributed():
    """The same network, one sentence after the other."""
    sentence = keras.Input((WORDS, DIM))
    encoder = keras.Model(sentence, GlobalAttention(UNITS)(bigru()(sentence)))
    ids = keras.Input((SENTENCES, WORDS), dtype="int32")
    words = keras.layers.Embedding(VOCABULARY, DIM)(ids)
    document = GlobalAttention(UNITS)(bigru()(keras.layers.TimeDistributed(encoder)(words)))
    return keras.Model(ids, keras.layers.Dense(2)(document))


def documents(n, seed=0):
    """Ids (n, 15, 25) and one-hot classes; each document holds 1 or 2 somewhere, which is its class."""
    rng = np.random.default_rng(seed)
    ids, labels = rng.integers(3, VOCABULARY, (n, SENTENCES, WORDS)), rng.integers(0, 2, n)
    ids[np.arange(n), rng.integers(0, SENTENCES, n), rng.integers(0, WORDS, n)] = 1 + labels
    return ids.astype("int32"), training.one_hot(labels, 2)


def same_weights(ours, theirs):
    """Gives both networks equal weights, and makes sure that they compute the same."""
    words, layer, logits = ours.layers[1:]
    parts = [words, layer.word_encoder, layer.word_attention, layer.sentence_encoder, layer.sentence_attention, logits]
    theirs.set_weights([weight for part in parts for weight in part.get_weights()])
    few = documents(4)[0]
    gap = np.abs(np.asarray(ours.predict_on_batch(few)) - np.asarray(theirs.predict_on_batch(few))).max()
    assert gap < 1e-4, f"the networks differ by {gap}"


def main(n=256, batch_size=32, epochs=3):
    keras.utils.set_random_seed(0)
    models = {"reshaped": reshaped(), "TimeDistributed": time_distributed()}
    same_weights(*models.values())
    ids, y = documents(n)
    for model in models.values():
        training.compile_model(
            model, steps=1, learning_rate=1e-3, schedule="constant", weight_decay=0, label_smoothing=0,
            multi_label=False,
        )  # fmt: skip
    seconds = {name: [] for name in models}
    for _ in range(epochs + 1):
        for name, model in models.items():
            started = time.process_time(), time.perf_counter()
            model.fit(ids, y, batch_size=batch_size, shuffle=False, verbose=0)
            seconds[name].append((time.process_time() - started[0], time.perf_counter() - started[1]))
    print(f"{n} documents of {SENTENCES} x {WORDS} words, {keras.backend.backend()}")
    for kind, which in (("CPU", 0), ("elapsed", 1)):
        first = {name: found[0][which] for name, found in seconds.items()}
        later = {name: min(s[which] for s in found[1:]) for name, found in seconds.items()}
        for epoch, found in (("first", first), ("later", later)):
            ours, theirs = found["reshaped"], found["TimeDistributed"]
            print(f"{epoch} epoch, {kind} seconds: {ours:.2f} against {theirs:.2f}: {theirs / ours:.1f} times as fast")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
