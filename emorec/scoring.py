"""``python -m emorec score`` and ``models``: sentences, tables of texts, pictures, sounds and films, from the terminal.

A table is read and written in blocks, so that its length does not matter, and an interrupted run goes on where it
stopped: beside the unfinished output lies a note of how far it is complete.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
import warnings
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from emorec.datasets.tabular import KINDS, MAGIC, delimiter_of, refuse_foreign
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.files import named, output, printable, replacing, write_text, written
from emorec.notices import notice
from emorec.text.encoded import TextNotice
from emorec.text.tokens import tokenise
from emorec.types import FilePath

if TYPE_CHECKING:
    import argparse

TABLES = {".csv": ",", ".tsv": "\t"}  # and what separates the cells of those that are written
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".mp3")
FILMS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4a")  # the last without a picture, as telephones record
OTHER_FILES = (*KINDS, ".txt", ".gz")  # known as files, so that their names are not read as sentences
OF_ONE_KIND = {
    "text": "table",
    "encoding": "table",
    "subtitles": "film",
    "explain": "text",
}  # options, and the input that they are for
DEFAULTS = {"text": "text-emotion", "face": "face-emotion", "voice": "voice-emotion"}
READS = {"text": "score_texts", "face": "predict_faces", "voice": "predict_over_time"}  # what such a classifier has
BLOCK = 512
LONGEST = 10_000_000  # letters of a cell; without a limit, a quotation mark that has no fellow took all memory
UTTERANCE = 5.0  # seconds: a longer sound is read over time
SHOWN = ["start", "end", "speaker", "text", "face", "voice", "words", "emotion", "confidence", "decided_by", "disagree"]
TEXT = 40  # letters of a subtitle that a terminal shows


def add_parsers(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``score`` and ``models`` to the command line."""
    about = "read sentences, a table of texts, pictures, a sound or a film"
    languages = "The text models read English; the voice model learned from acted German speech."
    parser = subparsers.add_parser("score", help=about, description=f"{about.capitalize()}. {languages}")
    help_text = (
        "sentences (after -- where one begins with a dash), one or more files, or - for standard input, a line each"
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help=help_text)
    parser.add_argument("--model", help="a name of `python -m emorec models`, or the file of a saved classifier")
    parser.add_argument("--text", metavar="COLUMN", help="of a table: the column that holds the texts")
    parser.add_argument("--out", metavar="FILE", help="where the table of answers goes (.csv or .tsv)")
    parser.add_argument("--encoding", help="of a table; UTF-8, or UTF-16 with its mark, where left out")
    parser.add_argument("--subtitles", metavar="FILE", help="of a film: its .srt or .vtt")
    help_text = "of sentences: which words the answer came from (what its probability loses without each word)"
    parser.add_argument("--explain", action="store_true", help=help_text)
    parser.set_defaults(run=_score)
    parser = subparsers.add_parser("models", help="the models that come along; with a name, the card of one")
    parser.add_argument("name", nargs="?")
    parser.set_defaults(run=_models)


def _models(options):
    from emorec import pretrained

    if options.name:
        print(pretrained.card(options.name))
        return 0
    print(pretrained.models())
    return 0


def _score(options):
    if "-" in options.inputs[1:] or (len(options.inputs) > 1 and options.inputs[0] == "-"):
        raise BadInput("- stands for sentences from standard input, and comes alone.")
    if options.inputs == ["-"]:
        options.inputs, kind = _lines(sys.stdin), "text"
    else:
        kind = _kind(options.inputs, bool(options.text))
    for option, needed in OF_ONE_KIND.items():
        if getattr(options, option) and kind != needed:
            what = {"text": "sentences", "table": "a table", "film": "a film"}[needed]
            raise BadInput(f"--{option} is for {what}; {options.inputs[0]!r} is something else.")
    if options.out is not None:
        _check_target(options.out, options.inputs)
    return {"text": _sentences, "table": _table, "face": _faces, "voice": _sounds, "film": _film}[kind](options)


