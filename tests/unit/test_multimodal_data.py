"""Readers of multimodal features on small files in the official layouts, and on the real ones where they are."""

import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import emorec
from emorec import datasets
from emorec.datasets.readers import aligned, multimodal
from emorec.errors import BadInput, DataCorrupt, DataMissing

SIZES = {"text": 4, "audio": 3, "video": 5}


def dump(folder, name, content):
    (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def padded(rng, lengths, size, longest):
    x = rng.normal(size=(len(lengths), longest, size))
    for row, n in zip(x, lengths):
        row[n:] = np.nan  # never to be read
    return x


def seven(rng, size, labels, test_labels, longest=4):
    lengths, test_lengths = [len(x) for x in labels], [len(x) for x in test_labels]

    def pad(rows):
        return np.array([list(row) + [0] * (longest - len(row)) for row in rows], dtype=float)

    return (padded(rng, lengths, size, longest), pad(labels), padded(rng, test_lengths, size, longest),
            pad(test_labels), longest, lengths, test_lengths)  # fmt: skip


# --- utterances


def test_mosi_pickles_without_their_padding(tmp_path):
    rng = np.random.default_rng(0)
    content = {m: seven(rng, d, [[1, 0, 1], [0]], [[1, 1]]) for m, d in SIZES.items()}
    for m in SIZES:
        dump(tmp_path, f"{m}_2way.pickle", content[m])
    rows = multimodal.mosi(tmp_path)
    assert rows.labels == ["positive", "negative", "positive", "negative", "positive", "positive"]
    assert rows.groups == ["train000"] * 3 + ["train001"] + ["test000"] * 2
    assert rows.splits == ["train"] * 4 + ["test"] * 2 and len(set(rows.ids)) == 6
    expected = np.concatenate([content["audio"][0][0][:3], content["audio"][0][1][:1], content["audio"][2][0][:2]])
    np.testing.assert_array_equal(rows.inputs["audio"], expected.astype("float32"))
    assert "not the published file" in rows.notes[1]
    with pytest.raises(BadInput, match="mosi-62/31"):
        multimodal.mosi(tmp_path, split="official")
    with pytest.raises(BadInput, match="steps, typo: no option of split='mosi-62/31'"):
        multimodal.mosi(tmp_path, steps=3, typo=1)
    dump(tmp_path, "audio_2way.pickle", seven(rng, 3, [[1, 0], [0]], [[1, 1]]))
    with pytest.raises(DataCorrupt, match="different lengths"):
        multimodal.mosi(tmp_path)


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    for m in SIZES:
        dump(tmp_path, f"{m}_2way.pickle", Evil())
    with pytest.raises(DataCorrupt, match="system"):
        multimodal.mosi(tmp_path)


def test_git_blob_id():
    assert multimodal.git_blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert multimodal.blob_notes({"x/raw.zip": b"hello\n"})[0].startswith("x/raw.zip is not the published file")
    assert multimodal.blob_notes({"mine.pickle": b""}) == ()


def iemocap_files(tmp_path):
    rng = np.random.default_rng(0)
    labels = {"Ses01F_impro01": [0, 4, 5], "Ses05M_script01_1": [3, 2]}
    ids = {d: [f"{d}_F{k:03d}" for k in range(len(y))] for d, y in labels.items()}
    speakers = {d: ["M", "F", "M"][: len(y)] for d, y in labels.items()}
    features = [{d: [rng.normal(size=n) for _ in y] for d, y in labels.items()} for n in SIZES.values()]
    sentences = {d: [f"word {k}" for k in range(len(y))] for d, y in labels.items()}
    content = (ids, speakers, labels, *features, sentences, {"Ses01F_impro01"}, {"Ses05M_script01_1"})
    dump(tmp_path, "IEMOCAP_features_raw.pkl", content)
    return content


def test_iemocap(tmp_path):
    content = iemocap_files(tmp_path)
    rows = multimodal.iemocap(tmp_path)
    assert rows.labels == ["happiness", "excitement", "frustration", "anger", "neutral"]
    assert rows.ids[3] == "Ses05M_script01_1_F000" and rows.splits[2:4] == ["train", "test"]
    assert list(rows.inputs["speaker"]) == ["M", "F", "M", "M", "F"] and rows.inputs["sentence"][1] == "word 1"
    np.testing.assert_allclose(rows.inputs["video"][1], content[5]["Ses01F_impro01"][1], rtol=1e-6)
    four = multimodal.iemocap(tmp_path, classes=4)
    assert four.labels == ["happiness", "happiness", "anger", "neutral"]  # excitement merged, frustration gone
    assert four.inputs["text"].shape == (4, 4) and four.ids[2] == rows.ids[3]
    with pytest.raises(BadInput, match="choose one of 6, 4"):
        multimodal.iemocap(tmp_path, classes=5)


@pytest.mark.fault(
    "A pickle of IEMOCAP with twelve things in place of nine, or with another number",
    "RoBERTa's layers are the first of the text; `DataCorrupt` says what nine things are expected",
)
def test_iemocap_of_other_projects(tmp_path):
    content = iemocap_files(tmp_path)
    before = multimodal.iemocap(tmp_path)
    dump(tmp_path, "IEMOCAP_features_raw.pkl", (*content[:4], *[content[3]] * 3, *content[4:]))
    twelve = multimodal.iemocap(tmp_path)
    assert twelve.labels == before.labels and list(twelve.inputs["speaker"]) == list(before.inputs["speaker"])
    for name, values in before.inputs.items():
        assert all(np.array_equal(a, b) for a, b in zip(twelve.inputs[name], values)), name
    for other in (content[:5], {"a": 1}):
        dump(tmp_path, "IEMOCAP_features_raw.pkl", other)
        with pytest.raises(DataCorrupt, match="nine things"):
            multimodal.iemocap(tmp_path)


def unimodal_content(rng, classes, shape=(2, 3)):
    content = {}
    for part in ("train", "test"):
        for m, d in SIZES.items():
            content[f"{m}_{part}"] = rng.normal(size=(*shape, d))
        content[f"{part}_label"] = np.eye(classes)[rng.integers(classes, size=shape)]
        content[f"{part}_mask"] = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    return content


def test_mosei_in_its_three_forms(tmp_path):
    rng = np.random.default_rng(0)
    content = unimodal_content(rng, 3)
    content["train_label"][0, :2] = np.eye(3)[[1, 2]]  # the authors' order: negative, positive, neutral
    (tmp_path / "a").mkdir()
    with zipfile.ZipFile(tmp_path / "a" / "unimodal_mosei_3way.pickle.zip", "w") as archive:
        archive.writestr("unimodal_mosei_3way.pickle", pickle.dumps(content, protocol=2))
    rows = multimodal.mosei(tmp_path / "a")
    assert rows.labels[:2] == ["positive", "neutral"] and len(rows.labels) == 6
    assert rows.groups[:3] == ["mosei_train0000"] * 2 + ["mosei_train0001"]
    np.testing.assert_allclose(rows.inputs["text"][2], content["text_train"][1, 0], rtol=1e-6)
    with pytest.raises(BadInput, match="steps: no option of unimodal_mosei_3way"):
        multimodal.mosei(tmp_path / "a", steps=3)
    content["audio_train"][0, 0, 0] = np.inf
    for train, test in (([0.5, 1.0, 0.0], [0.0, -1.0, 2.0]), ([0, 1, 2], [-1, 0, 3])):  # scores, not classes
        for shape in ((2, 3), (2, 3, 1)):
            scores = {"train_label": np.resize(train, shape), "test_label": np.resize(test, shape)}
            rows = multimodal.unimodal(content | scores, "x", ("negative", "positive", "neutral"), rows.label_set)
            values = [*train[:2], train[0], *test[:2], test[0]]  # by the mask
            assert rows.labels == multimodal.polarity3(values).tolist() and rows.inputs["audio"][0, 0] == 0
    del content["audio_test"]
    with pytest.raises(DataCorrupt, match="audio_test"):
        multimodal.unimodal(content, "x", ("a", "b", "c"), rows.label_set)

    (tmp_path / "b" / "raw").mkdir(parents=True)
    for m, d in SIZES.items():
        dump(tmp_path / "b" / "raw", f"{m}_3way.pickle", seven(rng, d, [[-1.2, 0, 0.3]], [[2.0, -0.1]]))
    rows = multimodal.mosei(tmp_path / "b")
    assert rows.labels == ["negative", "neutral", "positive", "positive", "negative"]
    assert np.isfinite(rows.inputs["text"]).all()

    (tmp_path / "c").mkdir()
    dump(tmp_path / "c", "mosei_senti_data.pkl", aligned_content(["v[0]", "w[3]"], [-1.0, 0.0]))
    rows = multimodal.mosei(tmp_path / "c")
    assert rows.labels == ["negative", "neutral"] * 3 and rows.inputs["mask"].sum(axis=1).tolist() == [2, 3] * 3


# --- aligned sequences


def aligned_content(ids, scores, steps=5):
    """Left-padded, as MulT's files are: the first example has 2 words, the second 3."""
    content = {}
    for name in ("train", "valid", "test"):
        rng = np.random.default_rng(1)
        split = {"id": np.array(ids), "labels": np.array(scores)[:, None, None]}
        for key, size in (("text", 4), ("audio", 3), ("vision", 2)):
            split[key] = rng.normal(size=(len(ids), steps, size))
            for row, words in zip(split[key], (2, 3)):
                row[: steps - words] = 0
        split["audio"][0, -1, 0] = -np.inf  # COVAREP has such values
        content[name] = split
    return content


def test_aligned_pickles_become_right_padded(tmp_path):
    content = aligned_content(["2iD-tVS8NPw[0]", "8d-gEyoeBzc[3]"], [0.0, -1.5])
    dump(tmp_path, "mosi_data.pkl", content)
    rows = multimodal.mosi(tmp_path, split="mosi-cmu", steps=4)
    text, mask = rows.inputs["text"], rows.inputs["mask"]
    assert text.shape == (6, 4, 4) and mask.tolist()[:2] == [[True, True, False, False], [True] * 3 + [False]]
    np.testing.assert_allclose(text[0, :2], content["train"]["text"][0, 3:], rtol=1e-6)
    assert (text[0, 2:] == 0).all() and rows.inputs["audio"][0, 1, 0] == 0
    assert rows.labels == ["positive", "negative"] * 3  # zero is not negative
    assert rows.groups[:2] == ["2iD-tVS8NPw", "8d-gEyoeBzc"]
    assert "4 segments are not in the split" in rows.notes[0]
    with zipfile.ZipFile(tmp_path / "mosi.zip", "w") as archive:
        archive.write(tmp_path / "mosi_data.pkl", "mosi_data.pkl")
    assert aligned.read(tmp_path / "mosi.zip")[2] == rows.ids
    assert aligned.mosi(tmp_path, zero="drop").labels == ["negative"] * 3
    assert aligned.scores(tmp_path)["8d-gEyoeBzc[3]"] == -1.5
    content["train"]["audio"] = content["train"]["audio"][:, :3]
    dump(tmp_path, "mosi_data.pkl", content)
    with pytest.raises(BadInput, match="not aligned"):
        aligned.read(tmp_path)
    del content["train"]["audio"]
    dump(tmp_path, "mosi_data.pkl", content)
    with pytest.raises(DataCorrupt, match="train has no audio"):
        aligned.read(tmp_path)


def write_csd(file, name, entries):
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "w") as opened:
        for key, (features, intervals) in entries.items():
            opened[f"{name}/data/{key}/features"] = np.asarray(features, "float32")
            opened[f"{name}/data/{key}/intervals"] = np.asarray(intervals, "float32")


