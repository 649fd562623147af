"""Notebooks: read from their percent scripts, executed, stamped, checked.

The script ``notebooks/NAME.py`` is the source of truth; ``notebooks/NAME.ipynb`` is built from it by executing it on
the bundled sample. Cells that matter carry tags: ``set-up``, ``parameters``, ``user-input``, ``results``.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import json
import os
import re
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import reporting
from emorec.errors import BadInput, EmorecError
from emorec.files import write_text
from emorec.types import FilePath
from tools.formulas import put_back, set_aside
from tools.markup import without_script_links

if TYPE_CHECKING:
    import argparse

    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SIZE_LIMIT = 300_000
PICTURES_LIMIT = 230_000  # of these, so that code, text and tables have room
QUALITIES = (72, 60, 50, 40)  # of a JPEG, tried in turn
TAGS = ("set-up", "parameters", "user-input", "results")
SECTIONS = (
    "Set-up", "Parameters", "Data", "Look at it", "Model", "Train", "Evaluate", "Explain", "Save and load",
    "Evaluate on external data", "Results",
)  # fmt: skip

SET_UP = """\
import glob, importlib.util, os, subprocess, sys

if not getattr(importlib.util.find_spec("emorec"), "origin", None):  # not installed, as on Colab: is it nearby?
    tops = [a + b for a in ("", "/content/", "/content/drive/MyDrive/") for b in ("", "../", "../../", "*/", "*/*/")]
    near = [f for t in tops for n in ("emorec/version.py", "emorec*.whl", "emorec*.zip") for f in glob.glob(t + n)]
    source = [*near, "git+" + os.environ.get("EMOREC_REPOSITORY", "ADDRESS")][0]
    if source.endswith(".py"): sys.path.insert(0, os.path.abspath(source + "/../.."))
    elif subprocess.call([sys.executable, "-m", "pip", "install", "-q", source]): raise ImportError(f"SENTENCE")
import emorec; emorec.about(install=True)"""
WAY_OUT = (
    "pip cannot install emorec from {source!r}: upload its folder or its wheel here, or set EMOREC_REPOSITORY to its "
    "git address"
)


class NotebookFailed(EmorecError):
    """A cell of a notebook raised."""


def names() -> list[str]:
    """All notebooks, as ``text/global_attention``."""
    return sorted(p.relative_to(FOLDER).with_suffix("").as_posix() for p in FOLDER.rglob("*.py"))


def parts() -> list[str]:
    """The folders that notebooks stand in, as ``text``."""
    return sorted({name.partition("/")[0] for name in names() if "/" in name})


def script(name: str) -> Path:
    """Path of a notebook's script.

    Raises:
        BadInput: There is no such notebook; lists those there are.
    """
    name = re.sub(r"^notebooks/|\.(py|ipynb)$", "", str(name))
    path = FOLDER / f"{name}.py"
    if not path.exists():
        import difflib

        close = difflib.get_close_matches(name, [*parts(), *names()], 3, 0.4)
        raise BadInput(
            f"There is no notebook {name!r}. Did you mean {', '.join(close) or 'one of ' + ', '.join(names())}?"
        )
    return path


def read(name: str) -> NotebookNode:
    """The notebook of a script, without outputs."""
    import jupytext

    notebook = jupytext.read(script(name))
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i:02d}"
    return notebook


def digest(name: str) -> str:
    """sha256 of a notebook's code, the set-up aside: the stamp that tells whether its outputs are fresh."""
    cells = (c for c in read(name).cells if c.cell_type == "code" and "set-up" not in c.metadata.get("tags", []))
    return hashlib.sha256(json.dumps([c.source for c in cells]).encode()).hexdigest()


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    """The cells that carry a tag."""
    return [c for c in notebook.cells if tag in c.metadata.get("tags", [])]


