"""`AutoRegressiveDecoder`: texts token by token, by beam search or by drawing."""

import functools

import keras
import numpy as np

from rfv2_keras.errors import UserError

RESULT_TYPES = ("probas", "logits")


class AutoRegressiveDecoder:
    """Base of text generators; subclasses define `predict` with the decorator `wraps`.

        class Titles(AutoRegressiveDecoder):
            @AutoRegressiveDecoder.wraps(default_rtype="probas")
            def predict(self, inputs, output_ids, states):
                token_ids, segment_ids = inputs
                token_ids = np.concatenate([token_ids, output_ids], 1)
                segment_ids = np.concatenate([segment_ids, np.ones_like(output_ids)], 1)
                return self.last_token(model).predict([token_ids, segment_ids])

        titles = Titles(start_id=None, end_id=tokenizer._token_end_id, maxlen=32)
        ids = titles.beam_search([token_ids, segment_ids], topk=4)

    Args:
        start_id: token that all outputs begin with; None for none.
        end_id: token that ends an output.
        maxlen: tokens that are added at most.
        minlen: an output with fewer tokens, start and end included, does not end.
    """

    def __init__(self, start_id, end_id, maxlen, minlen=1):
        self.start_id = start_id
        self.end_id = end_id
        self.maxlen = maxlen
        self.minlen = minlen
        self.first_output_ids = np.array([[]] if start_id is None else [[start_id]], dtype=int)
        self._last_token_models = {}

    @staticmethod
    def wraps(default_rtype="probas", use_states=False):
        """Decorator of `predict`, which gives it the arguments `temperature` and `rtype`.

        Args:
            default_rtype: what `predict` returns for the next token, (batch, tokens): `"probas"` or `"logits"`.
            use_states: whether `predict` returns a pair of these and states, which it gets back in its next call.
                States are handed on as they are: they are not reordered when the beam is.
        """
        _check_result_type("default_rtype", default_rtype)

        def decorate(predict):
            @functools.wraps(predict)
            def wrapped(self, inputs, output_ids, states=None, temperature=1, rtype=default_rtype):
                _check_result_type("rtype", rtype)
                scores = predict(self, inputs, output_ids, states)
                scores, states = scores if use_states else (scores, None)
                if default_rtype == "logits":
                    probabilities = _softmax(np.asarray(scores) / temperature)
                elif temperature != 1:
                    probabilities = np.asarray(scores) ** (1.0 / temperature)
                    probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)
                else:
                    probabilities = np.asarray(scores)
                return (probabilities if rtype == "probas" else np.log(probabilities + 1e-12)), states

            return wrapped

        return decorate

    def last_token(self, model):
        """A model that gives the output of `model` at the last position only; it is built once."""
        if id(model) not in self._last_token_models:
            self._last_token_models[id(model)] = LastToken(model)
        return self._last_token_models[id(model)]

    def predict(self, inputs, output_ids, states=None):
        """Probabilities or logits of the next token, (batch, tokens); to be decorated with `wraps`."""
        raise NotImplementedError(f"{type(self).__name__} must define predict, decorated with wraps")

    def beam_search(self, inputs, topk, states=None, temperature=1, min_ends=1):
        """The best of the outputs that a beam of `topk` finds, as an array of ids.

        The search stops as soon as the best output of the beam has ended, or at `maxlen`.

        Args:
            inputs: list of sequences, handed to `predict` as arrays with one row per output.
            topk: width of the beam.
            states: handed to the first `predict`.
            temperature: divides the logits.
            min_ends: how many end tokens an output needs to end.
        """
        inputs = [np.array([sequence]) for sequence in inputs]
        outputs, totals = self.first_output_ids, np.zeros(1)
        for step in range(self.maxlen):
            scores, states = self.predict(inputs, outputs, states, temperature, "logits")
            if step == 0:
                self._check_width("topk", topk, scores.shape[1])
                inputs = [np.repeat(array, topk, axis=0) for array in inputs]
            totals = totals[:, None] + scores  # (outputs, tokens)
            best = totals.argpartition(-topk, axis=None)[-topk:]
            rows, tokens = np.divmod(best, totals.shape[1])
            outputs = np.concatenate([outputs[rows], tokens[:, None]], axis=1)
            totals = totals.reshape(-1)[best]
            if outputs.shape[1] < self.minlen:
                continue
            ended = self._ended(outputs, min_ends)
            if ended[totals.argmax()]:
                return outputs[totals.argmax()]
            # As in bert4keras, what has ended without being the best is dropped, though the best may yet fall below it.
            inputs, outputs, totals = [array[~ended] for array in inputs], outputs[~ended], totals[~ended]
            topk = len(outputs)
        return outputs[totals.argmax()]

    def random_sample(self, inputs, n, topk=None, topp=None, states=None, temperature=1, min_ends=1):
        """A list of `n` outputs, arrays of ids, drawn token by token with NumPy's global generator.

        Args:
            inputs: list of sequences, handed to `predict` as arrays with one row per output.
            n: number of outputs.
            topk: draw from the so many most probable tokens only.
            topp: draw from the most probable tokens only whose probabilities just reach this sum.
            states, temperature, min_ends: as in `beam_search`.
        """
        inputs = [np.array([sequence]) for sequence in inputs]
        outputs, results = self.first_output_ids, []
        for step in range(self.maxlen):
            probabilities, states = self.predict(inputs, outputs, states, temperature, "probas")
            if step == 0:
                self._check_width("topk", topk or 1, probabilities.shape[1])
                probabilities = np.repeat(probabilities, n, axis=0)
                inputs = [np.repeat(array, n, axis=0) for array in inputs]
                outputs = np.repeat(outputs, n, axis=0)
            tokens = np.array([_draw(row, topk, topp) for row in probabilities])
            outputs = np.concatenate([outputs, tokens[:, None]], axis=1)
            if outputs.shape[1] < self.minlen:
                continue
            ended = self._ended(outputs, min_ends)
            results.extend(outputs[ended])
            inputs, outputs = [array[~ended] for array in inputs], outputs[~ended]
            if len(outputs) == 0:
                break
        return [*results, *outputs]

    def _ended(self, outputs, min_ends):
        return (outputs[:, -1] == self.end_id) & ((outputs == self.end_id).sum(1) >= min_ends)

    @staticmethod
    def _check_width(name, value, tokens):
        if not isinstance(value, (int, np.integer)) or not 1 <= value <= tokens:
            raise UserError(f"{name} must be an integer from 1 to {tokens}, the number of tokens, received {value!r}.")


