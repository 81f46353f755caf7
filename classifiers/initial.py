"""Local initial weights: each hidden unit starts with the pixels around one place in the image."""

import numpy as np
from numpy.typing import ArrayLike

from checks import Rng, check_array, check_count, check_number, check_rng
from classifiers.preprocessing import IMAGE_SHAPE


def local_weights(
    hidden_size: int, variances: ArrayLike, directions: ArrayLike, width: float = 2.0,
    *, shape: tuple[int, int, int] = IMAGE_SHAPE, rng: Rng = None,
) -> np.ndarray:  # fmt: skip
    """Draw local initial weights: each hidden unit starts with the pixels around one place.

    The place is random. The unit has a normally distributed weight for each pixel and channel. Each
    weight is multiplied by a Gaussian of its pixel's distance from the place. Training may then
    change all weights of the unit.

    Neighbouring pixels are correlated. A fully connected net has no information about which pixels
    are neighbours, and learns it slowly (Neyshabur, "Towards learning convolutions from scratch",
    2020). With these weights, the net has this information from the start.

    Parameters
    ----------
    hidden_size : int
        H.
    variances : array, shape (k,)
        Variances of the net's inputs, such as `Whitener.variances`. The inputs must be uncorrelated
        and have mean 0.
    directions : array, shape (D, k)
        The direction of each input in an image of D numbers, such as columns of
        `Whitener.directions`.
    width : float
        Standard deviation of the Gaussian in pixels, > 0.
    shape : tuple of int
        Rows, columns and channels of an image. D is their product.
    rng : None, int, RandomState or Generator
        Source of randomness for places and weights. ``None`` is NumPy's global stream.

    Returns
    -------
    ndarray of float32, shape (k, H)
        A new W1. For each unit, ``x W1`` has the standard deviation sqrt(2) (He et al., "Delving
        Deep into Rectifiers", 2015).
    """
    H, width, rng = check_count("hidden_size", hidden_size), check_number("width", width), check_rng(rng)
    directions = check_array("directions", directions, 2)
    variances = check_array("variances", variances, 1, directions.shape[1])
    if variances.min() < 0 or not variances.any():
        raise ValueError(f"variances must be at least 0 and not all 0, got {variances.min():g} as the smallest")
    if width == 0:
        raise ValueError("width must be > 0, got 0: distances would be divided by 0")
    if len(shape) != 3 or len(directions) != np.prod(shape):
        raise ValueError(f"shape must be that of an image of {len(directions)} numbers, got {shape}")
    rows, columns, channels = shape
    places = rng.uniform(0, 1, (2, H, 1))
    fall = [
        np.exp(-(((np.arange(n) - n * at) / width) ** 2) / 2) for n, at in zip((rows, columns), places, strict=True)
    ]
    window = fall[0][:, :, None, None] * fall[1][:, None, :, None]  # (H, rows, columns, 1)
    weights = rng.standard_normal((H, rows, columns, channels)).astype(np.float32) * window.astype(np.float32)
    W1 = directions.T @ weights.reshape(H, -1).T  # (k, H)
    W1 *= np.sqrt(2 / (variances @ W1**2))
    return W1.astype(np.float32)
