"""Reading comprehension: the answer to a question is a span of a passage."""

import json
import math
import zlib
from functools import lru_cache
from typing import Annotated, NamedTuple

import keras
import numpy as np
from pydantic import Field

from rfv2_keras.clue.heads.spans import AnswerPointer
from rfv2_keras.clue.kinds.kind import TOKENS, Example, Feature, Kind, Options
from rfv2_keras.clue.losses.cross_entropy import SparseCrossEntropy
from rfv2_keras.clue.metrics import answer_scores
from rfv2_keras.clue.reading.answers import AnswerReader
from rfv2_keras.clue.reading.files import field
from rfv2_keras.clue.reading.questions import questions
from rfv2_keras.errors import UserError
from rfv2_keras.models.initializer import initializer_for

PASSAGE = "Input-Passage"
# The number of a span, up to maxlen², passes through float32 on its way to the loss.
LONGEST = 4096


class Question(NamedTuple):
    """What is asked, and the text that is asked about."""

    question: str
    passage: str


class Window(NamedTuple):
    """What a row holds: so many tokens of the question with its ends, then tokens of the passage from `begin` on."""

    question: int
    begin: int


class Best(NamedTuple):
    """The best span of a row by the positions of its first and last token, its score, and that of "no answer"."""

    score: float
    first: int
    last: int
    no_answer: float


