"""TextClassifier end to end: learns, says what it cannot read, and is the same after a trip through a file."""

import json
import os
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import emorec
from emorec import TextClassifier, training
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch
from emorec.labels import EMOTIONS7, LabelSet
from emorec.text.buckets import BucketedIds
from emorec.text.models import ATTENTIONS, ENCODERS
from emorec.text.tokens import TextNotice

SMALL = {
    "units": 8, "attention_units": 8, "embedding_dim": 8, "filters": 8, "kernel_sizes": (2, 3), "hops": 2,
    "dropout": 0.1, "epochs": 2, "batch_size": 32, "learning_rate": 0.01, "min_count": 1,
}  # fmt: skip


def classifier(*names, **options):
    return TextClassifier(*names, **SMALL | options)


@pytest.fixture(scope="module")
def sample():
    return emorec.datasets.load("sample-sentences").smaller(280)


def planted(n=160, seed=0, words=30, length=(5, 12)):
    """Texts of random words; "lovely" makes them positive, "awful" negative."""
    rng = np.random.default_rng(seed)
    labels = np.array(["positive", "negative"])[rng.integers(0, 2, n)]
    texts = []
    for label in labels:
        tokens = [f"word{i}" for i in rng.integers(0, words, rng.integers(*length))]
        tokens.insert(rng.integers(0, len(tokens) + 1), {"positive": "lovely", "negative": "awful"}[label])
        texts.append(" ".join(tokens))
    return texts, list(labels)


@pytest.fixture(scope="module")
def trained():
    texts, labels = planted()
    clf = classifier("mlp-average", "global", epochs=15, max_length=40, dropout=0)
    return clf.fit(texts, labels, validation=planted(60, 1), progress=None)


# ------------------------------------------------------------------------------------------ a trip through a file

ALL = [("tfidf-mlp", "none")] + [(e, a) for e in ENCODERS for a in ATTENTIONS]
TRAINED = [
    ("tfidf-mlp", "none"), ("mlp", "none"), ("bilstm", "global"), ("cnn", "self"), ("gru", "hierarchical"),
    ("mlstm", "structured"),
]  # fmt: skip


def untrained(clf, data):
    """The classifier with the weights that it begins with, which is quicker than training it."""
    clf.label_set_, clf.classes_ = data.label_set, objects(data.label_set)
    clf.temperature_, clf.thresholds_ = 1.0, None
    clf._fit_encoding(list(data.train.inputs))
    clf.model_ = clf._build(len(data.label_set))
    return clf


@pytest.fixture(scope="module")
def small(sample):
    return sample.smaller(140)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::emorec.text.tokens.TextNotice")
@pytest.mark.parametrize("encoder, attention", ALL, ids=["-".join(pair) for pair in ALL])
def test_a_network_answers_the_same_in_a_fresh_process_and_in_batches(encoder, attention, small, elsewhere, tmp_path):
    texts = [*small.test.inputs[:2], "Short.", "One sentence. Another one! " * 9]
    clf = classifier(encoder, attention, epochs=1, max_length=12, max_sentences=2)
    if (encoder, attention) in TRAINED:
        clf.fit(small.train, validation=small.validation, label_set=small.label_set, progress=None)
    else:
        untrained(clf, small)
    clf.model_.run_eagerly = True  # two hundred compilations would take minutes
    expected = clf.predict_proba(texts)
    np.testing.assert_allclose(clf.predict_proba(texts[1:2]), expected[1:2], atol=1e-6)
    many = training.predict(clf.model_, clf._encode(texts * 250), 1000)
    np.testing.assert_allclose(clf._probabilities(many), np.tile(expected, (250, 1)), atol=1e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-6)
    explained = None if attention == "none" else texts[1]
    answers, *weights = elsewhere.ask("text_classifier", clf.save(tmp_path / "saved.emorec"), texts, explained)
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    assert answers.argmax(1).tolist() == expected.argmax(1).tolist()
    if explained:
        np.testing.assert_allclose(weights[0], clf.explain(explained).weights, atol=1e-6)


