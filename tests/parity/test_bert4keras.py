"""Random models agree with real bert4keras to 1e-5: its checkpoints read by us, and ours read by it.

The weights are so large that attention is far from uniform, the batches have padding and two segments, and outputs
are compared at the padded positions too.
"""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_tf_checkpoint

SIZES = {
    "vocab_size": 211,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}
CONFIGS = {
    "roformer_v2": {**SIZES, "hidden_act": "relu"},
    "gau_alpha": {**SIZES, "hidden_act": "swish", "attention_key_size": 16},
    "roformer": {**SIZES, "hidden_act": "gelu", "embedding_size": 24},
    "bert": {**SIZES, "hidden_act": "gelu"},
}
# name: (model, application, further arguments of build_transformer_model)
CASES = {
    "roformer_v2": ("roformer_v2", "encoder", {}),
    "roformer_v2_mlm": ("roformer_v2", "encoder", {"with_mlm": "linear"}),
    "roformer_v2_lm": ("roformer_v2", "lm", {"with_mlm": "linear"}),
    "roformer_v2_unilm": ("roformer_v2", "unilm", {"with_mlm": "linear"}),
    "gau_alpha": ("gau_alpha", "encoder", {}),
    "gau_alpha_mlm": ("gau_alpha", "encoder", {"with_mlm": "linear"}),
    "gau_alpha_lm": ("gau_alpha", "lm", {"with_mlm": "linear"}),
    "gau_alpha_unilm": ("gau_alpha", "unilm", {"with_mlm": "linear"}),
    "roformer_pool_mlm": ("roformer", "encoder", {"with_pool": True, "with_mlm": "linear"}),
    "bert_nsp_mlm": ("bert", "encoder", {"with_nsp": True, "with_mlm": "linear"}),
}


