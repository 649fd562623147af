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
# # Does attention help? Every encoder, with and without
#
# <!-- launch -->
#
# A much-read paper (Kardakis et al., 2021) reports that attention adds up to 3.5 points of accuracy to recurrent and other networks for
# sentiment. Its public code trains each network once, on one split, and stops by the test set. Here the question is asked again, in a
# way that can tell an effect from luck: all networks have the same folds and seeds, differences are counted fold by fold, the
# intervals know that the folds overlap, and the p values know how many questions were asked.
#
# A small version runs out of the box on the bundled sample. The full experiment on real data, 64 networks on ten folds of two datasets,
# is recorded; its result, the main figure of this notebook, is under *On real data*.

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
# Change a value, then run everything again. The time grows with encoders × attentions × folds × seeds. Encoders are those of
# `emorec.text.models.ENCODERS`; attentions are none, uniform, global, self and structured.

# %% tags=["parameters"]
dataset = "sample-sentences"  # @param ["sample-sentences", "movie-polarity", "movie-subjectivity"]
encoders = ["mlp-average", "gru"]  # @param {type:"raw"}
attentions = ["none", "uniform", "global"]  # @param {type:"raw"}
embedding = "glove"  # @param ["glove", "learned"]
sentences = 1600  # @param {type:"integer"}
folds = 3  # @param {type:"integer"}
seeds = 1  # @param {type:"integer"}
epochs = 12  # @param {type:"integer"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# All examples are dealt into folds. Each fold is the test split once, and a tenth of the others decides when to stop. Copies of a
# sentence stay together. Of the bundled sample only some sentences are used, to save time, and its own split is set aside here.

# %%
from emorec.text import comparison as study

data = emorec.datasets.load(dataset)
data = data.smaller(sentences) if dataset.startswith("sample") else data
if fast:
    data, encoders, attentions, folds, epochs = data.smaller(300), ["mlp-average"], ["none", "global"], 2, 2
dealt = [study.refolded(data, fold, folds) for fold in range(folds)]
print(*dealt, sep="\n")

# %% [markdown]
# ## Look at it
#
# Folds are only comparable if they look alike. The figure shows the share of each class in their test splits.

# %%
from emorec import plots

tests = {f"fold {fold + 1}": one.test.labels for fold, one in enumerate(dealt)}
plots.classes(tests, label_set=data.label_set, title="Test split of each fold");

# %% [markdown]
# ## Model
#
# Every encoder turns words into states $h_1, \dots, h_T$; the attention turns states into one vector $c$:
#
# | attention | $c$ | learns where to look |
# |---|---|---|
# | none | what the encoder ends in: the last state, the maximum or the mean | no |
# | uniform | $\frac{1}{T}\sum_t h_t$ | no: the control |
# | global | $\sum_t a_t h_t$, with $a$ from one learned direction | yes |
# | self | the mean of states that have looked at each other | yes |
# | structured | several weighted sums, laid end to end | yes |
#
# The weights $a_t$ are positive and sum to one, and $T$ is the number of words. Two comparisons answer two questions. The comparison with
# *none* shows whether attention is worth adding. The comparison with *uniform* shows whether the looking helps or the averaging. Pairs
# that would be the same network twice are trained once (`mlp-average` already averages).

# %%
grid = [pair for pair in study.pairs() if pair[0] in encoders and pair[1] in attentions]
settings = dict(embedding=embedding, units=32, attention_units=32, dropout=0.5, max_length=40, batch_size=128, learning_rate=0.01)
settings |= dict(epochs=epochs, patience=3)
print(f"{len(grid)} networks × {folds} folds × {seeds} seed{'s' * (seeds > 1)} = {len(grid) * folds * seeds} trainings")

# %% [markdown]
# ## Train
#
# Nothing is tuned: all networks have the same settings. Each stops by its own validation split and sees its test split once, to be
# scored.

# %%
def trained(one, encoder, attention, seed):
    """One network, trained on the training split of a fold."""
    model = emorec.TextClassifier(encoder, attention, **settings, seed=seed)
    return model.fit(one.train, validation=one.validation, label_set=data.label_set, progress=None)


# %% [markdown]
# Every network is trained on every fold, and the networks of the last fold are kept for later.

