"""Sentence vectors do not depend on the batch a sentence is in, its padding or its place; bad input is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.embeddings import SentenceEncoder, Whitening
from rfv2_keras.embeddings.encoder import LENGTHS
from rfv2_keras.errors import UserError
from rfv2_keras.models import ARCHITECTURES


@pytest.fixture(scope="module")
def encoder(tiny, tokenizer):
    return SentenceEncoder(tiny("roformer_v2").model, tokenizer, "first_last_mean")


@pytest.fixture(scope="module")
def alone(encoder, sentences):
    """The vector of every sentence, from a row that is as long as the sentence and a batch that holds nothing else."""
    return {text: _unpadded(encoder, text) for text in sentences}


def _unpadded(encoder, text):
    ids = encoder.tokenizer.encode(text, maxlen=encoder.maxlen)[0]
    return np.asarray(encoder.model([np.array([ids]), np.zeros((1, len(ids)), int)]))[0]


@settings(max_examples=25)
@given(data=st.data())
def test_order_batch_and_padding_change_no_vector(encoder, alone, sentences, data):
    texts = data.draw(st.lists(st.sampled_from(sentences), max_size=20))
    vectors = encoder.encode(texts, batch_size=data.draw(st.integers(1, 8)), progress=False)
    assert vectors.shape == (len(texts), 16)
    assert vectors.dtype == np.float32
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, alone[text], atol=1e-5, err_msg=text)


@pytest.mark.parametrize("pooling", ["first", "last_mean", "first_last_mean"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_no_vector_of_any_architecture(tiny, tokenizer, sentences, architecture, pooling):
    encoder = SentenceEncoder(tiny(architecture).model, tokenizer, pooling)
    together = encoder.encode(sentences, batch_size=len(sentences), progress=False)
    for text, vector in zip(sentences, together, strict=True):
        np.testing.assert_allclose(vector, _unpadded(encoder, text), atol=1e-5, err_msg=text)


def test_the_direction_that_layer_norm_leaves_without_spread_is_not_blown_up(tiny, tokenizer, sentences):
    """The coordinates of a LayerNorm's output without offset sum to 0: one direction holds float32 rounding alone."""
    encoder = SentenceEncoder(tiny("bert").model, tokenizer, "last_mean")
    texts = ["".join(sentences)[begin : begin + length] for begin in range(40) for length in (3, 7, 12)]
    vectors = encoder.encode(texts, progress=False)
    whitening = Whitening().fit(vectors)
    spread = whitening.transform(vectors).astype("float64").var(0)
    np.testing.assert_allclose(spread[:-1], 1, atol=1e-3)
    assert spread[-1] == 0


def test_more_texts_than_are_sorted_at_once(encoder, alone, sentences, monkeypatch):
    monkeypatch.setattr("rfv2_keras.embeddings.encoder.BATCHES_AT_ONCE", 2)
    texts = sentences * 3
    vectors = encoder.encode(texts, batch_size=2, progress=False)
    np.testing.assert_allclose(vectors, [alone[text] for text in texts], atol=1e-5)


def test_few_shapes_are_fed(encoder, monkeypatch):
    shapes = set()
    predict = encoder.model.predict_on_batch
    monkeypatch.setattr(
        encoder.model, "predict_on_batch", lambda inputs: shapes.add(inputs[0].shape) or predict(inputs)
    )
    texts = ["好" * length for length in range(200)]
    assert np.isfinite(encoder.encode(texts, batch_size=8, progress=False)).all()
    assert {columns for _, columns in shapes} <= {size for size in LENGTHS if size <= 64}
    assert {rows for rows, _ in shapes} == {8}


def test_texts_are_cut_at_maxlen_and_learned_positions_suffice(tiny, tokenizer):
    model = tiny("bert", {"max_position_embeddings": 10}).model
    vectors = SentenceEncoder(model, tokenizer, maxlen=10).encode(["好" * 8, "好" * 100], progress=False)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_a_model_without_segments(tiny, tokenizer):
    encoder = SentenceEncoder(tiny("roformer_v2", {"type_vocab_size": 0}).model, tokenizer)
    assert encoder.encode(["好"], progress=False).shape == (1, 16)


def test_from_directory(model_directory, encoder, sentences):
    loaded = SentenceEncoder.from_directory(model_directory, "first_last_mean")
    expected = encoder.encode(sentences, progress=False)
    np.testing.assert_allclose(loaded.encode(sentences, progress=False), expected, atol=1e-6)


def test_pooler_from_a_directory_has_no_tanh(tiny, vocab, tokenizer, sentences, tmp_path):
    builder = tiny("bert", with_pool=True)
    save_model_directory(builder, builder.config, vocab, tmp_path / "model")
    linear = SentenceEncoder.from_directory(tmp_path / "model", "pooler").encode(sentences, progress=False)
    with_tanh = SentenceEncoder(builder.model, tokenizer, "pooler").encode(sentences, progress=False)
    np.testing.assert_allclose(np.tanh(linear), with_tanh, atol=1e-5)


def test_16_bit_models_give_vectors_near_those_of_float32(model_directory, encoder, sentences):
    half = SentenceEncoder.from_directory(model_directory, "first_last_mean", dtype="mixed_bfloat16")
    vectors, expected = half.encode(sentences, progress=False), encoder.encode(sentences, progress=False)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=0.1)
    assert (vectors != expected).any()


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ("今天", "single string"),
        (["今天", None], r"sentence 1 .* NoneType"),
        (["今天", ["天", "气"]], r"sentence 1 .* list"),
        ([3.5], r"sentence 0 .* float.*3\.5"),
    ],
)
def test_sentences_that_are_none(encoder, texts, says):
    with pytest.raises(UserError, match=says):
        encoder.encode(texts, progress=False)


def test_odd_sentences_give_finite_vectors(encoder):
    odd = ["", " ", "\t\n", "\x00", "\ufffd", "é" * 500, "👩‍👩‍👧‍👦", "[MASK]", "Ⅷ𠮷"]
    assert np.isfinite(encoder.encode(odd, progress=False)).all()
    assert encoder.encode([], progress=False).shape == (0, 16)


def test_arguments_that_cannot_be_used(tiny, tokenizer, encoder, model_directory, tmp_path):
    with pytest.raises(UserError, match="Input-Position"):
        SentenceEncoder(tiny("roformer_v2", custom_position_ids=True).model, tokenizer)
    with pytest.raises(UserError, match="maxlen"):
        SentenceEncoder(tiny("roformer_v2").model, tokenizer, maxlen=2)
    with pytest.raises(UserError, match="batch_size"):
        encoder.encode(["好"], batch_size=0)
    with pytest.raises(UserError, match="holds no weights that are known here"):
        SentenceEncoder.from_directory(tmp_path)
    with pytest.raises(UserError, match="with_pool"):
        SentenceEncoder.from_directory(model_directory, "pooler")


def test_progress_goes_to_standard_error_and_not_at_all_if_unwanted(encoder, capsys, monkeypatch):
    monkeypatch.setattr("rfv2_keras.progress.LOG_SECONDS", -1)  # a line for every batch
    encoder.encode(["好"] * 5, batch_size=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.partition(",")[0] for line in captured.err.splitlines()] == [f"sentences: {n} of 5" for n in (2, 4, 5)]
    encoder.encode(["好"] * 5, progress=False)
    assert capsys.readouterr().err == ""
