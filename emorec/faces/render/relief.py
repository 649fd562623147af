"""The third dimension of a face: height towards the viewer, and the wrinkles that expressions and age fold into it."""

import cv2
import numpy as np

from emorec.faces.render.canvas import SHIFT, axes, blur, fixed, hills, thickness
from emorec.faces.render.geometry import HALF, SIDES, Geometry, Units, spline
from emorec.faces.render.identity import Identity


def height(who: Identity, au: Units, geo: Geometry, lift: np.ndarray) -> np.ndarray:
    """Height of the head in face units, float32 (S, S): skull, features, hair (``lift``, uint8), without wrinkles."""
    size, k = lift.shape[0], geo.drop
    x, y = axes(size)
    right = geo.outline[: HALF + 1]
    width = np.interp(y, right[:, 1], right[:, 0], left=0.02, right=0.02)
    front = np.interp(  # the profile, seen from the side
        y,
        [-1.3, -1.22, -1.1, -0.9, -0.6, -0.3, 0.0, 0.4, 0.7, 0.9 + k, 1.02 + k, 1.1 + k, 1.2 + k],
        [0.0, 0.16, 0.36, 0.54, 0.66, 0.70, 0.67, 0.68, 0.67, 0.64, 0.58, 0.42, 0.1],
    )
    front, width = (blur(v[:, None].astype("float32"), 0.04, size)[:, 0] for v in (front, width))
    u2 = np.minimum((x[None] / np.maximum(width, 0.02)[:, None]) ** 2, 1.0)
    z = front[:, None] * (0.55 * np.sqrt(1 - u2) + 0.45 * (1 - u2 * u2))
    z += hills(size, _bumps(who, au, geo)) * (1 - u2 * u2)
    return z + blur(lift, 0.03, size).astype("float32") * (0.09 / 255)


def _bumps(who, au, geo):
    """The features on top of the skull's roundness, as Gaussian hills: rows of x, y, width, height, elevation."""
    nose, mouth, k = geo.nose, geo.mouth, geo.drop
    ey, h, w, base, tip = -0.05 + who.eye_y, who.nose_height, nose["width"], nose["base"], nose["tip"][1]
    up, low, half = mouth["upper_out"][16, 1], mouth["lower_out"][16, 1], mouth["half"][16]
    press, chin = mouth["press"], 0.028 * au(17)
    rows = [
        (0, -0.75, 0.5, 0.3, 0.05), (0, ey - 0.21, 0.1, 0.06, 0.02 + 0.03 * au(4)),  # forehead, between the brows
        (0, ey - 0.06, 0.06, 0.1, 0.06 * h), (0, ey + 0.06, 0.055, 0.11, 0.09 * h),  # bridge and tip of the nose
        (0, tip - 0.18, 0.062, 0.1, 0.12 * h), (0, tip - 0.06, 0.08, 0.085, 0.13 * h),
        (0, tip + 0.01, 0.085, 0.06, 0.12 * h),
        (0, base + 0.095, 0.03, 0.05, -0.022), (0, 0.62 + 0.2 * k, 0.3, 0.19, 0.07),  # philtrum, the teeth's arch
        (0, up + 0.02, half * 0.5, 0.028, 0.022 * who.lip), (0, low - 0.045, half * 0.42, 0.034, 0.034 * who.lip),
        (0, low + 0.055, 0.15, 0.042, -0.05), (0, who.length + k, 0.17, 0.11, 0.075 + 0.02 * who.masculinity),
        (0, up - 0.05, 0.17, 0.03, 0.022 * press), (0, low + 0.02, 0.16, 0.03, 0.018 * press),  # pressed lips bulge
    ]  # fmt: skip
    for s in SIDES:
        ex, smile = s * 0.38 * who.eye_sep, max(au(12, s), 0.8 * au(6, s))
        bx, by = mouth["upper_in"][-1 if s > 0 else 0]
        brow = 0.035 + 0.03 * who.masculinity + 0.03 * au(4, s)
        rows += [
            (s * 0.34, ey - 0.22 + 0.04 * au(4, s), 0.2, 0.06, brow), (s * 0.34, ey - 0.02, 0.13, 0.1, -0.085),
            (ex, ey, 0.14, 0.085, 0.055), (ex, ey + 0.135, 0.15, 0.03, 0.012 + 0.022 * au(6, s) + 0.016 * who.age),
            (s * 0.52, 0.24 - 0.06 * smile, 0.2, 0.15, 0.05 + 0.075 * smile - 0.02 * who.age),  # cheekbone, hollow
            (s * 0.5, 0.52, 0.15, 0.17, -0.025 - 0.03 * who.age + 0.02 * who.cheek),
            (s * 0.8, -0.45, 0.14, 0.24, -0.06),  # temple
            (s * w * 0.78, base - 0.045, 0.042, 0.05, 0.075), (s * w * 1.25, base, 0.05, 0.07, -0.03),  # wing of nose
            (s * 0.1, ey + 0.16, 0.05, 0.06, 0.03 * au(9, s)), (s * 0.075, low + 0.16, 0.06, 0.05, chin),
            (bx * 1.12, by, 0.055, 0.06, -0.02 - 0.02 * max(au(12, s), au(14, s), au(15, s))),
        ]  # fmt: skip
    return rows


