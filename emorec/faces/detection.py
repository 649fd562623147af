"""Finding faces and cutting them out: boxes, scores and landmarks of a picture, and upright squares around faces.

Which detector serves is said in `emorec.faces.detectors`: mtcnn is installed with this package, YuNet goes first where
its file is, OpenCV's cascade serves where it is asked for.
"""

import threading
from typing import Any

import cv2
import numpy as np

from emorec import images as pictures
from emorec.arguments import explained
from emorec.checks import real_number
from emorec.errors import BadInput
from emorec.faces import detectors
from emorec.faces.detectors import Face
from emorec.types import Box, FilePath, Picture, Values

METHODS = ("auto", *detectors.DETECTORS, "boxes", "whole")
TURNS = (45, -45)  # degrees by which a picture is turned where no face stands upright in it
TURNED_EDGE = 500  # longer edge in pixels at which it is searched then: pictures without a face are common
TILTED = 12  # degrees of tilt from which the landmarks are read again with the face upright
SCALE = 1.1  # edge of a crop with no margin, in eye distance + distance of eyes and mouth; see `square`
CENTRE = 0.09  # how far the crop's centre lies above the middle between eyes and mouth, likewise
_lock = threading.Lock()  # detectors of OpenCV hold state


@explained
def detect(
    image: Picture, *, method: str = "auto", model: FilePath | None = None, min_size: int | None = None,
    min_score: float | None = None, boxes: Values | None = None, bgr: bool = False,
) -> list[Box]:  # fmt: skip
    """Boxes of the faces in a picture, from left to right. Arguments and errors: see `detect_faces`.

    Returns:
        A list of (x, y, w, h) in pixels, ints, inside of the picture unless handed in; empty where no face is found.

    Example:
        >>> emorec.faces.detect("party.jpg")  # doctest: +SKIP
        [(41, 62, 83, 104), (210, 58, 79, 99)]
    """
    faces = detect_faces(
        image, method=method, model=model, min_size=min_size, min_score=min_score, boxes=boxes, bgr=bgr
    )
    return [face.box for face in faces]


@explained
def detect_faces(
    image: Picture, *, method: str = "auto", model: FilePath | None = None, min_size: int | None = None,
    min_score: float | None = None, boxes: Values | None = None, bgr: bool = False,
) -> list[Face]:  # fmt: skip
    """Faces in a picture, from left to right, with scores and landmarks where the detector has them.

    A picture in which no face stands upright is searched again turned by 45 degrees to either side.

    Args:
        image: Anything `as_picture` takes: a path, bytes, or an array grey, RGB or RGBA.
        method: ``mtcnn`` (installed with this package), ``yunet`` (its file), ``cascade`` (OpenCV 4), ``boxes`` (those
            handed in), ``whole`` (the picture is a face), or ``auto``: the boxes handed in, else the first of yunet,
            mtcnn and cascade that is there.
        model: File of YuNet; None looks for ``yunet/face_detection_yunet*.onnx`` in the data roots.
        min_size: Least longer edge of a face in pixels; None is 1/40 of the picture's longer edge, and at least 20.
        min_score: Least score of a face, 0 to 1; None is 0.9 for mtcnn and 0.7 for yunet. A cascade has no scores.
        boxes: N boxes (x, y, w, h), or one, which are checked and returned.
        bgr: Whether an array has its channels in OpenCV's order.

    Returns:
        A list of `emorec.faces.detectors.Face`; boxes are ints.

    Raises:
        BadInput: Not a picture, an unknown method, a number out of range, or a box outside of the picture.
        DataMissing: The method needs what is not there; says how to get it and what works without.
        DataCorrupt: A picture or model file that cannot be read.
    """
    if method not in METHODS:
        raise BadInput(f"Unknown method {method!r}; choose one of {', '.join(METHODS)}.")
    if min_score is not None:
        real_number("min_score", min_score, 0, 1)
    picture = pictures.as_picture(image, bgr=bgr)
    height, width = picture.shape[:2]
    if method == "auto":
        method = "boxes" if boxes is not None else detectors.available(model)
    if method == "boxes":
        return [Face(box) for box in check_boxes([] if boxes is None else boxes, picture)]
    if method == "whole":
        return [Face((0, 0, width, height))]
    least = max(20, max(height, width) / 40) if min_size is None else max(1, min_size)
    sure = detectors.SURE[method] if min_score is None else min_score

    def search(part, least=least, sure=sure):
        with _lock:
            faces = detectors.DETECTORS[method](part, least, model)
        return [face for face in faces if not face.score < sure]

    faces = search(picture) or _turned(picture, method, least, sure, search)
    return _inside([_straightened(picture, face, search) for face in faces], width, height, least)


