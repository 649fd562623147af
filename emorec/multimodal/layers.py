"""Fusion of one vector a modality, or of aligned sequences step by step."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from emorec.checks import fraction, optional_seed, whole_number
from emorec.errors import BadInput
from emorec.multimodal.base import Fusion, combine, positive, presence_weights
from emorec.types import Shape, Tensor

register = keras.saving.register_keras_serializable(package="emorec")


@register
class Concatenation(Fusion):
    """Concatenation of features, 0 in the place of a missing modality; no weights, no interaction.

    Returns:
        (B, sum of D_m), or (B, T, sum of D_m).

    Example:
        >>> tuple(Concatenation()([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 7)
    """

    def build(self, input_shape: Sequence[Shape]) -> None:
        self.aligned_shapes(input_shape)

    def call(self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None) -> Tensor:
        xs, _, _ = self.prepare(inputs, presence, mask)
        return ops.concatenate(xs, axis=-1)


class _WeightedProjections(Fusion):
    """Base of the fusions that add up one projection a modality under weights; the scores of these differ."""

    options = ("units",)
    activation: str | None = "tanh"

    def __init__(self, units: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units)
        self.units = units

    def build(self, input_shape: Sequence[Shape]) -> None:
        shapes = self.aligned_shapes(input_shape)
        self.project = self.dense_each(self.units, shapes, self.activation)
        self.build_scores(shapes)

    def build_scores(self, shapes: list[Shape]) -> None:
        """Makes the weights of `scores`."""
        raise NotImplementedError

    def scores(self, xs: Sequence[Tensor], hs: Sequence[Tensor]) -> Tensor:
        """Scores of the M modalities and their projections: (..., M), or (..., units, M) for each feature."""
        raise NotImplementedError

    def call(
        self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None,
        return_attention_scores: bool = False,
    ) -> Tensor:  # fmt: skip
        xs, present, _ = self.prepare(inputs, presence, mask)
        hs = [dense(x) for dense, x in zip(self.project, xs)]
        scores = self.scores(xs, hs)
        if len(scores.shape) == len(hs[0].shape):
            weights = presence_weights(scores, present)
            fused = combine(hs, weights)
        else:
            gates = presence_weights(scores, present[..., None, :])
            fused, weights = combine(hs, ops.swapaxes(gates, -1, -2)), ops.mean(gates, axis=-2)
        return (fused, weights) if return_attention_scores else fused


@register
class WeightedSum(_WeightedProjections):
    """Sum of linear projections under learned weights, the same for every sample: additive, no interaction.

    ``h = sum_m a_m (W_m x_m + b_m)``, ``a = softmax(v)`` over the present modalities.

    Args:
        units: Size of the projections, and of the output.

    Example:
        >>> tuple(WeightedSum(units=8)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 8)
    """

    activation = None

    def build_scores(self, shapes: list[Shape]) -> None:
        self.importance = self.add_weight(shape=(len(shapes),), initializer="zeros", name="importance")

    def scores(self, xs: Sequence[Tensor], hs: Sequence[Tensor]) -> Tensor:
        return ops.broadcast_to(self.importance, (*ops.shape(hs[0])[:-1], len(hs)))


@register
class Hadamard(Fusion):
    """Low-rank bilinear pooling: product of projections (Kim et al. 2017, MLB, equation 8).

    ``h = P (tanh(W_1 x_1) * ... * tanh(W_M x_M)) + b``; a missing modality contributes the factor 1.

    Args:
        units: Size of the output.
        rank: Size of the projections that are multiplied; None takes ``units``.

    Example:
        >>> tuple(Hadamard(units=8)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 8)
    """

    options = ("units", "rank")

    def __init__(self, units: int = 64, rank: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units, rank=units if rank is None else rank)
        self.units, self.rank = units, rank

    def build(self, input_shape: Sequence[Shape]) -> None:
        shapes = self.aligned_shapes(input_shape)
        rank = self.rank or self.units
        self.project = self.dense_each(rank, shapes, "tanh")
        self.pool = self.dense(self.units, rank, name="pool")

    def call(self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None) -> Tensor:
        xs, present, _ = self.prepare(inputs, presence, mask)
        product = 1.0
        for m, (dense, x) in enumerate(zip(self.project, xs)):
            product = product * ops.where(present[..., m : m + 1], dense(x), 1.0)
        return self.pool(product)


@register
class GatedMultimodalUnit(_WeightedProjections):
    """Gates decide per feature which modality to believe (Arevalo et al. 2017, GMU).

    ``h_m = tanh(W_m x_m)``; ``z = softmax over m of (V_m [x_1; ...; x_M])``, per feature;
    ``h = sum_m z_m * h_m``. With two modalities the softmax is the paper's tied pair ``z, 1 - z``.

    The returned weights are the gates averaged over features.

    Args:
        units: Size of the output.

    Example:
        >>> tuple(GatedMultimodalUnit(units=8)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 8)
    """

    def build_scores(self, shapes: list[Shape]) -> None:
        everything = sum(s[-1] for s in shapes)
        self.gates = [self.dense(self.units, everything, name=f"gate_{m}") for m in range(len(shapes))]

    def scores(self, xs: Sequence[Tensor], hs: Sequence[Tensor]) -> Tensor:
        everything = ops.concatenate(xs, axis=-1)
        return ops.stack([gate(everything) for gate in self.gates], axis=-1)


@register
class ModalityAttention(_WeightedProjections):
    """One weight per modality and sample by attention (after Poria et al. 2017, ICDM, equations 1-3).

    1. ``h_m = tanh(W_m x_m + b_m)``
    2. ``a = softmax over the present m of v . tanh(W h_m + b)``
    3. ``h = sum_m a_m h_m``

    The softmax runs over the M modalities. The code published with the paper took it over an axis of length
    1, so that every weight was 1 and none was ever trained.

    Args:
        units: Size of the projections, and of the output.

    Example:
        >>> tuple(ModalityAttention(units=8)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 8)
    """

    def build_scores(self, shapes: list[Shape]) -> None:
        self.hidden = self.dense(self.units, self.units, "tanh", name="hidden")
        self.score = self.dense(1, self.units, use_bias=False, name="score")  # softmax ignores a bias

    def scores(self, xs: Sequence[Tensor], hs: Sequence[Tensor]) -> Tensor:
        return ops.concatenate([self.score(self.hidden(h)) for h in hs], axis=-1)


@register
class TensorFusion(Fusion):
    """Outer product of all modalities with a 1 appended to each (Zadeh et al. 2017, TFN, equation 2).

    ``h = [z_1; 1] x ... x [z_M; 1]``, ``z_m = tanh(W_m x_m)``: every product of features of one, two, ... M
    modalities. A missing modality is ``z_m = 0``: products that hold it vanish, the others stay.

    Args:
        units: Size of each ``z_m``. The output grows as ``(units + 1) ** M``: 4,913 for 16 and three
        modalities.

    Example:
        >>> tuple(TensorFusion(units=2)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 9)
    """

    options = ("units",)
    largest = 2**16

    def __init__(self, units: int = 16, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units)
        self.units = units

    def build(self, input_shape: Sequence[Shape]) -> None:
        shapes = self.aligned_shapes(input_shape)
        size = (self.units + 1) ** len(shapes)
        if size > self.largest:
            raise BadInput(
                f"TensorFusion of {len(shapes)} modalities with units={self.units} has {size:,} outputs, "
                f"more than {self.largest:,}: take fewer units, or LowRankFusion."
            )
        self.project = self.dense_each(self.units, shapes, "tanh")

    def call(self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None) -> Tensor:
        xs, present, _ = self.prepare(inputs, presence, mask)
        fused = None
        for m, (dense, x) in enumerate(zip(self.project, xs)):
            z = ops.where(present[..., m : m + 1], dense(x), 0.0)
            z = ops.concatenate([z, ops.ones_like(z[..., :1])], axis=-1)
            if fused is None:
                fused = z
                continue
            fused = fused[..., :, None] * z[..., None, :]
            fused = ops.reshape(fused, (*ops.shape(fused)[:-2], math.prod(fused.shape[-2:])))
        return fused


@register
class LowRankFusion(Fusion):
    """Tensor fusion with a weight tensor of low rank (Liu et al. 2018, LMF, equations 6-8).

    ``h = sum_r w_r prod_m (W_m^r [x_m; 1]) + b``; the outer product is never formed. A missing modality is
    ``x_m = 0``, so that its factor is its learned constant.

    Args:
        units: Size of the output.
        rank: Rank of the weight tensor.

    Example:
        >>> tuple(LowRankFusion(units=8, rank=2)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 8)
    """

    options = ("units", "rank")

    def __init__(self, units: int = 64, rank: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units, rank=rank)
        self.units, self.rank = units, rank

    def build(self, input_shape: Sequence[Shape]) -> None:
        shapes = self.aligned_shapes(input_shape)
        self.factors, self.constants = [], []
        for m, shape in enumerate(shapes):
            kernel = self.add_weight(
                shape=(shape[-1], self.rank * self.units), initializer="glorot_uniform", name=f"factor_{m}"
            )
            # Constants start at 1, so that the product starts as 1 + the sum of the parts: products of M
            # small numbers would hardly have a gradient.
            constant = self.add_weight(shape=(self.rank * self.units,), initializer="ones", name=f"constant_{m}")
            self.factors.append(kernel)
            self.constants.append(constant)
        self.rank_weights = self.add_weight(shape=(self.rank, 1), initializer="glorot_uniform", name="rank_weights")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None) -> Tensor:
        xs, _, _ = self.prepare(inputs, presence, mask)
        product = 1.0
        for kernel, constant, x in zip(self.factors, self.constants, xs):
            product = product * (ops.matmul(x, kernel) + constant)
        product = ops.reshape(product, (*ops.shape(product)[:-1], self.rank, self.units))
        return ops.sum(product * self.rank_weights, axis=-2) + self.bias


@register
class FiLM(Fusion):
    """One modality is scaled and shifted by the others, per feature (Perez et al. 2018, equation 2).

    ``h = (1 + g) * (W x_target) + s``, with ``g`` and ``s`` sums of linear maps of the other modalities that are
    present: with none of them the target passes unchanged, without the target the shift alone remains.

    Args:
        units: Size of the output.
        target: Position of the modality that is modulated.

    Example:
        >>> tuple(FiLM(units=8)([ops.ones((2, 3)), ops.ones((2, 4))]).shape)
        (2, 8)
    """

    options = ("units", "target")

    def __init__(self, units: int = 64, target: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        positive(self, units=units)
        self.units = units
        self.target = whole_number("target", target, 0, owner="FiLM")

    def build(self, input_shape: Sequence[Shape]) -> None:
        shapes = self.aligned_shapes(input_shape)
        if self.target >= len(shapes):
            raise BadInput(f"FiLM: target={self.target} is no position among {len(shapes)} modalities.")
        self.project = self.dense(self.units, shapes[self.target][-1], name="project")
        self.others = [m for m in range(len(shapes)) if m != self.target]
        self.condition = [self.dense(2 * self.units, shapes[m][-1], name=f"condition_{m}") for m in self.others]

    def call(self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None) -> Tensor:
        xs, present, _ = self.prepare(inputs, presence, mask)
        h = ops.where(present[..., self.target : self.target + 1], self.project(xs[self.target]), 0.0)
        scale_and_shift = 0.0
        for m, dense in zip(self.others, self.condition):
            scale_and_shift = scale_and_shift + ops.where(present[..., m : m + 1], dense(xs[m]), 0.0)
        scale, shift = ops.split(scale_and_shift, 2, axis=-1)
        return (1 + scale) * h + shift


@register
class ModalityDropout(Fusion):
    """Hides whole modalities at random in training, never all of a sample (ModDrop, Neverova et al. 2016).

    Called as the fusions are, but returns what they take: ``inputs, presence = layer(inputs, presence)``.

    Args:
        rate: Probability of hiding each modality of each sample; where that would hide all, one of those
            present is kept, chosen at random. With ``presence`` (B, T, M) every step is sampled anew.
        seed: Seed of the draws.

    Example:
        >>> layer = ModalityDropout(0.5, seed=0)
        >>> (face, text), presence = layer([ops.ones((2, 3)), ops.ones((2, 4))], training=True)
        >>> tuple(presence.shape)
        (2, 2)
    """

    options = ("rate", "seed")
    least = 1

    def __init__(self, rate: float = 0.3, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = fraction("ModalityDropout", "rate", rate)
        self.seed = optional_seed("ModalityDropout", seed)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[Shape]) -> None:
        self.check_shapes(input_shape)

    def call(
        self, inputs: Sequence[Tensor], presence: Tensor = None, mask: Tensor = None, training: bool | None = None
    ) -> Tensor:
        xs, present, _ = self.prepare(inputs, presence, mask)
        if len(present.shape) == 3 and (presence is None or len(presence.shape) == 2):
            present = present[:, 0]
        if training and self.rate > 0:
            # One draw does both: u >= rate keeps a modality, and the largest u among those present is kept anyway.
            u = keras.random.uniform(ops.shape(present), dtype="float32", seed=self.seed_generator)
            u = ops.where(present, u, -1.0)
            best = ops.equal(u, ops.max(u, axis=-1, keepdims=True))
            present = ops.logical_and(present, ops.logical_or(u >= self.rate, best))
            xs, _, _ = self.prepare(xs, present, mask)
        return xs, present

    def compute_mask(self, inputs: Sequence[Tensor], previous_mask: Tensor = None) -> Tensor:
        masks = previous_mask if isinstance(previous_mask, (list, tuple)) else [None] * len(inputs)
        return [list(masks), None]
