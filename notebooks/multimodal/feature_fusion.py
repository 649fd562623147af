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
# # Feature fusion: what can each method represent?
#
# <!-- launch -->
#
# A voice and a face, a picture and a sentence: two feature vectors, and one answer. **Feature fusion** makes one vector
# of them before anything is decided. A dozen ways are in use, from putting the vectors side by side to multiplying
# everything with everything. On real data they end within a point or two of each other, and nobody can say why. So this
# notebook uses made-up worlds in which the best possible accuracy is known, and asks: which method reaches it, which
# cannot, and does a model that could use an interaction between modalities really use one?
#
# It runs without a network connection. The regimes are drawn, not recorded; results on real data (CMU-MOSI) are an
# option below, and stand in the notebook on attention fusion.

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
# `with_mosi` also trains every method on utterances of CMU-MOSI, which are downloaded when first asked for.

# %% tags=["parameters"]
examples = 2000  # @param {type:"integer"}
epochs = 6  # @param {type:"integer"}
with_mosi = False  # @param {type:"boolean"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Each modality $m$ is a vector of eight features, $x_m = a_m s_m u_m + \varepsilon$: a hidden sign $s_m = \pm 1$ shows
# along one direction $u_m$, under normal noise in all eight. What differs is what the class is:
#
# - **label-paired**: both signs are the class. Two witnesses tell the same story; adding up what they say is optimal.
#   Pairs made by label, a happy face with any happy sentence, are of this kind.
# - **exclusive-or**: the class is positive if the signs differ. Either modality alone says nothing: kind words with a
#   contemptuous face are not a weaker kindness, they are sarcasm.
# - **one modality**: the second is noise. A good method must learn to leave it alone.

# %%
import numpy as np

from emorec.multimodal import synthetic as regimes

examples, epochs = (400, 4) if fast else (examples, epochs)
worlds = {name: regimes.regime(name) for name in regimes.REGIMES}
data = {name: world.dataset(examples, 10, 4000) for name, world in worlds.items()}
print(*(f"{name}: {found.protocol}" for name, found in data.items()), sep="\n")

# %% [markdown]
# ## Look at it
#
# Seen along the two directions that matter (no method knows them), each world is a picture. In the middle no straight
# line parts the colours, which is why no sum of two scores can: the boundary of $g(x_1) + h(x_2)$ cannot be a cross.

# %%
import matplotlib.pyplot as plt

from emorec import plots

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharex=True, sharey=True)
for ax, (name, found) in zip(axes, data.items()):
    for label, colour, marker in (("negative", plots.ORANGE, "o"), ("positive", plots.BLUE, "^")):
        rows = np.flatnonzero(found.test.labels == label)[:400]
        shown = [found.test.inputs[m][rows] @ u for m, u in zip(regimes.MODALITIES, worlds[name].directions)]
        ax.scatter(*shown, s=8, color=colour, marker=marker, alpha=0.6, label=label)
    ax.set(title=f"{name}: best possible {100 * worlds[name].bayes:.1f} %", xlabel="first modality")
axes[0].set_ylabel("second modality")
axes[0].legend(frameon=False, markerscale=2);

# %% [markdown]
# ## Model
#
# Every method is a Keras layer with one calling form, `layer(inputs, presence=None)`, for two or more modalities. With
# $h_m = W_m x_m$, and $\odot$ for the product of each feature with its partner:
#
# | method | what it computes | interaction before the last layers? |
# |---|---|---|
# | concatenation | $[x_1; x_2]$ | none; a hidden layer after it can make any |
# | weighted sum | $a_1 h_1 + a_2 h_2$, the same $a$ for all samples | none |
# | Hadamard (Kim 2017) | $P (\tanh h_1 \odot \tanh h_2)$ | products only |
# | gated unit (Arevalo 2017) | $z \odot \tanh h_1 + (1 - z) \odot \tanh h_2$, $z = \sigma(V[x_1; x_2])$ | through the gate |
# | attention (after Poria 2017) | $a_1(x) \tanh h_1 + a_2(x) \tanh h_2$ | through the weights |
# | tensor (Zadeh 2017) | $[\tanh h_1; 1] \otimes [\tanh h_2; 1]$ | every product, and each alone |
# | low rank (Liu 2018) | the same, its weights of low rank | the same, fewer weights |
# | FiLM (Perez 2018) | $(1 + \gamma(x_2)) \odot h_1 + \beta(x_2)$ | one scales the other |
# | cross-modal attention (Tsai 2019) | each modality queries the other | attention, then a dense layer |
# | bottleneck (Nagrani 2021) | exchange through a few shared tokens | attention, then a dense layer |
# | memory (Zadeh 2018) | two LSTMs and a memory of what changes | gates of the memory |
#
# To see what the fusion itself can do, two rows have no hidden layer after it: the weighted sum, and a second
# concatenation. All others get one of 32 units.

