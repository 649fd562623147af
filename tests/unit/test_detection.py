"""Finding faces with what is installed; no face is an empty list, what cannot be done says why."""

import importlib.util
import json
import os
import struct
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
from layer_checks import ROOT, with_checkout
from matplotlib import cbook
from PIL import Image
from sklearn.datasets import load_sample_image

from emorec.datasets import store
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.faces import aligned_crop, crop, crop_face, detect, detect_faces, detection, detectors, render

FORMS = ("rgb", "grey", "rgba", "float", "file", "bgr")


@pytest.fixture(autouse=True)
def roots(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path / "user-cache")
    return tmp_path / "data"


def overlap(a, b):
    both = detectors.overlap(a, b)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


# --- what is installed: mtcnn


@pytest.fixture(scope="module")
def scene():
    """Three people, one of them cut by the left border, and their boxes, from brows to chin."""
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


@pytest.mark.parametrize("form", FORMS)
def test_three_faces_one_at_the_border_are_three_boxes(scene, form, tmp_path):
    image, boxes = scene
    picture = {
        "rgb": image, "grey": image.mean(axis=2), "float": image / 255.0, "bgr": image[..., ::-1],
        "rgba": np.dstack([image, np.full(image.shape[:2], 255, "uint8")]), "file": tmp_path / "scene.png",
    }[form]  # fmt: skip
    Image.fromarray(image).save(tmp_path / "scene.png")
    seen = detect(picture, bgr=form == "bgr")
    assert len(seen) == 3 and seen == sorted(seen)
    for box, true in zip(seen, boxes):
        assert overlap(box, true) > 0.5, (box, true)
        assert all(isinstance(v, int) for v in box)
        assert box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= 640 and box[1] + box[3] <= 260
    assert seen[0][0] == 0


@pytest.mark.parametrize("factor", [0.5, 2, 6])
def test_boxes_are_in_pixels_of_the_picture(scene, factor):
    image, boxes = scene
    sized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    seen = detect(sized)
    assert len(seen) == 3
    for box, true in zip(seen, boxes):
        assert overlap([v / factor for v in box], true) > 0.5


def rendered(emotion, seed, size, around):
    """A rendered face with its border continued, and its true landmarks: eyes, nose, corners of the mouth."""
    face = render.random_face(emotion, seed, difficulty="easy", size=size)
    image = cv2.copyMakeBorder(face.image, around, around, around, around, cv2.BORDER_REPLICATE)
    return image, face


def test_scores_and_landmarks_lie_where_the_face_was_rendered():
    for i, emotion in enumerate(render.EMOTION_UNITS):
        image, face = rendered(emotion, (5, i), 160, 32)
        (one,) = detect_faces(image)
        assert 0.9 <= one.score <= 1 and one.landmarks.shape == (5, 2)
        left, right, nose, *mouth = one.landmarks - 32
        assert left[0] < nose[0] < right[0] and max(left[1], right[1]) < nose[1] < min(point[1] for point in mouth)
        eyes, lips = face.mask("eyes"), face.mask("mouth")
        assert eyes[int(left[1]), int(left[0])] and eyes[int(right[1]), int(right[0])], emotion
        rows, columns = np.nonzero(lips)
        middle = np.mean(mouth, axis=0)
        assert columns.min() < middle[0] < columns.max() and rows.min() - 8 < middle[1] < rows.max() + 8, emotion


def turned(image, degrees):
    centre = tuple((n - 1) / 2 for n in image.shape[1::-1])
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("degrees", [-50, -30, 30, 50])
def test_a_tilted_face_is_cut_out_like_the_upright_one(degrees):
    image, _ = rendered("happiness", 8, 160, 100)
    (upright,), (tilted,) = detect_faces(image), detect_faces(turned(image, degrees))
    assert tilted.tilt == pytest.approx(upright.tilt - degrees, abs=8)
    straight = aligned_crop(image, upright, size=48).astype(float)
    again = aligned_crop(turned(image, degrees), tilted, size=48).astype(float)
    plain = crop(turned(image, degrees), tilted.box, size=48).astype(float)
    assert np.corrcoef(straight.ravel(), again.ravel())[0, 1] > 0.9
    assert np.corrcoef(straight.ravel(), plain.ravel())[0, 1] < 0.8


def test_small_and_unsure_faces_are_left_out_on_demand(scene):
    image, boxes = scene
    canvas = np.full((500, 900, 3), 120, "uint8")
    canvas[:260, :640] = image
    canvas[280:360, 700:780] = render.random_face("neutral", 4, difficulty="easy", size=80).image
    assert len(detect(canvas)) == 4
    assert len(detect(canvas, min_size=90)) == 3
    assert detect(canvas, min_size=300) == []
    scores = sorted(face.score for face in detect_faces(canvas))
    assert len(detect(canvas, min_score=scores[1])) == 3
    with pytest.raises(BadInput, match="min_score"):
        detect(canvas, min_score=50)
    with pytest.raises(BadInput, match="min_score must be a number.*'high'"):
        detect(canvas, min_score="high")


