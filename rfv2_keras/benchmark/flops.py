"""The work that a model needs, counted from its config."""


def step_flops(job):
    """Floating-point operations of one step of a job: products only, 2 per multiplication and addition.

    Counted is what the task needs, not what an implementation does: logits at masked positions only, no padding, a
    backward pass twice as dear as the forward pass.
    """
    config, tokens = job.config, job.batch * job.length
    layer = _gated_attention(config, job.length) if config["model_type"] == "gau_alpha" else _block(config, job.length)
    forward = tokens * config["num_hidden_layers"] * layer
    if job.task == "infer":
        return forward
    width = config.get("embedding_size") or config["hidden_size"]
    return 3 * (forward + job.batch * job.targets * 2 * width * config["vocab_size"])


def _block(config, length):
    """Attention and feed-forward layer, per token."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    values = heads * (config.get("attention_head_size") or hidden // heads)
    keys = heads * (config.get("attention_key_size") or values // heads)
    activation = config["hidden_act"]
    matrices = 1 + (len(activation) if isinstance(activation, list) else 1)
    weights = hidden * (2 * keys + 2 * values + matrices * config["intermediate_size"])
    return 2 * weights + 2 * length * (keys + values)


def _gated_attention(config, length):
    """A gated attention unit, per token."""
    units, keys = config["intermediate_size"], config["attention_key_size"]
    return 2 * config["hidden_size"] * (3 * units + keys) + 2 * length * (keys + units)
