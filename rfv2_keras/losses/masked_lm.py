"""Cross entropy and accuracy over the masked tokens of a language model."""

import keras
from keras import ops

from rfv2_keras.layers.custom_gradient import custom_gradient
from rfv2_keras.losses.inputs import at_least_float32


def masked_lm_sums(labels, outputs, from_logits=True):
    """Sums from which a loss over any number of batches is exact: (loss sum, target count, correct count).

    Adding the three over micro-batches and processes and dividing once gives the loss of the whole batch, whatever
    the number of targets in its parts.

    Args:
        labels: (...), ids of the original tokens; 0 where there is no target.
        outputs: (..., vocabulary), logits, or probabilities if `from_logits` is false.
        from_logits: see `outputs`.

    Returns:
        Three scalars in float32 (float64 for float64 outputs).
    """
    losses, is_target = _token_losses(labels, outputs, from_logits)
    hits = ops.logical_and(_is_correct(labels, outputs), is_target)
    return ops.sum(losses), ops.sum(ops.cast(is_target, losses.dtype)), ops.sum(ops.cast(hits, losses.dtype))


def masked_lm_loss(labels, outputs, from_logits=True, epsilon=1e-7):
    """Mean cross entropy over the targets: `sum(cross entropy * mask) / (sum(mask) + epsilon)`, mask = labels != 0.

    Without any target the loss is 0. Arguments as in `masked_lm_sums`; epsilon is the reference's.
    Source: `pretraining` and `train_mlm.py` of ZhuiyiTechnology/roformer-v2.
    """
    losses, is_target = _token_losses(labels, outputs, from_logits)
    return ops.sum(losses) / (ops.sum(ops.cast(is_target, losses.dtype)) + epsilon)


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MaskedLMLoss(keras.losses.Loss):
    """`masked_lm_loss` as a Keras loss.

    The tokens' losses are already divided by the number of targets, so they are summed whatever the batch; weights
    per sample or token multiply them.

    Args:
        from_logits: whether the model gives logits; else probabilities.
    """

    def __init__(self, from_logits=True, name="masked_lm_loss"):
        super().__init__(name=name, reduction="sum", dtype="float32")
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        losses, is_target = _token_losses(y_true, y_pred, self.from_logits)
        return losses / (ops.sum(ops.cast(is_target, losses.dtype)) + 1e-7)

    def get_config(self):
        return {"from_logits": self.from_logits, "name": self.name}


@keras.saving.register_keras_serializable(package="rfv2_keras")
class MaskedLMAccuracy(keras.metrics.Mean):
    """Share of the targets (labels != 0) whose id has the highest output, over all batches since the last reset."""

    def __init__(self, name="masked_lm_accuracy", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        weights = ops.cast(_is_target(y_true), self.dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            missing_axes = len(weights.shape) - len(sample_weight.shape)
            weights = weights * ops.reshape(sample_weight, ops.shape(sample_weight) + (1,) * missing_axes)
        super().update_state(_is_correct(y_true, y_pred), weights)


def _is_target(labels):
    return ops.not_equal(labels, 0)


def _is_correct(labels, outputs):
    return ops.equal(_argmax(outputs), ops.cast(labels, "int32"))


def _argmax(outputs):
    """The first index of the largest output; with TensorFlow, Keras's goes over outputs five times more for −0.0."""
    if keras.backend.backend() != "tensorflow":
        return ops.argmax(outputs, axis=-1)
    import tensorflow as tf

    return tf.argmax(outputs, axis=-1, output_type="int32")


def _token_losses(labels, outputs, from_logits):
    """Cross entropy of every token, 0 where it is no target, and where it is one."""
    is_target = _is_target(labels)
    labels, outputs = ops.cast(labels, "int32"), at_least_float32(outputs)
    if from_logits:
        losses = _cross_entropy(labels, outputs)
    else:
        losses = ops.sparse_categorical_crossentropy(labels, outputs)
    return ops.where(is_target, losses, 0.0), is_target


def _cross_entropy(labels, logits):
    """log Σ exp(s) − s_label over the last axis.

    The gradient, softmax(s) − one_hot(label), is written out: with it the two take a third of the time that the
    operation of TensorFlow takes on CPUs.
    """

    @custom_gradient
    def compute(logits):
        largest = ops.max(logits, axis=-1, keepdims=True)
        powers = ops.exp(logits - largest)
        total = ops.sum(powers, axis=-1, keepdims=True)
        of_label = ops.take_along_axis(logits, ops.expand_dims(labels, -1), axis=-1)
        losses = ops.squeeze(ops.log(total) + largest - of_label, -1)

        def gradient(upstream):
            difference = powers / total - ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
            return difference * ops.expand_dims(upstream, -1)

        return losses, gradient

    return compute(logits)
