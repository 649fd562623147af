"""The README's diagrams of the attention mechanisms and of fusion, and the command that draws all its figures.

The SVG files are plain text with text that stays text; the numbers in them are computed, so weights do sum to one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.plots import BLUE, GREEN, ORANGE
from emorec.types import FilePath

if TYPE_CHECKING:
    import argparse

    from matplotlib.figure import Figure

INK, GREY, AMBER = "#222222", "#6b6b6b", "#8a5a00"  # AMBER: ORANGE that can be read as text
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


def softmax(scores: Sequence[float | None]) -> list[float]:
    """Weights (T,) of scores (T,); None marks padding, which gets exactly 0."""
    parts = [0.0 if s is None else math.exp(s) for s in scores]
    return [p / sum(parts) for p in parts]


def formula(text: str) -> str:
    """SVG of text in which ``_x`` or ``_{xy}`` is lowered, ``^x`` or ``^{xy}`` raised."""
    out, shift = [], 0
    for mark, group, single, plain in re.findall(r"([_^])(?:\{([^}]*)\}|(.))|([^_^]+)", text):
        wanted = {"_": 4, "^": -6}.get(mark, 0)
        size = ' font-size="75%"' if mark else ""
        out.append(f'<tspan dy="{wanted - shift}"{size}>{escape(group or single or plain)}</tspan>')
        shift = wanted
    return "".join(out)


class Svg:
    """A drawing that grows by boxes, lines and text; coordinates in pixels, y downwards."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" font-family="{FONT}" font-size="15" fill="{INK}">',
            f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" '
            f'fill="{GREY}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        ]
        self.text(width / 2, 30, title, size=19, bold=True)

    def text(
        self, x: float, y: float, text: str, anchor: str = "middle", size: float | None = None, bold: bool = False,
        colour: str | None = None,
    ) -> None:  # fmt: skip
        style = "".join(
            f' {name}="{value}"'
            for name, value in (("font-size", size), ("font-weight", bold and "bold"), ("fill", colour))
            if value
        )
        self.parts.append(
            f'<text xml:space="preserve" x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{formula(text)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str = "",
        fill: str = "#ffffff",
        colour: str = INK,
        dashed: bool = False,
        text_colour: str | None = None,
    ) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="{fill}" '
            f'stroke="{colour}" stroke-width="1.5"{dash}/>'
        )
        if text:
            self.text(x + width / 2, y + height / 2 + 5, text, colour=text_colour)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, width: float = 1.5, colour: str = GREY, tip: bool = True,
        both: bool = False,
    ) -> None:  # fmt: skip
        ends = ' marker-end="url(#tip)"' * tip + ' marker-start="url(#tip)"' * both
        self.parts.append(
            f'<path d="M{x1:g},{y1:g} L{x2:g},{y2:g}" stroke="{colour}" stroke-width="{width:.3g}" fill="none"{ends}/>'
        )

    def column(
        self, x: float, y: float, word: str, state: str, weight: float, width: float = 72
    ) -> tuple[float, float]:
        """A word, its state and its weight, from the bottom ``y`` up; returns where a line to the sum begins."""
        padded = weight == 0
        pale = {"dashed": True, "colour": GREY, "text_colour": GREY} if padded else {}
        left = x - width / 2
        self.box(left, y - 30, width, 30, word, **pale)  # type: ignore[arg-type]
        self.line(x, y - 30, x, y - 52)
        self.box(left, y - 88, width, 34, state, **({"fill": "#ffffff"} | pale if padded else {"fill": "#d6e9f5"}))
        self.line(x, y - 88, x, y - 106, tip=not padded)
        self.parts.append(
            f'<rect x="{left + 14:g}" y="{y - 107 - 70 * weight:g}" width="{width - 28:g}" height="{70 * weight:g}" '
            f'fill="{ORANGE}"/>'
        )
        self.text(x, y - 114 - 70 * weight, f"{weight:.2f}" if weight else "0", colour=AMBER if weight else GREY)
        return x, y - 132 - 70 * weight

    def notes(self, x: float, rows: Sequence[tuple]) -> None:
        """Captions in a column: (y, heading, formula, ...)."""
        for y, heading, *lines in rows:
            self.text(x, y, heading, "start", bold=True)
            for i, line in enumerate(lines, 1):
                self.text(x, y + 23 * i, line, "start")

    def __str__(self):
        return "\n".join([*self.parts, "</svg>", ""])


