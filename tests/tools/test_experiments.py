"""Experiments: run by run, resumable, and tables that say what the files say."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import emorec
import experiments
from emorec import metrics
from emorec.errors import BadInput
from emorec.labels import LabelSet
from emorec.text import baselines, comparison
from experiments import Run, attention, tables, text
from tools import generated, results

CALLS = []


def fake(run):
    CALLS.append(run)
    value = run.options["value"] + 0.01 * (run.fold or 0) + 0.02 * run.seed
    metrics = {"accuracy": [value, value - 0.05, value + 0.05], "ece": value}
    return {"metrics": metrics, "protocol": "made up", "sizes": {"train": 60, "validation": 10, "test": 30}}


def runs(n=3, value=0.5, model="A model", **more):
    return [Run("demo", "data", model, f"{__name__}:fake", {"value": value}, fold=k, folds=n, **more) for k in range(n)]


def test_each_run_leaves_one_file_and_is_not_repeated(tmp_path):
    CALLS.clear()
    experiments.perform(runs(), folder=tmp_path, progress=None)
    assert len(CALLS) == 3
    content = json.loads((tmp_path / "demo.jsonl").read_text().splitlines()[1])
    assert content["run"]["fold"] == 1
    assert {"device", "threads", "commit", "versions", "date", "seconds", "protocol"} <= set(content)
    lines = []
    experiments.perform(runs(), folder=tmp_path, progress=lines.append)
    assert len(CALLS) == 3
    assert lines[0].startswith("3 of 3 runs")


def test_a_killed_grid_goes_on_where_it_was(tmp_path):
    CALLS.clear()
    experiments.perform(runs()[:2], folder=tmp_path, progress=None)
    experiments.perform(runs(), folder=tmp_path, progress=None)
    assert [r.fold for r in CALLS] == [0, 1, 2]


def test_another_declaration_under_the_same_name_is_refused(tmp_path):
    experiments.perform(runs(), folder=tmp_path, progress=None)
    with pytest.raises(BadInput, match="another declaration"):
        experiments.perform(runs(value=0.7), folder=tmp_path, progress=None)


def test_a_line_that_a_kill_cut_off_is_run_again(tmp_path):
    experiments.perform(runs(), folder=tmp_path, progress=None)
    path = tmp_path / "demo.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert len(experiments.load_results("demo", tmp_path)) == 2
    CALLS.clear()
    experiments.perform(runs(), folder=tmp_path, progress=None)
    assert [r.fold for r in CALLS] == [2] and len(experiments.load_results("demo", tmp_path)) == 3


def test_what_is_not_a_number_is_not_written(tmp_path):
    with pytest.raises(BadInput, match="A model.* holds NaN"):
        experiments.perform(runs(1, float("nan")), folder=tmp_path, progress=None)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_counts_and_estimates_are_shown_apart():
    from emorec.reporting import show

    assert [show(v) for v in (0, 1, np.int64(26), 26.0, 1.0, 0.7812, float("inf"))] == [
        "0", "1", "26", "26", "1.000", "0.781", "inf"]  # fmt: skip
    assert show((0.781, 0.756, 0.806)) == "0.781 [0.756, 0.806]"


def test_fold_interval_is_corrected_for_overlap(tmp_path):
    experiments.perform(runs(), folder=tmp_path, progress=None)
    mean, low, high = experiments.summary("demo", tmp_path)[0]["metrics"]["accuracy"]
    assert mean == pytest.approx(0.51)
    half = stats.t.ppf(0.975, 2) * np.sqrt(0.01**2 * (1 / 3 + 30 / 60))
    assert (low, high) == pytest.approx((mean - half, mean + half))
    experiments.perform(runs(model="majority", baseline=True), folder=tmp_path, progress=None)
    mean, low, high = experiments.summary("demo", tmp_path)[0]["metrics"]["accuracy"]
    assert mean - low == pytest.approx(
        half * np.sqrt((1 / 3 + 30 / 70) / (1 / 3 + 30 / 60))
    )  # learns from validation too


def test_seed_interval_is_never_narrower_than_the_test_split_allows(tmp_path):
    declared = [Run("demo", "data", "m", f"{__name__}:fake", {"value": 0.5}, seed=s) for s in range(3)]
    experiments.perform(declared, folder=tmp_path, progress=None)
    mean, low, high = experiments.summary("demo", tmp_path)[0]["metrics"]["accuracy"]
    own, sampling = 0.02**2 / 3, (0.05 / 1.96) ** 2
    freedom = 2 * ((own + sampling) / own) ** 2  # Satterthwaite: two of the seeds' part, any number of the other
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(own + sampling))
    mean, low, high = experiments.summary("demo", tmp_path)[0]["metrics"]["ece"]  # nothing is known of its error
    assert low == high == mean


def test_table_is_written_between_marks_and_drift_is_reported(tmp_path, monkeypatch):
    experiments.perform([*runs(), *runs(model="majority", value=0.2, baseline=True)], folder=tmp_path, progress=None)
    text = "before\n<!-- results: demo -->\nold\n<!-- /results -->\nafter\n"
    new = results.filled(text, tmp_path)
    assert new.startswith("before\n<!-- results: demo -->\n| data | model |") and new.endswith(
        "<!-- /results -->\nafter\n"
    )
    lines = new.split("\n")
    assert lines[4].startswith("| data | *majority* | 21.0 [")  # baselines first
    assert lines[5].startswith("| data | A model | 51.0 [")
    assert results.filled(new, tmp_path) == new
    script = "# <!-- results: demo -->\n# <!-- /results -->\n"
    assert all(line.startswith("#") for line in results.filled(script, tmp_path).strip().split("\n"))
    (tmp_path / "README.md").write_text(text)
    monkeypatch.setattr(results, "ROOT", tmp_path)
    assert generated.stale(results.documents(tmp_path)) == [tmp_path / "RESULTS.md", tmp_path / "README.md"]
    generated.write(results.documents(tmp_path))
    assert generated.stale(results.documents(tmp_path)) == []


def test_protocols_are_those_of_the_records_unless_they_are_described(tmp_path, monkeypatch):
    for run in (*runs(2, 0.2, "majority", baseline=True), *runs(2)):
        experiments.execute(run, tmp_path)
    assert experiments.table("demo", tmp_path).split("\n")[-1] == "data: made up."
    monkeypatch.setattr(tables, "described", lambda name: {"protocol": "Two folds.", "metrics": ["accuracy"]})
    assert experiments.table("demo", tmp_path).split("\n")[-1] == "Two folds."


def test_a_table_without_results_says_how_to_get_them(tmp_path):
    assert "python -m experiments nothing" in experiments.table("nothing", tmp_path)


def test_declared_experiments_are_unique_and_filterable():
    for name in experiments.names():
        declared = experiments.declared(name)
        assert len({r.key for r in declared}) == len(declared)
    chosen = experiments.declared("polarity", dataset="movie-polarity", folds=[3])
    assert {r.fold for r in chosen} == {3} and {r.dataset for r in chosen} == {"movie-polarity"}
    chosen = experiments.declared("fer2013", seeds=[0, 2], models=["VGG"])
    assert [(r.model, r.seed) for r in chosen] == [("VGG", 0), ("VGG", 2)]
    with pytest.raises(BadInput, match="no run with dataset='mars'.*its models are .*majority"):
        experiments.declared("polarity", dataset="mars")
    with pytest.raises(BadInput, match=r"models=\['vgg'\]; its models are .*VGG"):
        experiments.declared("fer2013", models=["vgg"])


def made_scores(gains, reference=0.6, folds=5):
    """A score a fold: the encoders' own, the same for both encoders, plus the gain of each attention."""
    rows = []
    for fold in range(folds):
        for encoder in ("gru", "cnn"):
            for mechanism, gain in {"none": [0.0] * folds, **gains}.items():
                score = reference + 0.05 * fold + gain[fold]
                rows.append(("data", encoder, mechanism, fold, 1 / 4, 0, score))
    return pd.DataFrame(rows, columns=["dataset", "encoder", "attention", "fold", "ratio", "seed", "score"])