def test_a_folder_with_aligned_mosi_alone_is_read_by_the_card(tmp_path):
    content = aligned_content(["2iD-tVS8NPw[0]", "2iD-tVS8NPw[3]"], [0.0, -1.5])
    for part, video in (("valid", "WKA5OygbEKI"), ("test", "tmZoasNr4rU")):
        content[part]["id"] = np.array([f"{video}[0]", f"{video}[1]"])
    (tmp_path / "mosi").mkdir()
    dump(tmp_path / "mosi", "mosi_data.pkl", content)
    data = datasets.load("mosi", root=tmp_path, split="mosi-cmu", download=False)
    assert set(data.train.labels) == {"positive", "negative"} and "mosi-cmu" in data.protocol


def test_csd_files_are_aligned_word_by_word(tmp_path):
    video = "tmZoasNr4rU"
    words = [[1, 0], [0, 0], [2, 2], [3, 3]], [[0, 1], [1, 2], [2, 3], [5, 6]]  # the second is a pause
    write_csd(tmp_path / "CMU_MOSI_TimestampedWordVectors.csd", "glove", {video: words})
    frames = [[1], [3], [np.inf], [10], [7]], [[0, 0.5], [0.5, 1], [0.6, 0.8], [2, 3], [9, 10]]
    write_csd(tmp_path / "CMU_MOSI_COVAREP.csd", "COVAREP", {video: frames})
    write_csd(tmp_path / "CMU_MOSI_VisualFacet42.csd", "FACET", {"other": ([[1, 2, 3]], [[0, 1]])})
    scores = [[1.8], [-0.4], [2.0]], [[0, 4], [4, 8], [8, 9]]
    write_csd(tmp_path / "CMU_MOSI_Opinion_Labels.csd", "labels", {video: scores, "not-in-a-fold": scores})
    inputs, values, ids, groups, parts = aligned.read(tmp_path, steps=3)
    assert ids == [f"{video}[0]", f"{video}[1]"] and groups == [video] * 2 and parts == ["test"] * 2
    np.testing.assert_allclose(values, [1.8, -0.4], rtol=1e-6)
    assert inputs["text"].tolist() == [[[1, 0], [2, 2], [0, 0]], [[3, 3], [0, 0], [0, 0]]]
    assert inputs["audio"][:, :, 0].tolist() == [[2, 10, 0], [0, 0, 0]]  # means of finite frames; none: 0
    assert inputs["video"].shape == (2, 3, 3) and not inputs["video"].any()
    assert inputs["mask"].tolist() == [[True, True, False], [True, False, False]]
    videos = {"train": [], "validation": [], "test": [video]}  # as for MOSEI, whose files name no parts
    with pytest.raises(DataCorrupt, match="videos="):
        aligned.mosei(tmp_path)
    rows = aligned.mosei(tmp_path, steps=3, videos=videos)
    assert rows.labels == ["positive", "negative"] and rows.splits == ["test", "test"]
    os.remove(tmp_path / "CMU_MOSI_COVAREP.csd")
    with pytest.raises(DataMissing, match="audio"):
        aligned.read(tmp_path)


