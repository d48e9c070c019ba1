"""A review classifier: an encoder, the mean of its hidden states, one dense layer; trained with Keras `fit`."""

import time

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from rfv2_keras import build_transformer_model

MAXLEN = 128
EDGES = (33, 65)  # reviews of up to 32, up to 64 and more tokens go into different batches
BATCH = 32
SECONDS_BETWEEN_LINES = 10


def build_classifier(source, dtype, dropout=0.1):
    """A classifier with two classes.

    Args:
        source: a model directory, whose weights are loaded, or the path of a config, which gives initial weights.
        dtype: Keras dtype policy of the encoder.
        dropout: rate everywhere.
    """
    encoder = build_transformer_model(
        source, dtype=dtype, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
    )
    is_token = ops.cast(ops.not_equal(encoder.inputs[0], 0), "float32")[:, :, None]
    mean = ops.sum(ops.cast(encoder.output, "float32") * is_token, 1) / ops.sum(is_token, 1)
    scores = keras.layers.Dense(2, name="Output-Label")(keras.layers.Dropout(dropout)(mean))
    return keras.Model(encoder.inputs, scores)


def fine_tune(model, reviews, tokenizer, epochs, learning_rate, seed):
    """Train all weights; the learning rate rises over a tenth of the steps and falls as a cosine."""
    batches = review_batches(reviews, tokenizer, seed)
    steps = epochs * int(batches.cardinality())
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=learning_rate, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[ProgressLines(steps)])


def accuracy(model, reviews, tokenizer):
    """The share of reviews whose label the model finds."""
    return float(model.evaluate(review_batches(reviews, tokenizer), verbose=0, return_dict=True)["accuracy"])


def review_batches(reviews, tokenizer, seed=None):
    """A dataset of batches of reviews of similar length, in random order with a seed."""
    ids = [tokenizer.encode(text, maxlen=MAXLEN)[0] for text in reviews.texts]
    counts = np.bincount(np.digitize([len(row) for row in ids], EDGES))
    signature = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
    dataset = tf.data.Dataset.from_generator(lambda: zip(ids, reviews.labels, strict=True), output_signature=signature)
    if seed is not None:
        dataset = dataset.shuffle(len(ids), seed)
    dataset = dataset.bucket_by_sequence_length(lambda row, label: tf.size(row), EDGES, [BATCH] * (len(EDGES) + 1))
    dataset = dataset.map(lambda rows, labels: ((rows, tf.zeros_like(rows)), labels))
    return dataset.apply(tf.data.experimental.assert_cardinality(int(np.ceil(counts / BATCH).sum()))).prefetch(2)


class ProgressLines(keras.callbacks.Callback):
    """Prints now and then how far `fit` has come, on a terminal and in a log file alike."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.done = 0
        self.begin = self.printed = None  # set by the first step

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        now = time.monotonic()
        if self.done == 1:
            self.begin = self.printed = now  # the first step traces the model, too, and says nothing about the others
        elif now - self.printed > SECONDS_BETWEEN_LINES or self.done == self.steps:
            self.printed = now
            left = (now - self.begin) / (self.done - 1) * (self.steps - self.done)
            print(
                f"   step {self.done}/{self.steps} · loss {logs['loss']:.3f} · accuracy {logs['accuracy']:.3f} on the "
                f"training reviews of this epoch · {left:.0f} s left",
                flush=True,
            )
