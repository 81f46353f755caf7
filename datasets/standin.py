"""Drawing of the stand-in for CIFAR-10, for machines that cannot get CIFAR-10.

Like CIFAR-10, the stand-in has 60,000 colour images of 32x32 pixels in ten classes, in the same
file layout.

The bytes are the same on every machine, for two reasons. The drawing only adds, multiplies,
divides, compares and takes square roots of float64, and IEEE 754 defines every bit of the results.
The random numbers come from NumPy's legacy generator, and its stream does not change.
"""

import os
import pickle
from pathlib import Path

import numpy as np

from datasets.names import BATCHES, is_complete
from datasets.temporary import atomic_folder

FOLDER = "stand-in"  # in the folder for data
MARK = "STAND-IN, not CIFAR-10"
CLASS_NAMES = ("disc", "ring", "square", "triangle", "cross", "pair", "bars", "pillars", "checks", "horizon")
BATCH = 10_000  # images per file
CHUNK = 500  # images drawn at once; their temporary arrays fit into the processor's cache


def _wave(x):
    """Triangle wave of period 2 between -1 and 1."""
    return 4 * np.abs(x / 2 - np.floor(x / 2 + 0.5)) - 1


def _distances(x, y):
    """Yield, for each class, the values of a function that is negative inside the figure."""
    radius, ax, ay = np.sqrt(x * x + y * y), np.abs(x), np.abs(y)
    yield radius - 0.75
    yield np.abs(radius - 0.7) - 0.22
    yield np.maximum(ax, ay) - 0.65
    yield np.maximum(-0.5 - y, 0.87 * ax + 0.5 * y - 0.45)
    yield np.minimum(np.maximum(ax - 0.22, ay - 0.85), np.maximum(ax - 0.85, ay - 0.22))
    yield np.minimum(np.sqrt((x - 0.5) * (x - 0.5) + y * y), np.sqrt((x + 0.5) * (x + 0.5) + y * y)) - 0.4
    yield _wave(2.5 * y) * 0.2
    yield _wave(2.5 * x) * 0.2
    yield _wave(2 * x) * _wave(2 * y) * 0.25
    yield y


def draw(labels, rng):
    """Draw one image for each label.

    Parameters
    ----------
    labels : array of int, shape (N,)
        Indices of `CLASS_NAMES`.
    rng : numpy.random.RandomState
        Source of place, size, rotation, colours, light and noise.

    Returns
    -------
    ndarray of uint8, shape (N, 32, 32, 3)
    """

    def uniform(low, high, *shape):
        return low + (high - low) * rng.random_sample((len(labels), *(shape or (1, 1))))

    ruler = (np.arange(32) + 0.5) / 16 - 1
    u, v = ruler[None, None, :], ruler[None, :, None]  # (1, 1, 32) and (1, 32, 1): right and down
    du, dv = u - uniform(-0.45, 0.45), v - uniform(-0.45, 0.45)
    size, t = uniform(0.45, 1.1), uniform(-0.5, 0.5)
    cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)  # rotation by up to 53 degrees
    x, y = (cosine * du + sine * dv) / size, (cosine * dv - sine * du) / size  # (N, 32, 32)

    distance = np.empty_like(x)
    for k, of_figure in enumerate(_distances(x, y)):
        distance[labels == k] = of_figure[labels == k]
    # Edges are about two pixels wide.
    inside = np.minimum(np.maximum(0.5 - 8 * size * distance, 0), 1)[..., None]  # (N, 32, 32, 1)

    light = uniform(-60, 60) * u + uniform(-60, 60) * v
    contrast = uniform(35, 130)[..., None] + uniform(-30, 30, 1, 1, 3)
    noise = np.frombuffer(rng.bytes(2 * light.size * 3), np.uint8).reshape(2, *light.shape, 3).astype(np.float64)
    image = uniform(70, 185, 1, 1, 3) + light[..., None] + contrast * (inside - 0.5)
    image += (noise[0] + noise[1] - 255) * (90 / 255)
    return np.minimum(np.maximum(image, 0), 255).astype(np.uint8)


def draw_batch(rows, seed):
    """Draw a batch with the same number of images of each class, in random order.

    Parameters
    ----------
    rows : int
        Number of images.
    seed : int
        The same seed gives the same images.

    Returns
    -------
    pixels : ndarray of uint8, shape (rows, 3072)
        The layout of CIFAR-10's files: the red, the green, then the blue plane.
    labels : ndarray of int, shape (rows,)
    """
    rng = np.random.RandomState(seed)
    labels = rng.permutation(np.arange(rows) % len(CLASS_NAMES))
    images = np.concatenate([draw(labels[i : i + CHUNK], rng) for i in range(0, rows, CHUNK)])
    return images.transpose(0, 3, 1, 2).reshape(rows, -1), labels


def make_standin(folder, rows=BATCH):
    """Write the stand-in as CIFAR-10's seven files, unless it exists.

    Parameters
    ----------
    folder : str or Path
        The folder to make, see `atomic_folder`.
    rows : int
        Images per file.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder exists, but lacks a batch.
    """
    folder = Path(os.path.expanduser(folder))
    if is_complete(folder):
        return folder
    print(f"drawing the stand-in into {folder}", flush=True)
    with atomic_folder(folder) as new:
        for seed, name in enumerate(BATCHES):
            pixels, labels = draw_batch(rows, seed)
            _write(new / name, {"batch_label": f"{MARK}: {name}", "labels": labels.tolist(), "data": pixels})
        _write(new / "batches.meta", {"num_cases_per_batch": rows, "label_names": list(CLASS_NAMES)})
    return folder


def _write(path, content):
    # NumPy 1 and 2 write different names of the same module, and both read the old name. With the
    # old name, the bytes are the same in both. Protocol 3 stores a name as a line of text. A line
    # can be replaced without changing a stored length.
    path.write_bytes(pickle.dumps(content, 3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray", 1))
