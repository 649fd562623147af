"""FaceClassifier: every form of a picture gives one answer, bad ones a clear error; files, folders, videos."""

import json
import os
import subprocess
import sys
import warnings
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

import emorec
from emorec import FaceClassifier
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch
from emorec.faces import detection, explain, preprocessing, video
from emorec.faces.acgan import ACGAN
from emorec.faces.preprocessing import FacePreprocessing, PictureNotice, check_inputs
from emorec.labels import LabelSet

SIZE = 24
BARS = LabelSet("bars", ("top", "middle", "bottom"))


def planted(n=90, seed=0, size=SIZE, channels=None):
    """A bright bar in the top, middle or bottom third of a dim noisy picture."""
    rng = np.random.default_rng(seed)
    labels = objects(np.array(BARS.names)[rng.integers(0, 3, n)])
    images = rng.integers(0, 90, (n, size, size), dtype="uint8")
    third = size // 3
    for image, label in zip(images, labels):
        start = BARS.index(label) * third
        image[start : start + third] += 140
    return (images if channels is None else np.repeat(images[..., None], channels, axis=3)), labels


def split(name, n, seed):
    images, labels = planted(n, seed)
    return Split(name, images, labels, objects(f"{name}-{i}" for i in range(n)))


def classifier(**options):
    return FaceClassifier("lenet", **dict(size=SIZE, width=3, augment="none", epochs=6, batch_size=16) | options)


@pytest.fixture(scope="module")
def trained():
    return classifier(learning_rate=0.005).fit(
        split("train", 150, 0), validation=split("validation", 40, 1), label_set=BARS, progress=None
    )


# --- training


def test_learns_scores_and_evaluates(trained):
    test = split("test", 60, 2)
    assert trained.score(test) > 0.95 and trained.score(test.inputs, test.labels) == trained.score(test)
    p = trained.predict_proba(test.inputs)
    assert p.shape == (60, 3) and np.allclose(p.sum(axis=1), 1)
    assert trained.predict(test.inputs)[0] == test.labels[0]
    assert trained.evaluate(test).accuracy == trained.score(test)
    assert trained.features(test.inputs[:5]).shape == (5, 42) and trained.features([]).shape == (0, 42)


@pytest.mark.slow
def test_two_runs_of_a_seed_agree_and_augmentation_changes_the_run():
    images, labels = planted(40)
    probe = planted(6, 9)[0]
    options = dict(epochs=1, learning_rate=0.005)

    def run(**more):
        clf = classifier(**options | more).fit(images, labels, validation=planted(20, 1), progress=None)
        return clf.predict_proba(probe)

    standard = run(augment="standard", mixup=0.2)
    assert np.array_equal(standard, run(augment="standard", mixup=0.2))
    assert not np.array_equal(standard, run(augment="none"))


def test_class_weights_and_multi_label_with_augmentation():
    images, labels = planted(40)
    clf = classifier(epochs=1, augment="strong", class_weight="balanced")
    assert np.isfinite(clf.fit(images, labels, progress=None).history_["loss"]).all()
    pairs = objects((x,) if x == "top" else (x, "low") for x in labels)
    several = classifier(epochs=1, augment="light").fit(images, pairs, progress=None)
    assert several.predict_proba(images).shape == (40, 4) and isinstance(several.predict(images)[0], tuple)


def test_wrong_settings_are_named_before_training():
    images, labels = planted(20)
    for options, words in [
        (dict(augment="heavy"), "choose one of none"),
        (dict(views="many"), "flips-and-crops"),
        (dict(colour="gray"), "grey, rgb"),
        (dict(detect="yes"), "none or auto"),
        (dict(size=4), "24 to 1024"),
        (dict(margin=3), "margin"),
    ]:
        with pytest.raises(BadInput, match=words):
            classifier(**options).fit(images, labels, progress=None)
    with pytest.raises(BadInput, match="choose one of lenet"):
        FaceClassifier("alexnet", size=SIZE).fit(images, labels, progress=None)
    with pytest.raises(BadInput, match="not trained"):
        classifier().predict(images)
    with pytest.raises(BadInput, match="test split"):
        classifier().fit(images, labels, validation=split("test", 9, 3))


