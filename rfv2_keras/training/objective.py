"""What pretraining minimises."""

import tensorflow as tf

from rfv2_keras.losses.masked_lm import masked_lm_sums


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
