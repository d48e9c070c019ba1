"""The length experiment: its text and batches, the n of testing, training that learns, and verdicts that follow."""

import argparse

import keras
import numpy as np
import pytest

SYLLABLES = "天地玄黄宇宙洪荒日月盈昃辰宿列张"
OPTIONS = argparse.Namespace(
    length=16, lengths=[16, 32], layers=1, width=32, updates=20, rows=8, learning_rate=1e-2, seeds=2
)


@pytest.fixture(scope="module")
def module(experiment):
    return experiment("text_stream")


@pytest.fixture(scope="module")
def runs(experiment):
    return experiment("length_runs")


@pytest.fixture(scope="module")
def page(experiment):
    return experiment("length_page")


@pytest.fixture(scope="module")
def stream(module, tmp_path_factory):
    """A text of one sentence, over and over: the tokens 3 to 18, of which the last ones are unknown to the stream."""
    folder = tmp_path_factory.mktemp("stream")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *SYLLABLES]) + "\n", encoding="utf-8")
    (folder / "text.txt").write_text((SYLLABLES[:8] * 3 + SYLLABLES[8:] + "\n") * 64, encoding="utf-8")
    return module.TextStream([folder / "text.txt"], folder / "vocab.txt", 11, 512)


class TestTextStream:
    def test_the_rarer_half_of_the_tokens_is_unknown(self, module, stream):
        assert (len(stream.train), len(stream.test)) == (64 * 32 - 512, 512)
        sentence = stream.test.reshape(-1, 32)
        assert (sentence == sentence[0]).all()
        assert sorted(sentence[0, :8]) == list(range(3, 11))
        assert (sentence[0, 24:] == module.UNKNOWN).all()

    def test_a_training_batch_depends_on_seed_and_step_and_is_real_text(self, stream):
        batches = [stream.training_batch(*key, 8, 16) for key in ((0, 0), (0, 0), (0, 1), (1, 0))]
        assert all((batches[0][name] == array).all() for name, array in batches[1].items())
        assert all((batches[0]["token_ids"] != batch["token_ids"]).any() for batch in batches[2:])
        assert batches[0]["token_ids"].shape == (8, 16)
        assert batches[0]["target_ids"].shape == (8, 4)

    def test_targets_are_the_same_whatever_the_length(self, module, stream):
        """Put back in their places, targets give the text; cut otherwise, they are the same tokens in order."""
        found = {}
        for length, rows in ((16, 8), (64, 2), (512, 1)):
            ids, seen = [], []
            for batch in stream.test_batches(rows, length):
                for row, places, targets in zip(*batch.values(), strict=True):
                    kept = targets != module.PAD
                    full = np.zeros(length, int)
                    full[places[kept]] = targets[kept]
                    ids.append(full)
                    seen.append(row)
            found[length] = np.concatenate(ids), np.concatenate(seen)
        ids, seen = found[16]
        assert (stream.test[ids > 0] == ids[ids > 0]).all()
        assert 0.05 < (ids > 0).mean() < 0.25
        assert (seen == module.MASK).mean() > 0.08
        assert not (ids == module.UNKNOWN).any()
        for other in (64, 512):
            assert all((a == b).all() for a, b in zip(found[16], found[other], strict=True))

    def test_what_cannot_be_cut_is_refused(self, module, stream, tmp_path):
        with pytest.raises(module.UserError, match="3 rows of 100 tokens"):
            stream.test_batches(3, 100)
        (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n天\n", encoding="utf-8")
        (tmp_path / "text.txt").write_text("天天", encoding="utf-8")
        with pytest.raises(module.UserError, match="holds 2 tokens"):
            module.TextStream([tmp_path / "text.txt"], tmp_path / "vocab.txt", 8, 2)


class TestRuns:
    def test_two_gau_layers_weigh_as_much_as_one_of_roformer(self, runs, experiment):
        build = experiment("small_training").build
        models = [build(runs.model_config(name, runs.PLUS, 2, 64), 10) for name in runs.ARCHITECTURES]
        sizes = [model.count_params() - 640 for model in models]  # without the token table
        assert sizes[0] / sizes[1] == pytest.approx(1, abs=0.2)

    def test_training_learns_and_starts_anew_each_time(self, runs, stream, experiment):
        """The loss falls below that of guessing; the second training of a seed is the first one over again."""
        trainer = experiment("small_training").Trainer(
            runs.model_config(runs.ROFORMER, "softmax", 1, 32), stream, OPTIONS
        )
        first, other, again = trainer.train(0, "a"), trainer.train(1, "b"), trainer.train(0, "c")
        assert first == again != other
        assert len(first) == 20
        assert first[-1][1] < 0.9 * np.log(11) < first[0][1] * 1.2

    def test_fixed_and_actual_n_agree_at_the_length_of_training_only(self, runs, stream, experiment):
        scorer = experiment("small_training").Scorer
        config = runs.model_config(runs.GAU, runs.SQUARED, 1, 32)
        keras.utils.set_random_seed(0)
        model = experiment("small_training").build(config, 11)
        losses = {
            rule: [scorer(runs.with_rule(config, rule, 16), 11)(model, stream.test_batches(2, n))[0] for n in (16, 64)]
            for rule in (runs.FIXED, runs.ACTUAL)
        }
        assert losses[runs.FIXED][0] == pytest.approx(losses[runs.ACTUAL][0], abs=1e-6)
        assert losses[runs.FIXED][1] != pytest.approx(losses[runs.ACTUAL][1], abs=1e-6)


class TestPage:
    @pytest.fixture
    def results(self, runs):
        """softmax_plus with the actual n loses a point at 128, everything else three; relu² with it five."""

        def at_128(line):
            if line.rule == runs.ACTUAL:
                return 39.0 if line.normalization == runs.PLUS else 35.0
            return 37.0

        return {line: {64: [40.0, 40.1], 128: [at_128(line), at_128(line) + 0.1]} for line in runs.LINES}

    def test_page_and_picture(self, page, results, tmp_path):
        page.write(tmp_path / "new", results, 64, "How.", 60)
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"length.md", "length.png"}
        text = " ".join((tmp_path / "new" / "length.md").read_text(encoding="utf-8").split())
        assert (
            "RoFormerV2: softmax_plus with the actual n is more accurate than softmax: **reproduced**, by +2.00" in text
        )
        assert "the article's +5.68" in text
        assert "with that of training: **reproduced**, by +2.00 points" in text
        assert "**reproduced**, 1.00 ± 0.00 against 3.00 ± 0.00 points" in text
        assert "| GAU, squared_relu, n actual | 40.05 ± 0.07 | 35.05 ± 0.07 |" in text

    def test_the_other_way_round(self, page, runs, results):
        lines = runs.Line(runs.GAU, runs.SQUARED, runs.ACTUAL), runs.Line(runs.GAU, runs.SQUARED, runs.FIXED)
        assert "Claim: **not reproduced**, by -2.00" in page.judged(results, (128,), "Claim", *lines, None)
