"""A film as a table over time: what face, voice and words say, and all of them together.

Who is seen is not always who speaks, and a model of acted speech or posed faces is no measure of what somebody feels:
the table says what is expressed, as far as its models can read it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from emorec import plots
from emorec.arguments import explained
from emorec.checks import real_number
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.multimodal.agreement import in_common, outside, restricted, together
from emorec.multimodal.subtitles import Cue, read_subtitles
from emorec.notices import notice
from emorec.types import FilePath
from emorec.voice import activity, features
from emorec.voice.sound import RATE, Sound, as_sound

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from emorec.faces.classifier import FaceClassifier
    from emorec.text.classifier import TextClassifier
    from emorec.voice.classifier import VoiceClassifier

MODALITIES = ("face", "voice", "words")
COLOURS = {"face": "#0072B2", "voice": "#D55E00", "words": "#009E73", "fused": "#000000"}
SPEECH = 0.1  # share of a stretch in which somebody must speak for its voice to be read


class ClipNotice(UserWarning):
    """A film that can be read, but lacks something: no sound, no face, no words."""


@explained
def read_clip(
    path: FilePath, *, subtitles: FilePath | Sequence[tuple] | None = None,
    face: FaceClassifier | Literal[False] | None = None, voice: VoiceClassifier | Literal[False] | None = None,
    words: TextClassifier | Literal[False] | None = None, window: float = 2.0, step: float = 0.4, sound: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """Emotions over time of a film with people in it.

    Args:
        path: A film (``.mp4``, ``.mkv``, ``.mov`` and the like); a sound file is read as well.
        subtitles: An .srt or .vtt file, or a list of (start, end, text) or (start, end, text, speaker); None: no words.
        face, voice, words: Trained classifiers; None takes the shipped ``face-emotion``, ``voice-emotion`` and
            ``text-emotion``, where there is one; False leaves the modality out.
        window: Longest stretch in seconds: time without subtitles is cut into such stretches.
        step: Seconds from one look at the picture to the next; finding the faces takes most of the time.
        sound: Whether the film's sound is read, which takes the library PyAV.

    Returns:
        DataFrame, a row for each stretch: start, end (seconds), speaker, text, person (number of the face that is seen
        most), has_face, has_voice, has_words, face, voice, words (the emotion each of them shows, None where it is
        absent), emotion and confidence (all together, by the product rule over the classes in common), decided_by,
        disagree, and the probability of every class in common. Where nothing can be read emotion is None and numbers
        are NaN.

    Raises:
        DataMissing: No such file; or no PyAV. BadInput: Nothing to read in it, or no class in common.
        DataCorrupt: A film that cannot be read.

    Example:
        >>> read_clip("talk.mp4", subtitles="talk.srt")  # doctest: +SKIP
    """
    path = Path(os.path.expanduser(path))
    if not path.is_file():
        raise DataMissing(f"The film {str(path)!r}", [path.absolute()], "check the path.")
    open(path, "rb").close()  # where it may not be read, the system says so
    window, step = real_number("window", window, 0.3, 60), real_number("step", step, 0.01, 10)
    cues = [] if subtitles is None else read_subtitles(subtitles)
    models = {
        "face": _model(face, "face-emotion"),
        "voice": _model(voice, "voice-emotion"),
        "words": _model(words, "text-emotion") if cues else None,
    }
    heard = read_sound(path) if sound and models["voice"] is not None else None
    seen = _faces(path, models["face"], step)
    length = max(seen["seconds"].max() + 1e-3 if len(seen) else 0, _length(path), heard.seconds if heard else 0)
    if late := [cue for cue in cues if cue.start > length]:
        notice(
            f"{len(late)} of {len(cues)} subtitles begin after the end of {path.name}, {length:.1f} s, the first at "
            f"{late[0].start:.1f} s: are they another film's?",
            ClipNotice,
        )
    stretches = cut(cues, length, window)
    answers = {
        "face": _face_answers(seen, models["face"], stretches),
        "voice": _voice_answers(heard, models["voice"], stretches),
        "words": _word_answers(models["words"], stretches),
    }
    if not any(present.any() for present, _ in answers.values()):
        raise BadInput(f"{path.name} shows no face, has no speech and no subtitles: there is nothing to read.")
    return _table(stretches, answers, models, _main_faces(seen, stretches))


def _model(model, name):
    """A classifier, the shipped one of that name, or None where there is none or it is not wanted."""
    if model is False:
        return None
    if model is not None:
        if isinstance(model, (bool, int, float, str, os.PathLike)):
            raise BadInput(
                f"In the place of {name} a trained classifier, None or False is wanted; received {model!r:.60}."
            )
        return model
    from emorec import pretrained

    return pretrained.load(name) if name in pretrained.cards() else None


# --- time


def cut(cues: list[Cue], length: float, window: float) -> list[Cue]:
    """The stretches of a film: its subtitles, and the time between them cut into windows, with empty text.

    Args:
        cues: In order; where two overlap, the first ends where the second begins.
        length: Of the film, seconds; where subtitles begin later, there is nothing to see or hear between them.
        window: Longest stretch without subtitles, seconds.
    """
    stretches, place = [], 0.0
    for number, cue in enumerate(cues):
        end = min(cue.end, cues[number + 1].start) if number + 1 < len(cues) else cue.end
        stretches += _windows(place, min(cue.start, max(length, place)), window)
        stretches.append(cue._replace(end=max(end, cue.start + 0.01)))
        place = max(place, end)
    return stretches + _windows(place, length, window)


def _windows(start, end, window):
    if end - start < 0.3:
        return []
    edges = np.linspace(start, end, int(np.ceil((end - start) / window - 1e-9)) + 1)
    return [Cue(float(a), float(b), "") for a, b in zip(edges, edges[1:])]


def _length(path):
    import cv2

    capture = cv2.VideoCapture(str(path))
    rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return float(count / rate) if rate > 0 and 0 < count < 1e8 else 0.0


# --- sound


def read_sound(path: FilePath) -> Sound | None:
    """The sound of a film as a mono `Sound` at 16 kHz, from second 0 of its picture; None, with a notice, without one.

    Raises:
        DataMissing: The library PyAV is not installed. DataCorrupt: The film cannot be read.
    """
    path = Path(os.path.expanduser(path))
    try:
        import av
    except ImportError as error:
        raise DataMissing(
            "The library PyAV, which reads the sound of films,",
            how_to_get='pip install "emorec[film]"  (or: pip install av)',
            instead="read_clip(..., sound=False) reads faces and subtitles alone.",
        ) from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                notice(f"{path.name} has no sound.", ClipNotice)
                return None
            samples, start = _samples(container, av)
    except av.error.FFmpegError as error:
        raise DataCorrupt(
            f"{path} cannot be read as a film or a sound ({error}): damaged, or of another kind."
        ) from error
    if not len(samples):
        notice(f"{path.name} has a sound track without samples.", ClipNotice)
        return None
    lead = round(start * RATE)
    samples = np.r_[np.zeros(lead, "float32"), samples] if lead > 0 else samples[-lead:]
    return as_sound(Sound(samples, RATE, path.name)) if len(samples) >= RATE // 10 else None


def _samples(container, av):
    """float32 (N,) at 16 kHz, and the second at which the first one is heard."""
    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts, start = [], None
    for frame in container.decode(stream):
        if start is None:
            start = float(frame.time or 0.0)
        parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros(0, "float32"), start or 0.0


def _voice_answers(heard, model, stretches):
    """(where somebody speaks (N,), probabilities (N, C)) of the stretches of a sound."""
    there = np.zeros(len(stretches), dtype=bool)
    if heard is None or model is None:
        return there, None
    speech, pieces = activity.speech_frames(features.level(heard.samples)), []
    for number, stretch in enumerate(stretches):
        part = speech[int(stretch.start * 100) : int(stretch.end * 100)]
        samples = heard.samples[int(stretch.start * RATE) : int(stretch.end * RATE)]
        if len(samples) >= 0.2 * RATE and len(part) and part.mean() >= SPEECH:
            there[number] = True
            pieces.append(Sound(samples, RATE, f"{stretch.start:.1f} to {stretch.end:.1f} s"))
    p = np.full((len(stretches), len(model.label_set_)), 1 / len(model.label_set_))
    if pieces:
        p[there] = model.predict_proba(pieces)
    return there, p


# --- faces


def _faces(path, model, step):
    """The table of `FaceClassifier.predict_video`, one look every ``step`` seconds; empty where there is no picture."""
    import pandas as pd

    if model is None:
        return pd.DataFrame({"seconds": [], "face": []})
    try:
        return model.predict_video(path, step=step)
    except DataCorrupt:
        notice(f"{path.name} has no picture.", ClipNotice)
        return pd.DataFrame({"seconds": [], "face": []})


def _main_faces(seen, stretches):
    """Number of the face that is seen most in each stretch, the larger one of two; None without one."""
    people = []
    for stretch in stretches:
        part = seen[(seen["seconds"] >= stretch.start) & (seen["seconds"] < stretch.end)]
        area = (part["w"] * part["h"]).groupby(part["face"]).sum() if len(part) else []
        people.append(int(area.idxmax()) if len(area) else None)
    return people


def _face_answers(seen, model, stretches):
    there = np.zeros(len(stretches), dtype=bool)
    if model is None:
        return there, None
    names = list(model.label_set_)
    p = np.full((len(stretches), len(names)), 1 / len(names))
    for number, (stretch, person) in enumerate(zip(stretches, _main_faces(seen, stretches))):
        if person is not None:
            within = (seen["seconds"] >= stretch.start) & (seen["seconds"] < stretch.end) & (seen["face"] == person)
            there[number], p[number] = True, seen.loc[within, names].to_numpy(dtype="float64").mean(axis=0)
    return there, p / p.sum(axis=1, keepdims=True)


# --- words


def _word_answers(model, stretches):
    there = np.array([bool(stretch.text) for stretch in stretches])
    if model is None or not there.any():
        return np.zeros(len(stretches), dtype=bool), None
    p = np.full((len(stretches), len(model.label_set_)), 1 / len(model.label_set_))
    p[there] = model.predict_proba([stretch.text for stretch in stretches if stretch.text])
    return there, p


# --- together


def _table(stretches, answers, models, people):
    import pandas as pd

    used = {name: models[name] for name in MODALITIES if answers[name][1] is not None}
    names = in_common([model.label_set_ for model in used.values()])
    for name, model in used.items():
        _notify(name, answers[name][1], model.label_set_, names, stretches)
    common = {name: (answers[name][0], restricted(answers[name][1], used[name].label_set_, names)) for name in used}
    fused = together(common, names)
    frame = {
        "start": [round(s.start, 3) for s in stretches],
        "end": [round(s.end, 3) for s in stretches],
        "speaker": [s.speaker for s in stretches],
        "text": [s.text for s in stretches],
        "person": pd.array(people, dtype="Int64"),
    }
    frame |= {f"has_{name}": answers[name][0] for name in MODALITIES}
    for name in MODALITIES:
        there, p = answers[name]
        labels = [None] * len(stretches) if p is None else [used[name].label_set_.names[k] for k in p.argmax(axis=1)]
        frame[name] = [label if here else None for label, here in zip(labels, there)]
    p, modalities = fused["probabilities"], list(used)
    read = np.isfinite(p).all(axis=1)
    frame["emotion"] = [names[k] if here else None for k, here in zip(np.nan_to_num(p).argmax(axis=1), read)]
    frame["confidence"] = np.where(read, np.nan_to_num(p).max(axis=1), np.nan)
    frame["decided_by"] = [
        modalities[k] if here else None
        for k, here in zip(fused["shares"].argmax(axis=1), read & fused["shares"].any(axis=1))
    ]
    frame["disagree"] = fused["disagree"]
    return pd.concat([pd.DataFrame(frame), pd.DataFrame(p, columns=names)], axis=1)


def _notify(name, p, label_set, names, stretches):
    lost = outside(p, label_set, names)
    if len(lost):
        start, own = stretches[lost[0]].start, label_set.names[p[lost[0]].argmax()]
        notice(
            f"From {start:.1f} s on, in {len(lost)} of {len(stretches)} stretches, the {name} says a class that not "
            f"all models know, such as {own!r}: emotion is the best of the others.",
            ClipNotice,
        )


@explained
def timeline(table: pd.DataFrame) -> Figure:
    """A matplotlib ``Figure`` of a table of `read_clip`: the fused probabilities over time, and what each part says."""
    from matplotlib.figure import Figure

    needed = ("start", "end", *MODALITIES, "emotion", "disagree")
    if not len(table) or not all(name in table.columns for name in needed):
        raise BadInput(
            f"timeline takes a table of read_clip with rows; received {len(table)} rows of {list(table)!r:.80}."
        )
    names = list(table.columns[table.columns.get_loc("disagree") + 1 :])
    figure = Figure(figsize=(9, 4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    edges = np.r_[table["start"], table["end"].iloc[-1]]
    levels = np.nan_to_num(table[names].to_numpy(dtype="float64")).T
    times, levels = np.repeat(edges, 2)[1:-1], np.repeat(levels, 2, axis=1)
    above.stackplot(times, levels, labels=names, colors=plots.COLOURS, alpha=0.85)
    above.set(ylabel="probability", ylim=(0, 1), xlim=(edges[0], edges[-1]))
    above.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    rows = [*MODALITIES, "emotion"]
    for height, name in enumerate(reversed(rows)):
        for start, end, answer, apart in table[["start", "end", name, "disagree"]].itertuples(index=False):
            if isinstance(answer, str):
                below.barh(
                    height, end - start, left=start, color=COLOURS.get(name, "0.3"), alpha=0.35, edgecolor="white"
                )
                if end - start > 0.0085 * len(answer[:9]) * (edges[-1] - edges[0]):  # wide enough for the word
                    below.text((start + end) / 2, height, answer[:9], ha="center", va="center", fontsize=7)
                if name == "emotion" and apart:
                    below.plot((start + end) / 2, height + 0.42, "v", color="#D55E00", markersize=6)
    below.set(yticks=range(len(rows)), yticklabels=[{"emotion": "all together"}.get(n, n) for n in reversed(rows)])
    below.set_xlabel("seconds")
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
    return figure
