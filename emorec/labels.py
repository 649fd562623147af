"""Ordered label sets by name, and the maps between them: the only place where a label order is written down."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

import numpy as np

from emorec.arguments import explained
from emorec.errors import BadInput, LabelMismatch
from emorec.notices import notice
from emorec.types import Strings, Values

# Spellings seen in the official files, and the name they have here.
ALIASES = {
    "angry": "anger", "an": "anger",
    "disgusted": "disgust", "di": "disgust",
    "afraid": "fear", "fearful": "fear", "fe": "fear",
    "happy": "happiness", "joy": "happiness", "ha": "happiness",
    "sad": "sadness", "sa": "sadness",
    "surprised": "surprise", "su": "surprise", "suprise": "surprise",
    "ne": "neutral", "neutrality": "neutral",
    "pos": "positive", "neg": "negative", "neu": "neutral",
}  # fmt: skip


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of class names.

    Args:
        name: The set's own name.
        names: Class names; position is the class index of every model trained on the set.
        multi_label: Whether an example may carry several of them, or none.

    Example:
        >>> emotions = LabelSet("two", ("happiness", "anger"))
        >>> emotions.index("happy"), emotions.decode([1]).tolist()
        (0, ['anger'])
    """

    name: str
    names: tuple[str, ...]
    multi_label: bool = False
    _index: dict = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        listed = not isinstance(self.names, (str, bytes, dict, set, frozenset))  # the order of a set changes by itself
        try:
            names = tuple(self.names) if listed else ()
            repeated = len(set(names)) != len(names)
        except TypeError as error:
            raise BadInput(f"Label set {self.name!r}: names are strings, not {self.names!r:.80}.") from error
        if (
            not listed
            or not all(isinstance(name, str) for name in names)
            or not isinstance(self.multi_label, (bool, np.bool_))
        ):
            raise BadInput(
                f"Label set {self.name!r}: names are a list of strings and multi_label True or False; received "
                f"{self.names!r:.80} and {self.multi_label!r:.40}."
            )
        if repeated:
            raise LabelMismatch(f"Label set {self.name!r} repeats a name: {list(names)}.")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "_index", {label: i for i, label in enumerate(self.names)})

    def __len__(self):
        return len(self.names)

    def __iter__(self):
        return iter(self.names)

    def __contains__(self, label):
        return label in self._index

    def index(self, label: str) -> int:
        """Class index of one name, or of one of its known spellings (``happy`` for ``happiness``).

        A number or a boolean is looked up as it is written: 3 and 3.0 as ``3``, True as ``True``.

        Raises:
            LabelMismatch: The set holds no such class.
        """
        if isinstance(label, str) and label in self._index:
            return self._index[label]
        if isinstance(label, np.generic):
            label = label.item()
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        plain = str(label).strip()
        for candidate in (plain, plain.lower(), ALIASES.get(plain.lower())):
            if candidate in self._index:
                return self._index[candidate]
        raise LabelMismatch(f"Unknown label {label!r}; label set {self.name!r} has {', '.join(map(str, self.names))}.")

    def encode(self, labels: Values) -> np.ndarray:
        """Names to indices.

        Args:
            labels: A sequence of N names; for a multi-label set N collections of names.

        Returns:
            int64 array (N,), or for a multi-label set a float32 0/1 array (N, C).
        """
        if not self.multi_label:
            return np.array([self.index(x) for x in labels], dtype="int64")
        rows = np.zeros((len(labels), len(self)), dtype="float32")
        for row, names in zip(rows, labels):
            if isinstance(names, str):
                raise LabelMismatch(f"Label set {self.name!r} is multi-label: give a tuple of names, not {names!r}.")
            row[[self.index(x) for x in names]] = 1
        return rows

    def decode(self, indices: Values) -> np.ndarray:
        """Indices (N,) to an array of names; a 0/1 array (N, C) of a multi-label set to N tuples of names.

        Raises:
            BadInput: Numbers that are no index (from 0 to C - 1, whole), or other than 0 and 1, such as probabilities.
        """
        numbers, most = np.asarray(indices), 1 if self.multi_label else len(self) - 1
        whole = numbers.size == 0 or (numbers.dtype.kind in "biuf" and (numbers == numbers // 1).all())
        if not whole or (numbers.size and not (0 <= numbers.min() and numbers.max() <= most)):
            raise BadInput(f"Label set {self.name!r} decodes whole numbers from 0 to {most}; received {indices!r:.80}.")
        if not self.multi_label:
            return np.array(self.names, dtype=object)[numbers.astype("int64")]
        decoded = np.empty(len(indices), dtype=object)
        decoded[:] = [tuple(n for n, on in zip(self.names, row) if on) for row in np.asarray(indices)]
        return decoded

    def check_same(self, other: LabelSet) -> None:
        """Refuses a label set with other names or another order than this one."""
        if isinstance(other, (str, bytes)):
            raise BadInput(f"Give a label set, or a list of names; received {other!r:.60}.")
        if tuple(other) != self.names:
            raise LabelMismatch(f"Label order differs: expected {list(self.names)}, received {list(other)}.")


@explained
def notice_alike(names: Strings, name: str = "Labels") -> None:
    """A notice where two names differ by case, blanks or signs that nobody sees alone: a slip made one class two.

    Args:
        names: Of the classes, as somebody typed them.
        name: Of what holds them, for the notice.
    """
    seen: dict[str, str] = {}
    for label in names:
        visible = (c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c) != "Cf")
        first = seen.setdefault(" ".join("".join(visible).casefold().split()), label)
        if first != label:
            notice(
                f"{name}: the classes {first!a} and {label!a} differ by case, blanks or invisible signs alone, and "
                "count as two. If they are one, write them alike, e.g. with label.strip().lower()."
            )


POLARITY = LabelSet("polarity", ("negative", "positive"))
POLARITY3 = LabelSet("polarity-3", ("negative", "neutral", "positive"))
SUBJECTIVITY = LabelSet("subjectivity", ("objective", "subjective"))
FINEGRAINED = LabelSet("finegrained", ("negative", "neutral", "positive", "mixed", "not relevant"))
SST5 = LabelSet("sst-5", ("very negative", "negative", "neutral", "positive", "very positive"))

# Ekman's six and neutral, in the order of the FER-2013 file (0 = angry ... 6 = neutral).
EMOTIONS7 = LabelSet("emotions-7", ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"))
FERPLUS = LabelSet("ferplus", ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"))
AFFECTNET = LabelSet(
    "affectnet", ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
)
CKPLUS = LabelSet("ckplus", ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"))
DAIR_AI = LabelSet("dair-ai", ("sadness", "joy", "love", "anger", "fear", "surprise"))
ISEAR = LabelSet("isear", ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"))
MELD = LabelSet("meld", ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"))
EMODB = LabelSet("emodb", ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"))
RAVDESS = LabelSet("ravdess", ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"))
CREMAD = LabelSet("crema-d", ("anger", "disgust", "fear", "happiness", "neutral", "sadness"))
IEMOCAP6 = LabelSet("iemocap-6", ("happiness", "sadness", "neutral", "anger", "excitement", "frustration"))
IEMOCAP4 = LabelSet("iemocap-4", ("happiness", "sadness", "neutral", "anger"))
GOEMOTIONS = LabelSet(
    "goemotions",
    (
        "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
        "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief",
        "joy", "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness",
        "surprise", "neutral",
    ),
    multi_label=True,
)  # fmt: skip


@explained
def shared(first: LabelSet, second: LabelSet) -> list[tuple[str, str, str]]:
    """Names common to two label sets, spellings unified, in the order of the first.

    Returns:
        A list of triples ``(canonical name, name in first, name in second)``.
    """
    theirs = {ALIASES.get(name, name): name for name in second}
    pairs = [(ALIASES.get(name, name), name) for name in first]
    return [(common, name, theirs[common]) for common, name in pairs if common in theirs]
