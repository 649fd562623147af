"""``python -m emorec score`` and ``models``: sentences, tables of texts, pictures, sounds and films, from the terminal.

A table is read and written in blocks, so that its length does not matter, and an interrupted run goes on where it
stopped: beside the unfinished output lies a note of how far it is complete.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.files import named, output, replacing, write_text, written
from emorec.text.tokens import tokenise
from emorec.types import FilePath

if TYPE_CHECKING:
    import argparse

TABLES = {".csv": ",", ".tsv": "\t"}
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".mp3")
FILMS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4a")  # the last without a picture, as telephones record
DEFAULTS = {"text": "text-emotion", "face": "face-emotion", "voice": "voice-emotion"}
READS = {"text": "score_texts", "face": "predict_faces", "voice": "predict_over_time"}  # what such a classifier has
BLOCK = 512
UTTERANCE = 5.0  # seconds: a longer sound is read over time
SHOWN = ["start", "end", "speaker", "text", "face", "voice", "words", "emotion", "confidence", "decided_by", "disagree"]
TEXT = 40  # letters of a subtitle that a terminal shows


def add_parsers(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``score`` and ``models`` to the command line."""
    parser = subparsers.add_parser("score", help="read sentences, a table of texts, pictures, a sound or a film")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="sentences, or one or more files")
    parser.add_argument("--model", help="a name of `python -m emorec models`, or the file of a saved classifier")
    parser.add_argument("--text", metavar="COLUMN", help="of a table: the column that holds the texts")
    parser.add_argument("--out", metavar="FILE", help="where the table of answers goes (.csv or .tsv)")
    parser.add_argument("--encoding", default="utf-8-sig", help="of a table; UTF-8 where left out")
    parser.add_argument("--subtitles", metavar="FILE", help="of a film: its .srt or .vtt")
    parser.add_argument("--explain", action="store_true", help="of sentences: which words the answer came from")
    parser.set_defaults(run=_score)
    parser = subparsers.add_parser("models", help="the models that come along; with a name, the card of one")
    parser.add_argument("name", nargs="?")
    parser.set_defaults(run=_models)


def _models(options):
    from emorec import pretrained

    if options.name:
        print(pretrained.card(options.name))
        return 0
    print(pretrained.models().drop(columns="terms").to_string(index=False))
    return 0


def _score(options):
    kind = _kind(options.inputs)
    if options.out is not None:
        _check_target(options.out, options.inputs)
    return {"text": _sentences, "table": _table, "face": _faces, "voice": _sounds, "film": _film}[kind](options)


def _check_target(path, inputs):
    """Before the work, since what cannot be written at its end were lost."""
    target = output(path, "--out")
    if target.suffix.lower() not in TABLES:
        raise BadInput(f"--out {path!r}: answers are written as a .csv or .tsv file.")
    if any(os.path.realpath(target) == os.path.realpath(name) for name in inputs):
        raise BadInput(f"{path!r} is what is read: give another file for the result.")
    with written(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=target.parent).close()


def _kind(inputs):
    """What the inputs are: by the ending of files that exist; everything else is a sentence."""
    kinds = set()
    for name in inputs:
        suffix = Path(name).suffix.lower()
        for kind, endings in (("table", TABLES), ("face", PICTURES), ("voice", SOUNDS), ("film", FILMS)):
            if suffix in endings and " " not in suffix:
                if not Path(name).is_file():
                    raise DataMissing(f"The file {name!r}", [Path(name).absolute()], "check the name and the folder")
                kinds.add(kind)
                break
        else:
            if os.path.exists(name):
                raise BadInput(f"{name!r} is there, but {_what(name)}.")
            kinds.add("text")
    if len(kinds) > 1:
        raise BadInput(f"The inputs are of several kinds ({', '.join(sorted(kinds))}): score them one kind at a time.")
    return kinds.pop()


def _what(name):
    if os.path.isdir(name):
        return "a folder is read in Python: emorec.load('face-emotion').predict_folder(...)"
    known = ", ".join((*TABLES, *PICTURES, *SOUNDS, *FILMS))
    return f"its ending does not say what it is; known are {known}"


def _load(options, kind):
    from emorec import pretrained

    classifier = pretrained.load(options.model or DEFAULTS[kind])
    if not hasattr(classifier, READS[kind]):
        raise BadInput(f"{options.model!r} is a {type(classifier).__name__}: it does not read this kind of input.")
    return classifier


