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
# # Hierarchical attention: which sentence carries the judgement?
#
# <!-- launch -->
#
# A review is more than one long sentence. Most of it tells what happened, and one or two sentences say what the writer thought of
# it. The **hierarchical attention network** (Yang et al., 2016) is built like a document: words make sentences, sentences make the
# document, and attention on both levels decides how much each of them counts. Does its attention find the sentence that decides?
# In a real review nobody knows which one that is, so this notebook first makes documents for which it is known.

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
# Change a value, then run everything again. `sample-reviews` comes along; `imdb` and `finegrained-sentiment` are downloaded from their
# official homes when they are first asked for, and take hours without a graphics card.

# %% tags=["parameters"]
dataset = "sample-reviews"  # @param ["sample-reviews", "imdb", "finegrained-sentiment"]
encoder = "gru"  # @param ["gru", "bigru", "lstm", "bilstm", "none"]
embedding = "glove"  # @param ["glove", "learned"]
epochs = 12  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# ### Documents whose answer is known
#
# A document consists of four neutral sentences of the bundled sample and, at a random place among them, one happy or one sad
# sentence, whose feeling is the label of the document. The documents are made inside each split of the sample, so that no
# sentence is in two splits. The network learns from the documents and their labels; nothing says where the deciding sentence is.

# %%
import numpy as np

from emorec.text.tokens import sentence_spans, tokenise


