"""TF-IDF rows: worked out by hand, and equal after a round trip through JSON."""

import json
import warnings

import numpy as np
import pytest

from emorec import TextClassifier
from emorec.errors import BadInput
from emorec.text.tfidf import TfidfEncoder
from emorec.text.tokens import TextNotice

TEXTS = ["good good film", "bad film", "good plot"]


def test_rows_by_hand():
    encoder = TfidfEncoder(min_count=1, ngrams=1).fit(TEXTS)
    assert encoder.words == ["bad", "film", "good", "plot"] and encoder.vocabulary_size == 4
    common, rare = np.log(4 / 3) + 1, np.log(4 / 2) + 1  # smoothed idf of words in two texts and in one
    row = np.array([0, common, (1 + np.log(2)) * common, 0])
    rows = encoder.encode(["Good film, GOOD", "new words"])
    assert (rows.dtype, rows.shape) == (np.dtype("float32"), (2, 4))
    np.testing.assert_allclose(rows[0], row / np.linalg.norm(row), rtol=1e-6)
    assert not rows[1].any()
    np.testing.assert_allclose(
        encoder.encode(["bad plot film"])[0], np.array([rare, common, 0, rare]) / np.hypot(np.sqrt(2) * rare, common)
    )


def test_pairs_counts_and_limits():
    assert TfidfEncoder(min_count=1).fit(TEXTS).words[:3] == ["bad", "bad film", "film"]
    assert TfidfEncoder(min_count=2).fit(TEXTS).words == ["film", "good"]
    assert TfidfEncoder(min_count=1, max_features=1).fit(TEXTS).words == ["good"]
    assert TfidfEncoder(min_count=1, lowercase=False).fit(["A a"]).words == ["A", "A a", "a"]


def test_tokens_and_texts_give_the_same_rows_and_a_word_can_be_left_out():
    encoder = TfidfEncoder(min_count=1).fit(TEXTS)
    tokens = encoder.tokenise("good bad film")
    np.testing.assert_array_equal(encoder.encode_tokens([tokens]), encoder.encode(["good bad film"]))
    np.testing.assert_array_equal(encoder.encode_tokens([tokens[1:]]), encoder.encode(["bad film"]))
    assert encoder.encode_tokens([[]]).shape == (1, encoder.vocabulary_size)
    assert encoder.encode([]).shape == (0, encoder.vocabulary_size)


def test_config_round_trip_through_json_gives_equal_rows():
    encoder = TfidfEncoder(min_count=1, max_features=5).fit(TEXTS)
    copy = TfidfEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    assert copy.words == encoder.words and copy.get_config() == encoder.get_config()
    np.testing.assert_array_equal(copy.encode(TEXTS), encoder.encode(TEXTS))
    assert TfidfEncoder.from_config(TfidfEncoder(ngrams=3).get_config()).ngrams == 3


def test_unknown_words_are_counted_and_reported():
    encoder = TfidfEncoder(min_count=1).fit(TEXTS)
    report = encoder.report(["good good zig", "zag zig"])
    assert (report.tokens, report.unknown_tokens, report.types, report.unknown_types) == (5, 3, 3, 2)
    with pytest.warns(TextNotice, match="Text 1 .'zag'.*1 more of 3 texts"):
        encoder.notify(["good", "zag", "zig"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.notify(["good good good zag"])
    with pytest.warns(TextNotice, match="Text 0 .'good zag'.: 1 of 2 words unknown: zag"):
        encoder.notify(["good zag"])


def test_bad_settings_and_texts_without_a_common_word():
    with pytest.raises(BadInput, match="ngrams must be at least 1; received 0"):
        TfidfEncoder(ngrams=0)
    for texts in (["one"], ["one", "two"]):
        with pytest.raises(BadInput, match="lower min_count"):
            TfidfEncoder().fit(texts)


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_leaving_each_word_out_equals_encoding_the_rest(ngrams):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefg"), 12)) for _ in range(30)]
    encoder = TfidfEncoder(min_count=1, ngrams=ngrams).fit(texts)
    tokens = [*rng.choice(list("abcdefgz"), 20)]
    rests = [tokens[:i] + tokens[i + 1 :] for i in range(len(tokens))]
    np.testing.assert_allclose(encoder.without_each(tokens)(range(20)), encoder.encode_tokens(rests), atol=1e-6)
    assert encoder.without_each(["a"])([0]).tolist() == [[0] * encoder.vocabulary_size]


def test_a_long_text_is_explained_without_encoding_it_once_a_word(monkeypatch):
    texts = ["good film", "bad film"] * 10
    made = TextClassifier("tfidf-mlp", "none", epochs=1, units=4, min_count=1).fit(
        texts, ["up", "down"] * 10, progress=None
    )
    encoded, whole = [0], TfidfEncoder.encode_tokens

    def counted(self, token_lists):
        encoded[0] += sum(map(len, token_lists))
        return whole(self, token_lists)

    monkeypatch.setattr(TfidfEncoder, "encode_tokens", counted)
    explanation = made.explain("good film " * 1000)
    assert len(explanation.weights) == 2000 and encoded[0] <= 4 * 2000  # 4 million where each rest was encoded anew
