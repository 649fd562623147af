"""Markdown tables of recorded experiments; what is said about an experiment stands in results.toml."""

import tomllib
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np

from emorec.metrics import corrected_t_test, seeds_interval
from emorec.types import FilePath, Strings
from experiments.runs import load_results

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


@lru_cache(maxsize=1)
def descriptions() -> dict:
    """The content of results.toml: ``experiment`` by name, ``headline``, ``literature`` and ``beside``."""
    return tomllib.loads(Path(__file__).with_name("results.toml").read_text(encoding="utf-8"))


def described(experiment: str) -> dict:
    """What results.toml says about an experiment; an empty dict where it says nothing."""
    return descriptions()["experiment"].get(experiment, {})


def summary(experiment: str, folder: FilePath | None = None) -> list[dict]:
    """Mean and 95 % interval of each metric, per dataset and model.

    Over folds the interval is the t-interval corrected for overlapping training sets (Nadeau & Bengio 2003). Of a
    single run it is the one that `emorec.metrics.evaluate` recorded, which the cards of the shipped models show, too.
    Over seeds on one test split it joins the seeds' variance with the sampling error of that split
    (`emorec.metrics.seeds_interval`), so that it never shrinks below what the size of the test split allows; where
    every seed has a test split of its own, as in the experiment `synthetic-tasks`, it is wider than need be. A metric
    of which a record does not hold the sampling error has no interval: low and high are the mean.

    Returns:
        List of dicts with ``dataset``, ``model``, ``baseline``, ``runs``, ``protocols`` and
        ``metrics``: name to (mean, low, high).
    """
    return _rows(load_results(experiment, folder))


def _rows(records):
    groups = {}
    for record in records:
        groups.setdefault((record["run"]["dataset"], record["run"]["model"]), []).append(record)
    rows = []
    for (dataset, model), group in groups.items():
        names = [n for n in group[0]["metrics"] if all(n in r["metrics"] for r in group)]
        rows.append(
            {
                "dataset": dataset,
                "model": model,
                "baseline": group[0]["run"]["baseline"],
                "runs": len(group),
                "protocols": tuple(dict.fromkeys(r["protocol"] for r in group if r.get("protocol"))),
                "metrics": {n: _interval([r["metrics"][n] for r in group], group) for n in names},
            }
        )
    return sorted(rows, key=lambda r: (r["dataset"], not r["baseline"], _first(r)))


def _first(row):
    return next(iter(row["metrics"].values()))[0] if row["metrics"] else 0.0


def _interval(values, records):
    points = np.array([v[0] if isinstance(v, list) else v for v in values], dtype=float)
    mean = float(points.mean())
    if records[0]["run"]["folds"]:
        if len(points) == 1:
            return mean, mean, mean
        return tuple(corrected_t_test(points, test_to_train(records[0])))[:3]
    if not all(isinstance(v, list) for v in values):
        return mean, mean, mean
    if len(values) == 1:
        return tuple(values[0])
    errors = [(v[2] - v[1]) / (2 * 1.96) for v in values]
    return tuple(seeds_interval(points, float(np.mean(np.square(errors)))))


def test_to_train(record: dict) -> float:
    """Test examples to training examples of a run over folds; a baseline learns from the validation split too."""
    sizes = record["sizes"]
    return sizes["test"] / (sizes["train"] + sizes["validation"] * record["run"]["baseline"])


def table(experiment: str, folder: FilePath | None = None, metrics: Strings | None = None) -> str:
    """A Markdown table of an experiment, a row per dataset and model, baselines first, with its protocol below.

    Args:
        experiment: Its name; ``NAME/answer`` gives the short table that results.toml declares as its answer.
        folder: Where the records are; None takes the checkout's results/.
        metrics: Columns, names of `SHOWN`; None takes those of results.toml, or the first two that are recorded.
    """
    experiment, _, part = experiment.partition("/")
    records = load_results(experiment, folder)
    if not records:
        return f"*No result of `{experiment}` is recorded yet: `python -m experiments {experiment}`.*"
    about = described(experiment)
    if part:
        return _written(about[part], records)
    rows = _rows(records)
    notes = [about["protocol"]] if "protocol" in about else _protocols(rows)
    if "below" in about:
        notes.append(_written(about["below"], records))
    return "\n".join([*_lines(rows, metrics or about.get("metrics") or _recorded(rows)), "", *notes]).rstrip()


def _recorded(rows):
    """The first two known metrics of the rows, and the accuracy of one view where several were averaged."""
    there = {n for r in rows for n in r["metrics"]}
    return [n for n in SHOWN if n in there][:2] + [n for n in ("accuracy_one_view",) if n in there]


def _lines(rows, columns):
    yield "| data | model | " + " | ".join(SHOWN[c] for c in columns) + " | runs |"
    yield "|---|---|" + "---|" * len(columns) + "---|"
    for row in rows:
        cells = " | ".join(_cell(row["metrics"].get(c)) for c in columns)
        model = f"*{row['model']}*" if row["baseline"] else row["model"]
        yield f"| {row['dataset']} | {model} | {cells} | {row['runs']} |"


def _protocols(rows):
    """A line for every protocol that the records of a dataset hold."""
    return [f"{d}: {text}." for d, text in dict.fromkeys((r["dataset"], p) for r in rows for p in r["protocols"])]


def _written(function, records):
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)(records)


def _cell(value):
    if value is None:
        return "–"
    mean, low, high = (100 * v for v in value)
    return f"{mean:.1f}" if low == high else f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def headlines(folder: FilePath | None = None, page: str = "RESULTS.md") -> str:
    """The README's short table: a row for every headline of results.toml whose records are there.

    Args:
        folder: Where the records are; None takes the checkout's results/.
        page: Address of the page that every row links to.
    """
    lines = ["| task | model | % [95 %] | baseline | % [95 %] |", "|---|---|---|---|---|"]
    for row in descriptions()["headline"]:
        other = row.get("baseline_experiment", row["experiment"])
        cells = [
            next((r for r in summary(name, folder) if (r["dataset"], r["model"]) == (row["dataset"], row[kind])), None)
            for name, kind in ((row["experiment"], "model"), (other, "baseline"))
        ]
        if all(cells):
            values = [_cell(cell["metrics"].get(row["metric"])) for cell in cells]
            lines.append(
                f"| [{row['what']}]({page}#{row['experiment']}) | {row['model']} | **{values[0]}** | "
                f"{row['baseline']} | {values[1]} |"
            )
    return "\n".join(lines)


def literature() -> str:
    """Published numbers on the same data, as a Markdown table with what has to be said about it."""
    content = descriptions()
    rows = [f"| {row['data']} | {row['published']} | {row['source']} |" for row in content["literature"]]
    head = ["| data | published, % | source |", "|---|---|---|"]
    return "\n".join([content["beside"]["before"], "", *head, *rows, "", content["beside"]["after"].strip()])
