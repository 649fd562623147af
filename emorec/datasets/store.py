"""Where data lies: finding, fetching, verifying and reading files, so that no broken file becomes data.

Roots: an argument, else ``$EMOREC_DATA`` and then the per-user cache. Archives are read in place; nothing is
unpacked unless a reader asks for it with `unpacked`.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import gzip
import hashlib
import io
import lzma
import os
import pickle
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from emorec.errors import BadInput, DataCorrupt, DataMissing

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip")
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)


def user_cache():
    """The per-user cache folder of this project."""
    import pooch

    return Path(pooch.os_cache("emorec"))


def roots(root=None):
    """Folders that may hold datasets, in the order they are looked at."""
    if root is not None:
        return [Path(root).expanduser()]
    given = os.environ.get("EMOREC_DATA")
    return [Path(given).expanduser(), user_cache()] if given else [user_cache()]


def download_root(root=None):
    """The first root that can be written to: a shared ``$EMOREC_DATA`` may be read-only."""
    for folder in roots(root):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise BadInput(f"{roots(root)[0]} cannot be written to; set EMOREC_DATA to a folder of yours.")


# --- finding


def _holds(path, card):
    def has(pattern):
        pattern = pattern.removesuffix("/")
        return any(True for p in path.rglob(pattern) if not p.name.startswith("."))

    return path.is_dir() and any(all(map(has, together)) for together in card.files)


def places(card, root=None):
    """Folders where a dataset may lie, in the order they are looked at."""
    return [folder / name for folder in roots(root) for name in (card.name, *card.folders)]


def locate(card, path=None, root=None):
    """The folder (or the file given as ``path``) where a dataset lies.

    Raises:
        DataMissing: With every path looked at, how to get the data and what to use instead.
    """
    if path is not None:
        path = Path(path).expanduser()
        if path.is_file() or _holds(path, card):
            return path
        raise missing(card, [path], f" (in the path given; it should hold {card.wanted})")
    for place in places(card, root):
        if _holds(place, card):
            return place
    raise missing(card, places(card, root), root=root)


def missing(card, looked_in, why="", root=None):
    """The `DataMissing` of a card."""
    usable = [folder for folder in roots(root) if os.access(folder, os.W_OK) or not folder.exists()]
    folder = [*usable, *roots(root)][0] / card.name
    by_hand = f"{card.get or f'download it from {card.home}'}, and put {card.wanted} into {folder}"
    how = f"python -m emorec data get {card.name}   (or by hand: {by_hand})" if card.urls else by_hand
    if not card.reader:  # one of `emorec.datasets.extras`
        return DataMissing(f"{card.name!r} ({card.what}){why}", looked_in, how, card.instead)
    instead = f"emorec.datasets.load({card.instead!r}) is bundled and needs no network."
    return DataMissing(f"The dataset {card.name!r}{why}", looked_in, how, instead)


# --- reading


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


@contextlib.contextmanager
def _readable(path):
    try:
        yield
    except _BROKEN as error:
        if path.is_file():
            with open(path, "rb") as file:
                refuse_html(file.read(512), path)
        raise DataCorrupt(
            f"{path} cannot be read ({error}): it is truncated, damaged or not an archive. Delete it and get it again."
        ) from error


def _members(path):
    """Pairs (name, function that reads it) of a folder, an archive, or a plain file and its neighbours."""
    if path.is_dir():
        for folder, folders, files in os.walk(path, followlinks=True):
            folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
            for file in (Path(folder, f) for f in sorted(files) if not f.startswith(".")):
                yield file.relative_to(path).as_posix(), file.read_bytes
    elif path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, lambda info=info: archive.read(info)
    elif path.name.endswith(ARCHIVES):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name, lambda member=member: archive.extractfile(member).read()
            _to_the_end(archive)
    else:
        for file in sorted(p for p in path.parent.iterdir() if p.is_file()):
            yield file.name, file.read_bytes


def _to_the_end(archive):
    """Reads what follows the last member of a tar: only there is the compressed file's checksum compared."""
    while archive.fileobj.read(2**20):
        pass


def _matching(path, patterns):
    found = {}
    wanted = re.compile("|".join(fnmatch.translate("*/" + pattern) for pattern in patterns)).match
    with _readable(path):
        for name, read in _members(path):
            plain = name.removesuffix(".gz")
            junk = "__MACOSX" in name or plain.rsplit("/", 1)[-1].startswith("._")
            if not junk and wanted("/" + plain):
                data = read()
                found[plain] = gzip.decompress(data) if name.endswith(".gz") else data
    return found


