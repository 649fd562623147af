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
# # Decision fusion: several opinions, one answer
#
# <!-- launch -->
#
# **How should two opinions become one?** One model reads the sentence, another looks at the face, and each gives a probability
# for every emotion. *Decision fusion* combines these probabilities by rules that are decades old and need no training:
# average them, multiply them, follow the most confident one, or vote. Every modality keeps its own model, and a missing
# modality costs nothing. This notebook compares the rules, shows when each is the right one and what calibration has to do
# with it, explains how *stacking* learns a rule, and ends with a task on which every rule must fail.
#
# The faces are rendered by this package, and each is paired with a bundled sentence of the same emotion. *Paired by label*
# means that such numbers show how the method works, not how people behave, and that multiplying is optimal by construction.

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
# `congruence` is the share of pairs whose face shows the emotion of the sentence. The faces are rendered on the first run, which
# takes some seconds.

# %% tags=["parameters"]
difficulty = "easy"  # @param ["easy", "medium", "hard"]
congruence = 1.0  # @param {type:"number"}
seed = 0  # @param {type:"integer"}
fast = False  # @param {type:"boolean"}

# %% [markdown]
# ## Data
#
# The sentences and people are split first and paired afterwards, so that none appears in two splits. The training split trains
# the models, the validation split sets temperatures and weights, and the test split is opened once.

# %%
data = emorec.datasets.load("sample-pairs", difficulty=difficulty, congruence=congruence, seed=seed, limit=200 if fast else None, jobs=2)
print(data)
print(data.protocol)

# %% [markdown]
# ## Look at it
#
# One training pair of each emotion: the sentences are listed in the order of the faces.

# %%
from emorec import plots

first = [list(data.train.labels).index(name) for name in data.label_set]
for i in first:
    print(f"{data.train.labels[i]:>10}: {data.train.inputs['text'][i]}")
plots.images(data.train.inputs["image"][first], titles=list(data.label_set), columns=7, size=1.4, smooth=True);

# %% [markdown]
# ## Model
#
# Two small models work independently of each other: logistic regression on weighted word counts (TF-IDF), and logistic
# regression on the directions of edges in the face (HOG). Let $M$ be the number of modalities, $p_m(c)$ the probability that
# modality $m$ gives to class $c$, $w_m$ its weight, and $P(c)$ the share of class $c$ in the training split. The rules are
#
# | rule | fused score of class $c$ | right when |
# |---|---|---|
# | mean | $\frac1M \sum_m p_m(c)$ | opinions are noisy copies of one another |
# | weighted | $\sum_m w_m\, p_m(c)$ | one witness is better than the other |
# | product | $\prod_m p_m(c)$ | modalities are independent given the class, classes equally common |
# | Bayes (Kittler et al., 1998) | $P(c)^{1-M} \prod_m p_m(c)$ | the same, for any class frequencies |
# | geometric | $\left(\prod_m p_m(c)\right)^{1/M}$ | as product; less sure of itself |
# | max | $\max_m p_m(c)$ | the most confident opinion is right |
# | vote | share of modalities that put $c$ first | only decisions are known |
#
# All are functions of arrays, and `presence` tells them which modalities are missing.

# %%
from emorec.faces import baselines as face_baselines
from emorec.text import baselines as text_baselines
from emorec.multimodal import decisions


def models():
    """An untrained model for each modality."""
    return {"text": text_baselines.build("tfidf-lr", data.label_set), "image": face_baselines.build("hog-lr")}


list(decisions.RULES)

# %% [markdown]
# ## Train
#
# Each model is fitted alone, on the training split.

# %%
import numpy as np

fitted = {m: model.fit(data.train.inputs[m], data.train.labels) for m, model in models().items()}
order = [list(fitted["text"].classes_).index(name) for name in data.label_set]


def opinions(split):
    """Each model's probabilities (N, 7), columns in the order of the label set."""
    return {m: model.predict_proba(split.inputs[m])[:, order] for m, model in fitted.items()}


validation, test = opinions(data.validation), opinions(data.test)

# %% [markdown]
# ### Calibration first
#
# A rule that multiplies takes its probabilities literally. If one model says 0.99 where 0.7 would be right, it overrules the
# other. One number for each modality, the *temperature*, corrects this: it is fitted on the validation split, divides the
# log-probabilities, and changes no answer of a single model. A temperature below 1 means that the model was too timid,
# above 1 that it was too bold.

