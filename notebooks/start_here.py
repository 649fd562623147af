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
# # Start here: a sentence, a picture, an answer
#
# <!-- launch -->
#
# What does a sentence express, and what does a face? Trained models come along with this package, so the first answer
# takes a minute and no network connection. This notebook loads them, explains their answers, lets you type and drop in
# your own, and ends with a map of the other notebooks.
#
# The models read what a text or a face *expresses*. Nobody's feelings can be read off with certainty, and each model
# has a card that says what it was trained on and what it cannot do.

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
# Another model gives another question: `text-sentiment` says negative or positive, `goemotions` knows 28 emotions and
# may answer with several, and `text-emotion-small` is a recurrent network of a seventh of the size.

# %% tags=["parameters"]
text_model = "text-emotion"  # @param ["text-emotion", "text-emotion-small", "goemotions", "text-sentiment"]
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# There is nothing to download: the models are files of the package. `emorec.models()` lists them with the first number
# that was measured for each on data held back from its training.

# %%
emorec.models()

# %% [markdown]
# ## Model
#
# One line loads a model, and its card prints with `emorec.pretrained.card`. The limits at the end of a card are worth
# reading before a number is believed.

# %%
reader = emorec.load(text_model)
print(emorec.pretrained.card(text_model))

# %% [markdown]
# ## Evaluate
#
# Five sentences of different kinds: a plain feeling, a negation, a message with an emoji, an event that names no
# feeling, and small talk. The table shows the answer for each and how sure the model is; a probability near one half
# means that a second reading is nearly as likely.

# %%
import pandas as pd

sentences = ["I am so happy today!", "I'm not happy at all.", "heard a scream outside 😱 locking everything",
             "There was a used plaster in my soup.", "The meeting is at three in room 204."]
probabilities = reader.predict_proba(sentences)
answers = pd.DataFrame({"sentence": sentences, "answer": reader.answers(probabilities)})
answers["probability"] = probabilities.max(axis=1).round(2)
answers

# %% [markdown]
# ## Explain
#
# An answer without its reasons is hard to trust. `explain` marks the words that the attention of the network weighed
# most: the darker a word, the larger its weight. Words that the model does not know are crossed out.

# %%
reader.explain("I passed the exam and I could hug the whole world!")

# %% [markdown]
# A picture is read in two steps. A detector finds the faces, and a network reads each of them. The group below is
# rendered by this package, so that no photograph of a person has to come along. The model learned from photographs, and
# drawn faces are strange to it: it may miss what a rendered face was meant to show.

# %%
import matplotlib.pyplot as plt
import numpy as np

from emorec.faces import render

people = [render.random_face(emotion, (3, k), difficulty="easy", size=200).image
          for k, emotion in enumerate(["happiness", "neutral", "surprise"])]
group = np.concatenate(people, axis=1)
face_reader = emorec.load("face-emotion")

figure, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
ax.imshow(face_reader.annotate(group))
ax.set(title="rendered as happiness, neutral and surprise, and what the model reads", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn. Type a sentence of your own between the quotation marks and run the cell; only this cell needs to
# run again.

# %% tags=["user-input"]
test_sentence = "They cancelled our flight without a word, and nobody picks up the phone!"
reader.explain(test_sentence)

# %% [markdown]
# For a picture, put its path in place of `None`, for instance `"party.jpg"`. On Colab the folder symbol on the left
# uploads a file. Each face becomes a row: where it is, how sure the detector is, and the probability of each emotion.

# %% tags=["user-input"]
test_image = None
face_reader.predict_faces(group if test_image is None else test_image).round(2)

# %% [markdown]
# ## Results
#
# The numbers below are the ones of the cards: accuracy on data that the models had not seen, with 95 % intervals.

# %% tags=["results"]
numbers = {}
for name in ("text-emotion", "face-emotion"):
    first = emorec.pretrained.card(name).numbers[0]
    numbers[f"{name}, {first['what']}"] = [first["value"], first["low"], first["high"]]
emorec.reporting.publish(numbers)

# %% [markdown]
# **Where to go from here.** The notebooks stand in the order in which they build on each other; minutes are those of
# one core.
#
# | you want to know | notebook | it helps to know |
# |---|---|---|
# | how a network decides which words matter | `text/global_attention` | nothing |
# | what word vectors are and what they buy | `text/word_embeddings` | nothing |
# | whether attention gains anything, honestly compared | `text/attention_comparison` | the two above |
# | how to handle 28 emotions at once | `text/emotion_recognition` | precision and recall |
# | how a convolutional network reads a face | `faces/cnn` | nothing |
# | how to read photographs, folders, films and the camera | `faces/detect_and_classify` | nothing |
# | what changes between data sets | `faces/cross_dataset` | `faces/cnn` |
# | how a face and a sentence are read together | `multimodal/face_and_sentence` | one text and one face notebook |
# | which data sets there are | `datasets` | nothing |
#
# **What was learnt.** A trained model answers in one line, says how sure it is and which words or regions it used. A
# number beside it tells how often such an answer is right, on data of the kind that was measured, and no further.
