"""Declared runs, read from settings/NAME.toml: one file an experiment, and common.toml for what several share.

A file says ``about``, one sentence; ``together = true`` where runs of one fold and seed follow each other, so that a
grid that is stopped early is whole; ``settings``, tables of options by name; and ``rows``, a list of tables with

- ``function``, ``module:function`` of a run, and ``baseline``;
- ``datasets``, by default the experiment's name alone;
- ``folds``, of which ``first`` are done, or ``seeds``, how many; neither is one run with seed 0;
- ``models``, a row's name to its options; a ``grid`` of lists multiplies each model, whose name has places for them:
  ``"{encoder} + {attention}"``.

Options with ``use = "NAME"`` stand on those settings; a value ``"@NAME"`` is these settings. TOML has no null:
``unset`` lists the options that are None.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from emorec.errors import BadInput
from experiments.runs import Run

FOLDER = Path(__file__).with_name("settings")
FIELDS = {"function", "baseline", "datasets", "folds", "first", "seeds", "models", "grid"}


def names() -> list[str]:
    """Names of the declared experiments."""
    return sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != "common")


def about(name: str) -> str:
    """What an experiment asks, a sentence."""
    return _read(FOLDER / f"{name}.toml")["about"]


def runs_of(name: str, path: Path | None = None) -> list[Run]:
    """The runs of an experiment, dataset by dataset.

    Args:
        name: One of `names`.
        path: Another file than its own.

    Raises:
        BadInput: A row without a function or models, an unknown field, settings of no name.
    """
    content = _read(path or FOLDER / f"{name}.toml")
    settings = _read(FOLDER / "common.toml")["settings"] | content.get("settings", {})
    made = [run for row in content["rows"] for run in _row(name, row, settings)]
    datasets = list(dict.fromkeys(run.dataset for run in made))
    together = content.get("together", False)
    return sorted(made, key=lambda r: (datasets.index(r.dataset), *((r.fold or 0, r.seed) if together else ())))


@cache
def _read(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _row(experiment, row, settings):
    unknown, absent = row.keys() - FIELDS, {"function", "models"} - row.keys()
    if unknown or absent:
        raise BadInput(f"A row of {experiment}: unknown {sorted(unknown)}, missing {sorted(absent)}.")
    for dataset, (model, options) in itertools.product(row.get("datasets", [experiment]), _models(row, settings)):
        first = (experiment, dataset, model, row["function"], options)
        more = {"baseline": row.get("baseline", False)}
        if folds := row.get("folds"):
            yield from (Run(*first, fold=fold, folds=folds, **more) for fold in range(row.get("first", folds)))
        else:
            yield from (Run(*first, seed=seed, **more) for seed in range(row.get("seeds", 1)))


def _models(row, settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, options) of every model, times the grid."""
    grid = row.get("grid", {})
    for values in itertools.product(*grid.values()):
        places = dict(zip(grid, values))
        for model, options in row["models"].items():
            yield model.format(**places), {**options_of(options, settings), **places}


def options_of(table: dict[str, Any], settings: dict[str, dict]) -> dict[str, Any]:
    """Options with the settings that they stand on, see the module.

    Args:
        table: As a file holds it.
        settings: Tables by name.
    """
    own = {key: value for key, value in table.items() if key not in ("use", "unset")}
    base = _named(table["use"], settings) if "use" in table else {}
    for key, value in own.items():
        if isinstance(value, str) and value.startswith("@"):
            own[key] = _named(value[1:], settings)
        elif isinstance(value, dict):
            own[key] = options_of(value, settings)
    return base | own | dict.fromkeys(table.get("unset", []))


def _named(name, settings):
    if name not in settings:
        raise BadInput(f"There are no settings {name!r}; there are {', '.join(sorted(settings))}.")
    return options_of(settings[name], settings)
