"""Whether a dataset on this machine is the published one: checksums and row counts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.datasets import store
from emorec.errors import DataMissing

if TYPE_CHECKING:
    from emorec.datasets.cards import Card
    from emorec.datasets.splits import Rows


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(card: Card, path: str | Path) -> list[tuple[str, str]]:
    """(file, state) of the files whose sha256 the card records; state says ok, differs, or not recorded."""
    states = []
    for name, data in store.read(path, *card.sha256).items() if card.sha256 else ():
        same = card.sha256[name.rsplit("/", 1)[-1]] == hashlib.sha256(data).hexdigest()
        states.append((name, "ok" if same else "differs from the official file"))
    return states or [(str(path), "sha256 not recorded")]


def count_problems(rows: Rows, expected: Mapping) -> list[str]:
    """Differences between the rows of each split or class and the published numbers."""
    counts = Counter(rows.splits if rows.splits is not None else ())
    counts.update(name for x in rows.labels for name in ((x,) if isinstance(x, str) else x))
    return [f"{counts[k]:,} rows of {k} where {n:,} are published" for k, n in expected.items() if counts[k] != n]


def check_content(card: Card, path: str | Path) -> tuple[list, list[str]]:
    """Reads the data and compares it with what is recorded.

    Returns:
        The `checksums`, and a list of problems: checksums that differ, counts other than the published ones.
    """
    states = checksums(card, path)
    problems = [f"{name} {state}" for name, state in states if state.startswith("differs")]
    if not card.reader or card.synthetic:  # a file with a checksum alone, or made by this package: nothing to count
        return states, problems
    try:
        rows = card.read(path)
    except DataMissing as error:
        if not card.beside:  # labels whose pictures are another dataset cannot be read alone
            problems.append(str(error))
    else:
        problems += count_problems(rows, card.expected if rows.expected is None else rows.expected)
    return states, problems
