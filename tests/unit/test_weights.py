"""Weights in few bytes: how far they may be off, exactly what comes back, and what is refused."""

import io

import keras
import numpy as np
import pytest

from emorec import weights
from emorec.errors import BadInput, DataCorrupt


def test_rows_at_8_bits_by_hand():
    codes, scales = weights.quantise_rows([[127.0, -63.6, 0.4], [0.0, 0.0, 0.0], [-2.54, 1.27, 0.0]])
    assert codes.tolist()[:2] == [[127, -64, 0], [0, 0, 0]] and codes[2].tolist() == [-127, 63, 0]
    np.testing.assert_allclose(scales[:, 0], [1.0, 0.0, 0.02], rtol=2**-15)


def test_the_error_is_half_a_scale_at_most():
    values = np.random.default_rng(0).standard_t(3, (50, 200)).astype("float32")
    codes, scales = weights.quantise_rows(values)
    assert (np.abs(weights.restore_rows(codes, scales) - values) <= 0.5001 * scales).all()


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1.0, 1e30])
def test_packing_what_was_unpacked_changes_no_bit(factor):
    values = (np.random.default_rng(1).normal(size=(64, 100)) * factor).astype("float32")
    once = weights.unpack(weights.pack({"w": values}, "int8"))["w"]
    twice = weights.unpack(weights.pack({"w": once}, "int8"))["w"]
    assert (once == twice).all() and np.abs(once / factor - values / factor).max() < 0.02


@pytest.mark.parametrize("precision, share", [("float32", 1.0), ("float16", 0.5), ("int8", 0.27)])
def test_sizes_and_small_weights(precision, share):
    rng = np.random.default_rng(2)
    arrays = {
        "kernel": rng.normal(size=(256, 512)),
        "filter": rng.normal(size=(3, 3, 32, 64)),
        "bias": rng.normal(size=512),
    }
    arrays = {name: array.astype("float32") for name, array in arrays.items()}
    data = weights.pack(arrays, precision)
    assert len(data) < 1.02 * share * sum(a.nbytes for a in arrays.values())
    back = weights.unpack(data)
    assert all(back[name].dtype == np.float32 and back[name].shape == array.shape for name, array in arrays.items())
    exact = precision != "float16"
    assert (back["bias"] == arrays["bias"]).all() == exact
    np.testing.assert_allclose(back["filter"], arrays["filter"], atol=0.03)


def model():
    layers = [keras.layers.Embedding(300, 64), keras.layers.GRU(32), keras.layers.Dense(3)]
    network = keras.Sequential([keras.Input((None,), dtype="int32"), *layers])
    for w in network.trainable_variables:
        w.assign(np.random.default_rng(len(w.shape)).normal(size=w.shape) / 4)
    return network


def test_a_model_goes_through_8_bits():
    network, other = model(), model()
    other.set_weights([w * 0 for w in other.get_weights()])
    weights.unpack_model(other, weights.pack_model(network, "int8"))
    ids = np.arange(20).reshape(2, 10)
    before, after = (keras.ops.convert_to_numpy(m(ids)) for m in (network, other))
    assert 0 < np.abs(before - after).max() < 0.05


def test_bad_input_and_damaged_files_are_refused():
    with pytest.raises(BadInput, match="int4"):
        weights.pack({}, "int4")
    with pytest.raises(BadInput, match="not finite"):
        weights.quantise_rows([[1.0, np.nan]])
    with pytest.raises(BadInput, match="float16 cannot hold"):
        weights.pack({"w": np.array([1e6], "float32")}, "float16")
    data = weights.pack({"w": np.ones((64, 64), "float32")}, "int8")
    for broken in (b"", b"PK", data[: len(data) // 2], b"x" * 50):
        with pytest.raises(DataCorrupt):
            weights.unpack(broken)
    file = io.BytesIO()
    np.savez(file, w=np.array([{}], dtype=object))
    with pytest.raises(DataCorrupt):
        weights.unpack(file.getvalue())


def test_weights_of_another_network_are_refused():
    data = weights.pack_model(model(), "float16")
    with pytest.raises(DataCorrupt, match="number 0"):
        weights.unpack_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), data)
