"""Tests of files: atomic write, renaming, and a save that is killed."""

import os
import subprocess

import numpy as np
import pytest
from conftest import posix, run_python

from classifiers.neural_net import TwoLayerNet
from files import atomic_write, move


def test_atomic_write_replaces_the_file(tmp_path, monkeypatch):
    """The file has exactly the given name, is whole on the disk, and no other file is left."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    (tmp_path / "file").write_bytes(b"old")
    with atomic_write(str(tmp_path / "file")) as file:
        file.write(b"new")
        assert (tmp_path / "file").read_bytes() == b"old"
    assert (tmp_path / "file").read_bytes() == b"new" and synced == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_atomic_write_that_fails_leaves_the_old_file(tmp_path):
    """If the disk is full, the old file stays unchanged, and no other file is left."""
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="no space"), atomic_write(tmp_path / "file") as file:
        file.write(b"half")
        raise OSError("no space left")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_writers_of_one_process(tmp_path):
    """Threads, or containers with equal process numbers, do not write into each other's file."""
    with atomic_write(tmp_path / "file") as first, atomic_write(tmp_path / "file") as second:
        first.write(b"the longer content")
        second.write(b"short")
    assert (tmp_path / "file").read_bytes() == b"the longer content"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@posix
def test_permissions_follow_the_umask(tmp_path):
    """The file has the permissions that open() gives. A module such as tempfile gives fewer."""
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "file"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_path_that_is_locked_for_a_moment(tmp_path, monkeypatch, kind):
    """On Windows, a virus scanner may lock a new file. There are six attempts."""
    left, waited = [5], []

    def lock(rename):
        def locked_rename(source, target):
            left[0] -= 1
            if left[0] >= 0:
                raise PermissionError(13, "it is being used by another process")
            rename(source, target)

        return locked_rename

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, lock(getattr(os, name)))
    monkeypatch.setattr("time.sleep", waited.append)
    source, target = tmp_path / "source", tmp_path / "target"
    if kind == "file":
        target.write_bytes(b"old")
        source.write_bytes(b"new")
    else:
        source.mkdir()
    move(source, target)
    assert sum(waited) == pytest.approx(3.1) and [path.name for path in tmp_path.iterdir()] == ["target"]
    left[0] = 6
    with pytest.raises(PermissionError, match="being used"):
        move(target, source)
    assert target.is_dir() if kind == "folder" else target.read_bytes() == b"new"


SAVE_AND_WAIT = """
import os, sys
from classifiers.neural_net import TwoLayerNet
def stop_here(file):
    print(os.fstat(file).st_size, flush=True)
    sys.stdin.read()
os.fsync = stop_here
TwoLayerNet(300, 20, 10, rng=1).save(sys.argv[1])
"""


def test_save_that_is_killed_leaves_the_old_net(tmp_path):
    """The new file is whole and on the disk before it replaces the old one."""
    old = TwoLayerNet(300, 20, 10, rng=0)
    old.save(tmp_path / "net.npz")
    process = run_python(SAVE_AND_WAIT, tmp_path / "net.npz", stdin=subprocess.PIPE)
    assert int(process.stdout.readline()) == (tmp_path / "net.npz").stat().st_size
    process.kill()
    process.communicate()
    np.testing.assert_array_equal(TwoLayerNet.load(tmp_path / "net.npz").params["W1"], old.params["W1"])
