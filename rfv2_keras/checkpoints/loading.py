"""Weights from whatever the user has: the format is found by looking at the files."""

import logging
from pathlib import Path

from rfv2_keras.checkpoints.assign import assign_weights
from rfv2_keras.checkpoints.bert4keras_weights import is_bert4keras_weights, open_bert4keras_weights
from rfv2_keras.checkpoints.hdf5 import is_hdf5, open_hdf5, readable
from rfv2_keras.checkpoints.keras_weights import open_keras_weights
from rfv2_keras.checkpoints.model_directory import WEIGHTS_FILE, is_model_directory
from rfv2_keras.checkpoints.tensorflow_checkpoint import find_checkpoint, open_tf_checkpoint
from rfv2_keras.errors import UserError

logger = logging.getLogger("rfv2_keras")


def load_weights(model, source, config=None, strict=True):
    """Load weights into a model, by name, and say what happened to each of them.

    The report is also logged by the logger `rfv2_keras`, as a warning where weights were left as they were.

    Args:
        model: a built Keras model.
        source: a model directory; a `.weights.h5` file of this package or of Keras; a TensorFlow checkpoint (its
            prefix, one of its files, or the folder it lies in); a `.weights` or `.h5` file of bert4keras.
        config: the model's `ModelConfig`; needed where it has `keep_tokens` or `compound_tokens`.
        strict: False lets missing and mis-shaped weights pass, which then keep their values.

    Returns:
        A `LoadReport`.

    Raises:
        UserError: no such file, an unknown format, a damaged file, weights missing or of another shape. The model is
            left as it was.
    """
    with _open(Path(source), model) as opened:
        report = assign_weights(model, opened, config, strict)
    logger.log(logging.INFO if report.complete else logging.WARNING, "%s", report)
    return report


def _open(path, model):
    """The reader for a path."""
    if is_model_directory(path):
        return open_keras_weights(path / WEIGHTS_FILE, model)
    prefix = find_checkpoint(path)
    if prefix is not None:
        return open_tf_checkpoint(prefix)
    if path.is_dir():
        raise UserError(f"{path}: the folder holds neither {WEIGHTS_FILE} nor exactly one TensorFlow checkpoint.")
    if not path.is_file():
        raise UserError(
            f"{path}: there is no such file, and no TensorFlow checkpoint of this name ({path.name}.index)."
        )
    if not is_hdf5(path):
        raise UserError(f"{path}: is neither an HDF5 file (.weights.h5, .weights, .h5) nor a TensorFlow checkpoint.")
    with open_hdf5(path) as file, readable(path):
        from_keras_2 = is_bert4keras_weights(file)
    return open_bert4keras_weights(path) if from_keras_2 else open_keras_weights(path, model)