def test_hdf5_with_a_group_for_each_modality(tmp_path):
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "mosi.hdf5", "w") as opened:
        for name, size in (("glove_vectors", 4), ("COVAREP", 3), ("FACET_4.2", 2), ("Opinion Segment Labels", 1)):
            for key in ("WKA5OygbEKI[0]", "WKA5OygbEKI[10]", "WKA5OygbEKI[2]"):
                steps = 1 if "Labels" in name else 4
                opened[f"{name}/{key}/features"] = rng.normal(size=(steps, size))
                opened[f"{name}/{key}/intervals"] = rng.normal(size=(steps, 2))
    inputs, _, ids, _, parts = aligned.read(tmp_path, steps=6)
    assert aligned.read(tmp_path / "mosi.hdf5")[2] == ids
    assert ids == ["WKA5OygbEKI[0]", "WKA5OygbEKI[2]", "WKA5OygbEKI[10]"] and set(parts) == {"validation"}
    assert inputs["text"].shape == (3, 6, 4) and inputs["mask"].sum() == 12


def test_stacked_h5_files(tmp_path):
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    for name in ("train", "valid", "test"):
        x = rng.normal(size=(2, 4, 325))
        x[0, :3] = 0
        with h5py.File(tmp_path / f"X_{name}.h5", "w") as opened:
            opened["data"] = x
        with h5py.File(tmp_path / f"y_{name}.h5", "w") as opened:
            opened["data"] = np.array([1.0, -2.0])
    inputs, values, ids, _, parts = aligned.read(tmp_path)
    assert parts == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2 and len(set(ids)) == 6
    assert inputs["audio"].shape == (6, 50, 5) and inputs["video"].shape == (6, 50, 20)
    np.testing.assert_allclose(inputs["text"][4, 0], x[0, 3, :300], rtol=1e-6)
    assert inputs["mask"].sum(axis=1).tolist() == [1, 4] * 3 and values.tolist() == [1, -2] * 3