# %%
truth = {"validation": data.label_set.encode(data.validation.labels), "test": data.label_set.encode(data.test.labels)}
temperatures = {m: decisions.temperature(p, truth["validation"]) for m, p in validation.items()}


def calibrated(p):
    """Opinions at their temperatures."""
    return {m: emorec.metrics.probabilities(np.log(v + 1e-12), temperature=temperatures[m]) for m, v in p.items()}


print("temperatures:", ", ".join(f"{m} {t:.2f}" for m, t in temperatures.items()))

# %% [markdown]
# These reliability diagrams show the test split, after the temperatures were fixed. The answers are put into bins by their
# probability, and the number above a bar is how many answers it has. A bar that reaches the diagonal means that of the
# answers with a probability of about 60 %, 60 % are right. The *expected calibration error* (ECE) is the distance between the
# mean probability of a bin and the share that is right in it, averaged over all answers.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained", sharey=True)
stages = [(m, stage, p[m]) for m in fitted for stage, p in (("before", test), ("after", calibrated(test)))]
for ax, (m, stage, p) in zip(axes, stages):
    plots.reliability(emorec.metrics.reliability_table(truth["test"], p, bins=8), title=f"{m}, {stage}", ax=ax)

# %% [markdown]
# ### Weights and stacking
#
# The weights of the weighted rule are chosen on the validation split. *Stacking* (Wolpert 1992) learns the rule by logistic
# regression on the log-probabilities of the modalities. These must come from models that have not seen the example, or the
# stack would trust the modality that overfits most. Every training example is therefore predicted *out of fold*, by models
# that were fitted without its fold; where examples come in groups, such as videos or speakers, no group is split.

# %%
shares = np.linspace(0, 1, 21)
right = [np.mean(decisions.weighted(list(calibrated(validation).values()), weights=[w, 1 - w]).argmax(axis=1) == truth["validation"])
         for w in shares]  # fmt: skip
weight = float(shares[int(np.argmax(right))])
stack = decisions.Stacking(models(), folds=3 if fast else 5, seed=seed).fit(data.train.inputs, data.train.labels)
print(f"weight of the sentence {weight:.2f}; temperatures out of fold:", ", ".join(f"{m} {t:.2f}" for m, t in stack.temperatures_.items()))

# %% [markdown]
# ## Evaluate
#
# Every rule combines the same calibrated probabilities. The table gives accuracy, macro-F1 (the mean over the classes of the
# F1 score), the log-loss in nats, which punishes false certainty, and the calibration error over the same eight bins as above.

# %%
prior = np.bincount(data.label_set.encode(data.train.labels)) / len(data.train)
options = {"weighted": {"weights": [weight, 1 - weight]}, "bayes": {"prior": prior}}
answers = {f"{m} alone": p for m, p in calibrated(test).items()}
answers |= {rule: decisions.combine(rule, list(calibrated(test).values()), **options.get(rule, {})) for rule in decisions.RULES}
answers["stacking"] = stack.predict_proba(data.test.inputs)[:, order]

# %%
import pandas as pd

scored = {name: emorec.metrics.evaluate(data.test.labels, data.label_set.decode(p.argmax(axis=1)), data.label_set, probabilities=p)
          for name, p in answers.items()}  # fmt: skip
error = {name: emorec.metrics.expected_calibration_error(truth["test"], p, bins=8) for name, p in answers.items()}
pd.DataFrame({name: {"accuracy %": f"{100 * e.accuracy:.1f}", "macro-F1 %": f"{100 * e.macro_f1:.1f}", "log-loss": f"{e.log_loss:.2f}",
                     "calibration error %": f"{100 * error[name]:.1f}"} for name, e in scored.items()}).T  # fmt: skip

# %% [markdown]
# This is the main figure: the gain over the single modality that does better on these very examples, which is the harder
# comparison. The intervals are 95 % intervals over the same test examples and are not adjusted for the number of rules, eight.
# The weighted rule has no advantage over the plain mean: one weight, chosen on 231 validation pairs, is itself uncertain.

# %%
better = max(fitted, key=lambda m: scored[f"{m} alone"].accuracy)
hits = {name: (p.argmax(axis=1) == truth["test"]).astype(float) for name, p in answers.items()}
gains = {name: emorec.metrics.mean_interval(100 * (hits[name] - hits[f"{better} alone"])) for name in (*decisions.RULES, "stacking")}
plots.forest([{"label": name, "estimate": g.value, "low": g.low, "high": g.high} for name, g in gains.items()],
             xlabel=f"accuracy gained over {better} alone (percentage points)", title="Rules against the better single modality");  # fmt: skip

