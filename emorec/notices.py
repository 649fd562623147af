"""Notices: warnings about an answer that is given all the same."""

import warnings

_SHOWN: dict = {}


def notice(text: str, category: type[Warning] = UserWarning, *, repeat: bool = True) -> None:
    """Warns without the file and the line of code of `warnings.warn`, which tell the reader of a notebook nothing.

    Args:
        text: What the reader should know, and what to do about it.
        category: The class of the warning, by which it can be filtered.
        repeat: False for what may hold for each of many inputs: the same text is shown once.

    Example:
        >>> with warnings.catch_warnings(record=True) as seen:
        ...     warnings.simplefilter("always")
        ...     notice("The film has no sound.")
        >>> str(seen[0].message), seen[0].filename
        ('The film has no sound.', 'emorec')
    """
    warnings.warn_explicit(text, category, "emorec", 1, registry=None if repeat else _SHOWN)
