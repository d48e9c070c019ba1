"""Loss scaling for float16."""

import tensorflow as tf

GROWTH_INTERVAL = 2000


class LossScale(tf.Module):
    """The factor that lifts float16 gradients above the smallest number of that type (about 6e-8).

    A dynamic scale starts at 2¹⁵, doubles after 2000 updates without overflow and halves whenever a gradient is not
    finite; such an update is skipped and counted. A static scale never moves.

    Args:
        value: "dynamic", or a number; 1 is no scaling.

    Source: arXiv 1710.03740; https://spaces.ac.cn/archives/9059 recommends a constant such as 1000.
    """

    def __init__(self, value=1.0):
        super().__init__()
        self.dynamic = value == "dynamic"
        self.in_use = self.dynamic or value != 1.0
        self.scale = tf.Variable(2.0**15 if self.dynamic else float(value), trainable=False)
        self.good_updates = tf.Variable(0, trainable=False)
        self.skipped = tf.Variable(0, trainable=False)

    def record(self, finite):
        """Note whether the gradient of an update was finite."""
        self.skipped.assign_add(tf.cast(tf.logical_not(finite), tf.int32))
        if not self.dynamic:
            return
        good = tf.where(finite, self.good_updates + 1, 0)
        grow = good >= GROWTH_INTERVAL
        factor = tf.where(finite, tf.where(grow, 2.0, 1.0), 0.5)
        self.scale.assign(tf.clip_by_value(self.scale * factor, 1.0, 2.0**24))
        self.good_updates.assign(tf.where(grow, 0, good))

    def get_state(self):
        """The state as plain numbers, for a checkpoint."""
        return {
            "scale": float(self.scale),
            "good_updates": int(self.good_updates),
            "skipped": int(self.skipped),
        }

    def set_state(self, state):
        """Take up the state of a checkpoint; a static scale keeps its own value."""
        if self.dynamic:
            self.scale.assign(state["scale"])
        self.good_updates.assign(state["good_updates"])
        self.skipped.assign(state["skipped"])
