"""Modules of the experiments' scripts, which import each other by name."""

import importlib

import pytest


@pytest.fixture(scope="session")
def experiment(root):
    """A function that imports a module of scripts/experiments by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "scripts" / "experiments")
        yield importlib.import_module
