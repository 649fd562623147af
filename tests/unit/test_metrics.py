"""Scores against numbers worked out by hand and against scikit-learn; intervals against theory."""

import json

import numpy as np
import pytest

from emorec import metrics
from emorec.errors import BadInput, LabelMismatch
from emorec.labels import EMOTIONS7, POLARITY, LabelSet

ABC = LabelSet("abc", ("a", "b", "c"))
TAGS = LabelSet("tags", ("x", "y"), multi_label=True)


def names(text):
    return np.array(list(text), dtype=object)


def random_labels(n=400, seed=0, right=0.6):
    rng = np.random.default_rng(seed)
    true = rng.choice(np.array(EMOTIONS7.names, dtype=object), n)
    other = rng.choice(np.array(EMOTIONS7.names, dtype=object), n)
    return true, np.where(rng.random(n) < right, true, other)


def test_scores_worked_out_by_hand():
    # class a: 3 true, 2 found; class b: 2 true, 1 found; class c: 1 true, found, and one b called c
    e = metrics.evaluate(names("aaabbc"), names("aabbcc"), ABC)
    assert e.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert e.accuracy == pytest.approx(4 / 6)
    assert e.per_class.recall.tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert e.per_class.precision.tolist() == pytest.approx([1, 1 / 2, 1 / 2])
    assert e.per_class.f1.tolist() == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert e.per_class.n.tolist() == [3, 2, 1]
    assert e.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert e.macro_recall == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert e.weighted_f1 == pytest.approx((3 * 4 / 5 + 2 * 1 / 2 + 2 / 3) / 6)
    assert e.majority == {"label": "a", "accuracy": 0.5, "macro_f1": pytest.approx(2 / 9),
                          "macro_recall": pytest.approx(1 / 3)}  # fmt: skip


def test_swapping_truth_and_prediction_is_seen():
    e = metrics.evaluate(names("aaab"), names("abab"), ABC)
    f = metrics.evaluate(names("abab"), names("aaab"), ABC)
    assert e.confusion.tolist() == f.confusion.T.tolist() != f.confusion.tolist()
    assert e.per_class.n["a"] == 3 and f.per_class.n["a"] == 2


def test_agrees_with_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, log_loss

    true, predicted = random_labels()
    p = np.random.default_rng(1).dirichlet(np.ones(7), len(true))
    e = metrics.evaluate(true, predicted, EMOTIONS7, probabilities=p)
    order = list(EMOTIONS7.names)
    assert (e.confusion == confusion_matrix(true, predicted, labels=order)).all()
    assert e.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))
    assert e.weighted_f1 == pytest.approx(f1_score(true, predicted, average="weighted"))
    assert e.macro_recall == pytest.approx(balanced_accuracy_score(true, predicted))
    columns = [order.index(name) for name in sorted(order)]
    assert e.log_loss == pytest.approx(log_loss(true, p[:, columns], labels=sorted(order)))


def test_a_class_absent_from_the_truth_keeps_its_row():
    e = metrics.evaluate(names("aab"), names("aab"), ABC)
    assert list(e.per_class.index) == ["a", "b", "c"] and e.per_class.n["c"] == 0
    assert np.isnan(e.per_class.recall["c"])
    assert e.macro_f1 == 1.0  # a class that neither occurs nor is predicted says nothing
    predicted = metrics.evaluate(names("aab"), names("aac"), ABC)
    assert predicted.per_class.f1["c"] == 0.0 and predicted.macro_recall == pytest.approx(1 / 2)


def test_spellings_are_unified_and_unknown_names_refused():
    assert metrics.evaluate(["pos", "negative"], ["positive", "neg"], POLARITY).accuracy == 1.0
    with pytest.raises(LabelMismatch, match="joy.*polarity"):
        metrics.evaluate(["joy"], ["positive"], POLARITY)
    for wrong in (1, ["positive"]):
        with pytest.raises(LabelMismatch, match="Unknown label"):
            POLARITY.encode([wrong])


@pytest.mark.parametrize(
    "arguments",
    [
        (["a"], ["a", "b"], ABC),
        ([], [], ABC),
        (["a"], [[0.1, 0.9]], ABC),
        ([("x",)], [("x",)], TAGS),
    ],
)
def test_bad_input_is_refused(arguments):
    with pytest.raises(BadInput):
        metrics.evaluate(*arguments)


