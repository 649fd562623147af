"""MultimodalClassifier: both halves are needed, either may be missing, neither is refused; one file holds all."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from layer_checks import with_checkout
from PIL import Image
from scipy import stats

from emorec import FaceClassifier, MultimodalClassifier, TextClassifier
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.faces.explain import region_scores
from emorec.labels import LabelSet

SIZE = 24
CORNERS = LabelSet("corners", ("top good", "top bad", "low good", "low bad"))
GOOD, BAD = ("sunny", "laughed", "bright"), ("rainy", "cried", "gloomy")


def planted(n=160, seed=0):
    """A spot at the top or below, and a word that is good or bad: the class is both, so neither half alone tells."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (n, SIZE, SIZE), dtype="uint8")
    low, bad = rng.integers(0, 2, (2, n))
    for image, below in zip(images, low):
        image[slice(15, 20) if below else slice(4, 9), 9:15] += 160
    words = [(BAD if b else GOOD)[k] for b, k in zip(bad, rng.integers(0, 3, n))]
    texts = objects(f"we {word} at the {'house' if k % 2 else 'lake'} today" for k, word in enumerate(words))
    return images, texts, CORNERS.decode(2 * low + bad)


def split(name, n, seed):
    images, texts, labels = planted(n, seed)
    return Split(name, {"image": images, "text": texts}, labels, objects(f"{name}-{i}" for i in range(n)))


def face(**options):
    return FaceClassifier("lenet", **dict(size=SIZE, width=3, augment="none", epochs=5, batch_size=16) | options)


def text(**options):
    more = dict(embedding_dim=8, epochs=12, learning_rate=0.02, batch_size=16, patience=None)
    return TextClassifier("none", "none", **more | options)


def classifier(**options):
    more = dict(face=face(learning_rate=0.005), text=text(), encoder_units=8, epochs=20, batch_size=16)
    return MultimodalClassifier(**more | options | {"learning_rate": 0.01})


@pytest.fixture(scope="module")
def trained():
    train, validation = split("train", 200, 0), split("validation", 60, 1)
    return classifier().fit(train, validation=validation, label_set=CORNERS, progress=None)


def columns(labels):
    """Which of the two features a class has: (low, bad)."""
    return np.divmod(CORNERS.encode(labels), 2)


def test_both_halves_are_needed_and_each_alone_tells_its_own(trained):
    test = split("test", 80, 2)
    images, texts, labels = test.inputs["image"], test.inputs["text"], test.labels
    assert trained.score(test) > 0.95 and trained.evaluate(test).accuracy == trained.score(test)
    seen, read = trained.predict(images=images), trained.predict(texts=texts)
    assert (columns(seen)[0] == columns(labels)[0]).mean() > 0.95 and (seen == labels).mean() < 0.75
    assert (columns(read)[1] == columns(labels)[1]).mean() > 0.95 and (read == labels).mean() < 0.75
    assert trained.face_.score(images, labels) < 0.75 and trained.text_.score(list(texts), labels) < 0.75


def test_every_way_to_say_it_gives_the_same_answer(trained, tmp_path):
    test = split("test", 6, 3)
    images, texts = test.inputs["image"], test.inputs["text"]
    p = trained.predict_proba(images=images, texts=texts)
    assert p.shape == (6, 4) and np.allclose(p.sum(axis=1), 1)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for same in (
        trained.predict_proba(test),
        trained.predict_proba(test.inputs),
        trained.predict_proba(images=paths, texts=list(texts)),
        trained.predict_proba(images=list(images / 255), texts=texts),
        np.concatenate([trained.predict_proba(images=[i], texts=[t]) for i, t in zip(images, texts)]),
    ):
        np.testing.assert_allclose(same, p, atol=1e-5)
    assert trained.predict_proba(images=[], texts=[]).shape == (0, 4)
    x = trained.features(images=images, texts=texts)
    np.testing.assert_allclose(x["image"], trained.face_.features(images), atol=1e-5)
    assert x["text"].shape == (6, 8) and (x["presence"] == 1).all()