def _lines(stream):
    """The sentences of standard input."""
    if stream is None:
        raise BadInput("Standard input is closed: give sentences as arguments, or through a pipe.")
    try:
        lines = [line.strip() for line in stream if line.strip()]
    except UnicodeDecodeError as error:
        raise DataCorrupt(f"Standard input is not in {stream.encoding} ({error.reason}).") from error
    if not lines:
        raise BadInput("Standard input has no sentence: give a line each.")
    return lines


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


def _kind(inputs, files=False):
    """What the inputs are: files by their endings; everything else is a sentence, unless there are only ``files``."""
    kinds = set()
    for name in inputs:
        suffix = Path(name).suffix.lower()
        for kind, endings in (("table", TABLES), ("face", PICTURES), ("voice", SOUNDS), ("film", FILMS)):
            if suffix in endings and " " not in suffix:
                if not Path(name).is_file():
                    raise _absent(name)
                kinds.add(kind)
                break
        else:
            if os.path.exists(name):
                raise BadInput(f"{name!r} is there, but {_what(name)}.")
            if files or suffix in OTHER_FILES:
                raise _absent(name)
            kinds.add("text")
    if len(kinds) > 1:
        raise BadInput(f"The inputs are of several kinds ({', '.join(sorted(kinds))}): score them one kind at a time.")
    return kinds.pop()


def _absent(name):
    return DataMissing(f"The file {name!r}", [Path(name).absolute()], "check the name and the folder")


def _what(name):
    if os.path.isdir(name):
        return "a folder is read in Python: emorec.load('face-emotion').predict_folder(...)"
    suffix = Path(name).suffix.lower()
    if suffix == ".txt":
        return f"a text file is read from standard input, a line each: python -m emorec score - < {name}"
    if suffix in OTHER_FILES:
        return "of tables only .csv and .tsv are read here: save it as one, or read it with emorec.datasets.from_table"
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
    import pandas as pd

    classifier = _load(options, "text")
    encoded = classifier.read(options.inputs)
    probabilities = classifier.predict_proba(encoded)
    answers = classifier.answers(probabilities)
    for text, answer, row in zip(options.inputs, answers, probabilities):
        order = (-row).argsort()[:3]
        shares = ", ".join(f"{classifier.label_set_.names[i]} {100 * row[i]:.1f} %" for i in order)
        print(f"{_plain(answer):<12} {text}\n{'':<12} {shares}")
        if options.explain:
            print(_explained(classifier, text))
    if options.out:
        scored = zip(options.inputs, answers, probabilities, encoded.unknown_share)
        rows = [[printable(text), *_cells(answer, row, share)] for text, answer, row, share in scored]
        _show(pd.DataFrame(rows, columns=["text", *_new_columns(classifier)]), options)
    return 0


