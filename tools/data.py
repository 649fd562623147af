"""``python -m tools folds``, and the page that is made from the cards of the datasets: what lies in data/."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.datasets import cards, extras, splits, store
from emorec.files import write_text

if TYPE_CHECKING:
    import argparse

    from emorec.datasets.splits import Rows

FOLDER = Path(__file__).resolve().parents[1] / "data"
FOLDED = ("movie-polarity", "movie-subjectivity")

INTRODUCTION = """\
# Data

Written by `python -m tools generated` from the cards in `emorec/datasets/cards.toml`; edit those instead.

`sample/` is bundled and needs no network (its own card: [sample/README.md](sample/README.md)); `folds/` holds
the fold numbers of the two datasets that are evaluated by 10-fold cross-validation. Everything else comes
from its official home:

```
python -m emorec data list                    what there is, and what is on this machine
python -m emorec data get movie-polarity      download it, check it, put it into the cache
python -m emorec data where                   the folders where data is looked for
python -m emorec data verify movie-polarity   checksums and row counts of what is here
```

Files are looked for in `$EMOREC_DATA/<name>`, then in `<user cache>/emorec/<name>`; archives are read as they
are. A table of your own: `emorec.datasets.from_table("reviews.csv", text="text", label="label")`.

| name | what | classes | size | how it is had |
|---|---|---|---|---|
"""


def page() -> str:
    """The text of data/README.md."""
    row = "| [{0.name}](#{0.name}) | {0.task} | {1} | {0.size} | {0.access} |\n"
    text = INTRODUCTION + "".join(row.format(card, len(card.label_set)) for card in cards.cards().values())
    for card in cards.cards().values():
        text += f"\n## {card.name}\n\n{card.title}: {card.task}; {card.how}.\n\n"
        text += "".join(f"- **{key}**: {value}\n" for key, value in _facts(card) if value)
    text += "\n# What models start from\n"
    for extra in extras.EXTRAS.values():
        text += f"\n## {extra.name}\n\n{extra.what[0].upper() + extra.what[1:]}.\n\n"
        text += "".join(f"- **{key}**: {value}\n" for key, value in _extra_facts(extra) if value)
    return text


def _extra_facts(extra):
    yield "Home", extra.home
    yield "Had", "bundled" if extra.bundled else f"`python -m emorec data get {extra.name}` (sha256 recorded)"
    yield "Made" if extra.bundled else "By hand", extra.get
    yield "Without it", "" if extra.bundled else extra.instead
    yield "Terms", extra.licence
    yield "Cite", extra.citation


def _facts(card):
    yield "Classes", ", ".join(card.label_set) + (" (several at once)" if card.label_set.multi_label else "")
    yield "Home", card.home
    if card.urls:
        recorded = f"sha256 of {', '.join(card.sha256)} recorded" if card.sha256 else "sha256 not recorded"
        counts = ", row counts checked" if card.expected else ""
        yield ("Download", f"`python -m emorec data get {card.name}` ({recorded}{counts}): {', '.join(card.urls)}")
    yield "By hand", card.get
    if not card.bundled:
        files = " or ".join(" + ".join(f"`{pattern}`" for pattern in together) for together in card.files)
        yield "Goes to", f"{files} in `{'` or `'.join([card.name, *card.folders])}`"
    yield "Split", card.protocol
    yield "Known faults", "; ".join(card.faults)
    yield "Published", "; ".join(card.results)
    yield "Terms", card.licence
    yield "Cite", card.citation


def fold_numbers(rows: Rows, folds: int = 10, seed: int = 0) -> list[tuple[str, int]]:
    """(id, fold) of every row: the published numbers of ``folds=10, seed=0``."""
    content = [splits.normalise(text) for text in rows.inputs]
    return list(zip(rows.ids, splits.k_fold(rows.ids, rows.labels, folds=folds, seed=seed, content=content).tolist()))


# Command line


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``folds`` to the command line."""
    parser = subparsers.add_parser("folds", help="write data/folds from the real data")
    parser.set_defaults(run=_folds)


def _folds(options):
    for name in FOLDED:
        rows = cards.get(name).read(store.locate(cards.get(name)))
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([("id", "fold"), *fold_numbers(rows)])
        write_text(FOLDER / "folds" / f"{name}.csv", lines.getvalue())
        print(FOLDER / "folds" / f"{name}.csv")
    return 0
