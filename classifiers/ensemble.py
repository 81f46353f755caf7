"""Ensembles and test-time augmentation in one net: mean scores of nets, mirror images or shifts.

The mean of the scores of n nets is exactly the score of one net with all their hidden units:

    W1 = [W1_1 ... W1_n]            b1 = [b1_1 ... b1_n]
    W2 = [W2_1; ...; W2_n] / n      b2 = mean of b2_1 ... b2_n

A net that first applies a linear map A to its input is also such a net: ``(X A) W1 = X (A W1)``.
Mirroring and shifting an image are linear maps. So the mean of the scores over mirror images and
shifts is again the score of one net with one hidden layer. The cost of `predict` is proportional to
the number of hidden units.
"""

import operator
from collections.abc import Iterable

import numpy as np

from checks import check_params
from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import IMAGE_SHAPE

CROSS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # no shift, and one pixel up, down, left and right


def average(nets: Iterable[TwoLayerNet]) -> TwoLayerNet:
    """Return one net whose scores are the mean of those of several nets.

    Parameters
    ----------
    nets : sequence of TwoLayerNet
        Nets with the same D and C. H may differ.

    Returns
    -------
    TwoLayerNet
        It has the hidden units of all nets. Its parameters are new arrays.

    Raises
    ------
    ValueError
        If there is no net, or if the nets differ in D or C.
    """
    nets = list(nets)
    if not nets:
        raise ValueError("nets must hold at least one net, got none")
    sizes = {(D, C) for D, _, C in (check_params(net.params) for net in nets)}
    if len(sizes) > 1:
        raise ValueError(f"nets must have the same numbers of inputs and classes, got {sorted(sizes)}")
    W1, b1, W2, b2 = ([net.params[name] for net in nets] for name in ("W1", "b1", "W2", "b2"))
    wide = {
        "W1": np.concatenate(W1, axis=1),
        "b1": np.concatenate(b1),
        "W2": np.concatenate(W2) / len(nets),
        "b2": np.mean(b2, axis=0),
    }
    return TwoLayerNet.from_params(wide, sorted({name for net in nets for name in getattr(net, "absorbed", ())}))


def mirrored(net: TwoLayerNet, shape: tuple[int, int, int] = IMAGE_SHAPE) -> TwoLayerNet:
    """Return one net whose scores are the mean of those for an image and for its mirror image.

    Parameters
    ----------
    net : TwoLayerNet
        D is the product of `shape`.
    shape : tuple of int
        Rows, columns and channels of an image.

    Returns
    -------
    TwoLayerNet
        It has twice as many hidden units. Its W1 is ``[W1, P W1]``. P reverses the columns of an
        image.
    """
    return average([net, _through(net, shape, lambda images: images[:, ::-1])])


def shifted(
    net: TwoLayerNet, shifts: Iterable[tuple[int, int]] = CROSS, shape: tuple[int, int, int] = IMAGE_SHAPE
) -> TwoLayerNet:
    """Return one net whose scores are the mean of those for shifted images.

    Pixels that come from outside the image are 0. If the mean is subtracted, 0 is the mean.

    Parameters
    ----------
    net : TwoLayerNet
        D is the product of `shape`.
    shifts : sequence of (int, int)
        Number of pixels by which the image moves down and right. (0, 0) is the image itself.
    shape : tuple of int
        Rows, columns and channels of an image.

    Returns
    -------
    TwoLayerNet
        Its number of hidden units is that of `net` times the number of shifts.
    """
    try:
        moves = [(operator.index(down), operator.index(right)) for down, right in shifts]
    except (TypeError, ValueError):
        raise TypeError(f"shifts must be pairs of whole numbers, got {shifts!r}") from None
    return average([_through(net, shape, lambda images, move=move: _shift(images, *move)) for move in moves])


def _shift(weights, down, right):
    """Shift weights (rows, columns, ...) back. This is equivalent to shifting the image."""
    # Pixels that stay in the image: row r moves to row r + down.
    rows, columns = (
        np.arange(max(-by, 0), min(n - by, n)) for by, n in zip((down, right), weights.shape[:2], strict=True)
    )
    out = np.zeros_like(weights)
    out[np.ix_(rows, columns)] = weights[np.ix_(rows + down, columns + right)]
    return out


def _through(net, shape, move):
    """Return a net that first applies a linear map to its images.

    `move` applies this map to W1 in the shape (rows, columns, ..., H).
    """
    W1 = net.params["W1"]
    if len(W1) != np.prod(shape):
        raise ValueError(f"shape must be that of an image of the net's {len(W1)} inputs, got {shape}")
    moved = {**net.params, "W1": move(W1.reshape(*shape, -1)).reshape(W1.shape)}
    return TwoLayerNet.from_params(moved, getattr(net, "absorbed", ()))
