"""Models that fuse, as functional Keras models from named inputs to logits.

Every model takes a dict: the modalities by name, ``presence`` of 0/1 in the same order, and for sequences ``mask``.
Values that are missing or padded have no influence, be they NaN.
"""

import keras
import numpy as np
from keras import ops

from emorec.arguments import explained
from emorec.checks import whole_number
from emorec.errors import BadInput
from emorec.multimodal import FUSIONS, fusion_layer
from emorec.multimodal.crossmodal import AttentionBlock, CrossModalAttention
from emorec.multimodal.dialogues import DialogueRNNCell, UtteranceAttention
from emorec.multimodal.layers import ModalityDropout
from emorec.text.layers import MaskedMean

# Fusion layers as they are compared with each other: a name, up to its comma, and what differs from the default model.
FUSION_SETTINGS = {
    "concatenation": {}, "concatenation, linear": {"hidden": 0}, "weighted_sum": {"hidden": 0}, "hadamard": {},
    "gated": {}, "attention": {}, "tensor": {"fusion_options": {"units": 8}}, "low_rank": {}, "film": {},
    "cross_modal": {}, "bottleneck": {}, "memory": {},
}  # fmt: skip
CONTEXTS = ("none", "bilstm", "attention", "dialogue-rnn")


def statistics(
    inputs: dict[str, np.ndarray], presence: np.ndarray | None = None, mask: np.ndarray | None = None
) -> dict[str, tuple[list[float], list[float]]]:
    """Mean and variance of every feature over the examples that have the modality, for ``scaling``.

    Args:
        inputs: Dict of name to (N, D) or (N, T, D); rows with NaN are left out.
        presence: (N, M), or None.
        mask: Bool (N, T), the real steps of sequences; None takes all.

    Returns:
        Dict of name to (mean, variance), lists of D floats; a feature that never varies gets variance 1.

    Raises:
        BadInput: A modality without a single row of numbers.
    """
    result = {}
    for m, (name, x) in enumerate(inputs.items()):
        x = np.asarray(x, dtype="float64")
        kept = np.ones(x.shape[:-1], bool) if mask is None else np.array(mask, bool)
        if presence is not None:
            kept[~np.asarray(presence)[:, m].astype(bool)] = False
        x = x[kept]
        x = x[np.isfinite(x).all(axis=1)]
        if not len(x):
            raise BadInput(f"{name!r} has no row without NaN that is present: it cannot be standardised.")
        variance = x.var(axis=0)
        result[name] = x.mean(axis=0).tolist(), np.where(variance > 1e-12, variance, 1.0).tolist()
    return result


@explained
def build_fusion_model(
    sizes: dict[str, int], classes: int, *, fusion: str = "concatenation", fusion_options: dict | None = None,
    scaling: dict | None = None, encoder_units: int = 0, hidden: int = 64, dropout: float = 0.0,
    modality_dropout: float = 0.0, hybrid: bool = False,
) -> keras.Model:  # fmt: skip
    """One vector a modality to logits.

    Layers: ``scale_NAME``, ``modality_dropout``, ``encode_NAME`` (Dense, tanh), ``fusion``, ``hidden`` (Dense, relu),
    ``logits``. A ``hybrid`` model adds to these logits those of one linear head a modality (``head_NAME``): feature-
    and decision-level fusion trained together.

    Args:
        sizes: Dict of modality name to number of features; its order is the order of ``presence``.
        classes: Number of classes.
        fusion: A name of `emorec.multimodal.FUSIONS`. fusion_options: Its options.
        scaling: `statistics` of the training data; None takes features as they are.
        encoder_units, hidden: Sizes of the layers before and after the fusion; 0 leaves them out.
        dropout: Rate before the fusion and before the last layer.
        modality_dropout: Rate of `ModalityDropout`.
        hybrid: See above.

    Returns:
        Model of the modalities (B, D_m) and ``presence`` (B, M) to logits (B, classes).

    Raises:
        BadInput: An unknown fusion or option, or fewer than two modalities.
    """
    _check(fusion, sizes)
    encoder_units, hidden = whole_number("encoder_units", encoder_units, 0), whole_number("hidden", hidden, 0)
    inputs = {name: keras.Input((size,), name=name) for name, size in sizes.items()}
    inputs["presence"] = keras.Input((len(sizes),), name="presence")
    xs, presence = _front(inputs, sizes, scaling, modality_dropout)
    if encoder_units:
        xs = [keras.layers.Dense(encoder_units, "tanh", name=f"encode_{n}")(x) for n, x in zip(sizes, xs)]
    fused = _fuse([_drop(x, dropout, f"drop_{n}") for n, x in zip(sizes, xs)], presence, None, fusion, fusion_options)
    if hidden:
        fused = keras.layers.Dense(hidden, "relu", name="hidden")(fused)
    logits = keras.layers.Dense(classes, name="logits")(_drop(fused, dropout, "drop"))
    if hybrid:
        heads = [keras.layers.Dense(classes, name=f"head_{n}")(x) for n, x in zip(sizes, xs)]
        votes = [ops.where(presence[:, m : m + 1], head, 0.0) for m, head in enumerate(heads)]
        logits = keras.layers.Add(name="both_levels")([logits, *votes])
    return keras.Model(inputs, logits, name="fusion_model")


