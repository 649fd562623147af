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
# # Self-attention: every word looks at every word
#
# <!-- launch -->
#
# Global attention asks how much each word matters to the sentence. **Self-attention** asks how much each word matters *to
# each other word*: a sentence of $T$ words has $T \times T$ weights, which can be shown as a map. It is the mechanism that
# transformers are built of. This notebook asks what it can do that an average of words cannot, and answers with a task
# in which two words decide together: *clever* and *not clever*. **Structured self-attention** (Lin et al., 2017), which
# takes several looks at a sentence, is compared with it.

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
# Change a value, then run everything again. With the encoder `none` attention works on the word vectors themselves, so that
# a weight belongs to a word and to nothing else. Above a recurrent encoder it belongs to a state that already contains
# the neighbours.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "movie-polarity", "movie-subjectivity", "emotions"]
encoder = "none"  # @param ["none", "mlp-average", "cnn", "gru", "bigru", "bilstm"]
embedding = "glove"  # @param ["glove", "learned"]
heads = 4  # @param {type:"integer"}
hops = 4  # @param {type:"integer"}
epochs = 20  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Two sets of texts are used. The first are the sentences of the sample, each of which carries one of seven emotions. They
# come in three splits: the network learns from the training split, stops by the validation split, and the test split is
# opened once.

# %%
data = emorec.datasets.load(dataset)
if fast:
    data, epochs = data.smaller(300), 2
print(data)
print(data.protocol)

# %% [markdown]
# The second is a synthetic task whose rule is known. Each text consists of eight filler words, one adjective, and in half
# of the texts the word *not*, at random places. An adjective alone decides the class, and *not* turns it around. So
# neither word says anything alone: *clever* stands in as many negative texts as positive ones.

# %%
import numpy as np

filler = "the film was with a very long story and some people in it".split()
praise, blame = ["splendid", "charming", "clever"], ["dreadful", "boring", "clumsy"]


def negated(n, seed):
    """Texts with an adjective that *not* turns around, and their classes; all four combinations are equally common."""
    rng, texts, labels = np.random.default_rng(seed), [], []
    for i in range(n):
        good, turned = i % 2 == 0, i // 2 % 2 == 0
        words = list(rng.choice(filler, 8))
        words.insert(int(rng.integers(9)), str(rng.choice(praise if good else blame)))
        if turned:
            words.insert(int(rng.integers(10)), "not")
        texts.append(" ".join(words))
        labels.append("positive" if good != turned else "negative")
    return texts, labels


practice, exam = negated(800, seed), negated(200, seed + 1)

# %% [markdown]
# Both networks will be tried on new texts of this kind, of which these are the first four.

# %%
for text, label in list(zip(*exam))[:4]:
    print(f"{label}: {text}")

# %% [markdown]
# ## Look at it
#
# The number of weights grows with the square of the length of a sentence, so the length matters here more than elsewhere.

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
# From its vector $h_i$ each word $i$ makes three others: a *query* $q_i = W_q h_i$, what it looks for; a *key*
# $k_i = W_k h_i$, by which the other words recognise it; and a *value* $v_i = W_v h_i$, what it hands over. The matrices $W_q$, $W_k$, $W_v$
# and $W_o$ are learned. With $d$ the length of a query,
#
# $$e_{ij} = \frac{q_i^\top k_j}{\sqrt d}, \qquad a_{ij} = \frac{\exp e_{ij}}{\sum_{s=1}^{T} \exp e_{is}}, \qquad
# h'_i = W_o \sum_{j=1}^{T} a_{ij} v_j .$$
#
# The score $e_{ij}$ says how well the key of word $j$ fits the query of word $i$ (Vaswani et al., 2017). Row $i$ of the map
# $a$ says where word $i$ looks, and sums to one. With several *heads* the length $d$ is shared out, and each head has a map
# of its own. The new vectors $h'_i$ are averaged and go to a linear layer.
#
# The division by $\sqrt d$ keeps the softmax from becoming too sure of itself. The product of two random vectors of length
# $d$ has the standard deviation $\sqrt d$; undivided, it would put nearly all weight on one word, and there the gradient
# vanishes. The figure shows the largest of twenty weights for random queries and keys.

# %%
widths, rng = 4 ** np.arange(1, 6), np.random.default_rng(0)


def largest_weight(width, scale):
    """Mean largest softmax weight of random queries over 20 random keys."""
    scores = np.einsum("nd,nkd->nk", rng.normal(size=(200, width)), rng.normal(size=(200, 20, width))) / scale
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).max(axis=1).mean()


figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogx(widths, [largest_weight(d, 1) for d in widths], "o-", base=2, color=plots.VERMILION, label="dot product")
ax.semilogx(widths, [largest_weight(d, np.sqrt(d)) for d in widths], "s--", base=2, color=plots.BLUE, label="divided by √d")
ax.set(xlabel="length d of a query", ylabel="largest of 20 weights (mean)", title="Scaling keeps the weights soft", ylim=(0, 1.05))
ax.legend(frameon=False);

