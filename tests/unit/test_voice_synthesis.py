"""The synthesiser: parameters come out as they went in, seeds repeat, and the best possible rate is right."""

import numpy as np
import pytest

from emorec import datasets
from emorec.errors import BadInput, LabelMismatch
from emorec.labels import EMOTIONS7
from emorec.voice import features, synthesis, voice_from_id
from emorec.voice.synthesis import MEANS, PARAMETERS, Speaker, best_possible_rate, render

MAN = Speaker("x", 1.0, 115.0, (0.0,) * len(PARAMETERS))


def test_pitch_and_loudness_are_what_was_asked_for():
    for pitch in (-3.0, 0.0, 6.0):
        track = features.frames(render(MAN, {"pitch": pitch}, np.random.default_rng(1)).samples)
        heard = features.semitones(track.pitch[track.voiced], 115.0)
        assert heard.mean() == pytest.approx(pitch, abs=0.25)
    loud, soft = (features.level(render(MAN, {"loudness": x}, np.random.default_rng(1)).samples).max() for x in (6, -3))
    assert loud - soft == pytest.approx(9, abs=0.1)


def test_formants_lie_where_the_vowel_and_the_tract_put_them():
    impulse = np.r_[1.0, np.zeros(synthesis.STEP * 60 - 1)]
    for tract in (1.0, 0.85):
        centres = np.array([730, 1090, 2440, 3500]) / tract
        spectrum = np.abs(np.fft.rfft(synthesis._filtered(impulse, np.tile(centres, (60, 1)))))
        hertz = np.fft.rfftfreq(len(impulse), 1 / 16_000)
        peaks = hertz[1:-1][(spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])]
        assert all(np.abs(peaks - centre).min() < 60 for centre in centres)


def test_bigger_people_have_lower_voices():
    assert synthesis.usual_pitch(1.0) == pytest.approx(115) and synthesis.usual_pitch(0.86) == pytest.approx(205)
    speakers = [Speaker.from_seed(0, k) for k in range(40)]
    assert np.corrcoef([s.tract for s in speakers], [np.log(s.pitch) for s in speakers])[0, 1] < -0.7


def test_the_same_seed_gives_the_same_samples_and_another_does_not():
    first, again, other = (voice_from_id(i)[0].samples for i in ("0-003-1-fear", "0-003-1-fear", "1-003-1-fear"))
    assert np.array_equal(first, again) and not np.array_equal(first[:9000], other[:9000])
    assert np.array_equal(first * 2**15, np.rint(first * 2**15))  # 16 bits


def test_the_best_possible_rate_is_that_of_bayes_rule():
    assert 0.84 < best_possible_rate(False) < best_possible_rate(True) < 0.92
    rng, names = np.random.default_rng(5), list(EMOTIONS7)
    means, spread = np.array([MEANS[n] for n in names]), np.array([row[1] for row in PARAMETERS.values()])
    truth = rng.integers(7, size=4000)
    sampled = np.array([list(synthesis.sample_parameters(names[k], rng).values()) for k in truth])
    logs = -0.5 * (((sampled[:, None] - means) / spread) ** 2).sum(axis=2)
    assert np.mean(logs.argmax(axis=1) == truth) == pytest.approx(best_possible_rate(True), abs=0.015)


def test_sampled_parameters_have_their_means():
    rng = np.random.default_rng(0)
    sampled = np.array([list(synthesis.sample_parameters("angry", rng).values()) for _ in range(3000)])
    spread = np.array([row[1] for row in PARAMETERS.values()])
    assert np.abs((sampled.mean(axis=0) - MEANS["anger"]) / spread).max() < 0.08
    assert np.allclose(sampled.std(axis=0), spread, rtol=0.05)


def test_wrong_arguments():
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="no parameter 'volume'; it has pitch"):
        render(MAN, {"volume": 1}, rng)
    for wrong in (100.0, float("nan")):
        with pytest.raises(BadInput, match="is no voice"):
            render(MAN, {"pitch": wrong}, rng)
    with pytest.raises(LabelMismatch):
        synthesis.sample_parameters("envy", rng)
    for wrong in ("medium-0-0012-1-fear", "0-1", 7):
        with pytest.raises(BadInput, match="0-012-3-fear"):
            voice_from_id(wrong)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("emorec.datasets.store.user_cache", lambda: tmp_path)


def test_sample_voices_never_shares_a_speaker_and_comes_from_the_cache_unchanged(own_cache, tmp_path):
    data = datasets.load("sample-voices", speakers=7, repeats=1, seed=2)
    people = [set(split.groups) for split in (data.train, data.validation, data.test)]
    assert [len(p) for p in people] == [3, 2, 2] and len(set().union(*people)) == 7
    assert all({int(name.split("-")[1]) % 2 for name in p} == {0, 1} for p in people)  # deep and high voices
    for split in (data.train, data.validation, data.test):
        assert set(split.labels) == set(EMOTIONS7) and len(split) == 7 * len(set(split.groups))
    for which in (0, 9):
        assert np.array_equal(data.train.inputs[which].samples, voice_from_id(data.train.ids[which])[0].samples)
        assert data.train.ids[which].endswith(data.train.labels[which])
    kept = datasets.load("sample-voices", speakers=7, repeats=1, seed=2)
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(data.test.inputs, kept.test.inputs))
    assert list(tmp_path.glob("voices/*.npz")) and "best possible rate 8" in data.notes[0]
    with pytest.raises(BadInput, match="At least 6 speakers"):
        datasets.load("sample-voices", speakers=3)
