"""Training that can be repeated, watched and resumed; it chooses on validation data, never on a test split."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
from keras import ops
from scipy.special import log_softmax

from emorec import devices, optimizers
from emorec.arguments import ends_memory, explained
from emorec.checkpoints import Checkpoint, History, random_state, set_random_state
from emorec.checks import choice, real_number, whole_number
from emorec.datasets.base import Split
from emorec.errors import BadInput, EmorecError, OutOfMemory
from emorec.metrics import macro_f1
from emorec.types import FilePath, Numbers

__all__ = [
    "Batches", "History", "Interrupted", "OutOfMemory", "Stage", "TrainingOptions", "compile_model", "fit", "one_hot",
    "predict", "random_state", "refuse_test_split", "seeded", "set_random_state", "set_seed", "validation_scores",
]  # fmt: skip

OPTIMIZERS = ("adam", "sgd", "rmsprop")
SCHEDULES = ("constant", "cosine", "linear")
MONITORS = {"loss": -1, "accuracy": 1, "macro_f1": 1}  # and whether more is better
EXPLODED = 1000.0  # nats of loss for examples that weigh 1; guessing among a thousand classes costs 7


class Interrupted(KeyboardInterrupt):
    """Training was interrupted, by Ctrl-C or a notebook's stop button.

    Attributes:
        model: With validation data it holds the weights of the best epoch so far.
        history: `History` of the whole epochs.
    """

    def __init__(self, model: keras.Model, history: History) -> None:
        super().__init__("training was interrupted")
        self.model, self.history = model, history


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained; every classifier has these as keyword arguments of its own.

    Args:
        epochs: Limit of the run, at least 1.
        batch_size: Examples a step, at least 1.
        optimizer: ``adam``, ``rmsprop`` or ``sgd`` (with Nesterov momentum 0.9, and a learning rate of its own).
        learning_rate: Above 0, to 10.
        schedule: ``constant``; ``cosine`` or ``linear``: to zero over the run, after a warm-up.
        warmup: Share of the steps in which the rate rises in a line, 0 to below 1; None is 5 % for ``cosine`` and
            ``linear``, and none for ``constant``.
        clip: Norm at which all gradients together are cut, above 0; None cuts each weight's gradient at a norm of 1.
        weight_decay: Decoupled (AdamW; Loshchilov & Hutter 2019), 0 to 1.
        label_smoothing: Share of the target that goes to all classes alike, 0 to 1.
        patience: Epochs without improvement before stopping; None never stops early. One epoch always trains, so 0
            stops as 1 does, after the first epoch without improvement.
        monitor: ``loss``, ``accuracy`` or ``macro_f1`` of validation data: what chooses the best epoch.
        seed: Of the order of the examples, 0 to 2**32 - 1.

    Raises:
        BadInput: A value outside of its range, by name.

    Example:
        >>> TrainingOptions(epochs=5, learning_rate=0.01).batch_size
        64
    """

    epochs: int = 10
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    patience: int | None = None
    monitor: str = "loss"
    seed: int = 0
    warmup: float | None = None
    clip: float | None = None

    def __post_init__(self):
        clean = {name: whole_number(name, getattr(self, name), 1) for name in ("epochs", "batch_size")}
        clean["seed"] = whole_number("seed", self.seed, 0, 2**32 - 1)
        if self.patience is not None:
            clean["patience"] = whole_number("patience", self.patience, 0)
        clean["learning_rate"] = real_number("learning_rate", self.learning_rate, 0, 10, above=True)
        for name in ("weight_decay", "label_smoothing"):
            clean[name] = real_number(name, getattr(self, name), 0, 1)
        if self.warmup is not None:
            clean["warmup"] = real_number("warmup", self.warmup, 0, 0.99)
        if self.clip is not None:
            clean["clip"] = real_number("clip", self.clip, 0, 1e6, above=True)
        choice("optimizer", self.optimizer, OPTIMIZERS)
        choice("schedule", self.schedule, SCHEDULES)
        choice("monitor", self.monitor, tuple(MONITORS))
        for name, value in clean.items():  # plain numbers, whatever type they came in
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, estimator: Any, **chosen: Any) -> TrainingOptions:
        """The options among an estimator's attributes; one that it lacks keeps its default.

        Args:
            estimator: Anything with attributes of these names.
            **chosen: Values for those of them that are None, because they depend on the data.
        """
        values = {f.name: getattr(estimator, f.name) for f in fields(cls) if hasattr(estimator, f.name)}
        return cls(**values | {name: value for name, value in chosen.items() if values.get(name) is None})


