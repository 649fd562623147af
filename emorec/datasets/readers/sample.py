"""The bundled sample: small data written or rendered for this project, found without a network."""

import csv
import io
from pathlib import Path

from emorec.datasets import store
from emorec.datasets.base import objects
from emorec.datasets.splits import Rows
from emorec.labels import EMOTIONS7, POLARITY


def sample_root() -> Path:
    """The folder of the bundled sample: inside an installed package, or ``data/sample`` of a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_sample"
    return installed if installed.is_dir() else package.parent / "data" / "sample"


def _table(path, name):
    _, data = store.read_one(path, name, what="the bundled sample")
    return list(csv.DictReader(io.StringIO(store.decode(data))))


def _rows(path, stem, label_set, kept=lambda row: True):
    table = [row for row in _table(path, f"{stem}.csv") if kept(row)]
    return Rows(
        inputs=objects(row["text"] for row in table),
        labels=[label_set.names[label_set.index(row["label"])] for row in table],
        ids=[row["id"] for row in table],
        label_set=label_set,
        splits=[row["split"] for row in table],
        protocol="the sample's own split",
    )


def sentences(path: str | Path) -> Rows:
    """One to two sentences each, seven emotions; see data/sample/README.md."""
    return _rows(path, "sentences", EMOTIONS7)


def older_sentences(path: str | Path) -> Rows:
    """The 1,540 sentences of version 0.1, 220 for each emotion, which show an emotion more than they name it."""
    return _rows(path, "sentences", EMOTIONS7, kept=lambda row: not row.get("kind"))


def reviews(path: str | Path) -> Rows:
    """Reviews of three to eight sentences, positive and negative, on film, food, travel and products."""
    return _rows(path, "reviews", POLARITY)


def dialogues(path: str | Path) -> Rows:
    """Fifty short dialogues of two people: inputs ``text`` and ``speaker``, in order of time inside a group.

    What is said often tells the emotion only beside what was said before: "What?", "Nine thousand.".
    """
    table = _table(path, "dialogues.csv")
    return Rows(
        inputs={key: objects(row[key] for row in table) for key in ("text", "speaker")},
        labels=[row["label"] for row in table],
        ids=[row["id"] for row in table],
        label_set=EMOTIONS7,
        splits=[row["split"] for row in table],
        groups=[row["dialogue"] for row in table],
        protocol="the sample's own split, by dialogue",
    )
