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
# # A film: emotions over time
#
# <!-- launch -->
#
# **What does a film express from moment to moment, in face, voice and words, and where do the three contradict one another?**
# Somebody smiles, says that all is well, and the voice trembles. A film holds all three: faces, voices, and words in the
# subtitles. This notebook reads a short film with one model for each of them, joins their answers, and shows the result over
# time.
#
# Whether an answer is right can be checked only in a film whose truth is known. Such a film is made here, offline, of rendered
# faces, synthesised voices, and sentences written for this project. The last cell reads a film of your own.

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
# Films are written and read by PyAV, a package that emorec does not need for anything else. The next cell installs it
# where it is missing, as on Colab.

# %%
if importlib.util.find_spec("av") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "av>=14"])

# %% [markdown]
# ## Parameters
#
# `window` is the longest stretch of time, in seconds, that gets one answer where there are no subtitles; `step` is the time
# from one look at the picture to the next.

# %% tags=["parameters"]
faces = 560  # @param {type:"integer"}
window = 2.0  # @param {type:"number"}
step = 0.5  # @param {type:"number"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The film is a conversation of two people. For each moment the script says who speaks, what the face and the voice express,
# and the sentence. In most moments the three agree. In two they do not: Ben says something friendly in an angry voice and
# with an angry face, and Anna laughs about something sad. In the last moment nobody speaks. `render_clip` writes the film
# and, beside it, the subtitles, and returns the truth.

# %%
script = [
    (0, "happiness", "happiness", "I passed the exam, I could hug the whole world!"),
    (1, "surprise", "surprise", "Wow, I did not expect that at all!"),
    (0, "sadness", "sadness", "My sister is ill, and I miss her so much."),
    (1, "anger", "anger", "Thank you, that is wonderful news."),
    (0, "fear", "fear", "I am scared, somebody is following me."),
    (1, "anger", "anger", "You lied to me again, I am furious!"),
    (0, "happiness", "happiness", "They cried all night at the funeral."),
    (1, "neutral", None, ""),
]
if fast:
    script, faces = script[:3], 70

# %%
from emorec.multimodal import read_clip, render_clip, timeline

work = emorec.reporting.work_folder("film_clip")
truth = render_clip(work / "talk.mp4", script, seed=seed)
truth.fillna("–")

# %% [markdown]
# ## Look at it
#
# Here is one frame of each moment, and the beginning of the subtitle file as a player sees it.

# %%
import numpy as np

from emorec import plots
from emorec.faces.video import VideoFrames

frames = list(VideoFrames(work / "talk.mp4"))
moments = [frames[int(10 * (row.start + row.end) / 2)] for row in truth.itertuples()]
plots.images(np.stack(moments), titles=[f"{row.start:.0f} s: {row.face}" for row in truth.itertuples()], columns=4, size=2.0)
print((work / "talk.srt").read_text()[:230])

# %% [markdown]
# ## Model
#
# Three models read the film. For words it is `text-emotion`, which comes along. The models that come along for faces and
# voices have learnt from photographs and from actors, and rendered faces and synthesised voices are neither. So two small
# models are trained here on rendered faces and on synthesised voices of other people. The answers of the three are joined by
# the **product rule**: with $p_m(c)$ the probability that modality $m$ gives to class $c$,
#
# $$p(c) \propto \prod_m p_m(c),$$
#
# where the product runs over the modalities that are there. The rule is right where the modalities are independent once the
# emotion is known, and where each probability is calibrated.

# %% [markdown]
# ## Train
#
# A model should see in training what it will see in use. So the training pictures go through the same detector as the film:
# with `detect="auto"` each face is detected, turned upright and cut out before it is learnt from. Four in five of the people
# train the model; the others choose the epoch and calibrate the probabilities.

# %%
from emorec.faces.render import random_face

names = list(emorec.labels.EMOTIONS7)
labels = np.array([names[k % 7] for k in range(faces)], dtype=object)
pictures = [random_face(label, (seed, 50 + k), difficulty="easy", size=96).image for k, label in enumerate(labels)]
seen = [k for k, picture in enumerate(pictures) if len(emorec.faces.detect(picture))]
print(f"{len(seen)} of {faces} faces were detected")


