"""From a name, or the path of a saved classifier, to the classifier."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import emorec
from emorec import sealed
from emorec.arguments import explained
from emorec.datasets.base import objects
from emorec.datasets.verify import sha256
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.files import replacing, written
from emorec.labels import LabelSet
from emorec.pretrained.cards import card, cards
from emorec.types import FilePath, Numbers


@explained
def load(name: FilePath) -> Any:
    """A trained classifier.

    Args:
        name: The name of a model that comes along (`emorec.models()` lists them), or the path of a file that
            ``classifier.save`` wrote, of any kind of classifier.

    Returns:
        A classifier that answers at once and offline: ``predict``, ``predict_proba``, ``explain``.

    Raises:
        BadInput: Neither a model's name nor a file. DataCorrupt: The file is damaged.

    Example:
        >>> emorec.load("text-emotion").predict(["I passed the exam!!!"])  # doctest: +SKIP
        array(['happiness'], dtype=object)
    """
    if not isinstance(name, (str, os.PathLike)):
        raise BadInput(f"A model is given by its name or its path; received {name!r:.60}.")
    if str(name) in cards():
        return _load_named(card(str(name)))
    path = Path(os.path.expanduser(name))
    if path.is_file():
        return _class_of(path).load(path)
    if path.suffix or len(path.parts) > 1:
        raise DataMissing(
            f"The classifier {str(path)!r}", [path.absolute()], f"train one, then save({str(path)!r})",
            f"emorec.load takes one of {', '.join(cards())}, which come along.",
        )  # fmt: skip
    card(str(name))  # raises, and names what there is


def _load_named(model):
    if not model.path.is_file():
        raise DataMissing(
            f"The file of the model {model.name!r}", [model.path], "install the package again, or clone the project"
        )
    if (digest := sha256(model.path)) != model.sha256:
        raise DataCorrupt(
            f"{model.path} is not the file that came along (sha256 {digest[:12]}…, expected {model.sha256[:12]}…): "
            "it was damaged or replaced. Install the package again."
        )
    if model.base:
        return with_head(_load_named(card(model.base)), model.path)
    classifier = _class_of(model.path).load(model.path)
    if model.window:
        classifier.encoding_.window = model.window
    return classifier


def _class_of(path):
    """The class whose `load` reads a file."""
    name = _config(path).get("class")
    if name not in emorec.CLASSES:
        raise DataCorrupt(f"{path} holds a {name!r}, which this version does not know: upgrade, or save it again.")
    return getattr(emorec, name)


def _config(path):
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
    except Exception as error:  # a foreign or damaged file fails in any way
        raise sealed.foreign(path, error) from error
    if not isinstance(config, dict):
        raise DataCorrupt(f"{path} is not a classifier file: its config.json holds no table.")
    return config


# --- heads: another last layer on a shared encoder


def save_head(
    path: FilePath, kernel: np.ndarray, bias: np.ndarray, label_set: LabelSet, temperature: float = 1.0,
    thresholds: Numbers | None = None,
) -> None:  # fmt: skip
    """Writes the last layer for another question.

    Args:
        path: Where to.
        kernel: float (D, C) of the layer ``logits``. bias: (C,).
        label_set: Its C classes.
        temperature, thresholds: As of a classifier.
    """
    arrays = io.BytesIO()
    np.savez_compressed(arrays, kernel=np.asarray(kernel, "float32"), bias=np.asarray(bias, "float32"))
    config = {
        "head": True,
        "label_set": {"name": label_set.name, "names": list(label_set.names), "multi_label": label_set.multi_label},
        "temperature": float(temperature),
        "thresholds": None if thresholds is None else np.asarray(thresholds, "float64").tolist(),
    }
    with written(path), replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("head.npz", arrays.getvalue())


def with_head(classifier: Any, path: FilePath) -> Any:
    """The classifier with the last layer of a file of `save_head` instead of its own.

    Raises:
        DataCorrupt: The file is damaged, or the layer does not fit.
    """
    import keras

    config = _config(path)
    try:
        with zipfile.ZipFile(path) as file, np.load(io.BytesIO(file.read("head.npz")), allow_pickle=False) as arrays:
            kernel, bias = arrays["kernel"], arrays["bias"]
        label_set = LabelSet(**config["label_set"])
        sealed.check_answers(config, len(bias), path)
        sealed.need(bool(np.isfinite(kernel).all() and np.isfinite(bias).all()), path, "a weight is not finite")
    except Exception as error:
        raise sealed.foreign(path, error) from error
    before = classifier.model_.get_layer("logits")
    if kernel.shape != (before.kernel.shape[0], len(label_set)) or bias.shape != (len(label_set),):
        raise DataCorrupt(
            f"{path}: weights {kernel.shape} do not fit {before.kernel.shape[0]} features and its classes."
        )
    layer = keras.layers.Dense(len(label_set), dtype="float32", name="logits")
    model = keras.Model(classifier.model_.inputs, layer(before.input))
    layer.set_weights([kernel, bias])
    classifier.model_, classifier.label_set_ = model, label_set
    classifier.classes_ = objects(label_set.names)
    classifier.temperature_, classifier.thresholds_ = config["temperature"], config["thresholds"]
    if classifier.thresholds_ is not None:
        classifier.thresholds_ = np.asarray(classifier.thresholds_, dtype="float64")
    return classifier
