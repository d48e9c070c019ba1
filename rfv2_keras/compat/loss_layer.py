"""`Loss`: a layer that adds a loss, for losses that need more than labels and outputs."""

import keras
from keras import ops

from rfv2_keras.compat.graph import sequence_mask
from rfv2_keras.errors import UserError


class Loss(keras.layers.Layer):
    """Computes a loss from several tensors, adds it to the model and hands its inputs on.

        class CrossEntropy(Loss):
            def compute_loss(self, inputs, mask=None):
                y_true, y_mask, y_pred = inputs
                loss = K.sparse_categorical_crossentropy(y_true[:, 1:], y_pred[:, :-1])
                return K.sum(loss * y_mask[:, 1:]) / K.sum(y_mask[:, 1:])

        output = CrossEntropy(2)(model.inputs + model.outputs)
        model = keras.Model(model.inputs, output)
        model.compile(optimizer=Adam(1e-5))

    Tensors reach `compute_loss` in float32, as the inputs of bert4keras's models are floats: ids are whole numbers
    below 2**24, which float32 holds exactly. It also receives the masks of the tensors, None where one has none: that
    of a sequence (batch, length, size) made by a model of this package leaves its padding out.

    Args:
        output_axis: index of the input that is handed on, or a list of them; None hands on all.
    """

    def __init__(self, output_axis=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.output_axis = output_axis
        self.supports_masking = True

    def __call__(self, inputs, mask=None, **kwargs):
        if mask is None and isinstance(inputs, (list, tuple)) and isinstance(inputs[0], keras.KerasTensor):
            mask = [sequence_mask(tensor) for tensor in inputs]
            if all(one is None for one in mask):
                mask = None
        return super().__call__(inputs, mask=mask, **kwargs)

    def build(self, inputs_shape, mask_shape=None):
        pass

    def call(self, inputs, mask=None):
        if mask is None and isinstance(inputs, (list, tuple)):
            mask = [None] * len(inputs)
        self.add_loss(self.compute_loss(keras.tree.map_structure(_as_float32, inputs), mask))
        return self._selected(inputs)

    def compute_loss(self, inputs, mask=None):
        """The loss, a number."""
        raise NotImplementedError(f"{type(self).__name__} must define compute_loss(self, inputs, mask=None)")

    def add_metric(self, *args, **kwargs):
        raise UserError(
            "Keras 3 has no add_metric in a layer; give metrics to compile(), or compute them in a callback."
        )

    def compute_mask(self, inputs, mask=None):
        return None  # else Keras would apply it to losses given to compile() as well

    def compute_output_spec(self, inputs, mask=None):
        return keras.tree.map_structure(_like, self._selected(inputs))

    def get_config(self):
        return {**super().get_config(), "output_axis": self.output_axis}

    def _selected(self, inputs):
        if self.output_axis is None:
            return inputs
        if isinstance(self.output_axis, list):
            return [inputs[axis] for axis in self.output_axis]
        return inputs[self.output_axis]


def _like(tensor):
    """A new symbolic tensor: Keras takes a layer that returns its own input for a loop in the graph."""
    return keras.KerasTensor(tensor.shape, dtype=tensor.dtype)


def _as_float32(tensor):
    return ops.cast(tensor, "float32")
