"""Create (once) a virtual environment with real bert4keras and print the path of its Python.

    python tests/environments/bert4keras.py

bert4keras wants the Keras of TensorFlow 1 or 2, which tf-keras still is; it cannot share a process with Keras 3, but it
can share the installed TensorFlow. So the environment holds only bert4keras and the tf-keras that belongs to the
TensorFlow of the running Python, and sees the latter's site-packages behind its own: seconds and 40 megabytes instead
of a minute and two gigabytes.
"""

import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

from kept import kept_environment, pip_install


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


def fill(environment):
    pip_install(environment, "--no-deps", *requirements())
    # Only now, so that pip did not take the shared packages for its own.
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "shared.pth").write_text("\n".join(shared_folders()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    print(kept_environment("bert4keras", [version_of_tensorflow(), requirements(), shared_folders()], fill))
