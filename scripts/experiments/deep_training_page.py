"""The page of the deep-training experiment: losses with and without α warm-up, and whether they are a model's."""

from deep_runs import ARMS, PLAIN, WARMED
from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page

CLAIM = """RoFormerV2 was pretrained with α warm-up, x ← Norm(x + α F(x)) with an α that rises from 0 to 1, because
a deep post-norm model is hard to train from scratch (https://spaces.ac.cn/archives/8998, 8620). The articles give no
length of the warm-up and no curves."""


def write(folder, results, frequency_loss, method, seconds):
    """Write the page and its picture.

    Args:
        folder: where to.
        results: dict from arm to a list of `Result`, one for each seed.
        frequency_loss: of a model that knows how frequent tokens are and nothing else.
        method: how the numbers came about.
        seconds: how long it took.
    """
    draw(folder / "deep_training.png", results, frequency_loss)
    losses = {arm: [result.loss for result in runs] for arm, runs in results.items()}
    write_page(
        folder / "deep_training.md",
        "Deep post-norm models: do they train without α warm-up?",
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            f"""A model trains, as far as this experiment goes, if its loss on new text falls below
            {frequency_loss:.3f}: that of a model which knows how frequent tokens are and ignores their context. A claim
            holds or fails where a difference lies more than two standard errors (from the spread of the seeds) on one
            side."""
        ),
        "\n".join(
            judged(*line)
            for line in (
                ("Without α warm-up the model does not train", [x - frequency_loss for x in losses[PLAIN]]),
                ("With α warm-up it does", [frequency_loss - x for x in losses[WARMED]]),
                (
                    "With α warm-up the loss is lower",
                    [a - b for a, b in zip(losses[PLAIN], losses[WARMED], strict=True)],
                ),
            )
        ),
        "![Training losses over the updates](deep_training.png)",
        "## Ours",
        paragraph(method),
        markdown_table(
            ["model", "loss", "of every seed"], [[arm, plus_minus(losses[arm], 3), each(losses[arm])] for arm in ARMS]
        ),
        "## The article's",
        paragraph("Only the statement, for models of up to 24 layers and width 1024 and a million updates."),
    )


def each(numbers):
    return ", ".join(f"{x:.3f}" for x in numbers)


def judged(claim, differences):
    """An item of the list of verdicts; the claim is that the differences are positive."""
    mean, error = mean_and_error(differences)
    return paragraph(f"{claim}: **{verdict(mean, error)}**, by {mean:+.3f}, standard error {error:.3f}.", bullet=True)


def draw(picture, results, frequency_loss):
    """Every seed's curve."""
    import matplotlib.figure  # the object interface: no display, no global state

    figure = matplotlib.figure.Figure(figsize=(8, 4.6), layout="constrained")
    axis = figure.subplots()
    for number, (arm, runs) in enumerate(results.items()):
        for place, result in enumerate(runs):
            axis.plot(*zip(*result.curve, strict=True), color=f"C{number}", alpha=0.8, label=None if place else arm)
    axis.axhline(frequency_loss, color="#888888", linestyle=":", label="frequencies of tokens")
    axis.set(title="A deep post-norm model", xlabel="update", ylabel="masked-language-model loss")
    axis.grid(alpha=0.3)
    axis.legend()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
