"""Files that are written: a full disk, links, pipes and folders in their place, Ctrl-C in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from harness import SAVED, full_disk
from test_scoring import Counting, scored, table

import emorec
from emorec import checkpoints, exports, scoring, training
from emorec.__main__ import main
from emorec.datasets import cache, store
from emorec.errors import BadInput, DataMissing, EmorecError, FileRefused, NotWritten
from emorec.faces import video
from emorec.files import write_text
from emorec.multimodal import read_clip
from emorec.multimodal.rendered import render_clip

KINDS = ("text", "face", "voice", "multimodal")
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 48)).astype("uint8")


@pytest.fixture(autouse=True)
def interruptible():
    """A shell starts what runs in its background without Ctrl-C, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def classifier(kind):
    return emorec.load("voice-emotion" if kind == "voice" else SAVED / f"{kind}.emorec")


# --- a full disk


@pytest.mark.fault(
    "The disk is full while a classifier is saved",
    "`NotWritten`, which says so; the file that was there stays whole, and nothing half-written beside it",
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_the_saved_classifier_whole(kind, tmp_path):
    made, path = classifier(kind), tmp_path / "a.emorec"
    path.write_bytes(before := b"what was there before")
    for precision, room in (("float32", 100), ("float32", 20_000), ("int8", 100)):
        with (
            full_disk(room),
            pytest.raises(NotWritten, match="a.emorec cannot be written .*stays as it was. Make room"),
        ):
            made.save(path, precision)
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.emorec"]


WRITERS = {
    "a table of answers": ("out.csv", lambda made, place: scoring._show(_table(), _options(place))),
    "an annotated picture": ("out.png", lambda made, place: made.annotate(PICTURE, detect="none", output=place)),
    "an exported network": ("out.tflite", lambda made, place: made.export(place)),
    "a rendered film": ("out.mkv", lambda made, place: render_clip(place, [(0, "anger", None, "No!")], size=96)),
    "a page": ("README.md", lambda made, place: write_text(place, "A line of the page.\n" * 1000)),
}


def _table():
    import pandas as pd

    return pd.DataFrame({"text": [f"film {i}" for i in range(200)]})


def _options(out):
    import argparse

    return argparse.Namespace(out=str(out))


@pytest.mark.fault(
    "The disk is full while answers, a picture, an exported network or a page are written",
    "`NotWritten` (at the shell one line, status 2); the file that was there stays whole",
)
@pytest.mark.parametrize("what", WRITERS)
def test_a_full_disk_leaves_what_was_there(what, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "_tflite", lambda network: bytes(2000))
    (name, write), made = WRITERS[what], classifier("face")
    (tmp_path / name).write_bytes(b"before")
    with full_disk(), pytest.raises(NotWritten, match=name):
        write(made, tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"before" and os.listdir(tmp_path) == [name]
    write(made, tmp_path / name)
    assert (tmp_path / name).read_bytes() != b"before"


@pytest.mark.fault(
    "The disk of temporary files is full while a classifier is loaded", "`FileRefused`: its file is not called damaged"
)
def test_a_full_disk_is_no_damaged_file():
    with full_disk(), pytest.raises(FileRefused, match="make room.*TMPDIR"):
        classifier("text")


@pytest.mark.fault(
    "The disk is full while an annotated film is written, of which OpenCV says nothing",
    "`NotWritten`: how many frames arrived; no half film, and the one that was there stays",
)
@pytest.mark.parametrize("ending", [".avi", ".mp4"])
def test_a_full_disk_is_noticed_while_a_film_is_written(ending, tmp_path):
    path = tmp_path / f"film{ending}"

    def write(frames):
        with video.VideoFile(path, 10.0) as film:
            for seed in range(frames):
                film.add(np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype("uint8"))

    write(2)
    before = path.read_bytes()
    with full_disk(3000), pytest.raises(NotWritten, match="of 20 frames arrived"):
        write(20)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


@pytest.mark.fault(
    "The disk is full in the middle of `score --out`",
    "`NotWritten`: the rows up to then stay in `*.part`, and the same call goes on from there",
)
def test_a_full_disk_keeps_the_rows_that_were_scored(tmp_path):
    source, target = table(tmp_path / "reviews.csv", [(i, f"film {i}") for i in range(1500)]), tmp_path / "out.csv"
    target.write_text("before")
    with full_disk(30_000), pytest.raises(NotWritten, match=r"out.csv.part: make room.*goes on from there"):
        scoring.score_table(source, "review", target, Counting(), progress=False)
    assert target.read_text() == "before" and json.loads((tmp_path / "out.csv.part.json").read_text())["rows"] == 512
    again = Counting()
    assert scoring.score_table(source, "review", target, again, progress=False) == 1500
    assert again.asked == 1500 - 512 and [row["id"] for row in scored(target)] == [str(i) for i in range(1500)]
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "reviews.csv"]


@pytest.mark.fault("The disk of the user's cache is full", "what was read is answered with; it is made again next time")
def test_a_full_cache_costs_time_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path)
    with full_disk():
        kept = cache.arrays("tables", "a", 1, lambda: {"x": np.arange(1000)})
    assert kept["x"].sum() == 499_500 and not list(tmp_path.rglob("*.npz")) and not list(tmp_path.rglob(".writing*"))


