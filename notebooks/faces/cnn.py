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
# # Convolutional networks: from a face to an emotion
#
# <!-- launch -->
#
# **Does a network that reads expressions look at the parts of the face that move?** An expression changes a few places:
# the brows, the lids, the nose, the mouth. A convolutional network searches the whole picture for small patterns and
# combines them, layer by layer, into larger ones. This notebook trains four such networks, from one of the size of
# LeNet (1998) to a small ResNet, and then examines the best of them: which emotions does it confuse, where does it look,
# and what does it lose when one part of the face is covered?
#
# The faces that come along are *rendered*: computed from *action units*, the numbered muscle movements of the Facial
# Action Coding System (unit 12 pulls up the corners of the mouth, unit 4 lowers the brows). It is therefore known which
# parts of a face moved, and the answer can be checked, which photographs do not allow. Numbers on rendered faces show
# that a method works. They are no benchmark, and they say nothing about people.

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
# `sample-faces` is rendered on this computer, which takes half a minute the first time. `fer2013`, `ferplus` and `rafdb`
# are photographs of real faces. They must be requested from those who collected them, and a message explains how.
# Without a graphics card they take hours; `fast` tries everything in a minute.

# %% tags=["parameters"]
dataset = "sample-faces"  # @param ["sample-faces", "fer2013", "ferplus", "rafdb"]
epochs = 10  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The data have three splits. The networks learn from the training split, the validation split chooses the epoch and the
# network, and the test split is opened once, at the end. Each person appears in one split only: a network that
# recognises the person has not shown that it recognises the expression.

# %%
rendered = {"n_identities": 120, "per_identity": 2, "difficulty": "easy", "jobs": 2}
data = emorec.datasets.load(dataset, grey=True, **(rendered if dataset == "sample-faces" else {}))
if fast:
    data, epochs = data.smaller(280), 2
print(data)
print(data.protocol)

# %% [markdown]
# ## Look at it
#
# Here is one training picture of each class, large and in colour; the networks see the same faces in grey, 48 × 48
# pixels. Person, light and pose change from picture to picture and are independent of the label. These are the *easy*
# faces, with full expressions and heads that are hardly turned; `difficulty="medium"` and `"hard"` give others.

# %%
import numpy as np

from emorec import plots
from emorec.faces.rendered import enlarged

order = [np.flatnonzero(data.train.labels == name)[2 * k] for k, name in enumerate(data.label_set)]
plots.images(enlarged(data.train, order), titles=data.train.labels[order], columns=len(data.label_set), size=1.35);

# %% [markdown]
# The mean picture of a class minus the mean of all pictures shows what the pictures of the class have in common. Orange
# places are brighter than on average, violet places are darker. The brows of anger and the mouth of happiness are easy to
# see here; a network has to find them in single pictures.

# %%
import matplotlib.pyplot as plt

means = {name: data.train.inputs[data.train.labels == name].mean(axis=0) for name in data.label_set}
figure, axes = plt.subplots(1, len(means), figsize=(1.35 * len(means) + 0.8, 1.7), layout="constrained")
for (name, mean), ax in zip(means.items(), axes):
    shown = ax.imshow(mean - np.mean(list(means.values()), axis=0), cmap="PuOr_r", vmin=-40, vmax=40, interpolation="nearest")
    ax.set_title(name, fontsize=9)
    ax.set_axis_off()
figure.colorbar(shown, ax=axes, label="grey levels", fraction=0.03);

# %% [markdown]
# ## Model
#
# A convolution slides a small window over the maps of the layer below. At row $i$ and column $j$ it computes
#
# $$y_{ij} = \mathrm{relu}\Big(b + \sum_{u,v,c} w_{uvc}\, x_{i+u,\,j+v,\,c}\Big),$$
#
# where $x_{i,j,c}$ is the value of map $c$ at that place, $w_{uvc}$ is the weight of the window at offset $(u, v)$ for that
# map, $b$ is a bias, and $\mathrm{relu}(z) = \max(0, z)$. The same weights serve every place, so that an eyebrow does not
# have to be learnt anew for each position. The four networks stack such layers in different ways:
#
# - **LeNet** (LeCun et al. 1998): two large windows, then two dense layers, which hold most of its weights.
# - **VGG** (Simonyan & Zisserman 2015): pairs of 3 × 3 windows, halving the picture four times.
# - **mini-Xception** (Arriaga et al. 2017): windows for each map alone, then a mixture of maps; few weights.
# - **ResNet** (He et al. 2016): each pair of windows adds to what came in.
#
# All are narrower here than in their papers, to suit a thousand pictures and a CPU. The number of multiplications tells
# the cost of one picture better than the number of weights.

