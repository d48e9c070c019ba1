"""Weights from files and into files: one module per format, the names, the load report."""

from rfv2_keras.checkpoints.foreign import foreign_config
from rfv2_keras.checkpoints.keras_weights import save_keras_weights
from rfv2_keras.checkpoints.loading import load_weights
from rfv2_keras.checkpoints.model_directory import ModelDirectory, is_model_directory, save_model_directory
from rfv2_keras.checkpoints.names import checkpoint_name
from rfv2_keras.checkpoints.report import LoadReport
from rfv2_keras.checkpoints.tensorflow_checkpoint import save_tf_checkpoint

__all__ = [
    "LoadReport",
    "ModelDirectory",
    "checkpoint_name",
    "foreign_config",
    "is_model_directory",
    "load_weights",
    "save_keras_weights",
    "save_model_directory",
    "save_tf_checkpoint",
]
