"""VoiceClassifier: planted signals, padding, speakers, explanations over time, and one file."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import emorec
from emorec import metrics
from emorec.datasets.base import Split, objects
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch
from emorec.labels import LabelSet
from emorec.voice import Sound, SoundNotice, Utterance, VoiceClassifier, baselines, encoding, models, utterances

RATE = 16_000
TWO = LabelSet("two", ("high", "low"))
TINY = dict(speeds=(), units=6, attention_units=6, filters=6, batch_size=8, learning_rate=0.01)


def voice(pitch, seed=0, seconds=0.6, noise=0.003):
    rng = np.random.default_rng(seed)
    pitch = pitch * 2 ** rng.normal(0, 0.05)
    phase = 2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE
    samples = 0.05 * sum(np.sin(k * phase) / k for k in range(1, 9)) + noise * rng.normal(size=len(phase))
    return Sound(samples.astype("float32"), RATE, f"voice {seed}")


def voices(n=24, own=(1.0, 1.0, 1.0, 1.0), seconds=0.6):
    """n sounds of speakers in turn, high at 240 Hz and low at 120, times what is a speaker's own."""
    labels = objects(("high", "low")[i % 2] for i in range(n))
    who = [(i // 2) % len(own) for i in range(n)]
    sounds = [voice({"high": 240, "low": 120}[x] * own[w], i, seconds) for i, (x, w) in enumerate(zip(labels, who))]
    ids = objects(f"u{i}" for i in range(n))
    return Split("train", objects(Utterance(s) for s in sounds), labels, ids, objects(f"s{w}" for w in who))


@pytest.fixture(scope="module")
def data():
    return voices()


@pytest.fixture(scope="module")
def discriminant(data):
    return VoiceClassifier(speeds=()).fit(data, progress=None)


@pytest.fixture(scope="module")
def network(data):
    return VoiceClassifier("cnn", epochs=6, **TINY).fit(
        data, validation=data.take(range(8), "validation"), progress=None
    )


def fresh(n=6, **how):
    return [voice(240 if i % 2 == 0 else 120, 100 + i, **how) for i in range(n)]


TRUTH = ["high", "low"] * 3


def test_a_planted_pitch_is_learned(discriminant, network):
    assert discriminant.predict(fresh()).tolist() == TRUTH and discriminant.score(fresh(), TRUTH) == 1
    assert network.predict(fresh()).tolist() == TRUTH
    for classifier in (discriminant, network):
        p = classifier.predict_proba(fresh())
        assert p.shape == (6, 2) and np.allclose(p.sum(axis=1), 1) and len(classifier.predict_proba([])) == 0


def test_support_vector_machines_as_a_layer_are_scikit_learns(data):
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5))
    y = (np.abs(x[:, 0]) + x[:, 1] > 0.8).astype(int) + (x[:, 2] > 1)
    model = models.fit_machine("svm", x, y, classes=3)
    new = rng.normal(size=(20, 5)).astype("float32")
    for k in range(3):
        theirs = SVC(C=3, gamma=1 / 5, class_weight="balanced").fit(x, y == k).decision_function(new)
        assert np.allclose(model.predict(new, verbose=0)[:, k], theirs, atol=1e-4)
    models.sharpen(model, 2.0)
    assert np.allclose(model.predict(new, verbose=0)[:, 2], 2 * theirs, atol=2e-4)


def test_the_discriminant_is_bayes_rule_for_gaussians():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 4000)
    x = rng.normal(size=(8000, 3)) + y[:, None] * [2.0, 0, 0]
    logits = models.fit_machine("lda", x, y, classes=2).predict(
        np.array([[0.0, 0, 0], [1, 5, 5], [3, 0, 0]]), verbose=0
    )
    assert np.allclose(logits[:, 1] - logits[:, 0], [-2, 0, 4], atol=0.4)  # 2 x - 2
    with pytest.raises(BadInput, match=r"none of the classes \[1\]"):
        models.fit_machine("lda", x, np.where(y, 2, 0), classes=3)


