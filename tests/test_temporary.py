"""Tests of the atomic write of a folder: other processes, killed runs and places that cannot be written."""

import os
import time

import pytest

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


@pytest.mark.parametrize("error", [FileNotFoundError("of the caller"), KeyboardInterrupt()])
def test_error_in_the_block(tmp_path, error):
    """No file stays, and the error does not change."""
    with pytest.raises(type(error)) as caught, atomic_folder(tmp_path / "new") as new:
        (new / BATCHES[0]).touch()
        raise error
    assert caught.value is error and names(tmp_path) == []


@pytest.mark.parametrize("error", [None, ConnectionError("no mirror")])
def test_another_process_is_faster(tmp_path, error):
    """Several processes may write at the same time. The folder of the first one stays."""
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


@pytest.mark.parametrize("age", [ABANDONED - 60, ABANDONED + 60])
def test_folders_of_killed_runs(tmp_path, age):
    """Such a folder is removed if it is too old for a run in progress."""
    (tmp_path / f"{PREFIX}x" / "a").mkdir(parents=True)
    os.utime(tmp_path / f"{PREFIX}x", (0, time.time() - age))
    with atomic_folder(tmp_path / "new"):
        pass
    assert names(tmp_path) == ([f"{PREFIX}x", "new"] if age < ABANDONED else ["new"])


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
