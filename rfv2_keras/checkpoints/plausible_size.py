"""Whether a config can belong to a file of weights: found out before memory is reserved for the model."""

from pathlib import Path

from rfv2_keras.errors import UserError


def least_parameters(config):
    """Parameters of the kernels and the token table of a config, without heads, biases and norms."""
    hidden, inner = config.hidden_size, config.intermediate_size
    if config.model_type == "gau_alpha":
        layer = hidden * (2 * inner + config.key_size) + inner * hidden
    else:
        gates = len(config.hidden_act) if isinstance(config.hidden_act, list) else 1
        attention = hidden * config.num_attention_heads * 2 * (config.key_size + config.head_size)
        layer = attention + hidden * inner * (gates + 1)
    positions = config.max_position_embeddings if config.model_type == "bert" else 0
    rows = config.token_table_size + config.type_vocab_size + positions
    return rows * (config.embedding_size or hidden) + config.num_hidden_layers * layer


def check_plausible_size(config, files, place):
    """Stop where the files cannot hold the parameters of the config, at half a byte for each, which is the least.

    A wrong or malicious config could otherwise make the model of a small file fill the memory.

    Args:
        config: the `ModelConfig` that lies beside the weights.
        files: paths of the files with the weights.
        place: how to call the folder in messages.

    Raises:
        UserError: the weights cannot be those of the config.
    """
    parameters, size = least_parameters(config), sum(Path(file).stat().st_size for file in files)
    if parameters > 2 * size:
        raise UserError(
            f"{place}: the config describes a model of at least {parameters:,} parameters, but the weights beside it "
            f"have only {size:,} bytes."
        )