def read(path, *patterns):
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
    found = _matching(path, patterns)
    if not found and path.is_dir():
        for archive in sorted(p for p in path.rglob("*") if p.name.endswith(ARCHIVES)):
            found |= _matching(archive, patterns)
    for name, data in found.items():
        refuse_html(data, f"{path}: {name}")
    return found


def read_one(path, *patterns, what="a file of the dataset", any_name=False):
    """(name, bytes) of the first pattern that matches anything; of several matches the shortest path.

    ``any_name`` takes a plain file given as ``path`` for it, whatever it is called.
    """
    path = Path(path).expanduser()
    if any_name and path.is_file() and not path.name.endswith(ARCHIVES):
        patterns = (glob.escape(path.name.removesuffix(".gz")),)
    for pattern in patterns:
        found = read(path, pattern)
        if found:
            return min(found.items(), key=lambda item: (len(item[0]), item[0]))
    raise DataMissing(f"{' or '.join(patterns)} ({what})", [path])


def find(path, pattern):
    """The path of one file below a folder, for files too large for `read`; None where there is none."""
    path = Path(path)
    if path.is_file():
        return path
    return next((p for p in sorted(path.rglob(pattern)) if not p.name.startswith(".")), None)


_HARMLESS = {
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "builtins": {"set", "frozenset", "bytearray", "complex"},
    "collections": {"OrderedDict"},
    "_codecs": {"encode"},
}


class _NumpyUnpickler(pickle._Unpickler):  # the one in Python: that in C lets nobody look at states
    """Unpickles numpy arrays and builtin containers, and refuses everything that could run code."""

    def find_class(self, module, name):
        plain = {"__builtin__": "builtins"}.get(module, module.replace("numpy._core", "numpy.core"))
        if name in _HARMLESS.get(plain, ()):
            return super().find_class(module, name)
        raise DataCorrupt(f"The pickle asks for {module}.{name}, which no data file needs; it is not read.")

    def load_build(self):
        """Sets the state of arrays, once, and of plain dtypes, as numpy writes it: with another state numpy would take
        bytes for the addresses of objects, or free what is in use."""
        state, made = self.stack[-1], self.stack[-2]
        if isinstance(made, np.ndarray):
            plain = made.size == 0
        else:
            plain = repr(state) == repr(made.newbyteorder(state[1]).__reduce__()[2])
        if not plain:
            raise DataCorrupt(
                "The pickle holds an array or a dtype that is not plain (structured, say); it is not read."
            )
        super().load_build()

    dispatch = pickle._Unpickler.dispatch | {pickle.BUILD[0]: load_build}


def safe_unpickle(data, encoding="latin1"):
    """The object in a pickle (bytes) that holds only numpy arrays and builtin containers; otherwise `DataCorrupt`."""
    try:
        return _NumpyUnpickler(io.BytesIO(data), encoding=encoding).load()
    except (DataCorrupt, MemoryError):
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataCorrupt(
            f"This is no pickle, or a damaged one ({error!r}): delete the file and get it again."
        ) from error


# --- unpacking