def test_parameters_as_scikit_learn_wants_them(trained):
    from sklearn.base import clone

    assert trained.get_params()["model"] == "lenet" and clone(trained).get_params() == trained.get_params()
    assert clone(trained).set_params(model="vgg", size=30).model == "vgg"
    with pytest.raises(ValueError, match="sizes"):
        clone(trained).set_params(sizes=3)


def test_a_transfer_model_is_frozen_then_tuned(monkeypatch):
    import keras
    from test_face_models import tiny_backbone

    monkeypatch.setattr(keras.applications, "VGG16", tiny_backbone)
    images, labels = planted(30)
    clf = FaceClassifier(
        "vgg16", size=SIZE, epochs=3, frozen_epochs=1, augment="none", learning_rate=0.01, batch_size=8
    )
    clf.fit(images, labels, validation=planted(12, 1), progress=None)
    assert len(clf.history_.epochs) == 3 and clf.epochs == 3 and clf.learning_rate == 0.01
    assert clf.model_.get_layer("backbone").layers[1].trainable
    assert not clf.model_.get_layer("backbone").layers[2].trainable, "its batch normalisation stays frozen"


@pytest.mark.slow
def test_a_transfer_run_goes_on_where_it_was_killed(monkeypatch, tmp_path):
    import keras
    from test_face_models import tiny_backbone

    monkeypatch.setattr(keras.applications, "VGG16", tiny_backbone)
    options = dict(size=SIZE, epochs=4, frozen_epochs=2, augment="light", learning_rate=0.01, batch_size=8)
    data = dict(zip(("inputs", "labels"), planted(24)), validation=planted(12, 1))
    whole = FaceClassifier("vgg16", **options).fit(**data, progress=None)
    folder = tmp_path / "run"
    for killed_after in (1, 2, 3):
        lines = []

        def stop(line, lines=lines, after=killed_after):
            lines.append(line)
            if sum(text.startswith("epoch") for text in lines) == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            FaceClassifier("vgg16", **options).fit(**data, checkpoint=folder, progress=stop)
        lines = []
        clf = FaceClassifier("vgg16", **options).fit(**data, checkpoint=folder, progress=lines.append)
        assert sum(text.startswith("epoch") for text in lines) == 4 - killed_after and not folder.exists()
        assert clf.history_["val_loss"] == pytest.approx(whole.history_["val_loss"], abs=1e-5)
        assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(clf.model_.get_weights(), whole.model_.get_weights()))


# --- one answer for every form of a picture


def forms(folder):
    """The same colourful picture in many forms, with what must be said about them."""
    rng = np.random.default_rng(5)
    rgb = cv2.resize(rng.integers(0, 256, (6, 5, 3), dtype="uint8"), (30, 36), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(rgb).save(folder / "a.png")
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 255, "uint8")])
    Image.fromarray(alpha).save(folder / "rgba.png")
    return rgb, {
        "uint8": rgb,
        "list of one": [rgb],
        "batch": rgb[None],
        "path": folder / "a.png",
        "name": str(folder / "a.png"),
        "bytes": (folder / "a.png").read_bytes(),
        "RGBA": alpha,
        "RGBA file": folder / "rgba.png",
        "16 bits": rgb.astype("uint16") * 257,
        "float32, 0 to 1": rgb.astype("float32") / 255,
        "float64, 0 to 1": [rgb / 255],
        "float, 0 to 255": rgb.astype("float32")[None],
        "int64": rgb.astype("int64"),
    }


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_one_picture_in_many_forms(tmp_path, colour):
    encode = FacePreprocessing(SIZE, colour)
    rgb, many = forms(tmp_path)
    expected = encode(check_inputs([rgb]))
    assert expected.shape == (1, SIZE, SIZE, 1 if colour == "grey" else 3) and expected.dtype == np.uint8
    for name, form in many.items():
        assert np.array_equal(encode(check_inputs(form)), expected), name
    frame = rgb[..., ::-1]
    assert np.array_equal(encode(check_inputs([frame]), colour_order="bgr"), expected)
    assert not np.array_equal(encode(check_inputs([frame])), expected), "the order of the colours matters"


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_the_fast_way_for_batches_equals_the_way_of_single_pictures(colour):
    encode = FacePreprocessing(SIZE, colour)
    rgb = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype="uint8")
    for batch in (rgb, rgb[..., :1], rgb[..., 0]):
        assert np.array_equal(encode(batch), encode(list(batch)))
        assert np.array_equal(encode(batch, colour_order="bgr"), encode(list(batch), colour_order="bgr"))
        assert np.array_equal(encode(check_inputs(batch / 255.0)), encode(batch))
        assert np.array_equal(encode(check_inputs(batch / 255 * 1.0000001)), encode(batch)), "rounded above 1"
    grey = rgb[..., 0]
    assert np.shares_memory(FacePreprocessing(SIZE)(grey), grey), "a set of the right size is not copied"
    dark = grey.astype("float32")
    dark[2] = np.where(dark[2] > 200, 1, 0)
    assert FacePreprocessing(SIZE)(check_inputs(dark))[2].max() == 1, "one nearly black picture of a 0 to 255 set"