def test_missing_halves_are_the_same_wherever_none_stands(trained):
    images, texts, _ = planted(3, 4)
    mixed = trained.predict_proba(images=[images[0], None, images[2]], texts=[None, texts[1], texts[2]])
    np.testing.assert_allclose(mixed[0], trained.predict_proba(images=images[:1])[0], atol=1e-6)
    np.testing.assert_allclose(mixed[1], trained.predict_proba(texts=[texts[1]])[0], atol=1e-6)
    both = trained.predict_proba(images=images[2:], texts=[texts[2]])[0]
    np.testing.assert_allclose(mixed[2], both, atol=1e-6)
    pandas_missing = trained.predict_proba(images=images[:1], texts=[float("nan")])
    np.testing.assert_allclose(pandas_missing[0], mixed[0], atol=1e-6)


def test_bad_input_is_refused_with_its_row_and_the_way_out(trained, tmp_path):
    images, texts, _ = planted(2, 5)
    nan = np.zeros((SIZE, SIZE))
    nan[3, 3] = np.nan
    (tmp_path / "text.jpg").write_text("no picture")
    for arguments, error, words in (
        (dict(), BadInput, "no input: give images="),
        (dict(images=[images[0], None], texts=[texts[0], None]), BadInput, "Row 1 has neither"),
        (dict(inputs=[(images[0], None), (None, None)]), BadInput, "Row 1 has neither"),
        (dict(images=[None, None, None]), BadInput, r"Row 0 \(and 2 more\) has neither"),
        (dict(images=images, texts=texts[:1]), BadInput, "2 images, but 1 texts; write None"),
        (dict(images=[None, nan], texts=texts), BadInput, "Picture 1: .*NaN"),
        (dict(images=[images[0], tmp_path / "text.jpg"]), DataCorrupt, "Picture 1: .*not a picture"),
        (dict(images=["gone.png"]), DataMissing, "gone.png"),
        (dict(texts=["fine", "  "]), BadInput, "Text 1 holds no word"),
        (dict(texts="one string"), BadInput, "not one string"),
        (dict(texts=["fine", 7]), BadInput, "Text 1 is int"),
        (dict(texts={"a": ["b"]}), BadInput, "list of texts, not a dict"),
        (dict(texts=pd.DataFrame({"said": ["b"]})), BadInput, "not a DataFrame: take one of its columns"),
        (dict(images=pd.DataFrame({"file": ["b"]})), BadInput, "not a DataFrame: take one of its columns"),
        (
            dict(sounds=[None, "a.wav"], texts=texts),
            BadInput,
            "Row 1 has a sound; this classifier was trained on image and text",
        ),
        (dict(inputs={"picture": images}), BadInput, "holds image, text, sound"),
        (dict(inputs=images), BadInput, "images="),
        (dict(inputs=split("test", 3, 0), texts=["a", "b", "c"]), BadInput, "not both"),
    ):
        with pytest.raises(error, match=words):
            trained.predict_proba(**arguments)
    with pytest.raises(BadInput, match="no input"):
        trained.explain()
    with pytest.raises(BadInput, match="not trained"):
        MultimodalClassifier().predict(texts=["a"])


def test_contributions_say_what_leaving_a_half_out_costs(trained):
    images, texts, _ = planted(4, 6)
    table = trained.contributions(images=[*images[:3], None], texts=[*texts[:2], None, texts[3]])
    p = trained.predict_proba(images=images[:2], texts=texts[:2])
    for row in range(2):
        best = p[row].argmax()
        alone = trained.predict_proba(texts=[texts[row]])[0, best]
        assert table["image"][row] == pytest.approx(p[row, best] - alone, abs=1e-5)
        assert table["image"][row] > 0.2 and table["text"][row] > 0.2  # each half rules half of the classes out
    lone = trained.predict_proba(images=images[2:3])[0].max()
    assert np.isnan(table["text"][2]) and table["image"][2] == pytest.approx(lone - 0.25, abs=0.1)
    assert np.isnan(table["image"][3]) and table["decided_by"].tolist()[2:] == ["image", "text"]
    assert table["image share"][0] + table["text share"][0] == pytest.approx(1)
    assert len(trained.contributions(images=[], texts=[])) == 0