def _show(table, options):
    """Prints a table, or writes it to the file that was named."""
    if not options.out:
        shown = table.astype(object).where(table.notna(), "-")
        print(shown.to_string(index=False, float_format="{:.3f}".format))
        return
    target = output(options.out, "--out")
    write_text(target, table.to_csv(index=False, sep=TABLES.get(target.suffix.lower(), ",")))
    print(f"{len(table):,} rows: {options.out}")


def _sentences(options):
    classifier = _load(options, "text")
    probabilities = classifier.predict_proba(options.inputs)
    for text, answer, row in zip(options.inputs, classifier.answers(probabilities), probabilities):
        order = (-row).argsort()[:3]
        shares = ", ".join(f"{classifier.label_set_.names[i]} {100 * row[i]:.1f} %" for i in order)
        print(f"{_plain(answer):<12} {text}\n{'':<12} {shares}")
        if options.explain:
            words = classifier.explain(text).top(8)
            print(f"{'':<12} " + ", ".join(f"{word} {weight:.2f}" for word, weight in words))
    return 0


def _plain(answer):
    return answer if isinstance(answer, str) else ", ".join(map(str, answer)) or "none"


def _faces(options):
    import pandas as pd

    classifier, tables = _load(options, "face"), []
    for name in options.inputs:
        table = classifier.predict_faces(name)
        table.insert(0, "file", name)
        tables.append(table)
    _show(pd.concat(tables), options)
    return 0


def _sounds(options):
    """A row for each sound; of a single one that is longer than an utterance, a row for each stretch of time."""
    import pandas as pd

    from emorec.voice.sound import as_sound

    classifier = _load(options, "voice")
    if len(options.inputs) == 1 and (sound := as_sound(options.inputs[0], notices=False)).seconds > UTTERANCE:
        _show(classifier.predict_over_time(sound), options)
        return 0
    table = pd.DataFrame(classifier.predict_proba(options.inputs), columns=list(classifier.label_set_))
    table.insert(0, "emotion", classifier.answers(table.to_numpy()))
    table.insert(0, "file", options.inputs)
    _show(table, options)
    return 0


def _film(options):
    from emorec.multimodal.clip import read_clip

    if len(options.inputs) != 1:
        raise BadInput("Give one film at a time.")
    table = read_clip(options.inputs[0], subtitles=options.subtitles)
    if not options.out:
        table = table[SHOWN].copy()
        table["text"] = [text if len(text) <= TEXT else text[: TEXT - 2] + " …" for text in table["text"]]
        print("The probabilities of all classes are in the file that --out names.")
    _show(table, options)
    return 0


# --- tables


def _table(options):
    if len(options.inputs) != 1 or not options.text or not options.out:
        raise BadInput("For a table: python -m emorec score reviews.csv --text COLUMN --out scored.csv")
    classifier = _load(options, "text")
    rows = score_table(
        options.inputs[0], options.text, options.out, classifier, options.model or DEFAULTS["text"], options.encoding
    )
    print(f"{rows:,} rows scored: {options.out}")
    return 0


def score_table(
    source: FilePath, column: str, target: FilePath, classifier: Any, model: str = "", encoding: str = "utf-8-sig",
    progress: bool = True,
) -> int:  # fmt: skip
    """Scores the texts of a table and writes the table with the answers; memory does not grow with its length.

    Args:
        source: A .csv or .tsv file with a header. column: The name of the column that holds the texts.
        target: The file to write: all columns of the source, then ``emotion``, a column for each class
            (``p_anger`` ...), and ``unknown_words``, the share of words (0 to 1) that the model does not know. A row
            without text is kept, its new columns stay empty.
        classifier: A text classifier. model: Its name, so that a run is not taken up with another one.
        encoding: Of the source.
        progress: Whether a bar is shown.

    Returns:
        The number of rows.

    Raises:
        BadInput: No such column, an unknown encoding, or the target is the source. DataMissing: No such table.
            DataCorrupt: A row with another number of cells than the header (its line is named), or bytes that the
            encoding has not. NotWritten: A full disk. What was scored before stays; a second call goes on from there.
    """
    source, target = named(source, "source"), output(target, "target")
    for path in (source, target):
        if path.suffix.lower() not in TABLES:
            raise BadInput(f"{str(path)!r} is not a .csv or .tsv file.")
    if not source.is_file():
        raise DataMissing(f"The table {str(source)!r}", [source.absolute()], "check the name and the folder")
    if os.path.realpath(source) == os.path.realpath(target):
        raise BadInput(f"{str(target)!r} is the table itself: give another file for the result.")
    _known_encoding(encoding)
    part, note = (target.with_name(target.name + ending) for ending in (".part", ".part.json"))
    identity = {"source": str(source.resolve()), "size": source.stat().st_size, "mtime": source.stat().st_mtime_ns,
                "column": column, "model": model, "classes": list(classifier.label_set_)}  # fmt: skip
    done, size = _progress_of(note, part, identity)
    kept = f"the rows up to then are in {part.name}: make room, and run the same again, it goes on from there."
    with open(source, encoding=encoding, newline="") as opened, written(target, kept), _part(part, size) as file:
        reader = _checked(csv.reader(opened, delimiter=TABLES[source.suffix.lower()], strict=True), source, encoding)
        header = next(reader, None)
        if header is None or column not in header:
            raise BadInput(f"{source} has no column {column!r}; it has {', '.join(header or ()) or 'no header'}.")
        new = ["emotion", *(f"p_{name}" for name in classifier.label_set_), "unknown_words"]
        if doubled := [name for name in dict.fromkeys(header) if [*header, *new].count(name) > 1]:
            raise BadInput(f"{source}: the result would have the column {doubled[0]!r} twice; rename it.")
        writer = _Writer(file, TABLES[target.suffix.lower()])
        if not size:
            writer.rows([[*header, *new]])
        for _ in islice(reader, done):
            pass
        done = _blocks(reader, header, column, classifier, writer, note, identity, done, progress)
    with written(target, kept):
        os.replace(part, os.path.realpath(target))  # a link stays one
        note.unlink(missing_ok=True)
    return done


