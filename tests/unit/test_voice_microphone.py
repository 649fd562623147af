"""Recording: what the browser and the library answer becomes a sound; what is missing is named."""

import base64
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from emorec.errors import BadInput, DataMissing
from emorec.voice import record

TONE = (8000 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)).astype("<i2")


def test_the_browser_of_colab_records(monkeypatch):
    asked = []

    def eval_js(code):
        asked.append(code)
        return "48000 " + base64.b64encode(TONE.tobytes()).decode()

    monkeypatch.setitem(sys.modules, "google.colab.output", SimpleNamespace(eval_js=eval_js))
    sound = record(1)
    assert "setTimeout(done, 1.0 * 1000)" in asked[0] and sound.rate == 16_000 and sound.seconds == pytest.approx(1)
    assert np.abs(sound.samples).max() == pytest.approx(8000 / 2**15, rel=0.02)


def test_without_permission_the_page_is_named(monkeypatch):
    def eval_js(code):
        raise RuntimeError("NotAllowedError")

    monkeypatch.setitem(sys.modules, "google.colab.output", SimpleNamespace(eval_js=eval_js))
    with pytest.raises(BadInput, match="NotAllowedError.*microphone"):
        record(1)


def test_on_ones_own_computer(monkeypatch):
    class PortAudioError(Exception):
        pass

    def rec(frames, **how):
        return np.zeros((frames, 1), "int16") + np.int16(100)

    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(rec=rec, PortAudioError=PortAudioError))
    assert record(0.5).seconds == 0.5
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DataMissing, match="pip install sounddevice"):
        record(0.5)
    with pytest.raises(BadInput, match="seconds"):
        record(0)
