"""Shared by all tests: no start-up noise, and where the real datasets are."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


def real_data(name):
    """Folder of a real dataset below $EMOREC_DATA; skips the test where there is none."""
    root = os.environ.get("EMOREC_DATA")
    if root and (Path(root) / name).exists():
        return Path(root) / name
    pytest.skip(f"the real dataset {name!r} is not below $EMOREC_DATA")


@pytest.fixture
def real():
    """`real("rt-polarity")` is the folder of a real dataset; skips where it is not at hand."""
    return real_data