def test_the_quadratic_discriminant_is_bayes_rule_for_gaussians_of_different_spread(tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 4000)
    means, spreads = np.array([[0.0, 0], [3, 0], [0, 4]]), np.array([[1, 1], [0.5, 1], [1, 2]])
    x = means[y] + spreads[y] * rng.normal(size=(12_000, 2))
    model = models.fit_machine("qda", x, y, classes=3)
    new = means[y[::40]] + spreads[y[::40]] * rng.normal(size=(300, 2))
    logits = model.predict(new.astype("float32"), verbose=0)
    exact = -0.5 * (((new[:, None] - means) / spreads) ** 2).sum(axis=2) - np.log(spreads).sum(axis=1)
    assert np.mean(logits.argmax(axis=1) == exact.argmax(axis=1)) > 0.97
    linear = models.fit_machine("lda", x, y, classes=3).predict(new.astype("float32"), verbose=0)
    wide = lambda z: z[:, 2] - z[:, 0]  # noqa: E731  what a linear function cannot follow
    assert np.corrcoef(wide(logits), wide(exact))[0, 1] > 0.97 > np.corrcoef(wide(linear), wide(exact))[0, 1]
    model.save(tmp_path / "qda.keras")
    again = keras.saving.load_model(tmp_path / "qda.keras").predict(new.astype("float32"), verbose=0)
    assert np.allclose(again, logits, atol=1e-5)


@pytest.mark.parametrize("encoder, attention", [
    ("cnn", "global"), ("cnn", "none"), ("bigru", "global"), ("cnn-bilstm", "structured"), ("lstm", "self"),
    ("cnn", "uniform"),
])  # fmt: skip
def test_padding_changes_no_logit(encoder, attention):
    model = models.build_voice_model(
        features=4, classes=3, encoder=encoder, attention=attention, units=4, attention_units=4, filters=4, seed=1
    )
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(t, 4)) for t in (5, 9, 30)]
    batches = encoding.FrameBatches(rows)
    together = np.asarray(model(batches.pad([0, 1, 2]), training=False))
    alone = [np.asarray(model(np.insert(row, 0, 1, axis=1)[None].astype("float32"), training=False))[0] for row in rows]
    assert np.allclose(together, alone, atol=1e-5)
    garbage = batches.pad([0, 1, 2])
    garbage[garbage[..., 0] == 0, 1:] = 1e6
    assert np.allclose(np.asarray(model(garbage, training=False)), together, atol=1e-5)


# --- speakers


@pytest.mark.slow
def test_speakers_who_differ_more_than_the_classes_need_to_be_normalised():
    own = (0.5, 1.0, 2.0, 0.7, 1.4)
    train, test = voices(40, own), voices(12, (0.6, 1.7))
    both = {}
    for how in ("training", "speaker"):
        classifier = VoiceClassifier(speeds=(), normalise=how).fit(train, label_set=TWO, progress=None)
        both[how] = classifier.evaluate(test).accuracy
        if how == "speaker":
            utterances_alone = [Utterance(u.sound) for u in test.inputs]
            with pytest.warns(SoundNotice, match="nobody says who speaks"):
                classifier.predict(utterances_alone)
            p = classifier.predict_proba(utterances_alone, speakers=test.groups)
            assert np.array_equal(p, classifier.predict_proba(test.inputs))
            order = np.random.default_rng(0).permutation(12)
            shuffled = classifier.predict_proba([utterances_alone[i] for i in order], speakers=test.groups[order])
            assert np.allclose(shuffled, p[order], atol=1e-6)
    assert both["speaker"] == 1 and both["training"] < 0.9


def test_normalising_by_speaker_by_hand():
    """Ten sounds of one speaker and two counted in of the training data: the mean is 10/12 of the speaker's own."""
    made = encoding.VoiceEncoding("statistics", "speaker")
    made.mean, made.spread = np.array([0.0]), np.array([1.0])
    rows = [np.array([6.0 + (-1) ** i]) for i in range(10)]  # mean 6, spread 1
    mean, spread = made._of_speaker(rows)
    assert mean == pytest.approx(5.0) and spread == pytest.approx(1.0)


def test_speakers_are_needed_where_they_are_normalised_by(data):
    with pytest.raises(BadInput, match="who speaks"):
        VoiceClassifier(normalise="speaker").fit([u.sound for u in data.inputs], data.labels)
    with pytest.raises(BadInput, match="24 sounds, but 3 speakers"):
        VoiceClassifier().fit([u.sound for u in data.inputs], data.labels, speakers=["a", "b", "c"])


