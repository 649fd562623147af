"""Utterances: a sound, who speaks it, and what was measured of it, measured once."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.notices import notice
from emorec.voice import activity, features, statistics
from emorec.voice.sound import RATE, Sound, SoundNotice, as_sound, check_sounds, resample

LOUD = -20.0  # dB of full scale: where the 95th percentile of a levelled sound lies
POOLED = 3  # frames of 10 ms that a network sees as one
COLUMNS = features.BANDS + 4  # of `Utterance.sequence`


class Utterance:
    """A sound and its speaker; what is measured is kept, so that ten folds of one dataset measure it once.

    Args:
        source: Any sound that `emorec.voice.as_sound` reads; it is read when first needed.
        speaker: Name of who speaks, or None where nobody knows.

    Example:
        >>> Utterance((np.zeros(16000, "float32"), 16000), "anna").statistics().shape
        (196,)
    """

    def __init__(self, source: object, speaker: str | None = None) -> None:
        self.source, self.speaker = source, None if speaker is None else str(speaker)
        self._measured = {}

    def __repr__(self):
        return f"<utterance {self.source!r} of {self.speaker or 'an unknown speaker'}>"

    @cached_property
    def sound(self) -> Sound:
        """The sound at 16 kHz."""
        return as_sound(self.source, notices=False)

    def statistics(self, speed: float = 1.0, levelled: bool = False) -> np.ndarray:
        """`emorec.voice.statistics.utterance` of the sound played at that speed, float32 (D,).

        With ``levelled`` the sound is brought to the same loudness first, whatever the microphone made of it.
        """
        return self._once("statistics", speed, levelled, statistics.utterance)

    def sequence(self, speed: float = 1.0, levelled: bool = False) -> np.ndarray:
        """What a network sees of the sound played at that speed, from the first to the last speech, 30 ms a row.

        Returns:
            float32 (T, 44): 40 mel bands (dB), pitch (semitones above 100 Hz, NaN where nothing is voiced),
            periodicity, voiced share, level (dB).
        """
        return self._once("sequence", speed, levelled, _sequence)

    def _once(self, kind, speed, levelled, measure):
        key = kind, round(float(speed), 4), bool(levelled)
        if key not in self._measured:
            samples = self.sound.samples
            if speed != 1:
                samples = resample(samples, round(RATE * speed), RATE)
            self._measured[key] = measure(features.frames(to_level(samples) if levelled else samples))
        return self._measured[key]


def to_level(samples: np.ndarray) -> np.ndarray:
    """Samples (N,) times what brings the 95th percentile of their level to -20 dB of full scale; silence stays."""
    loud = float(np.percentile(features.level(samples), 95))
    return samples if loud < -90 else (samples * 10 ** ((LOUD - loud) / 20)).astype("float32")


def _sequence(track):
    where = activity.span(activity.speech_frames(track.level))
    height = np.where(track.voiced, features.semitones(np.maximum(track.pitch, 20)), np.nan)
    columns = [track.spectrum, height[:, None], track.periodicity[:, None], track.voiced[:, None], track.level[:, None]]
    rows = np.concatenate(columns, axis=1)[where]
    rows = np.pad(rows, ((0, -len(rows) % POOLED), (0, 0)), mode="edge").reshape(-1, POOLED, COLUMNS)
    voiced = np.isfinite(rows)
    sums, counts = np.where(voiced, rows, 0).sum(axis=1), voiced.sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype("float32")


def spoken(inputs: object, speakers: object = None) -> list[Utterance]:
    """Sounds and their speakers as utterances; utterances stay what they are, unless a speaker is named.

    Args:
        inputs: N sounds, see `emorec.voice.check_sounds`, or utterances.
        speakers: N names, or None.

    Raises:
        BadInput: Other numbers of sounds and speakers, or what is no sound.
    """
    if isinstance(inputs, Utterance):
        inputs = [inputs]
    if isinstance(inputs, (list, tuple, np.ndarray)) and len(inputs) and all(isinstance(u, Utterance) for u in inputs):
        utterances = list(inputs)
    else:
        utterances = [Utterance(sound) for sound in check_sounds(inputs)]
    if speakers is None:
        return utterances
    speakers = [speakers] if isinstance(speakers, str) else list(speakers)  # type: ignore[call-overload]
    if len(speakers) != len(utterances):
        raise BadInput(f"{len(utterances)} sounds, but {len(speakers)} speakers: name one for each sound.")
    for utterance, speaker in zip(utterances, speakers):
        utterance.speaker = None if speaker is None else str(speaker)
    return utterances


def read(utterances: list[Utterance]) -> None:
    """Reads all sounds, so that errors name their position, and warns once of those that are doubtful.

    Raises:
        BadInput, DataCorrupt, DataMissing: See `emorec.voice.as_sound`.
    """
    doubts, first = Counter(), {}
    for position, utterance in enumerate(utterances):
        try:
            sound = utterance.sound
        except (BadInput, DataCorrupt) as error:
            where = f"Sound {position}: " if len(utterances) > 1 else ""
            raise type(error)(f"{where}{error}") from error
        except DataMissing as error:
            error.what = f"{error.what} (number {position} of {len(utterances)})" if len(utterances) > 1 else error.what
            raise
        doubts.update(sound.doubts)
        first |= {doubt: sound.name for doubt in sound.doubts if doubt not in first}
    for doubt, count in doubts.items():
        several = f"{count} of {len(utterances)} sounds, the first being {first[doubt]!r}, are"
        which = f"The sound {first[doubt]!r} is" if count == 1 else several
        notice(f"{which} {doubt}.", SoundNotice)
