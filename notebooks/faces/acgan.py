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
# Labelled faces are dear. A **generative adversarial network** draws new ones; the auxiliary-classifier GAN (Odena, Olah
# & Shlens, 2017) draws them of a wanted class. It is tempting to train a classifier on them: as many anger faces as one
# likes, for nothing. But the generator has only ever seen the same few real pictures. Can it add what is not in them?
#
# We train one on few faces, look at what it draws, and then count: a classifier with generated faces against one that
# sees the real ones again, and against one that sees the real ones turned, moved and mirrored, which costs nothing either.
# Out of the box everything runs on faces drawn by this project, without a network connection; the numbers are no
# benchmark.

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
# `pictures` is how many real faces there are to learn from: few, on purpose. `sample-faces` is drawn on this computer;
# the others have to be asked for at their homes, and a message says how. `own_gans` trains a GAN of its own for each
# seed, which takes three times as long; else one serves for all.

# %% tags=["parameters"]
dataset = "sample-faces"  # @param ["sample-faces", "fer2013", "ferplus", "rafdb"]
pictures = 280  # @param {type:"integer"}
gan_epochs = 150  # @param {type:"integer"}
epochs = 15  # @param {type:"integer"}
seeds = 3  # @param {type:"integer"}
own_gans = False  # @param {type:"boolean"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# Nobody whose face is in one part appears in another. The few faces come from few people, or from each class equally many
# where a dataset does not say who is in a picture; validation and test stay whole.

# %%
import numpy as np

easy = dict(n_identities=120, per_identity=2, difficulty="easy", jobs=2) if dataset == "sample-faces" else {}
data = emorec.datasets.load(dataset, grey=True, **easy)
if fast:
    pictures, gan_epochs, epochs, seeds = 140, 4, 2, 2
print(data)
print(data.protocol)

# %% [markdown]
# Grey, 24 × 24 pixels: small enough for a GAN in seconds on a CPU, large enough to see an open mouth.

# %%
from emorec.faces.preprocessing import FacePreprocessing

contract = FacePreprocessing(size=24)


