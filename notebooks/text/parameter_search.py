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
# How many words should the vocabulary hold? How long may a text be? How often must a word be seen to get a vector of its
# own, and where does that vector start? Which optimiser, which learning rate, how many units? Every network has a dozen such
# settings, and most published ones were found by trying. Trying is fine. What goes wrong is *where* the trials are
# scored: whoever tunes on the test set reports the luckiest trial, not the best setting.
#
# This notebook searches in two ways, a grid and a random sample, with scikit-learn's tools, on training and validation
# data alone. It opens the test part once, for the setting that was chosen, and then measures on its own trials
# how much a search fools itself.
#
# Out of the box everything runs on a small bundled sample, without a network connection. Numbers on the sample show
# that the machinery works; they are no benchmark.

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
# `trials` is the number of settings that the random search draws. `fast` searches a corner of the grid with fewer
# examples, epochs and trials.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "sample-reviews", "movie-polarity", "movie-subjectivity", "emotions"]
encoder = "mlp-average"  # @param ["mlp-average", "cnn", "gru", "lstm", "bilstm"]
trials = 12  # @param {type:"integer"}
epochs = 8  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Each part has one task. **Training**: fit weights, vocabulary and word vectors. The grid search cuts it into folds of
# its own. **Validation**: choose between settings. **Test**: report, once.

# %%
data = emorec.datasets.load(dataset)
if fast:
    data, epochs, trials = data.smaller(300), 2, 2
print(data)
print(data.protocol)

# %% [markdown]
# A few examples, one for each class:

# %%
import numpy as np
import pandas as pd

texts, labels = data.train.inputs, data.train.labels
pd.DataFrame({"label": labels, "text": texts}).groupby("label").first().style.set_properties(**{"text-align": "left"})

# %% [markdown]
# ## Look at it
#
# Two of the settings can be narrowed down by looking, at no cost. A limit on length that cuts no text needs no search above
# it; and the counts of words tell what a limit on the vocabulary throws away.

# %%
import matplotlib.pyplot as plt
from collections import Counter

from emorec import plots
from emorec.text.tokens import tokenise

counts = Counter(w for text in texts for w in tokenise(text))
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
plots.lengths([len(tokenise(t)) for t in texts], ax=left)
least = np.arange(1, 11)
right.plot(least, [sum(n >= k for n in counts.values()) for k in least], "o-", color=plots.BLUE)
right.set(title="Words that are seen often enough", xlabel="times seen in training, at least", ylabel="words in the vocabulary", ylim=(0, None))
right.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Model
#
# A `TextClassifier` has scikit-learn's verbs, so that scikit-learn's searches drive it as they are. What is not
# searched stands here:

# %%
settings = dict(encoder=encoder, attention="none", epochs=epochs, patience=2, batch_size=128)
settings |= dict(dropout=0.3, embedding_dim=50, seed=seed)
classifier = emorec.TextClassifier(**settings)

# %% [markdown]
# What is searched. *Out of vocabulary* is ruled by `min_count`: words seen fewer times share the unknown word, whose
# vector is trained with them. At 1 every training word has its own vector, and the unknown word never occurs in training:
# what a new text's unknown words then get is noise. `embedding` is the initialiser of the word vectors: small random
# numbers, or word2vec (skip-gram) trained on the same texts.

# %%
grid = {"optimizer": ["adam", "rmsprop", "sgd"], "learning_rate": [0.003, 0.03, 0.3]}
space = {
    "max_words": [500, 1000, 20_000],
    "min_count": [1, 2, 3],
    "max_length": [10, 20, 64],
    "embedding": ["learned", "skip-gram"],
    "embedding_dim": [50, 100],
    "units": [16, 64],
    "dropout": [0.0, 0.3, 0.6],
}
if fast:
    grid = {name: values[:2] for name, values in grid.items()}

# %% [markdown]
# How many combinations is that?

# %%
number = np.prod([len(values) for values in (grid | space).values()])
print(f"{number:,} combinations; at two seconds each, {number / 1800:.0f} hours")

# %% [markdown]
# So not everything can be tried. Optimiser and learning rate belong together (a rate that suits one is useless for
# another), so those two go on a grid. The others are sampled at random: where only some of the settings matter,
# $k$ random draws try $k$ different values of each of those, and a grid of $k$ points only a few (Bergstra and Bengio 2012).

