"""What the package keeps to itself: no network at import, loading or predicting, no telemetry, nothing stored."""

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from harness import SAVED, quietly

import emorec
from emorec.faces import detection

ROOT = Path(__file__).resolve().parents[2]
NETWORK = {"aiohttp", "ftplib", "http", "httpx", "requests", "smtplib", "socket", "telnetlib", "urllib", "urllib3",
           "webbrowser", "xmlrpc"}  # fmt: skip


@pytest.mark.fault(
    "There is no network", "import, loading a model and reading inputs need none; a test forbids sockets"
)
def test_no_sockets_at_import_load_and_predict(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a socket")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, forbidden)
    names = [name for name in sys.modules if name == "emorec" or name.startswith("emorec.")]
    assert names
    code = (
        "import socket\nfor n in ('socket', 'create_connection', 'getaddrinfo'): setattr(socket, n, None)\n"
        "import emorec, emorec.text, emorec.faces, emorec.voice, emorec.multimodal, emorec.datasets"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == 0, done.stderr[-1000:]
    assert quietly(emorec.load("text-emotion-small").predict, ["I am happy"])[0] == "happiness"
    quietly(emorec.load(SAVED / "face.emorec").predict_proba, [np.zeros((48, 48), "uint8")])


@pytest.mark.fault(
    "The package would report what it is used for",
    "there is no telemetry: one module, the downloader, can reach a network",
)
def test_one_module_can_reach_a_network():
    can = set()
    for path in (ROOT / "emorec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if {name.partition(".")[0] for name in names} & NETWORK:
                can.add(path.relative_to(ROOT / "emorec").as_posix())
    assert can == {"datasets/download.py"}


class Camera:
    def __init__(self, _):
        self.left = 3

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((40, 40, 3), 90, "uint8")

    def get(self, _):
        return 0.0

    def release(self):
        pass


WRITTEN: list = []


def _watch(event, arguments):
    """Notes files that are opened for writing, or made in another way; an audit hook stays as long as the process."""
    if WRITTEN and event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        mode, flags = arguments[1], arguments[2]
        if (mode and set(str(mode)) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            WRITTEN.append(os.fsdecode(arguments[0]))
    elif WRITTEN and event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        WRITTEN.append(str(arguments[0]))


@pytest.mark.fault("The webcam shows people", "nothing of them is stored: no file is written or made")
def test_the_webcam_stores_nothing(monkeypatch, tmp_path):
    face = emorec.load(SAVED / "face.emorec")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(detection, "detect_faces", lambda picture, **_: [detection.Face((5, 10, 25, 25), 0.9)])
    quietly(face.predict_proba, [np.zeros((48, 48), "uint8")])  # what is imported and compiled comes first
    sys.addaudithook(_watch)
    WRITTEN.append("watching")
    try:
        with open(tmp_path / "seen.txt", "w"):  # the hook works
            pass
        annotated = quietly(lambda: face.webcam(window=False))
        seen = WRITTEN[1:]
    finally:
        WRITTEN.clear()
    assert annotated.shape == (40, 40, 3)
    assert [Path(path).name for path in seen if not path.endswith((".pyc", os.devnull))] == ["seen.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["seen.txt"]
