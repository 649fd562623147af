"""How much faster an epoch is with length buckets than with plain batches: a ratio, from one run.

    python benchmarks/bucketing.py [number of texts]

Made-up texts whose lengths are spread like those of film reviews on IMDb (median 180 words, cut at 400). Both ways
train the same BiGRU with global attention from the same weights; epochs alternate, the first of each is left out
(it compiles), and the fastest counts.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from emorec import training
from emorec.text.buckets import BucketedIds
from emorec.text.models import build_text_model


def texts(n, words=2000, limit=400, seed=0):
    """Right-padded ids (n, limit) and one-hot classes; each text holds 1 or 2, which is its class."""
    rng = np.random.default_rng(seed)
    ids, labels = np.zeros((n, limit), dtype="int32"), rng.integers(0, 2, n)
    for row, label in zip(ids, labels):
        length = int(np.clip(rng.lognormal(np.log(180), 0.6), 10, limit))
        row[:length] = rng.integers(3, words, length)
        row[rng.integers(0, length, 1 + length // 100)] = 1 + label
    return ids, training.one_hot(labels, 2)


def main(n=1024, batch_size=32, epochs=3):
    ids, y = texts(n)
    ways = {"plain": ids, "buckets": BucketedIds(ids)}
    models = {}
    for name in ways:
        models[name] = build_text_model(
            vocabulary_size=2000, classes=2, encoder="bigru", embedding_dim=50, units=32, attention_units=32, seed=0
        )
        training.compile_model(
            models[name], steps=1, learning_rate=1e-3, schedule="constant", weight_decay=0, label_smoothing=0,
            multi_label=False,
        )  # fmt: skip
    seconds, losses = {name: [] for name in ways}, {}
    for epoch in range(epochs + 1):
        for name, x in ways.items():
            rng, started = np.random.default_rng(epoch), time.perf_counter()
            if name == "plain":
                order = rng.permutation(n)
                log = models[name].fit(x[order], y[order], batch_size=batch_size, shuffle=False, verbose=0)
                losses[name] = log.history["loss"][-1]
            else:
                losses[name] = x.train(models[name], y, None, batch_size, rng)
            seconds[name].append(time.perf_counter() - started)
    plain, buckets = (min(seconds[name][1:]) for name in ways)
    steps = sum(ways["buckets"].pad(b).size for b in ways["buckets"].batches(batch_size, np.random.default_rng(0)))
    print(f"{n} texts, {keras.backend.backend()}: padded steps {ids.size:,} against {steps:,} in buckets")
    print(f"real words {np.count_nonzero(ids):,}; loss after {epochs + 1} epochs:", losses)
    print(f"an epoch takes {buckets / plain:.2f} of the time of plain batches ({buckets:.2f} s / {plain:.2f} s)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
