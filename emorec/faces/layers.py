"""Layers that face models are made of: scaling inside the model, a spatial transformer, self-attention on maps."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from emorec.attention import SelfAttention
from emorec.errors import BadInput
from emorec.types import Shape, Tensor


def _check_maps(layer, shape):
    if len(shape) != 4 or None in shape[1:]:
        raise BadInput(f"{layer} needs maps of a known shape (batch, height, width, channels); got {tuple(shape)}.")


@keras.saving.register_keras_serializable(package="emorec")
class Standardise(keras.layers.Layer):
    """Each picture minus its mean, over its standard deviation, all pixels and channels together.

    Light and contrast of the picture drop out, whatever its range; a flat picture becomes 0. Float tensor
    (B, H, W, C) to the same shape. Computed in float32.

    Example:
        >>> tuple(Standardise()(ops.ones((2, 48, 48, 1))).shape)
        (2, 48, 48, 1)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # sums over pixels leave the range of float16

    def call(self, images: Tensor) -> Tensor:
        images = ops.cast(images, "float32")
        centred = images - ops.mean(images, axis=(1, 2, 3), keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(centred), axis=(1, 2, 3), keepdims=True))
        return ops.cast(centred / ops.maximum(spread, 1e-3), self.compute_dtype)

    def compute_output_shape(self, shape: Shape) -> tuple:
        return tuple(shape)


