"""python -m emorec score: sentences and tables, in blocks, taken up again after a stop."""

import argparse
import csv
import io

import numpy as np
import pandas as pd
import pytest

from emorec import scoring
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.labels import POLARITY
from emorec.text.encoded import TextNotice
from emorec.voice.sound import SUFFIXES, SoundNotice


class Counting:
    """A text classifier whose answer is the length of the text; it counts what it was asked, and may fail on cue."""

    label_set_ = POLARITY

    def __init__(self, fail_after=None):
        self.asked, self.fail_after = 0, fail_after

    def score_texts(self, texts):
        self.asked += len(texts)
        if self.fail_after is not None and self.asked > self.fail_after:
            raise KeyboardInterrupt
        positive = np.array([min(len(text), 10) / 10 for text in texts])
        return np.stack([1 - positive, positive], axis=1), np.full(len(texts), 0.25)

    def answers(self, probabilities):
        return np.array(POLARITY.names, dtype=object)[probabilities.argmax(axis=1)]


def asked(*inputs, **others):
    """The options of a command line."""
    options = dict.fromkeys(("text", "out", "model", "subtitles", "explain", "encoding"))
    return argparse.Namespace(inputs=list(inputs), **options | others)


def table(path, rows, header=("id", "review")):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def scored(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_comes_back_with_its_answer_even_without_a_text(tmp_path):
    rows = [(1, "good, really\nvery good"), (2, ""), (3, "bad")]
    source = table(tmp_path / "reviews.csv", rows)
    assert scoring.score_table(source, "review", tmp_path / "out.csv", Counting(), progress=False) == 3
    out = scored(tmp_path / "out.csv")
    assert [row["emotion"] for row in out] == ["positive", "", "negative"]
    assert out[0]["review"] == rows[0][1] and out[0]["p_positive"] == "1.0000" and out[0]["unknown_words"] == "0.250"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "reviews.csv"]


def test_a_stopped_run_goes_on_after_the_last_complete_block(tmp_path):
    rows = [(i, "x" * (i % 11)) for i in range(1, 3000)]
    source, target = table(tmp_path / "reviews.csv", rows), tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        scoring.score_table(source, "review", target, Counting(fail_after=1500), progress=False)
    assert not target.exists()
    with open(tmp_path / "out.csv.part", "ab") as file:
        file.write(b"half a ro")  # what a kill leaves behind the last complete block
    rest = Counting()
    assert scoring.score_table(source, "review", target, rest, progress=False) == 2999
    assert rest.asked < 2000
    whole = tmp_path / "whole.csv"
    scoring.score_table(source, "review", whole, Counting(), progress=False)
    assert target.read_bytes() == whole.read_bytes()


def test_another_source_is_not_taken_up_where_the_first_one_stopped(tmp_path):
    source, target = table(tmp_path / "reviews.csv", [(i, "xxxx") for i in range(1200)]), tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        scoring.score_table(source, "review", target, Counting(fail_after=600), progress=False)
    table(source, [(i, "yyyyyyyyyyyy") for i in range(3)])
    assert scoring.score_table(source, "review", target, Counting(), progress=False) == 3
    assert {row["review"] for row in scored(target)} == {"yyyyyyyyyyyy"}


