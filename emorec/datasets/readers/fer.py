"""FER-2013 in all its official and widespread forms, and FER+, its labels by ten people."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from emorec import images as pictures
from emorec import labels as sets
from emorec.arguments import explained
from emorec.datasets import cache, cards, store
from emorec.datasets.archives import readable
from emorec.datasets.base import SPLIT_NAMES, SPLITS, objects
from emorec.datasets.readers import folders
from emorec.datasets.splits import Rows
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.types import Values

_USAGE = {b"training": 0, b"publictest": 1, b"privatetest": 2}
_TABLES = ("fer2013.csv", "fer2013.csv.gz", "icml_face_data.csv", "icml_face_data.csv.gz", "fer2013*.tar.gz")
TABLE_VERSION = 3  # of what `_parse` returns: another number makes cached tables anew
_PROTOCOL = "Training to train, PublicTest to validate, PrivateTest to test"
TOGETHER = 8  # rows of a table whose numbers are read at once: what they need stays in the processor's cache

_NO_TEST_LABELS = (
    "{} is the competition's train.csv or test.csv: it has no column Usage, and no labels for the test pictures. "
    "Get fer2013.tar.gz (fer2013.csv) or icml_face_data.csv from the same Kaggle page; both are complete."
)


def fer2013(
    path: str | Path, *, skip_corrupt: bool = False, size: int | None = None, grey: bool = False,
    crop: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Rows:  # fmt: skip
    """FER-2013 from fer2013.csv, its .gz or .tar.gz, icml_face_data.csv, or folders of pictures.

    Pictures are uint8 (N, 48, 48). Ids of a table are those of FER+: ``fer0000000`` is the first row. A table is parsed
    once, and from then on read from the user's cache folder.

    Args:
        path: File, archive or folder.
        skip_corrupt: Leave corrupt rows of a table out and say so in the notes, instead of raising.
        size, grey, crop: See `emorec.datasets.readers.folders`.

    Raises:
        BadInput: Kaggle's train.csv or test.csv, which carry no test labels.
        DataCorrupt: A corrupt row, named with its line and value.
    """
    file = _table_file(Path(path).expanduser())
    if file is None:
        return _pictures(path, size=size, grey=grey, crop=crop)
    names = ("fer2013.csv", "icml_face_data.csv")
    read = lambda: _parse(*store.read_one(file, *names, what="FER-2013", any_name=True))  # noqa: E731
    table = cache.of_file("faces", file, TABLE_VERSION, read)
    corrupt = table["corrupt"].tolist()
    if corrupt and not skip_corrupt:
        more = f" (and {len(corrupt) - 1} more rows)" if len(corrupt) > 1 else ""
        raise DataCorrupt(
            f"{file}, {corrupt[0]}{more}. Get the file again, or leave such rows out with skip_corrupt=True."
        )
    images = table["pixels"]
    if crop is not None or size not in (None, 48):
        changed = (image if crop is None else pictures.as_picture(crop(image)) for image in images)
        images = folders.stacked([image if size is None else pictures.squared(image, size) for image in changed])
    return Rows(
        inputs=images,
        labels=sets.EMOTIONS7.decode(table["emotion"]).tolist(),
        ids=[f"fer{row:07d}" for row in table["row"].tolist()],
        label_set=sets.EMOTIONS7,
        splits=objects(SPLITS)[table["split"]].tolist(),
        content=table["content"].tolist(),
        notes=tuple(f"left out: {reason}" for reason in corrupt),
        protocol=_PROTOCOL,
    )


def _table_file(path):
    """The table, or the archive that holds it; None where there are only pictures."""
    if path.is_file():
        if path.name in ("train.csv", "test.csv"):
            raise BadInput(_NO_TEST_LABELS.format(path))
        return path if path.suffix != ".zip" or _zip_holds_table(path) else None
    tables = (store.find(path, pattern) for pattern in _TABLES)
    zips = (file for file in sorted(path.rglob("*.zip")) if _zip_holds_table(file))
    if file := next(filter(None, tables), None) or next(zips, None):
        return file
    if half := store.find(path, "train.csv") or store.find(path, "test.csv"):
        raise BadInput(_NO_TEST_LABELS.format(half))
    return None


def _zip_holds_table(file):
    with readable(file), zipfile.ZipFile(file) as archive:
        return any(name.endswith(("fer2013.csv", "icml_face_data.csv")) for name in archive.namelist())


def _parse(name, data):
    """Arrays of a table: pixels, emotion, split and row of the good rows, and what is wrong with the others."""
    lines = io.BytesIO(data)  # one after the other: a list of them would be the table a second time
    header = lines.readline().rstrip(b"\n")
    columns = [column.strip(b' "\r\xef\xbb\xbf').lower() for column in header.split(b",")]
    if b"pixels" not in columns:
        raise DataCorrupt(f"{name} is no table of FER-2013: its first line is {header[:60]!r}.")
    if b"usage" not in columns or b"emotion" not in columns:
        raise BadInput(_NO_TEST_LABELS.format(name))
    order = [columns.index(column) for column in (b"emotion", b"pixels", b"usage")]
    good, pixels, corrupt = [], [], []
    numbered = enumerate(lines)
    while block := list(islice(numbered, TOGETHER)):
        there, texts = [], []
        for row, line in block:
            if line.strip():
                try:
                    emotion, values, split = _cells(line, order, len(columns))
                    there.append((emotion, split, row))
                    texts.append(values)
                except ValueError as problem:
                    corrupt.append(f"line {row + 2}: {problem}")
        if (together := _numbers_together(texts)) is not None:
            good += there
            pixels.append(together)
            continue
        for (emotion, split, row), values in zip(there, texts):  # what is wrong has to be said of a line
            try:
                pixels.append(_numbers(values)[None])
                good.append((emotion, split, row))
            except ValueError as problem:
                corrupt.append(f"line {row + 2}: {problem}")
    if not good:
        raise DataCorrupt(f"{name} has no usable row ({corrupt[0] if corrupt else 'it ends early'}). Get it again.")
    emotion, split, row = np.array(good, dtype="int32").T
    corrupt.sort(key=lambda problem: int(problem.split(":")[0].removeprefix("line ")))
    pixels = np.concatenate(pixels).reshape(-1, 48, 48)
    numbers = {"pixels": pixels, "emotion": emotion, "split": split, "row": row}
    content = np.array([folders.fingerprint(image) for image in pixels])
    return numbers | {"content": content, "corrupt": np.array(corrupt, dtype=str)}


def _cells(line, order, n):
    cells = [cell.strip(b' "\r\n') for cell in line.split(b",")]
    if len(cells) != n:
        raise ValueError(f"{len(cells)} columns instead of {n}")
    emotion, values, usage = (cells[i] for i in order)
    if emotion not in (b"0", b"1", b"2", b"3", b"4", b"5", b"6"):
        raise ValueError(f"emotion {_shown(emotion)} is not one of 0 to 6")
    if usage.lower() not in _USAGE:
        raise ValueError(f"Usage {_shown(usage)} is not Training, PublicTest or PrivateTest")
    return int(emotion), values, _USAGE[usage.lower()]


def _shown(value):
    return repr(value[:20].decode("ascii", "replace"))


def _numbers_together(texts):
    """The numbers of several rows, uint8 (rows, 2304), at a sixth of the cost of `_numbers`; None unless each row is
    2,304 numbers to 255 with single spaces between them, and nothing else."""
    if not texts:
        return None
    # At each letter the number that would end with it, from the two letters before; kept is where a space follows.
    letters = np.frombuffer(b"   " + b" ".join(texts) + b" ", dtype="uint8")
    blank, digit = letters == 32, letters - np.uint8(48) < 10
    value = letters & 15  # of a space: 0
    three = digit[:-2] & digit[1:-1] & digit[2:]
    hundreds = value[:-2] * three.view("uint8")
    two = value[1:-1] * np.uint8(10) + value[2:]
    number = hundreds * np.uint8(100) + two
    fits = hundreds.max() < 3 and (number >= two).all() and not (three[1:] & three[:-1]).any()
    if not (fits and (blank | digit).all()) or (blank[3:] & blank[2:-1]).any():
        return None
    ends, rows = np.flatnonzero(blank[3:]), np.cumsum([len(text) + 1 for text in texts]) - 1
    if len(ends) != 2304 * len(texts) or (ends[2303::2304] != rows).any():
        return None
    return number.take(ends).reshape(len(texts), 2304)


def _numbers(text):
    """The 2,304 numbers of a row, uint8; all at once, as 83 million calls of int would take a minute."""
    strange = text.translate(None, b"0123456789 ")  # numpy stops there without a word
    number = np.fromstring(b"" if strange else text, dtype="int64", sep=" ")
    if strange or number.max(initial=0) > 255:
        wrong = next((v for v in text.split() if not (v.isdigit() and len(v) < 4 and int(v) < 256)), text)
        raise ValueError(f"pixel value {_shown(wrong)} is not a number from 0 to 255")
    if len(number) != 2304:
        raise ValueError(f"{len(number)} pixel values instead of 2304")
    return number.astype("uint8")


def _pictures(path, **how):
    """``train`` and ``test`` folders of classes; the file names of one copy keep the three splits apart."""
    items, unknown = folders.by_class(folders.files(path), sets.EMOTIONS7)
    notes, extra = folders.left_out(unknown, "in folders of no class"), {"protocol": _PROTOCOL}
    matches = [re.match(r"(Training|PublicTest|PrivateTest)_", Path(item.path).name) for item in items]
    if all(matches):
        items = [item._replace(split=SPLIT_NAMES[match[1].lower()]) for item, match in zip(items, matches)]
    else:
        extra = {"protocol": "the folders' own split", "expected": {}}
        if all(item.split != "validation" for item in items):
            extra = {"protocol": "folders train and test as they are", "expected": {"train": 28709, "test": 7178}}
            notes += (
                "the test folder of this copy mixes PublicTest and PrivateTest: its numbers do not compare with those "
                "on PrivateTest; fer2013.csv keeps them apart",
            )
        items, more = folders.with_test(items)
        notes += more
    return folders.rows(items, sets.EMOTIONS7, f"FER-2013 in {path}", notes, **how, **extra)


# --- FER+

_VOTED = (*sets.FERPLUS.names, "unknown", "NF")


def ferplus(path: str | Path, *, rule: str = "majority", skip_corrupt: bool = False, **how: Any) -> Rows:
    """FER+: the pictures of FER-2013 with the votes of ten people each (Barsoum et al. 2016, arXiv:1608.01041).

    As in the paper, single votes are dropped first, then rows without a usable emotion; the notes count them.

    Args:
        path: Folder of fer2013new.csv; the pictures lie there, beside it or in a data root.
        rule: ``majority`` keeps rows of which more than half of the votes agree. ``probability`` keeps up to three
            emotions with three quarters of the votes, labels a row with the first, and `ferplus_distributions` has the
            shares.
        skip_corrupt, **how: As in `fer2013`.

    Raises:
        DataMissing: No pictures. DataCorrupt: the two tables are not of the same rows.
    """
    votes, splits = _votes(path)
    rows = fer2013(_place(Path(path)), skip_corrupt=skip_corrupt, **how)
    if not re.fullmatch(r"fer\d{7}", rows.ids[0]):
        raise BadInput("FER+ labels the rows of fer2013.csv or icml_face_data.csv; folders of pictures have no rows.")
    numbers = [int(i[3:]) for i in rows.ids]
    if numbers[-1] >= len(votes) or any(splits[n] != split for n, split in zip(numbers, rows.splits or ())):
        raise DataCorrupt(f"fer2013new.csv ({len(votes)} rows) and FER-2013 ({len(numbers)}) are not of the same rows.")
    best = _shares(votes, rule)[numbers].argmax(axis=1)
    keep = np.flatnonzero(best < 8)
    take = lambda values: [values[i] for i in keep.tolist()]  # noqa: E731
    lost = f"{(best == 8).sum()} rows without agreement on an emotion and {(best == 9).sum()} of no face were left out"
    return Rows(
        inputs=rows.inputs[keep], labels=sets.FERPLUS.decode(best[keep]).tolist(), ids=take(rows.ids),
        label_set=sets.FERPLUS, splits=take(rows.splits), content=take(rows.content), notes=(*rows.notes, lost),
        protocol=f"{rows.protocol}; {rule} of the votes",
    )  # fmt: skip


@explained
def ferplus_distributions(
    ids: Values, *, path: str | Path | None = None, root: str | Path | None = None, rule: str = "probability"
) -> np.ndarray:
    """Shares of the votes of FER+, to train with soft labels.

    Args:
        ids: N ids of the dataset ``ferplus`` (or ``fer2013``), e.g. ``data.train.ids``.
        path, root: As in `emorec.datasets.load`.
        rule: As in `ferplus`.

    Returns:
        float32 (N, 8), in the order of ``emorec.labels.FERPLUS``; rows sum to 1, or to 0 where there is no emotion.
    """
    votes, _ = _votes(store.locate(cards.get("ferplus"), path, root))
    shares = _shares(votes, rule)[[int(str(i).removeprefix("fer")) for i in ids]]
    emotions = np.where(shares.argmax(axis=1)[:, None] < 8, shares[:, :8], 0)
    return (emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1e-9)).astype("float32")


@explained
def ferplus_votes(ids: Values, *, path: str | Path | None = None, root: str | Path | None = None) -> np.ndarray:
    """The votes of FER+ themselves.

    Args:
        ids: N ids of the dataset ``ferplus`` or ``fer2013``. path, root: As in `emorec.datasets.load`.

    Returns:
        int64 (N, 10): votes for neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, and
        not a face.
    """
    votes, _ = _votes(store.locate(cards.get("ferplus"), path, root))
    return votes[[int(str(i).removeprefix("fer")) for i in ids]]


def _votes(path):
    """Votes, int64 (N, 10), and the split of every row of fer2013new.csv."""
    file, data = store.read_one(path, "fer2013new.csv", what="the labels of FER+", any_name=True)
    table = list(csv.DictReader(io.StringIO(store.decode(data), newline=""), restval=""))
    try:
        votes = np.array([[int(row[name]) for name in _VOTED] for row in table])
        return votes, [SPLIT_NAMES[row["Usage"].strip().lower()] for row in table]
    except (ValueError, KeyError) as error:
        raise DataCorrupt(f"{file} ends within a row, or holds something else ({error!r}). Get it again.") from error


def _place(path):
    """Where the pictures of FER-2013 lie: with the labels, in the same data root, or in any."""
    folder = path if path.is_dir() else path.parent
    if any(store.find(folder, pattern) for pattern in _TABLES):
        return folder
    try:
        return store.locate(cards.get("fer2013"), root=folder.parent)
    except DataMissing:
        return store.locate(cards.get("fer2013"))


def _shares(votes, rule):
    """What a rule of FER+ leaves of the votes: float64 (N, 10), the last two unknown and not a face."""
    votes = np.where(votes > 1, votes, 0)
    if rule == "majority":
        left = np.where(votes > 0.5 * votes.sum(axis=1, keepdims=True), votes, 0)
    elif rule == "probability":
        left = np.array([_most_voted(row) for row in votes.tolist()])
    else:
        raise BadInput(f"rule must be 'majority' or 'probability'; received {rule!r}.")
    left[left.sum(axis=1) == 0, 8] = 1
    return left / left.sum(axis=1, keepdims=True)


def _most_voted(row):
    """Up to three of the most voted until three quarters of the votes are reached; zeros where that fails."""
    total, left, open_ = sum(row), [0] * 10, True
    while open_ and sum(left) < 0.75 * total and np.count_nonzero(left) < 3:
        most = max(row)
        for i in (i for i, votes in enumerate(list(row)) if votes == most):
            row[i] = 0
            open_ = i < 8
            if open_ or not sum(left):  # unknown or not a face behind an emotion ends the search and is dropped
                left[i] = most
            if not open_:
                break
    return left if np.count_nonzero(left) <= 3 and sum(left) > 0.5 * total else [0] * 10
