"""From utterances to what a model takes, normalised by the training data or by each speaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emorec.checks import choice, positive_int
from emorec.text.buckets import BucketedIds
from emorec.voice.utterances import Utterance, read

KINDS = ("statistics", "sequence")
NORMALISE = ("training", "speaker")
STEPS = 16  # frames that the length of a batch is rounded up to
PRIOR = 2  # utterances of nobody in particular that are added to those of a speaker, so that few of them do no harm


class FrameBatches(BucketedIds):
    """Sequences of any length as batches that are padded on the right with zeros to their own longest.

    Args:
        rows: N float arrays (T, D) without NaN; a column of ones is put before them, which padding has not.

    Example:
        >>> FrameBatches([np.ones((3, 2)), np.ones((5, 2))]).pad(np.arange(2)).shape
        (2, 16, 3)
    """

    def __init__(self, rows: Sequence[np.ndarray]) -> None:
        self.rows = [np.concatenate([np.ones((len(row), 1)), row], axis=1).astype("float32") for row in rows]
        self.shapes = np.array([[len(row)] for row in self.rows])

    @classmethod
    def joined(cls, parts: Sequence[FrameBatches]) -> FrameBatches:
        """The rows of several, one after the other."""
        made = cls([])
        made.rows = [row for part in parts for row in part.rows]
        made.shapes = np.concatenate([part.shapes for part in parts])
        return made

    def pad(self, positions: np.ndarray) -> np.ndarray:
        """float32 (B, T, 1 + D) of these sequences."""
        longest = -(-self.shapes[positions].max() // STEPS) * STEPS
        padded = np.zeros((len(positions), longest, self.rows[0].shape[1]), dtype="float32")
        for target, position in zip(padded, positions):
            target[: len(self.rows[position])] = self.rows[position]
        return padded


class VoiceEncoding:
    """How utterances become numbers, and by what these are normalised; saved with a classifier.

    Args:
        kind: ``statistics`` (one vector an utterance) or ``sequence`` (a row for each 30 ms).
        normalise: ``training``: mean 0 and spread 1 over the training data. ``speaker``: over the utterances of each
            speaker, in training and in every later call, which takes several utterances of each, best of all moods.
            Two utterances with the mean and spread of the training data are counted in, so that a single one is still
            scored.
        levelled: Whether sounds are brought to the same loudness first.

    Example:
        >>> VoiceEncoding(normalise="speaker").get_config()["normalise"]
        'speaker'
    """

    def __init__(self, kind: str = "statistics", normalise: str = "training", levelled: bool = False) -> None:
        choice("kind", kind, KINDS)
        choice("normalise", normalise, NORMALISE)
        self.kind, self.normalise, self.levelled = kind, normalise, bool(levelled)
        self.mean: Any = None
        self.spread: Any = None

    def fit(self, utterances: list[Utterance]) -> VoiceEncoding:
        """Learns mean and spread of the training data; in speakers, where it is normalised by speaker."""
        raw = self._raw(utterances, 1.0)
        self.mean, self.spread = _moments(raw)
        if self.normalise == "speaker":
            within = [_moments([raw[i] for i in rows])[1] ** 2 for _, rows in _by_speaker(utterances)]
            if within:
                self.spread = np.sqrt(np.mean(within, axis=0))
        self.mean = np.nan_to_num(self.mean)  # of a column that no sound has, such as pitch where all whisper
        self.spread = np.maximum(np.nan_to_num(self.spread, nan=1.0), 1e-3)
        return self

    def encode(self, utterances: list[Utterance], speed: float = 1.0) -> np.ndarray | FrameBatches:
        """Numbers for a model: float32 (N, D), or `FrameBatches` of N sequences.

        Args:
            utterances: N of them.
            speed: At which they are played: other speeds sound as if spoken by smaller or larger people.
        """
        raw = self._raw(utterances, speed)
        shifts = [(self.mean, self.spread)] * len(raw)
        if self.normalise == "speaker":
            for _, rows in _by_speaker(utterances):
                own = self._of_speaker([raw[i] for i in rows])
                for i in rows:
                    shifts[i] = own
        rows = [np.nan_to_num((row - mean) / spread, nan=0.0) for row, (mean, spread) in zip(raw, shifts)]
        rows = [np.clip(row, -8, 8).astype("float32") for row in rows]
        return np.stack(rows) if self.kind == "statistics" else FrameBatches(rows)

    def _of_speaker(self, rows):
        """Mean and spread of a speaker's rows, drawn to those of the training data by `PRIOR` utterances."""
        mean, spread = _moments(rows)
        known = np.isfinite(mean)
        share = len(rows) / (len(rows) + PRIOR)
        mean = np.where(known, share * np.nan_to_num(mean) + (1 - share) * self.mean, self.mean)
        variance = share * np.nan_to_num(spread) ** 2 + (1 - share) * self.spread**2
        return mean, np.sqrt(np.maximum(np.where(known, variance, self.spread**2), 1e-6))

    def _raw(self, utterances, speed):
        read(utterances)
        return [getattr(utterance, self.kind)(speed, self.levelled) for utterance in utterances]

    def get_config(self) -> dict:
        """All that `from_config` needs, ready for JSON."""
        numbers = {name: np.asarray(getattr(self, name), "float64").tolist() for name in ("mean", "spread")}
        return {"kind": self.kind, "normalise": self.normalise, "levelled": self.levelled, **numbers}

    @classmethod
    def from_config(cls, config: dict) -> VoiceEncoding:
        """The encoding that `get_config` described."""
        made = cls(config["kind"], config["normalise"], config["levelled"])
        made.mean, made.spread = np.array(config["mean"]), np.array(config["spread"])
        positive_int("VoiceEncoding", "numbers", len(made.mean))
        return made


def _moments(rows):
    """Mean and spread (D,) of the numbers in rows (D,) or (T, D), NaN left out."""
    table = np.concatenate([np.atleast_2d(row) for row in rows]).astype("float64")
    there = np.isfinite(table)
    count = there.sum(axis=0)
    mean = np.where(there, table, 0).sum(axis=0) / np.where(count, count, np.nan)
    square = np.where(there, (table - mean) ** 2, 0).sum(axis=0) / np.where(count, count, np.nan)
    return mean, np.sqrt(square)


def _by_speaker(utterances):
    """Pairs (speaker, positions of the utterances) of the speakers that are known."""
    rows = {}
    for position, utterance in enumerate(utterances):
        if utterance.speaker is not None:
            rows.setdefault(utterance.speaker, []).append(position)
    return list(rows.items())