@pytest.mark.parametrize("bad", [[[3.0, -1.0, 0.2]], [[0.5, 0.5]], [[0.5, 0.2, 0.2]], [[np.nan, 0.5, 0.5]]])
def test_probabilities_that_are_none_are_refused(bad):
    with pytest.raises(BadInput, match="[Pp]robabilities"):
        metrics.evaluate(["a"], ["a"], ABC, probabilities=bad)


def test_the_report_is_plain_json_and_readable():
    e = metrics.evaluate(names("aab"), names("aab"), ABC, probabilities=np.eye(3)[[0, 0, 1]])
    back = json.loads(json.dumps(e.to_dict(), allow_nan=False))
    assert back["metrics"]["accuracy"][0] == 1.0 and len(back["metrics"]["macro_f1"]) == 3
    assert back["per_class"]["c"] == {"precision": None, "recall": None, "f1": None, "n": 0}
    assert back["metrics"]["log_loss"] == pytest.approx(0.0)
    assert "always a" in str(e) and "always a" in e._repr_html_() and "<table" in e._repr_html_()
    report = metrics.evaluate(["<b>"], ["<b>"], LabelSet("odd", ("<b>", "c")))
    assert "<b>" not in report._repr_html_().replace("<body", "")


# ------------------------------------------------------------------------------------------------ intervals


def test_the_bootstrap_gives_the_binomial_spread():
    true = np.array(["a"] * 400, dtype=object)
    predicted = np.array(["a"] * 320 + ["b"] * 80, dtype=object)
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    low, high = metrics.bootstrap_interval("accuracy", true, predicted)
    assert low == pytest.approx(0.8 - half, abs=0.006) and high == pytest.approx(0.8 + half, abs=0.006)

    def accuracy(a, b):
        return (a == b).mean()

    slow = metrics.bootstrap_interval(accuracy, true, predicted, samples=1000)
    assert slow == pytest.approx((low, high), abs=0.01)
    assert metrics.evaluate(true, predicted, ABC).accuracy_interval == pytest.approx((low, high), abs=0.006)


def test_the_bootstrap_repeats_itself():
    true, predicted = random_labels()
    first = metrics.evaluate(true, predicted, EMOTIONS7)
    assert first.to_dict() == metrics.evaluate(true, predicted, EMOTIONS7).to_dict()
    assert first.macro_f1_interval != metrics.evaluate(true, predicted, EMOTIONS7, seed=1).macro_f1_interval


def test_macro_f1_interval_is_that_of_resampled_examples():
    from sklearn.metrics import f1_score

    true, predicted = random_labels()

    def macro(a, b):
        return f1_score(a, b, average="macro")

    slow = metrics.bootstrap_interval(macro, true, predicted, samples=300)
    assert metrics.evaluate(true, predicted, EMOTIONS7).macro_f1_interval == pytest.approx(slow, abs=0.015)

    def weighted(y, p):
        return f1_score(y, p, average="weighted", zero_division=0)

    slow = metrics.bootstrap_interval(weighted, true, predicted, samples=300)
    assert metrics.evaluate(true, predicted, EMOTIONS7).weighted_f1_interval == pytest.approx(slow, abs=0.015)


@pytest.mark.parametrize("metric", ["accuracy", lambda a, b: (a == b).mean()])
def test_groups_are_resampled_whole(metric):
    # 40 people with 10 equal answers each: the truth is in 40 values, so the interval is sqrt(10) times wider
    people = np.repeat(np.arange(40), 10)
    true = np.array(["a"] * 400, dtype=object)
    predicted = np.repeat(np.array(["a"] * 30 + ["b"] * 10, dtype=object), 10)
    alone = np.ptp(metrics.bootstrap_interval(metric, true, predicted, samples=800))
    grouped = np.ptp(metrics.bootstrap_interval(metric, true, predicted, groups=people, samples=800))
    assert grouped / alone == pytest.approx(np.sqrt(10), rel=0.15)
    e = metrics.evaluate(true, predicted, ABC, groups=people.astype(str).astype(object))
    assert np.ptp(e.accuracy_interval) == pytest.approx(grouped, rel=0.15)
    assert np.ptp(e.macro_f1_interval) > 2 * np.ptp(metrics.evaluate(true, predicted, ABC).macro_f1_interval)


