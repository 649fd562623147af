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
# # Transfer learning: what is a network worth that has learnt something else?
#
# <!-- launch -->
#
# **With 140 labelled faces, which other task should a network have learnt before?** Labelled faces are rare, and other
# pictures are not. *Transfer learning* takes a network that has learnt another task from many pictures and continues from
# there. Either its layers stay *frozen* and only a new last layer is trained, or everything is *fine-tuned* at a small
# learning rate. The usual choice is a network trained on the photographs of ImageNet: VGG16, ResNet-50, Inception-v3 or
# Inception-ResNet-v2. This notebook can use all four, but their weights must be downloaded. Out of the box it asks the
# question with a small network of its own, which first learns one of two tasks from the *same* pictures: the emotions of
# plainly posed faces, which is close to the target, or the hair styles of the people, which is far from it.
#
# The faces are rendered. The numbers show how the method works; they are no benchmark.

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
# `weights = "imagenet"` downloads a backbone once (VGG16 59 MB, ResNet-50 95 MB, Inception-v3 88 MB, Inception-ResNet-v2
# 219 MB) and trains it on the few labels too, which takes minutes to an hour without a GPU. With `none`, nothing is
# downloaded and the backbone is built but not trained. `people` is the number of people with labels, 14 pictures each.

# %% tags=["parameters"]
dataset = "sample-faces"  # @param ["sample-faces", "fer2013", "ferplus", "rafdb"]
backbone = "vgg16"  # @param ["vgg16", "resnet50", "inception-v3", "inception-resnet-v2"]
weights = "none"  # @param ["none", "imagenet"]
people = 10  # @param {type:"integer"}
seeds = 3  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The *target* is a small set of labelled faces, with turned heads, side light and noise. Each person appears in one split only.

# %%
import numpy as np

rendered = {"n_identities": 120, "per_identity": 2, "jobs": 2}
data = emorec.datasets.load(dataset, grey=True, **(rendered if dataset == "sample-faces" else {"size": 48}))
print(data)
print(data.protocol)

# %% [markdown]
# Each seed learns from other people. The validation split is kept small too: where labels are few, they are few everywhere.

# %%
def few(seed):
    """Training pictures of some people, other ones for each seed."""
    if data.train.groups is None:
        return data.train.sample(14 * people, seed)
    chosen = np.random.default_rng(seed).permutation(np.unique(data.train.groups))[:people]
    return data.train.take(np.isin(data.train.groups, chosen))


validation = data.validation.sample(140)
test = data.test.sample(1000)

# %% [markdown]
# The *sources* are faces that are cheap to have, rendered with full expressions and heads that are hardly turned. One source
# labels them with their emotion (posed expressions, as in a laboratory), the other labels the same pictures with the hair
# style of the person and no emotion. The people are split as in the target.

# %%
from emorec.datasets.base import Split, objects
from emorec.faces.render import Identity
from emorec.labels import EMOTIONS7, LabelSet

posed = emorec.datasets.load("sample-faces", difficulty="easy", grey=True, **rendered)
if fast:
    posed, seeds = posed.smaller(210), 1


def hair(split):
    """The same pictures, labelled with the hair style of the person."""
    styles = [Identity.from_seed([int(n) for n in group.split("-")]).hair_style for group in split.groups]
    return Split(split.name, split.inputs, objects(styles), split.ids, split.groups)


styles = LabelSet("hair", tuple(emorec.faces.render.HAIR_STYLES))

# %% [markdown]
# ## Look at it
#
# The upper row shows posed faces with both their labels, and the lower row faces of the target. The networks see them in grey,
# with 48 × 48 pixels.

# %%
from emorec import plots

firsts = [np.flatnonzero(posed.train.labels == name)[2 * k] for k, name in enumerate(EMOTIONS7)]
shown = [np.flatnonzero(data.train.labels == name)[2 * k] for k, name in enumerate(data.label_set)]

# %%
from emorec.faces.rendered import enlarged

titles = [f"{a}\n{b}" for a, b in zip(posed.train.labels[firsts], hair(posed.train).labels[firsts])] + [f"{x}\n" for x in data.train.labels[shown]]
plots.images([*enlarged(posed.train, firsts), *enlarged(data.train, shown)], titles=titles, columns=len(firsts), size=1.35);

