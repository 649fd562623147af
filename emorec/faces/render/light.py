"""The lamp, and what it does to a painted head with a given relief."""

from dataclasses import dataclass

import cv2
import numpy as np

from emorec.faces.render.canvas import SPAN, Layer, blur, ellipse, fill
from emorec.faces.render.geometry import Geometry, Units, check_limits
from emorec.faces.render.identity import Identity
from emorec.faces.render.paint import glasses, look_at
from emorec.faces.render.relief import furrows
from emorec.types import Numbers


@dataclass(frozen=True)
class Light:
    """One soft lamp and the light of the surroundings.

    Attributes:
        azimuth, elevation: Direction of the lamp in degrees, within 90; 0, 0 is the camera, positive is to the
            right and above.
        strength: 0 (even light from everywhere) to 1 (hard contrast).
        warmth: -1 (blue) to 1 (yellow).

    Example:
        >>> float(Light(azimuth=0, elevation=0).direction[2])
        1.0
    """

    azimuth: float = -25.0
    elevation: float = 35.0
    strength: float = 0.55
    warmth: float = 0.1

    def __post_init__(self):
        check_limits(self, azimuth=(-90, 90), elevation=(-90, 90), strength=(0, 1), warmth=(-1, 1))

    @property
    def direction(self) -> np.ndarray:
        """Unit vector towards the lamp: right, down, towards the camera."""
        a, e = np.deg2rad([self.azimuth, self.elevation])
        return np.array([np.sin(a) * np.cos(e), -np.sin(e), np.cos(a) * np.cos(e)])


def shine(
    who: Identity, au: Units, geo: Geometry, layer: Layer, depth: np.ndarray, light: Light, rotation: np.ndarray,
    gaze: Numbers,
) -> np.ndarray:  # fmt: skip
    """The painted head under the lamp, uint8 (S, S, 3).

    Diffuse light wrapped around corners as skin scatters it, darkness in hollows and wrinkles, cast shadows, gloss,
    catch-lights, and the glasses.

    Args:
        depth: Height of the head, float32 (S, S), see `relief.height`.
        rotation: (3, 3) from head to camera.
    """
    size, unit = layer.size, layer.size / SPAN
    fine, broad = furrows(who, au, geo, size)
    z = depth - 0.02 * fine - 0.03 * broad
    gx, gy = (np.clip(cv2.Sobel(z, cv2.CV_32F, *d, ksize=3) * (unit / 8), -2.2, 2.2) for d in ((1, 0), (0, 1)))
    upright = 1 / np.sqrt(1 + gx * gx + gy * gy)
    lamp, half = rotation.T @ light.direction, rotation.T @ (light.direction + (0, 0, 1))
    lamp, half = lamp.tolist(), (half / np.linalg.norm(half)).tolist()  # plain floats keep the arrays float32
    diffuse = np.maximum((lamp[2] - lamp[0] * gx - lamp[1] * gy) * upright + 0.25, 0) * (1.42 / 1.25)
    small = cv2.resize(z, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)  # the blur is too wide for all of it
    around = cv2.resize(blur(small, 0.1, small.shape[0]), z.shape[::-1], interpolation=cv2.INTER_LINEAR)
    hollow = np.clip((around - z) * 3.2, 0, 0.42) + 0.42 * fine + 0.34 * broad
    shade = light.strength * diffuse * (1 - 0.62 * _cast(depth, lamp))
    shade = (shade + (1 - light.strength) * (0.86 + 0.14 * upright)) * (1 - hollow)
    gloss = np.maximum((half[2] - half[0] * gx - half[1] * gy) * upright, 0.05)
    for _ in range(4):  # to the 16th power
        gloss *= gloss
    gloss *= layer.gloss * (0.32 * (0.45 + light.strength) * (1 - 0.5 * hollow))
    lit = np.empty_like(layer.albedo)
    for c, (red, white) in enumerate(((0.9, 1.0), (1.03, 0.97), (1.08, 0.92))):
        plane = layer.albedo[..., c] * (shade * red + (1 - red)) + gloss * white  # skin glows red in shadow
        lit[..., c] = np.clip(plane * (1.14 - 0.0011 * plane), 0, 255)  # highlights roll off
    _catch_lights(lit, geo, light, gaze)
    glasses(lit, who, light.azimuth)
    return lit


def _cast(depth, lamp):
    """How much of the lamp is hidden by higher relief on the way to it, float32 (S, S), soft-edged."""
    x, y, z = lamp
    small = cv2.resize(depth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    unit, shadow, flat = small.shape[0] / SPAN, np.zeros_like(small), float(np.hypot(x, y))
    if flat > 0.1:
        for reach in (0.06, 0.13, 0.22):
            step = np.array([[1, 0, -x / flat * reach * unit], [0, 1, -y / flat * reach * unit]])
            ahead = cv2.warpAffine(small, step, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            cv2.max(shadow, np.clip((ahead - small - reach * max(z, 0.05) / flat) / 0.06, 0, 1), shadow)
    return cv2.resize(blur(shadow, 0.02, small.shape[0]), depth.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _catch_lights(image, geo, light, gaze):
    """The lamp's reflection on each pupil, where the lids leave room for it."""
    x, y, _ = light.direction.tolist()
    for eye in geo.eyes.values():
        spot = look_at(eye, gaze) + (0.03 * np.clip(x * 1.6, -1, 1), -0.022 + 0.012 * y)
        top, low = (np.interp(spot[0], eye[lid][:, 0], eye[lid][:, 1]) for lid in ("upper", "lower"))
        spot[1] = max(spot[1], top + 0.022)
        if spot[1] < low - 0.01:
            fill(image, ellipse(spot, 0.017, 0.017, 0, 12), (250, 250, 250))
