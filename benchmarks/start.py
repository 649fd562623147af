"""From a cold start to the first answer, and what the collection of notebooks costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, at_most, in_child

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

_IMPORT = "import time; t = time.perf_counter(); import emorec; print(time.perf_counter() - t)"
_ANSWER = """
import sys, time
start = time.perf_counter()
import emorec
model = emorec.load(sys.argv[1])
loaded = time.perf_counter()
model.predict_proba(["I passed the exam!!!"])
print(time.perf_counter() - start)
"""


def cold(repeats: int = 3) -> Iterator[Row]:
    """Seconds in a fresh Python, the files of the libraries in memory, as the first call of each is left out."""
    times = {"import": [], "text-emotion-small": [], "text-emotion": []}
    for turn in range(repeats + 1):
        for name in times:
            (seconds,) = in_child(_IMPORT) if name == "import" else in_child(_ANSWER, name)
            if turn:
                times[name].append(seconds)
    yield at_most("import", "import emorec", 1e3 * np.array(times["import"]), "ms")
    for name in ("text-emotion-small", "text-emotion"):
        what = f"from a fresh Python to the first answer of {name} (TensorFlow's import is most of it)"
        yield at_most(f"cold-{name}", what, times[name], "s")


def collection(repeats: int = 1) -> Iterator[Row]:
    """CPU minutes of all notebooks and the most memory that one of them took, as their builds recorded them."""
    stamps = [json.loads(path.read_text(encoding="utf-8"))["metadata"].get("emorec", {})
              for path in sorted(NOTEBOOKS.rglob("*.ipynb"))]  # fmt: skip
    minutes = sum(stamp.get("cpu_seconds", 0) for stamp in stamps) / 60
    what = f"the whole collection, {len(stamps)} notebooks, built on one core (recorded when each was built)"
    yield Row("collection", what, "", "CPU minutes", minutes, minutes, minutes, least=False)
    peaks = [stamp["peak_memory_mib"] for stamp in stamps if stamp.get("peak_memory_mib")]
    if peaks:
        what = f"the most memory that a notebook took (of the {len(peaks)} whose build recorded it)"
        yield Row("collection-memory", what, "", "MiB", max(peaks), min(peaks), max(peaks), least=False)


BENCHMARKS = (cold, collection)
