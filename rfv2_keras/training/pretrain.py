"""A pretraining run from its config: build, resume, train, save."""

import math
import sys

import keras
import numpy as np

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.config import ModelConfig
from rfv2_keras.data.batches import Batches
from rfv2_keras.data.records import VOCABULARY, Records
from rfv2_keras.errors import UserError
from rfv2_keras.text.tokenizer import Tokenizer
from rfv2_keras.training.dropout_seeds import set_dropout_seeds
from rfv2_keras.training.evaluation import Evaluation
from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.loop import TrainingLoop
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.objective import masked_lm_inputs, masked_lm_objective
from rfv2_keras.training.processes import join_processes
from rfv2_keras.training.run import TrainingRun, config_source, vocabulary_beside
from rfv2_keras.training.update import Update


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


class PretrainingRun(TrainingRun):
    """The parts of a run, made from its config."""

    def __init__(self, config, processes, stream):
        super().__init__(config, processes, stream)
        parts = processes.count * config.training.accumulation
        if config.training.batch % parts:
            raise UserError(
                f"training.batch must be a multiple of processes · accumulation = {processes.count} · "
                f"{config.training.accumulation}, received {config.training.batch}."
            )
        self.records = Records(config.data.records)
        self.vocab = self.records.folder / VOCABULARY
        self.batches = self._batches(self.records)
        keras.utils.set_random_seed(config.training.seed)
        self.model_config = ModelConfig.read(config_source(config.model.config), **config.model.overrides)
        self._check_vocabulary()
        self.model = build_transformer_model(
            self.model_config,
            config.model.init_from,
            with_mlm="linear",
            target_positions=True,
            packed=config.data.packing,
            dtype=self.config.precision.dtype_policy,
        )
        self.prepare_alpha()
        self.update = Update(
            self.model,
            self.optimizer(),
            LossScale(config.precision.loss_scale if self.config.precision.dtype_policy == "mixed_float16" else 1.0),
            config.optimizer.clip_norm,
            config.training.alpha_warmup,
            processes.count,
        )
        self.gradients = GradientFunction(self.model, masked_lm_objective, self.jit_compile())

    def announce(self, start):
        training = self.config.training
        trainable = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        self.say(
            f"{self.model_config.model_type}: {trainable:,} parameters · {training.batch} rows = "
            f"{training.batch * self.batches.buckets[-1]:,} tokens per update at most "
            f"({self.processes.count} process(es) × {training.accumulation} micro-batch(es)) · updates {start}"
            f"–{training.steps} · {self.config.precision.dtype_policy}, XLA {'on' if self.jit_compile() else 'off'}"
        )

    def loop(self, start, metrics):
        training = self.config.training
        set_dropout_seeds(self.model, training.seed, self.processes.rank, start * training.accumulation)
        return TrainingLoop(
            self.gradients,
            self.update,
            self.micro_batches,
            self.processes,
            slots=self.batches.max_targets * training.batch // (training.accumulation * self.processes.count),
            metrics=metrics,
            chance_loss=math.log(self.records.vocab_size),
            warn=self.say,
        )

    def evaluation(self):
        sums = Evaluation(self.model, masked_lm_objective, self._heldout_batches(), self.processes, self.jit_compile())

        def evaluate():
            loss, accuracy = sums()
            shown = {"held-out loss": f"{loss:.4f}", "held-out accuracy": f"{accuracy:.4f}"}
            return loss, {"heldout/loss": loss, "heldout/accuracy": accuracy}, shown

        return evaluate

    def save_model(self, folder):
        save_model_directory(self.model, self.model_config, self.folder / VOCABULARY, folder)

    def micro_batches(self, step):
        """This process's share of the global batch of a step, in micro-batches."""
        training = self.config.training
        first = self.processes.rank * training.accumulation
        parts = self.processes.count * training.accumulation
        return [
            masked_lm_inputs(self.model, self.batches.batch(training.seed, step, first + i, parts))
            for i in range(training.accumulation)
        ]

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

    def _heldout_batches(self):
        """The held-out batches of this process; masks are the same at every evaluation."""
        batches = self._batches(Records(self.config.data.heldout, self.records.index["vocab_sha256"]))
        epoch = -(-batches.rows // self.config.training.batch)
        numbers = range(self.processes.rank, min(self.config.training.evaluate_batches, epoch), self.processes.count)
        return lambda: (masked_lm_inputs(self.model, batches.batch(0, number)) for number in numbers)

    def _check_vocabulary(self):
        size = self.model_config.token_table_size
        if self.records.vocab_size != size:
            raise UserError(
                f"{self.config.data.records}: the records hold token ids up to {self.records.vocab_size - 1}, but the "
                f"model has vocab_size {size} (prepare the corpus with the model's vocabulary, or set "
                "model.overrides.vocab_size)."
            )
        vocab = vocabulary_beside(self.config.model.init_from)
        if vocab is not None and Tokenizer(vocab).vocab_hash != self.records.index["vocab_sha256"]:
            raise UserError(
                f"{vocab}: the model of model.init_from has another vocabulary than the records in "
                f"{self.config.data.records}; prepare the corpus with this one."
            )
