"""Training that can be repeated, watched and resumed; it chooses on validation data, never on a test split."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import keras
import numpy as np
from keras import ops

from emorec.datasets.base import Split
from emorec.errors import BadInput

OPTIMIZERS = ("adam", "sgd", "rmsprop")
MONITORS = {"loss": -1, "accuracy": 1, "macro_f1": 1}  # and whether more is better


def set_seed(seed):
    """Seeds Python, NumPy and the backend: two CPU runs of one seed agree to the bit."""
    keras.utils.set_random_seed(int(seed))


def refuse_test_split(split):
    """Raises where a test split is about to be used for choosing."""
    if isinstance(split, Split) and split.name == "test":
        raise BadInput(
            "A test split was given as validation data. It is opened once, to report; choose on `data.validation`."
        )


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

    def __getitem__(self, name):
        return [row[name] for row in self.epochs]

    @property
    def seconds(self):
        return sum(row["seconds"] for row in self.epochs)


@runtime_checkable
class Batches(Protocol):
    """Inputs that cut themselves into batches, such as length buckets: anything with these two methods."""

    def train(self, model, y, weights, batch_size, rng):
        """One epoch; returns the mean loss."""

    def predict(self, model, batch_size):
        """Logits (N, C) in the order of the inputs."""


def one_hot(indices, classes):
    """int (N,) to float32 (N, C)."""
    return np.eye(classes, dtype="float32")[np.asarray(indices)]


def validation_scores(targets, logits, multi_label=False):
    """Loss (mean cross-entropy, nats), accuracy and macro-F1 of logits (N, C) against 0/1 targets (N, C).

    Macro-F1 is over the classes that occur in truth or answers.
    """
    targets, logits = np.asarray(targets), np.asarray(logits, dtype="float64")
    if multi_label:
        loss = np.mean(np.logaddexp(0, logits) - targets * logits)
        chosen, true = logits > 0, targets > 0.5
        accuracy = float(np.mean(chosen == true))
    else:
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -np.mean((targets * log_probabilities).sum(axis=1))
        chosen = one_hot(logits.argmax(axis=1), targets.shape[1]) > 0
        true = one_hot(targets.argmax(axis=1), targets.shape[1]) > 0
        accuracy = float(np.mean((chosen & true).any(axis=1)))
    hits, sizes = (chosen & true).sum(axis=0), chosen.sum(axis=0) + true.sum(axis=0)
    occur = sizes > 0  # as in `emorec.metrics`, classes that are neither there nor named do not count
    macro_f1 = float(np.mean(2 * hits[occur] / sizes[occur])) if occur.any() else 0.0
    return {"loss": float(loss), "accuracy": accuracy, "macro_f1": macro_f1}


def compile_model(
    model,
    *,
    steps,
    learning_rate,
    schedule,
    weight_decay,
    label_smoothing,
    multi_label,
    class_weight=None,
    clipnorm=1.0,
    optimizer="adam",
):
    """Cross-entropy from logits under an optimizer with decoupled weight decay (AdamW; Loshchilov & Hutter 2019).

    `optimizer` is ``adam``, ``rmsprop`` or ``sgd`` (with Nesterov momentum 0.9, and a learning rate of its own).
    `schedule` is ``constant`` or ``cosine`` (to zero over `steps`, after a linear warm-up over the first 5 %).
    `class_weight` acts here with several labels to an example: on the part of a class's loss where it is there.
    """
    if schedule == "cosine":
        warmup = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            learning_rate / 25, max(1, steps - warmup), warmup_target=learning_rate, warmup_steps=warmup
        )
    elif schedule == "constant":
        rate = learning_rate
    else:
        raise BadInput(f"schedule={schedule!r} is unknown; choose constant or cosine.")
    if optimizer not in OPTIMIZERS:
        raise BadInput(f"optimizer={optimizer!r} is unknown; choose one of {', '.join(OPTIMIZERS)}.")
    options = {"momentum": 0.9, "nesterov": True} if optimizer == "sgd" else {}
    kind = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}[optimizer]
    optimizer = kind(rate, weight_decay=weight_decay or None, clipnorm=clipnorm, **options)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if multi_label:
        loss = _binary_crossentropy(label_smoothing, 1.0 if class_weight is None else class_weight)
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    model.compile(optimizer=optimizer, loss=loss, jit_compile="auto" if keras.backend.backend() == "jax" else False)
    if model.trainable_variables:
        # Variables that are made inside the first step would have TensorFlow trace that step twice.
        optimizer.build(model.trainable_variables)


def _binary_crossentropy(label_smoothing, positive):
    """Binary cross-entropy of logits, its positive part weighed by numbers (C,), mean over classes."""
    positive = np.asarray(positive, dtype="float32")

    def loss(targets, logits):
        targets = targets * (1 - label_smoothing) + 0.5 * label_smoothing
        return ops.mean(positive * targets * ops.softplus(-logits) + (1 - targets) * ops.softplus(logits), axis=-1)

    return loss


def fit(
    model,
    train,
    validation=None,
    *,
    epochs=10,
    batch_size=64,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    weight_decay=0.0,
    label_smoothing=0.0,
    class_weight=None,
    multi_label=False,
    patience=None,
    monitor="loss",
    seed=0,
    checkpoint=None,
    progress=print,
):
    """Trains a model that gives logits.

    Args:
        model: A keras model whose output is logits (B, C).
        train: ``(x, y)`` with float targets (N, C), one-hot, soft or multi-label; or a function of the epoch
            number that returns such a pair (augmentation). x is an array, a dict of arrays, or a `Batches`.
        validation: ``(x, y)`` to choose on, or None. Never a test split: the classifiers check that.
        epochs, batch_size: Limits of the run, and examples a step.
        optimizer, learning_rate, schedule, weight_decay, label_smoothing: See `compile_model`.
        class_weight: Weight per class (C,) or None: of the examples of a class; with several labels to an example, of
            the positive part of the class's loss.
        patience: Epochs without improvement before stopping; None never stops early. The weights of the best
            epoch are restored whenever there is validation data.
        monitor: ``loss``, ``accuracy`` or ``macro_f1``, on validation data.
        seed: Order of the examples; epoch e always has the same order, also after a resumed run.
        checkpoint: Folder to resume from after a kill, if network, settings and data are the same; what was written
            there is removed when the run is done.
        progress: Receives a line per epoch; None is silent.

    Returns:
        `History`; the model holds the best epoch's weights.

    Raises:
        BadInput: An unknown option, or numbers that are not finite, in training or on validation data.
    """
    if monitor not in MONITORS:
        raise BadInput(f"monitor={monitor!r} is unknown; choose one of {', '.join(MONITORS)}.")
    arrays = train(0) if callable(train) else train
    size = len(arrays[1])
    settings = dict(
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        multi_label=multi_label,
        class_weight=None if class_weight is None else np.asarray(class_weight, dtype="float32").tolist(),
    )
    run = _Checkpoint(checkpoint, model)
    run.sign(settings | dict(epochs=epochs, batch=batch_size, monitor=monitor, seed=seed), arrays, validation)
    compile_model(model, steps=epochs * -(-size // batch_size), **settings)
    class_weight = None if multi_label else class_weight
    history, best = run.resume(progress)
    sign = MONITORS[monitor]
    for epoch in range(len(history.epochs), epochs):
        if patience is not None and validation is not None and epoch - history.best_epoch > patience:
            break
        started = time.perf_counter()
        x, y = train(epoch) if callable(train) else train
        loss = _one_epoch(model, x, y, batch_size, class_weight, np.random.default_rng([seed, epoch]))
        row = {"loss": loss}
        if validation is not None:
            scores = validation_scores(validation[1], predict(model, validation[0]), multi_label)
            row |= {f"val_{name}": value for name, value in scores.items()}
        row["seconds"] = time.perf_counter() - started
        history.epochs.append(row)
        value = row.get(f"val_{monitor}")
        if value is not None and not np.isfinite(value):
            raise BadInput(f"The validation {monitor} is {value}: look for NaN in the validation inputs.")
        if value is None or history.best_value is None or sign * value > sign * history.best_value:
            history.best_epoch, history.best_value = epoch, value
            best = model.get_weights() if validation is not None else None
        run.save(history, best)
        if progress is not None:
            progress(_line(epoch, epochs, row, history.best_epoch == epoch and validation is not None))
    if best is not None:
        model.set_weights(best)
    run.done()
    return history


@contextmanager
def quiet_retracing():
    """Hides TensorFlow's advice against compiling often: texts have many lengths, and experiments many models."""
    logger = logging.getLogger("tensorflow")

    def other(record):
        return "tf.function retracing" not in record.getMessage()

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