def test_no_error_in_ten_is_no_certainty():
    e = metrics.evaluate(["a"] * 10, ["a"] * 10, ABC)
    assert e.accuracy_interval == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_wilson():
    assert metrics.wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    with pytest.raises(BadInput):
        metrics.wilson_interval(3, 0)


def test_mean_interval_of_three_seeds():
    mean, low, high = metrics.mean_interval([1.0, 2.0, 3.0])  # t(0.975, 2) = 4.3027, s = 1
    assert (mean, low, high) == pytest.approx((2.0, 2 - 4.3027 / np.sqrt(3), 2 + 4.3027 / np.sqrt(3)), abs=1e-4)
    with pytest.raises(BadInput, match="at least 2"):
        metrics.mean_interval([1.0])


def test_interval_over_seeds_lies_between_its_two_limits():
    known = metrics.seeds_interval([0.7], 0.01**2)  # one seed, or equal ones: the sampling error alone
    assert known == pytest.approx((0.7, 0.7 - 1.96 * 0.01, 0.7 + 1.96 * 0.01), abs=1e-4)
    assert metrics.seeds_interval([0.7, 0.7], 0.01**2) == pytest.approx(known)
    seeds = [1.0, 2.0, 3.0]  # a test split without end: Student's t over the seeds
    assert metrics.seeds_interval(seeds, 0.0) == pytest.approx(metrics.mean_interval(seeds))


# ---------------------------------------------------------------------------------------------- multi label


def test_multilabel_scores_worked_out_by_hand():
    p = [[0.9, 0.9], [0.8, 0.2], [0.3, 0.6], [0.1, 0.1]]
    true = [("x", "y"), ("y",), ("y",), ()]
    e = metrics.evaluate_multilabel(true, p, [0.5, 0.5], TAGS)
    # x: called 2, true 1, hit 1 -> F1 2/3; y: called 2, true 3, hit 2 -> F1 4/5; 3 hits, 4 called, 4 true
    assert e.per_class.f1.tolist() == pytest.approx([2 / 3, 4 / 5])
    assert e.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2) and e.micro_f1 == pytest.approx(6 / 8)
    assert e.exact_match == pytest.approx(3 / 4)
    assert json.loads(json.dumps(e.to_dict(), allow_nan=False))["thresholds"]["x"] == 0.5
    assert "macro-F1" in str(e) and "<table" in e._repr_html_()
    nothing = metrics.evaluate_multilabel([(), ()], [[0.1, 0.1]] * 2, 0.5, TAGS)
    assert json.loads(json.dumps(nothing.to_dict(), allow_nan=False))["metrics"]["macro_f1"] is None
    assert nothing.summary().iloc[0].tolist() == ["–", "–", "100.0 %"]
    with pytest.raises(BadInput, match="evaluate"):
        metrics.evaluate_multilabel([("a",)], [[1, 0, 0]], 0.5, ABC)


def test_multilabel_agrees_with_scikit_learn_and_covers_itself():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    truth = rng.random((500, 2)) < 0.3
    p = np.clip(truth * 0.4 + rng.random((500, 2)) * 0.6, 0, 1)
    e = metrics.evaluate_multilabel(TAGS.decode(truth), p, 0.5, TAGS)
    assert e.macro_f1 == pytest.approx(f1_score(truth, p >= 0.5, average="macro"))
    assert e.micro_f1 == pytest.approx(f1_score(truth, p >= 0.5, average="micro"))
    draws = [rng.integers(0, 500, 500) for _ in range(300)]
    slow = np.percentile([f1_score(truth[d], p[d] >= 0.5, average="macro") for d in draws], [2.5, 97.5])
    assert e.macro_f1_interval == pytest.approx(tuple(slow), abs=0.012)


def test_thresholds_are_the_best_ones():
    true = np.array([[1, 0], [1, 0], [0, 0], [0, 0]])
    p = np.array([[0.40, 0.9], [0.30, 0.1], [0.20, 0.1], [0.05, 0.1]])
    thresholds = metrics.tune_thresholds(true, p)
    assert thresholds.tolist() == pytest.approx([0.25, 0.5])  # midway between 0.30 and 0.20; nothing to tune


def test_no_other_threshold_is_better():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(3)
    truth = (rng.random((200, 1)) < 0.2).astype(int)
    p = np.round(np.clip(truth * 0.2 + rng.random((200, 1)) * 0.8, 0, 1), 2)  # rounded: many ties
    best = f1_score(truth[:, 0], p[:, 0] >= metrics.tune_thresholds(truth, p)[0])
    assert best == pytest.approx(max(f1_score(truth[:, 0], p[:, 0] >= t) for t in np.linspace(0, 1, 201)))


