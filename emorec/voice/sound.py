"""Sounds in one form: what a path, bytes, or an array with its rate become, or a clear error.

A sound is mono, float32, between -1 and 1, at 16,000 samples a second: the band of speech that emotion is read from.
"""

from __future__ import annotations

import io
import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import signal

from emorec.arguments import explained
from emorec.checks import whole_number
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.files import output, replacing, written
from emorec.images import native
from emorec.notices import notice

RATE = 16_000  # samples a second
RATES = (4_000, 384_000)  # between which a rate is believed
MOST = 2**28  # samples of all channels, 1 GB: a longer sound is not read whole
FINEST = 6_000  # up or down: the filter has 100 times as many taps, a finer ratio differs by a few millionths
LEAST = 0.1  # seconds: a shorter sound holds no syllable
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".mp3")
SILENT = 1e-4  # of full scale, -80 dB: below it nothing is audible
CLIPPED = 1e-3  # share of samples at full scale from which on a sound counts as clipped


class SoundNotice(UserWarning):
    """A sound that can be read, but whose answer should be taken with care: silent, clipped, or of a telephone."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A mono sound; plays itself in a notebook.

    Attributes:
        samples: float32 (N,), -1 to 1.
        rate: Samples a second, Hz.
        name: Where it comes from, for messages.
        doubts: Why an answer on it should be taken with care, in words: silent, clipped, of a telephone.

    Example:
        >>> import numpy as np
        >>> Sound(np.zeros(8000, "float32"), 16000).seconds
        0.5
    """

    samples: np.ndarray
    rate: int = RATE
    name: str = "sound"
    doubts: tuple = ()

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / self.rate

    def __len__(self):
        return len(self.samples)

    def __repr__(self):
        return f"<{self.name}: {self.seconds:.2f} s at {self.rate:,} Hz>"

    def __post_init__(self):
        if not isinstance(self.rate, (int, float, np.number)) or not self.rate > 0:
            raise BadInput(f"The rate of a sound is a number of samples a second; received {self.rate!r:.60}.")

    @explained
    def save(self, path: str | os.PathLike) -> Path:
        """Writes a 16-bit file, whose kind the suffix names: ``.wav``, ``.flac`` or ``.ogg``.

        Raises:
            BadInput: Another suffix, a folder, or samples that are none. NotWritten: A full disk; what was there stays.
        """
        import soundfile

        path, data = output(path), io.BytesIO()
        if not np.isfinite(self.samples).all():
            raise BadInput(f"{_say(self.name)} holds samples that are NaN or infinite, which no file can hold.")
        try:
            kind = path.suffix.lstrip(".").upper()
            soundfile.write(data, np.clip(self.samples, -1, 1), self.rate, format="AIFF" if kind == "AIF" else kind)
        except (ValueError, TypeError, soundfile.LibsndfileError) as error:
            raise BadInput(f"{path.name!r} cannot be written ({error}): name a .wav, .flac or .ogg file.") from error
        with written(path), replacing(path) as temporary:
            temporary.write_bytes(data.getvalue())
        return path

    def _repr_html_(self):
        import base64

        import soundfile

        buffer = io.BytesIO()
        soundfile.write(buffer, np.nan_to_num(np.clip(self.samples, -1, 1)), self.rate, format="FLAC")
        data = base64.b64encode(buffer.getvalue()).decode()
        return f'<audio controls src="data:audio/flac;base64,{data}"></audio>'


