"""People in pictures, folders and films: rendered faces that the installed detector finds, read face by face."""

import base64
import io
import struct
import sys
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from emorec import FaceClassifier, datasets, images
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput, DataCorrupt
from emorec.faces import render, video
from emorec.faces.preprocessing import FacePreprocessing, PictureNotice, check_inputs, notice_blank

BOX = ["x", "y", "w", "h", "score", "label", "confidence"]


def faces(n, size=24):
    """Rendered faces, small and grey, and their emotions."""
    pictures, labels = [], []
    for i in range(n):
        emotion = ("happiness", "surprise", "neutral")[i % 3]
        face = render.random_face(emotion, (7, i), difficulty="easy", size=48).image
        pictures.append(cv2.resize(images.to_grey(face), (size, size), interpolation=cv2.INTER_AREA))
        labels.append(emotion)
    return np.stack(pictures), objects(labels)


@pytest.fixture(scope="module")
def reader():
    """A small network that was hardly trained: these tests are about what is read, and where."""
    x, y = faces(36)
    options = dict(size=24, width=3, augment="none", epochs=1, batch_size=12)
    return FaceClassifier("lenet", **options).fit(x, y, validation=faces(12), progress=None)


@pytest.fixture(scope="module")
def party():
    """Two people side by side, and the left edges of their pictures."""
    canvas = np.full((200, 420, 3), (96, 110, 120), "uint8")
    for x, emotion, seed in ((30, "happiness", 8), (230, "surprise", 3)):
        canvas[20:180, x : x + 160] = render.random_face(emotion, seed, difficulty="easy", size=160).image
    return canvas


# --- one picture


def test_faces_of_a_picture_have_scores_and_all_columns(reader, party):
    table = reader.predict_faces(party)
    assert list(table.columns) == [*BOX, *reader.label_set_] and len(table) == 2
    assert table["x"].between(30, 110).tolist() == [True, False] and (table["x"] > 230).tolist() == [False, True]
    assert table["score"].between(0.9, 1).all() and np.allclose(table[list(reader.label_set_)].sum(axis=1), 1)
    least = table["score"].sort_values().iloc[0]
    assert len(reader.predict_faces(party, min_score=float(least) + 1e-6)) == 1
    assert reader.annotate(party).shape == party.shape
    assert (reader.annotate(party, min_score=1.0) == party).all(), "no face is that sure"


def test_an_annotated_picture_never_takes_the_place_of_the_one_read(reader, party, tmp_path):
    source = tmp_path / "party.png"
    Image.fromarray(party).save(source)
    before = source.read_bytes()
    with pytest.raises(BadInput, match="that is read"):
        reader.annotate(source, output=tmp_path / "." / "party.png")
    assert source.read_bytes() == before
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        reader.annotate(party, output=tmp_path / "folder.png")
    for wrong in (None, [source]):
        with pytest.raises(BadInput, match="path must be a path"):
            reader.predict_folder(wrong)
        with pytest.raises(BadInput, match="path must be a path"):
            reader.predict_video(wrong)


def test_no_face_is_a_table_without_rows_and_with_columns(reader, tmp_path):
    empty = reader.predict_faces(np.full((64, 64, 3), 90, "uint8"))
    assert list(empty.columns) == [*BOX, *reader.label_set_] and len(empty) == 0
    Image.fromarray(np.full((40, 40), 90, "uint8")).save(tmp_path / "plain.png")
    table, skipped = reader.predict_folder(tmp_path)
    assert list(table.columns) == ["file", *BOX, *reader.label_set_] and len(table) == 0
    assert skipped == [("plain.png", "no face was found")]
    target = video.VideoFile(tmp_path / "plain.avi", 10.0)
    for _ in range(3):
        target.add(np.full((48, 48, 3), 90, "uint8"))
    target.close()
    table = reader.predict_video(tmp_path / "plain.avi")
    assert list(table.columns) == ["frame", "seconds", "face", *BOX, *reader.label_set_] and table.frame.empty
    assert pd.api.types.is_float_dtype(table["seconds"]) and pd.api.types.is_integer_dtype(table["frame"])


def test_a_bare_box_is_one_box(reader, party):
    one = reader.predict_faces(party, detect=(60, 60, 90, 100))
    assert one[list("xywh")].to_numpy().tolist() == [[60, 60, 90, 100]] and one["score"].isna().all()
    assert one.equals(reader.predict_faces(party, detect=[(60, 60, 90, 100)]))
    with pytest.raises(BadInput, match="four numbers"):
        reader.predict_faces(party, detect=(60, 60, 90))


def test_a_tilted_face_is_read_like_the_upright_one(reader):
    face = render.random_face("happiness", 8, difficulty="easy", size=160).image
    picture = cv2.copyMakeBorder(face, 100, 100, 100, 100, cv2.BORDER_REPLICATE)
    matrix = cv2.getRotationMatrix2D((179.5, 179.5), 45, 1)
    tilted = cv2.warpAffine(picture, matrix, (360, 360), borderMode=cv2.BORDER_REPLICATE)
    names = list(reader.label_set_)
    upright, turned = reader.predict_faces(picture)[names], reader.predict_faces(tilted)[names]
    boxed = reader.predict_faces(tilted, detect=reader.predict_faces(tilted)[list("xywh")].to_numpy())[names]
    assert np.abs(upright - turned).to_numpy().max() < 0.5 * np.abs(upright - boxed).to_numpy().max()


