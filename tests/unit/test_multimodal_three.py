"""Three modalities: trained together with any of them missing, and shipped models joined by the product rule."""

import warnings

import numpy as np
import pytest

from emorec import FaceClassifier, MultimodalClassifier, TextClassifier, VoiceClassifier
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput
from emorec.labels import EMODB, EMOTIONS7, LabelSet
from emorec.multimodal.product import MultimodalNotice, ProductClassifier

RATE, SIZE = 16_000, 24
CLASSES = LabelSet("eight", tuple(f"{a}{b}{c}" for a in "tl" for b in "gb" for c in "hd"))


def planted(n, seed):
    """A spot (top, low), a word (good, bad) and a tone (high, deep): the class is all three."""
    rng = np.random.default_rng(seed)
    low, bad, deep = rng.integers(0, 2, (3, n))
    images = rng.integers(0, 90, (n, SIZE, SIZE), dtype="uint8")
    for image, below in zip(images, low):
        image[slice(15, 20) if below else slice(4, 9), 9:15] += 160
    texts = [f"we {'cried' if b else 'laughed'} at the {'house' if k % 2 else 'lake'} today" for k, b in enumerate(bad)]
    times = np.arange(RATE // 2) / RATE
    tones = [np.sin(2 * np.pi * (140 if d else 300) * rng.uniform(0.9, 1.1) * times) for d in deep]
    sounds = [((0.2 * tone + 0.01 * rng.normal(size=len(tone))).astype("float32"), RATE) for tone in tones]
    return list(images), texts, sounds, CLASSES.decode(4 * low + 2 * bad + deep)


@pytest.fixture(scope="module")
def trained():
    images, texts, sounds, labels = planted(240, 0)
    sounds[::5] = [None] * len(sounds[::5])
    images[1::5] = [None] * len(images[1::5])
    held = planted(60, 1)
    validation = Split(
        "validation", dict(zip(("image", "text", "sound"), held[:3])), held[3], objects(map(str, range(60)))
    )
    classifier = MultimodalClassifier(
        face=FaceClassifier("lenet", size=SIZE, width=3, augment="none", epochs=6, batch_size=16, learning_rate=5e-3),
        text=TextClassifier("none", "none", embedding_dim=8, epochs=12, learning_rate=0.02, batch_size=16),
        encoder_units=8, epochs=25, batch_size=16, learning_rate=0.01,
    )  # fmt: skip
    return classifier.fit(
        images=images,
        texts=texts,
        sounds=sounds,
        labels=labels,
        validation=validation,
        label_set=CLASSES,
        progress=None,
    )


def test_all_three_are_needed_and_each_alone_tells_its_own(trained, tmp_path):
    images, texts, sounds, labels = planted(60, 2)
    p = trained.predict_proba(images=images, texts=texts, sounds=sounds)
    assert (trained.answers(p) == labels).mean() > 0.9 and trained.modalities_ == ("image", "text", "sound")
    two = trained.predict(texts=texts, sounds=sounds)
    assert np.mean([a[1:] == b[1:] for a, b in zip(two, labels)]) > 0.9 > np.mean(two == labels)
    alone = trained.predict(sounds=sounds)
    assert np.mean([a[2] == b[2] for a, b in zip(alone, labels)]) > 0.9 and np.mean(alone == labels) < 0.6
    table = trained.contributions(images=[images[0], None], texts=[texts[0], texts[1]], sounds=[sounds[0], sounds[1]])
    assert (table.loc[0, ["image", "text", "sound"]] > 0.1).all() and np.isnan(table["image"][1])
    shares = table[["image share", "text share", "sound share"]].fillna(0).sum(axis=1)
    assert shares.to_numpy() == pytest.approx([1, 1])
    again = MultimodalClassifier.load(trained.save(tmp_path / "three.emorec"))
    np.testing.assert_allclose(again.predict_proba(images=images, texts=texts, sounds=sounds), p, atol=1e-5)


def test_a_sound_is_explained_beside_the_rest(trained):
    images, texts, sounds, _ = planted(1, 3)
    explanation = trained.explain(images[0], texts[0], sounds[0])
    assert set(explanation.contributions) == {"image", "text", "sound"} and len(explanation.sound.times) == len(
        explanation.sound.weights
    )
    assert explanation.sound.target == explanation.target and "When in the sound" in explanation._repr_html_()


@pytest.mark.slow
def test_wrong_sounds_are_refused_with_their_row(trained):
    _, texts, sounds, _ = planted(2, 4)
    silence = (np.full(RATE, np.nan, "float32"), RATE)
    with pytest.raises(BadInput, match="Sound 1: .*NaN"):
        trained.predict_proba(texts=texts, sounds=[None, silence])
    with pytest.raises(BadInput, match="1 sounds|2 texts, but 1"):
        trained.predict_proba(texts=texts, sounds=sounds[:1])
    with pytest.raises(BadInput, match="normalised by speaker"):
        labels = ["a", "b"] * 20
        images, texts, sounds, _ = planted(40, 5)
        known = VoiceClassifier(normalise="speaker").fit(
            sounds, labels, speakers=["x", "y", "z", "w"] * 10, progress=None
        )
        MultimodalClassifier(voice=known).fit(texts=texts, sounds=sounds, labels=labels, progress=None)


# --- models joined without training


def fixed(kind, label_set, answers):
    """A classifier of that kind that gives these probabilities, row by row."""

    class Fixed(kind):
        def predict_proba(self, inputs, **how):
            rows, answers_left = len(inputs), self.left
            self.left = answers_left[rows:]
            return np.array(answers_left[:rows])

    made = Fixed()
    made.label_set_, made.left = label_set, list(answers)
    return made


AB = LabelSet("ab", ("joy", "sadness", "boredom"))
BA = LabelSet("ba", ("sad", "happy"))


def test_the_product_of_two_by_hand():
    text, sound = fixed(TextClassifier, AB, [[0.6, 0.2, 0.2], [0.1, 0.1, 0.8]] * 2), fixed(VoiceClassifier, BA, [])
    sound.encoding_, sound.predict_proba = None, lambda values: np.array([[0.1, 0.9]] * len(values))
    both = ProductClassifier(text=text, sound=sound)
    assert both.label_set_.names == ("happiness", "sadness")
    both._answers = lambda name, model, values, there: model.predict_proba([v for v in values if v is not None])
    with pytest.warns(MultimodalNotice, match="text of row 1 says 'boredom'"):
        p = both.predict_proba(texts=["a", "b"], sounds=[(np.zeros(RATE), RATE), None])
    assert p[0] == pytest.approx([0.75 * 0.9 / 0.7, 0.25 * 0.1 / 0.7]) and p[1] == pytest.approx([0.5, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultimodalNotice)
        table = both.contributions(texts=["a", "b"], sounds=[(np.zeros(RATE), RATE), None])
    assert table["text"][0] == pytest.approx(p[0, 0] - 0.9) and table["sound"][0] == pytest.approx(p[0, 0] - 0.75)
    brought = np.log([3, 9])
    assert table["text share"][0] == pytest.approx(brought[0] / brought.sum())
    assert table["decided_by"].tolist() == ["sound", None] and np.isnan(table["sound"][1])


def test_what_cannot_be_joined():
    text = fixed(TextClassifier, EMOTIONS7, [])
    with pytest.raises(BadInput, match="Two modalities"):
        ProductClassifier(text=text)
    with pytest.raises(BadInput, match="image model is a FaceClassifier, not"):
        ProductClassifier(text=text, image=text)
    with pytest.raises(BadInput, match="no class|fewer than two classes"):
        ProductClassifier(text=text, sound=fixed(VoiceClassifier, POLAR, []))
    both = ProductClassifier(text=text, sound=fixed(VoiceClassifier, EMODB, []))
    assert "surprise" not in both.label_set_ and len(both.label_set_) == 6
    with pytest.raises(BadInput, match="Row 0 has a picture, for which there is no model"):
        both.predict_proba(images=[np.zeros((48, 48), "uint8")])
    with pytest.raises(BadInput, match="not a dict"):
        both.predict_proba(texts={"said": ["a"]})


POLAR = LabelSet("polar", ("negative", "positive"))


@pytest.mark.slow
def test_the_models_that_come_along_are_joined(tmp_path):
    from emorec.voice.synthesis import voice

    three = MultimodalClassifier.pretrained()
    assert set(three.label_set_) == {"anger", "disgust", "fear", "happiness", "sadness", "neutral"}
    sound = voice("sadness", seed=1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = three.predict_proba(texts=["I am so happy today!", None], sounds=[None, sound])
        table = three.contributions(texts=["I am so happy today!", "I miss her so much."], sounds=[None, sound])
    assert three.label_set_.names[p[0].argmax()] == "happiness" and p.sum(axis=1) == pytest.approx([1, 1])
    assert table["decided_by"][0] == "text" and table["text share"][0] == pytest.approx(1)
    assert len(MultimodalClassifier.pretrained(sound=None).label_set_) == 7
    with pytest.raises(BadInput, match="Picture 0: no face"):
        three.predict_proba(images=[np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype="uint8")])


@pytest.mark.slow
def test_sentence_vectors_of_a_transformer_are_a_modality_like_any_other(tmp_path):
    """`text-emotion` stays as it is, and its vectors are fused with a voice: saved, loaded, and with either missing."""
    from emorec import pretrained

    _, texts, sounds, _ = planted(48, 6)
    labels = objects("cried" if "cried" in text else "laughed" for text in texts)
    held = Split("validation", {"text": texts[32:], "sound": sounds[32:]}, labels[32:], objects(map(str, range(16))))
    classifier = MultimodalClassifier(text=pretrained.load("text-emotion"), epochs=15, batch_size=16, encoder_units=8)
    classifier.fit(texts=texts[:32], sounds=sounds[:32], labels=labels[:32], validation=held, progress=None)
    assert classifier.features(texts=texts, sounds=sounds)["text"].shape == (48, 384)
    p = classifier.predict_proba(texts=[*texts[:4], None], sounds=[None, *sounds[1:5]])
    assert (classifier.answers(p[:4]) == labels[:4]).all() and np.isfinite(p).all()
    again = MultimodalClassifier.load(classifier.save(tmp_path / "both.emorec"))
    q = again.predict_proba(texts=[*texts[:4], None], sounds=[None, *sounds[1:5]])
    np.testing.assert_allclose(q, p, atol=1e-5)