# --- what stands in the place of a file


@pytest.mark.fault(
    "A folder, a pipe, a device, a loop of links or no name at all where a file is to be written",
    "an error before the work; nothing is replaced. A link stays one: what it leads to is written",
)
def test_only_files_are_replaced(tmp_path, monkeypatch):
    made = classifier("text")
    os.mkfifo(tmp_path / "pipe.emorec")
    (tmp_path / "folder.emorec").mkdir()
    os.symlink("loop.emorec", tmp_path / "loop.emorec")
    (tmp_path / "file.emorec").write_bytes(b"mine")
    for name in ("pipe.emorec", "folder.emorec", "loop.emorec", "file.emorec/a.emorec", ".", "a\0b"):
        with pytest.raises((BadInput, NotWritten)):
            made.save(f"{tmp_path}/{name}")
    for path in ("", None, 3, b"a.emorec", "/dev/null"):
        with pytest.raises(BadInput):
            made.save(path)
    assert (tmp_path / "pipe.emorec").is_fifo() and (tmp_path / "file.emorec").read_bytes() == b"mine"
    os.symlink(tmp_path / "kept.emorec", tmp_path / "link.emorec")
    made.save(tmp_path / "link.emorec")
    assert (tmp_path / "link.emorec").is_symlink() and emorec.load(tmp_path / "kept.emorec").classes_.size == 7


@pytest.mark.fault("A path begins with `~`, for reading or writing", "it is the user's home, as in a shell")
def test_a_tilde_is_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert classifier("text").save("~/a.emorec") == tmp_path / "home" / "a.emorec"
    assert emorec.load("~/a.emorec").classes_.size == emorec.TextClassifier.load("~/a.emorec").classes_.size == 7
    table(tmp_path / "home" / "reviews.csv", [(1, "good")])
    assert scoring.score_table("~/reviews.csv", "review", "~/out.csv", Counting(), progress=False) == 1
    assert os.listdir(tmp_path) == ["home"] and (tmp_path / "home" / "out.csv").exists()


@pytest.mark.fault(
    "`--out` names what is read, a folder, a pipe, another kind of file, or a place that may not be written to",
    "one line and status 2, before anything is scored",
)
def test_the_place_of_answers_is_looked_at_first(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scoring, "_load", lambda *_: pytest.fail("the work has begun"))
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "reviews.csv", [(1, "good")])
    Path("me.png").write_bytes(b"a picture")
    Path("folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    places = {"me.png": ("me.png", "answers.png", "folder.csv", "", "/proc/a.csv"),
              "reviews.csv": ("pipe.csv", "reviews.csv", "me.png/a.csv")}  # fmt: skip
    for source, out in ((source, out) for source, outs in places.items() for out in outs):
        column = ["--text", "review"] if source.endswith(".csv") else []
        assert main(["score", source, *column, "--out", out]) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error and ("out" in error or out in error), (out, error)
    assert Path("me.png").read_bytes() == b"a picture"


