"""Norms with a scale in the place of norms without one.

Our RMSNorm is x / rms(x). KerasHub and bert4torch multiply the result by a trained vector g. In a post-norm model what
comes out of a norm is both the input of the next kernels and the residual stream itself:

    x = g · u,  u = z / rms(z);      next z = x + F(x)

A constant g = c > 0 disappears: rms is blind to a factor of z, so that z / c = u + F(c u) / c gives the same next u.
Kernels that read the stream are multiplied by c, kernels and biases that are added to it are divided by c. (The epsilon
inside the root becomes epsilon / c², which is why outputs agree to about epsilon and not to the last bit; with c = 1
nothing changes at all.) The last norm has no next one: its scale must be 1.

A vector g that is not constant cannot be folded: u and g · u have different directions, and no kernel stands in the way
of the residual. The one exception is the norm before `Embedding-Mapping`, whose kernel takes any g.
"""

import re

import numpy as np

from rfv2_keras.checkpoints.source import StoredArray
from rfv2_keras.errors import UserError

_NORM = re.compile(r"(Embedding-Norm|Transformer-(\d+)-(\w+)-Norm/norm)/gamma")


def fold_norm_scales(arrays, place):
    """Move the scales of norms into the kernels around them.

    Args:
        arrays: path in our models -> array; the scales are among them as `Embedding-Norm/gamma` and
            `Transformer-N-...-Norm/norm/gamma`, and are taken out.
        place: how to call the file in messages.

    Raises:
        UserError: a scale cannot be folded without changing what the model computes.
    """
    scales = {name: np.asarray(arrays.pop(name)) for name in list(arrays) if _NORM.fullmatch(name)}
    if all(np.all(scale == 1.0) for scale in scales.values()):
        return
    stream = _scale_of_embedding(arrays, scales, place)
    for layer, branch in _branches(arrays):
        prefix = f"Transformer-{layer}-{branch}"
        if stream != 1.0:
            for path in [path for path in arrays if path.startswith(f"{prefix}/")]:
                name = path.removeprefix(f"{prefix}/")
                if name.startswith("o_dense/"):
                    arrays[path] = _times(arrays[path], 1.0 / stream)
                elif name.endswith("/kernel"):
                    arrays[path] = _times(arrays[path], stream)
        stream = _constant(scales, f"{prefix}-Norm/norm/gamma", place)
    if stream != 1.0:
        raise UserError(
            f"{place}: the scale of the last norm is {stream:g}; nothing follows it that could take the factor, and "
            "the norms of this model have none."
        )


def _scale_of_embedding(arrays, scales, place):
    kernel = arrays.get("Embedding-Mapping/kernel")
    if kernel is None:
        return _constant(scales, "Embedding-Norm/gamma", place)
    if "Embedding-Norm/gamma" in scales:
        arrays["Embedding-Mapping/kernel"] = _times(kernel, scales["Embedding-Norm/gamma"][:, None])
    return 1.0


def _branches(arrays):
    """(layer, name of the sub-layer) in the order of the stream."""
    found = {
        (int(match.group(1)), match.group(2))
        for match in (re.match(r"Transformer-(\d+)-(\w+)/", path) for path in arrays)
        if match
    }
    return sorted(found, key=lambda item: (item[0], item[1] == "FeedForward"))


def _constant(scales, name, place):
    scale = scales.get(name, np.ones(1))
    if scale.min() != scale.max() or not scale.min() > 0:
        raise UserError(
            f"{place}: the norm {name.removesuffix('/gamma')} has a scale from {scale.min():g} to {scale.max():g}; "
            "the norms of this model have none, and only a scale that is one positive number can be folded into the "
            "kernels around it."
        )
    return float(scale.flat[0])


def _times(array, factor):
    return StoredArray(array.shape, lambda: np.asarray(array, "float32") * np.asarray(factor, "float32"))
