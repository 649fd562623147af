"""Gradients of a model's output with respect to its input: the one place that imports a backend."""

from collections.abc import Callable

import keras
import numpy as np

from emorec.errors import BadInput


def input_gradient(model: keras.Model, readout: Callable) -> Callable:
    """Builds a function that is compiled once and follows later changes of the model's weights.

    Args:
        model: Keras model with N examples in each of its inputs, the first of them float.
        readout: ``readout(outputs, *constants)`` -> (N,), the numbers to follow, in `keras.ops`.

    Returns:
        ``run(inputs, *constants)`` -> (values (N,), gradients): ``inputs`` is a list of arrays, ``gradients`` has the
        shape of the first, row by row; both are float32 NumPy arrays. Dropout is off.
    """
    builders = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    backend = keras.backend.backend()
    if backend not in builders:
        raise BadInput(f"No gradients on the {backend!r} backend; use tensorflow, jax or torch.")
    compiled = builders[backend](model, readout)

    def run(inputs, *constants):
        tensors = [keras.ops.convert_to_tensor(x) for x in inputs]
        results = compiled(tensors, *(keras.ops.convert_to_tensor(c, dtype="float32") for c in constants))
        return tuple(np.asarray(keras.ops.convert_to_numpy(x), dtype="float32") for x in results)

    return run


def _tensorflow(model, readout):
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def compiled(inputs, *constants):
        with tf.GradientTape() as tape:
            tape.watch(inputs[0])
            values = readout(model(inputs, training=False), *constants)
        return values, tape.gradient(values, inputs[0], unconnected_gradients="zero")

    return compiled


def _jax(model, readout):
    import jax

    @jax.jit
    def differentiate(x, rest, trained, other, constants):
        def total(x):
            # Weights are arguments: a compiled function would keep the values it saw first.
            outputs, _ = model.stateless_call(trained, other, [x, *rest], training=False)
            values = readout(outputs, *constants)
            return values.sum(), values

        (_, values), slope = jax.value_and_grad(total, has_aux=True)(x)
        return values, slope

    def compiled(inputs, *constants):
        trained = [v.value for v in model.trainable_variables]
        other = [v.value for v in model.non_trainable_variables]
        return differentiate(inputs[0], inputs[1:], trained, other, constants)

    return compiled


def _torch(model, readout):
    import torch

    def compiled(inputs, *constants):
        x = inputs[0].detach().requires_grad_(True)
        with torch.enable_grad():
            values = readout(model([x, *inputs[1:]], training=False), *constants)
            (slope,) = torch.autograd.grad(values.sum() + 0 * x.sum(), x)
        return values.detach(), slope

    return compiled