def test_fold_lists():
    sizes = {part: len(set(videos)) for part, videos in aligned.CMU_FOLDS.items()}
    assert sizes == {"train": 52, "validation": 10, "test": 31} and len(aligned.FOLD_OF) == 93
    ours = {part: set(videos) for part, videos in multimodal.MOSI_VIDEOS.items()}
    assert len(ours["train"]) == 62 and len(ours["test"]) == 31
    assert ours["train"] | ours["test"] == set(aligned.FOLD_OF)
    assert len(ours["test"] & set(aligned.CMU_FOLDS["test"])) == 7  # so the two splits cannot be compared


# --- the real thing


def test_real_mosi(real, tmp_path):
    folder = real("mosi-utterance-features")
    data = emorec.datasets.load("mosi", path=folder)
    assert len(data.train) + len(data.validation) == 1447 and len(data.test) == 752
    assert {m: v.shape[1] for m, v in data.test.inputs.items()} == {"text": 100, "audio": 73, "video": 100}
    assert (data.test.labels == "positive").sum() == 467
    assert not set(data.train.groups) & set(data.validation.groups)
    assert data.protocol.startswith("mosi-62/31") and not any("published" in note for note in data.notes)
    shutil.copytree(folder / "data", tmp_path / "data")
    rows, tables = multimodal.mosi(folder), multimodal.mosi(tmp_path)
    for name in ("ids", "labels", "groups", "splits"):
        assert getattr(rows, name) == getattr(tables, name)
    for m in rows.inputs:
        np.testing.assert_array_equal(rows.inputs[m], tables.inputs[m])


