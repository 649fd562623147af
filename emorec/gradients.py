"""The gradient of a function of arrays, on the backend that runs: the one place that imports a backend."""

from __future__ import annotations

import keras
import numpy as np

from emorec.errors import BadInput


def gradient(function, x):
    """Gradient of the sum of ``function(x)`` with respect to ``x``.

    Args:
        function: From one float32 tensor of the running Keras backend to a tensor of any shape.
        x: Float array of any shape.

    Returns:
        float32 NumPy array shaped like ``x``; zeros where the function does not depend on it.
    """
    backend = keras.backend.backend()
    if backend not in _GRADIENTS:
        raise BadInput(f"No gradients on the {backend!r} backend; use tensorflow, jax or torch.")
    return np.asarray(_GRADIENTS[backend](function, np.asarray(x, dtype="float32")), dtype="float32")


def _tensorflow(function, x):
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    return tape.gradient(total, x, unconnected_gradients="zero").numpy()


def _jax(function, x):
    import jax

    return jax.grad(lambda x: keras.ops.sum(function(x)))(x)


def _torch(function, x):
    import torch

    x = keras.ops.convert_to_tensor(x).detach().requires_grad_(True)
    with torch.enable_grad():
        total = function(x).sum()
    if not total.requires_grad:
        return np.zeros(x.shape)
    (found,) = torch.autograd.grad(total, x, allow_unused=True)
    return np.zeros(x.shape) if found is None else found.detach().cpu().numpy()


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
