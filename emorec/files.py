"""Files that are whole or not there: written beside their place, then moved into it at once."""

import errno
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emorec.errors import BadInput, NotWritten

_WRITING = ".writing-"


def named(path: str | os.PathLike, what: str = "path") -> Path:
    """The path of a file or folder that somebody has typed, ``~`` being the user's home.

    Args:
        path: The path.
        what: The argument's name, for messages.

    Raises:
        BadInput: No path, an empty one, or one that no file can have.

    Example:
        >>> named("model.emorec").name
        'model.emorec'
    """
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise BadInput(f"{what} must be a path, as a string; received {path!r:.60}.")
    text = os.fspath(path)
    if not text or "\0" in text:
        raise BadInput(f"{what}={text[:60]!r} is no name that a file can have: give one, such as 'model.emorec'.")
    return Path(os.path.expanduser(text))


def printable(name: str) -> str:
    """A file's name as text: bytes that are no text, which Python keeps as half letters, become escapes.

    Example:
        >>> len(printable(os.fsdecode(b"caf\\xe9.png")))  # caf\\udce9.png, with a backslash
        13
    """
    return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def output(path: str | os.PathLike, what: str = "path") -> Path:
    """`named`, for a file that is going to be written; asked before the work, so that none is lost.

    Raises:
        BadInput: A folder, a pipe or a device, which a file must not take the place of.

    Example:
        >>> output("results/table.csv").name
        'table.csv'
    """
    path = named(path, what)
    if path.is_dir():
        raise BadInput(f"{str(path)!r} is a folder: give the name of a file in it.")
    if path.exists() and not path.is_file():
        raise BadInput(f"{str(path)!r} is a pipe or a device, no file: give another name.")
    return path


@contextmanager
def written(path: str | os.PathLike, kept: str = "") -> Iterator[None]:
    """`NotWritten`, which says what happens next, for what the system says while a file is written.

    Args:
        path: The file.
        kept: What becomes of what was written so far, in words; what was there before stays where it is left out.

    Example:
        >>> with written("a.csv"):
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
        ...
        emorec.errors.NotWritten: a.csv cannot be written (No space left on device); what was there stays as it was. ...
    """
    try:
        yield
    except NotWritten:
        raise
    except OSError as error:
        raise NotWritten(path, error.strerror or str(error), *filter(None, [kept])) from error


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends well, and is removed where it fails.

    A reader, or a run that starts after a kill, sees the old file or the new one, never half of one. Folders above
    ``path`` are made. The temporary file has the name of ``path``, since some writers look at its ending. Where
    ``path`` is a link, it stays one, and what it leads to is replaced.

    Example:
        >>> with replacing("results/table.csv") as temporary:
        ...     _ = temporary.write_text("text,label")
        >>> Path("results/table.csv").read_text()
        'text,label'
    """
    name, target = Path(path).name, Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(target))
    _sweep(target.parent)
    prefix = f"{_WRITING}{platform.node()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as folder:
        temporary = Path(folder) / name
        yield temporary
        os.replace(temporary, target)


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
    """Writes a text file in UTF-8, with the line ends it has, at once: see `replacing`.

    What UTF-8 lacks, such as the bytes of a file's name that is no text, is written as an escape.

    Raises:
        NotWritten: It cannot be written; what was there stays.
    """
    with written(path), replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", errors="backslashreplace"))
