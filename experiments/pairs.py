"""The experiment on sample-pairs: a face and a sentence, each alone, together, and with either one missing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import keras
import numpy as np

from emorec import datasets, metrics
from emorec.multimodal import decisions
from emorec.multimodal.classifier import MultimodalClassifier
from emorec.types import FilePath, Numbers
from experiments.runs import Run, load_results
from experiments.text import outcome

if TYPE_CHECKING:
    from emorec.datasets.base import Dataset, Split
    from emorec.metrics import Estimate

MODALITIES = ("image", "text")


@lru_cache(maxsize=1)
def trained(seed: int) -> tuple[Dataset, MultimodalClassifier]:
    """The data and a fitted `MultimodalClassifier`, whose two parts are the models of one modality."""
    keras.utils.clear_session()
    data = datasets.load("sample-pairs")
    classifier = MultimodalClassifier(seed=seed)
    classifier.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    return data, classifier


def alone(classifier: MultimodalClassifier, name: str, split: Split) -> np.ndarray:
    """Probabilities of one modality's own model."""
    tower = classifier.face_ if name == "image" else classifier.text_
    return tower.predict_proba(list(split.inputs[name]))


def run(run: Run) -> dict:
    """One row: chosen on validation, the test split opened once."""
    how = run.options["answer"]
    if how == "majority":
        data, classifier = datasets.load("sample-pairs"), None
        counts = np.bincount(data.label_set.encode(data.train.labels), minlength=len(data.label_set))
        p = np.repeat(counts[None] / counts.sum(), len(data.test), axis=0)
    else:
        data, classifier = trained(run.seed)
        p = answer(classifier, data, how)
    guessed = p.argmax(axis=1)
    evaluation = metrics.evaluate(data.test.labels, data.label_set.decode(guessed), data.label_set)
    more = {} if classifier is None else {"parameters": classifier.model_.count_params()}
    return outcome(data, evaluation, predicted="".join(map(str, guessed)), **more)  # predicted: for paired comparisons


def answer(classifier: MultimodalClassifier, data: Dataset, how: str) -> np.ndarray:
    """Probabilities (N, C) of the test pairs under one of the answers of settings/pairs.toml."""
    if how in MODALITIES:
        return alone(classifier, how, data.test)
    if how == "product":
        for tower, name in ((classifier.face_, "image"), (classifier.text_, "text")):
            tower.calibrate((list(data.validation.inputs[name]), data.validation.labels))  # changes no answer alone
        return decisions.product([alone(classifier, name, data.test) for name in MODALITIES])
    kept = MODALITIES if how == "both" else [how.removesuffix(" only")]
    return classifier.predict_proba({name: data.test.inputs[name] for name in kept})


COMPARED = (
    ("fused", "face alone"),
    ("fused", "product rule of the two"),
    ("fused, without text", "face alone"),
    ("fused, without face", "text alone"),
)


def differences(contents: list[dict]) -> str:
    """What the table of these results is read for, a line of text: pairs of rows on the same test pairs, see `gain`."""
    truth = _truth(len(contents[0]["predicted"]))
    gains = {pair: _gain(*pair, truth, contents) for pair in COMPARED}
    sentences = (
        f"{a} minus {b} {100 * v:+.1f} [{100 * low:.1f}, {100 * high:.1f}]" for (a, b), (v, low, high) in gains.items()
    )
    return f"Differences of accuracy on the same test pairs, in points: {'; '.join(sentences)}."


def _truth(count):
    """Class indices of the test sentences, in the version of the bundled sentences that has so many of them: the test
    split of version 0.1 stands unmoved in the larger one."""
    from experiments.pretrained.data import sentences

    versions = ([row.seven for row in sentences("test", version)] for version in ("0.1", "0.2"))
    return next(truth for truth in versions if len(truth) == count)


def gain(first: str, second: str, truth: Numbers, folder: FilePath | None = None) -> Estimate:
    """How much more often the first model is right than the second, on the same test pairs.

    Args:
        first, second: Names of `ROWS`. truth: N class indices of the test pairs.
        folder: Where the results are.

    Returns:
        `emorec.metrics.Estimate` of the mean over seeds, in accuracy, with a 95 % interval that joins the test pairs'
        sampling error with the spread between seeds.
    """
    return _gain(first, second, truth, load_results("pairs", folder))


def _gain(first, second, truth, contents):
    right = {first: [], second: []}
    for content in contents:
        if content["run"]["model"] in right:
            right[content["run"]["model"]].append([int(c) for c in content["predicted"]] == np.asarray(truth))
    differences = np.array(right[first], dtype=float) - np.array(right[second], dtype=float)
    over_pairs, over_seeds = differences.mean(axis=0), differences.mean(axis=1)
    return metrics.seeds_interval(over_seeds, over_pairs.var(ddof=1) / len(over_pairs))
