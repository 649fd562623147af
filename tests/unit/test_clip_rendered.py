"""The rendered film: its truth, its subtitles, and what `read_clip` finds in films of other makings."""

import warnings

import numpy as np
import pandas as pd
import pytest
from test_clip import RATE, Bright, Loud, Words, film

from emorec.errors import BadInput, DataCorrupt, LabelMismatch
from emorec.multimodal import clip, read_clip, read_subtitles, render_clip

av = pytest.importorskip("av", reason="PyAV is not installed: films are not made")


def test_the_truth_of_a_rendered_film(tmp_path):
    moments = [(0, "happiness", "happiness", "What a day!"), (1, "anger", None, "")]
    truth = render_clip(tmp_path / "talk.mp4", moments, size=96, rate=8)
    assert truth["speaker"].tolist() == ["Anna", "Ben"] and truth["start"][1] >= truth["end"][0]
    (cue,) = read_subtitles(tmp_path / "talk.srt")
    assert (cue.text, cue.speaker) == ("What a day!", "Anna") and cue.end == pytest.approx(truth["end"][0], abs=2e-3)
    sound = clip.read_sound(tmp_path / "talk.mp4").samples
    assert np.abs(sound[: int(truth["end"][0] * RATE)]).max() > 0.05
    assert np.abs(sound[int((truth["start"][1] + 0.2) * RATE) : -RATE // 5]).max() < 0.01
    again = render_clip(tmp_path / "again.mp4", moments, size=96, rate=8)
    pd.testing.assert_frame_equal(truth, again)


def test_what_cannot_be_rendered(tmp_path):
    for wrong in ([], [(7, "anger", None, "")]):
        with pytest.raises(BadInput):
            render_clip(tmp_path / "talk.mp4", wrong)
    with pytest.raises(LabelMismatch):
        render_clip(tmp_path / "talk.mp4", [(0, "bliss", None, "")])


def uneven(path, times, brightness, size=(48, 64), rotation=None):
    """A film whose frames are shown at these seconds, each for as long as until the next one."""
    from fractions import Fraction

    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=1000)
        video.height, video.width, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for second, value in zip(times, brightness):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), value, "uint8"), format="rgb24")
            frame.pts, frame.time_base = round(1000 * second), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def test_a_variable_frame_rate_and_gaps_keep_their_seconds(tmp_path):
    """Ten frames in the first second, then one a second: the picture turns bright at second 1, dark at second 4."""
    times = [*np.arange(0, 1, 0.1), 1.0, 2.0, 3.0, 4.0, 5.99]
    brightness = [60] * 10 + [200] * 3 + [60] * 2
    path = uneven(tmp_path / "uneven.mkv", times, brightness)
    table = read_clip(path, face=Bright(), voice=False, words=False, window=1.0, step=0.1)
    assert table["face"].tolist() == ["sadness", *["happiness"] * 3, *["sadness"] * 2]
    assert table["end"].to_numpy() == pytest.approx(np.linspace(0, 5.991, 7)[1:], abs=1e-3)


def test_subtitles_longer_than_the_film_and_none_that_speak(tmp_path):
    path = film(tmp_path / "short.mp4", brightness=(200,), loudness=(0.0,))
    table = read_clip(
        path, subtitles=[(0.2, 9.0, "I am happy")], face=Bright(), voice=Loud(), words=Words(), window=1.0
    )
    assert table["words"].tolist()[-1] == "happiness" and not table["has_voice"].any()


def test_of_a_film_cut_off_what_is_there_is_read(tmp_path):
    whole = film(tmp_path / "whole.mkv", loudness=(0.3,) * 4, brightness=(200,) * 4)
    data = whole.read_bytes()
    (tmp_path / "half.mkv").write_bytes(data[: len(data) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_clip(tmp_path / "half.mkv", face=Bright(), voice=Loud(), words=False, window=1.0)
    assert 0.5 < table["end"].max() < 4.5 and table["has_face"].any()


def turned(path):
    """Writes into an mp4 file that its picture is shown a quarter turn clockwise, as telephones held upright do."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44  # the matrix of the first track (ISO/IEC 14496-12, 8.3.2)
    assert data[start - 4] == 0 and data[start : start + 4] == (1 << 16).to_bytes(4, "big")
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[start : start + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in quarter)
    path.write_bytes(data)
    return path


class Upper(Bright):
    """A face model: a face where the upper half is the brighter one, as in an upright picture of the film below."""

    def predict_video(self, path, step=0.0):
        from emorec.faces.video import VideoFrames

        seen = super().predict_video(path, step)
        upright = [f[: len(f) // 2].mean() > f[len(f) // 2 :].mean() + 50 for f in VideoFrames(path)]
        return seen[upright]


def test_a_film_that_was_held_upright_is_read_upright(tmp_path):
    pictures = np.full((10, 48, 64, 3), 20, "uint8")
    pictures[:, :, :32] = 220  # the left half of the sensor is the upper half of the picture
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
    with pytest.raises(BadInput, match="nothing to read"):
        read_clip(path, face=Upper(), voice=False, words=False)
    assert read_clip(turned(path), face=Upper(), voice=False, words=False)["has_face"].all()


def test_a_film_without_any_stream_is_an_error(tmp_path):
    header = (108).to_bytes(4, "big") + b"mvhd" + bytes(12) + (1000).to_bytes(4, "big") + bytes(84)
    path = tmp_path / "empty.mp4"
    path.write_bytes(b"\0\0\0\x14ftypisom\0\0\2\0isom" + (116).to_bytes(4, "big") + b"moov" + header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((BadInput, DataCorrupt), match="nothing to read|cannot be read"):
            read_clip(path, face=Bright(), voice=Loud(), words=False)
