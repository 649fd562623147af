"""The detectors behind `emorec.faces.detect`: what each needs, and the faces it finds in a picture as it is.

Three are known: ``mtcnn``, a library that brings its weights, is installed with this package, and runs on TensorFlow
beside any backend of Keras; ``yunet``, a network for OpenCV whose file `python -m emorec data get yunet` fetches;
``cascade``, of OpenCV 4.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emorec import images as pictures
from emorec.datasets import extras, store
from emorec.errors import DataCorrupt, DataMissing
from emorec.types import FilePath, Values

LARGEST = {"mtcnn": 1000, "cascade": 1280}  # longer edge in pixels at which a picture is searched
SMALLEST = 160  # shorter edge to which smaller pictures are enlarged
SURE = {"mtcnn": 0.9, "yunet": 0.7, "cascade": -np.inf}  # least score of a face where nothing else is asked for
SURE_TURNED = {"mtcnn": 0.97, "yunet": 0.85}  # likewise in a picture that was turned: three looks, three chances to err
PROPOSED = 20  # smallest face in pixels that mtcnn looks for; above 20 its pyramid ends in empty pictures


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture.

    Attributes:
        box: (x, y, w, h) in pixels.
        score: How sure the detector is, 0 to 1; NaN where it does not say, as of boxes that were handed in.
        landmarks: float (5, 2), x and y in pixels of the eye on the left of the picture, that on the right, the nose,
            and the corners of the mouth on the left and on the right; None where the detector has none.

    Example:
        >>> Face((10, 20, 64, 64), score=0.99).tilt
        0.0
    """

    box: tuple
    score: float = float("nan")
    landmarks: np.ndarray | None = None

    @property
    def tilt(self) -> float:
        """Angle of the line through the eyes in degrees, positive where the right one is lower; 0 without landmarks."""
        if self.landmarks is None:
            return 0.0
        across = self.landmarks[1] - self.landmarks[0]
        return float(np.degrees(np.arctan2(across[1], across[0])))

    def moved(self, matrix: np.ndarray) -> Face:
        """The face under an affine map, float (2, 3), that turns, scales and shifts: the box keeps its shape."""
        matrix, (x, y, w, h) = np.asarray(matrix, dtype="float64"), self.box
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        centre = matrix[:, :2] @ [x + w / 2, y + h / 2] + matrix[:, 2]
        box = (*(centre - scale * np.array([w, h]) / 2), scale * w, scale * h)
        points = None if self.landmarks is None else self.landmarks @ matrix[:, :2].T + matrix[:, 2]
        return Face(tuple(float(v) for v in box), self.score, points)


# --- what is there


def mtcnn_there() -> bool:
    """Whether the library mtcnn is installed, and TensorFlow, on which it runs whatever Keras runs on."""
    return all(importlib.util.find_spec(name) is not None for name in ("mtcnn", "tensorflow"))


def cascade_file() -> Path | None:
    """The file of OpenCV's cascade, or None: OpenCV 5 has none."""
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    file = Path(folder, "haarcascade_frontalface_alt2.xml")
    return file if hasattr(cv2, "CascadeClassifier") and file.is_file() else None


def yunet_file(model: FilePath | None = None) -> Path | None:
    """The model file named, or the newest in the data roots, or None.

    Raises:
        DataMissing: A file was named and is not there. DataCorrupt: it is a web page or a pointer of Git LFS.
    """
    if model is None:
        for root in store.roots():
            newest = sorted((root / "yunet").glob("face_detection_yunet*.onnx"))
            if newest:
                model = newest[-1]
                break
        else:
            return None
    file = Path(model).expanduser()
    if not file.is_file():
        raise missing("The model file of YuNet", [file])
    with open(file, "rb") as opened:
        head = opened.read(200)
    store.refuse_html(head, file)
    if head.startswith(b"version https://git-lfs"):
        raise DataCorrupt(f"{file} is a pointer of Git LFS, not the model: python -m emorec data get yunet --force.")
    return file


def available(model: FilePath | None = None) -> str:
    """The detector that ``auto`` stands for: yunet where its file is, else mtcnn, else cascade.

    Raises:
        DataMissing: None of them is there; says how to get one.
    """
    if yunet_file(model) is not None:
        return "yunet"
    if mtcnn_there():
        return "mtcnn"
    if cascade_file():
        return "cascade"
    raise missing("A face detector", [root / "yunet" for root in store.roots()])


def missing(what: str, looked_in: Values) -> DataMissing:
    """The `DataMissing` of a detector."""
    return DataMissing(
        what,
        looked_in,
        "pip install mtcnn tensorflow; or python -m emorec data get yunet, or its file from "
        f"{extras.EXTRAS['yunet'].home}, named with model=...; or pip install 'opencv-python<5' (method='cascade')",
        "method='whole' takes the picture for a face, boxes=[(x, y, w, h)] takes yours.",
    )


# --- mtcnn


@functools.lru_cache(maxsize=1)
def _mtcnn_network():
    if not mtcnn_there():
        raise missing("The library mtcnn with TensorFlow", [])
    from emorec.faces import mtcnn_networks

    return mtcnn_networks.load(PROPOSED)


