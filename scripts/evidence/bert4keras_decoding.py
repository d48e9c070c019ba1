"""What the decoders of bert4keras give for a made-up model; tests/compat compares with it.

    TF_KERAS=1 TF_USE_LEGACY_KERAS=1 $(python tests/environments/bert4keras.py)/bin/python \
        scripts/evidence/bert4keras_decoding.py tests/compat/bert4keras_decoding.json

It imports nothing of this package, as it runs in an environment of its own.
"""

import json
import sys

import numpy as np

TOKENS, END = 12, 3


def logits(inputs, outputs):
    """A model without ties: scores of the next token from what stands before it, (outputs, tokens)."""
    seen = np.concatenate([inputs[0], outputs], 1)
    state = (seen * np.arange(1, seen.shape[1] + 1)).sum(1, keepdims=True)
    return 3.0 * np.sin(1.7 * np.arange(TOKENS) + 0.37 * state + 0.9 * seen[:, -1:])


def decoder(base, kind, **arguments):
    """An AutoRegressiveDecoder on the model above that returns logits or probabilities."""

    class Decoder(base):
        @base.wraps(default_rtype=kind)
        def predict(self, inputs, output_ids, states):
            scores = logits(inputs, output_ids)
            if kind == "logits":
                return scores
            return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)

    return Decoder(end_id=END, **arguments)


def cases():
    """Arguments of decoders and of their methods."""
    for kind in ("probas", "logits"):
        for start, minlen in ((None, 1), (2, 1), (None, 6)):
            made = {"kind": kind, "start_id": start, "maxlen": 10, "minlen": minlen}
            for topk in (1, 2, 5):
                for options in ({}, {"temperature": 0.5}, {"min_ends": 2}):
                    yield {**made, "method": "beam_search", "options": {"topk": topk, **options}}
            for options in (
                {},
                {"topk": 3},
                {"topp": 0.7},
                {"topk": 6, "topp": 0.5},
                {"temperature": 2.0, "min_ends": 2},
            ):
                yield {**made, "method": "random_sample", "options": {"n": 4, **options}}


def answers(base, case):
    """The outputs of a case for three inputs, as lists of ids."""
    keys = ("kind", "start_id", "maxlen", "minlen")
    made = decoder(base, **{key: case[key] for key in keys})
    results = []
    for number in range(3):
        np.random.seed(number)  # noqa: NPY002 - bert4keras draws from it
        found = getattr(made, case["method"])([[5, number + 1, 7]], **case["options"])
        results.append(
            np.asarray(found).tolist() if case["method"] == "beam_search" else [ids.tolist() for ids in found]
        )
    return results


if __name__ == "__main__":
    from bert4keras.snippets import AutoRegressiveDecoder

    recorded = [{**case, "answers": answers(AutoRegressiveDecoder, case)} for case in cases()]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in recorded) + "\n]\n")