# %% [markdown]
# **Structured self-attention** scores each word against $r$ learned directions, one for each *hop*, and mixes the word
# vectors once for each hop. With $H$ the matrix whose rows are the word vectors, and $W_1$ and $W_2$ learned matrices,
#
# $$A = \operatorname{softmax}\!\left(W_2 \tanh(W_1 H^\top)\right), \qquad M = A H .$$
#
# $A$ holds a row of weights for each hop, and the rows of $M$, laid end to end, go to the linear layer. All of them are
# compared with the plain average of the word vectors. What a mechanism gains over it, it gains by looking.

# %%
variants = {
    "plain average": dict(attention="uniform"),
    "self-attention, 1 head": dict(attention="self"),
    f"self-attention, {heads} heads": dict(attention="self", heads=heads),
    f"structured, {hops} hops": dict(attention="structured", hops=hops),
}
settings = dict(encoder=encoder, units=32, dropout=0.5, epochs=epochs, patience=4, learning_rate=0.003, seed=seed)

# %% [markdown]
# ## Train
#
# All four have the same settings and the same seed. Training stops when the validation loss has not improved for four
# epochs, and keeps the weights of the best epoch.

# %%
models = {}
for name, variant in variants.items():
    models[name] = emorec.TextClassifier(embedding=embedding, **settings, **variant)
    models[name].fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    history = models[name].history_
    print(f"{name:<24} best epoch {history.best_epoch + 1:>2} of {len(history.epochs)}, validation loss {history.best_value:.3f}")

# %% [markdown]
# The synthetic task is learned by two small networks, one with a plain average and one with self-attention. Both learn
# their own word vectors and see the same 800 texts for the same number of epochs.

# %%
small = settings | dict(embedding_dim=16, units=16, dropout=0.0, learning_rate=0.01, epochs=2 if fast else 40, patience=40)
solvers, scores = {}, {}
for name, attention in (("plain average", "uniform"), ("self-attention", "self")):
    solvers[name] = emorec.TextClassifier(**small | dict(encoder="none"), attention=attention).fit(*practice, progress=None)
    scores[name] = solvers[name].score(*exam)
    print(f"{name}: {scores[name]:.1%} of {len(exam[0])} new texts are right")

# %% [markdown]
# ## Evaluate
#
# On the sentences of the sample the test split is opened now. Logistic regression on TF-IDF features, which are weighted
# counts of words and word pairs, is the baseline.

# %%
from emorec import metrics
from emorec.text import baselines

evaluations = {name: model.evaluate(data.test) for name, model in models.items()}
evaluations["TF-IDF + logistic regression"] = baselines.evaluated(data)
plots.accuracies(evaluations, title=f"{data.name}: {len(data.test)} test examples");

# %% [markdown]
# All networks answer the same sentences, so the differences are counted example by example. The p values are McNemar's,
# adjusted for the number of rows (Holm); the intervals are not adjusted.

# %%
answers = {name: model.predict(data.test.inputs) for name, model in models.items()}
gains = metrics.gains(data.test.labels, answers, "plain average")
plots.forest(gains, digits=1, xlabel="accuracy minus that of the plain average (points)", title="What looking gains");

# %% [markdown]
# ## Explain
#
# The next figure is the main one. On the left stands what the two small networks can do. An average adds up what each word
# contributes alone, and no sum can turn *clever* around. On the right is the map of one sentence that neither network has
# seen. A row is a word that looks, and a column a word that is looked at. The colour compares each weight with the equal weight
# $1/T$: 1, white, is what a word gets when nobody chooses.

# %%
sentence = "the film was not a very clever story"
explanation = solvers["self-attention"].explain(sentence)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=(1, 1.5))
for i, score in enumerate(scores.values()):
    low, high = metrics.wilson_interval(round(score * len(exam[0])), len(exam[0]))
    left.bar(i, 100 * score, color=(plots.SKY, plots.BLUE)[i], yerr=[[100 * (score - low)], [100 * (high - score)]], capsize=4, width=0.6)
    left.text(i, 5, f"{100 * score:.0f} %", ha="center", fontsize=13, color=("black", "white")[i])
left.axhline(50, color="0.4", ls="--", lw=1)
left.set_xticks(range(len(scores)), list(scores))
left.set(title="Negation: new texts read right", ylabel="texts (%); dashed: guessing", ylim=(0, 104))
left.spines[["top", "right"]].set_visible(False)
plots.attention_matrix(explanation.tokens, explanation.matrix, title=f"“{sentence}”: {explanation.label}", ax=right);

# %% [markdown]
# The look at *not* can be checked over all new texts that hold it: how many times the equal weight does the adjective put on
# *not*? These texts have ten words, so that 10.0 means all of its weight.

