"""From what a person types to ids and back: the one path that training and scoring share.

The encoder is fitted on the training part alone, saved in the same file as the weights, and used by every later call.
Id 0 is padding, always on the right; id 1 is the unknown word, which is trained: words seen fewer than `min_count`
times share it, so that it has a meaning when a reader's sentence holds a new word.
"""

from __future__ import annotations

import operator
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emorec.errors import BadInput

PADDING, UNKNOWN = 0, 1
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


class TextNotice(UserWarning):
    """Said, never silent: a text was cut, or holds no word the model knows."""


def check_texts(texts):
    """A list of texts, each with at least one character that is not white space.

    Raises:
        BadInput: Names the position, the value and the way out.
    """
    if isinstance(texts, str):
        raise BadInput(f"Give a list of texts, not one string: [{texts[:40]!r}].")
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):
        raise BadInput(f"Give a list of texts, not a {type(texts).__name__}: take one of its columns {[*texts][:9]}.")
    try:
        texts = list(texts)
    except TypeError:
        raise BadInput(f"Give a list of texts; received {type(texts).__name__} {texts!r}.") from None
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise BadInput(f"Text {i} is {type(text).__name__} {str(text)[:60]!r}; each text must be a string.")
        if not tokenise(text[:10_000]) and not tokenise(text):
            raise BadInput(f"Text {i} holds no word: {text[:40]!r}. Give at least one word or sign.")
    return texts


def tokenise(text, lowercase=True, tweets=False):
    """Words (with inner apostrophes, so "don't" stays whole), numbers, and each other sign on its own.

    With ``tweets``, links and user names become ``<url>`` and ``<user>``, a hashtag becomes ``<hashtag>`` and its words
    (#LoveIsland: two), and emoticons stay whole; the marks are those of GloVe's Twitter vectors.
    """
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    for pattern, mark in _IN_TWEETS if tweets else ():
        text = pattern.sub(mark, text)
    return (_TWEET_TOKEN if tweets else _TOKEN).findall(text.lower() if lowercase else text)


def sentence_spans(tokens):
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


