"""The state of a training run after each epoch, from which a killed run goes on to the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from emorec.errors import BadInput, DataCorrupt, NotWritten
from emorec.files import named, replacing
from emorec.notices import notice
from emorec.version import __version__

SUFFIX = ".checkpoint"
KEPT = 2  # epochs: where the last one is damaged, the run goes on from the one before


@dataclass
class History:
    """What a training run did, one entry an epoch.

    Attributes:
        epochs: Dicts with ``loss``, ``seconds``, and with validation data ``val_loss``, ``val_accuracy``,
            ``val_macro_f1`` (fractions, 0 to 1).
        best_epoch: Index of the epoch whose weights the model holds; the last one without validation data.
        best_value: Its monitored value.

    Example:
        >>> history = History(epochs=[{"loss": 1.2}, {"loss": 0.9}], best_epoch=1)
        >>> min(history["loss"])
        0.9
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

    Example:
        >>> Progress().first
        0
    """

    history: History = field(default_factory=History)
    best: list | None = None
    stage: int = 0
    first: int = 0


class Checkpoint:
    """The state of a run after its last two whole epochs, in a folder; without a folder it keeps nothing.

    Every file has the run's fingerprint in its name and, before its arrays, a manifest: what wrote it, after which
    epoch, and a checksum. A run reads and removes files of its own fingerprint alone.

    Args:
        folder: Path, or None.
        model: The Keras model that is trained.

    Example:
        >>> Checkpoint(None, keras.Sequential()).find(None).stage  # without a folder there is nothing to go on from
        0
    """

    def __init__(self, folder: str | Path | None, model: keras.Model) -> None:
        self.folder = None if folder is None else _folder(folder)
        self.model = model
        self.fingerprint = ""
        self._arrays: list | None = None
        self._random: list = []

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
                    digest.update(np.ascontiguousarray(array))  # type: ignore[arg-type]
        self.fingerprint = digest.hexdigest()

    def find(self, progress: Callable[[str], None] | None) -> Progress:
        """How far an earlier run of this fingerprint came; `restore` puts its weights back. A fresh start otherwise.

        Raises:
            DataCorrupt: All files of this run are damaged. They are set aside, so that the next try starts afresh.
        """
        if self.folder is None or not self.folder.is_dir():
            return Progress()
        own = self._own("epoch")
        aside = []
        for file in reversed(own):
            try:
                return self._read(file)
            except DataCorrupt as error:
                aside.append(_set_aside(file))
                notice(f"{error} It was set aside as {aside[-1].name}.")
        if aside:
            raise DataCorrupt(
                f"Every checkpoint of this run in {self.folder} is damaged; set aside: "
                f"{', '.join(file.name for file in aside)}. Run the same again to start afresh, or put a copy in place."
            )
        if others := [file.name for file in self.folder.glob(f"*-epoch-*{SUFFIX}")]:
            _tell(progress, f"{self.folder} holds another run's checkpoint (of other data, settings or network): "
                  f"{others[0]}. It stays; this run starts anew. Delete it if you do not need it.")  # fmt: skip
        return Progress()

    def _read(self, file):
        """The `Progress` in a file; keeps its arrays for `restore`."""
        manifest, arrays = _unpacked(file)
        if manifest["fingerprint"] != self.fingerprint:
            raise DataCorrupt(f"{file} is another run's, under a name of this one.")
        run = Progress(History(**manifest["history"]), None, manifest["stage"], manifest["first"])
        if manifest["best"]:
            run.best = _unpacked(self.folder / manifest["best"])[1]
            if not _fit(self.model.get_weights(), run.best):
                raise DataCorrupt(f"{manifest['best']} holds the weights of another network.")
        self._arrays, self._random = arrays, manifest["random"]
        return run

    def restore(self, run: Progress, progress: Callable[[str], None] | None) -> None:
        """Weights, optimizer and random state as they were; the model is compiled for the stage of ``run``.

        Raises:
            DataCorrupt: Arrays of other shapes than those of this network and its optimizer.
        """
        if self._arrays is None:
            return
        # The optimizer's variables must exist before its state can be loaded.
        self.model.optimizer.build(self.model.trainable_variables)
        weights, variables = self.model.get_weights(), self.model.optimizer.variables
        if not _fit([*weights, *variables], self._arrays):
            raise DataCorrupt(f"The checkpoint in {self.folder} is of another Keras: delete it to start afresh.")
        self.model.set_weights(self._arrays[: len(weights)])
        for variable, value in zip(variables, self._arrays[len(weights) :]):
            variable.assign(value)
        set_random_state(self.model, self._random)
        self._arrays = None
        _tell(progress, f"resumed after epoch {len(run.history.epochs)} from {self.folder}")

    def save(self, run: Progress) -> None:
        """Writes the state after an epoch; that of the epoch before stays beside it.

        Raises:
            NotWritten: The file cannot be written: a full disk, say. Nothing that was there is lost.
        """
        if self.folder is None:
            return
        epoch = len(run.history.epochs)
        best = None
        if run.best is not None:
            best = self._name("best", run.history.best_epoch + 1)
            if run.history.best_epoch == epoch - 1:
                self._write(best, run.best, {"epoch": epoch})
        state = {
            "epoch": epoch,
            "history": asdict(run.history),
            "stage": run.stage,
            "first": run.first,
            "best": best,
            "random": random_state(self.model),
        }
        arrays = [*self.model.get_weights(), *(np.asarray(v) for v in self.model.optimizer.variables)]
        self._write(self._name("epoch", epoch), arrays, state)
        self._clear(self._own("epoch")[:-KEPT])
        needed = {_manifest(file).get("best") for file in self._own("epoch")}
        self._clear(file for file in self._own("best") if file.name not in needed)

    def _write(self, name, arrays, state):
        manifest = {"written by": f"emorec {__version__}", "fingerprint": self.fingerprint, **state}
        try:
            with replacing(self.folder / name) as temporary:
                temporary.write_bytes(_packed(manifest, arrays))
        except OSError as error:
            left = [file.name for file in self._own("epoch")]
            kept = f"{left[-1]} is whole and stays" if left else "none was written before"
            kept += ". Make room, or give another folder, and run the same again: it goes on from there."
            raise NotWritten(f"The checkpoint {self.folder / name}", error.strerror or str(error), kept) from error

    def _name(self, kind, epoch):
        return f"{self.fingerprint[:12]}-{kind}-{epoch:05d}{SUFFIX}"

    def _own(self, kind):
        """This run's files of a kind, the oldest first."""
        return sorted(self.folder.glob(f"{self.fingerprint[:12]}-{kind}-[0-9][0-9][0-9][0-9][0-9]{SUFFIX}"))

    def _clear(self, files):
        for file in files:
            file.unlink(missing_ok=True)

    def done(self) -> None:
        """Removes what this run wrote, and the folder where nothing else is in it."""
        if self.folder is not None and self.folder.is_dir():
            with contextlib.suppress(OSError):  # of another run in the folder, say: what was trained is worth more
                self._clear([*self._own("epoch"), *self._own("best")])
                if not any(self.folder.iterdir()):
                    self.folder.rmdir()


