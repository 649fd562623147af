"""Readers of text datasets: small files in the official formats, quirks included, and the real files."""

import io
import json
import random
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest

import emorec.datasets as datasets
from emorec import labels
from emorec.datasets import cards, splits
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch


def put(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def rows(name, path, **options):
    """The reader's rows as a dict of id to (text, label, part, group)."""
    read = cards.get(name).read(path, **options)
    n = len(read.ids)
    parts, groups = read.splits or [None] * n, read.groups or [None] * n
    assert len(set(read.ids)) == n
    return {i: (t, x, p, g) for i, t, x, p, g in zip(read.ids, read.inputs, read.labels, parts, groups)}, read


def load(name, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return datasets.load(name, path=path, **options)


# --- movie reviews


def test_movie_polarity_keeps_lines_with_u0085_and_u2028_whole(tmp_path):
    positive = "one \x85two\nwith a break inside \nfiancé\n".encode("latin-1") + b"\n last \n"
    place = put(tmp_path, **{"rt-polarity__pos": positive, "rt-polarity__neg": "a\u2028b\u0085c\r\nd\r\n"})
    read, _ = rows("movie-polarity", place)
    assert read["pos-0001"][0] == "one …two" and read["pos-0003"][0] == "fiancé"
    assert [i for i in read if i.startswith("pos")] == ["pos-0001", "pos-0002", "pos-0003", "pos-0005"]
    assert read["neg-0001"][:2] == ("a\u2028b\u0085c", "negative") and len(read) == 6


def test_one_foreign_file_is_not_taken_for_both_classes(tmp_path):
    place = put(tmp_path, **{"reviews.txt": "fine\n"})
    with pytest.raises(DataMissing, match="rt-polarity.pos"):
        load("movie-polarity", place / "reviews.txt")


def test_movie_subjectivity(tmp_path):
    place = put(tmp_path, **{"quote.tok.gt9.5000": "i liked it \n", "plot.tok.gt9.5000": "he leaves . \n"})
    read, _ = rows("movie-subjectivity", place)
    assert read["subj-0001"][:2] == ("i liked it", "subjective") and read["obj-0001"][:2] == (
        "he leaves .",
        "objective",
    )


REVIEW = {
    "aclImdb/train/urls_pos.txt": "http://www.imdb.com/title/tt01/usercomments\n" * 6,
    "aclImdb/train/urls_neg.txt": "http://www.imdb.com/title/tt01/usercomments\n" * 3
    + "http://www.imdb.com/title/tt02/usercomments\n" * 9,
    "aclImdb/train/unsup/0_0.txt": "unlabelled",
    "aclImdb/README": "read me",
    "aclImdb/test/pos/0_10.txt": "Great.<br /><br />Café!",
    "aclImdb/test/neg/0_1.txt": "Bad",
    **{f"aclImdb/train/pos/{i}_8.txt": f"good {i}" for i in range(6)},
    **{f"aclImdb/train/neg/{i}_2.txt": f"poor {i}" for i in range(12)},
}


def test_imdb_folder_groups_reviews_by_film(tmp_path):
    for name, text in REVIEW.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    for place in (tmp_path, tmp_path / "aclImdb"):
        read, _ = rows("imdb", place)
        assert len(read) == 20
        assert read["test/pos/0_10"][:3] == ("Great.\n\nCafé!", "positive", "test")
        assert read["train/pos/5_8"][3] == read["train/neg/2_2"][3] == "tt01" and read["train/neg/3_2"][3] == "tt02"
    data = load("imdb", tmp_path, validation=0.5)
    assert {"tt01", "tt02"} == set(data.train.groups) | set(data.validation.groups)
    assert not set(data.train.groups) & set(data.validation.groups)


def keras_imdb(folder, evil=False):
    index = {"the": 1, "film": 2, "shines": 3, "drags": 4}
    x = np.array([[1, 2, 3], [1, 2, 4], [2, 3]] * 4, dtype=object)
    if evil:
        x[0] = np.testing.assert_equal
    buffer = io.BytesIO()
    np.savez(buffer, x_train=x, y_train=np.array([1, 0, 1] * 4), x_test=x[:2], y_test=np.array([1, 0]))
    return put(folder, imdb__npz=buffer.getvalue(), imdb_word_index__json=json.dumps(index))


def test_imdb_from_keras_files(tmp_path):
    read, _ = rows("imdb", keras_imdb(tmp_path))
    assert read["train-00001"] == ("the film drags", "negative", "train", None)
    assert read["test-00000"][:3] == ("the film shines", "positive", "test") and len(read) == 14
    with pytest.raises(DataCorrupt, match="asks for"):
        rows("imdb", keras_imdb(tmp_path / "evil", evil=True))


def test_finegrained_sentences_and_documents(tmp_path):
    text = "books_neg_2\nbooks\t2\nneg\tBad.\nnr\tIt has\ta tab.\n\n"
    text += "music_pos_7\nmusic\t5\npos\tGood.\nmix\tSo so.\nneu\tOk.\n"
    read, _ = rows("finegrained-sentiment", put(tmp_path, finegrained__txt="\ufeff" + text.replace("\n", "\r\n")))
    assert read["books_neg_2/02"] == ("It has\ta tab.", "not relevant", None, "books_neg_2")
    assert [x[1] for x in read.values()] == ["negative", "not relevant", "positive", "mixed", "neutral"]
    documents, _ = rows("finegrained-sentiment", tmp_path, level="document")
    assert documents["music_pos_7"][:2] == ("Good.\nSo so.\nOk.", "positive") and len(documents) == 2
    (tmp_path / "renamed.txt").write_bytes((tmp_path / "finegrained.txt").read_bytes())
    assert rows("finegrained-sentiment", tmp_path / "renamed.txt")[0] == read
    with pytest.raises(BadInput, match="sentence' or 'document"):
        rows("finegrained-sentiment", tmp_path, level="word")


TREES = """\
(3 (2 Good) (2 (2 -LRB-) (2 (2 9\\/11) (2 -RRB-))))
(2 (2 It) (2 is))
(0 (2 Bad) (1 .))
(4 (2 Wow) (2 !))
"""


def test_sst_trees(tmp_path):
    with zipfile.ZipFile(tmp_path / "trainDevTestTrees_PTB.zip", "w") as archive:
        for part in ("train", "dev", "test"):
            archive.writestr(f"trees/{part}.txt", TREES)
    five, _ = rows("sst-5", tmp_path)
    assert five["train-00001"][:3] == ("Good ( 9/11 )", "positive", "train") and five["test-00002"][1] == "neutral"
    assert [x[1] for x in five.values()][2:4] == ["very negative", "very positive"] and len(five) == 12
    two, _ = rows("sst-2", tmp_path)
    assert [x[1] for x in two.values()] == ["positive", "negative", "positive"] * 3
    assert "validation-00002" not in two and two["validation-00003"][0] == "Bad ."


def test_sst_with_dev_appended_to_train(tmp_path):
    trees = [f"({i % 5} (2 word) (2 {i}))" for i in range(30)]
    files = {"train": trees[:20], "dev": trees[20:25], "test": trees[25:]}
    put(tmp_path / "official", **{f"{part}.txt": "\n".join(lines) + "\n" for part, lines in files.items()})
    files["train"] = trees[:25]
    put(tmp_path / "common", **{f"{part}.txt": "\n".join(lines) + "\n" for part, lines in files.items()})
    official, common = rows("sst-5", tmp_path / "official"), rows("sst-5", tmp_path / "common")
    assert official[0] == common[0] and official[1].notes == ()
    assert common[1].notes == ("train.txt of this copy ends with the 5 trees of dev.txt: they were taken out of it",)
    assert len(rows("sst-2", tmp_path / "common")[0]) == 24


def test_sst2_from_glue(tmp_path):
    train = "sentence\tlabel\n" + "".join(f"phrase {i} \t{i % 2}\n" for i in range(20))
    place = put(
        tmp_path / "SST-2",
        train__tsv=train,
        dev__tsv="sentence\tlabel\nit works . \t1\n",
        test__tsv="index\t",
    )
    read, made = rows("sst-2", place)
    assert read["test-00001"][:3] == ("it works .", "positive", "test") and read["train-00001"][1] == "negative"
    assert "GLUE" in made.protocol and len(load("sst-2", place).validation) == 2


GOLD = (
    '1001\tpositive\t"He said ""wow"" &amp; left\\u002c happy \\ud83d\\ude00"\t\n'
    "1002\tneutral\tA tweet that\ngoes on\n"
    '1003\tobjective-OR-neutral\tPlain "quote\n'
    "1004\tnegative\tNot Available\n"
    "1005\tnegative\tbad\ttabs\n"
    '1007\tpositive\tShe said \\"yes\\" &amp;amp; left\n'
    "1008\tpositive\tno stamp\tTue Sep 29 18:27:36 +0000 2015\n"
    "1009\tpositive\tno stamp\t2015-09-29 18:27:36\n"
)


def test_semeval_quirks(tmp_path):
    gold = put(tmp_path / "2017_English_final" / "GOLD" / "Subtask_A", **{
        "twitter-2013train-A.txt": GOLD,
        "twitter-2016test-A.txt": "1005\tpositive\tbad\ttabs\t\n1006\tneutral\tnew\n",
        "twitter-2014sarcasm-A.txt": "",
        "sms-2013test-A.tsv": 'NA\t9001\t"neutral"\tok c u\nNA\t9002\tpositive\tnice\n',
        "twitter-2016train-BD.txt": "1\ttopic\tpositive\tno\n",
    })  # fmt: skip
    put(
        tmp_path / "2017_English_final" / "DOWNLOAD",
        **{"twitter-2013train-A.txt": "1001\tpositive\n1002\tneutral\n"},
    )
    put(tmp_path / "gold", **{"SemEval2017-task4-test.subtask-A.english.txt": "2001\tneutral\tthe test\r\n"})
    read, made = rows("semeval-2017-4a", tmp_path)
    assert read["twitter-2013train/1001"][:2] == ('He said "wow" & left, happy 😀', "positive")
    assert read["twitter-2013train/1002"][0] == "A tweet that goes on"
    assert read["twitter-2013train/1003"][:2] == ('Plain "quote', "neutral")
    assert read["twitter-2013train/1005"][:3] == ("bad\ttabs", "negative", "train")
    assert read["twitter-2013train/1007"][0] == 'She said "yes" & left'
    assert read["twitter-2013train/1008"][0] == "no stamp" == read["twitter-2013train/1009"][0]
    assert read["sms-2013test/NA-9001"][:2] == ("ok c u", "neutral")
    assert read["2017test/2001"][:3] == ("the test", "neutral", "test") and len(read) == 11
    assert made.notes == ("1 repeated annotations dropped; 1 messages carry different labels.",)
    (tmp_path / "gold" / "SemEval2017-task4-test.subtask-A.english.txt").unlink()
    with pytest.raises(DataMissing, match="subtask-A.english"):
        rows("semeval-2017-4a", tmp_path)
    with pytest.raises(DataMissing, match="GOLD"):
        rows("semeval-2017-4a", put(gold / "empty"))


def test_emotions_both_formats(tmp_path):
    place = put(
        tmp_path / "a",
        train__txt="i feel; odd;joy\r\n\r\n",
        val__txt="so sad;sadness",
        test__txt="grr;anger\n",
    )
    read, _ = rows("emotions", place)
    assert read["train-00001"][:3] == ("i feel; odd", "joy", "train") and read["validation-00001"][1] == "sadness"
    lines = json.dumps({"text": "oh", "label": 5}) + "\n"
    read, _ = rows("emotions", put(tmp_path / "b", **{f"{p}.jsonl": lines for p in ("train", "validation", "test")}))
    assert read["test-00001"][:3] == ("oh", "surprise", "test")


def test_goemotions_is_multi_label_and_unquoted(tmp_path):
    row = '"He said ""no"" \t{}\tid{}\n'
    files = {f"{part}.tsv": row.format(x, part) for part, x in (("train", "7,15"), ("dev", "27"), ("test", "0,1,22"))}
    read, made = rows("goemotions", put(tmp_path, **files))
    assert read["idtrain"][:3] == ('"He said ""no"" ', ("curiosity", "gratitude"), "train")
    assert read["iddev"][1] == ("neutral",) and read["idtest"][1] == (
        "admiration",
        "amusement",
        "realization",
    )
    assert made.label_set.multi_label


def test_goemotions_cut_in_a_row_is_corrupt_not_a_crash(tmp_path):
    put(
        tmp_path,
        **{"train.tsv": "fine\t17\ta\ncut off in the mid", "dev.tsv": "x\t1\tb\n", "test.tsv": "x\t1\tc\n"},
    )
    with pytest.raises(DataCorrupt, match="truncated"):
        load("goemotions", tmp_path)


def test_isear_quirks(tmp_path):
    header = "ID|EMOT|Field1|MYKEY|SIT|STATE|\n"
    body = (
        "11001|1|joy|k1|When we met and á especially later.|1|\n"
        "11001|2|fear|k2|[ No response.]|1|\n"
        '11002|3|anger|k3|The \\\\big envelope\\\\\\" came, á|from á| afar.\\"|1|\n'
        "11002|4|guilt|k4|a | b|1|\n"
        "11003|5|shame|k5|NO RESPONSE.|1|\n"
        "cut|off\n"
    )
    read, made = rows("isear", put(tmp_path, isear__csv=header + body))
    assert [x[:2] for x in read.values()] == [
        ("When we met and especially later.", "joy"),
        ('The "big envelope" came, from afar."', "anger"),
        ("a b", "guilt"),
    ]
    assert made.notes == ("2 rows without an answer were dropped.",)
    for answer, kept in {
        "[ Do not remember any incident.]": False, "Not applicable to me.": False, "-": False, "[ None ]": False,
        "I have never felt this emotion.": False, "Never experienced.": False, "I can't think of any situation.": False,
        "I never felt so small.": True, "No answer came from my father.": True, "Nothing worked that day.": True,
        "I can't remember my keys, and was ashamed.": True,
    }.items():  # fmt: skip
        place = put(tmp_path / "answers", isear__csv=header + body + f"11004|5|shame|k6|{answer}|1|\n")
        assert len(rows("isear", place)[0]) == 3 + kept, answer
    with pytest.raises(DataCorrupt, match="Field1, SIT"):
        rows("isear", put(tmp_path / "other", isear__csv="a|b\n1|2\n"))


def meld_files(folder):
    header = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    header += "StartTime,EndTime\r\n"
    row = '{n},"{text}",Joey,{emotion},neutral,{dialogue},{utterance},8,21,"00:16:16,059","00:16:21,731"\r\n'
    for i, part in enumerate(("train", "dev", "test")):
        lines = [
            row.format(n=3, text="How you doin’, ""you""?", emotion="joy", dialogue=1, utterance=0),
            row.format(n=2, text=f"second {i}", emotion="anger", dialogue=0, utterance=10),
            row.format(n=1, text=f"first {i}", emotion="neutral", dialogue=0, utterance=2),
        ]  # fmt: skip
        put(folder, **{f"{part}_sent_emo.csv": "\ufeff" + header + "".join(lines)})
        put(folder, **{f"{part}_sent_emo_dya.csv": "not this one"})
    return folder


def test_meld_order_groups_and_table(tmp_path):
    data = load("meld", meld_files(tmp_path))
    assert list(data.train.ids) == ["train_dia0_utt2", "train_dia0_utt10", "train_dia1_utt0"]
    assert list(data.test.groups) == ["test_dia0", "test_dia0", "test_dia1"] and data.train.labels[2] == "joy"
    assert "1 test rows have a text that also stands in the training split." in data.notes
    table = datasets.meld_table(tmp_path)
    assert list(table.columns[:5]) == ["id", "split", "dialogue", "utterance", "speaker"] and len(table) == 9
    assert table.text[0] == "first 0" and table.start[0] == "00:16:16,059" and table.split.iloc[-1] == "test"


# --- from_table


def table(n=40):
    return [{"id": f"r{i}", "text": f"text, number {i}", "label": "ab"[i % 2]} for i in range(n)]


def as_csv(rows, delimiter=",", columns=("id", "text", "label")):
    lines = [delimiter.join(columns)] + [delimiter.join(f'"{row[c]}"' for c in columns) for row in rows]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name, text", [
    ("t.csv", as_csv(table())),
    ("t.csv", "\ufeff" + as_csv(table()).replace("\n", "\r\n")),
    ("t.csv", as_csv(table(), ";")),
    ("t.tsv", as_csv(table(), "\t")),
    ("t.jsonl", "\n".join(map(json.dumps, table()))),
])  # fmt: skip
def test_tables_of_every_kind(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode())
    data = datasets.from_table(tmp_path / name, text="text", label="label", id="id")
    assert data.name == "t" and data.label_set.names == ("a", "b")
    assert sorted(len(s) for s in (data.train, data.validation, data.test)) == [4, 4, 32]
    assert dict(zip(data.train.ids, data.train.inputs))[data.train.ids[0]].startswith("text, number")


