"""Figures. Each function draws on ``ax`` (a new figure where it is None), changes no global setting, shows nothing and
returns the Axes it drew on. Colours are Okabe & Ito's and cividis, which colour-blind readers can tell apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.types import Numbers, Strings, Values

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from emorec.labels import LabelSet

BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)
MAXIMUM_WORDS = 400  # a figure with more of them is no longer read


@explained
def shown_token(token: str, longest: int = 40) -> str:
    """A token as it can be drawn: control characters and lone surrogates as ``·``, long ones cut with ``…``."""
    text = "".join("·" if unicodedata.category(c) in ("Cc", "Cs") else c for c in str(token))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _axes(ax, width, height, layout="constrained"):
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(width, height), layout=layout)
    return ax


def _finish(ax, title=None, xlabel=None, ylabel=None):
    for name, value in (("title", title), ("xlabel", xlabel), ("ylabel", ylabel)):
        if value:
            getattr(ax, f"set_{name}")(value, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


# ----------------------------------------------------------------------------------- training and results


@explained
def history(history: Any, *, metrics: Strings | None = None, ax: Any = None) -> Any:
    """Learning curves: training dashed, validation solid, the best epoch marked.

    Args:
        history: Dict of metric name to a list with one value an epoch (``loss``, ``val_loss``, ...), or what
            `emorec.training.fit` returns.
        metrics: Names without ``val_``; by default every one in ``history`` but the seconds and learning rate.
        ax: One Axes, or one for each metric.

    Returns:
        The Axes, or an array of them for several metrics.
    """
    columns, best = _history_columns(history)
    if metrics is None:
        metrics = [m for m in dict.fromkeys(c.removeprefix("val_") for c in columns)
                   if m not in ("seconds", "learning_rate", "lr")]  # fmt: skip
    if not metrics:
        raise BadInput("The history holds no epoch yet.")
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(1, len(metrics), figsize=(4.5 * len(metrics), 3.4), layout="constrained")
    panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(panels) != len(metrics):
        raise BadInput(f"{len(metrics)} metrics ({', '.join(metrics)}) need as many axes, not {len(panels)}.")
    for panel, metric in zip(panels, metrics):
        _history_panel(panel, metric, columns, best)
    return panels[0] if len(panels) == 1 else panels


def _history_columns(history):
    if hasattr(history, "epochs"):
        rows, best = history.epochs, history.best_epoch
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}, best
    losses = history.get("val_loss")
    return dict(history), None if losses is None or not len(losses) else int(np.argmin(losses))


def _history_panel(ax, metric, columns, best):
    name = metric.replace("_", "-").replace("-f1", "-F1")
    for column, label, style, colour in (
        (metric, "training", "--", ORANGE), (f"val_{metric}", "validation", "-", BLUE),
    ):  # fmt: skip
        if column in columns:
            values = columns[column]
            ax.plot(range(1, len(values) + 1), values, style, color=colour, marker=".", label=label)
    if best is not None and 0 <= best < len(columns.get(f"val_{metric}", ())):
        value = columns[f"val_{metric}"][best]
        ax.plot([best + 1], [value], "o", mfc="none", mec=BLUE, ms=11, label=f"best epoch ({best + 1}): {value:.3f}")
    ax.legend(frameon=False, fontsize=9)
    ax.xaxis.get_major_locator().set_params(integer=True)
    unit = " (nats)" if metric == "loss" else ""
    _finish(ax, name, "epoch", name + unit)


@explained
def confusion(
    evaluation: Any, *, labels: Values | None = None, title: str = "Confusion matrix", ax: Axes | None = None
) -> Axes:
    """Confusion matrix: each cell holds its count and its share of the row, which is also its colour.

    Args:
        evaluation: An `emorec.metrics.Evaluation`, or counts (C, C), row = true class, column = predicted class.
        labels: C class names; needed for bare counts.
    """
    if labels is None:
        labels = list(getattr(evaluation, "label_set", ()))
    counts = np.asarray(getattr(evaluation, "confusion", evaluation))
    if counts.ndim != 2 or counts.shape != (len(labels), len(labels)):
        raise BadInput(f"A confusion matrix of shape {counts.shape} does not fit {len(labels)} labels.")
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        shares = counts / totals  # NaN, drawn white, in the row of a class without examples
    side = 1.6 + 0.72 * len(labels)
    ax = _axes(ax, side + 1.4, side, "compressed")
    image = ax.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        share = f"{100 * shares[i, j]:.0f} %" if totals[i, 0] else "–"
        ax.text(j, i, f"{counts[i, j]}\n{share}", ha="center", va="center", fontsize=9,
                color="white" if shares[i, j] <= 0.5 else "black")  # fmt: skip
    ax.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    names = [f"{name} ({n})" for name, n in zip(labels, totals[:, 0])]
    ax.set_yticks(range(len(labels)), names, parse_math=False)
    ax.figure.colorbar(image, ax=ax, label="share of the true class")
    _finish(ax, title, "predicted", "true (number of examples)")
    return ax


@explained
def reliability(table: pd.DataFrame, *, title: str = "Reliability", ax: Axes | None = None) -> Axes:
    """Reliability diagram of `emorec.metrics.reliability_table`: accuracy against confidence, n on each bar."""
    ax = _axes(ax, 5, 4.4)
    filled = table[table.n > 0]
    error = float(((filled.confidence - filled.accuracy).abs() * filled.n).sum() / max(filled.n.sum(), 1))
    widths = filled.high - filled.low
    ax.bar(filled.low, filled.accuracy, widths, align="edge", color=SKY, edgecolor="white", label="accuracy")
    ax.plot([0, 1], [0, 1], "--", color="0.4", label="perfectly calibrated")
    ax.plot(filled.confidence, filled.accuracy, "o", color=BLUE, ms=5, label="mean confidence of the bin")
    for row in filled.itertuples():
        ax.annotate(str(row.n), ((row.low + row.high) / 2, row.accuracy), (0, 9), textcoords="offset points",
                    ha="center", fontsize=8, bbox={"boxstyle": "square,pad=0.1", "fc": "w", "ec": "w"})  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1.1))
    ax.legend(frameon=False, loc="upper left", fontsize=9)
    return _finish(ax, f"{title} (ECE {100 * error:.1f} %)", "confidence (highest probability)", "share right")


@explained
def forest(
    rows: Any, *, reference: float | None = 0.0, xlabel: str = "difference (percentage points)", digits: int = 1,
    title: str | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Forest plot: an estimate and its interval a row, the reference value as a line.

    Args:
        rows: DataFrame, or sequence of dicts, with label, estimate, low, high; optional group (sets the colour) and p
            (adjusted, printed). From top to bottom.
        reference: Where the vertical line stands; None for no line. At 0 the numbers are differences, with their sign.
        xlabel: What is estimated, with its unit.
        digits: After the point, of the printed numbers.
    """
    import pandas as pd

    rows = pd.DataFrame(rows)
    missing = {"label", "estimate", "low", "high"} - set(rows.columns)
    if missing or rows.empty:
        raise BadInput(f"A forest plot needs rows with label, estimate, low, high; missing: {sorted(missing)}.")
    ax = _axes(ax, 8, 1.3 + 0.32 * len(rows))
    groups = list(dict.fromkeys(rows["group"])) if "group" in rows else [None]
    sign = "+" if reference == 0 else ""  # differences are signed, other numbers are not
    for i, row in enumerate(rows.to_dict("records")):
        colour = COLOURS[groups.index(row.get("group")) % len(COLOURS)]
        below, above = row["estimate"] - row["low"], row["high"] - row["estimate"]
        ax.errorbar(row["estimate"], i, xerr=[[below], [above]], fmt="o", color=colour, capsize=3, ms=5)
        p = row.get("p", np.nan)
        shown = (round(row[key], digits) + 0.0 for key in ("estimate", "low", "high"))  # + 0.0 makes 0.0 of -0.0
        note = "{1:{0}} [{2:{0}}, {3:{0}}]".format(f"{sign}.{digits}f", *shown)
        note += f"  p = {p:.3f}" if p >= 0.001 else "  p < 0.001" if p < 0.001 else ""
        ax.text(1.02, i, note, transform=ax.get_yaxis_transform(), va="center", fontsize=9)
    if reference is not None:
        ax.axvline(reference, color="0.4", lw=1, ls="--", zorder=0)
    for k, group in enumerate(groups if "group" in rows else ()):
        ax.plot([], [], "o", color=COLOURS[k % len(COLOURS)], label=str(group))
    if "group" in rows:
        ax.legend(frameon=False, fontsize=9, ncols=min(len(groups), 4), loc="lower left", bbox_to_anchor=(0, 1))
    ax.set_yticks(range(len(rows)), rows["label"], parse_math=False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    _finish(ax, None, xlabel)
    if title:
        ax.set_title(title, pad=26 if "group" in rows else None, parse_math=False)
    return ax


@explained
def accuracies(evaluations: dict[str, Any], *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Forest plot of accuracies with their 95 % intervals; the axis names the accuracy of the commonest class.

    Args:
        evaluations: Dict of name to `emorec.metrics.Evaluation`, all of the same examples.
    """
    rows = [
        {"label": name, "estimate": 100 * e.accuracy, "low": 100 * e.accuracy_interval[0],
         "high": 100 * e.accuracy_interval[1]}
        for name, e in evaluations.items()
    ]  # fmt: skip
    if not rows:
        raise BadInput("There are no accuracies to draw.")
    always = next(iter(evaluations.values())).majority["accuracy"]
    label = f"accuracy (%), 95 % interval; {100 * always:.1f} % is naming the commonest class always"
    return forest(rows, reference=None, xlabel=label, title=title, ax=ax)


@explained
def answer(probabilities: dict[str, float], target: str, *, ax: Axes | None = None) -> Axes:
    """Bars of an answer's probabilities, in the order of the classes; of many classes the eight most probable.

    Args:
        probabilities: Class name to probability, in the order of the label set.
        target: The class whose bar stands out.
    """
    ax = _axes(ax, 2.6, 2.3)
    shown = sorted(probabilities, key=lambda name: -probabilities[name])[:8]
    names = [name for name in probabilities if name in shown]
    colours = [VERMILION if name == target else SKY for name in names]
    ax.barh(range(len(names)), [100 * probabilities[name] for name in names], color=colours)
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set(xlim=(0, 100), ylim=(len(names) - 0.5, -0.5))
    ax.set_xlabel("probability (%)", fontsize=9)
    ax.tick_params(labelsize=9)
    return _finish(ax)


# --------------------------------------------------------------------------------------------------- data


@explained
def lengths(
    lengths: Numbers, *, limit: int | None = None, unit: str = "tokens", title: str = "Text lengths",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Histogram of text lengths, with the limit and the share of texts beyond it.

    Args:
        lengths: N lengths.
        limit: Longest text that the model reads whole, or None.
        unit: What is counted.
    """
    lengths = np.asarray(lengths)
    if not len(lengths):
        raise BadInput("There are no lengths to draw.")
    ax = _axes(ax, 6.5, 3.4)
    # The longest hundredth would squeeze the rest: it is counted in the last bar.
    top = max(int(np.percentile(lengths, 99)), 1 if limit is None else int(limit) + 1)
    step = max(1, int(np.ceil((top + 1) / 50)))
    edges = np.arange(0, top + 2 * step, step) - 0.5
    counts, *_ = ax.hist(np.minimum(lengths, edges[-1] - 0.5), bins=edges, color=SKY, edgecolor="white", lw=0.4)
    ax.set_ylim(0, 1.5 * counts.max())  # the legend stands above the highest bar
    ax.axvline(np.median(lengths), ymax=0.68, color=BLUE, label=f"median: {np.median(lengths):.0f}")
    if limit is not None:
        cut = float(np.mean(lengths > limit))
        label = f"limit: {limit} ({100 * cut:.1f} % of texts are cut)"
        ax.axvline(limit + 0.5, ymax=0.68, color=VERMILION, ls="--", label=label)
    beyond = " (counted in the last bar)" if lengths.max() >= edges[-1] else ""
    ax.plot([], [], " ", label=f"longest: {lengths.max()}{beyond}")
    ax.set_xlim(edges[0], edges[-1])
    ax.legend(frameon=False, fontsize=9, loc="upper right")
    return _finish(ax, title, f"length ({unit})", "texts")


@explained
def classes(splits: Any, *, label_set: LabelSet | None = None, title: str = "Classes", ax: Axes | None = None) -> Axes:
    """Share and count of every class in each split.

    Args:
        splits: A dataset with train, validation and test, or a dict of name to labels (class names, or tuples of them).
        label_set: Fixes classes and order; the dataset's own, else classes by frequency.
    """
    if hasattr(splits, "train"):
        label_set = label_set or splits.label_set
        splits = {name: getattr(splits, name) for name in ("train", "validation", "test")}
    labels = {name: getattr(split, "labels", split) for name, split in splits.items()}
    flat = {name: [n for x in values for n in ((x,) if isinstance(x, str) else x)] for name, values in labels.items()}
    everything = [n for values in flat.values() for n in values]
    names = list(label_set) if label_set else sorted(set(everything), key=lambda n: (-everything.count(n), n))
    height = 0.8 / max(len(flat), 1)
    ax = _axes(ax, 7, 1.2 + 0.24 * len(names) * max(len(flat), 1.5))
    for k, (split, values) in enumerate(flat.items()):
        counts = np.array([values.count(name) for name in names])
        shares = 100 * counts / max(len(labels[split]), 1)
        at = np.arange(len(names)) + (k - (len(flat) - 1) / 2) * height
        bars = ax.barh(at, shares, height, color=COLOURS[k % len(COLOURS)], label=f"{split} ({len(labels[split])})")
        ax.bar_label(bars, [f" {n}" for n in counts], fontsize=8)
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.margins(x=0.1)
    if len(flat) > 1:
        ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))  # balanced bars leave no room
    return _finish(ax, title, "share of the split (%), with counts")


