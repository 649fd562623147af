"""Sound files and arrays: what they become, and what is refused."""

import io
import struct
import warnings

import numpy as np
import pytest
import soundfile
from conftest import ROOT

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.voice import Sound, SoundNotice, as_sound, check_sounds, resample, sound

SECOND = np.arange(44_100) / 44_100
TONE = 0.5 * np.sin(2 * np.pi * 1000 * SECOND)


def file_of(samples, rate=44_100, **how):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **how)
    return buffer.getvalue()


def amplitude(samples, frequency, rate=16_000):
    """(of the sine of that frequency, of all that is left), the ends left out."""
    inner = samples[1000:-1000].astype("float64")
    phase = 2 * np.pi * frequency * np.arange(1000, 1000 + len(inner)) / rate
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    weights = np.linalg.lstsq(basis, inner, rcond=None)[0]
    return np.hypot(*weights), np.sqrt(np.mean((inner - basis @ weights) ** 2))


FORMATS = [("WAV", "PCM_16", 3e-5), ("WAV", "PCM_24", 2e-6), ("WAV", "PCM_32", 2e-6), ("WAV", "FLOAT", 2e-6),
           ("WAV", "PCM_U8", 5e-3), ("FLAC", "PCM_24", 2e-6), ("OGG", "VORBIS", 1e-2),
           ("AIFF", "PCM_16", 3e-5)]  # fmt: skip


