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
# # A face and a sentence: one emotion, either may be missing
#
# <!-- launch -->
#
# **How do a face and a sentence become one answer, and what happens when they contradict each other?** "It's fine", says the
# text, and the face shows otherwise. This notebook goes the whole way from a raw picture and a raw sentence to one emotion.
# Two networks read one half each, a fusion layer joins what they have read, and the share of each half in an answer is
# measured. In use, one half is often missing, because the camera is off or nobody speaks, so the model is trained to do with
# either. At the end it meets something that its training never contained: a smile beside a sad sentence.
#
# Out of the box everything runs without a network connection, on sentences written for this project and rendered faces.
# Faces and sentences are *paired by label*: any sad face stands beside any sad sentence. That makes the two independent
# witnesses of one truth, so that a gain from fusion is guaranteed. The numbers show that the method works. They cannot show
# that people's faces add to their words, nor that one kind of fusion is better than another.

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
# `congruence` is the share of pairs whose face shows the emotion of the sentence; the others show another emotion, chosen
# at random. The label is always the sentence's. `modality_dropout` is how often training hides either half.

# %% tags=["parameters"]
congruence = 1.0  # @param {type:"number"}
fusion = "concatenation"  # @param ["concatenation", "gated", "attention", "weighted_sum", "hadamard", "tensor", "low_rank", "film"]
modality_dropout = 0.3  # @param {type:"number"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The order of the steps matters. The sentences are split first; then each sentence gets a face with its emotion, and every
# face is of another person. Were the pairs made first and split later, faces of one person could stand on both sides. The
# faces are rendered at the first call, which takes about half a minute, and then kept.

# %%
data = emorec.datasets.load("sample-pairs", congruence=congruence, limit=140 if fast else None, jobs=-1)
print(data)
print(data.protocol)

# %% [markdown]
# ## Look at it
#
# Here is one training pair for each class. The renderer moves the muscles that are listed for each emotion, with different
# people, light and angles; such faces are far easier to read than photographs. Single ones are ambiguous all the same: the
# sad face below could well be called angry.

# %%
import textwrap

import numpy as np

from emorec import plots

rows = [np.flatnonzero(data.train.labels == name)[0] for name in data.label_set]
titles = [f"{data.train.labels[k]}:\n{textwrap.fill(textwrap.shorten(data.train.inputs['text'][k], 75, placeholder=' …'), 25)}" for k in rows]
plots.images(data.train.inputs["image"][rows], titles=titles, columns=4, size=2.2, smooth=True);

# %% [markdown]
# ## Model
#
# A small convolutional network turns the picture into a vector $x_1$, and averaged word vectors turn the sentence into a
# vector $x_2$. Each is first trained on its own half. With *concatenation* as the fusion, the rest is
#
# $$h_m = r_m \tanh(W_m \tilde x_m + b_m), \qquad z = U_1 h_1 + U_2 h_2 + c, \qquad p = \mathrm{softmax}(z),$$
#
# where $\tilde x_m$ is $x_m$ scaled to mean 0 and variance 1, the matrices $W_m$, $U_m$ and the vectors $b_m$, $c$ are learnt,
# $z$ holds a score for each emotion, and $p$ the probabilities. The *presence* $r_m$ is 1 where modality $m$ is there and 0
# where it is missing. Each half adds its evidence to the score of each emotion, and a missing half adds nothing.
# *Modality dropout* sets either $r_m$ to 0 at random during training, but never both.

# %%
classifier = emorec.MultimodalClassifier(fusion=fusion, modality_dropout=modality_dropout, seed=seed)

# %% [markdown]
# ## Train
#
# First the two networks are trained, each on its half, then the fusion on their features. Each keeps the epoch that was best
# on the validation split: the network of faces by its accuracy, the other two by their loss. The figure shows the training
# of the fusion, with the epoch that is kept in a circle.

# %%
if fast:
    face, text = emorec.FaceClassifier("lenet", width=4, augment="none", epochs=4), emorec.TextClassifier("none", "none", epochs=4)
    classifier.set_params(epochs=5, face=face, text=text)
classifier.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
for name, history in (("face", classifier.face_.history_), ("text", classifier.text_.history_), ("fusion", classifier.history_)):
    print(f"{name:>6}: {len(history.epochs)} epochs in {history.seconds:.0f} s, the best was {history.best_epoch + 1}")

