"""The gallery: a page per executed notebook and a front page of cards, as plain HTML without scripts.

The pages ask nothing of other servers: formulas are MathML, figures are inside, styles are inside. So they open from
a folder, without a network, for as long as there are browsers.
"""

from __future__ import annotations

import base64
import re
import shutil
from html import escape
from pathlib import Path

from emorec.errors import BadInput, DataMissing
from tools import notebooks
from tools.formulas import put_back, set_aside

ORDER = (
    ("Text", "text", "word_embeddings recurrent_and_convolutional global_attention self_attention "
     "hierarchical_attention attention_comparison parameter_search emotion_recognition tweet_sentiment"),
    ("Faces", "faces", "cnn data_augmentation transfer_learning deep_emotion attention_cnn acgan cross_dataset "
     "detect_and_classify"),
    ("Faces, voice and text together", "multimodal", "feature_fusion decision_fusion attention_fusion "
     "aligned_sequences missing_modalities face_and_sentence"),
    ("Data", "", "datasets"),
)  # fmt: skip

# Which figure stands on a notebook's card, by notebook or by room; elsewhere the last before the reader's own cell.
ON_CARD = {"datasets": 0, "faces": 0, "faces/data_augmentation": 1}

STYLE = """
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; color: #222; background: #fff; overflow-wrap: break-word;
       font: 1rem/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
a { color: #0060a0 } h1 { line-height: 1.25; font-size: clamp(1.5rem, 6vw, 2rem) } h2 { margin-top: 2.2rem }
img, svg { max-width: 100%; height: auto }
pre, code { font: .86rem/1.45 ui-monospace, Menlo, Consolas, monospace }
pre { margin: 0; overflow-x: auto; padding: .6rem .8rem }
p code, li code { background: #f2f2f2; padding: .1rem .25rem; overflow-wrap: anywhere }
nav, .facts { color: #555; font-size: .9rem }
.input_area { background: #f6f6f6; border-left: 4px solid #0072b2; margin: .8rem 0 .3rem }
.prompt, .anchor-link { display: none }
.output { overflow-x: auto; margin-bottom: .8rem }
.output_stderr { background: #fdf0d5 }
table { border-collapse: collapse; font-size: .88rem } th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd }
.rendered_html, .text_cell { overflow-x: auto } math[display=block] { margin: .8rem 0; overflow-x: auto }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)) }
.card { border: 1px solid #ccc; border-radius: 8px; overflow: hidden; text-decoration: none; color: inherit;
        display: flex; flex-direction: column }
.card:hover, .card:focus { border-color: #0072b2; box-shadow: 0 0 0 2px #0072b2 }
.card img, .card .none { width: 100%; height: 10rem; object-fit: contain; background: #fafafa; padding: .4rem }
.card div { padding: .2rem 1rem 1rem } .card h3 { margin: .6rem 0 .3rem; line-height: 1.25 } .card p { margin: .3rem 0 }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def build(folder, chosen=None):
    """Writes the gallery of the built notebooks.

    Args:
        folder: Where to; what an earlier run left there is replaced.
        chosen: Names of notebooks; all of them where None.

    Returns:
        Path of the front page.

    Raises:
        DataMissing: A notebook was not built yet.
        BadInput: The pages would lie where the notebooks themselves are.
    """
    folder = Path(folder)
    pages, sources = (folder / "notebooks").resolve(), notebooks.FOLDER.resolve()
    if pages.is_relative_to(sources) or sources.is_relative_to(pages):
        raise BadInput(f"{pages} would be replaced, and the notebooks lie in {sources}: give another folder.")
    shutil.rmtree(folder / "notebooks", ignore_errors=True)
    cards = {}
    for name in chosen or notebooks.names():
        cards[name] = _notebook_page(name, folder)
    sections = []
    for title, room, order in ORDER:
        known = [f"{room}/{n}".lstrip("/") for n in order.split()]
        inside = [n for n in cards if n in known or (room and n.startswith(f"{room}/"))]
        inside.sort(key=lambda n: (known.index(n) if n in known else len(known), n))
        if inside:
            sections.append(f"<h2>{title}</h2>\n<div class=cards>{''.join(cards[n] for n in inside)}</div>")
    (folder / "index.html").write_text(_front("\n".join(sections)), encoding="utf-8")
    return folder / "index.html"


def _front(sections):
    address = notebooks.repository()
    home = f' Code and instructions: <a href="{escape(address)}">{escape(address)}</a>.' if address else ""
    body = (
        "<h1>Emotion recognition from text, faces and both</h1>\n<p>Notebooks with their figures and results, as they "
        "ran on the bundled sample. Numbers on the sample show that the machinery works and are no benchmark; results "
        f"on real data, where there are any, stand at the end of a notebook.{home}</p>\n{sections}"
    )
    return PAGE.format(title="Emotion recognition: notebooks", style=STYLE, body=body)


def _notebook_page(name, folder):
    """Writes a notebook's page, its thumbnail and a copy to download; returns its card on the front page."""
    import nbformat

    built = notebooks.script(name).with_suffix(".ipynb")
    if not built.exists():
        raise DataMissing(f"{built.name}, the executed notebook", [built], f"python -m tools notebooks build {name}")
    notebook = nbformat.read(built, as_version=4)
    page = folder / "notebooks" / f"{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(built, page.with_suffix(".ipynb"))
    title, opening = _heading(notebook)
    up = "../" * (name.count("/") + 1)
    launch = re.search(r"\((https://colab\S+)\)", notebooks.launch_button(name))
    links = [f'<a href="{up}index.html">All notebooks</a>', f'<a href="{page.stem}.ipynb" download>Download</a>']
    links += [f'<a href="{launch[1]}">Open in Colab</a>'] if launch else []
    stamp = notebook.metadata.get("emorec", {})
    ran = ", ".join(f"{k} {v}" for k, v in stamp.get("versions", {}).items() if k in ("python", "keras", "tensorflow"))
    facts = f"<p class=facts>Executed {stamp.get('verified', '')} with {ran}.</p>" if stamp else ""
    body = f"<nav>{' · '.join(links)}</nav>\n{to_body(notebook)}\n{facts}"
    page.write_text(PAGE.format(title=escape(title), style=STYLE + _code_colours(), body=body), encoding="utf-8")
    chosen = ON_CARD.get(name, ON_CARD.get(name.split("/")[0], -1))
    picture = _thumbnail(notebook, page.with_suffix(".png"), chosen)
    return (
        f'<a class=card href="notebooks/{name}.html">{picture.format(f"notebooks/{name}.png")}'
        f"<div><h3>{escape(title)}</h3><p>{escape(opening)}</p></div></a>\n"
    )


