"""Pose, surroundings and camera: from a lit head to a picture with its landmarks, box and regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from emorec.errors import BadInput
from emorec.faces.render.canvas import CENTRE_Y, SPAN, blend, blur, to_pixels
from emorec.faces.render.geometry import Units, build, check_limits, check_units, mirrored, spline
from emorec.faces.render.hair import behind
from emorec.faces.render.identity import Identity
from emorec.faces.render.light import Light, shine
from emorec.faces.render.paint import paint
from emorec.faces.render.relief import height
from emorec.types import Numbers

_UNIT = 0.39  # one face unit as a fraction of the picture's edge at scale 1
_PIVOT = -0.25  # depth of the axis that the head turns about, in face units


@dataclass(frozen=True)
class Nuisance:
    """What has nothing to do with the expression; every default is the easiest case.

    Attributes:
        asymmetry: How much weaker one half of the face may act, 0 to 1.
        gaze: Where the eyes look, right and down, -1 to 1.
        scale: Size of the face, 0.3 to 2; 1 fills most of the picture.
        shift: Offset of the face in the picture, right and down, as a fraction of its edge.
        occlusions: How many things cover part of the face.
        blur: Standard deviation of a Gaussian blur, in 1/48 of the picture's edge.
        noise: Standard deviation of the sensor noise, in grey levels.
        exposure: Factor on the brightness.
        clutter: Contrast of the background, 0 to 1.

    Example:
        >>> Nuisance(blur=0.5).noise
        0.0
    """

    asymmetry: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    occlusions: int = 0
    blur: float = 0.0
    noise: float = 0.0
    exposure: float = 1.0
    clutter: float = 0.5

    def __post_init__(self):
        check_limits(self, asymmetry=(0, 1), scale=(0.3, 2), occlusions=(0, 9), blur=(0, 9), noise=(0, 99),
                     exposure=(0, 9), clutter=(0, 1))  # fmt: skip


@dataclass(frozen=True)
class Face:
    """A rendered face and what is known about it.

    Attributes:
        image: uint8 (size, size, 3) RGB.
        landmarks: float32 (68, 2), x and y in pixels, pixel centres at whole numbers, in the order of iBUG 300-W (jaw
            0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67, left to right in the picture). They may lie outside.
        box: (x, y, w, h) in pixels, ints, around the landmarks: brows to chin, ear to ear.
        regions: ``brows``, ``eyes``, ``nose``, ``mouth`` -> (x, y, w, h); ``brows`` takes in the furrows between them.
        action_units: AU number -> intensity 0 to 1, before any asymmetry.
        identity: The `Identity`.
        emotion: Name of the emotion that the action units were sampled for, or None.
        pose: Yaw, pitch, roll in degrees.
        polygons: region -> list of float32 (n, 2) contours in pixels, behind `mask`.

    Example:
        >>> render(Identity.from_seed(0), {12: 0.8}, size=48).image.shape
        (48, 48, 3)
    """

    image: np.ndarray
    landmarks: np.ndarray
    box: tuple[int, int, int, int]
    regions: dict
    action_units: dict
    identity: Identity
    emotion: str | None
    pose: tuple[float, float, float]
    polygons: dict = field(repr=False)

    def mask(self, *names: str) -> np.ndarray:
        """Where the named regions are, bool (size, size).

        Raises:
            BadInput: A region that is not known.
        """
        mask = np.zeros(self.image.shape[:2], np.uint8)
        for name in names:
            if name not in self.polygons:
                raise BadInput(f"Unknown region {name!r}; known: {', '.join(self.polygons)}.")
            for contour in self.polygons[name]:
                cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        return mask.astype(bool)


def render(
    identity: Identity, action_units: Mapping[int, float], *, size: int = 96, pose: Numbers = (0, 0, 0),
    light: Light | None = None, nuisance: Nuisance | None = None, rng: np.random.Generator | None = None,
    emotion: str | None = None,
) -> Face:  # fmt: skip
    """Draws one face.

    Args:
        identity: An `Identity`.
        action_units: AU number -> intensity 0 to 1.
        size: Edge of the square picture in pixels, 16 to 1024.
        pose: Yaw (positive turns the nose to the right of the picture), pitch (positive lifts it) and roll (positive is
            clockwise) in degrees; yaw and pitch within 40, roll within 60.
        light: A `Light`.
        nuisance: A `Nuisance`.
        rng: ``numpy.random.Generator`` behind asymmetry, background, occlusions and noise; seeded with 0 when None.
        emotion: A name kept in the result.

    Returns:
        A `Face`.

    Raises:
        BadInput: An unknown action unit, an intensity outside 0 to 1, a size or pose out of range.
    """
    units = check_units(action_units)
    if not isinstance(size, (int, np.integer)) or not 16 <= size <= 1024:
        raise BadInput(f"size must be a whole number of pixels from 16 to 1024, not {size!r}.")
    pose = tuple(float(a) for a in pose)
    if len(pose) != 3 or not all(abs(a) <= limit for a, limit in zip(pose, (40, 40, 60))):
        raise BadInput(f"pose must be (yaw, pitch, roll) within 40, 40 and 60 degrees, not {pose!r}.")
    light, nuisance = light or Light(), nuisance or Nuisance()
    rng = np.random.default_rng(0) if rng is None else rng
    au = Units(units, nuisance.asymmetry, rng)
    geo = build(identity, au)
    # At least three samples per pixel in each direction for small pictures, two for large ones.
    out = 144 if size <= 48 else 192 if size <= 96 else 2 * int(size)
    camera = Camera(pose, out, nuisance)
    layer = paint(identity, geo, round(out * _UNIT * SPAN), nuisance.gaze)
    depth = height(identity, au, geo, layer.lift)
    head = shine(identity, au, geo, layer, depth, light, camera.rotation, nuisance.gaze)
    grid = camera.lookup(depth)
    head, alpha = (cv2.remap(a, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for a in (head, layer.alpha))  # type: ignore[call-overload]
    image = _surroundings(identity, geo, camera, light, nuisance, rng)
    blend(image, head, alpha)
    for _ in range(nuisance.occlusions):
        _occlude(image, camera, identity, rng)
    image = _develop(image, size, light, nuisance, rng)
    marks = ((camera.project(geo.landmarks, depth) + 0.5) * (size / out) - 0.5).astype("float32")
    polygons = _polygons(marks)
    regions = {name: _bounds(np.concatenate(contours), size) for name, contours in polygons.items()}
    return Face(image, marks, _bounds(marks), regions, units, identity, emotion, pose, polygons)


class Camera:
    """Where a point of the head lands in the picture, and back. Orthographic, the head turning about its neck.

    Example:
        >>> Camera((20, 0, 0), 96, Nuisance()).rotation.shape
        (3, 3)
    """

    def __init__(self, pose: Numbers, out: int, nuisance: Nuisance) -> None:
        (cy, cp, cr), (sy, sp, sr) = np.cos(np.deg2rad(pose)), np.sin(np.deg2rad(pose))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self.rotation, self.out, self.unit = roll @ pitch @ yaw, out, _UNIT * nuisance.scale * out
        self.origin = (np.array(nuisance.shift) + 0.5) * out - 0.5

    def place(self, points: np.ndarray, z: float | np.ndarray) -> np.ndarray:
        """Face units (n, 2) at depth z, a number or (n,), to pixels (n, 2) of the supersampled picture."""
        deep = np.column_stack([points, np.broadcast_to(z, len(points)) - _PIVOT])
        return deep @ self.rotation[:2].T * self.unit + self.origin

    def project(self, points: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Face units (n, 2) on the surface ``depth`` to pixels (n, 2) of the supersampled picture."""
        x, y = to_pixels(points, depth.shape[0]).astype("float32").T[:, :, None]
        z = cv2.remap(_smooth(depth), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return self.place(points, z[:, 0])

    def lookup(self, depth: np.ndarray) -> list[np.ndarray]:
        """Which pixel of the frontal canvas each pixel of the picture shows: maps for cv2.remap, float32 (out, out)."""
        n, canvas = self.out // 3, depth.shape[0]  # smooth enough to be solved on a coarser grid
        surface = cv2.resize(_smooth(depth), (n, n), interpolation=cv2.INTER_AREA)
        centres = (np.arange(n) + 0.5) * (self.out / n) - 0.5
        seen = np.stack(np.meshgrid(*((centres - o) / self.unit for o in self.origin)))
        back, lean = np.linalg.inv(self.rotation[:2, :2]), self.rotation[:2, 2]
        start, slide = np.tensordot(back, seen, 1), (back @ lean)[:, None, None]
        z = np.full((n, n), 0.6)
        for _ in range(5):  # fixed point: the depth at the place to which this depth leads
            x, y = start - slide * (z - _PIVOT)
            u, v = (((c - o) / SPAN + 0.5) * n - 0.5 for c, o in ((x, 0), (y, CENTRE_Y)))
            there = cv2.remap(surface, u.astype("float32"), v.astype("float32"), cv2.INTER_LINEAR,
                              borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
            z = 0.3 * z + 0.7 * there
        full = (((c - o) / SPAN + 0.5) * canvas - 0.5 for c, o in ((x, 0), (y, CENTRE_Y)))
        return [cv2.resize(f.astype("float32"), (self.out, self.out), interpolation=cv2.INTER_LINEAR) for f in full]


def _smooth(depth):
    """The surface that the pose moves: without steps, over which a turned head would fold."""
    return blur(np.maximum(depth, 0.2), 0.045, depth.shape[0])


def _surroundings(who, geo, camera, light, nuisance, rng):
    """Background, hair behind the head, neck, shoulders: uint8 (out, out, 3)."""
    out, lamp = camera.out, 1 - 0.28 * light.strength
    base = rng.uniform(40, 215) + rng.uniform(-24, 24, 3)
    cells = base + (rng.normal(0, 0.28, (5, 5, 3)) + rng.normal(0, 1, (5, 5, 1))) * 55 * nuisance.clutter
    image = cv2.resize(cells.astype("float32"), (out, out), interpolation=cv2.INTER_CUBIC)
    image = np.clip(image, 0, 255).astype(np.uint8)

    def poly(points, z, colour):
        points = np.round(camera.place(points, z) * 16).astype(np.int32)
        cv2.fillPoly(image, [points], np.asarray(colour).tolist(), cv2.LINE_AA, 4)

    if hanging := behind(who):
        poly(hanging[0], 0.0, hanging[1])
    w, covered = 0.4 + 0.1 * who.masculinity, who.hair_style == "headscarf"
    skin, cloth = who.skin * lamp, np.array(who.cloth) * lamp
    neck = mirrored([(-w, 0.5), (-w, 1.25), (-w * 1.3, 2.4)])
    poly(neck, -0.12, cloth * 0.8 if covered else skin * (0.74, 0.66, 0.64))
    if not covered:  # the chin's shadow on the neck
        jaw = geo.outline[geo.outline[:, 1] > 0.3] * (0.9, 1) + (0, 0.14)
        poly(np.clip(jaw, (-w, -9), (w, 9)), -0.12, skin * (0.56, 0.46, 0.44))
    collar = spline(mirrored([(-2.2, 1.95), (-1.2, 1.62), (-w * 1.25, 1.42), (-0.05, 1.72)]), 30)
    poly(np.concatenate([collar, [(2.4, 3), (-2.4, 3)]]), -0.12, cloth)
    return cv2.GaussianBlur(image, (0, 0), out / 110)


def _occlude(image, camera, who, rng):
    """Something before the face: the fingers of a hand, a card, or strands of hair."""
    kind, angle, u = rng.integers(3), rng.uniform(0, np.pi), camera.unit
    at = camera.origin + rng.uniform(-0.75, 0.75, 2) * u
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    shades, length, width = rng.uniform(0.8, 1.0, 5), rng.uniform(0.4, 0.8) * u, rng.uniform(0.3, 0.6) * u
    colour = rng.uniform(20, 235, 3)

    def bar(middle, length, width, angle, colour):
        box = cv2.boxPoints((middle.tolist(), (float(length), float(width)), float(np.rad2deg(angle))))
        cv2.fillPoly(image, [np.round(box * 16).astype(np.int32)], np.asarray(colour).tolist(), cv2.LINE_AA, 4)

    if kind == 0:
        for i, shade in enumerate(shades[:4]):
            tip = at + across * u * 0.15 * (i - 1.5)
            ends = [np.round(p * 16).astype(int).tolist() for p in (tip, tip + along * u * 2.2)]
            cv2.line(image, *ends, (who.skin * (0.9, 0.82, 0.8) * shade).tolist(), int(u * 0.14), cv2.LINE_AA, 4)
    elif kind == 1:
        bar(at, length, width, angle, colour)
    else:
        for i, shade in enumerate(shades):
            lean = np.pi / 2 + 0.3 * np.sin(angle) + 0.02 * i
            bar(at + (i * u * 0.03, 0), u * (2 - 0.1 * i), u * 0.03, lean, np.array(who.hair_colour) * shade)


def _develop(image, size, light, nuisance, rng):
    """Lens, sensor and white balance: blur, the picture's own size, colour, exposure, noise; uint8 (size, size, 3)."""
    if nuisance.blur > 0:
        image = cv2.GaussianBlur(image, (0, 0), nuisance.blur * image.shape[0] / 48)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    image = image * ((1 + light.warmth * np.array([0.06, 0.01, -0.09], "float32")) * np.float32(nuisance.exposure))
    if nuisance.noise > 0:
        grey, colour = (rng.standard_normal((size, size, c), dtype="float32") for c in (1, 3))
        image += (0.8 * grey + 0.6 * colour) * np.float32(nuisance.noise)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _polygons(marks):
    """Contours of the regions around their landmarks, with a margin that goes with the width of an eye."""
    eye = 0.5 * (np.linalg.norm(marks[39] - marks[36]) + np.linalg.norm(marks[45] - marks[42]))
    up = (marks[27] - marks[8]) * (eye / (np.linalg.norm(marks[27] - marks[8]) + 1e-6))

    def hull(points, margin):
        away = points - points.mean(0)
        length = np.linalg.norm(away, axis=1, keepdims=True) + 1e-6
        return cv2.convexHull((points + away / length * (margin * eye)).astype("float32"))[:, 0]

    between = np.concatenate([marks[21:23] + 0.1 * up, marks[21:23] - 0.5 * up])
    return {
        "brows": [hull(marks[17:22], 0.22), hull(marks[22:27], 0.22), hull(between, 0.1)],
        "eyes": [hull(marks[36:42], 0.2), hull(marks[42:48], 0.2)],
        "nose": [hull(marks[27:36], 0.14)],
        "mouth": [hull(marks[48:60], 0.28)],
    }


def _bounds(points, size=None):
    """Whole-pixel box (x, y, w, h) around points, cut off at the edges of a picture of ``size``."""
    low, high = np.floor(points.min(0)), np.ceil(points.max(0)) + 1
    if size is not None:
        low, high = np.clip(low, 0, size - 1), np.clip(high, 1, size)
    return tuple(int(v) for v in (*low, *(high - low)))
