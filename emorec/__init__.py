"""Emotion recognition from text, faces, voices, and all of them together.

Importing this package is cheap: parts of it, and the libraries they stand on, are imported when first used.
"""

import os
from importlib import import_module

from emorec import registration
from emorec.version import __version__

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # silences TensorFlow's start-up messages

if not os.path.isdir(os.path.dirname(__file__)):  # imported from within a zip file
    raise ImportError("emorec reads its models from files beside its code: unzip it, or install it with pip.")

CLASSES = {
    "TextClassifier": "emorec.text.classifier",
    "FaceClassifier": "emorec.faces.classifier",
    "VoiceClassifier": "emorec.voice.classifier",
    "MultimodalClassifier": "emorec.multimodal.classifier",
}
_MODULES = (
    "attention", "datasets", "text", "faces", "voice", "multimodal",
    "classifier", "errors", "images", "labels", "metrics", "plots", "reporting", "training",
)  # fmt: skip

# Functions that are imported from the module that defines them.
_FUNCTIONS = {
    "about": "emorec.reporting", "load": "emorec.pretrained", "load_model": "emorec.registration",
    "models": "emorec.pretrained",
}  # fmt: skip

__all__ = ["__version__", *_FUNCTIONS, *CLASSES, *_MODULES]


def __getattr__(name):
    if name in CLASSES:
        return getattr(import_module(CLASSES[name]), name)
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    if name in _MODULES:
        return import_module(f"emorec.{name}")
    raise AttributeError(f"module 'emorec' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


registration.register_with_keras()
