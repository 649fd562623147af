"""Convolutional classifiers of faces: pictures in 0 to 255 go in, logits come out.

Scaling is part of every model, so that a saved file carries it. Every model is functional, ends in layers ``features``
(a vector per picture, for embedding maps) and ``logits`` (float32), and runs on TensorFlow, JAX and torch.
"""

import math
import os

import keras
from keras import layers

from emorec.arguments import explained
from emorec.errors import BadInput, DataMissing
from emorec.faces.layers import AffineSampling, ImageNetScaling, SelfAttention2D, Standardise
from emorec.types import Numbers

MOMENTUM = 0.9  # Keras' 0.99 leaves the moving statistics behind for the first epochs of a small set
SMALLEST = 75  # least edge that the Inception networks take; smaller pictures are enlarged for every backbone
BACKBONES = {  # name -> (function of keras.applications, scaling)
    "vgg16": ("VGG16", "caffe"),
    "resnet50": ("ResNet50", "caffe"),
    "inception-v3": ("InceptionV3", "tf"),
    "inception-resnet-v2": ("InceptionResNetV2", "tf"),
}


@explained
def build_face_model(
    name: str = "vgg", input_shape: Numbers = (48, 48, 1), classes: int = 7, *, width: int | None = None,
    dropout: float | None = None, weights: str | None = "imagenet", backbone_size: int | None = None,
) -> keras.Model:  # fmt: skip
    """A face classifier.

    Args:
        name: One of ``FACE_MODELS``.
        input_shape: (H, W, 1) grey or (H, W, 3) RGB.
        classes: Number of logits.
        width: Channels of the first stage; None takes the model's own. Cost grows with its square. Not for backbones.
        dropout: Rate before the logits, and half of it inside; None takes the model's own.
        weights: For backbones: ``imagenet`` (downloaded once), None (random) or a weights file.
        backbone_size: For backbones: edge to which smaller pictures are enlarged, at least 75.

    Returns:
        A functional `keras.Model` from float pictures (B, H, W, C) in 0 to 255 to float32 logits (B, classes).

    Raises:
        BadInput: Unknown name, or a number out of range. DataMissing: no ImageNet weights and no network.
    """
    if name not in FACE_MODELS:
        raise BadInput(f"There is no face model {name!r}; choose one of {', '.join(FACE_MODELS)}.")
    shape = tuple(input_shape)
    if len(shape) != 3 or shape[-1] not in (1, 3) or min(shape[:2]) < 24:
        raise BadInput(f"input_shape is (H, W, 1 or 3) with edges of at least 24; received {shape}.")
    if classes < 2 or (width is not None and width < 1) or (dropout is not None and not 0 <= dropout < 1):
        raise BadInput(f"Out of range: classes={classes!r}, width={width!r} or dropout={dropout!r}.")
    images = layers.Input(shape, name="image")
    if name in BACKBONES:
        features = _backbone(name, images, weights, backbone_size)
        dropout = 0.3 if dropout is None else dropout
    else:
        body, own_width, own_dropout = _BODIES[name]
        dropout = own_dropout if dropout is None else dropout
        features = body(Standardise(name="standardise")(images), own_width if width is None else width, dropout)
    hidden = layers.Dropout(dropout)(layers.Identity(name="features")(features))
    logits = layers.Dense(classes, dtype="float32", name="logits")(hidden)
    return keras.Model(images, logits, name=name.replace("-", "_"))


_PLAIN = dict(use_bias=False, kernel_initializer="he_normal")  # a convolution under a normalisation


def _norm():
    return layers.BatchNormalization(momentum=MOMENTUM)


def _conv(x, filters, size=3, **options):
    x = layers.Conv2D(filters, size, padding="same", **_PLAIN, **options)(x)
    return layers.ReLU()(_norm()(x))


def _lenet(x, width, dropout):
    """LeCun et al. 1998 with rectifiers and maxima: two 5 x 5 convolutions and two hidden layers."""
    for factor in (1, 16 / 6):
        x = layers.Conv2D(round(factor * width), 5, activation="relu", kernel_initializer="he_normal")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    for units in (20 * width, 14 * width):
        x = layers.Dense(units, activation="relu", kernel_initializer="he_normal")(x)
    return x


