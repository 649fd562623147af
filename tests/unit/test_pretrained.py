"""The models that come along: found, whole, offline, and right about what everybody would get right."""

import csv
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import emorec
from emorec import pretrained
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.pretrained import loading
from emorec.pretrained.cards import FOLDER

PLAIN = {
    "I am happy": "happiness",
    "I am angry": "anger",
    "I am afraid": "fear",
    "I am sad": "sadness",
    "I am surprised": "surprise",
    "This is disgusting": "disgust",
}
TEXT = [name for name, card in pretrained.cards().items() if card.modality == "text"]
EVERYDAY = Path(__file__).parent / "everyday.csv"


def everyday():
    with open(EVERYDAY, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files_keep_their_size_and_their_sum():
    sizes = [path.stat().st_size for path in FOLDER.iterdir() if path.is_file()]
    assert max(sizes) <= 16e6 and sum(sizes) <= 45e6


def test_the_table_of_models_names_each_with_a_number_and_terms():
    table = emorec.models()
    assert {"text-emotion", "text-emotion-small", "goemotions", "text-sentiment", "face-emotion"} <= set(table["name"])
    assert "..." not in repr(table) and "0.02" in repr(table) and table["measured"][0] in repr(table)
    assert (table["measured"].str.len() > 0).all() and (table["terms"].str.len() > 10).all()


@pytest.mark.parametrize("name", pretrained.cards())
def test_a_card_says_what_its_model_answers(name):
    card, model = pretrained.card(name), emorec.load(name)
    assert tuple(model.label_set_) == card.classes
    assert "training" in str(card) and card.limits and card.command.startswith("python -m")
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in card.numbers)
    if card.modality == "face":
        assert [row["class"] for row in card.by_class] == list(card.classes) and "disgust: recall" in str(card)
        accuracy = next(row["value"] for row in card.numbers if row["what"] == card.by_class[0]["what"])
        hits, n = sum(row["recall"] * row["n"] for row in card.by_class), sum(row["n"] for row in card.by_class)
        assert hits / n == pytest.approx(accuracy, abs=1e-3)


@pytest.mark.parametrize("name", ["text-emotion", "text-emotion-small"])
def test_plain_feelings_are_read_right(name):
    assert emorec.load(name).predict(list(PLAIN)).tolist() == list(PLAIN.values())


@pytest.mark.parametrize("name, least", [("text-emotion", 0.85), ("text-emotion-small", 0.7)])
def test_everyday_sentences_that_nothing_was_trained_on(name, least):
    rows = everyday()
    assert len(rows) == 203
    assert emorec.load(name).score([row["text"] for row in rows], [row["label"] for row in rows]) >= least


def test_none_of_the_everyday_sentences_is_bundled():
    data = emorec.datasets.load("sample-sentences")
    bundled = {
        text.lower().strip(" .!?") for split in (data.train, data.validation, data.test) for text in split.inputs
    }
    assert not {row["text"].lower().strip(" .!?") for row in everyday()} & bundled


@pytest.mark.parametrize("name", ["text-emotion-small", "text-sentiment"])
def test_an_explanation_comes_without_warnings_of_keras(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # on JAX, NumPy deprecates how Keras makes arrays
        assert emorec.load(name).explain("A dull film.").method == "global attention"


@pytest.mark.slow
def test_a_head_shares_the_encoder_of_its_base():
    base, head = emorec.load("text-emotion"), emorec.load("text-sentiment")
    texts = ["A warm, funny, engaging film.", "The worst two hours of my life."]
    assert head.predict(texts).tolist() == ["positive", "negative"]
    np.testing.assert_array_equal(
        base.model_.get_layer("encoder").get_weights()[0], head.model_.get_layer("encoder").get_weights()[0]
    )
    assert "gratitude" in emorec.load("goemotions").predict(["Thank you so much for your help!"])[0]


def test_a_damaged_shipped_file_is_known_by_its_sum(tmp_path, monkeypatch):
    card = pretrained.card("text-sentiment")
    copy = tmp_path / card.path.name
    shutil.copy(card.path, copy)
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 4
    copy.write_bytes(data)
    from dataclasses import replace

    with pytest.raises(DataCorrupt, match="sha256"):
        loading._load_named(replace(card, path=copy))
    with pytest.raises(DataMissing, match="install the package again"):
        loading._load_named(replace(card, path=tmp_path / "gone.emorec"))


def test_a_wrong_name_lists_those_there_are(tmp_path):
    with pytest.raises(BadInput, match="text-emotion.*Did you mean"):
        emorec.load("text-emotions")
    with pytest.raises(DataMissing, match="mine.emorec"):
        emorec.load(tmp_path / "mine.emorec")


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"not a zip at all"])
def test_a_file_that_is_no_classifier_is_refused(content, tmp_path):
    path = tmp_path / "model.emorec"
    path.write_bytes(content)
    with pytest.raises(DataCorrupt, match="model.emorec"):
        emorec.load(path)


def test_a_saved_classifier_is_loaded_by_its_path():
    saved = Path(__file__).parent / "saved" / "face.emorec"
    assert type(emorec.load(saved)).__name__ == "FaceClassifier"
