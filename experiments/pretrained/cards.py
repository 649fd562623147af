"""Writes emorec/pretrained/models.toml: the words of cards.toml, the sums of the files, and the recorded numbers.

python -m experiments.pretrained.cards
"""

import hashlib
import json
import tomllib
import zipfile
from pathlib import Path

from emorec.pretrained.cards import FOLDER
from experiments.runs import load_results
from experiments.tables import summary

METRICS = {
    "accuracy": "accuracy, %",
    "macro_f1": "macro-F1, %",
    "accuracy_unseen": "accuracy on pictures that are not in Training too, %",
}
WORDS = ("title", "modality", "base", "window", "training", "terms", "protocol", "limits", "cost", "command", "cite")


def written() -> str:
    """The text of models.toml."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    lines = [
        "# The models that come along. Written by `python -m experiments.pretrained.cards`; edit cards.toml there."
    ]
    for name, words in tables.items():
        path = FOLDER / f"{name}.emorec"
        if path.is_file():
            lines += ["", *_table(name, path, words)]
    return "\n".join(lines) + "\n"


def _table(name, path, words):
    """The lines of a model's table."""
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    fields = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    fields |= {key: words[key] for key in WORDS if words.get(key)}
    lines = [f"[model.{name}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())]
    lines.append(f"classes = {json.dumps(config['label_set']['names'])}")
    model = words.get("row", name)
    measured = {row["dataset"]: row["metrics"] for row in summary(words["experiment"]) if row["model"] == model}
    records = {c["run"]["dataset"]: c for c in load_results(words["experiment"]) if c["run"]["model"] == model}
    for key, sets in (("numbers", words["sets"]), ("elsewhere", words["other"])):
        rows = [row for dataset in sets if dataset in measured for row in _numbers(dataset, measured[dataset])]
        lines += [f"{key} = [", *(f"    {row}," for row in rows), "]"]
    if by_class := [row for dataset in words.get("by_class", []) for row in _by_class(dataset, records[dataset])]:
        lines += ["by_class = [", *(f"    {row}," for row in by_class), "]"]
    return lines


def _numbers(dataset, measured):
    """A row (inline table) for each metric that has an interval: the numbers that RESULTS.md shows."""
    for metric, shown in METRICS.items():
        value, low, high = measured.get(metric, (0, 0, 0))
        if low < high:
            numbers = f"value = {value:.5f}, low = {low:.5f}, high = {high:.5f}"
            yield f'{{ what = {json.dumps(dataset)}, metric = "{shown}", {numbers} }}'


def _by_class(dataset, record):
    """A row (inline table) for each class: recall and F1 as fractions, and how many examples were tested."""
    for name, scores in record["per_class"].items():
        numbers = f"recall = {scores['recall']:.4f}, f1 = {scores['f1']:.4f}, n = {scores['n']}"
        yield f'{{ what = {json.dumps(dataset)}, class = "{name}", {numbers} }}'


def main() -> None:
    (FOLDER / "models.toml").write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
