"""The running server, until a signal ends it."""

import logging
import signal

import uvicorn

from rfv2_keras.serving.app import make_app

SECONDS_IDLE = 75  # longer than proxies keep connections, so that the server does not close one that is being used
SECONDS_TO_FINISH = 5  # after the time limit of a request, which has to run out first


def run_server(listener, served, limits):
    """Serve until the process is told to end (SIGINT or SIGTERM); requests that have begun are answered first.

    Args:
        listener: of `listening_socket`.
        served: `ServedModel`.
        limits: `Limits`.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = uvicorn.Config(
        make_app(served, limits),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=SECONDS_IDLE,
        timeout_graceful_shutdown=int(limits.timeout) + SECONDS_TO_FINISH,
    )
    # uvicorn repeats the signal when it has finished: for SIGTERM there is nothing left to be done.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        signal.signal(signal.SIGTERM, before)
