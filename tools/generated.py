"""All that is written by a command and kept in the repository: written anew, or checked, by one command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.files import write_text
from experiments.pretrained import cards as model_cards
from tools import data, diagrams, faults, notebooks, overview, performance, results

if TYPE_CHECKING:
    import argparse

ROOT = notebooks.ROOT


def documents() -> Iterator[tuple[Path, Callable[[str], str]]]:
    """Pairs of a path and a function from the file's present text to the text that it should have."""
    yield from results.documents()
    yield ROOT / "notebooks" / "README.md", lambda text: overview.page()
    yield data.FOLDER / "README.md", lambda text: data.page()
    yield model_cards.FOLDER / "models.toml", lambda text: model_cards.written()
    yield from performance.documents()
    yield from faults.documents()
    for name, draw in diagrams.SVGS.items():
        yield ROOT / "Screenshots" / name, lambda text, draw=draw: draw()  # type: ignore[misc]


def stale(pairs: Iterable[tuple[Path, Callable[[str], str]]] | None = None) -> list[Path]:
    """Paths whose text is not what it should be."""
    return [path for path, text, new in _texts(documents() if pairs is None else pairs) if text != new]


def write(pairs: Iterable[tuple[Path, Callable[[str], str]]] | None = None) -> list[Path]:
    """Writes what is stale; returns the paths."""
    changed = []
    for path, text, new in _texts(documents() if pairs is None else pairs):
        if text != new:
            write_text(path, new)
            changed.append(path)
    return changed


def _texts(pairs):
    for path, change in pairs:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        yield path, text, change(text)


# Command line


def add_parsers(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``generated`` and ``results`` to the command line."""
    parser = subparsers.add_parser("generated", help="write all tables, pages and figures that are generated")
    parser.add_argument("--check", action="store_true", help="only name what is stale; exit status 1 if anything is")
    parser.set_defaults(run=_generated)
    parser = subparsers.add_parser("results", help="write RESULTS.md and the tables of README and notebooks")
    parser.add_argument("--check", action="store_true", help="only name what is stale; exit status 1 if anything is")
    parser.set_defaults(run=_results)


def _results(options):
    return _report(results.documents(), options.check)


def _generated(options):
    if options.check:
        names = diagrams.outdated(ROOT / "Screenshots")
        for name in names:
            print(f"stale: Screenshots/{name}")
        return _report(documents(), True) or int(bool(names))
    status = _report(documents(), False)
    for path in [*notebooks.sync(), *diagrams.draw_all(ROOT / "Screenshots")]:
        print(f"written: {path.relative_to(ROOT)}")
    return status


def _report(pairs, check):
    paths = stale(pairs) if check else write(pairs)
    for path in paths:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    return int(check and bool(paths))
