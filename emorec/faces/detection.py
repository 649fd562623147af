"""Finding faces, whichever OpenCV is there: cascades of 4.x, YuNet with a model file, boxes, or "this is a face".

OpenCV 5 wheels have no cascades, and no wheel has YuNet's model file; scikit-image carries a cascade of its own, which
serves where it is installed. A picture is continued beyond its edges before the search, so that faces there are found.
"""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path

import cv2
import numpy as np

from emorec import images as pictures
from emorec.datasets import store
from emorec.errors import BadInput, DataCorrupt, DataMissing

METHODS = ("auto", "cascade", "yunet", "lbp", "boxes", "whole")
YUNET_PAGE = "https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet"
LARGEST = {"cascade": 1280, "lbp": 480}  # longer edge in pixels at which a picture is searched; lbp is slow
SMALLEST = 160  # shorter edge to which smaller pictures are enlarged
_lock = threading.Lock()  # detectors of OpenCV hold state


def detect(image, *, method="auto", model=None, min_size=None, boxes=None, bgr=False):
    """Faces in a picture, from left to right.

    Args:
        image: Anything `emorec.images.as_picture` takes: a path, or an array grey, RGB or RGBA.
        method: ``cascade`` (OpenCV 4), ``yunet`` (a model file), ``lbp`` (scikit-image), ``boxes`` (those given),
            ``whole`` (the picture is a face), or ``auto``: the given boxes, else the first of yunet, cascade and lbp
            that is there.
        model: File of YuNet; None looks for ``yunet/face_detection_yunet*.onnx`` in the data roots.
        min_size: Smallest face in pixels; None is a sixteenth of the picture's shorter edge, and at least 20.
        boxes: N boxes (x, y, w, h), which are checked and returned.
        bgr: Whether an array has its channels in OpenCV's order.

    Returns:
        A list of (x, y, w, h) in pixels, ints, inside of the picture unless given; empty where no face is found.

    Raises:
        BadInput: Not a picture, an unknown method, or a box that lies outside of the picture.
        DataMissing: The method needs what is not there; says how to get it and what works without.
        DataCorrupt: A picture or model file that cannot be read.
    """
    if method not in METHODS:
        raise BadInput(f"Unknown method {method!r}; choose one of {', '.join(METHODS)}.")
    picture = pictures.as_picture(image, bgr=bgr)
    height, width = picture.shape[:2]
    if method == "auto":
        method = "boxes" if boxes is not None else _available(model)
    if method == "boxes":
        return [check_box(box, picture) for box in ([] if boxes is None else boxes)]
    if method == "whole":
        return [(0, 0, width, height)]
    least = max(20, min(height, width) / 16) if min_size is None else max(1, min_size)
    with _lock:
        found = _yunet(picture, _yunet_file(model)) if method == "yunet" else _search(picture, method, least)
    clipped = (_clip(box, width, height) for box in found)
    return sorted(box for box in clipped if min(box[2:]) > 0 and max(box[2:]) >= least)


def check_box(box, picture):
    """A box as four ints, or `BadInput` where it is none, is empty, or lies outside of the picture."""
    numbers = np.asarray(box, dtype=object).ravel()
    if len(numbers) != 4 or not all(isinstance(v, (int, float, np.number)) and np.isfinite(v) for v in numbers):
        raise BadInput(f"A box is four numbers (x, y, w, h); received {box!r}.")
    x, y, w, h = (int(round(float(v))) for v in numbers)
    height, width = picture.shape[:2]
    if w < 1 or h < 1 or x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise BadInput(f"The box {(x, y, w, h)} (x, y, w, h) is empty or outside of the picture of {width} x {height}.")
    return x, y, w, h


def crop(image, box, *, margin=0.1, size=None, bgr=False):
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


def crop_face(image, *, margin=0.1, size=None, **detection):
    """The crop of the largest face, or the centre square of the picture where none is found.

    Made for readers of posed faces: ``load("jaffe", crop=crop_face, size=48)``. Arguments: see `crop` and `detect`.
    """
    picture = pictures.as_picture(image, bgr=detection.pop("bgr", False))
    found = detect(picture, **detection)
    if found:
        return crop(picture, max(found, key=lambda box: box[2] * box[3]), margin=margin, size=size)
    return pictures.squared(picture, size or min(picture.shape[:2]))


# --- which detector there is


def _cascade_file():
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    file = Path(folder, "haarcascade_frontalface_alt2.xml")
    return file if hasattr(cv2, "CascadeClassifier") and file.is_file() else None


def _lbp_file():
    try:
        from skimage import data, feature

        file = Path(data.lbp_frontal_face_cascade_filename())
        return file if hasattr(feature, "Cascade") and file.is_file() else None
    except (ImportError, AttributeError, OSError):
        return None


def _find_yunet():
    for root in store.roots():
        for file in sorted((root / "yunet").glob("face_detection_yunet*.onnx"), reverse=True):
            return file
    return None


def _yunet_file(model):
    """The model file given, or found; raises where there is none."""
    file = Path(model).expanduser() if model is not None else _find_yunet()
    if file is None or not file.is_file():
        looked = [root / "yunet" for root in store.roots()] if model is None else [file]
        raise _no_detector("The model file of YuNet", looked)
    with open(file, "rb") as opened:
        head = opened.read(200)
    store.refuse_html(head, file)
    if head.startswith(b"version https://git-lfs"):
        raise DataCorrupt(f"{file} is a pointer of Git LFS, not the model: use the download button of {YUNET_PAGE}.")
    return file