# --- notices


@pytest.mark.slow
def test_a_network_trained_on_rendered_faces_says_so_of_what_a_detector_finds(party, tmp_path):
    x, y = faces(24)
    data = Split("train", x, y, objects(str(i) for i in range(24)), source="rendered")
    options = dict(size=24, width=3, augment="none", epochs=1, batch_size=12)
    made = FaceClassifier("lenet", **options).fit(x, y, validation=data, progress=None)
    made.save(tmp_path / "rendered.emorec")
    for classifier in (made, FaceClassifier.load(tmp_path / "rendered.emorec")):
        with pytest.warns(PictureNotice, match="rendered faces alone"):
            classifier.predict_faces(party)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            classifier.predict(x)
            classifier.predict_faces(party, detect=(60, 60, 90, 100))
    other = FaceClassifier("lenet", **options).fit(x, y, validation=(x, y), progress=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.predict_faces(party)


def test_splits_of_rendered_datasets_know_that_they_are():
    data = datasets.load("sample-faces", n_identities=8, per_identity=1)
    assert {data.train.source, data.validation.source, data.train.take([0, 1]).source} == {"rendered"}
    assert datasets.load("sample-sentences").train.source == ""


def test_blank_pictures_are_answered_with_a_notice(reader):
    white = np.full((48, 48), 255, "uint8")
    with pytest.warns(PictureNotice, match="Picture 1 of 2 is blank"):
        assert reader.predict_proba([faces(1)[0][0], white]).shape == (2, 3)
    with pytest.warns(PictureNotice, match="blank"):
        reader.predict_faces(white, detect="none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notice_blank(faces(3)[0])
        notice_blank(np.zeros((0, 24, 24, 1), "uint8"))


def test_a_list_goes_on_behind_a_picture_that_cannot_be_used(reader, tmp_path, party):
    (tmp_path / "text.png").write_text("no picture")
    good, bad = party, [tmp_path / "text.png", tmp_path / "nowhere.png", np.full((64, 64, 3), 90, "uint8")]
    with pytest.warns(PictureNotice, match="3 of 4 pictures were skipped.*picture 1: .*text.png"):
        p = reader.predict_proba([good, *bad], detect="auto", errors="skip")
    assert np.isnan(p[1:]).all() and np.allclose(p[:1], reader.predict_proba([good], detect="auto"))
    with pytest.warns(PictureNotice):
        names = reader.predict([good, *bad], detect="auto", errors="skip")
    assert names[0] in reader.label_set_ and list(names[1:]) == [None] * 3
    with pytest.raises(BadInput, match="choose one of raise, skip"):
        reader.predict([good], errors="ignore")


# --- every form of a picture


def test_sixteen_bits_that_hold_eight_are_read_as_eight():
    x, _ = faces(4)
    assert np.array_equal(images.as_picture(x[0].astype("uint16")), x[0])
    assert np.array_equal(images.as_picture(x[0].astype("uint16") * 257), x[0])
    encode = FacePreprocessing(24)
    dark = x.astype("uint16") * 257
    dark[1] = 200  # of a set that uses all 16 bits, one picture is nearly black
    assert encode(check_inputs(dark))[1].max() == 1 and np.array_equal(encode(check_inputs(dark))[0, ..., 0], x[0])
    assert np.array_equal(encode(check_inputs(x.astype("uint16")))[..., 0], x)


def test_channels_may_come_first():
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype="uint8")
    assert np.array_equal(images.as_picture(np.moveaxis(rgb, -1, 0)), rgb)
    assert np.array_equal(images.as_picture(np.moveaxis(rgb, -1, 0) / 255), rgb)
    assert np.array_equal(images.as_picture(rgb[None, ..., 0]), rgb[..., 0])
    encode = FacePreprocessing(24, "rgb")
    batch = np.stack([rgb, rgb[::-1]])
    assert np.array_equal(encode(check_inputs(np.moveaxis(batch, -1, 1))), encode(check_inputs(batch)))


def test_three_planes_that_look_alike_are_a_notice():
    plane = np.random.default_rng(0).integers(0, 200, (30, 40), dtype="uint8")
    with pytest.warns(PictureNotice, match=r"\[picture\]"):
        assert len(check_inputs(np.stack([plane, plane + 9, plane + 20]))) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(check_inputs(faces(3)[0])) == 3


def test_a_data_url_is_a_picture():
    rgb = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "png")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    assert np.array_equal(images.as_picture(url), rgb)
    with pytest.raises(BadInput, match="download the picture"):
        images.as_picture("https://example.org/face.jpg")
    for damaged in ("data:image/png;base64,####", "data:image/png,abc", url[:-60]):
        with pytest.raises(DataCorrupt, match="data URL"):
            images.as_picture(damaged)


