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
# # Aligned sequences: a word, and how it is said
#
# <!-- launch -->
#
# "Great." Said with a rising voice it is praise, with a falling one it is not. Neither the transcript nor the voice alone can
# tell; one needs the word *and what the voice did at that word*. In **word-aligned** data each word comes with the voice and
# the face during it. This notebook compares ways to use that alignment: recurrent networks that meet only at the end, the
# usual baseline of this field; fusion word by word; a memory that watches all streams (MFN); and cross-modal attention
# (MulT). It asks which of them can connect a word with its tone, and it makes sure that padding is never counted.
#
# Out of the box everything runs on a drawn corpus with a known optimum, without a network connection. CMU-MOSI in its
# aligned form is an option, for those who have the files.

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
# `mosi_path` names a folder or file with aligned CMU-MOSI (a pickle of MulT, MultiBench or MMSA, or the `.csd` files of the
# CMU SDK). Its homes come and go, so that nothing is downloaded here; leave it empty for the drawn corpus.
# `mult_examples` is for cross-modal attention, which needs more sentences than the others: see what it learns from 3,000.

# %% tags=["parameters"]
mosi_path = ""  # @param {type:"string"}
examples = 3000  # @param {type:"integer"}
mult_examples = 12000  # @param {type:"integer"}
epochs = 12  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# A small language of forty words, each with a vector of eight numbers. Two words praise and two blame; a sentence holds
# exactly one of these, among 5 to 12 words. At two words of each sentence the voice is raised: at the one that counts, and
# at another, which means nothing. A raised voice goes up or down in pitch, under noise. The class is positive where the cue
# says what the tone says: praise going up, blame going down. The face is noise.

# %%
import numpy as np

examples, epochs, steps = (300, 2, 12) if fast else (examples, epochs, 12)
lexicon = "great lovely awful dreadful the a it was we they so and then film room food day walk rain bus train song door "\
    "chair shop tea Monday again there with from some about today home late into very just quite".split()  # fmt: skip
vectors = np.random.default_rng(0).normal(size=(len(lexicon), 8)).astype("float32")

# %% [markdown]
# Whoever knows which word counts still reads its pitch through noise. The best possible accuracy is
# $\Phi(1.6) = 94.5\,\%$. Someone who hears both raised words, but not which of them was the cue, can only add up the two
# pitches, and reaches 74.4 %.

# %%
def draw(n, number):
    """Inputs of a model by name, classes (n,), the words (n, 12), and where the cue stands (n,)."""
    rng = np.random.default_rng([seed, number])
    lengths, rows = rng.integers(5, steps + 1, n), np.arange(n)
    mask = rows[:steps] < lengths[:, None]
    words, sounds = rng.integers(4, len(lexicon), (n, steps)), rng.normal(size=(2, n, steps, 4))
    valence, pitch, elsewhere = rng.choice([-1, 1], (3, n))
    cue = (rng.random(n) * lengths).astype(int)
    other = (cue + 1 + (rng.random(n) * (lengths - 1)).astype(int)) % lengths
    words[rows, cue] = np.where(valence > 0, 0, 2) + rng.integers(2, size=n)
    for place, way in ((cue, pitch), (other, elsewhere)):
        sounds[0, rows, place, :2] += np.stack([1.6 * way, np.full(n, 3.0)], axis=1)  # pitch, loudness
    x = {"text": vectors[words], "audio": sounds[0], "video": sounds[1]}
    x = {m: (v * mask[:, :, None]).astype("float32") for m, v in x.items()}
    return x | {"presence": np.ones((n, 3), "float32"), "mask": mask}, (valence == pitch).astype(int), words, cue


# %% [markdown]
# Two draws to train on, one to test; nothing is chosen, so there is no validation part.

# %%
from emorec import training

draws = 1 if fast else 2
train_parts = [draw(examples, number) for number in range(draws)]
x_test, y_test, words_test, cue_test = draw(2000, 99)

# %% [markdown]
# ## Look at it
#
# One sentence, and what goes with each word. Loudness tells where the voice is raised; pitch goes up or down there.

# %%
import matplotlib.pyplot as plt

from emorec import plots

n = int(x_test["mask"][0].sum())
figure, ax = plt.subplots(figsize=(9, 3), layout="constrained")
for k, (name, colour, marker) in enumerate((("pitch", plots.BLUE, "o-"), ("loudness", plots.ORANGE, "s--"))):
    ax.plot(x_test["audio"][0, :n, k], marker, color=colour, label=name)
