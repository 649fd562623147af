"""Splits as pure functions of ids, labels and a seed: row order and library versions do not matter.

Rows with the same normalised text, or of the same group, always land in the same split. Units are dealt the largest
first, equal ones in the order of a hash of their ids, each to the split that it brings closest to its share of every
class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec.datasets.base import SPLITS, Dataset, Split, objects
from emorec.errors import BadInput, LabelMismatch
from emorec.labels import LabelSet
from emorec.types import Strings, Values

if TYPE_CHECKING:
    from emorec.datasets.cards import Card


@dataclass
class Rows:
    """What a reader hands over: every row of a dataset, split only where its authors split it.

    Attributes:
        inputs: As in `emorec.datasets.base.Split`.
        labels: N class names, or tuples of names.
        ids: N unique strings.
        label_set: The ordered class names.
        splits: N names of official splits (``train``, ``validation``, ``test``), or None where there are none.
        groups: N strings (subject, film, document), or None.
        content: N keys whose equality means duplicates; None takes the normalised text of text inputs.
        keep: What a made split keeps together: ``("content", "groups")`` or one of them.
        notes: What reading met.
        expected: Published counts by split or class name, where they differ from the card's.
        protocol: A word on the official split, where the card's does not do.

    Example:
        >>> from emorec.labels import POLARITY
        >>> len(Rows(["good", "bad"], ["positive", "negative"], ["a", "b"], POLARITY).ids)
        2
    """

    inputs: np.ndarray | dict
    labels: list
    ids: list
    label_set: LabelSet
    splits: list | None = None
    groups: list | None = None
    content: list | None = None
    keep: tuple[str, ...] = ("content", "groups")
    notes: tuple[str, ...] = ()
    expected: dict | None = None
    protocol: str = ""


def normalise(text: Any) -> str:
    """The text by which duplicates are found: case folded, white space collapsed."""
    return " ".join(str(text).casefold().split())


def _units(n, keys):
    """Numbers of the connected components of rows that share any of the keys."""
    from scipy.sparse import csgraph, csr_array

    node = {}  # of every value of every key, after the nodes of the rows
    columns = [node.setdefault((k, value), n + len(node)) for k, key in enumerate(keys) for value in key]
    rows, size = np.tile(np.arange(n), len(keys)), n + len(node)
    graph = csr_array((np.ones(len(rows), "int8"), (rows, columns)), shape=(size, size))
    return csgraph.connected_components(graph, directed=False)[1][:n]


def _class_counts(labels, unit):
    """Rows of each class in each unit, int64 (units, classes)."""
    names = [label if isinstance(label, (tuple, list, set, frozenset)) else (label,) for label in labels]
    index = {name: i for i, name in enumerate(sorted({n for row in names for n in row}, key=str))}
    counts = np.zeros((unit.max() + 1, max(len(index), 1)), dtype="int64")
    for u, row in zip(unit, names):
        for name in row:
            counts[u, index[name]] += 1
    return counts


def assign(
    ids: Values, labels: Values, shares: Sequence, *, seed: int | str = 0, content: Values | None = None,
    groups: Values | None = None,
) -> np.ndarray:  # fmt: skip
    """Deals rows into splits, stratified by class, never tearing duplicates or groups apart.

    Args:
        ids: N unique strings; with the seed they decide the order of dealing among units of one size.
        labels: N class names, or tuples of names.
        shares: P positive numbers, e.g. ``(0.8, 0.1, 0.1)``; a float is read as a fraction of at most three digits.
        seed: Any int or string.
        content: N keys, equal for duplicates, e.g. normalised texts; None where there are none.
        groups: N keys, equal for rows of one subject or document.

    Returns:
        int64 array (N,) of split numbers.

    Raises:
        BadInput: Lengths differ, ids repeat, or there is nothing to split.
    """
    n = len(ids)
    keys = [key for key in (content, groups) if key is not None]
    if n == 0 or len(set(ids)) != n:
        raise BadInput(f"Splitting needs unique ids; received {n}, of which {len(set(ids))} are different.")
    if any(len(key) != n for key in [labels, *keys]):
        raise BadInput(f"{n} ids, but {[len(key) for key in [labels, *keys]]} labels and keys.")
    unit = _units(n, keys) if keys else np.arange(n)
    counts, size = _class_counts(labels, unit), np.bincount(unit)
    smallest: dict[int, str] = {}
    for u, name in zip(unit.tolist(), ids):
        smallest[u] = min(smallest.get(u, str(name)), str(name))
    digest = [
        hashlib.blake2b(f"{seed}|{smallest[u]}".encode(errors="surrogatepass"), digest_size=8).digest()
        for u in range(len(size))
    ]
    order = sorted(range(len(size)), key=lambda u: (-size[u], digest[u]))
    # Integers throughout: argmax over rounded floats could differ between machines.
    fractions = [s if isinstance(s, Fraction) else Fraction(s).limit_denominator(1000) for s in shares]
    weights = np.array([int(f * lcm(*(g.denominator for g in fractions))) for f in fractions], dtype="int64")
    missing = weights[:, None] * counts.sum(axis=0)
    missing_rows = weights * n
    split = np.empty(len(size), dtype="int64")
    for u in order:
        # The split whose squared distances to its class targets shrink most; rows still missing decide a tie.
        gain = missing @ counts[u]
        best = np.flatnonzero(gain == gain.max())
        split[u] = p = best[np.argmax(missing_rows[best])]
        missing[p] -= weights.sum() * counts[u]
        missing_rows[p] -= weights.sum() * size[u]
    return split[unit]


def k_fold(
    ids: Values, labels: Values, *, folds: int = 10, seed: int | str = 0, content: Values | None = None,
    groups: Values | None = None,
) -> np.ndarray:  # fmt: skip
    """Fold numbers 0 to ``folds - 1``, int64 (N,); see `assign` for the arguments."""
    if not 2 <= folds <= len(ids):
        raise BadInput(f"folds must lie between 2 and the {len(ids)} rows; received {folds!r}.")
    return assign(ids, labels, [Fraction(1, folds)] * folds, seed=seed, content=content, groups=groups)


def fold_splits(
    ids: Values, labels: Values, *, fold: int = 0, folds: int = 10, seed: int | str = 0, validation: float = 0.1,
    content: Values | None = None, groups: Values | None = None,
) -> np.ndarray:  # fmt: skip
    """Split names, object array (N,): the fold is the test split, a share of the rest validation."""
    number = k_fold(ids, labels, folds=folds, seed=seed, content=content, groups=groups)
    if fold not in range(folds):
        raise BadInput(f"fold must be one of 0 to {folds - 1}; received {fold!r}.")
    splits = objects(np.where(number == fold, "test", "train"))
    return split_validation(
        splits, ids, labels, share=validation, seed=f"{seed}/{fold}", content=content, groups=groups
    )


def split_validation(
    splits: Strings, ids: Values, labels: Values, *, share: float = 0.1, seed: int | str = 0,
    content: Values | None = None, groups: Values | None = None,
) -> np.ndarray:  # fmt: skip
    """A copy of ``splits`` in which a stratified share of the ``train`` rows is called ``validation``."""
    rows = [i for i, split in enumerate(splits) if split == "train"]
    if not 0 < share < 1 or len(rows) < 2:
        raise BadInput(f"Cannot take a share of {share!r} for validation from {len(rows)} training rows.")
    only: Callable[[Any], Any] = lambda values: None if values is None else [values[i] for i in rows]  # noqa: E731
    exact = Fraction(share).limit_denominator(1000)
    chosen = assign(only(ids), only(labels), (1 - exact, exact), seed=seed, content=only(content), groups=only(groups))
    if (groups is not None or len(rows) >= 10) and not chosen.any():
        # Few groups, or rows repeated so often, that each is larger than the share: the smallest will do.
        unit = _units(len(rows), [key for key in (only(content), only(groups)) if key is not None])
        size = np.bincount(unit)
        chosen = (unit == size.argmin()).astype("int64") if len(size) > 1 else chosen
    splits = objects(splits)
    splits[rows] = objects(("train", "validation"))[chosen]
    return splits


def assemble(
    name: str, rows: Rows, *, card: Card | None = None, fold: int = 0, folds: int = 10, seed: int | str = 0,
    validation: float = 0.1,
) -> Dataset:  # fmt: skip
    """Makes the three splits of a `Dataset` from a reader's rows, and its notes and protocol.

    Raises:
        BadInput: ``fold`` is given where the split is official, or a split would be empty.
        LabelMismatch: A label outside of the label set.
    """
    ids, labels = list(rows.ids), list(rows.labels)
    if len(set(ids)) < len(ids):
        raise BadInput(f"{name!r}: ids must be unique; {len(ids) - len(set(ids))} of {len(ids)} repeat one.")
    unknown = {x for row in labels for x in ((row,) if isinstance(row, str) else row)} - set(rows.label_set)
    if unknown:
        raise LabelMismatch(f"{name!r}: labels {sorted(unknown)} are not among {list(rows.label_set)}.")
    content = rows.content
    if content is None and not isinstance(rows.inputs, dict) and isinstance(rows.inputs[0], str):
        content = [normalise(text) for text in rows.inputs]
    together = {
        "content": content if "content" in rows.keep else None,
        "groups": rows.groups if "groups" in rows.keep else None,
    }
    share = f"{100 * float(validation):g} %"
    if rows.splits is None:
        split_names = fold_splits(ids, labels, fold=fold, folds=folds, seed=seed, validation=validation, **together)
        protocol = f"fold {fold} of {folds} to test, {share} of the others to validate (seed {seed})"
    else:
        if fold:
            raise BadInput(f"{name!r} has an official split, so fold={fold!r} does not apply; leave it out.")
        split_names, protocol = objects(rows.splits), rows.protocol or "official split"
        if "validation" not in rows.splits:
            split_names = split_validation(split_names, ids, labels, share=validation, seed=seed, **together)
            protocol += f"; validation: {share} of the training split (seed {seed})"
    splits = {split: _split(name, split, rows, split_names) for split in SPLITS}
    what = "text" if rows.content is None else "picture"
    duplicates = () if content is None else duplicate_notes(content, labels, split_names, what)
    notes = (*rows.notes, *duplicates)
    return Dataset(name, label_set=rows.label_set, card=card, protocol=protocol, notes=notes, **splits)


def _split(name, split, rows, splits):
    where = np.flatnonzero(splits == split)
    if not len(where):
        raise BadInput(f"{name!r}: the {split} split would be empty; {len(splits)} rows are too few for it.")
    inputs = rows.inputs
    inputs = {k: v[where] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[where]
    groups = None if rows.groups is None else objects(rows.groups)[where]
    return Split(split, inputs, objects(rows.labels)[where], objects(rows.ids)[where], groups)


def duplicate_notes(content: Values, labels: Values, splits: Strings, what: str = "text") -> tuple[str, ...]:
    """Sentences on duplicates inside a dataset and across its splits; empty where there are none."""
    same = " (case and spaces aside)" if what == "text" else ""
    seen: dict = {}
    for key, label, split in zip(content, labels, splits):
        seen.setdefault(key, []).append((split, label if isinstance(label, str) else tuple(label)))
    repeated = [rows for rows in seen.values() if len(rows) > 1]
    notes = []
    if repeated:
        conflicting = sum(len({label for _, label in rows}) > 1 for rows in repeated)
        notes.append(
            f"{sum(map(len, repeated)) - len(repeated)} rows repeat an earlier one{same}; "
            f"{conflicting} of the repeated {what}s carry different labels."
        )
    for split in ("validation", "test"):
        leaked = sum(p == split for rows in repeated if any(q == "train" for q, _ in rows) for p, _ in rows)
        if leaked:
            notes.append(f"{leaked} {split} rows have a {what} that also stands in the training split.")
    return tuple(notes)
