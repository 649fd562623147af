"""Attention layers against numbers worked out by hand, garbage in the padding, and fresh processes."""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_config, check_half_precision, with_checkout

from emorec.attention import (
    GlobalAttention,
    HierarchicalAttention,
    SelfAttention,
    StructuredSelfAttention,
    UniformAttention,
)
from emorec.attention.hierarchical import pack, unpack, with_a_step
from emorec.attention.masking import masked_softmax
from emorec.errors import BadInput

LAYERS = {
    "global": lambda **more: GlobalAttention(units=5, **more),
    "uniform": lambda **more: UniformAttention(**more),
    "dot": lambda **more: SelfAttention(units=6, heads=2, **more),
    "additive": lambda **more: SelfAttention(units=6, heads=3, scoring="additive", **more),
    "structured": lambda **more: StructuredSelfAttention(units=5, hops=3, penalty=0.1, **more),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())


def array(tensor):
    return ops.convert_to_numpy(tensor)


def sequences(batch=4, steps=6, features=3, seed=0):
    """States, and a mask with a full, a partly padded, a one-word and an empty row."""
    states = np.random.default_rng(seed).normal(size=(batch, steps, features)).astype("float32")
    lengths = np.array([steps, 4, 1, 0])[:batch]
    return states, np.arange(steps) < lengths[:, None]


def documents(seed=0):
    """Words (3, 4, 5, 3): empty sentences in the middle and at the end, and a document without a word."""
    words = np.random.default_rng(seed).normal(size=(3, 4, 5, 3)).astype("float32")
    lengths = np.array([[5, 2, 1, 3], [3, 0, 4, 0], [0, 0, 0, 0]])
    return words, np.arange(5) < lengths[..., None]


# Numbers worked out by hand


def test_masked_softmax_by_hand():
    scores = ops.convert_to_tensor(np.log([[1.0, 3.0, 7.0], [2.0, 2.0, 5.0], [1.0, 1.0, 1.0]]), "float32")
    mask = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
    expected = [[0.25, 0.75, 0.0], [2 / 9, 2 / 9, 5 / 9], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(array(masked_softmax(scores, mask)), expected, atol=1e-7)
    np.testing.assert_allclose(array(masked_softmax(scores))[2], [1 / 3] * 3, atol=1e-7)


def test_masked_softmax_extremes():
    scores = ops.convert_to_tensor([[6e4, -6e4, 6.5e4], [-np.inf, 1.0, np.nan]], "float16")
    weights = array(masked_softmax(scores, np.array([[1, 1, 0], [0, 1, 0]], bool)))
    assert weights.dtype == np.float16
    np.testing.assert_array_equal(weights, [[1, 0, 0], [0, 1, 0]])


def test_global_attention_by_hand():
    states = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]], "float32")
    layer = GlobalAttention(units=1)
    layer.build(states.shape)
    # u_t = tanh(h_t1 + 2 h_t2 - 1), score = 3 u_t: scores 0 and 3 tanh(1)
    layer.set_weights([np.array([[1.0], [2.0]]), np.array([-1.0]), np.array([[3.0]])])
    context, weights = layer(states, mask=np.array([[True, True, False]]), return_attention_scores=True)
    second = np.exp(3 * np.tanh(1.0)) / (1 + np.exp(3 * np.tanh(1.0)))
    np.testing.assert_allclose(array(weights), [[1 - second, second, 0]], atol=1e-6)
    np.testing.assert_allclose(array(context), [[1 - second, second]], atol=1e-6)


def test_uniform_attention_by_hand():
    states, mask = sequences()
    context, weights = UniformAttention()(states, mask=mask, return_attention_scores=True)
    np.testing.assert_allclose(array(weights)[1], [0.25] * 4 + [0, 0], atol=1e-7)
    np.testing.assert_allclose(array(context)[1], states[1, :4].mean(0), atol=1e-6)
    np.testing.assert_allclose(array(context)[2], states[2, 0], atol=1e-6)