def global_attention() -> str:
    """Global attention: one weight per word, one vector per sentence."""
    words = ["the", "plot", "is", "thrilling", "padding"]
    weights = softmax([-0.6, 0.7, -0.4, 1.9, None])
    svg = Svg(
        860, 430, "Global attention: one weight per word",
        "Each word has a state h. A score e compares it with a learned direction; softmax turns the scores of the real "
        "words into weights a; the context c is the weighted sum of the states and goes to the classifier.",
    )  # fmt: skip
    columns = [75 + 98 * i for i in range(5)]
    starts = [
        svg.column(x, 400, word, f"h_{i}" if w else "masked", w)
        for i, (x, word, w) in enumerate(zip(columns, words, weights), 1)
    ]
    for left, right in zip(columns[:3], columns[1:4]):
        svg.line(left + 37, 329, right - 37, 329, both=True)
    for (x, y), weight in zip(starts, weights):
        if weight:
            svg.line(x, y, 222 + (x - 222) * 0.3, 128, 1 + 7 * weight, ORANGE, tip=False)
    svg.box(172, 90, 100, 38, "context c", fill="#cdeee3", colour=GREEN)
    svg.line(222, 90, 222, 72)
    svg.text(222, 64, "linear layer, softmax: one probability per class")
    svg.notes(
        562,
        [
            (88, "Context", "c = Σ_t a_t h_t"),
            (150, "Weights", "a_t = exp e_t / Σ_s exp e_s", "over real words, sum 1;", "padding gets exactly 0"),
            (258, "Score", "e_t = v^⊤ tanh(W h_t + b)"),
            (320, "State of word t", "h_t, from a BiLSTM, say"),
            (390, "Words"),
        ],
    )
    return str(svg)


def self_attention() -> str:
    """Self-attention: every word looks at every word."""
    words = ["film", "was", "not", "good"]
    scores = [[1.4, 0.1, -0.6, 0.9], [0.6, 0.5, 0.3, 0.8], [-0.2, 0.2, 0.9, 1.7], [0.5, -0.3, 1.8, 1.2]]
    weights = [softmax(row) for row in scores]
    svg = Svg(
        860, 500, "Self-attention: every word looks at every word",
        "Each state makes a query, a key and a value. The weights of a word compare its query with all keys; its new "
        "state is the weighted sum of all values. In the example the word good looks mostly at the word not.",
    )  # fmt: skip
    for i, word in enumerate(words):
        x = 62 + 104 * i
        svg.line(x, 268, 374 + (x - 374) * 0.12, 138, 1 + 8 * weights[3][i], ORANGE, tip=False)
        middle = 0.74 * x + 0.26 * 374
        svg.box(middle - 20, 222, 40, 24, f"{weights[3][i]:.2f}", colour="#ffffff", text_colour=AMBER)
        svg.box(x - 42, 268, 84, 32, f"k_{i + 1}, v_{i + 1}", fill="#fdf0d5", colour=ORANGE)
        svg.line(x, 346, x, 302)
        svg.box(x - 42, 346, 84, 34, f"h_{i + 1}", fill="#d6e9f5")
        svg.line(x, 414, x, 382)
        svg.box(x - 42, 414, 84, 30, word)
        last = i == 3
        look = {"fill": "#cdeee3", "colour": GREEN} if last else {"colour": GREY, "dashed": True, "text_colour": GREY}
        svg.box(x - 42, 100, 84, 36, f"h′_{i + 1}", **look)
    svg.text(218, 78, "new states; lines: what makes h′_4")
    svg.text(218, 474, "order enters only through the states h")
    svg.notes(492, [(78, "Weights a_{ij}: row i looks at column j")])
    for i, row in enumerate(weights):
        svg.text(550, 149 + 40 * i, words[i], "end")
        svg.text(588 + 62 * i, 110, words[i])
        for j, weight in enumerate(row):
            shade = bytes(round(255 + (part - 255) * weight) for part in bytes.fromhex(BLUE[1:]))
            svg.box(559 + 62 * j, 124 + 40 * i, 58, 36, f"{weight:.2f}", f"#{shade.hex()}", "#ffffff")
    svg.parts.append(
        f'<rect x="556" y="241" width="252" height="42" rx="6" fill="none" stroke="{ORANGE}" stroke-width="3"/>'
    )
    svg.notes(
        492,
        [
            (322, "Query, key, value", "q_i = W_q h_i,   k_j = W_k h_j,   v_j = W_v h_j"),
            (374, "Weights", "e_{ij} = q_i · k_j / √d,   a_{ij} = softmax_j(e_{ij})"),
            (426, "New state", "h′_i = W_o Σ_j a_{ij} v_j + b", "Several heads: each has its own q, k, v."),
        ],
    )
    return str(svg)


