"""Errors that people meet: each says what is wrong, with what value, and the way out."""

from emorec.types import Values


class EmorecError(Exception):
    """Base of every error raised on purpose by this package.

    Example:
        >>> issubclass(BadInput, EmorecError)
        True
    """


class BadInput(EmorecError, ValueError):
    """A value that cannot be used: wrong type, shape, range or name.

    Example:
        >>> from emorec.labels import EMOTIONS7
        >>> try:
        ...     EMOTIONS7.index("hapiness")
        ... except BadInput as error:
        ...     print("hapiness" in str(error))
        True
    """


class LabelMismatch(BadInput):
    """Labels that do not belong to the label set at hand.

    Example:
        >>> from emorec.labels import EMOTIONS7, POLARITY
        >>> try:
        ...     EMOTIONS7.check_same(POLARITY)
        ... except LabelMismatch:
        ...     print("another label set")
        another label set
    """


class DataCorrupt(EmorecError):
    """A file that is there but is not what it should be: wrong checksum, truncated, HTML instead of data.

    Example:
        >>> from emorec.images import as_picture
        >>> try:
        ...     as_picture(b"no picture")
        ... except DataCorrupt:
        ...     print("not a picture")
        not a picture
    """


class DataMissing(EmorecError, FileNotFoundError):
    """Data that is not on this machine.

    Args:
        what: What is missing, e.g. ``"the dataset 'jaffe'"``.
        looked_in: Every path that was looked at.
        how_to_get: The exact command, or the page with the form and where to put the file.
        instead: How to go on without it; the bundled sample unless told otherwise.

    Example:
        >>> str(DataMissing("the dataset 'jaffe'", ["/data/jaffe"], "write to its authors")).split(".")[0]
        "the dataset 'jaffe' is not on this machine"
    """

    def __init__(self, what: str, looked_in: Values = (), how_to_get: str = "", instead: str = "") -> None:
        self.what = what
        self.looked_in = [str(path) for path in looked_in]
        self.how_to_get = how_to_get
        self.instead = instead
        super().__init__(str(self))

    def __str__(self):
        lines = [f"{self.what} is not on this machine."]
        if self.looked_in:
            lines.append("Looked in: " + ", ".join(self.looked_in))
        if self.how_to_get:
            lines.append("To get it: " + self.how_to_get)
        if self.instead:
            lines.append("Without it: " + self.instead)
        return "\n".join(lines)

    def __reduce__(self):  # joblib workers send errors back by pickle
        return type(self), (self.what, self.looked_in, self.how_to_get, self.instead)


class FileRefused(EmorecError, OSError):
    """A file that the system does not hand over: no right to read it, a loop of links, a damaged disk.

    Example:
        >>> issubclass(FileRefused, OSError)
        True
    """


class NotWritten(FileRefused):
    """A file that cannot be written: a full disk, a folder that may not be written to.

    Args:
        path: The file.
        reason: In the system's words.
        kept: What became of what was there before, and the way out.

    Example:
        >>> str(NotWritten("a.csv", "No space left on device"))[:50]
        'a.csv cannot be written (No space left on device);'
    """

    def __init__(
        self, path: object, reason: str, kept: str = "what was there stays as it was. Make room, or name another place."
    ) -> None:
        super().__init__(f"{path} cannot be written ({reason}); {kept}")
        self.path, self.reason, self.kept = path, reason, kept

    def __reduce__(self):
        return type(self), (self.path, self.reason, self.kept)


class OutOfMemory(EmorecError, MemoryError):
    """What does not fit into memory; the message names what makes it smaller.

    Example:
        >>> issubclass(OutOfMemory, MemoryError)
        True
    """
