"""Does the input side keep up with training?"""

import time

import tensorflow as tf

from rfv2_keras.training.pretrain import PretrainingRun
from rfv2_keras.training.processes import SingleProcess


def benchmark_input(config, seconds=10.0):
    """Measure how fast batches are made and how fast they are used, each by itself.

    Nothing is written. Batches are made in one thread; a run uses two, beside the computation.

    Args:
        config: `PretrainConfig`; its model is built with random weights.
        seconds: how long each side is measured, after a warm-up.

    Returns:
        dict: `batches_per_second` (made), `updates_per_second` (done with batches at hand), `ratio` of the two.
    """
    run = PretrainingRun(config, SingleProcess(), stream=None)
    batches_per_second = _rate(run.micro_batches, seconds)
    batch = [{name: tf.convert_to_tensor(value) for name, value in part.items()} for part in run.micro_batches(0)]
    scale = tf.constant(1.0 / config.training.batch)

    def one_update(_):
        statistics, gradients = run.gradients(batch, scale)
        float(run.update(statistics, gradients, scale))  # reading a number waits for the device

    updates_per_second = _rate(one_update, seconds)
    return {
        "batches_per_second": batches_per_second,
        "updates_per_second": updates_per_second,
        "ratio": batches_per_second / updates_per_second,
    }


def _rate(function, seconds):
    """Calls per second of function(number), after two calls that are not counted."""
    function(0), function(1)
    begin, calls = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        function(calls)
        calls += 1
    return calls / (time.monotonic() - begin)
