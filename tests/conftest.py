"""Fixtures for all tests: where the golden numbers and the real data lie."""

from pathlib import Path

import hypothesis
import pytest

# A deadline per example would fail on a busy machine, and a failure must be the same tomorrow.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root():
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def golden():
    """The folder with the numbers of the original implementation."""
    return _shared_folder("golden")


@pytest.fixture(scope="session")
def data():
    """The folder with real corpora, tasks, vocabularies and released configs."""
    return _shared_folder("data")


@pytest.fixture(params=["eager", "graph", "graph of any shape", "XLA"])
def run_tensorflow(request):
    """A function: (function of tensors, tensors) -> its result, in each of the ways in which TensorFlow computes."""

    def compute(function, *tensors):
        import tensorflow as tf

        if request.param == "eager":
            return function(*tensors)
        signature = None
        if request.param == "graph of any shape":  # batch and length; sizes of layers are always known
            shapes = [(None, None, *x.shape[2:])[: len(x.shape)] for x in tensors]
            signature = [tf.TensorSpec(shape, x.dtype) for shape, x in zip(shapes, tensors, strict=True)]
        return tf.function(function, input_signature=signature, jit_compile=request.param == "XLA")(*tensors)

    return compute


def _shared_folder(name):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs the folder ../shared/{name} beside the repository, which is absent")
    return folder
