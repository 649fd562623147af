"""FaceClassifier: pictures in any form in, class probabilities and a map of where they came from out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import sealed, training
from emorec.arguments import explained
from emorec.checks import choice
from emorec.classifier import Classifier
from emorec.errors import BadInput
from emorec.faces import explain
from emorec.faces.augmentation import Augmenter, options_of, warp
from emorec.faces.models import BACKBONES, build_face_model, fine_tune
from emorec.faces.preprocessing import FacePreprocessing, PictureNotice, check_inputs, notice_blank
from emorec.faces.scenes import SceneReader
from emorec.notices import notice
from emorec.types import Box, Picture

if TYPE_CHECKING:
    from emorec.faces.augmentation import Augmentation
    from emorec.faces.explain import FaceExplanation

VIEWS = ("one", "flips", "flips-and-crops")
FEW = 3000  # training pictures below which the defaults are others
METHODS = ("occlusion", "grad-cam", "attention")


class FaceClassifier(SceneReader, Classifier):
    """A convolutional network on faces, with what it expects of a picture saved beside its weights.

    Pictures are paths, or arrays grey, RGB or RGBA of 8 or 16 bits or of floats (0 to 1 or 0 to 255): one array
    (N, H, W), (N, H, W, C), or a list, of any sizes. `predict` and its kin take a picture as a whole unless told where
    the face is, by ``detect="auto"`` or by boxes.

    Args:
        model: One of `emorec.faces.models.FACE_MODELS`, e.g. ``vgg``, ``resnet``, ``mini-xception``, ``deep-emotion``,
            ``attention-cnn``, ``vgg16``.
        size: Edge of the model's pictures in pixels.
        colour: ``grey`` or ``rgb``.
        width, dropout: Of the model; None takes its own.
        weights, backbone_size: For pretrained backbones: see `emorec.faces.models.build_face_model`.
        frozen_epochs: For pretrained backbones: the epochs before the backbone is trained too, at a tenth of the
            learning rate. ``epochs`` counts both.
        fine_tuned: For pretrained backbones: how many of its last layers; None is all of them.
        augment: ``none``, ``light``, ``standard``, ``strong``, or a dict of options of
            `emorec.faces.augmentation.Augmentation`. New pictures every epoch. ``auto`` is ``standard``, or mirror
            images alone where there are fewer than 3,000 training pictures: with few steps and hard pictures a network
            stays at chance.
        mixup, cutmix: Alpha of MixUp and CutMix; None leaves what `augment` says.
        detect: ``none`` or ``auto``: how faces are found in training, and in prediction where nothing else is said.
        margin: Around found and given boxes, as a share of the box.
        views: The views of a picture that the logits are averaged over wherever a face is classified: ``one``;
            ``flips``, it and its mirror image; ``flips-and-crops``, those two of the whole and of four crops of 11/12
            of it. Say which beside a number.
        epochs, batch_size, optimizer, learning_rate, schedule, weight_decay, label_smoothing, patience, monitor: See
            `emorec.training.TrainingOptions`.
            ``batch_size=None`` is 64, or 16 for fewer than 3,000 pictures; ``learning_rate=None`` is 2e-3, or then
            3e-3 where the network starts from random weights.
        class_weight: ``balanced`` weighs classes by inverse frequency; or a dict of class to weight; or None.
        seed: Of weights, dropout, augmentation and the order of examples.

    Example:
        >>> import emorec
        >>> pictures = emorec.datasets.load("sample-faces", n_identities=3).test.inputs[:2]
        >>> emorec.load("face-emotion").predict(pictures).shape
        (2,)
    """

    def __init__(
        self, model: str = "vgg", *, size: int = 48, colour: str = "grey", width: int | None = None,
        dropout: float | None = None, weights: str | None = "imagenet", backbone_size: int | None = None,
        frozen_epochs: int = 5, fine_tuned: int | None = None, augment: str | dict | Augmentation = "auto",
        mixup: float | None = None, cutmix: float | None = None, detect: str = "none", margin: float = 0.1,
        views: str = "one", epochs: int = 30, batch_size: int | None = None, optimizer: str = "adam",
        learning_rate: float | None = None, schedule: str = "cosine", weight_decay: float = 0.02,
        label_smoothing: float = 0.1, class_weight: str | dict | None = None, patience: int | None = None,
        monitor: str = "accuracy", seed: int = 0,
    ) -> None:  # fmt: skip
        self.model = model
        self.size, self.colour, self.width, self.dropout = size, colour, width, dropout
        self.weights, self.backbone_size = weights, backbone_size
        self.frozen_epochs, self.fine_tuned = frozen_epochs, fine_tuned
        self.augment, self.mixup, self.cutmix = augment, mixup, cutmix
        self.detect, self.margin, self.views = detect, margin, views
        self.epochs, self.batch_size, self.optimizer = epochs, batch_size, optimizer
        self.learning_rate, self.schedule = learning_rate, schedule
        self.weight_decay, self.label_smoothing, self.class_weight = weight_decay, label_smoothing, class_weight
        self.patience, self.monitor, self.seed = patience, monitor, seed

    _structure = ("model",)
    _source = ""  # of the pictures it is trained on, see `Split`

    # What the base class asks for

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _check(self, inputs):
        return check_inputs(inputs)

    def _content(self, inputs):
        return [picture_key(x) for x in inputs]

    def _examples(self, inputs, labels, sample_weight, validation, label_set):
        # Also of inputs that come without their split: the validation split is then of the same kind.
        self._source = getattr(inputs, "source", "") or getattr(validation, "source", "")
        return super()._examples(inputs, labels, sample_weight, validation, label_set)

    def _fit_encoding(self, inputs):
        self._views(self.views), self._augmentation()
        self.encoding_ = FacePreprocessing(self.size, self.colour, self.detect, self.margin, source=self._source)
        self.encoding_.measure(inputs)

    def _augmentation(self, n=FEW):
        """The options of augmentation for n training pictures."""
        augment = self.augment
        if isinstance(augment, str) and augment == "auto":
            augment = {"flip": 0.5} if n < FEW else "standard"
        mixing = {"mixup": self.mixup, "cutmix": self.cutmix}
        return options_of(augment, **{name: alpha for name, alpha in mixing.items() if alpha is not None})

    def _encode(self, inputs, **how):
        return self.encoding_(inputs, **how)

    def _build(self, classes):
        return build_face_model(self.model, self.encoding_.shape, classes, **self._settings_of(build_face_model))

    def _training_options(self, n=FEW):
        random = self.model not in BACKBONES or self.weights is None
        batch_size, rate = (16, 3e-3 if random else 2e-3) if n < FEW else (64, 2e-3)
        return training.TrainingOptions.of(self, batch_size=batch_size, learning_rate=rate)

    def _epochs_of(self, train):
        options = self._augmentation(len(train.inputs))
        if not options.changes:
            return super()._epochs_of(train)
        return Augmenter(train.inputs, train.targets, options, self.seed, train.weights)

    def _stages(self):
        if self.model not in BACKBONES or self.weights is None:
            return None
        frozen = min(self.frozen_epochs, self.epochs)
        tune = training.Stage(self.epochs - frozen, rate=0.1, before=lambda model: fine_tune(model, self.fine_tuned))
        return [training.Stage(frozen), tune]

    def _state(self):
        return {"encoding": asdict(self.encoding_)}

    def _restore(self, state):
        # Version 0.1 cut faces out as they lay.
        self.encoding_ = FacePreprocessing(**{"align": False} | state["encoding"])

    def _check_restored(self, path):
        shape, wanted = self.encoding_.shape, tuple(self.model_.input_shape[1:])
        sealed.need(shape == wanted, path, f"pictures of {shape} for a network that reads {wanted}")

    # Scoring

    @explained
    def encode(
        self, inputs: Any, *, detect: str | Sequence[Box] | None = None, colour_order: str = "rgb"
    ) -> np.ndarray:
        """Pictures as the model sees them, uint8 (N, size, size, 1 or 3). Arguments: see `predict_proba`."""
        self._check_fitted()
        return self._encode(self._check(inputs), detect=detect, colour_order=colour_order)

    @explained
    def logits(
        self, inputs: Any, *, views: str | None = None, detect: str | Sequence[Box] | None = None,
        colour_order: str = "rgb", errors: str = "raise",
    ) -> np.ndarray:  # fmt: skip
        """Raw scores, float32 (N, C), the mean over the views. Arguments: see `predict_proba`."""
        views = self._views(views)
        self._check_fitted()
        x = self._encode(self._check(inputs), detect=detect, colour_order=colour_order, errors=errors)
        x, skipped = x if errors == "skip" else (x, [])
        left = sorted(set(range(len(x))) - {i for i, _ in skipped}) if skipped else slice(None)
        notice_blank(x[left])
        scores = np.full((len(x), len(self.label_set_)), np.nan, dtype="float32")
        scores[left] = self._mean_logits(x[left], views)
        if skipped:
            why = "; ".join(f"picture {i}: {reason.splitlines()[0]}" for i, reason in skipped[:5])
            text = f"{len(skipped)} of {len(x)} pictures were skipped, and their rows are NaN: {why}"
            notice(text + ("; ..." if len(skipped) > 5 else ""), PictureNotice)
        return scores

    def _mean_logits(self, x, views):
        """Raw scores of encoded pictures (N, S, S, C), the mean over the views."""
        if len(x) == 0:
            return np.zeros((0, len(self.label_set_)), dtype="float32")
        return np.mean([training.predict(self.model_, view) for view in _seen_from(x, views)], axis=0)

    @explained
    def predict_proba(
        self, inputs: Any, *, views: str | None = None, detect: str | Sequence[Box] | None = None,
        colour_order: str = "rgb", errors: str = "raise",
    ) -> np.ndarray:  # fmt: skip
        """Probabilities, float64 (N, C) in the order of ``label_set_``.

        Args:
            inputs: N pictures, or one: see the class.
            views: ``one``, ``flips`` or ``flips-and-crops``, see the class; None takes the classifier's own. The
                logits of the views are averaged: the probabilities are their normalised geometric mean.
            detect: ``none``, ``auto`` (the largest face), or a box (x, y, w, h) for each picture; None takes the
                classifier's own.
            colour_order: ``bgr`` for arrays that OpenCV has read or filmed.
            errors: ``raise``, or ``skip``: pictures that cannot be used, or show no face where one is looked for, have
                rows of NaN, and a `PictureNotice` says which.

        Raises:
            BadInput: A picture that cannot be used, or shows no face, with its position and why. DataMissing: no such
                file. DataCorrupt: a file that is no picture, or is truncated.
        """
        how = dict(views=views, detect=detect, colour_order=colour_order, errors=errors)
        return self._probabilities(self.logits(inputs, **how))  # type: ignore[arg-type]

    @explained
    def predict(self, inputs: Any, **how: Any) -> np.ndarray:
        """The most probable of ``classes_``, (N,), None where a picture was skipped; arguments: see `predict_proba`."""
        return super().predict(inputs, **how)

    def _views(self, views):
        views = self.views if views is None else views
        choice("views", views, VIEWS)
        return views

    @explained
    def features(self, inputs: Any, **how: Any) -> np.ndarray:
        """The vector before the logits, float32 (N, D), for maps of embeddings. Arguments: see `encode`."""
        import keras

        x = self.encode(inputs, **how)
        inner = keras.Model(self.model_.input, self.model_.get_layer("features").output)
        return training.predict(inner, x) if len(x) else np.zeros((0, inner.output.shape[-1]), dtype="float32")

    # Explanations

    @explained
    def explain(
        self, image: Picture, method: str = "occlusion", target: str | None = None, *,
        detect: str | Sequence[Box] | None = None, colour_order: str = "rgb",
    ) -> FaceExplanation:  # fmt: skip
        """Which part of a picture the answer came from.

        Args:
            image: One picture.
            method: ``occlusion`` (what is lost when a part is covered; on rendered faces it points to the parts that
                move four times as sharply), ``grad-cam``, or ``attention`` (of the model attention-cnn; no target).
            target: Class name; None takes the predicted one.
            detect, colour_order: See `predict_proba`.

        Returns:
            `emorec.faces.explain.FaceExplanation`, with ``heat``, of the picture alone, and ``label`` and
            ``probabilities``, the mean over the classifier's views.
        """
        choice("method", method, METHODS)
        x = self.encode(image, detect=detect, colour_order=colour_order)
        if len(x) != 1:
            raise BadInput(f"explain takes one picture; received {len(x)}.")
        row = self._plain_probabilities(x)[0]
        index = int(row.argmax()) if target is None else self.label_set_.index(target)
        if method == "grad-cam":
            heat = explain.grad_cam(self.model_, x, [index])
        elif method == "attention":
            heat = explain.attention_map(self.model_, x)
        else:
            heat = explain.occlusion(lambda seen: self._plain_probabilities(seen, "one"), x, [index])
        names = self.label_set_.names
        return explain.FaceExplanation(
            image=x[0, ..., 0] if x.shape[3] == 1 else x[0],
            heat=heat[0],
            label=names[int(row.argmax())],
            probabilities=dict(zip(names, row.tolist())),
            target=names[index],
            method=method,
        )

    def _plain_probabilities(self, x, views=None):
        return self._probabilities(self._mean_logits(x, self._views(views)))


def _seen_from(x, views):
    """The views of encoded pictures (N, H, W, C), one batch after the other."""
    crops = [x]
    if views == "flips-and-crops":
        height, width = x.shape[1:3]
        for down in (0, 1):
            for right in (0, 1):
                read = np.array([[11 / 12, 0, right * (width - 1) / 12], [0, 11 / 12, down * (height - 1) / 12]])
                crops.append(warp(x, np.repeat(read[None], len(x), axis=0)))
    for crop in crops:
        yield crop
        if views != "one":
            yield np.ascontiguousarray(crop[:, :, ::-1])


def picture_key(picture: Any) -> str:
    """A key that is equal for equal pictures."""
    if isinstance(picture, (str, os.PathLike)):
        try:
            picture = Path(os.path.expanduser(picture)).read_bytes()
        except OSError:  # reading it for training says why
            return str(picture)
    array = np.ascontiguousarray(picture)
    return f"{array.shape} {array.dtype} {hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()}"
