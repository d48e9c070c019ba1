"""Heads that look at [CLS] only stand on an encoder that gives nothing else, and put out the same."""

import numpy as np
import pytest
from keras import ops

TOKENS = {"tnews": (3, 12), "csl": (3, 12), "c3": (3, 4, 12), "chid": (3, 5, 12)}


@pytest.mark.parametrize("task", TOKENS)
def test_same_outputs(make_kind, small_builder, task):
    kind = make_kind(task, *(['labels=["a", "b"]'] if task == "tnews" else []))
    builder = small_builder(kind)
    assert kind.encoder(builder) is builder.first_encoder
    head, tokens = kind.head(builder.config), np.random.default_rng(0).integers(5, 12000, TOKENS[task]).astype("int32")
    tokens[0, ..., 7:] = 0
    short, whole = (kind.model(encoder, head)(tokens) for encoder in (builder.first_encoder, builder.encoder))
    np.testing.assert_allclose(ops.convert_to_numpy(short), ops.convert_to_numpy(whole), atol=1e-5)


@pytest.mark.parametrize("task", ["tnews", "cluener", "cmrc2018"])
def test_heads_that_look_at_tokens_see_all(make_kind, small_builder, task):
    kind = make_kind(task, *(["options.pooling=mean"] if task == "tnews" else []))
    builder = small_builder(kind)
    assert kind.encoder(builder) is builder.encoder
