"""Times of several ways to do one thing, taken in turn, and the ratios between them; peak memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from emorec.reporting import quiet

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Row:
    """A line of docs/performance.md.

    Attributes:
        name: Under which results.json keeps it.
        what: What is measured.
        against: What a user would do instead; empty where there is nothing to compare with.
        unit: Of ``value``: ``x`` (times as fast, or as little), ``%``, ``ms``, ``s``, ``MB``, ``a second``.
        value, low, high: Median and quartiles over the repetitions.
        target: What the value has to reach; None: no target.
        least: Whether the target is a least value; else it is a most.
        costs: The costs themselves, name to number with unit, as text.
    """

    name: str
    what: str
    against: str
    unit: str
    value: float
    low: float
    high: float
    target: float | None = None
    least: bool = True
    costs: dict | None = None

    @property
    def met(self) -> bool:
        """Whether the target is reached; true without one."""
        return self.target is None or (self.value >= self.target if self.least else self.value <= self.target)

    def to_dict(self) -> dict:
        """As results.json keeps it."""
        kept = {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}
        return kept | {"met": self.met}


def interleaved(ways: dict[str, Callable[[], object]], repeats: int, warm: int = 1) -> dict[str, np.ndarray]:
    """Seconds of each way, float64 (repeats,); the ways take turns, so that a slow minute slows them all.

    Args:
        ways: Name to a function without arguments.
        repeats: Measured turns. warm: Turns before them, in which code is traced and files get into memory.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm + repeats):
        order = list(ways) if turn % 2 else list(ways)[::-1]
        for name in order:
            started = time.perf_counter()
            ways[name]()
            if turn >= warm:
                seconds[name].append(time.perf_counter() - started)
    return {name: np.array(times) for name, times in seconds.items()}


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """``value``, ``low`` and ``high``: median and quartiles."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"value": float(middle), "low": float(low), "high": float(high)}


def duration(seconds: float) -> str:
    """A time with three digits: ``3.21 ms``, ``1.05 s``."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def costs(seconds: dict[str, np.ndarray], share: float = 1.0) -> dict[str, str]:
    """Median times as text; ``share`` of each, where a turn does a thing several times."""
    return {name: duration(float(np.median(times)) * share) for name, times in seconds.items()}


def times_as_fast(
    name: str, what: str, against: str, seconds: dict[str, np.ndarray], target: float | None = None, share: float = 1.0
) -> Row:
    """A row from the seconds of ``emorec`` and of one other way: how many times as fast, turn by turn."""
    (other,) = (way for way in seconds if way != "emorec")
    ratio = seconds[other] / seconds["emorec"]
    return Row(name, what, against, "x", **spread(ratio), target=target, costs=costs(seconds, share))


def at_most(name: str, what: str, values: Sequence[float] | np.ndarray, unit: str, target: float | None = None) -> Row:
    """A row of a cost: median and quartiles of numbers in the unit."""
    return Row(name, what, "", unit, **spread(values), target=target, least=False)


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope in log-log over the upper half of the points, where fixed costs weigh least.

    Example:
        >>> round(exponent([1, 2, 4, 8], [1, 4, 16, 64]), 6)
        2.0
    """
    half = len(xs) // 2
    return float(np.polyfit(np.log(xs[half:]), np.log(ys[half:]), 1)[0])


# Memory


def held_memory() -> float:
    """MB that this process holds now (Linux; nan elsewhere), after what nobody uses went back to the system."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it, and keeps hundreds of MB without
        ctypes.CDLL(None).malloc_trim(0)
    return _held("VmRSS") if STATUS.exists() else float("nan")


def peak_memory(work: Callable[[], object], before: float | None = None) -> tuple[float, float]:
    """Seconds of some work, and MB that this process held at its peak above ``before``, or above now (Linux)."""
    clear = Path("/proc/self/clear_refs")
    if not STATUS.exists():
        started = time.perf_counter()
        work()
        return time.perf_counter() - started, float("nan")
    clear.write_text("5")  # the peak starts anew
    before, started = held_memory() if before is None else before, time.perf_counter()
    work()
    return time.perf_counter() - started, _held("VmHWM") - before


def _held(field):
    return int(re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())[1]) * 1024 / 1e6


def in_child(code: str, *arguments: str) -> list[float]:
    """The numbers that a fresh Python prints, separated by spaces, in its last line; warnings are left out."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return [float(number) for number in done.stdout.strip().splitlines()[-1].split()]


# A group of benchmarks


def measure_group(group: str, repeats: int | None) -> tuple[dict, dict]:
    """Runs the benchmarks of a module; (rows, curves) by name. A child process calls it."""
    rows, curves = {}, {}
    with quiet():
        benchmarks = import_module(f"benchmarks.{group}").BENCHMARKS
    for benchmark in benchmarks:
        started = time.perf_counter()
        for row in benchmark(*(() if repeats is None else (repeats,))):
            if isinstance(row, dict):
                curves[row["name"]] = row
                print(f"{row['name']}: cost grows with exponent {row['exponent']:.2f}", flush=True)
            else:
                rows[row.name] = row.to_dict()
                target = "" if row.target is None else f", {'at least' if row.least else 'at most'} {row.target:g}"
                verdict = "" if row.met else "  MISSED"
                print(f"{row.name}: {row.value:.3g} [{row.low:.3g}, {row.high:.3g}] {row.unit}{target}{verdict}"
                      f"  {row.costs or ''} ({time.perf_counter() - started:.0f} s)", flush=True)  # fmt: skip
    return rows, curves
