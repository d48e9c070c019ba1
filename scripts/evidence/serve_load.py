"""Load on `rfv2 serve`: many clients for a while, against the real process on this machine.

    python scripts/evidence/serve_load.py MODEL... [--clients 50] [--seconds 60]

For each MODEL it prints requests per second, the median and the 99th percentile of the time from request to answer, the
errors, the mean number of texts of a batch, and the memory of the server before the load, after a third of it and at
its end. Exit status 1 if a request failed, an answer was not the same as the one given to a single client (to 1e-5), or
memory grew by more than a tenth from a third of the load to its end.
"""

import argparse
import http.client
import json
import random
import re
import sys
import threading
import time
import urllib.request
from urllib.parse import urlsplit

import numpy as np
from server_process import serving

TEXTS = [
    "今天天气很好，我们去公园散步。",
    "他在图书馆里看了一本关于历史的书，然后回家吃饭。",
    "北京大学的李教授昨天在上海参加了一场会议。",
    "国家队在昨晚的比赛中取胜。",
    "下雨了。",
    "这家公司今年的收入比去年增长了百分之二十，利润却下降了；分析师认为，原材料价格的上涨是主要原因，明年情况可能会好转。",
]


class Caller:
    """One connection to the server.

    Args:
        address: (host, port).
        questions: list of (path, body as JSON text).
    """

    def __init__(self, address, questions):
        self._connection = http.client.HTTPConnection(*address, timeout=60)
        self._questions = questions

    def ask(self, number):
        """(status, results) of a question."""
        path, body = self._questions[number]
        self._connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = json.loads(response.read())
        return response.status, content.get("results", content)


def client(address, questions, right, end, seed, outcomes):
    """Ask until `end`; append (seconds, status, whether the answer is right) to `outcomes`."""
    draw, caller = random.Random(seed), Caller(address, questions)
    while time.monotonic() < end:
        number = draw.randrange(len(questions))
        began = time.monotonic()
        try:
            status, results = caller.ask(number)
        except (OSError, http.client.HTTPException) as error:
            outcomes.append((time.monotonic() - began, type(error).__name__, False))
            caller = Caller(address, questions)
            continue
        took, is_right = time.monotonic() - began, same(results, right[number], questions[number][0])
        if status == 200 and not is_right and all(is_right for _, _, is_right in outcomes):
            print(f"  {questions[number]}: {results} differs from {right[number]}")
        outcomes.append((took, status, is_right))


def same(one, other, path):
    """Whether two JSON values are equal, numbers to 1e-5; those of /predict are rounded to four digits."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k], path) for k in one)
    if isinstance(one, list):
        if not isinstance(other, list) or len(one) != len(other):
            return False
        return all(same(*pair, path) for pair in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= (1.1e-4 if path == "/predict" else 1e-5)
    return one == other


def questions_for(health):
    """One to three texts a question, for everything that the server can be asked."""
    groups = [TEXTS[begin : begin + 1 + begin % 3] for begin in range(len(TEXTS))]
    asked = [("/embed", {"texts": texts}) for texts in groups]
    if health["fill_mask"]:
        asked += [("/fill-mask", {"texts": [text.replace(text[2], "[MASK]") for text in g]}) for g in groups]
    for task in health["predict"]:
        bodies = [{"texts": texts, "task": task["name"]} for texts in groups]
        if task["texts"] == 2:
            bodies = [{**body, "second_texts": body["texts"][::-1]} for body in bodies]
        asked += [("/predict", body) for body in bodies]
    return [(path, json.dumps(body)) for path, body in asked]


def load(server, clients, seconds):
    """Run the load; returns whether all was well."""
    address = urlsplit(server.url).hostname, urlsplit(server.url).port
    questions = questions_for(json.loads(read(f"{server.url}health")))
    alone = Caller(address, questions)
    right = [alone.ask(number)[1] for number in range(len(questions))]
    if errors := [answer for answer in right if not isinstance(answer, list)]:
        raise RuntimeError(f"A single client is refused already: {errors[0]}.")
    memory, outcomes = [server.memory()], []
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=client, args=(address, questions, right, end, seed, outcomes))
        for seed in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 3)
    memory.append(server.memory())
    time.sleep(max(end - time.monotonic(), 0))
    memory.append(server.memory())
    for thread in threads:
        thread.join()
    metrics = read(f"{server.url}metrics")
    texts, batches = (total(metrics, f"rfv2_batch_texts_{what}") for what in ("sum", "count"))
    failed = sorted({str(status) for _, status, _ in outcomes if status != 200})
    wrong = sum(not is_right for _, status, is_right in outcomes if status == 200)
    milliseconds = 1000 * np.array([took for took, _, _ in outcomes])
    median, late = np.percentile(milliseconds, [50, 99])
    rate = len(outcomes) / seconds
    print(f"  {len(outcomes):,} requests, {rate:.0f} per second, {texts / batches:.1f} texts in a batch on average")
    print(f"  median {median:.0f} ms, 99th percentile {late:.0f} ms, longest {milliseconds.max():.0f} ms")
    print(f"  failed: {', '.join(failed) or 'none'}; answers that differ from those to a single client: {wrong}")
    third = f"{memory[1]:.0f} MB after {seconds / 3:.0f} s"
    print(f"  memory: {memory[0]:.0f} MB before, {third}, {memory[2]:.0f} MB at the end", flush=True)
    return not failed and not wrong and memory[2] <= 1.1 * memory[1]


def read(url):
    """What is at an address."""
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def total(metrics, name):
    """The sum over the labels of a metric."""
    return sum(float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", metrics, re.MULTILINE))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--dtype", default="float32", help="16-bit results depend on the batch by more than 1e-5")
    parser.add_argument("--rfv2", default="rfv2", help="the command, where it is not on the PATH")
    arguments = parser.parse_args()
    well = True
    for model in arguments.models:
        with serving(arguments.rfv2, model, "--dtype", arguments.dtype) as server:
            print(f"{model}: {arguments.clients} clients for {arguments.seconds:g} s", flush=True)
            well &= load(server, arguments.clients, arguments.seconds)
    sys.exit(not well)


if __name__ == "__main__":
    main()
