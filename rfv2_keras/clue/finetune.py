"""Fine-tuning on one task with Keras's `fit`: train, score the dev files after every epoch, keep the best, predict."""

import json
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.clue.batches import FeatureBatches
from rfv2_keras.clue.fine_tuned import FineTuned, save_fine_tuned
from rfv2_keras.clue.optimizer import make_optimizer
from rfv2_keras.clue.prediction import Predictor, encode
from rfv2_keras.clue.progress import TrainingLines
from rfv2_keras.clue.reading.files import to_json_lines
from rfv2_keras.clue.regularized_model import RegularizedModel
from rfv2_keras.clue.training_data import features_to_learn, read_training_examples
from rfv2_keras.errors import UserError
from rfv2_keras.text import Tokenizer
from rfv2_keras.training.metrics_log import MetricsLog

RESULTS = "results.json"
PROBLEMS_SHOWN = 5


def finetune(task, model, data, out, seed=0, dtype="float32", jit_compile=False, model_type=None, stream=None):
    """Fine-tune a model on a task.

    Writes into `out`: `config.json`, `metrics.jsonl`, `model/` (the best epoch, see `fine_tuned`), `predictions/` (dev
    and test as JSON lines, and the files to submit) and, last, `results.json`.

    Args:
        task: `Task`.
        model: model directory, or folder of a released bert4keras model (`PretrainedFolder`).
        data: folder that the files of the task lie in.
        out: run directory.
        seed: of the head's initial weights, the order and dropout.
        dtype: Keras dtype policy of the encoder; heads and losses are float32.
        jit_compile: whether XLA compiles the training step, once per length.
        model_type: architecture, for folders that do not say it.
        stream: where progress goes; None for standard output.

    Returns:
        dict, the content of `results.json`: `scores` of the best epoch on the dev files, `epoch`, `seconds`, ...

    Raises:
        UserError: task, model or data cannot be used.
    """
    return FineTuningRun(task, model, data, out, seed, dtype, jit_compile, model_type, stream or sys.stdout).run()


class FineTuningRun:
    """The parts of a run; see `finetune`."""

    def __init__(self, task, model, data, out, seed, dtype, jit_compile, model_type, stream):
        self.out = Path(out)
        self.data = Path(data)
        self.seed = seed
        self.stream = stream
        self.settings = {"model": str(model), "seed": seed, "dtype": dtype, "jit_compile": jit_compile}
        self.pretrained = PretrainedFolder.read(model, model_type)
        self.task, self.kind, self.train = self._read_training_data(task)
        self.dev = self.kind.read_all(self.task.files.dev, self.data, self._problems("dev"))
        keras.utils.set_random_seed(seed)
        self.builder = build_transformer_model(
            self.pretrained.config,
            self.pretrained.weights,
            dtype=dtype,
            return_keras_model=False,
            **_dropout(self.task.training.dropout),
        )
        if self.task.training.lora_rank:
            enable_lora(self.builder.model, self.task.training.lora_rank)
        self.head = self.kind.head(self.pretrained.config)
        self.model = self._model()
        features = features_to_learn(self.kind, self.train)
        names = [tensor.name for tensor in self.model.inputs]
        self.batches = FeatureBatches(self.kind, features, names, self.task.training.batch, seed)
        self.dev_features = encode(self.kind, self.dev)
        self.predictor = self._predictor(self.kind, self.model)
        self.steps = len(self.batches) * self.task.training.epochs
        self.model.compile(
            make_optimizer(self.task.training, self.steps, self.pretrained.config),
            self.kind.loss(),
            jit_compile=jit_compile,
        )

    def run(self):
        """Train, keep the best epoch, write predictions and results."""
        self.out.mkdir(parents=True, exist_ok=True)
        values = {"task": self.task.model_dump(), "data": str(self.data), **self.settings}
        (self.out / "config.json").write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        self._announce()
        (self.out / "metrics.jsonl").unlink(missing_ok=True)
        began = time.monotonic()
        best = _BestEpoch(self, MetricsLog(self.out, self.steps, tensorboard=False, stream=None))
        self.model.fit(
            self.batches.dataset(),
            epochs=self.task.training.epochs,
            verbose=0,
            shuffle=False,  # the batches shuffle themselves
            callbacks=[TrainingLines(self.steps, self.stream), best],
        )
        best.log.close()
        results = {
            "task": self.task.name,
            "scores": best.scores,
            "epoch": best.epoch,
            "epochs": self.task.training.epochs,
            "seconds": round(time.monotonic() - began, 1),
            "train_examples": len(self.train),
            "dev_examples": len(self.dev),
            "parameters": int(sum(np.prod(weight.shape) for weight in self.model.weights)),
            **self.settings,
        }
        self._write_predictions()
        (self.out / RESULTS).write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return results

    def score(self):
        """The scores of the dev files with the weights as they are."""
        return self.kind.score(self.dev, self.predictor(self.dev, self.dev_features))

    def save(self):
        """Write the model directory."""
        heads = [(self.task, self.head)]
        save_fine_tuned(self.out / "model", self.builder.model, self.pretrained.config, self.pretrained.vocab, heads)

    def say(self, sentence):
        if self.stream is not None:
            print(sentence, file=self.stream, flush=True)

    # --- pieces --------------------------------------------------------------------------------------------------

    def _read_training_data(self, task):
        tokenizer = Tokenizer(self.pretrained.vocab)
        kind, examples = read_training_examples(task, tokenizer, self.data, self._problems("training"))
        task = kind.task
        if kind.has_labels and len(task.labels) < 2:
            raise UserError(f"task {task.name}: needs at least two labels, the training files have {task.labels}.")
        return task, kind, examples

    def _problems(self, what):
        """A function that shows the first sentences about what is left out, and says that there are more."""
        count = 0

        def report(sentence):
            nonlocal count
            count += 1
            if count <= PROBLEMS_SHOWN:
                self.say(sentence)
            elif count == PROBLEMS_SHOWN + 1:
                self.say(f"There is more of this kind in the {what} files, which is not shown.")

        return report

    def _model(self):
        plain = self.kind.model(self.kind.encoder(self.builder), self.head)
        training = self.task.training
        if training.r_drop and self.kind.probabilities != "softmax":
            raise UserError(f"training.r_drop needs a task of classes or choices, {self.task.kind} is none.")
        if training.label_smoothing and self.kind.probabilities != "softmax":
            raise UserError(f"training.label_smoothing needs a task of classes or choices, {self.task.kind} is none.")
        if not (training.r_drop or training.fgm):
            return plain
        embeddings = self.builder.token_embedding.embeddings
        return RegularizedModel(plain.inputs, plain.outputs[0], training.r_drop, training.fgm, embeddings)

    def _predictor(self, kind, model):
        return Predictor(kind, model, 2 * self.task.training.batch, self.stream)

    def _write_predictions(self):
        folder = self.out / "predictions"
        folder.mkdir(exist_ok=True)
        best = FineTuned.read(self.out / "model", self.task.name, dtype=self.settings["dtype"])
        kind, files, predictor = best.kind, self.task.files, self._predictor(best.kind, best.model)
        write_records(folder / "dev.jsonl", kind, self.dev, predictor(self.dev, self.dev_features))
        for name, path in files.test.items():
            if not (self.data / path).is_file():
                self.say(f"{self.data / path}: there is no such file, so {name} is not written.")
                continue
            examples = kind.read(self.data / path, self._problems("test"))
            predictions = predictor(examples)
            write_records(folder / f"{Path(path).stem}.jsonl", kind, examples, predictions)
            (folder / name).write_text(kind.submission(examples, predictions), encoding="utf-8")

    def _announce(self):
        config, training = self.pretrained.config, self.task.training
        self.say(
            f"{self.task.name}: {self.task.kind} · {len(self.train):,} training and {len(self.dev):,} dev examples · "
            f"{config.model_type} {config.num_hidden_layers}×{config.hidden_size} · {training.epochs} epochs of "
            f"{len(self.batches)} batches · {training.optimizer} {training.learning_rate:g} · {self.settings['dtype']}"
        )


