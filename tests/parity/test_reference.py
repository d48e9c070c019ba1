"""The live reference can be trusted: on tf-keras and a recent TensorFlow, bert4keras gives the numbers of TF 1.15."""

import json

import numpy as np
import pytest

# One case for each kind of model that the other tests here compare.
CASES = (
    "bert_nsp_mlm",
    "gau_alpha_encoder",
    "gau_alpha_lm",
    "gau_alpha_unilm",
    "roformer_mlm_pool",
    "roformer_v2_encoder",
    "roformer_v2_lm",
    "roformer_v2_unilm",
)


@pytest.fixture(scope="module")
def answers(bert4keras, golden, tmp_path_factory):
    """Folder with the outputs that the live reference gives for the inputs and the checkpoint of every case."""
    folder = tmp_path_factory.mktemp("golden")
    requests = []
    for name in CASES:
        stored = golden / "models" / name
        case = json.loads((stored / "case.json").read_text(encoding="utf-8"))
        requests.append(
            {
                "config": stored / "bert_config.json",
                "model": case["model"],
                "application": case["application"],
                "build": case["build_kwargs"],
                "read": stored / "bert_model.ckpt",
                "inputs": stored / "inputs.npz",
                "outputs": folder / f"{name}.npz",
            }
        )
    bert4keras(requests)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_tensorflow_1(name, answers, golden):
    with np.load(answers / f"{name}.npz") as live, np.load(golden / "models" / name / "outputs.npz") as stored:
        assert sorted(live) == sorted(stored)
        for key in stored:
            np.testing.assert_allclose(live[key], stored[key], rtol=0, atol=1e-5, err_msg=key)
