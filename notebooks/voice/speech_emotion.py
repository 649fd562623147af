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
# # Speech: from a sound to an emotion
#
# <!-- launch -->
#
# **Does a classifier of voices understand people whom it has never heard?** The same words sound different in joy and in
# grief. What changes is the pitch, the loudness, the tempo and the colour of the voice. This notebook looks at these four in
# a sound, turns them into numbers, and trains classifiers on them. Then it asks the question that decides whether such a
# classifier is worth anything, and shows how a random split of the data hides the answer.
#
# Out of the box everything runs offline on **synthesised voices**, which babble without words. It is known how each of them
# was made, and therefore how well the best possible classifier could do. They teach the method and say nothing about people.
# Results on acted German speech stand at the end.

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
# `speakers` is the number of voices and `repeats` how often each of them expresses each emotion. The other datasets are
# recordings of actors: `emodb` (German), `ravdess` and `cremad` (English). They must be downloaded first; the error message
# says where from.

# %% tags=["parameters"]
dataset = "sample-voices"  # @param ["sample-voices", "emodb", "ravdess", "cremad"]
speakers = 16  # @param {type:"integer"}
repeats = 3  # @param {type:"integer"}
epochs = 20  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The data is split by speaker: nobody who is heard in training is heard in the test. The voices are synthesised at the
# first call, which takes about half a minute, and kept for the next time.

# %%
if fast:
    speakers, repeats, epochs = 8, 1, 2
options = {"speakers": speakers, "repeats": repeats, "seed": seed} if dataset == "sample-voices" else {}
data = emorec.datasets.load(dataset, **options)
print(data)
print(data.protocol)
print(*data.notes, sep="\n")

# %% [markdown]
# ## Look at it
#
# A sound plays itself. Here is the first one of the training split; choose another number to hear another.

# %%
first = data.train.inputs[0]
print(data.train.labels[0])
emorec.voice.as_sound(first)

# %% [markdown]
# ### What can be measured?
#
# Four things are measured every 10 milliseconds: the **spectrum** (how much energy lies in each of 40 bands, on a scale that
# follows the ear), the **pitch** (how fast the vocal folds swing, in hertz), the **level** (how loud it is, in decibels)
# and whether the frame is **voiced** at all. The figure compares anger with sadness in the same voice. The upper row is the
# spectrum, whose dark lines are the *formants*, the resonances of the mouth. The lower row is the pitch of the voiced frames.

# %%
import matplotlib.pyplot as plt
import numpy as np

from emorec import plots
from emorec.voice import features

names = list(data.label_set)
pair = [name for name in ("anger", "sadness") if name in names] or names[:2]
who = data.train.groups[0]
chosen = [np.flatnonzero((data.train.labels == name) & (data.train.groups == who))[0] for name in pair]
tracks = [features.frames(emorec.voice.as_sound(data.train.inputs[k]).samples) for k in chosen]

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 4.6), layout="constrained", sharex="col", sharey="row", height_ratios=(3, 2))
for column, (name, track) in enumerate(zip(pair, tracks)):
    axes[0, column].pcolormesh(track.times, np.arange(40), track.spectrum.T, cmap="Greys", vmin=-70, vmax=0, rasterized=True)
    axes[1, column].plot(track.times, np.where(track.voiced, track.pitch, np.nan), color=plots.BLUE, linewidth=2)
    axes[0, column].set_title(name)
    axes[1, column].set_xlabel("time (s)")
axes[0, 0].set_ylabel("mel band")
axes[1, 0].set_ylabel("pitch (Hz)");

# %% [markdown]
# ### One vector for a whole utterance
#
# A sentence is spoken faster or more slowly, so sounds have different lengths. The oldest remedy is to take statistics:
# mean, spread and percentiles of everything that was measured. This gives 196 numbers for a sound of any length. The table
# has three of them, with the mean and the standard deviation over the training sounds of each emotion. Pitch is given in
# semitones above 100 Hz, so that steps sound equally large in a low and in a high voice.

# %%
import pandas as pd

from emorec.voice import statistics
from emorec.voice.utterances import spoken

utterances = spoken(data.train.inputs, data.train.groups)
table = pd.DataFrame([u.statistics() for u in utterances], columns=statistics.names(), dtype=float)
few = ["pitch mean (semitones)", "level mean (dB)", "syllables (a second)"]
table[few].groupby(data.train.labels).agg(["mean", "std"]).loc[names].style.format("{:.1f}")