def _explained(classifier, text):
    """The words of a sentence that matter most to its answer, and what the numbers beside them are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextNotice)  # the reading of all sentences has said it
        explanation = classifier.explain(text, method="leave-one-out")
    words = ", ".join(f"{word} {100 * weight:+.1f}" for word, weight in explanation.top(8))
    header = f"{explanation.method}: percentage points that {explanation.target} loses without the word (- if it gains)"
    return f"{'':<12} {header}\n{'':<12} {words}"


def _plain(answer):
    return answer if isinstance(answer, str) else ", ".join(map(str, answer)) or "none"


def _faces(options):
    import pandas as pd

    classifier, tables = _load(options, "face"), []
    for name in options.inputs:
        table = classifier.predict_faces(name)
        if table.empty:
            whole = f"emorec.load('face-emotion').predict_faces({name!r}, detect='none')"
            print(f"{name}: no face was found. If the whole picture is a face: {whole}")
        table.insert(0, "file", printable(name))
        tables.append(table)
    answers = pd.concat(tables)
    if options.out or len(answers):
        _show(answers, options)
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
    table.insert(0, "file", list(map(printable, options.inputs)))
    _show(table, options)
    return 0


def _film(options):
    from emorec.multimodal.clip import read_clip

    if len(options.inputs) != 1:
        raise BadInput("Give one film at a time.")
    if options.model:
        raise BadInput("A film is read by three models, so that --model is not for it: emorec.multimodal.read_clip "
                       "takes others, as face=, voice= and words=.")  # fmt: skip
    table = read_clip(options.inputs[0], subtitles=options.subtitles)
    if not options.out:
        table = table[SHOWN].copy()
        table["text"] = [text if len(text) <= TEXT else text[: TEXT - 2] + " …" for text in table["text"]]
        print("The probabilities of all classes are in the file that --out names.")
    _show(table, options)
    return 0


# --- tables


def _table(options):
    asked = {"one table at a time": len(options.inputs) == 1, "--text COLUMN": options.text, "--out FILE": options.out}
    if missing := [name for name, there in asked.items() if not there]:
        example = "python -m emorec score reviews.csv --text review --out scored.csv"
        raise BadInput(f"A table also needs {' and '.join(missing)}, as in {example}")
    classifier = _load(options, "text")
    rows = score_table(
        options.inputs[0], options.text, options.out, classifier, options.model or DEFAULTS["text"], options.encoding
    )
    print(f"{rows:,} rows scored: {options.out}")
    return 0


def score_table(
    source: FilePath, column: str, target: FilePath, classifier: Any, model: str = "", encoding: str | None = None,
    progress: bool = True,
) -> int:  # fmt: skip
    """Scores the texts of a table and writes the table with the answers; memory does not grow with its length.

    Args:
        source: A .csv or .tsv file with a header, which tells what separates its cells (a comma, a semicolon, a
            tab or a bar). column: The name of the column that holds the texts.
        target: The file to write: all columns of the source, then ``emotion``, a column for each class
            (``p_anger`` ...), and ``unknown_words``, the share of words (0 to 1) that the model does not know. A row
            without text is kept, its new columns stay empty.
        classifier: A text classifier. model: Its name, so that a run is not taken up with another one.
        encoding: Of the source; None takes UTF-8, or UTF-16 with its mark.
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
    encoding = _known_encoding(encoding, source)
    with open(source, "rb") as file:
        head = file.read(512)
    if any(head.startswith(magic) for magic in (*dict(MAGIC), b"\x1f\x8b")):
        raise BadInput(f"{source} is packed, or of another program (Excel, Parquet, gzip): save it as CSV.")
    refuse_foreign(head, source)
    identity = {"source": str(source.resolve()), "size": source.stat().st_size, "mtime": source.stat().st_mtime_ns,
                "column": column, "encoding": encoding, "model": [model, *_state_of(model)],
                "classes": list(classifier.label_set_)}  # fmt: skip
    part = target.with_name(target.name + ".part")
    with _alone(part):
        return _score_rows(source, target, part, column, classifier, encoding, identity, progress)


def _score_rows(source, target, part, column, classifier, encoding, identity, progress):
    """Scores the rows that an earlier run has not, and moves the whole table into its place."""
    note = part.with_name(part.name + ".json")
    done, size = _progress_of(note, part, identity)
    if not size:
        note.unlink(missing_ok=True)  # of another run
    kept = f"the rows up to then are in {part.name}: make room, and run the same again, it goes on from there."
    with open(source, encoding=encoding, newline="") as opened, written(target, kept), _part(part, size) as file:
        delimiter = _delimiter(source, encoding)
        _after_mark(opened)
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
        reader = _checked(csv.reader(opened, delimiter=delimiter, strict=True), source, encoding, delimiter)
        header = [cell.strip() for cell in next(reader, ())]
        if column not in header:
            raise BadInput(f"{source} has no column {column!r}; it has {', '.join(header) or 'no header'}.")
        new = _new_columns(classifier)
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


def _state_of(model):
    """Size and time of a model's file, nothing for a model that comes along."""
    path = Path(os.path.expanduser(model))
    return [path.stat().st_size, path.stat().st_mtime_ns] if model and path.is_file() else []


def _known_encoding(name, source):
    """A name that Python knows; where None, that of a file's mark, else UTF-8."""
    if name is None:
        with open(source, "rb") as file:
            return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        "a".encode(name)
    except (LookupError, ValueError, TypeError) as error:
        raise BadInput(f"encoding={name!r} is unknown; give one such as utf-8, cp1252 or shift_jis.") from error
    return name


