"""Weights of Keras models in few bytes: float32, float16, or 8 bits with a scale for each row.

An 8-bit row is ``codes * scale`` with whole codes from -127 to 127 and ``scale = max |row| / 127``, its mantissa cut to
16 bits (upwards): so ``127 * scale`` is exact in float32, and packing what was unpacked gives the same bytes. The
network computes in floating point as before; nothing depends on what a version of Keras makes of whole numbers.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from emorec.checks import choice
from emorec.errors import BadInput, DataCorrupt

if TYPE_CHECKING:
    import keras

PRECISIONS = ("float32", "float16", "int8")
SMALL = 4096  # weights of fewer numbers stay in float32: biases, norms, small heads
SHORT = 16  # rows of fewer numbers, too: a scale each would cost more than it saves


def quantise_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A weight in 8 bits, a scale for each row of its last axis.

    Args:
        values: Float array (..., D), finite.

    Returns:
        int8 codes (..., D) and float32 scales (..., 1); `restore_rows` multiplies them. The error of a number is half
        a scale at most, plus float32 rounding.

    Raises:
        BadInput: A value that is not finite, or no axis at all.
    """
    values = np.asarray(values, dtype="float32")
    if values.ndim < 1 or not np.isfinite(values).all():
        raise BadInput(f"Weights of shape {values.shape} cannot be stored at 8 bits: scalar, or not finite.")
    scales = np.abs(values).max(axis=-1, keepdims=True, initial=0.0) / np.float32(127)
    bits = np.ascontiguousarray(scales).view(np.uint32)
    scales = ((bits + 0xFF) & ~np.uint32(0xFF)).view(np.float32)
    codes = np.rint(np.divide(values, scales, out=np.zeros_like(values), where=scales > 0))
    return np.clip(codes, -127, 127).astype(np.int8), scales


def restore_rows(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """float32 (..., D) of what `quantise_rows` returned."""
    return codes.astype(np.float32) * np.asarray(scales, dtype=np.float32)


def pack(arrays: dict[str, np.ndarray], precision: str = "float32") -> bytes:
    """Named float arrays as the bytes of a compressed ``.npz``.

    Args:
        arrays: Name to array; names without ``:``.
        precision: ``float32``; ``float16`` (halves everything); ``int8`` (large weights of two axes or more at 8 bits
            a number and a scale a row, the others as they are).

    Raises:
        BadInput: An unknown precision; with ``float16`` or ``int8``, values that are not finite there.
    """
    choice("precision", precision, PRECISIONS)
    stored = {}
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype.kind != "f":
            stored[name] = array
        elif precision == "int8" and array.ndim > 1 and array.size >= SMALL and array.shape[-1] >= SHORT:
            stored[f"{name}:codes"], stored[f"{name}:scales"] = quantise_rows(array)
        elif precision == "float16":
            with np.errstate(over="ignore"):
                half = array.astype("float16")
            if np.isfinite(array).all() and not np.isfinite(half).all():
                raise BadInput(f"The weight {name} has numbers that float16 cannot hold; choose float32 or int8.")
            stored[name] = half
        else:
            stored[name] = array
    file = io.BytesIO()
    np.savez_compressed(file, **stored)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """Name to array of what `pack` wrote, floats in float32.

    Raises:
        DataCorrupt: The bytes are not a complete file of weights.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        arrays = {}
        for name, array in stored.items():
            base, _, kind = name.partition(":")
            if kind == "codes":
                arrays[base] = restore_rows(array, stored[f"{base}:scales"])
            elif not kind:
                arrays[base] = array.astype("float32") if array.dtype.kind == "f" else array
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DataCorrupt(f"These are no complete weights of a model ({error}); save it again.") from error
    return arrays


def pack_model(model: keras.Model, precision: str) -> bytes:
    """`pack` of a Keras model's weights; a weight's name is its number in ``model.weights``."""
    return pack({f"{i:04d}": array for i, array in enumerate(model.get_weights())}, precision)


def unpack_model(model: keras.Model, data: bytes) -> keras.Model:
    """Sets the weights of a model built as the packed one was.

    Raises:
        DataCorrupt: The weights are damaged, or those of another network.
    """
    arrays = unpack(data)
    arrays = [arrays[name] for name in sorted(arrays)]
    wanted, there = [tuple(w.shape) for w in model.weights], [a.shape for a in arrays]
    if wanted != there:
        first = next((i for i, (a, b) in enumerate(zip(wanted, there)) if a != b), min(len(wanted), len(there)))
        raise DataCorrupt(
            f"{len(there)} weights do not fit this network's {len(wanted)}; the first that differs is number {first}."
        )
    model.set_weights(arrays)
    return model