def test_no_face_is_an_empty_list():
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype="uint8")
    slope = np.tile(np.arange(240, dtype="uint8"), (240, 1))
    for image in (noise, slope, np.zeros((100, 100)), np.zeros((1, 1)), np.zeros((3, 4000)), np.full((40, 40, 3), 255)):
        assert detect(image, method="mtcnn") == []


def test_a_huge_picture_is_searched(scene):
    image, boxes = scene
    huge = np.full((10_000, 10_000), 120, "uint8")
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=12, fy=12)
    huge[3000 : 3000 + grey.shape[0], : grey.shape[1]] = grey
    seen = detect(huge)
    assert len(seen) == 3
    for box, (x, y, w, h) in zip(seen, boxes):
        assert overlap(box, (12 * x, 3000 + 12 * y, 12 * w, 12 * h)) > 0.5


def test_most_rendered_faces_of_48_pixels_are_detected():
    hits = 0
    for i in range(20):
        face = render.random_face(list(render.EMOTION_UNITS)[i % 7], (5, i), difficulty="easy", size=48)
        boxes = detect(face.image)
        assert len(boxes) <= 1
        hits += bool(boxes) and overlap(boxes[0], face.box) > 0.4
    assert hits >= 18


def test_crop_face_takes_the_largest_and_falls_back_to_the_centre(scene):
    image, boxes = scene
    cut = crop_face(image, size=48)
    assert cut.shape == (48, 48, 3)
    largest = max(detect(image), key=lambda box: box[2] * box[3])
    assert (cut == crop(image, largest, size=48)).all()
    plain = np.tile(np.arange(60, dtype="uint8"), (40, 1))
    assert (crop_face(plain) == plain[:, 10:50]).all() and crop_face(plain, size=20).shape == (20, 20)


def photographs():
    """A photograph of a woman, one of a city, a rendered face."""
    return {
        "woman": np.asarray(Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))),
        "city": load_sample_image("china.jpg"),
        "rendered": render.random_face("neutral", 4, difficulty="easy", size=96).image,
    }


def test_mtcnn_answers_as_the_library_by_itself():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the library's own networks need Keras on TensorFlow")
    from mtcnn import MTCNN

    library, own = MTCNN(), detectors._mtcnn_network()
    for name, picture in photographs().items():
        expected, rows = (one.detect_faces(picture, output_type="numpy") for one in (library, own))
        assert rows.shape == expected.shape == (1, 16), name  # at a low threshold there is a face in the city, too
        assert rows == pytest.approx(expected, abs=1e-4), name


