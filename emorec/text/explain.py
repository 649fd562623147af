"""Which words a text classifier used: attention, integrated gradients, leave-one-out, and how far each can be believed.

Every function takes a classifier ``clf`` with ``label_set``, ``tokenise(text) -> tokens``, ``proba_from_tokens(token
lists) -> (N, C)`` and ``explain(text) -> Explanation`` (its attention). The two that open the network also use
``ids_from_tokens(token lists) -> ids`` and ``model``, a functional Keras model from ids to logits with layers named
``embedding``, ``mask`` and, for `permuted_attention`, ``attention``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from emorec.errors import BadInput
from emorec.metrics.evaluation import telling
from emorec.plots import shown_token
from emorec.text.encoded import unknown_count
from emorec.types import Strings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


WORDS_SHOWN, CLASSES_SHOWN = 1000, 8
BATCH = 256
_PARTS = WeakKeyDictionary()  # compiled halves of the models in use


# -------------------------------------------------------------------------------------------- explanation


@dataclass
class Explanation:
    """One prediction and the weight of each word in it; draws itself in a notebook.

    Attributes:
        tokens: T words, as the model saw them (after cutting).
        weights: float (T,). Attention: in [0, 1]. Attributions: signed, in units of the probability of the target.
        label: The most probable class.
        probabilities: Class name to probability.
        label_set: The model's `emorec.labels.LabelSet`.
        method: Where the weights come from, e.g. ``"global attention"``, ``"integrated gradients"``.
        sentences: (start, end) of every sentence in ``tokens``, for hierarchical models.
        sentence_weights: One weight for each of them, in [0, 1].
        matrix: (T, T), or (heads, T, T): weight that the row's word gives to the column's; for self-attention.
        target: The class that an attribution is about.
        unknown: bool (T,): the words that the model does not know, crossed out in the drawing; None where nobody said.
        truth: The true label, shown beside the answer; None where it is not known.
        case: Why this example is shown, e.g. ``"wrong and sure"``; see `cases`.
        gap: Integrated gradients only: difference of the output minus the sum of the weights; near 0 if there were
            enough steps.

    Example:
        >>> Explanation(["a", "fine", "film"], np.array([0.1, 0.7, 0.2]), "positive", {"positive": 0.9}).top(1)
        [('fine', 0.7)]
    """

    tokens: list
    weights: np.ndarray
    label: str
    probabilities: dict
    label_set: object = None
    method: str = "attention"
    sentences: list | None = None
    sentence_weights: np.ndarray | None = None
    matrix: np.ndarray | None = field(default=None)
    target: str | None = None
    gap: float | None = None
    unknown: np.ndarray | None = None
    truth: str | None = None
    case: str | None = None

    def __post_init__(self):
        self.tokens, self.weights = list(self.tokens), np.asarray(self.weights)
        if self.weights.shape != (len(self.tokens),):
            raise BadInput(f"{len(self.tokens)} tokens need as many weights, not shape {self.weights.shape}.")
        if self.sentence_weights is not None and len(self.sentence_weights) != len(self.sentences or ()):
            raise BadInput(f"{len(self.sentences or ())} sentences, {len(self.sentence_weights)} sentence weights.")

    def __repr__(self):
        words = ", ".join(f"{shown_token(token)} {weight:.3f}" for token, weight in self.top(5))
        about = "" if self.target in (None, self.label) else f" about {self.target}"
        missing = f"; {self.unknown_count}" if self.unknown_count else ""
        return f"<{self._headline()}; {self.method}{about}: {words}{missing}>"

    @property
    def unknown_count(self) -> str:
        """``1 of 3 words unknown: angry``; empty where every word is known."""
        return "" if self.unknown is None else unknown_count(self.tokens, self.unknown)

    def _headline(self):
        p = self.probabilities.get(self.label)
        answer = self.label if p is None else f"{self.label} ({100 * p:.1f} %)"
        case = "" if self.case is None else f"{self.case}: "
        return case + answer + ("" if self.truth is None else f", true label {self.truth}")

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The k words of largest absolute weight: list of (token, weight), largest first, ties in text order."""
        order = np.argsort(-np.abs(self.weights), kind="stable")[:k]
        return [(self.tokens[i], float(self.weights[i])) for i in order]

    def to_frame(self) -> pd.DataFrame:
        """DataFrame with a row for each word: token, weight, and for documents sentence and sentence_weight."""
        import pandas as pd

        frame = pd.DataFrame({"token": pd.Series(self.tokens, dtype=object), "weight": self.weights})
        if self.unknown is not None:
            frame["unknown"] = self.unknown
        if self.sentences is not None:
            where = np.zeros(len(self.tokens), dtype="int64")
            for s, (start, end) in enumerate(self.sentences):
                where[start:end] = s
            frame["sentence"] = where
            if self.sentence_weights is not None:
                frame["sentence_weight"] = np.asarray(self.sentence_weights)[where]
        return frame

    def plot(self, kind: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draws the explanation.

        Args:
            kind: ``"words"``, ``"document"`` or ``"matrix"``; by default the richest that this explanation has.
            ax: Axes to draw on, or None for a new figure.

        Returns:
            The Axes; ``axes.figure.savefig("why.png")`` writes a picture.
        """
        from emorec import plots

        if kind is None:
            kind = "matrix" if self.matrix is not None else "document" if self.sentences else "words"
        title = f"{self._headline()} · {self.method}"
        if kind == "words":
            return plots.attention(self.tokens, self.weights, crossed=self.unknown, title=title, ax=ax)
        if kind == "document" and self.sentences:
            words, weights = ([x[a:b] for a, b in self.sentences] for x in (self.tokens, self.weights))
            crossed = None if self.unknown is None else [self.unknown[a:b] for a, b in self.sentences]
            return plots.document(words, weights, self.sentence_weights, crossed=crossed, title=title, ax=ax)
        if kind == "matrix" and self.matrix is not None:
            return plots.attention_matrix(self.tokens, self.matrix, title=title, ax=ax)
        raise BadInput(f"This explanation ({self.method}) cannot be drawn as {kind!r}.")

    def _repr_html_(self):
        about = "" if self.target in (None, self.label) else f", about {self.target}"
        return (
            '<div style="font-family:sans-serif;font-size:14px;max-width:60em">'
            f"<div><b>{escape(self._headline())}</b> · {escape(self.method + about)}</div>"
            f"{_bars_html(self.probabilities)}{self._words_html()}"
            f"{f'<div>{escape(self.unknown_count)}</div>' if self.unknown_count else ''}</div>"
        )

    def _words_html(self):
        strongest = float(np.abs(self.weights).max(initial=0.0)) or 1.0
        crossed = np.zeros(len(self.tokens), bool) if self.unknown is None else self.unknown
        rows = zip(self.tokens[:WORDS_SHOWN], self.weights, crossed)
        words = [_word_html(token, float(weight), strongest, unknown) for token, weight, unknown in rows]
        hidden = len(self.tokens) - len(words)
        more = f"<div>… and {hidden} more words</div>" if hidden > 0 else ""
        if not self.sentences:
            return f'<div style="line-height:2">{" ".join(words)}</div>{more}'
        weighted = self.sentence_weights is not None
        bars = np.asarray(self.sentence_weights if weighted else np.zeros(len(self.sentences)))
        top, rows = float(bars.max(initial=0.0)) or 1.0, []
        for (start, end), weight in zip(self.sentences, bars):
            if start >= len(words):
                break
            bar = _bar_html(weight / top, 5) + f" {weight:.2f}" if weighted else ""
            cell = f'<td style="{_CELL};white-space:nowrap;vertical-align:top">{bar}</td>'
            text = f'<td style="{_CELL}">{" ".join(words[start:end])}</td>'
            rows.append(f'<tr style="background:none">{cell}{text}</tr>')
        return f'<table style="border:none">{"".join(rows)}</table>{more}'


# Half-transparent colours over the page's own background leave the text readable in light and in dark themes.
_CELL, _NAME = "text-align:left;line-height:2", "display:inline-block;width:9em"


def _word_html(token, weight, strongest, unknown=False):
    colour = "230,159,0" if weight >= 0 else "0,114,178"
    shade = f"background:rgba({colour},{0.55 * abs(weight) / strongest:.3f})"
    style = f"{shade};padding:2px 3px;border-radius:3px" + (";text-decoration:line-through" if unknown else "")
    word, note = escape(shown_token(token)), ", unknown to the model" if unknown else ""
    return f'<bdi style="{style}" title="{word}: {weight:.4f}{note}">{word}</bdi>'


def _bar_html(share, width):
    size = f"width:{width * float(share):.2f}em;height:0.7em"
    return f'<span style="display:inline-block;{size};background:#56B4E9"></span>'


def _bars_html(probabilities):
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    rows = "".join(
        f'<div style="white-space:nowrap"><span style="{_NAME}">{escape(str(name))}</span>'
        f"{_bar_html(p, 10)} {100 * p:.1f} %</div>"
        for name, p in ranked[:CLASSES_SHOWN]
    )
    more = len(ranked) - CLASSES_SHOWN
    return f'<div style="margin:4px 0">{rows}' + (f"… and {more} more classes" if more > 0 else "") + "</div>"


def cases(clf: Any, split: Any, longest: int = 30, **how: Any) -> list:
    """Three examples of a split, chosen by rule instead of by hand, each explained beside its true label.

    The rule is that of `emorec.metrics.evaluation.telling`.

    Args:
        clf: A trained `emorec.TextClassifier` with one label to a text.
        split: A `emorec.datasets.base.Split`, or (texts, labels).
        longest: Texts of more tokens are left aside, as they are hard to read on a page, where shorter ones exist.
        **how: For `clf.explain`, e.g. ``method="integrated-gradients"``.

    Returns:
        List of `Explanation`, their ``case`` and ``truth`` set; shorter where no answer is right, or none is wrong.

    Example:
        >>> for explanation in cases(classifier, data.test):  # doctest: +SKIP
        ...     display(explanation)
    """
    texts, labels = (split.inputs, split.labels) if hasattr(split, "inputs") else split
    texts, labels = np.asarray(texts, dtype=object), np.asarray(labels, dtype=object)
    short = np.array([len(clf.tokenise(text)) <= longest for text in texts], dtype=bool)
    texts, labels = (texts[short], labels[short]) if short.any() else (texts, labels)
    probabilities = clf.predict_proba(list(texts))
    chosen = telling(clf.answers(probabilities) == labels, probabilities.max(axis=1), labels)
    return [replace(clf.explain(texts[i], **how), truth=str(labels[i]), case=case) for case, i in chosen.items()]


# ----------------------------------------------------------------------------------------------- methods


def in_parts(method: Callable[..., Explanation], clf: Any, text: Any, target: str | None = None) -> Explanation:
    """The explanation of a text in the parts that the classifier reads by themselves; most texts are one part.

    Args:
        method: ``(clf, tokens, target)`` to the explanation of one part.
        clf, target: As for `leave_one_out`.
        text: One string, or what ``clf.read`` made of it.
    """
    if not hasattr(clf, "read"):
        return method(clf, list(clf.tokenise(text)), target)
    encoded = clf.read([text] if isinstance(text, str) else text)
    tokens, spans = encoded.tokens[0], encoded.windows[0] if encoded.windows else []
    if len(spans) < 2:
        return method(clf, tokens, target)
    row = clf.score_texts(encoded)[0][0]
    target = target or clf.label_set_.names[int(row.argmax())]
    return joined(
        [method(clf, tokens[start:end], target) for start, end in spans], dict(zip(clf.label_set_, row.tolist()))
    )


def leave_one_out(clf: Any, text: str, target: str | None = None) -> Explanation:
    """How much of the target's probability goes when a word goes (after Li et al. 2016, arXiv:1612.08220).

    Args:
        clf: See the module.
        text: One string.
        target: Class name; the most probable class where it is None.

    Returns:
        An `Explanation`; ``weights[i]`` = p(target | text) - p(target | text without word i).
    """
    return in_parts(_leave_one_out, clf, text, target)


def _leave_one_out(clf, tokens, target):
    row, c = _predict(clf, tokens, target)
    if hasattr(clf, "proba_without_each"):
        without = clf.proba_without_each(tokens)
    else:
        without = _proba(clf, [tokens[:i] + tokens[i + 1 :] for i in range(len(tokens))], len(row))
    return _explanation(clf, tokens, row, c, row[c] - without[:, c], "leave-one-out")


def integrated_gradients(clf: Any, text: str, target: str | None = None, steps: int = 32) -> Explanation:
    """Integrated gradients of the target's probability (Sundararajan et al. 2017, arXiv:1703.01365, eq. 1).

    The path runs from all-zero word vectors to the text's own, at the text's own length; a word's weight is the sum
    over its vector. The integral is a Gauss-Legendre sum.

    Args:
        clf, text, target: As for `leave_one_out`.
        steps: Points on the path; ``gap`` of the result says whether they were enough.

    Returns:
        An `Explanation` whose weights sum to p(target | text) - p(target | zero vectors), up to ``gap``.

    Raises:
        BadInput: The model has no word vectors, e.g. TF-IDF.
    """
    return in_parts(partial(_integrated_gradients, steps=steps), clf, text, target)


def _integrated_gradients(clf, tokens, target, steps):
    import keras

    row, c = _predict(clf, tokens, target)
    look, slopes = _gradient_parts(clf)
    ids, token_of = _steps(clf, tokens)
    outputs = look(ids, training=False)  # not compiled: every length would be traced anew
    vectors, mask = (keras.ops.convert_to_numpy(x) for x in outputs)
    mask = mask.astype(bool)
    if mask.sum() != len(token_of):
        raise BadInput(f"{len(tokens)} tokens became {mask.sum()} real steps: ids_from_tokens cut them.")
    points, shares = np.polynomial.legendre.leggauss(steps)
    # Both ends of the path ride along: they count nothing in the sum, but say what it should be.
    points, shares = np.array([-1, *points, 1]), np.array([0, *shares, 0])
    path = vectors.astype("float32") * ((points + 1) / 2).reshape(-1, *[1] * (vectors.ndim - 1))
    marks = mask[0].copy()
    marks[mask[0]] = token_of < 0  # marks that are no token stay as they are all along the path
    path[:, marks] = vectors[0][marks]
    chosen = np.arange(len(row)) == c
    masks = np.repeat(mask, len(path), axis=0)
    values, slope = slopes([path.astype("float32"), masks], chosen, getattr(clf, "temperature_", 1.0))
    of_steps = (vectors[0] * np.tensordot(shares / 2, slope, axes=1)).sum(axis=-1)[mask[0]]
    weights = np.zeros(len(tokens))
    np.add.at(weights, token_of[token_of >= 0], of_steps[token_of >= 0])
    result = _explanation(clf, tokens, row, c, weights, "integrated gradients")
    result.gap = float(values[-1] - values[0] - weights.sum())
    return result


def random_attribution(clf: Any, text: str, target: str | None = None, seed: int | list[int] = 0) -> Explanation:
    """Random weights in [0, 1): what any method has to beat."""
    tokens = _tokens(clf, text)
    row, c = _predict(clf, tokens, target)
    return _explanation(clf, tokens, row, c, np.random.default_rng(seed).random(len(tokens)), "random")


def uniform_attribution(clf: Any, text: str, target: str | None = None) -> Explanation:
    """Equal weights that sum to 1. Ties rank in text order, so as a ranking this is "the first words"."""
    tokens = _tokens(clf, text)
    row, c = _predict(clf, tokens, target)
    return _explanation(clf, tokens, row, c, np.full(len(tokens), 1 / max(len(tokens), 1)), "uniform")


def attention_attribution(clf: Any, text: str, target: str | None = None) -> Explanation:
    """The classifier's own explanation, as a method beside the others (attention has no target)."""
    return clf.explain(text)


METHODS = {
    "attention": attention_attribution,
    "integrated gradients": integrated_gradients,
    "leave-one-out": leave_one_out,
    "uniform": uniform_attribution,
    "random": random_attribution,
}


def joined(parts: list, probabilities: Mapping[str, float]) -> Explanation:
    """The explanation of a text whose probabilities are the mean over its parts: each weight over their number.

    So attention sums to 1 again, and an attribution to what the mean lost or gained.

    Args:
        parts: An `Explanation` of each part, in the order of the text, about the same target.
        probabilities: Class name to probability, of the whole.
    """
    ends = np.cumsum([0, *(len(part.tokens) for part in parts)]).tolist()
    gaps = [part.gap for part in parts]
    return replace(
        parts[0],
        tokens=[token for part in parts for token in part.tokens],
        weights=np.concatenate([part.weights for part in parts]) / len(parts),
        label=max(probabilities, key=probabilities.get),  # type: ignore[arg-type]
        probabilities=dict(probabilities),
        method=f"{parts[0].method}, read in {len(parts)} parts",
        sentences=list(pairwise(ends)),
        sentence_weights=None,
        matrix=None,
        gap=None if None in gaps else sum(gaps) / len(parts),
        unknown=np.concatenate([part.unknown for part in parts]),
    )


def _tokens(clf, text):
    """The tokens of a text, as the classifier reads them."""
    return clf.read([text]).tokens[0] if hasattr(clf, "read") else list(clf.tokenise(text))


def _predict(clf, tokens, target):
    """Probabilities (C,) of tokens, and the column of the target."""
    row = np.asarray(clf.proba_from_tokens([tokens]), dtype="float64")[0]
    return row, int(row.argmax()) if target is None else clf.label_set_.index(target)


def _steps(clf, tokens):
    """Ids (1, ...) of tokens, and for each real step the position of its token, -1 at a mark."""
    if not hasattr(clf, "read_tokens"):
        return clf.ids_from_tokens([tokens]), np.arange(len(tokens))
    encoded = clf.read_tokens([tokens])
    return clf.ids_from_tokens([tokens]), np.arange(len(tokens)) if encoded.token_of is None else encoded.token_of[0]


def _proba(clf, token_lists, classes):
    """(N, C), in batches: leaving each word out of a long text is as many texts as it has words."""
    parts = [clf.proba_from_tokens(token_lists[i : i + BATCH]) for i in range(0, len(token_lists), BATCH)]
    return np.concatenate([np.zeros((0, classes)), *parts])


def _explanation(clf, tokens, row, c, weights, method):
    names = clf.label_set_.names
    probabilities = {name: float(p) for name, p in zip(names, row)}
    label = names[int(row.argmax())]
    unknown = clf.read_tokens([tokens]).unknown[0] if hasattr(clf, "read_tokens") else None
    return Explanation(tokens, weights, label, probabilities, clf.label_set_, method, target=names[c], unknown=unknown)


def _layer(clf, name, need):
    model = getattr(clf, "model_", None)
    if name not in {layer.name for layer in getattr(model, "layers", ())}:
        raise BadInput(f"This classifier's model has no layer {name!r}: {need}.")
    return model.get_layer(name)


def _gradient_parts(clf):
    """ids -> (word vectors, mask), and the gradient of a class's probability at word vectors; kept for each model."""
    import keras

    from emorec.gradients import input_gradient

    inside = [_layer(clf, name, "take leave_one_out, which needs none").output for name in ("embedding", "mask")]
    if clf.model_ in _PARTS:
        return _PARTS[clf.model_]
    squash = keras.ops.sigmoid if clf.label_set_.multi_label else keras.ops.softmax

    def probability(logits, chosen, temperature):
        return keras.ops.sum(squash(keras.ops.cast(logits, "float32") / temperature) * chosen, axis=-1)

    head = keras.Model(inside, clf.model_.output)
    parts = keras.Model(clf.model_.inputs[0], inside), input_gradient(head, probability)
    return _PARTS.setdefault(clf.model_, parts)


# ------------------------------------------------------------------------------------- what is believed


def rank_agreement(first: Any, second: Any) -> float:
    """Kendall's tau-b of two explanations (or weight arrays) of one text, in [-1, 1]; NaN where one has only ties."""
    from scipy.stats import kendalltau

    a, b = (np.asarray(getattr(x, "weights", x), dtype="float64") for x in (first, second))
    if a.shape != b.shape:
        raise BadInput(f"Explanations of different texts: {len(a)} and {len(b)} words.")
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(kendalltau(a, b).statistic)


def deletion_curves(
    clf: Any, texts: Strings, *, methods: Mapping[str, Callable] = METHODS, most: int = 6, seed: int = 0
) -> pd.DataFrame:
    """What is left of an answer when its most important words are taken away one after the other.

    Args:
        clf: See the module.
        texts: N texts.
        methods: Dict of name to ``method(clf, text) -> Explanation``; each ranks the words of every text.
        most: Number of words taken away at most; a shorter text loses all it has.
        seed: Of `random_attribution`, a different draw for each text.

    Returns:
        DataFrame indexed by the number of words taken away (0 to ``most``), a column for each method: the mean
        probability, over the texts, of the class that the whole text is answered with.

    Raises:
        BadInput: There are no texts.
    """
    import pandas as pd

    texts = list(texts)
    if not texts:
        raise BadInput("There are no texts to explain.")
    columns = {}
    for name, method in methods.items():
        rests = []
        for i, text in enumerate(texts):
            draw = {"seed": [seed, i]} if method is random_attribution else {}
            attribution = method(clf, text, **draw)
            order = np.argsort(-attribution.weights, kind="stable")
            rests += [[attribution.tokens[j] for j in sorted(order[k:])] for k in range(most + 1)]
        rows = _proba(clf, rests, len(clf.label_set_.names)).reshape(len(texts), most + 1, -1)
        answer = rows[:, 0].argmax(axis=1)
        columns[name] = rows[np.arange(len(texts)), :, answer].mean(axis=0)
    return pd.DataFrame(columns).rename_axis("words taken away")


def permuted_attention(clf: Any, texts: Strings, *, permutations: int = 100, seed: int = 0) -> pd.DataFrame:
    """How far the prediction moves when the weights are dealt to other words (Jain & Wallace 2019, arXiv:1902.10186,
    section 4.2.1). Where it hardly moves, the weights do not explain it.

    The model is cut at its layer ``attention``: the states go in, their weighted mean comes out. The mean is formed
    again with permuted weights and sent through the rest of the network.

    Args:
        clf: See the module; its ``attention`` must return weighted means of its input (global, structured, uniform).
        texts: N texts.
        permutations: Number of permutations for each text.
        seed: Of the permutations.

    Returns:
        DataFrame, one row a text: tokens, largest_weight, and moved, the median over permutations of the total
            variation distance of the two predictions, in [0, 1] (multi-label: the largest change of a probability).

    Raises:
        BadInput: No such layer, or one whose output is no weighted mean of its input.
    """
    import keras
    import pandas as pd

    from emorec.metrics import probabilities

    layer = _layer(clf, "attention", "there are no weights to permute")
    look, head = _split_at_attention(clf, layer)
    rng, rows = np.random.default_rng(seed), []
    for text in texts:
        tokens = list(clf.tokenise(text))
        states, mask, weights = _attention_parts(layer, look, clf.ids_from_tokens([tokens]))
        real = np.flatnonzero(mask)
        dealt = np.repeat(weights[None], permutations + 1, axis=0)
        for k in range(1, permutations + 1):
            dealt[k][..., real] = weights[..., rng.permutation(real)]
        logits = keras.ops.convert_to_numpy(head(dealt @ states, training=False))
        p = probabilities(logits, clf.label_set_.multi_label, getattr(clf, "temperature_", 1.0))
        change = np.abs(p[1:] - p[0])
        distance = change.max(axis=1) if clf.label_set_.multi_label else change.sum(axis=1) / 2
        rows.append((len(tokens), float(weights.max(initial=0.0)), float(np.median(distance))))
    return pd.DataFrame(rows, columns=["tokens", "largest_weight", "moved"])


def _split_at_attention(clf, layer):
    """The model in two: ids -> (states, mask), and pooled states -> logits."""
    import keras

    states, pooled = (keras.tree.flatten(x)[0] for x in (layer.input, layer.output))
    mask = _layer(clf, "mask", "its padding is not known").output
    try:
        if len(states.shape) != 3:
            raise ValueError("no plain sequence of words")
        return keras.Model(clf.model_.inputs[0], [states, mask]), keras.Model(pooled, clf.model_.output)
    except ValueError as error:  # Keras: the logits depend on more than what the layer returns
        raise _not_a_mean(layer) from error


def _attention_parts(layer, look, ids):
    """States (T, D) with padding at 0, mask (T,), weights (T,) or (hops, T) of one text."""
    import keras

    states, mask = look(ids, training=False)
    parts = (states, mask, *layer(states, mask=mask, return_attention_scores=True, training=False))
    states, mask, pooled, weights = (keras.ops.convert_to_numpy(x)[0].astype("float32") for x in parts)
    mask = mask.astype(bool)
    states = np.where(mask[:, None], states, 0)
    mean = weights @ states if weights.shape[-1] == len(states) else np.zeros(0)
    loose = 0.01 * (1 + np.abs(pooled).max(initial=0.0))  # float16 models agree to this
    if mean.shape != pooled.shape or not np.allclose(mean, pooled, atol=loose):
        raise _not_a_mean(layer)
    return states, mask, weights


def _not_a_mean(layer):
    return BadInput(
        "Weights can be permuted where the logits follow from weighted means of the attention's input alone "
        f"(global, structured, uniform); {type(layer).__name__} makes no such means."
    )