@pytest.mark.parametrize("scoring", ["dot", "additive"])
def test_self_attention_by_hand(scoring):
    states, mask = sequences()
    layer = SelfAttention(units=6, heads=2, scoring=scoring)
    outputs, weights = layer(states, mask=mask, return_attention_scores=True)
    value = {w.path.split("/", 1)[-1]: array(w) for w in layer.weights}
    q = states @ value["query/kernel"] + value["query/bias"]
    k, v = states @ value["key/kernel"], states @ value["value/kernel"]
    attended = np.zeros((4, 6, 6))
    for row, length in enumerate([6, 4, 1]):
        for head in range(2):
            part = slice(3 * head, 3 * head + 3)
            for i in range(length):
                if scoring == "dot":
                    scores = k[row, :length, part] @ q[row, i, part] / np.sqrt(3)
                else:
                    pairs = np.tanh(k[row, :length, part] + q[row, i, part])
                    scores = pairs @ value["score_kernel"][head]
                a = np.exp(scores) / np.exp(scores).sum()
                np.testing.assert_allclose(array(weights)[row, head, i, :length], a, atol=1e-5)
                attended[row, i, part] = a @ v[row, :length, part]
    expected = (attended @ value["output/kernel"] + value["output/bias"]) * mask[..., None]
    np.testing.assert_allclose(array(outputs), expected, atol=1e-5)


def test_structured_attention_and_its_penalty_by_hand():
    states, mask = sequences()
    layer = StructuredSelfAttention(units=5, hops=2, penalty=0.5)
    rows, weights = layer(states, mask=mask, return_attention_scores=True)
    kernel, score = (array(w) for w in layer.weights)
    losses = []
    for row, length in enumerate([6, 4, 1]):
        powers = np.exp(np.tanh(states[row, :length] @ kernel) @ score).T
        a = powers / powers.sum(1, keepdims=True)
        np.testing.assert_allclose(array(weights)[row, :, :length], a, atol=1e-6)
        np.testing.assert_allclose(array(rows)[row], a @ states[row, :length], atol=1e-5)
        losses.append(((a @ a.T - np.eye(2)) ** 2).sum())
    # One word: both hops are [1], so A A^T - I is [[0, 1], [1, 0]]. The empty row counts for nothing.
    np.testing.assert_allclose(losses[2], 2.0)
    np.testing.assert_allclose(array(layer.losses[0]), 0.5 * np.mean(losses), rtol=1e-5)
    assert not StructuredSelfAttention(units=5, hops=2).losses


def test_hierarchy_is_words_then_sentences():
    words, mask = documents()
    layer = HierarchicalAttention(units=4, encoder_units=2)
    document, of_words, of_sentences = layer(words, mask=mask, return_attention_scores=True)
    assert [tuple(t.shape) for t in (document, of_words, of_sentences)] == [(3, 4), (3, 4, 5), (3, 4)]
    # Document 1 without its empty sentences, one sentence at a time, each at its own length: no masks at all.
    real = [words[1, 0, :3], words[1, 2, :4]]
    vectors = [layer.word_attention(layer.word_encoder(sentence[None])) for sentence in real]
    expected = layer.sentence_attention(layer.sentence_encoder(ops.stack(vectors, 1)))
    np.testing.assert_allclose(array(document)[1], array(expected)[0], atol=1e-6)
    np.testing.assert_allclose(array(of_words).sum(-1), mask.any(-1), atol=1e-6)
    np.testing.assert_allclose(array(of_sentences).sum(-1), [1, 1, 0], atol=1e-6)
    assert not array(of_words)[~mask].any() and not array(of_sentences)[~mask.any(-1)].any()
    assert not array(document)[2].any()


# Masks


@every_layer
def test_weights_are_exactly_zero_on_padding_and_sum_to_one(make):
    states, mask = sequences()
    weights = array(make()(states, mask=mask, return_attention_scores=True)[1])
    axes = tuple(range(1, weights.ndim - 1))
    assert not weights.transpose(0, -1, *axes)[~mask].any()
    queries = mask[:, None, :] if weights.ndim == 4 else mask.any(1).reshape(-1, *[1] * (weights.ndim - 2))
    np.testing.assert_allclose(weights.sum(-1), np.broadcast_to(queries, weights.shape[:-1]), atol=1e-6)


