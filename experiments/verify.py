"""Records that come again: one recorded run of an experiment done anew, and what differs."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from emorec.errors import BadInput, EmorecError
from emorec.files import write_text
from emorec.types import FilePath
from experiments.runs import Run, compute, recorded, results_folder

TOLERANCE = 1e-4
# Environment variables of the number of threads, for linear algebra and for TensorFlow.
VARIABLES = {"blas": ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "tensorflow": ("TF_NUM_INTRAOP_THREADS",)}


def verify(name: str, runs: Sequence[Run], folder: FilePath | None = None) -> dict[str, Any]:
    """Does a recorded run anew in a process of its own, under the threads of its record, and compares the metrics.

    Args:
        name: The experiment.
        runs: Those to choose from: the quickest network or model with a record is taken, else the quickest baseline.
        folder: Where the records are; None takes the checkout's results/.

    Returns:
        What is kept in ``verified.json`` beside the records: ``experiment``, ``run`` (dataset, model, fold, seed),
        ``equal``, ``largest`` (difference of a number among the metrics, or None), ``metric`` that has it,
        ``differs`` (what else is not as it was: sentences), ``seconds``, ``threads``, ``commit``, ``date``.

    Raises:
        BadInput: None of the runs has a record.
    """
    record, run = _chosen(name, runs, folder)
    entry = {
        "experiment": name,
        "run": {key: record["run"][key] for key in ("dataset", "model", "fold", "seed")},
        "recorded": {key: record.get(key) for key in ("date", "commit", "device", "threads", "seconds")},
        "equal": False,
        "largest": None,
        "metric": None,
    }
    try:
        again = _anew(run, record)
    except EmorecError as error:
        entry |= {"differs": [f"{type(error).__name__}: {str(error).splitlines()[0]}"]}
    else:
        largest, metric = largest_difference(record["metrics"], again["metrics"])
        entry |= {"equal": largest <= TOLERANCE, "largest": round(largest, 5), "metric": metric}
        entry |= {"differs": differences(record, again)}
        entry |= {key: again[key] for key in ("seconds", "threads", "commit", "date")}
    _keep(entry, folder)
    return entry


def _chosen(name, runs, folder):
    """The quickest recorded run that is worth it: (record, run)."""
    there = {}
    for run in runs:
        if (record := recorded(run, folder)) is not None:
            there[run.baseline, record["seconds"], run.slug] = record, run
    if not there:
        raise BadInput(f"Nothing of {name!r} that was asked for is recorded: python -m experiments {name}")
    return there[min(there)]


def _anew(run, record):
    """The outcome of a run in a new process with as many threads as the record tells of."""
    chosen = environment(record.get("threads") or {})
    before = {variable: os.environ.get(variable) for variable in chosen}
    os.environ.update(chosen)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return json.loads(json.dumps(process.submit(compute, run).result(), default=float))
    finally:
        for variable, value in before.items():
            os.environ.pop(variable, None) if value is None else os.environ.update({variable: value})


def environment(threads: dict) -> dict[str, str]:
    """Environment variables that bring the recorded threads back; older records name the variables themselves."""
    chosen = {name: str(threads[kind]) for kind, names in VARIABLES.items() if threads.get(kind) for name in names}
    known = [name for names in VARIABLES.values() for name in names]
    return chosen | {name: str(threads[name]) for name in known if threads.get(name)}


def largest_difference(first: Any, second: Any, name: str = "") -> tuple[float, str]:
    """The largest difference between numbers of two nested outcomes, and the name of the number that has it.

    A number that the second lacks counts as infinitely far; what it has besides the first is left out, such as the
    interval of a number that had none when it was recorded.

    Example:
        >>> largest_difference({"accuracy": [0.5, 0.4, 0.6], "ece": 0.1}, {"accuracy": [0.5, 0.4, 0.75], "ece": 0.1})
        (0.15000000000000002, 'accuracy')
    """
    if isinstance(first, dict) and isinstance(second, dict):
        parts = [largest_difference(first.get(key), second.get(key), name or key) for key in first]
    elif isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)) and len(first) == len(second):
        parts = [largest_difference(a, b, name) for a, b in zip(first, second)]
    elif isinstance(first, (int, float)) and isinstance(second, (list, tuple)) and second:
        return largest_difference(first, second[0], name)
    elif first is None and second is None:
        return 0.0, name
    elif isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return abs(float(first) - float(second)), name
    else:
        return float("inf"), name
    return max(parts, default=(0.0, name))


def differences(record: dict, again: dict) -> list[str]:
    """What else was not the same: short phrases on device, threads, versions and code."""
    phrases = []
    if record["device"] != again["device"]:
        phrases.append(f"device {record['device']}, now {again['device']}")
    if not record.get("threads"):
        phrases.append("threads not recorded")
    elif environment(record["threads"]) != environment(again["threads"]) and "blas" in record["threads"]:
        phrases.append(f"threads {record['threads']}, now {again['threads']}")
    for package, version in record["versions"].items():
        if package != "emorec" and (now := again["versions"].get(package)) != version:
            phrases.append(f"{package} {version}, now {now}")
    if not record.get("commit"):
        phrases.append(f"commit not recorded (emorec {record['versions'].get('emorec')}, {record['date']})")
    return phrases


def verified_file(folder: FilePath | None = None) -> Path:
    """``verified.json`` beside the records."""
    return Path(folder or results_folder()) / "verified.json"


def load_verified(folder: FilePath | None = None) -> dict[str, dict]:
    """Experiment to the entry of its last verification, in alphabetical order."""
    path = verified_file(folder)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _keep(entry, folder):
    entries = dict(sorted((load_verified(folder) | {entry["experiment"]: entry}).items()))
    write_text(verified_file(folder), json.dumps(entries, indent=1) + "\n")


def sentence(entry: dict) -> str:
    """What came out, as a line of text."""
    run = entry["run"]
    fold = "" if run["fold"] is None else f", fold {run['fold']}"
    what = f"{entry['experiment']}: {run['model']} on {run['dataset']}{fold}, seed {run['seed']}"
    if entry["largest"] is None:
        return f"{what}: not done anew. {entry['differs'][0]}"
    how = "comes again" if entry["equal"] else f"differs by {entry['largest']:.5f} in {entry['metric']}"
    return f"{what} {how}." + (f" Not as it was: {'; '.join(entry['differs'])}." if entry["differs"] else "")
