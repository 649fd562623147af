"""Films and subtitles: what is read at which second, what is missing, and what the modalities decide together."""

import sys

import numpy as np
import pandas as pd
import pytest

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.labels import EMODB, EMOTIONS7, LabelSet
from emorec.multimodal import agreement, clip, read_clip, read_subtitles, timeline
from emorec.multimodal.subtitles import Cue

RATE = 16_000

# --- subtitles

SRT = """1
00:00:00,500 --> 00:00:02,000
<i>ANNA:</i> I am so
happy today!

2
00:00:02,250 --> 00:00:03,000
- What?
3
00:01:00,000 --> 01:00:01,5
{\\an8}Good night.

4
00:00:05,000 --> 00:00:06,000

"""
VTT = """WEBVTT - a title

NOTE a remark

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Bob>It is <b>over</b> &amp; done</v>

00:00:03.000 --> 00:00:04.000
<00:00:03.500>Yes.
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_srt(tmp_path, encoding, end):
    path = tmp_path / "talk.srt"
    path.write_bytes((SRT + "5\n00:00:08,000 --> 00:00:09,000\nCafé\n").replace("\n", end).encode(encoding))
    assert read_subtitles(path) == [
        Cue(0.5, 2.0, "I am so happy today!", "Anna"),
        Cue(2.25, 3.0, "What?"),
        Cue(8.0, 9.0, "Café"),
        Cue(60.0, 3601.5, "Good night."),
    ]


@pytest.mark.fault(
    "Subtitles in cp1251, GBK and their like", "`BadInput`, which asks for `encoding=`; Western ones with a notice"
)
def test_subtitles_in_other_encodings_are_asked_for_and_then_read(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_bytes("00:00:08,000 --> 00:00:09,000\nЯ так счастлив\n".encode("cp1251"))
    with pytest.raises(BadInput, match="cp1251"):
        read_subtitles(path)
    assert read_subtitles(path, encoding="cp1251") == [Cue(8.0, 9.0, "Я так счастлив")]
    path.write_bytes("00:00:08,000 --> 00:00:09,000\nCafé\n".encode("cp1252"))
    with pytest.warns(UserWarning, match="read as cp1252"):
        assert read_subtitles(path)[0].text == "Café"


def test_vtt(tmp_path):
    path = tmp_path / "talk.vtt"
    path.write_text(VTT)
    assert read_subtitles(path) == [Cue(1.0, 2.5, "It is over & done", "Bob"), Cue(3.0, 4.0, "Yes.")]


def test_lists_and_wrong_subtitles(tmp_path):
    assert read_subtitles([(3, 4, "b", "x"), (0, 1, " a\nc ")]) == [Cue(0.0, 1.0, "a c"), Cue(3.0, 4.0, "b", "x")]
    with pytest.raises(DataMissing):
        read_subtitles(tmp_path / "none.srt")
    (tmp_path / "text.srt").write_text("nothing of the kind")
    with pytest.raises(DataCorrupt, match="holds no subtitle"):
        read_subtitles(tmp_path / "text.srt")
    for wrong in ([(2, 1, "a")], [(float("nan"), 1, "a")], [("x", 1, "a")], [(0, 1)], [(0, 1, None)]):
        with pytest.raises(BadInput):
            read_subtitles(wrong)


def test_stretches_cover_the_film_once():
    cues = [Cue(1.0, 2.0, "a"), Cue(1.5, 3.0, "b"), Cue(3.1, 4.0, "c")]
    stretches = clip.cut(cues, 9.0, 2.0)
    assert [s.text for s in stretches] == ["", "a", "b", "c", "", "", ""]
    assert stretches[1].end == 1.5 and stretches[0][:2] == (0.0, 1.0) and stretches[-1].end == 9.0
    assert all(a.end <= b.start + 1e-9 for a, b in zip(stretches, stretches[1:]))
    assert max(s.end - s.start for s in stretches if not s.text) <= 2.0


# --- together


def test_the_product_rule_by_hand_with_one_missing():
    names = ["a", "b"]
    answers = {
        "face": (np.array([True, True, False, False]), np.array([[0.8, 0.2], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])),
        "words": (np.array([True, True, True, False]), np.array([[0.6, 0.4], [0.05, 0.95], [0.3, 0.7], [0.5, 0.5]])),
    }
    fused = agreement.together(answers, names)
    p = fused["probabilities"]
    assert p[0] == pytest.approx([0.48 / 0.56, 0.08 / 0.56]) and p[2] == pytest.approx([0.3, 0.7])
    assert p[1] == pytest.approx([0.045 / 0.14, 0.095 / 0.14]) and np.isnan(p[3]).all()
    assert fused["disagree"].tolist() == [False, True, False, False]
    assert fused["shares"][2] == pytest.approx([0, 1]) and fused["shares"][1] == pytest.approx([0, 1])
    brought = 0.5 * np.log([0.8 / 0.2, 0.6 / 0.4])
    assert fused["shares"][0] == pytest.approx(brought / brought.sum())


def test_classes_in_common_have_one_spelling():
    assert agreement.in_common([EMOTIONS7, EMODB]) == ["anger", "disgust", "fear", "happiness", "sadness", "neutral"]
    assert agreement.in_common([LabelSet("x", ("joy", "sad", "love")), EMOTIONS7]) == ["happiness", "sadness"]
    with pytest.raises(BadInput, match="fewer than two"):
        agreement.in_common([LabelSet("x", ("love", "shame")), EMOTIONS7])
    p = agreement.restricted(
        np.array([[0.2, 0.3, 0.5]]), LabelSet("x", ("joy", "sad", "love")), ["happiness", "sadness"]
    )
    assert p[0] == pytest.approx([0.4, 0.6])


# --- films


class Loud:
    """A voice model: anger where it is loud."""

    label_set_ = EMODB

    def predict_proba(self, sounds):
        loud = np.array([np.sqrt(np.mean(sound.samples**2)) > 0.1 for sound in sounds])
        p = np.full((len(loud), 7), 0.05)
        p[np.arange(len(loud)), np.where(loud, EMODB.index("anger"), EMODB.index("sadness"))] = 0.7
        return p


class Words:
    label_set_ = EMOTIONS7

    def predict_proba(self, texts):
        p = np.full((len(texts), 7), 0.05)
        p[np.arange(len(texts)), [EMOTIONS7.index("happiness" if "happy" in t else "sadness") for t in texts]] = 0.7
        return p


class Bright:
    """A face model: happiness in bright frames; no face in black ones."""

    label_set_ = EMOTIONS7

    def predict_video(self, path, step=0.0):
        from emorec.faces.video import VideoFrames

        rows, frames = [], VideoFrames(path)
        for number, frame in enumerate(frames):
            if frame.mean() > 20:
                p = np.full(7, 0.05)
                p[EMOTIONS7.index("happiness" if frame.mean() > 120 else "sadness")] = 0.7
                rows.append([number, frames.seconds, 0, 1, 1, 8, 8, *p])
        columns = ["frame", "seconds", "face", "x", "y", "w", "h", *EMOTIONS7]
        return pd.DataFrame(rows, columns=columns)


MODELS = dict(face=Bright(), voice=Loud(), words=Words())


def film(path, brightness=(0, 200, 60), loudness=(0.0, 0.3, 0.02), picture=True, sound=True, start=0.0):
    """A film of a second for each number: a grey picture, and a tone of that amplitude."""
    av = pytest.importorskip("av", reason="PyAV is not installed: films with sound are not tried")
    rate = 10
    with av.open(str(path), "w") as container:
        if picture:
            video = container.add_stream("mpeg4", rate=rate)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if sound:
            audio = container.add_stream("aac", rate=RATE, layout="mono")
        if picture:
            for second in brightness:
                for _ in range(rate):
                    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), second, "uint8"), format="rgb24")
                    container.mux(video.encode(frame))
            container.mux(video.encode())
        if sound:
            tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
            samples = np.concatenate([a * tone for a in loudness]).astype("float32")
            for place in range(0, len(samples), 1024):
                part = samples[place : place + 1024]
                frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = RATE, place + round(start * RATE)
                container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def test_a_film_second_by_second(tmp_path):
    path = film(tmp_path / "talk.mp4")
    table = read_clip(path, subtitles=[(1, 2, "I am happy", "Anna")], window=1.0, step=0.1, **MODELS)
    assert table["start"].round(1).tolist()[:3] == [0.0, 1.0, 2.0] and table["text"][1] == "I am happy"
    assert table["speaker"][1] == "Anna"
    assert table["has_face"].tolist()[:3] == [False, True, True] and table["has_words"].tolist()[:3] == [
        False,
        True,
        False,
    ]
    assert table["has_voice"].tolist()[:2] == [False, True]
    assert table["face"].tolist()[:3] == [None, "happiness", "sadness"] or pd.isna(table["face"][0])
    assert table["voice"][1] == "anger" and table["words"][1] == "happiness"
    assert table["emotion"][1] == "happiness" and bool(table["disagree"][1])
    assert pd.isna(table["emotion"][0]) and np.isnan(table["confidence"][0])
    names = ["anger", "disgust", "fear", "happiness", "sadness", "neutral"]
    assert table.columns.tolist()[-6:] == names and np.allclose(table[names].sum(axis=1)[1:3], 1)
    assert timeline(table).axes[0].get_ylabel() == "probability"


def test_a_class_that_only_one_model_knows_is_noticed(tmp_path):
    class Bored(Loud):
        def predict_proba(self, sounds):
            return np.roll(super().predict_proba(sounds), EMODB.index("boredom") - EMODB.index("anger"), axis=1)

    with pytest.warns(clip.ClipNotice, match="the voice says a class.*such as 'boredom'.*best of the others"):
        table = read_clip(film(tmp_path / "talk.mp4"), window=1.0, face=Bright(), voice=Bored(), words=False)
    bored = table[table["voice"] == "boredom"]
    assert len(bored) and "boredom" not in table and (bored["emotion"] == "happiness").all()


def test_the_sound_starts_when_it_starts(tmp_path):
    sound = clip.read_sound(film(tmp_path / "late.mkv", loudness=(0.3, 0.3), start=1.0))
    level = np.abs(sound.samples).reshape(-1)[: 3 * RATE]
    assert level[: int(0.9 * RATE)].max() < 0.01 and level[int(1.2 * RATE) : int(2.8 * RATE)].max() > 0.2


def test_films_that_lack_something(tmp_path):
    silent = film(tmp_path / "mute.mp4", sound=False)
    with pytest.warns(clip.ClipNotice, match="no sound"):
        table = read_clip(silent, window=1.0, **MODELS)
    assert table["face"].tolist()[1:] == ["happiness", "sadness"] and not table["has_voice"].any()
    blind = film(tmp_path / "radio.m4a", picture=False)
    with pytest.warns(clip.ClipNotice, match="no picture"):
        table = read_clip(blind, window=1.0, **MODELS)
    assert not table["has_face"].any() and table["voice"][1] == "anger"
    with pytest.raises(BadInput, match="nothing to read"):
        read_clip(film(tmp_path / "black.mp4", brightness=(0, 0), sound=False), face=Bright(), voice=False, words=False)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no film at all" * 100)
    with pytest.raises(DataCorrupt, match="cannot be read"):
        read_clip(damaged, **MODELS)
    with pytest.raises(DataMissing):
        read_clip(tmp_path / "gone.mp4", **MODELS)
    with pytest.raises(BadInput, match="window"):
        read_clip(silent, window=0, **MODELS)


def test_without_pyav_the_way_out_is_named(tmp_path, monkeypatch):
    path = film(tmp_path / "talk.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataMissing, match="pip install av"):
        read_clip(path, **MODELS)
    assert read_clip(path, sound=False, window=1.0, **MODELS)["has_face"].any()


@pytest.mark.fault(
    "Subtitles of another film, which begin after the end of this one",
    "a notice that counts them; no empty stretches are made up between them",
)
def test_subtitles_after_the_end_make_no_stretches():
    cues = [Cue(0, 1, "a"), Cue(5_000_000, 5_000_001, "b"), Cue(9_000_000, 9_000_001, "c")]
    assert [stretch.text for stretch in clip.cut(cues, 3, window=2)] == ["a", "", "b", "c"]


@pytest.mark.fault(
    "A time in a file of subtitles that is none, such as a negative one", "`BadInput` with its line; no cue is left out"
)
def test_times_that_are_none_are_named(tmp_path):
    (tmp_path / "a.srt").write_text("00:00:00,000 --> 00:00:01,000\nA\n\n-00:00:01,000 --> 00:00:02,000\nB --> C\n")
    with pytest.raises(BadInput, match="line 4: '-00:00:01,000"):
        read_subtitles(tmp_path / "a.srt")
    (tmp_path / "a.srt").write_text("00:00:00,000 --> 00:00:01,000\nA --> C\n")
    assert [cue.text for cue in read_subtitles(tmp_path / "a.srt")] == ["A --> C"]


def test_other_tables_have_no_timeline():
    for table in (pd.DataFrame({"a": [1]}), pd.DataFrame({"start": []})):
        with pytest.raises(BadInput, match="a table of read_clip"):
            timeline(table)
