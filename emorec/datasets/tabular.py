"""A reader's own table in memory: CSV, TSV, JSON, Excel and Parquet files and DataFrames as rows by column.

A delimiter or a quotation mark that stands in a text unmarked never cuts it, nor makes a class, in silence: such a row
is repaired where there is one way to read it, and noted, else it is an error that names its line.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.datasets.archives import gunzip
from emorec.datasets.decoding import decode_table, refuse_html
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.types import FilePath, Values

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    ".json": "json", ".jsonl": "json", ".ndjson": "json", ".xlsx": "excel", ".xlsm": "excel", ".xls": "excel",
    ".ods": "excel", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
MAGIC = ((b"PK\x03\x04", "excel"), (b"\xd0\xcf\x11\xe0", "excel"), (b"PAR1", "parquet"))
_FOREIGN = {
    b"BZh": "packed with bzip2", b"\xfd7zXZ": "packed with xz", b"\x28\xb5\x2f\xfd": "packed with Zstandard",
    b"\x1f\x8b": "gzipped twice", b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"ARROW1": "a Feather file",
    b"\x80\x04": "a pickle", b"\x80\x05": "a pickle", b"\x89HDF": "an HDF5 file", b"SQLite": "an SQLite database",
    b"%PDF": "a PDF", b"\x93NUMPY": "a NumPy array",
}  # fmt: skip
_ENGINES = {"excel": "openpyxl", "parquet": "pyarrow"}


@dataclass
class Table:
    """Rows of a table.

    Attributes:
        columns: Names, without those that are empty.
        rows: A dict of column to cell for every row.
        lines: For every row the number by which its reader finds it: the line of a text file, the row of a sheet,
            else 1, 2, 3 ...
        unit: What ``lines`` count: ``line`` or ``row``.
        notes: What was decided or repaired.
        orders: Values in their order, by column, of columns that have one (ordered categories).

    Example:
        >>> Table(["text", "label"], [("good", "pos")], [2]).rows
        [('good', 'pos')]
    """

    columns: list
    rows: list
    lines: list
    unit: str = "row"
    notes: tuple = ()
    orders: dict = field(default_factory=dict)


def read(
    source: FilePath | pd.DataFrame, wanted: Mapping[str, str], *, delimiter: str | None = None,
    encoding: str | None = None,
) -> Table:  # fmt: skip
    """The table in a file or a DataFrame.

    Args:
        source: A path, or a DataFrame of pandas, Polars or Arrow.
        wanted: Dict of the columns that are used: ``text`` and ``label``, perhaps ``id``, ``split`` and ``group``,
            to their names.
        delimiter, encoding: Of a text file; None finds them.

    Raises:
        BadInput: A column that is absent or there twice, a row that can be read in two ways, an encoding that has to
            be named, a library that is missing.
        DataMissing: No such file. DataCorrupt: A web page, damaged, or no table.
    """
    if hasattr(source, "to_pandas"):  # of Polars or Arrow
        source = source.to_pandas()
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        return _of_frame(source, wanted, "the table")
    path = Path(source).expanduser()
    if not path.is_file():
        kinds = "CSV, TSV, JSON, Excel and Parquet are read, gzipped too."
        raise DataMissing(f"The table {path}", [path.absolute()], f"check the path; {kinds}")
    data, suffixes = path.read_bytes(), [suffix.lower() for suffix in path.suffixes]
    if data[:2] == b"\x1f\x8b":
        data = gunzip(data, path)
    refuse_foreign(data, path)
    suffix = next((s for s in reversed(suffixes) if s != ".gz"), "")
    kind = next((kind for magic, kind in MAGIC if data.startswith(magic)), KINDS.get(suffix, "text"))
    if kind in _ENGINES:
        return _of_binary(data, wanted, path, kind)
    text, notes = decode_table(data, path, encoding)
    is_json = kind == "json" or text.lstrip().startswith(('{"', "[{"))  # whatever its ending says
    table = _of_json(text, wanted, path) if is_json else _of_text(text, wanted, path, delimiter, suffix)
    table.notes = (*notes, *table.notes)
    return table


def refuse_foreign(head: bytes, name: FilePath) -> None:
    """Raises an error where the first bytes of a file are those of a web page, an archive, or another kind of file.

    Raises:
        BadInput: What the file is. DataCorrupt: A web page.
    """
    refuse_html(head, name)
    if kind := next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), None):
        raise BadInput(f"{name} is {kind}, which is not read as a table: unpack it, or save the table as CSV.")


def check_columns(columns: Values, wanted: Mapping[str, str], name: FilePath) -> None:
    """Raises `BadInput` where a wanted column is absent or there twice."""
    columns = list(columns)
    absent = [column for column in wanted.values() if column not in columns]
    if absent:
        raise BadInput(f"{name}: no column {', '.join(map(repr, absent))}; the table has {columns}.")
    counts = Counter(columns)
    twice = sorted({str(column) for column in wanted.values() if counts[column] > 1})
    if twice:
        raise BadInput(f"{name}: two columns are called {twice[0]!r}; rename or remove one of them.")


# --- frames, sheets, Parquet


def _of_frame(frame, wanted, name):
    check_columns(frame.columns, wanted, name)
    frame = frame[list(dict.fromkeys(wanted.values()))]
    orders = {
        column: list(values.cat.categories)
        for column, values in frame.items()
        if getattr(values.dtype, "ordered", False) and hasattr(values, "cat")
    }
    rows = [dict(zip(frame.columns, cells)) for cells in zip(*(frame[column].tolist() for column in frame.columns))]
    return Table(list(frame.columns), rows, list(range(1, len(rows) + 1)), orders=orders)


def _of_binary(data, wanted, path, kind):
    import pandas as pd

    try:
        if kind == "parquet":
            return _of_frame(pd.read_parquet(io.BytesIO(data)), wanted, path)
        with pd.ExcelFile(io.BytesIO(data)) as book:
            sheets = book.sheet_names
            sheet = book.parse(header=None, dtype=object, keep_default_na=False)
    except ImportError as error:
        advice = f"pip install {getattr(error, 'name', None) or _ENGINES[kind]}, or save the table as CSV in UTF-8"
        raise BadInput(f"{path}: pandas needs another library to read it ({error}). Do {advice}.") from error
    except BadInput:
        raise
    except Exception as error:  # each engine has errors of its own
        raise DataCorrupt(f"{path} cannot be read as {kind} ({error}): damaged, or of another kind.") from error
    header, *cells = sheet.to_numpy().tolist() or [[]]
    header = [str(name).strip() for name in header]
    check_columns(header, wanted, path)
    rows = [dict(zip(header, row)) for row in cells]
    others = ", ".join(map(repr, map(str, sheets[1:4])))
    notes = (f"the sheet {str(sheets[0])!r} was read, and not the others ({others})",) if others else ()
    return Table(header, rows, list(range(2, len(rows) + 2)), notes=notes)


# --- JSON


def _of_json(text, wanted, path):
    rows, lines, unit = _json_rows(text, path)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    check_columns(columns, wanted, path)
    return Table(columns, rows, lines, unit)


def _json_rows(text, path):
    """Objects of an array, of lines, or of columns; their numbers; and what these count."""
    if not text.strip():
        return [], [], "line"
    try:
        whole = json.loads(text, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError):
        return (*_json_lines(text, path), "line")
    if isinstance(whole, dict):
        columns = list(whole.values())
        if all(isinstance(c, list) for c in columns) and len({len(c) for c in columns}) == 1:
            whole = [dict(zip(whole, cells)) for cells in zip(*columns)]
        elif all(isinstance(c, dict) for c in columns) and len({tuple(c) for c in columns}) == 1:
            whole = [{name: c[key] for name, c in whole.items()} for key in columns[0]]
        else:
            whole = [whole]
    if not isinstance(whole, list) or not all(isinstance(row, dict) for row in whole):
        raise DataCorrupt(f"{path} is JSON, but neither objects in an array or in lines, nor an object of columns.")
    return whole, list(range(1, len(whole) + 1)), "row"


def _json_lines(text, path):
    rows, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line, object_pairs_hook=_once)
            except (json.JSONDecodeError, RecursionError) as error:
                raise DataCorrupt(f"{path}, line {number} is not one JSON object: {error}.") from error
            if not isinstance(row, dict):
                raise DataCorrupt(f"{path}, line {number} is not one JSON object: {line[:60]!r}.")
            rows.append(row)
            lines.append(number)
    return rows, lines


def _once(pairs):
    """A JSON object; Python would silently keep the last of two values of one name."""
    row = dict(pairs)
    if len(row) < len(pairs):
        name = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise BadInput(f"A JSON object has two values called {name!r}: {str(pairs)[:80]}.")
    return row


# --- delimited text


def delimiter_of(header: str, suffix: str) -> str:
    """What separates the cells of a delimited file: a comma, a semicolon, a tab or a bar.

    Args:
        header: The first line of the file that is not empty.
        suffix: The ending of its name, such as ``.tsv``.

    Raises:
        BadInput: The line is one that Excel writes for itself, ``sep=;``.

    Example:
        >>> delimiter_of("id;review;stars", ".csv")
        ';'
    """
    if header.strip().strip('"').lower().startswith("sep="):
        raise BadInput(f"The table begins with {header.strip()!r}, a line for Excel alone: remove it.")
    return "\t" if suffix == ".tsv" and "\t" in header else max(",;\t|", key=header.count)


def _of_text(text, wanted, path, delimiter, suffix):
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if delimiter is None:
        delimiter = delimiter_of(first, suffix)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter))]
    while header and not header[-1]:
        header.pop()
    check_columns(header, wanted, path)
    parsing = _Parsing(header, wanted, path, delimiter)
    records, notes = parsing.records(text)
    rows, repaired = [], []
    known = {cells[header.index(wanted["label"])].strip() for _, cells in records if len(cells) == len(header)}
    for number, cells in records:
        if len(cells) != len(header):
            cells = parsing.repaired(number, cells, known)
            repaired.append(number)
        rows.append(dict(zip(header, cells)))
    if repaired:
        where = ", ".join(map(str, repaired[:5])) + (" and others" if len(repaired) > 5 else "")
        notes += (f"{len(repaired)} rows had another number of cells than the header and were repaired (line {where})",)
    return Table([name for name in header if name], rows, [number for number, _ in records], "line", notes)


@dataclass
class _Parsing:
    header: list
    wanted: dict
    path: Path
    delimiter: str
    _failed_at: int = 0

    def records(self, text) -> tuple[list, tuple[str, ...]]:
        """Pairs (line, cells) below the header, and notes: quoted as CSV is, or plain where that fits better."""
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()][1:]
        plain = [(number, self._plain(line)) for number, line in lines]
        fits = all(len(cells) == len(self.header) for _, cells in plain)
        if '"' not in text or (fits and self.delimiter == "\t"):
            return plain, ()
        quoted = self._quoted(text)
        if quoted is None and '\\"' in text:
            quoted = self._quoted(text, escapechar="\\", doublequote=False)
        if quoted is None and fits:
            return plain, ("quotation marks are not paired; they were read as plain characters",)
        if quoted is None:
            raise self._unpaired(self._failed_at)
        swallowed = self._swallowed(quoted, plain)
        if swallowed and fits:
            return plain, ("quotation marks are not paired; they were read as plain characters",)
        if swallowed:
            raise self._unpaired(swallowed)
        return quoted, ()

    def _plain(self, line):
        """Cells of a line in which quotation marks mean nothing but around a whole cell."""
        return [unquoted(cell) for cell in line.split(self.delimiter)]

    def _quoted(self, text, **dialect):
        """Records of well-formed CSV, or None."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True, **dialect)
        records, start = [], 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    records.append((start, cells))
                start = reader.line_num + 1
        except csv.Error:
            self._failed_at = start
            return None
        return records[1:]

    def _unpaired(self, line):
        return BadInput(
            f"{self.path}, line {line}: a quotation mark opens there and has no fellow where the cell ends. Double the "
            "quotation marks inside of quoted texts, as pandas' to_csv does, or remove it."
        )

    def _swallowed(self, quoted, plain):
        """The line of a record that holds line ends and, in between, what looks like rows of its own; else None."""
        label, n = self.header.index(self.wanted["label"]), len(self.header)
        spans = [(number, sum(cell.count("\n") for cell in cells)) for number, cells in quoted]
        inside = {number + i for number, more in spans if more for i in range(more + 1)}
        known = {cells[label].strip() for number, cells in quoted if number not in inside and len(cells) == n}
        rows = {number for number, cells in plain if len(cells) == n and cells[label].strip() in known}
        for number, more in spans:
            first, *between, last = (line in rows for line in range(number, number + more + 1)) if more else (0, 0)
            if any(between) or (first and last):
                return number
        return None

    def repaired(self, number, cells, known) -> list[str]:
        """The cells of a row that has too many or too few, where there is one way to read it.

        Empty cells at the end go, and unused ones come; what is left over belongs to the text if all other columns are
        used, and the row's label is one that other rows have.
        """
        n, label = len(self.header), self.header.index(self.wanted["label"])
        used = [self.header.index(column) for column in self.wanted.values()]
        if len(cells) > n and not any(cell.strip() for cell in cells[n:]):
            return cells[:n]
        if max(used) < len(cells) < n and cells[label].strip() in known:
            return cells + [""] * (n - len(cells))
        at, extra = self.header.index(self.wanted["text"]), len(cells) - n
        if extra > 0 and len(set(used)) == n:
            joined = self.delimiter.join(cells[at : at + extra + 1])
            whole = [*cells[:at], joined, *cells[at + extra + 1 :]]
            if whole[label].strip() in known and '"' not in "".join(whole):
                return whole
        shown = self.delimiter.join(cells)
        raise BadInput(
            f"{self.path}, line {number} has {len(cells)} cells and the header {n}: {shown[:80]!r}. Put texts that "
            f"hold {self.delimiter!r} or line ends into quotation marks, as pandas' to_csv does."
        )


def unquoted(cell: str) -> str:
    """A cell without the quotation marks around it, doubled ones inside made single."""
    wrapped = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if wrapped else cell