# %%
plots.history(classifier.history_);

# %% [markdown]
# ## Evaluate
#
# The same test pairs are answered in seven ways. *Face alone* and *text alone* are the two networks before fusion. The
# *product rule* multiplies their probabilities; for data that are paired by label it is the best that can be done with
# probabilities. The last two rows ask the fused model with one half taken away. Some test sentences hold many words that
# no training sentence has. The classifier gives a notice of them at every call; these notices are switched off here.

# %%
import warnings

from emorec.multimodal import decisions
from emorec.text.tokens import TextNotice

warnings.simplefilter("ignore", TextNotice)
halves = {"text": classifier.text_, "image": classifier.face_}
text, face = (half.predict_proba(list(data.test.inputs[part])) for part, half in halves.items())
for part, half in halves.items():  # on one scale before they are multiplied; changes no answer of one half
    half.calibrate((list(data.validation.inputs[part]), data.validation.labels))
product = decisions.product([half.predict_proba(list(data.test.inputs[part])) for part, half in halves.items()])

# %%
import pandas as pd

from emorec import metrics

answers = {"majority class": np.eye(len(data.label_set))[[0] * len(data.test)], "text alone": text, "face alone": face}
answers |= {"product rule of the two": product, "fused": classifier.predict_proba(data.test)}
answers["fused, without text"] = classifier.predict_proba({"image": data.test.inputs["image"]})
answers["fused, without face"] = classifier.predict_proba({"text": data.test.inputs["text"]})
answers = {name: probabilities.argmax(axis=1) for name, probabilities in answers.items()}
scores = {name: metrics.evaluate(data.test.labels, data.label_set.decode(a), data.label_set) for name, a in answers.items()}
pd.concat({name: e.summary().iloc[0] for name, e in scores.items()}, axis=1).T

# %% [markdown]
# The intervals of two rows may overlap although the same pairs were answered. The paired difference is sharper, since it
# counts only the pairs on which one method is right and the other wrong. The intervals are not adjusted for the number of
# comparisons, which is three.

# %%
truth = data.label_set.encode(data.test.labels)
right = {name: (a == truth).astype(float) for name, a in answers.items()}
better = max(("text alone", "face alone"), key=lambda name: right[name].mean())
contests = {"fused": better, "fused, without text": "face alone", "fused, without face": "text alone"}
gains = {f"{first} − {second}": metrics.mean_interval(right[first] - right[second]) for first, second in contests.items()}
rows = [dict(label=k, estimate=100 * v[0], low=100 * v[1], high=100 * v[2]) for k, v in gains.items()]
plots.forest(rows, title="What fusion gains, and what it loses with one half missing", xlabel="difference in accuracy (percentage points)");

# %% [markdown]
# ### What does each half contribute?
#
# This is the main figure. Leave one half out and see how far the probability of the answer falls: that is the contribution
# of the half. The bars are means over the test pairs of each predicted emotion. Happiness and surprise are read mostly from
# the face, disgust, sadness and neutral mostly from the words.

# %%
shares = classifier.contributions(data.test)
means = 100 * shares.groupby("label")[["image", "text"]].mean().reindex(list(data.label_set)[::-1])
ax = means.plot.barh(color=[plots.ORANGE, plots.BLUE], figsize=(8, 3.6), width=0.75)
ax.set(title="Contribution of each half", xlabel="probability lost without it (percentage points)", ylabel="predicted emotion")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.figure.set_layout_engine("constrained")

# %% [markdown]
# ### A smile beside a sad sentence
#
# Now each test sentence gets the face of another test pair, with another emotion. The training data hold nothing of the kind
# (unless `congruence` was lowered). Which half does the model follow?

