"""Fine-tuning as a user runs it: all tasks on shortened real files, from model directories and released folders."""

import io
import json
import zipfile

import numpy as np
import pytest

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_tf_checkpoint
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.clue.fine_tuned import FineTuned, heads_of
from rfv2_keras.clue.finetune import finetune
from rfv2_keras.clue.prediction import Predictor
from rfv2_keras.clue.seeds import finetune_seeds
from rfv2_keras.clue.suite import run_suite, table
from rfv2_keras.clue.task import ORDER, Task
from rfv2_keras.errors import UserError

FEW = ["training.epochs=1", "maxlen=64", "training.batch=8"]
SUBMITTED = {
    "iflytek_predict.json",
    "tnews10_predict.json",
    "tnews11_predict.json",
    "afqmc_predict.json",
    "cmnli_predict.json",
    "ocnli_50k_predict.json",
    "cluewsc10_predict.json",
    "cluewsc11_predict.json",
    "csl_predict.json",
    "cmrc2018_predict.json",
    "c310_predict.json",
    "c311_predict.json",
    "chid10_predict.json",
    "chid11_predict.json",
    "cluener_predict.json",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory, model_folder, short_data):
    """All tasks, run once: (results, folder, what was printed)."""
    folder, stream = tmp_path_factory.mktemp("suite"), io.StringIO()
    results = run_suite(["all"], model_folder, short_data, folder, overrides=FEW, stream=stream)
    return results, folder, stream.getvalue()


def test_all_tasks_run_end_to_end(suite):
    """Scores, predictions for dev and test, a table with published rows, and one archive with every file to submit."""
    results, folder, _ = suite
    assert tuple(results) == ORDER
    for name in ORDER:
        scores = results[name]["scores"]
        assert scores
        assert all(0.0 <= score <= 1.0 for score in scores.values())
        run = folder / name
        assert heads_of(run / "model") == [name]
        assert (run / "predictions" / "dev.jsonl").read_text(encoding="utf-8").count("\n") > 0
    with zipfile.ZipFile(folder / "submission.zip") as archive:
        assert set(archive.namelist()) == SUBMITTED
        for name in SUBMITTED:
            text = archive.read(name).decode()
            records = json.loads(text) if text.startswith("{\n") else [json.loads(x) for x in text.split("\n") if x]
            assert records, name
    lines = (folder / "table.md").read_text(encoding="utf-8").split("\n")
    assert lines[0] == f"| | {' | '.join(ORDER)} |"
    assert any("RoFormerV2 base (test, published)" in line and "62.50" in line for line in lines)


def test_interrupted_suite_goes_on(suite, model_folder, short_data):
    """What is finished is not run again; what is missing is; other settings are refused."""
    results, folder, _ = suite
    (folder / "wsc" / "summary.json").unlink()
    stream = io.StringIO()
    again = run_suite(["all"], model_folder, short_data, folder, overrides=FEW, stream=stream)
    assert stream.getvalue().count("finished before, not run again") == len(ORDER) - 1
    assert again["wsc"]["scores"] == results["wsc"]["scores"], "the same seed gives the same scores"
    with pytest.raises(UserError, match=r"holds runs with seeds \[0\], now it is \[1\]"):
        run_suite(["all"], model_folder, short_data, folder, seeds=[1], overrides=FEW)


