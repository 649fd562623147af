"""A film whose truth is known at every second: rendered faces, synthesised voices, and sentences as subtitles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emorec.arguments import explained
from emorec.checks import positive_int
from emorec.errors import BadInput, DataMissing
from emorec.faces.render import Identity, random_face
from emorec.files import output, replacing, write_text, written
from emorec.types import FilePath
from emorec.voice.sound import RATE
from emorec.voice.synthesis import Speaker, voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

PAUSE, LOOK = 0.4, 0.5  # seconds: between two people, and from one expression of a face to the next
NAMES = ("Anna", "Ben", "Cleo", "David")


@explained
def render_clip(
    path: FilePath, moments: Sequence[tuple[int, str, str | None, str]], *, size: int = 192, rate: int = 10,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Writes a film of people who speak in turn, and its subtitles beside it as ``.srt``.

    Args:
        path: The film, ``.mp4`` or ``.mkv``.
        moments: For each (number of the person, 0 to 3; emotion of the face; emotion of the voice, None for nobody
            speaking; sentence, empty for none). A moment lasts as long as the voice does, or two seconds.
        size: Edge of the picture in pixels, 96 to 720.
        rate: Frames a second.
        seed: Of people, expressions and voices.

    Returns:
        DataFrame, the truth, a row for each moment: start, end (seconds), speaker, face, voice, text.

    Raises:
        DataMissing: No PyAV. BadInput: No moment, a number out of range. LabelMismatch: An unknown emotion.
        NotWritten: A full disk; what was there stays.

    Example:
        >>> render_clip("talk.mp4", [(0, "happiness", "happiness", "What a day!")])  # doctest: +SKIP
    """
    import pandas as pd

    try:
        import av
    except ImportError as error:
        raise DataMissing("The library PyAV, which writes films,", how_to_get='pip install "emorec[film]"') from error
    rate = positive_int("render_clip", "rate", rate)
    if not moments or not 96 <= size <= 720 or any(who not in range(len(NAMES)) for who, *_ in moments):
        raise BadInput(f"Give moments of people 0 to {len(NAMES) - 1}, and a size of 96 to 720; size is {size!r}.")
    path, size = output(path), 2 * (size // 2)
    rows, frames, sounds, place = [], [], [], 0.0
    for number, (who, seen, heard, text) in enumerate(moments):
        samples = _spoken(who, heard, (seed, number))
        length = len(samples) / RATE
        frames += _pictures(who, seen, round((length + PAUSE) * rate), rate, size, (seed, number))
        sounds += [samples, np.zeros(round(PAUSE * RATE), "float32")]
        rows.append({"start": place, "end": place + length, "speaker": NAMES[who], "face": seen, "voice": heard,
                     "text": text})  # fmt: skip
        place = len(frames) / rate
        sounds.append(np.zeros(max(0, round(place * RATE) - sum(map(len, sounds))), "float32"))
    with written(path), replacing(path) as temporary:
        _write(av, temporary, frames, np.concatenate(sounds)[: round(place * RATE)], rate)
    truth = pd.DataFrame(rows).round({"start": 3, "end": 3})
    spoken = truth[truth["text"] != ""]
    lines = (f"{k}\n{_clock(r.start)} --> {_clock(r.end)}\n{r.speaker.upper()}: {r.text}\n"
             for k, r in enumerate(spoken.itertuples(), 1))  # fmt: skip
    write_text(path.with_suffix(".srt"), "\n".join(lines))
    return truth


def _spoken(who, emotion, seed):
    """Samples of a voice, silence where nobody speaks; a whole number of tenths of a second."""
    if emotion is None:
        return np.zeros(2 * RATE, "float32")
    sound, _ = voice(emotion, (*seed, who), Speaker.from_seed(seed[0], who))
    return np.pad(sound.samples, (0, -len(sound.samples) % (RATE // 10)))


def _pictures(who, emotion, count, rate, size, seed):
    """``count`` frames of a face that changes its expression a little every half second."""
    each, identity = max(1, round(LOOK * rate)), Identity.from_seed(1000 + 10 * seed[0] + who)
    faces = [random_face(emotion, (*seed, k), identity, "easy", size).image for k in range(-(-count // each))]
    return [faces[k // each] for k in range(count)]


def _write(av, path, frames, samples, rate):
    with av.open(str(path), "w") as film:
        picture, sound = film.add_stream("mpeg4", rate=rate), film.add_stream("aac", rate=RATE, layout="mono")
        picture.height, picture.width, picture.pix_fmt, picture.bit_rate = *frames[0].shape[:2], "yuv420p", 1_500_000  # type: ignore[misc]
        for frame in frames:
            film.mux(picture.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        film.mux(picture.encode())
        for place in range(0, len(samples), 1024):
            part = av.AudioFrame.from_ndarray(samples[None, place : place + 1024], format="fltp", layout="mono")
            part.sample_rate, part.pts = RATE, place
            film.mux(sound.encode(part))
        film.mux(sound.encode())


def _clock(seconds):
    whole = round(1000 * seconds)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d},{whole % 1000:03d}"
