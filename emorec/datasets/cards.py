"""The datasets by name, read from cards.toml.

To add a dataset, add a table to cards.toml; its ``reader`` is imported only when it is needed.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import labels
from emorec.arguments import annotation, explained, fits, words
from emorec.errors import BadInput, DataCorrupt, EmorecError
from emorec.labels import LabelSet
from emorec.types import FilePath

if TYPE_CHECKING:
    from emorec.datasets.splits import Rows


@dataclass(frozen=True)
class Card:
    """What there is to know about a dataset.

    Attributes:
        name: As in `emorec.datasets.load`.
        title: As in its paper.
        modality: ``text``, ``faces``, ``voice`` or ``multimodal``.
        task: In a few words.
        label_set: The ordered class names.
        size: Examples, in words.
        how: How it was collected and labelled.
        home: The official page.
        licence: Licence or terms, with their source where it matters.
        citation: What to cite.
        reader: ``module:function`` of ``function(path, **options)``, returning `splits.Rows` or a `Dataset`.
        protocol: How it is split here.
        files: Alternatives, each a list of patterns of files that must all be there; any alternative will do.
        folders: Other names of its folder below a data root.
        urls: Files to download; empty where a form, an account or a purchase stands in the way.
        sha256: Official checksums by file name, of downloads or of what they hold.
        get: How to get it by hand, where ``home`` does not say enough.
        expected: Published row counts by split or class, checked by ``get`` and ``verify``.
        faults: Known faults of the data and of common ways to use it.
        results: Published results, each with protocol and source.
        instead: The bundled sample to go on with.
        beside: Another dataset whose files it needs.
        bundled: Whether it travels with the package.
        synthetic: Whether it is rendered or synthesised when it is loaded; its reader then takes the seed.

    Example:
        >>> get("fer2013").modality
        'faces'
    """

    name: str
    title: str
    modality: str
    task: str
    label_set: LabelSet
    size: str
    how: str
    home: str
    licence: str
    citation: str
    reader: str
    protocol: str
    files: list = field(default_factory=list)
    folders: list = field(default_factory=list)
    urls: list = field(default_factory=list)
    sha256: dict = field(default_factory=dict)
    get: str = ""
    expected: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    results: list = field(default_factory=list)
    instead: str = "sample-sentences"
    beside: str = ""
    bundled: bool = False
    synthetic: bool = False

    @property
    def access(self) -> str:
        """How it is had: bundled, automatic (with what it needs beside it) or by hand."""
        needs = f", needs {self.beside}" if self.beside else ""
        return "bundled" if self.bundled else f"automatic{needs}" if self.urls else "by hand"

    def read(self, path: FilePath, **options: Any) -> Rows:
        """What the card's reader makes of ``path``."""
        module, function = self.reader.split(":")
        reader = getattr(importlib.import_module(module), function)
        check_options(self.name, reader, options)
        try:
            return reader(path, **options)
        except (EmorecError, MemoryError):
            raise
        except OSError as error:
            if error.filename is not None:  # no permission, say: of the machine, and it names the file
                raise
            raise DataCorrupt(f"{path} cannot be read ({error}): truncated or damaged. Get it again.") from error
        except Exception as error:  # what is damaged fails in any place of a reader, and in any way
            raise DataCorrupt(
                f"{path} does not hold {self.name} in its official format ({type(error).__name__}: {error}): "
                "truncated, or other files of the same names. Get it again."
            ) from error


def check_options(name: str, reader: Callable, options: Mapping[str, Any]) -> None:
    """Raises where the reader of a dataset does not take an option, or not such a value, and says what it takes.

    A reader that hands on what it does not know itself is asked in the place where that arrives.
    """
    for option, value in options.items():
        kind = annotation(reader, option)
        if not fits(value, kind):
            raise BadInput(f"{name}: {option} must be {words(kind)}; received {value!r:.60}.")
    taken = inspect.signature(reader).parameters.values()
    known = [p.name for p in taken if p.kind is not p.VAR_KEYWORD and p.name != "path"]
    unknown = sorted(set(options) - set(known))
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in taken):
        raise BadInput(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}.")


@functools.cache
def cards() -> dict[str, Card]:
    """Every card by name, in the order of the review."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["dataset"]
    made = (Card(**table | {"label_set": getattr(labels, table["label_set"])}) for table in tables)
    return {card.name: card for card in made}


def names() -> tuple[str, ...]:
    """The names that `emorec.datasets.load` knows, in the order of the review."""
    return tuple(cards())


@explained
def get(name: str) -> Card:
    """The card of a dataset.

    Raises:
        BadInput: An unknown name, with those that come close and the list of all.
    """
    if isinstance(name, str) and name in cards():
        return cards()[name]
    close = difflib.get_close_matches(str(name).lower(), cards(), n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise BadInput(f"Unknown dataset {name!r}.{hint} Known: {', '.join(cards())}.")
