"""Compiled functions that several tasks share: loss and gradients of a micro-batch.

A hundred tasks must not mean a hundred compiled encoders. Tasks of one kind differ in their head's weights only, so
these are arguments of the function, and tasks with the same head, loss and inputs share it. Where the number of labels
is all that differs, heads are padded to the largest of them: a bias of -inf takes a label out of the softmax and of
ZLPR, and its gradient is 0.
"""

import json
import math

import keras
import tensorflow as tf

from rfv2_keras.clue.heads.classification import ClassificationHead
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.losses.masked_lm import masked_lm_sums
from rfv2_keras.multitask.model import make_head
from rfv2_keras.training.dropout_seeds import generator_seed, seed_generators


class TaskFunction:
    """Sums and gradients of a micro-batch, for all tasks of a group.

    Args:
        model: Keras model whose inputs the micro-batches hold.
        prototype: the head of `model`, in whose place the weights of a task's head are put; None without one.
        pads: whether tasks may have fewer labels than the prototype.
        targets: name of the targets in a micro-batch.
        sums: function (targets, outputs) -> (sum of the loss, number of targets, number of right predictions).
        shared_variables: the variables that all tasks share.
        seed, rank: of the run and of this process, for dropout.
        jit_compile: whether XLA compiles it, once per shape.
    """

    def __init__(self, model, prototype, pads, targets, sums, shared_variables, seed, rank, jit_compile):
        self.model = model
        self.prototype = prototype
        self.pads = pads
        self.targets = targets
        self.sums = sums
        self.shared_variables = shared_variables
        self._slots_of_head = [] if prototype is None else prototype.weights
        self._generators = [
            (generator.state, generator_seed(seed, rank, number))
            for number, generator in enumerate(seed_generators(model))
        ]
        self._function = tf.function(self._compute, jit_compile=jit_compile)
        self._of_shape = {}  # asked for by shape, since TensorFlow takes many new shapes for a mistake
        sizes = [tf.TensorSpec([None] * len(tensor.shape), tensor.dtype) for tensor in model.inputs]
        slots = [tf.TensorSpec(weight.shape) for weight in self._slots_of_head]
        self._any_shape = tf.function(self._predict, input_signature=[sizes, slots])

    def __call__(self, batch, head, number, scale):
        """Compute.

        Args:
            batch: dict of arrays, the inputs of the model and the targets.
            head: head layer of the task, or None.
            number: int, of the micro-batch since the start of training, on which dropout depends.
            scale: float32 scalar that the loss is multiplied by before it is differentiated.

        Returns:
            (sums (3,), gradient of the shared variables (parameters,), gradient of the head (parameters,)), float32.
        """
        inputs = [tf.convert_to_tensor(batch[tensor.name]) for tensor in self.model.inputs]
        targets = self._pad_targets(tf.convert_to_tensor(batch[self.targets]))
        arguments = (inputs, targets, self._pad_head(head), tf.constant(number, tf.int64), tf.convert_to_tensor(scale))
        shapes = tuple(tuple(tensor.shape) for tensor in (*inputs, targets))
        if shapes not in self._of_shape:
            self._of_shape[shapes] = self._function.get_concrete_function(*arguments)
        sums, shared, heads = self._of_shape[shapes](*arguments)
        return sums, shared, flat([g[..., : w.shape[-1]] for g, w in zip(heads, self._weights(head), strict=True)])

    def outputs(self, inputs, head):
        """What the model with a task's head predicts for a list of input tensors."""
        outputs = self._any_shape.get_concrete_function()(inputs, self._pad_head(head))
        return outputs[..., : head.units] if self.pads else outputs

    @property
    def compiled_shapes(self):
        """How many shapes have been compiled for training."""
        return len(self._of_shape)

    # --- inside --------------------------------------------------------------------------------------------------

    def _compute(self, inputs, targets, head_weights, number, scale):
        # Dropout is a function of seed, process and micro-batch: the state of a generator is an argument, too, and
        # what a forward pass makes of it is thrown away with the scope.
        states = [
            (state, tf.stack([tf.constant(s, state.dtype), tf.cast(number, state.dtype)]))
            for state, s in self._generators
        ]
        heads = list(zip(self._slots_of_head, head_weights, strict=True))
        with keras.StatelessScope(state_mapping=states + heads):
            shared = [v.value for v in self.shared_variables]
            with tf.GradientTape() as tape:
                tape.watch(head_weights)
                outputs = self.model(inputs, training=True)
                sums = tf.stack([tf.cast(x, tf.float32) for x in self.sums(targets, outputs)])
                loss = sums[0] * scale
            # Inside the scope: gradient checkpointing computes layers again here.
            gradients = tape.gradient(
                loss, [*shared, *head_weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
        # Look-ups of embeddings have sparse gradients; the update wants dense ones.
        gradients = [tf.cast(tf.convert_to_tensor(g), tf.float32) for g in gradients]
        return sums, flat(gradients[: len(shared)]), gradients[len(shared) :]

    def _predict(self, inputs, head_weights):
        with keras.StatelessScope(state_mapping=list(zip(self._slots_of_head, head_weights, strict=True))):
            return self.model(inputs, training=False)

    def _weights(self, head):
        return [] if head is None else head.weights

    def _pad_head(self, head):
        """The weights of a head, with as many labels as the prototype has."""
        padded = []
        for weight, slot in zip(self._weights(head), self._slots_of_head, strict=True):
            more = slot.shape[-1] - weight.shape[-1]
            before = [[0, 0]] * (len(weight.shape) - 1)
            outside = -math.inf if len(weight.shape) == 1 else 0.0  # biases, kernels
            padded.append(tf.pad(weight.value, [*before, [0, more]], constant_values=outside) if more else weight.value)
        return [tf.convert_to_tensor(value) for value in padded]

    def _pad_targets(self, targets):
        """Targets with a number for each label get zeros for those that the task lacks."""
        if not (self.pads and targets.shape.rank == 2):
            return targets
        return tf.pad(targets, [[0, 0], [0, self.prototype.units - targets.shape[1]]])


def task_functions(names, supervised, model, config, **options):
    """The function of each task; tasks that can share one do.

    Args:
        names: names of the tasks by number; those that are not in `supervised` are masked language modelling.
        supervised: dict from name to `SupervisedTask`.
        model: `MultitaskModel`.
        config: `ModelConfig` of the encoder.
        **options: `seed`, `rank` and `jit_compile` of `TaskFunction`.
    """
    options["shared_variables"] = model.shared.trainable_variables
    groups, functions = {}, {}
    for name, task in supervised.items():
        groups.setdefault(_key(task.kind, model.heads[name]), []).append(task)
    for group in groups.values():
        function = _supervised_function(group, model.builder, config, **options)
        functions.update({task.name: function for task in group})
    for name in set(names) - set(supervised):
        functions[name] = TaskFunction(model.shared, None, False, "target_ids", masked_lm_sums, **options)
    return [functions[name] for name in names]


def _supervised_function(group, builder, config, **options):
    """The function of a group, made from its task with most labels."""
    largest = max((task.kind for task in group), key=lambda kind: len(kind.task.labels or ()))
    kind = kind_of(largest.task, largest.tokenizer)  # a kind of its own: some remember their head
    head = make_head(kind, config, scope="prototype")
    loss = kind.loss()

    def sums(targets, outputs):
        losses = loss.call(targets, outputs)
        return tf.reduce_sum(losses), tf.size(losses), 0.0

    return TaskFunction(kind.model(kind.encoder(builder), head), head, _pads(kind, head), "target", sums, **options)


def flat(tensors):
    """One vector of all numbers."""
    return tf.concat([tf.reshape(t, (-1,)) for t in tensors], axis=0) if tensors else tf.zeros((0,))


def _pads(kind, head):
    """Whether a head has a logit for each label and nothing else, so that labels can be added."""
    return kind.has_labels and isinstance(head, ClassificationHead)


def _key(kind, head):
    """What must agree for two tasks to share a function, besides shapes."""
    settings = head.get_config()
    del settings["name"]
    if _pads(kind, head):
        del settings["units"]
    loss = kind.loss()
    parts = (type(kind).__name__, type(head).__name__, settings, type(loss).__name__, loss.get_config())
    return json.dumps(parts, sort_keys=True, default=str)
