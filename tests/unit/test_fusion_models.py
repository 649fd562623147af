"""Models that fuse: padding and missing modalities without influence, cells by hand, known optima."""

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.linear_model import LogisticRegression

from emorec import training
from emorec.errors import BadInput
from emorec.multimodal import decisions
from emorec.multimodal.dialogues import DialogueRNNCell, Dialogues, UtteranceAttention
from emorec.multimodal.models import CONTEXTS, build_aligned_model, build_dialogue_model, build_fusion_model, statistics
from emorec.multimodal.synthetic import TASKS, emap, synthetic_task

SIZES = {"text": 4, "audio": 3}


def numpy(x):
    return ops.convert_to_numpy(x)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# --- synthetic tasks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_bayes_accuracy_is_what_the_exact_posterior_reaches(name):
    task = synthetic_task(name)
    inputs, labels = task.draw(200_000, seed=3)
    positive = labels == "positive"
    posterior = task.posterior(inputs)
    assert np.mean((posterior > 0.5) == positive) == pytest.approx(task.bayes, abs=0.003)
    middle = (posterior > 0.6) & (posterior < 0.8)
    assert positive[middle].mean() == pytest.approx(posterior[middle].mean(), abs=0.01)
    for modality, direction, best in zip(inputs, task.directions, task.bayes_alone):
        z = inputs[modality] @ direction
        assert max(np.mean((z > 0) == positive), np.mean((z < 0) == positive)) == pytest.approx(best, abs=0.005)


def test_synthetic_tasks_are_the_known_ones():
    assert {name: round(100 * task.bayes, 1) for name, task in TASKS.items()} == {
        "label-paired": 92.1, "exclusive-or": 89.6, "one-modality": 84.1,
    }  # fmt: skip
    data = TASKS["exclusive-or"].dataset(50, 20, 30)
    assert len(data.train) == 50 and set(data.train.ids).isdisjoint(data.test.ids) and "89.6" in data.protocol
    assert not np.array_equal(data.train.inputs["first"][:20], data.validation.inputs["first"])
    with pytest.raises(BadInput, match="label-paired, exclusive-or, one-modality"):
        synthetic_task("xor")


def fit_task(data, fusion, hidden, epochs=6, **options):
    training.set_seed(0)
    sizes = {m: x.shape[1] for m, x in data.train.inputs.items()}
    model = build_fusion_model(sizes, 2, fusion=fusion, fusion_options=options, hidden=hidden)
    here = np.ones((len(data.train), 2), "float32")
    targets = training.one_hot(data.label_set.encode(data.train.labels), 2)
    training.fit(model, ({**data.train.inputs, "presence": here}, targets), epochs=epochs, learning_rate=3e-3,
                 progress=None)  # fmt: skip
    return model


def logits(model, first, second):
    return model.predict_on_batch({"first": first, "second": second, "presence": np.ones((len(first), 2))})


@pytest.mark.slow
def test_exclusive_or_needs_an_interaction():
    data = TASKS["exclusive-or"].dataset()
    y, bayes = data.label_set.encode(data.test.labels), TASKS["exclusive-or"].bayes
    x = data.test.inputs
    tensor = fit_task(data, "tensor", hidden=0, units=8)
    guessed = logits(tensor, x["first"], x["second"]).argmax(axis=1)
    assert np.mean(guessed == y) > bayes - 0.02
    projected = emap(lambda a, b: logits(tensor, a, b), x["first"][:400], x["second"][:400])
    assert np.mean(guessed[:400] == y[:400]) > 0.8
    assert abs(np.mean(projected.argmax(axis=1) == y[:400]) - 0.5) < 0.08  # chance, up to sampling error

    additive = fit_task(data, "weighted_sum", hidden=0, units=8, epochs=3)
    guessed = logits(additive, x["first"], x["second"])
    assert abs(np.mean(guessed.argmax(axis=1) == y) - 0.5) < 0.03
    projected = emap(lambda a, b: logits(additive, a, b), x["first"][:50], x["second"][:50])
    np.testing.assert_allclose(projected, guessed[:50], atol=1e-4)  # additive models are their own projection

    alone = [LogisticRegression().fit(data.train.inputs[m], data.train.labels) for m in x]
    alone = [model.predict_proba(x[m]) for model, m in zip(alone, x)]
    for rule in decisions.RULES:
        assert abs(np.mean(decisions.combine(rule, alone).argmax(axis=1) == y) - 0.5) < 0.02


