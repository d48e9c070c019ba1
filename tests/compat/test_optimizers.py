"""`extend_with_…` give the optimizers of this package, with the numbers of bert4keras, or say what to use instead."""

import json

import keras
import numpy as np
import pytest

from rfv2_keras.compat import optimizers as compat
from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdaFactor, AdamW, Lamb, PiecewiseLinear

# Accumulation is one call late there; see tests/optimizers.
CASES = ["adam", "adamw_exclude", "adamw_piecewise_lr", "lamb_exclude", "lamblr", "parameter_wise_lr_decay"]


@pytest.mark.parametrize("name", [*CASES, "adafactor_factored", "adafactor_factored_nomomentum"])
def test_weights_after_every_update_are_those_of_bert4keras(golden, name):
    """The wrappers and arguments are handed on as they were to bert4keras, to 1e-5."""
    case = json.loads((golden / "optimizers" / f"{name}.json").read_text(encoding="utf-8"))
    optimizer = getattr(compat, case["base"])
    for wrapper in case["wrappers_inside_out"]:
        optimizer = getattr(compat, f"extend_with_{wrapper}")(optimizer)
    optimizer = optimizer(**case["kwargs"])
    with np.load(golden / "optimizers" / f"{name}.npz") as arrays:
        variables = []
        for i, variable in enumerate(case["variable_names"]):
            scope, leaf = variable.removesuffix(":0").split("/")
            with keras.name_scope(scope):
                variables.append(keras.Variable(arrays[f"init{i}"], name=leaf, dtype="float32"))
        optimizer.build(variables)
        for step in range(case["steps"]):
            optimizer.apply([keras.ops.convert_to_tensor(arrays[f"grads{i}"][step]) for i in range(2)])
            for i, variable in enumerate(variables):
                np.testing.assert_allclose(variable.numpy(), arrays[f"weights{i}"][step], atol=1e-5, rtol=0)


def test_which_class_comes_out():
    weight_decay = compat.extend_with_weight_decay(keras.optimizers.Adam, "AdamW")
    made = weight_decay(lr=1e-3)
    assert type(made) is AdamW
    assert (made.name, made.weight_decay, float(made.learning_rate)) == ("AdamW", 0.01, pytest.approx(1e-3))
    lamb = compat.extend_with_piecewise_linear_lr(compat.extend_with_layer_adaptation(weight_decay))
    made = lamb(1e-3, lr_schedule={10: 1}, weight_decay_rate=0.1, clipnorm=1.0)
    assert type(made) is Lamb
    assert (made.weight_decay, made.clipnorm) == (0.1, 1.0)
    assert isinstance(made._learning_rate, PiecewiseLinear)
    assert type(compat.extend_with_piecewise_linear_lr(AdaFactor)(1e-3)) is AdaFactor
    assert type(compat.extend_with_gradient_accumulation(keras.optimizers.SGD)(0.1)) is keras.optimizers.SGD


def test_accumulation_applies_the_mean_of_its_own_batches():
    optimizer = compat.extend_with_gradient_accumulation(keras.optimizers.SGD)(0.5, grad_accum_steps=3)
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer.build([variable])
    for gradient in (1.0, 2.0, 6.0):
        assert not variable.numpy().any()
        optimizer.apply([keras.ops.full((2,), gradient)])
    np.testing.assert_allclose(variable.numpy(), -0.5 * 3.0)


@pytest.mark.parametrize("base", ["Adam", "AdaFactor"])
def test_averages_are_swapped_in_and_out(base, tmp_path):
    averaging = compat.extend_with_exponential_moving_average(getattr(compat, base), "Averaging")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    optimizer = averaging(learning_rate=0.1, ema_momentum=0.5)
    with pytest.raises(UserError, match="no averages before the first update"):
        optimizer.apply_ema_weights()
    model.compile(optimizer, "mse")
    data = np.random.default_rng(0).normal(size=(8, 3)), np.ones((8, 1))
    average = None
    for _ in range(4):
        model.train_on_batch(*data)
        kernel = model.weights[0].numpy()
        average = kernel if average is None else 0.5 * average + 0.5 * kernel
    optimizer.apply_ema_weights()
    np.testing.assert_allclose(model.weights[0].numpy(), average, atol=1e-6)
    optimizer.reset_old_weights()
    np.testing.assert_array_equal(model.weights[0].numpy(), kernel)
    with pytest.raises(UserError, match="apply_ema_weights was not called"):
        optimizer.reset_old_weights()
    with pytest.raises(UserError, match="bias_correction=False is not offered"):
        optimizer.apply_ema_weights(bias_correction=False)
    model.save(tmp_path / "model.keras")
    assert type(keras.saving.load_model(tmp_path / "model.keras").optimizer) is type(optimizer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: compat.extend_with_lookahead(compat.Adam), "extend_with_lookahead is not offered"),
        (lambda: compat.extend_with_lazy_optimization(compat.Adam), "extend_with_lazy_optimization is not offered"),
        (lambda: compat.extend_with_weight_decay(compat.AdaFactor), "is for Adam, received AdaFactor"),
        (lambda: compat.extend_with_layer_adaptation(keras.optimizers.SGD), "is for Adam, received SGD"),
        (lambda: compat.extend_with_exponential_moving_average(keras.optimizers.SGD), "SwapEMAWeights"),
        (lambda: compat.extend_with_weight_decay("adam"), "needs an optimizer class, received 'adam'"),
        (
            lambda: compat.extend_with_weight_decay(compat.extend_with_weight_decay(compat.Adam)),
            "extend_with_weight_decay was applied twice",
        ),
    ],
)
def test_what_is_not_offered_says_so(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_unknown_arguments_are_refused():
    with pytest.raises(UserError, match="decay is not offered"):
        compat.extend_with_weight_decay(compat.Adam)(1e-3, decay=0.1)
    with pytest.raises(ValueError, match="lr_schedule"):
        compat.Adam(1e-3, lr_schedule={1: 1})
