"""With the packages of NVIDIA's image (TensorFlow 2.17, NumPy 1.26, Python 3.12) and a new Keras, everything works."""

import json
import random
import shutil

VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}))
"""
KEPT = {
    "h5py": "3.10.0",
    "ml-dtypes": "0.3.2",
    "numpy": "1.26.4",
    "packaging": "23.2",
    "protobuf": "4.25.3",
    "rich": "13.9.4",
    "tf-keras": "2.17.0",
    "typing-extensions": "4.12.2",
}
LETTERS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"


def test_only_keras_is_renewed(in_ngc):
    versions = json.loads(in_ngc("-c", VERSIONS).stdout)
    assert versions.get("tensorflow-cpu", versions.get("tensorflow")) == "2.17.1"
    assert {name: versions[name] for name in KEPT} == KEPT
    assert tuple(map(int, versions["keras"].split(".")[:2])) >= (3, 12)
    assert not [name for name in versions if name.startswith("nvidia-")]


def test_files_of_the_build_suffice(in_ngc, scripts, root, tmp_path):
    """What .dockerignore lets through can be installed without a network, and is the whole package."""
    context = tmp_path / "context"
    for line in (scripts / "Dockerfile.dockerignore").read_text().splitlines():
        source = root / line.removeprefix("!")
        if line.startswith("!") and source.is_dir():
            shutil.copytree(source, context / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif line.startswith("!"):
            context.mkdir(exist_ok=True)
            shutil.copy(source, context)
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    in_ngc(*pip, "--target", tmp_path / "installed", context)
    modules = {file.relative_to(root) for file in (root / "rfv2_keras").rglob("*.py")}
    installed = {file.relative_to(tmp_path / "installed") for file in (tmp_path / "installed").rglob("*.py")}
    assert installed == modules
    assert (context / "scripts" / "ngc" / "install.sh").is_file()


def test_golden_models(in_ngc, root):
    """Outputs and gradients of the original implementation, for the cases that are part of the repository."""
    names = [case.parent.name for case in sorted((root / "tests" / "golden" / "models").glob("*/case.json"))]
    assert len(names) >= 4
    file = "tests/models/test_golden.py"
    nodes = [f"{file}::test_outputs_of_all_batches[{name}]" for name in names]
    nodes += [f"{file}::test_outputs_and_gradients[{name}-plain]" for name in names]
    result = in_ngc("-m", "pytest", "-q", "-p", "no:cacheprovider", *nodes)
    assert f"{len(nodes)} passed" in result.stdout


def test_prepare_and_pretrain(in_ngc, tmp_path):
    """Text to trained model, jitted: alone at first, then continued by two processes."""
    draw = random.Random(0)
    lines = ["".join(draw.choices(LETTERS[:6], k=draw.randint(8, 30))) for _ in range(200)]
    (tmp_path / "corpus.txt").write_text("\n\n".join(lines), encoding="utf-8")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    prepare = ["prepare", tmp_path / "corpus.txt", "--vocab", tmp_path / "vocab.txt", "--out", tmp_path / "records"]
    in_ngc("-m", "rfv2_keras.cli", *prepare, "--maxlen", 32, "--workers", 1)
    config = {
        "model": {
            "config": {
                "model_type": "roformer_v2",
                "vocab_size": len(tokens),
                "hidden_size": 32,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 64,
            }
        },
        "data": {"records": str(tmp_path / "records")},
        "optimizer": {"learning_rate": 0.03},
        "schedule": {"points": {"4": 1.0}},
        "training": {"batch": 16, "steps": 20, "log_every": 10, "checkpoint_every": 10},
        "xla": {"jit_compile": True},
        "output": {"directory": str(tmp_path / "run"), "tensorboard": False},
    }
    (tmp_path / "run.json").write_text(json.dumps(config))
    in_ngc("-m", "rfv2_keras.cli", "pretrain", tmp_path / "run.json")
    more = ["pretrain", tmp_path / "run.json", "--set", "training.steps=30"]
    result = in_ngc("-m", "rfv2_keras.cli", "launch", "--processes", 2, *more)
    assert "Resuming after update 20" in result.stdout
    assert "2 process(es)" in result.stdout
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(losses) == 3
    assert losses[2] < losses[0] - 0.3
    assert (tmp_path / "run" / "model" / "model.weights.h5").is_file()


def test_doctor_names_the_wrong_keras(in_ngc):
    """The image has Keras 2 as tf_keras beside Keras 3; with this variable tf.keras is the old one."""
    result = in_ngc("-m", "rfv2_keras.cli", "doctor", status=1, TF_USE_LEGACY_KERAS="1")
    assert "tf.keras is Keras 2.17.0" in result.stdout
    assert "TF_USE_LEGACY_KERAS=0" in result.stdout
    assert "TensorFlow  2.17.1" in result.stdout