# %%
import pandas as pd

from emorec.faces.models import build_face_model, multiply_adds

widths = {"lenet": 6, "vgg": 8} if fast else {"lenet": 6, "vgg": 8, "mini-xception": 8, "resnet": 8}
built = {name: build_face_model(name, classes=len(data.label_set), width=width) for name, width in widths.items()}
sizes = pd.DataFrame({"parameters": {name: model.count_params() for name, model in built.items()},
                      "multiplications (million)": {name: multiply_adds(model) / 1e6 for name, model in built.items()}})
sizes.style.format({"parameters": "{:,}", "multiplications (million)": "{:.1f}"})

# %% [markdown]
# ## Train
#
# In every epoch a random half of the pictures is mirrored (the notebook *data_augmentation* tries further changes). The
# ResNet starts slowly and therefore trains for more epochs than the others. The weights of the epoch with the best validation
# accuracy are kept, and a cell that was interrupted continues where it stopped.

# %%
networks = {}
length = {name: round(epochs * (1.6 if name == "resnet" else 1)) for name in widths}
work = emorec.reporting.work_folder()
for name, width in widths.items():
    networks[name] = emorec.FaceClassifier(name, width=width, dropout=0.1, augment={"flip": 0.5}, epochs=length[name], batch_size=16, learning_rate=3e-3 if name != "lenet" else 2e-3, seed=seed)
    networks[name].fit(data.train, validation=data.validation, label_set=data.label_set, checkpoint=work / f"checkpoints/cnn-{name}", progress=None)
    history = networks[name].history_
    print(f"{name:14} {history.seconds:5.1f} s, best epoch {history.best_epoch + 1:2}: validation accuracy {100 * history.best_value:.1f} %")

# %% [markdown]
# The learning curves show the accuracy on people whom the networks have never seen. All four have nearly levelled off where
# their training ended.

# %%
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (name, network), colour in zip(networks.items(), plots.COLOURS):
    ax.plot(range(1, length[name] + 1), [100 * v for v in network.history_["val_accuracy"]], ".-", color=colour, label=name)
ax.axhline(100 / len(data.label_set), color="0.5", ls="--", label="chance")
ax.set(xlabel="epoch", ylabel="validation accuracy (%)", title="Learning curves")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# The validation split selects the network that the rest of the notebook examines. Had the test split selected it, its
# test accuracy would be too optimistic.

# %%
best = max(networks, key=lambda name: networks[name].history_.best_value)
classifier = networks[best]
print("chosen:", best)

# %% [markdown]
# ## Evaluate
#
# Two baselines are shown beside the networks: always answering the commonest class, and logistic regression on histograms
# of oriented gradients (HOG), the leading method before convolutional networks (Dalal & Triggs 2005). Pictures of one
# person are alike, so the intervals come from a bootstrap that samples whole people instead of single pictures.

# %%
from emorec import metrics
from emorec.faces import baselines

evaluations = {name: network.evaluate(data.test, data.test.groups) for name, network in networks.items()}
for name, kind in {"baseline: HOG + logistic regression": "hog-lr", "baseline: majority class": "majority"}.items():
    answers = baselines.build(kind).fit(data.train.inputs, data.train.labels).predict(data.test.inputs)
    evaluations[name] = metrics.evaluate(data.test.labels, answers, data.label_set, groups=data.test.groups)
rows = [{"label": name, "estimate": 100 * e.accuracy, "low": 100 * e.accuracy_interval[0], "high": 100 * e.accuracy_interval[1]} for name, e in evaluations.items()]
plots.forest(rows, reference=None, xlabel="accuracy on the test split (%), with 95 % interval");

# %% [markdown]
# Are two networks really different? McNemar's test looks only at the pictures that one network reads correctly and the other
# does not. The three p values are adjusted for three comparisons (Holm 1979). Each network was trained once, and another seed
# would move each number too.

# %%
answers = {name: network.predict(data.test.inputs) for name, network in networks.items()}
against = {name: metrics.mcnemar(data.test.labels, answers[best], other) for name, other in answers.items() if name != best}
adjusted = metrics.holm([test.p for test in against.values()])
pd.DataFrame({f"{best} against {name}": {f"only {best} right": int(test.only_first), "only the other right": int(test.only_second), "p, adjusted": f"{p:.3f}" if p >= 0.001 else "< 0.001"}
              for (name, test), p in zip(against.items(), adjusted)}).T

