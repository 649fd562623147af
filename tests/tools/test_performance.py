"""docs/performance.md says what results.json holds: ratios, missed targets with their limit, exponents, records."""

import numpy as np
import pytest

from benchmarks import measure
from tools import performance

MACHINE = {"processor": "a chip", "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64", "versions": {"numpy": "2"}}


def content(rows=(), curves=()):
    run = {"date": "2026-01-01", "commit": "abc", "load_before": 0.1, "seconds": 60.0, "machine": MACHINE}
    rows, curves = {row.name: row.to_dict() for row in rows}, {curve["name"]: curve for curve in curves}
    return {"runs": {"text": run | {"rows": rows, "curves": {}}, "growth": run | {"rows": {}, "curves": curves}}}


def test_ways_take_turns_and_a_ratio_is_the_median_of_turns():
    order = []
    seconds = measure.interleaved({"emorec": lambda: order.append("a"), "other": lambda: order.append("b")}, 3, warm=1)
    assert order == ["b", "a", "a", "b", "b", "a", "a", "b"] and all(len(times) == 3 for times in seconds.values())
    row = measure.times_as_fast("n", "w", "o", {"emorec": np.array([1.0, 2, 1]), "o": np.array([3.0, 4, 5])}, target=3)
    assert (row.value, row.low, row.high) == (3.0, 2.5, 4.0) and row.met
    assert not measure.at_most("n", "w", [4.0, 5, 6], "ms", target=4.9).met


def test_peak_memory_is_what_was_held_at_the_peak():
    _, held = measure.peak_memory(lambda: np.ones(30_000_000).sum())
    assert np.isnan(held) or 230 < held < 300


def test_a_missed_target_is_reported_with_its_limit(monkeypatch):
    about = performance.notes() | {"limits": {"slow": "The clock is the limit."}}
    monkeypatch.setattr(performance, "notes", lambda: about)
    rows = [
        measure.at_most("slow", "walking", [5.0, 6, 7], "s", target=5),
        measure.at_most("fast", "flying", [1.0], "s"),
    ]
    page = performance.page(content(rows), {})
    assert "| walking | – | – | **6** [5.5, 6.5] s | ≤ 5 s, missed: see below |" in page
    assert "**walking**: The clock is the limit." in page and "**flying**" not in page
    assert "a chip, 2 cores, 8 GiB" in page


def test_growth_is_a_figure_and_an_exponent():
    assert measure.exponent([1, 2, 4, 8, 16], [5, 6, 16, 64, 256]) == pytest.approx(2)
    curve = {"name": "squares", "of": "words", "x": [1, 2, 4], "seconds": [1, 4, 16], "mb": [1, 2, 4],
             "exponent": 2.0, "memory_exponent": 1.0, "most": 1.0}  # fmt: skip
    page = performance.page(content(curves=[curve]), {})
    assert "(growth/words.svg)" in page and "| squares | words | x^2.00 | x^1.00 | x^1 |" in page
    assert performance.above(curve) and not performance.above(curve | {"most": 2.0})
    figures = performance.figures({"squares": curve})
    assert list(figures) == ["words.svg"] and "squares, x^2.00" in figures["words.svg"]
    assert figures == performance.figures({"squares": curve})


def test_records_that_come_again_and_those_that_do_not():
    run = {"dataset": "data", "model": "m", "fold": 0, "seed": 1}
    equal = {"run": run, "equal": True, "largest": 0.00001, "metric": "accuracy", "differs": []}
    absent = {"run": run | {"fold": None}, "equal": False, "largest": None, "differs": ["DataMissing"]}
    entries = {"a": equal, "b": absent}
    page = performance.page(content(), entries)
    assert "| a | m, data, fold 0, seed 1 | equal: 0.00001 (accuracy) | – |" in page
    assert "| b | m, data, seed 1 | not done anew | DataMissing |" in page
