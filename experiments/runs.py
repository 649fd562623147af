"""A run: a plain function of its declaration, and the record it leaves in results/."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np

from emorec import reporting
from emorec.checks import whole_number
from emorec.errors import BadInput
from emorec.files import written
from emorec.types import FilePath

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One training and one look at the test split.

    Attributes:
        experiment: The experiment it belongs to.
        dataset: Dataset name.
        model: The name its row has in tables.
        function: ``module:function`` that takes the run and returns a dict with at least ``metrics``.
        options: What the function needs to know, as JSON values.
        seed: Of weights, order and anything sampled.
        fold, folds: Which fold is the test split, of how many; None where the split is official.
        baseline: Whether the row is a baseline that the others are read against.
    """

    experiment: str
    dataset: str
    model: str
    function: str
    options: dict = field(default_factory=dict)
    seed: int = 0
    fold: int | None = None
    folds: int | None = None
    baseline: bool = False

    @property
    def key(self) -> tuple[str, str, int | None, int]:
        """What tells it from the other runs of its experiment: (dataset, model, fold, seed)."""
        return self.dataset, self.model, self.fold, self.seed

    @property
    def slug(self) -> str:
        """A name for files: ``fer2013-vgg-wide-seed0``."""
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.experiment} {self.model}".lower()).strip("-")
        fold = "" if self.fold is None else f"-fold{self.fold}"
        return f"{words}{fold}-seed{self.seed}"


def results_folder() -> Path:
    """``results/`` of the checkout."""
    return ROOT / "results"


def file_of(experiment: str, folder: FilePath | None = None) -> Path:
    """The JSON Lines file of an experiment: a record a line."""
    return Path(folder or results_folder()) / f"{experiment}.jsonl"


def recorded(run: Run, folder: FilePath | None = None) -> dict | None:
    """The record of a run, or None.

    Raises:
        BadInput: There is a record of this name that was made by another declaration: a number must not change its
            meaning silently.
    """
    for content in load_results(run.experiment, folder):
        if _key(content["run"]) == run.key:
            if content["run"] != json.loads(json.dumps(asdict(run))):
                path = file_of(run.experiment, folder)
                raise BadInput(f"{path} holds {run.slug} of another declaration; delete its line to run anew.")
            return content
    return None


def recorded_keys(experiment: str, folder: FilePath | None = None) -> set[tuple]:
    """(experiment, dataset, model, fold, seed) of every record."""
    return {(experiment, *_key(content["run"])) for content in load_results(experiment, folder)}


def _key(run):
    return run["dataset"], run["model"], run["fold"], run["seed"]


def execute(run: Run, folder: FilePath | None = None, command: str = "") -> dict:
    """Carries out a run unless it is recorded already; returns its record."""
    if (content := recorded(run, folder)) is not None:
        return content
    content = compute(run)
    if command:  # otherwise it is `python -m experiments` with the experiment's name
        content["command"] = command
    append(content, folder)
    return content


def compute(run: Run, threads: int | None = None) -> dict:
    """Carries out a run; returns what is to be recorded.

    Args:
        run: Its declaration.
        threads: Of TensorFlow and of linear algebra, see `limited_threads`.
    """
    module, _, function = run.function.partition(":")
    started = time.perf_counter()
    with limited_threads(threads):
        outcome = getattr(import_module(module), function)(run)
        facts = circumstances()
    seconds = round(time.perf_counter() - started, 1)
    return {"run": json.loads(json.dumps(asdict(run))), **outcome, "seconds": seconds, **facts}


@contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Lets linear algebra and TensorFlow use ``count`` threads in a block; None leaves them as they are.

    How many threads add up a sum decides its last bits, and after an optimizer's thousand steps the third digit of a
    score. TensorFlow reads its number once, when it first computes: afterwards another one is refused.
    """
    if count is None:
        yield
        return
    import tensorflow as tf
    from threadpoolctl import threadpool_limits

    count = whole_number("threads", count, 1)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
    except RuntimeError:
        there = tf.config.threading.get_intra_op_parallelism_threads()
        if there != count:
            raise BadInput(
                f"threads={count}: TensorFlow runs with {there or 'all'} already; start a new process."
            ) from None
    with threadpool_limits(count):
        yield


def circumstances() -> dict:
    """What else decides a number: device, threads, versions, the commit, and the day."""
    return {
        "device": reporting.device(),
        "threads": threads_in_use(),
        "versions": reporting.versions(),
        "commit": commit(),
        "date": date.today().isoformat(),
    }


def threads_in_use() -> dict[str, int | None]:
    """How many threads linear algebra and TensorFlow use now, and how many cores there are."""
    import tensorflow as tf
    from threadpoolctl import threadpool_info

    algebra = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    chosen = tf.config.threading.get_intra_op_parallelism_threads() or os.environ.get("TF_NUM_INTRAOP_THREADS")
    cores = os.cpu_count()
    return {"blas": max(algebra, default=None), "tensorflow": int(chosen or cores), "cores": cores}


def commit() -> str | None:
    """The commit of the checkout, with ``+`` where files differ from it; None outside of a repository."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", "emorec", "experiments"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return head[:12] + "+" * bool(changed)


def append(content: dict, folder: FilePath | None = None) -> None:
    """Adds a record as one line; safe between processes, and a line that a kill left unfinished is dropped first."""
    import filelock

    run = content["run"]
    try:
        rest = {name: _rounded(value) for name, value in content.items() if name != "run"}
        line = json.dumps({"run": run, **rest}, default=float, allow_nan=False, separators=(",", ":")) + "\n"
    except ValueError as error:
        raise BadInput(f"The outcome of {_key(run)} holds NaN or infinity, which JSON has no numbers for.") from error
    path = file_of(run["experiment"], folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = "the records before stay. Make room, and run the same again."
    with written(path, kept), filelock.FileLock(path.with_suffix(".lock")), open(path, "a+b") as file:
        file.seek(0)
        complete = file.read().rfind(b"\n") + 1
        file.truncate(complete)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _rounded(value):
    """Numbers to five decimals, in nested lists and dicts: more would say nothing, and double the file."""
    if isinstance(value, (float, np.floating)):
        return round(float(value), 5)
    if isinstance(value, dict):
        return {name: _rounded(x) for name, x in value.items()}
    return [_rounded(x) for x in value] if isinstance(value, (list, tuple)) else value


def load_results(experiment: str | None = None, folder: FilePath | None = None) -> list[dict]:
    """All records, of one experiment where it is named; a last line that was cut off is left out."""
    folder = Path(folder or results_folder())
    files = [file_of(experiment, folder)] if experiment else sorted(folder.glob("*.jsonl"))
    return [record for file in files if file.exists() for record in _records(file, file.stat().st_mtime_ns)]


@lru_cache(maxsize=32)
def _records(file, changed):
    """The records of a file as it was when it changed; a grid asks for them at every run."""
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
