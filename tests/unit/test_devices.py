"""Training over several devices gives what one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emorec import devices

HERE = Path(__file__).resolve().parent


@pytest.mark.slow
def test_two_devices_train_what_one_trains():
    env = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(HERE / "on_two_devices.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    assert outcome["apart"] < 1e-5 < 1e-2 < outcome["moved"]
    assert max(outcome["history"]) < 1e-5
    assert outcome["plain"]  # what is fitted lies on one device
    assert "batch_size=9 cannot be shared equally by 2 devices" in outcome["unequal"]
    assert "devices=3: this machine has CPU:0, CPU:1" in outcome["three"]
    assert "devices=['GPU:7']" in outcome["named"]


def test_on_one_device_nothing_changes():
    x, y = np.arange(6).reshape(3, 2), np.eye(3)
    assert devices.present() == 1
    assert all(a is b for a, b in zip(devices.whole_batches(x, y, None, 2), (x, y, None)))
    with devices.over(1):
        assert devices.present() == 1
