"""Face datasets in their official formats, protocols by person, and the leak probe."""

import csv
import gzip
import io
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import real_data
from harness import tar_gz, zipped
from PIL import Image

import emorec.datasets as datasets
from emorec import images as pictures
from emorec.datasets import cards, leaks, store
from emorec.datasets.base import Dataset, Split, objects
from emorec.datasets.readers import faces, fer, folders
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch
from emorec.labels import AFFECTNET, CKPLUS, EMOTIONS7, FERPLUS, shared

FER_WORDS = (
    "angry",
    "disgust",
    "fear",
    "happy",
    "sad",
    "surprise",
    "neutral",
)  # folders; their position is FER's number
USAGES = ("Training", "PublicTest", "PrivateTest")
SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path / "user-cache")
    return tmp_path / "user-cache"


def fer_rows(n=21, seed=0):
    """(emotion, picture, usage); every emotion in every part, values of one, two and three digits."""
    images = np.random.default_rng(seed).integers(0, 256, (n, 48, 48), dtype="uint8")
    images[:, 0, :6] = 0, 9, 10, 99, 100, 255
    return [(i % 7, images[i], USAGES[i // 7 % 3]) for i in range(n)]


def fer_line(emotion, image, usage):
    return f"{emotion},{' '.join(map(str, image.ravel().tolist()))},{usage}\n"


def fer_csv(rows):
    return ("emotion,pixels,Usage\n" + "".join(fer_line(*row) for row in rows)).encode()


def icml_csv(rows):
    lines = (f"{e},{u},{' '.join(map(str, image.ravel().tolist()))}\n" for e, image, u in rows)
    return ("emotion, Usage, pixels\n" + "".join(lines)).encode()


def put(path, image_or_bytes):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image_or_bytes, np.ndarray):
        Image.fromarray(image_or_bytes).save(path)
    else:
        path.write_bytes(image_or_bytes)
    return path


def grey(seed, edge=16):
    return np.random.default_rng(seed).integers(0, 256, (edge, edge), dtype="uint8")


def colour(seed, edge=16):
    return np.random.default_rng(seed).integers(0, 256, (edge, edge, 3), dtype="uint8")


# --- FER-2013: tables


@pytest.mark.parametrize(
    "file", ["fer2013.csv", "fer2013.csv.gz", "fer2013.tar.gz", "archive.zip", "icml_face_data.csv"]
)
@pytest.mark.parametrize("give", ["folder", "file"])
def test_fer2013_is_the_same_from_every_table(tmp_path, file, give):
    rows = fer_rows()
    content = {
        "fer2013.csv": lambda: fer_csv(rows).replace(b"\n", b"\r\n"),
        "fer2013.csv.gz": lambda: gzip.compress(fer_csv(rows)),
        "fer2013.tar.gz": lambda: tar_gz({"fer2013/fer2013.csv": fer_csv(rows)}),
        "archive.zip": lambda: zipped({"fer2013/README": b"read me", "fer2013/fer2013.csv": fer_csv(rows)}),
        "icml_face_data.csv": lambda: icml_csv(rows),
    }
    place = put(tmp_path / "fer2013" / file, content[file]())
    read = fer.fer2013(place if give == "file" else place.parent)
    assert read.inputs.dtype == np.uint8 and (read.inputs == np.stack([image for _, image, _ in rows])).all()
    assert read.labels == [EMOTIONS7.names[emotion] for emotion, _, _ in rows]
    assert read.labels[0] == "anger" and read.labels[3] == "happiness" and read.labels[6] == "neutral"
    assert read.splits == [dict(zip(USAGES, SPLITS))[usage] for _, _, usage in rows]
    assert read.ids[0] == "fer0000000" and read.ids[20] == "fer0000020"


BAD_ROWS = {
    "letters": (lambda line: line.replace(",0 9 10", ",0 x9 10"), "'x9'"),
    "too large": (lambda line: line.replace(",0 9 10", ",256 9 10"), "'256'"),
    "four digits": (lambda line: line.replace(",0 9 10", ",1000 9 10"), "'1000'"),
    "negative": (lambda line: line.replace(",0 9 10", ",-1 9 10"), "'-1'"),
    "fraction": (lambda line: line.replace(",0 9 10", ",1.5 9 10"), "'1.5'"),
    "one pixel less": (lambda line: line.replace(",0 9 10", ",9 10"), "2303 pixel values"),
    "one pixel more": (lambda line: line.replace(",0 9 10", ",0 0 9 10"), "2305 pixel values"),
    "no pixels": (lambda line: "3,,Training\n", "0 pixel values"),
    "emotion": (lambda line: "7" + line[1:], "emotion '7'"),
    "empty emotion": (lambda line: line[1:], "emotion ''"),
    "usage": (lambda line: line.replace("Training", "Train"), "Usage 'Train'"),
    "column": (lambda line: line.replace("\n", ",1\n"), "4 columns instead of 3"),
    "half": (lambda line: line[:4000] + "\n", "2 columns instead of 3"),
}


@pytest.mark.parametrize("bad", BAD_ROWS)
def test_a_corrupt_row_is_named_or_left_out(tmp_path, bad):
    rows = fer_rows()
    break_, words = BAD_ROWS[bad]
    lines = fer_csv(rows).decode().splitlines(keepends=True)
    lines[4] = break_(lines[4])
    place = put(tmp_path / "fer2013.csv", "".join(lines).encode())
    with pytest.raises(DataCorrupt, match="line 5") as raised:
        fer.fer2013(place)
    assert words in str(raised.value) and "skip_corrupt" in str(raised.value)
    read = fer.fer2013(place, skip_corrupt=True)
    keep = [i for i in range(21) if i != 3]
    assert (read.inputs == np.stack([rows[i][1] for i in keep])).all()
    assert read.ids == [f"fer{i:07d}" for i in keep]  # ids count the rows of the file
    assert read.labels == [EMOTIONS7.names[rows[i][0]] for i in keep]
    assert len(read.notes) == 1 and "line 5" in read.notes[0] and words in read.notes[0]


def test_rows_read_together_are_those_read_one_by_one():
    rng = np.random.default_rng(0)
    plain = [" ".join(map(str, rng.integers(0, 256, 2304))).encode() for _ in range(4)]
    accepted = 0
    for _ in range(300):
        text = bytearray(plain[0])
        for i in rng.integers(0, len(text), rng.integers(0, 3)).tolist():
            text[i : i + int(rng.integers(0, 2))] = bytes([rng.choice([*b"0123456789 ", *b"x-.\n"])])
        together = fer._numbers_together([plain[1], bytes(text), plain[2]])
        if together is not None:
            assert (together[1] == fer._numbers(bytes(text))).all() and (together[2] == fer._numbers(plain[2])).all()
            accepted += 1
    assert 100 < accepted < 300
    assert fer._numbers_together([plain[0] + b" 1", plain[1][plain[1].index(b" ") + 1 :]]) is None  # one lends another


def test_a_table_cut_short_is_refused(tmp_path):
    data = fer_csv(fer_rows())
    with pytest.raises(DataCorrupt, match="line 22"):
        fer.fer2013(put(tmp_path / "fer2013.csv", data[:-3000]))
    with pytest.raises(DataCorrupt, match="cut off"):
        fer.fer2013(put(tmp_path / "b" / "fer2013.csv.gz", gzip.compress(data)[:-3000]))
    with pytest.raises(DataCorrupt):
        fer.fer2013(put(tmp_path / "c" / "archive.zip", zipped({"fer2013.csv": data})[:-3000]))
    with pytest.raises(DataCorrupt, match="no usable row"):
        fer.fer2013(put(tmp_path / "d" / "fer2013.csv", b"emotion,pixels,Usage\n"))
    with pytest.raises(DataCorrupt, match="web page"):
        fer.fer2013(put(tmp_path / "e" / "fer2013.csv", b"<!DOCTYPE html><html>Sign in</html>"))
    with pytest.raises(DataCorrupt, match="first line"):
        fer.fer2013(put(tmp_path / "f" / "fer2013.csv", b"a,b,c\n1,2,3\n"))


@pytest.mark.parametrize("file", ["train.csv", "test.csv", "fer2013.csv"])
@pytest.mark.parametrize("give", ["folder", "file"])
def test_kaggles_train_csv_is_refused_with_a_word(tmp_path, file, give):
    lines = fer_csv(fer_rows()).decode().splitlines()
    columns = slice(1, 2) if file == "test.csv" else slice(0, 2)
    place = put(tmp_path / "fer2013" / file, "\n".join(",".join(x.split(",")[columns]) for x in lines).encode())
    with pytest.raises(BadInput, match="no labels for the test pictures.*icml_face_data.csv"):
        fer.fer2013(place if give == "file" else place.parent)


def test_kaggles_train_csv_in_the_data_root_is_not_taken_for_the_dataset(tmp_path):
    put(tmp_path / "fer2013" / "train.csv", b"emotion,pixels\n0,1 2 3\n")
    with pytest.raises(DataMissing, match="train.csv and test.csv carry no test labels"):
        datasets.load("fer2013", root=tmp_path)


def test_the_second_reading_comes_from_the_cache(tmp_path, cache, monkeypatch):
    place = put(tmp_path / "fer2013.csv", fer_csv(fer_rows()))
    first = fer.fer2013(place)
    parse, calls = fer._parse, []
    monkeypatch.setattr(fer, "_parse", lambda *args: calls.append(1) or parse(*args))
    again = fer.fer2013(place)
    assert not calls and (again.inputs == first.inputs).all()
    assert (again.labels, again.ids, again.splits) == (first.labels, first.ids, first.splits)

    changed = [(6, image, usage) for _, image, usage in fer_rows(seed=1)]
    put(place, fer_csv(changed))
    assert set(fer.fer2013(place).labels) == {"neutral"} and len(calls) == 1
    assert len(list((cache / "faces").iterdir())) == 1  # the old one is gone, and no temporary file is left


@pytest.mark.fault("A table changes, but neither its size nor its time", "it is read anew: the cache goes by its bytes")
def test_the_cache_goes_by_the_bytes_of_a_file(tmp_path, cache):
    place = put(tmp_path / "fer2013.csv", fer_csv(fer_rows()))
    first, before = fer.fer2013(place), place.stat()
    data = place.read_bytes()
    at = data.index(b"\n") + 1
    place.write_bytes(data[:at] + (b"6" if data[at : at + 1] != b"6" else b"5") + data[at + 1 :])
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat().st_size == before.st_size and place.stat().st_mtime_ns == before.st_mtime_ns
    assert fer.fer2013(place).labels[0] != first.labels[0]


@pytest.mark.fault("A file of the cache is empty, cut off or damaged", "it is made again")
def test_a_damaged_cache_is_made_again(tmp_path, cache):
    place = put(tmp_path / "fer2013.csv", fer_csv(fer_rows()))
    first = fer.fer2013(place)
    (kept,) = (cache / "faces").iterdir()
    whole = kept.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damage in (b"", whole[: len(whole) // 2], bytes(flipped), b"nonsense"):
        kept.write_bytes(damage)
        assert (fer.fer2013(place).inputs == first.inputs).all()
        assert kept.read_bytes() == whole


def test_without_a_place_for_the_cache_reading_still_works(tmp_path, cache):
    cache.write_text("a file where the folder should be")
    place = put(tmp_path / "fer2013.csv", fer_csv(fer_rows()))
    assert len(fer.fer2013(place).labels) == len(fer.fer2013(place).labels) == 21


def test_fer2013_in_another_size(tmp_path):
    place = put(tmp_path / "fer2013.csv", fer_csv(fer_rows()))
    assert fer.fer2013(place, size=24).inputs.shape == (21, 24, 24)
    cut = fer.fer2013(place, crop=lambda image: image[8:40, 8:40]).inputs
    assert (cut == fer.fer2013(place).inputs[:, 8:40, 8:40]).all()


# --- FER-2013: folders


def test_folders_whose_file_names_tell_the_three_splits(tmp_path):
    rows = fer_rows()
    for i, (emotion, image, usage) in enumerate(rows):
        folder = "train" if usage == "Training" else "test"
        put(tmp_path / folder / FER_WORDS[emotion] / f"{usage}_{1000 + i}.png", image)
    read = fer.fer2013(tmp_path)
    rows = {i: (label, part) for i, label, part in zip(read.ids, read.labels, read.splits)}
    assert rows["test/happy/PublicTest_1010.png"] == ("happiness", "validation")
    assert rows["test/angry/PrivateTest_1014.png"] == ("anger", "test")
    assert Counter(read.splits) == dict.fromkeys(SPLITS, 7) and read.inputs.shape == (21, 48, 48)


def test_folders_that_mix_the_test_parts_say_so(tmp_path):
    for i, (emotion, image, usage) in enumerate(fer_rows()):
        put(tmp_path / ("train" if usage == "Training" else "test") / FER_WORDS[emotion] / f"im{i}.png", image)
    read = fer.fer2013(tmp_path)
    assert Counter(read.splits) == {"train": 7, "test": 14}
    assert any("mixes PublicTest and PrivateTest" in note for note in read.notes)
    assert read.expected == {"train": 28709, "test": 7178}


@pytest.mark.parametrize("names", [("train", "validation", "test"), ("train", "validation", "validation")])
def test_folders_with_a_validation_part_mix_nothing(tmp_path, names):
    for i, (emotion, image, usage) in enumerate(fer_rows()):
        put(tmp_path / names[USAGES.index(usage)] / FER_WORDS[emotion] / f"im{i}.png", image)
    read = fer.fer2013(tmp_path)
    assert Counter(read.splits) == Counter(SPLITS * 7 if "test" in names else ("train", "test", "test") * 7)
    assert not any("mixes" in note for note in read.notes) and read.expected == {}


# --- FER-2013 and FER+: the real files, read once


@pytest.fixture(scope="module")
def real_fer(tmp_path_factory):
    root = real_data("fer2013").parent
    patch = pytest.MonkeyPatch()
    place = tmp_path_factory.mktemp("cache")
    patch.setattr(store, "user_cache", lambda: place)
    yield {
        "fer2013": datasets.load("fer2013", root=root),
        **{rule: datasets.load("ferplus", root=root, rule=rule) for rule in ("majority", "probability")},
        "root": root,
    }
    patch.undo()


def test_real_fer2013_has_the_published_counts(real_fer):
    data = real_fer["fer2013"]
    assert [len(s) for s in (data.train, data.validation, data.test)] == [28709, 3589, 3589]
    counts = Counter(np.concatenate([data.train.labels, data.validation.labels, data.test.labels]))
    assert [counts[name] for name in EMOTIONS7] == [4953, 547, 5121, 8989, 6077, 4002, 6198]
    assert data.train.inputs[0, 0, :8].tolist() == [70, 80, 82, 72, 58, 58, 60, 63]  # the first row of the file
    assert data.train.labels[0] == "anger" and data.train.ids[0] == "fer0000000"
    assert "PrivateTest to test" in data.protocol
    assert "288 test rows have a picture that also stands in the training split." in data.notes
    assert len([rows for rows in leaks.duplicates(data) if {"train", "test"} <= {p for p, _ in rows}]) > 200


def reference_ferplus(row, majority):
    """The rules in words of the paper and steps of its code, one row at a time: ten shares."""
    votes = [v if v > 1 else 0 for v in row]
    total, kept = sum(votes), [0] * 10
    if majority:
        top = max(votes)
        kept = [v if v == top and v > total / 2 else 0 for v in votes]
    else:
        count, valid = 0, True
        while sum(kept) < 0.75 * total and count < 3 and valid:
            top = max(votes)
            for i in range(10):
                if votes[i] == top:
                    kept[i], votes[i] = top, 0
                    count += 1
                    if i >= 8:
                        valid = False
                        if sum(kept) > top:
                            kept[i] = 0
                            count -= 1
                        break
        if sum(kept) <= 0.5 * total or count > 3:
            kept = [0] * 10
    return kept if sum(kept) else [0] * 8 + [1, 0]


@pytest.mark.parametrize("rule", ["majority", "probability"])
def test_real_ferplus_follows_the_rules_of_its_paper(real_fer, rule):
    with open(real_fer["root"] / "fer2013" / "fer2013new.csv", newline="") as file:
        votes = [[int(v) for v in row[2:]] for row in list(csv.reader(file))[1:]]
    expected = {}
    for i, row in enumerate(votes):
        kept = reference_ferplus(row, rule == "majority")
        if int(np.argmax(kept)) < 8:
            expected[f"fer{i:07d}"] = FERPLUS.names[int(np.argmax(kept))]
    data = real_fer[rule]
    read = {i: x for part in SPLITS for i, x in zip(getattr(data, part).ids, getattr(data, part).labels)}
    assert read == expected
    assert sum(map(int, "".join(c if c.isdigit() else " " for c in data.notes[0]).split())) == 35887 - len(expected)
    if rule == "majority":
        assert [len(getattr(data, part)) for part in SPLITS] == [25060, 3199, 3153]


def test_real_ferplus_distributions_and_pictures(real_fer):
    data, plain = real_fer["probability"], real_fer["fer2013"]
    share = datasets.ferplus_distributions(data.test.ids, root=real_fer["root"])
    assert share.shape == (3505, 8) and share.dtype == np.float32
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-6)
    assert (FERPLUS.decode(share.argmax(axis=1)) == data.test.labels).all()
    # The first row has 4 votes for neutral, 1 for sadness (dropped), 3 for anger, 2 for disgust. Neutral and anger are
    # 7 of 9, more than three quarters, so disgust is dropped too.
    first = datasets.ferplus_distributions(["fer0000000"], root=real_fer["root"])[0]
    np.testing.assert_allclose(first, np.array([4, 0, 0, 0, 3, 0, 0, 0]) / 7, rtol=1e-6)
    where = dict(zip(plain.test.ids, range(len(plain.test))))
    assert (data.test.inputs == plain.test.inputs[[where[i] for i in data.test.ids]]).all()


def votes_csv(rows, votes):
    lines = [f"{usage},fer{i:07d}.png,{','.join(map(str, v))}" for i, ((_, _, usage), v) in enumerate(zip(rows, votes))]
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    return "\n".join([head, *lines, ""]).encode()


def test_ferplus_drops_what_its_paper_drops(tmp_path):
    rows = fer_rows()
    votes = [[10, 0, 0, 0, 0, 0, 0, 0, 0, 0]] * 21
    votes[1] = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0]  # contempt
    votes[2] = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]  # no majority
    votes[3] = [0, 0, 0, 0, 0, 0, 0, 0, 8, 2]  # unknown
    votes[4] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]  # not a face
    votes[5] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]  # single votes only
    votes[6] = [1, 3, 1, 1, 1, 0, 1, 1, 1, 0]  # single votes dropped, happiness has all that is left
    put(tmp_path / "fer2013" / "fer2013.csv", fer_csv(rows))
    place = put(tmp_path / "ferplus" / "fer2013new.csv", votes_csv(rows, votes))
    read = fer.ferplus(place.parent)  # the pictures are found in the data root
    assert read.labels[:3] == ["neutral", "contempt", "happiness"] and read.ids[2] == "fer0000006"
    assert len(read.labels) == 17 and (read.inputs[2] == rows[6][1]).all()
    assert read.notes[-1] == "3 rows without agreement on an emotion and 1 of no face were left out"
    both = fer.ferplus(place, rule="probability")
    assert "fer0000002" in both.ids  # 5 and 5: both are kept
    data = datasets.load("ferplus", root=tmp_path)
    assert len(data.train) + len(data.validation) + len(data.test) == 17


