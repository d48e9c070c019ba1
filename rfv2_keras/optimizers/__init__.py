"""Optimizers and learning-rate schedules that keras.optimizers lacks."""

from rfv2_keras.optimizers.adafactor import AdaFactor, RelativeStep
from rfv2_keras.optimizers.adamw import AdamW
from rfv2_keras.optimizers.lamb import Lamb
from rfv2_keras.optimizers.schedules import PiecewiseLinear

__all__ = ["AdaFactor", "AdamW", "Lamb", "PiecewiseLinear", "RelativeStep"]
