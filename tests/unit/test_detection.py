"""Finding faces on whichever OpenCV is there; what cannot be found is an empty list, what cannot be done says why."""

import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from emorec.datasets import store
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.faces import crop, crop_face, detect, detection, render

HERE = [name for name, file in (("cascade", detection._cascade_file), ("lbp", detection._lbp_file)) if file()]
FORMS = [(method, "rgb") for method in HERE]
FORMS += [("auto", form) for form in ("grey", "rgba", "float", "file", "bgr")]


@pytest.fixture(autouse=True)
def roots(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path / "user-cache")
    return tmp_path / "data"


def overlap(a, b):
    both = detection._overlap(a, b)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


# --- sliding windows, where they are installed

needs_detector = pytest.mark.skipif(not HERE, reason="neither a cascade of OpenCV 4 nor scikit-image is installed")


@pytest.fixture(scope="module")
def scene():
    """Three people, one of them cut by the left border, and their boxes."""
    canvas = np.full((260, 640, 3), (96, 110, 120), "uint8")
    canvas += (np.arange(640) // 16)[None, :, None].astype("uint8")
    boxes = []
    for x, y, emotion, seed in ((-40, 60, "neutral", 5), (200, 20, "happiness", 8), (430, 80, "surprise", 3)):
        face = render.random_face(emotion, seed, difficulty="easy", size=160)
        left = max(0, -x)
        canvas[y : y + 160, x + left : x + 160] = face.image[:, left:]
        boxes.append(detection._clip((face.box[0] + x, face.box[1] + y, *face.box[2:]), 640, 260))
    assert boxes[0][0] == 0 and boxes[0][2] < boxes[0][3]  # really cut
    return canvas, boxes


@needs_detector
@pytest.mark.parametrize(("method", "form"), FORMS)
def test_three_faces_one_at_the_border_are_three_boxes(scene, method, form, tmp_path):
    image, boxes = scene
    given = {
        "rgb": image, "grey": image.mean(axis=2), "float": image / 255.0, "bgr": image[..., ::-1],
        "rgba": np.dstack([image, np.full(image.shape[:2], 255, "uint8")]), "file": tmp_path / "scene.png",
    }[form]  # fmt: skip
    Image.fromarray(image).save(tmp_path / "scene.png")
    found = detect(given, method=method, bgr=form == "bgr")
    assert len(found) == 3 and found == sorted(found)
    for box, true in zip(found, boxes):
        assert overlap(box, true) > 0.4, (box, true)
        assert all(isinstance(v, int) for v in box)
        assert box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= 640 and box[1] + box[3] <= 260
    assert found[0][0] == 0


@needs_detector
@pytest.mark.parametrize("factor", [0.5, 2, 6])
def test_boxes_are_in_pixels_of_the_picture_given(scene, factor):
    image, boxes = scene
    sized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    found = detect(sized)
    assert len(found) == 3
    for box, true in zip(found, boxes):
        assert overlap([v / factor for v in box], true) > 0.4


@needs_detector
def test_small_faces_are_left_out_on_demand(scene):
    image, boxes = scene
    canvas = np.full((500, 900, 3), 120, "uint8")
    canvas[:260, :640] = image
    canvas[280:360, 700:780] = render.random_face("neutral", 4, difficulty="easy", size=80).image
    assert len(detect(canvas)) == 4
    assert len(detect(canvas, min_size=70)) == 3
    assert detect(canvas, min_size=300) == []


@needs_detector
def test_no_face_is_an_empty_list():
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype="uint8")
    slope = np.tile(np.arange(240, dtype="uint8"), (240, 1))
    for image in (noise, slope, np.zeros((100, 100)), np.zeros((1, 1)), np.zeros((3, 4000)), np.full((40, 40, 3), 255)):
        for method in HERE:
            assert detect(image, method=method) == []


@needs_detector
def test_a_huge_picture_is_searched(scene):
    image, boxes = scene
    huge = np.full((10_000, 10_000), 120, "uint8")
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=12, fy=12)
    huge[3000 : 3000 + grey.shape[0], : grey.shape[1]] = grey
    found = detect(huge)
    assert len(found) == 3
    for box, (x, y, w, h) in zip(found, boxes):
        assert overlap(box, (12 * x, 3000 + 12 * y, 12 * w, 12 * h)) > 0.4


@needs_detector
def test_most_rendered_faces_of_48_pixels_are_found():
    found = 0
    for i in range(20):
        face = render.random_face(list(render.EMOTION_UNITS)[i % 7], (5, i), difficulty="easy", size=48)
        boxes = detect(face.image)
        assert len(boxes) <= 1
        found += bool(boxes) and overlap(boxes[0], face.box) > 0.4
    assert found >= 16


