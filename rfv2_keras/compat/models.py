"""`bert4keras.models`."""

from pathlib import Path

from rfv2_keras.builder import build_transformer_model as _build
from rfv2_keras.compat.absent import absent_names
from rfv2_keras.config import ModelConfig, read_json_object
from rfv2_keras.errors import UserError

_INSTEAD = (
    'give build_transformer_model model="roformer_v2", "gau_alpha", "roformer" or "bert", or write a model with the '
    "layers of rfv2_keras"
)
_CLASSES = ("ALBERT", "BERT", "ELECTRA", "GAU_alpha", "GPT", "GPT2", "NEZHA", "RoFormer", "RoFormerV2", "T5")
__getattr__ = absent_names(__name__, dict.fromkeys(_CLASSES, _INSTEAD))

CONFIG_FILES = ("config.json", "bert_config.json")
NOT_OFFERED = ("albert", "albert_unshared", "nezha", "electra", "gpt", "gpt2", "gpt2_ml", "t5", "t5.1.0", "t5.1.1")


def build_transformer_model(
    config_path=None, checkpoint_path=None, model=None, application="encoder", return_keras_model=True, **kwargs
):
    """`rfv2_keras.build_transformer_model` with the defaults of bert4keras.

    Args:
        config_path: JSON file, folder, model directory, dict or `ModelConfig`.
        checkpoint_path: weights in any format that `rfv2_keras.checkpoints.load_weights` reads.
        model: `"roformer_v2"`, `"gau_alpha"`, `"roformer"`, `"bert"` or `"roberta"`, in any case; None takes what the
            config says, and BERT where it says nothing, as there.
        application: `"encoder"`, `"lm"` or `"unilm"`.
        return_keras_model: whether the Keras model is returned, or its builder.
        **kwargs: further arguments, and keys of the config.

    Raises:
        UserError: an architecture that is not offered; a file, key or argument that cannot be used.
    """
    if model is None and not _names_architecture(config_path) and "model_type" not in kwargs:
        model = "bert"
    if not isinstance(model, (str, type(None))):
        raise UserError(f"model must be the name of an architecture, received {model!r}.")
    model = model and model.lower()
    if model in NOT_OFFERED:
        raise UserError(
            f"model {model!r} is not offered; there are roformer_v2, gau_alpha, roformer, bert and roberta."
        )
    return _build(config_path, checkpoint_path, model, application, return_keras_model=return_keras_model, **kwargs)


def _names_architecture(config):
    """Whether a config says what it is one of; released files of bert4keras do not."""
    if config is None or isinstance(config, ModelConfig):
        return config is not None
    if not isinstance(config, dict):
        path = Path(config)
        if path.is_dir():
            path = next((path / name for name in CONFIG_FILES if (path / name).is_file()), path)
        config = read_json_object(path)
    return "model_type" in config or "model" in config
