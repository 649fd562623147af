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
# # Word embeddings: where should a network's word vectors come from?
#
# <!-- launch -->
#
# A network computes with numbers, and a text is made of words, so every word needs numbers of its own: a vector, also
# called its *embedding*. The vectors can start at random and be learned with the task. They can be replaced by counts
# (TF-IDF). They can be learned beforehand from the neighbours of each word, on the same texts (word2vec) or on billions of
# words that somebody else has collected (GloVe). This notebook asks what ready-made vectors are worth, and measures it in
# labelled sentences: how many of them do the vectors replace?

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
# GloVe's vectors of the 52,000 commonest English words come along with the package. `vectors_path` takes a file of other
# vectors in their place: word2vec (`.bin`, `.txt`, `.vec`) or GloVe (`.txt`), each also as `.gz`, for instance
# [GoogleNews](https://code.google.com/archive/p/word2vec/) or one of the larger [GloVe](https://nlp.stanford.edu/projects/glove/)
# files. Of a file only the rows of words that occur in the data are read.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "sample-reviews", "movie-polarity", "movie-subjectivity", "emotions"]
encoder = "mlp-average"  # @param ["mlp-average", "cnn", "gru", "bilstm"]
vectors_path = ""  # @param {type:"string"}
epochs = 20  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Vocabulary and vectors are made from the training split alone. The words of the test split are looked at only to count
# how many of them a vocabulary would have missed.

# %%
import warnings

import numpy as np
import pandas as pd

data = emorec.datasets.load(dataset)
ready_made = vectors_path or "glove"
if fast:
    data, epochs = data.smaller(300), 2
texts = list(data.train.inputs)
print(data)
examples = pd.DataFrame({"label": data.train.labels, "text": texts})
examples.groupby("label").first().loc[list(data.label_set)].style.set_properties(**{"text-align": "left"})

# %% [markdown]
# ## Look at it
#
# How much of an unseen text does a vocabulary cover? There are two ways to count. By *token*, every word on the page
# counts; by *type*, every different word counts once. Common words make up most of a page, so the first number is high
# with a small vocabulary. The second shows how many words of a new text the network has never met.

# %%
from collections import Counter

import matplotlib.pyplot as plt

from emorec import plots
from emorec.text.tokens import tokenise

counts = Counter(w for text in texts for w in tokenise(text))
print(f"{counts.total():,} words on the page, {len(counts):,} of them different")

# %% [markdown]
# The words are ranked by how often they occur in training, and a vocabulary of a given size holds the commonest.

# %%
rank = {word: i for i, (word, _) in enumerate(counts.most_common(), 1)}
tokens = [w for text in data.test.inputs for w in tokenise(text)]
steps = np.unique(np.geomspace(1, len(rank), 60).astype(int))
ranks = {"tokens": [rank.get(w, np.inf) for w in tokens], "types": [rank.get(w, np.inf) for w in set(tokens)]}
covered = {name: [100 * np.mean(np.array(r) <= size) for size in steps] for name, r in ranks.items()}

# %% [markdown]
# The curves end below 100 %, because some words of the test split do not occur in the training split at all. The
# vertical line marks the words that occur at least twice in training: words seen once share a single vector, named
# *unknown*, which is trained with the others and which a new word can borrow.

# %%
figure, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.semilogx(steps, covered["tokens"], color=plots.BLUE, label="of the words on the page (tokens)")
ax.semilogx(steps, covered["types"], "--", color=plots.VERMILION, label="of the different words (types)")
ax.axvline(sum(n > 1 for n in counts.values()), color="0.5", lw=1, ls=":", label="words seen at least twice")
ax.set(title="Coverage of the test split", xlabel="size of the vocabulary (words)", ylabel="covered (%)", ylim=(0, 100))
ax.legend(frameon=False, fontsize=9)
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Model
#
# ### A table of vectors
#
# Each word of the vocabulary has a number, and an embedding is a table with one row for each number. Looking up a row is
# the same as multiplying the table with a vector that is one at that row and zero elsewhere, so the table can be trained
# like any other weight. Number 0 is padding, and number 1 is the unknown word.

# %%
from emorec.text.tokens import TextEncoder

encoding = TextEncoder().fit(texts)
sentence = min((t for t in texts if len(tokenise(t)) > 5), key=len)
ids = encoding.encode([sentence])[0]
pd.DataFrame({"number": ids, "word": [encoding.words[i] for i in ids]}).T

