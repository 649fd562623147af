"""Fusion layers: numbers worked out by hand, missing modalities, padding, training, saving."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_half_precision

from emorec.errors import BadInput
from emorec.multimodal import FUSIONS, ModalityDropout, fusion_layer
from emorec.multimodal.decisions import check_presence

SIZES = (5, 3, 4)
STEPWISE = ["concatenation", "weighted_sum", "hadamard", "gated", "attention", "tensor", "low_rank", "film"]
WEIGHTED = ["weighted_sum", "gated", "attention", "memory"]
SMALL = {
    "concatenation": {},
    "tensor": {"units": 3},
    "cross_modal": {"units": 8, "heads": 2},
    "bottleneck": {"units": 8, "heads": 2, "tokens": 2},
    "memory": {"units": 4, "memory": 5},
}


def make(name, /, **options):
    return fusion_layer(name, **(SMALL.get(name, {"units": 6}) | options))


def data(n=4, steps=None, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n,) if steps is None else (n, steps)
    return [rng.normal(size=(*shape, d)).astype("float32") for d in sizes]


def numpy(x):
    return ops.convert_to_numpy(x)


def set_weights(layer, by_name):
    """Sets every weight of a layer; names are the last two parts of the path, so that none is forgotten."""
    names = ["/".join(w.path.split("/")[1:]) for w in layer.weights]
    assert sorted(names) == sorted(by_name), names
    for name, w in zip(names, layer.weights):
        w.assign(np.array(by_name[name], "float32"))


def two():
    """One sample of two modalities, x = [1, 2] and y = [3]."""
    return [np.array([[1.0, 2.0]], "float32"), np.array([[3.0]], "float32")]


# --- numbers by hand ---------------------------------------------------------------------------------------


def test_concatenation():
    assert numpy(make("concatenation")(two())).tolist() == [[1, 2, 3]]
    assert numpy(make("concatenation")(two(), presence=[[0, 1]])).tolist() == [[0, 0, 3]]


def test_weighted_sum():
    layer = make("weighted_sum", units=1)
    layer(two())
    set_weights(
        layer,
        {
            "project_0/kernel": [[1], [1]], "project_0/bias": [1],
            "project_1/kernel": [[2]], "project_1/bias": [0],
            "importance": [0, np.log(3)],
        },
    )  # fmt: skip
    fused, weights = layer(two(), return_attention_scores=True)
    np.testing.assert_allclose(weights, [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(fused, [[0.25 * 4 + 0.75 * 6]], rtol=1e-6)
    np.testing.assert_allclose(layer(two(), presence=[[1, 0]]), [[4]], rtol=1e-6)


def test_hadamard():
    layer = make("hadamard", units=1, rank=2)
    layer(two())
    set_weights(
        layer,
        {
            "project_0/kernel": [[0.1, 0], [0, 0.1]], "project_0/bias": [0, 0],
            "project_1/kernel": [[0.1, 0.2]], "project_1/bias": [0, 0],
            "pool/kernel": [[1], [10]], "pool/bias": [5],
        },
    )  # fmt: skip
    expected = np.tanh(0.1) * np.tanh(0.3) + 10 * np.tanh(0.2) * np.tanh(0.6) + 5
    np.testing.assert_allclose(layer(two()), [[expected]], rtol=1e-6)
    alone = np.tanh(0.1) + 10 * np.tanh(0.2) + 5  # the missing factor is 1
    np.testing.assert_allclose(layer(two(), presence=[[1, 0]]), [[alone]], rtol=1e-6)


def test_gated_multimodal_unit_is_the_tied_gate_of_the_paper():
    layer = make("gated", units=1)
    layer(two())
    set_weights(
        layer,
        {
            "project_0/kernel": [[0.1], [0.1]], "project_0/bias": [0],
            "project_1/kernel": [[0.2]], "project_1/bias": [0],
            "gate_0/kernel": [[0.1], [0.2], [0.3]], "gate_0/bias": [0.5],
            "gate_1/kernel": [[0.0], [0.0], [0.1]], "gate_1/bias": [0],
        },
    )  # fmt: skip
    z = 1 / (1 + np.exp(-(0.1 + 0.4 + 0.9 + 0.5 - 0.3)))
    fused, weights = layer(two(), return_attention_scores=True)
    np.testing.assert_allclose(weights, [[z, 1 - z]], rtol=1e-5)
    np.testing.assert_allclose(fused, [[z * np.tanh(0.3) + (1 - z) * np.tanh(0.6)]], rtol=1e-5)
    np.testing.assert_allclose(layer(two(), presence=[[0, 1]]), [[np.tanh(0.6)]], rtol=1e-6)


def test_modality_attention():
    layer = make("attention", units=1)
    layer(two())
    set_weights(
        layer,
        {
            "project_0/kernel": [[0.1], [0.1]], "project_0/bias": [0],
            "project_1/kernel": [[0.2]], "project_1/bias": [0],
            "hidden/kernel": [[2]], "hidden/bias": [0.1], "score/kernel": [[3]],
        },
    )  # fmt: skip
    h = np.tanh([0.3, 0.6])
    scores = 3 * np.tanh(2 * h + 0.1)
    a = np.exp(scores) / np.exp(scores).sum()
    fused, weights = layer(two(), return_attention_scores=True)
    np.testing.assert_allclose(weights, [a], rtol=1e-5)
    np.testing.assert_allclose(fused, [[a @ h]], rtol=1e-5)


def test_tensor_fusion():
    layer = make("tensor", units=1)
    layer(two())
    set_weights(
        layer,
        {
            "project_0/kernel": [[0.1], [0.1]], "project_0/bias": [0],
            "project_1/kernel": [[0.2]], "project_1/bias": [0],
        },
    )  # fmt: skip
    p, q = np.tanh([0.3, 0.6])
    np.testing.assert_allclose(layer(two()), [[p * q, p, q, 1]], rtol=1e-6)
    np.testing.assert_allclose(layer(two(), presence=[[0, 1]]), [[0, 0, q, 1]], rtol=1e-6)


def test_low_rank_fusion_is_tensor_fusion_with_a_low_rank_weight():
    xs = data()
    layer = make("low_rank", units=2, rank=3)
    layer(xs)
    rng = np.random.default_rng(1)
    for w in layer.weights:
        w.assign(rng.normal(size=w.shape))
    factors = []
    for kernel, constant in zip(layer.factors, layer.constants):
        factors.append(np.concatenate([numpy(kernel), numpy(constant)[None]]).reshape(-1, 3, 2))
    tensor = np.einsum("iru,jru,kru,r->ijku", *factors, numpy(layer.rank_weights)[:, 0])
    ones = [np.concatenate([x, np.ones((4, 1))], axis=1) for x in xs]
    expected = np.einsum("bi,bj,bk,ijku->bu", *ones, tensor) + numpy(layer.bias)
    np.testing.assert_allclose(layer(xs), expected, rtol=2e-4, atol=1e-4)


def test_film():
    layer = make("film", units=1)
    layer(two())
    set_weights(
        layer,
        {
            "project/kernel": [[1], [1]], "project/bias": [1],
            "condition_1/kernel": [[0.5, 2]], "condition_1/bias": [0, 1],
        },
    )  # fmt: skip
    assert numpy(layer(two())).tolist() == [[(1 + 1.5) * 4 + 7]]
    assert numpy(layer(two(), presence=[[1, 0]])).tolist() == [[4]]
    assert numpy(layer(two(), presence=[[0, 1]])).tolist() == [[7]]


def test_cross_modal_attention_by_hand():
    layer = make("cross_modal", units=2, heads=1, target=0)
    x, y = data(2, 3, sizes=(2, 2))
    layer([x, y])
    block = layer.blocks[0]
    block.widen.kernel.assign(np.zeros((2, 4)))  # leaves the attention alone
    fused, scores = layer([x, y], return_attention_scores=True)
    from emorec.multimodal.crossmodal import sinusoids

    def norm(z):
        return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-3)

    code = numpy(sinusoids(3, 2))
    np.testing.assert_allclose(code, [[np.sin(t), np.cos(t)] for t in range(3)], atol=1e-6)
    q, s = (z @ numpy(d.kernel) + code for z, d in zip((x, y), layer.project))
    wq, wk, wv, wo = (numpy(w).reshape(2, 2) for w in block.attend.weights)
    keys = np.concatenate([norm(s), np.zeros((2, 1, 2))], axis=1)
    logits = np.einsum("btd,bsd->bts", norm(q) @ wq, keys @ wk) / np.sqrt(2)
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(scores[0][:, 0], weights, rtol=1e-4)
    np.testing.assert_allclose(fused, q + weights @ (keys @ wv) @ wo, rtol=1e-4, atol=1e-5)


def test_memory_fusion_by_hand():
    """One step back in time: the memory of the second step from the states of the first."""
    layer = make("memory", units=2, memory=3)
    xs = data(2, 2, sizes=(2, 3))
    out, weights = layer(xs, return_attention_scores=True)
    out, cell = numpy(out), layer.rnn.cell

    def dense(d, z):
        return z @ numpy(d.kernel) + numpy(d.bias)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    h, c, u = [np.zeros((2, 2))] * 2, [np.zeros((2, 2))] * 2, np.zeros((2, 3))
    for t in range(2):
        before = np.concatenate(c, axis=1)
        for m, lstm in enumerate(cell.cells):
            z = xs[m][:, t] @ numpy(lstm.kernel) + h[m] @ numpy(lstm.recurrent_kernel) + numpy(lstm.bias)
            i, f, g, o = np.split(z, 4, axis=1)
            c[m] = sigmoid(f) * c[m] + sigmoid(i) * np.tanh(g)
            h[m] = sigmoid(o) * np.tanh(c[m])
        delta = np.concatenate([before, *c], axis=1)
        logits = dense(cell.attend, np.tanh(dense(cell.attend_hidden, delta)))
        a = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        d = delta * a * 8
        u = sigmoid(dense(cell.retain, d)) * u
        u = u + sigmoid(dense(cell.update, d)) * np.tanh(dense(cell.candidate, d))
    np.testing.assert_allclose(out[:, 1], np.concatenate([*h, u], axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weights[:, 1, 0], a[:, [0, 1, 4, 5]].sum(1), rtol=1e-4)


# --- what holds for all ------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [None, 4])
@pytest.mark.parametrize("name", FUSIONS)
def test_missing_modality_has_no_influence(name, steps):
    layer = make(name)
    xs = data(3, steps)
    full = numpy(layer(xs))
    presence = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0]], "float32")
    outputs = []
    for garbage in (np.nan, 7.0):
        dirty = [x.copy() for x in xs]
        dirty[0][1], dirty[1][2], dirty[2][2] = garbage, garbage, -garbage
        outputs.append(numpy(layer(dirty, presence=presence)))
    assert full.shape == outputs[0].shape and len(full.shape) == (2 if steps is None else 3)
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_allclose(outputs[0][0], full[0], rtol=1e-5, atol=1e-6)
    assert np.isfinite(outputs[0]).all()
    assert not np.allclose(outputs[0][1], full[1]) and not np.allclose(outputs[0][2], full[2])
    assert np.isfinite(numpy(layer(xs, presence=np.zeros((3, 3))))).all()


@pytest.mark.parametrize("name", FUSIONS)
def test_batch_of_one_two_modalities_and_half_precision(name):
    xs = data(3, sizes=(5, 3))
    layer = make(name)
    np.testing.assert_allclose(layer([x[:1] for x in xs]), layer(xs)[:1], rtol=1e-4, atol=1e-6)
    layer, xs = make(name), data(3, 3)  # as many steps as modalities: nothing may be taken for the other
    np.testing.assert_allclose(layer([x[:1] for x in xs]), layer(xs)[:1], rtol=1e-4, atol=1e-6)
    half = make(name, dtype="mixed_float16")
    big = [x * 10 for x in data(3, 4)]
    check_half_precision(half, big, presence=[[1, 1, 1], [0, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize("name", STEPWISE)
def test_steps_are_fused_one_by_one(name):
    xs = data(2, 3)
    layer = make(name)
    presence = [[1, 1, 0], [0, 1, 1]]
    sequence = numpy(layer(xs, presence=presence))
    for t in range(3):
        np.testing.assert_allclose(
            sequence[:, t], layer([x[:, t] for x in xs], presence=presence), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("steps", [None, 4])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_over_modalities(name, steps):
    layer = make(name)
    xs = data(5, steps)
    layer(xs)
    rng = np.random.default_rng(0)
    for w in layer.weights:  # no symmetric starting point
        w.assign(rng.normal(size=w.shape))
    presence = np.ones((5, 3))
    presence[0, 1] = presence[1, :2] = 0
    fused, weights = layer(xs, presence=presence, return_attention_scores=True)
    weights = numpy(weights)
    assert weights.shape == ((5, 3) if steps is None else (5, 4, 3)) and weights.dtype == "float32"
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert (weights[0, ..., 1] == 0).all() and (weights[1, ..., :2] == 0).all()
    assert (weights[0, ..., 0] > 0).all()
    np.testing.assert_allclose(fused, layer(xs, presence=presence), rtol=1e-5)
    if name != "weighted_sum":  # by definition the same for all samples
        assert np.ptp(weights[2:, ..., 0]) > 1e-2


@pytest.mark.parametrize("name", ["cross_modal", "bottleneck", "memory"])
def test_padding_changes_nothing(name):
    layer = make(name)
    xs = data(2, 4)
    plain = numpy(layer(xs))
    padded = [np.concatenate([x, np.full((2, 3, x.shape[-1]), np.nan, "float32")], axis=1) for x in xs]
    mask = np.arange(7) < 4
    out = numpy(layer(padded, mask=np.stack([mask, mask])))
    np.testing.assert_allclose(out[:, :4], plain, rtol=1e-4, atol=1e-5)
    assert np.isfinite(out).all()
    if name == "memory":
        np.testing.assert_array_equal(out[:, -1], out[:, 3])


@pytest.mark.parametrize("name", FUSIONS)
def test_modalities_may_come_and_go_between_steps(name):
    layer = make(name)
    xs = data(2, 3)
    presence = np.array([[[1, 1, 1], [0, 1, 1], [1, 1, 1]], [[1, 0, 0], [1, 1, 1], [1, 1, 0]]])
    outputs = []
    for garbage in (np.nan, 7.0):
        dirty = [np.where(presence[..., m : m + 1], x, garbage).astype("float32") for m, x in enumerate(xs)]
        outputs.append(numpy(layer(dirty, presence=presence)))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.isfinite(outputs[0]).all()
    always = np.repeat(presence[:, :1], 3, axis=1)
    np.testing.assert_allclose(layer(xs, presence=always), layer(xs, presence=always[:, 0]), rtol=1e-5, atol=1e-6)
    assert not np.allclose(outputs[0], layer(xs, presence=always), atol=1e-4)


def test_masks_carried_by_inputs_are_used():
    layer = make("cross_modal")
    xs = data(1, 4)
    for x in xs:
        x[0, 3] = 0
    masked = [keras.layers.Masking()(x) for x in xs]
    np.testing.assert_allclose(numpy(layer(masked))[:, :3], layer([x[:, :3] for x in xs]), rtol=1e-4, atol=1e-5)


def test_cross_modal_attention_takes_unaligned_sequences_with_a_target():
    x, y = data(2, 4, sizes=(3, 2))
    layer = make("cross_modal", target=0)
    fused, scores = layer([x, y[:, :2]], presence=[[1, 1], [1, 0]], return_attention_scores=True)
    assert fused.shape == (2, 4, 8) and scores[0].shape == (2, 2, 4, 3)
    np.testing.assert_allclose(numpy(scores[0]).sum(-1), 1, rtol=1e-5)
    assert (numpy(scores[0])[1, ..., :2] == 0).all() and (numpy(scores[0])[1, ..., 2] == 1).all()
    with pytest.raises(BadInput, match="target="):
        make("cross_modal")([x, y[:, :2]])


def everything(steps, dropout=0.0):
    """One model that holds every fusion, so that one compilation and one file serve all."""
    inputs = [keras.Input((d,) if steps is None else (steps, d)) for d in SIZES]
    presence = keras.Input((len(SIZES),), dtype="bool")
    hidden, seen = ModalityDropout(dropout, seed=1)(inputs, presence=presence)
    outputs = []
    for name in FUSIONS:
        fused = make(name, name=name)(hidden, presence=seen)
        fused = fused if steps is None else fused[:, -1]
        outputs.append(keras.layers.Dense(1, name=f"head_{name}")(fused))
    return keras.Model([*inputs, presence], keras.layers.Concatenate()(outputs))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [None, 3])
def test_every_weight_trains(steps):
    keras.utils.set_random_seed(0)
    model = everything(steps)
    xs = data(8, steps)
    presence = np.ones((8, 3), bool)
    presence[0, 0] = presence[1, 1] = False
    xs[0][0] = np.nan
    before = [numpy(w).copy() for w in model.trainable_weights]
    # Eager, because compiling this many layers takes longer than running them; SGD, because Adam makes steps
    # out of rounding noise too.
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=keras.backend.backend() == "tensorflow")
    for _ in range(2):
        model.train_on_batch([*xs, presence], np.random.default_rng(0).normal(size=(8, len(FUSIONS))))
    still = [
        w.path
        for w, b in zip(model.trainable_weights, before)
        if not np.isfinite(numpy(w)).all() or np.abs(numpy(w) - b).max() < 1e-5
    ]
    assert not still


@pytest.mark.slow
def test_every_layer_reloads_in_a_fresh_process(elsewhere):
    xs, presence = data(2, 3), np.array([[1, 1, 1], [0, 1, 0]], bool)
    elsewhere.check_model(everything(3), [*xs, presence], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*FUSIONS, "dropout"])
def test_config_names_every_option(name):
    layer = ModalityDropout(0.25, seed=3) if name == "dropout" else make(name)
    again = type(layer).from_config(layer.get_config())
    assert all(getattr(again, o) == getattr(layer, o) for o in layer.options)
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(layer.options)


# --- modality dropout --------------------------------------------------------------------------------------


def test_modality_dropout_never_drops_all():
    layer = ModalityDropout(0.5, seed=0)
    xs = [np.ones((4000, d), "float32") for d in (2, 3)]
    available = np.ones((4000, 2), bool)
    available[:1000, 1] = False
    kept, presence = layer(xs, presence=available, training=True)
    presence = numpy(presence)
    assert presence.any(axis=1).all() and not (presence & ~available).any()
    assert presence[:1000, 0].all()  # the only one there stays
    # P(both) = 1/4; the case "neither" (1/4) keeps one or the other
    np.testing.assert_allclose(presence[1000:].all(axis=1).mean(), 0.25, atol=0.03)
    np.testing.assert_allclose(presence[1000:].mean(axis=0), 0.625, atol=0.03)
    np.testing.assert_array_equal(numpy(kept[0])[:, 0], presence[:, 0])
    same, untouched = layer(xs, presence=available, training=False)
    np.testing.assert_array_equal(untouched, available)
    again = numpy(ModalityDropout(0.5, seed=0)(xs, presence=available, training=True)[1])
    np.testing.assert_array_equal(again, presence)


# --- errors ------------------------------------------------------------------------------------------------


def test_errors_name_the_value_and_the_way_out():
    with pytest.raises(BadInput, match="'tensr'.*concatenation, weighted_sum"):
        fusion_layer("tensr")
    with pytest.raises(BadInput, match=r"no \['rank'\]; its options are units"):
        fusion_layer("tensor", rank=3)
    with pytest.raises(BadInput, match="units must be a whole number"):
        fusion_layer("gated", units=0)
    with pytest.raises(BadInput, match="LowRankFusion"):
        fusion_layer("tensor", units=100)(data())
    with pytest.raises(BadInput, match="2 or more"):
        make("gated")(data()[:1])
    with pytest.raises(BadInput, match=r"all \(B, D\) or all"):
        make("gated")([data()[0], data(4, 3)[1]])
    with pytest.raises(BadInput, match=r"\(B, 3\)"):
        make("gated")(data(), presence=np.ones((4, 2)))
    with pytest.raises(BadInput, match="aligned"):
        make("gated")([data(4, 3)[0], data(4, 2)[1]])
    with pytest.raises(BadInput, match="nothing passes"):
        make("bottleneck", layers=1)
    with pytest.raises(BadInput, match="rate"):
        ModalityDropout(1.0)


def test_check_presence():
    assert check_presence([[1, 0], [1, 1]], ["text", "face"]).tolist() == [[True, False], [True, True]]
    with pytest.raises(BadInput, match="position 1: give at least one of text, face"):
        check_presence([[1, 0], [0, 0]], ["text", "face"])
    with pytest.raises(BadInput, match="0 and 1 only"):
        check_presence([[0.5, 1]], ["text", "face"])
    with pytest.raises(BadInput, match=r"\(N, 2\)"):
        check_presence([[1, 1, 1]], ["text", "face"])


def test_every_name_of_the_package_is_there():
    import emorec.multimodal as package

    for name in package._PLACES:
        assert getattr(package, name).__name__ == name
