"""Texts as a network reads them: split, cut and looked up once, with what that lost; and what every encoding shares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emorec.errors import BadInput
from emorec.notices import notice
from emorec.types import Numbers, Strings, Values

LARGE_SHARE = 1 / 3  # of a text's words unknown: worth a notice
# Letters of scripts that are written without spaces, and how many of them a word has at most, on average.
_UNSPACED = (
    (re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"), 3),  # Chinese, Japanese
    (re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]"), 10),  # Thai, Lao, Tibetan, Burmese, Khmer
)
_SPACES_FIRST = (
    "so a whole clause is read as one word. Put spaces between the words first, with a library for the language "
    "(jieba, janome, pythainlp)."
)


class TextNotice(UserWarning):
    """Said, never silent: a text was cut, or holds words that the model does not know."""


@dataclass(frozen=True)
class EncodingReport:
    """What encoding lost.

    Attributes:
        texts, tokens: How many were encoded (tokens before cutting).
        cut_texts, cut_tokens: How many texts were longer than the limit, and how many tokens that cost.
        unknown_tokens, unknown_types: Tokens (and distinct words) that became the unknown id.
        types: Distinct words.

    Example:
        >>> from emorec.text.tokens import TextEncoder
        >>> TextEncoder(min_count=1).fit(["good film"]).report(["bad film"]).unknown_tokens
        1
    """

    texts: int
    tokens: int
    types: int
    cut_texts: int
    cut_tokens: int
    unknown_tokens: int
    unknown_types: int

    def __str__(self):
        share = 100 * self.unknown_tokens / max(self.tokens, 1)
        types = 100 * self.unknown_types / max(self.types, 1)
        plural = "s" * (self.texts != 1)
        return (
            f"{self.texts:,} text{plural}, {self.tokens:,} tokens; unknown: {share:.1f} % of tokens, {types:.1f} % of "
            f"distinct words; cut: {self.cut_texts:,} texts, {self.cut_tokens:,} tokens"
        )


@dataclass
class Encoded:
    """N texts, encoded.

    Attributes:
        tokens: The tokens of each text that the network reads: lists of strings, what was cut off left out.
        rows: The network's input for each text: int32 ids (T,) or (S, T); or, of TF-IDF, one float32 array (N, D).
        unknown: For each text, bool (number of tokens,): tokens that the model does not know.
        cut: int (N,): how many tokens were cut off.
        token_of: For each text int32 (T,), the position in ``tokens`` of the token that a step belongs to, -1 at marks
            that are no token; None where each token is one step.
        texts: The texts as they came, where they came as texts.
        windows: For each text (start, end) in its ``tokens`` of the parts that the network reads by themselves; rows
            and ``token_of`` then have one entry for each part, and ``token_of`` counts within it. None: every text is
            read as one.

    Example:
        >>> from emorec.text.tokens import TextEncoder
        >>> TextEncoder(min_count=1).fit(["good film"]).read(["bad film"]).unknown_words(0)
        ['bad']
    """

    tokens: list
    rows: list | np.ndarray
    unknown: list
    cut: np.ndarray
    token_of: list | None = None
    texts: list | None = None
    windows: list | None = None

    def __len__(self):
        return len(self.tokens)

    def inputs(self, limits: Numbers | None = None, step: int = 8) -> np.ndarray:
        """The network's input for all texts: int32 (N, T) or (N, S, T), padded with 0 on the right; TF-IDF: (N, D).

        T (and S) is the longest there is, rounded up to a multiple of ``step``, but not beyond ``limits``: padding
        changes no output, and few distinct shapes keep compiled functions few.
        """
        if isinstance(self.rows, np.ndarray):
            return self.rows
        if not self.rows:
            return np.zeros((0, *[1] * len(limits or "T")), dtype="int32")
        longest = np.maximum(1, np.max([row.shape for row in self.rows], axis=0))
        rounded = -(-longest // step) * step
        most = [np.inf if limit is None else limit for limit in limits or [np.inf] * len(longest)]
        shape = np.maximum(longest, np.minimum(rounded, most)).astype(int)
        ids = np.zeros((len(self.rows), *shape), dtype="int32")
        for target, row in zip(ids, self.rows):
            target[tuple(map(slice, row.shape))] = row
        return ids

    def unknown_words(self, i: int) -> list[str]:
        """The unknown words of text i, in its order; signs are no words."""
        return [t for t, unknown in zip(self.tokens[i], self.unknown[i]) if unknown and is_word(t)]

    @property
    def unknown_share(self) -> np.ndarray:
        """float64 (N,): the share of each text's words that the model does not know; 0 for a text of signs alone."""
        words = [sum(map(is_word, tokens)) for tokens in self.tokens]
        return np.array([len(self.unknown_words(i)) / max(n, 1) for i, n in enumerate(words)])

    def notify(self) -> None:
        """Warns (`TextNotice`) of texts that were cut, that have no spaces between their words, or of whose words the
        model does not know a third or more.

        One line for each kind, however many texts there are. Strange words in fewer than one of twenty texts are no
        news: every test split has some.
        """
        cut, unread, strange, clauses = [], [], [], []
        for i, (tokens, lost, unknown) in enumerate(zip(self.tokens, self.cut, self.unknown)):
            if unspaced(tokens):
                clauses.append(f"{self._shown(i)} is in a language without spaces, {_SPACES_FIRST}")
            if lost:
                cut.append(f"{self._shown(i)} has {len(tokens) + lost} tokens; only {len(tokens)} of them were read.")
            if len(tokens) and unknown.all():
                unread.append(f"{self._shown(i)} holds no word the model has seen; its score says nothing about it.")
        shares = self.unknown_share
        strange += [f"{self._shown(i)}: {self.unknown_count(int(i))}." for i in np.flatnonzero(shares >= LARGE_SHARE)
                    if not self.unknown[i].all()]  # fmt: skip
        if 20 * (len(unread) + len(strange)) < len(self):
            unread, strange = [], []
        for lines in (cut, unread, strange, clauses):
            more = f" And so with {len(lines) - 1} more of {len(self)} texts." if len(lines) > 1 else ""
            if lines:
                notice(lines[0] + more, TextNotice)

    def notify_training(self) -> None:
        """Warns (`TextNotice`) where a tenth of the texts or more have no spaces between their words."""
        clauses = sum(map(unspaced, self.tokens))
        if clauses and clauses >= len(self) / 10:
            line = f"{clauses} of {len(self)} texts are in a language without spaces, {_SPACES_FIRST}"
            notice(line, TextNotice)

    def unknown_count(self, i: int) -> str:
        """For people: ``1 of 3 words unknown: angry``."""
        return unknown_count(self.tokens[i], self.unknown[i])

    def _shown(self, i):
        text = self.texts[i] if self.texts else " ".join(self.tokens[i][:12])
        return f"Text {i} ({text if len(text) <= 40 else text[:37] + '...'!r})"


