"""Initial weights that see one place of an image: a better start than weights that see all of it."""

import numpy as np

from checks import check_array, check_count, check_number, check_rng


def local_weights(hidden_size, variances, directions, width=2.0, *, shape=(32, 32, 3), rng=None):
    """Draw initial weights of which each hidden unit sees the surroundings of one pixel.

    A unit draws its place at random, and a weight for each pixel and channel from the normal distribution. The weights
    fall with the distance from the place, as a Gaussian. After that, nothing holds the unit there: all of its weights
    are trained.

    Neighbouring pixels belong together, which a fully connected net does not know. It can learn it, but does so slowly
    (Neyshabur, "Towards learning convolutions from scratch", 2020). A net that starts here need not.

    Parameters
    ----------
    hidden_size : int
        H.
    variances : array, shape (k,)
        Of the net's inputs, as `Whitener.variances` has them: uncorrelated, with mean 0.
    directions : array, shape (D, k)
        What each input of the net is in an image of D numbers: columns of `Whitener.directions`.
    width : float
        Standard deviation of the Gaussian in pixels, > 0.
    shape : tuple of int
        Rows, columns and channels of an image. D is their product.
    rng : None, int, RandomState or Generator
        Source of the places and weights. ``None`` is NumPy's global stream.

    Returns
    -------
    ndarray of float32, shape (k, H)
        A new W1. Each unit's ``x W1`` has the standard deviation sqrt(2) (He et al., "Delving Deep into Rectifiers",
        2015).
    """
    H, width, rng = check_count("hidden_size", hidden_size), check_number("width", width), check_rng(rng)
    directions = check_array("directions", directions, 2)
    variances = check_array("variances", variances, 1, directions.shape[1])
    if width == 0:
        raise ValueError("width must be > 0, got 0: a unit would see nothing")
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
