"""Who a rendered face is: proportions, skin, hair and age, all sampled from one seed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from emorec.errors import BadInput
from emorec.faces.render.geometry import check_limits
from emorec.types import Numbers

# The ten tones of the Monk Skin Tone scale (Monk 2019, CC BY 4.0), lightest first, RGB.
MONK_TONES = np.array([
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150), (160, 126, 86), (130, 92, 67),
    (96, 65, 52), (58, 49, 42), (41, 36, 32),
], dtype="float32")  # fmt: skip
# The swatches are a scale for classifying, paler and greyer than skin in a photograph: these are mixed in.
_WARMTH = np.array([
    (240, 190, 165), (238, 184, 154), (232, 176, 140), (224, 164, 124), (206, 144, 104), (178, 116, 78), (150, 94, 62),
    (124, 78, 52), (102, 64, 46), (84, 54, 40),
], dtype="float32")  # fmt: skip

HAIR_COLOURS = {
    "black": (30, 26, 26), "brown-black": (48, 34, 28), "brown": (82, 54, 36), "chestnut": (106, 66, 42),
    "auburn": (128, 62, 36), "dark-blond": (146, 112, 72), "blond": (198, 164, 108), "red": (166, 82, 42),
}  # fmt: skip
HAIR_STYLES = (
    "shaved", "buzz", "crop", "side part", "fringe", "receding", "quiff", "bob", "long", "wavy", "curls", "bun",
    "headscarf",
)  # fmt: skip
BEARDS = ("none", "stubble", "goatee", "short", "full")
_IRIS = np.array([(62, 40, 26), (88, 58, 32), (112, 88, 48), (92, 108, 78), (92, 122, 142), (112, 128, 138)], "float32")
_CLOTH = np.array([
    (44, 54, 78), (120, 46, 52), (52, 92, 82), (196, 190, 178), (86, 84, 92), (168, 132, 72), (90, 66, 110),
    (34, 36, 40), (64, 112, 150), (182, 110, 96), (208, 204, 210), (110, 122, 84),
], "float32")  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """One person. Proportions are factors around 1, or shifts in face units (`emorec.faces.render.geometry`).

    Attributes:
        name: Unique name of the person, e.g. ``"0-0012"``.
        seed: Seeds whatever is drawn hair by hair, so that a person keeps the same freckles in every picture.
        tone: Place on the Monk scale, 0 (lightest) to 9, fractions allowed.
        age: 0 (about 18 years) to 1 (about 80).
        masculinity: 0 to 1; drives jaw, brows, lips and the chance of a beard.
        hair_style, beard: One of `HAIR_STYLES`, `BEARDS`.
        moustache: Whether the upper lip is bearded.
        glasses: 0 none, 1 round, 2 rectangular, 3 rimless.

    Example:
        >>> Identity.from_seed(0, glasses=1).glasses
        1
    """

    name: str
    seed: tuple[int, ...]
    tone: float
    undertone: float
    age: float
    masculinity: float
    wrinkled: float
    width: float
    length: float
    cheek: float
    jaw: float
    chin: float
    eye_size: float
    eye_sep: float
    eye_y: float
    eye_tilt: float
    lid_fold: float
    brow_y: float
    brow_thick: float
    brow_arch: float
    brow_tilt: float
    nose_width: float
    nose_length: float
    nose_height: float
    mouth_width: float
    mouth_y: float
    mouth_curve: float
    lip: float
    hairline: float
    parting: float
    iris_size: float
    hair_style: str
    hair_colour: tuple[float, float, float]
    beard: str
    moustache: bool
    iris: tuple[float, float, float]
    glasses: int
    freckles: float
    make_up: float
    cloth: tuple[float, float, float]

    def __post_init__(self):
        for field, known in (("hair_style", HAIR_STYLES), ("beard", BEARDS)):
            if getattr(self, field) not in known:
                raise BadInput(f"Unknown {field} {getattr(self, field)!r}; known: {', '.join(known)}.")
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, float) and not np.isfinite(value):
                raise BadInput(f"Identity.{f.name} must be a finite number, not {value!r}.")
        check_limits(self, tone=(0, 9))

    @classmethod
    def from_seed(cls, seed: int | Numbers, **fixed: Any) -> Identity:
        """A person sampled from a seed.

        Args:
            seed: An int, or a sequence of ints.
            **fixed: Attributes to set by hand, e.g. ``glasses=1``; the others stay what the seed gives.

        Returns:
            An `Identity`; the same seed gives the same person.
        """
        seed = tuple(int(s) for s in np.atleast_1d(seed))
        traits = _draw(np.random.default_rng([*seed, 101]))
        unknown = set(fixed) - set(traits) - {"name"}
        if unknown:
            raise BadInput(f"Identity has no attribute {sorted(unknown)}; it has {', '.join(sorted(traits))}.")
        return cls(**({"name": "-".join(f"{s:04d}" for s in seed), "seed": seed} | traits | fixed))

    @cached_property
    def skin(self) -> np.ndarray:
        """Skin colour as it appears in even light, float32 (3,) RGB."""

        def at(table):
            low = min(int(self.tone), 8)
            return table[low] + (table[low + 1] - table[low]) * (self.tone - low)

        colour = 0.2 * at(MONK_TONES) + 0.8 * at(_WARMTH)
        return (colour * (1 + 0.05 * self.undertone * np.array([0.5, 0.0, -1.2]))).astype("float32")


def _draw(rng):
    """Every attribute but name and seed. Whatever the person, the same numbers are sampled in the same order."""
    m, age, tone = rng.beta(0.7, 0.7), rng.beta(1.1, 1.6), rng.uniform(0, 9)
    u = rng.uniform

    def near(mean, spread, low, high):
        return np.clip(rng.normal(mean, spread), low, high)

    shape = dict(
        masculinity=m, age=age, tone=tone, undertone=u(-1, 1), wrinkled=u(0.6, 1.2), width=u(0.93, 1.07),
        length=u(0.95, 1.06), cheek=near(0, 0.5, -1, 1), jaw=near(0.86 + 0.12 * m, 0.045, 0.74, 1.1),
        chin=near(0.9 + 0.16 * m, 0.08, 0.7, 1.25), eye_size=near(1.06 - 0.07 * m, 0.06, 0.86, 1.22),
        eye_sep=near(1, 0.035, 0.92, 1.08), eye_y=near(0, 0.016, -0.035, 0.035),
        eye_tilt=near(0.01, 0.018, -0.03, 0.05), lid_fold=near(0.65, 0.35, 0, 1),
        brow_y=near(0.02 * m, 0.022, -0.05, 0.06), brow_thick=near(0.75 + 0.55 * m, 0.18, 0.5, 1.7),
        brow_arch=near(1.1 - 0.5 * m, 0.35, 0, 1.9), brow_tilt=near(-0.003, 0.009, -0.022, 0.02),
        nose_width=near(0.97 + 0.08 * m + 0.012 * tone, 0.1, 0.8, 1.4), nose_length=near(1, 0.07, 0.85, 1.15),
        nose_height=near(1.02 - 0.02 * tone, 0.14, 0.65, 1.35), mouth_width=near(1, 0.07, 0.84, 1.16),
        mouth_y=near(0, 0.016, -0.035, 0.035), lip=near(1.1 - 0.25 * m + 0.03 * tone, 0.16, 0.62, 1.6),
        mouth_curve=near(0, 0.012, -0.026, 0.026), hairline=u(-0.05, 0.05) - 0.05 * age * m,
        parting=rng.choice([-1, 1]) * u(0.15, 0.4), iris_size=u(0.95, 1.08),
    )  # fmt: skip
    return {name: float(value) for name, value in shape.items()} | _looks(rng, m, age, tone)


def _looks(rng, m, age, tone):
    """Hair, beard, eyes, glasses, make-up and clothes, loosely tied to age, tone and masculinity."""
    u, light, chance = rng.uniform, np.clip(1 - tone / 4.5, 0, 1), rng.random(5)

    def pick(odds):
        return int(rng.choice(len(odds), p=np.asarray(odds) / np.sum(odds)))

    hair = list(HAIR_COLOURS.values())[
        pick(np.array([0.35, 0.25, 0.16, 0.1, 0.04, 0.1, 0.12, 0.04]) * ([1, 1] + [0.15 + light] * 2 + [light] * 4))
    ]
    grey = np.clip((age - 0.5 + rng.normal(0, 0.12)) * 2.2, 0, 0.95)
    hair = np.array(hair) + grey * (np.array([182, 180, 178]) - hair)
    #       shaved buzz crop part fringe receding quiff bob long wavy curls bun headscarf
    him = np.array([0.8, 1.3, 1.8, 1.6, 0.7, 1.4 * (age > 0.4), 1.3, 0.1, 0.25, 0.2, 0.8, 0.1, 0])
    her = np.array([0.1, 0.2, 0.4, 0.4, 0.9, 0, 0.3, 1.6, 1.6, 1.5, 1.1, 1.2, 0.9 * (m < 0.45)])
    style = HAIR_STYLES[pick(m * him + (1 - m) * her)]
    bearded, beard = m > 0.55 and chance[0] < 0.5, BEARDS[1 + pick([0.4, 0.15, 0.25, 0.2])]
    moustache = bearded and (beard != "stubble" or chance[1] < 0.4)
    iris = _IRIS[pick([1.0, 0.8, 0.1 + 0.4 * light, 0.4 * light, 0.9 * light, 0.3 * light])] * u(0.85, 1.15)
    frame, spots, paint = int(rng.integers(1, 4)), u(0.3, 1), u(0.2, 0.8)
    cloth = _CLOTH[rng.integers(len(_CLOTH))] * u(0.8, 1.1)
    return dict(
        hair_style=style, hair_colour=tuple(hair.tolist()), beard=beard if bearded else "none", moustache=moustache,
        iris=tuple(iris.tolist()), glasses=frame if chance[2] < 0.14 + 0.14 * age else 0,
        freckles=spots if chance[3] < 0.28 * light + 0.06 else 0.0,
        make_up=paint if chance[4] < 0.55 * (1 - m) else 0.0, cloth=tuple(cloth.tolist()),
    )  # fmt: skip
