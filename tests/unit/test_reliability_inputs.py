"""Hostile inputs of every kind in one run, and any value at all as an argument."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from harness import quietly
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import emorec
from emorec import TextClassifier, images, training
from emorec.datasets.readers.table import from_table
from emorec.errors import EmorecError
from emorec.voice.sound import as_sound

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
import targets  # noqa: E402

# --- hostile inputs


def hostile_texts(n):
    rng = np.random.default_rng(0)
    pieces = [
        "", " ", "\0", "\ud800", "é" * 9, "\u202e", "😀" * 30, "a" * 5000, "\n\n", "<script>", "{}", "%s", "\ufeff",
        "\u0301" * 99, "good", "ich", "感情", "NaN", "-", "'; DROP TABLE", "\x1b[31m", "1e999",
    ]  # fmt: skip
    return [" ".join(rng.choice(pieces, rng.integers(0, 9))) for _ in range(n)]


@pytest.mark.slow
@pytest.mark.fault("1,000 hostile sentences, in one run", "probabilities that sum to 1, or `BadInput`")
def test_hostile_sentences(saved_classifier):
    answered = 0
    for text in [*hostile_texts(990), None, 7, 1.5, b"bytes", [], {}, object(), np.nan, ("a",), True]:
        try:
            p = quietly(saved_classifier.predict_proba, [text])
        except EmorecError:
            continue
        answered += 1
        assert p.shape == (1, len(saved_classifier.label_set_)) and np.isclose(p.sum(), 1) and np.isfinite(p).all()
    assert answered > 500


@pytest.mark.fault(
    "300 damaged pictures and 100 damaged sounds, in one run", "what is whole is read; `DataCorrupt` or `BadInput` else"
)
@pytest.mark.parametrize("kind, n", [("picture", 300), ("sound", 100)])
def test_hostile_files(kind, n, tmp_path):
    rng, seeds = np.random.default_rng(1), targets.seeds(kind)
    read = sum(targets.read(kind, targets.mutated(seeds[i % len(seeds)], rng), tmp_path) for i in range(n))
    assert 0 < read < n


@pytest.mark.slow
@pytest.mark.fault(
    "Thousands of mutated pickles, HDF5 files, archives, tables and word vectors, read in a process of their own",
    "the process lives; every file is read or refused with an error of this package",
)
def test_mutated_files_in_a_child_process(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for kind, n in {"pickle": 2000, "hdf5": 300, "archive": 500, "text": 300, "vectors": 300}.items():
        command = [sys.executable, ROOT / "tests/fuzz/run.py", kind, "--folder", tmp_path, "--mutated", str(n)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (kind, done.returncode, done.stdout[-2000:], done.stderr[-2000:])


@pytest.mark.parametrize("path", sorted((ROOT / "tests/fuzz/found").glob("*-*")), ids=lambda p: p.name)
def test_cases_that_fuzzing_met(path, tmp_path, monkeypatch):
    from emorec import classifier

    # models are read with networks of their own, see `targets`: undone after the test
    monkeypatch.setattr(classifier, "_read_network", classifier._read_network)
    monkeypatch.setattr(targets, "_NETWORKS", {})
    targets.read(path.name.partition("-")[0], path.read_bytes(), tmp_path)


# --- any value at all, as hypothesis makes it

ANY = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20) | some.binary(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
ENTRIES = {
    "TextClassifier.predict_proba": lambda value: SHARED["text"].predict_proba(value),
    "TextClassifier.predict": lambda value: SHARED["text"].predict([value]),
    "TextClassifier.fit": lambda value: TextClassifier("mlp", epochs=1).fit(value, value, progress=None),
    "TextClassifier.load": lambda value: TextClassifier.load(value) if isinstance(value, str) else None,
    "images.as_picture": images.as_picture,
    "voice.as_sound": as_sound,
    "datasets.from_table": lambda value: from_table(value) if isinstance(value, str) else None,
    "datasets.load": lambda value: emorec.datasets.load(value),
    "emorec.load": lambda value: emorec.load(value) if isinstance(value, str) else None,
    "TrainingOptions": lambda value: training.TrainingOptions(epochs=value, learning_rate=value, seed=value),
}
SHARED: dict = {}


@pytest.mark.fault(
    "Any value at all as an argument of a public function (hypothesis)", "an answer, or an error of this package"
)
@pytest.mark.parametrize("entry", ENTRIES)
def test_any_value_gives_an_answer_or_an_error_of_ours(entry, saved_classifier):
    SHARED["text"] = saved_classifier

    @QUICK
    @given(ANY)
    def holds(value):
        try:
            quietly(ENTRIES[entry], value)
        except EmorecError:
            pass

    holds()
