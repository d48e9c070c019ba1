"""From a model directory to a folder that runs without this package."""

import json
import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from rfv2_keras import __version__
from rfv2_keras.errors import UserError
from rfv2_keras.export.formats import write_onnx, write_saved_model, write_tflite
from rfv2_keras.export.signature import described
from rfv2_keras.export.source import Source
from rfv2_keras.export.whole_attention import attention_without_chunks

FORMATS = {"saved-model": write_saved_model, "onnx": write_onnx, "tflite": write_tflite}
OUTPUTS = ("encoder", "mlm", "task")
QUANTIZATIONS = (None, "int8")


def export_model(path, target, to, output="encoder", task=None, quantize=None):
    """Write a model so that it runs without this package.

    Token ids go in: normalisation and WordPiece are not part of the files, as TensorFlow's own operations have no
    Unicode decomposition and would not give the same tokens for every text. The target holds

        saved_model.pb, variables/, … | model.onnx | model.tflite    the model
        signature.json    names, types and shapes of inputs and outputs; task, labels and transitions of a CRF
        vocab.txt         the vocabulary, if the model directory has one

    Args:
        path: model directory.
        target: folder that is new or empty; it appears complete or not at all.
        to: `"saved-model"`, `"onnx"` or `"tflite"`.
        output: `"encoder"`, `"mlm"` or `"task"`.
        task: name of the task, where the directory has heads for several.
        quantize: `"int8"`, or None for float32.

    Returns:
        The contents of `signature.json`.

    Raises:
        UserError: an argument is unknown, the target is in use, or the directory has no such output.
    """
    target = Path(target)
    _check("--to", to, FORMATS)
    _check("--output", output, OUTPUTS)
    _check("--quantize", quantize, QUANTIZATIONS)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: exists already and is not an empty folder.")
    source = Source.read(path, output, task)
    signature = {
        "format": to,
        "quantization": quantize,
        **described(source.model),
        "output": output,
        **source.facts,
        "versions": {"rfv2_keras": __version__, "keras": keras.__version__, "tensorflow": tf.__version__},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target.parent) as temporary:
        unfinished = Path(temporary, "export")
        unfinished.mkdir()
        with attention_without_chunks():
            FORMATS[to](source.model, unfinished, quantize)
        text = json.dumps(signature, ensure_ascii=False, indent=2)
        (unfinished / "signature.json").write_text(text + "\n", encoding="utf-8")
        if source.vocab is not None:
            shutil.copyfile(source.vocab, unfinished / "vocab.txt")
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    return signature


def _check(name, value, allowed):
    if value not in allowed:
        names = ", ".join(str(one) for one in allowed if one is not None)
        raise UserError(f"{name} must be one of {names}, received {value!r}.")
