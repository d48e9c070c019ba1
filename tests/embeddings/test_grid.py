"""The grid equals single whitenings, and its table and picture show it."""

import numpy as np
import pytest

from rfv2_keras.embeddings import Whitening, cosine_similarity, draw_heat_map, spearman, whitening_grid
from rfv2_keras.errors import UserError


@pytest.fixture(scope="module")
def material():
    """Vectors of pairs, a noisy measure of their likeness in 1 of 8 directions that a common mean hides."""
    generator = np.random.default_rng(0)
    first = generator.normal(size=(200, 8)) * 2.0 ** -np.arange(8) + 3
    second = first + generator.normal(size=(200, 8)) * 0.3
    labels = -np.abs(first - second).sum(1).round(1)
    return first, second, labels, Whitening().fit(np.concatenate([first, second]))


@pytest.fixture(scope="module")
def grid(material):
    return whitening_grid(*material, betas=(0.0, 0.3, 1.0), gammas=(0.0, 0.5, 1.0), dimensions=(8, 3))


def test_every_cell_is_what_one_whitening_gives(material, grid):
    first, second, labels, _ = material
    assert grid.raw == spearman(cosine_similarity(first, second), labels)
    for beta in grid.betas:
        for gamma in grid.gammas:
            for size in grid.dimensions:
                whitening = Whitening(beta, gamma, size).fit(np.concatenate([first, second]))
                expected = spearman(cosine_similarity(whitening.transform(first), whitening.transform(second)), labels)
                assert grid.at(beta, gamma, size) == pytest.approx(expected, abs=1e-9)


def test_beta_0_gamma_0_with_all_dimensions_is_the_raw_score(grid):
    assert grid.at(0.0, 0.0, 8) == pytest.approx(grid.raw, abs=1e-9)
    assert grid.at(1.0, 1.0, 8) != pytest.approx(grid.raw, abs=1e-3)


def test_default_dimensions_are_all_half_and_a_quarter(material):
    assert whitening_grid(*material, betas=(0.0,), gammas=(0.0,)).dimensions == (8, 4, 2)
    first, second, labels, _ = material
    tiny = whitening_grid(first[:, :1], second[:, :1], labels, Whitening().fit(first[:, :1]))
    assert tiny.dimensions == (1,)


def test_values_that_are_not_allowed(material):
    for wrong, says in (({"dimensions": (9,)}, "9"), ({"gammas": (-1.0,)}, "-1"), ({"betas": (np.nan,)}, "nan")):
        with pytest.raises(UserError, match=says):
            whitening_grid(*material, **wrong)


def test_table_has_a_line_per_cell_and_the_raw_score(grid):
    lines = grid.table("pairs").splitlines()
    assert lines[0] == "pairs"
    assert f"{100 * grid.raw:.2f}" in lines[1]
    assert lines[2].split() == ["beta", "gamma", "dim", "8", "dim", "3"]
    values = np.array([line.split() for line in lines[3:]], float)
    np.testing.assert_allclose(values[:, 2:].reshape(3, 3, 2), 100 * grid.scores, atol=0.0051)


def test_heat_map_is_a_png_of_one_row_per_data_set(grid, tmp_path):
    nothing = grid._replace(scores=np.full_like(grid.scores, np.nan))  # similarities that are all alike
    sizes = {}
    for name, grids in (("one", {"A": grid}), ("two", {"A": grid, "B": nothing})):
        picture = tmp_path / "new folder" / f"{name}.png"
        draw_heat_map(grids, picture)
        header = picture.read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        sizes[name] = int.from_bytes(header[20:24], "big")
    assert sizes["two"] > 1.5 * sizes["one"]
    with pytest.raises(UserError, match=r"\.png"):
        draw_heat_map({"A": grid}, tmp_path / "picture.txt")
