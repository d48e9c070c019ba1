"""The accuracy experiment: the three points' optima, the losses of its arms, and verdicts that follow the numbers."""

import numpy as np
import pytest

from rfv2_keras import losses

NAMES = (
    "cross entropy",
    "hinge",
    "EXACT, σ = 0.1",
    "cross entropy, temperature 0.1",
    "cross entropy, temperature 0.05",
    "1 − p_y, temperature 0.1",
    "1 − p_y, temperature 1",
)


@pytest.fixture(scope="module")
def points(experiment):
    return experiment("three_points")


@pytest.fixture(scope="module")
def training(experiment):
    return experiment("accuracy_training")


@pytest.fixture(scope="module")
def page(experiment):
    return experiment("accuracy_page")


class TestThreePoints:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_librarys_losses_have_the_articles_optima(self, points, name):
        assert set(points.LOSSES) == set(NAMES)
        loss, article = points.LOSSES[name]
        found = points.optimum(loss)
        assert points.agrees(found, article)
        assert found.accuracy == pytest.approx(1 if found.highest < 0.25 else 2 / 3)

    def test_optimum_of_a_parabola_and_of_a_flat_loss(self, points):
        """Mean of (x − b)² is least at the mean of the points, 0; |b − 1| ≤ 1/2 is flat."""
        parabola = points.optimum(lambda labels, logits: (logits[..., 1] - logits[..., 0]) ** 2)
        assert (parabola.lowest, parabola.highest) == pytest.approx((0, 0), abs=1e-9)
        flat = points.optimum(lambda labels, logits: np.maximum(np.abs(logits[..., 1] + 1) - 0.5, 0))
        # The point 0.25 allows b from 0.75 to 1.75, the point −0.25 from 0.25 to 1.25: all three 0.75 to 1.25.
        assert (flat.lowest, flat.highest) == pytest.approx((0.75, 1.25))
        assert points.show_range(flat.lowest, flat.highest) == "0.750 to 1.250"
        assert not points.agrees(flat, (0.75, 1.0))


class TestLosses:
    def test_each_arm_has_its_loss(self, training):
        made = {arm: training.loss_of(arm, 100, 2.0, 0.5, 0.6)[0] for arm in training.ARMS}
        types = [losses.TemperatureCrossEntropy, losses.EXACT, losses.CrossEntropyThenAccuracy]
        assert [type(loss) for loss in made.values()] == types
        exact = made[training.EXACT].get_config()
        assert (exact["sigma"], exact["margin"], exact["normalize_logits"]) == (2.0, 0.5, True)

    def test_the_last_arm_switches_over_a_tenth_of_the_batches(self, training):
        loss, (switch,) = training.loss_of(training.THEN, 100, 1.0, 0.5, 0.6)
        assert switch.variable is loss.accuracy_weight
        assert [switch.schedule(step) for step in (0, 60, 65, 70, 99)] == [0, 0, 0.5, 1, 1]


class TestPage:
    def test_differences_are_taken_seed_by_seed(self, page, training):
        """A gain of 1 ± 0.1 with every seed is seen, though the seeds lie ten points apart."""
        last = {training.EXACT: [51.0, 61.1, 40.9], training.CROSS_ENTROPY: [50.0, 60.0, 40.0]}
        text = page.judged_task(("Higher", training.EXACT, training.CROSS_ENTROPY, "none"), last)
        assert "**reproduced**, difference +1.00 points" in text
        text = page.judged_task(("Lower", training.CROSS_ENTROPY, training.EXACT, "none"), last)
        assert "**not reproduced**, difference -1.00 points" in text

    def test_a_missed_optimum_is_named(self, page, points):
        optima = {name: points.optimum(loss) for name, (loss, _) in points.LOSSES.items()}
        assert "**reproduced**, 7 of 7" in page.judged_points(optima)
        optima["hinge"] = optima["cross entropy"]
        assert "**not reproduced**, 6 of 7 are the article's, all but hinge." in page.judged_points(optima)

    def test_page_and_picture(self, page, points, training, tmp_path):
        optima = {name: points.optimum(loss) for name, (loss, _) in points.LOSSES.items()}
        curves = {arm: [[30.0 + i, 40.0 + i], [32.0, 44.0]] for i, arm in enumerate(training.ARMS)}
        page.write(tmp_path / "new", optima, curves, "How.", 60)
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"accuracy.md", "accuracy.png"}
        text = (tmp_path / "new" / "accuracy.md").read_text(encoding="utf-8")
        assert "| EXACT | 31.50 ± 0.71 | 42.50 ± 2.12 | 0.50 ± 0.71 |" in text
        assert (
            "| 1 − p_y, temperature 1 | 2.000 (the end of the range: it runs away) | 2 | 2.000 | reproduced |" in text
        )
