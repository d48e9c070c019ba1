"""Fetching a file over HTTP so that an interruption costs little."""

import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path

from rfv2_keras.errors import UserError

ATTEMPTS = 4
PIECE = 2**18  # bytes
SECONDS_WITHOUT_DATA = 60
SECONDS_BETWEEN_LINES = 5.0


class Interrupted(Exception):
    """The connection ended early, or the server asks to come back later."""


def fetch(url, path, say, wait=1.0):
    """Fetch a file; what `path` holds already is taken for its beginning, and the server is asked for the rest.

    A server that does not know ranges sends the whole file again. A connection that breaks is opened again, at most
    `ATTEMPTS` times in a row without news, each time after twice as long.

    Args:
        url: http:, https: or file:.
        path: where the file goes; it grows while it is fetched, and stays as it is after an error.
        say: function that takes a line about progress.
        wait: seconds before the second attempt.

    Raises:
        UserError: the server cannot be reached, has no such file, or keeps breaking off; or the disk cannot be written.
    """
    path, failures = Path(path), 0
    while True:
        before = _size(path)
        try:
            return _fetch_rest(url, path, say)
        except Interrupted as error:
            failures = 1 if _size(path) > before else failures + 1
            if failures == ATTEMPTS:
                raise UserError(f"{url}: cannot be fetched, {error} ({ATTEMPTS} attempts).") from None
            pause = wait * 2 ** (failures - 1)
            say(f"{error}; trying again in {pause:g} s")
            time.sleep(pause)


def _fetch_rest(url, path, say):
    have = _size(path)
    with _opened(url, have) as response:
        if response is None:  # there is nothing after what we have
            return
        begin, total = _extent(response, have)
        with _writable(path, begin) as file:
            received = _copy(response, file, begin, total, say)
    if total is not None and received != total:
        raise Interrupted(f"the connection ended after {received:,} of {total:,} bytes")


class _opened:
    """The response to a request for what follows the first `have` bytes; None if there is no more."""

    def __init__(self, url, have):
        self.url = url
        self.have = have
        self.response = None

    def __enter__(self):
        # Compressed on the way, lengths and ranges would be those of something else.
        headers = {"Accept-Encoding": "identity"}
        if self.have:
            headers["Range"] = f"bytes={self.have}-"
        try:
            request = urllib.request.Request(self.url, headers=headers)
            self.response = urllib.request.urlopen(request, timeout=SECONDS_WITHOUT_DATA)
        except urllib.error.HTTPError as error:
            with error:
                self._judge(error)
        except urllib.error.URLError as error:
            raise Interrupted(f"the server cannot be reached ({error.reason})") from None
        except ValueError as error:
            raise UserError(f"{self.url}: is no URL that can be fetched ({error}).") from None
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"the connection broke ({error or type(error).__name__})") from None
        return self.response

    def __exit__(self, *_):
        if self.response is not None:
            self.response.close()

    def _judge(self, error):
        """Whether an HTTP error is the end of the file, worth another attempt, or final."""
        if error.code == 416 and self.have:
            if error.headers.get("Content-Range", "").rpartition("/")[2] == str(self.have):
                return
            self.have = 0
            self.__enter__()
        elif error.code in (408, 429) or error.code >= 500:
            raise Interrupted(f"the server answers {error.code} {error.reason}")
        else:
            raise UserError(f"{self.url}: cannot be fetched, the server answers {error.code} {error.reason}.")


def _extent(response, have):
    """Where in the file the response begins, and how long the file is (None if the server does not say)."""
    if getattr(response, "status", None) == 206:
        # bytes 100-199/200
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.partition("-")[0] == str(have):
            return have, int(total) if total.isdigit() else None
        raise UserError(f"{response.url}: the server sends another part of the file than it was asked for.")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _copy(response, file, received, total, say):
    """Append what comes; returns the size of the file."""
    printed = time.monotonic()
    while True:
        try:
            piece = response.read(PIECE)
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"the connection broke ({error or type(error).__name__})") from None
        if not piece:
            return received
        file.write(piece)
        received += len(piece)
        if time.monotonic() - printed > SECONDS_BETWEEN_LINES:
            printed = time.monotonic()
            say(f"{received / 1e6:.1f} MB" if total is None else f"{received / 1e6:.1f} of {total / 1e6:.1f} MB")


def _writable(path, begin):
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(path, "ab" if begin else "wb")


def _size(path):
    return path.stat().st_size if path.is_file() else 0
