"""Attention whose graph has no loop, for formats that cannot hold one."""

import contextlib

from rfv2_keras.layers import gated_attention_unit, multi_head_attention


@contextlib.contextmanager
def attention_without_chunks():
    """While this lasts, layers compute all queries at once, whatever their number.

    Where the length is not known when a graph is made, attention in chunks of queries is a loop over tensors of unknown
    shape. LiteRT cannot convert it, and ONNX Runtime is slow with it. Layers look the function up when they are called,
    so that it can be replaced here without an argument of every model for the sake of export.
    """
    modules = (multi_head_attention, gated_attention_unit)
    originals = [module.attend_in_chunks for module in modules]
    for module in modules:
        module.attend_in_chunks = _at_once
    try:
        yield
    finally:
        for module, original in zip(modules, originals, strict=True):
            module.attend_in_chunks = original


def _at_once(attend, query, key, value, mask, bias, seed, training, forget=False):
    return attend(query, key, value, mask, bias, seed)
