"""One vector for an utterance: means, spreads and shapes of what `emorec.voice.features` measures frame by frame.

Every number has a name (`names`), so that a linear model on them can be read.
"""

from functools import lru_cache

import numpy as np

from emorec.voice import activity, features
from emorec.voice.features import Frames

CEPSTRA = 16
SHARES = (5, 25, 50, 75, 95)  # percentiles
# Edges in Hz of the bands of modulation: how fast loudness changes, around the 4 to 5 syllables of a second.
MODULATION = ((1, 2.5), (2.5, 4), (4, 6), (6, 9), (9, 13), (13, 20), (20, 35))
OCTAVES = 8  # groups of five mel bands whose modulation is measured


def utterance(track: Frames) -> np.ndarray:
    """The statistics of one utterance.

    Args:
        track: Of `emorec.voice.features.frames`.

    Returns:
        float32 (196,), in the order of `names`; finite for every sound, silence included.

    Example:
        >>> sound = 0.1 * np.sin(2 * np.pi * 150 * np.arange(16000) / 16000)
        >>> round(float(utterance(features.frames(sound))[names().index("pitch mean (semitones)")]), 1)
        7.0
    """
    return np.array([value for _, value in _numbers(track)], dtype="float32")


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """What each of the numbers of `utterance` is, with its unit."""
    return tuple(name for name, _ in _numbers(features.frames(np.zeros(8000, "float32"))))


def _numbers(track):
    """Pairs (name, value)."""
    speech = activity.speech_frames(track.level)
    if speech.sum() < 10:
        speech = np.ones(len(track), dtype=bool)
    voiced = track.voiced & speech
    if voiced.sum() < 5:
        voiced = speech
    yield from _cepstra(track, speech, voiced)
    yield from _pitch(track, voiced)
    yield from _loudness(track, speech)
    yield from _voice(track, speech, voiced)
    yield from _rhythm(track, speech, voiced)
    yield from _spectrum(track, voiced)
    yield from _modulation(track, activity.span(speech))


def _cepstra(track, speech, voiced):
    """Timbre: MFCC in speech and in voiced frames, their slopes and the slopes of these."""
    still = features.cepstrum(track.spectrum, CEPSTRA)
    first = features.deltas(still)
    rows = {"mfcc": still[speech], "mfcc voiced": still[voiced]}
    rows |= {"mfcc slope": first[speech], "mfcc curvature": features.deltas(first)[speech]}
    for kind, values in rows.items():
        for which, of in (("mean", values.mean(axis=0)), ("spread", values.std(axis=0))):
            if which == "mean" and kind in ("mfcc slope", "mfcc curvature"):
                continue  # it is where the utterance ends less where it begins: nothing about the voice
            yield from ((f"{kind} {k} {which} (dB)", value) for k, value in enumerate(of))


def _pitch(track, voiced):
    height = features.semitones(track.pitch)
    heights, where = height[voiced], np.flatnonzero(voiced)
    shares = np.percentile(heights, SHARES)
    steps = np.diff(height)[voiced[1:] & voiced[:-1]]
    steps = steps if len(steps) else np.zeros(1)
    seconds = (where - where.mean()) * features.HOP / features.RATE
    slope = (seconds @ heights) / max(seconds @ seconds, 1e-9)
    yield "pitch mean (semitones)", heights.mean()
    yield "pitch spread (semitones)", heights.std()
    yield from ((f"pitch percentile {share} (semitones)", value) for share, value in zip(SHARES, shares))
    yield "pitch range, 5 to 95 % (semitones)", shares[4] - shares[0]
    yield "pitch range, 25 to 75 % (semitones)", shares[3] - shares[1]
    around = heights - heights.mean() - slope * seconds
    yield "pitch slope (semitones a second)", slope
    yield "pitch spread around its slope (octaves of semitones)", np.log2(max(around.std(), 0.05))
    yield "pitch step, mean size (semitones a frame)", np.abs(steps).mean()
    yield "pitch step, 90th percentile (semitones a frame)", np.percentile(np.abs(steps), 90)
    yield "pitch step, mean (semitones a frame)", steps.mean()
    yield "pitch step, spread (semitones a frame)", steps.std()


def _loudness(track, speech):
    level, step = track.level[speech], np.diff(track.level[activity.span(speech)])
    step = step if len(step) else np.zeros(1)
    shares = np.percentile(level, SHARES)
    yield "level mean (dB)", level.mean()
    yield "level spread (dB)", level.std()
    yield from ((f"level percentile {s} above the 5th (dB)", v - shares[0]) for s, v in zip(SHARES[1:], shares[1:]))
    yield "level step, mean size (dB a frame)", np.abs(step).mean()
    yield "level step, spread (dB a frame)", step.std()
    yield "level step, largest (dB a frame)", step.max()
    yield "level step, smallest (dB a frame)", step.min()


def _voice(track, speech, voiced):
    for kind, rows in (("speech", speech), ("voiced frames", voiced)):
        yield f"periodicity mean in {kind}", track.periodicity[rows].mean()
        yield f"periodicity spread in {kind}", track.periodicity[rows].std()


def _rhythm(track, speech, voiced):
    step = features.HOP / features.RATE
    where = activity.span(speech)
    whole = max((where.stop - where.start) * step, step)
    changes = np.flatnonzero(np.diff(np.r_[0, voiced.astype(int), 0]))
    stretches = np.diff(changes)[::2] * step
    yield "syllables (a second)", features.speaking_rate(track, whole)
    yield "voiced share", voiced.sum() * step / whole
    yield "speech share", speech.sum() * step / whole
    yield "speech (seconds)", speech.sum() * step
    yield "voiced stretch, mean (seconds)", stretches.mean()
    yield "voiced stretch, spread (seconds)", stretches.std()
    yield "voiced stretches (a second)", len(stretches) / whole


def _spectrum(track, voiced):
    """Where the energy of voiced frames lies: bright and pressed, or dull and soft."""
    bands, power = np.arange(features.BANDS), 10 ** (track.spectrum[voiced].astype("float64") / 10)
    centred = bands - bands.mean()
    kinds = {
        "tilt (dB a band)": track.spectrum[voiced] @ centred / (centred @ centred),
        "centre (band)": power @ bands / power.sum(axis=1),
        "above 2 kHz less below (dB)": _balance(power, 20),
        "above 1 kHz less below (dB)": _balance(power, 12),
    }
    for kind, values in kinds.items():
        yield f"spectrum {kind}, mean", values.mean()
        yield f"spectrum {kind}, spread", values.std()


def _balance(power, band):
    return 10 * np.log10(power[:, band:].sum(axis=1) / power[:, :band].sum(axis=1))


def _modulation(track, where):
    """How strongly the level of each group of mel bands changes at each speed, from its spectrum over time."""
    groups = track.spectrum[where].reshape(-1, OCTAVES, features.BANDS // OCTAVES).mean(axis=2)
    swing = (groups - groups.mean(axis=0)) * np.hanning(len(groups) + 2)[1:-1, None]
    strength = np.abs(np.fft.rfft(swing, 512 * -(-len(swing) // 512), axis=0)) / len(swing)
    speed = np.fft.rfftfreq(512 * -(-len(swing) // 512), features.HOP / features.RATE)
    for low, high in MODULATION:
        of_band = strength[(speed >= low) & (speed < high)].mean(axis=0)
        yield from (
            (f"modulation of bands {5 * k} to {5 * k + 4} at {low:g} to {high:g} Hz (log dB)", np.log(v + 1e-3))
            for k, v in enumerate(of_band)
        )
