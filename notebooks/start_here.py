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
# # Start here: a sentence, a picture, a voice, an answer
#
# <!-- launch -->
#
# What does a sentence express, what does a face, and what does a voice? Trained models come along with this package, so the first
# answer takes a minute and needs no network connection. This notebook loads them, explains their answers, lets you type, drop in a
# picture and speak, and ends with a map of the other notebooks.
#
# The models read what a text, a face or a voice *expresses*. Nobody's feelings can be read off with certainty, and each model has a
# card that says what it was trained on and what it cannot do.

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
# Another model asks another question: `text-sentiment` says negative or positive, `goemotions` knows 28 emotions and
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
# feeling, and small talk. The table shows the answer for each and how sure the model is; a probability of one half
# means that all other answers together are as likely.

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
# most: the stronger the colour of a word, the larger its weight. Words that the model does not know are crossed out.

# %%
reader.explain("I passed the exam and I could hug the whole world!")

# %% [markdown]
# ### Faces
#
# A picture is read in two steps. A detector looks for the faces, and a network reads each of them. The group below is rendered by
# this package, so that no photograph of a person has to come along. The model learned from photographs, so a rendered face is
# strange to it; these five have clear expressions. The title gives what each was rendered as, from left to right, and the boxes
# show what the model reads, with its probability.

# %%
import matplotlib.pyplot as plt
import numpy as np

from emorec.faces import render

cast = [("happiness", 40), ("surprise", 43), ("neutral", 44), ("happiness", 47), ("surprise", 52)]
group = np.concatenate([render.portrait(emotion, seed, size=200).image for emotion, seed in cast], axis=1)
face_reader = emorec.load("face-emotion")

