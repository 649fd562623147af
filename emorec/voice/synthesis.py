"""A synthesiser of emotional voices: a glottal source through formants, every parameter known.

It babbles: syllables without a language, by speakers who differ in pitch, length of the vocal tract, speed, loudness
and breath. An emotion is a distribution of seven parameters; the distributions overlap, so that the rate of the best
possible classifier is known (`best_possible_rate`). It serves to test and to teach the machinery: the directions of the
emotions follow the literature (Scherer 2003, Speech Communication 40, table 2), their sizes are chosen, and nothing
learned on them is knowledge about people.

The source is Rosenberg's pulse (1971, type B) with aspiration, the filter a cascade of resonators (Klatt 1980).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import signal

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.labels import EMOTIONS7
from emorec.voice.sound import RATE, Sound

# Each against the speaker's own: unit, spread within an emotion, spread between speakers.
PARAMETERS = {
    "pitch": ("semitones", 1.6, 2.0),
    "range": ("octaves of the pitch's excursions", 0.4, 0.15),
    "slope": ("semitones by which the pitch rises from beginning to end", 2.0, 0.5),
    "speed": ("octaves of syllables a second", 0.16, 0.06),
    "loudness": ("dB", 2.2, 1.0),
    "tilt": ("dB an octave of the source's spectrum, more is brighter", 1.4, 0.5),
    "breath": ("dB of aspiration", 3.5, 1.0),
}
MEANS = {
    #            pitch range slope speed loudness tilt breath
    "anger":     (3.0,  0.5, -1.0,  0.20,  6.0,  3.0, -2.0),
    "disgust":   (-2.5, -0.1, -1.5, -0.25,  1.5,  1.0,  3.0),
    "fear":      (5.5, -0.3,  1.0,  0.35, -2.0,  0.5,  3.0),
    "happiness": (4.0,  0.7,  1.0,  0.05,  2.5,  1.5, -1.0),
    "sadness":   (-1.5, -0.6, -1.5, -0.30, -4.5, -3.0,  2.0),
    "surprise":  (6.0,  0.9,  4.0, -0.10,  0.5, -0.5,  1.0),
    "neutral":   (0.0,  0.0, -1.0,  0.05,  0.0,  0.0,  0.0),
}  # fmt: skip

# What all parameters at 0 sound like.
EXCURSION, SYLLABLES, LOUDNESS, ASPIRATION = 1.6, 4.2, -31.0, -8.0  # semitones, a second, dB of full scale, dB of voice
NOISE = -72.0  # dB of full scale: of the room
STEP = 80  # samples, 5 ms: the filter stands still for so long

# Centres of the first three formants of a man, Hz (Peterson & Barney 1952, table 2), and their bandwidths.
VOWELS = {
    "a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410),
    "u": (300, 870, 2240), "@": (490, 1350, 1690), "ae": (660, 1720, 2410),
}  # fmt: skip
HIGHER, BANDWIDTHS = (3500,), (70, 100, 140, 240)
CONSONANTS = ("fricative", "stop", "sonorant", "none")


@dataclass(frozen=True)
class Speaker:
    """Who speaks.

    Attributes:
        name: Of the speaker.
        tract: Length of the vocal tract against a man's of 17 cm; formants lie at 1 / tract of a man's.
        pitch: Own mean pitch, Hz.
        offsets: How the speaker's own parameters differ from the usual, in the order and units of ``PARAMETERS``; the
            pitch from what the length of the tract lets one expect.

    Example:
        >>> Speaker.from_seed(0, 1).name
        '0-001'
    """

    name: str
    tract: float
    pitch: float
    offsets: tuple

    @classmethod
    def from_seed(cls, seed: int, number: int) -> Speaker:
        """The same speaker for the same numbers; even numbers are deep voices, odd ones high voices."""
        rng = np.random.default_rng([seed, number, 17])
        tract = float(np.clip(rng.normal(1.0 if number % 2 == 0 else 0.86, 0.035), 0.75, 1.1))
        offsets = rng.normal(0, [spread for _, _, spread in PARAMETERS.values()])
        return cls(f"{seed}-{number:03d}", tract, float(usual_pitch(tract) * 2 ** (offsets[0] / 12)), tuple(offsets))


def usual_pitch(tract: float) -> float:
    """Pitch in Hz that goes with a vocal tract: 115 Hz with a man's, 205 Hz with a woman's (0.86 of it)."""
    return 115.0 * (205 / 115) ** ((1 - tract) / 0.14)


def sample_parameters(emotion: str, rng: np.random.Generator) -> dict[str, float]:
    """Parameters of one utterance that expresses an emotion, against the speaker's own, in the units of ``PARAMETERS``.

    Raises:
        LabelMismatch: An unknown emotion.
    """
    means = MEANS[EMOTIONS7.names[EMOTIONS7.index(emotion)]]
    return {name: float(rng.normal(mean, within)) for (name, (_, within, _)), mean in zip(PARAMETERS.items(), means)}


@explained
@lru_cache(maxsize=8)
def best_possible_rate(speaker_known: bool = True, samples: int = 200_000, seed: int = 0) -> float:
    """Accuracy of the best possible classifier, Bayes' rule on the parameters themselves, all emotions as frequent.

    Args:
        speaker_known: Whether it knows the speaker's own parameters; else only their distribution and, from the
            formants, the length of the vocal tract.
        samples, seed: Of the simulation, whose standard error is below 0.0008.

    Returns:
        A fraction, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    within, between = (np.array([row[k] for row in PARAMETERS.values()]) for k in (1, 2))
    spread = within if speaker_known else np.hypot(within, between)
    means = np.array([MEANS[name] for name in EMOTIONS7])
    truth = rng.integers(len(means), size=samples)
    heard = means[truth] + rng.normal(0, spread, (samples, len(spread)))
    distance = (((heard[:, None] - means) / spread) ** 2).sum(axis=2)
    return float(np.mean(distance.argmin(axis=1) == truth))