def test_real_mosi_text_and_video_know_the_labels_and_audio_does_not(real):
    """Made with the labels of train, features separate unseen videos of train far better than those of test."""
    rows = multimodal.mosi(real("mosi-utterance-features"))
    train = np.array(rows.splits) == "train"
    labels, groups = np.array(rows.labels), np.array(rows.groups)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    gaps = {}
    for name, x in rows.inputs.items():
        guessed = cross_val_predict(model, x[train], labels[train], groups=groups[train], cv=folds)
        tested = model.fit(x[train], labels[train]).predict(x[~train])
        gaps[name] = balanced_accuracy_score(labels[train], guessed) - balanced_accuracy_score(labels[~train], tested)
    assert {name for name, gap in gaps.items() if gap > 0.1} == {"text", "video"}


def test_real_meld(real):
    data = multimodal.meld_dialogues(real("meld"))
    assert np.isin(data.test.inputs["text"].astype(str), data.train.inputs["text"].astype(str)).sum() == 331
    assert len(data.train) == 9989 and len(set(data.test.groups)) == 280
    first = data.train.groups == data.train.groups[0]
    assert list(data.train.inputs["speaker"][first][:2]) == ["Chandler", "The Interviewer"]


# --- forms that were once read wrongly, or refused with the wrong advice


def stack(folder, columns, scores=(1.0, -2.0)):
    """`X_train.h5` and its like with so many columns, each holding its own number."""
    h5py = pytest.importorskip("h5py")
    for name in ("train", "valid", "test"):
        for kind, data in (("X", np.tile(np.arange(1.0, columns + 1), (2, 3, 1))), ("y", np.array(scores))):
            with h5py.File(folder / f"{kind}_{name}.h5", "w") as opened:
                opened["data"] = data


