"""What is made once and then kept in the user's cache: parsed tables, rendered pictures, unpacked archives."""

import contextlib
import hashlib
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from emorec.datasets import store
from emorec.datasets.archives import extract
from emorec.files import replacing
from emorec.types import FilePath


@contextlib.contextmanager
def lock(target: FilePath) -> Iterator[None]:
    """Holds a lock on a path between processes, and says so on stderr while another process has it."""
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


def unpacked(archive: str | Path) -> Path:
    """The folder in the user cache that holds the unpacked archive; unpacks it at the first call."""
    archive = Path(archive).resolve()
    stat = archive.stat()
    key = hashlib.sha256(os.fsencode(f"{archive}|{stat.st_size}|{stat.st_mtime_ns}")).hexdigest()[:12]
    folder = store.user_cache() / "unpacked" / f"{archive.name.split('.')[0]}-{key}"
    with lock(folder):
        if folder.is_dir():
            return folder
        _sweep(folder)
        return extract(archive, folder)


def _sweep(folder):
    """Removes half-unpacked folders of processes that were killed: those whose lock is ours, or nobody's."""
    import filelock

    for left in folder.parent.glob(".*-*"):
        target = left.name[1:].rpartition("-")[0]
        if not left.is_dir() or not target:
            continue
        ours = target == folder.name
        held = contextlib.nullcontext() if ours else filelock.FileLock(left.parent / f".{target}.lock", timeout=0)
        with contextlib.suppress(filelock.Timeout), held:
            shutil.rmtree(left, ignore_errors=True)


def of_file(
    folder: str, file: str | Path, version: int | str, make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """`arrays`, kept for as long as neither the bytes of the file that ``make`` reads nor the version changes."""
    file = Path(file)
    size, content = 0, 0  # a checksum tells a changed file from the same one in a fifth of the time of a hash
    with open(file, "rb") as opened:
        while block := opened.read(1 << 20):
            size, content = size + len(block), zlib.crc32(block, content)
    where = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:12]
    return arrays(folder, f"{file.name.split('.')[0]}-{where}", f"{version}-{size:x}-{content:08x}", make)


def arrays(
    folder: str, stem: str, version: int | str, make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays that ``make`` returns, kept under a name; another version of the same name replaces them.

    Args:
        folder: Of the user's cache.
        stem: The name.
        version: What else decides the content, in letters that a file name may have.
        make: A function without arguments that returns a dict of name to array (no object arrays).
    """
    place = store.user_cache() / folder
    target = place / f"{stem}-{version}.npz"
    try:
        with np.load(target) as kept:  # zip files carry a checksum of every array, and it is verified
            return {name: kept[name] for name in kept.files}
    except Exception:  # absent, or damaged in one of many ways
        made = make()
    try:
        with replacing(target) as temporary:
            np.savez(temporary, **made)  # type: ignore[arg-type]
        for old in place.glob(f"{stem}-*.npz"):
            if old != target:
                old.unlink(missing_ok=True)
    except OSError:  # no room, or a read-only disk: it is made again next time
        pass
    return made