# %%
from emorec.multimodal.models import FUSION_SETTINGS, build_fusion_model

names = ["concatenation", "concatenation, linear", "tensor"] if fast else list(FUSION_SETTINGS)
sizes = {"first": 8, "second": 8}

# %% [markdown]
# The sizes of the models are not equal, so small differences between methods are no ranking.

# %%
def build(name, sizes=sizes, **options):
    options = {"hidden": 32, "dropout": 0.2, **FUSION_SETTINGS[name], **options}
    return build_fusion_model(sizes, 2, fusion=name.partition(",")[0], **options)



# %% [markdown]
# Weights of each model:

# %%
print({name: build(name).count_params() for name in names})

# %% [markdown]
# ## Train
#
# Every method starts from the same weights in each world, trains for the same number of epochs, and nothing is chosen.
# Besides its modalities a model is told who is there: here, both.

# %%
from emorec import training


def batch(inputs):
    """What a model takes: the modalities, and that both are there."""
    return inputs | {"presence": np.ones((len(next(iter(inputs.values()))), 2), "float32")}


# %% [markdown]
# A network is compiled once and put back to its start for each world; that saves most of the time.

# %%
def train(name):
    """The method's model, and its weights after training in each world."""
    training.set_seed(seed)
    model, trained = build(name), {}
    training.compile_model(model, steps=1, learning_rate=3e-3, schedule="constant", weight_decay=0.01,
                           label_smoothing=0, multi_label=False)  # fmt: skip
    state = [*model.variables, *model.optimizer.variables]
    start = [np.array(v) for v in state]
    for world, found in data.items():
        for variable, value in zip(state, start):
            variable.assign(value)
        targets = training.one_hot(found.label_set.encode(found.train.labels), 2)
        model.fit(batch(found.train.inputs), targets, epochs=epochs, batch_size=64, verbose=0)
        trained[world] = model.get_weights()
    return model, trained


# %% [markdown]
# A model and its weights in each world are all that is kept.

# %%
models = {name: train(name) for name in names}

# %% [markdown]
# Two ways to ask one of them:

# %%
def logits(name, world, inputs):
    model, trained = models[name]
    model.set_weights(trained[world])
    return training.predict(model, batch(inputs), 4096)


def probability(name, world, inputs):
    """Of the class positive."""
    return emorec.metrics.probabilities(logits(name, world, inputs))[:, 1]


# %% [markdown]
# ## Evaluate
#
# Accuracy on 4,000 test examples a world, in per cent; the 95 % interval of one number is about ± 1.

# %%
import pandas as pd

truth = {world: found.label_set.encode(found.test.labels) for world, found in data.items()}
accuracy = pd.DataFrame({
    world: {name: 100 * np.mean(logits(name, world, data[world].test.inputs).argmax(axis=1) == truth[world]) for name in names}
    for world in data
})  # fmt: skip

# %% [markdown]
# The last row is the best that anything can do.

# %%
pd.concat([accuracy, pd.DataFrame({w: {"best possible": 100 * worlds[w].bayes} for w in data})]).round(1)

# %% [markdown]
# The same as a picture. Dashed: the best possible; dotted: chance.

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 1.4 + 0.3 * len(names)), layout="constrained", sharey=True)
for ax, world in zip(axes, data):
    half = 196 * np.sqrt(accuracy[world] / 100 * (1 - accuracy[world] / 100) / len(truth[world]))
    ax.errorbar(accuracy[world], range(len(names)), xerr=half, fmt="o", color=plots.BLUE, capsize=3)
    ax.axvline(100 * worlds[world].bayes, color="0.3", ls="--")
    ax.axvline(50, color="0.3", ls=":")
    ax.set(title=world, xlabel="test accuracy (%)", xlim=(45, 96))
    ax.grid(color="0.92")
axes[0].set_yticks(range(len(names)), names)
axes[0].invert_yaxis();

