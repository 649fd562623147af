"""Pickles of arrays, read so that no file can run code."""

from __future__ import annotations

import io
import pickle
from typing import ClassVar

import numpy as np

from emorec.errors import DataCorrupt

_HARMLESS = {
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "builtins": {"set", "frozenset", "bytearray", "complex"},
    "collections": {"OrderedDict"},
    "_codecs": {"encode"},
}


class _NumpyUnpickler(pickle._Unpickler):  # the one in Python: that in C lets nobody look at states
    """Unpickles numpy arrays and builtin containers, and refuses everything that could run code."""

    def find_class(self, module, name):
        plain = {"__builtin__": "builtins"}.get(module, module.replace("numpy._core", "numpy.core"))
        if name in _HARMLESS.get(plain, ()):
            return super().find_class(module, name)
        raise DataCorrupt(f"The pickle asks for {module}.{name}, which no data file needs; it is not read.")

    def load_build(self):
        """Sets the state of arrays, once, and of plain dtypes, as numpy writes it: with another state numpy would take
        bytes for the addresses of objects, or free what is in use."""
        state, made = self.stack[-1], self.stack[-2]
        if isinstance(made, np.ndarray):
            plain = made.size == 0
        else:
            plain = repr(state) == repr(made.newbyteorder(state[1]).__reduce__()[2])
        if not plain:
            raise DataCorrupt(
                "The pickle holds an array or a dtype that is not plain (structured, say); it is not read."
            )
        super().load_build()

    dispatch: ClassVar[dict] = pickle._Unpickler.dispatch | {pickle.BUILD[0]: load_build}


def safe_unpickle(data: bytes, encoding="latin1") -> object:
    """The object in a pickle (bytes) that holds only numpy arrays and builtin containers; otherwise `DataCorrupt`."""
    try:
        return _NumpyUnpickler(io.BytesIO(data), encoding=encoding).load()
    except (DataCorrupt, MemoryError):
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataCorrupt(
            f"This is no pickle, or a damaged one ({error!r}): delete the file and get it again."
        ) from error
