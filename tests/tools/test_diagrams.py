"""Diagrams: what they show adds up, the files at hand are what the code draws, and they are well-formed."""

import re
import struct
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from conftest import ROOT

from emorec.labels import EMOTIONS7
from tools import diagrams

TEXT = "{http://www.w3.org/2000/svg}text"


def texts(svg):
    return ["".join(t.itertext()) for t in ElementTree.fromstring(svg).iter(TEXT)]


def test_figures_are_up_to_date():
    assert diagrams.outdated(ROOT / "Screenshots") == [], "run `make screenshots`"


def test_an_edited_or_missing_figure_is_reported(tmp_path):
    for name, draw in diagrams.SVGS.items():
        (tmp_path / name).write_text(draw(), encoding="utf-8")
    (tmp_path / "attention_1.svg").write_text("<svg/>")
    (tmp_path / "attention_3.svg").unlink()
    assert diagrams.outdated(tmp_path) == ["attention_1.svg", "attention_3.svg"]


@pytest.mark.parametrize("name", diagrams.SVGS)
def test_svg_is_described_and_inside_its_frame(name):
    svg = diagrams.SVGS[name]()
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    assert root[0].tag.endswith("title") and root[1].tag.endswith("desc")
    for shape in root.iter("{http://www.w3.org/2000/svg}rect"):
        left, top = float(shape.get("x", 0)), float(shape.get("y", 0))
        assert left >= 0 and top >= 0
        assert left + float(shape.get("width")) <= width and top + float(shape.get("height")) <= height
    for text in root.iter(TEXT):  # no usual font needs more than 0.6 em a letter
        n, x = len("".join(text.itertext())), float(text.get("x"))
        size = float(text.get("font-size", 15)) * 0.6
        half = {"middle": n / 2, "start": 0, "end": n}[text.get("text-anchor")] * size
        assert x - half >= -12 and x - half + n * size <= width + 12, "".join(text.itertext())


def test_the_maths_is_there():
    for draw, wanted in (
        (diagrams.global_attention, ("c = Σt at ht", "et = v⊤ tanh(W ht + b)", "at = exp et / Σs exp es")),
        (diagrams.self_attention, ("h′i = Wo Σj aij vj + b",)),
        (diagrams.hierarchical_attention, ("si = Σt ait hit", "d = Σi ai hi")),
    ):
        shown = texts(draw())
        assert all(any(w in s for s in shown) for w in wanted), shown


def test_weights_sum_to_one_and_padding_has_none():
    assert diagrams.softmax([1.0, None]) == [1.0, 0.0]
    shown = [s for s in texts(diagrams.global_attention()) if re.fullmatch(r"0|0\.\d\d", s)]
    assert abs(sum(map(float, shown)) - 1) < 0.011 and "0" in shown
    cells = [float(s) for s in texts(diagrams.self_attention()) if re.fullmatch(r"0\.\d\d", s)][-16:]
    assert all(abs(sum(cells[4 * i : 4 * i + 4]) - 1) < 0.021 for i in range(4))


def test_formula_lowers_and_comes_back():
    assert diagrams.formula("a_t b") == (
        '<tspan dy="0">a</tspan><tspan dy="4" font-size="75%">t</tspan><tspan dy="-4"> b</tspan>'
    )
    assert "&lt;" in diagrams.formula("x < y")


def test_fusion_is_a_readable_png(tmp_path):
    diagrams.fusion(tmp_path / "a.png")
    diagrams.fusion(tmp_path / "b.png")
    data = (tmp_path / "a.png").read_bytes()
    assert data == (tmp_path / "b.png").read_bytes() and data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24])[0] >= 1200 and len(data) < 200_000


def test_every_figure_of_the_readme_is_there():
    there = {p.name for p in (ROOT / "Screenshots").iterdir()}
    assert there == {*diagrams.SVGS, *diagrams.PNGS}
    assert all((ROOT / "Screenshots" / name).stat().st_size < 800_000 for name in there)


def test_gallery_shows_every_emotion():
    figure = diagrams.gallery(people=2, size=48)
    assert [ax.get_title() for ax in figure.axes[:7]] == list(EMOTIONS7)
    shown = [ax.images[0].get_array() for ax in figure.axes]
    assert len(shown) == 14 and all(picture.shape == (48, 48, 3) for picture in shown)
    cheeks = [np.mean([p[22:30, 20:28] for p in row]) for row in (shown[:7], shown[7:])]
    assert cheeks[0] > cheeks[1], "the palest person is on top"