def test_label_paired_data_are_solved_by_rules_and_layers_alike():
    data = TASKS["label-paired"].dataset(test=20_000)
    y, bayes = data.label_set.encode(data.test.labels), TASKS["label-paired"].bayes
    x = data.test.inputs
    alone = [LogisticRegression().fit(data.train.inputs[m], data.train.labels) for m in x]
    alone = [model.predict_proba(x[m]) for model, m in zip(alone, x)]
    for rule in decisions.RULES:
        assert np.mean(decisions.combine(rule, alone).argmax(axis=1) == y) > bayes - 0.02
    gated = fit_task(data, "gated", hidden=0, units=8, epochs=3)
    assert np.mean(logits(gated, x["first"], x["second"]).argmax(axis=1) == y) > bayes - 0.02


def test_emap_by_hand():
    first, second = np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])
    projected = emap(lambda a, b: a * b, first, second, batch=3)
    # table [[3, 5], [6, 10]]: row means 4, 8; column means 4.5, 7.5; mean 6
    np.testing.assert_allclose(projected, [[2.5], [9.5]])
    with pytest.raises(BadInput, match="same number"):
        emap(None, first, second[:1])


# --- one vector a modality ---------------------------------------------------------------------------------


def batch(n=6, seed=0, steps=None):
    rng = np.random.default_rng(seed)
    shape = (n,) if steps is None else (n, steps)
    return {name: (3 + 10 * rng.normal(size=(*shape, d))).astype("float32") for name, d in SIZES.items()}


def test_fusion_model_scales_and_ignores_what_is_missing():
    x = batch()
    presence = np.ones((6, 2), "float32")
    presence[0, 1] = presence[1, 0] = 0
    model = build_fusion_model(
        SIZES, 3, fusion="gated", scaling=statistics(x), encoder_units=5, hidden=4, dropout=0.2, hybrid=True
    )
    outputs = []
    for garbage in (np.nan, 1e3):
        x["audio"][0], x["text"][1] = garbage, garbage
        outputs.append(model.predict_on_batch({**x, "presence": presence}))
    np.testing.assert_array_equal(*outputs)
    assert outputs[0].shape == (6, 3) and np.isfinite(outputs[0]).all()


def test_statistics_leave_out_what_is_missing():
    x = {"a": np.array([[1.0, 5], [3, 5], [100, 100]]), "b": np.array([[[1.0], [2.0]], [[np.nan], [3.0]], [[6], [6]]])}
    moments = statistics(x, [[1, 1], [1, 1], [0, 0]])
    assert moments == {"a": ([2.0, 5.0], [1.0, 1.0]), "b": ([2.0], [pytest.approx(2 / 3)])}


def test_errors():
    with pytest.raises(BadInput, match="Unknown fusion 'x'"):
        build_fusion_model(SIZES, 2, fusion="x")
    with pytest.raises(BadInput, match="2 or more modalities"):
        build_fusion_model({"text": 4}, 2)
    with pytest.raises(BadInput, match="none, bilstm, attention, dialogue-rnn"):
        build_dialogue_model(SIZES, 2, context="gru")
    with pytest.raises(BadInput, match="late-lstm, early-lstm or mult"):
        build_aligned_model(SIZES, 2, kind="lstm")
    for wrong in ({}, {"presence": np.ones((3, 1))}, {"speakers": list("JRM")}):
        with pytest.raises(BadInput, match="one row an utterance"):
            Dialogues({"text": np.zeros((2 if wrong else 3, 2))}, ["a", "a"], **wrong)
    with pytest.raises(BadInput, match="leave none"):
        DialogueRNNCell(4, 3).build((None, 3))


# --- dialogues ---------------------------------------------------------------------------------------------


def test_dialogues_keep_order_and_count_no_padding():
    groups = ["b", "a", "b", "b", "a"]
    x = np.arange(5.0)[:, None]
    data = Dialogues({"text": x}, groups, speakers=["J", "R", "M", "J", "R"], parties=2)
    padded, mask, rows = data.pad([0, 1])
    assert rows.tolist() == [0, 2, 3, 1, 4]  # dialogues as they appear, utterances in their order
    assert padded["text"].shape == (2, 8, 1) and padded["text"][0, :4, 0].tolist() == [0, 2, 3, 0]
    assert padded["speaker"][0, :4].tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]
    assert mask.sum() == 5 and padded["presence"].sum() == 5 and len(data) == 5
    crowd = Dialogues({"text": x}, ["a"] * 5, speakers=list("JRMPC"), parties=3)
    assert crowd.speakers.argmax(axis=1).tolist() == [0, 1, 2, 2, 2]

    class Echo:
        input = {"text": None}

        def predict_on_batch(self, inputs):
            return np.concatenate([inputs["text"], -inputs["text"]], axis=-1)

    np.testing.assert_array_equal(training.predict(Echo(), data, 1)[:, 0], x[:, 0])


