"""Voice classifiers as Keras models: frames under an encoder and an attention, or statistics under a linear or kernel
machine.

A model of frames is a functional one whose layers are found by name: ``frames`` (input), ``mask``, ``encoder``,
``attention`` (``pooling`` where there is none), ``logits``.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from emorec.checks import choice, fraction, positive_int
from emorec.errors import BadInput
from emorec.text.layers import MaskedMax, MaskedMean, SequenceEncoder
from emorec.text.models import attention_layer, encoder_layers, head, seeded
from emorec.types import Shape, Tensor

MACHINES = ("lda", "qda", "svm")
ENCODERS = ("cnn", "lstm", "bilstm", "gru", "bigru", "cnn-bilstm", "cnn-bigru")
ATTENTIONS = ("none", "uniform", "global", "self", "structured")
ROUNDED = 0.3  # share of the sphere in the covariance of each class of a quadratic discriminant (Friedman 1989)


@keras.saving.register_keras_serializable(package="emorec")
class PresentFrames(keras.layers.Layer):
    """Frames (B, T, 1 + D), whose first column is 1 at real frames and 0 at padding, to booleans (B, T).

    Example:
        >>> tuple(PresentFrames()(ops.ones((2, 5, 3))).shape)
        (2, 5)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        self.built = True

    def call(self, frames: Tensor) -> Tensor:
        return ops.greater(frames[..., 0], 0.5)

    def compute_output_spec(self, frames: Tensor) -> Tensor:
        return keras.KerasTensor(frames.shape[:-1], dtype="bool")

    def compute_output_shape(self, frames_shape: Shape) -> tuple:
        return frames_shape[:-1]


def build_voice_model(
    *, features: int, classes: int, encoder: str = "cnn", attention: str = "global", units: int = 64,
    attention_units: int = 64, filters: int = 64, kernel_size: int = 5, layers: int = 2, dropout: float = 0.3,
    heads: int = 1, hops: int = 4, seed: int | None = None,
) -> keras.Model:  # fmt: skip
    """A classifier of sequences of frames.

    "cnn" is a stack of convolutions over time; the recurrent encoders read the frames in one direction or both;
    "cnn-bilstm" and "cnn-bigru" put a recurrent layer on the convolutions. Without attention the mean and the largest
    value of every feature over the real frames stand side by side.

    Args:
        features: D, numbers in a frame, without the column that says whether it is there.
        classes: Number of logits.
        encoder: One of ``ENCODERS``.
        attention: One of ``ATTENTIONS``; "self" is followed by the mean.
        units: State of a recurrent encoder, in each direction.
        attention_units: Width of the attention.
        filters, kernel_size: Of the convolutions; the width in frames.
        layers: How many convolutions, or recurrent layers; of "cnn-bilstm" the convolutions.
        dropout: Rate on the encoder's states and before the logits; half of it on whole features of the frames.
        heads, hops: Of "self" and of "structured".
        seed: Of the initial weights and of dropout; None draws one.

    Returns:
        ``keras.Model``: float32 (B, T, 1 + D) to float32 logits (B, classes), no softmax. Frames of zeros may be
        appended at will: no logit changes.

    Raises:
        BadInput: An unknown name, or a number out of range.
    """
    choice("encoder", encoder, ENCODERS)
    choice("attention", attention, ATTENTIONS)
    features, classes = (positive_int("build_voice_model", *x) for x in (("features", features), ("classes", classes)))
    dropout = fraction("build_voice_model", "dropout", dropout)
    with seeded(seed):
        frames = keras.Input((None, 1 + features), name="frames")
        mask = PresentFrames(name="mask")(frames)
        # Whole features are dropped, for all frames of a sound at once: a frame's neighbours hold the same number.
        states = keras.layers.SpatialDropout1D(dropout / 2, name="feature_dropout")(frames[..., 1:])
        parts = _encoder(encoder, units, layers, filters, kernel_size)
        states = SequenceEncoder(parts, name="encoder")(states, mask=mask)
        states = keras.layers.Dropout(dropout, name="states_dropout")(states)
        layer = attention_layer(attention, attention_units, heads=heads, scoring="dot", hops=hops, penalty=0.0)
        if layer is not None:
            states, *_ = layer(states, mask=mask, return_attention_scores=True)
        if attention == "none":
            pooled = [MaskedMean(name="mean")(states, mask=mask), MaskedMax(name="largest")(states, mask=mask)]
            states = keras.layers.Concatenate(name="pooling")(pooled)
        elif attention == "self":
            states = MaskedMean(name="pooling")(states, mask=mask)
        elif attention == "structured":
            states = keras.layers.Reshape((layer.hops * states.shape[-1],), name="hops")(states)
        return keras.Model(frames, head(states, classes, dropout), name="voice_model")


