"""The site: every link leads somewhere, nothing is asked of other servers, and a real browser shows it."""

import functools
import json
import shutil
import subprocess
import threading
import time
from html import escape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from emorec.errors import BadInput, DataMissing
from tools import notebooks, site

pytest.importorskip("mkdocs")

pytestmark = pytest.mark.slow
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
LOOKED_AT = ("index", "attention", "pretrained")  # API pages are made alike, and long
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# Loads every page into a frame as wide as a phone and reports what is broken in it.
PROBE = """<!DOCTYPE html><link rel="icon" href="data:,"><body><script>
const report = {};
async function look(page) {
  const frame = document.createElement("iframe");
  frame.style = "width: 390px; height: 800px; border: 0";
  frame.src = page;
  const loaded = new Promise(done => frame.onload = done);
  document.body.append(frame);
  await loaded;
  const inside = frame.contentDocument, images = [...inside.images];
  images.forEach(i => i.loading = "eager");
  await Promise.all(images.map(i => i.decode().catch(() => 0)));
  report[page] = {
    broken: images.filter(i => !i.naturalWidth).map(i => i.src.slice(0, 80)),
    images: images.length,
    wide: inside.documentElement.scrollWidth - 390,
    title: inside.title,
  };
  frame.remove();
}
(async () => {
  for (const page of PAGES) await look(page);
  await fetch("/report", {method: "POST", body: JSON.stringify(report)});
})();
</script></body>"""


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        self.seen += [(tag, attributes[k]) for k in ("href", "src") if attributes.get(k)]


def built_notebooks():
    return [n for n in notebooks.names() if notebooks.script(n).with_suffix(".ipynb").exists()]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "new"
    site.build(folder)
    return folder


def html(folder):
    return sorted(path for path in folder.rglob("*.html") if path.name != "404.html")


def test_every_notebook_has_a_page_and_a_card(pages):
    front = Links((pages / "notebooks" / "index.html").read_text())
    linked = {link for tag, link in front.seen if tag == "a"}
    assert {f"{name}.html" for name in built_notebooks()} <= linked
    assert all((pages / "notebooks" / f"{name}.ipynb").is_file() for name in built_notebooks())


def test_no_broken_link_and_nothing_from_elsewhere(pages):
    parsed = {page: Links(page.read_text()) for page in html(pages)}
    for page, links in parsed.items():
        for tag, link in links.seen:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            if parts.scheme:
                assert tag == "a", f"{page} loads {link}"
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file() or (target / "index.html").is_file(), f"{page}: {link}"
            if parts.fragment and target in parsed and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in parsed[target].anchors, f"{page}: {link}"


def test_a_notebook_and_the_api_pages_it_uses_link_to_each_other(pages):
    assert "attention" in site.api_used("text/global_attention") and "faces" in site.api_used("faces/cnn")
    for name in built_notebooks():
        page = (pages / "notebooks" / f"{name}.html").read_text()
        up = "../" * (name.count("/") + 1)
        for used in site.api_used(name):
            assert f'href="{up}api/{used}.html"' in page
            assert f'href="../notebooks/{name}.html"' in (pages / "api" / f"{used}.html").read_text()


def test_api_pages_hold_what_users_type(pages):
    for page, names in {
        "text": ("TextClassifier", "tokenise"),
        "attention": ("GlobalAttention", "StructuredSelfAttention"),
        "pretrained": ("load", "models"),
        "shared": ("EmorecError", "LabelSet"),
    }.items():
        text = (pages / "api" / f"{page}.html").read_text()
        assert all(f">{name}</span>" in text or f'.{name}"' in text for name in names), page
        assert "<blockquote>" not in text, f"an example on the page {page} is not shown as code"


def test_the_limits_of_every_shipped_model_are_listed():
    from emorec.pretrained import cards

    limits = site.model_limits()
    assert all(f"**{name}**" in limits and about.limits in limits for name, about in cards().items())


def a_notebook(tmp_path, monkeypatch, *cells):
    """A folder of one notebook made of ``cells``."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.py").write_text("# %%\nimport emorec\nemorec.TextClassifier()\n")
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), tmp_path / "notebooks" / "a.ipynb")
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path / "notebooks")
    return tmp_path / "notebooks"


def page_of(name):
    """(files, HTML) of a notebook's page, formulas and outputs in their places."""
    import markdown

    class Page:
        class file:
            src_uri = f"notebooks/{name}.md"

        meta = {}

    files = site.notebook_page(name)
    text = site.on_page_markdown(files[Page.file.src_uri], Page, None, None)
    return files, site.on_page_content(markdown.markdown(text, extensions=["fenced_code"]), Page, None, None)