@quiet_retracing()
def predict(model, x, batch_size=512):
    """Logits as a float32 array (N, C); batches do not change a row's result."""
    if isinstance(x, Batches):
        return x.predict(model, batch_size)
    if len(keras.tree.flatten(x)[0]) <= batch_size:  # spares the set-up of a data pipeline, 0.2 s a call
        return np.asarray(model.predict_on_batch(x), dtype="float32")
    return np.asarray(model.predict(x, batch_size=batch_size, verbose=0), dtype="float32")


@quiet_retracing()
def _one_epoch(model, x, y, batch_size, class_weight, rng):
    weights = None if class_weight is None else (y @ np.asarray(class_weight, dtype="float32"))
    if isinstance(x, Batches):
        return _finite(x.train(model, y, weights, batch_size, rng), model)
    order = rng.permutation(len(y))
    y, weights = y[order], None if weights is None else weights[order]
    x = {k: v[order] for k, v in x.items()} if isinstance(x, dict) else x[order]
    log = model.fit(x, y, sample_weight=weights, batch_size=batch_size, shuffle=False, verbose=0)
    return _finite(log.history["loss"][-1], model)


def _finite(loss, model):
    loss = float(loss)
    # The loss alone does not tell: a rectifier turns NaN into 0.
    if not np.isfinite(loss) or not all(np.isfinite(w).all() for w in model.get_weights()):
        raise BadInput(
            f"Training broke down (loss {loss}, weights not finite): lower the learning rate, "
            "or look for NaN in the inputs."
        )
    return loss


