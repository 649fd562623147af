"""The library mtcnn with its three networks in TensorFlow's own operations: they serve on every backend of Keras.

The library builds them in Keras and asks their answers for ``.numpy()``, which only TensorFlow's have; on JAX they
would also be compiled for each new size of picture, for seconds. The weights and all around the networks are its own.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import keras
import lz4.frame
import mtcnn
import numpy as np
import tensorflow as tf
from mtcnn import MTCNN
from mtcnn.stages import StageONet, StagePNet, StageRNet
from mtcnn.stages.base import StageBase

from emorec.types import Tensor


def load(least: int) -> MTCNN:
    """The library's detector, on the CPU; its ``detect_faces(image, shrink=...)`` seeks proposals in a smaller copy.

    Args:
        least: Smallest face that it looks for, pixels.
    """
    if keras.backend.backend() != "tensorflow":
        with contextlib.suppress(RuntimeError):  # TensorFlow is in use already
            tf.config.set_visible_devices([], "GPU")  # it would take the memory that Keras needs
    with tf.device("CPU:0"):
        return MTCNN(stages=[_Proposals(least), _Refinement(), _Output()])


class _Stage:
    """A stage with a network that is not of Keras."""

    weights: str

    def __init__(self) -> None:
        # By its path: the library would take a file of the working folder that has this name.
        folder = Path(mtcnn.__file__).parent / "assets" / "weights"
        # Unpacked first: an open file of lz4 complains on Python 3.13 when it is forgotten.
        numbers = joblib.load(io.BytesIO(lz4.frame.decompress((folder / self.weights).read_bytes())))
        weights = [tf.constant(weight, "float32") for weight in numbers]
        StageBase.__init__(self, self.weights, self.weights, lambda x: self.network(x, iter(weights)))

    def network(self, x: Tensor, weights: Iterator[Tensor]) -> list[Tensor]:
        """Answers to pictures, float32 (N, height, width, 3) in -1..1; ``weights`` come in the order of their use."""
        raise NotImplementedError


class _Proposals(_Stage, StagePNet):
    """The first stage: shifts of a box (N, rows, columns, 4) and scores (N, rows, columns, 2)."""

    weights = "pnet.lz4"

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least

    def network(self, x: Tensor, weights: Iterator[Tensor]) -> list[Tensor]:
        x = tf.nn.max_pool2d(_convolved(x, weights), 2, 2, "SAME")
        x = _convolved(_convolved(x, weights), weights)
        return [_affine(x, weights), tf.nn.softmax(_affine(x, weights))]

    def __call__(self, images_normalized: Any, images_oshapes: Any, shrink: float = 1.0, **options: Any) -> np.ndarray:
        """On a smaller copy: this stage does most of the work, and finds no face below its least size."""
        if shrink < 1:
            wanted = np.maximum(1, np.rint(np.array(images_normalized.shape[1:3]) * shrink)).astype(int)
            images_normalized = tf.image.resize(images_normalized, wanted, method="area").numpy()
            images_oshapes = np.array([image.shape for image in images_normalized])
        boxes = super().__call__(
            images_normalized=images_normalized, images_oshapes=images_oshapes, min_face_size=self.least, **options
        )
        boxes[:, 1:5] /= shrink
        return boxes


class _Refinement(_Stage, StageRNet):
    """The second stage, on pictures of 24 x 24: shifts of their boxes (N, 4) and scores (N, 2)."""

    weights = "rnet.lz4"

    def network(self, x: Tensor, weights: Iterator[Tensor]) -> list[Tensor]:
        x = tf.nn.max_pool2d(_convolved(x, weights), 3, 2, "SAME")
        x = tf.nn.max_pool2d(_convolved(x, weights), 3, 2, "VALID")
        x = _dense(_convolved(x, weights), weights)
        return [_affine(x, weights), tf.nn.softmax(_affine(x, weights))]


class _Output(_Stage, StageONet):
    """The third stage, on pictures of 48 x 48: shifts of their boxes (N, 4), five points (N, 10), scores (N, 2)."""

    weights = "onet.lz4"

    def network(self, x: Tensor, weights: Iterator[Tensor]) -> list[Tensor]:
        x = tf.nn.max_pool2d(_convolved(x, weights), 3, 2, "SAME")
        x = tf.nn.max_pool2d(_convolved(x, weights), 3, 2, "VALID")
        x = tf.nn.max_pool2d(_convolved(x, weights), 2, 2, "SAME")
        x = _dense(_convolved(x, weights), weights)
        return [_affine(x, weights), _affine(x, weights), tf.nn.softmax(_affine(x, weights))]


def _affine(x, weights):
    """A convolution, or a matrix product, and the bias."""
    kernel, bias = next(weights), next(weights)
    return bias + (tf.nn.conv2d(x, kernel, 1, "VALID") if len(kernel.shape) == 4 else x @ kernel)


def _active(x, weights):
    """max(x, 0) + slope * min(x, 0), the slopes learned."""
    return tf.nn.relu(x) - next(weights) * tf.nn.relu(-x)


def _convolved(x, weights):
    return _active(_affine(x, weights), weights)


def _dense(x, weights):
    """A layer on all numbers of a map, which the weights expect column by column."""
    columns = tf.transpose(x, [0, 2, 1, 3])
    return _active(_affine(tf.reshape(columns, [-1, np.prod(columns.shape[1:])]), weights), weights)
