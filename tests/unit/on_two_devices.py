"""Trains on one and on two logical processors; prints how far the logits are apart, and what else a test asks.

A process of its own, since the processor has to be cut before TensorFlow computes anything.
"""

import json

import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import emorec  # noqa: E402
from emorec.errors import BadInput  # noqa: E402

texts = [f"word{i % 7} {'good' if i % 3 else 'bad'} word{i % 5} end" for i in range(83)]
labels = ["yes" if i % 3 else "no" for i in range(83)]
# Ten batches of 8 and one of 3, which two devices cannot share; the weights and the rate have every gradient cut.
options = {
    "encoder": "gru",
    "attention": "global",
    "units": 8,
    "attention_units": 8,
    "embedding_dim": 8,
    "dropout": 0.0,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.1,
    "optimizer": "sgd",
    "clip": 0.05,
    "bucketing": False,
    "class_weight": "balanced",
}


def trained(**how):
    classifier = emorec.TextClassifier(**options)
    weights = np.linspace(0.5, 20, len(texts))
    return classifier.fit(
        texts, labels, sample_weight=weights, validation=(texts[:20], labels[:20]), progress=None, **how
    )


def refused(devices, **changed):
    try:
        emorec.TextClassifier(**options | changed).fit(texts, labels, progress=None, devices=devices)
    except BadInput as error:
        return str(error)


one, two = trained(), trained(devices=2)
untrained = emorec.TextClassifier(**options | {"learning_rate": 1e-9}).fit(texts, labels, progress=None)
print(json.dumps({
    "apart": float(np.abs(one.logits(texts) - two.logits(texts)).max()),
    "moved": float(np.abs(one.logits(texts) - untrained.logits(texts)).max()),
    "history": [float(abs(a["val_loss"] - b["val_loss"])) for a, b in zip(one.history_.epochs, two.history_.epochs)],
    "plain": len({type(classifier.model_.trainable_variables[0].value) for classifier in (one, two)}) == 1,
    "unequal": refused(2, batch_size=9),
    "three": refused(3),
    "named": refused(["GPU:7"]),
}))  # fmt: skip
