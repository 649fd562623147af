"""Bytes to text, and web pages told from data."""

import re

from emorec.errors import BadInput, DataCorrupt
from emorec.types import FilePath

_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")  # of UTF-8
_HIGH = re.compile(rb"[\x80-\xff]+")
_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ADVICE = (
    "Save it as UTF-8, or name its encoding: encoding='cp1252' (Western Europe), 'cp1250' (Central Europe), 'cp1251' "
    "(Cyrillic), 'cp1253' (Greek), 'gbk' (Chinese), 'shift_jis' (Japanese), 'euc_kr' (Korean), 'utf-16-le'."
)


def decode(data: bytes) -> str:
    """The text of a file of a published dataset: byte-order mark removed, line ends as ``\\n``.

    UTF-8; bytes that are no UTF-8 are read as cp1252, alone where most of the others are UTF-8, else all of them.

    Raises:
        DataCorrupt: UTF-16 that is cut off.
    """
    if text := _marked(data, "A text file"):
        return text
    try:
        return _line_ends(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _line_ends(_mended(data)[0] if _mostly_utf8(data) else data.decode("cp1252", errors="replace"))


def decode_table(data: bytes, name: FilePath, encoding: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of a table of a reader's own, and notes on what had to be decided about its encoding.

    UTF-8, or UTF-16 and UTF-32 with their mark. Single bytes that are no UTF-8 in a file that is are read as cp1252
    and noted; a file of Western text without any UTF-8 is read as cp1252 and noted; no other encoding is guessed.

    Args:
        data: The bytes.
        name: Of the file, for messages.
        encoding: Any that Python knows; None decides as above.

    Raises:
        BadInput: An encoding that Python does not know; another than these, to be named by the reader.
        DataCorrupt: Bytes that the encoding does not have.
    """
    if encoding is not None:
        return _line_ends(_decode_as(data, name, encoding).removeprefix("\ufeff")), ()
    if text := _marked(data, name):
        return text, ()
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise BadInput(f"{name}, line {line} holds a zero byte, as UTF-16 without a mark does: remove it. {_ADVICE}")
    try:
        return _line_ends(data.decode("utf-8-sig")), ()
    except UnicodeDecodeError:
        pass
    if _mostly_utf8(data):
        text, lines = _mended(data)
        where = ", ".join(map(str, lines[:5])) + (" and others" if len(lines) > 5 else "")
        return _line_ends(text), (f"bytes that are no UTF-8 were read as cp1252 (line {where})",)
    if not _western(data):
        raise BadInput(f"{name} is not in UTF-8, and its encoding cannot be told for certain. {_ADVICE}")
    note = "it is not in UTF-8 and was read as cp1252 (Western Europe); where accents are wrong, give its encoding"
    return _line_ends(data.decode("cp1252")), (note,)


def _line_ends(text):
    """The text with one kind of line end; a single carriage return was that of old spreadsheets."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _marked(data, name):
    """The text of a file that begins with the mark of UTF-16 or UTF-32, else an empty string."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return _line_ends(data.decode(encoding))
            except UnicodeDecodeError as error:
                shown = encoding.upper()
                raise DataCorrupt(f"{name} in {shown} is truncated or damaged ({error}): get it again.") from error
    return ""


def _decode_as(data, name, encoding):
    try:
        return data.decode(encoding)
    except LookupError as error:
        raise BadInput(f"encoding={encoding!r} is unknown to Python. {_ADVICE}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataCorrupt(f"{name}, line {line}: byte {data[error.start]:#04x} is not {encoding}. {_ADVICE}") from error


def _mostly_utf8(data):
    """Whether sequences of UTF-8 are at least as many as other bytes above 127."""
    sequences = len(_SEQUENCE.findall(data))
    others = sum(map(len, _HIGH.findall(_SEQUENCE.sub(b"", data))))
    return sequences > 0 and sequences >= others


def _mended(data):
    """UTF-8 whose invalid bytes are read as cp1252, and the numbers of their lines."""
    pieces, lines, done = [], [], 0
    while done < len(data):
        try:
            pieces.append(data[done:].decode("utf-8"))
            break
        except UnicodeDecodeError as error:
            start, end = done + error.start, done + error.end
            pieces += [data[done:start].decode("utf-8"), data[start:end].decode("cp1252", errors="replace")]
            lines.append(data.count(b"\n", 0, start) + 1)
            done = end
    return "".join(pieces).removeprefix("\ufeff"), list(dict.fromkeys(lines))


def _western(data):
    """Whether bytes above 127 stand alone among ASCII, as accents of Western Europe do, and all are in cp1252."""
    runs = _HIGH.findall(data)
    together = sum(len(run) for run in runs if len(run) > 1)
    if together > 0.3 * sum(map(len, runs)):
        return False
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return True


def refuse_html(head: bytes, name: FilePath) -> None:
    """Raises `DataCorrupt` where the first bytes of a file are those of a web page, or of a pointer to the file."""
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        raise DataCorrupt(
            f"{name} is a pointer of Git LFS, not the file itself: run `git lfs pull` in its repository, or download "
            "the file from its page there."
        )
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        raise DataCorrupt(
            f"{name} is a web page, not data: an error or a login form. Delete it and get the data again."
        )
