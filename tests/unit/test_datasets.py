"""Splits, cards and the data command."""

import argparse
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import emorec.datasets as datasets
from emorec import labels
from emorec.datasets import cards, commands, splits
from emorec.datasets.base import objects
from emorec.errors import BadInput, DataMissing, LabelMismatch

CHECKOUT = Path(__file__).resolve().parents[2]


def toy(n=200, classes=("a", "b")):
    ids = [f"id-{i}" for i in range(n)]
    return ids, [classes[i % len(classes)] for i in range(n)]


# --- splits


def test_shares_are_met_in_every_class():
    ids, names = toy(300, ("a", "b", "c"))
    parts = [splits.SPLITS[p] for p in splits.assign(ids, names, (0.8, 0.1, 0.1))]
    counts = Counter(zip(parts, names))
    assert counts == {(p, c): n for p, n in (("train", 80), ("validation", 10), ("test", 10)) for c in "abc"}


def test_folds_are_even_cover_everything_and_differ_by_seed():
    ids, names = toy(205)
    number = splits.k_fold(ids, names, folds=10, seed=0)
    assert sorted(Counter(number).values()) == [20] * 5 + [21] * 5
    by_class = Counter(zip(number.tolist(), names))
    assert set(by_class.values()) <= {10, 11} and len(by_class) == 20
    assert (number != splits.k_fold(ids, names, folds=10, seed=1)).mean() > 0.8


def test_a_fold_may_be_a_single_row():
    ids, names = toy(2100)
    assert np.bincount(splits.k_fold(ids, names, folds=2100)).tolist() == [1] * 2100


def test_row_order_does_not_matter():
    ids, names = toy(120)
    texts = [f"text {i // 3}" for i in range(120)]
    number = dict(zip(ids, splits.k_fold(ids, names, content=texts)))
    order = np.random.default_rng(0).permutation(120)
    again = splits.k_fold(*([values[i] for i in order] for values in (ids, names)), content=[texts[i] for i in order])
    assert number == dict(zip([ids[i] for i in order], again))


def test_numbers_never_change():
    # Published fold numbers depend on these; a change here is a change of every result.
    ids, names = toy(12)
    assert splits.k_fold(ids, names, folds=4).tolist() == [2, 1, 0, 0, 1, 3, 1, 0, 2, 3, 3, 2]


def test_duplicates_and_groups_stay_together():
    ids, names = toy(200)
    texts = ["  Same \tText" if i % 20 == 0 else "same text" if i % 20 == 1 else f"t{i}" for i in range(200)]
    content = [splits.normalise(text) for text in texts]
    groups = [f"g{i // 7}" for i in range(200)]
    for fold in range(5):
        parts = splits.fold_splits(ids, names, fold=fold, folds=5, content=content)
        assert len({part for part, text in zip(parts, content) if text == "same text"}) == 1
        parts = splits.fold_splits(ids, names, fold=fold, folds=5, groups=groups)
        assert all(len({p for p, h in zip(parts, groups) if h == g}) == 1 for g in set(groups))
        assert set(parts) == set(splits.SPLITS)


def test_fold_splits_use_every_row_once_as_test():
    ids, names = toy(100)
    parts = [splits.fold_splits(ids, names, fold=fold, folds=10) for fold in range(10)]
    assert (np.array([p == "test" for p in parts]).sum(axis=0) == 1).all()
    assert all(Counter(p) == {"test": 10, "validation": 9, "train": 81} for p in parts)


def test_labels_may_be_sets_of_names():
    ids = [f"i{i}" for i in range(90)]
    names = [("joy", "love") if i % 3 == 0 else ("joy",) if i % 3 == 1 else () for i in range(90)]
    parts = [splits.SPLITS[p] for p in splits.assign(ids, names, (2 / 3, 1 / 6, 1 / 6))]
    assert Counter(p for p, n in zip(parts, names) if "love" in n) == {
        "train": 20,
        "validation": 5,
        "test": 5,
    }


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ids": ["x"] * 50}, "unique ids"),
        ({"fold": 10}, "0 to 9"),
        ({"folds": 1}, "between 2 and"),
        ({"folds": 1000}, "between 2 and"),
        ({"labels": ["a"]}, "labels and keys"),
        ({"validation": 1.5}, "share of 1.5"),
    ],
)
def test_bad_requests_say_why(change, message):
    ids, names = toy(50)
    arguments = {"ids": ids, "labels": names, "fold": 0, "folds": 10} | change
    with pytest.raises(BadInput, match=message):
        splits.fold_splits(arguments.pop("ids"), arguments.pop("labels"), **arguments)


def assemble(**change):
    ids, names = toy(40, ("negative", "positive"))
    rows = {"inputs": objects(f"text {i}" for i in range(40)), "labels": names, "ids": ids}
    options = {k: change.pop(k) for k in ("fold",) if k in change}
    return splits.assemble("toy", splits.Rows(**rows | {"label_set": labels.POLARITY} | change), **options)


def test_assemble_keeps_official_parts_and_carves_the_missing_one():
    parts = ["train"] * 30 + ["test"] * 10
    data = assemble(splits=parts)
    assert len(data.test) == 10 and len(data.validation) == 3 and len(data.train) == 27
    assert set(data.test.ids) == {f"id-{i}" for i in range(30, 40)}
    assert "official split" in data.protocol and "10 %" in data.protocol
    full = assemble(splits=["train"] * 20 + ["validation"] * 10 + ["test"] * 10)
    assert (len(full.train), len(full.validation), full.protocol) == (20, 10, "official split")
    with pytest.raises(BadInput, match="official split, so fold=3"):
        assemble(splits=parts, fold=3)


