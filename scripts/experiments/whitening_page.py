"""The page of the whitening experiment: our numbers, the article's, and what both say of its claims."""

import statistics
from typing import NamedTuple

from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page

from rfv2_keras.embeddings import draw_heat_map

CLAIM = """The article finds that whitening (β = γ = 1) helps sentence vectors of an encoder that was only pretrained
and hurts those of one that was trained to compare sentences, and that β = γ = 0, a rotation after which dimensions can
be cut, is safe in both cases (https://spaces.ac.cn/archives/9079; whitening: arXiv 2103.15316)."""
ARTICLE_TASKS = ("ATEC", "BQ", "LCQMC", "PAWSX", "STS-B")
BERT, SIMBERT = "BERT, pretrained only", "SimBERT, trained to compare"
# (encoder, β = γ) -> of every task Spearman × 100 without whitening, whitened with 768 and with 256 dimensions
ARTICLE = {
    (BERT, 1): (
        (24.51, 27.00, 27.91),
        (38.81, 32.29, 37.67),
        (64.75, 64.75, 65.65),
        (15.12, 17.80, 15.34),
        (61.66, 69.45, 69.37),
    ),
    (BERT, 0): (
        (24.51, 24.51, 24.59),
        (38.81, 38.81, 38.99),
        (64.75, 64.75, 63.45),
        (15.12, 15.12, 14.59),
        (61.66, 61.66, 62.30),
    ),
    (SIMBERT, 1): (
        (38.50, 23.64, 30.79),
        (48.54, 31.78, 40.01),
        (76.23, 75.05, 74.50),
        (15.10, 18.49, 15.64),
        (74.14, 73.37, 75.29),
    ),
    (SIMBERT, 0): (
        (38.50, 38.50, 38.81),
        (48.54, 48.54, 48.66),
        (76.23, 76.23, 76.22),
        (15.10, 15.10, 14.88),
        (74.14, 74.14, 74.46),
    ),
}
FULL, CUT = 0, 1  # places of the two dimensions in a grid
SIZES = ("all dimensions", "a third of them")


class Claim(NamedTuple):
    """That whitening changes the mean over the tasks by more (sign 1) or less (sign -1) than `bound` points."""

    text: str
    fine_tuned: bool
    share: int  # β = γ
    size: int  # FULL or CUT
    sign: int
    bound: float


CLAIMS = (
    Claim("Whitening helps the pretrained encoder", False, 1, FULL, 1, 0.0),
    Claim("Whitening hurts the fine-tuned encoder", True, 1, FULL, -1, 0.0),
    Claim("β = γ = 0, cut to a third, costs the pretrained encoder less than a point", False, 0, CUT, 1, -1.0),
    Claim("β = γ = 0, cut to a third, costs the fine-tuned encoder less than a point", True, 0, CUT, 1, -1.0),
)


def write(folder, raw, tuned, method, seconds, warning=()):
    """Write the page and its pictures.

    Args:
        folder: where to.
        raw: dict from task to `WhiteningGrid`, of the pretrained encoder.
        tuned: such dicts, one for each seed of fine-tuning.
        method: how the numbers came about.
        seconds: how long it took.
        warning: paragraphs to stand above everything.
    """
    means = {task: mean_grid([grids[task] for grids in tuned]) for task in raw}
    draw_heat_map(raw, folder / "whitening_raw.png", "Pretrained only: Spearman × 100 after whitening")
    draw_heat_map(means, folder / "whitening_fine_tuned.png", "Fine-tuned: Spearman × 100 after whitening")
    write_page(
        folder / "whitening.md",
        "Whitening: helps a pretrained encoder, hurts a fine-tuned one?",
        *warning,
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            """A claim holds or fails where the mean over the tasks lies more than two standard errors (from the spread
            of the tasks) on one side; the article's numbers are judged by the same rule."""
        ),
        "\n".join(judged(claim, tuned if claim.fine_tuned else [raw]) for claim in CLAIMS),
        "## Ours",
        paragraph(method),
        markdown_table(
            ["vectors", "β = γ", "dimensions", *raw],
            [*table_rows("pretrained", [raw]), *table_rows("fine-tuned", tuned)],
        ),
        "![Grid of the pretrained encoder](whitening_raw.png)",
        "![Mean grid of the fine-tuned encoders](whitening_fine_tuned.png)",
        "## The article's",
        paragraph(
            """Without whitening / whitened, 768 dimensions / whitened, 256 dimensions. Its encoders are of base size
            and its pairs are the full data sets, so that only the signs of the differences can be compared."""
        ),
        markdown_table(
            ["encoder", "β = γ", *ARTICLE_TASKS],
            [[*key, *(" / ".join(f"{number:.2f}" for number in cell) for cell in row)] for key, row in ARTICLE.items()],
        ),
    )


def mean_grid(grids):
    """The mean over seeds."""
    scores = sum(grid.scores for grid in grids) / len(grids)
    return grids[0]._replace(raw=statistics.mean(grid.raw for grid in grids), scores=scores)


def whitened(grid, share, size):
    """Spearman × 100 for β = γ = share."""
    return 100 * grid.at(float(share), float(share), grid.dimensions[size])


def table_rows(title, runs):
    """Lines of the table, for one or several runs."""
    lines = [[title, "", "not whitened", *(plus_minus([100 * run[task].raw for run in runs]) for task in runs[0])]]
    for share in (1, 0):
        for size, name in enumerate(SIZES):
            cells = (plus_minus([whitened(run[task], share, size) for run in runs]) for task in runs[0])
            lines.append([title, share, name, *cells])
    return lines


def judged(claim, runs):
    """An item of the list of verdicts: the mean over the tasks, that of the article, and every task."""
    gains = {
        task: [whitened(run[task], claim.share, claim.size) - 100 * run[task].raw for run in runs] for task in runs[0]
    }
    mean, error = mean_and_error([statistics.mean(values) for values in gains.values()])
    article = ARTICLE[SIMBERT if claim.fine_tuned else BERT, claim.share]
    theirs, their_error = mean_and_error([cell[1 + claim.size] - cell[0] for cell in article])
    ours_says, article_says = (
        verdict(claim.sign * (difference - claim.bound), spread)
        for difference, spread in ((mean, error), (theirs, their_error))
    )
    tasks = ", ".join(f"{task} {plus_minus(values)}" for task, values in gains.items())
    return paragraph(
        f"""{claim.text}: **{ours_says}**, {mean:+.2f} points, standard error {error:.2f} ({tasks}). The article's
        numbers: {theirs:+.2f}, {their_error:.2f} ({article_says}).""",
        bullet=True,
    )