@pytest.mark.parametrize(
    "context", [pytest.param(c, marks=pytest.mark.slow) if c == "dialogue-rnn" else c for c in CONTEXTS]
)
def test_loss_is_the_mean_over_utterances_whatever_the_padding(context):
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], [1, 9, 3])
    data = Dialogues({"text": rng.normal(size=(13, 4))}, groups, speakers=["J"] * 13 if "rnn" in context else None)
    y = training.one_hot(rng.integers(2, size=13), 2)
    model = build_dialogue_model({"text": 4}, 2, context=context, encoder="none", units=3, hidden=0, dropout=0)
    before = training.validation_scores(y, training.predict(model, data))["loss"]
    history = training.fit(model, (data, y), epochs=1, learning_rate=1e-12, progress=None)
    assert history["loss"][0] == pytest.approx(before, rel=1e-5)
    weighted = training.fit(model, (data, y), epochs=1, learning_rate=1e-12, class_weight=[2.0, 0.5], progress=None)
    rows = [training.validation_scores(y[[i]], training.predict(model, data)[[i]])["loss"] for i in range(13)]
    assert weighted["loss"][0] == pytest.approx(np.mean(rows * (y @ [2.0, 0.5])), rel=1e-5)


CONTEXT_MODELS = {
    "bc-lstm": {"encoder": "bilstm", "context": "bilstm"},
    "catf-lstm": {"fusion": "attention", "fusion_options": {"units": 4}, "context": "attention"},
    "dialogue-rnn": {"context": "dialogue-rnn", "parties": 3, "window": 4},
}


def dialogue_inputs(steps, real, garbage):
    x = batch(2, steps=real) | {"presence": np.ones((2, real, 2), "float32")}
    x["presence"][0, 1, 0] = 0
    x["text"][0, 1] = garbage
    x["speaker"] = np.eye(3, dtype="float32")[np.array([[0, 1, 0, 2, 1], [0, 0, 1, 1, 2]])[:, :real]]
    mask = np.repeat(np.arange(steps)[None] < real, 2, axis=0)
    wide = {}
    for name, value in x.items():
        fill = garbage if name in SIZES else 0
        wide[name] = np.full((2, steps, value.shape[-1]), fill, "float32")
        wide[name][:, :real] = value
    return wide | {"mask": mask}


@pytest.mark.parametrize("kind", CONTEXT_MODELS)
def test_padding_and_missing_utterances_change_no_logit(kind):
    keras.utils.set_random_seed(0)
    scaling = statistics(batch())  # without it the encoders' tanh is flat on numbers as large as these
    model = build_dialogue_model(SIZES, 3, units=4, hidden=0, dropout=0, scaling=scaling, **CONTEXT_MODELS[kind])
    inputs = {i.name for i in model.inputs}
    outputs = []
    for steps, garbage in ((5, 0.0), (8, np.nan)):
        x = dialogue_inputs(steps, 5, garbage)
        outputs.append(numpy(model({k: v for k, v in x.items() if k in inputs})))
    np.testing.assert_allclose(outputs[1][:, :5], outputs[0], rtol=1e-4, atol=1e-5)
    other = dialogue_inputs(5, 5, 0.0)
    other["text"][:, 4] *= -1
    moved = np.abs(numpy(model({k: v for k, v in other.items() if k in inputs})) - outputs[0]).max(axis=(0, 2))
    assert (moved > 1e-3).all()  # the last utterance is context for all others


def test_dialogue_rnn_cell_by_hand():
    rng = np.random.default_rng(0)
    u, speaker = rng.normal(size=(4, 3)), [0, 1, 0, 1]
    cell = DialogueRNNCell(2, 2, window=2)
    rnn = keras.layers.RNN(cell, return_sequences=True)
    inputs = np.concatenate([u, np.eye(2)[speaker]], axis=1)[None].astype("float32")
    out = numpy(rnn(inputs))[0]

    def gru(layer, x, h):
        kernel, recurrent, bias = (numpy(w) for w in layer.weights)
        a, b = x @ kernel + bias[0], h @ recurrent + bias[1]
        z, r = sigmoid(a[:2] + b[:2]), sigmoid(a[2:4] + b[2:4])
        return z * h + (1 - z) * np.tanh(a[4:] + r * b[4:])

    g, q, e, past = np.zeros(2), np.zeros((2, 2)), np.zeros(2), []
    for t, s in enumerate(speaker):
        context = np.zeros(2)
        if past:
            window = np.array(past[-2:])
            scores = np.exp(window @ (u[t] @ numpy(cell.ask.kernel)))
            context = scores / scores.sum() @ window
        g = gru(cell.global_cell, np.concatenate([u[t], q[s]]), g)
        q[s] = gru(cell.party, np.concatenate([u[t], context]), q[s])
        e = gru(cell.emotion, q[s], e)
        past.append(g)
        np.testing.assert_allclose(out[t], e, rtol=1e-4, atol=1e-6)


