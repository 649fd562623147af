"""FaceClassifier: pictures in any form in, class probabilities and a map of where they came from out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from emorec import images as pictures
from emorec import training
from emorec.classifier import Classifier
from emorec.datasets.readers import folders
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.faces import detection, explain, video
from emorec.faces.augmentation import Augmenter, options_of, warp
from emorec.faces.models import BACKBONES, build_face_model, fine_tune
from emorec.faces.preprocessing import FacePreprocessing, check_inputs, is_bgr

VIEWS = ("one", "flips", "flips-and-crops")
METHODS = ("grad-cam", "occlusion", "attention")


class FaceClassifier(Classifier):
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
            `emorec.faces.augmentation.Augmentation`. New pictures every epoch.
        mixup, cutmix: Alpha of MixUp and CutMix; None leaves what `augment` says.
        detect: ``none`` or ``auto``: how faces are found in training, and in prediction where nothing else is said.
        margin: Around found and given boxes, as a share of the box.
        views: The views of a picture that the logits are averaged over wherever a face is classified: ``one``;
            ``flips``, it and its mirror image; ``flips-and-crops``, those two of the whole and of four crops of 11/12
            of it. Say which beside a number.
        epochs, batch_size, optimizer, learning_rate, schedule, weight_decay, label_smoothing, patience, monitor: See
            `emorec.training.TrainingOptions`.
        class_weight: ``balanced`` weighs classes by inverse frequency; or a dict of class to weight; or None.
        seed: Of weights, dropout, augmentation and the order of examples.
    """

    def __init__(
        self,
        model="vgg",
        *,
        size=48,
        colour="grey",
        width=None,
        dropout=None,
        weights="imagenet",
        backbone_size=None,
        frozen_epochs=5,
        fine_tuned=None,
        augment="standard",
        mixup=None,
        cutmix=None,
        detect="none",
        margin=0.1,
        views="one",
        epochs=30,
        batch_size=64,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="cosine",
        weight_decay=0.02,
        label_smoothing=0.1,
        class_weight=None,
        patience=None,
        monitor="accuracy",
        seed=0,
    ):
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

    # What the base class asks for

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _check(self, inputs):
        return check_inputs(inputs)

    def _content(self, inputs):
        return [_content(x) for x in inputs]

    def _fit_encoding(self, inputs):
        self._views(self.views), self._augmentation()
        self.encoding_ = FacePreprocessing(self.size, self.colour, self.detect, self.margin)
        self.encoding_.measure(inputs)

    def _augmentation(self):
        mixing = {"mixup": self.mixup, "cutmix": self.cutmix}
        return options_of(self.augment, **{name: alpha for name, alpha in mixing.items() if alpha is not None})

    def _encode(self, inputs, **how):
        return self.encoding_(inputs, **how)

    def _build(self, classes):
        return build_face_model(
            self.model,
            self.encoding_.shape,
            classes,
            width=self.width,
            dropout=self.dropout,
            weights=self.weights,
            backbone_size=self.backbone_size,
        )

    def _epochs_of(self, train):
        options = self._augmentation()
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
        self.encoding_ = FacePreprocessing(**state["encoding"])

    # Scoring

    def encode(self, inputs, *, detect=None, colour_order="rgb"):
        """Pictures as the model sees them, uint8 (N, size, size, 1 or 3). Arguments: see `predict_proba`."""
        self._check_fitted()
        return self._encode(self._check(inputs), detect=detect, colour_order=colour_order)

    def logits(self, inputs, *, views=None, detect=None, colour_order="rgb"):
        """Raw scores, float32 (N, C), the mean over the views. Arguments: see `predict_proba`."""
        views, x = self._views(views), self.encode(inputs, detect=detect, colour_order=colour_order)
        return self._mean_logits(x, views)

    def _mean_logits(self, x, views):
        """Raw scores of encoded pictures (N, S, S, C), the mean over the views."""
        if len(x) == 0:
            return np.zeros((0, len(self.label_set_)), dtype="float32")
        return np.mean([training.predict(self.model_, view) for view in _seen_from(x, views)], axis=0)

    def predict_proba(self, inputs, *, views=None, detect=None, colour_order="rgb"):
        """Probabilities, float64 (N, C) in the order of ``label_set_``.

        Args:
            inputs: N pictures, or one: see the class.
            views: ``one``, ``flips`` or ``flips-and-crops``, see the class; None takes the classifier's own. The
                logits of the views are averaged: the probabilities are their normalised geometric mean.
            detect: ``none``, ``auto`` (the largest face), or a box (x, y, w, h) for each picture; None takes the
                classifier's own.
            colour_order: ``bgr`` for arrays that OpenCV has read or filmed.

        Raises:
            BadInput: A picture that cannot be used, or shows no face, with its position and why. DataMissing: no such
                file. DataCorrupt: a file that is no picture, or is truncated.
        """
        return self._probabilities(self.logits(inputs, views=views, detect=detect, colour_order=colour_order))

    def _views(self, views):
        views = self.views if views is None else views
        if views not in VIEWS:
            raise BadInput(f"views={views!r} is unknown; choose one of {', '.join(VIEWS)}.")
        return views

    def features(self, inputs, **how):
        """The vector before the logits, float32 (N, D), for maps of embeddings. Arguments: see `encode`."""
        import keras

        x = self.encode(inputs, **how)
        inner = keras.Model(self.model_.input, self.model_.get_layer("features").output)
        return training.predict(inner, x) if len(x) else np.zeros((0, inner.output.shape[-1]), dtype="float32")

    # Explanations

    def explain(self, image, method="grad-cam", target=None, *, detect=None, colour_order="rgb"):
        """Which part of a picture the answer came from.

        Args:
            image: One picture.
            method: ``grad-cam``, ``occlusion``, or ``attention`` (of the model attention-cnn; it has no target).
            target: Class name; None takes the predicted one.
            detect, colour_order: See `predict_proba`.

        Returns:
            `emorec.faces.explain.FaceExplanation`, with ``heat``, of the picture alone, and ``label`` and
            ``probabilities``, the mean over the classifier's views.
        """
        if method not in METHODS:
            raise BadInput(f"method={method!r} is unknown; choose one of {', '.join(METHODS)}.")
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

    # Pictures with several faces, folders, videos, the camera

    def predict_faces(self, image, *, detect="auto", colour_order="rgb"):
        """Every face in one picture.

        Args:
            image: One picture.
            detect: ``auto``, ``none`` (the picture is a face), or n boxes (x, y, w, h).
            colour_order: See `predict_proba`.

        Returns:
            DataFrame, a row per face, from left to right or in the order of given boxes: x, y, w, h, label, confidence,
            and the probability of every class. Empty where there is no face.
        """
        self._check_fitted()
        picture = pictures.as_picture(image, bgr=is_bgr(colour_order))
        boxes, p = self._faces(picture, detect)
        return self._table([{}] * len(boxes), boxes, p)

    def _faces(self, picture, detect):
        """Boxes of the faces in a picture, and their probabilities (n, C)."""
        if _named(detect) == "none":
            boxes, crops = [(0, 0, *picture.shape[1::-1])], [self.encoding_.one(picture)]
        else:
            boxes = detection.detect(picture, boxes=None if _named(detect) else detect)
            crops = [self.encoding_.one(picture, box) for box in boxes]
        return boxes, self._plain_probabilities(np.stack(crops) if crops else [])

    def _table(self, rows, boxes, p):
        import pandas as pd

        p, names = np.asarray(p).reshape(len(rows), len(self.label_set_)), list(self.label_set_)
        box = pd.DataFrame(np.array(boxes, dtype=int).reshape(-1, 4), columns=list("xywh"))
        label = pd.DataFrame({"label": self._names(p), "confidence": p.max(axis=1, initial=0)})
        return pd.concat(
            [pd.DataFrame(rows, index=range(len(rows))), box, label, pd.DataFrame(p, columns=names)], axis=1
        )

    def annotate(self, image, *, detect="auto", colour_order="rgb", output=None):
        """The picture with a box and the most probable class on every face, uint8 (H, W, 3) RGB.

        Args:
            image, detect, colour_order: See `predict_faces`.
            output: File to write it to, e.g. ``annotated.png``.
        """
        self._check_fitted()
        picture = pictures.as_picture(image, bgr=is_bgr(colour_order))
        drawn = self._draw(picture, *self._faces(picture, detect))
        if output is not None:
            _write(output, drawn)
        return drawn

    def _draw(self, picture, boxes, p):
        best = p.argmax(axis=1) if len(p) else []
        captions = [f"{self.label_set_.names[k]} {100 * row[k]:.0f} %" for row, k in zip(p, best)]
        return video.draw(picture, boxes, captions, best)

    def predict_folder(self, path, *, detect="auto"):
        """Every face in every picture below a folder.

        Args:
            path: The folder; or an archive of pictures.
            detect: ``auto``, or ``none``: every picture is a face.

        Returns:
            (DataFrame as of `predict_faces` with the column ``file`` in front, list of (file, why it was skipped)).

        Raises:
            DataMissing: No such folder. BadInput: No picture in it.
        """
        self._check_fitted(), _named(detect)
        path = Path(path).expanduser()
        if not path.exists():
            raise DataMissing(f"The folder {str(path)!r}", [path.absolute()], "check the path.")
        found = folders.files(path)
        if not found:
            raise BadInput(f"There is no picture below {path}; known kinds are {', '.join(pictures.SUFFIXES)}.")
        rows, boxes, p, skipped = [], [], [np.zeros((0, len(self.label_set_)))], []
        for name, file in found:
            try:
                where, probabilities = self._faces(folders.opened(file), detect)
            except (BadInput, DataCorrupt) as error:
                skipped.append((name, str(error)))
                continue
            if not where:
                skipped.append((name, "no face was found"))
            rows += [{"file": name}] * len(where)
            boxes += where
            p.append(probabilities)
        return self._table(rows, boxes, np.concatenate(p)), skipped

    def predict_video(self, path, *, smoothing=0.6, detect="auto", every=1, limit=None, output=None):
        """Every face in the frames of a video.

        Args:
            path: A video file.
            smoothing: Weight of the past in the exponential mean of a face's probabilities, 0 to below 1.
            detect: ``auto`` or ``none``.
            every: Look at every n-th frame only.
            limit: Stop after so many frames, or None.
            output: An annotated video to write, ``.mp4`` or ``.avi``.

        Returns:
            DataFrame as of `predict_faces`, with the columns frame, seconds and face (one number per person, found by
            overlap) in front; probabilities are smoothed.
        """
        self._check_fitted()
        if every < 1:
            raise BadInput(f"every={every!r}: give a whole number of at least 1.")
        source, tracks = video.VideoFrames(path), video.FaceTracks(smoothing)
        target = None if output is None else video.VideoFile(output, source.rate)
        if target is not None and target.path.resolve() == source.path.resolve():
            raise BadInput(f"output={str(output)!r} is the film that is read: name another file.")
        rows, boxes, p, shown = [], [], [], ([], np.zeros((0, len(self.label_set_))))
        try:
            for number, frame in enumerate(source):
                if limit is not None and number >= limit:
                    break
                if number % every == 0:
                    where, faces, smooth = self._follow(frame, tracks, detect)
                    seconds = number / source.rate
                    rows += [{"frame": number, "seconds": seconds, "face": face} for face in faces]
                    boxes += where
                    p += list(smooth)
                    shown = where, smooth
                if target is not None:
                    target.add(self._draw(frame, *shown))
        finally:
            if target is not None:
                target.close()
        return self._table(rows, boxes, p)

    def _follow(self, frame, tracks, detect):
        boxes, p = self._faces(frame, detect)
        followed = tracks.update(boxes, p)
        smooth = np.array([row for _, row in followed]).reshape(-1, len(self.label_set_))
        return boxes, [face for face, _ in followed], smooth

    def webcam(self, *, device=0, frames=None, smoothing=0.6, window=True):
        """The camera: a window with annotated frames (q or Esc ends it), or in Colab one photograph.

        Args:
            device: Number of the local camera.
            frames: Stop after so many frames, or None.
            smoothing: See `predict_video`.
            window: False shows none, for computers without a screen.

        Returns:
            The last annotated picture, uint8 (H, W, 3) RGB.

        Raises:
            DataMissing: There is no camera. BadInput: This OpenCV has no windows.
        """
        self._check_fitted()
        if video.in_colab():
            return self.annotate(video.colab_photo())
        tracks, drawn = video.FaceTracks(smoothing), None
        for number, frame in enumerate(video.camera(device)):
            if frames is not None and number >= frames:
                break
            boxes, _, smooth = self._follow(frame, tracks, "auto")
            drawn = self._draw(frame, boxes, smooth)
            if window and not video.show(drawn):
                break
        if window:
            video.show(None)
        return drawn


def _named(detect):
    """How faces are found, or None where boxes are given."""
    if isinstance(detect, str) and detect not in ("none", "auto"):
        raise BadInput(f"detect={detect!r} is unknown; choose none or auto, or give boxes (x, y, w, h).")
    return detect if isinstance(detect, str) else None


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


def _write(path, picture):
    path = Path(os.path.expanduser(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise BadInput(f"OpenCV cannot write {path.name!r}; name a .png or .jpg file.") from error
    path.write_bytes(data.tobytes())


def _content(picture):
    """A key that is equal for equal pictures."""
    if isinstance(picture, (str, os.PathLike)):
        try:
            picture = Path(os.path.expanduser(picture)).read_bytes()
        except OSError:  # reading it for training says why
            return str(picture)
    array = np.ascontiguousarray(picture)
    return f"{array.shape} {array.dtype} {hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()}"
