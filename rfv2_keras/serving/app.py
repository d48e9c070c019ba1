"""The endpoints."""

import asyncio
import contextlib
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from rfv2_keras import __version__
from rfv2_keras.errors import UserError
from rfv2_keras.serving.bodies import Answers, EmbedBody, FillMaskBody, PredictBody, Problem, check_texts, explain
from rfv2_keras.serving.body_limit import BodyLimit
from rfv2_keras.serving.metrics import CountRequests, Metrics
from rfv2_keras.serving.worker import BatchWorker, QueueFull

PAGE = Path(__file__).parent / "page"
PAGE_HEADERS = {
    # Nothing is loaded from elsewhere.
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
RETRY_AFTER = {"Retry-After": "1"}
PROBLEMS = {status: {"model": Problem} for status in (400, 408, 413, 422, 500, 503, 504)}


def make_app(served, limits):
    """The application.

    Args:
        served: `ServedModel`.
        limits: `Limits`.

    Returns:
        A `FastAPI` with the endpoints that the model can answer. Its lifespan starts and stops the worker.
    """
    paths = ["/", "/health", "/metrics", *served.paths]
    metrics = Metrics(paths, lambda: worker.waiting)
    worker = BatchWorker(limits, metrics.batch)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        worker.start(served.operations)
        yield
        await asyncio.to_thread(worker.stop)

    # The pages with the documentation of FastAPI load scripts from elsewhere; /openapi.json stays.
    app = FastAPI(title="rfv2", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(BodyLimit, largest=limits.max_body, timeout=limits.timeout)
    app.add_middleware(CountRequests, metrics=metrics)  # added last: outermost
    _explain_errors(app, paths)

    async def answers(operation, questions):
        try:
            future = asyncio.wrap_future(worker.submit(operation, questions))
            return Answers(results=await asyncio.wait_for(future, limits.timeout))
        except QueueFull:
            sentence = f"{limits.max_queue} requests are waiting already; try again later."
            raise HTTPException(503, sentence, RETRY_AFTER) from None
        except asyncio.TimeoutError:
            raise HTTPException(504, f"There was no answer within {limits.timeout:g} seconds.") from None

    if served.fill_mask:

        @app.post("/fill-mask", responses=PROBLEMS)
        async def fill_mask(body: FillMaskBody) -> Answers:
            """The candidates for the [MASK]s of texts."""
            check_texts(body.texts, limits)
            return await answers(served.fill_mask, [(text, body.top_k) for text in body.texts])

    @app.post("/embed", responses=PROBLEMS)
    async def embed(body: EmbedBody) -> Answers:
        """The vectors of texts."""
        check_texts(body.texts, limits)
        return await answers(served.embed, body.texts)

    if served.predict:

        @app.post("/predict", responses=PROBLEMS)
        async def predict(body: PredictBody) -> Answers:
            """What a fine-tuned model says of texts, or of pairs of texts."""
            check_texts(body.texts, limits)
            operation = _chosen(served.predict, body.task)
            return await answers(operation, _questions(operation, body, limits))

    @app.get("/health")
    async def health(response: Response) -> dict:
        """Whether requests are answered at once (200) or the model is still warming up (503), and what can be asked."""
        if not worker.is_ready:
            response.status_code = 503
            response.headers.update(RETRY_AFTER)
        return {"ready": worker.is_ready, "version": __version__, **_description(served, limits)}

    @app.get("/metrics")
    async def metrics_text() -> Response:
        """Counts and times in the format of Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", include_in_schema=False)
    async def page():
        """The page for people."""
        return FileResponse(PAGE / "index.html", headers=PAGE_HEADERS)

    app.mount("/page", _PageFiles(directory=PAGE))
    return app


class _PageFiles(StaticFiles):
    """What the page consists of."""

    def file_response(self, *arguments, **named):
        response = super().file_response(*arguments, **named)
        response.headers.update(PAGE_HEADERS)
        return response


def _description(served, limits):
    """What a client has to know to ask."""
    tasks = [{"name": o.task.name, "kind": o.task.kind, "texts": o.texts} for o in served.predict.values()]
    return {
        "model": served.name,
        "fill_mask": served.fill_mask is not None,
        "embed": {"dimension": served.embed.dimension},
        "predict": tasks,
        "limits": {"texts": limits.max_texts, "characters": limits.max_text},
    }


def _chosen(operations, task):
    """The operation of a task."""
    if task is None and len(operations) == 1:
        return next(iter(operations.values()))
    if task not in operations:
        received = "none" if task is None else repr(task[:50])
        raise UserError(f"task must be one of {', '.join(operations)}, received {received}.")
    return operations[task]


def _questions(operation, body, limits):
    """Pairs of texts, or of a text and None."""
    second_texts = body.second_texts
    if (second_texts is not None) != (operation.texts == 2):
        needs = "second_texts are needed" if operation.texts == 2 else "there are no second_texts"
        raise UserError(f"The task {operation.task.name} takes {operation.texts} text(s): {needs}.")
    if second_texts is None:
        return [(text, None) for text in body.texts]
    check_texts(second_texts, limits, "second_texts")
    if len(second_texts) != len(body.texts):
        raise UserError(f"texts and second_texts differ in number: {len(body.texts)} and {len(second_texts)}.")
    return list(zip(body.texts, second_texts, strict=True))


def _explain_errors(app, paths):
    """Every error is an object with one sentence; what went wrong inside stays in the server's log."""

    @app.exception_handler(UserError)
    async def wrong_question(request: Request, error: UserError):
        return _problem(422, str(error))

    @app.exception_handler(RequestValidationError)
    async def wrong_body(request: Request, error: RequestValidationError):
        errors = error.errors()
        return _problem(400 if errors[0]["type"] == "json_invalid" else 422, explain(errors))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException):
        sentence = error.detail
        if error.status_code == 404:
            sentence = f"There is nothing at this address; there are {', '.join(paths)}."
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "another method")
            sentence = f"{request.method} is not possible at {request.url.path}, only {allowed}."
        return _problem(error.status_code, sentence, error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception):
        return _problem(500, "The request failed; the log of the server says why.")


def _problem(status, sentence, headers=None):
    return JSONResponse({"error": sentence}, status, headers=headers)