def test_faults_of_a_table_name_the_line_and_the_way_out(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("id,review\n1,nice film, but a terrible end\n", encoding="utf-8")
    with pytest.raises(DataCorrupt, match="line 2, has 3 cells"):
        scoring.score_table(bad, "review", tmp_path / "out.csv", Counting(), progress=False)
    bad.write_bytes("id,review\n1,café\n".encode("cp1252"))
    with pytest.raises(DataCorrupt, match="--encoding"):
        scoring.score_table(bad, "review", tmp_path / "out.csv", Counting(), progress=False)
    with pytest.raises(DataCorrupt, match="not in utf-16"):
        scoring.score_table(bad, "review", tmp_path / "out.csv", Counting(), encoding="utf-16", progress=False)
    assert scoring.score_table(bad, "review", tmp_path / "out.csv", Counting(), encoding="cp1252", progress=False) == 1
    with pytest.raises(BadInput, match="no column 'text'.*id, review"):
        scoring.score_table(table(bad, [(1, "x")]), "text", tmp_path / "out.csv", Counting(), progress=False)
    with pytest.raises(BadInput, match="is the table itself"):
        scoring.score_table(bad, "review", bad, Counting(), progress=False)
    with pytest.raises(BadInput, match=".csv or .tsv"):
        scoring.score_table(bad, "review", tmp_path / "out.xlsx", Counting(), progress=False)


def test_inputs_are_distinguished_by_the_ending_of_files_that_are_there(tmp_path):
    picture = tmp_path / "party.jpg"
    picture.write_bytes(b"")
    assert scoring._kind([str(picture)]) == "face"
    assert scoring._kind(["I passed!", "Meet me at 3.30"]) == "text"
    assert scoring.SOUNDS == SUFFIXES
    with pytest.raises(DataMissing, match="call.wav"):
        scoring._kind([str(tmp_path / "call.wav")])
    with pytest.raises(BadInput, match="several kinds"):
        scoring._kind([str(picture), "and a sentence"])


def test_a_folder_and_a_file_of_another_ending_are_no_sentences(tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "portrait").write_bytes(b"\xff\xd8")
    with pytest.raises(BadInput, match="predict_folder"):
        scoring._kind([str(tmp_path / "holiday")])
    with pytest.raises(BadInput, match="ending"):
        scoring._kind([str(tmp_path / "portrait")])


def test_a_model_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match="VoiceClassifier"):
        scoring._load(argparse.Namespace(model="voice-emotion"), "face")


def test_answers_go_to_the_file_that_is_named(tmp_path, capsys):
    table = pd.DataFrame({"file": ["a.jpg"], "label": ["anger"], "confidence": [0.5]})
    scoring._show(table, argparse.Namespace(out=str(tmp_path / "answers.csv")))
    assert pd.read_csv(tmp_path / "answers.csv").equals(table) and "1 rows" in capsys.readouterr().out
    scoring._show(table, argparse.Namespace(out=None))
    assert "anger" in capsys.readouterr().out


def test_a_film_and_a_long_sound_print_tables_that_fit(tmp_path, capsys, monkeypatch):
    from emorec.multimodal import clip
    from emorec.voice import synthesis

    long = "We waited for hours at the station, and nobody came to say why"
    whole = {name: ["happiness", None] for name in scoring.SHOWN} | {"confidence": [0.75, np.nan], "p": [0.5, 0.5]}
    whole |= {"start": [0.0, 2.0], "end": [2.0, 4.0], "text": [long, ""], "disagree": [True, False]}
    monkeypatch.setattr(clip, "read_clip", lambda path, subtitles: pd.DataFrame(whole))
    (tmp_path / "talk.mp4").write_bytes(b"film")
    options = asked(str(tmp_path / "talk.mp4"))
    scoring._score(options)
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) < 160 and "0.750" in shown[2] and "…" in shown[2] and "None" not in shown[3]
    options.out = str(tmp_path / "talk.csv")
    scoring._score(options)
    assert pd.read_csv(options.out)["text"][0] == long and "p" in pd.read_csv(options.out)
    capsys.readouterr()
    samples = np.concatenate([synthesis.voice("anger", k)[0].samples for k in range(3)])
    path = synthesis.Sound(samples).save(tmp_path / "call.wav")
    scoring._score(asked(str(path)))
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[:4] == ["start", "end", "speech", "label"] and len(rows) > 4
    scoring._score(asked(str(path), str(path)))
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[:2] == ["file", "emotion"] and len(rows) == 3
    for seconds in (1, 6):
        silent = synthesis.Sound(np.zeros(seconds * 16_000, "float32")).save(tmp_path / "silent.wav")
        with pytest.warns(SoundNotice, match="'silent.wav' is silent") as noticed:
            scoring._score(asked(str(silent)))
        assert [one.category for one in noticed].count(SoundNotice) == 1


