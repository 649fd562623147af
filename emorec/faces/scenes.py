"""Pictures of several people, folders, films and the camera: what `FaceClassifier` reads in them, face by face."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from emorec import files, images
from emorec.arguments import explained
from emorec.checks import real_number, whole_number
from emorec.datasets.readers import folders
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.faces import detection, video
from emorec.faces.preprocessing import is_bgr, notice_blank
from emorec.files import replacing, written
from emorec.labels import LabelSet
from emorec.types import FilePath, Picture

if TYPE_CHECKING:
    import pandas as pd

LOOKS = 32  # looks at a film whose faces are read at once: one by one, most of the time goes into calling the network


class SceneReader:
    """The methods of `FaceClassifier` that find faces before they classify them.

    A row of their tables is a face: ``x``, ``y``, ``w``, ``h`` in pixels, ``score`` (how sure the detector is, 0 to 1;
    NaN for boxes that were handed in), ``label``, ``confidence`` and the probability of every class. A face with
    landmarks is turned upright before it is classified.

    Example:
        >>> import emorec
        >>> issubclass(emorec.FaceClassifier, SceneReader)
        True
    """

    label_set_: LabelSet
    _check_fitted: Callable[[], Any]

    @explained
    def predict_faces(
        self, image: Picture, *, detect: str = "auto", min_score: float | None = None, colour_order: str = "rgb"
    ) -> pd.DataFrame:
        """Every face in one picture, of those that look towards the camera.

        mtcnn finds faces from about 3 % of the picture's longer edge on, and none that are upside down: of a crowd, cut
        out parts.

        Args:
            image: One picture.
            detect: ``auto``, ``none`` (the picture is a face), n boxes (x, y, w, h), or one box.
            min_score: Least score of a face, 0 to 1; None is the detector's own, see `emorec.faces.detect`.
            colour_order: See `predict_proba`.

        Returns:
            DataFrame, a row per face, from left to right or in the order of the boxes: see `SceneReader`. Without a
            row, and with all columns, where there is no face.

        Example:
            >>> emorec.load("face-emotion").predict_faces("party.jpg", min_score=0.95)  # doctest: +SKIP
        """
        self._check_fitted()
        picture = images.as_picture(image, bgr=is_bgr(colour_order))
        faces, p = self._faces(picture, detect, min_score)
        return self._table({}, [], faces, p)

    def _faces(self, picture, detect, min_score=None):
        """The faces in a picture, and their probabilities (n, C)."""
        faces, crops = self._look(picture, detect, min_score)
        return faces, self._read_looks([crops])[0]

    def _look(self, picture, detect, min_score=None):
        """The faces in a picture, and what the network takes of each."""
        if _named(detect) == "none":
            return [detection.Face((0, 0, *picture.shape[1::-1]))], [self.encoding_.one(picture)]
        boxes = None if _named(detect) else detect
        faces = detection.detect_faces(picture, boxes=boxes, min_score=min_score)
        return faces, [self.encoding_.one(picture, face) for face in faces]

    def _read_looks(self, looks):
        """Probabilities (n, C) for each of several lists of crops, all computed at once."""
        crops = [crop for look in looks for crop in look]
        notice_blank(crops)
        p = self._plain_probabilities(np.stack(crops) if crops else [])
        return np.split(p, np.cumsum([len(look) for look in looks])[:-1])

    def _table(self, columns, rows, faces, p):
        """A table of faces; ``columns`` (name -> type) stand in front, also where there is no row."""
        import pandas as pd

        p, names = np.asarray(p).reshape(len(faces), len(self.label_set_)), list(self.label_set_)
        front = {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in columns.items()}
        box = pd.DataFrame(np.array([face.box for face in faces], dtype=int).reshape(-1, 4), columns=list("xywh"))
        read = {
            "score": np.array([face.score for face in faces], dtype=float),
            "label": pd.Series(self.answers(p), dtype=object),
            "confidence": p.max(axis=1, initial=0),
        }
        return pd.concat([pd.DataFrame(front), box, pd.DataFrame(read), pd.DataFrame(p, columns=names)], axis=1)

    @explained
    def annotate(
        self, image: Picture, *, detect: str = "auto", min_score: float | None = None, colour_order: str = "rgb",
        output: FilePath | None = None,
    ) -> np.ndarray:  # fmt: skip
        """The picture with a box and the most probable class on every face, uint8 (H, W, 3) RGB.

        Args:
            image, detect, min_score, colour_order: See `predict_faces`.
            output: File to write it to, e.g. ``annotated.png``.

        Raises:
            BadInput: ``output`` is the picture that is read, a folder, or of an ending that OpenCV does not know.
            NotWritten: It cannot be written; what was there stays.
        """
        self._check_fitted()
        target = None if output is None else files.output(output, "output")
        if target is not None and isinstance(image, (str, os.PathLike)) and _same(image, target):
            raise BadInput(f"output={str(output)!r} is the picture that is read: name another file.")
        picture = images.as_picture(image, bgr=is_bgr(colour_order))
        annotated = self._draw(picture, *self._faces(picture, detect, min_score))
        if target is not None:
            _write(target, annotated)
        return annotated

    def _draw(self, picture, faces, p):
        best = p.argmax(axis=1) if len(p) else []
        captions = [f"{self.label_set_.names[k]} {100 * row[k]:.0f} %" for row, k in zip(p, best)]
        return video.draw(picture, [face.box for face in faces], captions, best)

    @explained
    def predict_folder(self, path: FilePath, *, detect: str = "auto", min_score: float | None = None) -> tuple:
        """Every face in every picture below a folder.

        Args:
            path: The folder; or an archive of pictures.
            detect: ``auto``, or ``none``: every picture is a face.
            min_score: See `predict_faces`.

        Returns:
            (DataFrame as of `predict_faces` with the column ``file`` in front, list of (file, why it was skipped)).
            Every file that is not hidden is in one of them.

        Raises:
            DataMissing: No such folder. BadInput: No picture in it.
        """
        self._check_fitted(), _named(detect)
        path = files.named(path)
        if not path.exists():
            raise DataMissing(f"The folder {str(path)!r}", [path.absolute()], "check the path.")
        there = folders.files(path, other=True)
        kinds = ", ".join(images.SUFFIXES)
        if not any(name.lower().endswith(images.SUFFIXES) for name, _ in there):
            raise BadInput(f"There is no picture below {path}; known kinds are {kinds}.")
        rows, faces, p, skipped = [], [], [np.zeros((0, len(self.label_set_)))], []
        for name, file in there:
            if not name.lower().endswith(images.SUFFIXES):
                skipped.append((name, f"no picture of a known kind ({kinds})"))
                continue
            try:
                here, probabilities = self._faces(folders.opened(file), detect, min_score)
            except (BadInput, DataCorrupt) as error:
                skipped.append((name, str(error)))
                continue
            if not here:
                skipped.append((name, "no face was found"))
            rows += [{"file": name}] * len(here)
            faces += here
            p.append(probabilities)
        return self._table({"file": object}, rows, faces, np.concatenate(p)), skipped

    @explained
    def predict_video(
        self, path: FilePath, *, smoothing: float = 0.6, detect: str = "auto", min_score: float | None = None,
        every: int = 1, step: float = 0.0, limit: int | None = None, output: FilePath | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Every face in the frames of a film.

        Args:
            path: A video file.
            smoothing: Weight of the past in the exponential mean of a face's probabilities, 0 to below 1.
            detect: ``auto`` or ``none``.
            min_score: See `predict_faces`.
            every: Look at every n-th frame only.
            step: Seconds from one look to the next, at least; 0 looks at every frame. Of a film whose frame rate
                varies, or that names a rate which is not its own, it does what ``every`` cannot.
            limit: Stop after so many frames, or None.
            output: An annotated video to write, ``.mp4`` or ``.avi``; its frames follow each other evenly.

        Returns:
            DataFrame as of `predict_faces`, with the columns frame, seconds (as the file says, also where the frame
            rate varies) and face (one number per person, found by overlap) in front; probabilities are smoothed.
        """
        self._check_fitted(), _named(detect), files.named(path)
        every, limit = whole_number("every", every, 1), None if limit is None else whole_number("limit", limit, 0)
        step, due = real_number("step", step, 0, 3600), 0.0
        source, tracks = video.VideoFrames(path), video.FaceTracks(smoothing)
        target = None if output is None else video.VideoFile(output, source.rate)
        if target is not None and _same(path, output):
            raise BadInput(f"output={str(output)!r} is the film that is read: name another file.")
        rows, faces, p, shown, waiting = [], [], [], ([], np.zeros((0, len(self.label_set_)))), []

        def read():
            """Reads the looks that wait, and keeps what the last one saw."""
            nonlocal shown
            for (number, seconds, here, _), q in zip(waiting, self._read_looks([crops for *_, crops in waiting])):
                people, smooth = self._follow(here, q, tracks)
                rows.extend({"frame": number, "seconds": seconds, "face": person} for person in people)
                faces.extend(here), p.extend(smooth)
                shown = here, smooth
            waiting.clear()

        with target or contextlib.nullcontext():
            for number, frame in enumerate(source):
                if limit is not None and number >= limit:
                    break
                if number % every == 0 and source.seconds >= due:
                    due = source.seconds + step - 1e-3
                    waiting.append((number, source.seconds, *self._look(frame, detect, min_score)))
                    if target is not None or len(waiting) == LOOKS:
                        read()
                if target is not None:
                    target.add(self._draw(frame, *shown))
            read()
        return self._table({"frame": int, "seconds": float, "face": int}, rows, faces, p)

    def _follow(self, faces, p, tracks):
        """The number of the person of each face, and their smoothed probabilities (n, C)."""
        followed = tracks.update([face.box for face in faces], p)
        return [person for person, _ in followed], np.array([row for _, row in followed]).reshape(p.shape)

    @explained
    def webcam(self, *, device: int = 0, frames: int | None = None, smoothing: float = 0.6, window: bool = True) -> Any:
        """The camera: a window with annotated frames (q or Esc ends it), or in Colab one photograph.

        Args:
            device: Number of the local camera.
            frames: Stop after so many frames, or None.
            smoothing: See `predict_video`.
            window: False shows none, for computers without a screen.

        Returns:
            The last annotated picture, uint8 (H, W, 3) RGB.

        Raises:
            DataMissing: There is no camera. BadInput: This OpenCV has no windows.
        """
        self._check_fitted()
        if video.in_colab():
            return self.annotate(video.colab_photo())
        tracks, annotated = video.FaceTracks(smoothing), None
        for number, frame in enumerate(video.camera(device)):
            if frames is not None and number >= frames:
                break
            faces, p = self._faces(frame, "auto")
            _, smooth = self._follow(faces, p, tracks)
            annotated = self._draw(frame, faces, smooth)
            if window and not video.show(annotated):
                break
        if window:
            video.show(None)
        return annotated


def _named(detect):
    """How faces are found, or None where boxes are handed in."""
    if isinstance(detect, str) and detect not in ("none", "auto"):
        raise BadInput(f"detect={detect!r} is unknown; choose none or auto, or give boxes (x, y, w, h).")
    return detect if isinstance(detect, str) else None


def _same(one, other):
    return os.path.realpath(os.path.expanduser(one)) == os.path.realpath(os.path.expanduser(other))


def _write(path, picture):
    try:
        _, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise BadInput(f"OpenCV cannot write {path.name!r}; name a .png or .jpg file.") from error
    with written(path), replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())
