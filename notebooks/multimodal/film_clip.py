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
# Somebody smiles, says that all is well, and the voice trembles. In a film we have all three: faces, voices, and words in
# the subtitles. This notebook reads a short film moment by moment with one model for each of them, joins what they say,
# and draws the result over time. It also shows where they contradict one another.
#
# To see whether the answer is right we need a film whose truth we know. So we make one, offline: rendered faces,
# synthesised voices, and sentences written for this project. At the end you can read a film of your own.

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
# `window` is the longest stretch of time, in seconds, that gets one answer where there are no subtitles; `step` is the time
# from one look at the picture to the next.

# %% tags=["parameters"]
faces = 280  # @param {type:"integer"}
window = 2.0  # @param {type:"number"}
step = 0.5  # @param {type:"number"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The film is a conversation of two people. For each moment we choose who speaks, what the face and the voice express, and
# the sentence. Most moments agree with themselves. Two do not: Ben says something friendly in an angry voice and with an
# angry face, and Anna laughs about something sad. In the last moment nobody speaks.

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

# %% [markdown]
# `render_clip` writes the film and, beside it, the subtitles. It returns the truth.

# %%
from emorec.multimodal import read_clip, render_clip, timeline

work = emorec.reporting.work_folder("film_clip")
truth = render_clip(work / "talk.mp4", script, seed=seed)
truth

# %% [markdown]
# ## Look at it
#
# One frame from each moment, and the subtitle file as a player sees it:

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
# Three models read the film. For words we take `text-emotion`, which comes along. Those that come along for faces and
# voices have learnt from photographs and from actors, and rendered faces and synthesised voices are neither. So we train
# two small models on rendered faces and on synthesised voices of other people. What the three say is joined by the
# **product rule**: with $p_m(c)$ the probability that modality $m$ gives to class $c$,
#
# $$p(c) \propto \prod_m p_m(c),$$
#
# where the product runs over the modalities that are there. It is right where modalities are independent once the emotion
# is known, and where each probability means what it says.

# %% [markdown]
# ## Train
#
# A model should see in training what it will see in use. So the pictures of the training go through the same detector as
# the film: with `detect="auto"` the face is found, turned upright and cut out, and then learnt.

# %%
from emorec.faces.render import random_face

names = list(emorec.labels.EMOTIONS7)
labels = np.array([names[k % 7] for k in range(faces)], dtype=object)
pictures = [random_face(label, (seed, 50 + k), difficulty="easy", size=96).image for k, label in enumerate(labels)]
found = [k for k, picture in enumerate(pictures) if len(emorec.faces.detect(picture))]
print(f"{len(found)} of {faces} faces were found")

# %% [markdown]
# Four in five of the people train the model, the others choose the epoch and calibrate the probabilities.

# %%
seen = [pictures[k] for k in found]
cut = len(seen) * 4 // 5
held_out = (seen[cut:], labels[found][cut:])
face = emorec.FaceClassifier("lenet", width=16, detect="auto", epochs=3 if fast else 80, seed=seed)
face.fit(seen[:cut], labels[found][:cut], validation=held_out, label_set=emorec.labels.EMOTIONS7, progress=None)
face.calibrate(held_out);

# %% [markdown]
# The voices:

# %%
voices = emorec.datasets.load("sample-voices", speakers=8 if fast else 16, repeats=1 if fast else 3, seed=1)
voice = emorec.VoiceClassifier("lda", speeds=()).fit(voices.train, label_set=voices.label_set, progress=None)
print(f"faces, other people: {100 * face.score(*held_out):.0f} %; voices, other people: {100 * voice.score(voices.test):.0f} %")

# %% [markdown]
# ## Evaluate
#
# `read_clip` cuts the film into stretches: one for each subtitle, and windows for the time between them. For each stretch
# it gives what face, voice and words say, and all together.

