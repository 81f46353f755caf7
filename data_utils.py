"""Read CIFAR-10, split it, normalise it and vary it."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from checks import check_array, check_count, check_dtype, check_number
from datasets.batch_pickle import read_batch

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
CHUNK = 5000  # images that are whitened at once
DEFAULT_ROOT = Path(__file__).parent / "datasets" / "cifar-10-batches-py"


def find_CIFAR10(root=None):
    """Find the folder that holds the CIFAR-10 batches.

    Parameters
    ----------
    root : str or Path, optional
        The folder; by default the environment variable ``CIFAR10_DIR``, else ``datasets/cifar-10-batches-py``.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        Where the folder or one of its batches is missing: says where it looked and how to get the data.
    """
    folder = Path(root or os.environ.get("CIFAR10_DIR") or DEFAULT_ROOT)
    for name in TRAIN_BATCHES + TEST_BATCHES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"no CIFAR-10 in {folder.absolute()}: {name} is missing. Get it with python datasets/fetch.py, "
                "or set the environment variable CIFAR10_DIR to the folder that holds data_batch_1"
            )
    return folder


def _read_batches(folder, names):
    """Yield (pixels, labels) of each named batch in turn, so that one file's pixels are in memory at a time."""
    for name in names:
        yield read_batch(Path(folder) / name)