def documents(split, n):
    """n documents of four neutral sentences and one with a feeling: texts, feelings, and the place of that sentence."""
    rng, rows = np.random.default_rng(seed), []
    single = [(t, y) for t, y in zip(split.inputs, split.labels) if t[-1] in ".!?" and len(sentence_spans(tokenise(t))) == 1]
    neutral = [t for t, label in single if label == "neutral"]
    moved = [(t, label) for t, label in single if label in ("happiness", "sadness")]
    for i in range(n):
        text, label = moved[i * max(1, len(moved) // n) % len(moved)]  # also few documents are of all kinds
        place, sentences = int(rng.integers(5)), list(rng.choice(neutral, 4, replace=False))
        rows.append((" ".join(sentences[:place] + [text] + sentences[place:]), label, place))
    return [list(column) for column in zip(*rows)]


# %% [markdown]
# In training each happy or sad sentence is used about twice, each time in other company.

# %%
sentences = emorec.datasets.load("sample-sentences")
sizes = {"train": 60, "validation": 40, "test": 40} if fast else {"train": 1200, "validation": 150, "test": 170}
made = {split: documents(getattr(sentences, split), n) for split, n in sizes.items()}
texts, feelings, places = made["test"]
print(f"{feelings[0]}, sentence {places[0] + 1}: {texts[0]}")

# %% [markdown]
# ### Reviews
#
# The bundled reviews are of films, meals, journeys and products. Each has three to eight sentences and is for or against. There
# are only a few hundred of them.

# %%
level = {"level": "document"} if dataset == "finegrained-sentiment" else {}
data = emorec.datasets.load(dataset, **level)
if fast:
    data, epochs = data.smaller(120), 2
print(data)
print(data.protocol)

# %% [markdown]
# ## Look at it
#
# The network reads a grid of sentences by words, so both lengths matter: the number of sentences in a review, and the number of
# words in a sentence.

# %%
import matplotlib.pyplot as plt

from emorec import plots

tokens = [tokenise(text) for text in data.train.inputs]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
plots.lengths([len(sentence_spans(t)) for t in tokens], unit="sentences", title="Sentences in a review", ax=left)
plots.lengths([b - a for t in tokens for a, b in sentence_spans(t)], unit="tokens", title="Words in a sentence", ax=right)
right.set_ylabel("sentences");

# %% [markdown]
# ## Model
#
# Word $t$ of sentence $i$ has the state $h_{it}$, from a recurrent encoder that reads one sentence at a time. Attention over the
# words makes the vector $s_i$ of the sentence. A second encoder reads the vectors of the sentences, and attention over its states
# $h_i$ makes the vector $d$ of the document:
#
# $$a_{it} = \operatorname*{softmax}_t\; v_w^\top \tanh(W_w h_{it} + b_w), \qquad s_i = \sum_t a_{it} h_{it},$$
# $$a_i = \operatorname*{softmax}_i\; v_s^\top \tanh(W_s h_i + b_s), \qquad d = \sum_i a_i h_i .$$
#
# The softmax makes the weights positive, with the sum one: the word weights $a_{it}$ within each sentence, and the sentence weights
# $a_i$ within the document. The matrices $W$, vectors $v$ and $b$ with index $w$ (words) and $s$ (sentences) are learned. A
# *flat* model, for comparison, has the same encoder and one attention over all words of the text.

# %%
settings = dict(encoder=encoder, embedding=embedding, units=32, attention_units=32, dropout=0.5, epochs=epochs, patience=4)
settings |= dict(learning_rate=0.005, batch_size=32, seed=seed)
limits = dict(max_length=60, max_sentences=30)  # words of a sentence, sentences of a document
finder = emorec.TextClassifier(attention="hierarchical", **settings, **limits)

# %% [markdown]
# ## Train
#
# Training stops when the validation loss has not improved for four epochs, and keeps the weights of the best one.

# %%
finder.fit(*made["train"][:2], validation=tuple(made["validation"][:2]), progress=None)
plots.history(finder.history_, metrics=["loss", "accuracy"]);

# %% [markdown]
# The same network is trained once more on the reviews, and the flat model beside it.

# %%
reviewer = emorec.TextClassifier(attention="hierarchical", **settings, **limits)
flat = emorec.TextClassifier(attention="global", **settings)
for model in (reviewer, flat):
    model.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    print(f"{model.attention}: best epoch {model.history_.best_epoch + 1} of {len(model.history_.epochs)}")

# %% [markdown]
# Texts of a batch have different numbers of sentences, so the grid holds empty rows, which must not count. The first document is
# scored as it is, and again with an empty sentence in its midst, three at its end, and ten more columns of padding.

# %%
from emorec.text.models import attention_outputs

network = attention_outputs(finder.model_)
ids = finder.encoding_.encode(texts[:1])
wider = np.pad(np.insert(ids, 1, 0, axis=1), [(0, 0), (0, 3), (0, 10)])
(plain, *_), (padded, *_) = ([np.asarray(x)[0] for x in network(grid)] for grid in (ids, wider))
print(f"grids {ids.shape[1:]} and {wider.shape[1:]}: the scores differ by {np.abs(plain - padded).max():.6f} at most")

# %% [markdown]
# ## Evaluate
#
# ### Do the weights find the sentence that decides?
#
# In each new document we ask whether the sentence with the largest weight is the one with the feeling. Pointing at random is
# right in one document of five.

# %%
from emorec import metrics


def share(right):
    """Share of the documents where this is true, with its 95 % interval."""
    return float(np.mean(right)), *metrics.wilson_interval(int(np.sum(right)), len(right))


weights = np.asarray(network(finder.encoding_.encode(texts))[2])
named = share(finder.predict(texts) == np.array(feelings))
hit = share(weights.argmax(axis=1) == places)
print("feeling named:", emorec.reporting.show(named), "(guessing 0.5)\nsentence with the feeling heaviest:", emorec.reporting.show(hit), "(guessing 0.2)")

# %% [markdown]
# A second check does not look at the weights. Take one sentence away, and see how much of the probability of the answer goes
# with it. If the weights mean anything, the heaviest sentence costs most.

# %%
import pandas as pd


def deletions(model, texts):
    """A row for each sentence: its weight, and the loss of the predicted class's probability without it."""
    words = [model.tokenise(text) for text in texts]
    weights = np.asarray(attention_outputs(model.model_)(model.encoding_.encode(texts))[2])
    rows = [(i, weights[i, j], w[:a] + w[b:]) for i, w in enumerate(words) for j, (a, b) in enumerate(model.encoding_.spans(w))]
    frame = pd.DataFrame(rows, columns=["text", "weight", "rest"])
    whole, rest = model.proba_from_tokens(words), model.proba_from_tokens(list(frame.pop("rest")))
    predicted = whole.argmax(axis=1)[frame.text]
    frame["lost"] = whole[frame.text, predicted] - rest[np.arange(len(rest)), predicted]
    frame["heaviest"] = frame.index.isin(frame.groupby("text").weight.idxmax())
    return frame


# %% [markdown]
# For each text, the loss without its heaviest sentence is compared with the mean loss without one of the others.

# %%
frame = deletions(finder, texts)
mean = frame.groupby(["text", "heaviest"]).lost.mean().unstack().dropna()
cost = metrics.mean_interval(mean[True] - mean[False])
print(f"the heaviest sentence costs {100 * cost.value:.0f} points of probability more than another [{100 * cost.low:.0f}, {100 * cost.high:.0f}]")

# %% [markdown]
# The main figure shows both checks. On the left stands the mean weight of each sentence, by the place of the one with the feeling: a bright
# diagonal means that attention goes where the feeling is. On the right each point is a sentence.

# %%
grid = [[weights[np.array(places) == place, s].mean() for s in range(5)] for place in range(5)]
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained", width_ratios=(1, 1.3))
image = left.imshow(grid, cmap="cividis", vmin=0, vmax=1)
for i, j in np.ndindex(5, 5):
    left.text(j, i, f"{grid[i][j]:.2f}", ha="center", va="center", fontsize=9, color="white" if grid[i][j] < 0.5 else "black")
left.set(xticks=range(5), yticks=range(5), xticklabels=range(1, 6), yticklabels=range(1, 6))
left.set(xlabel="sentence", ylabel="place of the sentence with the feeling", title="Mean attention weight")
for top, marker, colour, label in ((False, "o", plots.SKY, "other sentence"), (True, "^", plots.VERMILION, "heaviest of its document")):
    right.scatter(*frame[frame.heaviest == top][["weight", "lost"]].to_numpy().T, s=22, marker=marker, color=colour, label=label, alpha=0.7)
right.axhline(0, color="0.6", lw=1)
right.set(xlabel="attention weight of a sentence", ylabel="loss of probability without it", title="The answer hangs on the heavy sentence")
right.legend(frameon=False, loc="upper left")
right.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ### Reviews
#
# Here the answer is not known, and there are few examples to learn from. The baseline is logistic regression on word and
# word-pair counts.

# %%
from emorec.text import baselines

evaluations = {"hierarchical attention": reviewer.evaluate(data.test), "flat global attention": flat.evaluate(data.test)}
evaluations["TF-IDF + logistic regression"] = baselines.evaluated(data)
plots.accuracies(evaluations, title=f"{data.name}: {len(data.test)} test reviews");

# %% [markdown]
# ## Explain
#
# Three documents, chosen by rule, are shown with their true label. A row is a sentence; the bar is its weight in the document, and the stronger
# the colour of a word, the more it weighed within its sentence.

# %%
from emorec.text import explain

for explanation in explain.cases(finder, (texts, feelings), longest=90):
    display(explanation)

# %% [markdown]
# ## Save and load
#
# One file holds weights, vocabulary, labels and settings. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
finder.save(work / "hierarchical_attention.emorec")
same = emorec.TextClassifier.load(work / "hierarchical_attention.emorec")
print(f"largest change of a probability: {abs(same.predict_proba(texts[:50]) - finder.predict_proba(texts[:50])).max()}")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a text of several sentences, one of them with a feeling, and run this one cell. The network knows two
# answers, happiness and sadness.

# %% tags=["user-input"]
test_sentence = "The bus stops at the corner of the market. My mother died last week and I miss her terribly. The library opens at nine."
finder.explain(test_sentence)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        "known answer: feeling named (guessing 0.5)": named,
        "known answer: sentence with the feeling heaviest (guessing 0.2)": hit,
        "known answer: loss without the heaviest sentence minus another": tuple(cost),
        **{f"accuracy on {data.name}, {name}": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()},
    }
)

