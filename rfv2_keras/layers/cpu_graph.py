"""What suits TensorFlow on processors, where it runs a graph operation by operation unless XLA compiles it."""

import functools

import keras


@functools.cache  # asked by every layer; the answer is one of the machine
def has_only_cpus():
    """Whether TensorFlow is the backend and sees no other devices than processors."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def is_bfloat16_on_cpus(dtype):
    """Whether tensors of this type are bfloat16 ones, on processors."""
    return keras.backend.standardize_dtype(dtype) == "bfloat16" and has_only_cpus()


def is_graph_of_known_shape(x):
    """Whether a graph is being made in which x has one shape, so that a part of it may be compiled by XLA, once."""
    import tensorflow as tf

    return not tf.executing_eagerly() and x.shape.is_fully_defined()


def unless_compiled(run, compiled):
    """`run()` where TensorFlow runs the operations of a graph itself, `compiled()` in what XLA compiles.

    Both are functions without arguments that give tensors of the same shapes. Whether XLA compiles a function cannot be
    asked while it is traced, but in the graph: to XLA, the index of a device is that of no named device.
    """
    import tensorflow as tf

    return tf.switch_case(tf.raw_ops.DeviceIndex(device_names=["CPU"]), [run], default=compiled)
