"""SavedModel and LiteRT files run in a process without the package and give what the model gives."""

import json

import numpy as np
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.clue.fine_tuned import FineTuned
from rfv2_keras.export import export_model


@pytest.fixture(scope="module")
def exports(model_folder, fine_tuned, tmp_path_factory):
    """A folder of exports, and their signatures by name."""
    folder = tmp_path_factory.mktemp("exports")
    wanted = {
        "hidden": (model_folder, "saved-model", "encoder", None, None),
        "logits-tflite-int8": (model_folder, "tflite", "mlm", None, "int8"),
        "topics-int8": (fine_tuned, "saved-model", "task", "topics", "int8"),
        "topics-tflite": (fine_tuned, "tflite", "task", "topics", None),
        "entities": (fine_tuned, "saved-model", "task", "entities", None),
    }
    signatures = {
        name: export_model(source, folder / name, to, output, task, quantize)
        for name, (source, to, output, task, quantize) in wanted.items()
    }
    return folder, signatures


@pytest.fixture(scope="module")
def results(exports, inputs, run_without_package):
    """Outputs for two sentences, and for another batch and length."""
    folder, _ = exports
    other = {name: np.tile(array[1:], (3, 2)) for name, array in inputs.items()}
    return {"given": run_without_package(folder, inputs), "other": run_without_package(folder, other)}, {
        "given": inputs,
        "other": other,
    }


def close(results, name, model, atol):
    """Compare with the model itself, at batches of two sizes and lengths."""
    outputs, inputs = results
    for key, arrays in inputs.items():
        expected = np.asarray(model.predict_on_batch(list(arrays.values())))
        np.testing.assert_allclose(outputs[key][name], expected, atol=atol, err_msg=f"{name}, {key}")


def test_encoder(results, model_folder):
    close(results, "hidden", build_transformer_model(model_folder), 1e-5)


def test_masked_language_model_with_int8_weights(results, model_folder):
    close(results, "logits-tflite-int8", build_transformer_model(model_folder, with_mlm="linear"), 0.2)


def test_fine_tuned_heads(results, fine_tuned):
    topics = FineTuned.read(fine_tuned, "topics").model
    close(results, "topics-tflite", topics, 1e-5)
    close(results, "topics-int8", topics, 0.1)
    close(results, "entities", FineTuned.read(fine_tuned, "entities").model, 1e-5)
    outputs, _ = results
    assert not np.allclose(outputs["given"]["topics-int8"], outputs["given"]["topics-tflite"], atol=1e-6)


def test_signature_and_vocabulary_lie_beside_the_model(exports, fine_tuned, vocab):
    folder, signatures = exports
    for name, signature in signatures.items():
        assert json.loads((folder / name / "signature.json").read_text(encoding="utf-8")) == signature
        assert (folder / name / "vocab.txt").read_text(encoding="utf-8").split() == list(vocab)
        assert [one["name"] for one in signature["inputs"]] == ["Input_Token", "Input_Segment"]
        assert all(one["shape"] == [None, None] for one in signature["inputs"])
    assert signatures["topics-int8"]["labels"] == ["a", "b", "c"]
    assert signatures["topics-int8"]["quantization"] == "int8"
    field = FineTuned.read(fine_tuned, "entities")
    np.testing.assert_allclose(
        signatures["entities"]["transitions"], np.asarray(field.model.layers[-1].crf.transitions), atol=1e-7
    )
    assert signatures["entities"]["scheme"] == "bioes"
