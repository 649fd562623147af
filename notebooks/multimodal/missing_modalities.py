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
# **What does a model of two modalities do when one of them is missing, and how should it learn of that?** A model that learnt
# from pairs of faces and sentences will meet halves: the camera is covered, or the sentence was not understood. Two
# decisions are taken about this, often without noticing. The first is how a missing half is reported to the model: its
# numbers are replaced by zeros without a word, or a *presence mask* marks them as missing and the layer leaves them out. The second is whether training ever shows halves: *modality dropout* hides one of the two at random.
#
# The notebook measures what each decision is worth, first on a synthetic task whose best possible accuracy is known, then on
# rendered faces with sentences. These are paired by their labels, so that two halves are always better than one; how much
# a missing half costs on real data has to be measured there.

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
# Each setting is trained from several seeds, and its mean is shown with a 95 % interval over them. Such an interval says
# what another training would give on the same test split; another test split would differ more. The `fast` form tries less
# of everything, and its numbers mean nothing.

# %% tags=["parameters"]
rates = (0.0, 0.25, 0.5)  # @param
seeds = 3  # @param {type:"integer"}
epochs = 12  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %%
if fast:
    rates, seeds, epochs = (0.0, 0.5), 2, 2

# %% [markdown]
# ## Data
#
# In the synthetic task *label-paired*, each modality is a vector of eight numbers that shows the class along one direction,
# under noise. It is known what the best possible method reaches: 92.1 % with both modalities, 84.1 % with either alone.

# %%
import numpy as np

from emorec.multimodal import synthetic

task = synthetic.synthetic_task("label-paired")
sampled = task.dataset(train=600, validation=10, test=4000)
print(f"best possible: both {100 * task.bayes:.1f} %, either alone {100 * task.bayes_alone[0]:.1f} %")

# %% [markdown]
# The second data are rendered faces with sentences. Two networks that read them are trained once, as in the notebook
# *face_and_sentence*. The fusion then starts from their features, so that everything below differs in the fusion alone.

# %%
pairs = emorec.datasets.load("sample-pairs", limit=140 if fast else None, jobs=-1)
print(pairs, pairs.protocol, sep="\n")

# %%
classifier = emorec.MultimodalClassifier()
if fast:
    face, text = emorec.FaceClassifier("lenet", width=4, augment="none", epochs=4), emorec.TextClassifier("none", "none", epochs=4)
    classifier.set_params(face=face, text=text)
classifier.fit(pairs.train, validation=pairs.validation, label_set=pairs.label_set, progress=None);

# %% [markdown]
# From here on the data are one vector for each modality, and labels are numbers. Faces and sentences become the features of
# their networks; the synthetic modalities are vectors already.

# %%
def vectors(split, inputs, label_set):
    """(dict of modality to (N, D), class indices) of a split."""
    return {name: x for name, x in inputs.items() if name != "presence"}, label_set.encode(split.labels)


# %%
face_text = {p: vectors(getattr(pairs, p), classifier.features(getattr(pairs, p)), pairs.label_set) for p in ("train", "test")}
signs = {p: vectors(getattr(sampled, p), getattr(sampled, p).inputs, sampled.label_set) for p in ("train", "test")}
print({name: x.shape for name, x in face_text["train"][0].items()}, {name: x.shape for name, x in signs["train"][0].items()})

# %% [markdown]
# ## Look at it
#
# Zero is a value like any other. The histograms show one feature of each network over the training pairs, the one whose mean
# is farthest from zero, measured in its spread. Whoever writes 0 for a missing half makes a claim about it: that this
# feature of the picture is at the edge of what occurs, and that this feature of the sentence is above its average.

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
# Each modality $m$ has a feature vector $x_m$ and a presence $r_m$, which is 1 where the modality is there and 0 where it is
# missing. A dense layer with weights $W_m$ and bias $b_m$ gives $h_m = \tanh(W_m x_m + b_m)$. *Concatenation* under a mask
# joins the two into $[r_1 h_1;\, r_2 h_2]$. *Attention over modalities* computes
#
# $$h = \sum_m a_m h_m, \qquad a_m = \frac{r_m \exp e_m}{\sum_k r_k \exp e_k},$$
#
# where $e_m$ is a score that the layer computes from $h_m$, and $k$ runs over the modalities. A missing half has a weight
# $a_m$ of exactly 0, and the other half takes all of it. Filling with zeros sets $x_m = 0$ and leaves $r_m = 1$, so that the
# layer receives $\tanh(b_m)$ as if it had been observed. Modality dropout with rate $q$ hides each half of each
# training example with probability $q$, but never both.

