"""The state of a training run after each epoch, from which a killed run goes on to the same bits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from emorec.files import replacing, write_text

# What `Checkpoint` writes, and all that it removes.
_OWN = re.compile(r"epoch-\d+\.weights\.h5|best-\d+\.npz|state\.json")


@dataclass
class History:
    """What a training run did, one entry an epoch.

    Attributes:
        epochs: Dicts with ``loss``, ``seconds``, and with validation data ``val_loss``, ``val_accuracy``,
            ``val_macro_f1`` (fractions, 0 to 1).
        best_epoch: Index of the epoch whose weights the model holds; the last one without validation data.
        best_value: Its monitored value.
    """

    epochs: list = field(default_factory=list)
    best_epoch: int = -1
    best_value: float | None = None

    def __getitem__(self, name: str) -> list:
        return [row[name] for row in self.epochs]

    @property
    def seconds(self) -> float:
        """Seconds of all epochs together."""
        return sum(row["seconds"] for row in self.epochs)


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        history: Of all stages so far.
        best: Weights of the best epoch so far; None without validation data, or before the first epoch.
        stage: Number of the stage at hand.
        first: Number of epochs before this stage.
    """

    history: History = field(default_factory=History)
    best: list | None = None
    stage: int = 0
    first: int = 0


class Checkpoint:
    """A folder with the state of a run after its last whole epoch; without a folder it keeps nothing.

    Args:
        folder: Path, or None.
        model: The Keras model that is trained.
    """

    def __init__(self, folder: str | Path | None, model: keras.Model) -> None:
        self.folder = None if folder is None else Path(folder)
        self.model = model
        self.fingerprint = None
        self._state = None

    def sign(self, settings: dict, *data: Any) -> None:
        """Fingerprints all that decides how a run goes on: the network, the settings and the examples."""
        if self.folder is None:
            return
        text = json.dumps([self.model.get_config(), settings], sort_keys=True, default=float)
        text = re.sub(r"_\d+\b", "", text)  # Keras numbers layers on, from model to model
        digest = hashlib.sha256(text.encode())
        for values in keras.tree.flatten(data):
            cuts_itself = hasattr(values, "predict")  # see `training.Batches`
            for array in keras.tree.flatten(vars(values) if cuts_itself else values):
                if array is not None:
                    digest.update(np.ascontiguousarray(array))
        self.fingerprint = digest.hexdigest()

    def find(self, progress: Callable[[str], None] | None) -> Progress:
        """How far an earlier run of this fingerprint came; `restore` puts its weights back. A fresh start otherwise."""
        file = self.folder / "state.json" if self.folder else None
        if file is None or not file.exists():
            return Progress()
        state = json.loads(file.read_text())
        if state["fingerprint"] != self.fingerprint:
            if progress is not None:
                progress(f"{self.folder} belongs to another run; starting anew.")
            self._clear()
            return Progress()
        self._state = state
        return Progress(History(**state["history"]), None, state["stage"], state["first"])

    def restore(self, run: Progress, progress: Callable[[str], None] | None) -> None:
        """Weights, optimizer and random state as they were; the model is compiled for the stage of ``run``."""
        if self._state is None:
            return
        # The optimizer's variables must exist before its state can be loaded.
        self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(self.folder / self._state["last"])
        set_random_state(self.model, self._state["random"])
        if self._state["best"]:
            with np.load(self.folder / self._state["best"]) as arrays:
                run.best = [arrays[name] for name in sorted(arrays.files)]
        self._state = None
        if progress is not None:
            progress(f"resumed after epoch {len(run.history.epochs)} from {self.folder}")

    def save(self, run: Progress) -> None:
        """Writes the state after an epoch; the state before it stays until this one is whole."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch = len(run.history.epochs)
        last = f"epoch-{epoch}.weights.h5"
        self.model.save_weights(self.folder / last)
        best = None if run.best is None else f"best-{run.history.best_epoch}.npz"
        if best and run.history.best_epoch == epoch - 1:
            with replacing(self.folder / best) as temporary:
                np.savez(temporary, **{f"{i:05d}": w for i, w in enumerate(run.best)})
        state = {
            "fingerprint": self.fingerprint,
            "history": asdict(run.history),
            "stage": run.stage,
            "first": run.first,
            "last": last,
            "best": best,
            "random": random_state(self.model),
        }
        write_text(self.folder / "state.json", json.dumps(state))
        self._clear(keep={last, best, "state.json"})

    def _clear(self, keep: frozenset | set = frozenset()) -> None:
        for file in self.folder.iterdir():
            if _OWN.fullmatch(file.name) and file.name not in keep:
                file.unlink()

    def done(self) -> None:
        """Removes what was written, and the folder where nothing else is in it."""
        if self.folder is not None and self.folder.exists():
            self._clear()
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def random_state(model: keras.Model) -> list:
    """The state of dropout's generators, which weight files leave out, as lists ready for JSON."""
    return [np.asarray(v).tolist() for v in _generators(model)]


def set_random_state(model: keras.Model, state: list) -> None:
    """Puts back what `random_state` read off the same model."""
    for variable, value in zip(_generators(model), state):
        variable.assign(np.array(value, dtype="uint32"))


def _generators(model):
    return [v for v in model.variables if "seed_generator_state" in v.path]
