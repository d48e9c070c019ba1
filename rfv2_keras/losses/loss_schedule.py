"""Changing a number inside a loss while the model trains."""

import keras


class LossSchedule(keras.callbacks.Callback):
    """Sets a variable of a loss before every batch, for instance `LossSchedule(exact.sigma, lambda n: 100 * 0.99**n)`.

    On TensorFlow and PyTorch a change costs nothing. JAX compiles the value into the training step, so that every
    change compiles it again: let the schedule move in few steps there.

    Args:
        variable: the scalar `keras.Variable` to set.
        schedule: function of the number of batches trained so far; a Keras `LearningRateSchedule` will do.
        first_step: batches that an earlier run has already trained.
    """

    def __init__(self, variable, schedule, first_step=0):
        super().__init__()
        self.variable = variable
        self.schedule = schedule
        self.step = first_step
        self.value = None

    def on_train_batch_begin(self, batch, logs=None):
        value = float(self.schedule(self.step))
        if value != self.value:
            self.value = value
            self.variable.assign(value)
            if keras.backend.backend() == "jax":
                self.model.make_train_function(force=True)
        self.step += 1