# %%
from emorec import metrics, training
from emorec.multimodal.models import build_fusion_model, statistics


def batch(x, presence, masked=True):
    """Inputs of a fusion model: zeros in the place of what is missing, and the mask that says so or not."""
    filled = {n: v * presence[:, m : m + 1] for m, (n, v) in enumerate(x.items())}
    return {**filled, "presence": presence if masked else np.ones_like(presence)}


# %% [markdown]
# All models train for the same number of epochs. A network is compiled once, which takes as long as training it, and is put
# back to a fresh start for each seed. The test asks each model three times: with both halves, with the first alone and with
# the second alone.

# %%
def trained(x, y, *, presence=None, masked=True, **options):
    """Yields a fusion model of two modalities after training from each seed."""
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
        model.fit(batch(x, presence, masked), targets, epochs=epochs, batch_size=64, verbose=0)
        yield model


# %%
def accuracies(model, x, y, masked=True):
    """Accuracy with both halves, with the first alone and with the second alone."""
    cases = [np.tile(np.array(row, "float32"), (len(y), 1)) for row in ((1, 1), (1, 0), (0, 1))]
    return [(training.predict(model, batch(x, case, masked), 4096).argmax(axis=1) == y).mean() for case in cases]


# %% [markdown]
# ## Train
#
# First, every rate of modality dropout is trained on both data from every seed. Nothing is selected: all runs have the same
# number of epochs, and the test split decides nothing.

# %%
scores = {}
for name, splits in (("label-paired", signs), ("faces and sentences", face_text)):
    for rate in rates:
        models = trained(*splits["train"], encoder_units=32, dropout=0.3, modality_dropout=rate)
        scores[name, rate] = np.array([accuracies(model, *splits["test"]) for model in models])

# %% [markdown]
# Second, mask or zeros, on faces and sentences. One pair of models learns from complete pairs and first meets halves in the
# test. Another pair learns from training data in which a third of the pairs lack a half, the same ones for both. In each
# case the mask says to one model what is missing, in training and test, and the other finds zeros.

# %%
x, y = face_text["train"]
gone = np.random.default_rng(0).choice(3, len(y), p=(2 / 3, 1 / 6, 1 / 6))  # 0: nothing, 1: the picture, 2: the sentence
presence = np.stack([gone != 1, gone != 2], axis=1).astype("float32")
print(f"{(gone == 1).sum()} pairs without a picture, {(gone == 2).sum()} without a sentence, {(gone == 0).sum()} complete")

# %%
ways, runs, kept = {"mask": True, "zeros": False}, {}, {}


def ask(models, *ways):
    """The last of the models, and for each way of reporting what is missing (seeds, cases) accuracies."""
    answers = [(model, [accuracies(model, *face_text["test"], masks) for masks in ways]) for model in models]
    return answers[-1][0], np.array([values for _, values in answers]).swapaxes(0, 1)


for fusion in ("attention",) if fast else ("concatenation", "attention"):
    options = dict(fusion=fusion, encoder_units=32, dropout=0.3)
    model, answers = ask(trained(x, y, **options), *ways.values())
    runs |= {(fusion, "complete", way): values for way, values in zip(ways, answers)}
    kept["zeros, trained on complete pairs"] = model
    for way, masks in ways.items():
        model, [runs[fusion, "a third lack a half", way]] = ask(trained(x, y, presence=presence, masked=masks, **options), masks)
        kept[f"{way}, trained on halves"] = model

# %% [markdown]
# ## Evaluate
#
# ### Mask or zeros?
#
# This is the main figure, the accuracy of attention over modalities with both halves and with one. Each circle is a seed, and
# the dashed line is the network of that half alone. On the left the model learnt from complete pairs. With zeros in place of
# the sentence it loses most of what the face alone can tell, because its attention goes to a vector that nobody has
# observed. The mask prevents the worst of it without any training for it. On the right training has shown halves, and the
# model has learnt what a row of zeros means. (Some test sentences hold words that no training sentence has; the notice of
# them is switched off here.)

