"""The deep-training experiment: its runs, the loss they are compared with, and verdicts that follow the numbers."""

import argparse
import math
from pathlib import Path

import numpy as np
import pytest

from rfv2_keras.training.config import PretrainConfig

OPTIONS = argparse.Namespace(records="records", layers=2, width=32, updates=20, batch=4, learning_rate=1e-3, seeds=2)


@pytest.fixture(scope="module")
def runs(experiment):
    return experiment("deep_runs")


@pytest.fixture(scope="module")
def page(experiment):
    return experiment("deep_training_page")


def test_both_runs_of_a_seed_differ_in_the_warm_up_alone(runs):
    plain, warmed = (
        PretrainConfig.read(runs.run_config(arm, 3, Path("initial"), OPTIONS, Path("run"))) for arm in runs.ARMS
    )
    assert (plain.training.alpha_warmup, warmed.training.alpha_warmup) == (None, 10)
    warmed.training.alpha_warmup = None
    assert plain == warmed
    assert plain.training.seed == 3
    assert plain.schedule.points == {"2": 1.0, "20": 0.0}
    assert plain.training.steps == plain.training.log_every * runs.POINTS


def test_unigram_cross_entropy(runs):
    """Id 1 was seen twice, id 2 once, id 3 never; with one more of each of four ids there are seven."""
    seen, new = np.array([1, 0, 2, 1]), np.array([[1, 3], [0, 2]])
    expected = -(math.log(3 / 7) + math.log(1 / 7) + math.log(2 / 7)) / 3
    assert runs.unigram_cross_entropy(seen, new, 4) == pytest.approx(expected)


def test_late_loss_is_that_of_the_last_quarter(runs):
    assert runs.late_loss([(step, float(step)) for step in range(1, 21)]) == pytest.approx(18.0)


def test_page_and_picture(runs, page, tmp_path):
    """With a frequency loss of 6.5 the plain model of 7 does not train and the other one of 6 does."""
    curve = [(10, 9.0), (20, 7.0)]
    results = {
        runs.PLAIN: [runs.Result(curve, 7.0), runs.Result(curve, 7.1)],
        runs.WARMED: [runs.Result(curve, 6.0), runs.Result(curve, 6.1)],
    }
    page.write(tmp_path / "new", results, 6.5, "How.", 60)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"deep_training.md", "deep_training.png"}
    text = (tmp_path / "new" / "deep_training.md").read_text(encoding="utf-8")
    assert "* Without α warm-up the model does not train: **reproduced**, by +0.550" in text
    assert "* With α warm-up it does: **reproduced**, by +0.450" in text
    assert "* With α warm-up the loss is lower: **reproduced**, by +1.000" in text
    assert "| post-norm | 7.050 ± 0.071 | 7.000, 7.100 |" in text
