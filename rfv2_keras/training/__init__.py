"""Training: the loop, precision and XLA, processes, saving and resuming, logging. Needs TensorFlow.

The public names are imported when they are first used: the launcher of processes must not start TensorFlow itself.
"""

import importlib

_MODULES = {"PretrainConfig": "config", "launch": "launch", "plot_runs": "plot", "pretrain": "pretrain"}

__all__ = ["PretrainConfig", "launch", "plot_runs", "pretrain"]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # the module `pretrain` has the name of its function; the function wins
    return value
