"""The READMEs tell the truth: their Python runs, their commands parse, their files exist, both say the same.

Released weights are stood in for by a folder of the released layout with a small model of random weights.
"""

import json
import re
import shlex
import shutil
import subprocess

import pytest
import typer

from rfv2_keras import build_transformer_model
from rfv2_keras.checkpoints import save_tf_checkpoint
from rfv2_keras.cli.main import app

FILES = ("README.md", "README_zh.md")
RELEASED = "chinese_roformer-v2-char_L-12_H-768_A-12"
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def texts(root):
    return {name: (root / name).read_text(encoding="utf-8") for name in FILES}


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    """A working folder with our configs and the stand-in of a release."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(root / "configs", folder / "configs")
    release = folder / RELEASED
    release.mkdir()
    tokens = SPECIAL_TOKENS + sorted(set("今天气不错语言模型科学技术是第一生产力"))
    (release / "vocab.txt").write_text("".join(token + "\n" for token in tokens), encoding="utf-8")
    config = {  # the nine keys of the released file
        "hidden_act": "relu",
        "hidden_size": 16,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "type_vocab_size": 2,
        "vocab_size": len(tokens),
    }
    (release / "bert_config.json").write_text(json.dumps(config))
    model = build_transformer_model(release / "bert_config.json", model="roformer_v2", with_mlm=True)
    save_tf_checkpoint(model, release / "bert_model.ckpt")
    return folder


def test_both_readmes_hold_the_same_code(texts):
    english, chinese = (_without_comments(texts[name]) for name in FILES)
    assert english == chinese
    assert len(english) >= 5


@pytest.mark.parametrize("name", FILES)
def test_every_python_example_runs(texts, folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    examples = blocks(texts[name], "python")
    assert len(examples) == 3
    for example in examples:
        exec(compile(example, name, "exec"), {"__name__": "example"})


@pytest.mark.parametrize("name", FILES)
def test_examples_print_what_the_text_says(texts, folder, monkeypatch, capsys, name):
    """Features are (texts, longest text with [CLS] and [SEP], hidden size), and a mask gets five tokens."""
    monkeypatch.chdir(folder)
    features, mask, _ = blocks(texts[name], "python")
    exec(compile(features, name, "exec"), {"__name__": "example"})
    assert "(2, 8, 16)" in capsys.readouterr().out
    exec(compile(mask, name, "exec"), {"__name__": "example"})
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if re.fullmatch(r"\S+ 0\.\d+", line)]
    probabilities = [float(probability) for _, probability in lines]
    assert len(lines) == 5
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("name", FILES)
def test_every_command_parses(texts, name):
    group = typer.main.get_command(app)
    lines = [line.split("#")[0].strip() for block in blocks(texts[name], "bash") for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("rfv2 ")]
    assert len(commands) >= 3
    for _, command, *arguments in commands:
        with group.commands[command].make_context(command, arguments):
            pass


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_is_named_exists(texts, root, name):
    links = re.findall(r"\]\(([\w./]+)\)", texts[name])
    paths = re.findall(r"\b(?:configs|scripts|tests|rfv2_keras)/[\w./]*\w", texts[name])
    named = {*links, *paths}
    assert len(named) > 5
    assert [path for path in sorted(named) if not (root / path).exists()] == []


@pytest.mark.parametrize("name", FILES)
def test_scripts_that_are_named_are_valid_bash(texts, root, name):
    for script in set(re.findall(r"bash (scripts/\S+\.sh)", texts[name])):
        assert subprocess.run(["bash", "-n", root / script], check=False).returncode == 0


def _without_comments(text):
    """Every code block, comments aside: those are translated."""
    return [
        [re.sub(r"\s*# .*", "", line) for line in block.splitlines()]
        for language in ("python", "bash")
        for block in blocks(text, language)
    ]
