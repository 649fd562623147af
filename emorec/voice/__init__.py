"""Voices: sounds in any form, what is measured of them, a synthesiser, models and explanations."""

import importlib

from emorec.voice.sound import RATE, Sound, SoundNotice, as_sound, check_sounds, resample

# What stands on scikit-learn or Keras is imported when it is first used.
_LAZY = {
    "Utterance": "utterances", "VoiceClassifier": "classifier", "VoiceExplanation": "explain", "segments": "activity",
    "record": "microphone", "speech_frames": "activity", "best_possible_rate": "synthesis",
    "voice_from_id": "synthesis",
}  # fmt: skip
_MODULES = ("activity", "baselines", "classifier", "encoding", "explain", "features", "models", "statistics",
            "synthesis", "utterances", "microphone")  # fmt: skip

__all__ = ["RATE", "Sound", "SoundNotice", "as_sound", "check_sounds", "resample", *_LAZY, *_MODULES]


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
