"""The tables of docs/reliability.md: every fault that a test injects, by the tests' markers, and what fuzzing met."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import notebooks, site

PAGE = notebooks.ROOT / "docs" / "reliability.md"
TESTS = notebooks.ROOT / "tests"
RECORD = TESTS / "fuzz" / "record.jsonl"
LOADS = TESTS / "load.jsonl"
LOADED = {
    "sentences": "different sentences at once",
    "pictures": "different pictures of 64 pixels at once",
    "predictions": "sentences and pictures, one after the other",
    "threads": "threads that share one classifier, 20 times four sentences each",
    "processes": "processes started by spawn at once: all their memory",
}


def faults() -> list[tuple[str, str, str]]:
    """(what happens, what the user sees, test) of every test with the marker ``fault``, in the order of the files."""
    rows = []
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for node in (node for node in tree if isinstance(node, ast.FunctionDef)):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    what, seen = map(ast.literal_eval, mark.args)
                    rows.append((what, seen, f"{path.relative_to(notebooks.ROOT).as_posix()}::{node.name}"))  # type: ignore[attr-defined]
    return rows


def fault_table() -> str:
    """The table of faults."""
    lines = ["| what happens | what you see | test |", "|---|---|---|"]
    for what, seen, test in faults():
        file, _, name = test.rpartition("/")[2].partition("::")
        lines.append(f"| {what} | {seen} | `{name}` in {file} |")
    return "\n".join(lines)


def fuzz_table() -> str:
    """What was fuzzed, for how long, and what it met, summed over the runs of the record."""
    rows: dict = {}
    for line in RECORD.read_text(encoding="utf-8").splitlines():
        run = json.loads(line)
        row = rows.setdefault((run["kind"], run["how"]), {"cpu_seconds": 0, "files": 0, "finds": []})
        row["cpu_seconds"] += run["cpu_seconds"]
        row["files"] += run["files"]
        row["finds"] += [find for find in run["finds"] if find not in row["finds"]]
    lines = ["| files of | how | CPU minutes | files read | finds |", "|---|---|---|---|---|"]
    for (kind, how), row in rows.items():
        finds = "; ".join(row["finds"]) or "none"
        lines.append(f"| {kind} | {how} | {row['cpu_seconds'] / 60:.1f} | {row['files']:,} | {finds} |")
    return "\n".join(lines)


def load_table() -> str:
    """What many inputs, threads and processes took, by the last record of each."""
    rows = {row["what"]: row for row in map(json.loads, LOADS.read_text(encoding="utf-8").splitlines())}
    lines = ["| what | seconds | MiB more |", "|---|---|---|"]
    for what, words in LOADED.items():
        if what not in rows:
            continue
        row = rows[what]
        lines.append(f"| {row['n']:,} {words} | {row['seconds']:.1f} | {max(row['mib'], 0):.0f} |")
    return "\n".join(lines)


def documents() -> Iterator[tuple[Path, Callable[[str], str]]]:
    """Pairs of a path and a function from its present text to the one it should have."""
    yield PAGE, page


def page(text: str) -> str:
    """docs/reliability.md with its tables anew."""
    tables = {"faults": fault_table(), "fuzzing": fuzz_table(), "loads": load_table(), "limits": site.model_limits()}
    for name, table in tables.items():
        start, end = f"<!-- {name}: written by `python -m tools generated` -->", f"<!-- end of {name} -->"
        before, mark, rest = text.partition(start)
        if mark:
            text = f"{before}{start}\n{table}\n{end}{rest.partition(end)[2]}"
    return text
