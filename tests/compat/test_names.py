"""Names of bert4keras: the model builder and the tokenizer with their arguments, K, and names that are not offered."""

import importlib

import numpy as np
import pytest

from rfv2_keras import Tokenizer
from rfv2_keras.compat import backend, models, tokenizers
from rfv2_keras.compat.backend import K
from rfv2_keras.errors import UserError

SHAPE = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def test_bert_is_the_default_where_the_config_names_nothing():
    built = {
        "bert": models.build_transformer_model(SHAPE),
        "roformer_v2": models.build_transformer_model(SHAPE, model="RoFormer_V2"),
        "gau_alpha": models.build_transformer_model({**SHAPE, "model_type": "gau_alpha", "num_attention_heads": 1}),
    }
    assert {name: model.name for name, model in built.items()} == {name: name for name in built}


def test_config_and_checkpoint_by_path(model_folder):
    files = f"{model_folder}/config.json", f"{model_folder}/model.weights.h5"
    builder = models.build_transformer_model(*files, return_keras_model=False, keep_tokens=[0, 1, 2, 3, 10])
    assert builder.load_report.complete
    assert builder.model.get_layer("Embedding-Token").input_dim == 5
    assert models.build_transformer_model(str(model_folder)).name == "roformer_v2"


def test_wrong_models():
    with pytest.raises(UserError, match="model 't5' is not offered"):
        models.build_transformer_model(SHAPE, model="t5")
    with pytest.raises(UserError, match="model must be the name of an architecture"):
        models.build_transformer_model(SHAPE, model=dict)
    with pytest.raises(UserError, match='unknown key "hierarchical_position"'):
        models.build_transformer_model(SHAPE, hierarchical_position=True)


def test_tokenizer_and_simplified_vocabulary(model_folder):
    path = f"{model_folder}/vocab.txt"
    whole = tokenizers.load_vocab(dict_path=path)
    token_dict, keep_tokens = tokenizers.load_vocab(
        dict_path=path, simplified=True, startswith=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    )
    assert [whole[token] for token in token_dict] == keep_tokens
    assert "公司" in whole
    assert not {"公司", "[unused1]", "[MASK]"} & set(token_dict)
    assert tokenizers.Tokenizer is Tokenizer
    tokenizer = tokenizers.Tokenizer(path, do_lower_case=True)
    token_ids, segment_ids = tokenizer.encode("今天天气", "很好", maxlen=8)
    assert segment_ids == [0] * 5 + [1] * 3
    assert tokenizer.ids_to_tokens(token_ids)[-1] == "[SEP]"
    assert tokenizer.decode(token_ids) == "今天天很好"  # the longer text was cut
    tokens = tokenizer.tokenize("今天天气")
    assert tokenizer.rematch("今天天气", tokens) == [[], [0], [1], [2], [3], []]
    assert tokenizer._token_end_id == token_ids[-1]


@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        ("snippets", "parallel_apply", "multiprocessing.Pool"),
        ("snippets", "WebServing", "rfv2 export"),
        ("layers", "LayerNormalization", "LayerNorm of rfv2_keras.layers"),
        ("models", "BERT", "build_transformer_model"),
        ("optimizers", "AdaFactorV2", "use AdaFactor"),
        ("backend", "recompute_grad", "gradient_checkpointing"),
        ("functions", "gradients", "GradientTape"),
        ("tokenizers", "SpTokenizer", "sentencepiece"),
    ],
)
def test_names_that_are_not_offered_say_what_to_use(module, name, instead):
    with pytest.raises(ImportError, match=instead):
        getattr(importlib.import_module(f"rfv2_keras.compat.{module}"), name)
    with pytest.raises(ImportError, match=instead):
        exec(f"from rfv2_keras.compat.{module} import {name}")
    assert not hasattr(importlib.import_module(f"rfv2_keras.compat.{module}"), "no_such_name")


def test_gelu_is_no_global():
    backend.set_gelu("erf")
    with pytest.raises(UserError, match="hidden_act='gelu_tanh'"):
        backend.set_gelu("tanh")


def test_k_has_the_arguments_and_defaults_of_keras_2():
    x = np.arange(12, dtype="float32").reshape(3, 4)
    assert K.concatenate([x, x]).shape == (3, 8)
    assert K.argmax(x).numpy().tolist() == [3, 3, 3]
    assert float(K.mean(K.equal(x, x))) == 1.0
    assert K.int_shape(K.sum(x, axis=-1, keepdims=True)) == (3, 1)
    assert (K.ndim(x), K.dtype(K.cast(x, "int32"))) == (2, "int32")
    assert K.permute_dimensions(x, (1, 0)).shape == (4, 3)
    assert K.gather(x, np.array([2.0, 0.0])).shape == (2, 4)
    assert K.expand_dims(x, 0).shape == (1, 3, 4)
    np.testing.assert_allclose(K.dot(x, x.T), x @ x.T)
    np.testing.assert_allclose(np.linalg.norm(K.l2_normalize(x, axis=1), axis=1), 1.0, rtol=1e-6)
    probabilities = K.softmax(x)
    targets = np.array([0.0, 1.0, 3.0])  # floats, as ids are there
    loss = K.sparse_categorical_crossentropy(targets, probabilities)
    np.testing.assert_allclose(loss, -np.log(probabilities.numpy()[range(3), [0, 1, 3]]), rtol=1e-5)
    np.testing.assert_allclose(K.categorical_crossentropy(np.eye(4)[[0, 1, 3]], x, from_logits=True), loss, rtol=1e-4)
    variable = K.variable(1.0)
    K.set_value(variable, 3.0)
    assert K.get_value(variable) == 3.0


@pytest.mark.parametrize("name", ["multilabel_hard", "multilabel_soft"])
def test_multilabel_cross_entropy_is_that_of_bert4keras(golden, name):
    with np.load(golden / "losses" / f"{name}.npz") as arrays:
        loss = backend.multilabel_categorical_crossentropy(arrays["y_true"], arrays["y_pred"])
        np.testing.assert_allclose(loss, arrays["loss"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "mask_zero"), [("sparse_multilabel_small", False), ("sparse_multilabel_mask_zero_small", True)]
)
def test_sparse_multilabel_cross_entropy_is_that_of_bert4keras(golden, name, mask_zero):
    with np.load(golden / "losses" / f"{name}.npz") as arrays:
        loss = backend.sparse_multilabel_categorical_crossentropy(arrays["y_true"], arrays["y_pred"], mask_zero)
        np.testing.assert_allclose(loss, arrays["loss"], atol=1e-5, rtol=1e-5)
