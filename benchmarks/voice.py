"""Sound: a second of speech through the voice model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import emorec
from benchmarks.measure import Row, at_most, interleaved
from emorec.voice.sound import Sound
from emorec.voice.synthesis import voice


def speech(seconds: float) -> Sound:
    """Synthesised speech, repeated until it is so long."""
    sound, _ = voice("happiness", 0)
    samples = np.resize(sound.samples, int(seconds * sound.rate))
    return Sound(samples, sound.rate)


def second(repeats: int = 7, length: int = 4) -> Iterator[Row]:
    """A second of speech, of utterances of four seconds."""
    model, sound = emorec.load("voice-emotion"), speech(length)
    seconds = interleaved({"voice": lambda: model.predict_proba([sound])}, repeats)["voice"]
    yield at_most("voice", f"a second of speech through voice-emotion (of {length})", 1e3 * seconds / length, "ms")


BENCHMARKS = (second,)
