"""Text classifiers that start from something: word vectors that come along, and a transformer."""

import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from emorec import training
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.text import glove
from emorec.text.classifier import TextClassifier
from emorec.text.encoded import Encoded, TextNotice
from emorec.text.explain import integrated_gradients, leave_one_out
from emorec.text.layers import SharedEmbedding
from emorec.text.pretraining import start
from emorec.text.tokens import TextEncoder
from emorec.text.vectors import embedding_matrix

GOOD = ["a warm funny film", "lovely and bright", "i liked it a lot", "great fun", "so good , so warm"]
BAD = ["a cold dull film", "dreadful and slow", "i hated it a lot", "no fun at all", "so bad , so cold"]
TEXTS, LABELS = [*GOOD, *BAD] * 4, (["good"] * 5 + ["bad"] * 5) * 4
VALIDATION = (TEXTS[:10], LABELS[:10])


def fitted(*positional, **settings):
    settings = {"units": 8, "attention_units": 8, "epochs": 8, "patience": None, "learning_rate": 0.01} | settings
    return TextClassifier(*positional, **settings).fit(TEXTS, LABELS, validation=VALIDATION, progress=None)


@pytest.fixture(scope="module")
def with_glove():
    return fitted("gru", "global", embedding="glove", embedding_trainable=4, dropout=0.0)


TINY = dict(pretrained=None, layers=1, heads=2, units=16, embedding_dim=8, dropout=0.0, encoder_dropout=0.0, epochs=20)


@pytest.fixture(scope="module")
def transformer():
    return fitted("transformer", "global", **TINY)


# -------------------------------------------------------------------------------------------------------- GloVe


def test_words_that_no_training_text_held_are_read(with_glove):
    """Wonderful and horrible stand in no training text; their vectors lie with those of words that do."""
    p = with_glove.predict_proba(["wonderful", "horrible"])
    good = list(with_glove.label_set_).index("good")
    assert p[0, good] > p[1, good] + 0.2
    assert with_glove.read(["wonderful", "horrible"]).unknown_share.tolist() == [0, 0]


def test_shared_words_keep_the_vector_that_came_along(with_glove):
    encoding, layer = with_glove.encoding_, with_glove.model_.get_layer("embedding")
    shared = glove.load()
    assert encoding.id_of("wonderful") == encoding.vocabulary_size + shared.row("wonderful")
    ids = np.array([[encoding.id_of("wonderful"), encoding.id_of("film"), 0, 1]])
    vectors = keras.ops.convert_to_numpy(layer(ids))[0]
    np.testing.assert_array_equal(vectors[0], shared.vectors(["wonderful"])["wonderful"])
    own = keras.ops.convert_to_numpy(layer.embeddings)
    np.testing.assert_array_equal(vectors[1:], own[[encoding.id_of("film"), 0, 1]])
    assert own.shape == (encoding.vocabulary_size, 50)
    assert not np.array_equal(own[encoding.id_of("film")], shared.vectors(["film"])["film"]), "was trained"


