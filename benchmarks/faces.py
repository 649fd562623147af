"""Faces: reading FER-2013, augmentation, the renderer, detection, classification and film."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import emorec
from benchmarks.measure import Row, at_most, interleaved, spread, times_as_fast
from emorec.datasets.readers.fer import fer2013
from emorec.faces import augmentation, detection
from emorec.faces.render.sample import random_face

PICTURES = 6_000


def scene(faces: int, edge: int = 96, width: int = 640, height: int = 480, seed: int = 0) -> np.ndarray:
    """Rendered faces beside each other on a grey picture, uint8 (height, width, 3)."""
    picture = np.full((height, width, 3), 128, dtype="uint8")
    columns = max(1, width // (edge + 8))
    for i in range(faces):
        face = random_face("happiness", seed + i, size=edge, difficulty="easy")
        y, x = divmod(i, columns)
        top, left = y * (edge + 8) + 4, x * (edge + 8) + 4
        picture[top : top + edge, left : left + edge] = face.image
    return picture


def _table(path, n):
    """A table in the format of fer2013.csv, its pictures made up."""
    rng = np.random.default_rng(0)
    usages = ["Training"] * (n * 8 // 10) + ["PublicTest"] * (n // 10) + ["PrivateTest"] * (n // 10)
    with open(path, "w") as file:
        file.write("emotion,pixels,Usage\n")
        for i, usage in enumerate(usages):
            pixels = rng.integers(0, 256, 2304)
            file.write(f"{i % 7},{' '.join(map(str, pixels))},{usage}\n")


def naive_table(path: Path) -> tuple[np.ndarray, list[int]]:
    """The table as it is read in most notebooks: int() of each pixel."""
    with open(path) as file:
        next(file)
        rows = [line.rstrip("\n").split(",") for line in file]
    pictures = [[int(pixel) for pixel in pixels.split(" ")] for _, pixels, _ in rows]
    return np.array(pictures, dtype="uint8").reshape(-1, 48, 48), [int(emotion) for emotion, _, _ in rows]


def table(repeats: int = 5) -> Iterator[Row]:
    """FER-2013's table parsed, and read again from the cache, against int() of each pixel."""
    with tempfile.TemporaryDirectory() as folder:
        before, os.environ["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME"), folder
        file = Path(folder) / "fer2013.csv"
        _table(file, PICTURES)

        def parsed():
            for kept in Path(folder).rglob("*.npz"):
                kept.unlink()
            return fer2013(file)

        ways = {"emorec": parsed, "cache": lambda: fer2013(file), "int of each pixel": lambda: naive_table(file)}
        parsed()
        seconds = interleaved(ways, repeats, warm=0)
        if before is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = before
    cached = {"emorec": seconds.pop("cache"), "int of each pixel": seconds["int of each pixel"]}
    what = f"FER-2013's table ({PICTURES:,} pictures)"
    yield times_as_fast("table", f"{what}, parsed", "int() of each pixel", seconds, target=15)
    yield times_as_fast("table-cache", f"{what}, read again from the cache", "int() of each pixel", cached, target=50)


def augment(repeats: int = 9) -> Iterator[Row]:
    """Pictures turned, moved, scaled, sheared and mirrored, against Keras' ImageDataGenerator."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    pictures = np.random.default_rng(0).integers(0, 256, (512, 48, 48, 1)).astype("uint8")
    options = augmentation.Augmentation(rotation=12, shift=0.08, scale=0.15, shear=6, flip=0.5)
    rng = np.random.default_rng(0)
    generator = ImageDataGenerator(
        rotation_range=12, width_shift_range=0.08, height_shift_range=0.08, zoom_range=0.15, shear_range=6,
        horizontal_flip=True,
    )  # fmt: skip
    floats = pictures.astype("float32")
    ways = {
        "emorec": lambda: augmentation.augment_batch(pictures, rng=rng, options=options),
        "ImageDataGenerator": lambda: next(generator.flow(floats, batch_size=len(floats))),
    }
    yield times_as_fast(
        "augmentation", f"{len(pictures)} pictures turned, moved, scaled, sheared and mirrored",
        "keras' ImageDataGenerator", interleaved(ways, repeats), target=4,
    )  # fmt: skip


def rendered(repeats: int = 5, n: int = 60) -> Iterator[Row]:
    """Faces that one core renders in a second, as `sample-faces` has them."""
    emotions = ("anger", "happiness", "surprise", "sadness")
    numbers = iter(range(10**6))

    def some():
        for _ in range(n):
            i = next(numbers)
            random_face(emotions[i % 4], i)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    seconds = interleaved({"emorec": some}, repeats)["emorec"]
    cv2.setNumThreads(threads)
    yield Row(
        "renderer", "faces rendered a second and core, 48 x 48", "", "a second", **spread(n / seconds), target=120
    )


def reading(repeats: int = 5) -> Iterator[Row]:
    """Finding a face in a picture, classifying it, and a second of film."""
    model, picture = emorec.load("face-emotion"), scene(3, edge=140)
    face = cv2.resize(picture[4:144, 4:144], (48, 48))
    ways = {
        "detect": lambda: detection.detect_faces(picture),
        "one": lambda: model.predict_proba([face], views="one", detect="none"),
        "six": lambda: model.predict_proba([face], detect="none"),
        "faces": lambda: model.predict_faces(picture),
    }
    seconds = interleaved(ways, repeats)
    count = len(detection.detect_faces(picture))
    size = f"{picture.shape[1]} x {picture.shape[0]}"
    yield at_most(
        "detection", f"finding the faces in a picture of {size} ({count} faces)", 1e3 * seconds["detect"], "ms"
    )
    yield at_most("face", "one face through face-emotion, one view", 1e3 * seconds["one"], "ms")
    yield at_most("face-views", "one face through face-emotion, its own views", 1e3 * seconds["six"], "ms")
    yield at_most("faces", f"predict_faces of the picture of {size}", 1e3 * seconds["faces"], "ms")


def film(repeats: int = 3, seconds_of_film: int = 2) -> Iterator[Row]:
    """A second of film, its faces followed and read."""
    from emorec.faces.video import VideoFile

    model, picture = emorec.load("face-emotion"), scene(1, edge=200)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = VideoFile(path, 25.0)
        for i in range(25 * seconds_of_film):
            writer.add(np.roll(picture, 2 * i, axis=1))
        writer.close()
        seconds = interleaved({"film": lambda: model.predict_video(path)}, repeats)["film"]
    yield at_most(
        "film", "a second of film (25 frames of 640 x 480, one face) through predict_video",
        seconds / seconds_of_film, "s",
    )  # fmt: skip


BENCHMARKS = (table, augment, rendered, reading, film)
