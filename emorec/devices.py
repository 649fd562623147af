"""Training over several devices: each computes an equal part of a batch, and their gradients are added up."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np

from emorec.errors import BadInput

__all__ = ["added_up", "mirrored", "over", "present", "scope", "whole_batches"]

_strategy: ContextVar[Any] = ContextVar("strategy", default=None)


@contextmanager
def over(devices: int | str | Sequence[str] | None) -> Iterator[None]:
    """Lets `emorec.training.fit` use several devices in a block, by ``tf.distribute.MirroredStrategy``.

    Args:
        devices: How many of the machine's accelerators (of its logical processors, where there is none); ``all``; their
            names, such as ``["GPU:0", "GPU:1"]``; None or 1: what Keras takes by itself.

    Raises:
        BadInput: Devices that are not there, or another backend than TensorFlow.

    Example:
        >>> with over(None):
        ...     present()
        1
    """
    names = None if devices is None or devices == 1 else _names(devices)
    if names is None or len(names) == 1:
        yield
        return
    import tensorflow as tf

    token = _strategy.set(tf.distribute.MirroredStrategy(names))
    try:
        yield
    finally:
        _strategy.reset(token)


def present() -> int:
    """How many devices training uses now."""
    strategy = _strategy.get()
    return 1 if strategy is None else int(strategy.num_replicas_in_sync)


def _names(devices):
    """Names of logical devices."""
    if keras.backend.backend() != "tensorflow":
        raise BadInput(f"devices={devices!r} needs Keras on TensorFlow; it runs on {keras.backend.backend()}.")
    import tensorflow as tf

    there = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    known = [device.name.removeprefix("/device:") for device in there]
    if devices == "all":
        return known
    if isinstance(devices, int) and not isinstance(devices, bool) and 0 < devices <= len(known):
        return known[:devices]
    if (
        isinstance(devices, (list, tuple))
        and devices
        and set(devices) <= set(known)
        and len(set(devices)) == len(devices)
    ):
        return list(devices)
    raise BadInput(f"devices={devices!r}: this machine has {', '.join(known)}; give 'all', a number to {len(known)}, "
                   "or a list of these names.")  # fmt: skip


def mirrored(model: keras.Model) -> keras.Model:
    """A copy of a model with its weights on every device; the model itself where there is only one."""
    strategy = _strategy.get()
    if strategy is None:
        return model
    with strategy.scope():
        copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


@contextmanager
def scope() -> Iterator[None]:
    """Variables that are made in the block lie on every device."""
    strategy = _strategy.get()
    if strategy is None:
        yield
        return
    with strategy.scope():
        yield


def added_up(kind: type) -> type:
    """An optimizer class that adds the devices' gradients up before it cuts them; Keras' own cuts each part alone.

    Args:
        kind: A class of ``keras.optimizers``; the same comes back where there is only one device.
    """
    if present() == 1:
        return kind
    import tensorflow as tf

    class AddedUp(kind):
        def apply(self, grads, trainable_variables=None):
            context = tf.distribute.get_replica_context()
            return super().apply(context.all_reduce(tf.distribute.ReduceOp.SUM, list(grads)), trainable_variables)

        def _all_reduce_sum_gradients(self, grads_and_vars):
            return grads_and_vars  # done above

    AddedUp.__name__ = kind.__name__
    return AddedUp


def whole_batches(
    x: np.ndarray | dict[str, np.ndarray], y: np.ndarray, weights: np.ndarray | None, batch_size: int
) -> tuple[np.ndarray | dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    """Examples whose last batch is filled up with some of weight 0, so that each device has an equal part of it.

    Weights of the true examples in that batch grow with its size, so that its mean loss stays what it was. On one
    device all comes back as it is.

    Raises:
        BadInput: A batch size that the devices cannot share equally.
    """
    count = present()
    if count == 1:
        return x, y, weights
    if batch_size % count:
        raise BadInput(f"batch_size={batch_size} cannot be shared equally by {count} devices: give a multiple.")
    last = len(y) % batch_size
    if not last:
        return x, y, weights
    weights = np.ones(len(y), "float32") if weights is None else np.array(weights, "float32")
    weights[-last:] *= batch_size / last
    more = np.arange(batch_size - last) % len(y)
    filled = keras.tree.map_structure(lambda value: np.concatenate([value, value[more]]), x)
    return filled, np.concatenate([y, y[more]]), np.concatenate([weights, np.zeros(len(more), "float32")])
