"""`rfv2 prepare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rfv2_keras.data.ray_engine import RayEngine
from rfv2_keras.errors import UserError


def prepare(
    corpus: Annotated[
        list[str], typer.Argument(metavar="CORPUS", help="Text or JSON-lines files, directories, glob patterns.")
    ],
    vocab: Annotated[str, typer.Option(help="Vocabulary file, one token a line.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder of the records.")],
    maxlen: Annotated[int, typer.Option(help="Tokens of a row, [CLS] and [SEP] included.")] = 512,
    segmenter: Annotated[str, typer.Option(help="Word segmenter: rjieba, jieba, lac or whitespace.")] = "rjieba",
    lower_case: Annotated[bool, typer.Option(help="Lower-case and remove accents, as the released models do.")] = True,
    documents: Annotated[
        str,
        typer.Option(help="In plain text, a document is what stands between blank lines (blocks) or a line (lines)."),
    ] = "blocks",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    heldout: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of documents that go to OUT/heldout instead, such as 0.01.")
    ] = 0.0,
    part: Annotated[
        str | None, typer.Option(metavar="I/N", help="Write only this part, one of N on N machines.")
    ] = None,
    engine: Annotated[
        Literal["processes", "ray"], typer.Option(help="Where workers run: this machine, or a Ray cluster.")
    ] = "processes",
    address: Annotated[
        str | None, typer.Option(help="Ray cluster, such as auto or ray://host:10001; default: Ray on this machine.")
    ] = None,
):
    """Turn a corpus into records of token ids for pretraining; the same command continues interrupted work."""
    from rfv2_keras.data.prepare import prepare as run

    if not 0 <= heldout < 1:
        raise UserError(f"--heldout must be at least 0 and below 1, received {heldout:g}.")
    if address and engine != "ray":
        raise UserError(f"--address needs --engine ray, received --engine {engine}.")
    options = {
        "workers": workers,
        "maxlen": maxlen,
        "segmenter": segmenter,
        "do_lower_case": lower_case,
        "text_documents": documents,
        "part": part,
        **({"engine": RayEngine(address)} if engine == "ray" else {}),
    }
    _report(out, run(corpus, vocab, out, portion=(heldout, 1.0), **options))
    if heldout:
        folder = Path(out) / "heldout"
        _report(folder, run(corpus, vocab, folder, portion=(0.0, heldout), **options))


def _report(out, summary):
    kept, left_out = ("documents", "records", "tokens"), ("copies", "outside", "empty", "broken")
    print(f"{out}: {_counts(summary, kept)}; left out: {_counts(summary, left_out)}")
    if summary["finished"] < summary["shards"]:
        print(f"{summary['finished']} of {summary['shards']} shards are written; the other parts are still to come.")


def _counts(summary, names):
    return ", ".join(f"{summary[name]:,} {name}" for name in names)
