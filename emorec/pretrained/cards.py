"""The cards of the models that come along, read from models.toml."""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.arguments import explained
from emorec.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class ModelCard:
    """What there is to know about a trained model.

    Attributes:
        name: As in `emorec.load`.
        title: What it reads, in a line.
        modality: ``text``, ``face`` or ``voice``.
        classes: Class names, in the order of its probabilities.
        file: Its file in this folder.
        sha256: Of the file.
        base: The model whose encoder it shares, or an empty string.
        window: Word pieces of the longest text in its training; a longer one is read in parts, see
            `emorec.text.wordpieces.WordPieces`.
        training: What it was trained on.
        terms: The terms of the training data and of the model.
        protocol: How the numbers were made.
        numbers: Tables with ``what``, ``metric``, ``value`` and ``low``, ``high`` (95 % interval), all as fractions.
        elsewhere: The same for data of kinds that it was not trained on.
        by_class: Tables with ``what``, ``class``, ``recall``, ``f1`` (fractions) and ``n``, the tested examples.
        limits: What it cannot do.
        cost: CPU minutes of the training and the device.
        command: The command that makes it again.
        cite: What to cite.

    Example:
        >>> card("text-emotion").classes[0]
        'anger'
    """

    name: str
    title: str
    modality: str
    classes: tuple
    file: str
    sha256: str
    training: str
    terms: str
    protocol: str
    limits: str
    cost: str
    command: str
    numbers: tuple = ()
    elsewhere: tuple = ()
    by_class: tuple = ()
    base: str = ""
    window: int | None = None
    cite: str = ""
    path: Path = field(default=FOLDER, repr=False)

    @property
    def megabytes(self) -> float:
        """Size of its own file, and of its base where it has one."""
        files = [self.path, *([card(self.base).path] if self.base else [])]
        return sum(file.stat().st_size for file in files if file.is_file()) / 1e6

    def headline(self) -> str:
        """Its first number as a short text."""
        return _number(self.numbers[0]) if self.numbers else ""

    def __str__(self):
        lines = [f"{self.name}: {self.title}", f"classes: {', '.join(self.classes)}"]
        for name in ("training", "terms", "protocol", "limits", "cost", "command"):
            lines.append(f"{name}: {getattr(self, name)}")
        for name, rows in (("numbers", self.numbers), ("on other data", self.elsewhere)):
            lines += [f"{name}:", *(f"  {row['what']}: {_number(row)}" for row in rows)] if rows else []
        lines += ["by class:"] if self.by_class else []
        for row in self.by_class:
            shares = f"recall, % {100 * row['recall']:.1f}, F1, % {100 * row['f1']:.1f}"
            lines.append(f"  {row['what']}: {row['class']}: {shares}, n = {row['n']}")
        return "\n".join(lines)


def _number(row):
    interval = f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" if "low" in row else ""
    return f"{row['metric']} {100 * row['value']:.1f}{interval}"


@functools.cache
def cards() -> dict[str, ModelCard]:
    """Name to `ModelCard` of every model that comes along."""
    table = tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8")).get("model", {})
    return {
        name: ModelCard(
            name=name,
            path=FOLDER / row["file"],
            **{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()},  # type: ignore[arg-type]
        )
        for name, row in table.items()
    }


@explained
def card(name: str) -> ModelCard:
    """The card of a model.

    Raises:
        BadInput: There is no such model; lists those there are.
    """
    if name not in cards():
        close = difflib.get_close_matches(str(name), cards(), 2, 0.5)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise BadInput(f"There is no model {name!r}; those that come along are {', '.join(cards())}.{hint}")
    return cards()[name]


def models() -> pd.DataFrame:
    """The models that come along.

    Returns:
        DataFrame with a row a model: name, what it is for, modality, classes, size (MB), its first number, terms.
        Printed, it leaves modality and terms out, so that its rows are shown whole.

    Example:
        >>> models()["name"].tolist()[0]
        'text-emotion'
    """
    from emorec.pretrained.overview import Overview

    return Overview(
        [
            {
                "name": c.name,
                "what for": c.title,
                "modality": c.modality,
                "classes": len(c.classes),
                "size (MB)": round(c.megabytes, 2),
                "measured": c.headline(),
                "terms": c.terms,
            }
            for c in cards().values()
        ]
    )
