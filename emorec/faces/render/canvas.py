"""Drawing in face units on a square canvas: polygons, strokes, soft stains, Gaussian hills.

The canvas shows `SPAN` face units across, the face from the front; light and head pose come later (`scene`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from emorec.types import Numbers

SPAN, CENTRE_Y, SHIFT = 3.2, -0.1, 4  # face units across the canvas; the height at its middle; OpenCV's fractional bits


@lru_cache(maxsize=8)
def axes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Face coordinates of the pixel centres of a canvas: x (size,), y (size,), float32."""
    centres = (np.arange(size, dtype="float32") + 0.5) / size - 0.5
    return centres * SPAN, centres * SPAN + CENTRE_Y


@lru_cache(maxsize=8)
def polar(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Angle and distance from the crown, which hair grows away from; float32 (size, size) each."""
    x, y = axes(size)
    dx, dy = np.broadcast_arrays(x[None, :], (y + 0.95)[:, None])
    return np.arctan2(dx, -dy).astype("float32"), np.hypot(dx, dy * 0.8).astype("float32")


def hills(size: int, rows: np.ndarray) -> np.ndarray:
    """Sum of axis-parallel Gaussians, rows (x, y, width, height, weight), float32 (size, size)."""
    x, y = axes(size)
    rows = np.asarray(rows, dtype="float32")
    # The far tails are held at exp(-30): smaller numbers leave float32's normal range, where arithmetic is slow.
    gx = np.exp(-np.minimum(0.5 * ((x[None] - rows[:, 0:1]) / rows[:, 2:3]) ** 2, 30))
    gy = np.exp(-np.minimum(0.5 * ((y[None] - rows[:, 1:2]) / rows[:, 3:4]) ** 2, 30))
    return cv2.gemm(gy * rows[:, 4:5], gx, 1.0, None, 0.0, flags=cv2.GEMM_1_T)  # type: ignore[call-overload]


def to_pixels(points: np.ndarray, size: int) -> np.ndarray:
    """Face units to canvas pixels, float (n, 2), pixel centres at whole numbers."""
    return (np.asarray(points) - (0, CENTRE_Y)) * (size / SPAN) + (size / 2 - 0.5)


def fixed(points: np.ndarray, size: int) -> np.ndarray:
    """Face units to canvas pixels in OpenCV's fixed point, int32 (n, 2)."""
    return np.round(to_pixels(points, size) * (1 << SHIFT)).astype(np.int32)


def thickness(width: float, size: int) -> int:
    """A line's width in whole pixels, at least one."""
    return max(1, int(round(width * size / SPAN)))


def fill(image: np.ndarray, points: np.ndarray, colour: Any) -> None:
    """Fills a polygon given in face units; ``colour`` is a number or RGB."""
    cv2.fillPoly(image, [fixed(points, image.shape[0])], np.asarray(colour).tolist(), cv2.LINE_AA, SHIFT)


def strokes(image: np.ndarray, curves: Sequence, colour: Any, width: float) -> None:
    """Draws open curves; ``width`` in face units."""
    size = image.shape[0]
    points = [fixed(c, size) for c in curves]
    cv2.polylines(image, points, False, np.asarray(colour).tolist(), thickness(width, size), cv2.LINE_AA, SHIFT)


def ellipse(centre: Numbers, rx: float, ry: float, angle: float = 0.0, n: int = 28) -> np.ndarray:
    """The contour (n, 2) of an ellipse turned by ``angle`` radians."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    x, y = rx * np.cos(t), ry * np.sin(t)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], 1)


def blur(image: np.ndarray, sigma: float, size: int) -> np.ndarray:
    """Gaussian blur with ``sigma`` in face units."""
    return cv2.GaussianBlur(image, (0, 0), max(sigma * size / SPAN, 0.3))


def step(value: np.ndarray, soft: float) -> np.ndarray:
    """0 below -soft, 1 above soft, smooth between: an anti-aliased edge where value is a signed distance."""
    t = np.clip(value / (2 * soft) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def blend(image: np.ndarray, colour: Any, mask: np.ndarray, strength: float = 1.0) -> None:
    """Mixes a colour, or a picture of the canvas's size, into a uint8 canvas in place, where a uint8 mask says so."""
    j, i, w, h = cv2.boundingRect(mask)
    if not w:
        return
    part = image[i : i + h, j : j + w]
    m = mask[i : i + h, j : j + w].astype("float32") * (strength / 255)
    planes = cv2.split(colour[i : i + h, j : j + w]) if np.ndim(colour) == 3 else np.asarray(colour).tolist()
    # Plane by plane: numpy is slow where the innermost axis is only three long.
    part[:] = cv2.merge([(a + (c - a) * m).astype(np.uint8) for a, c in zip(cv2.split(part.astype("float32")), planes)])


def noise(rng: np.random.Generator, cells: int, size: int) -> np.ndarray:
    """Smooth noise around 0 with ``cells`` cells across, float32 (size, size)."""
    table = rng.standard_normal((cells, cells), dtype="float32")
    return cv2.resize(table, (size, size), interpolation=cv2.INTER_LINEAR)


class Layer:
    """A picture being painted, evenly lit.

    Attributes:
        albedo: uint8 (S, S, 3) colours.
        alpha: uint8 (S, S), what belongs to the head.
        gloss: uint8 (S, S), how much it shines.
        lift: uint8 (S, S), hair and beard that stand off the skin.

    Example:
        >>> Layer(64, (200, 150, 130)).mask(ellipse((0, 0), 0.5, 0.5)).shape
        (64, 64)
    """

    def __init__(self, size: int, colour: Any) -> None:
        self.size = size
        self.albedo = np.empty((size, size, 3), np.uint8)
        self.albedo[:] = np.clip(colour, 0, 255)
        self.alpha, self.gloss, self.lift = (np.zeros((size, size), np.uint8) for _ in range(3))

    def mask(self, *polygons: np.ndarray) -> np.ndarray:
        """uint8 (S, S), 255 inside any of the polygons."""
        mask = np.zeros((self.size, self.size), np.uint8)
        for polygon in polygons:
            fill(mask, polygon, 255)
        return mask

    def stain(
        self, polygons: Sequence[np.ndarray], colour: Any, strength: float = 1.0, soft: float = 0.0,
        width: float | None = None, gloss: float | None = None,
    ) -> None:  # fmt: skip
        """Mixes a colour into polygons, or along open curves of a ``width``, with edges ``soft`` units wide."""
        every = to_pixels(np.concatenate(polygons), self.size)
        margin = 2 + 3 * (soft + (width or 0)) * self.size / SPAN
        j, i = np.maximum(np.floor(every.min(0) - margin), 0).astype(int).tolist()
        j1, i1 = np.minimum(np.ceil(every.max(0) + margin), self.size).astype(int).tolist()
        if j1 <= j or i1 <= i:
            return
        points = np.round((every - (j, i)) * (1 << SHIFT)).astype(np.int32)
        ends = np.cumsum([len(p) for p in polygons]).tolist()
        points = [points[a:b] for a, b in zip([0, *ends], ends)]
        m = np.zeros((i1 - i, j1 - j), np.uint8)
        if width is None:
            for p in points:
                cv2.fillPoly(m, [p], 255, cv2.LINE_AA, SHIFT)
        else:
            cv2.polylines(m, points, False, 255, thickness(width, self.size), cv2.LINE_AA, SHIFT)
        m = blur(m, soft, self.size) if soft else m
        blend(self.albedo[i:i1, j:j1], colour, m, strength)
        if gloss is not None:
            part = self.gloss[i:i1, j:j1]
            part[:] = part + (gloss - part.astype("float32")) * (m * (strength / 255))

    def window(self, low: Numbers, high: Numbers) -> tuple[tuple, np.ndarray, np.ndarray]:
        """The part of the canvas between two corners: its slices, x (1, w) and y (h, 1)."""
        x, y = axes(self.size)
        j, i = np.searchsorted(x, (low[0], high[0])), np.searchsorted(y, (low[1], high[1]))
        return (slice(*i), slice(*j)), x[None, slice(*j)], y[slice(*i), None]

    def paste(self, where: tuple, colour: Any, share: np.ndarray) -> None:
        """Mixes float RGB (h, w, 3) into a window by ``share`` (h, w) 0 to 1; nothing there shines."""
        part = self.albedo[where].astype("float32")
        self.albedo[where] = part + (np.clip(colour, 0, 255) - part) * share[..., None]
        self.gloss[where] = self.gloss[where] * (1 - share)
