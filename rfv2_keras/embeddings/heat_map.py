"""Whitening grids as a picture."""

from pathlib import Path

import numpy as np

from rfv2_keras.errors import UserError


def check_picture(path):
    """Stop before anything is computed if `path` is no name for a PNG."""
    if Path(path).suffix != ".png":
        raise UserError(f"{path}: the picture is a PNG, so its name must end in .png.")


def draw_heat_map(grids, picture, title="Spearman correlation × 100 after whitening"):
    """Draw grids into a PNG: a row of panels for each data set, a panel for each number of components.

    The numbers are Spearman correlations times 100; the colour says how far they lie above (green) or below (purple)
    the vectors without whitening, which the titles give. All panels share the colours.

    Args:
        grids: dict from name of the data set to `WhiteningGrid`, all with as many dimensions.
        picture: path of the PNG.
        title: of the picture.

    Raises:
        UserError: the name does not end in .png.
    """
    check_picture(picture)
    import matplotlib.figure  # the object interface: no display, no global state

    first = next(iter(grids.values()))
    rows, columns, (betas, gammas) = len(grids), len(first.dimensions), first.scores.shape[:2]
    width, height = 1.2 + columns * (0.9 + 0.62 * gammas), 0.9 + rows * (0.95 + 0.46 * betas)
    figure = matplotlib.figure.Figure(figsize=(max(width, 5.5), height), layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False)
    changes = {name: 100 * (grid.scores - grid.raw) for name, grid in grids.items()}
    limit = max(1.0, max(np.nanmax(np.abs(change), initial=0) for change in changes.values()))
    for row, (name, grid) in zip(axes, grids.items(), strict=True):
        for k, (axis, size) in enumerate(zip(row, grid.dimensions, strict=True)):
            image = axis.imshow(
                changes[name][:, :, k], cmap="PRGn", vmin=-limit, vmax=limit, origin="lower", aspect="auto"
            )
            _label(axis, grid)
            axis.label_outer()  # names of the axes at the left and at the bottom alone
            _write_numbers(axis, 100 * grid.scores[:, :, k], changes[name][:, :, k] / limit)
            axis.set_title(f"{name} · {size} dimensions · unwhitened {100 * grid.raw:.1f}", fontsize=9.5)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.015, aspect=40)
    bar.set_label("points gained or lost", fontsize=9)
    bar.outline.set_visible(False)
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=130)


def _label(axis, grid):
    axis.set_xticks(range(len(grid.gammas)), [f"{gamma:g}" for gamma in grid.gammas])
    axis.set_yticks(range(len(grid.betas)), [f"{beta:g}" for beta in grid.betas])
    axis.set_xlabel("γ (equal spread)", fontsize=9)
    axis.set_ylabel("β (centring)", fontsize=9)
    axis.tick_params(length=0, labelsize=9)
    for spine in axis.spines.values():
        spine.set_visible(False)
    # white lines between the cells
    axis.set_xticks(np.arange(1, len(grid.gammas)) - 0.5, minor=True)
    axis.set_yticks(np.arange(1, len(grid.betas)) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.5)
    axis.tick_params(which="minor", length=0)


def _write_numbers(axis, numbers, strength):
    """A number in every cell, white where the colour is dark."""
    for (i, j), number in np.ndenumerate(numbers):
        colour = "white" if abs(strength[i, j]) > 0.65 else "#222222"
        axis.text(j, i, f"{number:.1f}", ha="center", va="center", fontsize=9, color=colour)