def test_saved_model_gives_the_written_predictions(suite, short_data):
    """A fine-tuned model read from disk predicts what stands in its predictions file."""
    _, folder, _ = suite
    for name in ("tnews", "c3", "cmrc2018", "cluener"):
        tuned = FineTuned.read(folder / name)
        examples = tuned.kind.read_all(tuned.kind.task.files.dev, short_data, pytest.fail)
        predictions = Predictor(tuned.kind, tuned.model)(examples)
        written = (folder / name / "predictions" / "dev.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        records = [tuned.kind.record(*pair) for pair in zip(examples, predictions, strict=True)]
        assert json.loads(json.dumps(records)) == [json.loads(line) for line in written]


def test_from_a_released_folder(tmp_path, model_folder, vocab, short_data):
    """bert_config.json with its nine keys, vocab.txt and a TensorFlow checkpoint: read as they are, nothing to say."""
    folder = tmp_path / "chinese_roformer-v2"
    folder.mkdir()
    config = json.loads((model_folder / "config.json").read_text())
    kept = ("hidden_act", "hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size")
    (folder / "bert_config.json").write_text(json.dumps({key: config[key] for key in kept}))
    (folder / "vocab.txt").write_bytes(vocab.read_bytes())
    encoder = build_transformer_model(model_folder)
    save_tf_checkpoint(encoder, folder / "bert_model.ckpt")
    found = PretrainedFolder.read(folder)
    assert found.config.model_type == "roformer_v2"
    loaded = build_transformer_model(found.config, found.weights)
    for ours, theirs in zip(encoder.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    results = finetune(Task.read("wsc", FEW), folder, short_data, tmp_path / "run", stream=io.StringIO())
    assert "accuracy" in results["scores"]


@pytest.mark.parametrize("model_type", ["gau_alpha", "roformer", "bert"])
def test_architecture_is_seen_in_the_checkpoint(tmp_path, vocab, model_type):
    small = {
        "vocab_size": 12000,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1 if model_type == "gau_alpha" else 2,
        "intermediate_size": 32,
        "hidden_act": "gelu",
    }
    save_tf_checkpoint(build_transformer_model(small, model=model_type), tmp_path / "bert_model.ckpt")
    (tmp_path / "bert_config.json").write_text(json.dumps(small))
    (tmp_path / "vocab.txt").write_bytes(vocab.read_bytes())
    assert PretrainedFolder.read(tmp_path).config.model_type == model_type


def test_several_seeds(tmp_path, model_folder, short_data):
    """Runs of their own, their mean and deviation; the same seed gives the same result."""
    task = Task.read("tnews", [*FEW, "training.optimizer=adamw", "training.layer_decay=0.9", "training.lora_rank=2"])
    summary = finetune_seeds(task, model_folder, short_data, tmp_path, [3, 4], stream=io.StringIO())
    scores = [json.loads((tmp_path / f"seed-{s}" / "results.json").read_text())["scores"]["accuracy"] for s in (3, 4)]
    assert summary["scores"]["accuracy"] == pytest.approx(np.mean(scores))
    assert summary["deviation"]["accuracy"] == pytest.approx(np.std(scores, ddof=1))
    assert " ± " in summary["shown"]["accuracy"]


def test_own_task_with_labels_from_the_data(tmp_path, model_folder):
    """Without dev files the last epoch counts; patience, warm-up and decay are taken."""
    lines = [{"text": text, "label": label} for text, label in [("好吃", "good"), ("难吃", "bad")] * 8]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    values = {
        "name": "food",
        "kind": "classification",
        "files": {"train": ["train.jsonl"]},
        "options": {"text": "text", "pooling": "mean"},
        "training": {"epochs": 2, "batch": 4, "warmup": 0.1, "decay": True, "patience": 1, "learning_rate": 1e-3},
    }
    task = Task.from_values(values, "food.json")
    results = finetune(task, model_folder, tmp_path, tmp_path / "run", stream=io.StringIO())
    assert (results["epoch"], results["scores"]) == (2, {})
    tuned = FineTuned.read(tmp_path / "run", "food")
    assert tuned.kind.task.labels == ["bad", "good"]
    (prediction,) = Predictor(tuned.kind, tuned.model)([tuned.kind.example("好吃")])
    assert prediction["label"] in ("bad", "good")


def test_what_cannot_be_used(tmp_path, model_folder, short_data):
    task = Task.read("cluener", [*FEW, "training.r_drop=1"])
    with pytest.raises(UserError, match=r"training.r_drop needs a task of classes or choices"):
        finetune(task, model_folder, short_data, tmp_path, stream=io.StringIO())
    with pytest.raises(UserError, match=r"--tasks must be all, or some of"):
        run_suite(["tnews", "nope"], model_folder, short_data, tmp_path)
    with pytest.raises(UserError, match="there is no such folder"):
        finetune(Task.read("tnews"), tmp_path / "no", short_data, tmp_path, stream=io.StringIO())
    with pytest.raises(UserError, match="is no fine-tuned model"):
        FineTuned.read(model_folder)
    assert "| tnews |" in table({"tnews": {"scores": {"accuracy": 0.5}, "deviation": {"accuracy": None}}}, "x")


def test_a_run_that_diverges_says_so(tmp_path, model_folder, short_data):
    """One sentence, before outputs that are no numbers reach the assignment of idioms; nothing is kept."""
    task = Task.read("chid", [*FEW, "training.optimizer=adamw", "training.learning_rate=1e30", "training.batch=2"])
    with pytest.raises(UserError, match="the loss is not finite in epoch 1; lower the learning rate"):
        finetune(task, model_folder, short_data, tmp_path / "run", stream=io.StringIO())
    assert not (tmp_path / "run" / "model").exists()