@needs_detector
def test_crop_face_takes_the_largest_and_falls_back_to_the_centre(scene):
    image, boxes = scene
    cut = crop_face(image, size=48)
    assert cut.shape == (48, 48, 3)
    largest = max(detect(image), key=lambda box: box[2] * box[3])
    assert (cut == crop(image, largest, size=48)).all()
    plain = np.tile(np.arange(60, dtype="uint8"), (40, 1))
    assert (crop_face(plain) == plain[:, 10:50]).all() and crop_face(plain, size=20).shape == (20, 20)


# --- YuNet


def _field(number, value):
    """One field of a protocol buffer message."""

    def varint(n):
        low, high = n & 127, n >> 7
        return bytes([low | 128]) + varint(high) if high else bytes([low])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def _tensor(name, values):
    values = np.asarray(values)
    kind = 1 if values.dtype == np.float32 else 7
    dims = b"".join(_field(1, n) for n in values.shape)
    return _field(5, dims + _field(2, kind) + _field(8, name) + _field(9, values.tobytes()))


def _node(op, inputs, output, **ints):
    attributes = b""
    for name, values in ints.items():
        attributes += _field(5, _field(1, name) + b"".join(_field(8, v) for v in values) + _field(20, 7))
    return _field(1, b"".join(_field(1, i) for i in inputs) + _field(2, output) + _field(4, op) + attributes)


def white_square_finder():
    """An ONNX file with YuNet's twelve heads that takes every white cell of 32 x 32 pixels for a face of that size.

    The score of a cell is its mean brightness and the box the cell itself, so that boxes can be computed by hand.
    """

    def value(number, name, shape):
        dims = b"".join(_field(1, _field(1, n)) for n in shape)
        return _field(number, _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims))))

    nodes, tensors, outputs = b"", b"", b""
    for head, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for stride in (8, 16, 32):
            name = f"{head}_{stride}"
            weights = np.zeros((channels, 3, stride, stride), "float32")
            if channels == 1 and stride == 32:
                weights += np.float32(1 / (3 * 255 * stride * stride))
            bias = np.array([0.5, 0.5, 0, 0] if head == "bbox" else [0] * channels, "float32")
            shape = np.array([1, -1, channels], "int64")
            tensors += _tensor(f"{name}_w", weights) + _tensor(f"{name}_b", bias) + _tensor(f"{name}_s", shape)
            sides = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
            nodes += _node("Conv", ["input", f"{name}_w", f"{name}_b"], f"{name}_c", **sides)
            nodes += _node("Transpose", [f"{name}_c"], f"{name}_t", perm=[0, 2, 3, 1])
            nodes += _node("Reshape", [f"{name}_t", f"{name}_s"], name)
            outputs += value(12, name, (1, (640 // stride) ** 2, channels))
    graph = nodes + _field(2, "squares") + tensors + value(11, "input", (1, 3, 640, 640)) + outputs
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))


@pytest.fixture
def squares(tmp_path):
    file = tmp_path / "squares.onnx"
    file.write_bytes(white_square_finder())
    return file


def painted(shape, *boxes):
    image = np.zeros((*shape, 3), "uint8")
    for x, y, w, h in boxes:
        image[y : y + h, x : x + w] = 255
    return image


@pytest.mark.parametrize("scale", [1, 2])
def test_boxes_of_yunet_come_back_in_pixels_of_the_picture(squares, scale):
    # 576 pixels are searched as they are, in the middle of 640: cells of 32 pixels fall on multiples of 32.
    boxes = [(0, 0, 32, 32), (64, 128, 32, 32), (544, 544, 32, 32)]
    boxes = [tuple(scale * v for v in box) for box in boxes]
    image = painted((576 * scale, 576 * scale), *boxes)
    found = detect(image, model=squares, min_size=20)
    assert found == detect(image[..., 0], method="yunet", model=squares, min_size=20) == boxes
    assert detect(image, model=squares) == []  # all of them are smaller than a sixteenth of the picture
    assert detect(painted((576, 576)), model=squares) == []


def test_yunet_looks_again_for_a_face_that_fills_the_picture(squares):
    # White cells of 32 pixels appear only where 100 pixels shrink to 256: not at 576, where the square has 30 % grey.
    image = painted((1152, 576), (0, 0, 128, 128))
    found = detect(image, model=squares)
    assert found and found[0][:2] == (0, 0)


def test_the_model_is_found_in_the_data_root(squares, roots):
    place = roots / "yunet" / "face_detection_yunet_2023mar.onnx"
    place.parent.mkdir(parents=True)
    place.write_bytes(squares.read_bytes())
    assert detection._available(None) == "yunet"
    assert detect(painted((576, 576), (64, 128, 32, 32)), min_size=20) == [(64, 128, 32, 32)]


def test_a_model_file_that_is_none_is_refused(tmp_path):
    image = np.zeros((64, 64, 3), "uint8")
    file = tmp_path / "model.onnx"
    with pytest.raises(DataMissing, match="model.onnx") as raised:
        detect(image, model=file)
    assert detection.YUNET_PAGE in str(raised.value)
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:8f2383e4dd3cfbb4553ea871\n")
    with pytest.raises(DataCorrupt, match="Git LFS"):
        detect(image, model=file)
    file.write_text("<!DOCTYPE html><html>404</html>")
    with pytest.raises(DataCorrupt, match="web page"):
        detect(image, model=file)
    file.write_bytes(struct.pack("200d", *range(200)))
    with pytest.raises(DataCorrupt, match="does not work as a model"):
        detect(image, model=file)


# --- no detector, given boxes, whole pictures


def test_opencv_5_without_anything_names_the_ways_out(monkeypatch, roots):
    monkeypatch.setattr(detection, "_cascade_file", lambda: None)
    monkeypatch.setattr(detection, "_lbp_file", lambda: None)
    image = np.zeros((50, 40, 3), "uint8")
    for method in ("auto", "yunet", "cascade", "lbp"):
        with pytest.raises(DataMissing) as raised:
            detect(image, method=method)
        for way in (detection.YUNET_PAGE, str(roots / "yunet"), "face_detection_yunet_2023mar.onnx", "whole", "boxes"):
            assert way in str(raised.value), (method, way)
    assert detect(image, method="whole") == [(0, 0, 40, 50)]
    assert detect(image, boxes=[(1, 2, 3, 4)]) == [(1, 2, 3, 4)]


def test_the_file_of_cascades_is_known_for_this_opencv():
    has = hasattr(cv2, "CascadeClassifier")
    assert (detection._cascade_file() is not None) == has
    assert has == (int(cv2.__version__.split(".")[0]) < 5)


def test_given_boxes_are_checked():
    image = np.zeros((50, 40, 3), "uint8")
    assert detect(image, boxes=[]) == [] and detect(image, method="boxes") == []
    assert detect(image, boxes=np.array([[-5.2, 3.4, 20.0, 20.6]])) == [(-5, 3, 20, 21)]
    wrong = [
        (1, 2, 3),
        (0, 0, 0, 5),
        (0, 0, 5, -5),
        (40, 0, 5, 5),
        (0, 50, 5, 5),
        (-9, 0, 9, 9),
        (0, 0, np.nan, 5),
        "abcd",
    ]
    for box in (*wrong, (0, 0, 5, None)):
        with pytest.raises(BadInput, match="box"):
            detect(image, boxes=[(0, 0, 5, 5), box])


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(BadInput, match="Unknown method 'haar'.*cascade"):
        detect(np.zeros((9, 9)), method="haar")
    with pytest.raises(BadInput, match="NaN"):
        detect(np.full((9, 9), np.nan), method="whole")
    with pytest.raises(DataMissing):
        detect(tmp_path / "nowhere.jpg", method="whole")
    (tmp_path / "text.jpg").write_text("text")
    with pytest.raises(DataCorrupt):
        detect(tmp_path / "text.jpg", method="whole")


# --- crops


def test_a_crop_is_the_square_around_the_box():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype="uint8")
    assert (crop(image, (20, 10, 30, 30), margin=0) == image[10:40, 20:50]).all()
    assert (crop(image, (20, 10, 20, 30), margin=0) == image[10:40, 15:45]).all()  # squared, not stretched
    assert (crop(image, (20, 10, 20, 20), margin=0.1) == image[8:32, 18:42]).all()
    assert crop(image, (20, 10, 20, 30), size=48).shape == (48, 48, 3)
    assert (crop(image[..., ::-1], (20, 10, 30, 30), margin=0, bgr=True) == image[10:40, 20:50]).all()


