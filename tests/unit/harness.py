"""What several tests need: a saved classifier's folder, calls without notices, a full disk, archives in memory."""

import contextlib
import io
import resource
import signal
import tarfile
import warnings
import zipfile
from pathlib import Path

SAVED = Path(__file__).parent / "saved"


def quietly(function, *arguments):
    """The function's answer, without the notices that hostile inputs give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


@contextlib.contextmanager
def full_disk(room=100):
    """No file may become longer than so many bytes: the system refuses to write them, as a full disk does."""
    before, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def tar_gz(files, compression="gz"):
    """The bytes of a tar archive of the files, by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(files):
    """The bytes of a zip archive of the files, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
