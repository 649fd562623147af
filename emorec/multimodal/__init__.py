"""Fusion of modalities: layers on features, rules on decisions, models in context.

Layers are looked up when first used, so that ``import emorec`` loads no Keras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from emorec.arguments import explained
from emorec.errors import BadInput

if TYPE_CHECKING:
    import keras

_PLACES = {
    **dict.fromkeys(("Concatenation", "WeightedSum", "Hadamard", "GatedMultimodalUnit", "ModalityAttention"), "layers"),
    **dict.fromkeys(("TensorFusion", "LowRankFusion", "FiLM", "ModalityDropout"), "layers"),
    **dict.fromkeys(("CrossModalAttention", "BottleneckFusion", "MemoryFusion"), "crossmodal"),
    **dict.fromkeys(("UtteranceAttention", "DialogueRNNCell", "Dialogues"), "dialogues"),
    **dict.fromkeys(("build_fusion_model", "build_dialogue_model", "build_aligned_model"), "models"),
    **dict.fromkeys(("read_clip", "timeline"), "clip"),
    "check_presence": "decisions",
    "render_clip": "rendered",
    "read_subtitles": "subtitles",
}

# Name in configurations -> class. ModalityDropout is no fusion: it goes before one.
FUSIONS = {
    "concatenation": "Concatenation",
    "weighted_sum": "WeightedSum",
    "hadamard": "Hadamard",
    "gated": "GatedMultimodalUnit",
    "attention": "ModalityAttention",
    "tensor": "TensorFusion",
    "low_rank": "LowRankFusion",
    "film": "FiLM",
    "cross_modal": "CrossModalAttention",
    "bottleneck": "BottleneckFusion",
    "memory": "MemoryFusion",
}


__all__ = ["FUSIONS", "fusion_layer", *_PLACES]


@explained
def fusion_layer(name: str, /, **options: Any) -> keras.Layer:
    """The fusion layer of that name, see `FUSIONS`.

    Raises:
        BadInput: No such fusion, or an option that it does not have.
    """
    if name not in FUSIONS:
        raise BadInput(f"Unknown fusion {name!r}; there are {', '.join(FUSIONS)}.")
    cls = __getattr__(FUSIONS[name])
    unknown = set(options) - {*cls.options, "name", "dtype"}
    if unknown:
        raise BadInput(f"Fusion {name!r} has no {sorted(unknown)}; its options are {', '.join(cls.options) or 'none'}.")
    return cls(**options)


def __getattr__(name):
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