# %% [markdown]
# In the confusion matrix each row is a true class, and the diagonal holds the recall of the class: the share of its pictures
# that are read correctly.

# %%
plots.confusion(evaluations[best], title=f"{best}: confusion matrix");

# %% [markdown]
# ### A map of what it has learnt
#
# The network turns each picture into a vector before its last layer. The method t-SNE arranges the vectors of all test
# pictures in two dimensions so that neighbours stay neighbours. Classes that are confused lie beside each other; distances
# between remote groups have no meaning.

# %%
from sklearn.manifold import TSNE

places = TSNE(perplexity=min(30, len(data.test) // 4), init="pca", random_state=seed).fit_transform(classifier.features(data.test.inputs))
figure, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
for name, colour, marker in zip(data.label_set, [*plots.COLOURS, "0.3"], "osD^vP*X"):
    ax.scatter(*places[data.test.labels == name].T, s=26, color=colour, marker=marker, label=name, alpha=0.85)
ax.set(xticks=[], yticks=[], title="Test pictures in the space of the network's features (t-SNE)")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# ## Explain
#
# There are two common ways to ask which part of a picture an answer came from. *Occlusion* covers a small square, moves it
# over the picture, and records how far the probability of the answer falls. *Grad-CAM* weighs the maps of a late layer
# by how strongly they raise the score of the answer; it is a hundred times cheaper and much coarser. The three examples are
# chosen by rule among the test pictures: the right answer with the highest probability, the right answer with the
# lowest, and the wrong answer with the highest.

# %%
from emorec.faces import examples

examples.figure(classifier, data.test)

# %% [markdown]
# ### Does it look where the face moves?
#
# Heat maps always look convincing, so they need a check. For rendered faces it is known which action units moved, and
# hence which regions were active. *Share* is the fraction of the heat that lies on the active regions, *area* is the
# fraction of the picture that they cover, and *lift* is the ratio of the two: heat that is spread evenly has a lift of 1.
# *Hit* says how often the hottest pixel lies on an active region. The last row is a control, the same network before
# training. Each heat map is about the true class of its picture.

# %%
from emorec.faces import explain
from emorec.faces.render import face_from_id

probe = emorec.datasets.load("sample-faces", grey=True, **rendered).test
moving = probe.take(np.flatnonzero(probe.labels != "neutral")[:: 9 if fast else 3])
faces = [face_from_id(i) for i in moving.ids]
active = {"active regions": np.stack([explain.active_mask(face) for face in faces])}
targets = classifier.label_set_.encode(moving.labels)


def probabilities(images):
    return metrics.probabilities(emorec.training.predict(classifier.model_, images))


x = classifier.encode(moving.inputs)
heats = {
    "occlusion": explain.occlusion(probabilities, x, targets),
    "Grad-CAM": explain.grad_cam(classifier.model_, x, targets),
    "Grad-CAM, untrained": explain.grad_cam(built[best], x, targets),
}
looks = pd.concat({name: explain.region_scores(heat, active).iloc[0] for name, heat in heats.items()}, axis=1).T
looks.style.format("{:.2f}").format("{:.0f}", subset="n")

# %% [markdown]
# ### Covering a region
#
# The most direct check covers one region of the face and watches which emotions the network no longer recognises. Anger
# lowers the brows and happiness leaves them alone, so covering the brows should harm anger more; covering the mouth should
# harm happiness. The cover is a grey box, since a patch in the shape of the brows would reveal their shape.

# %%
faces = [face_from_id(i) for i in probe.ids]
masks = {region: np.zeros(probe.inputs.shape, dtype=bool) for region in ("brows", "eyes", "nose", "mouth")}
for i, face in enumerate(faces):
    for region, (x, y, w, h) in face.regions.items():
        masks[region][i, max(y - 1, 0) : y + h + 1, max(x - 1, 0) : x + w + 1] = True
losses = explain.masking_losses(classifier, probe.inputs, probe.labels, masks)

# %% [markdown]
# This is the main figure. Each cell is the mean probability that the true class loses when the region is covered; a
# negative number is a gain. A column with one dark cell is an emotion that the network reads from a single place.

# %%
table = 100 * losses.groupby(level=0).mean().reindex(list(data.label_set)).T
figure, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
shown = ax.imshow(table, cmap="cividis_r", vmin=0, vmax=max(60, table.to_numpy().max()), aspect="auto")
for (i, j), value in np.ndenumerate(table.to_numpy()):
    ax.text(j, i, f"{value:.0f}", ha="center", va="center", color="white" if value > 30 else "black")
ax.set_xticks(range(len(table.columns)), table.columns)
ax.set_yticks(range(len(table)), table.index)
ax.set(title="Points of probability that the true class loses when a region is covered", ylabel="covered")
figure.colorbar(shown, ax=ax, label="points");

# %% [markdown]
# Every test person shows both anger and happiness, so the two can be compared within each person. The interval is that of a
# mean over people.

# %%
by_person = losses["brows"].groupby([probe.groups, losses.index]).mean().unstack()
brows = metrics.mean_interval(by_person["anger"] - by_person["happiness"])
print(f"Covering the brows costs anger {100 * brows.value:+.1f} points [{100 * brows.low:+.1f}, {100 * brows.high:+.1f}] more than happiness ({len(by_person)} people).")

# %% [markdown]
# ## Save and load
#
# One file holds the weights, the labels, and what the network expects of a picture: its size, colour and range. The number
# is the largest change of a probability between the saved classifier and the original.

# %%
classifier.save(work / "cnn.emorec")
same = emorec.FaceClassifier.load(work / "cnn.emorec")
float(abs(same.predict_proba(data.test.inputs[:50]) - classifier.predict_proba(data.test.inputs[:50])).max())

# %% [markdown]
# ## Evaluate on external data
#
# Name a picture of a face and run this one cell. `where = "auto"` looks for the face in the picture, and a box
# `(x, y, w, h)` says where it is. A network that has seen only rendered faces fails on photographs, so the answer of
# `face-emotion-small`, a network trained on 28,709 photographs that comes along with the package, is printed beside it.
# The rendered face that is used by default shows *surprise*.

# %% tags=["user-input"]
test_image = None  # a path or an address on this computer; None takes a rendered face
where = "none"  # the picture is a face
picture = emorec.faces.render.portrait("surprise", seed=2).image if test_image is None else test_image
print("the network of this notebook:", classifier.predict([picture], detect=where)[0])
print("face-emotion-small:", emorec.load("face-emotion-small").predict([picture], detect=where)[0])
classifier.explain(picture, detect=where)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"{name}: accuracy on {data.name} (test)": (e.accuracy, *e.accuracy_interval) for name, e in evaluations.items()},
        f"macro-F1 of {best}": (evaluations[best].macro_f1, *evaluations[best].macro_f1_interval),
        "lift of Grad-CAM on the active regions": looks.loc["Grad-CAM", "lift"],
        "lift of occlusion on the active regions": looks.loc["occlusion", "lift"],
        "lift of Grad-CAM before training": looks.loc["Grad-CAM, untrained", "lift"],
        "covering the brows: loss of anger less that of happiness": tuple(brows),
    }
)

