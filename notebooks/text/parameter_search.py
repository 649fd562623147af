# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Parameter search: how to choose settings without fooling oneself
#
# <!-- launch -->
#
# How many words should the vocabulary hold? How long may a text be? Which optimiser, which learning rate, how many units? Every
# network has a dozen such settings, and most published ones were chosen by trying. There is nothing wrong with that, as long as
# the trials are scored in the right place: whoever chooses by the test set reports the luckiest trial and calls it the best setting.
#
# This notebook searches in two ways, a grid and a random sample, with scikit-learn's tools, on training and validation data alone.
# It opens the test split once, for the setting that was chosen. Then it measures how much a search deceives itself.

# %% [markdown]
# ## Set-up

# %% tags=["set-up"]
import glob, importlib.util, os, subprocess, sys

if not getattr(importlib.util.find_spec("emorec"), "origin", None):  # not installed, as on Colab: is it nearby?
    tops = [a + b for a in ("", "/content/", "/content/drive/MyDrive/") for b in ("", "../", "../../", "*/", "*/*/")]
    near = [f for t in tops for n in ("emorec/version.py", "emorec*.whl", "emorec*.zip") for f in glob.glob(t + n)]
    source = [*near, "git+" + os.environ.get("EMOREC_REPOSITORY", "")][0]
    if source.endswith(".py"): sys.path.insert(0, os.path.abspath(source + "/../.."))
    elif subprocess.call([sys.executable, "-m", "pip", "install", "-q", source]): raise ImportError(f"pip cannot install emorec from {source!r}: upload its folder or its wheel here, or set EMOREC_REPOSITORY to its git address")
import emorec; emorec.about(install=True)

# %% [markdown]
# ## Parameters
#
# `trials` is the number of settings that the random search samples, and `sentences` the number of training sentences that it uses.
# `fast` searches a corner of the grid with fewer examples, epochs and trials.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "sample-reviews", "movie-polarity", "movie-subjectivity", "emotions"]
encoder = "mlp-average"  # @param ["mlp-average", "cnn", "gru", "lstm", "bilstm"]
trials = 10  # @param {type:"integer"}
sentences = 800  # @param {type:"integer"}
epochs = 8  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Each split has one task. The *training* split fits weights, vocabulary and word vectors; the grid search cuts it into folds of
# its own. The *validation* split chooses between settings. The *test* split reports, once.

# %%
data = emorec.datasets.load(dataset)
if fast:
    data, epochs, trials = data.smaller(300), 2, 2
train = data.train.sample(sentences, seed)
texts, labels = train.inputs, train.labels
print(f"{data}; {len(train)} training sentences are used")

# %% [markdown]
# ## Look at it
#
# Two of the settings can be narrowed down by looking, at no cost. No limit on length needs to be searched that cuts no text, and the
# counts of words show what a limit on the vocabulary throws away.

# %%
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from emorec import plots
from emorec.text.tokens import tokenise

counts = Counter(w for text in texts for w in tokenise(text))
print(f"{len(counts):,} different words, {sum(n == 1 for n in counts.values()):,} of them seen once")

# %% [markdown]
# The right picture shows how fast a vocabulary shrinks when rare words are left out.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
plots.lengths([len(tokenise(t)) for t in texts], ax=left)
least = np.arange(1, 11)
right.plot(least, [sum(n >= k for n in counts.values()) for k in least], "o-", color=plots.BLUE)
right.set(title="Words that are seen often enough", xlabel="times seen in training, at least", ylabel="words in the vocabulary", ylim=(0, None))
right.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Model
#
# A `TextClassifier` has the methods of a scikit-learn estimator, so that scikit-learn's searches can use it as it is. The settings
# below are not searched.

# %%
settings = dict(encoder=encoder, attention="none", epochs=epochs, patience=2, batch_size=128)
settings |= dict(dropout=0.3, embedding_dim=50, seed=seed)
classifier = emorec.TextClassifier(**settings)

