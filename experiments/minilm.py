"""MELD and MOSI read by a transformer as it comes: MiniLM's vectors of the utterances, frozen, beside counts of words.

Linear models stand on both. What is free is chosen without the test split: on MELD's development split, on MOSI by
cross-validation over the training videos. These vectors know no label of either data set, so such a choice is worth
something on MOSI, too, where the published features have seen the labels (`experiments.multimodal`).
"""

import csv
import io
from functools import cache

import keras
import numpy as np

from emorec import pretrained, training
from emorec.datasets import cards, store
from emorec.datasets.decoding import decode
from emorec.errors import DataCorrupt
from emorec.text import minilm
from emorec.text.buckets import BucketedIds
from emorec.text.models import TRANSFORMER, build_text_model
from emorec.types import Strings
from experiments.multimodal import WORDS, meld_splits, mosi_splits, neighbours, outcome, rarer
from experiments.runs import Run

DENSE = 0.03  # of standardised vectors beside TF-IDF rows of length 1, as in `experiments.multimodal`
STRENGTHS = (1.0, 3.0, 10.0, 30.0)


def vectors(texts: Strings) -> np.ndarray:
    """The mean of MiniLM's last states over the word pieces of each text, float32 (N, 384); nothing is trained."""
    pieces, network = _network()
    return training.predict(network, BucketedIds(pieces.read(list(texts)).rows), 64)


@cache
def _network():
    """MiniLM's word pieces, and its encoder under a mean."""
    folder = minilm.locate()
    arrays, pieces = minilm.read(folder), minilm.word_pieces(folder)
    words = minilm.word_vectors(arrays)
    model = build_text_model(
        vocabulary_size=len(words), classes=2, encoder=TRANSFORMER, attention="uniform", embedding_matrix=words,
        transformer=minilm.settings(arrays) | {"dropout": 0.0}, seed=0,
    )  # fmt: skip
    minilm.set_weights(model.get_layer("encoder"), arrays)
    return pieces, keras.Model(model.input, model.get_layer("attention").output[0])


def _standardised(train, *others):
    """Vectors (N, D) with the training split's mean 0 and deviation 1; one of MiniLM's numbers never changes."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1
    return [(x - mean) / deviation for x in (train, *others)]


# ------------------------------------------------------------------------------------------------------- MOSI


def transcripts() -> dict[str, str]:
    """Segment to what is said in it, in lower case (the file shouts)."""
    place = store.locate(cards.get("mosi"))
    _, data = store.read_one(place, "transcripts.csv", what="MOSI")
    return {row[0]: row[1].lower() for row in csv.reader(io.StringIO(decode(data)))}


def run_mosi(run: Run) -> dict:
    """Logistic regression on views of the transcripts; which of the declared sets of views, and how strong it is,
    cross-validation over the training videos says."""
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score

    (train, test, label_set), spoken = mosi_splits(), transcripts()
    if absent := [name for name in (*train.ids, *test.ids) if name not in spoken]:
        raise DataCorrupt(f"MOSI's transcripts have no segment {absent[0]}.")
    texts, y = [[spoken[name] for name in split.ids] for split in (train, test)], label_set.encode(train.labels)
    candidates = run.options.get("candidates") or [run.options["views"]]
    views = {name: VIEWS[name](*texts) for name in dict.fromkeys(name for names in candidates for name in names)}
    tried = []
    for names in candidates:
        x, x_test = (sparse.hstack(parts).tocsr() for parts in zip(*(views[name] for name in names)))
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=500)
            score = cross_val_score(model, x, y, groups=train.groups, cv=GroupKFold(5)).mean()
            tried.append((score, names, model, x, x_test))
    score, names, best, x, x_test = max(tried, key=lambda row: row[0])
    p = best.fit(x, y).predict_proba(x_test)
    protocol = "mosi-62/31, 62 videos to train, 31 to test; strength chosen by cross-validation over training videos"
    return outcome(test.labels, p, label_set, test.groups, protocol=protocol, strength=best.C, views=names,
                   validation={"accuracy": float(score)})  # fmt: skip


def _words(train, test):
    """TF-IDF of words and pairs of words. Its table knows no label, so that one may serve all folds."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    table = TfidfVectorizer(**WORDS).fit(train)
    return table.transform(train), table.transform(test)


