"""Faces in moving pictures: frames of a file or a camera, one number per person, probabilities smoothed, drawing."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.faces import detectors
from emorec.faces.preprocessing import PictureNotice
from emorec.files import output, replacing, written
from emorec.notices import notice
from emorec.types import Box, FilePath, Numbers, Strings

# Okabe & Ito's colours, RGB
COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66))


class FaceTracks:
    """Follows faces from frame to frame by the overlap of their boxes and smooths their probabilities.

    Args:
        smoothing: Weight of the past in the exponential mean, 0 (none) to below 1.
        overlap: Least intersection over union of the boxes of one face in two frames.
        patience: Frames for which a face may be gone and keep its number.

    Example:
        >>> [(number, _)] = FaceTracks().update([(0, 0, 9, 9)], np.array([[0.2, 0.8]]))
        >>> number
        0
    """

    def __init__(self, smoothing: float = 0.6, overlap: float = 0.3, patience: int = 15) -> None:
        if not 0 <= smoothing < 1:
            raise BadInput(f"smoothing lies in 0 to below 1; received {smoothing!r}.")
        self.smoothing, self.overlap, self.patience = smoothing, overlap, patience
        self.faces, self.next, self.frame = {}, 0, 0  # number -> (box, probabilities, last frame)

    def update(self, boxes: Sequence[Box], probabilities: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Takes in one frame.

        Args:
            boxes: n boxes (x, y, w, h).
            probabilities: float (n, classes).

        Returns:
            n pairs (number of the face, smoothed probabilities (classes,)), in the order of ``boxes``.
        """
        self.faces = {k: v for k, v in self.faces.items() if self.frame - v[2] <= self.patience + 1}
        pairs = [(iou(box, seen), i, k) for i, box in enumerate(boxes) for k, (seen, _, _) in self.faces.items()]
        matched = {}
        for overlap, i, number in sorted(pairs, key=lambda pair: -pair[0]):
            if overlap >= self.overlap and i not in matched and number not in matched.values():
                matched[i] = number
        results = []
        for i, (box, p) in enumerate(zip(boxes, np.asarray(probabilities, dtype="float64"))):
            number = matched.get(i)
            if number is None:
                number, self.next = self.next, self.next + 1
            else:
                p = self.smoothing * self.faces[number][1] + (1 - self.smoothing) * p
            self.faces[number] = box, p, self.frame
            results.append((number, p))
        self.frame += 1
        return results


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes (x, y, w, h)."""
    common = detectors.overlap(a, b)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


class VideoFrames:
    """Frames of a video file, uint8 (H, W, 3) RGB, one after the other.

    Attributes:
        rate: Frames a second, the mean where it varies; 25 where the file does not say.
        seconds: When the frame that came last is shown, as the file says.

    A `PictureNotice` is given where the film ends before the time that its own header states.

    Raises:
        DataMissing: No such file. DataCorrupt: OpenCV cannot read a frame from it.

    Example:
        >>> film = VideoFile("party.avi")
        >>> film.add(np.zeros((48, 64, 3), "uint8"))
        >>> film.close()
        >>> list(VideoFrames("party.avi"))[0].shape
        (48, 64, 3)
    """

    def __init__(self, path: FilePath) -> None:
        self.path = Path(os.path.expanduser(path))
        if not self.path.is_file():
            raise DataMissing(f"The video {str(path)!r}", [self.path.absolute()], "check the path.")
        open(self.path, "rb").close()  # where it may not be read, the system says so; OpenCV does not
        self.capture = cv2.VideoCapture(str(self.path))
        rate, count = self.capture.get(cv2.CAP_PROP_FPS), self.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = float(rate) if np.isfinite(rate) and rate > 0 else 25.0
        self.stated = int(count) if np.isfinite(count) and count > 0 else 0
        self.seconds = 0.0

    def __iter__(self):
        number = 0
        try:
            while True:
                there, frame = self.capture.read()
                if not there:
                    break
                self.seconds = self._time(number)
                number += 1
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            self.capture.release()
        if not number:
            raise DataCorrupt(f"OpenCV {cv2.__version__} reads no frame from {self.path}: no video, or damaged.")
        self._notice_cut(number)

    def _time(self, number):
        """Seconds of the frame just read; times that do not advance, as of files without any, are counted instead."""
        seconds = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if number and not seconds > self.seconds:
            return self.seconds + 1 / self.rate
        return float(seconds) if np.isfinite(seconds) and seconds >= 0 else number / self.rate

    def _notice_cut(self, number):
        # A count may be an estimate, made of length and mean rate: frames and time both have to be short.
        short = self.stated - number > max(2, 0.03 * self.stated)
        if short and (self.stated / self.rate) - self.seconds > 2.5 / self.rate:
            notice(
                f"{self.path.name} ends after {self.seconds:.1f} of {self.stated / self.rate:.1f} s ({number} frames): "
                "it is cut off or damaged there. Copy or download it again; what was read is in the result.",
                PictureNotice,
            )


class VideoFile:
    """Writes frames, uint8 (H, W, 3) RGB, to ``.mp4`` or ``.avi``; the file is opened with the first one.

    Example:
        >>> film = VideoFile("annotated.mp4")
        >>> film.add(np.zeros((48, 64, 3), "uint8"))
        >>> film.close()

    Raises:
        BadInput: Another ending, or a folder. NotWritten: A full disk; what was there before stays.
    """

    def __init__(self, path: FilePath, rate: float = 25.0) -> None:
        self.path, self.rate, self.writer = output(path, "output"), rate, None
        self._frames, self._place = 0, contextlib.ExitStack()
        if self.path.suffix not in (".mp4", ".avi"):
            raise BadInput(f"A video is written as .mp4 or .avi; received {self.path.name!r}.")

    def add(self, frame: np.ndarray) -> None:
        """Writes one more frame."""
        if self.writer is None:
            code = cv2.VideoWriter_fourcc(*("mp4v" if self.path.suffix == ".mp4" else "MJPG"))  # type: ignore[attr-defined]
            with written(self.path):
                self._file = self._place.enter_context(replacing(self.path))
            self.writer = cv2.VideoWriter(str(self._file), code, self.rate, frame.shape[1::-1])  # type: ignore[assignment]
            if not self.writer.isOpened():  # type: ignore[attr-defined]
                raise BadInput(
                    f"This OpenCV cannot write {self.path.suffix} files; try {self.path.with_suffix('.avi')}."
                )
        self.writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))  # type: ignore[attr-defined]
        self._frames += 1

    def close(self) -> None:
        """Moves the film into its place, whole."""
        self.__exit__(None, None, None)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.writer is None:
            return
        self.writer.release()
        with written(self.path):
            try:
                # OpenCV writes to a full disk without a word.
                if kind is None and (there := _frames_in(self._file)) != self._frames:
                    raise OSError(errno.ENOSPC, f"{there} of {self._frames} frames arrived: is the disk full?")
            except OSError as short:
                self._place.__exit__(type(short), short, short.__traceback__)
                raise
            self._place.__exit__(kind, error, trace)


def _frames_in(file):
    capture = cv2.VideoCapture(str(file))
    try:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        capture.release()


def draw(picture: np.ndarray, boxes: Sequence[Box], captions: Strings, classes: Numbers) -> np.ndarray:
    """The picture with its boxes and a caption above each.

    Args:
        picture: uint8 (H, W) or (H, W, 3) RGB.
        boxes: n boxes (x, y, w, h).
        captions: n short texts.
        classes: n class indices, which choose the colours.

    Returns:
        A new uint8 (H, W, 3) RGB array.
    """
    canvas = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture.copy()
    unit = max(1, round(min(canvas.shape[:2]) / 300))
    for (x, y, w, h), caption, index in zip(boxes, captions, classes):
        colour = COLOURS[index % len(COLOURS)]
        cv2.rectangle(canvas, (x, y), (x + w - 1, y + h - 1), colour, unit + 1)
        scale = 0.4 * unit
        (wide, high), below = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, scale, unit)
        left = int(np.clip(x, 0, max(canvas.shape[1] - wide, 0)))
        top = y - high - below - 2 if y > high + below + 2 else y + 1
        cv2.rectangle(canvas, (left, top), (left + wide, top + high + below), colour, -1)
        ink = (0, 0, 0) if sum(colour) > 330 else (255, 255, 255)
        cv2.putText(canvas, caption, (left, top + high), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, unit, cv2.LINE_AA)
    return canvas


# --- cameras


def in_colab() -> bool:
    """Whether this runs in a Colab notebook, where the camera is in the browser."""
    try:
        import google.colab  # noqa: F401
    except ImportError:
        return False
    return True


def camera(device: int = 0) -> Iterator[np.ndarray]:
    """Frames of a local camera, uint8 (H, W, 3) RGB, until it stops.

    Raises:
        DataMissing: There is no such camera, or another program has it.
    """
    capture = cv2.VideoCapture(device)
    try:
        if not capture.isOpened():
            raise DataMissing(
                f"Camera {device}", [], "connect one, close programs that use it, or name another device=1",
                "predict_video(path) reads a file, annotate(path) a picture.",
            )  # fmt: skip
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()


def show(picture: np.ndarray | None) -> bool:
    """Shows a picture in a window; None closes it. False once the reader presses q or Esc.

    Raises:
        BadInput: This OpenCV was built without windows, or there is no screen.
    """
    screen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    try:
        if not screen:  # Qt would end the process
            raise cv2.error("no screen")
        if picture is None:
            cv2.destroyAllWindows()
            return False
        cv2.imshow("emorec", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return cv2.waitKey(1) & 0xFF not in (27, ord("q"))
    except cv2.error as error:
        raise BadInput(
            "This OpenCV shows no windows (headless, or no screen): pip install opencv-python, or webcam(window=False)."
        ) from error


_PHOTO = """
(async () => {
  const video = document.createElement('video'), button = document.createElement('button');
  button.textContent = 'Take the picture';
  const box = document.createElement('div');
  box.append(video, document.createElement('br'), button);
  document.body.append(box);
  const stream = await navigator.mediaDevices.getUserMedia({video: true});
  video.srcObject = stream;
  await video.play();
  google.colab.output.setIframeHeight(document.documentElement.scrollHeight, true);
  await new Promise(done => button.onclick = done);
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  stream.getVideoTracks()[0].stop();
  box.remove();
  return canvas.toDataURL('image/jpeg', 0.9);
})()
"""


def colab_photo() -> bytes:
    """A photograph from the browser's camera, as the bytes of a JPEG; the reader presses a button."""
    import base64

    from google.colab.output import eval_js

    return base64.b64decode(eval_js(_PHOTO).split(",", 1)[1])
