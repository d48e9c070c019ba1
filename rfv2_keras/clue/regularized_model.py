"""A Keras model whose training step knows R-Drop and FGM."""

import keras
import tensorflow as tf

from rfv2_keras.errors import UserError


class RegularizedModel(keras.Model):
    """A functional model that is trained with two regularizers for small data.

    R-Drop: every row goes through the model twice, with different dropout, and both distributions are drawn together:

        loss = ½ (L(p₁) + L(p₂)) + w · ½ (KL(p₁ ‖ p₂) + KL(p₂ ‖ p₁))

    FGM: the gradient is taken a second time with token embeddings moved by ε in the direction that hurts most, and both
    gradients are added:

        Δ = ε · g / ‖g‖,   g = ∂L / ∂(token embeddings)

    Sources: R-Drop, arXiv 2106.14448; FGM, arXiv 1605.07725, in the form of https://spaces.ac.cn/archives/7234.

    Args:
        inputs, outputs: of the functional model; the outputs are logits.
        r_drop: w, 0 for none.
        fgm: ε, 0 for none.
        embeddings: the variable that FGM moves.
    """

    def __init__(self, inputs, outputs, r_drop=0.0, fgm=0.0, embeddings=None, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.r_drop = r_drop
        self.fgm = fgm
        self.embeddings = embeddings
        if fgm and (embeddings is None or not embeddings.trainable):
            raise UserError("FGM moves the token embeddings, which are not trained here; leave out training.fgm.")

    def train_step(self, data):
        inputs, targets, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self._loss(inputs, targets)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_weights)
        if self.fgm:
            gradients = self._with_adversary(inputs, targets, gradients)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self._loss_tracker.update_state(loss)
        return self.get_metrics_result()

    def _loss(self, inputs, targets):
        outputs = self(inputs, training=True)
        loss = self.compute_loss(x=inputs, y=targets, y_pred=outputs)
        if not self.r_drop:
            return loss
        other = self(inputs, training=True)
        loss = (loss + self.compute_loss(x=inputs, y=targets, y_pred=other)) / 2
        return loss + self.r_drop * symmetric_divergence(outputs, other)

    def _with_adversary(self, inputs, targets, gradients):
        place = next(i for i, v in enumerate(self.trainable_weights) if v is self.embeddings)
        gradient = tf.convert_to_tensor(gradients[place])  # look-ups have sparse gradients
        step = self.fgm * gradient / (tf.norm(gradient) + 1e-12)
        before = tf.identity(self.embeddings.value)
        self.embeddings.assign(before + tf.cast(step, before.dtype))
        with tf.GradientTape() as tape:
            scaled = self.optimizer.scale_loss(self._loss(inputs, targets))
        adversarial = tape.gradient(scaled, self.trainable_weights)
        self.embeddings.assign(before)
        pairs = zip(gradients, adversarial, strict=True)
        return [tf.convert_to_tensor(one) + tf.convert_to_tensor(other) for one, other in pairs]


def symmetric_divergence(logits, other):
    """½ (KL(p ‖ q) + KL(q ‖ p)) of two softmax distributions, averaged over rows; logits of -inf have no part in it."""
    first, second = (tf.nn.log_softmax(tf.cast(x, tf.float32)) for x in (logits, other))
    there = tf.math.is_finite(first) & tf.math.is_finite(second)
    first, second = (tf.where(there, x, 0.0) for x in (first, second))
    difference = (tf.exp(first) - tf.exp(second)) * (first - second)
    return tf.reduce_mean(tf.reduce_sum(tf.where(there, difference, 0.0), axis=-1)) / 2