@every_layer
@pytest.mark.parametrize("garbage", [1e6, np.nan, np.inf])
def test_padding_changes_nothing(make, garbage):
    states, mask = sequences()
    layer = make()
    clean, weights = layer(states * mask[..., None], mask=mask, return_attention_scores=True)
    dirty = np.concatenate([np.where(mask[..., None], states, garbage), np.full((4, 50, 3), garbage)], 1)
    longer = np.concatenate([mask, np.zeros((4, 50), bool)], 1)
    outputs, new_weights = layer(dirty.astype("float32"), mask=longer, return_attention_scores=True)
    outputs, new_weights = array(outputs), array(new_weights)
    if isinstance(layer, SelfAttention):
        assert not outputs[:, 6:].any() and not new_weights[..., 6:, :].any()
        outputs, new_weights = outputs[:, :6], new_weights[..., :6, :]
    assert not new_weights[..., 6:].any()
    np.testing.assert_allclose(outputs, array(clean), atol=1e-5)
    np.testing.assert_allclose(new_weights[..., :6], array(weights), atol=1e-5)


def test_empty_sentences_and_padded_words_change_nothing():
    words, mask = documents()
    layer = HierarchicalAttention(units=4)
    before = [array(t) for t in layer(words, mask=mask, return_attention_scores=True)]
    garbage = np.full((3, 54, 55, 3), np.nan, "float32")
    garbage[:, :4, :5] = np.where(mask[..., None], words, 1e6)
    longer = np.zeros((3, 54, 55), bool)
    longer[:, :4, :5] = mask
    after = [array(t) for t in layer(garbage, mask=longer, return_attention_scores=True)]
    np.testing.assert_allclose(after[0], before[0], atol=1e-5)
    np.testing.assert_allclose(after[1][:, :4, :5], before[1], atol=1e-5)
    np.testing.assert_allclose(after[2][:, :4], before[2], atol=1e-5)
    # ... and in the middle: sentence 1 of document 0 pushed apart from the rest
    spread = np.insert(words, 1, 7.0, axis=1), np.insert(mask, 1, False, axis=1)
    np.testing.assert_allclose(array(layer(spread[0], mask=spread[1])), before[0], atol=1e-5)


def test_no_rnn_meets_an_empty_row_or_a_hole():
    # cuDNN refuses both, and a CPU run would not show it.
    mask = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool)
    states = np.arange(15.0).reshape(3, 5, 1)
    packed, packed_mask, back = pack(ops.convert_to_tensor(states), ops.convert_to_tensor(mask))
    np.testing.assert_array_equal(array(packed_mask).sum(1), [3, 0, 1])
    np.testing.assert_array_equal(array(packed)[0, :3, 0], [0, 2, 3])
    np.testing.assert_array_equal(array(unpack(packed, back)), states)
    safe = array(with_a_step(packed_mask))
    np.testing.assert_array_equal(safe, [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]])


@pytest.mark.parametrize("name", [*LAYERS, "hierarchical"])
def test_gradients_are_finite_and_reach_every_weight(name):
    states, mask = sequences() if name != "hierarchical" else documents()
    layer = LAYERS[name]() if name != "hierarchical" else HierarchicalAttention(units=4)
    inputs = keras.Input(states.shape[1:])
    masked = keras.Input(mask.shape[1:], dtype="bool")
    outputs = layer(keras.layers.Dense(3)(inputs), mask=masked)
    model = keras.Model([inputs, masked], keras.layers.Dense(1)(keras.layers.Reshape((-1,))(outputs)))
    model.compile("sgd", "mse")
    before = [array(weight) for weight in model.weights]
    model.fit([states, mask], np.arange(len(states), dtype="float32"), batch_size=4, verbose=0)
    for weight, old in zip(model.weights, before):
        new = array(weight)
        assert np.isfinite(new).all() and (new != old).any(), weight.path


