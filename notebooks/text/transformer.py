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
# # A pretrained transformer: what does it know before the first lesson?
#
# <!-- launch -->
#
# The networks of the other notebooks learn a language from a few thousand sentences, or start from word vectors. A
# **transformer** such as BERT (Devlin et al., 2019) starts from a whole network that has read a large collection of text,
# and only the last steps are left to the task; this is called *fine-tuning*. The notebook asks two questions. What does
# such *pretraining* buy? And does attention pooling, which helps recurrent networks, add anything to a network that consists
# of attention already?

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
# `pretrained` names what the transformer starts from. `text-emotion` comes along: it is MiniLM (Wang et al., 2020), six layers
# of 384 numbers for each word piece, trained further on comments and sentences with emotions. `minilm` is the original, which
# is fetched by name.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "emotions", "isear", "meld"]
pretrained = "text-emotion"  # @param ["text-emotion", "minilm"]
pooling = "global"  # @param ["global", "none", "uniform", "self", "structured"]
sentences = 320  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The first question needs a task that no network has been trained for, and whose answers cannot be learned by heart. Short
# verdicts such as *the meal was not lovely* are written by rule: a thing, an adjective, and in half of the texts a *not* that
# turns the verdict around. For training there are six adjectives. The test uses sixteen **other** ones, so that a network
# can only be right if it knew beforehand what they mean.

# %%
import numpy as np

things = "film meal hotel room concert journey book party".split()
known = {"positive": "good lovely clever".split(), "negative": "bad awful boring".split()}
fresh = {
    "positive": "wonderful superb delightful charming brilliant pleasant excellent enjoyable".split(),
    "negative": "terrible dreadful dull horrible disappointing nasty poor unpleasant".split(),
}  # fmt: skip


