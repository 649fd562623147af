"""Zip and tar archives: their members in place, and unpacking them into a folder, all of it or nothing.

Nobody vouches for an archive, so that what it may become is bounded: by a multiple of its own size and a number of
members. The environment variable ``EMOREC_UNPACK_GB`` allows more.
"""

import contextlib
import gzip
import io
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from emorec.datasets.decoding import refuse_html
from emorec.errors import BadInput, DataCorrupt, EmorecError
from emorec.types import FilePath

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip")
SWELLING = 200  # bytes for each byte of an archive; texts and pixels as digits become 3 to 20 times as large
SPARE = 64 * 2**20  # bytes that any archive may become
MEMBERS = 3_000_000
OPTION = "EMOREC_UNPACK_GB"


def is_archive(path: Path, endings: str | tuple[str, ...] = ARCHIVES) -> bool:
    """Whether a file's ending, in letters of any case, is one of an archive."""
    return path.name.lower().endswith(endings)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what reading a damaged, locked or foreign file raises inside the block into an error that names it.

    Raises:
        BadInput: An archive with a password. DataCorrupt: Anything else.
    """
    try:
        yield
    except (EmorecError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own, and damaged files meet them all
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, gzip.BadGzipFile):
            if error.filename is not None:  # no such file, no permission: of the machine, and it names the file
                raise
        if isinstance(error, RuntimeError) and "encrypted" in str(error):
            raise BadInput(f"{path} is locked with a password: unpack it yourself, and give the folder.") from error
        if isinstance(error, NotImplementedError):
            raise DataCorrupt(
                f"{path} is packed in a way that Python cannot read ({error}): unpack it yourself, and give the folder."
            ) from error
        if path.is_file():
            with open(path, "rb") as file:
                refuse_html(file.read(512), path)
        kind = "an archive" if is_archive(path) else "what its name says"
        raise DataCorrupt(
            f"{path} cannot be read ({str(error) or type(error).__name__}): it is truncated, damaged or not {kind}. "
            "Delete it and get it again."
        ) from error


class Bound:
    """Counts what comes out of a file, and stops it where no honest file ends.

    Args:
        path: Of the file, for the message.
        size: Its bytes.

    Example:
        >>> Bound("data.zip", 1000).count(10)  # small enough: nothing is raised
    """

    def __init__(self, path: FilePath, size: int) -> None:
        self.path, self.members = path, 0
        self.allowed = max(SPARE + SWELLING * size, _allowed_by_option())

    def count(self, size: int) -> None:
        """Counts a member of so many bytes.

        Raises:
            BadInput: Too many bytes, or too many members.
        """
        self.members += 1
        self.allowed -= size
        if self.allowed < 0 or self.members > MEMBERS:
            raise BadInput(
                f"{self.path} would become more than {SWELLING} times as large as it is, or has more than "
                f"{MEMBERS:,} members, as archives made to fill a disk do. If you trust it, allow more: set the "
                f"environment variable {OPTION} to a number of gigabytes, or unpack it yourself."
            )


def _allowed_by_option() -> float:
    """Bytes that the environment variable allows, 0 where it is not set."""
    chosen = os.environ.get(OPTION) or "0"
    try:
        number = float(chosen)
    except ValueError:
        number = -1
    if not number >= 0:  # nor NaN
        raise BadInput(f"The environment variable {OPTION} is {chosen!r}: set it to a number of gigabytes, such as 50.")
    return number * 1e9


def gunzip(data: bytes, name: FilePath) -> bytes:
    """The content of a gzipped file, bounded as archives are.

    Raises:
        DataCorrupt: Damaged or cut off. BadInput: See `Bound`.
    """
    bound, pieces = Bound(name, len(data)), []
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while piece := file.read(2**20):
                bound.allowed -= len(piece)
                if bound.allowed < 0:
                    bound.count(0)
                pieces.append(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorrupt(f"{name} is gzipped and damaged or cut off ({error}): get it again.") from error
    return b"".join(pieces)


def members(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Pairs (name, function that reads it) of a folder, an archive, or a plain file and its neighbours."""
    if path.is_dir():
        for file in _files(path):
            yield file.relative_to(path).as_posix(), file.read_bytes
    elif is_archive(path, ".zip"):
        with zipfile.ZipFile(path) as archive:
            for info in _bounded(path, archive.infolist(), "file_size"):
                if not info.is_dir():
                    yield info.filename, lambda info=info: archive.read(info)  # type: ignore[misc]
    elif is_archive(path):
        with tarfile.open(path) as archive:
            for member in _bounded(path, archive, "size"):
                if member.isfile():
                    yield member.name, lambda member=member: archive.extractfile(member).read()  # type: ignore[misc]
            _read_to_end(archive, path)
    else:
        for file in sorted(p for p in path.parent.iterdir() if p.is_file()):
            yield file.name, file.read_bytes


def _files(folder: Path, above: tuple = ()) -> Iterator[Path]:
    """Files below a folder in order; a link that leads back to a folder above it is not followed."""
    here = os.path.realpath(folder)
    if here in above:
        return
    entries = sorted(entry for entry in Path(folder).iterdir() if not entry.name.startswith((".", "__MACOSX")))
    yield from (entry for entry in entries if entry.is_file())
    for entry in entries:
        if entry.is_dir():
            yield from _files(entry, (*above, here))


def _bounded(path, infos, size):
    """The members of an archive, as long as they stay in bounds."""
    bound = Bound(path, path.stat().st_size)
    for info in infos:
        bound.count(getattr(info, size))
        yield info


def _read_to_end(archive, path):
    """Reads what follows the last member of a tar: only there is the compressed file's checksum compared."""
    bound = Bound(path, path.stat().st_size)
    while piece := archive.fileobj.read(2**20):
        bound.allowed -= len(piece)
        if bound.allowed < 0:
            bound.count(0)


def extract(archive: str | Path, folder: str | Path) -> Path:
    """Unpacks an archive into a new folder: all of it or nothing, and never outside of the folder.

    Raises:
        DataCorrupt: A truncated archive, or one with a member that would land elsewhere.
        BadInput: One with a password, or that would become larger than is allowed (see `Bound`).
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary, readable(archive):
        inner = Path(temporary, "data")
        inner.mkdir()
        try:
            _unpack(archive, inner)
        except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            raise DataCorrupt(f"{archive} holds a file without a name, or one name for a file and a folder.") from error
        os.replace(inner, folder)
    return folder


def _unpack(archive, inner):
    """Writes the members of an archive below a folder, and none elsewhere."""
    if is_archive(archive, ".zip"):
        with zipfile.ZipFile(archive) as file:
            for info in _bounded(archive, file.infolist(), "file_size"):
                if not (inner / info.filename).resolve().is_relative_to(inner.resolve()):
                    raise DataCorrupt(f"{archive} would write outside of its folder: {info.filename!r}.")
            file.extractall(inner)
    else:
        with tarfile.open(archive) as file:
            file.extractall(inner, _bounded(archive, file, "size"), filter="data")
            _read_to_end(file, archive)
