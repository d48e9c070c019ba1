"""The page of the depth experiment: changes by one step, how they grow, and what that says of the theory."""

import math

from depth_models import ALPHA_WARMUP, DEEPNORM, ORDER_2, POST_NORM, VARIANTS
from depth_step import RATES
from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page

CLAIM = """DeepNet (arXiv 2203.00555, https://spaces.ac.cn/archives/8978) explains why deep post-norm models are hard to
train: with the usual initialisation one optimizer step changes the output the more the more layers there are. Of a
model with N layers of two branches it says that the change does not depend on the depth if the stream is multiplied by
√(2N) and the initial matrices by 1/√(2N) (Adam), or if only the matrices are (LAMB). The latter is, but for √2, the
order-2 initialisation of RoFormerV2 (https://spaces.ac.cn/archives/8998)."""
FLAT = 1.5  # times; a change that grows less is called independent of the depth
# (claim, variant, optimizer, whether the change should grow)
CLAIMS = (
    ("Post-norm with 0.02: a step of LAMB changes deep models more", POST_NORM, "LAMB", True),
    ("Post-norm with 0.02: a step of AdamW changes deep models more", POST_NORM, "AdamW", True),
    ("Order 2: a step of LAMB changes all depths alike", ORDER_2, "LAMB", False),
    ("Order 2 is not enough for AdamW", ORDER_2, "AdamW", True),
    ("DeepNorm: a step of AdamW changes all depths alike", DEEPNORM, "AdamW", False),
    (
        "α warm-up at 1/100, where changes are small: a step of LAMB changes deep models more",
        ALPHA_WARMUP,
        "LAMB",
        True,
    ),
)


def write(folder, changes, method, seconds):
    """Write the page and its picture.

    Args:
        folder: where to.
        changes: dict from depth to what `step_changes` returns.
        method: how the numbers came about.
        seconds: how long it took.
    """
    draw(folder / "depth.png", changes)
    depths = list(changes)
    write_page(
        folder / "depth.md",
        "Depth: how much does one optimizer step change the output?",
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            f"""Growth is the change of {depths[-1]} layers divided by that of {depths[0]}. "More" means that it grows
            more than {FLAT} times, "alike" that it does not; a claim holds or fails where the logarithm of the growth
            lies more than two standard errors (from the spread of the initialisations) on one side."""
        ),
        "\n".join(judged(changes, *claim) for claim in CLAIMS),
        "![Change by one step over the depth](depth.png)",
        "## Ours",
        paragraph(method),
        *(markdown_table(*table(changes, optimizer)) for optimizer in RATES),
        "## The theory's",
        paragraph(
            """The articles give factors, no measured changes. With branches whose size goes with 1/√(2N) and two
            matrices in each, N layers give: post-norm with a fixed deviation N times the change of one layer; order 2
            one time under LAMB and √N times under AdamW, whose steps do not shrink with the matrices; DeepNorm with
            order 2 one time under AdamW, and 1/√N times under LAMB."""
        ),
    )


def growth(changes, variant, optimizer):
    """Of every seed, how many times larger the change of the deepest model is than that of the shallowest."""
    depths = list(changes)
    first, last = (changes[depth][variant.name, optimizer] for depth in (depths[0], depths[-1]))
    return [b / a for a, b in zip(first, last, strict=True)]


def judged(changes, claim, variant, optimizer, grows):
    """An item of the list of verdicts."""
    factors = growth(changes, variant, optimizer)
    mean, error = mean_and_error([math.log(factor) for factor in factors])
    excess = mean - math.log(FLAT)
    says = verdict(excess if grows else -excess, error)
    return paragraph(f"{claim}: **{says}**, it grows {plus_minus(factors)} times.", bullet=True)


def table(changes, optimizer):
    """Header and lines: a line for each variant, a column for each depth."""
    header = [f"{optimizer}, ‰", *(f"{depth} layers" for depth in changes), "growth"]
    rows = []
    for variant in VARIANTS:
        cells = [plus_minus([1000 * x for x in found[variant.name, optimizer]], 3) for found in changes.values()]
        rows.append([variant.name, *cells, plus_minus(growth(changes, variant, optimizer))])
    return header, rows


def draw(picture, changes):
    """A panel for each optimizer, both axes logarithmic."""
    import matplotlib.figure  # the object interface: no display, no global state

    figure = matplotlib.figure.Figure(figsize=(11, 4.6), layout="constrained")
    depths = list(changes)
    for axis, optimizer in zip(figure.subplots(1, len(RATES), sharey=True), RATES, strict=True):
        for number, variant in enumerate(VARIANTS):
            points = [(depth, x) for depth in depths for x in changes[depth][variant.name, optimizer]]
            axis.plot(*zip(*points, strict=True), ".", color=f"C{number}")
            means = [mean_and_error(changes[depth][variant.name, optimizer])[0] for depth in depths]
            axis.plot(depths, means, color=f"C{number}", label=variant.name)
        axis.set(title=f"one step of {optimizer}", xlabel="layers", xscale="log", yscale="log")
        axis.set_xticks(depths, [str(depth) for depth in depths])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("relative change of the output")
    figure.axes[0].legend(fontsize=8)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
