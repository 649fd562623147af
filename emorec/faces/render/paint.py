"""Colour on an evenly lit face: skin, ears, nostrils, eyes, brows, lips, teeth, glasses."""

import numpy as np

from emorec.faces.render import hair as h
from emorec.faces.render.canvas import SPAN, Layer, axes, blend, ellipse, fill, hills, noise, step, strokes
from emorec.faces.render.geometry import SIDES, Geometry, mirrored, spline
from emorec.faces.render.identity import Identity
from emorec.types import Numbers


def paint(who: Identity, geo: Geometry, size: int, gaze: Numbers = (0.0, 0.0)) -> Layer:
    """The head of ``who`` from the front, as a `Layer` with the canvas edge ``size``."""
    rng = np.random.default_rng([*who.seed, 202])
    layer = Layer(size, who.skin)
    if who.hair_style != "headscarf":
        for s in SIDES:
            _ear(layer, who, s)
    fill(layer.alpha, geo.outline, 255)
    _skin(layer, who, geo, rng)
    strands = h.strands(who, rng, size)
    h.beard(layer, who, geo, strands)
    _nostrils(layer, who, geo)
    for s in SIDES:
        _eye(layer, who, geo.eyes[s], s, gaze)
    if geo.mouth["gape"] > 0.008:
        _mouth_inside(layer, geo.mouth)
    _lips(layer, who, geo.mouth)
    for s in SIDES:
        _brow(layer, who, geo.brows[s], s, rng)
    h.front(layer, who, geo, strands)
    return layer


def _ear(layer, who, s):
    x = 0.79 * who.width
    shell = [(-0.06, -0.12), (0.06, -0.16), (0.125, -0.08), (0.1, 0.1), (0.045, 0.27), (-0.05, 0.26)]
    fold = [(0.03, -0.07), (0.075, -0.07), (0.065, 0.06), (0.02, 0.15)]
    shell, fold = ((spline(points, 20) + (x, 0)) * (s, 1) for points in (shell, fold))
    fill(layer.alpha, shell, 255)
    layer.stain([shell], who.skin * (0.92, 0.8, 0.78))
    layer.stain([fold], who.skin * (0.6, 0.45, 0.43), 0.9, 0.01, width=0.03)


def _skin(layer, who, geo, rng):
    """Flush and blotches, shadows around the eyes, the cast of a shaved beard, freckles."""
    size, pale, x = layer.size, 1 - who.tone / 12, 0.38 * who.eye_sep
    blend(layer.albedo, who.skin, layer.mask(geo.outline))
    flush = [(s * 0.5, 0.24, 0.2, 0.15, 1.0) for s in SIDES] + [(0, 0.28, 0.1, 0.12, 0.8), (0, 1, 0.2, 0.12, 0.4)]
    red = hills(size, flush) * (9 + 12 * who.make_up) * pale + noise(rng, 26, size) * 1.1
    shade = [(s * (x - 0.03), 0.09 + who.eye_y, 0.15, 0.05, 10 + 14 * who.age) for s in SIDES]
    shade += [(s * x, -0.13 + who.eye_y, 0.17, 0.06, 9 + 20 * who.make_up) for s in SIDES]
    if who.beard == "none" and who.masculinity > 0.6:
        shade += [(0, 0.95, 0.5, 0.2, 9), (0, 0.5, 0.25, 0.05, 6)]
    dark = hills(size, shade) * (0.35 + 0.65 * pale)
    for c, (r, d) in enumerate(((0.9, 0.9), (-0.75, 1.0), (-0.7, 0.8))):
        layer.albedo[..., c] = np.clip(layer.albedo[..., c] + (r * red - d * dark), 0, 255)
    layer.gloss[:] = 130
    spots = np.stack([rng.normal(0, 0.36, 90), rng.normal(0.2, 0.13, 90)], 1)[: int(90 * who.freckles)]
    if len(spots):
        layer.stain([np.stack([q, q]) for q in spots], who.skin * (0.68, 0.52, 0.44), 0.6, 0.009, width=0.012)


def _nostrils(layer, who, geo):
    base, w, lift = geo.nose["base"], geo.nose["width"], geo.nose["lift"]
    holes = [ellipse((s * w * 0.42, base + 0.004), w * 0.24, 0.022 + 0.12 * lift, -s * 0.3, 16) for s in SIDES]
    layer.stain(holes, who.skin * (0.3, 0.19, 0.17), 0.95, 0.012, gloss=0)