def _encoder(encoder, units, layers, filters, kernel_size):
    convolutions = dict(layers=layers, filters=filters, kernel_sizes=kernel_size)
    if encoder == "cnn":
        return encoder_layers("cnn", units, **convolutions)
    if encoder.startswith("cnn-"):
        return encoder_layers("cnn", units, **convolutions) + encoder_layers(encoder.removeprefix("cnn-"), units)
    return encoder_layers(encoder, units, layers=layers)


# --- statistics


@keras.saving.register_keras_serializable(package="emorec")
class KernelMachine(keras.layers.Layer):
    """Support vector machines with a Gaussian kernel, one for each class, as a layer.

    ``logit_c = sum_s coefficient_sc exp(-gamma ||x - v_s||^2) + bias_c`` (Cortes & Vapnik 1995, eq. 13 and 27), the
    vectors v_s shared between the classes.

    Args:
        vectors: S, how many vectors.
        classes: C, how many machines.
        gamma: Of the kernel.

    Call arguments:
        x: Float tensor (B, D).

    Returns:
        Logits (B, C).

    Example:
        >>> tuple(KernelMachine(vectors=5, classes=3, gamma=0.1)(ops.ones((2, 4))).shape)
        (2, 3)
    """

    def __init__(self, vectors: int, classes: int, gamma: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vectors = positive_int("KernelMachine", "vectors", vectors)
        self.classes = positive_int("KernelMachine", "classes", classes)
        self.gamma = float(gamma)
        if not 0 < self.gamma < np.inf:
            raise BadInput(f"KernelMachine: gamma must be a positive number, got {gamma!r}.")

    def build(self, shape: Shape) -> None:
        self.support = self.add_weight(shape=(self.vectors, shape[-1]), initializer="zeros", name="support")
        self.coefficients = self.add_weight(
            shape=(self.vectors, self.classes), initializer="zeros", name="coefficients"
        )
        self.bias = self.add_weight(shape=(self.classes,), initializer="zeros", name="bias")

    def call(self, x: Tensor) -> Tensor:
        squares = ops.sum(x**2, axis=-1, keepdims=True) + ops.sum(self.support**2, axis=-1)
        distances = ops.maximum(squares - 2 * ops.matmul(x, ops.transpose(self.support)), 0)
        return ops.matmul(ops.exp(-self.gamma * distances), self.coefficients) + self.bias

    def compute_output_shape(self, shape: Shape) -> tuple:
        return (*shape[:-1], self.classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vectors": self.vectors, "classes": self.classes, "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="emorec")
class Products(keras.layers.Layer):
    """Numbers (B, D) beside all their products and squares: a dense layer on them is a quadratic function.

    Returns:
        (B, D + D (D + 1) / 2); the products in the order of ``np.triu_indices(D)``.

    Example:
        >>> ops.convert_to_numpy(Products()(ops.convert_to_tensor([[2.0, 3.0]]))).tolist()
        [[2.0, 3.0, 4.0, 6.0, 9.0]]
    """

    def call(self, x: Tensor) -> Tensor:
        first, second = np.triu_indices(x.shape[-1])
        return ops.concatenate([x, ops.take(x, first, axis=1) * ops.take(x, second, axis=1)], axis=1)

    def compute_output_shape(self, shape: Shape) -> tuple:
        return (*shape[:-1], shape[-1] + shape[-1] * (shape[-1] + 1) // 2)


def fit_machine(kind: str, x: np.ndarray, targets: np.ndarray, *, classes: int, C: float = 3.0) -> keras.Model:
    """Trains a linear discriminant or support vector machines, and returns them as a Keras model.

    Every class weighs the same, however many examples it has.

    Args:
        kind: ``lda``, a linear discriminant whose covariance is shrunk (Ledoit & Wolf 2004): logits are log odds of
            Gaussians; ``qda``, the same in the plane that separates the classes best, where each has a covariance of
            its own; or ``svm``, a machine with a Gaussian kernel (gamma 1 / D) for each class against all others:
            logits are margins.
        x: Float (N, D), standardised.
        targets: Class indices, int (N,); every class occurs.
        classes: How many.
        C: Inverse regularisation of the machines.

    Returns:
        ``keras.Model``: float32 (B, D) to logits (B, classes).
    """
    x, targets = np.asarray(x, dtype="float64"), np.asarray(targets)
    if len(np.unique(targets)) != classes:
        missing = sorted(set(range(classes)) - set(targets.tolist()))
        raise BadInput(f"Every class needs an example; there is none of the classes {missing}.")
    inputs = read = keras.Input((x.shape[1],), name="statistics")
    if kind == "svm":
        gamma = 1 / x.shape[1]
        support, coefficients, bias = _support_vectors(x, targets, classes, C, gamma)
        layer = KernelMachine(len(support), classes, gamma, dtype="float32", name="logits")
        weights = [support, coefficients, bias]
    elif kind == "qda":
        directions, centre, *weights = _quadratic(x, targets, classes)
        plane = keras.layers.Dense(directions.shape[1], dtype="float32", name="plane")
        layer = keras.layers.Dense(classes, dtype="float32", name="logits")
        read = Products(dtype="float32", name="products")(plane(inputs))
        plane.set_weights([directions.astype("float32"), -(centre @ directions).astype("float32")])
    else:
        layer, weights = keras.layers.Dense(classes, dtype="float32", name="logits"), _discriminant(x, targets, classes)
    model = keras.Model(inputs, layer(read), name=kind)
    layer.set_weights([w.astype("float32") for w in weights])
    return model


def _support_vectors(x, targets, classes, C, gamma):
    from sklearn.svm import SVC

    coefficients, bias = np.zeros((len(x), classes)), np.zeros(classes)
    for k in range(classes):
        machine = SVC(C=C, gamma=gamma, class_weight="balanced").fit(x, targets == k)
        coefficients[machine.support_, k] = machine.dual_coef_[0]
        bias[k] = machine.intercept_[0]
    used = np.flatnonzero(np.abs(coefficients).sum(axis=1))
    return x[used], coefficients[used], bias


def _discriminant(x, targets, classes):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    equal = np.full(classes, 1 / classes)
    fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=equal).fit(x, targets)
    if classes == 2:  # scikit-learn keeps one row, the second class against the first
        return [np.stack([-fitted.coef_[0], fitted.coef_[0]], axis=1) / 2, np.r_[-1, 1] * fitted.intercept_[0] / 2]
    return [fitted.coef_.T, fitted.intercept_]


def _quadratic(x, targets, classes):
    """Directions (D, K) of a plane and its centre (D,), and the weights of quadratic log odds in `Products` of it."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    equal = np.full(classes, 1 / classes)
    linear = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto", priors=equal).fit(x, targets)
    centre, directions = x.mean(axis=0), linear.scalings_[:, : min(classes - 1, x.shape[1])]
    z = (x - centre) @ directions
    first, second = np.triu_indices(z.shape[1])
    kernel, bias = np.zeros((z.shape[1] + len(first), classes)), np.zeros(classes)
    for k in range(classes):
        own, mean = z[targets == k], z[targets == k].mean(axis=0)
        # Within classes the plane's covariance is the identity, which that of each class is drawn to.
        spread = (own - mean).T @ (own - mean) / len(own)
        precision = np.linalg.inv((1 - ROUNDED) * spread + ROUNDED * np.eye(len(spread)))
        kernel[:, k] = np.r_[precision @ mean, np.where(first == second, -0.5, -1.0) * precision[first, second]]
        bias[k] = (np.linalg.slogdet(precision)[1] - mean @ precision @ mean) / 2
    return directions, centre, kernel, bias


def sharpen(model: keras.Model, factor: float) -> None:
    """Multiplies the logits of a model of `fit_machine`: margins are no log odds, a factor brings them closer."""
    layer = model.get_layer("logits")
    *support, coefficients, bias = layer.get_weights()
    layer.set_weights([*support, coefficients * factor, bias * factor])
