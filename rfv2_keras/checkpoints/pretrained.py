"""Folders with everything that a model consists of: config, vocabulary, weights."""

from dataclasses import dataclass
from pathlib import Path

from rfv2_keras.checkpoints.model_directory import VOCAB_FILE, ModelDirectory, is_model_directory
from rfv2_keras.checkpoints.tensorflow_checkpoint import find_checkpoint, open_tf_checkpoint
from rfv2_keras.config import ModelConfig, read_json_object
from rfv2_keras.errors import UserError
from rfv2_keras.presets import PresetCache, find_preset

RELEASED_CONFIG = "bert_config.json"


@dataclass(frozen=True)
class PretrainedFolder:
    """A model directory of this package, or a folder as the bert4keras models are released.

    Attributes:
        config: the `ModelConfig`.
        vocab: path of the vocabulary.
        weights: what `load_weights` and `build_transformer_model(checkpoint_path=...)` take.
    """

    config: ModelConfig
    vocab: Path
    weights: Path

    @classmethod
    def read(cls, path, model_type=None):
        """Find the three parts of a model.

        Args:
            path: a model directory, a folder with `bert_config.json`, `vocab.txt` and a TensorFlow checkpoint, or the
                name of a released model, which is fetched once (`rfv2_keras.presets`).
            model_type: architecture; None takes that of the config or, where it names none, looks at the variables
                of the checkpoint.

        Raises:
            UserError: the folder is neither, or its parts do not belong together.
        """
        preset = find_preset(path)
        if preset is not None:
            path, model_type = PresetCache.from_environment().fetch(preset), model_type or preset.architecture
        path = Path(path)
        if is_model_directory(path):
            directory = ModelDirectory.read(path)
            if directory.vocab is None:
                raise UserError(f"{path}: the model directory has no {VOCAB_FILE}, which is needed to read text.")
            return cls(directory.config, directory.vocab, path)
        if not path.is_dir():
            raise UserError(
                f"{path}: there is no such folder and no released model of this name; a model is a folder with config, "
                "vocabulary and weights, or one of those that `rfv2 presets` lists."
            )
        checkpoint = find_checkpoint(path)
        if checkpoint is None:
            raise UserError(
                f"{path}: is no model directory (it has no model.weights.h5) and holds no TensorFlow checkpoint."
            )
        if not (path / VOCAB_FILE).is_file():
            raise UserError(f"{path}: holds a checkpoint but no {VOCAB_FILE}, which is needed to read text.")
        if model_type is None and not _names_architecture(path):
            model_type = _architecture_of(checkpoint)
        return cls(ModelConfig.read(path, model_type), path / VOCAB_FILE, checkpoint)


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
