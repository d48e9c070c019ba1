"""Model configs: read, check, explain and write JSON."""

import difflib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pydantic
from pydantic import ConfigDict, Field

from rfv2_keras.errors import UserError

# What a config that leaves a key out means by it, per architecture.
ARCHITECTURES = {
    "roformer_v2": {"hidden_act": "relu", "norm_type": "rms_norm", "use_bias": False, "initializer_order": 2},
    "gau_alpha": {
        "hidden_act": "swish",
        "norm_type": "rms_norm",
        "use_bias": False,
        "initializer_order": 3,
        "normalization": "softmax_plus",
        "num_attention_heads": 1,
        "attention_key_size": 128,
    },
    "roformer": {"hidden_act": "gelu"},
    "bert": {"hidden_act": "gelu", "layer_norm_eps": 1e-12},
}

# Other names of the same keys: bert4keras's keyword arguments, Hugging Face's and JunnYu's configs.
ALIASES = {
    "max_position": "max_position_embeddings",
    "segment_vocab_size": "type_vocab_size",
    "dropout_rate": "hidden_dropout_prob",
    "attention_dropout_rate": "attention_probs_dropout_prob",
    "norm_eps": "layer_norm_eps",
    "num_gau_layers": "num_hidden_layers",
    "model": "model_type",
}

# Keys of released files that say nothing about the model as it is built here.
IGNORED = frozenset(
    """_name_or_path architectures attn_implementation bos_token_id chunk_size_feed_forward classifier_dropout
    directionality dtype eos_token_id finetuning_task gradient_checkpointing_kwargs id2label initializer_factor
    is_decoder is_encoder_decoder label2id model_max_length num_labels output_attentions output_hidden_states
    output_past pad_token_id pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head
    pooler_type problem_type pruned_heads return_dict summary_activation summary_first_dropout
    summary_proj_to_labels summary_type summary_use_proj tie_word_embeddings tokenizer_class torch_dtype torchscript
    transformers_version use_cache add_cross_attention cross_attention_hidden_size""".split()
)

# Keys that are accepted with one value only, because the other would be another model.
FIXED = {"rotary_value": False, "position_embedding_type": "absolute", "attention_scale": True}

_UNION_MEMBER = re.compile(r"(list|tuple|dict|function-\w+)\[.*\]|str|int|float|bool|constrained-\w+")

_Size = Annotated[int, Field(ge=1, le=1_000_000)]
_Rate = Annotated[float, Field(ge=0.0, lt=1.0)]

_Tokens = list[int] | Annotated[tuple[list[int], list[float]], Field(strict=False)]  # ids, or ids and weights


