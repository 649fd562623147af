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
# # Tweet sentiment: what happens when the classes shift?
#
# <!-- launch -->
#
# SemEval-2017 task 4A asks whether a tweet is negative, neutral or positive. Systems train on the tweets of 2013 to 2016 and are
# scored on those of 2017. In between the mixture has changed: about one training tweet in six is negative, and about one test
# tweet in three. A model that has learned how common each class is has learned something that no longer holds. This notebook
# shows what such a shift does to a classifier and to the numbers that describe it, and two ways of meeting it.
#
# **The data out of the box is a stand-in.** Tweets may not be redistributed. Without them the notebook uses sentences of the bundled
# sample, which are not tweets, and shifts their classes on purpose. That shows the arithmetic of a shift. None of its scores may
# stand beside a published one.

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
# `semeval-2017-4a` reads the official files; where they cannot be fetched, the message says which ones to get and where to put
# them. `embedding` takes `glove`, `learned`, or the path of a file of vectors, such as GloVe's Twitter vectors.

# %% tags=["parameters"]
dataset = "stand-in"  # @param ["stand-in", "semeval-2017-4a"]
embedding = "glove"  # @param {type:"string"}
encoder = "bilstm"  # @param ["bilstm", "lstm", "bigru", "gru", "cnn"]
epochs = 12  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# This is how the stand-in is made. Happiness counts as positive; anger, disgust, fear and sadness count as negative; surprise,
# which can be either, is left out. In training and validation 24 of 25 negative sentences are dropped, and in the test none,
# so the shift has the direction of SemEval's and is stronger.

# %%
import numpy as np
import pandas as pd

from emorec.labels import POLARITY3

POLARITY_OF = {"happiness": "positive", "neutral": "neutral"} | dict.fromkeys(("anger", "disgust", "fear", "sadness"), "negative")


def stand_in(seed):
    """Bundled sentences with three classes, whose shares differ between training and test."""
    source = emorec.datasets.load("sample-sentences")
    columns = ("inputs", "labels", "ids")
    tables = [pd.DataFrame({c: getattr(s, c) for c in columns}).assign(split=s.name) for s in (source.train, source.validation, source.test)]
    table = pd.concat(tables, ignore_index=True)
    table = table[table["labels"] != "surprise"].assign(label=lambda t: t["labels"].map(POLARITY_OF))
    kept = (table["split"] == "test") | (table["label"] != "negative") | (np.random.default_rng(seed).random(len(table)) < 0.04)
    return emorec.datasets.from_table(table[kept], "inputs", id="ids", split="split", label_set=POLARITY3, name="stand-in")


# %% [markdown]
# SemEval's training split pools the files of all the years before, a tenth of it for validation; the test is the official one of
# 2017. Scores on a random tenth of the pooled old files, which some papers report, have no shift and cannot be compared with them.

# %%
data = stand_in(seed) if dataset == "stand-in" else emorec.datasets.load(dataset)
if fast:
    data, epochs = data.smaller(300), 2
print(data)
print(data.protocol, *data.notes, sep="\n")

# %% [markdown]
# ## Look at it
#
# The shares of the classes differ. Training and validation agree with each other, and the test agrees with neither. A validation
# score therefore cannot foretell the test score, however carefully the validation split was sampled.

# %%
import matplotlib.pyplot as plt

from emorec import plots
from emorec.text.tokens import tokenise

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
plots.classes(data, title="The classes shift", ax=left)
plots.lengths([len(tokenise(t, tweets=True)) for t in data.train.inputs], ax=right);

# %% [markdown]
# ### What a tweet is made of
#
# User names and links are nearly all different, so a vocabulary would spend its rows on words that never come back. A hashtag hides
# words that are known once it is opened (`#BestDayEver`), and an emoticon carries the sentiment and must not fall apart into
# punctuation. With `tweets=True` the classifier reads every text in this way, and its file remembers it.

# %%
tweets = [
    "@MetOffice so much for #SunnyWeekend :( https://t.co/x1Y2z",
    "OMG @BBCRadio4 just played my song!!! #BestDayEver <3",
    "Train 3 cancelled AGAIN... cheers @northern www.example.org/a?b=1",
]
pairs = [(" · ".join(tokenise(t)), " · ".join(tokenise(t, tweets=True))) for t in tweets]
shown = pd.DataFrame(pairs, index=tweets, columns=["plain", "as a tweet"])
shown.style.format(escape="html").set_properties(**{"text-align": "left"}).set_table_styles([{"selector": "th", "props": "text-align: left"}])

# %% [markdown]
# ## Model
#
# The network is a bidirectional LSTM under global attention, as in the system that shared the first place in 2017 (DataStories;
# Baziotis et al., 2017), only smaller. Two versions of it differ in their loss alone. The *plain* one has the usual loss. In
# the other, which is the first way of meeting the shift, every class counts the same in training: an example of class $c$,
# whose share of the training split is $\pi_c$, is weighted with $1 / (C \pi_c)$, where $C$ is the number of classes.

