"""Decoders give what those of bert4keras 0.11.5 give, which `bert4keras_decoding.json` records."""

import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from rfv2_keras.compat.snippets import AutoRegressiveDecoder, ViterbiDecoder
from rfv2_keras.errors import UserError

RECORDED = json.loads(Path(__file__).with_name("bert4keras_decoding.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recorder(root):
    """The script that recorded the cases, whose made-up model is used again."""
    path = root / "scripts" / "evidence" / "bert4keras_decoding.py"
    spec = importlib.util.spec_from_file_location("bert4keras_decoding", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_cases_are_recorded(recorder):
    assert list(recorder.cases()) == [{k: v for k, v in case.items() if k != "answers"} for case in RECORDED]


@pytest.mark.parametrize("method", ["beam_search", "random_sample"])
def test_outputs_are_those_of_bert4keras(recorder, method):
    """Beam search exactly; drawn texts with the same seed, temperature, topk and topp."""
    for case in RECORDED:
        if case["method"] == method:
            assert recorder.answers(AutoRegressiveDecoder, case) == case["answers"], case


def test_a_beam_that_holds_all_prefixes_finds_the_best(recorder):
    """With three tokens and two steps, compared with all nine sequences."""

    class Decoder(AutoRegressiveDecoder):
        @AutoRegressiveDecoder.wraps(default_rtype="logits")
        def predict(self, inputs, output_ids, states):
            return recorder.logits(inputs, output_ids)[:, 4:7]

    def score(ids, prompt):
        total = 0.0
        for i, token in enumerate(ids):
            logits = recorder.logits([np.array([prompt])], np.array(ids[:i], int).reshape(1, i))[0, 4:7]
            total += logits[token] - np.log(np.exp(logits).sum())
        return total

    for number in range(20):
        prompt = [5, number]
        found = Decoder(start_id=None, end_id=99, maxlen=2).beam_search([prompt], topk=3)
        assert tuple(found) == max(np.ndindex(3, 3), key=lambda ids: score(ids, prompt))


def test_states_are_handed_on():
    class Counter(AutoRegressiveDecoder):
        @AutoRegressiveDecoder.wraps(default_rtype="probas", use_states=True)
        def predict(self, inputs, output_ids, states):
            states = (states or 0) + 1
            row = np.full(4, 0.1)
            row[states % 4] = 0.7
            return np.tile(row, (len(output_ids), 1)), states

    assert Counter(None, 3, maxlen=5).beam_search([[1]], topk=1).tolist() == [1, 2, 3]


def test_last_token():
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Embedding(9, 3)(inputs))
    decoder = AutoRegressiveDecoder(None, 1, 2)
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    last = decoder.last_token(model)
    assert decoder.last_token(model) is last
    np.testing.assert_array_equal(last.predict(ids), model.predict_on_batch(ids)[:, -1])
    np.testing.assert_array_equal(last.predict(ids[:1]), model.predict_on_batch(ids[:1])[:, -1])


def test_wrong_arguments():
    class Decoder(AutoRegressiveDecoder):
        @AutoRegressiveDecoder.wraps(default_rtype="probas")
        def predict(self, inputs, output_ids, states):
            return np.full((len(output_ids), 4), 0.25)

    decoder = Decoder(None, 3, maxlen=2)
    with pytest.raises(UserError, match="topk must be an integer from 1 to 4, the number of tokens, received 5"):
        decoder.beam_search([[1]], topk=5)
    with pytest.raises(UserError, match=r"topk .* received 9"):
        decoder.random_sample([[1]], 1, topk=9)
    with pytest.raises(UserError, match="default_rtype must be 'probas' or 'logits', received 'logit'"):
        AutoRegressiveDecoder.wraps(default_rtype="logit")
    with pytest.raises(NotImplementedError, match="must define predict"):
        AutoRegressiveDecoder(None, 3, 2).predict([], [])


def test_viterbi_is_that_of_bert4keras(golden):
    """The golden paths for all choices of starts and ends; unlike there the scores stay as they are."""
    constraints = [(None, None), ([0, 2], None), ([0], [1, 3]), (None, [2])]
    with np.load(golden / "layers" / "crf.npz") as arrays:
        for i in (0, 1):
            for j, (starts, ends) in enumerate(constraints):
                decoder = ViterbiDecoder(arrays[f"trans{i}"], starts, ends)
                for row in range(3):
                    path = arrays[f"viterbi{i}_{j}_{row}"]
                    nodes = arrays[f"emissions{i}"][row, : len(path)]
                    before = nodes.copy()
                    np.testing.assert_array_equal(decoder.decode(nodes), path)
                    np.testing.assert_array_equal(nodes, before)
    assert decoder.num_labels == 4
