"""Where somebody speaks: voice activity by level, which adapts to the noise of each recording."""

import numpy as np
from scipy import ndimage

from emorec.arguments import explained
from emorec.voice import features
from emorec.voice.sound import RATE, Sound

MARGIN = 6.0  # dB above the noise at which speech begins, at least
SPREAD = 10.0  # dB between noise and speech below which a recording is of one kind throughout
INAUDIBLE = -60.0  # dB of full scale: a recording of one kind that is softer is silence
GAP, LEAST = 0.25, 0.1  # seconds: pauses shorter than the first are bridged, sounds shorter than the second are clicks


@explained
def speech_frames(level: np.ndarray, *, gap: float = GAP, least: float = LEAST) -> np.ndarray:
    """Which frames are speech.

    The noise is the 10th percentile of the level (of what is not digital silence), the speech its 95th; the threshold
    lies a third of the way up between them, at least 6 dB above the noise and at most 35 dB below the speech. Short
    pauses are bridged, clicks left out.

    Args:
        level: dB of full scale, float (T,), of `emorec.voice.features.level`.
        gap: Pauses shorter than this belong to the speech around them, seconds.
        least: Speech shorter than this is a click, seconds.

    Returns:
        bool (T,).

    Example:
        >>> level = np.r_[np.full(50, -70.0), np.full(50, -20.0), np.full(50, -70.0)]
        >>> int(speech_frames(level).sum())
        50
    """
    level = np.asarray(level, dtype="float64")
    there = level[level > -90]  # padding with zeros says nothing about the noise of a room
    if not len(there):
        return np.zeros(len(level), dtype=bool)
    noise, loud = np.percentile(there, [10, 95])
    if loud - noise < SPREAD:
        # Nothing but speech, or nothing but noise: only how loud it is can tell.
        above = (level > -90) & (loud > INAUDIBLE)
    else:
        above = level > max(noise + max(MARGIN, (loud - noise) / 3), loud - 35)
    clicks = max(1, round(least * RATE / features.HOP))
    bridged = max(1, round(gap * RATE / features.HOP))
    above = ndimage.binary_closing(np.pad(above, bridged), np.ones(bridged, bool))[bridged:-bridged]
    return ndimage.binary_opening(np.pad(above, clicks), np.ones(clicks, bool))[clicks:-clicks]


@explained
def segments(sound: Sound, *, gap: float = GAP, least: float = LEAST) -> list[tuple[float, float]]:
    """(start, end) in seconds of every stretch of speech, in order; see `speech_frames` for the arguments."""
    speech = speech_frames(features.level(sound.samples), gap=gap, least=least).astype(int)
    changes = np.diff(np.r_[0, speech, 0])
    step = features.HOP / RATE
    starts, ends = np.flatnonzero(changes > 0), np.flatnonzero(changes < 0)
    return [(max(0.0, (a - 0.5) * step), min((b - 0.5) * step, sound.seconds)) for a, b in zip(starts, ends)]


def span(speech: np.ndarray) -> slice:
    """From the first to the last speech frame; all of them where there is none."""
    where = np.flatnonzero(speech)
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, len(speech))