def _folder(path):
    """The folder, checked before the work: an epoch that cannot be kept may have taken hours."""
    folder = named(path, "checkpoint")
    if os.path.lexists(folder) and not folder.is_dir():
        raise BadInput(f"checkpoint={str(path)!r} is no folder: give another name.")
    above = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    if not os.access(above, os.W_OK | os.X_OK):
        raise NotWritten(f"The checkpoint {folder}", f"no right to write to {above}", "give another folder.")
    return folder


def _tell(progress, text):
    if progress is not None:
        progress(text)


# A file: a line of JSON, the manifest, whose "arrays" is the checksum of what follows; then the arrays as numpy writes
# them, one after the other. The line itself ends in a checksum of its own.


def _packed(manifest, arrays):
    body = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(body, np.asarray(array), allow_pickle=False)
    content = body.getvalue()
    line = json.dumps(manifest | {"count": len(arrays), "arrays": _sum(content)}).encode()
    return line + b"\t" + _sum(line).encode() + b"\n" + content


def _sum(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _manifest(file):
    """The manifest of a file, {} where it is none."""
    try:
        with open(file, "rb") as opened:
            line, _, checksum = opened.readline().rstrip(b"\n").rpartition(b"\t")
        return json.loads(line) if _sum(line).encode() == checksum else {}
    except (OSError, ValueError):
        return {}


def _unpacked(file):
    """The manifest and the arrays of a file, or DataCorrupt."""
    manifest = _manifest(file)
    try:
        content = file.read_bytes().partition(b"\n")[2]
    except OSError as error:
        raise DataCorrupt(f"The checkpoint {file} cannot be read ({error.strerror}).") from error
    if not manifest or _sum(content) != manifest["arrays"]:
        raise DataCorrupt(f"The checkpoint {file} is damaged: its checksum differs.")
    body = io.BytesIO(content)
    return manifest, [np.lib.format.read_array(body, allow_pickle=False) for _ in range(manifest["count"])]


def _set_aside(file):
    """Renames a damaged file, so that nothing reads it again and nothing is lost."""
    aside = file.with_name(file.name + ".damaged")
    os.replace(file, aside)
    return aside


def _fit(variables, arrays):
    return [tuple(v.shape) for v in variables] == [a.shape for a in arrays]


def random_state(model: keras.Model) -> list:
    """The state of dropout's generators, which weight files leave out, as lists ready for JSON."""
    return [np.asarray(v).tolist() for v in _generators(model)]


def set_random_state(model: keras.Model, state: list) -> None:
    """Puts back what `random_state` read off the same model."""
    for variable, value in zip(_generators(model), state):
        variable.assign(np.array(value, dtype="uint32"))


def _generators(model):
    return [v for v in model.variables if "seed_generator_state" in v.path]