# %% [markdown]
# ## Train
#
# ### A grid, scored on folds of the training part
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
folds = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
search = GridSearchCV(classifier, grid, cv=folds, refit=False, error_score="raise")
search.fit(texts, labels, groups=[normalise(t) for t in texts], progress=None)
chosen = dict(search.best_params_)
print("best on the folds:", chosen, f"{100 * search.best_score_:.1f} %")

# %% [markdown]
# The mean over the folds, with the standard deviation between them. Rows are optimisers, columns learning rates. Two
# things to look for: does the best column differ from row to row? Then a search along one axis with the other held fixed
# can miss the best pair. And does the best value stand at the border of the grid? Then the grid was too small.
# (scikit-learn calls the left-out fold "test" in its tables. The test part has not been touched.)

# %%
found = pd.DataFrame(search.cv_results_)
means, spreads = (100 * found.pivot(index="param_optimizer", columns="param_learning_rate", values=f"{name}_test_score") for name in ("mean", "std"))
figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
image = ax.imshow(means, cmap="cividis", aspect="auto")
for i, j in np.ndindex(*means.shape):
    dark = means.iloc[i, j] < (means.min(axis=None) + means.max(axis=None)) / 2
    ax.text(j, i, f"{means.iloc[i, j]:.1f}\n± {spreads.iloc[i, j]:.1f}", ha="center", va="center", color="white" if dark else "black")
ax.set_xticks(range(means.shape[1]), means.columns)
ax.set_yticks(range(means.shape[0]), means.index)
ax.set(title="Grid search on folds of the training part", xlabel="learning rate", ylabel="optimiser")
figure.colorbar(image, label="accuracy on left-out folds (%)");

# %% [markdown]
# ### A random sample, scored on the validation part
#
# Optimiser and learning rate stay as chosen; the first trial has the classifier's own settings, to see what searching gains.
# The answers of every trial on the validation part are kept for later.

# %%
from sklearn.model_selection import ParameterSampler

options = [{}, *ParameterSampler(space, trials, random_state=seed)]
tried, right = [], []
for option in options:
    trial = emorec.TextClassifier(**settings | chosen | option).fit(data.train, label_set=data.label_set, progress=None)
    right.append(trial.predict(data.validation.inputs) == data.validation.labels)
    tried.append({name: str(trial.get_params()[name]) for name in space} | {"accuracy": right[-1].mean()})
right = np.array(right, dtype=float)

# %% [markdown]
# Sorted by what they scored on the validation part:

# %%
tried = pd.DataFrame(tried, index=["own settings", *(f"trial {i}" for i in range(1, len(options)))])
ranked = tried.sort_values("accuracy", ascending=False, kind="stable")
ranked.style.format({"accuracy": "{:.1%}"})

# %% [markdown]
# The same with 95 % intervals (Wilson's). Look how many of the others lie inside the winner's: the search has found *a*
# good setting, and cannot say that it is the best.

# %%
from emorec import metrics

rows = []
for name, value in ranked.accuracy.items():
    low, high = metrics.wilson_interval(round(value * right.shape[1]), right.shape[1])
    rows.append({"label": name, "estimate": 100 * value, "low": 100 * low, "high": 100 * high})
plots.forest(rows, reference=100 * ranked.accuracy.iloc[0], xlabel="accuracy on the validation part (%)", title="Random search");

# %% [markdown]
# ### The chosen setting, trained again
#
# With the validation part for early stopping, and now the test part may be opened.

# %%
best = int(right.mean(axis=1).argmax())
classifier = emorec.TextClassifier(**settings | chosen | options[best])
classifier.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
plots.history(classifier.history_);

# %% [markdown]
# ## Evaluate
#
# Once, for this one classifier, and for two floors that were never tuned.

# %%
from emorec.text import baselines

evaluation = classifier.evaluate(data.test)
floors = {}
for name in ("majority", "tfidf-lr"):
    floor = baselines.build(name, data.label_set).fit(list(texts), labels)
    floors[name] = metrics.evaluate(data.test.labels, floor.predict(data.test.inputs), data.label_set)
evaluation