@pytest.mark.fault(
    "Features of several modalities side by side, in other widths",
    "told apart by their widths, or `DataCorrupt` with the width",
)
def test_covarep_and_facet_side_by_side_are_distinguished(tmp_path):
    stack(tmp_path, 300 + 74 + 35)
    inputs = aligned.read(tmp_path)[0]
    assert inputs["audio"].shape[2] == 74 and inputs["video"].shape[2] == 35
    assert inputs["audio"][0, 0, 0] == 301 and inputs["video"][0, 0, 0] == 375
    stack(tmp_path, 300 + 50)
    with pytest.raises(DataCorrupt, match="350"):
        aligned.read(tmp_path)


@pytest.mark.fault("A segment whose score is NaN", "left out, with a warning that counts them")
def test_a_segment_without_a_score_is_left_out_with_a_note(tmp_path):
    stack(tmp_path, 325, (np.nan, -2.0))
    with pytest.warns(UserWarning, match="3 segments without a score were left out"):
        _, scores, ids, _, _ = aligned.read(tmp_path)
    assert scores.tolist() == [-2.0] * 3 and len(ids) == 3


@pytest.mark.fault("A file that says which steps are padding", "its masks and lengths are followed")
@pytest.mark.parametrize("how", ["text_bert", "text_lengths"])
def test_masks_and_lengths_of_mmsa_are_followed(tmp_path, how):
    content = aligned_content(["2iD-tVS8NPw$_$0", "8d-gEyoeBzc$_$3"], [1.0, -1.5])
    for split in content.values():
        n, steps = split["text"].shape[:2]
        split["text"] = np.ones_like(split["text"])  # a BERT writes something into the padding, too
        if how == "text_bert":
            split[how] = np.stack([np.ones((n, steps)), np.arange(steps) < [[2], [1]], np.zeros((n, steps))], axis=1)
        else:
            split[how] = np.array([2, 1])
    dump(tmp_path, "mosi_data.pkl", content)
    assert aligned.read(tmp_path)[0]["mask"].sum(axis=1).tolist() == [2, 1] * 3


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n"


@pytest.mark.fault(
    "Aligned features that are a web page or a pointer of Git LFS", "`DataCorrupt`: it says which of them"
)
@pytest.mark.parametrize(
    ("data", "words"),
    [(POINTER, "pointer of Git LFS"), (b"<!DOCTYPE html><html>404</html>", "page"), (b"\x89HDF\r\n\x1a\n\0", ".")],
)
@pytest.mark.parametrize("name", ["X_train.h5", "mosi_data.pkl"])
def test_files_that_are_no_data_are_named(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises((DataCorrupt, BadInput), match=words):
        aligned.read(tmp_path)


@pytest.mark.fault("A pickle of another project's form (MISA, MAG-BERT)", "`BadInput`: which form is read")
def test_tuples_of_misa_get_the_right_advice(tmp_path):
    part = [((np.zeros((3, 1)), np.zeros((3, 47)), np.zeros((3, 74)), ["a"]), np.array([[1.0]]), "2iD-tVS8NPw[0]")]
    dump(tmp_path, "mosi.pkl", {"train": part, "dev": part, "test": part})
    with pytest.raises(BadInput, match="MISA and MAG-BERT are lists of tuples.*MulT or MMSA"):
        aligned.read(tmp_path)


@pytest.mark.fault(
    "The folder of a dataset holds its other form alone", "`BadInput`, which names the option that reads it"
)
def test_aligned_mosi_alone_is_pointed_to_its_split(tmp_path):
    dump(tmp_path, "mosi_data.pkl", aligned_content(["2iD-tVS8NPw[0]", "8d-gEyoeBzc[3]"], [0.0, -1.5]))
    with pytest.raises(BadInput, match="split='mosi-cmu'"):
        datasets.load("mosi", path=tmp_path)