@dataclass(frozen=True)
class EncodingReport:
    """What encoding lost.

    Attributes:
        texts, tokens: How many were encoded (tokens before cutting).
        cut_texts, cut_tokens: How many texts were longer than the limit, and how many tokens that cost.
        unknown_tokens, unknown_types: Tokens (and distinct words) that became the unknown id.
        types: Distinct words.
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
        return (
            f"{self.texts:,} texts, {self.tokens:,} tokens; unknown: {share:.1f} % of tokens, {types:.1f} % of "
            f"distinct words; cut: {self.cut_texts:,} texts, {self.cut_tokens:,} tokens"
        )


class TextEncoder:
    """Texts to right-padded ids.

    Args:
        max_words: Size limit of the vocabulary, special ids not counted.
        min_count: A word seen fewer times in training shares the unknown id, unless `fit` is told that
            pretrained vectors know it.
        max_length: Longest text in tokens (of a sentence, where `max_sentences` is set); None takes the longest
            training text, or the 99th percentile where a few outliers are much longer. What `fit` took is ``limit``.
        max_sentences: Encode to (N, S, T) with this many sentences at most; None encodes to (N, T).
        lowercase: Fold case before looking words up.
        keep: Which part of a longer text is kept: ``start``, ``end`` or ``both`` halves.
        tweets: Read user names, links, hashtags and emoticons as `tokenise` says.
    """

    def __init__(
        self,
        *,
        max_words=20_000,
        min_count=2,
        max_length=None,
        max_sentences=None,
        lowercase=True,
        keep="start",
        tweets=False,
    ):
        if keep not in KEEP:
            raise BadInput(f"keep={keep!r} is unknown; choose one of {', '.join(KEEP)}.")
        for name, value in {"max_length": max_length, "max_sentences": max_sentences}.items():
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1 or None; received {value}.")
            setattr(self, name, None if value is None else operator.index(value))
        if max_length == 1 and max_sentences:
            raise BadInput("max_length=1 would leave of a sentence its end mark alone; give at least 2, or None.")
        self.max_words, self.min_count = operator.index(max_words), operator.index(min_count)
        self.lowercase, self.keep, self.tweets, self.limit = lowercase, keep, tweets, self.max_length
        self.words = list(SPECIAL)
        self._ids = {}

    @property
    def vocabulary_size(self):
        return len(self.words)

    def fit(self, texts, known=()):
        """Builds the vocabulary from training texts alone.

        Args:
            texts: N strings.
            known: Words with a pretrained vector; they are kept however rare they are.
        """
        token_lists = [self.split(t) for t in texts]
        counts = Counter(w for tokens in token_lists for w in tokens)
        kept = [w for w, n in counts.items() if n >= self.min_count or w in known]
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

    def split(self, text):
        """All tokens of one text, before cutting."""
        return tokenise(text, self.lowercase, self.tweets)

    def tokenise(self, text):
        """The tokens of one text as the model sees them: after case folding and cutting."""
        return self._cut(self.split(text))

    def _cut(self, tokens):
        if self.max_sentences is None:
            return self._cut_to(tokens, self.limit)
        spans = self._cut_to(sentence_spans(tokens), self.max_sentences)
        return [w for a, b in spans for w in self._cut_sentence(tokens[a:b])]

    def _cut_sentence(self, sentence):
        if len(sentence) <= self.limit:
            return sentence
        end = [w for w in sentence if w in SENTENCE_END][:1]  # kept, so that cutting twice changes nothing
        return sentence[: self.limit - len(end)] + end

    def _cut_to(self, items, limit):
        if limit is None or len(items) <= limit:
            return items
        if self.keep == "start":
            return items[:limit]
        if self.keep == "end":
            return items[-limit:]
        return items[: limit - limit // 2] + items[-(limit // 2) :] if limit > 1 else items[:1]

    def spans(self, tokens):
        """(start, end) of the sentences of cut tokens: the rows of the (S, T) encoding, or one row without them."""
        return sentence_spans(tokens) if self.max_sentences else [(0, len(tokens))]

    def encode(self, texts):
        """Texts to int32 ids (N, T), or (N, S, T) where `max_sentences` is set.

        T is the longest text at hand, rounded up to a multiple of 8, and `limit` at most; padding changes no
        output, and few distinct shapes keep compiled functions few.
        """
        return self.encode_tokens([self.tokenise(t) for t in texts])

    def encode_tokens(self, token_lists):
        """Like `encode`, from lists of tokens."""
        rows = [[tokens[a:b] for a, b in self.spans(tokens)] for tokens in map(self._cut, token_lists)]
        lookup = self._ids.get
        longest = max((len(s) for row in rows for s in row), default=1)
        length = self._padded(longest, self.limit)
        if self.max_sentences is None:
            ids = np.zeros((len(rows), length), dtype="int32")
            for i, (row,) in enumerate(rows):
                ids[i, : len(row)] = [lookup(w, UNKNOWN) for w in row]
            return ids
        height = self._padded(max(map(len, rows), default=1), self.max_sentences)
        ids = np.zeros((len(rows), height, length), dtype="int32")
        for i, row in enumerate(rows):
            for j, sentence in enumerate(row):
                ids[i, j, : len(sentence)] = [lookup(w, UNKNOWN) for w in sentence]
        return ids

    @staticmethod
    def _padded(longest, limit):
        return max(1, min(limit, -(-longest // 8) * 8))

    def report(self, texts):
        """Counts what encoding these texts loses: an `EncodingReport`."""
        tokens = cut = unknown = cut_texts = 0
        types, unknown_types = set(), set()
        for text in texts:
            all_tokens = self.split(text)
            lost = len(all_tokens) - len(self._cut(all_tokens))
            missing = [w for w in all_tokens if w not in self._ids]
            tokens += len(all_tokens)
            cut, cut_texts = cut + lost, cut_texts + bool(lost)
            unknown += len(missing)
            types.update(all_tokens)
            unknown_types.update(missing)
        return EncodingReport(len(texts), tokens, len(types), cut_texts, cut, unknown, len(unknown_types))

    def notify(self, texts):
        """Warns (`TextNotice`) of texts that are cut or hold no known word; in one line where there are many."""
        cut, strange = [], []
        for i, text in enumerate(texts):
            tokens = self.split(text)
            kept = self._cut(tokens)
            shown = f"Text {i} ({text if len(text) <= 40 else text[:37] + '...'!r})"
            if len(kept) < len(tokens):
                cut.append(f"{shown} has {len(tokens)} tokens; only {len(kept)} of them were read.")
            if not any(w in self._ids for w in kept):
                strange.append(f"{shown} holds no word the model has seen; its score says nothing about it.")
        for lines in (cut, strange):
            more = f" And so with {len(lines) - 1} more of {len(texts)} texts." if len(lines) > 1 else ""
            if lines:
                # Without a file name and line number: they would tell the reader nothing.
                warnings.warn_explicit(lines[0] + more, TextNotice, "emorec", 1)

    def get_config(self):
        """Everything needed to rebuild the encoder, as JSON values."""
        names = "max_words min_count max_length max_sentences lowercase keep tweets words limit"
        return {name: getattr(self, name) for name in names.split()}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        words, limit = config.pop("words"), config.pop("limit", config["max_length"])  # older files: the fitted one
        encoder = cls(**config)
        encoder.limit = limit
        encoder.words = list(words)
        encoder._ids = {w: i for i, w in enumerate(words) if i > UNKNOWN}
        return encoder