# %% [markdown]
# The others are. `min_count` decides which words are out of vocabulary: words seen fewer times share one *unknown* word, whose vector
# is trained with theirs. At 1 every training word has its own vector, the unknown word never occurs in training, and what a new
# text's unknown words then get is noise. `embedding` decides where the word vectors start: at random, or with those of GloVe.

# %%
grid = {"optimizer": ["adam", "rmsprop", "sgd"], "learning_rate": [0.003, 0.03, 0.3]}
space = {
    "max_words": [500, 1000, 20_000],
    "min_count": [1, 2, 3],
    "max_length": [10, 20, 64],
    "embedding": ["learned", "glove"],
    "units": [16, 64],
    "dropout": [0.0, 0.3, 0.6],
}
if fast:
    grid = {name: values[:2] for name, values in grid.items()}

# %% [markdown]
# Together these are more combinations than can be tried.

# %%
number = np.prod([len(values) for values in (grid | space).values()])
print(f"{number:,} combinations; at two seconds each, {number / 1800:.0f} hours")

# %% [markdown]
# Optimiser and learning rate belong together, because a rate that suits one is useless for another; those two go on a grid. The
# others are sampled at random. Where only some of the settings matter, $k$ random samples try $k$ different values of each of
# those, and a grid of $k$ points only a few (Bergstra and Bengio, 2012).

# %% [markdown]
# ## Train
#
# ### A grid, scored on folds of the training split
#
# `GridSearchCV` trains every combination once for each fold and scores it on the examples left out. Vocabulary and
# vectors are made anew in every fold, since the classifier makes them when it is fitted: a vocabulary made beforehand
# from all texts would already know the words of the fold that scores it. Copies of a text stay in one fold. Early
# stopping uses a tenth of each fold's own training examples.

# %%
import logging, warnings

from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from emorec.datasets.splits import normalise
from emorec.text.tokens import TextNotice

logging.getLogger("tensorflow").setLevel("ERROR")  # many networks are many compilations: no news
warnings.simplefilter("ignore", TextNotice)  # short limits cut texts, and say so for every trial

# %% [markdown]
# Nine combinations on two folds are eighteen trainings.

# %%
folds = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
search = GridSearchCV(classifier, grid, cv=folds, refit=False, error_score="raise")
search.fit(texts, labels, groups=[normalise(t) for t in texts], progress=None)
chosen = dict(search.best_params_)
print("best on the folds:", ", ".join(f"{name} {value}" for name, value in chosen.items()), f"({100 * search.best_score_:.1f} %)")

# %% [markdown]
# The picture shows the mean over the folds, with the standard deviation between them. Two things are worth looking for. If the best
# column differs from row to row, a search along one axis with the other held fixed can miss the best pair. If the best value
# stands at the border of the grid, the grid was too small. (scikit-learn calls the left-out fold "test" in its tables; the test
# split has not been touched.)

# %%
table = pd.DataFrame(search.cv_results_)
means, spreads = (100 * table.pivot(index="param_optimizer", columns="param_learning_rate", values=f"{name}_test_score") for name in ("mean", "std"))
figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
image = ax.imshow(means, cmap="cividis", aspect="auto")
for i, j in np.ndindex(*means.shape):
    dark = means.iloc[i, j] < (means.min(axis=None) + means.max(axis=None)) / 2
    ax.text(j, i, f"{means.iloc[i, j]:.1f}\n± {spreads.iloc[i, j]:.1f}", ha="center", va="center", color="white" if dark else "black")
ax.set_xticks(range(means.shape[1]), means.columns)
ax.set_yticks(range(means.shape[0]), means.index)
ax.set(title="Grid search on folds of the training split", xlabel="learning rate", ylabel="optimiser")
figure.colorbar(image, label="accuracy on left-out folds (%)");

# %% [markdown]
# ### A random sample, scored on the validation split
#
# Optimiser and learning rate stay as chosen. The first trial has the classifier's own settings, to see what searching gains. The
# answers of every trial on the validation split are kept for later.

# %%
from sklearn.model_selection import ParameterSampler

