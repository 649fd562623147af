"""Rendered faces as the dataset ``sample-faces``: rendered at the first call, then kept in the user's cache."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emorec import images as pictures
from emorec.datasets import cache, cards
from emorec.datasets.base import Dataset, Split, objects
from emorec.datasets.readers.folders import stacked
from emorec.faces import render
from emorec.labels import EMOTIONS7
from emorec.types import Numbers, Values


def sample_faces(
    path: str | Path | None = None, *, n_identities: int = 300, per_identity: int = 4, seed: int = 0, size: int = 48,
    difficulty: str = "medium", grey: bool = False, jobs: int = 1,
    crop: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Dataset:  # fmt: skip
    """Faces rendered from action units, split by person: nobody in one split appears in another.

    Args:
        path: Not used; every reader has one.
        n_identities: Number of people, at least 3; 70 % train, 15 % validation, 15 % test.
        per_identity: Pictures of each person in each of the seven emotions.
        seed: Seeds people, expressions and pictures; the same seed gives the same bytes.
        size: Edge of the pictures in pixels.
        difficulty: ``easy``, ``medium`` or ``hard``.
        grey: Grey pictures, uint8 (N, size, size), instead of RGB (N, size, size, 3).
        jobs: Processes to render with; the result does not depend on it.
        crop: See `emorec.datasets.readers.folders`.

    Returns:
        A `Dataset` with the label set ``EMOTIONS7`` and ``groups`` naming the person;
        `emorec.faces.render.face_from_id` turns an id into landmarks, regions and action units.

    Raises:
        BadInput: An argument out of range.
    """
    people = render.split_people(n_identities, seed)
    splits: dict = {}
    ids = {name: render.face_ids(numbers, per_identity, seed, difficulty) for name, numbers in people.items()}
    images = faces([i for names in ids.values() for i in names], size=size, grey=grey, jobs=jobs)
    if crop is not None:
        images = stacked([pictures.as_picture(crop(image)) for image in images])
    ends = np.cumsum([len(names) for names in ids.values()])[:-1]
    for (name, names), inputs in zip(ids.items(), np.split(images, ends)):
        parsed = [face_id.split("-") for face_id in names]
        labels, groups = objects(x[4] for x in parsed), objects(f"{x[1]}-{x[2]}" for x in parsed)
        splits[name] = Split(name, inputs, labels, objects(names), groups)
    counts = ", ".join(f"{len(numbers)} {name}" for name, numbers in people.items())
    protocol = f"rendered faces, {difficulty}, seed {seed}; split by identity ({counts})"
    card = cards.get("sample-faces")
    return Dataset(card.name, **splits, label_set=EMOTIONS7, card=card, protocol=protocol)


def enlarged(split: Split, rows: Numbers, size: int = 144) -> list[np.ndarray]:
    """Pictures of a split for a figure: large and in colour where they are rendered faces, else as they are.

    Args:
        split: Of a dataset of faces. Where its pictures were changed since they were rendered, the changes are lost.
        rows: Positions of the pictures.
        size: Edge of the rendered pictures in pixels.

    Returns:
        A picture for each row: uint8 (size, size, 3), or what ``split.inputs`` holds.

    Example:
        >>> plots.images(enlarged(data.train, [0, 1]), titles=data.train.labels[:2])  # doctest: +SKIP
    """
    if split.source != "rendered":
        return [split.inputs[i] for i in rows]  # type: ignore[index]
    return [render.face_from_id(split.ids[i], size=size).image for i in rows]  # type: ignore[arg-type, index]


def faces(ids: Values, size: int = 48, grey: bool = False, jobs: int = 1) -> np.ndarray:
    """Pictures of `emorec.faces.render.faces_from_ids`, from the user's cache while the renderer's code is the same.

    Args:
        ids: N ids, such as ``"medium-0-0012-1-fear"``.
        size, grey, jobs: See `sample_faces`.

    Returns:
        uint8 (N, size, size, 3) RGB, or (N, size, size) where ``grey``.
    """
    ids = list(ids)
    name = hashlib.sha256(repr((ids, size, grey)).encode()).hexdigest()[:12]
    source = b"".join(file.read_bytes() for file in sorted(Path(render.__file__).parent.glob("*.py")))
    version = hashlib.sha256(source).hexdigest()[:12]

    def draw():
        return {"pictures": render.faces_from_ids(ids, size=size, grey=grey, jobs=jobs)}

    return cache.arrays("faces", f"rendered-{name}", version, draw)["pictures"]