# %% [markdown]
# ## Model
#
# Three ways from a sound to an emotion are compared.
#
# 1. A **linear discriminant** on the 196 statistics: every emotion is a cloud of points, and a sound belongs to the nearest.
# 2. The same, **normalised by speaker**: from every number the mean of the speaker's own utterances is subtracted, so that
#    a high voice is no longer mistaken for an excited one. It takes several sounds of each speaker, and none of their
#    labels.
# 3. A **convolutional network with global attention** on the frames themselves, normalised in the same way. With $h_t$
#    the state of the network at frame $t$, and $W$, $b$ and $v$ learned,
#
# $$a_t = \frac{\exp(v^\top \tanh(W h_t + b))}{\sum_s \exp(v^\top \tanh(W h_s + b))}, \qquad c = \sum_t a_t h_t,$$
#
# where the weights $a_t$ say which frames count, and the vector $c$ goes to the last layer.

# %%
network = {"encoder": "cnn", "attention": "global", "filters": 48, "attention_units": 32, "epochs": epochs}
kinds = {
    "discriminant": {"encoder": "lda"},
    "discriminant, by speaker": {"encoder": "lda", "normalise": "speaker"},
    "CNN + attention, by speaker": {**network, "normalise": "speaker"},
}
models = {name: emorec.VoiceClassifier(**kind, speeds=(), seed=seed) for name, kind in kinds.items()}

# %% [markdown]
# ## Train
#
# Nearly all the time of a discriminant goes into measuring the sounds; the training itself takes less than a second. The
# network goes through the data several times and keeps the epoch that is best on the validation speakers.

# %%
for name, model in models.items():
    model.fit(data.train, validation=data.validation, label_set=data.label_set, progress=None)
    print(f"{name}: {model.history_.seconds:.1f} s")
plots.history(models["CNN + attention, by speaker"].history_, metrics=["loss", "accuracy"]);

# %% [markdown]
# ## Evaluate
#
# ### People never heard
#
# The test split has two speakers, and two people say little about all people, however many sentences they speak. So each
# model is also trained and tested on four folds of the whole data, in which every speaker is heard in the test once.
# Many published numbers come from *random* folds instead, with sentences of each person on both sides. A model may then
# recognise the person, and what that person's anger sounds like. The last row is the discriminant again, and nothing
# but the split is different.

# %%
from emorec.datasets.splits import k_fold

everything = [np.concatenate([getattr(split, key) for split in (data.train, data.validation, data.test)])
              for key in ("inputs", "labels", "ids", "groups")]  # fmt: skip
sounds, labels, ids, groups = everything
sounds = np.array(spoken(sounds, groups), dtype=object)  # measured once


def cross_validated(kind, folds):
    """Answers to all sounds, those of each fold by a model that was trained on the others."""
    replies = np.empty(len(labels), dtype=object)
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        model = emorec.VoiceClassifier(**kind, speeds=(), seed=seed)
        replies[test] = model.fit(list(sounds[train]), labels[train], label_set=data.label_set, progress=None).predict(list(sounds[test]))
    return replies


# %%
by_speaker = k_fold(ids, labels, folds=4, seed=seed, groups=groups)
answers = {name: cross_validated(kind, by_speaker) for name, kind in kinds.items()}
answers["discriminant, random folds"] = cross_validated(kinds["discriminant"], k_fold(ids, labels, folds=4, seed=seed))
scores = {name: emorec.metrics.evaluate(labels, a, data.label_set, groups=groups) for name, a in answers.items()}

# %% [markdown]
# This is the main figure. The intervals come from resampling whole speakers, at 95 %. The emotions overlap, so that even the
# best possible classifier makes errors; for synthesised voices its rate is known, and the dashed line shows it for a
# classifier that knows the speaker's own voice.

# %%
from emorec.voice import best_possible_rate

reference = 100 * best_possible_rate(True) if dataset == "sample-voices" else None
rows = [dict(label=name, estimate=100 * e.accuracy, low=100 * e.accuracy_interval[0], high=100 * e.accuracy_interval[1]) for name, e in scores.items()]
plots.forest(rows, reference=reference, xlabel="accuracy (%), 95 % interval over speakers; dashed: best possible", title=f"{len(set(groups))} speakers, each of them in the test once");

# %% [markdown]
# The confusion matrix of the discriminant by speaker shows which emotions are taken for which. Most often it is anger for
# happiness and happiness for anger, which are both loud, high and fast.

# %%
plots.confusion(scores["discriminant, by speaker"], title="discriminant, by speaker: speakers never heard");