def verdicts(adjectives, n, seed):
    """Texts, their classes, and whether *not* turns each of them around; all four combinations are equally common."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        says, turned = ("positive", "negative")[i % 2], i // 2 % 2 == 0
        means = says if not turned else ("negative" if says == "positive" else "positive")
        adverb = "not" if turned else rng.choice(["really", "truly", "quite"])
        rows.append((f"the {rng.choice(things)} was {adverb} {rng.choice(adjectives[says])} .", means, turned))
    return [list(column) for column in zip(*rows)]


practice, exam = verdicts(known, 40 if fast else 160, seed), verdicts(fresh, 40 if fast else 320, seed + 1)
for text, label, _ in list(zip(*exam))[:4]:
    print(f"{label}: {text}")

# %% [markdown]
# The second half of the notebook uses the sentences of the sample, with one of seven emotions each. Their test split was held back when the
# models that come along were trained; their training split was among the training data of `text-emotion`.

# %%
data = emorec.datasets.load(dataset)
if fast:
    data, sentences = data.smaller(120), 40
print(data)

# %% [markdown]
# ## Look at it
#
# A transformer reads *word pieces*. Common words are one piece, and rarer ones are put together from several, written with
# `##`, so that no word is unknown. Two marks stand around every text.

# %%
import pandas as pd

reader = emorec.load("text-emotion")
words = "The unfriendliest dishcloth 😱 in Ljubljana".split()
pieces = [" ".join(reader.encoding_.vocabulary[i] for i in reader.read([word]).rows[0][1:-1]) for word in words]
pd.DataFrame({"word": words, "pieces": pieces}).style.hide()

# %% [markdown]
# ## Model
#
# A layer of a transformer works in two steps. In self-attention every piece looks at every other piece and takes over a weighted
# mean of what they hold; then a small network of two layers changes each piece by itself. Each step adds its result to
# what it received. With $X$ the matrix whose rows are the pieces, $\mathrm{LN}$ the scaling of each row to mean 0 and
# variance 1, and $W_1$, $W_2$ learned matrices,
#
# $$Y = \mathrm{LN}\bigl(X + \mathrm{SelfAttention}(X)\bigr), \qquad X' = \mathrm{LN}\bigl(Y + W_2\,\mathrm{GELU}(W_1 Y)\bigr),$$
#
# where $\mathrm{GELU}$ is a smooth form of $\max(0, x)$. Order enters through vectors for the positions, which are added to
# those of the pieces. [self_attention](self_attention.ipynb) explains the inside of $\mathrm{SelfAttention}$.
#
# BERT answers with the last state of its first mark. The alternative is a pooling above all pieces: their mean, or global
# attention, $c = \sum_t a_t x_t$, with weights $a_t$ that are learned.
#
# Four networks take the first task. They differ in what they know before it.

# %%
small = dict(attention="global", dropout=0.1, batch_size=16, patience=60, seed=seed)
starts = {
    "BiGRU, learned vectors": dict(encoder="bigru", embedding_dim=50, units=32, learning_rate=5e-3, epochs=30),
    "BiGRU, GloVe": dict(encoder="bigru", embedding="glove", units=32, learning_rate=5e-3, epochs=30),
    "transformer, random start": dict(encoder="transformer", pretrained=None, layers=2, heads=4, units=64,
                                      embedding_dim=64, encoder_rate=1.0, epochs=30),
    "transformer, pretrained": dict(encoder="transformer", pretrained=pretrained, epochs=6),
}  # fmt: skip

# %% [markdown]
# ## Train
#
# All four see the same 160 verdicts. In a pretrained transformer the layers that exist already change slowly: their learning
# rate is the one of the new layers times 0.06, or the knowledge would be written over.

# %%
models = {}
for name, start in starts.items():
    start = start | {"epochs": 1} if fast else start
    models[name] = emorec.TextClassifier(**small | start).fit(*practice[:2], progress=None)
    print(f"{name:<26} {models[name].model_.count_params():>10,} weights, {models[name].history_.seconds:5.1f} s")

# %% [markdown]
# Then the transformer is fine-tuned for the sentences of the sample, once through a few hundred of them, with a new pooling
# above it. That takes less than a minute on one core.

# %%
few = data.train.sample(sentences, seed)
classifier = emorec.TextClassifier("transformer", pooling, pretrained=pretrained, epochs=1, batch_size=16, dropout=0.1, seed=seed)
classifier.fit(few, validation=data.validation.sample(100), label_set=data.label_set, progress=None)
print(f"{len(few)} sentences in {classifier.history_.seconds:.0f} s")

# %% [markdown]
# ## Evaluate
#
# First the verdicts. The bars show how many with *new* adjectives are read correctly, separately for plain verdicts and for
# those with *not*. A network that guesses is right in half of them.

# %%
import matplotlib.pyplot as plt

from emorec import metrics, plots

turned, shares = np.array(exam[2]), {}
for name, model in models.items():
    right = model.predict(exam[0]) == np.array(exam[1], dtype=object)
    for kind, rows in (("plain", ~turned), ("with “not”", turned)):
        shares[name, kind] = (right[rows].mean(), *metrics.wilson_interval(int(right[rows].sum()), int(rows.sum())))

# %% [markdown]
# This is the main figure of the notebook. Pretraining, of word vectors or of a whole network, buys the meaning of words that the task
# never showed.

# %%
figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
for k, (kind, colour) in enumerate((("plain", plots.SKY), ("with “not”", plots.BLUE))):
    for i, name in enumerate(models):
        value, low, high = (100 * x for x in shares[name, kind])
        ax.bar(i + 0.38 * (k - 0.5), value, 0.36, color=colour, yerr=[[value - low], [high - value]], capsize=3, label=kind if i == 0 else None)
        ax.text(i + 0.38 * (k - 0.5), 3, f"{value:.0f}", ha="center", color=("black", "white")[k])
ax.axhline(50, color="0.4", ls="--", lw=1)
ax.set_xticks(range(len(models)), [name.replace(", ", ",\n") for name in models])
ax.set(title="Verdicts with adjectives that training never showed", ylabel="read correctly (%); dashed: guessing", ylim=(0, 104))
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# Then the sentences of the sample. The model that comes along, as it is, stands beside the one that was just fine-tuned, and
# beside the linear baseline, which learned from the whole training split.

# %%
from emorec.text import baselines

evaluations = {f"fine-tuned, pooling {pooling}": classifier.evaluate(data.test)}
if set(reader.label_set_) == set(data.label_set):
    answers = reader.predict(data.test.inputs)
    evaluations["text-emotion, as it comes"] = metrics.evaluate(data.test.labels, answers, data.label_set)
evaluations["TF-IDF + logistic regression"] = baselines.evaluated(data)
plots.accuracies(evaluations, title=f"{data.name}: {len(data.test)} test examples");

# %% [markdown]
# ### Does attention pooling add to a transformer?
#
# One training cannot answer this. The experiment `pooling` fine-tunes MiniLM under four poolings, on five folds of film reviews
# and with three seeds on tweets.

# %%
from IPython.display import Markdown

try:
    from experiments import load_results, pooling as study

    records = load_results("pooling")
    table = study.answer(records) if records else None
except (ImportError, emorec.errors.BadInput):  # the installed package, which holds no records
    table = None
Markdown(table or "The table is left out: the records of the experiment `pooling` lie in the project's folder, which is not at hand.")

# %% [markdown]
# ## Explain
#
# Three test sentences, chosen by rule, are shown with their true label. The weights of the pieces of a word are added up. They belong to
# the pooling above six layers that have mixed all words already, so they say less about single words than integrated
# gradients, which are shown below for the last of the three.

# %%
from emorec.text import explain

chosen = explain.cases(classifier, data.test, longest=20)
for explanation in chosen:
    display(explanation)

# %%
classifier.explain(" ".join(chosen[-1].tokens), method="integrated-gradients")

# %% [markdown]
# ## Save and load
#
# One file holds weights, word pieces, labels and settings. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
classifier.save(work / "transformer.emorec")
same = emorec.TextClassifier.load(work / "transformer.emorec")
change = abs(same.predict_proba(data.test.inputs[:20]) - classifier.predict_proba(data.test.inputs[:20])).max()
print(f"largest change of a probability: {change}; size of the file: {(work / 'transformer.emorec').stat().st_size / 1e6:.0f} MB")

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell. The fine-tuned network answers first, then the one
# that learned verdicts, for which a sentence such as *the soup was not marvellous* is the right question.

# %% tags=["user-input"]
test_sentence = "She died in March, and I still miss her every single day."
display(classifier.explain(test_sentence))
print("as a verdict:", models["transformer, pretrained"].predict([test_sentence])[0])

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {f"new adjectives, {kind}, {name}": share for (name, kind), share in shares.items()}
    | {f"accuracy on {data.name}, {name}": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()}
)

# %% [markdown]
# ### What was learnt
#
# Pretraining buys knowledge that the task does not contain. The two networks that start from nothing learn six adjectives and
# guess at the others, the transformer no less than the recurrent network: layers of attention know no words before they are
# trained. GloVe's vectors carry the meaning of words over to new ones, and with them even a small recurrent network reads
# nearly all of the new verdicts. So does the pretrained transformer. On verdicts this short the two cannot be distinguished,
# and the transformer has seven hundred times as many weights; what it has beyond word vectors is what whole sentences mean,
# which a task of six words does not ask for.
#
# On the sentences of the sample, 320 of them and a new pooling bring the network close to the model that it started from, whose last layers had seen
# many times as many; this is what fine-tuning in a minute can do. The table above, with its folds and seeds, says whether a pooling with attention adds to a
# transformer: on film reviews and on tweets alike no difference is larger than chance would make it. The first word piece, the mean and both kinds of attention
# lie within a point of each other. Six layers have mixed all words already when the pooling comes.
#
# ### Exercises
#
# 1. Reduce the verdicts for training from 160 to 16. Which of the four networks suffers most?
#    <details><summary>Solution</summary>The recurrent network with GloVe: from 16 texts it learns neither which words praise nor what <i>not</i> does, and
#    falls to guessing. The pretrained transformer still reads all plain verdicts and nine of ten with <i>not</i>. The two that guess cannot become worse.</details>
# 2. Set `encoder_rate=1.0` for the pretrained transformer, so that its layers learn as fast as the new ones. What happens?
#    <details><summary>Solution</summary>The first steps, which are large because the new layers know nothing yet, write over what the layers knew;
#    it guesses at the new adjectives, as if it had not been pretrained. This is called catastrophic forgetting.</details>
# 3. Write verdicts with *hardly* or *never* in place of *not*, which no network saw in training. Which networks read them correctly?
#    <details><summary>Solution</summary>Ask <code>models[name].predict(["the meal was hardly pleasant ."])</code>. <i>Never</i>
#    resembles <i>not</i>, and both pretrained networks read it. <i>Hardly</i> is overlooked by the network with GloVe in every verdict, and by the
#    transformer in a quarter of them: knowing what a word is like is not yet knowing what it does to its neighbours.</details>
#
# ### Where to go on
#
# [self_attention](self_attention.ipynb) explains the layer that a transformer consists of, [attention_comparison](attention_comparison.ipynb) asks the question of
# pooling for networks without pretraining, and [emotion_recognition](emotion_recognition.ipynb) handles several emotions at once. The encoder is described in
# [emorec.text](../../docs/api/text.md), the models that come along in [emorec.pretrained](../../docs/api/pretrained.md).

