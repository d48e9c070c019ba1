"""Requests are answered together, limited in number and time, and do not spoil each other."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from rfv2_keras.errors import UserError
from rfv2_keras.serving.limits import Limits
from rfv2_keras.serving.operations import Operation
from rfv2_keras.serving.worker import BatchWorker, QueueFull, warm_shapes


class Doubling(Operation):
    """Answers with twice the question, when it may."""

    name, dimension = "embed", 1

    def __init__(self):
        self.may_go = threading.Event()
        self.may_go.set()
        self.groups = []

    def prepare(self, question):
        if question == "refused":
            raise UserError("this cannot be asked.")
        if question == "unprepared":
            raise RuntimeError("a mistake while preparing")
        return question

    def answer(self, prepared):
        self.may_go.wait(20)
        self.groups.append(list(prepared))
        if "broken" in prepared:
            raise RuntimeError("a mistake while answering")
        return [2 * question for question in prepared]

    def sample(self, length):
        return "x" * length


@pytest.fixture
def start():
    """Function (limits) -> (worker, operation) that is ready."""
    workers = []

    def make(**limits):
        operation, worker = Doubling(), BatchWorker(Limits(**limits))
        worker.start([operation])
        workers.append((worker, operation))
        while not worker.is_ready:
            time.sleep(0.001)
        operation.groups.clear()
        return worker, operation

    yield make
    for worker, operation in workers:
        operation.may_go.set()
        worker.stop()


def test_requests_that_come_together_are_answered_together(start):
    worker, operation = start(max_batch=100, max_wait=0.2)
    futures = [worker.submit(operation, [f"{number}", "x"]) for number in range(30)]
    assert [future.result(20) for future in futures] == [[2 * f"{number}", "xx"] for number in range(30)]
    assert len(operation.groups) < 4


def test_a_batch_that_is_full_does_not_wait(start):
    worker, operation = start(max_batch=2, max_wait=60)
    began = time.monotonic()
    for future in [worker.submit(operation, ["a"]) for _ in range(4)]:
        assert future.result(20) == ["aa"]
    assert time.monotonic() - began < 20
    assert max(map(len, operation.groups)) <= 2


def test_a_bad_question_fails_alone(start, caplog):
    worker, operation = start(max_wait=0.2)
    questions = (["a"], ["b", "refused"], ["broken"], ["c"], ["unprepared"])
    good, refused, broken, fine, unprepared = [worker.submit(operation, asked) for asked in questions]
    assert (good.result(20), fine.result(20)) == (["aa"], ["cc"])
    with pytest.raises(UserError, match="cannot be asked"):
        refused.result(20)
    for future in (broken, unprepared):
        with pytest.raises(RuntimeError, match="a mistake"):
            future.result(20)
    assert "a mistake while answering" in caplog.text  # with its traceback, for whoever runs the server
    assert worker.submit(operation, ["d"]).result(20) == ["dd"]


def test_queue_is_bounded_and_forgotten_requests_are_not_answered(start):
    worker, operation = start(max_queue=3, max_batch=1)
    operation.may_go.clear()
    futures = [worker.submit(operation, ["first"])]
    while worker.waiting:
        time.sleep(0.001)
    futures += [worker.submit(operation, [f"{number}"]) for number in range(3)]
    with pytest.raises(QueueFull):
        worker.submit(operation, ["too much"])
    assert futures[2].cancel()
    operation.may_go.set()
    assert [futures[i].result(20) for i in (0, 1, 3)] == [["firstfirst"], ["00"], ["22"]]
    assert operation.groups == [["first"], ["0"], ["2"]]


def test_what_waits_is_answered_before_the_end():
    operation, worker = Doubling(), BatchWorker(Limits(max_batch=1))
    worker.start([operation])
    futures = [worker.submit(operation, [f"{number}"]) for number in range(20)]
    worker.stop()
    assert [future.result(0) for future in futures] == [[2 * f"{number}"] for number in range(20)]


def test_warming_up_survives_what_fails(caplog):
    class Choosy(Doubling):
        def sample(self, length):
            return "refused" if length > 64 else "broken" if length == 8 else "x"

    operation, worker = Choosy(), BatchWorker(Limits())
    worker.start([operation])
    assert worker.submit(operation, ["a"]).result(20) == ["aa"]
    worker.stop()
    assert caplog.text.count("tokens failed") == 3


def test_every_length_is_run_alone_and_together_before_the_first_client():
    expected = [["x" * length] * count for count, length in warm_shapes(7)]
    operation, worker = Doubling(), BatchWorker(Limits(max_batch=7))
    worker.start([operation])
    while not worker.is_ready:
        time.sleep(0.001)
    worker.stop()
    assert operation.groups == expected


@pytest.fixture
def slow(run_server):
    """A server with room for two, whose operation answers when it may."""
    operation = Doubling()
    served = SimpleNamespace(
        name="slow", fill_mask=None, embed=operation, predict={}, operations=[operation], paths=["/embed"]
    )
    with run_server(served, Limits(max_batch=1, max_queue=2, timeout=1.0, max_text=10)) as client:
        yield client, operation
        operation.may_go.set()


def test_overload_over_http(slow):
    """One request is being answered and two wait: further ones are refused at once, those in time out of patience."""
    client, operation = slow
    operation.may_go.clear()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: client.ask("/embed", {"texts": [f"{number}"]}), range(12)))
    statuses = [status for status, _ in answers]
    assert set(statuses) == {503, 504}
    assert 9 <= statuses.count(503) <= 10
    assert {answer["error"] for status, answer in answers if status == 503} == {
        "2 requests are waiting already; try again later."
    }
    assert "within 1 seconds" in next(answer["error"] for status, answer in answers if status == 504)
    operation.may_go.set()
    deadline = time.monotonic() + 20
    while (answer := client.ask("/embed", {"texts": ["a"]}))[0] == 503:  # the forgotten keep their places until passed
        assert time.monotonic() < deadline
    assert (answer[0], answer[1]["results"]) == (200, ["aa"])
    assert operation.groups[-1] == ["a"]
    assert len(operation.groups[len(warm_shapes(1)) :]) <= 3  # those that had lost their clients were not answered


def test_a_mistake_of_ours_over_http_shows_no_traceback(slow):
    client, _ = slow
    status, answer = client.ask("/embed", {"texts": ["broken"]})
    assert (status, answer) == (500, {"error": "The request failed; the log of the server says why."})
    assert client.results("/embed", {"texts": ["a"]}) == ["aa"]


def test_a_body_that_does_not_come(slow):
    client, _ = slow
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        answer = b"".join(iter(lambda: connection.recv(1000), b""))  # head and body may come one after the other
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 1 seconds" in answer
