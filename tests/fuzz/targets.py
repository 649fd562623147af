"""What is fuzzed: for each kind of file small valid ones, and a function that reads bytes as a user would.

A reader may answer, or raise an `EmorecError`; anything else is a find. Pictures and sounds are read from memory, the
others from a file in the folder that is handed over.
"""

import gzip
import io
import pickle
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np

from emorec import images
from emorec.datasets import archives, cards, pickles, store
from emorec.errors import EmorecError

# Imported only when they are used: the fuzzer has them imported, so that it sees which of their lines are reached.
READERS = [f"emorec.datasets.readers.{name}" for name in ("aligned", "fer", "multimodal", "table", "text")]
READERS += ["emorec.multimodal.subtitles", "emorec.text.vectors", "emorec.voice.sound"]


def read(kind: str, data: bytes, folder: Path) -> bool:
    """Whether the bytes are read; False where they are refused with an error of this package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            KINDS[kind][1](data, folder)
        except EmorecError:
            return False
    return True


def seeds(kind: str) -> list[bytes]:
    """Small valid files of a kind."""
    return KINDS[kind][0]()


def _written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


# --- tables and texts: the first byte says how the rest is read

_ROWS = "".join(f"film {i} is good,pos\nfilm {i} is bad,neg\n" for i in range(6))
_TEXTS = {
    "a.csv": "text,label\n" + _ROWS,
    "b.tsv": ("text\tlabel\n" + _ROWS.replace(",", "\t")),
    "c.json": "[" + ", ".join(f'{{"text": "film {i}", "label": {i % 2}}}' for i in range(12)) + "]",
    "d.jsonl": "".join(f'{{"text": "film {i}", "label": ["a", "b"]}}\n' for i in range(12)),
    "finegrained.txt": "books_neg_1\nneg\tA bad book.\nneu\tIt has pages.\n\nmusic_pos_2\npos\tGood.\n",
    "fer2013.csv": "emotion,pixels,Usage\n3," + " ".join(["0", "128", "255"] * 768) + ",Training\n",
    "e.srt": "1\n00:00:01,000 --> 00:00:02,500\nANNA: <i>Hello</i> there.\n\n2\n00:00:03,000 --> 00:00:04,000\nYes.\n",
    "train.txt": "(3 (2 A) (3 (3 good) (2 film)))\n(1 (1 Bad) (2 .))\n",
}


def _text_seeds():
    return [bytes([n]) + text.encode() for n, text in enumerate(_TEXTS.values())]


def _read_text(data, folder):
    name = list(_TEXTS)[data[0] % len(_TEXTS)] if data else "a.csv"
    path = _written(folder, name, data[1:])
    if name == "fer2013.csv":
        from emorec.datasets.readers import fer

        fer._parse(path.name, path.read_bytes())
    elif name == "finegrained.txt":
        cards.get("finegrained-sentiment").read(path)
    elif name == "train.txt":
        for other in ("dev.txt", "test.txt"):
            _written(folder, other, data[1:])
        cards.get("sst-5").read(folder)
    elif name == "e.srt":
        from emorec.multimodal.subtitles import read_subtitles

        read_subtitles(path)
    else:
        from emorec.datasets.readers.table import from_table

        from_table(path, folds=2, validation=0.3)


# --- pickles and HDF5


def _pickle_seeds():
    rows = {"text": np.ones((2, 3, 4)), "audio": np.ones((2, 3, 1)), "vision": np.ones((2, 3, 2), "f4"),
            "labels": np.array([[1.5], [-2.0]]), "id": np.array([["a", "0"], ["b", "1"]], object)}  # fmt: skip
    values = [
        {"train": rows, "valid": rows, "test": rows}, [{"a": {1, 2}, (1, "b"): [None, True]}, 1.5, b"xy", "text"],
        np.array([1, "x", None, [2]], dtype=object), (np.float32(1), np.array(["ab", "c"]), bytearray(b"12")),
    ]  # fmt: skip
    return [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4, 5)]


def _read_pickle(data, folder):
    pickles.safe_unpickle(data)
    cards.get("mosi").read(_written(folder, "mosi_data.pkl", data), split="mosi-cmu")


def _hdf5_seeds():
    import h5py

    made = []
    for how in ({}, {"compression": "gzip", "chunks": True}, {"fletcher32": True, "chunks": True}):
        file = io.BytesIO()
        with h5py.File(file, "w") as top:
            for name, width in {"glove_vectors": 300, "COVAREP": 5, "FACET": 4, "Opinion Segment Labels": 1}.items():
                group = top.create_group(f"{name}/03bSnISJMiM")
                group.create_dataset("features", data=np.ones((2, width), "f4"), **how)
                group.create_dataset("intervals", data=np.array([[0.0, 1.0], [1.0, 2.0]]), **how)
        made.append(file.getvalue())
    return made


def _read_hdf5(data, folder):
    cards.get("mosi").read(_written(folder, "mosi.hdf5", data), split="mosi-cmu")


# --- archives


def _archive_seeds():
    files = {"rt-polarity.pos": b"good film\nfine film\n", "folder/rt-polarity.neg": b"bad film\ndull film\n"}
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        made.append(b"\0" + file.getvalue())
    for n, mode in enumerate(("w", "w:gz", "w:bz2", "w:xz"), 1):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode=mode) as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        made.append(bytes([n]) + file.getvalue())
    return [*made, b"\5" + gzip.compress(b"text,label\ngood,pos\nbad,neg\n")]


def _read_archive(data, folder):
    if data[:1] == b"\5":
        archives.gunzip(data[1:], "a file")
        return
    name = [f"a{ending}" for ending in (".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz")][data[0] % 5 if data else 0]
    path = _written(folder, name, data[1:])
    try:
        store.read(path, "*.pos", "*.neg")
    finally:
        import shutil

        shutil.rmtree(folder / "out", ignore_errors=True)
        archives.extract(path, folder / "out")


# --- pictures, sounds


def _picture_seeds():
    from PIL import Image

    rng = np.random.default_rng(0)
    made = []
    kinds_of = {"L": ("PNG", "JPEG", "BMP", "TIFF", "GIF"), "RGB": ("PNG", "JPEG", "WEBP", "PPM"), "RGBA": ("PNG",),
                "P": ("GIF", "PNG"), "I;16": ("PNG", "TIFF"), "CMYK": ("JPEG", "TIFF")}  # fmt: skip
    for mode, kinds in kinds_of.items():
        bands = {"RGB": 3, "RGBA": 4, "CMYK": 4}.get(mode)
        array = rng.integers(0, 256, (12, 9) if bands is None else (12, 9, bands)).astype(
            "uint16" if mode == "I;16" else "uint8"
        )
        plain = mode in ("P", "I;16")
        picture = Image.fromarray(array).convert(mode) if plain else Image.frombytes(mode, (9, 12), array.tobytes())
        for kind in kinds:
            file = io.BytesIO()
            picture.save(file, kind)
            made.append(file.getvalue())
    return made


def _read_picture(data, folder):
    images.as_picture(data)


def _sound_seeds():
    import soundfile

    tone = 0.5 * np.sin(np.arange(2400) / 5)
    made = []
    for kind, how in {
        "WAV": "PCM_16",
        "FLAC": "PCM_16",
        "OGG": "VORBIS",
        "AIFF": "PCM_16",
        "MP3": "MPEG_LAYER_III",
    }.items():
        file = io.BytesIO()
        soundfile.write(file, tone, 8000, format=kind, subtype=how)
        made.append(file.getvalue())
    for how in ("FLOAT", "PCM_U8", "ULAW", "IMA_ADPCM"):
        file = io.BytesIO()
        soundfile.write(file, np.stack([tone, tone], 1), 16000, format="WAV", subtype=how)
        made.append(file.getvalue())
    return made


def _read_sound(data, folder):
    from emorec.voice.sound import as_sound

    as_sound(data, notices=False)


# --- word vectors


def _vector_seeds():
    words = ["the", "good", "Bad", "new york"]
    rows = [(word, np.arange(3, dtype="<f4") + n) for n, word in enumerate(words)]
    text = "".join(f"{word.replace(' ', '_')} {' '.join(map(str, v))}\n" for word, v in rows).encode()
    binary = b"4 3\n" + b"".join(word.replace(" ", "_").encode() + b" " + v.tobytes() + b"\n" for word, v in rows)
    return [b"\0" + text, b"\1" + b"4 3\n" + text, b"\2" + binary, b"\0" + gzip.compress(text)]


def _read_vectors(data, folder):
    from emorec.text.vectors import read_vectors

    name = ("a.txt", "a.vec", "a.bin")[data[0] % 3 if data else 0]
    vectors, _ = read_vectors(_written(folder, name, data[1:]), ["the", "good", "bad"])
    assert all(np.isfinite(v).all() for v in vectors.values())


# --- files of models: their settings, with the networks that were saved with them, which are read once

_NETWORKS: dict = {}
_SAVED = Path(__file__).resolve().parent.parent / "unit" / "saved"
_INPUTS = {
    "TextClassifier": lambda: ["a good film"],
    "FaceClassifier": lambda: [np.full((48, 48), 99, "uint8")],
    "MultimodalClassifier": lambda: {"image": [np.full((48, 48), 99, "uint8")], "text": ["a good film"]},
    "VoiceClassifier": lambda: [(np.sin(np.arange(8000) / 5), 8000)],
}


def saved_models() -> list[Path]:
    """A small file of each kind of classifier."""
    voice = Path(images.__file__).parent / "pretrained" / "voice-emotion.emorec"
    return [*(_SAVED / f"{name}.emorec" for name in ("text", "face", "multimodal")), voice]


def _model_seeds():
    made = []
    for path in saved_models():
        with zipfile.ZipFile(path) as file:
            made.append(file.read("config.json").replace(b'"sealed": true, ', b""))
    return made


def _networks():
    import json

    import emorec
    from emorec import classifier

    if not _NETWORKS:
        _NETWORKS.update({type(made).__name__: made.model_ for made in map(emorec.load, saved_models())})
        classifier._read_network = lambda file, _: _NETWORKS[json.loads(file.read("config.json"))["class"]]


def _read_model(data, folder):
    import emorec

    _networks()
    path = folder / "a.emorec"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", data)
    made = emorec.load(path)
    probabilities = made.predict_proba(_INPUTS[type(made).__name__]())
    assert probabilities.shape == (1, len(made.classes_)) and np.isfinite(probabilities).all()


KINDS = {
    "text": (_text_seeds, _read_text),
    "pickle": (_pickle_seeds, _read_pickle),
    "hdf5": (_hdf5_seeds, _read_hdf5),
    "archive": (_archive_seeds, _read_archive),
    "picture": (_picture_seeds, _read_picture),
    "sound": (_sound_seeds, _read_sound),
    "vectors": (_vector_seeds, _read_vectors),
    "model": (_model_seeds, _read_model),
}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with one to four of the things that happen to files: bits, bytes, sizes, cuts and repetitions."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        at = int(rng.integers(len(data)))
        kind = rng.integers(7)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            data[at : at + 4] = struct.pack("<I", int(rng.choice([0, 1, 255, 65535, 2**31 - 1, 2**32 - 1])))
        elif kind == 3:
            del data[at : at + int(rng.integers(1, 9))]
        elif kind == 4:
            data[at:at] = data[at : at + int(rng.integers(1, 33))]
        elif kind == 5:
            other = int(rng.integers(len(data)))
            data[at : at + 8] = data[other : other + 8]
        elif rng.integers(10) == 0:
            del data[at:]
    return bytes(data)
