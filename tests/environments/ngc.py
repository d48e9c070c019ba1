"""Create (once) a virtual environment like that of NVIDIA's final TensorFlow image and print the path of its Python.

    python3.12 tests/environments/ngc.py

The packages that this project touches have the versions that they have in the image; TensorFlow is the one of the same
line that is published for everyone. Then `scripts/ngc/install.sh` does there what it does in the image.
"""

import platform
import sys

from kept import ROOT, kept_environment, pip_install, python_of, run

# Wheels without CUDA are smaller, but there are none for ARM and macOS.
TENSORFLOW = "tensorflow-cpu" if (sys.platform, platform.machine()) == ("linux", "x86_64") else "tensorflow"

IMAGE = [
    f"{TENSORFLOW}==2.17.1",
    "absl-py==1.0.0",
    "anyio==4.8.0",
    "click==8.1.8",
    "fsspec==2024.12.0",
    "h5py==3.10.0",
    "httpx==0.28.1",
    "keras==3.3.2",
    "ml-dtypes==0.3.2",
    "numpy==1.26.4",
    "optree==0.14.0",
    "packaging==23.2",
    "pip==25.0.1",
    "protobuf==4.25.3",
    "rich==13.9.4",
    "setuptools==70.3.0",
    "tensorboard==2.17.1",
    "tqdm==4.67.1",
    "typing_extensions==4.12.2",
    "wheel==0.45.1",
]
TESTS = ["hypothesis>=6.100", "pytest>=8"]  # what tests/conftest.py imports and what runs it
WITHOUT_DEPENDENCIES = ["tf_keras==2.17.0"]  # it would ask for a TensorFlow of its own
INSTALLER = ROOT / "scripts" / "ngc" / "install.sh"


def fill(environment):
    pip_install(environment, *IMAGE, *TESTS)
    pip_install(environment, "--no-deps", *WITHOUT_DEPENDENCIES)
    run(["bash", INSTALLER, "--editable", python_of(environment)])


if __name__ == "__main__":
    recipe = [str(ROOT), IMAGE, TESTS, WITHOUT_DEPENDENCIES, INSTALLER.read_text(), (ROOT / "setup.cfg").read_text()]
    print(kept_environment("ngc", recipe, fill))
