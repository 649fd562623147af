"""Decision rules against numbers worked out by hand; stacking that never sees its own group."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from emorec.errors import BadInput
from emorec.multimodal import decisions

# Three modalities, one example, two classes; then one where the third is missing and holds garbage.
P = [np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]]), np.array([[0.4, 0.6]])]
GARBAGE = [P[0], P[1], np.array([[np.nan, 9.0]])]
TWO = [[True, True, False]]


@pytest.mark.parametrize(
    "rule, all_three, first_two",
    [
        ("mean", 1.7 / 3, 0.65),
        ("product", 0.144 / (0.144 + 0.036), 0.36 / (0.36 + 0.06)),
        ("bayes", 0.144 / (0.144 + 0.036), 0.36 / (0.36 + 0.06)),
        ("geometric", 4 ** (1 / 3) / (4 ** (1 / 3) + 1), 6**0.5 / (6**0.5 + 1)),
        ("max", 0.9 / 1.5, 0.9 / 1.5),
        ("vote", 1 / 3, 1 / 2),
    ],
)
def test_rules_by_hand(rule, all_three, first_two):
    result = decisions.combine(rule, P)
    np.testing.assert_allclose(result, [[all_three, 1 - all_three]], atol=1e-5)
    np.testing.assert_allclose(decisions.combine(rule, GARBAGE, TWO), [[first_two, 1 - first_two]], atol=1e-5)
    for alone in range(3):  # one modality alone is believed as it is, except by the vote
        here = np.arange(3)[None] == alone
        expected = P[alone] if rule != "vote" else np.eye(2)[[P[alone].argmax()]]
        np.testing.assert_allclose(decisions.combine(rule, P, here), expected, atol=1e-5)


def test_weighted_and_its_renewal_over_present_modalities():
    result = decisions.weighted(P, weights=[2, 1, 1])
    np.testing.assert_allclose(result, [[(1.8 + 0.8) / 4, (0.2 + 1.2) / 4]])
    result = decisions.weighted(GARBAGE, TWO, weights=[2, 1, 1])
    np.testing.assert_allclose(result, [[(1.8 + 0.4) / 3, (0.2 + 0.6) / 3]])


def test_bayes_divides_the_prior_out_once():
    """Two coins read the same class; with prior 0.2 each posterior holds it, and the product must not twice."""
    prior = np.array([0.2, 0.8])
    likelihood = np.array([[0.9, 0.3], [0.7, 0.4]])  # p(x_m | class)
    posteriors = [(prior * row / (prior * row).sum())[None] for row in likelihood]
    expected = prior * likelihood.prod(axis=0)
    np.testing.assert_allclose(decisions.bayes(posteriors, prior=prior), [expected / expected.sum()], rtol=1e-6)


def test_vote_breaks_ties_by_the_mean():
    result = decisions.vote([np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])])
    assert result.argmax() == 1 and abs(result[0, 1] - 0.5) < 1e-5


def test_a_zero_is_no_veto_that_breaks_the_numbers():
    result = decisions.product([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])])
    np.testing.assert_allclose(result, [[0.5, 0.5]])


def test_errors():
    with pytest.raises(BadInput, match="mean, weighted, product"):
        decisions.combine("average", P)
    with pytest.raises(BadInput, match="one shape"):
        decisions.mean([P[0], np.ones((1, 3)) / 3])
    with pytest.raises(BadInput, match="sum to 1"):
        decisions.mean([np.array([[2.0, 3.0]])] * 2)
    with pytest.raises(BadInput, match="no modality"):
        decisions.mean(P, [[0, 0, 0]])
    with pytest.raises(BadInput, match="0 and 1 only, not .*nan"):
        decisions.mean(P, [[1, np.nan, 1]])
    with pytest.raises(BadInput, match=r"\(1, 3\)"):
        decisions.mean(P, [[1, 1, 1]] * 2)
    with pytest.raises(BadInput, match="weights"):
        decisions.weighted(P, weights=[1, 1])
    with pytest.raises(BadInput, match="give 0 to every"):
        decisions.weighted(P, TWO, weights=[0, 0, 1])
    with pytest.raises(BadInput, match="prior"):
        decisions.bayes(P, prior=[0.5, 0.6])


def test_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20000, 3)) * 1.5
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # a draw from softmax(logits)
    sharp = np.exp(3 * logits)
    assert decisions.temperature(sharp / sharp.sum(axis=1, keepdims=True), y) == pytest.approx(3, rel=0.05)


class Remembers(ClassifierMixin, BaseEstimator):
    """Knows the class of every group it has seen, and nothing of others."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.seen_ = dict(zip(x[:, 0], y))
        return self

    def predict_proba(self, x):
        guess = np.array([self.seen_.get(g, -1) for g in x[:, 0]])
        return np.where(guess[:, None] < 0, 0.5, np.eye(2)[guess] * 0.98 + 0.01)

    def predict(self, x):
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


