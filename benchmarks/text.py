"""Texts: one sentence, many sentences, and the word vectors that a vocabulary needs of a large file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import emorec
from benchmarks.measure import Row, at_most, costs, in_child, interleaved, spread, times_as_fast
from emorec import datasets

SENTENCE = "I can't believe how beautifully this day began, and how it ended."


def one_sentence(repeats: int = 9) -> Iterator[Row]:
    """One sentence through a loaded model, in a loop as a user types them."""
    small, large = emorec.load("text-emotion-small"), emorec.load("text-emotion")

    def times(call, n):
        def many():
            for _ in range(n):
                call()

        return many

    def keras_predict():
        encoded = small.read([SENTENCE])
        small.model_.predict(encoded.inputs(small.encoding_.limits), verbose=0)

    ways = {
        "emorec": times(lambda: small.predict_proba([SENTENCE]), 10),
        "model.predict": times(keras_predict, 10),
        "text-emotion": times(lambda: large.predict_proba([SENTENCE]), 10),
    }
    seconds = interleaved(ways, repeats)
    transformer = seconds.pop("text-emotion")
    yield times_as_fast(
        "one-sentence", "one sentence, predict_proba of text-emotion-small", "model.predict on the same ids", seconds,
        target=10, share=0.1,
    )  # fmt: skip
    yield at_most("small", "one sentence through text-emotion-small", 100 * seconds["emorec"], "ms", target=5)
    yield at_most("transformer", "one sentence through text-emotion, a transformer", 100 * transformer, "ms", target=25)
    ratio = transformer / seconds["emorec"]
    yield Row(
        "transformer-small", "one sentence through text-emotion: times the cost of text-emotion-small", "", "x",
        **spread(ratio), least=False, costs=costs({"text-emotion": transformer, "small": seconds["emorec"]}, 0.1),
    )  # fmt: skip


def many_sentences(repeats: int = 5, n: int = 100_000, alone: int = 200) -> Iterator[Row]:
    """100,000 sentences at once, in as many parts as turns, against a loop over sentences."""
    data = datasets.load("sample-sentences")
    texts = [*data.train.inputs, *data.validation.inputs, *data.test.inputs]
    texts = [texts[i % len(texts)] for i in range(n)]
    model, part = emorec.load("text-emotion-small"), n // repeats
    starts = iter(range(0, n, part))

    def at_once():
        start = next(starts)
        model.predict_proba(texts[start : start + part])

    def one_by_one():
        for text in texts[:alone]:
            model.predict_proba([text])

    one_by_one()
    seconds = interleaved({"emorec": at_once, "loop": one_by_one}, repeats, warm=0)
    each = {"emorec": seconds["emorec"] / part, "loop": seconds["loop"] / alone}
    row = times_as_fast(
        "many-sentences", f"{n:,} sentences, predict_proba of text-emotion-small",
        "a loop over sentences, itself without model.predict", each, target=3,
    )  # fmt: skip
    yield row
    yield Row("sentences-a-second", f"sentences a second, of {n:,}", "", "a second", **spread(1 / each["emorec"]))


# Word vectors

COUNT, NEEDED, WIDTH = 300_000, 8_000, 300

_OURS = """
import sys
from emorec.text.vectors import read_vectors
from benchmarks.measure import peak_memory
words = {f"word{i}" for i in range(0, 300_000, 300_000 // 8_000)}
print(*peak_memory(lambda: read_vectors(sys.argv[1], words)))
"""
_GENSIM = """
import sys
from gensim.models import KeyedVectors
from benchmarks.measure import peak_memory
words = [f"word{i}" for i in range(0, 300_000, 300_000 // 8_000)]
def rows():
    vectors = KeyedVectors.load_word2vec_format(sys.argv[1], binary=True)
    return {word: vectors[word] for word in words}
print(*peak_memory(rows))
"""


def _vector_file(path):
    """A word2vec file of made-up words and vectors."""
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        file.write(f"{COUNT} {WIDTH}\n".encode())
        for start in range(0, COUNT, 10_000):
            rows = rng.normal(size=(10_000, WIDTH)).astype("float32")
            file.write(b"".join(b"word%d " % (start + i) + row.tobytes() + b"\n" for i, row in enumerate(rows)))


def vectors(repeats: int = 3) -> Iterator[Row]:
    """The rows that a vocabulary needs of a file of 300,000 vectors, against loading the file with gensim."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors.bin"
        _vector_file(file)
        measured = {"emorec": [], "gensim": []}
        for _ in range(repeats):
            for name, code in (("emorec", _OURS), ("gensim", _GENSIM)):
                measured[name].append(in_child(code, str(file)))
    seconds = {name: np.array([s for s, _ in rows]) for name, rows in measured.items()}
    memory = {name: np.array([mb for _, mb in rows]) for name, rows in measured.items()}
    what = f"{NEEDED:,} of {COUNT:,} word vectors, {WIDTH} numbers each, read from a word2vec file"
    yield times_as_fast("vectors", what, "gensim's KeyedVectors", seconds, target=5)
    yield Row(
        "vectors-memory", f"{what}: memory at the peak", "gensim's KeyedVectors", "x",
        **spread(memory["gensim"] / memory["emorec"]), target=10,
        costs={name: f"{np.median(mb):.3g} MB" for name, mb in memory.items()},
    )  # fmt: skip


BENCHMARKS = (one_sentence, many_sentences, vectors)