def test_explanations_find_the_planted_spot_and_word(trained):
    """On the whole: a network that misses the spot at the top knows that it is below, whatever it sees there."""
    images, texts, labels = planted(12, 7)
    explanations = [trained.explain(image, sentence) for image, sentence in zip(images, texts)]
    assert [e.label for e in explanations] == list(trained.predict(images=images, texts=texts))
    assert np.mean([e.label == label for e, label in zip(explanations, labels)]) >= 0.9
    assert all(e.target == e.label and set(e.contributions) == {"image", "text"} for e in explanations)
    assert np.mean([e.text.top(1)[0][0] in (*GOOD, *BAD) for e in explanations]) >= 0.9
    spots = np.zeros((12, SIZE, SIZE), dtype=bool)
    for spot, label in zip(spots, labels):
        spot[slice(15, 20) if label.startswith("low") else slice(4, 9), 9:15] = True
    assert region_scores([e.image.heat for e in explanations], {"spot": spots}).lift["spot"] > 5  # by chance it is 1
    assert "base64" in explanations[0]._repr_html_()
    alone = trained.explain(text=texts[0])
    assert alone.image is None and set(alone.contributions) == {"text"} and "points" in repr(alone)
    other = trained.explain(images[0], target="low bad")
    assert other.text is None and other.target == "low bad" and other.image.target == "low bad"
    wrong = next(name for name in CORNERS if name != labels[0])
    answers = [trained.predict_proba(**inputs)[0] for inputs in (
        dict(images=images[:1], texts=[texts[0]]), dict(texts=[texts[0]]), dict(images=images[:1]))]  # fmt: skip
    lost = [p[CORNERS.index(wrong)] for p in answers]
    other = trained.explain(images[0], texts[0], target=wrong)
    assert other.contributions == pytest.approx({"image": lost[0] - lost[1], "text": lost[0] - lost[2]}, abs=1e-5)
    assert f"{wrong}: image" in repr(other) and f"probability of {wrong}" in other._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_one_file_gives_the_same_answers_in_a_fresh_process(backend, trained, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed beside this Python: pip install {backend}")
    trained.calibrate(split("validation", 60, 1))
    images, texts, _ = planted(5, 8)
    path = trained.save(tmp_path / "pair.emorec")
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "texts.json").write_text(json.dumps(list(texts)))
    code = (
        "import json, sys, numpy as np, emorec\n"
        "folder = sys.argv[1]\n"
        "clf = emorec.MultimodalClassifier.load(folder + '/pair.emorec')\n"
        "images, texts = np.load(folder + '/images.npy'), json.load(open(folder + '/texts.json'))\n"
        "np.save(folder + '/both.npy', clf.predict_proba(images=images, texts=texts))\n"
        "np.save(folder + '/seen.npy', clf.predict_proba(images=images))\n"
        "np.save(folder + '/parts.npy', clf.contributions(images=images, texts=texts)[['image', 'text']])\n"
        "explanation = clf.explain(images[0], texts[0])\n"
        "np.savez(folder + '/explanation.npz', heat=explanation.image.heat, words=explanation.text.weights)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=with_checkout(KERAS_BACKEND=backend), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    both = trained.predict_proba(images=images, texts=texts)
    np.testing.assert_allclose(np.load(tmp_path / "both.npy"), both, atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "seen.npy"), trained.predict_proba(images=images), atol=1e-5)
    parts = trained.contributions(images=images, texts=texts)[["image", "text"]]
    np.testing.assert_allclose(np.load(tmp_path / "parts.npy"), parts, atol=1e-5)
    explanation, there = trained.explain(images[0], texts[0]), np.load(tmp_path / "explanation.npz")
    np.testing.assert_allclose(there["heat"], explanation.image.heat, atol=1e-4)
    np.testing.assert_allclose(there["words"], explanation.text.weights, atol=1e-4)
    assert path.exists() and trained.temperature_ != 1.0


