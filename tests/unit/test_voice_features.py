"""What is measured of a sound, against numbers worked out by hand, and against librosa where it is installed."""

import numpy as np
import pytest

from emorec.errors import BadInput
from emorec.voice import activity, features, statistics, synthesis
from emorec.voice.sound import Sound

RATE = 16_000
SECONDS = np.arange(RATE) / RATE


def tone(frequency, amplitude=0.5, seconds=SECONDS):
    return (amplitude * np.sin(2 * np.pi * frequency * seconds)).astype("float32")


def voice_like(pitch, noise=0.0, seconds=1.0):
    """Ten harmonics of a pitch, a number or an array of Hz over time."""
    n = int(seconds * RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(pitch, n)) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 11))
    return (0.1 * sound + noise * np.random.default_rng(0).normal(size=n)).astype("float32")


def test_levels_in_decibels():
    inner = slice(5, -5)
    assert np.allclose(features.level(tone(400, 1.0))[inner], -3.01, atol=0.02)  # a full sine
    assert np.allclose(features.level(tone(400, 0.1))[inner], -23.01, atol=0.02)
    assert np.allclose(features.level(np.full(RATE, 0.5, "float32"))[inner], -6.02, atol=0.01)
    assert np.allclose(features.level(np.zeros(RATE, "float32")), -100)
    assert len(features.level(np.zeros(1599, "float32"))) == 10 and len(features.level(np.zeros(1600, "float32"))) == 11


def test_mels_by_hand():
    assert features.mel(1000) == pytest.approx(15) and features.mel(200) == pytest.approx(3)
    assert features.mel(6400) == pytest.approx(42)  # 27 steps above 1 kHz are a factor of 6.4
    frequencies = np.array([0, 55.5, 999, 1001, 4321, 8000])
    assert np.allclose(features.hertz(features.mel(frequencies)), frequencies)


def test_a_tone_lies_in_the_band_around_it():
    edges = features.hertz(np.linspace(0, features.mel(8000), features.BANDS + 2))
    for band in (5, 17, 30):
        bands = features.log_mel(tone(edges[band + 1]))[50]
        assert bands.argmax() == band
        assert bands[band] - np.median(bands) > 60


def test_power_of_a_tone_by_hand():
    """A sine of amplitude a in the middle of a bin has the power (a sum(window) / 2)^2."""
    power = features.power_spectrum(tone(1000, 0.5))[50]
    assert power.argmax() == 32 and power[32] == pytest.approx(
        (0.5 * 200 / 2) ** 2, rel=1e-3
    )  # a Hann window sums to 200


def test_deltas_are_slopes():
    ramp = np.arange(30.0)[:, None] * [2.0, -0.5]
    assert np.allclose(features.deltas(ramp), [[2.0, -0.5]], atol=1e-5)
    assert np.allclose(features.deltas(ramp[:2]), 0) and np.allclose(
        features.deltas(ramp[:4]), [[2.0, -0.5]], atol=1e-5
    )


@pytest.mark.parametrize("frequency", [72.0, 100.0, 155.5, 233.1, 340.0, 470.0])
def test_pitch_of_sines_and_voices(frequency):
    for sound, within in (
        (tone(frequency), 0.001),
        (voice_like(frequency), 0.002),
        (voice_like(frequency, 0.02), 0.02),
    ):
        measured, periodicity = features.pitch(sound)
        assert np.allclose(measured[8:-8], frequency, rtol=within)
        assert periodicity[8:-8].min() > 0.7


def test_pitch_follows_a_glide_without_leaps():
    wanted = 120 * 2 ** np.linspace(0, 1.2, 2 * RATE)
    measured, _ = features.pitch(voice_like(wanted, noise=0.01, seconds=2))
    there = wanted[np.arange(5, len(measured) - 5) * 160]
    assert np.abs(np.log2(measured[5:-5] / there)).max() < 0.02


@pytest.mark.parametrize("breath, off", [(0, 0.01), (8, 0.06)])
def test_a_breathy_voice_keeps_its_octave(breath, off, monkeypatch):
    contours, pulses = [], synthesis._pulses
    monkeypatch.setattr(synthesis, "_pulses", lambda pitch, rng: [contours.append(pitch), pulses(pitch, rng)][1])
    errors = []
    for number in range(6):
        speaker = synthesis.Speaker.from_seed(7, number)
        samples = synthesis.render(speaker, {"breath": breath}, np.random.default_rng(number)).samples
        track = features.frames(samples)
        truth = contours[-1][(track.times * features.RATE).astype(int).clip(0, len(contours[-1]) - 1)]
        errors.append(np.abs(features.semitones(track.pitch / truth, 1.0))[track.voiced])
    assert sum(map(len, errors)) > 300 and np.mean(np.concatenate(errors) > 7) < off


def test_noise_and_silence_are_not_voiced():
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype("float32")
    assert features.pitch(noise)[1].mean() < 0.3 and not features.frames(noise).voiced.any()
    silence = features.frames(np.zeros(RATE, "float32"))
    assert not silence.voiced.any() and np.isfinite(silence.pitch).all() and silence.periodicity.max() == 0
    assert features.frames(voice_like(150)).voiced.mean() > 0.9


def test_wrong_arguments():
    for low, high in ((10, 500), (300, 200), (65, 9000)):
        with pytest.raises(BadInput, match="pitch looks between"):
            features.pitch(tone(100), low=low, high=high)
    for samples in (np.zeros(0), np.zeros((100, 2))):
        with pytest.raises(BadInput, match="shape"):
            features.level(samples)