# %%
rng = np.random.default_rng(seed)
faces = np.array([rng.choice(np.flatnonzero(data.test.labels != label)) for label in data.test.labels])
mixed = {"image": data.test.inputs["image"][faces], "text": data.test.inputs["text"]}
answered = classifier.predict(mixed)
believes = {"the sentence": answered == data.test.labels, "the face": answered == data.test.labels[faces]}
believes["neither"] = ~believes["the sentence"] & ~believes["the face"]
certain = {name: classifier.predict_proba(pairs).max(axis=1).mean() for name, pairs in (("agree", data.test), ("disagree", mixed))}
print("the answer follows:", ", ".join(f"{name} {100 * value.mean():.0f} %" for name, value in believes.items()))
print("mean probability of the answer:", ", ".join(f"{100 * value:.0f} % where they {name}" for name, value in certain.items()))

# %% [markdown]
# Here is one such pair, a smile beside a sad sentence. Among all sad sentences and happy faces of the test split it is the one
# whose halves are read most surely when they stand alone, so that the contradiction is clear to the model too.

# %%
sad, happy = np.flatnonzero(data.test.labels == "sadness"), np.flatnonzero(data.test.labels == "happiness")
names = list(data.label_set)
i = sad[text[sad, names.index("sadness")].argmax()]
j = happy[face[happy, names.index("happiness")].argmax()]
print("The sentence is labelled sadness, the face happiness.")
classifier.explain(data.test.inputs["image"][j], data.test.inputs["text"][i])

# %% [markdown]
# ## Explain
#
# Everything is expressed in one unit, the probability of the answer. In the picture, bright places are those whose covering
# costs most (occlusion). Orange words speak for the answer and blue words against it: the probability falls, or rises,
# when they are left out. The three test pairs are chosen by rule: the right answer with the highest probability, the right
# answer with the lowest, and the wrong answer with the highest.

# %%
p = classifier.predict_proba(data.test)
fine, sure = p.argmax(axis=1) == truth, p.max(axis=1)
chosen = {"right and sure": np.where(fine, sure, -1).argmax(), "right and unsure": np.where(fine, sure, 2).argmin(), "wrong and sure": np.where(fine, -1, sure).argmax()}
for case, k in chosen.items():
    print(f"{case}: true label {data.test.labels[k]}, answer {names[p[k].argmax()]} ({100 * sure[k]:.0f} %)")
    display(classifier.explain(data.test.inputs["image"][k], data.test.inputs["text"][k]))

# %% [markdown]
# ## Save and load
#
# One file holds both networks, the fusion, the vocabulary, what is expected of a picture, the labels and the settings.

# %%
work = emorec.reporting.work_folder()
classifier.save(work / "face_and_sentence.emorec")
same = emorec.MultimodalClassifier.load(work / "face_and_sentence.emorec")
print("largest change of a probability:", abs(same.predict_proba(data.test) - classifier.predict_proba(data.test)).max())

# %% [markdown]
# ## Evaluate on external data
#
# The picture is the name of an emotion, for which a face that shows it is rendered, or the path of a picture, from which the
# largest face is cut, or `None`. The sentence is a string or `None`. The model of this notebook has seen a few hundred
# sentences and rendered faces, and knows nothing of photographs. The classifier that comes along,
# `MultimodalClassifier.pretrained()`, has learnt from photographs and from many more sentences; its answer is printed first.
# As built, the picture is a happy face and the sentence is a happy one.

# %%
from emorec.faces import crop_face
from emorec.faces.render import portrait


def picture(wish):
    """A rendered face for the name of an emotion, the face in a picture for its path or its pixels, None for None."""
    if wish is None:
        return None
    return portrait(wish, seed=2).image if isinstance(wish, str) and wish in data.label_set else crop_face(wish)


# %% tags=["user-input"]
test_image = "happiness"  # an emotion, a picture (its path or an array), or None
test_sentence = "We won, and everybody hugged and danced in the street!"  # or None
pretrained = emorec.MultimodalClassifier.pretrained(sound=None)
print("pretrained:", pretrained.predict(images=[picture(test_image)], texts=[test_sentence])[0])
classifier.explain(picture(test_image), test_sentence)

# %% [markdown]
# From Python, all four cases look like this. With neither half there is nothing to read, and the error says what to do.

