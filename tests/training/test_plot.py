"""Pictures of runs: few runs have a legend in every panel, many share one that hides no curve."""

import json

import matplotlib.figure
import pytest

from rfv2_keras.training.plot import plot_runs


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Function (number of runs) -> the figure that is saved."""
    figures = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda figure, *args, **options: figures.append(figure))

    def draw(runs):
        folders = [tmp_path / f"run-{number}" for number in range(runs)]
        for folder in folders:
            folder.mkdir(exist_ok=True)
            lines = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, {"step": 2, "heldout/loss": 2.5}]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        plot_runs(folders, tmp_path / "curves.png")
        return figures[-1]

    return draw


def test_few_runs(drawn):
    figure = drawn(2)
    (panel,) = [axis for axis in figure.axes if axis.lines]
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names == ["run-0", "run-0 (held out)", "run-1", "run-1 (held out)"]
    assert not figure.legends


def test_many_runs_share_a_legend(drawn):
    figure = drawn(5)
    assert all(axis.get_legend() is None for axis in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*(f"run-{n}" for n in range(5)), "held out"]