# %% [markdown]
# ### What was learnt
#
# Where the answer is known, the attention of the network points at the sentence with the feeling in nine documents of ten, and its answer hangs on that
# sentence. It has learned this from the labels of whole documents, without ever seeing which sentence they came from.
#
# On the bundled reviews no network can be distinguished from another or from a linear model: 224 reviews teach too little, and 48 test reviews leave an interval of
# about thirteen points to either side. On real data, whole film reviews, attention gains two and a half points over none; over words and then sentences it
# gains no more than over all words at once, and a linear model on word pairs is a little better than either:
#
# <!-- results: hierarchical -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | runs |
# |---|---|---|---|---|
# | imdb | *majority class* | 50.0 [49.4, 50.6] | 33.3 [33.1, 33.6] | 1 |
# | imdb | *TF-IDF + logistic regression* | 91.0 [90.6, 91.3] | 91.0 [90.6, 91.3] | 1 |
# | imdb | *NBSVM, bigrams* | 91.4 [91.1, 91.8] | 91.4 [91.1, 91.8] | 1 |
# | imdb | bigru + none | 87.5 [86.7, 88.2] | 87.5 [86.7, 88.2] | 3 |
# | imdb | bigru + global | 90.0 [89.3, 90.7] | 90.0 [89.3, 90.7] | 3 |
# | imdb | bigru + hierarchical | 90.1 [88.8, 91.3] | 90.1 [88.8, 91.3] | 3 |
#
# IMDb, official split; 10 % of the training split to validate (seed 0). Trained on a graphics card.
# <!-- /results -->
#
# ### Exercises
#
# 1. Make documents with *two* sentences with a feeling, one happy and one sad, and look at the sentence weights. What does the network answer?
#    <details><summary>Solution</summary>Join two documents:
#    <code>finder.explain(texts[feelings.index("happiness")] + " " + texts[feelings.index("sadness")])</code>. Often one of the two sentences takes most of
#    the weight. The answer follows the heavier one as a rule (in 17 of 20 such pairs), and where both have weight, the probabilities show the conflict.</details>
# 2. Why is "the heaviest sentence costs more than another" a stronger check than a picture of the weights?
#    <details><summary>Solution</summary>It asks the network what happens without the sentence, and not only where it says that it looks. Weights can be large on
#    a sentence whose vector changes nothing.</details>
# 3. What would a flat attention over all words have to do to be as good as the hierarchy on these documents?
#    <details><summary>Solution</summary>It has to give most of its weight to the words of one sentence. That works as well where single words decide; the
#    hierarchy has an advantage where the sentences have to be understood one by one before they are compared.</details>
#
# ### Where to go on
#
# [global_attention](global_attention.ipynb) explains the mechanism that is used on both levels, [attention_comparison](attention_comparison.ipynb) compares
# mechanisms on ten folds, and [transformer](transformer.ipynb) reads short texts with a pretrained network. The layer is described in
# [emorec.attention](../../docs/api/attention.md).

