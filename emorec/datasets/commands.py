"""``python -m emorec data``: list, get, find and verify datasets."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from emorec.datasets import cards, download, extras, store, verify
from emorec.datasets.readers import sample
from emorec.errors import BadInput, EmorecError

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``data`` and its commands; each sets ``run``: it takes the arguments, returns an exit code."""
    parser = subparsers.add_parser("data", help="list, get, find and verify datasets")
    commands = parser.add_subparsers(dest="data_command", required=True)
    for name, run, text, positional in (
        ("list", _list, "every dataset, how it is had, and whether it is here", None),
        ("get", _get, "download a dataset from its official home", "NAME"),
        ("where", _where, "the folders looked at, or the place of one dataset", "?"),
        ("verify", _verify, "checksums and row counts of a dataset that is here", "?"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        if positional:
            command.add_argument("name", metavar="NAME", nargs=None if positional == "NAME" else "?")
            command.add_argument("--root", help="data root instead of $EMOREC_DATA and the user cache")
        if name == "get":
            command.add_argument("--force", action="store_true", help="download even if it is there")
        if name == "verify":
            command.add_argument("--path", help="folder, archive or file instead of the data roots")
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
