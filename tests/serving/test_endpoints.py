"""Over HTTP come the same answers as in Python, whoever else asks at the same time; the directory decides what for."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rfv2_keras import FillMask, ModelConfig, SentenceEncoder, build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.clue.fine_tuned import FineTuned
from rfv2_keras.clue.prediction import Predictor
from rfv2_keras.serving.app import PAGE
from rfv2_keras.serving.served_model import ServedModel


def at_the_same_time(function, arguments):
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(function, arguments))


def test_masks_alone_and_among_many_requests(language_server, pretrained, texts):
    masked = [text.replace(text[0], "[MASK]", 1) for text in texts]
    expected = [filled.record() for filled in FillMask(pretrained)(masked, top_k=3, progress=False)]
    alone = [language_server.results("/fill-mask", {"texts": [text], "top_k": 3})[0] for text in masked]
    bodies = [{"texts": masked[number % 5 :], "top_k": 1 + number % 3} for number in range(60)]
    together = at_the_same_time(lambda body: language_server.results("/fill-mask", body), bodies)
    assert_same(alone, expected, 3)
    for body, results in zip(bodies, together, strict=True):
        assert_same(results, expected[5 - len(results) :], body["top_k"])


def assert_same(found, wanted, top_k):
    for one, other in zip(found, wanted, strict=True):
        assert one["text"] == other["text"]
        for mask, right in zip(one["masks"], other["masks"], strict=True):
            assert mask["start"] == right["start"]
            assert [c["token"] for c in mask["candidates"]] == [c["token"] for c in right["candidates"][:top_k]]
            probabilities = [[c["probability"] for c in m["candidates"][:top_k]] for m in (mask, right)]
            np.testing.assert_allclose(*probabilities, atol=1e-5)


def test_vectors_alone_and_among_many_requests(language_server, task_server, pretrained, fine_tuned, texts):
    for client, folder in ((language_server, pretrained), (task_server, fine_tuned / "model")):
        expected = SentenceEncoder.from_directory(folder, maxlen=64).encode(texts, progress=False)
        bodies = [{"texts": texts[number % 5 :]} for number in range(40)]
        for results in at_the_same_time(lambda body, ask=client.results: ask("/embed", body), bodies):
            np.testing.assert_allclose(results, expected[5 - len(results) :], atol=1e-5)


@pytest.mark.parametrize("task", ["mood", "same", "names"])
def test_predictions_alone_and_among_many_requests(task_server, fine_tuned, texts, task):
    tuned = FineTuned.read(fine_tuned, task)
    seconds = texts[::-1] if task == "same" else [None] * len(texts)
    examples = [tuned.kind.example(*pair) for pair in zip(texts, seconds, strict=True)]
    expected = Predictor(tuned.kind, tuned.model)(examples)

    def ask(numbers):
        body = {"texts": [texts[i] for i in numbers], "task": task}
        if task == "same":
            body["second_texts"] = [seconds[i] for i in numbers]
        return task_server.results("/predict", body)

    for numbers, results in zip([[3], [0, 4]] * 15, at_the_same_time(ask, [[3], [0, 4]] * 15), strict=True):
        for number, found in zip(numbers, results, strict=True):
            assert "id" not in found
            if task == "names":
                assert found == {"text": texts[number], **expected[number]}
            else:
                assert found == pytest.approx(expected[number], abs=1e-4)


def test_directory_decides_what_can_be_asked(language_server, task_server, texts):
    assert language_server.ask("/predict", {"texts": texts})[0] == 404
    assert task_server.ask("/fill-mask", {"texts": ["[MASK]"]})[0] == 404
    status, health = language_server.get("/health")
    assert (status, health["ready"], health["model"]) == (200, True, "run")
    assert (health["fill_mask"], health["embed"], health["predict"]) == (True, {"dimension": 16}, [])
    health = task_server.get("/health")[1]
    assert health["model"] == "tuned"
    assert not health["fill_mask"]
    found = {(task["name"], task["kind"], task["texts"]) for task in health["predict"]}
    # The task of several choices takes more than two texts, so that nothing can be asked of it.
    assert found == {("mood", "classification", 1), ("same", "classification", 2), ("names", "span_labelling", 1)}


def test_an_encoder_without_mlm_head_gives_vectors_only(vocab, tmp_path):
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32, "num_attention_heads": 2}
    config = ModelConfig.read({**shape, "model_type": "bert", "vocab_size": len(vocab)})
    save_model_directory(build_transformer_model(config), config, vocab, tmp_path / "bert")
    served = ServedModel.read(tmp_path / "bert", 4)
    assert [operation.name for operation in served.operations] == ["embed"]
    assert len(served.embed.answer(["好"])[0]) == 16


def test_metrics_count_what_was_asked(language_server):
    def value(name, text):
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def metrics():
        status, headers, body = language_server.send("GET", "/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain")
        return body.decode()

    before = metrics()
    language_server.results("/embed", {"texts": ["好", "天"]})
    language_server.ask("/embed", {"texts": []})
    language_server.ask("/nowhere", {})
    after = metrics()
    expected = {
        'rfv2_requests_total{endpoint="/embed",status="200"}': 1,
        'rfv2_requests_total{endpoint="/embed",status="422"}': 1,
        'rfv2_requests_total{endpoint="other",status="404"}': 1,
        'rfv2_request_seconds_count{endpoint="/embed"}': 2,
        'rfv2_batch_texts_sum{operation="embed"}': 2,
        'rfv2_batch_texts_count{operation="embed"}': 1,
    }
    assert {name: value(name, after) - value(name, before) for name in expected} == expected
    assert value("rfv2_queue_length", after) == 0
    assert value("process_resident_memory_bytes", after) > 1e7


def test_page_loads_nothing_from_elsewhere(language_server):
    status, headers, page = language_server.send("GET", "/")
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in headers["content-security-policy"]
    named = re.findall(r'(?:src|href)="([^"]+)"', page.decode())
    assert {"page/page.css", "page/page.js", "page/words.js", "page/answers.js", "page/icon.svg"} <= set(named)
    for address in named:
        status, _, content = language_server.send("GET", f"/{address}")
        assert status == 200, address
        if address.startswith("page/"):
            assert content == (PAGE / address.removeprefix("page/")).read_bytes()
            assert not re.search(rb"https?://(?!www\.w3\.org/)", content), address  # the name space of SVG is no link


def test_page_has_all_its_words_in_both_languages():
    words = (PAGE / "words.js").read_text(encoding="utf-8")
    english, chinese = (re.findall(r"^    (\w+): ", part, re.MULTILINE) for part in words.split("  zh: {"))
    assert english == chinese
    used = set(re.findall(r"words\.(\w+)", (PAGE / "page.js").read_text() + (PAGE / "answers.js").read_text()))
    assert used <= set(english)
