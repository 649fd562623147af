"""What every classifier shares: scikit-learn's verbs, labels by name, and one file that holds all a model needs."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from dataclasses import asdict, is_dataclass
from pathlib import Path

import keras
import numpy as np
from sklearn.base import BaseEstimator

from emorec import metrics, training
from emorec.datasets.base import Split, objects
from emorec.datasets.splits import carve
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch
from emorec.labels import LabelSet
from emorec.version import __version__

FORMAT = 2


class Classifier(BaseEstimator):
    """Base of the classifiers; subclasses say how inputs are checked, encoded and modelled.

    A subclass implements ``_check(inputs)``, ``_fit_encoding(inputs)``, ``_encode(inputs)``, ``_build(classes)``,
    ``_state()`` and ``_restore(state)``.
    """

    def fit(self, inputs, labels=None, *, validation=None, label_set=None, checkpoint=None, progress=print):
        """Trains on inputs and labels.

        Args:
            inputs: N raw inputs, or a `Split` (then leave `labels` out).
            labels: N class names; N tuples of names for a multi-label task.
            validation: A `Split`, or ``(inputs, labels)``, to stop early and choose the best epoch on. None sets a
                tenth of the training data aside, whole groups of a `Split`. A test split is refused.
            label_set: The classes and their order; None takes the sorted names found in `labels`.
            checkpoint: Folder from which a killed run resumes.
            progress: Receives a line per epoch; None is silent.

        Returns:
            self, with ``history_`` (`emorec.training.History`) and ``label_set_``. Where fitting fails or is
            interrupted, the classifier stays as it was before.
        """
        before = self.__dict__.copy()
        try:
            return self._fit(inputs, labels, validation, label_set, checkpoint=checkpoint, progress=progress)
        except BaseException:
            self.__dict__ = before
            raise

    def _fit(self, inputs, labels, validation, label_set, **options):
        training.refuse_test_split(validation)
        groups = inputs.groups if isinstance(inputs, Split) else None
        inputs, labels = self._pair(inputs, labels)
        self.label_set_ = label_set or infer_label_set(labels)
        if len(self.label_set_) < 2:
            raise BadInput(f"Training needs at least two classes; received only {list(self.label_set_)}.")
        targets = self._targets(labels)
        if validation is None:
            ids = [f"{i:08d}" for i in range(len(labels))]
            content = self._content(inputs)
            parts = carve(["train"] * len(ids), ids, labels, seed=self.seed, content=content, groups=groups)
            keep, aside = np.flatnonzero(parts == "train"), np.flatnonzero(parts != "train")
            if not len(keep) or not len(aside):
                raise BadInput(f"{len(labels)} examples are too few to set a tenth aside: give validation=...")
            validation = ([inputs[i] for i in aside], labels[aside])
            inputs, targets = [inputs[i] for i in keep], targets[keep]
        else:
            validation = self._pair(*validation) if isinstance(validation, tuple) else self._pair(validation, None)
        training.set_seed(self.seed)
        self._fit_encoding(inputs)
        x, x_validation = self._encode(inputs), self._encode(validation[0])
        self.model_ = self._build(len(self.label_set_))
        self.history_ = self._train((x, targets), (x_validation, self._targets(validation[1])), **options)
        self.temperature_, self.thresholds_ = 1.0, None
        return self

    def _train(self, train, validation, **options):
        weights = None
        if self.class_weight == "balanced":
            weights = metrics.balanced_weights(train[1].sum(axis=0), len(train[1]), self.label_set_.multi_label)
        elif self.class_weight is not None:
            raise BadInput(f"class_weight={self.class_weight!r} is unknown; choose 'balanced' or None.")
        return training.fit(
            self.model_,
            train,
            validation,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=getattr(self, "optimizer", "adam"),
            learning_rate=float(self.learning_rate),
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            class_weight=weights,
            multi_label=self.label_set_.multi_label,
            patience=self.patience,
            monitor=self.monitor,
            seed=self.seed,
            **options,
        )

    def _content(self, inputs):
        """Keys that are equal for duplicates, which must not be torn apart; None where they are not looked for."""
        return None

    def _pair(self, inputs, labels):
        if isinstance(inputs, Split):
            inputs, labels = inputs.inputs, inputs.labels
        if labels is None:
            raise BadInput("Labels are missing: give inputs and labels, or one Split.")
        inputs, labels = self._check(inputs), objects(labels)
        if len(inputs) != len(labels):
            raise BadInput(f"{len(inputs)} inputs, but {len(labels)} labels.")
        if len(inputs) == 0:
            raise BadInput("There is no example to learn from or to score: the list is empty.")
        return inputs, labels

    def _targets(self, labels):
        encoded = self.label_set_.encode(labels)
        return encoded if self.label_set_.multi_label else training.one_hot(encoded, len(self.label_set_))

    # Scoring

    def logits(self, inputs):
        """Raw scores of N inputs, float32 (N, C), in the order of ``label_set_``."""
        self._check_fitted()
        inputs = self._check(inputs)
        if len(inputs) == 0:
            return np.zeros((0, len(self.label_set_)), dtype="float32")
        return training.predict(self.model_, self._encode(inputs))

    def predict_proba(self, inputs):
        """Probabilities, float64 (N, C) in the order of ``label_set_``.

        Rows sum to 1; for a multi-label task each entry is a probability of its own.
        """
        return self._probabilities(self.logits(inputs))

    def _probabilities(self, logits):
        return metrics.probabilities(logits, self.label_set_.multi_label, self.temperature_)

    def predict(self, inputs, **how):
        """Class names, object array (N,); tuples of names, above ``thresholds_`` (0.5), for a multi-label task.

        Arguments: see `predict_proba`.
        """
        return self._names(self.predict_proba(inputs, **how))

    def _names(self, probabilities):
        if self.label_set_.multi_label:
            return self.label_set_.decode(probabilities >= (0.5 if self.thresholds_ is None else self.thresholds_))
        return self.label_set_.decode(probabilities.argmax(axis=1))

    def score(self, inputs, labels=None):
        """Accuracy; for a multi-label task macro-F1 over the classes that occur in labels or answers (0 to 1)."""
        inputs, labels = self._pair(inputs, labels)
        self._check_fitted()
        if self.label_set_.multi_label:
            from sklearn.metrics import f1_score

            chosen, truth = self.label_set_.encode(self.predict(inputs)), self.label_set_.encode(labels)
            occurring = np.flatnonzero((chosen + truth).any(axis=0))
            return float(f1_score(truth, chosen, labels=occurring, average="macro", zero_division=0))
        return float(np.mean(self.label_set_.encode(labels) == self.predict_proba(inputs).argmax(axis=1)))

    def evaluate(self, split, groups=None):
        """Accuracy with interval, macro-F1, the per-class table and more of one split.

        Args:
            split: A `Split`.
            groups: N names of groups whose examples are not independent (people, films): intervals then draw whole
                groups. None takes those of the split.

        Returns:
            `emorec.metrics.Evaluation`, or its multi-label form.
        """
        groups = getattr(split, "groups", None) if groups is None else groups
        inputs, labels = self._pair(split, None)
        probabilities = self.predict_proba(inputs)
        if self.label_set_.multi_label:
            thresholds = 0.5 if self.thresholds_ is None else self.thresholds_
            return metrics.evaluate_multilabel(labels, probabilities, thresholds, self.label_set_, groups=groups)
        predicted = self._names(probabilities)
        names = self.label_set_.decode(self.label_set_.encode(labels))
        return metrics.evaluate(names, predicted, self.label_set_, probabilities=probabilities, groups=groups)

    def calibrate(self, validation):
        """Fits what is read off the logits, on validation data: the temperature, or multi-label thresholds."""
        training.refuse_test_split(validation)
        inputs, labels = self._pair(*validation) if isinstance(validation, tuple) else self._pair(validation, None)
        encoded = self.label_set_.encode(labels)
        if self.label_set_.multi_label:
            self.thresholds_ = metrics.tune_thresholds(encoded, self.predict_proba(inputs))
        else:
            self.temperature_ = metrics.fit_temperature(self.logits(inputs), encoded)
        return self

    def _check_fitted(self):
        if getattr(self, "model_", None) is None:
            raise BadInput(f"This {type(self).__name__} is not trained yet: call fit(inputs, labels), or load a file.")

    def check_labels(self, label_set):
        """Raises `LabelMismatch` where another label set, or another order, is about to be used with this model."""
        self._check_fitted()
        self.label_set_.check_same(label_set)

    # One file

    def save(self, path):
        """Writes weights, encoding, labels and settings to one file, moved into place when complete."""
        self._check_fitted()
        path = Path(path)
        if path.is_dir():
            raise BadInput(f"{str(path)!r} is a folder: give the name of a file, such as 'model.emorec'.")
        config = {
            "format": FORMAT,
            "class": type(self).__name__,
            "emorec": __version__,
            "params": _json(self.get_params(deep=False)),
            "label_set": {f: getattr(self.label_set_, f) for f in ("name", "names", "multi_label")},
            "temperature": float(self.temperature_),
            "thresholds": None if self.thresholds_ is None else np.asarray(self.thresholds_).tolist(),
            "state": self._state(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            weights, archive = Path(folder) / "model.keras", Path(folder) / "classifier.zip"
            _save_without_optimizer(self.model_, weights)
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr("config.json", json.dumps(config))
                file.write(weights, "model.keras")
            os.replace(archive, path)
        return path

    @classmethod
    def load(cls, path):
        """Reads a file written by `save`; outputs equal those of the saved classifier.

        Raises:
            DataMissing: There is no such file.
            DataCorrupt: The file is truncated, or something else.
            BadInput: The file holds a classifier of another class or of a newer format.
        """
        path = Path(path)
        if not path.is_file():
            raise DataMissing(
                f"The classifier {str(path)!r}", [path.absolute()], f"train one, then save({str(path)!r})"
            )
        try:
            with zipfile.ZipFile(path) as file, tempfile.TemporaryDirectory() as folder:
                config = json.loads(file.read("config.json"))
                if config["class"] != cls.__name__:
                    raise BadInput(f"{path} holds a {config['class']}: load it with emorec.{config['class']}.load.")
                if config["format"] > FORMAT:
                    raise BadInput(f"{path} was written by emorec {config['emorec']}; this is {__version__}: upgrade.")
                model = keras.saving.load_model(file.extract("model.keras", folder), compile=False)
        except (zipfile.BadZipFile, KeyError, json.JSONDecodeError, EOFError) as error:
            raise DataCorrupt(f"{path} is not a complete classifier file ({error}); save it again.") from error
        classifier = cls(**_from_json(config["params"]))
        classifier.label_set_ = LabelSet(**config["label_set"])
        classifier.temperature_, classifier.thresholds_ = config["temperature"], config["thresholds"]
        classifier.model_ = model
        classifier._restore(config["state"])
        return classifier


def infer_label_set(labels):
    """The sorted names found in labels; multi-label where they come as tuples, lists or sets."""
    kinds = {isinstance(x, str) for x in labels}
    if kinds == {True}:
        return LabelSet("inferred", tuple(sorted(set(labels))))
    if kinds == {False} and all(isinstance(x, (tuple, list, set, frozenset)) for x in labels):
        return LabelSet("inferred", tuple(sorted({n for x in labels for n in x})), multi_label=True)
    odd = next(x for x in labels if not isinstance(x, str))
    raise LabelMismatch(f"Labels are class names, or tuples of names; received {odd!r} ({type(odd).__name__}).")


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
        return {k: _json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(v) for v in value]
    return value.item() if isinstance(value, np.generic) else str(value) if isinstance(value, Path) else value


def _from_json(params):
    """The settings that `_json` wrote."""
    kinds = {kind.__name__: kind for kind in Classifier.__subclasses__()}
    return {
        name: kinds[value["classifier"]](**_from_json(value["params"]))
        if isinstance(value, dict) and "classifier" in value
        else value
        for name, value in params.items()
    }