def test_assemble_reports_duplicates_and_leaks():
    inputs = objects([f"text {i}" for i in range(36)] + ["TEXT  0", "Text 1", "text 2", "text 34"])
    notes = assemble(inputs=inputs, splits=["train"] * 30 + ["validation"] * 6 + ["test"] * 4).notes
    assert notes[0].startswith("4 rows repeat an earlier one") and "1 of the repeated texts" in notes[0]
    assert notes[1:] == ("3 test rows have a text that also stands in the training split.",)


def test_assemble_refuses_labels_from_elsewhere_and_empty_splits():
    with pytest.raises(LabelMismatch, match="happy"):
        assemble(labels=["happy"] * 40)
    with pytest.raises(BadInput, match="test split would be empty"):
        assemble(splits=["train"] * 40)


def test_assemble_splits_dicts_of_modalities_by_content_keys():
    inputs = {"text": objects(f"t{i}" for i in range(40)), "face": np.zeros((40, 4, 4), "uint8")}
    data = assemble(inputs=inputs, content=[f"c{i // 2}" for i in range(40)])
    assert data.train.inputs["face"].shape == (len(data.train), 4, 4)
    assert len(data.notes) == 1 and "20 rows repeat" in data.notes[0]  # and none of them across parts
    where = {i: split.name for split in (data.train, data.validation, data.test) for i in split.ids}
    assert all(where[f"id-{i}"] == where[f"id-{i + 1}"] for i in range(0, 40, 2))


# --- cards


def test_every_name_of_the_design_has_a_card():
    expected = """sample-sentences sample-reviews sample-faces sample-voices sample-pairs sample-dialogues
    movie-polarity movie-subjectivity imdb finegrained-sentiment sst-2 sst-5 semeval-2017-4a emotions goemotions
    isear meld fer2013 ferplus jaffe ckplus sfew affectnet rafdb kdef mosi mosei iemocap emodb
    ravdess cremad"""
    assert datasets.names() == tuple(expected.split())


def test_cards_are_complete_and_consistent():
    for card in cards.cards().values():
        assert card.modality in ("text", "faces", "voice", "multimodal")
        words = ("title", "task", "size", "how", "home", "licence", "citation", "protocol")
        assert all(getattr(card, word) for word in words), card.name
        assert card.bundled or card.files and (card.urls or card.get), card.name
        assert cards.get(card.instead).bundled and cards.get(card.instead).modality == card.modality
        assert all(len(digest) == 64 for digest in card.sha256.values())
        assert set(card.expected) <= set(card.label_set) | set(splits.SPLITS), card.name
        module, function = card.reader.split(":")
        assert callable(getattr(importlib.import_module(module), function)), card.name


def test_options_that_a_reader_does_not_take_are_named_with_those_it_takes():
    with pytest.raises(BadInput, match="sample-sentences has no option limit; it has none"):
        datasets.load("sample-sentences", limit=3)
    with pytest.raises(BadInput, match="sample-faces has no option people; it has n_identities"):
        datasets.load("sample-faces", people=3)


def test_unknown_names_get_close_matches_and_the_list():
    with pytest.raises(BadInput, match="Did you mean 'movie-polarity'") as caught:
        datasets.load("movie_polarity")
    assert "fer2013" in str(caught.value)
    for name in (None, 7, "", "zzz", ["imdb"]):
        with pytest.raises(BadInput, match="Known: sample-sentences"):
            datasets.load(name)


def test_import_is_cheap():
    heavy = "{'pandas', 'sklearn', 'tensorflow', 'keras', 'matplotlib', 'pooch', 'requests'}"
    code = f"import sys, emorec.datasets as d; d.names(); print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT).stdout == "[]\n"


# --- the command


def run(*arguments):
    parser = argparse.ArgumentParser()
    commands.add_parser(parser.add_subparsers())
    args = parser.parse_args(["data", *map(str, arguments)])
    return args.run(args)


def test_list_and_where(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMOREC_DATA", str(tmp_path))
    (tmp_path / "finegrained").mkdir()
    (tmp_path / "finegrained" / "finegrained.txt").write_text("x")
    assert run("list") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["finegrained-sentiment"].endswith(str(tmp_path / "finegrained"))
    assert "not recorded" in lines["imdb"] and "by hand" in lines["jaffe"]
    assert run("where") == 0 and capsys.readouterr().out.startswith(str(tmp_path))
    assert run("where", "sample-sentences") == 0 and capsys.readouterr().out
    with pytest.raises(DataMissing, match="accept the terms"):
        run("where", "jaffe")


def test_verify_tells_good_from_bad(tmp_path, capsys, real):
    place = real("finegrained")
    assert run("verify", "finegrained-sentiment", "--path", place) == 0
    assert "finegrained.txt: ok" in capsys.readouterr().out
    text = (place / "finegrained.txt").read_bytes()
    (tmp_path / "finegrained.txt").write_bytes(text[: len(text) // 2].rsplit(b"\n", 1)[0] + b"\n")
    assert run("verify", "finegrained-sentiment", "--path", tmp_path) == 1
    out = capsys.readouterr().out
    assert "differs from the official file" in out and "where 1,320 are published" in out
