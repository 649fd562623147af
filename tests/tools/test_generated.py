"""What is generated: RESULTS.md, the table of notebooks, and the command that finds what is stale."""

import json

import pytest

import experiments
from experiments import Run, tables
from tools import generated, notebooks, overview, results


def fake(run):
    value = run.options["value"]
    return {"metrics": {"accuracy": [value, value - 0.05, value + 0.03]}, "protocol": "made up", "sizes": {"test": 9}}


def record(folder, experiment, model="A model", value=0.5, dataset="data", baseline=False):
    experiments.execute(
        Run(experiment, dataset, model, f"{__name__}:fake", {"value": value}, baseline=baseline), folder
    )


def test_an_experiment_appears_when_it_has_records(tmp_path):
    record(tmp_path, "demo")
    page = results.page(tmp_path)
    assert (
        '<a id="demo"></a>\n\n## demo\n' in page
        and "(#demo)" in page
        and "| data | A model | 50.0 [45.0, 53.0] |" in page
    )
    assert "polarity" not in page.partition("## Beside")[0]
    record(tmp_path, "polarity", dataset="movie-polarity")
    page = results.page(tmp_path)
    assert page.index("## Polarity and subjectivity") < page.index("## demo") < page.index("## Beside the literature")


def test_described_experiments_are_declared_and_their_functions_are_there():
    content = tables.descriptions()
    declared = {**dict.fromkeys(experiments.names()), "pretrained-text": None, "pretrained-faces": None}
    for name, about in content["experiment"].items():
        assert name in declared and {"title", "question"} <= set(about), name
        if "notebook" in about:
            assert notebooks.script(about["notebook"]).exists()
    assert {row["experiment"] for row in content["headline"]} <= set(content["experiment"])


def test_every_headline_with_records_names_rows_that_are_there():
    rows = tables.descriptions()["headline"]
    recorded = [row for row in rows if experiments.load_results(row["experiment"])]
    assert len(recorded) >= 7
    assert len(tables.headlines().split("\n")) == len(recorded) + 2


def test_a_headline_shows_its_model_beside_the_baseline(tmp_path):
    record(tmp_path, "emotions", "BiGRU + global attention", 0.8, "emotions")
    assert len(tables.headlines(tmp_path).split("\n")) == 2  # nothing to read it against
    record(tmp_path, "emotions", "NBSVM, bigrams", 0.6, "emotions", baseline=True)
    line = tables.headlines(tmp_path).split("\n")[2]
    assert "(RESULTS.md#emotions)" in line
    assert line.index("**80.0 [75.0, 83.0]**") < line.index("NBSVM, bigrams") < line.index("60.0 [55.0, 63.0]")


def test_the_table_of_notebooks_has_each_once():
    listed = [name for _, names in overview.parts() for name in names]
    assert sorted(listed) == notebooks.names()
    page = overview.page()
    assert all(page.count(f"]({name}.ipynb)") == 1 for name in listed)


def test_a_row_tells_what_the_built_notebook_records(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("# %% [markdown]\n# # My title\n#\n# Does it *work*? Some words.\n")
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    assert overview.parts() == [("More", ["mine"])]
    row = next(line for line in overview.page().split("\n") if line.startswith("| [mine]"))
    assert row == "| [mine](mine.ipynb) | Does it work? | – | – | not built yet |"
    stamp = {"verified": "2026-01-02", "cpu_seconds": 90, "versions": {"python": "3.11.7", "keras": "3.15.1"}}
    (tmp_path / "mine.ipynb").write_text(json.dumps({"metadata": {"emorec": stamp}}))
    assert overview.page().rstrip().endswith("| 1.5 | 2026-01-02 · Python 3.11 · Keras 3.15 |")


def test_what_is_stale_is_named_and_written(tmp_path):
    pairs = [(tmp_path / "a.md", lambda text: "new\n"), (tmp_path / "b.md", lambda text: text + "!")]
    (tmp_path / "b.md").write_text("old")
    pairs[1] = (tmp_path / "b.md", lambda text: text)
    assert generated.stale(pairs) == [tmp_path / "a.md"]
    assert generated.write(pairs) == [tmp_path / "a.md"] and (tmp_path / "a.md").read_text() == "new\n"
    assert generated.stale(pairs) == []


@pytest.mark.parametrize("source", ["<!-- results: demo -->\nold\n<!-- /results -->\n", ["no block"]])
def test_a_built_notebook_changes_only_where_it_holds_a_block(tmp_path, source):
    record(tmp_path, "demo")
    text = json.dumps({"cells": [{"cell_type": "markdown", "source": source}]})
    new = results.filled_notebook(text, tmp_path)
    assert (new == text) == isinstance(source, list)
