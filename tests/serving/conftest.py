"""Tiny models of all sorts in directories, and servers in a thread of this process."""

import contextlib
import http.client
import json
import threading
import time
from dataclasses import dataclass

import keras
import pytest
import uvicorn

from rfv2_keras import ModelConfig, Tokenizer, build_transformer_model
from rfv2_keras.checkpoints import save_model_directory
from rfv2_keras.clue.fine_tuned import save_fine_tuned
from rfv2_keras.clue.kinds import kind_of
from rfv2_keras.clue.task import Task
from rfv2_keras.serving.address import listening_socket
from rfv2_keras.serving.app import make_app
from rfv2_keras.serving.limits import Limits
from rfv2_keras.serving.served_model import ServedModel

TEXTS = [
    "今天天气不错",
    "他在公园里散步，看到很多人在跳舞。",
    "语言模型",
    "好",
    "下雨了，我们回家吃饭，然后看了一部很长很长的电影，直到很晚才睡觉。",
]
SHAPE = {
    "model_type": "roformer_v2",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "initializer_range": 0.5,
    "max_position_embeddings": 64,
}
TASKS = [
    {"name": "mood", "kind": "classification", "labels": ["bad", "good"]},
    {"name": "same", "kind": "classification", "labels": ["0", "1"], "options": {"second_text": "sentence2"}},
    {"name": "names", "kind": "span_labelling", "labels": ["place", "person"]},
    {"name": "choice", "kind": "multiple_choice"},
]
LIMITS = Limits(max_batch=8, max_text=100, max_texts=10, timeout=20)


@pytest.fixture(scope="session")
def texts():
    return list(TEXTS)


@pytest.fixture(scope="session")
def vocab():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(TEXTS)))]
    return {token: index for index, token in enumerate(tokens)}


@pytest.fixture(scope="session")
def pretrained(vocab, tmp_path_factory):
    """The model directory of a run with a random RoFormerV2."""
    folder = tmp_path_factory.mktemp("pretrained") / "run" / "model"
    keras.utils.set_random_seed(0)
    config = ModelConfig.read({**SHAPE, "vocab_size": len(vocab)})
    save_model_directory(build_transformer_model(config), config, vocab, folder)
    return folder


@pytest.fixture(scope="session")
def fine_tuned(vocab, tmp_path_factory):
    """A run directory with the heads of several tasks, of random weights."""
    run = tmp_path_factory.mktemp("fine_tuned") / "tuned"
    keras.utils.set_random_seed(1)
    config = ModelConfig.read({**SHAPE, "vocab_size": len(vocab)})
    encoder, heads = build_transformer_model(config), []
    for values in TASKS:
        kind = kind_of(Task.from_values({"files": {}, "maxlen": 32, **values}, "test"), Tokenizer(vocab))
        head = kind.head(config)
        kind.model(encoder, head)
        heads.append((kind.task, head))
    save_fine_tuned(run / "model", encoder, config, vocab, heads)
    return run


@dataclass
class Client:
    """Talks to a server."""

    port: int

    def send(self, method, path, body=None, headers=None):
        """(status, header names in lower case -> values, body as bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()

    def ask(self, path, body):
        """(status, JSON of the answer) for a JSON value."""
        status, _, answer = self.send("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return status, json.loads(answer)

    def get(self, path):
        """(status, JSON of the answer)."""
        status, _, answer = self.send("GET", path)
        return status, json.loads(answer)

    def results(self, path, body):
        """The results of a question that must be answered."""
        status, answer = self.ask(path, body)
        assert status == 200, answer
        return answer["results"]


@contextlib.contextmanager
def running(served, limits):
    """A server in a thread, ready to answer; yields a `Client`."""
    listener = listening_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app(served, limits), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    client = Client(listener.getsockname()[1])
    try:
        end = time.monotonic() + 120
        while client.get("/health")[0] != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield client
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def run_server():
    """`running`, for tests with a server of their own."""
    return running


@pytest.fixture(scope="session")
def language_server(pretrained):
    with running(ServedModel.read(pretrained, LIMITS.max_batch), LIMITS) as client:
        yield client


@pytest.fixture(scope="session")
def task_server(fine_tuned):
    with running(ServedModel.read(fine_tuned, LIMITS.max_batch), LIMITS) as client:
        yield client
