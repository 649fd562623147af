"""Readers of the official formats of text datasets, quirks included."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emorec import labels as sets
from emorec.arguments import explained
from emorec.datasets import cards, pickles, store
from emorec.datasets.base import SPLITS, objects
from emorec.datasets.splits import Rows
from emorec.datasets.tabular import unquoted
from emorec.errors import BadInput, DataCorrupt, DataMissing

if TYPE_CHECKING:
    import pandas as pd


def _lines(data):
    """Lines of a text file; never ``splitlines``, which also breaks at U+0085 and U+2028."""
    lines = store.decode(data).split("\n")
    return lines[:-1] if lines and not lines[-1] else lines


def _rows(table, label_set, **extra):
    """`Rows` from a list of (id, text, label, group or None, split or None)."""
    if not table:
        raise DataCorrupt("The files hold no row that can be read: truncated, or of another dataset.")
    ids, texts, labels, groups, splits = zip(*table)
    return Rows(
        inputs=objects(texts),
        labels=list(labels),
        ids=list(ids),
        label_set=label_set,
        groups=list(groups) if groups[0] is not None else None,
        splits=list(splits) if splits[0] is not None else None,
        **extra,
    )


# --- film reviews


def _two_files(path, label_set, files):
    """One class to a file, one sentence to a line; ids count the lines of the file from 1."""
    table = []
    for label, prefix, pattern in files:
        _, data = store.read_one(path, pattern)
        sentences = [(number, line.strip()) for number, line in enumerate(_lines(data), 1)]
        table += [(f"{prefix}-{number:04d}", text, label, None, None) for number, text in sentences if text]
    return _rows(table, label_set)


def movie_polarity(path: str | Path) -> Rows:
    """5,331 positive and 5,331 negative snippets, tokenised and lower case (Pang and Lee 2005)."""
    files = (("positive", "pos", "rt-polarity.pos*"), ("negative", "neg", "rt-polarity.neg*"))
    return _two_files(path, sets.POLARITY, files)


def movie_subjectivity(path: str | Path) -> Rows:
    """5,000 subjective and 5,000 objective sentences (Pang and Lee 2004)."""
    files = (("subjective", "subj", "quote.tok.gt9.5000*"), ("objective", "obj", "plot.tok.gt9.5000*"))
    return _two_files(path, sets.SUBJECTIVITY, files)


def imdb(path: str | Path) -> Rows:
    """50,000 whole reviews from the official archive or folder, or from Keras' npz and word index.

    ``<br />`` becomes a line end. Groups are films, so that a validation split shares none with train; Keras'
    files know no films, and have lost case and punctuation.
    """
    patterns = [f"{split}/{folder}/*.txt" for split in ("train", "test") for folder in ("pos", "neg")]
    files = store.read(path, *patterns, "train/urls_*.txt", "test/urls_*.txt")
    urls = {"/".join(name.split("/")[-2:]): _lines(data) for name, data in files.items() if "/urls_" in name}
    table = []
    for name, data in files.items():
        if "/urls_" in name:
            continue
        split, folder, file = name.removesuffix(".txt").split("/")[-3:]
        text = re.sub(r"<br ?/?>", "\n", store.decode(data)).strip()
        number = int(file.split("_")[0])  # of the line with the review's address, from 0
        addresses = urls.get(f"{split}/urls_{folder}.txt", ())
        film = re.search(r"tt\d+", addresses[number]) if number < len(addresses) else None
        group = (film[0] if film else name) if urls else None
        label = "positive" if folder == "pos" else "negative"
        table.append((f"{split}/{folder}/{file}", text, label, group, split))
    return _rows(table or _keras_imdb(path), sets.POLARITY)


def _keras_imdb(path):
    _, data = store.read_one(path, "imdb.npz", what="or train/pos/*.txt and the like of aclImdb")
    _, index = store.read_one(path, "imdb_word_index.json")
    words = {number: word for word, number in json.loads(index).items()}
    table = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for split in ("train", "test"):
            texts, labels = (_npy(archive.read(f"{kind}_{split}.npy")) for kind in "xy")
            for number, (ids, label) in enumerate(zip(texts, labels)):
                text = " ".join(words[i] for i in ids)
                table.append((f"{split}-{number:05d}", text, sets.POLARITY.names[label], None, split))
    return table


def _npy(data):
    """The array in an .npy file, object arrays included, without letting a pickle run code."""
    file = io.BytesIO(data)
    formats = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    dtype = formats[np.lib.format.read_magic(file)](file)[2]
    return pickles.safe_unpickle(file.read()) if dtype.hasobject else np.load(io.BytesIO(data))


# --- sentences of reviews


def finegrained(path: str | Path, level: str = "sentence") -> Rows:
    """Reviews whose every sentence is labelled (Täckström and McDonald 2011).

    Args:
        path: Folder or file.
        level: ``sentence``: one row a sentence, groups are reviews. ``document``: one row a review, its
            sentences separated by line ends, its label (negative, neutral, positive) the one in its name.
    """
    if level not in ("sentence", "document"):
        raise BadInput(f"level must be 'sentence' or 'document'; received {level!r}.")
    short = {"neg": "negative", "neu": "neutral", "pos": "positive", "mix": "mixed", "nr": "not relevant"}
    _, data = store.read_one(path, "finegrained*.txt", any_name=True)
    table: list[tuple] = []
    for review in "\n".join(_lines(data)).strip("\n").split("\n\n"):
        name, _, *rows = review.strip("\n").split("\n")
        pairs = [row.split("\t", 1) for row in rows]
        if level == "document":
            table.append((name, "\n".join(text for _, text in pairs), short[name.split("_")[1]], None, None))
        else:
            table += [(f"{name}/{i:02d}", text, short[x], name, None) for i, (x, text) in enumerate(pairs, 1)]
    if level == "document":
        return _rows(table, sets.POLARITY3, expected={"negative": 99, "neutral": 98, "positive": 97})
    return _rows(table, sets.FINEGRAINED)


def _trees(path, names):
    """Sentences and root labels of the treebank, and notes; ``names`` are those of 0 to 4, None drops a row."""
    files = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
    trees = {split: _lines(store.read_one(path, file, what="the treebank")[1]) for split, file in files.items()}
    trees["train"], notes = _without_dev(trees["train"], trees["validation"])
    table = []
    for split, lines in trees.items():
        for number, tree in enumerate(lines, 1):
            label = names[int(tree[1])] if tree[:1] == "(" else None
            words = re.findall(r"\(\d ([^()]+)\)", tree)
            text = " ".join(words).replace("-LRB-", "(").replace("-RRB-", ")").replace("\\", "")
            if label is not None:
                table.append((f"{split}-{number:05d}", text, label, None, split))
    return table, notes


def _without_dev(train, dev):
    """The training trees without those of dev.txt, which a common copy of train.txt has at its end; and a note."""
    if not 0 < len(dev) < len(train) or train[-len(dev) :] != dev:
        return train, ()
    note = f"train.txt of this copy ends with the {len(dev):,} trees of dev.txt: they were taken out of it"
    return train[: -len(dev)], (note,)


def sst5(path: str | Path) -> Rows:
    """Sentences of the Stanford Sentiment Treebank in five classes; brackets and slashes unescaped."""
    table, notes = _trees(path, sets.SST5.names)
    return _rows(table, sets.SST5, notes=notes)


def sst2(path: str | Path) -> Rows:
    """The treebank without neutral sentences, or GLUE's train.tsv (phrases) and dev.tsv (the test split)."""
    if store.read(path, "dev.txt"):
        table, notes = _trees(path, ("negative", "negative", None, "positive", "positive"))
        return _rows(table, sets.POLARITY, notes=notes)
    table = []
    for split, file in (("train", "train.tsv"), ("test", "dev.tsv")):
        _, data = store.read_one(path, file, what="or train.txt, dev.txt and test.txt of the treebank")
        pairs = [line.rsplit("\t", 1) for line in _lines(data)[1:]]
        rows = [(text.strip(), sets.POLARITY.names[int(label)]) for text, label in pairs]
        table += [(f"{split}-{i:05d}", text, label, None, split) for i, (text, label) in enumerate(rows, 1)]
    protocol = "GLUE's train phrases, GLUE's dev sentences as the test split"
    return _rows(table, sets.POLARITY, expected={"train": 67349, "test": 872}, protocol=protocol)