# --- the source


def _pulses(pitch, rng):
    """Glottal flow derivative and how far the folds are open, (N,) each, of a pitch contour in Hz (N,)."""
    steps = np.arange(0, len(pitch) + STEP, STEP)
    wobble = np.interp(np.arange(len(pitch)), steps, rng.normal(0, 0.006, len(steps)))
    phase = np.cumsum(pitch * (1 + wobble)) / RATE % 1
    opening, closing = 0.4, 0.16  # shares of the period
    rising = 3 * (phase / opening) ** 2 - 2 * (phase / opening) ** 3
    falling = 1 - ((phase - opening) / closing) ** 2
    flow = np.where(phase < opening, rising, np.where(phase < opening + closing, falling, 0))
    return np.diff(flow, prepend=0), flow


def _tilted(source, tilt):
    """A source whose spectrum is tilted by so many dB an octave around 500 Hz."""
    spectrum = np.fft.rfft(source)
    frequency = np.clip(np.fft.rfftfreq(len(source), 1 / RATE), 80, 6000)
    return np.fft.irfft(spectrum * (frequency / 500) ** (tilt / (20 * np.log10(2))), len(source))


# --- the filter


def _resonators(centres):
    """Second-order sections (K, 6) of resonators at K frequencies in Hz, gain 1 at 0 Hz (Klatt 1980, eq. 1)."""
    radius = np.exp(-np.pi * np.array(BANDWIDTHS) / RATE)
    b, c = 2 * radius * np.cos(2 * np.pi * centres / RATE), -(radius**2)
    zeros, ones = np.zeros_like(b), np.ones_like(b)
    return np.stack([1 - b - c, zeros, zeros, ones, -b, -c], axis=1)


