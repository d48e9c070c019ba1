"""Which contenders a command lets run."""

import itertools

from rfv2_keras.benchmark.job import Job
from rfv2_keras.config import ARCHITECTURES, ModelConfig
from rfv2_keras.errors import UserError

SIZES = {
    "tiny": (128, 4, 4),
    "small": (384, 6, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
}  # hidden, layers, heads
# Name -> `gradient_checkpointing`; None: what the config says.
CHECKPOINTING = {"config": None, "none": False, "attention": "attention", "layers": True}
DTYPES = ("float32", "bfloat16", "float16")
VOCABULARY = 12000

# Name of a peer -> (file in `contenders`, model in that file).
PEERS = {
    "keras-hub": ("keras_hub", ""),
    "pytorch": ("pytorch", "plain"),
    "transformers-bert": ("pytorch", "bert"),
    "transformers-roformer": ("pytorch", "roformer"),
    "roformer": ("pytorch", "junnyu"),
    "bert4torch": ("pytorch", "bert4torch"),
}


def named_config(name):
    """A model config from a path, or from an architecture and a size such as `"roformer_v2_base"` or `"base"`.

    Returns:
        (short title, dict of the config without dropout).

    Raises:
        UserError: it is neither.
    """
    architecture, _, size = name.rpartition("_")
    architecture = architecture or "roformer_v2"
    if size in SIZES and architecture in ARCHITECTURES:
        hidden, layers, heads = SIZES[size]
        is_gau = architecture == "gau_alpha"
        config = {
            "model_type": architecture,
            "vocab_size": VOCABULARY,
            "hidden_size": hidden,
            "num_hidden_layers": 2 * layers if is_gau else layers,
            "intermediate_size": 2 * hidden if is_gau else 4 * hidden,
            **({} if is_gau else {"num_attention_heads": heads}),
        }
        title = f"{architecture}-{size}"
    elif "/" in name or name.endswith(".json"):
        config, title = name, name.rsplit("/", 1)[-1].removesuffix(".json")
    else:
        raise UserError(
            f"--config takes the path of a model config (JSON), or one of {', '.join(SIZES)}, or an architecture and a "
            f"size such as gau_alpha_base; received: {name!r}."
        )
    config = ModelConfig.read(config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    return title, config.model_dump(exclude_none=True)


def own_jobs(task, configs, batches, lengths, dtypes, jits, optimizers, checkpointing=("config",)):
    """This package in every combination; jit None is what "auto" picks."""
    jobs = []
    for name, twice in itertools.product(configs, checkpointing):
        title, config = named_config(name)
        if CHECKPOINTING[twice] is not None:
            config["gradient_checkpointing"] = CHECKPOINTING[twice]
        for batch, length in _shapes(batches, lengths):
            for dtype, jit, optimizer in itertools.product(dtypes, jits, optimizers):
                jit = auto_jit() if jit is None else jit
                jobs.append(Job("rfv2", task, dtype, config, title, batch, length, jit, optimizer))
    return list(dict.fromkeys(jobs))


def peer_jobs(
    task, config, batches, lengths, dtypes, jits, peers, pythons, optimizer="adamw", checkpointing=("config",)
):
    """This package as "auto" sets it, and each peer.

    Args:
        jits: whether peers are compiled; [False, True] lets each run both ways.
        peers: names in `PEERS`.
        pythons: dict of name -> interpreter of a peer that is installed elsewhere.
        checkpointing: names in `CHECKPOINTING`, for this package.
    """
    for name in (*peers, *pythons):
        if name not in PEERS:
            raise UserError(f"--peer and --python take one of {', '.join(PEERS)}; received: {name!r}.")
    jobs = own_jobs(task, [config], batches, lengths, dtypes, [None], [optimizer], checkpointing)
    title, config = named_config(config)
    for batch, length in _shapes(batches, lengths):
        for peer, dtype, jit in itertools.product(peers, dtypes, jits):
            library, model = PEERS[peer]
            python = pythons.get(peer, "")
            jobs.append(Job(library, task, dtype, config, title, batch, length, jit, optimizer, model, python))
    return jobs


def peak_jobs(dtypes, with_torch):
    """Matrix products with TensorFlow, and with PyTorch and numpy where they can."""
    jobs = []
    for dtype in dtypes:
        jobs.append(Job("products", "peak", dtype, model="tensorflow"))
        if with_torch:
            jobs.append(Job("products", "peak", dtype, model="torch"))
    return jobs


def auto_jit():
    """What `jit_compile: "auto"` means on this machine."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _shapes(batches, lengths):
    """Pairs of batch and length: as many of each are pairs, one goes with all of the other."""
    if len(batches) == len(lengths):
        return list(zip(batches, lengths, strict=True))
    if min(len(batches), len(lengths)) == 1:
        return list(itertools.product(batches, lengths))
    raise UserError(
        f"--batch and --length must be equally many, or one of one of them; received: {batches} and {lengths}."
    )
