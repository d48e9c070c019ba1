"""A pretraining run from its config: build, resume, train, save."""

import math
import shutil
import sys
from pathlib import Path

import keras
import numpy as np

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.config import ModelConfig
from rfv2_keras.data.batches import Batches
from rfv2_keras.data.records import VOCABULARY, Records
from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdamW, Lamb, PiecewiseLinear
from rfv2_keras.text.tokenizer import Tokenizer
from rfv2_keras.training.dropout_seeds import set_dropout_seeds
from rfv2_keras.training.evaluation import Evaluation
from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.loop import TrainingLoop
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.metrics_log import MetricsLog
from rfv2_keras.training.objective import masked_lm_objective
from rfv2_keras.training.processes import join_processes
from rfv2_keras.training.run_checkpoints import RunCheckpoints
from rfv2_keras.training.update import Update, alpha_branches

# Input of the model -> array of a batch.
ARRAYS = {
    "Input-Token": "token_ids",
    "Input-Segment": "segment_ids",
    "Input-Document": "document_ids",
    "Input-Target-Position": "target_positions",
}


def pretrain(config, resume=True, stream=sys.stdout):
    """Pretrain a masked language model.

    Args:
        config: `PretrainConfig`.
        resume: continue from the latest checkpoint in the run directory if there is one; with False a directory that
            holds checkpoints is refused.
        stream: where progress goes; None for nowhere.

    Returns:
        Path of the run directory: `config.json`, `vocab.txt`, `metrics.jsonl`, `tensorboard/`, `checkpoints/`, and
        `model/`, the trained model directory.

    Raises:
        UserError: config, records, vocabulary or checkpoint do not fit together, or training cannot go on.
    """
    processes = join_processes()
    return PretrainingRun(config, processes, stream if processes.rank == 0 else None).run(resume)


