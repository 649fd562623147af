"""The linear baselines."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from emorec.errors import BadInput
from emorec.labels import LabelSet
from emorec.text import baselines

TEXTS = ["good film", "good fun", "fine good", "bad film", "bad mess", "dull bad"] * 4
LABELS = (["positive"] * 3 + ["negative"] * 3) * 4
POLARITY = LabelSet("p", ("negative", "positive"))


@pytest.mark.parametrize("name", ["tfidf-lr", "tfidf-svm", "nbsvm"])
def test_planted_words_are_learnt(name):
    model = baselines.build(name, POLARITY).fit(TEXTS, LABELS)
    assert list(model.predict(["a GOOD thing", "bad, very"])) == ["positive", "negative"]


def test_majority():
    model = baselines.build("majority", POLARITY).fit(TEXTS + ["x"], [*LABELS, "negative"])
    assert set(model.predict(["good"])) == {"negative"}


def test_log_count_ratio_by_hand():
    x, y = csr_matrix(np.array([[1, 0], [1, 1], [0, 1]])), np.array([1, 1, 0])
    ratio = baselines.NBSVM(alpha=1.0).fit(x, y).ratio_
    # positive counts + 1 = (3, 2), negative counts + 1 = (1, 2)
    np.testing.assert_allclose(ratio, np.log([(3 / 5) / (1 / 3), (2 / 5) / (2 / 3)]))


def test_several_classes_and_several_labels():
    three = LabelSet("t", ("a", "b", "c"))
    model = baselines.build("nbsvm", three).fit(["x x", "y y", "z z"] * 5, ["a", "b", "c"] * 5)
    assert list(model.predict(["z", "x"])) == ["c", "a"]
    multi = LabelSet("m", ("a", "b"), multi_label=True)
    model = baselines.build("tfidf-lr", multi).fit(["x q", "y q", "x y", "q"] * 5, [("a",), ("b",), ("a", "b"), ()] * 5)
    assert model.predict(["x y"]) == [("a", "b")]
    assert model.predict_proba(["x"]).shape == (1, 2)
    with pytest.raises(BadInput, match="commonest tuple"):
        baselines.build("majority", multi)
    with pytest.raises(BadInput, match="no probabilities: take predict"):
        baselines.build("tfidf-svm", multi).fit(["x q", "y q"] * 3, [("a",), ("b",)] * 3).predict_proba(["x"])


def test_bad_names():
    with pytest.raises(BadInput, match="majority, tfidf-lr"):
        baselines.build("svm", POLARITY)
    with pytest.raises(BadInput, match="binary"):
        baselines.NBSVM().fit(csr_matrix(np.eye(3)), np.array([0, 1, 2]))


def test_a_baseline_is_evaluated_on_the_test_split():
    split = SimpleNamespace(inputs=TEXTS, labels=LABELS)
    test = SimpleNamespace(inputs=["a good thing", "bad, very", "bad"], labels=["positive", "negative", "positive"])
    data = SimpleNamespace(train=split, test=test, label_set=POLARITY)
    assert baselines.evaluated(data).accuracy == pytest.approx(2 / 3)
    assert baselines.evaluated(data, "majority").n == 3
