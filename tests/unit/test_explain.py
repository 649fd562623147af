"""Explanations of models whose working is known: planted keywords, losses by hand, words that are markup."""

import os
import subprocess
import sys
from dataclasses import replace

os.environ.setdefault("MPLBACKEND", "Agg")

import keras
import numpy as np
import pytest
from keras import ops

from emorec.attention import GlobalAttention, SelfAttention, StructuredSelfAttention
from emorec.errors import BadInput, LabelMismatch
from emorec.gradients import input_gradient
from emorec.labels import POLARITY, LabelSet
from emorec.text import explain
from emorec.text.explain import Explanation

WORDS = ["<pad>", "<unk>", "great", "awful", *(f"word{i}" for i in range(20))]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Counter:
    """p(positive) = sigmoid(2 * great - 2 * awful + 0.5): everything about it can be worked out by hand."""

    label_set_ = POLARITY

    def tokenise(self, text):
        return text.split()

    def proba_from_tokens(self, token_lists):
        score = np.array([2.0 * t.count("great") - 2.0 * t.count("awful") + 0.5 for t in token_lists])
        return np.stack([1 - sigmoid(score), sigmoid(score)], axis=1)

    def explain(self, text):
        return explain.uniform_attribution(self, text)


class NotPadding(keras.layers.Layer):
    def call(self, ids):
        return ops.not_equal(ids, 0)


