"""What fine-tuning asks of an optimizer: rates that differ from weight to weight, and rates that warm up and decay."""

from typing import Any

import keras
from keras import ops

from emorec.types import Numbers, Tensor


@keras.saving.register_keras_serializable(package="emorec")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises from 0 over the first steps and then stays, or falls in a straight line to 0.

    Args:
        rate: The highest rate.
        steps: Number of steps in all.
        warmup: Number of them in which the rate rises.
        decay: Whether it falls to 0 at the last step afterwards.

    Example:
        >>> float(WarmUp(rate=1.0, steps=10, warmup=4)(1))
        0.5
    """

    def __init__(self, rate: float, steps: int, warmup: int, decay: bool = True) -> None:
        self.rate, self.steps, self.warmup, self.decay = float(rate), int(steps), int(warmup), bool(decay)

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        rising = (step + 1) / max(self.warmup, 1)
        falling = ops.maximum(0.0, (self.steps - step) / max(self.steps - self.warmup, 1)) if self.decay else 1.0
        return self.rate * ops.minimum(1.0, ops.minimum(rising, falling))

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "steps": self.steps, "warmup": self.warmup, "decay": self.decay}


def scaled(kind: type, factors: Numbers) -> type:
    """An optimizer class with a learning rate of its own for each weight, which its weight decay follows.

    Args:
        kind: A class of ``keras.optimizers``.
        factors: For each trainable variable of the model, in their order, what the rate is multiplied with there.
    """
    factors = [float(factor) for factor in factors]

    class Scaled(kind):
        def update_step(self, gradient, variable, learning_rate):
            factor = factors[self._get_variable_index(variable)]
            super().update_step(gradient, variable, ops.cast(learning_rate, "float32") * factor)

        def _apply_weight_decay(self, variables):
            for variable in variables if self.weight_decay is not None else ():
                if self._use_weight_decay(variable):
                    rate = ops.cast(self.learning_rate, variable.dtype) * factors[self._get_variable_index(variable)]
                    variable.assign(variable - variable * self.weight_decay * rate)

    Scaled.__name__ = kind.__name__
    return Scaled
