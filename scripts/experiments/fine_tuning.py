"""Fine-tuning of a sentence encoder on pairs with labels."""

import statistics
import time

import keras
import numpy as np
from keras import ops


def fine_tune(encoder, pairs, epochs, batch, learning_rate, seed):
    """Train all weights so that the cosines of pairs come into the order of their labels.

    Args:
        encoder: a `SentenceEncoder`; its model is trained.
        pairs: `Pairs`.
        epochs: passes over the pairs, may be fractional.
        batch: pairs per update.
        learning_rate: the highest one, after a tenth of the updates; then it falls as a cosine.
        seed: of the order of the pairs.
    """
    generator = np.random.default_rng(seed)
    steps = max(2, round(epochs * len(pairs.labels) / batch))
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0)
    encoder.model.compile(optimizer, ranking_loss, jit_compile=False)
    logged, losses = time.monotonic(), []
    for step, rows in enumerate(batches_of(len(pairs.labels), batch, steps, generator), 1):
        # the two sentences of a pair are neighbours: first, second, first, second, ...
        texts = [text for row in rows for text in (pairs.first[row], pairs.second[row])]
        inputs = encoder.tokenizer.encode_batch(texts, maxlen=encoder.maxlen)
        labels = np.repeat(pairs.labels[rows], 2)[:, None].astype("float32")
        losses.append(float(encoder.model.train_on_batch(list(inputs)[: len(encoder.model.inputs)], labels)))
        if time.monotonic() - logged > 10 or step == steps:
            logged = time.monotonic()
            recent = statistics.mean(losses[-50:])
            print(f"fine-tuning, seed {seed}: update {step}/{steps}, loss {recent:.3f}", flush=True)


def batches_of(rows, batch, steps, generator):
    """So many arrays of row numbers; every row comes once before one comes again."""
    order = []
    for _ in range(steps):
        while len(order) < batch:
            order.extend(generator.permutation(rows))
        yield order[:batch]
        del order[:batch]


def ranking_loss(labels, vectors):
    """log(1 + sum of exp(20 (cos_j - cos_i)) over pairs i and j of the batch with label_i > label_j).

    Source: CoSENT, https://spaces.ac.cn/archives/8847.
    """
    unit = vectors / ops.maximum(ops.norm(vectors, axis=1, keepdims=True), 1e-6)
    cosines = 20 * ops.sum(unit[0::2] * unit[1::2], axis=1)
    labels = labels[0::2, 0]
    excess = cosines[None, :] - cosines[:, None]  # (i, j)
    excess = ops.where(labels[:, None] > labels[None, :], excess, -1e9)
    return ops.logsumexp(ops.concatenate([ops.zeros(1), ops.reshape(excess, (-1,))]))