def _first_images(batches, count, dtype):
    """Put the first count images of some batches into one array, channels last, and their labels into another."""
    images, labels = np.empty((count, 32, 32, 3), dtype), np.empty(count, np.int64)
    filled = 0
    for pixels, batch_labels in batches:
        n = min(len(batch_labels), count - filled)
        images[filled : filled + n] = pixels[:n].reshape(n, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[filled : filled + n] = batch_labels[:n]
        filled += n
        if filled == count:
            return images, labels
    raise ValueError(f"{count} images were asked for, the batches hold {filled}")


def _all_images(folder, names, dtype):
    batches = list(_read_batches(folder, names))
    return _first_images(batches, sum(len(labels) for _, labels in batches), dtype)


def load_CIFAR_batch(filename, dtype=np.float32):
    """Load one CIFAR-10 batch file.

    Parameters
    ----------
    filename : str or Path
        A file such as ``data_batch_1``, of any number of rows.
    dtype : dtype
        Of the images.

    Returns
    -------
    X : ndarray, shape (N, 32, 32, 3)
        Images: rows, columns, red-green-blue; values 0..255.
    y : ndarray of int, shape (N,)
        Classes, indices of `CLASS_NAMES`.

    Raises
    ------
    ValueError
        Where the file is no well-formed batch. Nothing in the file is run, see `datasets.batch_pickle`.
    """
    filename = Path(filename)
    return _all_images(filename.parent, [filename.name], dtype)


def load_CIFAR10(ROOT=None, dtype=np.float32):
    """Load all of CIFAR-10.

    Parameters
    ----------
    ROOT : str or Path, optional
        The folder with the batches, see `find_CIFAR10`.
    dtype : dtype
        Of the images: 737 MB in float32, 184 MB in uint8.

    Returns
    -------
    X_train, y_train, X_test, y_test : ndarray
        50,000 and 10,000 images and classes, as `load_CIFAR_batch` gives them.
    """
    folder = find_CIFAR10(ROOT)
    return *_all_images(folder, TRAIN_BATCHES, dtype), *_all_images(folder, TEST_BATCHES, dtype)


def get_CIFAR10_data(num_training=19000, num_validation=1000, num_test=1000, dtype=np.float32, *, root=None):
    """Load CIFAR-10 as flat rows, split, with the mean image subtracted.

    Parameters
    ----------
    num_training, num_validation : int
        Training images are taken from the front of the training set, validation images right behind them.
    num_test : int
        Test images are taken from the front of the test set.
    dtype : floating-point dtype
        Of the images.
    root : str or Path, optional
        The folder with the batches, see `find_CIFAR10`.

    Returns
    -------
    X_train, y_train, X_val, y_val, X_test, y_test : ndarray
        Images of shape (N, 3072), each pixel's mean over the training part subtracted, and classes of shape (N,).

    Notes
    -----
    The mean is accumulated in float64: a float32 sum of thousands of pixels would drop digits.
    """
    num_training, num_validation = (
        check_count("num_training", num_training),
        check_count("num_validation", num_validation),
    )
    num_test, dtype = check_count("num_test", num_test), check_dtype(dtype)
    folder = find_CIFAR10(root)
    X, y = _first_images(_read_batches(folder, TRAIN_BATCHES), num_training + num_validation, dtype)
    X_test, y_test = _first_images(_read_batches(folder, TEST_BATCHES), num_test, dtype)
    X, X_test = X.reshape(len(X), -1), X_test.reshape(num_test, -1)  # (N, 3072)
    mean_image = X[:num_training].mean(axis=0, dtype=np.float64)  # (3072,)
    for images in (X, X_test):
        np.subtract(images, mean_image, out=images, casting="same_kind")
    return X[:num_training], y[:num_training], X[num_training:], y[num_training:], X_test, y_test


class Standardizer:
    """Each input minus its mean, divided by its standard deviation, both taken from the training part alone.

    Parameters
    ----------
    X : array, shape (N, D)
        The training part, of any real dtype.

    Attributes
    ----------
    mean, std : ndarray of float64, shape (D,)
        Inputs that never vary have std 1.

    Examples
    --------
    >>> scale = Standardizer(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> scale(np.array([[1.0, 7.0], [5.0, 8.0]]))
    array([[-1.,  0.],
           [ 3.,  1.]], dtype=float32)
    """

    def __init__(self, X):
        X = check_array("X", X, 2)
        self.mean, self.std = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        self.std[self.std == 0] = 1

    def __call__(self, X, dtype=np.float32):
        """Standardise some examples.

        Parameters
        ----------
        X : array, shape (N, D)
            Any part of the data, on the scale of the training part.
        dtype : dtype
            Of the result.

        Returns
        -------
        ndarray, shape (N, D)
        """
        X = check_array("X", X, 2, len(self.mean))
        out = np.empty(X.shape, dtype)
        np.subtract(X, self.mean, out=out, casting="same_kind")
        return np.divide(out, self.std, out=out, casting="same_kind")

    def absorb(self, net):
        """Make a net that was trained on standardised examples take the plain ones, so that one file holds all.

        Parameters
        ----------
        net : TwoLayerNet
            Changed in place: ``W1 / std`` and ``b1 - mean / std W1``, which leaves every score as it was.
        """
        W1, b1 = net.params["W1"], net.params["b1"]
        scaled = W1 / self.std[:, None]  # (D, H)
        b1 -= (self.mean @ scaled).astype(b1.dtype)
        W1[...] = scaled


class Whitener:
    """Standardised inputs, with the directions in which they vary most shrunk: a preconditioner for the first layer.

    Neighbouring pixels are so alike that a few directions hold most of the variance, and the learning rate has to be
    small for their sake. Softly whitened, the inputs allow a larger one, and the net learns fine detail sooner. Since
    the map is linear, nothing changes in what the net can compute: `absorb` moves it into W1.

    Parameters
    ----------
    X : array, shape (N, D)
        The training part, of any real dtype.
    softness : float
        Variance that is added in each direction, > 0: far less is full whitening, which raises noise to the level of
        the image; far more leaves the standardised inputs as they are. These have a mean variance of 1.

    Attributes
    ----------
    scale : Standardizer
    matrix : ndarray of float32, shape (D, D)
        Symmetric.

    Notes
    -----
    ``matrix = c U (S + softness)**-0.5 U'``, with ``U S U'`` the covariance of the standardised inputs and c such that
    the mean variance is 1 again: ZCA whitening (Bell and Sejnowski, "The independent components of natural scenes are
    edge filters", 1997) with a regularised spectrum.

    Examples
    --------
    >>> X = np.array([[1.0, 1.0], [-1.0, -1.0], [0.1, -0.1], [-0.1, 0.1]])  # varies along one diagonal
    >>> Whitener(X, softness=1.0)(X)[[0, 2]].round(2)
    array([[ 1.39,  1.39],
           [ 0.24, -0.24]], dtype=float32)
    """

    def __init__(self, X, softness=10.0):
        softness = check_number("softness", softness)
        if softness == 0:
            raise ValueError("softness must be > 0, got 0: a direction without variance would be divided by 0")
        X = check_array("X", X, 2)
        self.scale = Standardizer(X)
        covariance = np.zeros((X.shape[1], X.shape[1]))
        for i in range(0, len(X), CHUNK):
            Z = self.scale(X[i : i + CHUNK])  # (CHUNK, D)
            covariance += Z.T @ Z
        variances, directions = np.linalg.eigh(covariance / len(X))  # (D,), (D, D) in columns
        variances = variances.clip(0)
        shrink = 1 / np.sqrt(variances + softness)
        mean_variance = np.mean(shrink**2 * variances)
        shrink /= np.sqrt(mean_variance) if mean_variance > 0 else 1
        self.matrix = ((directions * shrink) @ directions.T).astype(np.float32)

    def __call__(self, X, dtype=np.float32):
        """Whiten some examples, in chunks; as `Standardizer`."""
        X = check_array("X", X, 2, len(self.matrix))
        out = np.empty(X.shape, dtype)
        for i in range(0, len(X), CHUNK):
            out[i : i + CHUNK] = self.scale(X[i : i + CHUNK], dtype) @ self.matrix
        return out

    def absorb(self, net):
        """Make a net that was trained on whitened examples take the plain ones: see `Standardizer.absorb`."""
        net.params["W1"][...] = self.matrix @ net.params["W1"]
        self.scale.absorb(net)


def random_flip_shift(max_shift, shape=(32, 32, 3)):
    """Make an ``augment`` for `TwoLayerNet.train`: mirror half of the images, shift each by some pixels.

    Parameters
    ----------
    max_shift : int
        Each image moves by -max_shift..max_shift pixels down and right; what moves in is 0, the mean of
        standardised images.
    shape : tuple of int
        Rows, columns and channels of an image.

    Returns
    -------
    callable
        ``augment(X, rng)``: rows (N, D) or images (N, rows, columns, channels) in, the like out; X stays as it is.
    """
    return RandomFlipShift(check_count("max_shift", max_shift, 0), tuple(shape))


@dataclass(frozen=True)
class RandomFlipShift:
    """What `random_flip_shift` returns: a class, so that processes can send it to each other and print it alike."""

    max_shift: int
    shape: tuple

    def __call__(self, X, rng):
        N, m, (rows, columns, channels) = len(X), self.max_shift, self.shape
        mirrored, down, right = rng.random((3, N))
        down, right = (np.floor(move * (2 * m + 1)).astype(np.intp) for move in (down, right))  # 0..2m
        padded = np.zeros((N, rows + 2 * m, columns + 2 * m, channels), X.dtype)
        inner = padded[:, m : m + rows, m : m + columns]
        inner[...] = X.reshape(N, *self.shape)
        flip = mirrored < 0.5
        inner[flip] = inner[flip, :, ::-1]
        # A view of every window of the padded images: picking one for each image copies whole rows of pixels.
        windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))
        windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (N, 2m + 1, 2m + 1, rows, columns, channels)
        return windows[np.arange(N), down, right].reshape(X.shape)
