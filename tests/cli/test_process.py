"""The command as a process: how fast it answers, what it writes where, how it ends."""

import os
import signal
import subprocess
import sys
import time


def test_help_needs_neither_keras_nor_tensorflow(root):
    """Importing them takes seconds; that is what would make `rfv2 --help` slow."""
    program = (
        "import sys\n"
        "from rfv2_keras.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "sys.exit(' '.join(name for name in ('keras', 'tensorflow', 'numpy', 'matplotlib') if name in sys.modules))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert "describe" in done.stdout
    assert done.stderr.strip() == ""


def test_version(process):
    done = process("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("rfv2 0.")


def test_a_mistake_gives_one_line_and_status_2(process, tmp_path):
    done = process("describe", tmp_path / "nowhere.json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"rfv2: error: {tmp_path / 'nowhere.json'}: cannot be read (No such file or directory).\n"


def test_tensorflow_is_quiet_unless_asked(process, material, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    done = process("describe", material.model)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_written_while_tensorflow_is_imported_shows_when_the_import_fails(root, tmp_path):
    (tmp_path / "tensorflow.py").write_text("import os\nos.write(2, b'why it fails\\n')\nraise ImportError('broken')\n")
    program = "from rfv2_keras.cli.quiet import import_tensorflow_quietly as start; start()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert "why it fails" in done.stderr
    assert "ImportError: broken" in done.stderr


def test_an_error_of_ours_keeps_its_traceback(root):
    program = (
        "import rfv2_keras.cli.main as cli\n"
        "@cli.app.command()\n"
        "def broken():\n"
        "    raise RuntimeError('a mistake of ours')\n"
        "import sys; sys.argv = ['rfv2', 'broken']\n"
        "cli.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("RuntimeError: a mistake of ours\n")


def test_interrupting_gives_one_line_and_status_130(root):
    program = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs begin without it
        "import rfv2_keras.cli.main as cli\n"
        "@cli.app.command()\n"
        "def wait():\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "import sys; sys.argv = ['rfv2', 'wait']\n"
        "cli.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert (child.returncode, errors) == (130, "rfv2: interrupted\n")
