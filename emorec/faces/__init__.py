"""Faces: rendering, finding, augmenting and classifying them. Parts are imported when first used."""

from importlib import import_module

_FUNCTIONS = {
    "detect": "detection", "detect_faces": "detection", "crop": "detection", "crop_face": "detection",
    "aligned_crop": "detection",
    "build_face_model": "models",
}  # fmt: skip
_MODULES = (
    "acgan", "augmentation", "baselines", "detection", "detectors", "explain", "layers", "models",
    "preprocessing", "render", "rendered", "video",
)  # fmt: skip

__all__ = [*_FUNCTIONS, *_MODULES]


def __getattr__(name):
    if name in _FUNCTIONS:
        return getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
