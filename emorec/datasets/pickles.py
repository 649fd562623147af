"""Pickles of arrays, read so that no file can run code, reach into memory, or cost more than its size.

Everything a pickle may call is one of the functions below. Each makes no more than the pickle brought along, so that
memory and time grow with the file and not with numbers written in it.
"""

import io
import math
import pickle
from collections import OrderedDict
from typing import ClassVar

import numpy as np

from emorec.errors import DataCorrupt

_SCALARS = (str, bytes, int, float, complex, bool, type(None), np.generic)
_KINDS = frozenset("?bhilqpBHILQPefdgFDGSUO")  # as of `numpy.dtype.char`; no structures, no bare bytes, no times
_ARRAY = "the class of arrays"  # what a pickle gets for numpy.ndarray: a name, which nothing can call
_CONTAINERS = frozenset((list, tuple, dict, set, frozenset, OrderedDict, np.ndarray))
_MOST_AXES = 32
_REPEATED = 20  # values for each byte of a pickle, where one list stands in several places


def _reconstruct(kind, shape, code) -> np.ndarray:
    """The empty array that numpy's pickles begin with; its state follows."""
    if kind is not _ARRAY or shape != (0,) or code not in ("b", b"b"):
        raise DataCorrupt("The pickle makes an array in another way than numpy does; it is not read.")
    return np.empty(0, dtype="b")


def _dtype(code, align=False, copy=True) -> np.dtype:
    """A dtype of plain numbers, text or objects; always one of its own, which a state may then change."""
    made = np.dtype(code, False, True) if isinstance(code, str) and len(code) < 16 and "," not in code else None
    if made is None or made.char not in _KINDS or made.shape or made.names:
        raise DataCorrupt(f"The pickle holds a dtype that is not plain ({str(code)[:40]!r}); it is not read.")
    return made


def _scalar(dtype, data) -> np.generic:
    """A numpy scalar from its bytes."""
    return _filled((), dtype, data, False)[()]  # type: ignore[return-value]


def _from_buffer(buffer, dtype, shape, order) -> np.ndarray:
    """An array as protocol 5 writes it."""
    if order not in ("C", "F"):
        raise DataCorrupt("The pickle holds an array of an unknown order; it is not read.")
    return _filled(shape, dtype, bytes(buffer), order == "F")


def _filled(shape, dtype, content, fortran) -> np.ndarray:
    """A new array with a content."""
    array = np.empty(0, dtype="b")
    _set_content(array, (1, shape, dtype, fortran, content))
    return array


def _set_content(array, state) -> None:
    """Gives an empty array its shape, dtype and content; refused unless the content is as long as the shape says."""
    if type(state) is not tuple or len(state) not in (4, 5):
        raise DataCorrupt("The pickle holds an array whose state is not one; it is not read.")
    shape, dtype, fortran, content = state[-4:]
    if not isinstance(dtype, np.dtype) or dtype.char not in _KINDS:
        raise DataCorrupt("The pickle holds an array without a plain dtype; it is not read.")
    size = _size(shape)
    if dtype.hasobject:
        whole = type(content) is list and len(content) == size
    else:
        content = content.encode("latin1") if type(content) is str else content  # as Python 2 wrote bytes
        whole = type(content) is bytes and len(content) == size * dtype.itemsize
    if not whole:
        raise DataCorrupt(f"The pickle holds an array of shape {shape} with another number of values.")
    array.__setstate__((1, shape, dtype, bool(fortran), content))


def _size(shape) -> int:
    """Numbers in an array of a shape, which must be a tuple of plain whole numbers."""
    plain = type(shape) is tuple and len(shape) <= _MOST_AXES and all(type(n) is int and n >= 0 for n in shape)
    if not plain:
        raise DataCorrupt("The pickle holds an array whose shape is not one; it is not read.")
    return math.prod(shape)