# %%
ratios = []
for text in [t for t in exam[0] if " not " in f" {t} "]:
    words, weights = text.split(), solvers["self-attention"].attention_weights(text)[0]
    adjective = next(i for i, word in enumerate(words) if word in praise + blame)
    ratios.append((len(words) * weights[adjective, words.index("not")], words[adjective] in praise))
for good, name in ((True, "praise"), (False, "blame")):
    print(f"adjectives of {name}: {np.mean([r for r, g in ratios if g == good]):.1f} times the equal weight on 'not'")

# %% [markdown]
# ### Sentences of the sample
#
# The three test sentences are chosen by rule and shown with their true label. The weight of a word is here the length of what it brings
# into the new vectors, the attention it receives times the value it hands over (Kobayashi et al., 2020): a word that
# everybody looks at and that hands over nothing changes nothing.

# %%
from emorec.text import explain

one = models["self-attention, 1 head"]
for explanation in explain.cases(one, data.test, longest=20):
    display(explanation)

# %% [markdown]
# This is the map of the first of them. A coloured column is a word that many words look at.

# %%
explanation = explain.cases(one, data.test, longest=14)[0]
plots.attention_matrix(explanation.tokens, explanation.matrix, title=f"{explanation.label}, true label {explanation.truth}");

# %% [markdown]
# ### Word order
#
# Self-attention alone has no idea of order. Shuffle the words, and the map is shuffled with them, so that the average of the
# new vectors stays what it was. Order has to come from elsewhere: from a recurrent encoder below, or, in a transformer,
# from vectors for the positions.

# %%
text = next(t for t in data.test.inputs if len(tokenise(t)) > 8)
shuffled = " ".join(np.random.default_rng(seed).permutation(one.tokenise(text)))
print(f"{text}\n{shuffled}")
print(f"largest change of a probability: {np.abs(one.predict_proba([text]) - one.predict_proba([shuffled])).max():.6f}")

# %% [markdown]
# ## Save and load
#
# One file holds weights, vocabulary, labels and settings. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
one.save(work / "self_attention.emorec")
same = emorec.TextClassifier.load(work / "self_attention.emorec")
change = abs(same.predict_proba(data.test.inputs[:50]) - one.predict_proba(data.test.inputs[:50])).max()
print(f"largest change of a probability: {change}")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell. The map comes first, then the answer.

# %% tags=["user-input"]
test_sentence = "I heard footsteps in the empty house, and I was too scared to breathe."
one.explain(test_sentence).plot()
one.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()}
    | {f"{row.label} minus plain average, points": (row.estimate, row.low, row.high) for row in gains.itertuples()}
    | {f"negation, {name}": score for name, score in scores.items()}
)

# %% [markdown]
# ### What was learnt
#
# Self-attention lets words act on one another. Where two words decide together, as *not* and *clever* do, an average of word
# vectors can only guess, and one layer of self-attention reads every text correctly. The map shows how: the adjective looks
# at *not*, wherever it stands. On the sentences of the sample, too, the networks that look are four to five points better than the
# plain average, by more than chance explains, and better than a linear model on word counts.
#
# A map is not an explanation by itself. A word may receive much attention and hand over a vector near zero, which is why the
# explanations above multiply the two. And without positions or an encoder below, self-attention does not know the order
# of the words: *not clever but boring* and *not boring but clever* are the same to it.
#
# ### Exercises
#
# 1. Self-attention above solves the task although it ignores the order of words. Change `negated` so that each text has an
#    adjective of praise and one of blame, one of them right after *not*, and let the other one decide. Can it still be learned?
#    <details><summary>Solution</summary>No: both classes have texts with the same words, and only their order says which adjective follows <i>not</i>.
#    A shuffled text has the same representation. With <code>encoder="gru"</code> below it, which knows the neighbours, it can be learned.</details>
# 2. In the map of the negated sentence the filler words look at one another evenly, and at neither *not* nor *clever*. Why?
#    <details><summary>Solution</summary>If they looked at <i>clever</i>, they would hand its praise to the average although it is
#    negated. Only the row of the adjective itself knows whether there is a <i>not</i>.</details>
# 3. Train the network with one head on the negation task with only 100 texts (`negated(100, seed)`). What happens, and why is the
#    average of words not affected?
#    <details><summary>Solution</summary>With 100 texts, and also with 200, the rule is not learned, and the score falls to about
#    50 %; with 400 it is learned. The average cannot express the rule, so no number of texts helps it or harms it.</details>
#
# ### Where to go on
#
# [transformer](transformer.ipynb) stacks layers of self-attention and starts from pretrained ones;
# [attention_comparison](attention_comparison.ipynb) compares all mechanisms above all encoders on ten folds; and
# [attention_fusion](../multimodal/attention_fusion.ipynb) lets attention choose between voice, face and words. The layers are
# described in [emorec.attention](../../docs/api/attention.md).

