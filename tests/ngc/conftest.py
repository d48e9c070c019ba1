"""A Python environment like that of NVIDIA's image, and the scripts for it."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

# What the stand-in for rfv2 below writes for each process.
REPORT = """#!/bin/sh
printf '%s\\n' "$TF_CONFIG" "$CUDA_VISIBLE_DEVICES" "$*" > "$REPORTS/$$"
"""
CHECK = "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 12))"


@pytest.fixture(scope="session")
def scripts(root):
    """The folder of the scripts."""
    return root / "scripts" / "ngc"


@pytest.fixture(scope="session")
def ngc_python(root):
    """Python of an environment with the packages of NVIDIA's image and this package in it; made once, in minutes."""
    python = _python_3_12()
    if python is None:
        pytest.skip("needs Python 3.12, the version of NVIDIA's image, in PATH or in pyenv")
    result = subprocess.run([python, root / "tests" / "environments" / "ngc.py"], capture_output=True, text=True)
    if result.returncode:
        pytest.fail(f"the environment could not be made:\n{result.stderr[-4000:]}", pytrace=False)
    return result.stdout.strip()


@pytest.fixture(scope="session")
def in_ngc(root, ngc_python):
    """Function that runs Python with arguments there, and returns the finished process."""

    def run(*arguments, status=0, **variables):
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("KERAS_", "PYTHON", "TF_"))}
        environment.update(TF_CPP_MIN_LOG_LEVEL="2", **variables)
        command = [ngc_python, *map(str, arguments)]
        result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=900)
        if result.returncode != status:
            output = result.stdout[-3000:] + result.stderr[-3000:]
            pytest.fail(f"{' '.join(command[1:5])} ended with {result.returncode}:\n{output}")
        return result

    return run


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Function that puts a program of this name in front of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_CPUS_PER_TASK", "MOUNTS", "RFV2_IMAGE", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def put(name, text):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
        return folder / name

    return put


@pytest.fixture
def reports(program, tmp_path, monkeypatch):
    """Function that gives what each started rfv2 was told: (TF_CONFIG, CUDA_VISIBLE_DEVICES, arguments), by rank."""
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setenv("REPORTS", str(folder))
    program("rfv2", REPORT)

    def read():
        told = [file.read_text().splitlines() for file in folder.iterdir()]
        told = [(json.loads(cluster), gpu, arguments) for cluster, gpu, arguments in told]
        return sorted(told, key=lambda one: one[0]["task"]["index"])

    return read


@pytest.fixture(scope="session")
def bash(scripts):
    """Function that runs one of the scripts with arguments."""

    def run(name, *arguments):
        command = ["bash", scripts / name, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return run


def _python_3_12():
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [sys.executable, shutil.which("python3.12"), *sorted(pyenv.glob("versions/3.12*/bin/python"))]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", CHECK], capture_output=True).returncode == 0:
            return candidate
    return None
