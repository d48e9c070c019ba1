"""The benchmark commands: contenders take turns, results are complete, a failure is named and does not stop others."""

import json
import sys

import pytest
from typer.testing import CliRunner

from rfv2_keras.benchmark.flops import step_flops
from rfv2_keras.benchmark.job import Job
from rfv2_keras.benchmark.processes import Contender, ContenderFailed, take_turns
from rfv2_keras.benchmark.report import summarize, table
from rfv2_keras.benchmark.suite import named_config, own_jobs, peer_jobs
from rfv2_keras.cli.main import app

TINY = {
    "model_type": "roformer_v2",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
PRODUCTS = Job("products", "peak", "float32", model="numpy")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(output, what was written) of one run: training with two types, and inference, with the peak beside them."""
    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "tiny.json").write_text(json.dumps(TINY))
    outputs = {}
    for task, *options in (("train", "--dtype", "bfloat16", "--jit", "false", "--jit", "true"), ("infer", "--no-peak")):
        out = folder / f"{task}.json"
        arguments = ["--config", folder / "tiny.json", "--batch", 2, "--length", 12, "--rounds", 1, "--seconds", 0]
        result = CliRunner().invoke(app, ["benchmark", task, *map(str, arguments), *options, "--out", str(out)])
        assert result.exit_code == 0, result.output
        outputs[task] = result.stdout, json.loads(out.read_text())
    return outputs


def test_train_measures_every_contender(measured):
    output, summary = measured["train"]
    results = {r["name"]: r for r in summary["results"] if r["job"]["task"] == "train"}
    assert set(results) == {"rfv2 tiny 2×12 bfloat16", "rfv2 tiny 2×12 bfloat16 compiled"}
    for result in results.values():
        assert result["tokens_per_second"] == pytest.approx(24 / result["seconds"])
        assert result["utilisation"] == pytest.approx(result["flops_per_second"] / summary["peaks"]["bfloat16"])
        assert result["memory"]["host"] > 2**26
        assert "tensorflow" in result["versions"]
    assert results["rfv2 tiny 2×12 bfloat16 compiled"]["compile_seconds"] > 0.1
    assert "| rfv2 tiny 2×12 bfloat16 compiled |" in output
    assert "matrix products, bfloat16" in output


def test_infer_without_peak(measured):
    output, summary = measured["infer"]
    assert [r["name"] for r in summary["results"]] == ["rfv2 tiny 2×12 float32"]
    assert summary["peaks"] == {}
    assert "matrix products" not in output


def test_a_failure_is_named_and_the_others_go_on():
    """A library that is not there, an interpreter that is not there, and one contender that works."""
    missing = Job("pytorch", "train", "float32", TINY, model="plain", python="/no/such/python")
    broken = Job("products", "peak", "float32", model="no such library")
    contenders, failures = take_turns([missing, broken, PRODUCTS], 2, 0.0, lambda line: None)
    assert [c.job for c in contenders] == [PRODUCTS]
    assert len(contenders[0].turns) == 2
    assert "/no/such/python" in failures[missing.name]
    assert "no such library" in failures[broken.name]
    text = table(summarize(contenders, failures, 2, 0.0))
    assert f"failed: {missing.name}: " in text


def test_turns_alternate_in_direction():
    lines = []
    order = [Job("products", "peak", dtype, model="numpy") for dtype in ("float32", "float64")]
    contenders, _ = take_turns(order, 3, 0.0, lines.append)
    assert [line for line in lines if line.startswith("round")] == [f"round {i} of 3" for i in (1, 2, 3)]
    began = [[turn["began"] for turn in contender.turns] for contender in contenders]
    assert began[0][0] < began[1][0] < began[1][1] < began[0][1] < began[0][2] < began[1][2]


def test_a_killed_process_is_reported():
    contender = Contender(PRODUCTS)
    contender._process.kill()
    with pytest.raises(ContenderFailed, match="exit status -9"):
        contender.turn(0.0)


def test_peers_run_in_the_interpreter_that_was_given():
    jobs = peer_jobs("train", "tiny", [4], [32], ["float32"], [False], ["roformer"], {"roformer": sys.executable})
    assert [(job.library, job.model, job.python) for job in jobs] == [
        ("rfv2", "", ""),
        ("pytorch", "junnyu", sys.executable),
    ]


def test_what_is_computed_twice_is_a_contender_of_its_own():
    jobs = own_jobs("train", ["tiny"], [4], [32], ["float32"], [True], ["adamw"], ["none", "attention", "layers"])
    assert [job.config["gradient_checkpointing"] for job in jobs] == [False, "attention", True]
    assert len({job.name for job in jobs}) == 3
    assert len({step_flops(job) for job in jobs}) == 1, "the work that is needed does not grow by doing it twice"


def test_what_a_config_computes_twice_stays_so(tmp_path):
    path = tmp_path / "twice.json"
    path.write_text(json.dumps({**named_config("tiny")[1], "gradient_checkpointing": True}))
    (job,) = own_jobs("train", [str(path)], [4], [32], ["float32"], [True], ["adamw"])
    assert job.config["gradient_checkpointing"] is True


def test_flops_of_a_layer_counted_by_hand():
    """A layer: 4 products 16 × 16, two of 16 × 32, scores and values; logits at 2 targets; the backward pass twice.

    In training the last layer has keys and values at all 24 positions, everything else at the 4 targets.
    """
    layer = 2 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 2 * 12 * 16
    keys_and_values = 2 * 2 * 16 * 16
    for layers in (1, 3):
        config = {**TINY, "hidden_act": "relu", "num_hidden_layers": layers}
        last = 24 * keys_and_values + 4 * (layer - keys_and_values)
        job = Job("rfv2", "train", "float32", config, batch=2, length=12)
        assert step_flops(job) == 3 * (24 * (layers - 1) * layer + last + 4 * 2 * 16 * 50)
    gau = {"model_type": "gau_alpha", "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}
    job = Job("rfv2", "infer", "float32", {**gau, "attention_key_size": 8, "vocab_size": 50}, batch=1, length=12)
    assert step_flops(job) == 12 * 2 * (2 * (16 * 72 + 32 * 16) + 2 * 12 * (8 + 32))


def test_shapes_pair_up_or_multiply():
    def shapes(batches, lengths):
        return [
            (j.batch, j.length) for j in own_jobs("infer", ["tiny"], batches, lengths, ["float32"], [True], ["adamw"])
        ]

    assert shapes([8, 2], [128, 512]) == [(8, 128), (2, 512)]
    assert shapes([1, 2], [64]) == [(1, 64), (2, 64)]


def test_named_sizes_are_those_of_the_configs(root):
    """base of the benchmark is the released base, but for dropout."""
    for name in ("roformer_v2_base", "roformer_v2_tiny", "gau_alpha_base", "bert_base"):
        written = json.loads((root / f"configs/models/{name}.json").read_text())
        _, config = named_config(name)
        same = {key for key in written if "dropout" not in key and key != "vocab_size"}
        assert {key: config[key] for key in same} == {key: written[key] for key in same}
        assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--config", "huge"], "--config takes the path"),
        (["train", "--dtype", "int8"], "--dtype must be one of"),
        (["train", "--jit", "perhaps"], "--jit must be one of"),
        (["infer", "--batch", "1", "--batch", "2", "--length", "8", "--length", "9", "--length", "10"], "equally many"),
        (["peers", "--peer", "nobody"], "--peer and --python take one of"),
        (["peers", "--python", "roformer"], "PEER=PYTHON"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, sentence):
    result = CliRunner().invoke(app, ["benchmark", *arguments])
    assert result.exit_code == 2
    assert sentence in result.stderr