# %%
settings = dict(encoder=encoder, attention="global", tweets=True, embedding=embedding)
settings |= dict(units=32, attention_units=32, max_length=80, dropout=0.5, learning_rate=3e-3)
settings |= dict(epochs=epochs, patience=4, batch_size=32, seed=seed)
classifiers = {
    "plain": emorec.TextClassifier(**settings),
    "balanced loss": emorec.TextClassifier(**settings, class_weight="balanced"),
}

# %% [markdown]
# The second way needs no training. The plain classifier gives $p(c \mid x)$, the probability of class $c$ for text $x$, *under the shares
# of the training data*; it is proportional to $p(x \mid c)\,\pi_c$, where $p(x \mid c)$ is how common the text is within the class. Where all
# classes are to count alike, the best answer is the class with the largest
#
# $$p(x \mid c) \;\propto\; \frac{p(c \mid x)}{\pi_c} .$$
#
# So each probability is divided by the training share of its class, and the largest is taken. This is called *prior correction*
# (Menon et al., 2021). It uses the training labels and nothing of the test.

# %%
shares = pd.Series(data.train.labels).value_counts(normalize=True)[list(data.label_set)].to_numpy()
pd.Series(shares, index=list(data.label_set), name="share in training").to_frame().T.style.format("{:.1%}")

# %% [markdown]
# ## Train
#
# The two losses cannot be compared with each other, since they weigh the examples differently; the shape of each curve, and the
# epoch that was kept, can.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for ax, (name, classifier) in zip(axes, classifiers.items()):
    classifier.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    plots.history(classifier.history_, metrics=["loss"], ax=ax)
    ax.set_title(name)

# %% [markdown]
# ## Evaluate
#
# The official scores of the task are **macro-recall**, the mean of the three recalls (1/3 for guessing, whatever the shares);
# $F_1^{PN}$, the mean of the F1 scores of positive and negative; and accuracy. Two baselines stand below: logistic regression on word
# and word-pair counts with balanced classes, and the commonest class of the training split.

# %%
from emorec import metrics
from emorec.text import baselines

linear = baselines.build("tfidf-lr", data.label_set).set_params(logisticregression__class_weight="balanced")
linear.fit(data.train.inputs, data.train.labels)
probabilities = classifiers["plain"].predict_proba(data.test.inputs)
answers = {name: classifier.predict(data.test.inputs) for name, classifier in classifiers.items()}
answers["prior correction"] = data.label_set.decode((probabilities / shares).argmax(axis=1))
answers["linear, balanced"] = linear.predict(data.test.inputs)
commonest = data.label_set.names[shares.argmax()]
answers[f"always {commonest}"] = np.full(len(data.test), commonest, dtype=object)

# %% [markdown]
# Each score has its 95 % interval, from resampling the test examples.

# %%
def f1_pn(truth, predicted):
    """Mean F1 of positive and negative: 2 hits / (predicted + true), 0 where there is neither."""
    sides = [(truth == c, predicted == c) for c in ("positive", "negative")]
    return np.mean([2 * (t & p).sum() / max(t.sum() + p.sum(), 1) for t, p in sides])


truth = np.asarray(data.test.labels, dtype=str)
scores = {}
for name, answer in answers.items():
    e = metrics.evaluate(truth, answer, data.label_set)
    answer = np.asarray(answer, dtype=str)
    pn = (f1_pn(truth, answer), *metrics.bootstrap_interval(f1_pn, truth, answer, samples=500, seed=seed))
    scores[name] = {"macro-recall": (e.macro_recall, *e.macro_recall_interval), "F1-PN": pn, "accuracy": (e.accuracy, *e.accuracy_interval)}
pd.DataFrame(scores).T.map(emorec.reporting.show)

# %% [markdown]
# The plain classifier rarely answers with the class that was rare in training. A correction moves its answers towards that class,
# at the cost of some recall in the classes that were common.

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="compressed")
for ax, name in zip(axes, ("plain", "balanced loss", "prior correction")):
    plots.confusion(metrics.evaluate(truth, answers[name], data.label_set), title=name, ax=ax)
for ax in axes[1:]:
    ax.set(ylabel="", yticklabels=[])

# %% [markdown]
# ### What the shift does to a score
#
# Suppose that the classifier stays as it is and that only the shares $\pi_c$ of the classes move, from those of the training
# split to those of the test. The recalls $r_c$ stay where they are. Accuracy, $\sum_c \pi_c r_c$, slides with the shares, and $F_1$ slides
# too, because its precisions depend on how many examples of the other classes there are to be mistaken. Macro-recall,
# $\frac{1}{C}\sum_c r_c$, does not move. It measures the classifier; the others measure the classifier and the mixture.

