"""How well a masked language model predicts a text, one token at a time."""

import math
from dataclasses import dataclass

from rfv2_keras.inference.masked_lm import masked_language_model
from rfv2_keras.inference.texts import check_count, checked_texts
from rfv2_keras.progress import PieceProgress


@dataclass(frozen=True)
class TextScore:
    """The score of a text.

    Attributes:
        text: as given.
        tokens: its tokens, those that were scored.
        log_probabilities: natural logarithm of what the model gives each of them, given all others.
        is_cut: whether the text is longer than the model reads, so that its end was not scored.
    """

    text: str
    tokens: tuple
    log_probabilities: tuple
    is_cut: bool

    @property
    def log_likelihood(self):
        """The pseudo-log-likelihood, the sum of the log-probabilities."""
        return math.fsum(self.log_probabilities)

    @property
    def pseudo_perplexity(self):
        """exp(-log-likelihood / tokens); None for a text without tokens."""
        return math.exp(-self.log_likelihood / len(self.tokens)) if self.tokens else None

    def record(self):
        """The same as a JSON value."""
        perplexity = self.pseudo_perplexity
        return {
            "text": self.text,
            "pseudo_perplexity": None if perplexity is None else round(perplexity, 4),
            "log_likelihood": round(self.log_likelihood, 4),
            "tokens": [[token, round(p, 4)] for token, p in zip(self.tokens, self.log_probabilities, strict=True)],
            "is_cut": self.is_cut,
        }


class PseudoPerplexity:
    """Scores texts with a masked language model; lower is more usual.

        PLL(x) = Σ_i log p(x_i | x with [MASK] at i)        PPPL(x) = exp(-PLL(x) / N)

    over the N tokens of a text, [CLS] and [SEP] aside: as many rows go through the model as the text has tokens.

    It compares texts under one model and vocabulary, and is no perplexity: the terms are not the factors of the
    probability of the text. Of a word of several tokens only one is hidden, and its neighbours give it away; a model
    that was pretrained with masks on whole words has seldom seen that, so that its numbers are not comparable with
    those of a model whose tokens were masked one by one.

    Args:
        model: model directory, folder of a released bert4keras model, or a `MaskedLanguageModel`.
        dtype: Keras dtype policy of a model that is read; None for the global one.
        maxlen: most tokens of a text; None takes `max_position_embeddings` of the config.

    Raises:
        UserError: there is no such model, or its MLM head has no weights.

    Source: arXiv 1910.14659 (Masked Language Model Scoring); on words of several tokens, arXiv 2305.10588.
    """

    def __init__(self, model, dtype=None, maxlen=None):
        self.model = masked_language_model(model, dtype, maxlen)

    def __call__(self, texts, batch_size=64, progress=True):
        """Score texts.

        Args:
            texts: a text, or a list of texts; what is longer than `maxlen` tokens is cut.
            batch_size: most rows that go through the model at once; rows of several texts share a batch.
            progress: whether to show how far it is, on standard error.

        Returns:
            `TextScore`; for a list, a list of them in the order of the texts.

        Raises:
            UserError: a text is no string, or a setting is out of range.
        """
        texts, is_single = checked_texts(texts)
        check_count("batch_size", batch_size)
        tokenizer, maxlen = self.model.tokenizer, self.model.maxlen
        whole = [tokenizer.encode(text)[0] for text in texts]
        encoded = [[*ids[: maxlen - 1], ids[-1]] if len(ids) > maxlen else ids for ids in whole]
        # The n-th row of the model hides token `position` of text `number`.
        hidden = [(number, position) for number, ids in enumerate(encoded) for position in range(1, len(ids) - 1)]
        found = [[0.0] * (len(ids) - 2) for ids in encoded]
        with PieceProgress("tokens", len(hidden), progress) as bar:
            for places, log_probabilities in self.model.batches(self._rows(encoded, hidden), batch_size):
                for place, answers in zip(places, log_probabilities, strict=True):
                    number, position = hidden[place]
                    found[number][position - 1] = float(answers[0, encoded[number][position]])
                bar.advance(len(places))
        scores = [
            TextScore(text, tuple(tokenizer.ids_to_tokens(ids[1:-1])), tuple(values), is_cut=len(ids) < len(all_ids))
            for text, ids, values, all_ids in zip(texts, encoded, found, whole, strict=True)
        ]
        return scores[0] if is_single else scores

    def _rows(self, encoded, hidden):
        """A row for each hidden token, made when it is needed."""
        mask = self.model.tokenizer.mask_id
        for number, position in hidden:
            ids = encoded[number]
            yield [*ids[:position], mask, *ids[position + 1 :]], [position]
