"""Bytes to text, and web pages told from data."""

from __future__ import annotations

from emorec.errors import DataCorrupt


def decode(data):
    """Bytes of a text file to str: byte-order mark removed, UTF-8 or else cp1252, line ends as ``\\n``."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise DataCorrupt(f"A text file in UTF-16 is truncated or damaged ({error}): get it again.") from error
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n")


def refuse_html(head, name):
    """Raises `DataCorrupt` where the first bytes of a file are those of a web page."""
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        raise DataCorrupt(
            f"{name} is a web page, not data: an error or a login form. Delete it and get the data again."
        )
