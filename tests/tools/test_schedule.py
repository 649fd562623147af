"""Grids in several processes and on a Dask cluster: dead workers, errors, equal results."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import distributed
import pytest

import experiments
from emorec.errors import BadInput
from experiments import Run, schedule

ROOT = Path(__file__).resolve().parents[2]


def grid(function, n=5, **options):
    options = {"value": 0.5, **options}
    return [Run("demo", "data", "m", f"made_runs:{function}", options, fold=k, folds=n) for k in range(n)]


def metrics(folder):
    return {r["run"]["fold"]: r["metrics"] for r in experiments.load_results("demo", folder)}


@pytest.fixture
def scheduler(tmp_path):
    """The address of a real scheduler with two worker processes, each started by its own command."""
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env, "cwd": tmp_path}
    processes = [subprocess.Popen([*command, "--scheduler-file", str(file)], **silent)]
    try:
        until = time.monotonic() + 60
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < until, "the scheduler does not come up"
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
        processes += [subprocess.Popen([*worker, "--nworkers", "2"], **silent)]
        with distributed.Client(address) as client:
            client.wait_for_workers(2, timeout=240)
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(60)


@pytest.mark.slow
def test_a_dead_process_costs_its_run_and_no_more(tmp_path):
    log, lines = tmp_path / "log", []
    experiments.perform(grid("deadly", log=str(log), fatal=2), jobs=2, folder=tmp_path, progress=lines.append)
    assert sorted(log.read_text().split()) == ["0", "1", "2", "2", "3", "4"]
    assert {fold: m["accuracy"][0] for fold, m in metrics(tmp_path).items()} == pytest.approx(
        {k: 0.5 + 0.01 * k for k in range(5)}
    )
    assert lines[0].startswith("0 of 5 runs") and lines[-1].startswith("5/5 ") and lines[-1].endswith(" 0 s left")


@pytest.mark.slow
def test_a_cluster_gives_what_this_machine_gives_and_outlives_a_worker(tmp_path, scheduler):
    log, lines = tmp_path / "log", []
    runs = grid("deadly", log=str(log), fatal=1)
    experiments.perform(
        runs, folder=tmp_path / "cluster", progress=lines.append, backend="dask", scheduler=scheduler, threads=1
    )
    assert sorted(log.read_text().split()) == ["0", "1", "1", "2", "3", "4"]  # the dead worker's run alone came again
    assert lines[1].startswith("2 workers at tcp://") and lines[-1].endswith(" 0 s left")
    experiments.perform(runs, folder=tmp_path / "local", progress=None)
    assert metrics(tmp_path / "cluster") == metrics(tmp_path / "local")
    record = experiments.load_results("demo", tmp_path / "cluster")[0]
    assert record["threads"]["blas"] == record["threads"]["tensorflow"] == 1


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_others_be(tmp_path):
    lines = []
    with pytest.raises(ValueError, match="no luck in fold 1"):
        experiments.perform(grid("failing", 3), folder=tmp_path, progress=lines.append)
    assert set(metrics(tmp_path)) == {0, 2}
    assert "1 of 3 runs failed" in lines[-1]


def test_a_run_that_always_ends_its_process_is_abandoned(tmp_path):
    with pytest.raises(BadInput, match=f"ended its process {schedule.ATTEMPTS} times"):
        experiments.perform(grid("fatal", 1), jobs=2, folder=tmp_path, progress=None)


def test_what_the_scheduling_cannot_do_is_an_error(tmp_path):
    with pytest.raises(BadInput, match="scheduler='tcp://here:1' is for backend='dask'"):
        experiments.perform([], folder=tmp_path, progress=None, scheduler="tcp://here:1")
    with pytest.raises(BadInput, match="backend='slurm' is unknown"):
        experiments.perform([], folder=tmp_path, progress=None, backend="slurm")
    assert schedule._duration(3600) == "60 min" and schedule._duration(7500) == "2 h 5 min"