class PretrainingRun:
    """The parts of a run, made from its config."""

    def __init__(self, config, processes, stream):
        self.config = config
        self.processes = processes
        self.stream = stream
        self.folder = Path(config.output.directory)
        parts = processes.count * config.training.accumulation
        if config.training.batch % parts:
            raise UserError(
                f"training.batch must be a multiple of processes · accumulation = {processes.count} · "
                f"{config.training.accumulation}, received {config.training.batch}."
            )
        self.records = Records(config.data.records)
        self.batches = self._batches(self.records)
        keras.utils.set_random_seed(config.training.seed)
        self.model_config = ModelConfig.read(_source(config.model.config), **config.model.overrides)
        self._check_vocabulary()
        self.model = build_transformer_model(
            self.model_config,
            config.model.init_from,
            with_mlm="linear",
            target_positions=True,
            packed=config.data.packing,
            dtype=config.precision.dtype_policy,
        )
        self._prepare_alpha()
        self.update = Update(
            self.model,
            self._optimizer(),
            LossScale(config.precision.loss_scale if config.precision.dtype_policy == "mixed_float16" else 1.0),
            config.optimizer.clip_norm,
            config.training.alpha_warmup,
        )
        self.gradients = GradientFunction(self.model, masked_lm_objective, self._jit_compile())
        self.checkpoints = RunCheckpoints(self.folder / "checkpoints", config.training.keep_checkpoints, self._say)
        self.best = {"step": None, "loss": math.inf}

    def run(self, resume):
        """Train from the latest checkpoint, or from the start, to the end."""
        config, training = self.config, self.config.training
        start = self._resume(resume)
        if self.processes.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            config.write(self.folder / "config.json")
            shutil.copyfile(self.records.folder / VOCABULARY, self.folder / VOCABULARY)
        metrics = self._metrics(start)
        self._announce(start)
        loop = TrainingLoop(
            self.gradients,
            self.update,
            self.micro_batches,
            self.processes,
            slots=self.batches.max_targets * training.batch // (training.accumulation * self.processes.count),
            metrics=metrics,
            chance_loss=math.log(self.records.vocab_size),
            warn=self._say,
        )
        set_dropout_seeds(self.model, training.seed, self.processes.rank, start * training.accumulation)
        events = [(training.checkpoint_every, lambda done: self._save(done, loop))]
        if training.evaluate_every:
            evaluation = Evaluation(
                self.model, masked_lm_objective, self._heldout_batches(), self.processes, self._jit_compile()
            )
            events.insert(0, (training.evaluate_every, lambda done: self._evaluate(done, evaluation, metrics)))
        if start < training.steps:
            loop.run(start, training.steps, training.log_every, events)
        if metrics is not None:
            metrics.close()
            if config.optimizer.ema_momentum:
                self.update.optimizer.finalize_variable_values(self.model.trainable_variables)
            save_model_directory(self.model, self.model_config, self.folder / VOCABULARY, self.folder / "model")
            self._say(f"The trained model is in {self.folder / 'model'}.")
        return self.folder

    # --- parts ---------------------------------------------------------------------------------------------------

    def _batches(self, records):
        data = self.config.data
        return Batches(
            records,
            self.config.training.batch,
            maxlen=data.maxlen,
            buckets=data.buckets,
            packed=data.packing,
            mask_rate=data.mask_rate,
            whole_words=data.masking == "whole_word",
        )

    def micro_batches(self, step):
        """This process's share of the global batch of a step, in micro-batches."""
        training = self.config.training
        first = self.processes.rank * training.accumulation
        parts = self.processes.count * training.accumulation
        return [
            self._inputs(self.batches.batch(training.seed, step, first + i, parts))
            for i in range(training.accumulation)
        ]

    def _heldout_batches(self):
        """The held-out batches of this process; masks are the same at every evaluation."""
        batches = self._batches(Records(self.config.data.heldout, self.records.index["vocab_sha256"]))
        epoch = -(-batches.rows // self.config.training.batch)
        numbers = range(self.processes.rank, min(self.config.training.evaluate_batches, epoch), self.processes.count)
        return lambda: (self._inputs(batches.batch(0, number)) for number in numbers)

    def _inputs(self, batch):
        inputs = {tensor.name: batch[ARRAYS[tensor.name]] for tensor in self.model.inputs}
        return {**inputs, "target_ids": batch["target_ids"]}

    def _optimizer(self):
        section, schedule = self.config.optimizer, self.config.schedule
        arguments = section.model_dump(exclude={"name", "learning_rate", "clip_norm", "ema_momentum"})
        if section.name == "adamw":
            del arguments["exclude_from_layer_adaptation"]
        if section.ema_momentum:
            arguments.update(use_ema=True, ema_momentum=section.ema_momentum)
        rate = PiecewiseLinear(schedule.points, section.learning_rate, schedule.from_zero)
        return (Lamb if section.name == "lamb" else AdamW)(rate, **arguments)

    def _jit_compile(self):
        choice = self.config.xla.jit_compile
        if choice != "auto":
            return choice
        # XLA's products of 16-bit numbers are slow on CPUs, where TensorFlow's own use the processor's units for them.
        import tensorflow as tf

        return self.config.precision.dtype_policy == "float32" or bool(tf.config.list_physical_devices("GPU"))

    def _prepare_alpha(self):
        """Continued models have been warmed up: without a warm-up of this run, α is 1."""
        branches = alpha_branches(self.model)
        if self.config.training.alpha_warmup and not branches:
            raise UserError('training.alpha_warmup needs a model config with residual="alpha_warmup".')
        if not self.config.training.alpha_warmup:
            for branch in branches:
                branch.set_alpha(1.0)

    def _check_vocabulary(self):
        size = self.model_config.token_table_size
        if self.records.vocab_size != size:
            raise UserError(
                f"{self.config.data.records}: the records hold token ids up to {self.records.vocab_size - 1}, but the "
                f"model has vocab_size {size} (prepare the corpus with the model's vocabulary, or set "
                "model.overrides.vocab_size)."
            )
        vocab = _vocabulary_beside(self.config.model.init_from)
        if vocab is not None and Tokenizer(vocab).vocab_hash != self.records.index["vocab_sha256"]:
            raise UserError(
                f"{vocab}: the model of model.init_from has another vocabulary than the records in "
                f"{self.config.data.records}; prepare the corpus with this one."
            )

    # --- events --------------------------------------------------------------------------------------------------

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
        self.best = {"step": state["best_step"], "loss": state["best_loss"] or math.inf}
        self._say(f"Resuming after update {state['step']}.")
        return state["step"]

    def _save(self, done, loop):
        loop.require_equal_weights()
        if self.processes.rank == 0:
            state = {
                "seed": self.config.training.seed,
                "loss_scale": self.update.loss_scale.get_state(),
                "best_step": self.best["step"],
                "best_loss": self.best["loss"] if math.isfinite(self.best["loss"]) else None,
            }
            self.checkpoints.save(done, self.model, self.update.optimizer, state)

    def _evaluate(self, done, evaluation, metrics):
        loss, accuracy = evaluation()
        training = self.config.training
        has_checkpoint = done % training.checkpoint_every == 0 or done == training.steps
        if has_checkpoint and loss < self.best["loss"]:
            self.best = {"step": done, "loss": loss}
        if metrics is not None:
            metrics.write(done, {"heldout/loss": loss, "heldout/accuracy": accuracy})
            metrics.show(done, {"held-out loss": f"{loss:.4f}", "held-out accuracy": f"{accuracy:.4f}"})

    def _metrics(self, start):
        if self.processes.rank:
            return None
        training, output = self.config.training, self.config.output
        return MetricsLog(self.folder, training.steps, output.tensorboard, start, self.stream)

    def _announce(self, start):
        training = self.config.training
        trainable = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        self._say(
            f"{self.model_config.model_type}: {trainable:,} parameters · {training.batch} rows = "
            f"{training.batch * self.batches.buckets[-1]:,} tokens per update at most "
            f"({self.processes.count} process(es) × {training.accumulation} micro-batch(es)) · updates {start}"
            f"–{training.steps} · {self.config.precision.dtype_policy}, XLA {'on' if self._jit_compile() else 'off'}"
        )

    def _say(self, sentence):
        if self.stream is not None:
            print(sentence, file=self.stream, flush=True)


def _vocabulary_beside(init_from):
    """The vocabulary in the folder of a checkpoint, or None."""
    if init_from is None:
        return None
    path = Path(init_from)
    vocab = (path if path.is_dir() else path.parent) / VOCABULARY
    return vocab if vocab.is_file() else None


def _source(config):
    return config if isinstance(config, dict) else Path(config)
