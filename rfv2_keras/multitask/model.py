"""One encoder with the heads of all tasks."""

import keras

from rfv2_keras.clue.kinds import kind_of


class MultitaskModel:
    """What a multi-task run trains.

    Args:
        builder: of `build_transformer_model(..., return_keras_model=False)`.
        heads: dict from task name to head layer, see `make_head`.

    Attributes:
        shared: the Keras model that all tasks share: the encoder, or the encoder with its MLM head.
        weights, trainable_variables: of `shared` first, then of the heads in their order.
        layers: of `shared`.
    """

    def __init__(self, builder, heads):
        self.builder = builder
        self.heads = heads
        self.shared = builder.model

    @property
    def weights(self):
        return self.shared.weights + self.head_weights

    @property
    def trainable_variables(self):
        return self.shared.trainable_variables + self.head_weights

    @property
    def layers(self):
        return self.shared.layers

    @property
    def head_weights(self):
        """The weights of all heads, one task after the other."""
        return [weight for head in self.heads.values() for weight in head.weights]


def make_head(kind, config, scope=None):
    """The head of a task with its weights, on an encoder with a `ModelConfig`.

    Args:
        kind: `Kind`, which may remember the head.
        config: `ModelConfig` of the encoder.
        scope: what the paths of its weights begin with, so that they differ from those of other tasks; None for the
            paths that fine-tuned models have on disk.
    """
    head = kind.head(config)
    shape = (None, None, config.hidden_size)
    if scope is None:
        head.build(shape)
    else:
        with keras.name_scope(scope):
            head.build(shape)
    return head


def head_to_save(task, tokenizer, config, head):
    """A copy of a head with the paths of weights that fine-tuned models have on disk."""
    copy = make_head(kind_of(task, tokenizer), config)
    copy.set_weights(head.get_weights())
    return copy
