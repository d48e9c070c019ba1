"""What the runs of all stages have in common: resume, train, evaluate, save."""

import math
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

from rfv2_keras.data.records import VOCABULARY
from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdamW, Lamb, PiecewiseLinear
from rfv2_keras.training.doctor import recommend
from rfv2_keras.training.machine import read_machine
from rfv2_keras.training.metrics_log import MetricsLog
from rfv2_keras.training.run_checkpoints import RunCheckpoints
from rfv2_keras.training.update import alpha_branches


class TrainingRun(ABC):
    """A run of the training loop, made from its config.

    Args:
        config: with the sections `optimizer`, `schedule`, `training`, `precision`, `xla` and `output` of run configs.
        processes: `SingleProcess` or `WorkerProcesses`.
        stream: where progress goes; None for nowhere.

    Attributes that a subclass makes in its `__init__`:
        model: what is trained, with `weights`, `trainable_variables` and `layers`.
        update: `Update`.
        vocab: path of the vocabulary.
    """

    def __init__(self, config, processes, stream):
        self.processes = processes
        self.stream = stream
        self.config = self._with_precision(config)
        self.folder = Path(config.output.directory)
        self.checkpoints = RunCheckpoints(self.folder / "checkpoints", config.training.keep_checkpoints, self.say)
        self.best = {"step": None, "loss": math.inf}

    # --- what a stage says about itself ----------------------------------------------------------------------------

    @abstractmethod
    def announce(self, start):
        """Say what is about to be trained, `start` updates being done."""

    @abstractmethod
    def loop(self, start, metrics):
        """The `TrainingLoop`, ready to go on after `start` updates."""

    @abstractmethod
    def evaluation(self):
        """Function that evaluates the model and gives (loss, numbers to be logged, texts to be shown)."""

    @abstractmethod
    def save_model(self, folder):
        """Write the model directory."""

    def state(self):
        """What has to be kept in checkpoints besides weights, optimizer and loss scale, as JSON values by name."""
        return {}

    def set_state(self, state):  # noqa: B027 - a stage that keeps nothing takes up nothing
        """Take up the state of a checkpoint."""

    # --- the course of a run -----------------------------------------------------------------------------------------

    def run(self, resume):
        """Train from the latest checkpoint, or from the start, to the end; the path of the run directory."""
        config, training = self.config, self.config.training
        start = self._resume(resume)
        if self.processes.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            config.write(self.folder / "config.json")
            shutil.copyfile(self.vocab, self.folder / VOCABULARY)
        metrics = self._metrics(start)
        self.announce(start)
        loop = self.loop(start, metrics)
        events = [(training.checkpoint_every, lambda done: self._save(done, loop))]
        if training.evaluate_every:
            evaluate = self.evaluation()
            events.insert(0, (training.evaluate_every, lambda done: self._evaluate(done, evaluate, metrics)))
        if start < training.steps:
            loop.run(start, training.steps, training.log_every, events)
        if metrics is not None:
            metrics.close()
            if config.optimizer.ema_momentum:
                self.update.optimizer.finalize_variable_values(self.model.trainable_variables)
            self.save_model(self.folder / "model")
            self.say(f"The trained model is in {self.folder / 'model'}.")
        return self.folder

    def _resume(self, resume):
        """Restore the latest checkpoint; the number of updates done."""
        if not resume:
            if self.checkpoints.steps():
                raise UserError(
                    f"{self.folder}: holds checkpoints of an earlier run; resume it, or use another folder."
                )
            return 0
        state = self.checkpoints.restore_latest(self.model, self.update.optimizer)
        if state is None:
            return 0
        self.update.loss_scale.set_state(state["loss_scale"])
        self.best = {"step": state["best_step"], "loss": math.inf if state["best_loss"] is None else state["best_loss"]}
        self.set_state(state)
        self.say(f"Resuming after update {state['step']}.")
        return state["step"]

    def _save(self, done, loop):
        loop.require_equal_weights()
        if self.processes.rank == 0:
            state = {
                "seed": self.config.training.seed,
                "loss_scale": self.update.loss_scale.get_state(),
                "best_step": self.best["step"],
                "best_loss": self.best["loss"] if math.isfinite(self.best["loss"]) else None,
                **self.state(),
            }
            self.checkpoints.save(done, self.model, self.update.optimizer, state)

    def _evaluate(self, done, evaluate, metrics):
        loss, values, shown = evaluate()
        training = self.config.training
        has_checkpoint = done % training.checkpoint_every == 0 or done == training.steps
        if has_checkpoint and loss < self.best["loss"]:
            self.best = {"step": done, "loss": loss}
        if metrics is not None:
            metrics.write(done, values)
            metrics.show(done, shown)

    def _metrics(self, start):
        if self.processes.rank:
            return None
        training, output = self.config.training, self.config.output
        return MetricsLog(self.folder, training.steps, output.tensorboard, start, self.stream)

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def optimizer(self):
        """The Keras optimizer of the config."""
        section, schedule = self.config.optimizer, self.config.schedule
        arguments = section.model_dump(exclude={"name", "learning_rate", "clip_norm", "ema_momentum"})
        if section.name == "adamw":
            del arguments["exclude_from_layer_adaptation"]
        if section.ema_momentum:
            arguments.update(use_ema=True, ema_momentum=section.ema_momentum)
        rate = PiecewiseLinear(schedule.points, section.learning_rate, schedule.from_zero)
        return (Lamb if section.name == "lamb" else AdamW)(rate, **arguments)

    def _with_precision(self, config):
        """The config with a dtype policy in the place of "auto"."""
        if config.precision.dtype_policy != "auto":
            return config
        advice = recommend(read_machine(os.environ))
        self.say(f"precision.dtype_policy auto is {advice.dtype_policy} here: {advice.reason}.")
        precision = config.precision.model_copy(update={"dtype_policy": advice.dtype_policy})
        return config.model_copy(update={"precision": precision})

    def jit_compile(self):
        """Whether XLA compiles the model."""
        choice = self.config.xla.jit_compile
        if choice != "auto":
            return choice
        # XLA's products are slow on CPUs, those of 16-bit numbers above all; see docs/benchmarks.md.
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))

    def prepare_alpha(self):
        """Continued models have been warmed up: without a warm-up of this run, α is 1."""
        branches = alpha_branches(self.model)
        if self.config.training.alpha_warmup and not branches:
            raise UserError('training.alpha_warmup needs a model config with residual="alpha_warmup".')
        if not self.config.training.alpha_warmup:
            for branch in branches:
                branch.set_alpha(1.0)

    def say(self, sentence):
        """Print a sentence."""
        if self.stream is not None:
            print(sentence, file=self.stream, flush=True)


def vocabulary_beside(path):
    """The vocabulary in a folder, or in that of a checkpoint; None if there is none."""
    if not isinstance(path, (str, Path)):
        return None
    path = Path(path)
    vocab = (path if path.is_dir() else path.parent) / VOCABULARY
    return vocab if vocab.is_file() else None


def config_source(config):
    """The `model.config` of a run config as `ModelConfig.read` takes it."""
    return config if isinstance(config, dict) else Path(config)