ax.axvline(cue_test[0], color="0.6", ls=":")
ax.set_xticks(range(n), [lexicon[w] for w in words_test[0, :n]])
ax.set(ylabel="voice (standard deviations)", title=f"dotted: the word that counts; the class is {('negative', 'positive')[y_test[0]]}")
ax.legend(frameon=False);

# %% [markdown]
# ## Model
#
# With word $x_t$, voice $v_t$ and face $f_t$ at step $t$:
#
# - **late LSTM**: $\mathrm{LSTM}(x_{1..T})$, $\mathrm{LSTM}(v_{1..T})$, $\mathrm{LSTM}(f_{1..T})$, their last states side by side.
#   What the voice did is known only after it has been forgotten *when*.
# - **early LSTM**: one LSTM over $[x_t; v_t; f_t]$.
# - **MFN** (Zadeh et al., 2018): an LSTM for each stream, and a memory with attention over what changed in all of them at each
#   step.
# - **MulT** (Tsai et al., 2019): each stream asks the others by attention over all their steps, then itself. It finds the
#   partner of a word by its position, so that it needs no alignment.
#
# Padding is masked in all of them: it is not read, not attended to, and not averaged.

# %%
from emorec.multimodal.models import build_aligned_model, statistics

kinds = {
    "late LSTM": dict(kind="late-lstm"),
    "early LSTM": dict(kind="early-lstm"),
    "MFN": dict(kind="early-lstm", fusion="memory", fusion_options={"units": 16, "memory": 16}),
    "MulT": dict(kind="mult", units=32, heads=4, dropout=0.0),
}

# %% [markdown]
# The sizes of the streams, and a model for each:

# %%
sizes = {"text": 8, "audio": 4, "video": 4}
kinds = {name: kinds[name] for name in ("late LSTM", "early LSTM")} if fast else kinds


def build(name, sizes=sizes, **options):
    return build_aligned_model(sizes, 2, **{"units": 24, "dropout": 0.1, **kinds[name], **options})


print("weights:", {name: build(name).count_params() for name in kinds})

# %% [markdown]
# ## Train
#
# A fixed number of epochs for all. Attention is trained on a longer draw of its own, in smaller steps.

# %%
def train(name, number):
    training.set_seed(seed + number)
    model, (x, y, _, _) = build(name), draw(mult_examples, number) if name == "MulT" else train_parts[number]
    pace = dict(learning_rate=2e-3, batch_size=32, schedule="cosine") if name == "MulT" else dict(learning_rate=5e-3)
    history = training.fit(model, (x, training.one_hot(y, 2)), epochs=epochs, seed=number, progress=None, **pace)
    return model, history


# %% [markdown]
# Each model on each draw; MulT, which takes most of the time, once:

# %%
trained = {name: [train(name, number) for number in range(1 if name == "MulT" else draws)] for name in kinds}
models = {name: runs[0][0] for name, runs in trained.items()}

# %% [markdown]
# The loss on the training part. Chance is $\ln 2 = 0.69$ nats; 0.42 is the best one can do without knowing *when*, 0.14 with it
# (the expected loss of the optimal answers, from four million draws). Below that a model learns by heart.

# %%
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for (name, runs), colour in zip(trained.items(), plots.COLOURS):
    for number, (_, history) in enumerate(runs):
        ax.plot(range(1, epochs + 1), history["loss"], color=colour, label=name if number == 0 else None)
for height, name in ((0.693, "chance"), (0.42, "best without when"), (0.14, "best possible")):
    ax.axhline(height, color="0.7", ls=":", zorder=0)
    ax.annotate(name, (epochs, height), xytext=(0, 3), textcoords="offset points", ha="right", color="0.4", fontsize=9)
ax.set(xlabel="epoch", ylabel="training loss (nats)", title="Learning curves, a line for each draw")
ax.legend(frameon=False);

# %% [markdown]
# ## Evaluate
#
# Accuracy on 2,000 test sentences (95 % interval of one model: about ± 2), for each draw of the training data.

# %%
import pandas as pd


def accuracy(model, x=x_test):
    return 100 * np.mean(training.predict(model, x).argmax(axis=1) == y_test)


# %% [markdown]
# Chance is 50; without the alignment 74.4 is possible, with it 94.5. MulT's number is of its own, longer draw.

# %%
scores = {name: [accuracy(model) for model, _ in runs] for name, runs in trained.items()}
pd.DataFrame.from_dict(scores, orient="index").rename(columns=lambda k: f"draw {k + 1}").round(1)