def test_the_whole_way_through_a_classifier(trained, tmp_path):
    images = planted(4, 3)[0]
    p = trained.predict_proba(images)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    assert np.array_equal(trained.predict_proba([tmp_path / f"{i}.png" for i in range(4)]), p)
    colour = np.repeat(images[..., None], 3, axis=3)
    assert np.allclose(trained.predict_proba(colour), p) and np.allclose(trained.predict_proba(images / 255), p)
    assert np.allclose(trained.predict_proba(images[0]), p[:1]) and trained.predict_proba([]).shape == (0, 3)


def bad_pictures(folder):
    (folder / "text.jpg").write_text("this is not a picture")
    cv2.imwrite(str(folder / "cut.jpg"), np.random.default_rng(0).integers(0, 255, (60, 60), dtype="uint8"))
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    nan = np.zeros((SIZE, SIZE))
    nan[3, 3] = np.nan
    return {
        "missing file": (folder / "none.png", DataMissing, "none.png"),
        "text": (folder / "text.jpg", DataCorrupt, "not a picture"),
        "truncated": (folder / "cut.jpg", DataCorrupt, "truncated"),
        "one pixel": (np.zeros((1, 1), "uint8"), BadInput, "1 x 1 pixels"),
        "NaN": (nan, BadInput, "NaN"),
        "two channels": (np.zeros((SIZE, SIZE, 2), "uint8"), BadInput, r"\(H, W, 3\)"),
        "standardised": (np.full((SIZE, SIZE), -1.5), BadInput, "0 to 255"),
        "complex": (np.zeros((SIZE, SIZE), complex), BadInput, "numbers"),
        "no pixels": (np.zeros((0, 0), "uint8"), BadInput, "without pixels"),
    }


def test_bad_pictures_are_refused_with_position_and_reason(trained, tmp_path):
    good = planted(1)[0][0]
    for name, (picture, error, words) in bad_pictures(tmp_path).items():
        with pytest.raises(error, match=words) as caught:
            trained.predict_proba([good, picture])
        assert "Picture 1" in str(caught.value) or error is DataMissing, name
    with pytest.raises(BadInput, match="int 7"):
        trained.predict(7)
    with pytest.raises(BadInput, match="colour_order"):
        trained.predict([good], colour_order="brg")
    with pytest.raises(BadInput, match="2 pictures, but 1 boxes"):
        trained.predict([good, good], detect=[(0, 0, 9, 9)])
    for box in (None, (1, 2, 3)):
        with pytest.raises(BadInput, match="Picture 1: A box is four numbers"):
            trained.predict([good, good], detect=[(0, 0, 9, 9), box])
    for answer in (trained.predict_faces, trained.annotate):
        with pytest.raises(BadInput, match="colour_order='BGR'"):
            answer(good, detect="none", colour_order="BGR")
        with pytest.raises(BadInput, match="detect='whole'"):
            answer(good, detect="whole")
    with pytest.raises(BadInput, match="detect='whole'"):
        trained.predict_folder(tmp_path, detect="whole")


def test_a_huge_picture_is_answered_like_its_small_version(trained, tmp_path):
    small = planted(1, 4)[0][0]
    huge = np.kron(small, np.ones((416, 416), dtype="uint8"))  # 9,984 pixels a side
    with pytest.warns(PictureNotice, match="detect='auto'"):
        answer = trained.predict_proba([huge])
    assert np.allclose(answer, trained.predict_proba([small]), atol=1e-5)
    cv2.imwrite(str(tmp_path / "huge.png"), huge, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    with pytest.warns(PictureNotice, match="9984 x 9984"):
        assert np.allclose(trained.predict_proba([tmp_path / "huge.png"]), answer, atol=1e-5)


def test_a_large_picture_taken_as_a_whole_is_a_notice(trained):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400), dtype="uint8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained.predict([noise[:60, :60]])
        trained.predict([noise], detect=[(9, 9, 99, 99)])
    with pytest.warns(PictureNotice, match="400 x 300"):
        trained.predict([noise])


