"""A multi-task run: shared functions, the same bits after a pause, heads on disk, errors before anything is trained."""

import json

import h5py
import numpy as np
import pytest

from rfv2_keras.clue.fine_tuned import FineTuned
from rfv2_keras.clue.prediction import Predictor
from rfv2_keras.errors import UserError
from rfv2_keras.multitask.config import MultitaskConfig
from rfv2_keras.multitask.run import MultitaskRun, train_multitask
from rfv2_keras.training.processes import SingleProcess


def weights(run):
    """All weights of the last checkpoint by path."""
    arrays = {}
    with h5py.File(sorted((run / "checkpoints").iterdir())[-1] / "model.weights.h5") as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_all_kinds_together(make_config, kinds):
    """One encoder, seven tasks: every one is drawn, logged and scored, and predicts from the model directory."""
    config = make_config("all", kinds, training={"steps": 12, "evaluate_every": 12, "log_every": 12})
    run = MultitaskRun(config, SingleProcess(), None)
    folder = run.run(resume=True)
    assert len(set(run.functions)) == 6, "the two classifications share a function"
    assert run.gradients.compiled_shapes == 6
    log = lines(folder)
    for name in kinds:
        numbers = {key.split("/")[2] for key in log[0] if key.startswith(f"task/{name}/")}
        assert numbers == {"loss", "share", "epochs", "gradient_norm", "cosine", "weight"}
        assert 0.0 <= log[1][f"task/{name}/score"] <= 1.0 or name == "similar"
        tuned = FineTuned.read(folder, name)
        head = run.model.heads[name]
        for own, saved in zip(head.weights, tuned.model.weights[-len(head.weights) :], strict=True):
            np.testing.assert_array_equal(own, saved)
        examples = run.supervised[name].dev
        scores = tuned.kind.score(examples, Predictor(tuned.kind, tuned.model)(examples))
        assert scores[tuned.kind.selects] == pytest.approx(log[1][f"task/{name}/score"], abs=1e-6)
    assert sum(log[0][f"task/{name}/share"] for name in kinds) == pytest.approx(1.0)


def test_twelve_sizes_of_label_sets_need_one_function(make_config, entry, tmp_path):
    """Heads are padded to the largest, so that every task finds the function compiled."""
    entries = []
    for labels in range(2, 14):
        path = tmp_path / f"{labels}.json"
        path.write_text("".join(json.dumps({"sentence": "天地", "label": str(i)}) + "\n" for i in range(labels)))
        task = {"name": f"t{labels}", "kind": "classification", "files": {"train": [str(path)]}, "maxlen": 24}
        entries.append({"task": task})
    run = MultitaskRun(make_config("sizes", entries, training={"accumulation": 12}), SingleProcess(), None)
    for step in range(3):
        run.gradients(run.micro_batches(step), 1.0)
    assert len(set(run.functions)) == 1
    assert run.gradients.compiled_shapes == 1


def test_resumed_run_has_the_same_bits(make_config):
    """Dropout, masks on inputs, remembered losses: 2 updates and 2 more in new objects are 4 at once, bit for bit.

    Afterwards, other tasks cannot go on from these checkpoints.
    """
    tasks = ["two", "similar", "choice"]
    combination = {"name": "loss_scaled", "loss_scale": "running"}
    whole = make_config("whole", tasks, combination=combination)
    whole.tasks[0].mask_rate = 0.15
    train_multitask(whole, stream=None)
    for steps in (2, 4):
        part = make_config("parts", tasks, combination=combination, training={"steps": steps})
        part.tasks[0].mask_rate = 0.15
        folder = train_multitask(part, stream=None)
    one, other = weights(folder.parent / "whole"), weights(folder)
    assert one.keys() == other.keys()
    for path, values in one.items():
        np.testing.assert_array_equal(values, other[path], err_msg=path)
    assert [line["step"] for line in lines(folder)] == [2, 4]
    with pytest.raises(UserError, match="the checkpoint is of another model"):
        train_multitask(make_config("parts", ["two", "four"]), stream=None)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_16_bit_formats(make_config, policy):
    """Losses fall, nothing is skipped for good, weights stay finite."""
    precision = {"dtype_policy": policy}
    training = {"steps": 16, "log_every": 4, "checkpoint_every": 16}
    folder = train_multitask(
        make_config("low", ["two", "reading"], precision=precision, training=training), stream=None
    )
    log = lines(folder)
    assert log[-1]["skipped_updates"] <= 2
    assert log[-1]["loss"] < log[0]["loss"]
    assert all(np.all(np.isfinite(values)) for values in weights(folder).values())


def test_primary_task_is_in_every_update(make_config):
    combination = {"name": "primary_auxiliary", "primary": "similar"}
    run = MultitaskRun(
        make_config("primary", ["two", "similar", "four"], combination=combination), SingleProcess(), None
    )
    for step in range(20):
        names = [run.names[batch["task"]] for batch in run.micro_batches(step)]
        assert names.count("similar") == 1
        assert names[0] == "similar"
    folder = run.run(resume=True)
    assert lines(folder)[-1]["task/similar/weight"] == 1.0


