"""`rfv2 prepare`."""

from typing import Annotated

import typer


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
    part: Annotated[
        str | None, typer.Option(metavar="I/N", help="Write only this part, one of N on N machines.")
    ] = None,
):
    """Turn a corpus into records of token ids for pretraining; the same command continues interrupted work."""
    from rfv2_keras.data.prepare import prepare as run

    summary = run(
        corpus,
        vocab,
        out,
        workers=workers,
        maxlen=maxlen,
        segmenter=segmenter,
        do_lower_case=lower_case,
        text_documents=documents,
        part=part,
    )
    kept, left_out = ("documents", "records", "tokens"), ("copies", "empty", "broken")
    print(f"{out}: {_counts(summary, kept)}; left out: {_counts(summary, left_out)}")
    if summary["finished"] < summary["shards"]:
        print(f"{summary['finished']} of {summary['shards']} shards are written; the other parts are still to come.")


def _counts(summary, names):
    return ", ".join(f"{summary[name]:,} {name}" for name in names)