def assign(notebook: NotebookNode, tag: str, values: dict[str, Any]) -> NotebookNode:
    """Replaces the right-hand sides of simple assignments in the cells that carry a tag.

    Raises:
        BadInput: No such cell assigns one of the names.
    """
    missing = set(values)
    for cell in tagged(notebook, tag):
        lines = cell.source.split("\n")
        for node in ast.parse(cell.source).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id in values:
                comment = re.search(r"\s+# @param.*$", lines[node.lineno - 1])
                new = f"{target.id} = {values[target.id]!r}" + (comment[0] if comment else "")
                lines[node.lineno - 1 : node.end_lineno] = [new] + [None] * (node.end_lineno - node.lineno)
                missing.discard(target.id)
        cell.source = "\n".join(line for line in lines if line is not None)
    if missing:
        known = sorted({t.id for c in tagged(notebook, tag) for n in ast.parse(c.source).body
                        if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)})  # fmt: skip
        raise BadInput(f"The {tag} cell has no {', '.join(sorted(missing))}; it has {', '.join(known)}.")
    return notebook


def execute(
    notebook: NotebookNode, folder: FilePath | None = None, timeout: int = 3600,
    progress: Callable[[str], None] | None = print, env: dict[str, str] | None = None, kernel: str = "python3",
) -> NotebookNode:  # fmt: skip
    """Runs every cell in a fresh kernel of this Python; outputs are kept in the notebook, also when a cell fails.

    Args:
        notebook: From `read`.
        folder: Working directory; None takes the current one.
        timeout: Seconds allowed to one cell.
        progress: Receives a line per code cell; None is silent.
        env: Environment variables added for the kernel.
        kernel: Another name runs in that kernel, which then does not see this checkout.

    Raises:
        NotebookFailed: With the cell, its error and the section it stands in.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # TensorFlow would take a graphics card whole
    kernel_env = shared | os.environ | {"PYTHONWARNINGS": "ignore::DeprecationWarning"} | (env or {})
    if kernel == "python3":
        kernel_env["PYTHONPATH"] = os.pathsep.join(filter(None, [kernel_env.get("PYTHONPATH"), str(ROOT)]))
    where = {"metadata": {"path": str(folder or Path.cwd())}}
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=kernel,
        resources=where,
        extra_arguments=["--log-level=ERROR"],  # the kernel's own start-up warnings are no news to the reader
    )
    section, count = "", sum(c.cell_type == "code" for c in notebook.cells)
    done, started = 0, time.perf_counter()
    with client.setup_kernel(env=kernel_env):
        for i, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                headings = re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE)
                section = headings[-1] if headings else section
                continue
            try:
                client.execute_cell(cell, i)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise NotebookFailed(f"A cell under {section!r} failed:\n{cell.source}\n\n{error}") from error
            done += 1
            if progress is not None:
                progress(f"cell {done:>2}/{count} · {time.perf_counter() - started:6.1f} s · {section}")
        peak = _peak_memory(client.km.provisioner.pid)
    _clean(notebook)
    notebook.metadata["emorec"] = {"peak_memory_mib": peak}
    return notebook


def _clean(notebook):
    """Keeps what a reader sees; drops what changes with every run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                output.get("metadata", {}).clear()
    _shrink([output["data"] for cell in notebook.cells for output in cell.get("outputs", [])
             if "image/png" in output.get("data", {})])  # fmt: skip
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def _joined(outputs):
    """Outputs with the printed text that comes in a row as one; of a progress bar, its last state.

    What a loop prints stays in front of the figure that it prints it for.
    """
    kept = []
    for output in outputs:
        before = kept[-1] if kept else {}
        if output["output_type"] == "stream" and before.get("name") == output["name"]:
            before["text"] += output["text"]
        else:
            kept.append(output)
    for output in kept:
        if output["output_type"] == "stream":
            output["text"] = re.sub(r".*\r(?=[^\n])", "", output["text"])
    return kept


def _shrink(outputs):
    """Pictures in fewer bytes: all photographs of a notebook in the best quality with which they stay in bounds."""
    pictures = [data.pop("image/png") for data in outputs]
    for quality in QUALITIES:
        smaller = [_smaller(picture, quality) for picture in pictures]
        if sum(len(content) for forms in smaller for content in forms.values()) < PICTURES_LIMIT:
            break
    for data, forms in zip(outputs, smaller if pictures else []):
        data |= forms