def _encode(text, encoding) -> bytes:
    """Bytes as protocol 2 writes them: characters of Latin-1."""
    if encoding not in ("latin1", "latin-1"):
        raise DataCorrupt(f"The pickle encodes text as {str(encoding)[:40]!r}, which no data file needs.")
    return text.encode("latin1")


def _bytearray(content=b"", encoding="latin-1") -> bytearray:
    """Never of a number, which would be a size."""
    return bytearray(_encode(content, encoding) if isinstance(content, str) else bytes(memoryview(content)))


def _bytes() -> bytes:
    """The empty string of bytes, as the oldest protocols write it."""
    return b""


def _complex(real=0.0, imaginary=0.0) -> complex:
    return complex(float(real), float(imaginary))


def _set(values=()) -> set:
    return {_key(value) for value in values}


def _frozenset(values=()) -> frozenset:
    return frozenset(_set(values))


def _ordered(pairs=()) -> OrderedDict:
    return OrderedDict((_key(key), value) for key, value in pairs)


def _key(value):
    """A key that is a scalar, or a tuple of scalars: the hash of tuples in tuples may take for ever."""
    if not isinstance(value, _SCALARS) and not (
        isinstance(value, tuple) and all(isinstance(part, _SCALARS) for part in value)
    ):
        raise DataCorrupt(f"The pickle holds a key of {type(value).__name__} in a dict or a set; it is not read.")
    return value


_HARMLESS = {
    "numpy": {"ndarray": _ARRAY, "dtype": _dtype},
    "numpy.core.multiarray": {"_reconstruct": _reconstruct, "scalar": _scalar},
    "numpy.core.numeric": {"_frombuffer": _from_buffer},
    "builtins": {
        "set": _set, "frozenset": _frozenset, "bytes": _bytes, "bytearray": _bytearray, "complex": _complex,
    },
    "collections": {"OrderedDict": _ordered},
    "_codecs": {"encode": _encode},
}  # fmt: skip


class _NumpyUnpickler(pickle._Unpickler):  # the one in Python: that in C lets nobody look at states
    """Unpickles numpy arrays and builtin containers, and refuses everything that could run code."""

    def __init__(self, data, encoding):
        super().__init__(io.BytesIO(data), encoding=encoding)
        self._left = len(data)
        self._blank = {}  # arrays that have no state yet, by id

    def find_class(self, module, name):
        plain = {"__builtin__": "builtins"}.get(module, module.replace("numpy._core", "numpy.core"))
        if name not in _HARMLESS.get(plain, ()):
            raise DataCorrupt(f"The pickle asks for {module}.{name}, which no data file needs; it is not read.")
        return _HARMLESS[plain][name]

    def load_reduce(self):
        """Calls one of the functions above."""
        super().load_reduce()
        made = self.stack[-1]
        if type(made) is np.ndarray and made.size == 0:
            self._blank[id(made)] = made

    def load_build(self):
        """Gives a dtype its byte order, and an array its content."""
        state, made = self.stack.pop(), self.stack[-1]
        if isinstance(made, np.dtype):
            _set_order(made, state)
        elif self._blank.pop(id(made), None) is made and type(made) is np.ndarray:
            _set_content(made, state)
        else:
            raise DataCorrupt(f"The pickle sets the state of a {type(made).__name__}; it is not read.")

    def load_setitems(self):
        """Items of a dict alone, whose keys are plain."""
        items = self.pop_mark()
        self._need(dict)
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._need(dict)
        self.stack[-1][_key(key)] = value

    def load_dict(self):
        items = self.pop_mark()
        self.append({_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)})

    def load_appends(self):
        values = self.pop_mark()
        self._need(list)
        self.stack[-1].extend(values)

    def load_append(self):
        value = self.stack.pop()
        self._need(list)
        self.stack[-1].append(value)

    def load_additems(self):
        values = self.pop_mark()
        self._need(set)
        self.stack[-1].update(map(_key, values))

    def load_frozenset(self):
        values = self.pop_mark()  # first: it changes where to append
        self.append(_frozenset(values))

    def load_bytearray8(self):
        """As inherited, but never longer than the pickle: the size stands before the content."""
        size = int.from_bytes(self.read(8), "little")
        if size > self._left:
            raise EOFError("it ends in the middle of a bytearray")
        self.append(bytearray(self.read(size)))

    def _need(self, kind):
        if not isinstance(self.stack[-1], kind):
            raise DataCorrupt(f"The pickle fills a {type(self.stack[-1]).__name__} as if it were a {kind.__name__}.")

    dispatch: ClassVar[dict] = pickle._Unpickler.dispatch | {
        pickle.REDUCE[0]: load_reduce, pickle.BUILD[0]: load_build, pickle.SETITEMS[0]: load_setitems,
        pickle.SETITEM[0]: load_setitem, pickle.DICT[0]: load_dict, pickle.APPENDS[0]: load_appends,
        pickle.APPEND[0]: load_append, pickle.ADDITEMS[0]: load_additems, pickle.FROZENSET[0]: load_frozenset,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }  # fmt: skip