def test_the_mask_ends_in_a_pool_and_stays_with_states():
    ids = np.array([[3, 1, 0], [0, 0, 0]])
    states = keras.layers.Embedding(5, 4, mask_zero=True)(ids)
    kept, weights = SelfAttention(units=4)(states, return_attention_scores=True)
    np.testing.assert_array_equal(array(kept._keras_mask), ids > 0)
    assert not array(weights)[0, 0, :, 2].any()
    # The mask that travels with the states is used without being named.
    for layer in (GlobalAttention(4), StructuredSelfAttention(4, 2), UniformAttention()):
        pooled, weights = layer(kept, return_attention_scores=True)
        assert getattr(pooled, "_keras_mask", None) is None
        assert not array(weights)[..., 2].any() and array(weights)[0].any()


@every_layer
def test_without_a_mask_every_step_counts(make):
    states, _ = sequences()
    layer = make()
    bare = array(layer(states))
    np.testing.assert_allclose(bare, array(layer(states, mask=np.ones((4, 6), bool))), atol=1e-6)


# Who looks at whom


def test_causal_window_and_pairs_by_hand():
    states, mask = sequences()
    allowed = np.random.default_rng(1).random((4, 6, 6)) < 0.6
    allowed[0, 2] = False  # a step that may look nowhere
    back = np.arange(6)[:, None] - np.arange(6)
    wanted = mask[:, :, None] & mask[:, None, :] & allowed & (back >= 0) & (back <= 2)
    layer = SelfAttention(6, heads=2, causal=True, window=2)
    new, weights = layer(states, mask=mask, attention_mask=allowed, return_attention_scores=True)
    open_to_all = SelfAttention(6, heads=2)
    open_to_all(states)
    open_to_all.set_weights(layer.get_weights())
    full = array(open_to_all(states, return_attention_scores=True)[1])
    by_hand = full * wanted[:, None]
    by_hand /= np.maximum(by_hand.sum(axis=-1, keepdims=True), 1e-30)
    np.testing.assert_allclose(array(weights), by_hand, atol=1e-6)
    assert not array(weights)[0, :, 2].any()
    np.testing.assert_allclose(array(new)[0, 2], array(layer.output_projection.bias), atol=1e-6)


@pytest.mark.parametrize("scoring", ["dot", "additive"])
def test_a_causal_step_sees_nothing_of_later_ones(scoring):
    states, _ = sequences()
    layer = SelfAttention(6, heads=2, scoring=scoring, causal=True)
    before, later = array(layer(states)), states.copy()
    later[:, 4:] += 3
    after = array(layer(later))
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=1e-6)
    assert np.abs(after[:, 4:] - before[:, 4:]).max() > 0.01


def test_a_window_of_none_sees_only_itself():
    states, mask = sequences()
    _, weights = SelfAttention(6, window=0)(states, mask=mask, return_attention_scores=True)
    np.testing.assert_array_equal(array(weights)[:, 0], np.eye(6) * mask[:, :, None])


def test_the_mask_of_pairs_goes_through_a_functional_model():
    states, _ = sequences()
    allowed = np.tril(np.ones((4, 6, 6), bool))
    inputs, pairs = keras.Input((None, 3)), keras.Input((None, None), dtype="bool")
    layer = SelfAttention(6)
    model = keras.Model([inputs, pairs], layer(inputs, attention_mask=pairs))
    np.testing.assert_allclose(array(model([states, allowed])), array(layer(states, attention_mask=allowed)), atol=1e-6)


@pytest.mark.parametrize("make", [
    lambda **more: SelfAttention(6, 2, "additive", **more), lambda **more: SelfAttention(6, **more),
    lambda **more: GlobalAttention(5, **more), lambda **more: StructuredSelfAttention(5, 3, **more),
])  # fmt: skip
def test_a_regularizer_is_of_all_kernels(make):
    layer = make(kernel_regularizer=keras.regularizers.L2(0.5))
    layer(sequences()[0])
    kernels = [array(w) for w in layer.trainable_weights if "kernel" in w.name]
    assert len(kernels) > 1
    by_hand = sum(0.5 * np.square(kernel).sum() for kernel in kernels)
    np.testing.assert_allclose(sum(array(loss) for loss in layer.losses), by_hand, rtol=1e-5)