# %% [markdown]
# ### A missing modality
#
# Every second face is removed. The rules use what is left, so that the answer to these examples is that of the sentence alone.

# %%
presence = np.ones((len(data.test), 2), bool)
presence[::2, 1] = False
gone = {rule: decisions.combine(rule, list(calibrated(test).values()), presence, **options.get(rule, {})) for rule in decisions.RULES}
gone["stacking"] = stack.predict_proba(data.test.inputs, presence)[:, order]
alike = [np.array_equal(p[::2].argmax(axis=1), answers["text alone"][::2].argmax(axis=1)) for p in list(gone.values())[:-1]]
print("rules answer as the sentence alone where the face is missing:", all(alike))
pd.Series({rule: 100 * np.mean(p.argmax(axis=1) == truth["test"]) for rule, p in gone.items()}, name="accuracy %").round(1).to_frame().T

# %% [markdown]
# ### Where every rule must fail
#
# In the synthetic task *exclusive-or* (see [feature_fusion](feature_fusion.ipynb)) the class is whether two hidden signs differ.
# One modality alone says nothing about it, so honest probabilities are all near one half, and no rule can make anything of
# them: the rules reach 50 % ± 1, where 89.6 % is possible. In the task *label-paired* the rules are as good as anything.
# With two classes and two modalities all rules without weights decide alike; only stacking can weigh the modalities.

# %%
from emorec.multimodal import synthetic
from sklearn.linear_model import LogisticRegression


def rules_on(task):
    """Test accuracy (%) of every rule on logistic regression of each modality."""
    sampled = synthetic.synthetic_task(task).dataset(500 if fast else 4000, 10, 10_000)
    alone = {m: LogisticRegression() for m in synthetic.MODALITIES}
    p = [alone[m].fit(sampled.train.inputs[m], sampled.train.labels).predict_proba(sampled.test.inputs[m]) for m in alone]
    fused = {rule: decisions.combine(rule, p) for rule in decisions.RULES}
    fused["stacking"] = decisions.Stacking(alone).fit(sampled.train.inputs, sampled.train.labels).predict_proba(sampled.test.inputs)
    right = sampled.label_set.encode(sampled.test.labels)
    return {rule: 100 * np.mean(q.argmax(axis=1) == right) for rule, q in fused.items()} | {"best possible": 100 * synthetic.synthetic_task(task).bayes}


# %%
tasks = pd.DataFrame({task: rules_on(task) for task in synthetic.TASKS})
tasks.round(1).T

# %% [markdown]
# ## Explain
#
# What a rule did can be read from its inputs. Among the test examples on which the two models disagree, three are chosen by the
# product rule: the right answer with the highest probability, the right answer with the lowest, and the wrong answer with
# the highest. Each panel gives the sentence, its true label (in bold on the axis), and the probabilities in per cent of both
# models and of three rules.

# %%
import textwrap


def opinions_of(p, rules=("mean", "product", "max")):
    """Each model's and each rule's probabilities (%) of one example, as a table."""
    rows = p | {rule: decisions.combine(rule, list(p.values())) for rule in rules}
    return pd.DataFrame({name: 100 * v[0] for name, v in rows.items()}, index=list(data.label_set)).T.round(0).astype(int)


split_opinions = test["text"].argmax(axis=1) != test["image"].argmax(axis=1)
sure, fine = answers["product"].max(axis=1), answers["product"].argmax(axis=1) == truth["test"]
chosen = {"right and sure": np.where(split_opinions & fine, sure, -1).argmax(), "right and unsure": np.where(split_opinions & fine, sure, 2).argmin(), "wrong and sure": np.where(split_opinions & ~fine, sure, -1).argmax()}

