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
# # Recurrent and convolutional networks: who needs the order of words?
#
# <!-- launch -->
#
# *The film was good, not bad* and *the film was bad, not good* hold the same words. A network that averages word vectors must
# read them alike; one that reads word by word need not. This notebook builds nine networks for sentences, from a plain average
# over recurrent networks to a convolutional one, each with and without dropout. It asks which of them use the order of words,
# and which differences between nine networks mean anything at all.

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
# Eighteen networks are trained, so only a third of the training split is used unless `sentences` is raised. With `fast`, three
# networks are trained, briefly.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "sample-reviews", "movie-polarity", "movie-subjectivity", "imdb", "emotions"]
embedding = "glove"  # @param ["glove", "learned", "skip-gram", "cbow"]
sentences = 1000  # @param {type:"integer"}
units = 32  # @param {type:"integer"}
epochs = 8  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The sentences of the sample carry one of seven emotions each. The networks learn from the training split, stop by the
# validation split, and the test split is opened once.

# %%
import numpy as np
import pandas as pd

data = emorec.datasets.load(dataset)
if fast:
    data, epochs = data.smaller(300), 2
print(data)
train = data.train.sample(sentences, seed)
print(f"{len(train)} training sentences are used")

# %% [markdown]
# The second set is a synthetic task, in which only the order of the words decides. Every text holds one word of praise and one
# of blame, and *not* comes directly before one of the two; the other one is the verdict. Filler words stand around them.

# %%
filler = "the film was a very long story with some people in it".split()
praise, blame = ["good", "lovely", "clever"], ["bad", "awful", "boring"]


def ordered(n, seed):
    """Texts with one word of praise and one of blame, of which *not* turns away one, and their classes."""
    rng, texts, labels = np.random.default_rng(seed), [], []
    for i in range(n):
        pair = [("positive", str(rng.choice(praise))), ("negative", str(rng.choice(blame)))]
        kept, lost = pair if i % 2 else pair[::-1]
        first, second = (kept[1], f"not {lost[1]}") if i // 2 % 2 else (f"not {lost[1]}", kept[1])
        gaps = [" ".join(rng.choice(filler, rng.integers(1, 4))) for _ in range(3)]
        texts.append(f"{gaps[0]} {first} {gaps[1]} {second} {gaps[2]}")
        labels.append(kept[0])
    return texts, labels


practice, exam = ordered(600, seed), ordered(200, seed + 1)
for text, label in list(zip(*exam))[:3]:
    print(f"{label}: {text}")

# %% [markdown]
# ## Look at it
#
# A recurrent network takes one step for each word, and what it read at the beginning has to survive all the steps that follow,
# so the length of the texts matters here.

# %%
import matplotlib.pyplot as plt

from emorec import plots
from emorec.text.tokens import tokenise

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
plots.classes(data, ax=left)
plots.lengths([len(tokenise(t)) for t in data.train.inputs], ax=right);

# %% [markdown]
# ## Model
#
# All networks share the word vectors $x_1, \dots, x_T$ below and the linear layer above. They differ in how $T$ vectors become
# one. In the formulas $W$, $U$ and $b$ with any index are learned, $\sigma$ is the logistic function, and $\odot$ multiplies
# number by number.
#
# **MLP**: the vectors laid end to end, then a hidden layer. It has weights of its own for the third word, and cannot recognise
# that word in fourth place. **MLP + average**: a hidden layer on each word, then the mean. It sees which words are there, and
# not their order.
#
# **SimpleRNN** carries a state from word to word, $h_t = \tanh(W x_t + U h_{t-1} + b)$. Its gradient is a product of $T$
# matrices, which vanishes or explodes. **LSTM** (Hochreiter and Schmidhuber, 1997) adds a cell $c_t$ that is changed by
# addition, behind three gates $i, f, o$ with values between 0 and 1, each $\sigma(W_\cdot x_t + U_\cdot h_{t-1} + b_\cdot)$:
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tanh(W_c x_t + U_c h_{t-1} + b_c), \qquad h_t = o_t \odot \tanh c_t .$$
#
# **GRU** (Cho et al., 2014) manages with two gates $z, r$ and no cell:
# $h_t = z_t \odot h_{t-1} + (1 - z_t) \odot \tanh(W x_t + r_t \odot U h_{t-1} + b)$. **BiLSTM** reads in both directions, and
# **stacked** feeds the states of one LSTM to another. The **multiplicative LSTM** (Krause et al., 2016) puts
# $m_t = W_m x_t \odot U_m h_{t-1}$ where the gates of an LSTM look at $h_{t-1}$, so that each word chooses its own transition.
# **CNN** (Kim, 2014) slides windows of 3, 4 and 5 words over the text and keeps the strongest answer of each filter, wherever
# it was.