# %% [markdown]
# ## Explain
#
# Where in the sound does the answer come from? Two sounds of the test split are shown, chosen by rule: the right answer of
# the network with the highest probability, and the wrong answer with the highest. The colour of the waveform is stronger
# where the attention of the network has more weight; the pitch is below it.

# %%
listener = models["CNN + attention, by speaker"]
p = listener.predict_proba(data.test.inputs, speakers=data.test.groups)
fine, sure = p.argmax(axis=1) == data.label_set.encode(data.test.labels), p.max(axis=1)
cases = {"right and sure": int(np.where(fine, sure, -1).argmax()), "wrong and sure": int(np.where(fine, -1, sure).argmax())}
for case, k in cases.items():
    others = [data.test.inputs[j] for j in np.flatnonzero(data.test.groups == data.test.groups[k]) if j != k]
    print(f"{case}: true label {data.test.labels[k]}")
    display(listener.explain(data.test.inputs[k], others=others))

# %% [markdown]
# Attention shows where the network looks, and not what it needs. *Occlusion* measures that: a quarter of a second at a time
# is silenced, and the figure shows how far the probability of the answer falls. Here it is applied to the discriminant, for
# the first of the two sounds.

# %%
models["discriminant"].explain(data.test.inputs[cases["right and sure"]], method="occlusion")

# %% [markdown]
# ## Save and load
#
# One file holds the model, its labels and how it measures a sound. The classifier that comes back gives the same answers.

# %%
work = emorec.reporting.work_folder()
models["discriminant"].save(work / "voice.emorec")
same = emorec.VoiceClassifier.load(work / "voice.emorec")
print("largest change of a probability:", abs(same.predict_proba(data.test.inputs) - models["discriminant"].predict_proba(data.test.inputs)).max())

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn to bring a sound. `test_sound` is the path of a WAV, FLAC, OGG or MP3 file; the name of an emotion, for a
# synthesised voice; or the word `record`, which records four seconds from the microphone (on Colab in the browser;
# elsewhere with the library `sounddevice`).
#
# Two models answer: the discriminant from above, which has heard nothing but a synthesiser, and `voice-emotion`, which comes
# along and was trained on ten German actors. For a recording of a person believe the second one, and remember that it reads
# acted German better than everyday speech. For the synthesised voice that is used by default believe the first: the
# second has never heard such a sound.

# %%
def sound_of(source):
    """A synthesised voice for the name of an emotion, a recording for the word record, else the file."""
    if source == "record":
        return emorec.voice.record(4)
    return emorec.voice.synthesis.voice(source, seed=7)[0] if source in emorec.labels.EMOTIONS7 else source


actors = emorec.load("voice-emotion")

# %% tags=["user-input"]
test_sound = "anger"  # a file, an emotion, or "record"
sound = sound_of(test_sound)
for name, model in (("trained here", models["discriminant"]), ("voice-emotion", actors)):
    p = model.predict_proba([sound])[0]
    print(f"{name}:", ", ".join(f"{model.label_set_.names[k]} {100 * p[k]:.0f} %" for k in np.argsort(-p)[:3]))

# %% [markdown]
# A longer recording is read window by window, and where nobody speaks there is no answer. This one is made of two test
# sounds, the surest right answers of the discriminant for anger and for sadness, with two seconds of silence between them.

# %%
p = models["discriminant"].predict_proba(data.test.inputs)
p = np.where((p.argmax(axis=1) == data.label_set.encode(data.test.labels))[:, None], p, 0)
pieces = [emorec.voice.as_sound(data.test.inputs[int(p[:, names.index(name)].argmax())]).samples for name in pair]
talk = np.concatenate([pieces[0], np.zeros(32000, "float32"), pieces[1]])
print(f"{pair[0]} until {len(pieces[0]) / 16000:.1f} s, {pair[1]} from {len(pieces[0]) / 16000 + 2:.1f} s")
models["discriminant"].predict_over_time((talk, 16000))[["start", "end", "speech", "label", "confidence"]].round(2)

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish(
    {
        **{f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in scores.items()},
        "best possible rate, voice known": best_possible_rate(True),
        "best possible rate, voice not known": best_possible_rate(False),
    },
    title=f"Speakers never heard, {data.name}",
)