# %%
cut = len(seen) * 4 // 5
held_out = ([pictures[k] for k in seen[cut:]], labels[seen[cut:]])
face = emorec.FaceClassifier("lenet", width=16, detect="auto", epochs=3 if fast else 60, seed=seed)
face.fit([pictures[k] for k in seen[:cut]], labels[seen[:cut]], validation=held_out, label_set=emorec.labels.EMOTIONS7, progress=None)
face.calibrate(held_out);

# %% [markdown]
# The model of voices is a linear discriminant on statistics of the sound; [speech_emotion](../voice/speech_emotion.ipynb)
# explains it.

# %%
voices = emorec.datasets.load("sample-voices", speakers=8 if fast else 16, repeats=1 if fast else 3, seed=1)
voice = emorec.VoiceClassifier("lda", speeds=()).fit(voices.train, label_set=voices.label_set, progress=None)
print(f"faces, other people: {100 * face.score(*held_out):.0f} %; voices, other people: {100 * voice.score(voices.test):.0f} %")

# %% [markdown]
# ## Evaluate
#
# `read_clip` cuts the film into stretches: one for each subtitle, and windows for the time between them. For each stretch
# the table has the answers of face, voice and words, and the joint answer.

# %%
table = read_clip(work / "talk.mp4", subtitles=work / "talk.srt", face=face, voice=voice, window=window, step=step)
table[["start", "end", "speaker", "text", "face", "voice", "words", "emotion", "confidence", "decided_by", "disagree"]].round(2).astype(object).fillna("–")

# %% [markdown]
# This is the main figure, the same over time. The upper panel has the joint probabilities, the lower one the answer of each
# model. A triangle marks a stretch in which two of them are sure of different emotions.

# %%
timeline(table)

# %% [markdown]
# ### How often is it right?
#
# For each moment of the script the stretch in its middle is looked up. What the *person* feels is a matter of opinion where
# face and words contradict each other. So each model is compared with what was put into its own modality, and the joint
# answer with all three where they agree.

# %%
import pandas as pd


def at_moments(table):
    """The rows of a table that hold the middle of each moment of the script."""
    middles = (truth["start"] + truth["end"]) / 2
    return table.iloc[[int(np.flatnonzero((table["start"] <= t) & (t < table["end"]))[0]) for t in middles]].reset_index(drop=True)


rows = at_moments(table)
agree = (truth["face"] == truth["voice"]) & ~truth["text"].str.contains("wonderful|funeral")
right = {
    "face": (rows["face"] == truth["face"])[rows["has_face"]],
    "voice": (rows["voice"] == truth["voice"])[rows["has_voice"]],
    "all together, where the three agree": (rows["emotion"] == truth["face"])[agree],
}
pd.DataFrame({"right": {k: int(v.sum()) for k, v in right.items()}, "of": {k: len(v) for k, v in right.items()}})

# %% [markdown]
# ## Explain
#
# Which modality decided? On the scale of the log probability the product rule adds, so that the *share* of a modality is the
# part that it brought to the lead of the winning emotion. `decided_by` names the modality with the largest share, and
# `disagree` says whether two of them are sure of different emotions. The table has the two moments in which they were made
# to contradict each other.

# %%
contradictions = rows[~agree & rows["has_words"]]
contradictions[["speaker", "text", "face", "voice", "words", "emotion", "decided_by", "disagree"]]

# %% [markdown]
# What is left when a modality is missing? The film is read again without the sound, and without the subtitles. A modality
# that is not there has no influence, and the answer comes from the others. The table has the joint answer at each moment.
# Without the sound, the words decide both contradictions. Without the subtitles, Ben's anger is lost in the sixth moment, where
# only the words had shown it: face and voice are both read as fear.

# %%
mute = read_clip(work / "talk.mp4", subtitles=work / "talk.srt", face=face, sound=False, window=window, step=step)
bare = read_clip(work / "talk.mp4", face=face, voice=voice, words=False, window=window, step=step)
readings = {"all three": rows, "without sound": at_moments(mute), "without subtitles": at_moments(bare)}
pd.DataFrame({"face of the script": truth["face"], **{name: r["emotion"] for name, r in readings.items()}}).fillna("–")