options = [{}, *ParameterSampler(space, trials, random_state=seed)]
tried, right = [], []
for option in options:
    trial = emorec.TextClassifier(**settings | chosen | option).fit(train, label_set=data.label_set, progress=None)
    right.append(trial.predict(data.validation.inputs) == data.validation.labels)
    tried.append({name: str(trial.get_params()[name]) for name in space} | {"accuracy": right[-1].mean()})
right = np.array(right, dtype=float)

# %% [markdown]
# The trials are sorted by what they scored on the validation split.

# %%
tried = pd.DataFrame(tried, index=["own settings", *(f"trial {i}" for i in range(1, len(options)))])
ranked = tried.sort_values("accuracy", ascending=False, kind="stable")
ranked.style.format({"accuracy": "{:.1%}"})

# %% [markdown]
# Here are the same scores with 95 % intervals (Wilson's). Where the next trials lie inside the winner's interval, the search has
# arrived at *a* good setting, and cannot say that it is the best.

# %%
from emorec import metrics

rows = []
for name, value in ranked.accuracy.items():
    low, high = metrics.wilson_interval(round(value * right.shape[1]), right.shape[1])
    rows.append({"label": name, "estimate": 100 * value, "low": 100 * low, "high": 100 * high})
plots.forest(rows, reference=100 * ranked.accuracy.iloc[0], digits=1, xlabel="accuracy on the validation split (%)", title="Random search");

# %% [markdown]
# ### The chosen setting, trained again
#
# The chosen setting is trained once more, now with the validation split for early stopping.

# %%
best = int(right.mean(axis=1).argmax())
classifier = emorec.TextClassifier(**settings | chosen | options[best])
classifier.fit(train, validation=data.validation, label_set=data.label_set, progress=None)
plots.history(classifier.history_);

# %% [markdown]
# ## Evaluate
#
# The test split is opened once, for this one classifier and for a baseline that was never tuned: logistic regression on TF-IDF
# features of the same training sentences.

# %%
from dataclasses import replace
from emorec.text import baselines

evaluations = {"chosen setting": classifier.evaluate(data.test), "TF-IDF + logistic regression": baselines.evaluated(replace(data, train=train))}
evaluation = evaluations["chosen setting"]
plots.accuracies(evaluations, title=f"{data.name}: {len(data.test)} test examples");

# %% [markdown]
# The confusion matrix shows what the chosen classifier takes for what: a row is a true class, a column an answer.

# %%
plots.confusion(evaluation);

# %% [markdown]
# ### How a search deceives itself
#
# The winner's score is a maximum, and a maximum of noisy numbers is too high. Take $k$ settings that are all *equally* good, each
# right with probability $p$, and scored on $n$ examples independently. The best of them seems to score
#
# $$\mathbb{E}\max = \frac{1}{n}\sum_{x=0}^{n-1} \bigl(1 - F(x)^k\bigr),$$
#
# where $F(x)$ is the probability that one setting is right on at most $x$ of the $n$ examples (the binomial distribution function).
# That is more than $p$, although no setting is better than another. The figure, the main one of this notebook, shows by how much for $p = 0.6$:
# on a few hundred examples, trying a hundred settings seems to gain several points.

# %%
from scipy.stats import binom

tries = np.unique(np.geomspace(1, 1000, 60).astype(int))
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
styles = {100: (":", plots.VERMILION), len(data.validation): ("-", plots.BLUE), 1000: ("--", plots.GREEN), 10_000: ("-.", plots.ORANGE)}
for n, (style, colour) in sorted(styles.items()):
    below = binom.cdf(np.arange(n), n, 0.6)
    gain = [100 * ((1 - below**k).sum() / n - 0.6) for k in tries]
    ax.semilogx(tries, gain, style, color=colour, label=f"{n:,} examples" + (" (as here)" if n == len(data.validation) else ""))
ax.set(title="The best of k equally good settings", xlabel="settings tried, k", ylabel="gain that is not there (points)", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, title="scored on");

# %% [markdown]
# The trials above allow a check without any assumption. The validation split is cut in two at random, the best trial is chosen on
# one half, and its score on the other half is compared. The difference is what the choice deceived itself by. Two thousand
# such cuts need no further training, and no test data.

