"""Unpacking zip archives of which nothing is known beforehand."""

import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from rfv2_keras.errors import UserError

# What zipfile raises for archives that are cut or damaged, encrypted, or packed in a way that it does not know.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, UnicodeError, OverflowError)


class BrokenArchive(Exception):
    """The archive is not whole."""


def unpack(path, folder, most=2**32):
    """Write the files of a zip archive into a folder, all into the same one, without the folders of the archive.

    Hidden files and those in `__MACOSX` are left out. Everything is checked before anything is written.

    Args:
        path: the archive.
        folder: an empty folder, or one that is yet to be.
        most: bytes that the files may have together.

    Raises:
        BrokenArchive: it is no zip archive, or a part of it is damaged or missing.
        UserError: it holds a name that leads out of the folder, a link, the same name twice, or more than `most` bytes.
    """
    folder = Path(folder)
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path, most)
            damaged = archive.testzip()
            if damaged is not None:
                raise BrokenArchive(f"{damaged} is damaged")
            folder.mkdir(parents=True, exist_ok=True)
            for name, member in members.items():
                with archive.open(member) as source, open(folder / name, "wb") as target:
                    shutil.copyfileobj(source, target)
    except DAMAGE as error:
        raise BrokenArchive(str(error) or type(error).__name__) from None


def _members(archive, path, most):
    """{name: member} of the files that are wanted."""
    size = sum(member.file_size for member in archive.infolist())
    if size > most:
        raise UserError(f"{path}: the files of the archive have {size:,} bytes, more than the {most:,} allowed.")
    members = {}
    for member in archive.infolist():
        place = PurePosixPath(member.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in member.filename:
            raise UserError(f"{path}: the archive holds {member.filename!r}, which leads out of the folder.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UserError(f"{path}: the archive holds the link {member.filename!r}; links are not unpacked.")
        if member.is_dir() or "__MACOSX" in place.parts or place.name.startswith("."):
            continue
        if place.name in members:
            raise UserError(f"{path}: the archive holds {place.name!r} twice.")
        members[place.name] = member
    return members
