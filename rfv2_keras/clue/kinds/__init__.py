"""The kinds of tasks by the name that a task's JSON gives them."""

from rfv2_keras.clue.kinds.classification import Classification
from rfv2_keras.clue.kinds.idiom_cloze import IdiomCloze
from rfv2_keras.clue.kinds.kind import Example, Feature, Kind
from rfv2_keras.clue.kinds.multi_label import MultiLabel
from rfv2_keras.clue.kinds.multiple_choice import MultipleChoice
from rfv2_keras.clue.kinds.regression import Regression
from rfv2_keras.clue.kinds.span_labelling import SpanLabelling
from rfv2_keras.clue.kinds.span_reading import SpanReading
from rfv2_keras.errors import UserError

KINDS = {
    "classification": Classification,
    "multiple_choice": MultipleChoice,
    "idiom_cloze": IdiomCloze,
    "span_reading": SpanReading,
    "span_labelling": SpanLabelling,
    "regression": Regression,
    "multi_label": MultiLabel,
}


def kind_of(task, tokenizer):
    """The kind of a task, ready for use.

    Raises:
        UserError: the task names an unknown kind, or options that its kind does not have.
    """
    if task.kind not in KINDS:
        raise UserError(f"task {task.name}: kind must be one of {', '.join(KINDS)}, received {task.kind!r}.")
    return KINDS[task.kind](task, tokenizer)


__all__ = ["KINDS", "Example", "Feature", "Kind", "kind_of"]
