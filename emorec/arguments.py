"""Arguments that a function cannot use end in `BadInput` that names them, not in the words of a library below."""

import builtins
import collections.abc
import errno
import functools
import inspect
import numbers
import os
import types
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from emorec import types as aliases
from emorec.errors import BadInput, EmorecError, FileRefused, OutOfMemory

P = ParamSpec("P")
R = TypeVar("R")

# Whose errors speak of arguments: those of users' own callbacks, and of the system (OSError), stay what they are.
_LIBRARIES = {"builtins", "numpy", "pandas", "scipy", "cv2", "keras", "tensorflow", "jax", "torch", "sklearn", "PIL",
              "matplotlib", "statsmodels", "zoneinfo", "re"}  # fmt: skip
_OURS = (NameError, ImportError, AssertionError, SyntaxError, NotImplementedError)  # of no argument
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SHOWN = 100  # entries of a list that are compared with what they must be


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """A public function whose errors of arguments are `BadInput`.

    Costs next to nothing while nothing fails: only an error that comes out has the arguments compared with their
    annotations. What has a mask is looked at before, since libraries pass over masks without a word.

    Example:
        >>> @explained
        ... def half(number: float) -> float:
        ...     return number / 2
        >>> half("six")
        Traceback (most recent call last):
        ...
        emorec.errors.BadInput: half: number must be a number; received 'six'.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for value in (*args, *kwargs.values()):
            refuse_masked(value, function.__qualname__)
        try:
            return function(*args, **kwargs)
        except (EmorecError, Warning, *_OURS):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
                if error.errno in _FULL:
                    raise FileRefused(
                        f"{function.__qualname__}: nothing more can be written ({error.strerror}): make room; data lie "
                        "below EMOREC_DATA, temporary files below TMPDIR, and either may be set to another disk."
                    ) from error
                if error.filename is None and isinstance(error, FileNotFoundError):  # of os.getcwd
                    raise FileRefused("The working directory is no longer there: change to another one.") from error
                if error.filename is None or isinstance(error, FileNotFoundError):
                    raise
                raise FileRefused(
                    f"{os.fsdecode(error.filename)} cannot be used ({error.strerror}): look at its rights, or copy it "
                    "to another place."
                ) from error
            if type(error).__module__.partition(".")[0] not in _LIBRARIES:
                raise
            if ends_memory(error):
                raise OutOfMemory(_too_large(function, error)) from error
            try:
                values = inspect.signature(function).bind(*args, **kwargs).arguments
            except TypeError:  # an argument too many or too few: Python names it
                raise error from None
            raise BadInput(_refusal(function, values, error)) from error

    return call


def refuse_masked(value: Any, name: str) -> None:
    """`BadInput` for a masked array with masked entries, alone or in a pair or a dict: they would count as data.

    Example:
        >>> refuse_masked(np.ma.array([1, 2], mask=[False, False]), "half")  # nothing is masked
    """
    if isinstance(value, np.ma.MaskedArray):
        if masked := int(np.ma.count_masked(value)):
            raise BadInput(
                f"{name}: {masked} of {value.size} entries of an array are masked, and a mask is not looked at: leave "
                "them out, or fill them (array.filled(...))."
            )
    elif isinstance(value, (tuple, dict)) and len(value) <= _SHOWN:
        for one in value.values() if isinstance(value, dict) else value:
            if isinstance(one, np.ma.MaskedArray):
                refuse_masked(one, name)


def ends_memory(error: Exception) -> bool:
    """Whether an error says, in the words of whichever library, that memory has come to its end.

    Example:
        >>> ends_memory(MemoryError()), ends_memory(ValueError("no number"))
        (True, False)
    """
    kinds = ("ResourceExhaustedError", "OutOfMemoryError")  # of TensorFlow and of torch; the third one is XLA's
    return isinstance(error, MemoryError) or type(error).__name__ in kinds or "RESOURCE_EXHAUSTED" in str(error)


def _too_large(function, error):
    return (
        f"{function.__qualname__}: there is not enough memory ({type(error).__name__}: {str(error)[:120]}). Hand over "
        "fewer or smaller inputs at once, or make the network smaller: units, layers, width, embedding_dim, size."
    )


def check_settings(estimator: Any) -> None:
    """`BadInput` where a setting is of another kind than its annotation; names have checks of their own.

    Example:
        >>> import emorec
        >>> check_settings(emorec.TextClassifier(lowercase="maybe"))
        Traceback (most recent call last):
        ...
        emorec.errors.BadInput: TextClassifier: lowercase must be True or False; received 'maybe'.
    """
    made = type(estimator).__init__
    for name in inspect.signature(made).parameters:
        kind, value = annotation(made, name), getattr(estimator, name, None)
        kinds = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
        if str not in kinds and not fits(value, kind):
            raise BadInput(f"{type(estimator).__name__}: {name} must be {words(kind)}; received {_short(value)}.")


def _refusal(function, values, error):
    name = function.__qualname__.removesuffix(".__init__").removesuffix(".__post_init__")
    for argument, value in values.items():
        kind = annotation(function, argument)
        if argument != "self" and not fits(value, kind):
            return f"{name}: {argument} must be {words(kind)}; received {_short(value)}."
    called = ", ".join(f"{k}={_short(v)}" for k, v in values.items() if k != "self")
    return f"{name} cannot use these arguments ({called}): {str(error)[:200]} ({type(error).__name__})."


def _short(value):
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if hasattr(value, "columns"):
        return f"a {type(value).__name__} with the columns {list(value.columns)!r:.60}"
    return f"{value!r:.60}"


def annotation(function: Callable, argument: str) -> Any:
    """The annotation of an argument, where it is a string what that names; Any where there is none.

    Example:
        >>> annotation(words, "kind")
        typing.Any
    """
    kind = inspect.get_annotations(function).get(argument, Any)
    return eval(kind, {}, _Names(inspect.unwrap(function).__globals__)) if isinstance(kind, str) else kind  # own source


class _Unknown(type):
    """A class that only type checkers import: its name is all that is known."""

    def __getattr__(cls, name):
        return _Unknown(name, (), {})

    def __getitem__(cls, _):
        return cls


class _Names(dict):
    def __missing__(self, name):
        return getattr(builtins, name, None) or getattr(aliases, name, None) or _Unknown(name, (), {})


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of the kind that an annotation says, as far as that can be told.

    Args:
        value: Anything.
        kind: An annotation.

    Example:
        >>> fits([1, 2.5], list[float]), fits(True, int), fits(None, int | None)
        (True, False, True)
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if kind is None or kind is type(None):
        return value is None
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if isinstance(kind, _Unknown):
        return kind.__name__ in {cls.__name__ for cls in type(value).__mro__}
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool)
    if kind is bool:
        return isinstance(value, (bool, np.bool_))
    if kind is np.ndarray:
        return isinstance(value, np.ndarray) or _numeric(value)
    if origin is collections.abc.Callable or kind is collections.abc.Callable:
        return callable(value)
    return _collection(value, origin or kind, inner)


def _collection(value, kind, inner):
    if not isinstance(kind, type):
        return True  # Any, a protocol, a variable: nothing to tell
    if issubclass(kind, collections.abc.Sequence) and kind is not str and kind is not bytes:
        listed = isinstance(value, (collections.abc.Sequence, np.ndarray)) or hasattr(value, "iloc")
        if not listed or isinstance(value, (str, bytes)) or getattr(value, "ndim", 1) == 0:
            return False
        if issubclass(kind, tuple) and inner and inner[-1] is not ...:
            return len(value) == len(inner) and all(map(fits, value, inner))
        return not inner or all(fits(one, inner[0]) for one in list(value)[:_SHOWN])
    if issubclass(kind, collections.abc.Mapping) and inner:
        return isinstance(value, kind) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    return isinstance(value, kind)


def _numeric(value):
    try:
        array = np.asarray(value)
        return array.ndim > 0 and array.dtype.kind in "biuf"
    except (ValueError, TypeError):  # a ragged list
        return False


_WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "True or False", type(None): "None",
          None: "None", np.ndarray: "an array of numbers", dict: "a dict"}  # fmt: skip


def words(kind: Any) -> str:
    """What an annotation says, in words.

    Example:
        >>> words(list[int] | None)
        'a list (each entry a whole number) or None'
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(words, inner)))
    if origin is typing.Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin is collections.abc.Callable or kind is collections.abc.Callable:
        return "a function"
    plain = origin or kind
    if plain in _WORDS:
        return _WORDS[plain]
    if isinstance(plain, type) and issubclass(plain, collections.abc.Sequence):
        if issubclass(plain, tuple) and inner and inner[-1] is not ...:
            return f"{len(inner)} values ({', '.join(map(words, inner))})"
        return f"a list (each entry {words(inner[0])})" if inner and inner[0] is not Any else "a list"
    return f"a {getattr(plain, '__name__', plain)}"
