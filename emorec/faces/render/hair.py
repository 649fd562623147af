"""Hair, beards and the headscarf on a painted head."""

import cv2
import numpy as np

from emorec.faces.render.canvas import Layer, blend, blur, ellipse, fill, noise, polar
from emorec.faces.render.geometry import HALF, SIDES, Geometry, mirrored, spline
from emorec.faces.render.identity import Identity

# style -> how far it stands off the skull at the sides, and at the crown
_VOLUME = {
    "buzz": (0.012, 0.02), "crop": (0.05, 0.02), "side part": (0.07, 0.02), "fringe": (0.07, 0.02),
    "receding": (0.035, 0.02), "quiff": (0.05, 0.12), "bob": (0.085, 0.02), "long": (0.07, 0.02),
    "wavy": (0.11, 0.03), "curls": (0.2, 0.1), "bun": (0.03, 0.02),
}  # fmt: skip
# style -> height of the hairline at the middle, how much lower it is at the temples, and a dip in the middle
_HAIRLINE = {
    "crop": (-0.8, 0.1, 0.0), "buzz": (-0.8, 0.1, 0.0), "receding": (-0.99, -0.02, 0.16), "quiff": (-0.86, 0.1, -0.02),
    "curls": (-0.78, 0.14, 0.0), "bun": (-0.84, 0.14, 0.03), "shaved": (-0.84, 0.12, 0.0),
}  # fmt: skip
_PARTED = {"side part": (-0.86, 0.36), "long": (-0.95, 0.46), "wavy": (-0.95, 0.42), "bob": (-0.93, 0.42)}
_LENGTH = {"bob": 0.72, "long": 1.55, "wavy": 1.5}
_FRINGE = [
    (0.8, -0.05), (0.74, -0.4), (0.5, -0.46), (0.2, -0.43), (-0.1, -0.46), (-0.45, -0.42), (-0.74, -0.4), (-0.8, -0.05),
]  # fmt: skip


