"""A training step against its roofline: its own products alone, and everything else in one pass over memory.

    python scripts/evidence/step_roofline.py --config small --batch 16 --length 128

Three things take turns, with all threads: the step; its matrix products, one after the other, on tensors of the same
shapes; adding one large tensor to another, which runs at the speed of memory. The roofline is the time of the products
plus the time that the least possible traffic of the rest takes:

* every product's result, but for gradients of weights, is read once and written once in the type of the computation
  (norm, RoPE, softmax, ReLU, residual sums, loss and their gradients, each fused with its neighbours);
* of every parameter a gradient of 2 bytes is read, weight and two moments of 4 bytes are read and written, and the
  16-bit copy for the next step is written.

Two minutes; bfloat16.
"""

import argparse
import statistics
import time

from rfv2_keras.benchmark.contenders import rfv2
from rfv2_keras.benchmark.suite import own_jobs

PARAMETER_BYTES = 2 + 3 * 4 + 3 * 4 + 2
SUM_NUMBERS = 2**25  # of float32 in each tensor of the sum: far more than caches hold
SUM_BYTES = 3 * 4 * SUM_NUMBERS
ROUNDS = 15


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="small")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    given = parser.parse_args()
    import tensorflow as tf

    (job,) = own_jobs("train", [given.config], [given.batch], [given.length], ["bfloat16"], [False], ["adamw"])
    gradients, start = training_step(job)
    products = products_of(gradients)
    weights = {tuple(shape) for shape in gradients.shapes}
    results = sum(product.numbers for product in products if product.shape not in weights)
    parameters = sum(shape.num_elements() for shape in gradients.shapes)
    least = 2 * 2 * results + PARAMETER_BYTES * parameters
    total, term = tf.Variable(tf.zeros(SUM_NUMBERS)), tf.ones(SUM_NUMBERS)
    contestants = {
        "step": lambda: start()(),
        "products": replay(products),
        "sum": lambda: total.assign_add(term)[0].numpy(),
    }
    times = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            run()
            began = time.perf_counter()
            for _ in range(2):
                run()
            times[name].append((time.perf_counter() - began) / 2)
    step, alone, passed = (statistics.median(times[name]) for name in contestants)
    bandwidth = SUM_BYTES / passed
    bound = alone + least / bandwidth
    flops = sum(product.flops for product in products)
    print(f"step                {step * 1e3:7.1f} ms")
    print(
        f"products alone      {alone * 1e3:7.1f} ms, {alone / step:.3f} of the step, {flops / alone / 1e9:.0f} GFLOP/s"
    )
    print(f"memory              {bandwidth / 1e9:7.1f} GB/s")
    print(f"least traffic       {least / 1e6:7.0f} MB, {least / bandwidth * 1e3:.1f} ms")
    print(f"roofline            {bound * 1e3:7.1f} ms, {bound / step:.3f} of the step")


def training_step(job):
    """(the `GradientFunction` of the benchmark's training step, a function that starts a step)."""
    start = rfv2.make(job.as_dict())
    start()()
    cells = dict(zip(start.__code__.co_freevars, (cell.cell_contents for cell in start.__closure__), strict=True))
    return cells["gradients"], start


class Product:
    """A matrix product of a graph, to be done again with other numbers."""

    def __init__(self, operation):
        self.name = operation.type
        self.inputs = [(tensor.shape, tensor.dtype) for tensor in operation.inputs]
        names = ("transpose_a", "transpose_b") if self.name == "MatMul" else ("adj_x", "adj_y")
        self.options = {name: operation.get_attr(name) for name in names}
        self.shape = tuple(operation.outputs[0].shape)
        self.numbers = operation.outputs[0].shape.num_elements()
        left = operation.inputs[0].shape
        self.flops = 2 * self.numbers * left[-2 if self.options[names[0]] else -1]

    def __call__(self, left, right):
        import tensorflow as tf

        if self.name == "MatMul":
            return tf.raw_ops.MatMul(a=left, b=right, **self.options)
        return tf.raw_ops.BatchMatMulV2(x=left, y=right, **self.options)


def products_of(gradients):
    """The products of a traced `GradientFunction`."""
    (traced,) = gradients._sums._list_all_concrete_functions()
    return [Product(o) for o in traced.graph.get_operations() if o.type in ("MatMul", "BatchMatMulV2")]


def replay(products):
    """A function that does the products one after the other, each on tensors of its own."""
    import tensorflow as tf

    def filled(shape, dtype):
        return tf.cast(tf.random.normal(shape, stddev=0.1), dtype)

    tensors = [[filled(*given) for given in product.inputs] for product in products]

    @tf.function
    def run(tensors):
        ends, before = [], []
        for product, (left, right) in zip(products, tensors, strict=True):
            with tf.control_dependencies(before):
                result = product(left, right)
            before = [result.op]
            ends.append(tf.cast(tf.reshape(result, [-1])[0], tf.float32))
        return tf.add_n(ends)

    return lambda: run(tensors).numpy()


if __name__ == "__main__":
    main()
