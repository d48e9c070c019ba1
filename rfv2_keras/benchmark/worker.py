"""One contender in a process of its own. Called by its path: the interpreter may be one without this package.

    python worker.py CONTENDER.py JOB

It builds its model, warms up, says so, and then does a turn for every line `SECONDS` on standard input. Answers are
lines of JSON on standard output; what libraries print goes to standard error.
"""

import importlib.util
import json
import os
import resource
import sys
import time


def main(path, job):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # from here on, prints of libraries go to standard error

    def answer(values):
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    try:
        began = time.monotonic()
        start = load(path).make(job)
        built = time.monotonic()
        start()()
        first = time.monotonic()
        start()()
        start()()
        answer(
            {
                "build_seconds": built - began,
                "first_seconds": first - built,
                "warm_seconds": (time.monotonic() - first) / 2,
                "flops": getattr(start, "flops", None),
                "memory": peak_memory(),
                "about": about(),
            }
        )
        for line in sys.stdin:
            answer({**turn(start, float(line)), "memory": peak_memory()})
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
        raise


def load(path):
    """The module in a file, wherever it lies."""
    spec = importlib.util.spec_from_file_location("contender", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def turn(start, seconds):
    """Steps for about so many seconds, at least one, after one that is not counted: others have filled the caches."""
    start()()
    began, own, busy = time.monotonic(), time.process_time(), busy_seconds()
    pending, steps = start(), 1
    while time.monotonic() - began < seconds:
        # A step is started before the last one is waited for, so that a GPU never waits for Python.
        following = start()
        pending()
        pending, steps = following, steps + 1
    pending()
    passed, own, busy = time.monotonic() - began, time.process_time() - own, busy_seconds() - busy
    return {"steps": steps, "seconds": passed, "processor": own, "others": max(0.0, busy - own) / passed}


def busy_seconds():
    """Processor time that everything on this machine has used, in seconds; 0 where the system does not tell."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, soft = map(int, file.readline().split()[1:8])
    except OSError:
        return 0.0
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def peak_memory():
    """Largest resident size so far in bytes; that of the GPU where TensorFlow or PyTorch uses one."""
    sizes = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)}
    tf, torch = sys.modules.get("tensorflow"), sys.modules.get("torch")
    if tf is not None and tf.config.list_logical_devices("GPU"):
        sizes["device"] = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    elif torch is not None and torch.cuda.is_available():
        sizes["device"] = torch.cuda.max_memory_allocated()
    return sizes


def about():
    """Versions and device."""
    names = ("tensorflow", "keras", "keras_hub", "torch", "transformers", "roformer", "bert4torch", "jax", "numpy")
    versions = {name: getattr(sys.modules[name], "__version__", "") for name in names if name in sys.modules}
    device, tf, torch = "CPU", sys.modules.get("tensorflow"), sys.modules.get("torch")
    if tf is not None and tf.config.list_physical_devices("GPU"):
        gpu = tf.config.list_physical_devices("GPU")[0]
        name = tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        cudnn = tf.sysconfig.get_build_info().get("cudnn_version")
        device = _gpu(name, cudnn, tf.config.experimental.tensor_float_32_execution_enabled())
    elif torch is not None and torch.cuda.is_available():
        number = torch.backends.cudnn.version()  # 91900 is 9.19, 8907 is 8.9.7; TensorFlow tells the 9 only
        cudnn = number // 10_000 or number // 1_000
        device = _gpu(torch.cuda.get_device_name(), cudnn, torch.backends.cuda.matmul.allow_tf32)
    return {"python": sys.version.split()[0], "versions": versions, "device": device}


def _gpu(name, cudnn, uses_tf32):
    return f"{name}, cuDNN {cudnn}, TF32 {'on' if uses_tf32 else 'off'}"


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
