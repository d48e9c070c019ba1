"""This package: the training step of `rfv2 pretrain`, or an encoder as `predict` runs it."""

import numpy as np


def make(job):
    import tensorflow as tf

    from rfv2_keras import build_transformer_model
    from rfv2_keras.config import ModelConfig

    config = ModelConfig.read(job["config"])
    random = np.random.default_rng(0)
    shape = (job["batch"], job["length"])
    tokens = random.integers(5, config.token_table_size, shape).astype("int32")
    if job["task"] == "infer":
        model = build_transformer_model(config, dtype=job["dtype"])  # weights, too, are of this type
        inputs = [tf.constant(tokens), tf.zeros(shape, tf.int32)][: len(model.inputs)]
        # Traced for all shapes, as `predict` does it; XLA compiles for one.
        shapes = None if job["jit"] else [tf.TensorSpec([None, None], tf.int32)] * len(inputs)
        forward = tf.function(
            lambda *inputs: model(list(inputs), training=False), input_signature=shapes, jit_compile=job["jit"]
        )

        def start():
            outputs = forward(*inputs)
            return lambda: outputs[0, 0, 0].numpy()

        return start

    from rfv2_keras.optimizers import AdamW, Lamb
    from rfv2_keras.training.gradients import GradientFunction
    from rfv2_keras.training.loss_scale import LossScale
    from rfv2_keras.training.objective import masked_lm_objective
    from rfv2_keras.training.update import Update

    mixed = "float32" if job["dtype"] == "float32" else f"mixed_{job['dtype']}"
    model = build_transformer_model(config, with_mlm="linear", target_positions=True, dtype=mixed)
    order = np.argsort(random.random(shape), axis=1)[:, : job["targets"]]
    positions = np.sort(order, axis=1).astype("int32")
    batch = {
        "Input-Token": tokens,
        "Input-Segment": np.zeros(shape, "int32"),
        "Input-Target-Position": positions,
        "target_ids": np.take_along_axis(tokens, positions, axis=1),
    }
    batch = {name: tf.constant(value) for name, value in batch.items()}
    optimizer = (Lamb if job["optimizer"] == "lamb" else AdamW)(1e-4)
    gradients = GradientFunction(model, masked_lm_objective, job["jit"])
    update = Update(model, optimizer, LossScale(2.0**15 if job["dtype"] == "float16" else 1.0))
    slots = job["batch"] * job["targets"]

    def start():
        scale = update.loss_scale.scale / slots
        statistics, sums = gradients([batch], scale)
        norm = update(statistics, sums, scale)
        return norm.numpy

    return start
