"""Files and configs of other libraries that lie about their sizes: one sentence, nothing run, no memory taken."""

import json
import shutil
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.checkpoints.pytorch.safetensors_file import read_safetensors
from rfv2_keras.errors import UserError

EXCHANGE = Path(__file__).resolve().parents[1] / "golden" / "exchange"


def safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        safetensors({}, length=2**62),
        safetensors({}, length=1000),
        safetensors(b"no json"),
        safetensors(b"[" * 100_000),
        safetensors({"a": 1}),
        safetensors({"a": tensor([10**12], 0, 4)}, bytes(4)),
        safetensors({"a": tensor([10**12], 0, 4 * 10**12)}, bytes(4)),
        safetensors({"a": tensor([2**32, 2**32, 2**32], 0, 4)}, bytes(4)),
        safetensors({"a": tensor([-1], 0, 4)}, bytes(4)),
        safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 0, 4)}, bytes(4)),  # one over the other
        safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 2, 6)}, bytes(6)),
        safetensors({"a": tensor([1], 4, 0)}, bytes(4)),
        safetensors({"a": tensor([1], 0, 4)}, bytes(8)),  # bytes that belong to nobody
        safetensors({"a": tensor([1], 0, 4, "F128")}, bytes(4)),
    ],
)
def test_headers_that_lie(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"cannot be read as safetensors \(.*\)\.$") as error:
            read_safetensors(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    assert peak < 20e6


def test_the_hand_made_file_is_right(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(safetensors({"a": tensor([2], 0, 4, "BF16")}, b"\x80\x3f\x00\x40"))
    np.testing.assert_array_equal(np.asarray(read_safetensors(tmp_path / "model.safetensors")["a"], "float32"), [1, 2])


HUGE = {"vocab_size": 10_000_000, "hidden_size": 999_936, "num_hidden_layers": 1000, "intermediate_size": 1_000_000}


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("case", ["roformer_v2", "roformer", "bert", "gau_alpha", "roformer_bert4torch"])
@pytest.mark.parametrize("key", HUGE)
def test_config_with_huge_sizes(case, key, tmp_path):
    """Refused when the config is read; one size that is wrong is enough."""
    folder = Path(shutil.copytree(EXCHANGE / case, tmp_path / case))
    edit(
        next(folder / name for name in ("bert4torch_config.json", "config.json") if (folder / name).is_file()),
        **{key: HUGE[key]},
    )
    for read in (build_transformer_model, PretrainedFolder.read):
        with pytest.raises(
            UserError, match=r"the config describes a model of at least [\d,]+ parameters, but the weights"
        ):
            read(folder)


def test_huge_sizes_in_keras_hub_and_in_model_directories(tmp_path):
    preset = Path(shutil.copytree(EXCHANGE / "keras_hub", tmp_path / "preset"))
    config = json.loads((preset / "config.json").read_text())
    edit(preset / "config.json", config={**config["config"], "vocabulary_size": 10_000_000})
    builder = build_transformer_model(EXCHANGE / "keras_hub", return_keras_model=False)
    save_model_directory(builder.model, builder.config, None, tmp_path / "model")
    assert build_transformer_model(tmp_path / "model", return_keras_model=False).load_report.complete
    edit(tmp_path / "model" / "config.json", **HUGE)
    for folder in (preset, tmp_path / "model"):
        with pytest.raises(UserError, match="the config describes a model of at least"):
            build_transformer_model(folder)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[" * 100_000, "is nested too deeply|is not JSON"),
        (b'{"a": ' * 50_000, "is nested too deeply|is not JSON"),
        (b" " * 2_000_000 + b"{}", "is no config, it has more than 1,048,576 bytes"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"[]", "must hold a JSON object"),
        (b"{}", "names no architecture"),
        (b'{"model_type": "llama"}', "model_type must be one of"),
        (b'{"model_type": "roformer", "vocab_size": 1e400}', "vocab_size"),
        (b'{"model_type": "roformer", "vocab_size": -1}', "vocab_size"),
        (b'{"model_type": "roformer", "vocab_size": ' + b"9" * 4000 + b"}", "vocab_size"),
        (b'{"model_type": "roformer", "vocab_size": ' + b"9" * 5000 + b"}", "is not JSON|vocab_size"),
    ],
)
def test_broken_configs(content, sentence, tmp_path):
    folder = Path(shutil.copytree(EXCHANGE / "roformer", tmp_path / "model"))
    (folder / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=sentence) as error:
        build_transformer_model(folder)
    assert str(error.value).startswith(str(folder / "config.json"))


def test_folder_without_config(tmp_path):
    folder = Path(shutil.copytree(EXCHANGE / "roformer", tmp_path / "model"))
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"neither config\.json nor bert4torch_config\.json"):
        build_transformer_model(folder)


def test_weights_in_several_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../secret"}}))
    with pytest.raises(UserError, match="the weights are split into several files"):
        build_transformer_model(tmp_path)
