"""scikit-learn's own tools drive the classifiers: searches, cross-validation, calibration, voting, stacking, checks."""

import random

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

from emorec import FaceClassifier, MultimodalClassifier, TextClassifier
from emorec.classifier import NotTrained, infer_classes
from emorec.errors import BadInput, LabelMismatch
from emorec.faces.augmentation import Augmenter
from emorec.labels import LabelSet
from emorec.text.encoded import Encoded


@pytest.fixture(scope="module", autouse=True)
def eager():
    """Dozens of tiny networks: tracing each would take longer than training it."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


WORDS = {"calm": "still", "glad": "sunny", "sad": "rainy"}
SMALL = dict(embedding_dim=4, epochs=2, learning_rate=0.1, batch_size=8, dropout=0.0, min_count=1)


class Quiet:
    """Trains without a line per epoch, which scikit-learn's tools have no argument for."""

    def fit(self, inputs, labels=None, *, sample_weight=None, **options):
        return super().fit(inputs, labels, sample_weight=sample_weight, **options | {"progress": None})


class Text(Quiet, TextClassifier):
    pass


class Face(Quiet, FaceClassifier):
    pass


def text(**options):
    return Text("none", "none", **SMALL | options)


def face(**options):
    return Face("lenet", **dict(size=24, width=2, augment="none", epochs=2, learning_rate=0.02, batch_size=8) | options)