@pytest.mark.slow
def test_a_saved_glove_classifier_is_small_and_answers_the_same_elsewhere(with_glove, tmp_path):
    path = with_glove.save(tmp_path / "glove.emorec")
    assert path.stat().st_size < 300_000, "the shared vectors are not saved with it"
    texts = ["wonderful", "a horrible , dull film"]
    code = (
        "import sys, json, emorec; c = emorec.TextClassifier.load(sys.argv[1]);"
        "print(json.dumps(c.predict_proba(json.loads(sys.argv[2])).tolist()))"
    )
    command = [sys.executable, "-c", code, str(path), json.dumps(texts)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    np.testing.assert_allclose(json.loads(answer), with_glove.predict_proba(texts), atol=1e-6)


def test_unknown_words_are_counted_marked_and_announced(with_glove):
    text = "a warm zqzqx !"
    with pytest.warns(TextNotice, match="1 of 3 words unknown: zqzqx"):
        with_glove.predict([text])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_glove.predict(["a warm and funny film zqzqx"])  # 1 of 6
        probabilities, shares = with_glove.score_texts([text, "a film"])
    assert shares.tolist() == [pytest.approx(1 / 3), 0] and probabilities.shape == (2, 2)
    with pytest.warns(TextNotice):
        for method in ("attention", "integrated-gradients", "leave-one-out"):
            shown = with_glove.explain(text, method)
            assert shown.unknown.tolist() == [False, False, True, False]
            assert shown.unknown_count == "1 of 3 words unknown: zqzqx" and shown.unknown_count in repr(shown)
            html = shown._repr_html_()
            assert html.count("line-through") == 1 and "1 of 3 words unknown: zqzqx" in html
            assert shown.to_frame()["unknown"].tolist() == [False, False, True, False]
    assert with_glove.explain("a warm film").unknown_count == ""
    assert "line-through" not in with_glove.explain("a warm film")._repr_html_()


def test_frozen_vectors_stay_and_bad_ones_are_refused():
    frozen = fitted("none", "global", embedding="glove", embedding_trainable=False, epochs=2)
    own = keras.ops.convert_to_numpy(frozen.model_.get_layer("embedding").embeddings)
    np.testing.assert_array_equal(own[frozen.encoding_.id_of("film")], glove.load().vectors(["film"])["film"])
    with pytest.raises(BadInput, match="another language"):
        embedding_matrix("glove", ["фильм хороший", "плохой фильм"], TextEncoder())
    with pytest.raises(BadInput, match="output_dim must be 50"):
        SharedEmbedding(4, 8).build()
    with pytest.raises(BadInput, match="glove-6b-50d"):
        TextEncoder(shared="glove-300")


@pytest.mark.parametrize("clause, words", [
    ("这部电影很好", "这 部 电影 很 好"), ("我很高兴", "我 很 高兴"),
    ("とても良い映画でした", "とても 良い 映画 でし た"),
    ("ภาพยนตร์เรื่องนี้ดีมาก", "ภาพยนตร์ เรื่อง นี้ ดี มาก"),
])  # fmt: skip
def test_a_language_without_spaces_is_noticed_at_fit_and_at_score(clause, words, with_glove):
    def learn(texts):
        model = TextClassifier("none", "uniform", units=8, epochs=1, min_count=1)
        return model.fit(texts, ["good", "bad"] * 10, validation=(texts[:2], ["good", "bad"]), progress=None)

    with pytest.warns(TextNotice, match="20 of 20 texts are in a language without spaces, .*jieba"):
        learn([clause + sign for sign in "!?" * 10])
    with pytest.warns(TextNotice, match="Text 1 .* is in a language without spaces"):
        with_glove.predict(["a warm film", clause])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*without spaces")
        learn([f"{words} {sign}" for sign in "!?" * 10]).predict([words, "naïve café, 정말 좋은 영화, хороший фильм"])


# ------------------------------------------------------------------------------------------------- own text, whole


def test_own_text_is_never_cut_at_the_training_length(with_glove):
    long = "so " + "film " * 60 + "dreadful"
    encoded = with_glove.read([long])
    assert with_glove.encoding_.limit < 10 and encoded.cut.tolist() == [0] and len(encoded.tokens[0]) == 62
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert with_glove.predict_proba([long]).shape == (1, 2)
    assert len(with_glove.explain(long).tokens) == 62


def test_a_length_that_was_asked_for_holds_for_own_text_too():
    cut = fitted("none", "uniform", max_length=3, epochs=1)
    with pytest.warns(TextNotice, match="only 3 of them"):
        cut.predict(["a warm funny film"])
    fixed = fitted("mlp", "none", epochs=1)
    with pytest.warns(TextNotice, match=f"only {fixed.encoding_.limit} of them"):
        fixed.predict(["film " * 40])


def test_each_text_is_tokenised_once_on_its_way(with_glove, monkeypatch):
    from emorec.text import tokens

    calls, real = [], tokens.tokenise
    monkeypatch.setattr(tokens, "tokenise", lambda *a, **k: calls.append(a[0]) or real(*a, **k))
    with_glove.predict_proba(["a warm film", "a dull film"])
    assert calls == ["a warm film", "a dull film"]
    calls.clear()
    with_glove.score(["a warm film"], ["good"])
    with_glove.explain("a warm film")
    assert len(calls) <= 3  # explain reads it for its notice, and for its answer
    encoded = with_glove.read(["a warm film"])
    calls.clear()
    assert isinstance(encoded, Encoded)
    np.testing.assert_array_equal(with_glove.predict_proba(encoded), with_glove.predict_proba(encoded))
    assert calls == []


def test_one_long_text_among_many_is_scored_in_bounded_batches(with_glove):
    from emorec.text.buckets import BucketedIds, steps_at_once

    rows = [np.ones(5, "int32")] * 300 + [np.ones(4000, "int32")]
    seen = []

    class Model:
        weights = [np.zeros((384, 1536)), np.zeros(1536), np.zeros((10_000, 384))]

        def predict_on_batch(self, ids):
            seen.append(ids.shape)
            return ids.sum(axis=1, keepdims=True)

    logits = BucketedIds(rows).predict(Model(), 512)
    assert logits[:, 0].tolist() == [5.0] * 300 + [4000.0]
    assert max(np.prod(shape) for shape in seen) <= steps_at_once(Model) == 10_922


# ----------------------------------------------------------------------------------------------------- transformer


def test_a_transformer_learns_and_explains_by_words(transformer):
    assert transformer.score(TEXTS, LABELS) == 1.0
    text = "so dreadful , so slow"
    shown = transformer.explain(text)
    assert shown.tokens == ["so", "dreadful", ",", "so", "slow"]
    assert shown.weights.shape == (5,) and shown.weights.sum() == pytest.approx(1, abs=1e-5)
    exact = integrated_gradients(transformer, text)
    p = transformer.proba_from_tokens([exact.tokens, []])[:, list(transformer.label_set_).index(exact.target)]
    assert abs(exact.gap) < 0.01
    marks = transformer.read_tokens([exact.tokens])
    assert (marks.token_of[0] == -1).sum() == 2 and len(exact.weights) == 5
    without = leave_one_out(transformer, text)
    one = transformer.proba_from_tokens([exact.tokens[1:]])[0, list(transformer.label_set_).index(exact.target)]
    assert without.weights[0] == pytest.approx(p[0] - one, abs=1e-6)
    assert transformer.attention_weights(text).shape == (5,)


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["none", "uniform", "structured", "self"])
def test_a_transformer_under_every_pooling(attention):
    clf = fitted("transformer", attention, **TINY | {"epochs": 1})
    assert clf.predict_proba(["a warm film"]).shape == (1, 2)
    pooling = [layer.name for layer in clf.model_.layers if layer.name in ("attention", "pooling")]
    assert pooling == {"none": ["pooling"], "self": ["attention", "pooling"]}.get(attention, ["attention"])
    if attention == "none":
        assert type(clf.model_.get_layer("pooling")).__name__ == "FirstState"
    if attention == "self":
        weights = clf.attention_weights("a warm film")
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
        assert weights.shape == (2, 3, 3)
    assert len(clf.explain("a warm film").tokens) == 3


