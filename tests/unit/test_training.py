"""Training: deterministic, resumable to the bit, and blind to the test split."""

import keras
import numpy as np
import pytest

from emorec import training
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput


def data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8)).astype("float32")
    return x, training.one_hot((x[:, 0] + x[:, 1] > 0).astype(int), 2)


def model(seed=0, dropout=0.3):
    training.set_seed(seed)
    return keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dropout(dropout), keras.layers.Dense(2)]
    )


def run(net, epochs=6, **options):
    options = {"batch_size": 32, "learning_rate": 0.01, "seed": 3, "progress": None} | options
    return training.fit(net, data(), data(80, 1), epochs=epochs, **options)


def test_two_runs_of_one_seed_agree_to_the_bit_and_learn():
    first, second = model(), model()
    history = run(first)
    run(second)
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert history["val_accuracy"][history.best_epoch] > 0.85
    assert history["val_loss"][history.best_epoch] == min(history["val_loss"])


def test_the_best_epoch_is_restored_and_patience_stops():
    net = model()
    history = run(net, epochs=40, learning_rate=0.3, patience=2)
    assert len(history.epochs) < 40
    assert len(history.epochs) - 1 - history.best_epoch == 2
    scores = training.validation_scores(data(80, 1)[1], training.predict(net, data(80, 1)[0]))
    assert scores["loss"] == pytest.approx(history.best_value, abs=1e-6)


def test_one_batch_and_several_give_the_same_logits():
    x = {"a": np.random.default_rng(0).normal(size=(20, 3)).astype("float32"), "b": np.ones((20, 2), "float32")}
    inputs = {name: keras.Input(v.shape[1:], name=name) for name, v in x.items()}
    net = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Concatenate()(list(inputs.values()))))
    np.testing.assert_allclose(training.predict(net, x, 20), training.predict(net, x, 7), atol=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_killed_run_resumes_to_the_same_bits(tmp_path, schedule):
    whole = model()
    expected = run(whole, schedule=schedule)

    class Killed(Exception):
        pass

    def kill(line):
        if "epoch  3" in line:
            raise Killed

    interrupted = model()
    with pytest.raises(Killed):
        run(interrupted, schedule=schedule, checkpoint=tmp_path / "run", progress=kill)
    lines = []
    resumed = model(seed=99)  # other initial weights: everything must come from the checkpoint
    history = run(resumed, schedule=schedule, checkpoint=tmp_path / "run", progress=lines.append)
    assert "resumed after epoch 3" in lines[0]
    assert len(lines) == 4
    np.testing.assert_array_equal(history["loss"], expected["loss"])
    for a, b in zip(whole.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "run").exists()


def test_a_cosine_of_a_single_step_is_a_step():
    net = model()
    before = net.get_weights()
    history = run(net, epochs=1, batch_size=200, schedule="cosine")
    assert np.isfinite(history["val_loss"]).all()
    assert any((a != b).any() for a, b in zip(before, net.get_weights()))


@pytest.mark.slow
def test_every_optimizer_learns_its_own_way_and_decays_weights():
    rates = {"adam": 0.01, "sgd": 0.1, "rmsprop": 0.01}
    losses = {}
    for name, rate in rates.items():
        net = model()
        history = run(net, optimizer=name, learning_rate=rate)
        assert history["val_accuracy"][-1] > 0.8, name
        losses[name] = history["loss"][-1]
        decayed = model()
        run(decayed, optimizer=name, learning_rate=rate, weight_decay=1.0)
        assert np.abs(decayed.get_weights()[0]).sum() < np.abs(net.get_weights()[0]).sum(), name
    assert len(set(losses.values())) == 3


def kill_after(epochs):
    lines = []

    def progress(line):
        lines.append(line)
        if len(lines) == epochs:
            raise KeyboardInterrupt

    return progress


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{"epochs": 3}, {"monitor": "accuracy"}, {"label_smoothing": 0.1}, "data", "net"])
def test_a_checkpoint_of_another_run_is_not_used(tmp_path, changed):
    (tmp_path / "mine.npz").touch()
    options = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01, "seed": 3}
    (x, y), validation = data(), data(80, 1)
    with pytest.raises(KeyboardInterrupt):
        training.fit(model(), (x, y), validation, checkpoint=tmp_path, progress=kill_after(1), **options)
    theirs = {f.name for f in tmp_path.iterdir()}
    options |= changed if isinstance(changed, dict) else {}
    x = -x if changed == "data" else x
    whole, stopped = (model(dropout=0.1 if changed == "net" else 0.3) for _ in range(2))
    expected = training.fit(whole, (x, y), validation, progress=None, **options)
    with pytest.raises(KeyboardInterrupt):  # its first line says that this is another run
        training.fit(stopped, (x, y), validation, checkpoint=tmp_path, progress=kill_after(3), **options)
    lines = []
    history = training.fit(stopped, (x, y), validation, checkpoint=tmp_path, progress=lines.append, **options)
    assert "resumed after epoch 2" in lines[0]
    assert (history.best_epoch, history.best_value) == (expected.best_epoch, expected.best_value)
    for a, b in zip(whole.get_weights(), stopped.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert {f.name for f in tmp_path.iterdir()} == theirs  # and other people's files stay


def test_validation_scores_by_hand():
    targets = np.array([[1, 0], [0, 1], [0, 1]])
    logits = np.log(np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]))
    scores = training.validation_scores(targets, logits)
    assert scores["loss"] == pytest.approx(-np.log([0.8, 0.4, 0.9]).mean())
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx(2 / 3)  # both classes: precision and recall 1/2 and 1
    multi = training.validation_scores(targets, np.array([[1.0, -1], [1, -1], [-1, 1]]), multi_label=True)
    assert multi["accuracy"] == pytest.approx(4 / 6)
    wider = [np.pad(a, ((0, 0), (0, 2)), constant_values=v) for a, v in ((targets, 0), (logits, -99))]
    assert training.validation_scores(*wider)["macro_f1"] == pytest.approx(2 / 3)  # as `metrics.evaluate` has it


