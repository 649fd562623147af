"""Makes `keras.saving.load_model` know the layers of this package after ``import emorec``, which imports no Keras."""

import importlib.abc
import importlib.util
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

# Modules that define Keras layers; importing one registers them.
LAYERS = ("attention", "text.layers", "text.transformer", "faces.layers", "voice.models", "multimodal.layers",
          "multimodal.crossmodal", "multimodal.dialogues")  # fmt: skip


def register() -> None:
    """Imports every module that defines layers."""
    for module in LAYERS:
        import_module(f"emorec.{module}")


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