def _double(x, filters, first=False):
    """Two convolutions and a halving. The maximum comes before the normalisation, which then costs a quarter; at full
    size the first convolution goes without one, since the picture comes standardised."""
    if first:
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    else:
        x = _conv(x, filters)
    x = layers.Conv2D(filters, 3, padding="same", **_PLAIN)(x)
    return layers.ReLU()(_norm()(layers.MaxPooling2D()(x)))


def _vgg(x, width, dropout):
    """Four stages of two 3 x 3 convolutions (Simonyan & Zisserman 2015) down to 3 x 3 maps of 8 x width, averaged."""
    for stage in range(4):
        x = _double(x, width * 2**stage, first=stage == 0)
        if stage in (1, 2):
            x = layers.SpatialDropout2D(dropout / 2)(x)
    return layers.GlobalAveragePooling2D()(x)


def _mini_xception(x, width, dropout):
    """Arriaga et al. 2017, arXiv:1710.07557: four residual stages of separable convolutions. The paper ends in a 3 x 3
    convolution to the classes, here a dense layer, hence 51 thousand weights instead of 58."""
    for _ in range(2):
        x = layers.Conv2D(width, 3, use_bias=False)(x)
        x = layers.ReLU()(_norm()(x))
    for stage in range(1, 5):
        filters = width * 2**stage
        shortcut = _norm()(layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x))
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(_norm()(x))
        x = _norm()(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = layers.Add()([layers.MaxPooling2D(3, strides=2, padding="same")(x), shortcut])
    return layers.GlobalAveragePooling2D()(x)


def _residual(x, filters, strides):
    """A basic block (He et al. 2016, arXiv:1512.03385, fig. 2)."""
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = _norm()(layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x))
    x = _conv(x, filters, strides=strides)
    x = layers.Conv2D(filters, 3, padding="same", **_PLAIN)(x)
    return layers.ReLU()(layers.Add()([_norm()(x), shortcut]))


def _resnet(x, width, dropout):
    """A halved stem and three stages of two basic blocks, at 24, 12 and 6 pixels for a picture of 48."""
    x = _double(x, width, first=True)
    for stage in range(3):
        x = _residual(x, width * 2**stage, 2 if stage else 1)
        x = _residual(x, width * 2**stage, 1)
        if stage:
            x = layers.SpatialDropout2D(dropout / 2)(x)
    return layers.GlobalAveragePooling2D()(x)


def _deep_emotion(x, width, dropout):
    """Minaee & Abdolrashidi 2019, arXiv:1902.01019, section 3: a network finds the transform under which four
    convolutions see the face; it starts as the identity. The paper has ten maps a layer (``width=10``); the batch
    normalisation is an addition."""
    where = x
    for filters, size in ((8, 7), (10, 5)):
        where = layers.Conv2D(filters, size, kernel_initializer="he_normal")(where)
        where = layers.ReLU()(layers.MaxPooling2D()(where))
    where = layers.Dense(32, activation="relu")(layers.Flatten()(where))
    offsets = layers.Dense(6, kernel_initializer="zeros", name="transform", dtype="float32")(where)
    # At the pace of the other layers the transform runs off before they have learnt what a face looks like, and
    # nothing is learnt at all: it goes at a tenth (Jaderberg et al. 2015 slow theirs down likewise).
    offsets = layers.Rescaling(0.1, name="offsets", dtype="float32")(offsets)
    x = AffineSampling(name="warped")([x, offsets])
    x = _double(x, width, first=True)
    x = layers.SpatialDropout2D(dropout / 2)(_double(x, width))
    return layers.Dense(50, activation="relu")(layers.Flatten()(x))