def test_a_file_keeps_settings_labels_and_calibration(tmp_path, trained):
    trained.temperature_ = 2.5
    path = trained.save(tmp_path / "deep" / "model.emorec")
    try:
        loaded = TextClassifier.load(path)
        assert loaded.get_params() == trained.get_params() | {"kernel_sizes": [2, 3]}  # JSON knows no tuples
        assert (loaded.temperature_, loaded.label_set_) == (2.5, trained.label_set_)
        assert os.listdir(path.parent) == ["model.emorec"]
        texts = planted(9, 3)[0]
        np.testing.assert_allclose(loaded.predict_proba(texts), trained.predict_proba(texts), atol=1e-6)
    finally:
        trained.temperature_ = 1.0
    with pytest.raises(BadInput, match="is a folder"):
        trained.save(tmp_path)
    with pytest.raises(DataMissing, match="train one"):
        TextClassifier.load(tmp_path / "absent.emorec")
    whole = path.read_bytes()
    for wrong in (b"", b"<html>", whole[: len(whole) // 2]):
        path.write_bytes(wrong)
        with pytest.raises(DataCorrupt, match="save it again"):
            TextClassifier.load(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({"class": "FaceClassifier", "format": 1}))
    with pytest.raises(BadInput, match="load it with emorec.FaceClassifier.load"):
        TextClassifier.load(path)


# -------------------------------------------------------------------------------------------------------- learning


def test_it_learns_a_planted_word_and_points_at_it(trained):
    texts, labels = planted(80, 2)
    assert trained.score(texts, labels) > 0.95
    assert trained.predict(texts[:5]).tolist() == labels[:5]
    explanation = trained.explain(texts[0])
    assert explanation.label == labels[0]
    for method in ("attention", "integrated-gradients", "leave-one-out"):
        firsts = [trained.explain(text, method=method).top(1)[0][0] in ("lovely", "awful") for text in texts[:40]]
        assert np.mean(firsts) >= 0.95, method
    assert sum(explanation.probabilities.values()) == pytest.approx(1)
    evaluation = trained.evaluate(Split("test", objects(texts), objects(labels), objects(map(str, range(80)))))
    assert evaluation.accuracy == trained.score(texts, labels) and evaluation.log_loss < 0.5


def test_one_seed_gives_the_same_bits():
    texts, labels = planted(40)
    first, second = (classifier("mlp-average", "none", epochs=1).fit(texts, labels, progress=None) for _ in "ab")
    np.testing.assert_array_equal(first.logits(texts), second.logits(texts))


@pytest.mark.parametrize("embedding", ["learned", "cbow"])
def test_frozen_vectors_thaw_after_the_epochs_asked_for(embedding, tmp_path):
    texts, labels = planted(60)
    clf = classifier(
        "mlp-average", "none", embedding=embedding, embedding_trainable=2, epochs=4, seed=3, learning_rate=0.05
    )
    seen = []
    watch = lambda line: seen.append(np.array(clf.model_.get_layer("embedding").embeddings))  # noqa: E731
    clf.fit(texts, labels, validation=planted(40, 1), progress=watch)
    assert len(seen) == len(clf.history_.epochs) == 4
    np.testing.assert_array_equal(seen[0], seen[1])
    assert np.abs(seen[2] - seen[1]).max() > 1e-3
    if embedding == "cbow":
        np.testing.assert_array_equal(seen[0], clf._matrix)
        assert clf.coverage_.type_share == 1
        assert TextClassifier.load(clf.save(tmp_path / "cbow.emorec")).coverage_ == clf.coverage_
    best = clf.history_.epochs[clf.history_.best_epoch]["val_loss"]
    assert best == clf.history_.best_value == min(clf.history_["val_loss"])
    assert best == pytest.approx(loss(clf, planted(40, 1)), abs=1e-6)


def loss(clf, pair):
    return training.validation_scores(clf._targets(objects(pair[1])), clf.logits(pair[0]))["loss"]


@pytest.mark.slow
def test_the_best_epoch_of_both_stages_is_kept(monkeypatch):
    """Thawed at a rate that ruins it, the classifier goes back to the frozen stage."""
    texts, labels = planted(60)
    clf = classifier("mlp-average", "none", embedding="cbow", embedding_trainable=2, epochs=4, learning_rate=0.05)
    plain = clf._stages()
    assert [stage.epochs for stage in plain] == [2, 2]
    monkeypatch.setattr(type(clf), "_stages", lambda self: [plain[0], replace(plain[1], rate=1000.0)])
    monkeypatch.setattr(training, "EXPLODED", np.inf)  # which would end it with a word
    clf.fit(texts, labels, validation=planted(40, 1), progress=None)
    assert clf.epochs == 4 and clf.history_.best_epoch < 2 and len(clf.history_.epochs) == 4
    assert clf.history_.best_value == pytest.approx(loss(clf, planted(40, 1)), abs=1e-6)


@pytest.mark.slow
def test_a_killed_run_goes_on_in_either_stage(tmp_path):
    texts, labels = planted(40)
    options = dict(embedding="learned", embedding_trainable=2, epochs=4, learning_rate=0.05, dropout=0.3)
    data = dict(inputs=texts, labels=labels, validation=planted(30, 1))
    whole = classifier("mlp-average", "none", **options).fit(**data, progress=None)
    for killed_after in (1, 2, 3):
        lines = []

        def stop(line, lines=lines, after=killed_after):
            lines.append(line)
            if len(lines) == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            classifier("mlp-average", "none", **options).fit(**data, checkpoint=tmp_path / "run", progress=stop)
        lines = []
        clf = classifier("mlp-average", "none", **options)
        clf.fit(**data, checkpoint=tmp_path / "run", progress=lines.append)
        assert f"resumed after epoch {killed_after}" in lines[0] and len(lines) == 1 + 4 - killed_after
        assert clf.history_["loss"] == whole.history_["loss"]
        np.testing.assert_array_equal(clf.logits(texts), whole.logits(texts))
        assert not (tmp_path / "run").exists()


def test_more_frozen_epochs_than_epochs_are_all_frozen():
    texts, labels = planted(40)
    clf = classifier("mlp-average", "none", embedding="cbow", embedding_trainable=9, epochs=2)
    clf.fit(texts, labels, validation=(texts, labels), progress=None)
    assert len(clf.history_.epochs) == 2
    np.testing.assert_array_equal(clf.model_.get_layer("embedding").embeddings, clf._matrix)


def test_several_labels_each_with_its_own_threshold(tmp_path):
    rng = np.random.default_rng(0)
    names = ("fear", "joy", "love")
    labels = [tuple(n for n, on in zip(names, row) if on) for row in rng.integers(0, 2, (150, 3))]
    texts = [" ".join(["it", *rng.permutation([f"so{n}" for n in row]), "is"]) for row in labels]
    clf = classifier("mlp-average", "none", epochs=15, learning_rate=0.05, dropout=0)
    clf.fit(texts, labels, validation=(texts[:50], labels[:50]), progress=None)
    assert clf.label_set_ == LabelSet("inferred", names, multi_label=True)
    assert clf.score(texts, labels) > 0.95
    assert clf.predict(texts[:20]).tolist() == labels[:20]
    probabilities = clf.predict_proba(["it solove sojoy is", "it is"])
    assert (probabilities[0, 1:] > 0.5).all() and (probabilities[1] < 0.5).all()
    clf.calibrate((texts[:50], labels[:50]))
    loaded = TextClassifier.load(clf.save(tmp_path / "m.emorec"))
    np.testing.assert_array_equal(loaded.thresholds_, clf.thresholds_)
    assert loaded.predict(texts[:9]).tolist() == clf.predict(texts[:9]).tolist()
    evaluation = clf.evaluate(Split("test", objects(texts), objects(labels), objects(map(str, range(150)))))
    assert evaluation.macro_f1 > 0.95 and evaluation.thresholds.tolist() == clf.thresholds_.tolist()
    with pytest.raises(LabelMismatch, match="give a tuple"):
        clf.score(["it is"], ["joy"])


def test_tf_idf_learns_saves_and_explains_by_leaving_words_out(tmp_path):
    texts, labels = planted(150)
    clf = classifier("tfidf-mlp", "none", epochs=20, max_words=100)
    clf.fit(texts, labels, validation=planted(40, 1), progress=None)
    assert clf.score(*planted(60, 2)) > 0.9
    loaded = TextClassifier.load(clf.save(tmp_path / "m.emorec"))
    explanation = loaded.explain(texts[0])
    assert explanation.method == "leave-one-out"
    assert explanation.top(1)[0][0] in ("lovely", "awful")
    with pytest.raises(BadInput, match="no attention"):
        loaded.explain(texts[0], method="attention")
    with pytest.raises(BadInput, match="leave_one_out"):
        loaded.explain(texts[0], method="integrated-gradients")
    with pytest.warns(TextNotice, match="no word the model has seen"):
        assert np.isfinite(loaded.predict_proba(["qqq"])).all()


def test_texts_of_unlike_length_are_trained_in_buckets_and_answers_stay_the_same():
    short, labels = planted(100)
    long, more = planted(16, 4, length=(150, 200))
    texts, labels = [*short, *long], [*labels, *more]
    clf = classifier("mlp-average", "global", epochs=10, dropout=0, learning_rate=0.03)
    clf.fit(texts, labels, validation=planted(30, 1), progress=None)
    assert isinstance(clf._encode(texts), BucketedIds)
    assert not isinstance(clf._encode(short), BucketedIds)
    assert clf.score(*planted(60, 2)) > 0.9
    buckets = clf.logits(texts)
    for clf.bucketing in (0, False):
        assert not isinstance(clf._encode(texts), BucketedIds)
    np.testing.assert_allclose(clf.logits(texts), buckets, atol=1e-5)


# ------------------------------------------------------------------------------------------------------- bad input

REFUSED = {
    "empty": ([""], "Text 0 holds no word"),
    "white space": (["fine", " \n\t "], "Text 1 holds no word"),
    "None in a list": ([None], "Text 0 is NoneType"),
    "a number in a list": (["fine", 3], "Text 1 is int '3'"),
    "a list in a list": ([["nested"]], "Text 0 is list"),
    "None": (None, "Give a list of texts"),
    "a number": (7, "Give a list of texts; received int 7"),
    "one string": ("one string", "not one string: \\['one string'\\]"),
    "bytes": ([b"bytes"], "Text 0 is bytes"),
    "NUL bytes alone": (["\x00\x00"], "Text 0 holds no word"),
    "not a number": ([float("nan")], "Text 0 is float 'nan'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_with_the_way_out(trained, name):
    value, message = REFUSED[name]
    with pytest.raises(BadInput, match=message):
        trained.predict_proba(value)
    with pytest.raises(BadInput, match=message):
        classifier().fit(value, ["a", "b"][: len(value) if hasattr(value, "__len__") else 1])
    if not isinstance(value, str):
        with pytest.raises(BadInput):
            trained.explain(value)


READ = {
    "emoji": "🙂🎉 👍🏽",
    "emoji beside words": "lovely 😀",
    "right to left": "שלום עולם, lovely",
    "Arabic": "مرحبا بالعالم",
    "NUL bytes inside": "a lovely\x00film",
    "control signs": "lovely\x01\x85\u2028film",
    "a lone surrogate": "lovely \ud800",
    "combining marks": "lo\u0301vely n\u0303",
    "one sign": "?",
    "markup": "<script>alert('lovely')</script>",
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.filterwarnings("ignore::emorec.text.tokens.TextNotice")
def test_what_is_a_text_is_read_however_unusual(trained, name):
    probabilities = trained.predict_proba([READ[name]])
    assert probabilities.shape == (1, 2) and np.isfinite(probabilities).all()
    explanation = trained.explain(READ[name])
    assert len(explanation.tokens) == len(explanation.weights) > 0
    assert explanation.weights.sum() == pytest.approx(1, abs=1e-5)
    assert "<script>" not in explanation._repr_html_()
    for method in ("integrated-gradients", "leave-one-out"):
        assert np.isfinite(trained.explain(READ[name], method=method).weights).all()


def test_a_very_long_text_is_cut_and_says_so(trained):
    text = "word1 " * 16_000 + "x" * 4_000
    assert len(text) == 100_000
    with pytest.warns(TextNotice, match="16001 tokens; only 40 of them were read"):
        probabilities = trained.predict_proba([text, "lovely"])
    with pytest.warns(TextNotice, match="only 40"):
        assert len(trained.explain(text).tokens) == 40
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(trained.predict_proba(["word1 " * 40]), probabilities[:1], atol=1e-6)
    with pytest.warns(TextNotice, match="no word"):
        trained.predict_proba(["a" * 100_000])


def test_unknown_words_are_marked_and_share_the_trained_vector(trained):
    with pytest.warns(TextNotice, match="Text 1 .*no word the model has seen.*1 more of 3 texts"):
        probabilities = trained.predict_proba(["lovely", "zig zag", "foo bar"])
    np.testing.assert_allclose(probabilities[1], probabilities[2], atol=1e-6)


def test_no_text_at_all_and_no_training():
    with pytest.raises(BadInput, match="not trained yet"):
        classifier().predict(["a"])
    with pytest.raises(BadInput, match="not trained yet"):
        classifier().explain("a")
    with pytest.raises(BadInput, match="not trained yet"):
        classifier().save("never.emorec")
    with pytest.raises(BadInput, match="list is empty"):
        classifier().fit([], [])


@pytest.mark.parametrize("kind", [tuple, iter, np.array, objects])
def test_texts_may_come_in_any_sequence(trained, kind):
    texts = ["lovely word1", "awful", "word2"]
    np.testing.assert_array_equal(trained.predict_proba(kind(texts)), trained.predict_proba(texts))


def test_too_few_examples_to_set_some_aside():
    with pytest.raises(BadInput, match="2 examples are too few"):
        classifier().fit(["one", "two"], ["a", "b"])


def test_an_empty_list_has_no_rows(trained):
    assert trained.predict_proba([]).shape == (0, 2)
    assert trained.predict([]).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "label_set", "message"),
    [
        (["a"], None, "2 inputs, but 1 labels"),
        (["a", "a"], None, "at least two classes"),
        (["anger", "boredom"], EMOTIONS7, "Unknown label 'boredom'"),
        ([0.5, 1.5], None, "labels are class names.*received 0.5"),
        (["a", 1], None, "all of one kind"),
        (["a", ("b",)], None, "labels are class names.*received \\('b',\\)"),
        (None, None, "Labels are missing"),
    ],
)
def test_labels_that_do_not_fit_are_named(labels, label_set, message):
    with pytest.raises(BadInput, match=message):
        classifier().fit(["one", "two"], labels, label_set=label_set)


def test_labels_of_validation_and_of_scoring_must_be_known(trained):
    with pytest.raises(LabelMismatch, match="Unknown label 'odd'"):
        classifier("mlp-average", "none").fit(["one", "two"], ["a", "b"], validation=(["three"], ["odd"]))
    with pytest.raises(LabelMismatch, match="Unknown label 'odd'"):
        trained.score(["three"], ["odd"])
    with pytest.raises(LabelMismatch, match="order differs"):
        trained.check_labels(["positive", "negative"])


def test_a_test_split_is_no_validation_data(trained, sample):
    with pytest.raises(BadInput, match="opened once"):
        classifier().fit(sample.train, validation=sample.test)
    with pytest.raises(BadInput, match="opened once"):
        trained.calibrate(sample.test)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "perceiver"}, "encoder='perceiver' is unknown; choose one of mlp"),
        ({"attention": "bahdanau"}, "attention='bahdanau' is unknown"),
        ({"encoder": "tfidf-mlp"}, "give attention='none'"),
        ({"bucketing": "yes"}, "bucketing='yes' is unknown"),
        ({"embedding_trainable": -1}, "embedding_trainable=-1"),
        ({"embedding_trainable": "later"}, "embedding_trainable must be .* received 'later'"),
        ({"embedding": "word2vec"}, "'word2vec' is not on this machine"),
        ({"embedding": "cbow", "oov": "ones"}, "oov='ones' is unknown"),
        ({"class_weight": "equal"}, "class_weight='equal'"),
        ({"keep": "middle"}, "keep='middle'"),
        ({"units": 0}, "units must be .* got 0"),
        ({"batch_size": 0}, "batch_size must be .* got 0"),
        ({"class_weight": {"positive": 2, "neutral": 1}}, "Unknown label 'neutral'"),
        ({"class_weight": {"positive": -2}}, "class_weight\\['positive'\\] must be .* got -2"),
    ],
)
def test_settings_that_do_not_exist_are_named(options, message):
    options = {"encoder": "mlp-average", "attention": "global"} | options
    with pytest.raises((BadInput, DataMissing), match=message):
        classifier(**options).fit(*planted(20), validation=planted(8, 1), progress=None)