@pytest.mark.parametrize(("delimiter", "ending"), [(";", ".csv"), ("\t", ".csv"), ("|", ".csv"), (";", ".tsv")])
def test_the_header_tells_what_separates_the_cells(tmp_path, delimiter, ending):
    source = tmp_path / f"reviews{ending}"
    source.write_text(f"\nid{delimiter} review\n1{delimiter}good, very good\n".replace("\n", "\r\n"), encoding="utf-8")
    assert scoring.score_table(source, "review", tmp_path / "out.csv", Counting(), progress=False) == 1
    assert scored(tmp_path / "out.csv")[0]["review"] == "good, very good"


@pytest.mark.parametrize("name", ["reviews.xlsx", "a.parquet", "a.json", "a.jsonl", "a.txt", "a.csv", "a.png", "a.mp4"])
def test_the_name_of_an_absent_file_is_no_sentence(tmp_path, name):
    with pytest.raises(DataMissing, match=name):
        scoring._kind([str(tmp_path / name)])
    with pytest.raises(DataMissing, match="reviews"):
        scoring._score(asked("reviews", text="review"))


def test_other_files_get_the_way_to_read_them(tmp_path):
    for name, advice in (("a.xlsx", "from_table"), ("a.json", "save it as one"), ("a.txt", "score - <")):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(BadInput, match=advice):
            scoring._kind([str(tmp_path / name)])


def test_options_that_do_not_fit_the_input_are_refused(tmp_path):
    (tmp_path / "tone.wav").write_bytes(b"")
    source = table(tmp_path / "bad.csv", [(1, "good")])
    for options, fault in (
        (asked(str(tmp_path / "tone.wav"), explain=True), "--explain is for sentences"),
        (asked("I am glad", subtitles="a.srt"), "--subtitles is for a film"),
        (asked(str(source), out=str(tmp_path / "x.csv")), "also needs --text COLUMN, as"),
        (asked(str(source), str(source), text="review"), "one table at a time and --out FILE"),
    ):
        with pytest.raises(BadInput, match=fault):
            scoring._score(options)


def test_sentences_of_standard_input_are_written_and_explained(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("I am not happy about the delay\n\nzxqv zxqv\n"))
    with pytest.warns(TextNotice) as noticed:
        scoring._score(asked("-", out=str(tmp_path / "s.csv"), explain=True, model="text-emotion-small"))
    assert len([one for one in noticed if one.category is TextNotice]) == 1
    shown, rows = capsys.readouterr().out, scored(tmp_path / "s.csv")
    assert [row["text"] for row in rows] == ["I am not happy about the delay", "zxqv zxqv"]
    assert rows[0]["emotion"] and rows[1]["unknown_words"] == "1.000" and "2 rows: " in shown
    header, words = shown.splitlines()[2:4]
    effects = [float(word.rsplit(" ", 1)[1]) for word in words.split(",")]
    assert "leave-one-out: percentage points" in header and "not " in words
    assert effects == sorted(effects, key=abs, reverse=True) and any(effects)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(BadInput, match="no sentence"):
        scoring._score(asked("-"))


def test_a_picture_without_a_face_is_answered_in_words(tmp_path, capsys, monkeypatch):
    class Faceless:
        def predict_faces(self, name):
            return pd.DataFrame(columns=["x", "label"])

    (tmp_path / "wall.png").write_bytes(b"")
    monkeypatch.setattr(scoring, "_load", lambda options, kind: Faceless())
    scoring._score(asked(str(tmp_path / "wall.png")))
    shown = capsys.readouterr().out
    assert "no face was found" in shown and "Empty" not in shown
