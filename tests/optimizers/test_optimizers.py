"""What every optimizer of the package keeps: config, state, precision, sparse gradients, choice of variables."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdaFactor, AdamW, Lamb, PiecewiseLinear

RATE = PiecewiseLinear({3: 1, 30: 0.1}, 0.02)
OPTIMIZERS = {
    "adamw": lambda: AdamW(RATE, weight_decay=0.1, exclude_from_weight_decay=["bias"], global_clipnorm=1.0),
    "adam": lambda: AdamW(0.02, weight_decay=0.0),
    "lamb": lambda: Lamb(
        RATE, bias_correction=False, exclude_from_layer_adaptation=["bias"], learning_rate_multipliers={"bias": 2.0}
    ),
    "lamb_averaged": lambda: Lamb(0.02, use_ema=True, ema_momentum=0.9),
    "adafactor": lambda: AdaFactor(0.02),
    "adafactor_factored": lambda: AdaFactor(None, beta1=0.0, min_dim_size_to_factor=2, clipping_threshold=None),
}
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
only_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses TensorFlow's own types")


def make_variables(seed=0):
    generator = np.random.default_rng(seed)
    with keras.name_scope("layer"):
        return [
            keras.Variable(generator.normal(size=(6, 4)), name="kernel", dtype="float32"),
            keras.Variable(generator.normal(size=4), name="bias", dtype="float32"),
        ]


def make_gradients(seed):
    generator = np.random.default_rng(seed)
    return [keras.ops.convert_to_tensor(generator.normal(size=shape).astype("float32")) for shape in [(6, 4), (4,)]]


def numbers(variables):
    return [keras.ops.convert_to_numpy(v) for v in variables]


@every_optimizer
def test_config_round_trip_gives_the_same_updates(make):
    optimizer = make()
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert restored.get_config() == optimizer.get_config()
    first, second = make_variables(), make_variables()
    for seed in range(4):
        optimizer.apply(make_gradients(seed), first)
        restored.apply(make_gradients(seed), second)
    for a, b in zip(numbers(first), numbers(second), strict=True):
        np.testing.assert_array_equal(a, b)


@every_optimizer
def test_saved_state_continues_to_the_bit(make):
    optimizer, variables = make(), make_variables()
    for seed in range(3):
        optimizer.apply(make_gradients(seed), variables)
    store = {}
    optimizer.save_own_variables(store)
    restored, copies = make(), make_variables()
    restored.build(copies)
    restored.load_own_variables(store)
    for copy, variable in zip(copies, variables, strict=True):
        copy.assign(variable)
    for seed in range(3, 6):
        optimizer.apply(make_gradients(seed), variables)
        restored.apply(make_gradients(seed), copies)
    for a, b in zip(numbers([*variables, *optimizer.variables]), numbers([*copies, *restored.variables]), strict=True):
        np.testing.assert_array_equal(a, b)


@every_optimizer
def test_a_model_learns_and_its_file_keeps_the_optimizer(make, tmp_path):
    keras.utils.set_random_seed(1)
    features = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    targets = features @ np.random.default_rng(1).normal(size=(6, 1)).astype("float32")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    model.compile(make(), "mse", jit_compile=False)
    before = model.evaluate(features, targets, verbose=0)
    model.fit(features, targets, epochs=8, batch_size=16, verbose=0)
    assert model.evaluate(features, targets, verbose=0) < before
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(numbers(model.optimizer.variables), numbers(restored.optimizer.variables), strict=True):
        np.testing.assert_array_equal(a, b)


@every_optimizer
def test_mixed_precision_keeps_float32_state(make):
    keras.utils.set_random_seed(1)
    policy = "mixed_float16"
    inputs = keras.Input((4,), dtype="int32")
    hidden = keras.layers.Embedding(11, 8, dtype=policy)(inputs)
    outputs = keras.layers.Dense(1, dtype=policy)(keras.layers.Flatten()(hidden))
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.LossScaleOptimizer(make(), initial_scale=8.0)
    model.compile(optimizer, "mse", jit_compile=False)
    ids = np.random.default_rng(0).integers(0, 11, (32, 4))
    model.fit(ids, ids.sum(axis=1, keepdims=True) / 40, epochs=3, verbose=0)
    state = [v for v in optimizer.variables if not keras.backend.is_int_dtype(v.dtype)]
    assert {keras.backend.standardize_dtype(v.dtype) for v in [*state, *model.weights]} == {"float32"}
    assert all(np.isfinite(n).all() for n in numbers([*state, *model.weights]))


@only_tensorflow
@every_optimizer
def test_sparse_gradients_equal_dense_ones(make):
    import tensorflow as tf

    dense, sparse = make_variables(), make_variables()
    first, second = make(), make()
    for seed in range(3):
        kernel, bias = make_gradients(seed)
        rows = [1, 4]
        slices = tf.IndexedSlices(tf.gather(kernel, rows), tf.constant(rows), tf.constant([6, 4]))
        first.apply([tf.convert_to_tensor(slices), bias], dense)
        second.apply([slices, bias], sparse)
    for a, b in zip(numbers(dense), numbers(sparse), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@only_tensorflow
@every_optimizer
def test_xla_gives_the_same_weights(make):
    import tensorflow as tf

    eager, compiled = make(), make()
    first, second = make_variables(), make_variables()
    compiled.build(second)
    apply = tf.function(compiled.apply, jit_compile=True)
    for seed in range(5):
        eager.apply(make_gradients(seed), first)
        apply(make_gradients(seed))
    for a, b in zip(numbers(first), numbers(second), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


@settings(deadline=None, max_examples=30)
@given(st.floats(1e-4, 0.5), st.floats(0, 0.5), st.integers(0, 1000))
def test_lamb_steps_are_as_long_as_the_weight_times_the_rate(rate, decay, seed):
    variables = make_variables(seed)
    before = numbers(variables)
    Lamb(rate, weight_decay=decay).apply(make_gradients(seed + 1), variables)
    for old, new in zip(before, numbers(variables), strict=True):
        assert np.linalg.norm(new - old) == pytest.approx(rate * np.linalg.norm(old), rel=1e-3)


def test_adamw_equals_keras_where_the_two_agree():
    """With an epsilon too small to matter and a decay on all weights, it is the AdamW of Keras."""
    ours, theirs = make_variables(), make_variables()
    first = AdamW(0.01, epsilon=1e-12, weight_decay=0.1)
    second = keras.optimizers.AdamW(0.01, epsilon=1e-12, weight_decay=0.1)
    for seed in range(5):
        first.apply(make_gradients(seed), ours)
        second.apply(make_gradients(seed), theirs)
    for a, b in zip(numbers(ours), numbers(theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_patterns_match_the_path_of_a_variable():
    """Decay is excluded by layer name, though the variable itself is called `kernel`."""
    with keras.name_scope("Embedding-Norm"):
        norm = keras.Variable([2.0], name="kernel")
    with keras.name_scope("Dense"):
        dense = keras.Variable([2.0], name="kernel")
    optimizer = AdamW(0.1, weight_decay=0.5, exclude_from_weight_decay=[r"Norm/"])
    optimizer.apply([keras.ops.zeros(1), keras.ops.zeros(1)], [norm, dense])
    assert numbers([norm, dense]) == [2.0, pytest.approx(2.0 - 0.1 * 0.5 * 2.0)]


def test_keras_way_of_excluding_works_too():
    variables = make_variables()
    before = numbers(variables)
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([keras.ops.zeros((6, 4)), keras.ops.zeros(4)], variables)
    kernel, bias = numbers(variables)
    np.testing.assert_allclose(kernel, before[0] * 0.95, rtol=1e-6)
    np.testing.assert_array_equal(bias, before[1])


@pytest.mark.parametrize("make", [AdamW, Lamb, AdaFactor])
def test_layer_wise_learning_rates(make):
    """All patterns that match multiply; a factor of 0 freezes a variable."""
    plain, scaled, frozen = make_variables(), make_variables(), make_variables()
    before = numbers(plain)
    make(0.01).apply(make_gradients(0), plain)
    make(0.01, learning_rate_multipliers={"kernel": 0.5, "^layer": 0.5}).apply(make_gradients(0), scaled)
    make(0.01, learning_rate_multipliers={"layer": 0}).apply(make_gradients(0), frozen)
    for old, full, part, none, factor in zip(
        before, numbers(plain), numbers(scaled), numbers(frozen), [0.25, 0.5], strict=True
    ):
        np.testing.assert_allclose(part - old, factor * (full - old), atol=1e-6)
        np.testing.assert_array_equal(none, old)


def test_adafactor_keeps_means_of_large_matrices_only():
    optimizer = AdaFactor(0.01, beta1=0.0, min_dim_size_to_factor=4)
    shapes = [(6, 4), (4,), (3, 100), (5, 2, 7)]
    optimizer.build([keras.Variable(np.zeros(shape)) for shape in shapes])
    state = [tuple(v.shape) for v in optimizer.variables[2:]]  # after the iteration and the learning rate
    assert state == [(6, 1), (1, 4), (4,), (3, 100), (1, 2, 7), (5, 2, 1)]


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: AdamW(exclude_from_weight_decay="bias"), "exclude_from_weight_decay"),
        (lambda: AdamW(exclude_from_weight_decay=["("]), "regular expression"),
        (lambda: AdamW(exclude_from_weight_decay=[3]), "regular expression"),
        (lambda: Lamb(exclude_from_layer_adaptation="Norm"), "exclude_from_layer_adaptation"),
        (lambda: AdaFactor(exclude_from_parameter_scale=["*"]), "exclude_from_parameter_scale"),
        (lambda: Lamb(learning_rate_multipliers=["kernel"]), "learning_rate_multipliers"),
        (lambda: AdaFactor(learning_rate_multipliers={"kernel": -1}), "factor >= 0"),
    ],
)
def test_mistakes_are_named(make, word):
    with pytest.raises(UserError, match=word):
        make()