def test_ferplus_of_other_rows_is_refused(tmp_path):
    rows = fer_rows()
    put(tmp_path / "fer2013.csv", fer_csv(rows[7:] + rows[:7]))
    place = put(tmp_path / "fer2013new.csv", votes_csv(rows, [[10] + [0] * 9] * 21))
    with pytest.raises(DataCorrupt, match="not of the same rows"):
        fer.ferplus(place.parent)
    with pytest.raises(BadInput, match="rule"):
        fer.ferplus_distributions(["fer0000000"], path=place, rule="most")
    put(place, place.read_bytes()[:-6])
    with pytest.raises(DataCorrupt, match="ends within a row"):
        fer.ferplus(place.parent)


def test_ferplus_without_pictures_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_DATA", str(tmp_path / "nowhere"))
    place = put(tmp_path / "labels" / "ferplus" / "fer2013new.csv", votes_csv(fer_rows(), [[10] + [0] * 9] * 21))
    with pytest.raises(DataMissing, match="fer2013"):
        fer.ferplus(place.parent)


# --- posed faces

JAFFE_CODES = {"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness", "NE": "neutral", "SA": "sadness"}
JAFFE_CODES["SU"] = "surprise"
WOMEN = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")


def write_jaffe(folder, women=WOMEN):
    for w, woman in enumerate(women):
        for c, code in enumerate(JAFFE_CODES):
            for k in (1, 2):
                put(folder / "jaffe" / f"{woman}.{code}{k}.{20 * w + 2 * c + k}.tiff", grey(100 * w + 10 * c + k, 32))


