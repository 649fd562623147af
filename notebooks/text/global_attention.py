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
# # Global attention: which words decide?
#
# <!-- launch -->
#
# A recurrent network reads a sentence word by word and leaves one vector, called a *state*, for each word. A classifier
# needs a single vector. The network can hand over its last state, which may have forgotten the beginning. It can average
# all states, so that *the* and *of* count as much as the words that matter. **Global attention** lets the network learn
# how much each word counts. This notebook asks two questions. Does attention make the answers better? And do its weights
# show which words the answer depends on?
#
# The second question has an experiment that everybody can understand: take the words with the largest weights away, and
# see how much of the answer is left.

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
# Change a value, then run everything again. `sample-sentences` comes along with the package; the two movie datasets are
# downloaded from their official home when they are first asked for. The word vectors are those of GloVe, which come
# along too; with `learned` the network has to learn its vectors from the training sentences.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "sample-reviews", "movie-polarity", "movie-subjectivity"]
encoder = "bilstm"  # @param ["bilstm", "lstm", "gru", "bigru", "rnn", "cnn"]
embedding = "glove"  # @param ["glove", "learned"]
epochs = 14  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The data comes in three splits. The network learns from the training split, training stops by the validation split, and
# the test split is opened once, at the end. Copies of a sentence never stand in two splits. The sentences of the sample
# were written for this collection and carry one of seven emotions each; here is one of every class.

# %%
import pandas as pd

data = emorec.datasets.load(dataset)
if fast:
    data, epochs = data.smaller(300), 2
print(data)
examples = pd.DataFrame({"label": data.train.labels, "text": data.train.inputs})
examples.groupby("label").first().loc[list(data.label_set)].style.set_properties(**{"text-align": "left"})

# %% [markdown]
# ## Look at it
#
# Two things are worth knowing before training: how many examples each class has, because a rare class is easily ignored,
# and how long the sentences are, because attention has something to choose from only where there are several words.

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
# Let $h_t$ be the state of word $t$ in a sentence of $T$ words. Global attention (Bahdanau et al., 2015) gives each state
# a score $e_t$, turns the scores into weights $a_t$, and mixes the states into one vector $c$:
#
# $$e_t = v^\top \tanh(W h_t + b), \qquad a_t = \frac{\exp e_t}{\sum_{s=1}^{T} \exp e_s}, \qquad c = \sum_{t=1}^{T} a_t h_t .$$
#
# The matrix $W$ and the vectors $b$ and $v$ are learned together with the rest of the network. The weights are positive
# and sum to one over the words of the sentence; padding, which makes the sentences of a batch equally long, gets exactly
# zero. A linear layer turns $c$ into one score for each class.
#
# The same encoder is trained in three versions: with its last state, with equal weights $a_t = 1/T$, and with attention.
# Whatever attention gains over equal weights, it gains by choosing words.

# %%
settings = dict(encoder=encoder, embedding=embedding, units=32, dropout=0.5, learning_rate=3e-3)
settings |= dict(epochs=epochs, patience=4, seed=seed)
variants = {"last state": "none", "equal weights": "uniform", "global attention": "global"}
models = {name: emorec.TextClassifier(attention=attention, **settings) for name, attention in variants.items()}

# %% [markdown]
# ## Train
#
# Training stops when the validation loss has not improved for four epochs, and keeps the weights of the best epoch. The
# curves are those of the network with attention.

# %%
for name, model in models.items():
    model.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    history = model.history_
    print(f"{name:<17} best epoch {history.best_epoch + 1:>2} of {len(history.epochs)}, validation loss {history.best_value:.3f}")
classifier = models["global attention"]
plots.history(classifier.history_);

# %% [markdown]
# ## Evaluate
#
# The test split is opened now. The interval of an accuracy comes from resampling the test examples and says how far it
# could have come out differently with other sentences. A baseline stands below the networks: logistic regression on TF-IDF
# features, which are weighted counts of words and word pairs.

# %%
from emorec import metrics
from emorec.text import baselines

evaluations = {name: model.evaluate(data.test) for name, model in models.items()}
evaluations["TF-IDF + logistic regression"] = baselines.evaluated(data)
plots.accuracies(evaluations, title=f"{data.name}: {len(data.test)} test sentences");

# %% [markdown]
# Does attention gain anything over equal weights? The two networks answer the same sentences, so the question is decided
# by those that exactly one of them reads right. The p value is McNemar's; it is adjusted for asking two questions (Holm).

# %%
answers = {name: model.predict(data.test.inputs) for name, model in models.items()}
gains = metrics.gains(data.test.labels, answers, "equal weights")
plots.forest(gains, digits=1, xlabel="accuracy minus that of equal weights (points), 95 % interval", title="What attention gains");

