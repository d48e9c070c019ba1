"""No body of a request fills the memory, and none takes for ever to arrive."""

import asyncio

from starlette.responses import JSONResponse


class BodyLimit:
    """ASGI middleware that reads the body, as far as it may go, before the application sees the request.

    A body that is announced or turns out to be too large gives status 413, one that does not arrive in time 408.

    Args:
        app: the application inside.
        largest: bytes of a body.
        timeout: seconds that a body may take to arrive.
    """

    def __init__(self, app, largest, timeout):
        self.app = app
        self.largest = largest
        self.timeout = timeout

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self._body(scope, receive), self.timeout)
        except _TooLarge:
            sentence = f"The body of a request may have {self.largest:,} bytes; this one has more."
            await _refuse(413, sentence)(scope, receive, send)
        except asyncio.TimeoutError:
            sentence = f"The body of the request did not arrive within {self.timeout:g} seconds."
            await _refuse(408, sentence)(scope, receive, send)
        else:
            if body is not None:
                await self.app(scope, _replay(body, receive), send)

    async def _body(self, scope, receive):
        """The whole body; None if the client is gone."""
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if int(announced) > self.largest:  # the server has refused what is no number
            raise _TooLarge
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self.largest:
                raise _TooLarge
            if not message.get("more_body"):
                return b"".join(chunks)


class _TooLarge(Exception):
    pass


def _refuse(status, sentence):
    # The rest of the body is not read, so that the connection cannot serve another request.
    return JSONResponse({"error": sentence}, status, headers={"Connection": "close"})


def _replay(body, receive):
    """A `receive` that gives the body once, and what comes afterwards from the client."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message():
        return messages.pop() if messages else await receive()

    return next_message