# %%
rng, gap = np.random.default_rng(seed), []
for _ in range(2000):
    halves = np.array_split(rng.permutation(right.shape[1]), 2)
    scores, fresh = (right[:, half].mean(axis=1) for half in halves)
    gap.append(100 * (scores - fresh)[scores.argmax()])
print(f"the chosen trial loses {np.mean(gap):.1f} points on fresh examples, choosing among {len(right)} on {len(halves[0])}")

# %% [markdown]
# With the test set in the place of the first half, those points would stand in the table of a paper. The same happens without any
# search when a run is stopped by the test score, or its best epoch kept: every epoch is a trial.

# %% [markdown]
# ## Explain
#
# Did the search end with a sensible classifier? Three test sentences, chosen by rule, are shown with their true label. The shade of
# a word is its share of the probability of the answer (integrated gradients); blue words spoke against it.

# %%
from emorec.text import explain

for explanation in explain.cases(classifier, data.test):
    display(explanation)

# %% [markdown]
# ## Save and load
#
# The file holds the settings beside the weights, so that what was searched can be read off it.

# %%
work = emorec.reporting.work_folder()
classifier.save(work / "parameter_search.emorec")
same = emorec.TextClassifier.load(work / "parameter_search.emorec")
print(", ".join(f"{name} {same.get_params()[name]}" for name in [*grid, *space]))
print(f"largest change of a probability: {abs(same.predict_proba(texts[:50]) - classifier.predict_proba(texts[:50])).max()}")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell.

# %% tags=["user-input"]
test_sentence = "I heard footsteps in the empty house, and I was too scared to breathe."
print(classifier.encoding_.report([test_sentence]))
classifier.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        f"accuracy on {data.name} (test), chosen setting": (evaluation.accuracy, *evaluation.accuracy_interval),
        "macro-F1": (evaluation.macro_f1, *evaluation.macro_f1_interval),
        "its accuracy on the validation split, by which it was chosen": tried.accuracy.iloc[best],
        "validation accuracy of the classifier's own settings": tried.accuracy.iloc[0],
        "lost on fresh examples by choosing (validation halves)": np.mean(gap) / 100,
        **{f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in list(evaluations.items())[1:]},
    }
)

# %% [markdown]
# ### What was learnt
#
# A search ends with *a* good setting, and its score is too good. Optimiser and learning rate must be searched together, since
# the rate that suits one ruins another, and a best value at the border of the grid says that the grid was too small. In the
# random search the two best settings start from GloVe's vectors and are well above the classifier's own settings; the intervals
# of the two best overlap, so that another split could have chosen the other one. The cut halves say what choosing cost: the
# trial that wins on one half loses some of its lead on the other. With more trials and fewer examples it loses more, as the
# figure shows, and in a paper that tunes on its test set it stays in the table.
#
# Which setting is best for this data is not answered. For that the validation split would have to be several times as large, or every trial repeated over
# folds and seeds.
#
# ### Exercises
#
# 1. In the main figure, how many points does the best of 100 equally good settings seem to gain on 1,000 examples? And on 10,000?
#    <details><summary>Solution</summary>About four points on 1,000 examples, and a little over one on 10,000: the gain shrinks with the square root of the number
#    of examples.</details>
# 2. The trials of a real search answer many examples alike. Does this make the deception larger or smaller than in the figure?
#    <details><summary>Solution</summary>Smaller: what counts are the differences between the trials, and those are smaller when the trials agree. Compare the
#    figure with the number from the cut halves.</details>
# 3. Somebody chooses the number of epochs by the test score, and nothing else. Is that a search?
#    <details><summary>Solution</summary>Yes, over as many settings as there are epochs. They are similar to one another, so the gain is smaller than for independent
#    settings, and it is still not there on new data.</details>
#
# ### Where to go on
#
# [attention_comparison](attention_comparison.ipynb) compares networks over folds and seeds, [recurrent_and_convolutional](recurrent_and_convolutional.ipynb) shows how large a
# difference must be, and [the page on performance](../../docs/performance.md) how to spread a search over several machines. Classifiers are described in
# [emorec.text](../../docs/api/text.md).

