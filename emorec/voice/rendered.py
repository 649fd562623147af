"""Synthesised voices as the dataset ``sample-voices``: rendered at the first call, then kept in the user's cache."""

import hashlib
from pathlib import Path

import numpy as np

from emorec.datasets import cache, cards
from emorec.datasets.base import Dataset, Split, objects
from emorec.errors import BadInput
from emorec.labels import EMOTIONS7
from emorec.voice import synthesis
from emorec.voice.sound import RATE, Sound


def sample_voices(path: object = None, *, speakers: int = 20, repeats: int = 4, seed: int = 0) -> Dataset:
    """Babbling voices of a synthesiser, split by speaker: nobody in one split is heard in another.

    Args:
        path: Not used; every reader has one.
        speakers: How many, at least 6; 70 % train, 15 % validation, 15 % test, deep and high voices in each.
        repeats: Utterances of each speaker in each of the seven emotions.
        seed: Seeds speakers, parameters and syllables; the same seed gives the same samples.

    Returns:
        A `Dataset` of `emorec.voice.Sound`, with the label set ``EMOTIONS7`` and ``groups`` naming the speaker;
        `emorec.voice.voice_from_id` turns an id into the sound and the parameters it was rendered with. The best
        possible rate is in its notes.

    Raises:
        BadInput: An argument out of range.
    """
    if speakers not in range(6, 1000) or repeats not in range(1, 1000):
        raise BadInput(f"At least 6 speakers and 1 repeat are needed; received {speakers!r} and {repeats!r}.")
    parts = split_speakers(speakers, seed)
    ids = {
        name: [f"{seed}-{k:03d}-{r}-{emotion}" for k in numbers for r in range(repeats) for emotion in EMOTIONS7]
        for name, numbers in parts.items()
    }
    sounds = dict(zip((i for names in ids.values() for i in names), voices([i for v in ids.values() for i in v])))
    splits = {}
    for name, names in ids.items():
        labels, groups = objects(i.split("-")[3] for i in names), objects("-".join(i.split("-")[:2]) for i in names)
        splits[name] = Split(name, objects(sounds[i] for i in names), labels, objects(names), groups)
    counts = ", ".join(f"{len(numbers)} {name}" for name, numbers in parts.items())
    known, unknown = (100 * synthesis.best_possible_rate(which) for which in (True, False))
    notes = (
        f"best possible rate {known:.1f} % for who knows the speaker's own voice, {unknown:.1f} % for who does not",
        "synthesised: it teaches the machinery, and says nothing about people",
    )
    protocol = f"synthesised voices, seed {seed}; split by speaker ({counts})"
    card = cards.get("sample-voices")
    return Dataset(card.name, **splits, label_set=EMOTIONS7, card=card, protocol=protocol, notes=notes)


def split_speakers(speakers: int, seed: int) -> dict[str, list[int]]:
    """Numbers of the speakers of each split; deep voices (even) and high ones (odd) alternate before they are dealt."""
    rng = np.random.default_rng([seed, 404])
    deep, high = rng.permutation(np.arange(0, speakers, 2)), rng.permutation(np.arange(1, speakers, 2))
    order = np.full(2 * len(deep), -1)
    order[::2], order[1 : 2 * len(high) : 2] = deep, high
    order, held = order[order >= 0], max(2, round(0.15 * speakers))
    parts = {"train": order[2 * held :], "validation": order[:held], "test": order[held : 2 * held]}
    return {name: sorted(numbers.tolist()) for name, numbers in parts.items()}


def voices(ids: list[str]) -> list[Sound]:
    """Sounds of `emorec.voice.voice_from_id`, from the user's cache while the synthesiser's code is the same."""
    name = hashlib.sha256(repr(list(ids)).encode()).hexdigest()[:12]
    version = hashlib.sha256(Path(synthesis.__file__).read_bytes()).hexdigest()[:12]

    def render():
        sounds = [synthesis.voice_from_id(voice_id)[0].samples for voice_id in ids]
        whole = np.rint(np.concatenate(sounds) * 2**15).astype("int16")
        return {"samples": whole, "lengths": np.array([len(samples) for samples in sounds])}

    kept = cache.arrays("voices", f"rendered-{name}", version, render)
    cuts = np.split(kept["samples"].astype("float32") / 2**15, np.cumsum(kept["lengths"])[:-1])
    return [Sound(samples, RATE, voice_id) for samples, voice_id in zip(cuts, ids)]