def test_class_weights():
    assert metrics.class_weights(list("aaab"), ABC).tolist() == pytest.approx([4 / 6, 4 / 2, 1.0])
    tags = [("x", "y"), ("y",), ("y",), ()]
    assert metrics.class_weights(tags, TAGS).tolist() == pytest.approx([3.0, 1 / 3])
    with pytest.raises(BadInput):
        metrics.class_weights([], ABC)


# ---------------------------------------------------------------------------------------------- calibration


def test_calibration_error_worked_out_by_hand():
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.35, 0.65]])
    table = metrics.reliability_table([0, 1, 0, 1], p, bins=10)
    assert table.n.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert table.accuracy[9] == 0.5 and table.confidence[9] == pytest.approx(0.95)
    assert np.isnan(table.accuracy[0])
    expected = 0.5 * 0.45 + 0.5 * 0.35  # sure of 95 %, right half of the time; sure of 65 %, always right
    assert metrics.expected_calibration_error([0, 1, 0, 1], p, bins=10) == pytest.approx(expected)


def test_a_certain_prediction_falls_into_the_last_bin():
    assert metrics.reliability_table([0], [[1.0, 0.0]], bins=10).n.tolist() == [0] * 9 + [1]


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_temperature_is_fitted(multi_label):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3)) * 2
    p = metrics.probabilities(logits, multi_label)
    y = (rng.random(p.shape) < p).astype(int) if multi_label else (rng.random((len(p), 1)) > p.cumsum(1)).sum(1)
    assert metrics.fit_temperature(3 * logits, y) == pytest.approx(3.0, rel=0.05)
    assert metrics.fit_temperature(0.5 * logits, y) == pytest.approx(0.5, rel=0.05)


def test_temperature_brings_overconfidence_down():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5000, 3))
    y = (rng.random((5000, 1)) > metrics.probabilities(logits).cumsum(1)).sum(1)
    hot, t = 4 * logits, metrics.fit_temperature(4 * logits, y)
    before, after = (metrics.expected_calibration_error(y, metrics.probabilities(hot, temperature=x)) for x in (1, t))
    assert after < 0.03 < 0.15 < before


# ---------------------------------------------------------------------------------------------- comparisons


def test_the_corrected_t_test_by_hand():
    # mean 2.5, variance 5/3, se = sqrt((1/4 + 1/9) * 5/3) = 0.775791, t = 3.222517, t(0.975, 3) = 3.182446
    c = metrics.corrected_t_test([1.0, 2.0, 3.0, 4.0], 1 / 9)
    assert c.difference == 2.5 and c.df == 3 and c.t == pytest.approx(3.222517, abs=1e-5)
    assert (c.low, c.high) == pytest.approx((2.5 - 3.182446 * 0.775791, 2.5 + 3.182446 * 0.775791), abs=1e-4)
    assert c.p == pytest.approx(0.0485, abs=1e-3)


def test_without_overlap_it_is_the_plain_t_test_and_overlap_costs():
    from scipy.stats import ttest_1samp

    d = np.random.default_rng(0).normal(0.5, 1, 10)
    plain = metrics.corrected_t_test(d, 0.0)
    assert plain.p == pytest.approx(ttest_1samp(d, 0).pvalue)
    assert metrics.corrected_t_test(d, 1 / 9).p > plain.p


def test_differences_without_spread():
    assert metrics.corrected_t_test([0.0, 0.0], 1 / 9).p == 1.0
    c = metrics.corrected_t_test([0.1, 0.1, 0.1], 1 / 9)
    assert c.p == 0.0 and c.low == c.high == pytest.approx(0.1)
    with pytest.raises(BadInput):
        metrics.corrected_t_test([0.1, float("nan")], 1 / 9)


def test_holm():
    assert metrics.holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert metrics.holm([]).tolist() == []
    with pytest.raises(BadInput):
        metrics.holm([1.2])


def test_mcnemar_counts_only_disagreement():
    true = np.array(["a"] * 20, dtype=object)
    first = np.array(["a"] * 10 + ["b"] + ["a"] * 9, dtype=object)
    second = np.array(["a"] * 11 + ["b"] * 9, dtype=object)
    result = metrics.mcnemar(true, first, second)
    assert (result.only_first, result.only_second) == (9, 1)
    assert result.p == pytest.approx(2 * 11 / 1024)  # twice P(at most 1 of 10 coins)