# %%
import warnings

from emorec.text.tokens import TextNotice

warnings.simplefilter("ignore", TextNotice)
alone = [tower.score(pairs.test.inputs[m], pairs.test.labels) for tower, m in ((classifier.face_, "image"), (classifier.text_, "text"))]
cases = ("both halves", "face alone", "sentence alone")
figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", sharey=True)
for ax, training_pairs in zip(axes, ("complete", "a third lack a half")):
    for k, (way, colour, ink) in enumerate((("mask", plots.BLUE, "white"), ("zeros", plots.ORANGE, "black"))):
        values, at = 100 * runs["attention", training_pairs, way], np.arange(3) + 0.38 * (k - 0.5)
        ax.bar(at, values.mean(axis=0), 0.36, color=colour, label=f"missing half reported by {way}")
        ax.plot(np.tile(at, len(values)), values.ravel(), "o", mfc="white", mec="0.2", ms=5)
        for x, value in zip(at, values.mean(axis=0)):
            ax.text(x, 3, f"{value:.0f}", ha="center", color=ink, fontweight="bold")
    for case, share in enumerate(alone, start=1):
        ax.plot([case - 0.4, case + 0.4], [100 * share] * 2, "k--", lw=1.5, label="the network of that half alone" if case == 1 else None)
    ax.set_xticks(range(3), cases)
    ax.set_title("trained on complete pairs" if training_pairs == "complete" else "trained on pairs of which a third lack a half")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="test accuracy (%), mean of the seeds", ylim=(0, 115))
axes[0].legend(frameon=False, loc="upper right", fontsize=9);

# %% [markdown]
# The table has the same for both kinds of fusion, in per cent, with 95 % intervals over the seeds. With both halves,
# concatenation is better than attention: it adds the evidence of the two, while weights that sum to one choose between them.

# %%
import pandas as pd

def percent(values):
    """Mean over the seeds with its 95 % interval, in per cent."""
    return "{:.0f} [{:.0f}, {:.0f}]".format(*(100 * v for v in metrics.mean_interval(values, within=(0, 1))))


rows = [(*how, *(percent(values[:, case]) for case in range(3))) for how, values in sorted(runs.items())]
pd.DataFrame(rows, columns=["fusion", "training pairs", "missing halves are", *cases]).style.hide()

# %% [markdown]
# ### How much modality dropout?
#
# The figure shows what modality dropout changes against none, seed by seed: the accuracy with both halves and with each half
# alone. The intervals are not adjusted for their number, twelve. On the synthetic task there is next to nothing to gain,
# since a model without dropout is near the best possible already. With the features of networks the sentence alone gains.

# %%
asked = {"label-paired": ("both", "first alone", "second alone"), "faces and sentences": ("both", "face alone", "sentence alone")}
changes = {}
for (name, rate), values in scores.items():
    if rate:
        for case, label in enumerate(asked[name]):
            changes[name, rate, label] = metrics.mean_interval(100 * (values - scores[name, 0.0])[:, case])
rows = [{"label": f"{name}: {label}, rate {rate:g}", "estimate": e.value, "low": e.low, "high": e.high, "group": name} for (name, rate, label), e in changes.items()]
plots.forest(rows, xlabel="change of accuracy by modality dropout (points), 95 % interval over seeds");

# %% [markdown]
# ## Explain
#
# How much attention does a sentence get that is not there? Under the mask its weight is 0 by construction. With zeros the
# weight depends on training: nine tenths after complete pairs, and nearly nothing after halves. The bars show the last seed.

# %%
import keras


def sentence_weight(model, masks):
    """Mean weight of the sentence when only the face is there."""
    layer, case = model.get_layer("fusion"), np.tile(np.array([1, 0], "float32"), (len(pairs.test), 1))
    *inner, there = keras.Model(model.input, layer.input)(batch(face_text["test"][0], case, masks))
    return float(np.mean(layer(inner, presence=there, return_attention_scores=True)[1][:, 1]))


weights = {way: sentence_weight(model, way.startswith("mask")) for way, model in kept.items()}
figure, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
bars = ax.barh(list(weights), [100 * w for w in weights.values()], color=[plots.BLUE if w.startswith("mask") else plots.ORANGE for w in weights])
ax.bar_label(bars, [f" {100 * w:.0f} %" for w in weights.values()])
ax.set(xlabel="mean weight of a sentence that is missing (%)", xlim=(0, 100));

