"""Folders of pictures: finding, reading, what cannot be read, and a dataset from a reader's own folders.

Reading takes ``size`` (a picture becomes its centre square, resized to that edge; None leaves it as it is), ``grey``
(colour becomes grey) and ``crop`` (a function of a picture, uint8 (H, W) or (H, W, 3) RGB, that returns the part to
keep, applied first). Pictures that do not fit into memory stay paths unless ``size`` is given.
"""

import hashlib
import os
import re
from collections import Counter, namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from emorec import images as pictures
from emorec.arguments import explained
from emorec.datasets import archives, cache
from emorec.datasets.base import SPLIT_NAMES, Dataset, objects
from emorec.datasets.splits import Rows, assemble
from emorec.errors import BadInput, DataCorrupt, DataMissing, LabelMismatch
from emorec.files import printable
from emorec.labels import EMOTIONS7, LabelSet, notice_alike
from emorec.types import Strings, Values

WHOLE = 2**30  # bytes of pictures that are read into memory when no size is asked for

Item = namedtuple("Item", "id path label group split box", defaults=(None, None, None))


# --- finding


def files(
    path: str | Path, other: bool = False, suffixes: Collection[str] = pictures.SUFFIXES
) -> list[tuple[str, Path]]:
    """Pairs (relative name, path) of the pictures below a folder, or in an archive, which is unpacked once.

    With ``other`` the files that are no pictures come along, all but hidden ones; ``suffixes`` may be those of sounds
    or films instead.
    """
    path = Path(path).expanduser()
    if path.is_file():
        if not archives.is_archive(path):
            raise BadInput(f"{path} is a file; give the folder that holds the files, or an archive of it.")
        path = cache.unpacked(path)
    entries = list(_walk(path, other=other, suffixes=suffixes))
    if not any(name.lower().endswith(suffixes) for name, _ in entries):
        packed = sorted(p for p in path.rglob("*") if archives.is_archive(p))
        inside = [
            pair for archive in packed for pair in _walk(cache.unpacked(archive), f"{archive.name}/", other, suffixes)
        ]
        entries = inside or entries
    return entries


def _walk(path, prefix="", other=False, suffixes=pictures.SUFFIXES):
    for folder, folders, names in os.walk(path, followlinks=True, onerror=_refuse):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")) and not _back(Path(folder, f)))
        for name in sorted(names):
            if (other or name.lower().endswith(suffixes)) and not name.startswith("."):
                file = Path(folder, name)
                yield prefix + printable(file.relative_to(path).as_posix()), file


