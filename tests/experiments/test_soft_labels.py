"""The experiment on soft labels: its targets, a training that learns, calibration, and verdicts that follow."""

import argparse

import keras
import numpy as np
import pytest
from scipy.special import expit

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory

SHAPE = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}


@pytest.fixture(scope="module")
def training(experiment):
    return experiment("soft_labels_training")


@pytest.fixture(scope="module")
def page(experiment):
    return experiment("soft_labels_page")


@pytest.fixture(scope="module")
def vectors(experiment):
    """Four labels, each right where one of four features is large."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(320, 4)).astype("float32")
    labels = (features > 0.5).astype("float32")
    return experiment("soft_labels_data").Vectors(features[:256], labels[:256], features[256:], labels[256:])


class TestTargets:
    def test_hard_and_smoothed(self, training):
        vectors, labels = np.ones((2, 3)), np.array([[0.0, 1.0], [1.0, 1.0]])
        assert training.soften(vectors, labels, training.HARD, 0.1, None)[1] is labels
        same, smoothed = training.soften(vectors, labels, training.SMOOTHED, 0.2, None)
        assert same is vectors
        np.testing.assert_allclose(smoothed, [[0.1, 0.9], [0.9, 0.9]])

    def test_mixup_mixes_vectors_and_labels_alike(self, training):
        """Labels that are the vectors stay the vectors; every mixture lies between two texts."""
        rows = np.eye(50, dtype="float32")
        vectors, labels = training.soften(rows, rows.copy(), training.MIXUP, 0.1, np.random.default_rng(0))
        np.testing.assert_array_equal(vectors, labels)
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
        assert ((labels > 0).sum(axis=1) <= 2).all()
        assert 0.2 < labels.diagonal().mean() < 0.8


class TestTraining:
    def test_every_arm_learns(self, training, vectors):
        options = argparse.Namespace(hidden=16, epochs=8, batch=8, learning_rate=2e-2, smoothing=0.1)
        chance = 200 * vectors.test_labels.mean() / (1 + vectors.test_labels.mean())  # F1 of predicting all
        found = {arm: training.train(vectors, *arm, 0, options) for arm in training.ARMS}
        assert set(found) == {(loss, targets) for loss in training.LOSSES for targets in training.TARGETS}
        for result in found.values():
            assert result.f1 > chance + 20
            assert 0 < result.exact <= 100
            assert result.scores.shape == result.labels.shape == (64, 4)
        again = training.train(vectors, *training.ARMS[0], 0, options)
        np.testing.assert_allclose(again.scores, found[training.ARMS[0]].scores, rtol=1e-4, atol=1e-4)

    def test_sigmoid_cross_entropy_is_summed(self, training):
        labels, scores = np.array([[1.0, 0.0, 0.5]]), np.array([[2.0, -1.0, 3.0]])
        p = expit(scores)
        expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).sum()
        loss = keras.ops.convert_to_numpy(training.sigmoid_cross_entropy(labels, scores))
        assert loss == pytest.approx([expected], rel=1e-5)


class TestData:
    def test_texts_become_vectors_in_their_order(self, experiment, data, tmp_path):
        keras.utils.set_random_seed(0)
        builder = build_transformer_model(model="roformer_v2", vocab_size=12000, return_keras_model=False, **SHAPE)
        save_model_directory(builder, builder.config, data / "vocab" / "roformer_v2_char_vocab.txt", tmp_path / "m")
        (tmp_path / "train.txt").write_text("甲 今天下雨\n乙 明天也下雨吗\n甲|乙 雨\n", encoding="utf-8")
        (tmp_path / "test.txt").write_text("甲|乙 雨\n甲 今天下雨\n", encoding="utf-8")
        options = argparse.Namespace(model=tmp_path / "m", data=tmp_path, train="train.txt", test="test.txt", maxlen=16)
        found = experiment("soft_labels_data").read_vectors(options)
        np.testing.assert_array_equal(found.train_labels, [[0, 1], [1, 0], [1, 1]])  # 乙 comes before 甲
        np.testing.assert_allclose(found.train.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(found.train.std(axis=0), 1, atol=1e-3)
        np.testing.assert_allclose(found.test, found.train[[2, 0]], atol=1e-4)
        np.testing.assert_array_equal(found.test_labels, [[1, 1], [0, 1]])


class TestCalibration:
    def test_probabilities_that_are_frequencies_have_no_error(self, experiment):
        found = experiment("calibration").reliability(np.repeat([0.25, 1.0], [4, 2]), np.array([0, 1, 0, 0, 1, 1]))
        assert found.expected_error == pytest.approx(0)
        assert found.counts.sum() == 6
        assert list(found.observed[found.counts > 0]) == [0.25, 1.0]

    def test_the_error_is_a_mean_over_probabilities(self, experiment):
        """Three probabilities of 0.1 for what never is so, one of 0.9 for what is: (3 · 0.1 + 0.1) / 4."""
        found = experiment("calibration").reliability(np.array([[0.1, 0.1], [0.1, 0.9]]), np.array([[0, 0], [0, 1]]))
        assert found.expected_error == pytest.approx(0.1)


class TestPage:
    @pytest.fixture
    def results(self, training):
        """ZLPR is 2 points better; its scores are the exact logits of σ(2 s), but for smoothed targets of σ(s)."""
        draw = np.random.default_rng(0)
        found = {}
        for loss, targets in training.ARMS:
            factor = 1 if loss == training.SIGMOID or targets == training.SMOOTHED else 2
            runs = []
            for seed in range(3):
                scores = draw.normal(scale=2, size=(4000, 3)) / factor
                labels = (draw.random(scores.shape) < expit(factor * scores)).astype("float32")
                f1 = 50 + seed + 2 * (loss == training.ZLPR) + 0.1 * draw.random()
                runs.append(training.Result(f1, 40.0, scores, labels))
            found[loss, targets] = runs
        return found

    def test_page_and_picture(self, page, results, tmp_path):
        page.write(tmp_path / "new", results, "How.", 60)
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"soft_labels.md", "soft_labels.png"}
        text = " ".join((tmp_path / "new" / "soft_labels.md").read_text(encoding="utf-8").split())
        assert "than sigmoid cross entropy, hard targets: **reproduced**, difference +2." in text
        assert "as σ(2 s) than as σ(s), hard targets: **reproduced**" in text
        assert "as σ(2 s) than as σ(s), smoothed targets: **not reproduced**" in text
        assert "as σ(2 s) than as σ(s), mixup targets: **reproduced**" in text
