"""TensorFlow checkpoints with named variables, as bert4keras and Google's BERT release them."""

import contextlib
import json
import re
import tempfile
from pathlib import Path

import keras
import numpy as np

from rfv2_keras.checkpoints.assign import weights_by_path
from rfv2_keras.checkpoints.atomic import atomic_file, sync
from rfv2_keras.checkpoints.names import TRANSPOSED, checkpoint_name
from rfv2_keras.checkpoints.source import StoredArray, WeightSource
from rfv2_keras.errors import UserError

_ENDING = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # in checkpoints of tf.train.Checkpoint, which name variables otherwise


def find_checkpoint(path):
    """The prefix of the checkpoint that a prefix, one of its files or a folder stands for; None if there is none.

    In a folder it is the one that the file `checkpoint` names (wherever the folder lay when that was written), else the
    only one.
    """
    path = Path(path)
    if path.is_dir():
        return _checkpoint_in(path)
    prefix = Path(_ENDING.sub("", str(path)))
    return prefix if _index(prefix).is_file() else None


@contextlib.contextmanager
def open_tf_checkpoint(prefix):
    """The `WeightSource` of a checkpoint.

    Raises:
        UserError: it is damaged, or not one with named variables, or tensorflow is not installed.
    """
    tf = _tensorflow(prefix)
    with _readable(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
    if _OBJECT_GRAPH in shapes:
        raise UserError(
            f"{prefix}: is a checkpoint of objects (tf.train.Checkpoint or Model.save_weights), and only checkpoints "
            "with named variables, such as bert4keras writes, can be read."
        )

    def stored(name):
        def read():
            with _readable(prefix):
                value = reader.get_tensor(name)
            return value.T if name in TRANSPOSED else value

        shape = shapes[name]
        return StoredArray(reversed(shape) if name in TRANSPOSED else shape, read)

    yield WeightSource(str(prefix), {name: stored(name) for name in shapes}, checkpoint_name)


def save_tf_checkpoint(model, prefix):
    """Write the weights of a model as a checkpoint that bert4keras reads.

    `names` says what the variables are called; all are float32. The files get their names when they are complete, and
    the `.index` file, without which there is no checkpoint, comes last.

    Args:
        model: a built Keras model.
        prefix: path of the files without their endings, for example `model/bert_model.ckpt`.

    Raises:
        UserError: two weights would get the same name, or tensorflow is not installed.
    """
    tf, prefix = _tensorflow(prefix), Path(prefix)
    arrays = {}
    for path, variable in weights_by_path(model).items():
        name = checkpoint_name(path)
        if name in arrays:
            raise UserError(f"{prefix}: two weights of model {model.name} would be called {name} in a checkpoint.")
        value = np.asarray(keras.ops.convert_to_numpy(variable.value), dtype="float32")
        arrays[name] = value.T if name in TRANSPOSED else value
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=prefix.parent) as folder, tf.device("cpu"):
        tf.raw_ops.SaveV2(
            prefix=str(Path(folder, prefix.name)),
            tensor_names=list(arrays),
            shape_and_slices=[""] * len(arrays),
            tensors=list(arrays.values()),
        )
        files = sorted(Path(folder).iterdir())  # data before index
        for file in files:
            sync(file)
        _index(prefix).unlink(missing_ok=True)  # an old index must not point into new data
        for file in files:
            file.replace(prefix.parent / file.name)
    with atomic_file(prefix.parent / "checkpoint") as temporary:
        name = json.dumps(prefix.name, ensure_ascii=False)
        temporary.write_text(f"model_checkpoint_path: {name}\nall_model_checkpoint_paths: {name}\n", encoding="utf-8")


def _tensorflow(prefix):
    try:
        import tensorflow as tf
    except ImportError:
        raise UserError(
            f"{prefix}: TensorFlow checkpoints need the package tensorflow, which is not installed."
        ) from None
    return tf


@contextlib.contextmanager
def _readable(prefix):
    """Turn what TensorFlow raises on damaged files into a `UserError` that names the file."""
    try:
        yield
    except Exception as error:  # its reader raises OpError, RuntimeError, IndexError, ... for the same kinds of damage
        raise UserError(
            f"{prefix}: cannot be read as TensorFlow checkpoint; one of its files is truncated, damaged or missing."
        ) from error


def _index(prefix):
    return prefix.with_name(f"{prefix.name}.index")


def _checkpoint_in(folder):
    prefixes = [file.with_suffix("") for file in sorted(folder.glob("*.index"))]
    with contextlib.suppress(OSError):
        state = (folder / "checkpoint").read_text(encoding="utf-8", errors="replace")
        latest = re.search(r'^model_checkpoint_path: "(.*)"$', state, re.MULTILINE)
        prefix = folder / Path(latest.group(1)).name if latest else None
        if prefix in prefixes:
            return prefix
    return prefixes[0] if len(prefixes) == 1 else None
