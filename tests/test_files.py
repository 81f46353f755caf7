"""Tests of files: atomic write, and a save that is killed."""

import subprocess

import numpy as np
import pytest
from conftest import run_python

from classifiers.neural_net import TwoLayerNet
from files import atomic_write


def test_atomic_write_replaces_the_file(tmp_path):
    """The file has exactly the given name, and no other file is left."""
    (tmp_path / "file").write_bytes(b"old")
    with atomic_write(str(tmp_path / "file")) as file:
        file.write(b"new")
        assert (tmp_path / "file").read_bytes() == b"old"
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_atomic_write_that_fails_leaves_the_old_file(tmp_path):
    """If the disk is full, the old file stays unchanged, and no other file is left."""
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="no space"), atomic_write(tmp_path / "file") as file:
        file.write(b"half")
        raise OSError("no space left")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


SAVE_AND_WAIT = """
import os, sys
from classifiers.neural_net import TwoLayerNet
net, replace = TwoLayerNet(300, 20, 10, rng=1), os.replace
def stop_here(*args):
    print("written", flush=True)
    sys.stdin.read()
moment = sys.argv[2]
if moment == "before it replaces":
    os.replace = stop_here
else:
    os.fsync = stop_here
net.save(sys.argv[1])
"""


@pytest.mark.parametrize("moment", ["before it is synced", "before it replaces"])
def test_save_that_is_killed_leaves_the_old_net(tmp_path, moment):
    """After SIGKILL before the replacement, the old net can still be loaded."""
    old = TwoLayerNet(300, 20, 10, rng=0)
    old.save(tmp_path / "net.npz")
    process = run_python(SAVE_AND_WAIT, tmp_path / "net.npz", moment, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.communicate()
    loaded = TwoLayerNet.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(loaded.params["W1"], old.params["W1"])