@explained
def images(
    images: Sequence[np.ndarray], *, titles: Strings | None = None, columns: int = 8, size: float = 1.5,
    smooth: bool = False,
) -> np.ndarray:  # fmt: skip
    """A grid of pictures.

    Args:
        images: N arrays (H, W) or (H, W, 1) grey, or (H, W, 3) RGB; uint8, or floats in [0, 1].
        titles: N titles, or None.
        columns: Pictures in a row, at most.
        size: Side of a picture in inches.
        smooth: Whether pixels blend into one another, as eyes like it, or stay squares.

    Returns:
        Array (rows, columns) of Axes.
    """
    from matplotlib import pyplot

    images = [np.asarray(image) for image in images]
    if not images or (titles is not None and len(titles) != len(images)):
        raise BadInput(f"Give at least one picture and a title for each: {len(images)} pictures, titles {titles!r}.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = 0 if titles is None else max(str(t).count("\n") + 1 for t in titles)
    figure, grid = pyplot.subplots(rows, columns, squeeze=False, layout="constrained",
                                   figsize=(columns * size, rows * (size + 0.17 * lines)))  # fmt: skip
    for ax, i in zip(grid.flat, range(grid.size)):
        ax.set_axis_off()
        if i < len(images):
            image = images[i][..., 0] if images[i].ndim == 3 and images[i].shape[-1] == 1 else images[i]
            top = 255 if image.dtype == np.uint8 else 1
            ax.imshow(image, cmap="gray" if image.ndim == 2 else None, vmin=0, vmax=top,
                      interpolation="bicubic" if smooth else "nearest")  # fmt: skip
            if titles is not None:
                ax.set_title(str(titles[i]), fontsize=9, pad=3, parse_math=False)
    return grid


@explained
def word_map(
    words: Sequence[str], places: Any, groups: Sequence[str], *, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Words as points of a plane, coloured by group, with names that do not lie on one another.

    Each name takes the first free place around its point; one that finds none is joined to its point by a line.

    Args:
        words: N words.
        places: (N, 2) coordinates.
        groups: N names; they set colour and marker, in the order of their first occurrence.
    """
    places, groups = np.asarray(places, dtype="float64"), list(groups)
    if places.shape != (len(words), 2) or len(groups) != len(words):
        raise BadInput(f"{len(words)} words need as many groups and places (N, 2), not shape {places.shape}.")
    ax = _axes(ax, 7, 5)
    names = list(dict.fromkeys(groups))
    for k, name in enumerate(names):
        mine = places[[group == name for group in groups]]
        look = {"color": COLOURS[k % len(COLOURS)], "marker": "osD^vPX"[k % 7], "edgecolor": "0.3"}
        ax.scatter(*mine.T, s=34, lw=0.4, label=name, **look)
    ax.margins(0.2, 0.08)  # room for a name beside the outermost points
    ax.set(xticks=[], yticks=[])
    _finish(ax, title)
    ax.figure.draw_without_rendering()  # lays the figure out, so that places become pixels
    scale, taken = ax.figure.dpi / 72, []
    points = ax.transData.transform(places) / scale
    taken += [(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for word, point in zip(words, points):
        shown = shown_token(word, 16)
        text = ax.text(0, 0, shown, fontsize=9, parse_math=False)
        size = text.get_window_extent()
        text.remove()
        width, height = size.width / scale, size.height / scale
        offset = _free_place(point, width, height, taken)
        far = {"arrowprops": {"arrowstyle": "-", "color": "0.6", "lw": 0.6}} if max(map(abs, offset)) > 30 else {}
        at = points.tolist().index(point.tolist())
        ax.annotate(shown, places[at], offset, textcoords="offset points", fontsize=9, annotation_clip=False,
                    parse_math=False, **far)  # fmt: skip
    return ax


def _free_place(point, width, height, taken):
    """The offset in points at which a box of this size touches none of the boxes that are taken; takes it."""
    x, y = point
    for far in (5, 12, 20, 32, 44, 58):
        beside = [(far, -height / 2), (-far - width, -height / 2), (-width / 2, far), (-width / 2, -far - height)]
        corners = [(left, low) for left in (far / 2, -far / 2 - width) for low in (far, -far - height)]
        for left, low in beside + corners:
            box = (x + left, y + low, x + left + width, y + low + height)
            if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
                taken.append(box)
                return left, low
    return 5, -height / 2


# ----------------------------------------------------------------------------------------------- attention


@explained
def attention(
    tokens: Strings, weights: Numbers, *, crossed: np.ndarray | None = None, title: str | None = None,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The words of a text, each shaded by its weight, over as many lines as they need.

    Args:
        tokens: T words.
        weights: (T,) weights; where some are negative (they speak against the class), those are blue.
        crossed: bool (T,): words that are crossed out, such as those that a model does not know; None for none.
        ax: Its width decides where lines break.
    """
    return document([tokens], [weights], None, crossed=None if crossed is None else [crossed], title=title, ax=ax)


@explained
def document(
    sentences: Sequence, word_weights: Values, sentence_weights: Numbers | None, *,
    crossed: Values | None = None, title: str | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The sentences of a document, words shaded by weight, beside a bar for the weight of each sentence.

    Args:
        sentences: S lists of words.
        word_weights: S arrays, a weight for each word.
        sentence_weights: (S,) weights in [0, 1], or None for no bars.
        crossed: S arrays, bool: which words are crossed out; None for none.
    """
    sentences = [list(sentence) for sentence in sentences]
    words = [np.asarray(w, dtype="float64") for w in word_weights]
    if [len(s) for s in sentences] != [len(w) for w in words]:
        raise BadInput(f"Words and weights differ: {[len(s) for s in sentences]} and {[len(w) for w in words]}.")
    if sentence_weights is not None and len(sentence_weights) != len(sentences):
        raise BadInput(f"{len(sentences)} sentences need as many weights, not {len(sentence_weights)}.")
    own, ax = ax is None, _axes(ax, 9, 2)
    ax.set_axis_off()
    left = 0.0 if sentence_weights is None else 0.17
    struck = [np.zeros(len(sentence), bool) for sentence in sentences] if crossed is None else crossed
    tops = _write_words(ax, sentences, words, struck, left)
    if own:
        ax.figure.set_figheight(0.3 * tops[-1] + 0.8)
    ax.set(xlim=(0, 1), ylim=(tops[-1] - 0.4, -0.7))
    if sentence_weights is not None:
        _sentence_bars(ax, np.asarray(sentence_weights, dtype="float64"), tops, left)
    ax.set_title(title or "", loc="left", fontsize=11, parse_math=False)
    _scale(ax, np.concatenate([*words, [0.0]]))
    return ax


def _write_words(ax, sentences, word_weights, crossed, left):
    """Writes the words; returns the line on which each sentence starts, and the number of lines."""
    ax.figure.draw_without_rendering()  # lays the figure out, which gives the axes its width
    width = ax.get_window_extent().width
    strongest = max((np.abs(w).max() for w in word_weights if len(w)), default=0.0) or 1.0
    tops, line, room = [], 0, MAXIMUM_WORDS
    for sentence, weights, struck in zip(sentences, word_weights, crossed):
        tops.append(line)
        words = [(shown_token(t), weight / strongest, out) for t, weight, out in zip(sentence[:room], weights, struck)]
        if len(words) < len(sentence) and room:
            words.append((f"… and {len(sentence) - len(words)} more words of this sentence", 0.0, False))
        beyond = sum(map(len, sentences[len(tops) :]))
        if beyond and 0 < room <= len(sentence):
            words.append((f"… and {beyond} more words of later sentences", 0.0, False))
        x, room = left, room - min(room, len(sentence))
        for word, share, out in words:
            text = ax.text(0, 0, word, fontsize=11, va="center", parse_math=False, bbox=_box(share))
            span = (text.get_window_extent().width + 9) / width
            if x > left and x + span > 1:
                x, line = left, line + 1
            text.set_position((x, line))
            if out:
                ax.plot([x, x + span - 9 / width], [line, line], color="0.2", lw=1.2, zorder=text.get_zorder() + 1)
            x += span
        line += bool(words)
    return [*tops, max(line, 1)]


def _box(share):
    """Background of a word with ``share`` in [-1, 1] of the strongest weight."""
    from matplotlib.colors import to_rgb

    colour, strength = to_rgb(ORANGE if share >= 0 else SKY), min(abs(float(share)), 1.0)
    return {"boxstyle": "round,pad=0.18", "lw": 0, "facecolor": tuple(1 - strength * (1 - c) for c in colour)}


def _sentence_bars(ax, weights, tops, left):
    strongest = np.abs(weights).max() or 1.0
    for weight, line, end in zip(weights, tops, tops[1:]):
        if end > line:  # a sentence without words has no line
            ax.barh(line, 0.1 * weight / strongest, 0.55, left=0.0, color=BLUE)
            ax.text(left - 0.015, line, f"{weight:.2f}", ha="right", va="center", fontsize=9, color="0.25")


def _scale(ax, weights):
    low, high = float(weights.min()), float(weights.max())
    words = f"strongest weight {high:.3f}" + (f", most negative {low:.3f} (blue)" if low < 0 else "")
    ax.set_title(words, loc="right", fontsize=9, color="0.35")


@explained
def attention_matrix(
    tokens: Strings, matrix: np.ndarray, *, title: str = "Self-attention", ax: Axes | None = None
) -> Axes:
    """Self-attention between words: a row is a word that looks, a column one that is looked at.

    Args:
        tokens: T words.
        matrix: (T, T) weights whose rows sum to 1, or (heads, T, T), whose mean is drawn.

    The colour is the weight over the equal weight 1/T, white at 1: where nobody chooses, the map is white.
    """
    from matplotlib.colors import TwoSlopeNorm

    matrix = np.asarray(matrix, dtype="float64")
    matrix = matrix.mean(axis=0) if matrix.ndim == 3 else matrix
    if matrix.shape != (len(tokens), len(tokens)):
        raise BadInput(f"A matrix of shape {matrix.shape} does not fit {len(tokens)} tokens.")
    side = min(3 + 0.22 * len(tokens), 12)
    ax = _axes(ax, side + 0.9, side, "compressed")
    times = matrix * max(len(tokens), 1)
    image = ax.imshow(times, cmap="PuOr_r", norm=TwoSlopeNorm(1, 0, max(2, times.max(initial=0))))
    step = max(1, -(-len(tokens) // 48))  # more names than that run into each other
    places = range(0, len(tokens), step)
    names = [shown_token(tokens[i], 16) for i in places]
    ax.set_xticks(places, names, rotation=90, fontsize=9, parse_math=False)
    ax.set_yticks(places, names, fontsize=9, parse_math=False)
    ax.figure.colorbar(image, ax=ax, label="attention weight over the equal weight")
    return _finish(ax, title, "looked at", "looking")
