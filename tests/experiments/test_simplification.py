"""The experiment on simplifications: what its models have, times in turns, and verdicts that follow the numbers."""

import argparse

import numpy as np
import pytest

OPTIONS = argparse.Namespace(length=8, layers=1, width=32, updates=20, rows=4, learning_rate=1e-3, seeds=2)


@pytest.fixture(scope="module")
def runs(experiment):
    return experiment("simplification_runs")


@pytest.fixture(scope="module")
def speed(experiment):
    return experiment("speed_in_turns")


@pytest.fixture(scope="module")
def page(experiment):
    return experiment("simplification_page")


class FakeStream:
    """Random tokens in the place of `TextStream`."""

    vocab_size = 11

    def __init__(self, arrays_of):
        self.arrays_of = arrays_of

    def training_batch(self, seed, step, rows, length):
        ids = np.random.default_rng([seed, step]).integers(3, 11, (rows, length)).astype("int32")
        return self.arrays_of(ids, ids % 2 == 0, ids, length)

    def test_batches(self, rows, length):
        return [self.training_batch(9, 9, 4, length)]


def test_variants_have_what_they_are_named_after(runs, experiment):
    build = experiment("small_training").build
    for name, keys in runs.VARIANTS.items():
        model = build({**runs.model_config(1, 32), **keys}, 11)
        weights = {weight.path.rpartition("/")[2] for weight in model.weights}
        assert ("bias" in weights) == name.startswith("biases"), name
        assert ({"gamma", "beta"} <= weights) == ("LayerNorm" in name), name


def test_every_variant_is_trained_with_every_seed(runs, experiment):
    found = runs.losses_of_variants(FakeStream(experiment("text_stream").arrays_of), OPTIONS)
    assert list(found) == list(runs.VARIANTS)
    losses = [loss for results in found.values() for _, loss in results]
    assert len(set(losses)) == 8
    # What is seen is what is asked for, so that even a short training beats guessing.
    assert max(losses) < np.log(11)
    assert all(len(curve) == 20 for results in found.values() for curve, _ in results)


def test_both_models_are_timed_in_every_round(speed, monkeypatch):
    monkeypatch.setattr(speed, "LENGTHS", (12, 24))
    monkeypatch.setattr(speed, "PRECISIONS", {"float32": ("float32", False)})
    monkeypatch.setattr(speed, "VOCABULARY", 50)
    found = speed.measure(1, 64, 48, 3)
    assert set(found) == {(name, "float32", length) for name in speed.MODELS for length in (12, 24)}
    assert all(len(seconds) == 3 and min(seconds) > 0 for seconds in found.values())


def test_a_random_batch_asks_for_a_sixth_of_the_tokens(speed):
    batch = speed.random_batch(3, 30)
    assert batch["token_ids"].shape == (3, 30)
    assert batch["target_positions"].shape == batch["target_ids"].shape == (3, 5)
    assert all(len(set(places)) == 5 for places in batch["target_positions"])
    assert batch["target_ids"].min() > 0


class TestPage:
    @pytest.fixture
    def seconds(self, page):
        """BERT takes 1.5 times as long with rows of 128 and as long with rows of 512."""
        found = {}
        for precision, length in page.cases():
            found[page.ROFORMER, precision, length] = [1.0, 2.0, 1.0]
            found[page.BERT, precision, length] = [1.5, 3.0, 1.52] if length == 128 else [1.0, 2.1, 0.95]
        return found

    @pytest.fixture
    def results(self, runs):
        curve = [(10, 6.0), (20, 5.0)]
        losses = dict.fromkeys(runs.VARIANTS, (5.0, 5.1)) | {runs.FULL: (5.001, 5.1)}
        return {name: [(curve, loss) for loss in pair] for name, pair in losses.items()}

    def test_page_and_picture(self, page, seconds, results, tmp_path):
        page.write(tmp_path / "new", seconds, results, "How fast.", "How good.", 60)
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"simplification.md", "simplification.png"}
        text = " ".join((tmp_path / "new" / "simplification.md").read_text(encoding="utf-8").split())
        assert "rows of 128, float32, XLA: **reproduced**, 1.51 times as fast (the article: 1.3)" in text
        assert "rows of 512, mixed bfloat16: **unclear**, 1.00 times as fast (the article: 1.2)" in text
        assert (
            "costs nothing: **reproduced**, the loss of the full model minus that of the simple one is +0.001" in text
        )
        assert "| 128 | float32, XLA | 1333 ± 577 | 2007 ± 860 | 1.51 ± 0.01 | 1.3 |" in text

    def test_a_loss_that_is_worth_something(self, page, runs, results):
        results[runs.FULL] = [(curve, loss - 0.2) for curve, loss in results[runs.SIMPLE]]
        assert "**not reproduced**" in page.judged_loss(results)
