"""The doctor finds each thing that can be wrong, says what to do, and stays silent about a machine in order."""

import pytest

from rfv2_keras.training.doctor import diagnose, recommend, report
from rfv2_keras.training.machine import (
    Gpu,
    Machine,
    parse_cpuinfo,
    parse_driver,
    parse_meminfo,
    relevant,
    unmet_requirements,
)

LAPTOP = Machine(
    python="3.12.3",
    system="Linux",
    tensorflow="2.17.0",
    build={"is_cuda_build": False},
    keras="3.15.1",
    backend="tensorflow",
    floatx="float32",
    tf_keras="3.15.1",
    numpy="1.26.4",
    unmet=(),
    user_site=(),
    gpus=(),
    driver=None,
    driver_gpus=0,
    gpu_files=0,
    cpu="CPU",
    cpu_flags=frozenset({"avx2"}),
    cores=8,
    memory=32.0,
    free_memory=30.0,
    shared_memory=16.0,
    environment={},
)
CUDA = {
    "is_cuda_build": True,
    "cuda_version": "12.5.1",
    "cudnn_version": "9",
    "cuda_compute_capabilities": ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"],
}
A100, H100, V100, BLACKWELL = Gpu("A100", (8, 0)), Gpu("H100", (9, 0)), Gpu("V100", (7, 0)), Gpu("RTX 5090", (12, 0))


def server(*gpus, **changes):
    """A machine with GPUs."""
    count = len(gpus)
    facts = {"build": CUDA, "gpus": gpus, "driver": "570.86.10", "driver_gpus": count, "gpu_files": count}
    return LAPTOP._replace(**{**facts, **changes})


def unseen(**changes):
    """A machine with two GPUs that TensorFlow does not see."""
    return server(**{"driver_gpus": 2, "gpu_files": 2, **changes})


@pytest.mark.parametrize("machine", [LAPTOP, server(A100), server(H100), server(V100)])
def test_machines_in_order(machine):
    assert diagnose(machine) == []
    text, problems = report(machine)
    assert problems == 0
    assert "Problems" not in text
    assert "Remarks" not in text