# %% [markdown]
# What is taken for what:

# %%
plots.confusion(evaluation);

# %% [markdown]
# ### How a search fools itself
#
# The winner's score is a maximum, and a maximum of noisy numbers is too high. Take $k$ settings that are all *equally*
# good, each right with probability $p$, scored on $n$ examples independently. The best of them seems to score
#
# $$\mathbb{E}\max = \frac{1}{n}\sum_{x=0}^{n-1} \bigl(1 - F(x)^k\bigr), \qquad F \text{ the binomial distribution function},$$
#
# which is more than $p$ although no setting is any better than another. The curves show by how much: on a few hundred examples,
# trying a hundred settings makes up some points out of nothing. Trials that answer alike gain less than that.

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
ax.legend(frameon=False, title="scored on");

# %% [markdown]
# And on the trials made above, without any assumption: cut the validation part in two at random, choose the best trial
# on one half, and look what it scores on the other. The difference of the two is what the choice fooled itself by.
# Doing this two thousand times needs no further training, and no test data.

# %%
rng, gap = np.random.default_rng(seed), []
for _ in range(2000):
    halves = np.array_split(rng.permutation(right.shape[1]), 2)
    scores, fresh = (right[:, half].mean(axis=1) for half in halves)
    gap.append(100 * (scores - fresh)[scores.argmax()])
print(f"the chosen trial loses {np.mean(gap):.1f} points on fresh examples, choosing among {len(right)} on {len(halves[0])}")

# %% [markdown]
# With the test set in the place of the first half, those points would stand in the table of a paper. The same happens
# without any search when a run is stopped, or its best epoch kept, by the test score: every epoch is a trial.

# %% [markdown]
# ## Explain
#
# Did the search leave a sensible classifier? Each word's shade is its share of the probability of the answer (integrated
# gradients); blue words spoke against it.

# %%
for text in data.test.inputs[:2]:
    display(classifier.explain(text))

# %% [markdown]
# ## Save and load
#
# The settings travel with the weights: what was searched can be read off the file.

# %%
work = emorec.reporting.work_folder()
classifier.save(work / "parameter_search.emorec")
same = emorec.TextClassifier.load(work / "parameter_search.emorec")
few = list(data.test.inputs[:50])
print({name: same.get_params()[name] for name in [*grid, *space]})
abs(same.predict_proba(few) - classifier.predict_proba(few)).max()

# %% [markdown]
# ## Evaluate on external data
#
# Your turn: write a sentence of your own and run this one cell.

# %% tags=["user-input"]
test_sentence = "Somebody had been in the house; the back door was open and the dog would not come in."
print(classifier.encoding_.report([test_sentence]))
classifier.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        f"accuracy on {data.name} (test), chosen setting": (evaluation.accuracy, *evaluation.accuracy_interval),
        "macro-F1": (evaluation.macro_f1, *evaluation.macro_f1_interval),
        "its accuracy on the validation part, by which it was chosen": tried.accuracy.iloc[best],
        "validation accuracy of the classifier's own settings": tried.accuracy.iloc[0],
        "lost on fresh examples by choosing (validation halves)": np.mean(gap) / 100,
        "floor: TF-IDF + logistic regression, accuracy": floors["tfidf-lr"].accuracy,
        "floor: majority class, accuracy": floors["majority"].accuracy,
    }
)

# %% [markdown]
# **What was learnt.** Optimiser and learning rate must be searched together: Adam and RMSprop break down at the rate that
# SGD likes best. That rate stands at the border of the grid, so the grid was too small for SGD, and its row does not say
# what SGD can do. The random search then found a setting four points above the classifier's own, on the validation part,
# with four of the twelve others inside its interval, the classifier's own among them. It is one that never trains the
# unknown word, which a search on so few examples does not find out. The cut halves foretold what that gain was worth: a trial chosen
# on half of the validation part loses points on the other half, and the test score of the chosen setting duly
# lies below the score that it was chosen by. The linear floor, which nobody tuned, is better than all of it.
#
# **What was not.** Which setting is best for this data. For that the validation part would have to be several times as
# large, or every trial repeated over folds and seeds, which is what the notebook on comparing attention does for its
# question. Nor can the search be blamed for the small network's distance to the linear floor: it chose among networks only.
