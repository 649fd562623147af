"""Emotion recognition from text, faces and both.

Importing this package is cheap: parts of it, and the libraries they stand on, are imported when first used.
"""

from importlib import import_module

from emorec.version import __version__

_CLASSES = {
    "TextClassifier": "emorec.classifiers.text",
    "FaceClassifier": "emorec.classifiers.faces",
    "MultimodalClassifier": "emorec.classifiers.multimodal",
}
_MODULES = (
    "attention", "datasets", "text", "faces", "fusion",
    "baselines", "classifiers", "errors", "experiments", "explain", "labels", "metrics", "notebooks", "plots",
    "reporting", "training",
)  # fmt: skip

__all__ = ["__version__", *_CLASSES, *_MODULES]


def __getattr__(name):
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    if name in _MODULES:
        return import_module(f"emorec.{name}")
    raise AttributeError(f"module 'emorec' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