def test_whole_speakers_are_set_aside(data, monkeypatch):
    seen = {}

    def look(self, train, validation, **options):
        seen["train"], seen["validation"] = ({u.speaker for u in part.inputs} for part in (train, validation))
        seen["n"] = len(train.inputs)
        raise InterruptedError

    monkeypatch.setattr(VoiceClassifier, "_learn", look)
    with pytest.raises(InterruptedError):
        VoiceClassifier("cnn", **TINY).fit(data, progress=None)
    assert len(seen["train"]) == 3 and seen["n"] == 18 and len(seen["validation"]) == 1
    assert not seen["train"] & seen["validation"]
    with pytest.raises(InterruptedError):
        VoiceClassifier(**TINY).fit(data, progress=None)
    assert seen["n"] == 24 and not seen["validation"]  # machines learn from all of it


def test_other_speeds_are_heard_at_other_pitches():
    slow, plain, fast = (Utterance(voice(150)).sequence(speed)[:, 40] for speed in (0.8, 1.0, 1.25))
    assert np.nanmedian(fast) - np.nanmedian(plain) == pytest.approx(12 * np.log2(1.25), abs=0.1)
    assert np.nanmedian(slow) - np.nanmedian(plain) == pytest.approx(12 * np.log2(0.8), abs=0.1)
    assert len(slow) / len(plain) == pytest.approx(1.25, abs=0.1)


# --- hostile sounds


def test_levelled_sounds_answer_the_same_at_any_gain(data):
    classifier = VoiceClassifier(speeds=(), levelled=True).fit(data, progress=None)
    sounds = fresh()
    for gain in (0.05, 4.0):
        softer = [Sound(gain * s.samples, RATE, s.name) for s in sounds]
        assert np.allclose(classifier.predict_proba(softer), classifier.predict_proba(sounds), atol=1e-4)
    assert utterances.to_level(np.zeros(1600, "float32")).max() == 0


def test_errors_name_the_position(discriminant, tmp_path):
    good, bad = voice(200), tmp_path / "voice.wav"
    bad.write_text("not a sound")
    for sound, kind, words in (
        (bad, DataCorrupt, "Sound 1: .*voice.wav.* a text file"),
        ((np.zeros(10), RATE), BadInput, "Sound 1: .*too short"),
        ((np.full(9000, np.nan), RATE), BadInput, "Sound 1: .*NaN"),
        (tmp_path / "gone.wav", DataMissing, "number 1 of 2"),
    ):
        with pytest.raises(kind, match=words):
            discriminant.predict([good, sound])


def test_doubtful_sounds_are_scored_with_one_notice(discriminant):
    silent = (np.zeros(RATE, "float32"), RATE)
    with pytest.warns(SoundNotice, match="2 of 3 sounds.* silent") as caught:
        p = discriminant.predict_proba([silent, voice(200), silent])
    assert len(caught) == 1 and np.isfinite(p).all()
    with pytest.warns(SoundNotice, match="8,000 Hz"):
        discriminant.predict((voice(240).samples[::2], 8000))


@pytest.mark.parametrize("wrong, words", [
    (dict(encoder="vgg"), "encoder='vgg'"), (dict(attention="global"), "nothing to do"), (dict(speeds=(5,)), "speeds"),
    (dict(normalise="song"), "normalise='song'"), (dict(encoder="cnn", units=0), "units"),
    (dict(encoder="cnn", attention="x"), "attention"),
])  # fmt: skip
def test_wrong_settings(data, wrong, words):
    with pytest.raises(BadInput, match=words):
        VoiceClassifier(**wrong).fit(data, progress=None)


def test_not_trained_and_wrong_calls(data, discriminant):
    with pytest.raises(BadInput, match="not trained"):
        VoiceClassifier().predict([voice(100)])
    with pytest.raises(BadInput, match="Labels are missing"):
        VoiceClassifier().fit(list(data.inputs))
    with pytest.raises(BadInput, match="does not know sample_weight"):
        VoiceClassifier(speeds=()).fit(data, sample_weight=np.ones(24), progress=None)
    with pytest.raises(BadInput, match="test split"):
        VoiceClassifier("cnn").fit(data, validation=data.take(range(4), "test"))
    with pytest.raises(BadInput, match="one sound"):
        discriminant.explain(fresh())
    with pytest.raises(BadInput, match="no attention"):
        discriminant.explain(voice(200), "attention")
    with pytest.raises(BadInput, match="method='grad-cam'"):
        discriminant.explain(voice(200), "grad-cam")
    with pytest.raises(LabelMismatch):
        discriminant.explain(voice(200), target="envy")


# --- where it came from


