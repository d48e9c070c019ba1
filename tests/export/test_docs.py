"""What docs/export.md shows for loading works as it stands, on exports of a small fine-tuned model."""

import re
import shutil

import numpy as np

from rfv2_keras.clue.fine_tuned import FineTuned
from rfv2_keras.export import export_model


def test_python_of_the_page(root, fine_tuned, inputs, tmp_path, monkeypatch):
    """Every block finds the file of its format in `exported` and computes the scores that the model gives."""
    for to in ("saved-model", "onnx", "tflite"):
        export_model(fine_tuned, tmp_path / to, to, "task", "topics")
        shutil.copytree(tmp_path / to, tmp_path / "exported", dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    expected = np.asarray(FineTuned.read(fine_tuned, "topics").model.predict_on_batch(list(inputs.values())))
    given = {"token_ids": inputs["Input_Token"], "segment_ids": inputs["Input_Segment"]}
    page = (root / "docs" / "export.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        names = {name: np.asarray(array, "int32") for name, array in given.items()}
        exec(block, names)
        np.testing.assert_allclose(names["scores"], expected, atol=1e-5, err_msg=block)