# %% [markdown]
# ## Model
#
# ### The large backbones
#
# One call builds any of the four. The picture is scaled as the backbone expects and enlarged to at least 75 pixels, and the
# averages of the last maps go into a new linear layer. Without `weights` the backbone starts from random numbers, and a few
# hundred pictures are not enough to set millions of them.

# %%
import pandas as pd

from emorec.faces.models import build_face_model, fine_tune, multiply_adds

big = build_face_model(backbone, classes=len(data.label_set), weights=None if weights == "none" else weights)
small = build_face_model("vgg", classes=len(data.label_set), width=8)
pd.DataFrame({name: {"parameters": m.count_params(), "multiplications (million)": multiply_adds(m) / 1e6} for name, m in ((backbone, big), ("small VGG", small))}).T.style.format("{:,.0f}")

# %% [markdown]
# While the backbone is frozen, only the last layer is trained; later the last layers of the backbone, or all of it. Its
# normalisation layers are never trained: their statistics come from a million pictures, and ours would come from few.

# %%
if weights == "none":
    print(f"weights=None: {backbone} holds random numbers here, and is not trained. weights = 'imagenet' trains it below.")
else:
    last = sum(int(np.prod(w.shape)) for w in big.trainable_weights)
    print(f"frozen: {last:,} weights train; last 10 layers: {fine_tune(big, 10):,}; all: {fine_tune(big):,}")

# %% [markdown]
# ### The small network
#
# The small VGG plays the same role at a hundredth of the cost. A network that has learnt a source is cut before its last
# layer, and what is left turns a picture $x$ into a vector $f(x)$. Then
#
# $$\text{frozen:}\ \min_{W}\ \sum_i \ell(W f(x_i), y_i), \qquad \text{fine-tuned:}\ \min_{W, f}\ \sum_i \ell(W f(x_i), y_i),$$
#
# where the sum runs over the labelled pictures $x_i$ of the target with their labels $y_i$, $\ell$ is the cross-entropy, and
# $W$ holds the weights of the new last layer. Fine-tuning starts from the $f$ that the source has left, at a tenth of the
# learning rate.

# %%
def transferred(source, classes, seed):
    """A new small VGG that has every layer of a trained one but the last."""
    emorec.training.set_seed(seed)
    model = build_face_model("vgg", classes=classes, width=8)
    for new, old in zip(model.layers[:-1], source.model_.layers[:-1] if source else []):
        new.set_weights(old.get_weights())
    return model

# %% [markdown]
# ## Train
#
# Each source network is trained once, on all posed faces, and the validation split chooses its epoch.

# %%
sources = {"hair": (styles, hair), "posed faces": (EMOTIONS7, lambda split: split)}
learnt = {}
work = emorec.reporting.work_folder()
for name, (label_set, labelled) in sources.items():
    learnt[name] = emorec.FaceClassifier("vgg", width=8, dropout=0.1, augment={"flip": 0.5}, epochs=1 if fast else 12, batch_size=16, learning_rate=3e-3)
    learnt[name].fit(labelled(posed.train), validation=labelled(posed.validation), label_set=label_set, checkpoint=work / f"checkpoints/transfer-{name}", progress=None)
    majority = labelled(posed.validation).labels
    share = max(np.mean(majority == x) for x in set(majority))
    print(f"{name}: validation accuracy {100 * learnt[name].history_.best_value:.0f} % of {len(label_set)} classes; the commonest has {100 * share:.0f} %")

# %% [markdown]
# Then comes the target. A frozen network needs no training except for its last layer: its vectors are computed once, and
# logistic regression is fitted to them. A random, frozen network is the control: what it reaches is due to the
# architecture, not to anything learnt.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def frozen(source, part, seed):
    """Answers of logistic regression on the vectors of a frozen network."""
    import keras

    model = transferred(source, len(data.label_set), seed)
    vectors = keras.Model(model.input, model.get_layer("features").output)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))
    linear.fit(emorec.training.predict(vectors, part.inputs[..., None]), part.labels)
    return linear.predict(emorec.training.predict(vectors, test.inputs[..., None]))

# %% [markdown]
# The fine-tuned networks and the one trained from scratch have the same pictures, augmentation and number of epochs. The
# learning rate from scratch is the usual one, and a tenth of it for fine-tuning.

# %%
from emorec.faces.augmentation import Augmenter


def one_hot(labels):
    return emorec.training.one_hot(data.label_set.encode(labels), len(data.label_set))


