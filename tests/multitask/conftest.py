"""Made-up tasks that a small model can learn, of every kind, and run configs over them."""

import json
import random

import pytest

from rfv2_keras.multitask.config import MultitaskConfig

CHARACTERS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
SHAPE = {
    "model_type": "roformer_v2",
    "vocab_size": 5 + len(CHARACTERS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}
KINDS = {
    "two": "classification",
    "two2": "classification",
    "four": "classification",
    "similar": "regression",
    "several": "multi_label",
    "choice": "multiple_choice",
    "reading": "span_reading",
    "names": "span_labelling",
}


@pytest.fixture(scope="session")
def kinds():
    """Names of the made-up tasks, one of each kind and two classifications."""
    return [name for name in KINDS if name != "two2"]


@pytest.fixture(scope="session")
def vocab(tmp_path_factory):
    """Path of a vocabulary with a few characters."""
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Folder with 60 training and 12 dev examples of each task in `KINDS`."""
    folder = tmp_path_factory.mktemp("tasks")
    for name in KINDS:
        draw = random.Random(name.rstrip("2"))  # the same task under another name
        for part, count in (("train", 60), ("dev", 12)):
            lines = [json.dumps(_record(name, draw, number), ensure_ascii=False) for number in range(count)]
            (folder / f"{name}-{part}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def entry():
    """Function from the name of a task to its entry in a run config; keyword arguments are keys of the entry."""

    def make(name, /, **keys):
        task = {
            "name": name,
            "kind": KINDS[name],
            "files": {"train": [f"{name}-train.json"], "dev": [f"{name}-dev.json"]},
            "maxlen": 24,
        }
        if name == "similar":
            task["options"] = {"high": 1.0}
        return {"task": task, **keys}

    return make


@pytest.fixture
def make_config(tmp_path, vocab, files, entry):
    """Function (directory, entries or names of tasks, sections) -> `MultitaskConfig`, without XLA."""

    def make(name, tasks, **sections):
        values = {
            "model": {"config": SHAPE},
            "data": {"folder": str(files), "vocab": str(vocab), "buckets": [24]},
            "tasks": [entry(task) if isinstance(task, str) else task for task in tasks],
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "schedule": {"points": {"2": 1.0}},
            "training": {"batch": 4, "accumulation": 4, "steps": 4, "log_every": 2, "checkpoint_every": 2},
            "xla": {"jit_compile": False},
            "output": {"directory": str(tmp_path / name), "tensorboard": False},
        }
        for section, changes in sections.items():
            values[section] = {**values.get(section, {}), **changes}
        return MultitaskConfig.read(values)

    return make


def _record(name, draw, number):
    text = "".join(draw.choices(CHARACTERS, k=draw.randint(4, 9)))
    if name in ("two", "two2", "four"):
        label = number % (4 if name == "four" else 2)  # the first character tells it
        return {"sentence": CHARACTERS[label] + text, "label": str(label)}
    if name == "similar":
        same = draw.random()
        other = "".join(c if draw.random() < same else draw.choice(CHARACTERS) for c in text)
        return {"sentence1": text, "sentence2": other, "label": round(same, 3)}
    if name == "several":
        return {"text": text, "labels": [c for c in "天地玄" if c in text] + (["无"] if number < 2 else [])}
    if name == "choice":
        choices = draw.sample(CHARACTERS, 4)
        return {"text": text + choices[1], "question": "何", "choice": choices, "answer": 1}
    if name == "reading":
        start = draw.randint(0, len(text) - 2)
        answer = {"text": text[start : start + 2], "answer_start": start}
        return {"id": str(number), "question": text[start], "context": text, "answers": [answer]}
    labels = {"日": "day", "月": "night", "天": "day"}
    text += "日" if number % 2 else "月"
    spans = [{"label": labels[c], "start": i, "end": i + 1} for i, c in enumerate(text) if c in labels]
    return {"text": text, "label": spans}
