"""Length buckets: the same learning and the same answers in fewer padded steps, resumable to the bit."""

import numpy as np
import pytest

from emorec import training
from emorec.text.buckets import STEPS, BucketedIds
from emorec.text.models import build_text_model

WORDS = 60


def rows(n=600, seed=0):
    """Texts of 4 to 300 words, most of them short; class 1 holds word 2, class 0 holds word 3."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(3, 1, n), 4, 300).astype(int)
    labels = rng.integers(0, 2, n)
    texts = []
    for length, label in zip(lengths, labels):
        ids = rng.integers(4, WORDS, length)
        ids[rng.integers(0, length, 1 + length // 8)] = 3 - label
        texts.append(ids)
    return texts, training.one_hot(labels, 2)


def dense(texts):
    ids = np.zeros((len(texts), max(map(len, texts))), dtype="int32")
    for target, row in zip(ids, texts):
        target[: len(row)] = row
    return ids


def model(seed=0, **options):
    options = {"encoder": "mlp-average", "attention": "global", "embedding_dim": 8, "units": 8} | options
    return build_text_model(vocabulary_size=WORDS, classes=2, attention_units=8, dropout=0.2, seed=seed, **options)


def test_every_text_is_in_one_batch_beside_texts_of_its_length():
    texts, _ = rows()
    buckets = BucketedIds(texts)
    batches = buckets.batches(32, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(600))
    assert len(batches) == 19 and sorted(map(len, batches))[1] == 32
    lengths = [buckets.shapes[b, 0] for b in batches]
    assert [x.mean() for x in lengths] != sorted(x.mean() for x in lengths)  # the order is shuffled
    assert np.mean([np.ptp(x) for x in lengths]) < 20
    again = buckets.batches(32, np.random.default_rng(1))
    other = buckets.batches(32, np.random.default_rng(2))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again))
    assert not all(np.array_equal(a, b) for a, b in zip(batches, other))
    # With several pools, which texts meet changes from epoch to epoch.
    groups = [{frozenset(b) for b in buckets.batches(4, np.random.default_rng(s))} for s in (1, 2)]
    assert len(groups[0] & groups[1]) < 5


def test_a_batch_is_padded_on_the_right_to_a_multiple_and_not_beyond_the_longest(monkeypatch):
    monkeypatch.setitem(STEPS, 1, (32,))
    buckets = BucketedIds([[5, 6, 7], list(range(1, 34)), [9] * 70, [8, 8, 0, 0]])
    np.testing.assert_array_equal(buckets.pad([0, 3])[:, :4], [[5, 6, 7, 0], [8, 8, 0, 0]])
    assert buckets.pad([0, 3]).shape == (2, 32)
    assert buckets.pad([0, 1]).shape == (2, 64)
    assert buckets.pad([2, 1]).shape == (2, 70)
    assert buckets.pad([0, 3]).dtype == "int32" and not buckets.pad([0])[0, 3:].any()
    assert buckets.shapes.ravel().tolist() == [3, 33, 70, 2]


def test_documents_are_padded_in_both_directions():
    documents = np.zeros((3, 6, 40), dtype="int32")
    documents[0, :2, :30], documents[1, 0, :3], documents[2, :6, :5] = 7, 7, 7
    buckets = BucketedIds(documents)
    assert buckets.shapes.tolist() == [[2, 30], [1, 3], [6, 5]]
    assert buckets.pad([0, 1]).shape == (2, 4, 30)
    assert buckets.pad([1]).shape == (1, 4, 16)
    whole = buckets.pad([2, 0, 1])
    assert whole.shape == (3, 6, 30)
    np.testing.assert_array_equal(whole, documents[[2, 0, 1], :, :30])


def test_an_empty_row_keeps_one_step():
    assert BucketedIds([[0, 0], [3]]).pad([0, 1]).shape == (2, 1)


@pytest.mark.parametrize("encoder", ["mlp-average", "bigru"])
def test_logits_come_back_in_the_order_of_the_texts(encoder):
    texts, _ = rows(100)
    net = model(encoder=encoder)
    plain = training.predict(net, dense(texts))
    for batch_size in (7, 512):
        np.testing.assert_allclose(training.predict(net, BucketedIds(texts), batch_size), plain, atol=1e-5)


def test_the_loss_is_the_mean_over_examples_not_over_batches():
    texts, y = rows(70)
    net = model()
    training.compile_model(
        net, steps=9, learning_rate=1e-12, schedule="constant", weight_decay=0, label_smoothing=0, multi_label=False
    )
    for layer in net.layers:
        if "dropout" in layer.name:
            layer.rate = 0.0
    weights = np.linspace(0.1, 3, 70).astype("float32")
    losses = [BucketedIds(texts).train(net, y, w, 64, np.random.default_rng(0)) for w in (weights, None)]
    logits = training.predict(net, dense(texts)).astype("float64")
    each = np.log(np.exp(logits).sum(axis=1)) - (logits * y).sum(axis=1)
    assert losses == pytest.approx([np.mean(each * weights), np.mean(each)], rel=1e-5)


@pytest.mark.slow
def test_it_learns_what_plain_batches_learn_in_fewer_padded_steps():
    texts, y = rows()
    x = {"plain": dense(texts), "buckets": BucketedIds(texts)}
    test, truth = rows(200, seed=1)
    accuracy = {}
    for name, inputs in x.items():
        net = model(seed=1)
        history = training.fit(net, (inputs, y), epochs=12, batch_size=32, learning_rate=0.02, progress=None)
        assert history["loss"][-1] < 0.1
        accuracy[name] = np.mean(training.predict(net, dense(test)).argmax(1) == truth.argmax(1))
    assert min(accuracy.values()) > 0.93
    batches = x["buckets"].batches(32, np.random.default_rng(0))
    steps = sum(x["buckets"].pad(b).size for b in batches)
    assert steps < 0.3 * x["plain"].size
    assert steps < 2 * sum(map(len, texts))


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    texts, y = rows(200)
    test, truth = rows(60, seed=1)

    def run(seed=0, **options):
        net = model(seed=seed)
        history = training.fit(
            net, (BucketedIds(texts), y), (BucketedIds(test), truth), epochs=4, batch_size=32, **options
        )
        return net.get_weights(), history

    expected, whole = run(progress=None)

    class Killed(Exception):
        pass

    def kill(line):
        if "epoch  2" in line:
            raise Killed

    with pytest.raises(Killed):
        run(checkpoint=tmp_path / "run", progress=kill)
    lines = []
    resumed, history = run(seed=9, checkpoint=tmp_path / "run", progress=lines.append)
    assert "resumed after epoch 2" in lines[0]
    assert history["loss"] == whole["loss"] and history["val_loss"] == whole["val_loss"]
    for a, b in zip(expected, resumed):
        np.testing.assert_array_equal(a, b)


def test_it_is_chosen_where_lengths_differ():
    rng = np.random.default_rng(0)
    assert BucketedIds(rows()[0]).uneven
    assert not BucketedIds([np.ones(n) for n in rng.integers(80, 101, 50)]).uneven  # all alike
    assert not BucketedIds([np.ones(n) for n in rng.integers(1, 40, 50)]).uneven  # all short