@pytest.mark.slow
def test_mtcnn_answers_the_same_when_keras_runs_on_jax():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed beside this Python: pip install jax")
    code = (
        "import sys; sys.path.insert(0, 'tests/unit'); import json, keras, test_detection as t\n"
        "faces = {name: t.detect_faces(p, method='mtcnn') for name, p in t.photographs().items()}\n"
        "seen = {name: [(face.box, face.score) for face in those] for name, those in faces.items()}\n"
        "print(json.dumps([keras.backend.backend(), seen]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=with_checkout(KERAS_BACKEND="jax"), cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    backend, seen = json.loads(done.stdout.splitlines()[-1])
    assert backend == "jax" and [len(faces) for faces in seen.values()] == [1, 0, 1]
    for name, picture in photographs().items():
        for (box, score), face in zip(seen[name], detect_faces(picture, method="mtcnn"), strict=True):
            assert box == pytest.approx(face.box, abs=1) and score == pytest.approx(face.score, abs=1e-4), name


@pytest.mark.slow
def test_mtcnn_is_silent_and_reads_no_file_of_the_working_folder(tmp_path):
    """The library would unpickle ``pnet.lz4`` of the working folder for its weights."""
    (tmp_path / "pnet.lz4").write_bytes(b"not weights")
    code = (
        "import random, keras, numpy as np, emorec\n"
        "from emorec.faces import detect, render\n"
        "keras.config.set_dtype_policy('mixed_float16')\n"
        "random.seed(3); expected = random.random(); random.seed(3)\n"
        "face = render.random_face('neutral', 4, difficulty='easy', size=96).image\n"
        "assert len(detect(face)) == 1 and random.random() == expected\n"
        "assert keras.config.dtype_policy().name == 'mixed_float16'\n"
    )
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


def test_the_cascade_of_opencv_4_serves_on_request(scene):
    image, boxes = scene
    if int(cv2.__version__.split(".")[0]) > 4:
        with pytest.raises(DataMissing, match="4.x has them"):
            detect(image, method="cascade")
        return
    seen = detect_faces(image, method="cascade")
    assert len(seen) == 3 and all(np.isnan(face.score) and face.landmarks is None for face in seen)
    assert all(overlap(face.box, true) > 0.4 for face, true in zip(seen, boxes))


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
    faces = detect(image, model=squares, min_size=20)
    assert faces == detect(image[..., 0], method="yunet", model=squares, min_size=20) == boxes
    assert detect(image, model=squares, min_size=70) == []  # all of them are smaller
    assert detect(painted((576, 576)), model=squares) == []


def test_yunet_scores_are_kept_and_filtered(squares):
    image = painted((576, 576), (64, 128, 32, 32), (320, 320, 32, 32))
    image[320:352, 320:352] = 204
    first, second = detect_faces(image, model=squares)
    assert first.score == pytest.approx(1, abs=0.01) and second.score == pytest.approx(0.8, abs=0.01)
    assert detect(image, model=squares, min_score=0.9) == [(64, 128, 32, 32)]
    assert len(detect(image, model=squares, min_score=0.75)) == 2


def test_yunet_looks_again_for_a_face_that_fills_the_picture(squares):
    # White cells of 32 pixels appear only where 100 pixels shrink to 256: not at 576, where the square has 30 % grey.
    image = painted((1152, 576), (0, 0, 128, 128))
    faces = detect(image, model=squares)
    assert faces and faces[0][:2] == (0, 0)


def test_the_model_is_read_from_the_data_root(squares, roots):
    place = roots / "yunet" / "face_detection_yunet_2023mar.onnx"
    place.parent.mkdir(parents=True)
    place.write_bytes(squares.read_bytes())
    assert detectors.available() == "yunet"
    assert detect(painted((576, 576), (64, 128, 32, 32)), min_size=20) == [(64, 128, 32, 32)]


def test_a_model_file_that_is_none_is_refused(tmp_path):
    image = np.zeros((64, 64, 3), "uint8")
    file = tmp_path / "model.onnx"
    with pytest.raises(DataMissing, match="model.onnx") as raised:
        detect(image, model=file)
    assert "data get yunet" in str(raised.value)
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


def test_without_any_detector_the_ways_out_are_named(monkeypatch, roots):
    monkeypatch.setattr(detectors, "cascade_file", lambda: None)
    monkeypatch.setattr(detectors, "mtcnn_there", lambda: False)
    detectors._mtcnn_network.cache_clear()
    image = np.zeros((50, 40, 3), "uint8")
    for method in ("auto", "yunet", "cascade", "mtcnn"):
        with pytest.raises(DataMissing) as raised:
            detect(image, method=method)
        for way in ("pip install mtcnn", "data get yunet", "opencv-python<5", "whole", "boxes"):
            assert way in str(raised.value), (method, way)
    assert detect(image, method="whole") == [(0, 0, 40, 50)]
    assert detect(image, boxes=[(1, 2, 3, 4)]) == [(1, 2, 3, 4)]


def test_boxes_that_are_handed_in_are_checked():
    image = np.zeros((50, 40, 3), "uint8")
    assert detect(image, boxes=[]) == [] and detect(image, method="boxes") == []
    assert detect(image, boxes=(1, 2, 3, 4)) == [(1, 2, 3, 4)] == detect(image, boxes=np.array([1, 2, 3, 4]))
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


def test_a_picture_of_pillow_reads_as_its_file(tmp_path):

    from emorec.images import as_picture

    y, x = np.mgrid[:40, :60]
    rgb = Image.fromarray(np.stack([4 * x, 6 * y, 2 * (x + y)], axis=-1).astype("uint8"))
    turned = rgb.getexif()
    turned[0x0112] = 3  # upside down
    rgb.save(tmp_path / "turned.png", exif=turned)
    rgb.quantize(200).save(tmp_path / "palette.png")
    rgb.convert("CMYK").save(tmp_path / "print.tif")
    rgb.convert("LA").save(tmp_path / "grey.png")
    for name in ("turned.png", "palette.png", "print.tif", "grey.png"):
        with Image.open(tmp_path / name) as picture:
            np.testing.assert_array_equal(as_picture(picture), as_picture(tmp_path / name))
    np.testing.assert_array_equal(as_picture(tmp_path / "turned.png"), np.asarray(rgb)[::-1, ::-1])


def test_paths_that_cannot_be_are_clear_errors(tmp_path):
    import emorec
    from emorec.images import as_picture

    with pytest.raises(DataMissing, match="check the path"):
        as_picture("a" * 5000 + ".jpg")
    for wrong in (None, 3):
        with pytest.raises(BadInput, match="its name or its path"):
            emorec.load(wrong)
