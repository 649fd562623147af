"""Networks in files, read by another version of Keras 3 than wrote them.

A newer Keras writes settings that an older one does not know, such as ``input_axes`` of initializers and ``renorm`` of
batch normalisation, and the older one refuses the whole network, although they are not used. Google Colab has an older
Keras than pip installs.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import zipfile
from contextlib import contextmanager
from typing import Any

import keras

from emorec.errors import DataCorrupt
from emorec.files import replacing
from emorec.types import FilePath


def from_json(text: str) -> keras.Model:
    """The network that `keras.Model.to_json` wrote, without its weights.

    Raises:
        DataCorrupt: It uses a setting that this Keras does not know, or is damaged.

    Example:
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> from_json(network.to_json()).output_shape
        (None, 3)
    """
    with _explained():
        return keras.models.model_from_json(json.dumps(understood(json.loads(text))))


def load(path: FilePath) -> keras.Model:
    """The network in a ``.keras`` file, which is written anew where this Keras would not understand it.

    Raises:
        DataCorrupt: As `from_json`.
    """
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read("config.json"))
    if (known := understood(config)) != config:  # the file is closed before it is replaced, as Windows wants it
        with replacing(path) as temporary, zipfile.ZipFile(path) as file, zipfile.ZipFile(temporary, "w") as anew:
            for name in file.namelist():
                anew.writestr(name, json.dumps(known) if name == "config.json" else file.read(name))
    with _explained():
        return keras.saving.load_model(path, compile=False)


@contextmanager
def _explained():
    try:
        yield
    except TypeError as error:  # Keras nests one in the other; the last says what it was
        reason = str(error).rpartition("Exception encountered: ")[2]
        raise DataCorrupt(
            f"Keras {keras.__version__} cannot build the network ({reason[:200]}): a newer one may have written it, "
            "or it is damaged. Upgrade Keras, or save it again with the one here."
        ) from error


def understood(config: Any) -> Any:
    """A configuration of Keras without settings that this version does not know and that are not used.

    Not used is what is None or False, and what is named after it, as ``renorm_momentum`` after ``renorm``. Anything
    else that is unknown stays, and Keras refuses it.

    Args:
        config: What JSON holds: dicts with ``module``, ``class_name`` and ``config``, and lists of them.

    Example:
        >>> zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {"of_the_future": None}}
        >>> understood(zeros)["config"]
        {}
    """
    if isinstance(config, list):
        return [understood(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {name: understood(value) for name, value in config.items()}
    known, settings = _settings_of(config.get("module"), config.get("class_name")), config.get("config")
    if known is not None and isinstance(settings, dict):
        unused = [name for name, value in settings.items() if name not in known and (value is None or value is False)]
        after = tuple(f"{name}_" for name in unused)
        config["config"] = {
            name: value
            for name, value in settings.items()
            if name in known or not (name in unused or name.startswith(after))
        }
    return config


@functools.cache
def _settings_of(module, name) -> frozenset | None:
    """Names of the arguments of one of Keras' classes and of those it stands on; None for anything else."""
    if not (isinstance(module, str) and module.partition(".")[0] == "keras" and isinstance(name, str)):
        return None
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    if not inspect.isclass(kind):
        return None
    made = [vars(base).get("__init__") for base in inspect.getmro(kind)]
    return frozenset(n for init in made if inspect.isfunction(init) for n in inspect.signature(init).parameters)