# %%
figure, ax = plt.subplots(figsize=(12, 3.2), layout="constrained")
ax.imshow(face_reader.annotate(group))
ax.set(title="rendered as " + ", ".join(emotion for emotion, _ in cast), xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ### A voice
#
# The third model listens to the voice and not to the words. It was trained on actors who speak German. The sound below
# is synthesised, a babble in the voice of somebody sad, so that no recording of a person has to come along. The model has never
# heard such sounds. It reads this one correctly and takes most others for boredom, so its answers are worth little here; for
# a recording of speech the card says how often it is right.

# %%
sound, _ = emorec.voice.synthesis.voice("sadness", seed=4)
voice_reader = emorec.load("voice-emotion")
display(sound)
pd.Series(voice_reader.predict_proba([sound])[0], index=list(voice_reader.label_set_)).round(2).to_frame("probability").T

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn. Type a sentence of your own between the quotation marks and run the cell; only this cell needs to run
# again.

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
# For a voice, put the path of a sound file in place of `None`, for instance `"call.wav"`, or `emorec.voice.record(4)`, which records
# four seconds from the microphone, in the browser on Colab and on your own computer.

# %% tags=["user-input"]
test_sound = None
heard = voice_reader.predict_proba([sound if test_sound is None else test_sound])[0]
pd.Series(heard, index=list(voice_reader.label_set_)).round(2).to_frame("probability").T

# %% [markdown]
# ## Results
#
# The numbers below are the ones of the cards: accuracy on data that the models had not seen, with 95 % intervals.

# %% tags=["results"]
numbers = {}
for name in ("text-emotion", "face-emotion", "voice-emotion"):
    first = emorec.pretrained.card(name).numbers[0]
    numbers[f"{name}, {first['what']}"] = [first["value"], first["low"], first["high"]]
emorec.reporting.publish(numbers)

# %% [markdown]
# ### What was learnt
#
# A trained model answers in one line, says how sure it is, and shows which words or regions it used. The number on its card says
# how often such an answer is right on data of the kind that was measured, and says nothing about other data.
#
# ### Exercises
#
# 1. Write a sentence that expresses anger without any angry word, such as a complaint in polite language. Does the model see it?
#    <details><summary>Solution</summary>Often it does not: <i>Thank you for keeping us waiting for three hours.</i> is read as
#    happiness, because the polite words decide. Look which words the explanation marks, and replace one of them.</details>
# 2. Load `goemotions` instead (in the parameters) and write a sentence with two emotions. What does the model answer?
#    <details><summary>Solution</summary>It may name several of 28 emotions, or none: each has a threshold of its own, which was
#    chosen on validation data.</details>
# 3. Compare `text-emotion` with `text-emotion-small` on five sentences with a negation. Where do they differ, and why?
#    <details><summary>Solution</summary>The small model reads words one after the other and misses negations more often: it reads
#    <i>I wasn't scared.</i> as fear, and the large one as neutral. The notebook
#    <code>text/transformer</code> shows what the large one knows beforehand.</details>
#
# ### Where to go on
#
# The notebooks are listed in the order in which they are best read. Minutes are those of one core.
#
# | you want to know | notebook | minutes | it helps to know |
# |---|---|---|---|
# | how a network decides which words matter | [global_attention](text/global_attention.ipynb) | 2 | nothing |
# | what word vectors are and what they save | [word_embeddings](text/word_embeddings.ipynb) | 1 | nothing |
# | which networks need the order of words | [recurrent_and_convolutional](text/recurrent_and_convolutional.ipynb) | 2 | word vectors |
# | how words look at one another | [self_attention](text/self_attention.ipynb) | 1 | global attention |
# | which sentence of a text decides | [hierarchical_attention](text/hierarchical_attention.ipynb) | 1 | global attention |
# | what a pretrained network knows already | [transformer](text/transformer.ipynb) | 1 | self-attention |
# | how to handle several emotions at once | [emotion_recognition](text/emotion_recognition.ipynb) | 1 | precision and recall |
# | what happens when the classes shift | [tweet_sentiment](text/tweet_sentiment.ipynb) | 1 | precision and recall |
# | how to choose settings honestly | [parameter_search](text/parameter_search.ipynb) | 1 | cross-validation |
# | whether attention gains anything, compared on folds | [attention_comparison](text/attention_comparison.ipynb) | 1 | p values |
# | how to read photographs, folders, films and the camera | [detect_and_classify](faces/detect_and_classify.ipynb) | 1 | nothing |
# | how a convolutional network reads a face | [cnn](faces/cnn.ipynb) | 1 | nothing |
# | which changes of the pictures help a network | [data_augmentation](faces/data_augmentation.ipynb) | 4 | cnn |
# | how to get by with few pictures | [transfer_learning](faces/transfer_learning.ipynb) | 2 | cnn |
# | whether a network can put a face straight | [deep_emotion](faces/deep_emotion.ipynb) | 2 | cnn, gradients |
# | what attention adds to a convolutional network | [attention_cnn](faces/attention_cnn.ipynb) | 1 | cnn, self-attention |
# | whether generated faces help a classifier | [acgan](faces/acgan.ipynb) | 3 | cnn |
# | what changes from one dataset to another | [cross_dataset](faces/cross_dataset.ipynb) | 2 | cnn |
# | how a voice is read | [speech_emotion](voice/speech_emotion.ipynb) | 2 | nothing |
# | how a face and a sentence are read together | [face_and_sentence](multimodal/face_and_sentence.ipynb) | 1 | one text and one face notebook |
# | which kind of fusion can represent what | [feature_fusion](multimodal/feature_fusion.ipynb) | 1 | face_and_sentence |
# | how to combine the probabilities of several models | [decision_fusion](multimodal/decision_fusion.ipynb) | 1 | face_and_sentence |
# | whether attention follows the modality that can be trusted | [attention_fusion](multimodal/attention_fusion.ipynb) | 1 | global attention |
# | how a word and its tone are read together | [aligned_sequences](multimodal/aligned_sequences.ipynb) | 5 | recurrent networks, self-attention |
# | what to do when a modality is missing | [missing_modalities](multimodal/missing_modalities.ipynb) | 1 | feature_fusion |
# | whether it helps to know the sentences before | [conversations](multimodal/conversations.ipynb) | 2 | recurrent networks |
# | what a film expresses from moment to moment | [film_clip](multimodal/film_clip.ipynb) | 1 | decision_fusion |
# | which datasets there are, and their faults | [datasets](datasets.ipynb) | 1 | nothing |
#
# The functions used here are described in [emorec.pretrained](../docs/api/pretrained.md).
