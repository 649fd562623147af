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
# # The datasets of the field: what is in them, and what is wrong with them
#
# <!-- launch -->
#
# A score means little without the data behind it. Were the emotions felt, acted, or guessed by strangers? May the data be used at all? Do training and
# test set share people, films or whole sentences? And how small a difference can the test set show? This notebook reviews every dataset that
# the collection can read: what it holds, how its emotions were elicited and labelled, how to get it, what has been published on it under
# which protocol, and which faults are known.
#
# Everything is written from the cards of the datasets (`emorec/datasets/cards.toml`), which the readers and `data/README.md` use as well. It needs no
# network: datasets that are not bundled are described and not downloaded.

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
# `modality` restricts the review. With `count_real` ticked, the datasets that are already on this machine are read and
# counted too; nothing is downloaded for it.

# %% tags=["parameters"]
modality = "all"  # @param ["all", "text", "faces", "voice", "multimodal"]
count_real = False  # @param {type:"boolean"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The tables below have one row for each dataset. *Bundled* ones come along with the package, *automatic* ones are downloaded from their official home
# when first asked for, and for those *by hand* a form, an account or a signature stands in between. A small
# function turns the cards into tables.

# %%
from html import escape

import pandas as pd

from emorec.datasets.cards import cards

cards = [card for card in cards().values() if modality in ("all", card.modality)]
styles = [
    {"selector": "th, td", "props": "text-align: left; vertical-align: top; white-space: pre-line"},
    {"selector": "td a", "props": "overflow-wrap: anywhere"},
]


def lines(value):
    return "\n".join(f"· {v}" for v in value) if isinstance(value, list) else str(value)


def table(**columns):
    frame = pd.DataFrame({k.replace("_", " "): [escape(f(c)) for c in cards] for k, f in columns.items()})
    frame.insert(0, "dataset", [c.name for c in cards])
    frame = frame[(frame.iloc[:, 1:] != "").any(axis=1)]
    return frame.style.hide(axis="index").format(hyperlinks="html").set_table_styles(styles)


# %% [markdown]
# ### What there is

# %%
table(
    modality=lambda c: c.modality,
    task=lambda c: c.task,
    classes=lambda c: str(len(c.label_set)),
    size=lambda c: c.size,
    access=lambda c: c.access,
)

# %% [markdown]
# ### How the emotions came about
#
# The word *happy* on an example can mean four things: the person felt it (reports of students), acted it (posed faces,
# drama), wrote a hashtag, or was judged by others to look or sound like it. Numbers on one kind say little about
# another. The table lists the classes in the order in which a model has them.

# %%
table(elicited=lambda c: c.how, classes=lambda c: ", ".join(c.label_set) + " (several at once)" * c.label_set.multi_label)

# %% [markdown]
# ### Terms, and how to get it
#
# Several of these sets show identifiable people, and some licences forbid commercial use, so the terms are worth reading before anything is
# published. An empty cell under *by hand* means that the command `python -m emorec data get NAME` is enough.

# %%
table(licence=lambda c: c.licence, home=lambda c: c.home, by_hand=lambda c: c.get)

# %% [markdown]
# ### Published results, and the protocol of this collection
#
# Numbers can be compared only within one protocol. Where a row names two, they are not comparable, and our own split is
# named so that you see which of them our numbers can stand beside. An empty cell means that we met no number whose
# protocol is clear enough to be quoted.

# %%
table(published=lambda c: lines(c.results), our_protocol=lambda c: "" if c.bundled else c.protocol)

# %% [markdown]
# ### Known faults
#
# Each of these faults lies in the files or in the way in which they are commonly used. The readers repair what can be
# repaired, and the notes of a loaded dataset say so.

# %%
table(fault=lambda c: lines(c.faults), cite=lambda c: c.citation)

# %% [markdown]
# ## Look at it
#
# Which emotions does each dataset name? Spellings are unified (*joy* is *happiness*). Two datasets can be used together,
# or one to train and one to test, on the classes that both of them have: a column is a class, a square says that the
# dataset has it.

