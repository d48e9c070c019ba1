"""Each optimizer walks the same path as bert4keras 0.11.5: weights after every one of 12 updates, to 1e-5.

Gradient accumulation belongs to the training loop here. bert4keras applies it one call late: at calls 0, N, 2N, ... it
uses the mean of the N gradients before that call, and counts calls, not updates. The cases with accumulation are
replayed with that defect made by the test, so that they still prove the update rule, the schedule and the counting.
"""

import json

import keras
import numpy as np
import pytest

from rfv2_keras.optimizers import AdaFactor, AdamW, Lamb, PiecewiseLinear

ADAM_CASES = [
    "adam",
    "adam_betas_eps",
    "adam_grad_accum",
    "adam_no_bias_correction",
    "adam_piecewise_lr",
    "adam_piecewise_lr_from0",
    "adam_sparse_embedding",
    "adamw",
    "adamw_ema_piecewise",
    "adamw_exclude",
    "adamw_grad_accum",
    "adamw_piecewise_lr",
    "adamw_sparse_embedding",
    "ema",
    "ema_sparse_embedding",
    "grad_accum_sparse_embedding",
    "parameter_wise_lr",
    "parameter_wise_lr_decay",
]
LAMB_CASES = [
    "lamb",
    "lamb_bias_correction",
    "lamb_exclude",
    "lamb_zero_vector",
    "lamblr",
    "lamblrg_gau_train",
    "lamblrg_train_mlm",
    "layer_adaptation_only",
]
ADAFACTOR_CASES = [
    "adafactor_clue",
    "adafactor_clue_bigger_lr",
    "adafactor_factored",
    "adafactor_factored_nomomentum",
    "adafactor_grad_accum",
    "adafactor_lr_none",
    "adafactor_lr_none_noscale",
    "adafactor_noclip_exclude",
    "adafactor_options",
    "adafactor_zero_vector",
]
NOT_OFFERED = {
    "lookahead": "its slow weights start at zero, so that the first step multiplies every weight by the slow step size",
    "lazy": "rows without a gradient stand still while their moments move on; no recipe of these models uses it",
}


def read_case(golden, name):
    case = json.loads((golden / "optimizers" / f"{name}.json").read_text(encoding="utf-8"))
    with np.load(golden / "optimizers" / f"{name}.npz") as arrays:
        return case, dict(arrays)


def make_optimizer(case):
    """Our optimizer for the reference's class, wrappers and arguments."""
    wrappers, arguments = case["wrappers_inside_out"], dict(case["kwargs"])
    arguments.pop("grad_accum_steps", None)
    if "piecewise_linear_lr" in wrappers:
        arguments["learning_rate"] = PiecewiseLinear(arguments.pop("lr_schedule"), arguments["learning_rate"])
    if "exponential_moving_average" in wrappers:
        arguments["use_ema"] = True
    if case["base"] == "AdaFactor":
        return AdaFactor(**{"beta1": 0.0, "min_dim_size_to_factor": 128, **arguments})
    arguments["weight_decay"] = arguments.pop("weight_decay_rate", 0.0)
    arguments["learning_rate_multipliers"] = arguments.pop("paramwise_lr_schedule", None)
    return (Lamb if "layer_adaptation" in wrappers else AdamW)(**arguments)


def make_variables(case, arrays):
    variables = []
    for i, name in enumerate(case["variable_names"]):
        scope, leaf = name.removesuffix(":0").split("/")
        with keras.name_scope(scope):
            variables.append(keras.Variable(arrays[f"init{i}"], name=leaf, dtype="float32"))
    return variables


def gradients_of(case, arrays, step):
    gradients = [keras.ops.convert_to_tensor(arrays[f"grads{i}"][step]) for i in range(2)]
    if case["options"].get("sparse") and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        rows = np.flatnonzero(arrays["grads0"][step].any(axis=1))
        gradients[0] = tf.IndexedSlices(arrays["grads0"][step][rows], rows, arrays["grads0"][step].shape)
    return gradients


def apply_function(optimizer, jit):
    if not jit:
        return optimizer.apply
    import tensorflow as tf

    return tf.function(optimizer.apply, jit_compile=True)


def walk(case, arrays, jit=False):
    """Yields (step, optimizer, variables) after each call that the reference recorded."""
    optimizer, variables = make_optimizer(case), make_variables(case, arrays)
    optimizer.build(variables)
    apply = apply_function(optimizer, jit)
    every = case["kwargs"].get("grad_accum_steps")
    stored = [np.zeros_like(arrays[f"init{i}"]) for i in range(2)]
    for step in range(case["steps"]):
        if every is None:
            apply(gradients_of(case, arrays, step))
        else:
            if step % every == 0:
                optimizer.iterations.assign(step)
                apply([keras.ops.convert_to_tensor(s / every) for s in stored])
                stored = [np.zeros_like(s) for s in stored]
            stored = [s + arrays[f"grads{i}"][step] for i, s in enumerate(stored)]
        yield step, optimizer, variables


def check_weights(case, arrays, jit=False):
    for step, _, variables in walk(case, arrays, jit):
        for i, variable in enumerate(variables):
            np.testing.assert_allclose(
                keras.ops.convert_to_numpy(variable), arrays[f"weights{i}"][step], atol=1e-5, rtol=0, err_msg=f"{step=}"
            )


@pytest.mark.parametrize("name", ADAM_CASES + LAMB_CASES + ADAFACTOR_CASES)
def test_weights_after_every_update(golden, name):
    check_weights(*read_case(golden, name))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="jit_compile of tf.function is TensorFlow's")
@pytest.mark.parametrize("name", ["adamw_piecewise_lr", "lamblr", "lamblrg_train_mlm", "adafactor_factored"])
def test_weights_under_xla(golden, name):
    check_weights(*read_case(golden, name), jit=True)


def test_no_golden_case_is_left_out(golden):
    present = {path.stem for path in (golden / "optimizers").glob("*.json")}
    assert present == {*ADAM_CASES, *LAMB_CASES, *ADAFACTOR_CASES, *NOT_OFFERED}


@pytest.mark.parametrize("name", ["ema", "ema_sparse_embedding", "adamw_ema_piecewise"])
def test_keras_moving_average_differs_from_the_reference_only_in_its_start(golden, name):
    """Keras starts the average at the first weights w_1, bert4keras at zero: the difference after t is m**t * w_1.

    bert4keras divides by 1 - m**t to correct its start; ours needs no correction. For a sparse gradient it averages
    twice per step, which is not copied, so that variable is left out.
    """
    case, arrays = read_case(golden, name)
    momentum = case["kwargs"]["ema_momentum"]
    for step, optimizer, variables in walk(case, arrays):
        averages = [keras.ops.convert_to_numpy(v) for v in optimizer.variables if v.name.endswith("_average")]
        assert len(averages) == len(variables)
        for i in [1] if case["options"].get("sparse") else [0, 1]:
            start = momentum ** (step + 1) * arrays[f"weights{i}"][0]
            np.testing.assert_allclose(averages[i] - start, arrays[f"ema{i}"][step], atol=1e-5, rtol=0)
