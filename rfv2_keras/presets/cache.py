"""Where released models lie once they were fetched."""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rfv2_keras.errors import UserError
from rfv2_keras.transfer.folder import fetch_folder

CONFIG_FILE, VOCAB_FILE = "bert_config.json", "vocab.txt"


@dataclass(frozen=True)
class PresetCache:
    """A folder with one folder for each released model that was fetched.

    Attributes:
        folder: the cache.
        base_url: URL of a folder with the archives, instead of the sites they are published on; None for these.
        offline: whether nothing may be fetched.
    """

    folder: Path
    base_url: str | None = None
    offline: bool = False

    @classmethod
    def from_environment(cls, cache=None, base_url=None, offline=False):
        """Arguments, else `RFV2_CACHE`, `RFV2_BASE_URL` and `RFV2_OFFLINE` (1 is yes), else ~/.cache/rfv2_keras."""
        home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return cls(
            Path(cache or os.environ.get("RFV2_CACHE") or home / "rfv2_keras").expanduser(),
            base_url or os.environ.get("RFV2_BASE_URL") or None,
            offline or os.environ.get("RFV2_OFFLINE", "") not in ("", "0"),
        )

    def path(self, preset):
        """The folder that the files of a preset lie in, or will lie in."""
        return self.folder / preset.name

    def holds(self, preset):
        """Whether a preset was fetched."""
        return (self.path(preset) / CONFIG_FILE).is_file()

    def fetch(self, preset, say=None, wait=1.0):
        """The folder of a preset, with config, vocabulary and TensorFlow checkpoint; fetched if it is not there.

        An archive is tested before it is unpacked (each file against its checksum in the archive), and the folder
        appears whole or not at all. Of processes that ask at the same time, one fetches and the others wait.

        Args:
            preset: a `Preset`.
            say: function that takes a line about progress; by default lines go to standard error.
            wait: seconds before the second attempt after an interruption.

        Raises:
            UserError: the cache is offline and does not hold it; it cannot be fetched; the archive holds no model.
        """
        if self.holds(preset):
            return self.path(preset)
        url = f"{(self.base_url or preset.site).rstrip('/')}/{preset.archive}"
        if self.offline:
            raise UserError(
                f"{preset.name}: is not in the cache and nothing may be fetched (offline); "
                f"unpack {url} into {self.path(preset)}, or go online."
            )
        say = say or (lambda line: print(f"{preset.name}: {line}", file=sys.stderr, flush=True))
        with self._locked(preset):
            if not self.holds(preset):  # another process may have fetched it while this one waited
                say(url)
                try:
                    fetch_folder(url, self.folder / f".unfinished-{preset.archive}", self.path(preset), say, wait)
                except UserError as error:
                    raise UserError(
                        f"{str(error).rstrip('.')}; a mirror can be given as RFV2_BASE_URL (file:///FOLDER for "
                        f"archives that you have), or the archive unpacked into {self.path(preset)}."
                    ) from None
                self._check(preset, url)
        return self.path(preset)

    def _check(self, preset, url):
        path = self.path(preset)
        missing = [name for name in (CONFIG_FILE, VOCAB_FILE) if not (path / name).is_file()]
        missing += [] if list(path.glob("*.index")) else ["TensorFlow checkpoint (*.index)"]
        if missing:
            raise UserError(f"{url}: the archive holds no {' and no '.join(missing)}; its files are in {path}.")

    @contextlib.contextmanager
    def _locked(self, preset):
        import fcntl  # here: not there on Windows, where TensorFlow is not either

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self.folder / f".{preset.name}.lock", "w")  # noqa: SIM115
        except OSError as error:
            raise UserError(f"{self.folder}: the cache cannot be written ({error.strerror}).") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
