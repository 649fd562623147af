"""Where a face model looks: Grad-CAM, occlusion and attention maps, and scores of them on known regions."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import cv2
import keras
import numpy as np

from emorec import plots
from emorec.errors import BadInput
from emorec.gradients import input_gradient
from emorec.types import Numbers, Strings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COARSEST = 10  # Grad-CAM reads the last maps that are at least this wide: 3 x 3 or 6 x 6 say little of where
_SPLITS = WeakKeyDictionary()  # model -> its two halves and their gradient, compiled once


@dataclass
class FaceExplanation:
    """One picture and where its prediction came from; draws itself in a notebook.

    Attributes:
        image: uint8 (S, S) or (S, S, 3), the picture as the model saw it.
        heat: float32 (S, S). Grad-CAM and attention: 0 to 1. Occlusion: the loss of the target's probability.
        label: The most probable class.
        probabilities: Class name to probability.
        target: The class that the heat is about.
        method: ``grad-cam``, ``occlusion`` or ``attention``.

    Example:
        >>> picture, heat = np.zeros((48, 48), "uint8"), np.zeros((48, 48))
        >>> FaceExplanation(picture, heat, "fear", {"fear": 0.9, "anger": 0.1}, "fear", "occlusion").overlay().shape
        (48, 48, 3)
    """

    image: np.ndarray
    heat: np.ndarray
    label: str
    probabilities: dict
    target: str
    method: str

    def overlay(self, strength: float = 0.5) -> np.ndarray:
        """The heat over the picture, uint8 (S, S, 3) RGB; only what speaks for the target is coloured."""
        from matplotlib import colormaps

        image = self.image if self.image.ndim == 3 else np.repeat(self.image[..., None], 3, axis=2)
        heat = np.clip(self.heat, 0, None)
        heat = heat / max(heat.max(), 1e-9)
        colours = 255 * colormaps["inferno"](heat)[..., :3]
        weight = strength * heat[..., None] ** 0.5
        return np.rint((1 - weight) * image + weight * colours).astype("uint8")

    def figure(self) -> Figure:
        """A matplotlib ``Figure``: the picture, the heat over it, the probabilities."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 2.3), layout="constrained")
        seen, over, bars = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
        seen.imshow(self.image, cmap="gray" if self.image.ndim == 2 else None, vmin=0, vmax=255)
        over.imshow(self.overlay())
        seen.set_title("as the model sees it", fontsize=10)
        about = "" if self.method == "attention" else f" of {self.target}"  # attention asks for no class
        over.set_title(self.method + about, fontsize=10)
        for ax in (seen, over):
            ax.set_axis_off()
        plots.answer(self.probabilities, self.target, ax=bars)
        return figure

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png", dpi=90)
        return buffer.getvalue()


# --- methods


def grad_cam(model: keras.Model, images: np.ndarray, targets: Numbers, layer: str | None = None) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2).

    Args:
        model: A model of `emorec.faces.models`, or any functional Keras model from pictures to logits.
        images: uint8 or float (N, H, W, C), as the model takes them.
        targets: N class indices.
        layer: Name of a layer with maps (B, h, w, D), also one inside a nested backbone; None takes the last one
            whose maps are at least 10 x 10 (or the last with maps) and through which everything passes.

    Returns:
        float32 (N, H, W), each picture's maximum 1; all 0 where nothing speaks for the target.

    Raises:
        BadInput: No such layer, or none that everything passes through.
    """
    front, slope = _split(model, layer)
    images = np.asarray(images, dtype="float32")
    wanted = np.eye(model.output.shape[-1], dtype="float32")[np.asarray(targets)]
    heats = []
    for start in range(0, len(images), 64):
        part = slice(start, start + 64)
        maps = np.asarray(keras.ops.convert_to_numpy(front(images[part], training=False)), dtype="float32")
        _, gradients = slope([maps], wanted[part])
        weights = gradients.mean(axis=(1, 2), keepdims=True)
        heats += [_enlarged(heat, images.shape[1:3]) for heat in np.maximum((weights * maps).sum(axis=3), 0)]
    return np.stack(heats) if heats else np.zeros(images.shape[:3], "float32")


def _enlarged(heat, size):
    heat = cv2.resize(heat.astype("float32"), size[::-1], interpolation=cv2.INTER_LINEAR)
    return heat / heat.max() if heat.max() > 1e-12 else np.zeros_like(heat)


def _target_logit(logits, wanted):
    return keras.ops.sum(keras.ops.cast(logits, "float32") * wanted, axis=-1)


def _split(model, name=None):
    """The model up to a layer's maps, and the gradient from there on: an ordinary model each, nested or not."""
    known = _SPLITS.setdefault(model, {})
    if name not in known:
        candidates = [(path, layer) for path, layer in _map_layers(model) if name in (None, layer.name)]
        if not candidates:
            raise BadInput(f"Model {model.name!r} has no layer {name!r} with maps (batch, height, width, channels).")
        wide = [c for c in candidates if min(c[1].output.shape[1:3]) >= COARSEST]
        for path, layer in reversed(wide or candidates):
            halves = _halves(path, layer)
            if halves:
                break
        else:
            raise BadInput(
                f"In model {model.name!r} the prediction does not pass through {name or 'any one layer'} alone."
            )
        known[name] = halves[0], input_gradient(halves[1], _target_logit)
    return known[name]


