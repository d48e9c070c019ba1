"""Linear-chain conditional random field (CRF): labels of a sequence scored together with their transitions."""

import keras
import numpy as np
from keras import ops

from rfv2_keras.errors import UserError
from rfv2_keras.layers.position_mask import position_mask
from rfv2_keras.layers.viterbi import viterbi_decode


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ConditionalRandomField(keras.layers.Layer):
    """P(y | x) = exp(S(y)) / Σ_z exp(S(z)), S(y) = Σ_t h_t(y_t) + Σ_t T(y_{t−1}, y_t), with T the transition matrix.

    The layer owns T, trains it through its loss and hands the scores h on, with −inf at padding:

        crf = ConditionalRandomField(labels)
        scores = keras.layers.Dense(labels)(encoder.output)
        model = keras.Model(encoder.inputs, crf(scores, mask=encoder.get_layer("Attention-Mask").output))
        model.compile("adam", loss=crf.sparse_loss, metrics=[crf.sparse_accuracy])
        labels = crf.decode(model.predict(inputs))  # −1 at padding

    Positions that the mask leaves out, wherever they are, are skipped: T leads from the last position before them to
    the next one after them. A saved model keeps the layer and T, but Keras cannot store a loss that belongs to a layer:
    load with `keras.saving.load_model(path, compile=False)`, then compile with `model.get_layer(name).sparse_loss`.

    Args:
        units: number of labels, the size of the last axis of the scores.
        learning_rate_multiplier: T is this number times the stored weight, which therefore starts that much smaller.
            With Adam T moves so many times faster than other weights, with plain gradient descent the square of it.
            At a learning rate fit for fine-tuning, 1e-5 say, T would otherwise stay about where it starts.

    Call arguments:
        inputs: (batch, length, units), scores of the labels, without softmax.
        mask: bool, (batch, length) or (batch, 1, length), True where a label counts; by default the Keras mask of the
            inputs. Encoders of this package do not hand a mask on: give that of their attention.

    Returns:
        (batch, length, units), float32: the scores, all −inf where the mask is False.

    Raises:
        UserError: `units` is not a positive integer or not the size of the scores, the multiplier is not above 0, or
            the mask has another shape.

    Source: Lafferty, McCallum, Pereira, "Conditional Random Fields", ICML 2001; https://spaces.ac.cn/archives/7196 for
    the multiplier.
    """

    def __init__(self, units, learning_rate_multiplier=1.0, **kwargs):
        # autocast would round scores to 16 bits on their way in.
        super().__init__(autocast=False, **kwargs)
        if not isinstance(units, int) or units < 1:
            raise UserError(f"units of ConditionalRandomField must be an integer >= 1; received: {units!r}.")
        if not learning_rate_multiplier > 0:
            raise UserError(
                "learning_rate_multiplier of ConditionalRandomField must be above 0; received: "
                f"{learning_rate_multiplier!r}."
            )
        self.units = units
        self.learning_rate_multiplier = learning_rate_multiplier
        self.supports_masking = True

    def build(self, inputs_shape):
        if inputs_shape[-1] != self.units:
            raise UserError(
                f"The scores that ConditionalRandomField receives must have {self.units} labels on their last axis; "
                f"received shape: {tuple(inputs_shape)}."
            )
        self.transition_weight = self.add_weight(
            name="transitions", shape=(self.units, self.units), initializer=self._initial_transitions, autocast=False
        )

    def _initial_transitions(self, shape, dtype=None):
        return keras.initializers.GlorotUniform()(shape, dtype) / self.learning_rate_multiplier

    @property
    def transitions(self):
        """T: (units, units), float32; axes are (label, next label)."""
        return ops.cast(self.transition_weight, "float32") * self.learning_rate_multiplier

    def call(self, inputs, mask=None):
        scores = ops.cast(inputs, "float32")
        if mask is None:
            return scores
        return ops.where(ops.expand_dims(position_mask(mask, self.name), -1), scores, -np.inf)

    def dense_loss(self, y_true, y_pred):
        """−log P of each sequence, (batch,), float32; 0 where there is no position at all.

        Args:
            y_true: (batch, length, units), one-hot labels or distributions; any values at padding.
            y_pred: (batch, length, units), the output of the layer.
        """
        scores = ops.cast(y_pred, "float32")
        valid = _valid_positions(scores)
        inputs = ops.concatenate([scores, ops.cast(y_true, "float32")], axis=-1)
        inputs = ops.where(ops.expand_dims(valid, -1), inputs, 0.0)
        # Keras's own loop over time: on TensorFlow, `ops.scan` needs a known length and has no gradient in XLA.
        loop = keras.layers.RNN(_PathSums(self.transitions), return_state=True, dtype="float32")
        _, others, _, started = loop(inputs, mask=valid)
        return ops.logsumexp(others, axis=-1) * started[:, 0]

    def sparse_loss(self, y_true, y_pred):
        """`dense_loss` for labels given as whole numbers, (batch, length) or (batch, length, 1)."""
        return self.dense_loss(ops.one_hot(_label_ids(y_true, y_pred), self.units, dtype="float32"), y_pred)

    def dense_accuracy(self, y_true, y_pred):
        """`sparse_accuracy` for one-hot labels (batch, length, units)."""
        return self.sparse_accuracy(ops.argmax(y_true, axis=-1), y_pred)

    def sparse_accuracy(self, y_true, y_pred):
        """Share of the positions whose label has the highest score, T left aside: quick to see, and rough."""
        valid = ops.cast(_valid_positions(y_pred), "float32")
        hits = ops.equal(_label_ids(y_true, y_pred), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        return ops.sum(ops.cast(hits, "float32") * valid) / ops.maximum(ops.sum(valid), 1.0)

    def decode(self, y_pred, starts=None, ends=None):
        """The most probable labels: `viterbi_decode` of the layer's output with its transitions."""
        transitions = ops.convert_to_numpy(self.transitions)
        return viterbi_decode(ops.convert_to_numpy(y_pred), transitions, starts, ends)

    def compute_mask(self, inputs, mask=None):
        return None  # the mask of the inputs is in the scores

    def compute_output_spec(self, inputs, mask=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def compute_output_shape(self, inputs_shape):
        return tuple(inputs_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }


class _PathSums:
    """One position further in the sum over all paths, for `keras.layers.RNN`, which skips what is masked.

    The state: log Σ exp(S(z) − S(y)) over the paths z that end in each label, y the true path (batch, units); the true
    label (batch, units); and whether there was a position yet (batch, 1). The score of the true path is taken off
    position by position, as the difference of two long sums would be inexact.
    """

    compute_dtype = "float32"

    def __init__(self, transitions):
        self.transitions = transitions
        units = transitions.shape[0]
        self.state_size = [units, units, 1]

    def call(self, inputs, states):
        paths, previous, started = states
        scores, label = ops.split(inputs, 2, axis=-1)
        scores = scores - _sum(ops.where(ops.equal(label, 0.0), 0.0, label * scores))  # 0, not NaN, for 0 · −inf
        arrived = ops.logsumexp(ops.expand_dims(paths, -1) + self.transitions, axis=1)
        arrived = arrived - _sum(ops.matmul(previous, self.transitions) * label)
        paths = started * arrived + scores
        return paths, [paths, label, ops.ones_like(started)]

    __call__ = call


def _sum(x):
    return ops.sum(x, axis=-1, keepdims=True)


def _valid_positions(scores):
    """False where all labels have −inf. bool, (batch, length)."""
    return ops.any(ops.not_equal(scores, -np.inf), axis=-1)


def _label_ids(y_true, y_pred):
    """Labels (batch, length) or (batch, length, 1) as int32 (batch, length)."""
    return ops.reshape(ops.cast(y_true, "int32"), ops.shape(y_pred)[:-1])
