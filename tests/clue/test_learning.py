"""Each kind can learn: a small encoder with initial weights fits some real examples almost perfectly.

The two kinds of choices do so in test_multiple_choice.py and test_idiom_cloze.py.
"""

import pytest

from rfv2_keras.clue.finetune import FineTuningRun
from rfv2_keras.clue.prediction import Predictor
from rfv2_keras.clue.task import Task

# (task, examples, epochs, learning rate, the score that must reach 0.99)
CASES = [
    ("tnews", 32, 30, 3e-3, "accuracy"),
    ("ocnli", 32, 30, 3e-3, "accuracy"),
    ("wsc", 16, 40, 3e-3, "accuracy"),
    ("cmrc2018", 8, 40, 3e-3, "exact_match"),
    ("cluener", 24, 60, 3e-3, "f1"),
]


@pytest.mark.parametrize(("name", "count", "epochs", "rate", "score"), CASES, ids=[case[0] for case in CASES])
def test_examples_can_be_fitted(tmp_path, monkeypatch, model_folder, clue_data, name, count, epochs, rate, score):
    overrides = [
        f"training.epochs={epochs}",
        f"training.learning_rate={rate}",
        'training.optimizer="adamw"',
        "training.batch=8",
        "training.accumulation=1",
    ]
    task = Task.read(name, [*overrides, "files.dev=[]"])
    task = task.model_copy(update={"maxlen": min(task.maxlen, 128)})
    reads = FineTuningRun._read_training_data

    def first_examples(run, task):
        task, kind, examples = reads(run, task)
        short = [example for example in examples if example.answer is not None][:count]
        return task, kind, short

    monkeypatch.setattr(FineTuningRun, "_read_training_data", first_examples)
    run = FineTuningRun(task, model_folder, clue_data, tmp_path, 0, "float32", False, None, None)
    run.model.fit(run.batches.dataset(), epochs=epochs, verbose=0)
    predictions = Predictor(run.kind, run.model)(run.train)
    assert run.kind.score(run.train, predictions)[score] >= 0.99
