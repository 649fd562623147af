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
# Labelled faces are rare; pictures are not. So one takes a network that has learnt another task with many pictures, and
# goes on from there: either its layers stay **frozen** and only a new last layer is trained, or everything is
# **fine-tuned** at a small learning rate. The usual choice is a network trained on ImageNet: VGG16, ResNet-50,
# Inception-v3 or Inception-ResNet-v2. This notebook can use all four. Their weights have to be downloaded, so out of the
# box it asks its question with a small network of its own: trained first on another task, then on few faces.
#
# **Which other task helps?** Two are compared: one that is close (the same emotions, posed plainly) and one that is far
# (the person's hair). The faces are rendered: numbers say that a method works; they are no benchmark.

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
# downloaded and the backbone is only looked at. `people` is the number of people with labels, 14 pictures each.

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
# **The target**: few labelled faces, with turned heads, side light and noise; nobody in it appears in another part.

# %%
import numpy as np

drawn = {"n_identities": 120, "per_identity": 2, "jobs": 2}
data = emorec.datasets.load(dataset, grey=True, **(drawn if dataset == "sample-faces" else {"size": 48}))
print(data)
print(data.protocol)

# %% [markdown]
# Each seed draws other people to learn from. Validation stays small too: where labels are few, they are few everywhere.

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
# **The sources**: faces that are cheap to have. *Posed faces* are rendered with full expressions and heads hardly turned,
# and labelled with their emotion: the laboratory before the wild. *Hair* has the same pictures, labelled with the
# person's hair style, and no emotion. The people are split as in the target: nobody in its test part was ever seen.

# %%
from emorec.datasets.base import Split, objects
from emorec.faces.render import Identity
from emorec.labels import EMOTIONS7, LabelSet

posed = emorec.datasets.load("sample-faces", difficulty="easy", grey=True, **drawn)
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
# Above, posed faces with both their labels; below, the target.

# %%
from emorec import plots

firsts = [np.flatnonzero(posed.train.labels == name)[2 * k] for k, name in enumerate(EMOTIONS7)]
shown = [np.flatnonzero(data.train.labels == name)[2 * k] for k, name in enumerate(data.label_set)]

# %% [markdown]
# Each posed face has two labels, the emotion and the hair:

# %%
titles = [f"{a}\n{b}" for a, b in zip(posed.train.labels[firsts], hair(posed.train).labels[firsts])] + [f"{x}\n" for x in data.train.labels[shown]]
plots.images([*posed.train.inputs[firsts], *data.train.inputs[shown]], titles=titles, columns=len(firsts), size=1.25);

# %% [markdown]
# ## Model
#
# ### The large backbones
#
# One call builds any of the four: the picture is scaled as the backbone expects, enlarged to at least 75 pixels, and the
# averages of its last maps go into a new linear layer. Without `weights` it starts from random numbers, and a few hundred
# pictures will not fill millions of them.

# %%
import pandas as pd

from emorec.faces.models import build_face_model, fine_tune, multiply_adds

big = build_face_model(backbone, classes=len(data.label_set), weights=None if weights == "none" else weights)
small = build_face_model("vgg", classes=len(data.label_set), width=8)
pd.DataFrame({name: {"parameters": m.count_params(), "multiplications (million)": multiply_adds(m) / 1e6} for name, m in ((backbone, big), ("small VGG", small))}).T.style.format("{:,.0f}")

# %% [markdown]
# What is trained at each stage? Frozen, only the last layer; then the last layers of the backbone, or all of it. Its
# normalisation layers stand still throughout: their statistics come from a million pictures, ours would come from few.

# %%
if weights == "none":
    print(f"weights=None: {backbone} holds random numbers here, and is not trained. weights = 'imagenet' trains it below.")
else:
    last = sum(int(np.prod(w.shape)) for w in big.trainable_weights)
    print(f"frozen: {last:,} weights train; last 10 layers: {fine_tune(big, 10):,}; all: {fine_tune(big):,}")

# %% [markdown]
# ### The small network
#
# The small VGG plays the same part at a hundredth of the cost. A network that has learnt a source is cut before its last
# layer; what is left turns a picture into a vector $f(x)$. Then
#
# $$\text{frozen:}\ \min_{W}\ \sum_i \ell(W f(x_i), y_i), \qquad \text{fine-tuned:}\ \min_{W, f}\ \sum_i \ell(W f(x_i), y_i),$$
#
# the second from where the source left $f$, at a tenth of the learning rate.

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
# First the sources, once each.

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
# Then the target. A frozen network needs no training but that of its last layer: its vectors are computed once, and
# logistic regression does the rest. A random, frozen network stands beside as a control: whatever it reaches is due to
# the architecture, not to what was learnt.

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
# Fine-tuned, and from scratch, with the same pictures, augmentation and epochs. The learning rate is each one's own: from
# scratch the usual one, fine-tuned a tenth.

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
# All of them, for each seed. The posed network also answers as it is, without one label of the target.

# %%
answers = {}
for seed in range(seeds):
    part = few(seed)
    for name, source in {"random": None, **learnt}.items():
        answers[f"{name}, frozen", seed] = frozen(source, part, seed)
        answers["from scratch" if source is None else f"{name}, fine-tuned", seed] = tuned(source, part, seed)
    answers["posed faces, as it is", seed] = learnt["posed faces"].predict(test.inputs)
