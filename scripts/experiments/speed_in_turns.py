"""The time of an update of RoFormerV2 and of BERT, measured in turns."""

import time

import numpy as np
import tensorflow as tf
from small_training import build

from rfv2_keras.optimizers import AdamW
from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.objective import masked_lm_inputs, masked_lm_objective
from rfv2_keras.training.update import Update

ROFORMER, BERT = "RoFormerV2", "BERT"
MODELS = {ROFORMER: "roformer_v2", BERT: "bert"}
VOCABULARY = 12000
LENGTHS = (128, 512)
PRECISIONS = {"float32, XLA": ("float32", True), "mixed bfloat16": ("mixed_bfloat16", False)}


class Updates:
    """Updates of a model on random tokens.

    Args:
        model_type, layers, width: of the model; heads have 64 channels.
        dtype: Keras dtype policy.
        jit_compile: whether XLA compiles the gradients.
    """

    def __init__(self, model_type, layers, width, dtype, jit_compile):
        config = {
            "model_type": model_type,
            "num_hidden_layers": layers,
            "hidden_size": width,
            "num_attention_heads": max(1, width // 64),
            "intermediate_size": 4 * width,
        }
        self.model = build(config, VOCABULARY, dtype)
        self.gradients = GradientFunction(self.model, masked_lm_objective, jit_compile)
        self.update = Update(self.model, AdamW(1e-5), LossScale())

    def __call__(self, batch):
        """Do one update and wait for it."""
        statistics, gradients = self.gradients([masked_lm_inputs(self.model, batch)], 1.0)
        self.update(statistics, gradients, 1.0).numpy()


def measure(layers, width, tokens, rounds):
    """The times of both models for all lengths and precisions.

    Args:
        layers, width: of the models.
        tokens: of an update.
        rounds: how many updates are measured of each.

    Returns:
        dict from (name of the model, precision, length) to a list of seconds, one for each round.
    """
    clock = time.perf_counter if tf.config.list_physical_devices("GPU") else time.process_time
    batches = {length: random_batch(tokens // length, length) for length in LENGTHS}
    updates = {
        (name, precision): Updates(model_type, layers, width, *how)
        for precision, how in PRECISIONS.items()
        for name, model_type in MODELS.items()
    }
    cases = [(key, length) for length in LENGTHS for key in updates]  # the two models are neighbours
    for key, length in cases:
        updates[key](batches[length])  # traced and compiled here
        print(f"{', '.join(key)}, {length} tokens: ready", flush=True)
    seconds = {(*key, length): [] for key, length in cases}
    for number in range(rounds):
        for key, length in cases:
            begin = clock()
            updates[key](batches[length])
            seconds[(*key, length)].append(clock() - begin)
        shown = ", ".join(f"{found[-1]:.2f} s" for found in seconds.values())
        print(f"round {number + 1}/{rounds}: {shown}", flush=True)
    return seconds


def random_batch(rows, length):
    """Rows of random tokens of which a sixth are targets."""
    draw = np.random.default_rng(0)
    places = np.stack([draw.permutation(length)[: length // 6] for _ in range(rows)])
    return {
        "token_ids": draw.integers(1, VOCABULARY, (rows, length)).astype("int32"),
        "target_positions": places.astype("int32"),
        "target_ids": draw.integers(1, VOCABULARY, places.shape).astype("int32"),
    }