def _known_encoding(name):
    try:
        "a".encode(name)
    except (LookupError, ValueError, TypeError) as error:
        raise BadInput(f"encoding={name!r} is unknown; give one such as utf-8, cp1252 or shift_jis.") from error


def _part(path, size):
    """The unfinished file, open in bytes at the end of what is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "r+b" if size else "wb")  # noqa: SIM115
    file.truncate(size)
    file.seek(size)
    return file


class _Writer:
    """Rows to a file that is open in bytes, so that its size is known exactly."""

    def __init__(self, file, delimiter):
        self.file, self.delimiter = file, delimiter

    def rows(self, rows):
        csv.writer(self, delimiter=self.delimiter, lineterminator="\n").writerows(rows)
        self.file.flush()

    def write(self, text):
        self.file.write(text.encode("utf-8"))


def _blocks(reader, header, column, classifier, writer, note, identity, done, progress):
    from tqdm import tqdm

    position = header.index(column)
    with tqdm(initial=done, unit=" rows", disable=not progress, file=sys.stderr) as bar:
        while block := list(islice(reader, BLOCK)):
            writer.rows(_scored(block, position, classifier))
            done += len(block)
            _write_note(note, identity | {"rows": done, "bytes": writer.file.tell()})
            bar.update(len(block))
    return done


def _scored(block, position, classifier):
    """The rows of a block with their answers; classified together."""
    usable = [i for i, row in enumerate(block) if tokenise(row[position])]
    answers = {}
    if usable:
        probabilities, unknown = classifier.score_texts([block[i][position] for i in usable])
        for i, name, row, share in zip(usable, classifier.answers(probabilities), probabilities, unknown):
            answers[i] = [_plain(name), *(f"{p:.4f}" for p in row), f"{share:.3f}"]
    empty = [""] * (2 + len(classifier.label_set_))
    return [[*row, *answers.get(i, empty)] for i, row in enumerate(block)]


def _checked(reader, source, encoding):
    """The rows of a reader, each with as many cells as the header; faults name their line."""
    width = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            raise DataCorrupt(
                f"{source} is not in {encoding} (after line {reader.line_num}: {error.reason}): give its --encoding, "
                "such as cp1252."
            ) from error
        except csv.Error as error:
            raise DataCorrupt(f"{source}, line {reader.line_num}: {error}; look at the quotes there.") from error
        if not row:
            continue
        width = width or len(row)
        if len(row) != width:
            raise DataCorrupt(
                f"{source}, line {reader.line_num}, has {len(row)} cells where the header has {width}: a text with the "
                "separator in it must stand in quotes."
            )
        yield row


def _progress_of(note, part, identity):
    """(rows, bytes) of an earlier run of the same task that are complete, or zeros."""
    try:
        state = json.loads(note.read_text())
        rows, size = int(state.pop("rows")), int(state.pop("bytes"))
        if state == identity and part.stat().st_size >= size >= 0 <= rows:
            return rows, size
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return 0, 0


def _write_note(note, state):
    with replacing(note) as temporary:
        temporary.write_text(json.dumps(state), encoding="utf-8")