def _attention_cnn(x, width, dropout):
    """Attention-augmented convolutions (Bello et al. 2019, arXiv:1904.09925, section 3.3), at 12 x 12 and 6 x 6
    positions for pictures of 48 x 48."""
    x = _double(x, width, first=True)
    x = layers.SpatialDropout2D(dropout / 2)(_double(x, 2 * width))
    for stage, filters in ((1, 4 * width), (2, 8 * width)):
        x = _augmented(x, filters, f"attention_{stage}")
        x = layers.SpatialDropout2D(dropout / 2)(layers.MaxPooling2D()(_conv(x, filters)))
    return layers.GlobalAveragePooling2D()(x)


def _augmented(x, filters, name):
    """A quarter of the new maps come from self-attention over all positions, the rest from a convolution."""
    looked_up = max(filters // 4, 4) // 4 * 4
    local = layers.Conv2D(filters - looked_up, 3, padding="same", **_PLAIN)(x)
    everywhere = layers.Conv2D(looked_up, 1, use_bias=False)(x)
    everywhere = SelfAttention2D(looked_up, heads=4, name=name)(everywhere)
    return layers.ReLU()(_norm()(layers.Concatenate()([local, everywhere])))


_BODIES = {  # name -> (body, width, dropout)
    "lenet": (_lenet, 6, 0.2),
    "vgg": (_vgg, 32, 0.3),
    "mini-xception": (_mini_xception, 8, 0.0),
    "resnet": (_resnet, 32, 0.3),
    "deep-emotion": (_deep_emotion, 32, 0.3),
    "attention-cnn": (_attention_cnn, 24, 0.3),
}
FACE_MODELS = (*_BODIES, *BACKBONES)


def _backbone(name, images, weights, size):
    """Pooled features of a network of keras.applications. With pretrained weights it starts frozen, and its batch
    normalisation stays in inference mode."""
    function, mode = BACKBONES[name]
    height, width, _ = images.shape[1:]
    size = SMALLEST if size is None else size
    if size < SMALLEST:
        raise BadInput(f"backbone_size={size!r} is below {SMALLEST}, the least that the Inception networks take.")
    x = ImageNetScaling(mode, name="scaling")(images)
    if min(height, width) < size:
        scale = size / min(height, width)
        height, width = round(scale * height), round(scale * width)
        x = layers.Resizing(height, width, interpolation="bilinear", name="enlarge")(x)
    build = getattr(keras.applications, function)
    try:
        backbone = build(
            include_top=False, weights=weights, input_shape=(height, width, 3), pooling="avg", name="backbone"
        )
    except Exception as error:
        if weights != "imagenet":
            raise BadInput(f"The weights {str(weights)!r} do not load into {function}: {error}") from error
        raise DataMissing(
            f"The ImageNet weights of {function} ({error})",
            [os.path.join(os.environ.get("KERAS_HOME", "~/.keras"), "models")],
            "go online once: Keras downloads them",
            "weights=None starts from random weights, which need far more pictures",
        ) from error
    backbone.trainable = weights is None
    return backbone(x, training=False) if weights is not None else backbone(x)


def fine_tune(model: keras.Model, last: int | None = None) -> int:
    """Unfreezes the backbone of a transfer model, or its ``last`` layers; normalisation layers stay frozen.

    Compile again afterwards (`emorec.training.fit` does), with about a tenth of the learning rate.

    Returns:
        The number of weights that train now.

    Raises:
        BadInput: The model has no backbone.
    """
    if "backbone" not in {layer.name for layer in model.layers}:
        raise BadInput(f"Model {model.name!r} has no backbone; fine-tuning is for {', '.join(BACKBONES)}.")
    backbone = model.get_layer("backbone")
    backbone.trainable = True
    first = 0 if last is None else len(backbone.layers) - last
    for i, layer in enumerate(backbone.layers):
        layer.trainable = i >= first and not isinstance(layer, layers.BatchNormalization)
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_adds(model: keras.Model) -> int:
    """Multiplications and additions, in pairs, that the convolutions and dense layers of a model do for one picture."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D)):
            kernels = sum(math.prod(w.shape) for w in layer.weights if w.path.rsplit("/", 1)[-1] != "bias")
            total += kernels * layer.output.shape[1] * layer.output.shape[2]
        elif isinstance(layer, layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total
