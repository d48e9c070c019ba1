"""RoFormerV2 of KerasHub on TensorFlow, trained by Keras's own compiled function.

Its padding mask is handed in as the library wants it; on TensorFlow and JAX the library applies it to the queries in
the place of the keys, so that padded keys are seen. The time is that of its own mask.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"


def make(job):
    import keras
    import keras_hub
    import numpy as np
    import tensorflow as tf

    config = job["config"]
    if config["model_type"] != "roformer_v2" or isinstance(config["hidden_act"], list):
        raise ValueError("KerasHub has no such model")
    backbone = keras_hub.models.RoformerV2Backbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        head_size=config["hidden_size"] // config["num_attention_heads"],
        intermediate_dim=config["intermediate_size"],
        dropout=0.0,
        max_wavelength=10000,
        num_segments=config["type_vocab_size"],
        use_bias=False,
        activation=config["hidden_act"],
        dtype="float32" if job["dtype"] == "float32" else f"mixed_{job['dtype']}",
    )
    shape = (job["batch"], job["length"])
    random = np.random.default_rng(0)
    tokens = random.integers(5, config["vocab_size"], shape).astype("int32")
    inputs = {"token_ids": tokens, "segment_ids": np.zeros(shape, "int32"), "padding_mask": np.ones(shape, "int32")}
    inputs = {name: tf.constant(inputs[name]) for name in [tensor.name for tensor in backbone.inputs]}
    if job["task"] == "infer":
        forward = tf.function(lambda inputs: backbone(inputs, training=False), jit_compile=job["jit"])

        def start():
            outputs = forward(inputs)
            return lambda: outputs[0, 0, 0].numpy()

        return start

    model = keras_hub.models.RoformerV2MaskedLM(backbone)
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-4) if job["optimizer"] == "adamw" else keras.optimizers.Lamb(1e-4),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=job["jit"],
    )
    positions = np.sort(np.argsort(random.random(shape), axis=1)[:, : job["targets"]], axis=1).astype("int32")
    inputs["mask_positions"] = tf.constant(positions)
    targets = tf.constant(np.take_along_axis(tokens, positions, axis=1))
    batches = iter(tf.data.Dataset.from_tensors((inputs, targets)).cache().repeat())
    model.make_train_function()

    def start():
        logs = model.train_function(batches)
        return lambda: float(logs["loss"])

    return start
