"""Many inputs, threads, processes, and a fork after TensorFlow ran."""

import gc
import io
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from harness import quietly
from PIL import Image

from emorec.errors import DataCorrupt, EmorecError
from emorec.images import as_picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.fault("Hundreds of predictions, one after the other", "memory does not grow")
def test_load_repeated_predictions_do_not_grow(saved_classifier):
    def after(n):
        for _ in range(n):
            quietly(saved_classifier.predict_proba, ["a good day"])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    first = after(100)
    last = after(400)
    tracemalloc.stop()
    assert last - first < 200_000  # bytes for 400 predictions


@pytest.mark.fault(
    "Large pictures that are damaged, one after the other", "the memory of each is free as soon as it is refused"
)
def test_a_refused_picture_is_not_kept():
    file = io.BytesIO()
    Image.new("RGB", (640, 480)).save(file, "BMP")
    gc.collect()
    gc.disable()  # a circle of references would wait for it, and a few large pictures do not call it
    try:
        refused = False
        try:
            as_picture(file.getvalue()[:-100])
        except DataCorrupt:  # pytest.raises would keep the error, and its frames
            refused = True
        assert refused and not [
            kept for kept in gc.get_objects() if isinstance(kept, Image.Image) and kept.size == (640, 480)
        ]
    finally:
        gc.enable()


@pytest.mark.fault("Eight threads share one classifier", "each has the answers that one thread has")
def test_load_eight_threads_have_equal_answers(saved_classifier):
    texts = ["a good day", "a bad film", "so sad", "what a surprise"]
    expected, answers = quietly(saved_classifier.predict_proba, texts), [None] * 8

    def work(number):
        answers[number] = [saved_classifier.predict_proba(texts) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(p, expected) for own in answers for p in own)


@pytest.mark.fault(
    "A process is forked after TensorFlow ran, and predicts", "an error that names spawn, where it would hang"
)
def test_a_fork_after_tensorflow_ran_is_an_error(saved_classifier):
    quietly(saved_classifier.predict_proba, ["a good day"])
    pid = os.fork()
    if pid == 0:  # nothing of TensorFlow runs here
        status = 1
        try:
            quietly(saved_classifier.predict_proba, ["a good day"])
        except EmorecError as error:
            status = 0 if "spawn" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.slow
@pytest.mark.fault(
    "100,000 sentences, 20,000 pictures, a thousand predictions, eight threads, eight processes started by spawn",
    "bounded memory that does not grow, and equal answers; a share of it in every run of the tests",
)
def test_load_in_a_process_of_its_own():
    """Two processes here, eight when the page is written: each takes half a gigabyte and ten seconds of a core."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, ROOT / "tests" / "unit" / "loads.py", "--share", "0.04"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    rows = {row["what"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert set(rows) == {"sentences", "pictures", "predictions", "threads", "processes"}, done.stderr[-2000:]
    assert all(row["right"] for row in rows.values()), rows
    assert rows["sentences"]["n"] == 4_000 and rows["sentences"]["mib"] < 300, rows
    assert rows["pictures"]["n"] == 800 and rows["pictures"]["mib"] < 300, rows
    assert rows["predictions"]["mib"] < 20 and rows["threads"]["n"] == 8 and rows["processes"]["n"] == 2, rows
