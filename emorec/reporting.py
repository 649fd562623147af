"""What a notebook says of itself: version and device, its results in a form that both people and checks read; and the
folder for its working files."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import invalidate_caches, metadata
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path
from typing import Any

from emorec.arguments import explained
from emorec.errors import DataMissing
from emorec.files import written
from emorec.version import __version__

RESULTS_MIME = "application/vnd.emorec.results+json"
PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "pandas", "scikit-learn", "gensim", "opencv-python")

IMPORTED_AS = {"scikit-learn": "sklearn", "opencv-python": "cv2", "pillow": "PIL"}


def about(install: bool = False) -> None:
    """Prints the version of emorec, and the device that it runs on.

    Args:
        install: Whether packages that emorec needs and this Python lacks are installed by pip. Only a copy of the
            project that was not installed itself, as an uploaded folder on Colab, can lack any.

    Raises:
        DataMissing: Packages are missing; names them, and the command that installs them.

    Example:
        >>> about()  # doctest: +SKIP
        emorec 0.2.0 on CPU, 2 cores (tensorflow)
    """
    missing = _missing_packages()
    if missing and install:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing])  # checked right below
        invalidate_caches()
        missing = _missing_packages()
    if missing:
        command = f"{sys.executable} -m pip install " + " ".join(f'"{name}"' for name in missing)
        raise DataMissing(f"What emorec needs ({', '.join(missing)})", how_to_get=command)
    print("emorec", __version__, "on", device())


def _missing_packages():
    """Lines of requirements.txt, such as ``gensim>=4.4``, whose package cannot be imported; none outside a checkout."""
    path = Path(__file__).resolve().parents[1] / "requirements.txt"
    if not (path.parent / "pyproject.toml").is_file() or not path.is_file():
        return []
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    names = {line: re.match(r"[\w.-]*", line)[0] for line in lines if line}
    return [line for line, name in names.items() if find_spec(IMPORTED_AS.get(name, name)) is None]


@explained
def work_folder(name: str = "") -> Path:
    """The folder for what a notebook writes (saved models, checkpoints, films), made where it is missing.

    One folder for all: ``output/notebooks`` of the checkout that the notebook lies in, which version control ignores;
    elsewhere ``output/notebooks`` in the working directory. The environment variable ``EMOREC_OUTPUT`` names another.

    Args:
        name: A folder below it, such as ``"cnn"``.

    Returns:
        Its path, relative to the working directory.

    Example:
        >>> classifier.save(work_folder() / "cnn.emorec")  # doctest: +SKIP
    """
    here = Path.cwd()
    checkout = next((p for p in (here, *here.parents) if (p / "emorec" / "version.py").is_file()), here)
    chosen = os.environ.get("EMOREC_OUTPUT")
    folder = (Path(chosen).expanduser() if chosen else Path(os.path.relpath(checkout), "output", "notebooks")) / name
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def versions() -> dict[str, str]:
    """Versions of Python, this package and those it stands on, for provenance: name to version."""
    numbers = {"python": platform.python_version(), "emorec": __version__}
    for name in PACKAGES:
        try:
            numbers[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return numbers


def device() -> str:
    """One line: the accelerators Keras sees, by name, or the number of CPU cores."""
    with quiet():
        import keras

        backend = keras.backend.backend()
        accelerators = _accelerators(backend)
    if accelerators:
        return f"{', '.join(accelerators)} ({backend})"
    return f"CPU, {os.cpu_count()} cores ({backend})"


def _accelerators(backend):
    if backend == "jax":
        import jax

        return [d.device_kind for d in jax.devices() if d.platform != "cpu"]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(d).get("device_name", "GPU") for d in devices]


@contextmanager
def quiet() -> Iterator[None]:
    """Hides what TensorFlow's C++ side writes while it is imported, before its own log level counts."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@explained
def publish(results: dict[str, Any], title: str = "Results") -> None:
    """Shows a notebook's results as a table, and leaves them readable for checks.

    Args:
        results: Name to number, or to ``(estimate, low, high)`` for a number with its 95 % interval; fractions are
            shown as they are.
        title: The table's caption.
    """

    def plain(value):
        if isinstance(value, (tuple, list)):
            return list(map(plain, value))
        return int(value) if isinstance(value, Integral) else float(value)

    rows = {name: plain(value) for name, value in results.items()}
    lines = [f"{name}: {show(value)}" for name, value in rows.items()]
    if "IPython" not in sys.modules:
        print("\n".join([title, *lines]))
        return
    from html import escape

    from IPython.display import display

    body = "".join(f"<tr><th style='text-align:left'>{escape(n)}</th><td>{show(v)}</td></tr>" for n, v in rows.items())
    table = f"<table><caption style='text-align:left'><b>{escape(title)}</b></caption>{body}</table>"
    display({"text/plain": "\n".join(lines), "text/html": table, RESULTS_MIME: rows}, raw=True)


@explained
def show(value: Any) -> str:
    """``0.781 [0.756, 0.806]`` for an estimate with its interval, ``0.781`` for a number, ``26`` for a count."""
    if isinstance(value, (tuple, list)):
        return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]" if len(value) == 3 else ", ".join(map(show, value))
    return f"{value:.0f}" if isinstance(value, Integral) or (value > 1 and value % 1 == 0) else f"{value:.3f}"