def test_boxes_and_detection_choose_the_face(trained, monkeypatch):
    face = planted(1, 6)[0][0]
    canvas = np.zeros((100, 120), dtype="uint8")
    canvas[30 : 30 + SIZE, 50 : 50 + SIZE] = face
    trained.encoding_.margin = 0.0
    try:
        p = trained.predict_proba([face])
        assert np.allclose(trained.predict_proba([canvas], detect=[(50, 30, SIZE, SIZE)]), p)
        assert np.allclose(trained.predict_proba(canvas, detect=(50, 30, SIZE, SIZE)), p)
        places = [(2, 2, 9, 9), (50, 30, SIZE, SIZE)]
        monkeypatch.setattr(
            detection, "detect_faces", lambda picture, boxes=None, **_: [detection.Face(box, 0.9) for box in places]
        )
        assert np.allclose(trained.predict_proba([canvas], detect="auto"), p), "the largest face"
        table = trained.predict_faces(canvas)
        assert table[list("xywh")].to_numpy().tolist() == [list(box) for box in places]
        assert np.allclose(table.loc[1, list(BARS)].to_numpy(float), p[0]) and len(table) == 2
        places.clear()
        assert trained.predict_faces(canvas).shape == (0, 10)
        with pytest.raises(BadInput, match="Picture 0: no face was found"):
            trained.predict_proba([canvas], detect="auto")
    finally:
        trained.encoding_.margin = 0.1


# --- views


def test_views_average_logits_and_make_mirror_images_equal(trained):
    images = planted(5, 7)[0]
    mirrored = images[:, :, ::-1]
    one, two = trained.logits(images), trained.logits(images, views="flips")
    assert np.allclose(two, (one + trained.logits(mirrored)) / 2, atol=1e-5)
    ten = trained.logits(images, views="flips-and-crops")
    assert ten.shape == one.shape and not np.allclose(ten, two)
    assert np.allclose(ten, trained.logits(mirrored, views="flips-and-crops"), atol=0.05)
    heat = trained.explain(images[0], "occlusion", target="top").heat
    trained.views = "flips"
    try:
        assert np.allclose(trained.logits(images), two)
        p = trained.predict_proba(images[:1])[0]
        assert np.allclose(trained.predict_faces(images[0], detect="none")[list(BARS)], p)
        explained = trained.explain(images[0], "occlusion", target="top")
        assert np.allclose(list(explained.probabilities.values()), p)
        assert np.array_equal(explained.heat, heat), "of the picture as it is"
    finally:
        trained.views = "one"
    with pytest.raises(BadInput, match="views"):
        trained.predict(images, views="all")


def test_crops_are_the_four_corners():
    ramp = np.tile(np.arange(48, dtype="uint8") * 5, (48, 1))[None, :, :, None]
    seen = list(emorec.faces.classifier._seen_from(ramp, "flips-and-crops"))
    assert len(seen) == 10
    left, right = seen[2][0, 5, :, 0].astype(float), seen[4][0, 5, :, 0].astype(float)
    assert left[0] == 0 and left[-1] == pytest.approx(47 * 11 / 12 * 5, abs=1)
    assert right[0] == pytest.approx(47 / 12 * 5, abs=1) and right[-1] == 235
    assert np.array_equal(seen[3], seen[2][:, :, ::-1])


# --- one file


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_answer(trained, tmp_path):
    images = planted(6, 8)[0]
    np.save(tmp_path / "x.npy", images)
    trained.calibrate(split("validation", 30, 1)).save(tmp_path / "faces.emorec")
    calibrated, trained.temperature_ = trained.predict_proba(images), 1.0
    code = (
        "import sys, numpy as np, emorec\n"
        "clf = emorec.FaceClassifier.load(sys.argv[1] + '/faces.emorec')\n"
        "np.save(sys.argv[1] + '/p.npy', clf.predict_proba(np.load(sys.argv[1] + '/x.npy')))\n"
        "print(clf.get_params()['model'], clf.encoding_.edge, clf.label_set_.names)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=300, env=os.environ
    )
    assert "lenet 24 ('top', 'middle', 'bottom')" in done.stdout, done.stderr[-2000:]
    assert np.array_equal(np.load(tmp_path / "p.npy"), calibrated)
    with zipfile.ZipFile(tmp_path / "faces.emorec") as file:
        contract = json.loads(file.read("config.json"))["state"]["encoding"]
    assert contract == dict(size=SIZE, colour="grey", detect="none", margin=0.1, edge=SIZE, align=True, source="")