def test_jaffe_reads_names_of_files(tmp_path):
    write_jaffe(tmp_path, WOMEN[:3])
    put(tmp_path / "jaffe" / "README.tiff", grey(1))
    read = faces.jaffe(tmp_path)
    assert len(read.labels) == 42 and read.inputs.shape == (42, 32, 32)
    rows = dict(zip(read.ids, zip(read.labels, read.groups, read.inputs)))
    for c, code in enumerate(JAFFE_CODES):
        label, woman, image = rows[f"KM.{code}2.{40 + 2 * c + 2}"]
        assert (label, woman) == (JAFFE_CODES[code], "KM") and (image == grey(200 + 10 * c + 2, 32)).all()
    assert "README.tiff" in read.notes[0]


def test_ten_folds_of_jaffe_leave_one_woman_out(tmp_path):
    write_jaffe(tmp_path)
    left = set()
    for fold in range(10):
        data = datasets.load("jaffe", path=tmp_path, fold=fold)
        leaks.check_subjects(data)
        left |= set(data.test.groups)
        assert len(set(data.test.groups)) == 1
    assert left == set(WOMEN)


def test_kdef_reads_names_of_files(tmp_path):
    codes = {"AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happiness", "NE": "neutral", "SA": "sadness"}
    for person in ("F01", "M02"):
        for code in (*codes, "SU"):
            for angle in ("S", "HL", "FR"):
                put(tmp_path / f"A{person}" / f"A{person}{code}{angle}.JPG", colour(3))
    put(tmp_path / "AKDEF" / "AFNES.JPG", colour(4))  # an average of faces, not a picture of anybody
    read = faces.kdef(tmp_path)
    rows = dict(zip(read.ids, zip(read.labels, read.groups)))
    assert len(rows) == 42 and rows["AF01AFS"] == ("fear", "F01") and rows["AM02SUHL"] == ("surprise", "M02")
    assert all(rows[f"AF01{code}S"][0] == label for code, label in codes.items())
    assert "AFNES" in read.notes[0]
    straight = faces.kdef(tmp_path, angles=("S",), size=8, grey=True)
    assert len(straight.labels) == 14 and straight.inputs.shape == (14, 8, 8)


