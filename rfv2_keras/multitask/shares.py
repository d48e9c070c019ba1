"""How often each task is drawn: shares from weights or from sizes."""

import math

import numpy as np

from rfv2_keras.errors import UserError

EXPONENTS = {"proportional": 1.0, "square_root": 0.5}
RULES = ("weights", *EXPONENTS, "temperature")


def task_shares(names, rule, *, weights=None, sizes=None, cap=None, temperature=None):
    """The share of draws of each task.

    * "weights": share ∝ the weight given, as in the released multi-task code of RoFormerV2.
    * "proportional": share ∝ n, the number of rows, or the cap if that is less.
    * "square_root": share ∝ n^(1/2).
    * "temperature": share ∝ n^(1/T); T = 1 is proportional, a large T treats all tasks alike (arXiv 1910.10683,
      section 3.5.2; its cap is called K there).

    Args:
        names: names of the tasks.
        rule: one of these.
        weights: positive number per task; "weights" only.
        sizes: number of rows per task; the other rules.
        cap: no task counts as larger than this many rows: one number, or one per task where None is no cap.
        temperature: T, at least 1; "temperature" only.

    Returns:
        (tasks,) float64 with sum 1.

    Raises:
        UserError: no task, two of one name, an unknown rule, an argument that the rule needs is missing or wrong, an
            empty task.
    """
    if not names:
        raise UserError("The mixture has no task; it needs at least one.")
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UserError(f"Task names must differ, but {twice[0]!r} is used more than once.")
    if rule not in RULES:
        raise UserError(f"The rule of the mixture must be one of {', '.join(RULES)}, received {rule!r}.")
    if rule == "weights":
        amounts = _positive(names, "weight", weights)
    else:
        rows = np.minimum(_positive(names, "number of rows", sizes), _caps(names, cap))
        amounts = rows ** _exponent(rule, temperature)
    return amounts / amounts.sum()


def _positive(names, what, values):
    if values is None or len(values) != len(names):
        received = "none" if values is None else len(values)
        raise UserError(f"The mixture needs a {what} for each of its {len(names)} tasks, received {received}.")
    for name, value in zip(names, values, strict=True):
        if not (value > 0 and math.isfinite(value)):
            raise UserError(f"The {what} of task {name!r} must be a number above 0, received {value!r}.")
    return np.array(values, np.float64)


def _caps(names, cap):
    if cap is None:
        return np.inf
    caps = [cap] * len(names) if np.isscalar(cap) else [math.inf if value is None else value for value in cap]
    if len(caps) != len(names):
        raise UserError(f"The mixture needs one cap, or one for each of its {len(names)} tasks, received {len(caps)}.")
    for name, value in zip(names, caps, strict=True):
        if not value > 0:
            raise UserError(f"The cap of task {name!r} must be a number above 0, received {value!r}.")
    return np.array(caps, np.float64)


def _exponent(rule, temperature):
    if rule in EXPONENTS:
        return EXPONENTS[rule]
    if temperature is None or not 1 <= temperature < math.inf:
        raise UserError(f"The temperature of the mixture must be a number from 1 on, received {temperature!r}.")
    return 1.0 / temperature