@pytest.mark.parametrize(
    ("machine", "text", "advice"),
    [
        (LAPTOP._replace(unmet=("tokenizers is not installed; needed is tokenizers>=0.20.",)), "tokenizers", "Install"),
        (LAPTOP._replace(backend="jax"), "runs on jax", "KERAS_BACKEND=tensorflow"),
        (LAPTOP._replace(floatx="float16"), "float16 variables", "keras.json"),
        (LAPTOP._replace(tf_keras="2.17.0"), "tf.keras is Keras 2.17.0", "TF_USE_LEGACY_KERAS=0"),
        (LAPTOP._replace(tf_keras=None), "tf.keras cannot be imported", "TF_USE_LEGACY_KERAS=0"),
        (
            LAPTOP._replace(
                user_site=("keras",), environment={"NVIDIA_TENSORFLOW_VERSION": "25.02-tf2"}, driver_gpus=1
            ),
            "home folder",
            "PYTHONNOUSERSITE=1",
        ),
        (unseen(build={"is_cuda_build": False}), "built without CUDA", "tensorflow[and-cuda]"),
        (unseen(gpu_files=0), "none was given to this container", "--gpus all"),
        (unseen(), "TensorFlow sees none", "a CUDA library is missing"),
        (unseen(driver="470.82.01"), "TensorFlow sees none", "Driver 470.82.01 is older than 525.60"),
        (
            unseen(driver="535.54.03", environment={"CUDA_DRIVER_VERSION": "570.86.10"}),
            "TensorFlow sees none",
            "Driver 535.54.03 is older than 570.86.10",
        ),
        (LAPTOP._replace(environment={"NVIDIA_TENSORFLOW_VERSION": "25.02-tf2"}), "NVIDIA's image", "driver"),
        (server(BLACKWELL), "no kernels for RTX 5090 (compute capability 12.0)", "CUDA_ERROR_INVALID_PTX"),
        (server(A100, A100, shared_memory=0.0625), "/dev/shm has 0.06 GiB", "--ipc=host"),
    ],
)
def test_problems(machine, text, advice):
    """Each is found, and counts for the exit status."""
    (problem,) = (finding for finding in diagnose(machine) if finding.is_problem and text in finding.text)
    assert advice in problem.advice
    printed, problems = report(machine)
    assert problems >= 1
    assert problem.text in printed
    assert problem.advice in printed


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (unseen(environment={"CUDA_VISIBLE_DEVICES": "-1"}), "hides all GPUs"),
        (server(A100, A100), "There are 2 GPUs"),
        (server(A100, A100, environment={"TF_GPU_ALLOCATOR": "cuda_malloc_async"}), "cuda_malloc_async"),
        (server(A100, environment={"NVIDIA_TF32_OVERRIDE": "0"}), "products are exact"),
        (LAPTOP._replace(environment={"TF_CONFIG": "{}"}), "TF_CONFIG is set"),
        (LAPTOP._replace(environment={"TF_DETERMINISTIC_OPS": "1"}), "deterministic"),
        (LAPTOP._replace(environment={"TF_ENABLE_AUTO_MIXED_PRECISION": "1"}), "TensorFlow 1"),
        (LAPTOP._replace(environment={"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}), "--tf_xla_auto_jit=2"),
        (LAPTOP._replace(environment={"XLA_FLAGS": "--xla_dump_to=/tmp/x"}), "writes every compiled program"),
        (LAPTOP._replace(environment={"TF_ENABLE_ONEDNN_OPTS": "0"}), "fast products of the processor"),
        (LAPTOP._replace(free_memory=1.5), "1.5 GiB of memory"),
    ],
)
def test_remarks_leave_the_status_alone(machine, text):
    assert any(text in finding.text and not finding.is_problem for finding in diagnose(machine))
    assert report(machine)[1] == 0


def test_variables_that_are_off_need_no_remark():
    off = {"TF_DETERMINISTIC_OPS": "0", "TF_ENABLE_AUTO_MIXED_PRECISION": "", "TF_XLA_FLAGS": "", "XLA_FLAGS": ""}
    assert diagnose(LAPTOP._replace(environment=off)) == []


@pytest.mark.parametrize(
    ("built_for", "capability", "found"),
    [
        (["sm_80"], (8, 6), True),  # code for 8.0 runs on 8.6
        (["sm_89"], (8, 0), False),  # but not the other way round
        (["compute_90"], (9, 0), True),
        (["sm_90a"], (9, 0), True),
        (["compute_90"], (10, 0), False),
        (["8.0", "9.0", "12.0"], (12, 0), True),
        (["sm_120"], (12, 0), True),
        (["sm_100"], (12, 0), False),
    ],
)
def test_kernels_for_a_capability(built_for, capability, found):
    machine = server(Gpu("GPU", capability), build={**CUDA, "cuda_compute_capabilities": built_for})
    assert any("no kernels" in finding.text for finding in diagnose(machine)) is not found


@pytest.mark.parametrize(
    ("machine", "dtype_policy", "jit_compile"),
    [
        (server(A100), "mixed_bfloat16", True),
        (server(H100, A100), "mixed_bfloat16", True),
        (server(A100, V100), "mixed_float16", True),  # the weakest decides
        (server(Gpu("P100", (6, 0))), "float32", True),
        (server(Gpu("unknown", None)), "float32", True),
        (LAPTOP, "float32", False),
        (LAPTOP._replace(cpu_flags=frozenset({"avx512_bf16", "amx_bf16"})), "mixed_bfloat16", False),
        (LAPTOP._replace(cpu_flags=frozenset({"avx512_bf16"})), "mixed_bfloat16", False),
        (
            LAPTOP._replace(cpu_flags=frozenset({"amx_bf16"}), environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
            "float32",
            False,
        ),
    ],
)
def test_recommendations(machine, dtype_policy, jit_compile):
    advice = recommend(machine)
    assert (advice.dtype_policy, advice.jit_compile) == (dtype_policy, jit_compile)
    wanted = f"precision.dtype_policy={dtype_policy} --set xla.jit_compile={str(jit_compile).lower()}"
    assert wanted in report(machine)[0]


def test_recommendation_can_be_set():
    """The printed keys and values are those of a run config."""
    from rfv2_keras.training.config import PrecisionSection, XLASection

    for machine in (LAPTOP, server(A100), server(V100)):
        advice = recommend(machine)
        assert PrecisionSection(dtype_policy=advice.dtype_policy).dtype_policy == advice.dtype_policy
        assert XLASection(jit_compile=advice.jit_compile).jit_compile is advice.jit_compile


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Wed Jan 15\nGCC version: 12.3.0",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build",
    ],
)
def test_driver_file(text):
    assert parse_driver(text) == "570.86.10"
    assert parse_driver("") is None


def test_processor_and_memory_files():
    assert parse_cpuinfo("processor : 0\nmodel name\t: A B\nflags\t\t: fpu avx2\n\nprocessor : 1\nflags : x") == (
        "A B",
        {"fpu", "avx2"},
    )
    assert parse_cpuinfo("processor\t: 0\nFeatures\t: fp asimd bf16\n") == (None, {"fp", "asimd", "bf16"})
    assert parse_cpuinfo("") == (None, frozenset())
    assert parse_meminfo("MemTotal:  2097152 kB\nMemFree: 1 kB\nMemAvailable:  1048576 kB\n") == (2.0, 1.0)
    assert parse_meminfo("") == (None, None)


def test_requirements():
    requirements = [
        "pytest>=8",
        "pytest<1",
        "no-such-package-anywhere>=2",
        'no-such-package-either; extra == "test"',
        "tensorflow<2.22,>=2.17",
    ]
    first, second = unmet_requirements(requirements, {"tensorflow": "2.17.0+nv25.2"})
    assert first.startswith("pytest is ")
    assert "pytest<1" in first
    assert second == "no-such-package-anywhere is not installed; needed is no-such-package-anywhere>=2."
    assert list(unmet_requirements(["tensorflow<2.22,>=2.17"], {"tensorflow": "2.16.1"}))


def test_other_programs_variables_are_not_shown():
    variables = {"TF_VAR_password": "1", "NVIDIA_API_KEY": "2", "TF_XLA_FLAGS": "3", "NCCL_DEBUG": "4", "HOME": "5"}
    assert relevant(variables) == {"NCCL_DEBUG": "4", "TF_XLA_FLAGS": "3"}