def test_ckplus_in_folders_of_48_pixels(tmp_path):
    for c, folder in enumerate(("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")):
        for person in range(12):
            for frame in (17, 18, 19):
                name = f"S{10 + person:03d}_{c + 1:03d}_{frame:08d}.png"
                put(tmp_path / "CK+48" / folder / name, grey(c * 100 + person * 10 + frame))
    read = faces.ckplus(tmp_path)
    rows = dict(zip(read.ids, zip(read.labels, read.groups)))
    assert len(rows) == 252 and rows["S012_005_00000018"] == ("happiness", "S012")
    assert read.splits is None and set(read.labels) == set(CKPLUS)
    data = datasets.load("ckplus", path=tmp_path, folds=5)
    leaks.check_subjects(data)


def test_ckplus_in_its_original_layout_reads_the_peak_frame(tmp_path):
    numbers = {"S005_001": 3, "S010_002": 1, "S011_003": 2, "S014_001": 7, "S022_005": 5, "S026_001": 0, "S999_003": 6}
    for sequence, number in numbers.items():
        place = sequence.replace("_", "/")
        for frame in (1, 2, 11):
            put(tmp_path / "cohn-kanade-images" / place / f"{sequence}_{frame:08d}.png", grey(number * 20 + frame))
        text = f"   {number:.7e}\n".encode()
        put(tmp_path / "Emotion" / place / f"{sequence}_00000011_emotion.txt", text)
    put(tmp_path / "cohn-kanade-images/S042/001/S042_001_00000001.png", grey(77))  # not labelled
    read = faces.ckplus(tmp_path)
    rows = dict(zip(read.ids, zip(read.labels, read.groups, read.inputs)))
    assert len(rows) == 6  # 0 is neutral, which the label set does not hold
    names = {i[:8]: label for i, (label, _, _) in rows.items()}
    assert names == {
        "S005_001": "disgust", "S010_002": "anger", "S011_003": "contempt", "S014_001": "surprise",
        "S022_005": "happiness", "S999_003": "sadness",
    }  # fmt: skip
    assert rows["S005_001_00000011"][1] == "S005" and (rows["S005_001_00000011"][2] == grey(71)).all()


# --- faces in the wild


def write_sfew(folder, suffix=""):
    for part, films in (("Train", "ABCDEFGHIJ"), ("Val", "XYZ")):
        for film in films:
            for e, word in enumerate(("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")):
                name = f"Film_{film}_{e:09d}_00000014.png"
                put(folder / f"{part}{suffix}" / word / name, colour(ord(film) * 10 + e + len(suffix)))


