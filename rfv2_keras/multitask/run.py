"""A multi-task run from its config: read the tasks, build, resume, train, save."""

import sys
import time

import keras
import numpy as np

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.clue.fine_tuned import save_fine_tuned
from rfv2_keras.config import ModelConfig
from rfv2_keras.data.batches import Batches
from rfv2_keras.data.records import VOCABULARY, Records
from rfv2_keras.errors import UserError
from rfv2_keras.multitask.combination import Combination
from rfv2_keras.multitask.evaluation import MaskedLMScores, MultitaskEvaluation, TaskScores
from rfv2_keras.multitask.functions import task_functions
from rfv2_keras.multitask.gradients import MultitaskGradients
from rfv2_keras.multitask.mixture import Mixture
from rfv2_keras.multitask.model import MultitaskModel, head_to_save, make_head
from rfv2_keras.multitask.primary import PrimaryMixture
from rfv2_keras.multitask.report import MultitaskReport
from rfv2_keras.multitask.shares import task_shares
from rfv2_keras.multitask.sources import MaskedLMSource, SupervisedSource
from rfv2_keras.multitask.tasks import describe_tasks, read_task
from rfv2_keras.multitask.update import MultitaskUpdate
from rfv2_keras.text import Tokenizer
from rfv2_keras.training.loop import TrainingLoop
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.processes import join_processes
from rfv2_keras.training.run import TrainingRun, config_source, vocabulary_beside

PROBLEMS_SHOWN = 3
MASK_RATE = 0.15
HELDOUT_BATCHES = 20


def train_multitask(config, resume=True, stream=sys.stdout):
    """Train one encoder on many tasks.

    Args:
        config: `MultitaskConfig`.
        resume: continue from the latest checkpoint in the run directory if there is one; with False a directory that
            holds checkpoints is refused.
        stream: where progress goes; None for nowhere.

    Returns:
        Path of the run directory, as `pretrain` writes it; `model/` has the head of every task in `heads/`.

    Raises:
        UserError: config, tasks, files, vocabulary or checkpoint do not fit together, or training cannot go on.
    """
    processes = join_processes()
    return MultitaskRun(config, processes, stream if processes.rank == 0 else None).run(resume)


