"""Looking upwards in the graph of a functional model."""

import keras

from rfv2_keras.layers import AttentionMask

TOKENS = "Input-Token"


def search_layer(inputs, name):
    """The layer called `name` that a symbolic tensor, or the output of a layer, depends on; None if there is none.

    Args:
        inputs: symbolic tensor, or layer that was called.
        name: of the layer.
    """
    tensors = keras.tree.flatten(inputs.output if isinstance(inputs, keras.layers.Layer) else inputs)
    seen = set()
    while tensors:
        operation, node_index, _ = tensors.pop()._keras_history
        if getattr(operation, "name", None) == name:
            return operation
        if (id(operation), node_index) not in seen:
            seen.add((id(operation), node_index))
            tensors += operation._inbound_nodes[node_index].input_tensors
    return None


def sequence_mask(tensor):
    """What bert4keras hands on as the Keras mask of its models' sequences.

    Encoders of this package do not hand a mask on, as their attention has it already. The layers of `compat` look for
    the token ids that a sequence was made of instead.

    Args:
        tensor: symbolic tensor.

    Returns:
        Symbolic bool (batch, length), True at tokens that are no padding and at the first; None for a tensor that is no
        sequence of vectors (batch, length, size), or that does not depend on an input `Input-Token`.
    """
    if len(tensor.shape) != 3:
        return None
    tokens = search_layer(tensor, TOKENS)
    return None if tokens is None else AttentionMask("padding")(tokens.output)[:, 0]
