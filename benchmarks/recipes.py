"""Recipes for nets with one hidden layer on CIFAR-10. Training takes a minute to an hour."""

import time
from typing import NamedTuple

import numpy as np

from classifiers.ensemble import average, mirrored, shifted
from classifiers.initial import local_weights
from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import Whitener, random_cutout, random_flip_shift
from classifiers.sgd import warm_cosine

IMAGE = (32, 32, 3)
BATCH = 200
DIRECTIONS = 800  # of 3072; they contain 0.99 of the variance of the whitened images

MODERN = dict(learning_rate=0.02, learning_rate_decay=1.0, momentum=0.9, schedule=warm_cosine)
# The std is sqrt(2 / 3072) (He et al., "Delving Deep into Rectifiers", 2015).
GLOBAL = dict(whiten=True, std=0.0255, max_shift=2, **MODERN)
LOCAL = dict(whiten=True, local=True, max_shift=2, reg=0.0, **MODERN)

# A recipe has the epochs, the hidden units of one net, whitening and augmentation of the images,
# the number of nets that become one, and arguments of `train`.
RECIPES = {
    "plain": dict(epochs=8, hidden_size=500, learning_rate=1e-3, reg=0.5),
    "short of 1.0": dict(epochs=12, hidden_size=1000, reg=0.0, **GLOBAL),
    "long of 1.0": dict(epochs=45, hidden_size=1500, reg=2e-4, dropout=0.1, **GLOBAL),
    "quick": dict(epochs=4, hidden_size=1000, **LOCAL),
    "short": dict(epochs=12, hidden_size=2000, **LOCAL),
    "long": dict(epochs=40, hidden_size=3000, cutout=11, **LOCAL),
    "record": dict(epochs=40, hidden_size=3000, cutout=11, nets=3, **LOCAL),
}


class Images(NamedTuple):
    """The six arrays of `get_CIFAR10_data`, plain and whitened, with the `Whitener`.

    `seconds` is the time of the whitening.
    """

    plain: tuple
    whitened: tuple = ()
    whiten: Whitener | None = None
    seconds: float = 0.0


def whiten_images(plain):
    """Return `Images`. The whitening is computed from the training images only."""
    start = time.perf_counter()
    whiten = Whitener(plain[0])
    whitened = tuple(whiten(array) if array.ndim == 2 else array for array in plain)
    return Images(plain, whitened, whiten, time.perf_counter() - start)


def train_net(recipe, images, seed):
    """Train one net.

    Parameters
    ----------
    recipe : dict
        One of `RECIPES`. Its number of nets is ignored: `accuracy.run_recipe` uses it.
    images : Images
        They must have whitened arrays if the recipe has ``whiten``.
    seed : int
        Seed of weights, batches, dropout and augmentation.

    Returns
    -------
    TwoLayerNet
        If the recipe has ``whiten``, the net is for whitened images.
    """
    given = dict(recipe)
    epochs, hidden_size, local = given.pop("epochs"), given.pop("hidden_size"), given.pop("local", False)
    X, y, X_val, y_val = (images.whitened if given.pop("whiten", False) else images.plain)[:4]
    vary = [random_flip_shift(given.pop("max_shift"), IMAGE)] if "max_shift" in given else []
    vary += [random_cutout(given.pop("cutout"), IMAGE)] if "cutout" in given else []
    std, _ = given.pop("std", np.sqrt(2 / hidden_size) if local else 1e-4), given.pop("nets", 1)
    rng = np.random.default_rng(seed)
    U = images.whiten.directions[:, :DIRECTIONS] if local else None  # (D, k)
    net = TwoLayerNet(X.shape[1] if U is None else U.shape[1], hidden_size, 10, std, dtype=np.float32, rng=rng)
    if local:
        net.params["W1"] = local_weights(hidden_size, images.whiten.variances[: U.shape[1]], U, shape=IMAGE, rng=rng)
        net.params["b1"] -= np.float32(0.5)  # a unit is then active for the images that fit it best
        X_val = X_val @ U

    def augment(X_batch, rng):
        for change in vary:
            X_batch = change(X_batch, rng)
        return X_batch if U is None else X_batch @ U

    num_iters = epochs * (len(X) // BATCH)
    net.train(
        X, y, X_val, y_val, num_iters=num_iters, batch_size=BATCH, augment=augment if vary else None, rng=rng, **given
    )  # fmt: skip
    if local:
        net.params["W1"] = U @ net.params["W1"]
    return net


def widen(nets, images):
    """Return one net for plain images: the mean over nets, mirror images and shifts.

    The given nets are for whitened images.
    """
    net = shifted(mirrored(average(nets), IMAGE), shape=IMAGE)
    images.whiten.absorb(net)
    return net