def test_sfew_tests_on_val_and_keeps_films_together(tmp_path):
    write_sfew(tmp_path)
    put(tmp_path / "Test" / "0001.png", colour(1))
    data = datasets.load("sfew", path=tmp_path)
    assert set(data.test.groups) == {"Film_X", "Film_Y", "Film_Z"} and len(data.test) == 21
    leaks.check_subjects(data)
    assert data.test.labels[list(data.test.ids).index("Val/Happy/Film_X_000000003_00000014.png")] == "happiness"
    assert any("Test (1)" in note for note in data.notes)


def test_sfew_aligned_or_not(tmp_path):
    write_sfew(tmp_path, "_Aligned_Faces")
    assert len(faces.sfew(tmp_path).labels) == 91  # nothing else is there
    write_sfew(tmp_path)
    assert all("Aligned" not in i for i in faces.sfew(tmp_path).ids)
    assert all("Aligned" in i for i in faces.sfew(tmp_path, aligned=True).ids)


RAF = {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}


@pytest.mark.parametrize("tables", ["list", "csv"])
def test_rafdb(tmp_path, tables):
    listed = [(f"{part}_{i:05d}.jpg", i % 7 + 1) for part, n in (("train", 14), ("test", 7)) for i in range(1, n + 1)]
    if tables == "list":
        put(tmp_path / "EmoLabel/list_patition_label.txt", "".join(f"{n} {k}\n" for n, k in listed).encode())
    else:
        for part in ("train", "test"):
            rows = [f"{n.replace('.jpg', '_aligned.jpg')},{k}\n" for n, k in listed if n.startswith(part)]
            put(tmp_path / f"{part}_labels.csv", ("image,label\n" + "".join(rows)).encode())
    for i, (name, _) in enumerate(listed):
        put(tmp_path / "Image/original" / name, colour(i, 24))
        if name != "train_00003.jpg":
            put(tmp_path / "Image/aligned" / name.replace(".jpg", "_aligned.jpg"), colour(i, 10))
    (tmp_path / "Image/original/train_00003.jpg").unlink()
    read = faces.rafdb(tmp_path)
    assert Counter(read.splits) == {"train": 13, "test": 7} and read.inputs.shape == (20, 10, 10, 3)
    assert dict(zip(read.ids, read.labels)) == {n[:-4]: RAF[k] for n, k in listed if n != "train_00003.jpg"}
    assert "train_00003" in read.notes[0]


def test_rafdb_with_a_label_that_is_none(tmp_path):
    put(tmp_path / "list_patition_label.txt", b"train_00001.jpg 3\ntrain_00002.jpg 8\n")
    with pytest.raises(DataCorrupt, match="line 2.*labels of RAF-DB are 1 to 7"):
        faces.rafdb(tmp_path)


def test_affectnet_with_annotations(tmp_path):
    for part, n in (("train_set", 40), ("val_set", 10)):
        for i in range(n):
            put(tmp_path / part / "images" / f"{i}.jpg", colour(i))
            place = tmp_path / part / "annotations" / f"{i}_exp.npy"
            place.parent.mkdir(parents=True, exist_ok=True)
            np.save(place, str(i % 9))  # 8 is none of the emotions
    (tmp_path / "train_set/annotations/0_exp.npy").unlink()
    read = faces.affectnet(tmp_path)
    rows = dict(zip(read.ids, zip(read.labels, read.splits)))
    assert read.notes[0] == "1 pictures without an annotation were left out"
    assert rows["train_set/images/7.jpg"] == ("contempt", "train")
    assert rows["val_set/images/4.jpg"] == ("fear", "test")
    assert "train_set/images/8.jpg" not in rows and len(rows) == 44
    assert {rows[f"train_set/images/{i}.jpg"][0] for i in range(1, 10) if i != 8} == set(AFFECTNET)


def test_affectnet_tables_with_boxes(tmp_path):
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
    images = {}
    for table, n in (("training", 20), ("validation", 9)):
        rows = []
        for i in range(n):
            place = f"{i}/{table}{i}.png"
            images[place] = colour(i, 40)
            put(tmp_path / "Manually_Annotated_Images" / place, images[place])
            rows.append(f"{place},5,6,20,22,1;2;3,{i % 10},-0.2,0.3\n")
        put(tmp_path / f"{table}.csv", ((head if table == "training" else "") + "".join(rows)).encode())
    (tmp_path / "Manually_Annotated_Images/1/training1.png").unlink()
    read = faces.affectnet(tmp_path)
    rows = dict(zip(read.ids, zip(read.labels, read.splits, read.inputs)))
    label, part, image = rows["6/training6.png"]
    assert (label, part) == ("anger", "train") and (image == images["6/training6.png"][6:28, 5:25]).all()
    assert rows["3/validation3.png"][:2] == ("surprise", "test") and len(rows) == 15 + 8
    assert any("5 rows without one of the eight" in note for note in read.notes)
    assert any("1 pictures of the tables are not there" in note for note in read.notes)


def test_affectnet_in_folders_of_numbers(tmp_path):
    for part in ("train", "val"):
        for number in range(8):
            put(tmp_path / part / str(number) / "a.jpg", colour(number))
    read = faces.affectnet(tmp_path)
    rows = dict(zip(read.ids, zip(read.labels, read.splits)))
    assert rows["train/1/a.jpg"] == ("happiness", "train") and rows["val/6/a.jpg"] == ("anger", "test")
    assert any("no test folder" in note for note in read.notes)


# --- a reader's own folders


def write_classes(folder, names, n=8, edge=16):
    for c, name in enumerate(names):
        for i in range(n):
            put(folder / name / f"{i}.png", grey(100 * c + i, edge))


def test_from_folder_knows_emotions_by_their_names(tmp_path):
    write_classes(tmp_path / "mine", ("Sad", "happy", "angry"))
    data = datasets.from_folder(tmp_path / "mine", folds=4)
    assert data.label_set.names == ("anger", "happiness", "sadness") and data.name == "mine"
    rows = dict(zip(data.train.ids, zip(data.train.labels, data.train.inputs)))
    label, image = next(value for i, value in rows.items() if i.startswith("happy/"))
    assert label == "happiness"
    name = next(i for i in rows if i.startswith("Sad/"))
    assert (rows[name][1] == grey(int(name[4]), 16)).all()
    write_classes(tmp_path / "all", FER_WORDS)
    assert datasets.from_folder(tmp_path / "all").label_set == EMOTIONS7
    write_classes(tmp_path / "other", ("zebra", "cat"))
    assert datasets.from_folder(tmp_path / "other").label_set.names == ("cat", "zebra")


