"""What another library computes with a folder of its own; a program of its own, run as a child process.

    python peer_outputs.py LIBRARY FOLDER inputs.npz outputs.npz [FOLDER inputs.npz outputs.npz ...]

It imports nothing of this package, so that the interpreter may be any that has the library: some need versions of
others that exclude each other. inputs.npz holds `token` and `segment` (rows, length); token 0 is padding. outputs.npz
gets those of `hidden` (rows, length, size), `logits` (rows, length, tokens) and `pooled` (rows, size) that the model
has, `rows` (bool, which rows can be compared) and `versions`. Exit status 3: the library is not installed.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np

MODULES = {
    "transformers": "transformers",
    "roformer": "roformer",
    "gau-alpha": "gau_alpha",
    "bert4torch": "bert4torch",
    "keras-hub": "keras_hub",
}


def main(library, folder, inputs, outputs):
    given = np.load(inputs)
    tokens, segments = given["token"], given["segment"]
    rows = np.ones(len(tokens), bool)
    if library == "keras-hub":
        try:
            importlib.import_module("torch")
            os.environ["KERAS_BACKEND"] = "torch"
        except ImportError:
            rows = np.all(tokens != 0, axis=1)  # only its torch branch masks keys, the other ones mask queries
        module, result = _keras_hub(folder, tokens, segments)
    elif library == "bert4torch":
        module, result = _bert4torch(folder, tokens, segments)
    else:
        module, result = _transformers_like(MODULES[library], folder, tokens, segments)
    names = [library, "transformers", "torch", "keras"]
    versions = [f"{name} {version}" for name in dict.fromkeys(names) if (version := _version(name, module))]
    np.savez(outputs, rows=rows, versions=", ".join(versions), **result)


def _version(name, module):
    if MODULES.get(name, name).partition(".")[0] not in sys.modules:
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return getattr(module, "__version__", "?")


def _transformers_like(name, folder, tokens, segments):
    """transformers, and the packages that are written like it."""
    import torch

    module = importlib.import_module(name)
    wanted = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))["architectures"][0]
    model = getattr(module, wanted).from_pretrained(folder).eval()
    tokens, segments = torch.tensor(tokens).long(), torch.tensor(segments).long()
    with torch.no_grad():
        outputs = model(
            input_ids=tokens,
            attention_mask=(tokens != 0).float(),
            token_type_ids=segments,
            output_hidden_states=True,
            return_dict=True,
        )
    found = {"hidden": outputs["hidden_states"][-1]}
    for key, field in {"logits": "logits", "prediction_logits": "logits", "pooler_output": "pooled"}.items():
        if outputs.get(key) is not None:
            found[field] = outputs[key]
    return module, {key: value.numpy() for key, value in found.items()}


def _bert4torch(folder, tokens, segments):
    import torch

    module = importlib.import_module("bert4torch")
    from bert4torch.models import build_transformer_model

    config = json.loads(Path(folder, "bert4torch_config.json").read_text(encoding="utf-8"))
    weights = next(str(path) for path in sorted(Path(folder).glob("*")) if path.suffix in (".safetensors", ".bin"))
    names = _tensor_names(weights)
    with_mlm = config["model"] in ("roformer_v2", "gau_alpha") or any("redictions" in name for name in names)
    with_pool = any("pooler" in name for name in names)
    model = build_transformer_model(
        config_path=str(Path(folder, "bert4torch_config.json")),
        checkpoint_path=weights,
        with_mlm=with_mlm,
        **({"with_pool": with_pool} if with_pool else {}),
    ).eval()
    with torch.no_grad():
        outputs = model([torch.tensor(tokens).long(), torch.tensor(segments).long()])
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    fields = ["hidden", *(["pooled"] if with_pool else []), *(["logits"] if with_mlm else [])]
    return module, {field: value.numpy() for field, value in zip(fields, outputs, strict=False)}


def _tensor_names(path):
    if path.endswith(".safetensors"):
        import safetensors

        with safetensors.safe_open(path, framework="np") as file:
            return list(file.keys())
    import torch

    return list(torch.load(path, weights_only=True))


def _keras_hub(folder, tokens, segments):
    module = importlib.import_module("keras_hub")
    model = module.models.RoformerV2Backbone.from_preset(str(folder))
    hidden = model({"token_ids": tokens.astype("int32"), "segment_ids": segments.astype("int32")}, training=False)
    hidden = hidden.detach().cpu().numpy() if hasattr(hidden, "detach") else np.asarray(hidden)
    return module, {"hidden": hidden}


if __name__ == "__main__":
    if importlib.util.find_spec(MODULES[sys.argv[1]]) is None:
        sys.exit(3)
    library, *files = sys.argv[1:]
    for first in range(0, len(files), 3):
        main(library, *files[first : first + 3])
