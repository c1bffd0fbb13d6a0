"""The bytes of a table: from a file or a pipe, unpacked, and told apart by what is in them.

A file's name says nothing: gz, bz2, xz and zip are known by their first bytes, and so are files that are no
tables, each of which gets one sentence that says what it is and what to do.
"""

import bz2
import codecs
import gzip
import lzma
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

from workshop_utils.errors import WorkshopError

TableKind = Literal["text", "json lines", "parquet", "xlsx"]

_BLOCK = 1 << 18
_HEAD = 1 << 12
_LAYERS = 3  # a packed file in a zip is unpacked; a chain of them without end is not
_DAMAGE = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,
    NotImplementedError,
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet", ".xlsx")
_UNPACK, _SAVE, _EXPORT = (
    "unpack it first",
    "save the table as CSV in UTF-8",
    "write the table to CSV with the program that made it",
)
#: What files that are no tables begin with, what they are and what to do.
_FOREIGN = {
    b"%PDF": ("a PDF document", "copy the table into a spreadsheet and save it as CSV in UTF-8"),
    b"\xd0\xcf\x11\xe0": ("an old Excel file (.xls)", "open it and save it as CSV in UTF-8 or as .xlsx"),
    b"{\\rtf": ("an RTF document", _SAVE),
    b"7z\xbc\xaf": ("a 7z archive", _UNPACK),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", _UNPACK),
    b"\x04\x22\x4d\x18": ("packed with lz4", _UNPACK),
    b"\x1f\x9d": ("packed with compress", _UNPACK),
    b"SQLite format 3": ("an SQLite database", _EXPORT),
    b"\x89HDF": ("an HDF5 file", _EXPORT),
    b"ARROW1": ("an Arrow (Feather) file", "write it as Parquet or CSV"),
    b"FEA1": ("a Feather file", "write it as Parquet or CSV"),
    b"ORC": ("an ORC file", "write it as Parquet or CSV"),
    b"Obj\x01": ("an Avro file", "write it as Parquet or CSV"),
    b"\x93NUMPY": ("a NumPy file", _EXPORT),
    b"$FL2": ("an SPSS file", _EXPORT),
    b"<stata_dta>": ("a Stata file", _EXPORT),
    b"RDX": ("an R data file", "write it with R's write.csv"),
    b"\x89PNG": ("a picture", _SAVE),
    b"\xff\xd8\xff": ("a picture", _SAVE),
    b"GIF8": ("a picture", _SAVE),
    b"\x7fELF": ("a program", _SAVE),
    b"MZ\x90": ("a program", _SAVE),
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "run `git lfs pull`"),
}
#: What a web page begins with; programs give its tables names that end in .xls or .csv.
_WEB_PAGE = (
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<body",
    b"<!--",
    b"<meta",
    b"<table",
    b"<style",
    b"<div",
)
_OFFICE = {
    "word/": ("a Word document", _SAVE),
    "ppt/": ("a PowerPoint document", _SAVE),
    "content.xml": ("an OpenDocument file", "open it and save it as CSV in UTF-8 or as .xlsx"),
}