@keras.saving.register_keras_serializable(package="emorec")
class ImageNetScaling(keras.layers.Layer):
    """Pictures (B, H, W, 1 or 3), grey or RGB in 0 to 255, as networks trained on ImageNet expect them: 3 channels.

    Args:
        mode: ``caffe`` (VGG16, ResNet50: BGR minus the mean colour) or ``tf`` (Inception: -1 to 1), as in
            `keras.applications`.

    Example:
        >>> tuple(ImageNetScaling("tf")(ops.ones((1, 8, 8, 1))).shape)
        (1, 8, 8, 3)
    """

    def __init__(self, mode: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("caffe", "tf"):
            raise BadInput(f"ImageNetScaling: mode={mode!r} is unknown; choose caffe or tf.")
        self.mode = mode

    def call(self, images: Tensor) -> Tensor:
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        if self.mode == "tf":
            return images / 127.5 - 1
        return ops.flip(images, axis=-1) - ops.convert_to_tensor([103.939, 116.779, 123.68], dtype=images.dtype)

    def compute_output_shape(self, shape: Shape) -> tuple:
        return (*shape[:-1], 3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


def _bilinear(flat, x, y, height, width):
    """Maps (B, H W, C) read at the positions x and y, each (B, N), within 0 to W - 1 and 0 to H - 1: (B, N, C)."""
    left, top = ops.clip(ops.floor(x), 0, max(width - 2, 0)), ops.clip(ops.floor(y), 0, max(height - 2, 0))
    right_share, lower_share = x - left, y - top
    first = ops.cast(top * width + left, "int32")
    below, beside = width if height > 1 else 0, 1 if width > 1 else 0
    total = 0
    for offset, share in (
        (0, (1 - lower_share) * (1 - right_share)),
        (beside, (1 - lower_share) * right_share),
        (below, lower_share * (1 - right_share)),
        (below + beside, lower_share * right_share),
    ):
        corner = ops.take_along_axis(flat, ops.expand_dims(first + offset, -1), axis=1)
        total = total + ops.expand_dims(share, -1) * corner
    return total


@keras.saving.register_keras_serializable(package="emorec")
class AffineSampling(keras.layers.Layer):
    """The sampler of a spatial transformer (Jaderberg et al. 2015, arXiv:1506.02025, eq. 1 and 3), in two dimensions.

    The output at position t is the input at ``(I + A) t + b``, read bilinearly; positions run from -1 to 1 over the
    picture, and outside of it the border goes on. Offsets of 0 are the identity, exactly. Both inputs have a gradient,
    unlike those of `keras.ops.image.affine_transform`; `map_coordinates` has one but wants to know the batch size.

    Call arguments:
        inputs: Pair of maps, float (B, H, W, C), and offsets, float (B, 6), the rows of ``[A | b]``: x first, then y.

    Returns:
        Maps (B, H, W, C).

    Example:
        >>> same = ops.convert_to_tensor([[1.0, 0, 0, 0, 1, 0]])
        >>> tuple(AffineSampling()([ops.ones((1, 8, 8, 3)), same]).shape)
        (1, 8, 8, 3)
    """

    def build(self, shapes: Sequence[Shape]) -> None:
        maps, offsets = shapes
        _check_maps("AffineSampling", maps)
        if tuple(offsets[1:]) != (6,):
            raise BadInput(f"AffineSampling needs offsets of shape (batch, 6); got {tuple(offsets)}.")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        maps, offsets = (ops.cast(x, "float32") for x in inputs)
        height, width, channels = maps.shape[1:]
        y, x = ops.meshgrid(ops.arange(height, dtype="float32"), ops.arange(width, dtype="float32"), indexing="ij")
        y, x = ops.reshape(y, (-1,)), ops.reshape(x, (-1,))
        half_y, half_x = max(height - 1, 1) / 2, max(width - 1, 1) / 2
        grid = ops.stack([x / half_x - 1, y / half_y - 1, ops.ones_like(x)])  # (3, H W)
        shift = ops.matmul(ops.reshape(offsets, (-1, 2, 3)), grid)  # (B, 2, H W)
        x = ops.clip(x + half_x * shift[:, 0], 0, width - 1)
        y = ops.clip(y + half_y * shift[:, 1], 0, height - 1)
        sampled = _bilinear(ops.reshape(maps, (-1, height * width, channels)), x, y, height, width)
        sampled = ops.reshape(sampled, (-1, height, width, channels))
        return ops.cast(sampled, self.compute_dtype)

    def compute_output_shape(self, shapes: Sequence[Shape]) -> tuple:
        return tuple(shapes[0])


@keras.saving.register_keras_serializable(package="emorec")
class SelfAttention2D(keras.layers.Layer):
    """Every position of a map looks at every position: `emorec.attention.SelfAttention` on H x W steps.

    A learned vector per row and per column is added first, since attention alone does not know where it is (as in
    Bello et al. 2019, arXiv:1904.09925, section 3.2, who learn relative ones).

    Args:
        units: Width over all heads together, a multiple of ``heads``.
        heads: Number of heads.

    Call arguments:
        maps: Float tensor (B, H, W, D).
        return_attention_scores: Also return the weights.

    Returns:
        Maps (B, H, W, D), or (maps, weights) with weights (B, heads, H W, H W), rows summing to 1.

    Example:
        >>> tuple(SelfAttention2D(units=8, heads=2)(ops.ones((1, 6, 6, 4))).shape)
        (1, 6, 6, 4)
    """

    def __init__(self, units: int = 32, heads: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.heads = units, heads
        self.attention = SelfAttention(units, heads, dtype=self.dtype_policy, name="attention")

    def build(self, shape: Shape) -> None:
        _check_maps("SelfAttention2D", shape)
        _, height, width, features = shape
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.rows = self.add_weight(shape=(height, 1, features), initializer=small, name="rows")
        self.columns = self.add_weight(shape=(1, width, features), initializer=small, name="columns")
        self.attention.build((shape[0], height * width, features))

    def call(self, maps: Tensor, return_attention_scores: bool = False, training: bool | None = None) -> Tensor:
        _, height, width, features = maps.shape
        steps = ops.reshape(maps + self.rows + self.columns, (-1, height * width, features))
        steps, scores = self.attention(steps, return_attention_scores=True, training=training)
        maps = ops.reshape(steps, (-1, height, width, features))
        return (maps, scores) if return_attention_scores else maps

    def compute_output_shape(self, maps_shape: Shape) -> tuple:
        return tuple(maps_shape)

    def compute_output_spec(
        self, maps: Tensor, return_attention_scores: bool = False, training: bool | None = None
    ) -> Tensor:
        steps = maps.shape[1] * maps.shape[2]
        same = keras.KerasTensor(maps.shape, dtype=self.compute_dtype)
        scores = keras.KerasTensor((maps.shape[0], self.heads, steps, steps), dtype=self.compute_dtype)
        return (same, scores) if return_attention_scores else same

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "heads": self.heads}