# %%
import matplotlib.pyplot as plt

from emorec import plots
from emorec.labels import ALIASES

common = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt"]
named = {c.name: {ALIASES.get(n, n) for n in c.label_set} for c in cards if "anger" in c.label_set}
other = [f"+ {len(names - set(common))} other" if names - set(common) else "" for names in named.values()]

# %% [markdown]
# The number beside a name counts the further emotions of that dataset.

# %%
has = [[name in names for name in common] for names in named.values()]
figure, ax = plt.subplots(figsize=(9, 0.8 + 0.32 * len(named)), layout="constrained")
ax.pcolormesh(has, cmap="Blues", vmin=0, vmax=1.3, edgecolors="white", linewidth=3)
ax.set_xticks([i + 0.5 for i in range(len(common))], common)
ax.set_yticks([i + 0.5 for i in range(len(named))], [f"{name}  {rest}" for name, rest in zip(named, other)])
ax.tick_params(length=0)
ax.set_title("Emotions named by each dataset")
ax.invert_yaxis()

# %% [markdown]
# How balanced are the classes? Shown for what is at hand: the bundled samples, and with `count_real` whatever real
# dataset this machine has.

# %%
from emorec.datasets import store
from emorec.errors import EmorecError


def at_hand(card):
    if card.bundled:
        return card.modality == "text"
    try:
        return count_real and bool(store.locate(card))
    except EmorecError:
        return False


loaded = [emorec.datasets.load(card.name, download=False) for card in cards if at_hand(card)]

# %% [markdown]
# Bars are shares of each split, and the numbers beside them are counts.

# %%
for data in loaded:
    plots.classes(data, title=f"{data.name}: classes")

# %% [markdown]
# The rendered faces (`sample-faces`), the pairs (`sample-pairs`) and the synthesised voices (`sample-voices`) have equally many examples of each
# emotion, so there is nothing to count.
#
# The balance of the classes matters for a score. Answering always with the commonest class is right as often as the table says, and has
# the macro-averaged recall beside it. Accuracy on an unbalanced set flatters a model that ignores the rare classes, so that a high
# value in the third column is a high baseline and no sign of a good model.

# %%
def commonest(data):
    counts = pd.Series(data.test.labels).explode().value_counts()
    return [data.name, len(data.test), counts.iloc[0] / len(data.test), 1 / len(data.label_set), counts.iloc[0] / counts.iloc[-1]]


# %%
columns = ["dataset", "test examples", "accuracy of the commonest class", "its macro-recall", "commonest : rarest"]
baseline = pd.DataFrame([commonest(data) for data in loaded], columns=columns)
baseline.style.hide(axis="index").format(precision=2)

# %% [markdown]
# ## Evaluate
#
# How small a difference can a test set show? A classifier that is right with probability $p$ on each of $n$ test
# examples has an accuracy that varies by chance; 95 % of the time it lies within
#
# $$\pm\, 1.96 \sqrt{p\,(1 - p) / n}$$
#
# of the true one. Two models that were scored on the *same* examples can be distinguished somewhat better than that, and two
# numbers from two papers cannot. The figure shows the half-width for $p = 0.8$ and the test sets whose size is known, the
# largest first. It is the main figure of this notebook: a new result that is better by less than the bar may be chance.

