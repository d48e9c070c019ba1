"""Answer requests with real bert4keras: build a model, take or draw its weights, predict, save a checkpoint.

    TF_KERAS=1 TF_USE_LEGACY_KERAS=1 python bert4keras_reference.py requests.json

The file holds a list of objects with these keys:

    config         path of a bert_config.json
    model          "roformer_v2", "gau_alpha", "roformer" or "bert"
    application    "encoder", "lm" or "unilm"
    build          further keyword arguments of bert4keras's build_transformer_model
    read           TF checkpoint prefix to load the weights from, or
    seed           of random weights; see `draw_weights`
    inputs         .npz with arrays `<batch>.token`, `<batch>.segment`
    outputs        .npz to write, with arrays `<batch>.output0`, `<batch>.output1`, ...
    write          TF checkpoint prefix to write; optional

This script imports nothing of the package under test: it runs in an environment of its own.
"""

import json
import sys

import numpy as np
import tensorflow as tf

# bert4keras is written for TF 1: it reads and writes checkpoints through a session on a graph.
tf.compat.v1.disable_eager_execution()
tf.Session = tf.compat.v1.Session
tf.train.Saver = tf.compat.v1.train.Saver

from bert4keras.backend import K  # noqa: E402
from bert4keras.layers import Add, Dropout, GatedAttentionUnit, LayerNormalization  # noqa: E402
from bert4keras.models import RoFormerV2, build_transformer_model  # noqa: E402


class GAUAlpha(RoFormerV2):
    """GAU-alpha: RoFormerV2 with one gated attention unit in the place of attention and feed-forward.

    bert4keras ships the layer but not this model. Residuals are post-norm, as in RoFormerV2.
    """

    def initializer(self, shape, dtype=None, order=3, gain=1.0):
        return super().initializer(shape, dtype, order, gain)

    def apply_main_layers(self, inputs, index):
        name = f"Transformer-{index}-GatedAttentionUnit"
        attention_bias = self.compute_attention_bias(index)
        biases = [] if attention_bias is None else [attention_bias]
        x = self.apply(
            inputs=[inputs, *biases, self.compute_position_bias(inputs)],
            layer=GatedAttentionUnit,
            arguments={"a_bias": True if biases else None, "p_bias": "rotary"},
            units=self.intermediate_size,
            key_size=self.attention_key_size,
            activation=self.hidden_act,
            use_bias=False,
            normalization="softmax_plus",
            attention_dropout=self.attention_dropout_rate,
            kernel_initializer=self.initializer,
            name=name,
        )
        x = self.apply(inputs=x, layer=Dropout, rate=self.dropout_rate, name=f"{name}-Dropout")
        x = self.apply(inputs=[inputs, x], layer=Add, name=f"{name}-Add")
        return self.apply(
            inputs=x, layer=LayerNormalization, zero_mean=False, scale=False, offset=False, name=f"{name}-Norm"
        )

    def variable_mapping(self):
        mapping = super().variable_mapping()
        mapping = {layer: mapping[layer] for layer in ("Embedding-Token", "Embedding-Segment")}
        for i in range(self.num_hidden_layers):
            mapping[f"Transformer-{i}-GatedAttentionUnit"] = [
                f"GAU_alpha/encoder/layer_{i}/gau/{weight}"
                for weight in ("i_dense/kernel", "q_scaleoffset/gamma", "k_scaleoffset/gamma", "o_dense/kernel")
            ]
        return mapping


def build(request):
    """The bert4keras builder object of a request, with its weights loaded or drawn."""
    builder = build_transformer_model(
        request["config"],
        request.get("read"),
        model=GAUAlpha if request["model"] == "gau_alpha" else request["model"],
        application=request["application"],
        return_keras_model=False,
        **request["build"],
    )
    if "seed" in request:
        draw_weights(builder.model, request["seed"])
    return builder


def draw_weights(model, seed):
    """N(0, 0.2), for gammas of norms N(1, 0.2), for gammas of gated attention units N(0, 1.5): sharp attention."""
    generator = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        mean, deviation = 0.0, 0.2
        if "gamma" in weight.name:
            mean, deviation = (0.0, 1.5) if "GatedAttentionUnit" in weight.name else (1.0, 0.2)
        values.append(generator.normal(mean, deviation, weight.shape).astype("float32"))
    model.set_weights(values)


def predict(model, batches):
    """Outputs of a model for every batch of an .npz file, as a dictionary of arrays."""
    outputs = {}
    for batch in sorted({key.split(".")[0] for key in batches}):
        inputs = [batches[f"{batch}.{name.split('-')[1].lower()}"] for name in model.input_names]  # Input-Token, ...
        results = model.predict(inputs)
        for i, result in enumerate(results if isinstance(results, list) else [results]):
            outputs[f"{batch}.output{i}"] = result
    return outputs


def answer(request):
    K.clear_session()
    builder = build(request)
    with np.load(request["inputs"]) as batches:
        np.savez(request["outputs"], **predict(builder.model, batches))
    if "write" in request:
        builder.save_weights_as_checkpoint(request["write"])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        for one in json.load(file):
            answer(one)