def test_table_from_a_frame_equals_the_file(tmp_path):
    import pandas as pd

    (tmp_path / "t.csv").write_text(as_csv(table()))
    first = datasets.from_table(tmp_path / "t.csv", id="id")
    second = datasets.from_table(pd.DataFrame(table()), id="id")
    assert list(first.test.ids) == list(second.test.ids) and list(first.test.inputs) == list(second.test.inputs)


def test_table_with_its_own_split_groups_and_label_set():
    import pandas as pd

    frame = pd.DataFrame(table()).assign(part=["Train"] * 20 + ["dev"] * 10 + ["test"] * 10, who=["x", "y"] * 20)
    data = datasets.from_table(frame, split="part", group="who", label_set=["b", "a"])
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 10, 10)
    assert (
        data.label_set.names == ("b", "a") and data.train.groups[0] == "x" and data.protocol == "the table's own split"
    )
    grouped = datasets.from_table(frame.assign(who=[f"g{i // 4}" for i in range(40)]), group="who", folds=5)
    assert not set(grouped.train.groups) & set(grouped.test.groups)
    with pytest.raises(LabelMismatch, match="'a'"):
        datasets.from_table(frame, label_set=["b", "c"])
    assert datasets.from_table(frame.assign(label=["pos", "neg"] * 20), label_set=labels.POLARITY).train.labels[0] in (
        "negative",
        "positive",
    )


