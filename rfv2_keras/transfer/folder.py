"""From the URL of an archive to a folder with its files."""

import shutil

from rfv2_keras.errors import UserError
from rfv2_keras.transfer.archive import BrokenArchive, unpack
from rfv2_keras.transfer.fetch import fetch


def fetch_folder(url, part, folder, say, wait=1.0):
    """Fetch an archive and unpack it to a folder that appears with all its files or not at all.

    A broken archive is fetched once more from its beginning: its parts may be of different versions.

    Args:
        url: http:, https: or file:.
        part: path of the unfinished archive; what it holds already is continued. Removed in the end.
        folder: where the files go; not there yet, or empty.
        say: function that takes a line about progress.
        wait: seconds before the second attempt after an interruption.

    Raises:
        UserError: no connection, no such archive, one that is broken or dangerous to unpack, a full disk.
    """
    unfinished = folder.with_name(f".unfinished-{folder.name}")
    for last in (False, True):
        fetch(url, part, say, wait=wait)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unpack(part, unfinished)
            break
        except OSError as error:
            raise UserError(f"{unfinished}: cannot be written ({error.strerror}).") from None
        except UserError:
            part.unlink()
            raise
        except BrokenArchive as error:
            part.unlink()
            if last:
                raise UserError(f"{url}: the archive is broken ({error}).") from None
            say(f"the archive is broken ({error}); fetching it once more")
    unfinished.replace(folder)
    part.unlink()
