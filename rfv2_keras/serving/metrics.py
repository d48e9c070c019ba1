"""What a server counts, in the format of Prometheus."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CLIENT_LEFT = 499  # no status was sent, as nobody waits for it any more
QUESTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The numbers of one server.

    Args:
        endpoints: paths that are counted by name; all others together are "other".
        waiting: function that returns the length of the queue.
    """

    def __init__(self, endpoints, waiting):
        self._endpoints = frozenset(endpoints)
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # memory, processor time
        self._requests = Counter(
            "rfv2_requests", "Requests by endpoint and status.", ["endpoint", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "rfv2_request_seconds",
            "Seconds from request to answer.",
            ["endpoint"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "rfv2_batch_texts",
            "Texts that were answered together.",
            ["operation"],
            buckets=QUESTIONS,
            registry=self._registry,
        )
        queue = Gauge("rfv2_queue_length", "Requests that wait.", registry=self._registry)
        queue.set_function(waiting)

    def batch(self, operation, texts):
        """Count a batch."""
        self._batches.labels(operation).observe(texts)

    def request(self, path, status, seconds):
        """Count a request."""
        endpoint = path if path in self._endpoints else "other"
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def text(self):
        """All numbers, bytes."""
        return generate_latest(self._registry)


class CountRequests:
    """ASGI middleware that counts requests.

    Args:
        app: the application inside.
        metrics: `Metrics`.
    """

    def __init__(self, app, metrics):
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), CLIENT_LEFT

        async def watch(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self.metrics.request(scope["path"], status, time.monotonic() - began)