def _heading(notebook):
    """A notebook's title and the first sentence of its introduction, without marks."""
    text = re.sub(r"<!--.*?-->.*", "", notebook.cells[0].source)
    title, _, rest = text.strip().lstrip("# ").partition("\n")
    plain = re.sub(r"[*`$]|\[([^]]*)\]\([^)]*\)", r"\1", " ".join(rest.split()))
    return title.strip(), re.split(r"(?<=[.?!]) +(?=[A-Z])", plain)[0]


def _thumbnail(notebook, path, chosen):
    """Writes one of a notebook's figures; returns the image tag with a place for its address, or an empty block."""
    figures = []
    for cell in notebook.cells:
        if "user-input" in cell.metadata.get("tags", []):
            break
        figures += [o.data["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    if not figures:
        return "<div class=none></div>"
    path.write_bytes(base64.b64decode(figures[min(chosen, len(figures) - 1)]))
    return '<img loading=lazy alt="" src="{}">'


def to_body(notebook):
    """The body of a notebook's page: formulas as MathML, figures inside and described by their section."""
    from nbconvert import HTMLExporter

    formulas, section = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = (re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE) or [section])[-1]
            text = re.sub(r"(<!-- launch -->).*", r"\1", cell.source)
            text = re.sub(r"(\]\([^):]+)\.ipynb\)", r"\1.html)", text)
            cell.source = set_aside(text, formulas)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.metadata = {"image/png": {"alt": f"Figure: {section}"}}
    body = HTMLExporter(template_name="basic").from_notebook_node(notebook)[0]
    return put_back(_still(body), formulas)


def _still(html):
    """HTML without scripts and event handlers, which scikit-learn's displays of a model bring along."""
    html = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL | re.IGNORECASE)
    handler = re.compile(r"""\son\w+\s*=\s*("[^"]*"|'[^']*')""")
    return re.sub(r"<[a-zA-Z][^<>]*>", lambda tag: handler.sub("", tag[0]), html)


def _code_colours():
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter(style="friendly").get_style_defs(".highlight").replace("#f0f0f0", "transparent")


def add_parser(subparsers):
    """Adds ``site`` to the command line."""
    parser = subparsers.add_parser("site", help="the executed notebooks as a gallery of HTML pages")
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks; all where left out")
    parser.add_argument("--output", default=notebooks.ROOT / "site", help="folder to write to")
    parser.set_defaults(run=_command)


def _command(options):
    print(f"The page to look at: {build(options.output, options.names)}")
    return 0
