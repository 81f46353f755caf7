"""Recipes for nets with one hidden layer on CIFAR-10. Training takes a minute to an hour."""

import time
from functools import cached_property
from typing import NamedTuple

import numpy as np

from classifiers.ensemble import average, mirrored, shifted
from classifiers.initial import local_weights
from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import IMAGE_SHAPE, Whitener, random_cutout, random_flip_shift
from classifiers.sgd import warm_cosine

BATCH = 200


class Recipe(NamedTuple):
    """Arguments of a training, see `train_net` and `build_net`."""

    epochs: int
    hidden_size: int  # of one net
    cutout: int = 0  # rows and columns of the hidden square in each training image
    nets: int = 1  # number of nets that become one
    local: bool = True  # whiten and vary the images, and start with local weights
    directions: int = 800  # of 3072; they contain 0.99 of the variance of the whitened images


RECIPES = {
    "plain": Recipe(epochs=8, hidden_size=500, local=False),
    "quick": Recipe(epochs=4, hidden_size=1000),
    "short": Recipe(epochs=12, hidden_size=2000),
    "long": Recipe(epochs=40, hidden_size=3000, cutout=11),
    "record": Recipe(epochs=40, hidden_size=3000, cutout=11, nets=3),
}


class Images:
    """The six arrays of `get_CIFAR10_data`, and the shape of an image."""

    def __init__(self, plain, shape=IMAGE_SHAPE):
        self.plain, self.shape = plain, shape

    @cached_property
    def whitened(self):
        """Whitener, whitened training and validation images, and seconds of the whitening."""
        start = time.perf_counter()
        whiten = Whitener(self.plain[0])
        X, X_val = whiten(self.plain[0]), whiten(self.plain[2])
        return whiten, X, X_val, time.perf_counter() - start


def train_net(recipe, images, seed):
    """Train one net. If the recipe has ``local``, it is for whitened images.

    The seed determines weights, batches and augmentation.
    """
    X, y, X_val, y_val = images.plain[:4]
    rng = np.random.default_rng(seed)
    length = dict(num_iters=recipe.epochs * (len(X) // BATCH), batch_size=BATCH, rng=rng)
    if not recipe.local:
        net = TwoLayerNet(X.shape[1], recipe.hidden_size, 10, dtype=np.float32, rng=rng)
        net.train(X, y, X_val, y_val, learning_rate=1e-3, reg=0.5, **length)
        return net
    whiten, X, X_val, _ = images.whitened
    U = whiten.directions[:, : recipe.directions]  # (D, k)
    k, H, shape = U.shape[1], recipe.hidden_size, images.shape
    net = TwoLayerNet(k, H, 10, np.sqrt(2 / H), dtype=np.float32, rng=rng)  # He's std for W2
    net.params["W1"] = local_weights(H, whiten.variances[:k], U, shape=shape, rng=rng)
    net.params["b1"] -= np.float32(0.5)  # a unit is then active for the images that fit it best
    flip_shift, cutout = random_flip_shift(2, shape), random_cutout(recipe.cutout, shape)

    def augment(X_batch, rng):
        X_batch = flip_shift(X_batch, rng)
        return (cutout(X_batch, rng) if recipe.cutout else X_batch) @ U

    net.train(
        X, y, X_val @ U, y_val, learning_rate=0.02, learning_rate_decay=1.0, reg=0.0, momentum=0.9,
        schedule=warm_cosine, augment=augment, **length,
    )  # fmt: skip
    net.params["W1"] = U @ net.params["W1"]
    return net


def build_net(recipe, nets, images):
    """Return one net for plain images from the nets of a recipe.

    If the recipe has ``local``, its scores are the mean over nets, mirror images and shifts.
    """
    net = average(nets)
    if recipe.local:
        net = shifted(mirrored(net, images.shape), shape=images.shape)
        images.whitened[0].absorb(net)
    return net