# %% [markdown]
# ### TF-IDF
#
# The counts of words are the simplest vector of a whole text. Word $w$ that occurs $n_w$ times in a text, and in $d_w$ of
# the $N$ training texts, gets the weight
#
# $$(1 + \ln n_w)\,\Bigl(\ln\frac{1 + N}{1 + d_w} + 1\Bigr),$$
#
# and the vector is scaled to length one. Rare words weigh more than common ones. The order of the words is lost, and two
# words that mean the same have nothing in common.
#
# ### word2vec and GloVe
#
# Words that occur in the same company get similar vectors. *Skip-gram* (Mikolov et al., 2013) gives word $w$ a vector
# $v_w$, and each possible neighbour $c$ a vector $u_c$. For every pair that occurs in a text it raises
#
# $$\ln \sigma(u_c^\top v_w) + \sum_{k=1}^{5} \ln \sigma(-u_{c_k}^\top v_w),$$
#
# where $\sigma$ is the logistic function and the words $c_k$ are sampled at random: real neighbours are distinguished
# from random ones. No label is used. GloVe (Pennington et al., 2014) fits the vectors to a table of how often each pair of
# words occurs together. Its vectors were trained on six billion words; ours below on the sentences of the sample alone.

# %%
from emorec.text.vectors import embedding_matrix

tables = {}
for source in ("skip-gram", ready_made):
    encoding = TextEncoder()
    matrix, coverage = embedding_matrix(source, texts, encoding, dim=50, seed=seed)
    tables[source] = pd.DataFrame(matrix, index=encoding.words)
    print(coverage)

# %% [markdown]
# What a vector knows shows in its neighbours, the words whose vectors point in the same direction. A few thousand sentences
# are too few for word2vec: each word has kept too little company, and its neighbours are words of the same sentences. The
# neighbours of GloVe mean something similar.

# %%
def neighbours(table, word, n=5):
    """The n words whose vectors have the largest cosine with the word's own."""
    if word not in table.index:
        return "no vector"
    unit = table.iloc[2:].div(np.linalg.norm(table.iloc[2:], axis=1) + 1e-9, axis=0)
    return ", ".join((unit @ unit.loc[word]).drop(word).nlargest(n).index)


asked = [w for w in ("furious", "disgusting", "afraid", "happy", "crying", "suddenly", "table", "film") if w in counts][:6]
pd.DataFrame({name: [neighbours(table, w) for w in asked] for name, table in tables.items()}, index=asked)

# %% [markdown]
# ### Words without a vector
#
# A word that the file does not hold is *out of vocabulary* (OOV). It can get **zeros**, which say nothing; a **normal**
# sample with the mean and variance of the other vectors, so that it is as long as they are; or the **subword** mean of
# words that share pieces with it, so that *unfriendliest* borrows from *unfriendly*.

# %%
for oov in ("zeros", "normal", "subword"):
    matrix, coverage = embedding_matrix(ready_made, texts, TextEncoder(), oov=oov, seed=seed)
    lengths = np.linalg.norm(matrix[2:], axis=1)
    print(f"{oov:>8}: mean length of a vector {lengths.mean():.2f}, {np.mean(lengths == 0):.1%} of the rows are zeros")

# %% [markdown]
# ## Train
#
# The same small network reads all of them: one hidden layer on each word, the mean over the words, and a score for each
# class. *Frozen* vectors stay as they are, and only the layers above them learn. *Trainable* vectors change with the task
# from the first step. Nothing else differs between the networks. Training stops when the validation loss has not improved
# for three epochs, and keeps the weights of the best one.

# %%
variants = {
    "learned with the task": {},
    "TF-IDF": {"encoder": "tfidf-mlp"},
    "skip-gram, trained on these texts": {"embedding": "skip-gram"},
    "GloVe, frozen": {"embedding": ready_made, "embedding_trainable": False},
    "GloVe, trainable": {"embedding": ready_made},
}

settings = dict(encoder=encoder, attention="none", embedding_dim=50, units=32, dropout=0.3, learning_rate=5e-3)
settings |= dict(epochs=epochs, patience=3, seed=seed)

# %%
classifiers = {}
for name, own in variants.items():
    classifiers[name] = emorec.TextClassifier(**settings | own)
    classifiers[name].fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    history = classifiers[name].history_
    print(f"{name:<34} best epoch {history.best_epoch + 1:>2}, validation loss {history.best_value:.3f}")

