"""`.weights` files of bert4keras: HDF5 files of Keras 2, plain (`TF_KERAS=0`) or out of tf.keras.

Such a file lists, for every layer of the model, its weights by names like `Transformer-0-FeedForward/dense_5/kernel:0`.
The layer's own name is that of our models. The names of inner layers are counted up over the whole process and mean
nothing: their order inside the layer says which is which. A whole model saved as `.h5` holds the same in a group.
"""

import contextlib
import re

from rfv2_keras.checkpoints.hdf5 import open_hdf5, readable, stored_dataset
from rfv2_keras.checkpoints.source import WeightSource

_ATTENTION = re.compile(r"Transformer-\d+-MultiHeadSelfAttention")
_FEED_FORWARD = re.compile(r"Transformer-\d+-FeedForward")
_GATED_ATTENTION_UNIT = re.compile(r"Transformer-\d+-GatedAttentionUnit")
_NORM = re.compile(r"Transformer-\d+-\w+-Norm")


def is_bert4keras_weights(file):
    """Whether an open HDF5 file was written by Keras 2."""
    return "model_weights" in file or bool(_strings(file, "layer_names"))


@contextlib.contextmanager
def open_bert4keras_weights(path):
    """The `WeightSource` of a `.weights` file or a whole model of bert4keras."""
    with open_hdf5(path) as file:
        with readable(path):
            root = file.get("model_weights", file)
            datasets = {}
            for layer in _strings(root, "layer_names"):
                names = _strings(root[layer], "weight_names")
                for own, stored in zip(_paths(layer, names), names, strict=True):
                    datasets[own] = root[layer][stored]
        yield WeightSource(str(path), {name: stored_dataset(dataset, path) for name, dataset in datasets.items()})


def _strings(group, name):
    """A list of strings among the attributes; long ones are cut into `name0`, `name1`, ..."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    return [item.decode() if isinstance(item, bytes) else str(item) for part in parts for item in part]


def _paths(layer, names):
    """The paths in our models for the weights of one layer, whose names stand in the order of the file."""
    split = [name.removesuffix(":0").split("/") for name in names]
    inner = list(dict.fromkeys(parts[-2] for parts in split if len(parts) > 2))  # inner layers, in order
    known = dict(zip(inner, _inner_layers(layer, inner), strict=True))
    middle = "norm/" if _NORM.fullmatch(layer) else ""
    return [
        f"{layer}/{known[parts[-2]]}/{parts[-1]}" if len(parts) > 2 else f"{layer}/{middle}{parts[-1]}"
        for parts in split
    ]


def _inner_layers(layer, names):
    """Our names for the inner layers of one layer; those of a layer that we do not know keep theirs."""
    if _ATTENTION.fullmatch(layer) and len(names) == 4:
        return ["q_dense", "k_dense", "v_dense", "o_dense"]
    if _FEED_FORWARD.fullmatch(layer) and len(names) >= 2:
        return [*(f"i{i}_dense" for i in range(len(names) - 1)), "o_dense"]
    if _GATED_ATTENTION_UNIT.fullmatch(layer) and len(names) == 4:
        # Where the scales stand among the projections has changed between versions, the order of each kind has not.
        kinds = {"scale": ["k_scaleoffset", "q_scaleoffset"], "dense": ["o_dense", "i_dense"]}
        return [kinds["scale" if name.startswith("scale") else "dense"].pop() for name in names]
    return names
