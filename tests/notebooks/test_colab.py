"""Colab: lower bounds of versions that leave its packages alone, buttons and address. The set-up cell: test_set_up.py.

The whole rehearsal takes longer: `make colab-rehearsal`.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

from emorec.errors import BadInput
from tools import notebooks

COLAB = ROOT / "tests" / "notebooks" / "colab"


def requirements(path):
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return [Requirement(line) for line in lines if line]


def test_the_oldest_versions_add_only_two_packages_on_colab():
    there = {r.name: next(iter(r.specifier)).version for r in requirements(COLAB / "versions.txt")}
    missing = [r.name for r in requirements(ROOT / "requirements.txt") if r.name not in there]
    replaced = [
        str(r) for r in requirements(ROOT / "requirements.txt") if r.name in there and there[r.name] not in r.specifier
    ]
    assert missing == ["gensim", "mtcnn"] and replaced == []


def test_the_stand_in_refuses_drive_and_keys():
    code = (
        "import google.colab\nfrom google.colab import drive, userdata\n"
        "for f in (drive.mount, userdata.get):\n"
        "    try: f('/content/drive')\n"
        "    except RuntimeError as e: print(e)"
    )
    env = os.environ | {"PYTHONPATH": str(COLAB / "stand-in")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "drive.mount was called" in done.stdout and "userdata.get was called" in done.stdout, done.stderr


# The project's address


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the project with one executed notebook."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "notebooks" / "text").mkdir(parents=True)
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path / "notebooks")
    name = "text/global_attention"
    shutil.copy(ROOT / "notebooks" / f"{name}.py", tmp_path / "notebooks" / "text")
    notebook = notebooks.read(name)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = 1, []
    notebook.metadata = {"emorec": {"source_sha256": notebooks.digest(name)}}
    path = notebooks.script(name).with_suffix(".ipynb")
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return tmp_path


def texts(copy):
    return {p.relative_to(copy).as_posix(): p.read_text() for p in sorted(copy.rglob("*")) if p.is_file()}


def test_set_repository_writes_everything_once_and_outputs_stay_fresh(copy):
    assert notebooks.problems("text/global_attention") == []
    changed = notebooks.set_repository("https://github.com/someone/emotions")
    assert len(changed) == 3  # pyproject.toml, the script and what was built from it
    assert 'Repository = "https://github.com/someone/emotions"' in (copy / "pyproject.toml").read_text()
    button = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        "(https://colab.research.google.com/github/someone/emotions/blob/main/notebooks/text/global_attention.ipynb)"
    )
    for name, text in texts(copy).items():
        if name != "pyproject.toml":
            assert text.count(button) == 1, name
        if name.startswith("notebooks"):
            assert text.replace('\\"', '"').count('"EMOREC_REPOSITORY", "https://github.com/someone/emotions"') == 1
    assert notebooks.problems("text/global_attention") == []
    assert notebooks.set_repository("https://github.com/someone/emotions") == []


def test_set_repository_moves_on_and_elsewhere_there_is_no_button(copy):
    notebooks.set_repository("https://github.com/someone/emotions.git")
    assert "someone/emotions/blob" in notebooks.script("text/global_attention").read_text()
    notebooks.set_repository("https://example.org/git/emotions")
    after = texts(copy)
    assert not any("colab-badge" in text or "someone" in text for text in after.values())
    assert notebooks.problems("text/global_attention") == []


def test_no_address_leaves_no_trace(copy):
    before = texts(copy)
    assert notebooks.sync() == [] and texts(copy) == before


@pytest.mark.parametrize(
    "address", ["", "github.com/a/b", "https://a b", 'https://x/"; import os; "', "javascript:alert(1)"]
)
def test_addresses_that_are_none(copy, address):
    before = texts(copy)
    with pytest.raises(BadInput, match="https://github.com/OWNER/NAME"):
        notebooks.set_repository(address)
    assert texts(copy) == before


def test_a_change_of_code_is_still_noticed(copy):
    script = notebooks.script("text/global_attention")
    script.write_text(script.read_text().replace("seed = 0", "seed = 1"))
    assert any("stale" in p for p in notebooks.problems("text/global_attention"))


def test_new_words_are_written_around_the_outputs(copy):
    name = "text/global_attention"
    script, built = notebooks.script(name), notebooks.script(name).with_suffix(".ipynb")
    before, outputs = script.read_text(), [c.get("outputs") for c in json.loads(built.read_text())["cells"]]
    more = "# %% [markdown]\n# More words.\n\n# %% [markdown]\n# ## Set-up"
    script.write_text(before.replace("# %% [markdown]\n# ## Set-up", more))
    assert any("different text" in p for p in notebooks.problems(name))
    assert notebooks.sync() == [built] and notebooks.problems(name) == []
    cells = json.loads(built.read_text())["cells"]
    assert [c.get("outputs") for c in cells if c["source"] != "More words."] == outputs
    script.write_text(script.read_text().replace("seed = 0", "seed = 1"))
    assert notebooks.sync() == [] and any("stale" in p for p in notebooks.problems(name))