@explained
def build_dialogue_model(
    sizes: dict[str, int], classes: int, *, context: str = "bilstm", fusion: str = "concatenation",
    fusion_options: dict | None = None, scaling: dict | None = None, encoder: str = "dense", units: int = 64,
    hidden: int = 64, dropout: float = 0.3, modality_dropout: float = 0.0, parties: int = 8, window: int = 64,
) -> keras.Model:  # fmt: skip
    """Utterances of a dialogue to logits for each: bc-LSTM, CATF-LSTM, DialogueRNN and their kin.

    - bc-LSTM (Poria et al. 2017, ACL): ``encoder="bilstm"``, ``context="bilstm"``.
    - CATF-LSTM (Poria et al. 2017, ICDM): ``fusion="attention"``, ``context="attention"``, which is a BiLSTM followed
      by `UtteranceAttention`.
    - DialogueRNN (Majumder et al. 2019), in both directions: ``context="dialogue-rnn"``.

    Args:
        sizes: Dict of modality name to number of features; with a single modality there is nothing to fuse.
        classes: Number of classes.
        context: One of `CONTEXTS`.
        fusion, fusion_options, scaling, modality_dropout: As in `build_fusion_model`.
        encoder: ``dense``, ``bilstm`` over the utterances of one modality, or ``none``, before the fusion.
        units: Size of encoders and of each direction of the context.
        hidden: Size of the layer before the logits; 0 leaves it out.
        dropout: Rate on inputs, before the context and before the logits.
        parties, window: Of `DialogueRNNCell`.

    Returns:
        Model of the modalities (B, T, D_m), ``presence`` (B, T, M), bool ``mask`` (B, T) and, for DialogueRNN,
        ``speaker`` (B, T, parties) to logits (B, T, classes), 0 at padded steps.
        `emorec.multimodal.dialogues.Dialogues` makes such inputs.
    """
    _check(fusion, sizes, least=1)
    if context not in CONTEXTS or encoder not in ("none", "dense", "bilstm"):
        raise BadInput(
            f"context={context!r}, encoder={encoder!r}: choose a context of {', '.join(CONTEXTS)}, and an encoder of "
            "none, dense, bilstm."
        )
    inputs = {name: keras.Input((None, size), name=name) for name, size in sizes.items()}
    inputs["presence"] = keras.Input((None, len(sizes)), name="presence")
    mask = inputs["mask"] = keras.Input((None,), dtype="bool", name="mask")
    xs, presence = _front(inputs, sizes, scaling, modality_dropout, mask)
    xs = [_drop(x, dropout, f"drop_{n}") for n, x in zip(sizes, xs)]
    if encoder == "dense":
        xs = [keras.layers.Dense(units, "tanh", name=f"encode_{n}")(x) for n, x in zip(sizes, xs)]
    elif encoder == "bilstm":
        xs = [_bilstm(units, f"encode_{n}")(x, mask=mask) for n, x in zip(sizes, xs)]
    fused = _fuse(xs, presence, mask, fusion, fusion_options) if len(xs) > 1 else xs[0]
    # What was only put side by side has been through dropout already.
    states = _drop(fused, 0 if encoder == "none" and fusion == "concatenation" else dropout, "drop_fused")
    if context in ("bilstm", "attention"):
        states = _bilstm(units, "context")(states, mask=mask)
    if context == "attention":
        states = UtteranceAttention(2 * units, name="utterance_attention")(states, mask=mask)
    if context == "dialogue-rnn":
        inputs["speaker"] = keras.Input((None, parties), name="speaker")
        cell = DialogueRNNCell(units, parties, window, name="dialogue_rnn")
        rnn = keras.layers.Bidirectional(keras.layers.RNN(cell, return_sequences=True), name="context")
        states = rnn(ops.concatenate([states, inputs["speaker"]], axis=-1), mask=mask)
    if hidden:
        states = keras.layers.Dense(hidden, "relu", name="hidden")(states)
    logits = keras.layers.Dense(classes, name="logits")(_drop(states, dropout, "drop"))
    # An output that still carries the mask of a recurrent layer would have Keras correct the loss for padding, which
    # `Dialogues` does for every context alike.
    logits = ops.where(mask[:, :, None], logits, ops.zeros_like(logits))
    return keras.Model(inputs, logits, name="dialogue_model")


