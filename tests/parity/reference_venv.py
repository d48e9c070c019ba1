"""Create (once) a virtual environment with real bert4keras and print the path of its Python.

    python tests/parity/reference_venv.py

bert4keras wants the Keras of TensorFlow 1 or 2, which tf-keras still is; it cannot share a process with Keras 3, but it
can share the installed TensorFlow. So the environment holds only bert4keras and the tf-keras that belongs to the
TensorFlow of the running Python, and sees the latter's site-packages behind its own: seconds and 40 megabytes instead
of a minute and two gigabytes.

It is kept in `.cache/` of the repository, or in the folder named by RFV2_TEST_CACHE, under a name that changes with
everything it depends on. It is made under a temporary name and renamed when complete: what has the final name works.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import packages_distributions, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def requirements():
    """What is installed, without dependencies: bert4keras asks for a Keras of 2020, and TensorFlow is there already."""
    major, minor = version_of_tensorflow().split(".")[:2]
    packages = ["bert4keras==0.11.5", f"tf-keras=={major}.{minor}.*"]
    if sys.version_info >= (3, 12):
        packages.append("setuptools")  # brings back distutils, which bert4keras imports
    return packages


def version_of_tensorflow():
    """Version of the distribution that installed tensorflow, whatever its name (tensorflow, tensorflow-cpu, ...)."""
    names = packages_distributions().get("tensorflow")
    if not names:
        raise SystemExit(f"The environment for bert4keras shares the TensorFlow of {sys.executable}, which has none.")
    return version(names[0])


def shared_folders():
    """Folders of the running Python that hold installed packages."""
    return [folder for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]


def environment_folder():
    cache = Path(os.environ.get("RFV2_TEST_CACHE") or ROOT / ".cache").absolute()
    facts = [sys.version, sys.executable, version_of_tensorflow(), requirements(), shared_folders()]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return cache / f"bert4keras-{key}"


def create(folder):
    """Make the environment; several processes may try at the same time, one of them wins."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        run([sys.executable, "-m", "venv", unfinished])
        # Not compiled, because compiled files remember the temporary name in their tracebacks.
        run([python_of(unfinished), "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", *requirements()])
        # Only now, so that pip did not take the shared packages for its own.
        (site_packages_of(unfinished) / "shared.pth").write_text("\n".join(shared_folders()) + "\n", encoding="utf-8")
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def run(command):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(part) for part in command]
    if subprocess.run(command, env=environment, stdout=sys.stderr).returncode:
        raise SystemExit(f"The environment for bert4keras could not be made; this failed: {' '.join(command)}")


def python_of(environment):
    return environment / "bin" / "python"


def site_packages_of(environment):
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def main():
    folder = environment_folder()
    if not folder.is_dir():
        print(f"creating {folder} with {', '.join(requirements())}", file=sys.stderr)
        create(folder)
    print(python_of(folder))


if __name__ == "__main__":
    main()
