"""Loader of CIFAR-10: reads batch files into arrays and splits them."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from checks import check_count, check_dtype
from datasets import batch_pickle  # if this is another project's datasets, Python's error has its path
from datasets.names import CLASS_NAMES, TEST_BATCHES, TRAIN_BATCHES, find_CIFAR10

__all__ = ["CLASS_NAMES", "TEST_BATCHES", "TRAIN_BATCHES", "find_CIFAR10"]
__all__ += ["get_CIFAR10_data", "load_CIFAR10", "load_CIFAR_batch"]


def _load(folder, names, dtype, **asked):
    """Return the first images of some batches, channels last, and their labels.

    `asked` maps names of arguments to numbers of images. The sum of these numbers is the number of
    images to return. Without them, all images are returned.
    """
    batches = (batch_pickle.read_batch(Path(folder) / name) for name in names)  # memory holds the pixels of one file
    if not asked:
        batches = list(batches)
        asked = {"all": sum(len(labels) for _, labels in batches)}
    count = sum(asked.values())
    images, labels = np.empty((count, 32, 32, 3), dtype), np.empty(count, np.int64)
    filled = 0
    for pixels, batch_labels in batches:
        n = min(len(batch_labels), count - filled)
        images[filled : filled + n] = pixels[:n].reshape(n, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[filled : filled + n] = batch_labels[:n]
        filled += n
        if filled == count:
            return images, labels
    given = " + ".join(f"{name}={number}" for name, number in asked.items())
    raise ValueError(f"{' + '.join(asked)} must be at most {filled}, the images in the batches, got {given}")


def load_CIFAR_batch(filename: Path | str, dtype: DTypeLike = np.float32) -> tuple[np.ndarray, ...]:
    """Load one CIFAR-10 batch file.

    Parameters
    ----------
    filename : str or Path
        A file such as ``data_batch_1``, with any number of rows.
    dtype : dtype
        Type of the images.

    Returns
    -------
    X : ndarray, shape (N, 32, 32, 3)
        Images with values 0..255. The axes are image, row, column and colour (red, green, blue).
    y : ndarray of int, shape (N,)
        Classes, indices of `CLASS_NAMES`.

    Raises
    ------
    ValueError
        If the file is not a well-formed batch. `datasets.batch_pickle` runs no code from the file.
    """
    filename = Path(os.path.expanduser(filename))
    return _load(filename.parent, [filename.name], dtype)


def load_CIFAR10(ROOT: Path | str | None = None, dtype: DTypeLike = np.float32) -> tuple[np.ndarray, ...]:
    """Load all of CIFAR-10.

    Parameters
    ----------
    ROOT : str or Path, optional
        The folder with the batches, see `find_CIFAR10`.
    dtype : dtype
        Type of the images. They need 737 MB in float32 and 184 MB in uint8.

    Returns
    -------
    X_train, y_train, X_test, y_test : ndarray
        50,000 training and 10,000 test images and their classes, see `load_CIFAR_batch`.
    """
    folder = find_CIFAR10(ROOT)
    return *_load(folder, TRAIN_BATCHES, dtype), *_load(folder, TEST_BATCHES, dtype)


def get_CIFAR10_data(
    num_training: int = 19000, num_validation: int = 1000, num_test: int = 1000, dtype: DTypeLike = np.float32,
    *, root: Path | str | None = None,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Load CIFAR-10 as flat rows, split it, and subtract the mean image.

    Parameters
    ----------
    num_training, num_validation : int
        Numbers of images from the training set. The first images are for training, and the images
        that follow them are for validation.
    num_test : int
        Number of images from the beginning of the test set.
    dtype : floating-point dtype
        Type of the images.
    root : str or Path, optional
        The folder with the batches, see `find_CIFAR10`.

    Returns
    -------
    X_train, y_train, X_val, y_val, X_test, y_test : ndarray
        Images of shape (N, 3072) and classes of shape (N,). The mean image of the training images
        is subtracted from all images.

    Notes
    -----
    The mean image and the subtraction are in float64. Only the difference is rounded to `dtype`.
    """
    num_training = check_count("num_training", num_training)
    num_validation = check_count("num_validation", num_validation)
    num_test, dtype = check_count("num_test", num_test), check_dtype(dtype)
    folder = find_CIFAR10(root)
    X, y = _load(folder, TRAIN_BATCHES, dtype, num_training=num_training, num_validation=num_validation)
    X_test, y_test = _load(folder, TEST_BATCHES, dtype, num_test=num_test)
    X, X_test = X.reshape(len(X), -1), X_test.reshape(num_test, -1)  # (N, 3072)
    mean_image = X[:num_training].mean(axis=0, dtype=np.float64)  # (3072,)
    for images in (X, X_test):
        np.subtract(images, mean_image, out=images, casting="same_kind")
    return X[:num_training], y[:num_training], X[num_training:], y[num_training:], X_test, y_test