def strands(who: Identity, rng: np.random.Generator, size: int) -> np.ndarray:
    """Hair as a picture: uint8 (size, size, 3), strands that leave the crown, or curls."""
    angle, radius = polar(size)
    if who.hair_style == "curls":
        t = noise(rng, 44, size) * 0.8 + noise(rng, 90, size) * 0.5
    else:
        wave = {"wavy": 0.09, "long": 0.02, "bob": 0.015}.get(who.hair_style, 0.03)
        table = rng.standard_normal((24, 420), dtype="float32")
        turn = (angle / (2 * np.pi) + 0.5 + wave * np.sin(7 * radius + 3 * angle)) * 419
        t = cv2.remap(table, turn, radius * 9, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        t *= 0.5 if who.hair_style in ("buzz", "shaved") else 1.0
    shine = np.exp(-np.minimum(((radius - 0.42) / 0.13) ** 2, 30)) * 0.3
    tone = np.clip(0.92 + 0.2 * t + shine, 0.45, 1.6)
    return cv2.merge([np.minimum(tone * (c + 4), 255).astype(np.uint8) for c in who.hair_colour])


def _rough(mask, size, sigma, picture, amount):
    """A mask with a hairy edge: blurred, then cut again at a threshold that follows the strands."""
    soft = blur(mask, sigma, size).astype("float32") / 255
    grain = picture[..., 1].astype("float32")
    grain = (grain - grain.mean()) / (grain.std() + 1)
    return (np.clip((soft - 0.5) * 2.2 + 0.5 + amount * grain * soft * (1 - soft) * 4, 0, 1) * 255).astype(np.uint8)


def beard(layer: Layer, who: Identity, geo: Geometry, picture: np.ndarray) -> None:
    """Stubble, goatee, short or full beard, moustache; all follow the mouth and the jaw."""
    if who.beard == "none" and not who.moustache:
        return
    size, stubble = layer.size, who.beard == "stubble"
    left, right = geo.mouth["upper_in"][[0, -1]]
    base, low, chin = geo.nose["base"], geo.mouth["lower_out"][16, 1], geo.outline[HALF, 1]
    mask = np.zeros((size, size), np.uint8)
    if who.beard in ("stubble", "short", "full"):
        grow = {"full": 1.08, "short": 1.015}.get(who.beard, 1.0)
        outer = np.where(geo.outline[:, 1:] > 0.4, geo.outline * ((1 + grow) / 2, grow), geo.outline)
        fill(mask, outer, 255)
        cheek = [(0.74, -0.16), (0.69, 0.14), (0.59, 0.35), (0.45, 0.51)]
        lip = [right + (0.1, -0.05), (0.2, base + 0.12), (-0.2, base + 0.12), left - (0.1, 0.05)]
        bare = spline([*cheek, *lip, *[(-x, y) for x, y in cheek[::-1]]], 60)
        fill(mask, np.concatenate([[(2.0, -2.0), (2.0, -0.16)], bare, [(-2.0, -0.16), (-2.0, -2.0)]]), 0)
        if not stubble:
            cv2.max(layer.alpha, layer.mask(outer), layer.alpha)
    elif who.beard == "goatee":
        tuft = [left - (0.04, 0), (-0.3, low + 0.12), (-0.2, chin + 0.02), (0, chin + 0.05), (0.2, chin + 0.02)]
        fill(mask, spline([*tuft, (0.3, low + 0.12), right + (0.04, 0)], 28), 255)
    if who.moustache:
        top = base + 0.075
        arch = [(-0.24, top + 0.06), (-0.1, top), (0, top + 0.02), (0.1, top), (0.24, top + 0.06)]
        upper = spline([left + (-0.07, 0.05), *arch, right + (0.07, 0.05)], 24)
        fill(mask, np.concatenate([upper, geo.mouth["upper_out"][::-1]]), 255)
    soft = _rough(mask, size, 0.035 if stubble else 0.022, picture, 0.35)
    strength = 0.42 if stubble else 0.9
    colour = np.array(who.hair_colour) * 0.6 + who.skin * 0.25 if stubble else picture * np.float32(0.85)
    blend(layer.albedo, colour, soft, strength)
    cv2.max(layer.lift, (soft * (0.15 if stubble else 0.5)).astype(np.uint8), layer.lift)
    layer.gloss = (layer.gloss * (1 - soft * (0.8 / 255 * strength))).astype(np.uint8)


def front(layer: Layer, who: Identity, geo: Geometry, picture: np.ndarray) -> None:
    """The hair in front of the head and above it."""
    style, size = who.hair_style, layer.size
    if style == "headscarf":
        return _headscarf(layer, who, geo)
    if style == "shaved":
        shape = np.concatenate([_top(geo, 0.0, 0.0, -0.15), _line(who)])
        colour = np.array(who.hair_colour) * 0.5 + who.skin * 0.4
        return blend(layer.albedo, colour, blur(layer.mask(shape), 0.03, size), 0.3)
    side, crown = _VOLUME[style]
    shapes = [np.concatenate([_top(geo, side, crown, -0.1), _line(who)])]
    if style == "bun":
        shapes.append(ellipse((0, -1.34 * who.length), 0.27, 0.2))
    if style == "curls":
        shapes += [ellipse(p, 0.16, 0.16, 0, 14) for p in _top(geo, side * 0.75, crown, 0.1)[::2]]
    if style in _LENGTH:
        shapes += [_curtain(who, s, _LENGTH[style], side) for s in SIDES]
    mask = layer.mask(*shapes)
    if style == "buzz":  # no strands beyond the skull, and the skin shows through
        inside = cv2.min(mask, layer.mask(geo.outline))
        blend(layer.albedo, picture, mask - inside)
        soft = (blur(inside, 0.03, size) * 0.82).astype(np.uint8)
    else:
        mask = soft = _rough(mask, size, 0.03 if style == "curls" else 0.014, picture, 0.5)
    blend(layer.albedo, picture, soft)
    cv2.max(layer.alpha, mask, layer.alpha)
    cv2.max(layer.lift, (soft * (0.12 if style == "buzz" else 0.75)).astype(np.uint8), layer.lift)
    layer.gloss = (layer.gloss * (1 - soft / np.float32(255)) + soft * 0.25).astype(np.uint8)
    return None


def _top(geo, side, crown, until):
    """The skull's contour above ``until``, left to right, ``side`` units further out and ``crown`` more at the top."""
    right = geo.outline[: HALF + 1]
    right = right[right[:, 1] < until]
    x, y = right.T
    out = side * np.clip(x / 0.75, 0, 1), -side * np.clip(-y / 1.1, 0, 1) - crown * np.clip(1 - x / 0.8, 0, 1)
    right = right + np.stack(out, 1)
    return np.concatenate([(right * (-1, 1))[::-1], right[1:]])


def _line(who):
    """The edge of the hair over the forehead, from right to left."""
    style, p = who.hair_style, who.parting
    if style == "fringe":
        return spline(_FRINGE, 36)
    if style in _PARTED:  # from beside the middle, the hair sweeps to both temples
        y, sweep = _PARTED[style]
        y += who.hairline
        right, left = (0.9, 0.7) if p < 0 else (0.7, 0.9)
        over = [(0.6, y + sweep * right), ((0.6 + p) / 2, y + 0.12), (p, y), ((p - 0.6) / 2, y + 0.12)]
        return spline([(0.8, 0.0), (0.73, -0.36), *over, (-0.6, y + sweep * left), (-0.73, -0.36), (-0.8, 0.0)], 36)
    y, temple, dip = _HAIRLINE[style]
    y += who.hairline
    half = [(0.79, -0.12), (0.72, -0.42), (0.6, y + temple), (0.3, y + 0.01)]
    return spline([*half, (0, y + dip), *[(-x, v) for x, v in half[::-1]]], 36)


def _curtain(who, s, down, side):
    """Hair that falls beside the face."""
    w, wave = 0.8 * who.width, 0.04 if who.hair_style == "wavy" else 0.0
    out = w + side
    outer = [(0.5, -1.0), (out, -0.5), (out + 0.06, 0.0), (out + 0.08 + wave, 0.5), (w + 0.1 - wave, down)]
    inner = [(w - 0.16 + wave, down), (w - 0.06 - wave, 0.5), (w - 0.03, 0.0), (w - 0.07, -0.45)]
    return np.concatenate([spline(outer, 20), spline(inner, 14)]) * (s, 1)


def _headscarf(layer, who, geo):
    chin = 1.0 + geo.drop
    face = mirrored([(0, -0.86), (0.4, -0.78), (0.64, -0.45), (0.7, 0.05), (0.62, 0.6), (0.36, chin), (0, chin + 0.13)])
    drape = mirrored([(0.98, 0.6), (1.0, 1.1), (0.85, 1.6)])
    mask = layer.mask(np.concatenate([_top(geo, 0.09, 0.04, 0.1), drape]))
    fill(mask, spline(np.delete(face, 7, 0), 48), 0)
    angle, radius = polar(layer.size)
    crease = 1 + 0.1 * np.sin(9 * radius + 4 * np.abs(angle) + who.parting * 8) + 0.05 * np.sin(17 * radius - 5 * angle)
    blend(layer.albedo, cv2.merge([np.minimum(crease * c, 255).astype(np.uint8) for c in who.cloth]), mask)
    cv2.max(layer.alpha, mask, layer.alpha)
    cv2.max(layer.lift, mask, layer.lift)
    layer.gloss = (layer.gloss * (1 - mask / np.float32(255))).astype(np.uint8)


def behind(who: Identity) -> tuple[np.ndarray, np.ndarray] | None:
    """What hangs behind the head and its colour, or None: a polygon (n, 2) in face units, RGB."""
    down = {"bob": 0.75, "long": 1.9, "wavy": 1.8, "curls": 0.3, "headscarf": 1.9}.get(who.hair_style)
    if down is None:
        return None
    wide = {"bob": 0.84, "long": 0.88, "wavy": 0.94, "curls": 0.9, "headscarf": 0.95}[who.hair_style] * who.width
    half = [(0, -1.25), (wide * 0.8, -0.95), (wide, -0.3), (wide, down - 0.3), (wide * 0.85, down), (0, down)]
    shape = spline(half + [(-x, y) for x, y in half[-2::-1]], 40)
    return shape, np.array(who.cloth if who.hair_style == "headscarf" else who.hair_colour) * 0.58