def syllables(n, seconds=2.0):
    """n bursts of a voice, evenly over the time."""
    times = np.arange(int(seconds * RATE)) / RATE
    swing = np.clip(np.sin(2 * np.pi * n / seconds / 2 * times) ** 2, 0.02, 1)
    return (voice_like(140, seconds=seconds) * swing).astype("float32")


@pytest.mark.parametrize("n", [4, 7, 10])
def test_syllables_are_counted(n):
    track = features.frames(syllables(n))
    assert len(features.syllable_nuclei(track)) == n
    assert features.speaking_rate(track, 2.0) == pytest.approx(n / 2)


# --- activity


@pytest.mark.parametrize("noise", [0.0, 1e-4, 3e-3])
def test_speech_lies_where_it_was_put_whatever_the_noise(noise):
    samples = noise * np.random.default_rng(0).normal(size=4 * RATE)
    for start in (0.5, 2.5):
        samples[int(start * RATE) : int((start + 1) * RATE)] += voice_like(150)
    stretches = activity.segments(Sound(samples.astype("float32")))
    assert len(stretches) == 2
    assert np.allclose(stretches, [(0.5, 1.5), (2.5, 3.5)], atol=0.06)


def test_short_pauses_are_bridged_and_clicks_left_out():
    level = np.full(300, -70.0)
    level[50:100] = level[110:160] = -20  # a pause of 0.1 s
    level[250:252] = -20  # a click of 0.02 s
    speech = activity.speech_frames(level)
    assert speech[50:160].all() and not speech[:50].any() and not speech[160:].any()
    assert activity.speech_frames(level, gap=0.05)[100:110].sum() == 0


def test_recordings_of_one_kind_throughout():
    assert activity.speech_frames(np.full(100, -25.0)).all()
    assert (
        not activity.speech_frames(np.full(100, -75.0)).any() and not activity.speech_frames(np.full(100, -100.0)).any()
    )
    assert activity.segments(Sound(np.zeros(RATE, "float32"))) == []


# --- statistics


def test_statistics_have_names_and_are_finite_for_any_sound():
    names = statistics.names()
    assert len(set(names)) == len(names)
    for samples in (np.zeros(RATE), np.zeros(1600), np.random.default_rng(0).normal(0, 0.1, 5000), tone(200, 1.0)):
        vector = statistics.utterance(features.frames(samples.astype("float32")))
        assert vector.shape == (len(names),) and np.isfinite(vector).all()


def test_statistics_find_what_was_planted():
    names = statistics.names()

    def measure(**parameters):
        speaker = synthesis.Speaker("x", 1.0, 115.0, (0.0,) * 7)
        sounds = [synthesis.render(speaker, parameters, np.random.default_rng(k)) for k in range(3)]
        return np.mean([statistics.utterance(features.frames(s.samples)) for s in sounds], axis=0)

    plain = measure()
    planted = {
        "pitch mean (semitones)": (dict(pitch=4.0), 4.0, 0.3),
        "pitch spread around its slope (octaves of semitones)": (dict(range=0.8), 0.8, 0.15),
        "level mean (dB)": (dict(loudness=5.0), 5.0, 0.6),
    }
    for name, (parameters, change, within) in planted.items():
        k = names.index(name)
        assert measure(**parameters)[k] - plain[k] == pytest.approx(change, abs=within), name
    assert (
        measure(tilt=3.0)[names.index("spectrum tilt (dB a band), mean")]
        > plain[names.index("spectrum tilt (dB a band), mean")]
    )
    assert measure(speed=0.4)[names.index("syllables (a second)")] > 1.15 * plain[names.index("syllables (a second)")]
    k = names.index("periodicity mean in voiced frames")
    assert measure(breath=8.0)[k] < plain[k] - 0.05


# --- librosa


def test_values_equal_librosas():
    librosa = pytest.importorskip("librosa", reason="librosa is not installed: its values are not compared")
    sound = voice_like(140 + 40 * np.sin(np.arange(RATE) / 3000), noise=0.01)
    how = dict(sr=RATE, n_fft=512, win_length=400, hop_length=160, center=True, pad_mode="constant")
    mels = librosa.feature.melspectrogram(y=sound, n_mels=40, **how)
    decibels = librosa.power_to_db(mels, ref=1.0, amin=1e-10, top_db=None)
    assert np.allclose(features.log_mel(sound), decibels.T, atol=0.01)
    assert np.allclose(features.mfcc(sound, 20), librosa.feature.mfcc(S=decibels, n_mfcc=20).T, atol=0.05)
    assert np.allclose(features.mel_filters(40), librosa.filters.mel(sr=RATE, n_fft=512, n_mels=40), atol=1e-6)
    cepstra = features.mfcc(sound, 13)
    assert np.allclose(features.deltas(cepstra), librosa.feature.delta(cepstra.T).T, atol=1e-3)
    rms = librosa.feature.rms(y=sound, frame_length=400, hop_length=160, center=True, pad_mode="constant")[0]
    assert np.allclose(features.level(sound), 20 * np.log10(rms), atol=0.01)
    theirs = librosa.yin(sound, fmin=65, fmax=500, sr=RATE, frame_length=1024, hop_length=160)
    ours = features.pitch(sound)[0]
    assert np.median(np.abs(np.log2(ours[5:-5] / theirs[5:-5]))) < 0.01