# %% [markdown]
# ## Explain
#
# ### Does the model use an interaction?
#
# That a method *can* multiply does not mean that it *does*. **EMAP** (Hessel and Lee, 2020) takes the interaction out of
# a trained model: $\hat f(x_i, y_i) = \frac1n\sum_j f(x_i, y_j) + \frac1n\sum_j f(x_j, y_i) - \frac1{n^2}\sum_{jk} f(x_j, y_k)$
# is the closest sum $g(x) + h(y)$ to it on these data. If accuracy stays, the model only added up; if it falls to about
# chance, all that it knew was in the interaction.

# %%
n = 40 if fast else 120


def without_interaction(name, world):
    """Accuracy of the model, and of its projection, on the first n test examples."""
    x = {m: v[:n] for m, v in data[world].test.inputs.items()}
    projected = regimes.emap(lambda a, b: logits(name, world, {"first": a, "second": b}), x["first"], x["second"])
    return [100 * np.mean(p.argmax(axis=1) == truth[world][:n]) for p in (logits(name, world, x), projected)]


# %% [markdown]
# In the exclusive-or world nothing is left of a perfect model without its interaction, and yet EMAP is right somewhat more
# often than in half of the cases: each mean over $j$ holds the pair $i$ itself, answer and all. A perfect model would get
# about 54 % with 120 examples, and more with fewer; on top of that, ± 9 for so few.

# %%
rows = {(world, name): without_interaction(name, world) for world in ("label-paired", "exclusive-or") for name in names}
emap = pd.DataFrame(rows, index=["model", "EMAP"]).T
emap.unstack(0).loc[names].round(0).astype(int)

# %% [markdown]
# ### What the models believe
#
# The probability of *positive* over the plane of the first picture, in the exclusive-or world (all other features 0).
# The white line is where a model is undecided; the exact answer stands on the left.

# %%
grid = np.stack(np.meshgrid(np.linspace(-4, 4, 61), np.linspace(-4, 4, 61)), axis=-1).reshape(-1, 2)
world = worlds["exclusive-or"]
points = {m: (grid[:, [i]] * world.directions[i]).astype("float32") for i, m in enumerate(regimes.MODALITIES)}
shown = [n for n in ("concatenation, linear", "attention", "tensor") if n in names]
surfaces = {"best possible": world.posterior(points)}
surfaces |= {name: probability(name, "exclusive-or", points) for name in shown}

# %% [markdown]
# A model without an interaction draws straight lines through the middle of the cross.

# %%
figure, axes = plt.subplots(1, len(surfaces), figsize=(3.2 * len(surfaces), 3.4), layout="constrained", sharey=True)
for ax, (name, p) in zip(axes, surfaces.items()):
    picture = ax.imshow(p.reshape(61, 61), origin="lower", extent=(-4, 4, -4, 4), vmin=0, vmax=1, cmap="cividis")
    ax.contour(np.linspace(-4, 4, 61), np.linspace(-4, 4, 61), p.reshape(61, 61), levels=[0.5], colors="white")
    ax.set(title=name, xlabel="first modality")
axes[0].set_ylabel("second modality")
figure.colorbar(picture, ax=axes, label="probability of positive");

# %% [markdown]
# ### One modality missing
#
# `presence` says who is there. A missing modality has no influence, whatever its values hold; what a method then does
# with the other one it was never taught. Accuracy in the label-paired world, where either modality alone allows 84.1 %:

# %%
def with_one(name, here):
    model, trained = models[name]
    model.set_weights(trained["label-paired"])
    x = data["label-paired"].test.inputs | {"presence": np.tile(np.float32(here), (4000, 1))}
    return 100 * np.mean(training.predict(model, x).argmax(axis=1) == truth["label-paired"])


alone = {m: {name: with_one(name, here) for name in names} for m, here in (("first only", [1, 0]), ("second only", [0, 1]))}
pd.DataFrame(alone).round(1)

# %% [markdown]
# Most methods lose little, though nobody taught them. The Hadamard product is the exception: where the second modality is
# missing it can fall far below chance, because the sign that the missing factor would have had is gone. Training with
# modalities hidden at random (`modality_dropout`) mends this.
#
# ### CMU-MOSI
#
# With `with_mosi = True`: text and face of single utterances, 62 videos to train, 31 to test, ten epochs fixed
# beforehand. Nothing can be chosen inside this data: its text features were made with the training labels.

