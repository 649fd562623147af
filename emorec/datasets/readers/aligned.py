"""Readers of word-aligned sequences of text, voice and face: CMU-MOSI and CMU-MOSEI in four common formats.

The formats of the CMU SDK name no splits: the folds of MOSI stand here, those of MOSEI have to be given.

All give float32 text (N, T, 300), audio (N, T, A), video (N, T, V) and a bool ``mask`` (N, T), True on words: padded
on the right whatever the file does, values that are not finite replaced by 0, cut after T words.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from emorec import labels as sets
from emorec.checks import choice
from emorec.datasets import hdf5, pickles, store
from emorec.datasets.base import SPLIT_NAMES, SPLITS
from emorec.datasets.readers.features import MODALITIES, finite, polarity3
from emorec.datasets.splits import Rows
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.notices import notice

# The CMU SDK's standard folds of MOSI, by video.
CMU_FOLDS = {
    "train": """2iD-tVS8NPw 8d-gEyoeBzc Qr1Ca94K55A Ci-AH39fi3Y 8qrpnFRGt2A Bfr499ggo-0 QN9ZIUWUXsY 9T9Hf74oK10
        7JsX8y1ysxY 1iG0909rllw Oz06ZWiO20M BioHAh1qJAQ 9c67fiY0wGQ Iu2PFX3z_1s Nzq88NnDkEk Clx4VXItLTE 9J25DZhivz8
        Af8D0E4ZXaw TvyZBvOMOTc W8NXH0Djyww 8OtFthrtaJM 0h-zjBukYpk Vj1wYRQjB-o GWuJjcEuzt8 BI97DNYfe5I PZ-lDQFboO8
        1DmNV9C1hbY OQvJTdtJ2H4 I5y0__X72p0 9qR7uwkblbs G6GlGvlkxAQ 6_0THN4chvY Njd1F0vZSm4 BvYR0L6f2Ig 03bSnISJMiM
        Dg_0XKD0Mf4 5W7Z1C_fDaE VbQk4H8hgr0 G-xst2euQUc MLal-t_vJPM BXuRRbG0Ugk LSi-o-IrDMs Jkswaaud0hk 2WGyTLYerpo
        6Egk_28TtTM Sqr0AcuoNnk POKffnXeBds 73jzhE8R1TQ OtBXNcAL_lE HEsqda8_d0Q VCslbP0mgZI IumbAb8q2dM""".split(),
    "validation": """WKA5OygbEKI c5xsKMxpXnc atnd_PF-Lbs bvLlb-M3UXU bOL9jKpeJRs _dI--eQ6qVU ZAIRrfG22O0
        X3j2zQgwYgE aiEXnCPZubE ZUXBRvtny7o""".split(),
    "test": """tmZoasNr4rU zhpQhgha_KU lXPQBPVc5Cw iiK8YX8oH1E tStelxIAHjw nzpVDcQ0ywM etzxEpPuc6I cW1FSBF59ik
        d6hH302o4v8 k5Y_838nuGo pLTX3ipuDJI jUzDDGyPkXU f_pcplsH_V0 yvsjCA6Y5Fc nbWiPyCm4g0 rnaNMUZpvvg wMbj6ajWbic
        cM3Yna7AavY yDtzw_Y-7RU vyB00TXsimI dq3Nf_lMPnE phBUpBr1hSo d3_k5Xpfmik v0zCBqDeKcE tIrG4oNLFzE fvVhgmXxadc
        ob23OKe5a9Q cXypl4FnoZo vvZ4IcEtiZc f9O3YtZ2VfI c7UH_rxdZv4""".split(),
}
FOLD_OF = {video: split for split, videos in CMU_FOLDS.items() for video in videos}


def mosi(path: str | Path, steps: int = 50, zero: str = "positive") -> Rows:
    """CMU-MOSI in word-aligned sequences under the CMU folds, positive and negative.

    Args:
        path: Folder or file; see `read` for formats.
        steps: Words kept of each segment.
        zero: Segments of score 0 count as ``positive`` (not negative, as TFN and MFN count them), or ``drop``.
    """
    choice("zero", zero, ("positive", "drop"))
    inputs, scores, ids, groups, splits = read(path, steps)
    keep = np.flatnonzero(scores != 0) if zero == "drop" else np.arange(len(scores))
    moved = sum(FOLD_OF.get(groups[i], splits[i]) != splits[i] for i in keep)
    return Rows(
        inputs={m: v[keep] for m, v in inputs.items()},
        labels=[sets.POLARITY.names[int(scores[i] >= 0)] for i in keep],
        ids=[ids[i] for i in keep],
        label_set=sets.POLARITY,
        splits=[splits[i] for i in keep],
        groups=[groups[i] for i in keep],
        notes=(f"{moved} segments are not in the split where the CMU folds have them",) if moved else (),
        protocol="mosi-cmu: 52 videos to train, 10 to validate, 31 to test",
        expected={},
    )


def mosei(path: str | Path, steps: int = 50, videos: Mapping[str, Sequence[str]] | None = None) -> Rows:
    """CMU-MOSEI in word-aligned sequences, three classes by the sign of the score. Arguments: see `read`."""
    inputs, scores, ids, groups, splits = read(path, steps, videos or {})
    return Rows(inputs, polarity3(scores).tolist(), ids, sets.POLARITY3, splits, groups, expected={})


def scores(path: str | Path, steps: int = 50, videos: Mapping[str, Sequence[str]] = CMU_FOLDS) -> dict[str, float]:
    """Sentiment scores, -3 to 3, as a dict of id to float: for mean absolute error and correlation."""
    _, values, ids, _, _ = read(path, steps, videos)
    return dict(zip(ids, values.tolist()))


def read(
    path: str | Path, steps: int = 50, videos: Mapping[str, Sequence[str]] = CMU_FOLDS
) -> tuple[dict, np.ndarray, list, list, list]:
    """Aligned sequences from whichever format is there.

    - one pickle of ``train``, ``valid``, ``test``, each with text, audio, vision and labels (MulT, MultiBench, MMSA);
    - ``.csd`` files of the CMU SDK: words with times, scores with times, voice and face frames, which are averaged
      over each word; or files that the SDK has aligned already;
    - one ``.hdf5`` file with a group for each of these;
    - ``X_train.h5`` and its like (MFN): text, audio and video side by side, 300 + 5 + 20 or 300 + 74 + 35.

    Segments whose score is not a number are left out, with a warning.

    Args:
        path: Folder, archive or file.
        steps: Words kept of each segment.
        videos: Dict of ``train``, ``validation`` and ``test`` to the names of their videos, in the second and third
            format. For MOSEI they are in the CMU SDK, ``cmu_mosei.standard_folds``.

    Returns:
        inputs: Dict of text, audio, video and mask. scores: float (N,). ids, groups, splits: Lists of N str.
    """
    path = Path(path)
    folder = path.parent if path.suffix == ".csd" else path
    split_of = {video: split for split, names in videos.items() for video in names}
    if folder.is_dir() and store.find(folder, "*.csd"):
        rows = _segments({file.stem: _open(file) for file in sorted(folder.rglob("*.csd"))}, split_of)
    elif path.suffix in (".h5", ".hdf5") or (path.is_dir() and store.find(path, "*.h*5")):
        rows = _hdf5(path, split_of)
    else:
        name, data = store.read_one(path, "*.pkl", "*.pickle", what="aligned sequences", any_name=True)
        rows = _pickle(name, pickles.safe_unpickle(data))
    if not rows:
        raise DataCorrupt(
            f"{path} holds no segment that is in train, validation or test. Files of the CMU SDK do not say which is "
            "where: for other data than MOSI give videos={'train': [...], 'validation': [...], 'test': [...]}."
        )
    unscored = [row["id"] for row in rows if not np.isfinite(row["score"])]
    if unscored:
        notice(f"{path}: {len(unscored)} segments without a score were left out: {unscored[0]} ...")
        rows = [row for row in rows if np.isfinite(row["score"])]
    order = {split: i for i, split in enumerate(SPLITS)}
    rows.sort(key=lambda row: order[row["split"]])  # stable: time order inside a split stays
    inputs = {m: _padded([row[m] for row in rows], steps) for m in MODALITIES}
    lengths = np.array([min(len(row["text"]), steps) for row in rows])
    inputs["mask"] = np.arange(steps) < lengths[:, None]
    values = np.array([row["score"] for row in rows], dtype="float64")
    return inputs, values, [r["id"] for r in rows], [r["group"] for r in rows], [r["split"] for r in rows]


def _padded(sequences, steps):
    """Sequences (T_i, D) as float32 (N, steps, D), zeros to their right."""
    padded = np.zeros((len(sequences), steps, sequences[0].shape[1]), dtype="float32")
    for row, x in zip(padded, sequences):
        row[: len(x)] = finite(x[:steps])
    return padded


def _trimmed(row, mask=None):
    """The row without padding, before or after: where the mask is 0, else where text, audio and video are all 0."""
    if mask is None:
        mask = np.any([np.any(row[m] != 0, axis=1) for m in MODALITIES], axis=0)
    used = np.flatnonzero(mask)
    span = slice(used[0], used[-1] + 1) if len(used) else slice(0, 1)
    return row | {m: row[m][span] for m in MODALITIES}


def _video(name):
    """The video of a segment: ``03bSnISJMiM[4]``, ``03bSnISJMiM$_$4`` and ``03bSnISJMiM_4`` are of ``03bSnISJMiM``."""
    return re.sub(r"(\[\d+\]|\$_\$\d+|_\d+)$", "", name)


def _pickle(name, content):
    if not isinstance(content, dict) or "train" not in content:
        raise DataCorrupt(f"{name} is no dict of train, valid and test.")
    rows = []
    for key, split in content.items():
        split_name = SPLIT_NAMES.get(key)
        if split_name is None:
            continue
        if not isinstance(split, dict):
            raise BadInput(
                f"{name}: {key} is a {type(split).__name__} and no dict of arrays. Pickles of MISA and MAG-BERT are "
                "lists of tuples; they hold ids of words and no vectors. Take the aligned file of MulT or MMSA."
            )
        keys = {"text": ("text",), "audio": ("audio",), "video": ("vision", "video"),
                "score": ("regression_labels", "labels")}  # fmt: skip
        arrays = {what: next((split[k] for k in names if k in split), None) for what, names in keys.items()}
        absent = [what for what, value in arrays.items() if value is None]
        if absent:
            raise DataCorrupt(f"{name}: {key} has no {', '.join(absent)}; it has {', '.join(sorted(split))}.")
        lengths = {np.shape(arrays[m])[1] for m in MODALITIES}
        if len(lengths) > 1:
            raise BadInput(f"{name} is not aligned: sequences of {sorted(lengths)} steps. Take the aligned file.")
        mask = _mask(split, len(arrays["text"]), max(lengths))
        ids = [_identifier(i) for i in split["id"]] if "id" in split else []
        for k in range(len(arrays["text"])):
            row = {m: np.asarray(arrays[m][k], dtype="float64") for m in MODALITIES}
            label = ids[k] if ids else f"{split_name}{k:05d}"
            score = float(np.asarray(arrays["score"][k]).ravel()[0])
            rows.append(
                _trimmed(row, None if mask is None else mask[k])
                | {"score": score, "id": label, "group": _video(label.split()[0]), "split": split_name}
            )
    return rows


def _mask(split, n, steps):
    """Where the words of N segments are, bool (N, T), as MMSA's files say it; None where nothing does.

    Vectors that a BERT gives for padding are not 0.
    """
    bert = np.asarray(split.get("text_bert", ()))
    if bert.shape == (n, 3, steps):  # ids, mask, kinds
        return bert[:, 1] > 0.5
    ends = np.ravel(split.get("text_lengths", split.get("audio_lengths", ())))
    if ends.shape == (n,) and ends.dtype.kind in "iu" and (ends > 0).all() and (ends <= steps).all():
        return np.arange(steps) < ends[:, None]
    return None


def _identifier(value):
    """An id that is a string, bytes or an array of them (video, start, end) as one string."""
    pieces = np.asarray(value).ravel().tolist()
    return " ".join(p.decode() if isinstance(p, bytes) else str(p) for p in pieces)


# --- the CMU SDK's computational sequences

KINDS = {"text": r"vector|glove|word2vec", "audio": r"covarep|opensmile", "video": r"facet|openface", "score": r"label"}


def _open(file):
    """A computational sequence as a dict of key to (features, intervals)."""
    with hdf5.opened(file) as top:
        root = top[next(iter(top))]
        return _entries(root["data"] if "data" in root else root)


def _entries(group):
    entries = {key: (group[key]["features"], group[key]["intervals"]) for key in group}
    for key, (features, intervals) in entries.items():
        if features.ndim != 2 or intervals.shape != (len(features), 2):
            raise DataCorrupt(f"{key}: features {features.shape} and intervals {intervals.shape} do not fit together.")
    return entries


def _segments(sequences, split_of):
    """Rows from computational sequences by name: aligned here, word by word, unless their keys name segments."""
    chosen = {}
    for kind, pattern in KINDS.items():
        names = [n for n in sequences if re.search(pattern, n, re.IGNORECASE)]
        if not names:
            raise DataMissing(
                f"A file of {kind} ({pattern}) among {', '.join(sequences) or 'nothing'}",
                how_to_get="the .csd files of the CMU Multimodal SDK, or of a colleague: its links come and go",
            )
        chosen[kind] = sequences[names[0]]
    aligned = all(key.endswith("]") for key in chosen["text"])
    rows = []
    for key in sorted(chosen["score"], key=lambda k: (_video(k), len(k), k)):
        split = split_of.get(key) or split_of.get(_video(key))
        if split is None:
            continue
        if aligned:
            if all(key in chosen[m] for m in MODALITIES):
                row = {m: chosen[m][key][0].astype("float64") for m in MODALITIES}
                rows.append(_labelled(row, chosen["score"][key][0][0, 0], key, split))
        elif key in chosen["text"]:
            rows += _align(key, chosen, split)
    return [row for row in rows if len(row["text"])]


def _labelled(row, score, key, split):
    return row | {"score": float(score), "id": key, "group": _video(key), "split": split}


def _align(video, chosen, split):
    """The segments of one video: words whose middle lies in the segment, and the mean of the frames of each word."""
    rows = []
    words, times = chosen["text"][video]
    middle = times.mean(axis=1)
    spoken = np.any(words != 0, axis=1)  # pauses have a vector of zeros
    for k, (score, (start, end)) in enumerate(zip(*chosen["score"][video])):
        inside = np.flatnonzero((middle >= start) & (middle < end) & spoken)
        row = {"text": words[inside].astype("float64")}
        for m in ("audio", "video"):
            frames, frame_times = chosen[m].get(video, (np.zeros((0, _size(chosen[m]))), np.zeros((0, 2))))
            row[m] = _means(frames, frame_times.mean(axis=1), times[inside])
        rows.append(_labelled(row, score[0], f"{video}[{k}]", split))
    return rows


def _size(sequence):
    return next(iter(sequence.values()))[0].shape[1]


def _means(frames, middles, times):
    """Mean of the finite frames inside each interval, 0 where there is none: (W, D)."""
    means = np.zeros((len(times), frames.shape[1]))
    for mean, (start, end) in zip(means, times):
        inside = frames[(middles >= start) & (middles < end)]
        inside = inside[np.isfinite(inside).all(axis=1)]
        if len(inside):
            mean[:] = inside.mean(axis=0)
    return means


STACKED = {325: (300, 305), 409: (300, 374)}  # where audio and video begin, by the number of columns


def _hdf5(path, split_of):
    """Rows from one file with a group a modality, or from ``X_train.h5`` and the like."""
    stacked = path.is_dir() and store.find(path, "X_train.h5")
    if not stacked:
        file = path if path.is_file() else store.find(path, "*.h*5")
        with hdf5.opened(file) as top:
            return _segments({n: _entries(top[n]) for n in top}, split_of)
    rows = []
    for name, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        arrays = []
        for letter in "Xy":
            file = store.find(path, f"{letter}_{name}.h5")
            if file is None:
                raise DataMissing(f"{letter}_{name}.h5", [path])
            with hdf5.opened(file) as top:
                arrays.append(np.asarray(top["data"], dtype="float64"))
        x, y = arrays
        if x.ndim != 3 or x.shape[2] not in STACKED or len(y) != len(x):
            raise DataCorrupt(
                f"X_{name}.h5 has the shape {x.shape} and y_{name}.h5 {y.shape}; N segments of T words with 325 "
                "columns (300 + 5 + 20) or 409 (300 + 74 + 35) are read."
            )
        for k in range(len(x)):
            row = dict(zip(MODALITIES, np.split(x[k], STACKED[x.shape[2]], axis=1)))
            label = f"{split}{k:05d}"
            score = float(np.ravel(y[k])[0])
            rows.append(_trimmed(row) | {"score": score, "id": label, "group": label, "split": split})
    return rows