@explained
def build_aligned_model(
    sizes: dict[str, int], classes: int, *, kind: str = "late-lstm", fusion: str = "concatenation",
    fusion_options: dict | None = None, scaling: dict | None = None, units: int = 32, heads: int = 4, layers: int = 1,
    hidden: int = 32, dropout: float = 0.2, modality_dropout: float = 0.0,
) -> keras.Model:  # fmt: skip
    """Sequences of several modalities to logits.

    - ``late-lstm``: one LSTM a modality; their last states are fused.
    - ``mult`` (Tsai et al. 2019): for each modality `CrossModalAttention` to the others and self-attention over that;
      the means over real steps are fused. Sequences may have different lengths if each has its own mask.
    - ``early-lstm``: ``fusion`` word by word, then one LSTM; ``fusion="memory"`` makes it MFN, without the LSTM.

    Args:
        sizes, classes, fusion, fusion_options, scaling, modality_dropout: As in `build_fusion_model`.
        kind: See above.
        units, heads, layers: Of the LSTMs or of each attention block.
        hidden: Size of the layer before the logits; 0 leaves it out.
        dropout: Rate of inputs, attention and the last layer.

    Returns:
        Model of the modalities (B, T, D_m), ``presence`` (B, M) and bool ``mask`` (B, T) to logits (B, classes); one
        class makes it a regression.
    """
    _check(fusion, sizes)
    inputs = {name: keras.Input((None, size), name=name) for name, size in sizes.items()}
    inputs["presence"] = keras.Input((len(sizes),), name="presence")
    mask = inputs["mask"] = keras.Input((None,), dtype="bool", name="mask")
    xs, presence = _front(inputs, sizes, scaling, modality_dropout, mask)
    xs = [_drop(x, dropout, f"drop_{n}") for n, x in zip(sizes, xs)]
    if kind == "late-lstm":
        last = [keras.layers.LSTM(units, name=f"lstm_{n}")(x, mask=mask) for n, x in zip(sizes, xs)]
        fused = _fuse(last, presence, None, fusion, fusion_options)
    elif kind == "early-lstm":
        fused = _fuse(xs, presence, mask, fusion, fusion_options)
        # A memory repeats its state on padded steps, so that its last step is the end of every sequence.
        fused = fused[:, -1] if fusion == "memory" else keras.layers.LSTM(units, name="lstm")(fused, mask=mask)
    elif kind == "mult":
        streams = []
        for m, name in enumerate(sizes):
            cross = CrossModalAttention(units, heads, layers, dropout, target=m, name=f"cross_{name}")
            stream = cross(xs, presence=presence, mask=mask)
            block = AttentionBlock(units * (len(sizes) - 1), heads, dropout, name=f"self_{name}")
            streams.append(MaskedMean(name=f"mean_{name}")(block(stream, source_mask=mask), mask=mask))
        fused = _fuse(streams, presence, None, fusion, fusion_options)
    else:
        raise BadInput(f"kind={kind!r} is unknown; choose late-lstm, early-lstm or mult.")
    if hidden:
        fused = keras.layers.Dense(hidden, "relu", name="hidden")(fused)
    logits = keras.layers.Dense(classes, name="logits")(_drop(fused, dropout, "drop"))
    return keras.Model(inputs, logits, name="aligned_model")


def _check(fusion, sizes, least=2):
    if fusion not in FUSIONS:
        raise BadInput(f"Unknown fusion {fusion!r}; there are {', '.join(FUSIONS)}.")
    if len(sizes) < least:
        raise BadInput(f"Fusion needs {least} or more modalities, not {list(sizes)}.")


def _front(inputs, sizes, scaling, rate, mask=None):
    """The modalities scaled, missing and padded values set to 0, and which ones this step of training sees."""
    xs = [inputs[name] for name in sizes]
    if scaling is not None:
        if set(scaling) != set(sizes):
            raise BadInput(f"scaling is of {list(scaling)}, the model of {list(sizes)}.")
        numbers = [dict(zip(("mean", "variance"), scaling[n])) for n in sizes]
        xs = [keras.layers.Normalization(**k, name=f"scale_{n}")(x) for n, k, x in zip(sizes, numbers, xs)]
    layer = ModalityDropout(rate, name="modality_dropout")
    return layer(xs, presence=inputs["presence"], mask=mask)


def _fuse(xs, presence, mask, fusion, options):
    return fusion_layer(fusion, name="fusion", **(options or {}))(xs, presence=presence, mask=mask)


def _drop(x, rate, name):
    return keras.layers.Dropout(rate, name=name)(x) if rate else x


def _bilstm(units, name):
    return keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True), name=name)