def test_options_of_augmentation_survive_a_file(tmp_path):
    images, labels = planted(20)
    clf = classifier(augment={"flip": 0.5, "rotation": 5}, epochs=1).fit(images, labels, progress=None)
    clf.save(tmp_path / "a.emorec")
    assert FaceClassifier.load(tmp_path / "a.emorec").augment == {"flip": 0.5, "rotation": 5}


def test_another_order_of_labels_is_refused(trained):
    trained.check_labels(BARS)
    with pytest.raises(LabelMismatch, match="order"):
        trained.check_labels(LabelSet("bars", ("bottom", "middle", "top")))


# --- explanations


@pytest.mark.parametrize("method", ["grad-cam", "occlusion"])
def test_explanations_look_where_the_class_is(trained, method):
    images, labels = planted(12, 11)
    heats = [trained.explain(image, method, target=label).heat for image, label in zip(images, labels)]
    rows = np.arange(SIZE) * 3 // SIZE
    masks = np.stack([np.repeat((rows == BARS.index(x))[:, None], SIZE, axis=1) for x in labels])
    table = explain.region_scores(np.stack(heats), {"bar": masks})
    assert table.loc["bar", "lift"] > 1.2


def test_explain_one_picture(trained):
    image = planted(1, 12)[0][0]
    explanation = trained.explain(image)
    assert (
        explanation.method == "occlusion"
        and explanation.target == explanation.label == trained.predict(image)[0]
        and np.array_equal(explanation.image, image)
    )
    assert explanation.probabilities[explanation.label] == pytest.approx(trained.predict_proba(image).max(), abs=1e-6)
    assert trained.explain(image, target="middle").target == "middle"
    with pytest.raises(BadInput, match="one picture"):
        trained.explain(planted(2)[0])
    with pytest.raises(BadInput, match="choose one of occlusion"):
        trained.explain(image, "saliency")
    with pytest.raises(BadInput, match="attention-cnn"):
        trained.explain(image, "attention")


def test_masking_a_region_costs_the_class_that_shows_there(trained):
    images, labels = planted(30, 13)
    masks = {}
    for k, name in enumerate(BARS):
        mask = np.zeros(images.shape, dtype=bool)
        mask[:, k * SIZE // 3 : (k + 1) * SIZE // 3] = True
        masks[name] = mask
    losses = explain.masking_losses(trained, images, labels, masks)
    table = losses.groupby(level=0).mean()
    assert len(losses) == 30 and set(table.index) == set(BARS) and list(table.columns) == list(BARS)
    assert all(table.loc[name].idxmax() == name and table.loc[name, name] > 0.1 for name in BARS)


# --- folders, annotated pictures, videos, the camera


def test_a_folder_is_read_and_what_is_skipped_is_a_notice(trained, tmp_path):
    images, _ = planted(3, 14)
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.png")
    bad_pictures(folder)
    Image.fromarray(images[0][:4, :4]).save(folder / "tiny.png")
    (folder / "broken.png").symlink_to(tmp_path / "nowhere.png")
    table, skipped = trained.predict_folder(tmp_path / "in", detect="none")
    assert list(table["file"]) == ["deep/0.png", "deep/1.png", "deep/2.png"]
    assert np.allclose(table[list(BARS)], trained.predict_proba(images), atol=1e-6)
    assert list(table["label"]) == list(trained.predict(images))
    assert {name for name, _ in skipped} == {"deep/broken.png", "deep/cut.jpg", "deep/text.jpg", "deep/tiny.png"}
    assert all(reason for _, reason in skipped)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no picture below"):
        trained.predict_folder(tmp_path / "empty")
    with pytest.raises(DataMissing, match="nowhere"):
        trained.predict_folder(tmp_path / "nowhere")


def test_annotating_draws_boxes_where_the_faces_are(trained, tmp_path, monkeypatch):
    picture = np.full((90, 120, 3), 128, dtype="uint8")
    annotated = trained.annotate(
        picture, detect=[(10, 30, 40, 40), (100, 60, 20, 30)], output=tmp_path / "out" / "a.png"
    )
    assert annotated.shape == picture.shape and (picture == 128).all(), "the picture itself is left alone"
    assert (annotated[50, 10] != 128).any() and (annotated[75, 119] != 128).any() and (annotated[50, 30] == 128).all()
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "a.png"))[..., ::-1], annotated)
    assert np.array_equal(trained.annotate(picture, detect=[]), picture), "no face, no box"
    monkeypatch.setenv("HOME", str(tmp_path))
    trained.annotate(picture, detect=[], output="~/b.png")
    assert (tmp_path / "b.png").is_file()
    with pytest.raises(BadInput, match="cannot write"):
        trained.annotate(picture, detect=[], output=tmp_path / "a.nothing")


