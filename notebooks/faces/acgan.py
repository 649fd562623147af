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
# # Faces from an AC-GAN, and whether they help a classifier
#
# <!-- launch -->
#
# **Can a classifier learn from faces that a network has invented?** Labelled faces are expensive. A *generative adversarial
# network* (GAN) generates new pictures, and the auxiliary-classifier GAN (AC-GAN; Odena, Olah & Shlens 2017) generates
# them for a wanted class: as many angry faces as one likes, at no cost. But the generator has only ever seen the same few
# real pictures. Can it add anything that is not in them?
#
# The notebook trains an AC-GAN on few faces, looks at what it generates, and then counts. It compares a classifier that
# also learns from generated faces with one that sees the real faces a second time, with one that sees them mirrored and
# turned, which costs nothing either, and with one that has as many further real faces. Out of the box the "real" faces are
# rendered by this package. The numbers show how the comparison works; they are no benchmark.

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
# `pictures` is the number of real faces to learn from; it is small on purpose. `sample-faces` is rendered on this computer;
# the others must be requested from those who collected them, and a message explains how. `own_gans` trains a GAN for each
# seed, which takes three times as long; otherwise one GAN serves all seeds.

# %% tags=["parameters"]
dataset = "sample-faces"  # @param ["sample-faces", "fer2013", "ferplus", "rafdb"]
pictures = 280  # @param {type:"integer"}
gan_epochs = 90  # @param {type:"integer"}
epochs = 15  # @param {type:"integer"}
seeds = 3  # @param {type:"integer"}
own_gans = False  # @param {type:"boolean"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Four clearly different expressions are enough for the question. Each person appears in one split only. The few faces come
# from few people, or equally from each class where a dataset does not say who is in a picture. The rendered faces are cut
# close, from the brows to the chin. All pictures have 32 × 32 grey pixels, small enough for a GAN of two minutes on a CPU and
# large enough for a smile to be seen, and they are brought to the same mean and contrast, so that neither network has to
# learn the light.

# %%
import numpy as np

from emorec.faces.preprocessing import FacePreprocessing
from emorec.labels import LabelSet

four = LabelSet("four", ("anger", "happiness", "surprise", "neutral"))