def tuned(source, part, seed):
    """Answers of a network that is trained whole, from a source or from scratch."""
    model = transferred(source, len(data.label_set), seed)
    emorec.training.fit(
        model, Augmenter(part.inputs[..., None], one_hot(part.labels), "light", seed),
        (validation.inputs[..., None], one_hot(validation.labels)), epochs=2 if fast else 25, batch_size=16,
        learning_rate=3e-4 if source else 3e-3, schedule="cosine", weight_decay=0.02, label_smoothing=0.1,
        monitor="accuracy", seed=seed, progress=None,
    )
    return data.label_set.decode(emorec.training.predict(model, test.inputs[..., None]).argmax(axis=1))

# %% [markdown]
# All of them are trained for each seed. The network that learnt posed faces also answers as it is, without a single label of
# the target.

# %%
answers = {}
for seed in range(seeds):
    part = few(seed)
    for name, source in {"random": None, **learnt}.items():
        answers[f"{name}, frozen", seed] = frozen(source, part, seed)
        answers["from scratch" if source is None else f"{name}, fine-tuned", seed] = tuned(source, part, seed)
    answers["posed faces, as it is", seed] = learnt["posed faces"].predict(test.inputs)
print(len(part), "labelled pictures of the target;", len(answers), "answers to the test split")

# %% [markdown]
# Where its weights were downloaded, the large backbone is frozen for a third of the epochs and then fine-tuned.

# %%
if weights != "none":
    for seed in range(seeds):
        large = emorec.FaceClassifier(backbone, weights=weights, colour="rgb", augment="light", epochs=2 if fast else 15, frozen_epochs=1 if fast else 5, seed=seed)
        large.fit(few(seed), validation=validation, label_set=data.label_set)
        answers[f"{backbone}, ImageNet, fine-tuned", seed] = large.predict(test.inputs)

# %% [markdown]
# ## Evaluate
#
# This is the main figure: the accuracy on people never seen, as the mean of the seeds. Each seed, with its own few people, is a
# circle. The intervals come from the differences between the people of the test split.

# %%
from emorec import metrics

persons = test.ids if test.groups is None else test.groups
right = pd.DataFrame({key: answer == test.labels for key, answer in answers.items()}).astype(float)
by_person = right.T.groupby(level=0).mean().T.groupby(persons).mean()
ranked = by_person.mean().sort_values().index
rows = [dict(zip(("estimate", "low", "high"), 100 * np.array(metrics.mean_interval(by_person[name], within=(0, 1)))), label=name) for name in ranked]

# %%
ax = plots.forest(rows, reference=100 / len(data.label_set), xlabel="accuracy on the test split (%), with 95 % interval; dashed: chance")
for i, name in enumerate(ranked):
    values = 100 * right[name].mean()
    ax.plot(values, [i + 0.25] * len(values), "o", mfc="none", color="0.4", ms=4)

# %% [markdown]
# The gain over training from scratch is taken person by person, on the same pictures. The intervals are not adjusted for the
# number of comparisons.

# %%
gains = {name: metrics.mean_interval(by_person[name] - by_person["from scratch"]) for name in ranked if name != "from scratch"}
rows = [{"label": name, "estimate": 100 * g.value, "low": 100 * g.low, "high": 100 * g.high} for name, g in gains.items()]
plots.forest(rows, xlabel="gain in accuracy over training from scratch (percentage points)");

# %% [markdown]
# ## Explain
#
# What has a source left behind? Here is the same target picture after the first convolution of each source network. The maps
# show edges and shades and are much alike. The two networks differ further up, in what they make of them.

# %%
import keras

face = next(x for x, y in zip(test.inputs, test.labels) if y == "happiness")
maps = []
for source in learnt.values():
    first = next(layer for layer in source.model_.layers if isinstance(layer, keras.layers.Conv2D))
    out = np.asarray(keras.Model(source.model_.input, first.output)(face[None, ..., None].astype("float32")))[0]
    strongest = np.argsort(-out.std(axis=(0, 1)))[:6]
    maps += [face / 255, *(out[..., k] / out[..., k].max() for k in strongest)]
titles = [text for name in learnt for text in (name, *[""] * 6)]
plots.images(maps, titles=titles, columns=7, size=1.4);

# %% [markdown]
# Three test pictures of the target, chosen by rule, show how the network that learnt posed faces reads them without any label of
# the target: the right answer with the highest probability, the right answer with the lowest, and the wrong answer with
# the highest.

