"""Models that fuse: vectors of several modalities to logits, for one utterance or for one face with a sentence."""

from __future__ import annotations

import keras
from keras import ops

from emorec.errors import BadInput
from emorec.fusion import FUSIONS, fusion_layer
from emorec.fusion.layers import ModalityDropout


def build_fusion_model(
    sizes,
    classes,
    *,
    fusion="concatenation",
    fusion_options=None,
    encoder_units=0,
    hidden=64,
    dropout=0.0,
    modality_dropout=0.0,
    hybrid=False,
):
    """One vector a modality to logits.

    Layers: ``modality_dropout``, per modality ``encode_NAME`` (Dense, tanh) where ``encoder_units``, ``fusion``,
    ``hidden`` (Dense, relu) where ``hidden``, ``logits``. A ``hybrid`` model adds to these logits those of one
    linear head a modality (``head_NAME``): feature- and decision-level fusion trained together.

    Args:
        sizes: Dict of modality name to number of features; its order is the order of ``presence``.
        classes: Number of classes.
        fusion: A name of `emorec.fusion.FUSIONS`. fusion_options: Its options.
        encoder_units, hidden: Sizes of the layers before and after the fusion; 0 leaves them out.
        dropout: Rate before the fusion and before the last layer.
        modality_dropout: Rate of `ModalityDropout`.
        hybrid: See above.

    Returns:
        Model of a dict of the modalities (B, D_m) and ``presence`` (B, M) of 0/1 to logits (B, classes).

    Raises:
        BadInput: An unknown fusion or option.
    """
    if fusion not in FUSIONS:
        raise BadInput(f"Unknown fusion {fusion!r}; there are {', '.join(FUSIONS)}.")
    inputs = {name: keras.Input((size,), name=name) for name, size in sizes.items()}
    given = keras.Input((len(sizes),), name="presence")
    xs, presence = ModalityDropout(modality_dropout, name="modality_dropout")(list(inputs.values()), presence=given)
    xs = _encode(xs, sizes, encoder_units, dropout)
    fused = fusion_layer(fusion, name="fusion", **(fusion_options or {}))(xs, presence=presence)
    if hidden:
        fused = keras.layers.Dense(hidden, "relu", name="hidden")(fused)
    if dropout:
        fused = keras.layers.Dropout(dropout, name="drop")(fused)
    logits = keras.layers.Dense(classes, name="logits")(fused)
    if hybrid:
        heads = [keras.layers.Dense(classes, name=f"head_{name}")(x) for name, x in zip(sizes, xs)]
        votes = [ops.where(presence[:, m : m + 1], head, 0.0) for m, head in enumerate(heads)]
        logits = keras.layers.Add(name="both_levels")([logits, *votes])
    return keras.Model({**inputs, "presence": given}, logits, name="fusion_model")


def _encode(xs, sizes, units, dropout):
    """A Dense layer a modality, and dropout, where they are wanted."""
    if units:
        xs = [keras.layers.Dense(units, "tanh", name=f"encode_{name}")(x) for name, x in zip(sizes, xs)]
    if dropout:
        xs = [keras.layers.Dropout(dropout, name=f"drop_{name}")(x) for name, x in zip(sizes, xs)]
    return xs