def _map_layers(model, path=()):
    """Layers with maps, in the order they run, with the models they lie in, outermost first."""
    path = (*path, model)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _map_layers(layer, path)
        elif not isinstance(layer, keras.layers.InputLayer):
            shape = getattr(getattr(layer, "output", None), "shape", ())
            if len(shape) == 4 and None not in shape[1:]:
                yield path, layer


def _halves(path, layer):
    """Two models, pictures to maps and maps to logits; None where other layers lead past this one."""
    outer, inner = path[0], path[-1]
    if len(path) > 2:
        return None
    try:
        before, after = keras.Model(inner.input, layer.output), keras.Model([layer.output], inner.output)
    except ValueError:
        return None
    if inner is outer:
        return before, after
    # Keras keeps the graph in a nested model apart from the one around it: both are cut, and joined anew.
    for call in inner._inbound_nodes:
        try:
            rest = keras.Model(call.output_tensors[0], outer.output)
            first = keras.Model(outer.input, before(call.input_tensors[0]))
            return first, keras.Model(after.inputs, rest(after.output))
        except ValueError:  # a call of the backbone by another model
            continue
    return None


def occlusion(
    predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray, targets: Numbers, patch: int | None = None,
    stride: int | None = None,
) -> np.ndarray:  # fmt: skip
    """How much of the target's probability goes when a patch is covered (Zeiler & Fergus 2014, arXiv:1311.2901, 4.2).

    Args:
        predict: Function from pictures (N, H, W, C) to probabilities (N, classes).
        images: uint8 (N, H, W, C).
        targets: N class indices.
        patch: Edge of the square that is covered with the picture's mean; None is a fifth of the height.
        stride: Step between patches, at most a patch; None is half of one.

    Returns:
        float32 (N, H, W): for every pixel the mean loss over the patches that cover it, -1 to 1.
    """
    images = np.asarray(images)
    height, width = images.shape[1:3]
    patch = patch or max(2, height // 5)
    stride = min(stride or max(1, patch // 2), patch)  # every pixel is covered
    places = [(y, x) for y in _starts(height, patch, stride) for x in _starts(width, patch, stride)]
    heats = []
    for image, target in zip(images, targets):
        covered = np.repeat(image[None], len(places) + 1, axis=0)
        for one, (y, x) in zip(covered[1:], places):
            one[y : y + patch, x : x + patch] = image.mean(axis=(0, 1))
        p = np.asarray(predict(covered))[:, target]
        total, count = np.zeros((2, height, width), dtype="float32")
        for loss, (y, x) in zip(p[0] - p[1:], places):
            total[y : y + patch, x : x + patch] += loss
            count[y : y + patch, x : x + patch] += 1
        heats.append(total / count)
    return np.stack(heats) if heats else np.zeros(images.shape[:3], "float32")


def _starts(length, patch, stride):
    last = max(length - patch, 0)
    return sorted({*range(0, last + 1, stride), last})


def attention_map(model: keras.Model, images: np.ndarray, layer: str = "attention_1") -> np.ndarray:
    """How much each place is looked at by all others, in the model ``attention-cnn``.

    Args:
        model: A face model with a `emorec.faces.layers.SelfAttention2D`.
        images: (N, H, W, C), as the model takes them.
        layer: Its name: ``attention_1`` or ``attention_2``.

    Returns:
        float32 (N, H, W), each picture's maximum 1: the mean weight over heads and looking places.
    """
    if layer not in {x.name for x in model.layers}:
        raise BadInput(f"Model {model.name!r} has no layer {layer!r}; attention maps are for attention-cnn.")
    attention = model.get_layer(layer)
    images = np.asarray(images, dtype="float32")
    if not len(images):
        return np.zeros(images.shape[:3], "float32")
    maps = keras.Model(model.input, attention.input)(images, training=False)
    _, weights = attention(maps, return_attention_scores=True, training=False)
    looked_at = np.asarray(keras.ops.convert_to_numpy(weights), dtype="float32").mean(axis=(1, 2))
    shape = (-1, *attention.input.shape[1:3])
    return np.stack([_enlarged(heat, images.shape[1:3]) for heat in looked_at.reshape(shape)])


# --- scores on known regions


# region of a rendered face -> the action units that are seen there
REGION_UNITS = {"brows": (1, 2, 4), "eyes": (5, 6, 7, 43), "nose": (9, 11),
                "mouth": (10, 12, 14, 15, 16, 17, 20, 23, 24, 25, 26, 27)}  # fmt: skip


def active_mask(face: Any, least: float = 0.2) -> np.ndarray:
    """Where a rendered face moves: its regions with an action unit of at least this intensity, bool (S, S)."""
    units = {unit for unit, intensity in face.action_units.items() if intensity >= least}
    return face.mask(*(region for region, seen in REGION_UNITS.items() if units & set(seen)))


def region_scores(heats: np.ndarray, masks: dict[str, np.ndarray]) -> pd.DataFrame:
    """How much of the heat lies on known regions, as on rendered faces.

    Args:
        heats: float (N, H, W); only what is above 0 counts.
        masks: Dict of region name to bool (N, H, W).

    Returns:
        DataFrame indexed by region, means over the pictures with any heat: ``area``, the region's share of the
        picture; ``share``, of the heat (relevance mass, Arras et al. 2022, arXiv:2003.07258); ``lift``, their ratio, 1
        for heat that is everywhere; ``hit``, how often the hottest pixel lies in it (pointing game, Zhang et al. 2016,
        arXiv:1608.00507); ``n``.
    """
    import pandas as pd

    heats = np.clip(np.asarray(heats, dtype="float64"), 0, None)
    total = heats.sum(axis=(1, 2))
    some = total > 0
    hottest = heats.reshape(len(heats), -1).argmax(axis=1)
    rows = {}
    for name, mask in masks.items():
        mask = np.asarray(mask, dtype=bool)
        if mask.shape != heats.shape:
            raise BadInput(f"Masks of {name!r} have the shape {mask.shape}, the heat {heats.shape}.")
        area = mask.mean(axis=(1, 2))[some].mean()
        share = ((heats * mask).sum(axis=(1, 2))[some] / total[some]).mean()
        hit = mask.reshape(len(mask), -1)[np.arange(len(mask)), hottest][some].mean()
        rows[name] = dict(area=area, share=share, lift=share / area, hit=hit, n=int(some.sum()))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("region")


def masking_losses(clf: Any, images: np.ndarray, labels: Strings, masks: dict[str, np.ndarray]) -> pd.DataFrame:
    """What it costs each picture when a region is covered with the picture's mean.

    Args:
        clf: A classifier with ``predict_proba(images)`` and ``label_set``.
        images: uint8 (N, H, W) or (N, H, W, C).
        labels: N class names.
        masks: Dict of region name to bool (N, H, W).

    Returns:
        DataFrame, a row per picture with its class as index, a column per region: the loss of the true class's
        probability.
    """
    import pandas as pd

    images, index = np.asarray(images), clf.label_set_.encode(labels)
    rows = np.arange(len(index))
    whole = clf.predict_proba(images)[rows, index]
    flat = images.reshape(*images.shape[:3], -1)
    mean = flat.mean(axis=(1, 2), keepdims=True)
    losses = {}
    for name, mask in masks.items():
        covered = np.where(np.asarray(mask, dtype=bool)[..., None], mean, flat).astype("uint8").reshape(images.shape)
        losses[name] = whole - clf.predict_proba(covered)[rows, index]
    return pd.DataFrame(losses, index=pd.Index(clf.label_set_.decode(index), name="class"))
