"""What ready-made word vectors add to a recurrent network: BiLSTM + global attention, with and without GloVe."""

from experiments.runs import Run
from experiments.text import BASELINE, BASELINES, BIGRU, BILSTM, CLASSIFIER, in_turn

FOLDS = 5  # the first five of ten, those of the experiment `pooling`
EMBEDDINGS = {"learned vectors": "learned", "GloVe": "glove"}
# The settings that were chosen for these data sets before (`experiments.text`), whose vectors give way; nothing was
# chosen again, so neither row has an advantage but its vectors.
OPTIONS = {"movie-polarity": BILSTM, "emotions": BIGRU | {"encoder": "bilstm"}}


def glove() -> list[Run]:
    """BiLSTM + global attention with vectors learned or of GloVe: five folds of Movie Review, emotions in tweets."""
    runs = []
    for dataset in OPTIONS:
        for model, name in BASELINES.items():
            runs += _splits(dataset, model, BASELINE, {"baseline": name}, baseline=True)
        for vectors, embedding in EMBEDDINGS.items():
            options = OPTIONS[dataset] | {"embedding": embedding}
            runs += _splits(dataset, f"BiLSTM + global attention, {vectors}", CLASSIFIER, options)
    return in_turn(runs)


def _splits(dataset, model, function, options, baseline=False):
    """A run for each fold, or for each seed where the split is official; a baseline has no seed."""
    first = ("glove", dataset, model, function, options)
    if dataset == "movie-polarity":
        return [Run(*first, fold=fold, folds=10, baseline=baseline) for fold in range(FOLDS)]
    return [Run(*first, seed=seed, baseline=baseline) for seed in range(1 if baseline else 3)]


EXPERIMENTS = {"glove": glove}
