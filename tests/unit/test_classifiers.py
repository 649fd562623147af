"""What all classifiers share: a fit that fails changes nothing, groups stay whole, and a file keeps every setting."""

import numpy as np
import pytest

from emorec import FaceClassifier, MultimodalClassifier, TextClassifier, training
from emorec import classifier as base
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput
from emorec.labels import LabelSet

TEXTS = [f"{'good' if i % 2 else 'bad'} film number {i}" for i in range(60)]
LABELS = ["up" if i % 2 else "down" for i in range(60)]
IDS = objects(map(str, range(60)))


def classifier(**options):
    options = {"embedding_dim": 4, "units": 4, "epochs": 1, "learning_rate": 0.05, "min_count": 1} | options
    return TextClassifier("mlp-average", "none", **options)


@pytest.fixture(scope="module")
def trained():
    return classifier(epochs=4).fit(TEXTS, LABELS, progress=None)


@pytest.mark.parametrize("fault", ["labels", "classes", "interrupt"])
def test_a_fit_that_fails_leaves_the_classifier_as_it_was(trained, fault, monkeypatch):
    before = trained.predict_proba(TEXTS[:4])
    trained.temperature_ = 2.0
    with pytest.raises((BadInput, KeyboardInterrupt)):
        if fault == "labels":
            trained.fit(["one", "two"], ["x", "y"])
        elif fault == "classes":
            trained.fit(TEXTS, LABELS, label_set=LabelSet("odd", ("x", "y", "z")))
        else:  # before the first epoch is whole

            def interrupt(*_):
                raise KeyboardInterrupt

            monkeypatch.setattr(training, "_one_epoch", interrupt)
            trained.fit(TEXTS[::-1], ["x", "y"] * 30, progress=None)
    assert trained.temperature_ == 2.0 and list(trained.label_set_) == ["down", "up"]
    trained.temperature_ = 1.0
    np.testing.assert_array_equal(trained.predict_proba(TEXTS[:4]), before)
    new = classifier()
    with pytest.raises(BadInput, match="too few"):
        new.fit(["one", "two"], ["x", "y"])
    with pytest.raises(BadInput, match="not trained yet"):
        new.predict(["one"])


def test_what_is_set_aside_holds_whole_groups(monkeypatch):
    parts, split_validation = [], base.split_validation
    monkeypatch.setattr(base, "split_validation", lambda *a, **k: parts.append(split_validation(*a, **k)) or parts[-1])
    films = objects(f"film {i // 6}" for i in range(60))
    classifier().fit(Split("train", objects(TEXTS), objects(LABELS), IDS, films), progress=None)
    assert set(films[parts[0] == "train"]).isdisjoint(films[parts[0] == "validation"])


@pytest.mark.parametrize("several", [False, True])
def test_intervals_draw_the_groups_of_a_split(several):
    films = objects(f"film {i // 6}" for i in range(60))
    labels = objects((x,) for x in LABELS) if several else objects(LABELS)
    clf = classifier().fit(TEXTS, labels, progress=None)
    answers, other = clf.predict(TEXTS), labels[[1, 0]]
    wrong = np.array([i // 6 % 2 for i in range(60)], bool)  # every second film, all its rows
    labels = objects(other[i % 2] if w else a for i, (a, w) in enumerate(zip(answers, wrong)))
    whole, rows = (Split("test", objects(TEXTS), labels, IDS, groups) for groups in (films, None))
    assert (
        clf.evaluate(whole).to_dict()["metrics"]["macro_f1"]
        == clf.evaluate(rows, films).to_dict()["metrics"]["macro_f1"]
    )
    width = [np.ptp(clf.evaluate(s).macro_f1_interval) for s in (whole, rows)]
    assert width[0] != pytest.approx(width[1], rel=0.05)


@pytest.mark.slow
def test_balanced_weights_with_several_labels_raise_the_rare_one():
    texts, labels = ["plain words"] * 40, [("often",)] * 36 + [("often", "rare")] * 2 + [()] * 2
    answers = []
    for weight in (None, "balanced"):
        clf = classifier(class_weight=weight, epochs=8).fit(
            texts, labels, validation=(texts, labels), label_set=LabelSet("two", ("often", "rare"), True), progress=None
        )
        answers.append(clf.predict_proba(texts[:1])[0])
    assert answers[1][1] > answers[0][1] + 0.1 and answers[1][0] < answers[0][0] - 0.1
    wider = LabelSet("wider", ("often", "rare", "never"), multi_label=True)
    clf = classifier(class_weight="balanced", label_smoothing=0.1)
    clf.fit(texts, labels, validation=(texts, labels), label_set=wider, progress=None)
    assert clf.history_["loss"][0] < 10  # a class without an example has no weight to speak of


def test_a_file_keeps_every_setting_and_no_optimizer(tmp_path, trained):
    options = {"batch_size": np.int64(4), "learning_rate": np.float32(0.25), "kernel_sizes": (np.int64(2), 3)}
    clf = classifier(**options).fit(TEXTS, LABELS, progress=None)
    params = TextClassifier.load(clf.save(tmp_path / "a.emorec")).get_params()
    assert (params["batch_size"], params["learning_rate"], list(params["kernel_sizes"])) == (4, 0.25, [2, 3])
    assert clf.model_.optimizer is not None  # training may go on
    wide = classifier(embedding_dim=1000).fit(TEXTS, LABELS, progress=None)
    size = wide.save(tmp_path / "b.emorec").stat().st_size
    assert size < 1.5 * 4 * wide.model_.count_params() + 40_000


def test_settings_of_the_two_halves_are_kept(trained):
    face = FaceClassifier("lenet", augment={"flip": 0.25}, seed=np.int64(3))
    both = MultimodalClassifier(face=face, text=classifier(units=7), fusion_options={"units": 3})
    again = base._from_json(base._json(both.get_params(deep=False)))
    assert again["fusion_options"] == {"units": 3} and again["text"].units == 7
    assert again["face"].get_params() == face.get_params() and again["face"].model == "lenet"


def test_a_single_score_is_that_of_the_evaluation(trained):
    tags = [("up",) if "good" in t else () for t in TEXTS]
    wide = LabelSet("wide", ("up", "down", "never"), multi_label=True)
    clf = classifier(epochs=3).fit(TEXTS, tags, label_set=wide, validation=(TEXTS, tags), progress=None)
    split = Split("test", objects(TEXTS), objects(tags), IDS)
    assert clf.score(split) == pytest.approx(clf.evaluate(split).macro_f1)
