"""Face experiments on tiny data: what a run reports, that it resumes, and that the test split chooses nothing."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

import experiments
from emorec import datasets
from emorec.datasets import store
from emorec.errors import BadInput
from emorec.faces import baselines
from emorec.faces.classifier import FaceClassifier
from experiments import faces
from experiments.runs import Run

TINY = {"model": "lenet", "width": 4, "epochs": 2, "augment": "light", "views": "flips-and-crops"}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Experiments on 20 rendered people, with a cache of their own; returns the dataset."""
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path / "cache")
    data = datasets.load("sample-faces", n_identities=20, per_identity=1, grey=True, difficulty="easy")
    monkeypatch.setattr(faces, "load", lambda run: data)
    return data


def run(**options):
    return Run("demo", "sample-faces", "LeNet", "experiments.faces:run_classifier", TINY | options)


def test_a_run_reports_both_ways_of_seeing_the_test_part(small, tmp_path):
    content = experiments.execute(run(), tmp_path)
    scores = content["metrics"]
    value, low, high = scores["accuracy_one_view"]
    assert low <= value <= high and {"accuracy", "macro_f1", "macro_recall"} <= set(scores)
    assert set(content["per_class"]) == set(small.label_set)
    assert content["protocol"].endswith(faces.SEVERAL) and content["epochs"] == 2
    assert not list((tmp_path / "cache").rglob("*.h5"))  # a finished run leaves no checkpoint behind
    again = FaceClassifier(**TINY, seed=0).fit(
        small.train, validation=small.validation, label_set=small.label_set, progress=None
    )
    assert scores["accuracy"][0] == again.evaluate(small.test).accuracy
    assert value == np.mean(again.predict(small.test.inputs, views="one") == small.test.labels)


@pytest.mark.slow
def test_a_killed_run_goes_on(small, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(line):
        if line.startswith("epoch  1"):
            raise Killed

    with pytest.raises(Killed):
        faces.run_classifier(run(), progress=kill)
    lines = []
    resumed = faces.run_classifier(run(), progress=lines.append)
    assert "resumed after epoch 1" in lines[0] and len(lines) == 2
    straight = faces.run_classifier(run(), progress=None)
    for key in ("metrics", "best_epoch", "epochs", "validation"):
        assert resumed[key] == straight[key], key
    assert faces.checkpoint(run()) != faces.checkpoint(run(learning_rate=1e-3))
    assert faces.checkpoint(run()) != faces.checkpoint(replace(run(), seed=1))


def test_baselines_of_faces(small, tmp_path):
    baselines = [r for r in experiments.declared("sample-faces") if r.baseline]
    majority, linear = (experiments.execute(r, tmp_path)["metrics"]["accuracy"][0] for r in baselines)
    assert majority == pytest.approx(1 / 7) and linear > 0.35  # far above chance on 98 easy faces


@pytest.mark.slow
def test_pictures_that_recur_are_counted_apart(small, tmp_path, monkeypatch):
    inputs, labels = np.array(small.train.inputs), np.array(small.train.labels)
    inputs[:4], labels[:4] = small.test.inputs[:4], small.test.labels[:4]
    leaking = replace(small, train=replace(small.train, inputs=inputs, labels=labels))
    monkeypatch.setattr(faces, "load", lambda run: leaking)
    repeats = "experiments.faces:run_repeats"
    baseline = Run("demo", "sample-faces", "HOG", repeats, {"baseline": "hog-lr"}, baseline=True)
    for declared in (replace(run(), function=repeats), baseline):
        content = experiments.execute(declared, tmp_path)
        whole, repeated, unseen = (content["metrics"][f"accuracy{x}"][0] for x in ("", "_repeated", "_unseen"))
        assert content["repeated"] == 4
        assert whole == pytest.approx((4 * repeated + (len(small.test) - 4) * unseen) / len(small.test))
    assert repeated == 1  # what the linear model has seen it knows


def test_repeats_are_of_the_settings_they_stand_beside():
    first = {(r.model, r.seed): r.options for r in experiments.declared("fer2013")}
    again = {(r.model, r.seed): r.options for r in experiments.declared("fer2013-repeats")}
    assert len(again) == 7 and all(first[key] == options for key, options in again.items())


def test_declarations_hold_what_is_asked_of_them():
    for name in ("fer2013", "ferplus", "sample-faces"):
        runs = experiments.declared(name)
        assert {r.dataset for r in runs} == {name} and json.loads(json.dumps([asdict(r) for r in runs]))
        networks = [r for r in runs if not r.baseline]
        assert {r.seed for r in networks} == {0, 1, 2} and len({r.key for r in runs}) == len(runs)
        for r in networks:
            FaceClassifier(**r.options)


def test_oriented_gradients_by_hand():
    """A vertical edge between two columns of cells: all strength in the bin of 0 degrees, and blocks of length 1."""
    image = np.zeros((1, 16, 16), "uint8")
    image[:, :, 8:] = 200
    blocks = baselines.oriented_gradients(image, cell=8, bins=9).reshape(4, 9)
    np.testing.assert_allclose(blocks[:, 0], 0.5, atol=1e-3)  # four cells share the length
    assert np.all(blocks[:, 1:] == 0)
    turned = baselines.oriented_gradients(image.transpose(0, 2, 1), cell=8, bins=9).reshape(4, 9)
    np.testing.assert_allclose(turned[:, 4:6], np.sqrt(1 / 8), atol=1e-3)  # 90 degrees lies between two bins
    with pytest.raises(BadInput, match="majority, hog-lr"):
        baselines.build("svm")
