"""A small generated corpus, its vocabulary, and the records made of it."""

import json
import random

import pytest

from rfv2_keras.data.prepare import prepare
from rfv2_keras.data.records import Records

WORDS = (
    "我们 今天 去 图书馆 看 书 北京 的 天气 很 好 他 喜欢 研究 自然 语言 处理 苏轼 写 了 许多 词 "
    "Python 2024 年 春天 来 得 早"
).split()
ENDS = "。！？；"


def document(generator, sentences):
    """A text of made-up sentences."""
    parts = []
    for _ in range(sentences):
        words = generator.choices(WORDS, k=generator.randint(2, 12))
        parts.append("".join(words) + generator.choice(ENDS))
    return "".join(parts)


@pytest.fixture(scope="session")
def vocab(tmp_path_factory):
    """A vocabulary file with every character of the generated text."""
    characters = sorted({character.lower() for character in "".join(WORDS) + ENDS})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *("##" + c for c in characters if c.isascii())]
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A folder with a JSON lines file of 2.5 MB (several chunks) and a text file."""
    folder = tmp_path_factory.mktemp("corpus")
    generator = random.Random(7)
    with open(folder / "a.jsonl", "w", encoding="utf-8") as file:
        for _ in range(6000):
            text = document(generator, generator.choice([1, 3, 10, 30]))
            file.write(json.dumps({"content": text}, ensure_ascii=False) + "\n")
    blocks = ["\n".join(document(generator, 5) for _ in range(generator.randint(1, 9))) for _ in range(200)]
    (folder / "b.txt").write_text("\n\n".join(blocks), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def records(corpus, vocab, tmp_path_factory):
    """Records of the corpus for rows of 64 tokens."""
    folder = tmp_path_factory.mktemp("records")
    prepare([corpus], vocab, folder, workers=1, maxlen=64, progress=False)
    return Records(folder)