class Section(pydantic.BaseModel):
    """Base of what is read from JSON: no unknown keys, no conversions between types."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class ModelConfig(pydantic.BaseModel):
    """The shape of a model, in the keys of the released `bert_config.json` files.

    RoFormerV2's released files hold nine keys; every other key has a default that depends on `model_type` (see
    `ARCHITECTURES`). Create one with `ModelConfig.read`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())

    model_type: Literal["roformer_v2", "gau_alpha", "roformer", "bert"]
    vocab_size: Annotated[int, Field(ge=1, le=10_000_000)]
    hidden_size: _Size
    num_hidden_layers: Annotated[int, Field(ge=1, le=1000)]  # two GAU layers weigh as much as one attention + FFN block
    intermediate_size: _Size
    num_attention_heads: Annotated[int, Field(ge=1, le=1000)]  # a GAU has one
    hidden_act: str | Annotated[list[str], Field(min_length=1)]  # a list makes the feed-forward layer gated
    hidden_dropout_prob: _Rate = 0.1
    attention_probs_dropout_prob: _Rate = 0.1
    type_vocab_size: Annotated[int, Field(ge=0, le=1000)] = 2  # 0: no segment input
    embedding_size: _Size | None = None  # hidden_size
    attention_head_size: _Size | None = None  # of values; hidden_size / num_attention_heads
    attention_key_size: _Size | None = None  # of queries and keys; attention_head_size
    max_position_embeddings: _Size = 512  # BERT only: rotary positions have no limit
    layer_norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-7
    norm_type: Literal["layer_norm", "rms_norm"] = "layer_norm"
    use_bias: bool = True
    normalization: Literal["softmax", "softmax_plus", "squared_relu"] = "softmax"  # of attention
    normalization_length: _Size | None = None  # its l, for every input; the number of tokens that are no padding
    norm_placement: Literal["post", "pre"] = "post"
    residual: Literal["plain", "alpha_warmup", "rezero", "deepnorm"] = "plain"
    initializer_range: Annotated[float, Field(gt=0.0)] = 0.02  # where there is no initializer_order
    initializer_order: Annotated[int, Field(ge=1, le=10)] | None = None  # see models.initializer.DepthScaledNormal
    gradient_checkpointing: Literal[False, True, "attention"] = False  # what is computed twice
    keep_tokens: list[int] | None = None  # rows of the token table to keep, in this order
    compound_tokens: list[_Tokens] | None = None  # further tokens: the (weighted) mean of these kept rows each

    @classmethod
    def read(cls, source, model_type=None, **overrides):
        """Make a config from a JSON file, a model directory or a dict.

        Args:
            source: path of a JSON file, a folder that holds `config.json` or `bert_config.json`, a dict, or a
                `ModelConfig`.
            model_type: architecture; needed where the source does not name one (the released files do not).
            **overrides: keys that replace those of the source.

        Raises:
            UserError: the file is missing or broken, a key is unknown or has a wrong type, or keys contradict.
        """
        values, place = _read_source(source)
        if model_type is not None:
            overrides["model_type"] = model_type
        values = {**_canonical(values, place), **_canonical(overrides, place)}
        values = _with_architecture(values, place)
        try:
            config = cls(**values)
        except pydantic.ValidationError as error:
            raise UserError(explain(error, place)) from None
        config._check(place)
        return config

    @property
    def token_table_size(self):
        """Rows of the token table after `keep_tokens` and `compound_tokens`."""
        kept = self.vocab_size if self.keep_tokens is None else len(self.keep_tokens)
        return kept + len(self.compound_tokens or [])

    @property
    def head_size(self):
        """Size of one head's values."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def key_size(self):
        """Size of one head's queries and keys."""
        return self.attention_key_size or self.head_size

    def write(self, path):
        """Write the config as JSON, as it describes the built model: kept and compound tokens are in the table now."""
        values = self.model_dump(exclude_none=True, exclude={"keep_tokens", "compound_tokens"})
        values["vocab_size"] = self.token_table_size
        Path(path).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _check(self, place):
        """Stop at combinations that no single key can be blamed for."""
        heads, is_gau = self.num_attention_heads, self.model_type == "gau_alpha"
        if not is_gau and self.attention_head_size is None and self.hidden_size % heads:
            raise UserError(
                f"{place}: num_attention_heads must divide hidden_size unless attention_head_size is given, received "
                f"num_attention_heads={heads}, hidden_size={self.hidden_size}."
            )
        if self.model_type != "bert" and self.key_size % 2:
            raise UserError(
                f"{place}: rotary positions need an even attention_key_size, received {self.key_size}"
                f"{'' if self.attention_key_size else ' (from hidden_size / num_attention_heads)'}."
            )
        if self.normalization == "softmax" and self.normalization_length is not None:
            raise UserError(
                f"{place}: normalization_length needs normalization 'softmax_plus' or 'squared_relu', received "
                "'softmax'."
            )
        if self.residual == "deepnorm" and self.norm_placement == "pre":  # the stream would grow without bound
            raise UserError(f"{place}: residual 'deepnorm' needs norm_placement 'post', received 'pre'.")
        if is_gau and isinstance(self.hidden_act, list):
            raise UserError(f"{place}: hidden_act of gau_alpha must be one name, received {self.hidden_act}.")
        for act in self.hidden_act if isinstance(self.hidden_act, list) else [self.hidden_act]:
            _check_activation(act, place)
        _check_ids(self.keep_tokens, self.vocab_size, f"{place}: keep_tokens")
        kept = self.vocab_size if self.keep_tokens is None else len(self.keep_tokens)
        for number, tokens in enumerate(self.compound_tokens or []):
            _check_compound(tokens, kept, f"{place}: compound_tokens[{number}]")


