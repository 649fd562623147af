"""Tables of a reader's own: what no delimiter, quotation mark, encoding or kind of cell may change in silence."""

import gzip
import json
import sys
import warnings

import numpy as np
import pytest

import emorec.datasets as datasets
from emorec.errors import BadInput, DataCorrupt

ROWS = [(f"text number {i}", "pos" if i % 2 else "neg") for i in range(40)]


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def lines(*extra, delimiter=",", order=("text", "label")):
    """A table of 40 plain rows below its header, and further lines."""
    rows = [dict(zip(("text", "label"), row)) for row in ROWS]
    return "\n".join([delimiter.join(order), *(delimiter.join(row[c] for c in order) for row in rows), *extra]) + "\n"


def read(path, **options):
    """Text to label of all rows, and the dataset; warnings are left to `warned`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = datasets.from_table(path, **options)
    splits = (data.train, data.validation, data.test)
    return {t: label for split in splits for t, label in zip(split.inputs, split.labels)}, data


# --- delimiters in texts


@pytest.mark.fault(
    "A text in a table has a comma, semicolon or tab that is not quoted",
    "the row is put together again, and a note tells how many were",
)
@pytest.mark.parametrize("delimiter, name", [(",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv"), ("|", "t.csv")])
@pytest.mark.parametrize("order", [("text", "label"), ("label", "text")])
def test_a_delimiter_in_a_text_does_not_cut_it(tmp_path, delimiter, name, order):
    text = f"nice film{delimiter} but a terrible end"
    row = delimiter.join({"text": text, "label": "neg"}[c] for c in order)
    path = written(tmp_path, lines(row, delimiter=delimiter, order=order), name)
    table, data = read(path)
    assert table[text] == "neg" and len(table) == 41 and data.label_set.names == ("neg", "pos")
    assert "1 rows had another number of cells than the header and were repaired (line 42)" in data.notes
    with pytest.warns(UserWarning, match="repaired"):
        datasets.from_table(path)


@pytest.mark.fault(
    "A table with the line ends of Windows, or of old spreadsheets (a carriage return alone)", "it is read"
)
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_every_kind(tmp_path, end):
    table, _ = read(written(tmp_path, lines().replace("\n", end).encode()))
    assert table == dict(ROWS)


@pytest.mark.fault("A row of a table can be read in two ways", "`BadInput` with its line")
def test_a_row_that_can_be_read_in_two_ways_is_refused_by_its_line(tmp_path):
    for extra in ("good, said he, and left", "short", "label missing,"):
        with pytest.raises(BadInput, match="line 42"):
            read(written(tmp_path, lines(extra)))
    wide = "text,label,note\n" + "".join(f"text {i},{'ab'[i % 2]},x\n" for i in range(30))
    with pytest.raises(BadInput, match="line 32 has 4 cells and the header 3"):
        read(written(tmp_path, wide + "fine, but,a,x\n"))
    table, _ = read(written(tmp_path, wide + "no note,a\n" + "too wide,b,x,,\n"))
    assert table["no note"] == "a" and table["too wide"] == "b" and len(table) == 32


def test_a_class_of_one_row_is_pointed_at(tmp_path):
    wide = "text,label,note\n" + "".join(f"text {i},{'ab'[i % 2]},x\n" for i in range(30))
    with pytest.warns(UserWarning, match=r"'but bad' \(line 32\)"):
        datasets.from_table(written(tmp_path, wide + "fine, but bad,a\n"))


# --- quotation marks


@pytest.mark.fault(
    "Stray quotation marks in a table", "no row is swallowed; where that cannot be told, `BadInput` with the line"
)
def test_unpaired_quotation_marks_swallow_no_rows(tmp_path):
    rows = [f"text number {i},{'ab'[i % 2]}" for i in range(60)]
    rows[5], rows[15] = '"an opening mark,b', 'and a closing one",b'
    table, data = read(written(tmp_path, "text,label\n" + "\n".join(rows)))
    assert len(table) == 60 and table['"an opening mark'] == "b" and table['and a closing one"'] == "b"
    assert any("not paired" in note for note in data.notes)
    rows[15], rows[20] = "text number 15,b", '"Great" he said,a'
    table, _ = read(written(tmp_path, "text,label\n" + "\n".join(rows)))
    assert len(table) == 60 and table['"Great" he said'] == "a"


def test_unpaired_marks_among_quoted_texts_are_refused_by_their_line(tmp_path):
    rows = [f'"text, number {i}",{"ab"[i % 2]}' for i in range(60)]
    rows[5], rows[15] = '"an opening mark,b', 'and a closing one",b'
    with pytest.raises(BadInput, match="line 7: a quotation mark opens there"):
        read(written(tmp_path, "text,label\n" + "\n".join(rows)))
    rows[15] = rows[16]
    with pytest.raises(BadInput, match="line 7: a quotation mark opens there"):
        read(written(tmp_path, "text,label\n" + "\n".join(rows)))


def test_well_quoted_texts_stay_as_they_are(tmp_path):
    texts = ["a, b", 'he said "no"', "two\nlines, of text", "four\n\nlines\nof text", '"', "plain"]
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}",a' for text in texts]
    table, data = read(written(tmp_path, "text,label\n" + "\n".join([*quoted, *(f"t{i},b" for i in range(30))])))
    assert {text for text, label in table.items() if label == "a"} == set(texts) and data.notes == ()
    escaped = "\n".join([r'"he said \"no, no\"",a', *(f'"t, {i}",b' for i in range(30))])
    table, _ = read(written(tmp_path, "text,label\n" + escaped))
    assert table['he said "no, no"'] == "a"


@pytest.mark.fault("Two columns, or two values, of one name", "`BadInput`")
def test_two_columns_of_one_name_are_refused(tmp_path):
    import pandas as pd

    with pytest.raises(BadInput, match="two columns are called 'text'"):
        read(written(tmp_path, "text,label,text\n" + "a,b,c\n" * 30))
    with pytest.raises(BadInput, match="two columns are called 'label'"):
        read(pd.DataFrame([["a", "b", "c"]] * 30, columns=["text", "label", "label"]))
    with pytest.raises(BadInput, match="two values called 'label'"):
        read(written(tmp_path, '{"text": "a", "label": "x", "label": "y"}\n', "t.jsonl"))
    unused = "text,label,x,x,,\n" + "".join(f"t{i},{'ab'[i % 2]},1,2,,\n" for i in range(30))
    assert len(read(written(tmp_path, unused))[0]) == 30


# --- encodings


@pytest.mark.fault(
    "One invalid byte in a table of UTF-8", "that byte is read as cp1252, no other text changes, a note tells the line"
)
def test_one_invalid_byte_changes_no_other_text(tmp_path):
    data = lines("café crème,pos").encode() + b"it\x92s fine,pos\n"
    table, made = read(written(tmp_path, data))
    assert "café crème" in table and "it’s fine" in table
    assert made.notes == ("bytes that are no UTF-8 were read as cp1252 (line 43)",)


def test_western_text_is_read_as_cp1252_with_a_note(tmp_path):
    path = written(tmp_path, lines("café crème,pos"), encoding="cp1252")
    table, data = read(path)
    assert "café crème" in table and any("cp1252" in note for note in data.notes)
    table, data = read(path, encoding="cp1252")
    assert "café crème" in table and data.notes == ()


@pytest.mark.fault("A table in cp1251, GBK, Shift-JIS and their like", "`BadInput`, which asks for `encoding=`")
@pytest.mark.parametrize("encoding, text", [
    ("cp1251", "хороший фильм"), ("cp1253", "καλή ταινία"), ("gbk", "这部电影很好"),
    ("shift_jis", "とても良い映画です"), ("euc_kr", "정말 좋은 영화"), ("utf-16-le", "a fine film"),
])  # fmt: skip
def test_other_encodings_are_asked_for_and_then_read(tmp_path, encoding, text):
    path = written(tmp_path, lines(f"{text},pos"), encoding=encoding)
    with pytest.raises(BadInput, match="encoding='cp1252'"):
        read(path)
    assert read(path, encoding=encoding)[0][text] == "pos"


def test_marks_of_unicode_and_wrong_encodings(tmp_path):
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert "café" in read(written(tmp_path, lines("café,pos"), encoding=encoding))[0]
    with pytest.raises(BadInput, match="'klingon' is unknown"):
        read(written(tmp_path, lines()), encoding="klingon")
    with pytest.raises(DataCorrupt, match="line 42: byte 0xe9"):
        read(written(tmp_path, lines("café,pos"), encoding="cp1252"), encoding="utf-8")


# --- kinds of files


def test_json_in_its_forms(tmp_path):
    objects = [{"text": t, "label": label} for t, label in ROWS]
    columns = {"text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]}
    by_row = {name: {str(i): value for i, value in enumerate(values)} for name, values in columns.items()}
    for content in (objects, columns, by_row):
        for name in ("t.json", "t.jsonl"):
            assert read(written(tmp_path, json.dumps(content, indent=1), name))[0] == dict(ROWS)
    assert read(written(tmp_path, "\n".join(map(json.dumps, objects)), "t.json"))[0] == dict(ROWS)
    for text, message in (
        ('{"text": "a"}\n[1]', "line 2"),
        ("[1, 2]", "neither objects"),
        ('{"data": 1}\n{', "line 2"),
    ):
        with pytest.raises(DataCorrupt, match=message):
            read(written(tmp_path, text, "t.json"))


def test_gzipped_tables(tmp_path):
    assert read(written(tmp_path, gzip.compress(lines().encode()), "t.csv.gz"))[0] == dict(ROWS)
    rows = "\n".join(json.dumps({"text": t, "label": label}) for t, label in ROWS)
    table, data = read(written(tmp_path, gzip.compress(rows.encode()), "own.jsonl.gz"))
    assert table == dict(ROWS) and data.name == "own"
    with pytest.raises(DataCorrupt, match="cut off"):
        read(written(tmp_path, gzip.compress(lines().encode())[:-20], "t.csv.gz"))


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame(ROWS, columns=["text", "label"])
    frame["label"] = pd.Categorical(frame.label, ["pos", "neg"], ordered=True)
    frame.to_parquet(tmp_path / "t.parquet")
    table, data = read(tmp_path / "t.parquet")
    assert table == dict(ROWS) and data.label_set.names == ("pos", "neg")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:500])
    with pytest.raises(DataCorrupt, match="cannot be read as parquet"):
        read(tmp_path / "cut.parquet")


def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    import pandas as pd

    frame = pd.DataFrame([*ROWS, ("NA", "pos"), ("", "neg")], columns=["text", "label"])
    frame.assign(stars=[i % 2 + 9 for i in range(42)]).to_excel(tmp_path / "t.xlsx", index=False)
    table, data = read(tmp_path / "t.xlsx")
    assert table == dict([*ROWS, ("NA", "pos")]) and data.notes == ("1 rows without text were dropped.",)
    assert read(tmp_path / "t.xlsx", label="stars")[1].label_set.names == ("9", "10")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(BadInput, match="pip install openpyxl, or save the table as CSV"):
        import io
        import zipfile

        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("xl/workbook.xml", "<workbook/>")
            archive.writestr("[Content_Types].xml", "<Types/>")
        read(written(tmp_path, file.getvalue(), "t.xlsx"))


# --- cells


def frame(labels, n=40):
    import pandas as pd

    return pd.DataFrame({"text": [f"t{i}" for i in range(n)], "label": [labels[i % len(labels)] for i in range(n)]})


@pytest.mark.parametrize("cells", [
    [{"joy", "love"}, {"anger"}], [frozenset(("love", "joy")), ("anger",)], [["joy", "love"], ["anger"]],
    [np.array(["joy", "love"]), np.array(["anger"])],
])  # fmt: skip
def test_several_labels_in_any_collection(cells):
    table, data = read(frame(cells))
    assert data.label_set.multi_label and data.label_set.names == ("anger", "joy", "love")
    assert {frozenset(x) for x in table.values()} == {frozenset({"joy", "love"}), frozenset({"anger"})}


def test_an_array_in_the_place_of_a_text_is_refused():
    wrong = frame(["a", "b"])
    wrong["text"] = [*wrong.text[:3], ["some", "tokens"], *wrong.text[4:]]
    with pytest.raises(BadInput, match="row 4 has a list in the place of a text"):
        read(wrong)


def test_numbers_as_labels():
    import pandas as pd

    assert read(frame([1.0, 0.0]))[1].label_set.names == ("0", "1")
    assert read(frame([True, False]))[1].label_set.names == ("False", "True")
    assert read(frame([10, 9, 1, 2]))[1].label_set.names == ("1", "2", "9", "10")
    assert read(frame(["10 stars", "9 stars", "1 star"]))[1].label_set.names == ("1 star", "9 stars", "10 stars")
    assert read(frame(["-1", "1", "0"]))[1].label_set.names == ("-1", "0", "1")
    with pytest.raises(BadInput, match="row 3 has no label"):
        read(frame([1, 2]).assign(label=pd.array([1, 2, None, 1] * 10, dtype="Int64")))
    with pytest.raises(BadInput, match="40 different values in 40 rows"):
        read(frame(list(np.linspace(0, 1, 40))))
    with pytest.raises(BadInput, match="which are no classes"):
        read(frame(["a", "b"]), text="label", label="text")


def test_ordered_categories_keep_their_order():
    import pandas as pd

    wanted = ["low", "middle", "high", "never seen"]
    ordered = frame(["high", "low", "middle"])
    ordered["label"] = pd.Categorical(ordered.label, wanted, ordered=True)
    assert read(ordered)[1].label_set.names == ("low", "middle", "high")
    ordered["label"] = pd.Categorical(ordered.label, wanted, ordered=False)
    assert read(ordered)[1].label_set.names == ("high", "low", "middle")


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_a_handful_of_rows_is_too_few_and_says_what_to_do(n):
    with pytest.raises(BadInput, match=rf"{n} rows with a text are too few for 10 folds.*folds=3"):
        read(frame(["a", "b"], n))


# --- other kinds of files


@pytest.mark.fault("A workbook of several sheets", "the first is read, and a note names the others")
def test_several_sheets_are_named(tmp_path):
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("openpyxl")
    frame = pandas.DataFrame(ROWS, columns=["text", "label"])
    with pandas.ExcelWriter(tmp_path / "t.xlsx") as book:
        for sheet in ("2023", "2024"):
            frame.to_excel(book, sheet_name=sheet, index=False)
    with pytest.warns(UserWarning, match="'2023' was read, and not the others .*'2024'"):
        assert len(datasets.from_table(tmp_path / "t.xlsx").train) == 32


@pytest.mark.fault(
    "A table that is packed by bzip2, xz or twice by gzip, a pickle, a database, or holds zero bytes anywhere",
    "`BadInput`: what it is, or the line; never advice on encodings that do not help",
)
def test_files_that_are_no_tables_are_named(tmp_path):
    import bz2
    import lzma
    import pickle

    table = lines().encode()
    for data, words in (
        (bz2.compress(table), "bzip2"), (lzma.compress(table), "xz"), (pickle.dumps(ROWS), "a pickle"),
        (gzip.compress(gzip.compress(table)), "gzipped twice"), (b"SQLite format 3\0", "SQLite"),
        (b"sep=,\n" + table, "'sep=,', a line for Excel"),
        (table + b"x" * 5000 + b",u\0p\n", "line 42 holds a zero byte"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            read(written(tmp_path, data))


@pytest.mark.fault("JSON under the name of a CSV file", "it is read as JSON")
def test_json_of_another_name(tmp_path):
    rows = [{"text": text, "label": label} for text, label in ROWS]
    for data in (json.dumps(rows, separators=(",", ":")), "\n".join(json.dumps(row) for row in rows)):
        assert read(written(tmp_path, data))[0] == dict(ROWS)