# --- folders


def test_every_file_of_a_folder_is_in_the_table_or_skipped(reader, party, tmp_path, monkeypatch):
    Image.fromarray(party).save(tmp_path / "party.avif", quality=95)
    (tmp_path / "drawing.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / ".hidden").write_text("")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    table, skipped = reader.predict_folder(tmp_path)
    assert list(table["file"]) == ["party.avif"] * 2
    reasons = dict(skipped)
    assert set(reasons) == {"drawing.svg", "notes.txt", "phone.HEIC"}
    assert "pip install pillow-heif" in reasons["phone.HEIC"] and "known kind" in reasons["notes.txt"]


# --- films


def _element(number, body):
    """One element of a Matroska file (RFC 8794), its length in eight bytes."""
    return bytes.fromhex(number) + struct.pack(">Q", len(body) | 1 << 56) + body


def _number(number, value):
    return _element(number, value.to_bytes(8, "big"))


def matroska(file, frames, times):
    """Writes JPEG frames with a time in milliseconds each (RFC 9559): OpenCV writes steady rates alone."""
    height, width = frames[0].shape[:2]
    numbers = {"4286": 1, "42f7": 1, "42f2": 4, "42f3": 8, "4287": 4, "4285": 2}
    head = b"".join(_number(k, v) for k, v in numbers.items()) + _element("4282", b"matroska")
    info = _number("2ad7b1", 1_000_000) + _element("4489", struct.pack(">d", float(times[-1] + 100)))
    size = _element("e0", _number("b0", width) + _number("ba", height))
    track = b"".join(_number(k, v) for k, v in {"d7": 1, "73c5": 1, "83": 1}.items()) + _element("86", b"V_MJPEG")
    body = _element("1549a966", info) + _element("1654ae6b", _element("ae", track + size))
    for frame, time in zip(frames, times):
        block = b"\x81\0\0\x80" + cv2.imencode(".jpg", frame)[1].tobytes()
        body += _element("1f43b675", _number("e7", time) + _element("a3", block))
    file.write_bytes(_element("1a45dfa3", head) + _element("18538067", body))
    return file


def test_times_of_a_film_are_those_of_its_file(reader, tmp_path):
    frames = [np.full((64, 96, 3), 10 * i, "uint8") for i in range(20)]
    times = [100 * i for i in range(10)] + [1000 + 200 * i for i in range(10)]
    film = matroska(tmp_path / "varying.mkv", frames, times)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureNotice)  # frames are blank
        table = reader.predict_video(film, detect="none")
    assert table["seconds"].to_numpy() == pytest.approx(np.array(times) / 1000, abs=0.002)


def test_a_film_that_is_cut_off_is_read_so_far_with_a_notice(tmp_path):
    frames = list(np.random.default_rng(0).integers(0, 256, (20, 64, 96, 3), dtype="uint8"))
    whole = matroska(tmp_path / "whole.mkv", frames, [100 * i for i in range(20)])
    target = video.VideoFile(tmp_path / "whole.avi", 10.0)
    for frame in frames:
        target.add(frame)
    target.close()
    for film in (whole, tmp_path / "whole.avi"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(list(video.VideoFrames(film))) == 20
        film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
        with pytest.warns(PictureNotice, match=r"ends after [01]\.\d of 2\.[01] s \(\d+ frames"):
            assert 4 <= len(list(video.VideoFrames(film))) <= 12


def test_every_n_th_frame_is_a_whole_number(reader, tmp_path):
    for name, value in (("every", 1.5), ("every", 0), ("every", True), ("limit", 2.5), ("limit", -1)):
        with pytest.raises(BadInput, match=f"{name} must be"):
            reader.predict_video(tmp_path / "film.mkv", **{name: value})


# --- defaults


@pytest.mark.slow
def test_the_default_settings_learn_on_few_pictures():
    """120 people, two pictures of each emotion: with settings made for 28,000 pictures this ended at chance, 0.14."""
    faces = datasets.load("sample-faces", n_identities=120, per_identity=2)
    classifier = FaceClassifier("mini-xception", epochs=10).fit(faces.train, validation=faces.validation, progress=None)
    assert classifier.score(faces.test) > 0.35
    assert classifier.get_params()["batch_size"] is None, "what was chosen does not stay behind in the parameters"


def test_many_pictures_have_other_default_settings():
    classifier = FaceClassifier()
    few, many = classifier._training_options(2_999), classifier._training_options(3_000)
    assert (few.batch_size, few.learning_rate, many.batch_size, many.learning_rate) == (16, 3e-3, 64, 2e-3)
    assert FaceClassifier(batch_size=8)._training_options(99).batch_size == 8
    assert FaceClassifier("vgg16")._training_options(99).learning_rate == 2e-3, "pretrained networks go slower"
    assert classifier._augmentation(2_999).rotation == 0 and classifier._augmentation(2_999).flip == 0.5
    assert classifier._augmentation(3_000).rotation > 0