# Shapes, precision, dropout, errors


@pytest.mark.parametrize("name", [*LAYERS, "hierarchical"])
def test_a_batch_of_no_rows(name):
    states, mask = sequences() if name != "hierarchical" else documents()
    layer = LAYERS[name]() if name != "hierarchical" else HierarchicalAttention(units=4)
    shapes = [tuple(part.shape[1:]) for part in layer(states, mask=mask, return_attention_scores=True)]
    empty = layer(states[:0], mask=mask[:0], return_attention_scores=True)
    assert [tuple(part.shape) for part in empty] == [(0, *shape) for shape in shapes]


def test_dot_scores_do_not_overflow_in_half_precision():
    states = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32") * 200
    half, full = SelfAttention(8, heads=2, dtype="float16"), SelfAttention(8, heads=2)
    full(states)
    half(states)
    half.set_weights(full.get_weights())
    np.testing.assert_allclose(array(half(states)).astype("float32"), array(full(states)), rtol=0.02, atol=3)


@pytest.mark.parametrize("name", [*LAYERS, "hierarchical"])
def test_symbolic_shapes_are_those_computed(name):
    states, _ = sequences() if name != "hierarchical" else documents()
    layer = LAYERS[name]() if name != "hierarchical" else HierarchicalAttention(units=4)
    symbolic = layer(keras.Input(states.shape[1:]), return_attention_scores=True)
    computed = layer(states, return_attention_scores=True)
    assert [t.shape[1:] for t in symbolic] == [tuple(t.shape[1:]) for t in computed]
    assert layer(keras.Input(states.shape[1:])).shape[1:] == symbolic[0].shape[1:]
    assert tuple(layer.compute_output_shape(states.shape)) == tuple(computed[0].shape)


@pytest.mark.parametrize("name", [*LAYERS, "hierarchical"])
def test_mixed_float16(name):
    policy = keras.DTypePolicy("mixed_float16")
    states, mask = sequences() if name != "hierarchical" else documents()
    layer = LAYERS[name](dtype=policy) if name != "hierarchical" else HierarchicalAttention(4, dtype=policy)
    _, weights, *_ = check_half_precision(layer, states * 100, mask=mask, return_attention_scores=True)
    padded = np.moveaxis(weights, -1, 1)[~mask] if weights.ndim != mask.ndim else weights[~mask]
    assert not padded.any()


def test_dropout_is_for_training_and_leaves_the_scores():
    states, mask = sequences()
    layer = GlobalAttention(4, dropout=0.9, seed=1)
    still, weights = layer(states, mask=mask, return_attention_scores=True)
    moved, in_training = layer(states, mask=mask, return_attention_scores=True, training=True)
    np.testing.assert_allclose(array(in_training), array(weights), atol=1e-7)
    assert not np.allclose(array(still), array(moved))
    np.testing.assert_allclose(array(layer(states, mask=mask)), array(still))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GlobalAttention(units=0), "units must be a whole number of at least 1, got 0"),
        (lambda: GlobalAttention(units=2.5), "got 2.5"),
        (lambda: GlobalAttention(units=True), "got True"),
        (lambda: GlobalAttention(dropout=1.0), "dropout must be a number from 0 to below 1, got 1.0"),
        (lambda: SelfAttention(units=64, heads=5), "units=64 cannot be shared equally between heads=5"),
        (lambda: SelfAttention(heads=0), "heads must be a whole number"),
        (lambda: SelfAttention(scoring="cosine"), "'cosine' is unknown; choose one of dot, additive"),
        (lambda: StructuredSelfAttention(hops=-1), "hops must be"),
        (lambda: StructuredSelfAttention(penalty=-0.1), "penalty must be a number of at least 0, got -0.1"),
        (lambda: HierarchicalAttention(word_encoder="transformer"), "rnn, gru, lstm, birnn, bigru, bilstm"),
        (lambda: HierarchicalAttention(encoder_units="many"), "encoder_units must be"),
        (lambda: HierarchicalAttention()(np.zeros((2, 3, 4))), "(batch, sentences, words, features); got"),
        (
            lambda: HierarchicalAttention(word_encoder=keras.layers.GRU(3))(np.zeros((2, 3, 4, 5))),
            "return_sequences=True",
        ),
        (lambda: GlobalAttention()(np.zeros((2, 3))), "(batch, steps, features); got (2, 3), rank 2"),
        (lambda: SelfAttention()(np.zeros((2, 3, 4, 5))), "rank 4"),
        (lambda: UniformAttention()(np.zeros((2, 3))), "rank 2"),
        (lambda: GlobalAttention()(np.zeros((2, 3, 4)), mask=np.ones((2, 4), bool)), "mask of shape (2, 4)"),
        (lambda: SelfAttention(window=-1), "window must be a whole number of at least 0, got -1"),
        (
            lambda: SelfAttention()(np.zeros((2, 3, 4)), attention_mask=np.ones((2, 3, 4), bool)),
            "attention_mask of shape (2, 3, 4)",
        ),
        (
            lambda: SelfAttention()(np.zeros((2, 3, 4)), mask=np.ones((2, 3, 1), bool)),
            "needs the shape (2, 3)",
        ),
    ],
)
def test_errors_say_the_rule_and_the_value(make, message):
    with pytest.raises(BadInput) as error:
        make()
    assert message in str(error.value)


