"""Files are whole or not there, folders are swapped so that kill -9 loses nothing, one lock holds for all."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from workshop_utils import files
from workshop_utils.errors import WorkshopError
from workshop_utils.files import (
    atomic_path,
    atomic_write,
    locked,
    read_sums,
    record_sum,
    recover_folder,
    replace_folder,
    sha256,
    sha256_of_texts,
)
from workshop_utils.paths import ROOT


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def writer(text):
    return lambda draft: (draft / "a.txt").write_text(text, encoding="utf-8")


def test_a_text_is_written_as_it_is_and_leaves_nothing_beside_it(tmp_path):
    path = atomic_write(tmp_path / "new" / "ä.txt", "ä\r\nß\n")
    assert path.read_bytes() == "ä\r\nß\n".encode()
    atomic_write(path, "")
    assert path.read_bytes() == b"" and names(path.parent) == ["ä.txt"]


def test_a_write_that_fails_keeps_the_old_file(tmp_path):
    target = atomic_write(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as draft:
        draft.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    with pytest.raises(UnicodeEncodeError):
        atomic_write(target, "\ud800")
    assert target.read_text(encoding="utf-8") == "old" and names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes among its files")
def test_a_device_or_a_pipe_is_never_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WorkshopError, match="pipe is no ordinary file"):
        atomic_write(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo() and names(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name == "nt", reason="Windows brings names to the disk by itself")
@pytest.mark.parametrize("knows_it", [True, False], ids=["its own disk", "a network disk"])
def test_on_macos_the_drives_own_cache_is_emptied_where_the_disk_can(tmp_path, monkeypatch, knows_it):
    asked, synced = [], []

    def fcntl(descriptor, command):
        asked.append((os.fstat(descriptor).st_ino, command))
        if not knows_it:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(files, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl))
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    target = atomic_write(tmp_path / "a.txt", "whole")
    both = [target.stat().st_ino, tmp_path.stat().st_ino]
    assert asked == [(inode, 51) for inode in both]
    assert synced == ([] if knows_it else both)


@pytest.mark.parametrize("module", [None, SimpleNamespace()], ids=["windows", "linux"])
def test_elsewhere_a_file_is_synced_as_everywhere(tmp_path, monkeypatch, module):
    synced = []
    monkeypatch.setattr(files, "fcntl", module)
    monkeypatch.setattr(os, "fsync", synced.append)
    with (tmp_path / "a.txt").open("w", encoding="utf-8") as file:
        file.write("whole")
        files.sync_file(file)
        assert synced == [file.fileno()] and (tmp_path / "a.txt").read_text(encoding="utf-8") == "whole"


def test_sums_are_kept_by_name(tmp_path):
    (tmp_path / "ä b.txt").write_bytes(b"abc")
    record_sum(tmp_path / "SUMS", "z", "0" * 64)
    record_sum(tmp_path / "SUMS", "ä b.txt", sha256(tmp_path / "ä b.txt"))
    assert (
        read_sums(tmp_path / "SUMS")["ä b.txt"].startswith("ba7816bf")
        and len(read_sums(tmp_path / "SUMS")) == 2
    )
    assert read_sums(tmp_path / "none") == {}


def test_texts_have_one_sum_for_their_order_and_their_borders():
    assert sha256_of_texts(["a", "b"]) != sha256_of_texts(["b", "a"]) != sha256_of_texts(["ab"])
    assert sha256_of_texts(iter(["\ud800", ""])) == sha256_of_texts(["\ud800", ""])


def test_a_folder_is_replaced_whole(tmp_path):
    folder = replace_folder(tmp_path / "deep" / "model", writer("one"))
    (folder / "old.txt").write_text("old", encoding="utf-8")
    replace_folder(folder, writer("two"))
    assert names(folder) == ["a.txt"] and (folder / "a.txt").read_text(encoding="utf-8") == "two"
    assert names(folder.parent) == ["model"]


@pytest.mark.parametrize("fails", ["write", "check"])
def test_a_folder_that_is_refused_leaves_the_old_one(tmp_path, fails):
    folder = replace_folder(tmp_path / "model", writer("one"))

    def refuse(draft):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        replace_folder(folder, *((refuse, None) if fails == "write" else (writer("two"), refuse)))
    assert (folder / "a.txt").read_text(encoding="utf-8") == "one" and names(tmp_path) == ["model"]


KILLED = """
import os, pathlib, sys
from workshop_utils import files
folder, step = pathlib.Path(sys.argv[1]), int(sys.argv[2])
real, done = pathlib.Path.rename, []
def rename(self, target):
    if len(done) == step:
        os.kill(os.getpid(), 9)
    done.append(target)
    return real(self, target)
pathlib.Path.rename = rename
if step == 2:
    files.shutil.rmtree = lambda path, **_: os.kill(os.getpid(), 9) if path.name.endswith("former") else None
files.replace_folder(folder, lambda draft: (draft / "a.txt").write_text("two", encoding="utf-8") and None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
@pytest.mark.parametrize("step", [0, 1, 2])
def test_kill_9_between_the_renames_leaves_a_whole_folder(tmp_path, step):
    folder = replace_folder(tmp_path / "model", writer("one"))
    child = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(step)], cwd=ROOT)
    assert child.returncode == -9
    recover_folder(folder)
    assert (folder / "a.txt").read_text(encoding="utf-8") == ("two" if step == 2 else "one")
    replace_folder(folder, writer("three"))
    assert (folder / "a.txt").read_text(encoding="utf-8") == "three" and names(tmp_path) == ["model"]


def test_a_lock_is_held_once_and_free_again_after_its_block(tmp_path):
    path = tmp_path / "x.lock"
    with (
        locked(path, "busy"),
        pytest.raises(WorkshopError, match=r"^another one$"),
        locked(path, "another one"),
    ):
        pass
    with locked(path, "busy"):
        pass
    assert names(tmp_path) == []


HOLDER = """
import os
from pathlib import Path
from workshop_utils.files import locked
with locked(Path({path!r}), "busy"):
    {then}
"""


def test_a_lock_holds_between_threads_and_processes_and_ends_with_its_process(tmp_path):
    path, seen = tmp_path / "x.lock", []

    def second():
        try:
            with locked(path, "busy"):
                seen.append("got it")
        except WorkshopError as error:
            seen.append(str(error))

    with locked(path, "busy"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        code = HOLDER.format(path=str(path), then="pass")
        other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert seen == ["busy"] and "WorkshopError: busy" in other.stderr
    dies = HOLDER.format(path=str(path), then="os._exit(0)")
    assert subprocess.run([sys.executable, "-c", dies], cwd=ROOT).returncode == 0
    with locked(path, "still held"):
        pass


def test_many_writers_of_one_folder_leave_one_of_theirs(tmp_path):
    threads = [
        threading.Thread(target=replace_folder, args=(tmp_path / "model", writer(str(number) * 1000)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = (Path(tmp_path) / "model" / "a.txt").read_text(encoding="utf-8")
    assert len(set(text)) == 1 and len(text) == 1000 and names(tmp_path) == ["model"]
