"""RESULTS.md and the tables of results in README and notebooks, written from results/."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from emorec.types import FilePath
from experiments import tables
from experiments.runs import ROOT, load_results

# A block of a document that is written anew: of a script, each line of it is a comment.
BLOCK = re.compile(
    r"(?P<head>^(?P<mark># |)<!-- results: (?P<name>[\w/.-]+) -->\n).*?(?P<tail>^(?P=mark)<!-- /results -->)",
    re.DOTALL | re.MULTILINE,
)
HEAD = """\
# Results

Written by `python -m tools results` from [results/](results), one JSON Lines file an experiment: each record there
holds dataset, split, protocol, seed, settings, epochs, device, versions, date and commit. *Baselines are in italics.*
Intervals are 95 %: over folds they are corrected for overlapping training sets, over seeds they join the spread between
seeds with the sampling error of the test split. `python -m experiments NAME` runs an experiment again.
"""


def filled(text: str, folder: FilePath | None = None) -> str:
    """A document's text with every block between ``<!-- results: NAME -->`` marks written anew.

    Args:
        text: Of a Markdown file or of a notebook's script.
        folder: Where the records are; None takes the checkout's results/.
    """

    def block(match):
        name = match["name"]
        table = tables.headlines(folder) if name == "headlines" else tables.table(name, folder)
        lines = "".join(f"{match['mark']}{line}".rstrip() + "\n" for line in table.split("\n"))
        return match["head"] + lines + match["tail"]

    return BLOCK.sub(block, text)


def filled_notebook(text: str, folder: FilePath | None = None) -> str:
    """The same for the text of an ``.ipynb`` file; as it is where nothing in it changes."""
    notebook = json.loads(text)
    before = json.dumps(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            if "<!-- results:" in source:
                cell["source"] = filled(source, folder)
    return text if json.dumps(notebook) == before else json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def page(folder: FilePath | None = None) -> str:
    """The text of RESULTS.md: every experiment that has records, then published numbers on the same data."""
    recorded = dict.fromkeys(record["run"]["experiment"] for record in load_results(folder=folder))
    known = [name for name in tables.descriptions()["experiment"] if name in recorded]
    names = [*known, *(name for name in recorded if name not in known)]
    chapters = [_chapter(name, folder) for name in names]
    contents = "\n".join(f"- [{_title(name)}](#{name})" for name in [*names, "literature"])
    return "\n".join([HEAD, contents, "", *chapters, _place("literature"), tables.literature(), ""])


def _title(name):
    return "Beside the literature" if name == "literature" else tables.described(name).get("title", name)


def _place(name):
    return f'<a id="{name}"></a>\n\n## {_title(name)}\n'


def _chapter(name, folder):
    about = tables.described(name)
    texts = [about.get("question"), about.get("note")]
    if "answer" in about:
        texts.append(tables.table(f"{name}/answer", folder))
    texts.append(tables.table(name, folder))
    if "notebook" in about:
        texts.append(f"Notebook: [{about['notebook']}](notebooks/{about['notebook']}.ipynb).")
    return _place(name) + "\n" + "\n\n".join(filter(None, texts)) + "\n"


def documents(folder: FilePath | None = None) -> Iterator[tuple[Path, Callable[[str], str]]]:
    """What is written from results/: pairs of a path and a function from its present text to the one it should have.

    Args:
        folder: Where the records are; None takes the checkout's results/.
    """
    yield ROOT / "RESULTS.md", lambda text: page(folder)
    for path in [ROOT / "README.md", *sorted((ROOT / "notebooks").rglob("*.py"))]:
        yield path, lambda text: filled(text, folder)
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        yield path, lambda text: filled_notebook(text, folder)