class _BestEpoch(keras.callbacks.Callback):
    """Scores the dev files after every epoch, saves the model when it is better, and stops when it no longer is."""

    def __init__(self, run, log):
        super().__init__()
        self.run = run
        self.log = log
        self.epoch = None
        self.scores = {}
        self.value = -math.inf

    def on_epoch_end(self, epoch, logs=None):
        run, patience = self.run, self.run.task.training.patience
        if not math.isfinite(logs["loss"]):  # nothing to score, and nothing to keep
            raise UserError(
                f"task {run.task.name}: the loss is not finite in epoch {epoch + 1}; lower the learning rate."
            )
        scores = run.score()
        # Without dev files the last epoch counts.
        value = scores.get(run.kind.selects, math.inf)
        better = value > self.value or math.isinf(value)
        if better:
            self.epoch, self.scores, self.value = epoch + 1, scores, value
            run.save()
        self.log.write(
            (epoch + 1) * len(run.batches), {"loss": logs["loss"], **{f"dev/{name}": s for name, s in scores.items()}}
        )
        shown = " · ".join(f"dev {name} {s:.4f}" for name, s in scores.items() if "/" not in name) or "no dev files"
        run.say(f"epoch {epoch + 1}/{run.task.training.epochs} · loss {logs['loss']:.4f} · {shown}{' *' * better}")
        if patience and self.epoch is not None and epoch + 1 - self.epoch >= patience:
            run.say(f"No better dev score for {patience} epochs: stopped.")
            self.model.stop_training = True


def write_records(path, kind, examples, predictions):
    """Write predictions as JSON lines, one for each example, in their order."""
    pairs = zip(examples, predictions, strict=True)
    Path(path).write_text(to_json_lines(kind.record(*pair) for pair in pairs), encoding="utf-8")


def _dropout(rate):
    """The keys of the config that a rate replaces."""
    return {} if rate is None else {"hidden_dropout_prob": rate, "attention_probs_dropout_prob": rate}


def enable_lora(encoder, rank):
    """Freeze an encoder but for low-rank additions to its dense kernels."""
    for layer in encoder._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Dense):
            layer.enable_lora(rank)
        elif not list(layer._flatten_layers(include_self=False)):
            layer.trainable = False
