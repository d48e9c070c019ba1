"""Labelled spans of a text, such as named entities; they may repeat, overlap and lie inside each other."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from keras import ops
from pydantic import Field

from rfv2_keras.clue.heads.spans import TaggingHead
from rfv2_keras.clue.kinds.kind import TOKENS, Example, Feature, Kind, Options
from rfv2_keras.clue.losses.spans import SpanZLPR, TaggingLoss
from rfv2_keras.clue.metrics import entity_scores
from rfv2_keras.clue.reading.files import field, json_lines, text_of, to_json_lines
from rfv2_keras.clue.reading.labelled_spans import Span, nested_spans, spans_of
from rfv2_keras.clue.reading.tag_scheme import TagScheme, without_overlap
from rfv2_keras.layers import EfficientGlobalPointer, GlobalPointer, viterbi_decode
from rfv2_keras.models.initializer import initializer_for

# A pointer that has learned little finds half of all spans, which would fill memory and disk: the best are kept.
SPANS_PER_TOKEN = 4


class Text(NamedTuple):
    """A text, and the record that it came in without its labels."""

    text: str
    record: dict


class SpanLabelling(Kind):
    """A score for each span of tokens and each label, spans above 0 being predicted; or tags with a CRF.

    Files are JSON lines {"text", "label"}, where the label is {label: {string: [[first, last character], ...]}} as in
    CLUENER, or a list of {"label", "start", "end"} as in the records of predictions, text[start:end] being the span.

    A span whose border lies inside a token, or beyond `maxlen`, cannot be learned or predicted and counts as missed. A
    CRF in addition cannot express spans that overlap; the longer one is learned.
    """

    class Options(Options):
        text: str = Field("text", description="field of the text")
        label: str = Field("label", description="field of the labelled spans")
        id: str = Field("id", description="field of the id")
        head: Literal["efficient_global_pointer", "global_pointer", "crf"] = Field(
            "efficient_global_pointer", description="what scores spans, or tags"
        )
        head_size: Annotated[int, Field(ge=1)] | None = Field(
            None, description="size of the pointer's queries and keys; null: as in the encoder"
        )
        scheme: Literal["bioes", "bio"] = Field("bioes", description="tags of the CRF")
        transition_rate: Annotated[float, Field(gt=0)] = Field(
            100.0, description="how many times faster than other weights AdamW changes the transitions of the CRF"
        )

    selects = "f1"
    has_labels = True

    def __init__(self, task, tokenizer):
        super().__init__(task, tokenizer)
        self._labels = task.labels or []
        self._tags = TagScheme(len(self._labels), self.options.scheme)
        self._head = None  # the loss and the decoding of a CRF need its transitions

    @property
    def _is_crf(self):
        return self.options.head == "crf"

    def read(self, path, report):
        examples, overlapping = [], 0
        for number, (place, record) in enumerate(json_lines(path, report)):
            try:
                text = text_of(field(record, self.options.text, place), place)
                answer = self._answer(record.get(self.options.label), text, place, report)
            except LookupError as error:
                report(error.args[0])
                continue
            rest = {name: value for name, value in record.items() if name != self.options.label}
            examples.append(Example(place, record.get(self.options.id, number), Text(text, rest), answer))
            inside = [(span.label, span.start, span.end - 1) for span in answer or ()]
            overlapping += len(inside) - len(without_overlap(inside))
        if self._is_crf and overlapping:
            report(
                f"{path}: {overlapping} spans overlap longer ones, which a CRF cannot express; they are not learned."
            )
        return examples

    def example(self, text, second=None):
        self.check_texts(second, is_pair=False)
        return Example("command line", 0, Text(text, {self.options.text: text}))

    def labels_of(self, examples):
        return sorted({span.label for example in examples for span in example.answer or ()})

    def features(self, example, index):
        token_ids, _, places = self.tokenizer.encode_with_offsets(example.content.text, maxlen=self.task.maxlen)
        target = None if example.answer is None else self._token_spans(example.answer, places)
        return [Feature({TOKENS: np.array(token_ids, np.int32)}, target, index, np.array(places, np.int32))]

    def head(self, config):
        initializer = initializer_for(config)
        if self._is_crf:
            self._head = TaggingHead(self._tags.tags, self.options.transition_rate, initializer, name="Output")
            return self._head
        layer = GlobalPointer if self.options.head == "global_pointer" else EfficientGlobalPointer
        return layer(
            len(self._labels),
            self.options.head_size or config.key_size,
            use_bias=False,
            kernel_initializer=initializer,
            dtype="float32",
            name="Output",
        )

    def loss(self):
        return TaggingLoss(self._head.crf) if self._is_crf else SpanZLPR()

    def targets(self, features, length):
        """Tags (batch, length) for a CRF, else 1 for each labelled span, (batch, labels, length, length)."""
        if self._is_crf:
            return np.stack([self._tags.encode(feature.target, length) for feature in features])
        targets = np.zeros((len(features), len(self._labels), length, length), np.uint8)
        for row, feature in zip(targets, features, strict=True):
            for span in feature.target:
                row[span] = 1
        return targets

    def summary(self, feature, output):
        """Spans (label, first, last) of an output, an int array (spans, 3)."""
        output = np.asarray(output)
        if self._is_crf:
            spans = np.array(self._tags.decode(self._best_tags(output[: feature.length])), np.int32).reshape(-1, 3)
        else:
            spans = np.argwhere(output > 0).astype(np.int32)
        # [CLS] and [SEP] stand for no characters.
        spans = spans[(spans[:, 1] > 0) & (spans[:, 2] < feature.length - 1)]
        most = SPANS_PER_TOKEN * feature.length
        if len(spans) > most:
            spans = spans[np.sort(np.argsort(-output[tuple(spans.T)], kind="stable")[:most])]
        return spans

    def decode(self, examples, summaries):
        return [
            self._prediction(example, [self._span(place, feature.places) for feature, spans in rows for place in spans])
            for example, rows in zip(examples, summaries, strict=True)
        ]

    def score(self, examples, predictions):
        pairs = [(e.answer, p["entities"]) for e, p in zip(examples, predictions, strict=True) if e.answer is not None]
        if not pairs:
            return {}
        found = [{(entity["label"], entity["start"], entity["end"]) for entity in entities} for _, entities in pairs]
        return entity_scores([set(answer) for answer, _ in pairs], found, self._labels)

    def record(self, example, prediction):
        return {"id": example.key, "text": example.content.text, **prediction}

    def submission(self, examples, predictions):
        lines = []
        for example, prediction in zip(examples, predictions, strict=True):
            label = nested_spans(prediction["entities"])
            lines.append({**example.content.record, self.options.label: label})
        return to_json_lines(lines)

    def gold(self, example):
        return self._prediction(example, example.answer)

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _answer(self, value, text, place, report):
        """The labelled spans as a frozenset, or None where they are not known."""
        if value is None:
            return None
        spans = frozenset(spans_of(value, text, place, report))
        self.check_labels({span.label for span in spans}, place)
        return spans

    def _token_spans(self, answer, places):
        """Tuples (label, first, last) of those spans that begin and end where tokens do."""
        tokens = list(enumerate(places))[1:-1]
        # Of several tokens of one character the first begins it and the last ends it.
        begins = {start: i for i, (start, _) in reversed(tokens)}
        ends = {end: i for i, (_, end) in tokens}
        return [
            (self._labels.index(span.label), begins[span.start], ends[span.end])
            for span in sorted(answer)
            if span.start in begins and span.end in ends
        ]

    def _best_tags(self, scores):
        transitions = self._tags.transitions + ops.convert_to_numpy(self._head.crf.transitions)
        return viterbi_decode(scores[None], transitions, self._tags.starts, self._tags.ends)[0]

    def _span(self, place, places):
        label, first, last = place
        return Span(self._labels[label], int(places[first, 0]), int(places[last, 1]))

    def _prediction(self, example, spans):
        text = example.content.text
        spans = sorted(set(spans), key=lambda span: (span.start, span.end, span.label))
        return {"entities": [{**span._asdict(), "text": text[span.start : span.end]} for span in spans]}
