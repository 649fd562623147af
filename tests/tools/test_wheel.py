"""The package as people install it: a wheel in an environment elsewhere, and an editable install of a clone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow

USE = """
import sys
import emorec
assert emorec.__file__.startswith(sys.prefix), emorec.__file__
data = emorec.datasets.load("sample-sentences").smaller(150)
texts = emorec.TextClassifier(encoder="none", attention="global", epochs=1, seed=0)
texts.fit(data.train, validation=data.validation, progress=None)
texts.save("mine.emorec")
again = emorec.TextClassifier.load("mine.emorec").predict_proba(["A warm and funny film ."])
assert (again == texts.predict_proba(["A warm and funny film ."])).all() and abs(again.sum() - 1) < 1e-5
emorec.about(install=True)
for module in ("experiments", "tools", "tests"):
    try:
        __import__(module)
    except ImportError:
        print("no", module)
"""


def call(*arguments, cwd, **env):
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | env
    return subprocess.run(list(map(str, arguments)), cwd=cwd, env=env, capture_output=True, text=True)


def copied(folder):
    """What an install needs of the project, in a folder called like the package."""
    for name in ("emorec", "data/sample", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def environment(folder):
    """A Python without emorec that sees the packages of this one."""
    venv.create(folder)
    python = folder / "bin" / "python"
    site = call(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).stdout.strip()
    # Below a path file further path files are not read: an editable install of the project here stays out.
    paths = {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]}
    Path(site, "shared.pth").write_text("\n".join(paths))
    return python


def pip(python, *arguments, cwd):
    done = call(sys.executable, "-m", "pip", "--python", python, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy in which an older build has left a module that is gone."""
    project = copied(tmp_path_factory.mktemp("project") / "emorec")
    (project / "build" / "lib" / "emorec").mkdir(parents=True)
    (project / "build" / "lib" / "emorec" / "gone.py").touch()
    arguments = ("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", project / "dist", project)
    done = call(sys.executable, "-m", "pip", *arguments, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((project / "dist").glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = [n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n]
    assert {n.partition("/")[0] for n in names} == {"emorec"}
    here = {p.relative_to(ROOT).as_posix() for p in (ROOT / "emorec").rglob("*") if p.is_file()}
    here = {n for n in here if "__pycache__" not in n}
    sample = {f"emorec/_sample/{p.name}" for p in (ROOT / "data" / "sample").iterdir()}
    assert set(names) == here | sample


def test_installed_elsewhere_it_works(wheel, tmp_path):
    python = environment(tmp_path / "env")
    pip(python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    done = call(python, "-c", USE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == ["no experiments", "no tools", "no tests"]
    listed = call(python, "-m", "emorec", "data", "list", cwd=tmp_path)
    assert "sample-sentences" in listed.stdout and "movie-polarity" in listed.stdout, listed.stderr
    run = call(python, "-m", "emorec", "run", "text/global_attention", cwd=tmp_path)
    assert run.returncode == 2 and "clone" in run.stderr and "Traceback" not in run.stderr


def test_beside_its_clone_an_editable_install_is_the_package(tmp_path):
    project, python = copied(tmp_path / "emorec"), environment(tmp_path / "env")
    pip(python, "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-e", project, cwd=tmp_path)
    done = call(python, "-c", "import emorec; print(emorec.__version__, emorec.__file__)", cwd=tmp_path)
    assert done.stdout.split()[1:] == [str(project / "emorec" / "__init__.py")], done.stderr
    assert "sample-sentences" in call(python, "-m", "emorec", "data", "list", cwd=tmp_path).stdout