def test_table_with_several_labels_a_row():
    import pandas as pd

    frame = pd.DataFrame({"text": [f"t{i}" for i in range(40)], "label": ["joy|love", "joy", "", "anger"] * 10})
    data = datasets.from_table(frame, label_separator="|")
    assert data.label_set.multi_label and data.label_set.names == ("anger", "joy", "love")
    assert {("joy", "love"), ("joy",), (), ("anger",)} == set(data.train.labels)


def test_tables_with_lists_of_labels(tmp_path):
    import pandas as pd

    rows = [{"text": f"t{i}", "label": [["joy", "love"], ["joy"], [], ["anger"]][i % 4]} for i in range(40)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert set(datasets.from_table(tmp_path / "t.jsonl").train.labels) == {
        ("joy", "love"),
        ("joy",),
        (),
        ("anger",),
    }
    mixed = pd.DataFrame({"text": [f"t{i}" for i in range(40)], "label": [["joy"], "very sad"] * 20})
    assert datasets.from_table(mixed).label_set.names == ("joy", "very sad")


def test_class_names_may_be_numbers():
    import pandas as pd

    frame = pd.DataFrame({"text": [f"t{i}" for i in range(40)], "label": [0, 1] * 20})
    for names in ([1, 0], np.array([1, 0])):
        assert datasets.from_table(frame, label_set=names).label_set.names == ("1", "0")
    with pytest.raises(BadInput, match=r"two classes or more; the labels are \['7'\]"):
        datasets.from_table(frame, label_set=[7])


def test_a_lone_quotation_mark_swallows_no_rows_of_a_tsv(tmp_path):
    lines = [f'"so {i}\t{"ab"[i % 2]}' if i % 9 == 0 else f'"all {i}"\t{"ab"[i % 2]}' for i in range(40)]
    (tmp_path / "t.tsv").write_text("text\tlabel\n" + "\n".join(lines))
    data = datasets.from_table(tmp_path / "t.tsv", id="text")
    texts = {*data.train.inputs, *data.validation.inputs, *data.test.inputs}
    assert len(texts) == 40 and {'"so 9', "all 8"} <= texts


def test_a_text_of_two_hundred_thousand_characters_is_one_cell(tmp_path):
    (tmp_path / "t.csv").write_text(as_csv([*table(), {"id": "long", "text": "x" * 200_000, "label": "a"}]))
    data = datasets.from_table(tmp_path / "t.csv")
    assert max(len(text) for split in (data.train, data.validation, data.test) for text in split.inputs) == 200_000


@pytest.mark.parametrize("change, arguments, error, message", [
    ({}, {"text": "review"}, BadInput, r"no column 'review'; the table has \['id', 'text', 'label'\]"),
    ({"label": "  "}, {}, BadInput, "row 1 has no label"),
    ({"split": "later"}, {"split": "split"}, BadInput, "split 'later'"),
    ({"id": "r1"}, {"id": "id"}, BadInput, "ids must be unique; 1 of 40"),
])  # fmt: skip
def test_table_errors_name_the_row_and_the_columns(change, arguments, error, message):
    import pandas as pd

    frame = pd.DataFrame([row | ({"split": "train"} if "split" in change else {}) for row in table()])
    for column, value in change.items():
        frame.loc[0, column] = value
    with pytest.raises(error, match=message):
        datasets.from_table(frame, **arguments)


def test_table_files_that_are_not_tables(tmp_path):
    with pytest.raises(DataMissing, match="absent.csv"):
        datasets.from_table(tmp_path / "absent.csv")
    for name, text, error in (
        ("page.csv", "<!DOCTYPE html><html>", DataCorrupt),
        ("broken.jsonl", '{"text": "a", "label"', DataCorrupt),
        ("list.jsonl", "[1, 2]\n3", DataCorrupt),
        ("empty.csv", "", BadInput),
        ("header.csv", "text,label\n", BadInput),
        ("one.csv", as_csv([row | {"label": "a"} for row in table()]), BadInput),
        ("few.csv", as_csv(table(4)), BadInput),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(error):
            datasets.from_table(tmp_path / name)


def test_table_drops_blank_texts_and_says_so():
    import pandas as pd

    frame = pd.DataFrame(table())
    frame.loc[3, "text"] = None
    frame.loc[4, "text"] = "   "
    data = datasets.from_table(frame)
    assert data.notes == ("2 rows without text were dropped.",) and "row-4" not in data.train.ids
    kept = pd.DataFrame({"text": ["null", "NA", "nan"] * 10, "label": ["a", "b", "a"] * 10})
    assert set(datasets.from_table(kept.assign(text=kept.text + kept.index.astype(str))).train.inputs)


# --- the sample


def test_sample_reader(tmp_path):
    sentences = [{"id": f"s{i}", "label": labels.EMOTIONS7.names[i % 7], "text": f"text {i}"} for i in range(140)]
    ids, names = ([s[column] for s in sentences] for column in ("id", "label"))
    parts = [splits.SPLITS[p] for p in splits.assign(ids, names, (0.8, 0.1, 0.1))]
    with_split = [row | {"split": part} for row, part in zip(sentences, parts)]
    put(tmp_path, sentences__csv=as_csv(with_split, columns=("id", "label", "text", "split")))
    read, made = rows("sample-sentences", tmp_path)
    assert Counter(made.splits) == Counter(parts) and read["s3"][:2] == ("text 3", "happiness")


# --- the real files


@pytest.mark.parametrize("name, folder, sizes, note", [
    ("finegrained-sentiment", "finegrained", (3113, 343, 380), "3 rows repeat"),
    ("emotions", "emotions-dair-ai", (16000, 2000, 2000), "11 test rows"),
    ("goemotions", "goemotions", (43410, 5426, 5427), "42 test rows"),
    ("meld", "meld", (9989, 1109, 2610), "331 test rows"),
    ("movie-polarity", "rt-polarity", (8635, 960, 1067), ""),
    ("movie-subjectivity", "subjectivity", (8100, 900, 1000), ""),
])  # fmt: skip
def test_real_files_to_the_last_row(real, name, folder, sizes, note):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # counts other than the published ones warn
        data = datasets.load(name, path=real(folder))
    assert (len(data.train), len(data.validation), len(data.test)) == sizes
    assert any(note in n for n in data.notes) if note else data.notes == ()
    assert len({*data.train.ids, *data.validation.ids, *data.test.ids}) == sum(sizes)
    assert not any(
        "\n" in text or text != text.strip() for text in random.Random(0).sample(list(data.test.inputs), 99)
    ) or (name == "goemotions")
    if data.train.groups is not None:
        assert not set(data.train.groups) & set(data.test.groups)


def test_real_imdb(real):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = datasets.load("imdb", path=real("aclImdb"))
    assert (len(data.train), len(data.validation), len(data.test)) == (22500, 2500, 25000)
    assert Counter(data.validation.labels) == {"negative": 1250, "positive": 1250}
    assert not set(data.train.groups) & set(data.validation.groups)
    assert any("117 test rows" in note for note in data.notes)
    assert not any("<br" in text for text in data.train.inputs)
