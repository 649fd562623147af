"""The README's table of notebooks: what a built notebook says of itself, written beside its question."""

from __future__ import annotations

import re

import nbformat

from emorec import reporting
from tools import notebooks

# A row keeps its first three cells, which are written by hand; the rest comes from the built notebook.
ROW = re.compile(r"^\| \[(?P<name>[\w/]+)\]\(\S+?\.ipynb\)[^|]*(?P<hand>\|[^|\n]*\|[^|\n]*\|)[^\n]*$", re.MULTILINE)
LAUNCH = re.compile(r"(<!-- launch (\S+) -->).*?(<!-- /launch -->)")


def filled(text):
    """A README with its launch buttons, and the cells of its table of notebooks that are not written by hand."""
    text = LAUNCH.sub(lambda m: m[1] + notebooks.launch_button(m[2]) + m[3], text)
    return ROW.sub(lambda m: _row(m["name"], m["hand"]), text)


def _row(name, hand):
    link = f"| [{name}](notebooks/{name}.ipynb) {notebooks.launch_button(name)}".rstrip()
    path = notebooks.script(name).with_suffix(".ipynb")
    if not path.exists():
        return f"{link} {hand} – | – | not built yet |"
    told = facts(nbformat.read(path, as_version=4))
    return f"{link} {hand} {told['minutes']} | {told['result']} | {told['verified']} |"


def facts(built):
    """What a built notebook says of itself, as short texts: minutes, result and verified."""
    stamp = built.metadata.get("emorec", {})
    versions = stamp.get("versions", {})
    known = {"python": "Python", "keras": "Keras"}
    kept = [f"{label} {versions[n].rpartition('.')[0]}" for n, label in known.items() if n in versions]
    numbers = {n: v for n, v in notebooks.results(built).items() if not re.search("majority|floor", n)}
    first = next((n for n, v in numbers.items() if isinstance(v, list)), next(iter(numbers), None))
    return {
        "minutes": f"{stamp['cpu_seconds'] / 60:.1f}" if "cpu_seconds" in stamp else "–",
        "result": "–" if first is None else f"{first}: {reporting.show(numbers[first])}",
        "verified": " · ".join([stamp.get("verified", "–"), *kept]),
    }
