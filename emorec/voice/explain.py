"""Where in a sound the answer came from: attention or occlusion over time, drawn over the waveform."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emorec import plots
from emorec.voice import activity, features
from emorec.voice.sound import RATE, Sound

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WINDOW, STEP = 0.24, 0.12  # seconds: about a syllable is silenced at a time
COLOURS = ("#56B4E9", "#D55E00")


@dataclass
class VoiceExplanation:
    """One sound and where its prediction came from; draws itself in a notebook.

    Attributes:
        sound: The `Sound` at 16 kHz.
        times: float (T,), seconds, the middle of each stretch that has a weight.
        weights: float (T,). Attention: in [0, 1], sum 1. Occlusion: by how much the target's probability falls when the
            stretch is silenced.
        label: The most probable class.
        probabilities: Class name to probability.
        target: The class that occlusion is about.
        method: ``global attention`` and the like, or ``occlusion``.

    Example:
        >>> from emorec.voice.sound import Sound
        >>> quiet = Sound(np.zeros(16000, "float32"), 16000)
        >>> times, weights = np.array([0.5]), np.array([1.0])
        >>> VoiceExplanation(quiet, times, weights, "fear", {"fear": 0.9}, "fear", "occlusion").top(1)
        [(0.5, 1.0)]
    """

    sound: Sound
    times: np.ndarray
    weights: np.ndarray
    label: str
    probabilities: dict
    target: str
    method: str

    def __repr__(self):
        best = ", ".join(f"{t:.2f} s {w:.3f}" for t, w in self.top(3))
        return f"<{self.label} ({100 * self.probabilities[self.label]:.1f} %); {self.method}: {best}>"

    def top(self, k: int = 5) -> list[tuple[float, float]]:
        """The k stretches of largest absolute weight: list of (seconds, weight), largest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")[:k]
        return [(float(self.times[i]), float(self.weights[i])) for i in order]

    def to_frame(self) -> pd.DataFrame:
        """DataFrame with a row for each stretch: seconds, weight."""
        import pandas as pd

        return pd.DataFrame({"seconds": self.times, "weight": self.weights})

    def figure(self) -> Figure:
        """A matplotlib ``Figure``: the waveform coloured by the weights, the pitch below it, the probabilities."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.4), layout="constrained")
        grid = figure.subplot_mosaic([["wave", "bars"], ["pitch", "bars"]], width_ratios=(3, 1), height_ratios=(3, 2))
        self._draw_wave(grid["wave"])
        self._draw_pitch(grid["pitch"], grid["wave"])
        plots.answer(self.probabilities, self.target, ax=grid["bars"])
        for ax in (grid["wave"], grid["pitch"]):
            ax.tick_params(labelsize=9)
            ax.spines[["top", "right"]].set_visible(False)
        return figure

    def _draw_wave(self, ax):
        step = max(1, len(self.sound) // 1200)
        blocks = self.sound.samples[: len(self.sound) // step * step].reshape(-1, step)
        seconds = (np.arange(len(blocks)) + 0.5) * step / self.sound.rate
        strongest = max(float(np.abs(self.weights).max(initial=0)), 1e-9)
        shade = np.interp(seconds, self.times, self.weights / strongest, left=0, right=0)
        ax.vlines(seconds, blocks.min(axis=1), blocks.max(axis=1), color="0.8", linewidth=1)
        for sign, colour in ((-1, COLOURS[0]), (1, COLOURS[1])):
            alpha = np.clip(sign * shade, 0, 1)
            ax.vlines(seconds, blocks.min(axis=1), blocks.max(axis=1), color=colour, alpha=alpha, linewidth=1)
        about = f", about {self.target}" if self.method == "occlusion" else ""
        ax.set_title(f"{self.label} · {self.method}{about}", fontsize=10, loc="left")
        ax.set_ylabel("waveform", fontsize=9)
        ax.set_xticklabels([])
        ax.set_xlim(0, self.sound.seconds)

    def _draw_pitch(self, ax, above):
        from matplotlib.ticker import MaxNLocator, NullLocator

        track = features.frames(self.sound.samples)
        ax.plot(track.times, np.where(track.voiced, track.pitch, np.nan), color="#0072B2", linewidth=1.5)
        ax.set_yscale("log", base=2)
        ax.yaxis.set_major_locator(MaxNLocator(3))  # that of the scale has no tick between two octaves
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        ax.set_xlim(above.get_xlim())
        ax.set_ylabel("pitch (Hz)", fontsize=9)
        ax.set_xlabel("seconds", fontsize=9)

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png", dpi=90)
        return buffer.getvalue()


def silenced(sound: Sound) -> tuple[np.ndarray, list[Sound]]:
    """The sound with one stretch of a quarter of a second after the other silenced, its edges faded.

    Returns:
        (middles of the stretches in seconds (T,), T sounds). What is outside of speech is left as it is.
    """
    where = activity.span(activity.speech_frames(features.level(sound.samples)))
    start, end = where.start * features.HOP, min(where.stop * features.HOP, len(sound))
    width, fade = min(int(WINDOW * RATE), end - start), int(0.01 * RATE)
    gate = np.ones(width)
    ramp = np.linspace(0, 1, min(fade, width // 2), endpoint=False)
    gate[: len(ramp)], gate[len(gate) - len(ramp) :] = ramp, ramp[::-1]
    middles, altered = [], []
    for begin in range(start, max(end - width, start) + 1, int(STEP * RATE)):
        samples = sound.samples.copy()
        samples[begin : begin + width] *= (1 - gate).astype("float32")
        middles.append((begin + width / 2) / RATE)
        altered.append(Sound(samples, sound.rate, sound.name))
    return np.array(middles), altered


def sequence_times(sound: Sound, steps: int, pooled: int) -> np.ndarray:
    """Middles in seconds of the rows that a network sees of a sound, see `Utterance.sequence`, (steps,)."""
    first = activity.span(activity.speech_frames(features.level(sound.samples))).start
    return (first + pooled * np.arange(steps) + (pooled - 1) / 2) * features.HOP / RATE