def mtcnn(picture: np.ndarray, least: float, _model: FilePath | None = None) -> list[Face]:
    """Faces by three small networks in a row (Zhang et al. 2016, arXiv:1604.02878), as the library mtcnn has them."""
    image, scale, pad = _sized(pictures.to_rgb(picture), "mtcnn")
    if image is None:
        return []
    shrink = min(1.0, PROPOSED / max(0.8 * least * scale, PROPOSED))
    with contextlib.redirect_stdout(None):
        rows = _mtcnn_network().detect_faces(image, output_type="numpy", fit_to_image=False, shrink=shrink)
    faces = []
    for row in np.asarray(rows, dtype="float64"):
        points = (np.stack([row[6:11], row[11:16]], axis=1) - pad) / scale
        box = ((row[1] - pad) / scale, (row[2] - pad) / scale, row[3] / scale, row[4] / scale)
        faces.append(Face(box, float(row[5]), points))
    return distinct(faces)


def _sized(image, method):
    """The picture at a size handy to search, going on beyond its edges; (None, 0, 0) where nothing is left of it."""
    height, width = image.shape[:2]
    scale = min(LARGEST[method] / max(height, width), max(1.0, SMALLEST / min(height, width)))
    if min(height, width) * scale < 8:
        return None, 0, 0
    size = tuple(max(1, int(round(n * scale))) for n in (width, height))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(np.ascontiguousarray(image), size, interpolation=how)
    pad = min(image.shape[:2]) // 8
    return cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE), scale, pad


# --- YuNet


def yunet(picture: np.ndarray, least: float, model: FilePath | None = None) -> list[Face]:
    """Faces by YuNet (Wu, Peng & Yu 2023), which finds faces of about 10 to 300 pixels.

    The picture lies in a square of 640 pixels, the size that its file is made for and OpenCV 5 insists on. If no face
    is found it is searched again smaller, for a face that fills it.
    """
    file = yunet_file(model)
    if file is None:
        raise missing("The model file of YuNet", [root / "yunet" for root in store.roots()])
    colours = np.ascontiguousarray(pictures.to_rgb(picture)[..., ::-1])
    faces = []
    for inside in (576, 256):
        scale = inside / max(colours.shape[:2])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        width, height = (max(1, int(round(n * scale))) for n in colours.shape[1::-1])
        small = cv2.resize(colours, (width, height), interpolation=how)
        left, top = (640 - width) // 2, (640 - height) // 2
        canvas = cv2.copyMakeBorder(small, top, 640 - height - top, left, 640 - width - left, cv2.BORDER_REPLICATE)
        try:
            _, rows = _yunet_network(str(file), os.stat(file).st_mtime_ns).detect(canvas)
        except cv2.error as error:
            raise DataCorrupt(f"{file} does not work as a model of YuNet: {error}") from error
        back = np.array([[1, 0, -left], [0, 1, -top]]) / scale
        for row in [] if rows is None else rows.astype("float64"):
            faces.append(Face(tuple(row[:4]), float(row[14]), row[4:14].reshape(5, 2)).moved(back))
        if any(face.score >= SURE["yunet"] for face in faces):
            break
    return distinct(sorted(faces, key=lambda face: -face.score))


@functools.lru_cache(maxsize=1)
def _yunet_network(file, changed):
    return cv2.FaceDetectorYN.create(file, "", (640, 640), 0.5, 0.3, 5000)


# --- OpenCV's cascade


def cascade(picture: np.ndarray, least: float, _model: FilePath | None = None) -> list[Face]:
    """Faces by a cascade of simple features (Viola & Jones 2001), as OpenCV 4 brings it; boxes alone."""
    file = cascade_file()
    if file is None:
        raise missing(f"A cascade of OpenCV (this is {cv2.__version__}; 4.x has them)", [cv2.__file__])
    grey, scale, pad = _sized(pictures.to_grey(picture), "cascade")
    if grey is None:
        return []
    smallest = int(max(24, 0.8 * least * scale))
    boxes, _, weights = _cascade_network(str(file)).detectMultiScale3(
        grey, scaleFactor=1.1, minNeighbors=4, minSize=(smallest, smallest), outputRejectLevels=True
    )
    faces = [Face(tuple(map(int, boxes[i]))) for i in np.argsort(-np.ravel(weights), kind="stable")]
    return [face.moved(np.array([[1, 0, -pad], [0, 1, -pad]]) / scale) for face in distinct(faces)]


@functools.lru_cache(maxsize=1)
def _cascade_network(file):
    return cv2.CascadeClassifier(file)


# --- boxes


def overlap(a: Values, b: Values) -> float:
    """Area of the intersection of two boxes (x, y, w, h)."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(wide, 0) * max(high, 0)


def distinct(faces: Sequence[Face]) -> list[Face]:
    """Faces, best first, without those that share half of the smaller one's area with a better one."""
    kept = []
    for face in faces:
        box = face.box
        if all(overlap(box, f.box) < 0.5 * min(box[2] * box[3], f.box[2] * f.box[3]) for f in kept):
            kept.append(face)
    return kept


DETECTORS = {"mtcnn": mtcnn, "yunet": yunet, "cascade": cascade}
