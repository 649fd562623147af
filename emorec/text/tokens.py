"""From what a person types to ids and back: the one path that training and scoring share.

The encoder is fitted on the training split alone, saved in the same file as the weights, and used by every later call.
Id 0 is padding, always on the right; id 1 is the unknown word, which is trained: words seen fewer than `min_count`
times share it, so that it has a meaning when a reader's sentence holds a new word.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from emorec.checks import choice
from emorec.errors import BadInput
from emorec.text import glove
from emorec.text.encoded import Encoded, EncodingReport, TextNotice, TextReader, check_strings
from emorec.types import Strings

__all__ = [
    "Encoded", "EncodingReport", "TextEncoder", "TextNotice", "check_texts", "sentence_spans", "tokenise",
]  # fmt: skip

UNKNOWN = 1  # 0 is padding
SPECIAL = ("<pad>", "<unk>")
SENTENCE_END = frozenset({".", "!", "?", "...", "…"})
CLOSING = frozenset({'"', "'", ")", "]", "”", "’"})
KEEP = ("start", "end", "both")

_ABBREVIATIONS = r"(?:mr|mrs|ms|dr|st|jr|sr|vs|prof|e\.g|i\.e)\.(?=\s+\w)"
# Vowel signs and accents are no letters to `re`, but part of the word that they follow. Higher up lie those of emoji.
_MARKS = "".join(c for c in map(chr, range(0x300, 0xAC00)) if unicodedata.category(c)[0] == "M")
_WORD = rf"\w+(?:[{_MARKS}]+\w*)*"
_TOKEN = re.compile(rf"{_ABBREVIATIONS}|{_WORD}(?:'{_WORD})*|\.{{3}}|[^\w\s]", re.IGNORECASE)
_EMOTICON = r"[:;=]['-]?(?:[()\[\]/\\|]|[DdPp]\b)|<3"
_TWEET_TOKEN = re.compile(rf"<(?:url|user|hashtag)>|{_EMOTICON}|{_TOKEN.pattern}", re.IGNORECASE)
_IN_TWEETS = (
    (re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE), " <url> "),
    (re.compile(r"(?<!\w)@\w+"), " <user> "),
    (re.compile(rf"(?<!\w)#({_WORD})"), lambda match: f" <hashtag> {_WORD_ENDS.sub(' ', match[1])} "),
)
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)|_+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "\x85": " ", "\x00": " "})


def check_texts(texts: Strings) -> list[str]:
    """A list of texts, each with at least one character that is not white space.

    Raises:
        BadInput: Names the position, the value and the way out.
    """
    texts = check_strings(texts)
    for i, text in enumerate(texts):
        # A search stops at the first word or sign: nothing is tokenised here.
        if not _TOKEN.search(text.translate(_APOSTROPHES)):
            raise BadInput(f"Text {i} holds no word: {text[:40]!r}. Give at least one word or sign.")
    return texts


def tokenise(text: str, lowercase: bool = True, tweets: bool = False) -> list[str]:
    """Words (with inner apostrophes, so "don't" stays whole), numbers, and each other sign on its own.

    With ``tweets``, links and user names become ``<url>`` and ``<user>``, a hashtag becomes ``<hashtag>`` and its words
    (#LoveIsland: two), and emoticons stay whole; the marks are those of GloVe's Twitter vectors.
    """
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    for pattern, mark in _IN_TWEETS if tweets else ():
        text = pattern.sub(mark, text)
    return (_TWEET_TOKEN if tweets else _TOKEN).findall(text.lower() if lowercase else text)


def sentence_spans(tokens: Strings) -> list[tuple[int, int]]:
    """(start, end) of each sentence in a list of tokens; a sentence ends after . ! ? and closing quotes."""
    spans, start, i = [], 0, 0
    while i < len(tokens):
        i += 1
        if tokens[i - 1] in SENTENCE_END:
            while i < len(tokens) and (tokens[i] in SENTENCE_END or tokens[i] in CLOSING):
                i += 1
            spans.append((start, i))
            start = i
    if start < len(tokens):
        spans.append((start, len(tokens)))
    return spans


class TextEncoder(TextReader):
    """Texts to right-padded ids.

    Args:
        max_words: Size limit of the vocabulary, special ids not counted.
        min_count: A word seen fewer times in training shares the unknown id, unless `fit` is told that
            pretrained vectors know it.
        max_length: Longest text in tokens (of a sentence, where `max_sentences` is set). None cuts in training alone,
            at the longest training text, or at the 99th percentile where a few outliers are much longer: what `fit`
            took is ``limit``. What is scored is then read whole.
        max_sentences: Encode to (N, S, T) with this many sentences at most; None encodes to (N, T).
        lowercase: Fold case before looking words up.
        keep: Which part of a longer text is kept: ``start``, ``end`` or ``both`` halves.
        tweets: Read user names, links, hashtags and emoticons as `tokenise` says.
        shared: ``glove-6b-50d``: words outside the vocabulary that the vectors that come along know
            (`emorec.text.glove`) get the ids above it; None has none.

    Example:
        >>> encoder = TextEncoder(min_count=1).fit(["good film", "bad film"])
        >>> encoder.encode(["a good film"]).shape, encoder.tokenise("Don't!")
        ((1, 4), ["don't", '!'])
    """

    def __init__(
        self, *, max_words: int = 20_000, min_count: int = 2, max_length: int | None = None,
        max_sentences: int | None = None, lowercase: bool = True, keep: str = "start", tweets: bool = False,
        shared: str | None = None,
    ) -> None:  # fmt: skip
        choice("keep", keep, KEEP)
        for name, value in {"max_length": max_length, "max_sentences": max_sentences}.items():
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1 or None; received {value}.")
        if max_length == 1 and max_sentences:
            raise BadInput("max_length=1 would leave of a sentence its end mark alone; give at least 2, or None.")
        self.max_words, self.min_count = operator.index(max_words), operator.index(min_count)
        self.max_length = None if max_length is None else operator.index(max_length)
        self.max_sentences = None if max_sentences is None else operator.index(max_sentences)
        self.lowercase, self.keep, self.tweets, self.limit = lowercase, keep, tweets, self.max_length
        self.fixed = False  # whether the network has so many positions and no more: then `limit` cuts always
        self.words = list(SPECIAL)
        self._ids = {}
        self.share(shared)

    def share(self, name: str | None) -> None:
        """Takes the words of shared vectors in, by their name; None: of none."""
        choice("shared", name, (None, glove.NAME))
        self.shared = name
        self._shared = glove.load() if name else None

    @property
    def vocabulary_size(self) -> int:
        return len(self.words)

    def fit(self, texts: Strings, known: Collection[str] = ()) -> TextEncoder:
        """Builds the vocabulary from training texts alone.

        Args:
            texts: N strings.
            known: Words with a pretrained vector; they are kept however rare they are.
        """
        token_lists = [self.split(t) for t in texts]
        counts = Counter(w for tokens in token_lists for w in tokens)
        kept = [w for w, n in counts.items() if n >= self.min_count or w in known]
        if counts and not kept:
            most = max(counts.values())
            raise BadInput(
                f"min_count={self.min_count} leaves no word, the commonest occurs {most} times: lower min_count."
            )
        kept.sort(key=lambda w: (-counts[w], w))
        self.words = [*SPECIAL, *kept[: self.max_words]]
        self._ids = {w: i for i, w in enumerate(self.words) if i > UNKNOWN}
        if self.max_length is None:
            parts = token_lists
            if self.max_sentences:
                parts = [t[a:b] for t in token_lists for a, b in sentence_spans(t)]
            lengths = [len(p) for p in parts]
            usual = int(np.ceil(np.percentile(lengths, 99)))
            self.limit = max(4, max(lengths) if max(lengths) <= 1.5 * usual else usual)
        return self

    def split(self, text: str) -> list[str]:
        """All tokens of one text, before cutting."""
        return tokenise(text, self.lowercase, self.tweets)

    def _cut(self, tokens, limit):
        if self.max_sentences is None:
            return self._cut_to(tokens, limit)
        spans = self._cut_to(sentence_spans(tokens), self.max_sentences)
        return [w for a, b in spans for w in self._cut_sentence(tokens[a:b], limit)]

    @staticmethod
    def _cut_sentence(sentence, limit):
        if limit is None or len(sentence) <= limit:
            return sentence
        end = [w for w in sentence if w in SENTENCE_END][:1]  # kept, so that cutting twice changes nothing
        return sentence[: limit - len(end)] + end

    def _cut_to(self, items, limit):
        if limit is None or len(items) <= limit:
            return items
        if self.keep == "start":
            return items[:limit]
        if self.keep == "end":
            return items[-limit:]
        return items[: limit - limit // 2] + items[-(limit // 2) :] if limit > 1 else items[:1]

    def spans(self, tokens: Strings) -> list[tuple[int, int]]:
        """(start, end) of the sentences of cut tokens: the rows of the (S, T) encoding, or one row without them."""
        return sentence_spans(tokens) if self.max_sentences else [(0, len(tokens))]

    def id_of(self, word: str) -> int:
        """The id of a token: of the vocabulary, above it of the shared vectors, else the unknown one."""
        index = self._ids.get(word)
        if index is None and self._shared is not None:
            row = self._shared.row(word)
            index = None if row is None else len(self.words) + row
        return UNKNOWN if index is None else index

    def read_tokens(self, token_lists: Sequence[Sequence[str]], training: bool = False) -> Encoded:
        """Lists of tokens to `Encoded`: rows of ids (T,), or (S, T) where `max_sentences` is set."""
        limit = self.limit if training or self.fixed else self.max_length
        kept = [self._cut(tokens, limit) for tokens in token_lists]
        flat = [np.array([self.id_of(w) for w in tokens], dtype="int32") for tokens in kept]
        rows = flat if self.max_sentences is None else [self._by_sentence(*pair) for pair in zip(kept, flat)]
        cut = np.array([len(a) - len(b) for a, b in zip(token_lists, kept)], dtype=int)
        return Encoded(kept, rows, [ids == UNKNOWN for ids in flat], cut)

    def _by_sentence(self, tokens, ids):
        spans = self.spans(tokens)
        row = np.zeros((max(len(spans), 1), max((b - a for a, b in spans), default=1)), dtype="int32")
        for target, (a, b) in zip(row, spans):
            target[: b - a] = ids[a:b]
        return row

    @property
    def limits(self) -> tuple[int | None, ...]:
        """Beyond which no padding is added: (T,) or (S, T)."""
        return (self.limit,) if self.max_sentences is None else (self.max_sentences, self.limit)

    def get_config(self) -> dict[str, Any]:
        """Everything needed to rebuild the encoder, as JSON values."""
        names = "max_words min_count max_length max_sentences lowercase keep tweets shared words limit"
        return {name: getattr(self, name) for name in names.split()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextEncoder:
        config = dict(config)
        words, limit = config.pop("words"), config.pop("limit", config["max_length"])  # older files: the fitted one
        encoder = cls(**config)
        encoder.limit = limit
        encoder.words = list(words)
        encoder._ids = {w: i for i, w in enumerate(words) if i > UNKNOWN}
        return encoder
