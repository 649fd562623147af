"""Pooling, convolution and recurrence of texts: by hand, and with garbage in the padding."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_config, check_half_precision

from emorec.errors import BadInput
from emorec.text.layers import (
    FixedLengthFlatten,
    MaskedConv1D,
    MaskedLast,
    MaskedMax,
    MaskedMean,
    MultiplicativeLSTMCell,
    PaddingMask,
    SequenceEncoder,
)

POOLS = {
    "mean": MaskedMean,
    "max": MaskedMax,
    "last": MaskedLast,
    "ends": lambda **more: MaskedLast(bidirectional=True, **more),
    "flat": lambda **more: FixedLengthFlatten(4, **more),
}


def array(tensor):
    return ops.convert_to_numpy(tensor)


def mlstm(units=3, **arguments):
    return keras.layers.RNN(MultiplicativeLSTMCell(units, **arguments), return_sequences=True)


def sequences(batch=4, steps=5, features=4):
    """States below 0 on average, so that a zero in the padding would win a maximum."""
    states = np.random.default_rng(0).normal(-3, 1, size=(batch, steps, features)).astype("float32")
    return states, np.arange(steps) < np.array([5, 3, 1, 0])[:batch, None]


def with_garbage(states, mask, garbage=np.nan, more=50):
    """The same texts with something else in the padding, and more of it."""
    batch, _, features = states.shape
    dirty = np.concatenate([np.where(mask[..., None], states, garbage), np.full((batch, more, features), garbage)], 1)
    return dirty.astype("float32"), np.concatenate([mask, np.zeros((batch, more), bool)], 1)


def test_padding_mask():
    layer = PaddingMask()
    ids = np.array([[[3, 0], [0, 0]]], "int32")
    assert array(layer(ids)).tolist() == [[[True, False], [False, False]]]
    symbolic = layer(keras.Input((None, None), dtype="int32"))
    assert symbolic.dtype == "bool" and symbolic.shape == (None, None, None)


def test_pools_by_hand():
    states, mask = sequences()
    text = states[1, :3]
    expected = {
        "mean": text.mean(0),
        "max": text.max(0),
        "last": text[2],
        "ends": [text[2, 0], text[2, 1], text[0, 2], text[0, 3]],
        "flat": np.concatenate([text.ravel(), np.zeros(4)]),
    }
    for name, make in POOLS.items():
        pooled = array(make()(states, mask=mask))
        np.testing.assert_allclose(pooled[1], expected[name], atol=1e-6, err_msg=name)
        assert not pooled[3].any(), f"{name}: an empty text is not zeros"


def test_pools_without_a_mask():
    states, _ = sequences()
    np.testing.assert_allclose(array(MaskedMean()(states)), states.mean(1), atol=1e-6)
    np.testing.assert_allclose(array(MaskedMax()(states)), states.max(1))
    np.testing.assert_allclose(array(MaskedLast()(states)), states[:, -1])
    np.testing.assert_allclose(array(FixedLengthFlatten(2)(states)), states[:, :2].reshape(4, 8))
    assert FixedLengthFlatten(9)(states).shape == (4, 36)


@pytest.mark.parametrize("name", POOLS)
def test_pools_do_not_see_padding(name):
    states, mask = sequences()
    layer = POOLS[name]()
    dirty, longer = with_garbage(states, mask)
    np.testing.assert_allclose(array(layer(dirty, mask=longer)), array(layer(states, mask=mask)), atol=1e-6)
    assert layer(keras.Input((None, 4))).shape == (None, layer(states).shape[-1])


@pytest.mark.parametrize("name", POOLS)
def test_pools_in_float16(name):
    states, mask = sequences()
    check_half_precision(POOLS[name](dtype="mixed_float16"), states, mask=mask)


def test_last_of_a_bidirectional_layer_is_its_own_last_state():
    states, mask = sequences(batch=3)
    layer = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))
    every = MaskedLast(bidirectional=True)(layer(states, mask=mask), mask=mask)
    final = keras.layers.Bidirectional(keras.layers.GRU(3))
    final.build(states.shape)
    final.set_weights(layer.get_weights())
    np.testing.assert_allclose(array(every), array(final(states, mask=mask)), atol=1e-6)


def test_multiplicative_lstm_by_hand():
    states, _ = sequences(batch=2)
    layer = mlstm()
    computed = array(layer(states))
    value = {weight.name: array(weight) for weight in layer.weights}

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h = c = np.zeros((2, 3))
    for step in range(5):
        x = states[:, step]
        m = (x @ value["factor_kernel"]) * (h @ value["recurrent_factor_kernel"])
        gates = x @ value["kernel"] + m @ value["recurrent_kernel"] + value["bias"]
        i, f, candidate, o = np.split(gates, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(computed[:, step], h, atol=1e-5)


def test_multiplicative_lstm_with_dropout_reads_both_ways():
    states, mask = sequences(batch=3)
    layer = keras.layers.Bidirectional(mlstm(dropout=0.5, recurrent_dropout=0.5, seed=1))
    still = array(layer(states, mask=mask))
    assert still.shape == (3, 5, 6)
    np.testing.assert_allclose(array(layer(states, mask=mask)), still)
    assert not np.allclose(array(layer(states, mask=mask, training=True)), still)
    again = keras.layers.Bidirectional.from_config(layer.get_config())
    again.build(states.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_allclose(array(again(states, mask=mask)), still, atol=1e-6)


def test_convolution_by_hand():
    states = np.array([[[1.0], [2.0], [3.0], [100.0]]], "float32")
    layer = MaskedConv1D(1, (2, 3), activation=None)
    layer.build(states.shape)
    kernels = np.reshape([1.0, 10.0], (2, 1, 1)), np.reshape([1.0, 10.0, 100.0], (3, 1, 1))
    layer.set_weights([kernels[0], np.array([0.5]), kernels[1], np.array([0.0])])
    maps = array(layer(states, mask=np.array([[True, True, True, False]])))
    # Width 2 looks at this word and the next, width 3 at one on either side; after the third word there is 0.
    np.testing.assert_allclose(maps[0], [[21.5, 210], [32.5, 321], [3.5, 32], [0, 0]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaskedConv1D(3, (2, 3, 5), activation="tanh"),
        lambda: SequenceEncoder([MaskedConv1D(n, activation="tanh") for n in (3, 2)]),
        lambda: SequenceEncoder([keras.layers.Dense(3, activation="tanh")]),
        lambda: SequenceEncoder([keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True)), mlstm()]),
        lambda: SequenceEncoder([]),
    ],
    ids=["conv", "convs", "dense", "recurrent", "nothing"],
)
def test_encoders_do_not_see_padding_and_keep_the_mask(make):
    states, mask = sequences()
    layer = make()
    before = array(layer(states, mask=mask))
    assert not before[~mask].any() and before[:3].any(axis=(1, 2)).all()
    dirty, longer = with_garbage(states, mask)
    after = array(layer(dirty, mask=longer))
    assert not after[:, 5:].any()
    np.testing.assert_allclose(after[:, :5], before, atol=1e-5)
    # A text alone, without any padding, gives the same states.
    np.testing.assert_allclose(array(layer(states[1:2, :3]))[0], before[1, :3], atol=1e-5)
    np.testing.assert_array_equal(array(layer.compute_mask(states, ops.convert_to_tensor(mask))), mask)
    assert layer(keras.Input((None, 4))).shape == (None, None, before.shape[-1])


def test_configs_round_trip():
    layers = [make(name="mine") for make in POOLS.values()]
    layers += [
        PaddingMask(),
        MaskedConv1D(3, (2, 3), activation="tanh"),
        MultiplicativeLSTMCell(3, dropout=0.1),
    ]
    layers += [SequenceEncoder([mlstm(), keras.layers.Dense(2)])]
    for layer in layers:
        check_config(layer)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: MaskedConv1D(0), "filters must be a whole number of at least 1, got 0"),
        (lambda: MaskedConv1D(3, (3, 0)), "kernel_sizes must be"),
        (lambda: MaskedConv1D(3, ()), "at least one width"),
        (lambda: FixedLengthFlatten(None), "length must be"),
        (
            lambda: MaskedMean()(np.zeros((2, 3))),
            "MaskedMean needs an input of shape (batch, steps, features)",
        ),
        (lambda: MaskedMax()(np.zeros((2, 3, 4)), mask=np.ones((3, 3), bool)), "needs the shape (2, 3)"),
    ],
)
def test_errors_say_the_rule_and_the_value(make, message):
    with pytest.raises(BadInput) as error:
        make()
    assert message in str(error.value)
