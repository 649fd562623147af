"""The table of notebooks, notebooks/README.md: the questions of contents.toml beside what a built notebook records."""

import json
import re
import tomllib
from functools import lru_cache
from pathlib import Path

from tools import notebooks

HEAD = """\
# Notebooks

Written by `make generated` from `tools/contents.toml` and from what the built notebooks record of themselves.

Every notebook runs at once on bundled data, without a network; one form field switches to a real dataset. Minutes are
those of one core when it was built; a second core helps the larger networks only. Each ends with a cell in which you
type a sentence, or name a picture, of your own and run that cell alone. Numbers on bundled data are no benchmark: those
on real data are in [RESULTS.md](../RESULTS.md).
"""
COLUMNS = "| notebook | question | data out of the box | minutes | verified |\n|---|---|---|---|---|"


@lru_cache(maxsize=1)
def _contents():
    return tomllib.loads(Path(__file__).with_name("contents.toml").read_text(encoding="utf-8"))["part"]


def parts() -> list[tuple[str, list[str]]]:
    """The notebooks that are there, in the order of reading.

    Returns:
        List of (title, names); a part of which no notebook is there is left out.
    """
    left, sections = notebooks.names(), []
    for part in _contents():
        listed = [name for name in part["notebooks"] if name in left]
        if part["folder"]:
            listed += [n for n in left if n not in listed and n.startswith(f"{part['folder']}/")]
        left = [name for name in left if name not in listed]
        sections += [(part["title"], listed)] if listed else []
    return [*sections, ("More", left)] if left else sections


def listed(name: str) -> dict:
    """What contents.toml says of a notebook: a dict with question and data, empty where it says nothing."""
    return next((part["notebooks"][name] for part in _contents() if name in part["notebooks"]), {})


def heading(name: str) -> tuple[str, str]:
    """A notebook's title and the first sentence of its introduction, without marks."""
    text = re.sub(r"<!--.*?-->.*", "", notebooks.read(name).cells[0].source)
    title, _, rest = text.strip().lstrip("# ").partition("\n")
    plain = re.sub(r"[*`$]|\[([^]]*)\]\([^)]*\)", r"\1", " ".join(rest.split()))
    return title.strip(), re.split(r"(?<=[.?!]) +(?=[A-Z])", plain)[0]


def facts(name: str) -> tuple[str, str]:
    """What a built notebook records of itself, as short texts: (minutes, verified)."""
    path = notebooks.script(name).with_suffix(".ipynb")
    if not path.exists():
        return "–", "not built yet"
    stamp = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("emorec", {})
    versions = stamp.get("versions", {})
    known = {"python": "Python", "keras": "Keras"}
    kept = [f"{label} {versions[n].rpartition('.')[0]}" for n, label in known.items() if n in versions]
    minutes = f"{stamp['cpu_seconds'] / 60:.1f}" if "cpu_seconds" in stamp else "–"
    return minutes, " · ".join([stamp.get("verified", "–"), *kept])


def page() -> str:
    """The text of notebooks/README.md."""
    chapters = [f"## {title}\n\n{COLUMNS}\n" + "\n".join(map(_row, names)) for title, names in parts()]
    return "\n".join([HEAD, "\n\n".join(chapters), ""])


def _row(name):
    about = listed(name)
    question, data = about.get("question") or heading(name)[1], about.get("data", "–")
    link = f"[{name}]({name}.ipynb) {notebooks.launch_button(name)}".rstrip()
    return "| " + " | ".join([link, question, data, *facts(name)]) + " |"
