"""The page of the accuracy experiment: three points, a real task, and what both say of the article's claims."""

from accuracy_training import ARMS, CROSS_ENTROPY, EXACT, THEN
from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page
from three_points import BIASES, LOSSES, agrees, show_range

CLAIM = """Cross entropy is not accuracy: of the points −0.25, 0, 0.25 with labels −, −, +, whose classifier is the sign
of x − b, it gets one wrong, where EXACT (arXiv 2205.09615), the expected accuracy under Gaussian noise, gets all right.
The article (https://spaces.ac.cn/archives/9098) shows that a low temperature does the same, and so does the smoothed
accuracy 1 − p_y. The same author says later that he saw no special effect of EXACT on real tasks, and that 1 − p_y "is
usually less efficient than cross entropy and generally only suits fine-tuning" (https://spaces.ac.cn/archives/10145);
to train cross entropy first and 1 − p_y afterwards follows from this, but no source gives a schedule."""
# (claim, arm that should be higher, arm that should be lower, what the source says in numbers)
COMPARISONS = (
    ("EXACT trains a higher accuracy than cross entropy", EXACT, CROSS_ENTROPY, 'the author: "no special effect"'),
    ("Cross entropy, then 1 − p_y, trains a higher accuracy than cross entropy", THEN, CROSS_ENTROPY, "no numbers"),
)


def write(folder, optima, curves, method, seconds):
    """Write the page and its picture.

    Args:
        folder: where to.
        optima: dict from a name of `LOSSES` to its `Optimum`.
        curves: dict from arm to a list, one for each seed, of dev accuracies × 100 after every epoch.
        method: how the accuracies came about.
        seconds: how long it took.
    """
    draw(folder / "accuracy.png", optima, curves)
    last = {arm: [curve[-1] for curve in runs] for arm, runs in curves.items()}
    write_page(
        folder / "accuracy.md",
        "Accuracy: can it be trained directly?",
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            """A threshold is reproduced if it lies within 0.002 of the article's. A claim about the task holds or fails
            where the mean difference between two losses lies more than two standard errors (from the spread of the
            seeds) on one side; that the dev examples are a sample, too, is not in this error."""
        ),
        "\n".join([judged_points(optima), *(judged_task(comparison, last) for comparison in COMPARISONS)]),
        "![Losses of the three points; accuracy on the task](accuracy.png)",
        "## Three points",
        paragraph(
            "The b in [−2, 2] whose mean loss is least, from this library's losses in float64, in steps of 0.0005."
        ),
        markdown_table(
            ["loss", "b", "of the three right", "the article's b", "verdict"],
            [points_row(name, optima[name]) for name in LOSSES],
        ),
        "## A real task",
        paragraph(method),
        markdown_table(
            ["loss", *(f"epoch {n + 1}" for n in range(len(curves[CROSS_ENTROPY][0]))), "minus cross entropy"],
            [task_row(arm, curves[arm], last) for arm in ARMS],
        ),
        paragraph("The article gives no numbers on such a task; those of the paper are on images."),
    )


def points_row(name, found):
    article = LOSSES[name][1]
    says = "reproduced" if agrees(found, article) else "not reproduced"
    ours = show_range(found.lowest, found.highest)
    if found.highest == BIASES[-1]:
        ours += " (the end of the range: it runs away)"
    return [name, ours, f"{3 * found.accuracy:.0f}", show_range(*article), says]


def judged_points(optima):
    """An item of the list of verdicts: how many of the article's thresholds were found."""
    missed = [name for name in LOSSES if not agrees(optima[name], LOSSES[name][1])]
    says = "not reproduced" if missed else "reproduced"
    rest = f", all but {', '.join(missed)}" if missed else ""
    return paragraph(
        f"""The best thresholds of three points: **{says}**, {len(LOSSES) - len(missed)} of {len(LOSSES)} are the
        article's{rest}.""",
        bullet=True,
    )


def differences(higher, lower, last):
    """Seed by seed."""
    return [a - b for a, b in zip(last[higher], last[lower], strict=True)]


def judged_task(comparison, last):
    """An item of the list of verdicts, for one of `COMPARISONS`."""
    claim, higher, lower, source = comparison
    mean, error = mean_and_error(differences(higher, lower, last))
    shown = round(mean, 2) + 0.0  # no -0.00
    return paragraph(
        f"{claim}: **{verdict(mean, error)}**, difference {shown:+.2f} points, standard error {error:.2f} ({source}).",
        bullet=True,
    )


def task_row(arm, runs, last):
    cells = [plus_minus(scores) for scores in zip(*runs, strict=True)]
    gain = "" if arm == CROSS_ENTROPY else plus_minus(differences(arm, CROSS_ENTROPY, last))
    return [arm, *cells, gain]


def draw(picture, optima, curves):
    """The mean losses over b with their least values, and the accuracies over the epochs."""
    import matplotlib.figure  # the object interface: no display, no global state

    figure = matplotlib.figure.Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.axvspan(0, 0.25, color="#dddddd", label="all three right")
    for number, (name, found) in enumerate(optima.items()):
        scaled = (found.losses - found.losses.min()) / (found.losses.max() - found.losses.min())
        left.plot(BIASES, scaled, color=f"C{number}", label=name)
        left.plot([(found.lowest + found.highest) / 2], [0], "o", color=f"C{number}", clip_on=False)
    left.set(title="Three points: loss over the threshold", xlabel="b", ylabel="loss, scaled to 0…1", xlim=(-1, 2))
    left.legend(fontsize=8)
    for number, (arm, runs) in enumerate(curves.items()):
        epochs = range(1, len(runs[0]) + 1)
        for curve in runs:
            right.plot(epochs, curve, color=f"C{number}", alpha=0.25, linewidth=1)
        means = [sum(scores) / len(scores) for scores in zip(*runs, strict=True)]
        right.plot(epochs, means, "o-", color=f"C{number}", label=arm)
    right.set(title="A real task: dev accuracy, mean and single seeds", xlabel="epoch", ylabel="%", xticks=list(epochs))
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
