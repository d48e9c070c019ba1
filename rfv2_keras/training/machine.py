"""What this machine and this Python are: read, not judged. `doctor.py` judges."""

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

# Not simply "TF_" and "NVIDIA_": other programs keep secrets under such names.
PREFIXES = ("CUDA_", "KERAS_", "NCCL_", "OMP_", "TF_CUDNN_", "TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_", "XLA_")
NAMES = (
    "NVIDIA_TENSORFLOW_VERSION",
    "NVIDIA_TF32_OVERRIDE",
    "NVIDIA_VISIBLE_DEVICES",
    "ONEDNN_MAX_CPU_ISA",
    "PYTHONNOUSERSITE",
    "SLURM_PROCID",
    "SLURM_STEP_NODELIST",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_TASKS_PER_NODE",
    "TF_CONFIG",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_DETERMINISTIC_OPS",
    "TF_USE_LEGACY_KERAS",
    "TF_XLA_FLAGS",
    "_CUDA_COMPAT_STATUS",
)


class Gpu(NamedTuple):
    """A GPU that TensorFlow sees."""

    name: str
    compute_capability: tuple | None  # (major, minor)


class Machine(NamedTuple):
    """The facts. What could not be found out is None."""

    python: str
    system: str
    tensorflow: str
    build: dict  # of TensorFlow: is_cuda_build, cuda_version, cudnn_version, cuda_compute_capabilities
    keras: str
    backend: str
    floatx: str
    tf_keras: str | None  # version of tf.keras; None if it cannot be imported
    numpy: str
    unmet: tuple  # requirements of this package that are not met, each a sentence
    user_site: tuple  # packages that come from the user's own folder
    gpus: tuple  # of Gpu
    driver: str | None
    driver_gpus: int  # GPUs that the driver knows
    gpu_files: int  # GPUs that this container or job was given
    cpu: str | None
    cpu_flags: frozenset
    cores: int
    memory: float | None  # GiB
    free_memory: float | None
    shared_memory: float | None
    environment: dict  # variables that matter


def read_machine(environment):
    """Look at everything. Imports TensorFlow.

    Args:
        environment: mapping of environment variables, as they were before TensorFlow was imported.
    """
    import keras
    import numpy
    import tensorflow as tf

    model, flags = parse_cpuinfo(_text("/proc/cpuinfo"))
    memory, free_memory = parse_meminfo(_text("/proc/meminfo"))
    limit = _text("/sys/fs/cgroup/memory.max").strip()
    if limit.isdecimal() and memory is not None:
        memory = min(memory, int(limit) / 2**30)
        free_memory = min(free_memory, memory)
    return Machine(
        python=platform.python_version(),
        system=platform.platform(),
        tensorflow=tf.__version__,
        build=dict(tf.sysconfig.get_build_info()),
        keras=keras.__version__,
        backend=keras.backend.backend(),
        floatx=keras.config.floatx(),
        tf_keras=_tf_keras(tf),
        numpy=numpy.__version__,
        unmet=tuple(unmet_requirements(_requirements(), {"tensorflow": tf.__version__})),
        user_site=tuple(m.__name__ for m in (keras, numpy, tf) if _is_in_user_site(m)),
        gpus=tuple(_gpu(tf, device) for device in tf.config.list_physical_devices("GPU")),
        driver=parse_driver(_text("/proc/driver/nvidia/version")),
        driver_gpus=len(list(Path("/proc/driver/nvidia/gpus").glob("*"))),
        gpu_files=len(list(Path("/dev").glob("nvidia[0-9]*"))),
        cpu=model,
        cpu_flags=flags,
        cores=_cores(),
        memory=memory,
        free_memory=free_memory,
        shared_memory=shutil.disk_usage("/dev/shm").total / 2**30 if Path("/dev/shm").is_dir() else None,
        environment=relevant(environment),
    )


def relevant(environment):
    """The variables that change what TensorFlow, Keras or CUDA do."""
    return {n: v for n, v in sorted(environment.items()) if n.startswith(PREFIXES) or n in NAMES}


def parse_driver(text):
    """Version of NVIDIA's driver from /proc/driver/nvidia/version."""
    match = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text)
    return match and match[1]


def parse_cpuinfo(text):
    """(model, flags) from /proc/cpuinfo; ARM calls its flags features and names no model."""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    return model and model[1], frozenset(flags[1].split() if flags else ())


def parse_meminfo(text):
    """(total, available) in GiB from /proc/meminfo."""
    sizes = dict(re.findall(r"^(\w+):\s*(\d+) kB$", text, re.MULTILINE))
    return tuple(int(sizes[name]) / 2**20 if name in sizes else None for name in ("MemTotal", "MemAvailable"))


def unmet_requirements(requirements, known=()):
    """One sentence for each requirement that is not met.

    Args:
        requirements: strings such as `"keras>=3.12"`.
        known: dict name -> version, for packages that are installed under several names.
    """
    from packaging.requirements import Requirement

    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = dict(known).get(requirement.name) or metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is not installed; needed is {requirement}."
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} is {version}; needed is {requirement}."


def _requirements():
    try:
        return metadata.requires("rfv2-keras") or ()
    except metadata.PackageNotFoundError:  # run from its folder, not installed
        return ()


def _tf_keras(tf):
    """Version of the package behind tf.keras: keras, or tf_keras, which is Keras 2."""
    try:
        package = tf.keras.__name__.partition(".")[0]
    except ImportError:
        return None
    return sys.modules[package].__version__


def _gpu(tf, device):
    details = tf.config.experimental.get_device_details(device)
    return Gpu(details.get("device_name", device.name), details.get("compute_capability"))


def _is_in_user_site(module):
    import site

    return Path(module.__file__).is_relative_to(site.getusersitepackages())


def _cores():
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    quota = re.match(r"(\d+) (\d+)", _text("/sys/fs/cgroup/cpu.max"))
    return min(cores, max(1, int(quota[1]) // int(quota[2]))) if quota else cores


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