def test_formulas_links_and_outputs(tmp_path, monkeypatch):
    text = (
        "# A title\n\n<!-- launch --> [![x](https://elsewhere/badge.svg)](https://elsewhere)\n\n"
        "Does *it* `work`? Some words. See [b](../b.ipynb).\n\n"
        "$$e_t = v^\\top h_t$$\n\nand $a_t$, not `$HOME` or `$x$`."
    )
    picture = nbformat.v4.new_output("display_data", {"image/png": PIXEL})
    active = nbformat.v4.new_output(
        "display_data", {"text/html": "<b onclick='f()'>on</b><script>\nalert(1)</script><i>too</i>"}
    )
    printed = nbformat.v4.new_output("stream", name="stdout", text="2 < 3 *and* _so_\n\n    on")
    a_notebook(
        tmp_path,
        monkeypatch,
        nbformat.v4.new_markdown_cell(text),
        nbformat.v4.new_code_cell("1", outputs=[picture, active, printed]),
    )
    files, page = page_of("a")
    assert page.count("<math") == 2 and 'display="block"' in page and "elumrof" not in page and "tuptuo" not in page
    assert "<code>$HOME</code>" in page and "<code>$x$</code>" in page
    assert "<b>on</b><i>too</i>" in page and "2 &lt; 3 *and* _so_\n\n    on" in page
    assert "elsewhere" not in page and 'href="../b.md"' in page and 'href="../api/text.md"' in page
    assert 'alt="Figure: A title" src="a_0.png"' in page and files["notebooks/a_0.png"][:4] == b"\x89PNG"
    assert '<a class="card" href="a.html"><img loading="lazy" alt="" src="a_0.png">' in site._gallery()


def test_a_notebook_that_was_not_built_is_named(tmp_path, monkeypatch):
    folder = a_notebook(tmp_path, monkeypatch)
    (folder / "a.ipynb").unlink()
    with pytest.raises(DataMissing, match="notebooks build a"):
        site.notebook_page("a")


def test_other_files_are_never_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="another folder"):
        site.build(tmp_path)
    assert (tmp_path / "mine.txt").exists()


def test_the_review_of_datasets_is_fresh():
    from emorec.datasets.cards import cards

    built = nbformat.read(notebooks.script("datasets").with_suffix(".ipynb"), as_version=4)
    shown = json.dumps([c.get("outputs") for c in built.cells], ensure_ascii=False)
    for card in cards().values():
        for words in (card.size, card.how, card.licence, card.protocol, *card.faults, *card.results):
            if "http" not in words and not (card.bundled and words == card.protocol):
                assert json.dumps(escape(words), ensure_ascii=False)[1:-1] in shown, f"{card.name}: {words}: build it"


class Handler(SimpleHTTPRequestHandler):
    """Serves the site, remembers what was not there, and takes the report."""

    def send_error(self, code, *rest):
        self.server.missing.append((code, self.path))
        super().send_error(code, *rest)

    def do_POST(self):
        self.server.report.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        self.server.reported.set()

    def log_message(self, *args):
        pass


def browse(folder, profile):
    """What a browser finds on every page of a folder: (report by page, addresses not there, its log)."""
    names = [p.relative_to(folder).as_posix() for p in html(folder) if p.parent.name != "api" or p.stem in LOOKED_AT]
    (folder / "probe.htm").write_text(PROBE.replace("PAGES", json.dumps(names)))
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        server.missing, server.report, server.reported = [], [], threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/probe.htm"
        command = [
            BROWSER,
            *QUIET,
            f"--user-data-dir={profile}",
            "--enable-logging=stderr",
            "--remote-debugging-port=0",
        ]
        with open(profile / "log", "w") as log, subprocess.Popen([*command, address], stderr=log) as browser:
            answered = server.reported.wait(timeout=600)
            time.sleep(2)  # what scripts complain of reaches the log a moment later
            browser.terminate()
        server.shutdown()
    (folder / "probe.htm").unlink()
    assert answered, (profile / "log").read_text()[-2000:]
    return server.report[0], server.missing, (profile / "log").read_text()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")
def test_in_a_real_browser_at_phone_width(pages, tmp_path):
    report, missing, log = browse(pages, tmp_path)
    assert len(report) > len(built_notebooks()) + 5
    assert {page: r["broken"] for page, r in report.items() if r["broken"]} == {}
    assert {page: r["wide"] for page, r in report.items() if r["wide"] > 0} == {}
    assert sum(r["images"] for r in report.values()) >= len(built_notebooks())
    assert all(r["title"] for r in report.values())
    assert missing == []
    assert "CONSOLE" not in log, log


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")
def test_the_browser_test_would_notice(tmp_path):
    (tmp_path / "site").mkdir()
    head = "<!DOCTYPE html><title>x</title><link rel=icon href='data:,'><script>{</script>"
    (tmp_path / "site" / "index.html").write_text(f"{head}<img src=no.png><div style='width: 900px'>wide</div>")
    report, missing, log = browse(tmp_path / "site", tmp_path)
    assert report["index.html"]["broken"] and report["index.html"]["wide"] > 500
    assert missing == [(404, "/no.png")] and "CONSOLE" in log
