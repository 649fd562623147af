"""The question of the attention paper, what attention adds to each encoder: its grid and the paired comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emorec.text.comparison import EVERY, paired
from experiments.runs import load_results
from experiments.tables import test_to_train

if TYPE_CHECKING:
    import pandas as pd


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