# Serialisation


def test_configs_round_trip():
    layers = [make(name="mine", dtype="float64") for make in LAYERS.values()]
    layers += [
        HierarchicalAttention(3, word_encoder="lstm", encoder_units=2),
        HierarchicalAttention(3, word_encoder=keras.layers.LSTM(2, return_sequences=True)),
        GlobalAttention(3, dropout=0.2, seed=7),
        SelfAttention(4, causal=True, window=3, kernel_regularizer=keras.regularizers.L1(0.1)),
    ]
    for layer in layers:
        check_config(layer)
    assert type(layers[-3].word_encoder) is keras.layers.LSTM


def test_saved_model_reloads_in_a_fresh_process(elsewhere):
    ids = np.array([[[1, 2, 0], [0, 0, 0], [3, 4, 5]], [[0] * 3] * 3])
    inputs = keras.Input((None, None), dtype="int32")
    embedded = keras.layers.Embedding(6, 4, mask_zero=True)(inputs)
    document, *weights = HierarchicalAttention(4)(embedded, return_attention_scores=True)
    own = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))
    other = HierarchicalAttention(4, word_encoder=own, encoder_units=3)(embedded)
    flat = keras.layers.Embedding(6, 4, mask_zero=True)(keras.layers.Reshape((-1,))(inputs))
    outputs = [document, *weights, other, *GlobalAttention(4)(flat, return_attention_scores=True)]
    outputs += [*StructuredSelfAttention(3, 2, penalty=0.1)(flat, return_attention_scores=True)]
    for scoring in ("dot", "additive"):
        outputs += [*SelfAttention(4, 2, scoring)(flat, return_attention_scores=True)]
    outputs += [UniformAttention()(flat)]
    elsewhere.check_model(keras.Model(inputs, outputs), ids, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["import emorec, keras", "import keras, emorec"])
def test_keras_alone_reads_the_layers_after_importing_emorec(imports, tmp_path):
    inputs = keras.Input((None, 3))
    keras.Model(inputs, GlobalAttention(4)(SelfAttention(4)(inputs))).save(tmp_path / "own.keras")
    code = f"{imports}; print(len(keras.saving.load_model({str(tmp_path / 'own.keras')!r}).layers))"
    done = subprocess.run([sys.executable, "-c", code], env=with_checkout(), capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr[-2000:]


@pytest.mark.slow
def test_the_same_holds_on_jax():
    if keras.backend.backend() == "jax":
        pytest.skip("this run is on JAX already")
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed beside this Python: pip install jax")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=with_checkout(KERAS_BACKEND="jax"), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