# %% [markdown]
# What the network with attention takes for what: each row is a true class, and each cell holds the number of its examples
# that got the answer of the column, and their share of the row.

# %%
plots.confusion(evaluations["global attention"]);

# %% [markdown]
# ## Explain
#
# The weights of three test sentences follow. They were chosen by rule and not by hand: the right answer of which the
# network was surest, the right one of which it was least sure, and the wrong one of which it was surest. The
# stronger the colour of a word, the larger its weight.

# %%
from emorec.text import explain

for explanation in explain.cases(classifier, data.test):
    display(explanation)

# %% [markdown]
# ### A task whose answer is known
#
# The weights look sensible, but looks prove nothing. Where it is known which word decides, they can be checked. Each text
# of the following synthetic task has eleven filler words, and one key word that alone decides the class.

# %%
import numpy as np

rng, keys = np.random.default_rng(seed), {"positive": ["splendid", "joyful", "superb"], "negative": ["dreadful", "gloomy", "awful"]}
filler = "the a table walked under seven paper river and window they slowly across of blue".split()


def planted(n):
    """Texts of eleven filler words and one key word, their classes, and the place of the key word."""
    rows = [(["positive", "negative"][i % 2], int(rng.integers(12)), list(rng.choice(filler, 11))) for i in range(n)]
    texts = [" ".join(words[:place] + [str(rng.choice(keys[label]))] + words[place:]) for label, place, words in rows]
    return texts, [label for label, _, _ in rows], np.array([place for _, place, _ in rows])


train, test = planted(600), planted(100)
print(test[1][0], "|", test[0][0])

# %% [markdown]
# One network has attention directly above the word vectors, the other above a recurrent encoder, whose states have
# already mixed each word with its neighbours. Both should answer every text correctly. For every text we ask whether the
# key word got the largest weight of all. *Integrated gradients* (Sundararajan et al., 2017) answer the same question
# without attention: they follow the probability of the answer from an empty text to the full one, and give each word its
# share of the rise.

# %%
options = settings | dict(embedding="learned", embedding_dim=16, units=16, dropout=0.2, epochs=2 if fast else 12, learning_rate=0.01)
shares, n = {}, 10 if fast else 100
for name, kind in (("word vectors", "none"), (encoder, encoder)):
    model = emorec.TextClassifier(**options | dict(encoder=kind), attention="global").fit(*train[:2], progress=None)
    print(f"attention above {name}: {model.score(*test[:2]):.0%} of the answers are right")
    for method in ("attention", "integrated-gradients"):
        first = [model.explain(text, method=method).weights.argmax() for text in test[0][:n]]
        hits = int((np.array(first) == test[2][:n]).sum())
        shares[f"{method.replace('-', ' ')},\nabove {name}"] = (hits / n, *metrics.wilson_interval(hits, n))

# %% [markdown]
# ### Taking words away
#
# For real sentences nobody knows which words decide, but the network itself can be asked. Its most important words are
# taken away one after the other, in the order in which a method ranks them, and the probability of the original answer is
# measured again. A good ranking makes the curve fall fast. Words taken away at random are the control.

# %%
methods = {name: explain.METHODS[name] for name in ("attention", "integrated gradients", "random")}
texts = [t for t in data.test.inputs if len(tokenise(t)) >= 8][: 10 if fast else 80]
curves = explain.deletion_curves(classifier, texts, methods=methods, most=5, seed=seed)

# %% [markdown]
# The left picture shows the planted task and the right one the sentences of the sample; together they are the answer to
# the second question.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for i, (value, low, high) in enumerate(shares.values()):
    left.barh(i, 100 * value, color=(plots.BLUE, plots.ORANGE)[i % 2], xerr=[[100 * (value - low)], [100 * (high - value)]], capsize=3)
    left.text(4, i, f"{100 * value:.0f} %", va="center", color="white" if i % 2 == 0 else "black")
left.set_yticks(range(len(shares)), list(shares))
left.set(title="Planted key word: does it get the largest weight?", xlabel="texts (%), 95 % interval", xlim=(0, 104), ylim=(len(shares) - 0.5, -0.5))
for (name, curve), colour, style in zip(curves.items(), (plots.BLUE, plots.ORANGE, "0.5"), ("o-", "s-", "^--")):
    right.plot(curve.index, curve, style, color=colour, label=f"ranked by {name}" if name != "random" else "at random")
