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
# also learns from generated faces with one that sees the real faces a second time, and with one that sees them turned,
# moved and mirrored, which costs nothing either. Out of the box the "real" faces are rendered by this package. The numbers
# show how the comparison works; they are no benchmark.

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
gan_epochs = 220  # @param {type:"integer"}
epochs = 15  # @param {type:"integer"}
seeds = 3  # @param {type:"integer"}
own_gans = False  # @param {type:"boolean"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Each person appears in one split only. The few faces come from few people, or equally from each class where a dataset does
# not say who is in a picture. Pictures have 32 × 32 grey pixels: small enough for a GAN in two minutes on a CPU, and large
# enough for an open mouth to be seen.

# %%
import numpy as np

from emorec.faces.preprocessing import FacePreprocessing

easy = dict(n_identities=120, per_identity=2, difficulty="easy", jobs=2) if dataset == "sample-faces" else {}
data = emorec.datasets.load(dataset, grey=True, **easy)
if fast:
    pictures, gan_epochs, epochs, seeds = 140, 4, 2, 2


def some(split, n):
    """About n pictures of a split."""
    if split.groups is None:
        each = [np.flatnonzero(split.labels == name)[: -(-n // len(data.label_set))] for name in data.label_set]
        return split.take(np.sort(np.concatenate(each)))
    people = np.unique(split.groups.astype(str))
    return split.take(np.isin(split.groups.astype(str), people[: max(1, round(n * len(people) / len(split)))]))

# %%
encode = FacePreprocessing(size=32)
few = some(data.train, pictures)
real = encode(few.inputs)[..., 0]
test, held = encode(data.test.inputs)[..., 0], encode(data.validation.inputs)[..., 0]
print(data.protocol)
print(f"{len(real)} real faces to learn from, {len(held)} for validation, {len(test)} to test")

# %% [markdown]
# ## Look at it
#
# One real face of each class, as the GAN sees it.

# %%
from emorec import plots

order = [np.flatnonzero(few.labels == name)[2 * k] for k, name in enumerate(data.label_set)]
plots.images(real[order], titles=few.labels[order], columns=len(order), size=1.35, smooth=True);

# %% [markdown]
# ## Model
#
# Two networks play against each other. The *generator* $G$ turns a vector of random numbers $z$ (the *noise*) and a class $c$
# into a picture $G(z, c)$. The *discriminator* judges a picture $x$ twice: how probable is it that $x$ is real, and which class
# does it show? Two quantities measure how well it does:
#
# $$L_S = \mathbb{E}\,[\log P(\text{real} \mid x_{\text{real}})] + \mathbb{E}\,[\log P(\text{generated} \mid G(z, c))], \qquad
# L_C = \mathbb{E}\,[\log P(c \mid x_{\text{real}})] + \mathbb{E}\,[\log P(c \mid G(z, c))],$$
#
# where $\mathbb{E}$ is the mean over pictures, $x_{\text{real}}$ is a real picture and $P$ stands for the probabilities that the
# discriminator gives. The discriminator maximises $L_C + L_S$ and the generator $L_C - L_S$. Both want the class to be seen;
# about what is real they are opponents.

# %%
from emorec.faces.acgan import ACGAN

settings = dict(size=32, latent=32, width=16, batch_size=32, learning_rate=4e-4)
gan = ACGAN(**settings, seed=0)

# %% [markdown]
# ## Train
#
# Training stops four times, so that we can see what the generator makes of the same noise on the way. The pictures come from a
# running mean of its weights, which is less noisy than the weights of any single step (Karras et al. 2018). This is the main
# figure: a row is a moment of training, a column a wanted class, and the noise is the same everywhere. First there is texture,
# then an outline, then eyes and a mouth, and only at the end do the columns begin to differ.

# %%
noise = np.random.default_rng(5).standard_normal((4, settings["latent"])).astype("float32")
classes = np.eye(len(data.label_set), dtype="float32")


def faces_of(row):
    """A face of each class, all from the same noise."""
    made = gan.average.predict_on_batch([np.repeat(noise[row : row + 1], len(classes), axis=0), classes])
    return np.rint(127.5 * (np.asarray(made)[..., 0] + 1)).clip(0, 255).astype("uint8")


progress = []
for step in np.unique(np.round(gan_epochs * np.array([0.05, 0.2, 0.5, 1.0])).astype(int).clip(1)):
    gan.fit(real, few.labels, data.label_set, epochs=int(step) - len(gan.history), progress=None)
    progress.append((step, faces_of(0)))

# %%
titles = [f"{name}, epoch {step}" if k == 0 else name for step, _ in progress for k, name in enumerate(data.label_set)]
plots.images(np.concatenate([row for _, row in progress]), titles=titles, columns=len(classes), size=1.35, smooth=True);

# %% [markdown]
# The losses of the game do not tell whether the pictures are good: when both networks improve together, neither loss moves. The
# right panel can be read. It shows how well the discriminator sees the class, in real faces and in generated ones.

# %%
import matplotlib.pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
lines = (("discriminator", "generator"), ("class_real", "class_generated"))
for ax, names, title in zip(panels, lines, ("real or generated?", "which class?")):
    for name, colour, style in zip(names, (plots.BLUE, plots.ORANGE), ("-", "--")):
        ax.plot(range(1, len(gan.history) + 1), [row[name] for row in gan.history], style, color=colour, label=name.replace("_", ", "))
    ax.set(xlabel="epoch", ylabel="loss (nats)", title=f"Losses: {title}")
    ax.legend(frameon=False)

# %% [markdown]
# ## Evaluate
#
# ### What does the generator make of the same noise?
#
# A row has the same noise in every column, and only the wanted class changes. Light, outline and hair stay alike within a row, while
# the brows and the mouth change from column to column. No label of the training data says that person and expression are
# different things; as far as these blurred pictures show, the generator separates them because the discriminator asks for
# the class.

# %%
plots.images(np.concatenate([faces_of(row) for row in range(4)]), titles=[*data.label_set, *[""] * 3 * len(classes)], columns=len(classes), size=1.4, smooth=True);

# %% [markdown]
# ### Do they show their class?
#
# A *judge* that took no part in the game decides: a classifier that has learnt from all training faces, most of which the
# GAN has never seen. If generated faces show their class, it reads them about as well as real ones.

# %%
def classifier(seed, images, labels, augment="none"):
    """A LeNet trained on pictures of 32 x 32 pixels; the validation split chooses the epoch."""
    made = emorec.FaceClassifier("lenet", size=32, width=8, augment=augment, epochs=epochs, batch_size=16, learning_rate=0.002, seed=seed)
    return made.fit(images, labels, validation=(held, data.validation.labels), label_set=data.label_set, progress=None)


# %%
from emorec import metrics

judge = classifier(0, encode(data.train.inputs)[..., 0], data.train.labels)
order = [name for name in data.label_set for _ in range(10 if fast else 50)]
new = gan.sample(order, seed=2)
read = {"generated faces": judge.predict(new) == np.array(order), "real test faces": judge.predict(test) == data.test.labels}
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


memory = pd.DataFrame({"generated faces": alike(new, order), "real faces of other people": alike(test, data.test.labels)})
memory.round(2)

# %% [markdown]
# ### Do they help?
#
# For each seed the GAN generates other faces. Then three classifiers are trained for the same number of steps on the few real
# faces and as many more: the *same ones again*, which is the control (as much training, no more knowledge); *generated ones*
# with the same classes; and the same ones again, each turned, moved, scaled or mirrored in every epoch (*augmented*). The
# differences are taken seed by seed on the same test faces. The interval is that of a mean over the seeds; another GAN would
# differ by more.

# %%
from emorec.faces.acgan import added_value

table = added_value(classifier, (real, few.labels), (test, data.test.labels), data.label_set, seeds=range(seeds), epochs=gan_epochs, trained=None if own_gans else gan, **settings)
twice, labels = np.concatenate([real, real]), np.concatenate([few.labels, few.labels])
table["augmented"] = [classifier(seed, twice, labels, {"flip": 0.5, "rotation": 8}).score(test, data.test.labels) for seed in range(seeds)]
gains = {"generated faces − the same again": metrics.mean_interval(table["with_generated"] - table["real"]),
         "augmented − the same again": metrics.mean_interval(table["augmented"] - table["real"])}  # fmt: skip
points = [{"label": name, "estimate": 100 * e.value, "low": 100 * e.low, "high": 100 * e.high} for name, e in gains.items()]
plots.forest(points, xlabel=f"accuracy gained (percentage points), {seeds} seeds, 95 % interval", title=f"From {len(real)} real faces");

# %% [markdown]
# ## Explain
#
# What does the generator take for anger? The mean of many generated faces of a class is shown below the mean of the real ones
# that it learnt from. Where the two agree, it has learnt the average expression; a classifier also needs the variety
# around it.

# %%
means = [new[np.array(order) == name].mean(axis=0) / 255 for name in data.label_set]
truly = [real[few.labels == name].mean(axis=0) / 255 for name in data.label_set]
plots.images(truly + means, titles=[f"{n}, real" for n in data.label_set] + ["generated"] * len(means), columns=len(means), size=1.35, smooth=True);

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
# Name a picture that one face fills, and run this one cell. The judge reads it, and `face-emotion-small`, which comes along
# and has seen 28,709 photographs, reads it too, since a judge that knows only rendered faces fails on photographs. Beside
# the picture are generated faces of the class that the judge has named. The rendered face that is used by default shows
# *surprise*.

# %% tags=["user-input"]
test_image = None  # a path on this computer, e.g. "me.jpg", or an array; None takes a rendered face
picture = emorec.faces.render.portrait("surprise", seed=2).image if test_image is None else test_image
mine = encode([picture])[..., 0]
label = judge.predict(mine)[0]
print("the judge:", label, "· face-emotion-small:", emorec.load("face-emotion-small").predict([picture])[0])
plots.images([mine[0], *gan.sample([label] * 5, seed=4)], titles=["given", *[f"generated: {label}"] * 5], size=1.5, smooth=True);

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"accuracy gained, {name}": tuple(value) for name, value in gains.items()},
        **{f"the judge agrees with the class, {name}": value for name, value in judged.items()},
        **{f"accuracy, {name}": tuple(metrics.mean_interval(table[key], within=(0, 1))) for name, key in
           (("real faces again", "real"), ("with generated faces", "with_generated"), ("augmented", "augmented"))},
    }
)  # fmt: skip