def _eye(layer, who, eye, s, gaze):
    """White, iris, pupil, the shadow of the upper lid, lashes and the rim of the lower lid."""
    soft, upper, lower = 0.5 * SPAN / layer.size + 0.004, eye["upper"], eye["lower"]
    where, x, y = layer.window(upper[0] - (0.03, 0.16), upper[-1] + (0.03, 0.16))
    top = np.interp(x[0], upper[:, 0], upper[:, 1])[None]
    low = np.interp(x[0], lower[:, 0], lower[:, 1])[None]
    inside = step(y - top, soft) * step(low - y, soft) * ((x > upper[0, 0]) & (x < upper[-1, 0]))
    u = (x - eye["iris"][0]) * s / 0.19  # -1 at the tear duct, 1 at the outer corner
    colour = np.array([238, 234, 230], "float32") * (1 - 0.05 * who.age) * (1 - 0.16 * u[..., None] ** 2)
    colour = colour - np.clip(-u - 0.72, 0, 1)[..., None] * np.array([60, 200, 190], "float32")
    cx, cy = look_at(eye, gaze)
    r, radius = np.hypot(x - cx, y - cy), eye["radius"]
    shade = 1.2 - 0.85 * step(r - radius * 0.82, radius * 0.16) + 0.35 * step(radius * 0.55 - r, radius * 0.2)
    colour = colour + (np.array(who.iris, "float32") * shade[..., None] - colour) * step(radius - r, soft)[..., None]
    depth = np.clip((y - top) / 0.07, 0, 1)
    lit = (1 - 0.94 * step(radius * 0.43 - r, soft)) * (0.58 + 0.42 * depth * (2 - depth))
    layer.paste(where, colour * lit[..., None], inside)
    lash = np.array([26, 18, 16]) + 0.12 * who.skin * (1 - 0.7 * who.make_up)
    t = np.linspace(-1, 1, len(upper)) * s
    thick = (0.022 + 0.011 * who.make_up - 0.005 * who.masculinity) * (0.35 + 0.65 * np.clip((t + 1) / 1.2, 0, 1))
    edge = np.concatenate([upper - np.stack([0 * t, thick], 1), upper[::-1] + (0, 0.004)])
    fill(layer.albedo, edge, lash)
    layer.stain([lower[1:-1]], who.skin * (0.5, 0.34, 0.32), 0.8, 0.005, width=0.012)
    if who.make_up > 0.2:  # a wing at the outer corner
        corner = upper[-3:] if s > 0 else upper[2::-1]
        wing = np.concatenate([corner, [corner[-1] + (s * 0.03, -0.02)]])
        layer.stain([wing], lash, 0.85, 0.004, width=0.014)


def look_at(eye: dict, gaze: Numbers) -> np.ndarray:
    """Middle of the pupil."""
    return eye["iris"] + np.asarray(gaze) * (0.06, 0.035)


def _lips(layer, who, mouth):
    skin, colour = who.skin, np.array([176, 84, 84]) if who.make_up < 0.3 else np.array([182, 48, 62])
    lip = skin * (0.86, 0.68, 0.66) * (0.72 - 0.2 * who.make_up)
    lip = (lip + colour * (0.28 + 0.2 * who.make_up) * (1 - who.tone / 16)) * (1 - 0.08 * who.masculinity)
    lower = np.concatenate([mouth["lower_in"], mouth["lower_out"][::-1]])
    upper = np.concatenate([mouth["upper_out"], mouth["upper_in"][::-1]])
    layer.stain([lower], lip, 0.95, 0.007, gloss=200)
    layer.stain([upper], lip * 0.84, 0.95, 0.007)
    if mouth["gape"] <= 0.03:
        line = 0.5 * (mouth["upper_in"] + mouth["lower_in"])
        layer.stain([line[3:-3]], skin * (0.36, 0.2, 0.19), 0.9, 0.004, width=0.018 + 0.008 * mouth["press"])
        layer.stain([line[:5], line[-5:]], skin * (0.45, 0.3, 0.29), 0.8, 0.006, width=0.012)


