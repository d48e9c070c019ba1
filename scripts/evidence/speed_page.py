"""Turns the JSON files of speed.py into the tables of docs/benchmarks.md.

    python scripts/evidence/speed_page.py FOLDER [--page docs/benchmarks.md]

With --page, what stands in the page between `<!-- TABLE -->` and `<!-- end -->` is replaced, for every table there is a
file for; otherwise all tables are printed. Two more are made where FOLDER/profile.json of step_profile.py is there:
`profile` is that, and `bounds` says of every aim how much faster than a peer this package is, how much faster it would
be if its matrix products were all it did, and how much faster anything could be that did its products at the peak.
"""

import argparse
import json
import re
from pathlib import Path

from step_profile import KINDS, sum_of_products

from rfv2_keras.benchmark.report import table

PYTORCH = ("pytorch plain", "pytorch bert", "pytorch roformer", "pytorch junnyu", "pytorch bert4torch")
# (title, table, type of our contender, peers, aim)
AIMS = (
    ("training small 16×128", "train_small_128", "bfloat16", ("keras-hub",), 2.3),
    ("training small 16×128", "train_small_128", "bfloat16", PYTORCH, 1.7),
    ("training small 4×512", "train_small_512", "bfloat16", PYTORCH, 1.4),
    ("training base 8×128", "train_base_128", "bfloat16", ("keras-hub",), 3.2),
    ("training base 8×128", "train_base_128", "bfloat16", PYTORCH, 1.7),
    ("training small 16×128", "train_small_float32", "float32", ("keras-hub", *PYTORCH), 1.2),
    ("training base 8×128", "train_base_float32", "float32", ("keras-hub", *PYTORCH), 1.2),
    ("inference small 16×128", "infer_small_128", "bfloat16", ("keras-hub",), 2.4),
    ("inference small 16×128", "infer_small_128", "bfloat16", PYTORCH, 1.2),
    ("inference base 16×128", "infer_base_128", "bfloat16", PYTORCH, 1.15),
    ("inference small 16×128", "infer_small_float32", "float32", ("keras-hub", *PYTORCH), 1.15),
    ("inference base 16×128", "infer_base_128", "float32", ("keras-hub", *PYTORCH), 1.15),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    summaries = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(arguments.folder.glob("*.json"))
    }
    profiles = summaries.pop("profile", None)
    tables = {name: with_ratios(summary) for name, summary in summaries.items()}
    if profiles is not None:
        tables["profile"] = profile_table(profiles)
        tables["bounds"] = bounds(summaries, profiles)
    if arguments.page is None:
        print("\n\n".join(f"<!-- {name} -->\n{text}\n<!-- end -->" for name, text in tables.items()))
        return
    page = arguments.page.read_text(encoding="utf-8")
    for name, text in tables.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = block.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)
    arguments.page.write_text(page, encoding="utf-8")


def with_ratios(summary):
    """The table of a run, and our best result against the best of each peer."""
    text = table(summary)
    best = {}
    for result in summary["results"]:
        if result["job"]["task"] != "peak":
            library = library_of(result)
            rates = result["tokens_per_second"], 1.0 / result["processor_seconds"]
            best[library] = [max(pair) for pair in zip(rates, best.get(library, rates), strict=True)]
    own = best.pop("rfv2", None)
    if own and best:
        ratios = [", ".join(f"{own[i] / rates[i]:.2f}× {library}" for library, rates in best.items()) for i in range(2)]
        text += f"\n\nThe best of this package against the best of each peer: {ratios[0]}"
        text += f"; in processor time: {ratios[1]}."
    return text


def profile_table(profiles):
    """Shares of the time of a step, by kind of operation; those of products first and summed up."""
    lines = [f"| one thread, bfloat16 | ms | products | {' | '.join(KINDS)} |", "|-" * (3 + len(KINDS)) + "|"]
    for title, profile in profiles.items():
        shares = [f"{profile['shares'][kind]:.1%}" for kind in KINDS]
        products = sum_of_products(profile["shares"])
        lines.append(f"| {title} | {profile['milliseconds']:,.0f} | {products:.0%} | {' | '.join(shares)} |")
    return "\n".join(lines)


def bounds(summaries, profiles):
    """Of every aim: what was measured, the ratios with products alone and at the peak, and the shares of the peak."""
    head = "| bfloat16 unless named | against | aim | measured | products alone | at the peak | aim needs | reached |"
    lines = [head, "|-" * 8 + "|"]
    peaks = {}  # of a type: the highest of all runs, for tables that did not measure it
    for summary in summaries.values():
        for dtype, rate in summary["peaks"].items():
            peaks[dtype] = max(rate, peaks.get(dtype, 0.0))
    for title, name, dtype, peers, aim in AIMS:
        results = [r for r in summaries.get(name, {"results": []})["results"] if r["job"]["task"] != "peak"]
        own = [r for r in results if library_of(r) == "rfv2" and r["job"]["dtype"] == dtype]
        # Against float32 of ours stands float32 of theirs; otherwise they choose their fastest type.
        theirs = [r for r in results if library_of(r) in peers and (dtype != "float32" or r["job"]["dtype"] == dtype)]
        if not own or not theirs:
            continue
        best = max(theirs, key=lambda r: r["flops_per_second"])
        ratio = max(r["flops_per_second"] for r in own) / best["flops_per_second"]
        limit = summaries[name]["peaks"].get(dtype, peaks[dtype]) / best["flops_per_second"]
        title += ", float32" if dtype == "float32" else ""
        job = own[0]["job"]
        profile = profiles.get(f"{job['task']} {job['title'].partition('-')[2]} {job['batch']}×{job['length']}")
        alone = "–"
        if profile and dtype == "bfloat16":
            alone = f"{ratio / sum_of_products(profile['shares']):.2f}×"
        against = library_of(best) + (" compiled" if best["job"]["jit"] else "")
        cells = (
            title,
            against,
            f"{aim}×",
            f"{ratio:.2f}×",
            alone,
            f"{limit:.2f}×",
            f"{aim / limit:.0%}",
            f"{ratio / limit:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def library_of(result):
    return f"{result['job']['library']} {result['job']['model']}".strip().replace("_", "-")


if __name__ == "__main__":
    main()
