"""Records that come again, and those that do not: seen, named and kept."""

import json
import os

import pytest

import experiments
from emorec.errors import BadInput
from experiments import Run, verify
from experiments.runs import file_of


def runs(function="made", **more):
    return [
        Run("demo", "data", "m", f"made_runs:{function}", {"value": 0.5}, fold=k, folds=2, **more) for k in range(2)
    ]


@pytest.mark.slow
def test_a_run_is_done_anew_and_compared(tmp_path):
    experiments.perform(runs(), folder=tmp_path, progress=None)
    before = dict(os.environ)
    entry = verify.verify("demo", runs(), tmp_path)
    assert entry["equal"] and entry["largest"] == 0 and entry["run"]["model"] == "m"
    assert entry["threads"] == experiments.load_results("demo", tmp_path)[0]["threads"]
    assert dict(os.environ) == before
    path = file_of("demo", tmp_path)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record["metrics"]["accuracy"][1] += 0.0002
        record["device"] = "an abacus"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    entry = verify.verify("demo", runs(), tmp_path)
    assert not entry["equal"] and entry["largest"] == pytest.approx(0.0002) and entry["metric"] == "accuracy"
    assert any(phrase.startswith("device an abacus, now CPU") for phrase in entry["differs"])
    assert "differs by 0.00020 in accuracy" in verify.sentence(entry)
    assert verify.load_verified(tmp_path) == {"demo": entry}


def test_what_is_not_recorded_cannot_come_again(tmp_path):
    with pytest.raises(BadInput, match="Nothing of 'demo'"):
        verify.verify("demo", runs(), tmp_path)


def test_numbers_are_compared_however_deep_they_lie():
    first = {"accuracy": [0.5, 0.4, 0.6], "ece": 0.1, "nothing": None}
    assert verify.largest_difference(first, first) == (0.0, "nothing")
    assert verify.largest_difference(first, first | {"ece": 0.3}) == (pytest.approx(0.2), "ece")
    assert verify.largest_difference(first, {"accuracy": [0.5, 0.4, 0.6], "nothing": None})[0] == float("inf")
    assert verify.largest_difference([1.0, 2.0], [1.0])[0] == float("inf")
    assert verify.largest_difference({"f1": 0.5}, {"f1": [0.75, 0.7, 0.8]}) == (0.25, "f1")


def test_threads_come_back_from_new_records_and_old_ones():
    new = {"blas": 1, "tensorflow": 2, "cores": 2}
    assert verify.environment(new) == {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "2",
    }
    assert verify.environment({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": None, "cores": 2}) == {
        "OMP_NUM_THREADS": "1"
    }
    assert verify.environment({}) == {}
