"""Tests of the stand-in: the same bytes everywhere, CIFAR-10's layout, and not too easy."""

import hashlib
import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from conftest import run_python

from data_utils import load_CIFAR10, load_CIFAR_batch
from datasets import standin
from datasets.batch_pickle import read_batch
from datasets.names import DATASETS
from datasets.standin import CLASS_NAMES, MARK, draw_batch, make_standin


@pytest.fixture(scope="module")
def batches():
    """Pixels (N, 3072) and labels of 2,000 training and 1,000 test images."""
    return draw_batch(2000, 100), draw_batch(1000, 101)


def test_same_bytes_everywhere(tmp_path):
    """Pixels and file are the same on every run, machine and version of NumPy."""
    assert hashlib.md5(draw_batch(200, 0)[0].tobytes()).hexdigest() == "cb126c7fa286e12bd688c9a3a282ab39"
    content = (make_standin(tmp_path / "stand-in", rows=20) / "test_batch").read_bytes()
    assert hashlib.md5(content).hexdigest() == "f0ebb71cf07773e9501bb7e4adf12dc9"


def test_official_layout(tmp_path):
    """There are six batches and batches.meta. Classes are balanced, and no two images are equal."""
    folder = make_standin(tmp_path / "datasets" / "stand-in", rows=20)
    assert MARK.encode() in (folder / "data_batch_4").read_bytes()[:1000]
    X_train, y_train, X_test, y_test = load_CIFAR10(folder, dtype=np.uint8)
    assert X_train.shape == (100, 32, 32, 3) and X_test.shape == (20, 32, 32, 3)
    np.testing.assert_array_equal(np.bincount(y_train), np.full(10, 10))
    assert len(np.unique(np.concatenate([X_train, X_test]).reshape(120, -1), axis=0)) == 120
    assert [path.name for path in folder.parent.iterdir()] == ["stand-in"]


