"""Small models of every kind, and the model cases of the original implementation."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from rfv2_keras import build_transformer_model

TESTS = Path(__file__).resolve().parents[1]
# The few cases that live here, and all of them where they lie beside the repository.
FOLDERS = (TESTS / "golden" / "models", TESTS.parents[1] / "shared" / "golden" / "models")
CASES = {case.parent.name: case.parent for folder in FOLDERS for case in sorted(folder.glob("*/case.json"))}

TINY = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24, "num_attention_heads": 2}

# Keyword arguments of `build_transformer_model`, beyond TINY, for models that differ in their weights.
KINDS = {
    "roformer_v2": {"model": "roformer_v2", "with_mlm": "linear"},
    "roformer_v2_mapped": {"model": "roformer_v2", "with_mlm": True, "embedding_size": 12},
    "roformer_v2_sizes": {"model": "roformer_v2", "attention_key_size": 6, "attention_head_size": 10},
    "roformer_v2_alpha": {"model": "roformer_v2", "residual": "alpha_warmup", "type_vocab_size": 0},
    "roformer_v2_pre_norm": {"model": "roformer_v2", "norm_placement": "pre", "residual": "rezero"},
    "roformer_v2_gated": {"model": "roformer_v2", "hidden_act": ["swish", "linear"]},
    "gau_alpha": {"model": "gau_alpha", "with_mlm": "linear"},
    "gau_alpha_bias": {"model": "gau_alpha", "use_bias": True, "embedding_size": 12, "residual": "alpha_warmup"},
    "gau_alpha_layer_norm": {"model": "gau_alpha", "norm_type": "layer_norm"},
    "gau_alpha_pre_norm": {"model": "gau_alpha", "norm_type": "layer_norm", "norm_placement": "pre"},
    "roformer": {"model": "roformer", "with_pool": True, "with_mlm": "linear", "embedding_size": 12},
    "bert": {"model": "bert", "with_nsp": True, "with_mlm": True, "max_position_embeddings": 20},
    "bert_pre_norm": {"model": "bert", "norm_placement": "pre", "residual": "alpha_warmup"},
    "bert_gated": {"model": "bert", "hidden_act": ["gelu", "linear", "relu"], "with_mlm": True},
}


class GoldenCase:
    """One folder of golden numbers."""

    def __init__(self, folder):
        self.folder = folder
        self.checkpoint = folder / "bert_model.ckpt"
        self.spec = json.loads((folder / "case.json").read_text())

    def build(self, checkpoint_path=None, **arguments):
        """Our builder object for the case."""
        options = {**self.spec["build_kwargs"], "model": self.spec["model"], "application": self.spec["application"]}
        if self.spec["gau_normalization"]:
            options["normalization"] = self.spec["gau_normalization"]
        options.update(arguments)
        return build_transformer_model(self.folder, checkpoint_path, return_keras_model=False, **options)


@pytest.fixture(params=sorted(CASES))
def golden_case(request):
    """Every model case in turn."""
    return GoldenCase(CASES[request.param])


@pytest.fixture
def named_case():
    """A model case by name, or a skip where it is absent."""

    def find(name):
        if name not in CASES:
            pytest.skip("needs the folder ../shared/golden beside the repository, which is absent")
        return GoldenCase(CASES[name])

    return find


@pytest.fixture
def tiny():
    """tiny(kind, **changes): the builder object of a small model with weights that are all different, none 0 or 1."""

    def build(kind, seed=0, **changes):
        builder = build_transformer_model(**{**TINY, **KINDS[kind], **changes}, return_keras_model=False)
        scramble(builder.model, seed)
        return builder

    return build


def scramble(model, seed=0):
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.normal(3.0, 0.5, weight.shape))


def values(model):
    """path -> array for the weights of a model."""
    return {weight.path: keras.ops.convert_to_numpy(weight.value) for weight in model.weights}


def assert_same_weights(model, expected):
    own = values(model)
    assert list(own) == list(expected)
    for path, array in expected.items():
        np.testing.assert_array_equal(own[path], array, err_msg=path)
