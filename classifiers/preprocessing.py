"""Preprocessing of inputs: standardisation, whitening, and image augmentation."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from checks import check_array, check_count, check_number

IMAGE_SHAPE = (32, 32, 3)  # rows, columns and channels of a CIFAR-10 image
CHUNK = 1000  # examples that are read at once, to avoid a float64 copy of all


def _chunks(X):
    return (X[i : i + CHUNK] for i in range(0, len(X), CHUNK))


class Standardizer:
    """Standardisation: each input minus its mean, divided by its standard deviation.

    Parameters
    ----------
    X : array, shape (N, D)
        The training data, of any real dtype. They are read in chunks, also from a memory-mapped
        file.

    Attributes
    ----------
    mean, std : ndarray of float64, shape (D,)
        Mean and standard deviation of the training data. The std of a constant input is set to 1.

    Notes
    -----
    An input is constant if its standard deviation is at most N eps times its mean. This is the
    largest rounding error of a mean of N equal numbers (eps is 2.2e-16). It is also constant if its
    values are two neighbours in the dtype of X. A division by rounding errors would make new values
    huge.

    Examples
    --------
    >>> scale = Standardizer(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> scale(np.array([[1.0, 7.0], [5.0, 8.0]]))
    array([[-1.,  0.],
           [ 3.,  1.]], dtype=float32)
    """

    def __init__(self, X: ArrayLike):
        X = check_array("X", X, 2)
        N = len(X)
        self.mean = sum(part.sum(axis=0, dtype=np.float64) for part in _chunks(X)) / N  # (D,)
        self.std = np.sqrt(sum(np.square(part - self.mean).sum(axis=0, dtype=np.float64) for part in _chunks(X)) / N)
        spacing = np.finfo(X.dtype).eps / 2 if X.dtype.kind == "f" else 0
        constant = self.std <= max(N * np.finfo(np.float64).eps, spacing) * np.abs(self.mean)
        self.mean[constant], self.std[constant] = X[0, constant], 1

    def __call__(self, X: ArrayLike, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Standardise examples.

        Parameters
        ----------
        X : array, shape (N, D)
            Examples on the same scale as the training data.
        dtype : dtype
            Type of the result.

        Returns
        -------
        ndarray, shape (N, D)
        """
        X = check_array("X", X, 2, len(self.mean))
        out = np.empty(X.shape, dtype)
        np.subtract(X, self.mean, out=out, casting="same_kind")
        return np.divide(out, self.std, out=out, casting="same_kind")

    def absorb(self, net: Any) -> None:
        """Move the standardisation into the first layer of a net.

        Before, the net must take standardised examples. Afterwards it takes plain examples. The net
        then needs no standardizer, and one saved file holds everything.

        Parameters
        ----------
        net : TwoLayerNet
            Changed in place: W1 becomes ``W1 / std``, and b1 becomes ``b1 - mean / std @ W1``. All
            scores stay the same.
            If the net has absorbed it before, it is a ValueError, also after `save` and `load`.
        """
        self.check_first(net)
        W1, b1 = net.params["W1"], net.params["b1"]
        scaled = W1 / self.std[:, None]  # (D, H)
        b1 -= (self.mean @ scaled).astype(b1.dtype)
        W1[...] = scaled
        net.absorbed = (*getattr(net, "absorbed", ()), self._fingerprint())

    def check_first(self, net: Any) -> None:
        """Check that a net has not absorbed this standardisation."""
        if self._fingerprint() in getattr(net, "absorbed", ()):
            raise ValueError("net has absorbed this before. If W1 is not that of this time, set net.absorbed = ()")

    def _fingerprint(self):
        return hashlib.sha256(self.mean.tobytes() + self.std.tobytes()).hexdigest()[:16]


class Whitener:
    """Soft whitening: standardises inputs, then shrinks the directions of large variance.

    Neighbouring pixels are strongly correlated, so a few directions have most of the variance.
    These directions require a small learning rate. Whitened inputs allow a larger one, and the net
    learns fine detail sooner. The map is linear. It does not change what the net can compute, and
    `absorb` moves it into W1.

    Parameters
    ----------
    X : array, shape (N, D)
        The training data, of any real dtype.
    softness : float
        Variance that is added in each direction, > 0. The standardised inputs have a mean variance
        of 1. A softness far below 1 is full whitening, and amplifies noise to the size of the
        image. A softness far above 1 changes little.

    Attributes
    ----------
    scale : Standardizer
    matrix : ndarray of float32, shape (D, D)
        Symmetric.
    directions : ndarray of float32, shape (D, D)
        The principal directions U, one per column, with the largest variance first. The first k
        columns ``U_k`` map whitened examples Z to k inputs, ``Z @ U_k``. Training on these inputs
        is faster and almost as accurate. Afterwards ``W1 = U_k @ W1`` gives the net that takes Z.
    variances : ndarray of float64, shape (D,)
        Variances of the whitened examples in these directions.

    Notes
    -----
    ``matrix = c U (S + softness)**-0.5 U'``. ``U S U'`` is the covariance of the standardised
    inputs, and c makes the mean variance 1 again. This is ZCA whitening with a regularised
    spectrum.

    References
    ----------
    Bell and Sejnowski, "The independent components of natural scenes are edge filters", 1997.

    Examples
    --------
    >>> X = np.array([[1.0, 1.0], [-1.0, -1.0], [0.1, -0.1], [-0.1, 0.1]])  # one diagonal varies
    >>> Whitener(X, softness=1.0)(X)[[0, 2]].round(2)
    array([[ 1.39,  1.39],
           [ 0.24, -0.24]], dtype=float32)
    """

    def __init__(self, X: ArrayLike, softness: float = 10.0):
        softness = check_number("softness", softness)
        if softness == 0:
            raise ValueError("softness must be > 0, got 0: a direction without variance would be divided by 0")
        X = check_array("X", X, 2)
        self.scale = Standardizer(X)
        covariance = np.zeros((X.shape[1], X.shape[1]))
        for part in _chunks(X):
            Z = self.scale(part)  # (CHUNK, D)
            covariance += Z.T @ Z
        variances, directions = np.linalg.eigh(covariance / len(X))  # (D,), (D, D) in columns
        variances = variances.clip(0)  # rounding can make some of them negative
        shrink = 1 / np.sqrt(variances + softness)
        if variances.sum() > 0.5:  # each input that is not constant adds 1
            shrink /= np.sqrt(np.mean(shrink**2 * variances))
        self.matrix = ((directions * shrink) @ directions.T).astype(np.float32)
        self.directions = np.ascontiguousarray(directions[:, ::-1], np.float32)  # the largest first
        self.variances = (shrink**2 * variances)[::-1]

    def __call__(self, X: ArrayLike, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Whiten examples, in chunks. For parameters and result see `Standardizer.__call__`."""
        X = check_array("X", X, 2, len(self.matrix))
        out = np.empty(X.shape, dtype)
        for part, out_part in zip(_chunks(X), _chunks(out), strict=True):
            out_part[...] = self.scale(part, dtype) @ self.matrix
        return out

    def absorb(self, net: Any) -> None:
        """Move the whitening into the first layer of a net, see `Standardizer.absorb`."""
        self.scale.check_first(net)
        net.params["W1"][...] = self.matrix @ net.params["W1"]
        self.scale.absorb(net)


@dataclass
class random_flip_shift:
    """Random mirroring and shifting, an ``augment`` for `TwoLayerNet.train`.

    Half of the images are mirrored, and all are shifted. ``augment(X, rng)`` takes rows (N, D) or
    images (N, rows, columns, channels), and returns the same shape. It does not change X.

    Parameters
    ----------
    max_shift : int
        Each image moves by -max_shift..max_shift pixels down and right. Pixels that come from
        outside the image are 0. In standardised images, 0 is the mean.
    shape : tuple of int
        Rows, columns and channels of an image.
    """

    max_shift: int
    shape: tuple = IMAGE_SHAPE

    def __post_init__(self):
        self.max_shift, self.shape = check_count("max_shift", self.max_shift, 0), tuple(self.shape)

    def __call__(self, X: np.ndarray, rng: Any) -> np.ndarray:
        N, m, (rows, columns, channels) = len(X), self.max_shift, self.shape
        mirrored, down, right = rng.random((3, N))
        down, right = (np.floor(move * (2 * m + 1)).astype(np.intp) for move in (down, right))  # 0..2m
        padded = np.zeros((N, rows + 2 * m, columns + 2 * m, channels), X.dtype)
        inner = padded[:, m : m + rows, m : m + columns]
        inner[...] = X.reshape(N, *self.shape)
        flip = mirrored < 0.5
        inner[flip] = inner[flip, :, ::-1]
        # A view of every window of the padded images. One window for each image is copied, in whole
        # rows of pixels.
        windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))
        windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (N, 2m + 1, 2m + 1, rows, columns, channels)
        return windows[np.arange(N), down, right].reshape(X.shape)


@dataclass
class random_cutout:
    """Random cutout, an ``augment`` that sets a square of each image to 0.

    See DeVries and Taylor, "Cutout", 2017. It is called like `random_flip_shift`.

    Parameters
    ----------
    size : int
        Rows and columns of the square. Its centre is any pixel of the image. A part of the square
        can be outside the image.
    shape : tuple of int
        Rows, columns and channels of an image.
    """

    size: int
    shape: tuple = IMAGE_SHAPE

    def __post_init__(self):
        self.size, self.shape = check_count("size", self.size, 0), tuple(self.shape)

    def __call__(self, X: np.ndarray, rng: Any) -> np.ndarray:
        N, (rows, columns, _) = len(X), self.shape
        hidden = []
        for n, place in zip((rows, columns), rng.random((2, N)), strict=True):
            first = np.floor(place * n) - self.size // 2  # (N,)
            after = np.arange(n) - first[:, None]  # (N, n)
            hidden.append((after >= 0) & (after < self.size))
        out = X.reshape(N, *self.shape).copy()
        out[hidden[0][:, :, None] & hidden[1][:, None, :]] = 0
        return out.reshape(X.shape)