def test_attention_is_compared_fold_by_fold():
    gain = np.array([0.02, 0.022, 0.018, 0.02, 0.02])
    table = comparison.paired(made_scores({"global": gain, "self": -gain}))
    rows = table.set_index(["encoder", "attention"])
    half = stats.t.ppf(0.975, 4) * 100 * gain.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert len(rows) == 6  # two attentions x two encoders and their mean
    for encoder in ("gru", "cnn", comparison.EVERY):
        row = rows.loc[(encoder, "global")]
        assert (row.estimate, row.low, row.high) == pytest.approx((2, 2 - half, 2 + half))
        assert row.score == pytest.approx(72) and row.p == pytest.approx(min(1, 6 * row.p_raw))
    text = comparison.conclusion(table)
    assert "Global attention, averaged over the encoders: +2.0 points" in text and "better" in text
    assert "2 of 4 differences lie above zero and 2 below" in text


def test_noise_is_not_called_a_difference():
    table = comparison.paired(made_scores({"global": [0.05, -0.06, 0.04, -0.03, 0.02]}))
    assert "chance can explain it" in comparison.conclusion(table)
    assert "0 of 2 differences lie above zero and 0 below" in comparison.conclusion(table)
    with pytest.raises(BadInput, match="Nothing to compare"):
        comparison.paired(made_scores({}))


