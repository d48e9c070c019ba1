"""Folders with everything that a model consists of: config, vocabulary, weights."""

import glob
from dataclasses import dataclass
from pathlib import Path

from rfv2_keras.checkpoints.foreign import foreign_config, foreign_vocab
from rfv2_keras.checkpoints.model_directory import VOCAB_FILE, ModelDirectory, is_model_directory
from rfv2_keras.checkpoints.plausible_size import check_plausible_size
from rfv2_keras.checkpoints.tensorflow_checkpoint import find_checkpoint, open_tf_checkpoint
from rfv2_keras.config import ModelConfig, read_json_object
from rfv2_keras.errors import UserError
from rfv2_keras.presets import PresetCache, find_preset

RELEASED_CONFIG = "bert_config.json"


@dataclass(frozen=True)
class PretrainedFolder:
    """A model directory of this package, or a folder as other libraries write or release them.

    Attributes:
        config: the `ModelConfig`.
        vocab: path of the vocabulary; None if there is none and none was asked for.
        weights: what `load_weights` and `build_transformer_model(checkpoint_path=...)` take.
    """

    config: ModelConfig
    vocab: Path | None
    weights: Path

    @classmethod
    def read(cls, path, model_type=None, needs_vocab=True):
        """Find the three parts of a model.

        Args:
            path: a model directory; a folder with `bert_config.json`, `vocab.txt` and a TensorFlow checkpoint; a folder
                with config, vocabulary and `model.safetensors` or `pytorch_model.bin` of transformers, roformer,
                gau-alpha or bert4torch; a preset folder of KerasHub's RoFormerV2; or the name of a released model,
                which is fetched once (`rfv2_keras.presets`).
            model_type: architecture; None takes that of the config or, where it names none, looks at the variables
                of the checkpoint.
            needs_vocab: whether it is an error that there is no vocabulary.

        Raises:
            UserError: the folder is neither, or its parts do not belong together.
        """
        preset = find_preset(path)
        if preset is not None:
            path, model_type = PresetCache.from_environment().fetch(preset), model_type or preset.architecture
        path = Path(path)
        if is_model_directory(path):
            directory = ModelDirectory.read(path)
            return cls._checked(directory.config, directory.vocab, path, needs_vocab)
        config = foreign_config(path, model_type)
        if config is not None:
            return cls._checked(config, foreign_vocab(path), path, needs_vocab)
        if not path.is_dir():
            raise UserError(
                f"{path}: there is no such folder and no released model of this name; a model is a folder with config, "
                "vocabulary and weights, or one of those that `rfv2 presets` lists."
            )
        checkpoint = find_checkpoint(path)
        if checkpoint is None:
            raise UserError(
                f"{path}: holds no weights that are known here (model.weights.h5, a TensorFlow checkpoint, "
                "model.safetensors, pytorch_model.bin)."
            )
        if model_type is None and not _names_architecture(path):
            model_type = _architecture_of(checkpoint)
        config = ModelConfig.read(path, model_type)
        check_plausible_size(config, path.glob(f"{glob.escape(checkpoint.name)}.data-*"), path)
        vocab = path / VOCAB_FILE
        return cls._checked(config, vocab if vocab.is_file() else None, checkpoint, needs_vocab)

    @classmethod
    def _checked(cls, config, vocab, weights, needs_vocab):
        if needs_vocab and vocab is None:
            folder = weights if weights.is_dir() else weights.parent
            raise UserError(f"{folder}: holds a model but no {VOCAB_FILE}, which is needed to read text.")
        return cls(config, vocab, weights)


def _names_architecture(path):
    files = [path / name for name in ("config.json", RELEASED_CONFIG) if (path / name).is_file()]
    return bool(files) and {"model", "model_type"} & set(read_json_object(files[0]))


def _architecture_of(checkpoint):
    """The architecture that has the variables of a checkpoint."""
    with open_tf_checkpoint(checkpoint) as source:
        names = " ".join(source.arrays)
    if "/gau/" in names:
        return "gau_alpha"
    if "LayerNorm" not in names:
        return "roformer_v2"
    return "bert" if "position_embeddings" in names else "roformer"
