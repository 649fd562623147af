"""Faces of a wanted class from an auxiliary-classifier GAN.

Odena, Olah & Shlens 2017, arXiv:1610.09585: the generator receives a class, and the discriminator judges whether a
picture is real and which class it shows. As in DCGAN (Radford et al. 2016, arXiv:1511.06434), the generator enlarges by
transposed convolutions with batch normalisation, and the discriminator halves the picture by strides of two.

One thing differs from the paper: the discriminator learns the classes of real pictures alone, and that generated ones
show none (all classes alike). Where it learns the wanted class of generated ones too, both networks soon agree on marks
that no other network takes for the class.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from emorec import metrics, training
from emorec.datasets.base import objects
from emorec.errors import BadInput
from emorec.labels import LabelSet
from emorec.types import Strings

MEMORY = 0.99  # share that the running mean of the generator's weights keeps at a step
SMOOTHING = 0.1  # of the classes, without which the generator drives their logits ever further


class ACGAN:
    """A generator and a discriminator of faces; trains on any Keras backend.

    Args:
        size: Edge of the pictures, a multiple of 8.
        channels: 1 (grey) or 3 (RGB).
        latent: Length of the noise.
        width: Maps of the finest layer of the generator; the discriminator has twice as many.
        batch_size, learning_rate: Real pictures a step, and the rate of both Adams (beta_1 0.5).
        real: Target for real pictures; below 1 smooths it one-sidedly (Salimans et al. 2016, arXiv:1606.03498, 3.4).
        seed: Of weights, noise and the order of pictures.

    Attributes:
        average: The generator that `sample` uses: a running mean of the weights of training, whose pictures are less
            noisy than those of any one step (Karras et al. 2018, arXiv:1710.10196, section 6.1).

    Example:
        >>> gan = ACGAN(size=16, width=4, batch_size=4)
        >>> gan.latent
        64
    """

    def __init__(
        self, size: int = 48, channels: int = 1, latent: int = 64, width: int = 32, batch_size: int = 64,
        learning_rate: float = 2e-4, real: float = 0.9, seed: int = 0,
    ) -> None:  # fmt: skip
        if size < 16 or size % 8 or channels not in (1, 3):
            raise BadInput(
                f"An AC-GAN draws squares of a multiple of 8, at least 16, in 1 or 3 channels: {size=}, {channels=}."
            )
        self.size, self.channels, self.latent, self.width = size, channels, latent, width
        self.batch_size, self.learning_rate, self.real, self.seed = batch_size, learning_rate, real, seed
        self.label_set: Any = None
        self.history: list[dict] = []
        self._steps = 0

    def fit(
        self, images: np.ndarray, labels: Strings, label_set: LabelSet | None = None, *, epochs: int = 60,
        progress: Callable[[str], None] | None = print,
    ) -> ACGAN:  # fmt: skip
        """Trains; called again, it goes on from where it was.

        Args:
            images: uint8 (N, size, size) or (N, size, size, channels).
            labels: N class names.
            label_set: The classes and their order; None takes the sorted names.
            epochs: Passes over the pictures.
            progress: Receives a line per epoch; None is silent.

        Returns:
            self, with ``history``: a dict an epoch of ``discriminator`` and ``generator`` (mean losses), ``class_real``
            and ``class_generated`` (cross-entropies of the class in 128 pictures at its end), ``seconds``.
        """
        x = self._scaled(images)
        if self.label_set is None:
            self.label_set = label_set or LabelSet("inferred", tuple(sorted(set(labels))))
            self._build(len(self.label_set))
        y = self._one_hot(labels)
        if len(y) != len(x) or len(x) == 0:
            raise BadInput(f"{len(x)} pictures and {len(y)} labels.")
        for _ in range(epochs):
            started = time.perf_counter()
            row = self._epoch(x, y, np.random.default_rng([self.seed, len(self.history)]))
            self.history.append(row | {"seconds": time.perf_counter() - started})
            if progress is not None:
                text = " · ".join(f"{name} {value:.3f}" for name, value in row.items())
                progress(f"epoch {len(self.history)} · {self.history[-1]['seconds']:.1f} s · {text}")
        return self

    def sample(self, labels: Strings, seed: int = 0) -> np.ndarray:
        """New faces, uint8 (N, size, size) or (N, size, size, 3), one for each class name in ``labels``."""
        if self.label_set is None:
            raise BadInput("This AC-GAN is not trained yet: call fit(images, labels).")
        pictures = self._draw(self._one_hot(labels), np.random.default_rng([self.seed, 909, seed]), self.average)
        pictures = np.rint(127.5 * (pictures + 1)).clip(0, 255).astype("uint8")
        return pictures[..., 0] if self.channels == 1 else pictures

    def _one_hot(self, labels):
        return training.one_hot(self.label_set.encode(objects(labels)), len(self.label_set))

    def _scaled(self, images):
        images = np.asarray(images)
        images = images[..., None] if images.ndim == 3 else images
        if images.dtype != np.uint8 or images.shape[1:] != (self.size, self.size, self.channels):
            wanted = (self.size, self.size, self.channels)
            raise BadInput(f"This AC-GAN takes uint8 pictures (N, {wanted}); received {images.dtype} {images.shape}.")
        return images.astype("float32") / 127.5 - 1

    def _build(self, classes):
        keras.utils.set_random_seed(self.seed)
        self.generator = _generator(self.size, self.channels, self.latent, self.width, classes)
        self.discriminator = _discriminator(self.size, self.channels, self.width, classes)
        noise, wanted = keras.Input((self.latent,)), keras.Input((classes,))
        self.chain = keras.Model([noise, wanted], self.discriminator(self.generator([noise, wanted])))
        for model in (self.discriminator, self.chain):
            model.compile(
                optimizer=keras.optimizers.Adam(self.learning_rate, beta_1=0.5),
                loss=[
                    keras.losses.BinaryCrossentropy(from_logits=True),
                    keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING),
                ],
                jit_compile=False,
            )
        self.average = _generator(self.size, self.channels, self.latent, self.width, classes)
        self.average.set_weights(self.generator.get_weights())

    def _follow(self):
        """Moves the running mean of the weights on by a step."""
        self._steps += 1
        kept = min(MEMORY, self._steps / (10 + self._steps))
        for mean, weight in zip(self.average.variables, self.generator.variables):
            mean.assign(kept * mean + (1 - kept) * weight)

    def _draw(self, y, rng, generator=None):
        parts = [np.zeros((0, self.size, self.size, self.channels), dtype="float32")]
        for start in range(0, len(y), 256):
            part = y[start : start + 256]
            noise = rng.standard_normal((len(part), self.latent)).astype("float32")
            parts.append(np.asarray((generator or self.generator).predict_on_batch([noise, part])))
        return np.concatenate(parts)

    def _epoch(self, x, y, rng):
        order, classes = rng.permutation(len(x)), y.shape[1]
        size = min(self.batch_size, len(x))
        sums, none = np.zeros(2), np.full((size, classes), 1 / classes, dtype="float32")
        steps = len(x) // size
        for step in range(steps):
            picked = order[step * size : (step + 1) * size]
            wanted = np.eye(classes, dtype="float32")[rng.integers(0, classes, size)]
            shown = np.concatenate([x[picked], self._draw(wanted, rng)])
            origin = np.repeat(np.array([[self.real], [0.0]], dtype="float32"), size, axis=0)
            # Which weights a model trains is looked up at each step on some backends: it is set anew each time.
            self.discriminator.trainable = True
            judged = _step(self.discriminator, shown, [origin, np.concatenate([y[picked], none])])
            self.discriminator.trainable = False
            wanted = np.eye(classes, dtype="float32")[rng.integers(0, classes, size)]
            noise = rng.standard_normal((size, self.latent)).astype("float32")
            fooled = _step(self.chain, [noise, wanted], [np.ones((size, 1), dtype="float32"), wanted])
            self._follow()
            sums += judged, fooled
        some, wanted = order[:128], y[order[:128]]
        return {
            "discriminator": sums[0] / steps, "generator": sums[1] / steps,
            "class_real": self._class_loss(x[some], wanted),
            "class_generated": self._class_loss(self._draw(wanted, rng), wanted),
        }  # fmt: skip

    def _class_loss(self, pictures, y):
        """Cross-entropy of the class that the discriminator sees."""
        seen = metrics.probabilities(np.asarray(self.discriminator.predict_on_batch(pictures)[1]))
        return float(-np.log(seen[y == 1].clip(1e-7)).mean())


def _step(model, x, y):
    """The loss of one step. Keras would go on with the mean of all steps so far."""
    model.reset_metrics()
    return float(np.asarray(model.train_on_batch(x, y)[0]))


def _generator(size, channels, latent, width, classes):
    noise, wanted = keras.Input((latent,), name="noise"), keras.Input((classes,), name="class")
    edge = size // 8
    x = layers.Dense(edge * edge * 8 * width, use_bias=False)(layers.Concatenate()([noise, wanted]))
    x = layers.Reshape((edge, edge, 8 * width))(x)
    for filters in (4 * width, 2 * width, width):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2DTranspose(filters, 4, 2, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32")(x)
    return keras.Model([noise, wanted], x, name="generator")


def _discriminator(size, channels, width, classes):
    image = keras.Input((size, size, channels), name="image")
    x = image
    for filters in (2 * width, 4 * width, 8 * width):
        x = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.Dropout(0.3)(layers.LeakyReLU(0.2)(x))
    x = layers.Flatten()(x)
    outputs = [
        layers.Dense(1, dtype="float32", name="origin")(x),
        layers.Dense(classes, dtype="float32", name="which")(x),
    ]
    return keras.Model(image, outputs, name="discriminator")
