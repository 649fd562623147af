"""Names for the kinds of values that stand in signatures; what a value has to be exactly, its docstring says."""

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

# A tensor of whichever backend Keras runs on, symbolic ones included; Keras publishes no static type for it.
Tensor: TypeAlias = Any

# The sizes of a tensor's axes: ints, None where a size is not known yet.
Shape: TypeAlias = tuple[Any, ...]

FilePath: TypeAlias = str | os.PathLike

# N values of any kind, N numbers, or N strings: a list, a tuple, an array; a column of a table passes, too.
Values: TypeAlias = Sequence | np.ndarray
Numbers: TypeAlias = Sequence[float] | np.ndarray
Strings: TypeAlias = Sequence[str] | np.ndarray

# A path, the bytes of a picture file, a data URL, or an array: see `emorec.images.as_picture`.
Picture: TypeAlias = Any

# x, y, width, height in pixels.
Box: TypeAlias = tuple[int, int, int, int]
