"""``python -m emorec data``: list, get, find and verify datasets, and write what is made from the cards."""

from __future__ import annotations

import csv
import importlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.datasets import cards, download, extras, splits, store, verify
from emorec.datasets.readers import sample
from emorec.errors import BadInput, EmorecError
from emorec.files import write_text, written

if TYPE_CHECKING:
    import argparse

    from emorec.datasets.splits import Rows

FOLDED = ("movie-polarity", "movie-subjectivity")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``data`` and its commands; each sets ``run``: it takes the arguments, returns an exit code."""
    parser = subparsers.add_parser("data", help="list, get, find and verify datasets")
    commands = parser.add_subparsers(dest="data_command", required=True)
    for name, run, text, positional in (
        ("list", _list, "every dataset, how it is had, and whether it is here", None),
        ("get", _get, "download a dataset from its official home", "NAME"),
        ("where", _where, "the folders looked at, or the place of one dataset", "?"),
        ("verify", _verify, "checksums and row counts of a dataset that is here", "?"),
        ("readme", _readme, "write data/README.md from the cards", None),
        ("folds", _folds, "write data/folds from the real data", None),
    ):
        command = commands.add_parser(name, help=text, description=text)
        if positional:
            command.add_argument("name", metavar="NAME", nargs=None if positional == "NAME" else "?")
            command.add_argument("--root", help="data root instead of $EMOREC_DATA and the user cache")
        if name == "get":
            command.add_argument("--force", action="store_true", help="download even if it is there")
        if name == "verify":
            command.add_argument("--path", help="folder, archive or file instead of the data roots")
        if name in ("readme", "folds"):
            command.add_argument("--output", help="where to write; data/ of this checkout if left out")
        command.set_defaults(run=run)


def _state(card, root=None):
    if card.bundled:
        return "bundled"
    try:
        return str(store.locate(card, root=root))
    except EmorecError:
        return "-"


def _card(name):
    """The card of a dataset, or one of the extras, which are had in the same way."""
    return extras.EXTRAS.get(name) or cards.get(name)


def _fetch(card, args):
    if not getattr(card, "fetch", ""):
        return download.fetch(card, args.root, force=args.force)
    module, function = card.fetch.split(":")
    return getattr(importlib.import_module(module), function)(args.root, args.force)


def _bundled_place(card):
    return extras.PRETRAINED if card.name in extras.EXTRAS else sample.sample_root()


def _list(args):
    print(f"{'name':22}{'modality':12}{'had':26}{'checksum':14}here")
    for card in cards.cards().values():
        known = "" if card.bundled else "sha256" if card.sha256 else "not recorded"
        print(f"{card.name:22}{card.modality:12}{card.access:26}{known:14}{_state(card)}")
    for extra in extras.EXTRAS.values():
        print(f"{extra.name:22}{extra.what:38}{'sha256':14}{_state(extra)}")
    return 0


def _get(args):
    card = _card(args.name)
    if card.bundled:
        print(f"{card.name} is bundled: {_bundled_place(card)}")
    else:
        place = _fetch(card, args)
        print(f"{card.name}: {place}\nterms: {card.licence}\ncite: {card.citation}")
    return 0


def _where(args):
    if args.name is None:
        print("\n".join(map(str, store.roots(args.root))))
    else:
        card = _card(args.name)
        print(_bundled_place(card) if card.bundled else store.locate(card, root=args.root))
    return 0


def _verify(args):
    if args.name is None and args.path:
        raise BadInput("--path needs the NAME of the dataset that lies there.")
    known = [*cards.cards().values(), *extras.EXTRAS.values()]
    here = [card for card in known if _state(card, args.root) not in ("-", "bundled")]
    wrong = False
    for card in [_card(args.name)] if args.name else here:
        place = _bundled_place(card) if card.bundled else store.locate(card, args.path, args.root)
        states, problems = verify.check_content(card, place)
        wrong |= bool(problems)
        counts = "row counts as published" if card.expected else "no published row counts to compare with"
        for line in [f"{name}: {state}" for name, state in states] + (problems or [counts]):
            print(f"{card.name}: {line}")
    return int(wrong)


def _checkout_data(args):
    folder = Path(args.output) if args.output else Path(__file__).resolve().parents[2] / "data"
    if not args.output and not (folder / "sample").is_dir():
        raise BadInput("This is not a checkout of the project; say where to write with --output FOLDER.")
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _readme(args):
    target = _checkout_data(args) / "README.md"
    write_text(target, cards.readme())
    print(target)
    return 0


def _folds(args):
    folder = _checkout_data(args) / "folds"
    for name in FOLDED:
        rows = cards.get(name).read(store.locate(cards.get(name)))
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([("id", "fold"), *fold_numbers(rows)])
        write_text(folder / f"{name}.csv", lines.getvalue())
        print(folder / f"{name}.csv")
    return 0


def fold_numbers(rows: Rows, folds: int = 10, seed: int = 0) -> list[tuple[str, int]]:
    """(id, fold) of every row: the published numbers of ``folds=10, seed=0``."""
    content = [splits.normalise(text) for text in rows.inputs]
    return list(zip(rows.ids, splits.k_fold(rows.ids, rows.labels, folds=folds, seed=seed, content=content).tolist()))