def random_batch(generator, lengths, length):
    """Token and segment ids; the second half of a text is its second segment, and padding has segment 0."""
    positions, lengths = np.arange(length), np.array(lengths)[:, None]
    valid = positions < lengths
    token = np.where(valid, generator.integers(1, SIZES["vocab_size"], valid.shape), 0)
    return token.astype("int32"), (valid & (positions >= lengths // 2)).astype("int32")


@pytest.fixture(scope="module")
def batches():
    """Batches by name; `permuted` is `main` with the tokens before the last position in another order."""
    generator = np.random.default_rng(0)
    arrays = {"main": random_batch(generator, [24, 17, 9, 1], 24), "long": random_batch(generator, [100, 77], 100)}
    token, segment = arrays["main"]
    arrays["permuted"] = (token[:, [*generator.permutation(23), 23]], segment)
    return arrays


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, batches):
    """A folder with the configs and the inputs."""
    folder = tmp_path_factory.mktemp("parity")
    for model, config in CONFIGS.items():
        (folder / f"{model}.json").write_text(json.dumps(config), encoding="utf-8")
    arrays = {}
    for name, (token, segment) in batches.items():
        arrays |= {f"{name}.token": token, f"{name}.segment": segment}
    np.savez(folder / "inputs.npz", **arrays)
    return folder


@pytest.fixture(scope="module", autouse=True)
def full_precision():
    """Some accelerators round the factors of float32 products to 10 bits unless told not to."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


def reference_request(case, workplace, direction, **steps):
    model, application, arguments = CASES[case]
    return {
        "config": workplace / f"{model}.json",
        "model": model,
        "application": application,
        "build": arguments,
        "inputs": workplace / "inputs.npz",
        "outputs": workplace / f"{case}.{direction}.npz",
        **steps,
    }


@pytest.fixture(scope="module")
def written_by_bert4keras(bert4keras, workplace):
    """Folder with a checkpoint and outputs of a random model of bert4keras for every case."""
    bert4keras(
        [
            reference_request(case, workplace, "theirs", seed=seed, write=workplace / f"{case}.theirs.ckpt")
            for seed, case in enumerate(CASES)
        ]
    )
    return workplace


@pytest.fixture(scope="module")
def read_by_bert4keras(bert4keras, workplace, batches):
    """Outputs of a random model of ours for every case, and a folder with bert4keras's outputs for its checkpoint."""
    outputs = {}
    for seed, case in enumerate(CASES):
        model = build(case, workplace)
        draw_weights(model, np.random.default_rng(100 + seed))
        save_tf_checkpoint(model, workplace / f"{case}.ours.ckpt")
        outputs[case] = predict(model, batches)
    bert4keras([reference_request(case, workplace, "ours", read=workplace / f"{case}.ours.ckpt") for case in CASES])
    return outputs, workplace


def build(case, workplace, checkpoint_path=None):
    keras.utils.clear_session()
    model, application, arguments = CASES[case]
    return build_transformer_model(
        workplace / f"{model}.json", checkpoint_path, model=model, application=application, **arguments
    )


def draw_weights(model, generator):
    """N(0, 0.2), for gammas of norms N(1, 0.2), for gammas of gated attention units N(0, 1.5): sharp attention."""
    for weight in model.weights:
        mean, deviation = 0.0, 0.2
        if weight.name == "gamma":
            mean, deviation = (0.0, 1.5) if "GatedAttentionUnit" in weight.path else (1.0, 0.2)
        weight.assign(generator.normal(mean, deviation, weight.shape))


def predict(model, batches):
    """Outputs by `<batch>.output<number>`, as the reference names them."""
    outputs = {}
    for name, inputs in batches.items():
        results = model(list(inputs), training=False)
        for i, result in enumerate(results if isinstance(results, list) else [results]):
            outputs[f"{name}.output{i}"] = keras.ops.convert_to_numpy(result)
    return outputs


def assert_equal_outputs(ours, file):
    with np.load(file) as theirs:
        assert sorted(ours) == sorted(theirs)
        for key in theirs:
            np.testing.assert_allclose(ours[key], theirs[key], rtol=0, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("case", CASES)
def test_we_read_what_bert4keras_wrote(case, written_by_bert4keras, batches, tmp_path):
    """Same outputs; and what we write again has the same variables and the same bits."""
    theirs = str(written_by_bert4keras / f"{case}.theirs.ckpt")
    model = build(case, written_by_bert4keras, theirs)
    assert_equal_outputs(predict(model, batches), written_by_bert4keras / f"{case}.theirs.npz")

    again = str(tmp_path / "again.ckpt")
    save_tf_checkpoint(model, again)
    variables = tf.train.list_variables(theirs)
    assert tf.train.list_variables(again) == variables
    for name, _ in variables:
        np.testing.assert_array_equal(tf.train.load_variable(again, name), tf.train.load_variable(theirs, name), name)


@pytest.mark.parametrize("case", CASES)
def test_bert4keras_reads_what_we_wrote(case, read_by_bert4keras):
    outputs, folder = read_by_bert4keras
    assert_equal_outputs(outputs[case], folder / f"{case}.ours.npz")


@pytest.mark.parametrize("case", CASES)
def test_attention_is_far_from_uniform(case, written_by_bert4keras):
    """Were it uniform, the last token would hardly notice that the others have changed places."""
    with np.load(written_by_bert4keras / f"{case}.theirs.npz") as outputs:
        output = max(key.split(".")[1] for key in outputs)
        change = outputs[f"main.{output}"] - outputs[f"permuted.{output}"]
    assert np.abs(change[0, -1]).max() > 0.1


def test_the_comparison_notices_a_wrong_application(written_by_bert4keras, batches):
    """The same weights without the causal mask are far outside the tolerance."""
    model = build("roformer_v2_mlm", written_by_bert4keras, written_by_bert4keras / "roformer_v2_lm.theirs.ckpt")
    with np.load(written_by_bert4keras / "roformer_v2_lm.theirs.npz") as theirs:
        difference = predict(model, batches)["main.output0"] - theirs["main.output0"]
    assert np.abs(difference[0, :-1]).max() > 0.1
