"""Augmentation of faces, seeded, with OpenCV; MixUp and CutMix mix labels too, which are therefore one-hot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from emorec.checks import real_number
from emorec.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Augmentation:
    """How far a picture may be changed; 0 leaves an operation out.

    Attributes:
        rotation: Largest angle to either side, degrees.
        shift: Largest move along each axis, share of the edge.
        scale: Largest change of size, share: 0.2 is from 1 / 1.2 to 1.2.
        shear: Largest angle of the shear to either side, degrees.
        flip: Share of pictures that are mirrored left to right.
        brightness: Largest change, share of the range 0 to 255.
        contrast: Largest change, share: 0.2 is from 0.8 to 1.2, around the mean of the picture.
        erasing: Share of pictures that lose a rectangle (Zhong et al. 2020, arXiv:1708.04896).
        erased: Smallest and largest area of it, shares of the picture.
        mixup: Alpha of the Beta distribution of MixUp's weights (Zhang et al. 2018, arXiv:1710.09412).
        cutmix: Alpha of the Beta distribution of CutMix's areas (Yun et al. 2019, arXiv:1905.04899).
        mix: Share of pictures that are mixed; with both kinds on, half of them each.

    Example:
        >>> Augmentation(rotation=10).geometric
        True
    """

    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erasing: float = 0.0
    erased: tuple[float, float] = (0.03, 0.2)
    mixup: float = 0.0
    cutmix: float = 0.0
    mix: float = 0.5

    def __post_init__(self):
        ceilings = dict(rotation=180, shift=0.5, scale=1, shear=45, flip=1, brightness=1, contrast=1, erasing=1, mix=1)
        for name, highest in ceilings.items():
            real_number(name, getattr(self, name), 0, highest, owner="Augmentation")
        for name in ("mixup", "cutmix"):
            real_number(name, getattr(self, name), 0, 1000, owner="Augmentation")
        object.__setattr__(self, "erased", tuple(self.erased))
        if not 0 < self.erased[0] <= self.erased[1] < 1:
            raise BadInput(f"Augmentation: erased is (smallest, largest) area between 0 and 1; received {self.erased}.")

    @property
    def geometric(self) -> bool:
        return any((self.rotation, self.shift, self.scale, self.shear, self.flip))

    @property
    def changes(self) -> bool:
        """Whether anything is done at all."""
        return self.geometric or self.mixes or any((self.brightness, self.contrast, self.erasing))

    @property
    def mixes(self) -> bool:
        return bool(self.mix and (self.mixup or self.cutmix))


PRESETS = {
    "none": Augmentation(),
    "light": Augmentation(rotation=8, shift=0.06, scale=0.08, flip=0.5),
    "standard": Augmentation(rotation=12, shift=0.08, scale=0.15, shear=6, flip=0.5, brightness=0.1, contrast=0.2,
                             erasing=0.25),
    "strong": Augmentation(rotation=15, shift=0.1, scale=0.2, shear=8, flip=0.5, brightness=0.15, contrast=0.3,
                           erasing=0.4, mixup=0.3, cutmix=1.0, mix=0.5),
}  # fmt: skip


def options_of(augment: Any, **changes: Any) -> Augmentation:
    """The `Augmentation` that a preset's name, a dict of options, or None (``none``) stands for, with changes."""
    if augment is None or isinstance(augment, str):
        if (augment or "none") not in PRESETS:
            raise BadInput(f"augment={augment!r} is unknown; choose one of {', '.join(PRESETS)} or give a dict.")
        augment = PRESETS[augment or "none"]
    elif isinstance(augment, dict):
        unknown = set(augment) - set(asdict(PRESETS["none"]))
        if unknown:
            known = ", ".join(asdict(PRESETS["none"]))
            raise BadInput(f"Augmentation has no option {', '.join(sorted(unknown))}; it has {known}.")
        augment = Augmentation(**augment)
    elif not isinstance(augment, Augmentation):
        raise BadInput(f"augment is a name, a dict or an Augmentation; received {type(augment).__name__}.")
    return replace(augment, **changes)


