"""Checks of the numbers and names that users type: each error names the value and the range it must lie in."""

import numbers
import operator
from collections.abc import Collection, Hashable
from typing import Any

from emorec.errors import BadInput


def positive_int(owner: str, name: str, value: Any) -> int:
    """``value`` as an int, or BadInput: it must be a whole number of at least 1."""
    return whole_number(name, value, 1, owner=owner)


def whole_number(name: str, value: Any, low: int, high: int | None = None, owner: str = "") -> int:
    """``value`` as an int, or BadInput: it must be a whole number from ``low`` to ``high``; None is no upper limit."""
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low or (high is not None and number > high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise BadInput(f"{_prefix(owner)}{name} must be a whole number {limits}, got {value!r}.")
    return number


def fraction(owner: str, name: str, value: Any) -> float:
    """``value`` as a float, or BadInput: it must lie in [0, 1), as a dropout rate does."""
    if not isinstance(value, numbers.Real) or not 0 <= float(value) < 1:
        raise BadInput(f"{_prefix(owner)}{name} must be a number from 0 to below 1, got {value!r}.")
    return float(value)


def real_number(name: str, value: Any, low: float, high: float, *, above: bool = False, owner: str = "") -> float:
    """``value`` as a float, or BadInput: it must lie in [low, high], or with ``above`` in (low, high]."""
    fits = isinstance(value, numbers.Real) and not isinstance(value, bool) and low <= float(value) <= high
    if not fits or (above and value == low):
        limits = f"above {low:g}, to {high:g}" if above else f"from {low:g} to {high:g}"
        raise BadInput(f"{_prefix(owner)}{name} must be a number {limits}, got {value!r}.")
    return float(value)


def optional_seed(owner: str, value: Any) -> int | None:
    """``value`` as a seed, None where it is None, or BadInput: it must be a whole number from 0 to 2**32 - 1."""
    return None if value is None else whole_number("seed", value, 0, 2**32 - 1, owner)


def choice(name: str, value: Any, known: Collection) -> None:
    """BadInput unless ``value`` is one of ``known``."""
    if not isinstance(value, Hashable) or value not in known:
        raise BadInput(f"{name}={value!r} is unknown; choose one of {', '.join(map(str, known))}.")


def _prefix(owner: str) -> str:
    return f"{owner}: " if owner else ""


def is_missing(value: Any) -> bool:
    """None, or what pandas has in its place: NaN, NA and NaT."""
    nan = isinstance(value, float) and value != value
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")
