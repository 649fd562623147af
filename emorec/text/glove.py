"""The word vectors that come along: the commonest words of GloVe 6B in 50 dimensions, at 8 bits a number.

Pennington et al. (2014, https://nlp.stanford.edu/projects/glove/): trained on Wikipedia 2014 and Gigaword 5, public
domain (PDDL 1.0). `tools/glove.py` makes the file from the original and says which words it takes. The cosine between a
vector and the original one is 0.9999 at least.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from emorec import weights
from emorec.datasets import extras
from emorec.errors import DataCorrupt
from emorec.files import replacing, written
from emorec.types import FilePath, Strings

NAME = "glove-6b-50d"
FILE = extras.PRETRAINED / f"{NAME}.npz"
SHA256 = extras.EXTRAS[NAME].sha256[FILE.name]
_POSSESSIVE = re.compile(r"(?:'s|s')$")


class WordVectors:
    """Words with a vector each, shared by every model that names them; nothing of it is saved with a model.

    Args:
        words: N distinct words, in lower case.
        codes, scales: Their vectors as `emorec.weights.quantise_rows` returns them.

    Attributes:
        words, dim: As above.

    Example:
        >>> load().vectors(["happy"])["happy"].shape
        (50,)
    """

    def __init__(self, words: Strings, codes: np.ndarray, scales: np.ndarray) -> None:
        self.words, self._codes, self._scales = list(words), codes, scales
        self.dim = codes.shape[1]
        self._rows = {word: row for row, word in enumerate(self.words)}

    def __len__(self):
        return len(self.words)

    def row(self, word: str) -> int | None:
        """The row of a word, whatever its case; of a possessive without its own, that of the owner; None: unknown."""
        word = word.lower()
        row = self._rows.get(word)
        return self._rows.get(_POSSESSIVE.sub("", word)) if row is None else row

    def vectors(self, words: Iterable[str]) -> dict[str, np.ndarray]:
        """Word to float32 (dim,), for the words that have one."""
        rows = {word: row for word in words if (row := self.row(word)) is not None}
        values = weights.restore_rows(self._codes[[*rows.values()]], self._scales[[*rows.values()]])
        return dict(zip(rows, values))

    @functools.cached_property
    def matrix(self) -> np.ndarray:
        """All vectors, float32 (N, dim); read-only."""
        matrix = weights.restore_rows(self._codes, self._scales)
        matrix.flags.writeable = False
        return matrix


@functools.lru_cache(maxsize=1)
def load() -> WordVectors:
    """The shipped `WordVectors`; read once.

    Raises:
        DataCorrupt: The file is not the one that belongs to this version.
    """
    data = FILE.read_bytes() if FILE.is_file() else b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise DataCorrupt(f"{FILE} is not the file that belongs here: damaged, or missing. Install emorec again.")
    return _read(data)


def _read(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return WordVectors(file["words"].tobytes().decode("utf-8").split("\n"), file["codes"], file["scales"])


def write(words: Strings, vectors: np.ndarray, path: FilePath) -> str:
    """Writes a file as `load` reads it; two runs give the same bytes.

    Args:
        words: N distinct words.
        vectors: Float array (N, D).
        path: The file.

    Returns:
        Its sha256, to be noted in `emorec.datasets.extras`.
    """
    codes, scales = weights.quantise_rows(vectors)
    names = np.frombuffer("\n".join(words).encode("utf-8"), np.uint8)
    with written(path), replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, words=names, codes=codes, scales=scales)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