def _refuse(error):
    """A folder that may not be read is an error: what is in it would be missing without a word."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _back(folder):
    """Whether a folder is a link to one that it lies in."""
    return folder.is_symlink() and folder.resolve() in {above.resolve() for above in folder.absolute().parents}


def split_of(name: str) -> str | None:
    """The split that a path stands for by its nearest folder named like ``train_set`` or ``Val_Aligned_Faces``."""
    words = (re.split(r"[_ .-]", folder.lower())[0] for folder in reversed(name.split("/")[:-1]))
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def by_class(
    listed: Sequence[tuple[str, Path]], label_set: LabelSet, codes: Mapping[str, str] | None = None
) -> tuple[list, list[str]]:
    """Items of pictures in ``class/`` or ``split/class/`` folders.

    Args:
        listed: As `files` gives them.
        label_set: Where the class of a folder's name is looked up.
        codes: Class names by other folder names, e.g. numbers.

    Returns:
        The items, and the folders of the pictures that were left out because they are no class.
    """
    items, unknown = [], []
    for name, path in listed:
        folder = f"/{name}".split("/")[-2]
        try:
            label = (codes or {}).get(folder) or label_set.names[label_set.index(folder)]
            items.append(Item(name, path, label, None, split_of(name)))
        except LabelMismatch:
            unknown.append(name.rpartition("/")[0] or ".")
    return items, unknown


def with_test(items: list) -> tuple[list, tuple[str, ...]]:
    """Items with a test split, for which a validation folder serves where there is none; and a note if it does."""
    splits = {item.split for item in items}
    if None in splits and len(splits) > 1:
        outside = next(item.id for item in items if item.split is None)
        raise BadInput(f"Some pictures lie in train, validation or test folders and some do not, e.g. {outside!r}.")
    if "validation" not in splits or "test" in splits:
        return items, ()
    note = "there is no test folder: the validation folder is the test split, validation is taken from train"
    return [i._replace(split="test" if i.split == "validation" else i.split) for i in items], (note,)


def left_out(unknown: Strings, why: str) -> tuple[str, ...]:
    """A note on pictures left out, or none."""
    shown = ", ".join(f"{name} ({n})" for name, n in Counter(unknown).most_common(5))
    return (f"{len(unknown)} pictures were left out, {why}: {shown}",) if unknown else ()


# --- reading


def opened(path: str | Path) -> np.ndarray:
    """The picture in a file that was found; `DataCorrupt` also where it is a broken link or may not be read."""
    try:
        return pictures.as_picture(path)
    except OSError as error:
        raise DataCorrupt(str(error).splitlines()[0]) from error


def _read(item, size, grey, crop):
    """The picture of an item, or in words why it cannot be used."""
    try:
        picture = opened(item.path)
        if crop is not None:
            picture = pictures.as_picture(crop(picture))
        elif item.box is not None:
            x, y, width, height = item.box
            picture = pictures.as_picture(picture[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)])
    except (DataCorrupt, BadInput) as error:
        return str(error)
    if min(picture.shape[:2]) < pictures.LEAST:
        return f"it has {picture.shape[1]} x {picture.shape[0]} pixels, too few to show a face"
    picture = pictures.to_grey(picture) if grey else picture
    return picture if size is None else pictures.squared(picture, size)


def rows(
    items: Values, label_set: LabelSet, what: str, notes: Strings = (), *, size: int | None = None, grey: bool = False,
    crop: Callable[[np.ndarray], np.ndarray] | None = None, **extra: Any,
) -> Rows:  # fmt: skip
    """`Rows` of pictures in files; ids that repeat and pictures that cannot be read are left out, and noted.

    Raises:
        DataCorrupt: There is no picture, or none can be read.
        BadInput: To be cropped or made grey, and too many to be read whole.
    """
    once = list({item.id: item for item in reversed(items)}.values())[::-1]
    notes = (*notes, *left_out(["again"] * (len(items) - len(once)), "of names that were there before"))
    first = next((p for p in (_read(item, size, grey, crop) for item in once) if not isinstance(p, str)), None)
    if first is None:
        why = _read(once[0], size, grey, crop) if once else "; ".join(notes) or "there are none"
        raise DataCorrupt(f"{what}: none of {len(once)} pictures can be read: {why}")
    if size is None and first.nbytes * len(once) > WHOLE:
        amount = f"about {first.nbytes * len(once) / 1e9:.1f} GB if read whole; size=96 reads them as 96 x 96"
        if grey or crop is not None:
            raise BadInput(f"{what}: {amount}, and only pictures that are read can be cropped or made grey.")
        uncut = ", not cropped to their boxes" if once[0].box else ""
        notes += (f"pictures stay paths{uncut}, {amount}",)
        inputs, content = objects(str(item.path) for item in once), [item.id for item in once]
    else:
        with ThreadPoolExecutor() as pool:
            read = list(pool.map(lambda item: _read(item, size, grey, crop), once))
        bad = [f"{item.id}: {why}" for item, why in zip(once, read) if isinstance(why, str)]
        if bad:
            notes += (f"{len(bad)} unreadable pictures were left out, the first being {bad[0]}",)
        pairs = [(item, picture) for item, picture in zip(once, read) if not isinstance(picture, str)]
        once, read = [item for item, _ in pairs], [picture for _, picture in pairs]
        inputs, content = stacked(read), [fingerprint(picture) for picture in read]
    return Rows(
        inputs=inputs,
        labels=[item.label for item in once],
        ids=[item.id for item in once],
        label_set=label_set,
        splits=None if once[0].split is None else [item.split for item in once],
        groups=None if once[0].group is None else [item.group for item in once],
        content=content,
        notes=notes,
        **extra,
    )


def stacked(read: Values) -> np.ndarray:
    """One array where all pictures are of one size (RGB if any of them is), else an object array of pictures."""
    if len({picture.ndim for picture in read}) > 1:
        read = [pictures.to_rgb(picture) for picture in read]
    return np.stack(read) if len({picture.shape for picture in read}) == 1 else objects(read)  # type: ignore[arg-type]


def fingerprint(picture: np.ndarray) -> str:
    """A hash of shape and pixels, equal for equal pictures."""
    shape = "x".join(map(str, picture.shape)).encode()
    return hashlib.blake2b(picture.tobytes(), digest_size=12, person=shape).hexdigest()


# --- a reader's own folders


@explained
def from_folder(
    path: str | Path, *, label_set: LabelSet | None = None, subject: str | Callable[[str], str] | None = None,
    skip_unknown: bool = False, size: int | None = None, grey: bool = False,
    crop: Callable[[np.ndarray], np.ndarray] | None = None, name: str | None = None, fold: int = 0, folds: int = 10,
    seed: int = 0, validation: float = 0.1,
) -> Dataset:  # fmt: skip
    """A dataset from folders of pictures, ``class/picture.png`` or ``train/class/picture.png``.

    Args:
        path: The folder, or an archive of it. Pictures that cannot be read are left out and counted in the notes.
        label_set: A `LabelSet` or a sequence of class names. Where None the folders say: known names of emotions
            (``happy`` is happiness) in the order of FER-2013 with contempt last, other names in alphabetical order.
        subject: A regular expression whose first group (or whole match) in a picture's path below the folder is the
            person, e.g. ``r"(S[0-9]+)_"``, or a function of that path. Nobody is then in two splits.
        skip_unknown: Leave folders of no class out and say so, instead of raising.
        size, grey, crop: See the module.
        name: Of the dataset; the folder's where None.
        fold, folds, seed, validation: As in `emorec.datasets.load`, where the folders make no splits.

    Returns:
        A `Dataset`; ids are paths below the folder.

    Raises:
        DataMissing: No such folder.
        BadInput: No pictures, an empty class folder, a single class, or a path without a subject.
        LabelMismatch: A folder that is no class of the label set.
        DataCorrupt: Not one of the pictures can be read.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataMissing(f"The folder {str(path)!r}", [path.absolute()], "check the path.")
    name, listed = name or path.name, files(path)
    if not listed:
        raise BadInput(f"{path} holds no pictures ({', '.join(pictures.SUFFIXES)}), nor folders that do.")
    if listed[0][1].is_relative_to(path):  # not in an archive
        _refuse_empty(path)
    label_set = _label_set(label_set, listed, name, path)
    items, unknown = by_class(listed, label_set)
    if unknown and not skip_unknown:
        raise LabelMismatch(
            f"{path}: the folder {unknown[0]!r} is no class of {list(label_set)}. Rename it, give another label_set, "
            "or leave such folders out with skip_unknown=True."
        )
    items, notes = with_test(items)
    if subject is not None:
        items = [item._replace(group=_subject(subject, item.id)) for item in items]
    notes = (*left_out(unknown, "in folders of no class"), *notes)
    how = {"size": size, "grey": grey, "crop": crop, "protocol": "the folders' own split"}
    made = rows(items, label_set, str(path), notes, **how)  # type: ignore[arg-type]
    return assemble(name, made, fold=fold, folds=folds, seed=seed, validation=validation)


