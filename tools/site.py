"""The site: hooks of mkdocs that add the notebooks, results and data cards to docs/, and ``python -m tools site``.

mkdocs imports this file by the line ``hooks`` of mkdocs.yml. Formulas become MathML and figures files, so no page needs
a script, a font or a picture from another server.
"""

from __future__ import annotations

import base64
import logging
import re
import sys
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # mkdocs imports hooks by their path
    sys.path.insert(0, str(ROOT))

from typing import TYPE_CHECKING, Any  # noqa: E402

from emorec.errors import BadInput, DataMissing  # noqa: E402
from emorec.types import FilePath  # noqa: E402
from tools import notebooks, overview  # noqa: E402
from tools.formulas import put_back, set_aside  # noqa: E402
from tools.markup import still  # noqa: E402

if TYPE_CHECKING:
    import argparse

# Which figure stands on a notebook's card, by notebook or by folder; elsewhere the last before the reader's own cell.
ON_CARD = {
    "datasets": 0, "faces": 1, "faces/attention_cnn": 2, "faces/cnn": 7, "faces/data_augmentation": 3,
    "faces/detect_and_classify": 0, "multimodal/aligned_sequences": 2, "multimodal/attention_fusion": 1,
    "multimodal/decision_fusion": 2, "multimodal/feature_fusion": 1, "multimodal/missing_modalities": 1,
}  # fmt: skip

FIGURES = {"image/png": ".png", "image/jpeg": ".jpg"}  # media type of an output -> suffix of its file

# API pages and the modules they hold; the others hold the folder of their name.
SHARED = ("classifier", "training", "labels", "errors", "images", "gradients", "plots", "reporting")
# Where names that users type are explained.
CLASSES = {"TextClassifier": "text", "FaceClassifier": "faces", "VoiceClassifier": "voice",
           "MultimodalClassifier": "multimodal", "load": "pretrained", "models": "pretrained"}  # fmt: skip


# Hooks of mkdocs


