"""Files and folders: one SHA-256, one atomic write, one folder swap that survives kill -9, one lock."""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from filelock import FileLock, Timeout

from workshop_utils.errors import WorkshopError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Why a file may not grow: the disk is full, or a quota or a limit is reached.
NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
#: Windows replaces no file that a reader has open; so often it is tried, a tenth of a second apart.
_REPLACE_TRIES = 30 if os.name == "nt" else 1


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_texts(texts: Iterable[str]) -> str:
    """SHA-256 of the texts in their order, as 64 hexadecimal digits."""
    whole = hashlib.sha256()
    for text in texts:
        whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return whole.hexdigest()


def same_file(one: Path, other: Path) -> bool:
    """Do both names lead to one file, which is there?"""
    return one.exists() and other.exists() and one.samefile(other)


def read_sums(path: Path) -> dict[str, str]:
    """Map from file name to checksum, as ``sha256sum`` writes them; empty when there is no such file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if line)}


def record_sum(path: Path, name: str, digest: str) -> None:
    """Write one checksum into a sums file, keeping the others."""
    sums = read_sums(path) | {name: digest}
    atomic_write(path, "".join(f"{sums[key]}  {key}\n" for key in sorted(sums)))


def atomic_write(target: Path, content: str | bytes) -> Path:
    """Write a file (text in UTF-8, line ends as they are) whole or not at all; return its path.

    When this returns, the file is on the disk under its name, also after a power cut.
    """
    written = content.encode("utf-8") if isinstance(content, str) else content
    with atomic_path(target) as draft, draft.open("wb") as file:
        file.write(written)
        sync_file(file)
    sync_folder(target.parent)
    return target


def sync_file(file: IO[Any]) -> None:
    """Bring what was written to an open file to the disk, so that it outlives a power cut."""
    file.flush()
    _to_disk(file.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; Windows and some network disks do this by themselves."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _to_disk(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _to_disk(descriptor: int) -> None:
    """``fsync``. On macOS that ends in the drive's own cache; ``F_FULLFSYNC`` empties it (man 2 fsync)."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        with suppress(OSError):  # a network disk does not know it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def refuse_devices(target: Path) -> None:
    """Do nothing where there is a file, a folder or nothing.

    Raises:
        WorkshopError: there is a device, a pipe or the like, such as ``/dev/null``.
    """
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise WorkshopError(f"{target} is no ordinary file, and would be replaced by one; name another.")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A path beside ``target`` to write a file to; it gets the name ``target`` when the block ends well.

    Raises:
        WorkshopError: ``target`` is a device, a pipe or the like, which would be gone.
    """
    refuse_devices(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        yield draft
        _replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _replace(draft: Path, target: Path) -> None:
    for left in reversed(range(_REPLACE_TRIES)):
        try:
            draft.replace(target)
            return
        except PermissionError:
            if not left:
                raise
            time.sleep(0.1)


def replace_folder(
    folder: Path, write: Callable[[Path], None], check: Callable[[Path], None] | None = None
) -> Path:
    """Write the folder anew, whole or not at all, and return it.

    A folder cannot be replaced in one step on every system. Killed between the two renames, the old folder
    still lies beside its place, and :func:`recover_folder` brings it back.

    Args:
        folder: what is replaced; it need not exist.
        write: puts the files into the folder it is given.
        check: may refuse the finished folder, before it gets its name, by raising an error.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _folder_lock(folder):
        _recover(folder)
        # a draft keeps the folder's name, which messages of `check` may show
        scratch, former = _beside(folder, "draft"), _beside(folder, "former")
        draft = scratch / folder.name
        shutil.rmtree(scratch, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            write(draft)
            if check:
                check(draft)
            if folder.exists():
                folder.rename(former)
            draft.rename(folder)
            shutil.rmtree(former, ignore_errors=True)
        finally:
            _recover(folder)
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def recover_folder(folder: Path) -> None:
    """Bring back what :func:`replace_folder` had put aside when it was killed; else do nothing.

    While somebody is replacing the folder, this waits for the end of it.
    """
    if _beside(folder, "former").exists():
        with _folder_lock(folder):
            _recover(folder)


def _folder_lock(folder: Path) -> AbstractContextManager[None]:
    return locked(_beside(folder, "lock"), f"Another program is writing {folder.name}.", seconds=60)


def _recover(folder: Path) -> None:
    former = _beside(folder, "former")
    if former.exists():
        if folder.exists():
            shutil.rmtree(former, ignore_errors=True)
        else:
            former.rename(folder)


@contextmanager
def locked(path: Path, busy: str, seconds: float = 0, runbook: str | None = None) -> Iterator[None]:
    """Hold the lock file ``path``; it is released when the process ends, however it ends.

    Args:
        path: the lock file; it is gone when nobody holds the lock.
        busy: the sentence for somebody who does not get the lock.
        seconds: how long to wait for it.
        runbook: the page that says what to do then.

    Raises:
        WorkshopError: another process or thread holds the lock.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        raise WorkshopError(busy, runbook=runbook) from None
    try:
        yield
    finally:
        try:
            path.unlink(missing_ok=True)  # while it is held: whoever waits looks at the name again
        except OSError:  # Windows removes no open file
            pass
        lock.release()


def _beside(folder: Path, purpose: str) -> Path:
    return folder.with_name(f".{folder.name}.{purpose}")