def test_utterance_attention():
    layer = UtteranceAttention(3)
    states = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    out, weights = layer(states, return_attention_scores=True)
    h = states[0]
    hidden = np.tanh((h @ numpy(layer.query.kernel) + numpy(layer.query.bias))[:, None] + h @ numpy(layer.key.kernel))
    scores = np.exp(hidden @ numpy(layer.score.kernel)[:, 0])
    a = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights[0], a, rtol=1e-4)
    expected = np.tanh(a @ h @ numpy(layer.context.kernel) + h @ numpy(layer.state.kernel))
    np.testing.assert_allclose(out[0], expected, rtol=1e-4, atol=1e-5)
    states[0, 3] = np.nan
    out, weights = layer(states, mask=[[1, 1, 1, 0], [0, 0, 0, 0]], return_attention_scores=True)
    assert np.isfinite(numpy(out)).all() and (numpy(weights)[0, :, 3] == 0).all() and not numpy(weights)[1].any()
    np.testing.assert_allclose(numpy(weights)[0].sum(axis=1), 1, rtol=1e-5)


# --- aligned sequences -------------------------------------------------------------------------------------

ALIGNED = {
    "late-lstm": {"kind": "late-lstm", "fusion": "gated", "fusion_options": {"units": 4}},
    "mfn": {"kind": "early-lstm", "fusion": "memory", "fusion_options": {"units": 4, "memory": 4}},
    "mult": {"kind": "mult", "units": 4, "heads": 2},
}


@pytest.mark.parametrize("kind", ALIGNED)
def test_aligned_models_ignore_padding_and_missing_modalities(kind):
    model = build_aligned_model(SIZES, 2, hidden=0, dropout=0, **({"units": 4} | ALIGNED[kind]))
    x, presence = batch(3, steps=4), np.array([[1, 1], [0, 1], [1, 1]], "float32")
    outputs = []
    for steps, garbage in ((4, 0.0), (6, np.nan)):
        wide = {m: np.pad(v, ((0, 0), (0, steps - 4), (0, 0)), constant_values=garbage) for m, v in x.items()}
        wide["text"][1] = garbage
        mask = np.repeat(np.arange(steps)[None] < 4, 3, axis=0)
        outputs.append(numpy(model({**wide, "presence": presence, "mask": mask})))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)


def every_model():
    """A model of each kind with inputs for it, by name."""
    dialogue, vectors = dialogue_inputs(4, 4, 1.0), batch(2) | {"presence": np.ones((2, 2), "float32")}
    words = batch(2, steps=4) | {"presence": np.ones((2, 2), "float32"), "mask": np.ones((2, 4), bool)}
    scaling = statistics(batch())
    for name, options in CONTEXT_MODELS.items():
        yield name, build_dialogue_model(SIZES, 3, units=4, scaling=scaling, **options), dialogue
    for name, options in ALIGNED.items():
        yield name, build_aligned_model(SIZES, 2, scaling=scaling, **({"units": 4} | options)), words
    yield "vectors", build_fusion_model(SIZES, 2, scaling=scaling, hybrid=True, modality_dropout=0.2), vectors


@pytest.mark.slow
def test_models_reload_in_a_fresh_process(elsewhere):
    for _, model, inputs in every_model():
        elsewhere.check_model(model, {i.name: inputs[i.name] for i in model.inputs})


@pytest.mark.slow
def test_every_weight_of_every_model_trains():
    keras.utils.set_random_seed(0)
    for name, model, inputs in every_model():
        before = [numpy(w).copy() for w in model.trainable_weights]
        x = {i.name: inputs[i.name] for i in model.inputs}
        # SGD, because Adam makes steps out of rounding noise; eager, because compiling takes longer than two steps.
        eager = keras.backend.backend() == "tensorflow"
        model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=eager)
        target = np.random.default_rng(0).normal(size=model(x).shape)
        for _ in range(2):
            model.train_on_batch(x, target)
        still = [w.path for w, b in zip(model.trainable_weights, before) if not np.abs(numpy(w) - b).max() > 1e-7]
        assert not still, (name, still)


def test_speakers_that_a_context_does_not_ask_for_change_nothing():
    x, groups = {"text": np.random.default_rng(0).normal(size=(6, 4)).astype("float32")}, ["a"] * 4 + ["b"] * 2
    model = build_dialogue_model({"text": 4}, 3, context="bilstm", encoder="none", units=3)
    known = Dialogues(x, groups, speakers=["u", "v"] * 3)
    assert np.array_equal(training.predict(model, known), training.predict(model, Dialogues(x, groups)))
