"""Figures, by their artists: what they say, that words fit, that settings stay as they were."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from emorec import metrics, plots
from emorec.errors import BadInput
from emorec.labels import POLARITY, LabelSet

ABC = LabelSet("abc", ("a", "b", "c"))
WORDS = "a warm , funny film that costs $ 5 and $5$ and _never_ drags on <script> \x00 for the viewer .".split(" ")


@pytest.fixture(autouse=True)
def clean():
    yield
    pyplot.close("all")


def texts(ax):
    return [t.get_text() for t in ax.texts]


def evaluation():
    return metrics.evaluate(list("aaabb"), list("aabba"), ABC)


def draw_everything(ax=None):
    """Every figure once; with ``ax`` a function that makes one for each."""

    def on():
        return ax() if ax else None

    table = metrics.reliability_table([0, 1, 0], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]], bins=10)
    rows = [{"label": "x", "estimate": 1.0, "low": 0.5, "high": 1.5}]
    yield plots.history({"loss": [1.0, 0.5], "val_loss": [1.0, 0.7]}, ax=on())
    yield plots.confusion(evaluation(), ax=on())
    yield plots.reliability(table, ax=on())
    yield plots.forest(rows, ax=on())
    yield plots.answer({"a": 0.9, "b": 0.1}, "a", ax=on())
    yield plots.lengths([1, 2, 3], limit=2, ax=on())
    yield plots.classes({"train": list("aab")}, ax=on())
    yield plots.attention(WORDS, np.ones(len(WORDS)), ax=on())
    yield plots.document([["a"], ["b", "c"]], [[0.1], [0.2, 0.3]], [0.4, 0.6], ax=on())
    yield plots.attention_matrix(["a", "b"], np.eye(2), ax=on())


def test_figures_draw_on_the_axes_they_receive_and_change_no_setting(monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda *a, **k: pytest.fail("a figure was shown"))
    before = dict(matplotlib.rcParams)
    for ax in draw_everything():
        ax.figure.canvas.draw()
    made = []

    def fresh():
        made.append(pyplot.subplots()[1])
        return made[-1]

    count = len(pyplot.get_fignums())
    assert list(draw_everything(fresh)) == made and len(pyplot.get_fignums()) == count + len(made)
    assert dict(matplotlib.rcParams) == before


def test_importing_is_cheap():
    code = "import emorec.plots, emorec.metrics, emorec.text.explain, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "pandas", "sklearn", "scipy", "statsmodels", "keras"} & set(done.stdout.split())


def test_the_confusion_matrix_shows_counts_and_row_shares():
    ax = plots.confusion(evaluation())
    assert texts(ax) == [
        "2\n67 %",
        "1\n33 %",
        "0\n0 %",
        "1\n50 %",
        "1\n50 %",
        "0\n0 %",
        "0\n–",
        "0\n–",
        "0\n–",
    ]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a (3)", "b (2)", "c (0)"]
    assert "predicted" in ax.get_xlabel() and "true" in ax.get_ylabel()
    assert ax.texts[1].get_position() == (1, 0)  # column = predicted, row = true
    with pytest.raises(BadInput, match="labels"):
        plots.confusion(np.eye(3))


def test_history_marks_the_best_epoch():
    losses = {
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [3.0, 1.5, 2.5],
        "val_macro_f1": [0.1, 0.2, 0.3],
        "seconds": [1, 1, 1],
    }
    panels = plots.history(losses)
    assert [ax.get_title() for ax in panels] == ["loss", "macro-F1"]
    best = panels[0].get_lines()[-1]
    assert best.get_xydata().tolist() == [[2.0, 1.5]] and "best epoch (2)" in best.get_label()
    assert panels[0].get_lines()[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]  # epochs count from 1
    rows = [{"loss": 2.0, "val_loss": 1.0}, {"loss": 1.0, "val_loss": 2.0}]
    trained = plots.history(SimpleNamespace(epochs=rows, best_epoch=0))
    assert trained.get_lines()[-1].get_xydata().tolist() == [[1.0, 1.0]]
    with pytest.raises(BadInput):
        plots.history({})


def test_lengths_say_what_is_cut():
    ax = plots.lengths([1] * 600 + [5] * 399 + [900], limit=4)
    legend = " ".join(t.get_text() for t in ax.get_legend().get_texts())
    assert "40.0 % of texts are cut" in legend and "longest: 900" in legend and "median: 1" in legend
    assert sum(bar.get_height() for bar in ax.patches) == 1000
    cut = sum(bar.get_height() for bar in ax.patches if bar.get_x() > 4)
    assert cut == 400
    ax.figure.draw_without_rendering()
    highest = ax.transData.transform((0, max(bar.get_height() for bar in ax.patches)))[1]
    assert ax.get_legend().get_window_extent().y0 > highest


def test_classes_compare_shares():
    parts = {"train": "aaab", "validation": "ab", "test": "b"}
    data = SimpleNamespace(label_set=ABC, **{k: SimpleNamespace(labels=list(v)) for k, v in parts.items()})
    ax = plots.classes(data)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [bar.get_width() for bar in ax.containers[0]] == [75.0, 25.0, 0.0]
    assert [t.strip() for t in texts(ax)] == ["3", "1", "0", "1", "1", "0", "0", "1", "0"]
    tags = plots.classes({"train": [("x", "y"), ("y",), ()]})
    assert [bar.get_width() for bar in tags.containers[0]] == pytest.approx([200 / 3, 100 / 3])


def test_reliability_draws_the_table():
    table = metrics.reliability_table([0, 1], [[0.95, 0.05], [0.95, 0.05]], bins=10)
    ax = plots.reliability(table)
    (bar,) = ax.patches
    assert (bar.get_x(), bar.get_height()) == (pytest.approx(0.9), 0.5)
    assert "45.0 %" in ax.get_title() and texts(ax) == ["2"]


def test_forest_rows_are_where_they_say():
    rows = pd.DataFrame({"label": ["x", "y"], "estimate": [1.0, -2.0], "low": [0.5, -4.0], "high": [2.0, 1.0],
                         "group": ["g", "h"], "p": [0.04, 0.00001]})  # fmt: skip
    ax = plots.forest(rows)
    assert texts(ax) == ["+1.0 [+0.5, +2.0]  p = 0.040", "-2.0 [-4.0, +1.0]  p < 0.001"]
    ends = [c.get_segments()[0][:, 0].tolist() for c in ax.collections]
    assert ends == [[0.5, 2.0], [-4.0, 1.0]]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is on top
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"g", "h"}
    assert not plots.forest(rows.drop(columns="group")).get_legend()
    with pytest.raises(BadInput, match="high"):
        plots.forest([{"label": "x", "estimate": 1.0, "low": 0.0}])


def test_an_answer_keeps_the_order_of_the_classes():
    ax = plots.answer({"x": 0.2, "y": 0.7, "z": 0.1}, "y")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y", "z"]
    assert [round(bar.get_width()) for bar in ax.patches] == [20, 70, 10]
    assert [bar.get_facecolor() == ax.patches[1].get_facecolor() for bar in ax.patches] == [False, True, False]
    many = {f"{k:02d}": (k % 9) / 45 for k in range(10)}  # of ten classes 00 and 09 are the least probable
    assert [label.get_text() for label in plots.answer(many, "08").get_yticklabels()] == [
        f"{k:02d}" for k in range(1, 9)
    ]


def test_words_are_whole_in_order_and_inside():
    ax = plots.attention(WORDS * 4, np.linspace(0, 1, 4 * len(WORDS)))
    ax.figure.canvas.draw()
    assert texts(ax) == [w.replace("\x00", "·") for w in WORDS] * 4
    frame, last = ax.figure.bbox, None
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        if last is not None and text.get_position()[1] == last[0]:
            assert box.x0 > last[1]  # no word runs into the one before
        last = (text.get_position()[1], box.x1)
    assert len({t.get_position()[1] for t in ax.texts}) > 1


def test_shades_follow_the_weights():
    def shade(text):
        return np.array(text.get_bbox_patch().get_facecolor()[:3])

    none, half, full, against = plots.attention(list("abcd"), [0.0, 0.5, 1.0, -1.0]).texts
    assert shade(none) == pytest.approx(1) and shade(half) == pytest.approx((1 + shade(full)) / 2)
    assert shade(full)[0] > shade(full)[2] and shade(against)[2] > shade(against)[0]  # orange for, blue against
    faint = plots.attention(list("ab"), [0.001, 0.002]).texts  # long texts have small weights
    assert shade(faint[1]) == pytest.approx(shade(full))


def test_sentence_bars_stand_at_their_sentences():
    sentences = [["one"] * 40, [], ["two"]]
    ax = plots.document(sentences, [np.ones(40), [], [0.5]], [0.25, 0.0, 0.75])
    first, last = ax.patches
    assert last.get_width() == pytest.approx(3 * first.get_width())
    word = next(t for t in ax.texts if t.get_text() == "two")
    assert last.get_y() + last.get_height() / 2 == pytest.approx(word.get_position()[1])
    assert [t for t in texts(ax) if t[0].isdigit()] == ["0.25", "0.75"]  # the empty sentence has no line
    with pytest.raises(BadInput):
        plots.document([["a"]], [[0.1, 0.2]], [1.0])
    with pytest.raises(BadInput):
        plots.document([["a"]], [[0.1]], [0.5, 0.5])


def test_a_very_long_text_is_cut_and_says_so():
    ax = plots.attention(["w"] * 1000, np.ones(1000))
    assert texts(ax)[-1] == "… and 600 more words of this sentence" and len(ax.texts) == plots.MAXIMUM_WORDS + 1
    ax = plots.document([["w"] * plots.MAXIMUM_WORDS, ["x"] * 3, ["y"]], [np.ones(400), np.ones(3), np.ones(1)], None)
    assert texts(ax)[-1] == "… and 4 more words of later sentences"


def test_self_attention_names_both_axes():
    heads = np.stack([np.eye(3), np.full((3, 3), 1 / 3)])
    ax = plots.attention_matrix(["x", "y$", "z$"], heads)
    assert ax.images[0].get_array().tolist() == (3 * heads.mean(axis=0)).tolist()  # 1 is the equal weight
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y$", "z$"]
    with pytest.raises(BadInput, match="3 tokens"):
        plots.attention_matrix(["x", "y", "z"], np.eye(2))


def test_pictures_keep_their_values():
    grid = plots.images(
        [np.full((4, 4), 128, np.uint8), np.full((4, 4, 1), 0.5), np.full((4, 4, 3), 7, np.uint8)],
        titles=["one", "two", "three"], columns=2,
    )  # fmt: skip
    assert grid.shape == (2, 2) and [ax.get_title() for ax in grid.flat] == ["one", "two", "three", ""]
    assert grid[0, 0].images[0].get_clim() == (0, 255)  # not stretched: a grey picture stays grey
    assert grid[0, 1].images[0].get_clim() == (0, 1) and not grid[1, 1].images
    with pytest.raises(BadInput):
        plots.images([])


def test_polarity_labels_come_from_the_evaluation():
    e = metrics.evaluate(["positive"], ["positive"], POLARITY)
    assert [t.get_text() for t in plots.confusion(e).get_xticklabels()] == ["negative", "positive"]


def test_accuracies_stay_inside_of_their_range_and_show_the_commonest_class():
    perfect = metrics.evaluate(list("aab"), list("aab"), ABC)
    ax = plots.accuracies({"perfect": perfect, "other": evaluation()})
    assert [t.get_text() for t in ax.get_yticklabels()] == ["perfect", "other"]
    assert "66.7 % is naming the commonest class" in ax.get_xlabel()
    assert "100.0 [" in texts(ax)[0] and "+" not in texts(ax)[0]
    with pytest.raises(BadInput, match="no accuracies"):
        plots.accuracies({})


def test_names_of_words_lie_beside_one_another():
    rng = np.random.default_rng(0)
    ax = plots.word_map([f"word{i}" for i in range(30)], rng.normal(size=(30, 2)) / 9, ["a", "b", "c"] * 10)
    ax.figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in ax.texts]
    assert len(boxes) == 30
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert [c.get_label() for c in ax.collections] == ["a", "b", "c"]
    with pytest.raises(BadInput, match="as many groups"):
        plots.word_map(["a"], [[0, 0]], [])
