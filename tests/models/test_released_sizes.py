"""The configs that come with the package have the shapes and the parameter counts of the released models."""

import math

import pytest

from rfv2_keras.config import ModelConfig, read_json_object
from rfv2_keras.models import ARCHITECTURES, Transformer

# Weights without MLM head; BERT's with its pooler, as its users count them.
PARAMETERS = {
    "roformer_v2_small": 15_225_600,
    "roformer_v2_base": 94_152_192,
    "roformer_v2_large": 314_279_936,
    "gau_alpha_base": 96_517_632,
    "roformer_base": 94_273_536,
    "bert_base": 102_267_648,
    "bert_large": 325_522_432,
}

# Folder of released files -> our config.
RELEASED = {
    "chinese_roformer-v2-char_L-6_H-384_A-6": "roformer_v2_small",
    "chinese_roformer-v2-char_L-12_H-768_A-12": "roformer_v2_base",
    "chinese_roformer-v2-char_L-24_H-1024_A-16": "roformer_v2_large",
    "chinese_GAU-alpha-char_L-24_H-768": "gau_alpha_base",
    "chinese_roformer-char_L-12_H-768_A-12": "roformer_base",
    "chinese_roformer-sim-char-ft_L-12_H-768_A-12": "roformer_base",
    "chinese_L-12_H-768_A-12": "bert_base",
    "chinese_bert_wwm_ext_L-12_H-768_A-12": "bert_base",
    "chinese_roberta_wwm_ext_L-12_H-768_A-12": "roberta_base",
    "chinese_roberta_wwm_large_ext_L-24_H-1024_A-16": "roberta_large",
}


def own_config(root, name):
    return ModelConfig.read(root / "configs" / "models" / f"{name}.json")


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts(root, monkeypatch, name):
    """The whole model is built, with zeros: drawing 300 million random numbers would be all that takes time."""
    monkeypatch.setattr(Transformer, "initializer", "zeros")
    config = own_config(root, name)
    options = {"with_pool": True} if config.model_type == "bert" else {}
    model = ARCHITECTURES[config.model_type](config, dtype="bfloat16", **options).model
    assert sum(math.prod(weight.shape) for weight in model.weights) == PARAMETERS[name]


def test_released_files_have_our_shapes(root, data):
    """bert4keras's and Hugging Face's files alike; the latter give another ε (1e-12) and spell defaults out."""
    files = sorted((data / "configs").glob("*/*.json"))
    assert {file.parent.name for file in files} == set(RELEASED)
    for file in files:
        ours = own_config(root, RELEASED[file.parent.name])
        names_its_type = "model_type" in read_json_object(file)
        released = ModelConfig.read(file, None if names_its_type else ours.model_type)
        assert shape(released) == shape(ours), file


def shape(config):
    values = config.model_dump(exclude={"layer_norm_eps"})
    return {**values, "embedding_size": config.embedding_size or config.hidden_size}


def test_own_configs_build_alike(root):
    """Every file is read, has one of the named sizes and divides as the architecture demands."""
    names = sorted(file.stem for file in (root / "configs" / "models").glob("*.json"))
    assert set(PARAMETERS) | set(RELEASED.values()) <= set(names)
    for name in names:
        config = own_config(root, name)
        assert name.startswith((config.model_type, "roberta"))
        assert name.rsplit("_", 1)[1] in ("tiny", "small", "base", "large")
        # Two gated attention units weigh as much as one attention and one feed-forward layer.
        width = 2 if config.model_type == "gau_alpha" else 4
        assert config.intermediate_size == width * config.hidden_size
