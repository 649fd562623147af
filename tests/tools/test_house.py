"""The house itself: style, cheap import, tables that agree with results, packaging."""

import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT

import experiments


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, **options)


@pytest.mark.parametrize("arguments", [["check", "."], ["format", "--check", "emorec", "tests"]])
def test_ruff(arguments):
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_is_cheap():
    heavy = "tensorflow", "keras", "matplotlib", "pandas", "sklearn", "cv2", "gensim", "IPython"
    done = python(f"import emorec, sys; print([m for m in {heavy!r} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_lazy_names_exist():
    code = "import emorec\nfor n in emorec.__all__: getattr(emorec, n)"
    done = python(code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    done = python("import emorec; emorec.nothing")
    assert "has no attribute 'nothing'" in done.stderr


def test_every_package_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "emorec").rglob("__init__.py")}
    assert found == set(listed) - {"emorec._sample"}


def test_tables_agree_with_results():
    assert experiments.differing() == []


def test_no_large_file_and_no_private_path():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, files):
        path = ROOT / name
        if not path.is_file():
            continue
        assert path.stat().st_size < 2_000_000, name
        if (
            path.suffix in {".py", ".md", ".toml", ".ipynb", ".json", ".yml", ".txt", ".cff"}
            and name != "tests/tools/test_house.py"
        ):
            text = path.read_text(encoding="utf-8", errors="replace")
            assert "/work/" not in text and "/root/" not in text and "/tmp/env" not in text, name


def test_command_line_errors_are_short():
    done = subprocess.run([sys.executable, "-m", "experiments", "nonsense"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("BadInput: There is no experiment 'nonsense'")