def test_tracks_follow_faces_and_smooth_them():
    tracks = video.FaceTracks(smoothing=0.75, patience=1)
    left, right = (0, 0, 20, 20), (100, 0, 20, 20)
    assert [k for k, _ in tracks.update([left, right], [[1, 0], [0, 1]])] == [0, 1]
    (a, first), (b, second) = tracks.update([(102, 1, 20, 20), (3, 0, 20, 20)], [[1, 0], [1, 0]])
    assert (a, b) == (1, 0) and np.allclose(first, [0.25, 0.75]) and np.allclose(second, [1, 0])
    tracks.update([], np.zeros((0, 2)))
    assert tracks.update([left], [[0, 1]])[0][0] == 0, "gone for a frame, and known again"
    for _ in range(3):
        tracks.update([], np.zeros((0, 2)))
    assert tracks.update([left], [[0, 1]])[0][0] == 2, "gone for long: a new face"
    assert video.iou((0, 0, 2, 2), (1, 1, 2, 2)) == pytest.approx(1 / 7) and video.iou(left, right) == 0
    with pytest.raises(BadInput, match="smoothing"):
        video.FaceTracks(1.0)


@pytest.fixture
def film(tmp_path):
    """Ten frames, a face that is ``top`` in five and ``bottom`` in five."""
    target = video.VideoFile(tmp_path / "film.avi", 10.0)
    for k in range(10):
        frame = np.full((48, 48, 3), 30, dtype="uint8")
        frame[slice(0, 16) if k < 5 else slice(32, 48)] = 200
        target.add(frame)
    target.close()
    return tmp_path / "film.avi"


def test_a_video_becomes_a_table_and_an_annotated_video(trained, film, tmp_path):
    plain = trained.predict_video(film, detect="none", smoothing=0)
    assert list(plain["frame"]) == list(range(10)) and set(plain["face"]) == {0}
    assert list(plain["label"]) == ["top"] * 5 + ["bottom"] * 5
    assert plain["seconds"].iloc[-1] == pytest.approx(0.9, abs=0.01)
    smooth = trained.predict_video(film, detect="none", smoothing=0.9, output=tmp_path / "out.avi")
    assert smooth["label"].iloc[5] == "top", "one frame does not turn it"
    expected = plain[list(BARS)].to_numpy(copy=True)
    for k in range(1, 10):
        expected[k] = 0.9 * expected[k - 1] + 0.1 * expected[k]
    assert np.allclose(smooth[list(BARS)], expected, atol=1e-6)
    written = list(video.VideoFrames(tmp_path / "out.avi"))
    assert len(written) == 10 and written[0].shape == (48, 48, 3)
    few = trained.predict_video(film, detect="none", every=4, limit=9)
    assert list(few["frame"]) == [0, 4, 8]
    assert trained.predict_video(film, detect="none", limit=0).empty


