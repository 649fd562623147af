"""sample-pairs: split before it is paired, nobody in two parts, and the congruence that was asked for."""

import numpy as np
import pytest

from emorec import datasets
from emorec.datasets.readers import sample
from emorec.datasets.splits import SPLITS
from emorec.errors import BadInput
from emorec.faces.render import face_from_id


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("emorec.datasets.store.user_cache", lambda: tmp_path)


@pytest.fixture
def unseen(monkeypatch):
    """Nothing is rendered: a picture holds its place among the ids."""
    pictures = lambda ids, **_: np.arange(len(ids), dtype="int64")[:, None, None]  # noqa: E731
    monkeypatch.setattr("emorec.faces.rendered.faces", pictures)


def halves(split):
    """Emotions shown by the faces, and the people who show them."""
    faces = [i.split("+")[1].split("-") for i in split.ids]
    return np.array([f[-1] for f in faces], dtype=object), {f[2] for f in faces}


def test_the_split_is_that_of_the_sentences(unseen):
    pairs, rows = datasets.load("sample-pairs"), sample.older_sentences(sample.sample_root())
    assert len(rows.ids) == 1540
    for part in SPLITS:
        pair, where = getattr(pairs, part), [i for i, split in enumerate(rows.splits) if split == part]
        assert list(pair.inputs["text"]) == [rows.inputs[i] for i in where]
        assert list(pair.labels) == [rows.labels[i] for i in where]
        assert [i.split("+")[0] for i in pair.ids] == [rows.ids[i] for i in where]
    assert pairs.card.name == "sample-pairs" and "paired by label" in pairs.protocol
    assert "100 % congruent" in pairs.protocol and "paired by label" in pairs.card.faults[0]


def test_nobody_is_met_twice_nor_in_sample_faces(unseen):
    data = datasets.load("sample-pairs")
    people = [halves(getattr(data, part))[1] for part in SPLITS]
    assert sum(map(len, people)) == len(set.union(*people)) == sum(len(getattr(data, part)) for part in SPLITS)
    assert min(int(p) for p in set.union(*people)) == 10_000  # sample-faces counts from 0


@pytest.mark.parametrize("congruence", [1.0, 0.7, 0.0])
def test_congruence_is_the_share_of_pairs_that_agree_in_every_part(unseen, congruence):
    data = datasets.load("sample-pairs", congruence=congruence, seed=3)
    for part in SPLITS:
        split = getattr(data, part)
        agree = halves(split)[0] == split.labels
        assert agree.sum() == round(congruence * len(split))
    shown = halves(data.train)[0]
    assert set(shown) == set(data.label_set)
    if congruence < 1:  # the other emotions are drawn at even odds, and another seed draws others
        wrong = shown[shown != data.train.labels]
        share = np.array([(wrong == name).mean() for name in data.label_set])
        assert abs(share - 1 / 7).max() < 0.06
        other = halves(datasets.load("sample-pairs", congruence=congruence, seed=4).train)[0]
        assert (other != shown).any()


def test_pictures_stand_beside_their_ids_and_are_rendered_once(monkeypatch):
    data = datasets.load("sample-pairs", limit=14, size=32)
    assert [len(getattr(data, part)) for part in SPLITS] == [14, 14, 14]
    for part in SPLITS:
        split = getattr(data, part)
        assert split.inputs["image"].shape == (14, 32, 32, 3) and split.inputs["image"].dtype == np.uint8
        for k in (0, 13):
            face = face_from_id(split.ids[k].split("+")[1], size=32)
            np.testing.assert_array_equal(split.inputs["image"][k], face.image)
            assert face.emotion == split.labels[k]
    monkeypatch.setattr("emorec.faces.render.faces_from_ids", lambda *_, **__: pytest.fail("rendered again"))
    again = datasets.load("sample-pairs", limit=14, size=32)
    np.testing.assert_array_equal(again.test.inputs["image"], data.test.inputs["image"])


def test_a_congruence_that_is_no_share_is_refused():
    with pytest.raises(BadInput, match="congruence must be .*0.* 1.*70"):
        datasets.load("sample-pairs", congruence=70)
