"""The depth experiment: initial values, the measured step, and verdicts that follow the numbers."""

import numpy as np
import pytest
from keras import ops

SEEDS = 2


@pytest.fixture(scope="module")
def models(experiment):
    return experiment("depth_models")


@pytest.fixture(scope="module")
def step(experiment):
    return experiment("depth_step")


@pytest.fixture(scope="module")
def page(experiment):
    return experiment("depth_page")


@pytest.fixture(scope="module")
def batch():
    draw = np.random.default_rng(0)
    tokens = draw.integers(5, 61, (4, 12)).astype("int32")
    positions = np.stack([draw.permutation(12)[:3] for _ in range(4)]).astype("int32")
    return {
        "token_ids": tokens,
        "segment_ids": np.zeros_like(tokens),
        "target_positions": positions,
        "target_ids": draw.integers(5, 61, (4, 3)).astype("int32"),
    }


class TestModels:
    def test_drawn_matrices_have_the_deviation_of_the_variant(self, models):
        """0.02 of width 768 keeps the size of products: √width · deviation is the same. Same seed, same pattern."""
        model = models.build({}, 3, 64, 61).model
        kernels = {}
        for name, deviation in (("fixed", 0.02), ("order 2", None)):
            models.draw_weights(model, deviation, 3, 64, seed=5)
            kernels[name] = [ops.convert_to_numpy(w) for w in model.trainable_variables if tuple(w.shape) == (64, 64)]
        for fixed, order_2 in zip(kernels["fixed"], kernels["order 2"], strict=True):
            assert fixed.std() * 64**0.5 == pytest.approx(0.02 * 768**0.5 / 1.13684723, rel=0.03)
            assert order_2.std() * 64**0.5 == pytest.approx(3**-0.5, rel=0.03)
            np.testing.assert_allclose(fixed / fixed.std(), order_2 / order_2.std(), rtol=1e-4)
        assert len(kernels["fixed"]) == 12  # four of each layer
        assert not np.allclose(kernels["fixed"][0], kernels["fixed"][1])

    @pytest.mark.parametrize(
        ("config", "name"),
        [({}, "Transformer-1-FeedForward-Norm"), ({"norm_placement": "pre"}, "Output-Norm")],
    )
    def test_last_hidden_layer(self, models, config, name):
        assert models.last_hidden_layer(models.build(config, 2, 32, 61).model) == name


class TestStep:
    def test_weights_and_optimizer_are_fresh_each_time(self, models, step, batch):
        """The same seed gives the same change again, another seed another one; a smaller α a smaller change."""
        one = step.OneStep(models.POST_NORM.config, 2, 32, batch, 61)
        first, other, again = one(models.POST_NORM, 0), one(models.POST_NORM, 1), one(models.POST_NORM, 0)
        warmed = one(models.ALPHA_WARMUP, 0)
        for optimizer in ("LAMB", "AdamW"):
            assert first[optimizer] == pytest.approx(again[optimizer], rel=1e-4)
            assert first[optimizer] != pytest.approx(other[optimizer], rel=1e-3)
            assert 0 < warmed[optimizer] < first[optimizer] / 20

    def test_the_change_is_in_proportion_to_the_learning_rate(self, models, step, batch, monkeypatch):
        one = step.OneStep(models.DEEPNORM.config, 2, 32, batch, 61)
        small = one(models.DEEPNORM, 0)
        monkeypatch.setattr(step, "RATES", {name: 3 * rate for name, rate in step.RATES.items()})
        large = one(models.DEEPNORM, 0)
        assert [large[name] / small[name] for name in step.RATES] == pytest.approx([3, 3], rel=0.05)

    def test_every_variant_is_measured(self, models, step, batch):
        found = step.step_changes(1, 32, batch, 61, SEEDS)
        assert set(found) == {(variant.name, name) for variant in models.VARIANTS for name in step.RATES}
        assert all(len(changes) == SEEDS and min(changes) > 0 for changes in found.values())

    def test_relative_change(self, step):
        assert step.relative_change(np.array([3.0, 4.0]), np.array([3.0, 4.5])) == pytest.approx(0.1)


class TestPage:
    @pytest.fixture
    def changes(self, models, page):
        """Post-norm grows eightfold, everything else stays."""
        keys = [(variant.name, name) for variant in models.VARIANTS for name in page.RATES]
        shallow = {key: [1e-3, 1.1e-3] for key in keys}
        deep = {key: [8e-3, 8.8e-3] if key[0] == models.POST_NORM.name else [1e-3, 1.1e-3] for key in keys}
        return {6: shallow, 48: deep}

    @pytest.mark.parametrize(
        ("variant", "grows", "says"),
        [
            ("POST_NORM", True, "reproduced"),
            ("POST_NORM", False, "not reproduced"),
            ("ORDER_2", False, "reproduced"),
            ("ORDER_2", True, "not reproduced"),
        ],
    )
    def test_verdicts(self, models, page, changes, variant, grows, says):
        text = page.judged(changes, "Claim", getattr(models, variant), "LAMB", grows)
        assert text.startswith(f"* Claim: **{says}**, it grows {8 if variant == 'POST_NORM' else 1}.00 ± 0.00 times.")

    def test_page_and_picture(self, page, changes, tmp_path):
        page.write(tmp_path / "new", changes, "How.", 60)
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"depth.md", "depth.png"}
        text = (tmp_path / "new" / "depth.md").read_text(encoding="utf-8")
        assert "| post-norm, 0.02 | 1.050 ± 0.071 | 8.400 ± 0.566 | 8.00 ± 0.00 |" in text
        assert "the change of 48 layers divided by that of 6" in text.replace("\n", " ")
