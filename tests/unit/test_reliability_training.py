"""Long trainings: what a kill, a full disk, a damaged file, Ctrl-C, an explosion and the end of memory leave behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from harness import full_disk

from emorec import TextClassifier, checkpoints, training
from emorec.errors import BadInput, DataCorrupt, NotWritten

HERE = Path(__file__).parent
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5)).astype("float32")
Y = training.one_hot((X[:, 0] > 0).astype(int), 2)


def network(units=8):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(2)])


class Stop(Exception):
    pass


def stopping(epochs, error=Stop):
    lines = []

    def progress(line):
        lines.append(line)
        if len([line for line in lines if line.startswith("epoch")]) == epochs:
            raise error

    progress.lines = lines
    return progress


def fit(folder, progress=None, net=None, **options):
    net = net or network()
    options = {"epochs": 6, "batch_size": 20, "learning_rate": 0.01, "seed": 3} | options
    return net, training.fit(net, (X, Y), (X, Y), checkpoint=folder, progress=progress, **options)


def stopped(folder, epochs=4, **options):
    """A folder with the checkpoints of a run that stopped."""
    with pytest.raises(Stop):
        fit(folder, stopping(epochs), **options)
    return sorted(folder.glob("*-epoch-*"))


def same_bits(net):
    whole, _ = fit(None)
    return all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), net.get_weights()))


@pytest.mark.slow
@pytest.mark.fault(
    "kill -9 in an epoch, while a checkpoint is written, while an epoch is chosen, between two files; of texts, "
    "faces and both",
    "the same call goes on after the last whole epoch and ends with the bits of a run that was never killed",
)
def test_killed_at_every_moment_and_resumed_to_the_same_bits():
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, HERE / "killed.py"], env=environment, capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["text", "face", "multimodal"], done.stderr
    for row in rows:
        assert row["ends"] == [0, *4 * [signal.SIGKILL], 0] and row["same"] and row["left"] == [], row
        assert row["resumed"] >= 3, row


@pytest.mark.fault(
    "The last checkpoint is empty, cut off, or has one flipped bit",
    "it is set aside as `*.damaged`, with a warning that names it; the run goes on from the epoch before",
)
@pytest.mark.parametrize("damage", ["empty", "half", "a bit of the arrays", "a bit of the manifest", "best"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_used(tmp_path, damage):
    files = stopped(tmp_path)
    assert [f.name[13:] for f in files] == ["epoch-00003.checkpoint", "epoch-00004.checkpoint"]
    last = max(tmp_path.glob("*-best-*")) if damage == "best" else files[-1]
    data = bytearray(last.read_bytes())
    data[{"a bit of the arrays": len(data) - 9, "a bit of the manifest": 40}.get(damage, len(data) // 2)] ^= 1
    last.write_bytes({"empty": b"", "half": bytes(data[: len(data) // 2])}.get(damage, bytes(data)))
    progress = stopping(99)
    with pytest.warns(UserWarning, match=f"{files[-1].name}.damaged"):
        net, history = fit(tmp_path, progress)
    assert "resumed after epoch 3" in progress.lines[0] and len(history.epochs) == 6 and same_bits(net)
    assert {f.name for f in tmp_path.iterdir()} == {f"{files[-1].name}.damaged"}


@pytest.mark.fault(
    "All checkpoints of a run are damaged", "`DataCorrupt` once, files set aside; the same call then starts afresh"
)
def test_without_a_whole_checkpoint_the_user_decides(tmp_path):
    for file in stopped(tmp_path):
        file.write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(DataCorrupt, match="start afresh"):
        fit(tmp_path)
    net, history = fit(tmp_path)
    assert len(history.epochs) == 6 and same_bits(net)


@pytest.mark.fault(
    "The disk is full while a checkpoint is written",
    "an error that says so; the checkpoint before is whole, and the same call goes on from it",
)
def test_a_full_disk_is_an_error_and_the_epoch_before_stays(tmp_path):
    filled = []
    with contextlib.ExitStack() as stack:

        def fill(line):
            filled.append(line)
            if len(filled) == 2:
                stack.enter_context(full_disk())

        with pytest.raises(NotWritten, match="cannot be written .*epoch-00002.*is whole and stays"):
            fit(tmp_path, fill)
    assert not list(tmp_path.glob(".writing*"))
    progress = stopping(99)
    net, _ = fit(tmp_path, progress)
    assert "resumed after epoch 2" in progress.lines[0] and same_bits(net)


@pytest.mark.fault(
    "Another run's checkpoints and other people's files are in the folder",
    "nothing of them is touched; a line says that this run starts anew, and what to do",
)
def test_another_runs_checkpoint_is_never_deleted(tmp_path):
    theirs = ["best-of-all.npz", "epoch-notes.weights.h5", "state.json", "epoch-00001.checkpoint", "mine-best-1.txt"]
    for name in theirs:
        (tmp_path / name).write_text("mine")
    first = {f.name: f.read_bytes() for f in stopped(tmp_path)}
    progress = stopping(99)
    _, history = fit(tmp_path, progress, learning_rate=0.02)
    assert len(history.epochs) == 6 and "another run's checkpoint" in progress.lines[0] and "stays" in progress.lines[0]
    assert all((tmp_path / name).read_bytes() == data for name, data in first.items())
    net, _ = fit(tmp_path)  # the first run goes on
    assert same_bits(net) and sorted(f.name for f in tmp_path.iterdir()) == sorted(theirs)


def test_what_a_killed_process_was_writing_is_swept(tmp_path):
    import platform

    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left = tmp_path / f".writing-{platform.node()}-{int(done.stdout)}-abc_d"
    at_work, elsewhere = tmp_path / f".writing-{platform.node()}-{os.getpid()}-x1", tmp_path / ".writing-else-1-x1"
    for folder in (left, at_work, elsewhere):
        folder.mkdir()
    with checkpoints.replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("1")
    assert not left.exists() and at_work.exists() and elsewhere.exists()


@pytest.mark.fault("The loss or a weight becomes NaN or infinite", "`BadInput`: lower the learning rate, look for NaN")
def test_numbers_that_are_not_finite_stop_training():
    with pytest.raises(BadInput, match="lower the learning rate"):
        training.fit(network(), (X * np.nan, Y), epochs=1, progress=None)


@pytest.mark.fault("The loss explodes but stays finite", "`BadInput` after the epoch: lower the rate, clip, or scale")
def test_an_exploding_loss_stops_training():
    with pytest.raises(BadInput, match="exploded.*learning_rate"):
        training.fit(network(), (X * 1e7, Y), epochs=3, learning_rate=10, optimizer="sgd", progress=None)


@pytest.mark.fault("Memory ends in training or scoring", "`OutOfMemory`, which names batch_size and a smaller value")
@pytest.mark.parametrize("where", ["fit", "predict_on_batch"])
def test_the_end_of_memory_names_the_knob(monkeypatch, where):
    import tensorflow as tf

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[64,512,512]")

    net = network()
    monkeypatch.setattr(net, where, full)
    with pytest.raises(training.OutOfMemory, match=r"batch_size=\d+"):
        training.fit(net, (X, Y), (X, Y), epochs=1, batch_size=32, progress=None)


@pytest.mark.fault(
    "Ctrl-C in a training", "a line that says which epoch's weights are kept; the classifier answers with them"
)
def test_ctrl_c_leaves_the_best_weights_usable_and_says_so():
    texts = [f"{'good fine' if i % 2 else 'bad poor'} day {i}" for i in range(40)]
    made = TextClassifier("mlp-average", "none", embedding_dim=8, units=8, epochs=9, batch_size=8, seed=1)
    progress = stopping(3, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        made.fit(texts, ["down", "up"] * 20, progress=progress)
    assert "interrupted after epoch 3" in progress.lines[-1] and "best weights so far are kept" in progress.lines[-1]
    assert made.predict(["good fine"]).shape == (1,) and len(made.history_.epochs) == 3
    best = made.model_.get_weights()
    whole = TextClassifier("mlp-average", "none", embedding_dim=8, units=8, epochs=3, batch_size=8, seed=1)
    whole.fit(texts, ["down", "up"] * 20, progress=None)
    assert all(np.array_equal(a, b) for a, b in zip(best, whole.model_.get_weights()))