# %%
encoders = {
    "MLP": "mlp", "MLP + average": "mlp-average", "SimpleRNN": "rnn", "LSTM": "lstm", "BiLSTM": "bilstm",
    "stacked LSTM": "stacked-lstm", "GRU": "gru", "multiplicative LSTM": "mlstm", "CNN": "cnn",
}  # fmt: skip
if fast:
    encoders = {name: encoders[name] for name in ("MLP + average", "LSTM", "CNN")}

# %% [markdown]
# *Dropout* sets a random half of the numbers in the word vectors, and of those before the last layer, to zero at every training
# step, and scales up the others, so that no number can rely on another. When the network is used, nothing is dropped.

# %%
variants = {(name, rate): dict(encoder=kind, dropout=rate) for name, kind in encoders.items() for rate in (0.0, 0.5)}
settings = dict(attention="none", embedding=embedding, units=units, filters=2 * units, learning_rate=5e-3)
settings |= dict(max_length=40, batch_size=64, epochs=epochs, patience=2, seed=seed)
print(len(variants), "networks to train")

# %% [markdown]
# ## Train
#
# One loop trains them all with the same settings, none of them tuned: a network that would like another learning rate is at a
# disadvantage here, as it is in most published tables. Training stops after two epochs without a better validation loss and
# keeps the weights of the best.

# %%
import logging

logging.getLogger("tensorflow").setLevel("ERROR")  # many networks are many compilations: no news
classifiers = {}
for (name, rate), own in variants.items():
    classifiers[name, rate] = emorec.TextClassifier(**settings, **own)
    classifiers[name, rate].fit(train, validation=data.validation, label_set=data.label_set, progress=None)
    history = classifiers[name, rate].history_
    print(f"{name:<19} dropout {rate:.1f}: validation loss {history.best_value:.3f} after {history.best_epoch + 1} of {len(history.epochs)} epochs")

# %% [markdown]
# Did dropout help? Each line joins the same network without and with it. Where the blue circle is further left than the
# orange square, dropout lowered the validation loss. The dotted line is the loss of a network that knows nothing, $\ln C$ for $C$ classes of equal size.

# %%
figure, ax = plt.subplots(figsize=(8, 1 + 0.35 * len(encoders)), layout="constrained")
for i, name in enumerate(encoders):
    pair = [classifiers[name, rate].history_.best_value for rate in (0.0, 0.5)]
    ax.plot(pair, [i, i], color="0.6", zorder=0)
    ax.scatter(pair[0], i, color=plots.ORANGE, marker="s", label="without dropout" if i == 0 else None)
    ax.scatter(pair[1], i, color=plots.BLUE, label="with dropout 0.5" if i == 0 else None)
ax.axvline(np.log(len(data.label_set)), color="0.4", ls=":", label="knows nothing")
ax.set_yticks(range(len(encoders)), list(encoders))
ax.set(title="Dropout and the best validation loss", xlabel="validation loss (nats)", ylim=(len(encoders) - 0.5, -0.5))
ax.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# The same encoders learn the synthetic task, each with word vectors of its own and without dropout.

# %%
tiny = settings | dict(embedding="learned", embedding_dim=16, units=16, filters=16, epochs=2 if fast else 15, patience=15, batch_size=32)
order = {}
for name, kind in encoders.items():
    order[name] = emorec.TextClassifier(kind, **tiny, dropout=0.0).fit(*practice, progress=None).score(*exam)
    print(f"{name:<19} {order[name]:.0%} of the new texts are right")

# %% [markdown]
# ## Evaluate
#
# The test split is opened now, once, for all of them. Of each network the version with the lower validation loss is taken.
# Logistic regression on TF-IDF features of the same training sentences is the baseline.

