"""Subtitles: SRT and WebVTT files, or lists, as cues of start, end, text and speaker."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from emorec.arguments import explained
from emorec.datasets.decoding import decode_table
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.notices import notice

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_ARROW = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}|<\d[\d:.]*>")
_NAME = re.compile(r"([A-ZÀ-Þ][A-ZÀ-Þ'. ]{1,24}):\s+(?=\S)")  # "ANNA: I am here."


class Cue(NamedTuple):
    """What is said from ``start`` to ``end`` (seconds), and who says it, where that is known.

    Example:
        >>> Cue(0.5, 2.0, "Hello there.").text
        'Hello there.'
    """

    start: float
    end: float
    text: str
    speaker: str | None = None


@explained
def read_subtitles(source: Any, encoding: str | None = None) -> list[Cue]:
    """Cues in the order of their start.

    Args:
        source: The path of an .srt or .vtt file; or a list of (start, end, text) or (start, end, text, speaker), in
            seconds.
        encoding: Of a file, such as ``"cp1251"``; None takes UTF-8, UTF-16 with its mark, or cp1252, with a notice.

    Returns:
        A list of `Cue`; markup is taken away, lines are joined, cues without words are left out. A speaker is read from
        ``<v Anna>`` of WebVTT and from ``ANNA: `` at the beginning.

    Raises:
        DataMissing: No such file. DataCorrupt: It holds no cue. BadInput: Times that are none, or run backwards;
            an encoding that has to be named.

    Example:
        >>> read_subtitles([(0.5, 2, "Hello there.")])
        [Cue(start=0.5, end=2.0, text='Hello there.', speaker=None)]
    """
    if isinstance(source, (str, os.PathLike)):
        cues = _from_file(Path(os.path.expanduser(source)), encoding)
    elif isinstance(source, (bytes, dict)) or hasattr(source, "columns") or not hasattr(source, "__iter__"):
        raise BadInput(f"Subtitles are a path, or a list of (start, end, text); received {source!r:.60}.")
    else:
        cues = [_from_row(number, row) for number, row in enumerate(source)]
    for cue in cues:
        if not 0 <= cue.start < cue.end < 1e7:
            raise BadInput(f"The subtitle {cue.text[:40]!r} runs from {cue.start:g} to {cue.end:g} s.")
    return sorted((cue for cue in cues if cue.text), key=lambda cue: (cue.start, cue.end))


def _from_row(number, row):
    try:
        start, end, text, *speaker = row
        speaker = [name if name is None else str(name) for name in speaker]
        return Cue(float(start), float(end), " ".join(text.split()), *speaker)
    except (TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"Subtitle {number} is {row!r}: give (start, end, text) or (start, end, text, speaker)."
        ) from error


def _from_file(path, encoding):
    if not path.is_file():
        raise DataMissing(f"The subtitle file {str(path)!r}", [path.absolute()], "check the path.")
    text, notes = decode_table(path.read_bytes(), path, encoding)
    if notes:
        notice(f"{path.name}: {'; '.join(notes)}.")
    lines, cues, place = text.split("\n"), [], 0
    while place < len(lines):
        times = _ARROW.match(lines[place])
        place += 1
        if times is None and "-->" in lines[place - 1]:
            raise BadInput(
                f"{path}, line {place}: {lines[place - 1].strip()[:60]!r} holds no times of a subtitle; mend it."
            )
        if times is None:
            continue
        text = []
        while place < len(lines) and lines[place].strip() and not _ARROW.match(lines[place]):
            text.append(lines[place])
            place += 1
        if place < len(lines) and _ARROW.match(lines[place]) and text and text[-1].strip().isdigit():
            text.pop()  # the number of the next cue, where no empty line stands between them
        groups = times.groups()
        cues.append(Cue(_seconds(groups[:4]), _seconds(groups[4:]), *_words(" ".join(text))))
    if not cues:
        raise DataCorrupt(f"{path} holds no subtitle: a line such as '00:00:01,000 --> 00:00:03,500' is expected.")
    return cues


def _seconds(parts):
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _words(text):
    """(text without markup, speaker or None)."""
    voice = re.match(r"\s*<v(?:\.[^ >]*)?\s+([^>]+)>", text)
    plain = " ".join(_TAG.sub("", text).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").split())
    plain = plain.removeprefix("- ")
    if voice:
        return plain, voice[1].strip()
    name = _NAME.match(plain)
    return (plain[name.end() :], name[1].title()) if name else (plain, None)