# %%
n_test = {c.name: c.expected["test"] for c in cards if "test" in c.expected}
n_test |= {f"{c.name}, one fold of ten": sum(c.expected.values()) // 10 for c in cards if c.expected and "10-fold" in c.protocol}
n_test |= {data.name: len(data.test) for data in loaded if data.card.bundled}
half_width = pd.Series({name: 196 * (0.8 * 0.2 / n) ** 0.5 for name, n in n_test.items()}).sort_values()

# %%
figure, ax = plt.subplots(figsize=(9, 0.8 + 0.32 * len(half_width)), layout="constrained")
bars = ax.barh([f"{name} (n = {n_test[name]:,})" for name in half_width.index], half_width, color=plots.BLUE)
ax.bar_label(bars, [f" ± {value:.1f}" for value in half_width])
ax.set(title="Chance alone moves an accuracy of 80 % by this much", xlabel="half-width of the 95 % interval (points)")
ax.invert_yaxis()
ax.margins(x=0.15)

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: look up one card in full, or read a table of your own. `from_table` takes a CSV, TSV or JSONL file, or a
# data frame as below, finds the classes, keeps copies of a text on one side of the split, and reports what it did.

# %% tags=["user-input"]
dataset_name = "ferplus"
card = emorec.datasets.card(dataset_name)
facts = vars(card) | {"label_set": list(card.label_set), "sha256": [f"{file}: {digest}" for file, digest in card.sha256.items()]}
facts = {k.replace("_", " "): escape(lines(v)) for k, v in facts.items() if v and k not in ("reader", "files")}
pd.DataFrame({dataset_name: facts}).style.format(hyperlinks="html").set_table_styles(styles)

# %% [markdown]
# In place of a table of your own, some of the bundled reviews are read here, twenty of them twice.

# %%
reviews = emorec.datasets.load("sample-reviews").train
own = pd.DataFrame({"what they wrote": reviews.inputs, "verdict": reviews.labels})
mine = emorec.datasets.from_table(pd.concat([own, own.head(20)]), text="what they wrote", label="verdict")
print(mine, *mine.notes, sep="\n")

# %% [markdown]
# ## Results

# %% tags=["results"]
kinds = pd.Series([c.access.split(",")[0] for c in cards]).value_counts()
emorec.reporting.publish(
    {"datasets described": len(cards)}
    | {f"of them {kind}": count for kind, count in kinds.items()}
    | {"with a recorded checksum": sum(bool(c.sha256) for c in cards), "with known faults": sum(bool(c.faults) for c in cards)}
    | {"datasets counted here": len(loaded)},
    title="The review in numbers",
)

# %% [markdown]
# ### What was learnt
#
# Most datasets have faults that change what a score means: duplicates across the split, people who appear on both sides, labels from a hashtag, features
# that have seen the labels. Few have more than a few thousand test examples, so differences below one or two points between two papers are within
# chance. And the emotions in them are rarely felt ones: most were acted, or ascribed by others.
#
# The cards hold what authors published and what was met while reading the files. They do not say how well the labels agree with what people felt,
# nor whom a dataset leaves out by language, age, skin or culture.
#
# ### Exercises
#
# 1. A paper reports 81.2 % on JAFFE, another 79.5 %. How many test pictures would be needed to distinguish the two?
#    <details><summary>Solution</summary>The variances of two independent accuracies add up, so that 1.96 · √(2 · 0.8 · 0.2 / n) must be below
#    0.017: n = 2 · 0.8 · 0.2 · (1.96 / 0.017)² ≈ 4,300 pictures for each of the two. JAFFE has 213 pictures in all.</details>
# 2. Which two text datasets could be joined for seven classes without renaming by hand, and what would still differ?
#    <details><summary>Solution</summary><code>sample-sentences</code> and <code>meld</code>: the figure of emotions shows the same seven squares for
#    both. What differs is how the emotions came about, sentences that were written to express one, and scenes of a series that three people labelled.</details>
# 3. Why does a split by person matter for faces and voices, and what takes its place for texts?
#    <details><summary>Solution</summary>A model can recognise the person and remember her label. For texts the same happens with copies of a text,
#    with one author's style, or with reviews of one film; copies are kept on one side by every reader here.</details>
#
# ### Where to go on
#
# [emotion_recognition](text/emotion_recognition.ipynb) trains on these label sets, [cross_dataset](faces/cross_dataset.ipynb) trains on one collection and tests on
# another, and [data/README.md](../data/README.md) says how to get each dataset. The readers are described in [emorec.datasets](../docs/api/datasets.md).
