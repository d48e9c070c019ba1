"""What `extend_with_...` make of an optimizer: a description that becomes an optimizer when it is called."""

import re
from dataclasses import dataclass

import keras

from rfv2_keras.compat.moving_average import AVERAGING
from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdaFactor, AdamW, Lamb, PiecewiseLinear

# Arguments that an extension adds, with the defaults of bert4keras.
ARGUMENTS = {
    "weight_decay": {"weight_decay_rate": 0.01, "exclude_from_weight_decay": ()},
    "layer_adaptation": {"exclude_from_layer_adaptation": ()},
    "piecewise_linear_lr": {"lr_schedule": {0: 1}},
    "gradient_accumulation": {"grad_accum_steps": 2},
    "exponential_moving_average": {"ema_momentum": 0.999},
    "parameter_wise_lr": {"paramwise_lr_schedule": {}},
}
# Where bert4keras's own defaults are others than those of the classes here.
DEFAULTS = {AdaFactor: {"beta1": 0.0, "min_dim_size_to_factor": 128}}
ADAM_ONLY = ("weight_decay", "layer_adaptation")
OURS_ONLY = ("exponential_moving_average", "parameter_wise_lr")


@dataclass(frozen=True)
class ExtendedOptimizer:
    """An optimizer class with extensions; call it like the class that bert4keras would have made.

    Attributes:
        base: an optimizer class.
        extensions: names of extensions, keys of `ARGUMENTS`.
        name: of the optimizers, or None.
    """

    base: type
    extensions: tuple = ()
    name: str | None = None

    def __call__(self, learning_rate=0.001, **kwargs):
        """The optimizer.

        Args:
            learning_rate: at multiplier 1 of the schedule; also called `lr`.
            **kwargs: arguments of the base and those of the extensions.
        """
        if "decay" in kwargs:  # Keras would warn and go on without
            raise UserError("decay is not offered; use extend_with_piecewise_linear_lr or a schedule of Keras.")
        learning_rate = kwargs.pop("lr", learning_rate)
        extra, kwargs = {}, {**DEFAULTS.get(self.base, {}), **kwargs}
        for extension in self.extensions:
            for argument, default in ARGUMENTS[extension].items():
                extra[argument] = kwargs.pop(argument, default)
        if self.name is not None:
            kwargs.setdefault("name", self.name)
        return self._class()(learning_rate=self._rate(learning_rate, extra), **self._options(extra), **kwargs)

    def extended(self, extension, name):
        """The same with one more extension."""
        if extension in self.extensions:
            raise UserError(f"extend_with_{extension} was applied twice.")
        if extension in ADAM_ONLY and self.base is not AdamW:
            raise UserError(f"extend_with_{extension} is for Adam, received {self.base.__name__}.")
        if extension in OURS_ONLY and self.base not in (AdamW, AdaFactor):
            raise UserError(
                f"extend_with_{extension} is for Adam and AdaFactor, received {self.base.__name__}; "
                "for the average of other optimizers there is keras.callbacks.SwapEMAWeights."
            )
        return ExtendedOptimizer(self.base, (*self.extensions, extension), name or self.name)

    def _class(self):
        cls = Lamb if "layer_adaptation" in self.extensions else self.base
        return AVERAGING[cls] if "exponential_moving_average" in self.extensions else cls

    def _rate(self, learning_rate, extra):
        return PiecewiseLinear(extra["lr_schedule"], learning_rate) if "lr_schedule" in extra else learning_rate

    def _options(self, extra):
        options = {}
        if self.base is AdamW:
            options["weight_decay"] = extra.get("weight_decay_rate", 0.0)
            options["exclude_from_weight_decay"] = list(extra.get("exclude_from_weight_decay", ()))
        if "exclude_from_layer_adaptation" in extra:
            options["exclude_from_layer_adaptation"] = list(extra["exclude_from_layer_adaptation"])
        if "grad_accum_steps" in extra:
            options["gradient_accumulation_steps"] = extra["grad_accum_steps"]
        if "ema_momentum" in extra:
            options.update(use_ema=True, ema_momentum=extra["ema_momentum"])
        if "paramwise_lr_schedule" in extra:  # there a name is looked for as it is, here as a regular expression
            schedule = extra["paramwise_lr_schedule"]
            options["learning_rate_multipliers"] = {re.escape(name): factor for name, factor in schedule.items()}
        return options


def extended(base, extension, name):
    """`base`, an optimizer class or what another extension made, with an extension."""
    if not isinstance(base, ExtendedOptimizer):
        if not isinstance(base, type) or not issubclass(base, keras.optimizers.Optimizer):
            raise UserError(f"extend_with_{extension} needs an optimizer class, received {base!r}.")
        base = ExtendedOptimizer(_ours(base))
    return base.extended(extension, name)


def _ours(base):
    """The optimizer of this package that stands for a class."""
    if issubclass(base, keras.optimizers.Adam) and not issubclass(base, keras.optimizers.AdamW):
        return AdamW
    for ours in (AdaFactor, AdamW):
        if issubclass(base, ours):
            return ours
    return base