# %%
from emorec.faces import examples

examples.figure(learnt["posed faces"], test)

# %% [markdown]
# ## Save and load
#
# One file holds the source network. The number is the largest change of a probability.

# %%
learnt["posed faces"].save(work / "transfer_learning.emorec")
same = emorec.FaceClassifier.load(work / "transfer_learning.emorec")
float(abs(same.predict_proba(test.inputs[:50]) - learnt["posed faces"].predict_proba(test.inputs[:50])).max())

# %% [markdown]
# ## Evaluate on external data
#
# Name a picture of a face and run this one cell. `where = "auto"` looks for the face in the picture, and a box
# `(x, y, w, h)` says where it is. A network that has seen only rendered faces fails on photographs, so
# `face-emotion-small`, which comes along and has seen 28,709 photographs, answers beside it. The rendered face that is used by
# default shows *surprise*.

# %% tags=["user-input"]
test_image = None  # a path or an address on this computer; None takes a rendered face
where = "none"  # the picture is a face
picture = emorec.faces.render.portrait("surprise", seed=2).image if test_image is None else test_image
print("the network of this notebook:", same.predict([picture], detect=where)[0])
print("face-emotion-small:", emorec.load("face-emotion-small").predict([picture], detect=where)[0])
same.explain(picture, detect=where)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"{name}: accuracy on {data.name} (test), {len(part)} labelled pictures": tuple(metrics.mean_interval(by_person[name], within=(0, 1))) for name in reversed(ranked)},
        **{f"gain over scratch, {name}": tuple(g) for name, g in gains.items()},
    }
)

# %% [markdown]
# ### What was learnt
#
# With 140 labelled pictures, a network from scratch answers hardly better than chance. What helps is having learnt the *same
# distinction* before. The network that was trained on posed faces reads more than half of the harder faces without a single
# label of theirs, and about as many when it is frozen and gets a new last layer. Hair styles, learnt well from the very
# same pictures, do not help: their network has learnt to look above the face and to ignore what changes in it. What counts is
# what a source shares with the target, not how many pictures it had.
#
# Fine-tuning is no safe improvement on freezing. The new last layer starts from random numbers, and its first errors disturb
# what the layers below had learnt before 140 pictures can repair it. This is why `FaceClassifier` trains large backbones
# frozen first.
#
# One source network of each kind was trained, so the seeds vary the few pictures and the last layer, not the source. Nothing
# was learnt here about ImageNet. Its labels are far from faces, but its million photographs teach much more than hair
# styles do; `weights = "imagenet"` asks that question where there is a network connection.
#
# ### Exercises
#
# 1. Raise `people` from 10 to 60. Which networks catch up?
#    <details><summary>Solution</summary>Training from scratch moves first, since it lacks only pictures: with the 840 pictures of
#    seed 0 it reaches 27 %, still far behind the posed faces. The frozen hair network stays near chance with 17 %: its
#    vectors do not hold the expression, however many labels there are.</details>
# 2. What is the random, frozen network needed for, when its answers cannot be distinguished from chance?
#    <details><summary>Solution</summary>Random convolutions followed by a mean are a fixed set of texture filters, to which
#    logistic regression is fitted as to any other. It shows what the architecture and the new layer reach by
#    themselves, so that whatever the posed faces gain over it was learnt.</details>
# 3. Replace the source by the model that comes along, <code>emorec.load("face-emotion-small")</code>, and fit logistic
#    regression to its vectors (<code>.features(pictures)</code>). Does a network of photographs help rendered faces?
#    <details><summary>Solution</summary>Very much. Put a <code>StandardScaler()</code> before
#    <code>LogisticRegression(C=0.05, max_iter=2000)</code>, as <code>frozen</code> does, fit both to the vectors of
#    <code>few(0).inputs</code> and score them on those of <code>test.inputs</code>: 56 to 60 % for the first three seeds, as
#    many as with posed rendered faces, and far more than the 33 % that the network of photographs reaches as it is. It
#    has learnt the same distinction from many more pictures, and the new last layer makes up for their other
#    look.</details>
#
# ### Where to go on
#
# [data_augmentation](data_augmentation.ipynb) is the other remedy for few pictures, and [cross_dataset](cross_dataset.ipynb)
# uses a network on pictures that differ from its training data. The functions are described in
# [emorec.faces](../../docs/api/faces.md).
