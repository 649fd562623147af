"""The question of the attention paper, what attention adds to each encoder: its grid and the paired comparison."""

from __future__ import annotations

import numpy as np

from emorec import metrics
from emorec.errors import BadInput
from emorec.text.models import ENCODERS
from experiments.runs import Run, load_results
from experiments.tables import test_to_train
from experiments.text import BASELINE, BASELINES, CLASSIFIER, IMDB, folds, in_turn

ATTENTIONS = ("none", "uniform", "global", "self", "structured")
DATASETS = ("movie-polarity", "movie-subjectivity")
AVERAGING = ("mlp-average", "none")  # encoders that, without attention, average as uniform attention does
EVERY = "all encoders"
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


def pairs():
    """Every encoder under every attention, as (encoder, attention), without twins.

    Left out is what would be the same network twice: under an attention, ``mlp`` is ``mlp-average``; ``cnn-average``
    is ``cnn`` under uniform attention; and ``mlp-average`` and ``none`` average already, as uniform attention does.
    """
    for encoder in ENCODERS:
        for attention in ATTENTIONS:
            twin = encoder == "cnn-average" or (encoder == "mlp" and attention != "none")
            if not twin and not (encoder in AVERAGING and attention == "uniform"):
                yield encoder, attention


def attention():
    """Every encoder x no, uniform, global, self- and structured attention: 10-fold on the two Movie Review sets."""
    runs = []
    for dataset in DATASETS:
        for model, name in BASELINES.items():
            runs += folds("attention", dataset, model, BASELINE, {"baseline": name}, baseline=True)
        for encoder, mechanism in pairs():
            options = {"encoder": encoder, "attention": mechanism, **OPTIONS}
            runs += folds("attention", dataset, f"{encoder} + {mechanism}", CLASSIFIER, options)
    return in_turn(runs)


def hierarchical():
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


