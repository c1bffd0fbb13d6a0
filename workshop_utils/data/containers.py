"""Look into what somebody has downloaded by hand: a file, a folder or an archive, packed or not.

What it is, its first bytes tell and not its name. Nothing is unpacked to disk.
"""

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from workshop_utils.errors import WorkshopError

#: The first line of what Git LFS leaves in the place of a file that it has not fetched.
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
#: The beginning of a web page.
WEB_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|script|meta|!--)", re.IGNORECASE)

#: What the Mac's Finder adds to folders and archives.
_LEFTOVER = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$)")
_UNPACKERS = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress}
_FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it, and give the folder",
    b"Rar!": "a RAR archive: unpack it, and give the folder",
    b"PAR1": "a Parquet file: take the file that the publishers of the texts have made",
}
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


def members(path: Path, wanted: str, what: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the wanted files in a folder or an archive, or of the one file that it is.

    Archives are zip and tar; gzip, bzip2 and xz pack a tar or a file. What the Mac adds is passed over.

    Args:
        path: the file or folder.
        wanted: a regular expression, searched in the names in any case; a single file is always wanted.
        what: what the wanted files are, for people, as "film reviews".

    Yields:
        The name within the folder or archive, with ``/``, and the content, unpacked.

    Raises:
        WorkshopError: it is a web page, a pointer of Git LFS, damaged, locked by a password, or holds no
            wanted file.
    """
    pattern = re.compile(wanted, re.IGNORECASE)
    others: list[str] = []

    def is_wanted(name: str) -> bool:
        if _LEFTOVER.search(name):
            return False
        if not pattern.search(name):
            others.append(name)
            return False
        return True

    found = False
    try:
        for name, content in _files(path, is_wanted):
            found = True
            if name == path.name:
                _refuse_empty(content, name)
            yield name, unpacked(_checked(content, name if name == path.name else f"{name} in {path.name}"))
    except _DAMAGED as error:
        raise WorkshopError(
            f"{path.name} is damaged ({error or type(error).__name__}); download it again."
        ) from error
    except NotImplementedError as error:  # of zipfile: packed in an unusual way
        raise WorkshopError(
            f"{path.name} cannot be unpacked here ({error}); unpack it, and give the folder."
        ) from error
    if not found:
        few = ", ".join(others[:4]) + (f" and {len(others) - 4:,} more" if len(others) > 4 else "")
        raise WorkshopError(f"{path.name} holds no {what}; it holds {few or 'no files'}.")


def unpacked(content: bytes) -> bytes:
    """The content of a file that gzip, bzip2 or xz has packed; others as they are.

    Args:
        content: all bytes of the file.
    """
    for magic, unpack in _UNPACKERS.items():
        if content.startswith(magic):
            return unpack(content)
    return content


def _files(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """The wanted files of a folder or archive as they are; a single file under its own name."""
    if path.is_dir():
        yield from _of_folder(path.resolve(), is_wanted)
        return
    with path.open("rb") as file:
        _checked(file.read(512), path.name)
    if zipfile.is_zipfile(path):
        yield from _of_zip(path, is_wanted)
    elif tarfile.is_tarfile(path):
        yield from _of_tar(path, is_wanted)
    else:
        yield path.name, path.read_bytes()


def _of_folder(folder: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder.parent).as_posix()
        if file.is_file() and is_wanted(name):
            yield name, file.read_bytes()


def _of_zip(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            name = entry.filename.replace("\\", "/")
            if entry.is_dir() or not is_wanted(name):
                continue
            if entry.flag_bits & 1:
                raise WorkshopError(f"{path.name} is locked by a password; unpack it, and give the folder.")
            yield name, archive.read(entry)


def _of_tar(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and is_wanted(member.name) else None
            if content is not None:
                yield member.name, content.read()


def _refuse_empty(content: bytes, name: str) -> None:
    if not content:
        raise WorkshopError(f"{name} is empty; download it again.")


def _checked(content: bytes, name: str) -> bytes:
    """Refuse what is no data at all."""
    if content.startswith(LFS_POINTER):
        raise WorkshopError(
            f"{name} is a pointer of Git LFS, not the file itself; run `git lfs pull` in its folder."
        )
    if WEB_PAGE.match(content):
        raise WorkshopError(
            f"{name} is a web page, perhaps the sign-in page of a network; download the file again."
        )
    for magic, kind in _FOREIGN.items():
        if content.startswith(magic):
            raise WorkshopError(f"{name} cannot be read here, because it is {kind}.")
    return content