@explained
def as_sound(source: object, *, rate: int = RATE, notices: bool = True) -> Sound:
    """Any sound as a mono `Sound`.

    Args:
        source: A path; the bytes of a sound file; a `Sound`; or a pair (array, rate in Hz). Arrays have the shape (N,)
            or (N, channels): int16, int32 (full scale 2^31), uint8 (128 is silence), or floats from -1 to 1.
        rate: Of the result, Hz.
        notices: Whether to warn (`SoundNotice`) of a silent, clipped or narrow-band sound; ``doubts`` say so anyway.

    Returns:
        The sound, float32 from -1 to 1: channels averaged, resampled where its rate was another.

    Raises:
        BadInput: No sound, NaN, a wrong shape, range or rate, or less than 0.1 s.
        DataMissing: No such file.
        DataCorrupt: The file is no sound, or is truncated.

    Example:
        >>> import numpy as np
        >>> tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
        >>> as_sound((tone, 44100))
        <sound: 1.00 s at 16,000 Hz>
    """
    samples, own, name = _decoded(source)
    if len(samples) < LEAST * own:
        raise BadInput(f"{_say(name)} is too short: {len(samples) / own:.3f} s, where {LEAST} s are the least.")
    doubts = tuple(dict.fromkeys((*getattr(source, "doubts", ()), *_doubts(samples, own))))
    if notices and doubts:
        notice(f"{_say(name)} is {'; '.join(doubts)}.", SoundNotice)
    if isinstance(source, Sound) and samples is source.samples and (own, doubts) == (rate, source.doubts):
        return source
    return Sound(resample(samples, own, rate), rate, name, doubts)


@explained
def check_sounds(inputs: object) -> list:
    """N sounds, not read yet, as a list.

    Args:
        inputs: One path, bytes, `Sound` or pair (array, rate); or a sequence of them.

    Raises:
        BadInput: Something else, such as an array without its rate.
    """
    if isinstance(inputs, (str, os.PathLike, bytes, bytearray, Sound)) or _is_pair(inputs):
        return [inputs]
    if hasattr(inputs, "read"):
        raise BadInput(
            f"A sound is a path, bytes or a pair (array, rate); this {type(inputs).__name__} is a file: file.read()."
        )
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind == "U":
        return inputs.ravel().tolist()  # paths
    if isinstance(inputs, np.ndarray) and inputs.dtype != object:
        raise BadInput(
            f"An array of shape {inputs.shape} does not say its rate: give a pair (array, rate), or a list of them."
        )
    if isinstance(inputs, (dict, set, frozenset)) or hasattr(inputs, "columns"):
        raise BadInput(f"Sounds come as a list; received a {type(inputs).__name__}. Give one of its columns.")
    if not isinstance(inputs, (Sequence, np.ndarray)) and not hasattr(inputs, "__iter__"):
        raise BadInput(f"Sounds are paths, bytes or pairs (array, rate); received {type(inputs).__name__} {inputs!r}.")
    sounds = list(inputs)
    for position, sound in enumerate(sounds):
        if not isinstance(sound, (str, os.PathLike, bytes, bytearray, Sound)) and not _is_pair(sound):
            hint = " without its rate" if isinstance(sound, np.ndarray) else f" {str(sound)[:40]!r}"
            raise BadInput(
                f"Sound {position} is of type {type(sound).__name__}{hint}: give a path, bytes or a pair (array, rate)."
            )
    return sounds


def _is_pair(value):
    return (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and not isinstance(value[0], (str, os.PathLike, bytes, bytearray, Sound, tuple))
        and np.ndim(value[1]) == 0
        and not isinstance(value[1], (str, os.PathLike, bytes, bytearray, Sound))
    )


# --- resampling