def test_gains_by_hand():
    truth = ["a"] * 30
    answers = {"plain": ["b"] * 15 + ["a"] * 15, "better": ["a"] * 30, "same": ["b"] * 15 + ["a"] * 15}
    table = metrics.gains(truth, answers, "plain").set_index("label")
    assert table.estimate.to_dict() == {"better": 50.0, "same": 0.0}
    assert table.p["better"] == pytest.approx(2 * 2 * 0.5**15)  # exact, and one of two questions
    assert table.low["better"] < 50 < table.high["better"] and table.low["same"] == table.high["same"] == 0
    with pytest.raises(BadInput, match="another classifier"):
        metrics.gains(truth, {"plain": truth}, "plain")


# --- scores of sentiment, -3 to 3


def test_intensity_by_hand():
    true, predicted = [-2.0, -0.4, 0.0, 1.0, 3.0], [-1.0, 0.2, -0.2, 1.4, 2.0]
    scores = metrics.intensity(true, predicted)
    assert scores.mae == pytest.approx((1 + 0.6 + 0.2 + 0.4 + 1) / 5)
    # Deviations from the means 0.32 and 0.48: -2.32 -0.72 -0.32 0.68 2.68, and -1.48 -0.28 -0.68 0.92 1.52
    top = 3.4336 + 0.2016 + 0.2176 + 0.6256 + 4.0736
    assert scores.correlation == pytest.approx(top / np.sqrt(13.648 * 5.888), abs=1e-6)
    assert scores.acc7 == pytest.approx(3 / 5)  # -0.4 and 0.2 are both 0, 0.0 and -0.2 both 0, 1.0 and 1.4 both 1
    assert scores.acc5 == pytest.approx(4 / 5)  # 3.0 counts as 2
    # Not negative: true 0 0 1 1 1, predicted 0 1 0 1 1. F1 of 0: 2 * 1 / (2 + 2), of 1: 2 * 2 / (3 + 3)
    assert scores.acc2_non_negative == pytest.approx(3 / 5)
    assert scores.f1_non_negative == pytest.approx(2 / 5 * 1 / 2 + 3 / 5 * 2 / 3)
    # Without the zero: true 0 0 1 1, predicted 0 1 1 1. F1 of 0: 2 / (2 + 1), of 1: 4 / (2 + 3)
    assert scores.acc2_positive == pytest.approx(3 / 4) and scores.n_not_zero == 4
    assert scores.f1_positive == pytest.approx(1 / 2 * 2 / 3 + 1 / 2 * 4 / 5)


def test_intensity_of_a_constant_and_of_nothing():
    flat = metrics.intensity([0.0, 0.0], [0.0, 0.1])
    assert np.isnan(flat.correlation) and np.isnan(flat.acc2_positive) and np.isnan(flat.f1_positive)
    assert flat.acc7 == 1 and flat.n_not_zero == 0
    for wrong in (([1.0], [1.0, 2.0]), ([], []), ([np.nan], [0.0]), ([0.0], [np.inf])):
        with pytest.raises(BadInput):
            metrics.intensity(*wrong)


def test_f1_is_weighted_by_the_true_labels_not_by_the_predicted_ones():
    true, predicted = [1.0, 1.0, 1.0, -1.0], [1.0, -1.0, -1.0, -1.0]
    f1_negative, f1_positive = 2 * 1 / (1 + 3), 2 * 1 / (3 + 1)
    assert metrics.intensity(true, predicted).f1_positive == pytest.approx(f1_negative / 4 + 3 * f1_positive / 4)
    true, predicted = [1.0, 1.0, -1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 1.0, -1.0]
    swapped = 4 / 5 * (2 * 2 / 6) + 1 / 5 * (2 * 1 / 4)
    right = 2 / 5 * (2 * 2 / 6) + 3 / 5 * (2 * 1 / 4)
    assert metrics.intensity(true, predicted).f1_positive == pytest.approx(right) != pytest.approx(swapped)


def test_unweighted_average_recall_by_hand():
    names = LabelSet("three", ("a", "b", "c"))
    scores = metrics.evaluate(["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "b", "c", "c"], names)
    assert scores.macro_recall == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
