"""Examples of faces chosen by rule, and pictures for figures."""

import numpy as np
import pytest

import emorec
from emorec import metrics
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput
from emorec.faces import examples, render
from emorec.faces.rendered import enlarged


class Known:
    """A classifier whose probabilities are given."""

    def __init__(self, p):
        self.p = np.asarray(p)

    def predict_proba(self, inputs):
        return self.p

    def answers(self, p):
        return objects(np.array(["a", "b"])[p.argmax(axis=1)])


def split_of(labels):
    n = len(labels)
    return Split("test", np.zeros((n, 24, 24), "uint8"), objects(labels), objects(map(str, range(n))))


def test_cases_follow_their_rules():
    p = [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.05, 0.95], [0.8, 0.2]]
    chosen = examples.cases(Known(p), split_of("abbaa"))
    assert chosen == {"right and sure": 0, "right and unsure": 1, "wrong and sure": 3}


def test_classes_differ_where_they_can():
    p = [[0.9, 0.1], [0.55, 0.45], [0.3, 0.7]]
    assert examples.cases(Known(p), split_of("aab")) == {"right and sure": 0, "right and unsure": 2}


def test_where_no_answer_is_right_only_the_error_is_shown():
    assert examples.cases(Known([[0.9, 0.1], [0.8, 0.2]]), split_of("bb")) == {"wrong and sure": 0}


def test_the_figure_shows_true_label_and_answer():
    split = emorec.datasets.load("sample-faces", n_identities=6, per_identity=1, grey=True, size=24).test
    clf = emorec.FaceClassifier("lenet", width=2, size=24, epochs=1)
    clf.fit(split.inputs, split.labels, validation=(split.inputs, split.labels))
    figure = examples.figure(clf, split)
    for axes, i in zip(np.reshape(figure.axes, (-1, 4)), examples.cases(clf, split).values()):
        assert f"true label: {split.labels[i]}" in axes[0].get_title()
        assert axes[0].images[0].get_array().shape == (144, 144, 3)
        assert axes[1].get_title() == f"occlusion\nfor {clf.predict(split.inputs[i])[0]}"
    with pytest.raises(BadInput, match="empty"):
        examples.figure(clf, split.take([]))


def test_rendered_faces_are_enlarged_and_others_are_not():
    split = emorec.datasets.load("sample-faces", n_identities=6, per_identity=1, size=24).test
    np.testing.assert_array_equal(enlarged(split, [1], 60)[0], render.face_from_id(split.ids[1], size=60).image)
    other = Split("test", split.inputs, split.labels, split.ids, split.groups)
    np.testing.assert_array_equal(enlarged(other, [1])[0], split.inputs[1])


def test_an_accuracy_has_no_interval_outside_0_and_1():
    assert metrics.mean_interval([0.5, 1.0], within=(0, 1)) == (0.75, 0.0, 1.0)
    assert metrics.mean_interval([0.5, 1.0]).high > 1