# %%
mosi = emorec.datasets.load("mosi") if with_mosi else None


def on_mosi(name):
    """Test accuracy (%) of one utterance at a time, with its interval over whole videos."""
    x = {part: {m: getattr(mosi, part).inputs[m] for m in ("text", "video")} for part in ("train", "test")}
    training.set_seed(seed)
    model = build(name, {"text": 100, "video": 100}, dropout=0.5)
    targets = training.one_hot(mosi.label_set.encode(mosi.train.labels), 2)
    training.fit(model, (batch(x["train"]), targets), epochs=10, progress=None)
    guessed = mosi.label_set.decode(training.predict(model, batch(x["test"])).argmax(axis=1))
    scored = emorec.metrics.evaluate(mosi.test.labels, guessed, mosi.label_set, groups=mosi.test.groups)
    return [100 * v for v in (scored.accuracy, *scored.accuracy_interval)]


# %% [markdown]
# Accuracy in per cent, the interval over whole videos:

# %%
pd.DataFrame({name: on_mosi(name) for name in names}, index=["accuracy", "low", "high"]).T.round(1) if with_mosi else print("left out: with_mosi is False")

# %% [markdown]
# ## Save and load
#
# A model with these layers is one `.keras` file. `emorec.load_model` reads it in a process that knows nothing of them.

# %%

model, trained = models["tensor"]
model.set_weights(trained["exclusive-or"])
work = emorec.reporting.work_folder()
model.save(work / "feature_fusion.keras")

# %% [markdown]
# Read back, it gives the same logits.

# %%
same = emorec.load_model(work / "feature_fusion.keras")
x = batch(data["exclusive-or"].test.inputs)
print("largest change of a logit:", abs(training.predict(same, x) - training.predict(model, x)).max())

# %% [markdown]
# ## Evaluate on external data
#
# Your turn: choose a point of the exclusive-or picture, about -4 to 4 on each axis, and run this one cell. The answer
# of each method stands beside the exact one.

# %% tags=["user-input"]
first, second = 1.5, -1.0  # what the first and the second modality show
point = {m: (value * u)[None].astype("float32") for m, value, u in zip(regimes.MODALITIES, (first, second), world.directions)}
beliefs = {"exact": world.posterior(point)[0]}
beliefs |= {name: probability(name, "exclusive-or", point)[0] for name in names}
pd.Series(beliefs, name="probability of positive").round(2).to_frame().T

# %% [markdown]
# ## Results

# %% tags=["results"]
def with_interval(percent, n):
    return percent / 100, *emorec.metrics.wilson_interval(round(percent / 100 * n), n)


emorec.reporting.publish({
    **{f"{world}, best possible": worlds[world].bayes for world in data},
    **{f"{world}, {name}": with_interval(accuracy.loc[name, world], 4000) for world in data for name in ("concatenation", "concatenation, linear", "tensor")},
    "exclusive-or, tensor without interaction (EMAP)": with_interval(emap.loc[("exclusive-or", "tensor"), "EMAP"], n),
})  # fmt: skip