def test_is_written_on_its_own_disk(tmp_path, monkeypatch):
    """The system's folder for temporary files is not used, because renaming from it may fail."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert len(read_batch(make_standin(tmp_path / "stand-in", rows=10) / "test_batch")[1]) == 10


def test_is_drawn_once(tmp_path):
    """A complete folder is not changed. The files of an incomplete folder are replaced."""
    folder = make_standin(tmp_path / "stand-in", rows=10)
    (folder / "data_batch_1").write_bytes(b"touched")
    make_standin(folder, rows=10)
    assert (folder / "data_batch_1").read_bytes() == b"touched"
    (folder / "batches.meta").unlink()
    assert make_standin(folder, rows=10) == folder
    assert len(read_batch(folder / "data_batch_1")[1]) == 10


@pytest.mark.parametrize("missing", ["batches.meta", "data_batch_4"])
def test_incomplete_folder_is_filled(tmp_path, missing):
    """Any missing file is written. A file of the user stays."""
    folder = make_standin(tmp_path / "stand-in", rows=10)
    (folder / missing).unlink()
    (folder / "notes").write_text("mine")
    make_standin(folder, rows=10)
    assert (folder / missing).is_file() and (folder / "notes").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["stand-in"]


def test_finished_folder_is_never_removed(tmp_path, monkeypatch):
    """If another process finishes while this one draws, its folder is used and not replaced."""
    folder, finished = tmp_path / "stand-in", []

    def draw_while_another_finishes(rows, seed):
        if not finished:
            finished.append(True)
            make_standin(folder, rows)
            (folder / "data_batch_1").write_bytes(b"of the other process")
        return draw_batch(rows, seed)

    monkeypatch.setattr(standin, "draw_batch", draw_while_another_finishes)
    assert make_standin(folder, rows=10) == folder
    assert (folder / "data_batch_1").read_bytes() == b"of the other process"
    assert [path.name for path in tmp_path.iterdir()] == ["stand-in"]


@pytest.mark.parametrize("incomplete", [False, True])
def test_several_processes_at_once(tmp_path, incomplete):
    """All start before one has finished. All use the same folder, and it is complete."""
    code = """if True:
        import sys
        from datasets import standin
        draw, waited = standin.draw_batch, []
        def draw_together(rows, seed):
            if not waited:
                waited.append(True)
                print("ready", flush=True)
                sys.stdin.readline()
            return draw(rows, seed)
        standin.draw_batch = draw_together
        folder = standin.make_standin(sys.argv[1], rows=10)
        print(folder.stat().st_ino, sum(len((folder / name).read_bytes()) for name in standin.BATCHES))
    """
    if incomplete:
        (tmp_path / "stand-in").mkdir()
        (tmp_path / "stand-in" / "data_batch_1").write_bytes(b"half")
    processes = [run_python(code, tmp_path / "stand-in", stdin=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        while process.stdout.readline() not in ("ready\n", ""):
            pass
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4 and len(set(results)) == 1, results
    assert [path.name for path in tmp_path.iterdir()] == ["stand-in"]


def test_rename_that_fails(tmp_path, monkeypatch):
    """If no folder exists, the error is raised, and no file stays."""

    def rename(source, target):
        raise PermissionError("the rename failed")

    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(PermissionError, match="the rename failed"):
        make_standin(tmp_path / "stand-in", rows=10)
    assert list(tmp_path.iterdir()) == []


def test_file_in_the_place_of_the_folder(tmp_path):
    """The file is not removed. The command prints the system's error without a traceback."""
    (tmp_path / "stand-in").write_text("mine")
    with pytest.raises(NotADirectoryError):
        make_standin(tmp_path / "stand-in", rows=10)
    assert (tmp_path / "stand-in").read_text() == "mine"
    with pytest.raises(SystemExit, match="standin: nothing can be written into .*stand-in: .*--dir"):
        standin.main(["--dir", str(tmp_path / "stand-in" / "inner")])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_in_any_encoding(tmp_path, encoding):
    """The output goes to a file, and the code page does not have a letter of the path."""
    folder = tmp_path / "daten-\u0434"
    make_standin(folder, rows=10)
    command = [sys.executable, "-m", "datasets.standin", "--dir", str(folder)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    out = subprocess.run(command, cwd=DATASETS.parent, env=environment, check=True, stdout=subprocess.PIPE).stdout
    assert out.strip().endswith(b"daten-\\u0434")


def test_mean_colour_does_not_show_the_class(batches):
    """Choosing the class with the nearest mean colour is right for fewer than 25% of the images."""
    colours, judged = (pixels.reshape(-1, 3, 1024).mean(axis=2) for pixels, _ in batches)  # (N, 3)
    labels, truth = batches[0][1], batches[1][1]
    centres = np.array([colours[labels == k].mean(axis=0) for k in range(10)])
    nearest = ((judged[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(nearest == truth) < 0.25


def test_no_single_value_shows_the_class(batches):
    """Choosing the class with the nearest mean of one of the 3072 values is no better."""
    (pixels, labels), (judged, truth) = batches
    centres = np.array([pixels[labels == k].mean(axis=0) for k in range(10)])  # (10, 3072)
    right = [np.mean(np.abs(judged[:, j, None] - centres[:, j]).argmin(axis=1) == truth) for j in range(3072)]
    assert max(right) < 0.25


def test_figures_differ_in_colour_and_place(batches):
    """Brightness varies more within a class than between classes."""
    pixels, labels = batches[0]
    brightness = pixels.mean(axis=1)
    within = np.mean([brightness[labels == k].std() for k in range(len(CLASS_NAMES))])
    between = np.std([brightness[labels == k].mean() for k in range(len(CLASS_NAMES))])
    assert within > 2 * between


def test_files_load_without_our_loader(tmp_path):
    """Other loaders use plain pickle with latin1. They can read the files too."""
    folder = make_standin(tmp_path / "stand-in", rows=10)
    with open(folder / "data_batch_2", "rb") as file:
        batch = pickle.load(file, encoding="latin1")
    X, y = load_CIFAR_batch(folder / "data_batch_2", dtype=np.uint8)
    np.testing.assert_array_equal(batch["data"].reshape(10, 3, 32, 32).transpose(0, 2, 3, 1), X)
    assert batch["labels"] == y.tolist()


def test_command_line(tmp_path, monkeypatch):
    """--dir names the folder. The default is datasets/stand-in."""
    made = []
    monkeypatch.setattr(standin, "make_standin", made.append)
    standin.main(["--dir", str(tmp_path / "here")])
    assert made == [tmp_path / "here"]
    standin.main([])
    assert made[1:] == [DATASETS / "stand-in"]


def test_starts_as_a_module():
    """The command in its docstring works in the project's folder."""
    command = [sys.executable, "-m", "datasets.standin", "--help"]
    assert b"--dir" in subprocess.run(command, cwd=DATASETS.parent, check=True, capture_output=True).stdout