def sentences(n=60):
    """Texts whose second word tells their label, sorted by label."""
    labels = np.repeat(list(WORDS), n // 3)
    return [f"a {WORDS[label]} day number{i % 7} {i}" for i, label in enumerate(labels)], labels


def pictures(n=60):
    """A bright bar in the top, middle or bottom third, sorted by label."""
    images = np.random.default_rng(0).integers(0, 80, (n, 24, 24), dtype="uint8")
    place = np.repeat([0, 1, 2], n // 3)
    for image, third in zip(images, place):
        image[8 * third : 8 * third + 8] += 150
    return images, np.array(["top", "middle", "bottom"])[place]


# ---------------------------------------------------------------------------------------- data sorted by label


@pytest.mark.slow
def test_cross_validation_is_stratified():
    assert is_classifier(text()) and is_classifier(face()) and is_classifier(MultimodalClassifier())
    scores = cross_validate(text(), *sentences(), cv=2, scoring=("accuracy", "roc_auc_ovr"))
    assert scores["test_accuracy"].min() > 0.6 and scores["test_roc_auc_ovr"].min() > 0.8
    assert cross_val_score(face(epochs=4), *pictures(), cv=2).min() > 0.6


def test_probabilities_of_cross_validation_are_in_the_order_of_the_classes():
    texts, labels = sentences()
    p = cross_val_predict(text(), texts, labels, cv=2, method="predict_proba")
    assert p.shape == (60, 3) and np.allclose(p.sum(axis=1), 1)
    assert (np.array(sorted(WORDS))[p.argmax(axis=1)] == labels).mean() > 0.6


@pytest.mark.slow
def test_a_grid_search_chooses_the_rate_that_learns():
    search = GridSearchCV(text(), {"learning_rate": [1e-6, 0.1]}, cv=2).fit(*sentences())
    assert search.best_params_ == {"learning_rate": 0.1} and search.score(*sentences()) > 0.9


@pytest.mark.slow
def test_calibration_voting_and_stacking():
    texts, labels = sentences()
    calibrated = CalibratedClassifierCV(text(), cv=2).fit(texts, labels)
    voting = VotingClassifier([("a", text()), ("b", text(seed=1))], voting="soft").fit(texts, labels)
    stacked = StackingClassifier([("a", text())], LogisticRegression(), cv=2).fit(texts, labels)
    for model in (calibrated, voting, stacked):
        assert (model.predict(texts) == labels).mean() > 0.8, type(model).__name__
        assert list(model.classes_) == sorted(WORDS)


# ------------------------------------------------------------------------------------------------ labels, weights


@pytest.mark.parametrize("values", [["calm", "glad", "sad"], [2, 10, 30], [False, True], [0.0, 1.0]])
def test_answers_are_of_the_kind_of_the_labels_before_and_after_a_file(values, tmp_path):
    texts, _ = sentences()
    labels = np.repeat(values, len(texts) // len(values))
    clf = text(epochs=4).fit(texts, labels)
    np.testing.assert_array_equal(clf.classes_, values)
    again = TextClassifier.load(_renamed(clf).save(tmp_path / "a.emorec"))
    for model in (clf, again):
        answers = model.predict(texts)
        assert isinstance(answers[0], (str, type(np.array(values)[0]))) and set(answers.tolist()) <= set(values)
        assert model.score(texts, labels) > 0.8
        assert model.evaluate(_split(texts, labels)).accuracy == model.score(texts, labels)
    assert (
        list(again.classes_) == values and again.explain(texts[0], target=values[0]).target == clf.label_set_.names[0]
    )


def _renamed(clf):
    """The classifier under the name that its file is read by."""
    plain = TextClassifier(**clf.get_params())
    plain.__dict__ = clf.__dict__
    return plain


def _split(texts, labels):
    from emorec.datasets.base import Split, objects

    return Split("test", objects(texts), objects(labels), objects(map(str, range(len(texts)))))


def test_classes_are_sorted_as_they_are_and_of_one_kind():
    names, classes = infer_classes(np.array([10, 9, 10]))
    assert names.names == ("9", "10") and classes.tolist() == [9, 10]
    assert infer_classes([np.True_, False])[1].dtype == bool
    for labels in ([1, "1"], [True, 1], [0.5, 1.5], [("a",), "a"]):
        with pytest.raises(LabelMismatch, match="of one kind"):
            infer_classes(labels)
    order = LabelSet("own", ("sad", "glad", "calm"))
    clf = text().fit(*sentences(), label_set=order)
    assert list(clf.classes_) == list(order)


@pytest.mark.slow
def test_a_weight_of_an_example_is_what_it_counts():
    texts = ["fine day"] * 40
    labels = ["no"] * 20 + ["yes"] * 20
    data = dict(validation=(texts, labels))
    for weights, answer in (([5] * 20 + [1] * 20, "no"), ([1] * 20 + [5] * 20, "yes")):
        clf = text(epochs=6).fit(texts, labels, sample_weight=weights, **data)
        assert clf.predict(texts[:1]).tolist() == [answer]
        assert clf.score(texts, labels, sample_weight=weights) == pytest.approx(5 / 6)
    by_class = text(epochs=6, class_weight={"yes": 5}).fit(texts, labels, **data)
    np.testing.assert_allclose(by_class.logits(texts[:1]), clf.logits(texts[:1]), atol=1e-5)
    images = np.full((40, 24, 24), 90, "uint8")
    data = dict(sample_weight=[1] * 20 + [9] * 20, validation=(images, labels))
    assert face(learning_rate=0.05, epochs=3).fit(images, labels, **data).predict_proba(images[:1])[0, 1] > 0.55
    for weights in ([1] * 39, [-1] + [1] * 39, [0] * 40, [np.nan] * 40):
        with pytest.raises(BadInput, match="sample_weight must be 40 finite numbers"):
            text().fit(texts, labels, sample_weight=weights)


def test_weights_of_mixed_pictures_are_mixed_as_their_labels_are():
    labels = np.eye(2, dtype="float32")[[0, 1] * 10]
    images = np.zeros((20, 24, 24), "uint8")
    _, targets, weights = Augmenter(images, labels, {"mixup": 0.5, "mix": 1.0}, weights=1 + 8 * labels[:, 1])(0)
    assert len(np.unique(targets[:, 1])) > 5
    np.testing.assert_allclose(weights, 1 + 8 * targets[:, 1], rtol=1e-5)


def test_settings_with_a_dict_of_numbers_are_kept_in_a_file(tmp_path):
    texts, _ = sentences()
    clf = TextClassifier("none", "none", **SMALL, class_weight={0: 1.0, 1: 2.0})
    clf.fit(texts, [0, 1] * 30, progress=None)
    assert TextClassifier.load(clf.save(tmp_path / "a.emorec")).class_weight == {0: 1.0, 1: 2.0}


# --------------------------------------------------------------------------------------------- ranges and seeds


@pytest.mark.fault(
    "Settings of a training out of their range: rates, epochs, patience, seeds, names",
    "`BadInput`, which names the setting, its value and its range",
)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 2.5}, "epochs must .* got 2.5"),
        ({"batch_size": -1}, "batch_size must .* got -1"),
        ({"patience": -1}, "patience must be a whole number of at least 0, got -1"),
        ({"learning_rate": -1}, "learning_rate must be a number above 0, to 10, got -1"),
        ({"learning_rate": 1e6}, "learning_rate must .* got 1000000.0"),
        ({"learning_rate": float("nan")}, "learning_rate must .* got nan"),
        ({"learning_rate": "fast"}, "learning_rate must .* got 'fast'"),
        ({"label_smoothing": 2}, "label_smoothing must be a number from 0 to 1, got 2"),
        ({"weight_decay": -1}, "weight_decay must be a number from 0 to 1, got -1"),
        ({"seed": -1}, "seed must be a whole number from 0 to 4294967295, got -1"),
        ({"schedule": "step"}, "schedule='step' is unknown"),
        ({"monitor": "auc"}, "monitor='auc' is unknown"),
    ],
)
@pytest.mark.parametrize("make", [text, face, lambda **o: MultimodalClassifier(**o)])
def test_numbers_out_of_range_are_refused_by_name(make, options, words):
    with pytest.raises(BadInput, match=words):
        make(**options).fit([], [])


