"""The tasks of a run, read and checked before anything is trained."""

from dataclasses import dataclass

from rfv2_keras.clue.kinds import Kind
from rfv2_keras.clue.task import Task
from rfv2_keras.clue.training_data import features_to_learn, read_training_examples
from rfv2_keras.errors import UserError


@dataclass(frozen=True)
class SupervisedTask:
    """A task with labelled examples.

    Attributes:
        kind: its `Kind`, which knows the `Task`.
        features: list of `Feature` that are learned from.
        dev: list of `Example` that are scored.
    """

    kind: Kind
    features: list
    dev: list

    @property
    def name(self):
        return self.kind.task.name


def describe_tasks(entries):
    """The `Task` of each entry, None for masked language modelling, and the names.

    Args:
        entries: list of `TaskEntry`.

    Returns:
        (list of `Task` or None, list of str).

    Raises:
        UserError: an unknown task, a broken file, two tasks of one name.
    """
    tasks = [None if entry.kind == "mlm" else _describe(entry, number) for number, entry in enumerate(entries)]
    names = [(entry.name or "mlm") if task is None else task.name for entry, task in zip(entries, tasks, strict=True)]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise UserError(f"Task names must differ, but {name!r} is used more than once; give one of them a name.")
    return tasks, names


def read_task(task, tokenizer, folder, report):
    """Read the files of a task.

    Args:
        task: `Task`.
        tokenizer: `Tokenizer`.
        folder: where its files lie.
        report: function that takes a sentence about what is left out.

    Returns:
        `SupervisedTask`.

    Raises:
        UserError: a file is missing or broken, there is nothing to learn, or the dev files have a label that the
            training files lack.
    """
    kind, examples = read_training_examples(task, tokenizer, folder, report)
    seen = set(kind.labels_of(examples)) if kind.has_labels else set()
    if kind.has_labels and task.labels is None and not seen:
        raise UserError(f"task {task.name}: the training files hold no label.")
    features = features_to_learn(kind, examples)
    dev = kind.read_all(task.files.dev, folder, report)
    for example in dev if kind.has_labels else ():
        unseen = [] if example.answer is None else sorted(set(kind.labels_of([example])) - seen)
        if unseen:
            raise UserError(
                f"{example.place}: the label {unseen[0]!r} of task {task.name} is in no training example, so it cannot "
                "be learned."
            )
    return SupervisedTask(kind, features, dev)


def _describe(entry, number):
    if isinstance(entry.task, dict):
        task = Task.from_values({"name": entry.name or f"task-{number}", **entry.task}, f"tasks.{number}.task")
    else:
        task = Task.read(entry.task)
    changes = {"name": entry.name, "maxlen": entry.maxlen}
    return task.model_copy(update={key: value for key, value in changes.items() if value is not None})
