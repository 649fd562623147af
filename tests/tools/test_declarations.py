"""Settings as data: what a file of settings declares, and that no record has lost its declaration."""

import json
from collections import Counter
from dataclasses import asdict
from importlib import import_module

import pytest

from emorec.errors import BadInput
from experiments import declarations, load_results
from experiments.declarations import options_of, runs_of

FILE = """
about = "A demonstration."
together = true
[settings.plain]
units = 8
unset = ["patience"]

[[rows]]
function = "m:base"
baseline = true
folds = 4
first = 2
models = { "majority" = { baseline = "majority" } }

[[rows]]
function = "m:net"
datasets = ["demo", "other"]
seeds = 2
models = { "{encoder} + {attention}" = { use = "plain", inner = "@plain", deep = { use = "plain", units = 9 } } }
grid = { encoder = ["gru", "cnn"], attention = ["global"] }
"""


def test_a_file_declares_folds_seeds_grids_and_shared_settings(tmp_path):
    path = tmp_path / "demo.toml"
    path.write_text(FILE)
    made = runs_of("demo", path)
    assert [(r.dataset, r.model, r.fold, r.folds, r.seed) for r in made] == [
        ("demo", "majority", 0, 4, 0),
        ("demo", "gru + global", None, None, 0), ("demo", "cnn + global", None, None, 0),
        ("demo", "gru + global", None, None, 1), ("demo", "cnn + global", None, None, 1),
        ("demo", "majority", 1, 4, 0),
        ("other", "gru + global", None, None, 0), ("other", "cnn + global", None, None, 0),
        ("other", "gru + global", None, None, 1), ("other", "cnn + global", None, None, 1),
    ]  # fmt: skip
    assert [r.baseline for r in made] == [True, False, False, False, False, True, False, False, False, False]
    plain = {"units": 8, "patience": None}
    own = {"inner": plain, "deep": {"units": 9, "patience": None}, "encoder": "gru", "attention": "global"}
    assert made[1].options == plain | own and made[0].options == {"baseline": "majority"}


@pytest.mark.parametrize("line", ["seed = 3", 'model = "a"'])
def test_unknown_fields_and_settings_are_refused(tmp_path, line):
    path = tmp_path / f"{line[:5]}.toml"
    path.write_text(f'about = "x"\n[[rows]]\nfunction = "m:f"\nmodels = {{ "a" = {{}} }}\n{line}\n')
    with pytest.raises(BadInput, match="unknown"):
        runs_of("demo", path)
    with pytest.raises(BadInput, match="no settings 'lost'"):
        options_of({"use": "lost"}, {"plain": {}})


@pytest.mark.slow
def test_every_experiment_says_what_it_asks_and_names_functions_that_are_there():
    assert len(declarations.names()) > 20
    for name in declarations.names():
        made = runs_of(name)
        assert declarations.about(name).endswith((".", ")"))
        assert max(Counter(run.key for run in made).values()) == 1
        for module, _, function in {tuple(run.function.partition(":")) for run in made}:
            assert callable(getattr(import_module(module), function))


def test_records_are_of_the_runs_that_are_declared():
    records = 0
    for name in declarations.names():
        made = {json.dumps(asdict(run), sort_keys=True) for run in runs_of(name)}
        for content in load_results(name):
            assert json.dumps(content["run"], sort_keys=True) in made
            records += 1
    assert records > 1800
