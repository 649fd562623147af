"""Declared multimodal experiments: what they may look at, and the functions that make their features."""

from dataclasses import replace

import numpy as np
import pytest

import experiments
from emorec import datasets
from emorec.labels import MELD, POLARITY
from emorec.multimodal import synthetic
from experiments import Run, minilm, multimodal


def test_every_run_is_declared_and_has_a_file_of_its_own(tmp_path):
    for name in ("mosi", "meld", "synthetic-tasks"):
        runs = experiments.declared(name)
        assert len({run.key for run in runs}) == len(runs)
        for run in runs:
            module, _, function = run.function.partition(":")
            assert callable(
                getattr({"experiments.multimodal": multimodal, "experiments.minilm": minilm}[module], function)
            )
    seeds = {run.model: 0 for run in experiments.declared("mosi") if not run.baseline}
    for run in experiments.declared("mosi"):
        if not run.baseline:
            seeds[run.model] += 1
    assert all(n == (10 if name.startswith("small") else 5) for name, n in seeds.items())


def test_nothing_of_mosi_is_chosen_and_its_epochs_are_fixed():
    assert "patience" not in multimodal.MOSI_FIT and multimodal.MOSI_FIT["epochs"] == 30
    assert not any("fit" in run.options or "epochs" in run.options for run in experiments.declared("mosi"))


def test_neighbours_stay_inside_a_dialogue_and_know_who_speaks():
    x = np.array([[1.0], [2.0], [3.0], [4.0]])
    wide = multimodal.neighbours(x, ["a", "a", "a", "b"], ["J", "R", "J", "J"], 2)
    # itself; then of each neighbour at -2, -1, 1, 2: its value, whether it is there, both again for the same speaker
    assert wide.shape == (4, 1 + 4 * 4)
    np.testing.assert_array_equal(wide[0], [1, *[0] * 8, 2, 1, 0, 0, 3, 1, 3, 1])
    np.testing.assert_array_equal(wide[2], [3, 1, 1, 1, 1, 2, 1, 0, 0, *[0] * 8])
    np.testing.assert_array_equal(wide[3], [4, *[0] * 16])
    np.testing.assert_array_equal(multimodal.neighbours(x, ["a"] * 4, ["J"] * 4, 0), x)


def test_class_weights_between_none_and_balanced():
    labels = ["neutral"] * 6 + list(MELD.names[1:])
    np.testing.assert_allclose(multimodal.rarer(labels, MELD, 0.0), 1)
    balanced = multimodal.rarer(labels, MELD, 1.0)
    np.testing.assert_allclose(balanced, 12 / 7 / np.array([6, 1, 1, 1, 1, 1, 1]))
    middle = multimodal.rarer(labels, MELD, 0.5)
    assert middle[1] / middle[0] == pytest.approx(6**0.5)
    assert np.mean(middle[MELD.encode(labels)]) == pytest.approx(1)


@pytest.mark.slow
def test_a_rule_and_a_layer_in_a_synthetic_task(monkeypatch):
    def small(run):
        task = replace(synthetic.synthetic_task(run.dataset), seed=run.seed)
        return task, task.dataset(1500, 300, 1000)

    monkeypatch.setattr(multimodal, "task_of", small)
    runs = {(r.dataset, r.model): r for r in experiments.declared("synthetic-tasks", seeds=[0])}
    rule = multimodal.run_task_rule(runs["exclusive-or", "rule: stacking"])
    assert abs(rule["metrics"]["accuracy"][0] - 0.5) < 0.06 and rule["bayes"] == pytest.approx(0.896, abs=1e-3)
    layer = multimodal.run_task_layer(runs["exclusive-or", "tensor"])
    assert layer["metrics"]["accuracy"][0] > 0.85
    assert abs(layer["metrics"]["emap_accuracy"] - 0.5) < 0.1  # all it knew was in the interaction


@pytest.mark.slow
def test_the_mean_of_several_small_networks_is_of_different_seeds(monkeypatch):
    rng = np.random.default_rng(0)

    def split(name, n):
        inputs = {"text": rng.normal(size=(n, 4)).astype("float32")}
        columns = (rng.choice(["negative", "positive"], n), np.arange(n).astype(str), np.repeat(np.arange(n // 5), 5))
        return datasets.base.Split(name, inputs, *(column.astype(str) for column in columns))

    parts, seen = (split("train", 30), split("test", 10), POLARITY), []
    monkeypatch.setattr(multimodal, "mosi_splits", lambda: parts)
    monkeypatch.setattr(multimodal, "MOSI_FIT", {"epochs": 1})
    monkeypatch.setattr(multimodal, "outcome", lambda truth, p, *_, **__: seen.append(p) or {"metrics": {}})

    def run(seed, **options):
        options = {"modalities": ["text"], "units": 4, "hidden": 0} | options
        multimodal.run_mosi_context(Run("mosi", "mosi", "x", "", options, seed=seed))

    run(0, views=[["text"]], late="mean", members=2)
    run(0)
    run(100)
    together, first, second = seen
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(together, (first + second) / 2, atol=1e-6)
