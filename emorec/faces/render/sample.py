"""Emotions as action units, faces at three levels of difficulty, and who is in which split."""

import itertools
import re
from functools import lru_cache

import cv2
import numpy as np

from emorec.errors import BadInput
from emorec.faces.render.identity import Identity
from emorec.faces.render.light import Light
from emorec.faces.render.scene import Face, Nuisance, render
from emorec.labels import EMOTIONS7
from emorec.types import Numbers, Strings

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
_EXTRA = (1, 2, 4, 5, 6, 7, 10, 12, 14, 15, 17, 23, 25, 26, 43)  # units that move by themselves now and then

# A pair is a range, another number the largest value; extra (that a unit of _EXTRA moves) and occlusion are chances.
# strength: factor on the units of the emotion; pose: yaw, pitch, roll in degrees; lamp: its strength, lamp_angle: its
# azimuth in degrees; exposure: away from even exposure; the others as in `Nuisance`.
DIFFICULTIES = {
    "easy": dict(
        strength=(0.8, 1.0), extra=0.03, extra_strength=0.12, asymmetry=0.1, pose=(7, 4, 4), scale=(1.02, 1.1),
        shift=0.015, lamp=(0.3, 0.6), lamp_angle=40, exposure=0.1, occlusion=0.0, blur=0.2, noise=0.8, clutter=0.3,
    ),
    "medium": dict(
        strength=(0.6, 1.0), extra=0.12, extra_strength=0.2, asymmetry=0.3, pose=(16, 9, 10), scale=(1.02, 1.2),
        shift=0.03, lamp=(0.25, 0.75), lamp_angle=60, exposure=0.22, occlusion=0.1, blur=0.5, noise=5.0, clutter=0.5,
    ),
    "hard": dict(
        strength=(0.3, 0.9), extra=0.22, extra_strength=0.38, asymmetry=0.6, pose=(28, 15, 22), scale=(0.85, 1.3),
        shift=0.06, lamp=(0.3, 0.95), lamp_angle=80, exposure=0.4, occlusion=0.4, blur=1.2, noise=12.0, clutter=0.9,
    ),
}  # fmt: skip
# What `portrait` shows: the units of the table above that make each emotion easy to read. Sad brows rise in the middle:
# without AU1, brows drawn together over a drooping mouth look furious.
PORTRAIT_UNITS: dict[str, dict[int, float]] = {
    "anger": {4: 1, 5: 0.4, 7: 0.7, 17: 0.3, 23: 0.4, 24: 0.8},
    "disgust": {9: 0.9, 10: 0.8, 17: 0.4, 15: 0.2, 4: 0.2},
    "fear": {1: 1, 2: 0.5, 4: 0.45, 5: 1, 20: 0.9, 25: 0.7, 26: 0.25},
    "happiness": {6: 0.8, 12: 0.9, 25: 0.75},
    "sadness": {1: 1, 4: 0.25, 15: 0.75, 17: 0.3, 43: 0.3},
    "surprise": {1: 0.9, 2: 1, 5: 0.8, 25: 0.8, 26: 1},
    "neutral": {},
}


def sample_units(emotion: str, rng: np.random.Generator, difficulty: str = "medium") -> dict[int, float]:
    """Action units that show an emotion: AU number -> intensity 0 to 1. Arguments and errors as of `random_face`."""
    emotion, level = EMOTIONS7.names[EMOTIONS7.index(emotion)], _level(difficulty)
    strength = rng.uniform(*level["strength"])
    units = {}
    for unit, (chance, low, high) in EMOTION_UNITS[emotion].items():
        if rng.random() < chance:
            units[unit] = float(rng.uniform(low, high) * strength)
    for unit in _EXTRA:
        if rng.random() < level["extra"] and unit not in units:
            units[unit] = float(rng.uniform(0, level["extra_strength"]))
    return units


