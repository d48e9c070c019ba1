"""Our `*.weights.h5`: the file of Keras, in which every weight can be found by its path too.

Keras stores weights by the class and order of layers (`layers/feed_forward_1/o_dense/vars/0`), so that
`Model.load_weights` fits the very same architecture only. Files written here have a second set of names for the same
arrays, `weights/Transformer-1-FeedForward/o_dense/kernel`: HDF5 hard links, which take no space. By path an encoder
can be read out of a model with heads, with or without dropout, in any order of layers.

Files that Keras wrote itself are read as well: there the names of layers stand in attributes.
"""

import contextlib

import h5py

from rfv2_keras.checkpoints.assign import weights_by_path
from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.checkpoints.hdf5 import open_hdf5, readable, stored_dataset
from rfv2_keras.checkpoints.source import WeightSource
from rfv2_keras.errors import UserError

BY_PATH = "weights"


def save_keras_weights(model, path):
    """Write the weights of a model, complete or not at all.

    `model.load_weights(path)` of Keras reads the file, `load_weights` of this package reads it by path. LoRA adapters
    are written merged into their kernels, as Keras does.

    Args:
        model: a built Keras model.
        path: file, ending in `.weights.h5`.

    Raises:
        UserError: another ending, or weights that cannot be told apart by path.
    """
    if not str(path).endswith(".weights.h5"):
        raise UserError(f"{path}: a file of Keras weights must end in .weights.h5.")
    with atomic_file(path) as temporary:
        model.save_weights(temporary)
        with h5py.File(temporary, "r+") as file:
            _link_by_path(file, model)


@contextlib.contextmanager
def open_keras_weights(path, model):
    """The `WeightSource` of a file that `save_keras_weights` or Keras wrote.

    Args:
        path: the file.
        model: the model to be loaded; names the weights of a layer in a file of plain Keras, which numbers them.
    """
    with open_hdf5(path) as file:
        with readable(path):
            datasets = _by_path(file) if BY_PATH in file else _by_layer(file, model)
        yield WeightSource(str(path), {name: stored_dataset(dataset, path) for name, dataset in datasets.items()})


def _link_by_path(file, model):
    group = file.create_group(BY_PATH)
    datasets = _by_layer(file, model)
    for path, variable in weights_by_path(model).items():
        if path in datasets and datasets[path].shape == tuple(variable.shape):
            group[path] = datasets[path]  # a hard link
        elif not variable.name.startswith("lora_"):  # adapters are merged into the kernel
            raise UserError(
                f"model {model.name}: cannot find {path} in what Keras saves; use model.save_weights instead."
            )


def _by_path(file):
    """path -> dataset through our links."""
    datasets = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    file[BY_PATH].visititems(visit)
    return datasets


def _by_layer(file, model):
    """path -> dataset through Keras's own layout: the variables of a layer are numbered as in `layer.weights`."""
    own = {}  # path of a layer -> the names of its own variables, in order
    for path in weights_by_path(model):
        layer, _, name = path.rpartition("/")
        if not name.startswith("lora_"):
            own.setdefault(layer, []).append(name)
    datasets = {}
    for paths, variables in _layers(file, [_name(file) or ""]):
        layer = next((path for path in paths if path in own), paths[-1])
        names = own.get(layer, [])
        for number, dataset in variables.items():
            # Another number of variables means another kind of layer: then no number can be trusted.
            name = names[int(number)] if len(names) == len(variables) else number
            datasets[f"{layer}/{name}"] = dataset
    return datasets


def _layers(group, paths):
    """The layers with variables in a file of Keras: (the paths that a layer may have, {number: dataset}).

    Paths of layers in a model begin with its name, or not, as the model built its layers or was made of built ones.
    """
    for key, child in group.items():
        if key in ("vars", BY_PATH) or not isinstance(child, h5py.Group):
            continue
        if key == "layers":  # of a model
            yield from _layers(child, [*paths, ""])
            continue
        name = _name(child)  # None: a list of layers
        inner = paths if name is None else [f"{path}/{name}" if path else name for path in paths]
        if name is not None and len(child["vars"]):
            yield inner, dict(child["vars"])
        yield from _layers(child, inner)


def _name(group):
    return group["vars"].attrs.get("name") if "vars" in group else None