# %% [markdown]
# ### Fewer sentences
#
# The advantage of ready-made vectors should be largest where labelled sentences are few. So both kinds are trained once
# more on a random share of the training split; the validation split, which decides when to stop, shrinks with it.

# %%
from emorec.text.tokens import TextNotice

sizes, mixed = (100,) if fast else (150, 400, 1000), np.random.default_rng(seed).permutation(len(data.train))
longer = settings | dict(batch_size=32, epochs=2 if fast else 60, patience=8)
warnings.simplefilter("ignore", TextNotice)  # a vocabulary of few sentences knows few words, which is no news here
curve = {}
for n in sizes:
    few, held = data.train.take(np.sort(mixed[:n])), data.validation.take(np.arange(max(60, n // 4)))
    for name in ("learned with the task", "GloVe, trainable"):
        model = emorec.TextClassifier(**longer | variants[name]).fit(few, validation=held, label_set=data.label_set, progress=None)
        curve[name, n] = model.evaluate(data.test)
warnings.simplefilter("default", TextNotice)

# %% [markdown]
# ## Evaluate
#
# The test split is opened now, once, for all of them together. Logistic regression on TF-IDF features is the baseline.

# %%
from emorec import metrics
from emorec.text import baselines

evaluations = {name: classifier.evaluate(data.test) for name, classifier in classifiers.items()}
evaluations["TF-IDF + logistic regression"] = baselines.evaluated(data)
plots.accuracies(evaluations, title=f"{data.name}: {len(data.test)} test examples");

# %% [markdown]
# All of them answer the same examples, so their differences are known better than their accuracies: an example that is
# hard for everybody cancels out. The p values are McNemar's, adjusted for the number of rows (Holm); the intervals are
# not adjusted.

# %%
answers = {name: classifier.predict(data.test.inputs) for name, classifier in classifiers.items()}
gains = metrics.gains(data.test.labels, answers, "learned with the task")
plots.forest(gains, digits=1, xlabel="accuracy minus that of learned vectors (points)", title="Where the vectors come from");

# %% [markdown]
# The main result of this notebook is the next figure: accuracy on the same test split, against the number of labelled
# sentences. Read it sideways to see how many sentences ready-made vectors replace.

# %%
figure, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for (name, colour, marker) in (("GloVe, trainable", plots.BLUE, "o"), ("learned with the task", plots.ORANGE, "s")):
    points = {n: curve[name, n] for n in sizes} | {len(data.train): evaluations[name]}
    bars = np.array([(e.accuracy - e.accuracy_interval[0], e.accuracy_interval[1] - e.accuracy) for e in points.values()]).T
    ax.errorbar(list(points), [100 * e.accuracy for e in points.values()], yerr=100 * bars, color=colour, marker=marker, capsize=3)
    ax.annotate(name.replace(", trainable", ""), (len(data.train), 100 * evaluations[name].accuracy), (8, 0), textcoords="offset points", va="center", color=colour)
ax.set_xscale("log")
ax.set_xticks(list(points), [f"{n:,}" for n in points])
ax.minorticks_off()
ax.set(title="Ready-made vectors replace labelled sentences", xlabel="labelled training sentences", ylabel="accuracy (%), 95 % interval", ylim=(0, 100))
ax.margins(x=0.3)
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Explain
#
# Why do GloVe's vectors help? Before any training they already know which words belong together. The maps show words that
# people use for each emotion, and some that they use for none, where word2vec and GloVe both have a vector for them. In
# GloVe's map the words of disgust, of fear, of sadness and of no emotion each lie together, while those of anger and happiness
# still mix. In word2vec's map only the words of disgust and of no emotion do.

# %%
chosen_words = {
    "anger": "angry furious annoyed mad", "disgust": "disgusting slimy vile filthy", "fear": "afraid scared frightened terrified",
    "happiness": "happy delighted glad smiling", "sadness": "sad crying lonely grief",
    "surprise": "surprised astonished unexpected amazed", "no emotion": "tuesday platform form list",
}  # fmt: skip
known = set(tables["skip-gram"].index) & set(tables[ready_made].index)
words = [(w, label) for label, own in chosen_words.items() for w in own.split() if w in known]

# %% [markdown]
# A map shows the two directions in which the vectors differ most, their principal components, after every vector was scaled
# to length one. Words of one emotion have one colour and one marker.

# %%
from sklearn.decomposition import PCA

figure, axes = plt.subplots(1, 2, figsize=(13, 5.6), layout="constrained")
for ax, (source, title) in zip(axes, (("skip-gram", "word2vec, trained on these texts"), (ready_made, "GloVe, trained on six billion words"))):
    vectors = tables[source].loc[[w for w, _ in words]].to_numpy()
    flat = PCA(2, random_state=0).fit_transform(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9))
    plots.word_map([w for w, _ in words], flat, [label for _, label in words], title=title, ax=ax)
    ax.set(xlabel="first principal component", ylabel="second principal component")
axes[1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5));

# %% [markdown]
# Three test sentences, chosen by rule, show what the network with GloVe's vectors does with them. Integrated gradients
# share the probability of the answer out among the words: orange words speak for it, blue ones against it.

# %%
from emorec.text import explain

chosen = classifiers["GloVe, trainable"]
for explanation in explain.cases(chosen, data.test):
    display(explanation)

# %% [markdown]
# ## Save and load
#
# The file holds the vocabulary and the trained vectors. Of the vectors that come along it holds only what training
# changed, so that it stays small.

# %%
work = emorec.reporting.work_folder()
chosen.save(work / "word_embeddings.emorec")
same = emorec.TextClassifier.load(work / "word_embeddings.emorec")
change = abs(same.predict_proba(data.test.inputs[:50]) - chosen.predict_proba(data.test.inputs[:50])).max()
print(f"largest change of a probability: {change}; size of the file: {(work / 'word_embeddings.emorec').stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell. The first line says how many of its words are
# unknown to the network with learned vectors, the second how many GloVe does not know.

# %% tags=["user-input"]
test_sentence = "We danced in the kitchen until midnight, and I could not stop laughing."
print("learned vectors:", classifiers["learned with the task"].encoding_.report([test_sentence]))
print("GloVe:", chosen.encoding_.report([test_sentence]))
chosen.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
results = {f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()}
results |= {f"accuracy with {n} sentences, {name}": (e.accuracy, *e.accuracy_interval) for (name, n), e in curve.items()}
results["share of the test split's different words in the training split"] = covered["types"][-1] / 100
emorec.reporting.publish(results, title=f"Accuracy on {data.name} (test), 95 % intervals")

# %% [markdown]
# ### What was learnt
#
# Vectors that come from billions of words save labels. With all sentences of the sample the network with GloVe's vectors
# answers more of them correctly than the one that learns its vectors with the task, and the fewer the sentences, the larger the
# advantage: with 150 sentences GloVe does better than learned vectors with 400. Vectors that are trained on the sample itself
# gain nothing: word2vec sees too little text to learn what words mean. Frozen vectors are worse than trainable ones here,
# because GloVe places words by their company, and *love* and *hate* keep the same company; the task has to pull them apart.
# More epochs do not close this gap.
#
# What to do with words that have no vector matters little as long as there are few of them, as here. It matters in
# the languages and jargons that GloVe was not made for.
#
# ### Exercises
#
# 1. Set `encoder = "gru"` and run the notebook again. Does the advantage of GloVe shrink or grow?
#    <details><summary>Solution</summary>It grows, from six points to nine: a recurrent network has more weights to learn, and gains more
#    from vectors that mean something from the start. Repeat it with another seed before you believe it.</details>
# 2. Find a pair of words whose vectors are close in GloVe although the emotions they carry are opposite. Are they still
#    close after training?
#    <details><summary>Solution</summary>Try <code>happy</code> and <code>sad</code>. The trained vectors are
#    <code>chosen.model_.get_layer("embedding").get_weights()[0]</code>, in the order of <code>chosen.encoding_.words</code>;
#    compare the cosine of the two rows with that in <code>tables[ready_made]</code>.</details>
# 3. Why is a fifth of the *different* words of the test split missing from the training split, when almost every word on the
#    page is known?
#    <details><summary>Solution</summary>Most different words are rare (Zipf's law): they occur once or twice in all texts. Each
#    new text brings some that were never seen, but they make up only a small share of its running words.</details>
#
# ### Where to go on
#
# [recurrent_and_convolutional](recurrent_and_convolutional.ipynb) asks what reads the vectors best,
# [global_attention](global_attention.ipynb) lets the network choose among the words, and
# [transformer](transformer.ipynb) starts from a whole network that was trained beforehand. Vectors and vocabularies are
# described in [emorec.text](../../docs/api/text.md).