right.set(title="Real sentences: what is left of the answer?", xlabel="words taken away", ylabel="mean probability of the answer", ylim=(0, 1))
right.legend(frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Save and load
#
# One file holds weights, vocabulary, labels and settings. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
classifier.save(work / "global_attention.emorec")
same = emorec.TextClassifier.load(work / "global_attention.emorec")
change = abs(same.predict_proba(data.test.inputs[:50]) - classifier.predict_proba(data.test.inputs[:50])).max()
print(f"largest change of a probability: {change}")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell. Words that the network does not know are crossed
# out.

# %% tags=["user-input"]
test_sentence = "They cancelled our flight, kept the money, and told me to be grateful for the voucher."
classifier.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()}
    | {f"{row.label} minus equal weights, points": (row.estimate, row.low, row.high) for row in gains.itertuples()}
    | {f"planted word first, {name}".replace("\n", " "): share for name, share in shares.items()}
    | {f"left of the answer without three words, {name}": value for name, value in curves.loc[3].items()}
)

# %% [markdown]
# ### What was learnt
#
# On these sentences attention is worth having: with GloVe's vectors the network with learned weights answers more of them
# correctly than the same network with equal weights, and than a linear model on word counts. One dataset and one seed
# do not make that a law. The table below, from ten folds of film reviews with learned vectors, shows a linear model that
# holds its own, and [attention_comparison](attention_comparison.ipynb) asks the question for every encoder.
#
# The weights say something about the answer: without the three heaviest words most of it is gone, while three random words
# cost little. They are still not a proof. Above a recurrent encoder the state of a word already contains its neighbours,
# so attention can take the decision from any of them: in the planted task it answers every text correctly and puts its
# largest weight on the deciding word in only a fifth of the texts. Integrated gradients point at that word in every text. Where an
# explanation matters, use them, and treat the weights as a description of the network and not of the sentence.
#
# <!-- results: polarity -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | runs |
# |---|---|---|---|---|
# | movie-polarity | *majority class* | 50.0 [50.0, 50.0] | 33.3 [33.3, 33.3] | 10 |
# | movie-polarity | *TF-IDF + logistic regression* | 78.0 [76.7, 79.3] | 78.0 [76.7, 79.3] | 10 |
# | movie-polarity | *NBSVM, bigrams* | 79.2 [78.1, 80.3] | 79.2 [78.1, 80.3] | 10 |
# | movie-polarity | BiLSTM + global attention | 78.3 [77.0, 79.5] | 78.3 [77.0, 79.5] | 10 |
# | movie-polarity | BiLSTM + global attention, with NBSVM | 80.3 [79.2, 81.4] | 80.3 [79.2, 81.4] | 10 |
# | movie-subjectivity | *majority class* | 50.0 | 33.3 | 10 |
# | movie-subjectivity | *TF-IDF + logistic regression* | 92.1 [91.4, 92.9] | 92.1 [91.4, 92.9] | 10 |
# | movie-subjectivity | *NBSVM, bigrams* | 93.2 [92.4, 94.1] | 93.2 [92.4, 94.1] | 10 |
# | movie-subjectivity | BiLSTM + global attention | 92.2 [91.5, 92.9] | 92.2 [91.5, 92.9] | 10 |
# | movie-subjectivity | BiLSTM + global attention, with NBSVM | 93.3 [92.6, 94.0] | 93.3 [92.6, 94.0] | 10 |
#
# Movie Review data, ten folds: each fold to test once, 10 % of the others to validate (seed 0).
# <!-- /results -->
#
# ### Exercises
#
# 1. Type `encoder = "none"` into the parameters, so that attention works on the word vectors themselves. What happens to the
#    accuracy, and what to the gap between attention and integrated gradients in the right picture?
#    <details><summary>Solution</summary>The accuracy falls, because a bare word vector knows nothing of its neighbours
#    (a negation, for instance). The two curves move closer together: there each weight belongs to one word alone.</details>
# 2. Why does the curve of the words taken away at random fall at all, and why so slowly?
#    <details><summary>Solution</summary>One of five random words is sometimes the deciding one. But most words of a sentence
#    matter little for its emotion, so that most random choices leave the answer as it is.</details>
# 3. A colleague permutes the attention weights of a trained network and finds that half of the answers stay the same. She
#    concludes that attention means nothing. Compute the same with `explain.permuted_attention(classifier, texts)` and
#    discuss the conclusion.
#    <details><summary>Solution</summary>The column <code>moved</code> holds the change of the probabilities for each text. The
#    permuted weights describe a network that was never trained, so a small change shows that many states carry the same
#    information, and a large one that the weights matter. Neither says that the heaviest word is the reason.</details>
#
# ### Where to go on
#
# [self_attention](self_attention.ipynb) lets every word look at every other word,
# [hierarchical_attention](hierarchical_attention.ipynb) adds a second level for sentences, and
# [word_embeddings](word_embeddings.ipynb) explains where the word vectors come from. The layer is described in
# [emorec.attention](../../docs/api/attention.md), the explanations in [emorec.text](../../docs/api/text.md).