@explained
def resample(samples: np.ndarray, rate: int, target: int = RATE) -> np.ndarray:
    """Samples at another rate, by a polyphase filter that leaves out what the slower rate cannot hold.

    Frequencies up to 0.9 of the lower Nyquist frequency pass within 0.1 dB; from that frequency on they are 80 dB down.

    Args:
        samples: Float (N,).
        rate, target: Samples a second before and after, Hz.

    Returns:
        float32 (ceil(N target / rate),).
    """
    samples = np.asarray(samples, dtype="float32")
    for what, hertz in (("rate", rate), ("target", target)):
        whole_number(what, hertz, 100, RATES[1])
    if rate == target:
        return samples
    ratio, length = Fraction(target, rate), math.ceil(len(samples) * target / rate)
    if max(ratio.numerator, ratio.denominator) > FINEST:  # of a rate that no device has, such as a prime number
        ratio = ratio.limit_denominator(FINEST * min(rate, target) // target)
    up, down = ratio.numerator, ratio.denominator
    result = signal.resample_poly(samples, up, down, window=_low_pass(up, down)).astype("float32")[:length]
    return np.pad(result, (0, length - len(result)))


@lru_cache(maxsize=8)
def _low_pass(up, down):
    """Taps of a Kaiser window low-pass between 0.9 and 1.0 of the lower Nyquist frequency, 80 dB deep."""
    longest = max(up, down)
    taps, beta = signal.kaiserord(80, 0.1 / longest)
    return signal.firwin(taps | 1, 0.95 / longest, window=("kaiser", beta)).astype("float32")


# --- reading


def _decoded(source):
    """(float32 (N,), rate, name) of any source, at its own rate."""
    if isinstance(source, Sound):
        samples, rate, name = source.samples, source.rate, source.name
    elif isinstance(source, (bytes, bytearray)):
        name = f"sound of {len(source):,} bytes"
        samples, rate = _from_file(bytes(source), name)
    elif isinstance(source, (str, os.PathLike)):
        path = Path(os.path.expanduser(source))
        if path.is_dir():
            raise BadInput(f"{str(path)!r} is a folder: give the sound files in it, e.g. sorted(folder.glob('*.wav')).")
        if not path.is_file():
            raise DataMissing(f"The sound {str(path)!r}", [path.absolute()], "check the path.")
        name = path.name
        samples, rate = _from_file(path.read_bytes(), str(path))
    elif _is_pair(source):
        (samples, rate), name = source, "sound"
    else:
        raise BadInput(f"A sound is a path, bytes or a pair (array, rate in Hz); received {type(source).__name__}.")
    return _mono(_scaled(np.asarray(samples), name), name), _checked_rate(rate, name), name


def _checked_rate(rate, name):
    whole = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool) and rate == rate // 1
    if not whole or not RATES[0] <= rate <= RATES[1]:
        low, high = RATES
        raise BadInput(f"{_say(name)}: the rate is a whole number of {low:,} to {high:,} Hz; received {rate!r}.")
    return int(rate)


def _scaled(samples, name):
    """Any array as floats from -1 to 1."""
    samples = native(samples)
    if samples.dtype == np.int16:
        return samples.astype("float32") / 2**15
    if samples.dtype == np.int32:
        return (samples / 2**31).astype("float32")
    if samples.dtype == np.uint8:
        return (samples.astype("float32") - 128) / 128
    if samples.dtype.kind != "f":
        raise BadInput(f"{_say(name)}: samples are int16, int32, uint8 or floats; received {samples.dtype}.")
    if not np.isfinite(samples).all():
        raise BadInput(f"{_say(name)} holds {int((~np.isfinite(samples)).sum())} samples that are NaN or infinite.")
    peak = float(np.abs(samples).max(initial=0))
    if peak > 8:
        raise BadInput(
            f"{_say(name)}: as floats samples lie in -1 to 1; received up to {peak:g}. "
            "Divide integers by their full scale, 32,768 for 16 bits, or give them as they are."
        )
    if peak > 1:  # files of floats may overshoot a little
        samples = samples / peak
    return samples.astype("float32", copy=False)


def _mono(samples, name):
    """(N,) of samples (N,) or (N, channels)."""
    if samples.ndim not in (1, 2):
        raise BadInput(f"{_say(name)} has the shape (N,) or (N, channels); received {samples.shape}.")
    if samples.size == 0:
        raise BadInput(f"{_say(name)} is empty: it has no samples.")
    if samples.ndim == 1:
        return samples
    if samples.shape[1] > 32:
        raise BadInput(f"{_say(name)} has the shape {samples.shape}: channels come last; transpose it.")
    mixed, loudest = samples.mean(axis=1), np.square(samples).sum(axis=0).argmax()
    if np.square(mixed).sum() < 0.01 * np.square(samples[:, loudest]).sum():  # wired with opposite sign
        return np.ascontiguousarray(samples[:, loudest])
    return mixed


_KINDS = {
    b"ID3": "MP3", b"OggS": "OGG", b"fLaC": "FLAC", b"RIFF": "WAV", b"\x89PNG": "a picture", b"\xff\xd8": "a picture",
    b"PK": "a zip archive", b"\x1aE\xdf\xa3": "a WebM or Matroska film", b"%PDF": "a PDF", b"#!AMR": "AMR",
}  # fmt: skip


