"""Tests of the loader, with small made-up folders and with the real CIFAR-10 if it is available."""

import numpy as np
import pytest
from conftest import make_cifar10, write_batch

from data_utils import CLASS_NAMES, get_CIFAR10_data, load_CIFAR10, load_CIFAR_batch


def test_images_come_channels_last(tmp_path):
    """The file stores one colour plane after the other. In the array, colours are the last axis."""
    pixels = np.random.randint(0, 256, (3, 3072)).astype(np.uint8)
    write_batch(tmp_path / "batch", pixels, [3, 0, 9])
    X, y = load_CIFAR_batch(tmp_path / "batch")
    assert X.shape == (3, 32, 32, 3) and X.dtype == np.float32
    assert X[1, 5, 7, 2] == pixels[1, 2 * 1024 + 5 * 32 + 7]
    np.testing.assert_array_equal(y, [3, 0, 9])
    assert np.issubdtype(y.dtype, np.integer)


def test_batches_are_joined_in_order(tiny_cifar10):
    """All five training batches are loaded, also if their numbers of rows differ."""
    pixels = np.full((7, 3072), 200, np.uint8)
    write_batch(tiny_cifar10 / "data_batch_5", pixels, [6] * 7)
    X_train, y_train, X_test, y_test = load_CIFAR10(tiny_cifar10)
    assert X_train.shape == (87, 32, 32, 3) and X_test.shape == (20, 32, 32, 3)
    assert (X_train[80:] == 200).all() and (y_train[80:] == 6).all()
    np.testing.assert_array_equal(X_train[20:40], load_CIFAR_batch(tiny_cifar10 / "data_batch_2")[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_dtype_of_images(tiny_cifar10, dtype):
    """The values are 0..255 in every dtype."""
    X_train, _, X_test, _ = load_CIFAR10(str(tiny_cifar10), dtype=dtype)
    assert X_train.dtype == X_test.dtype == dtype
    np.testing.assert_array_equal(X_train, load_CIFAR10(tiny_cifar10)[0])


def test_split_takes_the_first_images(tiny_cifar10):
    """Validation rows follow the training rows. They may come from two files.

    A size may be a whole float, the result of a division.
    """
    X, y, X_test, y_test = load_CIFAR10(tiny_cifar10, dtype=np.float64)
    mean = X[:35].reshape(35, -1).mean(axis=0)
    parts = get_CIFAR10_data(35.0, 10, 7, dtype=np.float64, root=tiny_cifar10)
    expected = X[:35], y[:35], X[35:45], y[35:45], X_test[:7], y_test[:7]
    for part, whole in zip(parts[::2], expected[::2], strict=True):
        np.testing.assert_allclose(part, whole.reshape(len(whole), -1) - mean, atol=1e-12)
    for part, whole in zip(parts[1::2], expected[1::2], strict=True):
        np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_only_the_difference_from_the_mean_is_rounded(tmp_path, dtype):
    """Differences from the mean 254 2/3 are exact in dtype. A float32 mean would err by 5e-6."""
    folder = make_cifar10(tmp_path / "bright")
    write_batch(folder / "data_batch_1", np.repeat(np.uint8([[254], [255], [255], [0]]), 3072, axis=1), [0, 1, 2, 3])
    write_batch(folder / "test_batch", np.full((1, 3072), 7, np.uint8), [0])
    X_train, _, X_val, _, X_test, _ = get_CIFAR10_data(3, 1, 1, dtype, root=folder)
    for part, exact in [(X_train, [[-2 / 3], [1 / 3], [1 / 3]]), (X_val, [[-764 / 3]]), (X_test, [[7 - 764 / 3]])]:
        assert part.dtype == dtype
        np.testing.assert_allclose(part, np.broadcast_to(exact, part.shape), rtol=0.6 * np.finfo(dtype).eps, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_training": 0}, ValueError, "num_training must be a whole number, at least 1, got 0"),
        ({"num_validation": "all"}, TypeError, "num_validation must be a whole number, at least 1, got 'all'"),
        ({"num_test": 1.5}, TypeError, "num_test must be a whole number, at least 1, got 1.5"),
        ({"dtype": np.uint8}, TypeError, "dtype must be a floating-point type such as float32, got"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    """The error names the argument, what it must be and what it was. Nothing is read before it."""
    with pytest.raises(error, match=message):
        get_CIFAR10_data(**arguments, root="nowhere")


def test_more_images_than_there_are(tiny_cifar10):
    """The error names the arguments and gives all numbers."""
    message = r"^num_training \+ num_validation must be at most 100, .* got num_training=90 \+ num_validation=11$"
    with pytest.raises(ValueError, match=message):
        get_CIFAR10_data(90, 11, 5, root=tiny_cifar10)
    with pytest.raises(ValueError, match="^num_test must be at most 20, the images in the batches, got num_test=21$"):
        get_CIFAR10_data(90, 10, 21, root=tiny_cifar10)
    assert len(get_CIFAR10_data(90, 10, 20, root=tiny_cifar10)[4]) == 20


def test_root_is_looked_up(tiny_cifar10, monkeypatch):
    """``~`` is the home folder. Without an argument, the environment variable names the folder."""
    monkeypatch.setenv("HOME", str(tiny_cifar10.parent))
    monkeypatch.setenv("USERPROFILE", str(tiny_cifar10.parent))
    assert load_CIFAR10("~/tiny")[0].shape == (100, 32, 32, 3)
    assert load_CIFAR_batch("~/tiny/test_batch")[0].shape == (20, 32, 32, 3)
    monkeypatch.setenv("CIFAR10_DIR", str(tiny_cifar10))
    assert load_CIFAR10()[0].shape == (100, 32, 32, 3)
    assert get_CIFAR10_data(9, 1, 1)[0].shape == (9, 3072)


def test_real_images(real_cifar10):
    """Each class has 5,000 training and 1,000 test images. The first image is a frog."""
    _, y_train, _, y_test = load_CIFAR10(real_cifar10, dtype=np.uint8)
    assert np.bincount(y_train).tolist() == [5000] * 10 and np.bincount(y_test).tolist() == [1000] * 10
    assert [CLASS_NAMES[k] for k in y_train[:3]] == ["frog", "truck", "truck"]


def test_public_names():
    """A star import gives the loaders and the names of the files without a warning."""
    namespace = {}
    exec("from data_utils import *", namespace)
    assert {"load_CIFAR10", "load_CIFAR_batch", "get_CIFAR10_data", "find_CIFAR10"} <= set(namespace)
    assert namespace["TRAIN_BATCHES"] == tuple(f"data_batch_{i}" for i in range(1, 6))
    assert namespace["TEST_BATCHES"] == ("test_batch",) and len(namespace["CLASS_NAMES"]) == 10