def _read_source(source):
    """The keys of a source, and how to call it in messages."""
    if isinstance(source, ModelConfig):
        return source.model_dump(exclude_none=True), "config"
    if isinstance(source, dict):
        return dict(source), "config"
    path = Path(source)
    if path.is_dir():
        names = ("config.json", "bert_config.json")
        path = next((path / name for name in names if (path / name).is_file()), None)
        if path is None:
            raise UserError(f"{source}: the folder holds neither {' nor '.join(names)}.")
    return read_json_object(path), str(path)


def read_json_object(path):
    """The dict in a JSON file.

    Raises:
        UserError: the file is missing, not UTF-8, not JSON, or not an object.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold a JSON object, received {type(values).__name__}.")
    return values


def _canonical(values, place):
    """The keys that matter, under their own names."""
    known = set(ModelConfig.model_fields)
    result = {}
    for key, value in values.items():
        name = ALIASES.get(key, key)
        if name in known:
            if name in result and result[name] != value:
                raise UserError(f"{place}: {name} and its other name {key} differ: {result[name]!r}, {value!r}.")
            result[name] = value
        elif key in FIXED:
            if value not in (FIXED[key], None):
                raise UserError(f"{place}: {key} must be {json.dumps(FIXED[key])}, received {json.dumps(value)}.")
        elif key not in IGNORED:
            raise UserError(f'{place}: unknown key "{key}"{nearest(key, known | set(ALIASES))}.')
    return result


def nearest(key, known):
    """The end of a sentence about an unknown key: the known key that looks most like it, or all of them."""
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f'; did you mean "{near[0]}"' if near else f"; known keys are {', '.join(sorted(known))}"


def _with_architecture(values, place):
    """Fill in what the architecture implies."""
    name = values.get("model_type")
    if name is None:
        raise UserError(
            f"{place}: names no architecture; give model_type (or model=) as one of {', '.join(ARCHITECTURES)}."
        )
    name = "bert" if name == "roberta" else name
    if name == "roformer" and values.get("norm_type") == "rms_norm":
        name = "roformer_v2"  # Hugging Face files of RoFormerV2 say model_type "roformer"
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise UserError(f"{place}: model_type must be one of {', '.join(ARCHITECTURES)}, received {name!r}.")
    return {**ARCHITECTURES[name], **{k: v for k, v in values.items() if v is not None}, "model_type": name}


def explain(error, place):
    """One sentence for the first thing that pydantic found."""
    first = error.errors()[0]
    # pydantic names the members of a union as if they were keys.
    key = ".".join(str(part) for part in first["loc"] if not _UNION_MEMBER.fullmatch(str(part)))
    if first["type"] == "missing":
        return f"{place}: {key} is missing."
    received: Any = first["input"]
    return f"{place}: {key}: {first['msg'][0].lower()}{first['msg'][1:]}, received {json.dumps(received, default=str)}."


def explain_nested(error, place, model):
    """`explain` for a model of sections: an unknown key is named with its sections and the nearest known key."""
    first = error.errors()[0]
    if first["type"] != "extra_forbidden":
        return explain(error, place)
    *sections, key = first["loc"]
    for section in sections:
        # A number is a place in a list, whose items are of the type in its brackets.
        model = get_args(model)[0] if isinstance(section, int) else model.model_fields[section].annotation
    return f'{place}: unknown key "{".".join(map(str, first["loc"]))}"{nearest(key, set(model.model_fields))}.'


def _check_activation(name, place):
    from rfv2_keras.layers.activations import get_activation

    try:
        get_activation(name)
    except ValueError:
        raise UserError(f"{place}: hidden_act must name a Keras activation, received {name!r}.") from None


def _check_ids(ids, size, what):
    if ids is None:
        return
    if not ids:
        raise UserError(f"{what} must not be empty.")
    wrong = next((i for i in ids if not 0 <= i < size), None)
    if wrong is not None:
        raise UserError(f"{what} must hold ids from 0 to {size - 1}, received {wrong}.")


def _check_compound(tokens, size, what):
    ids, weights = tokens if isinstance(tokens, tuple) else (tokens, [1.0] * len(tokens))
    _check_ids(ids, size, what)
    if len(weights) != len(ids) or not sum(weights):
        raise UserError(f"{what} must hold as many weights as ids, with a sum other than 0, received {weights}.")
