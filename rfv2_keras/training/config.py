"""The configs of runs, and that of a pretraining run."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from rfv2_keras.config import Section, explain_nested, read_json_object
from rfv2_keras.errors import UserError

_Positive = Annotated[int, Field(ge=1)]


class ModelSection(Section):
    """Which model is trained."""

    config: str | dict[str, Any] = Field(description="model config: path of a JSON file, model directory, or an object")
    overrides: dict[str, Any] = Field({}, description="keys that replace those of the model config")
    init_from: str | None = Field(None, description="checkpoint or model directory to start from; null for random")


class DataSection(Section):
    """What it is trained on, and how tokens are masked."""

    records: str = Field(description="folder written by `rfv2 prepare`")
    heldout: str | None = Field(None, description="folder of records that are evaluated, never trained on")
    maxlen: _Positive | None = Field(None, description="tokens of a row; null: what the records were prepared for")
    buckets: list[int] = Field([], description="shorter lengths that batches may be padded to, besides maxlen")
    masking: Literal["whole_word", "token"] = Field("whole_word", description="what is masked as a unit")
    mask_rate: Annotated[float, Field(gt=0, lt=1)] = Field(0.15, description="share of words (tokens) that are targets")
    packing: bool = Field(False, description="fill rows with several documents that do not see each other")


class OptimizerSection(Section):
    """How weights move."""

    name: Literal["lamb", "adamw"] = "lamb"
    learning_rate: Annotated[float, Field(gt=0)] = Field(1.76e-3, description="at multiplier 1 of the schedule")
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[float, Field(gt=0)] = 1e-6
    bias_correction: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    exclude_from_weight_decay: list[str] = Field([], description="regular expressions on weight paths")
    exclude_from_layer_adaptation: list[str] = Field([], description="regular expressions on weight paths; LAMB only")
    clip_norm: Annotated[float, Field(gt=0)] | None = Field(None, description="largest global norm of the gradient")
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="average the weights; null: no")


class ScheduleSection(Section):
    """The learning rate's multiplier over the updates."""

    points: dict[str, float] = Field(description="update -> multiplier, straight lines between")
    from_zero: bool = Field(True, description="whether it starts at 0 in update 0")


class TrainingSection(Section):
    """How much is trained, and how often something is looked at."""

    batch: _Positive = Field(512, description="rows of one update, over all processes and micro-batches")
    accumulation: _Positive = Field(1, description="micro-batches that each process makes of its share of an update")
    steps: _Positive = Field(description="updates")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of initial weights, order, masks and dropout")
    alpha_warmup: _Positive | None = Field(None, description='updates in which α of residual="alpha_warmup" goes to 1')
    log_every: _Positive = 10
    evaluate_every: _Positive | None = None
    evaluate_batches: _Positive = Field(20, description="held-out batches of one evaluation")
    checkpoint_every: _Positive = 1000
    keep_checkpoints: _Positive = 2


class PrecisionSection(Section):
    """In which number format the model computes."""

    dtype_policy: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="auto: what suits the machine, as `rfv2 doctor` recommends it"
    )
    loss_scale: Literal["dynamic"] | Annotated[float, Field(ge=1)] = Field("dynamic", description="mixed_float16 only")


class XLASection(Section):
    """Whether the model is compiled."""

    jit_compile: bool | Literal["auto"] = Field("auto", description="auto: on GPUs")


class OutputSection(Section):
    """Where results go."""

    directory: str
    tensorboard: bool = True


class RunConfig(Section):
    """How the configs of runs are read and written."""

    @classmethod
    def read(cls, source, overrides=()):
        """Make a config from a JSON file or a dict.

        Args:
            source: path or dict.
            overrides: strings such as `"optimizer.learning_rate=1e-3"`; the value is read as JSON where it is JSON,
                else as text.

        Raises:
            UserError: missing or broken file, unknown key, wrong type, contradiction.
        """
        values = json.loads(json.dumps(source)) if isinstance(source, dict) else read_json_object(source)
        place = "run config" if isinstance(source, dict) else str(source)
        for override in overrides:
            apply_override(values, override)
        try:
            config = cls(**values)
        except pydantic.ValidationError as error:
            raise UserError(explain_nested(error, place, cls)) from None
        config._check(place)
        return config

    def write(self, path):
        """Write the config with all defaults filled in."""
        text = json.dumps(self.model_dump(), indent=2, ensure_ascii=False) + "\n"
        Path(path).write_text(text, encoding="utf-8")

    def _check(self, place):
        """Stop at combinations that no single key can be blamed for."""


class PretrainConfig(RunConfig):
    """A whole run of pretraining. Read one with `PretrainConfig.read`."""

    model: ModelSection
    data: DataSection
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection
    training: TrainingSection
    precision: PrecisionSection = PrecisionSection()
    xla: XLASection = XLASection()
    output: OutputSection

    def _check(self, place):
        training, data = self.training, self.data
        if training.batch % training.accumulation:
            raise UserError(
                f"{place}: training.accumulation must divide training.batch, received {training.accumulation} and "
                f"{training.batch}."
            )
        if training.evaluate_every and not data.heldout:
            raise UserError(f"{place}: training.evaluate_every needs data.heldout, received null.")


def apply_override(values, override):
    """Set one dotted key of a nested dict from `key=value`."""
    path, sign, text = override.partition("=")
    keys = path.strip().split(".")
    if not sign or not all(keys):
        raise UserError(f"--set takes section.key=value, received {override!r}.")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {override}: {key} is not a section.")
    values[keys[-1]] = value
