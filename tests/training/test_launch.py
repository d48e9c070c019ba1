"""The launcher: every child its place in the cluster, and no child left behind."""

import json
import sys
import time

from rfv2_keras.training.launch import launch


def test_children_form_one_cluster(tmp_path):
    program = (
        "import os, json, pathlib;"
        "c = json.loads(os.environ['TF_CONFIG']);"
        f"pathlib.Path({str(tmp_path)!r}, str(c['task']['index'])).write_text(json.dumps(c['cluster']['worker']))"
    )
    assert launch([sys.executable, "-c", program], 3) == 0
    workers = [json.loads((tmp_path / str(i)).read_text()) for i in range(3)]
    assert workers[0] == workers[1] == workers[2]
    assert len(set(workers[0])) == 3
    assert all(address.startswith("127.0.0.1:") for address in workers[0])


def test_failure_of_one_child_ends_all(capfd):
    """Child 1 fails at once; child 0, which would sleep for a minute, is stopped, and the status is child 1's."""
    program = (
        "import os, sys, time, json;"
        "sys.exit(7) if json.loads(os.environ['TF_CONFIG'])['task']['index'] else time.sleep(60)"
    )
    begin = time.monotonic()
    assert launch([sys.executable, "-c", program], 2) == 7
    assert time.monotonic() - begin < 20
    assert "process 1 ended with status 7" in capfd.readouterr().err


def test_gpus_are_dealt_out(tmp_path):
    program = (
        "import os, json, pathlib;"
        "i = json.loads(os.environ['TF_CONFIG'])['task']['index'];"
        f"pathlib.Path({str(tmp_path)!r}, str(i)).write_text(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    assert launch([sys.executable, "-c", program], 2, gpus=True) == 0
    assert [(tmp_path / str(i)).read_text() for i in range(2)] == ["0", "1"]
