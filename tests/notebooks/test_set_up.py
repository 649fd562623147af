"""The set-up cell of the notebooks: wherever emorec lies it is used, and where it lies nowhere the way out is named.

Only the cell runs, in a Python of its own that does not know this checkout; ``/content`` is a folder of the test.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from tools import notebooks

# Takes this checkout off the path, however it was installed.
HIDE = f"""
import sys
sys.path[:] = [p for p in sys.path if p.rstrip("/") != {str(ROOT)!r}]
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in getattr(f, "__module__", "")]
"""
# Stands in for pip: unpacks what it is asked for into a folder that is on the path, and writes down what that was.
PIP = """
import pathlib, sys, zipfile
here = pathlib.Path(__file__).resolve().parents[1]
source = sys.argv[-1]
with open(here / "asked", "a") as file:
    file.write(source + "\\n")
if source.endswith((".whl", ".zip")):
    zipfile.ZipFile(source).extractall(here)
elif source != "git+https://example.org/emorec":
    sys.exit(f"ERROR: cannot clone {source}")
else:
    (here / "emorec").mkdir()
    (here / "emorec" / "__init__.py").write_text("__version__ = 'from its address'")
"""
PLACES = (
    *("here", "here/..", "here/../..", "here/any name", "here/a/b", "content", "content/a-main"),
    *("content/drive/MyDrive", "content/drive/MyDrive/Colab Notebooks", "content/drive/MyDrive/course/week 1"),
)


class Machine:
    """A machine with a working folder, ``/content`` and a Python without emorec."""

    def __init__(self, root):
        self.here, self.content, self.site = root / "home" / "work" / "here", root / "content", root / "site"
        for folder in (self.here, self.content, self.site / "pip"):
            folder.mkdir(parents=True)
        (self.site / "pip" / "__init__.py").touch()
        (self.site / "pip" / "__main__.py").write_text(PIP)
        (self.site / "sitecustomize.py").write_text(HIDE)
        self.root = root

    def place(self, name):
        path = Path(os.path.normpath(self.here.parent / name if name.startswith("here") else self.root / name))
        path.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, last="print(emorec.__version__, 'of', emorec.__file__)", **env):
        code = notebooks.set_up("").replace("/content", str(self.content)).replace("emorec.about(install=True)", last)
        env = {k: v for k, v in os.environ.items() if k != "EMOREC_REPOSITORY"} | env
        env["PYTHONPATH"] = str(self.site)
        return subprocess.run([sys.executable, "-c", code], cwd=self.here, env=env, capture_output=True, text=True)

    def asked(self):
        """What pip was asked for, line by line."""
        file = self.site / "asked"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def put(form, folder):
    """A small copy of emorec in one of its forms; returns what must be printed of it."""
    source = folder / "__source__"
    (source / "emorec").mkdir(parents=True)
    for name in ("__init__.py", "version.py", "registration.py"):
        shutil.copy(ROOT / "emorec" / name, source / "emorec" / name)
    if form == "folder":
        shutil.move(source / "emorec", folder / "emorec")
    else:
        file = folder / ("emorec-0.1.0-py3-none-any.whl" if form == "wheel" else "emorec-main.zip")
        shutil.make_archive(str(folder / "packed"), "zip", source)
        (folder / "packed.zip").rename(file)
    shutil.rmtree(source)


@pytest.mark.parametrize("form", ["folder", "wheel", "zip"])
@pytest.mark.parametrize("place", PLACES)
def test_a_copy_is_used_wherever_it_lies(machine, place, form):
    folder = machine.place(place)
    put(form, folder)
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert f"of {(folder if form == 'folder' else machine.site) / 'emorec' / '__init__.py'}" in done.stdout
    assert len(machine.asked()) == (form != "folder")


def test_a_clone_named_like_the_package_is_not_taken_for_it(machine):
    put("folder", machine.place("here/emorec"))
    done = machine.run()
    assert f"of {machine.here / 'emorec' / 'emorec' / '__init__.py'}" in done.stdout, done.stderr


def test_an_installed_package_is_used_though_a_copy_lies_here(machine):
    put("wheel", machine.here)
    put("folder", machine.site)
    done = machine.run()
    assert f"of {machine.site}" in done.stdout and not machine.asked(), done.stderr


def test_a_copy_is_preferred_to_an_address(machine):
    put("folder", machine.content)
    assert machine.run(EMOREC_REPOSITORY="https://example.org/emorec").returncode == 0
    assert not machine.asked()


def test_an_address_is_installed_from(machine):
    done = machine.run(EMOREC_REPOSITORY="https://example.org/emorec")
    assert done.stdout.startswith("from its address"), done.stderr
    assert machine.asked() == ["git+https://example.org/emorec"]


@pytest.mark.parametrize("address", ["", "https://example.org/nothing"])
def test_where_nothing_is_the_way_out_is_the_last_line(machine, address):
    done = machine.run(EMOREC_REPOSITORY=address)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and last.startswith("ImportError")
    for word in ("upload", "folder", "wheel", "EMOREC_REPOSITORY", repr(f"git+{address}")):
        assert word in last


def test_a_second_run_in_the_same_kernel_changes_nothing(machine):
    put("folder", machine.content)
    again = notebooks.set_up("").replace("/content", str(machine.content)).replace("emorec.about(install=True)", "")
    done = machine.run(f"before = list(sys.path); exec({again!r}); print(before == sys.path)")
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.slow
def test_the_cell_is_short_and_prints_one_line():
    lines = [line for line in notebooks.set_up("").splitlines() if line.strip()]
    assert len(lines) <= 8
    done = subprocess.run(
        [sys.executable, "-c", notebooks.set_up("")], cwd=ROOT / "notebooks" / "text", capture_output=True, text=True
    )
    assert done.stdout.startswith("emorec ") and done.stdout.count("\n") == 1, done.stderr


def test_packages_that_a_copy_needs_are_installed_or_named(machine):
    """A copy that was not installed itself: what requirements.txt names and this Python lacks goes to pip."""
    folder = machine.place("here/copy")
    shutil.copytree(
        ROOT / "emorec", folder / "emorec", ignore=shutil.ignore_patterns("*.npz", "*.emorec", "__pycache__")
    )
    (folder / "pyproject.toml").touch()
    (folder / "requirements.txt").write_text("numpy>=2.1  # is there\nemorec-needs-this>=1.0\n")
    done = machine.run("emorec.about(install=True)")
    assert machine.asked() == ["emorec-needs-this>=1.0"]
    assert "DataMissing" in done.stderr and 'pip install "emorec-needs-this>=1.0"' in done.stderr
    assert machine.run("emorec.about()").returncode and len(machine.asked()) == 1  # asks pip only where it may
