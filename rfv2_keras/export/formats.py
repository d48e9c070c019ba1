"""One function for each format: (model, folder, quantize) -> the files of the model in the folder."""

import importlib
import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from rfv2_keras.errors import UserError
from rfv2_keras.export.signature import input_specs, output_name, serving_function


def write_saved_model(model, folder, quantize=None):
    """A SavedModel with the signature `serving_default`.

    Args:
        model: Keras model of a `Source`; quantisation changes it.
        folder: empty folder.
        quantize: `"int8"` for int8 kernels of dense layers, whose inputs are rounded to int8 too, row by row
            (`keras.Model.quantize`); embeddings stay float32. None for float32.
    """
    if quantize:
        quantize_dense_layers(model, quantize)
    # Not keras.export.ExportArchive, which writes every variable twice.
    module = tf.Module()
    module.kept = [variable.value for variable in model.variables]
    module.serve = serving_function(model)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})


def write_onnx(model, folder, quantize=None):
    """`model.onnx`, by tf2onnx.

    Args:
        model: Keras model of a `Source`.
        folder: where the file goes.
        quantize: `"int8"` for int8 matrices, embeddings included, by the dynamic quantisation of ONNX Runtime.
    """
    onnx = _needed("onnx")
    _needed("tf2onnx")
    target = Path(folder, "model.onnx")
    model.export(str(target), format="onnx", verbose=False, input_signature=[input_specs(model)])
    if quantize:
        quantization = _needed("onnxruntime.quantization")
        with tempfile.TemporaryDirectory() as temporary:
            whole = shutil.move(target, temporary)
            quantization.quantize_dynamic(whole, target)
    graph = onnx.load(target)
    _rename_outputs(graph.graph, [output_name(model)])
    onnx.checker.check_model(graph)
    onnx.save(graph, target)


def write_tflite(model, folder, quantize=None):
    """`model.tflite` for LiteRT (TensorFlow Lite).

    Operations that LiteRT does not have are taken from TensorFlow, whose own interpreter (`tf.lite.Interpreter`) has
    them; the encoder and its MLM head need none.

    Args:
        model: Keras model of a `Source`.
        folder: where the file goes.
        quantize: `"int8"` for int8 weights, embeddings included (dynamic range quantisation of the converter).
    """
    with tempfile.TemporaryDirectory() as temporary:
        write_saved_model(model, temporary)
        converter = tf.lite.TFLiteConverter.from_saved_model(temporary, signature_keys=["serving_default"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        Path(folder, "model.tflite").write_bytes(converter.convert())


def quantize_dense_layers(model, mode):
    """`keras.Model.quantize` of the dense layers, without a warning for each of the others."""
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Dense):
            layer.quantize(mode)


def _rename_outputs(graph, names):
    """Give the outputs of an ONNX graph their names."""
    new = dict(zip([output.name for output in graph.output], names, strict=True))
    for output in graph.output:
        output.name = new[output.name]
    for node in graph.node:
        for tensors in (node.input, node.output):
            for i, tensor in enumerate(tensors):
                tensors[i] = new.get(tensor, tensor)


def _needed(module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f'ONNX needs the package {error.name}: pip install "rfv2-keras[export]".') from None
