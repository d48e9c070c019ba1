"""Weights from whatever the user has: the format is found by looking at the files."""

import logging
from pathlib import Path

from rfv2_keras.checkpoints.assign import assign_weights
from rfv2_keras.checkpoints.bert4keras_weights import is_bert4keras_weights, open_bert4keras_weights
from rfv2_keras.checkpoints.hdf5 import is_hdf5, open_hdf5, readable
from rfv2_keras.checkpoints.keras_hub import WEIGHTS_FILE as KERAS_HUB_WEIGHTS
from rfv2_keras.checkpoints.keras_hub import is_keras_hub_folder, is_keras_hub_weights, open_keras_hub_weights
from rfv2_keras.checkpoints.keras_weights import open_keras_weights
from rfv2_keras.checkpoints.model_directory import WEIGHTS_FILE, is_model_directory
from rfv2_keras.checkpoints.pytorch.huggingface import find_pytorch_weights
from rfv2_keras.checkpoints.pytorch.weights import is_pytorch_weights, open_pytorch_weights
from rfv2_keras.checkpoints.tensorflow_checkpoint import find_checkpoint, open_tf_checkpoint
from rfv2_keras.errors import UserError

logger = logging.getLogger("rfv2_keras")


def load_weights(model, source, config=None, strict=True):
    """Load weights into a model, by name, and say what happened to each of them.

    The report is also logged by the logger `rfv2_keras`, as a warning where weights were left as they were.

    Args:
        model: a built Keras model.
        source: a model directory; a `.weights.h5` file of this package or of Keras; a TensorFlow checkpoint (its
            prefix, one of its files, or the folder it lies in); a `.weights` or `.h5` file of bert4keras; a
            `.safetensors` or `.bin` file of PyTorch, or the folder it lies in; a preset folder or `.weights.h5` file of
            KerasHub's RoFormerV2.
        config: the model's `ModelConfig`; needed where it has `keep_tokens` or `compound_tokens`.
        strict: False lets missing and mis-shaped weights pass, which then keep their values.

    Returns:
        A `LoadReport`.

    Raises:
        UserError: no such file, an unknown format, a damaged file, weights missing or of another shape. The model is
            left as it was.
    """
    with open_weights(Path(source), model) as opened:
        report = assign_weights(model, opened, config, strict)
    logger.log(logging.INFO if report.complete else logging.WARNING, "%s", report)
    return report


def open_weights(path, model):
    """The `WeightSource` for a path, to be used in a `with` statement.

    Raises:
        UserError: there is nothing that can be read.
    """
    if is_keras_hub_folder(path):
        return open_keras_hub_weights(path / KERAS_HUB_WEIGHTS)
    if is_model_directory(path):
        return open_keras_weights(path / WEIGHTS_FILE, model)
    prefix = find_checkpoint(path)
    if prefix is not None:
        return open_tf_checkpoint(prefix)
    if path.is_dir():
        weights = find_pytorch_weights(path)
        if weights is not None:
            return open_pytorch_weights(weights, model)
        raise UserError(f"{path}: the folder holds neither {WEIGHTS_FILE} nor exactly one TensorFlow checkpoint.")
    if not path.is_file():
        raise UserError(
            f"{path}: there is no such file, and no TensorFlow checkpoint of this name ({path.name}.index)."
        )
    if is_pytorch_weights(path):
        return open_pytorch_weights(path, model)
    if not is_hdf5(path):
        raise UserError(
            f"{path}: is neither an HDF5 file (.weights.h5, .weights, .h5), nor one of PyTorch (.safetensors, .bin), "
            "nor a TensorFlow checkpoint."
        )
    with open_hdf5(path) as file, readable(path):
        from_keras_2, from_keras_hub = is_bert4keras_weights(file), is_keras_hub_weights(file)
    if from_keras_hub:
        return open_keras_hub_weights(path)
    return open_bert4keras_weights(path) if from_keras_2 else open_keras_weights(path, model)
