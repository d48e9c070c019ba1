"""`rfv2 whiten`."""

from typing import Annotated

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def whiten(
    vectors: Annotated[
        list[str], typer.Argument(metavar="VECTORS", help=".npy files of vectors; all are learned from.")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="The .npz file to write.")],
    beta: Annotated[float, typer.Option(help="Share of the mean that is taken away.")] = 1.0,
    gamma: Annotated[float, typer.Option(help="0 keeps the spread of the components, 1 makes it equal.")] = 1.0,
    dimension: Annotated[int | None, typer.Option(min=1, help="Components kept; default: all.")] = None,
):
    """Learn a whitening from vectors, to be applied with `rfv2 embed --whitening`."""
    import_tensorflow_quietly()  # whitening needs none, but keras, which the package imports, brings it along
    from rfv2_keras.embeddings import Whitening, learn_from_files

    whitening = learn_from_files(Whitening(beta, gamma, dimension), vectors)
    whitening.save(out)
    rows, size = whitening.n_samples_seen_, whitening.n_features_in_
    print(f"{out}: learned from {rows:,} vectors, {size} numbers become {len(whitening.components_)}")