# %%
rows, last = [], {}
for fold, one in enumerate(dealt):
    for pair in grid:
        for s in range(seed, seed + seeds):
            last[pair] = trained(one, *pair, s)
            rows.append((data.name, *pair, fold, len(one.test) / len(one.train), s, last[pair].score(one.test)))
    print(f"fold {fold + 1} of {folds} done")

# %% [markdown]
# The baseline is a linear model on word and word-pair counts, trained on the same folds. The table below holds the mean over
# the folds.

# %%
import numpy as np
import pandas as pd

from emorec.text import baselines

scores = pd.DataFrame(rows, columns=["dataset", "encoder", "attention", "fold", "ratio", "seed", "score"])
linear = [baselines.build("tfidf-lr", data.label_set).fit(p.train.inputs, p.train.labels) for p in dealt]
linear_scores = np.array([np.mean(m.predict(p.test.inputs) == p.test.labels) for m, p in zip(linear, dealt)])

# %%
means = 100 * scores.pivot_table(index="encoder", columns="attention", values="score", sort=False)
means = means[[name for name in attentions if name in means]]
caption = f"mean accuracy (%); TF-IDF + logistic regression: {100 * linear_scores.mean():.1f}"
means.style.format("{:.1f}", na_rep="–").set_caption(caption)

# %% [markdown]
# ## Evaluate
#
# Each line of the figure is one fold. A fold with hard sentences is hard for all networks, so networks are compared within folds. Were the
# effect of an attention the same everywhere, the lines would run side by side. Where they cross, the luck of single trainings is larger
# than the effect.

# %%
import matplotlib.pyplot as plt

size = (1 + 4.6 * len(encoders), 3.8)
figure, axes = plt.subplots(1, len(encoders), figsize=size, layout="constrained", sharey=True, squeeze=False)
for ax, encoder in zip(axes.flat, encoders):
    table = scores[scores.encoder == encoder].pivot_table(index="attention", columns="fold", values="score", sort=False)
    for fold, marker, colour in zip(table, "osD^v<>P*X", plots.COLOURS * 2):
        ax.plot(table.index, 100 * table[fold], marker=marker, ms=4, color=colour, lw=1, label=f"fold {fold + 1}")
    ax.axhline(100 * linear_scores.mean(), color="0.4", ls="--", label="TF-IDF + LR, mean")
    ax.set(title=encoder, xlabel="attention")
    ax.spines[["top", "right"]].set_visible(False)
axes[0, 0].set_ylabel("accuracy on the test split (%)")
axes[0, -1].legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# First, every attention is compared with none. The difference on each fold is averaged. Its interval is corrected for the overlap of the
# training splits (Nadeau and Bengio, 2003), because plain t intervals over folds report differences where there are none. The p values
# are adjusted for the number of comparisons (Holm, 1979); the intervals are not.

# %%
against_none = study.paired(scores)
plots.forest(against_none, digits=1, xlabel="accuracy gained over no attention (points)", title=f"{data.name}: attention against none");

# %% [markdown]
# Then the same against equal weights: what is left when averaging is not counted as attention? (The encoder `mlp-average` without
# attention takes the mean of its states, so it is its own control.)

# %%
against_uniform = study.paired(scores, "uniform")
plots.forest(against_uniform, digits=1, xlabel="accuracy gained over equal weights (points)", title=f"{data.name}: attention against equal weights");

# %% [markdown]
# ### The answer in words
#
# The next paragraphs are written from the numbers, so that they always fit them.

# %%
from IPython.display import Markdown

best = means.stack().idxmax()
gap = means.loc[best] - 100 * linear_scores.mean()
side = "above" if gap > 0 else "below"
best_line = f"The best mean is {means.loc[best]:.1f} % ({best[0]}, {best[1]}), {abs(gap):.1f} points {side} the linear model on the same folds."
Markdown("\n\n".join([study.conclusion(against_none), study.conclusion(against_uniform, "uniform"), best_line]))

# %% [markdown]
# ## Explain
#
# Do the mechanisms look at the same words? Kendall's rank correlation compares the weights of two networks, averaged over test sentences
# of the last fold: 1 means the same order of the words, and 0 that the orders are unrelated. Equal weights have no order and are left out.

# %%
from emorec.text import explain
from emorec.text.models import attention_outputs

texts, weights = list(dealt[-1].test.inputs[: 10 if fast else 60]), {}
for pair, model in last.items():
    if pair[1] not in ("none", "uniform"):
        ids = model.encoding_.encode(texts)
        weighed = np.asarray(attention_outputs(model.model_)(ids)[1])
        weights[", ".join(pair)] = [w[row > 0] for w, row in zip(weighed, ids)]

