"""Weights of a file into the variables of a model: all checks first, then everything, or nothing."""

import numpy as np

from rfv2_keras.checkpoints.names import is_residual_factor
from rfv2_keras.checkpoints.report import LoadReport
from rfv2_keras.checkpoints.token_selection import TokenSelection
from rfv2_keras.errors import UserError


def assign_weights(model, source, config=None, strict=True):
    """Give the weights of a model the values of a `WeightSource`.

    Nothing is assigned before every name and shape has been checked and every array has been read, so that a load that
    fails leaves the model as it was.

    A model with residual factors α (warm-up or ReZero) whose source has none of them gets α = 1: that is what a model
    without α computes.

    Args:
        model: a built Keras model.
        source: the `WeightSource`.
        config: the model's `ModelConfig`; tells which rows of the token table are kept.
        strict: whether missing and mis-shaped weights are an error.

    Returns:
        A `LoadReport`.

    Raises:
        UserError: weights are missing or mis-shaped, nothing fits at all, or the file is damaged.
    """
    variables = weights_by_path(model)
    selection = TokenSelection(config)
    report = _compare(variables, source, selection)
    report.raise_if_incomplete(strict)
    values = {path: _read(source.arrays[source.name_of(path)], path, selection) for path in report.loaded}
    for path, value in values.items():
        variables[path].assign(value)
    for path in report.set_to_one:
        variables[path].assign(1.0)
    return report


def weights_by_path(model):
    """path -> variable for the weights of a model, in their order.

    Raises:
        UserError: two weights have the same path.
    """
    variables = {}
    for variable in model.weights:
        if variables.setdefault(variable.path, variable) is not variable:
            raise UserError(f"model {model.name}: two weights are called {variable.path}; give the layers other names.")
    return variables


def _compare(variables, source, selection):
    """What would be loaded; no array is read except residual factors."""
    report = LoadReport(source.place)
    names = {path: source.name_of(path) for path in variables}
    factors = {path for path in variables if is_residual_factor(path)}
    source_has_factors = any(names[path] in source.arrays for path in factors)
    for path, variable in variables.items():
        array = source.arrays.get(names[path])
        if array is None:
            (report.missing if path not in factors or source_has_factors else report.set_to_one).append(path)
            continue
        stored, own = tuple(array.shape), tuple(variable.shape)
        if selection.applies(path, stored):
            stored = selection.shape(stored)
        if stored == own:
            report.loaded.append(path)
        else:
            report.wrong_shape[path] = (stored, own)
    used = set(names.values())
    report.unused = sorted(name for name in source.arrays if name not in used)
    if not factors:
        report.lost_factors = [
            name
            for name in report.unused
            if is_residual_factor(name) and np.any(np.asarray(source.arrays[name]) != 1.0)
        ]
    return report


def _read(array, path, selection):
    value = np.asarray(array, dtype="float32")
    return selection.select(value) if selection.applies(path, value.shape) else value