# %%
sentence = "We won, and everybody hugged and danced in the street!"
for image, text in ((picture("happiness"), sentence), (picture("happiness"), None), (None, sentence), (None, None)):
    inputs = " and ".join(name for name, x in (("picture", image), ("sentence", text)) if x is not None) or "neither"
    try:
        p = classifier.predict_proba(images=[image], texts=[text])[0]
        print(f"{inputs:>20}: {data.label_set.names[p.argmax()]} ({100 * p.max():.0f} %)")
    except emorec.errors.BadInput as error:
        print(f"{inputs:>20}: {type(error).__name__}: {error}")

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in scores.items()},
        **{f"accuracy, {name}": tuple(value) for name, value in gains.items()},
        **{f"disagreeing pairs: believes {name}": value.mean() for name, value in believes.items()},
    },
    title=f"Test split of {data.name}, paired by label",
)

# %% [markdown]
# ### What was learnt
#
# Two witnesses, of which one is right in three cases of five and the other in seven of ten, are right in more than four of
# five cases together. With one half missing, the fused model answers about as well as the network that was trained for that
# half alone, so presence and modality dropout do what they should. The gain itself is no discovery, since faces and
# sentences were paired by label and had to add up. The product rule, which knows only the probabilities of the two
# networks, does as well as the fusion of their features, as theory predicts for such pairs.
#
# The pairs that contradict each other are a warning. In a quarter of them the model follows neither half: some evidence of
# a smile and some of a sorrow can add up to a third emotion. The mean probability of its answers falls by about ten points
# only, and nothing reports that anything is unusual. The model has learnt to add evidence, not to notice a contradiction.
#
# Whether faces add to words in people cannot be learnt here: the faces are rendered and made easy to read, and nobody in these
# sentences is sarcastic. Three seeds of the same experiment, with all rows on the same test pairs, gave:
#
# <!-- results: pairs -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | runs |
# |---|---|---|---|---|
# | sample-pairs | *majority class* | 14.3 [10.0, 18.6] | 3.6 [2.6, 4.5] | 3 |
# | sample-pairs | *text alone* | 62.2 [55.9, 68.5] | 61.8 [55.5, 68.0] | 3 |
# | sample-pairs | *face alone* | 74.3 [67.9, 80.7] | 74.3 [67.9, 80.7] | 3 |
# | sample-pairs | fused, without face | 61.2 [54.9, 67.5] | 60.7 [54.3, 67.0] | 3 |
# | sample-pairs | fused, without text | 72.7 [66.0, 79.5] | 72.6 [65.9, 79.4] | 3 |
# | sample-pairs | fused | 84.6 [79.7, 89.4] | 84.5 [79.7, 89.4] | 3 |
# | sample-pairs | product rule of the two | 85.6 [80.9, 90.3] | 85.5 [80.7, 90.3] | 3 |
#
# The sentences' own split, a face for each, paired by label (100 % congruent).
# Differences of accuracy on the same test pairs, in points: fused minus face alone +10.2 [4.2, 16.3]; fused minus product rule of the two -1.0 [-4.1, 2.0]; fused, without text minus face alone -1.6 [-5.1, 1.9]; fused, without face minus text alone -1.0 [-3.9, 1.9].
# <!-- /results -->
#
# ### Exercises
#
# 1. Set `congruence = 0.5`, so that half of the training faces contradict their sentence. Which half does the model follow then?
#    <details><summary>Solution</summary>The sentence, since the label is always the sentence's. The contribution of the face
#    shrinks in the main figure: a witness who is wrong half of the time is believed less.</details>
# 2. Replace `fusion = "concatenation"` by `"tensor"`, which can multiply the two halves. Does it gain anything here?
#    <details><summary>Solution</summary>No. In pairs by label each half adds its evidence independently, so a sum of evidence is
#    already the best form. [feature_fusion](feature_fusion.ipynb) shows a task in which it is not.</details>
# 3. How could a model be made to notice that face and sentence contradict each other?
#    <details><summary>Solution</summary>Compare the two probabilities before fusion, for instance by the distance between them, and
#    report pairs beyond a threshold that is chosen on validation pairs of both kinds. Training data with contradicting
#    pairs and a label for them would be needed to learn more.</details>
#
# ### Where to go on
#
# [decision_fusion](decision_fusion.ipynb) combines probabilities, [missing_modalities](missing_modalities.ipynb) examines what
# happens when one half is gone, and [film_clip](film_clip.ipynb) adds the voice. The classifier is described in
# [emorec.multimodal](../../docs/api/multimodal.md).
