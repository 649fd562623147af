"""Examples of a split that are chosen by rule, shown beside their true labels and with what the answer came from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emorec.datasets.base import Split
from emorec.errors import BadInput
from emorec.faces.rendered import enlarged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from emorec.faces.classifier import FaceClassifier

RULES = (("right and sure", True, 1), ("right and unsure", True, -1), ("wrong and sure", False, 1))
HEADINGS = {"occlusion": "occlusion", "grad-cam": "Grad-CAM", "attention": "attention"}


def cases(clf: FaceClassifier, split: Split) -> dict[str, int]:
    """Three examples, chosen by rule instead of by hand.

    The rule takes the right answer with the highest probability, the right answer with the lowest, and the wrong
    answer with the highest. Their true classes differ where they can.

    Args:
        clf: A trained classifier.
        split: Pictures and their true labels.

    Returns:
        ``"right and sure"``, ``"right and unsure"``, ``"wrong and sure"`` -> position in the split; one is missing
        where no answer is right, or none is wrong.
    """
    p = clf.predict_proba(split.inputs)
    right, sure = clf.answers(p) == split.labels, p.max(axis=1)
    chosen: dict[str, int] = {}
    for name, wanted, sign in RULES:
        among = (right == wanted) & ~np.isin(np.arange(len(p)), list(chosen.values()))
        fresh = among & ~np.isin(split.labels.astype(str), split.labels[list(chosen.values())].astype(str))
        rows = np.flatnonzero(fresh if fresh.any() else among)
        if len(rows):
            chosen[name] = int(rows[(sign * sure[rows]).argmax()])
    return chosen


def figure(clf: FaceClassifier, split: Split, methods: tuple[str, ...] = ("occlusion", "grad-cam")) -> Figure:
    """The examples of `cases`, a row each: the picture with its true label, heat maps, and the probabilities.

    Args:
        clf: A trained classifier.
        split: Pictures and their true labels.
        methods: Of ``clf.explain``, from left to right; their heat is about the class that was answered.

    Returns:
        A matplotlib ``Figure``.

    Raises:
        BadInput: The split is empty.

    Example:
        >>> examples.figure(classifier, data.test)  # doctest: +SKIP
    """
    from matplotlib.figure import Figure

    if not len(split):
        raise BadInput("There is no example to show: the split is empty.")
    chosen = cases(clf, split)
    page = Figure(figsize=(2.1 * (len(methods) + 2), 2.15 * len(chosen)), dpi=80, layout="constrained")
    grid = page.subplots(len(chosen), len(methods) + 2, squeeze=False)
    for axes, (name, i) in zip(grid, chosen.items()):
        _row(axes, name, enlarged(split, [i])[0], split.labels[i], [clf.explain(split.inputs[i], m) for m in methods])
    return page


def _row(axes, name, picture, truth, explanations):
    import cv2

    from emorec import plots

    picture = np.asarray(picture)
    size = picture.shape[1::-1]
    axes[0].imshow(picture, cmap="gray" if picture.ndim == 2 else None, vmin=0, vmax=255)
    axes[0].set_title(f"{name}\ntrue label: {truth}", fontsize=9)
    for ax, explanation in zip(axes[1:], explanations):
        seen = explanation.image if explanation.image.ndim == 2 else explanation.image.mean(axis=2).astype("uint8")
        heat = cv2.resize(explanation.heat, size, interpolation=cv2.INTER_CUBIC)
        large = cv2.resize(seen, size, interpolation=cv2.INTER_CUBIC)
        ax.imshow(replace(explanation, image=large, heat=heat).overlay())
        about = "" if explanation.method == "attention" else f"\nfor {explanation.target}"
        ax.set_title(HEADINGS[explanation.method] + about, fontsize=9)
    for ax in axes[:-1]:
        ax.set_axis_off()
    names, values = zip(*explanations[0].probabilities.items())
    colours = [plots.BLUE if n == truth else plots.ORANGE if n == explanations[0].label else "0.75" for n in names]
    bars = axes[-1].barh(range(len(names)), 100 * np.array(values), color=colours)
    axes[-1].bar_label(bars, [f"{100 * v:.0f}" if v >= 0.005 else "" for v in values], fontsize=8, padding=2)
    axes[-1].set_yticks(range(len(names)), names, fontsize=8)
    axes[-1].set(xlim=(0, 118), ylim=(len(names) - 0.4, -0.6), xticks=[])
    axes[-1].set_title("answer (%); blue: true label", fontsize=9)
    axes[-1].spines[:].set_visible(False)