# %% [markdown]
# ### What was learnt
#
# From noise, a small GAN comes within two minutes to something that is a face and mostly one of the wanted class: the judge agrees
# with the class of about as many generated faces as real ones. The faces are blurred, and they are less varied. Two generated
# faces of a class are much more alike than two real ones, so the generator knows few people and few ways to be angry. They are
# not copies, since their nearest real face is no nearer than that of other people.
#
# In a classifier the generated faces replace nothing: against the same real faces shown again, the gain is about zero. A GAN
# learns only what is in its few pictures, and the classifier has those pictures already. Mirroring and slight turns add
# something that is not in the pictures, namely that such changes leave the label alone. Their estimate is seven points higher,
# but with three seeds the interval includes zero; [data_augmentation](data_augmentation.ipynb) measures this better.
#
# The interval covers the seeds of the classifiers, not those of the GAN: another GAN, trained anew, would differ by more, and
# `own_gans` measures that. What a GAN of hours on a graphics card adds to FER-2013 is another question. It would have to be
# asked in the same way, against the same real pictures again.
#
# ### Exercises
#
# 1. Walk from one person to another: take two rows of `noise`, mix them in ten steps, and generate a happy face at each. What
#    would it mean if the face jumped instead of changing gradually?
#    <details><summary>Solution</summary>With <code>z = (1 - t) * noise[0] + t * noise[1]</code> for t from 0 to 1, the face
#    changes gradually. A jump would mean that the generator has stored single pictures and switches between
#    them.</details>
# 2. The discriminator's class loss on generated faces is close to zero, yet the judge sees another class in some of them. How
#    can both be true?
#    <details><summary>Solution</summary>The generator is trained to make this one discriminator see the class. It also finds
#    marks that no other network would take for the expression. Only a judge from outside the game is fair.</details>
# 3. Why is the control "the same faces again" needed? What would be wrong with comparing against the real faces once?
#    <details><summary>Solution</summary>Twice as many pictures mean twice as many steps per epoch. A gain could then come from
#    longer training instead of from the generated faces.</details>
#
# ### Where to go on
#
# [data_augmentation](data_augmentation.ipynb) shows what changed real pictures are worth, and
# [transfer_learning](transfer_learning.ipynb) starts from pictures of another task. The GAN is described in
# [emorec.faces](../../docs/api/faces.md).
