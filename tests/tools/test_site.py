"""The gallery: every link leads somewhere, nothing is asked of other servers, and a real browser shows it."""

import functools
import json
import shutil
import subprocess
import threading
import time
from html import escape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from emorec.errors import BadInput, DataMissing
from tools import notebooks, site

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
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
        self.found, self.anchors, self.tags = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.anchors.add(attributes.get("id"))
        self.found += [(tag, attributes[k]) for k in ("href", "src") if attributes.get(k)]


def built_notebooks():
    return [n for n in notebooks.names() if notebooks.script(n).with_suffix(".ipynb").exists()]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site.build(folder, built_notebooks())
    return folder


def pages(gallery):
    return sorted(gallery.rglob("*.html"))


def test_every_notebook_has_a_page_and_a_card(gallery):
    front = Links((gallery / "index.html").read_text())
    cards = [link for tag, link in front.found if tag == "a" and link.startswith("notebooks/")]
    assert sorted(cards) == sorted(f"notebooks/{n}.html" for n in built_notebooks())


def test_no_broken_link_and_nothing_from_elsewhere(gallery):
    parsed = {page: Links(page.read_text()) for page in pages(gallery)}
    for page, links in parsed.items():
        assert "script" not in links.tags and "iframe" not in links.tags, page
        for tag, link in links.found:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            if parts.scheme:
                assert tag == "a", f"{page} loads {link}"
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page}: {link}"
            if parts.fragment and target in parsed:
                assert unquote(parts.fragment) in parsed[target].anchors, f"{page}: {link}"


def test_figures_are_described(gallery):
    for page in pages(gallery):
        assert "No description has been provided" not in page.read_text(), page


def a_notebook(tmp_path, monkeypatch, *cells):
    """A gallery of one notebook made of ``cells``."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.py").write_text("# %%\n")
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), tmp_path / "notebooks" / "a.ipynb")
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path / "notebooks")
    monkeypatch.setattr(site, "ORDER", (("All", "", "a"),))
    return tmp_path / "notebooks"


def test_formulas_links_and_cards(tmp_path, monkeypatch):
    text = (
        "# A title\n\n<!-- launch --> [![x](https://elsewhere/badge.svg)](https://elsewhere)\n\n"
        "Does *it* `work`? Some words. See [b](../b.ipynb).\n\n"
        "$$e_t = v^\\top h_t$$\n\nand $a_t$, not `$HOME` or `$x$`."
    )
    output = nbformat.v4.new_output("display_data", {"image/png": PIXEL})
    active = nbformat.v4.new_output(
        "display_data", {"text/html": "<b onclick='f()'>on</b><script>\nalert(1)</script><i>too</i>"}
    )
    a_notebook(
        tmp_path,
        monkeypatch,
        nbformat.v4.new_markdown_cell(text),
        nbformat.v4.new_code_cell("1", outputs=[output, active]),
    )
    site.build(tmp_path / "site")
    page = (tmp_path / "site" / "notebooks" / "a.html").read_text()
    assert page.count("<math") == 2 and 'display="block"' in page and "formula" not in page
    assert "<code>$HOME</code>" in page and "<code>$x$</code>" in page
    assert "<b>on</b><i>too</i>" in page
    assert "elsewhere" not in page and 'href="../b.html"' in page
    assert 'alt="Figure: A title"' in page
    front = (tmp_path / "site" / "index.html").read_text()
    assert "<h3>A title</h3><p>Does it work?</p>" in front and "notebooks/a.png" in front
    assert (tmp_path / "site" / "notebooks" / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_a_notebook_that_was_not_built_is_named(tmp_path, monkeypatch):
    folder = a_notebook(tmp_path, monkeypatch)
    (folder / "a.ipynb").unlink()
    with pytest.raises(DataMissing, match="notebooks build a"):
        site.build(tmp_path / "site")


def test_the_notebooks_themselves_are_never_replaced(tmp_path, monkeypatch):
    sources = a_notebook(tmp_path, monkeypatch)
    for folder, deeper in ((tmp_path, ""), (sources, ""), (tmp_path, "deep")):
        monkeypatch.setattr(notebooks, "FOLDER", sources / deeper)
        with pytest.raises(BadInput, match="another folder"):
            site.build(folder)
    assert (sources / "a.py").exists()


def test_the_review_of_datasets_is_fresh():
    from emorec.datasets.cards import cards

    built = nbformat.read(notebooks.script("datasets").with_suffix(".ipynb"), as_version=4)
    shown = json.dumps([c.get("outputs") for c in built.cells], ensure_ascii=False)
    for card in cards().values():
        for words in (card.size, card.how, card.licence, card.protocol, *card.faults, *card.results):
            if "http" not in words and not (card.bundled and words == card.protocol):
                assert json.dumps(escape(words), ensure_ascii=False)[1:-1] in shown, f"{card.name}: {words}: build it"


class Handler(SimpleHTTPRequestHandler):
    """Serves the gallery, remembers what was not there, and takes the report."""

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


def browse(gallery, profile):
    """What a browser finds on every page of a gallery: (report by page, addresses not found, its log)."""
    names = [p.relative_to(gallery).as_posix() for p in pages(gallery)]
    (gallery / "probe.htm").write_text(PROBE.replace("PAGES", json.dumps(names)))
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(gallery))) as server:
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
            answered = server.reported.wait(timeout=240)
            time.sleep(2)  # what scripts complain of reaches the log a moment later
            browser.terminate()
        server.shutdown()
    (gallery / "probe.htm").unlink()
    assert answered, (profile / "log").read_text()[-2000:]
    return server.report[0], server.missing, (profile / "log").read_text()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")
def test_in_a_real_browser_at_phone_width(gallery, tmp_path):
    report, missing, log = browse(gallery, tmp_path)
    assert len(report) == len(pages(gallery))
    assert {page: r["broken"] for page, r in report.items() if r["broken"]} == {}
    assert {page: r["wide"] for page, r in report.items() if r["wide"] > 0} == {}
    assert sum(r["images"] for r in report.values()) >= len(report) and all(r["title"] for r in report.values())
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


def test_code_only_pages_still_have_a_place_for_a_picture(tmp_path, monkeypatch):
    a_notebook(tmp_path, monkeypatch, nbformat.v4.new_markdown_cell("# T\n\nOne sentence. Another."))
    site.build(tmp_path / "site")
    assert "<div class=none>" in Path(tmp_path / "site" / "index.html").read_text()
