"""How time and memory of training and scoring grow: log-log curves and the exponents of their upper halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np

import emorec
from benchmarks.measure import exponent, held_memory, peak_memory
from emorec import training
from emorec.attention import SelfAttention
from emorec.text.models import build_text_model

LEAST = 8  # MB: less is the allocator's doing


def curve(
    name: str, of: str, xs: Sequence[float], work: Callable[[float], Callable], repeats: int, most: float
) -> dict:
    """Cost at each x: the least seconds of some repetitions, and the MB at the peak of preparing and of a first time.

    Args:
        name: Of the curve. of: What x counts.
        xs: Rising.
        work: A function from x to the work itself, a function; what is prepared outside of that takes no time.
        repeats: Of each x; one more comes before them, in which code is traced.
        most: Largest exponent that is allowed: 1 for linear, 2 for self-attention.
    """
    seconds, memory, works = [], [], [work(xs[0])]
    works[0]()  # libraries are loaded
    works.clear()
    before = held_memory()  # before all of them: what one x leaves behind serves the next
    for x in xs:
        works.clear()

        def first(x=x):
            works.append(work(x))
            works[0]()

        memory.append(peak_memory(first, before)[1])
        seconds.append(min(peak_memory(works[0], before)[0] for _ in range(repeats)))
    return {
        "name": name, "of": of, "x": list(map(float, xs)), "seconds": [round(s, 5) for s in seconds],
        "mb": [round(mb, 1) for mb in memory], "exponent": round(exponent(xs, seconds), 3),
        "memory_exponent": round(exponent(xs, np.maximum(memory, LEAST)), 3), "most": most,
    }  # fmt: skip


def _text_model(vocabulary=5000, **options):
    model = build_text_model(
        vocabulary_size=vocabulary, classes=2, encoder="bigru", embedding_dim=50, units=32, attention_units=32, seed=0,
        **options,
    )  # fmt: skip
    training.compile_model(model, learning_rate=1e-3, schedule="constant")
    return model


def _batch(n, words, vocabulary=5000):
    rng = np.random.default_rng(0)
    ids = rng.integers(3, vocabulary, (n, int(words))).astype("int32")
    return ids, training.one_hot(rng.integers(0, 2, n), 2)


def square(repeats: int = 3) -> Iterator[dict]:
    """Words of a text: self-attention, the one exception. First, as memory that others left would serve it."""
    states = keras.Input((None, 32))
    attention = keras.Model(states, SelfAttention(32, heads=2)(states))

    def look(count):
        values = np.random.default_rng(0).normal(size=(4, int(count), 32)).astype("float32")
        return lambda: attention.predict_on_batch(values)

    yield curve("scoring: self-attention alone", "words of a text", (256, 512, 1024, 2048, 4096), look, repeats, 2.0)


def length(repeats: int = 3) -> Iterator[dict]:
    """Words of a text: a network with global attention."""
    words = (64, 128, 256, 512, 1024)
    model = _text_model()

    def train(count):
        ids, y = _batch(16, count)
        return lambda: model.train_on_batch(ids, y)

    def score(count):
        ids, _ = _batch(32, count)
        return lambda: training.predict(model, ids)

    yield curve("training: BiGRU + global attention", "words of a text", words, train, repeats, 1.0)
    yield curve("scoring: BiGRU + global attention", "words of a text", words, score, repeats, 1.0)


def vocabulary(repeats: int = 3) -> Iterator[dict]:
    """Words of the vocabulary: Adam moves every row of the vectors at every step, scoring looks a few up."""
    sizes = (8_000, 32_000, 128_000, 512_000)

    def train(count):
        model, (ids, y) = _text_model(int(count)), _batch(32, 32)
        return lambda: [model.train_on_batch(ids, y) for _ in range(3)]

    def score(count):
        model, (ids, _) = _text_model(int(count)), _batch(256, 32)
        return lambda: training.predict(model, ids)

    yield curve("training: a step, vectors trained", "words of the vocabulary", sizes, train, repeats, 1.0)
    yield curve("scoring: 256 texts", "words of the vocabulary", sizes, score, repeats, 1.0)


def examples(repeats: int = 2) -> Iterator[dict]:
    """Examples: an epoch of training, and scoring texts with a model that comes along."""
    model, small = _text_model(), emorec.load("text-emotion-small")
    data = emorec.datasets.load("sample-sentences").train.inputs

    def train(count):
        ids, y = _batch(int(count), 24)
        return lambda: model.fit(ids, y, batch_size=64, verbose=0)

    def score(count):
        texts = [data[i % len(data)] for i in range(int(count))]
        return lambda: small.predict_proba(texts)

    yield curve("training: an epoch", "examples", (500, 1000, 2000, 4000), train, repeats, 1.0)
    yield curve("scoring: text-emotion-small", "examples", (1000, 2000, 4000, 8000, 16000), score, repeats, 1.0)


def faces(repeats: int = 2) -> Iterator[dict]:
    """Faces in a picture of one size: found and classified."""
    from benchmarks.faces import scene

    model = emorec.load("face-emotion")

    def read(count):
        picture = scene(int(count), edge=88, width=768, height=576)
        return lambda: model.predict_faces(picture)

    yield curve("reading: faces of a picture", "faces in a picture", (1, 2, 4, 8, 16), read, repeats, 1.0)


def sound(repeats: int = 2) -> Iterator[dict]:
    """Seconds of speech through the voice model."""
    from benchmarks.voice import speech

    model = emorec.load("voice-emotion")

    def read(count):
        heard = speech(count)
        return lambda: model.predict_proba([heard])

    yield curve("scoring: voice-emotion", "seconds of sound", (2, 4, 8, 16, 32), read, repeats, 1.0)


BENCHMARKS = (square, length, vocabulary, examples, faces, sound)
