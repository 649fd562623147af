"""Word vectors: read as gensim reads them, a few rows of a large file, and something sensible elsewhere."""

import gzip
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.text.tokens import TextEncoder
from emorec.text.vectors import embedding_matrix, read_vectors, subword_vectors

RNG = np.random.default_rng(0)
WORDS = ["the", "Paris", "NATO", "film", "FILM", "####", "don't", "naïve", "cheerful", "."]
VECTORS = RNG.normal(size=(len(WORDS), 5)).astype("float32")


def binary(path, words=WORDS, vectors=VECTORS, newline=b"\n", opener=open):
    with opener(path, "wb") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, vector in zip(words, vectors):
            file.write(word.encode() + b" " + vector.astype("<f4").tobytes() + newline)
    return path


def text(path, words=WORDS, vectors=VECTORS, header=True, opener=open):
    with opener(path, "wb") as file:
        if header:
            file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, vector in zip(words, vectors):
            file.write((word + " " + " ".join(map(repr, vector.tolist())) + "\n").encode())
    return path


FILES = {
    "a.bin": lambda p: binary(p),
    "no-newline.bin": lambda p: binary(p, newline=b""),
    "a.bin.gz": lambda p: binary(p, opener=gzip.open),
    "a.txt": lambda p: text(p),
    "a.vec": lambda p: text(p),
    "a.txt.gz": lambda p: text(p, opener=gzip.open),
    "glove.txt": lambda p: text(p, header=False),
    "glove.txt.gz": lambda p: text(p, header=False, opener=gzip.open),
    "unpacked-by-the-browser.txt.gz": lambda p: text(p),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_equals_what_gensim_reads(tmp_path, name):
    from gensim.models import KeyedVectors

    path = FILES[name](tmp_path / name)
    vectors, words = read_vectors(path, WORDS)
    assert set(words) == set(vectors) == set(WORDS)
    np.testing.assert_array_equal(np.stack([vectors[w] for w in WORDS]), VECTORS)
    if name.startswith("unpacked"):
        return
    theirs = KeyedVectors.load_word2vec_format(path, binary=".bin" in name, no_header=name.startswith("glove"))
    for word in WORDS:
        np.testing.assert_array_equal(vectors[word], theirs[word])


def test_a_word_is_looked_up_as_is_then_lower_capitalised_upper_and_with_hashes(tmp_path):
    vectors, words = read_vectors(binary(tmp_path / "a.bin"), ["paris", "nato", "film", "1999", "The", "absent"])
    for word, row in {"paris": "Paris", "nato": "NATO", "film": "film", "1999": "####", "The": "the"}.items():
        np.testing.assert_array_equal(vectors[word], VECTORS[WORDS.index(row)])
    assert "absent" not in words


@pytest.mark.parametrize("block", [1, 7, 64])
def test_rows_of_a_binary_file_may_lie_across_blocks(tmp_path, monkeypatch, block):
    file = binary(tmp_path / "v.bin")
    whole, _ = read_vectors(file, WORDS)
    monkeypatch.setattr("emorec.text.vectors._BINARY_BLOCK", block)
    pieces, _ = read_vectors(file, WORDS)
    assert pieces.keys() == whole.keys() and all((pieces[word] == whole[word]).all() for word in whole)


def test_the_first_of_two_equal_rows_counts_as_in_gensim(tmp_path):
    path = text(tmp_path / "a.txt", ["twice", "twice"], VECTORS[:2])
    np.testing.assert_array_equal(read_vectors(path, ["twice"])[0]["twice"], VECTORS[0])


def test_a_row_whose_word_holds_spaces_is_not_taken_for_its_first_part(tmp_path):
    path = text(tmp_path / "glove.txt", ["the", ". . .", "."], VECTORS[:3], header=False)
    np.testing.assert_array_equal(read_vectors(path, ["."])[0]["."], VECTORS[2])


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_reading_needs_memory_for_the_rows_alone(tmp_path, kind):
    rows, dim = (200_000, 50) if kind == "bin" else (20_000, 50)
    path = tmp_path / f"large.{kind}"
    values = np.random.default_rng(0).normal(size=(rows, dim)).astype("<f4")
    with open(path, "wb") as file:
        file.write(f"{rows} {dim}\n".encode())
        if kind == "bin":
            table = np.zeros(rows, dtype=[("word", "S8"), ("values", "<f4", dim)])
            table["word"], table["values"] = [f"w{i:06d} " for i in range(rows)], values
            file.write(table.tobytes())
            del table
        else:
            file.writelines(b"w%06d " % i + b" ".join(b"%.5f" % v for v in row) + b"\n" for i, row in enumerate(values))
    wanted = [f"w{i:06d}" for i in range(0, rows, rows // 100)]
    tracemalloc.start()
    vectors, _ = read_vectors(path, wanted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(vectors) == 100
    np.testing.assert_allclose(vectors[wanted[7]], values[7 * rows // 100], atol=1e-5)
    assert peak < 6e6, f"{peak / 1e6:.1f} MB for a file of {path.stat().st_size / 1e6:.0f} MB"


BROKEN = {
    "cut.bin": (binary, lambda b: b[:-15], "ends in row 10 of 10"),
    "cut.bin.gz": (lambda p: binary(p, opener=gzip.open), lambda b: b[:-20], "ended before"),
    "bits.bin.gz": (lambda p: binary(p, opener=gzip.open), lambda b: b[:40] + b"XXXX" + b[44:], "."),
    "missing-rows.txt": (text, lambda b: b[: b.rfind(b"cheerful")], "ends in row 8 of 10"),
    "cut.txt": (lambda p: text(p, header=False), lambda b: b[:-50], "row 10 has 3 of 5"),
    "html.txt": (text, lambda b: b"\n<!DOCTYPE html><p>404", "HTML page"),
    "html.bin": (binary, lambda b: b"<html><p>Sign in to go on", "HTML page"),
    "empty.txt": (text, lambda b: b"", "begins with b''"),
    "empty.bin": (binary, lambda b: b"", "begins with b''"),
    "text.bin": (lambda p: text(p, header=False), lambda b: b, "not with the number of rows"),
    "zeros.bin": (binary, lambda b: b[:5] + bytes(3_000_000), "holds no word"),
    "endless.txt": (text, lambda b: b + b"x" * 3_000_000, "has no end"),
    "nan.bin": (lambda p: binary(p, vectors=VECTORS * np.nan), lambda b: b, "row 1 is not finite"),
    "words.txt": (text, lambda b: b.replace(b"film ", b"film x"), "could not convert"),
    "short.txt": (text, lambda b: b.replace(b"film ", b"film 1.5\nother "), "row 4 has 1 of 5"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_described(tmp_path, name):
    write, change, message = BROKEN[name]
    path = write(tmp_path / name)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataCorrupt, match=message) as caught:
        read_vectors(path, WORDS)
    assert str(path) in str(caught.value) and "Download it again" in str(caught.value)


def test_what_is_no_file_of_vectors_is_refused(tmp_path):
    with pytest.raises(DataMissing, match="skip-gram") as caught:
        embedding_matrix(tmp_path / "absent.bin", ["a"], TextEncoder())
    assert "absent.bin" in str(caught.value)
    with pytest.raises(DataMissing, match="word2vec: https"):
        embedding_matrix("glove-300", ["a"], TextEncoder())
    with pytest.raises(DataMissing):
        embedding_matrix(tmp_path, ["a"], TextEncoder())
    (tmp_path / "glove.zip").write_bytes(b"PK")
    with pytest.raises(BadInput, match="end in .bin"):
        embedding_matrix(tmp_path / "glove.zip", ["a"], TextEncoder())
    with pytest.raises(BadInput, match="oov='mean'"):
        embedding_matrix("cbow", ["a"], TextEncoder(), oov="mean")
    with pytest.raises(BadInput, match="another language"):
        embedding_matrix(binary(tmp_path / "a.bin"), ["привет мир"], TextEncoder())


TEXTS = ["the film film .", "the rotten film .", "rotten cheerfulness . cheerfulness nato"]


def test_rows_follow_the_ids_and_coverage_counts_types_and_tokens(tmp_path):
    encoder = TextEncoder(min_count=2)
    matrix, coverage = embedding_matrix(binary(tmp_path / "a.bin"), TEXTS, encoder)
    assert encoder.words == ["<pad>", "<unk>", ".", "film", "cheerfulness", "rotten", "the", "nato"]
    assert (matrix.shape, matrix.dtype) == ((8, 5), np.dtype("float32"))
    np.testing.assert_array_equal(matrix[0], np.zeros(5))
    for word, row in {".": ".", "film": "film", "the": "the", "nato": "NATO"}.items():
        np.testing.assert_array_equal(matrix[encoder.words.index(word)], VECTORS[WORDS.index(row)])
    # The unknown id stands for rare words, and nato is the only one seen less than twice.
    np.testing.assert_array_equal(matrix[1], VECTORS[WORDS.index("NATO")])
    assert (coverage.types, coverage.known_types) == (6, 4)
    assert (coverage.tokens, coverage.known_tokens) == (13, 9)
    assert "69.2 % of the tokens and 66.7 % of the 6 distinct words; the others: normal" in str(coverage)
    assert "a.bin, 5 dimensions" in str(coverage)


def test_normal_samples_rows_with_the_mean_and_variance_of_the_known_ones(tmp_path):
    rng = np.random.default_rng(1)
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    vectors = rng.normal(loc=[0, 3], scale=[0.1, 2], size=(300, 2)).astype("float32")
    path = binary(tmp_path / "a.bin", words[:300], vectors)
    matrix, _ = embedding_matrix(path, [" ".join(words * 2)], TextEncoder(max_length=9))
    sampled = matrix[302:]
    assert sampled.shape == (300, 2)
    np.testing.assert_allclose(sampled.mean(axis=0), vectors.mean(axis=0), atol=0.4)
    np.testing.assert_allclose(sampled.std(axis=0), vectors.std(axis=0), rtol=0.15)
    assert np.linalg.norm(matrix[1]) > 0.1
    again, _ = embedding_matrix(path, [" ".join(words * 2)], TextEncoder(max_length=9))
    other, _ = embedding_matrix(path, [" ".join(words * 2)], TextEncoder(max_length=9), seed=1)
    np.testing.assert_array_equal(matrix, again)
    assert not np.array_equal(matrix, other)
    zeros, _ = embedding_matrix(path, [" ".join(words * 2)], TextEncoder(max_length=9), oov="zeros")
    np.testing.assert_array_equal(zeros[2:302], matrix[2:302])
    assert not zeros[302:].any() and not zeros[:2].any()


def test_subword_vectors_by_hand():
    # "abc" holds the n-grams _ab, abc, bc_, _abc, abc_, _abc_; of those "abx" has _ab, and "xbc" has bc_.
    vectors = np.array([[1.0, 0], [0, 4]])
    otherwise = np.array([[9.0, 9], [7, 7]])
    rows = subword_vectors(["abc", "qqq"], ["abx", "xbc"], vectors, otherwise)
    np.testing.assert_allclose(rows, [[0.5, 2], [7, 7]])
    # _ab is shared with both (weight 1/2, mean of both), bc_ with the second alone (weight 1).
    rows = subword_vectors(["abc"], ["abx", "abbc"], vectors, otherwise[:1])
    np.testing.assert_allclose(rows, [[(0.5 * 0.5 + 0) / 1.5, (0.5 * 2 + 4) / 1.5]], rtol=1e-6)


def test_subword_puts_a_word_beside_its_stem(tmp_path):
    matrix, _ = embedding_matrix(binary(tmp_path / "a.bin"), TEXTS, TextEncoder(), oov="subword")
    cosine = matrix @ matrix[4] / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(matrix[4]) + 1e-9)
    assert cosine[4] == pytest.approx(1, abs=1e-5)
    stem = VECTORS[WORDS.index("cheerful")]
    encoder = TextEncoder(min_count=1)
    matrix, _ = embedding_matrix(tmp_path / "a.bin", [*TEXTS, "cheerful"], encoder, oov="subword")
    row = matrix[encoder.words.index("cheerfulness")]
    assert row @ stem / np.linalg.norm(row) / np.linalg.norm(stem) > 0.9


def test_a_full_vocabulary_takes_the_commonest_words_and_holds_no_other_row(tmp_path):
    encoder = TextEncoder(max_words=2, min_count=2)
    matrix, coverage = embedding_matrix(binary(tmp_path / "a.bin"), TEXTS, encoder)
    assert encoder.words[2:] == [".", "film"]
    np.testing.assert_array_equal(matrix[3], VECTORS[WORDS.index("film")])
    assert coverage.known_types == 4  # coverage is about all words of the texts
    vectors, words = read_vectors(tmp_path / "a.bin", ["the", "nato"], keep={"the"})
    assert (set(vectors), set(words)) == ({"the"}, {"the", "nato"})


@pytest.mark.parametrize("source", ["cbow", "skip-gram"])
def test_trained_vectors_learn_which_words_stand_together(source):
    rng = np.random.default_rng(0)
    groups = [["sun", "beach", "sand"], ["snow", "ski", "ice"]]
    texts = [" ".join(rng.choice(groups[i % 2], 8)) for i in range(300)]
    texts[0] += " once"
    encoder = TextEncoder()
    matrix, coverage = embedding_matrix(source, texts, encoder, dim=8)
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    near = dict(zip(encoder.words, unit @ unit[encoder.words.index("sun")]))
    assert near["beach"] > max(near[w] for w in groups[1]) + 0.5
    assert matrix.shape == (8, 8) and not matrix[0].any()
    assert matrix[1].any()  # the rare word's place was trained
    assert (coverage.types, coverage.known_types, coverage.tokens - coverage.known_tokens) == (7, 6, 1)


def test_training_gives_the_same_bits_in_every_process():
    code = (
        "from emorec.text.vectors import embedding_matrix; from emorec.text.tokens import TextEncoder\n"
        "import hashlib\n"
        "texts = ['one two three four', 'four three two one five', 'five five six two'] * 20\n"
        "for source in ('cbow', 'skip-gram'):\n"
        "    matrix, _ = embedding_matrix(source, texts, TextEncoder(), dim=6, seed=3)\n"
        "    print(hashlib.sha256(matrix.tobytes()).hexdigest())\n"
    )
    outputs = set()
    for value in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": value}
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1 and len(set(outputs.pop().split())) == 2


def test_a_text_longer_than_gensims_limit_is_read_whole():
    texts = ["early " * 12_000 + "late " * 3_000]
    _, coverage = embedding_matrix("cbow", texts, TextEncoder(), dim=4)
    assert coverage.known_types == 2 and coverage.token_share == 1


def test_real_googlenews_and_glove_files(real):
    path = real("word2vec-googlenews-8k") / "GoogleNews-vectors-negative300.8k-subset.bin.gz"
    encoder = TextEncoder(min_count=1)
    matrix, coverage = embedding_matrix(path, ["king queen man woman a of paris"], encoder)
    unit = dict(zip(encoder.words[2:], matrix[2:] / np.linalg.norm(matrix[2:], axis=1, keepdims=True)))
    assert unit["king"] @ unit["queen"] == pytest.approx(0.6511, abs=1e-3)  # as in the full model
    assert unit["man"] @ unit["woman"] == pytest.approx(0.7664, abs=1e-3)
    assert (coverage.types, coverage.known_types) == (7, 6)  # it holds A and Paris, but no of
    path = real("glove-twitter-25d-12k") / "glove.twitter.27B.25d.12k-subset.txt.gz"
    matrix, coverage = embedding_matrix(path, ["the happy"], TextEncoder(min_count=1))
    assert matrix.shape == (4, 25) and coverage.type_share == 1
