"""Does a split leak: shared subjects, repeated pictures, near repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emorec import images as pictures
from emorec.datasets.base import SPLITS, Dataset
from emorec.datasets.readers import folders
from emorec.errors import BadInput


def check_subjects(data: Dataset) -> None:
    """Raises where somebody is in two splits of a dataset.

    Args:
        data: A `Dataset` with groups.

    Raises:
        BadInput: With the names of the shared subjects and the splits, or because there are no groups to compare.
    """
    splits = {split_name: getattr(data, split_name) for split_name in SPLITS}
    if any(split.groups is None for split in splits.values()):
        raise BadInput(f"{data.name!r} does not say who is in a picture (groups), so nothing can be checked.")
    people = {split_name: set(split.groups) for split_name, split in splits.items()}
    for first, second in (("train", "test"), ("train", "validation"), ("validation", "test")):
        both = sorted(people[first] & people[second])
        if both:
            raise BadInput(
                f"{data.name!r}: {len(both)} subjects are in {first} and in {second} ({', '.join(both[:5])}): a model "
                "is tested on people it knows. Split by person with emorec.datasets.subject_folds(data)."
            )


def duplicates(data: Dataset) -> list[tuple]:
    """Equal pictures in a dataset.

    Args:
        data: A `Dataset` of pictures, or of paths to them.

    Returns:
        A list of tuples of (split, id), one tuple for every picture that is there more than once.
    """
    places: dict[str, list] = {}
    for split_name in SPLITS:
        split = getattr(data, split_name)
        for image, name in zip(split.inputs, split.ids):
            places.setdefault(folders.fingerprint(pictures.as_picture(image)), []).append((split_name, name))
    return [tuple(rows) for rows in places.values() if len(rows) > 1]


@dataclass(frozen=True)
class Probe:
    """What the nearest neighbours of a test split tell.

    Attributes:
        accuracy: Share of test pictures whose nearest training picture, by raw pixels, has their label.
        elsewhere: The same among pictures of other subjects only; None without groups, or with one subject to train.
            Far below ``accuracy``, people leak; both are equal where nobody is in two splits.
        majority: Share of the largest class of the test split, for comparison.
        repeats: Share of test pictures whose nearest training picture is a near repeat.
        pairs: The 20 closest pairs, as (correlation, test id, training id).
        n_train, n_test: Pictures compared.

    Example:
        >>> from emorec import datasets
        >>> probe(datasets.load("sample-faces", n_identities=3), size=8).n_test
        28
    """

    accuracy: float
    elsewhere: float | None
    majority: float
    repeats: float
    pairs: tuple
    n_train: int
    n_test: int

    def __str__(self):
        other = "" if self.elsewhere is None else f" ({self.elsewhere:.1%} among other people)"
        return (
            f"nearest neighbour by raw pixels: {self.accuracy:.1%}{other}, largest class {self.majority:.1%}; "
            f"{self.repeats:.1%} of {self.n_test} test pictures nearly repeat one of {self.n_train} to train"
        )


def probe(
    data: Dataset, split: str = "test", *, repeat: float = 0.98, size: int = 24, limit: int = 5000, seed: int = 0
) -> Probe:
    """How much of a split the nearest training pictures give away; a classifier that knows nothing of faces.

    Args:
        data: A `Dataset` of pictures, or of paths to them.
        split: ``test`` or ``validation``.
        repeat: Correlation of pixels from which two pictures count as near repeats.
        size: Edge to which pictures are reduced, in grey.
        limit: Most pictures of either split, sampled with the seed; a leak shows in a sample too, weaker in training
            pictures left out.
        seed: Of that draw.

    Raises:
        BadInput: Another split than these two.
    """
    if split not in ("test", "validation"):
        raise BadInput(f"split must be 'test' or 'validation'; received {split!r}.")
    train, test = data.train.sample(limit, seed), getattr(data, split).sample(limit, seed)
    pixels, known = _standardised(test.inputs, size), _standardised(train.inputs, size)
    grouped = test.groups is not None and train.groups is not None and len(set(train.groups)) > 1
    chunks: list[tuple] = []
    other = []
    for start in range(0, len(test), 256):
        like = pixels[start : start + 256] @ known.T
        chunks.append((like.argmax(axis=1), like.max(axis=1)))
        if test.groups is not None and train.groups is not None and grouped:
            like[test.groups[start : start + 256, None] == train.groups[None]] = -np.inf
            other.append(like.argmax(axis=1))
    nearest, close = (np.concatenate(column) for column in zip(*chunks))
    right = lambda rows: float(np.mean(train.labels[rows] == test.labels))  # noqa: E731
    top = np.argsort(-close, kind="stable")[:20]
    return Probe(
        accuracy=right(nearest),
        elsewhere=right(np.concatenate(other)) if grouped else None,
        majority=float(np.unique(test.labels.astype(str), return_counts=True)[1].max() / len(test)),
        repeats=float(np.mean(close >= repeat)),
        pairs=tuple((float(close[i]), str(test.ids[i]), str(train.ids[nearest[i]])) for i in top),
        n_train=len(train),
        n_test=len(test),
    )


def _standardised(images, size):
    """Small grey pictures as rows of mean 0 and length 1, float32 (N, size * size)."""
    import cv2

    small = lambda image: cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)  # noqa: E731
    rows = np.stack([small(pictures.to_grey(pictures.as_picture(image))).ravel() for image in images])
    rows = rows.astype("float32") - rows.mean(axis=1, keepdims=True, dtype="float32")
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