@dataclass(frozen=True)
class Stage:
    """A part of a training run with an optimizer, a schedule and a patience of its own.

    It starts from the best weights so far; the best epoch of all stages is kept.

    Args:
        epochs: Its share of the run's epochs; a stage of 0 epochs is left out.
        rate: Times the learning rate.
        before: Called with the model when the stage begins, e.g. to make layers trainable.

    Example:
        >>> Stage(epochs=2, rate=0.1).rate
        0.1
    """

    epochs: int
    rate: float = 1.0
    before: Callable[[keras.Model], None] | None = None


@explained
def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and the backend: two CPU runs of one seed agree to the bit."""
    keras.utils.set_random_seed(int(seed))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """`set_seed` for a block; the global generators of Python and NumPy go on afterwards as if nothing had been."""
    python, numpy = random.getstate(), np.random.get_state()
    set_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@explained
def refuse_test_split(split: Any) -> None:
    """Raises where a test split is about to be used for choosing."""
    if isinstance(split, Split) and split.name == "test":
        raise BadInput(
            "A test split was given as validation data. It is opened once, to report; choose on `data.validation`."
        )


@runtime_checkable
class Batches(Protocol):
    """Inputs that cut themselves into batches, such as length buckets: anything with these two methods.

    Example:
        >>> from emorec.text.buckets import BucketedIds
        >>> all(hasattr(BucketedIds, name) for name in ("train", "predict"))
        True
    """

    def train(
        self, model: keras.Model, y: np.ndarray, weights: np.ndarray | None, batch_size: int, rng: np.random.Generator
    ) -> float:
        """One epoch; returns the mean loss."""

    def predict(self, model: keras.Model, batch_size: int) -> np.ndarray:
        """Logits (N, C) in the order of the inputs."""


@explained
def one_hot(indices: Numbers, classes: int) -> np.ndarray:
    """int (N,) to float32 (N, C)."""
    return np.eye(classes, dtype="float32")[np.asarray(indices)]


@explained
def validation_scores(targets: np.ndarray, logits: np.ndarray, multi_label: bool = False) -> dict[str, float]:
    """Loss (mean cross-entropy, nats), accuracy and macro-F1 of logits (N, C) against 0/1 targets (N, C).

    Macro-F1 is over the classes that occur in truth or answers.
    """
    targets, logits = np.asarray(targets), np.asarray(logits, dtype="float64")
    if multi_label:
        loss = np.mean(np.logaddexp(0, logits) - targets * logits)
        chosen, true = logits > 0, targets > 0.5
        accuracy = float(np.mean(chosen == true))
    else:
        loss = -np.mean((targets * log_softmax(logits, axis=1)).sum(axis=1))
        chosen = one_hot(logits.argmax(axis=1), targets.shape[1]) > 0
        true = one_hot(targets.argmax(axis=1), targets.shape[1]) > 0
        accuracy = float(np.mean((chosen & true).any(axis=1)))
    return {"loss": float(loss), "accuracy": accuracy, "macro_f1": macro_f1(true, chosen)}


@explained
def compile_model(
    model: keras.Model, options: TrainingOptions | None = None, *, steps: int = 1, rate: float = 1.0,
    multi_label: bool = False, class_weight: Numbers | None = None, factors: Numbers | None = None, **settings: Any,
) -> None:  # fmt: skip
    """Cross-entropy from logits under the optimizer of the options, with decoupled weight decay; `fit` does it itself.

    Args:
        model: A keras model whose output is logits (B, C).
        options, settings: See `fit`.
        steps: Of the schedule, all together.
        rate: Times the learning rate.
        multi_label: Binary cross-entropy of each class in the place of one over all.
        class_weight: (C,) or None. It acts here with several labels to an example: on the part of a class's loss where
            it is there.
        factors: For each of ``model.trainable_variables`` what the learning rate is multiplied with; None: 1.
    """
    options = _options(options, settings)
    learning_rate = _schedule(options, options.learning_rate * rate, steps)
    kinds = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}
    momentum = {"momentum": 0.9, "nesterov": True} if options.optimizer == "sgd" else {}
    kind = kinds[options.optimizer]
    if factors is not None:
        if devices.present() > 1 and options.weight_decay:
            raise BadInput("Rates by layer with weight_decay train on one device: leave one of these, or devices, out.")
        kind = optimizers.scaled(kind, factors)
    kind = devices.added_up(kind)
    clip = {"clipnorm": 1.0} if options.clip is None else {"global_clipnorm": options.clip}
    optimizer = kind(learning_rate, weight_decay=options.weight_decay or None, **clip, **momentum)
    if options.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if multi_label:
        loss = _binary_crossentropy(options.label_smoothing, 1.0 if class_weight is None else class_weight)
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing)
    model.compile(optimizer=optimizer, loss=loss, jit_compile="auto" if keras.backend.backend() == "jax" else False)
    if model.trainable_variables:
        # Variables that are made inside the first step would have TensorFlow trace that step twice.
        optimizer.build(model.trainable_variables)


def _schedule(options, rate, steps):
    """A learning rate, or its course over the steps."""
    if options.schedule == "constant":
        rising = int(steps * (options.warmup or 0))
        return optimizers.WarmUp(rate, steps, rising, decay=False) if rising else rate
    rising = max(1, steps // 20 if options.warmup is None else int(steps * options.warmup))
    if options.schedule == "linear":
        return optimizers.WarmUp(rate, steps, rising)
    return keras.optimizers.schedules.CosineDecay(
        rate / 25, max(1, steps - rising), warmup_target=rate, warmup_steps=rising
    )


def _binary_crossentropy(label_smoothing, positive):
    """Binary cross-entropy of logits, its positive part weighed by numbers (C,), mean over classes."""
    positive = np.asarray(positive, dtype="float32")

    def loss(targets, logits):
        targets = targets * (1 - label_smoothing) + 0.5 * label_smoothing
        return ops.mean(positive * targets * ops.softplus(-logits) + (1 - targets) * ops.softplus(logits), axis=-1)

    return loss


@explained
def fit(
    model: keras.Model, train: tuple, validation: tuple | None = None, options: TrainingOptions | None = None, *,
    stages: Sequence[Stage] | None = None, class_weight: Numbers | None = None, multi_label: bool = False,
    factors: Callable[[], Sequence[float] | None] | None = None, checkpoint: FilePath | None = None,
    progress: Callable[[str], None] | None = print, **settings: Any,
) -> History:  # fmt: skip
    """Trains a model that gives logits.

    Args:
        model: A keras model whose output is logits (B, C).
        train: ``(x, y)``, or ``(x, y, weights)`` with the weight (N,) of each example's loss. y are float targets (N,
            C), one-hot, soft or multi-label; x is an array, a dict of arrays, or a `Batches`. Or a function of the
            epoch number (of its stage) that returns such a tuple (augmentation).
        validation: ``(x, y)`` to choose on, or None. Never a test split: the classifiers check that.
        options, settings: A `TrainingOptions`, and fields of it by name, such as ``epochs=3``. The weights of the best
            epoch are restored whenever there is validation data. Epoch e always has the same order of examples, also
            after a resumed run.
        stages: `Stage` objects whose epochs sum up to those of the options; None is a single stage.
        class_weight: Weight per class (C,) or None: of the examples of a class; with several labels to an example, of
            the positive part of the class's loss.
        multi_label: Whether an example may have several classes.
        factors: Called when a stage begins: for each of ``model.trainable_variables`` what the learning rate is
            multiplied with, or None for the same rate everywhere.
        checkpoint: Folder to resume from after a kill, in any stage, if network, settings and data are the same; what
            was written there is removed when the run is done.
        progress: Receives a line per epoch; None is silent.

    Returns:
        `History` of all stages; the model holds the best epoch's weights.

    Raises:
        BadInput: An unknown option or a value out of range; numbers that are not finite, in training or on validation
            data; a loss that explodes.
        Interrupted: Ctrl-C; the model then holds the best weights so far. OutOfMemory: A batch does not fit.
        DataCorrupt: All checkpoints of this run are damaged. EmorecError: A checkpoint cannot be written.

    Example:
        >>> import keras, numpy as np
        >>> x, y = np.eye(4, dtype="float32"), one_hot([0, 1, 0, 1], 2)
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> len(fit(model, (x, y), epochs=2, progress=None).epochs)
        2
    """
    options = _options(options, settings)
    stages = _check_stages(stages, options.epochs)
    data = train(0) if callable(train) else train
    steps = -(-len(data[1]) // options.batch_size)  # of an epoch
    weight = None if class_weight is None else np.asarray(class_weight, dtype="float32")
    original, model = model, devices.mirrored(model)
    checkpoint = Checkpoint(checkpoint, model)  # type: ignore[arg-type]
    facts = {"multi_label": multi_label, "class_weight": None if weight is None else weight.tolist()}
    facts["stages"] = [[stage.epochs, stage.rate] for stage in stages]
    facts["factors"] = factors and factors()
    checkpoint.sign(asdict(options) | facts, data, validation)
    run = checkpoint.find(progress)
    for number, stage in enumerate(stages):
        for one in dict.fromkeys((original, model)) if stage.before is not None else ():
            stage.before(one)
        if number < run.stage:
            continue
        with devices.scope():
            compile_model(
                model, options, steps=stage.epochs * steps, rate=stage.rate, multi_label=multi_label,
                class_weight=weight, factors=factors and factors(),
            )  # fmt: skip
        if number > run.stage:
            run.stage, run.first = number, len(run.history.epochs)
        checkpoint.restore(run, progress)
        try:
            _one_stage(model, original, train, validation, options, stage.epochs, weight, multi_label, run, checkpoint,
                       progress)  # fmt: skip
        except KeyboardInterrupt as error:
            _keep_best(model, run, progress, checkpoint.folder)
            _hand_over(model, original)
            raise Interrupted(original, run.history) from error
        if run.best is not None:
            model.set_weights(run.best)
    checkpoint.done()
    _hand_over(model, original)
    return run.history


def _keep_best(model, run, progress, folder):
    """Leaves the best weights so far in the model, and says so."""
    if run.best is None:
        what = "interrupted before an epoch was complete: nothing is learnt yet"
    else:
        model.set_weights(run.best)
        best, epochs = run.history.best_epoch + 1, len(run.history.epochs)
        what = f"interrupted after epoch {epochs}: the best weights so far are kept, those of epoch {best}"
    if folder is not None and run.history.epochs:
        what += f"; the same call goes on from {folder}"
    if progress is not None:
        with contextlib.suppress(KeyboardInterrupt):
            progress(what)


def _hand_over(model, original):
    """The weights of a model on several devices to the one that it was copied from, which lies on one."""
    if original is not model:
        original.set_weights(model.get_weights())


def _options(options, settings):
    """The options with fields replaced by name."""
    known = [f.name for f in fields(TrainingOptions)]
    if unknown := set(settings) - set(known):
        raise BadInput(f"Training has no option {', '.join(sorted(unknown))}; it has {', '.join(known)}.")
    return replace(options or TrainingOptions(), **settings)


def _check_stages(stages, epochs):
    """The stages that have epochs; a single one of all epochs for None."""
    if stages is None:
        return [Stage(epochs)]
    total = sum(whole_number("Stage: epochs", stage.epochs, 0) for stage in stages)
    if total != epochs:
        raise BadInput(f"The stages have {total} epochs together, but epochs={epochs}: make them agree.")
    return [stage for stage in stages if stage.epochs]


def _one_stage(
    model, original, train, validation, options, epochs, class_weight, multi_label, run, checkpoint, progress
):
    """The epochs of a stage that are left; ``run`` and the checkpoint follow."""
    history, sign = run.history, MONITORS[options.monitor]
    class_weight = None if multi_label else class_weight
    for epoch in range(len(history.epochs) - run.first, epochs):
        if validation is not None and _is_stuck(history["val_" + options.monitor][run.first :], sign, options.patience):
            break
        started = time.perf_counter()
        x, y, *weights = train(epoch) if callable(train) else train
        weights = _example_weights(y, class_weight, *weights)
        rng = np.random.default_rng([options.seed, epoch])
        row = {"loss": _one_epoch(model, x, y, options.batch_size, weights, rng)}
        if validation is not None:
            _hand_over(model, original)
            scores = validation_scores(validation[1], predict(original, validation[0]), multi_label)
            row |= {f"val_{name}": value for name, value in scores.items()}
        row["seconds"] = time.perf_counter() - started
        history.epochs.append(row)
        value = row.get(f"val_{options.monitor}")
        if value is not None and not np.isfinite(value):
            raise BadInput(f"The validation {options.monitor} is {value}: look for NaN in the validation inputs.")
        is_best = value is None or history.best_value is None or sign * value > sign * history.best_value
        if is_best:
            history.best_epoch, history.best_value = len(history.epochs) - 1, value
            run.best = model.get_weights() if validation is not None else None
        checkpoint.save(run)
        if progress is not None:
            progress(_line(len(history.epochs), options.epochs, row, is_best and validation is not None))


def _is_stuck(values, sign, patience):
    """Whether the monitored values of a stage have not improved for more epochs than patience allows."""
    if patience is None or not values:
        return False
    since = len(values) - 1 - int(np.argmax(sign * np.asarray(values)))
    return since >= max(patience, 1)


def _example_weights(y, class_weight, weights=None):
    """The weight of each example's loss, float32 (N,), or None where all weigh the same."""
    if weights is not None:
        weights = np.asarray(weights, dtype="float32")
    if class_weight is None:
        return weights
    of_classes = y @ class_weight
    return of_classes if weights is None else weights * of_classes


