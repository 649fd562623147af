"""Notebooks: the machinery, the static checks, and every notebook executed in its fast form without a network."""

import ast
import copy
import html
import math
import re
import sys

import nbformat
import pytest
from conftest import ROOT

from emorec import reporting
from emorec.errors import BadInput
from tools import notebooks
from tools.__main__ import main as tools_main

pytestmark = pytest.mark.notebook

# Refuses every connection that leaves the machine; loaded by each Python that finds it first.
BLOCK_NETWORK = """
import socket
real = socket.socket.connect
def connect(self, address, *rest):
    if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"the network is blocked in this test: {address}")
    return real(self, address, *rest)
socket.socket.connect = connect
"""
SENTENCES = [
    "Nobody told me the bridge was out.",
    "zxqv blorp",
    "WOW!!! 😀😀",
    "هذا يوم جميل",
    "One. Two. Three? Four! " * 200,
]

# What the solution of an exercise leaves to the reader to choose.
CHOSEN = {
    "faces/acgan": "t = 0.5",
    "faces/deep_emotion": "y = keras.Input((32,))",
    "faces/detect_and_classify": "edge = 48",
    "multimodal/decision_fusion": "rule = 'mean'",
    "multimodal/missing_modalities": (
        "v = face_text['train'][0]['text']\n"
        "m, n, means, presence = 1, 'text', {'text': v.mean(axis=0)}, np.ones((len(v), 2))"
    ),
    "text/recurrent_and_convolutional": "rng, lost = np.random.default_rng(0), ('negative', 'bad')",
}


def notebook_of(*cells):
    notebook = nbformat.v4.new_notebook()
    for source, tags in cells:
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    return notebook


def solutions(notebook):
    """The code of the folded solutions, as far as it can be run: a piece with a call, an attribute or an index."""
    text = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    pieces = (" ".join(html.unescape(piece).split()) for piece in re.findall(r"<code>(.*?)</code>", text, re.DOTALL))
    return [
        piece for piece in pieces if re.search(r"[\w)][(.\[]", piece) and "..." not in piece and not piece[0] == "."
    ]


def test_code_of_solutions_is_read():
    notebook = nbformat.v4.new_notebook()
    source = "Take <code>n</code>, <code>f(\n  a[0] &gt; 1)</code>, <code>g(...)</code>, <code>.x(1)</code>"
    notebook.cells.append(nbformat.v4.new_markdown_cell(source))
    assert solutions(notebook) == ["f( a[0] > 1)"]


@pytest.mark.parametrize("name", notebooks.names())
def test_every_notebook_ends_with_three_exercises_and_their_solutions(name):
    end = notebooks.read(name).cells[-1].source
    headings = [h for h in re.findall(r"^### (.+)$", end, re.MULTILINE)]
    assert headings[0] == "What was learnt" and headings[-2:] == ["Exercises", "Where to go on"]
    exercises = end.partition("### Exercises")[2].partition("### Where to go on")[0]
    assert re.findall(r"^(\d)\. ", exercises, re.MULTILINE) == ["1", "2", "3"]
    assert exercises.count("<details><summary>Solution</summary>") == exercises.count("</details>") == 3
    for piece in solutions(notebooks.read(name)):
        ast.parse(piece)


def test_assign_keeps_form_fields_and_other_lines():
    notebook = notebook_of(('a = 1  # @param {type:"integer"}\nb = [\n    1,\n]\nprint(a)', ["parameters"]))
    notebooks.assign(notebook, "parameters", {"a": 7, "b": "x"})
    assert notebook.cells[0].source == "a = 7  # @param {type:\"integer\"}\nb = 'x'\nprint(a)"
    with pytest.raises(BadInput, match="has no c; it has a, b"):
        notebooks.assign(notebook, "parameters", {"c": 1})


def test_a_failing_cell_is_named(tmp_path):
    notebook = notebook_of(("x = 1", []), ("1 / 0", []))
    with pytest.raises(notebooks.NotebookFailed, match="(?s)1 / 0.*ZeroDivisionError"):
        notebooks.execute(notebook, folder=tmp_path, progress=None)
    assert notebook.cells[0].execution_count == 1


def test_the_stamp_names_the_version_of_the_outputs(tmp_path, monkeypatch, capsys):
    assert reporting.versions()["emorec"] == reporting.__version__
    built = notebook_of(("1", []))
    built.metadata["emorec"] = {"versions": {"emorec": "0.0.1"}}
    monkeypatch.setattr(notebooks, "script", lambda name: tmp_path / f"{name}.py")
    monkeypatch.setattr(notebooks, "problems", lambda name: [])
    nbformat.write(built, tmp_path / "old.ipynb")
    assert notebooks.built_with("old") == "0.0.1" and notebooks.built_with("missing") is None
    assert tools_main(["notebooks", "check", "old"]) == 0
    assert "old: ok (outputs of emorec 0.0.1: build it anew)" in capsys.readouterr().out


