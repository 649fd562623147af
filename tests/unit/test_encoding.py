"""The path from a raw text to ids."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from emorec.errors import BadInput
from emorec.text.tokens import TextEncoder, TextNotice, check_texts, sentence_spans, tokenise


def test_tokens_keep_contractions_and_split_signs():
    assert tokenise("Don’t go, it's 3.5 o'clock!") == [
        "don't",
        "go",
        ",",
        "it's",
        "3",
        ".",
        "5",
        "o'clock",
        "!",
    ]
    assert tokenise("Mr. Smith left...") == ["mr.", "smith", "left", "..."]
    assert tokenise("a\x00b a\x85b") == ["a", "b", "a", "b"]
    assert tokenise("so 😀 !") == ["so", "😀", "!"]
    assert tokenise("مرحبا بالعالم") == ["مرحبا", "بالعالم"]


def test_a_word_goes_on_over_its_marks_and_other_tokens_stay():
    assert tokenise("हिन्दी İstanbul שָׁלוֹם") == ["हिन्दी", "i̇stanbul", "שָׁלוֹם"]
    assert tokenise("#हिन्दी", tweets=True) == ["<hashtag>", "हिन्दी"]
    assert tokenise("so ❤️ 1️⃣ I´m") == ["so", "❤", "\ufe0f", "1", "\ufe0f", "\u20e3", "i", "\u0301", "m"]
    latin = "".join(map(chr, range(256)))
    assert all(len(token) == 1 or token.isalnum() or "_" in token for token in tokenise(latin))


def test_pretokenised_and_raw_text_agree():
    assert tokenise("a warm , funny film .") == tokenise("A warm, funny film.")


def test_tweets_lose_names_and_addresses_but_no_word():
    tweet = "@Ann_1 love #LoveIsland #BBCNews :-) <3 see https://t.co/aB1?x=2 a@b.org 5:30 #1"
    assert (
        tokenise(tweet, tweets=True)
        == (
            "<user> love <hashtag> love island <hashtag> bbc news :-) <3 see <url> a @ b . org 5 : 30 <hashtag> 1"
        ).split()
    )
    assert tokenise("Done :D PM:please", tweets=True) == ["done", ":d", "pm", ":", "please"]
    assert "<user>" not in tokenise(tweet)
    encoder = TextEncoder(min_count=1, tweets=True).fit([tweet])
    again = TextEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    assert again.encode(["@Bob :-)"]).tolist() == encoder.encode(["@eve :-)"]).tolist()
    assert again.report(["@Bob www.x.org"]).unknown_tokens == 0


def test_sentences_end_after_closing_quotes():
    tokens = tokenise('He said: "No." Then he left. Why')
    assert [tokens[a:b] for a, b in sentence_spans(tokens)] == [
        ["he", "said", ":", '"', "no", ".", '"'],
        ["then", "he", "left", "."],
        ["why"],
    ]
    assert sentence_spans([]) == []


def test_vocabulary_is_frequency_ordered_and_rare_words_share_the_unknown_id():
    encoder = TextEncoder(min_count=2).fit(["b b a", "a b once", "known"], known={"known"})
    assert encoder.words == ["<pad>", "<unk>", "b", "a", "known"]
    ids = encoder.encode(["a once never b"])
    assert ids.tolist() == [[3, 1, 1, 2]]


def test_padding_is_on_the_right_and_cut_by_choice():
    texts = ["a b c d e f", "a"]
    for keep, kept in {"start": "a b c d", "end": "c d e f", "both": "a b e f"}.items():
        encoder = TextEncoder(min_count=1, max_length=4, keep=keep).fit(texts)
        ids = encoder.encode(texts)
        assert ids.shape == (2, 4)
        assert [encoder.words[i] for i in ids[0]] == kept.split()
        assert ids[1, 1:].tolist() == [0, 0, 0]


def test_sentences_become_rows_and_cutting_twice_changes_nothing():
    text = "a b c d e f . g h . i"
    encoder = TextEncoder(min_count=1, max_length=4, max_sentences=2).fit([text])
    tokens = encoder.tokenise(text)
    assert tokens == ["a", "b", "c", ".", "g", "h", "."]
    assert encoder.spans(tokens) == [(0, 4), (4, 7)]
    np.testing.assert_array_equal(encoder.encode([text]), encoder.encode_tokens([tokens]))
    assert encoder.encode([text]).shape == (1, 2, 4)
    assert (encoder.encode([text])[0, 1] > 0).tolist() == [True, True, True, False]


def test_every_fit_takes_its_own_limit():
    encoder = TextEncoder(min_count=1).fit(["a b"])
    assert (encoder.limit, encoder.max_length) == (4, None)
    copy = TextEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    assert copy.get_config() == encoder.get_config()
    assert copy.fit(["w " * 20]).limit == encoder.fit(["w " * 20]).limit == 20
    older = encoder.get_config() | {"max_length": 20}
    del older["limit"]
    assert TextEncoder.from_config(older).encode(["w " * 30]).shape == (1, 20)


def test_config_round_trip_through_json_gives_equal_ids():
    encoder = TextEncoder(min_count=1, max_sentences=3).fit(["one two. three", "four"])
    copy = TextEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    texts = ["two one unseen. four"]
    np.testing.assert_array_equal(encoder.encode(texts), copy.encode(texts))


def test_loss_is_reported():
    encoder = TextEncoder(min_count=1, max_length=3).fit(["a b c"])
    report = encoder.report(["a b c d e", "x"])
    assert (report.tokens, report.cut_texts, report.cut_tokens) == (6, 1, 2)
    assert (report.unknown_tokens, report.unknown_types, report.types) == (3, 3, 6)
    assert "50.0 % of tokens" in str(report)
    with pytest.warns(TextNotice, match="only 3 of them"):
        encoder.notify(["a b c d e"])
    with pytest.warns(TextNotice, match="no word the model has seen"):
        encoder.notify(["zzz"])
    with pytest.warns(TextNotice, match="no word the model has seen"):
        encoder.notify(["a b"] * 19 + ["zzz"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.notify(["a b"] * 20 + ["zzz"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.notify(["a b"])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a string", "not one string"),
        (None, "NoneType"),
        (3, "int"),
        ({"text": ["a", "b"]}, r"not a dict: take one of its columns \['text'\]"),
        (pd.DataFrame({"text": ["a", "b"]}), "not a DataFrame: take one"),
        ([""], "holds no word"),
        (["fine", "  \n\t"], "Text 1"),
        (["fine", None], "Text 1 is NoneType"),
        ([["nested"]], "Text 0 is list"),
        ([float("nan")], "Text 0 is float"),
        (["\x00\x00"], "holds no word"),
    ],
)
def test_bad_texts_are_named(texts, message):
    with pytest.raises(BadInput, match=message):
        check_texts(texts)


def test_very_long_text_is_accepted():
    assert len(check_texts(["word " * 20_000])[0]) == 100_000


def test_bad_limits():
    with pytest.raises(BadInput, match="max_length"):
        TextEncoder(max_length=0)
    with pytest.raises(BadInput, match="end mark alone"):
        TextEncoder(max_length=1, max_sentences=3)
    with pytest.raises(BadInput, match="keep='middle'"):
        TextEncoder(keep="middle")
