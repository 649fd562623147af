"""Rehearses Google Colab: every notebook, in Colab's versions, from an empty folder, installed by its own set-up cell.

    python tests/notebooks/colab/rehearse.py [NAME ...] [--fast]

Makes an environment of versions.txt (a few minutes and 3 GB, once), then

1. checks that a broken address stops the set-up cell with a clear message;
2. runs the set-up cell beside an uploaded folder and beside a wheel, each time without emorec, gensim and mtcnn;
3. runs the first notebook, whose set-up cell installs emorec from the last commit of this clone, and checks that
   this added emorec, gensim and mtcnn and replaced nothing;
4. runs the other notebooks, and the first set-up cell again, with a pip that refuses to be called, but for those that
   install a package of their own.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from tools import notebooks  # noqa: E402

VERSIONS = HERE / "versions.txt"
MAY_ADD = {"emorec", "gensim", "mtcnn", "lz4"}
ADDS = {"multimodal/film_clip": "av"}  # what a notebook installs for itself
NO_PIP = "raise SystemExit('the rehearsal: pip was called again')\n"


def environment(folder, python):
    """The Python of an environment with Colab's versions and nothing of an earlier rehearsal."""
    inside = folder / "bin" / "python"
    stamp, wanted = folder / ".colab", hashlib.sha256(VERSIONS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        program = shutil.which(python)
        version = [program, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))"]
        if not program or subprocess.run(version, capture_output=True).returncode:
            sys.exit(f"Colab runs Python 3.13, and {python!r} is none here: install it, or give --python PATH.")
        print(f"Making an environment with Colab's versions in {folder}", flush=True)
        subprocess.check_call([program, "-m", "venv", "--clear", folder])
        subprocess.check_call([inside, "-m", "pip", "install", "-q", "-r", VERSIONS])
        stamp.write_text(wanted)
    forget(inside)
    return inside


def forget(python):
    """Takes out of an environment what a set-up cell may have added."""
    names = [*MAY_ADD, *ADDS.values()]
    subprocess.check_call([python, "-m", "pip", "uninstall", "-q", "-y", *names], stderr=subprocess.DEVNULL)


def packages(python):
    """Name to version of what an environment holds."""
    code = "import json, importlib.metadata as m; print(json.dumps([(d.name, d.version) for d in m.distributions()]))"
    return dict(json.loads(subprocess.check_output([python, "-I", "-c", code])))


@contextlib.contextmanager
def stage(python):
    """A function that executes a notebook as Colab would: own kernel, empty folder, ``google.colab``, an address."""
    with tempfile.TemporaryDirectory(prefix="colab-") as folder:
        folder = Path(folder)
        kernel = folder / "jupyter" / "kernels" / "colab-rehearsal"
        kernel.mkdir(parents=True)
        command = [str(python), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "Colab rehearsal", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec))
        os.environ["JUPYTER_PATH"] = str(folder / "jupyter")
        (folder / "no-pip" / "pip").mkdir(parents=True)
        (folder / "no-pip" / "pip" / "__init__.py").touch()  # without it the real pip would win
        (folder / "no-pip" / "pip" / "__main__.py").write_text(NO_PIP)

        def perform(notebook, address=f"file://{ROOT}", pip=True, upload=None):
            path = [str(HERE / "stand-in")] + ([] if pip else [str(folder / "no-pip")])
            env = {"EMOREC_REPOSITORY": address, "PYTHONPATH": os.pathsep.join(path)}
            env |= {"XDG_CACHE_HOME": str(folder / "cache"), "PIP_CACHE_DIR": str(python.parent.parent / "pip-cache")}
            with tempfile.TemporaryDirectory(dir=folder) as work:
                if upload:
                    upload(Path(work))
                notebooks.execute(notebook, folder=work, env=env, kernel="colab-rehearsal")
            return notebook

        yield perform


def only_set_up(name):
    notebook = notebooks.read(name)
    notebook.cells = notebooks.tagged(notebook, "set-up")
    return notebook


def check_broken_address(perform, name):
    """A broken address stops at the set-up cell and says so."""
    address = f"file://{ROOT}/no-such-place"
    try:
        perform(only_set_up(name), address=address)
    except notebooks.NotebookFailed as error:
        if f"cannot install emorec from 'git+{address}'" in str(error):
            return print("a broken address: stopped at the set-up cell with a clear message", flush=True)
        sys.exit(f"a broken address: stopped, but with an unclear message:\n{error}")
    sys.exit("a broken address: the set-up cell went on as if nothing had happened")


def check_uploads(perform, python, name):
    """The set-up cell finds what was uploaded: the project's folder under another name, and its wheel."""

    def folder(work):
        for part in ("emorec", "data/sample"):
            shutil.copytree(ROOT / part, work / "project-main" / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE"):
            shutil.copy(ROOT / part, work / "project-main")

    def wheel(work):
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", work]
        with tempfile.TemporaryDirectory() as copy:
            folder(Path(copy))
            subprocess.check_call([*command, Path(copy) / "project-main"])

    for upload in (folder, wheel):
        forget(python)
        perform(only_set_up(name), address="", upload=upload)
        print(f"a {upload.__name__} that was uploaded: found", flush=True)
    forget(python)


def check_added(before, after):
    """The set-up added emorec, gensim and mtcnn and replaced nothing."""
    added = set(after) - set(before)
    replaced = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    print(f"the set-up added: {', '.join(sorted(added))}", flush=True)
    if added - MAY_ADD - set(ADDS.values()) or replaced or "emorec" not in added:
        sys.exit(f"It may add {', '.join(sorted(MAY_ADD))} and replace nothing; replaced: {replaced or 'nothing'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks, e.g. text/global_attention; default all")
    parser.add_argument("--fast", action="store_true", help="the fast form of every notebook")
    parser.add_argument("--python", default="python3.13", help="a Python 3.13")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-colab", help="where to make it")
    options = parser.parse_args()
    os.environ.pop("EMOREC_DATA", None)
    chosen = options.names or notebooks.names()
    if subprocess.check_output(["git", "status", "--porcelain", "--", "emorec", "data"], cwd=ROOT):
        print("Note: the package is installed from the last commit, without what is not committed yet.")
    python = environment(options.environment.absolute(), options.python)
    before, failed = packages(python), []
    with stage(python) as perform:
        check_broken_address(perform, chosen[0])
        check_uploads(perform, python, chosen[0])
        for i, name in enumerate(chosen):
            print(f"== {name}", flush=True)
            notebook = notebooks.read(name)
            if options.fast:
                notebooks.assign(notebook, "parameters", {"fast": True})
            try:
                perform(notebook, pip=i == 0 or name in ADDS)
            except notebooks.NotebookFailed as error:
                failed.append(name)
                print(error, flush=True)
            if i == 0:
                check_added(before, packages(python))
        perform(only_set_up(chosen[0]), pip=False)
        print("a second run: no call of pip")
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