def test_a_crop_beyond_the_edge_goes_on_with_the_border():
    image = np.arange(100, dtype="uint8").reshape(10, 10)
    cut = crop(image, (-2, -1, 6, 6), margin=0)
    assert cut.shape == (6, 6) and (cut[1:, 2:] == image[:5, :4]).all()
    assert (cut[0] == cut[1]).all() and (cut[:, 0] == cut[:, 2]).all()
    assert (crop(image, (7, 7, 6, 6), margin=0)[3:, 3:] == 99).all()


def test_a_crop_of_nothing_is_refused():
    image = np.zeros((10, 10), "uint8")
    for box, margin in (((20, 0, 5, 5), 0.1), ((0, 0, 5, 5), -0.6), ((0, 0, 5, 5), 100)):
        with pytest.raises(BadInput):
            crop(image, box, margin=margin)


# --- imports


def test_importing_faces_is_cheap():
    code = (
        "import sys, emorec, emorec.faces as f\n"
        "before = [m for m in ('tensorflow', 'keras', 'cv2', 'matplotlib') if m in sys.modules]\n"
        "f.detect, f.crop, f.render.render\n"
        "print(before, 'keras' in sys.modules, 'detect' in dir(f))\n"
        "f.nothing"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[] False True" and "has no attribute 'nothing'" in done.stderr