# %% [markdown]
# ### What was learnt
#
# A convolutional network with some fifty thousand weights reads most rendered expressions of people whom it has never seen,
# and it reads them mostly where they happen: covering the brows costs anger most, covering the eyes harms fear most,
# covering the nose costs disgust most, and covering the mouth takes more than half of the probability away from disgust,
# happiness and sadness. The heat of occlusion lies three times as densely on the active regions as an even spread would,
# that of Grad-CAM one and a half times, so that occlusion is shown first in this collection.
#
# The number of weights says little about the strength of a network: LeNet has the most here and is no better
# than mini-Xception. With a thousand pictures, the narrow VGG and ResNet are no better than the HOG baseline: their
# intervals overlap widely. Each network was trained once, and the seed alone moves such numbers by several points, so
# that their order is no ranking. The test split has 18 people, and the faces are easy. On faces of medium difficulty, with more pictures and a wider network,
# `python -m experiments sample-faces` recorded:
#
# <!-- results: sample-faces -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | accuracy of one view, % [95 %] | runs |
# |---|---|---|---|---|---|
# | sample-faces | *majority class* | 14.3 | 3.6 | – | 1 |
# | sample-faces | *HOG + logistic regression* | 45.2 [42.2, 48.1] | 44.4 [41.4, 47.5] | – | 1 |
# | sample-faces | VGG | 83.3 [79.9, 86.7] | 83.2 [79.7, 86.7] | 83.3 [79.9, 86.7] | 3 |
#
# Rendered faces, medium difficulty, seed 0; split by person (210 train, 45 validation, 45 test).
# <!-- /results -->
#
# On photographs of real faces (FER-2013) the epoch was chosen on PublicTest, and PrivateTest was opened once. The VGG takes
# two and a half hours of one core; the wide VGG has four times its weights and needs a graphics card:
#
# <!-- results: fer2013 -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | accuracy of one view, % [95 %] | runs |
# |---|---|---|---|---|---|
# | fer2013 | *majority class* | 24.5 [23.1, 25.8] | 5.6 [5.4, 5.9] | – | 1 |
# | fer2013 | *HOG + logistic regression* | 44.2 [42.7, 45.8] | 38.3 [36.1, 40.6] | – | 1 |
# | fer2013 | Deep-Emotion | 57.0 [55.3, 58.7] | 46.1 [44.5, 47.6] | 55.4 [53.5, 57.3] | 3 |
# | fer2013 | attention-augmented CNN | 65.4 [63.8, 67.1] | 57.3 [54.3, 60.3] | 64.6 [63.1, 66.2] | 3 |
# | fer2013 | ResNet | 67.3 [65.7, 69.0] | 61.1 [58.6, 63.6] | 65.9 [64.3, 67.5] | 3 |
# | fer2013 | VGG | 68.7 [67.0, 70.3] | 63.8 [61.3, 66.2] | 67.8 [66.3, 69.4] | 3 |
# | fer2013 | VGG, wide | 73.6 [72.2, 75.1] | 72.3 [70.2, 74.3] | 72.3 [70.8, 73.8] | 3 |
#
# Training to train, PublicTest to validate, PrivateTest to test. PublicTest chose the epoch, and nothing else was searched for. The networks see a test picture whole, mirrored and in four crops, and their logits are averaged.
# <!-- /results -->
#
# These numbers include pictures that the networks have seen in training, as do the published numbers of others: 288 of the
# 3,589 test pictures are among the training pictures too. The networks were therefore trained once more, and the repeated
# pictures were counted separately:
#
# <!-- results: fer2013-repeats -->
# | data | model | accuracy, % [95 %] | pictures not in Training, % [95 %] | pictures in Training too, % [95 %] | runs |
# |---|---|---|---|---|---|
# | fer2013 | *HOG + logistic regression* | 44.2 [42.7, 45.8] | 42.8 [41.1, 44.6] | 60.8 [54.9, 66.3] | 1 |
# | fer2013 | VGG | 68.7 [66.9, 70.4] | 67.5 [65.7, 69.2] | 82.6 [77.5, 87.8] | 3 |
# | fer2013 | VGG, wide | 73.4 [71.9, 74.8] | 71.6 [70.1, 73.2] | 93.8 [91.0, 96.2] | 1 |
#
# As above: Training to train, PublicTest to validate, PrivateTest to test; the networks see six views of a test picture.
# <!-- /results -->
#
# ### Exercises
#
# 1. Covering the mouth costs surprise a great deal. Would a network that sees *only* the mouth still read surprise? Say
#    what you expect, then cover everything but the mouth.
#    <details><summary>Solution</summary>Use <code>~masks["mouth"]</code> as a mask in
#    <code>explain.masking_losses(classifier, probe.inputs, probe.labels, {"all but the mouth": ~masks["mouth"]})</code> and
#    average by class. In a network with another seed, surprise lost nothing, so its mouth is enough; the other emotions lost
#    between 23 and 68 points. Part of a loss comes from the cover itself: a face that is grey except for a mouth is unlike any
#    training picture, so a loss is no proof that the covered part was needed.</details>
# 2. Train LeNet with three other seeds. How far do its test accuracies lie apart, compared with the difference between
#    LeNet and the best network?
#    <details><summary>Solution</summary>Call <code>emorec.FaceClassifier("lenet", width=6, dropout=0.1,
#    augment={"flip": 0.5}, epochs=10, batch_size=16, learning_rate=2e-3, seed=s).fit(...)</code> for s = 1, 2, 3 and
#    score each on the test split. With seeds 0 to 3 the accuracies lie between 69 and 76 %. This spread of seven points is
#    larger than the difference between LeNet and the best network above, which is why one training of each does not rank
#    them.</details>
# 3. Why is the heat of Grad-CAM so much coarser than that of occlusion?
#    <details><summary>Solution</summary>Grad-CAM reads the maps of a late layer, here 12 × 12 places or fewer, and enlarges
#    them to 48 × 48. Occlusion works on the pixels of the picture with a square of nine pixels.</details>
#
# ### Where to go on
#
# [data_augmentation](data_augmentation.ipynb) asks which changes of the pictures help a network,
# [transfer_learning](transfer_learning.ipynb) starts from a network that is trained already, and
# [detect_and_classify](detect_and_classify.ipynb) applies one to whole pictures and films. The functions are described in
# [emorec.faces](../../docs/api/faces.md).