def _line(epoch, epochs, row, best):
    text = f"epoch {epoch + 1:>2}/{epochs} · {row['seconds']:5.1f} s · loss {row['loss']:.4f}"
    if "val_loss" in row:
        text += (
            f" · validation: loss {row['val_loss']:.4f}, accuracy {100 * row['val_accuracy']:.1f} %, "
            f"macro-F1 {100 * row['val_macro_f1']:.1f} %"
        )
    return text + (" · best" if best else "")


class _Checkpoint:
    """State of a run after each epoch: written to temporary files, then moved into place at once."""

    FILES = ("epoch-*.weights.h5", "best-*.npz", "writing.npz", "state.json", "state.json.writing")

    def __init__(self, folder, model):
        self.folder = None if folder is None else Path(folder)
        self.model = model
        self.fingerprint = None

    def sign(self, settings, *data):
        """Fingerprints all that decides how a run goes on: the network, the settings and the examples."""
        if self.folder is None:
            return
        text = json.dumps([self.model.get_config(), settings], sort_keys=True, default=float)
        text = re.sub(r"_\d+\b", "", text)  # Keras numbers layers on, from model to model
        digest = hashlib.sha256(text.encode())
        for part in keras.tree.flatten(data):
            for array in keras.tree.flatten(vars(part) if isinstance(part, Batches) else part):
                if array is not None:
                    digest.update(np.ascontiguousarray(array))
        self.fingerprint = digest.hexdigest()

    def resume(self, progress):
        state_file = self.folder / "state.json" if self.folder else None
        if state_file is None or not state_file.exists():
            return History(), None
        state = json.loads(state_file.read_text())
        if state.pop("fingerprint") != self.fingerprint:
            if progress is not None:
                progress(f"{self.folder} belongs to another run; starting anew.")
            self._clear()
            return History(), None
        history = History(**state["history"])
        # The optimizer's variables must exist before its state can be loaded.
        self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(self.folder / state["last"])
        set_random_state(self.model, state["random"])
        best = None
        if state["best"]:
            with np.load(self.folder / state["best"]) as arrays:
                best = [arrays[name] for name in sorted(arrays.files)]
        if progress is not None:
            progress(f"resumed after epoch {len(history.epochs)} from {self.folder}")
        return history, best

    def save(self, history, best):
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch = len(history.epochs)
        last = f"epoch-{epoch}.weights.h5"
        self.model.save_weights(self.folder / last)
        best_name = f"best-{history.best_epoch}.npz" if best is not None else None
        if best_name and history.best_epoch == epoch - 1:
            temporary = self.folder / "writing.npz"
            np.savez(temporary, **{f"{i:05d}": w for i, w in enumerate(best)})
            os.replace(temporary, self.folder / best_name)
        state = dict(fingerprint=self.fingerprint, history=asdict(history), last=last, best=best_name)
        state["random"] = random_state(self.model)
        temporary = self.folder / "state.json.writing"
        temporary.write_text(json.dumps(state))
        os.replace(temporary, self.folder / "state.json")
        self._clear(keep={last, best_name, "state.json"})

    def _clear(self, keep=frozenset()):
        for pattern in self.FILES:
            for file in self.folder.glob(pattern):
                if file.name not in keep:
                    file.unlink()

    def done(self):
        if self.folder is not None and self.folder.exists():
            self._clear()
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def random_state(model):
    """The state of dropout's generators, which weight files leave out, as lists ready for JSON."""
    return [np.asarray(v).tolist() for v in _generators(model)]


def set_random_state(model, state):
    """Puts back what `random_state` gave of the same model."""
    for variable, value in zip(_generators(model), state):
        variable.assign(np.array(value, dtype="uint32"))


def _generators(model):
    return [v for v in model.variables if "seed_generator_state" in v.path]