def scores(contents=None, metric="accuracy"):
    """What the runs of the grid scored, a row each.

    Args:
        contents: From `experiments.load_results`; None takes those of the declared experiment.
        metric: One of the names under ``metrics`` in the result files.

    Returns:
        DataFrame with dataset, encoder, attention, fold, ratio (of test to training examples), seed and score (0 to
        1); floors are left out.
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


def paired(scores, reference="none"):
    """Each attention against the reference on the same encoder, folds and seeds.

    Seeds are averaged within a fold; folds are compared by the t test corrected for overlapping training parts
    (Nadeau & Bengio 2003); p values are adjusted for the number of questions asked of a dataset (Holm 1979). A row
    ``all encoders`` compares the means over the encoders that have both.

    Args:
        scores: DataFrame as `scores` returns it.
        reference: The attention that the others are read against: ``none``, or ``uniform``, the control. Against
            ``uniform`` rows without attention stand aside, but for the encoders that average anyway: theirs are it.

    Returns:
        DataFrame ready for `emorec.plots.forest`: dataset, encoder, attention, label, group (the attention), folds,
        score (of this attention, %), estimate, low, high (difference in percentage points, 95 % interval), p_raw and
        p (adjusted).

    Raises:
        BadInput: No encoder has the reference and another attention on two folds or more.
    """
    import pandas as pd

    if reference == "uniform":
        plain = scores["attention"] == "none"
        twins = scores[plain & scores["encoder"].isin(AVERAGING)].assign(attention="uniform")
        scores = pd.concat([scores[~plain], twins])
    rows = []
    for dataset, part in scores.groupby("dataset", sort=False):
        ratio = part["ratio"].mean()
        cells = part.pivot_table(index="fold", columns=["attention", "encoder"], values="score")
        found = []
        for mechanism in sorted(part["attention"].unique(), key=_place(ATTENTIONS)):
            if mechanism != reference and reference in cells:
                found += _against(cells[mechanism], cells[reference], mechanism, ratio)
        if found:
            adjusted = metrics.holm([row["p_raw"] for row in found])
            rows += [{"dataset": dataset, **row, "p": float(p)} for row, p in zip(found, adjusted)]
    if not rows:
        raise BadInput(f"Nothing to compare: no encoder has {reference!r} and another attention on two folds or more.")
    return pd.DataFrame(rows)


def _against(cells, reference, mechanism, ratio):
    """The rows of one attention; cells and reference are DataFrames of folds x encoders."""
    both = sorted((encoder for encoder in cells if encoder in reference), key=_place(ENCODERS))
    values = {encoder: 100 * cells[encoder] for encoder in both}
    differences = {encoder: values[encoder] - 100 * reference[encoder] for encoder in both}
    if len(both) > 1:
        differences[EVERY] = sum(differences.values()) / len(both)
        values[EVERY] = sum(values.values()) / len(both)
    rows = []
    for encoder, difference in differences.items():
        difference = difference.dropna()
        if len(difference) > 1:
            test = metrics.corrected_t_test(difference, ratio)
            rows.append({
                "encoder": encoder, "attention": mechanism, "label": f"{encoder}, {mechanism}", "group": mechanism,
                "folds": len(difference), "score": float(values[encoder][difference.index].mean()),
                "estimate": test.difference, "low": test.low, "high": test.high, "p_raw": test.p,
            })  # fmt: skip
    return rows


def _place(names):
    """Sorts as the names are listed; others come last."""
    return lambda name: names.index(name) if name in names else len(names)


def conclusion(table, reference="none", level=0.05):
    """What a paired table says, in plain sentences written from its numbers.

    Args:
        table: From `paired`.
        reference: What it compares with.
        level: A difference is called one where its adjusted p lies below.

    Returns:
        A string, a paragraph for each dataset.
    """
    against = "no attention" if reference == "none" else f"{reference} attention"
    paragraphs = []
    for dataset, rows in table.groupby("dataset", sort=False):
        sentences = [
            f"On {dataset}, {rows['folds'].max()} folds, {len(rows)} comparison{'s' * (len(rows) > 1)} with {against}; "
            "intervals at 95 %."
        ]
        several = rows[rows["encoder"] == EVERY]
        for row in (several if len(several) else rows).to_dict("records"):
            sentences.append(_sentence(row, level))
        single = rows[rows["encoder"] != EVERY]
        better, worse = (int(((single["p"] < level) & (sign * single["estimate"] > 0)).sum()) for sign in (1, -1))
        sentences.append(
            f"Encoder by encoder, {better} of {len(single)} differences lie above zero and {worse} below it after "
            "adjustment for their number."
        )
        if better + worse < len(single):
            half = float(np.median((single["high"] - single["low"]) / 2))
            sentences.append(
                f"Half of the intervals reach {half:.1f} points or more to either side: smaller effects cannot be "
                "told from none with this data."
            )
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def answer(contents):
    """The grid's means over the encoders as a Markdown table: gained over none, over equal weights."""
    recorded = scores(contents)
    tables = {reference: paired(recorded, reference) for reference in ("none", "uniform")}
    means = {name: t[t["encoder"] == EVERY].set_index(["dataset", "attention"]) for name, t in tables.items()}
    head = "data | attention | over none, points [95 %] | p | over equal weights, points [95 %] | p | folds"
    lines = [f"| {head} |", "|---" * 7 + "|"]
    for at, row in means["none"].iterrows():
        other = means["uniform"].loc[at] if at in means["uniform"].index else None
        lines.append(f"| {' | '.join(at)} | {_gained(row)} | {_gained(other)} | {row['folds']} |")
    asked = " and ".join(str(t["dataset"].value_counts().iloc[0]) for t in tables.values())
    note = (
        f"Means over the encoders. p is adjusted (Holm) for the {asked} questions that are asked of a dataset; the "
        "intervals are not, so an interval can leave out zero where p says nothing."
    )
    return "\n".join([*lines, "", note])


def _gained(row):
    return "– | –" if row is None else "{estimate:+.1f} [{low:+.1f}, {high:+.1f}] | {p:.3f}".format(**row)


def _sentence(row, level):
    where = "averaged over the encoders" if row["encoder"] == EVERY else f"on {row['encoder']}"
    numbers = f"{row['estimate']:+.1f} points [{row['low']:+.1f}, {row['high']:+.1f}]"
    p = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.3f}"
    verdict = "no difference can be told" if row["p"] >= level else "better" if row["estimate"] > 0 else "worse"
    return f"{row['attention'].capitalize()} attention, {where}: {numbers}, {p}: {verdict}."


def refolded(data, fold=0, folds=10, seed=0):
    """A text dataset with the rows of its three parts dealt anew: the fold is the test part, a tenth of the others
    validation. For datasets without an official split these are the folds of `emorec.datasets.load`."""
    import pandas as pd

    from emorec import datasets

    parts = [data.train, data.validation, data.test]
    columns = {"id": "ids", "text": "inputs", "label": "labels", "group": "groups"}
    frame = pd.DataFrame({name: [x for part in parts for x in getattr(part, field)]
                          for name, field in columns.items() if getattr(parts[0], field) is not None})  # fmt: skip
    group = "group" if "group" in frame else None
    return datasets.from_table(
        frame, id="id", group=group, label_set=data.label_set, name=data.name, fold=fold, folds=folds, seed=seed
    )
