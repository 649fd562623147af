"""What every layer and network must hold, written once: a file read by another process, settings, half precision.

`FreshProcess` is one Python for all tests of a run: it has imported emorec and has seen none of the objects that it
is asked to read, and it answers within milliseconds once it is there. The fixture ``elsewhere`` starts it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import json, os, sys, traceback
replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no reply
import keras, numpy as np
import emorec

def flat(outputs):
    return [keras.ops.convert_to_numpy(out) for out in keras.tree.flatten(outputs)]

def model(file, data):
    data = dict(np.load(data))
    inputs = list(data.values()) if all(name.isdigit() for name in data) else data
    network = emorec.load_model(file)
    return flat(network(inputs[0] if len(inputs) == 1 and isinstance(inputs, list) else inputs))

def attention(file, data):
    from emorec.text.models import attention_outputs
    return flat(attention_outputs(emorec.load_model(file))(np.load(data)["0"]))

def text_classifier(file, texts, explained):
    classifier = emorec.TextClassifier.load(file)
    classifier.model_.run_eagerly = True  # compiling takes longer than answering
    found = [classifier.predict_proba(texts)]
    return found + ([] if explained is None else [np.asarray(classifier.explain(explained).weights)])

for line in sys.stdin:
    request = json.loads(line)
    try:
        np.savez(request["out"], *globals()[request["what"]](*request["arguments"]))
        reply = {}
    except BaseException:
        reply = {"error": traceback.format_exc()}
    print(json.dumps(reply), file=replies, flush=True)
"""


def with_checkout(**more):
    """The environment of a child process that finds this checkout's package."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **more}


class FreshProcess:
    """A Python of its own that reads files and answers.

    Args:
        folder: Where files and answers are exchanged.
    """

    def __init__(self, folder):
        self.folder, self.count = Path(folder), 0
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=with_checkout(),
        )  # fmt: skip

    def ask(self, what, *arguments):
        """Arrays that the other process answers with; an AssertionError with its traceback where it fails."""
        self.count += 1
        out = self.folder / f"answer-{self.count}.npz"
        request = {
            "what": what,
            "arguments": [a if a is None or isinstance(a, (list, str)) else str(a) for a in arguments],
        }
        print(json.dumps(request | {"out": str(out)}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, f"the other process ended with status {self.process.wait()}"
        error = json.loads(line).get("error")
        assert error is None, error
        with np.load(out) as answer:
            return [answer[name] for name in answer.files]

    def check_model(self, model, inputs, what="model", expected=None, atol=1e-5, rtol=1e-4):
        """A saved network gives the same outputs over there.

        Args:
            model: Functional Keras model. inputs: Array, list of arrays, or dict of arrays by input name.
            what: Function of the other process. expected: Outputs here; None asks the model.
        """
        self.count += 1
        file, data = self.folder / f"model-{self.count}.keras", self.folder / f"inputs-{self.count}.npz"
        model.save(file)
        if isinstance(inputs, dict):
            np.savez(data, **inputs)
        else:
            np.savez(data, **{str(i): x for i, x in enumerate(inputs if isinstance(inputs, list) else [inputs])})
        ours = keras.tree.flatten(model(inputs) if expected is None else expected)
        answers = self.ask(what, file, data)
        assert len(answers) == len(ours)
        for theirs, output in zip(answers, ours):
            np.testing.assert_allclose(theirs, ops.convert_to_numpy(output), atol=atol, rtol=rtol)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def check_config(layer):
    """Settings survive JSON: the layer made from them has the same ones."""
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(again) is type(layer)
    assert json.dumps(again.get_config(), sort_keys=True) == json.dumps(layer.get_config(), sort_keys=True)


def check_half_precision(layer, *inputs, **arguments):
    """Under ``mixed_float16`` a layer computes in float16, keeps its weights in float32 and stays finite.

    Returns:
        Its outputs, as a list of arrays.
    """
    assert layer.compute_dtype == "float16"
    outputs = keras.tree.flatten(layer(*inputs, **arguments))
    assert keras.backend.standardize_dtype(outputs[0].dtype) == "float16"
    assert all(weight.dtype == "float32" for weight in layer.trainable_weights)
    outputs = [ops.convert_to_numpy(output) for output in outputs]
    assert all(np.isfinite(output).all() for output in outputs)
    return outputs
