"""What may stand at the [MASK] of a text."""

from dataclasses import dataclass

import numpy as np

from rfv2_keras.errors import UserError
from rfv2_keras.inference.masked_lm import MASK, masked_language_model
from rfv2_keras.inference.texts import check_count, checked_texts
from rfv2_keras.progress import PieceProgress
from rfv2_keras.text.decoding import is_special, stem

MASKS_OF_A_ROW = 16  # a text with more goes through the model several times, which bounds positions × vocabulary


@dataclass(frozen=True)
class Candidate:
    """A token that may stand at a mask.

    Attributes:
        token: as in the vocabulary, `##` of a continuation included.
        probability: what the model gives it, among all tokens of the vocabulary.
        text: the text with it in its place, the other masks filled with their best tokens.
    """

    token: str
    probability: float
    text: str


@dataclass(frozen=True)
class FilledMask:
    """The candidates for a mask, the best first; `start` counts the characters of the text before it."""

    start: int
    candidates: tuple


@dataclass(frozen=True)
class FilledText:
    """A text with the best token at each mask, and its masks in order."""

    text: str
    masks: tuple

    def record(self):
        """The same as a JSON value."""
        masks = [
            {
                "start": mask.start,
                "candidates": [{**vars(c), "probability": round(c.probability, 6)} for c in mask.candidates],
            }
            for mask in self.masks
        ]
        return {"text": self.text, "masks": masks}


@dataclass(frozen=True)
class MaskedText:
    """A text with masks, its token ids, the positions of the masks in them, and their places in the text."""

    text: str
    token_ids: list
    positions: list
    starts: list


class FillMask:
    """Fills the masks of texts.

        fill = FillMask("runs/mine/model")
        fill("今天[MASK]气很好").masks[0].candidates[0].token  # "天"

    Every mask is predicted on its own, while the others stay masks: p(token i | text with all its masks). Tokens in
    square brackets, which stand for no text, are no candidates; the probabilities count them.

    Args:
        model: model directory, folder of a released bert4keras model, or a `MaskedLanguageModel`.
        dtype: Keras dtype policy of a model that is read; None for the global one.
        maxlen: most tokens of a text; None takes `max_position_embeddings` of the config.

    Raises:
        UserError: there is no such model, or its MLM head has no weights.
    """

    def __init__(self, model, dtype=None, maxlen=None):
        self.model = masked_language_model(model, dtype, maxlen)
        known, tokenizer = self.model.tokenizer.vocab_size, self.model.tokenizer
        self._no_candidates = [
            index
            for index in range(self.model.vocab_size)
            if index >= known or is_special(tokenizer.id_to_token(index))
        ]

    def __call__(self, texts, top_k=5, batch_size=64, progress=True):
        """Fill the masks.

        Args:
            texts: a text with one or several [MASK], or a list of such texts.
            top_k: candidates of a mask.
            batch_size: most texts that go through the model at once; those of similar length share a batch.
            progress: whether to show how far it is, on standard error.

        Returns:
            `FilledText`; for a list, a list of them in the order of the texts.

        Raises:
            UserError: a text has no mask, is too long or is no string, or a setting is out of range.
        """
        texts, is_single = checked_texts(texts)
        masked = [self.encode(text, "the text" if is_single else f"text {i}") for i, text in enumerate(texts)]
        filled = self.fill(masked, top_k, batch_size, progress and not is_single)
        return filled[0] if is_single else filled

    def encode(self, text, name="the text"):
        """Find the masks of a text; `name` is what a message calls it.

        Returns:
            `MaskedText`.

        Raises:
            UserError: it has no mask, or is too long.
        """
        token_ids, _, places = self.model.tokenizer.encode_with_offsets(text)
        positions = [i for i, index in enumerate(token_ids) if index == self.model.tokenizer.mask_id]
        if not positions:
            raise UserError(f"{name} has no {MASK}: {text[:50]!r}.")
        if len(token_ids) > self.model.maxlen:
            raise UserError(f"{name} has {len(token_ids)} tokens, the model reads at most {self.model.maxlen}.")
        return MaskedText(text, token_ids, positions, [places[i][0] for i in positions])

    def fill(self, masked, top_k=5, batch_size=64, progress=False):
        """`FilledText` for each of a list of `MaskedText`; see `__call__`."""
        check_count("batch_size", batch_size)
        check_count("top_k", top_k)
        most = self.model.vocab_size - len(self._no_candidates)
        if top_k > most:
            raise UserError(f"top_k must be at most {most}, the tokens that stand for text; received: {top_k!r}.")
        rows, owners = [], []
        for number, text in enumerate(masked):
            for first in range(0, len(text.positions), MASKS_OF_A_ROW):
                rows.append((text.token_ids, text.positions[first : first + MASKS_OF_A_ROW]))
                owners.append((number, first))
        best = [[None] * len(text.positions) for text in masked]  # of each mask: pairs (id, probability)
        with PieceProgress("texts", len(rows), progress) as bar:
            for places, log_probabilities in self.model.batches(rows, batch_size):
                for place, answers in zip(places, log_probabilities, strict=True):
                    number, first = owners[place]
                    count = len(rows[place][1])
                    best[number][first : first + count] = self._best(answers[:count], top_k)
                bar.advance(len(places))
        return [self._filled(text, pairs) for text, pairs in zip(masked, best, strict=True)]

    def _best(self, log_probabilities, top_k):
        """For each row of (masks, vocabulary) the best (id, probability), the most probable first."""
        candidates = log_probabilities.copy()
        candidates[:, self._no_candidates] = -np.inf
        chosen = np.argpartition(candidates, -top_k, axis=1)[:, -top_k:]
        answers = []
        for row, ids in zip(candidates, chosen, strict=True):
            ids = sorted(map(int, ids), key=lambda index: (-row[index], index))
            answers.append([(index, float(np.exp(row[index]))) for index in ids])
        return answers

    def _filled(self, masked, best):
        parts = masked.text.split(MASK)
        tokens = [[self.model.tokenizer.id_to_token(index) for index, _ in pairs] for pairs in best]
        winners = [stem(names[0]) for names in tokens]
        masks = []
        for number, (start, names, pairs) in enumerate(zip(masked.starts, tokens, best, strict=True)):
            candidates = tuple(
                Candidate(name, probability, _joined(parts, [*winners[:number], stem(name), *winners[number + 1 :]]))
                for name, (_, probability) in zip(names, pairs, strict=True)
            )
            masks.append(FilledMask(start, candidates))
        return FilledText(_joined(parts, winners), tuple(masks))


def _joined(parts, fillings):
    """part filling part filling ... part."""
    return "".join(text for pair in zip(parts, [*fillings, ""], strict=True) for text in pair)
