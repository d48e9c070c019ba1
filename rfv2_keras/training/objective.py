"""What pretraining minimises."""

import tensorflow as tf

from rfv2_keras.losses.masked_lm import masked_lm_sums

# Input of the model -> array of a batch.
ARRAYS = {
    "Input-Token": "token_ids",
    "Input-Segment": "segment_ids",
    "Input-Document": "document_ids",
    "Input-Target-Position": "target_positions",
}


def masked_lm_inputs(model, batch):
    """A batch of `rfv2_keras.data.batches.Batches` as `masked_lm_objective` takes it."""
    inputs = {tensor.name: batch[ARRAYS[tensor.name]] for tensor in model.inputs}
    return {**inputs, "target_ids": batch["target_ids"]}


def masked_lm_objective(model, batch, training):
    """Sums of the masked language model over a batch.

    Args:
        model: a model with logits at target positions.
        batch: dict with the model's inputs by name and `target_ids`, (batch, targets); 0 is no target.
        training: whether dropout acts.

    Returns:
        float32 vector [sum of cross entropy, number of targets, number of right predictions].
    """
    logits = model([batch[tensor.name] for tensor in model.inputs], training=training)
    return tf.stack([tf.cast(x, tf.float32) for x in masked_lm_sums(batch["target_ids"], logits)])


def masked_lm_report(sums):
    """Means over targets, to be logged, from the sums of `masked_lm_objective` over any number of batches."""
    loss, targets, right = sums
    return {"loss": loss / max(targets, 1.0), "accuracy": right / max(targets, 1.0)}
