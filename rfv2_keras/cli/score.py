"""`rfv2 score`."""

from typing import Annotated

import typer

from rfv2_keras.cli.fill_mask import Batch, File, MaxLen, Model, Out, put_out, texts_given
from rfv2_keras.cli.finetune import Dtype, chosen_dtype
from rfv2_keras.cli.quiet import import_tensorflow_quietly


def score(
    model: Model,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="Texts.")] = None,
    file: File = None,
    out: Out = None,
    maxlen: MaxLen = None,
    batch: Batch = 64,
    dtype: Dtype = "auto",
):
    """Pseudo-perplexity of texts, each token being hidden in turn; JSON lines out, one for each text."""
    given = texts_given(texts, file, out)
    import_tensorflow_quietly()
    from rfv2_keras.inference import PseudoPerplexity

    scores = PseudoPerplexity(model, chosen_dtype(dtype), maxlen)(given, batch)
    put_out((found.record() for found in scores), out, len(given))
