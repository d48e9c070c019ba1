"""The page of the experiment on soft labels: F1, exact matches, calibration, and what they say of the claims."""

import numpy as np
from calibration import reliability
from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page
from scipy.special import expit
from soft_labels_training import ARMS, HARD, LOSSES, SIGMOID, TARGETS, ZLPR

CLAIM = """ZLPR carries softmax and cross entropy over to any number of labels: every right label is to score above 0
and every other one below, with no weights for the few right labels among many
(https://spaces.ac.cn/archives/7359, arXiv 2208.02955, which finds it better than its rivals on several data sets). Its
form for soft labels t, so that smoothing and mixup can be used, is least at t = σ(2 s), so that σ(2 s) is what
probabilities should be read from, not σ(s) (https://spaces.ac.cn/archives/9064)."""
READINGS = {"σ(s)": 1, "σ(2 s)": 2}


def write(folder, results, method, seconds):
    """Write the page and its picture.

    Args:
        folder: where to.
        results: dict from arm to a list of `Result`, one for each seed.
        method: how the numbers came about.
        seconds: how long it took.
    """
    draw(folder / "soft_labels.png", results)
    write_page(
        folder / "soft_labels.md",
        "Soft labels: ZLPR against sigmoid cross entropy",
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            """A claim holds or fails where the mean difference lies more than two standard errors (from the spread of
            the seeds) on one side; that the test texts are a sample, too, is not in this error."""
        ),
        "\n".join([*(judged_f1(results, name) for name in TARGETS), *(judged_reading(results, n) for n in TARGETS)]),
        "![Micro F1; how often labels of a probability are right](soft_labels.png)",
        "## Ours",
        paragraph(method),
        markdown_table(
            ["targets", "loss", "micro F1", "exact match", *(f"calibration error, {name}" for name in READINGS)],
            [row(arm, results[arm]) for arm in ARMS],
        ),
        paragraph(
            """Calibration error: over all pairs of a text and a label, in fifteen bins of equal width, the mean
            distance between the probability and how often the label is right, × 100. Most pairs are wrong and easy, so
            that it is small throughout; the picture shows the rest, too."""
        ),
        "## The article's",
        paragraph(
            """The articles derive and give no numbers; those of the paper are on other data sets and with larger
            models, so that only the direction can be compared."""
        ),
    )


def calibration_error(result, factor):
    """Expected calibration error × 100 of σ(factor · s)."""
    return 100 * reliability(expit(factor * result.scores), result.labels).expected_error


def row(arm, runs):
    loss, targets = arm
    f1, exact = [result.f1 for result in runs], [result.exact for result in runs]
    errors = ([calibration_error(result, factor) for result in runs] for factor in READINGS.values())
    return [targets, loss, plus_minus(f1), plus_minus(exact), *map(plus_minus, errors)]


def judged_f1(results, targets):
    """An item of the list of verdicts."""
    pairs = zip(results[ZLPR, targets], results[SIGMOID, targets], strict=True)
    mean, error = mean_and_error([a.f1 - b.f1 for a, b in pairs])
    return paragraph(
        f"""ZLPR trains a higher micro F1 than sigmoid cross entropy, {targets} targets: **{verdict(mean, error)}**,
        difference {mean:+.2f} points, standard error {error:.2f}.""",
        bullet=True,
    )


def judged_reading(results, targets):
    """An item of the list of verdicts."""
    runs = results[ZLPR, targets]
    mean, error = mean_and_error([calibration_error(r, 1) - calibration_error(r, 2) for r in runs])
    return paragraph(
        f"""Scores of ZLPR are better calibrated as σ(2 s) than as σ(s), {targets} targets:
        **{verdict(mean, error)}**, the calibration error is smaller by {mean:.2f} points, standard error
        {error:.2f}.""",
        bullet=True,
    )


def draw(picture, results):
    """Micro F1 of every run, and reliability of those with hard labels, all seeds together."""
    import matplotlib.figure  # the object interface: no display, no global state

    figure = matplotlib.figure.Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, loss in enumerate(LOSSES):
        places = np.arange(len(TARGETS)) + 0.4 * number - 0.2
        found = np.array([[run.f1 for run in results[loss, targets]] for targets in TARGETS])
        left.bar(places, found.mean(axis=1), 0.38, color=f"C{number}", alpha=0.5, label=loss)
        left.plot(places, found, ".", color=f"C{number}")
    left.set_xticks(range(len(TARGETS)), TARGETS)
    left.set(title="Micro F1, mean and single seeds", xlabel="targets", ylabel="%")
    left.legend(fontsize=8)
    right.plot([0, 1], [0, 1], color="#888888", linewidth=1)
    for number, (loss, name) in enumerate(((ZLPR, "σ(s)"), (ZLPR, "σ(2 s)"), (SIGMOID, "σ(s)"))):
        runs = results[loss, HARD]
        scores, labels = (np.concatenate([getattr(run, part) for run in runs]) for part in ("scores", "labels"))
        found = reliability(expit(READINGS[name] * scores), labels)
        color = f"C{(0, 2, 1)[number]}"  # the losses' colours of the left panel, and one more
        right.plot(found.predicted, found.observed, "o-", color=color, markersize=4, label=f"{loss}, {name}")
    right.set(title="Hard labels: how often labels are right", xlabel="probability", ylabel="share that is right")
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
