"""`rfv2 serve`."""

import importlib.util
from typing import Annotated

import typer

from rfv2_keras.cli.finetune import Dtype, chosen_dtype
from rfv2_keras.cli.quiet import import_tensorflow_quietly
from rfv2_keras.errors import UserError
from rfv2_keras.serving.limits import Limits

NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def serve(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_DIR", help="Model directory, fine-tuned run, or folder of a released bert4keras model."
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.")] = 8000,
    pooling: Annotated[str, typer.Option(help="Of /embed: first, last_mean or first_last_mean.")] = "last_mean",
    maxlen: Annotated[
        int | None, typer.Option(min=3, help="Tokens of a text; default: max_position_embeddings of the config.")
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Texts that go through the model at once.")] = Limits.max_batch,
    max_wait_ms: Annotated[float, typer.Option(min=0, help="How long the first request of a batch waits.")] = 1000
    * Limits.max_wait,
    max_text: Annotated[int, typer.Option(min=1, help="Characters of a text.")] = Limits.max_text,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts of a request.")] = Limits.max_texts,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds from a request to its answer.")] = Limits.timeout,
    max_queue: Annotated[
        int, typer.Option(min=1, help="Requests that may wait; further ones are refused.")
    ] = Limits.max_queue,
    dtype: Dtype = "auto",
):
    """Answer over HTTP what the model can: /fill-mask, /embed, /predict; and a page to try it out."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f'`rfv2 serve` needs {", ".join(missing)}: pip install "rfv2-keras[serve]".')
    from rfv2_keras.serving.address import listening_socket

    listener = listening_socket(host, port)  # before the model is loaded, which takes a while
    import_tensorflow_quietly()
    from rfv2_keras.serving.run import run_server
    from rfv2_keras.serving.served_model import ServedModel

    served = ServedModel.read(model, max_batch, pooling, maxlen, chosen_dtype(dtype))
    host, port, *_ = listener.getsockname()
    shown = f"[{host}]" if ":" in host else host
    print(f"{served.name}: {', '.join(served.paths)} at http://{shown}:{port} (Ctrl+C ends it)", flush=True)
    run_server(listener, served, Limits(max_batch, max_wait_ms / 1000, max_text, max_texts, timeout, max_queue))
