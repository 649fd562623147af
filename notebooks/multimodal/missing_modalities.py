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
# # Missing modalities: what happens when one is gone?
#
# <!-- launch -->
#
# A model that learnt from pairs will meet halves: the camera is covered, the sentence was not understood. Two decisions
# are taken about it, often without noticing. **How does the model learn that a half is missing?** Either its numbers are
# set to zero and nothing is said, or a *presence mask* says so and the layer leaves the half out. **And does training
# ever show it halves?** *Modality dropout* hides one at random. This notebook measures what each decision is worth: first
# in a made-up world where the best possible accuracy is known, then on faces and sentences.
#
# Out of the box everything runs without a network connection. Faces and sentences are paired by label, which guarantees
# that two halves beat one; how much a missing half costs on real data has to be measured there.

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
# Each setting is trained with so many seeds, and its mean is shown with a 95 % interval over them. Such an interval says
# what another training would give, on the same test part; another test part would differ more.

# %% tags=["parameters"]
rates = (0.0, 0.25, 0.5)  # @param
seeds = 3  # @param {type:"integer"}
epochs = 12  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# The fast form tries less of everything, and its numbers mean nothing.

# %%
if fast:
    rates, seeds, epochs = (0.0, 0.5), 2, 2

# %% [markdown]
# ## Data
#
# In the regime *label-paired*, each modality is a vector of eight numbers that shows the class along one direction, under
# noise. With both, 92.1 % is the best that anything can reach; with either alone, 84.1 %.

# %%
import numpy as np

from emorec.multimodal import synthetic as regimes

world = regimes.regime("label-paired")
made_up = world.dataset(train=600, validation=10, test=4000)
print(f"best possible: both {100 * world.bayes:.1f} %, either alone {100 * world.bayes_alone[0]:.1f} %")

# %% [markdown]
# The second data are rendered faces with sentences. The networks that read them are trained once; fusion then starts from
# their features, so that everything below differs in the fusion alone.

# %%
pairs = emorec.datasets.load("sample-pairs", limit=140 if fast else None, jobs=-1)
print(pairs, pairs.protocol, sep="\n")

# %% [markdown]
# The same classifier as in the notebook on a face and a sentence:

# %%
classifier = emorec.MultimodalClassifier()
if fast:
    face, text = emorec.FaceClassifier("lenet", width=4, augment="none", epochs=4), emorec.TextClassifier("none", "none", epochs=4)
    classifier.set_params(face=face, text=text)
classifier.fit(pairs.train, validation=pairs.validation, label_set=pairs.label_set, progress=None);

# %% [markdown]
# From here on, data are vectors, one a modality, and labels by number.

# %%
def vectors(split, inputs, label_set):
    """(dict of modality to (N, D), class indices) of a split."""
    return {name: x for name, x in inputs.items() if name != "presence"}, label_set.encode(split.labels)


# %% [markdown]
# Faces and sentences become features of the two networks, the made-up modalities are vectors already.

# %%
face_text = {p: vectors(getattr(pairs, p), classifier.features(getattr(pairs, p)), pairs.label_set) for p in ("train", "test")}
signs = {p: vectors(getattr(made_up, p), getattr(made_up, p).inputs, made_up.label_set) for p in ("train", "test")}
print({name: x.shape for name, x in face_text["train"][0].items()}, {name: x.shape for name, x in signs["train"][0].items()})

# %% [markdown]
# ## Look at it
#
# Why zero is not nothing. A feature of a network need not be zero on average: the histograms show one feature of each
# half over the training pairs. Writing 0 for a missing half claims a value, and often a telling one.

# %%
import matplotlib.pyplot as plt

from emorec import plots

figure, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
for ax, (name, x), colour in zip(axes, face_text["train"][0].items(), (plots.ORANGE, plots.BLUE)):
    feature = x[:, np.argmax(abs(x.mean(axis=0)) / (x.std(axis=0) + 1e-6))]
    ax.hist(feature, bins=40, color=colour)
    ax.axvline(0, color="0.2", ls="--")
    ax.set(title=f"One feature of the {name}", xlabel="value (dashed: what zero-filling writes)", ylabel="training pairs")

# %% [markdown]
# ## Model
#
# With $h_m = \tanh(W_m x_m + b_m)$ and presence $r_m \in \{0, 1\}$, concatenation under a mask gives
# $[r_1 h_1;\, r_2 h_2]$, and attention over modalities
#
# $$h = \sum_m a_m h_m, \qquad a_m = \frac{r_m \exp e_m}{\sum_k r_k \exp e_k} :$$
#
# a missing half has weight exactly 0 and the other takes it all. Zero-filling puts $x_m = 0$ and leaves $r_m = 1$: the
# layer then sees $\tanh(b_m)$ as if somebody had shown it.
#
# Modality dropout with rate $q$ hides each half of each training example with probability $q$, never both.

# %%
from emorec import metrics, training
from emorec.multimodal.models import build_fusion_model, statistics

