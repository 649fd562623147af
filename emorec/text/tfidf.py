"""TF-IDF vectors behind the same calls as the encoding to ids, for a network over bags of words."""

from __future__ import annotations

import operator

import numpy as np

from emorec.errors import BadInput
from emorec.text.encoded import Encoded, TextReader
from emorec.text.tokens import tokenise


class TfidfEncoder(TextReader):
    """Texts to rows of TF-IDF weights: (1 + log tf) * idf of words and word pairs, each row of length 1.

    The idf is scikit-learn's smoothed one, ln((1 + N) / (1 + df)) + 1. A text is read whole.

    Args:
        max_features: Number of words and pairs, the most frequent ones, that get a column at most.
        min_count: Number of training texts that must hold them.
        ngrams: Longest run of words that counts as a feature; 1 leaves pairs out.
        lowercase: Fold case first.
        tweets: Read user names, links, hashtags and emoticons as `emorec.text.tokens.tokenise` says.
    """

    def __init__(self, *, max_features=5000, min_count=2, ngrams=2, lowercase=True, tweets=False):
        for name, value in {"max_features": max_features, "min_count": min_count, "ngrams": ngrams}.items():
            if value < 1:
                raise BadInput(f"{name} must be at least 1; received {value}.")
            setattr(self, name, operator.index(value))
        self.lowercase, self.tweets = lowercase, tweets
        self.words = []

    @property
    def vocabulary_size(self):
        """D, the number of columns."""
        return len(self.words)

    def fit(self, texts, known=()):
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

    def split(self, text):
        """The tokens of one text."""
        return tokenise(text, self.lowercase, self.tweets)

    def read_tokens(self, token_lists, training=False):
        """Lists of tokens to `Encoded`, whose rows are float32 (N, D); a text without a known word is all zeros."""
        rows = np.zeros((len(token_lists), len(self.words)), dtype="float32")
        if len(token_lists):
            rows = self._weights.transform(token_lists).toarray()
        unknown = [np.array([w not in self._known for w in tokens], dtype=bool) for tokens in token_lists]
        return Encoded(list(token_lists), rows, unknown, np.zeros(len(token_lists), dtype=int))

    def get_config(self):
        """Everything needed to rebuild the encoder, as JSON values."""
        names = ("max_features", "min_count", "ngrams", "lowercase", "tweets", "words")
        idf = self._weights.idf_.tolist() if self.words else []
        return {**{name: getattr(self, name) for name in names}, "idf": idf}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        words, idf = config.pop("words"), config.pop("idf")
        encoder = cls(**config)
        encoder.words = list(words)
        if words:
            encoder._restore(idf)
        return encoder
