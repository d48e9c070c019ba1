"""From a model in one format to the same model in another, with a check that it is the same."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import keras

from rfv2_keras.checkpoints.assign import weights_by_path
from rfv2_keras.checkpoints.conversion.comparison import compare_with_library, difference, our_outputs, random_inputs
from rfv2_keras.checkpoints.foreign import foreign_config
from rfv2_keras.checkpoints.keras_hub import is_keras_hub_folder, save_keras_hub
from rfv2_keras.checkpoints.loading import load_weights, open_weights
from rfv2_keras.checkpoints.model_directory import save_model_directory
from rfv2_keras.checkpoints.pretrained import RELEASED_CONFIG, PretrainedFolder
from rfv2_keras.checkpoints.pytorch.export import LAYOUTS, check_layout
from rfv2_keras.checkpoints.pytorch.huggingface import save_huggingface
from rfv2_keras.checkpoints.report import LoadReport
from rfv2_keras.checkpoints.tensorflow_checkpoint import save_tf_checkpoint
from rfv2_keras.errors import UserError

FORMATS = ("keras", "bert4keras", "huggingface", "keras-hub")
_CHECKPOINT = "bert_model.ckpt"
_CLOSE = 1e-3  # of the largest output; float32 in another order of sums gives 1e-6


@dataclass
class ConversionReport:
    """What `convert` did.

    Attributes:
        source, target: the folders.
        load: the `LoadReport` of the source.
        written: what the target is, in words.
        left_out: weights of the source's model that the target has no place for.
        differences: the `Difference`s from other libraries and from the target as it is read back.
    """

    source: str
    target: str
    load: LoadReport
    written: str
    left_out: list = field(default_factory=list)
    differences: list = field(default_factory=list)

    def __str__(self):
        lines = [str(self.load), f"{self.target}: {self.written}"]
        if self.left_out:
            lines.append(f"  left out, since the target has no place for it: {', '.join(self.left_out)}")
        return "\n".join([*lines, *(f"  {item}" for item in self.differences)])


def convert(source, target, to, layout=None, model_type=None, python=None, compare=True, tell=lambda text: None):
    """Write a model in another format and compare outputs.

    Args:
        source: any folder that `PretrainedFolder.read` takes; a vocabulary may be absent.
        target: the folder to write; it must not exist, or be empty.
        to: `"keras"` (model directory), `"bert4keras"` (TensorFlow checkpoint with `bert_config.json`), `"huggingface"`
            or `"keras-hub"`.
        layout: for `"huggingface"`, a library of `pytorch.export.LAYOUTS`; None for the usual one of the architecture.
        model_type: architecture, where the source does not say it.
        python: interpreter with the libraries to compare with; None for this one.
        compare: False leaves out the comparison with other libraries; what was written is read back in any case.
        tell: function that is called with a line of text at every step.

    Returns:
        A `ConversionReport`.

    Raises:
        UserError: the source cannot be read, the target's format cannot express the model, or outputs differ.
    """
    target = Path(target)
    if to not in FORMATS:
        raise UserError(f"--to must be one of {', '.join(FORMATS)}, received {to!r}.")
    if layout is not None and to != "huggingface":
        raise UserError(f"--layout is for --to huggingface only, received --to {to}.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: exists and is not an empty folder; a conversion writes a new one.")
    tell(f"reading {source}")
    folder = PretrainedFolder.read(source, model_type, needs_vocab=False)
    layout = _layout(folder.config, to, layout)
    model, report = load_whole(folder)
    result = ConversionReport(str(source), str(target), report, _WORDS[to].format(layout=layout))
    inputs = random_inputs(folder.config)
    ours = our_outputs(model, folder.config, inputs)
    tell(f"writing {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target.parent) as temporary:
        unfinished = Path(temporary, "model")
        result.left_out = _write(model, folder, unfinished, to, layout)
        tell("reading it back and comparing outputs")
        again = PretrainedFolder.read(unfinished, folder.config.model_type, needs_vocab=False)
        outputs = our_outputs(load_whole(again)[0], again.config, inputs)
        back = difference(ours, outputs, inputs, "the target read back", "this package")
        if not back.relative <= _CLOSE:
            raise UserError(f"{target}: was not written, since what was read back is another model ({back}).")
        result.differences.append(back)
        if compare:
            for place, library in _libraries(folder.weights, unfinished, to, layout):
                tell(f"running {library} on {'the source' if place != unfinished else 'the target'}")
                result.differences.append(compare_with_library(ours, inputs, library, place, python))
            if to == "bert4keras":
                result.differences.append("outputs not compared with bert4keras: it needs an old TensorFlow")
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    return result


def load_whole(folder):
    """The model of a `PretrainedFolder` with all the heads that it has weights for, and the `LoadReport`."""
    from rfv2_keras.models import ARCHITECTURES  # builds layers, which is slow to import

    config = folder.config
    build = ARCHITECTURES[config.model_type]
    encoder = build(config).model
    with open_weights(folder.weights, encoder) as source:
        has = {path: source.name_of(path) in source.arrays for path in _HEADS}
    if config.model_type in ("bert", "roformer"):
        nsp = has["NSP-Proba/kernel"] and has["Pooler-Dense/kernel"]
        heads = {"with_pool": has["Pooler-Dense/kernel"], "with_nsp": nsp}
        heads["with_mlm"] = has["MLM-Dense/kernel"] and has["MLM-Bias/beta"] and "linear"
    else:
        mapped = config.embedding_size not in (None, config.hidden_size)
        heads = {"with_mlm": "linear" if has["Output-Mapping/kernel"] or not mapped else False}
    try:
        model = build(config, **heads).model
        return model, load_weights(model, folder.weights, config)
    except UserError:
        if not heads["with_mlm"]:
            raise
        # An MLM head whose matrix is not the token table: the rest is a model all the same.
        model = build(config, **{**heads, "with_mlm": False}).model
        return model, load_weights(model, folder.weights, config)


_HEADS = ("Pooler-Dense/kernel", "NSP-Proba/kernel", "MLM-Dense/kernel", "MLM-Bias/beta", "Output-Mapping/kernel")

_WORDS = {
    "keras": "model directory of this package",
    "bert4keras": "TensorFlow checkpoint with the names of bert4keras",
    "huggingface": "config and model.safetensors for {layout}",
    "keras-hub": "preset of KerasHub's RoFormerV2",
}


def _layout(config, to, layout):
    """The library of a Hugging Face folder; stops early if it cannot have the model."""
    if to != "huggingface":
        return None
    layout = layout or LAYOUTS[config.model_type][0]
    check_layout(config, layout)
    return layout


def _write(model, folder, path, to, layout):
    """Write the target; returns the weights that have no place in it."""
    config, vocab = folder.config, folder.vocab
    if to == "keras":
        save_model_directory(model, config, vocab, path)
        return []
    path.mkdir()
    if to == "bert4keras":
        config.write(path / RELEASED_CONFIG)
        save_tf_checkpoint(model, path / _CHECKPOINT)
    else:
        weights = {
            name: keras.ops.convert_to_numpy(variable.value)
            for name, variable in weights_by_path(model).items()
            if variable.dtype == "float32"  # the states of dropout are integers
        }
        # The MLM head of RoFormerV2 with embedding_size: none of these libraries has it.
        left_out = [name for name in weights if name.startswith("Output-Mapping/")]
        weights = {name: array for name, array in weights.items() if name not in left_out}
        if to == "keras-hub":
            save_keras_hub(weights, config, path, vocab)
            return left_out
        save_huggingface(weights, config, path, layout)
    if vocab is not None:
        (path / "vocab.txt").write_bytes(vocab.read_bytes())
    return [] if to == "bert4keras" else left_out


def _libraries(source, target, to, layout):
    """(folder, library that reads it) for the source and the target."""
    if source.is_dir() and is_keras_hub_folder(source):
        yield source, "keras-hub"
    elif source.is_dir() and (config := foreign_config(source)) is not None:
        is_bert4torch = (source / "bert4torch_config.json").is_file()
        yield source, "bert4torch" if is_bert4torch else LAYOUTS[config.model_type][0]
    if to in ("huggingface", "keras-hub"):
        yield target, layout or to
