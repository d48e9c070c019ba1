"""Makes tests/golden/exchange: tiny models that other libraries wrote, and what these libraries compute with them.

    python scripts/evidence/exchange_golden.py tests/golden/exchange transformers bert4torch keras-hub
    python scripts/evidence/exchange_golden.py tests/golden/exchange roformer gau-alpha torch   # an older transformers

Names after the folder are libraries, which must be installed in the interpreter that runs this; this package need not
be. roformer 0.4.3 and gau-alpha 0.0.3 need transformers 4 (4.30 was used), the others the current one.
"""

import json
import os
import runpy
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
peer_outputs = runpy.run_path(str(ROOT / "rfv2_keras" / "checkpoints" / "conversion" / "peer_outputs.py"))["main"]
SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
}
HEADS = {"num_attention_heads": 2}
RATES = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
LENGTHS = (24, 20, 17)  # 16 tokens and more: below, implementations of GAU-α differ


def main(folder, *libraries):
    for library in libraries:
        for name, write in MAKERS[library].items():
            case = Path(folder, name)
            case.mkdir(parents=True, exist_ok=True)
            write(case)
            if library != "torch":
                add_outputs(library, case)
            print(name, sum(file.stat().st_size for file in case.iterdir()), "bytes")


def add_outputs(library, case):
    """Random inputs, and the outputs of the library."""
    random = np.random.default_rng(0)
    tokens = random.integers(1, SIZES["vocab_size"], (len(LENGTHS), LENGTHS[0]), dtype=np.int32)
    segments = random.integers(0, SIZES["type_vocab_size"], tokens.shape, dtype=np.int32)
    for row, length in enumerate(LENGTHS):
        tokens[row, length:] = 0
    np.savez(case / "inputs.npz", token=tokens, segment=segments)
    peer_outputs(library, case, case / "inputs.npz", case / "outputs.npz")


# --- PyTorch -----------------------------------------------------------------------------------------------------


def scramble(model, seed=0):
    """Random numbers in all weights, norms and biases included, so that no mistake is hidden by a zero or a one."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def bert(case):
    import transformers

    model = transformers.BertForPreTraining(transformers.BertConfig(**SIZES, **HEADS, **RATES))
    scramble(model).save_pretrained(case)


def roformer(case):
    import transformers

    config = transformers.RoFormerConfig(**SIZES, **HEADS, **RATES, embedding_size=12)
    scramble(transformers.RoFormerForMaskedLM(config)).save_pretrained(case)


def roformer_v2(case):
    import roformer as library

    rest = {"hidden_act": "relu", "norm_type": "rms_norm", "use_bias": False}
    model = library.RoFormerForMaskedLM(library.RoFormerConfig(**SIZES, **HEADS, **RATES, **rest))
    scramble(model).save_pretrained(case)  # pytorch_model.bin
    for file in case.glob("generation_config.json"):
        file.unlink()


def gau_alpha(case):
    import gau_alpha as library

    model = library.GAUAlphaForMaskedLM(library.GAUAlphaConfig(**SIZES, **RATES, attention_key_size=8))
    scramble(model).save_pretrained(case, safe_serialization=True)
    for file in case.glob("generation_config.json"):
        file.unlink()


def bert4torch(architecture, **rest):
    """A function that writes a model of bert4torch."""

    def write(case):
        from bert4torch.models import build_transformer_model

        config = {"model": architecture, **SIZES, **HEADS, **RATES, **rest}
        place = case / "bert4torch_config.json"
        place.write_text(json.dumps(config, indent=2) + "\n")
        model = build_transformer_model(config_path=str(place), with_mlm=True)
        if architecture == "roformer_v2":  # norms keep their scale of 1, and the head is tied by hand
            norms = [module for name, module in model.named_modules() if name.lower().endswith("layernorm")]
            scramble(model)
            for norm in norms:
                norm.weight.data.fill_(1.0)
            model.mlmDecoder.weight.data.copy_(model.embeddings.word_embeddings.weight.data)
        else:
            scramble(model)
        model.save_pretrained(str(case))
        place.write_text(json.dumps(config, indent=2) + "\n")  # it writes what it has read, with defaults

    return write


def torch_formats(case):
    """All storage types, views and both formats of torch.save."""
    import torch

    base = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    tensors = {
        "float": base,
        "transposed": base.t(),
        "part": base[2:4, 1::2],
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "double": base.double(),
        "long": torch.arange(7),
        "bool": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(base[0].clone()),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
    }
    torch.save(tensors, case / "zip.bin")
    torch.save(tensors, case / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 3)).state_dict(), case / "module.bin")  # an OrderedDict
    torch.save(object.__new__(torch.nn.Identity), case / "object.bin")  # a whole module, not a state dict
    arrays = {name: tensor.detach().to(torch.float64).numpy() for name, tensor in tensors.items()}
    np.savez(case / "expected.npz", **arrays)


# --- KerasHub ----------------------------------------------------------------------------------------------------


def keras_hub(case, scales=(1.0,) * 5):
    """The scales of the norms are constant vectors."""
    os.environ["KERAS_BACKEND"] = "torch"  # where its mask is right
    import keras
    import keras_hub as library

    keras.utils.set_random_seed(0)
    model = library.models.RoformerV2Backbone(
        vocabulary_size=SIZES["vocab_size"],
        num_layers=SIZES["num_hidden_layers"],
        num_heads=HEADS["num_attention_heads"],
        hidden_dim=SIZES["hidden_size"],
        intermediate_dim=SIZES["intermediate_size"],
        head_size=SIZES["hidden_size"] // HEADS["num_attention_heads"],
    )
    random, rest = np.random.default_rng(0), iter(scales)
    for weight in model.weights:
        if weight.name == "scale":
            weight.assign(np.full(weight.shape, next(rest)))
        else:
            weight.assign(random.normal(0.0, 0.3, weight.shape))
    model.save_to_preset(str(case))


MAKERS = {
    "transformers": {"bert": bert, "roformer": roformer},
    "roformer": {"roformer_v2": roformer_v2},
    "gau-alpha": {"gau_alpha": gau_alpha},
    "bert4torch": {
        "bert_bert4torch": bert4torch("bert", hidden_act="gelu", tie_word_embeddings=True),
        "roformer_bert4torch": bert4torch(
            "roformer", hidden_act="gelu", pos_emb_type="rotary", tie_word_embeddings=True
        ),
        "roformer_v2_bert4torch": bert4torch(
            "roformer_v2", hidden_act="relu", pos_emb_type="rotary", layer_norm_mode="rmsnorm", use_bias=False
        ),
    },
    "keras-hub": {
        "keras_hub": keras_hub,
        "keras_hub_scaled": lambda case: keras_hub(case, (2.0, 0.5, 3.0, 0.7, 1.0)),
    },
    "torch": {"torch_formats": torch_formats},
}

if __name__ == "__main__":
    main(*sys.argv[1:])
