"""Exported networks answer as the classifier does, in the interpreter that TensorFlow brings."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow

from emorec import FaceClassifier, TextClassifier
from emorec.errors import BadInput, DataMissing

TEXTS = ["a good nice film", "a bad poor film", "nice and good", "poor , bad and ugly"] * 6


def run_tflite(path, inputs):
    """Answers of an exported network, one example after the other."""
    interpreter = tensorflow.lite.Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for example in inputs:
        interpreter.set_tensor(entry["index"], example[None].astype(entry["dtype"]))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(result["index"])[0].copy())
    return np.array(answers)


@pytest.fixture(scope="module")
def face():
    pictures = np.random.default_rng(0).integers(0, 256, (24, 24, 24), dtype="uint8")
    labels = [("anger", "joy", "none")[i % 3] for i in range(24)]
    classifier = FaceClassifier("mini-xception", size=24, width=4, epochs=1, views="one")
    classifier.fit(pictures, labels, validation=(pictures, labels), progress=None)
    classifier.temperature_ = 0.4
    return classifier, pictures


@pytest.mark.slow
def test_a_face_network_in_tensorflow_lite_answers_the_same(face, tmp_path):
    classifier, pictures = face
    file = classifier.export(tmp_path / "face.tflite")
    answers = run_tflite(file, classifier.encode(pictures))
    assert np.abs(answers - classifier.predict_proba(pictures)).max() < 1e-4
    assert np.ptp(answers, axis=0).max() > 0.01, "not one answer for all"
    assert (tmp_path / "face.labels.txt").read_text().split() == ["anger", "joy", "none"]
    assert file.stat().st_size < 100_000


@pytest.mark.parametrize("encoder", ["none", "cnn"])
def test_a_text_network_takes_ids_of_a_fixed_length(encoder, tmp_path):
    labels = ["pos", "neg"] * 12
    classifier = TextClassifier(encoder=encoder, attention="none", units=4, embedding_dim=4, epochs=1)
    classifier.fit(TEXTS, labels, validation=(TEXTS, labels), progress=None)
    with pytest.raises(BadInput, match="length=40"):
        classifier.export(tmp_path / "text.tflite")
    file = classifier.export(tmp_path / "text.tflite", length=6)
    rows = classifier.encoding_.encode(TEXTS[:4])[:, :6]
    rows = np.pad(rows, ((0, 0), (0, 6 - rows.shape[1])))
    assert np.abs(run_tflite(file, rows) - classifier.predict_proba(TEXTS[:4])).max() < 1e-4


def test_what_cannot_be_exported_says_why(face, tmp_path, monkeypatch):
    classifier, _ = face
    with pytest.raises(BadInput, match=r"\.tflite or \.onnx"):
        classifier.export(tmp_path / "face.pb")
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(DataMissing, match="pip install tf2onnx onnx"):
        classifier.export(tmp_path / "face.onnx")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadInput, match="not trained"):
        FaceClassifier().export(tmp_path / "face.tflite")


def test_an_operation_that_onnx_has_not_is_an_error(face, tmp_path, monkeypatch):
    classifier, _ = face
    nodes = [SimpleNamespace(op_type=name, domain="") for name in ("Conv", "Erfc")]
    model = SimpleNamespace(graph=SimpleNamespace(node=nodes), SerializeToString=lambda: b"network")
    convert = SimpleNamespace(from_function=lambda *_, **__: (model, None))
    monkeypatch.setitem(sys.modules, "tf2onnx", SimpleNamespace(convert=convert))
    defs = SimpleNamespace(has=lambda name, domain: name == "Conv")
    monkeypatch.setitem(sys.modules, "onnx", SimpleNamespace(defs=defs))
    with pytest.raises(BadInput, match="no operation Erfc"):
        classifier.export(tmp_path / "face.onnx")
    assert list(tmp_path.iterdir()) == []
    nodes.pop()
    assert classifier.export(tmp_path / "face.onnx").read_bytes() == b"network"