# %% [markdown]
# Rows and columns of the table name the two networks.

# %%
def agreement(first, second):
    """Mean rank correlation of two networks' weights, text by text."""
    return np.nanmean([explain.rank_agreement(a, b) for a, b in zip(first, second)])


pd.DataFrame({a: {b: agreement(x, y) for b, y in weights.items()} for a, x in weights.items()}).round(2)

# %% [markdown]
# ## Save and load
#
# What is worth keeping here are the scores, one row for each training. They are plain numbers in a plain file.

# %%
work = emorec.reporting.work_folder()
scores.to_csv(work / "attention_comparison.csv", index=False)
again = pd.read_csv(work / "attention_comparison.csv", keep_default_na=False)
print(len(again), "rows; same differences:", np.allclose(study.paired(again).estimate, against_none.estimate))

# %% [markdown]
# ## Evaluate on external data
#
# Now it is your turn: write a sentence of your own and run this one cell. Every network of the last fold answers, with the probability of
# each class. How far they agree says more than how sure any one of them is. The first line is the answer of `text-emotion`, which comes along.

# %% tags=["user-input"]
test_sentence = "We danced in the kitchen until midnight, and I could not stop laughing."
print("text-emotion:", emorec.load("text-emotion").predict([test_sentence])[0])
answers = {", ".join(pair): model.predict_proba([test_sentence])[0] for pair, model in last.items()}
answers = pd.DataFrame(answers, index=list(data.label_set)).T
answers.assign(answer=answers.idxmax(axis=1)).round(2)

# %% [markdown]
# ## Results

# %% tags=["results"]
def differences(table, reference):
    """Name to (difference, low, high), as fractions."""
    numbers = table[["estimate", "low", "high"]].to_numpy() / 100
    return {f"{label} minus {reference}": tuple(row) for label, row in zip(table.label, numbers)}


emorec.reporting.publish(
    {f"accuracy, {encoder}, {attention}": means.loc[encoder, attention] / 100 for encoder, attention in grid}
    | {"TF-IDF + logistic regression, accuracy": linear_scores.mean()}
    | differences(against_none, "none")
    | differences(against_uniform, "uniform")
)

# %% [markdown]
# ### On real data
#
# This is the same analysis of the recorded experiment `attention`: every encoder under every attention on the two Movie Review datasets, ten
# folds each. A column is an attention and a row an encoder; the last row is the mean over the encoders. A full circle is a difference
# that remains after the adjustment for the number of questions, and a hollow one is not. The row *none* has no encoder, so
# that attention works on the word vectors themselves.

