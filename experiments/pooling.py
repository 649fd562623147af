"""What attention pooling adds to a transformer: MiniLM fine-tuned under four poolings, trained in PyTorch.

PyTorch trains in bfloat16 on a CPU two to three times as fast as TensorFlow in float32. The encoder is the one of
`experiments.pretrained.network`, which is held against `emorec.text.transformer`; the poolings are those of
`emorec.text.TextClassifier` under ``attention``.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

from emorec import metrics
from emorec.text import minilm
from emorec.text.comparison import paired
from emorec.text.tokens import tokenise
from experiments.attention import gained
from experiments.runs import Run, load_results
from experiments.tables import test_to_train
from experiments.text import load, outcome

if TYPE_CHECKING:
    import pandas as pd


def run_pooling(run: Run) -> dict:
    """Fine-tunes for a fixed number of epochs, looks at validation data once and opens the test split once."""
    from experiments.pretrained import poolings

    data, options = load(run), run.options
    arrays, rows, pieces = _start(run.dataset, run.fold, run.folds, options["word_pieces"])
    train, validation, test = (
        _encoded(split, pieces, data.label_set, options["longest"])
        for split in (data.train, data.validation, data.test)
    )
    network = poolings.build(arrays, rows, options["attention"], len(data.label_set), run.seed)
    started, cpu = time.perf_counter(), time.process_time()
    poolings.train(network, train, options, run.seed)
    seconds = {"training_seconds": round(time.perf_counter() - started, 1)}
    seconds["training_cpu_seconds"] = round(time.process_time() - cpu, 1)
    chosen = _evaluated(data, data.validation, poolings.probabilities(network, validation))
    return outcome(
        data,
        _evaluated(data, data.test, poolings.probabilities(network, test)),
        epochs=options["epochs"],
        validation=chosen.to_dict()["metrics"],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        **seconds,
    )


@lru_cache(maxsize=1)
def _start(dataset, fold, folds, size):
    """MiniLM's arrays, for each kept word piece its row in them, and the pieces: those commonest in training texts."""
    folder = minilm.locate()
    train = load(Run("pooling", dataset, "", "", fold=fold, folds=folds)).train
    pieces, rows = minilm.word_pieces(folder).reduced(list(train.inputs), size)
    return minilm.read(folder), rows, pieces


def _encoded(split, pieces, label_set, longest):
    """Pairs (ids, class index) of a split, cut at the longest length."""
    ids = [pieces.pieces(tokenise(text)).ids[:longest] for text in split.inputs]
    return list(zip(ids, label_set.encode(split.labels).tolist()))


def _evaluated(data, split, p):
    return metrics.evaluate(split.labels, data.label_set.decode(p.argmax(1)), data.label_set, probabilities=p)


def paired_scores(contents: list[dict] | None = None) -> pd.DataFrame:
    """What the runs scored, in the form that `emorec.text.comparison.paired` reads.

    On an official split a seed stands in the place of a fold, and the ratio is 0: no training examples are shared by
    chance, they are all the same, so an interval says how seeds differ and nothing of other tweets.

    Args:
        contents: From `experiments.load_results`; None takes those of the experiment ``pooling``.

    Returns:
        DataFrame with dataset, encoder, attention, fold, ratio, seed and score (0 to 1).
    """
    import pandas as pd

    rows = []
    for content in load_results("pooling") if contents is None else contents:
        run, folded = content["run"], content["run"]["fold"] is not None
        row = {"dataset": run["dataset"], "encoder": "transformer", "attention": run["options"]["attention"]}
        row |= {"fold": run["fold"] if folded else run["seed"], "ratio": test_to_train(content) if folded else 0.0}
        rows.append({**row, "seed": 0 if folded else run["seed"], "score": content["metrics"]["accuracy"][0]})
    return pd.DataFrame(rows, columns=["dataset", "encoder", "attention", "fold", "ratio", "seed", "score"])


def answer(contents: list[dict]) -> str:
    """What each pooling gained over the first word piece, and over the mean, as a Markdown table."""
    recorded, tables = paired_scores(contents), {}
    for reference in ("none", "uniform"):
        several = recorded.groupby("dataset")["fold"].transform("nunique") > 1
        table = paired(recorded[several], reference)
        tables[reference] = table.set_index(["dataset", "attention"])
    head = (
        "data | pooling | accuracy, % | over the first word piece, points [95 %] | p | over the mean, points [95 %] | p"
    )
    lines = [f"| {head} | folds or seeds |", "|---" * 8 + "|"]
    for at, row in tables["none"].iterrows():
        other = tables["uniform"].loc[at] if at in tables["uniform"].index else None
        lines.append(f"| {' | '.join(at)} | {row['score']:.1f} | {gained(row)} | {gained(other)} | {row['folds']} |")
    note = (
        "p is adjusted (Holm) for the questions that are asked of a dataset; the intervals are not. The intervals of "
        "the film reviews are over folds, those of the tweets over seeds of one split."
    )
    return "\n".join([*lines, "", note])
