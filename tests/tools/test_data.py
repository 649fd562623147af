"""What lies in data/: the published folds, and the command that writes them."""

import csv
from collections import Counter

import pytest

import emorec.datasets as datasets
from emorec.datasets import cards, store
from tools import data
from tools.__main__ import main


@pytest.mark.parametrize("name, folder", zip(data.FOLDED, ("rt-polarity", "subjectivity")))
def test_published_folds_are_what_the_function_gives(name, folder, real):
    with open(data.FOLDER / "folds" / f"{name}.csv", newline="", encoding="utf-8") as file:
        published = [(row["id"], int(row["fold"])) for row in csv.DictReader(file)]
    assert Counter(fold for _, fold in published).keys() == set(range(10))
    rows = cards.get(name).read(real(folder))
    assert data.fold_numbers(rows) == published
    split = datasets.load(name, path=real(folder), fold=3)
    assert set(split.test.ids) == {i for i, fold in published if fold == 3}


def test_folds_are_written_from_the_real_data(tmp_path, monkeypatch, real):
    published = (data.FOLDER / "folds" / "movie-polarity.csv").read_bytes()
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    monkeypatch.setattr(data, "FOLDED", ("movie-polarity",))
    monkeypatch.setattr(store, "locate", lambda card: real("rt-polarity"))
    (tmp_path / "folds").mkdir()
    assert main(["folds"]) == 0
    assert (tmp_path / "folds" / "movie-polarity.csv").read_bytes() == published
