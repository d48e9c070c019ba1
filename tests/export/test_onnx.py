"""ONNX files run under ONNX Runtime without the package and without TensorFlow, and give what the model gives."""

import numpy as np
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.clue.fine_tuned import FineTuned
from rfv2_keras.export import export_model


def test_encoder_and_fine_tuned_head(model_folder, fine_tuned, inputs, tmp_path, run_without_package):
    export_model(model_folder, tmp_path / "hidden", "onnx")
    export_model(fine_tuned, tmp_path / "topics", "onnx", "task", "topics", "int8")
    topics, encoder = FineTuned.read(fine_tuned, "topics").model, build_transformer_model(model_folder)
    for arrays in (inputs, {name: np.tile(array[1:], (3, 2)) for name, array in inputs.items()}):
        found = run_without_package(tmp_path, arrays)
        given = list(arrays.values())
        np.testing.assert_allclose(found["hidden"], encoder.predict_on_batch(given), atol=1e-5)
        np.testing.assert_allclose(found["topics"], topics.predict_on_batch(given), atol=0.1)


def test_missing_packages_are_named(model_folder, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ValueError, match=r'ONNX needs the package tf2onnx: pip install "rfv2-keras\[export\]"'):
        export_model(model_folder, tmp_path / "out", "onnx")
    assert not (tmp_path / "out").exists()
