"""How much one optimizer step changes the output of a model."""

import keras
import numpy as np
import tensorflow as tf
from depth_models import VARIANTS, build, draw_weights, last_hidden_layer

from rfv2_keras.losses import masked_lm_sums
from rfv2_keras.optimizers import AdamW, Lamb
from rfv2_keras.training.objective import masked_lm_inputs
from rfv2_keras.training.update import alpha_branches

RATES = {"LAMB": 1e-4, "AdamW": 1e-5}  # small, so that the change is in proportion


def step_changes(layers, width, batch, vocab_size, seeds):
    """The relative change of the output by one step of each optimizer, for all variants.

        change = ‖h(x; θ') − h(x; θ)‖ / ‖h(x; θ)‖

    h are the last hidden states of a batch x. θ' differs from θ in the weights of the Transformer layers, by one step
    on the masked language model of the batch; the embeddings stay, as their effect does not add up over layers.

    Args:
        layers: depth.
        width: hidden size.
        batch: a batch of `rfv2_keras.data.batches.Batches` without padding.
        vocab_size: rows of the token table.
        seeds: how many initialisations.

    Returns:
        dict from (name of the variant, name of the optimizer) to a list, one change for each seed.
    """
    changes, step, built = {}, None, None
    for variant in VARIANTS:
        if built != variant.config:
            step, built = OneStep(variant.config, layers, width, batch, vocab_size), variant.config
        for seed in range(seeds):
            for optimizer, change in step(variant, seed).items():
                changes.setdefault((variant.name, optimizer), []).append(change)
        found = ", ".join(f"{name} {changes[variant.name, name][-1]:.2e}" for name in RATES)
        print(f"{layers} layers, {variant.name}: {found}", flush=True)
    return changes


class OneStep:
    """A model whose hidden states and gradients are one function, which is traced once for all variants and seeds."""

    def __init__(self, config, layers, width, batch, vocab_size):
        self.sizes = layers, width
        self.model = build(config, layers, width, vocab_size).model
        self.weights = [w for w in self.model.trainable_variables if w.path.startswith("Transformer-")]
        batch = {name: tf.constant(array) for name, array in masked_lm_inputs(self.model, batch).items()}
        hidden = self.model.get_layer(last_hidden_layer(self.model)).output
        both = keras.Model(self.model.inputs, [hidden, self.model.outputs[0]])
        self.function = tf.function(lambda: self._hidden_and_gradients(both, batch))

    def __call__(self, variant, seed):
        """The change by one step of each optimizer from the same initial weights."""
        draw_weights(self.model, variant.deviation, *self.sizes, seed)
        for branch in alpha_branches(self.model):
            branch.set_alpha(variant.alpha)
        initial = [weight.numpy() for weight in self.weights]
        (before, gradients), changes = self.function(), {}
        # The epsilon is small beside all gradients: as in the analysis, only their signs matter to a first AdamW step.
        for name, optimizer in (("LAMB", Lamb), ("AdamW", AdamW)):
            optimizer(RATES[name], weight_decay=0.0, epsilon=1e-14).apply(gradients, self.weights)
            changes[name] = relative_change(before.numpy(), self.function()[0].numpy())
            for weight, value in zip(self.weights, initial, strict=True):
                weight.assign(value)
        return changes

    def _hidden_and_gradients(self, both, batch):
        with tf.GradientTape() as tape:
            hidden, logits = both([batch[tensor.name] for tensor in both.inputs], training=True)
            loss, targets, _ = masked_lm_sums(batch["target_ids"], logits)
            loss = loss / targets
        return hidden, tape.gradient(loss, [weight.value for weight in self.weights])


def relative_change(before, after):
    """‖after − before‖ / ‖before‖."""
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))
