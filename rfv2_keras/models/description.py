"""What a model consists of, in words and numbers, without its weights in memory."""

import re
from dataclasses import dataclass

import keras
import numpy as np

from rfv2_keras.models import ARCHITECTURES

_LAYER_NUMBER = re.compile(r"^Transformer-\d+-")
_TARGETS = 0.15  # share of positions that masked-language-model training projects on the vocabulary


@dataclass
class Part:
    """Layers of one kind.

    Attributes:
        name: of the layer, without its number.
        layers: how many there are.
        parameters: of all of them.
        shapes: of the weights of one.
    """

    name: str
    layers: int
    parameters: int
    shapes: list


def describe_model(config, batch=32, length=512):
    """A table of the parts of a model with their parameters, and about how much memory the model takes.

    Args:
        config: a `ModelConfig`.
        batch: rows of a training batch.
        length: tokens of a row.

    Returns:
        Lines of text.
    """
    encoder, with_head = _parts(config, False), _parts(config, True)
    head = [part for name, part in with_head.items() if name not in encoder]
    total = _total(encoder.values())
    lines = [
        f"{config.model_type}: {config.num_hidden_layers} layers, hidden size {config.hidden_size}, "
        f"{config.token_table_size:,} tokens",
        "",
        *_rows([*encoder.values()]),
        _line("encoder (no head)", "", total),
        *_rows(head),
        _line("with MLM head (tied to Embedding-Token)", "", total + _total(head)),
        "",
        f"weights: {_size(4 * total)} in float32, {_size(2 * total)} in bfloat16",
        f"training: {_size(16 * (total + _total(head)))} for float32 weights, gradients and two moments (AdamW, LAMB)",
        f"  and about {_size(activation_bytes(config, batch, length))} for the intermediate values of {batch} rows of "
        f"{length} tokens in float32 (half in bfloat16)",
    ]
    return "\n".join(lines)


def activation_bytes(config, batch, length):
    """About how many bytes of float32 the forward pass keeps for the gradients of masked-language-model training.

    Counted are the outputs of products, activations, normalisations and dropout, in the last layer (unless it is a GAU)
    at masked positions. What a compiler fuses away or keeps in addition is not: measured were 0.8 to 1.1 times this
    number (small sizes on a CPU). With `gradient_checkpointing` the inner values of one layer only are kept, or, if it
    is "attention", the weights of one only; for GAU-α everything between the two products of one.
    """
    hidden, heads = config.hidden_size, config.num_attention_heads
    scores = 3 * heads * length  # normalised, dropped, and the mask of the dropout
    if config.model_type == "gau_alpha":
        inner = 2 * config.intermediate_size + config.key_size
        between = 5 * config.intermediate_size + 5 * config.key_size + scores
        outer, layers = 4 * hidden, config.num_hidden_layers
    else:
        width = heads * config.key_size, heads * config.head_size
        inner = 5 * width[0] + 2 * width[1] + 2 * config.intermediate_size
        between = scores
        outer, layers = 8 * hidden, config.num_hidden_layers - 1 + _TARGETS
    inner_layers = 1 if config.gradient_checkpointing is True else layers
    between_layers = 1 if config.gradient_checkpointing else layers
    logits = 3 * _TARGETS * config.token_table_size
    kept = layers * outer + inner_layers * inner + between_layers * between + 3 * hidden + logits
    return 4 * int(batch * length * kept)


def _parts(config, with_mlm):
    """The layers with weights, those of different numbers together, by name."""
    # A stateless scope gives variables their shapes but no values, so that the largest model costs nothing.
    with keras.StatelessScope(initialize_variables=False):
        model = ARCHITECTURES[config.model_type](config, with_mlm=with_mlm).model
        parts = {}
        for layer in model.layers:
            shapes = [tuple(weight.shape) for weight in layer.weights if _is_parameter(weight)]
            if shapes:
                name = _LAYER_NUMBER.sub("", layer.name)
                part = parts.setdefault(name, Part(name, 0, 0, shapes))
                part.layers += 1
                part.parameters += sum(int(np.prod(shape)) for shape in shapes)
    return parts


def _is_parameter(weight):
    return "seed_generator" not in weight.path  # the state of dropout is no parameter


def _total(parts):
    return sum(part.parameters for part in parts)


def _rows(parts):
    return [
        _line(f"{part.layers} × {part.name}" if part.layers > 1 else part.name, _shapes(part.shapes), part.parameters)
        for part in parts
    ]


def _line(name, shapes, parameters):
    return f"{name:<40} {shapes:<44} {parameters:>13,}"


def _shapes(shapes):
    """The shapes of weights, equal neighbours counted: "4 of 768·768"."""
    texts, counted = ["·".join(map(str, shape)) for shape in shapes], []
    for text in texts:
        if counted and counted[-1][1] == text:
            counted[-1][0] += 1
        else:
            counted.append([1, text])
    return ", ".join(f"{count} of {text}" if count > 1 else text for count, text in counted)


def _size(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