@pytest.mark.parametrize("kind, subtype, noise", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_files_of_all_kinds_and_depths_hold_the_same_tone(kind, subtype, noise, channels, tmp_path):
    data = file_of(np.stack([TONE] * channels, axis=1), format=kind, subtype=subtype)
    path = tmp_path / f"tone.{kind.lower()}"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        sound = as_sound(source)
        assert sound.rate == 16_000 and sound.samples.dtype == np.float32 and len(sound) == 16_000
        tone, rest = amplitude(sound.samples, 1000)
        assert abs(tone - 0.5) < max(noise, 3e-4) and rest < noise


@pytest.mark.parametrize("array, scale", [
    ((TONE * 2**15).astype("int16"), 1), ((TONE * 2**31).astype("int32"), 1),
    ((128 + 127 * TONE).astype("uint8"), 127 / 128),
    (TONE, 1), (TONE.astype("float16"), 1), (np.stack([TONE, np.zeros_like(TONE)], axis=1), 0.5),
])  # fmt: skip
def test_arrays_of_all_types(array, scale):
    tone, _ = amplitude(as_sound((array, 44_100)).samples, 1000)
    assert tone == pytest.approx(0.5 * scale, abs=4e-3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_resampling_keeps_what_both_rates_hold_and_nothing_else(rate):
    seconds = np.arange(rate) / rate
    top = 0.88 * min(rate, 16_000) / 2
    kept, rest = amplitude(resample(np.sin(2 * np.pi * top * seconds), rate), top)
    assert kept == pytest.approx(1, abs=0.001) and rest < 0.001
    if rate > 17_000:
        folded = resample(np.sin(2 * np.pi * 8100 * seconds), rate)  # would come back as 7,900 Hz
        assert np.abs(folded[1000:-1000]).max() < 1e-4


def test_a_sound_at_its_rate_is_left_alone_and_saved_as_it_is(tmp_path):
    samples = (np.random.default_rng(0).integers(-3000, 3000, 8000) / 2**15).astype("float32")
    sound = as_sound((samples, 16_000))
    assert np.array_equal(sound.samples, samples) and as_sound(sound) is sound and sound.seconds == 0.5
    for suffix in ("wav", "flac"):
        assert np.array_equal(as_sound(sound.save(tmp_path / f"a.{suffix}")).samples, samples)
    assert "<audio" in sound._repr_html_()
    with pytest.raises(BadInput, match="name a .wav"):
        sound.save(tmp_path / "a.xyz")


def test_channels_of_opposite_sign_do_not_cancel():
    tone, _ = amplitude(as_sound((np.stack([TONE, -TONE], axis=1), 44_100)).samples, 1000)
    assert tone == pytest.approx(0.5, abs=1e-3)


# --- hostile sounds


@pytest.mark.parametrize(
    "kind, suffix", [("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"), ("AIFF", "aiff"), ("MP3", "mp3")]
)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_truncated_files_are_refused_whatever_their_kind(kind, suffix, share, tmp_path):
    data = file_of(np.random.default_rng(0).normal(0, 0.1, 44_100), format=kind)
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataCorrupt, match="truncated|no sound"):
        as_sound(path)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_header_prints_no_traceback():
    file = ROOT / "tests/fuzz/found/sound-7e848833ef"  # libsndfile asks for a place before its beginning
    with pytest.raises(DataCorrupt, match="damaged"):
        as_sound(file)


def test_a_file_from_a_pipe_does_not_know_its_size_and_is_read():
    data = bytearray(file_of(TONE, format="WAV"))
    place = data.index(b"data") + 4
    for size in (0, 0xFFFFFFFF):
        data[place : place + 4] = struct.pack("<I", size)
        data[4:8] = struct.pack("<I", size)
        if size:
            assert as_sound(bytes(data)).seconds == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("data, kind", [
    (b"Hello, this is a text file that somebody named .wav.\n" * 20, "a text file"),
    (b"<!DOCTYPE html><html>", "a web page"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"), (b"PK\x03\x04" + bytes(100), "a zip archive"),
    (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "an MP4"), (bytes(range(256)) * 4, "no known kind"),
])  # fmt: skip
def test_wrongly_named_files_are_read_by_what_they_hold(data, kind, tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(data)
    with pytest.raises(DataCorrupt, match=kind):
        as_sound(path)


def test_a_flac_that_is_named_wav_is_read(tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(file_of(TONE, format="FLAC"))
    assert as_sound(path).seconds == 1


@pytest.mark.parametrize("source, words", [
    (b"", "empty"), ((np.zeros(0), 16_000), "empty"), ((np.zeros(500), 16_000), "too short"),
    ((np.full(9000, np.nan), 16_000), "9000 samples that are NaN"),
    ((np.full(9000, np.inf), 16_000), "NaN or infinite"),
    ((np.full(9000, 20_000.0), 16_000), "32,768"), ((np.zeros(9000, "int64"), 16_000), "int64"),
    ((np.zeros((2, 9000)), 16_000), "channels come last"), ((np.zeros((9000, 2, 2)), 16_000), "shape"),
    ((np.zeros(9000), 0), "rate"), ((np.zeros(9000), 44.1), "rate"), ((np.zeros(9000), True), "rate"),
    (np.zeros(9000), "pair"), (3.5, "pair"), ((np.array(["a"] * 9000), 16_000), "samples are"),
])  # fmt: skip
def test_what_is_no_sound_is_refused_with_the_value(source, words):
    with pytest.raises(BadInput, match=words):
        as_sound(source)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(DataMissing, match="nobody.wav"):
        as_sound(tmp_path / "nobody.wav")
    with pytest.raises(BadInput, match="folder"):
        as_sound(tmp_path)


@pytest.mark.parametrize("samples, rate, word", [
    (np.zeros(16_000), 16_000, "silent"), (np.clip(3 * np.sin(2 * np.pi * 200 * SECOND), -1, 1), 44_100, "clipped"),
    (0.3 * np.sin(np.arange(8000) * 0.2), 8_000, "8,000 Hz"),
])  # fmt: skip
def test_doubtful_sounds_are_read_with_a_notice(samples, rate, word):
    with pytest.warns(SoundNotice, match=word):
        sound = as_sound((samples, rate))
    assert word in "".join(sound.doubts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_sound((samples, rate), notices=False).doubts == sound.doubts
        as_sound((TONE, 44_100))  # a plain tone is none of these


def test_one_sound_or_a_list_of_them():
    pair = (np.zeros(9000, "float32"), 16_000)
    assert len(check_sounds(pair)) == 1 and len(check_sounds([pair, pair])) == 2 and check_sounds([]) == []
    assert check_sounds("a.wav") == ["a.wav"] and len(check_sounds(["a.wav", b"x", Sound(pair[0])])) == 3
    for wrong, words in ((np.zeros(9000), "its rate"), ([np.zeros(9000)], "without its rate"), (7, "int"),
                         ({"a": 1}, "dict"),
                         (["a.wav", 5], "Sound 1 is of type int")):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            check_sounds(wrong)


@pytest.mark.fault(
    "A sound at a rate that no device has, such as a prime number, from a damaged header",
    "the sound, at once: the filter's length has a bound",
)
@pytest.mark.parametrize("rate", [383_983, 47_969, 4_001])
def test_rates_that_have_nothing_in_common(rate, monkeypatch):
    taps, design = [], sound._low_pass
    monkeypatch.setattr(sound, "_low_pass", lambda up, down: taps.append(design(up, down)) or taps[-1])
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate) / 2
    heard = as_sound((tone, rate), notices=False)
    assert len(taps[0]) <= 110 * sound.FINEST and len(heard) == 16_000
    spectrum = np.abs(np.fft.rfft(heard.samples * np.hanning(16_000)))
    assert spectrum.argmax() == 440 and abs(heard.samples[4000:12000]).max() == pytest.approx(0.5, abs=0.01)