def extract(archive, folder):
    """Unpacks an archive into a new folder: all of it or nothing, and never outside of the folder.

    Raises:
        DataCorrupt: A truncated archive, or one with a member that would land elsewhere.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary,
        _readable(archive),
    ):
        inner = Path(temporary, "data")
        inner.mkdir()
        if archive.name.endswith(".zip"):
            with zipfile.ZipFile(archive) as file:
                for name in file.namelist():
                    if not (inner / name).resolve().is_relative_to(inner.resolve()):
                        raise DataCorrupt(f"{archive} would write outside of its folder: {name!r}.")
                file.extractall(inner)
        else:
            with tarfile.open(archive) as file:
                file.extractall(inner, filter="data")
                _to_the_end(file)
        os.replace(inner, folder)
    return folder


def unpacked(archive):
    """The folder in the user cache that holds the unpacked archive; unpacks it at the first call."""
    archive = Path(archive).resolve()
    stat = archive.stat()
    key = hashlib.sha256(f"{archive}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = user_cache() / "unpacked" / f"{archive.name.split('.')[0]}-{key}"
    with _lock(folder):
        return folder if folder.is_dir() else extract(archive, folder)


# --- downloading


@contextlib.contextmanager
def _lock(target):
    import filelock

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(target.parent / f".{target.name}.lock")
    try:
        lock.acquire(timeout=0.5)
    except filelock.Timeout:
        print(f"waiting for another process that is getting {target.name} ...", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def fetch(card, root=None, *, force=False, progress=True):
    """Downloads a dataset, checks it, and only then moves it to its place; safe between processes.

    Args:
        card: A card with addresses.
        root: Where to put it; see `download_root`.
        force: Download even if the data is there.
        progress: Show a bar.

    Returns:
        The folder.

    Raises:
        DataMissing: No address, or no connection.
        DataCorrupt: A wrong checksum, a truncated archive, a web page, or other counts than the published.
    """
    if not card.urls:
        raise missing(card, [], " has no address without a form, so it", root)
    target = download_root(root) / card.name
    with _lock(target):
        if not force and _holds(target, card):
            return target
        for stale in target.parent.glob(f".{card.name}-*"):  # of a process that was killed
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{card.name}-", dir=target.parent) as temporary:
            folder = Path(temporary, "data")
            folder.mkdir()
            for url in card.urls:
                _download(card, url, folder / url.split("?")[0].rsplit("/", 1)[-1], root, progress)
            _, problems = check_content(card, folder)
            if problems:
                raise DataCorrupt(f"{card.urls[0]}: {'; '.join(problems)}. Nothing was kept.")
            if target.exists():  # with files of the user's: they stay
                for file in folder.iterdir():
                    os.replace(file, target / file.name)
            else:
                os.replace(folder, target)
    return target


def _download(card, url, target, root, progress):
    import pooch
    import requests

    try:
        pooch.HTTPDownloader(progressbar=progress, timeout=60)(url, str(target), None)
    except requests.exceptions.ChunkedEncodingError as error:
        raise DataCorrupt(f"{url} stopped halfway. Nothing was kept; run the command again.") from error
    except requests.RequestException as error:
        reason = error if isinstance(error, requests.HTTPError) else f"no connection to {url.split('/')[2]}"
        why = f" could not be downloaded ({reason}), so it"
        raise missing(card, [*places(card, root), url], why, root) from error
    with open(target, "rb") as opened:
        refuse_html(opened.read(512), url)
    expected = card.sha256.get(target.name)
    if expected and sha256(target) != expected:
        raise DataCorrupt(
            f"{url} has sha256 {sha256(target)}, expected {expected}: the file changed or was damaged on the "
            f"way. Nothing was kept; run the command again, or take the file from {card.home} by hand."
        )
    with _readable(target):
        for _, read_member in _members(target) if target.name.endswith(ARCHIVES) else ():
            read_member()


# --- verifying


def sha256(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(card, path):
    """(file, state) of the files whose sha256 the card records; state says ok, differs, or not recorded."""
    states = []
    for name, data in read(path, *card.sha256).items() if card.sha256 else ():
        same = card.sha256[name.rsplit("/", 1)[-1]] == hashlib.sha256(data).hexdigest()
        states.append((name, "ok" if same else "differs from the official file"))
    return states or [(str(path), "sha256 not recorded")]


def count_problems(rows, expected):
    """Differences between the rows of each part or class and the published numbers."""
    counts = Counter(rows.parts if rows.parts is not None else ())
    counts.update(name for x in rows.labels for name in ((x,) if isinstance(x, str) else x))
    return [f"{counts[k]:,} rows of {k} where {n:,} are published" for k, n in expected.items() if counts[k] != n]


def check_content(card, path):
    """Reads the data and compares it with what is recorded.

    Returns:
        The `checksums`, and a list of problems: checksums that differ, counts other than the published ones.
    """
    states = checksums(card, path)
    problems = [f"{name} {state}" for name, state in states if state.startswith("differs")]
    if not card.reader or card.drawn:  # a file with a checksum alone, or made by this package: nothing to count
        return states, problems
    try:
        rows = card.read(path)
    except DataMissing as error:
        if not card.beside:  # labels whose pictures are another dataset cannot be read alone
            problems.append(str(error))
    else:
        problems += count_problems(rows, card.expected if rows.expected is None else rows.expected)
    return states, problems
