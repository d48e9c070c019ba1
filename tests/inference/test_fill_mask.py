"""Candidates are those of the whole model, whatever shares a batch with a text; odd texts and arguments are named."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras import FillMask
from rfv2_keras.checkpoints import save_model_directory, save_tf_checkpoint
from rfv2_keras.errors import UserError
from rfv2_keras.text import Tokenizer

RELEASED_KEYS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "intermediate_size",
    "num_attention_heads",
    "hidden_act",
    "type_vocab_size",
)
TEXTS = [
    "今天[MASK]气不错",
    "[MASK][MASK]模型",
    "他在[MASK]园里散步，看到很多人在[MASK]舞。",
    "[MASK]",
    "下雨了，我们回家吃[MASK]，然后看了一部很长很长的电影，直到很[MASK]才睡觉[MASK]",
]


@pytest.fixture(scope="module")
def fill(language_model):
    """Function (architecture) -> `FillMask`."""
    return lambda architecture: FillMask(language_model(architecture))


@pytest.fixture(scope="module")
def expected(builder, vocab):
    """Function (architecture, text) -> the probabilities at its masks, from the model on all positions of one row."""
    tokenizer = Tokenizer(vocab, tokens_in_text=("[MASK]",))
    models = {}

    def probabilities(architecture, text):
        if architecture not in models:
            models[architecture] = builder(architecture).model
        ids = np.array([tokenizer.encode(text)[0]])
        full = np.asarray(models[architecture]([ids, np.zeros_like(ids)]))[0]
        return full[ids[0] == vocab["[MASK]"]]

    return probabilities


def numbers(filled):
    """Everything a result says: the tokens, and their probabilities."""
    candidates = [c for mask in filled.masks for c in mask.candidates]
    return [c.token for c in candidates], [c.probability for c in candidates]


def test_candidates_are_the_best_tokens_of_the_whole_model(fill, expected, vocab, architecture):
    tokens = list(vocab)
    for text, filled in zip(TEXTS, fill(architecture)(TEXTS, top_k=4, progress=False), strict=True):
        assert len(filled.masks) == text.count("[MASK]")
        for mask, probabilities in zip(filled.masks, expected(architecture, text), strict=True):
            assert text[mask.start :].startswith("[MASK]")
            best = [i for i in np.argsort(-probabilities) if not tokens[i].startswith("[")][:4]
            assert [c.token for c in mask.candidates] == [tokens[i] for i in best]
            np.testing.assert_allclose([c.probability for c in mask.candidates], probabilities[best], atol=1e-5)


@settings(max_examples=20)
@given(data=st.data())
def test_batches_change_nothing(fill, data):
    texts = data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=12))
    fill = fill("roformer_v2")
    together = fill(texts, batch_size=data.draw(st.integers(1, 9)), progress=False)
    for text, filled in zip(texts, together, strict=True):
        (tokens, probabilities), (alone_tokens, alone) = numbers(filled), numbers(fill(text))
        assert tokens == alone_tokens
        np.testing.assert_allclose(probabilities, alone, atol=1e-5)


def test_texts_are_filled_where_the_masks_were(fill):
    filled = fill("roformer_v2")("今[MASK]天 Ab[MASK]。", top_k=2)
    first, second = ([c.token.removeprefix("##") for c in mask.candidates] for mask in filled.masks)
    assert filled.text == f"今{first[0]}天 Ab{second[0]}。"
    assert filled.masks[0].candidates[1].text == f"今{first[1]}天 Ab{second[0]}。"
    assert filled.masks[1].candidates[1].text == f"今{first[0]}天 Ab{second[1]}。"
    assert filled.record()["masks"][0]["candidates"][0]["token"] == filled.masks[0].candidates[0].token


def test_more_masks_than_go_through_the_model_at_once(fill, expected):
    text = "好[MASK]" * 20
    masks = fill("roformer_v2")(text, top_k=1).masks
    best = [p[5:].max() for p in expected("roformer_v2", text)]  # those before are special tokens
    np.testing.assert_allclose([mask.candidates[0].probability for mask in masks], best, atol=1e-5)
    assert [mask.start for mask in masks] == list(range(1, 20 * 7, 7))


def test_all_tokens_but_the_special_ones_may_be_asked_for(fill, vocab):
    (mask,) = fill("roformer_v2")("[MASK]", top_k=len(vocab) - 5).masks
    assert {c.token for c in mask.candidates} == {token for token in vocab if not token.startswith("[")}
    assert 0 < sum(c.probability for c in mask.candidates) <= 1 + 1e-6
    with pytest.raises(UserError, match=f"at most {len(vocab) - 5}"):
        fill("roformer_v2")("[MASK]", top_k=len(vocab) - 4)


def test_released_folder_of_bert4keras(builder, vocab, model_directory, tmp_path):
    save_tf_checkpoint(builder("roformer_v2").model, tmp_path / "bert_model.ckpt")
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token in vocab), encoding="utf-8")
    config = json.loads((model_directory("roformer_v2") / "config.json").read_text())
    (tmp_path / "bert_config.json").write_text(json.dumps({key: config[key] for key in RELEASED_KEYS}))
    found, wanted = (FillMask(folder)(TEXTS[0]) for folder in (tmp_path, model_directory("roformer_v2")))
    np.testing.assert_allclose(numbers(found)[1], numbers(wanted)[1], atol=1e-5)


def test_16_bit_models(model_directory, fill):
    half = FillMask(model_directory("roformer_v2"), dtype="mixed_bfloat16")(TEXTS, progress=False)
    for filled, wanted in zip(half, fill("roformer_v2")(TEXTS, progress=False), strict=True):
        best = wanted.masks[0].candidates[0]
        (found,) = [c for c in filled.masks[0].candidates if c.token == best.token]
        assert found.probability == pytest.approx(best.probability, abs=0.1)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ("今天", r"the text has no \[MASK\]: '今天'"),
        (["[MASK]", "今天"], r"text 1 has no \[MASK\]"),
        (["[MASK]", None], "text 1 must be a string, received NoneType"),
        ("[MASK]" + "好" * 62, "the text has 65 tokens, the model reads at most 64"),
    ],
)
def test_texts_that_cannot_be_filled(fill, texts, says):
    with pytest.raises(UserError, match=says):
        fill("bert")(texts)


def test_arguments_that_cannot_be_used(fill, builder, vocab, model_directory, tmp_path):
    for arguments in ({"top_k": 0}, {"top_k": 2.5}, {"batch_size": 0}, {"top_k": True}):
        with pytest.raises(UserError, match=next(iter(arguments))):
            fill("roformer_v2")("[MASK]", **arguments)
    with pytest.raises(UserError, match="64 positions"):
        FillMask(model_directory("bert"), maxlen=65)
    with pytest.raises(UserError, match="maxlen must be an integer of at least 3"):
        FillMask(model_directory("bert"), maxlen=2)
    with pytest.raises(UserError, match="no such folder"):
        FillMask(tmp_path / "nothing")
    encoder = builder("bert", with_mlm=False)
    save_model_directory(encoder, encoder.config, vocab, tmp_path / "encoder")
    with pytest.raises(UserError, match="MLM"):
        FillMask(tmp_path / "encoder")


def test_rotary_models_read_longer_texts_when_asked(model_directory):
    filled = FillMask(model_directory("roformer_v2"), maxlen=200)("好" * 150 + "[MASK]")
    assert filled.masks[0].start == 150
