"""Several documents in one row come out as each would alone."""

import numpy as np
import pytest
from keras import ops

from rfv2_keras.models import APPLICATIONS, ARCHITECTURES


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_documents_do_not_see_each_other(small_model, batch, model_type, application):
    """With positions of their own, which learned positions need; the end of the row belongs to no document."""
    options = {"application": application, "custom_position_ids": True, "num_hidden_layers": 1}
    options |= {"with_mlm": "linear", "deviation": 0.2}
    alone, packed = [small_model(model_type, packed=packed, **options) for packed in (False, True)]
    lengths = [5, 1, 4]
    tokens, segments, valid = batch(lengths, width=5)
    positions = np.broadcast_to(np.arange(5, dtype="float32"), tokens.shape)
    documents = np.broadcast_to(np.arange(1, 4)[:, None], tokens.shape)
    row = [np.pad(x[valid], (0, 2))[None] for x in (tokens, segments, positions, documents.astype("int32"))]
    together = ops.convert_to_numpy(packed(row, training=False))[0]
    expected = ops.convert_to_numpy(alone([tokens, segments, positions], training=False))[valid]
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together[: sum(lengths)], expected, atol=1e-5, rtol=1e-5)
