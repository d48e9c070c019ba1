"""What is wrong with a machine for training, what to do about it, and which precision and XLA choice suits it."""

import re
from typing import NamedTuple

from rfv2_keras.training.machine import Machine

IMAGE = "the image of scripts/ngc"
OLDEST_DRIVERS = {"11": "450.80", "12": "525.60"}  # by major version of CUDA, which is compatible within it
LITTLE_MEMORY, LITTLE_SHARED_MEMORY = 4.0, 0.5  # GiB


class Finding(NamedTuple):
    """Something that was noticed."""

    text: str
    advice: str
    is_problem: bool = True  # else a remark: it works, but one should know


class Recommendation(NamedTuple):
    """Values of a run config that suit a machine."""

    dtype_policy: str
    jit_compile: bool
    reason: str


def diagnose(machine: Machine):
    """The findings about a machine, problems first."""
    findings = [f for check in (_software, _gpus_unseen, _gpus_seen, _environment, _memory) for f in check(machine)]
    return sorted(findings, key=lambda finding: not finding.is_problem)


def recommend(machine: Machine):
    """The precision and XLA choice for a machine."""
    capabilities = [gpu.compute_capability for gpu in machine.gpus if gpu.compute_capability]
    if capabilities:
        weakest = min(capabilities)
        name = f"compute capability {weakest[0]}.{weakest[1]}"
        if weakest >= (8, 0):
            reason = f"{name} multiplies bfloat16 in its tensor cores, and the range of bfloat16 needs no loss scale"
            return Recommendation("mixed_bfloat16", True, reason)
        if weakest >= (7, 0):
            reason = f"{name} has tensor cores for float16, not for bfloat16; the loss scale is dynamic"
            return Recommendation("mixed_float16", True, reason)
        return Recommendation("float32", True, f"{name} has no tensor cores")
    if machine.gpus:
        return Recommendation("float32", True, "TensorFlow does not tell what this GPU can do")
    units = [name for name, flag in (("AMX", "amx_bf16"), ("AVX512-BF16", "avx512_bf16")) if flag in machine.cpu_flags]
    if units and machine.environment.get("TF_ENABLE_ONEDNN_OPTS") != "0":
        # Measured on both kinds: 1.8 to 1.9 times float32 in training, and with XLA half of that; docs/benchmarks.md.
        reason = f"the processor multiplies bfloat16 ({units[0]}), which TensorFlow uses without XLA only"
        return Recommendation("mixed_bfloat16", False, reason)
    return Recommendation("float32", False, "the processor has no fast 16-bit products")


def _software(machine):
    for sentence in machine.unmet:
        yield Finding(sentence, f"Install what is asked for, or use {IMAGE}, which has it.")
    if machine.backend != "tensorflow":
        yield Finding(
            f"Keras runs on {machine.backend}; models do too, but training needs TensorFlow.",
            'Set KERAS_BACKEND=tensorflow, or "backend" in ~/.keras/keras.json.',
        )
    if machine.floatx != "float32":
        yield Finding(
            f"Keras makes {machine.floatx} variables unless told otherwise.", 'Set "floatx" to "float32" in keras.json.'
        )
    if machine.tf_keras != machine.keras:
        what = f"is Keras {machine.tf_keras}" if machine.tf_keras else "cannot be imported"
        yield Finding(
            f"tf.keras {what}, whereas keras is {machine.keras}; code that uses both breaks.",
            "Set TF_USE_LEGACY_KERAS=0, or leave it unset.",
        )
    if machine.user_site and _is_nvidia_image(machine):
        yield Finding(
            f"{', '.join(machine.user_site)} from your home folder hide(s) what the image brings.",
            "Set PYTHONNOUSERSITE=1.",
        )