# %% [markdown]
# **What was learnt.** Where the modalities tell the same story, every method works, and none gains on a plain sum: adding up is
# all there is to find. Where the class lies in how the modalities *differ*, methods that only add stay at chance, whatever
# their size and training; every method with an interaction comes within two points of the best possible, and it hardly
# matters which. Plain concatenation with one hidden layer is among them. EMAP tells the two apart from outside, without
# knowing what is in the model: most fall to the few points above chance that EMAP itself leaves. Where one keeps clearly
# more (look at the memory), only more examples can tell whether it does add up something, or fits these by chance.
#
# **What was not.** These worlds have one hidden sign a modality and no time. How often real data looks like the middle
# picture is an open question: where pairs are made by label, it never does, and no such data can show that feature fusion
# beats adding scores. The declared experiment with three seeds, each with examples of its own, the epoch chosen on
# validation data:
#
# <!-- results: regimes -->
# | data | model | accuracy, % [95 %] | runs |
# |---|---|---|---|
# | exclusive-or | *rule: max* | 50.2 [48.8, 51.6] | 3 |
# | exclusive-or | *rule: mean* | 50.2 [48.8, 51.6] | 3 |
# | exclusive-or | *rule: product* | 50.2 [48.8, 51.6] | 3 |
# | exclusive-or | *rule: vote* | 50.2 [48.8, 51.6] | 3 |
# | exclusive-or | *rule: stacking* | 50.4 [49.4, 51.4] | 3 |
# | exclusive-or | concatenation, linear | 49.6 [47.5, 51.7] | 3 |
# | exclusive-or | weighted_sum | 49.8 [48.7, 50.9] | 3 |
# | exclusive-or | bottleneck | 88.4 [86.8, 90.0] | 3 |
# | exclusive-or | cross_modal | 88.6 [87.6, 89.6] | 3 |
# | exclusive-or | low_rank | 88.6 [87.3, 89.9] | 3 |
# | exclusive-or | memory | 88.7 [87.8, 89.6] | 3 |
# | exclusive-or | film | 88.8 [87.4, 90.1] | 3 |
# | exclusive-or | tensor | 88.8 [87.6, 90.0] | 3 |
# | exclusive-or | gated | 88.8 [87.8, 89.9] | 3 |
# | exclusive-or | concatenation | 88.9 [87.8, 90.0] | 3 |
# | exclusive-or | hadamard | 89.0 [87.8, 90.1] | 3 |
# | exclusive-or | attention | 89.1 [88.0, 90.1] | 3 |
# | label-paired | *rule: max* | 91.9 [91.4, 92.5] | 3 |
# | label-paired | *rule: mean* | 91.9 [91.4, 92.5] | 3 |
# | label-paired | *rule: product* | 91.9 [91.4, 92.5] | 3 |
# | label-paired | *rule: vote* | 91.9 [91.4, 92.5] | 3 |
# | label-paired | *rule: stacking* | 92.0 [91.4, 92.5] | 3 |
# | label-paired | cross_modal | 91.0 [90.4, 91.6] | 3 |
# | label-paired | bottleneck | 91.1 [90.0, 92.2] | 3 |
# | label-paired | tensor | 91.5 [90.8, 92.3] | 3 |
# | label-paired | attention | 91.5 [90.8, 92.3] | 3 |
# | label-paired | hadamard | 91.5 [90.8, 92.3] | 3 |
# | label-paired | memory | 91.5 [90.9, 92.1] | 3 |
# | label-paired | film | 91.6 [91.0, 92.1] | 3 |
# | label-paired | gated | 91.6 [91.1, 92.2] | 3 |
# | label-paired | concatenation | 91.7 [91.0, 92.3] | 3 |
# | label-paired | low_rank | 91.7 [91.1, 92.3] | 3 |
# | label-paired | weighted_sum | 91.8 [91.2, 92.5] | 3 |
# | label-paired | concatenation, linear | 91.9 [91.4, 92.5] | 3 |
# | one-modality | *rule: stacking* | 84.1 [83.3, 84.9] | 3 |
# | one-modality | *rule: max* | 84.1 [83.3, 84.9] | 3 |
# | one-modality | *rule: mean* | 84.1 [83.3, 84.9] | 3 |
# | one-modality | *rule: product* | 84.1 [83.3, 84.9] | 3 |
# | one-modality | *rule: vote* | 84.1 [83.3, 84.9] | 3 |
# | one-modality | bottleneck | 83.2 [82.5, 83.9] | 3 |
# | one-modality | cross_modal | 83.4 [82.5, 84.2] | 3 |
# | one-modality | gated | 83.4 [82.7, 84.2] | 3 |
# | one-modality | film | 83.6 [82.8, 84.3] | 3 |
# | one-modality | concatenation | 83.6 [82.7, 84.5] | 3 |
# | one-modality | tensor | 83.6 [82.9, 84.3] | 3 |
# | one-modality | low_rank | 83.6 [82.8, 84.5] | 3 |
# | one-modality | hadamard | 83.6 [82.8, 84.5] | 3 |
# | one-modality | memory | 83.7 [82.9, 84.4] | 3 |
# | one-modality | attention | 83.7 [82.9, 84.4] | 3 |
# | one-modality | weighted_sum | 84.0 [83.2, 84.9] | 3 |
# | one-modality | concatenation, linear | 84.0 [83.3, 84.8] | 3 |
#
# exclusive-or: best possible 89.6 %; every seed draws 4,000 examples to train, 10,000 to test.
# label-paired: best possible 92.1 %; every seed draws 4,000 examples to train, 10,000 to test.
# one-modality: best possible 84.1 %; every seed draws 4,000 examples to train, 10,000 to test.
# <!-- /results -->
