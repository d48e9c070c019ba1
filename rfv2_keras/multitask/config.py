"""The config of a multi-task run."""

from typing import Annotated, Any, Literal

from pydantic import Field

from rfv2_keras.config import Section
from rfv2_keras.errors import UserError
from rfv2_keras.training.config import (
    ModelSection,
    OptimizerSection,
    OutputSection,
    PrecisionSection,
    RunConfig,
    ScheduleSection,
    XLASection,
)

_Positive = Annotated[int, Field(ge=1)]


class TaskEntry(Section):
    """One task: a supervised one (`task`), or masked language modelling (`kind` and `records`)."""

    name: str | None = Field(None, pattern=r"^[\w.-]+$", description="null: that of the task, or mlm")
    task: str | dict[str, Any] | None = Field(
        None, description="task of CLUE (tnews, ...), path of a JSON file with a task, or an object with one"
    )
    folder: str | None = Field(None, description="folder of the task's files; null: data.folder")
    kind: Literal["mlm"] | None = Field(None, description="mlm instead of a task: masked language modelling")
    records: str | None = Field(None, description="mlm: folder written by `rfv2 prepare`")
    heldout: str | None = Field(None, description="mlm: folder of records that are evaluated, never trained on")
    masking: Literal["whole_word", "token"] = Field("whole_word", description="mlm: what is masked as a unit")
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0, description="the share of draws is in proportion to it; rule weights only"
    )
    maxlen: Annotated[int, Field(ge=8)] | None = Field(None, description="tokens of a row; null: as the task says")
    batch: _Positive | None = Field(None, description="rows of a micro-batch; null: training.batch")
    cap: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the task counts as no larger than this; other rules than weights"
    )
    mask_rate: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None,
        description="mlm: share of words (tokens) that are targets, 0.15 by default; others: share of tokens that are "
        "replaced by [MASK] in training, 0 by default",
    )


class MultitaskDataSection(Section):
    """Where files are, and to which lengths rows are padded."""

    folder: str = Field(".", description="folder that the files of tasks lie in, such as tnews/train.json")
    vocab: str | None = Field(None, description="vocab.txt; null: the one beside model.init_from or model.config")
    buckets: list[_Positive] = Field(
        [32, 64, 128, 256, 512],
        min_length=1,
        description="lengths that micro-batches are padded to; beyond the last to a multiple of it",
    )


class MixtureSection(Section):
    """How often each task is drawn, see `rfv2_keras.multitask.shares`."""

    rule: Literal["weights", "proportional", "square_root", "temperature"] = "weights"
    temperature: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = Field(None, description="rule temperature")
    cap: Annotated[float, Field(gt=0)] | None = Field(None, description="of tasks without a cap of their own")


class CombinationSection(Section):
    """How the gradients of tasks meet, see `rfv2_keras.multitask.combination`."""

    name: Literal["sum", "loss_scaled", "normalized", "mgda", "primary_auxiliary"] = "sum"
    loss_scale: Literal["initial", "running", "current"] = Field("initial", description="loss_scaled only")
    primary: str | None = Field(
        None, description="primary_auxiliary: name of the primary task, to which the first micro-batch always belongs"
    )


class MultitaskTrainingSection(Section):
    """How much is trained, and how often something is looked at."""

    batch: _Positive = Field(32, description="rows of a micro-batch, over all processes")
    accumulation: _Positive = Field(8, description="micro-batches of an update, each of one task")
    steps: _Positive = Field(description="updates")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of initial heads, mixture, order, masks and dropout")
    alpha_warmup: _Positive | None = Field(None, description='updates in which α of residual="alpha_warmup" goes to 1')
    log_every: _Positive = 10
    evaluate_every: _Positive | None = Field(None, description="updates between two scorings of the dev files")
    evaluate_examples: _Positive | None = Field(None, description="dev examples of a task that count; null: all")
    checkpoint_every: _Positive = 1000
    keep_checkpoints: _Positive = 2


class MultitaskConfig(RunConfig):
    """A whole multi-task run. Read one with `MultitaskConfig.read`."""

    model: ModelSection
    data: MultitaskDataSection = MultitaskDataSection()
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]
    mixture: MixtureSection = MixtureSection()
    combination: CombinationSection = CombinationSection()
    optimizer: OptimizerSection = OptimizerSection(learning_rate=1.76e-4)
    schedule: ScheduleSection
    training: MultitaskTrainingSection
    precision: PrecisionSection = PrecisionSection()
    xla: XLASection = XLASection()
    output: OutputSection

    def _check(self, place):
        for number, entry in enumerate(self.tasks):
            if (entry.task is None) == (entry.kind is None):
                raise UserError(f"{place}: tasks.{number} must have either task or kind.")
            if (entry.kind == "mlm") != (entry.records is not None):
                raise UserError(f"{place}: tasks.{number}: records belong to kind mlm, which needs them.")
            if entry.kind != "mlm" and entry.heldout is not None:
                raise UserError(f"{place}: tasks.{number}: heldout belongs to kind mlm; a task has files.dev.")
            if entry.kind == "mlm" and entry.mask_rate == 0:
                raise UserError(f"{place}: tasks.{number}: mask_rate of mlm must be above 0, received 0.")
        if sum(entry.kind == "mlm" for entry in self.tasks) > 1:
            raise UserError(
                f"{place}: only one task can be of kind mlm; prepare its corpora into one folder of records."
            )
        if self.mixture.rule == "weights" and (self.mixture.cap or any(entry.cap for entry in self.tasks)):
            raise UserError(f"{place}: a cap counts with sizes, so it needs another mixture.rule than weights.")
        if (self.mixture.rule == "temperature") != (self.mixture.temperature is not None):
            raise UserError(f"{place}: mixture.temperature belongs to mixture.rule temperature, which needs it.")
        if (self.combination.name == "primary_auxiliary") != (self.combination.primary is not None):
            raise UserError(f"{place}: combination.primary belongs to primary_auxiliary, which needs it.")
        if self.combination.primary is not None and self.training.accumulation < 2:
            raise UserError(f"{place}: primary_auxiliary needs training.accumulation of 2 or more, received 1.")