def _gpus_unseen(machine):
    """TensorFlow sees no GPU. Is there one?"""
    if machine.gpus:
        return
    hidden = machine.environment.get("CUDA_VISIBLE_DEVICES")
    if hidden in ("", "-1"):
        yield Finding(f"CUDA_VISIBLE_DEVICES={hidden!r} hides all GPUs.", "Unset it to use them.", False)
    elif machine.driver_gpus and not machine.build.get("is_cuda_build"):
        yield Finding(
            f"This machine has {_gpus(machine.driver_gpus)}, but TensorFlow was built without CUDA.",
            f'pip install "tensorflow[and-cuda]" instead of tensorflow-cpu, or use {IMAGE}.',
        )
    elif machine.driver_gpus and not machine.gpu_files:
        yield Finding(
            f"This machine has {_gpus(machine.driver_gpus)}, but none was given to this container or job.",
            "docker run --gpus all, apptainer exec --nv, or srun --gpus-per-node.",
        )
    elif machine.driver_gpus:
        oldest = _oldest_driver(machine)
        too_old = oldest and machine.driver and _numbers(machine.driver) < _numbers(oldest)
        cause = f"Driver {machine.driver} is older than {oldest}." if too_old else "Probably a CUDA library is missing."
        yield Finding(
            f"This machine has {_gpus(machine.driver_gpus)}, but TensorFlow sees none.",
            f"{cause} TF_CPP_MIN_LOG_LEVEL=0 rfv2 doctor shows what TensorFlow misses.",
        )
    elif _is_nvidia_image(machine):
        yield Finding("NVIDIA's image runs on a machine without a driver for GPUs.", "Install the driver on the host.")


def _gpus_seen(machine):
    built_for = machine.build.get("cuda_compute_capabilities") or ()
    for gpu in sorted(set(machine.gpus), key=str):
        if gpu.compute_capability and built_for and not _has_kernels(built_for, gpu.compute_capability):
            capability = "{}.{}".format(*gpu.compute_capability)
            yield Finding(
                f"TensorFlow {machine.tensorflow} has no kernels for {gpu.name} (compute capability {capability}); it "
                f"was built for {', '.join(built_for)}.",
                f"It may compile them for minutes or fail with CUDA_ERROR_INVALID_PTX: use {IMAGE}.",
            )
    if len(machine.gpus) > 1:
        count = len(machine.gpus)
        yield Finding(
            f"There are {count} GPUs, and a process trains on one.",
            f"rfv2 launch --processes {count} --gpus pretrain CONFIG.",
            False,
        )
        if machine.shared_memory is not None and machine.shared_memory < LITTLE_SHARED_MEMORY:
            yield Finding(
                f"/dev/shm has {machine.shared_memory:.2f} GiB; several processes with GPUs exchange data there.",
                "docker run --ipc=host, or --shm-size=1g.",
            )
        if machine.environment.get("TF_GPU_ALLOCATOR") == "cuda_malloc_async":
            yield Finding(
                "TF_GPU_ALLOCATOR=cuda_malloc_async is known to run out of memory with several GPUs in NVIDIA's 25.02.",
                "Unset it if that happens.",
                False,
            )
    if machine.gpus and machine.environment.get("NVIDIA_TF32_OVERRIDE") == "0":
        yield Finding(
            "NVIDIA_TF32_OVERRIDE=0: float32 products are exact but for those of XLA's own kernels, and slower.",
            "Unset it for training.",
            False,
        )


def _environment(machine):
    variables = machine.environment
    remarks = {
        "TF_CONFIG": "is set: rfv2 takes itself for one process of that cluster.",
        "TF_DETERMINISTIC_OPS": "makes operations deterministic, and slower.",
        "TF_ENABLE_AUTO_MIXED_PRECISION": "is of TensorFlow 1; rfv2 goes by precision.dtype_policy.",
        "TF_ENABLE_AUTO_MIXED_PRECISION_GRAPH_REWRITE": "is of TensorFlow 1; rfv2 goes by precision.dtype_policy.",
    }
    for name, remark in remarks.items():
        if variables.get(name, "0") not in ("0", ""):
            yield Finding(f"{name} {remark}", "Unset it if that is not meant.", False)
    if "--tf_xla_auto_jit" in variables.get("TF_XLA_FLAGS", ""):
        yield Finding(
            f"TF_XLA_FLAGS={variables['TF_XLA_FLAGS']} compiles what xla.jit_compile leaves out.",
            "One of the two is enough.",
            False,
        )
    if "--xla_dump_to" in variables.get("XLA_FLAGS", ""):
        yield Finding("XLA writes every compiled program to disk.", "Unset XLA_FLAGS for training.", False)
    if variables.get("TF_ENABLE_ONEDNN_OPTS") == "0" and not machine.gpus:
        yield Finding(
            "TF_ENABLE_ONEDNN_OPTS=0: TensorFlow leaves the fast products of the processor unused.", "Unset it.", False
        )


