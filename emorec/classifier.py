"""What every classifier shares: scikit-learn's contract, labels by name, and one file that holds all a model needs."""

from __future__ import annotations

import inspect
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import DataConversionWarning, NotFittedError

from emorec import devices as several
from emorec import metrics, networks, sealed, training, weights
from emorec.arguments import check_settings, explained
from emorec.checks import choice, is_missing, real_number
from emorec.datasets.base import Split, objects
from emorec.datasets.splits import split_validation
from emorec.errors import BadInput, DataMissing, LabelMismatch
from emorec.files import named, output, replacing, written
from emorec.labels import LabelSet, notice_alike
from emorec.types import FilePath, Numbers, Strings, Values
from emorec.version import __version__

if TYPE_CHECKING:
    from emorec.metrics import Evaluation, MultilabelEvaluation

FORMAT, PACKED_FORMAT = 2, 3  # the second one where weights are stored in fewer bits


class NotTrained(BadInput, NotFittedError):
    """A classifier that is asked before `fit` or `load`; scikit-learn's ``NotFittedError`` catches it too."""


@dataclass
class Examples:
    """Checked inputs, their targets, and what each weighs.

    Attributes:
        inputs: N raw inputs.
        targets: float32 (N, C): one-hot, or 0 and 1 for each of several labels.
        weights: float64 (N,), or None where all weigh the same.

    Example:
        >>> Examples(["good", "bad"], np.eye(2)).take(np.array([True, False])).inputs
        ['good']
    """

    inputs: list
    targets: np.ndarray
    weights: np.ndarray | None = None

    def take(self, mask: np.ndarray) -> Examples:
        """The examples where a boolean mask (N,) is true."""
        weights = None if self.weights is None else self.weights[mask]
        return Examples([self.inputs[i] for i in np.flatnonzero(mask)], self.targets[mask], weights)


class Classifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers; subclasses say how inputs are checked, encoded and modelled.

    A subclass implements ``_check(inputs)``, ``_fit_encoding(inputs)``, ``_encode(inputs)``, ``_build(classes)``,
    ``_state()`` and ``_restore(state)``; where training takes more than one network, ``_learn`` in place of the three
    in the middle.

    Attributes:
        classes_: What `predict` answers with, (C,) in the order of the probabilities: str, int64, bool or whole
            float64, as the labels were. Without ``label_set`` they are sorted, which scikit-learn's scorers count on.
        label_set_: The same by name, an `emorec.labels.LabelSet`.
        model_: The trained ``keras.Model``: encoded inputs to logits.
        encoding_: From raw inputs to arrays.
        history_: `emorec.training.History`; not after `load`.
        temperature_: Logits are divided by it; 1 before `calibrate`.
        thresholds_: float64 (C,) of a multi-label task after `calibrate`, else None.

    There is no ``n_features_in_``: a text or a picture is one input, of no fixed width.

    Example:
        >>> import emorec
        >>> isinstance(emorec.TextClassifier(), Classifier)
        True
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.classifier_tags.poor_score = True  # a network with default settings, on a handful of rows
        return tags

    _structure: tuple[str, ...] = ()  # settings that say of which kind the encoding and the network are
    _trained_as: dict[str, Any] = {}  # their values when it was trained

    def __sklearn_is_fitted__(self) -> bool:
        return getattr(self, "model_", None) is not None

    def __getattr__(self, name):
        """What is learnt is not there yet: the error says so, and is an AttributeError, too."""
        learnt = name.endswith("_") and not name.startswith("_")
        if learnt and "model_" not in self.__dict__:
            raise _not_trained(self)
        return self.__getattribute__(name)  # raises what it did

    @explained
    def fit(
        self, inputs: Any, labels: Values | None = None, *, sample_weight: Numbers | None = None,
        validation: Any = None, label_set: LabelSet | None = None, checkpoint: FilePath | None = None,
        progress: Callable[[str], None] | None = print, devices: int | str | Sequence[str] | None = None,
    ) -> Classifier:  # fmt: skip
        """Trains on inputs and labels.

        Args:
            inputs: N raw inputs, or a `Split` (then leave `labels` out).
            labels: N class names, whole numbers or booleans; N tuples of names for a multi-label task.
            sample_weight: (N,) numbers of at least 0: what each example's loss weighs in training. Where an epoch is
                chosen, all count alike.
            validation: A `Split`, or ``(inputs, labels)``, to stop early and choose the best epoch on. None sets a
                tenth of the training data aside, whole groups of a `Split`. A test split is refused.
            label_set: The classes and their order; None takes the sorted ones found in `labels`.
            checkpoint: Folder from which a killed run resumes.
            progress: Receives a line per epoch; None is silent.
            devices: How many devices share each batch, ``all``, or their names, such as ``["GPU:0", "GPU:1"]``; None
                takes one. What comes out is the same to 1e-5 but for dropout, which draws otherwise, and batch
                normalisation, which each device does for its part; see docs/scale.md.

        Returns:
            self, with the attributes of the class. Where fitting fails, the classifier stays as it was before; where
            it is interrupted (Ctrl-C, which raises `emorec.training.Interrupted`), it holds the best epoch so far if
            the network that was being trained is the whole of it, else it stays as it was. The global generators of
            Python and NumPy go on as if nothing had been.
        """
        before = self.__dict__.copy()
        try:
            training.refuse_test_split(validation)
            self._training_options()  # refuses numbers out of range before anything is read
            check_settings(self)
            self._trained_as = {name: getattr(self, name) for name in self._structure}
            train, validation = self._examples(inputs, labels, sample_weight, validation, label_set)
            self._class_weights(train)  # refuses too
            self.temperature_, self.thresholds_ = 1.0, None
            with training.seeded(self.seed), several.over(devices):
                self._learn(train, validation, checkpoint=checkpoint, progress=progress)
            return self
        except training.Interrupted as error:
            if getattr(self, "model_", None) is error.model and error.history.best_value is not None:
                self.history_ = error.history  # usable: it holds the best weights so far
            else:
                self.__dict__ = before
            raise
        except BaseException:
            self.__dict__ = before
            raise

    def _examples(self, inputs, labels, sample_weight, validation, label_set):
        """Training and validation `Examples`; sets the classes."""
        groups = inputs.groups if isinstance(inputs, Split) else None
        inputs, labels = self._pair(inputs, labels)
        self.label_set_, self.classes_ = infer_classes(labels) if label_set is None else _classes_of(label_set)
        if len(self.label_set_) < 2:
            raise BadInput(f"Training needs at least two classes; received one class alone: {list(self.label_set_)}.")
        train = Examples(inputs, self._targets(labels), _check_weights(sample_weight, len(labels)))
        if validation is not None:
            validation = self._labelled(validation)
            return train, Examples(validation[0], self._targets(validation[1]))
        aside = self._set_aside(inputs, labels, groups)
        return train.take(~aside), train.take(aside)

    def _set_aside(self, inputs, labels, groups):
        """Mask (N,) of a stratified tenth for validation, which tears neither duplicates nor groups apart."""
        ids = [f"{i:08d}" for i in range(len(labels))]
        content = self._content(inputs)
        splits = split_validation(["train"] * len(ids), ids, labels, seed=self.seed, content=content, groups=groups)
        aside = splits != "train"
        if aside.all() or not aside.any():
            raise BadInput(f"{len(labels)} examples are too few to set a tenth aside: give validation=...")
        return aside

    def _learn(self, train: Examples, validation: Examples, *, checkpoint=None, progress=print) -> None:
        """Fits the encoding and the network: what a classifier of several networks has in another form."""
        self._fit_encoding(train.inputs)
        x, x_validation = self._encode_to_train(train.inputs), self._encode_to_train(validation.inputs)
        self.model_ = self._build(len(self.label_set_))
        encoded = Examples(x, train.targets, train.weights)
        seen = (x_validation, validation.targets)
        self.history_ = self._train(encoded, seen, checkpoint=checkpoint, progress=progress)

    def _train(self, train: Examples, validation, *, model=None, checkpoint=None, progress=print) -> training.History:
        """Trains ``model_``, or another one, on encoded examples."""
        return training.fit(
            self.model_ if model is None else model, self._epochs_of(train), validation,
            self._training_options(len(train.inputs)), stages=self._stages(), class_weight=self._class_weights(train),
            multi_label=self.label_set_.multi_label, factors=self._factors, checkpoint=checkpoint, progress=progress,
        )  # fmt: skip

    def _settings_of(self, builder: Callable) -> dict[str, Any]:
        """Those of the classifier's parameters that a function or class takes, too, by name."""
        own = self.get_params(deep=False)
        return {name: own[name] for name in inspect.signature(builder).parameters if name in own}

    def _factors(self) -> list[float] | None:
        """For each trainable variable what the learning rate is multiplied with; None: the same rate everywhere."""
        return None

    def _training_options(self, n: int = 1) -> training.TrainingOptions:
        """How the network is trained on n examples."""
        return training.TrainingOptions.of(self)

    def _epochs_of(self, train: Examples):
        """What `training.fit` takes: arrays, or a function of the epoch where examples change (augmentation)."""
        arrays = (train.inputs, train.targets)
        return arrays if train.weights is None else (*arrays, train.weights)

    def _stages(self) -> list[training.Stage] | None:
        """The stages of training; None for a single one."""
        return None

    def _class_weights(self, train: Examples) -> np.ndarray | None:
        """Weights (C,) from the parameter ``class_weight``: None, ``balanced``, or a dict of class to weight."""
        chosen = self.class_weight
        if chosen is None:
            return None
        if isinstance(chosen, dict):
            weights = np.ones(len(self.label_set_))
            for label, weight in chosen.items():
                weights[self.label_set_.index(label)] = real_number(f"class_weight[{label!r}]", weight, 0, 1e6)
            if not weights.any():
                raise BadInput(f"class_weight={chosen!r:.80} leaves nothing to learn: give a class more than 0.")
            return weights
        if not isinstance(chosen, str) or chosen != "balanced":
            raise BadInput(
                f"class_weight={chosen!r} is unknown; choose 'balanced', a dict of class to weight, or None."
            )
        counts, n = train.targets.sum(axis=0), len(train.targets)
        if train.weights is not None:
            counts, n = train.weights @ train.targets, train.weights.sum()
        return metrics.balanced_weights(counts, n, self.label_set_.multi_label)

    def _encode_to_train(self, inputs):
        """`_encode`, where training reads less than scoring does."""
        return self._encode(inputs)

    def _content(self, inputs):
        """Keys that are equal for duplicates, which must not be torn apart; None where they are not looked for."""
        return None

    def _labelled(self, validation):
        """Inputs and labels of a `Split` or a pair."""
        if isinstance(validation, Split):
            return self._pair(validation, None)
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise BadInput(f"validation is a Split, or a pair (inputs, labels); received {validation!r:.60}.")
        return self._pair(*validation)

    def _pair(self, inputs, labels):
        if isinstance(inputs, Split):
            inputs, labels = inputs.inputs, inputs.labels
        if labels is None:
            raise BadInput(
                "Labels are missing: give inputs and labels, or one Split. "
                "Training requires y to be passed, but the target y is None."
            )
        for name, values in (("inputs", inputs), ("labels", labels)):
            if isinstance(values, (set, frozenset)):
                raise BadInput(f"The {name} are a set, which has no order: give a list.")
        if isinstance(labels, (str, bytes, dict)) or getattr(labels, "shape", None) == ():
            raise BadInput(f"Labels come as a list, one for each input; received {labels!r:.60}.")
        inputs, labels = self._check(inputs), objects(_one_column(labels))
        if len(inputs) != len(labels):
            raise BadInput(f"{len(inputs)} inputs, but {len(labels)} labels.")
        if len(inputs) == 0:
            raise BadInput("There is no example to learn from or to score: the list is empty.")
        return inputs, labels

    def _targets(self, labels):
        encoded = self.label_set_.encode(labels)
        return encoded if self.label_set_.multi_label else training.one_hot(encoded, len(self.label_set_))

    # Scoring

    @explained
    def logits(self, inputs: Any) -> np.ndarray:
        """Raw scores of N inputs, float32 (N, C), in the order of ``label_set_``."""
        self._check_fitted()
        inputs = self._check(inputs)
        if len(inputs) == 0:
            return np.zeros((0, len(self.label_set_)), dtype="float32")
        return training.predict(self.model_, self._encode(inputs))

    @explained
    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Probabilities, float64 (N, C) in the order of ``label_set_``.

        Rows sum to 1; for a multi-label task each entry is a probability of its own.
        """
        return self._probabilities(self.logits(inputs))

    def _probabilities(self, logits):
        return metrics.probabilities(logits, self.label_set_.multi_label, self.temperature_)

    @explained
    def predict(self, inputs: Any, **how: Any) -> np.ndarray:
        """The most probable of ``classes_``, (N,); of a multi-label task tuples of names, above ``thresholds_`` (0.5).

        Arguments: see `predict_proba`.
        """
        return self.answers(self.predict_proba(inputs, **how))

    @explained
    def answers(self, probabilities: np.ndarray) -> np.ndarray:
        """What `predict` makes of probabilities (N, C): the most probable of ``classes_``, or tuples of names.

        None for a row of NaN, of an input that was skipped.
        """
        classes, probabilities = len(self.label_set_), np.asarray(probabilities, dtype="float64")
        if probabilities.ndim != 2 or probabilities.shape[1] != classes:
            raise BadInput(f"Probabilities have the shape (N, {classes}); received {probabilities.shape}.")
        if (probabilities < 0).any() or (probabilities > 1 + 1e-6).any():
            raise BadInput("Probabilities lie in 0 to 1: are these logits?")
        if self.label_set_.multi_label:
            answers = self.label_set_.decode(probabilities >= self._thresholds())
        else:
            answers = self.classes_[probabilities.argmax(axis=1)]
        skipped = np.isnan(probabilities).any(axis=1)
        if skipped.any():
            answers = answers.astype(object)
            answers[skipped] = None
        return answers

    def _thresholds(self):
        return 0.5 if self.thresholds_ is None else self.thresholds_

    @explained
    def score(self, inputs: Any, labels: Values | None = None, sample_weight: Values | None = None) -> float:
        """Accuracy; for a multi-label task macro-F1 over the classes that occur in labels or answers (0 to 1).

        Args:
            inputs, labels: As for `fit`.
            sample_weight: (N,) numbers of at least 0, what each example counts; None counts all alike.
        """
        inputs, labels = self._pair(inputs, labels)
        self._check_fitted()
        weights, truth = _check_weights(sample_weight, len(labels)), self.label_set_.encode(labels)
        probabilities = self.predict_proba(inputs)
        if self.label_set_.multi_label:
            return metrics.macro_f1(truth, probabilities >= self._thresholds(), weights)
        return float(np.average(truth == probabilities.argmax(axis=1), weights=weights))

    @explained
    def evaluate(self, split: Split, groups: Values | None = None) -> Evaluation | MultilabelEvaluation:
        """Accuracy with interval, macro-F1, the per-class table and more of one split.

        Args:
            split: A `Split`.
            groups: N names of groups whose examples are not independent (people, films): intervals then draw whole
                groups. None takes those of the split.
        """
        groups = getattr(split, "groups", None) if groups is None else groups
        inputs, labels = self._pair(split, None)
        probabilities = self.predict_proba(inputs)
        if self.label_set_.multi_label:
            thresholds = self._thresholds()
            return metrics.evaluate_multilabel(labels, probabilities, thresholds, self.label_set_, groups=groups)
        predicted = self.label_set_.decode(probabilities.argmax(axis=1))
        names = self.label_set_.decode(self.label_set_.encode(labels))
        return metrics.evaluate(names, predicted, self.label_set_, probabilities=probabilities, groups=groups)

    @explained
    def calibrate(self, validation: Any) -> Classifier:
        """Fits what is read off the logits, on validation data: the temperature, or multi-label thresholds."""
        training.refuse_test_split(validation)
        inputs, labels = self._labelled(validation)
        encoded = self.label_set_.encode(labels)
        if self.label_set_.multi_label:
            self.thresholds_ = metrics.tune_thresholds(encoded, self.predict_proba(inputs))  # type: ignore[assignment]
        else:
            self.temperature_ = metrics.fit_temperature(self.logits(inputs), encoded)
        return self

    def _check_fitted(self):
        if not self.__sklearn_is_fitted__():
            raise _not_trained(self)

    @explained
    def check_labels(self, label_set: LabelSet | Strings) -> None:
        """Raises `LabelMismatch` where another label set, or another order, is about to be used with this model."""
        self._check_fitted()
        self.label_set_.check_same(label_set)

    @explained
    def export(self, path: FilePath, length: int | None = None) -> Path:
        """Writes the network alone for another runtime, with scaling, temperature and softmax inside.

        It takes one example at a time, as `encode` makes it (a face: float32 (1, size, size, channels) in 0 to 255;
        a text: int32 (1, length) ids of words), and answers with probabilities (1, C); within 1e-4 of `predict_proba`
        of one view. The names of the classes are written beside it, one a line: ``face.labels.txt``.

        Args:
            path: ``.tflite`` (TensorFlow Lite), or ``.onnx`` (which needs the library tf2onnx).
            length: Words of a text, which an exported network fixes; shorter ones are padded with 0 on the right.

        Raises:
            BadInput: Another suffix, a network of several inputs, or one that the format has no operations for.
            DataMissing: A library that the format needs.

        Example:
            >>> classifier.export("face.tflite")  # doctest: +SKIP
        """
        self._check_fitted()
        from emorec import exports

        return exports.export(self, path, length)

    # One file

    @explained
    def save(self, path: FilePath, precision: str = "float32") -> Path:
        """Writes weights, encoding, labels and settings to one file, moved into place when complete.

        Args:
            path: The file; ``.emorec`` is the usual ending.
            precision: Of the weights: ``float32``; ``float16``, half the size; ``int8``, a quarter: 8 bits a number
                and a scale a row in large weights (`emorec.weights`). Loading gives float32 again; what was saved with
                less answers a little differently, and equally each time.

        Raises:
            BadInput: A folder, an unknown precision, or weights that the precision cannot hold.
            NotWritten: A full disk, or a folder that may not be written to; a file that was there stays whole.
        """
        self._check_fitted()
        choice("precision", precision, weights.PRECISIONS)
        path = output(path)
        for name, value in self._trained_as.items():
            if getattr(self, name) != value:
                raise BadInput(
                    f"{name} was {value!r} in training and is {getattr(self, name)!r} now; nobody could load such a "
                    "file. Set it back, or fit again, before saving."
                )
        config = {
            "format": FORMAT if precision == "float32" else PACKED_FORMAT,
            "sealed": True,
            "class": type(self).__name__,
            "emorec": __version__,
            "params": _json(self.get_params(deep=False)),
            "classes": self.classes_.tolist(),
            "label_set": {f: getattr(self.label_set_, f) for f in ("name", "names", "multi_label")},
            "temperature": float(self.temperature_),
            "thresholds": None if self.thresholds_ is None else np.asarray(self.thresholds_).tolist(),
            "state": self._state(),
        }
        with written(path):
            self._write(path, config, precision)
        return path

    def _write(self, path, config, precision):
        with replacing(path) as archive, TemporaryDirectory(dir=archive.parent) as folder:
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr("config.json", json.dumps(config), zipfile.ZIP_DEFLATED)
                if precision == "float32":
                    network = Path(folder) / "model.keras"
                    _save_without_optimizer(self.model_, network)
                    file.write(network, "model.keras")
                else:
                    file.writestr("network.json", self.model_.to_json(), zipfile.ZIP_DEFLATED)
                    file.writestr("weights.npz", weights.pack_model(self.model_, precision))
                file.comment = sealed.COMMENT
            sealed.seal(archive)

    @classmethod
    @explained
    def load(cls, path: FilePath) -> Classifier:
        """Reads a file written by `save`; outputs equal those of the saved classifier.

        Raises:
            DataMissing: There is no such file.
            DataCorrupt: The file is truncated, or something else.
            BadInput: The file holds a classifier of another class or of a newer format.
        """
        path = named(path)
        if not path.is_file():
            how = f"train one, then save({str(path)!r})"
            raise DataMissing(f"The classifier {str(path)!r}", [path.absolute()], how)
        try:
            return cls._read(path)
        except Exception as error:  # a foreign or damaged file fails in any place, and in any way
            raise sealed.foreign(path, error) from error

    @classmethod
    def _read(cls, path):
        is_sealed = sealed.check_seal(path)
        with zipfile.ZipFile(path) as file, TemporaryDirectory() as folder:
            config = json.loads(file.read("config.json"))
            if config["class"] != cls.__name__:
                raise BadInput(f"{path} holds a {config['class']}: load it with emorec.{config['class']}.load.")
            if config["format"] > PACKED_FORMAT:
                raise BadInput(f"{path} was written by emorec {config['emorec']}; this is {__version__}: upgrade.")
            sealed.need(is_sealed or not config.get("sealed"), path, "its seal is missing")  # older files have none
            model = _read_network(file, folder)
        sealed.check_answers(config, model.output_shape[-1], path)
        sealed.check_weights(model, path)
        classifier = cls(**_from_json(config["params"]))
        classifier.label_set_, classifier.classes_ = _classes_of(LabelSet(**config["label_set"]), config.get("classes"))
        thresholds = config["thresholds"]
        classifier.temperature_ = config["temperature"]
        classifier.thresholds_ = None if thresholds is None else np.array(thresholds, dtype="float64")
        classifier.model_ = model
        classifier._trained_as = {name: getattr(classifier, name) for name in cls._structure}
        classifier._restore(config["state"])
        classifier._check_restored(path)
        return classifier

    def _check_restored(self, path):
        """Raises `DataCorrupt` where the encoding does not fit the network."""


def _not_trained(classifier):
    name = type(classifier).__name__
    return NotTrained(f"This {name} is not trained yet: call fit(inputs, labels), or load a file.")


def infer_classes(labels: Values) -> tuple[LabelSet, np.ndarray]:
    """The sorted classes found in labels, by name and as they came: str, whole numbers or booleans.

    Multi-label where labels come as tuples, lists or sets of names.

    Raises:
        LabelMismatch: Labels of another kind, or of several.

    Example:
        >>> infer_classes([10, 2, 10])
        (LabelSet(name='inferred', names=('2', '10'), multi_label=False), array([ 2, 10]))
    """
    values = [x.item() if isinstance(x, np.generic) else x for x in labels]
    empty = [i for i, x in enumerate(values) if (not x.strip() if isinstance(x, str) else is_missing(x))]
    if empty:
        raise LabelMismatch(
            f"Label {empty[0]} is missing ({values[empty[0]]!r}), as {len(empty)} of {len(values)} are: leave those "
            "examples out, or give them a class."
        )
    if values and all(isinstance(x, (tuple, list, set, frozenset)) for x in values):
        names = [name for x in values for name in x]
        if wrong := [name for name in names if not isinstance(name, str)]:
            kind = type(wrong[0]).__name__
            raise LabelMismatch(f"Labels of several classes are tuples of names; one holds {wrong[0]!r:.40} ({kind}).")
        notice_alike(sorted(set(names)))
        return _classes_of(LabelSet("inferred", tuple(sorted(set(names))), multi_label=True))
    for kind in (str, bool, int, float):
        whole = kind is not float or all(isinstance(x, float) and x.is_integer() for x in values)
        if values and whole and all(type(x) is kind for x in values):
            classes = sorted(set(values))
            names = tuple(str(int(x) if kind is float else x) for x in classes)
            notice_alike(names)
            return _classes_of(LabelSet("inferred", names), classes)
    unexpected = next((x for x in values if type(x) not in (str, bool, int)), values[0] if values else None)
    raise LabelMismatch(
        "Unknown label type: labels are class names, whole numbers or booleans, all of one kind, or tuples of names; "
        f"received {unexpected!r} ({type(unexpected).__name__})."
    )


def _classes_of(label_set, classes=None):
    """A label set and its classes as an array; None takes the names."""
    if not isinstance(label_set, LabelSet):
        raise BadInput(f"label_set is an emorec.labels.LabelSet; received {label_set!r:.60}.")
    if not len(label_set):
        raise BadInput(f"The label set {label_set.name!r} has no class: no label names one.")
    classes = label_set.names if classes is None else classes
    return label_set, objects(classes) if isinstance(classes[0], str) else np.array(classes)


def _one_column(labels):
    """Labels that come as a column (N, 1) are taken for a list, as scikit-learn has it, with a warning."""
    if not hasattr(labels, "__array__"):
        return labels
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.shape[1] != 1:
        return labels
    message = "A column-vector y was passed when a 1d array was expected. Give the labels as a list."
    warnings.warn(message, DataConversionWarning, stacklevel=4)
    return labels[:, 0]


def _check_weights(weights, n):
    """Sample weights as float64 (N,), or None."""
    if weights is None:
        return None
    try:
        weights = np.asarray(weights, dtype="float64")
    except (ValueError, TypeError) as error:
        raise BadInput(f"sample_weight must be {n} numbers; received {weights!r:.60}.") from error
    weights = np.full(n, float(weights)) if weights.ndim == 0 else weights
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        shape, low = weights.shape, weights.min() if weights.size else None
        raise BadInput(
            f"sample_weight must be {n} finite numbers of at least 0, and not every weight zero; "
            f"got shape {shape}, lowest {low}."
        )
    return weights


def _read_network(file, folder):
    if "network.json" not in file.namelist():
        return networks.load(file.extract("model.keras", folder))
    network = networks.from_json(file.read("network.json").decode("utf-8"))
    return weights.unpack_model(network, file.read("weights.npz"))


def _save_without_optimizer(model, path):
    """Adam's two moments would make the file three times as large, and `load` does not read them."""
    optimizer = getattr(model, "optimizer", None)  # of a model that was never compiled, none
    try:
        if optimizer is not None:
            model.optimizer = None
        model.save(path)
    finally:
        if optimizer is not None:
            model.optimizer = optimizer


