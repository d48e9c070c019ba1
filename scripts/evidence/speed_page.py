"""Turns the JSON files of speed.py into the tables of docs/benchmarks.md.

    python scripts/evidence/speed_page.py FOLDER [--page docs/benchmarks.md]

With --page, what stands in the page between `<!-- TABLE -->` and `<!-- end -->` is replaced, for every table there is a
file for; otherwise all tables are printed.
"""

import argparse
import json
import re
from pathlib import Path

from rfv2_keras.benchmark.report import table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    tables = {path.stem: with_ratios(path) for path in sorted(arguments.folder.glob("*.json"))}
    if arguments.page is None:
        print("\n\n".join(f"<!-- {name} -->\n{text}\n<!-- end -->" for name, text in tables.items()))
        return
    page = arguments.page.read_text(encoding="utf-8")
    for name, text in tables.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = block.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)
    arguments.page.write_text(page, encoding="utf-8")


def with_ratios(path):
    """The table of a run, and our best result against the best of each peer."""
    summary = json.loads(path.read_text(encoding="utf-8"))
    text = table(summary)
    best = {}
    for result in summary["results"]:
        if result["job"]["task"] != "peak":
            library = f"{result['job']['library']} {result['job']['model']}".strip().replace("_", "-")
            rates = result["tokens_per_second"], 1.0 / result["processor_seconds"]
            best[library] = [max(pair) for pair in zip(rates, best.get(library, rates), strict=True)]
    own = best.pop("rfv2", None)
    if own and best:
        ratios = [", ".join(f"{own[i] / rates[i]:.2f}× {library}" for library, rates in best.items()) for i in range(2)]
        text += f"\n\nThe best of this package against the best of each peer: {ratios[0]}"
        text += f"; in processor time: {ratios[1]}."
    return text


if __name__ == "__main__":
    main()
