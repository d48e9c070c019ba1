"""Real bert4keras, in a process and an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / "environments" / "bert4keras.py"


@pytest.fixture(scope="session")
def bert4keras(tmp_path_factory):
    """A function that has bert4keras answer a list of requests; `bert4keras_reference.py` says what they hold."""
    environment = {
        **os.environ,
        "TF_KERAS": "1",
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "-1",  # full float32 precision, and the accelerator is left to the tested process
    }
    environment.pop("PYTHONPATH", None)
    python = _output([sys.executable, ENVIRONMENT], os.environ).strip()

    def answer(requests):
        file = tmp_path_factory.mktemp("bert4keras") / "requests.json"
        file.write_text(json.dumps(requests, default=str), encoding="utf-8")
        _output([python, HERE / "bert4keras_reference.py", file], environment)

    return answer


def _output(command, environment):
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        pytest.fail(f"{Path(command[1]).name} failed:\n{result.stderr[-4000:]}", pytrace=False)
    return result.stdout