def _set_order(dtype, state) -> None:
    """Sets a dtype's state, which must be the one that numpy writes for it, but for the byte order."""
    if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
        raise DataCorrupt("The pickle holds a dtype that is not plain (structured, say); it is not read.")
    expected = dtype.newbyteorder(state[1]).__reduce__()[2]
    if not _same(state, expected):
        raise DataCorrupt("The pickle holds a dtype that is not plain (structured, say); it is not read.")
    dtype.__setstate__(state)


def _same(value, expected) -> bool:
    """Whether two nested tuples are equal; as deep as the expected one goes, however deep the other is."""
    if type(value) is not type(expected):
        return False
    if isinstance(expected, tuple):
        return len(value) == len(expected) and all(map(_same, value, expected))
    return value == expected


def _refuse_repetition(value, limit) -> None:
    """Refuses a container that holds itself, or others again and again: written out it would have no end.

    Sixty pairs, each of the one before twice, are 250 bytes of pickle and 2**60 values for whoever walks through them.
    """
    sizes: dict = {}  # values of a container when all in it is written out, by id; None while it is counted
    open_ones = [value]
    while open_ones:
        container = open_ones[-1]
        inner = _containers(container)
        if id(container) not in sizes:
            sizes[id(container)] = None
            waiting = [x for x in inner if sizes.get(id(x), 0) in (0, None)]
            if any(id(x) in sizes for x in waiting):
                raise DataCorrupt("The pickle holds a list or a dict that holds itself; it is not read.")
            open_ones += waiting
            continue
        open_ones.pop()
        if sizes[id(container)] is None:
            sizes[id(container)] = 1 + _length(container) + sum(sizes[id(x)] for x in inner)
        if sizes[id(container)] > limit:
            raise DataCorrupt("The pickle repeats what it holds so often that it would not fit into memory.")


def _containers(value) -> list:
    """The containers directly inside of one."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, np.ndarray):
        value = value.ravel().tolist() if value.dtype.hasobject else ()
    elif not isinstance(value, (list, tuple)):
        return []
    return [x for x in value if type(x) in _CONTAINERS]


def _length(value) -> int:
    return value.size if isinstance(value, np.ndarray) else len(value) if hasattr(value, "__len__") else 1


def safe_unpickle(data: bytes, encoding: str = "latin1") -> object:
    """The object in a pickle that holds only numpy arrays and builtin containers.

    Args:
        data: The bytes of the pickle.
        encoding: Of text that Python 2 wrote.

    Raises:
        DataCorrupt: Anything else in it, a damaged pickle, or one that would not fit into memory.

    Example:
        >>> safe_unpickle(pickle.dumps({"x": np.arange(3)}))
        {'x': array([0, 1, 2])}
    """
    try:
        value = _NumpyUnpickler(data, encoding).load()
        _refuse_repetition(value, 1000 + _REPEATED * len(data))
        return value
    except DataCorrupt:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataCorrupt(
            f"This is no pickle, or a damaged one ({error!r}): delete the file and get it again."
        ) from error