# %%
from dataclasses import replace

from emorec import metrics
from emorec.text import baselines

best = {name: min((classifiers[name, r] for r in (0.0, 0.5)), key=lambda c: c.history_.best_value) for name in encoders}
evaluations = {name: classifier.evaluate(data.test) for name, classifier in best.items()}
evaluations["TF-IDF + logistic regression"] = baselines.evaluated(replace(data, train=train))

# %% [markdown]
# The main figure sets the two tasks side by side. On the left only order decides; on the right is the accuracy on the
# sentences of the sample, where the words themselves carry most of what there is to know.

# %%
names = list(encoders)
figure, axes = plt.subplots(1, 2, figsize=(11, 1.4 + 0.36 * len(names)), layout="constrained", sharey=True)
rows = {name: (order[name], *metrics.wilson_interval(round(order[name] * len(exam[0])), len(exam[0]))) for name in names}
measured = {name: (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items() if name in names}
for ax, values, colour, title in ((axes[0], rows, plots.ORANGE, "Only the order decides"), (axes[1], measured, plots.BLUE, f"{data.name}, {len(data.test)} sentences")):
    for i, (value, low, high) in enumerate(values.values()):
        ax.barh(i, 100 * value, color=colour, height=0.7, xerr=[[100 * (value - low)], [100 * (high - value)]], capsize=3)
        ax.text(2, i, f"{100 * value:.0f} %", va="center", fontsize=9, color="white" if colour == plots.BLUE else "black")
    ax.set(title=title, xlim=(0, 104), ylim=(len(names) - 0.5, -0.5))
    ax.spines[["top", "right"]].set_visible(False)
for ax, level, name in ((axes[0], 50, "guessing"), (axes[1], 100 * evaluations["TF-IDF + logistic regression"].accuracy, "TF-IDF + logistic regression")):
    ax.axvline(level, color="0.4", ls="--", lw=1)
    ax.set_xlabel(f"read correctly (%), 95 % interval; dashed: {name}")
axes[0].set_yticks(range(len(names)), names);

# %% [markdown]
# ### What a difference must be
#
# Two networks that answer the same $n$ test examples differ only where exactly one of them is right. If that happens with a
# share $d$ of the examples and both are equally good, their accuracies still differ by chance, with standard error
# $\sqrt{d / n}$. A difference below about $1.96 \sqrt{d / n}$ is what two equally good networks show in nineteen of twenty cases.

# %%
answers = {name: classifier.predict(data.test.inputs) for name, classifier in best.items()}
right = {name: answer == data.test.labels for name, answer in answers.items()}
share = np.median([(right[name] != right["MLP + average"]).mean() for name in right if name != "MLP + average"])
needed = 196 * np.sqrt(share / len(data.test))
print(f"exactly one of two is right on {share:.0%} of the test examples (median): chance explains a difference of up to {needed:.1f} points")

# %% [markdown]
# The figure compares every network with the average of words, on the same examples. The p values are McNemar's, adjusted for the number of
# questions (Holm); without that, one in twenty equally good networks would win or lose by chance. The intervals are not adjusted.

# %%
gains = metrics.gains(data.test.labels, answers, "MLP + average")
plots.forest(gains, digits=1, xlabel="accuracy minus that of MLP + average (points)", title="Differences on the same examples");

# %% [markdown]
# All of this is about one training each. Another seed gives other initial weights and another order of the examples, and no
# interval over test examples knows about that. Here is the GRU with its own seed and with two others.

# %%
again, kind = [], "GRU" if "GRU" in best else "LSTM"
for other in range(seed, seed + (1 if fast else 3)):
    model = emorec.TextClassifier(**settings | {"seed": other}, encoder=encoders[kind], dropout=best[kind].dropout)
    again.append(model.fit(train, validation=data.validation, label_set=data.label_set, progress=None).score(data.test))
print(f"{kind}, accuracy with seeds {seed} to {other}:", ", ".join(f"{value:.1%}" for value in again))

# %% [markdown]
# ## Explain
#
# Three test sentences, chosen by rule, are read by the network with the lowest validation loss, with their true label. The shade
# of a word is the probability that the answer loses when the word is left out; blue words spoke against the answer.

# %%
from emorec.text import explain

chosen = min(best, key=lambda name: best[name].history_.best_value)
print("lowest validation loss:", chosen)
for explanation in explain.cases(best[chosen], data.test, method="leave-one-out"):
    display(explanation)

# %% [markdown]
# ## Save and load
#
# One file holds weights, vocabulary, labels and settings. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
best[chosen].save(work / "recurrent_and_convolutional.emorec")
same = emorec.TextClassifier.load(work / "recurrent_and_convolutional.emorec")
change = abs(same.predict_proba(data.test.inputs[:50]) - best[chosen].predict_proba(data.test.inputs[:50])).max()
print(f"largest change of a probability: {change}")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell. The first line is the answer of `text-emotion`, a model
# that comes along. All networks answer below; how far they disagree says how seriously to take any one of them. The plain recurrent
# network reads only a third of the test sentences correctly, and with another seed it misses this sentence, too.

# %% tags=["user-input"]
test_sentence = "There was hair in the soup and something slimy at the bottom of the glass."
print("text-emotion:", emorec.load("text-emotion").predict([test_sentence])[0])
shown = pd.DataFrame({name: c.predict_proba([test_sentence])[0] for name, c in best.items()}, index=list(data.label_set)).T
shown.style.format("{:.0%}").highlight_max(axis=1, props="font-weight:bold;background:rgba(230,159,0,0.4)")

# %% [markdown]
# ## Results

# %% tags=["results"]
results = {f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()}
results |= {f"task of order, {name}": value for name, value in order.items()}
results["smallest difference that is not chance"] = needed / 100
emorec.reporting.publish(results, title=f"Accuracy on {data.name} (test), 95 % intervals")

# %% [markdown]
# ### What was learnt
#
# Where only the order decides, an average of words can do no better than guess, and every other network learns the rule, the convolutional one included: its
# windows of a few words are enough, since *not* is next to the word that it turns away. On the sentences of the sample the words themselves carry nearly
# all there is to know. There the average is level with the convolutional network and with the better recurrent ones; the plain recurrent network and the MLP
# with weights for each position, which must learn every word anew in every place, are far behind, by much more than chance. The other differences are about
# as large as those between three seeds of one network. A small p value does not change that, since it knows of one training only: the order of the other networks
# in the table is mostly luck.
#
# Dropout made most losses larger here. It slows learning down, and eight epochs on a thousand sentences are too few for that; with more of both it
# has a better chance. All networks had the same learning rate, which suits some better than others. Which of them is best is not answered here;
# [attention_comparison](attention_comparison.ipynb) asks such a question with folds, seeds and adjusted p values.
#
# ### Exercises
#
# 1. Put *not* two words before the word that it turns away, with any word between them. Which networks still learn the task?
#    <details><summary>Solution</summary>Change <code>f"not {lost[1]}"</code> to <code>f"not {rng.choice(filler)} {lost[1]}"</code>. The recurrent networks do,
#    and so does the CNN, whose windows are 3 to 5 words wide; with <code>kernel_sizes=(2,)</code> no window holds both words, and it no longer can.</details>
# 2. The MLP has weights of its own for each position. It learns the task of order and fails on the sentences. Why?
#    <details><summary>Solution</summary>The task has a few words in a few places, and 600 texts show each of them often. The sentences have thousands of words;
#    what the MLP learns about a word in third place says nothing about the same word in fourth place.</details>
# 3. Two networks reach 80.1 % and 81.0 % on 1,067 test sentences, and exactly one of them is right on a fifth of these. Is the second better?
#    <details><summary>Solution</summary>A difference below 1.96 · √(0.2 / 1067) = 2.7 points is what two equally good networks show in nineteen of twenty
#    cases, so 0.9 points say nothing.</details>
#
# ### Where to go on
#
# [global_attention](global_attention.ipynb) lets a recurrent network choose among its states, [self_attention](self_attention.ipynb) lets words act on one another
# without any recurrence, and [parameter_search](parameter_search.ipynb) shows how to choose settings honestly. The encoders are described in
# [emorec.text](../../docs/api/text.md).