@contextmanager
def quiet_retracing() -> Iterator[None]:
    """Hides TensorFlow's advice against compiling often: texts have many lengths, and experiments many models."""
    logger = logging.getLogger("tensorflow")

    def other(record):
        return "tf.function retracing" not in record.getMessage()

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


_ran_in: int | None = None  # the process in which the backend has run


def _same_process():
    """Raises in a process that was forked after TensorFlow ran: its threads are missing, and it would hang."""
    global _ran_in
    if keras.backend.backend() == "tensorflow" and _ran_in not in (None, os.getpid()):
        raise EmorecError(
            f"This process was forked from process {_ran_in}, in which TensorFlow has run: it would hang. Start "
            "processes with multiprocessing.get_context('spawn'), or fork before the first prediction."
        )
    _ran_in = os.getpid()


@contextmanager
def memory_named(batch_size: int) -> Iterator[None]:
    """Turns what each backend raises where memory ends into `OutOfMemory`, which names the batch size."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OutOfMemory) or not ends_memory(error):
            raise
        raise OutOfMemory(
            f"There is not enough memory for {batch_size} examples at a time ({type(error).__name__}). Train with "
            f"batch_size={max(1, batch_size // 4)}, shorten what is read (max_length of texts, size of pictures), or "
            "hand over fewer inputs at once."
        ) from error


@quiet_retracing()
@explained
def predict(model: keras.Model, x: Any, batch_size: int = 512) -> np.ndarray:
    """Logits as a float32 array (N, C); batches do not change a row's result.

    Raises:
        OutOfMemory: A batch does not fit.
    """
    _same_process()
    with memory_named(batch_size):
        if isinstance(x, Batches):
            return x.predict(model, batch_size)
        if len(keras.tree.flatten(x)[0]) <= batch_size:  # spares the set-up of a data pipeline, 0.2 s a call
            return np.asarray(model.predict_on_batch(x), dtype="float32")
        return np.asarray(model.predict(x, batch_size=batch_size, verbose=0), dtype="float32")


@quiet_retracing()
def _one_epoch(model, x, y, batch_size, weights, rng):
    _same_process()
    limit = EXPLODED * max(1.0, 1.0 if weights is None else float(np.mean(weights)))
    with memory_named(batch_size):
        if isinstance(x, Batches) and devices.present() == 1:
            return _finite(x.train(model, y, weights, batch_size, rng), model, limit)
        if isinstance(x, Batches):  # equal parts of a batch are of equal length
            x = x.pad(np.arange(len(y)))
        order = rng.permutation(len(y))
        y, weights = y[order], None if weights is None else weights[order]
        x = {k: v[order] for k, v in x.items()} if isinstance(x, dict) else x[order]
        x, y, weights = devices.whole_batches(x, y, weights, batch_size)
        log = model.fit(x, y, sample_weight=weights, batch_size=batch_size, shuffle=False, verbose=0)
    return _finite(log.history["loss"][-1], model, limit)


def _finite(loss, model, limit):
    loss = float(loss)
    # The loss alone does not tell: a rectifier turns NaN into 0.
    if not np.isfinite(loss) or not all(np.isfinite(w).all() for w in model.get_weights()):
        raise BadInput(
            f"Training broke down (loss {loss}, weights not finite): lower the learning rate, "
            "or look for NaN in the inputs."
        )
    if loss > limit:
        raise BadInput(
            f"Training exploded: a loss of {loss:.3g} is far above that of guessing. Lower learning_rate (to a tenth, "
            "say), set clip=1.0, or scale the inputs."
        )
    return loss


def _line(epoch, epochs, row, best):
    text = f"epoch {epoch:>2}/{epochs} · {row['seconds']:5.1f} s · loss {row['loss']:.4f}"
    if "val_loss" in row:
        text += (
            f" · validation: loss {row['val_loss']:.4f}, accuracy {100 * row['val_accuracy']:.1f} %, "
            f"macro-F1 {100 * row['val_macro_f1']:.1f} %"
        )
    return text + (" · best" if best else "")
