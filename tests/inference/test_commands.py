"""`rfv2 fill-mask` and `rfv2 score`: JSON lines for texts and files, and one sentence for what cannot be done."""

import json

import pytest

from rfv2_keras import FillMask, PseudoPerplexity


@pytest.fixture(scope="module")
def model(model_directory):
    return model_directory("roformer_v2")


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def complaint(result):
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("rfv2: error: ")
    return line


def test_texts_of_the_command_line(rfv2, model):
    given = ("今天[MASK]气", "[MASK]")
    found = rfv2("fill-mask", model, *given, "--top-k", 2, "--dtype", "float32")
    assert found.exit_code == 0, found.output
    expected = [filled.record() for filled in FillMask(model, "float32")(given, top_k=2, progress=False)]
    assert records(found.stdout) == expected
    scored = rfv2("score", model, "今天天气", "--dtype", "float32")
    assert records(scored.stdout) == [PseudoPerplexity(model, "float32")("今天天气").record()]


def test_files(rfv2, model, tmp_path):
    texts, out = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    texts.write_text("今天[MASK]气\n[MASK]\n", encoding="utf-8")
    assert "2 texts" in rfv2("fill-mask", model, "--file", texts, "--out", out).stdout
    assert [len(record["masks"]) for record in records(out.read_text(encoding="utf-8"))] == [1, 1]
    texts.write_text("今天\n\n好\n", encoding="utf-8")
    assert "3 texts" in rfv2("score", model, "--file", texts, "--out", out).stdout
    lines = records(out.read_text(encoding="utf-8"))
    assert [record["text"] for record in lines] == ["今天", "", "好"]
    assert lines[1]["pseudo_perplexity"] is None


def test_mistakes(rfv2, model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("[MASK]\n今天\n", encoding="utf-8")
    assert f"{texts}:2 has no [MASK]" in complaint(rfv2("fill-mask", model, "--file", texts))
    assert "text 2 has no [MASK]" in complaint(rfv2("fill-mask", model, "[MASK]", "今天"))
    assert "received neither" in complaint(rfv2("fill-mask", model))
    assert "received both" in complaint(rfv2("score", model, "好", "--file", texts))
    assert "there is no folder" in complaint(rfv2("score", model, "好", "--out", tmp_path / "no" / "out.jsonl"))
    assert "--dtype" in complaint(rfv2("score", model, "好", "--dtype", "float13"))
    assert "no such folder" in complaint(rfv2("score", tmp_path / "nothing", "好"))
