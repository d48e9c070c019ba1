"""Model directories are complete or absent, and a vocabulary that does not belong to the model is refused."""

import json

import pytest

import rfv2_keras.checkpoints.model_directory as module
from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import ModelDirectory, is_model_directory, save_model_directory
from rfv2_keras.errors import UserError
from rfv2_keras.text import load_vocab
from tests.checkpoints.conftest import KINDS, assert_same_weights, scramble, values

VOCAB = {
    token: index
    for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz0123456789"])
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_built_from_its_directory(tiny, kind, tmp_path):
    builder = tiny(kind)
    save_model_directory(builder, builder.config, VOCAB, tmp_path / "model")
    heads = {name: value for name, value in KINDS[kind].items() if name.startswith("with_")}
    assert_same_weights(build_transformer_model(tmp_path / "model", **heads), values(builder.model))
    directory = ModelDirectory.read(tmp_path / "model")
    assert directory.config.model_dump() == builder.config.model_dump()
    assert load_vocab(directory.vocab) == VOCAB


def test_keras_model_and_vocabulary_file(tiny, tmp_path):
    builder = tiny("gau_alpha")
    vocab = tmp_path / "my_vocab.txt"
    vocab.write_text("".join(f"{token}\n" for token in VOCAB) + "\n\n", encoding="utf-8")
    save_model_directory(builder.model, builder.config, vocab, str(tmp_path / "model"))
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [
        "config.json",
        "model.weights.h5",
        "vocab.txt",
    ]
    assert (tmp_path / "model" / "vocab.txt").read_bytes() == vocab.read_bytes()
    assert ModelDirectory.read(tmp_path / "model").vocab == tmp_path / "model" / "vocab.txt"


def test_without_vocabulary(tiny, tmp_path):
    builder = tiny("gau_alpha")
    save_model_directory(builder, builder.config, None, tmp_path / "model")
    assert ModelDirectory.read(tmp_path / "model").vocab is None


def test_kept_tokens_are_the_vocabulary_of_the_directory(tiny, tmp_path):
    builder = tiny("gau_alpha", keep_tokens=[0, 7, 3], compound_tokens=[[1, 2]])
    save_model_directory(builder, builder.config, {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3}, tmp_path / "model")
    assert ModelDirectory.read(tmp_path / "model").config.vocab_size == 4
    assert_same_weights(build_transformer_model(tmp_path / "model", with_mlm=True), values(builder.model))


@pytest.mark.parametrize("number", [39, 41])
def test_vocabulary_of_another_size(tiny, tmp_path, number):
    builder = tiny("gau_alpha")
    tokens = [*VOCAB, "extra"][:number]
    vocab = tmp_path / "my_vocab.txt"
    vocab.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    sentence = f"the vocabulary has {number} tokens, but vocab_size of the model is 40"
    for given in (vocab, {token: index for index, token in enumerate(tokens)}):
        with pytest.raises(UserError, match=sentence):
            save_model_directory(builder, builder.config, given, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    save_model_directory(builder, builder.config, VOCAB, tmp_path / "model")
    (tmp_path / "model" / "vocab.txt").write_bytes(vocab.read_bytes())
    for read in (ModelDirectory.read, build_transformer_model):
        with pytest.raises(UserError, match=sentence):
            read(tmp_path / "model")


def test_missing_files(tiny, tmp_path):
    builder = tiny("gau_alpha")
    save_model_directory(builder, builder.config, VOCAB, tmp_path / "model")
    assert is_model_directory(tmp_path / "model")
    for name in ("config.json", "model.weights.h5"):
        kept = (tmp_path / "model" / name).rename(tmp_path / "kept")
        with pytest.raises(UserError, match=f"is no model directory, it has no {name}"):
            ModelDirectory.read(tmp_path / "model")
        kept.rename(tmp_path / "model" / name)
    assert not is_model_directory(tmp_path)


def test_writing_again(tiny, tmp_path):
    """The new model replaces the old one; files that are not its own stay."""
    builder = tiny("gau_alpha")
    for _ in range(2):
        scramble(builder.model, seed=len(list(tmp_path.iterdir())))
        save_model_directory(builder, builder.config, VOCAB, tmp_path / "model")
        (tmp_path / "model" / "README.md").write_text("mine")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    assert len(list((tmp_path / "model").iterdir())) == 4
    assert_same_weights(build_transformer_model(tmp_path / "model", with_mlm=True), values(builder.model))


@pytest.mark.parametrize("exists", [False, True])
def test_an_interrupted_write_changes_nothing(tiny, tmp_path, monkeypatch, exists):
    builder = tiny("gau_alpha")
    if exists:
        save_model_directory(builder, builder.config, VOCAB, tmp_path / "model")
    before = values(builder.model)
    scramble(builder.model, seed=1)

    def interrupt(*_):
        raise KeyboardInterrupt

    for step in ("save_keras_weights", "sync"):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                save_model_directory(builder, builder.config, None, tmp_path / "model")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"] * exists
    if exists:
        assert_same_weights(build_transformer_model(tmp_path / "model", with_mlm=True), before)


def test_config_is_readable_json(tiny, tmp_path):
    builder = tiny("bert")
    save_model_directory(builder, builder.config, None, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "bert"
    assert config["max_position_embeddings"] == 20