@pytest.mark.fault(
    "`score` meets a table with a column of one name twice, or one that is called as an answer is",
    "`BadInput` with the column",
)
@pytest.mark.parametrize("header", [("review", "review"), ("emotion", "review"), ("p_positive", "review")])
def test_no_column_of_answers_is_doubled(header, tmp_path):
    source = table(tmp_path / "reviews.csv", [("a", "b")], header)
    with pytest.raises(BadInput, match=f"{header[0]}.* twice"):
        scoring.score_table(source, "review", tmp_path / "out.csv", Counting(), progress=False)


@pytest.mark.fault("A table that is absent, or an encoding that Python lacks, for `score`", "an error that names it")
def test_sources_and_encodings_of_score(tmp_path):
    with pytest.raises(DataMissing, match="absent.csv"):
        scoring.score_table(tmp_path / "absent.csv", "review", tmp_path / "out.csv", Counting())
    source = table(tmp_path / "reviews.csv", [(1, "good")])
    for encoding in ("nosuch", "base64", ""):
        with pytest.raises(BadInput, match="encoding="):
            scoring.score_table(source, "review", tmp_path / "out.csv", Counting(), encoding=encoding)


@pytest.mark.fault(
    "A file may not be read (its rights, a damaged disk), or the disk is full while an archive is unpacked",
    "`FileRefused`, an OSError, which names the file and the way out; at the shell one line and status 2",
)
def test_refusals_of_the_system_are_explained(tmp_path, monkeypatch, capsys):
    (tmp_path / "me.png").write_bytes(b"x")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(FileRefused, match="me.png cannot be used .Permission denied.: look at its rights"):
        emorec.images.as_picture(tmp_path / "me.png")
    with pytest.raises(OSError):
        classifier("face").predict([tmp_path / "me.png"])
    with pytest.warns(UserWarning, match="1 of 2 pictures were skipped"):
        assert classifier("face").predict([tmp_path / "me.png", PICTURE], errors="skip")[0] is None
    monkeypatch.undo()
    for module, read in (("faces.video", classifier("face").predict_video), ("multimodal.clip", read_clip)):
        monkeypatch.setattr(f"emorec.{module}.open", lambda path, mode: refuse(path), raising=False)
        with pytest.raises(FileRefused, match="me.png cannot be used"):
            read(tmp_path / "me.png")
    with monkeypatch.context() as locked:
        locked.setattr(os, "scandir", refuse)
        with pytest.raises(FileRefused, match="Permission denied"):
            emorec.datasets.from_folder(tmp_path)
    monkeypatch.setattr(store, "locate", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(FileRefused, match="No space left on device.*make room"):
        emorec.datasets.load("fer2013")
    monkeypatch.setattr(scoring, "_kind", lambda *_: refuse("good"))
    assert main(["score", "good"]) == 2 and "PermissionError" in capsys.readouterr().err


# --- Ctrl-C


LABELS = ["down", "up"] * 20
rng = np.random.default_rng(0)
TEXTS = [f"{'good fine' if i % 2 else 'bad poor'} day {i}" for i in range(40)]
FACES = [np.full((24, 24), 60 + 120 * (i % 2), "uint8") + rng.integers(0, 40, (24, 24), "uint8") for i in range(40)]
SOUNDS = [(0.1 * rng.normal(size=4000).cumsum() / 50 if i % 2 else 0.1 * rng.normal(size=4000), 8000)
          for i in range(12)]  # fmt: skip


def fitting(kind, **options):
    """A small classifier and the call that trains it for at most ``options['epochs']``."""
    options = {"batch_size": 8, "seed": 3, "patience": 20} | options
    if kind == "face":
        made = emorec.FaceClassifier("lenet", size=24, width=2, augment="none", **options)
        return made, lambda **how: made.fit(FACES, LABELS, **how)
    if kind == "voice":
        made = emorec.VoiceClassifier("cnn", units=4, filters=4, speeds=(), **options)
        pair = (SOUNDS, LABELS[:12])
        return made, lambda **how: made.fit(*pair, validation=pair, **how)
    text = emorec.TextClassifier("mlp-average", "none", embedding_dim=8, units=8, min_count=1, bucketing=False,
                                 **options)  # fmt: skip
    if kind == "text":
        return text, lambda **how: text.fit(TEXTS, LABELS, **how)
    face = emorec.FaceClassifier("lenet", size=24, width=2, augment="none", **options | {"epochs": 1})
    made = emorec.MultimodalClassifier(face=face, text=text.set_params(epochs=1), **options)
    return made, lambda **how: made.fit(images=FACES, texts=TEXTS, labels=LABELS, **how)


def interrupting(start, n):
    """A receiver of lines that is interrupted, as by Ctrl-C, at the n-th that begins with some word."""
    lines = []

    def progress(line):
        lines.append(line)
        if line.startswith(start) and len([line for line in lines if line.startswith(start)]) == n:
            signal.raise_signal(signal.SIGINT)

    progress.lines = lines
    return progress


@pytest.mark.slow
@pytest.mark.fault(
    "Ctrl-C in the training of a face, a voice, or the fusion of several",
    "a line that says which epoch's weights are kept; the classifier answers with them, and can be saved",
)
@pytest.mark.parametrize("kind", ["face", "voice", "multimodal"])
def test_ctrl_c_leaves_every_classifier_usable(kind, tmp_path):
    made, fit = fitting(kind, epochs=9)
    progress = interrupting("epoch", 2)
    with pytest.raises(KeyboardInterrupt):
        fit(progress=progress)
    assert "interrupted after epoch 2: the best weights so far are kept" in progress.lines[-1]
    inputs = {"face": {"inputs": FACES[:4]}, "voice": {"inputs": SOUNDS[:4]}, "multimodal": {"images": FACES[:4]}}[kind]
    answers = made.predict_proba(**inputs)
    assert answers.shape == (4, 2) and len(made.history_.epochs) == 2
    assert np.allclose(emorec.load(made.save(tmp_path / "a.emorec")).predict_proba(**inputs), answers, atol=1e-5)
    if kind == "multimodal":  # the others' learning rate follows a cosine over all epochs
        whole, fit = fitting(kind, epochs=made.history_.best_epoch + 1)
        fit(progress=None)
        assert np.array_equal(whole.predict_proba(**inputs), answers)


@pytest.mark.fault(
    "Ctrl-C before anything usable is trained: in the first epoch, or in a part of several modalities",
    "a line that says so; the classifier stays as it was, and with a checkpoint the same call goes on",
)
def test_ctrl_c_before_anything_is_usable_says_so():
    made, fit = fitting("multimodal", epochs=3)
    progress = interrupting("image: epoch", 1)
    with pytest.raises(KeyboardInterrupt):
        fit(progress=progress)
    assert "this classifier stays as it was" in progress.lines[-1] and "checkpoint" in progress.lines[-1]
    with pytest.raises(emorec.classifier.NotTrained):
        made.predict(texts=["good"])
    network, lines = training.keras.Sequential([training.keras.Input((2,)), training.keras.layers.Dense(2)]), []
    with pytest.raises(training.Interrupted):
        training.fit(network, lambda epoch: interrupted(epoch), epochs=2, progress=lines.append)
    assert lines == ["interrupted before an epoch was complete: nothing is learnt yet"]


def interrupted(epoch, calls=[]):  # noqa: B006  counts: the first call only measures the data
    calls.append(epoch)
    if len(calls) > 1:
        raise KeyboardInterrupt
    return np.ones((4, 2), "float32"), np.eye(2, dtype="float32")[[0, 1, 0, 1]]


@pytest.mark.slow
@pytest.mark.fault(
    "Ctrl-C at the shell, in the middle of `python -m emorec score ... --out`",
    "one sentence, status 130; the rows so far stay, and the same command goes on from there",
)
def test_ctrl_c_at_the_shell_and_the_same_command_again(tmp_path):
    rows = [(i, f"a good day {i}") for i in range(2500)]
    source, target = table(tmp_path / "reviews.csv", rows), tmp_path / "out.csv"
    command = [sys.executable, "-m", "emorec", "score", source, "--text", "review", "--out", target]
    command += ["--model", SAVED / "text.emorec"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    slow = "import emorec.scoring as s, time; f = s._scored; s._scored = lambda *a: (time.sleep(0.5), f(*a))[1]; "
    begun = [sys.executable, "-c", slow + "from emorec.__main__ import main; raise SystemExit(main())", *command[3:]]
    process = subprocess.Popen(begun, env=environment, stderr=subprocess.PIPE, text=True)
    note = target.with_name("out.csv.part.json")
    until = time.monotonic() + 120
    while not note.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "stopped; run the same command again" in error, error
    assert "Traceback" not in error and json.loads(note.read_text())["rows"] >= 512 and not target.exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [row["id"] for row in scored(target)] == [str(i) for i, _ in rows]


@pytest.mark.fault(
    "A terminal, or a pipe, whose encoding lacks a letter; a name that is no UTF-8", "it is shown as an escape"
)
def test_what_a_terminal_lacks_is_shown_as_an_escape(tmp_path, monkeypatch):
    import io

    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", shown)
    assert main(["score", "a good day \N{GRINNING FACE} \udcff", "--model", str(SAVED / "text.emorec")]) == 0
    shown.flush()
    assert rb"a good day \U0001f600 \udcff" in shown.buffer.getvalue()


# --- the same faults for every classifier


@pytest.mark.fault(
    "Memory ends, or the loss becomes NaN or explodes, in the training of a text, a face, a voice or several",
    "`OutOfMemory` with a smaller batch_size, or `BadInput` with what to lower; the classifier stays as it was",
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_classifier_stops_with_advice(kind, monkeypatch):
    import tensorflow as tf

    made, fit = fitting(kind, epochs=2)
    for loss, error, words in (
        (None, training.OutOfMemory, r"batch_size=\d+"),
        (np.nan, BadInput, "lower the learning rate"),
        (1e6, BadInput, "exploded.*learning_rate"),
    ):

        def end(*_, loss=loss, **__):
            if loss is None:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
            return _History(loss)

        monkeypatch.setattr("keras.Model.fit", end)
        monkeypatch.setattr("keras.Model.train_on_batch", lambda *_, end=end, **__: {"loss": end().history["loss"][0]})
        with pytest.raises(error, match=words):
            fit(progress=None)
        assert not hasattr(made, "model_")


class _History:
    def __init__(self, loss):
        self.history = {"loss": [loss]}


@pytest.mark.parametrize("kind", KINDS)
def test_every_classifier_names_the_knob_where_memory_ends_in_scoring(kind, monkeypatch):
    made = classifier(kind)

    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr("keras.Model.predict_on_batch", full)
    inputs = {"text": ["a good day"], "face": PICTURE[None], "voice": [SOUNDS[0]],
              "multimodal": {"text": ["good"], "image": [None]}}[kind]  # fmt: skip
    with pytest.raises(training.OutOfMemory, match="batch_size"):
        made.predict_proba(inputs)


@pytest.mark.slow
@pytest.mark.fault(
    "A network or an input is larger than the memory",
    "`OutOfMemory`, which names what makes a network smaller",
)
def test_a_network_larger_than_the_memory_names_the_knobs():
    made = emorec.TextClassifier("mlp-average", "none", embedding_dim=10**12, min_count=1)
    with pytest.raises(training.OutOfMemory, match="units, layers, width, embedding_dim"):
        made.fit(TEXTS, LABELS, progress=None)
    assert issubclass(training.OutOfMemory, EmorecError)


# --- what else a shell hands over


@pytest.mark.fault(
    "Options of `score` that are empty, for another kind of input, or that contradict each other",
    "one line that names the option, and status 2; a value that is not used is never passed over",
)
@pytest.mark.parametrize("arguments, words", [
    (["I am happy", "--model", ""], "model is empty"),
    (["I am happy", "--encoding", "cp1252"], "--encoding is for a table"),
    (["-", "I am happy"], "comes alone"),
    (["film.mp4", "--model", "text-emotion-small"], "--model is not for it"),
])  # fmt: skip
def test_options_that_say_nothing_or_two_things(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"film")
    assert main(["score", *arguments]) == 2 and words in capsys.readouterr().err


@pytest.mark.fault(
    "Tables for `score` in UTF-16, with a byte-order mark, a cell of a million letters, blank lines, or packed",
    "every row once; `BadInput` where it is another kind of file. A refused table leaves no file behind",
)
def test_tables_of_every_kind_for_score(tmp_path):
    rows = "text,n\n" + "".join(f"good day,{n}\n" for n in range(3))
    out = tmp_path / "out.csv"
    for data, encoding in (
        (rows.encode("utf-16"), None), (rows.encode("utf-8-sig"), None), (rows.encode("utf-8-sig"), "utf-8"),
        ((rows.replace("good", "good " * 50_000)).encode(), None), ((rows + "   \n,,,\n\n").encode(), None),
        (rows.replace("\n", "\r").encode(), None), ('\ufeff"text","n"\n"a, b",1\n"c",2\nd,3\n'.encode("utf-16-le"),
         "utf-16-le"),
    ):  # fmt: skip
        (tmp_path / "in.csv").write_bytes(data)
        assert scoring.score_table(tmp_path / "in.csv", "text", out, Counting(), encoding=encoding, progress=False) == 3
        assert list(scored(out)[0])[:3] == ["text", "n", "emotion"] and len(scored(out)) == 3
        out.unlink()
    for data in (
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        b"<!doctype html>",
        b"",
        b"text,n\ngood\n",
        b'text,n\n"a,1\n',
        b"\xff\n",
    ):
        (tmp_path / "in.csv").write_bytes(data)
        with pytest.raises(EmorecError):
            scoring.score_table(tmp_path / "in.csv", "text", out, Counting(), progress=False)
        assert os.listdir(tmp_path) == ["in.csv"]


@pytest.mark.fault(
    "Two stray quotation marks in a table for `score`: the rows between them become one cell",
    "a notice that names the line; a text that goes over lines is none",
)
def test_swallowed_rows_are_noticed_by_score(tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('text,n\n"so good,1\nbad,2\nfine",3\n')
    with pytest.warns(UserWarning, match="goes over 3 lines, up to line 4"):
        scoring.score_table(source, "text", out, Counting(), progress=False)
    source.write_text('text,n\n"so good\nbad\nfine",3\n')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scoring.score_table(source, "text", out, Counting(), progress=False)


@pytest.mark.fault(
    "`score` goes on after it was stopped, and the model's file or the encoding is another one by now",
    "it begins anew: answers of two models never stand in one table",
)
def test_a_table_is_never_scored_by_two_models(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "BLOCK", 2)
    source, out, model = (
        table(tmp_path / "in.csv", [[i, "good"] for i in range(5)]),
        tmp_path / "out.csv",
        tmp_path / "m",
    )
    for settings in ({"encoding": "utf-8"}, {"encoding": "cp1252"}, {"model": str(model)}, {"model": str(model)}):
        model.write_bytes(os.urandom(9 + len(settings)))
        os.utime(model, ns=(time.time_ns(), time.time_ns()))
        with pytest.raises(KeyboardInterrupt):
            scoring.score_table(source, "review", out, Counting(fail_after=2), progress=False, **settings)
        assert json.loads((tmp_path / "out.csv.part.json").read_text())["rows"] == 2


@pytest.mark.fault(
    "Names of files, and sentences, with bytes that are no UTF-8: in folders and in tables of answers",
    "they are read; in ids and answers the byte is an escape",
)
def test_names_that_are_no_text(tmp_path, capsys):
    import soundfile
    from PIL import Image

    folder = os.fsencode(tmp_path / "faces")
    for name in (b"happy", b"s\xff"):
        os.makedirs(folder + b"/" + name)
        for number in range(12):
            Image.fromarray(np.roll(PICTURE, number + 7 * len(name))).save(
                folder + b"/" + name + b"/\xfe%d.png" % number, "PNG"
            )
    loaded = emorec.datasets.from_folder(tmp_path / "faces", folds=4)
    assert set(loaded.label_set) == {"happy", r"s\udcff"} and all(r"\udcfe" in name for name in loaded.train.ids)
    table, skipped = classifier("face").predict_folder(tmp_path / "faces", detect="none")
    assert len(table) == 24 and not skipped
    tone = np.sin(np.arange(16000) / 7) * np.sin(np.arange(16000) / 900) / 2
    soundfile.write(os.fsencode(tmp_path) + b"/\xfe.wav", tone, 16000, format="WAV")
    for what, cell in (
        (os.fsdecode(os.fsencode(tmp_path) + b"/\xfe.wav"), r"\udcfe.wav"),
        ("bad \udcff day", r"bad \udcff day"),
    ):
        model = [] if cell.endswith("wav") else ["--model", str(SAVED / "text.emorec")]
        assert main(["score", what, *model, "--out", str(tmp_path / "out.csv")]) == 0
        assert cell in (tmp_path / "out.csv").read_text(encoding="utf-8")


@pytest.mark.fault(
    "A sound is saved under a name of no sound, over a folder, with NaN, or to a full disk",
    "`BadInput` or `NotWritten`; the file that was there stays whole",
)
def test_saved_sounds_are_whole_or_not_there(tmp_path):
    tone = np.sin(np.arange(8000) / 7).astype("float32") / 2
    path = tmp_path / "a.wav"
    path.write_bytes(before := b"what was there before")
    for sound, place in (
        (emorec.voice.Sound(tone * np.nan), path), (emorec.voice.Sound(tone, 10**12), path),
        (emorec.voice.Sound(tone), tmp_path), (emorec.voice.Sound(tone), tmp_path / "a.txt"),
        (emorec.voice.Sound(np.array(["a"])), path),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            sound.save(place)
    with full_disk(100), pytest.raises(NotWritten):
        emorec.voice.Sound(tone).save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.wav"]
    for ending in ("wav", "WAV", "aif", "flac"):
        assert emorec.voice.as_sound(emorec.voice.Sound(tone).save(tmp_path / f"b.{ending}")).seconds == 0.5


@pytest.mark.fault(
    "Standard input or output is closed, the working directory is gone, or a folder for checkpoints is a file",
    "one line that says so, before any work; what is closed is passed over",
)
def test_closed_streams_and_places_that_are_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["score", "-"]) == 2 and "Standard input is closed" in capsys.readouterr().err
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(BadInput, match="is no folder"):
        checkpoints.Checkpoint(tmp_path / "a.txt", None)
    monkeypatch.setenv("EMOREC_OUTPUT", str(tmp_path / "a.txt" / "b"))
    with pytest.raises(NotWritten):
        emorec.reporting.work_folder()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileRefused, match="working directory is no longer there"):
        emorec.reporting.work_folder()
    os.chdir(tmp_path)
    with open(os.devnull, "w") as nowhere, monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        closed.setattr(sys, "stderr", nowhere)
        assert main(["models"]) == 0


@pytest.mark.fault(
    "Two processes write one file of answers at once", "the second one is told so, and the first one's rows stay whole"
)
def test_two_processes_never_write_one_table(tmp_path):
    source, out = table(tmp_path / "in.csv", [[i, "good"] for i in range(5)]), tmp_path / "out.csv"

    class Meanwhile(Counting):
        def score_texts(self, texts):
            with pytest.raises(BadInput, match="Another process is writing .*out.csv.part"):
                scoring.score_table(source, "review", out, Counting(), progress=False)
            return super().score_texts(texts)

    assert scoring.score_table(source, "review", out, Meanwhile(), progress=False) == 5
    assert len(scored(out)) == 5 and sorted(os.listdir(tmp_path)) == ["in.csv", "out.csv"]