def _filtered(source, formants):
    """The source (N,) through resonators whose centres (N / STEP, K) in Hz change every `STEP` samples."""
    state, parts = np.zeros((formants.shape[1], 2)), []
    for start, centres in zip(range(0, len(source), STEP), formants):
        part, state = signal.sosfilt(_resonators(centres), source[start : start + STEP], zi=state)
        parts.append(part)
    return np.concatenate(parts)


# --- what is uttered


@dataclass(frozen=True)
class _Syllable:
    vowel: str
    consonant: str
    start: float  # seconds
    onset: float  # end of the consonant
    end: float


def _babble(speed, rng):
    """Seven to nine syllables at so many a second, after a short pause."""
    place, syllables = rng.uniform(0.1, 0.25), []
    for _ in range(int(rng.integers(7, 10))):
        length = rng.uniform(0.85, 1.15) / speed
        consonant = CONSONANTS[rng.choice(4, p=(0.3, 0.35, 0.25, 0.1))]
        share = {"fricative": 0.38, "stop": 0.35, "sonorant": 0.33, "none": 0.12}[consonant]
        vowel = list(VOWELS)[rng.integers(len(VOWELS))]
        syllables.append(_Syllable(vowel, consonant, place, place + share * length, place + length))
        place += length
    return syllables, place + rng.uniform(0.1, 0.25)


def _contour(syllables, times, voice, spread, slope, rng):
    """Semitones (N,) at the times: an accent a syllable; mean 0, spread and slope exact where it is voiced."""
    middles = np.array([(s.onset + s.end) / 2 for s in syllables])
    accents = np.interp(times, middles, rng.normal(size=len(middles)))
    along = (times - middles.mean()) / np.ptp(middles)
    basis, weight = np.stack([np.ones_like(along), along], axis=1), voice > 0.6
    accents -= basis @ np.linalg.lstsq(basis[weight], accents[weight], rcond=None)[0]
    heights = spread * accents / accents[weight].std() + slope * along
    return heights - heights[weight].mean()


def _envelope(syllables, times):
    """Amplitude of the voice, 0 to 1, and of fricative noise (N,): ramps of 15 ms."""
    voice, hiss = np.zeros_like(times), np.zeros_like(times)
    for s in syllables:
        during = {"sonorant": 0.25, "none": 0.1}.get(s.consonant, 0.0)
        consonant, vowel = (times >= s.start) & (times < s.onset), (times >= s.onset) & (times < s.end)
        voice[consonant] = during
        voice[vowel] = 1 - 0.35 * ((times[vowel] - s.onset) / (s.end - s.onset)) ** 2
        if s.consonant == "fricative":
            hiss[consonant] = 1
        elif s.consonant == "stop":
            hiss[(times >= s.onset - 0.012) & (times < s.onset)] = 1.5
    ramp = np.hanning(round(0.015 * RATE) + 2)
    return signal.fftconvolve(voice, ramp / ramp.sum(), mode="same"), np.convolve(hiss, np.full(64, 1 / 64), "same")


def _formants(syllables, seconds, tract):
    """Centres in Hz (N / STEP, 4): each vowel's, reached within 60 ms."""
    times = np.arange(0, seconds, STEP / RATE)
    known, targets = [], []
    for s in syllables:
        known += [min(s.onset + 0.02, s.end - 0.02), max(s.end - 0.04, s.onset + 0.021)]
        targets += [(*VOWELS[s.vowel], *HIGHER)] * 2
    targets = np.array(targets, dtype="float64") / tract
    return np.stack([np.interp(times, known, column) for column in targets.T], axis=1)


# --- the voice