# --- tweets, comments, reports, dialogues

_MESSAGE = re.compile(r'(\S+)\t(?:([^\t]*)\t)?"?(positive|negative|neutral|objective[-\w]*)"?\t(.*)')
# A few rows end with the time of the tweet in a column of its own, as Twitter's interface or a database writes it.
_TIMESTAMP = re.compile(
    r"\t\s*(?:[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d (?:[+-]\d{4} |[A-Z]{3,4} )?\d{4}"
    r"|\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?\S*(?: [+-]\d{4}| UTC)?)\s*$"
)
# What respondents of ISEAR wrote in the place of a report, the whole of it.
_UNANSWERED = re.compile(
    r"""(?ix) [\[(\s]* (?:
      no \s (?:response|answer|reply|description|comment|experience|such\ \w+)s? (?:\ given)?
    | none | nothing | nil | blank | missing | n/?a | not\ (?:known|applicable|available|answered|experienced)
      (?:\ (?:to|for|by)\ (?:me|myself))?
    | not\ included\ [io]n\ (?:the\ )?questionnaire
    | (?:i\ )? (?:can\ ?not|can'?t|could\ ?n[o']t|do\ ?n[o']t|do\ not) \ (?:remember|recall|think\ of)
      (?:\ (?:it|any|anything|(?:any|an?)\ (?:such\ )?(?:incident|situation|event|example|experience)))?
    | (?:i\ )? (?:have\ |'ve\ )? never \ (?:felt|experienced|had) (?:\ (?:it|this|that|this\ way))?
      (?:\ (?:the|such\ an?|this|that)?\ ?(?:emotion|feeling|situation|experience))?
    )? [\])\s.,!?-]*"""
)