def random_face(
    emotion: str, seed: int | Numbers, identity: Identity | None = None, difficulty: str = "medium", size: int = 48
) -> Face:
    """One face that shows an emotion, everything else sampled from the seed.

    Args:
        emotion: A name of ``EMOTIONS7`` or one of its spellings.
        seed: An int or a sequence of ints.
        identity: An `Identity`; sampled from the seed when None.
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
    rng = np.random.default_rng([*seed, EMOTIONS7.index(emotion), 303])  # type: ignore[arg-type]
    units = sample_units(emotion, rng, difficulty)
    pose = tuple(float(np.clip(rng.normal(0, a / 2), -a, a)) for a in level["pose"])
    lamp = Light(
        azimuth=float(rng.uniform(-1, 1) * level["lamp_angle"]), elevation=float(rng.uniform(5, 55)),
        strength=float(rng.uniform(*level["lamp"])), warmth=float(np.clip(rng.normal(0.1, 0.45), -1, 1)),
    )  # fmt: skip
    scale = float(rng.uniform(*level["scale"]))
    # A larger face moves up, so that the chin stays in the picture: crops for recognition cut off hair, not mouths.
    right, down = rng.uniform(-1, 1, 2) * level["shift"] - (0, 0.4 * (scale - 1))
    nuisance = Nuisance(
        asymmetry=level["asymmetry"], gaze=tuple(np.clip(rng.normal(0, 0.25, 2), -1, 1).tolist()),
        scale=scale, shift=(float(right), float(down)),
        occlusions=int(rng.random() < level["occlusion"]), blur=float(rng.uniform(0.2, 1) * level["blur"]),
        noise=float(rng.uniform(0.2, 1) * level["noise"]), clutter=level["clutter"],
        exposure=float(_metered(identity) * (1 + rng.uniform(-1, 0.7) * level["exposure"])),
    )  # fmt: skip
    return render(identity, units, size=size, pose=pose, light=lamp, nuisance=nuisance, rng=rng, emotion=emotion)


def portrait(emotion: str, seed: int | Numbers = 0, identity: Identity | None = None, size: int = 96) -> Face:
    """A face for people to look at: a clear expression in soft light, the head hardly turned.

    `random_face` samples expressions with all their mixtures, as a network should learn them.

    Args:
        emotion, seed, identity, size: See `random_face`.

    Returns:
        A `Face`.

    Raises:
        LabelMismatch: An unknown emotion. BadInput: an unknown size.

    Example:
        >>> portrait("sadness", seed=3).image.shape
        (96, 96, 3)
    """
    emotion = EMOTIONS7.names[EMOTIONS7.index(emotion)]
    seed = [int(s) for s in np.atleast_1d(seed)]
    identity, sad = identity or Identity.from_seed(seed), emotion == "sadness"
    rng = np.random.default_rng([*seed, EMOTIONS7.index(emotion), 606])  # type: ignore[arg-type]
    yaw, pitch, roll, azimuth = rng.uniform(-1, 1, 4) * (6, 3, 4, 40)
    light = Light(azimuth=float(azimuth), elevation=25, strength=0.45)
    nuisance = Nuisance(gaze=(0, 0.9 if sad else 0.1), exposure=float(_metered(identity)), noise=1.0, clutter=0.25)
    pose = (yaw, -6 if sad else pitch, roll)  # who is sad looks down
    units = PORTRAIT_UNITS[emotion]
    return render(identity, units, size=size, pose=pose, light=light, nuisance=nuisance, rng=rng, emotion=emotion)


def _metered(identity):
    """The factor on the brightness of somebody who exposes for the face."""
    return max(1.0, 130 / identity.skin.mean()) ** 0.3


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
    match = re.fullmatch(r"(\w+)-(\d+)-(\d+)-(\d+)-(\w+)", str(face_id))
    if not match:
        raise BadInput(f"Not the id of a rendered face: {face_id!r}; they look like 'medium-0-0012-1-fear'.")
    difficulty, emotion = match[1], match[5]
    seed, person, repeat = int(match[2]), int(match[3]), int(match[4])
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
