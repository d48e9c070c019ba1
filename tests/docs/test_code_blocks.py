"""What the pages show works: every Python block runs, every `rfv2` command parses, every link leads somewhere.

Folders that pages speak of, such as `runs/mine/model`, hold a small model of random weights here. Python blocks that
need more around them run in tests of their own, see RUN_ELSEWHERE.
"""

import re
import shlex
import shutil

import click
import pytest
import typer

from rfv2_keras import ModelConfig, build_transformer_model
from rfv2_keras.checkpoints import save_model_directory, save_tf_checkpoint
from rfv2_keras.cli.main import app

SHAPE = {
    "model_type": "roformer_v2",
    "hidden_size": 256,  # docs/embeddings.md keeps 256 components
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("今天气不错语言模型科学技术是第一生产力的很好"))]
RUN_ELSEWHERE = {
    "README.md": "tests/test_readme.py",
    "README_zh.md": "tests/test_readme.py",
    "docs/clue.md": "tests/clue/test_docs.py",
    "docs/export.md": "tests/export/test_docs.py",
    "docs/inference.md": "tests/inference/test_docs.py",
}


def find_pages(root):
    files = [root / "README.md", root / "README_zh.md", *root.glob("docs/**/*.md"), *root.glob("configs/**/README.md")]
    return {str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in sorted(files)}


@pytest.fixture(scope="module")
def pages(root):
    return find_pages(root)


@pytest.fixture(scope="module")
def model():
    """A small RoFormerV2 of random weights, and its config."""
    config = ModelConfig.read({**SHAPE, "vocab_size": len(TOKENS)})
    return build_transformer_model(config, with_mlm=True), config


@pytest.fixture(scope="module")
def folder(root, model, tmp_path_factory):
    """A working folder with our configs and small stand-ins for what the pages read."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(root / "configs", folder / "configs")
    vocab = {token: index for index, token in enumerate(TOKENS)}
    save_model_directory(*model, vocab, folder / "runs" / "mine" / "model")
    save_tf_checkpoint(model[0], folder / "bert_model.ckpt")
    shutil.copy(folder / "runs/mine/model/config.json", folder / "bert_config.json")
    shutil.copy(folder / "runs/mine/model/vocab.txt", folder / "vocab.txt")
    return folder


def test_python_blocks_run(pages, folder, model, monkeypatch):
    """Those of a page run one after the other, with the names that its text takes for granted."""
    monkeypatch.chdir(folder)
    given = dict(zip(("model", "config"), model, strict=True))
    given |= {
        "build_transformer_model": build_transformer_model,
        "texts": ["今天天气不错", "语言模型", "今天很好", "科学技术"],
        "labels": [0.5, 1.0],
    }
    ran = 0
    for name, text in pages.items():
        names = {"__name__": "example", **given}
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if name not in RUN_ELSEWHERE:
                exec(compile(block, name, "exec"), names)
                ran += 1
    assert ran >= 3


def test_commands_parse(pages):
    group = typer.main.get_command(app)
    wrong, seen = [], 0
    for name, text in pages.items():
        for line in re.findall(r"^(?: {4})?(rfv2 .*)$", text.replace("\\\n", " "), re.MULTILINE):
            try:
                _parse(group, "rfv2", shlex.split(line, comments=True)[1:])
            except click.exceptions.ClickException as error:
                wrong.append(f"{name}: {line}: {error.format_message()}")
            seen += 1
    assert wrong == []
    assert seen >= 40


def _parse(command, name, arguments, parent=None):
    """Parse arguments as the command does, down to its last subcommand, and run nothing."""
    context = command.make_context(name, list(arguments), parent=parent)
    rest = [*getattr(context, "_protected_args", []), *context.args]
    if isinstance(command, click.Group) and rest:
        name, subcommand, rest = command.resolve_command(context, rest)
        _parse(subcommand, name, rest, context)


def test_links_lead_somewhere(pages, root):
    for name, text in pages.items():
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            assert ((root / name).parent / link).exists(), f"{name} links to {link}"