def close(image):
    """The middle of a rendered face, from the brows to the chin."""
    height, width = image.shape[:2]
    top, left = round(0.29 * height), width // 6
    return image[top : top + 2 * height // 3, left : left + 2 * width // 3]


easy = dict(n_identities=120, per_identity=2, difficulty="easy", jobs=2, crop=close) if dataset == "sample-faces" else {}
data = emorec.datasets.load(dataset, grey=True, **easy)
if fast:
    pictures, gan_epochs, epochs, seeds = 140, 3, 2, 2
train, held, test = (split.take(np.isin(split.labels.astype(str), four.names)) for split in (data.train, data.validation, data.test))

# %%
def some(split, n):
    """About n pictures of a split."""
    if split.groups is None:
        each = [np.flatnonzero(split.labels == name)[: -(-n // len(four))] for name in four]
        return split.take(np.sort(np.concatenate(each)))
    people = np.unique(split.groups.astype(str))
    return split.take(np.isin(split.groups.astype(str), people[: max(1, round(n * len(people) / len(split)))]))

# %%
encode = FacePreprocessing(size=32)


def evened(faces):
    """Grey pictures of the same mean and contrast, uint8 (N, 32, 32)."""
    x = encode(faces)[..., 0].astype("float32")
    x = (x - x.mean(axis=(1, 2), keepdims=True)) / (x.std(axis=(1, 2), keepdims=True) + 1)
    return (118 + 42 * x).clip(0, 255).astype("uint8")


few = some(train, pictures)
real, unseen = evened(few.inputs), evened(test.inputs)
print(data.protocol)
print(f"{len(real)} real faces to learn from, {len(held)} for validation, {len(test)} to test")

# %% [markdown]
# ## Look at it
#
# The figure shows two real faces of each class, as the GAN sees them.

# %%
from emorec import plots

shown = [np.flatnonzero(few.labels == name)[k] for k in (0, 5) for name in four]
plots.images(real[shown], titles=few.labels[shown], columns=len(four), size=1.6, smooth=True);

# %% [markdown]
# ## Model
#
# Two networks play against each other. The *generator* $G$ turns a vector of random numbers $z$ (the *noise*) and a class $c$
# into a picture $G(z, c)$. The *discriminator* judges a picture $x$ twice: how probable is it that $x$ is real, and which class
# does it show? Let $P$ stand for the probabilities that it gives, $\mathbb{E}$ for the mean over pictures, and
# $x_{\text{real}}$ for a real picture. How well it tells real from generated is measured by
#
# $$L_S = \mathbb{E}\,[\log P(\text{real} \mid x_{\text{real}})] + \mathbb{E}\,[\log P(\text{generated} \mid G(z, c))],$$
#
# and how well the class is seen, in real pictures and in generated ones, by
#
# $$L_R = \mathbb{E}\,[\log P(c \mid x_{\text{real}})], \qquad L_G = \mathbb{E}\,[\log P(c \mid G(z, c))].$$
#
# The generator maximises $L_G - L_S$: its pictures should pass for real ones and show their class. The discriminator maximises
# $L_S + L_R$. In the paper it maximises $L_G$ as well, but then the two networks soon agree on marks that nobody else takes for
# an expression. Here it learns instead that a generated picture shows no class (all of them are equally probable), so that
# the generator has to show the class as real pictures do.

# %%
from emorec.faces.acgan import ACGAN

settings = dict(size=32, latent=32, width=16, batch_size=32, learning_rate=4e-4)
gan = ACGAN(**settings, seed=0)

# %% [markdown]
# ## Train
#
# The GAN sees each face and its mirror image, which doubles what it can learn from. Training stops four times, so that we can
# see what the generator makes of the same noise on the way. The pictures come from a running mean of its weights, which is less
# noisy than the weights of any single step (Karras et al. 2018). A row of the figure is a moment of training, a column a
# wanted class, and the noise is the same everywhere. First there is texture, then an outline, then eyes and a mouth, and
# at the end the columns differ.

# %%
noise = np.random.default_rng(5).standard_normal((4, settings["latent"])).astype("float32")
classes = np.eye(len(four), dtype="float32")


def faces_of(row):
    """A face of each class, all from the same noise."""
    made = gan.average.predict_on_batch([np.repeat(noise[row : row + 1], len(classes), axis=0), classes])
    return np.rint(127.5 * (np.asarray(made)[..., 0] + 1)).clip(0, 255).astype("uint8")


def trained(network, until):
    """The network, trained on the few faces and their mirror images until it has seen them so often."""
    both, names = np.concatenate([real, real[:, :, ::-1]]), np.tile(few.labels, 2)
    return network.fit(both, names, four, epochs=until - len(network.history), progress=None)


progress = []
for step in np.unique(np.round(gan_epochs * np.array([0.05, 0.2, 0.5, 1.0])).astype(int).clip(1)):
    trained(gan, int(step))
    progress.append((step, faces_of(0)))

# %%
titles = [f"{name}, epoch {step}" if k == 0 else name for step, _ in progress for k, name in enumerate(four)]
plots.images(np.concatenate([row for _, row in progress]), titles=titles, columns=len(classes), size=1.6, smooth=True);

# %% [markdown]
# The losses of the game do not tell whether the pictures are good: when both networks improve together, neither loss moves.
# An outside judge has to decide, which follows below.

# %%
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for name, colour, style in (("discriminator", plots.BLUE, "-"), ("generator", plots.ORANGE, "--")):
    ax.plot(range(1, len(gan.history) + 1), [row[name] for row in gan.history], style, color=colour, label=name)
ax.set(xlabel="epoch", ylabel="loss (nats)", title="Losses of the two networks")
ax.legend(frameon=False);

# %% [markdown]
# ## Evaluate
#
# ### What does the generator make of the same noise?
#
# A row has the same noise in every column, and only the wanted class changes. Light, outline and skin stay alike within a row,
# while the brows and the mouth change from column to column. No label of the training data says that person and
# expression are different things; the generator separates them because the discriminator asks for the class.

# %%
plots.images(np.concatenate([faces_of(row) for row in range(4)]), titles=[*four, *[""] * 3 * len(classes)], columns=len(classes), size=1.6, smooth=True);

# %% [markdown]
# ### Do they show their class?
#
# A *judge* that took no part in the game decides: a classifier that has learnt from all training faces, most of which the
# GAN has never seen. If generated faces show their class, it reads them about as well as real ones. The intervals are
# Wilson's, at 95 %.

# %%
def classifier(seed, images, labels, augment="none"):
    """A LeNet trained on pictures of 32 x 32 pixels; the validation split chooses the epoch."""
    made = emorec.FaceClassifier("lenet", size=32, width=8, augment=augment, epochs=epochs, batch_size=16, learning_rate=0.002, seed=seed)
    return made.fit(images, labels, validation=(evened(held.inputs), held.labels), label_set=four, progress=None)


# %%
from emorec import metrics

turned = {"flip": 0.5, "rotation": 8}
judge = classifier(0, evened(train.inputs), train.labels, turned)
order = [name for name in four for _ in range(10 if fast else 50)]
new = gan.sample(order, seed=2)
read = {"generated faces": judge.predict(new) == np.array(order), "real test faces": judge.predict(unseen) == test.labels}
judged = {name: (ok.mean(), *metrics.wilson_interval(int(ok.sum()), len(ok))) for name, ok in read.items()}
for name, value in judged.items():
    print(f"{name:16s} the judge agrees with the class: {emorec.reporting.show(value)}")

# %% [markdown]
# ### Are they new?
#
# Each generated face is compared with the most similar real face that the GAN has seen, by the correlation of their
# pixels. Real faces of *other* people, compared in the same way, show what is normal. The second row of the table gives the
# correlation between faces of one class, which is high where the generator always makes the same face.

# %%
import pandas as pd


def rows_of(images):
    """Pictures as rows of mean 0 and length 1, so that products are correlations."""
    flat = images.reshape(len(images), -1).astype("float64")
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def alike(images, labels):
    """Median correlation with the nearest real face, and between faces of one class."""
    near = (rows_of(images) @ rows_of(real).T).max(axis=1)
    same = np.array(labels)[:, None] == np.array(labels)[None]
    among = (rows_of(images) @ rows_of(images).T)[same & ~np.eye(len(images), dtype=bool)]
    return {"with the nearest real face": np.median(near), "between faces of a class": np.median(among)}


memory = pd.DataFrame({"generated faces": alike(new, order), "real faces of other people": alike(unseen, test.labels)})
memory.round(2)

# %% [markdown]
# ### Do they help?
#
# Four classifiers are trained for the same number of steps, and from several seeds. All of them learn from the few real faces
# and from as many more:
#
# - the *same ones again*, which is the control: as much training, and no more knowledge;
# - *generated ones* with the same classes, other ones for each seed;
# - the same ones *mirrored and turned*, anew in every epoch, which costs nothing either;
# - *further real ones*, of other people: what the generated faces would have to replace.

# %%
rest = train.take(np.flatnonzero(~np.isin(train.ids, few.ids)))
rest = rest.sample(min(len(few), len(rest)), 0)


def added(seed):
    """What is added to the real faces: name to (pictures, labels, augmentation)."""
    own = trained(ACGAN(**settings, seed=seed), gan_epochs) if own_gans else gan
    return {
        "the same again": (real, few.labels, "none"),
        "generated faces": (own.sample(few.labels, seed=seed + 10), few.labels, "none"),
        "the same, mirrored and turned": (real, few.labels, turned),
        "further real faces": (evened(rest.inputs), rest.labels, "none"),
    }


right = {}
for seed in range(seeds):
    for name, (more, labels, augment) in added(seed).items():
        both, names = np.concatenate([real, more]), np.concatenate([few.labels, labels])
        right[name, seed] = classifier(seed, both, names, augment).predict(unseen) == test.labels

# %% [markdown]
# This is the main figure. On the left are real faces of each class and, below them, generated ones that share their noise. On
# the right is what is gained over the same faces again, on the faces of people whom neither the classifiers nor the GAN have
# seen. The differences are taken person by person; the intervals, at 95 %, come from the differences between those people and
# are not adjusted for the three comparisons. Each circle is a seed of the classifiers; another GAN, trained anew, would
# differ by more.

# %%
persons = test.ids if test.groups is None else test.groups
by_person = pd.DataFrame(right).astype(float).T.groupby(level=0, sort=False).mean().T.groupby(persons).mean()
accuracy = {name: metrics.mean_interval(by_person[name], within=(0, 1)) for name in by_person}
gains = {name: metrics.mean_interval(by_person[name] - by_person["the same again"]) for name in list(by_person)[1:]}

figure = plt.figure(figsize=(13, 4.2), layout="constrained")
left, panel = figure.subfigures(1, 2, width_ratios=(1.3, 1))
for row, (kind, faces) in zip(left.subplots(2, len(four)), (("real", real[shown[len(four) :]]), ("generated", faces_of(0)))):
    for ax, face, name in zip(row, faces, four):
        ax.imshow(face, cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
        ax.set(title=name if kind == "real" else "", xticks=[], yticks=[])
    row[0].set_ylabel(kind, fontsize=12)
rows = [{"label": f"+ {name}", "estimate": 100 * e.value, "low": 100 * e.low, "high": 100 * e.high} for name, e in gains.items()]
ax = plots.forest(rows, xlabel="accuracy gained over the same again (points)", title=f"{len(real)} real faces, and as many more", ax=panel.subplots())
for i, name in enumerate(gains):
    each = [100 * (right[name, seed].mean() - right["the same again", seed].mean()) for seed in range(seeds)]
    ax.plot(each, [i + 0.2] * seeds, "o", mfc="none", color="0.4", ms=4)

# %% [markdown]
# The accuracies themselves differ between people more than the gains do, so their intervals are wider.

# %%
shares = {f"+ {name}": f"{100 * e.value:.1f} [{100 * e.low:.1f}, {100 * e.high:.1f}]" for name, e in accuracy.items()}
pd.DataFrame({"accuracy (%), 95 % interval": shares})

# %% [markdown]
# ## Explain
#
# What does the generator take for anger? The mean of many generated faces of a class is shown below the mean of the real ones
# that it learnt from. Where the two agree, it has learnt the average expression; a classifier also needs the variety
# around it.

# %%
means = [new[np.array(order) == name].mean(axis=0) / 255 for name in four]
truly = [real[few.labels == name].mean(axis=0) / 255 for name in four]
plots.images(truly + means, titles=[f"{name}, real" for name in four] + [f"{name}, generated" for name in four], columns=len(four), size=1.6, smooth=True);

# %% [markdown]
# ## Save and load
#
# The generator is an ordinary Keras model. The number is the largest change of a pixel.

# %%
work = emorec.reporting.work_folder()
gan.average.save(work / "acgan-generator.keras")
again = emorec.load_model(work / "acgan-generator.keras")
float(abs(np.asarray(again([noise, classes[:4]])) - np.asarray(gan.average([noise, classes[:4]]))).max())

# %% [markdown]
# ## Evaluate on external data
#
# Name a picture that one face fills from the brows to the chin, and run this one cell. The judge reads it, and
# `face-emotion-small`, which comes along and has seen 28,709 photographs, reads it too, since a judge that knows only rendered
# faces fails on photographs. Beside the picture are generated faces of the class that the judge has named. The rendered
# face that is used by default shows *surprise*.

# %% tags=["user-input"]
test_image = None  # a path on this computer, e.g. "me.jpg", or an array; None takes a rendered face
picture = emorec.faces.render.portrait("surprise", seed=2).image if test_image is None else test_image
mine = evened([close(picture) if test_image is None else picture])
label = judge.predict(mine)[0]
print("the judge:", label, "· face-emotion-small:", emorec.load("face-emotion-small").predict([picture])[0])
plots.images([mine[0], *gan.sample([label] * 4, seed=4)], titles=["your picture", *[f"generated: {label}"] * 4], size=1.6, smooth=True);

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"accuracy, {name}": tuple(value) for name, value in accuracy.items()},
        **{f"accuracy gained over the same again, {name}": tuple(value) for name, value in gains.items()},
        **{f"the judge agrees with the class, {name}": value for name, value in judged.items()},
    }
)

# %% [markdown]
# ### What was learnt
#
# From noise, a small GAN comes within two minutes to faces whose expression can be seen. The judge agrees with the wanted class
# of 95 % of them, and with the true class of 89 % of the real test faces. The generated faces are blurred, and they are less
# varied: two of a class are more alike than two real ones, so the generator knows fewer people and fewer ways to be angry.
# They are not copies, since their nearest real face is no nearer than that of other people.
#
# In a classifier the generated faces replace nothing. Against the same real faces shown again their gain cannot be
# distinguished from zero, while as many further real faces gain seven points. A GAN learns only what is in its few pictures,
# and the classifier has those pictures already. Mirroring and slight turns gain about five points at no cost, because they
# add something that is not in the pictures, namely that such changes leave the label alone;
# [data_augmentation](data_augmentation.ipynb) measures this better.
#
# The circles are seeds of the classifiers, not of the GAN; `own_gans` trains a GAN for each. What a GAN of hours on a graphics
# card adds to FER-2013 is another question. It would have to be asked in the same way, against the same real pictures again.
#
# ### Exercises
#
# 1. Walk from one person to another: take two rows of `noise`, mix them in ten steps, and generate a happy face at each. What
#    would it mean if the face jumped instead of changing gradually?
#    <details><summary>Solution</summary>With <code>z = (1 - t) * noise[0] + t * noise[1]</code> for t from 0 to 1, the face
#    changes gradually. A jump would mean that the generator has stored single pictures and switches between
#    them.</details>
# 2. Suppose that the discriminator learned the wanted class of generated faces too, as in the paper. Its class loss on
#    generated faces would then be close to zero. Why would that not show that the faces express their class?
#    <details><summary>Solution</summary>The generator and this one discriminator are trained together, so they can agree on any
#    mark, a bright spot in a corner for example, that stands for anger. The loss would be low, and no other network and
#    no person would see anger. Only a judge from outside the game is fair.</details>
# 3. Why is the control "the same faces again" needed? What would be wrong with comparing against the real faces once?
#    <details><summary>Solution</summary>Twice as many pictures mean twice as many steps per epoch. A gain could then come from
#    longer training instead of from the generated faces.</details>
#
# ### Where to go on
#
# [data_augmentation](data_augmentation.ipynb) shows what changed real pictures are worth, and
# [transfer_learning](transfer_learning.ipynb) starts from pictures of another task. The GAN is described in
# [emorec.faces](../../docs/api/faces.md).
