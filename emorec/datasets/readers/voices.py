"""Readers of the official formats of speech datasets: the name of a file says who speaks and how.

Inputs are the paths of the sound files, which are read when they are needed; groups are the speakers.
"""

import re
from pathlib import Path

from emorec import labels as sets
from emorec.checks import choice
from emorec.datasets import store
from emorec.datasets.base import objects
from emorec.datasets.decoding import decode
from emorec.datasets.readers import folders
from emorec.datasets.splits import Rows
from emorec.errors import DataCorrupt
from emorec.types import FilePath, Strings

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
FILMS = (".mp4", ".avi", ".mov", ".mkv", ".flv")


def _by_name(path, pattern, row, label_set, what, suffixes=SUFFIXES):
    """Rows of the files whose stem matches; ``row`` makes (label, speaker) of a match, or None to pass over."""
    rows, others = {}, []
    for name, file in folders.files(path, suffixes=suffixes):
        match = re.fullmatch(pattern, file.stem)
        if match is None:
            others.append(name)
        elif (made := row(match)) is not None:
            rows.setdefault(file.stem, (file, *made))  # some archives hold every file twice
    if not rows:
        raise DataCorrupt(
            f"{path} holds no file named like those of {what}"
            + (f"; there is e.g. {others[0]!r}. Keep the official names." if others else ".")
        )
    left_out = (f"{len(others)} files were left out, not named as in {what}, e.g. {others[0]}",) if others else ()
    files, labels, speakers = zip(*rows.values())
    speakers = list(speakers)
    return Rows(objects(files), list(labels), list(rows), label_set, groups=speakers, keep=("groups",), notes=left_out)


# --- EMO-DB

_EMODB = dict(zip("WLEAFTN", sets.EMODB.names))


def emodb(path: FilePath, *, least_recognised: float = 0.0, least_natural: float = 0.0) -> Rows:
    """EMO-DB: ``03a01Fa.wav`` is speaker 03, sentence a01, happiness (F), version a; 16 kHz, 1 to 9 s.

    Groups are the ten speakers.

    Args:
        path: The folder, or wav.zip.
        least_recognised, least_natural: Percent of the 20 listeners of the perception test (erkennung.txt) who named
            the emotion, and who found it natural, below which an utterance is left out; the authors' own are 80 and 60.
    """
    heard = emodb_perception(path) if least_recognised or least_natural else None

    def row(match):
        if heard is not None:
            recognised, natural = heard.get(match[0], (0, 0))
            if recognised < least_recognised or natural < least_natural:
                return None
        return _EMODB[match[3]], match[1]

    rows = _by_name(path, r"(\d\d)([ab]\d\d)([WLEAFTN])([a-z]?)", row, sets.EMODB, "EMO-DB")
    if heard is not None:
        rows.expected = {}
        words = f"at least {least_recognised:g} % of listeners recognised it, {least_natural:g} % found it natural"
        rows.notes = (f"{len(rows.ids)} utterances of which {words}", *rows.notes)
    return rows


def emodb_perception(path: FilePath) -> dict[str, tuple[float, float]]:
    """The perception test of EMO-DB, from its erkennung.txt.

    Args:
        path: The folder that holds it, or the file.

    Returns:
        Name of an utterance, ``"03a01Fa"``, to the percent of 20 listeners who named its emotion, and of those who
        found it natural.

    Raises:
        DataMissing: No such file. DataCorrupt: no line of it reads as one.
    """
    path = Path(path).expanduser()
    if path.is_file() and path.suffix != ".txt":
        path = path.parent
    name, data = store.read_one(path, "erkennung.txt", what="the perception test of EMO-DB")
    heard = {}
    for line in decode(data).split("\n"):
        match = re.match(r"\s*\d+\s+(\w{6,8})\.wav\s+([\d.,]+)\s+([\d.,]+)", line.replace("\xa0", " "))
        if match:
            heard[match[1]] = tuple(float(number.replace(",", ".")) for number in (match[2], match[3]))
    if not heard:
        raise DataCorrupt(f"{name} holds no line like '1  03a01Ab.wav  65,00  35,00': get it again.")
    return heard  # type: ignore[return-value]


# --- RAVDESS

_RAVDESS = dict(zip(("01", "02", "03", "04", "05", "06", "07", "08"), sets.RAVDESS.names))


def ravdess(path: FilePath, *, kind: str = "sound", channel: str = "speech") -> Rows:
    """RAVDESS: ``03-01-06-01-02-01-12.wav`` is sound alone, speech, fear, normal, sentence 2, first time, actor 12.

    Groups are the 24 actors, odd numbers men, even numbers women.

    Args:
        path: The folder with ``Actor_01`` and so on, or an archive, such as Audio_Speech_Actors_01-24.zip.
        kind: ``sound`` (03), ``film`` (01: picture and sound) or ``silent film`` (02).
        channel: ``speech`` (01), ``song`` (02) or ``both``.
    """
    kinds = {"film": "01", "silent film": "02", "sound": "03"}
    channels = {"speech": ("01",), "song": ("02",), "both": ("01", "02")}
    for name, value, known in (("kind", kind, kinds), ("channel", channel, channels)):
        choice(name, value, known)

    def row(match):
        wanted = match[1] == kinds[kind] and match[2] in channels[channel]
        return (_RAVDESS[match[3]], match[7]) if wanted else None

    pattern = r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])"
    rows = _by_name(path, pattern, row, sets.RAVDESS, "RAVDESS", SUFFIXES if kind == "sound" else FILMS)
    if (kind, channel) != ("sound", "speech"):
        rows.expected = {}
    return rows


# --- CREMA-D

_CREMAD = dict(zip(("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"), sets.CREMAD.names))
_SENTENCES = "IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI"


def cremad(path: FilePath, *, kind: str = "sound", levels: Strings = ("LO", "MD", "HI", "XX")) -> Rows:
    """CREMA-D: ``1001_DFA_ANG_XX.wav`` is actor 1001, sentence DFA, anger, of unsaid strength.

    Groups are the 91 actors.

    Args:
        path: The folder with ``AudioWAV`` (or ``VideoFlash``), or an archive of it.
        kind: ``sound`` or ``film``.
        levels: Strengths to read: low, medium, high, not said.
    """
    choice("kind", kind, ("sound", "film"))

    def row(match):
        return (_CREMAD[match[3]], match[1]) if {None: "XX", "X": "XX"}.get(match[4], match[4]) in levels else None

    pattern = rf"(1\d{{3}})_({_SENTENCES})_({'|'.join(_CREMAD)})(?:_(LO|MD|HI|XX|X))?"
    rows = _by_name(path, pattern, row, sets.CREMAD, "CREMA-D", SUFFIXES if kind == "sound" else FILMS)
    if kind == "film" or len(levels) < 4:
        rows.expected = {}
    return rows