def _smaller(png, quality=QUALITIES[0]):
    """A picture (PNG, base64) in fewer bytes, with its media type: a PNG of at most 256 colours, about a third of the
    bytes and no difference to the eye, or a JPEG where that takes much less again, as for photographs."""
    import base64
    import io

    from PIL import Image

    data = base64.b64decode(png)
    picture = Image.open(io.BytesIO(data))
    forms = {"image/png": data}
    if "A" not in picture.mode or picture.getchannel("A").getextrema()[0] == 255:
        few, photograph = io.BytesIO(), io.BytesIO()
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(few, "PNG", optimize=True)
        picture.convert("RGB").save(photograph, "JPEG", quality=quality, optimize=True)
        forms["image/png"] = min(few.getvalue(), data, key=len)
        if 4 * len(photograph.getvalue()) < 3 * len(forms["image/png"]):
            forms = {"image/jpeg": photograph.getvalue()}
    return {kind: base64.b64encode(content).decode() for kind, content in forms.items()}


def results(notebook: NotebookNode) -> dict[str, Any]:
    """What the ``results`` cell published: name to number or ``[estimate, low, high]``; empty when nothing."""
    values = {}
    for cell in tagged(notebook, "results"):
        for output in cell.get("outputs", []):
            values |= output.get("data", {}).get(reporting.RESULTS_MIME, {})
    return values


def build(name: str, fast: bool = False, progress: Callable[[str], None] | None = print) -> NotebookNode:
    """Executes a notebook on the bundled sample and writes its ``.ipynb``, stamped with its script's digest."""
    import nbformat

    notebook, source = read(name), digest(name)  # the script may change while it runs
    if fast:
        assign(notebook, "parameters", {"fast": True})
    before = _cpu_of_children()
    execute(notebook, folder=script(name).parent, progress=progress)
    notebook.metadata["emorec"] = {
        "source_sha256": source,
        "verified": date.today().isoformat(),
        "cpu_seconds": round(_cpu_of_children() - before, 1),
        **notebook.metadata["emorec"],
        "versions": reporting.versions(),
        "fast": fast,
    }
    nbformat.validate(notebook)
    path = script(name).with_suffix(".ipynb")
    write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return notebook


def _cpu_of_children():
    """CPU seconds of the kernels that have ended; unlike wall-clock time they hardly depend on other programs."""
    times = os.times()
    return times.children_user + times.children_system