def test_the_control_of_an_averaging_encoder_is_its_own_average():
    made = made_scores({"uniform": [0.01] * 5, "global": [0.03] * 5}).replace({"encoder": {"cnn": "mlp-average"}})
    made = made[(made.encoder != "mlp-average") | (made.attention != "uniform")]
    estimates = comparison.paired(made, "uniform").set_index(["encoder", "attention"]).estimate
    assert estimates.to_dict() == {("gru", "global"): pytest.approx(2), ("mlp-average", "global"): pytest.approx(3),
                               (comparison.EVERY, "global"): pytest.approx(2.5)}  # fmt: skip


def test_the_attention_grid_reads_back_as_pairs():
    declared = experiments.declared("attention", dataset="movie-polarity", folds=[0, 1])
    sizes = {"train": 81, "validation": 9, "test": 10}
    contents = [{"run": asdict(r), "metrics": {"accuracy": [0.7, 0.6, 0.8]}, "sizes": sizes} for r in declared]
    scores = attention.scores(contents)
    assert set(zip(scores.encoder, scores.attention)) == set(comparison.pairs())
    assert ("mlp", "global") not in set(comparison.pairs()) and ("mlp-average", "global") in set(comparison.pairs())
    assert (comparison.paired(scores).estimate == 0).all()


@pytest.mark.slow
def test_the_answer_is_the_means_of_the_recorded_grid():
    recorded = attention.scores()
    means = comparison.paired(recorded).query("encoder == @comparison.EVERY")
    lines = tables.table("attention/answer").split("\n")
    assert len(means) and len(lines) == len(means) + 4
    for line, row in zip(lines[2:], means.itertuples()):
        assert line.startswith(
            f"| {row.dataset} | {row.attention} | {row.estimate:+.1f} [{row.low:+.1f}, {row.high:+.1f}]"
        )


def test_refolded_gives_the_folds_that_loading_gives():
    data = emorec.datasets.load("sample-sentences")
    tests = [set(comparison.refolded(data, k, 4).test.ids) for k in range(4)]
    assert set().union(*tests) == {i for s in (data.train, data.validation, data.test) for i in s.ids}
    assert sum(map(len, tests)) == len(data.train) + len(data.validation) + len(data.test)
    again = comparison.refolded(comparison.refolded(data, 1, 4), 2, 4)
    assert set(again.test.ids) == tests[2]


def test_an_ensemble_weighs_its_members_on_validation_data():
    tiny = {"encoder": "none", "attention": "global", "embedding_dim": 8, "epochs": 1, "learning_rate": 1e-6}
    run = Run(
        "demo", "sample-reviews", "both", "experiments.text:run_ensemble", {"classifier": tiny, "baseline": "nbsvm"}
    )
    outcome = text.run_ensemble(run)
    data = emorec.datasets.load("sample-reviews")
    alone = baselines.build("nbsvm", data.label_set).fit(data.train.inputs, data.train.labels)
    alone = metrics.evaluate(data.test.labels, alone.predict(data.test.inputs), data.label_set)
    untrained, linear = np.abs(outcome["weights"][0])
    assert linear > 2 * untrained  # 32 reviews are enough to hear that the network has learnt nothing
    assert outcome["metrics"]["accuracy"][0] > alone.accuracy - 0.1
    assert outcome["sizes"]["test"] == len(data.test)


@pytest.fixture
def tagged(monkeypatch):
    """300 texts of one to three emotions, each named by a word of its own."""
    rng = np.random.default_rng(0)
    words = {"joy": "glad", "fear": "afraid", "anger": "cross"}
    rows = []
    for i in range(300):
        labels = [name for name in words if rng.random() < 0.4] or ["joy"]
        rows.append((f"{' and '.join(words[n] for n in labels)} number {i}", tuple(labels)))
    label_set = LabelSet("made", tuple(words), multi_label=True)
    data = emorec.datasets.from_table(pd.DataFrame(rows, columns=["text", "label"]), label_set=label_set)
    monkeypatch.setattr(text, "load", lambda run: data)
    return data


def test_multi_label_baselines_know_no_test_label(tagged):
    f1 = {}
    for name in ("majority", "tfidf-lr"):
        outcome = text.run_baseline(
            Run("demo", "made", name, "experiments.text:run_baseline", {"baseline": name}, baseline=True)
        )
        f1[name] = outcome["metrics"]["macro_f1"][0]
    assert f1["tfidf-lr"] == pytest.approx(1) and f1["majority"] < 0.6


def test_a_multi_label_ensemble_gives_an_untrained_network_little_weight(tagged):
    tiny = {"encoder": "none", "attention": "global", "embedding_dim": 8, "epochs": 1, "learning_rate": 1e-6}
    run = Run("demo", "made", "both", "experiments.text:run_ensemble", {"classifier": tiny, "baseline": "tfidf-lr"})
    outcome = text.run_ensemble(run)
    assert outcome["weights"][0] < 0.3 and sum(outcome["weights"]) == pytest.approx(1)
    assert outcome["metrics"]["macro_f1"][0] == pytest.approx(1)
