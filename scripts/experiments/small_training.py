"""Short pretraining of small models on a stream of text, and their scores on the part that was kept back."""

import sys

import keras
import tensorflow as tf

from rfv2_keras import build_transformer_model
from rfv2_keras.clue.progress import StepLines
from rfv2_keras.optimizers import AdamW, PiecewiseLinear
from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.objective import masked_lm_inputs, masked_lm_objective
from rfv2_keras.training.update import Update

POINTS = 20  # of a curve


def build(config, vocab_size, dtype="float32"):
    """A model with logits at target positions, without segments and dropout."""
    return build_transformer_model(
        {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "type_vocab_size": 0, **config},
        vocab_size=vocab_size,
        with_mlm="linear",
        target_positions=True,
        dtype=dtype,
    )


class Trainer:
    """Trains one architecture again and again from new initial weights; its functions are traced and compiled once.

    Args:
        config: dict, model config without the vocabulary's size.
        stream: `TextStream`.
        options: with `length`, `rows`, `updates` and `learning_rate`: tokens of a row, rows of an update, updates, and
            the highest learning rate, after a tenth of the updates; then it falls to 0 in a straight line.
    """

    def __init__(self, config, stream, options):
        self.config = config
        self.stream = stream
        self.options = options
        self.model = build(config, stream.vocab_size)
        schedule = PiecewiseLinear({options.updates // 10: 1.0, options.updates: 0.0}, options.learning_rate)
        self.optimizer = AdamW(schedule, beta_2=0.98)
        self.update = Update(self.model, self.optimizer, LossScale(), clip_norm=1.0)
        self.gradients = GradientFunction(self.model, masked_lm_objective, jit_compile=False)

    def train(self, seed, title):
        """Train from the initial weights of a seed.

        Returns:
            Pairs (update, mean loss of the batches since the pair before), `POINTS` of them.
        """
        options = self.options
        keras.utils.set_random_seed(seed)
        self.model.set_weights(build(self.config, self.stream.vocab_size).get_weights())
        for variable in self.optimizer.variables:  # moments and the number of updates: a new optimizer's are all 0
            variable.assign(tf.zeros_like(variable.value))
        lines = StepLines(title, options.updates, sys.stdout)
        curve, sums = [], 0.0
        for step in range(options.updates):
            batch = self.stream.training_batch(seed, step, options.rows, options.length)
            statistics, gradients = self.gradients([masked_lm_inputs(self.model, batch)], 1.0)
            self.update(statistics, gradients, 1.0)
            sums += statistics.numpy()
            lines(step + 1)
            if (step + 1) % (options.updates // POINTS) == 0:
                curve.append((step + 1, float(sums[0] / sums[1])))
                sums = 0.0
        print(f"{title}: loss {curve[-1][1]:.3f}", flush=True)
        return curve


class Scorer:
    """Scores weights on batches; its function is traced once for each shape.

    Args:
        config: dict, model config without the vocabulary's size.
        vocab_size: rows of the token table.
    """

    def __init__(self, config, vocab_size):
        self.model = build(config, vocab_size)
        self._sums = tf.function(lambda batch: masked_lm_objective(self.model, batch, training=False))

    def __call__(self, model, batches):
        """(Mean loss, share of right predictions) over the targets, of a model of the same architecture."""
        self.model.set_weights(model.get_weights())
        batches = [masked_lm_inputs(self.model, batch) for batch in batches]
        sums = sum(self._sums({name: tf.constant(array) for name, array in batch.items()}).numpy() for batch in batches)
        loss, targets, right = sums.tolist()
        return loss / targets, right / targets
