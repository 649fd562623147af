"""Where everything on a face is: contours and landmarks from an identity and its action units.

Face units: x to the right of the picture, y down, z towards the viewer; 1 unit is about 0.4 head heights. The eyes
lie near y = -0.05, the chin near 1.1, the cheekbones near |x| = 0.8. A side is -1 (left in the picture) or +1. What an
action unit (AU) moves follows the Facial Action Coding System (Ekman, Friesen & Hager 2002); how far is set by eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from emorec.errors import BadInput
from emorec.types import Values

if TYPE_CHECKING:
    from emorec.faces.render.identity import Identity

ACTION_UNITS = {
    1: "inner brow raiser", 2: "outer brow raiser", 4: "brow lowerer", 5: "upper lid raiser", 6: "cheek raiser",
    7: "lid tightener", 9: "nose wrinkler", 10: "upper lip raiser", 11: "nasolabial deepener",
    12: "lip corner puller", 14: "dimpler", 15: "lip corner depressor", 16: "lower lip depressor",
    17: "chin raiser", 18: "lip pucker", 20: "lip stretcher", 23: "lip tightener", 24: "lip pressor",
    25: "lips part", 26: "jaw drop", 27: "mouth stretch", 43: "eyes closed",
}  # fmt: skip
SIDES = (-1, 1)
HALF = 44  # index of the chin on the contour of the face; 0 is the crown
_BROW, _LID, _LIP = (np.linspace(*span) for span in ((0, 1, 20), (-1, 1, 21), (-1, 1, 33)))


def check_units(action_units: Mapping[int, float]) -> dict[int, float]:
    """Refuses action units that are unknown or outside 0 to 1; returns a plain dict of int to float."""
    checked = {}
    for unit, intensity in action_units.items():
        if unit not in ACTION_UNITS:
            raise BadInput(f"Unknown action unit {unit!r}; known: {', '.join(map(str, ACTION_UNITS))}.")
        if not 0 <= intensity <= 1:  # NaN fails too
            raise BadInput(f"The intensity of AU{unit} must lie in 0 to 1, not {intensity!r}.")
        checked[int(unit)] = float(intensity)
    return checked


def check_limits(settings: object, **limits: tuple[float, float]) -> None:
    """Refuses attributes of ``settings`` outside their (lowest, highest); NaN lies outside too."""
    for name, (low, high) in limits.items():
        if not low <= getattr(settings, name) <= high:
            what = f"{type(settings).__name__}.{name}"
            raise BadInput(f"{what} must lie in {low} to {high}, not {getattr(settings, name)!r}.")


class Units:
    """Action-unit intensities of each half of the face, one of the halves weaker by up to ``asymmetry``.

    Example:
        >>> Units({12: 0.8})(12)
        0.8
    """

    def __init__(
        self, action_units: Mapping[int, float], asymmetry: float = 0.0, rng: np.random.Generator | None = None
    ) -> None:
        self.sides = {}
        for unit, intensity in sorted(action_units.items()):
            lean = asymmetry * rng.uniform(-1, 1) if asymmetry else 0.0
            self.sides[unit] = (intensity * (1 - max(lean, 0)), intensity * (1 + min(lean, 0)))

    def __call__(self, unit: int, side: int = 0) -> float:
        left, right = self.sides.get(unit, (0.0, 0.0))
        return (left + right) / 2 if side == 0 else left if side < 0 else right


@lru_cache(maxsize=64)
def _spline_basis(k: int, n: int) -> np.ndarray:
    """Matrix (n, k) that samples the Catmull-Rom curve through k points at n places; it leaves its ends straight."""
    points = np.eye(k)
    return CubicHermiteSpline(np.arange(k), points, np.gradient(points, axis=0))(np.linspace(0, k - 1, n))


def spline(points: Values, n: int = 24) -> np.ndarray:
    """A smooth curve (n, 2) through the given points (k, 2), k >= 2."""
    return _spline_basis(len(points), n) @ np.asarray(points, dtype="float64")


def mirrored(points: Values) -> np.ndarray:
    """Points on one side of the middle, then the same ones on the other side in reverse: a path across the face."""
    points = np.asarray(points, dtype="float64")
    return np.concatenate([points, points[::-1] * (-1, 1)])


@dataclass
class Geometry:
    """Everything the painter needs, in face units; dictionaries are keyed by side.

    Attributes:
        outline: (88, 2) closed contour of the face without hair, clockwise from the crown.
        brows: side -> (centre line (20, 2) from the nose outwards, half thickness (20,)).
        eyes: side -> dict(upper, lower, fold: (21, 2) lids and lid crease, left to right; iris: (2,), radius).
        mouth: dict(upper_out, upper_in, lower_in, lower_out: (33, 2) left to right, ...), see `_mouth`.
        nose: dict(base, width, tip: (2,), lift).
        drop: How far the jaw has fallen.
        landmarks: (68, 2) in the order of iBUG 300-W (Sagonas et al. 2013).

    Example:
        >>> from emorec.faces.render.identity import Identity
        >>> build(Identity.from_seed(0), Units({12: 0.8})).landmarks.shape
        (68, 2)
    """

    outline: np.ndarray
    brows: dict
    eyes: dict
    mouth: dict
    nose: dict
    drop: float
    landmarks: np.ndarray


def build(who: Identity, au: Units) -> Geometry:
    """The geometry of `Identity` ``who`` with the `Units` ``au`` at work."""
    drop = min(0.19 * au(26) + 0.3 * au(27), 0.34)
    outline = _head(who, drop)
    brows, eyes = ({s: part(who, au, s) for s in SIDES} for part in (_brow, _eye))
    nose, mouth = _nose(who, au), _mouth(who, au, drop)
    return Geometry(outline, brows, eyes, mouth, nose, drop, _landmarks(outline, brows, eyes, nose, mouth))


def _head(who, drop):
    """Contour from crown to chin and back; the jaw drop lengthens its lower part."""
    fat, jaw = 0.035 * who.cheek, who.jaw
    right = np.array(
        [
            (0.0, -1.24), (0.36, -1.19), (0.64, -1.0), (0.775, -0.7), (0.8, -0.35), (0.795 + fat * 0.3, 0.0),
            (0.76 + fat, 0.3), (0.69 * jaw**0.8 + fat * 1.3, 0.56), (0.575 * jaw + fat * 1.2, 0.78),
            (0.42 * jaw * who.chin + fat, 0.95), (0.24 * who.chin, 1.06), (0.0, 1.1),
        ]
    ) * (who.width, who.length)  # fmt: skip
    right[:, 1] += drop * np.clip((right[:, 1] - 0.25) / 0.7, 0, 1)
    loop = np.concatenate([right, right[-2:0:-1] * (-1, 1)])
    around = np.concatenate([loop[-2:], loop, loop[:3]])  # the ends overlap, so that the curve closes smoothly
    return spline(around, 4 * (len(around) - 1) + 1)[8 : 8 + 4 * len(loop)]


def _brow(who, au, s):
    """Four points from the nose outwards, each with its share of every AU."""
    a1, a2, a4, a9 = au(1, s), au(2, s), au(4, s), au(9, s)
    arch, oblique = who.brow_arch, 1 - 0.55 * a1  # with AU1, AU4 pulls the brows together more than it lowers them
    x = np.array([0.165, 0.32, 0.51, 0.685]) * who.eye_sep
    y = np.array([0.03, -0.01 - 0.012 * arch, -0.012 - 0.042 * arch, 0.045]) + who.eye_y - 0.315 + who.brow_y
    y += who.brow_tilt * np.array([1, 0.4, -0.4, -1])
    y -= a1 * np.array([0.125, 0.075, 0.02, 0.0]) + a2 * np.array([0.02, 0.075, 0.12, 0.095])
    y += a4 * np.array([0.13 * oblique, 0.09 * oblique + 0.01, 0.04, 0.0])
    y += a9 * np.array([0.05, 0.035, 0.01, 0.0]) + au(6, s) * np.array([0, 0, 0.008, 0.018])
    x -= a4 * np.array([0.06, 0.05, 0.025, 0.0]) + a9 * np.array([0.02, 0.01, 0, 0])
    taper = np.clip(0.72 + 1.1 * _BROW, 0, 1) * (1 - 0.86 * np.clip((_BROW - 0.42) / 0.58, 0, 1) ** 1.3)
    return spline(np.stack([s * x, y], 1), len(_BROW)), 0.036 * who.brow_thick * taper


def _eye(who, au, s):
    a1, a2, a4, a5, a6, a7, a9, a12, a43 = (au(u, s) for u in (1, 2, 4, 5, 6, 7, 9, 12, 43))
    width, x, y = 0.19 * who.eye_size, 0.38 * who.eye_sep * s, -0.05 + who.eye_y
    up = 0.094 * who.eye_size * (1 + 0.05 * (a1 + a2) - 0.12 * a4 - 0.25 * a7 - 0.05 * who.age)
    up = max(up * (1 - 0.18 * a6 - 0.3 * a9) + 0.055 * a5, 0.012)
    low = 0.062 * who.eye_size * (1 - 0.5 * a6 - 0.5 * a7 - 0.4 * a9 - 0.08 * a12 + 0.12 * a5)
    up = up * (1 - a43) - 0.85 * low * a43
    t, out = _LID, _LID * s  # out: -1 at the nose, 1 at the temple
    base = y + 0.008 - (who.eye_tilt + 0.012) * out
    # The upper lid is highest towards the nose, the lower lid lowest away from it; AU1 + 4 lift the inner part.
    upper = base - up * (1 - np.abs(t) ** 2.3) ** 0.72 * (1 - 0.1 * out) - 0.02 * a1 * a4 * (1 - out) * (1 - t**2)
    lower = base + low * (1 - np.abs(t) ** 2.5) ** 0.85 * (1 + 0.1 * out)
    gap = (0.03 + 0.022 * who.lid_fold) * (1 - 0.5 * a5 - 0.35 * a4) + 0.03 * a43 + 0.012 * a2
    fold = np.stack([x + 1.04 * width * t, upper - gap * (1 - 0.55 * t**2) - 0.004], 1)
    upper, lower = (np.stack([x + width * t, v], 1) for v in (upper, lower))
    iris, radius = np.array([x, y - 0.02]), 0.083 * who.iris_size * who.eye_size**0.5
    return dict(upper=upper, lower=lower, fold=fold, iris=iris, radius=radius)


def _nose(who, au):
    lift = 0.05 * au(9) + 0.018 * au(10)
    base = 0.37 + 0.27 * (who.nose_length - 1) - lift
    width = 0.165 * who.nose_width * (1 + 0.2 * au(9) + 0.07 * au(12) + 0.1 * au(10) - 0.04 * au(27))
    return dict(base=base, width=width, tip=np.array([0.0, base - 0.075]), lift=lift)


def _mouth(who, au, drop):
    """The four lip lines, and numbers.

    gape: largest opening; half: half width at each place; press: 0 to 1, lips pressed together; rest: height of the
    closed mouth, where the upper teeth end; lower_teeth: height where the lower teeth begin.
    """
    t, ends = _LIP, np.abs(_LIP)
    # The intensity at each place: one half's at its corner, passing over to the other's across the middle.
    mix = np.clip(t + 0.5, 0, 1)
    a10, a12, a14, a15, a20 = (au(u, -1) + (au(u, 1) - au(u, -1)) * mix for u in (10, 12, 14, 15, 20))
    a9, a16, a17, a18, a23, a24, a25 = (au(u) for u in (9, 16, 17, 18, 23, 24, 25))
    wide = 1 + 0.3 * a12 + 0.34 * a20 + 0.1 * a14 + 0.05 * a15 + 0.05 * a10
    half = 0.285 * who.mouth_width * (wide - 0.12 * a23 - 0.09 * a24 - 0.38 * a18 - 0.7 * drop)
    corner = who.mouth_curve - 0.012 - 0.15 * a12 + 0.13 * a15 + 0.03 * a20 - 0.012 * a14 + 0.35 * drop
    # The chin raiser pushes the middle up, the jaw takes some of it along, a smile lets it sag a little.
    middle = -0.055 * a17 + 0.012 * a12 + 0.16 * drop
    rest = 0.645 + who.mouth_y
    line = rest - 0.006 + middle + (corner - middle) * ends ** (1.5 + 0.25 * a12)

    bell, square, round_ = (1 - t**2) ** 0.8, 1 - t**4, np.sqrt(1 - t**2)
    hold = (1 - 0.92 * a24) * (1 - 0.6 * a23)  # pressed or tightened lips do not part
    raise_ = (0.08 * a10 + 0.055 * a9) * square
    is_open = (a25 > 0.04 and hold > 0.3) or drop > 0.01 or a16 > 0.2
    if is_open:
        rise = hold * a25 * (0.028 + 0.035 * a12) * bell + raise_ * (1 - 0.35 * a24) + 0.2 * drop * bell
        shape = bell + 0.5 * np.maximum(a20, 0.6 * a12) * (square - bell)
        fall = hold * a25 * (0.05 + 0.03 * a20 + 0.035 * a12) * shape + 0.075 * a16 * square + 0.95 * drop * round_
    else:
        rise, fall = 0.6 * raise_, -0.6 * raise_
    tubercle = 0.006 * np.exp(-((t / 0.3) ** 2)) * (1 - min(1, a25 + 8 * drop))
    upper_in, lower_in = line - rise + tubercle, line + fall + (0 if is_open else tubercle)

    thin = who.lip * (1 - 0.62 * a24) * (1 - 0.42 * a23) * (1 - 0.06 * a25)
    up = 0.062 * thin * (1 - 0.28 * a12 - 0.3 * a20 - 0.2 * a10) * (1 + 0.5 * a18)
    low = 0.085 * thin * (1 - 0.22 * a12 - 0.25 * a20 - 0.1 * drop) * (1 + 0.4 * a18 + 0.15 * a17 + 0.2 * a15)
    bow = (1 - ends**1.7) * (1 - 0.24 * np.exp(-((t / 0.13) ** 2)) * (1 - 0.6 * a12))
    bow *= 1 + 0.16 * np.exp(-(((ends - 0.25) / 0.16) ** 2))
    lines = dict(upper_out=upper_in - up * bow, upper_in=upper_in, lower_in=lower_in,
                 lower_out=lower_in + low * (1 - ends**2.4))  # fmt: skip
    return {name: np.stack([half * t, v], 1) for name, v in lines.items()} | dict(
        gape=float((lower_in - upper_in).max()), half=half, press=0.9 * a24 + 0.5 * a23, rest=rest,
        lower_teeth=rest + 0.03 + 0.8 * drop,
    )  # fmt: skip


def _landmarks(outline, brows, eyes, nose, mouth):
    """The 68 points of iBUG 300-W: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67."""
    jaw, marks = outline[17 : HALF + 1], np.zeros((68, 2))
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(jaw, axis=0).T))])
    at = np.linspace(0, length[-1], 9)
    side = np.stack([np.interp(at, length, jaw[:, i]) for i in (0, 1)], 1)  # from beside the eye to the chin
    marks[8:17], marks[0:9] = side[::-1], side * (-1, 1)
    marks[17:22] = brows[-1][0][[19, 14, 10, 5, 0]]
    marks[22:27] = brows[1][0][[0, 5, 10, 14, 19]]
    tip, base, w = nose["tip"], nose["base"], nose["width"]
    marks[27:31, 1] = np.linspace(eyes[-1]["iris"][1], tip[1], 4)
    marks[31:36] = mirrored([(-w * 0.75, base - 0.005), (-w * 0.38, base + 0.02), (0, base + 0.03)])[[0, 1, 2, 4, 5]]
    for first, s in ((36, -1), (42, 1)):
        marks[first : first + 4] = eyes[s]["upper"][[0, 7, 13, 20]]
        marks[first + 4 : first + 6] = eyes[s]["lower"][[13, 7]]
    marks[48:55] = mouth["upper_out"][[0, 6, 12, 16, 20, 26, 32]]
    marks[55:60] = mouth["lower_out"][[26, 20, 16, 12, 6]]
    marks[60:65] = mouth["upper_in"][[2, 11, 16, 21, 30]]
    marks[65:68] = mouth["lower_in"][[21, 16, 11]]
    return marks
