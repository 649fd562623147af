"""What attention adds to each encoder: the grid of networks, and differences between them on the same folds.

The notebook text/attention_comparison and the experiment ``attention`` share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from emorec import datasets, metrics
from emorec.errors import BadInput
from emorec.text.models import ENCODERS

if TYPE_CHECKING:
    import pandas as pd

    from emorec.datasets.base import Dataset

ATTENTIONS = ("none", "uniform", "global", "self", "structured")
AVERAGING = ("mlp-average", "none")  # encoders that, without attention, average as uniform attention does
EVERY = "all encoders"


def pairs() -> Iterator[tuple[str, str]]:
    """Every encoder under every attention, as (encoder, attention), without duplicates.

    Left out is what would be the same network twice: under an attention, ``mlp`` is ``mlp-average``; ``cnn-average``
    is ``cnn`` under uniform attention; and ``mlp-average`` and ``none`` average already, as uniform attention does.
    """
    for encoder in ENCODERS:
        for attention in ATTENTIONS:
            same = encoder == "cnn-average" or (encoder == "mlp" and attention != "none")
            if not same and not (encoder in AVERAGING and attention == "uniform"):
                yield encoder, attention


def paired(scores: pd.DataFrame, reference: str = "none") -> pd.DataFrame:
    """Each attention against the reference on the same encoder, folds and seeds.

    Seeds are averaged within a fold; folds are compared by the t test corrected for overlapping training splits
    (Nadeau & Bengio 2003); p values are adjusted for the number of questions asked of a dataset (Holm 1979). A row
    ``all encoders`` compares the means over the encoders that have both.

    Args:
        scores: DataFrame of a row for each training: dataset, encoder, attention, fold, ratio (of test to training
            examples), seed and score (0 to 1).
        reference: The attention that the others are read against: ``none``, or ``uniform``, the control. Against
            ``uniform`` rows without attention are left out, but for the encoders that average anyway: theirs are it.

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
        averaging = scores[plain & scores["encoder"].isin(AVERAGING)].assign(attention="uniform")
        scores = pd.concat([scores[~plain], averaging])
    rows = []
    for dataset, part in scores.groupby("dataset", sort=False):
        ratio = part["ratio"].mean()
        cells = part.pivot_table(index="fold", columns=["attention", "encoder"], values="score")
        comparisons = []
        for mechanism in sorted(part["attention"].unique(), key=_place(ATTENTIONS)):
            if mechanism != reference and reference in cells:
                comparisons += _against(cells[mechanism], cells[reference], mechanism, ratio)
        if comparisons:
            adjusted = metrics.holm([row["p_raw"] for row in comparisons])
            rows += [{"dataset": dataset, **row, "p": float(p)} for row, p in zip(comparisons, adjusted)]
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


def conclusion(table: pd.DataFrame, reference: str = "none", level: float = 0.05) -> str:
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
                f"Half of the intervals reach {half:.1f} points or more to either side: this data cannot show "
                "smaller effects."
            )
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def _sentence(row, level):
    where = "averaged over the encoders" if row["encoder"] == EVERY else f"on {row['encoder']}"
    numbers = f"{row['estimate']:+.1f} points [{row['low']:+.1f}, {row['high']:+.1f}]"
    p = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.3f}"
    verdict = "chance can explain it" if row["p"] >= level else "better" if row["estimate"] > 0 else "worse"
    return f"{row['attention'].capitalize()} attention, {where}: {numbers}, {p}: {verdict}."


def refolded(data: Dataset, fold: int = 0, folds: int = 10, seed: int = 0) -> Dataset:
    """A text dataset with the rows of its three splits dealt anew: the fold is the test split, a tenth of the others
    validation. For datasets without an official split these are the folds of `emorec.datasets.load`."""
    import pandas as pd

    parts = [data.train, data.validation, data.test]
    columns = {"id": "ids", "text": "inputs", "label": "labels", "group": "groups"}
    frame = pd.DataFrame({name: [x for part in parts for x in getattr(part, field)]
                          for name, field in columns.items() if getattr(parts[0], field) is not None})  # fmt: skip
    group = "group" if "group" in frame else None
    return datasets.from_table(
        frame, id="id", group=group, label_set=data.label_set, name=data.name, fold=fold, folds=folds, seed=seed
    )