def _json(value):
    """A setting as plain JSON; a classifier that is one, such as that of a modality, as its class and settings."""
    if isinstance(value, Classifier):
        return {"classifier": type(value).__name__, "params": _json(value.get_params(deep=False))}
    if is_dataclass(value):
        return asdict(value)
    if isinstance(value, dict):
        if all(isinstance(k, str) for k in value):
            return {k: _json(v) for k, v in value.items()}
        return {"pairs": [[_json(k), _json(v)] for k, v in value.items()]}  # JSON has no keys but strings
    if isinstance(value, (list, tuple)):
        return [_json(v) for v in value]
    if hasattr(value, "tolist"):  # of NumPy or pandas
        return _json(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not isinstance(value, (str, int, float, type(None))):
        raise BadInput(f"The setting {value!r:.60} cannot be saved: give strings, numbers, lists and dicts.")
    return value


def _from_json(params):
    """The settings that `_json` wrote."""
    return {name: _setting(value) for name, value in params.items()}


def _setting(value):
    if isinstance(value, dict) and "classifier" in value:
        kinds = {kind.__name__: kind for kind in Classifier.__subclasses__()}
        return kinds[value["classifier"]](**_from_json(value["params"]))
    if isinstance(value, dict) and set(value) == {"pairs"}:
        return {tuple(key) if isinstance(key, list) else key: _setting(item) for key, item in value["pairs"]}
    return value