# %%
table = read_clip(work / "talk.mp4", subtitles=work / "talk.srt", face=face, voice=voice, window=window, step=step)
table[["start", "end", "speaker", "text", "face", "voice", "words", "emotion", "confidence", "decided_by", "disagree"]].round(2)

# %% [markdown]
# The same over time. Above, the probabilities of all together; below, what each part says. A triangle marks a stretch where
# two parts are sure of different emotions.

# %%
timeline(table)

# %% [markdown]
# ### How often is it right?
#
# For each moment of the script we look up the stretch in its middle. What the *person* feels is a matter of opinion where
# face and words contradict each other; so we compare each model with what was put into its own modality, and the joint
# answer with all three where they agree.

# %%
import pandas as pd

middles = (truth["start"] + truth["end"]) / 2
rows = table.iloc[[int(np.flatnonzero((table["start"] <= t) & (t < table["end"]))[0]) for t in middles]].reset_index(drop=True)
agree = (truth["face"] == truth["voice"]) & ~truth["text"].str.contains("wonderful|funeral")
right = {
    "face": (rows["face"] == truth["face"])[rows["has_face"]],
    "voice": (rows["voice"] == truth["voice"])[rows["has_voice"]],
    "all together, where the parts agree": (rows["emotion"] == truth["face"])[agree],
}
pd.DataFrame({"right": {k: int(v.sum()) for k, v in right.items()}, "of": {k: len(v) for k, v in right.items()}})

# %% [markdown]
# ## Explain
#
# Which part decided? The **share** of a part is how much of the lead of the winning emotion it brought, on the scale of the
# log probability, on which the product rule simply adds. `decided_by` names the part with the largest share, `disagree`
# says whether two parts are sure of different emotions. The moments in which the parts were made to contradict each other:

# %%
contradictions = rows[~agree & rows["has_words"]]
contradictions[["speaker", "text", "face", "voice", "words", "emotion", "decided_by", "disagree"]]

# %% [markdown]
# What is left when a part is missing? We read the film again without the sound, and without the subtitles. A part that
# is not there has no say; the others go on.

# %%
mute = read_clip(work / "talk.mp4", subtitles=work / "talk.srt", face=face, sound=False, window=window, step=step)
bare = read_clip(work / "talk.mp4", face=face, voice=voice, words=False, window=window, step=step)
print("without sound:", mute["has_voice"].sum(), "stretches with a voice;", "without subtitles:", len(bare), "stretches")

# %% [markdown]
# ## Save and load
#
# The two models go into a file each; `read_clip` takes them again. A table is written like any other.

# %%
face.save(work / "face.emorec")
voice.save(work / "voice.emorec")
table.to_csv(work / "talk.csv", index=False)
again = emorec.load(work / "face.emorec")
print(type(again).__name__, list(again.label_set_))

# %% [markdown]
# ## Evaluate on external data
#
# Your turn: the path of a film of your own, and its subtitles if there are any (`.srt` or `.vtt`; or a list of
# `(start, end, text)`; or `None`). With `own_models` the models that come along read it, which learnt from photographs and
# from actors. From a terminal, `python -m emorec score talk.mp4 --subtitles talk.srt` prints the same table.

# %% tags=["user-input"]
test_film = str(work / "talk.mp4")  # a film of your own
test_subtitles = [(0.2, 2.0, "It is fine. Really."), (2.7, 4.4, "I cannot believe it!")]  # a file, a list, or None
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
# **What we learnt.** A film becomes a table in a few seconds: a row for each stretch of time, what face, voice and words
# say, and all together. Where the three agree, the joint answer is surer than each alone. Where they contradict each
# other, the joint answer follows whoever is surest, which need not be whoever is right. The column `disagree` says that a
# person should look. It speaks up only where two parts are *sure* of different emotions, so it flags one of the two
# contradictions of this film and passes over the other.
#
# **What we did not learn.** A film of eight moments is an example, no measurement. Its faces and voices are rendered, and
# easy. In real films the person in the picture is often not the one who speaks, several people are in view, and music
# lies under the voice. And what is expressed is not what is felt.
