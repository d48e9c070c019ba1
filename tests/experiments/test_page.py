"""The parts of an experiment's page."""

import importlib.util
import math

import pytest


@pytest.fixture(scope="module")
def page(root):
    spec = importlib.util.spec_from_file_location("page", root / "scripts" / "experiments" / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("difference", "error", "says"),
    [
        (1.0, 0.4, "reproduced"),
        (1.0, 0.5, "unclear"),
        (-1.0, 0.4, "not reproduced"),
        (-1.0, 2.0, "unclear"),
        (0.0, 0.0, "unclear"),
        (0.1, 0.0, "reproduced"),
    ],
)
def test_verdict(page, difference, error, says):
    assert page.verdict(difference, error) == says


def test_mean_deviation_and_error(page):
    assert page.plus_minus([1.0, 2.0, 3.0]) == "2.00 ± 1.00"
    assert page.plus_minus([1.25], digits=1) == "1.2"
    assert page.mean_and_error([1.0, 2.0, 3.0]) == (2.0, pytest.approx(1 / math.sqrt(3)))


def test_table_paragraph_and_page(page, tmp_path):
    assert page.markdown_table(["a", "b"], [[1, "x"]]).splitlines() == ["| a | b |", "| - | - |", "| 1 | x |"]
    lines = page.paragraph("word  \n " * 60, bullet=True).splitlines()
    assert lines[0].startswith("* word word")
    assert lines[1].startswith("  word")
    assert max(map(len, lines)) <= 120
    page.write_page(tmp_path / "new" / "page.md", "Title", "One.", "Two.")
    assert (tmp_path / "new" / "page.md").read_text() == "# Title\n\nOne.\n\nTwo.\n"


def test_origin_names_command_versions_and_machine(page, monkeypatch):
    monkeypatch.setattr("sys.argv", ["scripts/experiments/x.py", "--name", "two words"])
    text = page.origin(90)
    assert text.startswith("    python scripts/experiments/x.py --name 'two words'\n")
    for part in ("1.5 minutes", "Keras 3", "TensorFlow 2", "cores"):
        assert part in text
