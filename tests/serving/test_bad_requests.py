"""Whatever is sent, the answer is a status of 400 to 499 with one sentence, and the server goes on."""

import contextlib
import json
import re
import socket

import pytest

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def goes_on(language_server):
    yield
    assert len(language_server.results("/fill-mask", {"texts": ["今天[MASK]气"]})) == 1


def sentence(status, answer, expected):
    """The sentence of an answer with the expected status."""
    content = json.loads(answer)
    assert status == expected, content
    assert set(content) == {"error"}
    assert "Traceback" not in content["error"]
    assert "\n" not in content["error"]
    return content["error"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("", 422, "body is missing"),
        ("{", 400, "no JSON"),
        ('{"texts": ["[MASK]"],}', 400, "no JSON"),
        (b'{"texts": ["\xff\xfe"]}', 400, "body"),
        ("[" * 20000, 400, "body"),
        ('{"texts": [' + "1" * 5000 + "]}", 400, "body"),
        ("null", 422, "body"),
        ("3", 422, "received 3"),
        ("[]", 422, r"received \[\]"),
        ("{}", 422, "texts is missing"),
        ('{"texts": "[MASK]"}', 422, "texts: input should be a valid list, received '"),
        ('{"texts": []}', 422, "at least 1"),
        ('{"texts": [3]}', 422, r"texts\[0\]: input should be a valid string, received 3"),
        ('{"texts": ["[MASK]", null]}', 422, r"texts\[1\]"),
        ('{"texts": [["[MASK]"]]}', 422, r"texts\[0\]"),
        ('{"texts": [""]}', 422, r"texts\[0\] is empty"),
        ('{"texts": ["[MASK]", " \\n"]}', 422, r"texts\[1\] is empty"),
        ('{"texts": ["\\ud800[MASK]"]}', 422, "surrogate"),
        ('{"texts": ["\\u4eca\\u5929"]}', 422, r"no \[MASK\]"),
        (json.dumps({"texts": ["[MASK]"] * 11}), 422, "may have 10 texts, received 11"),
        (json.dumps({"texts": ["[MASK]" + "好" * 95]}), 422, "may have 100 characters, received 101"),
        (json.dumps({"texts": ["[MASK]" + "好" * 80]}), 422, "reads at most 64"),
        ('{"texts": ["[MASK]"], "top_k": "3"}', 422, "top_k: .* received '3'"),
        ('{"texts": ["[MASK]"], "top_k": 0}', 422, "top_k: .* received 0"),
        ('{"texts": ["[MASK]"], "top_k": 101}', 422, "less than or equal to 100"),
        ('{"texts": ["[MASK]"], "top_k": 2.5}', 422, "top_k"),
        ('{"texts": ["[MASK]"], "top_k": true}', 422, "top_k"),
        ('{"texts": ["[MASK]"], "top_k": 99}', 422, "top_k must be at most"),
        ('{"texts": ["[MASK]"], "topk": 3}', 422, "no field 'topk'"),
    ],
)
def test_bodies(language_server, body, status, says):
    found, _, answer = language_server.send("POST", "/fill-mask", body, JSON)
    assert re.search(says, sentence(found, answer, status))


def test_addresses_methods_and_types(language_server):
    status, _, answer = language_server.send("POST", "/nowhere", "{}", JSON)
    assert "there are /, /health, /metrics, /fill-mask, /embed" in sentence(status, answer, 404)
    status, headers, answer = language_server.send("GET", "/fill-mask")
    assert "GET is not possible at /fill-mask, only POST" in sentence(status, answer, 405)
    assert headers["allow"] == "POST"
    assert sentence(*language_server.send("DELETE", "/health")[::2], 405)
    assert sentence(*language_server.send("GET", "/page/../app.py")[::2], 404)
    assert sentence(*language_server.send("GET", "/page/%2e%2e/app.py")[::2], 404)
    for kind in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        status, _, answer = language_server.send("POST", "/fill-mask", '{"texts": ["[MASK]"]}', kind)
        assert "Content-Type" in sentence(status, answer, 422)


def test_pairs_and_tasks(task_server):
    def says(expected, **body):
        status, answer = task_server.ask("/predict", {"texts": ["好"], **body})
        assert expected in sentence(status, json.dumps(answer), 422)

    says("task must be one of mood, names, same, received none")
    says("received 'no'", task="no")
    says("takes 2 text(s): second_texts are needed", task="same")
    says("takes 1 text(s): there are no second_texts", task="mood", second_texts=["好"])
    says("differ in number: 1 and 2", task="same", second_texts=["好", "天"])
    says("second_texts[0] is empty", task="same", second_texts=[" "])


def test_ten_megabytes(language_server):
    body = json.dumps({"texts": ["好" * 3_500_000]}, ensure_ascii=False).encode()
    assert len(body) > 10_000_000
    assert "28,096 bytes" in refusal(language_server, f"Content-Length: {len(body)}", body)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts(body, 65536)) + b"0\r\n\r\n"
    assert "28,096 bytes" in refusal(language_server, "Transfer-Encoding: chunked", chunks)
    # Announced, and refused before any of it has come.
    assert "28,096 bytes" in refusal(language_server, "Content-Length: 99999999999", b"")


def parts(body, size):
    return [body[begin : begin + size] for begin in range(0, len(body), size)]


def refusal(client, header, body):
    """The sentence of status 413; a client that only reads when it has sent everything may find the connection shut."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        head = f"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{header}\r\n\r\n"
        connection.sendall(head.encode())
        connection.setblocking(True)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(body[:65536])
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    head, _, content = answer.partition(b"\r\n\r\n")
    return sentence(int(head.split()[1]), content, 413)


def test_what_is_no_http(language_server):
    with socket.create_connection(("127.0.0.1", language_server.port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b"400" in connection.recv(1000).partition(b"\r\n")[0]
