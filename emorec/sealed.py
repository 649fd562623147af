"""Files of classifiers: a seal that one flipped bit breaks, and the checks of what they say of themselves."""

import errno
import hashlib
import math
import numbers
import os
from typing import Any

import numpy as np

from emorec.errors import DataCorrupt, EmorecError

# A full disk, no right, a damaged disk, too many open files: they say nothing of what the file holds.
_OF_THE_SYSTEM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE)

_MARK = b"emorec blake2b "  # begins the comment with which a sealed zip ends; the digest follows
_DIGITS = 64
COMMENT = _MARK + b"0" * _DIGITS  # before the seal is set


def seal(path: str | os.PathLike) -> None:
    """Sets the seal of a zip that was written with `COMMENT` as its comment: a checksum of all its other bytes."""
    digest = _digest(path)
    with open(path, "r+b") as file:
        file.seek(-_DIGITS, os.SEEK_END)
        file.write(digest)


def check_seal(path: str | os.PathLike) -> bool:
    """Whether a file is sealed.

    Raises:
        DataCorrupt: It is, and differs from what was sealed.
    """
    with open(path, "rb") as file:
        file.seek(-min(len(COMMENT), os.path.getsize(path)), os.SEEK_END)
        comment = file.read()
    if not comment.startswith(_MARK):
        return False
    if comment[len(_MARK) :] != _digest(path):
        raise DataCorrupt(f"{path} is damaged: its checksum differs from what was saved. Save or copy it again.")
    return True


def _digest(path):
    digest, left = hashlib.blake2b(digest_size=_DIGITS // 2), os.path.getsize(path) - _DIGITS
    with open(path, "rb") as file:
        while left > 0 and (piece := file.read(min(left, 2**20))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest().encode()


# --- fields


def need(fits: bool, path: str | os.PathLike, what: str) -> None:
    """Raises `DataCorrupt` that names the file unless a condition holds."""
    if not fits:
        raise DataCorrupt(f"{path} is not a classifier that was saved whole: {what}. Save it again.")


def check_answers(config: dict, classes: int, path: str | os.PathLike) -> None:
    """Checks what turns logits into answers.

    Args:
        config: With ``label_set``, ``temperature``, ``thresholds``, perhaps ``classes``.
        classes: How many numbers the network answers with.
        path: For the message.

    Raises:
        DataCorrupt: Names that are none or that repeat, another number of them; a temperature that is not above 0;
            thresholds that are no probabilities.
    """
    names = config["label_set"]["names"]
    need(isinstance(names, list) and all(isinstance(n, str) for n in names), path, "its labels are no names")
    need(len(set(names)) == len(names) == classes, path, f"{len(names)} labels for {classes} outputs")
    need(isinstance(config["label_set"]["multi_label"], bool), path, "multi_label is neither true nor false")
    known = config.get("classes") or names
    need(isinstance(known, list) and len(known) == classes, path, "its classes are not those of its labels")
    kinds = {type(value) for value in known}
    need(len(kinds) == 1 and kinds <= {str, int, bool, float}, path, "its classes are of several kinds")
    need(len(set(known)) == classes, path, "a class is there twice")
    temperature = config["temperature"]
    need(_number(temperature) and 0 < temperature < 1e6, path, f"its temperature is {temperature!r}")
    thresholds = config["thresholds"]
    if thresholds is not None:
        shares = isinstance(thresholds, list) and all(_number(t) and 0 <= t <= 1 for t in thresholds)
        need(shares and len(thresholds) == classes, path, f"its thresholds are {thresholds!r:.80}")
        need(config["label_set"]["multi_label"], path, "it has thresholds, but answers with one class")


def check_words(words: Any, rows: int, path: str | os.PathLike) -> None:
    """Raises `DataCorrupt` unless words are as many different strings as their table has rows."""
    need(isinstance(words, list) and all(isinstance(word, str) for word in words), path, "its vocabulary is no words")
    need(len(set(words)) == len(words), path, "a word is in its vocabulary twice")
    need(len(words) == rows, path, f"{len(words)} words for an embedding of {rows} rows")


def check_numbers(values: Any, n: int, path: str | os.PathLike, what: str) -> None:
    """Raises `DataCorrupt` unless there are n finite numbers."""
    array = np.asarray(values, dtype="float64")
    need(array.shape == (n,) and bool(np.isfinite(array).all()), path, f"{what} are not {n} finite numbers")


def check_weights(model: Any, path: str | os.PathLike) -> None:
    """Raises `DataCorrupt` where a weight of a Keras model is not finite."""
    finite = all(np.isfinite(weight).all() for weight in model.get_weights())
    need(finite, path, "a weight is NaN or infinite")


def _number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def foreign(path: str | os.PathLike, error: Exception) -> Exception:
    """What to raise for an error that reading a file of a classifier ended in."""
    if isinstance(error, (EmorecError, MemoryError)):
        return error
    if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
        return error
    return DataCorrupt(
        f"{path} is not a complete classifier file ({type(error).__name__}: {str(error)[:200]}); save it again."
    )
