"""Files that are whole or not there: written beside their place, then moved into it at once."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WRITING = ".writing-"


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends well, and is removed where it fails.

    A reader, or a run that starts after a kill, sees the old file or the new one, never half of one. Folders above
    ``path`` are made. The temporary file has the suffix of ``path``, since some writers look at it.

    Example:
        >>> with replacing("results/table.csv") as temporary:
        ...     _ = temporary.write_text("text,label")
        >>> Path("results/table.csv").read_text()
        'text,label'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    prefix = f"{_WRITING}{platform.node()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def _sweep(folder):
    """Removes what processes of this machine were writing when they were killed."""
    for left in folder.glob(f"{_WRITING}{platform.node()}-*-*"):
        number = left.name.split("-")[-2]
        if number.isdigit() and not _runs(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _runs(number):
    """Whether there is a process of this number."""
    if os.name != "posix":
        return True  # os.kill would end it there
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8, with the line ends it has, at once: see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
