"""python -m benchmarks [NAMES]: writes benchmarks/results.json; `python -m tools generated` makes the page of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measure import measure_group

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
# Each is a module here; its processes are its own, so that no memory or thread is handed on.
GROUPS = ("attention", "text", "faces", "voice", "start", "growth")


def machine() -> dict:
    """Processor, cores, memory, system and versions."""
    from emorec import reporting

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": memory and round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": reporting.versions(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the groups that are named, all without names, and replaces their results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="NAMES", help=f"of {', '.join(GROUPS)}; none: all")
    parser.add_argument("--repeats", type=int, help="measured turns; default: as many as each needs")
    options = parser.parse_args(arguments)
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(GROUPS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from experiments.runs import commit

    if (load := os.getloadavg()[0]) > 0.5 * (os.cpu_count() or 1):
        print(f"This machine is busy (load {load:.1f}, {os.cpu_count()} cores): costs come out too high, and ratios "
              "shift. Better measure when nothing else runs.", file=sys.stderr)  # fmt: skip
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"runs": {}}
    started = time.perf_counter()
    for group in options.groups or GROUPS:
        load, begun = os.getloadavg()[0], time.perf_counter()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            rows, curves = process.submit(measure_group, group, options.repeats).result()
        kept["runs"][group] = {
            "date": date.today().isoformat(), "commit": commit(), "load_before": round(load, 1),
            "seconds": round(time.perf_counter() - begun, 1), "machine": machine(), "rows": rows, "curves": curves,
        }  # fmt: skip
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} s in all; written: {RESULTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