# %%
figure, axes = plt.subplots(1, 3, figsize=(13.5, 4), layout="constrained", sharey=True)
for ax, (case, i) in zip(axes, chosen.items()):
    shown = opinions_of({m: v[[i]] for m, v in calibrated(test).items()})
    ax.imshow(shown, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(shown.to_numpy()):
        ax.text(column, row, value, ha="center", va="center", color="white" if value < 55 else "black")
    ax.set_xticks(range(len(data.label_set)), list(data.label_set), rotation=45, ha="right")
    ax.get_xticklabels()[truth["test"][i]].set_fontweight("bold")
    ax.set_title(f"{case}, true label {data.test.labels[i]}\n{textwrap.fill(data.test.inputs['text'][i], 48)}", fontsize=9)
axes[0].set_yticks(range(len(shown)), shown.index);

# %% [markdown]
# ## Save and load
#
# The stack holds ordinary scikit-learn models, so that `joblib` stores it. Load such files only if you made them, because they
# can run code.

# %%
import joblib

work = emorec.reporting.work_folder()
joblib.dump(stack, work / "decision_fusion.joblib")
again = joblib.load(work / "decision_fusion.joblib")
print("same answers:", np.array_equal(again.predict_proba(data.test.inputs), stack.predict_proba(data.test.inputs)))

# %% [markdown]
# ## Evaluate on external data
#
# Write a sentence, name a picture of a face or leave `None` for a rendered one, and run this one cell. The face is not searched
# for, so the picture should show little else. The small models of this notebook know a few hundred sentences and rendered
# faces. `MultimodalClassifier.pretrained()`, whose models come along and which also uses the product rule, answers beside
# them. As built, both halves show *happiness*.

# %% tags=["user-input"]
test_sentence = "We won, and everybody hugged and danced in the street!"
test_image = None  # a path or an address on this computer
picture = emorec.faces.render.portrait("happiness", seed=3, size=48).image if test_image is None else test_image
yours = {"text": fitted["text"].predict_proba([test_sentence])[:, order], "image": fitted["image"].predict_proba([picture])[:, order]}
pretrained = emorec.MultimodalClassifier.pretrained(sound=None)
print("pretrained:", pretrained.predict(images=[picture], texts=[test_sentence])[0])
opinions_of(calibrated(yours), rules=["mean", "product", "max", "vote"])

# %% [markdown]
# ## Results

# %% tags=["results"]
emorec.reporting.publish({
    **{f"accuracy, {name}": (e.accuracy, *e.accuracy_interval) for name, e in scored.items() if name in ("text alone", "image alone", "mean", "product", "stacking")},
    f"gain of the product rule over {better} alone": tuple(v / 100 for v in gains["product"]),
    "exclusive-or, mean rule": tasks.loc["mean", "exclusive-or"] / 100,
    "exclusive-or, best possible": tasks.loc["best possible", "exclusive-or"] / 100,
})  # fmt: skip

# %% [markdown]
# ### What was learnt
#
# Two weak models that err in different places are better together than either alone, under every rule, though not equally.
# Multiplying does best among the rules, as it must: pairs made by label are independent given the class, which is exactly
# the assumption of the product rule. Averaging is close behind in accuracy, but its probabilities are too flat. The max rule
# gains least. Stacking learns a rule that is about as good as the product. Where a face is missing, a rule falls back on the
# sentence by itself. Where the class lies *between* the modalities, no rule helps, and features must be fused instead.
#
# With 231 test examples the intervals reach five to six points to either side, so the order of stacking, the product, the mean and
# the vote is not settled. The faces are rendered, and nobody says one thing with words and another with the face. A lower `congruence`
# shows what unreliable witnesses do to each rule.
#
# ### Exercises
#
# 1. Skip the calibration: combine `test` instead of `calibrated(test)`. Which rules change their answers, and how much accuracy
#    does calibration gain?
#    <details><summary>Solution</summary>Run <code>decisions.combine(rule, list(test.values()))</code> for each. No single model
#    changes an answer, but every rule does, since it compares probabilities between models: the product in 7 of 231 answers,
#    the max rule in 19. Even the vote changes, because two modalities that disagree are a tie, which goes to the higher mean.
#    The accuracies stay within about two points, for the temperatures, 0.67 and 0.98, are not far apart.</details>
# 2. Show that with two classes, two modalities and equal weights, mean and product always give the same answer.
#    <details><summary>Solution</summary>Let p and q be the two probabilities of the first class. The mean prefers it if p + q &gt; 1.
#    The product prefers it if pq &gt; (1 − p)(1 − q) = 1 − p − q + pq, which is the same condition.</details>
# 3. Why must stacking predict its training examples out of fold?
#    <details><summary>Solution</summary>Models that have seen an example are too certain about it. The stack would learn to trust
#    the model that memorises best, and would be wrong about new examples, where that certainty is gone.</details>
#
# ### Where to go on
#
# [feature_fusion](feature_fusion.ipynb) solves the task on which every rule fails, [attention_fusion](attention_fusion.ipynb) weighs
# the modalities anew for each sample, and [face_and_sentence](face_and_sentence.ipynb) goes from raw input to one answer. The
# rules are described in [emorec.multimodal](../../docs/api/multimodal.md).
