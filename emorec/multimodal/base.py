"""What every fusion layer shares: the calling form, missing modalities, padding and saving."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from emorec.attention.masking import masked_softmax
from emorec.checks import positive_int
from emorec.errors import BadInput
from emorec.types import Shape, Tensor


def presence_weights(scores: Tensor, allowed: Tensor) -> Tensor:
    """`emorec.attention.masking.masked_softmax` over the last axis, in float32 whatever the precision of the scores.

    Args:
        scores: (..., M).
        allowed: bool, broadcastable to (..., M).
    """
    return masked_softmax(ops.cast(scores, "float32"), allowed)


class Fusion(keras.layers.Layer):
    """Base of the fusion layers: several modalities in, one tensor out.

    All are called as ``layer(inputs, presence=None, mask=None)``; those with weights over modalities also take
    ``return_attention_scores=True``.

    Call arguments:
        inputs: List of M >= 2 tensors, all (B, D_m) or all (B, T, D_m); the D_m may differ.
        presence: (B, M) of bool or 0/1, or None where all are there; for sequences also (B, T, M), where modalities
            come and go between steps. A missing modality's value has no influence, be it NaN. A row without any
            modality gives finite numbers that mean nothing (`check_presence` refuses it before the model).
        mask: (B, T) bool, True on real steps, or a list of M such tensors; None takes the masks that the inputs carry.

    Returns:
        (B, F) or (B, T, F). With ``return_attention_scores=True`` also float32 weights (B, M) or (B, T, M)
        that sum to 1 over the present modalities and are exactly 0 on missing ones.

    Raises:
        BadInput: Fewer than two modalities, mixed or wrong ranks, a presence of the wrong shape.

    Example:
        >>> from emorec.multimodal import fusion_layer
        >>> isinstance(fusion_layer("concatenation"), Fusion)
        True
    """

    options: tuple[str, ...] = ()  # constructor arguments: attributes of these names, which go into the config
    least = 2  # modalities

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def check_shapes(self, input_shape: Sequence[Shape]) -> list[Shape]:
        """The M input shapes as tuples, or BadInput. Shapes read back from a file are lists."""
        shapes = [tuple(s) if isinstance(s, (list, tuple)) else s for s in input_shape]
        if len(shapes) < self.least or not all(isinstance(s, tuple) for s in shapes):
            raise BadInput(f"{type(self).__name__} takes a list of {self.least} or more tensors, not {input_shape}.")
        if len({len(s) for s in shapes}) > 1 or len(shapes[0]) not in (2, 3):
            raise BadInput(f"{type(self).__name__} takes all (B, D) or all (B, T, D) inputs, not {shapes}.")
        if any(s[-1] is None for s in shapes):
            raise BadInput(f"{type(self).__name__} needs the number of features of each modality: {shapes}.")
        return shapes

    def same_steps(self, shapes: Sequence[Shape]) -> None:
        """BadInput unless all sequences have one length (where both are known)."""
        if len(shapes[0]) == 3 and len({s[1] for s in shapes if s[1] is not None}) > 1:
            raise BadInput(
                f"{type(self).__name__} fuses step by step: the sequences must be aligned to one length, not "
                f"{[s[1] for s in shapes]}. CrossModalAttention with target= takes unaligned ones."
            )

    def aligned_shapes(self, input_shape: Sequence[Shape]) -> list[Shape]:
        """`check_shapes` of layers that fuse step by step."""
        shapes = self.check_shapes(input_shape)
        self.same_steps(shapes)
        return shapes

    def prepare(
        self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        """Inputs with every missing or padded value replaced by 0, and what is present.

        Returns:
            xs: List of M tensors.
            present: bool (B, M); for sequences (B, 1, M) or (B, T, M), which broadcasts over steps.
            masks: List of M bool (B, T) tensors or None.
        """
        sequence = len(inputs[0].shape) == 3
        if presence is None:  # made from the data, so that batch sizes unknown at tracing time need no care
            first = ops.ones_like(inputs[0][:, 0, 0] if sequence else inputs[0][:, 0], dtype="bool")
            presence = ops.stack([first] * len(inputs), axis=-1)
        presence = ops.convert_to_tensor(presence)  # lists too
        rank = len(presence.shape)
        if rank not in ((2, 3) if sequence else (2,)) or presence.shape[-1] != len(inputs):
            raise BadInput(f"presence must be (B, {len(inputs)}), one column a modality, not {presence.shape}.")
        present = ops.cast(presence, "bool")
        if sequence and rank == 2:
            present = present[:, None, :]
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask] * len(inputs)
        xs = []
        for m, x in enumerate(inputs):
            keep = present[..., m : m + 1]
            if masks[m] is None and sequence:
                masks[m] = getattr(x, "_keras_mask", None)
            if masks[m] is not None:
                masks[m] = ops.cast(masks[m], "bool")
                keep = ops.logical_and(keep, masks[m][:, :, None])
            xs.append(ops.where(keep, x, ops.zeros_like(x)))
        return xs, present, masks

    def dense(
        self, units: int, features: int, activation: str | None = None, use_bias: bool = True, name: str | None = None
    ) -> keras.Layer:
        """A built Dense sublayer over ``features`` inputs, in this layer's dtype policy."""
        layer = keras.layers.Dense(units, activation, use_bias, name=name, dtype=self.dtype_policy)
        layer.build((None, features))
        return layer

    def dense_each(self, units: int, shapes: Sequence[Shape], activation: str | None = None) -> list[keras.Layer]:
        """One `dense` per modality."""
        return [self.dense(units, s[-1], activation, name=f"project_{m}") for m, s in enumerate(shapes)]

    def compute_mask(self, inputs: Sequence[Tensor], previous_mask: Tensor = None) -> Tensor:
        masks = previous_mask if isinstance(previous_mask, (list, tuple)) else [previous_mask]
        return next((m for m in masks if m is not None), None)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {name: getattr(self, name) for name in self.options}


def combine(xs: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Weighted sum over modalities: M tensors (..., F) and weights (..., M) or (..., M, F) to (..., F)."""
    stacked = ops.stack(xs, axis=-2)
    weights = ops.cast(weights, stacked.dtype)
    if len(weights.shape) < len(stacked.shape):
        weights = weights[..., None]
    return ops.sum(stacked * weights, axis=-2)


def positive(layer: keras.Layer, **values: Any) -> None:
    """BadInput unless every value is a whole number >= 1."""
    for name, value in values.items():
        positive_int(type(layer).__name__, name, value)