# %% [markdown]
# ### Does it use the alignment?
#
# Take the alignment away from the test sentences: shift the voice of each by one word, as a wrong time stamp would. A model
# that reads the tone at the word alone must fall to chance; one that never asks *when* can lose little.

# %%
def shifted(x):
    """The voice one word late, the last word's voice at the first."""
    audio, lengths = np.zeros_like(x["audio"]), x["mask"].sum(axis=1)
    for row, n in enumerate(lengths):
        audio[row, :n] = np.roll(x["audio"][row, :n], 1, axis=0)
    return x | {"audio": audio}


# %%
pd.DataFrame({"aligned": {name: accuracy(model) for name, model in models.items()},
              "voice one word late": {name: accuracy(model, shifted(x_test)) for name, model in models.items()}}).round(1)  # fmt: skip

# %% [markdown]
# ### Padding is never counted
#
# The same sentences, padded by eight more steps full of garbage: what is not a number must not matter.

# %%
def padded(x, extra=8):
    wide = {m: np.pad(x[m], ((0, 0), (0, extra), (0, 0)), constant_values=np.nan) for m in sizes}
    return wide | {"presence": x["presence"], "mask": np.pad(x["mask"], ((0, 0), (0, extra)))}


few = {key: value[:200] for key, value in x_test.items()}
{name: float(abs(training.predict(model, padded(few)) - training.predict(model, few)).max().round(6)) for name, model in models.items()}

# %% [markdown]
# ### What a stream is worth
#
# The same test sentences with one stream missing, told to the model by `presence`. It was not trained for this.

# %%
def without(m):
    presence = x_test["presence"].copy()
    presence[:, list(sizes).index(m)] = 0
    return x_test | {"presence": presence}


pd.DataFrame({f"without {m}": {name: accuracy(model, without(m)) for name, model in models.items()} for m in sizes}).round(1)

# %% [markdown]
# ## Explain
#
# Which word counts, according to the model? Take the voice of one word away, replacing it by the average voice, and see how
# far the probability moves. The largest shift should stand at the cue.

# %%
def shifts(model, x, count=300):
    """How far the probability moves without the voice of each word: (count, steps), 0 on padding."""
    x = {key: value[:count] for key, value in x.items()}
    whole = emorec.metrics.probabilities(training.predict(model, x))[:, 1]
    moved = np.zeros((count, steps))
    for t in range(steps):
        audio = x["audio"].copy()
        audio[:, t] = 0
        moved[:, t] = abs(emorec.metrics.probabilities(training.predict(model, x | {"audio": audio}))[:, 1] - whole)
    return moved * x["mask"]


# %% [markdown]
# The share of sentences in which it does; by chance it would be about one in eight, and one in two for a model that only
# knows where the voice is raised.

# %%
found = {name: shifts(model, x_test).argmax(axis=1) == cue_test[:300] for name, model in models.items()}
pd.Series({name: 100 * hit.mean() for name, hit in found.items()}, name="largest shift at the cue, %").round(1).to_frame().T

# %% [markdown]
# ### Where a word looks for its voice
#
# MulT is not told which step of the voice belongs to which word. The picture is the attention of the words (rows) to the
# voice (columns), over the test sentences of twelve words, mean over its heads; what is missing to 1 goes to the empty
# slot, "nothing". A diagonal is alignment that was learnt.

# %%
def attended(model):
    """Mean attention of words to the voice of each word in the longest sentences: (steps, steps)."""
    longest = x_test["mask"].all(axis=1)
    x = {key: value[longest] for key, value in x_test.items()}
    cross = model.get_layer("cross_text")
    _, scores = cross([x[m] for m in sizes], presence=x["presence"], mask=x["mask"], return_attention_scores=True)
    return np.asarray(scores[0]).mean(axis=(0, 1))[:, :-1]


# %%
if "MulT" in models:
    figure, ax = plt.subplots(figsize=(5.4, 4.4), layout="constrained")
    image = ax.imshow(attended(models["MulT"]), cmap="Blues", vmin=0, extent=(0.5, steps + 0.5, steps + 0.5, 0.5))
    figure.colorbar(image, label="attention weight")
    ax.set(xlabel="voice at word", ylabel="word", title="MulT: from each word to the voice")

# %% [markdown]
# ## Save and load

# %%

work = emorec.reporting.work_folder()
models["early LSTM"].save(work / "aligned_sequences.keras")
same = emorec.load_model(work / "aligned_sequences.keras")
print("largest change of a logit:", abs(training.predict(same, few) - training.predict(models["early LSTM"], few)).max())

