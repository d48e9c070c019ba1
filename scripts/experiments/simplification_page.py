"""The page of the experiment on RoFormerV2's simplifications: speed against BERT, and the loss of its variants."""

import math

from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page
from simplification_runs import FULL, SIMPLE, VARIANTS
from speed_in_turns import BERT, LENGTHS, PRECISIONS, ROFORMER

CLAIM = """RoFormerV2 leaves out all biases, and has RMSNorm without gammas in the place of LayerNorm. The article
(https://spaces.ac.cn/archives/8998) says that this makes it train 1.3 times as fast as RoBERTa with rows of 128 tokens
and 1.2 times with rows of 512 (base on an RTX 3090, large on an A100), and that it costs nothing in quality."""
ARTICLE = {128: 1.3, 512: 1.2}
MARGIN = 0.03  # nats


def write(folder, speed, results, how_speed, how_loss, seconds):
    """Write the page and its picture.

    Args:
        folder: where to.
        speed: what `speed_in_turns.measure` gives.
        results: what `simplification_runs.losses_of_variants` gives.
        how_speed, how_loss: how the numbers came about.
        seconds: how long it took.
    """
    draw(folder / "simplification.png", speed, results)
    write_page(
        folder / "simplification.md",
        "Simplification: is RoFormerV2 faster, and as good without biases and gammas?",
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            f"""RoFormerV2 is faster or slower where the mean logarithm of the ratio of times lies more than two
            standard errors (from the spread of the rounds) from 0. The simple model costs nothing if its loss is less
            than {MARGIN} above that of the full one, by more than two standard errors (from the spread of the
            seeds)."""
        ),
        "\n".join([*(judged_speed(speed, *case) for case in cases()), judged_loss(results)]),
        "![Times of updates; losses over the updates](simplification.png)",
        "## Speed",
        paragraph(how_speed),
        markdown_table(
            ["rows", "number format", *(f"{name}, ms" for name in (ROFORMER, BERT)), "BERT / RoFormerV2", "article's"],
            [speed_row(speed, *case) for case in cases()],
        ),
        paragraph(
            """What differs between the two besides biases and norms: ReLU or GELU, rotary or learned positions, and the
            dense layer of BERT's masked language model. The article's ratio is for GPUs, where small operations cost
            more time than their arithmetic; that of a processor need not be the same."""
        ),
        "## Loss",
        paragraph(how_loss),
        markdown_table(
            ["RoFormerV2 with", "loss on new text", "minus the simple one"],
            [loss_row(results, name) for name in VARIANTS],
        ),
        paragraph("The article gives no numbers of this comparison."),
    )


def cases():
    return [(precision, length) for precision in PRECISIONS for length in LENGTHS]


def ratios(speed, precision, length):
    """How many times the time of RoFormerV2 BERT takes, round by round."""
    pairs = zip(speed[BERT, precision, length], speed[ROFORMER, precision, length], strict=True)
    return [slow / fast for slow, fast in pairs]


def judged_speed(speed, precision, length):
    """An item of the list of verdicts."""
    found = ratios(speed, precision, length)
    mean, error = mean_and_error([math.log(ratio) for ratio in found])
    return paragraph(
        f"""RoFormerV2 trains faster with rows of {length}, {precision}: **{verdict(mean, error)}**,
        {math.exp(mean):.2f} times as fast (the article: {ARTICLE[length]}).""",
        bullet=True,
    )


def differences(results, name):
    """By how much the loss of a variant lies above that of the simple one, seed by seed."""
    return [run[1] - simple[1] for run, simple in zip(results[name], results[SIMPLE], strict=True)]


def judged_loss(results):
    """An item of the list of verdicts."""
    mean, error = mean_and_error(differences(results, FULL))
    return paragraph(
        f"""Leaving out biases and gammas costs nothing: **{verdict(mean + MARGIN, error)}**, the loss of the full model
        minus that of the simple one is {mean:+.3f}, standard error {error:.3f}.""",
        bullet=True,
    )


def speed_row(speed, precision, length):
    times = [plus_minus([1000 * x for x in speed[name, precision, length]], 0) for name in (ROFORMER, BERT)]
    return [length, precision, *times, plus_minus(ratios(speed, precision, length)), ARTICLE[length]]


def loss_row(results, name):
    gain = "" if name == SIMPLE else plus_minus(differences(results, name), 3)
    return [name, plus_minus([loss for _, loss in results[name]], 3), gain]


def draw(picture, speed, results):
    """Ratios of times with every round as a dot, and the curves of all seeds."""
    import matplotlib.figure  # the object interface: no display, no global state

    figure = matplotlib.figure.Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, case in enumerate(cases()):
        found = ratios(speed, *case)
        left.bar(place, math.exp(mean_and_error([math.log(x) for x in found])[0]), color="C0", alpha=0.5)
        left.plot([place] * len(found), found, ".", color="C0")
        article = ARTICLE[case[1]]
        left.plot([place - 0.4, place + 0.4], [article] * 2, color="C1", label=None if place else "the article's")
    left.axhline(1, color="#888888", linewidth=1)
    left.set_xticks(range(len(cases())), [f"{length} tokens\n{precision}" for precision, length in cases()], fontsize=8)
    left.set(title="Time of an update: BERT / RoFormerV2")
    left.legend(fontsize=8)
    for number, (name, runs) in enumerate(results.items()):
        for place, (curve, _) in enumerate(runs):
            right.plot(*zip(*curve, strict=True), color=f"C{number}", alpha=0.6, label=None if place else name)
    right.set(title="RoFormerV2 with and without", xlabel="update", ylabel="masked-language-model loss in training")
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
