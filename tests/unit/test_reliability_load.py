"""Many inputs, threads, a fork after TensorFlow ran, and no network."""

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from harness import SAVED, quietly

import emorec
from emorec.errors import EmorecError

ROOT = Path(__file__).resolve().parents[2]
LARGE = int(os.environ.get("EMOREC_LOAD", "1"))  # 1 in CI; EMOREC_LOAD=50 reads 100,000 sentences


def test_load_many_sentences_in_bounded_memory(saved_classifier):
    texts = [f"a good day number {i} , said to be fine" for i in range(500)]
    quietly(saved_classifier.predict_proba, texts)
    tracemalloc.start()
    peaks = []
    for n in (2000 * LARGE, 4000 * LARGE // 2):
        tracemalloc.reset_peak()
        quietly(saved_classifier.predict_proba, (texts * (n // 500 + 1))[:n])
        peaks.append(tracemalloc.get_traced_memory()[1] / n)
    tracemalloc.stop()
    assert max(peaks) < 20_000  # bytes a sentence


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


@pytest.mark.fault(
    "There is no network", "import, loading a model and reading inputs need none; a test forbids sockets"
)
def test_no_sockets_at_import_load_and_predict(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a socket")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, forbidden)
    names = [name for name in sys.modules if name == "emorec" or name.startswith("emorec.")]
    assert names
    code = (
        "import socket\nfor n in ('socket', 'create_connection', 'getaddrinfo'): setattr(socket, n, None)\n"
        "import emorec, emorec.text, emorec.faces, emorec.voice, emorec.multimodal, emorec.datasets"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == 0, done.stderr[-1000:]
    assert quietly(emorec.load("text-emotion-small").predict, ["I am happy"])[0] == "happiness"
    quietly(emorec.load(SAVED / "face.emorec").predict_proba, [np.zeros((48, 48), "uint8")])


def _answer(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return emorec.load(path).predict_proba(["a good day"]).tolist()


@pytest.mark.slow
@pytest.mark.fault("Several processes, started by spawn", "each has the answers that one process has")
def test_load_spawned_processes_have_equal_answers(saved_classifier):
    expected = quietly(saved_classifier.predict_proba, ["a good day"])
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        answers = pool.map(_answer, [str(SAVED / "text.emorec")] * 8)
    assert all(np.array_equal(answer, expected) for answer in answers)
