"""Virtual environments that are made once and kept for later test runs.

They are kept in `.cache/` of the repository, or in the folder named by RFV2_TEST_CACHE, under a name that changes with
everything they depend on. Each is made under a temporary name and renamed when complete: what has the final name works.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def kept_environment(name, facts, fill):
    """Path of the Python of an environment, which is made with the running Python if it is not there yet.

    Args:
        name: first part of the folder's name.
        facts: what the content depends on, besides the running Python; anything that JSON can hold.
        fill: function that gets the folder of an empty environment and installs what belongs in it. Programs in its
            `bin/` remember the temporary name and do not work later; `python -m` does.
    """
    cache = Path(os.environ.get("RFV2_TEST_CACHE") or ROOT / ".cache").absolute()
    key = hashlib.sha256(json.dumps([sys.version, sys.prefix, facts]).encode()).hexdigest()[:12]
    folder = cache / f"{name}-{key}"
    if not folder.is_dir():
        print(f"creating {folder}", file=sys.stderr)
        _create(folder, fill)
    return python_of(folder)


def _create(folder, fill):
    """Several processes may try at the same time; one of them wins."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        run([sys.executable, "-m", "venv", unfinished])
        fill(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def pip_install(environment, *arguments):
    # Not compiled, because compiled files remember the temporary name in their tracebacks.
    run([python_of(environment), "-m", "pip", "install", "--quiet", "--no-compile", *arguments])


def run(command):
    """Run a command; what it prints goes to standard error, where it disturbs no one who reads the result."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(part) for part in command]
    if subprocess.run(command, env=environment, stdout=sys.stderr).returncode:
        raise SystemExit(f"The environment could not be made; this failed: {' '.join(command)}")


def python_of(environment):
    return environment / "bin" / "python"