@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-6), ("float16", 1e-2), ("int8", 0.05)])
def test_a_saved_transformer_answers_nearly_the_same_and_each_time_equally(transformer, tmp_path, precision, tolerance):
    path = transformer.save(tmp_path / "a.emorec", precision=precision)
    loaded = TextClassifier.load(path)
    np.testing.assert_allclose(loaded.predict_proba(TEXTS[:10]), transformer.predict_proba(TEXTS[:10]), atol=tolerance)
    again = TextClassifier.load(loaded.save(tmp_path / "b.emorec", precision=precision))
    np.testing.assert_array_equal(again.predict_proba(TEXTS[:10]), loaded.predict_proba(TEXTS[:10]))


def test_a_transformer_starts_from_a_saved_one(transformer, tmp_path):
    path = transformer.save(tmp_path / "a.emorec")
    begun = start(path, TEXTS, TextClassifier.load)
    assert begun.pieces.vocabulary == transformer.encoding_.vocabulary
    rate = {"pretrained": str(path), "encoder_rate": 1e-6, "epochs": 1}
    tuned = fitted("transformer", "uniform", **TINY | rate)
    for before, after in zip(
        transformer.model_.get_layer("encoder").get_weights(), tuned.model_.get_layer("encoder").get_weights()
    ):
        np.testing.assert_allclose(before, after, atol=1e-5)
    smaller = start(path, TEXTS, TextClassifier.load, size=60)
    assert smaller.pieces.vocabulary_size == 60 == len(smaller.vectors)


