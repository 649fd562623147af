"""Models of single modalities joined without training: the product rule of their calibrated probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import images as pictures
from emorec.errors import BadInput, DataCorrupt
from emorec.faces import detection
from emorec.labels import LabelSet
from emorec.multimodal import agreement
from emorec.multimodal.modalities import MODALITIES, as_rows
from emorec.notices import notice

if TYPE_CHECKING:
    import pandas as pd

WHOLE = 3  # times the size of the pictures a model knows: up to that a picture is a face, above it one is looked for


class MultimodalNotice(UserWarning):
    """An answer that leaves out what a model says: a class that the others do not know."""


class ProductClassifier:
    """Trained classifiers of two or three modalities, joined by the product rule (Kittler et al. 1998, eq. 7).

    The rule is right where modalities are independent given the emotion, and probabilities are calibrated, which those
    of the models that come along are. It takes all classes for equally frequent. Classes are those that all models
    have; where a model gives more than half to a class that others do not know, a `MultimodalNotice` says so.

    Args:
        image, text, sound: A name of `emorec.models`, the path of a saved classifier, or a trained classifier; None
            leaves the modality out.

    Attributes:
        models: Modality (``image``, ``text``, ``sound``) to classifier.
        label_set_, classes_: The classes in common.

    Example:
        >>> both = ProductClassifier(image="face-emotion-small", text="text-emotion-small")
        >>> both.predict_proba(texts=["What a day!"]).shape
        (1, 7)
    """

    def __init__(self, *, image: Any = None, text: Any = None, sound: Any = None):
        chosen = {"image": image, "text": text, "sound": sound}
        self.models = {name: _model(name, model) for name, model in chosen.items() if model is not None}
        if len(self.models) < 2:
            raise BadInput(f"Two modalities are the least that can be joined; received {', '.join(self.models)}.")
        names = agreement.in_common([model.label_set_ for model in self.models.values()])
        self.label_set_ = LabelSet("in common", tuple(names))
        self.classes_ = np.array(names, dtype=object)

    def __repr__(self):
        return f"<{' × '.join(self.models)}: {', '.join(self.label_set_)}>"

    def predict_proba(self, *, images: Any = None, texts: Any = None, sounds: Any = None) -> np.ndarray:
        """Probabilities, float64 (N, C) in the order of ``label_set_``; rows sum to 1.

        Args:
            images: N pictures, of which None says that there is none; in pictures larger than a face (three times those
                that the model knows) the largest face is looked for.
            texts: N sentences or None.
            sounds: N sounds or None.

        Raises:
            BadInput: No list at all, lists of different lengths, a row of Nones alone, a modality that has no model, a
                picture without a face, or what is no picture, text or sound, with its position.
        """
        answers = self._per_modality(as_rows(images, texts, sounds))
        return agreement.together(answers, self.label_set_.names)["probabilities"]

    def predict(self, *, images: Any = None, texts: Any = None, sounds: Any = None) -> np.ndarray:
        """The most probable classes, (N,). Arguments: see `predict_proba`."""
        return self.classes_[self.predict_proba(images=images, texts=texts, sounds=sounds).argmax(axis=1)]

    def contributions(self, *, images: Any = None, texts: Any = None, sounds: Any = None) -> pd.DataFrame:
        """What each modality did: the table of `MultimodalClassifier.contributions`.

        A modality that is alone is measured against all classes being equally probable.
        """
        answers = self._per_modality(as_rows(images, texts, sounds))
        fused = agreement.together(answers, self.label_set_.names)
        p, presence = fused["probabilities"], np.stack([there for there, _ in answers.values()], axis=1)
        best, without = p.argmax(axis=1), {}
        for name in answers:
            rest = {n: (there & (n != name), q) for n, (there, q) in answers.items()}
            left = agreement.together(rest, self.label_set_.names)["probabilities"]
            without[name] = np.nan_to_num(left, nan=1 / len(self.label_set_))
        leads = np.stack([agreement.lead(q, best) for _, q in answers.values()], axis=1)
        return agreement.table_of_contributions(self.label_set_, p, without, presence, leads, fused["disagree"])

    def _per_modality(self, rows):
        """Modality to (presence (N,), probabilities (N, C) of the classes in common)."""
        absent = [name for name in MODALITIES if name not in self.models]
        for i, row in enumerate(rows):
            unread = [name for name in absent if getattr(row, name) is not None]
            if unread:
                raise BadInput(f"Row {i} has {MODALITIES[unread[0]].what}, for which there is no model here.")
        answers = {}
        for name, model in self.models.items():
            values = [getattr(row, name) for row in rows]
            there = np.array([value is not None for value in values], dtype=bool)
            p = np.full((len(rows), len(self.label_set_)), 1 / len(self.label_set_))
            if there.any():
                own = self._answers(name, model, values, there)
                self._notify(name, model, own, np.flatnonzero(there))
                p[there] = agreement.restricted(own, model.label_set_, list(self.label_set_))
            answers[name] = there, p
        return answers

    def _answers(self, name, model, values, there):
        """Probabilities (n, C) of the model's own classes, of the values that are there."""
        positions = np.flatnonzero(there)
        if name == "image":
            return np.concatenate([_of_picture(model, i, values[i]) for i in positions])
        if name == "sound":  # read one by one, so that an error names the row
            MODALITIES["sound"].encode(model.encoding_, values)
        return model.predict_proba([values[i] for i in positions])

    def _notify(self, name, model, p, positions):
        lost = agreement.outside(p, model.label_set_, self.label_set_.names)
        if len(lost):
            own = model.label_set_.names[int(p[lost[0]].argmax())]
            more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
            notice(
                f"The {name} of row {positions[lost[0]]}{more} says {own!r}, a class that not all models know: the "
                "answer is the best of the others.",
                MultimodalNotice,
            )


def _model(name, model):
    if not hasattr(model, "predict_proba"):
        from emorec import pretrained

        model = pretrained.load(model)
    kind = MODALITIES[name].kind
    if not isinstance(model, kind):
        raise BadInput(f"The {name} model is a {kind.__name__}, not {type(model).__name__}.")
    if model.label_set_.multi_label:
        raise BadInput(f"The {name} model answers with several labels at once: take one that chooses between classes.")
    return model


def _of_picture(model, position, picture):
    """Probabilities (1, C) of the face in a picture."""
    try:
        picture = pictures.as_picture(picture)
        known = WHOLE * max(model.encoding_.size, model.encoding_.edge or 0)
        if max(picture.shape[:2]) <= known:
            return model.predict_proba([picture])
        faces = detection.detect_faces(picture)
        if not faces:
            raise BadInput("no face was found; give the face alone, or None.")
        largest = max(faces, key=lambda face: face.box[2] * face.box[3])
        return model.predict_proba([picture], detect=[largest])
    except (BadInput, DataCorrupt) as error:
        raise type(error)(f"Picture {position}: {error}") from error
