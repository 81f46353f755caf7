"""Tests of the temporary folder beside the destination, and of errors of the disk."""

import errno
import os

import pytest

from datasets.temporary import temporary_folder


def test_is_removed(tmp_path):
    """The folder and its content are removed, even after an error. Its parent stays."""
    with temporary_folder(tmp_path / "a" / "b", ".x-") as path:
        assert os.path.dirname(path) == str(tmp_path / "a" / "b") and os.path.basename(path).startswith(".x-")
    with pytest.raises(ZeroDivisionError), temporary_folder(tmp_path / "a" / "b", ".x-"):
        1 / 0  # noqa: B018
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(errno.EROFS, "Read-only file system")]
)
def test_read_only_place(tmp_path, monkeypatch, error):
    """The error names the folder and says what to do."""

    def fail(**arguments):
        raise error

    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    with pytest.raises(type(error)) as caught, temporary_folder(tmp_path, ".x-"):
        pass
    assert str(caught.value) == (
        f"nothing can be written into {tmp_path}: {error.strerror}. Give another folder with --dir, "
        "or set CIFAR10_DIR to a folder that holds the batches"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk(tmp_path, code):
    """The error names the folder and says what to do. Other errors do not change."""
    with pytest.raises(OSError, match="the disk or your disk quota is full.*--dir, or set CIFAR10_DIR") as caught:
        with temporary_folder(tmp_path, ".x-"):
            raise OSError(code, "full")
    assert caught.value.errno == code and str(tmp_path) in str(caught.value)
    with pytest.raises(FileNotFoundError, match="^other$"), temporary_folder(tmp_path, ".x-"):
        raise FileNotFoundError("other")
