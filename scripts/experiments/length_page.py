"""The page of the length experiment: accuracies over the length, and what they say of the articles' claims."""

from statistics import mean

from length_runs import ACTUAL, ARCHITECTURES, FIXED, GAU, LINES, PLUS, ROFORMER, SOFTMAX, SQUARED, Line
from page import markdown_table, mean_and_error, origin, paragraph, plus_minus, verdict, write_page

CLAIM = """A model that was trained on short texts gets worse on longer ones. With the entropy-invariant scale,
softmax(s · ln n / ln 512), called softmax_plus here, it gets less so (https://spaces.ac.cn/archives/8823). The GAU's
relu(s)² / n cannot be mended like this: with the n of the longer text it is even worse than with that of training, and
softmax is the best way out (https://spaces.ac.cn/archives/9019)."""
# accuracy × 100 of a RoFormer small trained at 64, at 64, 128, 256, 512, 1024
ARTICLE = {
    SOFTMAX: (43.27, 36.53, 23.02, 15.12, 11.54),
    PLUS: (43.11, 41.17, 34.04, 20.15, 13.58),
}
ARTICLE_LENGTHS = (64, 128, 256, 512, 1024)


def write(folder, results, length, method, seconds):
    """Write the page and its picture.

    Args:
        folder: where to.
        results: what `length_runs.run` gives.
        length: of the rows in training.
        method: how the numbers came about.
        seconds: how long it took.
    """
    draw(folder / "length.png", results, length)
    lengths = list(results[LINES[0]])
    article = mean(ARTICLE[PLUS][1:]) - mean(ARTICLE[SOFTMAX][1:])
    longer = tuple(row for row in lengths if row > length)
    invariant = "softmax_plus with the actual n is more accurate than softmax"
    relu = "squared_relu is less accurate with the actual n than with that of training"
    items = (
        (
            f"{ROFORMER}: {invariant}",
            Line(ROFORMER, PLUS, ACTUAL),
            Line(ROFORMER, SOFTMAX, ""),
            article,
        ),
        (f"{GAU}: {invariant}", Line(GAU, PLUS, ACTUAL), Line(GAU, SOFTMAX, ""), None),
        (f"{GAU}: {relu}", Line(GAU, SQUARED, FIXED), Line(GAU, SQUARED, ACTUAL), None),
        (f"{ROFORMER}: {relu}", Line(ROFORMER, SQUARED, FIXED), Line(ROFORMER, SQUARED, ACTUAL), None),
    )
    write_page(
        folder / "length.md",
        "Length: which attention works for longer texts than those of training?",
        paragraph(CLAIM),
        origin(seconds),
        "## Verdict",
        paragraph(
            f"""Compared is the mean accuracy at {", ".join(map(str, longer))} tokens; a claim holds or fails where the
            mean difference lies more than two standard errors (from the spread of the seeds) on one side."""
        ),
        "\n".join([*(judged(results, longer, *item) for item in items), judged_fall(results, length, longer)]),
        "![Accuracy over the length](length.png)",
        "## Ours",
        paragraph(method),
        markdown_table(
            ["model", *(f"{n} tokens" for n in lengths)],
            [[line, *(plus_minus(found) for found in results[line].values())] for line in LINES],
        ),
        "## The article's",
        paragraph(
            """A RoFormer of small size (6 × 384), trained at 64 to a far higher accuracy
            (https://spaces.ac.cn/archives/8823); of relu(s)² / n the other article gives no such table."""
        ),
        markdown_table(
            ["model", *(f"{n} tokens" for n in ARTICLE_LENGTHS)],
            [[name, *(f"{x:.2f}" for x in row)] for name, row in ARTICLE.items()],
        ),
    )


def over_lengths(found, lengths):
    """Of every seed, the mean accuracy over lengths."""
    return [mean(values) for values in zip(*(found[length] for length in lengths), strict=True)]


def judged(results, longer, claim, higher, lower, article):
    """An item of the list of verdicts; `article` is the article's difference, if it has one."""
    pairs = zip(over_lengths(results[higher], longer), over_lengths(results[lower], longer), strict=True)
    difference, error = mean_and_error([a - b for a, b in pairs])
    theirs = "" if article is None else f"; the article's {article:+.2f}"
    return paragraph(
        f"""{claim}: **{verdict(difference, error)}**, by {difference:+.2f} points, standard error
        {error:.2f}{theirs}.""",
        bullet=True,
    )


def judged_fall(results, length, longer):
    """An item of the list of verdicts: how much a GAU loses by longer texts, with softmax_plus and with relu²."""
    falls = []
    for line in (Line(GAU, SQUARED, FIXED), Line(GAU, PLUS, ACTUAL)):
        pairs = zip(results[line][length], over_lengths(results[line], longer), strict=True)
        falls.append([a - b for a, b in pairs])
    difference, error = mean_and_error([a - b for a, b in zip(*falls, strict=True)])
    return paragraph(
        f"""{GAU}: softmax_plus with the actual n loses less by the longer texts than squared_relu with that of
        training: **{verdict(difference, error)}**, {plus_minus(falls[1])} against {plus_minus(falls[0])} points, by
        {difference:+.2f}, standard error {error:.2f}.""",
        bullet=True,
    )


def draw(picture, results, length):
    """A panel for each architecture: the mean accuracies and those of the seeds."""
    import matplotlib.figure  # the object interface: no display, no global state

    figure = matplotlib.figure.Figure(figsize=(12, 4.6), layout="constrained")
    for axis, architecture in zip(figure.subplots(1, 2, sharey=True), ARCHITECTURES, strict=True):
        for line in LINES:
            if line.architecture != architecture:
                continue
            color = f"C{(SOFTMAX, PLUS, SQUARED).index(line.normalization)}"
            points = [(n, x) for n, found in results[line].items() for x in found]
            axis.plot(*zip(*points, strict=True), ".", color=color, alpha=0.4)
            means = [mean(found) for found in results[line].values()]
            style = "--" if line.rule == FIXED else "-"
            axis.plot(list(results[line]), means, style, color=color, label=", ".join(line[1:]).rstrip(", "))
        axis.axvline(length, color="#888888", linewidth=1)
        axis.set(title=f"{architecture}, trained at {length} tokens", xlabel="tokens", xscale="log")
        axis.set_xticks(list(results[LINES[0]]), list(map(str, results[LINES[0]])))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.axes[0].set_ylabel("% of the masked tokens restored")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