class LastToken:
    """A model that gives the outputs of another one at the last position, (batch, ...) instead of (batch, length, ...).

    `predict` runs one batch at once, without the progress bar and the input pipeline of `keras.Model.predict`.
    """

    def __init__(self, model):
        self.whole = model  # keeps it alive, so that its id is not given to another one
        outputs = [output[:, -1] for output in model.outputs]
        self.model = keras.Model(model.inputs, outputs[0] if len(outputs) == 1 else outputs)

    def predict(self, inputs):
        return self.model.predict_on_batch(inputs)


def _draw(probabilities, topk, topp):
    """An index, drawn from the most probable ones."""
    indices = np.arange(len(probabilities))
    if topk is not None:
        indices = np.argpartition(probabilities, -topk)[-topk:]
    shares = probabilities[indices] / probabilities[indices].sum()
    if topp is not None:
        order = shares.argsort()[::-1]
        indices, shares = indices[order], shares[order]
        before = np.concatenate([[0.0], np.cumsum(shares)[:-1]])
        shares = np.where(before < topp, shares, 0.0)
        shares = shares / shares.sum()
    return indices[np.random.choice(len(shares), p=shares)]  # noqa: NPY002 - np.random.seed shall repeat it


def _softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _check_result_type(name, value):
    if value not in RESULT_TYPES:
        raise UserError(f"{name} must be 'probas' or 'logits', received {value!r}.")
