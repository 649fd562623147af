"""Calls of somebody with bad luck: answered rightly, or refused in words that name the value and the way out."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from harness import SAVED, quietly
from PIL import Image

import emorec
from emorec import attention, datasets, metrics
from emorec.errors import BadInput, DataMissing, EmorecError, LabelMismatch
from emorec.labels import LabelSet
from emorec.multimodal import read_clip, read_subtitles
from emorec.text.vectors import read_vectors

TEXTS = [f"{'good fine' if i % 2 else 'bad poor'} day {i}" for i in range(24)]
LABELS = ["down", "up"] * 12
FACES = np.random.default_rng(0).integers(0, 256, (24, 24, 24)).astype("uint8")
TONE = (np.sin(np.arange(8000) / 7) * np.sin(np.arange(8000) / 900) / 2).astype("float32")


@pytest.fixture(scope="module")
def text():
    return emorec.load(SAVED / "text.emorec")


@pytest.fixture(scope="module")
def face():
    return emorec.load(SAVED / "face.emorec")


@pytest.fixture(scope="module")
def voice():
    return emorec.load("voice-emotion")


@pytest.fixture(scope="module")
def several():
    return emorec.load(SAVED / "multimodal.emorec")


# --- the same values in another shape of memory


def memory(array, folder):
    """The same numbers: read-only, mapped from a file, of the other byte order, with gaps, backwards, by columns."""
    locked = array.copy()
    locked.flags.writeable = False
    np.save(file := folder / f"{array.dtype}.npy", array)
    gaps = np.repeat(array, 2, axis=0)[::2]
    other = array.astype(array.dtype.newbyteorder(">"))
    mapped = np.load(file, mmap_mode="r")
    return [
        locked,
        mapped,
        gaps,
        array[::-1].copy()[::-1],
        np.asfortranarray(array),
        other,
        pd.Series(list(array), [7] * len(array)),
    ]


@pytest.mark.fault(
    "Arrays that are read-only, mapped from a file, of another byte order, with gaps or backwards; series of any index",
    "the answer to the same numbers",
)
def test_arrays_of_any_memory_are_the_same_numbers(face, voice, text, tmp_path):
    expected = face.predict_proba(FACES[:3])
    for pictures in (*memory(FACES[:3], tmp_path), *memory(FACES[:3].astype("uint16") * 257, tmp_path)):
        assert np.allclose(face.predict_proba(pictures), expected, atol=1e-5)
    assert np.allclose(face.predict_proba(memoryview(FACES[:3])), expected, atol=1e-5)
    for samples in (TONE, (TONE * 32767).astype("int16")):
        expected = voice.predict_proba([(samples, 16000)])
        for sound in memory(samples, tmp_path)[:-1]:
            assert np.allclose(voice.predict_proba([(sound, 16000)]), expected, atol=1e-5), sound.dtype
    words = ["a good day", "a bad film"]
    expected = quietly(text.predict_proba, words)
    for same in (
        np.array(words),
        pd.Series(words, [3, 3]),
        pd.Series(words, dtype="category"),
        iter(words),
        map(str, words),
    ):
        assert np.array_equal(quietly(text.predict_proba, same), expected)


@pytest.mark.fault(
    "Rows of a table without a picture, a text or a sound: NaN, NA or NaT in the place of None", "as None"
)
def test_what_pandas_has_in_the_place_of_none_is_none(several):
    expected = quietly(several.predict_proba, {"image": [None, FACES[0]], "text": ["a good day", None]})
    for missing in (np.nan, pd.NA, pd.NaT):
        inputs = {"image": [missing, FACES[0]], "text": pd.Series(["a good day", missing], dtype=object)}
        assert np.array_equal(quietly(several.predict_proba, inputs), expected)


# --- before training


@pytest.mark.fault(
    "Any method or attribute of a classifier that is not trained", "`NotTrained` (scikit-learn's NotFittedError, too)"
)
def test_what_is_not_trained_says_so():
    made = emorec.TextClassifier()
    calls = [
        lambda: made.predict(TEXTS), lambda: made.calibrate((TEXTS, LABELS)), lambda: made.answers(np.ones((1, 2))),
        lambda: made.ids_from_tokens([["a"]]), lambda: made.proba_from_tokens([["a"]]),
        lambda: made.read_tokens([["a"]]), lambda: made.proba_without_each(["a"]), lambda: made.classes_,
        lambda: made.encoding_, lambda: emorec.MultimodalClassifier().modalities_,
        lambda: emorec.FaceClassifier().features(FACES),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(emorec.classifier.NotTrained, match="not trained yet: call fit"):
            call()
    assert not hasattr(made, "classes_") and not hasattr(made, "model_")
    with pytest.raises(AttributeError, match="nothing_such"):
        made.nothing_such  # noqa: B018


# --- labels


@pytest.mark.fault(
    "Labels that are one string, a dict, bytes, or hold None, lists or numbers among several names",
    "an error that names them; a string is never read letter by letter, nor a dict by its keys",
)
@pytest.mark.parametrize("labels", [
    "ab" * 12, b"ab" * 12, dict(enumerate(LABELS)), np.array("a"), [b"a", b"b"] * 12, [("a", None), ("b",)] * 12,
    [(1,), (2,)] * 12, [([1],), ("b",)] * 12, [None, "a"] * 12, [np.nan, 1.0] * 12, np.eye(2)[[0, 1] * 12],
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_labels_that_are_no_names(labels):
    with pytest.raises((BadInput, LabelMismatch), match="(?i)label"):
        emorec.TextClassifier(epochs=1).fit(TEXTS, labels, progress=None)


@pytest.mark.fault(
    "Two classes that differ by case, blanks or invisible signs alone: a slip of who labelled",
    "they count as two, and a notice names them",
)
@pytest.mark.parametrize(
    "alike", [("up", "up "), ("Up", "up"), ("é", "e\u0301"), ("a b", "a\u00a0b"), ("a", "a\u200b")]
)
def test_classes_that_look_alike_are_named(alike, tmp_path):
    labels = [*alike, "other"] * 8
    with pytest.warns(UserWarning, match="blanks or invisible signs"):
        assert len(emorec.classifier.infer_classes(labels)[1]) == 3
    for number, name in enumerate(labels):
        if name.strip() == name:  # what a folder of any system may be called
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(FACES[number]).save(tmp_path / name / f"{number}.png")
    if len(list(tmp_path.iterdir())) == 3:
        with pytest.warns(UserWarning, match="invisible signs"):
            datasets.from_folder(tmp_path, folds=3)


@pytest.mark.fault(
    "Labels as numbers of 16 or 32 bits, or minus zero; a label that is empty, NaN, NA or NaT",
    "the whole numbers; `LabelMismatch`, which counts those that are missing",
)
def test_numbers_and_gaps_among_labels():
    for values in (np.array([0, 1], "float32"), [np.float16(0), np.float16(1)], [-0.0, 1.0], np.array([0, 1], "uint8")):
        label_set, classes = emorec.classifier.infer_classes(values)
        assert label_set.encode(values).tolist() == [0, 1] and classes.tolist() == [0, 1]
    for gap in ("", "  ", None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT")):
        with pytest.raises(LabelMismatch, match="Label 1 is missing .* 2 of 3"):
            emorec.classifier.infer_classes(["a", gap, gap])
    for nothing in ([(), ()], []):
        with pytest.raises(BadInput):
            emorec.classifier.infer_classes(nothing)


@pytest.mark.fault(
    "Names of classes as a set, whose order changes from run to run, a string, or numbers; an index or a probability "
    "that no class has",
    "`BadInput`",
)
def test_names_and_indices_of_classes():
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS})
    for names in ({"up", "down"}, "up", {"up": 0, "down": 1}, (1, 2)):
        with pytest.raises(BadInput, match="list of strings"):
            LabelSet("x", names)
        if isinstance(names, (set, str, dict)):
            with pytest.raises(BadInput, match="in their order"):
                datasets.from_table(frame, label_set=names)
    one, several = LabelSet("x", ("a", "b")), LabelSet("x", ("a", "b"), multi_label=True)
    for label_set, wrong in ((one, [-1]), (one, [2]), (one, [0.7]), (one, ["a"]), (several, [[0.2, 0.9]])):
        with pytest.raises(BadInput, match="decodes whole numbers"):
            label_set.decode(wrong)
    assert one.decode([1.0, True]).tolist() == ["b", "b"] and several.decode([[True, 0]]).tolist() == [("a",)]
    with pytest.raises(BadInput, match="list of names"):
        LabelSet("x", ("a", "b")).check_same("ab")


@pytest.mark.fault(
    "Arrays with a mask (numpy.ma), as inputs, labels, weights, boxes or samples",
    "`BadInput`, which counts what is masked: it would be read as data",
)
def test_masks_are_never_passed_over(text, face, voice):
    masked = np.ma.array([0, 1] * 12, mask=[1] + [0] * 23)
    calls = [
        lambda: emorec.TextClassifier().fit(TEXTS, masked), lambda: face.predict(np.ma.array(FACES, mask=FACES > 9)),
        lambda: emorec.TextClassifier().fit(TEXTS, LABELS, sample_weight=masked),
        lambda: metrics.macro_f1(masked, masked),
        lambda: face.predict(FACES[0], detect=np.ma.array([0, 0, 9, 9], mask=[1, 0, 0, 0])),
        lambda: emorec.voice.as_sound((np.ma.array(TONE, mask=TONE > 0), 16000)),
        lambda: emorec.images.as_picture(np.ma.array(FACES[0], mask=FACES[0] > 9)),
        lambda: text.answers(np.ma.array(np.eye(7), mask=np.eye(7))),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(BadInput, match="are masked"):
            call()
    assert emorec.images.as_picture(np.ma.array(FACES[0])).shape == (24, 24)  # nothing is masked


@pytest.mark.fault(
    "Inputs of other libraries: a picture of Pillow, a tensor, an array of paths, columns of Arrow; an open file, or a "
    "table where a list belongs",
    "the answer; `BadInput` with what to give instead",
)
def test_inputs_of_other_libraries(text, face, voice, tmp_path):
    tensorflow, arrow = pytest.importorskip("tensorflow"), pytest.importorskip("pyarrow")
    picture = Image.fromarray(FACES[0])
    picture.save(path := tmp_path / "a.png")
    expected = face.predict_proba([FACES[0]])
    for same in (picture, np.array([str(path)]), tensorflow.constant(FACES[:1]), tensorflow.constant(FACES[0])):
        assert np.allclose(face.predict_proba(same), expected, atol=1e-5)
    words = ["a good day", "a bad film"]
    assert np.array_equal(quietly(text.predict_proba, arrow.array(words)), quietly(text.predict_proba, words))
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS})
    whole = datasets.from_table(frame).train.inputs.tolist()
    assert datasets.from_table(arrow.Table.from_pandas(frame)).train.inputs.tolist() == whole
    for read in (face.predict, emorec.images.as_picture, voice.predict):
        with open(path, "rb") as file, pytest.raises(BadInput, match=r"file.read\(\)"):
            read(file)
    with pytest.raises(BadInput, match="one of its columns"):
        face.predict(frame)


# --- settings


@pytest.mark.fault(
    "A setting of a classifier of the wrong kind: None, a string, NaN, weights of 0, words that leave none",
    "`BadInput` with its name and value, before training",
)
@pytest.mark.parametrize("make, settings, words", [
    ("TextClassifier", {"lowercase": None}, "lowercase must be True or False; received None"),
    ("TextClassifier", {"embedding": None}, "embedding=None: give a name or a path"),
    ("TextClassifier", {"encoder": "transformer", "pretrained": 3}, "pretrained=3: give a name or a path"),
    ("TextClassifier", {"encoder": "transformer", "word_pieces": -1}, "word_pieces must be a whole number"),
    ("TextClassifier", {"kernel_sizes": 3}, "kernel_sizes must be a list"),
    ("TextClassifier", {"class_weight": {"up": 0, "down": 0}}, "leaves nothing to learn"),
    ("TextClassifier", {"min_count": 99}, "min_count=99 leaves no word, the commonest occurs 22 times"),
    ("FaceClassifier", {"cutmix": np.nan}, "cutmix must be a number from 0"),
    ("FaceClassifier", {"augment": {"flip": None}}, "flip must be a number from 0 to 1"),
    ("VoiceClassifier", {"speeds": None}, "speeds must be a list"),
    ("VoiceClassifier", {"speeds": 1.1}, "speeds must be a list"),
    ("MultimodalClassifier", {"fusion": "x"}, "Unknown fusion 'x'"),
    ("MultimodalClassifier", {"hidden": -1}, "hidden must be a whole number of at least 0"),
    ("MultimodalClassifier", {"modality_dropout": 1}, "rate must be a number from 0 to below 1"),
    ("MultimodalClassifier", {"face": "face-emotion"}, "face must be a FaceClassifier or None"),
], ids=str)  # fmt: skip
def test_settings_of_the_wrong_kind(make, settings, words, monkeypatch):
    monkeypatch.setattr(emorec.training, "fit", lambda *_, **__: pytest.fail("the training has begun"))
    made = getattr(emorec, make)(**settings)
    inputs = {"TextClassifier": {"inputs": TEXTS}, "FaceClassifier": {"inputs": FACES},
              "VoiceClassifier": {"inputs": [(TONE, 16000)] * 24},
              "MultimodalClassifier": {"images": list(FACES), "texts": TEXTS}}[make]  # fmt: skip
    with pytest.raises(BadInput, match=words):
        made.fit(labels=LABELS, progress=None, **inputs)


# --- everything else, by kind


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to stand in, with things that look like files and are none."""
    monkeypatch.chdir(tmp_path)
    for name in ("picture.png", "sound.wav", "film.mp4", "table.csv", "words.txt", "lines.srt", "model.emorec"):
        os.mkfifo(tmp_path / name)  # whoever opened it would wait for ever
    (tmp_path / "vectors.txt").write_text("good 1 2\nbad 3 4\n")
    return tmp_path


