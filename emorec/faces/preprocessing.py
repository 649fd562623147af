"""The contract between a face model and the pictures it is given: size, colour and crop, saved with the weights."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from emorec import images as pictures
from emorec.checks import choice, real_number
from emorec.errors import BadInput, DataCorrupt, DataMissing, FileRefused
from emorec.faces import detection
from emorec.notices import notice
from emorec.types import Box, Values

COLOURS = ("grey", "rgb")
ORDERS = ("rgb", "bgr")
LEAST = pictures.LEAST


class PictureNotice(UserWarning):
    """A picture is answered, and the answer is worth little: the notice says why, and what to do about it."""


@dataclass
class FacePreprocessing:
    """Turns pictures of any kind into what a model was trained on.

    Attributes:
        size: Edge of the model's pictures in pixels.
        colour: ``grey`` or ``rgb``.
        detect: Where the face is: ``none`` (the whole picture is one), or ``auto`` (the largest that
            `emorec.faces.detect` finds).
        margin: Added around a box, as a share of its longer edge.
        edge: Longer edge of the pictures it was trained on (95th percentile), None before training.
        align: Whether a face that was detected with its eyes is turned until they lie level.
        source: How the pictures it was trained on came to be: ``rendered``, or empty.

    Example:
        >>> FacePreprocessing(size=48)([np.zeros((100, 80, 3), "uint8")]).shape
        (1, 48, 48, 1)
    """

    size: int = 48
    colour: str = "grey"
    detect: str = "none"
    margin: float = 0.1
    edge: int | None = None
    align: bool = True
    source: str = ""

    def __post_init__(self):
        if not isinstance(self.size, (int, np.integer)) or not 24 <= self.size <= 1024:
            raise BadInput(f"size is a whole number of pixels from 24 to 1024; received {self.size!r}.")
        choice("colour", self.colour, COLOURS)
        if self.detect not in ("none", "auto"):
            raise BadInput(f"detect={self.detect!r} is unknown; choose none or auto (boxes are given when predicting).")
        real_number("margin", self.margin, 0, 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(size, size, channels) of the model's input."""
        return self.size, self.size, 1 if self.colour == "grey" else 3

    def measure(self, inputs: Values) -> None:
        """Notes how large the pictures are that the model is trained on."""
        if isinstance(inputs, np.ndarray) and inputs.dtype != object:
            edges = [max(inputs.shape[1:3])]
        else:
            edges = [max(_dimensions(x)) for x in inputs[:: max(1, len(inputs) // 200)]]
        self.edge = int(np.percentile(edges, 95))

    def __call__(
        self, inputs: Values, *, detect: str | Sequence[Box] | None = None, colour_order: str = "rgb",
        errors: str = "raise",
    ) -> Any:  # fmt: skip
        """Encodes N pictures.

        Args:
            inputs: As `check_inputs` returns them.
            detect: ``none``, ``auto``, or N boxes (x, y, w, h); None takes the contract's own.
            colour_order: ``bgr`` for arrays that OpenCV has read. Files need no word.
            errors: ``raise``, or ``skip``: pictures that cannot be used are left out.

        Returns:
            uint8 (N, size, size, 1 or 3); with ``errors="skip"`` a pair of it and a list of (position, why) of the
            pictures that were left out, whose rows are black.

        Raises:
            BadInput: A picture that cannot be used, or shows no face, with its position. DataCorrupt, DataMissing: a
                file that cannot be read.
        """
        choice("errors", errors, ("raise", "skip"))
        detect, bgr = self._where(detect, len(inputs)), is_bgr(colour_order)
        encoded, skipped = self._fast(inputs, detect, bgr), []
        if encoded is None:
            encoded = np.zeros((len(inputs), *self.shape), dtype="uint8")
            for i, picture in enumerate(inputs):
                box = detect if isinstance(detect, str) else detect[i]
                try:
                    encoded[i] = self.one(pictures.as_picture(picture, bgr=bgr), box)
                except (BadInput, DataCorrupt, DataMissing, FileRefused) as error:
                    if errors == "skip":
                        skipped.append((i, str(error)))
                    elif isinstance(error, (DataMissing, FileRefused)):
                        raise
                    else:
                        raise type(error)(f"Picture {i}: {error}") from error
        return encoded if errors == "raise" else (encoded, skipped)

    def _fast(self, inputs, detect, bgr):
        """The way of a batch of bytes that has the model's size; None for all others."""
        if not (isinstance(detect, str) and detect == "none" and isinstance(inputs, np.ndarray)):
            return None
        sized = inputs.ndim in (3, 4) and inputs.shape[1:3] == self.shape[:2] and inputs.shape[3:] in ((), (1,), (3,))
        return self._coloured(inputs, bgr) if sized and inputs.dtype == np.uint8 else None

    def one(self, picture: np.ndarray, box: str | Box = "none") -> np.ndarray:
        """uint8 (size, size, 1 or 3) of one picture as `as_picture` returns it, and ``none``, ``auto``, its box or a
        `Face`."""
        height, width = picture.shape[:2]
        if min(height, width) < LEAST:
            raise BadInput(f"it has {width} x {height} pixels, too few to show a face (at least {LEAST} x {LEAST}).")
        if isinstance(box, str) and box == "auto":
            faces = detection.detect_faces(picture)
            if not faces:
                raise BadInput("no face was found; give its box, or detect='none' if the whole picture is a face.")
            box = max(faces, key=lambda face: face.box[2] * face.box[3])
        if isinstance(box, str):
            self._notice(height, width)
            picture = pictures.squared(picture, self.size)
        elif isinstance(box, detection.Face):
            self._notice_rendered(box)
            face = box if self.align else detection.Face(box.box)
            picture = detection.aligned_crop(picture, face, margin=self.margin, size=self.size)
        else:
            picture = detection.crop(picture, box, margin=self.margin, size=self.size)
        picture = pictures.to_grey(picture) if self.colour == "grey" else pictures.to_rgb(picture)
        return picture.reshape(self.shape)

    def _where(self, detect, n):
        if detect is None or isinstance(detect, str):
            detect = self.detect if detect is None else detect
            if detect not in ("none", "auto"):
                raise BadInput(f"detect={detect!r} is unknown; choose none or auto, or give a box for each picture.")
            return detect
        boxes = list(detect)
        if n == 1 and len(boxes) == 4 and all(map(np.isscalar, boxes)):
            boxes = [detect]
        if len(boxes) != n:
            raise BadInput(f"{n} pictures, but {len(boxes)} boxes: give one box (x, y, w, h) for each.")
        return boxes

    def _notice(self, height, width):
        known = max(self.size, self.edge or 0)
        if max(height, width) > 3 * known:
            notice(
                f"A picture of {width} x {height} pixels was taken for a face as a whole; this model learnt from "
                f"pictures of about {known}. If it shows more than a face, give detect='auto', or a box.",
                PictureNotice,
                repeat=False,
            )

    def _notice_rendered(self, face):
        """Faces that a detector scored are hardly ever rendered ones."""
        if self.source == "rendered" and np.isfinite(face.score):
            notice(
                "This model learnt from rendered faces alone: on photographs it does no better than chance. "
                "emorec.load('face-emotion') reads photographs; or train one on them, e.g. on fer2013.",
                PictureNotice,
                repeat=False,
            )

    def _coloured(self, batch, bgr):
        """A uint8 batch of the right size in the model's colours; a view where nothing changes."""
        grey = batch.ndim == 3 or batch.shape[3] == 1
        if grey:
            batch = batch.reshape(len(batch), self.size, self.size, 1)
            return batch if self.colour == "grey" else np.repeat(batch, 3, axis=3)
        if self.colour == "rgb":
            return np.ascontiguousarray(batch[..., ::-1]) if bgr else batch
        code = cv2.COLOR_BGR2GRAY if bgr else cv2.COLOR_RGB2GRAY
        encoded = np.empty((len(batch), *self.shape), dtype="uint8")
        for picture, target in zip(batch, encoded):
            target[..., 0] = cv2.cvtColor(np.ascontiguousarray(picture), code)
        return encoded


def notice_blank(encoded: np.ndarray) -> None:
    """A notice where pictures as the model sees them show nothing: all pixels alike, but for a grey level or two."""
    if not len(encoded):
        return
    flat = np.asarray(encoded).reshape(len(encoded), -1)
    blank = np.flatnonzero(np.ptp(flat, axis=1) <= 2)
    if len(blank):
        which = ", ".join(map(str, blank[:5])) + (", ..." if len(blank) > 5 else "")
        text = f"Picture {which} of {len(flat)} is blank: all its pixels are alike, and the answer means nothing."
        notice(text, PictureNotice)


def is_bgr(colour_order: str) -> bool:
    """Whether the channels of arrays stand in OpenCV's order; `BadInput` for a word that is none."""
    choice("colour_order", colour_order, ORDERS)
    return colour_order == "bgr"


def check_inputs(inputs: Any) -> Sequence:
    """N pictures as an array (N, H, W[, C]) of numbers or as a list; one picture becomes a list of one.

    Floats of an array in 0 to 255 become uint8.

    Raises:
        BadInput: Something that holds no pictures.
    """
    if isinstance(inputs, (str, os.PathLike, bytes, bytearray)) or hasattr(inputs, "getbands"):  # Pillow's
        return [inputs]
    if hasattr(inputs, "read") or hasattr(inputs, "columns"):
        way = "its bytes: file.read()" if hasattr(inputs, "read") else "one of its columns"
        raise BadInput(f"Pictures are no {type(inputs).__name__}: give {way}.")
    if isinstance(inputs, memoryview) or (hasattr(inputs, "__array__") and getattr(inputs, "ndim", 1) != 1):
        inputs = np.asarray(inputs)  # a tensor
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind == "U":
        return inputs.ravel().tolist()  # paths
    if isinstance(inputs, np.ndarray) and inputs.dtype != object:
        inputs = pictures.native(inputs)
        if inputs.ndim == 4:
            inputs = pictures.channels_last(inputs)
        single = inputs.ndim == 2 or (inputs.ndim == 3 and inputs.shape[2] in (1, 3, 4))
        if inputs.ndim == 3 and not single:
            _notice_planes(inputs)
        if not single and inputs.ndim not in (3, 4) and inputs.size:
            raise BadInput(f"Pictures come as (N, H, W) or (N, H, W, C), or as a list; received {inputs.shape}.")
        return [inputs] if single else _same_range(inputs)
    if isinstance(inputs, (set, frozenset, dict)):
        raise BadInput(f"Give a list of pictures, not a {type(inputs).__name__}, which has no order.")
    try:
        return list(inputs)
    except TypeError:
        raise BadInput(f"Give pictures, as arrays or paths; received {type(inputs).__name__} {inputs!r}.") from None


def _notice_planes(batch):
    """An array (3, H, W) is three grey pictures; if they are almost one picture, it may be one of three channels."""
    if len(batch) in (3, 4) and batch.size and min(batch.shape[1:]) >= LEAST:
        planes = batch[:3].reshape(3, -1).astype("float64")
        if planes.std(axis=1).min() > 0 and np.corrcoef(planes).min() > 0.9:
            notice(
                f"An array {batch.shape} is taken for {len(batch)} grey pictures, almost alike. One picture "
                "with its channels first goes into a list: [picture].",
                PictureNotice,
                repeat=False,
            )


def _same_range(batch):
    """Numbers of one range as uint8: whether floats mean 0 to 1, and 16 bits 0 to 255, is read off all pictures
    together, since one of them may be black."""
    if batch.dtype == np.uint16 and batch.size and batch.max() > 255:
        return ((batch.astype("uint32") + 128) // 257).astype("uint8")
    if batch.dtype.kind == "f" and batch.size and 2 <= batch.max() <= 255 and batch.min() >= 0:
        return np.rint(batch).astype("uint8")
    return batch


def _dimensions(picture):
    """Edges of an array or a file; 0 of a file that cannot be read: reading it says why."""
    if not isinstance(picture, (str, os.PathLike, bytes, bytearray)):
        return np.shape(picture)[:2] or (0, 0)
    from PIL import Image

    try:
        file = io.BytesIO(picture) if isinstance(picture, (bytes, bytearray)) else os.path.expanduser(picture)
        with Image.open(file) as opened:
            return opened.size
    except (OSError, ValueError):
        return 0, 0
