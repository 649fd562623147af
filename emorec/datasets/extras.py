"""Files that are no dataset and are fetched like one: ``python -m emorec data get yunet``.

An `Extra` has what `emorec.datasets.store` asks of a card to find, fetch and verify a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Extra:
    """A file from its official home.

    Attributes:
        name: As in ``data get``; also its folder below a data root.
        what: In a few words.
        home: The official page.
        licence, citation: Terms, and what to cite.
        urls: Files to download.
        sha256: Checksums by file name.
        files: Alternatives, each a list of patterns of files that must all be there.
        instead: What serves without it.
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

    @property
    def wanted(self):
        """The files it needs, in words."""
        return " or ".join(" + ".join(together) for together in self.files)


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
    )
}


def get(name):
    """The extra of a name, or None."""
    return EXTRAS.get(name)
