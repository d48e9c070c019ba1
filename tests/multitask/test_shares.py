"""Shares of tasks from weights and from sizes."""

import math

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.multitask.shares import task_shares

SIZES = [100, 400, 10_000]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"rule": "weights", "weights": [1, 1, 2]}, [1, 1, 2]),
        ({"rule": "proportional", "sizes": SIZES}, [1, 4, 100]),
        ({"rule": "proportional", "sizes": SIZES, "cap": 200}, [1, 2, 2]),
        ({"rule": "proportional", "sizes": SIZES, "cap": [None, 100, 1000]}, [1, 1, 10]),
        ({"rule": "square_root", "sizes": SIZES}, [1, 2, 10]),
        ({"rule": "square_root", "sizes": SIZES, "cap": 900}, [1, 2, 3]),
        ({"rule": "temperature", "temperature": 1, "sizes": SIZES}, [1, 4, 100]),
        ({"rule": "temperature", "temperature": 2.0, "sizes": SIZES}, [1, 2, 10]),
        ({"rule": "temperature", "temperature": 1e9, "sizes": SIZES}, [1, 1, 1]),
    ],
)
def test_rules(arguments, expected):
    shares = task_shares("abc", **arguments)
    assert shares.tolist() == pytest.approx([value / sum(expected) for value in expected], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rule": "weights", "weights": [1, 0, 2]}, "The weight of task 'b' must be a number above 0, received 0"),
        ({"rule": "weights", "weights": [1, 1, -2]}, "weight of task 'c' must be a number above 0, received -2"),
        ({"rule": "weights", "weights": [math.nan, 1, 1]}, "weight of task 'a' must be a number above 0, received nan"),
        ({"rule": "weights", "weights": [1, 1]}, "needs a weight for each of its 3 tasks, received 2"),
        ({"rule": "weights"}, "needs a weight for each of its 3 tasks, received none"),
        ({"rule": "proportional", "sizes": [5, 0, 5]}, "number of rows of task 'b' must be a number above 0"),
        ({"rule": "proportional", "sizes": SIZES, "cap": 0}, "cap of task 'a' must be a number above 0, received 0"),
        ({"rule": "proportional", "sizes": SIZES, "cap": [1]}, "one cap, or one for each of its 3 tasks, received 1"),
        ({"rule": "temperature", "sizes": SIZES}, "temperature of the mixture must be a number from 1 on"),
        ({"rule": "temperature", "sizes": SIZES, "temperature": 0.5}, "number from 1 on, received 0.5"),
        ({"rule": "equal"}, "rule of the mixture must be one of weights, .*, received 'equal'"),
    ],
)
def test_mistakes(arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        task_shares("abc", **arguments)


def test_names():
    with pytest.raises(UserError, match="has no task"):
        task_shares([], "weights", weights=[])
    with pytest.raises(UserError, match="'tnews' is used more than once"):
        task_shares(["tnews", "mlm", "tnews"], "weights", weights=[1, 1, 1])