class Network:
    """word vectors -> a layer named attention -> logits, with weights set by hand, not trained."""

    def __init__(self, attention=None, label_set=POLARITY, sentences=False, noise=0.1):
        self.label_set_ = label_set
        keras.utils.set_random_seed(0)
        ids = keras.Input((None, None) if sentences else (None,), dtype="int32", name="ids")
        vectors = keras.layers.Embedding(len(WORDS), 2, name="embedding")(ids)
        mask = NotPadding(name="mask")(ids)
        if sentences:
            kept = ops.expand_dims(ops.cast(mask, "float32"), -1)
            pooled = ops.sum(vectors * kept, axis=(1, 2)) / (1 + ops.sum(kept, axis=(1, 2)))
        else:
            pooled = (attention or GlobalAttention(units=2, name="attention"))(vectors, mask=mask)
            pooled = keras.layers.Flatten()(pooled) if len(pooled.shape) == 3 else pooled
        logits = keras.layers.Dense(2, name="logits")(pooled)
        self.model_ = keras.Model(ids, logits)
        table = np.random.default_rng(0).normal(0, noise, (len(WORDS), 2))
        table[2], table[3], table[0] = [3, 0], [0, 3], [7, -7]  # a padding vector that would show
        self.model_.get_layer("embedding").set_weights([table])
        if pooled.shape[-1] == 2:
            self.model_.get_layer("logits").set_weights([np.array([[-2.0, 2.0], [2.0, -2.0]]), np.array([0.0, 0.3])])
        if isinstance(self.attention_layer, GlobalAttention):
            self.attention_layer.set_weights([np.eye(2), np.zeros(2), np.array([[4.0], [4.0]])])

    @property
    def attention_layer(self):
        return next((layer for layer in self.model_.layers if layer.name == "attention"), None)

    def tokenise(self, text):
        return text.split()

    def ids_from_tokens(self, token_lists, extra=3):
        rows = [[WORDS.index(t) if t in WORDS else 1 for t in tokens] for tokens in token_lists]
        if len(self.model_.inputs[0].shape) == 3:  # sentences of four words
            ids = np.zeros((len(rows), 1 + max(len(r) for r in rows) // 4, 4 + extra), dtype="int32")
            for i, row in enumerate(rows):
                for j, word in enumerate(row):
                    ids[i, j // 4, j % 4] = word
            return ids
        ids = np.zeros((len(rows), -(-max(map(len, rows)) // 16) * 16 + extra), dtype="int32")
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
        return ids

    def proba_from_tokens(self, token_lists):
        logits = ops.convert_to_numpy(self.model_(self.ids_from_tokens(token_lists), training=False))
        if self.label_set_.multi_label:
            return sigmoid(logits)
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    def explain(self, text):
        tokens = self.tokenise(text)
        ids = self.ids_from_tokens([tokens])
        vectors = self.model_.get_layer("embedding")(ids)
        _, weights = self.attention_layer(vectors, mask=ids > 0, return_attention_scores=True)
        p = self.proba_from_tokens([tokens])[0]
        named = dict(zip(self.label_set_, p.tolist()))
        return Explanation(tokens, np.asarray(weights)[ids > 0], max(named, key=named.get), named, self.label_set_)


def planted_texts(n=30, seed=0):
    rng, texts = np.random.default_rng(seed), []
    for i in range(n):
        words = list(rng.choice(WORDS[4:], rng.integers(6, 15)))
        words[rng.integers(len(words))] = ("great", "awful")[i % 2]
        texts.append(" ".join(words))
    return texts


@pytest.fixture(scope="module")
def network():
    return Network()


class Answering:
    """Answers with what a text says of itself: ``label probability words``."""

    def tokenise(self, text):
        return text.split()

    def predict_proba(self, texts):
        rows = [(label, float(p)) for label, p, *_ in map(str.split, texts)]
        return np.array([[p, 1 - p] if label == "negative" else [1 - p, p] for label, p in rows])

    def answers(self, probabilities):
        return np.array(POLARITY.names, dtype=object)[probabilities.argmax(axis=1)]

    def explain(self, text, **how):
        return Explanation(text.split(), np.zeros(len(text.split())), text.split()[0], {}, POLARITY)


def test_examples_are_chosen_by_rule_and_show_their_true_label():
    texts = ["positive 0.7 a", "positive 0.9 a", "negative 0.6 a", "negative 0.99 a", "negative 0.8 a",
             "positive 0.999 " + "a " * 40]  # fmt: skip
    labels = ["positive", "positive", "negative", "positive", "positive", "positive"]
    examples = explain.cases(Answering(), (texts, labels))
    assert [(e.case, " ".join(e.tokens)) for e in examples] == [
        ("right and sure", "positive 0.9 a"),
        ("right and unsure", "negative 0.6 a"),
        ("wrong and sure", "negative 0.99 a"),
    ]
    assert [e.truth for e in examples] == ["positive", "negative", "positive"]
    assert "wrong and sure: negative, true label positive" in examples[2]._repr_html_()
    assert len(explain.cases(Answering(), (texts[:1], labels[:1]))) == 1  # nothing is wrong, and nothing shown twice


# ------------------------------------------------------------------------------------------------- methods


def test_leave_one_out_by_hand():
    e = explain.leave_one_out(Counter(), "a great film")
    assert e.tokens == ["a", "great", "film"] and e.label == e.target == "positive"
    assert e.weights == pytest.approx([0, sigmoid(2.5) - sigmoid(0.5), 0])
    assert e.probabilities["positive"] == pytest.approx(sigmoid(2.5))
    against = explain.leave_one_out(Counter(), "a great film", target="negative")
    assert against.weights == pytest.approx(-e.weights) and against.target == "negative"
    with pytest.raises(LabelMismatch):
        explain.leave_one_out(Counter(), "a great film", target="joy")


def test_a_long_text_is_left_out_in_batches():
    e = explain.leave_one_out(Counter(), "great " + "word " * 600)
    assert len(e.weights) == 601 and e.weights[1:] == pytest.approx(0) and e.weights[0] > 0.1


@pytest.mark.parametrize("method", [explain.integrated_gradients, explain.leave_one_out])
def test_the_planted_word_ranks_first(network, method):
    for text in planted_texts():
        assert method(network, text).top(1)[0][0] in ("great", "awful")


def test_integrated_gradients_are_complete(network):
    bias = np.array([0.0, 0.3])
    empty = np.exp(bias) / np.exp(bias).sum()  # zero vectors pool to zero
    for text in planted_texts(6):
        for target in POLARITY.names:
            e = explain.integrated_gradients(network, text, target)
            change = e.probabilities[target] - empty[POLARITY.index(target)]
            assert e.weights.sum() == pytest.approx(change, abs=2e-3)
            assert abs(e.gap) < 2e-3 and len(e.weights) == len(e.tokens)


def test_texts_of_many_lengths_cause_no_advice_from_tensorflow(caplog):
    caplog.set_level("WARNING", "tensorflow")
    unlike, texts = Network(), ["great " + "word1 " * n for n in range(1, 140, 17)]
    for text in texts:
        explain.integrated_gradients(unlike, text)
    explain.permuted_attention(unlike, texts, permutations=2)
    assert not caplog.records


def test_few_steps_show_in_the_gap(network):
    text = "great word1 word2"
    gaps = [abs(explain.integrated_gradients(network, text, steps=n).gap) for n in (1, 64)]
    assert gaps[0] > 0.01 and gaps[1] < 1e-4


def test_integrated_gradients_of_a_straight_line_are_exact():
    """For a function of the path x -> a x the attribution is the weight times the word."""
    clf = Network(label_set=LabelSet("tags", POLARITY.names, multi_label=True), sentences=True, noise=0.0)
    clf.model_.get_layer("logits").set_weights([np.array([[0.0, 0.02], [0.0, 0.01]]), np.zeros(2)])
    e = explain.integrated_gradients(clf, "great word1 awful word2 word3 great", target="positive")
    step = 0.25 / 7  # slope of the sigmoid at 0, over 1 + 6 words
    assert e.weights == pytest.approx([0.06 * step, 0, 0.03 * step, 0, 0, 0.06 * step], rel=1e-3, abs=1e-7)


def test_words_of_sentences_come_back_in_order():
    clf = Network(sentences=True)
    text = "word1 word2 word3 word4 word5 awful word6"
    e = explain.integrated_gradients(clf, text)
    assert e.label == "negative" and e.top(1)[0][0] == "awful" and len(e.weights) == 7


def test_padding_changes_no_attribution(network):
    text = planted_texts(1)[0]
    before = explain.integrated_gradients(network, text).weights
    longer = Network()
    longer.ids_from_tokens = lambda lists: Network.ids_from_tokens(longer, lists, extra=40)
    assert explain.integrated_gradients(longer, text).weights == pytest.approx(before, abs=1e-6)


def test_the_temperature_counts(network):
    hot = Network()
    hot.temperature_ = 100.0
    text = "great word1"
    ratio = explain.integrated_gradients(hot, text).weights[0] / explain.integrated_gradients(network, text).weights[0]
    assert abs(ratio) < 0.1


def test_a_model_without_word_vectors_says_so():
    with pytest.raises(BadInput, match="leave_one_out"):
        explain.integrated_gradients(Counter(), "a great film")


def test_gradients_are_right_and_follow_the_weights():
    x, y = keras.Input((2,)), keras.Input((2,))
    scale = keras.layers.Dense(1, use_bias=False, name="scale")
    model = keras.Model([x, y], scale(x * x * x + y))
    run = input_gradient(model, lambda outputs, factor: factor * outputs[:, 0])
    point = np.array([[1.0, 2.0], [3.0, -1.0]], dtype="float32")
    for kernel in ([[1.0], [2.0]], [[-1.0], [0.5]]):  # trained on in between
        scale.set_weights([np.array(kernel)])
        values, slope = run([point, 0 * point], 10.0)
        assert values == pytest.approx(10 * (point**3 @ np.array(kernel))[:, 0])
        assert slope == pytest.approx(10 * 3 * point**2 * np.array(kernel)[:, 0])
    constant = input_gradient(model, lambda outputs: 0 * outputs[:, 0] + 1)
    assert constant([point, point])[1] == pytest.approx(0 * point)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_gradients_on_other_backends(backend):
    pytest.importorskip(backend)
    code = (
        "import sys; sys.path.insert(0, 'tests'); import numpy as np, test_explain as t; n = t.Network()\n"
        "t.test_gradients_are_right_and_follow_the_weights(); t.test_integrated_gradients_are_complete(n)\n"
        "t.test_words_of_sentences_come_back_in_order(); t.test_permuting_the_weights_moves_what_depends_on_them(n)"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------- what is believed


def test_deletion_curves_by_hand(network):
    texts = planted_texts(12)
    methods = {"attention": explain.attention_attribution, "random": explain.random_attribution}
    curves = explain.deletion_curves(network, texts, methods=methods, most=3)
    whole = network.proba_from_tokens([t.split() for t in texts])
    assert curves.loc[0].tolist() == pytest.approx([whole.max(axis=1).mean()] * 2)
    rests = [[w for w in t.split() if w not in ("great", "awful")] for t in texts]  # attention is on that word
    left = network.proba_from_tokens(rests)[np.arange(12), whole.argmax(axis=1)]
    assert curves.attention[1] == pytest.approx(left.mean(), abs=1e-6)
    assert curves.attention[1] < curves.random[1]
    with pytest.raises(BadInput, match="no texts"):
        explain.deletion_curves(network, [])


def test_rank_agreement():
    assert explain.rank_agreement([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert explain.rank_agreement([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert np.isnan(explain.rank_agreement([1, 1, 1], [3, 2, 1]))
    with pytest.raises(BadInput):
        explain.rank_agreement([1, 2], [1, 2, 3])


def test_good_explanations_beat_random_and_uniform_ones(network):
    curves = explain.deletion_curves(network, planted_texts(12), most=1)
    for name in ("attention", "integrated gradients", "leave-one-out"):
        assert curves.loc[1, name] < min(curves.loc[1, "random"], curves.loc[1, "uniform"]) - 0.05


def test_random_attributions_differ_by_text_and_repeat():
    texts = ["great a b c", "great d e f"]
    methods = {"random": explain.random_attribution}
    curves = [explain.deletion_curves(Counter(), texts * 10, methods=methods, most=2, seed=s) for s in (0, 0, 1)]
    assert curves[0].equals(curves[1]) and not curves[0].equals(curves[2])


def test_permuting_the_weights_moves_what_depends_on_them(network):
    table = explain.permuted_attention(network, ["word1 word2 great word3 word4", "word5 word5 word5"], permutations=40)
    assert table.tokens.tolist() == [5, 3]
    assert table.largest_weight[0] > 0.8 and table.moved[0] > 0.3
    assert table.moved[1] == pytest.approx(0, abs=1e-6)  # equal words: it cannot matter who gets which weight


def test_permuted_weights_by_hand(network):
    """Of two words the permutation is either none or the swap: half of the swaps' distance, or all of it."""
    network_states = network.model_.get_layer("embedding").get_weights()[0][[2, 4]]
    _, weights = network.attention_layer(network_states[None], return_attention_scores=True)
    weights = np.asarray(weights)[0]

    def p(w):
        z = (w @ network_states) @ np.array([[-2.0, 2.0], [2.0, -2.0]]) + np.array([0.0, 0.3])
        return np.exp(z) / np.exp(z).sum()

    swapped = np.abs(p(weights) - p(weights[::-1])).sum() / 2
    moved = explain.permuted_attention(network, ["great word0"], permutations=1, seed=0).moved[0]
    assert moved in (pytest.approx(swapped, abs=1e-5), pytest.approx(0, abs=1e-6))
    several = [explain.permuted_attention(network, ["great word0"], permutations=1, seed=s).moved[0] for s in range(8)]
    assert max(several) == pytest.approx(swapped, abs=1e-5)


def test_several_hops_can_be_permuted():
    clf = Network(StructuredSelfAttention(units=4, hops=3, name="attention"), noise=1.0)
    table = explain.permuted_attention(clf, planted_texts(3), permutations=20)
    assert (table.moved > 0).all() and (table.moved <= 1).all()


def test_only_weighted_means_can_be_permuted():
    class Pooled(SelfAttention):
        def call(self, states, mask=None, return_attention_scores=False, training=None):
            states, weights = super().call(states, mask=mask, return_attention_scores=True)
            return (states[:, 0], weights) if return_attention_scores else states[:, 0]

        def compute_output_spec(self, states, **arguments):
            return keras.KerasTensor((states.shape[0], states.shape[2]))

    clf = Network(Pooled(units=2, name="attention"))
    with pytest.raises(BadInput, match="Pooled makes no such means"):
        explain.permuted_attention(clf, ["great word1 word2"])
    with pytest.raises(BadInput, match="no layer 'attention'"):
        explain.permuted_attention(Network(sentences=True), ["great word1"])


# ------------------------------------------------------------------------------------------------- drawing


def markup():
    tokens = ["<script>alert(1)</script>", '"><b>', "good", "&amp;", "\x00", "\ud800"]
    return Explanation(tokens, [0.1, 0.2, 0.5, -0.1, 0.0, 0.1], "<i>joy</i>", {"<i>joy</i>": 0.9, "b": 0.1})


def test_markup_in_a_text_stays_text():
    from html.parser import HTMLParser

    class Tags(HTMLParser):
        seen, words, depth = set(), [], []

        def handle_starttag(self, tag, attributes):
            self.seen.add(tag)
            self.depth.append(tag)
            assert all(name in ("style", "title") for name, _ in attributes)

        def handle_endtag(self, tag):
            assert self.depth.pop() == tag

        def handle_data(self, data):
            self.words.append(data)

    html = markup()._repr_html_()
    parser = Tags()
    parser.feed(html)
    assert parser.seen == {"div", "span", "bdi", "b"} and not parser.depth
    assert {"<script>alert(1)</script>", '"><b>', "&amp;", "<i>joy</i>"} <= set(parser.words)
    html.encode("utf-8")  # a lone surrogate would fail here
    assert "\x00" not in html and "rgba(0,114,178" in html  # a word that speaks against the class is blue


def test_a_document_shows_its_sentences():
    e = Explanation(list("abcd"), [0.5, 0.5, 0.9, 0.1], "positive", {"positive": 1.0}, POLARITY,
                    sentences=[(0, 2), (2, 4)], sentence_weights=[0.25, 0.75])  # fmt: skip
    html = e._repr_html_()
    assert html.count("<tr") == 2 and "0.25" in html and "0.75" in html
    frame = e.to_frame()
    assert frame.sentence.tolist() == [0, 0, 1, 1]
    assert frame.sentence_weight.tolist() == [0.25, 0.25, 0.75, 0.75]
    assert "0.75" in [t.get_text() for t in e.plot().texts]
    assert "0.75" not in [t.get_text() for t in e.plot("words").texts]


def test_top_frame_and_repr():
    e = markup()
    assert e.top(2) == [("good", 0.5), ('"><b>', 0.2)]
    assert e.to_frame().weight.tolist() == pytest.approx([0.1, 0.2, 0.5, -0.1, 0.0, 0.1])
    assert "90.0 %" in repr(e) and "good 0.500" in repr(e)


def test_a_matrix_is_plotted_and_a_missing_one_refused():
    e = replace(markup(), matrix=np.full((2, 6, 6), 1 / 6))
    assert e.plot().images[0].get_array().shape == (6, 6)
    with pytest.raises(BadInput, match="matrix"):
        markup().plot("matrix")


def test_long_texts_and_many_classes_stay_short():
    many = {f"class{i}": 1 / 28 for i in range(28)}
    e = Explanation(["w"] * 5000, np.ones(5000) / 5000, "class0", many)
    html = e._repr_html_()
    assert html.count("<bdi") == explain.WORDS_SHOWN and "4000 more words" in html and "20 more classes" in html


def test_weights_must_fit_the_words():
    with pytest.raises(BadInput, match="2 tokens"):
        Explanation(["a", "b"], [0.1], "positive", {})
