"""Every public class has an example in its docstring, and every example of the package runs."""

import ast
import doctest
import importlib

import numpy as np
import pytest
from conftest import ROOT

import emorec

FILES = sorted((ROOT / "emorec").rglob("*.py"))
# Errors and notices are met, not made: their docstrings say when.
MET = ("Error", "Exception", "Warning", "Interrupt", "BadInput", "EmorecError")


def public_classes(text):
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if not any(ast.unparse(base).endswith(MET) for base in node.bases):
                yield node


def test_every_public_class_has_an_example():
    lacking = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in FILES
        for node in public_classes(file.read_text("utf-8"))
        if ">>>" not in (ast.get_docstring(node) or "")
    ]
    assert lacking == []


@pytest.mark.parametrize(
    "file", [file for file in FILES if ">>> " in file.read_text("utf-8")], ids=lambda file: file.stem
)
@pytest.mark.filterwarnings("ignore")
def test_examples_run(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    tests = doctest.DocTestFinder().find(module, globs={"emorec": emorec, "np": np} | vars(module))
    runner, output = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS), []
    for test in tests:
        runner.run(test, out=output.append)
    assert tests and not runner.failures, "".join(output)
