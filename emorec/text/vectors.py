"""Word vectors for the embedding layer: trained on the texts, or the rows that they need of a large file."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emorec.arguments import explained
from emorec.checks import choice
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.text import glove
from emorec.text.tokens import SPECIAL, UNKNOWN
from emorec.types import FilePath, Strings

if TYPE_CHECKING:
    from emorec.text.tokens import TextEncoder

TRAINED, GLOVE = ("cbow", "skip-gram"), "glove"
OOV = ("normal", "zeros", "subword")
HOMES = "word2vec: https://code.google.com/archive/p/word2vec/; GloVe: https://nlp.stanford.edu/projects/glove/"

_BLOCK = 1 << 20  # bytes read at a time
_BINARY_BLOCK = 1 << 16  # the same of rows that are skipped: they stay in the cache of the processor
_MOST_DIMENSIONS = 10_000
_HEAD = 50  # rows that tell how many numbers a row has
_LONGEST_WORD = 1 << 16  # bytes; more without a space is no word
_GENSIM_LIMIT = 10_000  # gensim drops what follows in a longer text, silently


@dataclass(frozen=True)
class Coverage:
    """How many of the words of the training texts have a vector of their own.

    Attributes:
        source: ``cbow``, ``skip-gram`` or the file's name.
        dim: Size of a vector.
        types, known_types: Distinct words, and those with a vector.
        tokens, known_tokens: Words in running text, and those with a vector.
        oov: What frequent words without a vector have in its place.

    Example:
        >>> Coverage("glove", 50, types=100, known_types=90, tokens=500, known_tokens=480, oov="normal").type_share
        0.9
    """

    source: str
    dim: int
    types: int
    known_types: int
    tokens: int
    known_tokens: int
    oov: str

    @property
    def type_share(self) -> float:
        return self.known_types / max(self.types, 1)

    @property
    def token_share(self) -> float:
        return self.known_tokens / max(self.tokens, 1)

    def __str__(self):
        return (
            f"{self.source}, {self.dim} dimensions: vectors for {100 * self.token_share:.1f} % of the tokens "
            f"and {100 * self.type_share:.1f} % of the {self.types:,} distinct words; the others: {self.oov}"
        )


@explained
def embedding_matrix(
    source: FilePath | None, texts: Strings, encoder: TextEncoder, *, dim: int = 100, oov: str = "normal", seed: int = 0
) -> tuple[np.ndarray, Coverage]:
    """Word vectors for a text encoder, which is fitted on the way: words with a vector are kept however rare.

    A word of a file is looked up as it stands, in lower case, Capitalised, in UPPER case, and with # for each
    digit (as GoogleNews has it); the first form found counts. Row 0 (padding) is zeros. Row 1 (unknown) is
    trained with the others for ``cbow`` and ``skip-gram``, in whose texts it takes the place of rare words;
    from a file it is the mean vector of the rare words, or zeros with ``oov="zeros"``.

    Args:
        source: ``glove``: the vectors that come along (`emorec.text.glove`), whose words outside of the vocabulary
            the encoder then knows, too; ``cbow`` or ``skip-gram`` (Mikolov et al. 2013, arXiv:1301.3781): word2vec
            trained on the texts; or the path of a word2vec file (``.bin``, ``.txt``, ``.vec``) or a GloVe file
            (``.txt``), each also as ``.gz``. One pass reads it; only the rows that the vocabulary needs are held.
        texts: The training texts, N strings.
        encoder: An unfitted `emorec.text.tokens.TextEncoder`.
        dim: Size of a vector where the texts train it.
        oov: Rows of frequent words that a file lacks: ``normal`` (sampled with the mean and variance that the
            known rows have in each dimension; Kim 2014), ``zeros``, or ``subword`` (see `subword_vectors`;
            ``normal`` where no n-gram is shared).
        seed: Of the training and of anything sampled.

    Returns:
        float32 matrix (V, dim), a row for each id of the encoder, and the `Coverage` of the texts.

    Raises:
        DataMissing: There is no such file.
        DataCorrupt: The file is truncated, or holds something else.
        BadInput: An unknown name or ending, or a file without a single word of the texts.
    """
    choice("oov", oov, OOV)
    counts = Counter(w for text in texts for w in encoder.split(text))
    if source in TRAINED:
        encoder.fit(texts)
        vectors, name = train_vectors(source, texts, encoder, dim, seed), source
        known = vectors.keys() & counts.keys()
        oov = "one shared vector, trained"
    elif source == GLOVE:
        shared, name = glove.load(), glove.NAME
        vectors = shared.vectors(_candidates(counts, encoder))
        known = {word for word in counts if shared.row(word) is not None}
        if not vectors:
            raise BadInput(f"GloVe has no vector for any of the {len(counts):,} words: another language than English?")
        encoder.share(name)
        encoder.fit(texts, known=vectors)
    else:
        path = _existing(source)
        vectors, known = read_vectors(path, counts, keep=_candidates(counts, encoder))
        if not vectors:
            raise BadInput(f"{path} has no vector for any of the {len(counts):,} words: another language?")
        encoder.fit(texts, known=vectors)
        name = path.name
    matrix = _fill(encoder, counts, vectors, oov, seed)
    tokens = sum(counts[w] for w in known)
    return matrix, Coverage(name, matrix.shape[1], len(counts), len(known), counts.total(), tokens, oov)


def _candidates(counts, encoder):
    """The words that can get an id: the rare ones too, unless the frequent ones fill the vocabulary."""
    frequent = [w for w, n in counts.items() if n >= encoder.min_count]
    if len(frequent) < encoder.max_words:
        return counts.keys()
    return set(sorted(frequent, key=lambda w: (-counts[w], w))[: encoder.max_words])


def _fill(encoder, counts, vectors, oov, seed):
    words = encoder.words[len(SPECIAL) :]
    known, missing = [w for w in words if w in vectors], [w for w in words if w not in vectors]
    known_rows = np.stack([vectors[w] for w in known or SPECIAL[UNKNOWN:]])
    rows = dict(zip(known, known_rows))
    if missing and oov != "zeros":
        noise = np.random.default_rng(seed).standard_normal((len(missing), known_rows.shape[1]), dtype="float32")
        sampled = known_rows.mean(axis=0) + noise * known_rows.std(axis=0)
        rows |= zip(missing, subword_vectors(missing, known, known_rows, sampled) if oov == "subword" else sampled)
    if SPECIAL[UNKNOWN] in vectors:
        rows[SPECIAL[UNKNOWN]] = vectors[SPECIAL[UNKNOWN]]
    elif oov != "zeros":
        rare = [v for w, v in vectors.items() if counts[w] < encoder.min_count]
        rows[SPECIAL[UNKNOWN]] = np.mean(rare or known_rows, axis=0)
    matrix = np.zeros((len(encoder.words), known_rows.shape[1]), dtype="float32")
    for i, word in enumerate(encoder.words):
        matrix[i] = rows.get(word, 0)
    return matrix


def subword_vectors(words: Collection[str], known: Strings, vectors: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Vectors of words from those of known words that share character n-grams (3 to 6, word ends marked).

    An n-gram has the mean vector of the known words that hold it; a word has the mean over its n-grams, each
    weighed by 1 / (number of known words that hold it), so that a rare stem says more than a common ending.
    The n-grams are those of fastText (Bojanowski et al. 2017, arXiv:1607.04606), which trains them instead.

    Args:
        words: M words without a vector.
        known, vectors: K words and their vectors (K, D).
        otherwise: (M, D) rows for words that share no n-gram with any known one.

    Returns:
        float32 array (M, D).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    grams = CountVectorizer(analyzer="char_wb", ngram_range=(3, 6), binary=True, dtype=np.float32)
    of_words = grams.fit_transform(words)
    of_known = grams.transform(known)
    holders = np.asarray(of_known.sum(axis=0)).ravel()
    weights = np.divide(1, holders, out=np.zeros_like(holders), where=holders > 0)
    sums = of_known.T @ np.asarray(vectors)
    total = of_words @ weights
    rows = of_words @ (sums * weights[:, None] ** 2)
    return np.where(total[:, None] > 0, rows / np.maximum(total, 1e-9)[:, None], otherwise).astype("float32")


# --------------------------------------------------------------------------------------------------- training


def train_vectors(
    source: FilePath | None, texts: Strings, encoder: TextEncoder, dim: int, seed: int
) -> dict[str, np.ndarray]:
    """Word2vec on texts, words outside the fitted encoder's vocabulary replaced by the unknown word.

    One worker, so that a seed gives the same bits; 3 million words in all, within 5 to 30 epochs: a small
    corpus needs more of them.

    Returns:
        Word to float32 vector (dim,), ``<unk>`` among them where a word was replaced.
    """
    from gensim.models import Word2Vec

    names = {w: w for w in encoder.words[len(SPECIAL) :]}
    corpus = []
    for text in texts:
        tokens = [names.get(w, SPECIAL[UNKNOWN]) for w in encoder.split(text)]
        corpus += [tokens[i : i + _GENSIM_LIMIT] for i in range(0, len(tokens), _GENSIM_LIMIT)]
    size = sum(map(len, corpus))
    epochs = min(30, max(5, 3_000_000 // max(size, 1)))
    kind = {"sg": int(source == "skip-gram"), "vector_size": dim, "min_count": 1, "epochs": epochs}
    trained = Word2Vec(corpus, **kind, workers=1, seed=seed, hashfxn=_hash).wv
    return dict(zip(trained.index_to_key, trained.vectors))


def _hash(word):
    return zlib.crc32(word.encode("utf-8", "replace"))  # Python's own differs from process to process


# ---------------------------------------------------------------------------------------------------- reading


@explained
def read_vectors(
    path: FilePath, words: Collection[str], keep: Collection[str] | None = None
) -> tuple[dict[str, np.ndarray], Collection[str]]:
    """One pass over a word2vec or GloVe file.

    Args:
        path: See `embedding_matrix`.
        words: Words to look for.
        keep: Those whose vectors are wanted; None wants all.

    Returns:
        Word to float32 vector for the words of ``keep`` that were found, and the set of all words found.

    Raises:
        DataMissing, DataCorrupt, BadInput: As for `embedding_matrix`.
    """
    path = _existing(path)
    if isinstance(words, (str, bytes)) or isinstance(keep, (str, bytes)):
        raise BadInput(f"words are a list of words, not one string: [{words!r:.40}].")
    keep = words if keep is None else keep
    wanted = {}
    for word in words:
        for rank, form in enumerate(_forms(word)):
            wanted.setdefault(form.encode("utf-8", "replace"), []).append((rank, word))
    best, vectors = {}, {}
    try:
        with _open(path) as file:
            for word, values in _rows(path, file, wanted):
                for rank, name in wanted[word]:
                    if rank < best.get(name, rank + 1):  # of equal rows the first one counts, as in gensim
                        best[name] = rank
                        if name in keep:
                            vectors[name] = values
    except (EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError) as error:
        raise DataCorrupt(f"{path} is no complete file of word vectors: {error}. Download it again.") from error
    return vectors, best.keys()


def _forms(word):
    digits = re.sub(r"\d", "#", word)
    return dict.fromkeys([word, word.lower(), word.capitalize(), word.upper(), digits])


def _existing(source):
    path = Path(source).expanduser()
    if not path.is_file():
        raise DataMissing(
            f"The file of word vectors {str(source)!r}",
            [path.absolute()],
            f"download one and give its path ({HOMES})",
            "embedding='glove', which comes along, 'learned', or word2vec trained on the texts: "
            f"{' or '.join(map(repr, TRAINED))}",
        )
    if _ending(path) not in (".bin", ".txt", ".vec"):
        raise BadInput(
            f"{path}: word2vec files end in .bin, .txt or .vec, GloVe files in .txt, packed ones also in .gz."
        )
    return path


def _ending(path):
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _open(path):
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"  # the name can lie: browsers unpack, and keep the .gz
    return gzip.open(path, "rb") if packed else open(path, "rb")


def _rows(path, file, wanted):
    """(word, float32 vector) of the rows whose word is wanted; nothing else is decoded."""
    if file.peek(256)[:256].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise ValueError("it is an HTML page")
    first = file.readline(_BLOCK)
    header = re.fullmatch(rb"\s*(\d+)\s+(\d+)\s*", first)
    count, dim = (int(header[1]), int(header[2])) if header else (None, len(first.split()) - 1)
    binary = _ending(path) == ".bin"
    if dim < 1 or (binary and not header):
        expected = "the number of rows and of dimensions" if binary else "a word and its vector"
        raise ValueError(f"it begins with {first[:40]!r}, not with {expected}")
    if dim > _MOST_DIMENSIONS:
        raise ValueError(f"it announces vectors of {dim:,} numbers")
    return _binary_rows(file, count, dim, wanted) if binary else _text_rows(file, first, count, dim, wanted)


def _binary_rows(file, count, dim, wanted):
    size, buffer, row, garbled = 4 * dim, b"", 0, 0
    # A word, a space and the numbers; of what is no whole row, all at once.
    pattern = re.compile(rb"([^ ]*+) .{%d}|.+" % size, re.DOTALL)
    while row < count:
        if not (block := file.read(_BINARY_BLOCK)):
            raise EOFError(f"it ends in row {row + 1:,} of {count:,}")
        buffer += block
        words = pattern.findall(buffer)
        ends = list(accumulate([len(word) + 1 + size for word in words]))
        whole = len(words) - (ends[-1] > len(buffer) or buffer[ends[-1] - size - 1] != ord(" "))
        words = [word.lstrip(b"\n") for word in words[: min(whole, count - row)]]
        for i in [i for i, word in enumerate(words) if word in wanted]:
            yield words[i], _finite(np.frombuffer(buffer, "<f4", dim, ends[i] - size).astype("float32"), row + i + 1)
        row += len(words)
        buffer = buffer[ends[len(words) - 1] :] if words else buffer
        garbled += _garbled(words)
        if garbled > 10 + row // 20:  # a word that was cut is no UTF-8; pieces of numbers are none all the time
            raise ValueError(f"most of its words are none by row {row:,}: are its vectors longer than {dim}?")
        if row < count and len(buffer) > _LONGEST_WORD and b" " not in buffer:
            raise ValueError(f"row {row + 1:,} holds no word")
    if garbled > count // 2 or (buffer + file.read(_BLOCK)).strip():
        raise ValueError(f"it goes on after the {count:,} rows of {dim} numbers that it announces")


def _garbled(words):
    """How many of some words, as bytes, are no text."""
    return 0 if _is_text(b" ".join(words)) else sum(not _is_text(word) for word in words)


def _is_text(word):
    try:
        return word.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _text_rows(file, first, count, dim, wanted):
    row, line = 0, b""
    rest = iter(partial(file.readline, _BLOCK), b"")
    lines = rest if count is not None else chain([first], rest)
    head = list(islice(lines, _HEAD))
    usual = Counter(len(line.split()) - 1 for line in head).most_common(1)[0] if head else (dim, 0)
    if usual[0] != dim and usual[1] > 1:
        announced = "it announces" if count is not None else "its first row has"
        raise ValueError(f"{announced} {dim} numbers, and most of the rows that follow have {usual[0]}")
    for row, line in enumerate(chain(head, lines), 1):
        if len(line) == _BLOCK:
            raise ValueError(f"row {row:,} has no end")
        word, _, values = line.partition(b" ")
        if word not in wanted:
            continue
        values = values.split()
        if len(values) < dim:
            raise ValueError(f"row {row:,} has {len(values)} of {dim} values")
        if len(values) == dim:  # more: a word with a space in it, as in glove.840B.300d
            yield word, _finite(np.array([float(v) for v in values], dtype="float32"), row)
    if count not in (None, row) or len(line.split()) <= dim:
        raise EOFError(f"it ends in row {row:,}" + (f" of {count:,}" if count else ""))


def _finite(vector, row):
    if not np.isfinite(vector).all():
        raise ValueError(f"the vector in row {row:,} is not finite")
    return vector
