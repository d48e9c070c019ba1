"""`rfv2 fill-mask`."""

from pathlib import Path
from typing import Annotated

import typer

from rfv2_keras.cli.finetune import Dtype, chosen_dtype
from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError

Model = Annotated[
    str, typer.Argument(metavar="MODEL_DIR", help="Model directory, or folder of a released bert4keras model.")
]
File = Annotated[str | None, typer.Option("--file", "-f", help="Text file, a text per line, in the place of TEXT.")]
Out = Annotated[str | None, typer.Option("--out", "-o", help="File for the results; default: print them.")]
Batch = Annotated[int, typer.Option(min=1, help="Rows in a batch.")]
MaxLen = Annotated[
    int | None, typer.Option(min=3, help="Tokens of a text; default: max_position_embeddings of the config.")
]


def fill_mask(
    model: Model,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="Texts, each with a [MASK].")] = None,
    file: File = None,
    out: Out = None,
    top_k: Annotated[int, typer.Option(min=1, help="Candidates of a mask.")] = 5,
    maxlen: MaxLen = None,
    batch: Batch = 64,
    dtype: Dtype = "auto",
):
    """Fill the [MASK]s of texts; JSON lines out, one for each text."""
    given = texts_given(texts, file, out)
    import_tensorflow_quietly()
    from rfv2_keras.inference import FillMask

    fill = FillMask(model, chosen_dtype(dtype), maxlen)
    places = [f"{file}:{number}" if file else f"text {number}" for number in range(1, len(given) + 1)]
    masked = [fill.encode(text, place) for text, place in zip(given, places, strict=True)]
    put_out((filled.record() for filled in fill.fill(masked, top_k, batch, progress=True)), out, len(given))


def texts_given(texts, file, out):
    """The texts of the command line or of a file.

    Raises:
        UserError: there are none or both, the file cannot be read, or `out` cannot be written.
    """
    if out is not None and not Path(out).absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {Path(out).parent} to write it into.")
    if bool(texts) == (file is not None):
        raise UserError(f"Give texts, or a file of them with --file; received {'both' if texts else 'neither'}.")
    if texts:
        return texts
    from rfv2_keras.embeddings import read_texts

    return read_texts(file)


def put_out(records, out, count):
    """Print records as JSON lines, or write them to a file and say so."""
    from rfv2_keras.clue.reading.files import to_json_lines

    lines = to_json_lines(records)
    if out is None:
        print(lines, end="")
        return
    Path(out).write_text(lines, encoding="utf-8")
    print(f"{out}: {count:,} texts")
