"""Readers of the official formats of text datasets, quirks included, and of a reader's own tables."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import numpy as np

from emorec import labels as sets
from emorec.datasets import store
from emorec.datasets.base import objects
from emorec.datasets.splits import PARTS, Rows, assemble
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.labels import LabelSet

PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "test": "test",
}
PART_NAMES |= {"val": "validation", "dev": "validation", "development": "validation", "testing": "test"}


def _lines(data):
    """Lines of a text file; never ``splitlines``, which also breaks at U+0085 and U+2028."""
    lines = store.decode(data).split("\n")
    return lines[:-1] if lines and not lines[-1] else lines


def _rows(table, label_set, *, official=False, **extra):
    """`Rows` from a list of (id, text, label, group or None, part or None)."""
    if not table:
        raise DataCorrupt("The files hold no row that can be read: truncated, or of another dataset.")
    ids, texts, labels, groups, parts = zip(*table)
    return Rows(
        inputs=objects(texts),
        labels=list(labels),
        ids=list(ids),
        label_set=label_set,
        groups=list(groups) if groups[0] is not None else None,
        parts=list(parts) if parts[0] is not None else None,
        **extra,
    )


# --- film reviews -------------------------------------------------------------------------------------------------


def _two_files(path, label_set, files):
    """One class to a file, one sentence to a line; ids count the lines of the file from 1."""
    table = []
    for label, prefix, pattern in files:
        _, data = store.read_one(path, pattern)
        sentences = [(number, line.strip()) for number, line in enumerate(_lines(data), 1)]
        table += [(f"{prefix}-{number:04d}", text, label, None, None) for number, text in sentences if text]
    return _rows(table, label_set)


def movie_polarity(path):
    """5,331 positive and 5,331 negative snippets, tokenised and lower case (Pang and Lee 2005)."""
    files = (("positive", "pos", "rt-polarity.pos*"), ("negative", "neg", "rt-polarity.neg*"))
    return _two_files(path, sets.POLARITY, files)


def movie_subjectivity(path):
    """5,000 subjective and 5,000 objective sentences (Pang and Lee 2004)."""
    files = (("subjective", "subj", "quote.tok.gt9.5000*"), ("objective", "obj", "plot.tok.gt9.5000*"))
    return _two_files(path, sets.SUBJECTIVITY, files)


# --- a reader's own table -----------------------------------------------------------------------------------------


def from_table(
    path, text="text", label="label", *, id=None, split=None, group=None, label_set=None, label_separator=None,
    delimiter=None, name=None, fold=0, folds=10, seed=0, validation=0.1,
):  # fmt: skip
    """A dataset from a CSV, TSV or JSONL file, or a pandas DataFrame.

    Args:
        path: The file, or the DataFrame.
        text: Column of the texts.
        label: Column of the class names.
        id: Column of unique ids; row numbers where None.
        split: Column of part names (train, validation or val or dev, test); fold ``fold`` of ``folds`` where None.
        group: Column of what must not be torn apart (author, document), or None.
        label_set: A `LabelSet` or a sequence of class names; the sorted names of the file where None.
        label_separator: What separates several labels of one text; makes the dataset multi-label.
        delimiter: Of a CSV file; tab for .tsv, else found from the header.
        name: Of the dataset; the file's where None.
        fold, folds, seed, validation: As in `emorec.datasets.load`.

    Returns:
        A `Dataset`.

    Raises:
        BadInput: A missing column, an unlabelled row, a label outside of the label set, a single class, too few rows.
        DataMissing: No such file.
        DataCorrupt: A web page, or broken JSON.
    """
    frame = hasattr(path, "columns") and hasattr(path, "to_dict")
    table = path.to_dict("records") if frame else _table(Path(path).expanduser(), delimiter)
    name = name or ("table" if frame else Path(path).stem)
    wanted = [column for column in (text, label, id, split, group) if column is not None]
    known = list(path.columns) if frame else list(table[0]) if table else []
    absent = [column for column in wanted if column not in known]
    if absent:
        raise BadInput(f"{name}: no column {', '.join(map(repr, absent))}; the table has {known}.")
    kept = [(number, row) for number, row in enumerate(table, 1) if _cell(row[text])]
    notes = (f"{len(table) - len(kept)} rows without text were dropped.",) if len(kept) < len(table) else ()
    labels = [_label(row[label], label_separator, name, number) for number, row in kept]
    label_set = _label_set(label_set, labels, name, label_separator is not None)
    canonical = lambda x: label_set.names[label_set.index(x)]  # noqa: E731
    labels = [tuple(map(canonical, x)) if label_separator is not None else canonical(x) for x in labels]
    rows = Rows(
        inputs=objects(str(row[text]) for _, row in kept),
        labels=labels,
        ids=[_cell(row[id]) if id is not None else f"row-{number}" for number, row in kept],
        label_set=label_set,
        parts=None if split is None else [_part(row[split], name, number) for number, row in kept],
        groups=None if group is None else [_cell(row[group]) for _, row in kept],
        notes=notes,
        protocol="the table's own split",
    )
    return assemble(name, rows, fold=fold, folds=folds, seed=seed, validation=validation)


def _table(path, delimiter):
    if not path.is_file():
        raise DataMissing(
            f"The table {str(path)!r}", [path.absolute()], "check the path; CSV, TSV and JSONL are read."
        )
    data = path.read_bytes()
    store.refuse_html(data, path)
    text = store.decode(data)
    if path.suffix in (".jsonl", ".ndjson", ".json"):
        try:
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        except json.JSONDecodeError as error:
            raise DataCorrupt(f"{path} is not one JSON object a line: {error}.") from error
    if delimiter is None:
        header = text.split("\n", 1)[0]
        delimiter = "\t" if path.suffix == ".tsv" else max(",;\t|", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    return list(reader)


def _cell(value):
    return "" if value is None or value != value else str(value).strip()


def _label(value, separator, name, number):
    if separator is not None:
        parts = value if isinstance(value, (list, tuple)) else _cell(value).split(separator)
        return tuple(part for part in map(_cell, parts) if part)
    if not _cell(value):
        raise BadInput(f"{name}: row {number} has no label; give it one or leave the row out.")
    return _cell(value)


def _label_set(given, labels, name, multi_label):
    if isinstance(given, LabelSet):
        return given
    found = given or sorted({x for row in labels for x in (row if multi_label else (row,))})
    if len(found) < 2:
        raise BadInput(f"{name}: a classifier needs two classes or more; found {list(found)}.")
    return LabelSet(name, tuple(found), multi_label=multi_label)


def _part(value, name, number):
    part = PART_NAMES.get(_cell(value).lower())
    if part is None:
        raise BadInput(f"{name}: row {number} belongs to part {value!r}; use {', '.join(PARTS)}.")
    return part