# %% [markdown]
# What a model is given: a mask beside the numbers, or zeros and silence.

# %%
def batch(x, presence, told=True):
    """Inputs of a fusion model, with zeros in the place of what is missing."""
    filled = {n: v * presence[:, m : m + 1] for m, (n, v) in enumerate(x.items())}
    return {**filled, "presence": presence if told else np.ones_like(presence)}


# %% [markdown]
# How it is trained, always for the same number of epochs. A network is compiled once, which takes as long as to train
# it, and put back to a fresh start for each seed.

# %%
def trained(x, y, *, presence=None, told=True, **options):
    """Yields a fusion model of two modalities after training with each seed; where not told, missing values are 0."""
    presence = np.ones((len(y), 2), "float32") if presence is None else presence
    options |= dict(sizes={n: v.shape[1] for n, v in x.items()}, classes=int(y.max()) + 1, scaling=statistics(x, presence), hidden=0)
    model, targets = build_fusion_model(**options), training.one_hot(y, options["classes"])
    training.compile_model(model, steps=1, learning_rate=4e-3, schedule="constant", weight_decay=0.0,
                           label_smoothing=0, multi_label=False)  # fmt: skip
    start = [np.array(v) for v in model.optimizer.variables]
    for seed in range(seeds):
        training.set_seed(seed)
        fresh = build_fusion_model(**options).variables
        for variable, value in zip([*model.variables, *model.optimizer.variables], [*fresh, *start]):
            variable.assign(value)
        model.fit(batch(x, presence, told), targets, epochs=epochs, batch_size=64, verbose=0)
        yield model


# %% [markdown]
# And what is asked of it in the test:

# %%
def accuracies(model, x, y, told=True):
    """Accuracy with both halves, with the first alone and with the second alone."""
    cases = [np.tile(np.array(row, "float32"), (len(y), 1)) for row in ((1, 1), (1, 0), (0, 1))]
    return [(training.predict(model, batch(x, case, told), 4096).argmax(axis=1) == y).mean() for case in cases]


# %% [markdown]
# ## Train
#
# Every rate of modality dropout, on both data, with every seed. Nothing is chosen: all runs have the same number of
# epochs, and the test part decides nothing.

# %%
found = {}
for name, parts in (("label-paired", signs), ("faces and sentences", face_text)):
    for rate in rates:
        models = trained(*parts["train"], encoder_units=32, dropout=0.3, modality_dropout=rate)
        found[name, rate] = np.array([accuracies(model, *parts["test"]) for model in models])

# %% [markdown]
# Then the other question, on faces and sentences. First a model that learnt from complete pairs: in the test it is told
# of missing halves by a mask, or it finds zeros. Then a third of the training pairs lack a half, the same ones for all:
# one model is told which by a mask, the other finds zeros, in training as in the test.

# %%
x, y = face_text["train"]
gone = np.random.default_rng(0).choice(3, len(y), p=(2 / 3, 1 / 6, 1 / 6))  # 0: nothing, 1: the picture, 2: the sentence
presence = np.stack([gone != 1, gone != 2], axis=1).astype("float32")
print(f"{(gone == 1).sum()} pairs without a picture, {(gone == 2).sum()} without a sentence, {(gone == 0).sum()} complete")

# %% [markdown]
# Each model is trained on complete pairs once; on halves, once for each way of saying what is missing. The models of the
# last seed, with attention, are kept for a closer look.

# %%
ways, told, kept = {"mask": True, "zeros": False}, {}, {}


def ask(models, *ways):
    """The last of the models, and for each way of telling what is missing (seeds, cases) accuracies."""
    found = [(model, [accuracies(model, *face_text["test"], masks) for masks in ways]) for model in models]
    return found[-1][0], np.array([answers for _, answers in found]).swapaxes(0, 1)


for fusion in ("attention",) if fast else ("concatenation", "attention"):
    options = dict(fusion=fusion, encoder_units=32, dropout=0.3)
    model, answers = ask(trained(x, y, **options), *ways.values())
    told |= {(fusion, "complete", way): runs for way, runs in zip(ways, answers)}
    kept["zeros, trained on complete pairs"] = model
    for way, masks in ways.items():
        model, [told[fusion, "a third lack a half", way]] = ask(trained(x, y, presence=presence, told=masks, **options), masks)
        kept[f"{way}, trained on halves"] = model

# %% [markdown]
# ## Evaluate
#
# ### How much modality dropout?
#
# Dashed lines: in the made-up world the best possible; on faces and sentences the two networks alone, which were trained
# for nothing else.

# %%
def lines(ax, name, labels, marks):
    """Accuracy over the rate, one line for each case, bars for the interval over seeds."""
    for case, (label, colour, marker) in enumerate(zip(labels, (plots.GREEN, plots.ORANGE, plots.BLUE), "os^")):
        means = [metrics.mean_interval(100 * found[name, rate][:, case]) for rate in rates]
        points, low, high = np.transpose(means)
        ax.errorbar(rates, points, (points - low, high - points), color=colour, marker=marker, capsize=3, label=label)
        ax.axhline(100 * marks[case], color=colour, ls="--", lw=1)
    ax.set(title=name, xlabel="rate of modality dropout", ylabel="accuracy (%)", xticks=rates)
    ax.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.15))