def _memory(machine):
    if machine.free_memory is not None and machine.free_memory < LITTLE_MEMORY:
        yield Finding(
            f"{machine.free_memory:.1f} GiB of memory are free.",
            "rfv2 describe CONFIG tells what a model takes.",
            False,
        )


def _has_kernels(built_for, capability):
    """Code for x.y runs on x.z with z ≥ y. Entries look like sm_80, compute_90 or 8.0."""
    built = [re.search(r"(\d+?)\.?(\d)\D*$", entry) for entry in built_for]
    return any(m and int(m[1]) == capability[0] and int(m[2]) <= capability[1] for m in built)


def _oldest_driver(machine):
    """NVIDIA's images say which driver they want and whether an older one may do."""
    if machine.environment.get("_CUDA_COMPAT_STATUS") == "CUDA Driver OK":
        return None
    cuda = str(machine.build.get("cuda_version", ""))
    return machine.environment.get("CUDA_DRIVER_VERSION") or OLDEST_DRIVERS.get(cuda.partition(".")[0])


def _is_nvidia_image(machine):
    return "NVIDIA_TENSORFLOW_VERSION" in machine.environment


def _numbers(version):
    return tuple(map(int, re.findall(r"\d+", version)))


def _gpus(count):
    return f"{count} GPU{'s' if count > 1 else ''}"


def report(machine: Machine):
    """(text for a person, number of problems)."""
    findings, advice = diagnose(machine), recommend(machine)
    lines = [*_facts(machine), ""]
    for title, wanted in (("Problems", True), ("Remarks", False)):
        chosen = [finding for finding in findings if finding.is_problem == wanted]
        lines += [title, *(f"  {f.text}\n      {f.advice}" for f in chosen), ""] if chosen else []
    lines += [
        "Recommended here",
        f"  --set precision.dtype_policy={advice.dtype_policy} --set xla.jit_compile={str(advice.jit_compile).lower()}",
        f"      {advice.reason}",
    ]
    return "\n".join(lines), sum(finding.is_problem for finding in findings)


def _facts(machine):
    """Aligned lines `name  value`."""
    build = machine.build
    cuda = f"CUDA {build.get('cuda_version')}, cuDNN {build.get('cudnn_version')}"
    rows = [
        ("Python", f"{machine.python} on {machine.system}"),
        ("TensorFlow", f"{machine.tensorflow}, {cuda if build.get('is_cuda_build') else 'without CUDA'}"),
        ("Keras", f"{machine.keras} on {machine.backend}"),
        ("tf.keras", machine.tf_keras or "cannot be imported"),
        ("NumPy", machine.numpy),
        ("CPU", f"{machine.cpu or 'unknown'}, {machine.cores} core(s)"),
        ("", f"for bfloat16: {', '.join(sorted(f for f in machine.cpu_flags if 'bf16' in f)) or 'no units'}"),
        ("Memory", f"{_size(machine.free_memory)} of {_size(machine.memory)} free"),
        ("", f"/dev/shm {_size(machine.shared_memory)}"),
        ("Driver", machine.driver or "none"),
        *(("GPU", f"{i}: {_gpu(gpu)}") for i, gpu in enumerate(machine.gpus)),
        *(() if machine.gpus else (("GPU", "none that TensorFlow sees"),)),
        *(("Variable", f"{name}={value}") for name, value in machine.environment.items()),
    ]
    return [f"{name:<12}{value}" for name, value in rows]


def _gpu(gpu):
    capability = gpu.compute_capability
    return f"{gpu.name}, compute capability {capability[0]}.{capability[1]}" if capability else gpu.name


def _size(gib):
    return "unknown" if gib is None else f"{gib:.1f} GiB"