# %% [markdown]
# ## Save and load
#
# Each of the two models becomes a file, and `read_clip` takes it again. A table is written like any other.

# %%
face.save(work / "face.emorec")
voice.save(work / "voice.emorec")
table.to_csv(work / "talk.csv", index=False)
again = emorec.load(work / "face.emorec")
print(type(again).__name__, list(again.label_set_))

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: name the path of a film, and its subtitles if there are any (`.srt` or `.vtt`; or a list of
# `(start, end, text)`; or `None`). For a film of real people set `own_models`, so that it is read by the models that come
# along, which learnt from photographs and from actors. From a terminal, `python -m emorec score talk.mp4 --subtitles talk.srt`
# prints the table.
#
# As built, the cell reads a second film, of two other people: one grieves and the other is glad, in face, voice and words. The
# next cell writes it. A single model may err about one of them; the joint answer should not.

# %%
render_clip(work / "news.mp4", [
    (2, "sadness", "sadness", "My grandmother died last night, and I cannot stop crying."),
    (3, "happiness", "happiness", "The baby is here, and we are so happy!"),
], seed=seed)  # fmt: skip

# %% tags=["user-input"]
test_film = str(work / "news.mp4")  # a film of your own
test_subtitles = str(work / "news.srt")  # a file, a list of (start, end, text), or None
own_models = False  # @param {type:"boolean"}
models = {} if own_models else {"face": face, "voice": voice}
timeline(read_clip(test_film, subtitles=test_subtitles, window=window, step=step, **models))

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"share right, {name}": float(values.mean()) for name, values in right.items()},
        "stretches": len(table),
        "stretches with a disagreement": int(table["disagree"].sum()),
    },
    title="A rendered film",
)

# %% [markdown]
# ### What was learnt
#
# A film becomes a table in a few seconds: a row for each stretch of time, with the answers of face, voice and words, and the
# joint one. Where the three agree, the joint answer is surer than each of them alone, and it is right even where a single
# model is wrong. Where they contradict each other, the joint answer follows the model that is surest, which need not be
# the one that is right. The column `disagree` says that a person should look. It marks only stretches in which two models
# are *sure* of different emotions, so it may pass over a contradiction of which one side is unsure.
#
# A film of eight moments is an example and no measurement. Its faces and voices are rendered, and easy. In real films the
# person in the picture is often not the one who speaks, several people are in view, and music lies under the voice. And
# what is expressed is not what is felt.
#
# ### Exercises
#
# 1. Two models give *happiness* 0.6 and *neutral* 0.4. What do the mean and the product rule answer together, and which of the
#    two is right if the models err independently?
#    <details><summary>Solution</summary>The mean stays at 0.6. The product rule gives 0.36 / (0.36 + 0.16) = 0.69: two
#    independent witnesses of the same are together surer than each alone. That is right if they are independent and
#    calibrated, and too sure if one only repeats the other.</details>
# 2. Read the film with the face alone: `read_clip(work / "talk.mp4", face=face, sound=False, words=False)`. Which moments
#    change their answer?
#    <details><summary>Solution</summary>Those in which the column <code>face</code> of the first table differs from the column
#    <code>emotion</code>: there the voice and the words had outvoted the face.</details>
# 3. Add a moment to `script` in which a sad face says something neutral in a sad voice. Does `disagree` mark it, and should it?
#    <details><summary>Solution</summary>As a rule it does not. The words are read as neutral, but a neutral sentence
#    contradicts no feeling; people say such things in every mood. A column that marked all differences would mark
#    most of a film.</details>
#
# ### Where to go on
#
# [detect_and_classify](../faces/detect_and_classify.ipynb) reads films by the face alone, [speech_emotion](../voice/speech_emotion.ipynb)
# explains the voice, and [missing_modalities](missing_modalities.ipynb) examines what happens when one of the three is gone.
# The functions are described in [emorec.multimodal](../../docs/api/multimodal.md).