def test_published_results_are_read_back(tmp_path):
    notebook = notebook_of(
        ("from emorec import reporting", []),
        ("reporting.publish({'accuracy': (0.5, 0.4, 0.6), 'n': 3})", ["results"]),
    )
    notebooks.execute(notebook, folder=tmp_path, progress=None)
    assert notebooks.results(notebook) == {"accuracy": [0.5, 0.4, 0.6], "n": 3.0}
    assert "0.500 [0.400, 0.600]" in notebook.cells[1].outputs[0].data["text/plain"]


def test_the_blocker_blocks(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCK_NETWORK)
    notebook = notebook_of(("import urllib.request\nurllib.request.urlopen('http://192.0.2.1', timeout=5)", []))
    with pytest.raises(notebooks.NotebookFailed, match="the network is blocked"):
        notebooks.execute(notebook, folder=tmp_path, progress=None, env={"PYTHONPATH": str(tmp_path)})


def test_unknown_names_get_a_suggestion():
    with pytest.raises(BadInput, match="text/global_attention"):
        notebooks.script("text/global_atention")
    assert notebooks.script("notebooks/text/global_attention.ipynb").exists()


def test_what_a_loop_prints_stays_with_its_figure(tmp_path):
    code = "for i in '12':\n    print('a', i)\n    print('b', i)\n    display(i)"
    notebook = notebook_of((code, []))
    notebooks.execute(notebook, folder=tmp_path, progress=None)
    texts = [o.get("text") for o in notebook.cells[0].outputs]
    assert texts == ["a 1\nb 1\n", None, "a 2\nb 2\n", None]


def test_of_a_progress_bar_the_last_state_is_kept(tmp_path):
    notebook = notebook_of(("for i in range(3): print(f'\\r{i}/2', end='', flush=True)\nprint()\nprint('done')", []))
    notebooks.execute(notebook, folder=tmp_path, progress=None)
    assert [o.text for o in notebook.cells[0].outputs] == ["2/2\ndone\n"]


def test_working_files_go_to_one_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("EMOREC_OUTPUT", raising=False)
    monkeypatch.chdir(ROOT / "notebooks" / "text")
    assert reporting.work_folder().resolve() == ROOT / "output" / "notebooks"
    monkeypatch.chdir(tmp_path)
    assert reporting.work_folder("film").resolve() == tmp_path / "output" / "notebooks" / "film"
    assert not reporting.work_folder().is_absolute()  # so that no output of a notebook names this machine
    monkeypatch.setenv("EMOREC_OUTPUT", str(tmp_path / "other"))
    assert reporting.work_folder("film") == tmp_path / "other" / "film" and (tmp_path / "other" / "film").is_dir()


def test_a_page_shows_formulas_without_a_network_and_leaves_the_notebook_alone():
    notebook = notebook_of()
    text = "With $a_m$ and\n\n$$h = \\sum_m a_m h_m$$\n\nbut not in `$code$`, nor for $ 5."
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))
    page = notebooks.to_html(notebook, "a page")
    assert page.count("<math") == 2 and "$code$" in page and "$ 5" in page and "sum_m" not in page
    assert notebook.cells[-1].source == text


def test_a_kernel_that_dies_is_a_failure_of_its_cell(tmp_path):
    notebook = notebook_of(("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", []))
    with pytest.raises(notebooks.NotebookFailed, match="(?s)SIGKILL.*died"):
        notebooks.execute(notebook, folder=tmp_path, progress=None)


def test_a_part_runs_to_its_end_though_one_notebook_fails(monkeypatch, capsys):
    def run(name, parameters, output, progress):
        if name == "multimodal/decision_fusion":
            raise notebooks.NotebookFailed("a cell under 'Train' failed")
        assert parameters == {"fast": True} and output == "elsewhere" and progress is None

    monkeypatch.setattr(notebooks, "run", run)
    outcomes = notebooks.run_part("multimodal", {"fast": True}, "elsewhere", jobs=1)
    assert set(outcomes) == {name for name in notebooks.names() if name.startswith("multimodal/")}
    assert [name for name, outcome in outcomes.items() if isinstance(outcome, Exception)] == [
        "multimodal/decision_fusion"
    ]
    assert f"{len(outcomes)}/{len(outcomes)}" in capsys.readouterr().out
    arguments = ["run", "notebooks/multimodal/", "--fast", "--output", "elsewhere", "--jobs", "1"]
    assert tools_main(arguments) == 1
    with pytest.raises(BadInput, match="faces, multimodal, text, voice"):
        notebooks.run_part("sounds")


