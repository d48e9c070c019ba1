"""Held-out scores of all tasks."""

import numpy as np

from rfv2_keras.clue.prediction import Predictor, encode
from rfv2_keras.training.evaluation import Evaluation
from rfv2_keras.training.objective import masked_lm_inputs, masked_lm_objective
from rfv2_keras.training.processes import SingleProcess


class TaskScores:
    """Scores of the dev examples of one task.

    Args:
        task: `SupervisedTask`.
        function: its `TaskFunction`.
        head: its head.
        batch: features that go through the model at once.
        limit: dev examples that count; None for all.
        stream: where progress goes.
    """

    def __init__(self, task, function, head, batch, limit, stream):
        self.kind = task.kind
        self.examples = task.dev[:limit]
        self._features = encode(task.kind, self.examples)
        self._predictor = _HeadPredictor(task.kind, function, head, batch, stream)

    def __call__(self):
        """(the score that the kind selects by, all scores by name); (None, {}) without dev examples."""
        if not self.examples:
            return None, {}
        scores = self.kind.score(self.examples, self._predictor(self.examples, self._features))
        return scores.get(self.kind.selects), scores


class MaskedLMScores:
    """Accuracy of masked language modelling on held-out records.

    Args:
        model: Keras model with the MLM head.
        batches: `Batches` of held-out records.
        count: number of batches.
        jit_compile: whether XLA compiles the forward pass.
    """

    def __init__(self, model, batches, count, jit_compile):
        def heldout():
            return (masked_lm_inputs(model, batches.batch(0, number)) for number in range(count))

        self._evaluation = Evaluation(model, masked_lm_objective, heldout, SingleProcess(), jit_compile)

    def __call__(self):
        """(accuracy, {"accuracy", "loss"})."""
        loss, accuracy = self._evaluation()
        return accuracy, {"accuracy": accuracy, "loss": loss}


class MultitaskEvaluation:
    """Scores all tasks, for the log.

    Args:
        scores: dict from task name to `TaskScores` or `MaskedLMScores`.
    """

    def __init__(self, scores):
        self.scores = scores

    def __call__(self):
        """(1 - mean of the scores that tasks are selected by, numbers to be logged, texts to be shown)."""
        values, selected = {}, {}
        for name, score in self.scores.items():
            best, scores = score()
            values.update({f"dev/{name}/{key}": value for key, value in scores.items() if "/" not in key})
            if best is not None:
                selected[name] = values[f"task/{name}/score"] = best
        if not selected:
            return float("inf"), {}, {"dev": "no dev files"}
        mean = float(np.mean(list(selected.values())))
        values["dev/mean"] = mean
        return 1.0 - mean, values, {"dev mean": f"{mean:.4f}", **{k: f"{v:.4f}" for k, v in selected.items()}}


class _HeadPredictor(Predictor):
    """A `Predictor` that shares its compiled function with the other tasks of its group."""

    def __init__(self, kind, function, head, batch, stream):
        super().__init__(kind, function.model, batch, stream)
        self._outputs = lambda inputs: function.outputs(inputs, head)
