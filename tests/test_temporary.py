"""Tests of the atomic write of a folder: other processes, killed runs and errors of the disk."""

import errno
import os
import subprocess
import time

import pytest
from conftest import posix, run_python

from datasets.names import BATCHES
from datasets.temporary import ABANDONED, PREFIX, atomic_folder


def fill(folder, content="complete"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in BATCHES:
        (folder / name).write_text(content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_when_it_is_complete(tmp_path):
    """The temporary folder is on the same disk, because a rename to another disk would fail."""
    target = tmp_path / "a" / "b"
    with atomic_folder(target) as new:
        assert new.parent.parent == target.parent and new.is_dir() and new.name == "b"
        fill(new)
        (new.parent / "archive").touch()
        assert not target.exists()
    assert names(tmp_path / "a") == ["b"] and names(target) == sorted(BATCHES)


@pytest.mark.parametrize("error", [ZeroDivisionError(), FileNotFoundError("of the caller"), KeyboardInterrupt()])
def test_error_in_the_block(tmp_path, error):
    """No file stays, and the error does not change."""
    with pytest.raises(type(error)) as caught, atomic_folder(tmp_path / "new") as new:
        (new / BATCHES[0]).touch()
        raise error
    assert caught.value is error and names(tmp_path) == []


@pytest.mark.parametrize("error", [None, ConnectionError("no mirror"), OSError(errno.ENOSPC, "full")])
def test_another_process_is_faster(tmp_path, error):
    """Its folder is used and not replaced, even if this process has failed."""
    with atomic_folder(tmp_path / "new") as new:
        fill(new)
        fill(tmp_path / "new", "of the other process")
        if error:
            raise error
    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new" / BATCHES[0]).read_text() == "of the other process"


def test_incomplete_folder_is_not_replaced(tmp_path):
    """If another program has put files there in the meantime, they stay."""
    with pytest.raises(OSError), atomic_folder(tmp_path / "new") as new:
        fill(new)
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "notes").write_text("mine")
    assert names(tmp_path) == ["new"] and names(tmp_path / "new") == ["notes"]


def test_several_processes_at_once(tmp_path):
    """All have filled their folders before one of them is moved. All use the same folder."""
    code = """if True:
        import pathlib, sys
        from datasets.names import BATCHES
        from datasets.temporary import atomic_folder
        target = pathlib.Path(sys.argv[1])
        with atomic_folder(target) as new:
            for name in BATCHES:
                (new / name).write_bytes(b"complete")
            print("ready", flush=True)
            sys.stdin.readline()
        print(target.stat().st_ino, [(target / name).read_bytes() for name in BATCHES])
    """
    processes = [run_python(code, tmp_path / "new", stdin=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4 and len(set(results)) == 1, results
    assert names(tmp_path) == ["new"]


@pytest.mark.parametrize("old", [("folder",), ("file",), ("folder", "file")])
def test_folders_of_killed_runs(tmp_path, old):
    """Such a folder is removed only if the folder and its files have not changed recently."""
    paths = {"folder": tmp_path / f"{PREFIX}x", "file": tmp_path / f"{PREFIX}x" / "file"}
    paths["folder"].mkdir()
    paths["file"].write_bytes(b"half")
    for name in old:
        os.utime(paths[name], (0, time.time() - ABANDONED - 1))
    with atomic_folder(tmp_path / "new"):
        pass
    assert names(tmp_path) == ([f"{PREFIX}x", "new"] if len(old) == 1 else ["new"])


@posix
def test_folder_of_a_killed_run_that_another_run_removes(tmp_path):
    """A file may disappear while the folder is examined. A link without a target simulates this."""
    (tmp_path / f"{PREFIX}x").mkdir()
    (tmp_path / f"{PREFIX}x" / "file").symlink_to(tmp_path / "nothing")
    with atomic_folder(tmp_path / "new"):
        pass
    assert names(tmp_path) == [f"{PREFIX}x", "new"]


def test_temporary_folder_that_cannot_be_removed(tmp_path, monkeypatch):
    """This is not an error, because the folder is in its place. On Windows a file may be locked."""

    def unlink(path, *args, unlink=os.unlink, **kwargs):
        if os.path.basename(path) == "held":
            raise PermissionError(13, "it is being used by another process")
        unlink(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        with atomic_folder(tmp_path / "new") as new:
            (new.parent / "held").touch()
    assert (tmp_path / "new").is_dir() and (new.parent / "held").exists()


def test_place_that_cannot_be_written(tmp_path):
    """The error names the folder and says what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="nothing can be written into .*file.inner: .+CIFAR10_DIR.*--dir FOLDER"):
        with atomic_folder(tmp_path / "file" / "inner" / "new"):
            pass


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk(tmp_path, code):
    """The error names the folder and says what to do."""
    with pytest.raises(OSError, match="the disk or your disk quota is full.*CIFAR10_DIR.*--dir FOLDER") as caught:
        with atomic_folder(tmp_path / "new"):
            raise OSError(code, "full")
    assert caught.value.errno == code and str(tmp_path) in str(caught.value)
