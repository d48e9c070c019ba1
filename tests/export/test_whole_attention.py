"""Exported graphs of both attention layers hold no loop over queries."""

import pytest
import tensorflow as tf

from rfv2_keras.export.whole_attention import attention_without_chunks
from rfv2_keras.layers import GatedAttentionUnit, MultiHeadAttention

MAKERS = {"multi_head": lambda: MultiHeadAttention(2, 8), "gated": lambda: GatedAttentionUnit(32, key_size=8)}


def graph_of_any_length(layer):
    x = tf.TensorSpec((None, None, 16), tf.float32)
    return tf.function(lambda x: layer(x)).get_concrete_function(x)


@pytest.mark.parametrize("kind", MAKERS)
def test_no_loop_and_the_same_numbers(kind):
    layer, x = MAKERS[kind](), tf.random.stateless_normal((2, 7, 16), (1, 2))
    expected = layer(x)
    with attention_without_chunks():
        whole = graph_of_any_length(layer)
    chunked = graph_of_any_length(layer)  # chunks are back afterwards
    choices = {"If", "StatelessIf", "While", "StatelessWhile"}
    assert choices.isdisjoint(operation.type for operation in whole.graph.get_operations())
    assert not choices.isdisjoint(operation.type for operation in chunked.graph.get_operations())
    tf.debugging.assert_near(whole(x), expected, atol=1e-5)
