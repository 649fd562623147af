"""Linear baselines for texts: no claim for a neural model without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from emorec.errors import BadInput
from emorec.text.tokens import tokenise
from emorec.types import Values

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from emorec.labels import LabelSet
    from emorec.metrics import Evaluation

NAMES = ("majority", "tfidf-lr", "tfidf-svm", "nbsvm")


class NBSVM(ClassifierMixin, BaseEstimator):
    """Linear SVM on binarised n-grams scaled by naive Bayes' log-count ratios (Wang & Manning 2012, eq. 3-5).

    Binary; `build` wraps it one-versus-rest. The weights are interpolated with their mean magnitude.

    Args:
        C: Inverse regularisation of the SVM.
        alpha: Smoothing of the counts.
        beta: Share of the SVM in the interpolation; 1 is a plain SVM on scaled features.

    Example:
        >>> from sklearn.feature_extraction.text import CountVectorizer
        >>> x = CountVectorizer().fit_transform(["good film", "bad film", "good", "bad"])
        >>> NBSVM().fit(x, np.array(["pos", "neg", "pos", "neg"])).predict(x).tolist()
        ['pos', 'neg', 'pos', 'neg']
    """

    def __init__(self, C: float = 0.1, alpha: float = 1.0, beta: float = 0.25) -> None:
        self.C, self.alpha, self.beta = C, alpha, beta

    def fit(self, x: csr_matrix, y: Values) -> NBSVM:
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            raise BadInput(f"NBSVM is binary; received classes {list(self.classes_)}. Wrap it one-versus-rest.")
        positive = np.asarray(y) == self.classes_[1]
        p = self.alpha + np.asarray(x[positive].sum(axis=0)).ravel()
        q = self.alpha + np.asarray(x[~positive].sum(axis=0)).ravel()
        self.ratio_ = np.log((p / p.sum()) / (q / q.sum()))
        svm = LinearSVC(C=self.C).fit(x.multiply(self.ratio_).tocsr(), positive)
        weights = svm.coef_.ravel()
        self.coef_ = (1 - self.beta) * np.abs(weights).mean() + self.beta * weights
        self.intercept_ = self.beta * svm.intercept_[0]
        return self

    def decision_function(self, x: csr_matrix) -> np.ndarray:
        return x.multiply(self.ratio_).tocsr() @ self.coef_ + self.intercept_

    def predict(self, x: csr_matrix) -> np.ndarray:
        return self.classes_[(self.decision_function(x) > 0).astype(int)]


def evaluated(data: Any, name: str = "tfidf-lr") -> Evaluation:
    """The evaluation of a baseline that was trained on the training split, on the test split.

    Args:
        data: A dataset of texts with one label each (`emorec.datasets.load`).
        name: See `build`.

    Example:
        >>> evaluated(emorec.datasets.load("sample-sentences")).accuracy  # doctest: +SKIP
        0.758
    """
    from emorec import metrics

    baseline = build(name, data.label_set).fit(list(data.train.inputs), data.train.labels)
    return metrics.evaluate(data.test.labels, baseline.predict(list(data.test.inputs)), data.label_set)


class _MultiLabel(BaseEstimator):
    """Trains a pipeline one-versus-rest on tuples of names, and predicts tuples of names."""

    def __init__(self, pipeline, names):
        self.pipeline, self.names = pipeline, names

    def fit(self, texts, labels):
        self.binarizer_ = MultiLabelBinarizer(classes=list(self.names))
        self.pipeline.fit(texts, self.binarizer_.fit_transform(labels))
        return self

    def predict(self, texts):
        return self.binarizer_.inverse_transform(self.pipeline.predict(texts))

    def predict_proba(self, texts):
        if not hasattr(self.pipeline, "predict_proba"):
            raise BadInput("This baseline only decides, it has no probabilities: take predict, or 'tfidf-lr'.")
        return self.pipeline.predict_proba(texts)


def build(name: str, label_set: LabelSet) -> BaseEstimator:
    """An untrained scikit-learn pipeline from raw texts to class names.

    Args:
        name: ``majority``, ``tfidf-lr``, ``tfidf-svm`` (uni- and bigrams) or ``nbsvm`` (binarised uni- and bigrams).
        label_set: The classes; multi-label sets are trained one-versus-rest, and have no ``majority``.

    Raises:
        BadInput: An unknown name; ``majority`` of a multi-label set.
    """
    grams = dict(tokenizer=tokenise, token_pattern=None, lowercase=False, ngram_range=(1, 2))
    if name == "majority":
        if label_set.multi_label:
            raise BadInput("Several labels have no majority class: score the commonest tuple of labels instead.")
        return DummyClassifier(strategy="most_frequent")
    if name == "tfidf-lr":
        steps = [TfidfVectorizer(min_df=2, sublinear_tf=True, **grams), LogisticRegression(C=10, max_iter=2000)]
    elif name == "tfidf-svm":
        steps = [TfidfVectorizer(min_df=2, sublinear_tf=True, **grams), LinearSVC(C=0.5)]
    elif name == "nbsvm":
        steps = [CountVectorizer(binary=True, **grams), NBSVM()]
    else:
        raise BadInput(f"There is no baseline {name!r}; choose one of {', '.join(NAMES)}.")
    if label_set.multi_label:
        steps[-1] = OneVsRestClassifier(steps[-1])
        return _MultiLabel(make_pipeline(*steps), label_set.names)
    if name == "nbsvm" and len(label_set) > 2:
        steps[-1] = OneVsRestClassifier(steps[-1])
    return make_pipeline(*steps)
