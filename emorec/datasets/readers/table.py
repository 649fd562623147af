"""A dataset from a reader's own table of texts and labels."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emorec.arguments import explained
from emorec.datasets import tabular
from emorec.datasets.base import SPLIT_NAMES, SPLITS, Dataset, objects
from emorec.datasets.splits import Rows, assemble
from emorec.errors import BadInput
from emorec.labels import LabelSet, notice_alike
from emorec.notices import notice
from emorec.types import FilePath, Strings

if TYPE_CHECKING:
    import pandas as pd

_SEVERAL = (list, tuple, set, frozenset, np.ndarray)  # kinds of cells that hold several labels
_RUNS = re.compile("[0-9]+|[^0-9]+")


@explained
def from_table(
    path: FilePath | pd.DataFrame, text: str = "text", label: str = "label", *, id: str | None = None,
    split: str | None = None, group: str | None = None, label_set: LabelSet | Strings | None = None,
    label_separator: str | None = None, delimiter: str | None = None, encoding: str | None = None,
    name: str | None = None, fold: int = 0, folds: int = 10, seed: int = 0, validation: float = 0.1,
) -> Dataset:  # fmt: skip
    """A dataset from a CSV, TSV, JSON, Excel or Parquet file, gzipped or not, or a DataFrame.

    A text with a delimiter that is not quoted is never cut: such a row is put together again where there is one way
    to do it, which the notes tell, or is an error that names its line.

    Args:
        path: The file, or a DataFrame of pandas, Polars or Arrow. JSON may be one object a line or an array of
            objects. Excel files need the library openpyxl, Parquet files pyarrow.
        text: Column of the texts.
        label: Column of the class names or numbers; of lists, sets or arrays of them for a multi-label dataset.
        id: Column of unique ids; row numbers where None.
        split: Column of split names (train, validation or val or dev, test); folds are made where None.
        group: Column of what must not be torn apart (author, document), or None.
        label_set: A `LabelSet` or a sequence of class names. Where None: the values of the file, in the order of an
            ordered categorical column, else sorted, numbers by their size.
        label_separator: What separates several labels in a cell; makes the dataset multi-label.
        delimiter: Of a CSV file; tab for .tsv, else found from the header.
        encoding: Of a text file, e.g. ``"cp1251"``; UTF-8 where None.
        name: Of the dataset; the file's where None.
        fold, folds, seed, validation: As in `emorec.datasets.load`.

    Raises:
        BadInput: A missing or doubled column, an unlabelled row, a row that can be read in two ways, an encoding that
            cannot be told, an unknown label, a single class, too few rows, a label column that holds no classes.
        DataMissing: No such file.
        DataCorrupt: A web page, broken JSON, a damaged file.

    Example:
        >>> import emorec, pandas as pd
        >>> frame = pd.DataFrame({"text": ["good", "bad"] * 20, "label": ["pos", "neg"] * 20})
        >>> frame["text"] += frame.index.astype(str)
        >>> emorec.datasets.from_table(frame)
        <table: 32 / 4 / 4 (train / validation / test), 2 classes>
    """
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
        raise BadInput(f"delimiter is one sign, such as ',' or '|'; received {delimiter!r:.40}.")
    if label_separator is not None and (not isinstance(label_separator, str) or not label_separator):
        raise BadInput(f"label_separator is what stands between labels, such as '|'; received {label_separator!r:.40}.")
    if text is None or label is None:
        raise BadInput(f"text and label are names of columns; received text={text!r:.40} and label={label!r:.40}.")
    wanted = {"text": text, "label": label, "id": id, "split": split, "group": group}
    wanted = {role: column for role, column in wanted.items() if column is not None}
    table = tabular.read(path, wanted, delimiter=delimiter, encoding=encoding)
    name = name or ("table" if hasattr(path, "columns") else Path(path).name.removesuffix(".gz").rpartition(".")[0])
    kept = [(n, f"{table.unit} {line}", row) for n, (line, row) in enumerate(zip(table.lines, table.rows), 1)
            if _text(row.get(text), name, f"{table.unit} {line}")]  # fmt: skip
    dropped = len(table.rows) - len(kept)
    notes = (f"{dropped} rows without text were dropped.",) if dropped else ()
    multi_label = label_separator is not None or any(isinstance(row.get(label), _SEVERAL) for _, _, row in kept)
    labels = [_labels(row.get(label), multi_label, label_separator, name, where) for _, where, row in kept]
    if split is None and len(kept) < folds:
        raise BadInput(
            f"{name}: {len(kept)} rows with a text are too few for {folds} folds, one of which is the test split. "
            f"Collect more, give fewer folds (folds=3), or name a column of splits; below some hundred rows no number "
            "means much."
        )
    label_set = _label_set(label_set, labels, name, multi_label, table.orders.get(label))
    _mind_rare_classes(labels, [where for _, where, _ in kept], name, multi_label)
    canonical = lambda x: label_set.names[label_set.index(x)]  # noqa: E731
    rows = Rows(
        inputs=objects(str(row[text]) for _, _, row in kept),
        labels=[tuple(map(canonical, x)) if multi_label else canonical(x) for x in labels],
        ids=[_cell(row.get(id)) if id is not None else f"row-{n}" for n, _, row in kept],
        label_set=label_set,
        splits=None if split is None else [_split(row.get(split), name, where) for _, where, row in kept],
        groups=None if group is None else [_cell(row.get(group)) or f"row-{n}" for n, _, row in kept],
        notes=(*table.notes, *notes),
        protocol="the table's own split",
    )
    if table.notes:
        notice(f"{name}: {'; '.join(table.notes)}")
    return assemble(name, rows, fold=fold, folds=folds, seed=seed, validation=validation)


def _text(value, name, where):
    if isinstance(value, (*_SEVERAL, dict)):
        raise BadInput(f"{name}: {where} has a {type(value).__name__} in the place of a text; join its words first.")
    if isinstance(value, (bytes, bytearray)):
        raise BadInput(f"{name}: {where} has bytes in the place of a text; decode them, e.g. text.decode('utf-8').")
    return _cell(value)


def _cell(value):
    """A cell as it would be written: empty where there is nothing, whole numbers without ``.0``."""
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if str(value) == "<NA>" or value != value:  # also NaN and NaT
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _labels(value, multi_label, separator, name, where):
    """The class name of a cell, or the tuple of its names."""
    if not multi_label:
        if isinstance(value, (bytes, bytearray, dict)):
            raise BadInput(f"{name}: {where} has a {type(value).__name__} in the place of a label; make it a string.")
        if not _cell(value):
            raise BadInput(f"{name}: {where} has no label; give it one or leave the row out.")
        return _cell(value)
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist()
    elif isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    elif not isinstance(value, list | tuple):
        value = [value] if separator is None else _cell(value).split(separator)
    return tuple(label for label in map(_cell, value) if label)


def _label_set(wanted, labels, name, multi_label, order):
    if isinstance(wanted, LabelSet):
        return wanted
    counts = Counter(x for row in labels for x in (row if multi_label else (row,)))
    if wanted is None:
        names = sorted(counts, key=_sort_key(counts))
        if order is not None:
            names = [x for x in map(_cell, order) if x in counts]
        notice_alike(names, name)
    elif isinstance(wanted, (str, bytes, dict, set, frozenset)):
        raise BadInput(f"{name}: label_set is a list of class names in their order; received {wanted!r:.60}.")
    else:
        names = list(map(_cell, wanted))
    if len(names) < 2:
        raise BadInput(f"{name}: a classifier needs two classes or more; the labels are {names}.")
    if wanted is None and len(labels) >= 20 and len(names) > len(labels) / 2:
        raise BadInput(
            f"{name}: the label column has {len(names)} different values in {len(labels)} rows ({names[0][:40]!r}, "
            f"{names[1][:40]!r}, ...), which are no classes. Is it the right column? Numbers can be cut into classes."
        )
    return LabelSet(name, tuple(names), multi_label=multi_label)


def _sort_key(names):
    """By size where all are numbers; else by name, numbers inside of names by size (``9 stars``, ``10 stars``)."""
    try:
        size = {name: float(name) for name in names}
        return lambda name: (size[name], name)
    except ValueError:
        return lambda name: [(run.isdigit(), int(run) if run.isdigit() else 0, run) for run in _RUNS.findall(name)]


def _mind_rare_classes(labels, places, name, multi_label):
    """Warns of classes of a single row, which a mark that cut a row might have made."""
    counts = Counter(x for row in labels for x in (row if multi_label else (row,)))
    lone = [(x, where) for row, where in zip(labels, places) for x in (row if multi_label else (row,))
            if counts[x] == 1]  # fmt: skip
    if lone and len(labels) >= 20:
        shown = ", ".join(f"{x[:40]!r} ({where})" for x, where in lone[:3])
        notice(f"{name}: {len(lone)} classes have a single row: {shown}. Slips of a table?")


def _split(value, name, where):
    split = SPLIT_NAMES.get(_cell(value).lower())
    if split is None:
        raise BadInput(f"{name}: {where} belongs to the split {value!r}; use {', '.join(SPLITS)}.")
    return split
