"""A server on this machine: it cuts connections, forgets ranges and answers with errors as it is told."""

import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def _zipped(contents, compression=zipfile.ZIP_STORED):
    """A zip archive, bytes; keys are names or `ZipInfo`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as written:
        for name, text in contents.items():
            written.writestr(name, text)
    return file.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `files` and remembers requests (path, Range).

    Attributes:
        ranges: whether Range requests are understood.
        cuts: after how many bytes of the body the next connections break; None lets one pass.
        errors: HTTP status of the next answers.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.cuts, self.errors = {}, [], [], []
        self.ranges = self.says_length = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        if self.server.errors:
            return self.send_error(self.server.errors.pop(0))
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if begin and begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        return self.wfile.write(content[begin:][:cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def zipped():
    """Function (contents, compression) -> bytes of a zip archive; keys of contents are names or `ZipInfo`."""
    return _zipped