# %%
target = pd.Series(truth).value_counts(normalize=True).reindex(list(data.label_set), fill_value=0).to_numpy()
steps, curves = np.linspace(0, 1, 41), {}
for name in ("plain", "prior correction"):
    recall = metrics.evaluate(truth, answers[name], data.label_set).confusion.astype(float)
    recall /= recall.sum(axis=1, keepdims=True).clip(1)
    cells = [((1 - s) * shares + s * target)[:, None] * recall for s in steps]
    f1 = [np.mean([2 * m[c, c] / (m[c].sum() + m[:, c].sum()) for c in (0, 2)]) for m in cells]
    curves[name] = {"macro-recall": [np.trace(recall) / 3] * len(steps), "F1-PN": f1, "accuracy": [np.trace(m) for m in cells]}

# %% [markdown]
# This is the main figure. On the left of each picture the classes are mixed as in training, on the right as in the test, where
# the curves meet the table above. The classifier and its recalls are the same everywhere, and yet two of its three scores depend on the mixture.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
for ax, (name, own) in zip(axes, curves.items()):
    for (score, values), colour, style in zip(own.items(), (plots.BLUE, plots.GREEN, plots.VERMILION), ("-", "--", "-.")):
        ax.plot(100 * steps, 100 * np.array(values), style, color=colour, lw=2, label=score)
    ax.set(title=name, xlabel="mixture: 0 as in training, 100 as in the test")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("score (%)")
axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5));

# %% [markdown]
# ## Explain
#
# Three test examples, chosen by rule, are answered by the classifier with the balanced loss, with their true label. The stronger
# the colour of a word, the larger its weight in the attention.

# %%
from emorec.text import explain

balanced = classifiers["balanced loss"]
for explanation in explain.cases(balanced, data.test):
    display(explanation)

# %% [markdown]
# ## Save and load
#
# One file holds weights, vocabulary, labels and the way of reading tweets. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
balanced.save(work / "tweet_sentiment.emorec")
same = emorec.TextClassifier.load(work / "tweet_sentiment.emorec")
print(f"largest change of a probability: {abs(same.predict_proba(data.test.inputs) - balanced.predict_proba(data.test.inputs)).max()}")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a tweet of your own and run this one cell. The first line is the answer of `text-sentiment`, a model that comes along and was trained on
# film reviews and comments; it knows no neutral class. Below it is the network with the balanced loss. Trained on the stand-in, that one has seen only a few dozen
# negative sentences. It reads this outburst as negative, and some sad tweets as positive, for instance *I miss my dad so much, it hurts every single day :( #grief*.

# %% tags=["user-input"]
test_sentence = "@airline stop lying to me, give me my money back, you are a disgrace #ThanksForNothing"
print("text-sentiment:", emorec.load("text-sentiment").predict([test_sentence])[0])
balanced.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish({f"{score}, {name}": value for name, own in scores.items() for score, value in own.items()},
                         title=f"Scores on {data.name} (test), 95 % intervals")

# %% [markdown]
# ### What was learnt
#
# Accuracy and F1 do not survive a shift of the classes. The classifier stays the same, and its accuracy falls from nearly
# ninety to little more than fifty per cent with the mixture of the test, while its macro-recall stays where it is. A classifier
# that has learned that negative texts are rare rarely says *negative*: it reads only a third of them as such. Dividing its
# probabilities by the training shares nearly doubles that recall without any training, at the price of a few errors elsewhere,
# and helps here more than weighing the classes in the loss (how much that changes depends on the network; Byrd and Lipton,
# 2019).
#
# None of the numbers above comes from tweets. For orientation, these macro-recalls on the official test of 2017 have been
# published: 0.583 for an LSTM, 0.629 for fastText and 0.713 for RoBERTa (TweetEval), and 0.681 for the BiLSTM with attention of
# DataStories. With the official files in place, `dataset = "semeval-2017-4a"` runs this notebook on them.
#
# ### Exercises
#
# 1. A classifier has the recalls 0.4, 0.9 and 0.8 for negative, neutral and positive. Compute its accuracy and macro-recall where negative texts are 10 % of all,
#    and where they are 60 %, the others being equally common.
#    <details><summary>Solution</summary>Accuracy: 0.1 · 0.4 + 0.45 · 0.9 + 0.45 · 0.8 = 0.805, and 0.6 · 0.4 + 0.2 · 0.9 + 0.2 · 0.8 = 0.58. Macro-recall:
#    0.7 in both cases.</details>
# 2. Suppose the shares of the test were known. How would the prior correction have to change to get the best accuracy?
#    <details><summary>Solution</summary>Multiply the corrected values by the shares of the test: p(c | x) · test share / training share. For equal shares this is
#    the correction above.</details>
# 3. Why can the balanced loss and the prior correction not be combined by simply applying one after the other?
#    <details><summary>Solution</summary>A network with the balanced loss already answers as if all classes were equally common. Dividing by the training shares
#    once more would correct twice.</details>
#
# ### Where to go on
#
# [emotion_recognition](emotion_recognition.ipynb) looks at imbalance with seven classes, [global_attention](global_attention.ipynb) explains the network, and
# [datasets](../datasets.ipynb) describes the official data. The scores are described in [emorec.metrics](../../docs/api/metrics.md).