def planted(n=600, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n // 10), 10)
    y = (groups % 2).astype(int)
    signal = (2 * y - 1)[:, None] * 0.7 + rng.normal(size=(n, 1))
    return {"id": groups[:, None].astype(float), "signal": signal}, np.array(["no", "yes"])[y], groups


def test_stacking_trusts_what_holds_out_of_fold():
    inputs, labels, groups = planted()
    models = {"id": Remembers(), "signal": LogisticRegression()}
    stack = decisions.Stacking(models).fit(inputs, labels, groups)
    assert np.allclose(stack.out_of_fold_["id"], 0.5)  # its own group was never among its training data
    test_inputs, test_labels, _ = planted(seed=1)
    test_inputs["id"] = test_inputs["id"] + 1000
    accuracy = (stack.predict(test_inputs) == test_labels).mean()
    alone = LogisticRegression().fit(inputs["signal"], labels).score(test_inputs["signal"], test_labels)
    assert accuracy == pytest.approx(alone, abs=0.02) and alone > 0.7
    # without groups the leak is believed
    leaky = decisions.Stacking(models).fit(inputs, labels)
    assert abs(leaky.top_.coef_[0, 0]) > 10 * abs(stack.top_.coef_[0, 0]) + 0.1


def test_stacking_with_missing_modalities():
    inputs, labels, groups = planted()
    inputs["other"] = inputs["signal"] + np.random.default_rng(2).normal(size=(600, 1))
    del inputs["id"]
    models = {"signal": LogisticRegression(), "other": LogisticRegression()}
    presence = np.ones((600, 2), bool)
    presence[::3, 0] = False
    inputs["signal"][::3] = np.nan
    stack = decisions.Stacking(models).fit(inputs, labels, groups, presence)
    p = stack.predict_proba(inputs, presence)
    assert np.isfinite(p).all() and np.allclose(p.sum(axis=1), 1)
    assert (stack.predict(inputs, presence) == labels).mean() > 0.65
    with pytest.raises(BadInput, match="no \\['other'\\]"):
        stack.predict({"signal": inputs["signal"]})
    with pytest.raises(BadInput, match="fewer folds"):
        decisions.Stacking(models, folds=100).fit(inputs, labels, groups, presence)
    for refuses in (
        lambda: stack.predict(inputs, 0 * presence),
        lambda: stack.fit(inputs, labels, groups, 0 * presence),
    ):
        with pytest.raises(BadInput, match="no modality at all"):
            refuses()


def test_stacking_where_a_class_never_has_some_modality():
    inputs, labels, groups = planted()
    inputs["other"] = inputs["signal"] + 1
    presence = np.ones((600, 2), bool)
    rare = np.random.default_rng(3).random(600) < 0.2
    labels[rare], presence[rare, 1] = "nil", False
    models = {"signal": LogisticRegression(), "other": LogisticRegression()}
    stack = decisions.Stacking(models).fit(inputs, labels, groups, presence)
    p = stack.predict_proba(inputs, presence)
    assert list(stack.classes_) == ["nil", "no", "yes"] and np.allclose(p.sum(axis=1), 1)
    assert (stack.out_of_fold_["other"][~rare, 0] == 0).all() and np.isnan(stack.out_of_fold_["other"][rare]).all()
    with pytest.raises(BadInput, match="with other are of one class"):
        stack.fit(inputs, labels, groups, np.stack([presence[:, 0], labels == "no"], axis=1))