def _turned(picture, method, least, sure, search):
    """Faces of a picture turned to either side, where they lie in the picture as it is."""
    height, width = picture.shape[:2]
    shrink = min(1.0, TURNED_EDGE / max(height, width))
    if method not in detectors.SURE_TURNED or min(height, width) * shrink < pictures.LEAST:
        return []
    small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else picture
    edge = int(np.ceil(shrink * (height + width) / np.sqrt(2)))
    faces = []
    for degrees in TURNS:
        matrix = cv2.getRotationMatrix2D(tuple((n - 1) / 2 for n in small.shape[1::-1]), degrees, 1)
        matrix[:, 2] += [(edge - n) / 2 for n in small.shape[1::-1]]
        turned = cv2.warpAffine(small, matrix, (edge, edge), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        matrix[:, :2] *= shrink
        back = cv2.invertAffineTransform(matrix)
        moved = (face.moved(back) for face in search(turned, least * shrink, max(sure, detectors.SURE_TURNED[method])))
        faces += [f for f in moved if 0 <= f.box[0] + f.box[2] / 2 <= width and 0 <= f.box[1] + f.box[3] / 2 <= height]
    return detectors.distinct(sorted(faces, key=lambda face: -face.score))


def _straightened(picture, face, search):
    """A tilted face with landmarks read again where it stands upright: detectors see less of a tilt than there is."""
    for _ in range(2):
        if abs(face.tilt) < TILTED:
            return face
        x, y, w, h = face.box
        edge = max(w, h)
        size = int(np.clip(2 * edge, 120, 240))
        matrix = _upright((x + w / 2, y + h / 2), face.tilt, 2 * edge, size)
        seen = search(cv2.warpAffine(picture, matrix, (size, size), flags=_how(size, 2 * edge)))
        if not seen:
            return face
        best = min(seen, key=lambda f: np.hypot(f.box[0] + f.box[2] / 2 - size / 2, f.box[1] + f.box[3] / 2 - size / 2))
        if detectors.overlap(best.box, (size / 4, size / 4, size / 2, size / 2)) < best.box[2] * best.box[3] / 3:
            return face  # a neighbour's
        rest = best.tilt
        face = best.moved(cv2.invertAffineTransform(matrix))
        if abs(rest) < TILTED:
            return face
    return face


def _inside(faces, width, height, least):
    """Faces with boxes clipped to the picture, from left to right, without those that are too small."""
    clipped = [Face(_clip(face.box, width, height), face.score, face.landmarks) for face in faces]
    large = [face for face in clipped if min(face.box[2:]) > 0 and max(face.box[2:]) >= least]
    return sorted(large, key=lambda face: face.box)


def _clip(box, width, height):
    x, y, w, h = (float(v) for v in box)
    left, top = max(0, int(round(x))), max(0, int(round(y)))
    return left, top, min(width, int(round(x + w))) - left, min(height, int(round(y + h))) - top


# --- boxes that are handed in


def check_boxes(boxes: Values, picture: np.ndarray) -> list[Box]:
    """N boxes, or a bare one, as tuples of four ints; `BadInput` where one is none or lies outside of the picture."""
    boxes = list(boxes)
    if len(boxes) == 4 and all(np.isscalar(v) and not isinstance(v, str) for v in boxes):
        boxes = [tuple(boxes)]
    return [check_box(box, picture) for box in boxes]


def check_box(box: Values, picture: np.ndarray) -> Box:
    """A box as four ints, or `BadInput` where it is none, is empty, or lies outside of the picture."""
    numbers = np.asarray(box, dtype=object).ravel()
    if len(numbers) != 4 or not all(isinstance(v, (int, float, np.number)) and np.isfinite(v) for v in numbers):
        raise BadInput(f"A box is four numbers (x, y, w, h); received {box!r}.")
    x, y, w, h = (int(round(float(v))) for v in numbers)
    height, width = picture.shape[:2]
    if w < 1 or h < 1 or x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise BadInput(f"The box {(x, y, w, h)} (x, y, w, h) is empty or outside of the picture of {width} x {height}.")
    return x, y, w, h


# --- cutting out


@explained
def crop(image: Picture, box: Box, *, margin: float = 0.1, size: int | None = None, bgr: bool = False) -> np.ndarray:
    """The square around a box; beyond the edges of the picture its border is continued, nothing is stretched.

    Args:
        image: As in `detect`.
        box: (x, y, w, h) in pixels.
        margin: How much to add on every side, as a share of the longer edge of the box.
        size: Edge of the result in pixels; None leaves it as cut.
        bgr: As in `detect`.

    Returns:
        uint8 (size, size), or (size, size, 3) RGB.

    Raises:
        BadInput: Not a picture, a box that lies outside of it, or a margin that leaves nothing.
    """
    picture = pictures.as_picture(image, bgr=bgr)
    x, y, w, h = check_box(box, picture)
    edge = int(round(max(w, h) * (1 + 2 * margin)))
    if edge < 1 or edge > 4 * max(picture.shape[:2]):
        raise BadInput(f"margin={margin!r} makes a crop of {edge} pixels from a picture of {picture.shape[:2]}.")
    left, top = int(np.floor(x + (w - edge) / 2)), int(np.floor(y + (h - edge) / 2))
    height, width = picture.shape[:2]
    rows, columns = np.arange(top, top + edge).clip(0, height - 1), np.arange(left, left + edge).clip(0, width - 1)
    cut = picture[rows[:, None], columns]
    return cut if size is None else pictures.squared(cut, size)


@explained
def aligned_crop(picture: np.ndarray, face: Face, *, margin: float = 0.1, size: int = 48) -> np.ndarray:
    """The square around a face, turned so that its eyes lie level; `crop` where the face has no landmarks.

    A similarity transform: the face is turned, moved and scaled, and keeps its proportions. See `square` for where it
    comes to lie.

    Args:
        picture: As `as_picture` returns it.
        face: A `Face`.
        margin: As in `crop`.
        size: Edge of the result in pixels.

    Returns:
        uint8 (size, size), or (size, size, 3) RGB.
    """
    if face.landmarks is None:
        return crop(picture, face.box, margin=margin, size=size)
    centre, edge = square(face.landmarks, margin)
    shrink = max(1, int(edge / size / 2))  # a large face is read at a size of which no pixel is skipped
    matrix = _upright(centre, face.tilt, edge, size * shrink)
    cut = cv2.warpAffine(
        picture, matrix, (size * shrink,) * 2, flags=_how(size * shrink, edge), borderMode=cv2.BORDER_REPLICATE
    )
    return pictures.squared(cut, size)


def square(landmarks: np.ndarray, margin: float = 0.1) -> tuple[tuple[float, float], float]:
    """Centre (x, y) and edge in pixels of the square that a face fills as FER-2013's pictures are filled.

    Measured on 3,589 pictures of FER-2013, in shares of their edge: the eyes are 0.36 apart, the mouth lies 0.39 below
    them, and the middle between eyes and mouth lies 0.07 below the centre. The sum of the two distances hardly changes
    when a head turns to the side or nods. With ``margin=0.1`` the square is the picture of FER-2013.
    """
    left, right, _, *mouth = np.asarray(landmarks, dtype="float64")
    eyes, mouth = (left + right) / 2, np.mean(mouth, axis=0)
    length = float(np.hypot(*(right - left)) + np.hypot(*(mouth - eyes)))
    angle = np.arctan2(*(right - left)[::-1])
    up = np.array([np.sin(angle), -np.cos(angle)])
    return tuple((eyes + mouth) / 2 + CENTRE * length * up), SCALE * length * (1 + 2 * margin)


def _upright(centre, degrees, edge, size):
    """The affine map, float (2, 3), from a picture to a square of ``size`` pixels around a turned face."""
    matrix = cv2.getRotationMatrix2D(tuple(float(v) - 0.5 for v in centre), float(degrees), size / edge)
    matrix[:, 2] += (size - 1) / 2 - np.array(centre) + 0.5
    return matrix


def _how(size, edge):
    return cv2.INTER_LINEAR if size <= edge else cv2.INTER_CUBIC


@explained
def crop_face(image: Picture, *, margin: float = 0.1, size: int | None = None, **detection: Any) -> np.ndarray:
    """The crop of the largest face, or the centre square of the picture where none is found.

    Made for readers of posed faces: ``load("jaffe", crop=crop_face, size=48)``. Arguments: see `crop` and `detect`.
    """
    picture = pictures.as_picture(image, bgr=detection.pop("bgr", False))
    boxes = detect(picture, **detection)
    if boxes:
        return crop(picture, max(boxes, key=lambda box: box[2] * box[3]), margin=margin, size=size)
    return pictures.squared(picture, size or min(picture.shape[:2]))