def furrows(who: Identity, au: Units, geo: Geometry, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth of wrinkles 0 to 1, their ends tapering: a fine and a broad map, float32 (size, size) each."""
    fine, broad = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    folds = [f for f in _folds(who, au, geo) if f[1] > 0.06]
    curves = fixed(np.concatenate([spline(points, 10) for points, _, _ in folds]), size).reshape(-1, 10, 2).tolist()
    taper = np.sin(np.pi * (np.arange(9) + 0.7) / 9.4) * 255
    for curve, (_, depth, wide) in zip(curves, folds):
        target, width = (broad, 0.035) if wide else (fine, 0.014)
        width = thickness(width, size)
        for a, b, level in zip(curve, curve[1:], (taper * min(depth, 1)).tolist()):
            cv2.line(target, a, b, level, width, cv2.LINE_AA, SHIFT)
    return blur(fine, 0.009, size).astype("float32") / 255, blur(broad, 0.022, size).astype("float32") / 255


def _folds(who, au, geo):
    """All wrinkles as (points, depth, broad); age deepens those of an expression and leaves some at rest."""
    old, k = max(0.0, who.age - 0.35) * who.wrinkled, 0.75 + 0.5 * who.age * who.wrinkled
    ey, chin = -0.05 + who.eye_y, geo.mouth["lower_out"][16, 1]
    folds = _forehead(au, ey, old, k)
    for s in SIDES:
        folds += _around_eye(who, au, geo, s, old, k) + _around_mouth(au, geo, s, old, k)
    folds.append((_arc(0.16, chin + 0.095, chin + 0.05), 0.85 * au(17) * k + 0.22, True))
    if au(17) > 0.2:  # the dimpled chin
        dimples = ([(x, chin + 0.13), (x * 1.3, chin + 0.2)] for x in (-0.09, -0.03, 0.035, 0.085))
        folds += [(points, 0.5 * au(17), False) for points in dimples]
    return folds


def _arc(reach, ends, middle):
    return [(-reach, ends), (0, middle), (reach, ends)]


def _forehead(au, ey, old, k):
    """AU1 wrinkles the middle, AU2 the whole width; AU4 draws upright lines between the brows, AU9 lines across."""
    raised, a2, frown = max(au(1), au(2)), au(2), max(au(4), 0.45 * au(9))
    bend = au(1) * (1 - a2)
    folds = [(_arc(0.09, ey - 0.06, ey - 0.05), (0.8 * au(9) + 0.25 * au(4)) * k, False)]
    for i, y in enumerate((-0.6, -0.7, -0.79)):
        y, depth = y - 0.03 * raised, (0.75 - 0.12 * i) * raised * k
        reach, end = (0.2 + 0.32 * min(1.0, a2 * 2), y + 0.03 * a2 - 0.045 * bend) if depth > 0.2 else (0.42, y)
        points = [(-reach, end), (-reach / 2, y), (0, y + 0.014 - 0.03 * bend), (reach / 2, y), (reach, end)]
        folds.append((points, depth + 0.42 * old, False))
    for s in SIDES:
        points = [(s * 0.075, ey - 0.36), (s * 0.06, ey - 0.28), (s * 0.068, ey - 0.19)]
        folds.append((points, 0.95 * frown * k + 0.3 * old, False))
    return folds


def _around_eye(who, au, geo, s, old, k):
    """Crease of the lid, crow's feet (AU6), folds under the eye (AU6, 7), wrinkles beside the bridge (AU9)."""
    eye, ey, w = geo.eyes[s], -0.05 + who.eye_y, s * 0.19 * who.eye_size
    a6, a7, a9 = au(6, s), au(7, s), au(9, s)
    x, low = eye["iris"][0], eye["lower"][10, 1]
    out = x + w
    under = [(x - w * 0.85, low + 0.02), (x, low + 0.062 - 0.014 * a6), (x + w * 0.95, low + 0.015)]
    bag = [(x - w * 0.95, ey + 0.08), (x - s * 0.02, ey + 0.185 - 0.03 * a6), (x + w * 0.85, ey + 0.15 - 0.03 * a6)]
    folds = [
        (eye["fold"][::5], 0.55 * who.lid_fold, False),
        (under, 0.55 * a6 + 0.35 * a7 + 0.12 + 0.4 * old, False),
        (bag, 0.16 + 0.5 * old + 0.3 * a6, True),
    ]
    for d in (-0.07, 0.0, 0.065):
        feet = [(out + s * 0.03, ey + 0.2 * d), (out + s * 0.09, ey + 0.75 * d), (out + s * 0.15, ey + 1.5 * d)]
        folds.append((feet, 0.62 * a6 * k + 0.45 * old, False))
    for y in (ey, ey + 0.05, ey + 0.1):
        folds.append(([(s * 0.03, y + 0.075), (s * 0.085, y + 0.05), (s * 0.125, y + 0.085)], 0.9 * a9 * k, False))
    return folds


def _around_mouth(au, geo, s, old, k):
    """Wing of the nose, nasolabial fold (AU9, 10, 11, 12), dimples (12, 14), lines at the corners (15, 20)."""
    w, base, (bx, by) = geo.nose["width"], geo.nose["base"], geo.mouth["upper_in"][-1 if s > 0 else 0]
    a9, a10, a12, a20 = (au(u, s) for u in (9, 10, 12, 20))
    deep, up = max(0.9 * a12, a10, 0.95 * a9, au(11, s), 0.35 * a20, 0.2 * au(15, s)), 0.07 * max(a9, a10)
    wing = [(w * 0.8, base - 0.12), (w * 1.03, base - 0.07), (w * 0.98, base - 0.01), (w * 0.7, base + 0.012)]
    nasolabial = [
        (s * (w + 0.015), base - 0.06 - 0.5 * up), (s * (w + 0.1 + 0.05 * a12), base + 0.05 - up),
        (bx + s * (0.06 + 0.045 * a12), 0.62 * by + 0.38 * base - 0.5 * up),
        (bx + s * (0.075 + 0.03 * a12), by - 0.02 + 0.05 * (1 - a12)),
    ]  # fmt: skip

    def beside(*points):
        return [(bx + s * x, by + y) for x, y in points]

    return [
        ([(s * x, y) for x, y in wing], 0.5 + 0.3 * max(a9, a10), False),
        (nasolabial, 0.95 * deep * k + 0.1 + 0.5 * old, True),
        (beside((0.015, -0.03), (0.035, 0.005), (0.03, 0.045)), 0.75 * a12 + 0.3 * a20, False),
        (beside((0.03, -0.06), (0.05, 0), (0.03, 0.06)), 1.3 * au(14, s), True),
        (beside((0.02, 0.015), (0.05, 0.085), (0.05, 0.17)), 0.8 * au(15, s) * k + 0.45 * old, True),
        (beside((0.1, -0.12), (0.13, 0), (0.1, 0.12)), 0.4 * a20, True),
    ]