class SpanReading(Kind):
    """Softmax over all spans of a window of the passage and "no answer".

        [CLS] question [SEP] window of the passage [SEP]

    Windows are made of tokens, whose places in the passage the tokenizer knows, so that an answer is cut out of the
    passage as it was given. (The reference script cuts windows of characters out of the lower-cased text, whose length
    can differ.) A window that does not hold the whole answer is learned as one without an answer. The predicted answer
    is the span with the highest score over all windows.

    Files are documents as in SQuAD, {"data": [{"paragraphs": [{"context", "qas": [{"question", "id", "answers":
    [{"text", "answer_start"}]}]}]}]}, or JSON lines {"id", "question", "context", "answers"}. Answers that are not
    where they should be are looked for; those that are nowhere count in the scores but are not learned. Of several
    answers the first that is in the passage is learned, from the first token that it touches to the last. A question
    without the field of answers is one whose answer is not known.
    """

    class Options(Options):
        question: str = Field("question", description="field of the question")
        context: str = Field("context", description="field of the passage")
        id: str = Field("id", description="field of the id")
        answers: str = Field("answers", description="field of the list of answers")
        text: str = Field("text", description="field of an answer's text")
        start: str = Field("answer_start", description="field of the place of its first character, from 0")
        withheld: list[str] = Field(["FAKE_ANSWER"], description="how answers begin that only stand for unknown ones")
        unanswerable: bool = Field(
            False, description="whether an empty list of answers means that there is none, and none may be predicted"
        )
        stride: Annotated[int, Field(ge=1)] = Field(
            128, description="tokens from the begin of a window to the next; at most half a window"
        )
        empty_windows: Annotated[float, Field(ge=0, le=1)] = Field(
            1.0, description="share of the windows without the answer of an answered question that are learned"
        )
        head_size: Annotated[int, Field(ge=1)] | None = Field(
            None, description="size of the head's queries and keys; null: as in the encoder"
        )

    selects = "exact_match"
    probabilities = "softmax"

    def __init__(self, task, tokenizer):
        super().__init__(task, tokenizer)
        if task.maxlen > LONGEST:
            raise UserError(
                f"task {task.name}: maxlen of span_reading must be at most {LONGEST}, received {task.maxlen}."
            )
        # The questions about a passage follow each other.
        self._encode = lru_cache(maxsize=4)(tokenizer.encode_with_offsets)

    def read(self, path, report):
        examples, answers = [], AnswerReader(self.options)
        for number, (place, record) in enumerate(questions(path, self.options.context, report)):
            try:
                content = Question(*(self._string(record, name, place) for name in ("question", "context")))
                answer = answers.read(record, content.passage, place)
            except LookupError as error:
                report(error.args[0])
                continue
            examples.append(Example(place, record.get(self.options.id, number), content, answer))
        answers.report(path, report)
        return examples

    def example(self, text, second=None):
        if second is None:
            raise UserError(f"task {self.task.name} takes two texts, a question and a passage.")
        return Example("command line", 0, Question(text, second))

    def features(self, example, index):
        question, _ = self.tokenizer.encode(example.content.question, maxlen=self.task.maxlen // 2)
        tokens, _, _ = self._encode(example.content.passage)
        passage, end = tokens[1:-1], tokens[-1:]
        room = self.task.maxlen - len(question) - 1
        step = min(self.options.stride, (room + 1) // 2)
        begins = range(0, max(len(passage) - room, 0) + step, step)
        span = self._token_span(example)
        features = []
        for begin in begins:
            row = np.array(question + passage[begin : begin + room] + end, np.int32)
            target = self._target(example, span, begin, room, len(question))
            features.append(Feature({TOKENS: row}, target, index, Window(len(question), begin)))
        if example.answer is not None and example.answer.texts and not any(any(f.target or ()) for f in features):
            # The answer is in no window, so that nothing right can be said about them.
            return [Feature(f.inputs, None, index, f.places) for f in features]
        return features

    def head(self, config):
        head_size = self.options.head_size or config.key_size
        return AnswerPointer(head_size, initializer_for(config), name="Output")

    def loss(self):
        return SparseCrossEntropy(self.task.training.label_smoothing)

    def model(self, encoder, head):
        passage = keras.Input((None,), dtype="int32", name=PASSAGE)
        return keras.Model([*encoder.inputs, passage], head(encoder.output, mask=passage > 0))

    def inputs(self, features, length):
        """Tokens, and in `Input-Passage` 1 at [CLS], which stands for "no answer", and at tokens of the passage."""
        passage = np.zeros((len(features), length), np.int32)
        passage[:, 0] = 1
        for row, feature in zip(passage, features, strict=True):
            row[feature.places.question : feature.length - 1] = 1
        return {**super().inputs(features, length), PASSAGE: passage}

    def targets(self, features, length):
        spans = np.array([feature.target for feature in features], np.int32)
        return spans[:, 0] * length + spans[:, 1]

    def summary(self, feature, output):
        """`Best` of a row of logits."""
        length = math.isqrt(len(output))
        scores = np.asarray(output, np.float32).reshape(length, length)
        spans = scores[1:, 1:]
        first, last = divmod(int(spans.argmax()), length - 1)
        return Best(float(spans[first, last]), first + 1, last + 1, float(scores[0, 0]))

    def decode(self, examples, summaries):
        return [self._prediction(example, rows) for example, rows in zip(examples, summaries, strict=True)]

    def score(self, examples, predictions):
        pairs = [(e.answer, p["answer"]) for e, p in zip(examples, predictions, strict=True) if e.answer is not None]
        if not pairs:
            return {}
        return answer_scores([list(answers.texts) or [""] for answers, _ in pairs], [text for _, text in pairs])

    def submission(self, examples, predictions):
        pairs = zip(examples, predictions, strict=True)
        answers = {str(example.key): prediction["answer"] for example, prediction in pairs}
        return json.dumps(answers, ensure_ascii=False, indent=4)

    def gold(self, example):
        texts, spans = example.answer
        if spans:
            (start, end), *_ = spans
            return {"answer": example.content.passage[start:end], "start": start}
        return {"answer": texts[0] if texts else "", "start": None}

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _string(self, record, name, place):
        value = field(record, getattr(self.options, name), place)
        if not isinstance(value, str):
            raise LookupError(f"{place}: left out, the {name} must be a string, received a {type(value).__name__}.")
        return value

    def _token_span(self, example):
        """First and last token of the passage that the answer touches, or None."""
        if example.answer is None or not example.answer.spans:
            return None
        (start, end), *_ = example.answer.spans
        places = self._encode(example.content.passage)[2][1:-1]
        inside = [i for i, (begin, stop) in enumerate(places) if stop > start and begin < end]
        return (inside[0], inside[-1]) if inside else None

    def _target(self, example, span, begin, room, shift):
        """First and last position of the answer in the row; (0, 0) if it is not there, None if nothing is learned."""
        if span is not None and begin <= span[0] and span[1] < begin + room:
            return span[0] - begin + shift, span[1] - begin + shift
        if example.answer is None:
            return None
        # A draw that depends on nothing but the window.
        draw = zlib.crc32(f"{example.key} {begin}".encode()) / 2**32
        return (0, 0) if draw < self.options.empty_windows or not example.answer.texts else None

    def _prediction(self, example, rows):
        found = [(feature.places, best) for feature, best in rows if best.score > -math.inf]
        if self.options.unanswerable:
            found = [(window, best) for window, best in found if best.score > best.no_answer]
        if not found:
            return {"answer": "", "start": None}
        window, best = max(found, key=lambda pair: pair[1].score)
        places = self._encode(example.content.passage)[2][1:-1]
        shift = window.begin - window.question
        start, end = places[best.first + shift][0], places[best.last + shift][1]
        return {"answer": example.content.passage[start:end], "start": start}