def hierarchical_attention() -> str:
    """Hierarchical attention: words make sentences, sentences make the document."""
    sentences = [["I", "loved", "it"], ["bit", "long", None]]
    word_scores, sentence_weights = [[-0.3, 1.8, 0.2], [-0.2, 1.1, None]], softmax([1.0, -0.1, None])
    svg = Svg(
        920, 640, "Hierarchical attention: words make sentences, sentences make the document",
        "A word encoder and word attention turn each sentence into a vector s; a sentence encoder and sentence "
        "attention turn these into the document vector d. Empty sentences and padded words get weight zero.",
    )  # fmt: skip
    centres = [130, 370, 545]
    for i, (sentence, scores) in enumerate(zip(sentences, word_scores)):
        centre, weights = centres[i], softmax(scores)  # type: ignore[arg-type]
        svg.box(centre - 116, 366, 232, 250, fill="#fafafa", colour="#bbbbbb")
        for t, (word, weight) in enumerate(zip(sentence, weights)):  # type: ignore[call-overload]
            x = centre - 75 + 75 * t
            start = svg.column(x, 604, word or "padding", f"h_{{{i + 1}{t + 1}}}" if word else "masked", weight, 69)
            if weight:
                svg.line(*start, centre + (x - centre) * 0.3, 350, 1 + 7 * weight, ORANGE, tip=False)
    svg.box(498, 366, 94, 250, fill="#ffffff", colour=GREY, dashed=True)
    svg.text(545, 486, "empty", colour=GREY)
    svg.text(545, 506, "sentence", colour=GREY)
    for i, (x, weight) in enumerate(zip(centres, sentence_weights)):
        svg_x, y = svg.column(x, 350, f"s_{i + 1}" if weight else "0", f"h_{i + 1}" if weight else "0", weight, 76)
        if weight:
            svg.line(svg_x, y, 250 + (x - 250) * 0.12, 116, 1 + 7 * weight, ORANGE, tip=False)
    svg.line(169, 279, 331, 279, both=True)
    svg.box(180, 78, 140, 38, "document d", fill="#cdeee3", colour=GREEN)
    svg.line(250, 78, 250, 64)
    svg.text(250, 58, "linear layer, softmax", size=14)
    svg.notes(
        622,
        [
            (98, "Document", "d = Σ_i a_i h_i"),
            (176, "Sentence weights", "e_i = v_s^⊤ tanh(W_s h_i + b_s)", "a_i = softmax_i(e_i)"),
            (284, "Sentence encoder", "h_i from s_1, s_2, … (BiGRU)"),
            (338, "Sentence vector", "s_i = Σ_t a_{it} h_{it}"),
            (420, "Word weights", "e_{it} = v_w^⊤ tanh(W_w h_{it} + b_w)", "a_{it} = softmax_t(e_{it})"),
            (528, "Word encoder", "h_{it} from the words (BiGRU)"),
            (594, "Words of sentence i"),
        ],
    )
    return str(svg)