@pytest.mark.fault("`patience=0`", "one epoch trains, at least; training stops after the first without improvement")
@pytest.mark.slow
def test_without_patience_training_stops_after_the_first_epoch_without_improvement():
    texts, labels = sentences()
    better = text(patience=0, epochs=3).fit(texts, labels, validation=(texts, labels))
    assert len(better.history_.epochs) == 3
    worse = text(patience=0, epochs=3).fit(texts, labels, validation=(texts, labels[::-1]), label_set=better.label_set_)
    assert len(worse.history_.epochs) == 2 and worse.history_.best_epoch == 0


@pytest.mark.fault(
    "Random numbers of your own around `fit`", "NumPy's and Python's global generators go on as if nothing had been"
)
def test_global_generators_go_on_as_if_nothing_had_been():
    random.seed(5), np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5), np.random.seed(5)
    first = text().fit(*sentences())
    assert (random.random(), np.random.random()) == expected
    np.testing.assert_array_equal(text().fit(*sentences()).logits(["a day"]), first.logits(["a day"]))


# ------------------------------------------------------------------------------------------ scikit-learn's checks


def test_a_classifier_without_training_says_so_to_both():
    for clf in (text(), face(), MultimodalClassifier()):
        with pytest.raises(NotFittedError):
            check_is_fitted(clf)
        with pytest.raises(NotTrained, match="not trained yet") as caught:
            clf._check_fitted()
        assert isinstance(caught.value, BadInput) and isinstance(caught.value, NotFittedError)
    check_is_fitted(clf := text(epochs=1).fit(*sentences()))
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(clf))


class Rows:
    """Rows of numbers in the place of texts or pictures, since scikit-learn's checks know no other input.

    What those ask of tables alone stands here: arguments by the names X and y, a fixed number of columns.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.three_d_array = tags.input_tags.string = False
        return tags

    def fit(self, X, y=None, sample_weight=None):
        validate_data(self, X)
        return super().fit(X, y, sample_weight=sample_weight)

    def score(self, X, y=None, sample_weight=None):
        return super().score(X, y, sample_weight)


class RowsAsTexts(Rows, Text):
    def _check(self, inputs):
        if isinstance(inputs, Encoded) or (isinstance(inputs, list) and isinstance(inputs[0], str)):
            return super()._check(inputs)  # read already
        rows = validate_data(self, inputs, reset=False)
        words = [[f"word{j}is{value:.0f}".replace("-", "minus") for j, value in enumerate(row)] for row in rows]
        return super()._check([" ".join(row) for row in words])


class RowsAsFaces(Rows, Face):
    def _check(self, inputs):
        if isinstance(inputs, np.ndarray) and inputs.ndim == 3:
            return super()._check(inputs)  # made already
        shades = ((128 + 40 * validate_data(self, inputs, reset=False)) % 256).astype("uint8")
        bars = np.stack([np.resize(row, 24) for row in shades])
        return super()._check(np.repeat(bars[:, :, None], 24, axis=2))


def rows_as_texts():
    return RowsAsTexts("none", "none", **SMALL)


def rows_as_faces():
    return RowsAsFaces("lenet", size=24, width=2, augment="none", epochs=1, batch_size=32)


EXPECTED_FAILURES = {
    "check_methods_subset_invariance": "float32: batches of other sizes differ by 2e-7, where 1e-7 is asked for",
    "check_sample_weight_equivalence_on_dense_data": "which examples share a step is random: leaving one out, in place "
    + "of weighing it 0, changes every step",
}


@pytest.mark.parametrize("make", [text, face])
def test_checks_that_need_no_data_pass(make):
    check_estimator(make(), on_skip=None)


@pytest.mark.slow
@pytest.mark.parametrize("make", [rows_as_texts, rows_as_faces])
def test_checks_of_classifiers_pass(make):
    check_estimator(make(), expected_failed_checks=EXPECTED_FAILURES, on_skip=None)
