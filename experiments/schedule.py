"""Carries out the runs of a grid: one after another, in processes of this machine, or on a Dask cluster."""

import functools
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from emorec.checks import choice, whole_number
from emorec.errors import BadInput, DataMissing
from experiments.runs import Run, append, compute, execute, recorded, recorded_keys

BACKENDS = ("local", "dask")
ATTEMPTS = 3  # of a run whose worker dies: more often than that, the run itself is to blame (memory, a crash in C)


def perform(
    runs: Sequence[Run],
    jobs: int = 1,
    folder: str | Path | None = None,
    progress: Callable[[str], None] | None = print,
    backend: str = "local",
    scheduler: str | None = None,
    threads: int | None = None,
) -> list[dict]:
    """Executes the runs that are not recorded yet; this process records each when it is done.

    A kill of this process loses the runs in progress. A worker that dies costs its run, which starts anew on another
    one. A run that fails does not keep the others from being done; the first error is raised at the end.

    Args:
        runs: From `experiments.declared`.
        jobs: Processes at once on this machine; 1 stays in this one.
        folder: Where the records go; None takes the checkout's results/.
        progress: Receives a line per run, with the time that is left; None is silent.
        backend: ``local``, or ``dask``: on every worker of a cluster, which needs a checkout and the data but no
            common file system (``pip install "emorec[cluster]"``).
        scheduler: Address of Dask's scheduler, such as ``tcp://10.0.0.5:8786``; None starts ``jobs`` workers here.
        threads: Of each run, for TensorFlow and for linear algebra; None leaves them as they are.

    Returns:
        The records of all runs, in their order.

    Raises:
        BadInput: An unknown backend, or a run that another declaration has recorded.
        DataMissing: ``backend="dask"`` without the library, or without a scheduler at the address.
    """
    choice("backend", backend, BACKENDS)
    jobs = whole_number("jobs", jobs, 1)
    if scheduler is not None and backend != "dask":
        raise BadInput(f"scheduler={scheduler!r} is for backend='dask'; it is {backend!r}.")
    tell = progress or (lambda line: None)
    there = {key for name in {run.experiment for run in runs} for key in recorded_keys(name, folder)}
    for run in runs:
        recorded(run, folder)  # refuses another declaration before hours are spent
    pending = [run for run in runs if (run.experiment, *run.key) not in there]
    tell(f"{len(runs) - len(pending)} of {len(runs)} runs are there already.")
    if backend == "dask":
        outcomes = _on_cluster(pending, jobs, scheduler, threads, tell)
    else:
        outcomes = _here(pending, threads) if jobs == 1 else _in_processes(pending, min(jobs, len(pending)), threads)
    started, errors = time.perf_counter(), []
    for done, (run, outcome) in enumerate(outcomes, start=1):
        try:
            if isinstance(outcome, Exception):
                raise outcome
            append(outcome, folder)
            what = _scored(outcome)
        except Exception as error:  # the other runs go on
            errors.append(error)
            what = f"{type(error).__name__}: {error}"
        left = (time.perf_counter() - started) / done * (len(pending) - done)
        fold = "" if run.fold is None else f" fold {run.fold}"
        tell(f"{done}/{len(pending)} {run.dataset} {run.model}{fold} seed {run.seed}: {what}; {_duration(left)} left")
    if errors:
        tell(f"{len(errors)} of {len(pending)} runs failed; the same command tries them again.")
        raise errors[0]
    return [execute(run, folder) for run in runs]


def _scored(content):
    first = ", ".join(f"{name} {_number(value):.4f}" for name, value in list(content["metrics"].items())[:2])
    return f"{first} ({content['seconds']} s)"


def _number(value):
    return value[0] if isinstance(value, (list, tuple)) else value


def _duration(seconds):
    """``12 s``, ``3 min``, ``2 h 5 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _here(runs, threads):
    """Pairs of a run and its record or its error, one after another in this process."""
    for run in runs:
        yield run, _outcome(functools.partial(compute, run, threads))


def _outcome(work):
    try:
        return work()
    except Exception as error:
        return error


def _in_processes(runs: Sequence[Run], jobs: int, threads) -> Iterator[tuple[Run, dict | Exception]]:
    """The same from ``jobs`` processes; each is a pool of its own, so that one that dies takes no other along."""
    if not runs:
        return
    slots: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(jobs):
        slots.put(_pool())

    def work(run):
        slot = slots.get()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return slot.submit(compute, run, threads).result()
                except BrokenProcessPool:
                    slot.shutdown(wait=False)
                    slot = _pool()
                    if attempt == ATTEMPTS:
                        raise BadInput(f"{run.slug} ended its process {ATTEMPTS} times: look at its memory.") from None
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(jobs) as callers:
        futures = {callers.submit(work, run): run for run in runs}
        try:
            for future in as_completed(futures):
                yield futures[future], _outcome(future.result)
        finally:
            for future in futures:
                future.cancel()
    while not slots.empty():
        slots.get().shutdown()


def _pool():
    """One process that did not inherit TensorFlow's threads: a forked child would hang."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


# Dask


def _on_cluster(runs, jobs, scheduler, threads, tell) -> Iterator[tuple[Run, dict | Exception]]:
    """The same from the workers of a Dask cluster, which gives the run of a dead worker to another."""
    try:
        import distributed
    except ImportError:
        raise DataMissing("The library distributed", how_to_get='pip install "emorec[cluster]"') from None
    with distributed.LocalCluster(jobs, threads_per_worker=1) if scheduler is None else _Address(scheduler) as where:
        try:
            client = distributed.Client(where, timeout=20)
        except OSError as error:
            how = f"start one: dask scheduler, and on each machine dask worker {scheduler} --nthreads 1"
            raise DataMissing(f"A Dask scheduler at {scheduler} ({error})", how_to_get=how) from None
        with client:
            try:
                client.wait_for_workers(1, timeout=60)
            except TimeoutError:
                address = client.scheduler.address
                raise DataMissing(
                    f"A worker of the scheduler at {address}", how_to_get=f"dask worker {address}"
                ) from None
            tell(f"{len(client.scheduler_info(n_workers=-1)['workers'])} workers at {client.scheduler.address}.")
            # The key holds the whole declaration, since a scheduler answers an equal key from memory.
            keys = {json.dumps(asdict(run)): run for run in runs}
            futures = {client.submit(_on_worker, run, threads, key, key=key): key for key, run in keys.items()}
            for future, outcome in distributed.as_completed(futures, with_results=True, raise_errors=False):
                key, failed = futures.pop(future), future.status == "error"
                future.release()  # else Dask would do it anew when the worker that holds the result dies
                yield keys[key], outcome[1] if failed else json.loads(outcome)
                distributed.Variable(key, client=client).delete()


class _Address(str):
    """The address of a scheduler that somebody else started, and ends."""

    def __enter__(self):
        return str(self)

    def __exit__(self, *error):
        pass


_one_at_a_time = threading.Lock()


def _on_worker(run, threads, name):
    """The record of a run, as JSON, made on a worker.

    Keras' session and seeds belong to the process, so that threads take turns. The scheduler keeps the record until the
    client has it: what lies on a worker dies with it, and Dask calls this function again.
    """
    import distributed

    kept = distributed.Variable(name)
    try:
        return kept.get(timeout=0.5)
    except TimeoutError:
        pass
    with _one_at_a_time:
        record = json.dumps(compute(run, threads), default=float)
    kept.set(record)
    return record