# %%
def panels(table, title):
    """A forest plot with a column for each attention."""
    rows = [name for name in (*study.ENCODERS, study.EVERY) if name in set(table.encoder)]
    columns = list(dict.fromkeys(table.attention))
    size = (2 + 2.4 * len(columns), 1.3 + 0.27 * len(rows))
    figure, axes = plt.subplots(1, len(columns), figsize=size, layout="constrained", sharex=True, sharey=True, squeeze=False)
    for ax, column in zip(axes.flat, columns):
        own = table[table.attention == column]
        at, full = own.encoder.map(rows.index), np.where(own.p < 0.05, plots.BLUE, "white")
        ax.hlines(at, own.low, own.high, color=plots.BLUE, lw=1.5)
        ax.scatter(own.estimate, at, s=28, color=full, edgecolor=plots.BLUE, zorder=3)
        ax.axvline(0, color="0.4", lw=1, ls="--", zorder=0)
        ax.set(title=column, yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
        ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.supxlabel("accuracy gained over no attention (points), 95 % interval", fontsize=10)


# %% [markdown]
# The records lie in the project's folder; the installed package does not hold them.

# %%
try:
    from experiments.attention import scores as recorded_scores

    recorded = recorded_scores()
    print(f"{len(recorded)} runs of the experiment `attention` are recorded.")
except ImportError:
    recorded = pd.DataFrame({"dataset": []})
    print("No records are at hand, so the figures below are left out. They lie in the project's folder, in results/.")

# %% [markdown]
# A dataset can be compared as soon as two attentions of one encoder are recorded on two folds.

# %%
tables = {}
for name, runs in recorded.groupby("dataset"):
    for reference in ("none", "uniform"):
        try:
            tables[name, reference] = study.paired(runs, reference)
        except emorec.errors.BadInput as error:
            print(f"{name}: {error}")
# %% [markdown]
# Each comparison follows in words, and the one with no attention as a figure.

# %%
for (name, reference), table in tables.items():
    display(Markdown(study.conclusion(table, reference)))
    if reference == "none":
        panels(table, f"{name}: attention against none")
        plt.show()  # at once, so that the figure stays with its words

# %% [markdown]
# ### What was learnt
#
# The question has to be asked with care: with a baseline, folds and seeds in common, differences within folds, a control that averages
# without looking, and p values adjusted for the number of questions. Three folds of a small sample leave intervals that are wider than the
# gains that the paper reports; they show how the question is answered and not what the answer is.
#
# The real data answers it. On the film reviews attention helps: averaged over the encoders it gains about a point and a half over none, by
# more than chance explains, also after the adjustment. Half of the gain is averaging, which equal weights do as well. What is left for
# the looking is about a point, and after the adjustment only structured attention shows it beyond chance. The gain is not spread evenly. A
# plain recurrent network gains more than six points, because its last state has forgotten the beginning, and bare word vectors gain five
# from self-attention. With LSTMs, GRUs and the convolutional network every single gain can be chance. On the subjectivity sentences there is
# less to gain: no attention adds more than half a point on average.
#
# So the paper's answer holds for some networks and not for all. Attention, or any mean over all states, repairs an encoder that forgets.
# Where the last state of a gated network holds the sentence already, it adds about a point on one dataset and nothing on the other. No network here is clearly
# ahead of NBSVM, a linear model. The experiment had word vectors that were learned with the task; with those of GloVe on the bundled
# sentences, [global_attention](global_attention.ipynb) measures a larger gain.
#
# ### Exercises
#
# 1. Set `folds = 10`. Do the intervals become narrower by the factor $\sqrt{10/3}$?
#    <details><summary>Solution</summary>No. The correction for overlapping training splits keeps some of the variance however many folds
#    there are: ten folds share most of their training examples and are no ten independent experiments. The t quantile shrinks, though.</details>
# 2. A paper compares eight networks on one split and reports the best of them with p = 0.03 against the second. What should be done
#    before this is believed?
#    <details><summary>Solution</summary>The p value must be adjusted for the comparisons that could have been reported (28 pairs of eight
#    networks), and the comparison repeated over folds or seeds; the best of eight is chosen by its luck, too.</details>
# 3. Why is *uniform* attention a better control than *none* for the question whether looking helps?
#    <details><summary>Solution</summary>It differs from attention in one thing only, the weights. Against *none* the way in which the states
#    are combined changes as well: a mean instead of the last state or the maximum.</details>
#
# ### Where to go on
#
# [transformer](transformer.ipynb) asks the same of pretrained networks, [parameter_search](parameter_search.ipynb) shows how choosing by the
# test set deceives, and [recurrent_and_convolutional](recurrent_and_convolutional.ipynb) explains the encoders. The comparison is
# described in [emorec.text](../../docs/api/text.md), the tests in [emorec.metrics](../../docs/api/metrics.md).
#
# <details><summary>All recorded runs of the experiment, a row for each network</summary>
#
# <!-- results: attention -->
# | data | model | accuracy, % [95 %] | macro-F1, % [95 %] | runs |
# |---|---|---|---|---|
# | movie-polarity | *majority class* | 50.0 [50.0, 50.0] | 33.3 [33.3, 33.3] | 10 |
# | movie-polarity | *TF-IDF + logistic regression* | 78.0 [76.7, 79.3] | 78.0 [76.7, 79.3] | 10 |
# | movie-polarity | *NBSVM, bigrams* | 79.2 [78.1, 80.3] | 79.2 [78.1, 80.3] | 10 |
# | movie-polarity | mlp + none | 67.8 [65.2, 70.4] | 67.7 [65.1, 70.3] | 10 |
# | movie-polarity | rnn + none | 70.3 [68.4, 72.2] | 70.3 [68.3, 72.2] | 10 |
# | movie-polarity | none + none | 72.1 [70.9, 73.4] | 72.1 [70.8, 73.3] | 10 |
# | movie-polarity | none + global | 73.8 [72.3, 75.3] | 73.8 [72.3, 75.3] | 10 |
# | movie-polarity | birnn + none | 74.2 [72.9, 75.5] | 74.2 [72.9, 75.5] | 10 |
# | movie-polarity | mlp-average + global | 75.4 [74.0, 76.9] | 75.4 [74.0, 76.8] | 10 |
# | movie-polarity | cnn + none | 75.5 [74.1, 76.8] | 75.3 [73.7, 76.9] | 10 |
# | movie-polarity | mlp-average + none | 75.7 [74.7, 76.7] | 75.7 [74.7, 76.7] | 10 |
# | movie-polarity | stacked-lstm + uniform | 76.0 [75.3, 76.8] | 76.0 [75.3, 76.8] | 10 |
# | movie-polarity | gru + uniform | 76.3 [75.0, 77.7] | 76.3 [74.9, 77.7] | 10 |
# | movie-polarity | lstm + uniform | 76.4 [75.1, 77.6] | 76.4 [75.1, 77.6] | 10 |
# | movie-polarity | rnn + uniform | 76.4 [75.5, 77.4] | 76.4 [75.5, 77.3] | 10 |
# | movie-polarity | bilstm + self | 76.5 [75.0, 77.9] | 76.4 [74.9, 77.9] | 10 |
# | movie-polarity | bigru + none | 76.5 [75.5, 77.4] | 76.5 [75.5, 77.4] | 10 |
# | movie-polarity | mlstm + uniform | 76.6 [75.0, 78.1] | 76.5 [75.0, 78.1] | 10 |
# | movie-polarity | birnn + uniform | 76.6 [75.5, 77.6] | 76.5 [75.4, 77.6] | 10 |
# | movie-polarity | gru + none | 76.6 [75.5, 77.7] | 76.6 [75.5, 77.7] | 10 |
# | movie-polarity | rnn + self | 76.7 [75.7, 77.6] | 76.6 [75.6, 77.7] | 10 |
# | movie-polarity | stacked-lstm + global | 76.7 [75.3, 78.1] | 76.7 [75.3, 78.1] | 10 |
# | movie-polarity | stacked-lstm + structured | 76.7 [75.7, 77.8] | 76.7 [75.7, 77.8] | 10 |
# | movie-polarity | mlp-average + structured | 76.8 [75.8, 77.8] | 76.8 [75.7, 77.8] | 10 |
# | movie-polarity | bilstm + uniform | 76.8 [75.5, 78.1] | 76.8 [75.5, 78.1] | 10 |
# | movie-polarity | rnn + global | 76.8 [75.6, 78.0] | 76.8 [75.6, 78.0] | 10 |
# | movie-polarity | none + structured | 76.8 [75.9, 77.7] | 76.8 [75.9, 77.7] | 10 |
# | movie-polarity | stacked-lstm + self | 76.8 [75.3, 78.4] | 76.8 [75.3, 78.3] | 10 |
# | movie-polarity | lstm + self | 76.8 [75.3, 78.4] | 76.8 [75.3, 78.4] | 10 |
# | movie-polarity | rnn + structured | 77.0 [75.7, 78.3] | 77.0 [75.7, 78.3] | 10 |
# | movie-polarity | birnn + self | 77.0 [75.7, 78.3] | 77.0 [75.6, 78.3] | 10 |
# | movie-polarity | bilstm + none | 77.0 [75.4, 78.7] | 77.0 [75.4, 78.7] | 10 |
# | movie-polarity | mlp-average + self | 77.0 [76.2, 77.9] | 77.0 [76.2, 77.9] | 10 |
# | movie-polarity | bimlstm + none | 77.0 [76.1, 78.0] | 77.0 [76.1, 78.0] | 10 |
# | movie-polarity | lstm + structured | 77.2 [75.8, 78.5] | 77.1 [75.8, 78.5] | 10 |
# | movie-polarity | lstm + none | 77.2 [75.9, 78.4] | 77.1 [75.9, 78.4] | 10 |
# | movie-polarity | stacked-bilstm + self | 77.2 [75.2, 79.2] | 77.1 [75.1, 79.2] | 10 |
# | movie-polarity | bimlstm + self | 77.2 [75.6, 78.8] | 77.2 [75.6, 78.8] | 10 |
# | movie-polarity | bigru + self | 77.3 [75.7, 78.9] | 77.3 [75.6, 78.9] | 10 |
# | movie-polarity | mlstm + self | 77.3 [75.8, 78.8] | 77.3 [75.8, 78.8] | 10 |
# | movie-polarity | mlstm + structured | 77.3 [75.8, 78.8] | 77.3 [75.8, 78.8] | 10 |
# | movie-polarity | gru + self | 77.3 [76.3, 78.4] | 77.3 [76.3, 78.4] | 10 |
# | movie-polarity | cnn + uniform | 77.4 [76.4, 78.3] | 77.3 [76.4, 78.3] | 10 |
# | movie-polarity | mlstm + global | 77.4 [75.8, 79.0] | 77.3 [75.7, 79.0] | 10 |
# | movie-polarity | stacked-lstm + none | 77.4 [76.5, 78.3] | 77.4 [76.5, 78.3] | 10 |
# | movie-polarity | mlstm + none | 77.4 [76.5, 78.4] | 77.4 [76.5, 78.3] | 10 |
# | movie-polarity | birnn + global | 77.4 [76.7, 78.2] | 77.4 [76.7, 78.2] | 10 |
# | movie-polarity | bigru + uniform | 77.5 [76.6, 78.3] | 77.4 [76.5, 78.3] | 10 |
# | movie-polarity | none + self | 77.5 [76.7, 78.3] | 77.5 [76.7, 78.3] | 10 |
# | movie-polarity | gru + global | 77.6 [76.6, 78.5] | 77.5 [76.6, 78.5] | 10 |
# | movie-polarity | stacked-bilstm + global | 77.6 [76.2, 78.9] | 77.6 [76.2, 78.9] | 10 |
# | movie-polarity | stacked-bilstm + uniform | 77.6 [76.3, 78.8] | 77.6 [76.3, 78.8] | 10 |
# | movie-polarity | lstm + global | 77.6 [76.7, 78.5] | 77.6 [76.7, 78.5] | 10 |
# | movie-polarity | gru + structured | 77.7 [76.6, 78.8] | 77.7 [76.6, 78.8] | 10 |
# | movie-polarity | stacked-bilstm + none | 77.7 [76.7, 78.8] | 77.7 [76.7, 78.8] | 10 |
# | movie-polarity | birnn + structured | 77.8 [76.8, 78.7] | 77.7 [76.8, 78.7] | 10 |
# | movie-polarity | stacked-bilstm + structured | 77.8 [76.8, 78.8] | 77.8 [76.8, 78.8] | 10 |
# | movie-polarity | bimlstm + uniform | 77.9 [76.3, 79.5] | 77.9 [76.3, 79.5] | 10 |
# | movie-polarity | cnn + self | 77.9 [77.2, 78.6] | 77.9 [77.2, 78.6] | 10 |
# | movie-polarity | cnn + global | 78.0 [77.4, 78.6] | 78.0 [77.4, 78.6] | 10 |
# | movie-polarity | cnn + structured | 78.0 [77.3, 78.7] | 78.0 [77.3, 78.7] | 10 |
# | movie-polarity | bimlstm + structured | 78.1 [76.9, 79.3] | 78.1 [76.8, 79.3] | 10 |
# | movie-polarity | bilstm + global | 78.1 [76.9, 79.2] | 78.1 [76.9, 79.2] | 10 |
# | movie-polarity | bilstm + structured | 78.1 [76.5, 79.8] | 78.1 [76.4, 79.8] | 10 |
# | movie-polarity | bigru + structured | 78.2 [77.0, 79.4] | 78.1 [76.9, 79.4] | 10 |
# | movie-polarity | bigru + global | 78.3 [77.3, 79.3] | 78.3 [77.2, 79.3] | 10 |
# | movie-polarity | bimlstm + global | 78.6 [77.7, 79.6] | 78.6 [77.6, 79.6] | 10 |
# | movie-subjectivity | *majority class* | 50.0 | 33.3 | 10 |
# | movie-subjectivity | *TF-IDF + logistic regression* | 92.1 [91.4, 92.9] | 92.1 [91.4, 92.9] | 10 |
# | movie-subjectivity | *NBSVM, bigrams* | 93.2 [92.4, 94.1] | 93.2 [92.4, 94.1] | 10 |
# | movie-subjectivity | none + global | 87.8 [86.7, 88.9] | 87.8 [86.7, 88.9] | 10 |
# | movie-subjectivity | none + none | 89.2 [88.4, 90.0] | 89.2 [88.4, 90.0] | 10 |
# | movie-subjectivity | rnn + none | 90.2 [89.0, 91.4] | 90.2 [89.0, 91.4] | 10 |
# | movie-subjectivity | mlp-average + global | 90.3 [89.4, 91.3] | 90.3 [89.4, 91.3] | 10 |
# | movie-subjectivity | none + structured | 90.9 [90.0, 91.8] | 90.9 [90.0, 91.8] | 10 |
# | movie-subjectivity | mlp-average + none | 91.1 [90.4, 91.9] | 91.1 [90.4, 91.9] | 10 |
# | movie-subjectivity | birnn + none | 91.1 [90.2, 92.1] | 91.1 [90.2, 92.1] | 10 |
# | movie-subjectivity | mlp + none | 91.3 [90.2, 92.4] | 91.3 [90.2, 92.4] | 10 |
# | movie-subjectivity | cnn + none | 91.5 [90.7, 92.3] | 91.5 [90.7, 92.3] | 10 |
# | movie-subjectivity | mlp-average + self | 91.6 [91.0, 92.2] | 91.6 [91.0, 92.2] | 10 |
# | movie-subjectivity | none + self | 91.6 [90.8, 92.4] | 91.6 [90.8, 92.4] | 10 |
# | movie-subjectivity | stacked-lstm + global | 91.6 [90.5, 92.8] | 91.6 [90.5, 92.8] | 10 |
# | movie-subjectivity | mlp-average + structured | 91.7 [90.9, 92.5] | 91.7 [90.9, 92.5] | 10 |
# | movie-subjectivity | cnn + global | 91.8 [91.1, 92.4] | 91.8 [91.1, 92.4] | 10 |
# | movie-subjectivity | stacked-lstm + uniform | 91.8 [91.0, 92.6] | 91.8 [91.0, 92.6] | 10 |
# | movie-subjectivity | cnn + uniform | 91.8 [91.2, 92.5] | 91.8 [91.2, 92.5] | 10 |
# | movie-subjectivity | lstm + uniform | 91.8 [91.1, 92.5] | 91.8 [91.1, 92.5] | 10 |
# | movie-subjectivity | mlstm + uniform | 91.8 [91.2, 92.5] | 91.8 [91.2, 92.5] | 10 |
# | movie-subjectivity | stacked-lstm + self | 91.8 [91.3, 92.4] | 91.8 [91.3, 92.4] | 10 |
# | movie-subjectivity | gru + global | 91.9 [90.9, 92.9] | 91.9 [90.9, 92.9] | 10 |
# | movie-subjectivity | stacked-lstm + structured | 91.9 [91.1, 92.6] | 91.9 [91.1, 92.6] | 10 |
# | movie-subjectivity | gru + uniform | 91.9 [91.1, 92.7] | 91.9 [91.1, 92.7] | 10 |
# | movie-subjectivity | lstm + none | 91.9 [90.9, 92.9] | 91.9 [90.9, 92.9] | 10 |
# | movie-subjectivity | stacked-lstm + none | 91.9 [90.5, 93.3] | 91.9 [90.5, 93.3] | 10 |
# | movie-subjectivity | mlstm + none | 91.9 [91.0, 92.8] | 91.9 [91.0, 92.8] | 10 |
# | movie-subjectivity | mlstm + global | 91.9 [91.1, 92.7] | 91.9 [91.1, 92.7] | 10 |
# | movie-subjectivity | birnn + global | 91.9 [91.4, 92.5] | 91.9 [91.4, 92.5] | 10 |
# | movie-subjectivity | gru + none | 91.9 [90.8, 93.0] | 91.9 [90.8, 93.0] | 10 |
# | movie-subjectivity | cnn + self | 92.0 [91.2, 92.7] | 92.0 [91.2, 92.7] | 10 |
# | movie-subjectivity | bigru + uniform | 92.0 [91.1, 92.9] | 92.0 [91.1, 92.9] | 10 |
# | movie-subjectivity | rnn + global | 92.0 [91.3, 92.7] | 92.0 [91.3, 92.6] | 10 |
# | movie-subjectivity | lstm + structured | 92.0 [91.3, 92.7] | 92.0 [91.3, 92.7] | 10 |
# | movie-subjectivity | rnn + structured | 92.0 [91.4, 92.6] | 92.0 [91.4, 92.6] | 10 |
# | movie-subjectivity | rnn + uniform | 92.0 [91.3, 92.8] | 92.0 [91.3, 92.8] | 10 |
# | movie-subjectivity | bilstm + uniform | 92.0 [91.2, 92.9] | 92.0 [91.2, 92.9] | 10 |
# | movie-subjectivity | gru + structured | 92.0 [91.2, 92.9] | 92.0 [91.2, 92.9] | 10 |
# | movie-subjectivity | rnn + self | 92.0 [91.2, 92.9] | 92.0 [91.2, 92.9] | 10 |
# | movie-subjectivity | mlstm + structured | 92.1 [91.2, 92.9] | 92.1 [91.2, 92.9] | 10 |
# | movie-subjectivity | stacked-bilstm + uniform | 92.1 [91.5, 92.6] | 92.1 [91.5, 92.6] | 10 |
# | movie-subjectivity | gru + self | 92.1 [91.4, 92.7] | 92.1 [91.4, 92.7] | 10 |
# | movie-subjectivity | bigru + self | 92.1 [91.3, 92.9] | 92.1 [91.3, 92.9] | 10 |
# | movie-subjectivity | bimlstm + global | 92.1 [91.3, 92.9] | 92.1 [91.3, 92.8] | 10 |
# | movie-subjectivity | lstm + global | 92.1 [91.0, 93.2] | 92.1 [91.0, 93.2] | 10 |
# | movie-subjectivity | mlstm + self | 92.1 [91.4, 92.7] | 92.1 [91.4, 92.7] | 10 |
# | movie-subjectivity | cnn + structured | 92.1 [91.3, 92.9] | 92.1 [91.3, 92.9] | 10 |
# | movie-subjectivity | bigru + structured | 92.1 [91.6, 92.6] | 92.1 [91.6, 92.6] | 10 |
# | movie-subjectivity | bimlstm + uniform | 92.1 [91.3, 92.9] | 92.1 [91.3, 92.9] | 10 |
# | movie-subjectivity | birnn + uniform | 92.1 [91.2, 93.0] | 92.1 [91.2, 93.0] | 10 |
# | movie-subjectivity | bimlstm + structured | 92.2 [91.6, 92.7] | 92.2 [91.6, 92.7] | 10 |
# | movie-subjectivity | birnn + self | 92.2 [91.4, 93.0] | 92.2 [91.4, 93.0] | 10 |
# | movie-subjectivity | bigru + global | 92.2 [91.7, 92.7] | 92.2 [91.7, 92.7] | 10 |
# | movie-subjectivity | bilstm + self | 92.2 [91.6, 92.8] | 92.2 [91.6, 92.8] | 10 |
# | movie-subjectivity | bilstm + global | 92.2 [91.5, 92.9] | 92.2 [91.5, 92.9] | 10 |
# | movie-subjectivity | lstm + self | 92.2 [91.7, 92.7] | 92.2 [91.7, 92.7] | 10 |
# | movie-subjectivity | bimlstm + self | 92.2 [91.6, 92.9] | 92.2 [91.6, 92.9] | 10 |
# | movie-subjectivity | stacked-bilstm + structured | 92.2 [91.6, 92.8] | 92.2 [91.6, 92.8] | 10 |
# | movie-subjectivity | bimlstm + none | 92.3 [91.6, 92.9] | 92.3 [91.6, 92.9] | 10 |
# | movie-subjectivity | stacked-bilstm + self | 92.3 [91.8, 92.8] | 92.3 [91.8, 92.8] | 10 |
# | movie-subjectivity | stacked-bilstm + none | 92.3 [91.4, 93.1] | 92.3 [91.4, 93.1] | 10 |
# | movie-subjectivity | birnn + structured | 92.3 [91.7, 92.9] | 92.3 [91.7, 92.9] | 10 |
# | movie-subjectivity | stacked-bilstm + global | 92.3 [91.8, 92.9] | 92.3 [91.8, 92.9] | 10 |
# | movie-subjectivity | bilstm + none | 92.4 [91.7, 93.1] | 92.4 [91.7, 93.1] | 10 |
# | movie-subjectivity | bilstm + structured | 92.5 [91.8, 93.1] | 92.5 [91.8, 93.1] | 10 |
# | movie-subjectivity | bigru + none | 92.6 [91.9, 93.4] | 92.6 [91.9, 93.4] | 10 |
#
# Movie Review data, ten folds: each fold to test once, 10 % of the others to validate (seed 0).
# <!-- /results -->
#
# </details>