def test_learning(make_config):
    """From random weights, two easy tasks are learned well above the majority (1/2 and 1/4)."""
    training = {"steps": 150, "log_every": 150, "checkpoint_every": 150, "evaluate_every": 150, "batch": 16}
    config = make_config("learned", ["two", "four"], training=training, combination={"name": "normalized"})
    log = lines(train_multitask(config, stream=None))
    assert log[-1]["task/two/score"] > 0.8
    assert log[-1]["task/four/score"] > 0.6


# --- what cannot be trained -------------------------------------------------------------------------------------------


def task(path, **keys):
    return {"task": {"name": "mine", "kind": "classification", "files": {"train": [str(path)]}, **keys}}


BAD = [
    ("", {}, "the training files hold no example with an answer"),
    ('{"sentence": "天", "label": "a"}\n', {"labels": ["b", "c"]}, "the label 'a' is none of those of mine"),
    ('{"sentence": "天"}\n', {}, "the training files hold no label"),
    (None, {}, "there is no such file"),
    ('{"sentence": "天", "label": "a"}\n', {"kind": "riddle"}, "kind must be one of"),
    ('{"sentence": "天", "label": "a"}\n', {"optionz": {}}, 'unknown key "optionz"; did you mean "options"'),
]


@pytest.mark.parametrize(("text", "keys", "message"), BAD, ids=[message[:20] for *_, message in BAD])
def test_broken_task_is_named(make_config, tmp_path, text, keys, message):
    path = tmp_path / "train.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    _refused(
        make_config("bad", [task(path, **keys)]),
        message if text else message.replace("example with an answer", "label"),
    )


def test_label_that_only_the_dev_file_has(make_config, tmp_path):
    for name, labels in (("train", "ab"), ("dev", "ac")):
        text = "".join(json.dumps({"sentence": "天", "label": label}) + "\n" for label in labels)
        (tmp_path / f"{name}.json").write_text(text)
    files = {"train": [str(tmp_path / "train.json")], "dev": [str(tmp_path / "dev.json")]}
    entry = {"task": {"name": "mine", "kind": "classification", "files": files}}
    _refused(make_config("bad", [entry]), r"dev.json:2: the label 'c' is none of those of mine: a, b")
    entry["task"]["labels"] = ["a", "b", "c"]
    _refused(make_config("bad", [entry]), r"dev.json:2: the label 'c' of task mine is in no training example")


def test_two_tasks_of_one_name(make_config, entry):
    _refused(make_config("bad", ["two", "four", entry("similar", name="two")]), "'two' is used more than once")


def _refused(config, message):
    with pytest.raises(UserError, match=message) as caught:
        train_multitask(config, stream=None)
    assert "\n" not in str(caught.value)


WRONG = [
    ({"tasks": [{"task": "tnews", "weight": 0}]}, r"tasks.0.weight: input should be greater than 0, received 0"),
    ({"tasks": [{"task": "tnews", "weight": -1.5}]}, r"tasks.0.weight: input should be greater than 0, received -1.5"),
    ({"tasks": []}, "tasks: list should have at least 1 item"),
    ({"tasks": [{"task": "tnews", "wieght": 2}]}, 'unknown key "tasks.0.wieght"; did you mean "weight"'),
    ({"tasks": [{}]}, "tasks.0 must have either task or kind"),
    ({"tasks": [{"kind": "mlm"}]}, "records belong to kind mlm, which needs them"),
    ({"tasks": [{"task": "tnews", "cap": 10}]}, "needs another mixture.rule than weights"),
    ({"mixture": {"rule": "temperature"}}, "mixture.temperature belongs to mixture.rule temperature"),
    ({"combination": {"name": "primary_auxiliary"}}, "combination.primary belongs to primary_auxiliary"),
    ({"combination": {"name": "mean"}}, "combination.name: input should be"),
]


@pytest.mark.parametrize(("sections", "message"), WRONG, ids=[message[:25] for _, message in WRONG])
def test_wrong_config_gets_one_sentence(sections, message):
    values = {
        "model": {"config": "model"},
        "tasks": [{"task": "tnews"}],
        "schedule": {"points": {"1": 1.0}},
        "training": {"steps": 1},
        "output": {"directory": "out"},
        **sections,
    }
    with pytest.raises(UserError, match=message) as caught:
        MultitaskConfig.read(values)
    assert "\n" not in str(caught.value)


def test_unknown_primary_and_vocabulary(make_config, vocab, tmp_path):
    combination = {"name": "primary_auxiliary", "primary": "none"}
    _refused(make_config("bad", ["two", "four"], combination=combination), "must be one of the tasks two, four")
    longer = tmp_path / "vocab.txt"
    longer.write_text(vocab.read_text(encoding="utf-8") + "暮\n", encoding="utf-8")
    _refused(make_config("bad", ["two"], data={"vocab": str(longer)}), "the vocabulary has 30 tokens, but vocab_size")
