"""What docs/inference.md shows runs as it stands, with a tiny model in the place of the reader's."""

import re


def test_python_of_the_page(root, model_directory, tmp_path, monkeypatch, capsys):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "model").symlink_to(model_directory("gau_alpha"))
    monkeypatch.chdir(tmp_path)
    page = (root / "docs" / "inference.md").read_text(encoding="utf-8")
    masks, scores = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names = {}
    exec(masks, names)
    assert capsys.readouterr().out.startswith("2 [('")
    assert len(names["many"][1].masks) == 2
    exec(scores, names)
    assert len(names["usual"].tokens) == 7
