"""The piecewise-linear schedule: the reference's numbers, its limits, serialisation and error sentences."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdaFactor, AdamW, PiecewiseLinear, RelativeStep


def test_golden_piecewise_linear(golden):
    cases = json.loads((golden / "layers" / "cases.json").read_text(encoding="utf-8"))
    with np.load(golden / "layers" / "piecewise_linear.npz") as arrays:
        for i, schedule in enumerate(cases["piecewise_linear"]["args"]):
            for from_zero in (True, False):
                rate = PiecewiseLinear(schedule, 1.0, from_zero=from_zero)(arrays["t"])
                np.testing.assert_allclose(
                    keras.ops.convert_to_numpy(rate), arrays[f"out{i}_{int(from_zero)}"], atol=1e-6, rtol=1e-6
                )


points = st.dictionaries(st.integers(0, 10_000), st.floats(0, 2), min_size=1, max_size=6)


@settings(deadline=None)
@given(points, st.booleans(), st.lists(st.integers(0, 20_000), min_size=1, max_size=20))
def test_equals_numpy_interpolation(schedule, from_zero, steps):
    known = dict(schedule) if not from_zero else {0: 0.0, **schedule}
    expected = 1e-3 * np.interp(steps, sorted(known), [known[k] for k in sorted(known)])
    rate = PiecewiseLinear(schedule, 1e-3, from_zero)(np.array(steps))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(rate), expected, atol=1e-8)


def test_last_value_is_exact_and_single_steps_work():
    schedule = PiecewiseLinear({10: 1, 100: 0.5, 1000: 0.0}, 1.76e-3)
    assert float(schedule(1000)) == 0.0
    assert float(schedule(10**6)) == 0.0
    assert float(schedule(10)) == pytest.approx(1.76e-3)
    assert float(schedule(0)) == 0.0


def test_round_trip_through_json():
    schedule = PiecewiseLinear({"100": 0.5, "10": 1}, 2e-3, from_zero=False)
    config = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
    restored = keras.optimizers.schedules.deserialize(config)
    steps = np.arange(0, 200, 7)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(restored(steps)), keras.ops.convert_to_numpy(schedule(steps))
    )
    assert restored.get_config() == schedule.get_config()


def test_optimizer_reads_the_schedule_by_updates():
    variable = keras.Variable([1.0], name="weight")
    optimizer = AdamW(PiecewiseLinear({2: 1, 4: 0}, 0.5), weight_decay=0.0)
    rates = []
    for _ in range(6):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.ones(1)], [variable])
    np.testing.assert_allclose(rates, [0, 0.25, 0.5, 0.25, 0, 0])


def test_relative_step():
    optimizer = AdaFactor(learning_rate=None, multiply_by_parameter_scale=False)
    restored = AdaFactor.from_config(optimizer.get_config())
    assert float(restored.learning_rate) == pytest.approx(0.05 * 0.01)
    assert float(RelativeStep()(10**6 - 1)) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (({}, 1.0), "at least one step"),
        (([(0, 1)], 1.0), "at least one step"),
        (({-1: 1}, 1.0), "-1"),
        (({"ten": 1}, 1.0), "ten"),
        (({1.5: 1}, 1.0), "1.5"),
        (({10: "1"}, 1.0), "multiplier"),
        (({10: float("nan")}, 1.0), "nan"),
        (({10: 1, "10": 0.5}, 1.0), "once"),
        (({10: 1}, None), "base rate"),
    ],
)
def test_mistakes_are_named(arguments, word):
    with pytest.raises(UserError, match=word):
        PiecewiseLinear(*arguments)