@pytest.fixture
def in_windows(transformer):
    """The same transformer, which reads more than eight word pieces in parts."""
    transformer.encoding_.window = 8
    yield transformer
    transformer.encoding_.window = None


LONG = "lovely and bright . i hated it a lot ! a warm funny film"


def test_a_text_longer_than_training_is_read_in_parts_and_averaged(in_windows):
    parts = ["lovely and bright .", "i hated it a lot !", "a warm funny film"]
    encoded = in_windows.read([LONG, "great fun"])
    assert encoded.windows == [[(0, 4), (4, 10), (10, 14)], [(0, 2)]] and encoded.cut.tolist() == [0, 0]
    expected = in_windows.predict_proba(parts).mean(axis=0)
    whole, short = in_windows.predict_proba([LONG, "great fun"])
    np.testing.assert_allclose(whole, expected, atol=1e-6)
    np.testing.assert_array_equal(short, in_windows.predict_proba(["great fun"])[0])
    np.testing.assert_allclose(in_windows.score_texts([LONG, "great fun"])[0], [whole, short], atol=1e-7)


@pytest.mark.parametrize("method", ["attention", "integrated-gradients", "leave-one-out"])
def test_a_text_in_parts_is_explained_whole(method, in_windows):
    explanation = in_windows.explain(LONG, method=method)
    assert explanation.tokens == LONG.split() and explanation.sentences == [(0, 4), (4, 10), (10, 14)]
    p = in_windows.predict_proba([LONG])[0]
    np.testing.assert_allclose(list(explanation.probabilities.values()), p, atol=1e-6)
    second = in_windows.explain("i hated it a lot !", method=method, target=explanation.label)
    np.testing.assert_allclose(explanation.weights[4:10], second.weights / 3, atol=1e-5)
    assert "3 parts" in repr(explanation) and "hated" in explanation._repr_html_()
    with pytest.raises(BadInput, match="3 parts"):
        in_windows.attention_weights(LONG)


@pytest.mark.parametrize("method", [integrated_gradients, leave_one_out])
def test_methods_called_by_themselves_read_the_parts_too(method, in_windows):
    by_name = in_windows.explain(LONG, method=method.__name__.replace("_", "-"))
    np.testing.assert_allclose(method(in_windows, LONG).weights, by_name.weights, atol=1e-6)


def test_nothing_of_a_long_text_is_lost(in_windows, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TextNotice)
        many = in_windows.read(["good film " * 700, "!", "so " * 40 + "good.", "lovely " * 6])
    assert [len(tokens) for tokens in many.tokens] == [1400, 1, 42, 6]
    for tokens, spans in zip(many.tokens, many.windows):
        assert [a for a, _ in spans] == [0, *(b for _, b in spans[:-1])] and spans[-1][1] == len(tokens)
    assert max(len(row) for row in many.rows) <= 8
    path = in_windows.save(tmp_path / "m.emorec")
    np.testing.assert_allclose(
        TextClassifier.load(path).predict_proba([LONG]), in_windows.predict_proba([LONG]), atol=1e-6
    )


