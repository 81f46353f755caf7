"""Tests of the stand-in: the same bytes everywhere, CIFAR-10's layout, and not too easy."""

import hashlib
import pickle

import numpy as np
import pytest

from data_utils import load_CIFAR10, load_CIFAR_batch
from datasets import standin
from datasets.standin import MARK, draw_batch, make_standin


def test_same_bytes_everywhere(tmp_path):
    """Pixels and file are the same on every run, machine and version of NumPy."""
    assert hashlib.md5(draw_batch(200, 0)[0].tobytes()).hexdigest() == "cb126c7fa286e12bd688c9a3a282ab39"
    content = (make_standin(tmp_path / "stand-in", rows=20) / "test_batch").read_bytes()
    assert hashlib.md5(content).hexdigest() == "f0ebb71cf07773e9501bb7e4adf12dc9"


def test_images_are_drawn_in_chunks():
    """Three chunks, the last one incomplete, give all rows, and each class equally often."""
    pixels, labels = draw_batch(1010, 3)
    assert pixels.shape == (1010, 3072) and len(np.unique(pixels, axis=0)) == 1010
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 101))


def test_official_layout(tmp_path):
    """There are six batches and batches.meta. Classes are balanced, and no two images are equal."""
    folder = make_standin(str(tmp_path / "datasets" / "stand-in"), rows=20)
    assert standin.BATCH == 10_000  # as in CIFAR-10
    assert MARK.encode() in (folder / "data_batch_4").read_bytes()[:1000]
    with open(folder / "batches.meta", "rb") as file:
        assert pickle.load(file) == {"num_cases_per_batch": 20, "label_names": list(standin.CLASS_NAMES)}
    X_train, y_train, X_test, y_test = load_CIFAR10(folder, dtype=np.uint8)
    assert X_train.shape == (100, 32, 32, 3) and X_test.shape == (20, 32, 32, 3)
    np.testing.assert_array_equal(np.bincount(y_train), np.full(10, 10))
    assert len(np.unique(np.concatenate([X_train, X_test]).reshape(120, -1), axis=0)) == 120
    assert [path.name for path in folder.parent.iterdir()] == ["stand-in"]


def test_files_load_without_our_loader(tmp_path):
    """Other loaders use plain pickle with latin1. They can read the files too."""
    folder = make_standin(tmp_path / "stand-in", rows=10)
    with open(folder / "data_batch_2", "rb") as file:
        batch = pickle.load(file, encoding="latin1")
    X, y = load_CIFAR_batch(folder / "data_batch_2", dtype=np.uint8)
    np.testing.assert_array_equal(batch["data"].reshape(10, 3, 32, 32).transpose(0, 2, 3, 1), X)
    assert batch["labels"] == y.tolist()


def test_is_drawn_once(tmp_path, monkeypatch):
    """A complete folder is not changed. An incomplete folder is an error, and its files stay."""
    folder = make_standin(tmp_path / "stand-in", rows=10)
    (folder / "data_batch_1").write_bytes(b"touched")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert make_standin("~/stand-in", rows=10) == folder
    (folder / "test_batch").unlink()
    with pytest.raises(FileExistsError, match="stand-in exists, but lacks test_batch. Move it away"):
        make_standin(folder, rows=10)
    assert (folder / "data_batch_1").read_bytes() == b"touched"


def accuracy_of_the_nearest_mean(features, labels, judged, truth):
    """Return the accuracy of choosing the class whose mean feature vector is nearest."""
    centres = np.array([features[labels == k].mean(axis=0) for k in range(10)])
    return np.mean(((judged[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1) == truth)


def test_neither_mean_colour_nor_a_single_value_shows_the_class():
    """Each of these features is correct for fewer than 25% of the images."""
    (pixels, labels), (judged, truth) = draw_batch(2000, 100), draw_batch(1000, 101)
    pixels, judged = pixels.astype(np.float32), judged.astype(np.float32)
    colours = [images.reshape(-1, 3, 1024).mean(axis=2) for images in (pixels, judged)]  # (N, 3)
    assert accuracy_of_the_nearest_mean(colours[0], labels, colours[1], truth) < 0.25
    for j in range(0, 3072, 16):
        assert accuracy_of_the_nearest_mean(pixels[:, [j]], labels, judged[:, [j]], truth) < 0.25
