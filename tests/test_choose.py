"""Tests of the choice of data and of their printed name."""

import hashlib

import pytest
from conftest import make_cifar10

from datasets import choose, fetch, names, standin
from datasets.choose import choose_data, describe_data
from datasets.names import BATCHES, CLASS_NAMES


@pytest.fixture(autouse=True)
def empty_machine(tmp_path, monkeypatch):
    """Simulate a machine without data and without network. The stand-in has ten images per file."""

    def no_network(folder):
        raise ConnectionError("no mirror delivered CIFAR-10")

    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.setattr(names, "DEFAULT_ROOT", tmp_path / "cifar-10-batches-py")
    monkeypatch.setattr(fetch, "DATASETS", tmp_path)
    monkeypatch.setattr(fetch, "fetch", no_network)
    make_standin = standin.make_standin
    monkeypatch.setattr(standin, "make_standin", lambda folder: make_standin(folder, rows=10))


def test_environment_comes_first(tmp_path, monkeypatch):
    """CIFAR10_DIR is used before datasets/."""
    make_cifar10(tmp_path / "cifar-10-batches-py")
    monkeypatch.setenv("CIFAR10_DIR", str(make_cifar10(tmp_path / "mine")))
    source = choose_data()
    assert source.folder == tmp_path / "mine" and source.class_names == CLASS_NAMES
    assert source.name == "CIFAR-10, files that differ from the official ones"


def test_download_comes_third(tmp_path, monkeypatch):
    """If there are no files, they are downloaded."""
    monkeypatch.setattr(fetch, "fetch", lambda folder: make_cifar10(folder / "fetched"))
    assert choose_data().folder == tmp_path / "fetched"


def test_standin_comes_last(tmp_path, capsys):
    """Without a network the run uses the stand-in and prints a message."""
    source = choose_data()
    assert source == (tmp_path / "stand-in", "STAND-IN, not CIFAR-10", standin.CLASS_NAMES)
    assert "no mirror delivered CIFAR-10\nUsing the stand-in instead.\n" in capsys.readouterr().out


def test_standin_on_demand(tmp_path, monkeypatch):
    """DATA=stand-in has priority over files, and the argument has priority over DATA."""
    make_cifar10(tmp_path / "cifar-10-batches-py")
    monkeypatch.setenv("DATA", "stand-in")
    assert choose_data().name == standin.MARK
    assert choose_data("cifar-10").folder == tmp_path / "cifar-10-batches-py"


def test_empty_variables_count_as_unset(tmp_path, monkeypatch):
    """CIFAR10_DIR="" does not mean the current folder. DATA="" means cifar-10."""
    monkeypatch.chdir(make_cifar10(tmp_path / "here"))
    monkeypatch.setenv("CIFAR10_DIR", "")
    monkeypatch.setenv("DATA", "")
    assert choose_data().name == standin.MARK
    folder = make_cifar10(tmp_path / "cifar-10-batches-py")
    assert choose_data().folder == folder


def test_data_of_a_readonly_installation(tmp_path, monkeypatch):
    """Download and stand-in go to the user's cache if datasets/ is read-only."""
    (tmp_path / "readonly").touch()  # nothing can be written into a file
    monkeypatch.setattr(fetch, "DATASETS", tmp_path / "readonly")
    monkeypatch.setattr("os.access", lambda path, mode: True)  # as on Windows
    monkeypatch.setattr(fetch.pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    assert choose_data().folder == choose_data("stand-in").folder == tmp_path / "cache" / "two-layer-net" / "stand-in"
    monkeypatch.setattr(fetch, "fetch", lambda folder: make_cifar10(folder / "fetched"))
    assert choose_data().folder == tmp_path / "cache" / "two-layer-net" / "fetched"


def test_standin_in_the_folder_of_cifar10(tmp_path):
    """The files are recognised as the stand-in."""
    standin.make_standin(tmp_path / "stand-in").rename(tmp_path / "cifar-10-batches-py")
    assert choose_data().name == "STAND-IN, not CIFAR-10"


@pytest.mark.parametrize("changed", ["data_batch_1", "test_batch"])
def test_official_files_are_known_by_their_hashes(tmp_path, monkeypatch, changed):
    """If any one batch has another hash, the data have another name."""
    folder = make_cifar10(tmp_path / "official")
    md5 = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in BATCHES}
    monkeypatch.setattr(choose, "MD5", md5)
    assert describe_data(str(folder)) == (folder, "CIFAR-10, official files", CLASS_NAMES)
    with open(folder / changed, "ab") as file:
        file.write(b"!")
    assert describe_data(folder).name == "CIFAR-10, files that differ from the official ones"


def test_full_disk_is_an_error(tmp_path, monkeypatch):
    """The stand-in is used only if no mirror delivers."""

    def fail(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch, "fetch", fail)
    with pytest.raises(OSError, match="No space left"):
        choose_data()
    assert list(tmp_path.iterdir()) == []


def test_wrong_choices(monkeypatch, tmp_path):
    """A missing CIFAR10_DIR is an error, and so is a choice other than cifar-10 and stand-in."""
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match="typo"):
        choose_data()
    with pytest.raises(ValueError, match="DATA must be cifar-10 or stand-in, got 'mnist'"):
        choose_data("mnist")
