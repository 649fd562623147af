"""Texts to the word pieces of a BERT and back to words, by the library `tokenizers`.

A text is split into words as everywhere in this package (`emorec.text.tokens.tokenise`), and each word into pieces.
So an explanation has one weight a word, a word can be left out by itself, and a word is known or not as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec.errors import BadInput
from emorec.text.encoded import Encoded, TextReader
from emorec.text.tokens import SENTENCE_END, tokenise
from emorec.types import Strings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, UNKNOWN, START, END = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LONGEST_WORD = 100  # letters; BERT takes a longer word for unknown


@dataclass(frozen=True)
class Pieces:
    """One text in word pieces.

    Attributes:
        words: W words, those cut off left out.
        ids: int32 (T,), the start and the end mark among them.
        word_of: int32 (T,): the position in ``words`` of the word that a piece belongs to; -1 at both marks.
        unknown: bool (W,): the words with a piece that the vocabulary lacks.
        cut: How many words were cut off.

    Example:
        >>> pieces = WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##real"]).pieces(["unreal"])
        >>> pieces.words, pieces.ids.tolist()
        (['unreal'], [2, 4, 5, 3])
    """

    words: list
    ids: np.ndarray
    word_of: np.ndarray
    unknown: np.ndarray
    cut: int = 0


class WordPieces(TextReader):
    """The word pieces of a lower-casing BERT.

    Args:
        vocabulary: The pieces in the order of their ids; one inside a word begins with ``##``. ``[PAD]`` is the first.
        limit: Longest text in pieces, both marks counted.
        window: `read_in_windows` splits a longer text into parts of at most so many pieces; None: it never does.

    Raises:
        BadInput: A piece twice, a special one (``[PAD] [UNK] [CLS] [SEP]``) that is missing or out of place, or a
            window beyond the limit.

    Example:
        >>> pieces = WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##real"])
        >>> pieces.split_word("Unreal")
        (4, 5)
    """

    def __init__(self, vocabulary: Strings, limit: int = 512, window: int | None = None) -> None:
        self.vocabulary = list(vocabulary)
        self.limit, self.window = int(limit), window
        self._ids = {piece: i for i, piece in enumerate(self.vocabulary)}
        missing = [piece for piece in SPECIAL if piece not in self._ids]
        if missing or self._ids[PAD] != 0:
            raise BadInput(f"A vocabulary begins with {PAD} and holds {' '.join(SPECIAL)}; missing: {missing or PAD}.")
        if len(self._ids) != len(self.vocabulary):
            twice = next(piece for piece, n in Counter(self.vocabulary).items() if n > 1)
            raise BadInput(f"The vocabulary holds the piece {twice!r} twice.")
        if self.limit < 3:
            raise BadInput(f"limit must leave room for a word between the two marks; received {limit}.")
        if window is not None and not (isinstance(window, int) and 3 <= window <= self.limit):
            raise BadInput(
                f"window={window!r}: give a whole number from 3 to the limit of {self.limit} pieces, or None."
            )
        self.unknown_id, self.start_id, self.end_id = (self._ids[piece] for piece in (UNKNOWN, START, END))
        self._tokenizer: Any = None
        self._of_word = {}

    @property
    def vocabulary_size(self) -> int:
        return len(self.vocabulary)

    def split_word(self, word: str) -> tuple[int, ...]:
        """The ids of a word's pieces, a tuple; empty for a word of invisible signs alone."""
        ids = self._of_word.get(word)
        if ids is None:
            if self._tokenizer is None:
                self._tokenizer = tokenizer(self._ids)
            ids = self._of_word[word] = tuple(self._tokenizer.encode(word, add_special_tokens=False).ids)
        return ids

    def pieces(self, words: Strings) -> Pieces:
        """The `Pieces` of a list of words; what does not fit ``limit`` is cut off at the end, by whole words.

        A first word of more pieces than fit keeps those that do. Words of invisible signs alone are left out.
        """
        room = self.limit - 2
        ids, word_of, kept = [self.start_id], [-1], []
        words = [word for word in words if self.split_word(word)]
        for word in words:
            of_word = self.split_word(word) if kept else self.split_word(word)[:room]
            if len(ids) - 1 + len(of_word) > room:
                break
            ids += of_word
            word_of += [len(kept)] * len(of_word)
            kept.append(word)
        ids, word_of = np.array([*ids, self.end_id], "int32"), np.array([*word_of, -1], "int32")
        unknown = np.zeros(len(kept), dtype=bool)
        unknown[word_of[ids == self.unknown_id]] = True
        return Pieces(kept, ids, word_of, unknown, len(words) - len(kept))

    @property
    def limits(self) -> tuple[int, ...]:
        return (self.limit,)

    def split(self, text: str) -> list[str]:
        """All words of one text."""
        return tokenise(text)

    def read_tokens(self, token_lists: Sequence[Sequence[str]], training: bool = False) -> Encoded:
        """Lists of words to `Encoded`."""
        texts = [self.pieces(words) for words in token_lists]
        cut = np.array([one.cut for one in texts], dtype=int)
        rows, token_of = [one.ids for one in texts], [one.word_of for one in texts]
        return Encoded([one.words for one in texts], rows, [one.unknown for one in texts], cut, token_of)

    def windows(self, words: Strings) -> list[tuple[int, int]]:
        """(start, end) of the parts of a list of words that fit the window: whole sentences, as many as fit.

        A sentence longer than the window is split between words. One part at least, empty for no words.

        Example:
            >>> letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "."]
            >>> WordPieces(letters, window=6).windows(["a", "b", ".", "a", "."])
            [(0, 3), (3, 5)]
        """
        room = (self.window or self.limit) - 2  # without the two marks
        ends = np.flatnonzero([word in SENTENCE_END for word in words]) + 1
        total = np.cumsum([0, *(min(len(self.split_word(word)), room) for word in words)])
        parts, start = [], 0
        while True:
            end = int(np.searchsorted(total, total[start] + room, side="right")) - 1
            whole = ends[(ends > start) & (ends <= end)]
            end = int(whole[-1]) if end < len(words) and len(whole) else end
            parts.append((start, end))
            start = end
            if end == len(words):
                return parts

    def read_in_windows(self, token_lists: Sequence[Sequence[str]]) -> Encoded:
        """Lists of words to `Encoded`; a list of more pieces than the window has a row for each of its `windows`.

        Nothing is cut off: what a network saw in training is as long as a window, and it reads each by itself.
        Without a window it is `read_tokens`.
        """
        if self.window is None:
            return self.read_tokens(token_lists)
        lists = [[word for word in words if self.split_word(word)] for words in token_lists]
        spans = [self.windows(words) for words in lists]
        parts = self.read_tokens([words[a:b] for words, of_text in zip(lists, spans) for a, b in of_text])
        starts = np.cumsum([0, *map(len, spans)])
        unknown = [np.concatenate(parts.unknown[a:b]) for a, b in pairwise(starts)]
        cut = np.zeros(len(lists), dtype=int)
        return Encoded(lists, parts.rows, unknown, cut, parts.token_of, windows=spans)

    def reduced(self, texts: Strings, size: int, extra: Mapping[str, str] | None = None) -> tuple[WordPieces, list]:
        """A smaller vocabulary for texts such as these: what it lacks is split into smaller pieces, down to letters.

        Kept are the special pieces, every single letter and sign, then the pieces commonest in the texts, and where
        those do not fill it the ones that come first here (BERT's vocabulary begins with the common words).

        Args:
            texts: N strings.
            size: Number of pieces, those of ``extra`` not counted.
            extra: Sign to its description: pieces to add, such as ``{"😂": "face with tears of joy"}``, inside and at
                the start of a word.

        Returns:
            The new `WordPieces`, and for each of its pieces the ids of the pieces here whose mean is its first vector:
            the piece itself, or those of the description.
        """
        counts = Counter()
        for word, n in Counter(w for text in texts for w in tokenise(text)).items():
            for i in self.split_word(word):
                counts[i] += n
        marks = [i for i, piece in enumerate(self.vocabulary) if piece in SPECIAL]
        letters = [i for i, piece in enumerate(self.vocabulary) if len(piece.removeprefix("##")) == 1]
        if size < len(marks) + len(letters):
            raise BadInput(f"size={size} leaves out single letters: give {len(marks) + len(letters)} at least.")
        taken = {*marks, *letters}
        others = [i for i, piece in enumerate(self.vocabulary) if i not in taken and not piece.startswith("[")]
        others.sort(key=lambda i: (-counts[i], i))
        kept = sorted({*taken, *others[: size - len(taken)]})
        vocabulary, rows = [self.vocabulary[i] for i in kept], [[i] for i in kept]
        for sign, description in (extra or {}).items():
            described = [i for word in tokenise(description) for i in self.split_word(word)]
            for piece in (sign, f"##{sign}"):
                if piece not in vocabulary:
                    vocabulary.append(piece)
                    rows.append(described)
        return WordPieces(vocabulary, self.limit, self.window), rows

    def get_config(self) -> dict[str, Any]:
        """Everything needed to rebuild it, as JSON values."""
        window = {} if self.window is None else {"window": self.window}
        return {"vocabulary": self.vocabulary, "limit": self.limit, **window}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WordPieces:
        return cls(**config)


def tokenizer(ids: dict[str, int]) -> Tokenizer:
    """The library's tokenizer over piece -> id, which lower-cases and splits as BERT does."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    made = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made