def _mouth_inside(layer, mouth):
    """The dark, the tongue, gums, and teeth: the upper row stays with the skull, the lower one goes with the jaw."""
    soft, up, low = 0.5 * SPAN / layer.size + 0.004, mouth["upper_in"], mouth["lower_in"]
    bottom = low[:, 1].max()
    where, x, y = layer.window((up[0, 0] - 0.01, up[:, 1].min() - 0.02), (up[-1, 0] + 0.01, bottom + 0.02))
    top = np.interp(x[0], up[:, 0], up[:, 1])[None]
    inside = step(y - top, soft) * step(np.interp(x[0], low[:, 0], low[:, 1])[None] - y, soft)
    inside = inside * ((x > up[0, 0]) & (x < up[-1, 0]))
    gape, half, rest, colour = mouth["gape"], mouth["half"].mean(), mouth["rest"], np.array([58, 20, 20], "float32")
    far = np.clip(np.abs(x) / half, 0, 1)
    tongue = step(y - (bottom - 0.42 * gape + 0.5 * x**2 / max(half, 0.1)), 0.03) * (gape > 0.1)
    colour = colour + (np.array([168, 78, 80], "float32") - colour) * (0.85 * tongue * (1 - far))[..., None]
    gaps = 1 - 0.16 * np.exp(-(((np.abs(x) / 0.062) % 1 - 0.5) ** 2) / 0.012) * (np.abs(x) > 0.02)
    tooth = np.array([236, 230, 218], "float32") * ((1 - 0.5 * far**2.2) * gaps)[..., None]
    lower_row = step(y - (mouth["lower_teeth"] + 0.02 + 0.12 * x**2), soft) * (1 - tongue * 0.6)
    upper_row = step(rest + 0.028 - 0.1 * x**2 - y, soft)
    colour = colour + (tooth * 0.82 - colour) * lower_row[..., None]
    colour = colour + (tooth - colour) * upper_row[..., None]
    colour = colour + (np.array([176, 96, 92], "float32") - colour) * step(rest - 0.085 - y, soft)[..., None]
    shadow = 1 - 0.42 * np.exp(-np.clip(y - top, 0, 1) / 0.022)  # of the upper lip
    layer.paste(where, colour * shadow[..., None], inside)


def _brow(layer, who, brow, s, rng):
    """A soft bed and single hairs, which rise near the nose and lie down towards the temple."""
    centre, half = brow
    normal = np.stack([0 * half, half], 1)
    colour = np.array(who.hair_colour) * 0.62 + 6 + 0.06 * who.skin
    layer.stain([np.concatenate([centre - normal, (centre + normal)[::-1]])], colour, 0.68, 0.014, gloss=40)
    n, steps = 56, np.arange(len(half))
    at, off, length = rng.uniform(0, 0.97, n), rng.uniform(-0.9, 0.8, n), rng.uniform(0.035, 0.062, n)
    slope = np.arctan2(np.gradient(centre[:, 1]), np.abs(np.gradient(centre[:, 0])))
    x, y, thick, slope = (np.interp(at * steps[-1], steps, v) for v in (*centre.T, half, slope))
    rise = slope - 1.1 * (1 - at) ** 2.5 - 0.25 * off
    root = np.stack([x, y + off * thick], 1)
    hairs = np.stack([root, root + length[:, None] * np.stack([s * np.cos(rise), np.sin(rise)], 1)], 1)
    layer.stain(list(hairs[::2]), colour * 0.75, 0.6, 0.002, width=0.009)
    layer.stain(list(hairs[1::2]), colour * 1.3, 0.4, 0.002, width=0.009)


def glasses(image: np.ndarray, who: Identity, azimuth: float) -> None:
    """Lenses with a faint reflection, rims, bridge and temples over a lit uint8 picture, in place."""
    if not who.glasses:
        return
    y, size = -0.035 + who.eye_y, image.shape[0]
    rim, width = {1: ((36, 30, 30), 0.032), 2: ((28, 26, 30), 0.032), 3: ((120, 116, 112), 0.016)}[who.glasses]
    t = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    bulge, rx, ry = {1: (1, 0.255, 0.235), 2: (0.45, 0.265, 0.185), 3: (1, 0.255, 0.2)}[who.glasses]
    lens = np.stack([rx * np.sign(v) * np.abs(v) ** bulge for v in (np.cos(t), ry / rx * np.sin(t))], 1)
    if bulge < 1:
        lens[:, 1] *= ry / np.abs(lens[:, 1]).max()
    lenses = [lens + (s * 0.395 * who.eye_sep, y + 0.03) for s in SIDES]
    mask = np.zeros((size, size), np.uint8)
    for contour in lenses:
        fill(mask, contour, 255)
    x, rows = axes(size)
    sheen = 0.8 * x[None] + 1.4 * (rows[:, None] - y - 0.05) - 0.25 * float(np.sin(np.deg2rad(azimuth)))
    blend(image, (235, 240, 245), (mask * (0.06 + 0.16 * np.clip(1 - np.abs(sheen) / 0.09, 0, 1))).astype(np.uint8))
    strokes(image, [np.concatenate([c, c[:1]]) for c in lenses], rim, width)
    strokes(image, [spline(mirrored([(-0.14, y), (-0.05, y - 0.03)]), 8)], rim, width)
    temples = [[(s * 0.65, y - 0.03), (s * 0.82 * who.width, y - 0.05)] for s in SIDES]
    strokes(image, temples, rim if who.glasses < 3 else (30, 28, 32), width)
