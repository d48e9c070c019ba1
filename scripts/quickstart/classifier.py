"""A review classifier: an encoder, its first hidden state, one dense layer; trained with Keras `fit`."""

import time

import keras
import numpy as np

from rfv2_keras import build_transformer_model

MAXLEN = 128
LENGTHS = (32, 64, MAXLEN)  # to which batches are padded
BATCH = 32
SECONDS_BETWEEN_LINES = 10


def build_classifier(source, dropout=0.1):
    """A classifier with two classes.

    Args:
        source: a model directory, whose weights are loaded, or the path of a config, which gives initial weights.
        dropout: rate everywhere.
    """
    encoder = build_transformer_model(
        source, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, with_mlm=False
    )
    first = keras.layers.Dropout(dropout)(encoder.output[:, 0])
    return keras.Model(encoder.inputs, keras.layers.Dense(2, name="Output-Label")(first))


def fine_tune(model, reviews, tokenizer, epochs, learning_rate, seed):
    """Train all weights; the learning rate rises over a tenth of the steps and falls as a cosine."""
    batches = ReviewBatches(reviews, tokenizer, seed)
    steps = epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=learning_rate, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[ProgressLines(epochs)])


def accuracy(model, reviews, tokenizer):
    """The share of reviews whose label the model finds."""
    token_ids, segment_ids = tokenizer.encode_batch(reviews.texts, maxlen=MAXLEN, length=MAXLEN)
    logits = model.predict([token_ids, segment_ids], batch_size=2 * BATCH, verbose=0)
    return float(np.mean(logits.argmax(-1) == np.array(reviews.labels)))


class ReviewBatches(keras.utils.PyDataset):
    """Batches of reviews of similar length, shuffled anew in every epoch."""

    def __init__(self, reviews, tokenizer, seed):
        super().__init__()
        self.ids = [tokenizer.encode(text, maxlen=MAXLEN)[0] for text in reviews.texts]
        self.labels = np.array(reviews.labels)
        self.lengths = np.array([min(length for length in LENGTHS if length >= len(ids)) for ids in self.ids])
        self.random = np.random.default_rng(seed)
        self._shuffle()

    def __len__(self):
        return -(-len(self.ids) // BATCH)

    def __getitem__(self, number):
        rows = self.batches[number]
        token_ids = np.zeros((len(rows), self.lengths[rows].max()), np.int32)
        for row, index in enumerate(rows):
            token_ids[row, : len(self.ids[index])] = self.ids[index]
        return (token_ids, np.zeros_like(token_ids)), self.labels[rows]

    def on_epoch_end(self):
        self._shuffle()

    def _shuffle(self):
        order = self.random.permutation(len(self.ids))
        order = order[np.argsort(self.lengths[order], kind="stable")]
        self.batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        self.random.shuffle(self.batches)


class ProgressLines(keras.callbacks.Callback):
    """Prints now and then how far `fit` has come, on a terminal and in a log file alike."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs
        self.begin = self.printed = time.monotonic()
        self.done = 0

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        now = time.monotonic()
        if now - self.printed > SECONDS_BETWEEN_LINES or self.done == self._total:
            self.printed = now
            left = (now - self.begin) / self.done * (self._total - self.done)
            print(
                f"   step {self.done}/{self._total} · loss {logs['loss']:.3f} · accuracy {logs['accuracy']:.3f} on the "
                f"training reviews of this epoch · {left:.0f} s left",
                flush=True,
            )

    @property
    def _total(self):
        return self.epochs * self.params["steps"]