def some(split, n):
    """About n pictures of a split."""
    if split.groups is None:
        each = [np.flatnonzero(split.labels == name)[: -(-n // len(data.label_set))] for name in data.label_set]
        return split.take(np.sort(np.concatenate(each)))
    people = np.unique(split.groups.astype(str))
    return split.take(np.isin(split.groups.astype(str), people[: max(1, round(n * len(people) / len(split)))]))


# %% [markdown]
# What the GAN may learn from:

# %%
few = some(data.train, pictures)
real = contract(few.inputs)[..., 0]
print(f"{len(real)} real faces to learn from, {len(data.test)} to test")

# %% [markdown]
# ## Look at it
#
# A few of the real faces, two to a class:

# %%
from emorec import plots

order = [np.flatnonzero(few.labels == name)[row] for row in (0, 1) for name in data.label_set]
plots.images(real[order], titles=[few.labels[i] for i in order[: len(data.label_set)]] + [""] * len(data.label_set), columns=len(data.label_set), size=1.1);

# %% [markdown]
# ## Model
#
# Two networks play against each other. The generator $G$ turns noise $z$ and a class $c$ into a picture. The
# discriminator $D$ says two things about a picture $x$: the log-odds $D_S(x)$ that it is real, and which class it shows,
# $D_C(x)$. With $L_S = \mathbb{E}[\log P(\text{real} \mid x_{\text{real}})] + \mathbb{E}[\log P(\text{drawn} \mid G(z, c))]$
# and $L_C = \mathbb{E}[\log P(c \mid x_{\text{real}})] + \mathbb{E}[\log P(c \mid G(z, c))]$,
#
# $$D \text{ maximises } L_C + L_S, \qquad G \text{ maximises } L_C - L_S .$$
#
# Both want the class to be seen; about the rest they disagree.

# %%
from emorec.faces.acgan import ACGAN

settings = dict(size=24, latent=32, width=16, batch_size=32, learning_rate=4e-4)
gan = ACGAN(**settings, seed=0)

# %% [markdown]
# ## Train
#
# In rounds, so that we can see what it draws on the way, always from the same noise.

# %%
wanted = [name for name in data.label_set for _ in range(2)]
rounds, drawn = 3 if fast else 5, []
steps = np.unique(np.round(gan_epochs * np.linspace(0, 1, rounds + 1)[1:] ** 2).astype(int).clip(1))
for step in steps:
    gan.fit(real, few.labels, data.label_set, epochs=step - len(gan.history), progress=None)
    drawn.append(gan.sample(wanted, seed=1))

# %% [markdown]
# A row for each round, two faces for each class, and the same noise in every row:

# %%
titles = [name if i % 2 == 0 else "" for i, name in enumerate(wanted)] + [""] * (len(wanted) * (len(drawn) - 1))
plots.images(np.concatenate(drawn), titles=titles, columns=len(wanted), size=0.8)
print("rows after epochs", ", ".join(map(str, steps)))

# %% [markdown]
# The losses do not tell whether pictures are good: when both networks get better together, neither loss moves. What can
# be read is on the right: how well the class is seen in the real faces, which the discriminator learns by heart, and in
# the drawn ones, which the generator makes so that it is seen.

# %%
import matplotlib.pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
lines = (("discriminator", "generator"), ("class_real", "class_generated"))
for ax, names, title in zip(panels, lines, ("the game", "the class")):
    for name, colour in zip(names, (plots.BLUE, plots.ORANGE)):
        ax.plot(range(1, len(gan.history) + 1), [row[name] for row in gan.history], color=colour, label=name.replace("_", ", "))
    ax.set(xlabel="epoch", ylabel="loss (nats)", title=f"Losses: {title}")
    ax.legend(frameon=False)

# %% [markdown]
# ## Evaluate
#
# ### Are they faces of the right class, and new ones?
#
# A **judge** who was not in the game: a classifier that has learnt from *all* training faces, most of which the GAN has
# never seen. If drawn faces show their class, it reads them about as well as real ones.

# %%
test, checks = contract(data.test.inputs)[..., 0], contract(data.validation.inputs)[..., 0]


def classifier(seed, images, labels, augment="none"):
    """A LeNet trained on pictures of 24 x 24 pixels; the validation part chooses the epoch."""
    made = emorec.FaceClassifier("lenet", size=24, width=8, augment=augment, epochs=epochs, batch_size=16, learning_rate=0.002, seed=seed)
    return made.fit(images, labels, validation=(checks, data.validation.labels), label_set=data.label_set, progress=None)


# %% [markdown]
# The judge on 50 drawn faces of each class, and on the real test faces:

# %%
from emorec import metrics

judge = classifier(0, contract(data.train.inputs)[..., 0], data.train.labels)
order = [name for name in data.label_set for _ in range(10 if fast else 50)]
new = gan.sample(order, seed=2)
read = {"drawn faces": judge.predict(new) == np.array(order), "real test faces": judge.predict(test) == data.test.labels}
judged = {name: (ok.mean(), *metrics.wilson_interval(int(ok.sum()), len(ok))) for name, ok in read.items()}
for name, value in judged.items():
    print(f"{name:16s}", emorec.reporting.show(value))

# %% [markdown]
# Does it only remember? Each drawn face is compared with its nearest real one among those that the GAN has seen, by the
# correlation of pixels; real faces of *other* people, compared in the same way, say what is normal. And does it always
# draw the same? That is seen in the correlation between two faces of the same class.


# %%
def rows(images):
    """Pictures as rows of mean 0 and length 1, so that products are correlations."""
    flat = images.reshape(len(images), -1).astype("float64")
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def alike(images, labels):
    """Median correlation with the nearest real face, and between faces of one class."""
    near = (rows(images) @ rows(real).T).max(axis=1)
    same = np.array(labels)[:, None] == np.array(labels)[None]
    among = (rows(images) @ rows(images).T)[same & ~np.eye(len(images), dtype=bool)]
    return {"with the nearest real face": np.median(near), "between faces of a class": np.median(among)}


# %% [markdown]
# The medians:

# %%
import pandas as pd

memory = pd.DataFrame({"drawn faces": alike(new, order), "real faces of other people": alike(test, data.test.labels)})
memory.round(2)

# %% [markdown]
# ### Do they help?
#
# For each seed the GAN draws other faces. Then three classifiers are trained for the same number of steps, on
# the few real faces and as many more: the *same ones again* (the control: no more knowledge, but as much training); *drawn
# ones*, with the classes of the real ones; and the same ones again, each changed a little in every epoch (turned,
# moved, scaled, mirrored: *plain augmentation*). The test part is opened here.

# %%
from emorec.faces.acgan import added_value

table = added_value(classifier, (real, few.labels), (test, data.test.labels), data.label_set, seeds=range(seeds), epochs=gan_epochs, trained=None if own_gans else gan, **settings)
twice, labels = np.concatenate([real, real]), np.concatenate([few.labels, few.labels])
table["augmented"] = [classifier(seed, twice, labels, "light").score(test, data.test.labels) for seed in range(seeds)]
table.drop(columns="difference").round(3)

# %% [markdown]
# The differences, seed by seed on the same test faces, with the interval over the seeds:

# %%
gains = {"drawn − again": metrics.mean_interval(table["with_generated"] - table["real"]),
         "augmented − again": metrics.mean_interval(table["augmented"] - table["real"]),
         "drawn − augmented": metrics.mean_interval(table["with_generated"] - table["augmented"])}  # fmt: skip
points = [{"label": name, "estimate": 100 * e.value, "low": 100 * e.low, "high": 100 * e.high} for name, e in gains.items()]
plots.forest(points, xlabel=f"accuracy gained (percentage points), {seeds} seeds, 95 % interval", title=f"From {len(real)} real faces");

# %% [markdown]
# ## Explain
#
# What does the generator think anger is? The mean of many drawn faces of a class, beside the mean of the real ones it
# learnt from. Where they agree, it has learnt the average; what an average leaves out is what a classifier needs.

# %%
means = [new[np.array(order) == name].mean(axis=0) / 255 for name in data.label_set]
truly = [real[few.labels == name].mean(axis=0) / 255 for name in data.label_set]
plots.images(means + truly, titles=[f"{n}\ndrawn" for n in data.label_set] + ["real"] * len(truly), columns=len(means), size=1.1);

# %% [markdown]
# ## Save and load
#
# The generator is an ordinary Keras model.

# %%
work = emorec.reporting.work_folder()
gan.generator.save(work / "acgan-generator.keras")
again = emorec.load_model(work / "acgan-generator.keras")
noise, classes = np.random.default_rng(3).standard_normal((4, 32)).astype("float32"), np.eye(len(data.label_set), dtype="float32")[:4]
print("largest change of a pixel:", abs(np.asarray(again([noise, classes])) - np.asarray(gan.generator([noise, classes]))).max())

# %% [markdown]
# ## Evaluate on external data
#
# Your turn: name a picture that one face fills, and see what the judge says of it, beside drawn faces of that class.

# %% tags=["user-input"]
test_image = None  # a path on this computer, e.g. "me.jpg", or an array; None takes a drawn face
mine = contract([test[3] if test_image is None else test_image])[..., 0]
label = judge.predict(mine)[0]
plots.images([mine[0], *gan.sample([label] * 5, seed=4)], titles=["given", *[f"drawn: {label}"] * 5], size=1.3);

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"accuracy gained, {name}": tuple(value) for name, value in gains.items()},
        **{f"read rightly by the judge: {name}": value for name, value in judged.items()},
        **{f"accuracy, {name}": tuple(metrics.mean_interval(table[key])) for name, key in
           (("real faces again", "real"), ("with drawn faces", "with_generated"), ("augmented", "augmented"))},
    }
)  # fmt: skip

# %% [markdown]
# **What was learnt.** From noise, a small GAN comes within a minute or so to something that is a face, and often one of
# the wanted class: the judge agrees with the class of a third of them, of half the real ones, and would of one in seven by
# chance. The discriminator is far more easily pleased than the judge, whose opinion was not trained for. The drawn faces
# are more like one another than real ones are: the generator knows few people, and fewer ways to be angry. In a
# classifier they replace nothing: against the same real faces shown again, the gain is small and its interval holds zero.
#
# **What was not.** That plain augmentation is better, as we had expected: with so few steps a small network did not profit
# from it either, and the two differ by a few points whose narrow interval comes from three seeds, one GAN and one test
# part. Another GAN, trained anew, would differ by more than the seeds do here; `own_gans` measures that. What a GAN adds
# to FER-2013, with hours on a GPU, is another question; it would have to be asked in the same way, against the same real
# pictures again.