def fusion(path: FilePath) -> None:
    """Draws feature, decision and attention fusion, the last with a modality missing; writes a PNG to ``path``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.7), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    for ax, title in zip(panels, ("Feature level", "Decision level", "Attention, a modality missing")):
        ax.set(xlim=(0, 10), ylim=(0, 10.6))
        ax.set_title(title, fontsize=15, fontweight="bold", color=INK)
        ax.axis("off")
        _arrow(ax, 5, 8.3, 5, 9.2)
        ax.text(5, 9.7, "probabilities", ha="center", va="center", fontsize=12)
    _feature_level(panels[0])
    _decision_level(panels[1])
    _attention_level(panels[2])
    figure.savefig(path, metadata={"Software": None})


def _node(ax, x, y, text, colour="white", edge=INK, width=2.7, dashed=False):
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.25"
    ax.add_patch(FancyBboxPatch((x - width / 2, y - 0.6), width, 1.2, boxstyle=style, fc=colour, ec=edge, lw=1.4,
                                ls="--" if dashed else "-"))  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", fontsize=11, color=GREY if dashed else INK)


def _arrow(ax, x1, y1, x2, y2, colour=GREY, width=1.4):
    ax.annotate("", (x2, y2), (x1, y1), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": width, "shrinkA": 0,
                                                    "shrinkB": 0})  # fmt: skip


def _inputs(ax, missing=()):
    """The three modalities and their features, at the bottom of a panel."""
    for i, name in enumerate(("face", "text", "voice")):
        x, gone = 1.6 + 3.4 * i, name in missing
        _node(ax, x, 0.8, f"no {name}" if gone else name, dashed=gone, edge=GREY if gone else INK)
        _arrow(ax, x, 1.4, x, 2.3)
        label = "0" if gone else f"features $f_{{\\rm {name}}}$"
        _node(ax, x, 2.9, label, "white" if gone else "#d6e9f5", GREY if gone else BLUE, 3.0, gone)


def _feature_level(ax):
    _inputs(ax)
    for x in (1.6, 5.0, 8.4):
        _arrow(ax, x, 3.5, 5 + (x - 5) * 0.5, 4.9)
    _node(ax, 5, 5.5, r"joined: $[f_{\rm face}; f_{\rm text}; f_{\rm voice}]$", "#cdeee3", GREEN, 7)
    _arrow(ax, 5, 6.1, 5, 7.1)
    _node(ax, 5, 7.7, "one classifier", width=5)


def _decision_level(ax):
    _inputs(ax)
    for i, name in enumerate(("face", "text", "voice")):
        x = 1.6 + 3.4 * i
        _arrow(ax, x, 3.5, x, 4.4)
        _node(ax, x, 5.0, f"classifier:\n$p_{{\\rm {name}}}$", width=3.0)
        _arrow(ax, x, 5.6, 5 + (x - 5) * 0.5, 7.1)
    _node(ax, 5, 7.7, "mean, product, vote, stacking", "#cdeee3", GREEN, 7)


def _attention_level(ax):
    _inputs(ax, missing=("voice",))
    weights = softmax([0.3, 0.9, None])
    for x, weight in zip((1.6, 5.0, 8.4), weights):
        label = f"$a={weight:.2f}$" if weight else "$a=0$"
        ax.text(x, 4.0, label, ha="center", va="center", fontsize=12, color=AMBER if weight else GREY)
        if weight:
            _arrow(ax, x, 4.4, 5 + (x - 5) * 0.4, 5.4, ORANGE, 1 + 5 * weight)
    _node(ax, 5, 6.0, r"$c=\sum_m a_m\,W_m f_m$", "#cdeee3", GREEN, 6)
    _arrow(ax, 5, 6.6, 5, 7.1)
    _node(ax, 5, 7.7, "one classifier", width=5)


SVGS = {
    "attention_1.svg": global_attention,
    "attention_2.svg": self_attention,
    "attention_3.svg": hierarchical_attention,
}


def outdated(folder: FilePath) -> list[str]:
    """Names of the SVG figures in ``folder`` that differ from what this code draws."""
    return [
        name
        for name, draw in SVGS.items()
        if not (Path(folder) / name).exists() or (Path(folder) / name).read_text(encoding="utf-8") != draw()
    ]


def augmentation(path: FilePath) -> None:
    """Draws what each augmentation does to a rendered face; writes a PNG to ``path``."""
    from emorec.faces.augmentation import augmentation_figure
    from emorec.faces.render import portrait

    face, partner = (portrait(emotion, seed).image for emotion, seed in (("happiness", 5), ("surprise", 8)))
    augmentation_figure(face, partner, draws=6, seed=0).savefig(path, dpi=75, metadata={"Software": None})


def samples(path: FilePath) -> None:
    """Draws people of the rendered faces with every emotion; writes a PNG to ``path``."""
    gallery(people=4).savefig(path, dpi=100, metadata={"Software": None})


def gallery(people: int = 4, seed: int = 0, size: int = 112) -> Figure:
    """A figure with the seven emotions in the columns and a person to a row, from the palest to the darkest.

    Args:
        people: Number of rows.
        seed: Seeds the people and their pictures.
        size: Edge of each picture in pixels.

    Returns:
        A matplotlib ``Figure`` of about one pixel a pixel at 100 dpi, neither shown nor registered with pyplot.
    """
    from matplotlib.figure import Figure

    from emorec.faces.render import portrait
    from emorec.labels import EMOTIONS7

    width, top = size / 100, 0.3
    figure = Figure(figsize=(len(EMOTIONS7) * width, people * width + top), dpi=100)
    axes = figure.subplots(people, len(EMOTIONS7), squeeze=False)
    figure.subplots_adjust(0, 0, 1, people * width / (people * width + top), wspace=0.02, hspace=0.02)
    for row, who in zip(axes, _people(people, seed)):
        for emotion, ax in zip(EMOTIONS7, row):
            ax.imshow(portrait(emotion, who.seed, who, size).image)
            ax.axis("off")
    for emotion, ax in zip(EMOTIONS7, axes[0]):
        ax.set_title(emotion, fontsize=10, pad=4)
    return figure


def _people(people, seed):
    """Evenly over the skin tones, each with another hair style while there are any."""
    import numpy as np

    from emorec.faces.render import Identity

    rest, chosen = [Identity.from_seed((seed, i)) for i in range(10 * people)], []
    for tone in (np.arange(people) + 0.5) * 9 / people:
        used = {who.hair_style for who in chosen}
        chosen.append(min(rest, key=lambda who: (who.hair_style in used) * 2 + abs(who.tone - tone)))
        rest.remove(chosen[-1])
    return chosen


SENTENCE = "They cancelled our flight and kept the money."
CAST = (("happiness", 40), ("surprise", 43), ("happiness", 47), ("neutral", 44), ("surprise", 52))  # with seeds


def explained(path: FilePath) -> None:
    """Draws the shipped text model's answer to a sentence, and which words it came from; writes a PNG to ``path``."""
    import emorec

    explanation = emorec.load("text-emotion").explain(SENTENCE, method="leave-one-out")
    figure, (words, bars) = _canvas((6.4, 4.3), 2, [1, 2.2])
    _shaded_words(words, explanation.tokens, explanation.weights)
    ranked = sorted(explanation.probabilities.items(), key=lambda item: item[1])
    names, shares = zip(*ranked)
    bars.barh(names, [100 * p for p in shares], color=[BLUE] * (len(names) - 1) + [ORANGE], height=0.7)
    for row, share in enumerate(shares):
        bars.text(100 * share + 1, row, f"{100 * share:.0f} %", va="center", fontsize=11, color=INK)
    bars.set(xlim=(0, 112), xticks=[])
    bars.tick_params(length=0, labelsize=12)
    bars.spines[:].set_visible(False)
    figure.savefig(path, metadata={"Software": None})