def _light(*dense):
    """Vectors, standardised, as sparse rows that weigh little beside TF-IDF rows."""
    from scipy import sparse

    return [sparse.csr_matrix(DENSE * x) for x in _standardised(*dense)]


def sentiment_vectors(texts: Strings) -> np.ndarray:
    """What `text-sentiment`, MiniLM trained on opinions of films and comments, makes of texts before its last layer,
    float32 (N, 384)."""
    reader = pretrained.load("text-sentiment")
    network = keras.Model(reader.model_.input, reader.model_.get_layer("logits").input)
    return training.predict(network, reader.encoding_.encode(list(texts)))


VIEWS = {
    "words": _words,
    "minilm": lambda *texts: _light(*map(vectors, texts)),
    "sentiment": lambda *texts: _light(*map(sentiment_vectors, texts)),
}


# ------------------------------------------------------------------------------------------------------- MELD

REACHES, POWERS, SHRINKAGE = (0, 2, 3), (0.3, 0.4, 0.5), (0.02, 0.05)


@cache
def opinions() -> dict[str, np.ndarray]:
    """What MiniLM's vectors tell of each utterance alone: centred log-probabilities (N, 7) by split, those of the
    training split made out of fold, dialogue by dialogue."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    data, _ = meld_splits()
    splits, y = {s.name: s for s in (data.train, data.validation, data.test)}, data.label_set.encode(data.train.labels)
    dense = dict(zip(splits, _standardised(*(vectors(split.inputs["text"]) for split in splits.values()))))
    model = LogisticRegression(C=0.003, max_iter=200, tol=1e-3)
    groups = splits["train"].groups
    p = {"train": cross_val_predict(model, dense["train"], y, groups=groups, cv=GroupKFold(4), method="predict_proba")}
    model.fit(dense["train"], y)
    p |= {name: model.predict_proba(dense[name]) for name in dense if name != "train"}
    logs = {name: np.log(values + 1e-4) for name, values in p.items()}
    return {name: values - values.mean(axis=1, keepdims=True) for name, values in logs.items()}


def run_meld(run: Run) -> dict:
    """Two opinions of each utterance, of words and of MiniLM, stacked with those of its neighbours; how many, how
    strong and what rare classes weigh is chosen on the development split by weighted F1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    data, views = meld_splits()
    splits, label_set = {s.name: s for s in (data.train, data.validation, data.test)}, data.label_set
    y = {name: label_set.encode(split.labels) for name, split in splits.items()}
    own = opinions()
    both = {name: np.concatenate([views[name]["opinion"], own[name]], axis=1) for name in splits}
    tried = []
    for reach in REACHES if run.options["context"] else (0,):
        wide = {name: neighbours(both[name], s.groups, s.inputs["speaker"], reach) for name, s in splits.items()}
        for power in POWERS:
            weights = rarer(splits["train"].labels, label_set, power)[y["train"]]
            for strength in SHRINKAGE:
                model = LogisticRegression(C=strength, max_iter=300)
                model.fit(wide["train"], y["train"], sample_weight=weights)
                score = f1_score(y["validation"], model.predict(wide["validation"]), average="weighted")
                tried.append((score, reach, power, strength, model.predict_proba(wide["test"])))
    score, reach, power, strength, p = max(tried, key=lambda row: row[0])
    protocol = "official split; settings chosen on the development split, the test split read once a run"
    return outcome(splits["test"].labels, p, label_set, splits["test"].groups, protocol=protocol,
                   chosen={"reach": reach, "power": power, "strength": strength},
                   validation={"weighted_f1": float(score)})  # fmt: skip