def _after_mark(file):
    """Passes over the byte-order mark with which a file may begin: it is no part of the first column's name."""
    try:
        if file.read(1) != "\ufeff":
            file.seek(0)
    except UnicodeError:  # said where the rows are read
        file.seek(0)


def _delimiter(source, encoding):
    try:
        with open(source, encoding=encoding, errors="replace", newline="") as file:
            start = file.read(65_536).removeprefix("\ufeff").splitlines()
    except UnicodeError as error:  # as of UTF-16 without its mark, which cannot be replaced
        raise DataCorrupt(f"{source} is not in {encoding} ({error}): give its --encoding.") from error
    return delimiter_of(next((line for line in start if line.strip()), ""), source.suffix.lower())


def _new_columns(classifier):
    return ["emotion", *(f"p_{name}" for name in classifier.label_set_), "unknown_words"]


@contextlib.contextmanager
def _alone(path):
    """Keeps other processes from writing the same file: their rows would stand among these."""
    import filelock

    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(path.name + ".lock"), timeout=0)
    with written(path):
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise BadInput(f"Another process is writing {path}: wait for it, or name another file.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


@contextlib.contextmanager
def _part(path, size):
    """The unfinished file, open in bytes at the end of what is complete."""
    try:
        with open(path, "r+b" if size else "wb") as file:
            file.truncate(size)
            file.seek(size)
            yield file
    except BaseException:
        if not path.with_name(path.name + ".json").exists():  # there is no complete row in it
            with contextlib.suppress(OSError):
                path.unlink()
        raise


class _Writer:
    """Rows to a file that is open in bytes, so that its size is known exactly."""

    def __init__(self, file, delimiter):
        self.file, self.delimiter = file, delimiter

    def rows(self, rows):
        csv.writer(self, delimiter=self.delimiter, lineterminator="\n").writerows(rows)
        self.file.flush()

    def write(self, text):
        self.file.write(text.encode("utf-8", errors="backslashreplace"))  # half a letter of UTF-16 has no bytes


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
            answers[i] = _cells(name, row, share)
    empty = [""] * (2 + len(classifier.label_set_))
    return [[*row, *answers.get(i, empty)] for i, row in enumerate(block)]


def _cells(answer, probabilities, unknown):
    """What stands in `_new_columns`."""
    return [_plain(answer), *(f"{p:.4f}" for p in probabilities), f"{unknown:.3f}"]


def _checked(reader, source, encoding, delimiter):
    """The rows of a reader, each with as many cells as the header; faults name their line."""
    width, doubted = None, False
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except UnicodeError as error:
            raise DataCorrupt(
                f"{source} is not in {encoding} (after line {reader.line_num}: {error}): give its --encoding, "
                "such as cp1252."
            ) from error
        except csv.Error as error:
            raise DataCorrupt(f"{source}, line {reader.line_num}: {error}; look at the quotes there.") from error
        if not any(cell.strip() for cell in row) and len(row) != width:  # an empty line
            continue
        width = width or len(row)
        if len(row) != width:
            raise DataCorrupt(
                f"{source}, line {reader.line_num}, has {len(row)} cells where the header has {width}: a text with the "
                "separator in it must stand in quotes."
            )
        if not doubted and (lines := _swallowed(row, delimiter)):
            doubted = True
            notice(
                f"{source}: a cell in quotes goes over {lines} lines, up to line {reader.line_num}, and some look like "
                "rows of their own. If there is no text with line ends, a quotation mark is left over there: double it."
            )
        yield row


def _swallowed(row, delimiter):
    """Number of lines of a row that goes over several which look like rows of their own, else 0."""
    if len(row) == 1 or not any("\n" in cell for cell in row):
        return 0
    lines = delimiter.join(row).split("\n")
    first, *between, last = (line.count(delimiter) + 1 == len(row) for line in lines)
    return len(lines) if any(between) or (first and last) else 0


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
