"""Where data lies: roots, finding and reading files, so that no broken file becomes data.

Roots: an argument, else ``$EMOREC_DATA`` and then the per-user cache. Archives are read in place; nothing is unpacked
unless a reader asks for it (`emorec.datasets.cache.unpacked`).
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.datasets.archives import gunzip, is_archive, members, readable
from emorec.datasets.decoding import decode, refuse_html
from emorec.errors import BadInput, DataMissing
from emorec.types import FilePath, Values

if TYPE_CHECKING:
    from emorec.datasets.cards import Card

__all__ = [
    "decode", "download_root", "find", "holds", "locate", "missing", "places", "read", "read_one", "refuse_html",
    "roots", "user_cache",
]  # fmt: skip


def user_cache() -> Path:
    """The per-user cache folder of this project."""
    import pooch

    return Path(pooch.os_cache("emorec"))


def roots(root: FilePath | None = None) -> list[Path]:
    """Folders that may hold datasets, in the order they are looked at."""
    if root is not None:
        return [Path(root).expanduser()]
    named = os.environ.get("EMOREC_DATA")
    return [Path(named).expanduser(), user_cache()] if named else [user_cache()]


def download_root(root: FilePath | None = None) -> Path:
    """The first root that can be written to: a shared ``$EMOREC_DATA`` may be read-only."""
    for folder in roots(root):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise BadInput(f"{roots(root)[0]} cannot be written to; set EMOREC_DATA to a folder of yours.")


# --- finding


def holds(path: Path, card: Card) -> bool:
    """Whether a folder holds the files that a dataset needs."""

    def has(pattern):
        pattern = pattern.removesuffix("/")
        return any(True for p in path.rglob(pattern) if not p.name.startswith("."))

    return path.is_dir() and any(all(map(has, together)) for together in card.files)


def places(card: Card, root: FilePath | None = None) -> list[Path]:
    """Folders where a dataset may lie, in the order they are looked at."""
    return [folder / name for folder in roots(root) for name in (card.name, *card.folders)]


def locate(card: Card, path: FilePath | None = None, root: FilePath | None = None) -> Path:
    """The folder (or the file given as ``path``) where a dataset lies.

    Raises:
        DataMissing: With every path looked at, how to get the data and what to use instead.
    """
    if path is not None:
        path = Path(path).expanduser()
        if path.is_file() or holds(path, card):
            return path
        raise missing(card, [path], f" (in the path given; it should hold {_wanted(card)})")
    for place in places(card, root):
        if holds(place, card):
            return place
    raise missing(card, places(card, root), root=root)


def missing(card: Card, looked_in: Values, why: str = "", root: FilePath | None = None) -> DataMissing:
    """The `DataMissing` of a card."""
    usable = [folder for folder in roots(root) if os.access(folder, os.W_OK) or not folder.exists()]
    folder = [*usable, *roots(root)][0] / card.name
    by_hand = f"{card.get or f'download it from {card.home}'}, and put {_wanted(card)} into {folder}"
    how = f"python -m emorec data get {card.name}   (or by hand: {by_hand})" if card.urls else by_hand
    if getattr(card, "fetch", ""):
        how = f"python -m emorec data get {card.name}   (or: {card.get})"
    if not card.reader:  # one of `emorec.datasets.extras`
        return DataMissing(f"{card.name!r} ({getattr(card, 'what', '')}){why}", looked_in, how, card.instead)
    instead = f"emorec.datasets.load({card.instead!r}) is bundled and needs no network."
    return DataMissing(f"The dataset {card.name!r}{why}", looked_in, how, instead)


def _wanted(card):
    """The files that a dataset needs, in words."""
    return " or ".join(" + ".join(together) for together in card.files)


# --- reading


def _matching(path, patterns):
    contents = {}
    wanted = re.compile("|".join(fnmatch.translate("*/" + pattern) for pattern in patterns)).match
    with readable(path):
        for name, read in members(path):
            plain = name.removesuffix(".gz")
            junk = "__MACOSX" in name or plain.rsplit("/", 1)[-1].startswith("._")
            if not junk and wanted("/" + plain):
                data = read()
                contents[plain] = gunzip(data, f"{path}: {name}") if name.endswith(".gz") else data
    return contents


def read(path: FilePath, *patterns: str) -> dict[str, bytes]:
    """Files of a dataset by name, whether they lie in folders, archives (read in place) or gzipped.

    Args:
        path: A folder, an archive, or one of the files.
        patterns: Endings of paths as in ``fnmatch``, e.g. ``"train/pos/*.txt"``.

    Returns:
        A dict of path (``/`` as separator, ``.gz`` removed) to bytes; empty where nothing matches.

    Raises:
        DataCorrupt: A truncated archive, or a web page where data should be.
    """
    path = Path(path).expanduser()
    contents = _matching(path, patterns)
    if not contents and path.is_dir():
        for archive in sorted(p for p in path.rglob("*") if is_archive(p)):
            contents |= _matching(archive, patterns)
    for name, data in contents.items():
        refuse_html(data, f"{path}: {name}")
    return contents


def read_one(
    path: FilePath, *patterns: str, what: str = "a file of the dataset", any_name: bool = False
) -> tuple[str, bytes]:
    """(name, bytes) of the first pattern that matches anything; of several matches the shortest path.

    ``any_name`` takes a plain file given as ``path`` for it, whatever it is called.
    """
    path = Path(path).expanduser()
    if any_name and path.is_file() and not is_archive(path):
        patterns = (glob.escape(path.name.removesuffix(".gz")),)
    for pattern in patterns:
        contents = read(path, pattern)
        if contents:
            return min(contents.items(), key=lambda item: (len(item[0]), item[0]))
    raise DataMissing(f"{' or '.join(patterns)} ({what})", [path])


def find(path: FilePath, pattern: str) -> Path | None:
    """The path of one file below a folder, for files too large for `read`; None where there is none."""
    path = Path(path)
    if path.is_file():
        return path
    return next((p for p in sorted(path.rglob(pattern)) if not p.name.startswith(".")), None)