# %% [markdown]
# ### What was learnt
#
# Pitch, loudness, tempo and timbre, summed up in statistics, bring a linear model to within ten points of the best possible
# rate. Normalising by speaker gains most of it, because people differ from one another as much as their moods do. With so little data the network
# falls behind; it needs far more voices to learn what the statistics hold from the start. A random split gives a
# better number than the same model deserves. The difference is small here, where a voice has few habits of its own; on real
# actors, in the table below, it is seven points.
#
# Nothing here is about people: the voices are synthesised, and the directions in which emotions move their parameters were
# taken from the literature. The following numbers are of ten actors who speak German, in a copy of the Berlin database that
# is cut to two seconds. Each speaker is the test once:
#
# <!-- results: emodb-2s -->
# | data | model | accuracy, % [95 %] | macro-recall, % [95 %] | runs |
# |---|---|---|---|---|
# | emodb-2s | *majority class* | 23.7 [21.5, 26.7] | 14.3 | 1 |
# | emodb-2s | *prosody + logistic regression* | 65.2 [61.3, 68.8] | 66.2 [62.2, 69.5] | 1 |
# | emodb-2s | *statistics + SVM* | 72.7 [67.7, 77.6] | 71.1 [66.3, 75.8] | 1 |
# | emodb-2s | CNN + global attention | 54.6 [47.1, 61.5] | 53.7 [45.9, 61.3] | 1 |
# | emodb-2s | CNN | 57.6 [51.0, 64.2] | 57.0 [49.8, 64.5] | 1 |
# | emodb-2s | CNN + global attention, by speaker | 67.7 [62.7, 71.7] | 67.1 [61.4, 71.3] | 1 |
# | emodb-2s | BiLSTM + global attention, by speaker | 69.2 [64.5, 73.6] | 68.5 [62.7, 73.5] | 1 |
# | emodb-2s | discriminant, without other speeds | 73.6 [68.5, 77.9] | 73.3 [68.9, 77.0] | 1 |
# | emodb-2s | discriminant, levelled | 75.0 [70.1, 79.3] | 75.3 [71.2, 78.9] | 1 |
# | emodb-2s | discriminant | 75.3 [70.8, 79.8] | 75.6 [71.5, 79.4] | 1 |
# | emodb-2s | SVM | 77.4 [73.9, 81.6] | 76.4 [73.1, 80.0] | 1 |
# | emodb-2s | discriminant, random folds | 82.8 [78.5, 85.9] | 83.0 [79.3, 85.6] | 1 |
# | emodb-2s | discriminant, by speaker | 84.9 [82.6, 86.8] | 85.4 [83.2, 87.6] | 1 |
# | emodb-2s | SVM, by speaker | 85.2 [83.9, 86.7] | 84.6 [82.9, 86.5] | 1 |
#
# emodb-2s: leave one speaker out; answers of all folds together, intervals over whole speakers.
# emodb-2s: leave one speaker out; features normalised by each speaker's own utterances, those of the test speaker too, without labels; answers of all folds together, intervals over whole speakers.
# emodb-2s: 10 random folds that share speakers and sentences: no measure of people never heard; answers of all folds together, intervals over whole speakers.
# <!-- /results -->
#
# ### Exercises
#
# 1. Fear and anger have a similar pitch in the table above. By which of its numbers can they be distinguished?
#    <details><summary>Solution</summary>By the level: angry sounds are about seven decibels louder, which is more than two
#    standard deviations. Pitch and tempo overlap.</details>
# 2. The discriminant by speaker subtracts the mean of a speaker's own sounds. What does it answer if only the angry sounds
#    of a person are at hand?
#    <details><summary>Solution</summary>Take <code>angry = np.flatnonzero(data.test.labels == "anger")</code> and print
#    <code>models["discriminant, by speaker"].predict(data.test.inputs[angry], speakers=data.test.groups[angry])</code>.
#    The mean that is subtracted is that of the anger, so that nothing of it is left: most of the answers are no longer
#    anger. Normalising by speaker takes sounds of all moods.</details>
# 3. A paper tests on 1,000 sentences of two speakers and gives its accuracy as 80 % ± 2.5. What is wrong with the interval?
#    <details><summary>Solution</summary>It treats the sentences as independent. Sentences of one person are not, so the
#    number of people counts, and with two people hardly anything can be said about a third. The intervals above resample
#    whole speakers.</details>
#
# ### Where to go on
#
# [film_clip](../multimodal/film_clip.ipynb) reads voice, face and words together, [global_attention](../text/global_attention.ipynb)
# explains the attention of the network, and [cross_dataset](../faces/cross_dataset.ipynb) shows for faces what a split by
# person changes. The functions are described in [emorec.voice](../../docs/api/voice.md).
