"""Every encoder under every attention: shapes, padding, batches, one step of training, saving."""

import random

import keras
import numpy as np
import pytest
from keras import ops

from emorec.errors import BadInput
from emorec.text.models import (
    ATTENTIONS,
    ENCODERS,
    attention_outputs,
    build_text_model,
    build_vector_model,
)

IDS = np.array([[1, 2, 3, 4], [5, 6, 0, 0], [7, 0, 0, 0], [0, 0, 0, 0]], "int32")
DOCUMENTS = np.array(
    [[[1, 2, 3], [4, 5, 0]], [[6, 0, 0], [0, 0, 0]], [[0, 0, 0], [7, 1, 0]], [[0, 0, 0], [0, 0, 0]]], "int32"
)
TINY = dict(
    vocabulary_size=8, classes=3, embedding_dim=4, units=3, attention_units=4, heads=2, hops=2, filters=6,
    kernel_sizes=(2, 3), max_length=5, seed=0,
)  # fmt: skip


def build(encoder="gru", attention="global", **more):
    return build_text_model(encoder=encoder, attention=attention, **{**TINY, **more})


def texts(attention):
    return DOCUMENTS if attention == "hierarchical" else IDS


def array(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_encoder_under_every_attention(encoder, attention, tmp_path):
    # Word vectors of a usual size: from Keras' own, some gradients of the first step are below float32.
    matrix = np.random.default_rng(0).normal(size=(8, 4))
    model = build(encoder, attention, embedding_matrix=matrix)
    ids = texts(attention)
    logits = array(model(ids))
    assert logits.shape == (4, 3) and logits.dtype == np.float32 and np.isfinite(logits).all()
    assert np.ptp(logits, axis=0).min() > 1e-6, "texts are not told apart"
    # A batch of one, without its padding.
    alone = ids[1:2, :2] if ids.ndim == 2 else ids[1:2, :1, :1]
    np.testing.assert_allclose(array(model(alone)), logits[1:2], atol=1e-5)
    # From the word vectors and the mask on, nothing looks at the ids, nor at what stands in the padding.
    longer = np.pad(ids, [(0, 0)] + [(0, 3)] * (ids.ndim - 1))
    garbage = np.where(longer[..., None] > 0, matrix[longer], 1e6)
    head = keras.Model([model.get_layer(name).output for name in ("embedding", "mask")], model.output)
    np.testing.assert_allclose(array(head([garbage, longer > 0])), logits, atol=1e-5)
    # Saved and loaded, it is the same model.
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(array(again(ids)), logits, atol=1e-6)
    # One step of training moves every weight.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.1), loss, run_eagerly=True)
    before = model.get_weights()
    model.train_on_batch(ids, np.array([0, 1, 2, 0]))
    for variable, old in zip(model.weights, before):
        new = array(variable)
        assert np.isfinite(new).all() and (new != old).any(), variable.path


@pytest.mark.parametrize("encoder, attention", [("bilstm", "global"), ("cnn", "none"), ("mlp", "none")])
def test_fifty_steps_of_padding_change_no_logit(encoder, attention):
    model = build(encoder, attention)
    logits = array(model(IDS))
    np.testing.assert_allclose(array(model(np.pad(IDS, [(0, 0), (0, 50)]))), logits, atol=1e-5)
    thousand = np.tile(IDS, (250, 1))
    np.testing.assert_allclose(array(model(thousand)), np.tile(logits, (250, 1)), atol=1e-5)


def test_a_float16_model_is_finite_and_ends_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for attention in ATTENTIONS:
            logits = build("gru", attention)(texts(attention))
            assert keras.backend.standardize_dtype(logits.dtype) == "float32"
            assert np.isfinite(array(logits)).all()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("attention", [name for name in ATTENTIONS if name != "none"])
def test_attention_outputs_one_weight_a_word(attention):
    model = build("bigru", attention)
    ids = texts(attention)
    logits, words, *sentences = (array(x) for x in attention_outputs(model)(ids))
    np.testing.assert_allclose(logits, array(model(ids)), atol=1e-6)
    assert words.shape == ids.shape and not words[ids == 0].any() and (words[ids > 0] > 0).all()
    np.testing.assert_allclose(words.sum(-1), (ids > 0).any(-1), atol=1e-6)
    assert len(sentences) == (attention == "hierarchical")
    if sentences:
        np.testing.assert_allclose(sentences[0].sum(-1), [1, 1, 1, 0], atol=1e-6)
        assert not sentences[0][~(ids > 0).any(-1)].any()
    assert attention_outputs(model) is attention_outputs(model)


def test_self_attention_weight_is_the_share_of_the_words_value_in_the_new_states():
    model = build("none", "self", heads=2)
    layer = model.get_layer("attention")
    scores = array(keras.Model(model.input, layer.output[1])(IDS))
    values = array(layer.value(model.get_layer("embedding")(IDS)))
    kernel = array(layer.output_projection.kernel)
    first = values.shape[-1] // 2  # units of the first head
    shown = array(attention_outputs(model)(IDS)[1])
    for row, length in ((0, IDS.shape[1]), (1, 2)):
        brought = [
            scores[row, 0, :, j].sum() * values[row, j, :first] @ kernel[:first]
            + scores[row, 1, :, j].sum() * values[row, j, first:] @ kernel[first:]
            for j in range(length)
        ]
        norms = np.linalg.norm(brought, axis=1)
        np.testing.assert_allclose(shown[row, :length], norms / norms.sum(), rtol=1e-4)
        assert not shown[row, length:].any()


def planted(n, shape, seed):
    """Texts (n, *shape) of random words and length, their classes, and where the word stands that says the class.

    The third class has no such word: with two, one could be told by the other's absence, and no word be looked at.
    """
    rng = np.random.default_rng(seed)
    ids, labels = rng.integers(3, 20, size=(n, *shape)), rng.integers(0, 3, size=n)
    ids[np.arange(shape[-1]) >= rng.integers(3, shape[-1] + 1, size=(n, *shape[:-1], 1))] = 0
    place = np.array([rng.choice(np.flatnonzero(row)) for row in ids.reshape(n, -1)])
    keyed = np.flatnonzero(labels < 2)
    ids.reshape(n, -1)[keyed, place[keyed]] = 1 + labels[keyed]
    return ids.astype("int32"), labels, place


# Over the word vectors themselves: the states of a recurrent encoder have seen their neighbours, and the weight may
# stand beside the word.
@pytest.mark.slow
@pytest.mark.parametrize("attention", ["global", "self", "structured", "hierarchical"])
def test_attention_finds_a_planted_word(attention):
    shape = (4, 5) if attention == "hierarchical" else (8,)
    model = build("none", attention, vocabulary_size=20, embedding_dim=8, attention_units=8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss)
    model.fit(*planted(400, shape, 0)[:2], batch_size=32, epochs=10, verbose=0)
    ids, labels, place = planted(300, shape, 1)
    logits, words, *sentences = (array(x) for x in attention_outputs(model)(ids))
    assert (logits.argmax(1) == labels).mean() >= 0.99
    keyed = labels < 2
    if sentences:
        assert (sentences[0].argmax(1) == place // shape[1])[keyed].mean() >= 0.95
        words = (words * sentences[0][..., None]).reshape(len(ids), -1)
    assert (words.argmax(1) == place)[keyed].mean() >= 0.95


def test_a_penalty_is_part_of_the_loss():
    assert not build("gru", "structured").losses
    model = build("gru", "structured", penalty=2.0)
    model(IDS)
    weights = array(model.get_layer("attention")(np.ones((1, 4, 3)), return_attention_scores=True)[1])
    assert weights.shape == (1, 2, 4)
    assert array(model.losses[0]) > 0


def test_sizes_depend_on_what_is_asked():
    assert build("bilstm", "global").get_layer("encoder").output.shape[-1] == 6
    assert build("cnn", "global").get_layer("encoder").output.shape[-1] == 12
    assert build("cnn", "structured").get_layer("logits").kernel.shape == (24, 3)
    assert build("mlp", "none").get_layer("pooling").output.shape == (None, 20)
    assert len(build("stacked-lstm", "none").get_layer("encoder").parts) == 2
    assert len(build("stacked-bilstm", "none", layers=3).get_layer("encoder").parts) == 3
    pooled = {name: build("gru", "none", pooling=name).get_layer("pooling") for name in ("mean", "max", "last")}
    assert [type(layer).__name__ for layer in pooled.values()] == ["MaskedMean", "MaskedMax", "MaskedLast"]
    assert build("bigru", "none").get_layer("pooling").bidirectional
    assert not build("bigru", "self", pooling="last").get_layer("pooling").bidirectional


def test_dropout_and_recurrent_dropout_are_for_training():
    for more in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}):
        for encoder in ("bilstm", "mlstm"):
            model = build(encoder, "global", **more)
            still = array(model(IDS))
            np.testing.assert_allclose(array(model(IDS)), still)
            assert not np.allclose(array(model(IDS, training=True)), still)


