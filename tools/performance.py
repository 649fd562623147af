"""docs/performance.md and its figures, written from benchmarks/results.json and results/verified.json."""

import json
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from experiments import verify
from experiments.runs import results_folder

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "growth"

# The chapters of the page, and the groups of benchmarks that each shows.
CHAPTERS = {"Attention and texts": ("attention", "text"), "Faces": ("faces",), "Voice": ("voice",),
            "Starting, and the whole collection": ("start",)}  # fmt: skip


def notes() -> dict:
    """benchmarks/notes.toml: what is written around the numbers, and for each that is missed its limit and why."""
    return tomllib.loads((ROOT / "benchmarks" / "notes.toml").read_text(encoding="utf-8"))


def results() -> dict:
    """benchmarks/results.json; without any group before the first run."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"runs": {}}


def page(content: dict | None = None, entries: dict | None = None) -> str:
    """The text of docs/performance.md.

    Args:
        content: As `results` reads it. entries: As `experiments.verify.load_verified` reads it.
    """
    content, about = results() if content is None else content, notes()
    parts = [about["before"].strip(), *_circumstances(content["runs"])]
    for title, groups in CHAPTERS.items():
        rows = [row for group in groups for row in content["runs"].get(group, {}).get("rows", {}).values()]
        if rows:
            parts += [f"## {title}", _table(rows), *_limits(rows, about["limits"])]
    curves = content["runs"].get("growth", {}).get("curves", {})
    if curves:
        parts += ["## How cost grows", about["growth"].strip(), *_figures(curves), _exponents(curves)]
        parts += [about["above"][name] for name in curves if above(curves[name]) and name in about["above"]]
    parts += ["## Records that come again", about["records"].strip()]
    parts += [_records(verify.load_verified() if entries is None else entries, about["again"])]
    return "\n\n".join([*parts, about["after"].strip()]) + "\n"


def _circumstances(runs):
    """One paragraph for each set of groups that ran on one machine, one day, at one commit."""
    by_run = {}
    for group, run in runs.items():
        key = json.dumps([run["machine"], run["date"], run["commit"]])
        by_run.setdefault(key, []).append(group)
    for key, groups in by_run.items():
        machine, day, commit = json.loads(key)
        versions = machine["versions"]
        seconds = sum(runs[group]["seconds"] for group in groups)
        known = [name for name in ("python", "tensorflow", "keras", "numpy") if name in versions]
        named = ", ".join(f"{name} {versions[name]}" for name in known)
        load = ", ".join(f"{runs[group]['load_before']:g}" for group in groups)
        yield (
            f"Measured on {day}, commit `{commit}`, in {seconds / 60:.0f} minutes: {machine['processor']}, "
            f"{machine['cores']} cores, {machine['memory_gib']:g} GiB, {machine['system']}; {named}. Groups: "
            f"{', '.join(groups)} (load of the machine before each: {load})."
        )


def _table(rows):
    lines = ["| what | instead | costs | measured | at least / at most |", "|---|---|---|---|---|"]
    for row in rows:
        costs = ", ".join(f"{name} {cost}" for name, cost in (row["costs"] or {}).items()) or "–"
        target = "–" if row["target"] is None else f"{'≥' if row['least'] else '≤'} {row['target']:g} {row['unit']}"
        measured = f"**{_number(row['value'])}** [{_number(row['low'])}, {_number(row['high'])}] {row['unit']}"
        missed = "" if row["met"] else ", missed: see below"
        lines.append(f"| {row['what']} | {row['against'] or '–'} | {costs} | {measured} | {target}{missed} |")
    return "\n".join(lines)


def _number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _limits(rows, limits):
    """A paragraph for every row that misses its target: the limit, and why."""
    for row in rows:
        if not row["met"]:
            why = limits.get(row["name"], "missed in this run, and not explained yet.")
            yield f"**{row['what']}**: {why.strip()}"


# Growth


def above(curve: dict) -> bool:
    """Whether time or memory grows faster than it may: by more than 0.15 in the exponent."""
    return max(curve["exponent"], curve["memory_exponent"]) > curve["most"] + 0.15


def _kinds(curves):
    """What x counts to the curves over it, in order."""
    kinds = {}
    for curve in curves.values():
        kinds.setdefault(curve["of"], []).append(curve)
    return kinds


def figure_name(of: str) -> str:
    """File of the figure over a kind of x: ``words-of-a-text.svg``."""
    return of.replace(" ", "-") + ".svg"


def _figures(curves):
    for of, members in _kinds(curves).items():
        names = "; ".join(member["name"] for member in members)
        yield f"![Time and memory against {of}, both axes logarithmic: {names}](growth/{figure_name(of)})"


def _exponents(curves):
    lines = ["| cost of | against | time grows as | memory grows as | at most |", "|---|---|---|---|---|"]
    for curve in curves.values():
        lines.append(
            f"| {curve['name']} | {curve['of']} | x^{curve['exponent']:.2f} | x^{curve['memory_exponent']:.2f} | "
            f"x^{curve['most']:g} |"
        )
    return "\n".join(lines)


def figures(curves: dict | None = None) -> dict[str, str]:
    """File name to SVG text of the growth figures; the same curves give the same bytes."""
    curves = results()["runs"].get("growth", {}).get("curves", {}) if curves is None else curves
    return {figure_name(of): _figure(of, members) for of, members in _kinds(curves).items()}


def _figure(of, curves):
    import io

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    with matplotlib.rc_context({"svg.hashsalt": of, "svg.fonttype": "none", "font.size": 11}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
        figure.suptitle(f"Cost against {of}", fontsize=12)
        for curve, (colour, marker) in zip(curves, (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"))):
            for axes, values, power, least in (
                (left, "seconds", "exponent", 1e-6),
                (right, "mb", "memory_exponent", 1),
            ):
                label = f"{curve['name']}, x^{curve[power]:.2f}"
                kept = [max(value, least) for value in curve[values]]
                axes.loglog(curve["x"], kept, f"{marker}-", color=colour, label=label, markersize=5)
        for axes, title in ((left, "time, seconds"), (right, "memory at the peak, MB")):
            axes.set_xlabel(of)
            axes.set_title(title, fontsize=11)
            ticks = sorted({x for curve in curves for x in curve["x"]})
            axes.set_xticks(ticks, [f"{x:,.0f}" for x in ticks])
            low, high = axes.dataLim.intervaly
            decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
            axes.set_yticks(decades, [f"{decade:,.6g}" for decade in decades])
            axes.set_ylim(decades[0], decades[-1] * 1.6 ** (2 + 2 * len(curves)))  # room for the legend
            axes.minorticks_off()
            axes.legend(fontsize=8.5, frameon=False, loc="upper left")
            axes.grid(alpha=0.3)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


# Records


def _records(entries, why):
    lines = ["| experiment | run done anew | largest difference of a number | what else is not as it was |",
             "|---|---|---|---|"]  # fmt: skip
    for name, entry in entries.items():
        run = entry["run"]
        facts = [run["model"]] + [run["dataset"]] * (run["dataset"] != name)
        facts += [] if run["fold"] is None else [f"fold {run['fold']}"]
        size = "not done anew" if entry["largest"] is None else f"{entry['largest']:.5f} ({entry['metric']})"
        reasons = [] if entry["equal"] else [why.get(name, ""), "; ".join(entry["differs"])]
        lines.append(
            f"| {name} | {', '.join(facts)}, seed {run['seed']} | {'equal: ' * entry['equal']}{size} | "
            f"{' '.join(filter(None, reasons)) or '–'} |"
        )
    names = sorted(path.stem for path in results_folder().glob("*.jsonl"))
    left = [f"{name} ({why[name]})" if name in why else name for name in names if name not in entries]
    if left:
        lines += ["", f"Not done anew so far: {'; '.join(left)}."]
    return "\n".join(lines)


def documents() -> Iterator[tuple[Path, Callable[[str], str]]]:
    """Pairs of a path and a function from its present text to the one it should have."""
    yield PAGE, lambda text: page()
    for name, figure in figures().items():
        yield FIGURES / name, partial(_the_same, figure)


def _the_same(new, text):
    """What a file should hold, whatever it holds."""
    return new