class TableFile:
    """A file or a pipe with a table in it.

    A pipe can be read only once and has no size: it is copied to a temporary file first.

    Args:
        path: the file; ``-`` is standard input.

    Attributes:
        name: for sentences. size: bytes as it lies on disk. notes: what was found while unpacking.

    Raises:
        WorkshopError: there is no such file, it cannot be read, or it is empty.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "standard input" if str(path) == "-" else Path(path).name
        self.notes: list[str] = []
        try:
            self._file = _seekable(path)
            self.size = self._file.seek(0, 2)
        except FileNotFoundError:
            raise WorkshopError(f"There is no file {path}.") from None
        except IsADirectoryError:
            raise WorkshopError(f"{path} is a folder; name the file with the table.") from None
        except OSError as error:
            raise WorkshopError(f"{path} cannot be read: {error.strerror or error}.") from None
        if not self.size:
            self.close()
            raise WorkshopError(f"{self.name} is empty; a table begins with a header line.")

    @property
    def position(self) -> int:
        """Bytes read of the file as it lies on disk."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def stream(self) -> BinaryIO:
        """The unpacked bytes from the first on.

        Raises:
            WorkshopError: an archive is damaged, or holds no table or more than one.
        """
        self.notes.clear()
        self._file.seek(0)
        stream: BinaryIO = self._file
        try:
            for _ in range(_LAYERS):
                head = _peek(stream)
                if head.startswith(_ZIP):
                    member = self._member(stream)
                    if member is None:
                        break
                    stream = member
                elif (unpacked := _unpacked(head, stream)) is not None:
                    stream = unpacked
                else:
                    break
        except _DAMAGE as error:
            raise self.damaged(error) from None
        return stream

    def blocks(self) -> Iterator[bytes]:
        """The unpacked bytes from the first on, in parts.

        Raises:
            WorkshopError: the file is damaged.
        """
        stream, done = self.stream(), 0
        while True:
            try:
                block = stream.read(_BLOCK)
            except _DAMAGE as error:
                raise self.damaged(error, f" after {done:,} bytes of its content") from None
            if not block:
                return
            done += len(block)
            yield block

    def damaged(self, error: BaseException, where: str = "") -> WorkshopError:
        """The sentence for a file that cannot be read to its end."""
        reason = str(error).strip().rstrip(".").replace("\n", " ") or type(error).__name__
        if "password" in reason:
            return WorkshopError(f"{self.name} is locked with a password; unpack it first.")
        return WorkshopError(f"{self.name} is damaged{where} ({reason}); fetch or save it again.")

    def kind(self) -> TableKind:
        """What is in the file.

        Raises:
            WorkshopError: no table.
        """
        try:
            head = _peek(self.stream())
        except _DAMAGE as error:
            raise self.damaged(error) from None
        if not head:
            raise WorkshopError(f"{self.name} holds an empty file; a table begins with a header line.")
        if head.startswith(_ZIP):
            return "xlsx"
        if _begins(head, b"PAR1"):
            return "parquet"
        self._refuse_foreign(head)
        start = _start(head)
        if start.startswith(b"[") and start[1:].lstrip()[:1] in (b"{", b"[", b""):
            raise WorkshopError(
                f"{self.name} is a JSON array; save it as JSON Lines (one object a line) or as CSV in UTF-8."
            )
        return "json lines" if start.startswith(b"{") and b'"' in start else "text"

    def _refuse_foreign(self, head: bytes) -> None:
        found = next((said for mark, said in _FOREIGN.items() if _begins(head, mark)), None)
        start = _start(head).lower()
        if head[257:262] == b"ustar":
            found = ("a tar archive", _UNPACK)
        elif start.startswith(_WEB_PAGE):
            found = (
                "a web page (HTML)",
                "download the file itself, or copy the table and save it as CSV in UTF-8",
            )
        elif start.startswith(b"<?xml"):
            found = ("an XML file", _SAVE)
        elif head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and len(head) > 1:
            found = ("a Python pickle, which is never opened", "write the table with pandas' to_csv")
        if found:
            raise WorkshopError(f"{self.name} is {found[0]}, not a table that can be read; {found[1]}.")

    def _member(self, stream: BinaryIO) -> BinaryIO | None:
        """The one table in a zip archive, opened; None where the archive is an Excel file."""
        archive = zipfile.ZipFile(stream)
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if any(name.startswith("xl/") for name in names):
            return None
        for mark, (what, way_out) in _OFFICE.items():
            if any(name.startswith(mark) for name in names):
                raise WorkshopError(f"{self.name} is {what}, not a table that can be read; {way_out}.")
        names = [name for name in names if not _is_leftover(name)]
        tables = [name for name in names if name.lower().removesuffix(".gz").endswith(_TABLES)] or names
        if len(tables) != 1:
            found = (
                f"{len(tables)} tables ({_listed(tables)}): unpack it and name one" if tables else "no file"
            )
            raise WorkshopError(f"{self.name} is a zip archive with {found}.")
        if len(names) > 1:
            self.notes.append(f"Of the files in {self.name}, {tables[0]} is read.")
        return cast(BinaryIO, archive.open(tables[0]))


def _seekable(path: str | Path) -> BinaryIO:
    """The file, opened; the content of a pipe in a temporary file."""
    if str(path) == "-":
        return _spooled(sys.stdin.buffer)
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError
    file = path.open("rb")
    if stat.S_ISREG(path.stat().st_mode):
        return file
    with file:
        return _spooled(file)


def _spooled(pipe: BinaryIO) -> BinaryIO:
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
    shutil.copyfileobj(pipe, copy)
    return cast(BinaryIO, copy)


def _peek(stream: BinaryIO) -> bytes:
    head = stream.read(_HEAD)
    stream.seek(0)
    return head


def _start(head: bytes) -> bytes:
    """How a text begins, without its byte order mark and white space; UTF-16 as UTF-8."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    return head.removeprefix(codecs.BOM_UTF8).lstrip()


def _unpacked(head: bytes, stream: BinaryIO) -> BinaryIO | None:
    """The content of a packed stream; None where it is not packed."""
    if head.startswith(b"\x1f\x8b"):
        # without the mode, it would ask the stream for one, and that of another GzipFile is a number
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb"))
    if head.startswith(b"BZh") and b"1AY&SY".startswith(head[4:10]):
        return cast(BinaryIO, bz2.BZ2File(stream))
    if head.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, lzma.LZMAFile(stream))
    return None


def _begins(head: bytes, mark: bytes) -> bool:
    """Does a file begin with this mark? A mark of letters only could be the name of a column."""
    return head.startswith(mark) and (not mark.isalnum() or b"\0" in head)


def _is_leftover(name: str) -> bool:
    """Files that systems leave in archives beside what people put there."""
    last = name.rpartition("/")[2]
    return (
        name.startswith("__MACOSX/")
        or last.startswith("._")
        or last in (".DS_Store", "Thumbs.db", "desktop.ini")
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
