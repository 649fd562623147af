"""TF-IDF vectors behind the same calls as the encoding to ids, for a network over bags of words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from emorec.errors import BadInput
from emorec.text.encoded import Encoded, TextReader
from emorec.text.tokens import tokenise
from emorec.types import Strings


class TfidfEncoder(TextReader):
    """Texts to rows of TF-IDF weights: (1 + log tf) * idf of words and word pairs, each row of length 1.

    The idf is scikit-learn's smoothed one, ln((1 + N) / (1 + df)) + 1. A text is read whole.

    Args:
        max_features: Number of words and pairs, the most frequent ones, that get a column at most.
        min_count: Number of training texts that must hold them.
        ngrams: Longest run of words that counts as a feature; 1 leaves pairs out.
        lowercase: Fold case first.
        tweets: Read user names, links, hashtags and emoticons as `emorec.text.tokens.tokenise` says.

    Example:
        >>> TfidfEncoder(min_count=1).fit(["good film", "bad film"]).encode(["good"]).shape
        (1, 5)
    """

    def __init__(
        self, *, max_features: int = 5000, min_count: int = 2, ngrams: int = 2, lowercase: bool = True,
        tweets: bool = False,
    ) -> None:  # fmt: skip
        for name, value in {"max_features": max_features, "min_count": min_count, "ngrams": ngrams}.items():
            if value < 1:
                raise BadInput(f"{name} must be at least 1; received {value}.")
        self.max_features, self.min_count = operator.index(max_features), operator.index(min_count)
        self.ngrams, self.lowercase, self.tweets = operator.index(ngrams), lowercase, tweets
        self.words = []

    @property
    def vocabulary_size(self) -> int:
        """D, the number of columns."""
        return len(self.words)

    def fit(self, texts: Strings, known: Collection[str] = ()) -> TfidfEncoder:
        """Chooses the features and their idf on training texts alone; ``known`` has no meaning here.

        Raises:
            BadInput: No word or pair is frequent enough.
        """
        vectorizer = self._vectorizer(max_features=self.max_features, min_df=self.min_count)
        try:
            vectorizer.fit([self.split(text) for text in texts])
        except ValueError as error:
            raise BadInput(
                f"No word stands in {self.min_count} of the {len(texts)} texts: lower min_count or give more."
            ) from error
        self.words = [str(word) for word in vectorizer.get_feature_names_out()]
        self._restore(vectorizer.idf_)
        return self

    def _vectorizer(self, **options):
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(analyzer=self._features, sublinear_tf=True, dtype=np.float32, **options)

    def _features(self, tokens):
        runs = range(1, self.ngrams + 1)
        return [" ".join(tokens[i : i + n]) for n in runs for i in range(len(tokens) - n + 1)]

    def _restore(self, idf):
        self._weights = self._vectorizer(vocabulary=self.words)
        self._weights.idf_ = np.asarray(idf)
        self._known = set(self.words)

    def split(self, text: str) -> list[str]:
        """The tokens of one text."""
        return tokenise(text, self.lowercase, self.tweets)

    def read_tokens(self, token_lists: Sequence[Sequence[str]], training: bool = False) -> Encoded:
        """Lists of tokens to `Encoded`, whose rows are float32 (N, D); a text without a known word is all zeros."""
        rows = np.zeros((len(token_lists), len(self.words)), dtype="float32")
        if len(token_lists):
            rows = self._weights.transform(token_lists).toarray()
        unknown = [np.array([w not in self._known for w in tokens], dtype=bool) for tokens in token_lists]
        return Encoded(list(token_lists), rows, unknown, np.zeros(len(token_lists), dtype=int))

    def without_each(self, tokens: Strings) -> Callable[[slice], np.ndarray]:
        """What `encode_tokens` makes of the tokens without the first, without the second, and so on.

        A word that goes changes three features and brings a fourth: they are counted down and up, so that the time
        grows with the length and not with its square.

        Args:
            tokens: T tokens.

        Returns:
            Function of a slice of positions to float32 rows (n, D).
        """
        columns, longest = self._weights.vocabulary_, self.ngrams
        counts = np.zeros(len(self.words), dtype="float32")
        for feature in self._features(tokens):
            if feature in columns:
                counts[columns[feature]] += 1

        def rows(positions):
            altered = np.repeat(counts[None], len(positions), axis=0)
            for row, i in zip(altered, positions):
                low, high = max(i - longest + 1, 0), i + longest
                before, after = tokens[low:high], tokens[low:i] + tokens[i + 1 : high]
                for sign, window in ((-1, before), (1, after)):
                    for feature in self._features(window):
                        if feature in columns:
                            row[columns[feature]] += sign
            tf = np.log(np.maximum(altered, 1)) + 1
            altered = np.where(altered > 0, tf * self._weights.idf_.astype("float32"), 0).astype("float32")
            return altered / np.maximum(np.linalg.norm(altered, axis=1, keepdims=True), 1e-12)

        return rows

    def get_config(self) -> dict[str, Any]:
        """Everything needed to rebuild the encoder, as JSON values."""
        names = ("max_features", "min_count", "ngrams", "lowercase", "tweets", "words")
        idf = self._weights.idf_.tolist() if self.words else []
        return {**{name: getattr(self, name) for name in names}, "idf": idf}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TfidfEncoder:
        config = dict(config)
        words, idf = config.pop("words"), config.pop("idf")
        encoder = cls(**config)
        encoder.words = list(words)
        if words:
            encoder._restore(idf)
        return encoder