def _available(model):
    if model is not None or _find_yunet():
        return "yunet"
    if _cascade_file():
        return "cascade"
    if _lbp_file():
        return "lbp"
    raise _no_detector(f"A face detector for OpenCV {cv2.__version__}", [root / "yunet" for root in store.roots()])


def _no_detector(what, looked_in):
    target = store.roots()[0] / "yunet"
    return DataMissing(
        what,
        looked_in,
        f"download face_detection_yunet_2023mar.onnx from {YUNET_PAGE} into {target}, or name the file with model=...; "
        "or pip install scikit-image (method='lbp'); or pip install 'opencv-python<5' (method='cascade')",
        "method='whole' takes the picture for a face, boxes=[(x, y, w, h)] takes yours.",
    )


# --- detectors


def _search(picture, method, least):
    """Boxes of a sliding-window detector, on a picture of a handy size that goes on beyond its edges."""
    grey = pictures.to_grey(picture)
    height, width = grey.shape
    scale = min(LARGEST[method] / max(height, width), max(1.0, SMALLEST / min(height, width)))
    if min(height, width) * scale < 8:
        return []
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    pad = min(grey.shape) // 5
    grey = cv2.copyMakeBorder(grey, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    smallest = int(max(24, 0.8 * least * scale))
    found = _cascade(grey, smallest) if method == "cascade" else _lbp(grey, smallest)
    return [((x - pad) / scale, (y - pad) / scale, w / scale, h / scale) for x, y, w, h in found]


@functools.lru_cache(maxsize=1)
def _cascade_detector(file):
    return cv2.CascadeClassifier(str(file))


def _cascade(grey, smallest):
    file = _cascade_file()
    if file is None:
        raise _no_detector(f"A cascade of OpenCV (this is {cv2.__version__}; 4.x has them)", [cv2.__file__])
    boxes, _, weights = _cascade_detector(file).detectMultiScale3(
        grey, scaleFactor=1.1, minNeighbors=4, minSize=(smallest, smallest), outputRejectLevels=True
    )
    return _distinct([tuple(map(int, boxes[i])) for i in np.argsort(-np.ravel(weights), kind="stable")])


def _distinct(boxes):
    """Boxes, best first, without those that share much of their area with a better one."""
    kept = []
    for box in boxes:
        if all(overlap(box, other) < 0.3 * min(box[2] * box[3], other[2] * other[3]) for other in kept):
            kept.append(box)
    return kept


@functools.lru_cache(maxsize=1)
def _lbp_detector(file):
    from skimage.feature import Cascade

    return Cascade(str(file))


def _lbp(grey, smallest):
    file = _lbp_file()
    if file is None:
        raise _no_detector("The cascade of scikit-image", [])
    largest = min(grey.shape)
    if smallest > largest:
        return []
    found = _lbp_detector(file).detect_multi_scale(
        grey, scale_factor=1.1, step_ratio=1, min_size=(smallest,) * 2, max_size=(largest,) * 2, min_neighbor_number=12
    )
    boxes = ((d["c"], d["r"], d["width"], d["height"]) for d in found)
    return _distinct(sorted(boxes, key=lambda box: -box[2] * box[3]))


def overlap(a, b):
    """Area of the intersection of two boxes (x, y, w, h)."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(wide, 0) * max(high, 0)


def _yunet(picture, file):
    """Boxes of YuNet (Wu, Peng & Yu 2023), which finds faces of about 10 to 300 pixels.

    The picture lies in a square of 640 pixels, the size that its file is made for and OpenCV 5 insists on. If no face
    is found it is searched again smaller, for a face that fills it.
    """
    colours = pictures.to_rgb(picture)[..., ::-1]
    for inside in (576, 256):
        scale = inside / max(colours.shape[:2])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        width, height = (max(1, int(round(n * scale))) for n in colours.shape[1::-1])
        small = cv2.resize(np.ascontiguousarray(colours), (width, height), interpolation=how)
        left, top = (640 - width) // 2, (640 - height) // 2
        canvas = cv2.copyMakeBorder(small, top, 640 - height - top, left, 640 - width - left, cv2.BORDER_REPLICATE)
        try:
            _, found = _yunet_detector(str(file), os.stat(file).st_mtime_ns).detect(canvas)
        except cv2.error as error:
            raise DataCorrupt(f"{file} does not work as a model of YuNet: {error}") from error
        if found is not None and len(found):
            return [((x - left) / scale, (y - top) / scale, w / scale, h / scale) for x, y, w, h in found[:, :4]]
    return []


@functools.lru_cache(maxsize=1)
def _yunet_detector(file, changed):
    return cv2.FaceDetectorYN.create(file, "", (640, 640), 0.7, 0.3, 5000)


def _clip(box, width, height):
    x, y, w, h = (float(v) for v in box)
    left, top = max(0, int(round(x))), max(0, int(round(y)))
    return left, top, min(width, int(round(x + w))) - left, min(height, int(round(y + h))) - top