def on_config(config: Any) -> Any:
    """The menu: the notebooks in the order in which they are read, and an API page for each folder."""
    chapters = [{title: [{_short(name): f"notebooks/{name}.md"} for name in names]} for title, names in _shown()]
    config["nav"] = [
        {"Start": "index.md"},
        {"Notebooks": ["notebooks/index.md", *chapters]},
        {"Results": "results.md"},
        {"API": ["api/index.md", *({_title(name): f"api/{name}.md"} for name in api_pages())]},
        {"Data": "data.md"},
        {"Reliability": "reliability.md"},
        {"Performance": ["performance.md", "scale.md"]},
    ]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made of notebooks, RESULTS.md and the data cards, and their pictures."""
    from mkdocs.structure.files import File

    added = {"notebooks/index.md": _gallery(), "results.md": _results(), "data.md": _data()}
    for _, names in _shown():
        for name in names:
            added |= notebook_page(name)
    for path in sorted((ROOT / "Screenshots").glob("*")):
        added[f"Screenshots/{path.name}"] = path.read_bytes()
    for path, content in added.items():
        files.append(File.generated(config, path, content=content))
    for page in {path.stem for path in (ROOT / "docs" / "api").glob("*.md")} - {"index", *api_pages()}:
        files.remove(files.get_file_from_path(f"api/{page}.md"))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Fills the comments of API pages, and sets formulas and outputs aside for `on_page_content`."""
    source = page.file.src_uri
    if source.startswith("api/"):
        return api_page(markdown, Path(source).stem)
    if source.startswith("notebooks/") and source != "notebooks/index.md":
        page.meta["formulas"] = []
        return set_aside(markdown, page.meta["formulas"])
    return markdown


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Puts formulas and the outputs of notebooks in their places."""
    html = put_back(html, page.meta.get("formulas", []))
    outputs = _OUTPUTS.get(page.file.src_uri, [])
    return re.sub(r"(?:<p>)?output(\d+)tuptuo(?:</p>)?", lambda m: outputs[int(m[1])], html)


# Notebooks

_OUTPUTS = {}  # HTML of outputs by page, which Markdown must not touch


def _shown():
    """Parts with those of their notebooks that are built."""
    parts = [(t, [n for n in ns if notebooks.script(n).with_suffix(".ipynb").exists()]) for t, ns in overview.parts()]
    return [(title, names) for title, names in parts if names]


def _short(name):
    return name.rpartition("/")[2].replace("_", " ").capitalize()


def _read(name):
    import nbformat

    path = notebooks.script(name).with_suffix(".ipynb")
    if not path.exists():
        raise DataMissing(f"{path.name}, the executed notebook", [path], f"python -m tools notebooks build {name}")
    return nbformat.read(path, as_version=4)


def notebook_page(name: str) -> dict[str, str | bytes]:
    """The files of a notebook's page.

    Args:
        name: As ``text/global_attention``.

    Returns:
        Path below docs/ to content: the page in Markdown, its figures, and the notebook itself to download.
    """
    notebook, page = _read(name), f"notebooks/{name}.md"
    files, lines, section = {}, [], ""
    outputs = _OUTPUTS[page] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = (re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE) or [section])[-1]
            text = re.sub(r"^.*<!--.*?-->.*$", "", cell.source, flags=re.MULTILINE)
            text = re.sub(r"(\]\((?:\.\./)+)docs/", r"\1", text)  # the pages lie below docs/ here
            text = re.sub(r"(\]\((?:\.\./)+data)/README\.md\)", r"\1.md)", text)
            lines.append(re.sub(r"(\]\([^):]+)\.ipynb\)", r"\1.md)", text))
            continue
        if cell.source.strip():
            lines.append(f"```python\n{cell.source}\n```")
        for output in cell.get("outputs", []):
            html = _output(output, section, f"{name}_{len(files)}", files)
            if html:
                lines.append(f"output{len(outputs)}tuptuo")
                outputs.append(f'<div class="output {output.get("name", "")}">{html}</div>')
    lines.insert(1, _facts(name, notebook))
    files[page] = "\n\n".join(lines) + "\n"
    files[f"notebooks/{name}.ipynb"] = notebooks.script(name).with_suffix(".ipynb").read_bytes()  # type: ignore[assignment]
    return files  # type: ignore[return-value]


def _output(output, section, picture, files):
    """HTML of an output; a figure becomes a file of the stem ``picture``, described by its section."""
    data = output.get("data", {})
    if output.output_type == "stream":
        return f"<pre>{escape(output.text)}</pre>"
    if output.output_type == "error":
        return f"<pre>{escape(output.ename)}: {escape(output.evalue)}</pre>"
    for kind in FIGURES.keys() & data.keys():
        files[f"notebooks/{picture}{FIGURES[kind]}"] = base64.b64decode(data[kind])
        name = picture.rpartition("/")[2] + FIGURES[kind]
        return f'<img loading="lazy" alt="Figure: {escape(section, quote=True)}" src="{escape(name)}">'
    if "text/html" in data:
        return still(data["text/html"])
    if "image/svg+xml" in data:
        return still(data["image/svg+xml"])
    return f"<pre>{escape(data['text/plain'])}</pre>" if data.get("text/plain") else ""


def _facts(name, notebook):
    """A line of links below the title: the notebook to download, Colab, the API pages it uses, when it ran."""
    up = "../" * (name.count("/") + 1)
    links = [f"[Download]({name.rpartition('/')[2]}.ipynb)"]
    launch = re.search(r"\((https://colab\S+)\)", notebooks.launch_button(name))
    links += [f"[Open in Colab]({launch[1]})"] if launch else []
    used = ", ".join(f"[{_title(page)}]({up}api/{page}.md)" for page in api_used(name))
    links += [f"API: {used}"] if used else []
    stamp = notebook.metadata.get("emorec", {})
    links += [f"executed {stamp['verified']}"] if "verified" in stamp else []
    return " · ".join(links)


def _gallery():
    """The page of cards: a picture, the title and the question of every notebook."""
    lines = [
        "# Notebooks\n\nAs they ran on bundled data. Numbers on bundled data show that things work and are no "
        "benchmark; those on real data are among the [results](../results.md).\n"
    ]
    for title, names in _shown():
        cards = "\n".join(map(_card, names))
        lines.append(f'## {title}\n\n<div class="cards" markdown="0">\n{cards}\n</div>\n')
    return "\n".join(lines)


def _card(name):
    title, opening = overview.heading(name)
    question = overview.listed(name).get("question", opening)
    chosen = ON_CARD.get(name, ON_CARD.get(name.split("/")[0], -1))
    number = _figure_of(_read(name), chosen)
    picture = '<div class="none"></div>' if number is None else f'<img loading="lazy" alt="" src="{name}_{number}">'
    return (
        f'<a class="card" href="{name}.html">{picture}'
        f"<span><strong>{escape(title)}</strong>{escape(question)}</span></a>"
    )


def _figure_of(notebook, chosen):
    """The file of one of a notebook's figures before the reader's own cell, as ``2.png``, or None."""
    figures = []
    for cell in notebook.cells:
        if "user-input" in cell.metadata.get("tags", []):
            break
        for output in cell.get("outputs", []):
            figures += [f"{len(figures)}{FIGURES[kind]}" for kind in FIGURES.keys() & output.get("data", {}).keys()]
    return figures[min(chosen, len(figures) - 1)] if figures else None


# Results and data


def _results():
    """RESULTS.md with its links to the pages of this site; a link into the repository becomes plain text."""
    text = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\((notebooks/\S+)\.ipynb\)", r"](\1.md)", text)
    return text.replace("[results/](results)", "`results/`")


def _data():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\[([^]]+)\]\((?!https?:|#)[^)]*\)", r"`\1`", text)


def model_limits() -> str:
    """What the cards say that each shipped model cannot do, as a Markdown list."""
    path = ROOT / "emorec" / "pretrained" / "models.toml"
    models = tomllib.loads(path.read_text(encoding="utf-8")).get("model", {})
    return "\n".join(f"- **{name}** ({about['title']}): {about['limits']}" for name, about in models.items())


# API pages


def api_pages() -> list[str]:
    """Names of the API pages whose folder is there, in the order of api/index.md's list."""
    order = ("pretrained", "text", "faces", "voice", "multimodal", "attention", "datasets", "metrics", "shared")
    return [name for name in order if name == "shared" or (ROOT / "emorec" / name / "__init__.py").exists()]


