"""Models that choose one of several texts: missing choices are never chosen, change nothing and break nothing."""

import keras
import numpy as np
import pytest

from rfv2_keras import ModelConfig, Tokenizer
from rfv2_keras.clue.heads.choices import ChoiceLogits, ChoiceRows
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.kinds.kind import TOKENS, Feature
from rfv2_keras.clue.losses.cross_entropy import SparseCrossEntropy
from rfv2_keras.clue.prediction import encode
from rfv2_keras.clue.task import Files, Task
from rfv2_keras.models import ARCHITECTURES

SIZES = {
    "model_type": "roformer_v2",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "attention_key_size": 8,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture(scope="module")
def kind():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer({token: index for index, token in enumerate(tokens)})
    return kind_of(Task(name="choices", kind="multiple_choice", files=Files()), tokenizer)


def choice_model(kind, **options):
    keras.utils.set_random_seed(1)
    config = ModelConfig.read({**SIZES, **options})
    encoder = ARCHITECTURES[config.model_type](config).model
    return kind.model(encoder, kind.head(config))


def features(draw):
    """Examples with 2, 4, 1 and 6 choices of 3 to 9 tokens."""
    made = []
    for index, choices in enumerate([2, 4, 1, 6]):
        lengths = draw.integers(3, 10, choices)
        tokens = np.where(
            np.arange(lengths.max()) < lengths[:, None], draw.integers(1, 50, (choices, lengths.max())), 0
        )
        made.append(Feature({TOKENS: tokens.astype("int32")}, choices - 1, index))
    return made


def arrays(model, kind, given, length):
    tokens = kind.inputs(given, length)[TOKENS]
    return [tokens if tensor.name == TOKENS else np.zeros_like(tokens) for tensor in model.inputs]


@pytest.mark.parametrize("model_type", ARCHITECTURES)
@pytest.mark.parametrize("type_vocab_size", [2, 0])
def test_missing_choices(kind, model_type, type_vocab_size):
    """Logits are -inf exactly where there is no choice; others are those of the example alone, without padding."""
    model = choice_model(kind, model_type=model_type, type_vocab_size=type_vocab_size)
    assert [tensor.name for tensor in model.inputs] == ["Input-Token", "Input-Segment"][: 1 + bool(type_vocab_size)]
    given = features(np.random.default_rng(0))
    logits = model.predict(arrays(model, kind, given, 16), verbose=0)
    assert logits.shape == (4, 6)
    assert logits.dtype == np.float32
    missing = np.arange(6) >= np.array([[2], [4], [1], [6]])
    np.testing.assert_array_equal(np.isneginf(logits), missing)
    assert np.isfinite(logits[~missing]).all()
    for feature, row in zip(given, logits, strict=True):
        tokens = feature.inputs[TOKENS][None]
        alone = model.predict([tokens, np.zeros_like(tokens)][: len(model.inputs)], verbose=0)[0]
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-5)


@pytest.mark.parametrize("pooling", ["first", "mean", "max"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_gradient_with_missing_choices(kind, label_smoothing, pooling):
    """Loss and gradients are finite, and equal to the mean over the examples one by one without missing choices."""
    import tensorflow as tf

    task = Task(name="c", kind="multiple_choice", files=Files(), options={"pooling": pooling})
    kind = kind_of(task, kind.tokenizer)
    model = choice_model(kind)
    loss = SparseCrossEntropy(label_smoothing)
    given = features(np.random.default_rng(1))

    def gradients(inputs, targets):
        with tf.GradientTape() as tape:
            value = loss(tf.constant(targets), model([tf.constant(x) for x in inputs], training=True))
        found = tape.gradient(value, model.trainable_weights)
        return float(value), [tf.convert_to_tensor(g).numpy() for g in found if g is not None]

    together, found = gradients(arrays(model, kind, given, 16), [f.target for f in given])
    tokens = [feature.inputs[TOKENS][None] for feature in given]
    alone = [gradients([t, np.zeros_like(t)], [f.target]) for t, f in zip(tokens, given, strict=True)]
    assert np.isfinite(together)
    assert together == pytest.approx(np.mean([value for value, _ in alone]), abs=1e-5)
    assert max(np.abs(gradient).max() for gradient in found) > 0.001
    for gradient, *parts in zip(found, *(each for _, each in alone), strict=True):
        np.testing.assert_allclose(gradient, np.mean(parts, axis=0), atol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_low_precision(kind, dtype):
    """Logits stay float32 and weights numbers after training steps on batches with missing choices."""
    config = ModelConfig.read(SIZES)
    model = kind.model(ARCHITECTURES[config.model_type](config, dtype=dtype).model, kind.head(config))
    given = features(np.random.default_rng(4))
    inputs = arrays(model, kind, given, 16)
    model.compile("sgd", kind.loss(), jit_compile=False)
    losses = model.fit(inputs, kind.targets(given, 16), epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert all(np.isfinite(np.float32(weight)).all() for weight in model.get_weights())
    logits = model.predict(inputs, verbose=0)
    assert logits.dtype == np.float32
    assert np.isfinite(logits[3]).all()


def test_no_choice_at_all():
    """A row of nothing but padding keeps finite logits, so that a weight of 0 can take it out of a loss."""
    tokens = np.zeros((2, 3, 4), "int32")
    tokens[0, :2] = 1
    logits = ChoiceLogits()(np.arange(6.0).reshape(6, 1), tokens)
    np.testing.assert_array_equal(np.array(logits), [[0, 1, -np.inf], [3, 4, 5]])


def test_rows_and_logits_belong_together():
    """Scores come back in the order in which the rows were laid out."""
    tokens = np.arange(1, 25).reshape(2, 3, 4).astype("int32")
    rows = ChoiceRows()(tokens)
    assert rows.dtype == "int32"
    np.testing.assert_array_equal(np.array(rows), tokens.reshape(6, 4))
    np.testing.assert_array_equal(np.array(ChoiceLogits()(np.array(rows)[:, :1], tokens)), tokens[:, :, 0])


def test_saved_model(kind, tmp_path):
    """A .keras file gives the same logits again."""
    model = choice_model(kind)
    inputs = arrays(model, kind, features(np.random.default_rng(2)), 16)
    before = model.predict(inputs, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(inputs, verbose=0), before)


@pytest.mark.parametrize(("name", "path"), [("c3", "c3/d-train.json"), ("chid", "chid/dev.json")])
def test_learning(data, name, path):
    """16 real examples are learned by heart, each logit by itself as well as the predictions together."""
    kind = kind_of(Task.read(name), Tokenizer(str(data / "vocab" / "roformer_v2_char_vocab.txt")))
    examples = kind.read(data / "clue" / path, pytest.fail)[:16]
    encoded = encode(kind, examples)
    model = choice_model(kind, vocab_size=12000, hidden_size=32, num_hidden_layers=1)
    model.compile(keras.optimizers.Adam(0.003), kind.loss(), jit_compile=False)
    inputs = arrays(model, kind, encoded, max(feature.length for feature in encoded))
    model.fit(inputs, kind.targets(encoded, None), batch_size=4, epochs=40, verbose=0)
    logits = model.predict(inputs, verbose=0)
    assert [int(row.argmax()) for row in logits] == [example.answer for example in examples]
    predictions = kind.decode(examples, [[pair] for pair in zip(encoded, logits, strict=True)])
    assert kind.score(examples, predictions) == {"accuracy": 1.0}
