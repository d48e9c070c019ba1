"""`bert4keras.optimizers`: Adam, AdaFactor, and extensions of optimizer classes.

    AdamW = extend_with_weight_decay(Adam, "AdamW")
    AdamWLR = extend_with_piecewise_linear_lr(AdamW, "AdamWLR")
    model.compile(loss=..., optimizer=AdamWLR(2e-5, weight_decay_rate=0.01, lr_schedule={1000: 1, 2000: 0.1}))

New code gives `rfv2_keras.optimizers.AdamW` and `Lamb` the same as arguments.
"""

from rfv2_keras.compat.absent import absent_names
from rfv2_keras.compat.extended_optimizer import ExtendedOptimizer, extended
from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdaFactor as _AdaFactor
from rfv2_keras.optimizers import AdamW as _AdamW

__all__ = [
    "AdaFactor",
    "Adam",
    "extend_with_exponential_moving_average",
    "extend_with_gradient_accumulation",
    "extend_with_layer_adaptation",
    "extend_with_lazy_optimization",
    "extend_with_lookahead",
    "extend_with_parameter_wise_lr",
    "extend_with_piecewise_linear_lr",
    "extend_with_weight_decay",
]

__getattr__ = absent_names(
    __name__,
    {
        "AdaFactorV1": "use AdaFactor",
        "AdaFactorV2": "use AdaFactor",
        "Lion": "use keras.optimizers.Lion",
        "Tiger": "use keras.optimizers.Lion",
    },
)

Adam = ExtendedOptimizer(_AdamW)
AdaFactor = ExtendedOptimizer(_AdaFactor)


def extend_with_weight_decay(BaseOptimizer, name=None):
    """Adam with decoupled weight decay: arguments `weight_decay_rate=0.01`, `exclude_from_weight_decay=[]`."""
    return extended(BaseOptimizer, "weight_decay", name)


def extend_with_layer_adaptation(BaseOptimizer, name=None):
    """LAMB: argument `exclude_from_layer_adaptation=[]`."""
    return extended(BaseOptimizer, "layer_adaptation", name)


def extend_with_piecewise_linear_lr(BaseOptimizer, name=None):
    """`PiecewiseLinear` in the place of the learning rate: argument `lr_schedule={0: 1}`; its steps are batches."""
    return extended(BaseOptimizer, "piecewise_linear_lr", name)


def extend_with_gradient_accumulation(BaseOptimizer, name=None):
    """Keras's `gradient_accumulation_steps`: argument `grad_accum_steps=2`.

    An update uses the mean of the gradients of its own batches; bert4keras uses those of the batches before them.
    """
    return extended(BaseOptimizer, "gradient_accumulation", name)


def extend_with_exponential_moving_average(BaseOptimizer, name=None):
    """Keras's `use_ema`: argument `ema_momentum=0.999`, methods `apply_ema_weights` and `reset_old_weights`."""
    return extended(BaseOptimizer, "exponential_moving_average", name)


def extend_with_parameter_wise_lr(BaseOptimizer, name=None):
    """`learning_rate_multipliers`: argument `paramwise_lr_schedule={}`, part of a weight's path to factor."""
    return extended(BaseOptimizer, "parameter_wise_lr", name)


def extend_with_lookahead(BaseOptimizer, name=None):
    """Not offered: there the slow weights start at zero, so that the first step multiplies every weight."""
    raise UserError(
        "extend_with_lookahead is not offered; extend_with_exponential_moving_average gives an average of the weights."
    )


def extend_with_lazy_optimization(BaseOptimizer, name=None):
    """Not offered: Adam moves the rows of an embedding that a batch does not use, by their old moments."""
    raise UserError("extend_with_lazy_optimization is not offered; use the optimizer without it.")
