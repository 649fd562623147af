"""From PyTorch's weights to the files of `emorec/pretrained`, calibrated on validation data.

python -m experiments.pretrained.export text FOLDER      # after experiments.pretrained.text
python -m experiments.pretrained.export faces FOLDER     # after experiments.pretrained.faces teacher and student
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import torch

import emorec
from emorec.faces.models import build_face_model
from emorec.faces.preprocessing import FacePreprocessing
from emorec.labels import EMOTIONS7, GOEMOTIONS, POLARITY
from emorec.pretrained.cards import FOLDER
from emorec.pretrained.loading import save_head
from emorec.text import minilm
from emorec.text.pretraining import Start
from emorec.text.wordpieces import WordPieces
from emorec.types import FilePath
from experiments.pretrained import data
from experiments.pretrained.faces import STUDENT, TEACHER

if TYPE_CHECKING:
    from emorec.faces.classifier import FaceClassifier
    from emorec.labels import LabelSet
    from emorec.text.classifier import TextClassifier

# --- text


def text(folder: FilePath) -> None:
    """Writes text-emotion, and the heads goemotions and text-sentiment."""
    folder = Path(folder)
    state = {k: v.float().numpy() for k, v in torch.load(folder / "third.pt", weights_only=True).items()}
    pieces = WordPieces(**json.loads((folder / "vocabulary.json").read_text()))
    classifier = text_classifier(state, pieces, "seven", EMOTIONS7)
    classifier.calibrate(_rows([*data.goemotions("validation")[:600], *data.sentences("validation")], "seven"))
    classifier.save(FOLDER / "text-emotion.emorec", precision="int8")
    for name, head, label_set in (("goemotions", "goemotions", GOEMOTIONS), ("text-sentiment", "polarity", POLARITY)):
        own = text_classifier(state, pieces, head, label_set)
        own.calibrate(_calibration(head))
        kernel, bias = own.model_.get_layer("logits").get_weights()
        path = FOLDER / f"{name}.emorec"
        save_head(path, kernel, bias, label_set, own.temperature_, own.thresholds_)


def _rows(rows, question):
    known = [row for row in rows if getattr(row, question) is not None]
    label_set = EMOTIONS7 if question == "seven" else POLARITY
    return [row.text for row in known], [label_set.names[getattr(row, question)] for row in known]


def _calibration(head):
    """(texts, labels) of validation data for a head."""
    if head == "goemotions":
        part = emorec.datasets.load("goemotions").validation
        return list(part.inputs), list(part.labels)
    held = data.polarity("movie-polarity", "validation", fold=0) + data.polarity("sample-reviews", "validation")
    return _rows([*held, *data.sentences("validation")], "polarity")


def text_classifier(state: dict[str, np.ndarray], pieces: WordPieces, head: str, label_set: LabelSet) -> TextClassifier:
    """A fitted `emorec.TextClassifier` from the arrays of `network.Network`."""
    classifier = emorec.TextClassifier("transformer", "global", pretrained="text-emotion", embedding_dim=384)
    settings = minilm.settings(minilm.read(minilm.locate()))
    classifier._matrix = classifier.coverage_ = None
    classifier._start = Start(pieces, None, settings, lambda encoder: None)  # its weights come from `fill`
    model = adopt(classifier, pieces, label_set).model_
    fill(model, state, head)
    return classifier


def adopt(classifier: Any, encoding: Any, label_set: LabelSet, model: keras.Model | None = None) -> Any:
    """Makes a classifier a fitted one: with its encoding, its classes and a network, its own where there is none."""
    classifier.encoding_, classifier.label_set_ = encoding, label_set
    classifier.classes_ = np.array(label_set.names)
    classifier.temperature_, classifier.thresholds_ = 1.0, None
    classifier.model_ = classifier._build(len(label_set)) if model is None else model
    return classifier


def fill(model: keras.Model, state: dict[str, np.ndarray], head: str) -> None:
    """Sets the weights of a Keras text model from those of PyTorch."""

    def dense(layer, name):
        layer.kernel.assign(state[f"{name}.weight"].T)
        layer.bias.assign(state[f"{name}.bias"])

    def norm(layer, name):
        layer.gamma.assign(state[f"{name}.weight"])
        layer.beta.assign(state[f"{name}.bias"])

    encoder, attention = model.get_layer("encoder"), model.get_layer("attention")
    model.get_layer("embedding").embeddings.assign(state["encoder.words.weight"])
    encoder.positions.assign(state["encoder.positions"])
    norm(encoder.norm, "encoder.norm")
    for number, block in enumerate(encoder.blocks):
        name = f"encoder.blocks.{number}."
        for layer, own in (("query_key_value", "qkv"), ("attended", "out"), ("inner", "up"), ("outer", "down")):
            dense(getattr(block, layer), name + own)
        norm(block.attended_norm, name + "n1")
        norm(block.outer_norm, name + "n2")
    dense(attention.project, "score")
    attention.score.kernel.assign(state["context"][:, None])
    dense(model.get_layer("logits"), f"heads.{head}")


# --- faces


def faces(folder: FilePath) -> None:
    """Writes face-emotion and face-emotion-small, which answer as the voters of FER+, and for each the head that
    answers as FER-2013 is labelled: the two agree on 72 % of the pictures, so one answer cannot serve both."""
    folder = Path(folder)
    for name, file, settings in (("face-emotion", "teacher", TEACHER), ("face-emotion-small", "student", STUDENT)):
        state = torch.load(folder / f"{file}.pt", weights_only=False)["model"]
        state = {key: value.float().numpy() for key, value in state.items()}
        classifier = face_classifier(state, settings["width"], slice(0, 7))
        classifier.calibrate(_of_seven("ferplus"))
        classifier.save(FOLDER / f"{name}.emorec", precision="float16")
        own = face_classifier(state, settings["width"], slice(7, 14))
        own.calibrate(_of_seven("fer2013"))
        kernel, bias = own.model_.get_layer("logits").get_weights()
        save_head(FOLDER / f"{name}-fer2013.emorec", kernel, bias, EMOTIONS7, own.temperature_)


def _of_seven(name):
    part = emorec.datasets.load(name).validation
    return part.take(np.isin(part.labels.astype(str), EMOTIONS7.names))


def face_classifier(state: dict[str, np.ndarray], width: Any, outputs: slice) -> FaceClassifier:
    """A fitted `emorec.FaceClassifier` from the arrays of `faces.Vgg`, with a slice of its outputs."""
    classifier = emorec.FaceClassifier("vgg", width=width)
    model = build_face_model("vgg", (48, 48, 1), len(EMOTIONS7), width=width)
    arrays = [array for stage in range(4) for array in _stage(state, stage)]
    arrays += [state["head.weight"].T[:, outputs], state["head.bias"][outputs]]
    keras.Model.set_weights(model, _with_seeds(model, arrays))
    return adopt(classifier, FacePreprocessing(48, "grey", "none", 0.1), EMOTIONS7, model)


def _stage(state, number):
    """Weights of a stage in the order of Keras: kernels (3, 3, in, out); scale, shift, mean and variance of norms."""

    def kernel(layer):
        return state[f"stages.{number}.{layer}.weight"].transpose(2, 3, 1, 0)

    def norm(layer):
        return [state[f"stages.{number}.{layer}.{n}"] for n in ("weight", "bias", "running_mean", "running_var")]

    if number == 0:
        return [kernel(0), state["stages.0.0.bias"], kernel(2), *norm(4)]
    return [kernel(0), *norm(1), kernel(3), *norm(5)]


def _with_seeds(model, arrays):
    """The arrays with the states of dropout's generators, which PyTorch has not, in their places."""
    arrays = iter(arrays)
    return [np.asarray(v) if "seed_generator" in v.path else next(arrays) for v in model.weights]


if __name__ == "__main__":
    {"text": text, "faces": faces}[sys.argv[1]](sys.argv[2])
