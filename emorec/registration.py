"""Makes `keras.saving.load_model` know the layers of this package after ``import emorec``, which imports no Keras."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from emorec.types import FilePath

# Modules that define Keras layers; importing one registers them.
LAYERS = ("attention", "text.layers", "text.transformer", "faces.layers", "voice.models", "multimodal.layers",
          "multimodal.crossmodal", "multimodal.dialogues")  # fmt: skip


def register() -> None:
    """Imports every module that defines layers."""
    for module in LAYERS:
        import_module(f"emorec.{module}")


def load_model(path: FilePath, **options: Any) -> keras.Model:
    """`keras.saving.load_model` for models with layers of this package, wherever they were saved.

    Raises:
        DataMissing: There is no such file. DataCorrupt: Keras cannot read it.

    Example:
        >>> emorec.load_model("fusion.keras")  # doctest: +SKIP
    """
    from emorec.errors import BadInput, DataCorrupt, DataMissing

    if not isinstance(path, (str, os.PathLike)):
        raise BadInput(f"A model is given by its path; received {path!r:.60}.")
    if "\0" in str(path) or not os.path.exists(path):
        raise DataMissing(f"The model {str(path)!r}", [os.path.abspath(path)], "save one with model.save(path)")
    register()
    try:
        return import_module("keras").saving.load_model(path, **options)
    except Exception as error:  # a foreign or damaged file fails in any way
        raise DataCorrupt(f"{path} is no model of Keras ({type(error).__name__}: {error!s:.200}).") from error


def register_with_keras() -> None:
    """Registers the layers now if Keras is there already, else as soon as something imports it."""
    if "keras" not in sys.modules:
        sys.meta_path.insert(0, _AfterKeras())
    elif not _busy():
        register()


def _busy() -> bool:
    """Whether a module of this package is being imported: its layers' modules cannot be whole then."""
    own = (module for name, module in list(sys.modules.items()) if name.startswith("emorec."))
    return any(getattr(getattr(module, "__spec__", None), "_initializing", False) for module in own)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Waits for the import of Keras, leaves it to the other finders, and registers the layers when it is done."""

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("keras")
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                if not _busy():
                    register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
