"""The learning-rate schedule of RoFormerV2's pretraining."""

import itertools
import math

import keras
from keras import ops

from rfv2_keras.errors import UserError


@keras.saving.register_keras_serializable(package="rfv2_keras")
class PiecewiseLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that runs in straight lines from point to point and stays at the last one.

    `PiecewiseLinear({1000: 1, 2000: 0.1}, 1e-3)` rises from 0 to 1e-3 in 1000 updates, falls to 1e-4 in the next 1000
    and stays there. Steps are `optimizer.iterations`, that is, updates; only under Keras's own
    `gradient_accumulation_steps` does Keras count batches instead. bert4keras counts batches, so that its released
    schedules must be divided by the number of accumulated batches.

    Source: `piecewise_linear` of bert4keras 0.11.5.

    Args:
        schedule: dict of step to multiplier of the base rate. Steps are integers >= 0, or such integers written as
            strings, as JSON has them.
        base_rate: learning rate at multiplier 1.
        from_zero: whether the point `0: 0` is added in front if the schedule says nothing about step 0; else the rate
            is constant up to the first point.

    Raises:
        UserError: for an empty schedule, a step that is no integer >= 0, or a number that is not finite.
    """

    def __init__(self, schedule, base_rate, from_zero=True):
        if not isinstance(schedule, dict) or not schedule:
            raise UserError(f"`schedule` must map at least one step to a multiplier; received: {schedule!r}.")
        self.schedule = {_checked_step(step): _checked_number("a multiplier", m) for step, m in schedule.items()}
        if len(self.schedule) < len(schedule):
            raise UserError(f"`schedule` must name each step once; received: {schedule!r}.")
        self.base_rate = _checked_number("the base rate", base_rate)
        self.from_zero = from_zero

    def __call__(self, step):
        """The learning rate (float32) after `step` updates; `step` may be an array."""
        step = ops.cast(step, "float32")
        points = sorted(self.schedule.items())
        if self.from_zero and points[0][0] > 0:
            points.insert(0, (0, 0.0))
        multiplier = ops.full_like(step, points[0][1])
        for (begin, low), (end, high) in itertools.pairwise(points):
            multiplier = ops.where(step >= begin, low + (high - low) / (end - begin) * (step - begin), multiplier)
        end, high = points[-1]
        return self.base_rate * ops.where(step >= end, high, multiplier)

    def get_config(self):
        return {
            "schedule": {str(step): multiplier for step, multiplier in sorted(self.schedule.items())},
            "base_rate": self.base_rate,
            "from_zero": self.from_zero,
        }


def _checked_step(step):
    if not str(step).isdecimal():
        raise UserError(f"A step of the schedule must be an integer >= 0; received: {step!r}.")
    return int(step)


def _checked_number(what, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError(f"The schedule needs a finite number for {what}; received: {value!r}.")
    return float(value)
