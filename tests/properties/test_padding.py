"""What stands at padded positions, and how much padding there is, does not change what comes out at the others."""

import keras
import numpy as np
import pytest
from keras import ops

from rfv2_keras.models import APPLICATIONS, ARCHITECTURES

LENGTHS = [12, 7, 3, 1]


@pytest.fixture(scope="module", params=[(m, a) for m in ARCHITECTURES for a in APPLICATIONS], ids="-".join)
def hidden_states(request, small_model):
    """A model that gives the last hidden states; its weights make attention far from uniform."""
    model_type, application = request.param
    model = small_model(model_type, deviation=0.2, application=application)
    last = "GatedAttentionUnit" if model_type == "gau_alpha" else "FeedForward"
    return keras.Model(model.inputs, model.get_layer(f"Transformer-1-{last}-Norm").output)


def run(model, *inputs):
    return ops.convert_to_numpy(model([ops.convert_to_tensor(x) for x in inputs], training=False))


def test_content_of_padding(hidden_states, batch):
    """Other segments and another vector for [PAD] at padded positions: nothing moves."""
    tokens, segments, valid = batch(LENGTHS, width=12)
    before = run(hidden_states, tokens, segments)
    table = hidden_states.get_layer("Embedding-Token").embeddings
    rows = ops.convert_to_numpy(table)
    table.assign(np.concatenate([np.full_like(rows[:1], 100.0), rows[1:]]))
    after = run(hidden_states, tokens, np.where(valid, segments, 1 - segments))
    table.assign(rows)
    assert np.abs(after - before)[~valid].max() > 0.01  # the padding did change
    assert np.abs(after - before)[valid].max() < 1e-6


@pytest.mark.parametrize("appended", [1, 20])
def test_amount_of_padding(hidden_states, batch, appended):
    """The same sequences in a wider batch."""
    tokens, segments, valid = batch(LENGTHS, width=12)
    before = run(hidden_states, tokens, segments)
    more = [(0, 0), (0, appended)]
    after = run(hidden_states, np.pad(tokens, more), np.pad(segments, more, constant_values=1))
    assert np.abs(after[:, :12] - before)[valid].max() < 1e-6


def test_company(hidden_states, batch):
    """A sequence alone, without padding, equals itself in a padded batch (products of other shapes round otherwise)."""
    tokens, segments, _ = batch(LENGTHS, width=12)
    together = run(hidden_states, tokens, segments)
    for row, length in enumerate(LENGTHS):
        alone = run(hidden_states, tokens[row : row + 1, :length], segments[row : row + 1, :length])
        assert np.abs(together[row, :length] - alone[0]).max() < 5e-6
