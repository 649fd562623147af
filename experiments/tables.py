"""Tables written from results/*.json into the README and the notebooks, and the check that they agree."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np

from emorec.metrics import corrected_t_test, seeds_interval
from experiments.runs import ROOT, load_results

BLOCK = re.compile(
    r"(?P<head>^(?P<mark># |)<!-- results: (?P<name>[\w/.-]+) -->\n).*?(?P<tail>^(?P=mark)<!-- /results -->)",
    re.DOTALL | re.MULTILINE,
)


def summary(experiment, folder=None):
    """Mean and 95 % interval of each metric, per dataset and model.

    Over folds the interval is the t-interval corrected for overlapping training sets (Nadeau & Bengio 2003). Over
    seeds on one test split it joins the seeds' variance with the sampling error of that split
    (`emorec.metrics.seeds_interval`), so that it never shrinks below what the size of the test split allows; where
    every seed has a test split of its own, as in the experiment `regimes`, it is wider than need be. A metric of which
    a file does not say the sampling error has no interval: low and high are the mean.

    Returns:
        List of dicts with ``dataset``, ``model``, ``baseline``, ``runs``, ``protocol`` and
        ``metrics``: name to (mean, low, high).
    """
    return _rows(load_results(experiment, folder))


def _rows(contents):
    groups = {}
    for content in contents:
        run = content["run"]
        groups.setdefault((run["dataset"], run["model"]), []).append(content)
    rows = []
    for (dataset, model), contents in groups.items():
        names = [n for n in contents[0]["metrics"] if all(n in c["metrics"] for c in contents)]
        rows.append(
            {
                "dataset": dataset,
                "model": model,
                "baseline": contents[0]["run"]["baseline"],
                "runs": len(contents),
                "protocol": contents[0].get("protocol", ""),
                "metrics": {n: _interval([c["metrics"][n] for c in contents], contents) for n in names},
            }
        )
    return sorted(rows, key=lambda r: (r["dataset"], not r["baseline"], _first(r)))


def _first(row):
    return next(iter(row["metrics"].values()))[0] if row["metrics"] else 0.0


def _interval(values, contents):
    points = np.array([v[0] if isinstance(v, list) else v for v in values], dtype=float)
    mean = float(points.mean())
    if contents[0]["run"]["folds"]:
        if len(points) == 1:
            return mean, mean, mean
        return tuple(corrected_t_test(points, test_to_train(contents[0])))[:3]
    if not all(isinstance(v, list) for v in values):
        return mean, mean, mean
    errors = [(v[2] - v[1]) / (2 * 1.96) for v in values]
    return tuple(seeds_interval(points, float(np.mean(np.square(errors)))))


def test_to_train(content):
    """Test examples to training examples of a run over folds; a floor learns from the validation part too."""
    sizes = content["sizes"]
    return sizes["test"] / (sizes["train"] + sizes["validation"] * content["run"]["baseline"])


def table(experiment, folder=None, metrics=None):
    """A Markdown table of an experiment, a row per dataset and model, floors first; of ``NAME/answer`` its answer."""
    experiment, _, part = experiment.partition("/")
    contents = load_results(experiment, folder)
    if not contents:
        return f"*No result of `{experiment}` is recorded yet: `python -m experiments {experiment}`.*"
    if part:
        return _said(f"{experiment}/{part}", contents)
    rows = _rows(contents)
    found = {n for r in rows for n in r["metrics"]}
    metrics = metrics or USUAL.get(experiment)
    columns = metrics or [n for n in SHOWN if n in found][:2] + [n for n in ("accuracy_one_view",) if n in found]
    lines = [
        "| data | model | " + " | ".join(SHOWN[c] for c in columns) + " | runs |",
        "|---|---|" + "---|" * len(columns) + "---|",
    ]
    for row in rows:
        cells = [_cell(row["metrics"].get(c)) for c in columns]
        model = f"*{row['model']}*" if row["baseline"] else row["model"]
        lines.append(f"| {row['dataset']} | {model} | " + " | ".join(cells) + f" | {row['runs']} |")
    protocols = dict.fromkeys(
        (r["dataset"], re.sub(r"^fold \d+ of", "each fold of", r["protocol"])) for r in rows if r["protocol"]
    )
    longer = {(d, text) for d, text in protocols for e, other in protocols if d == e and other.startswith(text + ";")}
    notes = [f"{dataset}: {text}." for dataset, text in protocols if (dataset, text) not in longer]
    if experiment in SAID:
        notes.append(_said(experiment, contents))
    return "\n".join([*lines, "", *notes]).rstrip()


def _said(name, contents):
    module, _, function = SAID[name].partition(":")
    return getattr(import_module(module), function)(contents)


# Metric names as tables show them; fractions, shown in per cent.
SHOWN = {
    "accuracy": "accuracy, % [95 %]",
    "macro_f1": "macro-F1, % [95 %]",
    "macro_recall": "macro-recall, % [95 %]",
    "weighted_f1": "weighted F1, % [95 %]",
    "micro_f1": "micro-F1, % [95 %]",
    "accuracy_one_view": "accuracy of one view, % [95 %]",
    "accuracy_unseen": "pictures not in Training, % [95 %]",
    "accuracy_repeated": "pictures in Training too, % [95 %]",
}
# What is said below the table of an experiment, or in its place in a block EXPERIMENT/answer.
SAID = {
    "pairs": "experiments.pairs:differences",
    "attention/answer": "experiments.attention:answer",
}
# Metrics that an experiment's field reads, where they are not the first two found of the above.
USUAL = {
    "meld": ("weighted_f1", "accuracy", "macro_f1"),
    "fer2013-repeats": ("accuracy", "accuracy_unseen", "accuracy_repeated"),
}


def _cell(value):
    if value is None:
        return "–"
    mean, low, high = (100 * v for v in value)
    return f"{mean:.1f}" if low == high else f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def documents():
    """The files that may hold tables: the README and the notebooks' scripts."""
    return [ROOT / "README.md", *sorted((ROOT / "notebooks").rglob("*.py"))]


def filled(text, folder=None):
    """A document's text with every block between ``<!-- results: NAME -->`` marks written anew."""

    def block(match):
        mark = match["mark"]
        lines = table(match["name"], folder).split("\n")
        return match["head"] + "".join(f"{mark}{line}".rstrip() + "\n" for line in lines) + match["tail"]

    return BLOCK.sub(block, text)


def write(folder=None):
    """Writes the tables of all documents, and of the built notebooks; returns the changed files."""
    changed = []
    for path in documents():
        if path.exists():
            changed += _replace(path, filled(path.read_text(encoding="utf-8"), folder))
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
                cell["source"] = filled(text, folder)
        changed += _replace(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return changed


def _replace(path, text):
    if text == path.read_text(encoding="utf-8"):
        return []
    Path(path).write_text(text, encoding="utf-8")
    return [path]


def differing(folder=None):
    """Documents whose tables differ from the results; a check fails where this is not empty."""
    texts = {p: p.read_text(encoding="utf-8") for p in documents() if p.exists()}
    return [p for p, text in texts.items() if filled(text, folder) != text]


# Command line


def add_parser(subparsers):
    """Adds ``results`` to the command line."""
    parser = subparsers.add_parser("results", help="write the tables of README and notebooks from results/")
    parser.add_argument("--check", action="store_true", help="only say which differ; exit status 1 if any does")
    parser.set_defaults(run=_results_command)


def _results_command(options):
    changed = differing() if options.check else write()
    for path in changed:
        print(("differs: " if options.check else "written: ") + str(path))
    return int(bool(changed) and options.check)
