"""What the user got wrong is said in one sentence, and nothing is written."""

import pytest
from typer.testing import CliRunner

from rfv2_keras.cli.main import app


@pytest.fixture
def export():
    """Function (arguments) -> result of `rfv2 export`."""
    return lambda *arguments: CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_mistakes(export, model_folder, fine_tuned, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").write_text("something")
    target = tmp_path / "target"
    cases = {
        (tmp_path / "nowhere", target, "--to", "onnx"): "nowhere: there is no such directory",
        (used, target, "--to", "onnx"): "used: is no model directory",
        (model_folder, target, "--to", "pdf"): "--to must be one of saved-model, onnx, tflite, received 'pdf'",
        (model_folder, used, "--to", "tflite"): "used: exists already and is not an empty folder",
        (model_folder, used / "file", "--to", "tflite"): "file: exists already and is not an empty folder",
        (model_folder, target, "--to", "tflite", "--output", "pooler"): "--output must be one of encoder, mlm, task",
        (
            model_folder,
            target,
            "--to",
            "tflite",
            "--quantize",
            "int4",
        ): "--quantize must be one of int8, received 'int4'",
        (model_folder, target, "--to", "tflite", "--task", "topics"): "has no head for task 'topics'; there are none",
        (fine_tuned, target, "--to", "tflite", "--task", "tnews"): "there are entities, topics",
        (fine_tuned, target, "--to", "tflite", "--output", "task"): "has heads for several tasks, name one with --task",
        (fine_tuned, target, "--to", "tflite", "--output", "mlm", "--task", "topics"): "--task is for --output task",
    }
    for arguments, sentence in cases.items():
        result = export(*arguments)
        assert result.exit_code == 2, (arguments, result.output)
        (line,) = result.stderr.splitlines()
        assert line.startswith("rfv2: error: ")
        assert sentence in line
    assert not target.exists()


def test_command(export, model_folder, tmp_path):
    target = tmp_path / "empty"
    target.mkdir()
    result = export(model_folder, target, "--to", "saved-model")
    assert result.exit_code == 0, result.output
    assert "Input_Token, Input_Segment → hidden" in result.stdout
    assert (target / "saved_model.pb").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]