class MultitaskRun(TrainingRun):
    """The parts of a run, made from its config."""

    def __init__(self, config, processes, stream):
        super().__init__(config, processes, stream)
        self.began = time.monotonic()
        self.model_config = ModelConfig.read(config_source(config.model.config), **config.model.overrides)
        self.vocab = self._vocabulary()
        self.tokenizer = Tokenizer(self.vocab)
        self._check_vocabulary()
        self.entries, tasks, self.names = self._ordered(*describe_tasks(config.tasks))
        self.masked_lm = next((i for i, entry in enumerate(self.entries) if entry.kind == "mlm"), None)
        self._check_batches()
        pairs = zip(self.entries, tasks, strict=True)
        self.supervised = {task.name: self._read(task, entry.folder) for entry, task in pairs if task is not None}
        keras.utils.set_random_seed(config.training.seed)
        self.model = self._model()
        self.prepare_alpha()
        self.functions = task_functions(
            self.names,
            self.supervised,
            self.model,
            self.model_config,
            seed=config.training.seed,
            rank=processes.rank,
            jit_compile=self.jit_compile(),
        )
        triples = zip(self.entries, self.names, self.functions, strict=True)
        self.sources = [self._source(*triple) for triple in triples]
        self.shares = self._shares()
        mixture = Mixture if config.combination.primary is None else PrimaryMixture
        self.mixture = mixture(self.names, self.shares, config.training.accumulation)
        slots = [source.slots(processes.count) for source in self.sources]
        rows = min(config.training.accumulation, len(self.names))
        self.gradients = MultitaskGradients(self.model, self.names, self.functions, slots, rows)
        self.update = MultitaskUpdate(
            self.model,
            self.names,
            slots,
            rows,
            Combination(config.combination.name, config.combination.loss_scale),
            optimizer=self.optimizer(),
            loss_scale=LossScale(
                config.precision.loss_scale if self.config.precision.dtype_policy == "mixed_float16" else 1.0
            ),
            clip_norm=config.optimizer.clip_norm,
            alpha_warmup=config.training.alpha_warmup,
            processes=processes.count,
        )

    def announce(self, start):
        training = self.config.training
        trainable = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        for name, source, share in zip(self.names, self.sources, self.shares, strict=True):
            kind = self.supervised[name].kind.task.kind if name in self.supervised else "mlm"
            self.say(f"  {name}: {kind} · {len(source):,} rows · share {share:.1%} · micro-batches of {source.batch}")
        self.say(
            f"{self.model_config.model_type}: {trainable:,} parameters · {len(self.names)} task(s), "
            f"{len(set(self.functions))} function(s) to compile · {training.accumulation} micro-batch(es) an update on "
            f"{self.processes.count} process(es) · {self.config.combination.name} · updates {start}–{training.steps} · "
            f"{self.config.precision.dtype_policy}, XLA {'on' if self.jit_compile() else 'off'} · ready after "
            f"{time.monotonic() - self.began:.0f} s"
        )

    def loop(self, start, metrics):
        report = MultitaskReport(self.names, self.gradients, self.update, self.masked_lm)
        # The gradients divide by the slots of each task.
        return TrainingLoop(
            self.gradients, self.update, self.micro_batches, self.processes, 1, metrics, None, self.say, report
        )

    def evaluation(self):
        if self.processes.rank:  # the first process scores, the others wait for it at the next sum
            return lambda: (float("inf"), {}, {})
        training = self.config.training
        scores = {}
        for number, name in enumerate(self.names):
            if name in self.supervised:
                scores[name] = TaskScores(
                    self.supervised[name],
                    self.functions[number],
                    self.model.heads[name],
                    2 * self.sources[number].batch,
                    training.evaluate_examples,
                    self.stream,
                )
            elif self.entries[number].heldout is not None:
                batches = self._batches(self.entries[number], self.entries[number].heldout)
                count = min(HELDOUT_BATCHES, -(-batches.rows // self.sources[number].batch))
                scores[name] = MaskedLMScores(self.model.shared, batches, count, self.jit_compile())
        return MultitaskEvaluation(scores)

    def save_model(self, folder):
        heads = []
        for name, task in self.supervised.items():
            task = task.kind.task
            heads.append((task, head_to_save(task, self.tokenizer, self.model_config, self.model.heads[name])))
        save_fine_tuned(folder, self.model.shared, self.model_config, self.folder / VOCABULARY, heads)

    def state(self):
        return {"losses": self.update.get_state()}

    def set_state(self, state):
        self.update.set_state(state["losses"])

    def micro_batches(self, step):
        """This process's part of the micro-batches of a step."""
        training, processes = self.config.training, self.processes
        draws = self.mixture.draws(training.seed, step)
        return [
            {
                "task": draw.task,
                "number": step * training.accumulation + i,
                **self.sources[draw.task].micro_batch(draw, training.seed, processes.rank, processes.count),
            }
            for i, draw in enumerate(draws)
        ]

    # --- parts ---------------------------------------------------------------------------------------------------

    def _vocabulary(self):
        section = self.config.model
        candidates = (self.config.data.vocab, vocabulary_beside(section.init_from), vocabulary_beside(section.config))
        vocab = next((path for path in candidates if path is not None), None)
        if vocab is None:
            raise UserError("data.vocab is missing: there is no vocab.txt beside model.init_from or model.config.")
        return vocab

    def _check_vocabulary(self):
        tokens, size = len(self.tokenizer.token_dict), self.model_config.token_table_size
        if tokens != size:
            raise UserError(f"{self.vocab}: the vocabulary has {tokens} tokens, but vocab_size of the model is {size}.")

    def _ordered(self, tasks, names):
        """Entries, tasks and names, with the primary task first."""
        primary = self.config.combination.primary
        if primary is not None and primary not in names:
            raise UserError(f"combination.primary must be one of the tasks {', '.join(names)}, received {primary!r}.")
        if primary is not None and len(names) < 2:
            raise UserError("primary_auxiliary needs a primary and at least one other task, received one task.")
        triples = sorted(zip(self.config.tasks, tasks, names, strict=True), key=lambda triple: triple[2] != primary)
        return tuple(map(list, zip(*triples, strict=True)))

    def _check_batches(self):
        for entry, name in zip(self.entries, self.names, strict=True):
            if self._rows(entry) < self.processes.count:
                raise UserError(
                    f"task {name}: a micro-batch must have a row for each of the {self.processes.count} processes, "
                    f"received batch {self._rows(entry)}."
                )

    def _rows(self, entry):
        return entry.batch or self.config.training.batch

    def _read(self, task, folder):
        problems = []
        read = read_task(task, self.tokenizer, folder or self.config.data.folder, problems.append)
        for sentence in problems[:PROBLEMS_SHOWN]:
            self.say(sentence)
        if len(problems) > PROBLEMS_SHOWN:
            self.say(f"There are {len(problems) - PROBLEMS_SHOWN} more sentences of this kind about task {task.name}.")
        self.say(f"read {task.name}: {len(read.features):,} rows to learn from, {len(read.dev):,} dev examples")
        return read

    def _model(self):
        section, has_mlm = self.config.model, self.masked_lm is not None
        builder = build_transformer_model(
            self.model_config,
            section.init_from,
            with_mlm="linear" if has_mlm else False,
            target_positions=has_mlm,
            dtype=self.config.precision.dtype_policy,
            return_keras_model=False,
        )
        heads = {
            name: make_head(task.kind, self.model_config, scope=f"head-{name}")
            for name, task in self.supervised.items()
        }
        return MultitaskModel(builder, heads)

    def _source(self, entry, name, function):
        if entry.kind == "mlm":
            return MaskedLMSource(self._batches(entry, entry.records), self.model.shared, self._rows(entry))
        task, names = self.supervised[name], [tensor.name for tensor in function.model.inputs]
        buckets, mask_rate = self.config.data.buckets, entry.mask_rate or 0.0
        return SupervisedSource(task.kind, task.features, names, self._rows(entry), buckets, mask_rate)

    def _batches(self, entry, folder):
        records = Records(folder, self.tokenizer.vocab_hash)
        maxlen = entry.maxlen or records.maxlen
        return Batches(
            records,
            self._rows(entry),
            maxlen=maxlen,
            buckets=[bucket for bucket in self.config.data.buckets if bucket < maxlen],
            mask_rate=MASK_RATE if entry.mask_rate is None else entry.mask_rate,
            whole_words=entry.masking == "whole_word",
        )

    def _shares(self):
        """The share of draws of each task."""
        section = self.config.mixture
        if section.rule == "weights":
            return task_shares(self.names, "weights", weights=[entry.weight for entry in self.entries])
        sizes, caps = [len(source) for source in self.sources], [entry.cap or section.cap for entry in self.entries]
        return task_shares(self.names, section.rule, sizes=sizes, cap=caps, temperature=section.temperature)