def _title(page):
    return _written(page).partition("\n")[0].lstrip("# ")


def _written(page):
    return (ROOT / "docs" / "api" / f"{page}.md").read_text(encoding="utf-8")


def modules(page: str) -> list[str]:
    """Public modules of an API page, as ``emorec.text.tokens``: first those that its folder passes on or that users
    type; those without a public name of their own are left out."""
    if page == "shared":
        return [f"emorec.{name}" for name in SHARED if (ROOT / "emorec" / f"{name}.py").exists()]
    folder = ROOT / "emorec" / page
    paths = [
        p for p in sorted(folder.rglob("*.py")) if re.search(r"^(class|def) [a-zA-Z]", p.read_text(), re.MULTILINE)
    ]
    names = [p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for p in paths]
    names = [name.removesuffix(".__init__") for name in names if "._" not in name.removesuffix(".__init__")]
    first = re.findall(
        r"^from (emorec[\w.]+) import", (folder / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    first.append(f"emorec.{page}.classifier")
    return sorted(names, key=lambda n: (n.count(".") > 2, n not in first))


def api_page(markdown: str, page: str) -> str:
    """An API page with its comments filled: modules, the notebooks that use them, or the list of pages."""
    if page == "index":
        entries = ((_title(name), name, _written(name).split("\n\n")[1]) for name in api_pages())
        listing = "\n".join(f"- [{title}]({name}.md): {text}" for title, name, text in entries)
        return markdown.replace("<!-- pages -->", listing)
    users = [name for _, names in _shown() for name in names if page in api_used(name)]
    listing = "Notebooks that use it: " + ", ".join(f"[{n}](../notebooks/{n}.md)" for n in users) + "."
    blocks = "\n\n".join(f"## `{name}`\n\n::: {name}" for name in modules(page))
    markdown = re.sub(r"<!-- notebooks that use .* -->", listing if users else "", markdown)
    return re.sub(r"<!-- modules of .* -->", blocks, markdown)


def api_used(name: str) -> list[str]:
    """The API pages of what a notebook's script imports from the package, or reaches through it."""
    text = notebooks.script(name).read_text(encoding="utf-8")
    code = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    imported = re.findall(r"^\s*from emorec(?:\.(\w+))?[\w.]* import (.+)$", code, re.MULTILINE)
    names = {folder for folder, _ in imported} | set(re.findall(r"\bemorec\.(\w+)", code))
    names |= {word for folder, rest in imported if not folder for word in re.findall(r"\w+", rest)}
    names |= {"attention"} if re.search(r"\battention=", code) else set()
    pages = {CLASSES.get(word, "shared" if word in SHARED else word) for word in names}
    return [page for page in api_pages() if page in pages and page != "shared"]


# Command line


def build(folder: FilePath | None = None) -> Path:
    """Writes the site.

    Args:
        folder: Where to; what an earlier run left there is replaced. None takes the checkout's site/.

    Returns:
        Path of the front page.

    Raises:
        BadInput: The folder holds something else. DataMissing: mkdocs is not installed.
    """
    folder = Path(folder or ROOT / "site").absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / "404.html").exists():
        raise BadInput(f"{folder} holds other files, which the site would replace: give another folder.")
    try:
        from mkdocs.commands.build import build as mkdocs_build
        from mkdocs.config import load_config
    except ImportError as error:
        raise DataMissing("mkdocs", [], 'pip install -e ".[docs]"') from error
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    logging.getLogger("mkdocs").addHandler(logging.StreamHandler())
    mkdocs_build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    return folder / "index.html"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``site`` to the command line."""
    parser = subparsers.add_parser("site", help="the pages of docs/, the notebooks and the API as a site")
    parser.add_argument("--output", help="folder to write to; site/ where left out")
    parser.set_defaults(run=_command)


def _command(options):
    print(f"The page to look at: {build(options.output)}")
    return 0