def test_from_folder_with_parts_and_people(tmp_path):
    for part, n in (("train", 12), ("val", 4), ("test", 4)):
        write_classes(tmp_path / "parts" / part, ("happy", "sad"), n)
    data = datasets.from_folder(tmp_path / "parts")
    assert [len(getattr(data, part)) for part in SPLITS] == [24, 8, 8]
    for person in range(8):
        for word in ("happy", "sad"):
            put(tmp_path / "people" / word / f"S{person}_1.png", grey(person))
    data = datasets.from_folder(tmp_path / "people", subject=r"(S\d)_", folds=4)
    leaks.check_subjects(data)
    assert set(data.train.groups) | set(data.validation.groups) | set(data.test.groups) == {f"S{i}" for i in range(8)}
    numbered = datasets.from_folder(tmp_path / "people", subject=lambda name: int(name[-7]), folds=4)
    assert "0" in {*numbered.train.groups, *numbered.validation.groups, *numbered.test.groups}
    with pytest.raises(BadInput, match="not found in 'happy/S0_1.png'"):
        datasets.from_folder(tmp_path / "people", subject=r"P\d")


def test_from_folder_reads_an_archive(tmp_path):
    write_classes(tmp_path / "a", ("happy", "sad"))
    files = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in sorted(tmp_path.rglob("*.png"))}
    archive = put(tmp_path / "z" / "faces.zip", zipped(files))
    for place in (archive, archive.parent):
        data = datasets.from_folder(place)
        assert len(data.train) + len(data.validation) + len(data.test) == 16


def test_a_link_back_up_multiplies_no_picture(tmp_path):
    write_classes(tmp_path / "a", ("happy", "sad"))
    (tmp_path / "a" / "happy" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "b").symlink_to(tmp_path / "a")  # another link is followed
    assert [len(folders.files(tmp_path / name)) for name in ("a", "b", "")] == [16, 16, 32]


def test_from_folder_refuses_what_it_cannot_know(tmp_path):
    with pytest.raises(DataMissing, match="nowhere"):
        datasets.from_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no pictures"):
        datasets.from_folder(tmp_path / "empty")
    write_classes(tmp_path / "a", ("happy", "sad"))
    (tmp_path / "a" / "angry").mkdir()
    with pytest.raises(BadInput, match="angry holds no picture"):
        datasets.from_folder(tmp_path / "a")
    (tmp_path / "a" / "angry").rmdir()
    write_classes(tmp_path / "a", ("bored",))
    with pytest.raises(LabelMismatch, match="'bored' is no class.*skip_unknown"):
        datasets.from_folder(tmp_path / "a", label_set=EMOTIONS7)
    data = datasets.from_folder(tmp_path / "a", label_set=EMOTIONS7, skip_unknown=True)
    assert "8 pictures were left out" in data.notes[0] and "bored (8)" in data.notes[0]
    assert set(data.train.labels) == {"happiness", "sadness"}
    write_classes(tmp_path / "b", ("happy",))
    with pytest.raises(BadInput, match="two or more"):
        datasets.from_folder(tmp_path / "b")
    write_classes(tmp_path / "c" / "train", ("happy", "sad"))
    write_classes(tmp_path / "c", ("angry",))
    with pytest.raises(BadInput, match="some do not"):
        datasets.from_folder(tmp_path / "c")
    put(tmp_path / "d" / "0.png", grey(0))
    with pytest.raises(BadInput, match="named by their class"):
        datasets.from_folder(tmp_path / "d")