def _messages(data):
    """(id, label, text) of a SemEval file; a line that does not begin a message continues the one before."""
    rows = []
    for line in _lines(data):
        match = _MESSAGE.fullmatch(line)
        if match:
            first, second, label, text = match.groups()
            rows.append([f"{first}-{second}" if second else first, label.split("-")[0], text])
        elif rows and not re.match(r"\d+\t", line):
            rows[-1][2] += " " + line
    for row in rows:
        row[1] = "neutral" if row[1] == "objective" else row[1]
        row[2] = _plain(row[2])
    return [row for row in rows if row[2] and row[2] != "Not Available"]


def _plain(text):
    """A tweet without the quoting and escapes that some of the files have and others have not."""
    text = unquoted(_TIMESTAMP.sub("", text).strip()).replace('\\"', '"')
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return html.unescape(html.unescape(text)).strip()  # some are escaped twice


def semeval(path: str | Path) -> Rows:
    """SemEval-2017 task 4A: all GOLD files of 2013 to 2016 to train on, the official test of 2017."""
    best: dict[str, list] = {}
    for name, data in store.read(path, "twitter-20*-A.t*", "sms-20*-A.t*", "livejournal-20*-A.t*").items():
        stem, rows = name.rsplit("/", 1)[-1].rsplit("-A.", 1)[0], _messages(data)
        if len(rows) > len(best.get(stem, ())):  # the same names also exist with ids and no text
            best[stem] = rows
    if not best:
        raise DataMissing("twitter-2013train-A.txt and the like (GOLD/Subtask_A)", [path])
    _, data = store.read_one(path, "SemEval2017-task4-test.subtask-A.english*.txt", what="the gold test data")
    messages = {f"2017test/{i}": (text, label) for i, label, text in _messages(data)}
    test = [(i, text, label, None, "test") for i, (text, label) in messages.items()]
    kept: dict[tuple, tuple] = {}
    conflicting = set()
    for stem, rows in sorted(best.items()):
        for i, label, text in rows:
            key = (stem.split("-")[0], i)
            if kept.setdefault(key, (f"{stem}/{i}", text, label, None, "train"))[2] != label:
                conflicting.add(key)
    repeated = sum(map(len, best.values())) - len(kept)
    note = f"{repeated} repeated annotations dropped; {len(conflicting)} messages carry different labels."
    return _rows([*kept.values(), *test], sets.POLARITY3, notes=(note,))


def emotions(path: str | Path) -> Rows:
    """Tweets of the dair-ai emotion dataset: ``text;label`` lines, or Hugging Face's JSON lines."""
    table = []
    for split, files in (
        ("train", ("train.txt", "train.jsonl")),
        ("validation", ("val.txt", "validation.jsonl")),
        ("test", ("test.txt", "test.jsonl")),
    ):
        name, data = store.read_one(path, *files, what="emotions")
        lines = [line for line in _lines(data) if line.strip()]
        if name.endswith(".jsonl"):
            pairs = [(row["text"], sets.DAIR_AI.names[row["label"]]) for row in map(json.loads, lines)]
        else:
            pairs = [line.rsplit(";", 1) for line in lines]
        for number, (text, label) in enumerate(pairs, 1):
            table.append((f"{split}-{number:05d}", text, label.strip(), None, split))
    return _rows(table, sets.DAIR_AI)