def test_bad_videos_are_named(trained, tmp_path):
    with pytest.raises(DataMissing, match="film.mp4"):
        trained.predict_video(tmp_path / "film.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataCorrupt, match="no frame"):
        trained.predict_video(tmp_path / "text.mp4")
    with pytest.raises(BadInput, match=r"\.mp4 or \.avi"):
        trained.predict_video(tmp_path / "text.mp4", output=tmp_path / "a.gif")
    with pytest.raises(BadInput, match="name another file"):
        trained.predict_video(tmp_path / "text.mp4", output=str(tmp_path / "in" / ".." / "text.mp4"))


class Camera:
    def __init__(self, device):
        self.left = 3 if device == 0 else 0

    def isOpened(self):  # noqa: N802
        return self.left > 0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((40, 40, 3), (255, 0, 0), dtype="uint8")  # blue, as OpenCV has it

    def get(self, what):
        return 0.0

    def release(self):
        self.left = 0


def test_the_camera(trained, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(detection, "detect_faces", lambda picture, **_: [detection.Face((5, 20, 15, 15), 0.9)])
    annotated = trained.webcam(window=False)
    assert (
        annotated.shape == (40, 40, 3)
        and tuple(annotated[2, 35]) == (0, 0, 255)
        and (annotated[30, 5] != annotated[2, 35]).any()
    )
    with pytest.raises(DataMissing, match="Camera 1"):
        trained.webcam(device=1, window=False)

    def no_window(*_):
        raise cv2.error("not implemented")

    monkeypatch.setattr(cv2, "imshow", no_window)
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(BadInput, match="window=False"):
        trained.webcam()
    monkeypatch.setattr(video, "in_colab", lambda: True)
    monkeypatch.setattr(video, "colab_photo", lambda: cv2.imencode(".jpg", np.zeros((40, 40, 3), "uint8"))[1].tobytes())
    assert trained.webcam().shape == (40, 40, 3)


def test_without_a_screen_a_window_is_refused_and_the_process_lives(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cv2, "imshow", lambda *_: pytest.fail("Qt ends the process here"))
    with pytest.raises(BadInput, match="no screen.*window=False"):
        video.show(np.zeros((4, 4, 3), "uint8"))


def test_dimensions_of_training_pictures_are_noted(tmp_path):
    Image.fromarray(np.zeros((50, 70), "uint8")).save(tmp_path / "a.png")
    contract = FacePreprocessing(SIZE)
    contract.measure([tmp_path / "a.png", np.zeros((10, 20, 3))] * 10)
    assert contract.edge == 70 and preprocessing.LEAST == 8
    contract.measure([(tmp_path / "a.png").read_bytes()] * 2)
    assert contract.edge == 70


def test_equal_files_of_two_names_are_known_as_equal(tmp_path):
    for name, value in (("a", 1), ("b", 1), ("c", 2)):
        Image.fromarray(np.full((30, 30), value, "uint8")).save(tmp_path / f"{name}.png")
    a, b, c, gone = classifier()._content([str(tmp_path / f"{name}.png") for name in ("a", "b", "c", "gone")])
    assert a == b != c and gone == str(tmp_path / "gone.png")


# --- generated faces


@pytest.mark.slow
def test_the_gan_learns_its_classes_and_is_repeatable():
    images, labels = planted(64, channels=None)
    options = dict(size=SIZE, latent=8, width=8, batch_size=16, learning_rate=1e-3, seed=1)
    gan = ACGAN(**options).fit(images, labels, BARS, epochs=1, progress=None)
    again = ACGAN(**options).fit(images, labels, BARS, epochs=1, progress=None)
    wanted = objects(["top", "bottom", "middle", "top"])
    generated = gan.sample(wanted, seed=3)
    assert generated.shape == (4, SIZE, SIZE) and generated.dtype == np.uint8
    assert np.array_equal(generated, again.sample(wanted, seed=3)) and not np.array_equal(
        generated, gan.sample(wanted, seed=4)
    )
    gan.fit(images, labels, epochs=129, progress=None)
    assert len(gan.history) == 130 and gan.history[-1]["class_generated"] < 0.7 < gan.history[0]["class_generated"]
    many = np.repeat(objects(BARS.names), 20)
    third = gan.sample(many).reshape(60, 3, SIZE // 3, SIZE).mean(axis=(2, 3))
    assert np.mean(third.argmax(axis=1) == BARS.encode(many)) > 0.8, "the bar is where the class says"


def test_the_gan_refuses_what_it_cannot_draw():
    with pytest.raises(BadInput, match="multiple of 8"):
        ACGAN(size=30)
    with pytest.raises(BadInput, match="not trained"):
        ACGAN().sample(["a"])
    with pytest.raises(BadInput, match="float64"):
        ACGAN(size=24).fit(np.zeros((4, 24, 24)), list("aabb"))
