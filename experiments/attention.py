"""The question of the attention paper, what attention adds to each encoder: its grid and the paired comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emorec.text.comparison import EVERY, paired, pairs
from experiments.runs import Run, load_results
from experiments.tables import test_to_train
from experiments.text import BASELINE, BASELINES, CLASSIFIER, IMDB, folds, in_turn

if TYPE_CHECKING:
    import pandas as pd

DATASETS = ("movie-polarity", "movie-subjectivity")
# Chosen on the validation part of fold 0 of movie-polarity, among seven settings, for accuracy and for time.
OPTIONS = {
    "embedding": "word2vec-googlenews-8k",
    "dropout": 0.5,
    "batch_size": 128,
    "learning_rate": 0.004,
    "schedule": "cosine",
    "epochs": 2,
    "patience": None,
    "bucketing": True,
}


def attention() -> list[Run]:
    """Every encoder x no, uniform, global, self- and structured attention: 10-fold on the two Movie Review sets."""
    runs = []
    for dataset in DATASETS:
        for model, name in BASELINES.items():
            runs += folds("attention", dataset, model, BASELINE, {"baseline": name}, baseline=True)
        for encoder, mechanism in pairs():
            options = {"encoder": encoder, "attention": mechanism, **OPTIONS}
            runs += folds("attention", dataset, f"{encoder} + {mechanism}", CLASSIFIER, options)
    return in_turn(runs)


def hierarchical() -> list[Run]:
    """Bidirectional GRU with no, global and hierarchical attention: IMDb, official test split, three seeds."""
    runs = [
        Run("hierarchical", "imdb", model, BASELINE, {"baseline": name}, baseline=True)
        for model, name in BASELINES.items()
    ]
    sentences = {"max_length": 50, "max_sentences": 40, "keep": "start"}
    for mechanism in ("none", "global", "hierarchical"):
        options = IMDB | {"attention": mechanism} | (sentences if mechanism == "hierarchical" else {})
        runs += [
            Run("hierarchical", "imdb", f"bigru + {mechanism}", CLASSIFIER, options, seed=seed) for seed in range(3)
        ]
    return in_turn(runs)


EXPERIMENTS = {"attention": attention, "hierarchical": hierarchical}


# ------------------------------------------------------------------------------------------- paired comparison


def scores(contents: list[dict] | None = None, metric: str = "accuracy") -> pd.DataFrame:
    """What the runs of the grid scored, a row each.

    Args:
        contents: From `experiments.load_results`; None takes those of the declared experiment.
        metric: One of the names under ``metrics`` in the result files.

    Returns:
        DataFrame with dataset, encoder, attention, fold, ratio (of test to training examples), seed and score (0 to
        1); baselines are left out.
    """
    import pandas as pd

    rows = []
    for content in load_results("attention") if contents is None else contents:
        run, value = content["run"], content["metrics"][metric]
        if not run["baseline"]:
            row = {"dataset": run["dataset"], **{k: run["options"][k] for k in ("encoder", "attention")}}
            row |= {"fold": run["fold"], "ratio": test_to_train(content), "seed": run["seed"]}
            rows.append({**row, "score": value[0] if isinstance(value, list) else value})
    return pd.DataFrame(rows, columns=["dataset", "encoder", "attention", "fold", "ratio", "seed", "score"])


def answer(contents: list[dict]) -> str:
    """The grid's means over the encoders as a Markdown table: gained over none, over equal weights."""
    recorded = scores(contents)
    tables = {reference: paired(recorded, reference) for reference in ("none", "uniform")}
    means = {name: t[t["encoder"] == EVERY].set_index(["dataset", "attention"]) for name, t in tables.items()}
    head = "data | attention | over none, points [95 %] | p | over equal weights, points [95 %] | p | folds"
    lines = [f"| {head} |", "|---" * 7 + "|"]
    for at, row in means["none"].iterrows():
        other = means["uniform"].loc[at] if at in means["uniform"].index else None
        lines.append(f"| {' | '.join(at)} | {gained(row)} | {gained(other)} | {row['folds']} |")
    asked = " and ".join(str(t["dataset"].value_counts().iloc[0]) for t in tables.values())
    note = (
        f"Means over the encoders. p is adjusted (Holm) for the {asked} questions that are asked of a dataset; the "
        "intervals are not, so an interval can leave out zero where p says nothing."
    )
    return "\n".join([*lines, "", note])


def gained(row: Any) -> pd.DataFrame:
    """A difference with its interval and p, two cells of a table; dashes for None."""
    return "– | –" if row is None else "{estimate:+.1f} [{low:+.1f}, {high:+.1f}] | {p:.3f}".format(**row)