def test_all_are_built_though_one_fails(monkeypatch, capsys):
    built, synced = [], []

    def build(name, progress):
        built.append(name)
        if name == "text/transformer":
            raise notebooks.NotebookFailed("a cell under 'Train' failed")

    monkeypatch.setattr(notebooks, "build", build)
    monkeypatch.setattr(notebooks, "sync", lambda: synced.append(True))
    assert tools_main(["notebooks", "build", "--jobs", "1"]) == 1
    assert sorted(built) == notebooks.names() and synced == [True]
    assert "text/transformer: failed: a cell under 'Train'" in capsys.readouterr().out


def test_a_run_names_its_accelerator(monkeypatch):
    import tensorflow as tf

    assert "cores (tensorflow)" in reporting.device()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda d: {"device_name": "Tesla T4"})
    assert reporting.device() == "Tesla T4 (tensorflow)"


@pytest.mark.parametrize("name", notebooks.names())
def test_notebook_is_in_order_and_fresh(name):
    assert notebooks.problems(name) == []


@pytest.mark.parametrize("name", notebooks.names())
def test_notebook_runs_without_network_and_takes_other_input(name, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCK_NETWORK)
    notebook = notebooks.assign(notebooks.read(name), "parameters", {"fast": True})
    before = len(notebook.cells)
    for sentence in SENTENCES:
        for cell in notebooks.tagged(notebook, "user-input")[:1]:
            if "test_sentence" in cell.source:
                another = copy.deepcopy(cell)
                another.metadata["tags"] = ["mine"]
                notebooks.assign(nbformat.v4.new_notebook(cells=[another]), "mine", {"test_sentence": sentence})
                another["id"] = f"mine-{len(notebook.cells)}"
                notebook.cells.append(another)
    answered = notebook.cells[before:]
    for source in filter(None, [CHOSEN.get(name), *solutions(notebook)]):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
    notebooks.execute(notebook, folder=tmp_path, progress=None, env={"PYTHONPATH": str(tmp_path)})
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    assert all(c.execution_count for c in code)
    results = notebooks.results(notebook)
    numbers = [x for v in results.values() for x in (v if isinstance(v, list) else [v])]
    assert numbers and all(math.isfinite(x) for x in numbers)
    for cell in answered:
        assert cell.outputs, f"no answer for {cell.source}"


def test_pictures_are_kept_small_and_look_the_same(monkeypatch):
    import base64
    import io

    import numpy as np
    from PIL import Image

    def encoded(pixels):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()

    areas = np.random.default_rng(0).integers(0, 200, (6, 8), dtype="uint8")  # as in a plot
    shades = np.kron(areas, np.ones((10, 10), "uint8"))[..., None].repeat(4, axis=2)
    shades[..., 3] = 255
    kept = notebooks._smaller(encoded(shades))["image/png"]
    assert len(kept) < len(encoded(shades))
    np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(kept))).convert("RGB"), shades[..., :3])
    shades[0, 0, 3] = 0  # what is transparent stays so
    assert notebooks._smaller(encoded(shades)) == {"image/png": encoded(shades)}
    y, x = np.mgrid[:200, :300]
    smooth = np.stack([90 + 80 * np.sin(x / 9), 90 + 80 * np.cos(y / 7), (x + y) / 2], axis=-1)
    smooth = (smooth + np.random.default_rng(0).normal(0, 2, smooth.shape)).astype("uint8")  # as in a photograph
    ((kind, kept),) = notebooks._smaller(encoded(smooth)).items()
    assert kind == "image/jpeg" and 2 * len(kept) < len(encoded(smooth))
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(kept)))).astype(int)
    assert np.abs(back - smooth).mean() < 6
    one, two = [{"image/png": encoded(smooth)}], [{"image/png": encoded(smooth)} for _ in range(2)]
    notebooks._shrink(one)
    assert one[0]["image/jpeg"] == kept
    monkeypatch.setattr(notebooks, "PICTURES_LIMIT", 2 * len(kept))
    notebooks._shrink(two)  # both give way, so that the notebook stays in bounds
    assert sum(len(data["image/jpeg"]) for data in two) < 2 * len(kept)


def test_kernel_is_this_python(tmp_path):
    notebook = notebook_of(("import sys; print(sys.prefix)", []))
    notebooks.execute(notebook, folder=tmp_path, progress=None)
    assert notebook.cells[0].outputs[0].text.strip() == sys.prefix