def unknown_count(tokens: Strings, unknown: Values, most: int = 5) -> str:
    """``1 of 3 words unknown: angry`` of T tokens and bool (T,); empty where every word is known."""
    missing = [t for t, u in zip(tokens, unknown) if u and is_word(t)]
    if not missing:
        return ""
    different = [*dict.fromkeys(missing)]
    named = ", ".join(different[:most]) + (", …" if len(different) > most else "")
    return f"{len(missing)} of {sum(map(is_word, tokens))} words unknown: {named}"


def unspaced(tokens: Sequence[str]) -> bool:
    """Whether tokens are clauses rather than words: of a language written without spaces, and not split before.

    Example:
        >>> unspaced(["这部电影很好"]), unspaced(["这", "部", "电影", "很", "好"]), unspaced(["a", "film"])
        (True, False, False)
    """
    for letters, most in _UNSPACED:
        counts = [n for token in tokens if not token.isascii() and (n := len(letters.findall(token)))]
        if sum(counts) > most * len(counts):
            return True
    return False


def is_word(token: str) -> bool:
    """Whether a token holds a letter or a digit: signs and emoji are no words."""
    return any(map(str.isalnum, token))


class TextReader:
    """Base of what turns texts into a network's input.

    A subclass implements ``split(text) -> tokens`` and ``read_tokens(token lists, training) -> Encoded``.

    Example:
        >>> from emorec.text.tokens import TextEncoder
        >>> issubclass(TextEncoder, TextReader)
        True
    """

    limits: Any = None  # see `Encoded.inputs`

    def split(self, text: str) -> list[str]:
        """All tokens of one text, before cutting."""
        raise NotImplementedError

    def read_tokens(self, token_lists: Sequence[Sequence[str]], training: bool = False) -> Encoded:
        """Like `read`, from lists of tokens."""
        raise NotImplementedError

    def read_in_windows(self, token_lists: Sequence[Sequence[str]]) -> Encoded:
        """Like `read_tokens`; a reader with a window splits what is longer instead of cutting it."""
        return self.read_tokens(token_lists)

    def read(self, texts: Strings, training: bool = False, whole: bool = False) -> Encoded:
        """Texts to `Encoded`, each tokenised once.

        Args:
            texts: N strings.
            training: Cut, too, what only training needs to be short.
            whole: See `read_in_windows`.
        """
        token_lists = [self.split(text) for text in texts]
        encoded = self.read_in_windows(token_lists) if whole else self.read_tokens(token_lists, training)
        encoded.texts = texts  # type: ignore[assignment]
        return encoded

    def tokenise(self, text: str) -> list[str]:
        """The tokens of one text as the model sees them."""
        return self.read([text]).tokens[0]

    def encode(self, texts: Strings) -> np.ndarray:
        """Texts to the network's input, see `Encoded.inputs`."""
        return self.read(texts).inputs(self.limits)

    def encode_tokens(self, token_lists: Sequence[Sequence[str]]) -> np.ndarray:
        """Like `encode`, from lists of tokens."""
        return self.read_tokens(token_lists).inputs(self.limits)

    def notify(self, texts: Sequence[str] | Encoded) -> None:
        """`Encoded.notify` of texts, or of what `read` made of them."""
        (texts if isinstance(texts, Encoded) else self.read(texts)).notify()

    def report(self, texts: Strings) -> EncodingReport:
        """Counts what encoding these texts loses: an `EncodingReport`."""
        token_lists = [self.split(text) for text in texts]
        encoded = self.read_tokens(token_lists)
        types = {token for tokens in token_lists for token in tokens}
        everything = self.read_tokens([[token] for token in types])
        unknown_types = {token for token, u in zip(types, everything.unknown) if u.any()}
        unknown = sum(token in unknown_types for tokens in token_lists for token in tokens)
        cut = encoded.cut
        return EncodingReport(len(token_lists), sum(map(len, token_lists)), len(types), int((cut > 0).sum()),
                              int(cut.sum()), unknown, len(unknown_types))  # fmt: skip


def check_strings(texts: Strings) -> list[str]:
    """A list of strings.

    Raises:
        BadInput: Names the position, the value and the way out.
    """
    if isinstance(texts, str):
        raise BadInput(f"Give a list of texts, not one string: [{texts[:40]!r}].")
    if isinstance(texts, (set, frozenset)):
        raise BadInput("Give a list of texts, not a set: a set has no order.")
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):
        raise BadInput(f"Give a list of texts, not a {type(texts).__name__}: take one of its columns {[*texts][:9]}.")
    try:
        texts = texts.to_pylist() if hasattr(texts, "to_pylist") else list(texts)  # the former of Arrow
    except TypeError:
        raise BadInput(f"Give a list of texts; received {type(texts).__name__} {texts!r}.") from None
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise BadInput(f"Text {i} is {type(text).__name__} {str(text)[:60]!r}; each text must be a string.")
    return texts