def test_embedding_matrix():
    matrix = np.random.default_rng(0).normal(size=(8, 6))
    model = build(embedding_matrix=matrix, trainable_embedding=False)
    layer = model.get_layer("embedding")
    np.testing.assert_allclose(array(layer.embeddings), matrix, atol=1e-6)
    assert not layer.trainable_weights and len(model.to_json()) < 20_000
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(array(again(IDS)), array(model(IDS)), atol=1e-6)


def test_a_seed_fixes_the_weights_and_leaves_other_generators_alone():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    first, second, other = build(seed=1), build(seed=1), build(seed=2)
    assert random.random() == expected
    assert all((a == b).all() for a, b in zip(first.get_weights(), second.get_weights()))
    assert not all((a == b).all() for a, b in zip(first.get_weights(), other.get_weights()))


def test_vector_model():
    vectors = np.random.default_rng(0).normal(size=(5, 12)).astype("float32")
    model = build_vector_model(12, 3, hidden=(6, 4), dropout=0.2, seed=1)
    assert model(vectors).shape == (5, 3) and len(model.trainable_weights) == 6
    np.testing.assert_allclose(array(model(vectors)), array(build_vector_model(12, 3, (6, 4), 0.2, 1)(vectors)))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"encoder": "perceiver"}, "encoder='perceiver' is unknown; choose one of mlp, mlp-average, rnn"),
        ({"attention": "local"}, "choose one of none, uniform, global, self, structured, hierarchical"),
        ({"pooling": "sum", "attention": "none"}, "pooling='sum' is unknown"),
        ({"pooling": "mean"}, "no place under attention='global'"),
        ({"classes": 0}, "classes must be a whole number of at least 1, got 0"),
        ({"embedding_matrix": np.zeros((7, 4))}, "shape (7, 4) does not fit vocabulary_size=8"),
        ({"encoder": "mlp", "attention": "none", "max_length": None}, "give max_length"),
        ({"dropout": 1}, "dropout must be a number from 0 to below 1, got 1"),
        ({"attention": "self", "heads": 3}, "units=4 cannot be shared equally between heads=3"),
    ],
)
def test_errors_say_the_rule_and_the_value(arguments, message):
    with pytest.raises(BadInput) as error:
        build(**arguments)
    assert message in str(error.value)


def test_no_attention_no_weights():
    with pytest.raises(BadInput, match="no attention to show"):
        attention_outputs(build("gru", "none"))


def test_fresh_process(elsewhere):
    model = build("bimlstm", "hierarchical", dropout=0.3)
    elsewhere.check_model(model, DOCUMENTS, "attention", attention_outputs(model)(DOCUMENTS), atol=1e-6)