def test_class_weights_move_the_decision():
    x = np.zeros((300, 1), dtype="float32")
    y = training.one_hot([0] * 270 + [1] * 30, 2)
    chosen = []
    for weight in (None, [1.0, 20.0]):
        training.set_seed(0)
        net = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
        training.fit(net, (x, y), epochs=10, learning_rate=0.1, class_weight=weight, progress=None)
        chosen.append(int(training.predict(net, x[:1]).argmax()))
    assert chosen == [0, 1]


def test_class_weights_with_several_labels_act_where_a_class_is_there():
    x, y = np.ones((4, 1), dtype="float32"), np.array([[1, 0], [0, 0], [0, 1], [0, 1]], dtype="float32")
    losses = []
    for weight in (None, [3.0, 1.0]):
        net = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, kernel_initializer="zeros")])
        history = training.fit(
            net, (x, y), epochs=1, learning_rate=1e-12, class_weight=weight, multi_label=True, progress=None
        )
        losses.append(history["loss"][0] / np.log(2))
    assert losses == pytest.approx([1.0, 1 + 2 / 8])  # one of the eight decisions counts three times


def test_a_test_split_is_refused():
    values = objects(["a"])
    with pytest.raises(BadInput, match="opened once"):
        training.refuse_test_split(Split("test", values, values, values))
    training.refuse_test_split(Split("validation", values, values, values))


def test_bad_settings_and_nan_are_named():
    with pytest.raises(BadInput, match="monitor='auc'"):
        run(model(), monitor="auc")
    with pytest.raises(BadInput, match="schedule='step'"):
        run(model(), schedule="step")
    with pytest.raises(BadInput, match="optimizer='momentum'"):
        run(model(), optimizer="momentum")
    x, y = data()
    x[0, 0] = np.nan
    with pytest.raises(BadInput, match="learning rate"):
        training.fit(model(), (x, y), epochs=3, progress=None)
    with pytest.raises(BadInput, match="validation loss is nan"):
        linear = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
        training.fit(linear, data(), (x, y), epochs=1, progress=None)
