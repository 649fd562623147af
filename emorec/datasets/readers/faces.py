"""Readers of the official formats of face datasets, and splits by person.

The readers take ``size``, ``grey`` and ``crop`` as `emorec.datasets.readers.folders` explains, e.g.
``load("jaffe", size=48, grey=True, crop=emorec.faces.crop_face)``.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emorec import labels as sets
from emorec.arguments import explained
from emorec.checks import real_number
from emorec.datasets import cards, store
from emorec.datasets.base import SPLITS, Dataset, Split, objects
from emorec.datasets.readers import folders
from emorec.datasets.readers.folders import Item
from emorec.datasets.splits import Rows, k_fold, split_validation
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.types import Strings

# --- posed faces: the name of a file says who and what


def _by_name(path, pattern, item, what, **how):
    """Rows of the pictures whose stem matches; ``item`` makes an `Item` of (match, path), or None to pass over."""
    items, unnamed = [], []
    for name, file in folders.files(path):
        match = re.fullmatch(pattern, file.stem.upper())
        items += [item(match, file)] if match else []
        unnamed += [] if match else [name]
    notes = folders.left_out(unnamed, "not named as in the official distribution")
    return folders.rows([i for i in items if i], sets.EMOTIONS7, f"{what} in {path}", notes, **how)


def jaffe(path: str | Path, **how: Any) -> Rows:
    """JAFFE: ``KA.AN1.39.tiff`` is woman KA, anger, her first such picture, number 39; 256 x 256 grey."""
    item = lambda m, file: Item(m[0], file, sets.EMOTIONS7.names[sets.EMOTIONS7.index(m[2])], m[1])  # noqa: E731
    return _by_name(path, r"([A-Z]{2})\.(AN|DI|FE|HA|NE|SA|SU)\d\.\d+", item, "JAFFE", **how)


_KDEF = dict(zip(("AN", "DI", "AF", "HA", "SA", "SU", "NE"), sets.EMOTIONS7.names))


def kdef(path: str | Path, *, angles: Strings = ("FL", "HL", "S", "HR", "FR"), **how: Any) -> Rows:
    """KDEF: ``AF01ANS.JPG`` is session A, woman F01, anger, straight; 562 x 762 RGB.

    ``angles`` names the views to read: full or half profile left, straight, half or full profile right.
    """
    item = lambda m, file: Item(m[0], file, _KDEF[m[3]], m[2]) if m[4] in angles else None  # noqa: E731
    pattern = rf"([AB])([FM]\d\d)({'|'.join(_KDEF)})(FL|HL|S|HR|FR)"
    return _by_name(path, pattern, item, "KDEF", **how)


_CKPLUS = ("neutral", *sets.CKPLUS.names)


def ckplus(path: str | Path, **how: Any) -> Rows:
    """CK+: folders ``CK+48/anger/S010_004_00000017.png``, or the original layout; groups are people.

    In the original layout (``cohn-kanade-images``, ``Emotion``) the last frame, the peak, of every labelled sequence is
    read, 640 x 490 pixels.
    """
    pictures, coded = folders.files(path), _ckplus_codes(path)
    if coded:
        peak: dict[str, Path] = {}
        notes: tuple[str, ...] = ()
        for _, file in pictures:
            match = re.fullmatch(r"(S\d{3}_\d{3})_\d{8}", file.stem)
            if match and match[1] in coded:
                peak[match[1]] = max(peak.get(match[1], file), file, key=lambda file: file.stem)
        items = [Item(file.stem, file, coded[name], name[:4]) for name, file in sorted(peak.items())]
        if len(peak) < len(coded):
            notes = (f"{len(coded) - len(peak)} labelled sequences have no pictures",)
    else:
        items, unknown = folders.by_class(pictures, sets.CKPLUS)
        items = [i._replace(id=i.path.stem, group=i.path.stem.split("_")[0], split=None) for i in items]
        notes = folders.left_out(unknown, "in folders of no class")
    return folders.rows(items, sets.CKPLUS, f"CK+ in {path}", notes, **how)


def _ckplus_codes(path):
    """Class name by sequence, ``S005_001``, from the original ``S005_001_00000011_emotion.txt``: 3.0000000e+00."""
    coded = {}
    for name, data in store.read(path, "S*_emotion.txt").items():
        number = int(float(data)) if data.strip() else 0
        if number not in range(8):
            raise DataCorrupt(f"{name} codes the emotion {number}; CK+ has 0 to 7.")
        if number:
            coded[name.rsplit("/", 1)[-1][:8]] = _CKPLUS[number]
    return coded


# --- faces in the wild


def sfew(path: str | Path, *, aligned: bool | None = None, **how: Any) -> Rows:
    """SFEW 2.0: folders ``Train`` and ``Val`` of classes; Val is the test split, groups are films.

    ``aligned`` reads ``Train_Aligned_Faces`` and ``Val_Aligned_Faces`` (True) or the whole frames (False); the frames,
    if both are there, where None.
    """
    is_aligned = lambda name: "aligned" in name.lower()  # noqa: E731
    pictures = folders.files(path)
    wanted = all(is_aligned(name) for name, _ in pictures) if aligned is None else aligned
    items, unknown = folders.by_class([f for f in pictures if is_aligned(f[0]) == wanted], sets.EMOTIONS7)
    items, notes = folders.with_test(items)
    items = [i._replace(group=re.sub(r"_\d+(_\d+)?$", "", i.path.stem)) for i in items]
    notes = (*folders.left_out(unknown, "in folders of no class (the test split has no labels)"), *notes)
    return folders.rows(items, sets.EMOTIONS7, f"SFEW in {path}", notes, protocol="Val to test", **how)


_RAFDB = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def rafdb(path: str | Path, **how: Any) -> Rows:
    """RAF-DB: list_patition_label.txt (or train_labels.csv, test_labels.csv) and aligned pictures, 100 x 100 RGB.

    Its numbers are 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral.
    """
    listed, by_stem = {}, {}
    for name, data in store.read(path, "list_patition_label.txt", "train_labels.csv", "test_labels.csv").items():
        for number, line in enumerate(store.decode(data).split("\n"), 1):
            file, *code = re.split(r"[\s,]+", line.strip())
            if code and file != "image":
                if code[0] not in list("1234567"):
                    raise DataCorrupt(f"{name}, line {number}: {line[:60]!r}; the labels of RAF-DB are 1 to 7.")
                listed[re.sub(r"(_aligned)?\.\w+$", "", file)] = _RAFDB[int(code[0]) - 1]
    if not listed:
        raise DataMissing("list_patition_label.txt of RAF-DB", [path], cards.get("rafdb").get)
    for _, file in folders.files(path):
        stem = file.stem.removesuffix("_aligned")
        if stem != file.stem or stem not in by_stem:  # aligned pictures win over originals
            by_stem[stem] = file
    items = [Item(i, by_stem[i], label, None, i.split("_")[0]) for i, label in listed.items() if i in by_stem]
    lost = [i for i in listed if i not in by_stem]
    notes = (f"{len(lost)} pictures of the list are not there, e.g. {lost[0]}",) if lost else ()
    return folders.rows(items, sets.EMOTIONS7, f"RAF-DB in {path}", notes, protocol="official split", **how)


def affectnet(path: str | Path, **how: Any) -> Rows:
    """AffectNet: train_set and val_set with annotations, training.csv and validation.csv, or folders of classes.

    The official validation split is the test split. Numbers are 0 neutral, 1 happiness, 2 sadness, 3 surprise, 4 fear,
    5 disgust, 6 anger, 7 contempt; rows of 8 and more (none, uncertain, no face) are left out. The tables' pictures are
    cropped to the boxes in the tables unless ``crop`` is given.
    """
    pictures, codes = folders.files(path), {str(i): name for i, name in enumerate(sets.AFFECTNET)}
    tables = store.read(path, "training.csv", "validation.csv")
    if tables:
        items, notes = _affectnet_tables(tables, pictures, codes)
    elif annotated := [pair for pair in pictures if _annotation(pair[1]).is_file()]:
        code = lambda file: codes.get(str(np.load(_annotation(file)).item()))  # noqa: E731
        items = [Item(name, file, code(file), None, folders.split_of(name)) for name, file in annotated]
        lost, items = len(pictures) - len(annotated), [item for item in items if item.label]
        notes = (f"{lost} pictures without an annotation were left out",) if lost else ()
    else:
        items, unknown = folders.by_class(pictures, sets.AFFECTNET, codes)
        notes = folders.left_out(unknown, "in folders of no class")
    items, more = folders.with_test(items)
    how["protocol"] = "the official validation split to test"
    return folders.rows(items, sets.AFFECTNET, f"AffectNet in {path}", (*notes, *more), **how)


def _annotation(file):
    """Where the class of ``train_set/images/12.jpg`` stands: ``train_set/annotations/12_exp.npy``."""
    return file.parent.parent / "annotations" / f"{file.stem}_exp.npy"


_AFFECTNET_COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression",
    "valence", "arousal",
)  # fmt: skip


def _affectnet_tables(tables, pictures, codes):
    there = {"/".join(name.split("/")[-2:]): file for name, file in pictures}
    items, lost, other = [], 0, 0
    for name, data in tables.items():
        split = "train" if name.endswith("training.csv") else "validation"
        lines = store.decode(data).split("\n")
        header = None if lines[0].startswith(_AFFECTNET_COLUMNS[0]) else _AFFECTNET_COLUMNS  # some have none
        for row in csv.DictReader(lines, header):
            place = row["subDirectory_filePath"]
            other += row["expression"] not in codes
            lost += row["expression"] in codes and place not in there
            if row["expression"] in codes and place in there:
                box = tuple(int(row[f"face_{side}"]) for side in ("x", "y", "width", "height"))
                items.append(Item(place, there[place], codes[row["expression"]], None, split, box))
    notes = (f"{other} rows without one of the eight emotions were left out",) if other else ()
    return items, (*notes, f"{lost} pictures of the tables are not there") if lost else notes


# --- protocols


@explained
def subject_folds(
    data: Dataset, folds: int | None = None, *, seed: int = 0, validation: float = 0.1
) -> Iterator[Dataset]:
    """Splits by person: leave one subject out, or k folds; nobody is in two splits of one fold.

    Args:
        data: A `Dataset` with groups; its three splits are put together first.
        folds: Number of folds; None leaves each subject out in turn.
        seed: Seeds folds and validation splits.
        validation: Share of the other subjects' pictures for validation, whole subjects only.

    Raises:
        BadInput: No groups, fewer than three subjects, or more folds than subjects.
    """
    three = [getattr(data, split_name) for split_name in SPLITS]
    if any(split.groups is None for split in three):
        raise BadInput(f"{data.name!r} does not say who is in a picture (groups), so it cannot be split by person.")
    inputs, labels, ids, groups = (
        np.concatenate([getattr(split, key) for split in three]) for key in ("inputs", "labels", "ids", "groups")
    )
    people = sorted(set(groups))
    if len(people) < 3 or (folds is not None and not 2 <= folds <= len(people)):
        raise BadInput(f"{data.name!r} has {len(people)} subjects: three are needed, and 2 to {len(people)} folds.")
    if folds is None:
        number = np.array([people.index(group) for group in groups])
    else:
        number = k_fold(ids, labels, folds=folds, seed=seed, groups=groups)
    whole = Split("train", inputs, labels, ids, groups)
    real_number("validation", validation, 0, 0.9)

    def made(fold):
        splits = objects(np.where(number == fold, "test", "train"))
        splits = split_validation(splits, ids, labels, share=validation, seed=f"{seed}/{fold}", groups=groups)
        split: dict = {
            split_name: whole.take(np.flatnonzero(splits == split_name), split_name) for split_name in SPLITS
        }
        if not all(map(len, split.values())):
            raise BadInput(f"{data.name!r}: fold {fold} leaves a split empty; take fewer folds or more validation.")
        words = f"fold {fold} of {folds} by subject" if folds else f"leave one subject out, {people[fold]}"
        words += f" to test; {100 * validation:g} % of the others to validate (seed {seed})"
        return replace(data, **split, protocol=words)

    return map(made, range(folds or len(people)))