def _refuse_empty(path):
    for folder, folders, names in os.walk(path):
        folders[:] = [f for f in folders if not f.startswith((".", "__MACOSX"))]
        if not folders and not any(name.lower().endswith(pictures.SUFFIXES) for name in names):
            raise BadInput(f"The folder {folder} holds no picture. Fill it, or remove it if it is no class.")


def _label_set(wanted, listed, name, path):
    if wanted is not None:
        return wanted if isinstance(wanted, LabelSet) else LabelSet(name, wanted)
    folders = sorted({("/" + file).split("/")[-2] for file, _ in listed})
    nameless = [folder for folder in folders if not folder or split_of(f"{folder}/")]
    if nameless or len(folders) < 2:
        raise BadInput(f"{path}: pictures must lie in folders named by their class, two or more; found {folders}.")
    known = LabelSet("emotions-8", (*EMOTIONS7, "contempt"))
    try:
        classes = tuple(known.names[i] for i in sorted(set(known.encode(folders))))
    except LabelMismatch:
        classes = tuple(folders)
        notice_alike(classes, name)
    return EMOTIONS7 if classes == EMOTIONS7.names else LabelSet(name, classes)


def _subject(subject, file):
    match = subject(file) if callable(subject) else re.search(subject, file)
    if match in (None, ""):
        raise BadInput(f"The subject {subject!r} is not found in {file!r}; every picture needs one.")
    return str(match) if callable(subject) else match[1] if match.re.groups else match[0]
