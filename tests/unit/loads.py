"""Many inputs, one prediction after the other, threads and processes: what each takes, as a line of JSON.

`python tests/unit/loads.py` reads as many as docs/reliability.md says and appends to tests/load.jsonl, of which the
page is written; ``--share 0.02`` is what the tests run.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np

import emorec

HERE = Path(__file__).parent
RECORD = HERE.parent / "load.jsonl"
SENTENCES, PICTURES, PREDICTIONS = 100_000, 20_000, 1_000
TEXTS = ["a good day", "a bad film", "so sad", "what a surprise"]


def memory():
    """Most memory that this process has held, MiB."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / (1024**2 if sys.platform == "darwin" else 1024)


def resident():
    """Memory that this process holds now, MiB; the most that it has held where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return memory()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def sentences(n):
    """N different sentences at once."""
    return at_once("text", [f"a good day number {i} , not to be forgotten" for i in range(n)])


def pictures(n):
    """N different pictures of 64 pixels at once."""
    return at_once("face", np.random.default_rng(0).integers(0, 256, (n, 64, 64), dtype="uint8"))


def at_once(kind, inputs):
    """All inputs in one prediction, after one that compiles."""
    made, n = emorec.load(HERE / "saved" / f"{kind}.emorec"), len(inputs)
    made.predict_proba(inputs[:500])
    before, start = memory(), time.perf_counter()
    probabilities = made.predict_proba(inputs)
    return {"n": n, "seconds": time.perf_counter() - start, "mib": memory() - before,
            "right": bool(np.allclose(probabilities.sum(axis=1), 1) and len(probabilities) == n)}  # fmt: skip


def predictions(n):
    """One sentence and one picture after the other: memory after a tenth of them, and at the end."""
    text, face = (emorec.load(HERE / "saved" / f"{kind}.emorec") for kind in ("text", "face"))
    picture = np.full((48, 48), 99, "uint8")
    expected = [text.predict_proba(TEXTS[i : i + 1]) for i in range(4)], face.predict_proba([picture])
    tenth, right, start = 0.0, True, time.perf_counter()
    for i in range(n):
        right &= np.array_equal(text.predict_proba(TEXTS[i % 4 : i % 4 + 1]), expected[0][i % 4])
        right &= np.array_equal(face.predict_proba([picture]), expected[1])
        if i == max(n // 10, 20):
            tenth = resident()
    return {"n": n, "seconds": time.perf_counter() - start, "mib": resident() - tenth, "right": right}


def threads(n):
    """Threads that share one classifier."""
    made = emorec.load(HERE / "saved" / "text.emorec")
    expected, answers, before, start = made.predict_proba(TEXTS), [None] * n, memory(), time.perf_counter()

    def work(number):
        answers[number] = [made.predict_proba(TEXTS) for _ in range(20)]

    started = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return {"n": n, "seconds": time.perf_counter() - start, "mib": memory() - before,
            "right": all(np.array_equal(p, expected) for own in answers for p in own)}  # fmt: skip


def _answer(_):
    warnings.simplefilter("ignore")
    return emorec.load(HERE / "saved" / "text.emorec").predict_proba(TEXTS).tolist(), os.getpid(), memory()


def processes(n):
    """Processes started by spawn, all at once; their memory added up."""
    expected, start = emorec.load(HERE / "saved" / "text.emorec").predict_proba(TEXTS), time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(n, maxtasksperchild=1) as pool:
        answers = pool.map(_answer, range(n), chunksize=1)
    own = {pid for _, pid, _ in answers}
    return {"n": len(own), "seconds": time.perf_counter() - start, "mib": sum(mib for _, _, mib in answers),
            "right": all(np.array_equal(answer, expected) for answer, _, _ in answers)}  # fmt: skip


LOADS = {"sentences": (sentences, SENTENCES), "pictures": (pictures, PICTURES),
         "predictions": (predictions, PREDICTIONS),
         "threads": (threads, 8), "processes": (processes, 8)}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs")
    parser.add_argument("what", nargs="*", default=list(LOADS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.what:
        load, n = LOADS[name]
        row = {"what": name} | load(n if name == "threads" else max(2, round(n * options.share)))
        row |= {"seconds": round(row["seconds"], 2), "mib": round(row["mib"], 1)}
        print(json.dumps(row), flush=True)
        if options.share == 1:
            with open(RECORD, "a", encoding="utf-8") as record:
                record.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
