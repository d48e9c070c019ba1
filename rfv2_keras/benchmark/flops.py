"""The work that a model needs, counted from its config."""


def step_flops(job):
    """Floating-point operations of one step of a job: products only, 2 per multiplication and addition.

    Counted is what the task needs, not what an implementation does: no padding, a backward pass twice as dear as the
    forward pass, and of the MLM head and of the last layer what gives the logits at masked positions (the last unit of
    GAU-α is counted whole).
    """
    config, tokens, targets = job.config, job.batch * job.length, job.batch * job.targets
    count = _gated_attention if config["model_type"] == "gau_alpha" else _block
    layers, (layer, at_all) = config["num_hidden_layers"], count(config, job.length)
    if job.task == "infer":
        return tokens * layers * layer
    last = tokens * at_all + targets * (layer - at_all)
    width = config.get("embedding_size") or config["hidden_size"]
    return 3 * (tokens * (layers - 1) * layer + last + targets * 2 * width * config["vocab_size"])


def _block(config, length):
    """Attention and feed-forward layer, per token, and what of it are keys and values: needed wherever targets are."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    values = heads * (config.get("attention_head_size") or hidden // heads)
    keys = heads * (config.get("attention_key_size") or values // heads)
    activation = config["hidden_act"]
    matrices = 1 + (len(activation) if isinstance(activation, list) else 1)
    weights = hidden * (2 * keys + 2 * values + matrices * config["intermediate_size"])
    return 2 * weights + 2 * length * (keys + values), 2 * hidden * (keys + values)


def _gated_attention(config, length):
    """A gated attention unit, per token, twice: it makes all of it in one product."""
    units, keys = config["intermediate_size"], config["attention_key_size"]
    unit = 2 * config["hidden_size"] * (3 * units + keys) + 2 * length * (keys + units)
    return unit, unit
