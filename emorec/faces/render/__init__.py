"""A seeded renderer of expressive faces from FACS action units.

A person (`identity`) and action units give contours (`geometry`) and height (`relief`); the head is coloured (`paint`,
`hair`), lit (`light`), turned and photographed (`scene`). `sample` gives expressions, portraits and whole datasets.

Its limits: the recipes are prototypes. People show them in part, mix them, and are not always read as intended (Barrett
et al. 2019; Le Mau et al. 2021), so a score on these faces says that a method works, not how it does on people.
"""

from emorec.faces.render.geometry import ACTION_UNITS
from emorec.faces.render.identity import BEARDS, HAIR_COLOURS, HAIR_STYLES, MONK_TONES, Identity
from emorec.faces.render.light import Light
from emorec.faces.render.sample import (
    DIFFICULTIES,
    EMOTION_UNITS,
    face_from_id,
    face_ids,
    faces_from_ids,
    portrait,
    random_face,
    sample_units,
    split_people,
)
from emorec.faces.render.scene import Face, Nuisance, render

__all__ = [
    "ACTION_UNITS", "BEARDS", "DIFFICULTIES", "EMOTION_UNITS", "Face", "HAIR_COLOURS", "HAIR_STYLES", "Identity",
    "Light", "MONK_TONES", "Nuisance", "face_from_id", "face_ids", "faces_from_ids", "portrait", "random_face",
    "render", "sample_units", "split_people",
]  # fmt: skip
