"""The Dockerfile, as far as it can be checked without Docker; `test_image_packages.py` runs what it installs."""

import importlib.metadata
import re

import pytest


@pytest.fixture(scope="module")
def instructions(scripts):
    """The instructions of the Dockerfile, one string each."""
    text = re.sub(r"^#.*\n", "", (scripts / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [line for line in text.splitlines() if line]


def test_base_image_is_pinned(instructions):
    assert re.fullmatch(r"FROM nvcr\.io/nvidia/tensorflow:25\.02-tf2-py3@sha256:[0-9a-f]{64}", instructions[0])
    assert sum(line.startswith("FROM") for line in instructions) == 1


def test_notice_and_variables(instructions):
    everything = "\n".join(instructions)
    assert '"This software contains source code provided by NVIDIA Corporation."' in everything
    (line,) = (line for line in instructions if line.startswith("ENV"))
    variables = dict(part.split("=") for part in line.split()[1:])
    assert variables["TF_USE_LEGACY_KERAS"] == "0"
    assert variables["KERAS_BACKEND"] == "tensorflow"
    assert variables["PYTHONNOUSERSITE"] == "1"


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"keras": "3.3.2"}, False),
        ({"numpy": "2.0.2"}, False),
        ({"tensorflow": "2.17.1"}, False),  # of PyPI
        ({"tensorflow": "2.21.0"}, False),
    ],
)
def test_build_asserts_versions(instructions, monkeypatch, changes, fits):
    """The check that ends the build, run with other versions."""
    versions = {"tensorflow": "2.17.0+nv25.2", "numpy": "1.26.4", "keras": "3.15.1", **changes}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    (code,) = re.findall(r"python3 -c '(.*?)'", "\n".join(instructions))
    if fits:
        exec(code, {})
    else:
        with pytest.raises(AssertionError):
            exec(code, {})