# %% [markdown]
# ## Evaluate on external data
#
# Your turn: write a sentence in words of the small language (others are left out), and say for each word how the voice
# goes: `+` up, `-` down, `0` as usual. The cue words are *great, lovely, awful, dreadful*. The answer is each model's
# probability of positive.

# %% tags=["user-input"]
test_sentence = "the food was great and the rain just late"
test_voice = "0 0 0 - 0 0 0 0 +"
known = [(w, v) for w, v in zip(test_sentence.split(), test_voice.split() + ["0"] * 99) if w in lexicon][:steps] or [("it", "0")]
yours = {key: np.zeros((1, *value.shape[1:]), value.dtype) for key, value in x_test.items()}
yours["mask"][0, : len(known)], yours["presence"][:] = True, 1
for t, (word, voice) in enumerate(known):
    yours["text"][0, t] = vectors[lexicon.index(word)]
    yours["audio"][0, t, :2] = {"+": (1.6, 3), "-": (-1.6, 3)}.get(voice, (0, 0))
print("read:", " ".join(w + v.replace("0", "") for w, v in known))
pd.Series({name: emorec.metrics.probabilities(training.predict(m, yours))[0, 1] for name, m in models.items()}, name="positive").round(2).to_frame().T

# %% [markdown]
# ### CMU-MOSI
#
# With `mosi_path`: the folds of the CMU SDK (`mosi-cmu`, not comparable with the 62/31 videos of the other notebooks), the
# epoch chosen on its validation videos, intervals over whole videos.

# %%
def on_mosi(name):
    """Test accuracy of a model on aligned CMU-MOSI, with its interval."""
    data = emorec.datasets.load("mosi", path=mosi_path, split="mosi-cmu")
    x = {s.name: s.inputs | {"presence": np.ones((len(s), 3), "float32")} for s in (data.train, data.validation, data.test)}
    y = {s.name: training.one_hot(data.label_set.encode(s.labels), 2) for s in (data.train, data.validation)}
    scaling = statistics({m: x["train"][m] for m in sizes}, mask=x["train"]["mask"])
    model = build(name, {m: x["train"][m].shape[-1] for m in sizes}, scaling=scaling)
    training.fit(model, (x["train"], y["train"]), (x["validation"], y["validation"]), epochs=20, patience=4, progress=None)
    guessed = data.label_set.decode(training.predict(model, x["test"]).argmax(axis=1))
    scored = emorec.metrics.evaluate(data.test.labels, guessed, data.label_set, groups=data.test.groups)
    return scored.accuracy, *scored.accuracy_interval


# %% [markdown]
# Accuracy and interval:

# %%
mosi = {name: on_mosi(name) for name in kinds} if mosi_path else {}
print(mosi or "left out: no mosi_path")

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish({
    "best possible": 0.945,
    **{f"accuracy, {name}": np.mean(s) / 100 for name, s in scores.items()},
    **{f"largest shift at the cue, {name}": (hit.mean(), *emorec.metrics.wilson_interval(int(hit.sum()), len(hit))) for name, hit in found.items()},
    **{f"accuracy on mosi-cmu, {name}": tuple(map(float, value)) for name, value in mosi.items()},
})  # fmt: skip

# %% [markdown]
# **What was learnt.** Streams that meet only at the end reach what can be had without knowing *when*, three in four, and a
# voice that is one word late costs them some points. Fused word by word they do clearly better, and with a memory of what
# changes in all streams at once better still, near the best possible. When the alignment is wrong, the early LSTM falls to
# chance and the memory not far above it. Nothing that stands in the padding changes an answer.
#
# Cross-modal attention, which is told no alignment, finds one: its words look at their own voice, if softly. Its curve comes
# down in two steps. First it adds up the voice where it is loud, then it learns *when*. It pays for it with four times the
# sentences and most of the computing time.
#
# **What was not.** That attention always gets there. With `mult_examples = 3000` it ends on the first step, at 74 %; with 24
# units instead of 32, or with dropout of 0.1, it was seen to stay at chance for ten epochs. With two heads, in
# batches of 64 at a rate of 0.004, one run of twelve epochs came as far as is possible, while four of six or seven epochs ended
# at or near chance: when it leaves chance is a matter of luck. On data that *is* aligned, models that are told so have the
# advantage. On real data, where the text alone tells most, the question looks different
# (`mosi_path`). The face is noise in this corpus, and the sentences make no sense; that a tone turns a meaning round is the
# only thing real about it.
