"""The examples that a task is learned from."""

from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.prediction import encode
from rfv2_keras.errors import UserError


def read_training_examples(task, tokenizer, folder, report):
    """Read the training files of a task.

    Args:
        task: `Task`.
        tokenizer: `Tokenizer`.
        folder: where its files lie.
        report: function that takes a sentence about what is left out.

    Returns:
        (`Kind`, list of `Example`); the task of the kind has the labels of the examples if it had none of its own.

    Raises:
        UserError: the task names no training files, or one of them cannot be used.
    """
    if not task.files.train:
        raise UserError(f"task {task.name}: files.train is empty, there is nothing to learn from.")
    kind = kind_of(task, tokenizer)
    examples = kind.read_all(task.files.train, folder, report)
    if kind.has_labels and task.labels is None:
        kind = kind_of(task.with_labels(kind.labels_of(examples)), tokenizer)
    return kind, examples


def features_to_learn(kind, examples):
    """The features that have a target.

    Raises:
        UserError: there are none.
    """
    features = [feature for feature in encode(kind, examples) if feature.target is not None]
    if not features:
        raise UserError(f"task {kind.task.name}: the training files hold no example with an answer.")
    return features
