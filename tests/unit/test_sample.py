"""The bundled sample: enough of it, no copies, and neither noise nor a give-away."""

import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import cross_val_score

from emorec import baselines, datasets
from emorec.text.tokens import sentence_spans, tokenise

# Words that name a class outright, by stem.
NAMING = {
    "anger": r"ang(er|ry|rily)|furi|rage|enrag|mad\b|outrag|livid|fuming|irate",
    "disgust": r"disgust|gross|revolt|repuls|vile|nause|yuck|ew+\b",
    "fear": r"fear|afraid|scar(ed|y|ing)|terrif|terror|panic|fright|dread",
    "happiness": r"happ|joy|delight|glad|cheerful|thrill|wonderful|love",
    "sadness": r"sad|grief|griev|mourn|lonel|misera|cry|cried|tears|heartbr",
    "surprise": r"surpris|shock|astonish|amaz|unexpect|unbeliev|stun",
    "neutral": r"neutral",
}


@pytest.fixture(scope="module")
def sentences():
    data = datasets.load("sample-sentences")
    parts = (data.train, data.validation, data.test)
    return [t for p in parts for t in p.inputs], np.array([x for p in parts for x in p.labels]), data


@pytest.fixture(scope="module")
def reviews():
    data = datasets.load("sample-reviews")
    parts = (data.train, data.validation, data.test)
    return [t for p in parts for t in p.inputs], np.array([x for p in parts for x in p.labels]), data


def test_counts(sentences, reviews):
    assert min(Counter(sentences[1]).values()) >= 200 and len(Counter(sentences[1])) == 7
    assert len(sentences[0]) >= 1400
    assert Counter(reviews[1]) == {"positive": 160, "negative": 160}
    assert all(3 <= len(sentence_spans(tokenise(t))) <= 9 for t in reviews[0])


@pytest.mark.parametrize("which", ["sentences", "reviews"])
def test_no_near_duplicates(which, request):
    texts = request.getfixturevalue(which)[0]
    words = CountVectorizer(binary=True).fit_transform(texts).astype("float32")
    shared = (words @ words.T).toarray()
    size = shared.diagonal()
    similarity = shared / (size[:, None] + size[None, :] - shared)
    np.fill_diagonal(similarity, 0)
    assert similarity.max() < 0.6


@pytest.mark.parametrize("emotion", NAMING)
def test_the_emotion_is_named_in_a_fifth_of_its_class_at_most(sentences, emotion):
    own = [t for t, label in zip(sentences[0], sentences[1]) if label == emotion]
    assert np.mean([bool(re.search(rf"\b({NAMING[emotion]})", t, re.IGNORECASE)) for t in own]) <= 0.2


def test_a_linear_model_finds_neither_noise_nor_a_give_away(sentences):
    model = baselines.text("tfidf-lr", sentences[2].label_set)
    accuracy = cross_val_score(model, sentences[0], sentences[1], cv=5).mean()
    assert 0.45 <= accuracy <= 0.80
