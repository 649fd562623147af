"""Trained networks for other runtimes: TensorFlow Lite, with which phones and small computers run them, and ONNX.

The exported network goes from what the classifier's encoding makes (pictures in 0 to 255, ids of words) to
probabilities: scaling, temperature and softmax are inside of it. The encoding itself is not.
"""

import contextlib
import os
from pathlib import Path
from typing import Any

import keras

from emorec.checks import whole_number
from emorec.errors import BadInput, DataMissing
from emorec.files import output, replacing, write_text, written

FORMATS = (".tflite", ".onnx")


def export(classifier: Any, path: str | os.PathLike, length: int | None = None) -> Path:
    """Writes a classifier's network to ``.tflite`` or ``.onnx``; `Classifier.export` says more."""
    path = output(path)
    if path.suffix not in FORMATS:
        raise BadInput(f"A network is exported as .tflite or .onnx; received {path.name!r}.")
    if keras.backend.backend() != "tensorflow":
        raise BadInput(f"Networks are exported from TensorFlow; Keras runs on {keras.backend.backend()} here.")
    network = probabilities(classifier.model_, classifier.label_set_.multi_label, classifier.temperature_)
    network = fixed(network, length)
    data = _tflite(network) if path.suffix == ".tflite" else _onnx(network)
    with written(path), replacing(path) as file:
        file.write_bytes(data)
    write_text(path.with_suffix(".labels.txt"), "".join(f"{name}\n" for name in classifier.label_set_))
    return path


def probabilities(model: keras.Model, multi_label: bool, temperature: float) -> keras.Model:
    """The model with its logits turned into probabilities, as `emorec.metrics.probabilities` does."""
    logits = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")(model.output)
    final = keras.layers.Activation("sigmoid" if multi_label else "softmax", dtype="float32", name="probabilities")
    return keras.Model(model.inputs, final(logits))


def fixed(network: keras.Model, length: int | None = None) -> keras.Model:
    """The network for one example at a time, of ``length`` steps where it leaves them open."""
    if len(network.inputs) != 1:
        raise BadInput(f"Networks of one input are exported; this one has {[x.name for x in network.inputs]}.")
    (tensor,) = network.inputs
    shape = [1, *tensor.shape[1:]]
    if length is not None:
        length = whole_number("length", length, 1, 100_000)
    if None in shape[1:] and length is None:
        raise BadInput("This network takes texts of any length, and an exported one takes a fixed one: length=40, say.")
    shape = [length if n is None else n for n in shape]
    one = keras.Input(batch_shape=shape, dtype=keras.backend.standardize_dtype(tensor.dtype), name="example")
    return keras.Model(one, network(one, training=False))


def _tflite(network):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            return converter.convert()
    except Exception as error:  # the converter raises of its own kinds
        reason = str(error).strip().splitlines()[0][:200]
        raise BadInput(f"TensorFlow Lite has no operations for this network ({reason}); try a .onnx file.") from error


def _onnx(network):
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise DataMissing(
            f"The library tf2onnx ({error})", [], "pip install tf2onnx onnx", "export to .tflite needs nothing else."
        ) from error
    import tensorflow as tf

    (entry,) = network.inputs
    signature = tf.TensorSpec(entry.shape, keras.backend.standardize_dtype(entry.dtype), name=entry.name)
    function = tf.function(lambda x: network(x, training=False), input_signature=[signature])
    model, _ = tf2onnx.convert.from_function(function, input_signature=[signature], opset=17)
    # tf2onnx logs what it cannot translate, and goes on.
    unknown = {node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)}
    if unknown:
        raise BadInput(
            f"ONNX has no operation {', '.join(sorted(unknown))}, which this network needs; .tflite has all."
        )
    return model.SerializeToString()