def _peak_memory(pid):
    """The most memory that a running process has held so far, in MiB; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return peak and round(int(peak[1]) / 1024)


def run(
    name: str, parameters: dict[str, Any] | None = None, output: FilePath = "output",
    progress: Callable[[str], None] | None = print,
) -> tuple[dict[str, Any], Path, Path]:  # fmt: skip
    """Executes a notebook with other parameters; writes the executed notebook and an HTML page.

    Returns:
        (results, path of the notebook, path of the page)
    """
    import nbformat

    notebook = assign(read(name), "parameters", parameters or {})
    stem = Path(output).absolute() / script(name).relative_to(FOLDER).with_suffix("")
    stem.parent.mkdir(parents=True, exist_ok=True)
    try:
        execute(notebook, folder=stem.parent, progress=progress)
    finally:  # also what ran before a failure is worth looking at
        nbformat.write(notebook, stem.with_suffix(".ipynb"))
        stem.with_suffix(".html").write_text(to_html(notebook, name), encoding="utf-8")
    return results(notebook), stem.with_suffix(".ipynb"), stem.with_suffix(".html")


def run_part(
    part: str, parameters: dict[str, Any] | None = None, output: FilePath = "output", jobs: int | None = None,
    progress: Callable[[str], None] | None = print,
) -> dict:  # fmt: skip
    """Executes all notebooks of a part, several at once, the longest first; one that fails does not stop the others.

    Args:
        part: A folder below ``notebooks/``, e.g. ``multimodal``.
        parameters, output: See `run`.
        jobs: Notebooks at once; None is one for each core.
        progress: Receives a line per notebook; None is silent.

    Returns:
        Dict of notebook to its seconds, or to what went wrong, an `Exception`.
    """
    chosen = [name for name in names() if name.startswith(f"{part}/")]
    if not chosen:
        raise BadInput(f"There is no part {part!r}; choose one of {', '.join(parts())}.")
    return _several(functools.partial(run, parameters=parameters, output=output, progress=None), chosen, jobs, progress)


def build_several(
    chosen: list[str], jobs: int | None = None, progress: Callable[[str], None] | None = print
) -> dict[str, float | Exception]:
    """Builds notebooks, several at once, the longest first; arguments and returned dict: see `run_part`."""
    return _several(functools.partial(build, progress=None), chosen, jobs, progress)


def _several(work, chosen, jobs, progress):
    """``work(name)`` for each notebook; dict of notebook to its seconds, or to the error that it ended in."""
    import joblib

    chosen = sorted(chosen, key=_cpu_seconds, reverse=True)
    calls = (joblib.delayed(_attempt)(work, name) for name in chosen)
    outcomes = {}
    for name, outcome in joblib.Parallel(jobs or os.cpu_count(), return_as="generator_unordered")(calls):
        outcomes[name] = outcome
        if progress is not None:
            result = f"failed: {outcome}" if isinstance(outcome, Exception) else f"{outcome:.0f} s"
            progress(f"{len(outcomes)}/{len(chosen)} {name}: {result}")
    return outcomes


def _attempt(work, name):
    started = time.perf_counter()
    try:
        work(name)
    except EmorecError as error:
        return name, error
    return name, time.perf_counter() - started


def _cpu_seconds(name):
    """What a notebook cost when it was built; 0 for one that was not."""
    path = script(name).with_suffix(".ipynb")
    return json.loads(path.read_text())["metadata"].get("emorec", {}).get("cpu_seconds", 0) if path.exists() else 0


def to_html(notebook: NotebookNode, title: str) -> str:
    """The notebook as one HTML page with its figures inside and its formulas as MathML."""
    from nbconvert import HTMLExporter

    notebook, formulas = copy.deepcopy(notebook), []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = set_aside(cell.source, formulas)
    page = HTMLExporter(embed_images=True).from_notebook_node(notebook, {"metadata": {"name": title}})[0]
    return put_back(without_script_links(page), formulas)


# Static checks, in seconds


def set_up(address: str | None = None) -> str:
    """The code of the set-up cell, which is the same in all notebooks.

    Args:
        address: Of the git repository that it installs from where nothing is nearby; None takes the project's.
    """
    address = repository() if address is None else address
    return SET_UP.replace("ADDRESS", address).replace("SENTENCE", WAY_OUT)


def repository() -> str:
    """The project's public address from pyproject.toml, or an empty string while it has none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project.get("urls", {}).get("Repository", "")


