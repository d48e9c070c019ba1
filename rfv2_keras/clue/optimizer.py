"""The optimizer of a fine-tuning run."""

from rfv2_keras.optimizers import AdaFactor, AdamW, PiecewiseLinear

NOT_DECAYED = ["bias", "gamma", "beta"]


def make_optimizer(training, steps, config):
    """AdaFactor as the CLUE scripts of RoFormerV2 used it, or AdamW.

    Args:
        training: `TaskTraining`.
        steps: batches of the whole run.
        config: `ModelConfig` of the encoder.
    """
    options = {"learning_rate_multipliers": layer_multipliers(training.layer_decay, config.num_hidden_layers)}
    if training.accumulation > 1:
        options["gradient_accumulation_steps"] = training.accumulation
    rate = _schedule(training, steps)
    if training.optimizer == "adafactor":
        return AdaFactor(rate, **options)
    plain = ["bias", "gamma", "beta"]
    return AdamW(rate, weight_decay=training.weight_decay, exclude_from_weight_decay=plain, **options)


def layer_multipliers(decay, layers):
    """Factors of the learning rate by layer: `decay` once for the top layer, once more for each layer below it.

    The head has factor 1, the embeddings the smallest.
    """
    if decay == 1.0:
        return None
    factors = {rf"(^|/)Transformer-{index}-": decay ** (layers - index) for index in range(layers)}
    return {**factors, r"(^|/)Embedding-": decay ** (layers + 1)}


def _schedule(training, steps):
    # In batches: with gradient_accumulation_steps Keras asks a schedule by their number, not by that of updates.
    warmup = int(training.warmup * steps)
    if not (warmup or training.decay):
        return training.learning_rate
    points = {warmup: 1.0} if warmup else {0: 1.0}
    if training.decay:
        points[steps] = 0.0
    return PiecewiseLinear(points, training.learning_rate, from_zero=bool(warmup))
