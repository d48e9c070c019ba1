"""What a server lets a client ask for, and how long it waits."""

from dataclasses import dataclass

# A character of JSON takes up to 12 bytes ("\ud83d\ude00"), and there may be two texts of each.
BYTES_PER_CHARACTER = 24
BYTES_AROUND_TEXTS = 4096


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes:
        max_batch: most texts that go through the model at once.
        max_wait: seconds that the first request of a batch waits for others.
        max_text: characters of a text.
        max_texts: texts of a request.
        timeout: seconds from a request to its answer.
        max_queue: requests that may wait.
    """

    max_batch: int = 32
    max_wait: float = 0.005
    max_text: int = 2000
    max_texts: int = 64
    timeout: float = 30.0
    max_queue: int = 256

    @property
    def max_body(self):
        """Bytes of the body of a request."""
        return self.max_texts * self.max_text * BYTES_PER_CHARACTER + BYTES_AROUND_TEXTS
