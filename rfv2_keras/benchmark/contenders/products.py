"""Matrix products, the limit of everything else."""

SIZES = ((1024, 768, 3072), (2048, 2048, 2048))  # rows, inner, columns; four times as large each way on a GPU


def make(job):
    """Each size once; how many operations that is stands in the attribute `flops` of the function."""
    return {"tensorflow": _tensorflow, "torch": _torch, "numpy": _numpy}[job["model"]](job)


def _tensorflow(job):
    import tensorflow as tf

    sizes = _sizes(tf.config.list_physical_devices("GPU"))
    pairs = [
        (tf.cast(tf.random.normal((a, b)), job["dtype"]), tf.cast(tf.random.normal((b, c)), job["dtype"]))
        for a, b, c in sizes
    ]
    multiply = tf.function(lambda pairs: [tf.matmul(a, b) for a, b in pairs], jit_compile=job["jit"])

    def start():
        outputs = multiply(pairs)
        return lambda: [output[0, 0].numpy() for output in outputs]

    return _with_flops(start, sizes)


def _torch(job):
    import torch

    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, which is TensorFlow's default
    sizes = _sizes(torch.cuda.is_available())
    options = {"device": "cuda" if torch.cuda.is_available() else "cpu", "dtype": getattr(torch, job["dtype"])}
    pairs = [(torch.randn(a, b, **options), torch.randn(b, c, **options)) for a, b, c in sizes]

    def start():
        outputs = [a @ b for a, b in pairs]
        return lambda: [output[0, 0].item() for output in outputs]

    return _with_flops(start, sizes)


def _numpy(job):
    import numpy as np

    random = np.random.default_rng(0)
    pairs = [(random.random((a, b), job["dtype"]), random.random((b, c), job["dtype"])) for a, b, c in SIZES]

    def start():
        outputs = [a @ b for a, b in pairs]
        return lambda: outputs

    return _with_flops(start, SIZES)


def _sizes(has_gpu):
    return [tuple(4 * n for n in size) for size in SIZES] if has_gpu else SIZES


def _with_flops(start, sizes):
    start.flops = sum(2 * a * b * c for a, b, c in sizes)
    return start
