"""The house itself: style, order of folders, cheap import, tables that agree with results, packaging."""

import ast
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from tools import generated, lines


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, **options)


@pytest.mark.parametrize("arguments", [["check", "."], ["format", "--check", "emorec", "tests"]])
def test_ruff(arguments):
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


DIALECT = re.compile(r"(^|_)(found|given|said|told|strays?|odd|twins?|pays?|drawn|floors?|worlds?|regimes?)(_|$)", re.I)
# Names of the standard library, of NumPy and of Hypothesis.
ELSEWHERE = {"FileNotFoundError", "PackageNotFoundError", "floor", "given"}


def identifiers(source):
    """Every name that a source assigns, defines, takes as an argument, imports or looks up."""
    fields = (ast.Name, "id"), (ast.arg, "arg"), (ast.keyword, "arg"), (ast.Attribute, "attr"), (ast.alias, "asname")
    fields += (ast.FunctionDef, "name"), (ast.ClassDef, "name"), (ast.ExceptHandler, "name")
    return {getattr(node, field) or "" for node in ast.walk(ast.parse(source)) for kind, field in fields
            if isinstance(node, kind)}  # fmt: skip


def in_dialect(name):
    return name not in ELSEWHERE and DIALECT.search(re.sub("(?<=[a-z])(?=[A-Z])", "_", name)) is not None


def test_names_are_the_words_of_the_field():
    folders = ("emorec", "experiments", "tools", "tests", "benchmarks", "notebooks")
    sources = {path: path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert len(sources) > 200
    assert [(str(path), name) for path, text in sources.items() for name in identifiers(text) if in_dialect(name)] == []
    private = identifiers("class OddTwin:\n def regime_of(self, found): self.world = found(told=1)")
    assert {name for name in private if in_dialect(name)} == {"OddTwin", "regime_of", "found", "world", "told"}


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 8000


def test_import_is_cheap():
    heavy = "tensorflow", "keras", "matplotlib", "pandas", "sklearn", "cv2", "gensim", "IPython"
    done = python(f"import emorec, sys; print([m for m in {heavy!r} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow  # all libraries are imported
def test_the_lazy_names_exist():
    code = "import emorec\nfor n in emorec.__all__: getattr(emorec, n)"
    done = python(code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    done = python("import emorec; emorec.nothing")
    assert "has no attribute 'nothing'" in done.stderr


def test_no_import_runs_upwards_and_none_in_a_circle():
    graph = lines.imports(lines.modules())
    assert lines.upward(graph) == []
    assert lines.circles(graph) == []
    assert "emorec.datasets.base" in graph["emorec.training"]  # a graph without edges would pass, too


def test_contributing_tells_the_same_order():
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    assert ", ".join(f"`{name}`" for name in lines.ORDER) in text


def test_imports_upwards_and_circles_are_reported(tmp_path):
    files = {
        "emorec/__init__.py": "",
        "emorec/errors.py": "def late():\n    from emorec.text import tokens\n",
        "emorec/text/__init__.py": "",
        "emorec/text/tokens.py": "from emorec import errors\nimport emorec.text.vectors\n",
        "emorec/text/vectors.py": "from emorec.text.tokens import tokenise\n",
        "emorec/faces/render/light.py": "from emorec.datasets import base\nfrom emorec import labels\n",
        "emorec/datasets/base.py": "",
        "emorec/labels.py": "",
        "emorec/attic.py": "import emorec.labels\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    graph = lines.imports(lines.modules(tmp_path))
    assert graph["emorec.text.tokens"] == {"emorec.errors", "emorec.text.vectors"}
    upward = lines.upward(graph)
    assert len(upward) == 3 and "'attic' has no place" in upward[0]
    assert upward[1] == "emorec.errors imports emorec.text.tokens, which stands above it"
    assert "emorec.faces.render.light imports emorec.datasets.base" in upward[2]
    circles = {frozenset(circle) for circle in lines.circles(graph)}
    assert circles == {
        frozenset({"emorec.errors", "emorec.text.tokens"}),
        frozenset({"emorec.text.tokens", "emorec.text.vectors"}),
    }


def test_lines_are_counted(tmp_path):
    for name, n in {
        "emorec/__init__.py": 2,
        "emorec/text/models.py": 3,
        "emorec/attention/base.py": 4,
        "tools/a.py": 9,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n" * n)
    counted = lines.count(tmp_path)
    assert (counted["text"], counted["attention"], counted["tools"], counted["version"]) == (3, 4, 9, 2)
    assert lines.in_wheel(counted) == 9


def test_lines_of_code_leave_out_words_and_blanks():
    source = (
        '"""Two\n\nlines."""\n\nimport os  # why\n\n\n# a comment\ndef f(a):\n    """One."""\n    return """a\n\nb"""\n'
    )
    assert lines.code_lines(source) == 5  # import, def, and three of the string


@pytest.mark.slow
def test_what_is_generated_is_fresh():
    assert generated.stale() == [], "run `make generated`"


def test_no_large_file_and_no_private_path():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, files):
        path = ROOT / name
        if not path.is_file():
            continue
        # Models come along: 16 MB each at most, 45 MB together.
        shipped = name.startswith("emorec/pretrained/")
        assert path.stat().st_size < (16_000_000 if shipped else 4_000_000), name
        if (
            path.suffix in {".py", ".md", ".toml", ".ipynb", ".json", ".yml", ".txt", ".cff"}
            and name != "tests/tools/test_house.py"
        ):
            text = path.read_text(encoding="utf-8", errors="replace")
            assert "/work/" not in text and "/root/" not in text and "/tmp/env" not in text, name


def test_models_that_come_along_are_small_together():
    files = [file for file in (ROOT / "emorec" / "pretrained").rglob("*") if file.is_file()]
    assert files and sum(file.stat().st_size for file in files) < 45_000_000


def test_command_line_errors_are_short():
    done = subprocess.run([sys.executable, "-m", "experiments", "nonsense"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("BadInput: There is no experiment 'nonsense'")
