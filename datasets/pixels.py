"""Conversion of images and weights of any scale into arrays of 0..255 for a picture."""

from math import ceil, sqrt

import numpy as np

from checks import check_array, check_count

DARK = 16  # on the scale 0..255, an image looks black if no value is larger than this


def visualize_grid(Xs, ubound=255.0, padding=1):
    """Arrange images on a square grid. Each tile is scaled to the full range by itself.

    Parameters
    ----------
    Xs : array, shape (N, H, W, C)
        Images or weights, of any range.
    ubound : float
        Each tile's values are scaled linearly to 0..ubound. A constant tile becomes 0.
    padding : int
        Number of black pixels between tiles.

    Returns
    -------
    ndarray of float, shape (n * H + (n - 1) * padding, n * W + (n - 1) * padding, C)
        With ``n = ceil(sqrt(N))`` tiles a side. Unused tiles are 0.
    """
    Xs, padding = check_array("Xs", Xs, 4).astype(np.float64), check_count("padding", padding, 0)
    N, H, W, C = Xs.shape
    n = ceil(sqrt(N))
    low, high = (reduce(Xs, axis=(1, 2, 3), keepdims=True) for reduce in (np.min, np.max))
    span = np.where(high > low, high - low, 1)
    grid = np.zeros((n * (H + padding), n * (W + padding), C))
    for i, tile in enumerate(ubound * (Xs - low) / span):
        top, left = i // n * (H + padding), i % n * (W + padding)
        grid[top : top + H, left : left + W] = tile
    return grid[: grid.shape[0] - padding, : grid.shape[1] - padding]


def find_scale(images):
    """Find the values of images that become black and white.

    Returns
    -------
    low, high : float
        These values become black and white.
    note : str
        A line with these values, or an empty text if they are 0 and 255.
    """
    low, high = float(images.min()), float(images.max())
    if images.dtype == np.uint8 or (low >= 0 and DARK < high <= 255) or low == high == 0:
        return 0.0, 255.0, ""
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return low, high, f"Black is {low:.3g}, white is {high:.3g}"


def to_rgb(images, low, high):
    """Convert images of one or three channels into RGB images of uint8.

    The value `low` becomes 0, and `high` becomes 255.
    """
    scaled = (images.astype(np.float64) - low) * (255 / ((high - low) or 1))
    return np.broadcast_to(np.rint(scaled).astype(np.uint8), (*images.shape[:-1], 3))


def check_images(images):
    """Check that images have the shape (N, H, W, 3) or (N, H, W, 1)."""
    images = check_array("images", images, 4)
    if images.shape[-1] not in (1, 3):
        advice = ": call images.transpose(0, 2, 3, 1) first" if images.shape[1] == 3 else ""
        raise ValueError(f"images must have shape (N, H, W, 3), got {images.shape}{advice}")
    return images