def _canvas(size, rows, heights):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, 1, height_ratios=heights)


def _shaded_words(ax, tokens, weights, width=34):
    """Words in lines of at most ``width`` letters, shaded by their weights."""
    from matplotlib.colors import to_rgba

    strongest, x, y = max(abs(float(w)) for w in weights) or 1.0, 0.0, 0.0
    for token, weight in zip(tokens, weights):
        if x and x + len(token) > width:
            x, y = 0.0, y - 1
        shade = to_rgba(ORANGE if weight >= 0 else BLUE, 0.75 * abs(float(weight)) / strongest)
        box = {"boxstyle": "round,pad=0.18", "fc": shade, "ec": "none"}
        ax.text(x, y, token, fontsize=15, family="DejaVu Sans Mono", color=INK, bbox=box, va="center")
        x += len(token) + 1.4
    ax.set(xlim=(-0.5, width + 2), ylim=(y - 0.7, 0.7))
    ax.axis("off")


def group() -> Any:
    """A rendered photograph of five people, uint8 (H, W, 3) RGB: nobody who exists is in it."""
    import numpy as np

    from emorec.faces.render import portrait

    faces = [portrait(emotion, seed, size=160).image for emotion, seed in CAST]
    rows = [np.concatenate(part, axis=1) for part in (faces[:3], faces[3:])]
    picture = np.full((320, 480, 3), 214, "uint8")
    picture[:160], picture[160:, 80:400] = rows
    return picture


def read_faces(path: FilePath) -> None:
    """Draws what the shipped face model reads in a rendered group; writes a PNG to ``path``."""
    from PIL import Image

    import emorec

    Image.fromarray(emorec.load("face-emotion").annotate(group())).quantize(256).save(path, optimize=True)


PNGS = {
    "explained.png": explained,
    "faces.png": read_faces,
    "fusion.png": fusion,
    "data_aug.png": augmentation,
    "samples.png": samples,
}


def draw_all(folder: FilePath) -> list[Path]:
    """Draws every figure of the README into ``folder``; returns their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SVGS.items():
        (folder / name).write_text(draw(), encoding="utf-8")
    for name, draw in PNGS.items():
        draw(folder / name)
    return [folder / name for name in (*SVGS, *PNGS)]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``diagrams`` to the command line."""
    parser = subparsers.add_parser("diagrams", help="draw the figures of the README")
    default = Path(__file__).resolve().parent.parent / "Screenshots"
    parser.add_argument("folder", nargs="?", default=default)
    parser.set_defaults(run=_command)


def _command(options):
    for path in draw_all(options.folder):
        print(path)
    return 0