def test_pictures_that_cannot_be_read_are_left_out_and_noted(tmp_path):
    write_classes(tmp_path, ("happy", "sad"), n=10)
    put(tmp_path / "happy" / "text.jpg", b"this is not a picture")
    whole = io.BytesIO()
    Image.fromarray(colour(1, 200)).save(whole, "JPEG")
    put(tmp_path / "sad" / "truncated.jpg", whole.getvalue()[: len(whole.getvalue()) // 2])
    put(tmp_path / "sad" / "one.png", grey(1, 1))
    put(tmp_path / "sad" / "none.jpg", b"")
    Image.fromarray(np.full((16, 16), np.nan, "float32")).save(tmp_path / "sad" / "nan.tiff")
    (tmp_path / "sad" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for size in (None, 24):  # a single pixel would become a flat face with a label
        data = datasets.from_folder(tmp_path, size=size)
        ids = {name for part in SPLITS for name in getattr(data, part).ids}
        assert len(ids) == 20 and all(name.endswith(".png") for name in ids) and "sad/one.png" not in ids
        assert data.notes[0].startswith("6 unreadable pictures were left out, the first being happy/text.jpg")
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(b"nonsense")
    with pytest.raises(DataCorrupt, match="none of 26 pictures can be read"):
        datasets.from_folder(tmp_path)


def test_too_many_bytes_stay_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "WHOLE", 1000)
    write_classes(tmp_path, ("happy", "sad"))
    for name in ("im 1.png", "IM 1.png"):  # other pictures, whose paths differ in case
        put(tmp_path / "sad" / name, grey(len(list(tmp_path.rglob("*.png")))))
    data = datasets.from_folder(tmp_path)
    assert data.train.inputs.dtype == object and Path(data.train.inputs[0]).is_file()
    assert "size=96" in data.notes[0] and len(data.notes) == 1
    assert datasets.from_folder(tmp_path, size=8).train.inputs.shape[1:] == (8, 8)
    for options in ({"grey": True}, {"crop": lambda image: image}):  # could not be done to paths
        with pytest.raises(BadInput, match="size=96"):
            datasets.from_folder(tmp_path, **options)


def test_pictures_of_several_sizes_and_kinds(tmp_path):
    write_classes(tmp_path, ("happy", "sad"))
    put(tmp_path / "happy" / "wide.png", colour(3, 20)[:10])
    data = datasets.from_folder(tmp_path, folds=3)
    images = [image for part in SPLITS for image in getattr(data, part).inputs]
    assert {image.shape for image in images} == {(16, 16, 3), (10, 20, 3)}
    small = datasets.from_folder(tmp_path, size=8, grey=True)
    assert small.train.inputs.shape[1:] == (8, 8)


def test_equal_pictures_are_not_torn_apart(tmp_path):
    for word in ("happy", "sad"):
        for i in range(20):
            put(tmp_path / word / f"{i}.png", grey(i // 2 + 100 * (word == "sad")))
    for fold in range(5):
        data = datasets.from_folder(tmp_path, folds=5, fold=fold)
        assert all(len({part for part, _ in rows}) == 1 for rows in leaks.duplicates(data))
        assert not any("also stands" in note for note in data.notes)


# --- pictures


def test_a_picture_is_the_same_in_every_form(tmp_path, monkeypatch):
    image = colour(5, 20)
    same = pictures.as_picture(image)
    assert (same == image).all()
    forms = [
        put(tmp_path / "a.png", image), str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes(),
        image.astype("float32"), image / 255.0, image.astype("uint16") * 257, image.astype("int64"),
        np.dstack([image, np.full((20, 20), 255, "uint8")]),
    ]  # fmt: skip
    Image.fromarray(forms[-1]).save(tmp_path / "rgba.png")
    Image.fromarray(image).save(tmp_path / "a.bmp")
    Image.fromarray(image).save(tmp_path / "a.tiff")
    for form in (*forms, tmp_path / "rgba.png", tmp_path / "a.bmp", tmp_path / "a.tiff"):
        assert (pictures.as_picture(form) == image).all()
    assert (pictures.as_picture(image[..., ::-1], bgr=True) == image).all()
    assert (pictures.as_picture(tmp_path / "a.png", bgr=True) == image).all()  # a file is never BGR
    assert (pictures.as_picture(image / 255 * 1.0000001) == image).all()  # rounding above 1
    monkeypatch.chdir(tmp_path)
    assert (pictures.as_picture(put("~nobody.png", image)) == image).all()


def test_grey_pictures_in_every_form(tmp_path):
    image = grey(6, 20)
    image[0, 0], image[0, 1] = 0, 255
    deep = image.astype("uint16") * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(image).convert("P").save(tmp_path / "palette.png")
    assert np.asarray(Image.open(tmp_path / "deep.png")).max() == 65535
    Image.fromarray(image.astype("int32")).save(tmp_path / "long.tiff")
    Image.fromarray(deep.astype("int32")).save(tmp_path / "longer.tiff")
    files = [tmp_path / name for name in ("deep.png", "long.tiff", "longer.tiff")]
    for form in (image, image[..., None], image / 255.0, deep, *files):
        assert (pictures.as_picture(form) == image).all()
    assert (pictures.as_picture(tmp_path / "palette.png") == image[..., None]).all()
    one_bit = Image.fromarray(image > 127)
    one_bit.save(tmp_path / "bits.png")
    assert (pictures.as_picture(tmp_path / "bits.png") == (image > 127) * 255).all()
    assert (pictures.as_picture(image > 127) == (image > 127) * 255).all()


def test_transparency_turns_white_and_exif_turns_upright(tmp_path):
    clear = np.zeros((4, 4, 4), "uint8")
    clear[0, 0] = 10, 20, 30, 255
    clear[1, 1] = 100, 200, 0, 128
    seen = pictures.as_picture(clear)
    assert seen[0, 0].tolist() == [10, 20, 30] and seen[3, 3].tolist() == [255, 255, 255]
    assert seen[1, 1].tolist() == [177, 227, 127]  # (100 * 128 + 255 * 127) / 255 and so on
    upright = np.zeros((8, 16, 3), "uint8")
    upright[:, :8] = 200
    picture, exif = Image.fromarray(np.rot90(upright)), Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    picture.save(tmp_path / "turned.png", exif=exif)
    assert (pictures.as_picture(tmp_path / "turned.png") == upright).all()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_picture_is_read_whatever_byte_of_its_exif_tags_is_damaged():
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010E], exif[0x011A] = 6, "hello", 72.0
    Image.fromarray(colour(1)).save(buffer, "JPEG", exif=exif)
    whole = buffer.getvalue()
    for place in range(whole.find(b"Exif") + 6, whole.find(b"\xff\xdb")):  # where what the pixels need begins
        for value in (0, 3, 5):
            damaged = whole[:place] + bytes([value]) + whole[place + 1 :]
            assert pictures.as_picture(damaged).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((5, 5), np.nan), "NaN"),
        (np.full((5, 5), -1.0), "-1 to -1"),
        (np.full((5, 5), 256), "256"),
        (np.zeros((5, 5, 2)), r"\(5, 5, 2\)"),
        (np.zeros((3, 5, 5)), r"\(3, 5, 5\)"),
        (np.zeros(5), r"\(5,\)"),
        (np.zeros((0, 5)), "without pixels"),
        (np.array([["a"]]), "numbers"),
    ],
)
def test_what_is_no_picture_is_refused(image, words):
    with pytest.raises(BadInput, match=words):
        pictures.as_picture(image)