def goemotions(path: str | Path) -> Rows:
    """Reddit comments with one or several of 28 labels, as tuples of names."""
    table = []
    for split, file in (("train", "train.tsv"), ("validation", "dev.tsv"), ("test", "test.tsv")):
        _, data = store.read_one(path, file, what="GoEmotions")
        for line in _lines(data):
            text, numbers, comment = line.split("\t")
            label = tuple(sets.GOEMOTIONS.names[int(number)] for number in numbers.split(","))
            table.append((comment, text, label, None, split))
    return _rows(table, sets.GOEMOTIONS)


def isear(path: str | Path) -> Rows:
    """Reports of the ISEAR survey; rows without an answer dropped, line-end marks removed."""
    _, data = store.read_one(path, "isear*.csv", "ISEAR*.csv", any_name=True)
    header, *lines = _lines(data)
    columns = header.split("|")
    absent = {"Field1", "SIT"} - set(columns)
    if absent:
        raise DataCorrupt(f"{path}: the first line of isear.csv names no column {', '.join(sorted(absent))}.")
    emotion, text = columns.index("Field1"), columns.index("SIT")
    table, unanswered = [], 0
    for number, line in enumerate(lines, 1):
        cells = line.split("|")
        if len(cells) < len(columns):
            continue
        # Texts hold separators of their own; the columns after the text are counted from the end.
        report = "|".join(cells[text : len(cells) - (len(columns) - text - 1)])
        report = re.sub(r"(?<![a-zA-Z])á(?=[\s|]|$)|\|", " ", report)
        report = " ".join(re.sub(r'\\+"?', '"', report).split())
        unanswered += bool(_UNANSWERED.fullmatch(report))
        if report and not _UNANSWERED.fullmatch(report):
            label = sets.ISEAR.names[sets.ISEAR.index(cells[emotion])]
            table.append((f"isear-{number:04d}", report, label, cells[0], None))
    # Many reports are the same few words: keeping respondents whole too would chain most rows together.
    notes = (f"{unanswered} rows without an answer were dropped.",)
    return _rows(table, sets.ISEAR, keep=("content",), notes=notes)


def meld(path: str | Path) -> Rows:
    """Utterances of MELD; groups are dialogues, ids name split, dialogue, utterance: ``train_dia12_utt3``."""
    rows = _meld_rows(path)
    table = [(r["id"], r["text"], r["emotion"], f"{r['split']}_dia{r['dialogue']}", r["split"]) for r in rows]
    return _rows(table, sets.MELD)


@explained
def meld_table(path: str | Path | None = None, root: str | Path | None = None) -> pd.DataFrame:
    """Every utterance of MELD in order of split, dialogue and utterance.

    Returns:
        A DataFrame: id, split, dialogue, utterance, speaker, emotion, sentiment, text, season, episode,
        start, end.
    """
    import pandas as pd

    return pd.DataFrame(_meld_rows(store.locate(cards.get("meld"), path, root)))


def _meld_rows(path):
    rows = []
    for split, file in (("train", "train"), ("validation", "dev"), ("test", "test")):
        _, data = store.read_one(path, f"{file}_sent_emo.csv", what="MELD")
        for cells in csv.DictReader(io.StringIO(store.decode(data), newline="")):
            dialogue, utterance = int(cells["Dialogue_ID"]), int(cells["Utterance_ID"])
            rows.append({
                "id": f"{split}_dia{dialogue}_utt{utterance}", "split": split,
                "dialogue": dialogue, "utterance": utterance, "speaker": cells["Speaker"],
                "emotion": cells["Emotion"], "sentiment": cells["Sentiment"],
                "text": cells["Utterance"].strip(),
                "season": int(cells["Season"]), "episode": int(cells["Episode"]),
                "start": cells["StartTime"], "end": cells["EndTime"],
            })  # fmt: skip
    order = {split: i for i, split in enumerate(SPLITS)}
    return sorted(rows, key=lambda row: (order[row["split"]], row["dialogue"], row["utterance"]))
