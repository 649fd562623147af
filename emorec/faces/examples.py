"""Examples of a split that are chosen by rule, shown beside their true labels and with what the answer came from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emorec.datasets.base import Split
from emorec.errors import BadInput
from emorec.faces.rendered import enlarged
from emorec.metrics.evaluation import telling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from emorec.faces.classifier import FaceClassifier

HEADINGS = {"occlusion": "occlusion", "grad-cam": "Grad-CAM", "attention": "attention"}


def cases(clf: FaceClassifier, split: Split) -> dict[str, int]:
    """Positions in a split of three examples, chosen by rule: see `emorec.metrics.evaluation.telling`."""
    p = clf.predict_proba(split.inputs)
    return telling(clf.answers(p) == split.labels, p.max(axis=1), split.labels)


def figure(clf: FaceClassifier, split: Split, methods: tuple[str, ...] = ("occlusion", "grad-cam")) -> Figure:
    """The examples of `cases`, a row each: the picture with its true label, heat maps, and the probabilities.

    Args:
        clf: A trained classifier.
        split: Pictures and their true labels.
        methods: Of ``clf.explain``, from left to right; their heat is about the class that was answered.

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
