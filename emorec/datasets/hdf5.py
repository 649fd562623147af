"""HDF5 files of numbers, read so that no file can reach for others or ask for more memory than it is worth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from emorec.datasets.archives import Bound, readable
from emorec.errors import DataCorrupt


class Group:
    """A group of an HDF5 file: what is in it by name, as groups and arrays.

    Args:
        group: Of h5py.
        file: Its path, for messages.
        bound: What may still be read of the file.

    Example:
        >>> import h5py
        >>> with h5py.File("features.h5", "w") as file:
        ...     file["text"] = np.ones((2, 3))
        >>> with opened("features.h5") as group:
        ...     sorted(group), group["text"].shape
        (['text'], (2, 3))
    """

    def __init__(self, group: Any, file: Path, bound: Bound) -> None:
        self._group, self._file, self._bound = group, file, bound

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def __getitem__(self, name: str) -> Group | np.ndarray:
        """A group, or the array of a dataset, read whole.

        Raises:
            DataCorrupt: No such name; a link to elsewhere; something else than numbers.
            BadInput: More numbers than a file of this size can hold.
        """
        import h5py

        link = self._group.get(name, getlink=True)
        if link is None:
            raise DataCorrupt(f"{self._file} has no {name!r} in {self._group.name!r}.")
        if not isinstance(link, h5py.HardLink):
            raise DataCorrupt(f"{self._file}: {name!r} is a link to elsewhere, which no data file needs.")
        member = self._group[name]
        if isinstance(member, h5py.Group):
            return Group(member, self._file, self._bound)
        numbers = isinstance(member, h5py.Dataset) and member.dtype.kind in "biuf" and member.dtype.subdtype is None
        if not numbers or member.is_virtual or member.external:
            raise DataCorrupt(f"{self._file}: {name!r} holds no numbers, or those of another file; it is not read.")
        self._bound.count(member.size * member.dtype.itemsize)
        _check_chunks(member, self._file)
        return member[()]


_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000  # filters; libhdf5 has crashed on damaged data of others


def _check_chunks(member, file):
    """`DataCorrupt` where pieces of an array cannot be what they say: libhdf5 reads beyond the end of an empty one."""
    if not member.chunks:
        return
    settings = member.id.get_create_plist()
    filters = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if filters - {_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF}:
        raise DataCorrupt(f"{file}: {member.name!r} is packed by a filter that is not read; gzip, shuffle and lzf are.")
    least = 5 if _FLETCHER32 in filters else 1 if filters else int(np.prod(member.chunks)) * member.dtype.itemsize
    end = file.stat().st_size
    pieces: list = []
    member.id.chunk_iter(pieces.append)  # None goes on
    if any(piece.size < least or piece.byte_offset + piece.size > end for piece in pieces):
        raise DataCorrupt(f"{file}: a piece of {member.name!r} is shorter than it can be, or ends behind the file.")


@contextmanager
def opened(file: str | Path) -> Iterator[Group]:
    """The top group of an HDF5 file.

    Raises:
        DataCorrupt: Damaged, truncated, a web page, a pointer of Git LFS.
    """
    import h5py

    file = Path(file)
    with readable(file):
        bound = Bound(file, file.stat().st_size)
        with _limited(file, bound.allowed + _ROOM), h5py.File(file, "r") as root:
            yield Group(root, file, bound)


_ROOM = 2**30  # bytes that a reader may need beside the numbers
_ONE_AT_A_TIME = threading.RLock()  # the limit is one of the process


@contextmanager
def _limited(file, more):
    """Lets the process ask for so many bytes more: libhdf5 asks for what a damaged file says, and the system agrees."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):  # another system than Linux
        yield
        return
    with _ONE_AT_A_TIME:
        before, highest = resource.getrlimit(resource.RLIMIT_AS)
        wanted = pages * resource.getpagesize() + more
        least = min(limit for limit in (wanted, before, highest) if limit != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_AS, (least, highest))
        try:
            yield
        except MemoryError as error:
            raise DataCorrupt(
                f"{file} asks for more memory than a file of its size can need: it is damaged."
            ) from error
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (before, highest))
