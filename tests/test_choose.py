"""Which data a run uses, and what it calls them."""

import shutil

import pytest
from conftest import make_cifar10

import data_utils
from datasets import choose, fetch, standin
from datasets.choose import choose_data, describe


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch):
    """No data anywhere, no network, and a stand-in of ten images a file."""

    def no_network(folder):
        raise ConnectionError("no mirror delivered CIFAR-10")

    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.setattr(data_utils, "DEFAULT_ROOT", tmp_path / "cifar-10-batches-py")
    monkeypatch.setattr(fetch, "DATASETS", tmp_path)
    monkeypatch.setattr(fetch, "fetch", no_network)
    make_standin = standin.make_standin
    monkeypatch.setattr(standin, "make_standin", lambda folder: make_standin(folder, rows=10))


def test_environment_comes_first(tmp_path, monkeypatch):
    """CIFAR10_DIR before datasets/."""
    make_cifar10(tmp_path / "cifar-10-batches-py")
    monkeypatch.setenv("CIFAR10_DIR", str(make_cifar10(tmp_path / "mine")))
    source = choose_data()
    assert source.folder == tmp_path / "mine" and source.class_names == data_utils.CLASS_NAMES
    assert source.name == "CIFAR-10, files that differ from the official ones"


def test_datasets_comes_second(tmp_path):
    """Files that lie in datasets/ are used without a download."""
    folder = make_cifar10(tmp_path / "cifar-10-batches-py")
    assert choose_data() == describe(folder)


def test_download_comes_third(tmp_path, monkeypatch):
    """Where nothing is there, it is fetched."""
    monkeypatch.setattr(fetch, "fetch", lambda folder: make_cifar10(folder / "fetched"))
    assert choose_data().folder == tmp_path / "fetched"


def test_standin_comes_last(tmp_path, capsys):
    """Without a network the run goes on with the stand-in, and says so."""
    source = choose_data()
    assert source == (tmp_path / "stand-in", "STAND-IN, not CIFAR-10", standin.CLASS_NAMES)
    assert "no mirror delivered CIFAR-10" in capsys.readouterr().out


def test_standin_on_demand(tmp_path, monkeypatch):
    """DATA=stand-in wins over everything, as does the argument over DATA."""
    make_cifar10(tmp_path / "cifar-10-batches-py")
    monkeypatch.setenv("DATA", "stand-in")
    assert choose_data().name == standin.MARK
    assert choose_data("cifar-10").folder == tmp_path / "cifar-10-batches-py"


def test_data_of_a_readonly_installation(tmp_path, monkeypatch):
    """Download and stand-in go to the user's cache where datasets/ cannot be written to."""
    monkeypatch.setattr(fetch.os, "access", lambda path, mode: path != tmp_path)
    monkeypatch.setattr(fetch.pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    assert choose_data().folder == choose_data("stand-in").folder == tmp_path / "cache" / "two-layer-net" / "stand-in"
    monkeypatch.setattr(fetch, "fetch", lambda folder: make_cifar10(folder / "fetched"))
    assert choose_data().folder == tmp_path / "cache" / "two-layer-net" / "fetched"


def test_standin_cannot_pass_for_cifar10(tmp_path):
    """Not even from CIFAR-10's own folder."""
    shutil.copytree(standin.make_standin(tmp_path / "stand-in"), tmp_path / "cifar-10-batches-py")
    assert choose_data().name == "STAND-IN, not CIFAR-10"


def test_official_files_are_known_by_their_hashes(tmp_path, monkeypatch):
    """Every batch must have its hash."""
    import hashlib

    folder = make_cifar10(tmp_path / "official")
    md5 = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in choose.OFFICIAL}
    monkeypatch.setattr(choose, "OFFICIAL", md5)
    assert describe(folder).name == "CIFAR-10, official files"
    with open(folder / "test_batch", "ab") as file:
        file.write(b"!")
    assert describe(folder).name == "CIFAR-10, files that differ from the official ones"


def test_wrong_choices(monkeypatch, tmp_path):
    """A CIFAR10_DIR that is not there is an error, as is another word than the two."""
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match="typo"):
        choose_data()
    with pytest.raises(ValueError, match="DATA must be cifar-10 or stand-in, got 'mnist'"):
        choose_data("mnist")