@pytest.mark.slow
def test_trained_classifiers_of_other_classes_are_taken_as_they_are(trained):
    images, texts, labels = planted(120, 9)
    low = objects("low" if label.startswith("low") else "top" for label in labels)
    lamp = face(learning_rate=0.005).fit(images, low, validation=(images[:40], low[:40]), progress=None)
    before = [w.copy() for w in lamp.model_.get_weights()]
    some = list(images)
    some[::3] = [None] * len(some[::3])  # a third of the training pairs have no picture
    clf = classifier(face=lamp, text=text(max_words=500), fusion="gated", fusion_options={"units": 8}, encoder_units=0)
    clf.fit(images=some, texts=texts, labels=labels, validation=split("validation", 40, 1), progress=None)
    assert all(np.array_equal(a, b) for a, b in zip(before, lamp.model_.get_weights())) and clf.face_ is lamp
    assert clf.score(split("test", 60, 2)) > 0.9
    table = clf.contributions(images=[images[0], None, images[2]], texts=[texts[0], texts[1], None])
    weights = table[["image weight", "text weight"]].to_numpy()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    assert 0 < weights[0, 0] < 1 and weights[1, 0] == 0 and weights[2, 1] == 0


def test_equal_pairs_are_known_with_and_without_a_sentence():
    (image, other), _, _ = planted(2, 11)
    pairs = [(image, None), (image.copy(), None), (other, None), (image, "It is fine"), (None, "it is  FINE")]
    keys = MultimodalClassifier()._content(MultimodalClassifier()._check(pairs))
    assert keys[0] == keys[1] and keys[3] == keys[4] and len(set(keys)) == 3


def test_training_refuses_what_cannot_be_learnt():
    images, texts, labels = planted(30, 10)
    with pytest.raises(BadInput, match="No training row has a picture"):
        classifier().fit(texts=texts, labels=labels, progress=None)
    with pytest.raises(BadInput, match="30 inputs, but 29 labels"):
        classifier().fit(images=images, texts=texts, labels=labels[:29], progress=None)
    with pytest.raises(BadInput, match="face must be a FaceClassifier or None"):
        classifier(face=text()).fit(images=images, texts=texts, labels=labels, progress=None)
    with pytest.raises(BadInput, match="test split"):
        classifier().fit(split("train", 30, 0), validation=split("test", 9, 1), progress=None)


def test_paired_gain_by_hand(tmp_path):
    from experiments.pairs import gain

    for first, second in (("0111", "0101"), ("0110", "0000")):  # class indices; the truth is 0110
        for model, guessed in (("fused", first), ("face alone", second)):
            with open(tmp_path / "pairs.jsonl", "a") as file:
                file.write(json.dumps({"run": {"model": model}, "predicted": guessed}) + "\n")
    interval = gain("fused", "face alone", [0, 1, 1, 0], tmp_path)
    # right: 1110 - 1100 and 1111 - 1001, so 0010 and 0110; over pairs 0, .5, 1, 0; over seeds .25, .5
    of_pairs, of_seeds = np.var([0, 0.5, 1, 0], ddof=1) / 4, np.var([0.25, 0.5], ddof=1) / 2
    variance = of_pairs + of_seeds
    half = stats.t.ppf(0.975, (variance / of_seeds) ** 2) * np.sqrt(variance)
    np.testing.assert_allclose(interval, (0.375, 0.375 - half, 0.375 + half))


def test_recorded_results_hold_what_is_claimed():
    from emorec.datasets.readers import sample
    from experiments.pairs import gain

    rows = sample.older_sentences(sample.sample_root())
    truth = rows.label_set.encode([y for y, split in zip(rows.labels, rows.splits) if split == "test"])
    for single in ("face alone", "text alone"):
        assert gain("fused", single, truth).low > 0
    assert gain("fused, without text", "face alone", truth).value > -0.03
    assert gain("fused, without face", "text alone", truth).value > -0.03
