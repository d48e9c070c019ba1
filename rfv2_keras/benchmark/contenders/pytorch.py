"""PyTorch: a plain RoFormerV2 written for the purpose, and the models of transformers, roformer and bert4torch.

Training is fused AdamW under autocast; inference has its weights converted once. On a CPU autocast knows bfloat16.
"""

import contextlib

import torch
from torch import nn
from torch.nn import functional


def make(job):
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, which is TensorFlow's default
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    is_training = job["task"] == "train"
    model = MODELS[job["model"]](job["config"], job["length"], is_training).to(device)
    tokens = torch.randint(5, job["config"]["vocab_size"], (job["batch"], job["length"]), device=device)
    run = torch.compile(model) if job["jit"] else model
    return _training(job, model, run, tokens) if is_training else _inference(job, model, run, tokens)


def _training(job, model, run, tokens):
    if job["optimizer"] != "adamw":
        raise ValueError("PyTorch has no LAMB")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    positions = torch.rand(tokens.shape, device=tokens.device).argsort(1)[:, : job["targets"]].sort(1)[0]
    targets = tokens.gather(1, positions).flatten()
    scaler = torch.amp.GradScaler(tokens.device.type) if job["dtype"] == "float16" else None

    def start():
        with _autocast(job, tokens.device):
            logits = run(tokens, positions)
            loss = functional.cross_entropy(logits.float(), targets)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad(set_to_none=True)
        return loss.item

    return start


def _inference(job, model, run, tokens):
    model.eval().requires_grad_(False).to(getattr(torch, job["dtype"]))

    def start():
        with torch.inference_mode():
            outputs = run(tokens, None)
        return lambda: outputs[0, 0, 0].item()

    return start


def _autocast(job, device):
    if job["dtype"] == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, job["dtype"]))


# --- models: (tokens, positions of targets) -> logits of the targets, or hidden states without positions --------------


class Plain(nn.Module):
    """RoFormerV2, as one would write it: fused query-key-value product, scaled_dot_product_attention, RoPE on pairs."""

    def __init__(self, config, length, is_training):
        super().__init__()
        hidden, inner, self.heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
        self.table = nn.Embedding(config["vocab_size"], hidden)
        nn.init.normal_(self.table.weight, std=0.02)
        self.segments = nn.Embedding(config["type_vocab_size"], hidden)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                nn.Linear(rows, columns, bias=False)
                for rows, columns in ((hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden))
            )
            for _ in range(config["num_hidden_layers"])
        )
        size = hidden // self.heads
        angles = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, size, 2) / size)
        self.register_buffer("cos", angles.cos().repeat_interleave(2, -1))
        self.register_buffer("sin", angles.sin().repeat_interleave(2, -1))

    def forward(self, tokens, positions):
        mask = (tokens != 0)[:, None, None, :]
        x = self.norm(self.table(tokens) + self.segments(torch.zeros_like(tokens)))
        for attention, output, inner, outer in self.layers:
            q, k, v = attention(x).view(*tokens.shape, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            values = functional.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, attn_mask=mask)
            x = self.norm(x + output(values.transpose(1, 2).flatten(2)))
            x = self.norm(x + outer(functional.relu(inner(x))))
        if positions is None:
            return x
        return functional.linear(_at(x, positions), self.table.weight)

    def rotate(self, x):
        turned = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
        return x * self.cos.to(x.dtype) + turned * self.sin.to(x.dtype)

    @staticmethod
    def norm(x):
        return functional.rms_norm(x, x.shape[-1:], eps=1e-7)


class Library(nn.Module):
    """A model of a library: its encoder, and its MLM head, which sees all positions."""

    def __init__(self, model, encode, logits):
        super().__init__()
        self.model = model
        self.encode = encode
        self.logits = logits

    def forward(self, tokens, positions):
        if positions is None:
            return self.encode(self.model, tokens)
        return _at(self.logits(self.model, tokens), positions)


def _at(x, positions):
    """(batch, length, size) at positions (batch, targets) -> (batch · targets, size)."""
    return x.gather(1, positions[..., None].expand(-1, -1, x.shape[-1])).flatten(0, 1)


def _hugging_face(package, name):
    """A model of transformers, or of another package in its style."""

    def build(config, length, is_training):
        import importlib

        library = importlib.import_module(package)
        keys = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        options = {key: config[key] for key in (*keys, "type_vocab_size", "hidden_act")}
        options |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        options["max_position_embeddings"] = max(512, length)
        if package == "roformer":
            options |= {"norm_type": "rms_norm", "use_bias": False, "embedding_size": config["hidden_size"]}
        settings = getattr(library, f"{name}Config")(**options)
        if is_training:
            model = getattr(library, f"{name}ForMaskedLM")(settings)
        else:
            model = getattr(library, f"{name}Model")(settings)
        return Library(model, _last_hidden_state, lambda model, tokens: model(tokens, attention_mask=_ones(tokens))[0])

    return build


def _last_hidden_state(model, tokens):
    return model(tokens, attention_mask=_ones(tokens))[0]


def _ones(tokens):
    return torch.ones_like(tokens)


def _bert4torch(config, length, is_training):
    import json
    import tempfile
    from pathlib import Path

    from bert4torch.models import build_transformer_model

    keys = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act")
    values = {key: config[key] for key in keys} | {
        "type_vocab_size": config["type_vocab_size"],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": max(512, length),
        # What makes its "roformer_v2" one.
        "pos_emb_type": "rotary",
        "layer_norm_mode": "roformer_v2",
        "use_bias": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bert4torch_config.json"  # it takes no other name
        path.write_text(json.dumps(values))
        model = build_transformer_model(config_path=str(path), model=config["model_type"], with_mlm=is_training)
    if is_training:  # its own tie_weights() fails for want of a bias
        model.mlmDecoder.weight = model.embeddings.word_embeddings.weight

    def call(model, tokens):
        return model([tokens, torch.zeros_like(tokens)])

    def logits(model, tokens):
        outputs = call(model, tokens)
        return outputs[-1] if isinstance(outputs, (list, tuple)) else outputs

    return Library(model, call, logits)


MODELS = {
    "plain": Plain,
    "bert": _hugging_face("transformers", "Bert"),
    "roformer": _hugging_face("transformers", "RoFormer"),
    "junnyu": _hugging_face("roformer", "RoFormer"),
    "bert4torch": _bert4torch,
}
