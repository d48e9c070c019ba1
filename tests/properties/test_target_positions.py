"""A masked language model that is asked at some positions only answers there as the full model does."""

import numpy as np
import pytest
from keras import ops

from rfv2_keras.models import ARCHITECTURES


@pytest.mark.parametrize("with_mlm", ["softmax", "linear"])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_rows_of_the_full_output(small_model, batch, model_type, with_mlm):
    tokens, segments, _ = batch([9, 6, 3], width=9)
    targets = np.array([[8, 0, 4, 4], [5, 1, 0, 0], [2, 1, 0, 0]], "int32")
    full = small_model(model_type, deviation=0.2, with_mlm=with_mlm)
    some = small_model(model_type, deviation=0.2, with_mlm=with_mlm, target_positions=True)
    everything = ops.convert_to_numpy(full([tokens, segments], training=False))
    answers = ops.convert_to_numpy(some([tokens, segments, targets], training=False))
    expected = np.take_along_axis(everything, targets[..., None], axis=1)
    np.testing.assert_allclose(answers, expected, atol=1e-5, rtol=1e-5)