# %% [markdown]
# Bars span 95 % intervals over the seeds.

# %%
alone = [tower.score(pairs.test.inputs[m], pairs.test.labels) for tower, m in ((classifier.face_, "image"), (classifier.text_, "text"))]
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
lines(axes[0], "label-paired", ("both", "first alone", "second alone"), (world.bayes, *world.bayes_alone))
lines(axes[1], "faces and sentences", ("both", "face alone", "sentence alone"), (np.nan, *alone))

# %% [markdown]
# The paired view: what each rate changes against no dropout, seed by seed.

# %%
import pandas as pd

rows = []
for (name, rate), runs in found.items():
    gains = runs - found[name, 0.0]
    changes = [emorec.reporting.show(tuple(metrics.mean_interval(gains[:, case]))) for case in range(3)]
    rows += [(name, rate, *changes)] if rate else []
pd.DataFrame(rows, columns=["data", "rate", "both", "first (face) alone", "second (sentence) alone"]).style.hide().format(precision=2)

# %% [markdown]
# ### To mask or to fill with zeros?

# %%
rows = [
    (*how, *(emorec.reporting.show(tuple(metrics.mean_interval(runs[:, case]))) for case in range(3)))
    for how, runs in sorted(told.items())
]
pd.DataFrame(rows, columns=["fusion", "training pairs", "missing halves are", "both", "face alone", "sentence alone"]).style.hide().format(precision=2)

# %% [markdown]
# ## Explain
#
# What attention does with a half that is not there. Under the mask its weight is 0 by construction. Zeros are a vector
# like any other: how much weight it gets is up to what training has shown the model.

# %%
import keras

# %% [markdown]
# The weight of a missing sentence, over the test pairs:

# %%
def sentence_weight(model, masks):
    """Mean weight of the sentence when only the face is there."""
    layer, case = model.get_layer("fusion"), np.tile(np.array([1, 0], "float32"), (len(pairs.test), 1))
    *inner, there = keras.Model(model.input, layer.input)(batch(face_text["test"][0], case, masks))
    return float(np.mean(layer(inner, presence=there, return_attention_scores=True)[1][:, 1]))


# %% [markdown]
# Three models: two that learnt from halves, one that learnt from complete pairs and is given zeros.

# %%
weights = {way: sentence_weight(model, way.startswith("mask")) for way, model in kept.items()}
print("Mean weight of a missing sentence:", *(f"{way}: {value:.3f}" for way, value in weights.items()), sep="\n")

# %% [markdown]
# ## Evaluate on external data
#
# Your turn. `emorec.MultimodalClassifier` uses masks and modality dropout. Write a sentence, or None, and choose whose
# picture stands beside it; the table says what each half contributes, and what is said when one is gone.

# %% tags=["user-input"]
test_sentence = "My hands were shaking when the lift stopped between two floors."
test_image = pairs.test.inputs["image"][0]  # any picture of a face (path or array), or None
cases = [(i, s) for i, s in ((test_image, test_sentence), (test_image, None), (None, test_sentence)) if not (i is None and s is None)]
classifier.contributions(images=[i for i, _ in cases], texts=[s for _, s in cases])

# %% [markdown]
# ## Results

# %% tags=["results"]
case_names = ("both", "first (face) alone", "second (sentence) alone")
emorec.reporting.publish(
    {
        f"{name}, dropout {rate:g}: {case}": tuple(metrics.mean_interval(found[name, rate][:, k]))
        for name, rate in found
        if rate in (rates[0], rates[1])
        for k, case in enumerate(case_names)
    }
    | {f"weight of a missing sentence, {way}": value for way, value in weights.items()},
    title="Accuracy on test parts, means over seeds",
)

# %% [markdown]
# **What was learnt.** Where each half simply adds its evidence, as in the made-up world, a model that never saw a half
# answers halves nearly as well as possible, and modality dropout hardly changes that. Features of real networks are less
# kind: without dropout the sentence alone loses some points. A rate of one half brings them back, a quarter perhaps (its
# interval holds zero), at no cost that could be measured for complete pairs. The face alone loses nothing that could be measured.
#
# The mask matters most where training has not prepared the model. Attention that learnt from complete pairs
# does much worse with the face alone, and worse by far with zeros in the place of the sentence: it then gives most of its
# attention to a vector that nobody sent. Once training shows halves, zeros do as well as the mask, because the network
# learns to read a row of zeros as "nothing here". The mask needs no such lesson, works for features whose zero means something, and
# makes it certain that a missing half, be it noise or NaN, changes nothing.
#
# **What was not.** Halves went missing at random. In use they go for reasons: people look away when they are ashamed,
# and fall silent when they are angry. Then the gap itself is a sign, which neither a mask nor dropout describes.
