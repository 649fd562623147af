"""Zip and tar archives: their members in place, and unpacking them into a folder, all of it or nothing."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

from emorec.datasets.decoding import refuse_html
from emorec.errors import DataCorrupt

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip")
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)


@contextlib.contextmanager
def readable(path):
    """Turns what reading a damaged archive raises inside the block into `DataCorrupt`."""
    try:
        yield
    except _BROKEN as error:
        if path.is_file():
            with open(path, "rb") as file:
                refuse_html(file.read(512), path)
        raise DataCorrupt(
            f"{path} cannot be read ({error}): it is truncated, damaged or not an archive. Delete it and get it again."
        ) from error


def members(path):
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
            _read_to_end(archive)
    else:
        for file in sorted(p for p in path.parent.iterdir() if p.is_file()):
            yield file.name, file.read_bytes


def _read_to_end(archive):
    """Reads what follows the last member of a tar: only there is the compressed file's checksum compared."""
    while archive.fileobj.read(2**20):
        pass


def extract(archive: str | Path, folder: str | Path) -> Path:
    """Unpacks an archive into a new folder: all of it or nothing, and never outside of the folder.

    Raises:
        DataCorrupt: A truncated archive, or one with a member that would land elsewhere.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary,
        readable(archive),
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
                _read_to_end(file)
        os.replace(inner, folder)
    return folder