def test_explain_takes_one_text_and_a_known_method(trained):
    with pytest.raises(BadInput, match="explain takes one text; received list"):
        trained.explain(["lovely"])
    with pytest.raises(BadInput, match="method='lime' is unknown"):
        trained.explain("lovely", method="lime")
    for method in ("attention", "leave-one-out"):
        with pytest.raises(LabelMismatch, match="'neutral'"):
            trained.explain("lovely", method=method, target="neutral")


@pytest.mark.parametrize(
    ("encoder", "attention"), [("cnn", "structured"), ("bigru", "hierarchical"), ("tfidf-mlp", "none")]
)
def test_settings_may_be_numbers_of_numpy(encoder, attention):
    sizes = "units attention_units layers embedding_dim filters hops max_words min_count max_length max_sentences seed"
    whole = {name: np.int64(2) for name in sizes.split()}
    options = whole | {"kernel_sizes": (np.int64(2),), "dropout": np.float32(0.5)}
    clf = classifier(encoder, attention, **options)
    texts, labels = planted(20)
    clf.label_set_ = LabelSet("p", tuple(sorted(set(labels))))
    clf._fit_encoding(texts)
    json.dumps(clf._state())
    model = clf._build(2)
    model.to_json()
    assert np.isfinite(model(clf.encoding_.encode(texts))).all()


