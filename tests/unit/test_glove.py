"""The word vectors that come along."""

import numpy as np
import pytest

from emorec.errors import DataCorrupt
from emorec.text import glove


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def vectors():
    return glove.load()


def test_words_of_a_kind_lie_together(vectors):
    v = vectors.vectors(["happy", "glad", "table", "angry", "furious"])
    assert cosine(v["happy"], v["glad"]) > cosine(v["happy"], v["table"]) + 0.2
    assert cosine(v["angry"], v["furious"]) > cosine(v["angry"], v["table"]) + 0.2


def test_numbers_of_the_original(vectors):
    """The first values of three rows of glove.6B.50d.txt."""
    expected = {
        "the": [0.418, 0.24968, -0.41242],
        "happy": [0.092086, 0.2571, -0.58693],
        "of": [0.70853, 0.57088, -0.4716],
    }
    for word, first in expected.items():
        np.testing.assert_allclose(vectors.vectors([word])[word][:3], first, atol=0.03)
    assert vectors.words[:4] == ["the", ",", ".", "of"] and vectors.dim == 50 and len(vectors) > 50_000


def test_contractions_and_possessives_have_a_vector(vectors):
    v = vectors.vectors(["don't", "do", "mother's", "mother", "Happy", "happy"])
    assert cosine(v["don't"], v["do"]) > 0.8
    assert (v["mother's"] == v["mother"]).all() and (v["Happy"] == v["happy"]).all()
    assert vectors.row("qwzzkx") is None and "qwzzkx" not in vectors.vectors(["qwzzkx"])


def test_the_matrix_holds_the_same_vectors(vectors):
    assert vectors.matrix.shape == (len(vectors), 50)
    assert (vectors.matrix[vectors.row("happy")] == vectors.vectors(["happy"])["happy"]).all()
    with pytest.raises(ValueError):
        vectors.matrix[0] = 0


def test_a_damaged_file_is_noticed(tmp_path, monkeypatch):
    data = bytearray(glove.FILE.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.npz").write_bytes(data)
    monkeypatch.setattr(glove, "FILE", tmp_path / "damaged.npz")
    glove.load.cache_clear()
    with pytest.raises(DataCorrupt, match="Install emorec again"):
        glove.load()
    glove.load.cache_clear()


def test_a_written_file_reads_the_same(tmp_path):
    words, vectors = ["a", "b"], np.random.default_rng(0).normal(size=(2, 50)).astype("float32")
    digest = glove.write(words, vectors, tmp_path / "v.npz")
    assert glove.write(words, vectors, tmp_path / "again.npz") == digest
    read = glove._read((tmp_path / "v.npz").read_bytes())
    assert read.words == words
    np.testing.assert_allclose(read.matrix, vectors, atol=0.02)
