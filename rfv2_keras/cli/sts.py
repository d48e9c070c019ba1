"""`rfv2 sts`."""

from pathlib import Path
from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def sts(
    model: Annotated[str, typer.Argument(metavar="MODEL_DIR", help="Model directory.")],
    pairs: Annotated[list[str], typer.Argument(metavar="PAIRS", help="Files of lines text1<TAB>text2<TAB>label.")],
    pooling: Annotated[str, typer.Option(help="first, last_mean, first_last_mean or pooler.")] = "last_mean",
    beta: Annotated[list[float] | None, typer.Option(help="May be repeated; default: 0 0.25 0.5 0.75 1.")] = None,
    gamma: Annotated[list[float] | None, typer.Option(help="May be repeated; default: 0 0.25 0.5 0.75 1.")] = None,
    dimension: Annotated[
        list[int] | None, typer.Option(help="May be repeated; default: all, half and a quarter of the components.")
    ] = None,
    whitening: Annotated[
        str | None, typer.Option(help="What `rfv2 whiten` learned from, instead of each file's own sentences.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="A PNG for the heat-map.")] = None,
    maxlen: Annotated[int, typer.Option(min=3, help="Tokens of a sentence; longer ones are cut.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Sentences in a batch.")] = 64,
):
    """Spearman correlation (× 100) of cosine similarity with labels, raw and whitened over a grid."""
    import_tensorflow_quietly()
    from rfv2_keras.embeddings import SentenceEncoder, Whitening, draw_heat_map, read_pairs, whitening_grid
    from rfv2_keras.embeddings.grid import VALUES
    from rfv2_keras.embeddings.heat_map import check_picture

    if out:
        check_picture(out)
    read = {path: read_pairs(path) for path in pairs}
    encoder = SentenceEncoder.from_directory(model, pooling, maxlen)
    fitted = Whitening.load(whitening, encoder.dimension) if whitening else None
    grids, stems = {}, {path: Path(path).stem for path in read}
    for path, content in read.items():
        vectors = encoder.encode(content.texts, batch)
        own = fitted or Whitening().fit(vectors)
        grid = whitening_grid(*content.split(vectors), content.labels, own, beta or VALUES, gamma or VALUES, dimension)
        print(grid.table(f"{path} ({len(content.labels):,} pairs)"), flush=True)
        grids[stems[path] if list(stems.values()).count(stems[path]) == 1 else path] = grid
    if out:
        draw_heat_map(grids, out)
        print(out)
