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


def _shared_folder(name):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs the folder ../shared/{name} beside the repository, which is absent")
    return folder