def render(speaker: Speaker, parameters: dict[str, float], rng: np.random.Generator) -> Sound:
    """One utterance.

    Args:
        speaker: Who speaks.
        parameters: Against the speaker's own, in the units of ``PARAMETERS``; what is left out is 0.
        rng: Of syllables, accents and noise.

    Returns:
        A `Sound` at 16 kHz of one to four seconds.

    Raises:
        BadInput: An unknown parameter, or one far outside of the range of voices.
    """
    value = _absolute(speaker, parameters)
    syllables, seconds = _babble(SYLLABLES * 2 ** value["speed"], rng)
    times = np.arange(int(seconds * RATE)) / RATE
    spread = EXCURSION * 2 ** value["range"]
    voice, hiss = _envelope(syllables, times)
    contour = _contour(syllables, times, voice, spread, value["slope"], rng)
    height = usual_pitch(speaker.tract) * 2 ** ((value["pitch"] + contour) / 12)
    pulses, flow = _pulses(np.clip(height, 50, 700), rng)
    pulses = _tilted(pulses, value["tilt"])
    pulses = pulses / np.sqrt(np.mean(pulses**2))
    aspiration = 10 ** ((ASPIRATION + value["breath"]) / 20) * rng.normal(size=len(times)) * (0.3 + flow)
    spoken = _filtered((pulses + aspiration) * voice, _formants(syllables, seconds, speaker.tract))
    loud = voice > 0.6
    spoken = spoken / np.sqrt(np.mean(spoken[loud] ** 2))
    noise = signal.lfilter([1, -1.6, 0.8], [1], rng.normal(size=len(times))) * hiss * 0.06
    samples = 10 ** ((LOUDNESS + value["loudness"]) / 20) * (spoken + noise)
    samples += 10 ** (NOISE / 20) * rng.normal(size=len(times))
    whole = np.clip(np.rint(samples * 2**15), -(2**15), 2**15 - 1)  # 16 bits, as it is kept
    return Sound((whole / 2**15).astype("float32"), RATE, f"voice {speaker.name}")


def _absolute(speaker, parameters):
    unknown = set(parameters) - set(PARAMETERS)
    if unknown:
        raise BadInput(f"A voice has no parameter {sorted(unknown)[0]!r}; it has {', '.join(PARAMETERS)}.")
    value = {}
    for own, (name, (unit, within, _)) in zip(speaker.offsets, PARAMETERS.items()):
        asked = float(parameters.get(name, 0.0))
        if not abs(asked) <= 12 * within:
            raise BadInput(f"{name}={asked!r} ({unit}) is no voice: give -{12 * within:g} to {12 * within:g}.")
        value[name] = asked + own
    return value


def voice(emotion: str, seed: int | tuple = 0, speaker: Speaker | None = None) -> tuple[Sound, dict[str, float]]:
    """One utterance that expresses an emotion, and its parameters.

    Args:
        emotion: A name of ``EMOTIONS7`` or one of its spellings.
        seed: An int or a tuple of ints.
        speaker: Who speaks; of the seed where None.

    Example:
        >>> sound, parameters = voice("anger", seed=3)
        >>> sorted(parameters)
        ['breath', 'loudness', 'pitch', 'range', 'slope', 'speed', 'tilt']
    """
    emotion, seed = EMOTIONS7.names[EMOTIONS7.index(emotion)], np.atleast_1d(seed).tolist()
    speaker = speaker or Speaker.from_seed(seed[0], seed[-1])
    rng = np.random.default_rng([*seed, EMOTIONS7.index(emotion), 71])
    parameters = sample_parameters(emotion, rng)
    return render(speaker, parameters, rng), parameters


@explained
def voice_from_id(voice_id: str) -> tuple[Sound, dict[str, float]]:
    """An utterance of ``sample-voices`` again, and the parameters it was rendered with.

    Args:
        voice_id: ``seed-speaker-repeat-emotion``, e.g. ``"0-012-3-fear"``.
    """
    parts = re.fullmatch(r"(\d+)-(\d+)-(\d+)-(\w+)", str(voice_id))
    if not parts:
        raise BadInput(f"Not the id of a rendered voice: {voice_id!r}; they look like '0-012-3-fear'.")
    seed, number, repeat = (int(parts[k]) for k in (1, 2, 3))
    sound, parameters = voice(parts[4], (seed, number, repeat), Speaker.from_seed(seed, number))
    return Sound(sound.samples, sound.rate, str(voice_id)), parameters
