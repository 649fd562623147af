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


@pytest.fixture(scope="module")
def saved_classifier():
    """The text classifier that an earlier version saved."""
    import emorec

    return emorec.load(ROOT / "tests/unit/saved/text.emorec")


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """Another Python, started at its first use, that reads what a test has saved: see tests/unit/layer_checks.py."""
    from layer_checks import FreshProcess

    process = FreshProcess(tmp_path_factory.mktemp("elsewhere"))
    yield process
    process.close()


# A test of more than three seconds of CPU time is marked `slow` or `notebook`, so that `make unit` stays quick.
LIMIT = 3.0


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items):
    """All that is neither slow nor about whole notebooks is a unit test."""
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("slow", "notebook")):
            item.add_marker("unit")


def cpu_seconds():
    """Of this process and of its children that have ended; other programs on the machine do not add to it."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    before = cpu_seconds()
    yield
    unit = item.get_closest_marker("unit") is not None
    item.user_properties += [("cpu_seconds", round(cpu_seconds() - before, 1)), ("unit", unit)]


def pytest_terminal_summary(terminalreporter):
    """Lists tests that lack the marker."""
    facts = [(r.nodeid, dict(r.user_properties)) for r in terminalreporter.getreports("passed") if r.when == "call"]
    over = {name: f["cpu_seconds"] for name, f in facts if f.get("cpu_seconds", 0) > LIMIT and f["unit"]}
    if over:
        terminalreporter.section(f"more than {LIMIT:.0f} s of CPU time, and not marked slow")
        for name, seconds in sorted(over.items(), key=lambda item: -item[1]):
            terminalreporter.line(f"{seconds:6.1f} s  {name}")
