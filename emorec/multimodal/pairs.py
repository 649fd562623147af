"""The dataset ``sample-pairs``: the bundled sentences, each with a rendered face."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from emorec.checks import real_number
from emorec.datasets import cards
from emorec.datasets.base import SPLITS, Dataset, objects
from emorec.datasets.readers import sample
from emorec.datasets.splits import assemble
from emorec.faces import rendered

FIRST_PERSON = 10_000  # people of sample-pairs are numbered from here: nobody in sample-faces is met again


def sample_pairs(
    path: str | Path, *, seed: int = 0, congruence: float = 1.0, limit: int | None = None, size: int = 48,
    difficulty: str = "easy", grey: bool = False, jobs: int = 1,
) -> Dataset:  # fmt: skip
    """A rendered face for each of the 1,540 bundled sentences of version 0.1.

    Split first, by the sentences' own split, then paired by label.

    Every face is of another person. Inputs are ``image``, uint8 (N, size, size, 3), and ``text``; the label is the
    sentence's emotion. An id names both halves, ``anger-001+easy-0-10000-0-anger``: what stands behind the ``+`` goes
    into `emorec.faces.render.face_from_id` and ends in the face's emotion.

    Args:
        path: Folder of the bundled sample.
        seed: Seeds the people, their pictures and which pairs are incongruent.
        congruence: Share of pairs in which the face shows the sentence's emotion, 0 to 1. The others show one of the
            other six, drawn at even odds: an unreliable witness, not sarcasm, which would have a meaning.
        limit: At most so many training pairs, and a quarter as many to validate and to test.
        size, difficulty, grey, jobs: See `emorec.faces.render.sample_faces`. Drawn at the first call, then kept in the
            user's cache.
    """
    real_number("congruence", congruence, 0, 1)
    rows = sample.older_sentences(path)
    shown = _shown_emotions(rows, congruence, seed)
    faces = [f"{difficulty}-{seed}-{FIRST_PERSON + i}-0-{emotion}" for i, emotion in enumerate(shown)]
    rows.inputs = {"image": objects(faces), "text": rows.inputs}
    rows.ids = [f"{i}+{face}" for i, face in zip(rows.ids, faces)]
    rows.protocol = f"the sentences' own split, a face for each, paired by label ({100 * congruence:g} % congruent)"
    data = assemble("sample-pairs", rows, card=cards.get("sample-pairs"))
    data = data if limit is None else data.smaller(limit)
    splits = [getattr(data, split) for split in SPLITS]
    ids = np.concatenate([split.inputs["image"] for split in splits])
    images = rendered.faces(ids.tolist(), size=size, grey=grey, jobs=jobs)
    ends = np.cumsum([len(split) for split in splits])[:-1]
    splits = [replace(p, inputs={**p.inputs, "image": x}) for p, x in zip(splits, np.split(images, ends))]
    return replace(data, **dict(zip(SPLITS, splits)))


def _shown_emotions(rows, congruence, seed):
    """The emotion of the face beside each sentence; in every split this share is the sentence's own."""
    rng = np.random.default_rng([seed, 505])
    own = rows.label_set.encode(objects(rows.labels))
    turned = (own + rng.integers(1, len(rows.label_set), len(own))) % len(rows.label_set)
    shown, splits = own.copy(), objects(rows.splits)
    for split in SPLITS:
        where = rng.permutation(np.flatnonzero(splits == split))
        where = where[round(congruence * len(where)) :]
        shown[where] = turned[where]
    return rows.label_set.decode(shown)
