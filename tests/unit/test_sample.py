"""The bundled sample: enough of it, no copies, and neither noise nor a give-away."""

import unicodedata
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import cross_val_score

from emorec import datasets
from emorec.datasets.readers.sample import sample_root
from emorec.text import baselines
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
    assert min(Counter(sentences[1]).values()) >= 590 and len(Counter(sentences[1])) == 7
    assert len(sentences[0]) >= 4000 and len(set(sentences[0])) == len(sentences[0])
    assert Counter(reviews[1]) == {"positive": 160, "negative": 160}
    assert all(3 <= len(sentence_spans(tokenise(t))) <= 9 for t in reviews[0])


@pytest.mark.parametrize("which", ["sentences", "reviews"])
def test_no_near_duplicates(which, request):
    texts = request.getfixturevalue(which)[0]
    words = CountVectorizer(binary=True, token_pattern=r"[\w']+").fit_transform(texts).astype("float32")
    shared = (words @ words.T).toarray()
    size = shared.diagonal()
    similarity = shared / (size[:, None] + size[None, :] - shared)
    np.fill_diagonal(similarity, 0)
    long = size >= 6  # "I feel great." and "I feel great today." are what people type
    assert similarity[long][:, long].max() < 0.8


def test_every_class_holds_what_people_type(sentences):
    """Plain feelings, emoji, lower case, questions and exclamations in each class; the words that name an emotion
    stand in at most a fifth of the older sentences, which show it."""
    table = pd.read_csv(sample_root() / "sentences.csv", keep_default_na=False)
    for emotion, own in table.groupby("label"):
        older, newer = own[own["kind"] == ""]["text"], own[own["kind"] != ""]["text"]
        named = older.str.contains(rf"\b(?:{NAMING[emotion]})", case=False)
        assert named.mean() <= 0.2
        assert newer.str.contains(r"\?").sum() >= 20 and newer.str.contains("!").sum() >= 15
        assert newer.map(lambda t: any(unicodedata.category(c) == "So" for c in t)).sum() >= 10
        assert newer.map(str.islower).sum() >= 10


@pytest.mark.slow
def test_a_linear_model_finds_neither_noise_nor_a_give_away(sentences):
    model = baselines.build("tfidf-lr", sentences[2].label_set)
    accuracy = cross_val_score(model, sentences[0], sentences[1], cv=5).mean()
    assert 0.45 <= accuracy <= 0.80


def test_dialogues_are_whole_in_their_order_and_need_their_context():
    data = datasets.load("sample-dialogues")
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == 334 and len({d for part in parts for d in part.groups}) == 50
    seen = [set(part.groups) for part in parts]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    for part in parts:
        assert list(part.ids) == sorted(part.ids) and set(part.labels) == set(data.label_set)
        for dialogue in set(part.groups):
            assert len(set(part.inputs["speaker"][part.groups == dialogue])) == 2
