"""Tests of the names of CIFAR-10's files, and of the search for their folder."""

import re
from pathlib import Path

import pytest
from conftest import ROOT, make_cifar10

from datasets import names
from datasets.names import BATCHES, DATASETS, DEFAULT_ROOT, FOLDER, MD5, find_CIFAR10, is_complete, missing_batches


def test_order_of_the_batches():
    """The five training batches come first, then the test batch. Each has a different hash."""
    assert BATCHES == ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
    assert names.TRAIN_BATCHES + names.TEST_BATCHES == BATCHES == tuple(MD5) and names.TEST_BATCHES == BATCHES[5:]
    assert len(set(MD5.values())) == 6 and all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in MD5.values())
    assert re.fullmatch("[0-9a-f]{64}", names.SHA256)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three complete folders. One of them is the default."""
    paths = {name: make_cifar10(tmp_path / name) for name in ("argument", "environment", "default")}
    monkeypatch.setattr(names, "DEFAULT_ROOT", paths["default"])
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    return paths


def test_folder_from_argument_environment_or_default(folders, monkeypatch):
    """The argument has priority over the environment variable, and this over the default."""
    assert find_CIFAR10() == folders["default"]
    monkeypatch.setenv("CIFAR10_DIR", str(folders["environment"]))
    assert find_CIFAR10() == folders["environment"]
    assert find_CIFAR10(folders["argument"]) == find_CIFAR10(str(folders["argument"])) == folders["argument"]


def test_default_is_in_datasets():
    """The default is an absolute path, so it does not depend on the working directory."""
    assert DEFAULT_ROOT == DATASETS / FOLDER == ROOT / "datasets" / "cifar-10-batches-py"


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch"])
def test_missing_batch(tiny_cifar10, name):
    """The error names the folder and the file, and what to do. A folder is not a batch file."""
    (tiny_cifar10 / name).unlink()
    (tiny_cifar10 / name).mkdir()
    assert missing_batches(tiny_cifar10) == [name]
    with pytest.raises(FileExistsError, match=f"tiny exists, but lacks {name}. Move it away"):
        is_complete(tiny_cifar10)
    (tiny_cifar10 / f"{name}.pkl").touch()
    message = f"{name} is missing. {name}.pkl is there: .*datasets/fetch.py.*CIFAR10_DIR.*holds data_batch_1"
    with pytest.raises(FileNotFoundError, match=message):
        find_CIFAR10(tiny_cifar10)


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("cifar-10-batches-py/data_batch_1", "The batches are one level down: name the folder {}/cifar-10-batches-py."),
        *((name, f"{name} is there: unpack it") for name in ("cifar-10-python (1).tar.gz", "data_batch_1.txt")),
        ("data_batch_1 (1)/notes", "Get it with python datasets/fetch.py"),
    ],
)
def test_batches_in_another_form_or_place(tmp_path, file, hint):
    """The error names them and says what to do."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(FileNotFoundError) as caught:
        find_CIFAR10(tmp_path)
    assert f"data_batch_1 is missing. {hint.format(tmp_path)}" in str(caught.value)


def test_archive_in_place_of_the_folder(tmp_path):
    """If CIFAR10_DIR names the archive, the error says so."""
    (tmp_path / names.ARCHIVE).touch()
    with pytest.raises(FileNotFoundError, match="It is a file: unpack it, and name the folder that is inside"):
        find_CIFAR10(tmp_path / names.ARCHIVE)


def test_tilde(folders, monkeypatch):
    """It is expanded in the variable and in the argument."""
    monkeypatch.setenv("HOME", str(folders["argument"].parent))
    monkeypatch.setenv("USERPROFILE", str(folders["argument"].parent))
    message = f"no CIFAR-10 in {Path('~nobody-of-this-name').absolute()}: data_batch_1 is missing"
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        find_CIFAR10("~nobody-of-this-name")
    monkeypatch.setenv("CIFAR10_DIR", "~/environment")
    assert find_CIFAR10() == folders["environment"] and find_CIFAR10("~/argument") == folders["argument"]