print(len(part), "labelled pictures of the target;", len(answers), "answers to the test part")

# %% [markdown]
# The large backbone, where its weights are there: frozen for a third of the epochs, then fine-tuned.

# %%
if weights != "none":
    for seed in range(seeds):
        large = emorec.FaceClassifier(backbone, weights=weights, colour="rgb", augment="light", epochs=2 if fast else 15, frozen_epochs=1 if fast else 5, seed=seed)
        large.fit(few(seed), validation=validation, label_set=data.label_set)
        answers[f"{backbone}, ImageNet, fine-tuned", seed] = large.predict(test.inputs)

# %% [markdown]
# ## Evaluate
#
# Accuracy on people never seen, the mean of the seeds; each seed, with its own few people, is a circle. The intervals come
# from the differences between the people of the test part.

# %%
from emorec import metrics

persons = test.ids if test.groups is None else test.groups
right = pd.DataFrame({key: answer == test.labels for key, answer in answers.items()}).astype(float)
by_person = right.T.groupby(level=0).mean().T.groupby(persons).mean()
ranked = by_person.mean().sort_values().index
rows = [dict(zip(("estimate", "low", "high"), 100 * np.array(metrics.mean_interval(by_person[name]))), label=name) for name in ranked]

# %% [markdown]
# From the lowest to the highest:

# %%
ax = plots.forest(rows, reference=None, xlabel="accuracy on the test part (%), with 95 % interval")
for i, name in enumerate(ranked):
    values = 100 * right[name].mean()
    ax.plot(values, [i + 0.25] * len(values), "o", mfc="none", color="0.4", ms=4)

# %% [markdown]
# Against training from scratch, person by person on the same pictures:

# %%
gains = {name: metrics.mean_interval(by_person[name] - by_person["from scratch"]) for name in ranked if name != "from scratch"}
rows = [{"label": name, "estimate": 100 * g.value, "low": 100 * g.low, "high": 100 * g.high} for name, g in gains.items()]
plots.forest(rows, xlabel="gain in accuracy over training from scratch (percentage points)");

# %% [markdown]
# ## Explain
#
# What did a source leave behind? The same target picture through the first convolution that each network learnt: maps
# of edges and shades, much alike. The tasks differ further up, in what is made of them.

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
plots.images(maps, titles=titles, columns=7, size=1.25);

# %% [markdown]
# Grad-CAM on a network inside a network works as on any other: here on the chosen large backbone. With random weights
# its heat means nothing, and looks no less convincing.

# %%
from emorec.faces import explain

target = [data.label_set.index("happiness")]
heat = explain.grad_cam(big, face[None, ..., None], target)
seen = explain.FaceExplanation(face, heat[0], "", {}, "happiness", "grad-cam").overlay()
plots.images([face, seen], titles=["picture", f"{backbone}, {'random' if weights == 'none' else weights} weights"], size=1.8);

# %% [markdown]
# ## Save and load
#
# One file holds the source network, and gives the same answer.

# %%
learnt["posed faces"].save(work / "transfer_learning.emorec")
same = emorec.FaceClassifier.load(work / "transfer_learning.emorec")
abs(same.predict_proba(test.inputs[:50]) - learnt["posed faces"].predict_proba(test.inputs[:50])).max()

# %% [markdown]
# ## Evaluate on external data
#
# Your turn: give a picture of a face and run this one cell. With `where = "auto"` the face is looked for in the picture;
# a box `(x, y, w, h)` says where it is. A network that has seen only rendered faces is lost on photographs.

# %% tags=["user-input"]
test_image = None  # a path or an address on this computer; None takes a rendered face
where = "none"  # the picture is a face
picture = emorec.faces.render.random_face("anger", seed=4, size=96).image if test_image is None else test_image
same.explain(picture, detect=where)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"{name}: accuracy on {data.name} (test), {len(part)} labelled pictures": tuple(metrics.mean_interval(by_person[name])) for name in reversed(ranked)},
        **{f"gain over scratch, {name}": tuple(g) for name, g in gains.items()},
    }
)

# %% [markdown]
# **What was learnt.** With 140 labelled pictures, a network from scratch answers hardly better than chance. What helps is
# having learnt the *same distinction* before: the network trained on posed faces reads more than half of the harder faces without
# a single label of theirs, and keeps that when it is frozen and gets a new last layer. Hair, learnt well from the very
# same pictures, helps not at all: its network learnt to look above the face and to ignore what changes in it. A source
# is worth what it shares with the target, not how many pictures it had.
#
# Fine-tuning is no safe improvement on freezing. Here it lost on average, and its three seeds lie tens of points apart:
# the new last layer starts from random numbers, and its first errors disturb what the layers below had learnt before 140
# pictures can mend it. That is why the large backbones are trained frozen first, in `FaceClassifier` too.
#
# **What was not.** One source network each was trained, so the seeds vary the few pictures and the last layer, not the
# source. Nothing was learnt here about ImageNet: it is far from faces in its labels, but its million photographs teach
# much more than hair styles do. `weights = "imagenet"` asks that question where there is a network connection.