@pytest.mark.fault(
    "A pipe, a loop of links, a name with a zero byte or of 300 letters, in the place of a file to read",
    "an error that names it, at once; nothing is waited for",
)
@pytest.mark.parametrize("name", ["pipe", "loop", "a\0b", "x" * 300])
def test_names_that_no_file_has(name, folder, face, voice):
    os.symlink("loop", "loop")
    readers = {
        "picture.png": face.predict, "sound.wav": voice.predict, "film.mp4": read_clip,
        "table.csv": datasets.from_table, "words.txt": lambda path: read_vectors(path, ["good"]),
        "lines.srt": read_subtitles, "model.emorec": emorec.load,
    }  # fmt: skip
    for pipe, read in readers.items():
        with pytest.raises(EmorecError):
            read(pipe if name == "pipe" else name)


def pictures_in(folder):
    for number, name in enumerate(("happy", "sad")):
        (folder / "pictures" / name).mkdir(parents=True)
        Image.fromarray(FACES[number]).save(folder / "pictures" / name / "a.png")
    return folder / "pictures"


@pytest.mark.fault(
    "Arguments of other kinds for readers, methods and measures: bytes, one string, NaN, infinity, other shapes",
    "`BadInput` that names the argument; never an answer about something else",
)
def test_calls_that_mean_nothing(folder, text, face, voice, several):
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS})
    calls = {
        "bytes in the place of a text": lambda: datasets.from_table(frame.assign(text=[t.encode() for t in TEXTS])),
        "has a bytes in the place of a label": lambda: datasets.from_table(frame.assign(label=[b"a", b"b"] * 12)),
        "a dict in the place of a label": lambda: datasets.from_table(frame.assign(label=[{"up": 1}] * 24)),
        "are these logits": lambda: text.answers([[9.0, -3, 0, 0, 0, 0, 0]]),
        "names of columns": lambda: datasets.from_table(frame, label=None),
        "size must be a whole number from 1": lambda: emorec.images.squared(FACES[0], 0),
        "unterminated subpattern": lambda: datasets.from_folder(pictures_in(folder), subject="("),
        "folds must lie between": lambda: datasets.from_table(frame, folds=0),
        "delimiter is one sign": lambda: datasets.from_table(folder / "vectors.txt", delimiter="||"),
        "label_separator is what": lambda: datasets.from_table(frame, label_separator=""),
        "n_identities must be a whole number": lambda: datasets.load("sample-faces", n_identities="a"),
        "words are a list of words": lambda: read_vectors(folder / "vectors.txt", "good"),
        "path must be a string": lambda: read_vectors(None, ["good"]),
        "Subtitles are a path, or a list": lambda: read_subtitles(3),
        "received True": lambda: read_clip(shutil.copy(SAVED / "expected.json", "a.mkv"), voice=True, face=False),
        "set has no order": lambda: several.predict(texts={"a good day"}),
        r"shape \(N, 7\)": lambda: text.answers(np.ones(7)),
        r"received \(1, 9\)": lambda: text.answers(np.eye(9)[8:]),
        "label_set must be": lambda: text.check_labels(None),
        "hop must be a number": lambda: voice.predict_over_time((TONE, 16000), hop=np.inf),
        "window must be a number": lambda: voice.predict_over_time((TONE, 16000), window=np.nan),
        "hop must be a number from 0.01": lambda: voice.predict_over_time((TONE, 16000), hop=1e-9),
        "a Split, or a pair": lambda: emorec.VoiceClassifier().fit(
            [(TONE, 16000)] * 2, ["a", "b"], validation=([], [], [], [])),
        "length must be a whole number": lambda: text.export("a.tflite", length=0),
        "True and False; received float64": lambda: metrics.macro_f1([[np.nan]], [[1]]),
        r"\(1, 2\) and int64 \(1, 1\)": lambda: metrics.macro_f1([[1, 0]], [[1]]),
        "received complex128": lambda: metrics.macro_f1([[1j]], [[1]]),
        "real numbers; received": lambda: attention.GlobalAttention(4)(np.ones((2, 3, 4), "complex64")),
        "__call__ cannot use": lambda: attention.SelfAttention(4)("abc"),
        "'mask': 'a'": lambda: attention.GlobalAttention(4)(np.ones((2, 3, 4), "float32"), mask="a"),
    }  # fmt: skip
    for words, call in calls.items():
        with pytest.raises(BadInput, match=words):
            call()


@pytest.mark.fault("A model's name as a Path, or a row of NaN among probabilities", "the model; None for the row")
def test_names_as_paths_and_rows_of_nothing(text):
    from pathlib import Path

    assert emorec.load(Path("voice-emotion")).predict([(TONE, 16000)]).shape == (1,)
    p = np.full((2, 7), np.nan)
    p[1] = np.eye(7)[2]
    assert text.answers(p).tolist() == [None, text.classes_[2]] and text.answers(p[1:].tolist()) == text.classes_[2]
    assert read_subtitles([(0, 1, "Hi", 7)])[0].speaker == "7"
    with pytest.raises(DataMissing):
        emorec.load(Path("nothing-such.emorec"))
