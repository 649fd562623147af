"""What a dataset is in memory: three splits of inputs, labels by name and ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput
from emorec.labels import LabelSet

SPLITS = ("train", "validation", "test")

# What files, folders and columns call the splits, in lower case.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "publictest"), "validation"),
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}


@dataclass(frozen=True)
class Split:
    """One split of a dataset.

    Attributes:
        name: ``train``, ``validation`` or ``test``; training refuses a ``test`` split as validation data.
        inputs: N inputs: texts (object array of str), pictures (uint8 (N, H, W) or (N, H, W, 3) RGB, or an object
            array of paths or pictures), sounds (object array of paths or `emorec.voice.Sound`), or a dict of modality
            name to such an array.
        labels: Object array of N class names; of N tuples of names where the label set is multi-label.
        ids: Object array of N strings, unique in the dataset and stable between releases of this package.
        groups: Object array of N strings that must not be split (subject, video, document), or None.
        source: ``rendered`` where pictures were rendered by this package, else empty.

    Example:
        >>> split = Split("train", np.array(["good", "bad"]), np.array(["pos", "neg"]), np.array(["a", "b"]))
        >>> len(split), split.take([1]).labels.tolist()
        (2, ['neg'])
    """

    name: str
    inputs: np.ndarray | dict
    labels: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None = None
    source: str = ""

    def __post_init__(self):
        arrays = {"labels": self.labels, "ids": self.ids}
        if isinstance(self.inputs, dict):
            arrays |= {f"inputs[{k!r}]": v for k, v in self.inputs.items()}
        else:
            arrays["inputs"] = self.inputs
        if self.groups is not None:
            arrays["groups"] = self.groups
        for name, array in arrays.items():
            if not hasattr(array, "__len__"):
                raise BadInput(f"Split {self.name!r}: {name} is {array!r:.60}, where an array belongs.")
        n, lengths = len(self.labels), {name: len(array) for name, array in arrays.items()}
        wrong = {k: v for k, v in lengths.items() if v != n}
        if wrong:
            raise BadInput(f"Split {self.name!r} has {n} labels, but {wrong}.")

    def __len__(self):
        return len(self.labels)

    @explained
    def take(self, positions: Sequence[int] | np.ndarray, name: str | None = None) -> Split:
        """The split made of the examples at ``positions`` (indices or a boolean array)."""
        inputs = self.inputs
        inputs = {k: v[positions] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[positions]
        groups = None if self.groups is None else self.groups[positions]
        return Split(name or self.name, inputs, self.labels[positions], self.ids[positions], groups, self.source)

    @explained
    def sample(self, n: int, seed: int = 0) -> Split:
        """At most ``n`` examples, sampled without replacement and kept in order."""
        if n >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), n, replace=False)))


@dataclass(frozen=True)
class Dataset:
    """A dataset with its splits; ``validation`` is for choosing, ``test`` is opened once.

    Attributes:
        name: The name it was loaded by.
        train, validation, test: See `Split`.
        label_set: The ordered class names.
        card: Its `emorec.datasets.cards.Card`, or None for a reader's own data.
        protocol: How the splits were made, in words that go beside every number.
        notes: What reading it met: duplicates, skipped rows, repaired lines.

    Example:
        >>> from emorec import datasets
        >>> datasets.load("sample-sentences").label_set.names[:2]
        ('anger', 'disgust')
    """

    name: str
    train: Split
    validation: Split
    test: Split
    label_set: LabelSet
    card: object = None
    protocol: str = ""
    notes: tuple[str, ...] = field(default=())

    def __repr__(self):
        sizes = " / ".join(str(len(s)) for s in (self.train, self.validation, self.test))
        return f"<{self.name}: {sizes} (train / validation / test), {len(self.label_set)} classes>"

    @explained
    def smaller(self, n: int, seed: int = 0) -> Dataset:
        """At most ``n`` training examples; of validation and test ``n // 4``, or two a class where that is more."""
        fewer = max(n // 4, 2 * len(self.label_set))
        return replace(
            self,
            train=self.train.sample(n, seed),
            validation=self.validation.sample(fewer, seed),
            test=self.test.sample(fewer, seed),
        )


def objects(values: Iterable) -> np.ndarray:
    """A 1-D object array of any values, strings and tuples included."""
    values = list(values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
