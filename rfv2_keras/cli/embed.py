"""`rfv2 embed`."""

from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def embed(
    model: Annotated[str, typer.Argument(metavar="MODEL_DIR", help="Model directory.")],
    texts: Annotated[str, typer.Argument(help="Text file, a sentence per line.")],
    out: Annotated[str, typer.Option("--out", "-o", help="The .npy or .parquet file to write.")],
    pooling: Annotated[str, typer.Option(help="first, last_mean, first_last_mean or pooler.")] = "last_mean",
    whitening: Annotated[str | None, typer.Option(help="What `rfv2 whiten` wrote, to be applied.")] = None,
    maxlen: Annotated[int, typer.Option(min=3, help="Tokens of a sentence; longer ones are cut.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Sentences in a batch.")] = 64,
):
    """Turn sentences into vectors; row i belongs to line i."""
    import_tensorflow_quietly()
    from rfv2_keras.embeddings import SentenceEncoder, Whitening, read_texts, write_vectors
    from rfv2_keras.embeddings.vectors import check_destination

    check_destination(out)
    sentences = read_texts(texts)
    encoder = SentenceEncoder.from_directory(model, pooling, maxlen)
    fitted = Whitening.load(whitening, encoder.dimension) if whitening else None
    vectors = encoder.encode(sentences, batch)
    if fitted:
        vectors = fitted.transform(vectors)
    write_vectors(out, vectors, sentences)
    print(f"{out}: {vectors.shape[0]:,} vectors of {vectors.shape[1]} numbers")
