"""Functions of runs for tests of the scheduling, importable in other processes."""

import os
import time
from pathlib import Path


def made(run):
    """A number that the declaration decides."""
    value = run.options["value"] + 0.01 * (run.fold or 0)
    return {"metrics": {"accuracy": [value, value - 0.05, value + 0.05]}, "protocol": "made up", "sizes": {"test": 30}}


def deadly(run):
    """Ends its process without a word the first time that it is called with this run, as the kernel does."""
    log = Path(run.options["log"])
    with log.open("a") as file:
        file.write(f"{run.fold}\n")
    if run.fold == run.options["fatal"] and log.read_text().split().count(str(run.fold)) == 1:
        time.sleep(0.2)
        os._exit(9)
    return made(run)


def failing(run):
    """Fails in fold 1."""
    if run.fold == 1:
        raise ValueError("no luck in fold 1")
    return made(run)


def fatal(run):
    """Ends its process, whenever it is called."""
    os._exit(9)
