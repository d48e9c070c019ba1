"""From a config and a checkpoint to a Keras model."""

import os

from rfv2_keras.checkpoints import ModelDirectory, foreign_config, is_model_directory, load_weights
from rfv2_keras.config import ModelConfig
from rfv2_keras.models import ARCHITECTURES
from rfv2_keras.presets import PresetCache, find_preset


def build_transformer_model(
    config_path=None,
    checkpoint_path=None,
    model=None,
    application="encoder",
    with_mlm=False,
    with_pool=False,
    with_nsp=False,
    custom_position_ids=False,
    target_positions=False,
    packed=False,
    return_keras_model=True,
    dtype=None,
    strict=True,
    name=None,
    **overrides,
):
    """Build RoFormerV2, GAU-α, RoFormer or BERT, and load its weights.

        model = build_transformer_model("bert_config.json", "bert_model.ckpt", model="roformer_v2")
        hidden = model.predict([token_ids, segment_ids])  # (batch, length, hidden_size)

    Inputs are `Input-Token` and `Input-Segment` (absent with `type_vocab_size=0`), both (batch, length); id 0 is
    padding.

    Args:
        config_path: JSON file with the keys of the released `bert_config.json`, a folder that holds one, a dict, a
            `ModelConfig`, a model directory, or the name of a released model, such as `"roformer_v2_base"`
            (`rfv2 presets` lists them), which is fetched once. The last two bring their weights with them; give the
            `config.json` of a model directory to build the model without. A checkpoint that lies in a folder with a
            `bert_config.json` is not loaded unless `checkpoint_path` names it. None: the config consists of
            `overrides`.
        checkpoint_path: weights to load, in any format of `rfv2_keras.checkpoints.load_weights`; None leaves the
            initial values (except for a model directory, see above).
        model: `"roformer_v2"`, `"gau_alpha"`, `"roformer"` or `"bert"` (also `"roberta"`); None takes `model_type` of
            the config, which released files of bert4keras lack.
        application: `"encoder"`, `"lm"` (a token sees only what stands before it) or `"unilm"` (segment 0 sees itself
            whole, segment 1 also its own past); the latter two have an MLM head.
        with_mlm: False; True or `"softmax"` for an MLM head that gives probabilities, `"linear"` for one that gives
            logits.
        with_pool: False; True or the name of an activation for the transformed first vector. BERT and RoFormer only.
        with_nsp: whether the pooler is followed by the classifier of sentence pairs. BERT and RoFormer only.
        custom_position_ids: whether the model has a further input `Input-Position` (batch, length), float.
        target_positions: whether the model has a further input `Input-Target-Position` (batch, targets), and the MLM
            head is computed at these positions only; so is the last layer, but for keys and values (not of GAU-α, and
            not with a pooler).
        packed: whether the model has a further input `Input-Document` (batch, length); tokens see only those with the
            same number. Learned positions (BERT) are not counted anew in each document.
        return_keras_model: False returns the builder, with attributes `model`, `encoder` and `first_encoder` (Keras
            models of the hidden states at all positions, and of that of [CLS] alone, which costs less; both made of
            the same layers), `config`, `initializer` and `load_report`.
        dtype: Keras dtype policy: `"float32"`, `"mixed_bfloat16"`, `"mixed_float16"`; None for the global one.
        strict: whether it is an error when the checkpoint lacks weights of the model or has them in another shape.
        name: of the Keras model.
        **overrides: keys that replace those of the config, for example `hidden_dropout_prob=0.0` (or its other name
            `dropout_rate`), `num_hidden_layers=4`, `keep_tokens=[...]`.

    Returns:
        A `keras.Model`, or the builder.

    Raises:
        UserError: a file, a key of the config, an argument or the checkpoint cannot be used; one sentence says why.
    """
    preset = find_preset(config_path)
    if preset is not None:
        config_path = PresetCache.from_environment().fetch(preset)
        checkpoint_path, model = checkpoint_path or config_path, model or preset.architecture
    elif isinstance(config_path, (str, os.PathLike)) and is_model_directory(config_path):
        ModelDirectory.read(config_path)  # stops if the vocabulary does not belong to the config
        checkpoint_path = checkpoint_path or config_path
    elif isinstance(config_path, (str, os.PathLike)):
        foreign = foreign_config(config_path, model)
        if foreign is not None:
            config_path, checkpoint_path = foreign, checkpoint_path or config_path
    if model is not None:
        overrides["model"] = model
    config = ModelConfig.read({} if config_path is None else config_path, **overrides)
    builder = ARCHITECTURES[config.model_type](
        config,
        application=application,
        with_mlm=with_mlm,
        with_pool=with_pool,
        with_nsp=with_nsp,
        custom_position_ids=custom_position_ids,
        target_positions=target_positions,
        packed=packed,
        dtype=dtype,
        name=name,
    )
    if checkpoint_path is not None:
        builder.load_report = load_weights(builder.model, checkpoint_path, config, strict)
    return builder.model if return_keras_model else builder
