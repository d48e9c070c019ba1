"""Fetching a file so that an interruption costs little."""

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from rfv2_keras.errors import UserError

ATTEMPTS = 4
PIECE = 2**18  # bytes
SECONDS_WITHOUT_DATA = 60
SECONDS_BETWEEN_LINES = 5.0


class Interrupted(Exception):
    """The connection could not be made or ended early, or the server asks to come back later."""


def fetch(url, path, say, most=2**32, wait=1.0):
    """Fetch a file; what `path` holds already is taken for its beginning, and the server is asked for the rest.

    A server that does not know ranges sends the whole file again. After an interruption there is another attempt, at
    most `ATTEMPTS` without anything new, each after twice as long.

    Args:
        url: http:, https: or file:.
        path: where the file goes; it grows while it is fetched, and stays as it is after an error.
        say: function that takes a line about progress.
        most: bytes that the file may have.
        wait: seconds before the second attempt.

    Raises:
        UserError: the server cannot be reached, has no such file or keeps breaking off, the file is larger than `most`,
            or it cannot be written.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https", "file"):
        raise UserError(f"{url}: cannot be fetched, a URL must begin with http:, https: or file:.")
    path, failures = Path(path), 0
    while True:
        before = _size(path)
        try:
            return _fetch_rest(url, path, say, most)
        except Interrupted as error:
            failures = 1 if _size(path) > before else failures + 1
            if failures == ATTEMPTS:
                raise UserError(f"{url}: cannot be fetched, {error}; {ATTEMPTS} attempts were made.") from None
            pause = wait * 2 ** (failures - 1)
            say(f"{error}; trying again in {pause:g} s")
            time.sleep(pause)


def _fetch_rest(url, path, say, most):
    have = _size(path)
    # Compressed on the way, lengths and ranges would be those of something else.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=SECONDS_WITHOUT_DATA) as response:
            _receive(response, path, have, say, most)
    except urllib.error.HTTPError as error:
        with error:
            _judge(error, url, path, have)
    except urllib.error.URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            raise UserError(f"{url}: there is no such file.") from None
        raise Interrupted(f"the server cannot be reached ({error.reason})") from None
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(f"the connection broke ({error or type(error).__name__})") from None


def _judge(error, url, path, have):
    """Whether an HTTP error means that nothing is left to fetch, is worth another attempt, or is final."""
    if error.code == 416 and have:
        if error.headers.get("Content-Range", "").rpartition("/")[2] != str(have):
            path.unlink()
            raise Interrupted("the file is another one than before")
    elif error.code in (408, 429) or error.code >= 500:
        raise Interrupted(f"the server answers {error.code} {error.reason}")
    else:
        raise UserError(f"{url}: cannot be fetched, the server answers {error.code} {error.reason}.")


def _receive(response, path, have, say, most):
    """Write what the server sends, behind what we have or instead of it."""
    received, total = _extent(response, have)
    if total is not None and total > most:
        raise UserError(f"{response.url}: the file has {total:,} bytes, more than the {most:,} that are allowed.")
    printed = time.monotonic()
    with _Target(path, received) as target:
        while piece := response.read(PIECE):
            target.write(piece)
            received += len(piece)
            if received > most:
                raise UserError(f"{response.url}: the file has more than the {most:,} bytes that are allowed.")
            if time.monotonic() - printed > SECONDS_BETWEEN_LINES:
                printed = time.monotonic()
                say(f"{received / 1e6:.1f} MB" + ("" if total is None else f" of {total / 1e6:.1f} MB"))
    if total is not None and received != total:
        raise Interrupted(f"the connection ended after {received:,} of {total:,} bytes")


def _extent(response, have):
    """Where in the file the response begins, and how long the file is (None if the server does not say)."""
    if getattr(response, "status", None) == 206:
        # Content-Range: bytes 100-199/200
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.partition("-")[0] != str(have):
            raise UserError(f"{response.url}: the server sends another part of the file than it was asked for.")
        return have, int(total) if total.isdigit() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


class _Target:
    """A file that is written; an error of the disk must not be taken for one of the connection."""

    def __init__(self, path, begin):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(path, "ab" if begin else "wb")  # noqa: SIM115
        except OSError as error:
            raise _unwritable(path, error) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, piece):
        try:
            self.file.write(piece)
            self.file.flush()
        except OSError as error:
            raise _unwritable(self.file.name, error) from None


def _unwritable(path, error):
    return UserError(f"{path}: cannot be written ({error.strerror}).")


def _size(path):
    return path.stat().st_size if path.is_file() else 0