def test_occlusion_and_attention_over_time(discriminant, network):
    sound = voice(240, 7)
    seen = discriminant.explain(sound)
    assert seen.method == "occlusion" and seen.label == "high" == seen.target
    assert seen.probabilities["high"] == pytest.approx(discriminant.predict_proba(sound)[0, 0])
    assert (np.diff(seen.times) > 0).all() and 0 < seen.times[0] and seen.times[-1] < sound.seconds
    attended = network.explain(sound)
    assert attended.method == "global attention" and attended.weights.sum() == pytest.approx(1, abs=1e-5)
    assert attended.times[-1] < sound.seconds + 0.03 and len(attended.to_frame()) == len(attended.times)
    assert attended._repr_png_().startswith(b"\x89PNG") and "high" in repr(attended)
    assert network.explain(sound, "occlusion", "low", others=fresh(2)).target == "low"


def test_occlusion_points_at_what_decides(discriminant):
    """A low voice in whose middle a high one is heard: without the middle it sounds lower."""
    samples = np.concatenate([voice(s, 3, 0.5).samples for s in (120, 240, 120)])
    seen = discriminant.explain(Sound(samples), target="high")
    middle = np.abs(seen.times - 0.75) < 0.2
    assert seen.weights[middle].max() > np.max(seen.weights[np.abs(seen.times - 0.75) > 0.4])


def test_a_longer_sound_window_by_window(discriminant):
    pause = np.zeros(2 * RATE, "float32")
    long = Sound(np.concatenate([voice(240, 1, 2.0).samples, pause, voice(120, 2, 2.0).samples]))
    table = discriminant.predict_over_time(long, window=1.0, hop=1.0)
    assert table["label"].tolist()[:2] == ["high", "high"] and table["label"].tolist()[4:6] == ["low", "low"]
    assert table["label"][3] is None or table["label"].isna()[3]
    assert np.isnan(table["confidence"][3]) and table["speech"][3] < 0.05 and table["end"].iloc[-1] == pytest.approx(6)
    with pytest.raises(BadInput, match="window"):
        discriminant.predict_over_time(long, window=0)


# --- one file


@pytest.mark.slow
def test_saved_and_loaded_in_a_fresh_process(discriminant, network, tmp_path):
    sounds = [s.save(tmp_path / f"{i}.wav") for i, s in enumerate(fresh(2))]
    expected = [c.predict_proba(sounds).tolist() for c in (discriminant, network)]
    for name, classifier in (("a", discriminant), ("b", network)):
        classifier.save(tmp_path / f"{name}.emorec")
    script = (
        "import emorec, sys, json\n"
        "made = [emorec.VoiceClassifier.load(p).predict_proba(sys.argv[3:]).tolist() for p in sys.argv[1:3]]\n"
        "print(json.dumps(made))"
    )
    arguments = [str(tmp_path / "a.emorec"), str(tmp_path / "b.emorec"), *map(str, sounds)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    import json

    assert np.allclose(json.loads(done.stdout.splitlines()[-1]), expected, atol=1e-6)
    with pytest.raises(BadInput, match="emorec.VoiceClassifier.load"):
        emorec.FaceClassifier.load(tmp_path / "a.emorec")


@pytest.mark.slow
def test_two_trainings_of_one_seed_agree_to_the_bit(data):
    made = [VoiceClassifier("cnn", epochs=2, **TINY).fit(data, progress=None).logits(fresh()) for _ in range(2)]
    assert np.array_equal(*made)


def test_calibration_changes_no_answer(data, discriminant):
    import copy

    classifier = copy.copy(discriminant)
    classifier.calibrate(data.take(range(12), "validation"))
    assert classifier.temperature_ > 0 and classifier.predict(fresh()).tolist() == TRUTH


def test_baselines(data):
    sounds = [u.sound for u in data.inputs]
    for name in baselines.NAMES:
        pipeline = baselines.voice(name).fit(sounds, data.labels)
        right = np.mean(pipeline.predict(fresh()) == np.array(TRUTH))
        assert right == (0.5 if name == "majority" else 1)
    with pytest.raises(BadInput, match="choose one of majority"):
        baselines.voice("hog-lr")


def test_an_utterance_is_measured_once(monkeypatch):
    calls, frames = [], utterances.features.frames
    monkeypatch.setattr(utterances.features, "frames", lambda samples: calls.append(1) or frames(samples))
    one = Utterance(voice(150))
    one.statistics(), one.statistics(), one.sequence(), one.statistics(0.9)
    assert len(calls) == 3


def test_evaluation_draws_whole_speakers(data, discriminant):
    evaluation = discriminant.evaluate(data)
    assert isinstance(evaluation, metrics.Evaluation) and evaluation.n == 24
