"""Emotions as action units, faces at three levels of difficulty, and who is in which split."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from emorec.errors import BadInput
from emorec.faces.render.identity import Identity
from emorec.faces.render.light import Light
from emorec.faces.render.scene import Face, Nuisance, render
from emorec.labels import EMOTIONS7
from emorec.types import Numbers, Strings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# emotion -> action unit -> (probability, lowest, highest intensity). The units are those of EMFACS (Friesen & Ekman
# 1983) and of Du, Tao & Martinez (2014, PNAS 111, E1454), whose shares of people who show an optional one are kept.
EMOTION_UNITS = {
    "anger": {4: (1, 0.5, 1), 7: (0.9, 0.4, 1), 24: (0.72, 0.4, 1), 23: (0.29, 0.4, 1), 5: (0.35, 0.2, 0.7),
              17: (0.52, 0.2, 0.8), 10: (0.26, 0.2, 0.6)},
    "disgust": {9: (0.95, 0.5, 1), 10: (0.95, 0.5, 1), 17: (0.75, 0.3, 0.9), 4: (0.31, 0.2, 0.6), 24: (0.26, 0.2, 0.6),
                15: (0.3, 0.2, 0.5), 16: (0.25, 0.3, 0.7)},
    "fear": {1: (1, 0.5, 1), 4: (1, 0.3, 0.8), 20: (1, 0.5, 1), 25: (1, 0.3, 0.9), 2: (0.57, 0.3, 0.8),
             5: (0.7, 0.4, 1), 26: (0.33, 0.2, 0.6)},
    "happiness": {12: (1, 0.5, 1), 25: (0.8, 0.3, 1), 6: (0.65, 0.3, 1), 26: (0.12, 0.2, 0.5)},
    "sadness": {4: (0.95, 0.3, 0.8), 15: (1, 0.5, 1), 1: (0.75, 0.4, 1), 6: (0.4, 0.1, 0.5), 11: (0.26, 0.2, 0.6),
                17: (0.67, 0.3, 0.9), 43: (0.25, 0.1, 0.4)},
    "surprise": {1: (1, 0.5, 1), 2: (1, 0.5, 1), 25: (1, 0.5, 1), 26: (1, 0.5, 1), 5: (0.7, 0.3, 1),
                 27: (0.2, 0.2, 0.6)},
    "neutral": {},
}  # fmt: skip
_STRAY = (1, 2, 4, 5, 6, 7, 10, 12, 14, 15, 17, 23, 25, 26, 43)  # units that move by themselves now and then


@dataclass(frozen=True)
class Difficulty:
    """What a level of difficulty draws from: ranges where two numbers stand, else the largest value or a chance.

    Attributes:
        strength: Factor on the intensity of an expression.
        stray, stray_strength: Chance of each stray action unit, and its largest intensity.
        asymmetry, shift, blur, noise, clutter: Largest values, see `Nuisance`.
        pose: Largest yaw, pitch and roll in degrees.
        lamp: Strength of the lamp.
        lamp_angle: Largest azimuth of the lamp in degrees.
        exposure: Largest deviation from even exposure.
        occlusion: Chance that something covers part of the face.
    """

    strength: tuple[float, float]
    stray: float
    stray_strength: float
    asymmetry: float
    pose: tuple[float, float, float]
    scale: tuple[float, float]
    shift: float
    lamp: tuple[float, float]
    lamp_angle: float
    exposure: float
    occlusion: float
    blur: float
    noise: float
    clutter: float


DIFFICULTIES = {
    "easy": Difficulty(
        strength=(0.8, 1.0), stray=0.03, stray_strength=0.12, asymmetry=0.1, pose=(7, 4, 4), scale=(1.02, 1.1),
        shift=0.015, lamp=(0.3, 0.6), lamp_angle=40, exposure=0.1, occlusion=0.0, blur=0.2, noise=0.8, clutter=0.3,
    ),
    "medium": Difficulty(
        strength=(0.6, 1.0), stray=0.12, stray_strength=0.2, asymmetry=0.3, pose=(16, 9, 10), scale=(1.02, 1.2),
        shift=0.03, lamp=(0.25, 0.75), lamp_angle=60, exposure=0.22, occlusion=0.1, blur=0.5, noise=5.0, clutter=0.5,
    ),
    "hard": Difficulty(
        strength=(0.3, 0.9), stray=0.22, stray_strength=0.38, asymmetry=0.6, pose=(28, 15, 22), scale=(0.85, 1.3),
        shift=0.06, lamp=(0.3, 0.95), lamp_angle=80, exposure=0.4, occlusion=0.4, blur=1.2, noise=12.0, clutter=0.9,
    ),
}  # fmt: skip


def sample_units(emotion: str, rng: np.random.Generator, difficulty: str = "medium") -> dict[int, float]:
    """Action units that show an emotion.

    Args:
        emotion: A name of ``EMOTIONS7`` or one of its spellings.
        rng: ``numpy.random.Generator``.
        difficulty: ``easy``, ``medium`` or ``hard``: how strong the expression is, and how much else stirs in the face.

    Returns:
        dict of AU number -> intensity 0 to 1.

    Raises:
        LabelMismatch: An unknown emotion. BadInput: an unknown difficulty.
    """
    emotion, level = EMOTIONS7.names[EMOTIONS7.index(emotion)], _level(difficulty)
    strength = rng.uniform(*level.strength)
    units = {}
    for unit, (chance, low, high) in EMOTION_UNITS[emotion].items():
        if rng.random() < chance:
            units[unit] = float(rng.uniform(low, high) * strength)
    for unit in _STRAY:
        if rng.random() < level.stray and unit not in units:
            units[unit] = float(rng.uniform(0, level.stray_strength))
    return units


def random_face(
    emotion: str, seed: int | Numbers, identity: Identity | None = None, difficulty: str = "medium", size: int = 48
) -> Face:
    """One face that shows an emotion, everything else drawn from the seed.

    Args:
        emotion: A name of ``EMOTIONS7`` or one of its spellings.
        seed: An int or a sequence of ints.
        identity: An `Identity`; drawn from the seed when None.
        difficulty: ``easy``, ``medium`` or ``hard``.
        size: Edge of the picture in pixels.

    Returns:
        A `Face`.

    Raises:
        LabelMismatch: An unknown emotion. BadInput: an unknown difficulty or size.
    """
    emotion, level = EMOTIONS7.names[EMOTIONS7.index(emotion)], _level(difficulty)
    seed = [int(s) for s in np.atleast_1d(seed)]
    identity = identity or Identity.from_seed(seed)
    rng = np.random.default_rng([*seed, EMOTIONS7.index(emotion), 303])
    units = sample_units(emotion, rng, difficulty)
    pose = tuple(float(np.clip(rng.normal(0, a / 2), -a, a)) for a in level.pose)
    lamp = Light(
        azimuth=float(rng.uniform(-1, 1) * level.lamp_angle), elevation=float(rng.uniform(5, 55)),
        strength=float(rng.uniform(*level.lamp)), warmth=float(np.clip(rng.normal(0.1, 0.45), -1, 1)),
    )  # fmt: skip
    metered = max(1.0, 130 / identity.skin.mean()) ** 0.3  # a photographer exposes for the face
    scale = float(rng.uniform(*level.scale))
    # A larger face moves up, so that the chin stays in the picture: crops for recognition cut off hair, not mouths.
    right, down = rng.uniform(-1, 1, 2) * level.shift - (0, 0.4 * (scale - 1))
    nuisance = Nuisance(
        asymmetry=level.asymmetry, gaze=tuple(np.clip(rng.normal(0, 0.25, 2), -1, 1).tolist()),
        scale=scale, shift=(float(right), float(down)),
        occlusions=int(rng.random() < level.occlusion), blur=float(rng.uniform(0.2, 1) * level.blur),
        noise=float(rng.uniform(0.2, 1) * level.noise), clutter=level.clutter,
        exposure=float(metered * (1 + rng.uniform(-1, 0.7) * level.exposure)),
    )  # fmt: skip
    return render(identity, units, size=size, pose=pose, light=lamp, nuisance=nuisance, rng=rng, emotion=emotion)


def _level(difficulty):
    if difficulty not in DIFFICULTIES:
        raise BadInput(f"Unknown difficulty {difficulty!r}; known: {', '.join(DIFFICULTIES)}.")
    return DIFFICULTIES[difficulty]


def face_from_id(face_id: str, size: int = 48) -> Face:
    """Draws a face of ``sample-faces`` again, with its landmarks, regions and action units.

    Args:
        face_id: An id of `face_ids`: ``difficulty-seed-identity-repeat-emotion``, e.g. ``"medium-0-0012-1-fear"``.
        size: Edge of the picture in pixels; the picture equals the dataset's at the dataset's size.

    Returns:
        A `Face`.
    """
    found = re.fullmatch(r"(\w+)-(\d+)-(\d+)-(\d+)-(\w+)", str(face_id))
    if not found:
        raise BadInput(f"Not the id of a rendered face: {face_id!r}; they look like 'medium-0-0012-1-fear'.")
    difficulty, emotion = found[1], found[5]
    seed, person, repeat = int(found[2]), int(found[3]), int(found[4])
    return random_face(emotion, (seed, person, repeat), _person(seed, person), difficulty, size)


@lru_cache(maxsize=16)
def _person(seed, number):
    return Identity.from_seed((seed, number))


def split_people(n_identities: int = 300, seed: int = 0) -> dict[str, list[int]]:
    """The numbers of the people in each split: 70 % train, 15 % validation, 15 % test, and at least one each.

    Args:
        n_identities: Number of people, at least 3.
        seed: Seeds the shuffle.

    Returns:
        dict of split name to a sorted list of ints.

    Raises:
        BadInput: Fewer than 3 people.
    """
    if n_identities < 3:
        raise BadInput(f"At least 3 people are needed, one for each split; received {n_identities!r}.")
    order = np.random.default_rng([seed, 404]).permutation(n_identities)
    held = max(1, round(0.15 * n_identities))
    splits = {"train": order[2 * held :], "validation": order[:held], "test": order[held : 2 * held]}
    return {name: np.sort(numbers).tolist() for name, numbers in splits.items()}


def face_ids(people: Numbers, per_identity: int = 4, seed: int = 0, difficulty: str = "medium") -> list:
    """Ids for `face_from_id`: every person of a list in every emotion, a number of times.

    Args:
        people: Numbers of the people.
        per_identity: Pictures of each person in each of the seven emotions, at least 1.
        seed, difficulty: Part of the ids; see `face_from_id`.

    Returns:
        List of str, such as ``"medium-0-0012-1-fear"``.

    Raises:
        BadInput: An unknown difficulty, or no picture of each.
    """
    _level(difficulty)
    if per_identity < 1:
        raise BadInput(f"At least 1 picture of each person and emotion is needed; received {per_identity!r}.")
    faces = itertools.product(people, range(per_identity), EMOTIONS7)
    return [f"{difficulty}-{seed}-{person:04d}-{repeat}-{emotion}" for person, repeat, emotion in faces]


def faces_from_ids(face_ids: Strings, size: int = 48, grey: bool = False, jobs: int = 1) -> np.ndarray:
    """The pictures of N ids, see `face_from_id`: uint8 (N, size, size, 3) RGB, or (N, size, size) where ``grey``."""
    if jobs != 1 and len(face_ids) > 64:
        from joblib import Parallel, delayed

        chunks = [face_ids[i : i + 64] for i in range(0, len(face_ids), 64)]
        return np.concatenate(Parallel(n_jobs=jobs)(delayed(faces_from_ids)(c, size, grey) for c in chunks))
    pictures = (face_from_id(face_id, size).image for face_id in face_ids)
    return np.stack([cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) if grey else p for p in pictures])


def gallery(people: int = 4, seed: int | Numbers = 0, size: int = 112, difficulty: str = "easy") -> Figure:
    """A figure with the seven emotions in the columns and a person to a row, from the palest to the darkest.

    Args:
        people: Number of rows.
        seed: Seeds the people and their pictures.
        size: Edge of each picture in pixels.
        difficulty: ``easy``, ``medium`` or ``hard``.

    Returns:
        A matplotlib ``Figure`` of about one pixel a pixel at 100 dpi, neither shown nor registered with pyplot.
    """
    from matplotlib.figure import Figure

    width, top = size / 100, 0.3
    figure = Figure(figsize=(len(EMOTIONS7) * width, people * width + top), dpi=100)
    axes = figure.subplots(people, len(EMOTIONS7), squeeze=False)
    figure.subplots_adjust(0, 0, 1, people * width / (people * width + top), wspace=0.02, hspace=0.02)
    for row, who in zip(axes, _cast(people, seed)):
        for emotion, ax in zip(EMOTIONS7, row):
            ax.imshow(random_face(emotion, (*who.seed, 0), who, difficulty, size).image)
            ax.axis("off")
    for emotion, ax in zip(EMOTIONS7, axes[0]):
        ax.set_title(emotion, fontsize=10, pad=4)
    return figure


def _cast(people, seed):
    """People for a gallery: evenly over the skin tones, each with another hair style while there are any."""
    rest, chosen = [Identity.from_seed((seed, i)) for i in range(10 * people)], []
    for tone in (np.arange(people) + 0.5) * 9 / people:
        used = {who.hair_style for who in chosen}
        chosen.append(min(rest, key=lambda who: (who.hair_style in used) * 2 + abs(who.tone - tone)))
        rest.remove(chosen[-1])
    return chosen