@pytest.mark.parametrize(
    ("attention", "options", "shape"),
    [("self", {"heads": 2, "scoring": "additive"}, (2, 5, 5)), ("structured", {"hops": 3, "penalty": 1.0}, (3, 5))],
)
def test_attention_weights_of_one_text_are_the_layers_own(attention, options, shape):
    clf = classifier("none", attention, epochs=1, **options).fit(*planted(32), validation=planted(8, 1), progress=None)
    layer = clf.model_.get_layer("attention")
    assert {name: getattr(layer, name) for name in options} == options
    weights = clf.attention_weights("a lovely word1 word2 .")
    assert weights.shape == shape
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    explanation = clf.explain("a lovely word1 word2 .")
    if attention == "structured":
        np.testing.assert_allclose(explanation.weights, weights.mean(axis=0), atol=1e-6)
    else:
        ids = clf.ids_from_tokens([clf.tokenise("a lovely word1 word2 .")])[:, :5]
        states = clf.model_.get_layer("embedding")(ids)
        brought = np.asarray(layer.contributions(states, weights[None]))[0]
        np.testing.assert_allclose(explanation.weights, brought / brought.sum(), atol=1e-6)
        np.testing.assert_array_equal(explanation.matrix, weights)
    assert (explanation.matrix is not None) == (attention == "self")