def _from_file(data, name):
    """Samples (N, channels) and rate of a sound file's bytes."""
    import soundfile

    if not data:
        raise BadInput(f"{_say(name)} is empty: the file has no bytes.")
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            frames, rate = file.frames, file.samplerate
            samples = _blocks(file, name)
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        reason = getattr(error, "error_string", str(error)).strip(". ")
        if data.startswith((b"RIFF", b"FORM", b"OggS", b"fLaC")):
            raise DataCorrupt(f"{_say(name)} is damaged or truncated ({reason}): get it again.") from error
        raise DataCorrupt(
            f"{_say(name)} is no sound that can be read, it looks like {_looks_like(data)} ({reason}). "
            "Known kinds: WAV, FLAC, OGG, MP3."
        ) from error
    lost = _truncated(data, frames, len(samples))
    if lost:
        raise DataCorrupt(f"{_say(name)} is truncated: {lost}. Get it again.")
    return samples, rate


class _Bytes(io.BytesIO):
    """Stays where it is when libsndfile, misled by a damaged header, asks for a place before the beginning.

    An error would be raised inside libsndfile's callback, which nobody can catch: Python prints it.
    """

    def seek(self, offset, whence=io.SEEK_SET):
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _blocks(file, name):
    """Samples (N, channels), read piece by piece: a header may announce more than there is, and than fits in memory."""
    pieces, left = [], MOST
    while len(piece := file.read(2**20 // file.channels + 1, dtype="float32", always_2d=True)):
        pieces.append(piece)
        left -= piece.size
        if left < 0:
            raise BadInput(
                f"{_say(name)} holds more than {MOST:,} samples, {MOST / RATE / 3600:.0f} hours at {RATE:,} Hz: cut it."
            )
    return np.concatenate(pieces) if pieces else np.zeros((0, file.channels), dtype="float32")


def _looks_like(data):
    if data[4:8] == b"ftyp":
        return "an MP4 or M4A file (read films with emorec.multimodal.read_clip)"
    for start, kind in _KINDS.items():
        if data.startswith(start):
            return kind
    if data[:512].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page"
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in data[:512])
    return "a text file" if printable > 0.95 * len(data[:512]) else "bytes of no known kind"


def _truncated(data, frames, read):
    """What a truncated file lacks, in words, or None: libsndfile reads what is there without a word."""
    if read < frames:
        return f"{read:,} of {frames:,} samples are there"
    checks = {b"RIFF": _short_riff, b"FORM": _short_aiff, b"OggS": _short_ogg}
    return checks[data[:4]](data) if data[:4] in checks else None


def _short_riff(data):
    """WAV: chunks of (name, size); of writers to a pipe the size is unknown, 0 or 2^32 - 1."""
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack("<I", data[place + 4 : place + 8])[0]
        if name == b"data":
            there = len(data) - place - 8
            known = 0 < size < 0xFFFFFF00
            return f"{there:,} of {size:,} bytes of samples are there" if known and there < size else None
        place += 8 + size + size % 2
    return None


def _short_aiff(data):
    size = struct.unpack(">I", data[4:8])[0] + 8
    return f"{len(data):,} of {size:,} bytes are there" if len(data) < size else None


def _short_ogg(data):
    """Ogg: the last page is complete, and carries the flag that it is the last one."""
    page = data[data.rfind(b"OggS") :]
    header = 27 + (page[26] if len(page) > 26 else 0)
    whole = len(page) >= header and len(page) >= header + sum(page[27:header])
    return None if whole and page[5] & 4 else "its last page is missing"


# --- notices


def _doubts(samples, rate):
    """All that makes an answer doubtful, in words."""
    peak, words = float(np.abs(samples).max()), []
    if peak < SILENT:
        words.append("silent (nothing above -80 dB)")
    elif peak > 0.9 and np.mean(np.abs(samples) >= 0.999 * peak) > CLIPPED:
        words.append("clipped (its peaks are cut off: record it more softly)")
    if rate < RATE:
        words.append(f"sampled at {rate:,} Hz (nothing above {rate // 2:,} Hz is there, as on a telephone)")
    return tuple(words)


def _say(name):
    return "The sound" if name == "sound" else f"The {name}" if name.startswith("sound") else f"The sound {name!r}"
