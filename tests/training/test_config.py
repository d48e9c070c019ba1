"""Run configs: what is accepted, and one sentence for what is not."""

import json

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.training.config import PretrainConfig

SMALLEST = {
    "model": {"config": "model.json"},
    "data": {"records": "records"},
    "schedule": {"points": {"10": 1.0}},
    "training": {"steps": 20},
    "output": {"directory": "run"},
}


def test_defaults_are_the_published_settings():
    config = PretrainConfig.read(SMALLEST)
    assert config.optimizer.name == "lamb"
    assert config.optimizer.learning_rate == 1.76e-3
    assert config.optimizer.bias_correction is False
    assert config.data.mask_rate == 0.15
    assert config.training.batch == 512


def test_overrides_are_json_or_text():
    changes = ["optimizer.learning_rate=1e-4", "training.steps=5", "xla.jit_compile=false", "output.directory=other"]
    config = PretrainConfig.read(SMALLEST, changes)
    assert config.optimizer.learning_rate == 1e-4
    assert config.training.steps == 5
    assert config.xla.jit_compile is False
    assert config.output.directory == "other"


def test_written_config_reads_back_the_same(tmp_path):
    config = PretrainConfig.read(SMALLEST)
    config.write(tmp_path / "config.json")
    assert PretrainConfig.read(tmp_path / "config.json") == config


BAD = [
    ({"training": {"steps": 20, "bacth": 4}}, 'unknown key "training.bacth"; did you mean "batch".'),
    ({"optimiser": {}}, 'unknown key "optimiser"; did you mean "optimizer".'),
    ({"training": {"steps": "20"}}, 'training.steps: input should be a valid integer, received "20".'),
    ({"training": {}}, "training.steps is missing."),
    ({"training": {"steps": 1, "batch": 10, "accumulation": 3}}, "must divide training.batch, received 3 and 10."),
    ({"training": {"steps": 1, "evaluate_every": 5}}, "needs data.heldout"),
    ({"data": {"records": "r", "mask_rate": 1.5}}, "data.mask_rate: input should be less than 1"),
    ({"precision": {"dtype_policy": "float8"}}, "precision.dtype_policy"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_bad_config_gets_one_sentence(tmp_path, change, message):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**SMALLEST, **change}))
    with pytest.raises(UserError) as caught:
        PretrainConfig.read(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["training.steps", "=3", "training..steps=3", "output.directory.x=3"])
def test_bad_override_gets_one_sentence(override):
    with pytest.raises(UserError, match="--set"):
        PretrainConfig.read(SMALLEST, [override])
