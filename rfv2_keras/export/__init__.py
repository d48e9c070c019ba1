"""Models as files that run without this package: SavedModel, ONNX, LiteRT."""

from rfv2_keras.export.export import FORMATS, OUTPUTS, export_model

__all__ = ["FORMATS", "OUTPUTS", "export_model"]