# %% [markdown]
# ## Evaluate on external data
#
# `emorec.MultimodalClassifier` uses masks and modality dropout. Write a sentence, or `None`, name a picture of a face, or
# `None`, and run this one cell. The table shows the answer with both halves and with each alone, its probability, and how far
# this probability falls when the picture or the sentence is taken away. As built, face and sentence show *happiness*. This
# classifier has seen a few hundred sentences and rendered faces; for text of your own, the answer of `text-emotion-small`,
# which comes along, is printed first.

# %% tags=["user-input"]
test_sentence = "We won, and everybody hugged and danced in the street!"
test_image = emorec.faces.render.portrait("happiness", seed=2).image  # any picture of a face (path or array), or None
if test_sentence is not None:
    print("text-emotion-small:", emorec.load("text-emotion-small").predict([test_sentence])[0])
halves = {"both halves": (test_image, test_sentence), "picture alone": (test_image, None), "sentence alone": (None, test_sentence)}
halves = {name: half for name, half in halves.items() if any(x is not None for x in half)}
answers = classifier.contributions(images=[i for i, _ in halves.values()], texts=[s for _, s in halves.values()])
answers.set_axis(list(halves))[["label", "probability", "image", "text"]].style.format("{:.2f}", subset=["probability", "image", "text"], na_rep="–")

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        f"{name}, dropout {rate:g}: {case}": tuple(metrics.mean_interval(scores[name, rate][:, k]))
        for name, rate in scores
        if rate in (rates[0], rates[1])
        for k, case in enumerate(asked[name])
    }
    | {f"weight of a missing sentence, {way}": value for way, value in weights.items()},
    title="Accuracy on test splits, means over seeds",
)

# %% [markdown]
# ### What was learnt
#
# Filling with zeros claims that something was observed. Attention that learnt from complete pairs puts most of its weight on
# such a vector of zeros, and loses accuracy where the remaining half could still have answered: with the face alone it is
# right in about 31 of 100 cases, against 56 with the mask and 71 for the network of the face alone. The mask needs no training
# for it, and guarantees that a missing half changes nothing, whatever its numbers hold, be they noise or
# NaN. Once training shows halves, zeros do about as well, because the network learns to read a row of zeros as "nothing
# here"; that lesson only works where zero is not an ordinary value.
#
# Modality dropout gains next to nothing on the synthetic task. There each half simply adds its evidence, and a model that has
# never seen a half answers halves nearly as well as possible. With the features of networks, a rate of 0.5 gains four points
# for the sentence alone; for the face alone and for complete pairs it changes nothing that could be measured.
#
# Halves went missing at random here. In use they go missing for reasons: people look away when they are ashamed, and fall
# silent when they are angry. Then the gap itself is a sign, which neither a mask nor dropout describes.
#
# ### Exercises
#
# 1. Replace the zeros by the mean of each feature over the training pairs. Does filling hurt less?
#    <details><summary>Solution</summary>Yes: in <code>batch</code>, use <code>np.where(presence[:, m : m + 1] > 0, v,
#    means[n])</code>. The mean is the least surprising value, but the attention weight of a missing half is still not zero,
#    so the mask remains better without training on halves.</details>
# 2. Why does modality dropout never hide both halves?
#    <details><summary>Solution</summary>With neither half there is nothing to learn from. The best answer would be the class
#    frequencies, and training on it would push the bias of the last layer towards them.</details>
# 3. Let sentences go missing only for angry pairs in training (a reason instead of chance). What does the model learn from
#    the mask?
#    <details><summary>Solution</summary>That a missing sentence means anger. In a test where sentences go missing at random it
#    will see anger where there is none. A mask reports absence, and absence is informative whenever it has a
#    cause.</details>
#
# ### Where to go on
#
# [face_and_sentence](face_and_sentence.ipynb) uses the classifier with masks, [attention_fusion](attention_fusion.ipynb) examines
# attention over modalities, and [decision_fusion](decision_fusion.ipynb) does without features. The layers are described in
# [emorec.multimodal](../../docs/api/multimodal.md).
