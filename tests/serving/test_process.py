"""`rfv2 serve` as users start it: it says where it listens, answers, and ends in order."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from rfv2_keras.cli.main import app


@pytest.fixture
def process(root, pretrained):
    program = "from rfv2_keras.cli.main import main; main()"
    arguments = ["serve", str(pretrained), "--port", "0", "--dtype", "float32", "--max-batch", "4"]
    child = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    yield child
    if child.poll() is None:
        child.kill()
    child.communicate()


def ask(url, body=None):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _is_ready(url):
    try:
        return ask(f"{url}/health")["ready"]
    except urllib.error.HTTPError as error:  # warming up
        if error.code != 503:
            raise
        return False


def test_from_start_to_sigterm(process):
    line = process.stdout.readline()
    assert line.startswith("run: /fill-mask, /embed at http://127.0.0.1:"), process.stderr.read()
    url = re.search(r"http://\S+", line)[0]
    end = time.monotonic() + 120
    while not _is_ready(url):
        assert time.monotonic() < end
        time.sleep(0.1)
    body = {"texts": ["好" * 60] * 64}
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, f"{url}/embed", body) for _ in range(4)]
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        # Requests that had begun are answered; one that came too late finds nobody.
        served = [answer.result() for answer in answers if not isinstance(answer.exception(), urllib.error.URLError)]
    assert served
    assert all(len(answer["results"]) == 64 for answer in served)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "", "")


def complaint(*arguments):
    result = CliRunner().invoke(app, ["serve", *map(str, arguments)])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line


def test_mistakes(pretrained, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert complaint(pretrained, "--port", port).endswith("cannot listen there (Address already in use).")
    assert "cannot listen there" in complaint(pretrained, "--host", "256.0.0.1", "--port", 0)
    assert "no such folder" in complaint(tmp_path / "nothing", "--port", 0)
    assert "pooling must be one of" in complaint(pretrained, "--port", 0, "--pooling", "best", "--dtype", "float32")


def test_without_the_extra(pretrained, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert complaint(pretrained) == 'rfv2: error: `rfv2 serve` needs uvicorn: pip install "rfv2-keras[serve]".'


def test_command_line_imports_nothing_of_the_extra(root):
    """Without the extra the other commands work: only `rfv2 serve` itself imports what it brings."""
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['fastapi', 'uvicorn', 'starlette', 'prometheus_client']))\n"
        "from rfv2_keras.cli.main import app\n"
        "app(['serve', '--help'], standalone_mode=False)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--max-queue" in done.stdout