def problems(name: str) -> list[str]:
    """What is wrong with a notebook, found without running it; an empty list when nothing is."""
    import nbformat

    source, faults = read(name), []
    code = [c.source for c in source.cells if c.cell_type == "code"]
    text = [c.source for c in source.cells if c.cell_type == "markdown"]
    headings = [h for t in text for h in re.findall(r"^## +(.+?)\s*$", t, re.MULTILINE)]
    ordered = [h for h in headings if h in SECTIONS]
    if ordered != [s for s in SECTIONS if s in ordered]:
        faults.append(f"sections out of order: {ordered}")
    faults += [f"section {s!r} is missing" for s in ("Set-up", "Parameters", "Results") if s not in headings]
    faults += [f"no cell is tagged {tag!r}" for tag in ("set-up", "parameters", "results") if not tagged(source, tag)]
    lines = sorted(len(c.split("\n")) for c in code if c.strip() and c != set_up())
    if lines and (lines[len(lines) // 2] > 10 or lines[-1] > 25):
        faults.append(f"code cells too long: median {lines[len(lines) // 2]}, longest {lines[-1]} lines")
    if 3 * len(text) < 2 * len(code):  # more would ask for a sentence of no use before each cell
        faults.append(f"{len(text)} text cells for {len(code)} code cells")
    for cell in tagged(source, "set-up"):
        if cell.source != set_up():
            faults.append("the set-up cell differs from the common one: run `python -m tools notebooks sync`")
    path = script(name).with_suffix(".ipynb")
    if not path.exists():
        return [*faults, f"{path.name} is not built: run `python -m tools notebooks build {name}`"]
    built = nbformat.read(path, as_version=4)
    if built.metadata.get("emorec", {}).get("source_sha256") != digest(name):
        faults.append(f"{path.name} is stale: run `python -m tools notebooks build {name}`")
    elif [c.source for c in built.cells] != [c.source for c in source.cells]:
        faults.append(f"{path.name} and its script hold different text: run `python -m tools notebooks sync`")
    if "jupytext" in built.metadata:
        faults.append(f"{path.name} is paired: saving it in Jupyter would write over its script")
    if built.metadata.get("emorec", {}).get("fast"):
        faults.append(f"{path.name} was built in its fast form")
    if any(c.cell_type == "code" and c.source.strip() and c.execution_count is None for c in built.cells):
        faults.append(f"{path.name} holds a cell that was not run")
    if path.stat().st_size > SIZE_LIMIT:
        faults.append(f"{path.name} has {path.stat().st_size:,} bytes; the limit is {SIZE_LIMIT:,}")
    return faults


def built_with(name: str) -> str | None:
    """The version of emorec that a notebook's outputs come from; None where it is not built, or its stamp is older
    than that entry. Outputs of an earlier version may differ from what the code gives today."""
    path = script(name).with_suffix(".ipynb")
    stamp = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("emorec", {}) if path.exists() else {}
    return stamp.get("versions", {}).get("emorec")


def sync() -> list:
    """Writes the common set-up cell and the launch buttons into scripts, and the scripts' text into built notebooks
    of the same code. Returns the changed paths."""
    changed = []
    for name in names():
        changed += _rewrite(script(name), lambda text, name=name: _common(text, name))
        built = script(name).with_suffix(".ipynb")
        if built.exists():
            changed += _rewrite(built, lambda text, name=name: _in_words_of_script(text, name))
    return changed


def _rewrite(path, change):
    text = path.read_text(encoding="utf-8")
    new = change(text)
    if new == text:
        return []
    path.write_text(new, encoding="utf-8")
    return [path]


def _common(text, name):
    """A script's text with the common parts written anew."""
    pattern = re.compile(r'(# %% tags=\["set-up"\]\n)(.*?)(?=\n# %%|\Z)', re.DOTALL)
    text = pattern.sub(lambda m: m[1] + set_up() + "\n", text)
    launch = re.compile(r"^(# <!-- launch -->).*$", re.MULTILINE)
    return launch.sub(lambda m: f"{m[1]} {launch_button(name)}".rstrip(), text)


def _in_words_of_script(text, name):
    """A built notebook with the cells of its script, code with the outputs it had; as it is where the code differs."""
    built, cells = json.loads(text), read(name).cells
    if built["metadata"].get("emorec", {}).get("source_sha256") != digest(name):
        return text
    ran = iter([cell for cell in built["cells"] if cell["cell_type"] == "code"])
    built["cells"] = [
        cell if cell.cell_type != "code" else next(ran) | {"id": cell["id"], "source": cell.source} for cell in cells
    ]
    return json.dumps(built, indent=1, ensure_ascii=False) + "\n"


def launch_button(name: str, branch: str = "main") -> str:
    """Markdown of the button that opens a notebook on Colab; empty while the project has no address on GitHub."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", repository())
    if not match:
        return ""
    page = f"https://colab.research.google.com/github/{match[1]}/blob/{branch}/notebooks/{name}.ipynb"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({page})"


def set_repository(url: str) -> str:
    """Writes the project's public address into pyproject.toml, and from there into all notebooks; returns the changed
    paths.

    Raises:
        BadInput: The address is none that git and pip can clone.
    """
    if not re.fullmatch(r"(https|ssh|file)://[^\s\"']+", url):
        raise BadInput(f"{url!r} is no address to clone from; it looks like https://github.com/OWNER/NAME.")
    table, line = "[project.urls]", f'Repository = "{url}"'

    def change(text):
        if re.search(r"^Repository = ", text, re.MULTILINE):
            return re.sub(r"^Repository = .*$", line, text, flags=re.MULTILINE)
        if table in text:
            return text.replace(table, f"{table}\n{line}")
        return text.replace("[project.optional-dependencies]", f"{table}\n{line}\n\n[project.optional-dependencies]")

    changed = _rewrite(ROOT / "pyproject.toml", change)
    if repository() != url:
        raise BadInput("pyproject.toml has no place for the address: add [project.urls] with Repository by hand.")
    return changed + sync()


# Command line


def add_run_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``run`` to a command line."""
    parser = subparsers.add_parser("run", help="execute a notebook, or a part of them, and write it with an HTML page")
    parser.add_argument("notebook", help="e.g. text/global_attention, or multimodal for all of that part")
    parser.add_argument("--dataset", help="name of a dataset; the bundled sample where left out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another form field")
    parser.add_argument("--fast", action="store_true", help="fewer examples and epochs")
    parser.add_argument("--output", default="output", help="folder to write to")
    parser.add_argument("--jobs", type=int, help="notebooks of a part at once; one for each core where left out")
    parser.set_defaults(run=_run_command)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds ``notebooks`` to a command line."""
    parser = subparsers.add_parser("notebooks", help="build or check the notebooks")
    parser.add_argument("action", choices=("list", "build", "check", "sync", "set-repository"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="or the address to set")
    parser.add_argument("--jobs", type=int, help="notebooks built at once (default: one for each core)")
    parser.set_defaults(run=_notebooks_command)


def _run_command(options):
    parameters = {"dataset": options.dataset} if options.dataset else {}
    if options.fast:
        parameters["fast"] = True
    for item in options.set:
        name, _, value = item.partition("=")
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name] = value
    part = options.notebook.removeprefix("notebooks/").rstrip("/")
    if part in parts():
        started = time.perf_counter()
        outcomes = run_part(part, parameters, options.output, options.jobs)
        print(f"{time.perf_counter() - started:.0f} s in all; the pages are below {Path(options.output).absolute()}")
        return int(any(isinstance(outcome, Exception) for outcome in outcomes.values()))
    outcomes, notebook, page = run(options.notebook, parameters, options.output)
    print()
    for label, value in outcomes.items():
        print(f"{label}: {reporting.show(value)}")
    print(f"\nThe page to look at: {page}\nThe executed notebook: {notebook}")
    return 0


def _notebooks_command(options):
    if options.action in ("sync", "set-repository"):
        if options.action == "set-repository" and len(options.names) != 1:
            raise BadInput("python -m tools notebooks set-repository URL")
        changed = sync() if options.action == "sync" else set_repository(options.names[0])
        print("changed: " + (", ".join(p.relative_to(ROOT).as_posix() for p in changed) or "nothing"))
        if repository() and not launch_button("any"):
            print(f"No launch button: Colab opens notebooks from GitHub only, not from {repository()}.")
        return 0
    chosen = options.names or names()
    failed = 0
    if options.action == "build":
        started = time.perf_counter()
        failed += sum(isinstance(outcome, Exception) for outcome in build_several(chosen, options.jobs).values())
        sync()
        print(f"{time.perf_counter() - started:.0f} s in all")
    for name in chosen:
        faults = problems(name) if options.action != "list" else []
        failed += bool(faults)
        version = built_with(name)
        old = "" if version == reporting.__version__ else f" (outputs of emorec {version or 'unknown'}: build it anew)"
        print(f"{name}: " + ("; ".join(faults) or "ok") + old if options.action != "list" else name, file=sys.stdout)
    return int(failed > 0)
