"""A run: a plain function of its declaration, and the JSON it leaves in results/."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path

from emorec import reporting
from emorec.errors import BadInput

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One training and one look at the test split.

    Attributes:
        experiment: The experiment it belongs to.
        dataset: Dataset name.
        model: The name its row has in tables.
        function: ``module:function`` that takes the run and returns a dict with at least ``metrics``.
        options: What the function needs to know, as JSON values.
        seed: Of weights, order and anything drawn.
        fold, folds: Which fold is the test split, of how many; None where the split is official.
        baseline: Whether the row is a floor that the others are read against.
    """

    experiment: str
    dataset: str
    model: str
    function: str
    options: dict = field(default_factory=dict)
    seed: int = 0
    fold: int | None = None
    folds: int | None = None
    baseline: bool = False

    def path(self, folder):
        """Where its JSON stands: results/EXPERIMENT/DATASET/MODEL-fold-seed.json."""
        slug = "".join(c if c.isalnum() else "-" for c in self.model.lower())
        slug = "-".join(part for part in slug.split("-") if part)
        fold = "" if self.fold is None else f"-fold{self.fold}"
        return Path(folder) / self.experiment / self.dataset / f"{slug}{fold}-seed{self.seed}.json"


def results_folder():
    """``results/`` of the checkout."""
    return ROOT / "results"


def execute(run, folder=None, command=""):
    """Runs a declaration unless its JSON is there already; returns the JSON's content.

    A JSON of the same name but of another declaration is an error: a number must not change its meaning silently.
    """
    path = run.path(folder or results_folder())
    declaration = json.loads(json.dumps(asdict(run)))
    if path.exists():
        content = json.loads(path.read_text())
        if content["run"] != declaration:
            raise BadInput(f"{path} is of another declaration; delete it to run anew.")
        return content
    module, _, function = run.function.partition(":")
    started = time.perf_counter()
    outcome = getattr(import_module(module), function)(run)
    content = {
        "run": declaration,
        **outcome,
        "seconds": round(time.perf_counter() - started, 1),
        "device": reporting.device(),
        "versions": reporting.versions(),
        "date": date.today().isoformat(),
        "command": command or f"python -m experiments {run.experiment}",
    }
    try:
        text = json.dumps(content, indent=1, default=float, allow_nan=False)
    except ValueError as error:
        raise BadInput(f"The outcome of {path.stem} holds NaN or infinity, which JSON has no numbers for.") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".writing-{os.getpid()}")
    temporary.write_text(text + "\n")
    os.replace(temporary, path)
    return content


def load_results(experiment=None, folder=None):
    """The contents of all result files, of one experiment where it is named."""
    folder = Path(folder or results_folder())
    pattern = f"{experiment}/**/*.json" if experiment else "**/*.json"
    return [json.loads(p.read_text()) for p in sorted(folder.glob(pattern))]
