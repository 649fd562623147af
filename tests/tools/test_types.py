"""Every public function says its types, and they fit together."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

from tools import lines


def functions(tree):
    """Public functions and methods of a module, a class's constructor among them; with whether it is a method."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, False
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            inside = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            yield from ((item, True) for item in inside if item.name in ("__init__", "__call__") or item.name[0] != "_")


def untyped(text):
    """``name(argument)`` for each argument, ``name ->`` for each answer without a type."""
    for node, method in functions(ast.parse(text)):
        static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
        some = node.args
        named = [*some.posonlyargs, *some.args, *some.kwonlyargs][method and not static :]
        for argument in [*named, *filter(None, (some.vararg, some.kwarg))]:
            if argument.annotation is None:
                yield f"{node.name}({argument.arg})"
        if node.returns is None and node.name != "__init__":
            yield f"{node.name} ->"


def test_public_functions_have_types():
    lacking = [
        f"{module}: {what}" for module, file in lines.modules().items() for what in untyped(file.read_text("utf-8"))
    ]
    assert lacking == []


def test_a_function_without_types_is_seen():
    text = "class A:\n    def f(self, x: int, *more) -> int: ...\n    def _g(self, x): ...\ndef h(a, *, b: int): ...\n"
    assert list(untyped(text)) == ["f(more)", "h(a)", "h ->"]


@pytest.mark.slow
def test_mypy():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