def test_several_labels_of_a_long_text_are_averaged_too():
    several = [("good",), ("bad",)] * 20
    texts = ["a warm funny film", "a cold dull film"] * 20
    classifier = TextClassifier("transformer", "uniform", **TINY | {"epochs": 2})
    classifier.fit(texts, several, validation=(texts[:4], several[:4]), progress=None)
    classifier.encoding_.window = 8
    expected = classifier.predict_proba(["a warm funny film .", "a cold dull film ."]).mean(axis=0)
    got = classifier.predict_proba(["a warm funny film . a cold dull film ."])[0]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_rates_fall_with_depth(transformer, tmp_path):
    clf = TextClassifier("transformer", encoder_rate=0.1, layer_decay=0.5)
    clf.model_ = transformer.model_
    factors = dict(zip((v.path for v in clf.model_.trainable_variables), clf._factors()))
    by_place = {
        place: {f for path, f in factors.items() if path.startswith(place)} for place in ("embedding", "logits")
    }
    assert by_place == {"embedding": {0.05}, "logits": {1.0}}
    assert {f for path, f in factors.items() if "block_0" in path} == {0.1}
    assert {f for path, f in factors.items() if path.endswith("positions")} == {0.05}


def test_what_a_transformer_cannot_have_is_refused(tmp_path):
    with pytest.raises(BadInput, match="hierarchical"):
        fitted("transformer", "hierarchical", **TINY)
    with pytest.raises(BadInput, match="word pieces of its own"):
        fitted("transformer", "global", embedding="glove", **TINY)
    with pytest.raises(BadInput, match="layer_decay=-1"):
        fitted("transformer", "global", layer_decay=-1, **TINY)
    with pytest.raises(DataMissing, match="data get minilm"):
        start(tmp_path, TEXTS, TextClassifier.load)
    with pytest.raises(DataMissing, match="absent.emorec"):
        start(tmp_path / "absent.emorec", TEXTS, TextClassifier.load)
    other = fitted("none", "uniform", epochs=1).save(tmp_path / "other.emorec")
    with pytest.raises(BadInput, match="holds no transformer"):
        start(other, TEXTS, TextClassifier.load)
    with pytest.raises(BadInput, match="float32, float16, int8"):
        TextClassifier.load(other).save(tmp_path / "x.emorec", precision="int4")


def test_a_damaged_packed_file_is_refused(transformer, tmp_path):
    data = transformer.save(tmp_path / "a.emorec", precision="int8").read_bytes()
    middle = data.index(b"weights.npz") + 2000
    (tmp_path / "b.emorec").write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    with pytest.raises(DataCorrupt):
        TextClassifier.load(tmp_path / "b.emorec")


# ------------------------------------------------------------------------------------------ options of fine-tuning


def rates(schedule, steps=100, **options):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    training.compile_model(network, steps=steps, schedule=schedule, learning_rate=1.0, **options)
    rate = network.optimizer._learning_rate
    return [float(rate(step)) for step in range(steps)]


def test_schedules_by_hand():
    linear = rates("linear", warmup=0.1)
    np.testing.assert_allclose(linear[:10], np.arange(1, 11) / 10, atol=1e-6)
    np.testing.assert_allclose(linear[10:], np.arange(90, 0, -1) / 90, atol=1e-6)
    constant = rates("constant", warmup=0.2)
    np.testing.assert_allclose(constant, np.minimum(1, np.arange(1, 101) / 20), atol=1e-6)
    with pytest.raises(BadInput, match="warmup"):
        rates("linear", warmup=1.5)


def test_factors_scale_steps_and_decay():
    """With SGD a step is rate x factor x gradient, and the decay rate x factor x weight."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False), keras.layers.Dense(2)])
    start_weights = [w.copy() for w in network.get_weights()]
    for factors in ([1.0, 1.0, 1.0], [0.25, 1.0, 0.0]):
        network.set_weights(start_weights)
        training.compile_model(network, optimizer="sgd", learning_rate=0.1, weight_decay=0.5, factors=factors)
        network.optimizer.apply([keras.ops.ones_like(v) for v in network.trainable_variables])
        moved = [a - b for a, b in zip(network.get_weights(), start_weights)]
        if factors[0] == 1:
            whole = moved
    np.testing.assert_allclose(moved[0], 0.25 * whole[0], rtol=1e-4)
    np.testing.assert_allclose(moved[1], whole[1], rtol=1e-4)
    np.testing.assert_array_equal(moved[2], 0)


def test_all_gradients_are_cut_together():
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False), keras.layers.Dense(2)])
    training.compile_model(network, clip=0.5)
    assert network.optimizer.global_clipnorm == 0.5 and network.optimizer.clipnorm is None