def augment_batch(
    images: np.ndarray, labels: np.ndarray | None = None, rng: np.random.Generator | None = None,
    options: str | dict | Augmentation = "standard",
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    """Changes every picture at random: one warp each, then light, erasing and mixing.

    Args:
        images: uint8 (N, H, W) or (N, H, W, C).
        labels: Float targets (N, classes), one-hot or soft; needed for MixUp and CutMix.
        rng: A ``numpy.random.Generator``; None draws a fresh one.
        options: An `Augmentation`, the name of a preset, or a dict.

    Returns:
        New arrays of the same shapes: images uint8, labels float32 (None where none were given).

    Raises:
        BadInput: Pictures of another kind; mixing without labels.
    """
    options, rng = options_of(options), np.random.default_rng(rng)
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise BadInput(f"Pictures are uint8 (N, H, W) or (N, H, W, C); received {images.dtype} {images.shape}.")
    if options.mixes and (labels is None or np.ndim(labels) != 2 or len(labels) != len(images)):
        raise BadInput("MixUp and CutMix need one-hot labels (N, classes), one row per picture.")
    labels = None if labels is None else np.array(labels, dtype="float32")
    if options.geometric:
        images = warp(images, draw_transforms(len(images), images.shape[1:3], rng, options))
    else:
        images = images.copy()
    if options.brightness or options.contrast:
        _light(images, rng, options)
    if options.erasing:
        _erase(images, rng, options)
    if options.mixes:
        images, labels = _mix(images, labels, rng, options)
    return images, labels


def draw_transforms(n: int, size: tuple[int, int], rng: np.random.Generator, options: Augmentation) -> np.ndarray:
    """Random transforms, float64 (n, 2, 3), that take a pixel (x, y, 1) of the result to the place it is read from."""
    height, width = size
    angle, slant = (np.deg2rad(rng.uniform(-1, 1, n) * bound) for bound in (options.rotation, options.shear))
    zoom = np.exp(rng.uniform(-1, 1, n) * np.log1p(options.scale))
    mirror = np.where(rng.random(n) < options.flip, -1.0, 1.0)
    move = rng.uniform(-1, 1, (n, 2)) * options.shift * [width, height]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    transforms = np.empty((n, 2, 3))
    transforms[:, :, :2] = turn / zoom[:, None, None]
    transforms[:, :, 1] += np.tan(slant)[:, None] * transforms[:, :, 0]
    transforms[:, :, 0] *= mirror[:, None]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    transforms[:, :, 2] = centre + move - transforms[:, :, :2] @ centre
    return transforms


def warp(images: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, H, W[, C]) read bilinearly through transforms (N, 2, 3); outside, the border goes on."""
    warped = np.empty_like(images)
    size, flags = images.shape[2:0:-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for image, transform, result in zip(images, transforms, warped):
        moved = cv2.warpAffine(image, transform, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        result[...] = moved.reshape(result.shape)  # OpenCV drops a last axis of length 1
    return warped


def _light(images, rng, options):
    gain = 1 + rng.uniform(-1, 1, len(images)) * options.contrast
    lift = 255 * rng.uniform(-1, 1, len(images)) * options.brightness
    for image, a, b in zip(images, gain, lift):
        image[...] = cv2.addWeighted(image, a, image, 0, (1 - a) * image.mean() + b).reshape(image.shape)


def _erase(images, rng, options):
    height, width = images.shape[1:3]
    for i in np.flatnonzero(rng.random(len(images)) < options.erasing):
        area = rng.uniform(*options.erased) * height * width
        stretch = np.exp(rng.uniform(-1, 1) * np.log(3))
        tall = min(height, max(1, round(np.sqrt(area * stretch))))
        wide = min(width, max(1, round(np.sqrt(area / stretch))))
        top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
        patch = images[i, top : top + tall, left : left + wide]
        patch[...] = rng.integers(0, 256, patch.shape, dtype="uint8")


def _mix(images, labels, rng, options):
    partner = rng.permutation(len(images))
    chosen = rng.random(len(images)) < options.mix
    cut = rng.random(len(images)) < (0.5 if options.mixup else 1.0) if options.cutmix else np.zeros(len(images), bool)
    mixed, share = images.copy(), np.ones(len(images), dtype="float32")
    for i in np.flatnonzero(chosen & ~cut):
        share[i] = weight = rng.beta(options.mixup, options.mixup)
        blend = cv2.addWeighted(images[i], weight, images[partner[i]], 1 - weight, 0)
        mixed[i] = blend.reshape(mixed[i].shape)
    height, width = images.shape[1:3]
    for i in np.flatnonzero(chosen & cut):
        edge = np.sqrt(1 - rng.beta(options.cutmix, options.cutmix)) / 2
        y, x = rng.random() * height, rng.random() * width
        top, bottom = (round(np.clip(y + side * edge * height, 0, height)) for side in (-1, 1))
        left, right = (round(np.clip(x + side * edge * width, 0, width)) for side in (-1, 1))
        mixed[i, top:bottom, left:right] = images[partner[i], top:bottom, left:right]
        share[i] = 1 - (bottom - top) * (right - left) / (height * width)
    share = share[:, None]
    return mixed, share * labels + (1 - share) * labels[partner]


class Augmenter:
    """New pictures for every epoch, for `emorec.training.fit`: ``fit(model, Augmenter(x, y), ...)``.

    Indexed, it is the pair (images, labels) it was made of.

    Args:
        images: uint8 (N, H, W) or (N, H, W, C).
        labels: Float targets (N, classes).
        options: As for `augment_batch`.
        seed: Epoch e always has the same pictures.
        weights: (N,) of the examples' losses, or None; where pictures are mixed, so are their weights.

    Call arguments:
        epoch: Number of the epoch.

    Returns:
        ``(images, labels)`` as of `augment_batch`, and with weights ``(images, labels, weights)``.

    Example:
        >>> pictures, targets = Augmenter(np.zeros((4, 48, 48), "uint8"), np.eye(4))(0)
        >>> pictures.shape, targets.shape
        ((4, 48, 48), (4, 4))
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, options: str | dict | Augmentation = "standard", seed: int = 0,
        weights: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.images, self.labels, self.weights = images, labels, weights
        self.options, self.seed = options_of(options), seed

    def __getitem__(self, position):
        return (self.images, self.labels)[position]

    def __call__(self, epoch: int) -> tuple:
        rng = np.random.default_rng([self.seed, 77, epoch])
        if self.weights is None:
            return augment_batch(self.images, self.labels, rng, self.options)
        columns = np.column_stack([self.labels, self.weights])
        images, columns = augment_batch(self.images, columns, rng, self.options)
        return images, columns[:, :-1], columns[:, -1]  # type: ignore[index]


SHOWN = {  # what each row of the figure does, strong enough to be seen
    "rotation ±25°": dict(rotation=25),
    "shift ±20 %": dict(shift=0.2),
    "scaling ±40 %": dict(scale=0.4),
    "shear ±20°": dict(shear=20),
    "mirroring": dict(flip=0.5),
    "brightness ±25 %": dict(brightness=0.25),
    "contrast ±60 %": dict(contrast=0.6),
    "erasing": dict(erasing=1.0, erased=(0.05, 0.25)),
    "MixUp": dict(mixup=1.0, mix=1.0),
    "CutMix": dict(cutmix=1.0, mix=1.0),
    "preset strong": "strong",
}


def augmentation_figure(image: np.ndarray, partner: np.ndarray, draws: int = 8, seed: int = 0) -> Figure:
    """What each operation does: one row an operation, the picture itself on the left, then draws of it.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        partner: A picture of the same shape, with which MixUp and CutMix mix.
        draws: Number of draws.
        seed: Of the draws.

    Returns:
        A matplotlib ``Figure``, not shown; save it with ``figure.savefig(...)``.
    """
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    rows, n = len(SHOWN), max(32, 8 * draws)
    figure = Figure(figsize=(1.02 * (draws + 1) + 1.45, 1.02 * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, hspace=0, wspace=0)  # type: ignore[call-arg]
    grid = figure.subplots(rows, draws + 1)
    mine = np.arange(n) % 2
    pair, labels = np.stack([image, partner])[mine], np.eye(2, dtype="float32")[mine]
    for row, (name, options) in enumerate(SHOWN.items()):
        augmented, targets = augment_batch(pair, labels, np.random.default_rng([seed, row]), options)  # type: ignore[arg-type]
        other = targets[:, 1]  # type: ignore[index]
        mixing = name in ("MixUp", "CutMix")  # a tiny share, or a mixture with itself, would show nothing
        picked = [i for i in range(0, n, 2) if not mixing or 0.1 < other[i] < 0.8][:draws]
        for ax, i in zip(grid[row], [None, *picked]):
            shown = np.asarray(image) if i is None else augmented[i]
            ax.imshow(shown, cmap="gray" if shown.ndim == 2 else None, vmin=0, vmax=255)
            if mixing and i is not None:
                ax.set_title(f"{100 * other[i]:.0f} % other", fontsize=8, pad=2)
        for ax in grid[row]:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        grid[row, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    grid[0, 0].set_title("original", fontsize=10)
    pyplot.switch_backend(pyplot.get_backend())  # before pyplot has one, a notebook shows other figures as text
    return figure
