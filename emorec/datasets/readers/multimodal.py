"""Readers of multimodal features in the formats of their authors: mosi, mosei, iemocap, meld in dialogues.

Every example is an utterance with one vector a modality (`aligned` reads sequences); rows are in the order of time
inside a group, which is a video or a dialogue. Pickles go through `pickles.safe_unpickle` only.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import labels as sets
from emorec.checks import choice
from emorec.datasets import pickles, store
from emorec.datasets.base import Dataset, objects
from emorec.datasets.readers.features import MODALITIES, finite, polarity3
from emorec.datasets.splits import Rows, assemble
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.types import Strings

if TYPE_CHECKING:
    from emorec.labels import LabelSet

# The videos of the 62/31 split, in the order of the published pickles, which name none; utterance k of a video is
# its segment k of the transcripts.
MOSI_VIDEOS = {
    "train": """zhpQhgha_KU lXPQBPVc5Cw 2iD-tVS8NPw BioHAh1qJAQ Qr1Ca94K55A _dI--eQ6qVU 8qrpnFRGt2A ZAIRrfG22O0
        nzpVDcQ0ywM IumbAb8q2dM etzxEpPuc6I QN9ZIUWUXsY 9T9Hf74oK10 7JsX8y1ysxY d6hH302o4v8 k5Y_838nuGo pLTX3ipuDJI
        c5xsKMxpXnc Oz06ZWiO20M atnd_PF-Lbs yvsjCA6Y5Fc tIrG4oNLFzE jUzDDGyPkXU dq3Nf_lMPnE TvyZBvOMOTc X3j2zQgwYgE
        wMbj6ajWbic W8NXH0Djyww 8OtFthrtaJM nbWiPyCm4g0 rnaNMUZpvvg PZ-lDQFboO8 phBUpBr1hSo 1DmNV9C1hbY cXypl4FnoZo
        yDtzw_Y-7RU v0zCBqDeKcE aiEXnCPZubE 9qR7uwkblbs G6GlGvlkxAQ 6_0THN4chvY d3_k5Xpfmik WKA5OygbEKI f_pcplsH_V0
        BvYR0L6f2Ig 5W7Z1C_fDaE VbQk4H8hgr0 fvVhgmXxadc MLal-t_vJPM bvLlb-M3UXU LSi-o-IrDMs bOL9jKpeJRs ob23OKe5a9Q
        6Egk_28TtTM POKffnXeBds 73jzhE8R1TQ OtBXNcAL_lE HEsqda8_d0Q f9O3YtZ2VfI c7UH_rxdZv4 VCslbP0mgZI
        Bfr499ggo-0""".split(),
    "test": """tmZoasNr4rU 8d-gEyoeBzc iiK8YX8oH1E Ci-AH39fi3Y cW1FSBF59ik BI97DNYfe5I 1iG0909rllw G-xst2euQUc
        Iu2PFX3z_1s Nzq88NnDkEk Clx4VXItLTE Af8D0E4ZXaw Sqr0AcuoNnk Vj1wYRQjB-o GWuJjcEuzt8 9J25DZhivz8 cM3Yna7AavY
        OQvJTdtJ2H4 I5y0__X72p0 vyB00TXsimI ZUXBRvtny7o Njd1F0vZSm4 03bSnISJMiM Dg_0XKD0Mf4 9c67fiY0wGQ tStelxIAHjw
        BXuRRbG0Ugk Jkswaaud0hk 2WGyTLYerpo 0h-zjBukYpk vvZ4IcEtiZc""".split(),
}

# Git blob ids of published files, for copies that come without a checksum (`git_blob_id`).
BLOBS = {
    "text_2way.pickle": "1ff4c1e48e43fffaa889f3f90d1548081574f06f",
    "audio_2way.pickle": "37a652ee213b54e18c180a3e3de2642cb498a93d",
    "video_2way.pickle": "a7b434d878c9c4388787401d2aa00cb0b59a15a6",
    "unimodal_mosi_2way.pickle": "88e43bfccc7e9f1ef30ea7e4c892f0d051817455",
    "unimodal_iemocap_4way.pickle": "0a9e91c537fa0634d59b41f415cce151d57eb312",
    "unimodal_iemocap_6way.pickle": "05f8b8050efde1559496da2af9610df2db46ad2b",
    "unimodal_mosei_3way.pickle.zip": "b52b3a2f83d6807f22c5f5ba57d7da8fac947d08",
    "IEMOCAP_features_raw.pkl.zip": "157533f6b6c4bef43eca487779df533699089060",
    "raw.zip": "2720c8256a5cf64589c9e5b6437b9972bbc49678",
}

MOSI_LEAK = (
    "the text and video features were evidently extracted with the training labels: a linear model is far better on "
    "unseen videos of train than on test. Scores inside of train mean nothing: train for a fixed number of epochs"
)


def git_blob_id(data: bytes) -> str:
    """The id under which git stores a file, from its bytes: ``git hash-object FILE``."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def blob_notes(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """A note for each file (dict of name to bytes) that is known here and is not the published one."""
    notes = []
    for name, data in files.items():
        known = BLOBS.get(name.rsplit("/", 1)[-1])
        if known and git_blob_id(data) != known:
            notes.append(f"{name} is not the published file: git blob {git_blob_id(data)}, not {known}")
    return tuple(notes)


# --- what the readers share


def _read_one(path, pattern):
    """(name, bytes) as of `store.read_one`, or None where nothing matches."""
    try:
        return store.read_one(path, pattern)
    except DataMissing:
        return None


def _each(path, pattern):
    """(name, bytes) by modality of a file for each; {} where there is none of text."""
    text = _read_one(path, pattern.format("text"))
    others = {m: pattern.format(m) for m in MODALITIES[1:]}
    return {"text": text} | {m: store.read_one(path, p, what=m) for m, p in others.items()} if text else {}


def _refuse(options, reader):
    if options:
        raise BadInput(f"{', '.join(options)}: no option of {reader}; aligned sequences alone have such options.")


def _utterances(columns, labels, group, split, ids=None):
    """The rows of one group as dicts, from what each has in the ``columns`` (name to one value an utterance)."""
    ids = ids or [f"{group}_{k + 1}" for k in range(len(labels))]
    same = {"group": group, "split": split}
    columns = columns | {"label": labels, "id": ids}
    return [{name: values[k] for name, values in columns.items()} | same for k in range(len(labels))]


def _as_rows(rows, label_set, **more):
    inputs = {m: finite([row[m] for row in rows]) for m in MODALITIES}
    inputs |= {key: objects(str(row[key]) for row in rows) for key in ("speaker", "sentence") if key in rows[0]}
    labels, ids, splits, groups = ([row[key] for row in rows] for key in ("label", "id", "split", "group"))
    return Rows(inputs, labels, ids, label_set, splits, groups, keep=("groups",), **more)


# --- mosi


def mosi(path: str | Path, split: str = "mosi-62/31", **options: Any) -> Rows:
    """CMU-MOSI, two classes.

    Args:
        path: Folder, archive or file.
        split: ``mosi-62/31``: one vector an utterance, float32 text (N, 100), audio (N, 73), video (N, 100), from
            the three published pickles or the CSV files that they were made of; ids are segments
            (``03bSnISJMiM_1``), groups videos. ``mosi-cmu``: aligned sequences, see `aligned.mosi`. The splits
            share test videos with each other's training split: their numbers cannot be compared.
        **options: For `aligned.mosi`.
    """
    if split == "mosi-cmu":
        from emorec.datasets.readers import aligned

        return aligned.mosi(path, **options)
    choice("split", split, ("mosi-62/31", "mosi-cmu"))
    _refuse(options, "split='mosi-62/31'")
    files = _each(path, "{}_2way.pickle")
    if not files and not _read_one(path, "transcripts.csv") and (other := _aligned_file(path)):
        raise BadInput(
            f"{path} holds aligned sequences ({other}): load('mosi', split='mosi-cmu', path=...) reads them."
        )
    notes = (MOSI_LEAK, *blob_notes(dict(files.values())))
    protocol = "mosi-62/31: 62 videos to train, 31 to test"
    rows = _mosi_pickles(files) if files else _mosi_tables(path)
    return _as_rows(rows, sets.POLARITY, notes=notes, protocol=protocol)


def _aligned_file(path):
    """The name of a file that `aligned.mosi` may read, or None."""
    path = Path(path)
    files = [path] if path.is_file() else (store.find(path, f"*{s}") for s in (".pkl", ".csd", ".h5", ".hdf5"))
    return next((file.name for file in files if file), None)


def _mosi_pickles(files):
    read = {m: _seven(name, pickles.safe_unpickle(data)) for m, (name, data) in files.items()}
    for m in MODALITIES[1:]:
        if [list(x) for x in read[m][5:]] != [list(x) for x in read["text"][5:]]:
            raise DataCorrupt(f"The pickles of text and {m} have videos of different lengths: not of one data set.")
    rows = []
    for split, (x, y, n) in {"train": (0, 1, 5), "test": (2, 3, 6)}.items():
        lengths = read["text"][n]
        named = len(lengths) == len(MOSI_VIDEOS[split])
        videos = MOSI_VIDEOS[split] if named else [f"{split}{v:03d}" for v in range(len(lengths))]
        for v, (video, length) in enumerate(zip(videos, lengths)):
            labels = [sets.POLARITY.names[int(c)] for c in read["text"][y][v][:length]]
            rows += _utterances({m: read[m][x][v] for m in MODALITIES}, labels, video, split)
    return rows


def _seven(name, content):
    """The seven things in a pickle of this family: data, labels of train and test, longest, lengths of both."""
    if not (isinstance(content, tuple) and len(content) == 7 and getattr(content[0], "ndim", 0) == 3):
        raise DataCorrupt(f"{name} does not hold (train, labels, test, labels, longest, lengths, lengths).")
    return content


def _mosi_tables(path):
    """The same rows from the CSV files that the pickles were made of."""
    _, data = store.read_one(path, "transcripts.csv", what="MOSI")
    segments = [row[0] for row in csv.reader(io.StringIO(store.decode(data)))]
    rows = []
    for split, videos in MOSI_VIDEOS.items():
        names = [segments[int(row[0])] for row in _numbers(path, f"text_{split}.csv")]
        tables = {m: _numbers(path, f"{m}/{m}_{split}0.csv") for m in MODALITIES}
        places = {}
        for place, name in enumerate(names):
            video, number = name.rsplit("_", 1)
            places.setdefault(video, []).append((int(number), place))
        if set(places) - set(videos):
            raise DataCorrupt(f"text_{split}.csv names videos that are not in this split: {set(places) - set(videos)}.")
        for video in videos:
            own = [place for _, place in sorted(places.get(video, ()))]
            labels = [sets.POLARITY.names[int(c)] for c in tables["text"][own, -1]]
            features = {m: tables[m][own, :-1] for m in MODALITIES}
            rows += _utterances(features, labels, video, split, [names[place] for place in own])
    return rows


def _numbers(path, pattern):
    """A CSV file without a header as float64."""
    _, data = store.read_one(path, pattern, what="MOSI")
    return np.array([[float(cell) for cell in row] for row in csv.reader(io.StringIO(store.decode(data)))])


# --- the other data of the family


def unimodal(content: Any, name: str, names: Strings, label_set: LabelSet, prefix: str = "", **more: Any) -> Rows:
    """Rows from a dict of padded features by dialogue: ``unimodal_*.pickle`` of Poria et al.

    Args:
        content: Arrays ``text_train`` (V, T, D), ``audio_train``, ``video_train``, ``train_label`` (V, T) or (V, T, 1)
            of class indices or scores or (V, T, C) of one-hot rows, ``train_mask`` (V, T), and the same of test.
            Labels are scores, and classes their signs (`polarity3`), where any is negative or no whole number.
        name: For messages.
        names: Class names by index.
        label_set: Of the rows.
        prefix: Of ids.
        **more: For `Rows`.
    """
    splits = ("train", "test")
    wanted = [
        *(f"{m}_{p}" for m in MODALITIES for p in splits),
        *(f"{p}_{k}" for k in ("label", "mask") for p in splits),
    ]
    absent = [key for key in wanted if key not in content]
    if absent:
        raise DataCorrupt(f"{name} has no {', '.join(absent)}; it holds {', '.join(sorted(content))}.")
    labels = {split: np.asarray(content[f"{split}_label"]) for split in splits}
    scores = any(((y < 0) | (y % 1 > 0)).any() for y in labels.values())
    rows = []
    for split in splits:
        mask = np.asarray(content[f"{split}_mask"]) > 0.5
        classes = _class_names(labels[split], None if scores else names)
        features = {m: np.asarray(content[f"{m}_{split}"]) for m in MODALITIES}
        for v, here in enumerate(mask):
            own = {m: x[v][here] for m, x in features.items()}
            rows += _utterances(own, classes[v][here].tolist(), f"{prefix}{split}{v:04d}", split)
    return _as_rows(rows, label_set, **more)


def _class_names(labels, names):
    """Names in the shape (V, T) from indices, one-hot rows or, where ``names`` is None, scores."""
    if labels.ndim == 3 and labels.shape[2] > 1:
        labels = labels.argmax(axis=2)
    elif labels.ndim == 3:
        labels = labels[:, :, 0]
    if names is None:
        return polarity3(labels)
    return np.array(names, dtype=object)[labels.astype(int)]


def _padded_family(files):
    """`unimodal` content from three pickles of seven things (`_seven`), one a modality."""
    content = {}
    for m, (name, data) in files.items():
        x, y, x_test, y_test, _, lengths, lengths_test = _seven(name, pickles.safe_unpickle(data))
        content |= {f"{m}_train": x, f"{m}_test": x_test, "train_label": y, "test_label": y_test}
        for split, array, n in (("train", x, lengths), ("test", x_test, lengths_test)):
            content[f"{split}_mask"] = np.arange(array.shape[1]) < np.asarray(n)[:, None]
    return content


def mosei(path: str | Path, **options: Any) -> Rows:
    """CMU-MOSEI, three classes by the sign of the sentiment score; groups are videos.

    Reads ``unimodal_mosei_3way.pickle`` or the three ``{text,audio,video}_3way.pickle`` of ``raw.zip`` (one vector
    an utterance), else aligned sequences (`aligned.mosei`, with ``options``).
    """
    if file := _read_one(path, "unimodal_mosei_3way.pickle"):
        name, content = file[0], pickles.safe_unpickle(file[1])
    elif files := _each(path, "{}_3way.pickle"):
        name, content = "*_3way.pickle", _padded_family(files)
    else:
        from emorec.datasets.readers import aligned

        return aligned.mosei(path, **options)
    _refuse(options, name)
    # the order of the authors' one-hot labels
    return unimodal(content, name, ("negative", "positive", "neutral"), sets.POLARITY3, "mosei_")


IEMOCAP_NAMES = sets.IEMOCAP6.names  # hap, sad, neu, ang, exc, fru: the order of the authors' indices
IEMOCAP_SCRIPTS = (
    "the actors speak the same scripted dialogues in every session: report scripted and improvised apart "
    "(groups say which: Ses05M_script01_1, Ses05M_impro01)"
)


def iemocap(path: str | Path, classes: int = 6) -> Rows:
    """IEMOCAP, utterances in dialogues; sessions 1 to 4 to train, 5 to test.

    Reads ``IEMOCAP_features*.pkl``: text (N, 100), audio (N, 100), video (N, 512), ``speaker`` (M, F) and ``sentence``;
    ids are utterances, groups dialogues. Of twelve things instead of nine, with four layers of RoBERTa as text, the
    first layer counts. Else ``unimodal_iemocap_{6,4}way.pickle``, without speakers and sentences.

    Args:
        classes: 6, or 4: excitement counts as happiness, and frustration is left out.
    """
    choice("classes", classes, (6, 4))
    label_set = sets.IEMOCAP6 if classes == 6 else sets.IEMOCAP4
    file = _read_one(path, "IEMOCAP_features*.pkl")
    if not file:
        name, data = store.read_one(path, f"unimodal_iemocap_{classes}way.pickle", what="IEMOCAP")
        content, notes = pickles.safe_unpickle(data), blob_notes({name: data})
        return unimodal(content, name, label_set.names, label_set, "iemocap_", notes=notes)
    name, content = file[0], pickles.safe_unpickle(file[1])
    if not isinstance(content, (list, tuple)) or len(content) not in (9, 12):
        held = len(content) if isinstance(content, (list, tuple)) else f"a {type(content).__name__}"
        raise DataCorrupt(
            f"{name} holds {held}, not nine things (or twelve, with RoBERTa's layers): ids of utterances, speakers, "
            "labels, text, audio, video, sentences, and the dialogues of train and test."
        )
    ids, speakers, labels, text, *others, sentences, train, test = content
    features = (text, *others[-2:])
    sources = dict(zip((*MODALITIES, "speaker", "sentence"), (*features, speakers, sentences)))
    rows = []
    for split, dialogues in (("train", train), ("test", test)):
        for dialogue in sorted(map(str, dialogues)):
            emotions = [IEMOCAP_NAMES[int(c)] for c in labels[dialogue]]
            if classes == 4:
                emotions = ["happiness" if c == "excitement" else c for c in emotions]
            columns = {key: source[dialogue] for key, source in sources.items()}
            rows += _utterances(columns, emotions, dialogue, split, [str(i) for i in ids[dialogue]])
    kept = [row for row in rows if row["label"] in label_set]
    protocol = "sessions 1 to 4 to train, 5 to test"
    return _as_rows(kept, label_set, notes=(IEMOCAP_SCRIPTS,), protocol=protocol)


def meld_dialogues(path: str | Path | None = None, root: str | Path | None = None) -> Dataset:
    """MELD as dialogues: a `Dataset` whose inputs are ``text`` and ``speaker``, in order of time inside a group."""
    from emorec.datasets import cards
    from emorec.datasets.readers import text

    rows = text.meld_table(path, root).to_dict("records")
    made = Rows(
        inputs={key: objects(r[key] for r in rows) for key in ("text", "speaker")},
        labels=[r["emotion"] for r in rows],
        ids=[r["id"] for r in rows],
        label_set=sets.MELD,
        splits=[r["split"] for r in rows],
        groups=[f"{r['split']}_dia{r['dialogue']}" for r in rows],
    )
    return assemble("meld", made, card=cards.get("meld"))