def test_files_that_are_no_pictures_are_refused(tmp_path):
    with pytest.raises(DataMissing, match="nowhere.png"):
        pictures.as_picture(tmp_path / "nowhere.png")
    with pytest.raises(DataCorrupt, match="not a picture"):
        pictures.as_picture(put(tmp_path / "text.jpg", b"plain text"))
    for kind in ("JPEG", "PNG"):
        buffer = io.BytesIO()
        Image.fromarray(colour(1, 100)).save(buffer, kind)
        with pytest.raises(DataCorrupt, match="cannot be read"):
            pictures.as_picture(buffer.getvalue()[: len(buffer.getvalue()) // 2])


def test_squared_takes_the_centre():
    image = np.arange(8 * 20, dtype="uint8").reshape(8, 20)
    assert (pictures.squared(image, 8) == image[:, 6:14]).all()
    assert pictures.squared(image, 4).shape == (4, 4)


# --- one picture in three formats


def test_three_formats_give_the_same_pairs(tmp_path):
    """CSV in FER order, alphabetical folders, JAFFE names: the label goes with the picture, not with a position."""
    rows = fer_rows(42)
    codes = ("AN", "DI", "FE", "HA", "SA", "SU", "NE")
    put(tmp_path / "csv" / "fer2013.csv", fer_csv(rows))
    for i, (emotion, image, _) in enumerate(rows):
        put(tmp_path / "folders" / FER_WORDS[emotion] / f"{i}.png", image)
        put(tmp_path / "names" / f"{WOMEN[i % 10]}.{codes[emotion]}1.{i}.tiff", image)
    with pytest.warns(UserWarning, match="14 rows of train where 28,709 are published"):
        table = datasets.load("fer2013", path=tmp_path / "csv")
    loaded = [
        table,
        datasets.from_folder(tmp_path / "folders"),
        datasets.load("jaffe", path=tmp_path / "names"),
    ]
    pairs = [
        sorted((image.tobytes(), label) for part in SPLITS for image, label in zip(*_pair(getattr(data, part))))
        for data in loaded
    ]
    expected = sorted((image.tobytes(), EMOTIONS7.names[emotion]) for emotion, image, _ in rows)
    assert pairs[0] == pairs[1] == pairs[2] == expected
    assert all(data.label_set == EMOTIONS7 for data in loaded)


def _pair(split):
    return split.inputs, split.labels


def test_labels_meet_by_name_across_datasets():
    assert [common for common, _, _ in shared(EMOTIONS7, CKPLUS)] == list(EMOTIONS7.names[:6])
    assert [common for common, _, _ in shared(FERPLUS, EMOTIONS7)] == list(FERPLUS.names[:7])
    with pytest.raises(LabelMismatch, match="order differs"):
        EMOTIONS7.check_same(sorted(EMOTIONS7.names))


# --- protocols and leaks


def people(n=12, seed=0):
    """Pictures that look like their person more than like their emotion, each in three near repeats; 21 a person."""
    rng = np.random.default_rng(seed)
    inputs, labels, groups = [], [], []
    for person in range(n):
        base = rng.integers(30, 220, (12, 12))
        for emotion in EMOTIONS7:
            own = base + rng.integers(-40, 40, (12, 12))
            inputs += [np.clip(own + rng.normal(0, 3, (12, 12)), 0, 255).astype("uint8") for _ in range(3)]
            labels += [emotion] * 3
            groups += [f"P{person:02d}"] * 3
    return np.stack(inputs), objects(labels), objects(f"{i:04d}" for i in range(len(inputs))), objects(groups)


def split_at_random(inputs, labels, ids, groups, seed=0):
    order = np.random.default_rng(seed).permutation(len(ids))
    cut = {"test": order[:60], "validation": order[60:100], "train": order[100:]}
    parts = {p: Split(p, inputs[i], labels[i], ids[i], groups[i]) for p, i in cut.items()}
    return Dataset("people", **parts, label_set=EMOTIONS7)


def test_shared_subjects_are_named():
    data = split_at_random(*people())
    with pytest.raises(BadInput, match="12 subjects are in train and in test.*P00.*subject_folds"):
        leaks.check_subjects(data)
    without = Dataset(
        "x", *(Split(p, np.zeros((1, 2, 2)), objects("a"), objects(p[:1])) for p in SPLITS), label_set=EMOTIONS7
    )
    with pytest.raises(BadInput, match="does not say who"):
        leaks.check_subjects(without)


def test_subject_folds_leave_everybody_out_once():
    data = split_at_random(*people())
    tested = Counter()
    for fold in datasets.subject_folds(data):
        leaks.check_subjects(fold)
        assert len(set(fold.test.groups)) == 1 and fold.test.groups[0] in fold.protocol
        assert sum(len(getattr(fold, part)) for part in SPLITS) == 252
        tested.update(fold.test.ids)
    assert set(tested.values()) == {1} and len(tested) == 252
    folds = list(datasets.subject_folds(data, 4, seed=1))
    assert [len(set(fold.test.groups)) for fold in folds] == [3, 3, 3, 3]
    assert set().union(*(set(fold.test.groups) for fold in folds)) == set(data.train.groups)
    assert list(datasets.subject_folds(data, 4, seed=1))[2].test.ids.tolist() == folds[2].test.ids.tolist()
    with pytest.raises(BadInput, match="12 subjects"):
        next(datasets.subject_folds(data, 13))


def test_the_probe_finds_near_repeats_that_a_random_split_tears_apart():
    data = split_at_random(*people())
    leaking = leaks.probe(data)
    clean = leaks.probe(next(iter(datasets.subject_folds(data, 4))))
    assert leaking.accuracy > 0.8 and leaking.repeats > 0.8 and leaking.elsewhere < 0.5
    assert clean.accuracy == clean.elsewhere < 0.5 and clean.repeats == 0
    test = dict(zip(data.test.ids, data.test.groups))
    train = dict(zip(data.train.ids, data.train.groups))
    assert len(leaking.pairs) == 20 and all(test[a] == train[b] for _, a, b in leaking.pairs)
    assert "near" in str(leaking) and leaking.n_test == 60


def test_the_probe_counts_by_hand():
    """Three pictures to train, four to test whose nearest is known."""
    a, b, c = (grey(i, 24) for i in range(3))
    brighter = (a // 2 + 60).astype("uint8")  # the same picture under another light
    train = Split("train", np.stack([a, b, c]), objects(["fear", "anger", "fear"]), objects("abc"))
    labels = objects(["fear", "fear", "fear", "anger"])
    test = Split("test", np.stack([a, brighter, b, 255 - a]), labels, objects("wxyz"))
    data = Dataset("toy", train=train, validation=test, test=test, label_set=EMOTIONS7)
    probe = leaks.probe(data)
    # w and x are nearest to a: right. y is b, anger: wrong. z is as unlike a as can be: b or c decide.
    z = np.array([np.corrcoef((255 - a).ravel(), other.ravel())[0, 1] for other in (a, b, c)]).argmax()
    assert probe.accuracy == (2 + (z == 1)) / 4 and probe.majority == 0.75
    assert probe.repeats == 0.75 and probe.elsewhere is None
    assert probe.pairs[0][0] == pytest.approx(1, abs=1e-5)
    of_one = [replace(split, groups=objects(["me"] * len(split))) for split in (train, test)]
    assert leaks.probe(replace(data, train=of_one[0], test=of_one[1])).elsewhere is None
    assert set(leaks.duplicates(data)) >= {(("train", "a"), ("validation", "w"), ("test", "w"))}
    with pytest.raises(BadInput, match="train"):
        leaks.probe(data, "train")


# --- rendered faces, imports


def test_rendered_faces_are_kept_and_split_by_person(monkeypatch):
    data = datasets.load("sample-faces", n_identities=4, per_identity=1, size=24)
    leaks.check_subjects(data)
    assert data.card.name == "sample-faces" and data.train.inputs.dtype == np.uint8
    from emorec.faces import render

    monkeypatch.setattr(render, "faces_from_ids", lambda *_, **__: pytest.fail("rendered again"))
    again = datasets.load("sample-faces", n_identities=4, per_identity=1, size=24)
    for part in SPLITS:
        one, two = getattr(data, part), getattr(again, part)
        assert (one.inputs == two.inputs).all() and (one.labels == two.labels).all()
        assert (one.ids == two.ids).all() and (one.groups == two.groups).all()
    assert again.protocol == data.protocol


def test_every_card_of_faces_has_its_reader():
    for card in cards.cards().values():
        if card.modality == "faces":
            module, name = card.reader.split(":")
            assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_reading_faces_does_not_import_what_is_slow():
    code = (
        "import sys, emorec.datasets as d; d.from_folder, d.subject_folds\n"
        "print([m for m in ('tensorflow', 'keras', 'cv2', 'pandas', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
