"""The order of the package's folders, who imports whom, and how many lines there are to read."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent

# Ground floor first: a folder (or a module beside them) imports only what stands before it. experiments and tools are
# not in the wheel.
ORDER = (
    "version", "types", "errors", "notices", "registration", "arguments", "labels", "checks", "files", "images",
    "networks", "weights", "sealed", "attention", "datasets", "metrics", "gradients", "plots", "reporting",
    "checkpoints", "optimizers", "devices", "training", "exports", "classifier", "pretrained", "text", "faces",
    "voice", "multimodal", "scoring", "__main__", "experiments", "tools",
)  # fmt: skip

# What came after version 0.1, whose package had 18,429 lines: models that come along and what they are made of,
# voices, films, the command `score`, export, devices. All else is what there was, with its later checks.
ADDED = (
    "pretrained", "voice", "scoring", "exports", "devices", "optimizers", "networks", "weights", "sealed",
    "registration", "arguments", "text.transformer", "text.wordpieces", "text.minilm", "text.pretraining", "text.glove",
    "faces.examples", "faces.mtcnn_networks",
    "multimodal.clip", "multimodal.subtitles", "multimodal.product", "multimodal.agreement", "multimodal.rendered",
    "datasets.extras", "datasets.hdf5", "datasets.readers.voices", "metrics.intensity",
)  # fmt: skip
LIMIT = 15_000

# The renderer could be a package of its own.
RENDERER = ("types", "errors", "labels")

_SHARED = ("attention", "checkpoints", "optimizers", "devices", "training", "classifier", "labels", "errors", "metrics")
PATHS = {
    "text": ("text", *_SHARED),
    "faces": ("faces", "images", *_SHARED),
    "voice": ("voice", *_SHARED),
    "multimodal": ("multimodal", *_SHARED),
}


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Dotted name to path of every module of emorec, experiments and tools."""
    files = (file for base in ("emorec", "experiments", "tools") for file in sorted((root / base).rglob("*.py")))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(files: dict[str, Path]) -> dict[str, set[str]]:
    """Which of these modules each one imports, inside of functions too; what a type alone needs is not imported.

    Args:
        files: Dict of dotted name to path.

    Returns:
        Dict of dotted name to the set of dotted names that it imports; a package that a name is looked up in counts,
        the packages around an imported module do not.
    """
    return {name: _imported(file, files) - {name} for name, file in files.items()}


def _imported(file, known):
    wanted, tree = set(), ast.parse(file.read_text(encoding="utf-8"))
    for_types = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    never_run = {id(inner) for node in for_types for inner in ast.walk(node)}
    for node in (node for node in ast.walk(tree) if id(node) not in never_run):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                wanted.add(inside if inside in known else node.module)
    return wanted & set(known)


def folder(module: str) -> str:
    """The entry of `ORDER` that a module belongs to; the empty string for ``emorec`` itself."""
    base, *rest = module.split(".")
    return base if base != "emorec" else rest[0] if rest else ""


def upward(graph: dict[str, set[str]]) -> list[str]:
    """Sentences on imports of something that stands higher in `ORDER`, or nowhere in it.

    Args:
        graph: As `imports` gives it.
    """
    place = {name: i for i, name in enumerate(ORDER)} | {
        "": ORDER.index("registration")
    }  # what emorec itself may import
    wrong = []
    for module, others in graph.items():
        for other in sorted(others):
            here, there = folder(module), folder(other)
            absent = [name for name in (here, there) if name not in place]
            if absent:
                wrong.append(f"{module} or {other}: {absent[0]!r} has no place in ORDER")
            elif place[there] > place[here]:
                wrong.append(f"{module} imports {other}, which stands above it")
            elif module.startswith("emorec.faces.render.") and not _for_the_renderer(other):
                wrong.append(f"{module} imports {other}: the renderer stands on {', '.join(RENDERER)} alone")
    return wrong


def _for_the_renderer(module):
    return folder(module) in RENDERER or module.startswith("emorec.faces.render")


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Lists of modules each of which imports the next, and the last the first; one for every way back that is met.

    Args:
        graph: As `imports` gives it.
    """
    met, done = [], set()

    def visit(module, path):
        if module in path:
            met.append(path[path.index(module) :])
        elif module not in done:
            for other in sorted(graph[module]):
                visit(other, [*path, module])
            done.add(module)

    for module in graph:
        visit(module, [])
    return met


def code_lines(text: str) -> int:
    """Lines of a source that hold code: neither blank nor comment nor part of a docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    owners = (node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds) and ast.get_docstring(node))
    documented = {n for node in owners for n in range(node.body[0].lineno, node.body[0].end_lineno + 1)}  # type: ignore
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in layout)
    held = {n for token in tokens for n in range(token.start[0], token.end[0] + 1)}
    return len(held - documented)


def count(root: Path = ROOT, measure: Callable[[str], int] = lambda text: len(text.splitlines())) -> dict[str, int]:
    """Lines of Python by entry of `ORDER`; ``emorec/__init__.py`` counts with ``version``.

    Args:
        root: The checkout.
        measure: Lines of a source; `code_lines` counts those of code alone.
    """
    lines = dict.fromkeys(ORDER, 0)
    for module, file in modules(root).items():
        lines[folder(module) or "version"] += measure(file.read_text(encoding="utf-8"))
    return lines


def added(root: Path = ROOT, measure: Callable[[str], int] = lambda text: len(text.splitlines())) -> int:
    """Lines of the wheel's modules that `ADDED` names, each by itself or by its folder; arguments as of `count`."""
    under = lambda module: any(module == f"emorec.{name}" or module.startswith(f"emorec.{name}.") for name in ADDED)  # noqa: E731
    return sum(measure(file.read_text("utf-8")) for module, file in modules(root).items() if under(module))


def in_wheel(lines: dict[str, int]) -> int:
    """Sum of the lines that the wheel holds, of what `count` returns."""
    return sum(n for name, n in lines.items() if name not in ("experiments", "tools"))


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``lines`` to a command line."""
    parser = subparsers.add_parser("lines", help="lines of each folder, of each modality's path, and of the wheel")
    parser.set_defaults(run=_run)


def _run(options):
    lines, code = count(), count(measure=code_lines)
    print(f"{'':14}{'lines':>8}{'of code':>9}")
    for name in ORDER:
        if lines[name]:
            print(f"{name:14}{lines[name]:8,}{code[name]:9,}")
    print()
    for modality, names in PATHS.items():
        if lines[modality]:
            print(
                f"{modality:14}{sum(lines[n] for n in names):8,}{sum(code[n] for n in names):9,}   {' + '.join(names)}"
            )
    wheel, wheel_code, new, new_code = in_wheel(lines), in_wheel(code), added(), added(measure=code_lines)
    print(f"\n{'wheel':14}{wheel:8,}{wheel_code:9,}   code: neither blank nor comment nor docstring")
    print(f"{'came later':14}{new:8,}{new_code:9,}   what came after version 0.1")
    print(f"{'what there was':14}{wheel - new:8,}{wheel_code - new_code:9,}   of at most {LIMIT:,} lines")
    return 0
